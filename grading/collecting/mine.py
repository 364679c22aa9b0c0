"""What who learns alone gets: every check of a set, run on the notebook in the practice folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grading.authoring.sets import ExerciseSet
from grading.collecting.files import SubmissionsError
from grading.collecting.one import grade_one
from grading.marking.sandbox import Limits

MISSED = "✗"
SIGNS = {"passed": "✓", "unanswered": "·"}


def check_mine(exercise_set: ExerciseSet, path: Path) -> Iterator[str]:
    """Run all checks on a notebook and yield what to print, a line each.

    Raises
    ------
    SubmissionsError
        If there is no such notebook, or none that can be read.
    """
    if not path.is_file():
        raise SubmissionsError(f"there is no {path}: `make lab` puts it there")
    graded = grade_one(path, exercise_set, Limits(), is_own=True)
    if graded["problem"]:
        raise SubmissionsError(f"{path}: {graded['problem']}")
    for number, exercise in enumerate(graded["exercises"], 1):
        yield f"{number}. {exercise['title']}: {exercise['points']} of {exercise['of']} points"
        for check in graded["checks"]:
            if check["exercise"] == exercise["id"]:
                sign = SIGNS.get(check["kind"], MISSED)
                yield f"   {sign} {check['about']}"
                if sign == MISSED and check["message"]:
                    yield f"     {check['message']}"
    yield f"{graded['points']} of {graded['of']} points."
    yield "The project has no checks: its rubric is for people."
