"""What a person gives for the open task: a table to fill in, which is only ever added to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.authoring.sets import Criterion, ExerciseSet
from grading.collecting.people import Match, Person, people_in
from grading.collecting.tables import ResultsError, harmless, read_table, write_as_it_is

PROJECT_FILE = "project.csv"


@dataclass(frozen=True)
class ProjectMarks:
    """Points by criterion, and a comment."""

    points: dict[str, float]
    comment: str = ""
    missing: tuple[str, ...] = ()  # criteria that have no points yet

    @property
    def total(self) -> float | None:
        """The project's points, once all criteria have theirs."""
        return None if self.missing else sum(self.points.values())


def project_header(exercise_set: ExerciseSet) -> list[str]:
    """The columns of the table."""
    criteria = [f"{c.name} (of {c.points})" for c in exercise_set.project.rubric]
    return ["student", "id", *criteria, "comment"]


def read_project_file(path: Path, exercise_set: ExerciseSet) -> list[tuple[Person, ProjectMarks]]:
    """The marks given so far, and to whom; a row without any is not marked yet."""
    if not path.exists():
        return []
    rows, _ = read_table(path)
    header = project_header(exercise_set)
    if not rows or rows[0] != header:
        raise ResultsError(f"{path}: the first line must be {', '.join(header)}")
    found = []
    people = people_in(rows, str(path))
    for number, (row, person) in enumerate(zip(rows[1:], people, strict=True), 2):
        place = f"{path}, line {number}"
        if len(row) > len(header):
            raise ResultsError(f"{place}: {len(header)} columns are expected; got {len(row)}")
        row = row + [""] * (len(header) - len(row))  # spreadsheets leave empty cells out
        given = list(zip(exercise_set.project.rubric, row[2:-1], strict=True))
        points = {c.name: points_in(cell, c, place) for c, cell in given if cell.strip()}
        if points:
            missing = tuple(c.name for c, _ in given if c.name not in points)
            found.append((person, ProjectMarks(points, row[-1], missing)))
    return found


def points_in(cell: str, criterion: Criterion, place: str) -> float:
    """The points for a criterion."""
    try:
        value = float(cell.strip().replace(",", "."))
    except ValueError:
        raise ResultsError(f"{place}: points must be a number; got {cell!r}") from None
    if not 0 <= value <= criterion.points:
        raise ResultsError(
            f"{place}: {criterion.name} is 0 to {criterion.points} points; got {value:g}"
        )
    return value


def marks_for(
    students: Sequence[Person], given: Sequence[tuple[Person, ProjectMarks]]
) -> tuple[list[ProjectMarks | None], list[Person]]:
    """Each student's marks, and whose marks are nobody's for certain; those count for nobody."""
    places = Match([person for person, _ in given], students).pairs
    marks: list[ProjectMarks | None] = [None] * len(students)
    for place, (_, found) in zip(places, given, strict=True):
        if place is not None:
            marks[place] = found
    return marks, [
        person for place, (person, _) in zip(places, given, strict=True) if place is None
    ]


def add_to_project_file(students: Sequence[Person], exercise_set: ExerciseSet, path: Path) -> None:
    """A row for everybody who has none yet; what a person wrote stays as it is."""
    header = project_header(exercise_set)
    rows, delimiter = read_table(path) if path.exists() else ([header], ",")
    match = Match(people_in(rows, str(path)), students)
    found = zip(match.places, match.pairs, strict=True)
    there = {k for maybe, sure in found for k in (maybe if sure is None else {sure})}
    empty = [""] * (len(header) - 2)
    new = [
        [harmless(student.name), harmless(student.identifier), *empty]
        for k, student in enumerate(students)
        if k not in there
    ]
    if new or not path.exists():
        write_as_it_is(path, rows + new, csv.QUOTE_ALL, delimiter)
