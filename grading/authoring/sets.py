"""Read the source of an exercise set: a Python file in jupytext's percent format.

Every cell has a role; the solution stands between two markers in its answer cell. Here is what it
takes to understand a file. What a set must hold beyond that, its rules, stands in `rules`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext

from grading.authoring.changes import ChangeError, applied, are_changes
from grading.authoring.variants import (
    KINDS,
    Parameters,
    filled_in,
    read_parameters,
    used_in,
    with_values,
)

SOURCES = Path(__file__).parents[2] / "exercises"

BEGIN, END, STUB = "### BEGIN SOLUTION", "### END SOLUTION", "# STUB: "
TO_WRITE = 'raise NotImplementedError("write your answer here")'

# Each role with the type of its cells, the entries of their first line, and what may come next.
ROLES = {
    "set": ("markdown", {"title", "chapter"}, ["parameters"]),
    "parameters": ("code", set(), ["setup"]),
    "setup": ("code", set(), ["exercise"]),
    "exercise": (
        "markdown",
        {"id", "title", "level", "kind", "minutes", "goal"},
        ["given", "answer"],
    ),
    "given": ("code", set(), ["given", "answer"]),
    "answer": ("code", set(), ["hint"]),
    "hint": ("markdown", set(), ["hint", "check"]),
    "check": ("code", {"id", "points", "about"}, ["check", "hidden"]),
    "hidden": ("code", {"id", "points", "about"}, ["hidden", "explanation"]),
    "explanation": ("markdown", set(), ["wrong", "exercise", "project"]),
    "wrong": ("code", {"name", "fails"}, ["wrong", "exercise", "project"]),
    "project": ("markdown", {"id", "title", "minutes", "goal"}, ["rubric"]),
    "rubric": ("markdown", set(), ["nothing more"]),
}
MAY_HAVE = {"check": {"in_place"}, "hidden": {"in_place"}}
TYPES = {"points": int, "minutes": int, "fails": list, "in_place": bool}
IN_WORDS = {**KINDS, list: "a list", bool: "true or false"}

# What jupytext adds of its own.
NOT_OURS = {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"}


class SourceError(ValueError):
    """A source that cannot be understood: all that is wrong, a line each with its place."""


@dataclass(frozen=True)
class Cell:
    """A cell of the source: where it stands, its role, and what it holds."""

    place: str
    role: str
    text: str
    entries: dict[str, Any]
    uses: frozenset[str] = frozenset()  # the parameters whose values were filled in


@dataclass(frozen=True)
class Check:
    """One check: code that raises where an answer is wrong, and the points it gives.

    One that is `in_place` looks at what an answer does to its arguments. In others it sees copies.
    """

    id: str
    points: int
    about: str
    code: str
    hidden: bool
    in_place: bool = False


@dataclass(frozen=True)
class Wrong:
    """A known wrong answer, and the checks that must see it."""

    name: str
    code: str
    fails: tuple[str, ...]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    `answer` holds the solution between its markers, `stub` is what students get in its place;
    `uses` names the parameters in the task, the given code and the answer.
    """

    id: str
    title: str
    level: str
    kind: str
    minutes: int
    goal: str
    statement: str
    given: tuple[str, ...]
    answer: str
    solution: str
    stub: str
    hints: tuple[str, ...]
    checks: tuple[Check, ...]
    explanation: str
    wrong: tuple[Wrong, ...]
    uses: frozenset[str]

    @property
    def given_code(self) -> str:
        """All code that students are given, as one cell."""
        return "\n\n\n".join(self.given)

    @property
    def points(self) -> int:
        """Points of all its checks."""
        return sum(check.points for check in self.checks)

    @property
    def names(self) -> tuple[str, ...]:
        """The names that an answer must define: those that the student's cell starts with."""
        return defined_names(self.stub)


@dataclass(frozen=True)
class Criterion:
    """A row of a project's rubric."""

    name: str
    full_marks_for: str
    points: int


@dataclass(frozen=True)
class Project:
    """The open task of a set, which a person marks by its rubric."""

    id: str
    title: str
    minutes: int
    goal: str
    statement: str
    rubric: tuple[Criterion, ...]

    @property
    def points(self) -> int:
        """Points of all criteria."""
        return sum(criterion.points for criterion in self.rubric)


@dataclass(frozen=True)
class ExerciseSet:
    """All that a source says, with the parameters' values filled in."""

    name: str
    title: str
    chapter: str
    introduction: str
    setup: str
    exercises: tuple[Exercise, ...]
    project: Project
    parameters: Parameters = field(default_factory=dict)
    variant: str = ""

    @property
    def number(self) -> int:
        """The chapter's number, which the name starts with."""
        return int(self.name[:2])

    @property
    def points(self) -> int:
        """Points that checks give, without the project's."""
        return sum(exercise.points for exercise in self.exercises)


# --- reading ---


def set_names(folder: Path = SOURCES) -> list[str]:
    """The names of all sets, in the chapters' order."""
    return sorted(path.stem for path in folder.glob("[0-9][0-9]_*.py"))


def find_set(name: str, folder: Path = SOURCES) -> Path:
    """The source of a set, by its name or by the number that the name starts with."""
    names = set_names(folder)
    found = [known for known in names if known == name or int(known[:2]) == as_number(name)]
    if not found:
        raise SourceError(f"SET must be one of {', '.join(names)}, or its number; got {name!r}")
    return folder / f"{found[0]}.py"


def as_number(name: str) -> int | None:
    """3 for "3" and "03", None for a name."""
    return int(name) if name.isascii() and name.isdigit() else None


def read_set(path: Path, values: Parameters | None = None, variant: str = "") -> ExerciseSet:
    """Read a source, with other values for some of its parameters where `values` gives them."""
    cells = read_cells(path.read_text(encoding="utf-8"), path.name)
    allowed = read_parameters(cells[1].text, cells[1].place)
    parameters = with_values(allowed, values or {}, path.stem)
    first, _, setup, *rest = [filled_in_cell(cell, parameters) for cell in cells]
    *exercise_cells, project, rubric = rest
    starts = [k for k, cell in enumerate(exercise_cells) if cell.role == "exercise"]
    ends = [*starts[1:], len(exercise_cells)]
    return ExerciseSet(
        name=path.stem,
        **first.entries,
        introduction=first.text,
        setup=setup.text,
        exercises=tuple(
            read_exercise(exercise_cells[k:end]) for k, end in zip(starts, ends, strict=True)
        ),
        project=read_project(project, rubric),
        parameters=parameters,
        variant=variant,
    )


def read_cells(source: str, name: str) -> list[Cell]:
    """Every cell of a source, in an order that makes a set; all faults are told at once."""
    firsts = [k for k, line in enumerate(source.splitlines(), 1) if re.match(r"#\s*%%", line)]
    cells = jupytext.reads(source, fmt="py:percent").cells
    if len(firsts) != len(cells):
        raise SourceError(f"{name}: the file must start with a cell, and every cell with `# %%`")
    found, faults = [], []
    may_come = ["set"]
    for cell, first in zip(cells, firsts, strict=True):
        entries = {key: value for key, value in cell.metadata.items() if key not in NOT_OURS}
        role = entries.pop("role", None)
        place = f"{name}, line {first}"
        faults += [f"{place}: {fault}" for fault in cell_faults(role, cell.cell_type, entries)]
        if role in ROLES:
            if role not in may_come:
                faults.append(f"{place}: here must come {' or '.join(may_come)}; got {role!r}")
            may_come = ROLES[role][2]
            found.append(Cell(place, role, cell.source.strip("\n"), entries))
    if may_come != ROLES["rubric"][2]:
        faults.append(f"{name}: a source must end with project, rubric")
    if faults:
        raise SourceError("\n".join(faults))
    return found


def cell_faults(role: object, cell_type: str, entries: dict[str, object]) -> list[str]:
    """What is wrong with a cell's first line."""
    if role not in ROLES:
        return [f"role must be one of {', '.join(ROLES)}; got {role!r}"]
    right_type, needed, _ = ROLES[str(role)]
    found = []
    if cell_type != right_type:
        found.append(f"a cell of role {role!r} is {right_type}, this is {cell_type}")
    if set(entries) - MAY_HAVE.get(str(role), set()) != needed:
        found.append(f"role {role!r} takes the entries {sorted(needed)}; got {sorted(entries)}")
    for key, value in entries.items():
        kind = TYPES.get(key, str)
        if type(value) is not kind or value == "":
            found.append(f"{key} must be {IN_WORDS[kind]}; got {value!r}")
    return found


def filled_in_cell(cell: Cell, parameters: Parameters) -> Cell:
    """The cell with every parameter's name replaced by its value, and which those were."""
    entries = {
        key: filled_in(value, parameters) if isinstance(value, str) else value
        for key, value in cell.entries.items()
    }
    is_code = ROLES[cell.role][0] == "code"
    text = filled_in(cell.text, parameters, is_code)
    if is_code and cell.role != "parameters":
        parsed(text, cell.place)
    return Cell(cell.place, cell.role, text, entries, frozenset(used_in(cell.text, parameters)))


def parsed(code: str, place: str) -> ast.Module:
    """The syntax tree of a cell, as it is once parameters have their values."""
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise SourceError(
            f"{place}: line {error.lineno} of this cell, with its parameters' values: {error.msg}"
        ) from None


def read_exercise(cells: list[Cell]) -> Exercise:
    """One exercise from its cells, whose roles are in order."""
    by_role = {role: [cell for cell in cells if cell.role == role] for role in ROLES}
    [head], [solved], [explanation] = (by_role[r] for r in ("exercise", "answer", "explanation"))
    answer, stub = read_answer(solved)
    solution = "\n".join(line for line in answer.splitlines() if line.strip() not in (BEGIN, END))
    return Exercise(
        **head.entries,
        statement=head.text,
        given=tuple(cell.text for cell in by_role["given"]),
        answer=answer,
        solution=solution,
        stub=stub,
        hints=tuple(cell.text for cell in by_role["hint"]),
        checks=tuple(
            Check(**cell.entries, code=cell.text, hidden=cell.role == "hidden")
            for cell in [*by_role["check"], *by_role["hidden"]]
        ),
        explanation=explanation.text,
        wrong=tuple(read_wrong(cell, solution) for cell in by_role["wrong"]),
        uses=frozenset().union(*(cell.uses for cell in [head, *by_role["given"], solved])),
    )


def read_wrong(cell: Cell, solution: str) -> Wrong:
    """One known wrong answer, which is code or changes to the solution."""
    try:
        code = applied(cell.text, solution) if are_changes(cell.text) else cell.text
    except ChangeError as error:
        raise SourceError(f"{cell.place}: {error}") from None
    parsed(code, f"{cell.place}, once changed")
    return Wrong(cell.entries["name"], code, tuple(cell.entries["fails"]))


def read_project(cell: Cell, rubric: Cell) -> Project:
    """The open task with its rubric, a table of three columns."""
    lines = [line.strip() for line in rubric.text.splitlines() if line.strip().startswith("|")]
    rows = [[column.strip() for column in line.strip("|").split("|")] for line in lines[2:]]
    for row in rows or [[]]:
        if len(row) != 3 or as_number(row[2]) is None:
            raise SourceError(
                f"{rubric.place}: a rubric is a table of criterion, full marks for, and points, "
                f"a whole number; got {row}"
            )
    criteria = tuple(Criterion(name, told, int(points)) for name, told, points in rows)
    return Project(**cell.entries, statement=cell.text, rubric=criteria)


def read_answer(cell: Cell) -> tuple[str, str]:
    """The answer cell with its solution between the markers, and what students get instead."""
    lines = cell.text.splitlines()
    markers = [line.strip() for line in lines if line.strip() in (BEGIN, END)]
    if markers != [BEGIN, END]:
        raise SourceError(
            f"{cell.place}: an answer holds one line {BEGIN!r} and, below it, one line {END!r}; "
            f"this one holds {markers}"
        )
    begin, end = (k for k, line in enumerate(lines) if line.strip() in (BEGIN, END))
    told = [line[len(STUB) :] for line in lines if is_stub(line)]
    instead = told or [lines[begin].replace(BEGIN, TO_WRITE)]
    stub = "\n".join([*lines[:begin], *instead, *lines[end + 1 :]])
    parsed(stub, cell.place)
    return "\n".join(line for line in lines if not is_stub(line)), stub


def is_stub(line: str) -> bool:
    """Whether a line of an answer says what students get instead; formatters cut its last space."""
    return line.startswith(STUB.rstrip())


def defined_names(code: str) -> tuple[str, ...]:
    """Functions, classes and variables that code defines at its left margin."""
    found: list[str] = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign):
            names = (name for target in node.targets for name in ast.walk(target))
            found += [name.id for name in names if isinstance(name, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(node.target.id)
    return tuple(dict.fromkeys(found))
