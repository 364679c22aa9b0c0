"""One person's notebook, graded to plain data that other systems can show."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from grading.authoring.sets import Check, Exercise, ExerciseSet
from grading.collecting.answers import Rebuilt, rebuild
from grading.collecting.batch import nothing
from grading.collecting.collect import Submission, best
from grading.collecting.files import A_LINK, File, Reader, SubmissionsError, files_in
from grading.collecting.owners import Owner
from grading.collecting.tables import plain
from grading.marking.marking import Outcome, mark
from grading.marking.sandbox import Limits

NOTHING = "no notebook (.ipynb) was handed in"
AS_TEXT = {"name_format": "text", "output_format": "text"}  # Gradescope escapes it


def grade_one(path: Path, exercise_set: ExerciseSet, limits: Limits) -> dict[str, Any]:
    """Grade a notebook, or the best one in a folder that holds a single person's files."""
    found = notebooks(path, exercise_set)
    one = best(Owner(""), found) if found else Submission("", "", "", None, [NOTHING])
    problem = "" if one.answers else "; ".join(one.notes)
    if one.answers:
        marks = mark(exercise_set, one.answers, limits)
    else:
        marks = nothing(exercise_set, problem)
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
        "notes": [plain(note, keep="\n\t") for note in one.notes + marks.notes],
    }


def checked(exercise: Exercise, check: Check, outcome: Outcome) -> dict[str, Any]:
    """What a check found."""
    which = {"exercise": exercise.id, "id": check.id, "about": check.about, "hidden": check.hidden}
    found = {
        "passed": outcome.passed,
        "kind": outcome.kind,
        "message": plain(outcome.message, keep="\n\t"),
    }
    return {**which, **found, "points": check.points * outcome.passed, "of": check.points}


def notebooks(path: Path, exercise_set: ExerciseSet) -> list[tuple[File, Rebuilt]]:
    """The notebooks of a folder, or a single file, read with the same care."""
    if path.is_dir():
        read = Reader().contents(files_in(path))
        sent = (f for f in read if f.is_work and f.problem != A_LINK)
        return [(replace(file, content=b""), rebuild(file, exercise_set)) for file in sent]
    if not path.is_file():
        raise SubmissionsError(f"the notebook must be a file, or a folder with one; got {path}")
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        shutil.copy2(path, folder)
        return notebooks(Path(folder), exercise_set)


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
