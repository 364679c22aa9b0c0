"""Make copies of the course's notebooks that read in JupyterLab as the site does.

    python -m tools.reading_notebooks

The notebooks are written for the site: sentences quote numbers by name, boxes are directives. In
the copies numbers are written in, and boxes, references and captions are plain Markdown. A copy
that its reader has changed is never written over.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from pybtex.database import Person, parse_file

from replications import notebooks
from replications.check import Replications
from replications.run import worlds_of_sweeps
from replications.values import holds

FOLDER = notebooks.ROOT / "reading"
IN_LAB = " (`make serve`)"  # how to see the site where its address is not known
MADE = "mbgd_made"  # the metadata under which a copy remembers its own sources

ROLE = re.compile(r"\{([\w:-]+)\}`([^`]+)`")
FENCE = re.compile(r"^(:{3,}|`{3,})\{([\w-]+)\} *(.*)$")
#: The opening of a figure that moves, up to its caption, and its name.
MOVING = re.compile(r"(?m)(^```\{interactive-figure\}.*\n:name: (fig-[\w-]+)\n(?::.*\n)*)")
EQUATION = re.compile(r"(?s)\$\$(.*?)\$\$ *\(([\w-]+)\)")


@dataclass
class Course:
    """What pages say of each other: numbers, the names of figures and formulas, references."""

    numbers: dict[str, dict[str, str]] = field(default_factory=dict)  # by notebook, by name
    labels: dict[str, str] = field(default_factory=dict)  # "fig-a": "Fig. 1.2", "eq-a": "(1.3)"
    citations: dict[str, tuple[str, str]] = field(default_factory=dict)  # authors and year by key


def read_course(paths: list[Path], bibliography: Path) -> Course:
    """Collect what the copies have to write in."""
    course = Course()
    for path in paths:
        notebook = notebooks.read(path)
        course.numbers[path.stem] = notebooks.numbers_of(notebook)
        # Chapters number what is theirs, as on the site: the second figure of chapter 3 is 3.2.
        chapter = f"{int(path.stem[:2])}." if path.parent == notebooks.NOTEBOOKS else ""
        for kind, names in (("Fig. ", figures_in(notebook)), ("", equations_in(notebook))):
            for number, name in enumerate(names, 1):
                told = f"{chapter}{number}"
                course.labels[name] = f"{kind}{told}" if kind else f"({told})"
    for key, entry in parse_file(str(bibliography)).entries.items():
        people = [last_name(person) for person in entry.persons.get("author", [])]
        course.citations[key] = (names_of(people), entry.fields.get("year", "n. d."))
    return course


def last_name(person: Person) -> str:
    return " ".join([*person.prelast_names, *person.last_names]).replace("{", "").replace("}", "")


def names_of(people: list[str]) -> str:
    """Return the authors as a sentence names them."""
    if len(people) > 2:
        return f"{people[0]} et al."
    return " and ".join(people)


def caption_of(cell: NotebookNode) -> tuple[str, str]:
    """Return a figure's name and caption; empty where the cell has none."""
    figure = cell.metadata.get("mystnb", {}).get("figure") or {}
    return figure.get("name", ""), figure.get("caption", "")


def figures_in(notebook: NotebookNode) -> list[str]:
    """Return the names of the figures, moving ones too, in their order."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found.append(caption_of(cell)[0])
        else:
            found += re.findall(r"(?m)^:name: (fig-[\w-]+)$", cell.source)
    return [name for name in found if name]


def equations_in(notebook: NotebookNode) -> list[str]:
    """Return the names of the numbered formulas, in their order."""
    text = "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    return [match[2] for match in EQUATION.finditer(text)]


# --- one page ---


def reading_copy(path: Path, course: Course) -> NotebookNode:
    """Return the copy of a notebook: its code and outputs as they are, its text to be read."""
    notebook = notebooks.read(path)
    page = Page(path, course)
    cells = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = page.plain(cell.source)
            cells.append(cell)
        else:
            cells += page.code(cell)
    notebook.cells = cells
    notebook.metadata[MADE] = sources_of(notebook)
    return notebook


def sources_of(notebook: NotebookNode) -> str:
    """Return a fingerprint of all that a reader may change."""
    texts = "\n\n".join(cell.source for cell in notebook.cells)
    return hashlib.sha256(texts.encode()).hexdigest()[:16]


def choices(asked: str) -> str:
    """Return what to choose from; the conditions, which would tell the answer, stay out."""
    label, *options = asked.split(" | ")
    answers = [option.rpartition(": ")[0] or option for option in options]
    return f"Your choice. {label}: {', or '.join(answers)}?"


class Page:
    """The text of one notebook, in plain Markdown."""

    def __init__(self, path: Path, course: Course) -> None:
        self.path, self.course = path, course
        self.roles: dict[str, Callable[[str], str]] = {
            "glue:text": self.number,
            "holds": self.condition,
            "how-often": self.how_often,
            "argued": lambda reason: "",
            "guess": lambda asked: f"Your guess. {asked.split(' | ')[0]}: …",
            "choose": choices,
            "numref": self.label,
            "eq": self.label,
            "replicated": self.replicated,
            "cite": self.citations,
            "cite:p": self.citations,
            "cite:t": lambda key: "{} ({})".format(*self.cited(key)),
        }

    def plain(self, text: str) -> str:
        """Write roles out, then boxes, then what only the site understands."""
        text = ROLE.sub(lambda match: self.role(match[1], match[2]), text)
        text = EQUATION.sub(lambda m: f"$${m[1]}\\tag{{{self.label(m[2])[1:-1]}}}$$", text)
        text = re.sub(r"(?m)^\(([\w-]+)\)=$", r'<a id="\1"></a>', text)
        text = MOVING.sub(lambda m: f"{m[1]}**{self.label(m[2])}.** ", text)
        text = re.sub(r"\]\((?:\.\./)*book/exercises/(\w+)\.md\)", self.practice, text)
        return "\n".join(boxes(text.splitlines()))

    def role(self, name: str, content: str) -> str:
        if name not in self.roles:
            raise ValueError(f"{self.path.name}: a copy cannot show the role {{{name}}}`{content}`")
        return self.roles[name](content)

    def number(self, content: str) -> str:
        """Return a number as the page, or another one, prints it."""
        document, _, name = content.rpartition("::")
        name = name.partition(":")[0]
        return self.course.numbers[Path(document).stem if document else self.path.stem][name]

    def condition(self, content: str) -> str:
        """Return the mark of a verdict that the printed numbers bear out; else nothing."""
        document, _, condition = content.rpartition("::")
        numbers = self.course.numbers[Path(document).stem if document else self.path.stem]
        return "✓" if holds(condition, numbers) else ""

    def how_often(self, content: str) -> str:
        """Return in how many worlds a condition holds."""
        document, _, condition = content.rpartition("::")
        path = (self.path.parent / document).resolve() if document else self.path
        worlds = Replications.of(path).worlds()
        return f"{sum(holds(condition, world) for world in worlds)} of {len(worlds)}"

    def replicated(self, what: str) -> str:
        """Return with how many other seeds, or runs of the sweeps, the page was measured."""
        if what == "sweeps":
            return str(worlds_of_sweeps())
        if what == "seeds":
            return str(len(Replications.of(self.path).seeds))
        raise ValueError(f"{self.path.name}: a copy counts seeds or sweeps, not {what}")

    def citations(self, keys: str) -> str:
        return f"({'; '.join(', '.join(self.cited(key)) for key in keys.split(','))})"

    def label(self, name: str) -> str:
        if name not in self.course.labels:
            raise ValueError(f"{self.path.name}: there is no figure or formula {name}")
        return self.course.labels[name]

    def cited(self, key: str) -> tuple[str, str]:
        return self.course.citations[key.strip()]

    def practice(self, match: re.Match[str]) -> str:
        """Lead to the notebook of an exercise set in place of its page."""
        up = "../" * (len(self.path.parent.relative_to(notebooks.ROOT).parts))
        return f"]({up}practice/{match[1]}.ipynb)"

    def code(self, cell: NotebookNode) -> list[NotebookNode]:
        """Fold what the site folds, and put a figure's caption below it."""
        tags = set(cell.metadata.get("tags", []))
        if {"hide-input", "hide-cell"} & tags:
            cell.metadata["jupyter"] = {"source_hidden": True}
            if "hide-cell" in tags:
                cell.metadata["jupyter"]["outputs_hidden"] = True
        name, caption = caption_of(cell)
        if not caption:
            return [cell]
        below = nbformat.v4.new_markdown_cell(f"**{self.label(name)}.** {self.plain(caption)}")
        below["id"] = f"{cell['id']}-caption"[:64]
        return [cell, below]


def boxes(lines: list[str]) -> list[str]:
    """Return the lines with directives as quotes and as details that open."""
    result: list[str] = []
    at = 0
    while at < len(lines):
        match = FENCE.match(lines[at])
        if not match:
            result.append(lines[at])
            at += 1
            continue
        end = next(k for k in range(at + 1, len(lines)) if lines[k].rstrip() == match[1])
        inner = [line for line in lines[at + 1 : end] if not re.match(r"^:[\w-]+:", line)]
        result += box(match[2], match[3], boxes(inner))
        at = end + 1
    return result


def box(directive: str, title: str, inner: list[str]) -> list[str]:
    """Return one directive in plain Markdown."""
    inner = "\n".join(inner).strip().splitlines()
    if directive == "dropdown":
        opened = "<details><summary>" + title + "</summary>"
        return ["", opened, "", *inner, "", "</details>", ""]
    if directive == "interactive-figure":
        return [
            "",
            f"*On the site there is a figure here that moves{IN_LAB}.*",
            "",
            *inner,
            "",
        ]
    if directive == "math":
        return ["", "$$", *inner, "$$", ""]
    return ["", f"> **{title or directive.capitalize()}**", ">", *(f"> {x}" for x in inner), ""]


# --- all of them ---


def write_copies(folder: Path = FOLDER) -> list[Path]:
    """Write every copy that is missing or still as it was made, and return what was left alone."""
    paths = notebooks.published()
    course = read_course(paths, notebooks.ROOT / "book" / "references.bib")
    left = []
    for path in paths:
        target = folder / path.relative_to(notebooks.NOTEBOOKS)
        if target.exists() and not is_as_made(target):
            left.append(target)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(nbformat.writes(reading_copy(path, course)) + "\n", encoding="utf-8")
    return left


def is_as_made(path: Path) -> bool:
    """Whether nobody has changed a copy since it was made; running it changes nothing of that."""
    try:
        copy = notebooks.read(path)
        return copy.metadata.get(MADE) == sources_of(copy)
    except (ValueError, KeyError, AttributeError):
        return False


if __name__ == "__main__":
    for kept in write_copies():
        print(f"{kept.relative_to(notebooks.ROOT)} is yours: left as it is", file=sys.stderr)
