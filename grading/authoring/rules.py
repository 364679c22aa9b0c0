"""What a set must hold. The page for lecturers shows this list; `make exercises` names faults.

- A set's `chapter` is the name of its file.
- Ids are small letters, digits and hyphens, and no two cells share one.
- Exercises come in the order of their levels, and each is there: warm-up, core, stretch.
- Exercises are of at least 2 kinds.
- Every exercise has a parameter in its task, given code or answer; no parameter is unused.
- The rubric has at least 3 criteria of different names.
- Points and minutes are at least 1.
- An exercise has 1 to 3 hints, from vague to plain.
- The solution defines every name that students start from, and there is one.
- Every check asserts something, and each assertion says what to look at.
- Hidden checks give at least half of an exercise's points.
- An exercise has at least 3 known wrong answers.
- A wrong answer's `fails` names checks of its exercise. Each hidden check is named by one, and one
  names no check that students see.
- The solutions pass every check.
- The notebook as students get it reaches every check, and passes none.
- A wrong answer fails the checks that it names, by their messages, and no others.
- In a variant, the published solution of every exercise loses points.

The last four take a run, which `try_out` does. Points and minutes are looked at in `sets`.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from grading.authoring.notebooks import cells_of
from grading.authoring.sets import Check, Exercise, ExerciseSet, defined_names

LEVELS = ["warm-up", "core", "stretch"]
SHORTEST_MESSAGE = 20  # letters of a check's message


def set_faults(exercise_set: ExerciseSet) -> list[str]:
    """Where a set breaks a rule, by its text alone."""
    of_exercises = [
        f"{exercise.id}: {fault}"
        for exercise in exercise_set.exercises
        for fault in (*exercise_faults(exercise), *wrong_answer_faults(exercise))
    ]
    return [*faults_of_the_whole(exercise_set), *of_exercises]


def faults_of_the_whole(exercise_set: ExerciseSet) -> Iterator[str]:
    """The first rules, in their order."""
    exercises, parameters = exercise_set.exercises, exercise_set.parameters
    if exercise_set.chapter != exercise_set.name:
        yield f"the chapter must be {exercise_set.name!r}; got {exercise_set.chapter!r}"
    for name, times in Counter(cell.id for cell in cells_of(exercise_set)).items():
        if times > 1 or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
            yield f"ids must be small letters, digits and hyphens, and one cell's; got {name!r}"
    levels = [exercise.level for exercise in exercises]
    if [level for level, _ in groupby(levels)] != LEVELS:
        yield f"levels must come as {', '.join(LEVELS)}; got {', '.join(levels)}"
    if len({exercise.kind for exercise in exercises}) < 2:
        yield "exercises must be of 2 kinds at least"
    for exercise in exercises:
        if not exercise.uses:
            yield f"{exercise.id} must use a parameter: {', '.join(parameters)}"
    for name in parameters:
        if not any(name in exercise.uses for exercise in exercises):
            yield f"an exercise must use the parameter {name}"
    criteria = [criterion.name for criterion in exercise_set.project.rubric]
    if not len(criteria) == len(set(criteria)) >= 3:
        yield f"a rubric must have 3 criteria of different names at least; got {criteria}"


def exercise_faults(exercise: Exercise) -> Iterator[str]:
    """The rules of one exercise, as far as its wrong answers."""
    if len(exercise.hints) > 3:
        yield f"there must be 1 to 3 hints; got {len(exercise.hints)}"
    names, solved = list(exercise.names), list(defined_names(exercise.solution))
    if not names or not set(names) <= set(solved):
        yield f"students start from {names}, the solution defines {solved}"
    for check in exercise.checks:
        yield from (f"{check.id} {fault}" for fault in silences(check))
    hidden = sum(check.points for check in exercise.checks if check.hidden)
    if 2 * hidden < exercise.points:
        yield f"hidden checks must give half of {exercise.points} points; got {hidden}"


def silences(check: Check) -> Iterator[str]:
    """Where a check does not say what to look at."""
    nodes = ast.walk(ast.parse(check.code))
    asserts = [node for node in nodes if isinstance(node, ast.Assert)]
    if not asserts:
        yield "asserts nothing"
    for node in asserts:
        if node.msg is None or len(ast.unparse(node.msg)) < SHORTEST_MESSAGE:
            yield f"does not say what to look at in line {node.lineno}: {ast.unparse(node)[:80]}"


def wrong_answer_faults(exercise: Exercise) -> Iterator[str]:
    """The rules of an exercise's wrong answers."""
    if len(exercise.wrong) < 3:
        yield f"there must be 3 wrong answers at least; got {len(exercise.wrong)}"
    known = {check.id for check in exercise.checks}
    hidden = {check.id for check in exercise.checks if check.hidden}
    for wrong in exercise.wrong:
        if not wrong.fails or not known.issuperset(wrong.fails):
            yield f"{wrong.name!r} must fail some of {sorted(known)}; got {wrong.fails}"
    for missed in sorted(hidden.difference(*(wrong.fails for wrong in exercise.wrong))):
        yield f"a wrong answer must fail {missed!r}"
    if not any(hidden.issuperset(wrong.fails) for wrong in exercise.wrong):
        yield "a wrong answer must pass the visible checks"
