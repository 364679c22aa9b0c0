"""What is in a notebook: its answers, put into the release.

Students delete, copy and move cells, and tools strip metadata. So nothing of a notebook is taken
but its answers, each recognised by its cell's id or else by the names that it defines, and cells of
the student's own.
"""

import ast
import json
import re
import sys
import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

from grading.authoring.notebooks import check_as_released, check_to_practise
from grading.authoring.sets import ExerciseSet, defined_names
from grading.collecting.files import File
from grading.collecting.text import printable
from grading.marking.marking import Answers, StudentCell

MADE_FROM = "made from "  # how the note on another set or variant begins
NO_ANSWER = "holds no answer of this set"
MOST_PARTS = 400_000  # lists, objects and entries in JSON: each may take two hundred bytes
MOST_VALUES = 2_000_000  # in all of them, such as the points of a figure
MOST_CELLS = 1_000  # of a notebook
LONGEST_CELL = 100_000  # letters of code, which take a thousand times the memory to understand
MOST_CODE = 500_000  # letters in all code cells
A_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
CONFLICT = "Git left a conflict in it (<<<<<<<): settle it and save the notebook again"
AFTER_ALL = "-"  # in place of an exercise's id
MAGIC = re.compile(r"^[ \t]*[%!].*$", re.MULTILINE)


@dataclass
class Rebuilt:
    """The answers in one notebook."""

    file: File  # without its content
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
        """As it is compared with the release."""
        return plain(self.source)

    @cached_property
    def names(self) -> set[str]:
        """Names that code defines at its left margin, also where it cannot be parsed."""
        try:
            return set(defined_names(self.source))
        except Exception:
            named = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=[^=]", self.source, re.MULTILINE)
            return {name for pair in named for name in pair if name}

    def is_more_than(self, stub: str) -> bool:
        """Whether it is neither what was released, nor nothing."""
        return (tree_of(self.source) or self.text) not in (tree_of(""), tree_of(stub))


def rebuild(file: File, exercise_set: ExerciseSet) -> Rebuilt:
    """Take the answers from a notebook and leave everything else of the release as it was."""
    without_content = replace(file, content=b"", read=bytes)
    if file.problem:
        return Rebuilt(without_content, None, notes=[f"not read: {file.problem}"])
    try:
        with warnings.catch_warnings(action="ignore"):  # of the parser, about a student's code
            notebook = read_json(file.content)
            cells, notes = cells_of(notebook)
            answers, recognised, about = answers_in(cells, exercise_set)
            notes += made_from(notebook, exercise_set) + ([] if recognised else [NO_ANSWER])
            notes += about + newer_syntax(notebook, answers)
    except Exception as error:  # whatever it is, it costs its owner alone
        why = str(error) if isinstance(error, ValueError) else type(error).__name__
        answers, recognised, notes = None, 0, [f"not a notebook that can be read: {why}"]
    return Rebuilt(without_content, answers, recognised, [printable(note) for note in notes])


def read_json(content: bytes) -> Any:
    """What a file holds, in whatever encoding, or a ValueError that says why it cannot be read."""
    text = content.decode(json.detect_encoding(content), errors="replace")
    if is_intricate(text) and is_intricate(A_STRING.sub("", text)):  # marks in strings are fine
        raise ValueError("it has more parts than a notebook needs")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        if re.search("^<{7} ", text, re.MULTILINE):
            raise ValueError(CONFLICT) from None
        raise ValueError("it is damaged" if text.strip() else "it is empty") from None


def is_intricate(text: str) -> bool:
    """Whether JSON may become far larger in memory."""
    return sum(map(text.count, "{[:")) > MOST_PARTS or text.count(",") > MOST_VALUES


def cells_of(notebook: Any) -> tuple[list[Sent], list[str]]:
    """The cells of a notebook, whatever else is missing, and a note where there are too many."""
    notebook = notebook if isinstance(notebook, dict) else {}
    sheets = notebook.get("worksheets")  # notebooks of version 3
    sheets = sheets if isinstance(sheets, list) else [notebook]
    lists = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    lists = [cells for cells in lists if isinstance(cells, list)]
    if not lists:
        raise ValueError("it holds no cells")
    found = list(chain.from_iterable(lists))
    kept, letters = [], 0
    for cell in map(sent, found[:MOST_CELLS]):
        length = len(cell.source) if cell.is_code else 0
        if length <= LONGEST_CELL and letters + length <= MOST_CODE:
            letters += length
            kept.append(cell)
    left_out = len(found) - len(kept)
    return kept, [f"not read: {left_out} cells, too long or too many"] if left_out else []


def sent(cell: object) -> Sent:
    """One cell, read with patience."""
    cell = cell if isinstance(cell, dict) else {}
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    source = source.encode("utf-8", "replace").decode() if isinstance(source, str) else ""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    grade_id = text_at(cell, "metadata", "nbgrader", "grade_id")
    return Sent(cell.get("cell_type") == "code", grade_id, source)


def text_at(of: Any, *keys: str) -> str:
    """A short text out of dictionaries, which may hold anything."""
    for key in keys:
        of = of.get(key) if isinstance(of, dict) else None
    return printable(of) if isinstance(of, str) else ""


def made_from(notebook: Any, exercise_set: ExerciseSet) -> list[str]:
    """A note where a notebook was made from another set or variant."""
    named = [text_at(notebook, "metadata", "exercises", key) for key in ("set", "variant")]
    is_ours = named in (["", ""], [exercise_set.name, exercise_set.variant])
    return [] if is_ours else [MADE_FROM + " ".join(named).strip()]


def newer_syntax(notebook: Any, answers: Answers) -> list[str]:
    """A note where code may be right in the student's Python and cannot be read by ours."""
    said = text_at(notebook, "metadata", "language_info", "version")
    version, ours = re.match(r"(\d{1,3})\.(\d{1,3})", said), sys.version_info[:2]
    if not version or tuple(map(int, version.groups())) <= ours:
        return []
    odd = [name for name, cells in answers.items() if not all(tree_of(c.code) for c in cells)]
    note = f"{', '.join(odd)} cannot be read by Python {ours[0]}.{ours[1]}, which grades; it was "
    return [f"{note}written in {version[0]}, where it may be right"] if odd else []


def plain(code: str) -> str:
    """Code without spaces at the ends of its lines."""
    return "\n".join(line.rstrip() for line in code.splitlines()).strip()


@lru_cache(maxsize=16)
def tree_of(code: str) -> str:
    """Code without comments, layout and Jupyter's commands, or nothing where it is no Python."""
    try:
        return ast.dump(ast.parse(MAGIC.sub("pass", code)))
    except Exception:  # it may also be too deep
        return ""


def answers_in(cells: list[Sent], exercise_set: ExerciseSet) -> tuple[Answers, int, list[str]]:
    """Every exercise's answer and the student's own cells, in the order in which to run them.

    A cell of the student's own runs after the checks that came before it in the notebook; at the
    end only if an answer comes after it.
    """
    released = released_cells(exercise_set)
    code = [(k, c) for k, c in enumerate(cells) if c.is_code and c.text not in released]
    chosen, notes = chosen_answers(code, exercise_set)
    order = [exercise.id for exercise in exercise_set.exercises]
    slots: Answers = {name: [] for name in (*order, AFTER_ALL)}
    slot = order[0]
    for k, cell in enumerate(cells):
        if k in chosen:
            slot = chosen[k]
            slots[slot] += [*slots[AFTER_ALL], StudentCell(cell.source)]
            slots[AFTER_ALL] = []
        elif cell.grade_id in released or cell.text in released:
            slot = released.get(cell.grade_id, released.get(cell.text)) or slot
        elif cell.is_code and cell.text:
            slots[slot].append(StudentCell(cell.source, is_answer=False))
    del slots[AFTER_ALL]
    there = dict.fromkeys(cell.grade_id for _, cell in code if cell.text)
    names = [name for name in there if name in released and name not in order]
    if names:  # these cells ran at home
        notes.append(f"changes to {', '.join(names)} had no effect")
    return slots, len(set(chosen.values())), notes


def released_cells(exercise_set: ExerciseSet) -> dict[str, str]:
    """What every student got, by id and by text: none of it is the student's own.

    After a check, the student's own cells belong to the next exercise, whose id is given.
    """
    found = {"setup": "", plain(exercise_set.setup): ""}
    following = [e.id for e in exercise_set.exercises[1:]] + [AFTER_ALL]
    for exercise, after in zip(exercise_set.exercises, following, strict=True):
        if exercise.given:
            found[f"{exercise.id}-given"] = found[plain(exercise.given)] = ""
        found[exercise.id] = found[plain(exercise.stub)] = ""
        for check in exercise.checks:
            texts = (check_as_released(check), check_to_practise(check))
            for known in (f"{exercise.id}-{check.id}", *map(plain, texts)):
                found[known] = after
    return found


def chosen_answers(
    code: list[tuple[int, Sent]], exercise_set: ExerciseSet
) -> tuple[dict[int, str], list[str]]:
    """Which cells answer which exercise: by id first, then by names.

    Several, as of a cell that was copied or split, run in order, as they did for the student.
    """
    chosen: dict[int, str] = {}
    notes = []
    defined = {name for _, cell in code for name in cell.names}
    for exercise in exercise_set.exercises:
        wanted, stub = set(exercise.names), exercise.stub
        by_id = [(k, cell) for k, cell in code if cell.grade_id == exercise.id]
        by_name = [(k, cell) for k, cell in code if not cell.grade_id and wanted <= cell.names]
        found = {k: cell.text for k, cell in by_id if cell.is_more_than(stub)}
        found = found or {k: cell.text for k, cell in by_name if cell.is_more_than(stub)}
        chosen = dict.fromkeys(found, exercise.id) | chosen
        if len(set(found.values())) > 1:
            notes.append(f"{exercise.id} was answered in {len(found)} cells, which ran in order")
        if not found and not wanted <= defined:
            notes.append(f"no answer to {exercise.id} was found")
    return chosen, notes
