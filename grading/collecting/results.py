"""What grading leaves behind: tables, and for every student a page of feedback."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from grading.authoring.sets import ExerciseSet
from grading.collecting.collect import Submission
from grading.collecting.people import Match, Person, folded, people_in, person_of
from grading.collecting.project import PROJECT_FILE, ProjectMarks, add_to_project_file
from grading.collecting.tables import ResultsError, plain, read_table, write_csv
from grading.marking.marking import Marks

TEMPLATE = Path(__file__).parent / "feedback.html"
GRADES_FILE, CHECKS_FILE, POINTS_FILE = "grades.csv", "checks.csv", "points.csv"
NOT_GRADED_FILE, FEEDBACK, MOODLE_FILE = "not_graded.csv", "feedback", "moodle_feedback.zip"
OURS = (GRADES_FILE, CHECKS_FILE, POINTS_FILE, NOT_GRADED_FILE, FEEDBACK, MOODLE_FILE)
LONGEST_NAME = 60  # letters; every file system takes 255 bytes


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

    def total(self, exercise_set: ExerciseSet) -> str:
        """All points so far."""
        return f"{self.marks.total(exercise_set) + (self.project_points or 0):g}"

    @property
    def why_nothing(self) -> str:
        """Why no check ran at all, or nothing."""
        found = {(outcome.kind, outcome.message) for outcome in self.marks.outcomes.values()}
        kind, message = found.pop() if len(found) == 1 else ("", "")
        return message if kind == "stopped" else ""


def members_of(submission: Submission) -> list[Person]:
    """Everybody whose work this is: on Gradescope, groups hand in together."""
    names = submission.members or (submission.student,)
    return [Person(name, submission.platform_id) for name in names]


# --- files ---


def try_to_write(folder: Path) -> None:
    """Make the folder of results; an OSError here comes before hours of work."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def write_results(
    results: Sequence[Result],
    exercise_set: ExerciseSet,
    folder: Path,
    not_graded: Sequence[tuple[Person, str]] = (),
) -> None:
    """Write tables and feedback; what lay there before is kept in `earlier`.

    All is complete before any of it is put in place, the grades last. The project's marks are the
    lecturer's own file: students are added to it, nothing is changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as new:
        write_csv(Path(new) / GRADES_FILE, grades_rows(results, exercise_set))
        write_csv(Path(new) / CHECKS_FILE, checks_rows(results, exercise_set))
        write_csv(Path(new) / POINTS_FILE, points_rows(results, exercise_set))
        rows = [[person.name, person.identifier, why] for person, why in not_graded]
        write_csv(Path(new) / NOT_GRADED_FILE, [["student", "id", "why"], *rows])
        write_feedback(results, exercise_set, Path(new))
        keep_earlier(folder)
        for name in reversed(OURS):
            if (Path(new) / name).exists():
                (Path(new) / name).rename(folder / name)
    students = [person_of(result.submission) for result in results]
    add_to_project_file(students, exercise_set, folder / PROJECT_FILE)


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


def grades_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Iterable[Sequence[object]]:
    """A row for every submission: points by exercise, of the project, in total, and notes."""
    exercises = exercise_set.exercises
    yield [
        *("student", "id"),
        *(f"{exercise.id} (of {exercise.points})" for exercise in exercises),
        f"checks (of {exercise_set.points})",
        f"project (of {exercise_set.project.points})",
        f"total (of {exercise_set.points + exercise_set.project.points})",
        *("notes", "file"),
    ]
    for result in results:
        project = result.project_points
        yield [
            *result.key,
            *(result.marks.points(exercise) for exercise in exercises),
            result.marks.total(exercise_set),
            "" if project is None else f"{project:g}",
            result.total(exercise_set),
            "; ".join(result.notes),
            result.submission.origin,
        ]


def points_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Iterable[Sequence[object]]:
    """A row for every person, for whatever takes identifiers or names with points."""
    yield ["identifier", "name", "points", "of", "project"]
    most = exercise_set.points + exercise_set.project.points
    for result in results:
        marked = "not marked" if result.project_points is None else "marked"
        for person in members_of(result.submission):
            yield [person.identifier, person.name, result.total(exercise_set), most, marked]


def checks_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Iterable[Sequence[object]]:
    """A row for every check: how many students passed it."""
    yield ["exercise", "check", "what it looks at", "points", "passed", "of"]
    for exercise in exercise_set.exercises:
        for check in exercise.checks:
            passed = [result.marks.outcomes[exercise.id, check.id].passed for result in results]
            yield [exercise.id, check.id, check.about, check.points, sum(passed), len(passed)]


# --- who is missing ---


def not_graded(
    submissions: Sequence[Submission], without: Sequence[Any], roster: Path | None
) -> list[tuple[Person, str]]:
    """Who has no marks, and who is not on the roster, with the reason."""
    told = [(person_of(one), f"no notebook, but {one.found}") for one in without]
    if roster is None:
        return told
    if not roster.is_file():
        raise ResultsError(f"ROSTER must be a CSV; got {str(roster)!r}")
    listed = people_in(read_table(roster)[0], f"ROSTER {roster}")
    listed = [p for p in listed if folded(p.name) not in ("", "points possible") or p.identifier]
    graded = [person for submission in submissions for person in members_of(submission)]
    match = Match(listed, graded + [person for person, _ in told])
    nothing = [p for p, found in zip(listed, match.places, strict=True) if not found]
    guests = [p for p, found in zip(graded, match.back, strict=False) if not found]
    told += [(person, "handed in nothing") for person in nothing]
    told += [(person, "graded, but not on the roster") for person in guests]
    return told


# --- feedback ---


def write_feedback(results: Sequence[Result], exercise_set: ExerciseSet, folder: Path) -> None:
    """A page for every student, and a zip that Moodle takes, where files came from there."""
    (folder / FEEDBACK).mkdir()
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, finalize=on_a_page)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    used: set[str] = set()
    for_moodle = {}
    for result in results:
        file = result.submission.origin.rpartition("/")[2]
        page = template.render(result=result, set=exercise_set, file=file)
        (folder / FEEDBACK / f"{free_name(result, used)}.html").write_text(page, encoding="utf-8")
        place = result.submission.place  # never a folder that a student has made
        if place:
            for_moodle[f"{place.rpartition('/')[2]}/feedback.html"] = page
    if for_moodle:
        with zipfile.ZipFile(folder / MOODLE_FILE, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, page in for_moodle.items():
                archive.writestr(path, page)


def on_a_page(value: object) -> object:
    """Text without what a page cannot hold."""
    return plain(value, keep="\n\t") if isinstance(value, str) else value


def free_name(result: Result, used: set[str]) -> str:
    """A file name that no other student has, made of the student's name."""
    name = re.sub(r"[^\w .-]", "_", "_".join(filter(None, result.key)))
    name = name.strip(". ")[:LONGEST_NAME] or "student"
    free, k = name, 2
    while free.lower() in used:
        free, k = f"{name}-{k}", k + 1
    used.add(free.lower())
    return free
