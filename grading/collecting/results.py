"""Grade a folder of submissions: marks as CSV, and for every student a page of feedback."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import jinja2

from grading.authoring.sets import Criterion, Exercise, ExerciseSet
from grading.collecting.collect import Submission
from grading.collecting.owners import MOODLE
from grading.marking.marking import NOT_GRADED, Cancelled, Marks, mark
from grading.marking.sandbox import Limits

TEMPLATE = Path(__file__).parent / "feedback.html"
PROJECT_FILE = "project.csv"
GRADES_FILE, CHECKS_FILE, FEEDBACK = "grades.csv", "checks.csv", "feedback"
MOODLE_FILE = "moodle_feedback.zip"
OURS = (GRADES_FILE, CHECKS_FILE, FEEDBACK, MOODLE_FILE)
LONGEST_NAME = 60  # letters; every file system takes 255 bytes


class ResultsError(ValueError):
    """Results that cannot be written or read."""


@dataclass(frozen=True)
class ProjectMarks:
    """What a person gave for the open task: points by criterion, and a comment."""

    points: dict[str, float]
    comment: str = ""
    missing: tuple[str, ...] = ()  # criteria that have no points yet

    @property
    def total(self) -> float | None:
        """The project's points, once all criteria have theirs."""
        return None if self.missing else sum(self.points.values())


@dataclass(frozen=True)
class Result:
    """One student's submission, what its checks found, and what a person gave."""

    submission: Submission
    marks: Marks
    project: ProjectMarks | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Name and platform's number."""
        return self.submission.student, self.submission.platform_id

    @property
    def notes(self) -> list[str]:
        """What the lecturer should know."""
        missing = self.project.missing if self.project else ()
        project = [f"the project has no points yet for {', '.join(missing)}"] if missing else []
        return self.submission.notes + self.marks.notes + project

    @property
    def project_points(self) -> float | None:
        """The project's points, or None as long as it is not marked."""
        return self.project.total if self.project else None


# --- marking everybody ---


def mark_all(
    submissions: Sequence[Submission],
    exercise_set: ExerciseSet,
    limits: Limits,
    workers: int,
    done: Callable[[], object],
) -> list[Marks]:
    """Mark every submission, several at a time; what one does has no effect on another.

    An interruption ends them all at once.
    """
    cancelled = threading.Event()
    with ThreadPoolExecutor(workers) as pool:
        try:
            running = [
                pool.submit(marks_of, submission, exercise_set, limits, cancelled)
                for submission in submissions
            ]
            for _ in as_completed(running):
                done()
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in running]


def marks_of(
    submission: Submission,
    exercise_set: ExerciseSet,
    limits: Limits,
    cancelled: threading.Event,
) -> Marks:
    """One submission's marks; a fault of the grader's own becomes a note, not an end."""
    if submission.answers is None:
        return nothing(exercise_set, "The notebook could not be read.")
    try:
        return mark(exercise_set, submission.answers, limits, cancelled)
    except Cancelled:
        raise
    except Exception as error:
        marks = nothing(exercise_set, NOT_GRADED)
        marks.notes.append(f"the grader failed: {type(error).__name__}: {error}")
        return marks


def nothing(exercise_set: ExerciseSet, why: str) -> Marks:
    """No points anywhere."""
    marks = Marks()
    marks.give_nothing(exercise_set, why)
    return marks


# --- files ---


def write_results(results: Sequence[Result], exercise_set: ExerciseSet, folder: Path) -> None:
    """Write grades, statistics and feedback; what lay there before is kept in `earlier`.

    All is complete before any of it is put in place, the grades last. The project's marks are the
    lecturer's own file: students are added to it, nothing is changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
        write_csv(Path(new) / GRADES_FILE, grades_rows(results, exercise_set))
        write_csv(Path(new) / CHECKS_FILE, checks_rows(results, exercise_set))
        write_feedback(results, exercise_set, Path(new))
        keep_earlier(folder)
        for name in reversed(OURS):
            if (Path(new) / name).exists():
                (Path(new) / name).rename(folder / name)
    add_to_project_file(results, exercise_set, folder / PROJECT_FILE)


def keep_earlier(folder: Path) -> None:
    """Move the results of an earlier run out of the way."""
    old = [folder / name for name in OURS if (folder / name).exists()]
    if not old:
        return
    numbers = [int(path.name) for path in (folder / "earlier").glob("*") if path.name.isdigit()]
    place = folder / "earlier" / str(max(numbers, default=0) + 1)
    place.mkdir(parents=True)
    for path in old:
        shutil.move(path, place / path.name)


def write_csv(path: Path, rows: Iterable[Sequence[object]], delimiter: str = ",") -> None:
    """Write a table that spreadsheets read; a cell cannot become a formula there."""
    write_as_it_is(path, ([harmless(value) for value in row] for row in rows), delimiter)


def write_as_it_is(path: Path, rows: Iterable[Sequence[object]], delimiter: str = ",") -> None:
    """Write a table, or leave the file as it was."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter).writerows(rows)
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(buffer.getvalue(), encoding="utf-8-sig", errors="replace", newline="")
    draft.replace(path)


def harmless(value: object) -> object:
    """Text as a spreadsheet must not take for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value


def grades_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Iterable[Sequence[object]]:
    """A row for every student: points by exercise, of the project, in total, and notes."""
    exercises = exercise_set.exercises
    most = exercise_set.points + exercise_set.project.points
    yield [
        "student",
        "id",
        *(f"{exercise.id} (of {exercise.points})" for exercise in exercises),
        f"checks (of {exercise_set.points})",
        f"project (of {exercise_set.project.points})",
        f"total (of {most})",
        "notes",
        "file",
    ]
    for result in results:
        checks = result.marks.total(exercise_set)
        project = result.project_points
        yield [
            *result.key,
            *(result.marks.points(exercise) for exercise in exercises),
            checks,
            "" if project is None else f"{project:g}",
            f"{checks + (project or 0):g}",
            "; ".join(result.notes),
            result.submission.origin,
        ]


def checks_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Iterable[Sequence[object]]:
    """A row for every check: how many students passed it."""
    yield ["exercise", "check", "what it looks at", "points", "passed", "of"]
    for exercise in exercise_set.exercises:
        for check in exercise.checks:
            passed = [result.marks.outcomes[exercise.id, check.id].passed for result in results]
            yield [exercise.id, check.id, check.about, check.points, sum(passed), len(passed)]


# --- the project's marks ---


def project_header(exercise_set: ExerciseSet) -> list[str]:
    """The columns of the lecturer's file."""
    criteria = [f"{c.name} (of {c.points})" for c in exercise_set.project.rubric]
    return ["student", "id", *criteria, "comment"]


def read_project_file(path: Path, exercise_set: ExerciseSet) -> dict[tuple[str, str], ProjectMarks]:
    """The marks that a person gave so far, by student; a row without any is not marked yet."""
    if not path.exists():
        return {}
    rows = read_csv(path)
    header = project_header(exercise_set)
    if not rows or rows[0] != header:
        raise ResultsError(f"{path}: the first line must be {', '.join(header)}")
    found = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) > len(header):
            raise ResultsError(
                f"{path}, line {number}: {len(header)} columns are expected; got {len(row)}"
            )
        row = row + [""] * (len(header) - len(row))  # spreadsheets leave empty cells out
        given = row[2:-1]
        if any(cell.strip() for cell in given):
            rubric = exercise_set.project.rubric
            points = {
                criterion.name: points_in(cell, criterion, f"{path}, line {number}")
                for criterion, cell in zip(rubric, given, strict=True)
                if cell.strip()
            }
            missing = tuple(c.name for c in rubric if c.name not in points)
            found[row[0], row[1]] = ProjectMarks(points, row[-1], missing)
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


def add_to_project_file(results: Sequence[Result], exercise_set: ExerciseSet, path: Path) -> None:
    """A row for everybody who has none yet."""
    header = project_header(exercise_set)
    rows, delimiter = read_table(path) if path.exists() else ([header], ",")
    there = {(row[0], row[1]) for row in rows[1:] if len(row) > 1}
    empty = [""] * (len(header) - 2)
    new = [[*result.key, *empty] for result in results if result.key not in there]
    if new or not path.exists():
        write_csv(path, rows + new, delimiter)


def read_csv(path: Path) -> list[list[str]]:
    """A table as written here, or by a spreadsheet that had it open."""
    return read_table(path)[0]


def read_table(path: Path) -> tuple[list[list[str]], str]:
    """A table as written here, and what stands between its cells."""
    rows, delimiter = read_as_it_is(path)
    return [
        [cell.removeprefix("'") if harmless(cell[1:]) != cell[1:] else cell for cell in row]
        for row in rows
    ], delimiter


def read_as_it_is(path: Path) -> tuple[list[list[str]], str]:
    """A table's cells as they are, and what stands between them."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # as Excel writes a plain "CSV" on Windows
        text = content.decode("cp1252", errors="replace")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ResultsError(f"{path} must be a CSV: {error}") from None
    return [row for row in rows if any(row)], delimiter


# --- feedback ---


def write_feedback(results: Sequence[Result], exercise_set: ExerciseSet, folder: Path) -> None:
    """A page for every student, and a zip that Moodle takes, where files came from there."""
    place = folder / FEEDBACK
    place.mkdir()
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    used: set[str] = set()
    for_moodle = {}
    for result in results:
        page = template.render(feedback_of(result, exercise_set))
        (place / f"{free_name(result, used)}.html").write_text(
            page, encoding="utf-8", errors="replace"
        )
        parts = result.submission.origin.split("/")
        for_moodle |= {f"{part}/feedback.html": page for part in parts if MOODLE.match(part)}
    if for_moodle:
        with zipfile.ZipFile(folder / MOODLE_FILE, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, page in for_moodle.items():
                archive.writestr(path, page.encode("utf-8", "replace"))


def free_name(result: Result, used: set[str]) -> str:
    """A file name that no other student has, made of the student's name."""
    name = re.sub(r"[^\w .-]", "_", "_".join(filter(None, result.key)))
    name = name.strip(". ")[:LONGEST_NAME] or "student"
    free, k = name, 2
    while free.lower() in used:
        free, k = f"{name}-{k}", k + 1
    used.add(free.lower())
    return free


def feedback_of(result: Result, exercise_set: ExerciseSet) -> dict[str, object]:
    """What a student's page says."""
    project = result.project
    points = result.project_points
    return {
        "title": f"Exercises: {exercise_set.title}",
        "student": result.submission.student,
        "notes": result.notes,
        "total": f"{result.marks.total(exercise_set) + (points or 0):g}",
        "most": exercise_set.points + exercise_set.project.points,
        "waiting": points is None,
        "project": exercise_set.project,
        "project_points": f"{points or 0:g}",
        "criteria": [
            {
                "name": criterion.name,
                "full_marks_for": criterion.full_marks_for,
                "points": criterion.points,
                "given": given_for(project, criterion.name),
            }
            for criterion in exercise_set.project.rubric
        ],
        "comment": project.comment if project else "",
        "exercises": [
            exercise_feedback(number, result, exercise)
            for number, exercise in enumerate(exercise_set.exercises, 1)
        ],
    }


def given_for(project: ProjectMarks | None, criterion: str) -> str:
    """The points for a criterion, or a dash."""
    if project is None or criterion in project.missing:
        return "–"
    return f"{project.points[criterion]:g}"


def exercise_feedback(number: int, result: Result, exercise: Exercise) -> dict[str, object]:
    """One exercise's part of the page: every check with what it found, never the check itself."""
    outcomes = [result.marks.outcomes[exercise.id, check.id] for check in exercise.checks]
    cells = (result.submission.answers or {}).get(exercise.id, [])
    return {
        "id": exercise.id,
        "number": number,
        "title": exercise.title,
        "points": result.marks.points(exercise),
        "most": exercise.points,
        "code": "\n\n".join(cell.code for cell in cells if cell.is_answer),
        "checks": [
            {
                "about": check.about,
                "passed": outcome.passed,
                "message": outcome.message,
                "points": check.points if outcome.passed else 0,
                "most": check.points,
            }
            for check, outcome in zip(exercise.checks, outcomes, strict=True)
        ],
    }
