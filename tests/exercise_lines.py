"""Which lines of an exercise set are private, to look for in what is handed out."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import nbformat

from grading.__main__ import VARIANTS
from grading.authoring.sets import Exercise, ExerciseSet, find_set, read_set
from grading.authoring.variants import read_variant

SHORTEST = 12  # letters: a bracket or a `return None` is nobody's secret
EXAMPLE = "example"


@functools.cache
def known_set(name: str, variant: str = "") -> ExerciseSet:
    """A set of the course, with published values or a variant's."""
    values = read_variant(VARIANTS / variant, name) if variant else {}
    return read_set(find_set(name), values, variant)


def lines(*texts: str) -> set[str]:
    """The lines of texts, without those that say too little to be anybody's."""
    found = {
        line.strip().removeprefix("# ").strip() for text in texts for line in text.splitlines()
    }
    return {line for line in found if len(line) >= SHORTEST}


def shown_lines(exercise_set: ExerciseSet) -> set[str]:
    """What every student may read."""
    shown = [exercise_set.setup, exercise_set.introduction, exercise_set.project.statement]
    for exercise in exercise_set.exercises:
        shown += [exercise.statement, exercise.stub, *exercise.given, *exercise.hints]
        shown += [check.code for check in exercise.checks if not check.hidden]
    return lines(*shown)


def private_lines(exercise_set: ExerciseSet) -> dict[str, set[str]]:
    """Lines of solutions, hidden checks, explanations and wrong answers that no student may read.

    A line that students are shown elsewhere, such as a loop's, is none of them.
    """
    shown = shown_lines(exercise_set)
    solved = lines(*(text for e in exercise_set.exercises for text in (e.solution, e.explanation)))
    return {
        "solution": of_all(exercise_set, lambda e: [e.solution]) - shown,
        "explanation": of_all(exercise_set, lambda e: [e.explanation]) - shown,
        "hidden": of_all(exercise_set, hidden_code) - shown - solved,
        "wrong": of_all(exercise_set, lambda e: [w.code for w in e.wrong]) - shown - solved,
    }


def of_all(exercise_set: ExerciseSet, texts) -> set[str]:
    """The lines of some texts of every exercise."""
    return lines(*(text for exercise in exercise_set.exercises for text in texts(exercise)))


def hidden_code(exercise: Exercise) -> Iterable[str]:
    """The hidden checks of an exercise."""
    return [check.code for check in exercise.checks if check.hidden]


def notebook_text(notebook: str) -> str:
    """All that the cells of a notebook hold."""
    return "\n".join(cell.source for cell in nbformat.reads(notebook, as_version=4).cells)
