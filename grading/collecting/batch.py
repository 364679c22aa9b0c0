"""Mark a pile: each submission in a process of its own, its marks on disk as soon as it is done."""

import contextlib
import faulthandler
import functools
import hashlib
import json
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, astuple
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from grading.authoring.sets import ExerciseSet
from grading.collecting.collect import Submission
from grading.marking import sandbox
from grading.marking.marking import NOT_GRADED, Answers, Marks, Outcome, mark
from grading.marking.sandbox import Limits

MARKING = Path(sandbox.__file__).parent
KEPT_FILE = ".marks.jsonl"
MOST_MEMORY = 1024**3  # bytes that checks may take, beside what is imported; they need a tenth
STARTS = 300  # seconds beside those of answers, for processes to start
UNREADABLE = "The notebook could not be read."


def mark_all(
    submissions: Sequence[Submission],
    exercise_set: ExerciseSet,
    limits: Limits,
    workers: int,
    kept: Path,
    done: Callable[[int], object],
    again: bool = False,
    marker: Callable[..., Marks] = mark,  # called with set, answers and limits
) -> tuple[list[Marks], int]:
    """Everybody's marks, and how many submissions ran; what one does has no effect on another.

    Marks that `kept` holds are taken from there, unless all is to run again. `done` is called with
    numbers of submissions. An interruption ends at once those that run.
    """
    all_answers = [submission.answers for submission in submissions]
    keys = keys_of(all_answers, exercise_set, limits)
    known = {} if again else read_kept(kept)
    unread = nothing(exercise_set, UNREADABLE)
    known |= {key: unread for key, a in zip(keys, all_answers, strict=True) if a is None}
    todo = {key: a for key, a in zip(keys, all_answers, strict=True) if a and key not in known}
    number = Counter(keys)
    to_run = sum(number[key] for key in todo)
    done(len(keys) - to_run)
    with contextlib.closing(each_marked(todo, exercise_set, limits, workers, marker)) as finished:
        for key, found in finished:
            if isinstance(found, Marks):
                keep(kept, key, found)
            known[key] = marks_in(found, exercise_set)
            done(number[key])
    return [known[key] for key in keys], to_run


def mark_apart(exercise_set: ExerciseSet, answers: Answers, limits: Limits) -> Marks:
    """One submission's marks, by a process of its own: nothing can keep it, or fill this one."""
    [(_, found)] = each_marked({"": answers}, exercise_set, limits)
    return marks_in(found, exercise_set)


def marks_in(found: Marks | str, exercise_set: ExerciseSet) -> Marks:
    """What a process has found, or nothing and the reason why."""
    if isinstance(found, Marks):
        return found
    return nothing(exercise_set, NOT_GRADED, f"the grader failed: {found}")


def nothing(exercise_set: ExerciseSet, why: str, *notes: str) -> Marks:
    """No points anywhere."""
    marks = Marks(notes=list(notes))
    marks.give_nothing(exercise_set, why)
    return marks


def each_marked(
    todo: Mapping[str, Answers],
    exercise_set: ExerciseSet,
    limits: Limits,
    workers: int = 1,
    marker: Callable[..., Marks] = mark,
) -> Generator[tuple[str, Marks | str], None, None]:
    """Yield marks as they are finished, or why there are none.

    A process that ends without a word costs its own submission alone: after a second attempt, if
    a signal ended it, as the system sends where memory is short; at once, if it took too long.
    """
    marks_of = functools.partial(marker, exercise_set, limits=limits)
    seconds = limits.all_seconds + STARTS
    # Linux imports once for everybody; elsewhere NumPy must not be loaded before a fork.
    context = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
    context.set_forkserver_preload([__name__, "mbgd_lib"])
    waiting, ended = deque(todo), set()
    running: dict[Connection, tuple[str, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                key = waiting.popleft()
                reader, writer = context.Pipe(duplex=False)
                what = (writer, marks_of, todo[key], seconds)
                process = context.Process(target=send_marks, args=what, daemon=True)
                process.start()
                writer.close()
                running[reader] = key, process
            for reader in wait(list(running)):
                key, process = running.pop(reader)
                found = None
                with reader, contextlib.suppress(EOFError, OSError):
                    found = reader.recv()
                process.join()
                if found is None and process.exitcode < 0 and key not in ended:
                    ended.add(key)
                    waiting.append(key)
                else:
                    often = "twice" if key in ended else f"perhaps after {seconds:.0f} seconds"
                    yield key, found or f"its process ended, {often}"
    finally:
        for _, process in running.values():
            process.terminate()
        for _, process in running.values():
            process.join()


def send_marks(
    writer: Connection, marks_of: Callable[[Answers], Marks], answers: Answers, seconds: float
) -> None:
    """Mark in a process of its own; a fault of the grader's costs this submission alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the grader, which ends this
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was begun is cleaned up
    threading.Thread(target=end_with_grader, daemon=True).start()
    # What an answer gives to a check must neither fill the machine nor keep a check for ever.
    import resource  # not there on Windows, where pages can be made

    most = psutil.Process().memory_info().vms + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__)
    try:
        writer.send(marks_of(answers))
    except Exception as error:
        writer.send(f"{type(error).__name__}: {error}")


def end_with_grader() -> None:
    """End this process where the grader has been ended, by whatever means."""
    grader = multiprocessing.parent_process()
    if grader:
        wait([grader.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def keys_of(
    all_answers: Sequence[Answers | None], exercise_set: ExerciseSet, limits: Limits
) -> list[str]:
    """A word for all that each one's marks depend on: answers, set, variant, limits, grader."""
    code = [path.read_text(encoding="utf-8") for path in sorted(MARKING.glob("*.py"))]
    same = json.dumps([asdict(exercise_set), asdict(limits), code], default=sorted)
    texts = (same + json.dumps(answers, default=asdict) for answers in all_answers)
    return [hashlib.sha256(text.encode()).hexdigest() for text in texts]


def keep(path: Path, key: str, marks: Marks) -> None:
    """Add marks to a file; the line begins anew, since the last one may be half a line."""
    outcomes = [[*which, *astuple(outcome)] for which, outcome in marks.outcomes.items()]
    line = json.dumps({"key": key, "outcomes": outcomes, "notes": marks.notes})
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
        file.flush()
        os.fsync(file.fileno())


def read_kept(path: Path) -> dict[str, Marks]:
    """All marks that were kept, but for lines that are not whole."""
    found = {}
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    for line in text.split("\n"):
        with contextlib.suppress(ValueError, TypeError, KeyError):
            entry = json.loads(line)
            outcomes = {(e, c): Outcome(*rest) for e, c, *rest in entry["outcomes"]}
            found[entry["key"]] = Marks(outcomes, entry["notes"])
    return found
