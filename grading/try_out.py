"""Try a set out: its solutions, the release as it is, and every known wrong answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from grading.marking import Answers, Marks, StudentCell, mark, reference, untouched
from grading.sets import ExerciseSet, Wrong

Judge = Callable[[ExerciseSet, Marks], list[str]]

WORKERS = 2


def faults(exercise_set: ExerciseSet) -> list[str]:
    """What a set does not keep of its promises; nothing, for a set that can be assigned."""
    with ThreadPoolExecutor(WORKERS) as pool:
        running = [
            (judge, pool.submit(mark, exercise_set, answers))
            for judge, answers in cases(exercise_set)
        ]
        return [fault for judge, marks in running for fault in judge(exercise_set, marks.result())]


def cases(exercise_set: ExerciseSet) -> Iterator[tuple[Judge, Answers]]:
    """Submissions with a known outcome, each with the function that judges it.

    Exercises do not depend on each other; so one submission tries a wrong answer of every exercise.
    """
    yield reference_faults, reference(exercise_set)
    yield untouched_faults, untouched(exercise_set)
    for k in range(max(len(exercise.wrong) for exercise in exercise_set.exercises)):
        wrong = {e.id: e.wrong[k] for e in exercise_set.exercises if k < len(e.wrong)}
        answers = {exercise: [StudentCell(answer.code)] for exercise, answer in wrong.items()}
        yield partial(wrong_faults, wrong), reference(exercise_set) | answers


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
        expected = set(wrong[exercise.id].fails) if exercise.id in wrong else set()
        name = (
            repr(wrong[exercise.id].name) if exercise.id in wrong else "the solution beside others"
        )
        for check in exercise.checks:
            outcome = marks.outcomes[exercise.id, check.id]
            seen = f"{exercise.id}-{check.id}: {outcome.message}"
            if outcome.passed and check.id in expected:
                found.append(f"{name} passes {exercise.id}-{check.id}")
            elif not outcome.passed and check.id not in expected:
                found.append(f"{name} fails as well {seen}")
            elif not outcome.passed and outcome.kind != "failed":
                found.append(f"{name}: a check does not explain itself, {seen}")
    return found


def set_faults(exercise_set: ExerciseSet) -> list[str]:
    """What is missing in a set, by its text alone."""
    found = []
    for exercise in exercise_set.exercises:
        if len(exercise.wrong) < 3:
            found.append(f"{exercise.id} has {len(exercise.wrong)} known wrong answers, not three")
        hidden = {check.id for check in exercise.checks if check.hidden}
        unseen = hidden - {check for wrong in exercise.wrong for check in wrong.fails}
        found += [f"no wrong answer fails {exercise.id}-{check}" for check in sorted(unseen)]
        if not any(set(wrong.fails) <= hidden for wrong in exercise.wrong):
            found.append(f"{exercise.id}: no wrong answer passes the visible checks")
    return found


def published_answers_faults(published: ExerciseSet, private: ExerciseSet) -> list[str]:
    """Published solutions must not be right in a variant: each exercise must lose points."""
    marks = mark(private, reference(published))
    return [
        f"the published solution of {exercise.id} gets all points in the variant: change a "
        "parameter that this exercise uses"
        for exercise in private.exercises
        if marks.points(exercise) == exercise.points
    ]


def said(marks: Marks) -> list[tuple[tuple[str, str], str]]:
    """Failed checks with their messages."""
    return [(which, marks.outcomes[which].message) for which in sorted(marks.failed())]


def place(which: tuple[str, str]) -> str:
    """A check's full name."""
    return "-".join(which)
