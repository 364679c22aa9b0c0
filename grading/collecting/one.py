"""One person's notebook, graded to plain data that other systems, or its author, can read."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from grading.authoring.sets import ExerciseSet
from grading.collecting.batch import mark_apart, nothing
from grading.collecting.collect import Submission, best, rebuilt_from
from grading.collecting.files import SubmissionsError, files_in
from grading.collecting.owners import Owner
from grading.collecting.text import on_page
from grading.marking.marking import Answers, Marks
from grading.marking.sandbox import Limits

NOTHING = "no notebook (.ipynb) was handed in"
SIGNS = {"passed": "✓", "unanswered": "·"}
MISSED = "✗"
AS_TEXT = {"name_format": "text", "output_format": "text"}  # Gradescope escapes it


def grade_one(
    path: Path, exercise_set: ExerciseSet, limits: Limits, is_own: bool = False
) -> dict[str, Any]:
    """Grade a notebook, or the best one in a folder that holds a single person's files.

    To whom it is their own, with all checks in sight, one run of the answers is enough.
    """
    if not path.exists():
        raise SubmissionsError(f"the notebook must be a file, or a folder with one; got {path}")
    found, _ = rebuilt_from(files_in(path), exercise_set)
    one = best(Owner(""), found) if found else Submission("", "", "", None, [NOTHING])
    problem = "" if one.answers else "; ".join(one.notes)
    if one.answers:
        marks = (mark_apart if is_own else marks_of)(exercise_set, one.answers, limits)
    else:
        marks = nothing(exercise_set, problem)
    exercises = [
        {"id": e.id, "title": e.title, "points": marks.points(e), "of": e.points}
        for e in exercise_set.exercises
    ]
    checks = [
        {
            **{"exercise": e.id, "id": check.id, "about": check.about, "hidden": check.hidden},
            **{"passed": outcome.passed, "kind": outcome.kind, "message": on_page(outcome.message)},
            **{"points": check.points * outcome.passed, "of": check.points},
        }
        for e in exercise_set.exercises
        for check in e.checks
        for outcome in [marks.outcomes[e.id, check.id]]
    ]
    return {
        "set": exercise_set.name,
        "variant": exercise_set.variant,
        "file": one.origin,
        "problem": problem,
        "points": marks.total(exercise_set),
        "of": exercise_set.points,
        "exercises": exercises,
        "checks": checks,
        "notes": [on_page(note) for note in one.notes + marks.notes],
    }


def marks_of(exercise_set: ExerciseSet, answers: Answers, limits: Limits) -> Marks:
    """Marks by two processes: what students read at once comes from one without hidden checks.

    In the same process a hidden check's data could be kept, and told by a message.
    """
    marks = Marks()
    for hidden in (False, True):
        exercises = tuple(
            replace(e, checks=tuple(check for check in e.checks if check.hidden == hidden))
            for e in exercise_set.exercises
        )
        found = mark_apart(replace(exercise_set, exercises=exercises), answers, limits)
        marks.outcomes |= found.outcomes
        marks.notes += [note for note in found.notes if note not in marks.notes]
    return marks


def for_gradescope(graded: dict[str, Any]) -> dict[str, Any]:
    """Gradescope's results.json; hidden checks show once grades are published."""
    titles = {exercise["id"]: exercise["title"] for exercise in graded["exercises"]}
    tests = [
        {
            "name": f"{titles[check['exercise']]}: {check['about']}",
            "score": check["points"],
            "max_score": check["of"],
            "status": "passed" if check["passed"] else "failed",
            "output": "" if graded["problem"] else check["message"],
            "visibility": "after_published" if check["hidden"] else "visible",
            **AS_TEXT,
        }
        for check in graded["checks"]
    ]
    output = graded["problem"] or f"Graded: {graded['file']}"
    return {"output": output, "stdout_visibility": "hidden", "tests": tests, **AS_TEXT}


def check_mine(exercise_set: ExerciseSet, path: Path) -> Iterator[str]:
    """Run all checks on the notebook of who learns alone, and yield what to print, a line each."""
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
