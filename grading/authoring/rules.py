"""What a set must hold: each rule a sentence for lecturers, and what finds faults against it.

`make exercises` names every fault, and the page for lecturers lists the sentences.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import groupby

from grading.authoring.notebooks import cells_of
from grading.authoring.sets import Exercise, ExerciseSet, defined_names

LEVELS = ["warm-up", "core", "stretch"]
MOST_HINTS = 3
FEWEST_WRONG = 3  # known wrong answers of an exercise
FEWEST_CRITERIA = 3  # rows of a project's rubric
SHORTEST_MESSAGE = 20  # letters of a check's message

Faults = Iterable[str]


def set_faults(exercise_set: ExerciseSet) -> list[str]:
    """Where a set breaks a rule, by its text alone: what it holds, and the rule."""
    found = [f"{fault}. {rule}" for rule, find in OF_SETS.items() for fault in find(exercise_set)]
    for exercise in exercise_set.exercises:
        for rule, find_in in OF_EXERCISES.items():
            found += [f"{exercise.id}: {fault}. {rule}" for fault in find_in(exercise)]
    return found


def sentences() -> str:
    """All rules, as a list in Markdown."""
    return "".join(f"- {sentence}\n" for sentence in (*OF_SETS, *OF_EXERCISES, *TRIED))


def wrong_ids(exercise_set: ExerciseSet) -> Faults:
    for name, times in Counter(cell.id for cell in cells_of(exercise_set)).items():
        if times > 1 or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            yield f"cells with the id {name!r}: {times}"


def wrong_levels(exercise_set: ExerciseSet) -> Faults:
    levels = [exercise.level for exercise in exercise_set.exercises]
    if [level for level, _ in groupby(levels)] != LEVELS:
        yield f"the levels are {', '.join(levels)}"


def unused_parameters(exercise_set: ExerciseSet) -> Faults:
    unused = set(exercise_set.parameters)
    for exercise in exercise_set.exercises:
        unused -= exercise.uses
        if not exercise.uses:
            yield f"{exercise.id} uses none of {', '.join(exercise_set.parameters)}"
    yield from (f"no exercise uses {name}" for name in sorted(unused))


def wrong_rubric(exercise_set: ExerciseSet) -> Faults:
    names = [criterion.name for criterion in exercise_set.project.rubric]
    if not len(names) == len(set(names)) >= FEWEST_CRITERIA:
        yield f"the criteria are {names}"


def names_not_defined(exercise: Exercise) -> Faults:
    names, solved = list(exercise.names), list(defined_names(exercise.solution))
    if not names or not set(names) <= set(solved):
        yield f"students start from {names}, the solution defines {solved}"


def silent_checks(exercise: Exercise) -> Faults:
    for check in exercise.checks:
        nodes = ast.walk(ast.parse(check.code))
        asserts = [node for node in nodes if isinstance(node, ast.Assert)]
        if not asserts:
            yield f"{check.id} asserts nothing"
        for node in asserts:
            if node.msg is None or len(ast.unparse(node.msg)) < SHORTEST_MESSAGE:
                yield f"{check.id}, line {node.lineno}, does not say it: {ast.unparse(node)[:80]}"


def few_hidden_points(exercise: Exercise) -> Faults:
    hidden = sum(check.points for check in exercise.checks if check.hidden)
    if 2 * hidden < exercise.points:
        yield f"hidden checks give {hidden} of {exercise.points} points"


def wrong_fails(exercise: Exercise) -> Faults:
    known = {check.id for check in exercise.checks}
    hidden = {check.id for check in exercise.checks if check.hidden}
    for wrong in exercise.wrong:
        if not wrong.fails or not known.issuperset(wrong.fails):
            yield f"{wrong.name!r} names {list(wrong.fails)} of {sorted(known)}"
    for missed in sorted(hidden.difference(*(wrong.fails for wrong in exercise.wrong))):
        yield f"no wrong answer fails {missed!r}"
    if not any(hidden.issuperset(wrong.fails) for wrong in exercise.wrong):
        yield "no wrong answer passes the visible checks"


OF_SETS: dict[str, Callable[[ExerciseSet], Faults]] = {
    "A set's `chapter` is the name of its file.": lambda s: (
        [f"{s.name} has the chapter {s.chapter!r}"] if s.chapter != s.name else []
    ),
    "Ids are small letters, digits and hyphens, and no two cells share one.": wrong_ids,
    f"Exercises come in the order of their levels, and each is there: {', '.join(LEVELS)}.": (
        wrong_levels
    ),
    "Exercises are of at least 2 kinds.": lambda s: (
        ["all are of one kind"] if len({e.kind for e in s.exercises}) == 1 else []
    ),
    "Every exercise has a parameter in its task, given code or answer; no parameter is unused.": (
        unused_parameters
    ),
    f"The rubric has at least {FEWEST_CRITERIA} criteria of different names.": wrong_rubric,
}
OF_EXERCISES: dict[str, Callable[[Exercise], Faults]] = {
    f"An exercise has 1 to {MOST_HINTS} hints, from vague to plain.": lambda e: (
        [f"{len(e.hints)} hints"] if len(e.hints) > MOST_HINTS else []
    ),
    "The solution defines every name that students start from, and there is one.": (
        names_not_defined
    ),
    "Every check asserts something, and each assertion says what to look at.": silent_checks,
    "Hidden checks give at least half of an exercise's points.": few_hidden_points,
    f"An exercise has at least {FEWEST_WRONG} known wrong answers.": lambda e: (
        [f"{len(e.wrong)} wrong answers"] if len(e.wrong) < FEWEST_WRONG else []
    ),
    "A wrong answer's `fails` names checks of its exercise. Each hidden check is named by one, and "
    "one names no check that students see.": wrong_fails,
}
TRIED = (
    "The solutions pass every check.",
    "The notebook as students get it reaches every check, and passes none.",
    "A wrong answer fails the checks that it names, by their messages, and no others.",
    "In a variant, the published solution of every exercise loses points.",
)
