"""One person's notebook, graded to plain data that other systems can show."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from grading.authoring.sets import Check, Exercise, ExerciseSet
from grading.collecting.collect import (
    File,
    Owner,
    Submission,
    SubmissionsError,
    best,
    notebooks_in,
    rebuild,
)
from grading.marking.marking import Marks, Outcome, mark
from grading.marking.sandbox import Limits

NOTHING = "no notebook (.ipynb) was handed in"
AS_TEXT = {"name_format": "text", "output_format": "text"}  # Gradescope escapes it


def grade_one(path: Path, exercise_set: ExerciseSet, limits: Limits) -> dict[str, Any]:
    """Grade a notebook, or the best one in a folder that holds a single person's files."""
    found = [(file, rebuild(file, exercise_set)) for file in files_in(path)]
    one = best(Owner("", ""), found) if found else Submission("", "", "", None, [NOTHING])
    marks, problem = Marks(), ""
    if one.answers is None:
        problem = "; ".join(one.notes)
        marks.give_nothing(exercise_set, problem)
    else:
        marks = mark(exercise_set, one.answers, limits)
    return {
        "set": exercise_set.name,
        "variant": exercise_set.variant,
        "file": one.origin,
        "problem": problem,
        "points": marks.total(exercise_set),
        "of": exercise_set.points,
        "exercises": [
            {"id": e.id, "title": e.title, "points": marks.points(e), "of": e.points}
            for e in exercise_set.exercises
        ],
        "checks": [
            checked(exercise, check, marks.outcomes[exercise.id, check.id])
            for exercise in exercise_set.exercises
            for check in exercise.checks
        ],
        "notes": [plain(note) for note in one.notes + marks.notes],
    }


def checked(exercise: Exercise, check: Check, outcome: Outcome) -> dict[str, Any]:
    """What a check found."""
    which = {"exercise": exercise.id, "id": check.id, "about": check.about, "hidden": check.hidden}
    found = {"passed": outcome.passed, "kind": outcome.kind, "message": plain(outcome.message)}
    return {**which, **found, "points": check.points * outcome.passed, "of": check.points}


def files_in(path: Path) -> list[File]:
    """The notebooks of a folder, or a single file, read with the same care."""
    if path.is_dir():
        return list(notebooks_in(path))
    if not path.is_file():
        raise SubmissionsError(f"the notebook must be a file, or a folder with one; got {path}")
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        shutil.copy2(path, folder)
        return list(notebooks_in(Path(folder)))


def plain(text: str) -> str:
    """Text that any system can store and show: no letter of it steers a terminal or a page."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


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
