"""The commands of the exercises: `python -m grading --help`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from grading.sets import SOURCES, ExerciseSet, SourceError, find_set, read_set, set_names
from grading.try_out import faults, published_answers_faults, set_faults
from grading.variants import VariantError, read_variant

VARIANTS = SOURCES / "variants"


def main() -> int:
    """Run one command; what is wrong is said in one line."""
    parser = argparse.ArgumentParser(prog="python -m grading", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check", help="try a set out: solutions, release, known wrong answers"
    )
    check.add_argument("set", nargs="*", help="names or numbers; all sets if none")
    check.add_argument(
        "--variant", default="", help="a folder, or the name of one in exercises/variants"
    )
    arguments = parser.parse_args()
    try:
        return check_sets(arguments.set or set_names(), arguments.variant)
    except (SourceError, VariantError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def wanted(name: str, variant: str) -> ExerciseSet:
    """A set, with a variant's values where one is named."""
    source = find_set(name)
    if not variant:
        return read_set(source)
    folder = VARIANTS / variant if (VARIANTS / variant).is_dir() else Path(variant)
    return read_set(source, read_variant(folder, source.stem), folder.name)


def check_sets(names: list[str], variant: str) -> int:
    """Say of each set what is wrong with it."""
    wrong = 0
    for name in names:
        exercise_set = wanted(name, variant)
        found = set_faults(exercise_set) + faults(exercise_set)
        if variant:
            found += published_answers_faults(read_set(find_set(name)), exercise_set)
        for fault in found:
            print(f"{exercise_set.name}: {fault}")
        answers = sum(len(exercise.wrong) for exercise in exercise_set.exercises)
        print(
            f"{exercise_set.name}: {len(exercise_set.exercises)} exercises, {exercise_set.points} points, "
            f"project {exercise_set.project.points}, {answers} wrong answers, {len(found)} faults"
        )
        wrong += bool(found)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
