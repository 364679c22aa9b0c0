"""What grading leaves behind: tables, and for every student a page of feedback."""

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
from grading.collecting.tables import ResultsError, read_table, write_csv
from grading.collecting.text import on_page
from grading.marking.marking import Marks

TEMPLATE = Path(__file__).parent / "feedback.html"
GRADES_FILE, CHECKS_FILE, POINTS_FILE = "grades.csv", "checks.csv", "points.csv"
NOT_GRADED_FILE, FEEDBACK, MOODLE_FILE = "not_graded.csv", "feedback", "moodle_feedback.zip"
OURS = (GRADES_FILE, CHECKS_FILE, POINTS_FILE, NOT_GRADED_FILE, FEEDBACK, MOODLE_FILE)
LONGEST_NAME = 60  # letters; every file system takes 255 bytes

Rows = Iterable[dict[str, object]]
NotGraded = tuple[Person, str, str]  # of what kind, and what to tell


@dataclass(frozen=True)
class Result:
    """One student's submission, what its checks found, and what a person gave."""

    submission: Submission
    marks: Marks
    project: ProjectMarks | None = None

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
    return list(submission.members) or [person_of(submission)]


def write_results(
    results: Sequence[Result],
    exercise_set: ExerciseSet,
    folder: Path,
    not_graded: Sequence[NotGraded] = (),
) -> None:
    """Write tables and feedback; what lay there before is kept in `earlier`.

    All is complete before any of it is put in place, the grades last. The project's marks are the
    lecturer's own file: students are added to it, nothing is changed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as draft:
        new = Path(draft)
        write_csv(new / GRADES_FILE, grades_rows(results, exercise_set))
        write_csv(new / CHECKS_FILE, checks_rows(results, exercise_set))
        write_csv(new / POINTS_FILE, points_rows(results, exercise_set))
        missing = [
            {"student": person.name, "id": person.identifier, "kind": kind, "why": why}
            for person, kind, why in not_graded
        ]
        write_csv(new / NOT_GRADED_FILE, missing, ["student", "id", "kind", "why"])
        write_feedback(results, exercise_set, new)
        keep_earlier(folder)
        for name in reversed(OURS):
            if (new / name).exists():
                (new / name).rename(folder / name)
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


def grades_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Rows:
    """A row for every submission: points by exercise, of the project, in total, and notes."""
    most, most_in_project = exercise_set.points, exercise_set.project.points
    for result in results:
        points, exercises = result.project_points, exercise_set.exercises
        yield {
            "student": result.submission.student,
            "id": result.submission.platform_id,
            **{f"{e.id} (of {e.points})": result.marks.points(e) for e in exercises},
            f"checks (of {most})": result.marks.total(exercise_set),
            f"project (of {most_in_project})": "" if points is None else f"{points:g}",
            f"total (of {most + most_in_project})": result.total(exercise_set),
            "notes": "; ".join(result.notes),
            "file": result.submission.origin,
        }


def points_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Rows:
    """A row for every person, for whatever takes identifiers or names with points."""
    for result in results:
        for person in members_of(result.submission):
            yield {
                "identifier": person.identifier,
                "name": person.name,
                "points": result.total(exercise_set),
                "of": exercise_set.points + exercise_set.project.points,
                "project": "not marked" if result.project_points is None else "marked",
            }


def checks_rows(results: Sequence[Result], exercise_set: ExerciseSet) -> Rows:
    """A row for every check: how many students passed it."""
    for exercise in exercise_set.exercises:
        for check in exercise.checks:
            passed = [result.marks.outcomes[exercise.id, check.id].passed for result in results]
            yield {
                "exercise": exercise.id,
                "check": check.id,
                "what it looks at": check.about,
                "points": check.points,
                "passed": sum(passed),
                "of": len(passed),
            }


def not_graded(
    submissions: Sequence[Submission], without: Sequence[Any], roster: Path | None
) -> list[NotGraded]:
    """Who has no marks, and who is not on the roster, with the reason."""
    told: list[NotGraded] = []
    for one in without:
        owner = person_of(one) if one.student else "a file of nobody's"
        told.append((person_of(one), one.kind, f"{owner}: {one.found}"))
    if roster is None:
        return told
    listed = people_in(read_table(roster, "ROSTER"), f"ROSTER {roster}")
    listed = [p for p in listed if folded(p.name) not in ("", "points possible") or p.identifier]
    graded = [person for submission in submissions for person in members_of(submission)]
    sent = graded + [person for one in without for person in members_of(one)]
    wanted, found = Match(listed, sent), Match(sent, listed)
    if listed and not any(wanted.places):
        raise ResultsError(
            f"ROSTER {roster} names none of those who handed in, such as {sent[0]}: is it this "
            "class's? Anonymous work needs a column identifier"
        )
    # Of namesakes on the roster of whom fewer have sent something, one is missing, too.
    for k, places in enumerate(wanted.places):
        if not places or wanted.rivals(places) > len(places):
            told.append((listed[k], "handed in nothing", wanted.told(k)))
    for k, person in enumerate(graded):
        if not found.places[k]:
            told.append((person, "not on the roster", found.told(k)))
    return told


def write_feedback(results: Sequence[Result], exercise_set: ExerciseSet, folder: Path) -> None:
    """A page for every student, and a zip that Moodle takes, where files came from there."""
    (folder / FEEDBACK).mkdir()
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, finalize=on_page)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    used: set[str] = set()
    for_moodle = {}
    for result in results:
        file = result.submission.origin.rpartition("/")[2]
        page = template.render(result=result, set=exercise_set, file=file)
        (folder / FEEDBACK / f"{free_name(result, used)}.html").write_text(page, encoding="utf-8")
        if place := result.submission.place:  # never a folder that a student has made
            for_moodle[f"{place.rpartition('/')[2]}/feedback.html"] = page
    if for_moodle:
        with zipfile.ZipFile(folder / MOODLE_FILE, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, page in for_moodle.items():
                archive.writestr(path, page)


def free_name(result: Result, used: set[str]) -> str:
    """A file name that no other student has, made of the student's number and name."""
    names = filter(None, (result.submission.platform_id, result.submission.student))
    name = re.sub(r"[^\w .-]", "_", "_".join(names)).strip(". ")[:LONGEST_NAME] or "student"
    free, k = name, 2
    while free.lower() in used:
        free, k = f"{name}-{k}", k + 1
    used.add(free.lower())
    return free
