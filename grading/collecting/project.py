"""What a person gives for the open task: a table to fill in, which is only ever added to."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.authoring.sets import Criterion, ExerciseSet
from grading.collecting.people import Match, Person, people_in
from grading.collecting.tables import ResultsError, Table, read_table
from grading.collecting.text import harmless

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


def project_table(path: Path, exercise_set: ExerciseSet) -> Table:
    """The table, or an empty one where there is none yet."""
    columns = ["student", "id", *map(column_of, exercise_set.project.rubric), "comment"]
    table = read_table(path, PROJECT_FILE) if path.exists() else Table(columns, [])
    if table.columns != columns:
        raise ResultsError(f"{path}: the first line must be {', '.join(columns)}")
    return table


def column_of(criterion: Criterion) -> str:
    return f"{criterion.name} (of {criterion.points})"


def read_project_file(path: Path, exercise_set: ExerciseSet) -> list[tuple[Person, ProjectMarks]]:
    """The marks given so far, and to whom; a row without any is not marked yet."""
    table = project_table(path, exercise_set)
    found = []
    people = people_in(table, PROJECT_FILE)
    for number, (row, person) in enumerate(zip(table.rows, people, strict=True), 2):
        place = f"{path}, line {number}"
        given = {c: row[column_of(c)] for c in exercise_set.project.rubric}
        points = {c.name: points_in(cell, c, place) for c, cell in given.items() if cell.strip()}
        if points:
            missing = tuple(c.name for c in given if c.name not in points)
            found.append((person, ProjectMarks(points, row["comment"], missing)))
    return found


def points_in(cell: str, criterion: Criterion, place: str) -> float:
    """The points for a criterion."""
    with contextlib.suppress(ValueError):
        points = float(cell.replace(",", "."))
        if 0 <= points <= criterion.points:
            return points
    raise ResultsError(f"{place}: {criterion.name} is 0 to {criterion.points} points; got {cell}")


def marks_for(
    students: Sequence[Person], given: Sequence[tuple[Person, ProjectMarks]]
) -> tuple[list[ProjectMarks | None], list[str]]:
    """Each student's marks, and whose marks count for nobody, since they are not certain."""
    match = Match([person for person, _ in given], students)
    marks = {place: found for place, (_, found) in zip(match.pairs, given, strict=True)}
    unknown = [match.told(k) for k, place in enumerate(match.pairs) if place is None]
    return [marks.get(k) for k in range(len(students))], unknown


def add_to_project_file(students: Sequence[Person], exercise_set: ExerciseSet, path: Path) -> None:
    """A row for everybody who has none yet; what a person wrote stays as it is."""
    table = project_table(path, exercise_set)
    match = Match(people_in(table, PROJECT_FILE), students)
    found = zip(match.places, match.pairs, strict=True)
    there = {k for maybe, sure in found for k in (maybe if sure is None else {sure})}
    new = [student for k, student in enumerate(students) if k not in there]
    table.rows += [{"student": harmless(p.name), "id": harmless(p.identifier)} for p in new]
    if new or not path.exists():
        table.write(path)
