"""Try a set out: its solutions, the release as it is, and every known wrong answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from grading.marking import Marks, mark, reference, untouched, with_answer
from grading.sets import ExerciseSet

WORKERS = 2


def faults(exercise_set: ExerciseSet) -> list[str]:
    """What a set does not keep of its promises; nothing, for a set that can be assigned."""
    with ThreadPoolExecutor(WORKERS) as pool:
        trials = [
            (judge, pool.submit(mark, exercise_set, answers))
            for judge, answers in cases(exercise_set)
        ]
        return [fault for judge, marks in trials for fault in judge(exercise_set, marks.result())]


def cases(exercise_set: ExerciseSet) -> Iterator[tuple]:
    """Every submission with a known outcome, and the function that judges it."""
    yield reference_faults, reference(exercise_set)
    yield untouched_faults, untouched(exercise_set)
    for exercise in exercise_set.exercises:
        for wrong in exercise.wrong:
            judge = WrongAnswer(exercise.id, wrong.name, wrong.fails)
            yield judge.faults, with_answer(exercise_set, exercise.id, wrong.code)


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


class WrongAnswer:
    """A wrong answer, and what must come of it."""

    def __init__(self, exercise: str, name: str, fails: tuple[str, ...]) -> None:
        self.exercise, self.name, self.fails = exercise, name, fails

    def faults(self, exercise_set: ExerciseSet, marks: Marks) -> list[str]:
        """It must fail the checks it names and no other, each by an assertion that explains."""
        expected = {(self.exercise, check) for check in self.fails}
        failed = marks.failed()
        answer = f"{self.exercise}, wrong answer {self.name!r}"
        found = [f"{answer} passes {place(which)}" for which in sorted(expected - failed)]
        for which, message in said(marks):
            if which not in expected:
                found.append(f"{answer} fails {place(which)} as well: {message}")
            elif marks.outcomes[which].kind != "failed":
                found.append(f"{answer}: {place(which)} does not explain itself: {message}")
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
        f"the published solution of {exercise.id} gets all points in the variant"
        for exercise in private.exercises
        if marks.points(exercise) == exercise.points
    ]


def said(marks: Marks) -> list[tuple[tuple[str, str], str]]:
    """Failed checks with their messages."""
    return [(which, marks.outcomes[which].message) for which in sorted(marks.failed())]


def place(which: tuple[str, str]) -> str:
    """A check's full name."""
    return "-".join(which)
