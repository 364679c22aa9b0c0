"""Read the source of an exercise set: a Python file in jupytext's percent format.

Every cell has a role; the solution stands between two markers in its answer cell. Here is what it
takes to understand a file. What a set must hold beyond that, its rules, stands in `rules`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jupytext

from grading.authoring.variants import Parameters, SourceError, filled_in, read_parameters

SOURCES = Path(__file__).parents[2] / "exercises"

BEGIN, END, STUB = "### BEGIN SOLUTION", "### END SOLUTION", "# STUB:"
TO_WRITE = 'raise NotImplementedError("write your answer here")'

# Each role with the type of its cells, the entries of their first line, and what may come next.
ROLES = {
    "set": ("markdown", "title chapter", "parameters"),
    "parameters": ("code", "", "setup"),
    "setup": ("code", "", "exercise"),
    "exercise": ("markdown", "id title level kind minutes goal", "given or answer"),
    "given": ("code", "", "answer"),
    "answer": ("code", "", "hint"),
    "hint": ("markdown", "", "hint or check"),
    "check": ("code", "id points about in_place", "check or hidden"),
    "hidden": ("code", "id points about in_place", "hidden or explanation"),
    "explanation": ("markdown", "", "wrong or exercise or project"),
    "wrong": ("code", "name fails", "wrong or exercise or project"),
    "project": ("markdown", "id title minutes goal", "rubric"),
    "rubric": ("markdown", "", "nothing more"),
}
OPTIONAL = {"in_place"}
TYPES = {"points": int, "minutes": int, "fails": list, "in_place": bool}  # others are text
IN_WORDS = {int: "a whole number from 1", str: "text", list: "a list", bool: "true or false"}
CRITERION = re.compile(r"\| *([^|\s][^|]*?) *\| *([^|\s][^|]*?) *\| *([1-9]\d*) *\|")
CHANGED_LINE = re.compile(r"#( [-+ ]( |$)|$)")
FROM_JUPYTEXT = {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"}


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
    """One check: code that raises where an answer is wrong, and the points it gives."""

    id: str
    points: int
    about: str
    code: str
    hidden: bool
    in_place: bool = False  # it looks at what an answer does to its arguments; others see copies


@dataclass(frozen=True)
class Wrong:
    """A known wrong answer, and the checks that must see it."""

    name: str
    code: str
    fails: list[str]


@dataclass(frozen=True)
class Exercise:
    """One exercise."""

    id: str
    title: str
    level: str
    kind: str
    minutes: int
    goal: str
    statement: str
    given: str  # code; empty if there is none
    answer: str  # the whole cell, with the solution between its markers
    solution: str
    stub: str  # what students get in its place
    hints: tuple[str, ...]
    checks: tuple[Check, ...]
    explanation: str
    wrong: tuple[Wrong, ...]
    uses: frozenset[str]  # the parameters in the task, the given code and the answer

    @property
    def points(self) -> int:
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

    kind, level = "project", "open"

    id: str
    title: str
    minutes: int
    goal: str
    statement: str
    rubric: tuple[Criterion, ...]

    @property
    def points(self) -> int:
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
    parameters: Parameters
    variant: str

    @property
    def number(self) -> int:
        """The chapter's number, which the name starts with."""
        return int(self.name[:2])

    @property
    def points(self) -> int:
        """Points that checks give, without the project's."""
        return sum(exercise.points for exercise in self.exercises)


def set_names(folder: Path = SOURCES) -> list[str]:
    """The names of all sets, in the chapters' order."""
    return sorted(path.stem for path in folder.glob("[0-9][0-9]_*.py"))


def find_set(name: str, folder: Path = SOURCES) -> Path:
    """The source of a set, by its name or by the number that the name starts with."""
    names = set_names(folder)
    for known in names:
        if name == known or name.zfill(2) == known[:2]:
            return folder / f"{known}.py"
    raise SourceError(f"SET must be one of {', '.join(names)}, or its number; got {name!r}")


def read_set(path: Path, values: Parameters | None = None, variant: str = "") -> ExerciseSet:
    """Read a source, with other values for some of its parameters where `values` gives them."""
    cells = read_cells(path.read_text(encoding="utf-8"), path.name)
    constants = cells.pop(1)
    parameters = read_parameters(constants.text, constants.place, values or {})
    sections: list[dict[str, list[Cell]]] = []
    for cell in cells:
        if cell.role in ("set", "exercise", "project"):
            sections.append({role: [] for role in ROLES})
        sections[-1][cell.role].append(filled_in_cell(cell, parameters))
    first, *exercises, last = sections
    return ExerciseSet(
        name=path.stem,
        **first["set"][0].entries,
        introduction=first["set"][0].text,
        setup=first["setup"][0].text,
        exercises=tuple(read_exercise(section) for section in exercises),
        project=read_project(last["project"][0], last["rubric"][0]),
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
    may_come = "set"
    for cell, first in zip(cells, firsts, strict=True):
        entries = {key: value for key, value in cell.metadata.items() if key not in FROM_JUPYTEXT}
        role = entries.pop("role", None)
        place = f"{name}, line {first}"
        if role not in may_come.split(" or "):
            faults.append(f"{place}: here must come {may_come}; got {role!r}")
        if role in ROLES:
            faults += [f"{place}: {fault}" for fault in cell_faults(role, cell.cell_type, entries)]
            found.append(Cell(place, role, cell.source.strip("\n"), entries))
            may_come = ROLES[role][2]
    if not found or found[-1].role != "rubric":
        faults.append(f"{name}: a source must end with project, rubric")
    if faults:
        raise SourceError("\n".join(faults))
    return found


def cell_faults(role: str, cell_type: str, entries: dict[str, object]) -> list[str]:
    """What is wrong with a cell's first line."""
    right_type, names, _ = ROLES[role]
    needed = set(names.split()) - OPTIONAL
    found = []
    if cell_type != right_type:
        found.append(f"a cell of role {role!r} is {right_type}, this is {cell_type}")
    if not needed <= set(entries) <= set(names.split()):
        found.append(f"role {role!r} takes the entries {sorted(needed)}; got {sorted(entries)}")
    for key, value in entries.items():
        kind = TYPES.get(key, str)
        if type(value) is not kind or value == "" or (kind is int and value < 1):
            found.append(f"{key} must be {IN_WORDS[kind]}; got {value!r}")
    return found


def filled_in_cell(cell: Cell, parameters: Parameters) -> Cell:
    """The cell with every parameter's name replaced by its value, and which those were."""
    is_code = ROLES[cell.role][0] == "code"
    text = filled_in(cell.text, parameters, is_code)
    if is_code:
        check_syntax(text, cell.place)
    said = {k: filled_in(v, parameters) for k, v in cell.entries.items() if isinstance(v, str)}
    uses = frozenset(parameters).intersection(re.findall(r"\w+", cell.text))
    return replace(cell, text=text, entries=cell.entries | said, uses=uses)


def check_syntax(code: str, place: str) -> None:
    """Code must be Python once parameters have their values."""
    try:
        ast.parse(code)
    except SyntaxError as error:
        raise SourceError(
            f"{place}: line {error.lineno} of this cell, with its parameters' values: {error.msg}"
        ) from None


def read_exercise(section: dict[str, list[Cell]]) -> Exercise:
    """One exercise from its cells by their roles."""
    [head], [solved] = section["exercise"], section["answer"]
    answer, stub = read_answer(solved)
    solution = "\n".join(line for line in answer.splitlines() if line.strip() not in (BEGIN, END))
    return Exercise(
        **head.entries,
        statement=head.text,
        given="".join(cell.text for cell in section["given"]),
        answer=answer,
        solution=solution,
        stub=stub,
        hints=tuple(cell.text for cell in section["hint"]),
        checks=tuple(
            Check(**cell.entries, code=cell.text, hidden=cell.role == "hidden")
            for cell in section["check"] + section["hidden"]
        ),
        explanation=section["explanation"][0].text,
        wrong=tuple(read_wrong(cell, solution) for cell in section["wrong"]),
        uses=frozenset().union(*(cell.uses for cell in [head, *section["given"], solved])),
    )


def read_answer(cell: Cell) -> tuple[str, str]:
    """The answer cell with its solution between the markers, and what students get instead."""
    lines = cell.text.splitlines()
    told = [line.removeprefix(STUB)[1:] for line in lines if line.startswith(STUB)]
    lines = [line for line in lines if not line.startswith(STUB)]
    markers = [line for line in lines if line.strip() in (BEGIN, END)]
    if [marker.strip() for marker in markers] != [BEGIN, END]:
        raise SourceError(
            f"{cell.place}: an answer holds one line {BEGIN!r} and, below it, one line {END!r}; "
            f"this one holds {[marker.strip() for marker in markers]}"
        )
    begin, end = map(lines.index, markers)
    instead = told or [markers[0].replace(BEGIN, TO_WRITE)]
    stub = "\n".join([*lines[:begin], *instead, *lines[end + 1 :]])
    check_syntax(stub, cell.place)
    return "\n".join(lines), stub


def read_wrong(cell: Cell, solution: str) -> Wrong:
    """One known wrong answer: code, or in a cell that holds comments only, changes."""
    code = cell.text
    if not ast.parse(code).body:
        code = changed_solution(solution, code, cell.place)
        check_syntax(code, f"{cell.place}, once changed")
    return Wrong(**cell.entries, code=code)


def changed_solution(solution: str, changes: str, place: str) -> str:
    """The solution with changes made, which are written as in a diff.

    After `# ` comes a sign, a space, and a line with its indentation: `-` for a line of the
    solution that goes, `+` for one that comes, a space for one that stays and says where. An empty
    line ends a change.
    """
    lines = solution.splitlines()
    for change in re.split(r"\n\s*\n", changes):
        marked = change.splitlines()
        old = [line[4:] for line in marked if line[2:3] != "+"]
        new = [line[4:] for line in marked if line[2:3] != "-"]
        starts = [k for k in range(len(lines)) if lines[k : k + len(old)] == old]
        if not all(map(CHANGED_LINE.match, marked)) or not old or len(starts) != 1:
            raise SourceError(
                f"{place}: a change is lines that start with '# - ', '# + ' or '#   '; those "
                f"without + must be in the solution exactly once, one below the other, and are "
                f"there {len(starts)} times: {old}; got {change!r}"
            )
        lines[starts[0] : starts[0] + len(old)] = new
    return "\n".join(lines)


def read_project(cell: Cell, rubric: Cell) -> Project:
    """The open task with its rubric, a table of three columns."""
    criteria = []
    for line in rubric.text.splitlines()[2:]:
        row = CRITERION.fullmatch(line)
        if not row:
            raise SourceError(
                f"{rubric.place}: a row of a rubric is | criterion | full marks for | points |, "
                f"with a whole number from 1; got {line!r}"
            )
        criteria.append(Criterion(row[1], row[2], int(row[3])))
    return Project(**cell.entries, statement=cell.text, rubric=tuple(criteria))


def defined_names(code: str) -> tuple[str, ...]:
    """Functions, classes and variables that code defines at its left margin."""
    found: list[str] = []
    for node in ast.parse(code).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = (name for target in targets for name in ast.walk(target))
            found += [name.id for name in names if isinstance(name, ast.Name)]
    return tuple(dict.fromkeys(found))
