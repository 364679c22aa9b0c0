"""Read the source of an exercise set, and refuse one that could leak or mislead.

A source is a Python file in jupytext's percent format. Every cell has a role; the solution stands
between two markers in its answer cell. What is wrong with a source stops whatever reads it: a
mistyped role or marker would otherwise show students what they are not meant to see.
"""

from __future__ import annotations

import ast
import difflib
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

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
LEVELS = ("warm-up", "core", "stretch")

# Which cells may have which role, and which entries each role needs beside it.
ROLES = {
    "set": ("markdown", {"title", "chapter"}),
    "parameters": ("code", set()),
    "setup": ("code", set()),
    "exercise": ("markdown", {"id", "title", "level", "kind", "minutes", "goal"}),
    "given": ("code", set()),
    "answer": ("code", set()),
    "hint": ("markdown", set()),
    "check": ("code", {"id", "points", "about"}),
    "hidden": ("code", {"id", "points", "about"}),
    "explanation": ("markdown", set()),
    "wrong": ("code", {"name", "fails"}),
    "project": ("markdown", {"id", "title", "minutes", "goal"}),
    "rubric": ("markdown", set()),
}
OF_AN_EXERCISE = ("given", "answer", "hint", "check", "hidden", "explanation", "wrong")
TYPES = {"points": int, "minutes": int, "fails": list}
IN_WORDS = {**KINDS, list: "a list"}

# What jupytext adds of its own.
NOT_OURS = {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"}

ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# A cell's first line that is not one, such as `# % role="hidden"`, would end up in the cell before.
LOOKS_LIKE_A_CELL = re.compile(r"\s*#\s*%|.*#.*\brole\s*=")
LIKE_A_MARKER = 0.75  # so similar to a marker that it must have been meant for one
SHORTEST_MESSAGE = 20  # letters of a check's message


class SourceError(ValueError):
    """A source that nothing may be made from, with its place and what is wrong there."""


@dataclass(frozen=True)
class Cell:
    """A cell of the source: where it stands, its role, and what it holds."""

    place: str
    role: str
    text: str
    entries: dict[str, object]
    uses: frozenset[str] = frozenset()  # the parameters whose values were filled in

    def entry(self, name: str) -> str:
        """One entry of the cell's first line, as text."""
        return str(self.entries[name])


@dataclass(frozen=True)
class Check:
    """One check: code that raises where an answer is wrong, and the points it gives."""

    id: str
    points: int
    about: str
    code: str
    hidden: bool


@dataclass(frozen=True)
class Wrong:
    """A known wrong answer, and the checks that must see it."""

    name: str
    code: str
    fails: tuple[str, ...]


@dataclass(frozen=True)
class Exercise:
    """One exercise; `stub` is the answer cell as students get it.

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

    @property
    def solution(self) -> str:
        """The answer without its markers."""
        return without_markers(self.answer)


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
    check_order(cells)
    parameters = with_values(
        read_parameters(cells[1].text, cells[1].place), values or {}, path.stem
    )
    check_use(cells, parameters)
    first, _, setup, *rest = [filled_in_cell(cell, parameters) for cell in cells]
    *exercise_cells, project_cell, rubric_cell = rest
    exercises = tuple(read_exercise(group) for group in groups(exercise_cells))
    project = read_project(project_cell, rubric_cell)
    check_unique(cell_ids(exercises, project), path.name)
    return ExerciseSet(
        name=path.stem,
        title=first.entry("title"),
        chapter=first.entry("chapter"),
        introduction=first.text,
        setup=setup.text,
        exercises=exercises,
        project=project,
        parameters=parameters,
        variant=variant,
    )


def read_cells(source: str, name: str) -> list[Cell]:
    """Every cell of a source, its first line understood and allowed."""
    lines = source.splitlines()
    firsts = [k for k, line in enumerate(lines) if is_first(line)]
    notebook = jupytext.reads(source, fmt="py:percent")
    if len(firsts) != len(notebook.cells):
        raise SourceError(f"{name}: the file must start with a cell, and every cell with `# %%`")
    found = []
    for cell, first, end in zip(notebook.cells, firsts, [*firsts[1:], len(lines)], strict=True):
        check_lines(lines, first, end, cell.cell_type == "markdown", name)
        found.append(read_cell(cell, f"{name}, line {first + 1}"))
    return found


def check_lines(lines: list[str], first: int, end: int, is_text: bool, name: str) -> None:
    """A cell's lines, as they stand in the file, must not look as if a first line had slipped."""
    if first and lines[first - 1].strip():
        raise SourceError(
            f"{name}, line {first + 1}: an empty line must come before a cell's first line; "
            f"got {lines[first - 1]!r}"
        )
    for number, line in enumerate(lines[first + 1 : end], first + 2):
        if LOOKS_LIKE_A_CELL.match(line):
            raise SourceError(
                f"{name}, line {number}: like a mistyped first line of a cell: {line!r}"
            )
        if is_text and line.strip() and not line.startswith("#"):
            raise SourceError(
                f"{name}, line {number}: every line of a markdown cell starts with #; got {line!r}"
            )


def is_first(line: str) -> bool:
    """Whether a line starts a cell."""
    return re.match(r"#\s*%%", line) is not None


def read_cell(cell: object, place: str) -> Cell:
    """One cell, once its role, its type and its entries are what they must be."""
    entries = {key: value for key, value in cell.metadata.items() if key not in NOT_OURS}
    role = entries.pop("role", None)
    if role not in ROLES:
        raise SourceError(f"{place}: role must be one of {', '.join(ROLES)}; got {role!r}")
    cell_type, needed = ROLES[role]
    if cell.cell_type != cell_type:
        raise SourceError(
            f"{place}: a cell of role {role!r} is {cell_type}, this is {cell.cell_type}"
        )
    if set(entries) != needed:
        raise SourceError(
            f"{place}: role {role!r} takes the entries {sorted(needed)}; got {sorted(entries)}"
        )
    for key, value in entries.items():
        kind = TYPES.get(key, str)
        if type(value) is not kind or value == "":
            raise SourceError(f"{place}: {key} must be {IN_WORDS[kind]}; got {value!r}")
    for key in ("points", "minutes"):
        if key in entries and entries[key] < 1:
            raise SourceError(f"{place}: {key} must be at least 1; got {entries[key]}")
    if "id" in entries and not ID.fullmatch(entries["id"]):
        raise SourceError(f"{place}: id must be small letters and hyphens; got {entries['id']!r}")
    if role != "answer" and any(map(like_a_marker, cell.source.splitlines())):
        raise SourceError(f"{place}: a solution's marker in a cell of role {role!r}")
    if "HIDDEN TESTS" in cell.source.upper():
        raise SourceError(f"{place}: a hidden check is a cell of role 'hidden', without markers")
    if cell_type == "code":
        parsed(cell.source, place)
    return Cell(place, role, cell.source.strip("\n"), entries)


def check_order(cells: list[Cell]) -> None:
    """The set's own cells come first, its project last, exercises between."""
    roles = [cell.role for cell in cells]
    if roles[:3] != ["set", "parameters", "setup"]:
        raise SourceError(
            f"{cells[0].place}: a source starts with set, parameters, setup; got {roles[:3]}"
        )
    if roles[-2:] != ["project", "rubric"]:
        raise SourceError(
            f"{cells[-1].place}: a source ends with project, rubric; got {roles[-2:]}"
        )
    for cell in cells[3:-2]:
        if cell.role not in ("exercise", *OF_AN_EXERCISE):
            raise SourceError(f"{cell.place}: role {cell.role!r} does not belong among exercises")
    if roles[3] != "exercise":
        raise SourceError(f"{cells[3].place}: the first cell after the setup starts an exercise")


def groups(cells: list[Cell]) -> list[list[Cell]]:
    """The cells of each exercise."""
    found: list[list[Cell]] = []
    for cell in cells:
        if cell.role == "exercise":
            found.append([])
        found[-1].append(cell)
    return found


def read_exercise(cells: list[Cell]) -> Exercise:
    """One exercise from its cells."""
    head = cells[0]
    for before, cell in itertools.pairwise(cells[1:]):
        if OF_AN_EXERCISE.index(before.role) > OF_AN_EXERCISE.index(cell.role):
            raise SourceError(
                f"{cell.place}: role {cell.role!r} must not follow {before.role!r}; an exercise's "
                f"cells come in the order {', '.join(OF_AN_EXERCISE)}"
            )
    by_role = {role: [cell for cell in cells if cell.role == role] for role in OF_AN_EXERCISE}
    if head.entry("level") not in LEVELS:
        raise SourceError(
            f"{head.place}: level must be one of {LEVELS}; got {head.entry('level')!r}"
        )
    for role, least, most in (("answer", 1, 1), ("explanation", 1, 1), ("hint", 1, 3)):
        if not least <= len(by_role[role]) <= most:
            raise SourceError(
                f"{head.place}: an exercise has {least} to {most} cells of role {role!r}; "
                f"this has {len(by_role[role])}"
            )
    if not by_role["check"] or not by_role["hidden"]:
        raise SourceError(f"{head.place}: an exercise has visible and hidden checks")
    checks = tuple(read_check(cell) for cell in cells if cell.role in ("check", "hidden"))
    check_unique([check.id for check in checks], head.place)
    answer = by_role["answer"][0]
    stub = stub_of(answer)
    solution = without_markers(answer.text)
    return Exercise(
        id=head.entry("id"),
        title=head.entry("title"),
        level=head.entry("level"),
        kind=head.entry("kind"),
        minutes=int(head.entry("minutes")),
        goal=head.entry("goal"),
        statement=head.text,
        given=tuple(cell.text for cell in by_role["given"]),
        answer=answer.text,
        stub=stub,
        hints=tuple(cell.text for cell in by_role["hint"]),
        checks=checks,
        explanation=by_role["explanation"][0].text,
        wrong=tuple(read_wrong(cell, checks, solution) for cell in by_role["wrong"]),
        uses=frozenset().union(*(cell.uses for cell in [head, *by_role["given"], answer])),
    )


def read_check(cell: Cell) -> Check:
    """One check, once each of its assertions explains itself."""
    tree = parsed(cell.text, cell.place)
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    if not asserts:
        raise SourceError(f"{cell.place}: a check must assert something")
    for node in asserts:
        if node.msg is None or len(ast.unparse(node.msg)) < SHORTEST_MESSAGE:
            raise SourceError(
                f"{cell.place}: line {node.lineno} of this check has no message that tells the "
                f"learner what to look at: {ast.unparse(node)[:80]}"
            )
    return Check(
        id=cell.entry("id"),
        points=int(cell.entry("points")),
        about=cell.entry("about"),
        code=cell.text,
        hidden=cell.role == "hidden",
    )


def read_wrong(cell: Cell, checks: Iterable[Check], solution: str) -> Wrong:
    """One known wrong answer, code or changes to the solution, which names checks there are."""
    fails = tuple(str(name) for name in cell.entries["fails"])
    known = [check.id for check in checks]
    if not fails or not set(fails) <= set(known):
        raise SourceError(f"{cell.place}: fails must name some of {known}; got {list(fails)}")
    try:
        code = applied(cell.text, solution) if are_changes(cell.text) else cell.text
    except ChangeError as error:
        raise SourceError(f"{cell.place}: {error}") from None
    parsed(code, cell.place)
    return Wrong(cell.entry("name"), code, fails)


def read_project(cell: Cell, rubric: Cell) -> Project:
    """The open task with its rubric, a table of three columns."""
    rows = [
        [column.strip() for column in line.strip().strip("|").split("|")]
        for line in rubric.text.splitlines()
        if line.strip().startswith("|")
    ]
    if len(rows) < 3 or any(len(row) != 3 for row in rows):
        raise SourceError(
            f"{rubric.place}: a rubric is a table of criterion, full marks for, points"
        )
    for row in rows[2:]:
        if as_number(row[2]) is None:
            raise SourceError(f"{rubric.place}: points must be a whole number; got {row[2]!r}")
    criteria = tuple(Criterion(row[0], row[1], int(row[2])) for row in rows[2:])
    return Project(
        id=cell.entry("id"),
        title=cell.entry("title"),
        minutes=int(cell.entry("minutes")),
        goal=cell.entry("goal"),
        statement=cell.text,
        rubric=criteria,
    )


# --- solutions and what students see instead ---


def without_markers(answer: str) -> str:
    """An answer cell as it would stand in a solved notebook."""
    lines = answer.splitlines()
    return "\n".join(line for line in lines if not is_marker(line) and not is_stub(line))


def is_marker(line: str) -> bool:
    """Whether a line is exactly one of the two markers."""
    return line.strip() in (BEGIN, END)


def is_stub(line: str) -> bool:
    """Whether a line says what students see in place of a solution."""
    return line.startswith(STUB) or line == STUB.strip()


def like_a_stub(line: str) -> bool:
    """Whether a comment says, exactly or nearly, what students see."""
    return re.match(r"\s*#\W*STU?[BPN]?\w?\s*:", line, re.IGNORECASE) is not None


def like_a_marker(line: str) -> bool:
    """Whether a comment is a marker, or so similar that it was meant for one."""
    if not line.strip().startswith("#"):
        return False
    words = line.strip().lstrip("# ").upper()
    similar = [difflib.SequenceMatcher(None, words, marker[4:]).ratio() for marker in (BEGIN, END)]
    return max(similar) > LIKE_A_MARKER


def stub_of(cell: Cell) -> str:
    """The answer cell as students get it: without what stands between the markers."""
    lines = cell.text.splitlines()
    markers = [line.strip() for line in lines if like_a_marker(line)]
    if markers != [BEGIN, END]:
        raise SourceError(
            f"{cell.place}: an answer holds one line {BEGIN!r} and, below it, one line {END!r}; "
            f"this one holds {markers}"
        )
    begin, end = (k for k, line in enumerate(lines) if is_marker(line))
    indent = lines[begin][: -len(BEGIN)]
    told = [line[len(STUB) :] for line in lines[begin:end] if is_stub(line)]
    mistyped = [line for line in lines if like_a_stub(line) and not is_stub(line)]
    if mistyped:
        raise SourceError(
            f"{cell.place}: a line that students get starts with {STUB!r}; got {mistyped[0]!r}"
        )
    if bool(told) == bool(indent):
        raise SourceError(
            f"{cell.place}: a solution at the left margin needs lines that start with {STUB!r} and "
            "say what students get instead; one inside a function needs none"
        )
    check_outside(lines[:begin], f"{indent}...", lines[end + 1 :], cell.place)
    seen = spaced(told) or [f'{indent}raise NotImplementedError("write your answer here")']
    stub = "\n".join(lines[:begin] + seen + lines[end + 1 :])
    parsed(stub, cell.place)
    undefined = set(defined_names(stub)) - set(defined_names(cell.text))
    if undefined or not defined_names(stub):
        raise SourceError(
            f"{cell.place}: students start from the names {list(defined_names(stub))}; "
            f"the solution must define them all, and there must be one"
        )
    return stub


def spaced(lines: list[str]) -> list[str]:
    """Lines with empty ones around functions, which formatters take out of comments."""
    found: list[str] = []
    for line in lines:
        before = found[-1] if found else ""
        inside = line[:1].isspace() or not line
        if (before.startswith(" ") and not inside) or (before and line.startswith("def ")):
            found += ["", ""]
        found.append(line)
    return found


def check_outside(before: list[str], inside: str, after: list[str], place: str) -> None:
    """Around a solution stand signatures and docstrings alone: all else may be a part of it."""
    tree = parsed("\n".join([*before, inside, *after]), place)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    found = [ast.unparse(node) for node in statements if not is_definition_or_docstring(node)]
    found += [line for line in (*before, *after) if line.strip().startswith("#")]
    if found:
        raise SourceError(
            f"{place}: outside the markers an answer holds signatures and docstrings alone; "
            f"got {found[0]!r}"
        )


def is_definition_or_docstring(node: ast.stmt) -> bool:
    """Whether a statement defines a function or a class, or is a constant that does nothing."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.FunctionDef | ast.ClassDef)


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


# --- small checks ---


def filled_in_cell(cell: Cell, parameters: Parameters) -> Cell:
    """The cell with every parameter's name replaced by its value, and which those were."""
    entries = {
        key: filled_in(value, parameters) if isinstance(value, str) else value
        for key, value in cell.entries.items()
    }
    is_code = ROLES[cell.role][0] == "code"
    text = filled_in(cell.text, parameters, is_code)
    if is_code and cell.role != "parameters":
        parsed(text, f"{cell.place}, with its parameters' values")
    return Cell(cell.place, cell.role, text, entries, frozenset(used_in(cell.text, parameters)))


def check_use(cells: list[Cell], parameters: Parameters) -> None:
    """A parameter that nothing uses would be a promise to lecturers that is not kept."""
    text = "\n".join(cell.text for cell in cells if cell.role != "parameters")
    used = used_in(text, parameters)
    for name in parameters:
        if name not in used:
            raise SourceError(f"{cells[1].place}: nothing uses the parameter {name}")


def cell_ids(exercises: Iterable[Exercise], project: Project) -> list[str]:
    """The ids that the cells of a notebook get."""
    ids = ["opening", "setup", project.id, f"{project.id}-task"]
    for exercise in exercises:
        ids += [exercise.id, f"{exercise.id}-task", f"{exercise.id}-given"]
        ids += [f"{exercise.id}-{check.id}" for check in exercise.checks]
    return ids


def check_unique(ids: list[str], place: str) -> None:
    """Two things with one id could not be told apart in a submission."""
    twice = {name for name in ids if ids.count(name) > 1}
    if twice:
        raise SourceError(f"{place}: these ids are used twice: {sorted(twice)}")


def parsed(code: str, place: str) -> ast.Module:
    """The syntax tree of a cell."""
    try:
        return ast.parse(code)
    except SyntaxError as error:
        raise SourceError(f"{place}: line {error.lineno} of this cell: {error.msg}") from None
