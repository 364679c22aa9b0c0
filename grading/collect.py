"""Find submissions in whatever folder a lecturer has, and put their answers into the release.

Students rename files, delete, copy and move cells, and tools strip metadata. So nothing of a
submission is taken but its answers, each recognised by its cell's id or else by the names that it
defines, and cells of the student's own. Files are only ever read.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

import yaml

from grading.marking import Answers, StudentCell
from grading.notebooks import check_as_released
from grading.sets import Exercise, ExerciseSet, defined_names

LARGEST_FILE = 100 * 1024**2  # bytes; larger ones are not read
DEEPEST_ZIP = 3  # zips within zips
NOT_SENT = ("__MACOSX", ".ipynb_checkpoints")

# How learning platforms name what they hand to a lecturer.
MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(file|onlinetext)")
CANVAS = re.compile(r"(?P<name>[^_]+)(_LATE)?_(?P<id>\d+)_\d+_.+")
GRADESCOPE = re.compile(r"submission_(?P<id>\d+)")
COPY = re.compile(r"( \(\d+\)|-copy\d*|-\d)$", re.IGNORECASE)


class SubmissionsError(ValueError):
    """A folder that holds nothing to grade."""


@dataclass(frozen=True)
class File:
    """A notebook as it was found: its path below the folder, zips counted as folders."""

    parts: tuple[str, ...]
    content: bytes
    modified: datetime
    in_zip: bool = False

    @property
    def origin(self) -> str:
        """The path, to be read by people."""
        return "/".join(self.parts)


@dataclass
class Submission:
    """One student's answers, rebuilt, and what was noticed on the way."""

    student: str
    platform_id: str
    origin: str
    answers: Answers | None
    report: str = ""
    notes: list[str] = field(default_factory=list)


# --- files ---


def collect(folder: Path, exercise_set: ExerciseSet) -> list[Submission]:
    """One submission for every student in the folder, in the order of their names."""
    if not folder.is_dir():
        raise SubmissionsError(f"SUBMISSIONS must be a folder; got {folder}")
    files = without_common_zip(list(notebooks_in(folder)))
    if not files:
        raise SubmissionsError(
            f"SUBMISSIONS {folder} holds no notebook (.ipynb) and no zip with one"
        )
    people = gradescope_people(folder)
    by_student: dict[tuple[str, str], list[File]] = {}
    for file in files:
        by_student.setdefault(student_of(file.parts, exercise_set.name, people), []).append(file)
    return [
        best(student, platform_id, by_student[student, platform_id], exercise_set)
        for student, platform_id in sorted(by_student)
    ]


def notebooks_in(folder: Path) -> Iterator[File]:
    """Every notebook below a folder, also within zips."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or not is_sent(parts) or path.stat().st_size > LARGEST_FILE:
            continue
        modified = datetime.fromtimestamp(path.stat().st_mtime)
        if path.suffix.lower() == ".ipynb":
            yield File(parts, path.read_bytes(), modified)
        elif path.suffix.lower() == ".zip":
            yield from notebooks_in_zip(path.read_bytes(), parts, modified, DEEPEST_ZIP)


def notebooks_in_zip(
    content: bytes, parts: tuple[str, ...], modified: datetime, depth: int
) -> Iterator[File]:
    """Every notebook in a zip, read in memory: nothing is unpacked."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        yield File(parts, content, modified)
        return
    for member in sorted(archive.infolist(), key=lambda member: member.filename):
        below = (*parts, *PurePosixPath(member.filename).parts)
        suffix = PurePosixPath(member.filename).suffix.lower()
        if (
            suffix not in (".ipynb", ".zip")
            or not is_sent(below)
            or member.file_size > LARGEST_FILE
        ):
            continue
        try:
            inside, dated = archive.read(member), datetime(*member.date_time)
        except Exception:  # a damaged, encrypted or misdated member
            inside, dated = b"", modified
        if suffix == ".ipynb":
            yield File(below, inside, dated, in_zip=True)
        elif depth > 1:
            yield from notebooks_in_zip(inside, below, dated, depth - 1)


def is_sent(parts: tuple[str, ...]) -> bool:
    """Whether a person has sent this, rather than a tool left it."""
    return not any(part in NOT_SENT or part.startswith(".") for part in parts)


def without_common_zip(files: list[File]) -> list[File]:
    """A single zip with everybody's work is no student's folder."""
    first = {file.parts[0] for file in files}
    if len(files) > 1 and len(first) == 1 and first.pop().lower().endswith(".zip"):
        return [File(f.parts[1:], f.content, f.modified, f.in_zip) for f in files if f.parts[1:]]
    return files


# --- whose it is ---


def student_of(parts: tuple[str, ...], set_name: str, people: dict[str, str]) -> tuple[str, str]:
    """The student's name, and the platform's number for the student or for the submission."""
    for part in parts:
        stem = re.sub(r"\.(ipynb|zip)$", "", part, flags=re.IGNORECASE)
        if found := MOODLE.match(stem) or CANVAS.fullmatch(stem):
            return found["name"], found["id"]
        if found := GRADESCOPE.fullmatch(stem):
            return people.get(stem, stem), found["id"]
    if len(parts) > 1:
        return re.sub(r"\.zip$", "", parts[0], flags=re.IGNORECASE), ""
    stem = COPY.sub("", Path(parts[0]).stem)
    without_set = stem.replace(set_name, "").strip(" _-")
    return without_set or stem, ""


def gradescope_people(folder: Path) -> dict[str, str]:
    """Who sent which of Gradescope's submissions, by the list that its export holds."""
    people = {}
    for path in folder.rglob("submission_metadata.yml"):
        try:
            listed = yaml.safe_load(path.read_text(encoding="utf-8"))
            for submission, entry in listed.items():
                people[submission] = " and ".join(
                    person[":name"] for person in entry[":submitters"]
                )
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
            continue  # names stay what the folders say
    return people


def best(
    student: str, platform_id: str, files: list[File], exercise_set: ExerciseSet
) -> Submission:
    """Of a student's notebooks, the newest that holds answers to this set."""
    rebuilt = [(file, rebuild(file, exercise_set)) for file in files]
    rebuilt.sort(key=lambda pair: (pair[1].recognised > 0, pair[0].modified, pair[0].parts))
    file, kept = rebuilt[-1]
    notes = list(kept.notes)
    if len(files) > 1:
        others = ", ".join(other.origin for other, _ in rebuilt[:-1])
        notes.append(f"the newest of {len(files)} notebooks counts; not graded: {others}")
    return Submission(student, platform_id, file.origin, kept.answers, kept.report, notes)


# --- what is in it ---


@dataclass
class Rebuilt:
    """The answers in one notebook."""

    answers: Answers | None
    recognised: int = 0
    report: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sent:
    """A cell as it came."""

    is_code: bool
    grade_id: str
    source: str


def rebuild(file: File, exercise_set: ExerciseSet) -> Rebuilt:
    """Take the answers from a notebook and leave everything else of the release as it was."""
    try:
        cells, made_from = read_notebook(file.content)
    except ValueError as error:
        return Rebuilt(None, notes=[f"not a notebook that can be read: {error}"])
    notes = []
    if made_from not in (None, (exercise_set.name, exercise_set.variant)):
        notes.append("made from " + (" ".join(filter(None, made_from)) or "another notebook"))
    answers, recognised, more = answers_in(cells, exercise_set)
    if not recognised:
        notes.append("holds no answer of this set")
    return Rebuilt(answers, recognised, report_in(cells, exercise_set), notes + more)


def read_notebook(content: bytes) -> tuple[list[Sent], tuple[str, str] | None]:
    """The cells of a notebook, whatever else is missing, and from which set and variant it is."""
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}") from None
    if not isinstance(notebook, dict):
        raise ValueError("it holds no cells")
    sheets = notebook.get("worksheets")  # notebooks of version 3
    cells = sheets[0].get("cells") if isinstance(sheets, list) and sheets else notebook.get("cells")
    if not isinstance(cells, list):
        raise ValueError("it holds no cells")
    metadata = notebook.get("metadata")
    made_from = metadata.get("exercises") if isinstance(metadata, dict) else None
    if isinstance(made_from, dict):
        made_from = str(made_from.get("set", "")), str(made_from.get("variant", ""))
    else:
        made_from = None
    return [sent(cell) for cell in cells if isinstance(cell, dict)], made_from


def sent(cell: dict) -> Sent:
    """One cell, read with patience."""
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(map(str, source))
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    return Sent(cell.get("cell_type") == "code", str(grade_id or ""), str(source))


def answers_in(cells: list[Sent], exercise_set: ExerciseSet) -> tuple[Answers, int, list[str]]:
    """Every exercise's answer and the student's own cells, in the order in which to run them.

    A cell of the student's own runs after the checks that came before it in the notebook.
    """
    chosen, notes = chosen_answers(cells, exercise_set)
    released = released_cells(exercise_set)
    order = [exercise.id for exercise in exercise_set.exercises]
    slots: Answers = {exercise: [] for exercise in order}
    slot = order[0]
    for k, cell in enumerate(cells):
        if k in chosen:
            slot = chosen[k]
            slots[slot].append(StudentCell(cell.source))
        elif (
            place := released.get(cell.grade_id) or released.get(cell.source.strip())
        ) is not None:
            slot = place.then or slot
        elif slot != AFTER_ALL and cell.is_code and cell.source.strip():
            slots[slot].append(StudentCell(cell.source, is_answer=False))
    for exercise in exercise_set.exercises:
        if exercise.id not in chosen.values():
            slots[exercise.id].insert(0, StudentCell(exercise.stub))
            notes.append(f"no answer to {exercise.id} was found")
    return slots, len(chosen), notes


AFTER_ALL = "-"


@dataclass(frozen=True)
class Place:
    """A released cell; after a check, the student's own cells belong to the next exercise."""

    then: str = ""


def released_cells(exercise_set: ExerciseSet) -> dict[str, Place]:
    """What every student got, by id and by text: none of it is the student's own."""
    found = {"setup": Place(), exercise_set.setup.strip(): Place()}
    following = [e.id for e in exercise_set.exercises[1:]] + [AFTER_ALL]
    for exercise, after in zip(exercise_set.exercises, following, strict=True):
        if exercise.given:
            found[f"{exercise.id}-given"] = found["\n\n\n".join(exercise.given).strip()] = Place()
        found[exercise.id] = found[exercise.stub.strip()] = Place()
        for check in exercise.checks:
            found[f"{exercise.id}-{check.id}"] = found[check_as_released(check).strip()] = Place(
                after
            )
    return found


def chosen_answers(
    cells: list[Sent], exercise_set: ExerciseSet
) -> tuple[dict[int, str], list[str]]:
    """Which cell answers which exercise: by id first, then by names; of several the last counts."""
    chosen: dict[int, str] = {}
    notes = []
    for exercise in exercise_set.exercises:
        by_id = [k for k, cell in enumerate(cells) if cell.is_code and cell.grade_id == exercise.id]
        by_id = [k for k in by_id if is_worked_on(cells[k], exercise)]
        by_name = [k for k, cell in enumerate(cells) if defines(cell, exercise)]
        found = by_id or [k for k in by_name if is_worked_on(cells[k], exercise)] or by_name
        if found:
            chosen[found[-1]] = exercise.id
        if len({cells[k].source.strip() for k in found}) > 1:
            notes.append(f"{exercise.id} was answered in {len(found)} cells; the last one counts")
    return chosen, notes


def is_worked_on(cell: Sent, exercise: Exercise) -> bool:
    """Whether a cell is more than the stub or nothing."""
    return cell.source.strip() not in ("", exercise.stub.strip())


def defines(cell: Sent, exercise: Exercise) -> bool:
    """Whether a code cell without a known id defines all names that the exercise asks for."""
    return cell.is_code and not cell.grade_id and set(exercise.names) <= names_in(cell.source)


def names_in(code: str) -> set[str]:
    """Names that code defines at its left margin, also where it cannot be parsed."""
    try:
        return set(defined_names(code))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        named = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", code, re.MULTILINE)
        return {name for pair in named for name in pair if name}


def report_in(cells: list[Sent], exercise_set: ExerciseSet) -> str:
    """What the student wrote into the project's cell."""
    found = [cell.source for cell in cells if cell.grade_id == exercise_set.project.id]
    return found[-1].strip() if found else ""
