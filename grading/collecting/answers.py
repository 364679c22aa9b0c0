"""What is in a notebook: its answers, put into the release.

Students delete, copy and move cells, and tools strip metadata. So nothing of a notebook is taken
but its answers, each recognised by its cell's id or else by the names that it defines, and cells of
the student's own.
"""

from __future__ import annotations

import ast
import json
import re
import sys
import warnings
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from grading.authoring.notebooks import check_as_released, check_to_practise
from grading.authoring.sets import Exercise, ExerciseSet, defined_names
from grading.collecting.files import File, printable
from grading.marking.marking import Answers, StudentCell

NO_ANSWER = "holds no answer of this set"
MOST_PARTS = 300_000  # lists and objects in a JSON file: some take a hundred times their letters
MOST_VALUES = 2_000_000  # in all of them, such as the points of a figure
MOST_CELLS = 1_000  # of a notebook
LONGEST_CELL = 100_000  # letters of code, which take a thousand times the memory to understand
MOST_CODE = 500_000  # letters in all code cells
A_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
CONFLICT = "Git left a conflict in it (<<<<<<<): settle it and save the notebook again"
MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


@dataclass
class Rebuilt:
    """The answers in one notebook."""

    answers: Answers | None
    recognised: int = 0  # exercises that are answered
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sent:
    """A cell as it came."""

    is_code: bool
    grade_id: str
    source: str

    @cached_property
    def text(self) -> str:
        """The source as it is compared with the release."""
        return plain(self.source)

    @cached_property
    def names(self) -> set[str]:
        """Names that code defines at its left margin, also where it cannot be parsed."""
        try:
            return set(defined_names(self.source))
        except Exception:
            named = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", self.source, re.MULTILINE)
            return {name for pair in named for name in pair if name}


def rebuild(file: File, exercise_set: ExerciseSet) -> Rebuilt:
    """Take the answers from a notebook and leave everything else of the release as it was."""
    if file.problem:
        return Rebuilt(None, notes=[f"not read: {file.problem}"])
    try:
        with warnings.catch_warnings(action="ignore"):  # of the parser, about a student's code
            cells, metadata, notes = read_notebook(file.content)
            answers, recognised, about = answers_in(cells, exercise_set)
            notes += made_from(metadata, exercise_set) + ([] if recognised else [NO_ANSWER])
            notes += about + newer_syntax(answers, metadata)
    except Exception as error:  # whatever it is, it costs its owner alone
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        return Rebuilt(None, notes=[printable(f"not a notebook that can be read: {why}")])
    return Rebuilt(answers, recognised, [printable(note) for note in notes])


# --- the file ---


def read_notebook(content: bytes) -> tuple[list[Sent], dict[str, Any], list[str]]:
    """The cells of a notebook and its metadata, whatever else is missing, and notes.

    Raises
    ------
    ValueError
        If there are none, or reading them would take more memory than a notebook needs.
    """
    text = content.decode(json.detect_encoding(content), errors="replace")
    if is_intricate(text) and is_intricate(A_STRING.sub("", text)):
        raise ValueError("it has more parts than a notebook needs")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        conflict = CONFLICT if re.search("^<{7} ", text, re.MULTILINE) else ""
        raise ValueError(conflict or ("it is damaged" if text.strip() else "it is empty")) from None
    notebook = notebook if isinstance(notebook, dict) else {}
    sheets = notebook.get("worksheets")  # notebooks of version 3
    sheets = sheets if isinstance(sheets, list) else [notebook]
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    if not any(isinstance(cells, list) for cells in lists):
        raise ValueError("it holds no cells")
    found = [cell for cells in lists if isinstance(cells, list) for cell in cells]
    kept, notes, letters = [], [], 0
    for number, cell in enumerate(map(sent, found[:MOST_CELLS]), 1):
        length = len(cell.source) if cell.is_code else 0
        if length > LONGEST_CELL or letters + length > MOST_CODE:
            notes.append(f"not read: its cell {number}, which is too long")
        else:
            letters += length
            kept.append(cell)
    if len(found) > MOST_CELLS:
        notes.append(f"only the first {MOST_CELLS} of its {len(found)} cells were read")
    return kept, entry(notebook, "metadata"), notes[:1] + notes[1:][-1:]


def is_intricate(text: str) -> bool:
    """Whether JSON may become far larger in memory; marks within strings count, too."""
    return text.count("{") + text.count("[") > MOST_PARTS or text.count(",") > MOST_VALUES


def sent(cell: object) -> Sent:
    """One cell, read with patience."""
    cell = cell if isinstance(cell, dict) else {}
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    source = source.encode("utf-8", "replace").decode() if isinstance(source, str) else ""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    grade_id = text_in(entry(cell, "metadata", "nbgrader"), "grade_id")
    return Sent(cell.get("cell_type") == "code", grade_id, source)


def entry(of: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A dictionary within dictionaries, or an empty one."""
    for key in keys:
        of = of[key] if isinstance(of.get(key), dict) else {}
    return of


def text_in(of: dict[str, Any], key: str) -> str:
    """A short text out of metadata, which may hold anything."""
    return printable(of[key]) if isinstance(of.get(key), str) else ""


def made_from(metadata: dict[str, Any], exercise_set: ExerciseSet) -> list[str]:
    """A note where a notebook was made from another set or variant."""
    if not isinstance(metadata.get("exercises"), dict):
        return []
    named = [text_in(metadata["exercises"], key) for key in ("set", "variant")]
    if named == [exercise_set.name, exercise_set.variant]:
        return []
    return [f"made from {' '.join(filter(None, named)) or 'another notebook'}"]


def newer_syntax(answers: Answers, metadata: dict[str, Any]) -> list[str]:
    """A note where code may be right in the student's Python and cannot be read by ours."""
    version = re.match(
        r"(\d{1,3})\.(\d{1,3})", text_in(entry(metadata, "language_info"), "version")
    )
    ours = sys.version_info[:2]
    names = [name for name, cells in answers.items() if not all(parses(c.code) for c in cells)]
    if not names or not version or (int(version[1]), int(version[2])) <= ours:
        return []
    return [
        f"{', '.join(names)} cannot be read by Python {ours[0]}.{ours[1]}, which grades; it was "
        f"written in {version[0]}, where it may be right"
    ]


def parses(code: str) -> bool:
    """Whether this Python can read code, not counting what Jupyter alone understands."""
    try:
        ast.parse(MAGIC.sub("pass", code))
    except Exception:  # code may also be too deep for the parser
        return False
    return True


# --- the answers ---


def plain(code: str) -> str:
    """Code without spaces at the ends of its lines."""
    return "\n".join(line.rstrip() for line in code.splitlines()).strip()


@lru_cache(maxsize=64)
def meaning(code: str) -> str:
    """Code without comments and layout, or as it is where it cannot be parsed."""
    try:
        return ast.dump(ast.parse(code))
    except Exception:
        return plain(code)


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
        elif (place := released.get(cell.grade_id) or released.get(cell.text)) is not None:
            slot = place.then or slot
        elif cell.is_code and cell.text:
            own = slots.get(slot, late)
            own.append(StudentCell(cell.source, is_answer=False))
    changes = [cell for cell in cells if cell.is_code and cell.text not in released]
    defined = {name for cell in changes for name in cell.names}
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
    found = {"setup": Place(), plain(exercise_set.setup): Place()}
    following = [e.id for e in exercise_set.exercises[1:]] + [AFTER_ALL]
    for exercise, after in zip(exercise_set.exercises, following, strict=True):
        if exercise.given:
            found[f"{exercise.id}-given"] = found[plain(exercise.given_code)] = Place()
        found[exercise.id] = found[plain(exercise.stub)] = Place()
        for check in exercise.checks:
            texts = (check_as_released(check), check_to_practise(check))
            for known in (f"{exercise.id}-{check.id}", *map(plain, texts)):
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
        by_name = [k for k, cell in enumerate(cells) if defines(cell, exercise)]
        by_id, by_name = (
            [k for k in kind if is_worked_on(cells[k], exercise)] for kind in (by_id, by_name)
        )
        found = by_id or by_name
        chosen = dict.fromkeys(found, exercise.id) | chosen
        if len({cells[k].text for k in found}) > 1:
            notes.append(f"{exercise.id} was answered in {len(found)} cells, which ran in order")
    return chosen, notes


def is_worked_on(cell: Sent, exercise: Exercise) -> bool:
    """Whether a cell is more than the stub or nothing, however it is laid out."""
    return meaning(cell.source) not in (meaning(""), meaning(exercise.stub))


def defines(cell: Sent, exercise: Exercise) -> bool:
    """Whether a code cell without a known id defines all names that the exercise asks for."""
    return cell.is_code and not cell.grade_id and set(exercise.names) <= cell.names


def changed(cells: list[Sent], released: dict[str, Place], answers: list[str]) -> list[str]:
    """A note where released code was changed: it ran at home, and had no effect here."""
    names = [
        cell.grade_id
        for cell in cells
        if cell.grade_id in released
        and cell.grade_id not in answers
        and cell.text
        and cell.text not in released
    ]
    return [f"changes to {', '.join(dict.fromkeys(names))} had no effect"] if names else []
