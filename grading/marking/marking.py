"""Run a submission's answers, then every check; tell what passed, what failed and why.

Answers run in a worker; checks run here, and reach the answers through a `Door`.
"""

from __future__ import annotations

import ast
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from grading.authoring.sets import Check, Exercise, ExerciseSet
from grading.marking.door import AnswerError, Door, Stopped
from grading.marking.sandbox import Limits
from grading.marking.worker import MOST_MESSAGE

USUAL = Limits()
NOT_GRADED = "Not graded: a person has to look at this submission."
START_SECONDS = 60  # for Python to start and the set's imports, on a machine that is busy


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
        """Fail every check that is not decided yet, for the same reason."""
        for exercise in exercise_set.exercises:
            for check in exercise.checks:
                self.outcomes.setdefault((exercise.id, check.id), Outcome(False, "stopped", why))


@dataclass(frozen=True)
class StudentCell:
    """A code cell of the student's: an exercise's answer, or one that was added."""

    code: str
    is_answer: bool = True


# What a student wrote: for every exercise's id, the cells to run before its checks, in order.
Answers = dict[str, list[StudentCell]]


def mark(exercise_set: ExerciseSet, answers: Answers, limits: Limits = USUAL) -> Marks:
    """Run the answers and every check of a set, in this process' main thread.

    Where a cell ends the worker, a new one goes on without that cell; so an endless loop in one
    exercise costs that exercise only.
    """
    return Marking(exercise_set, answers, limits).finish()


class Marking:
    """One submission on its way: what is known so far, and what is left out from now on."""

    def __init__(self, exercise_set: ExerciseSet, answers: Answers, limits: Limits) -> None:
        self.set = exercise_set
        self.answers = answers
        self.limits = limits
        self.left = limits.all_seconds  # what answers have not used; starting a worker is free
        self.marks = Marks()
        self.stopped: set[tuple[str, int]] = set()  # the student's cells that ended the worker
        self.errors: dict[str, str] = {}  # what an exercise's own cell raised
        self.last_cell: tuple[str, int] | None = None  # the student's cell that ran last
        self.waiting: set[str] = set()  # exercises whose checks come last: one has taken too long

    def finish(self) -> Marks:
        """Start workers until every check is decided."""
        for _ in range(self.limits.starts):
            known = (len(self.marks.outcomes), len(self.stopped))
            try:
                self.one_worker()
            except OutOfTime as why:
                self.marks.give_nothing(self.set, f"Not run: {why}.")
            except Stopped as why:
                if known == (len(self.marks.outcomes), len(self.stopped)):
                    if not self.last_cell:
                        note = f"a person has to look: before any answer could run, {why}"
                        self.marks.notes.append(note)
                        break
                    self.stop(self.last_cell, why)  # it has left something that ends given code
            if len(self.marks.outcomes) == sum(len(e.checks) for e in self.set.exercises):
                return self.marks
        else:
            note = f"answers ended Python {self.limits.starts} times; the rest was not run"
            self.marks.notes.append(note)
        self.marks.give_nothing(self.set, NOT_GRADED)
        return self.marks

    def one_worker(self) -> None:
        """Decide as much as can be with one worker; what takes too long waits for the others."""
        with (
            tempfile.TemporaryDirectory(prefix="grading-", ignore_cleanup_errors=True) as scratch,
            Door(self.limits, Path(scratch)) as door,
        ):
            self.last_cell = None
            with door.watched(START_SECONDS):
                door.run(self.set.setup)
            self.go_on(door)
            self.waiting.clear()  # all else is decided: now is the time for these

    def go_on(self, door: Door) -> None:
        """After the setup, run all that is not decided yet; stops where the worker does."""
        before = self.set.setup
        for exercise in self.set.exercises:
            if exercise.given:
                with self.timed(door):
                    door.run(exercise.given)
                before += "\n\n" + exercise.given
            self.run_cells(door, exercise)
            for check in exercise.checks:
                which = exercise.id, check.id
                if which not in self.marks.outcomes and exercise.id not in self.waiting:
                    self.marks.outcomes[which] = self.run_check(door, exercise, check, before)

    def stop(self, cell: tuple[str, int], why: Stopped) -> None:
        """Leave a cell of the student's out from now on."""
        self.stopped.add(cell)
        self.errors[cell[0]] = str(why)

    @contextmanager
    def timed(self, door: Door) -> Iterator[None]:
        """Take the time for one thing from that of all; a submission without any left is over."""
        if self.left <= 0:
            raise OutOfTime(f"all cells together took over {self.limits.all_seconds:.0f} seconds")
        begun = door.clock()
        try:
            with door.watched(min(self.limits.cell_seconds, self.left)):
                yield
        finally:
            self.left -= (door.clock() - begun).max()

    def run_cells(self, door: Door, exercise: Exercise) -> None:
        """Run the student's cells that belong before an exercise's checks."""
        for k, cell in enumerate(self.answers[exercise.id]):
            if (exercise.id, k) in self.stopped:
                continue
            try:
                with self.timed(door):
                    error = door.run(cell.code)
            except Stopped as why:
                self.stop((exercise.id, k), why)
                raise
            self.last_cell = (exercise.id, k)
            if error and cell.is_answer:
                self.errors[exercise.id] = str(error)

    def run_check(self, door: Door, exercise: Exercise, check: Check, before: str) -> Outcome:
        """Decide one check; it gives nothing where that ends the worker, and the next ones wait."""
        try:
            with self.timed(door):
                door.writes_back = check.in_place
                return self.outcome(door, exercise, check, before)
        except Stopped as why:
            message = f"Your answer was stopped: {why}."
            self.marks.outcomes[exercise.id, check.id] = Outcome(False, "stopped", message)
            self.waiting.add(exercise.id)
            raise

    def outcome(self, door: Door, exercise: Exercise, check: Check, before: str) -> Outcome:
        """Run a check in a namespace of its own, and say what that means in words for students.

        The namespace holds the set's setup and given code, run afresh, and of the student's names
        those that the check uses.
        """
        names = names_for(exercise, check)
        namespace: dict[str, Any] = {"__name__": "check"}
        try:
            exec(compile(before, "<given>", "exec"), namespace)
            answers = door.look_up(names, classes_in(exercise.stub))
            missing = [name for name in names if name not in answers]
            if missing:
                return self.missing(exercise, missing)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                exec(compile(check.code, "<check>", "exec"), {**namespace, **answers})
        except AnswerError as error:
            if error.type == "NotImplementedError":
                return Outcome(False, "unanswered", "Not answered yet.")
            return Outcome(False, "error", f"Your code raised {error}."[:MOST_MESSAGE])
        except AssertionError as error:
            return Outcome(False, "failed", str(error)[:MOST_MESSAGE])
        except Exception as error:
            why = f"{type(error).__name__}: {error}"[:MOST_MESSAGE]
            return Outcome(False, "error", f"The check could not use your answer: {why}.")
        return Outcome(True, "passed")

    def missing(self, exercise: Exercise, missing: list[str]) -> Outcome:
        """What to say where names are not there."""
        if not any(cell.is_answer for cell in self.answers[exercise.id]):
            return Outcome(False, "unanswered", "No answer to this exercise was found.")
        raised = self.errors.get(exercise.id)
        why = f"the answer cell did not finish: {raised}" if raised else "no cell defines it"
        verb = "are" if len(missing) > 1 else "is"
        names = " and ".join(f"`{name}`" for name in missing)
        return Outcome(False, "error", f"{names} {verb} not there; {why}.")


class OutOfTime(Exception):
    """A submission has used all its seconds."""


def names_for(exercise: Exercise, check: Check) -> list[str]:
    """The student's names that a check uses: it needs no others to be there."""
    used = {node.id for node in ast.walk(ast.parse(check.code)) if isinstance(node, ast.Name)}
    return [name for name in exercise.names if name in used]


def classes_in(code: str) -> list[str]:
    """The names of the classes that code defines."""
    return [node.name for node in ast.parse(code).body if isinstance(node, ast.ClassDef)]


def reference(exercise_set: ExerciseSet) -> Answers:
    """The set's own solutions as a submission."""
    return {exercise.id: [StudentCell(exercise.solution)] for exercise in exercise_set.exercises}


def untouched(exercise_set: ExerciseSet) -> Answers:
    """The notebook as students get it, handed in as it is."""
    return {exercise.id: [StudentCell(exercise.stub)] for exercise in exercise_set.exercises}
