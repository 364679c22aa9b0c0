"""Try a set out: its solutions, the release as it is, and every known wrong answer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from grading.authoring.rules import (
    published_answers_faults,
    reference_faults,
    untouched_faults,
    wrong_faults,
)
from grading.authoring.sets import ExerciseSet
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

Judge = Callable[[ExerciseSet, Marks], Iterable[str]]
Case = tuple[Judge, Answers]


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


def earned(variant: ExerciseSet, published: ExerciseSet) -> str:
    """What the published solutions bring somebody who hands them in to a variant."""
    [marks] = mark_in_copies(variant, [reference(published)])
    parts = [f"{e.id} {marks.points(e)} of {e.points}" for e in variant.exercises]
    total = f"{marks.total(variant)} of {variant.points} points"
    return f"published solutions earn {total}: {', '.join(parts)}"


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
