"""The checks of the course's notebooks find what they are for, and nothing else."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import store_notebooks
from matplotlib.figure import Figure
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from page_contract import (
    BUDGET,
    ROOT,
    contract_problems,
    draft_problems,
    framework_problems,
    kind_of,
    name_of,
    one_sitting_problems,
    published,
    quoted_elsewhere,
    run_problems,
    sizes,
    typed_repeats,
    words_of,
)

# --- Figures: what counts as the same ------------------------------------------------------------


def text_output(text: str) -> NotebookNode:
    """Return what a cell stores that prints a text."""
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def png(figure: Figure) -> bytes:
    """Return what a notebook would store of a figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()


def curve(*, noise=0.0, moved=0.0, tick="4", colour="C0", band="C0", text="a") -> bytes:
    """Draw a curve in a band, one marker, tick labels and a small text label."""
    # Fixed here, so that a user's own Matplotlib settings change nothing.
    with plt.style.context("default"):
        figure, ax = plt.subplots(figsize=(5, 4), dpi=100)
        x = np.linspace(0, 10, 60)
        y = np.exp(-x / 3) * (1 + noise * np.random.default_rng(0).normal(size=x.size))
        ax.plot(x, y, color=colour)
        ax.fill_between(x, y - 0.1, y + 0.1, alpha=0.1, color=band)
        ax.plot(4 + moved * 10 / ax.bbox.width, 0.6, "o", markersize=4)
        ax.set(xlim=(0, 10), ylim=(-0.2, 1.2))
        ax.set_xticks([0, 2, 4], ["0", "2", tick])
        ax.text(8, 0.6, text, fontsize=8)
        return png(figure)


def contours(*, noise=0.0) -> bytes:
    """Draw contours, whose seams move with the last bit of the data."""
    with plt.style.context("default"):
        figure, ax = plt.subplots(figsize=(5, 4), dpi=150)
        x, y = np.meshgrid(np.linspace(-1.97, 2.13, 61), np.linspace(-1.97, 2.13, 61))
        z = np.sin(3 * x + 0.1) * np.cos(2 * y + 0.2) + 0.11 * x**2
        ax.contour(x, y, z * (1 + noise * np.random.default_rng(0).normal(size=z.shape)), 12)
        return png(figure)


@pytest.mark.parametrize("noise", [0, 1e-15, 1e-12])
@pytest.mark.parametrize("draw", [curve, contours])
def test_same_figure(draw, noise: float):
    assert store_notebooks.compare_figures(draw(), draw(noise=noise)) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"moved": 2},
        {"tick": "5"},
        {"tick": "4."},
        {"colour": "C1"},
        {"colour": "C9"},
        {"band": "C1"},
        {"text": ""},
        {"text": "e"},
    ],
    ids=str,
)
def test_changed_figure(change: dict):
    assert store_notebooks.compare_figures(curve(), curve(**change)).startswith("pixels near")


def test_changed_size_and_type():
    with plt.style.context("default"):
        larger = png(plt.figure(figsize=(8, 6)))
    assert store_notebooks.compare_figures(curve(), larger).startswith("size ")
    assert store_notebooks.compare_figures(b"<svg>1</svg>", b"<svg>2</svg>")
    assert store_notebooks.compare_figures(curve(), b"<svg>2</svg>")
    assert store_notebooks.compare_figures(curve(), curve()[:50])


# --- A small notebook that keeps the contract, and everything that can go wrong with it -----------

OPENING = """\
# A small notebook

**Question.** Does it run?

**Answer.** It does, {glue:text}`runs` times.

- **What you will be able to do.** Run it.
- **What you need.** Nothing.
- **Time.** 1 minute.
"""

EXPERIMENT = """\
## An experiment

```{admonition} Predict
How high is the line?
```

```{admonition} Predict first
How long?
```

:::{admonition} Predict again
What colour?
:::

```{admonition} On trial: lines are straight
They are.
```
"""

QUESTIONS = "\n\n".join(["## Questions"] + ["```{dropdown} Check yourself\nYes.\n```"] * 3)

GLUE = """\
from IPython.display import display

print("runs = 3")
tag = {"name": "runs", "mime_prefix": "application/papermill.record/"}
data = {"application/papermill.record/text/plain": "'3'"}
display(data, raw=True, metadata={"scrapbook": tag})"""

FIGURE = """\
import matplotlib.pyplot as plt

plt.rcParams["font.family"] = "DejaVu Sans"
plt.plot([0, 1, 2], [0, 1, 4], "o")
plt.show()"""

FIGURE_METADATA = {
    "mystnb": {
        "image": {"alt": "Three points that rise ever more steeply from left to right."},
        "figure": {"caption": "Squares grow.", "name": "fig-squares"},
    }
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a small notebook, stored as the course's are."""
    path = tmp_path_factory.mktemp("notebooks") / "small.ipynb"
    cells = [
        new_markdown_cell(OPENING),
        new_code_cell(GLUE),
        new_markdown_cell(EXPERIMENT),
        new_code_cell(FIGURE, metadata=FIGURE_METADATA),
        new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
        new_markdown_cell(QUESTIONS),
        new_markdown_cell(
            "## What comes next\n\nThe next. [Exercises](../book/exercises/small.md)."
        ),
        new_code_cell(""),
    ]
    unstored = new_notebook(cells=cells)
    for cell in unstored.cells:
        del cell["id"]
    path.write_text(nbformat.v4.writes(unstored), encoding="utf-8")
    assert store_notebooks.store(path)
    return path


@pytest.fixture
def notebook(stored: Path) -> NotebookNode:
    """Return the small notebook, for a test to damage."""
    return store_notebooks.read(stored)


def test_small_notebook_keeps_the_contract(notebook: NotebookNode):
    assert contract_problems(notebook) == []
    assert [index for index, _ in store_notebooks.figures(notebook)] == [3]
    assert notebook.cells[4].outputs[0].traceback == ["ZeroDivisionError: division by zero"]


def test_storing_again_changes_no_byte(stored: Path):
    before = stored.read_bytes()
    assert not store_notebooks.store(stored)
    assert stored.read_bytes() == before
    assert [cell["id"] for cell in store_notebooks.read(stored).cells] == [
        "a-small-notebook",
        "code-02",
        "an-experiment",
        "code-04",
        "code-05",
        "questions",
        "what-comes-next",
        "code-08",
    ]
    assert list(stored.parent.iterdir()) == [stored]


def test_storing_drops_what_differs_between_machines(notebook: NotebookNode):
    before = store_notebooks.as_text(notebook)
    notebook.nbformat_minor = 4
    notebook.metadata.language_info["version"] = "3.11.7"
    notebook.metadata.kernelspec = {"name": "my-env", "display_name": "mine"}
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "2024-01-01T00:00:00Z"}
    assert store_notebooks.as_text(store_notebooks.normalise(notebook)) == before


def test_ruff_format_leaves_the_format_alone(notebook: NotebookNode, tmp_path: Path):
    # Ruff rewrites a notebook only if it changes a cell, so one cell gives it a reason to.
    path = tmp_path / "small.ipynb"
    notebook.cells[4].source = "1  /  0"
    path.write_text(store_notebooks.as_text(notebook), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--quiet"]
    subprocess.run([*ruff, str(path)], check=True)
    notebook.cells[4].source = "1 / 0"
    assert path.read_text(encoding="utf-8") == store_notebooks.as_text(notebook)


def test_prose_may_quote_a_notebook(notebook: NotebookNode, tmp_path: Path):
    page = tmp_path / "book" / "claims.md"
    page.parent.mkdir()
    page.write_text("It runs {glue:text}`../notebooks/small.ipynb::runs:.2f` times, {glue}`walks`.")
    assert quoted_elsewhere(tmp_path / "notebooks" / "small.ipynb", tmp_path) == {"runs"}
    assert quoted_elsewhere(tmp_path / "notebooks" / "other.ipynb", tmp_path) == set()
    replace(0, "{glue:text}`runs`", "3")(notebook)
    assert contract_problems(notebook, {"runs"}) == []


def test_a_notebook_may_quote_another(notebook: NotebookNode, tmp_path: Path):
    replace(6, "The next.", "Again {glue:text}`../01_other.ipynb::steps`.")(notebook)
    assert contract_problems(notebook) == []  # the number is the other page's business
    page = tmp_path / "notebooks" / "deeper" / "small.ipynb"
    page.parent.mkdir(parents=True)
    (tmp_path / "book").mkdir()
    page.write_text(store_notebooks.as_text(notebook), encoding="utf-8")
    assert quoted_elsewhere(tmp_path / "notebooks" / "01_other.ipynb", tmp_path) == {"steps"}


@pytest.mark.parametrize(
    ("folder", "kind", "name"),
    [
        ("", "chapter", "a"),
        ("deeper", "deeper", "deeper/a"),
        ("tutorials", "tutorial", "tutorials/a"),
    ],
)
def test_the_kind_of_a_page_is_its_folders(folder: str, kind: str, name: str):
    path = Path("/course/notebooks", folder, "a.ipynb")
    assert (kind_of(path), name_of(path)) == (kind, name)


def test_a_deeper_page_asks_less_and_leads_back(notebook: NotebookNode):
    del notebook.cells[5:7]
    notebook.cells.append(new_markdown_cell(":::{dropdown} Check yourself: 1?\n1\n:::"))
    notebook.cells.append(new_markdown_cell("## What comes next\n\n[Back](../01_a.ipynb)."))
    assert contract_problems(notebook, kind="deeper") == []
    assert contract_problems(notebook, kind="tutorial") == [
        "a tutorial's page must have the section Verdicts"
    ]
    replace(-1, "](../01", "](01")(notebook)
    assert contract_problems(notebook, kind="deeper") == ["the last section must link to a chapter"]


def test_only_its_own_page_names_a_tutorial_by_number(notebook: NotebookNode):
    replace(6, "The next.", "As tutorial 004 says.")(notebook)
    for kind, found in (("chapter", 1), ("deeper", 1), ("tutorial", 0)):
        problems = one_sitting_problems(notebook, kind)
        assert sum("by its number" in problem for problem in problems) == found


# --- How much a page may hold ---


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Two words, a third.", 4),
        ("It is {glue:text}`x` times $a + b$.", 5),
        ("True. {holds}`a < b`", 1),
        (":::{admonition} Predict\n:class: predict\nHow many?\n:::", 3),
        ("(sec-a)=\n## A [link](to/somewhere.md)", 2),
        ("$$\na + b\n$$ (eq-a)", 1),
        ("`code` and a half-life", 4),
    ],
)
def test_words_are_those_that_are_read(text: str, words: int):
    assert words_of(text) == words


def test_a_small_page_is_within_its_budget(notebook: NotebookNode):
    held = sizes(notebook)
    assert (held["figures"], held["quoted numbers"]) == (1, 1)
    assert held["lines of code"] == 10  # and two blank ones
    assert one_sitting_problems(notebook) == []


def lengthen(thing: str, notebook: NotebookNode) -> None:
    """Add as much of a thing as a chapter may hold."""
    most = BUDGET[thing]
    if thing == "words":
        notebook.cells[2].source += "\n\n" + "word " * most
    elif thing == "figures":
        notebook.cells += [notebook.cells[3]] * most
    elif thing == "explorers":
        notebook.cells[2].source += "\n\n```{interactive-figure} one\n```" * (most + 1)
    elif thing == "quoted numbers":
        notebook.cells[2].source += "".join(f"{{glue:text}}`n{i}`" for i in range(most))
    else:
        notebook.cells[1].source += "\n1" * most


@pytest.mark.parametrize("thing", BUDGET)
def test_a_long_page_is_found(notebook: NotebookNode, thing: str):
    lengthen(thing, notebook)
    problems = one_sitting_problems(notebook)
    assert any(f"{thing}, but at most {BUDGET[thing]:d} may be" in p for p in problems), problems
    found = [p for p in one_sitting_problems(notebook, "deeper") if thing in p]
    assert bool(found) == (thing != "words")


@pytest.mark.parametrize("folded", ["hide-input", "hide-cell"])
def test_long_hidden_code_is_found(notebook: NotebookNode, folded: str):
    notebook.cells[1].source = "1\n\n" * 11
    assert one_sitting_problems(notebook) == []
    tag(1, folded)(notebook)
    assert one_sitting_problems(notebook) == ["cell 1: hides 11 lines of code"]


def set_output(cell: int, **values):
    return lambda notebook: notebook.cells[cell].outputs[0].update(values)


def set_figure(key: str, value: object):
    return lambda notebook: notebook.cells[3].metadata["mystnb"].__setitem__(key, value)


def replace(cell: int, old: str, new: str):
    def change(notebook: NotebookNode) -> None:
        assert old in notebook.cells[cell].source
        notebook.cells[cell].source = notebook.cells[cell].source.replace(old, new)

    return change


def add_code(source: str):
    return lambda notebook: notebook.cells.append(new_code_cell(source, execution_count=4))


def tag(cell: int, name: str):
    return lambda notebook: notebook.cells[cell].metadata.__setitem__("tags", [name])


BROKEN = {
    "unrun cell": (lambda n: n.cells[1].update(execution_count=None), "execution counts"),
    "run twice": (lambda n: n.cells[4].update(execution_count=7), "execution counts"),
    "unmarked error": (lambda n: n.cells[4].metadata.pop("tags"), "raises-exception"),
    "expected error gone": (lambda n: n.cells[4].update(outputs=[]), "raises-exception"),
    "stderr": (set_output(1, name="stderr"), "stderr"),
    "skipped": (tag(1, "nbval-skip"), "hidden"),
    "skipped by a comment": (replace(1, "print", "# NBVAL_SKIP\nprint"), "hidden"),
    "semicolon": (add_code("[1, 2];"), "semicolon"),
    "unchecked number": (tag(1, "nbval-ignore-output"), "unchecked"),
    "unchecked figure": (tag(3, "nbval-ignore-output"), "unchecked"),
    "address": (set_output(1, text="<Line2D at 0x7f3a5c0d1e50>"), "address"),
    "path": (set_output(1, text="saved in /home/me/a.png"), "path of this machine"),
    "path of the course": (set_output(1, text=f"read {ROOT / 'a.csv'}"), "path of this machine"),
    "figure deleted": (lambda n: n.cells[3].update(outputs=[]), "0 images"),
    "image deleted": (lambda n: n.cells[3].outputs[0].data.pop("image/png"), "0 images"),
    "two figures": (lambda n: n.cells[3].outputs.append(n.cells[3].outputs[0]), "2 images"),
    "no metadata": (lambda n: n.cells[3].metadata.clear(), "alt text"),
    "no alt text": (set_figure("image", {}), "alt text"),
    "path as alt text": (set_figure("image", {"alt": "../_images/" + "a" * 40}), "alt text"),
    "no caption": (set_figure("figure", {"name": "fig-squares"}), "caption"),
    "no name": (set_figure("figure", {"caption": "Squares grow.", "name": "squares"}), "name"),
    "quoted, not glued": (replace(0, "`runs`", "`walks`"), "walks is quoted but not glued"),
    "glued, not quoted": (replace(0, "{glue:text}`runs`", "3"), "runs is glued but not quoted"),
    "compared, not glued": (
        replace(0, "{glue:text}`runs`", "{glue:text}`runs` {holds}`runs > walks`"),
        "walks is quoted but not glued",
    ),
    "compared is quoted": (replace(0, "{glue:text}`runs`", "{holds}`0 < runs < 9`"), None),
    "argued is not": (
        replace(0, "{glue:text}`runs`", "{argued}`by runs`"),
        "runs is glued but not quoted",
    ),
    "quoted by a caption, not glued": (
        lambda n: n.cells[3].metadata.mystnb.figure.update(caption="After {glue:text}`walks`."),
        "walks is quoted but not glued",
    ),
    "glued twice": (lambda n: n.cells[1].outputs.append(n.cells[1].outputs[1]), "2 times"),
    "typed seeds": (
        replace(5, "Yes.", "Yes, over 15 other seeds."),
        'cell 5: the text types the number in "15 other seeds"; quote it',
    ),
    "typed seeds in a caption": (
        lambda n: n.cells[3].metadata.mystnb.figure.update(caption="Medians of **three** runs."),
        'cell 3: the caption types the number in "Medians of three runs"; quote it',
    ),
    "typed seeds in an alt text": (
        set_figure("image", {"alt": "The middle of five hundred shuffles, as a grey band."}),
        'cell 3: the alt text types the number in "five hundred shuffles"; leave it to the caption',
    ),
    "global seed": (add_code("np.random.seed(0)"), "numpy.random.seed"),
    "global seed, imported": (add_code("from numpy.random import rand"), "numpy.random.rand"),
    "global seed beside magic": (add_code("%pwd\nnumpy.random.rand()"), "numpy.random.rand"),
    "two h1": (replace(5, "## Questions", "# Questions"), "one h1"),
    "h1 late": (lambda n: n.cells.insert(0, n.cells.pop(2)), "one h1"),
    "no question": (replace(0, "**Question.**", "Question:"), "Question"),
    "no answer": (replace(0, "**Answer.**", ""), "Answer"),
    "no aims": (replace(0, "What you will be able to do", "Aims"), "able to do"),
    "no needs": (replace(0, "What you need", "Needs"), "What you need"),
    "no time": (replace(0, "Time", "Duration"), "must say **Time.**"),
    "no number of minutes": (replace(0, "1 minute", "A minute"), "must say **Time.**"),
    "too short a time": (replace(5, "Yes.", "Yes, indeed. " * 100), "its prose alone takes 2.9"),
    "few predictions": (replace(2, "Predict again", "Again"), "fewer than 3"),
    "prediction elsewhere": (replace(2, "What colour", "## B\n\nWhat colour"), None),
    "figure without prediction": (
        lambda n: n.cells.insert(3, new_markdown_cell("## Another")),
        "nothing to predict in the section Another",
    ),
    "no trial": (replace(2, "On trial", "Off trial"), "on trial"),
    "few questions": (replace(5, "Check yourself", "Check"), "3 to 5"),
    "another end": (replace(6, "What comes next", "The end"), "What comes next"),
    "no exercises": (replace(6, "exercises/", "practice/"), "link to the chapter's exercises"),
    "unfinished": (replace(6, "The next.", "TODO"), "unfinished"),
}


@pytest.mark.parametrize(("damage", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_contract(notebook: NotebookNode, damage, message: str | None):
    damage(notebook)
    problems = contract_problems(notebook)
    if message is None:  # a heading inside a directive starts no section
        assert problems == []
    else:
        assert any(message in problem for problem in problems), problems


def test_a_page_without_sections_is_no_crash(notebook: NotebookNode):
    del notebook.cells[1:]
    problems = contract_problems(notebook)
    assert "the last section must be What comes next" in problems
    assert "fewer than 3 boxes ask to predict" in problems


def test_a_draft_may_be_incomplete_but_not_wrong(notebook: NotebookNode):
    replace(0, "**Question.** Does it run?", "**Draft.**")(notebook)
    replace(6, "## What comes next", "TODO")(notebook)
    assert contract_problems(notebook) == []
    set_output(1, name="stderr")(notebook)
    assert contract_problems(notebook) == ["cell 1: wrote to stderr"]


@pytest.mark.parametrize("listed", [True, False])
def test_a_page_is_published_or_a_draft(notebook: NotebookNode, tmp_path: Path, listed: bool):
    toc = tmp_path / "_toc.yml"
    toc.write_text("chapters:\n  - file: notebooks/small\n  - file: book/other\n")
    names = published(toc)
    assert names == {"small"}
    name = "small" if listed else "other"
    page = draft_problems(name, notebook, names)
    replace(0, "**Question.**", "**Draft.** Not done.\n\n**Question.**")(notebook)
    draft = draft_problems(name, notebook, names)
    assert [bool(page), bool(draft)] == [not listed, listed]
    assert all(name in problem and "**Draft.**" in problem for problem in page + draft)


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("median of 15 shuffles", "15 shuffles"),
        ("over twenty-five seeds", "five seeds"),
        ("a hundred\nshuffles", "hundred shuffles"),
        ("$40$ or *120* seeds", "120 seeds"),
        ("of the 200 pairs of shuffles", "200 pairs of shuffles"),
        ("1,000 shuffled runs", "1,000 shuffled runs"),
        ("61 × 61 starts", "61 starts"),
        ("means over 15 orders", "15 orders"),
        ("means over two random orders", "means over two random orders"),
        ("of 100 starts", "100 starts"),
    ],
)
def test_a_typed_number_of_repeats_is_found(text: str, typed: str):
    assert typed_repeats(text) == [typed]


@pytest.mark.parametrize(
    "text",
    [
        "median of {glue:text}`shuffles:.0f` shuffles",
        "{glue:text}`n` of {glue:text}`all_20` runs",
        "the four orders, and what three runs can show",
        "6 orders of magnitude",
        "one seed per map, a run, seed 42",
        "slopes of minus 2, new orders a slope of −3",
        "tutorial 004 draws its rows",
        "0.05. Runs of several seeds",
    ],
)
def test_other_numbers_are_no_repeats(text: str):
    assert typed_repeats(text) == []


def move_marker(notebook: NotebookNode) -> None:
    """Shift the stored figure's rightmost marker by three pixels."""
    data = notebook.cells[3].outputs[0].data
    pixels = plt.imread(io.BytesIO(base64.b64decode(data["image/png"])))
    coloured = np.ptp(pixels[..., :3], axis=2) > 0.1
    x = np.flatnonzero(coloured.any(axis=0)).max()
    marker = np.s_[:, x - 12 : x + 1]
    rows = np.flatnonzero(coloured[marker].any(axis=1))
    box = np.s_[rows.min() - 3 : rows.max() + 1, x - 12 : x + 1]
    pixels[box] = np.roll(pixels[box], -3, axis=0)
    buffer = io.BytesIO()
    plt.imsave(buffer, pixels, format="png")
    data["image/png"] = base64.b64encode(buffer.getvalue()).decode()


CHANGED = {
    "nothing": (lambda n: None, None),
    "figure deleted": (lambda n: n.cells[3].update(outputs=[]), "cell 3: output 1"),
    "image deleted": (lambda n: n.cells[3].outputs[0].data.pop("image/png"), "cell 3: output 1"),
    "marker moved": (move_marker, "cell 3: pixels near"),
    "printed number": (set_output(1, text="runs = 4\n"), "cell 1: output 1"),
    "order": (lambda n: n.cells[1].outputs.reverse(), "cell 1: output 1"),
    "glued value": (
        lambda n: (
            n.cells[1].outputs[1].data.update({"application/papermill.record/text/plain": "'4'"})
        ),
        "cell 1: output 2",
    ),
    "glued name": (
        lambda n: n.cells[1].outputs[1].metadata["scrapbook"].update(name="walks"),
        "cell 1: output 2",
    ),
    "error": (set_output(4, evalue="division by nothing"), "cell 4: output 1"),
}


@pytest.fixture(scope="module")
def fresh(stored: Path) -> NotebookNode:
    """Return what running the small notebook gives."""
    return store_notebooks.execute(stored)


@pytest.mark.parametrize(("damage", "message"), CHANGED.values(), ids=CHANGED.keys())
def test_changed_outputs(notebook: NotebookNode, fresh: NotebookNode, damage, message: str | None):
    damage(notebook)
    problems = store_notebooks.compare_notebooks(notebook, fresh)
    assert len(problems) == (message is not None)
    assert all(problem.startswith(message) for problem in problems), problems


# --- nbval, which CI runs too: it finds nothing that these checks do not ---

# What a cell does, and what is stored of it; each differs from the run but the first.
CELLS = {
    "as it was": ('print("same")', [text_output("same\n")]),
    "a changed digit": ('print("0.123")', [text_output("0.124\n")]),
    "a missing output": ('print("new")', []),
    "an output that does not come": ("pass", [text_output("old\n")]),
    "a warning": ('import sys\nprint("careful", file=sys.stderr)', []),
    "another value": ("1 + 1", [nbformat.v4.new_output("execute_result", {"text/plain": "3"})]),
    "an error": ("1 / 0", []),
    "another error": ("{}[1]", [nbformat.v4.new_output("error", ename="NameError", evalue="x")]),
}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a notebook whose stored outputs are wrong, each in another way."""
    cells = [
        new_code_cell(source, outputs=outputs, execution_count=count)
        for count, (source, outputs) in enumerate(CELLS.values(), 1)
    ]
    cells[-2].metadata["tags"] = cells[-1].metadata["tags"] = ["raises-exception"]
    path = tmp_path_factory.mktemp("damaged") / "damaged.ipynb"
    path.write_text(store_notebooks.as_text(new_notebook(cells=cells)), encoding="utf-8")
    return path


def problem_cells(path: Path) -> set[int]:
    """Return the cells in which the checks of this course find a problem."""
    stored = store_notebooks.read(path)
    fresh = store_notebooks.execute(path)
    found = run_problems(stored) + store_notebooks.compare_notebooks(stored, fresh)
    return {int(problem.split()[1].rstrip(":")) for problem in found}


def nbval_cells(path: Path) -> set[int]:
    """Return the cells that nbval fails, whose numbers count cells of code alone."""
    nbval = ["-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-rf", "--tb=no", path.name]
    run = subprocess.run(
        [sys.executable, *nbval], cwd=path.parent, capture_output=True, text=True, check=False
    )
    return {int(number) for number in re.findall(r"(?m)^FAILED .*::Cell (\d+)", run.stdout)}


def test_nbval_finds_nothing_more(damaged: Path):
    ours = problem_cells(damaged)
    assert ours == set(range(1, len(CELLS)))
    theirs = nbval_cells(damaged)
    assert theirs <= ours
    assert len(theirs) >= 4  # else nbval did not run


def resize(share: float):
    """Return damage: the stored figure wider or narrower by a share of its width."""

    def change(notebook: NotebookNode) -> None:
        data = notebook.cells[3].outputs[0].data
        pixels = plt.imread(io.BytesIO(base64.b64decode(data["image/png"])))
        columns = np.linspace(0, pixels.shape[1] - 1, round(pixels.shape[1] * (1 + share)))
        buffer = io.BytesIO()
        plt.imsave(buffer, pixels[:, columns.astype(int)].copy(), format="png")
        data["image/png"] = base64.b64encode(buffer.getvalue()).decode()

    return change


def damage_picture(notebook: NotebookNode) -> None:
    """Cut the stored picture off in the middle."""
    data = notebook.cells[3].outputs[0].data
    half = base64.b64decode(data["image/png"])[:2000]
    data["image/png"] = base64.b64encode(half).decode()


def print_beside_figure(notebook: NotebookNode) -> None:
    notebook.cells[3].outputs.insert(0, text_output("a step is fast: True\n"))


# What may change in the figure's cell when it is tagged live-timing, and what may not.
LIVE = {
    "marker moved": (move_marker, None),
    "a little wider": (resize(0.05), None),
    "much wider": (resize(0.3), "cell 3: size"),
    "much narrower": (resize(-0.3), "cell 3: size"),
    "picture damaged": (damage_picture, "cell 3: not readable"),
    "image deleted": (lambda n: n.cells[3].outputs[0].data.pop("image/png"), "cell 3: output 1"),
    "figure deleted": (lambda n: n.cells[3].update(outputs=[]), "cell 3: output 1"),
    "printed beside it": (print_beside_figure, "cell 3: output 1"),
    "printed number elsewhere": (set_output(1, text="runs = 4\n"), "cell 1: output 1"),
}


@pytest.mark.parametrize(("damage", "message"), LIVE.values(), ids=LIVE.keys())
def test_live_timing_excuses_pixels_alone(
    notebook: NotebookNode, fresh: NotebookNode, damage, message: str | None
):
    damage(notebook)
    tag(3, "live-timing")(notebook)
    problems = store_notebooks.compare_notebooks(notebook, fresh)
    assert len(problems) == (message is not None), problems
    assert all(problem.startswith(message) for problem in problems), problems


@pytest.mark.parametrize("damage", [move_marker, resize(0.05)], ids=["moved", "wider"])
def test_untagged_figures_are_compared(notebook: NotebookNode, fresh: NotebookNode, damage):
    damage(notebook)
    tag(1, "live-timing")(notebook)  # another cell's tag is none of this cell's
    (problem,) = store_notebooks.compare_notebooks(notebook, fresh)
    assert problem.startswith("cell 3: ")


def test_live_timing_keeps_the_contract(notebook: NotebookNode):
    tag(3, "live-timing")(notebook)
    assert contract_problems(notebook) == []
    notebook.cells[3].metadata.mystnb.image["alt"] = ""
    assert any("alt text" in problem for problem in contract_problems(notebook))


def test_unchecked_outputs_may_change(notebook: NotebookNode, fresh: NotebookNode):
    set_output(1, text="took 3 s\n")(notebook)
    tag(1, "nbval-ignore-output")(notebook)
    assert store_notebooks.compare_notebooks(notebook, fresh) == []


def test_failing_notebook_stays_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture):
    path = tmp_path / "failing.ipynb"
    cells = [new_markdown_cell("# A"), new_code_cell("1"), new_code_cell("undefined")]
    before = nbformat.v4.writes(new_notebook(cells=cells))
    path.write_text(before, encoding="utf-8")
    assert store_notebooks.main([str(path)]) == 1
    assert "failing.ipynb, cell 2: NameError" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


def test_storing_never_undoes_an_edit(tmp_path: Path, capsys: pytest.CaptureFixture):
    path = tmp_path / "edited.ipynb"
    edit = new_code_cell(f"open({str(path)!r}, 'a').write(' ')")  # as an author might, meanwhile
    before = nbformat.v4.writes(new_notebook(cells=[edit]))
    path.write_text(before, encoding="utf-8")
    assert store_notebooks.main([str(path)]) == 1
    assert "edited while it ran" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == before + " "


def test_kernel_is_this_interpreter_whatever_is_installed(tmp_path: Path, monkeypatch):
    # A kernel of the same name in the user's folder, which Jupyter would prefer.
    spec = tmp_path / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text('{"argv": ["/nowhere/python"], "display_name": "Other", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("MPLBACKEND", "agg")
    path = tmp_path / "which.ipynb"
    cells = [new_code_cell("import os, sys\nprint(sys.executable, os.environ['MPLBACKEND'])")]
    path.write_text(nbformat.v4.writes(new_notebook(cells=cells)), encoding="utf-8")
    printed = store_notebooks.execute(path).cells[0].outputs[0].text
    assert printed == f"{sys.executable} module://matplotlib_inline.backend_inline\n"


# --- Cells that need a framework ------------------------------------------------------------------


@pytest.fixture
def framework_page(tmp_path: Path, monkeypatch) -> Path:
    """Return a notebook with a cell that needs a framework, on a machine that has none."""
    monkeypatch.setattr(store_notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    path = tmp_path / "notebooks" / "08_small.ipynb"
    path.parent.mkdir()
    tagged = {"tags": [store_notebooks.FRAMEWORKS]}
    cells = [
        new_markdown_cell("`make lab FRAMEWORKS=yes` installs them."),
        new_code_cell('print("mine")'),
        new_code_cell('print("theirs")', metadata=tagged),
    ]
    path.write_text(store_notebooks.as_text(new_notebook(cells=cells)), encoding="utf-8")
    monkeypatch.setattr(store_notebooks, "have_frameworks", lambda: True)
    assert store_notebooks.store(path)
    monkeypatch.setattr(store_notebooks, "have_frameworks", lambda: False)
    return path


def test_without_frameworks_the_other_cells_are_compared(framework_page: Path):
    stored = store_notebooks.read(framework_page)
    fresh = store_notebooks.execute(framework_page, whole=False)
    assert [cell.execution_count for cell in fresh.cells[1:]] == [1, None]
    set_output(2, text="changed\n")(stored)
    assert store_notebooks.compare_notebooks(stored, fresh) == []
    set_output(1, text="changed\n")(stored)
    assert len(store_notebooks.compare_notebooks(stored, fresh)) == 1


def test_with_frameworks_all_cells_are_compared(framework_page: Path, monkeypatch):
    monkeypatch.setattr(store_notebooks, "have_frameworks", lambda: True)
    stored = store_notebooks.read(framework_page)
    fresh = store_notebooks.execute(framework_page)
    assert store_notebooks.compare_notebooks(stored, fresh) == []
    set_output(2, text="changed\n")(stored)
    assert len(store_notebooks.compare_notebooks(stored, fresh)) == 1


@pytest.mark.parametrize("named", [True, False])
def test_without_frameworks_their_outputs_are_not_lost(framework_page: Path, capsys, named: bool):
    before = framework_page.read_bytes()
    other = framework_page.with_name("09_other.ipynb")
    other.write_text(store_notebooks.as_text(new_notebook(cells=[new_code_cell("1")])))
    assert store_notebooks.main([str(framework_page)] if named else []) == named
    told = capsys.readouterr().out
    assert "08_small.ipynb has cells that need PyTorch, Keras or JAX" in told
    assert "make notebooks N=08 FRAMEWORKS=yes" in told
    assert framework_page.read_bytes() == before
    assert named or "09_other.ipynb" in told


def test_what_this_python_can_run_whole_is_listed(framework_page: Path, capsys, monkeypatch):
    for have, told in ((False, "\n"), (True, "notebooks/08_small.ipynb\n")):
        monkeypatch.setattr(store_notebooks, "have_frameworks", lambda have=have: have)
        assert store_notebooks.main(["--list"]) == 0
        assert capsys.readouterr().out == told


def test_a_page_says_how_to_get_the_frameworks(framework_page: Path):
    notebook = store_notebooks.read(framework_page)
    assert framework_problems(notebook) == []
    notebook.cells.append(notebook.cells.pop(0))
    assert framework_problems(notebook) == ["cell 1: nothing before it says how to get frameworks"]


def test_command_needs_notebooks(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture):
    monkeypatch.setattr(store_notebooks, "NOTEBOOKS", tmp_path)
    assert store_notebooks.main([]) == 1
    assert "no notebooks" in capsys.readouterr().err
