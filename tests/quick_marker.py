"""A marker that runs nothing, in a module that processes import quickly."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from grading.marking.marking import Marks, Outcome


def quick(folder: Path, exercise_set, answers, limits) -> Marks:
    """Marks that follow from an answer's text; a file in the folder for every run."""
    text = answers["half"][0].code
    runs = folder / text.split()[1]
    with runs.open("a") as file:
        file.write("x")
    if text.startswith("kills") or (text.startswith("stumbles") and runs.stat().st_size == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if text.startswith("hangs"):
        time.sleep(60)
    if text.startswith("raises"):
        raise MemoryError(text)
    marks = Marks(notes=[f"read {text}"] if text.startswith("odd") else [])
    for exercise in exercise_set.exercises:
        for k, check in enumerate(exercise.checks):
            passed = text.startswith("right") or k == 0
            found = Outcome(passed, "passed" if passed else "failed", "" if passed else text)
            marks.outcomes[exercise.id, check.id] = found
    return marks
