"""Who learns alone can run every check, in the notebook and by `make check-mine`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_pile import HALF, TWO, cell_of, put
from small_set import runs_answers, small_set

from grading.authoring.notebooks import practice_notebook
from grading.authoring.pages import add_practice
from grading.authoring.sets import find_set, read_set, set_names
from grading.collecting.collect import File, SubmissionsError, rebuild
from grading.collecting.one import check_mine


@pytest.fixture
def exercises(tmp_path):
    return small_set(tmp_path)


def practice(exercises, **answers: str) -> dict:
    """The practice notebook with answers filled in, as Jupyter saves it."""
    made = json.loads(practice_notebook(exercises, 20))
    for cell in made["cells"]:
        cell["source"] = answers.get(cell["id"], "".join(cell["source"]))
    return made


def run(made: dict, capsys) -> list[str]:
    """Run the notebook's code cells from the top, as a learner does, and return what they print."""
    names: dict[str, object] = {}
    for cell in made["cells"]:
        if cell["cell_type"] == "code":
            exec(cell["source"], names)
    return capsys.readouterr().out.splitlines()


def test_every_check_runs_in_the_notebook_and_says_what_passed(exercises, capsys):
    printed = run(practice(exercises, half=HALF, two=TWO), capsys)
    assert printed == [f"✓ {check.about}" for e in exercises.exercises for check in e.checks]


@pytest.mark.parametrize("name", set_names())
def test_no_check_takes_a_name_that_a_later_one_needs(name, capsys):
    """In the notebook all cells share their names, where the grader gives each check its own."""
    exercises = read_set(find_set(name))
    solutions = {exercise.id: exercise.solution for exercise in exercises.exercises}
    printed = run(practice(exercises, **solutions), capsys)
    assert printed == [f"✓ {check.about}" for e in exercises.exercises for check in e.checks]


def test_a_hidden_check_says_what_is_missing(exercises, capsys):
    whole = "def half(x):\n    return x"
    with pytest.raises(AssertionError, match="which is not the share asked for"):
        run(practice(exercises, half=whole, two=TWO), capsys)
    assert capsys.readouterr().out == "✓ Nothing of nothing.\n"


def test_the_notebook_holds_no_solution(exercises):
    text = practice_notebook(exercises, 20)
    assert "secret_solution" not in text.lower()
    assert "secret_explanation" not in text.lower()
    assert "make check-mine SET=7" in text


def test_a_practice_notebook_may_be_handed_in(exercises, tmp_path):
    """Its checks are not taken for changed ones."""
    path = put(tmp_path, "mine.ipynb", practice(exercises, half=HALF, two=TWO))
    rebuilt = rebuild(File((path.name,), None, path.read_bytes()), exercises)
    assert (rebuilt.recognised, rebuilt.notes) == (2, [])


@runs_answers
def test_check_mine_lists_what_passed(exercises, tmp_path):
    whole = "def half(x):\n    return x"
    path = put(tmp_path, "mine.ipynb", practice(exercises, half=whole))
    assert list(check_mine(exercises, path)) == [
        "1. A: 1 of 4 points",
        "   ✓ Nothing of nothing.",
        "   ✗ A part of one.",
        "     half(1) is 1, which is not the share asked for",
        "   ✗ A part of each of many.",
        "     half of 0, 1, 2 has the sum 3",
        "2. B: 0 of 2 points",
        "   · There is a number.",
        "   · It is the right one.",
        "1 of 6 points.",
        "The project has no checks: its rubric is for people.",
    ]


@pytest.mark.parametrize(
    ("content", "message"), [(None, "make lab"), (b"[]", "not a notebook that can be read")]
)
def test_without_a_notebook_it_says_what_to_do(exercises, tmp_path, content, message):
    path = tmp_path / "mine.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SubmissionsError, match=message):
        list(check_mine(exercises, path))


def test_the_courses_notebooks_hold_every_check(tmp_path: Path):
    add_practice(tmp_path)
    for name in set_names():
        made = json.loads((tmp_path / f"{name}.ipynb").read_text(encoding="utf-8"))
        for exercise in read_set(find_set(name)).exercises:
            for check in exercise.checks:
                cell = "".join(cell_of(made, f"{exercise.id}-{check.id}")["source"])
                assert check.code in cell
                assert 'print("✓ ' in cell
