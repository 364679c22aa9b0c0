"""nbgrader takes the source folder and config made for it, and gives the same points as ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell

from grading.authoring.assignments import write
from grading.authoring.notebooks import student_notebook
from grading.authoring.sets import END, ExerciseSet, find_set, read_set
from grading.authoring.try_out import cases
from grading.marking.marking import Answers, mark
from grading.marking.sandbox import Limits

ROOT = Path(__file__).parents[2]
SET = "01_gradient_descent_basics"
SECONDS = Limits().cell_seconds
LIBRARY = Path("mbgd_lib", "__init__.py")

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
    """Run a module in the course's folder; the library is not installed, but lies there."""
    command = [sys.executable, *arguments]
    # nbgrader calls a program of another package, which lies beside this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    own = {"PATH": path, "JUPYTER_CONFIG_DIR": str(course)}
    environment = {**os.environ, **own}
    environment.pop("PYTHONPATH", None)
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
    """A course of nbgrader's, with everybody's notebook graded and feedback written."""
    root = tmp_path_factory.mktemp("course") / "nbgrader"
    write("nbgrader", [exercise_set], root.parent)
    run(root, "-m", "nbgrader", "generate_assignment", SET)
    for student, answers in submissions.items():
        folder = root / "submitted" / student / SET
        shutil.copytree(root / "release" / SET, folder)
        (folder / LIBRARY).write_text("raise ImportError('changed by a student')")
        notebook = handed_in(exercise_set, answers)
        notebook.cells.append(new_code_cell("import mbgd_lib\nprint(mbgd_lib.__file__)"))
        nbformat.write(notebook, folder / f"{SET}.ipynb")
    run(root, "-m", "nbgrader", "autograde", SET, "--create")
    run(root, "-m", "nbgrader", "generate_feedback", SET)
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


def feedback(course: Path, student: str) -> str:
    """What a student reads on the page of feedback."""
    page = course / "feedback" / student / SET / f"{SET}.html"
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    for part in soup(["style", "script"]):
        part.decompose()
    return words(soup.get_text())


def words(text: str) -> str:
    """A text without what breaks its lines."""
    return " ".join(text.split())


def hidden_lines(exercise_set: ExerciseSet, known: str) -> set[str]:
    """The lines of hidden checks that are no part of what a student knows."""
    checks = [check for exercise in exercise_set.exercises for check in exercise.checks]
    lines = {words(line) for c in checks if c.hidden for line in c.code.splitlines()}
    return {line for line in lines if line not in known}


def test_feedback_names_failed_checks_and_shows_no_hidden_one(course, exercise_set, submissions):
    failures = 0
    for student, answers in submissions.items():
        text = feedback(course, student)
        own = words("\n".join(cell.source for cell in handed_in(exercise_set, answers).cells))
        hidden = hidden_lines(exercise_set, own)
        graded = nbformat.read(course / "autograded" / student / SET / f"{SET}.ipynb", as_version=4)
        assert hidden <= {words(line) for cell in graded.cells for line in cell.source.splitlines()}
        assert not {line for line in ("### BEGIN", *hidden) if line in text}
        for cell in graded.cells:
            about, marker, _ = cell.source.partition("### BEGIN HIDDEN TESTS")
            if marker:
                assert words(about) in text
                errors = [output for output in cell.outputs if output.output_type == "error"]
                assert all(words(f"{error.ename}: {error.evalue}") in text for error in errors)
                failures += len(errors)
    assert failures  # where nothing failed, nothing had to be hidden


def test_the_library_beside_the_notebook_is_the_courses_own(course, submissions):
    """nbgrader hands it out, and puts it back over what a student has changed."""
    assert (course / "release" / SET / LIBRARY).is_file()
    for student in submissions:
        folder = course / "autograded" / student / SET
        graded = nbformat.read(folder / f"{SET}.ipynb", as_version=4)
        assert [out.text.strip() for out in graded.cells[-1].outputs] == [str(folder / LIBRARY)]


TIME_LIMIT = """
from nbgrader.preprocessors import Execute
from traitlets.config.loader import PyFileConfigLoader
print(Execute(config=PyFileConfigLoader("nbgrader_config.py").load_config()).timeout)
"""


def test_a_cell_has_as_long_as_the_notebook_says(course):
    assert int(run(course, "-c", TIME_LIMIT)) == SECONDS
