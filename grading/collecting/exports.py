"""Put the totals into the table that a learning platform gave, so that it takes them back.

Platforms change their columns, and courses rename them. So the lecturer downloads the platform's
own table (Moodle's grading worksheet, Canvas' gradebook, Gradescope's roster), and gets it back
with one column filled in. Nothing else in it changes.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from grading.authoring.sets import ExerciseSet
from grading.collecting.people import Match, people_in
from grading.collecting.results import POINTS_FILE
from grading.collecting.tables import ResultsError, read_table


@dataclass(frozen=True)
class Platform:
    """The columns of a platform's table."""

    needs: tuple[str, ...] = ()
    grade: str = ""  # takes the totals; where it has no name, it is named after the set
    most: str = ""  # says how many points there can be
    adds_most: bool = False  # where it is missing
    kept: tuple[str, ...] = ()  # to be handed back, or all


PLATFORMS = {
    "moodle": Platform(("Identifier",), "Grade", "Maximum Grade"),  # names may be missing
    "canvas": Platform(
        ("Student", "ID"), kept=("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
    ),
    "gradescope": Platform((), "Total Score", "Max Points", adds_most=True),
}


@dataclass(frozen=True)
class Exported:
    """How many rows of a table are filled in, of how many, and who could not be matched."""

    filled: int
    rows: int
    not_in_table: list[str]
    without_project: int


def export(
    exercise_set: ExerciseSet, platform: str, table: Path, folder: Path, column: str = ""
) -> tuple[Path, Exported]:
    """Write PLATFORM.csv beside the grades: the platform's table with the totals in it."""
    if not (folder / POINTS_FILE).exists():
        raise ResultsError(f"{folder / POINTS_FILE} is not there: grade the set first")
    how = PLATFORMS[platform]
    grades, filled = read_table(folder / POINTS_FILE, POINTS_FILE), read_table(table, "TABLE")
    most = str(exercise_set.points + exercise_set.project.points)
    if any(row.get("of") != most for row in grades.rows):
        raise ResultsError(f"{POINTS_FILE} is not of {most} points: grade the set again")
    for name in (*how.needs, column):
        if name and name not in filled.columns:
            raise ResultsError(
                f"TABLE has no column {name!r}; it has {', '.join(filled.columns)}. Is it the "
                "platform's own table, downloaded in English?"
            )
    grade = column or how.grade or f"Exercises: {exercise_set.title}"
    match = Match(people_in(grades, POINTS_FILE), people_in(filled, "TABLE"))
    points = {match.pairs[k]: row["points"] for k, row in enumerate(grades.rows)}
    for k, row in enumerate(filled.rows):
        student, number = (row.get(name, "").strip() for name in ("Student", "ID"))
        about_points = student == "Points Possible" and not number  # a row of Canvas'
        most_at = grade if about_points else how.most
        check_most(row.get(most_at, ""), most)
        if k in points and not about_points:
            row[grade] = points[k].replace(",", ".")
        if about_points or how.adds_most:
            row[most_at] = row.get(most_at) or most
    filled.columns = [c for c in filled.columns if c in (*how.kept, grade) or not how.kept]
    added = [grade, how.most] if how.adds_most else [grade]
    filled.columns += [name for name in added if name not in filled.columns]
    path, filled.delimiter = folder / f"{platform}.csv", ","  # whatever a spreadsheet has made
    filled.write(path, csv.QUOTE_MINIMAL)
    unused = [match.told(k) for k, place in enumerate(match.pairs) if place is None]
    missing = sum(row["project"] != "marked" for row in grades.rows)
    return path, Exported(len(grades.rows) - len(unused), len(filled.rows), unused, missing)


def check_most(stated: str, most: str) -> None:
    """Points of another scale than the platform's would be other grades."""
    try:
        differs = float(stated.replace(",", ".")) != float(most)
    except ValueError:
        return  # nothing, or such as "(read only)"
    if differs:
        raise ResultsError(
            f"the platform's maximum is {stated}, this set's {most}: set it to {most} there, and "
            "download the table again"
        )
