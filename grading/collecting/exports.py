"""Put the totals into the table that a learning platform gave, so that it takes them back.

Platforms change their columns, and courses rename them. So the lecturer downloads the platform's
own table (Moodle's grading worksheet, Canvas' gradebook, Gradescope's roster), and gets it back
with one column filled in. Nothing else in it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grading.authoring.sets import ExerciseSet
from grading.collecting.people import Match, people_in
from grading.collecting.results import POINTS_FILE
from grading.collecting.tables import ResultsError, read_table, write_as_it_is


@dataclass(frozen=True)
class Platform:
    """Which columns a platform's table must have, and where it takes grades."""

    needs: tuple[str, ...]
    grade_column: str  # or "", where a column has to be named
    kept: tuple[str, ...] = ()  # columns to hand back; all, if empty


CANVAS_COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
PLATFORMS = {
    "moodle": Platform(("Identifier",), "Grade"),  # the names are missing where it is anonymous
    "canvas": Platform(("Student", "ID"), "", kept=CANVAS_COLUMNS),
    "gradescope": Platform((), "Total Score"),
}
MOST_IN_MOODLE, MOST_IN_GRADESCOPE = "Maximum Grade", "Max Points"


@dataclass(frozen=True)
class Exported:
    """A filled-in table, and who could not be matched."""

    rows: list[list[str]]
    filled: int
    not_in_table: list[str]
    without_project: int


def export(
    exercise_set: ExerciseSet, platform: str, table: Path, folder: Path, column: str = ""
) -> tuple[Path, Exported]:
    """Write PLATFORM.csv beside the grades."""
    points = folder / POINTS_FILE
    if not points.exists():
        raise ResultsError(f"{points} is not there: grade the set first")
    if platform not in PLATFORMS:
        raise ResultsError(f"PLATFORM must be one of {', '.join(PLATFORMS)}; got {platform!r}")
    if not table.is_file():
        raise ResultsError(f"TABLE must be a CSV that {platform} gave; got {str(table)!r}")
    grades = read_table(points)[0]
    exported = filled_table(read_table(table)[0], grades, platform, exercise_set, column)
    path = folder / f"{platform}.csv"  # platforms want commas, whatever a spreadsheet has made
    write_as_it_is(path, exported.rows)
    return path, exported


def filled_table(
    table: list[list[str]],
    grades: list[list[str]],
    platform: str,
    exercise_set: ExerciseSet,
    column: str = "",
) -> Exported:
    """The platform's table with the totals in it; every other cell is as it was."""
    how = PLATFORMS[platform]
    header = table[0] if table else []
    require_columns(header, (*how.needs, column))
    grade = column or how.grade_column or f"Exercises: {exercise_set.title}"
    most = exercise_set.points + exercise_set.project.points
    graded = [dict(zip(grades[0], row, strict=False)) for row in grades[1:]]
    if any(row.get("of") != str(most) for row in graded):
        raise ResultsError(f"{POINTS_FILE} is not of {most} points: grade the set again")
    places = Match(people_in(table, "TABLE"), people_in(grades, POINTS_FILE)).pairs
    added = [grade, MOST_IN_GRADESCOPE] if platform == "gradescope" else [grade]
    columns = [name for name in header if name in (*how.kept, grade) or not how.kept]
    columns += [name for name in added if name not in columns]
    rows = [columns]
    for row, place in zip(table[1:], places, strict=True):
        entries = dict(zip(header, [*row, *[""] * len(header)], strict=False))
        check_most(platform, entries, most, grade)
        new = {} if place is None else {grade: graded[place]["points"].replace(",", ".")}
        if platform == "gradescope":
            new[MOST_IN_GRADESCOPE] = str(most)
        if platform == "canvas" and is_about_points(entries):
            new = {grade: entries.get(grade) or str(most)}
        rows.append([new.get(name, entries.get(name, "")) for name in columns])
    unused = [row["name"] or row["identifier"] for k, row in enumerate(graded) if k not in places]
    missing = sum(row["project"] != "marked" for row in graded)
    return Exported(rows, len(places) - places.count(None), unused, missing)


def require_columns(header: list[str], columns: tuple[str, ...]) -> None:
    """A table of another platform, or in another language, has other columns."""
    missing = [column for column in columns if column and column not in header]
    if missing:
        raise ResultsError(
            f"TABLE has no column {missing[0]!r}; it has {', '.join(header)}. Is it the platform's "
            "own table, downloaded in English?"
        )


def is_about_points(entries: dict[str, str]) -> bool:
    """Whether this is the row of Canvas that is no student's, but says what can be had."""
    return "points possible" in entries["Student"].lower()


def check_most(platform: str, entries: dict[str, str], most: int, grade: str) -> None:
    """Points of another scale than the platform's would be other grades."""
    stated = entries.get(MOST_IN_MOODLE, "") if platform == "moodle" else ""
    if platform == "canvas" and is_about_points(entries):
        stated = entries.get(grade, "")
    try:
        differs = bool(stated.strip()) and float(stated.replace(",", ".")) != most
    except ValueError:
        return  # such as "(read only)"
    if differs:
        raise ResultsError(
            f"the platform's maximum is {stated}, this set's {most}: set it to {most} there, and "
            "download the table again"
        )
