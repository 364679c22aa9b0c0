"""Put the totals into the table that a learning platform gave, so that it takes them back.

Platforms change their columns, and courses rename them. So the lecturer downloads the platform's
own table (Moodle's grading worksheet, Canvas' gradebook, Gradescope's roster), and gets it back
with one column filled in. Nothing else in it changes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.authoring.sets import ExerciseSet
from grading.collecting.owners import GROUP
from grading.collecting.results import (
    GRADES_FILE,
    ResultsError,
    read_as_it_is,
    read_csv,
    write_as_it_is,
)


@dataclass(frozen=True)
class Platform:
    """How a platform's table names students, where it takes grades, and what it knows of them."""

    name_columns: tuple[str, ...]  # one column, or several that make up a name
    id_column: str  # holds the number that stands in the names of downloaded files, or ""
    grade_column: str  # or "", where a column has to be named
    kept: tuple[str, ...] = ()  # columns to hand back; all, if empty


CANVAS_COLUMNS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
PLATFORMS = {
    "moodle": Platform(("Full name",), "Identifier", "Grade"),
    "canvas": Platform(("Student",), "ID", "", kept=CANVAS_COLUMNS),
    "gradescope": Platform(("Name",), "", "Total Score"),
}
OTHER_NAMES = {"gradescope": ("First Name", "Last Name")}
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
    grades = folder / GRADES_FILE
    if not grades.exists():
        raise ResultsError(f"{grades} is not there: grade the set first")
    if platform not in PLATFORMS:
        raise ResultsError(f"PLATFORM must be one of {', '.join(PLATFORMS)}; got {platform!r}")
    if not table.is_file():
        raise ResultsError(f"TABLE must be a CSV that {platform} gave; got {str(table)!r}")
    rows, _ = read_as_it_is(table)
    exported = filled_table(rows, read_csv(grades), platform, exercise_set, column)
    path = folder / f"{platform}.csv"
    write_as_it_is(
        path, exported.rows
    )  # platforms want commas, whatever a spreadsheet has made of them
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
    names = name_columns(platform, header)
    require_columns(header, [*names, how.id_column, column])
    grade = column or how.grade_column or f"Exercises: {exercise_set.title}"
    most = exercise_set.points + exercise_set.project.points
    totals = Totals(grades, f"total (of {most})")
    people = [dict(zip(header, row + [""] * len(header), strict=False)) for row in table[1:]]
    found = totals.of_each(
        (entries.get(how.id_column, ""), " ".join(entries[name] for name in names))
        for entries in people
    )
    columns = [name for name in header if name in (*how.kept, grade) or not how.kept]
    columns += [name for name in added(platform, grade) if name not in columns]
    rows = [columns]
    for entries, total in zip(people, found, strict=True):
        check_most(platform, entries, most, grade)
        new = {grade: total or entries.get(grade, "")}
        if platform == "gradescope":
            new[MOST_IN_GRADESCOPE] = str(most)
        if platform == "canvas" and is_about_points(entries):
            new = {grade: entries.get(grade) or str(most)}
        rows.append([new.get(name, entries.get(name, "")) for name in columns])
    missing = sum(not row[f"project (of {exercise_set.project.points})"] for row in totals.rows)
    return Exported(rows, len(found) - found.count(None), totals.unused(), missing)


def name_columns(platform: str, header: list[str]) -> tuple[str, ...]:
    """The columns that make up a student's name."""
    names = PLATFORMS[platform].name_columns
    return names if set(names) <= set(header) else OTHER_NAMES.get(platform, names)


def require_columns(header: list[str], columns: Iterable[str]) -> None:
    """A table of another platform, or in another language, has other columns."""
    missing = [column for column in columns if column and column not in header]
    if missing:
        raise ResultsError(
            f"TABLE has no column {missing[0]!r}; it has {', '.join(header)}. Is it the platform's "
            "own table, downloaded in English?"
        )


def added(platform: str, grade: str) -> list[str]:
    """The columns that a table is to have in the end."""
    return [grade, MOST_IN_GRADESCOPE] if platform == "gradescope" else [grade]


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


class Totals:
    """Everybody's total, found by the platform's number first and by the name otherwise."""

    def __init__(self, grades: Sequence[Sequence[str]], column: str) -> None:
        header = list(grades[0])
        if column not in header:
            raise ResultsError(f"{GRADES_FILE} has no column {column!r}: grade the set again")
        self.rows = [dict(zip(header, row, strict=False)) for row in grades[1:]]
        self.column = column
        self.used: set[int] = set()

    def of_each(self, people: Iterable[tuple[str, str]]) -> list[str | None]:
        """The totals of people, by number and name; None where it is not certain whose it is."""
        found = [self.place_of(*person) for person in people]
        places = {k for k in found if k is not None}
        self.used = {k for k in places if found.count(k) <= len(members(self.rows[k]))}
        return [self.rows[k][self.column] if k in self.used else None for k in found]

    def place_of(self, identifier: str, name: str) -> int | None:
        """The place of the only student that this can be, or None."""
        number = "".join(re.findall(r"\d+", identifier))
        by_id = {k for k, row in enumerate(self.rows) if row["id"] and row["id"] == number}
        by_name = {
            k
            for k, row in enumerate(self.rows)
            if letters(name) in [letters(member) for member in members(row)]
        }
        found = by_id & by_name or by_id | by_name  # where they disagree, it is neither
        return found.pop() if len(found) == 1 else None

    def unused(self) -> list[str]:
        """Who was graded and is not in the table."""
        return [row["student"] for k, row in enumerate(self.rows) if k not in self.used]


def members(row: Mapping[str, str]) -> list[str]:
    """Everybody who sent a submission: groups on Gradescope do so together."""
    return row["student"].split(GROUP)


def letters(name: str) -> str:
    """A name's letters in one order: "Curie, Marie" and "curiemarie" are alike."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(sorted(letter for letter in plain if letter.isalnum()))
