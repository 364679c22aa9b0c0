"""nbgrader as an oracle: it takes the instructor's notebook, and gives the same points as ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from grading.authoring.notebooks import instructor_notebook, student_notebook
from grading.authoring.sets import END, ExerciseSet, find_set, read_set
from grading.authoring.try_out import cases
from grading.marking.marking import Answers, mark
from grading.marking.sandbox import Limits

ROOT = Path(__file__).parents[2]
SET = "01_gradient_descent_basics"
SECONDS = Limits().cell_seconds

# nbgrader's database asked in a process of its own: its imports warn.
POINTS = """
import json, sys
from nbgrader.api import Gradebook
with Gradebook(sys.argv[1]) as gradebook:
    print(json.dumps({
        one.student.id: {grade.cell.name: grade.score for grade in one.notebooks[0].grades}
        for one in gradebook.assignment_submissions(sys.argv[2])
    }))
"""


def run(course: Path, *arguments: str) -> str:
    """Run a module in the course's folder, with the project's own packages at hand."""
    command = [sys.executable, *arguments]
    # nbgrader calls a program of another package, which lies beside this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    own = {"PATH": path, "PYTHONPATH": str(ROOT), "JUPYTER_CONFIG_DIR": str(course)}
    environment = {**os.environ, **own}
    done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def handed_in(exercise_set: ExerciseSet, answers: Answers) -> nbformat.NotebookNode:
    """The student's notebook with these answers."""
    notebook = nbformat.reads(student_notebook(exercise_set, SECONDS), as_version=4)
    for cell in notebook.cells:
        if cell["id"] in answers:
            cell.source = "\n\n".join(part.code for part in answers[cell["id"]])
    return notebook


@pytest.fixture(scope="module")
def exercise_set() -> ExerciseSet:
    """The set that takes least time."""
    return read_set(find_set(SET))


@pytest.fixture(scope="module")
def submissions(exercise_set) -> dict[str, Answers]:
    """The solutions, the untouched release, and several rounds of wrong answers."""
    return {f"student{k}": answers for k, (_, answers) in enumerate(cases(exercise_set))}


@pytest.fixture(scope="module")
def course(tmp_path_factory, exercise_set, submissions) -> Path:
    """A course of nbgrader's, with everybody's notebook graded."""
    root = tmp_path_factory.mktemp("course")
    source = root / "source" / SET
    source.mkdir(parents=True)
    (source / f"{SET}.ipynb").write_text(
        instructor_notebook(exercise_set, SECONDS), encoding="utf-8"
    )
    run(root, "-m", "nbgrader", "generate_assignment", SET, "--create")
    for student, answers in submissions.items():
        folder = root / "submitted" / student / SET
        folder.mkdir(parents=True)
        nbformat.write(handed_in(exercise_set, answers), folder / f"{SET}.ipynb")
    run(root, "-m", "nbgrader", "autograde", SET, "--create")
    return root


def test_release_by_nbgrader_hides_the_same(course, exercise_set):
    """nbgrader's own release holds neither solution nor hidden check nor explanation."""
    released = nbformat.read(course / "release" / SET / f"{SET}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in released.cells)
    assert END not in text
    assert "HIDDEN TESTS" not in text
    for exercise in exercise_set.exercises:
        assert exercise.explanation.splitlines()[0] not in text
        for check in exercise.checks:
            assert check.hidden != (check.code in text)


def test_same_points(course, exercise_set, submissions):
    """Check by check, for every submission."""
    points = json.loads(run(course, "-c", POINTS, f"sqlite:///{course}/gradebook.db", SET))
    assert set(points) == set(submissions)
    for student, answers in submissions.items():
        marks = mark(exercise_set, answers)
        for exercise in exercise_set.exercises:
            for check in exercise.checks:
                ours = check.points * marks.outcomes[exercise.id, check.id].passed
                assert points[student][f"{exercise.id}-{check.id}"] == ours, (student, check.id)
