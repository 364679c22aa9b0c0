"""Every exercise set keeps its promises, with the published values and with the example variant.

Its solutions get all points, its untouched release none, and every known wrong answer fails the
checks that it names, by a message that explains, and no others. In the example the published
solutions lose points.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from exercise_lines import EXAMPLE, known_set
from page_contract import published
from small_set import runs_answers, small_set

from grading.authoring.rules import set_faults
from grading.authoring.sets import STUB, set_names
from grading.authoring.try_out import faults, try_copied
from grading.marking.marking import Outcome, mark, reference, untouched
from grading.marking.sandbox import PROJECT

pytestmark = runs_answers

SETS = [(name, variant) for name in set_names() for variant in ("", EXAMPLE)]


@pytest.fixture(params=SETS, ids=lambda which: "-".join(filter(None, which)))
def exercise_set(request):
    return known_set(*request.param)


# --- the course's sets ---


def test_there_is_a_set_for_every_chapter():
    chapters = [name for name in published(PROJECT / "_toc.yml") if "/" not in name]
    assert set_names() == sorted(chapters)


def test_a_set_has_what_it_takes(exercise_set):
    assert set_faults(exercise_set) == []


@pytest.mark.parametrize("name", set_names())
def test_a_set_keeps_its_promises(name):
    assert faults(known_set(name)) == []


@pytest.mark.parametrize("name", set_names())
def test_the_example_keeps_its_promises(name):
    """The wrong answers are the published set's; `make exercises VARIANT=example` tries them."""
    example = known_set(name, EXAMPLE)
    exercises = tuple(replace(exercise, wrong=()) for exercise in example.exercises)
    without_wrong = replace(example, exercises=exercises)
    assert faults(without_wrong) == []
    assert try_copied(without_wrong, known_set(name))[0] == []


@pytest.mark.parametrize("name", set_names())
def test_a_check_that_says_changed_sees_changes(name):
    """Without `in_place` a check sees copies, and an assertion about a change cannot fail.

    With it, an answer can change what the check expects: so only where it is needed.
    """
    for exercise in known_set(name).exercises:
        for check in exercise.checks:
            said = bool(re.search(r"\bchanged\b", check.code))
            assert check.in_place == said, f"{exercise.id}-{check.id} in {name}"


# --- the judges: each must find its fault ---


def test_the_small_set_keeps_its_promises(tmp_path):
    assert faults(small_set(tmp_path)) == []


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
            "the solution must not fail two-right: double is 3.0 times the number, not twice",
        ),
        (
            f"{STUB} double = None",
            f"{STUB} double = 7.0",
            "the untouched release must fail two-there",
        ),
        (
            "    return np.asarray(secret_wrong) // 2",
            "    return np.asarray(secret_wrong) * FACTOR",
            "'returns a whole number' must fail half-one",
        ),
        (
            'name="adds one" fails=["zero", "one", "many"]',
            'name="adds one" fails=["one", "many"]',
            "'adds one' must not fail half-zero: half(0) should be zero; what did you add?",
        ),
        (
            "    return secret_wrong\n",
            "    return [secret_wrong, 1][0] if np.ndim(secret_wrong) else None\n",
            "'returns the whole' must not fail half-zero",
        ),
        (
            "secret_hidden = half(1)\n",
            "secret_hidden = [half(1)][int(half(1) > 0.75)]\n",
            "'returns the whole' must fail half-one by what it asserts; got The check could not",
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
        said.startswith("the untouched release must fail two-right by what it asserts; got The")
        for said in found
    ), found


def test_published_answers_that_are_right_in_a_variant_are_found(tmp_path):
    published = small_set(tmp_path)
    private = small_set(tmp_path, "FACTOR = 0.5", "FACTOR = 0.25")
    assert faults(private) == []
    found, earned = try_copied(private, published)
    assert earned == "published solutions earn 3 of 6 points: half 1 of 4, two 2 of 2"
    assert found == [
        "the published solution of two gets all points in the variant: change a parameter that "
        "this exercise uses: FACTOR, NAME"
    ]


def test_a_wrong_answer_that_ends_the_worker_is_found(tmp_path):
    """And the others are tried all the same."""
    ends = "    import os; os._exit(3)\n"
    found = faults(small_set(tmp_path, "    return secret_wrong\n", ends))
    assert any("'returns the whole' must fail half-one by what it asserts" in f for f in found)
    assert all("returns the whole" in fault for fault in found)
