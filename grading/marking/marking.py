"""Run a submission's answers, then every check; tell what passed, what failed and why."""

from __future__ import annotations

import ast
import json
import os
import random
import re
import secrets
import select
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grading.authoring.sets import Check, Exercise, ExerciseSet
from grading.marking import sandbox
from grading.marking.sandbox import Limits

USUAL = Limits()
NOT_GRADED = "Not graded: a person has to look at this submission."
LONGEST_REPLY = 1_000_000  # bytes; an honest reply is far below
START_SECONDS = 60  # for Python to start and the set's imports, on a machine that is busy
LONGEST_NAP = 0.2  # seconds; so soon does the grader notice that it is to stop

# What no answer needs, and what attempts to deceive checks cannot do without. Such an answer keeps
# its points; the lecturer is told to read it.
SUSPECT = re.compile(
    r"\b(__array_\w+__|__builtins__|__code__|__eq__|__globals__|__main__|__subclasses__|_exit|_getframe"
    r"|builtins|ctypes|eval|exec|f_back|f_locals|gc|multiprocessing|setprofile|settrace|socket"
    r"|subprocess|sys\.modules|tb_frame)\b"
)


@dataclass(frozen=True)
class Outcome:
    """What a check found; `kind` is "passed", "failed", "error", "unanswered" or "stopped"."""

    passed: bool
    kind: str
    message: str = ""


@dataclass
class Marks:
    """All outcomes of one submission, by exercise and check, and what a person should look at."""

    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def points(self, exercise: Exercise) -> int:
        """Points of an exercise."""
        return sum(c.points for c in exercise.checks if self.outcomes[exercise.id, c.id].passed)

    def total(self, exercise_set: ExerciseSet) -> int:
        """Points of all exercises that checks mark."""
        return sum(self.points(exercise) for exercise in exercise_set.exercises)

    def give_nothing(self, exercise_set: ExerciseSet, why: str) -> None:
        """Fail every check for the same reason."""
        for exercise in exercise_set.exercises:
            for check in exercise.checks:
                self.outcomes[exercise.id, check.id] = Outcome(False, "stopped", why)

    def failed(self) -> set[tuple[str, str]]:
        """Which checks gave no points."""
        return {which for which, outcome in self.outcomes.items() if not outcome.passed}


@dataclass(frozen=True)
class StudentCell:
    """A code cell of the student's: an exercise's answer, or one that was added."""

    code: str
    is_answer: bool = True


# What a student wrote: for every exercise's id, the cells to run before its checks, in order.
Answers = dict[str, list[StudentCell]]


class Stopped(Exception):
    """The worker ended or was ended; the message says why, to the student."""


class Forged(Exception):
    """The worker sent something that it was not asked for."""


class Cancelled(Exception):
    """The lecturer has interrupted the grader."""


class Worker:
    """A worker process, asked one thing at a time."""

    def __init__(self, limits: Limits, scratch: Path, cancelled: threading.Event) -> None:
        self.process, self.requests, self.replies = sandbox.start(limits, scratch)
        os.set_blocking(self.requests, False)
        self.cancelled = cancelled
        self.unread = b""

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        sandbox.end(self.process)
        for pipe in (self.requests, self.replies):
            os.close(pipe)

    def ask(self, request: Mapping[str, object], seconds: float) -> dict:
        """Send a request and wait for its answer."""
        token = secrets.token_hex(16)
        deadline = time.monotonic() + seconds
        try:
            self.send(json.dumps({**request, "token": token}).encode() + b"\n", deadline)
        except BrokenPipeError:
            raise Stopped(self.reason()) from None
        reply = self.read_line(deadline)
        try:
            answer = json.loads(reply)
        except ValueError:
            raise Forged from None
        if not isinstance(answer, dict) or answer.get("token") != token or self.unread:
            raise Forged
        return answer

    def send(self, data: bytes, deadline: float) -> None:
        """Write all of the data; a worker that does not read it in time does not keep us."""
        while data:
            self.wait([], [self.requests], deadline)
            data = data[os.write(self.requests, data[:4096]) :]

    def read_line(self, deadline: float) -> bytes:
        """The next line of the worker's, if it comes in time."""
        while b"\n" not in self.unread:
            self.wait([self.replies], [], deadline)
            piece = os.read(self.replies, 65536)
            if not piece:
                raise Stopped(self.reason())
            self.unread += piece
            if len(self.unread) > LONGEST_REPLY:
                raise Forged
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def wait(self, reading: list[int], writing: list[int], deadline: float) -> None:
        """Wait until a pipe is ready."""
        while not any(select.select(reading, writing, [], LONGEST_NAP)):
            if self.cancelled.is_set():
                raise Cancelled
            if time.monotonic() > deadline:
                raise Stopped("it ran for too long; look for a loop that does not end")

    def reason(self) -> str:
        """Why the process is no longer there."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed the connection to the grader"
        if code < 0 or code > 128:
            signal_number = -code if code < 0 else code - 128
            return f"it made Python crash (signal {signal_number}), or took too much memory"
        return f"it ended Python itself (exit code {code}); an answer must not call exit"


# --- a whole submission ---


def mark(
    exercise_set: ExerciseSet,
    answers: Answers,
    limits: Limits = USUAL,
    cancelled: threading.Event | None = None,
) -> Marks:
    """Run the answers and every check of a set.

    Where a cell ends the worker, a new one goes on without that cell; so an endless loop in one
    exercise costs that exercise only.
    """
    marking = Marking(exercise_set, answers, limits, cancelled or threading.Event())
    return marking.finish()


class Marking:
    """One submission on its way: what is known so far, and what is left out from now on."""

    def __init__(
        self,
        exercise_set: ExerciseSet,
        answers: Answers,
        limits: Limits,
        cancelled: threading.Event,
    ) -> None:
        self.set = exercise_set
        self.answers = answers
        self.limits = limits
        self.cancelled = cancelled
        self.left = limits.all_seconds  # what answers have not used; starting a worker is free
        self.marks = Marks()
        self.stopped: set[tuple[str, int]] = set()  # the student's cells that ended the worker
        self.errors: dict[str, str] = {}  # what an exercise's own cell raised
        self.last_cell: tuple[str, int] | None = None  # the student's cell that ran last
        self.waiting: set[str] = set()  # exercises whose checks come last: one has taken too long

    def finish(self) -> Marks:
        """Start workers until every check is decided."""
        self.name_suspects()
        while True:
            known = (len(self.marks.outcomes), len(self.stopped))
            try:
                self.one_worker()
            except Stopped as why:
                if known == (len(self.marks.outcomes), len(self.stopped)):
                    self.give_up_the_rest(str(why))
            except Forged:
                self.give_up("the answers sent results of their own to the grader")
                return self.marks
            if not self.undecided():
                return self.marks

    def one_worker(self) -> None:
        """Decide as much as can be with one worker; what takes too long waits for the others."""
        with (
            tempfile.TemporaryDirectory(prefix="grading-", ignore_cleanup_errors=True) as scratch,
            Worker(self.limits, Path(scratch), self.cancelled) as worker,
        ):
            self.last_cell = None
            self.run_ours(worker, "setup", self.set.setup)
            self.go_on(worker)
            self.waiting.clear()  # all else is decided: now is the time for these

    def go_on(self, worker: Worker) -> None:
        """After the setup, run all that is not decided yet; stops where the worker does."""
        before = self.set.setup
        for exercise in self.set.exercises:
            given = "\n\n".join(exercise.given)
            if given:
                self.run_ours(worker, "student", given)
                before += "\n\n" + given
            self.run_cells(worker, exercise)
            if exercise.id not in self.waiting:
                self.run_checks(worker, exercise, before)

    def undecided(self) -> list[tuple[Exercise, Check]]:
        """The checks that are still to come."""
        return [
            (exercise, check)
            for exercise in self.set.exercises
            for check in exercise.checks
            if (exercise.id, check.id) not in self.marks.outcomes
        ]

    def run_ours(self, worker: Worker, kind: str, code: str) -> None:
        """Run code of the set's own; where that ends, the cell before it has left something."""
        try:
            self.ask(worker, {"kind": kind, "code": code})
        except Stopped as why:
            if self.last_cell:
                self.stopped.add(self.last_cell)
                self.errors[self.last_cell[0]] = str(why)
            raise

    def run_cells(self, worker: Worker, exercise: Exercise) -> None:
        """Run the student's cells that belong before an exercise's checks."""
        for k, cell in enumerate(self.answers[exercise.id]):
            if (exercise.id, k) in self.stopped:
                continue
            try:
                error = self.ask(worker, {"kind": "student", "code": cell.code})["error"]
            except Stopped as why:
                self.stopped.add((exercise.id, k))
                self.errors[exercise.id] = str(why)
                raise
            self.last_cell = (exercise.id, k)
            if error and cell.is_answer:
                self.errors[exercise.id] = described(error)

    def run_checks(self, worker: Worker, exercise: Exercise, before: str) -> None:
        """Decide all checks of an exercise, and try the worker with one that nobody can pass."""
        passed = []
        for check in exercise.checks:
            if (exercise.id, check.id) not in self.marks.outcomes:
                self.run_check(worker, exercise, check, before)
                passed += [check] if self.marks.outcomes[exercise.id, check.id].passed else []
        if passed:
            self.prove(worker, exercise, random.choice(passed), before)

    def prove(self, worker: Worker, exercise: Exercise, check: Check, before: str) -> None:
        """Make sure that a check which must fail does so, in all else like the one that passed."""
        word = secrets.token_hex(4)
        code = f"{check.code}\nassert {word!r} == {word[::-1] + 'x'!r}, {word!r}"
        if self.ask_check(worker, exercise, check, code, before)["passed"]:
            raise Forged

    def run_check(self, worker: Worker, exercise: Exercise, check: Check, before: str) -> None:
        """Decide one check."""
        reply = self.ask_check(worker, exercise, check, check.code, before)
        self.marks.outcomes[exercise.id, check.id] = self.outcome(exercise, reply)
        if reply["replaced"]:
            names = ", ".join(reply["replaced"][:5])
            self.note(f"the answers replaced {names}; checks ran with the originals")

    def ask_check(
        self, worker: Worker, exercise: Exercise, check: Check, code: str, before: str
    ) -> dict:
        """Run a check; it gives nothing where that ends the worker, and the next ones wait."""
        try:
            return self.ask(worker, request_for(exercise, code, before))
        except Stopped as why:
            message = f"Your answer was stopped: {why}."
            self.marks.outcomes[exercise.id, check.id] = Outcome(False, "stopped", message)
            self.waiting.add(exercise.id)
            raise

    def outcome(self, exercise: Exercise, reply: dict) -> Outcome:
        """What a reply means, in words for the student."""
        raised = self.errors.get(exercise.id)
        if reply["passed"]:
            return Outcome(True, "passed")
        if reply["missing"]:
            names = " and ".join(f"`{name}`" for name in reply["missing"])
            if not any(cell.is_answer for cell in self.answers[exercise.id]):
                return Outcome(False, "unanswered", "No answer to this exercise was found.")
            why = f"the answer cell did not finish: {raised}" if raised else "no cell defines it"
            verb = "are" if len(reply["missing"]) > 1 else "is"
            return Outcome(False, "error", f"{names} {verb} not there; {why}.")
        error = reply["error"]
        if error["type"] == "NotImplementedError":
            return Outcome(False, "unanswered", "Not answered yet.")
        if error["type"] == "AssertionError" and not error["place"]:
            return Outcome(False, "failed", error["message"])
        if error["place"]:
            return Outcome(False, "error", f"Your code raised {described(error)}.")
        return Outcome(False, "error", f"The check could not use your answer: {described(error)}.")

    def ask(self, worker: Worker, request: Mapping[str, object]) -> dict:
        """Ask the worker, in what is left of the time; a submission without time left is over."""
        if request["kind"] == "setup":
            return worker.ask(request, START_SECONDS)
        if self.left <= 0:
            return self.out_of_time(request)
        begun = time.monotonic()
        try:
            return worker.ask(request, min(self.limits.cell_seconds, self.left))
        finally:
            self.left -= time.monotonic() - begun

    def out_of_time(self, request: Mapping[str, object]) -> dict:
        """The reply to anything that comes after the last second."""
        seconds = self.limits.all_seconds
        error = {
            "type": "TimeoutError",
            "message": f"all cells together took over {seconds:.0f} seconds",
            "place": "",
        }
        return {"passed": False, "missing": [], "replaced": [], "error": error}

    def give_up(self, why: str) -> None:
        """No points at all, and a note: a person has to look."""
        self.note(why)
        self.marks.give_nothing(self.set, NOT_GRADED)

    def give_up_the_rest(self, why: str) -> None:
        """No points for what cannot be decided."""
        self.note(f"a person has to look: before any answer could run, {why}")
        for exercise, check in self.undecided():
            self.marks.outcomes[exercise.id, check.id] = Outcome(False, "stopped", NOT_GRADED)

    def name_suspects(self) -> None:
        """Point out answers that use what no answer needs."""
        for exercise, cells in self.answers.items():
            used = {name for cell in cells for name in SUSPECT.findall(cell.code)}
            if used:
                self.note(f"read {exercise}: it uses {', '.join(sorted(used))}")

    def note(self, text: str) -> None:
        """Tell the lecturer once."""
        if text not in self.marks.notes:
            self.marks.notes.append(text)


def request_for(exercise: Exercise, code: str, before: str) -> dict[str, object]:
    """What a worker is asked for a check, which needs no other names than those it uses."""
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
    names = [name for name in exercise.names if name in used]
    return {"kind": "check", "code": code, "before": before, "names": names}


def described(error: Mapping[str, str]) -> str:
    """An error with its message and its place."""
    text = f"{error['type']}: {error['message']}" if error["message"] else error["type"]
    return f"{text} ({error['place']})" if error["place"] else text


def reference(exercise_set: ExerciseSet) -> Answers:
    """The set's own solutions as a submission."""
    return {exercise.id: [StudentCell(exercise.solution)] for exercise in exercise_set.exercises}


def untouched(exercise_set: ExerciseSet) -> Answers:
    """The notebook as students get it, handed in as it is."""
    return {exercise.id: [StudentCell(exercise.stub)] for exercise in exercise_set.exercises}
