"""What a set must hold, in one list: a sentence for lecturers, and what finds sets that break it.

`make exercises` names every fault, and the page for lecturers lists the sentences.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable

from grading.authoring.sets import ExerciseSet, defined_names

LEVELS = ["warm-up", "core", "stretch"]
MOST_HINTS = 3
FEWEST_WRONG = 3  # known wrong answers of an exercise
FEWEST_KINDS = 2  # kinds of exercises in a set
FEWEST_CRITERIA = 3  # rows of a project's rubric
SHORTEST_MESSAGE = 20  # letters of a check's message


def set_faults(exercise_set: ExerciseSet) -> list[str]:
    """Where a set breaks a rule, by its text alone: what it holds, and the rule."""
    return [f"{held}. {rule}" for rule, find in RULES.items() for held in find(exercise_set)]


def sentences() -> str:
    """All rules, as a list in Markdown."""
    return "".join(f"- {sentence}\n" for sentence in (*RULES, *TRIED))


def wrong_ids(exercise_set: ExerciseSet) -> Iterable[str]:
    project = exercise_set.project.id
    ids = ["opening", "setup", project, f"{project}-task"]
    for exercise in exercise_set.exercises:
        ids += [exercise.id, f"{exercise.id}-task", f"{exercise.id}-given"]
        ids += [f"{exercise.id}-{check.id}" for check in exercise.checks]
    for name, times in Counter(ids).items():
        if times > 1 or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            yield f"cells with the id {name!r}: {times}"


def below_one(exercise_set: ExerciseSet) -> Iterable[str]:
    project = exercise_set.project
    numbers = {f"{project.id}: minutes": project.minutes}
    numbers |= {f"{project.id}, {row.name}: points": row.points for row in project.rubric}
    for exercise in exercise_set.exercises:
        numbers[f"{exercise.id}: minutes"] = exercise.minutes
        numbers |= {f"{exercise.id}-{c.id}: points": c.points for c in exercise.checks}
    return [f"{name} are {number}" for name, number in numbers.items() if number < 1]


def names_not_defined(exercise_set: ExerciseSet) -> Iterable[str]:
    for exercise in exercise_set.exercises:
        names, solved = list(exercise.names), list(defined_names(exercise.solution))
        if not names or not set(names) <= set(solved):
            yield f"{exercise.id}: students start from {names}, the solution defines {solved}"


def silent_checks(exercise_set: ExerciseSet) -> Iterable[str]:
    checks = {f"{e.id}-{check.id}": check for e in exercise_set.exercises for check in e.checks}
    for name, check in checks.items():
        nodes = ast.walk(ast.parse(check.code))
        asserts = [node for node in nodes if isinstance(node, ast.Assert)]
        if not asserts:
            yield f"{name} asserts nothing"
        for node in asserts:
            if node.msg is None or len(ast.unparse(node.msg)) < SHORTEST_MESSAGE:
                yield f"{name}, line {node.lineno}, does not say it: {ast.unparse(node)[:80]}"


def few_hidden_points(exercise_set: ExerciseSet) -> Iterable[str]:
    for exercise in exercise_set.exercises:
        hidden = sum(check.points for check in exercise.checks if check.hidden)
        if 2 * hidden < exercise.points:
            yield f"{exercise.id}: hidden checks give {hidden} of {exercise.points} points"


def wrong_fails(exercise_set: ExerciseSet) -> Iterable[str]:
    for exercise in exercise_set.exercises:
        known = {check.id for check in exercise.checks}
        hidden = {check.id for check in exercise.checks if check.hidden}
        for wrong in exercise.wrong:
            if not wrong.fails or not known.issuperset(wrong.fails):
                yield f"{exercise.id}: {wrong.name!r} names {list(wrong.fails)} of {sorted(known)}"
        for missed in sorted(hidden.difference(*(wrong.fails for wrong in exercise.wrong))):
            yield f"{exercise.id}: no wrong answer fails {missed!r}"
        if not any(hidden.issuperset(wrong.fails) for wrong in exercise.wrong):
            yield f"{exercise.id}: no wrong answer passes the visible checks"


def unused_parameters(exercise_set: ExerciseSet) -> Iterable[str]:
    unused = set(exercise_set.parameters)
    for exercise in exercise_set.exercises:
        unused -= exercise.uses
        if not exercise.uses:
            yield f"{exercise.id} uses none of {', '.join(exercise_set.parameters)}"
    yield from (f"no exercise uses {name}" for name in sorted(unused))


def wrong_rubric(exercise_set: ExerciseSet) -> Iterable[str]:
    names = [criterion.name for criterion in exercise_set.project.rubric]
    if not len(names) == len(set(names)) >= FEWEST_CRITERIA:
        yield f"the criteria are {names}"


def wrong_levels(exercise_set: ExerciseSet) -> Iterable[str]:
    levels = [exercise.level for exercise in exercise_set.exercises]
    if [level for level, _ in itertools.groupby(levels)] != LEVELS:
        yield f"the levels are {', '.join(levels)}"


# The rules, each with what a set holds against it.
RULES: dict[str, Callable[[ExerciseSet], Iterable[str]]] = {
    "A set's `chapter` is the name of its file.": lambda s: (
        [f"{s.name} has the chapter {s.chapter!r}"] if s.chapter != s.name else []
    ),
    "Ids are small letters, digits and hyphens, and no two cells share one.": wrong_ids,
    f"Exercises come in the order of their levels, and each is there: {', '.join(LEVELS)}.": (
        wrong_levels
    ),
    f"Exercises are of at least {FEWEST_KINDS} kinds.": lambda s: (
        ["all are of one kind"] if len({e.kind for e in s.exercises}) < FEWEST_KINDS else []
    ),
    "Points and minutes are at least 1.": below_one,
    f"An exercise has 1 to {MOST_HINTS} hints, from vague to plain.": lambda s: [
        f"{e.id} has {len(e.hints)} hints" for e in s.exercises if len(e.hints) > MOST_HINTS
    ],
    "The solution defines every name that students start from, and there is one.": (
        names_not_defined
    ),
    "Every check asserts something, and each assertion says what to look at.": silent_checks,
    "Hidden checks give at least half of an exercise's points.": few_hidden_points,
    f"An exercise has at least {FEWEST_WRONG} known wrong answers.": lambda s: [
        f"{e.id} has {len(e.wrong)}" for e in s.exercises if len(e.wrong) < FEWEST_WRONG
    ],
    "A wrong answer's `fails` names checks of its exercise. Each hidden check is named by one, and "
    "one names no check that students see.": wrong_fails,
    "Every exercise has a parameter in its task, given code or answer; no parameter is unused.": (
        unused_parameters
    ),
    f"The rubric has at least {FEWEST_CRITERIA} criteria of different names.": wrong_rubric,
}
TRIED = (
    "The solutions pass every check.",
    "The notebook as students get it reaches every check, and passes none.",
    "A wrong answer fails the checks that it names, by their messages, and no others.",
    "In a variant, the published solution of every exercise loses points.",
)
