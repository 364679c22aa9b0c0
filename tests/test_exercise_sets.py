"""Every exercise set keeps its promises, with the published values and with the example variant.

Its solutions get all points, its untouched release none, and every known wrong answer fails the
checks that it names, by a message that explains, and no others. In the example the published
solutions lose points.
"""

from __future__ import annotations

import re

import pytest
from exercise_lines import EXAMPLE, known_set
from page_contract import published
from small_set import SMALL, read_text, runs_answers, small_set

from grading.authoring.sets import STUB, set_names
from grading.authoring.try_out import (
    faults,
    faults_in,
    published_answers_faults,
    release_cases,
    set_faults,
)
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
    published_solutions = (published_answers_faults, reference(known_set(name)))
    assert faults_in(example, [*release_cases(example), published_solutions]) == []


# --- the judges: each must find its fault ---


def test_the_small_set_keeps_its_promises(tmp_path):
    exercise_set = small_set(tmp_path)
    assert set_faults(exercise_set) == TOO_SMALL
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


# What the small set lacks; and what else is wrong once a part of it is replaced.
TOO_SMALL = [
    "no exercise of the level core; a set has one of each of warm-up, core, stretch",
    "the rubric has 2 criteria; at least 3",
]
MISSING = {
    "chapter": (
        'chapter="07_halves"',
        'chapter="7"',
        "chapter must be the file's own name, '07_halves'; got '7'",
    ),
    "levels": (
        'level="warm-up"',
        'level="stretch"',
        "no exercise of the level warm-up; a set has one of each of warm-up, core, stretch",
    ),
    "kinds": (
        'kind="guess"',
        'kind="write"',
        "all exercises are of the kind 'write'; a set has at least 2",
    ),
    "a check's wrong answer": ('"one", "many"]', '"one"]', "no wrong answer fails half-many"),
    "a wrong answer that looks right": (
        'fails=["right"]',
        'fails=["there", "right"]',
        "two: no wrong answer passes the visible checks",
    ),
    "hidden points": (
        'role="check" id="there" points=1',
        'role="check" id="there" points=2',
        "two: hidden checks give 1 of 3 points; at least half must be theirs",
    ),
    "name of a criterion": (
        "| Answer |",
        "| Question |",
        "the rubric has the criterion 'Question' 2 times; names must differ",
    ),
    "points of a criterion": (
        "there, too | 3 |",
        "there, too | 0 |",
        "the rubric's row 2 must hold a criterion, what full marks are for and at least one "
        "point; got 'Answer', 'it is there, too', 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_in_a_set_is_found(tmp_path, what):
    old, new, fault = MISSING[what]
    assert old in SMALL
    found = set_faults(read_text(tmp_path, SMALL.replace(old, new)))
    assert [said for said in found if said not in TOO_SMALL] == [fault]


def test_too_few_wrong_answers_are_found(tmp_path):
    fewer = re.sub(r'# %% role="wrong" name="leaves it".*?(?=# %%)', "", SMALL, flags=re.DOTALL)
    found = set_faults(read_text(tmp_path, fewer))
    assert "two has 2 known wrong answers; at least 3" in found


def test_levels_out_of_order_are_found(tmp_path):
    turned = SMALL.replace("warm-up", "x").replace('"stretch"', '"warm-up"')
    assert set_faults(read_text(tmp_path, turned.replace('"x"', '"core"')))[:2] == [
        "no exercise of the level stretch; a set has one of each of warm-up, core, stretch",
        "two (warm-up) must not follow half (core); exercises come in the order warm-up, core, "
        "stretch",
    ]


def test_an_exercise_that_no_variant_can_change_is_found(tmp_path):
    fixed = SMALL.replace("number = 3 + FACTOR", "number = 3").replace("as large, for NAME", "")
    assert (
        "two uses no parameter in its task, given code or answer, so that a variant could not "
        "change it; there are FACTOR, NAME"
    ) in set_faults(read_text(tmp_path, fixed))


def test_published_answers_that_are_right_in_a_variant_are_found(tmp_path):
    published = small_set(tmp_path)
    private = small_set(tmp_path, "FACTOR = 0.5", "FACTOR = 0.25")
    assert faults(private, published) == [
        "the published solution of two gets all points in the variant: change a parameter that "
        "this exercise uses"
    ]


def test_a_wrong_answer_that_ends_the_worker_is_found(tmp_path):
    """And the others are tried all the same."""
    ends = "    import os; os._exit(3)\n"
    found = faults(small_set(tmp_path, "    return secret_wrong\n", ends))
    assert any("'returns the whole': a check does not explain itself, half-one" in f for f in found)
    assert all("returns the whole" in fault for fault in found)
