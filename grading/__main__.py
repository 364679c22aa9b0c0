"""The commands of the exercises, which `make` calls: `python -m grading --help`."""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from grading.authoring.assignments import WRITE, file_name
from grading.authoring.pages import PRACTICE, add_practice, write_pages
from grading.authoring.rules import set_faults
from grading.authoring.sets import SOURCES, ExerciseSet, SourceError, find_set, read_set, set_names
from grading.authoring.try_out import earned, faults
from grading.authoring.variants import VariantError, read_variant
from grading.collecting.batch import KEPT_FILE, mark_all
from grading.collecting.collect import Submission, collect
from grading.collecting.exports import PLATFORMS, export
from grading.collecting.files import SubmissionsError
from grading.collecting.one import for_gradescope, grade_one
from grading.collecting.people import person_of
from grading.collecting.project import PROJECT_FILE, marks_for, read_project_file
from grading.collecting.results import OURS, Result, not_graded, try_to_write, write_results
from grading.collecting.tables import ResultsError, clipped, plain
from grading.marking import sandbox
from grading.marking.mine import check_mine
from grading.marking.sandbox import PROJECT, Limits, SandboxError

VARIANTS = SOURCES / "variants"
ASSIGNMENTS, GRADES = PROJECT / "assignments", PROJECT / "grades"
FAULTS = (SourceError, VariantError, SubmissionsError, ResultsError, SandboxError, OSError)
INTERRUPTED = 130  # what shells give for Ctrl-C
MADE_FROM = "made from "  # how the note on another set or variant begins
LONGEST_SHOWN = 500  # letters


def main(arguments: list[str] | None = None) -> int:
    """Run one command; what is wrong with the input is said in one line."""
    options = command_line().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that lacks a student's letters must not cost the summary.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return options.run(options)
    except FAULTS as error:
        print("error:", plain(error, keep="\n"), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "; finished submissions are kept, the same command goes on from there"
        is_grade = options.run is grade_set
        print(f"interrupted: nothing was written{kept if is_grade else ''}", file=sys.stderr)
        return INTERRUPTED


def command_line() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = argparse.ArgumentParser(prog="python -m grading", description=__doc__)
    commands = parser.add_subparsers(required=True)

    pages = commands.add_parser("pages", help="make the site's practice pages")
    pages.add_argument("--solutions", choices=("yes", "no"), default="yes")
    pages.set_defaults(run=make_pages)

    practice = commands.add_parser("practice", help="make notebooks to practise in, where missing")
    practice.set_defaults(run=make_practice)

    mine = commands.add_parser("mine", help="run all checks on your notebook in practice")
    mine.add_argument("set")
    mine.set_defaults(run=show_mine)

    check = commands.add_parser(
        "check", help="try sets out: solutions, release, known wrong answers"
    )
    check.add_argument("set", nargs="*", help="names or numbers; all sets if none")
    check.set_defaults(run=check_sets)

    assignments = commands.add_parser("assignments", help="make the zips that students get")
    assignments.add_argument("set", nargs="*", help="names or numbers; all sets if none")
    assignments.add_argument("--out", type=Path, default=ASSIGNMENTS)
    assignments.add_argument("--as", dest="kind", choices=WRITE, default="zip")
    assignments.set_defaults(run=make_assignments)

    grade = commands.add_parser("grade", help="grade a folder of submissions")
    grade.add_argument("set")
    grade.add_argument("submissions", type=Path)
    grade.add_argument("--out", type=Path, default=GRADES)
    grade.add_argument("--jobs", type=at_least_one, default=os.cpu_count() or 1)
    grade.add_argument(
        "--seconds", type=at_least_one, default=Limits().all_seconds, help="for a submission"
    )
    grade.add_argument("--roster", type=Path, help="a CSV of everybody: who handed in nothing?")
    grade.add_argument("--again", action="store_true", help="run also what was marked before")
    grade.set_defaults(run=grade_set)

    export_grades = commands.add_parser("export", help="put totals into a platform's own table")
    export_grades.add_argument("set")
    export_grades.add_argument("platform", choices=PLATFORMS)
    export_grades.add_argument("table", type=Path)
    export_grades.add_argument("--out", type=Path, default=GRADES)
    export_grades.add_argument("--column", default="", help="the grade's column, if it has a name")
    export_grades.set_defaults(run=export_set)

    one = commands.add_parser("one", help="grade one notebook, or one person's folder, to JSON")
    one.add_argument("set")
    one.add_argument("notebook", type=Path)
    one.add_argument("--out", type=Path, help="a file; the terminal if none")
    one.add_argument("--gradescope", action="store_true", help="in the form of its results.json")
    one.add_argument("--seconds", type=at_least_one, default=Limits().all_seconds)
    one.set_defaults(run=grade_to_json)

    for command in (check, assignments, grade, export_grades, one):
        command.add_argument(
            "--variant",
            default="",
            help="a folder of values, or the name of one in exercises/variants",
        )
    return parser


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1; got {text!r}")
    return int(text)


def wanted(name: str, variant: str) -> ExerciseSet:
    """A set, with a variant's values where one is named."""
    source = find_set(name)
    if not variant:
        return read_set(source)
    folder = variant_folder(variant)
    return read_set(source, read_variant(folder, source.stem), folder.resolve().name)


def variant_folder(variant: str) -> Path:
    """Where a variant's files lie."""
    return VARIANTS / variant if (VARIANTS / variant).is_dir() else Path(variant)


def wanted_sets(names: list[str], variant: str) -> list[ExerciseSet]:
    """Several sets, all if none is named; what is wrong with any of them is told at once."""
    found, wrong = [], []
    if variant and not names:
        names = sorted(path.stem for path in variant_folder(variant).glob("*.toml"))
    for name in names or set_names():
        try:
            found.append(wanted(name, variant))
        except (SourceError, VariantError) as error:
            wrong.append(str(error))
    if wrong:
        raise VariantError("\n".join(wrong))
    return found


def make_pages(options: argparse.Namespace) -> int:
    """The pages of the site."""
    write_pages(solutions=options.solutions == "yes")
    return 0


def make_practice(options: argparse.Namespace) -> int:
    """Notebooks for a learner of one's own."""
    add_practice()
    return 0


def show_mine(options: argparse.Namespace) -> int:
    """What a learner's own notebook has right, check by check."""
    get_ready()
    exercise_set = wanted(options.set, "")
    for line in check_mine(exercise_set, PRACTICE / f"{exercise_set.name}.ipynb"):
        print(line)
    return 0


def get_ready() -> None:
    """Refuse where answers cannot run; say it once where they are not cut off."""
    sandbox.require()
    if not sandbox.is_available():
        print(sandbox.NOT_CUT_OFF, file=sys.stderr)


def check_sets(options: argparse.Namespace) -> int:
    """Say of each set what is wrong with it."""
    return 1 if tell_faults(wanted_sets(options.set, options.variant)) else 0


def tell_faults(exercise_sets: list[ExerciseSet]) -> int:
    """Try sets out, print every fault, and count the sets that have one."""
    wrong = 0
    for exercise_set in exercise_sets:
        published = read_set(find_set(exercise_set.name)) if exercise_set.variant else None
        found = set_faults(exercise_set) + faults(exercise_set, published)
        for fault in found:
            print(f"{exercise_set.name}: {fault}")
        if published:
            print(f"{exercise_set.name}: {earned(exercise_set, published)}")
        answers = sum(len(exercise.wrong) for exercise in exercise_set.exercises)
        print(
            f"{exercise_set.name}: {len(exercise_set.exercises)} exercises, "
            f"{exercise_set.points} points, project {exercise_set.project.points}, "
            f"{answers} wrong answers, {len(found)} faults"
        )
        wrong += bool(found)
    return wrong


def make_assignments(options: argparse.Namespace) -> int:
    """What students or a platform get; a variant is tried out first, as its numbers are new."""
    exercise_sets = wanted_sets(options.set, options.variant)
    if options.variant and tell_faults(exercise_sets):
        raise VariantError(
            "the variant does not work with these values, and nothing was written; what is "
            "allowed stands at the top of each set's file in exercises/"
        )
    for path in WRITE[options.kind](exercise_sets, options.out):
        print(f"{shown(path)}  {path.stat().st_size / 1e6:.1f} MB")
    if options.kind == "zip":
        print(f"For you, with solutions and hidden checks: {shown(options.out / 'instructor')}")
    if not options.variant:
        print("Their solutions are on the site; for graded work make a variant (VARIANT=folder).")
    return 0


def grade_to_json(options: argparse.Namespace) -> int:
    """One notebook's marks for a program to read."""
    get_ready()
    exercise_set = wanted(options.set, options.variant)
    graded = grade_one(options.notebook, exercise_set, Limits(all_seconds=options.seconds))
    text = json.dumps(for_gradescope(graded) if options.gradescope else graded, indent=1)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
        text = "; ".join([f"{graded['points']} of {graded['of']} points", *graded["notes"]])
    print(text)
    return 0


def grade_set(options: argparse.Namespace) -> int:
    """Marks and feedback for a folder of submissions."""
    get_ready()
    exercise_set = wanted(options.set, options.variant)
    folder = options.out / file_name(exercise_set)
    given = read_project_file(folder / PROJECT_FILE, exercise_set)
    pile = collect(options.submissions, exercise_set)
    submissions = pile.submissions
    missing = not_graded(submissions, pile.without_notebook, options.roster)
    project, unknown = marks_for([person_of(one) for one in submissions], given)
    try_to_write(folder)
    told = tell_of_all(submissions, exercise_set)
    limits, kept = Limits(all_seconds=options.seconds), folder / KEPT_FILE
    begun = time.monotonic()
    with tqdm(total=len(submissions), unit="submission", desc="grading") as bar:
        marks, ran = mark_all(
            submissions, exercise_set, limits, options.jobs, kept, bar.update, options.again
        )
    seconds = time.monotonic() - begun
    results = [Result(*of_one) for of_one in zip(submissions, marks, project, strict=True)]
    write_results(results, exercise_set, folder, missing)
    for result in results:
        if notes := [note for note in result.notes if note != told]:
            say(f"{result.submission.student}: {'; '.join(notes)}")
    for person in unknown:
        say(f"{PROJECT_FILE}: these marks fit nobody for certain: {person}")
    for person, why in missing:
        say(f"{person}: {why}")
    there = ", ".join(name for name in OURS if (folder / name).exists())
    print(f"{shown(folder)}: {there}, and {PROJECT_FILE} for the project;")
    print("grade again when it is filled in: totals and feedback will have it, nothing runs again.")
    middle = statistics.median(result.marks.total(exercise_set) for result in results)
    each = f"{ran} ran, {seconds / ran:.1f} s each" if ran else "all were marked before"
    print(f"Median {middle:g} of {exercise_set.points} points by checks")
    print(f"{len(submissions)} submissions in {seconds:.0f} s: {each}")
    return 0


def tell_of_all(submissions: list[Submission], exercise_set: ExerciseSet) -> str:
    """Say before the run what most notebooks have in common, and return that note."""
    answers = [cells for one in submissions for cells in (one.answers or {}).values()]
    if not any(cell.is_answer for cells in answers for cell in cells):
        print(f"Nobody answered anything of {exercise_set.name}: is SET right?")
    notes = [note for one in submissions for note in one.notes if note.startswith(MADE_FROM)]
    note, number = Counter(notes).most_common(1)[0] if notes else ("", 0)
    if 2 * number <= len(submissions):
        return ""
    variant = f"with VARIANT {exercise_set.variant}" if exercise_set.variant else "without VARIANT"
    say(
        f"{number} of {len(submissions)} notebooks were {note}; they are graded as "
        f"{exercise_set.name} {variant}"
    )
    return note


def say(text: str) -> None:
    """Print one line, whatever students have put into it."""
    print(clipped(plain(text), LONGEST_SHOWN))


def export_set(options: argparse.Namespace) -> int:
    """One platform's table, filled in."""
    exercise_set = wanted(options.set, options.variant)
    folder = options.out / file_name(exercise_set)
    path, exported = export(exercise_set, options.platform, options.table, folder, options.column)
    print(f"{shown(path)}: {exported.filled} of {len(exported.rows) - 1} rows filled in")
    if exported.without_project:
        print(
            f"the project is not marked yet for {exported.without_project}: totals are without it"
        )
    for student in exported.not_in_table:
        say(f"graded, but not in the table (or not the only one of that name): {student}")
    return 0


def shown(path: Path) -> str:
    """A path as short as it can be said."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main())
