"""Which lines of an exercise set are private, to look for in what is handed out."""

from __future__ import annotations

import functools

import nbformat

from grading.__main__ import VARIANTS
from grading.authoring.sets import ExerciseSet, find_set, read_set
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


def private_lines(exercise_set: ExerciseSet) -> set[str]:
    """Lines of solutions, hidden checks and explanations, but for those that students are shown.

    A line that they see elsewhere, such as a loop's, is no secret.
    """
    shown = [exercise_set.setup, exercise_set.introduction, exercise_set.project.statement]
    private = []
    for exercise in exercise_set.exercises:
        shown += [exercise.statement, exercise.stub, exercise.given, *exercise.hints]
        shown += [check.code for check in exercise.checks if not check.hidden]
        private += [exercise.solution, exercise.explanation]
        private += [check.code for check in exercise.checks if check.hidden]
    return lines(*private) - lines(*shown)


def notebook_text(notebook: str) -> str:
    """All that the cells of a notebook hold."""
    return "\n".join(cell.source for cell in nbformat.reads(notebook, as_version=4).cells)
