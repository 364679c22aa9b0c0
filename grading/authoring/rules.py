"""What a set must hold, in one list: a sentence for lecturers, and what finds sets that break it.

`make exercises` names every fault, and the page for lecturers lists the sentences.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator

from grading.authoring.sets import Exercise, ExerciseSet, Wrong, defined_names
from grading.marking.marking import Marks

LEVELS = ("warm-up", "core", "stretch")
MOST_HINTS = 3
FEWEST_WRONG = 3  # known wrong answers of an exercise
FEWEST_KINDS = 2  # kinds of exercises in a set
FEWEST_CRITERIA = 3  # rows of a project's rubric
SHORTEST_MESSAGE = 20  # letters of a check's message
ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

Faults = Iterator[str]
RULES: dict[str, Callable[[ExerciseSet], Faults]] = {}  # sentences, and what finds faults
TRIED = (
    "The solutions pass every check.",
    "The notebook as students get it reaches every check, and passes none.",
    "A wrong answer fails the checks that it names, by their messages, and no others.",
    "In a variant, the published solution of every exercise loses points.",
)


def sentences() -> str:
    """All rules, as a list in Markdown."""
    return "".join(f"- {sentence}\n" for sentence in (*RULES, *TRIED))


def set_faults(exercise_set: ExerciseSet) -> list[str]:
    """What is missing in a set, by its text alone."""
    return [fault for find in RULES.values() for fault in find(exercise_set)]


def rule(sentence: str) -> Callable[[Callable[[ExerciseSet], Faults]], None]:
    """Add a rule: its sentence, and the function below, which yields faults of a set."""
    return lambda find: RULES.update({sentence: find})


def rule_of_exercises(sentence: str) -> Callable[[Callable[[Exercise], Faults]], None]:
    """Add a rule whose function yields faults of a single exercise."""

    def add(find: Callable[[Exercise], Faults]) -> None:
        RULES[sentence] = lambda exercise_set: (
            f"{exercise.id}: {fault}"
            for exercise in exercise_set.exercises
            for fault in find(exercise)
        )

    return add


# --- what the text tells ---


@rule("A set's `chapter` is the name of its file.")
def _(exercise_set: ExerciseSet) -> Faults:
    if exercise_set.chapter != exercise_set.name:
        yield f"chapter must be the file's {exercise_set.name!r}; got {exercise_set.chapter!r}"


@rule("Ids are small letters, digits and hyphens, and no two cells share one.")
def _(exercise_set: ExerciseSet) -> Faults:
    project = exercise_set.project.id
    ids = ["opening", "setup", project, f"{project}-task"]
    for exercise in exercise_set.exercises:
        ids += [exercise.id, f"{exercise.id}-task", f"{exercise.id}-given"]
        ids += [f"{exercise.id}-{check.id}" for check in exercise.checks]
    for name, times in Counter(ids).items():
        if not ID.fullmatch(name):
            yield f"an id must be small letters, digits and hyphens; got {name!r}"
        if times > 1:
            yield f"the id {name!r} is there {times} times"


@rule(f"Exercises come in the order of their levels, and each is there: {', '.join(LEVELS)}.")
def _(exercise_set: ExerciseSet) -> Faults:
    found = [exercise.level for exercise in exercise_set.exercises]
    ordered = [level for level, _ in itertools.groupby(found)]
    if ordered != list(LEVELS):
        yield f"levels must be {', '.join(LEVELS)}, in this order; got {', '.join(found)}"


@rule(f"Exercises are of at least {FEWEST_KINDS} kinds.")
def _(exercise_set: ExerciseSet) -> Faults:
    kinds = {exercise.kind for exercise in exercise_set.exercises}
    if len(kinds) < FEWEST_KINDS:
        yield f"all exercises are of the kind {kinds.pop()!r}; a set has at least {FEWEST_KINDS}"


@rule("Points and minutes are at least 1.")
def _(exercise_set: ExerciseSet) -> Faults:
    project = exercise_set.project
    numbers = {f"{project.id}: minutes": project.minutes}
    numbers |= {f"{project.id}, {row.name}: points": row.points for row in project.rubric}
    for exercise in exercise_set.exercises:
        numbers[f"{exercise.id}: minutes"] = exercise.minutes
        numbers |= {f"{exercise.id}-{c.id}: points": c.points for c in exercise.checks}
    yield from (f"{name} must be at least 1; got {n}" for name, n in numbers.items() if n < 1)


@rule_of_exercises(f"An exercise has 1 to {MOST_HINTS} hints, from vague to plain.")
def _(exercise: Exercise) -> Faults:
    if len(exercise.hints) > MOST_HINTS:
        yield f"{len(exercise.hints)} hints; at most {MOST_HINTS}"


@rule_of_exercises("The solution defines every name that students start from, and there is one.")
def _(exercise: Exercise) -> Faults:
    solved = defined_names(exercise.solution)
    if not exercise.names or not set(exercise.names) <= set(solved):
        yield (
            f"students start from the names {list(exercise.names)}; there must be one, and the "
            f"solution must define them all; it defines {list(solved)}"
        )


@rule_of_exercises("Every check asserts something, and each assertion says what to look at.")
def _(exercise: Exercise) -> Faults:
    for check in exercise.checks:
        asserts = [node for node in ast.walk(ast.parse(check.code)) if isinstance(node, ast.Assert)]
        if not asserts:
            yield f"the check {check.id!r} must assert something"
        for node in asserts:
            if node.msg is None or len(ast.unparse(node.msg)) < SHORTEST_MESSAGE:
                yield (
                    f"line {node.lineno} of the check {check.id!r} has no message that tells the "
                    f"learner what to look at: {ast.unparse(node)[:80]}"
                )


@rule_of_exercises("Hidden checks give at least half of an exercise's points.")
def _(exercise: Exercise) -> Faults:
    hidden = sum(check.points for check in exercise.checks if check.hidden)
    if 2 * hidden < exercise.points:
        yield f"hidden checks give {hidden} of {exercise.points} points; at least half is theirs"


@rule_of_exercises(f"An exercise has at least {FEWEST_WRONG} known wrong answers.")
def _(exercise: Exercise) -> Faults:
    if len(exercise.wrong) < FEWEST_WRONG:
        yield f"{len(exercise.wrong)} known wrong answers; at least {FEWEST_WRONG}"


@rule_of_exercises(
    "A wrong answer's `fails` names checks of its exercise. Each hidden check is named by one, and "
    "one names no check that students see."
)
def _(exercise: Exercise) -> Faults:
    known = [check.id for check in exercise.checks]
    hidden = {check.id for check in exercise.checks if check.hidden}
    for wrong in exercise.wrong:
        if not wrong.fails or not set(wrong.fails) <= set(known):
            yield f"{wrong.name!r}: fails must name some of {known}; got {list(wrong.fails)}"
    named = {check for wrong in exercise.wrong for check in wrong.fails}
    yield from (f"no wrong answer fails {check!r}" for check in sorted(hidden - named))
    if not any(set(wrong.fails) <= hidden for wrong in exercise.wrong):
        yield "no wrong answer passes the visible checks"


@rule("Every exercise has a parameter in its task, given code or answer; no parameter is unused.")
def _(exercise_set: ExerciseSet) -> Faults:
    unused = set(exercise_set.parameters)
    for exercise in exercise_set.exercises:
        unused -= exercise.uses
        if not exercise.uses:
            names = ", ".join(exercise_set.parameters)
            yield f"{exercise.id}: no variant could change it; it must use one of {names}"
    yield from (f"no exercise uses {name}" for name in sorted(unused))


@rule(f"The rubric has at least {FEWEST_CRITERIA} criteria of different names.")
def _(exercise_set: ExerciseSet) -> Faults:
    names = [criterion.name for criterion in exercise_set.project.rubric]
    if not all(row.name and row.full_marks_for for row in exercise_set.project.rubric):
        yield "each row of the rubric must say what it is and what full marks are for"
    if len(names) < FEWEST_CRITERIA:
        yield f"the rubric has {len(names)} criteria; at least {FEWEST_CRITERIA}"
    for name, times in Counter(names).items():
        if times > 1:
            yield f"the rubric has the criterion {name!r} {times} times; names must differ"


# --- what trying it out tells ---


def reference_faults(exercise_set: ExerciseSet, marks: Marks) -> Faults:
    """The solutions must pass every check."""
    for which in sorted(marks.failed()):
        yield f"the solution fails {'-'.join(which)}: {marks.outcomes[which].message}"


def untouched_faults(exercise_set: ExerciseSet, marks: Marks) -> Faults:
    """The untouched release must reach every check and pass none."""
    for which, outcome in marks.outcomes.items():
        if outcome.passed:
            yield f"the untouched release passes {'-'.join(which)}"
        elif outcome.kind not in ("unanswered", "failed"):
            yield f"the untouched release does not reach {'-'.join(which)}: {outcome.message}"


def wrong_faults(wrong: dict[str, Wrong], exercise_set: ExerciseSet, marks: Marks) -> Faults:
    """Wrong answers must fail the checks they name, by assertions that explain, and no others."""
    for (exercise, check), outcome in marks.outcomes.items():
        if exercise not in wrong:
            continue
        name, should_fail = repr(wrong[exercise].name), check in wrong[exercise].fails
        seen = f"{exercise}-{check}: {outcome.message}"
        if outcome.passed and should_fail:
            yield f"{name} passes {exercise}-{check}"
        elif not outcome.passed and not should_fail:
            yield f"{name} fails as well {seen}"
        elif not outcome.passed and outcome.kind != "failed":
            yield f"{name}: a check does not explain itself, {seen}"


def published_answers_faults(variant: ExerciseSet, marks: Marks) -> Faults:
    """Published solutions must not be right in a variant: each exercise must lose points."""
    for exercise in variant.exercises:
        if marks.points(exercise) == exercise.points:
            yield (
                f"the published solution of {exercise.id} gets all points in the variant: change a "
                f"parameter that this exercise uses: {', '.join(sorted(exercise.uses))}"
            )
