"""Try a set out: its solutions, the release as it is, and every known wrong answer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.authoring.rules import set_faults
from grading.authoring.sets import ExerciseSet
from grading.marking import marking
from grading.marking.door import Door, Stopped
from grading.marking.marking import USUAL, Answers, Marks, OutOfTime, StudentCell, reference


@dataclass(frozen=True)
class Expected:
    """What an answer is called, the checks that it must fail, and how."""

    name: str
    fails: tuple[str, ...]
    kinds: tuple[str, ...] = ("failed",)


def try_out(exercise_set: ExerciseSet, published: ExerciseSet | None) -> tuple[list[str], int]:
    """Return what is to say of a set, beside the published one if a variant, and its faults."""
    found, said = set_faults(exercise_set) + faults(exercise_set), []
    if published:
        copied, earned = try_copied(exercise_set, published)
        found += copied
        said = [earned]
    wrong = sum(len(exercise.wrong) for exercise in exercise_set.exercises)
    summary = (
        f"{len(exercise_set.exercises)} exercises, {exercise_set.points} points, "
        f"project {exercise_set.project.points}, {wrong} wrong answers, {len(found)} faults"
    )
    return [f"{exercise_set.name}: {line}" for line in [*said, *found, summary]], len(found)


def faults(exercise_set: ExerciseSet) -> list[str]:
    """What a set does not keep of its promises."""
    expected, submissions = zip(*cases(exercise_set), strict=True)
    marked = mark_in_copies(exercise_set, submissions)
    return [fault for of_one in zip(expected, marked, strict=True) for fault in broken(*of_one)]


def broken(expected: dict[str, Expected], marks: Marks) -> Iterator[str]:
    """Answers must fail the checks that they should, by what these assert, and no others."""
    for (exercise, check), outcome in marks.outcomes.items():
        if exercise not in expected:
            continue
        answer, where = expected[exercise], f"{exercise}-{check}"
        if outcome.passed and check in answer.fails:
            yield f"{answer.name} must fail {where}"
        elif not outcome.passed and check not in answer.fails:
            yield f"{answer.name} must not fail {where}: {outcome.message}"
        elif not outcome.passed and outcome.kind not in answer.kinds:
            yield f"{answer.name} must fail {where} by what it asserts; got {outcome.message}"


def try_copied(variant: ExerciseSet, published: ExerciseSet) -> tuple[list[str], str]:
    """Where somebody loses nothing who hands the published solutions in, and what they earn."""
    [marks] = mark_in_copies(variant, [reference(published)])
    found = [
        f"the published solution of {exercise.id} gets all points in the variant: change a "
        f"parameter that this exercise uses: {', '.join(sorted(exercise.uses))}"
        for exercise in variant.exercises
        if marks.points(exercise) == exercise.points
    ]
    parts = [f"{e.id} {marks.points(e)} of {e.points}" for e in variant.exercises]
    total = f"{marks.total(variant)} of {variant.points} points"
    return found, f"published solutions earn {total}: {', '.join(parts)}"


def mark_in_copies(exercise_set: ExerciseSet, submissions: Sequence[Answers]) -> list[Marks]:
    """The marks of several submissions, in one worker that runs the setup once.

    Each is run in a copy of that process, which leaves the worker as it was. One that ends its copy
    ends the worker; then each gets workers of its own, as students do.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="grading-") as scratch:
        try:
            with Door(USUAL, Path(scratch)) as door:
                door.run(exercise_set.setup)
                for answers in submissions:
                    door.ask({"kind": "copy"})
                    begun = marking.Marking(exercise_set, answers, USUAL)
                    begun.go_on(door)
                    door.ask({"kind": "leave"})
                    found.append(begun.marks)
        except (Stopped, OutOfTime):
            return [marking.mark(exercise_set, answers) for answers in submissions]
    return found


def cases(exercise_set: ExerciseSet) -> Iterator[tuple[dict[str, Expected], Answers]]:
    """The solutions, the release and wrong answers, with what is expected of some exercises.

    Exercises do not depend on each other; so one submission tries a wrong answer of every exercise
    that has as many. The others are left out: their solutions have been tried.
    """
    exercises = exercise_set.exercises
    yield {e.id: Expected("the solution", ()) for e in exercises}, reference(exercise_set)
    what, kinds = "the untouched release", ("failed", "unanswered")
    release = {e.id: Expected(what, tuple(c.id for c in e.checks), kinds) for e in exercises}
    yield release, marking.untouched(exercise_set)
    for k in range(max(len(exercise.wrong) for exercise in exercises)):
        wrong = {e.id: e.wrong[k] for e in exercises if k < len(e.wrong)}
        expected = {name: Expected(repr(w.name), w.fails) for name, w in wrong.items()}
        left_out: Answers = {e.id: [] for e in exercises}
        yield expected, left_out | {name: [StudentCell(w.code)] for name, w in wrong.items()}
