"""What who learns alone gets: every check of a set, run on the notebook in the practice folder."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from grading.authoring.sets import ExerciseSet
from grading.collecting.answers import rebuild
from grading.collecting.files import File, SubmissionsError
from grading.marking.marking import Marks, mark
from grading.marking.sandbox import Limits

PASSED, MISSED, OPEN = "✓", "✗", "·"


def check_mine(exercise_set: ExerciseSet, path: Path) -> Iterator[str]:
    """Run all checks on a notebook and yield what to print, a line each.

    Raises
    ------
    SubmissionsError
        If there is no such notebook, or none that can be read.
    """
    if not path.is_file():
        raise SubmissionsError(f"there is no {path}: `make lab` puts it there")
    rebuilt = rebuild(File((path.name,), datetime.now(), path.read_bytes()), exercise_set)
    if rebuilt.answers is None:
        raise SubmissionsError(f"{path}: {'; '.join(rebuilt.notes)}")
    yield from lines(exercise_set, mark(exercise_set, rebuilt.answers, Limits()))


def lines(exercise_set: ExerciseSet, marks: Marks) -> Iterator[str]:
    """Yield each exercise with its points, and its checks with what they found."""
    for number, exercise in enumerate(exercise_set.exercises, 1):
        yield f"{number}. {exercise.title}: {marks.points(exercise)} of {exercise.points} points"
        for check in exercise.checks:
            outcome = marks.outcomes[exercise.id, check.id]
            sign = {"passed": PASSED, "unanswered": OPEN}.get(outcome.kind, MISSED)
            yield f"   {sign} {check.about}"
            if sign == MISSED and outcome.message:
                yield f"     {outcome.message}"
    yield f"{marks.total(exercise_set)} of {exercise_set.points} points."
    yield "The project has no checks: its rubric is for people."
