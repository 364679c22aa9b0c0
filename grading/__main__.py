"""The commands of the exercises, which `make` calls: `python -m grading --help`."""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grading.authoring.assignments import KINDS, file_name, write
from grading.authoring.pages import PRACTICE, add_practice, write_pages
from grading.authoring.sets import SOURCES, ExerciseSet, find_set, read_set, set_names
from grading.authoring.try_out import try_out
from grading.authoring.variants import SourceError, read_variant
from grading.collecting.answers import MADE_FROM
from grading.collecting.batch import KEPT_FILE, mark_all
from grading.collecting.collect import Submission, collect
from grading.collecting.exports import PLATFORMS, export
from grading.collecting.files import SubmissionsError
from grading.collecting.one import check_mine, for_gradescope, grade_one
from grading.collecting.people import person_of
from grading.collecting.project import PROJECT_FILE, marks_for, read_project_file
from grading.collecting.results import OURS, Result, not_graded, write_results
from grading.collecting.tables import ResultsError
from grading.collecting.text import printable
from grading.marking import sandbox
from grading.marking.sandbox import PROJECT, Limits, SandboxError

VARIANTS = SOURCES / "variants"
ASSIGNMENTS, GRADES = PROJECT / "assignments", PROJECT / "grades"
FAULTS = (SourceError, SubmissionsError, ResultsError, SandboxError, OSError)
INTERRUPTED = 130  # what shells give for Ctrl-C
KEPT = "; finished submissions are kept, the same command goes on from there"
MANY = 3  # submissions: what most of them have in common is told once
LONGEST_SHOWN, LONGEST_ERROR = 500, 10_000  # letters


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what is wrong with the input is said in one line."""
    options = command_line().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a student's letters must not cost the summary.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return options.run(options) or 0
    except FAULTS as error:
        print("error:", printable(error, "\n", LONGEST_ERROR), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = KEPT if options.run is grade else ""
        print(f"interrupted: nothing was written{kept}", file=sys.stderr)
        return INTERRUPTED


def wanted_sets(names: list[str], variant: str) -> list[ExerciseSet]:
    """Sets with a variant's values, all if none is named; all that is wrong is told at once."""
    folder = VARIANTS / variant if (VARIANTS / variant).is_dir() else Path(variant)
    if variant and not names:
        names = sorted(path.stem for path in folder.glob("*.toml"))
    found, wrong = [], []
    for name in names or set_names():
        try:
            source = find_set(name)
            values = read_variant(folder, source.stem) if variant else {}
            found.append(read_set(source, values, folder.resolve().name if variant else ""))
        except SourceError as error:
            wrong.append(str(error))
    if wrong:
        raise SourceError("\n".join(wrong))
    return found


def set_to_run(options: argparse.Namespace) -> ExerciseSet:
    """The set, where answers can run; it is said once where they are not cut off."""
    sandbox.require()
    if warning := sandbox.warning():
        print(warning, file=sys.stderr)
    (exercise_set,) = wanted_sets([options.set], options.variant)
    return exercise_set


def say(text: str) -> None:
    """Print one line, whatever students have put into it."""
    print(printable(text, most=LONGEST_SHOWN))


# --- the commands, whose help is their docstring ---


def pages(options: argparse.Namespace) -> None:
    """Make the site's practice pages."""
    write_pages(solutions=options.solutions == "yes")


def practice(options: argparse.Namespace) -> None:
    """Make notebooks to practise in, where missing."""
    add_practice()


def mine(options: argparse.Namespace) -> None:
    """Run all checks on your notebook in practice."""
    exercise_set = set_to_run(options)
    for line in check_mine(exercise_set, PRACTICE / f"{exercise_set.name}.ipynb"):
        print(line)


def check(options: argparse.Namespace) -> bool:
    """Try sets out, side by side: solutions, release, known wrong answers."""
    sets = wanted_sets(options.sets, options.variant)
    published = [read_set(find_set(one.name)) if one.variant else None for one in sets]
    all_faults = 0
    with ProcessPoolExecutor() as pool:
        for lines, found in pool.map(try_out, sets, published):
            print("\n".join(lines))
            all_faults += found
    return all_faults > 0


def assignments(options: argparse.Namespace) -> None:
    """Make the zips that students get, or what a platform takes."""
    if options.variant and check(options):  # its numbers are new
        raise SourceError(
            "the variant does not work with these values, and nothing was written; what is "
            "allowed stands at the top of each set's file in exercises/"
        )
    exercise_sets, out = wanted_sets(options.sets, options.variant), options.out or ASSIGNMENTS
    for path in write(options.kind, exercise_sets, out):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
    if options.kind == "zip":
        print(f"For you, with solutions and hidden checks: {out / 'instructor'}")
    if not options.variant:
        print("Their solutions are on the site; for graded work make a variant (VARIANT=folder).")


def one(options: argparse.Namespace) -> None:
    """Grade one notebook, or one person's folder, to JSON."""
    exercise_set = set_to_run(options)
    graded = grade_one(options.notebook, exercise_set, Limits(all_seconds=options.seconds))
    text = json.dumps(for_gradescope(graded) if options.gradescope else graded, indent=1)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
        text = "; ".join([f"{graded['points']} of {graded['of']} points", *graded["notes"]])
    print(text)


def grade(options: argparse.Namespace) -> None:
    """Grade a folder of submissions."""
    exercise_set = set_to_run(options)
    folder = (options.out or GRADES) / file_name(exercise_set)
    given = read_project_file(folder / PROJECT_FILE, exercise_set)
    pile = collect(options.submissions, exercise_set)
    submissions = pile.submissions
    missing = not_graded(submissions, pile.without_notebook, options.roster)
    project, unknown = marks_for([person_of(submission) for submission in submissions], given)
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()  # an OSError comes here, before hours of work
    for _, kind, why in missing:  # before hours of work: it may be the wrong folder
        say(f"{kind}: {why}")
    told = tell_of_all(submissions, exercise_set)
    limits, kept = Limits(all_seconds=options.seconds), folder / KEPT_FILE
    with tqdm(total=len(submissions), unit="submission", desc="grading") as bar:
        marks, ran = mark_all(
            submissions, exercise_set, limits, options.jobs, kept, bar.update, options.again
        )
    seconds = bar.format_dict["elapsed"]
    results = [Result(*of_one) for of_one in zip(submissions, marks, project, strict=True)]
    write_results(results, exercise_set, folder, missing)
    for result in results:
        if notes := [note for note in result.notes if note not in told]:
            say(f"{person_of(result.submission)}: {'; '.join(notes)}")
    for person in unknown:
        say(f"{PROJECT_FILE}: move these marks to the right row, they fit nobody: {person}")
    there = ", ".join(name for name in OURS if (folder / name).exists())
    print(f"{folder}: {there}, and {PROJECT_FILE} for the project;")
    print("grade again when it is filled in: totals and feedback will have it, nothing runs again.")
    middle = statistics.median(one_marks.total(exercise_set) for one_marks in marks)
    each = f"{ran} ran, {seconds / ran:.1f} s each" if ran else "all were marked before"
    print(f"Median {middle:g} of {exercise_set.points} points by checks")
    print(f"{len(submissions)} submissions in {seconds:.0f} s: {each}")


def tell_of_all(submissions: list[Submission], exercise_set: ExerciseSet) -> set[str]:
    """Say before the run what most notebooks have in common, and return these notes."""
    answers = [cells for one in submissions for cells in (one.answers or {}).values()]
    if not any(cell.is_answer for cells in answers for cell in cells):
        print(f"Nobody answered anything of {exercise_set.name}: is SET right?")
    this = f"{exercise_set.name} {exercise_set.variant or 'without VARIANT'}"
    numbers = Counter(note for one in submissions for note in one.notes)
    told = set()
    for note, number in numbers.items():
        is_other = note.startswith(MADE_FROM)
        if 2 * number > len(submissions) and (is_other or number >= MANY):
            told.add(note)
            graded_as = f"; they are graded as {this}" if is_other else ""
            say(f"{number} of {len(submissions)} notebooks: {note}{graded_as}")
    return told


def export_grades(options: argparse.Namespace) -> None:
    """Put totals into a platform's own table."""
    (exercise_set,) = wanted_sets([options.set], options.variant)
    folder = (options.out or GRADES) / file_name(exercise_set)
    path, exported = export(exercise_set, options.platform, options.table, folder, options.column)
    print(f"{path}: {exported.filled} of {exported.rows} rows filled in")
    if exported.without_project:
        print(f"totals of {exported.without_project} are without the project: not marked yet")
    for student in exported.not_in_table:
        say(f"graded, but not in the table: {student}")


# --- the command line ---


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1; got {text!r}")
    return int(text)


COMMANDS = {
    "pages": (pages, "--solutions"),
    "practice": (practice, ""),
    "mine": (mine, "set"),
    "check": (check, "sets --variant"),
    "assignments": (assignments, "sets --as --out --variant"),
    "grade": (grade, "set submissions --out --jobs --seconds --roster --again --variant"),
    "export": (export_grades, "set platform table --out --column --variant"),
    "one": (one, "set notebook --out --gradescope --seconds --variant"),
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "set": {"help": "a name or number"},
    "sets": {"nargs": "*", "help": "names or numbers; all sets if none"},
    "submissions": {"type": Path},
    "platform": {"choices": PLATFORMS},
    "table": {"type": Path, "help": "the CSV that the platform gave"},
    "notebook": {"type": Path},
    "--solutions": {"choices": ("yes", "no"), "default": "yes"},
    "--as": {"dest": "kind", "choices": KINDS, "default": "zip"},
    "--out": {"type": Path, "help": "where results go"},
    "--jobs": {"type": at_least_one, "default": os.cpu_count() or 1},
    "--seconds": {"type": at_least_one, "default": Limits().all_seconds, "help": "for each"},
    "--roster": {"type": Path, "help": "a CSV of everybody: who handed in nothing?"},
    "--again": {"action": "store_true", "help": "run also what was marked before"},
    "--gradescope": {"action": "store_true", "help": "in the form of its results.json"},
    "--column": {"default": "", "help": "the grade's column, if it has a name"},
    "--variant": {"help": "a folder of values, or one of exercises/variants"},
}


def command_line() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = argparse.ArgumentParser(prog="python -m grading", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for name, (run, arguments) in COMMANDS.items():
        command = commands.add_parser(name, help=run.__doc__)
        command.set_defaults(run=run, variant="")
        for argument in arguments.split():
            command.add_argument(argument, **ARGUMENTS[argument])
    return parser


if __name__ == "__main__":
    sys.exit(main())
