"""Find submissions in whatever folder a lecturer has, and put their answers into the release.

Students rename files, delete, copy and move cells, and tools strip metadata. So nothing of a
submission is taken but its answers, each recognised by its cell's id or else by the names that it
defines, and cells of the student's own. Files are only ever read.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO

import yaml

from grading.authoring.notebooks import check_as_released, check_to_practise
from grading.authoring.sets import Exercise, ExerciseSet, defined_names
from grading.marking.marking import Answers, StudentCell

LARGEST_FILE = 50 * 1024**2  # bytes; larger ones are not read
MOST_IN_ZIP = 500 * 1024**2  # bytes of all that is read of one zip
DEEPEST_ZIP = 3  # zips within zips
NO_ANSWER = "holds no answer of this set"
GROUP = " and "  # between the names of those who sent something together
NOT_SENT = ("__MACOSX", ".ipynb_checkpoints")
TOO_LARGE = f"larger than {LARGEST_FILE // 1024**2} MB, or one of very many"

# How learning platforms name what they hand to a lecturer.
MOODLE = re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(file|onlinetext)")
CANVAS = re.compile(r"(?P<name>[^_]+)(_LATE)?_(?P<id>\d+)_\d+_.+")
GRADESCOPE = re.compile(r"submission_(?P<id>\d+)")
GRADESCOPE_LIST = "submission_metadata.yml"
COPY = re.compile(r"( ?\(\d+\)|-copy\d*| - copy)$", re.IGNORECASE)


class SubmissionsError(ValueError):
    """A folder that holds nothing to grade."""


@dataclass(frozen=True)
class File:
    """A notebook as it was found: its path below the folder, zips counted as folders."""

    parts: tuple[str, ...]
    modified: datetime
    content: bytes = b""
    problem: str = ""  # why it could not be read

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
    notes: list[str] = field(default_factory=list)


# --- files ---


def collect(folder: Path, exercise_set: ExerciseSet) -> list[Submission]:
    """One submission for every student in the folder, in the order of their names."""
    if not folder.is_dir():
        raise SubmissionsError(f"SUBMISSIONS must be a folder; got {folder}")
    # One at a time: of a notebook with its figures, nothing but the answers stays in memory.
    found = [
        (replace(file, content=b""), rebuild(file, exercise_set)) for file in notebooks_in(folder)
    ]
    if not found:
        raise SubmissionsError(
            f"SUBMISSIONS {folder} holds no notebook (.ipynb) and no zip with one"
        )
    wrappers = folders_of_platforms([file.parts for file, _ in found])
    stems = {stem_of(file.parts[file.parts[0] in wrappers]) for file, _ in found}
    people = gradescope_people(folder)
    by_owner: dict[Owner, list[tuple[File, Rebuilt]]] = {}
    for file, rebuilt in found:
        owner = owner_of(file.parts, wrappers, stems, exercise_set.name, people)
        by_owner.setdefault(owner, []).append((file, rebuilt))
    submissions = [best(owner, by_owner[owner]) for owner in sorted(by_owner)]
    for submission in submissions:
        note_namesakes(submission, submissions)
    return submissions


def notebooks_in(folder: Path) -> Iterator[File]:
    """Every notebook below a folder, also within zips."""
    for path in sent_files(folder):
        parts = printable(path.relative_to(folder).parts)
        suffix = path.suffix.lower()
        if suffix not in (".ipynb", ".zip"):
            continue
        try:
            status = path.stat()
            modified = datetime.fromtimestamp(status.st_mtime)
            if status.st_size > LARGEST_FILE and suffix == ".ipynb":
                yield File(parts, modified, problem=TOO_LARGE)
            elif suffix == ".ipynb":
                yield File(parts, modified, path.read_bytes())
            else:
                with path.open("rb") as content:
                    yield from Zip().notebooks_in(content, parts, modified)
        except OSError as error:
            yield File(parts, datetime.min, problem=str(error.strerror))


def not_read(folder: Path) -> list[str]:
    """What was sent and is neither a notebook nor a zip, nor a platform's own list."""
    files = (path.relative_to(folder) for path in sent_files(folder))
    return [
        "/".join(printable(path.parts))
        for path in files
        if path.suffix.lower() not in (".ipynb", ".zip") and path.name != GRADESCOPE_LIST
    ]


def sent_files(folder: Path) -> list[Path]:
    """The files below a folder that people have sent."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [path for path in files if is_sent(path.relative_to(folder).parts)]


def printable(parts: Iterable[str]) -> tuple[str, ...]:
    """Names that can be written anywhere: no part of them steers a terminal or breaks a file."""
    return tuple(
        "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in part)
        for part in parts
    )


class Zip:
    """Reads notebooks from a zip and the zips in it, in memory, as long as they are not too much.

    Nothing is unpacked. A member is never read beyond the size that the zip declares for it.
    """

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}  # bytes, by student where the zip is everybody's

    def notebooks_in(
        self, content: IO[bytes], parts: tuple[str, ...], modified: datetime, depth: int = 1
    ) -> Iterator[File]:
        """Every notebook in a zip."""
        try:
            archive = zipfile.ZipFile(content)
        except Exception:  # zipfile raises several kinds for what is damaged
            yield File(parts, modified, problem="a damaged zip")
            return
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            path = PurePosixPath(member.filename)
            below = (*parts, *printable(path.parts))
            suffix = path.suffix.lower()
            if suffix not in (".ipynb", ".zip") or member.is_dir() or not is_sent(below):
                continue
            inside, problem = self.read(archive, member, below)
            dated = date_of(member, modified)
            if suffix == ".ipynb" or problem:
                yield File(below, dated, inside, problem)
            elif depth == DEEPEST_ZIP:
                yield File(below, dated, problem=f"a zip within {depth} zips")
            else:
                yield from self.notebooks_in(io.BytesIO(inside), below, dated, depth + 1)

    def read(
        self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, parts: tuple[str, ...]
    ) -> tuple[bytes, str]:
        """A member's content, and why there is none."""
        whose = parts[1] if name_and_number(parts[1], {}) else parts[0]
        self.taken[whose] = self.taken.get(whose, 0) + member.file_size
        if member.file_size > LARGEST_FILE or self.taken[whose] > MOST_IN_ZIP:
            return b"", TOO_LARGE
        if member.flag_bits & 1:
            return b"", "in a zip that needs a password"
        try:
            return archive.read(member), ""
        except Exception:
            return b"", "damaged in its zip"


def date_of(member: zipfile.ZipInfo, otherwise: datetime) -> datetime:
    """When a member of a zip was changed; some tools write dates that there are not."""
    try:
        return datetime(*member.date_time)
    except ValueError:
        return otherwise


def is_sent(parts: tuple[str, ...]) -> bool:
    """Whether a person has sent this, rather than a tool left it."""
    return not any(part in NOT_SENT or part.startswith(".") for part in parts)


# --- whose it is ---


@dataclass(frozen=True, order=True)
class Owner:
    """Whose a file is: a name, the platform's number, and the folder in which that name was found.

    Names that stand in different folders are kept apart: a student may well have put a file into a
    folder that is named like another student's.
    """

    student: str
    platform_id: str
    place: tuple[str, ...] = ()


def folders_of_platforms(paths: list[tuple[str, ...]]) -> set[str]:
    """The outermost folders and zips that hold many students' work, and are nobody's own.

    Such a folder holds nothing but a platform's names, or it is a zip and all that there is.
    """
    inside: dict[str, list[tuple[str, ...]]] = {}
    for path in paths:
        inside.setdefault(path[0], []).append(path[1:])
    found = set()
    for outermost, below in inside.items():
        is_all = len(inside) == 1
        is_zip = outermost.lower().endswith(".zip") and len(below) > 1
        names = {name_and_number(rest[0], {}) if rest else None for rest in below}
        is_platforms = None not in names and (len(names) > 1 or is_all)
        if is_platforms or (is_all and is_zip):
            found.add(outermost)
    return found


def owner_of(
    parts: tuple[str, ...],
    wrappers: set[str],
    stems: set[str],
    set_name: str,
    people: dict[str, str],
) -> Owner:
    """The student who sent a file, by the names of the folders and of the file."""
    first = int(parts[0] in wrappers)
    for k in range(first, len(parts)):
        found = name_and_number(parts[k], people, is_outermost=k == first)
        if found:
            return Owner(*found, parts[:k])
    stem = stem_of(parts[first])
    if COPY.sub("", stem) in stems:  # else it may be that everybody's file has a number
        stem = COPY.sub("", stem)
    if len(parts) > first + 1:
        return Owner(stem, "")
    return Owner(without_set(stem, set_name) or stem, "")


def without_set(stem: str, set_name: str) -> str:
    """A file's name without the set's, or nothing where only the number of a copy is left."""
    rest = stem.replace(set_name, "").strip(" _-")
    return "" if not COPY.sub("", f" {rest}").strip() else rest


def name_and_number(
    part: str, people: dict[str, str], is_outermost: bool = True
) -> tuple[str, str] | None:
    """The student's name and the platform's number for student or submission, if these are there.

    Deeper down a name like one of Canvas or Gradescope may be somebody's choice.
    """
    stem = stem_of(part)
    if found := MOODLE.match(stem) or (CANVAS.fullmatch(stem) if is_outermost else None):
        return found["name"], found["id"]
    if (found := GRADESCOPE.fullmatch(part)) and (is_outermost or part in people):
        return people.get(part, part), found["id"]
    return None


def stem_of(part: str) -> str:
    """A name without the ending of a notebook or zip."""
    return re.sub(r"\.(ipynb|zip)$", "", part, flags=re.IGNORECASE)


def gradescope_people(folder: Path) -> dict[str, str]:
    """Who sent which of Gradescope's submissions, by the list that its export holds."""
    people: dict[str, str] = {}
    for listed in gradescope_lists(folder):
        try:
            for submission, entry in yaml.safe_load(listed.decode("utf-8")).items():
                names = GROUP.join(person[":name"] for person in entry[":submitters"])
                people[submission] = "".join(printable([names]))
        except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
            continue  # names stay what the folders say
    return people


def gradescope_lists(folder: Path) -> Iterator[bytes]:
    """The lists of Gradescope's exports, unpacked or not; not one that a student has sent."""
    for path in sent_files(folder):
        parts = path.relative_to(folder).parts
        if any(GRADESCOPE.fullmatch(part) for part in parts):
            continue
        if path.name == GRADESCOPE_LIST:
            yield path.read_bytes()
        elif len(parts) == 1 and path.suffix.lower() == ".zip":
            with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    inside = PurePosixPath(name).parts
                    if inside[-1] == GRADESCOPE_LIST and len(inside) <= 2:
                        yield archive.read(name)


def best(owner: Owner, files: list[tuple[File, Rebuilt]]) -> Submission:
    """Of a student's notebooks, the newest that holds answers to this set."""
    files = sorted(
        files, key=lambda pair: (pair[1].recognised > 0, pair[0].modified, pair[0].parts)
    )
    file, kept = files[-1]
    notes = list(kept.notes)
    if len(files) > 1:
        others = ", ".join(other.origin for other, _ in files[:-1])
        notes.append(f"the newest of {len(files)} notebooks counts; not graded: {others}")
    student, platform_id = owner.student, owner.platform_id
    return Submission(student, platform_id, file.origin, kept.answers, notes)


def note_namesakes(submission: Submission, submissions: list[Submission]) -> None:
    """Say where somebody else has the same name and number; a person must find out who is who."""
    for other in submissions:
        same = (other.student, other.platform_id) == (submission.student, submission.platform_id)
        if same and other is not submission:
            submission.notes.append(f"has the same name as the one who sent {other.origin}")


# --- what is in it ---


@dataclass
class Rebuilt:
    """The answers in one notebook."""

    answers: Answers | None
    recognised: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sent:
    """A cell as it came."""

    is_code: bool
    grade_id: str
    source: str


def rebuild(file: File, exercise_set: ExerciseSet) -> Rebuilt:
    """Take the answers from a notebook and leave everything else of the release as it was."""
    if file.problem:
        return Rebuilt(None, notes=[f"not read: {file.problem}"])
    try:
        cells, made_from = read_notebook(file.content)
    except ValueError as error:
        return Rebuilt(None, notes=[f"not a notebook that can be read: {error}"])
    notes = []
    if made_from not in (None, (exercise_set.name, exercise_set.variant)):
        notes.append("made from " + (" ".join(filter(None, made_from)) or "another notebook"))
    answers, recognised, more = answers_in(cells, exercise_set)
    if not recognised:
        notes.append(NO_ANSWER)
    return Rebuilt(answers, recognised, notes + more)


def read_notebook(content: bytes) -> tuple[list[Sent], tuple[str, str] | None]:
    """The cells of a notebook, whatever else is missing, and from which set and variant it is."""
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError("it is damaged" if content else "it is empty") from error
    if not isinstance(notebook, dict):
        raise ValueError("it holds no cells")
    sheets = notebook.get("worksheets")  # notebooks of version 3
    sheets = sheets if isinstance(sheets, list) else [notebook]
    cells = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    if not any(isinstance(part, list) for part in cells):
        raise ValueError("it holds no cells")
    cells = [cell for part in cells if isinstance(part, list) for cell in part]
    metadata = notebook.get("metadata")
    made_from = metadata.get("exercises") if isinstance(metadata, dict) else None
    if isinstance(made_from, dict):
        made_from = str(made_from.get("set", "")), str(made_from.get("variant", ""))
    else:
        made_from = None
    return [sent(cell) for cell in cells if isinstance(cell, dict)], made_from


def sent(cell: dict) -> Sent:
    """One cell, read with patience."""
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = "".join(map(str, source))
    source = source.encode("utf-8", "replace").decode() if isinstance(source, str) else ""
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = marks.get("grade_id") if isinstance(marks, dict) else None
    return Sent(cell.get("cell_type") == "code", str(grade_id or ""), source)


def answers_in(cells: list[Sent], exercise_set: ExerciseSet) -> tuple[Answers, int, list[str]]:
    """Every exercise's answer and the student's own cells, in the order in which to run them.

    A cell of the student's own runs after the checks that came before it in the notebook.
    """
    chosen, notes = chosen_answers(cells, exercise_set)
    released = released_cells(exercise_set)
    order = [exercise.id for exercise in exercise_set.exercises]
    slots: Answers = {exercise: [] for exercise in order}
    slot = order[0]
    late: list[StudentCell] = []  # own cells at the end run only if an answer comes after them
    for k, cell in enumerate(cells):
        if k in chosen:
            slot = chosen[k]
            slots[slot] += [*late, StudentCell(cell.source)]
            late = []
        elif (
            place := released.get(cell.grade_id) or released.get(cell.source.strip())
        ) is not None:
            slot = place.then or slot
        elif cell.is_code and cell.source.strip():
            own = slots.get(slot, late)
            own.append(StudentCell(cell.source, is_answer=False))
    own = [c.source for c in cells if c.is_code and c.source.strip() not in released]
    defined = {name for source in own for name in names_in(source)}
    for exercise in exercise_set.exercises:
        if exercise.id not in chosen.values() and not set(exercise.names) <= defined:
            notes.append(f"no answer to {exercise.id} was found")
    notes += changed(cells, released, order)
    return slots, len(set(chosen.values())), notes


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
            found[f"{exercise.id}-given"] = found[exercise.given.strip()] = Place()
        found[exercise.id] = found[exercise.stub.strip()] = Place()
        for check in exercise.checks:
            texts = (check_as_released(check), check_to_practise(check))
            for known in (f"{exercise.id}-{check.id}", *map(str.strip, texts)):
                found[known] = Place(after)
    return found


def chosen_answers(
    cells: list[Sent], exercise_set: ExerciseSet
) -> tuple[dict[int, str], list[str]]:
    """Which cells answer which exercise: by id first, then by names.

    Several, as of a cell that was copied or split, run in order, as they did for the student.
    """
    chosen: dict[int, str] = {}
    notes = []
    for exercise in exercise_set.exercises:
        by_id = [k for k, cell in enumerate(cells) if cell.is_code and cell.grade_id == exercise.id]
        by_id = [k for k in by_id if is_worked_on(cells[k], exercise)]
        by_name = [k for k, cell in enumerate(cells) if defines(cell, exercise)]
        found = by_id or [k for k in by_name if is_worked_on(cells[k], exercise)] or by_name
        chosen = dict.fromkeys(found, exercise.id) | chosen
        if len({cells[k].source.strip() for k in found}) > 1:
            notes.append(f"{exercise.id} was answered in {len(found)} cells, which ran in order")
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


def changed(cells: list[Sent], released: dict[str, Place], answers: list[str]) -> list[str]:
    """A note where released code was changed: it ran at home, and had no effect here."""
    names = [
        cell.grade_id
        for cell in cells
        if cell.grade_id in released
        and cell.grade_id not in answers
        and cell.source.strip()
        and cell.source.strip() not in released
    ]
    return [f"changes to {', '.join(dict.fromkeys(names))} had no effect"] if names else []
