"""Try a set out: its solutions, the release as it is, and every known wrong answer."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from grading.authoring.sets import LEVELS, Exercise, ExerciseSet, Project, Wrong
from grading.marking.door import Door, Stopped
from grading.marking.marking import (
    USUAL,
    Answers,
    Marking,
    Marks,
    StudentCell,
    mark,
    reference,
    untouched,
)

Judge = Callable[[ExerciseSet, Marks], list[str]]
Case = tuple[Judge, Answers]

FEWEST_WRONG = 3  # known wrong answers of an exercise
FEWEST_KINDS = 2  # kinds of exercises in a set
FEWEST_CRITERIA = 3  # rows of a project's rubric


def faults(exercise_set: ExerciseSet, published: ExerciseSet | None = None) -> list[str]:
    """What a set does not keep of its promises; nothing, for a set that can be assigned.

    A variant is compared with the set as it is published.
    """
    tried = list(cases(exercise_set))
    if published:
        tried.append((published_answers_faults, reference(published)))
    return faults_in(exercise_set, tried)


def faults_in(exercise_set: ExerciseSet, tried: Sequence[Case]) -> list[str]:
    """What the judges of some cases find."""
    marked = mark_in_copies(exercise_set, [answers for _, answers in tried])
    return [
        fault
        for (judge, _), marks in zip(tried, marked, strict=True)
        for fault in judge(exercise_set, marks)
    ]


def mark_in_copies(exercise_set: ExerciseSet, submissions: Sequence[Answers]) -> list[Marks]:
    """The marks of several submissions, in one worker that runs the setup once.

    Each is run in a copy of that process. One that ends its copy ends the worker; then each gets
    workers of its own, as students do.
    """
    with tempfile.TemporaryDirectory(prefix="grading-") as scratch:
        try:
            with Door(USUAL, Path(scratch)) as door:
                door.run(exercise_set.setup)
                return [mark_in_copy(exercise_set, answers, door) for answers in submissions]
        except Stopped:
            return [mark(exercise_set, answers) for answers in submissions]


def mark_in_copy(exercise_set: ExerciseSet, answers: Answers, door: Door) -> Marks:
    """The marks of one submission, which leaves the worker as it was."""
    door.ask({"kind": "copy"})
    marking = Marking(exercise_set, answers, USUAL)
    marking.go_on(door)
    door.ask({"kind": "leave"})
    return marking.marks


def release_cases(exercise_set: ExerciseSet) -> Iterator[Case]:
    """The solutions, and the notebook as it is handed out, each with its judge."""
    yield reference_faults, reference(exercise_set)
    yield untouched_faults, untouched(exercise_set)


def cases(exercise_set: ExerciseSet) -> Iterator[Case]:
    """Every submission with a known outcome, each with the function that judges it.

    Exercises do not depend on each other; so one submission tries a wrong answer of every exercise
    that has as many. The others are left out: their solutions have been tried.
    """
    yield from release_cases(exercise_set)
    for k in range(max(len(exercise.wrong) for exercise in exercise_set.exercises)):
        wrong = {e.id: e.wrong[k] for e in exercise_set.exercises if k < len(e.wrong)}
        answers = {
            e.id: [StudentCell(wrong[e.id].code)] if e.id in wrong else []
            for e in exercise_set.exercises
        }
        yield partial(wrong_faults, wrong), answers


def reference_faults(exercise_set: ExerciseSet, marks: Marks) -> list[str]:
    """The solutions must pass every check."""
    return [f"the solution fails {place(which)}: {message}" for which, message in said(marks)]


def untouched_faults(exercise_set: ExerciseSet, marks: Marks) -> list[str]:
    """The untouched release must reach every check and pass none."""
    found = [
        f"the untouched release passes {place(which)}"
        for which, outcome in marks.outcomes.items()
        if outcome.passed
    ]
    return found + [
        f"the untouched release does not reach {place(which)}: {outcome.message}"
        for which, outcome in marks.outcomes.items()
        if not outcome.passed and outcome.kind not in ("unanswered", "failed")
    ]


def wrong_faults(wrong: dict[str, Wrong], exercise_set: ExerciseSet, marks: Marks) -> list[str]:
    """Wrong answers must fail the checks they name, by assertions that explain, and no others."""
    found = []
    for exercise in exercise_set.exercises:
        if exercise.id not in wrong:
            continue
        answer = wrong[exercise.id]
        for check in exercise.checks:
            outcome = marks.outcomes[exercise.id, check.id]
            seen = f"{exercise.id}-{check.id}: {outcome.message}"
            if outcome.passed and check.id in answer.fails:
                found.append(f"{answer.name!r} passes {exercise.id}-{check.id}")
            elif not outcome.passed and check.id not in answer.fails:
                found.append(f"{answer.name!r} fails as well {seen}")
            elif not outcome.passed and outcome.kind != "failed":
                found.append(f"{answer.name!r}: a check does not explain itself, {seen}")
    return found


def set_faults(exercise_set: ExerciseSet) -> list[str]:
    """What is missing in a set, by its text alone."""
    found = [
        *chapter_faults(exercise_set),
        *level_faults(exercise_set.exercises),
        *kind_faults(exercise_set.exercises),
    ]
    for exercise in exercise_set.exercises:
        found += [
            *wrong_answer_faults(exercise),
            *points_faults(exercise),
            *parameter_faults(exercise, exercise_set.parameters),
        ]
    return found + rubric_faults(exercise_set.project)


def chapter_faults(exercise_set: ExerciseSet) -> list[str]:
    """A set has the name of its chapter's notebook."""
    if exercise_set.chapter == exercise_set.name:
        return []
    return [
        f"chapter must be the file's own name, {exercise_set.name!r}; got {exercise_set.chapter!r}"
    ]


def level_faults(exercises: Sequence[Exercise]) -> list[str]:
    """A set leads from a warm-up for class to something for those who want more."""
    found = [
        f"no exercise of the level {level}; a set has one of each of {', '.join(LEVELS)}"
        for level in LEVELS
        if level not in {exercise.level for exercise in exercises}
    ]
    return found + [
        f"{later.id} ({later.level}) must not follow {earlier.id} ({earlier.level}); exercises "
        f"come in the order {', '.join(LEVELS)}"
        for earlier, later in itertools.pairwise(exercises)
        if LEVELS.index(earlier.level) > LEVELS.index(later.level)
    ]


def kind_faults(exercises: Sequence[Exercise]) -> list[str]:
    """A set does not ask for the same kind of work only."""
    kinds = {exercise.kind for exercise in exercises}
    if len(kinds) >= FEWEST_KINDS:
        return []
    return [f"all exercises are of the kind {kinds.pop()!r}; a set has at least {FEWEST_KINDS}"]


def wrong_answer_faults(exercise: Exercise) -> list[str]:
    """Known wrong answers fail every hidden check, and one passes all that students see."""
    found = []
    if len(exercise.wrong) < FEWEST_WRONG:
        found.append(
            f"{exercise.id} has {len(exercise.wrong)} known wrong answers; at least {FEWEST_WRONG}"
        )
    hidden = {check.id for check in exercise.checks if check.hidden}
    unseen = hidden - {check for wrong in exercise.wrong for check in wrong.fails}
    found += [f"no wrong answer fails {exercise.id}-{check}" for check in sorted(unseen)]
    if not any(set(wrong.fails) <= hidden for wrong in exercise.wrong):
        found.append(f"{exercise.id}: no wrong answer passes the visible checks")
    return found


def points_faults(exercise: Exercise) -> list[str]:
    """Most points must not be for what students can try until it passes."""
    hidden = sum(check.points for check in exercise.checks if check.hidden)
    if 2 * hidden >= exercise.points:
        return []
    return [
        f"{exercise.id}: hidden checks give {hidden} of {exercise.points} points; at least half "
        "must be theirs"
    ]


def parameter_faults(exercise: Exercise, parameters: Iterable[str]) -> list[str]:
    """A variant must be able to change every exercise."""
    if exercise.uses:
        return []
    return [
        f"{exercise.id} uses no parameter in its task, given code or answer, so that a variant "
        f"could not change it; there are {', '.join(parameters)}"
    ]


def rubric_faults(project: Project) -> list[str]:
    """A person can mark by the rubric: it says what each criterion is, each once."""
    found = []
    if len(project.rubric) < FEWEST_CRITERIA:
        found.append(f"the rubric has {len(project.rubric)} criteria; at least {FEWEST_CRITERIA}")
    names = [criterion.name for criterion in project.rubric]
    found += [
        f"the rubric has the criterion {name!r} {times} times; names must differ"
        for name, times in Counter(names).items()
        if times > 1
    ]
    return found + [
        f"the rubric's row {row} must hold a criterion, what full marks are for and at least one "
        f"point; got {criterion.name!r}, {criterion.full_marks_for!r}, {criterion.points}"
        for row, criterion in enumerate(project.rubric, 1)
        if not (criterion.name and criterion.full_marks_for and criterion.points)
    ]


def published_answers_faults(variant: ExerciseSet, marks: Marks) -> list[str]:
    """Published solutions must not be right in a variant: each exercise must lose points."""
    return [
        f"the published solution of {exercise.id} gets all points in the variant: change a "
        "parameter that this exercise uses"
        for exercise in variant.exercises
        if marks.points(exercise) == exercise.points
    ]


def said(marks: Marks) -> list[tuple[tuple[str, str], str]]:
    """Failed checks with their messages."""
    return [(which, marks.outcomes[which].message) for which in sorted(marks.failed())]


def place(which: tuple[str, str]) -> str:
    """A check's full name."""
    return "-".join(which)
