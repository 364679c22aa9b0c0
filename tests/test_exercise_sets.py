"""Every exercise set keeps its promises, with the published values and with the example variant.

Its solutions get all points, its untouched release none, and every known wrong answer fails the
checks that it names, by a message that explains, and no others.
"""

from __future__ import annotations

import re

import pytest
from exercise_lines import EXAMPLE, known_set
from small_set import SMALL, read_text, runs_answers, small_set

from grading.marking import Outcome, mark, reference, untouched
from grading.sets import LEVELS, STUB, set_names
from grading.try_out import faults, published_answers_faults, set_faults

pytestmark = runs_answers

SETS = [(name, variant) for name in set_names() for variant in ("", EXAMPLE)]


@pytest.fixture(params=SETS, ids=lambda which: "-".join(filter(None, which)))
def exercise_set(request):
    return known_set(*request.param)


# --- the course's sets ---


def test_there_is_a_set_for_every_chapter():
    chapters = [known_set(name).chapter for name in set_names()]
    assert [chapter[:2] for chapter in chapters] == ["01", "02", "03", "04", "05", "06"]
    assert chapters == set_names()


def test_a_set_has_what_it_takes(exercise_set):
    assert set_faults(exercise_set) == []
    exercises = exercise_set.exercises
    assert len(exercises) >= 3
    levels = [LEVELS.index(exercise.level) for exercise in exercises]
    assert levels == sorted(levels)
    assert set(levels) == {0, 1, 2}
    assert len({exercise.kind for exercise in exercises}) >= 2
    for exercise in exercises:
        assert len(exercise.wrong) >= 3
        hidden = sum(check.points for check in exercise.checks if check.hidden)
        assert 2 * hidden >= exercise.points, f"{exercise.id}: most points are for what is shown"


def test_a_project_has_a_rubric(exercise_set):
    project = exercise_set.project
    assert len(project.rubric) >= 3
    assert all(row.name and row.full_marks_for and row.points > 0 for row in project.rubric)
    assert len({row.name for row in project.rubric}) == len(project.rubric)


def test_a_set_keeps_its_promises(exercise_set):
    assert faults(exercise_set) == []


@pytest.mark.parametrize("name", set_names())
def test_published_solutions_are_wrong_in_the_example(name):
    assert published_answers_faults(known_set(name), known_set(name, EXAMPLE)) == []


# --- the judges: each must find its fault ---


def test_the_small_set_keeps_its_promises(tmp_path):
    exercise_set = small_set(tmp_path)
    assert set_faults(exercise_set) == []
    assert faults(exercise_set) == []


def test_the_small_set_gets_all_points_or_none(tmp_path):
    exercise_set = small_set(tmp_path)
    assert mark(exercise_set, reference(exercise_set)).total(exercise_set) == exercise_set.points
    release = mark(exercise_set, untouched(exercise_set))
    assert release.total(exercise_set) == 0
    assert release.outcomes["half", "zero"] == Outcome(False, "unanswered", "Not answered yet.")
    assert release.outcomes["two", "right"].kind == "failed"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "secret_solution = 2\n",
            "secret_solution = 3\n",
            "the solution fails two-right: double is 3.0 times the number, not twice",
        ),
        (
            f"{STUB}double = None",
            f"{STUB}double = 7.0",
            "the untouched release passes two-there",
        ),
        (
            "    return np.asarray(secret_wrong) // 2",
            "    return np.asarray(secret_wrong) * FACTOR",
            "'returns a whole number' passes half-one",
        ),
        (
            'name="adds one" fails=["zero", "one", "many"]',
            'name="adds one" fails=["one", "many"]',
            "'adds one' fails as well half-zero: half(0) should be zero; what did you add?",
        ),
        (
            "    return secret_wrong\n",
            "    return [secret_wrong, 1][0] if np.ndim(secret_wrong) else None\n",
            "'returns the whole' fails as well half-zero",
        ),
        (
            "secret_hidden = half(1)\n",
            "secret_hidden = [half(1)][int(half(1) > 0.75)]\n",
            "'returns the whole': a check does not explain itself, half-one: The check could not",
        ),
    ],
)
def test_a_broken_promise_is_found(old, new, fault, tmp_path):
    exercise_set = small_set(tmp_path, old, new)
    found = faults(exercise_set)
    assert any(said.startswith(fault) for said in found), found


def test_a_check_that_the_release_does_not_reach_is_found(tmp_path):
    guard = 'assert double is not None, "double is still None: what is twice the number?"\nsecret'
    found = faults(small_set(tmp_path, guard, "secret"))
    assert any(
        said.startswith("the untouched release does not reach two-right: The check could not")
        for said in found
    ), found


def test_what_is_missing_in_a_set_is_found(tmp_path):
    fewer = re.sub(r'# %% role="wrong" name="leaves it".*?(?=# %%)', "", SMALL, flags=re.DOTALL)
    assert set_faults(read_text(tmp_path, fewer)) == ["two has 2 known wrong answers, not three"]
    blind = SMALL.replace('"one", "many"]', '"one"]')
    assert set_faults(read_text(tmp_path, blind)) == ["no wrong answer fails half-many"]
    shown = SMALL.replace('fails=["right"]', 'fails=["there", "right"]')
    assert set_faults(read_text(tmp_path, shown)) == [
        "two: no wrong answer passes the visible checks"
    ]


def test_published_answers_that_are_right_in_a_variant_are_found(tmp_path):
    published = small_set(tmp_path)
    private = small_set(tmp_path, "FACTOR = 0.5", "FACTOR = 0.25")
    assert published_answers_faults(published, private) == [
        "the published solution of two gets all points in the variant: change a parameter that "
        "this exercise uses"
    ]
