"""Put the totals into the table that a learning platform gave, so that it takes them back.

Platforms change their columns, and courses rename them. So the lecturer downloads the platform's
own table (Moodle's grading worksheet, Canvas' gradebook, Gradescope's roster), and gets it back
with one column filled in. Nothing else in it changes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.results import GRADES_FILE, ResultsError, read_as_it_is, read_csv, write_as_it_is
from grading.sets import ExerciseSet


@dataclass(frozen=True)
class Platform:
    """How a platform's table names students, and what it takes back."""

    name_columns: tuple[str, ...]  # one column, or several that make up a name
    id_column: str  # holds the number that stands in the names of downloaded files, or ""
    kept: tuple[str, ...]  # columns to hand back; all, if empty


PLATFORMS = {
    "moodle": Platform(("Full name",), "Identifier", ()),
    "canvas": Platform(
        ("Student",), "ID", ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
    ),
    "gradescope": Platform(("Name",), "", ()),
}
OTHER_NAMES = {"gradescope": ("First Name", "Last Name")}


@dataclass(frozen=True)
class Exported:
    """A filled-in table, and who could not be matched."""

    rows: list[list[str]]
    filled: int
    not_in_table: list[str]


def export(
    exercise_set: ExerciseSet, platform: str, table: Path, folder: Path
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
    exported = filled_table(rows, read_csv(grades), platform, exercise_set)
    path = folder / f"{platform}.csv"
    write_as_it_is(path, exported.rows)
    return path, exported


def filled_table(
    table: list[list[str]], grades: list[list[str]], platform: str, exercise_set: ExerciseSet
) -> Exported:
    """The platform's table with the totals in it."""
    header = table[0] if table else []
    how = PLATFORMS[platform]
    names = how.name_columns
    if platform in OTHER_NAMES and not set(names) <= set(header):
        names = OTHER_NAMES[platform]
    missing = [column for column in (*names, how.id_column) if column and column not in header]
    if missing:
        raise ResultsError(f"TABLE has no column {missing[0]!r}; it has {', '.join(header)}")
    most = exercise_set.points + exercise_set.project.points
    new = new_columns(platform, exercise_set)
    kept = [
        column for column in header if (column in how.kept or not how.kept) and column not in new
    ]
    totals = Totals(grades, f"total (of {most})")
    people = [dict(zip(header, row + [""] * len(header), strict=False)) for row in table[1:]]
    found = totals.of_each(
        (entries.get(how.id_column, ""), " ".join(entries[name] for name in names))
        for entries in people
    )
    rows = [[*kept, *new]]
    for entries, total in zip(people, found, strict=True):
        values = {new[0]: total, "Max Points": str(most), "Maximum Grade": f"{most:.2f}"}
        if platform == "canvas" and "points possible" in entries[names[0]].lower():
            values = {new[0]: str(most)}
        filled_in = [values.get(column) or entries.get(column, "") for column in new]
        rows.append([*(entries[column] for column in kept), *filled_in])
    return Exported(rows, len(found) - found.count(None), totals.unused())


def new_columns(platform: str, exercise_set: ExerciseSet) -> list[str]:
    """The columns that are filled in, the grade first."""
    if platform == "moodle":
        return ["Grade", "Maximum Grade"]
    if platform == "canvas":
        return [f"Exercises: {exercise_set.title}"]
    return ["Total Score", "Max Points"]


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
        self.used = {k for k in found if k is not None and found.count(k) == 1}
        return [self.rows[k][self.column] if k in self.used else None for k in found]

    def place_of(self, identifier: str, name: str) -> int | None:
        """The place of the only student that this can be, or None."""
        number = "".join(re.findall(r"\d+", identifier))
        by_id = {k for k, row in enumerate(self.rows) if row["id"] and row["id"] == number}
        by_name = {k for k, row in enumerate(self.rows) if letters(row["student"]) == letters(name)}
        found = by_id & by_name or by_id | by_name  # where they disagree, it is neither
        return found.pop() if len(found) == 1 else None

    def unused(self) -> list[str]:
        """Who was graded and is not in the table."""
        return [row["student"] for k, row in enumerate(self.rows) if k not in self.used]


def letters(name: str) -> str:
    """A name's letters in one order: "Curie, Marie" and "curiemarie" are alike."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(sorted(letter for letter in plain if letter.isalnum()))
