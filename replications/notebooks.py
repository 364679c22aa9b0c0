"""What a stored notebook says: its numbers by name, and its conditions."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

HERE = Path(__file__).parent
ROOT = HERE.parent
NOTEBOOKS = ROOT / "notebooks"

#: The line of the first code cell that another world replaces.
MASTER_SEED = re.compile(r"^SEED = 0\b", re.MULTILINE)

#: Sentences with a verdict name a condition: what must hold in all worlds, what holds in some of
#: them, and what no number of the page can decide.
ROLE = re.compile(r"\{(holds|how-often|argued)\}`([^`]+)`")


def paths() -> list[Path]:
    """Return the course's notebooks, in order."""
    return sorted(p for p in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def is_draft(notebook: nbformat.NotebookNode) -> bool:
    """Whether the first cell says that the page is a draft, which need not replicate yet."""
    return re.search(r"(?m)^\*\*Draft\.\*\*", notebook.cells[0].source) is not None


def minutes_of(notebook: nbformat.NotebookNode) -> int | None:
    """Return how long the page takes, as its first cell says."""
    told = re.search(r"(?m)^(?:- )?\*\*Time\.\*\* (\d+) minutes?\b", notebook.cells[0].source)
    return int(told[1]) if told else None


def published() -> list[Path]:
    """Return the notebooks that are no drafts."""
    return [path for path in paths() if not is_draft(read(path))]


def prose() -> list[Path]:
    """Return the course's pages that are no notebooks."""
    return sorted((ROOT / "book").glob("*.md"))


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.v4.reads(path.read_text(encoding="utf-8"))


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    """Return the sources of the code cells."""
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def checksum(notebook: nbformat.NotebookNode) -> str:
    """Return a fingerprint of the code, the same with every Python; no change of text alters it."""
    return hashlib.sha256("\n\n".join(code_of(notebook)).encode()).hexdigest()[:16]


def in_world(notebook: nbformat.NotebookNode, seed: int) -> nbformat.NotebookNode:
    """Put another master seed into a notebook.

    Raises
    ------
    ValueError
        If `seed_problems` finds any.
    """
    if problems := seed_problems(notebook):
        raise ValueError(problems[0])
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    cells[0].source = MASTER_SEED.sub(f"SEED = {seed}", cells[0].source)
    return notebook


def seed_problems(notebook: nbformat.NotebookNode) -> list[str]:
    """Return where the master seed is not set once, or is used as if it were a seed itself.

    World 7's seed 7 would be one of world 0's: all seeds come from `seeds` or `split_again`.
    """
    sources = code_of(notebook)
    trees = [ast.parse(source) for source in sources]
    names = [
        node
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "SEED"
    ]
    stores = sum(isinstance(name.ctx, ast.Store) for name in names)
    if stores != 1 or not sources or not MASTER_SEED.search(sources[0]):
        return ["the first code cell, and no other, must have one line SEED = 0"]
    allowed = {id(name) for tree in trees for node in ast.walk(tree) for name in _well_used(node)}
    return [
        "SEED must be the first argument of seeds or split_again, or the seed of stored_sweep"
        for name in names
        if isinstance(name.ctx, ast.Load) and id(name) not in allowed
    ][:1]


def _well_used(node: ast.AST) -> list[ast.expr]:
    """Return the expressions of a node in which the master seed may stand."""
    if isinstance(node, ast.Compare):
        return [node.left]
    if not isinstance(node, ast.Call):
        return []
    called = ast.unparse(node.func).rpartition(".")[2]
    if called in ("seeds", "split_again"):
        return node.args[:1]
    return [k.value for k in node.keywords if called == "stored_sweep" and k.arg == "seed"]


def numbers_of(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the quoted texts by name."""
    return {
        output.metadata["scrapbook"]["name"]: ast.literal_eval(next(iter(output.data.values())))
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "scrapbook" in output.get("metadata", {})
    }


@dataclass(frozen=True)
class Verdict:
    """A sentence that judges, with what its conditions are."""

    text: str
    conditions: tuple[tuple[str, str], ...]  # pairs (role, content)

    @property
    def start(self) -> str:
        """Its first words, for messages."""
        plain = re.sub(r"[*|]+", "", re.sub(r"\{[^}]*\}`([^`]*)`", r"\1", self.text))
        return " ".join(plain.split())[:90]


#: Bold words that open a paragraph and judge nothing.
LABEL = re.compile(
    r"\*\*(?:Question|What you will be able to do|What you need|Time|Draft"
    r"|What this does not show[^*]*)[.:]?\*\*"
)


def verdicts_of(path: Path) -> list[Verdict]:
    """Return the sentences of a page that judge."""
    found = verdicts_in(markdown_of(path), chapter=path.suffix == ".ipynb")
    return [Verdict(text, tuple(ROLE.findall(text))) for text in found]


def verdicts_in(markdown: str, *, chapter: bool = True) -> Iterator[str]:
    """Yield bold leads, trials, and rows and items of what to remember or of verdicts.

    A page that is no chapter may set words bold for other reasons; there a lead judges if it
    opens an item that quotes a number.
    """
    heading = ""
    for block in re.split(r"\n\s*\n", markdown):
        for line in re.findall(r"(?m)^#+ +(.*)$", block):
            heading = line
        lead = block.startswith("**") and not LABEL.match(block)
        if (chapter and lead) or ":class: on-trial" in block:
            yield block
        elif heading.lower().startswith(("what to remember", "verdicts")):
            rows = re.findall(r"(?m)^(?:\||[-*] |\d+\. ).*$", block)
            # The first two lines of a table are its heads and the rule below them.
            yield from rows[2:] if block.lstrip().startswith("|") else rows
        elif not chapter:
            yield from re.findall(r"(?m)^- \*\*.*\{glue.*$", block)


def markdown_of(path: Path) -> str:
    """Return the text of a page: a notebook's Markdown cells, or a file's."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    notebook = read(path)
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
