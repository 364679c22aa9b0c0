"""Each stored notebook keeps the course's page contract, and running it gives what is stored.

nbval compares printed text too, but passes over cells that were stored unrun, figures (changed or
missing), the names of quoted numbers, the order of a cell's outputs and whatever a tag tells it
to skip.
"""

import ast
import base64
import io
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import stored_notebooks
from IPython.core.inputtransformer2 import TransformerManager
from matplotlib.figure import Figure
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = stored_notebooks.NOTEBOOKS.parent
NOTEBOOKS = stored_notebooks.course_notebooks()
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])

# --- What a stored notebook must look like. Each check returns a list of problems. ---------------


def code_cells(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    return ((i, c) for i, c in enumerate(notebook.cells) if c.cell_type == "code")


def markdown(notebook: NotebookNode) -> str:
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def headings(notebook: NotebookNode) -> list[tuple[int, int, str]]:
    """Return (cell index, level, text) of each heading outside code and directives."""
    found = []
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            text = re.sub(r"(?ms)^ *(`{3,}|~{3,}|:{3,}).*?^ *\1 *$", "", cell.source)
            found += [
                (index, len(h[1]), h[2].strip()) for h in re.finditer(r"(?m)^(#{1,6}) +(.*)$", text)
            ]
    return found


def directive_titles(text: str, directive: str, title: str) -> list[str]:
    """Return the opening lines of directives whose title starts as given."""
    return re.findall(rf"(?m)^ *(?:`{{3,}}|~{{3,}}|:{{3,}})\{{{directive}\}} +{title}\b.*$", text)


def run_problems(notebook: NotebookNode) -> list[str]:
    """Every code cell was run, once, from the top, and nothing went wrong."""
    problems = []
    counts = []
    for index, cell in code_cells(notebook):
        if cell.source.strip():
            counts.append(cell.execution_count)
        kinds = [output.output_type for output in cell.outputs]
        if ("error" in kinds) != ("raises-exception" in tags(cell)):
            problems.append(
                f"cell {index}: a stored error and the tag raises-exception go together"
            )
        if any(output.get("name") == "stderr" for output in cell.outputs):
            problems.append(f"cell {index}: wrote to stderr")
        skipping = {"nbval-skip", "skip-execution"} & set(tags(cell))
        if skipping or re.search(r"(?m)^\s*#\s*(NBVAL|PYTEST_VALIDATE)_", cell.source):
            problems.append(f"cell {index}: is hidden from nbval")
        # nbval runs cells without history, and so IPython overlooks the semicolon.
        if cell.source.rstrip().endswith(";"):
            problems.append(f"cell {index}: ends in a semicolon, which is lost on nbval")
    if counts != list(range(1, len(counts) + 1)):
        problems.append(f"execution counts are {counts}, not 1 to {len(counts)}")
    return problems


def output_problems(notebook: NotebookNode) -> list[str]:
    """Outputs hold nothing that another machine or the next run would write differently."""
    problems = []
    for index, cell in code_cells(notebook):
        for output in cell.outputs:
            texts = [output.get("text", ""), output.get("evalue", "")]
            for mime, data in output.get("data", {}).items():
                if "widget" in mime:
                    problems.append(f"cell {index}: a widget, which the page cannot show")
                if not mime.startswith("image/"):
                    texts.append(str(data))
            text = "\n".join(texts)
            if re.search(r"\bat 0x[0-9a-f]{6,}", text):
                problems.append(
                    f"cell {index}: shows an address in memory (end the cell with plt.show())"
                )
            if str(ROOT) in text or re.search(r"(?<![\w.])/(home|Users|root|tmp|private)/", text):
                problems.append(f"cell {index}: shows a path of this machine")
        if "nbval-ignore-output" in tags(cell) and (images(cell) or glued_names(cell)):
            problems.append(f"cell {index}: unchecked outputs hold a figure or a quoted number")
    return problems


def images(cell: NotebookNode) -> list[str]:
    """Return the types of a cell's images, glued ones too."""
    return [m for out in cell.outputs for m in out.get("data", {}) if "image/" in m]


def figure_problems(notebook: NotebookNode) -> list[str]:
    """Every figure has a name, a caption, and words for a reader who cannot see it."""
    problems = []
    for index, cell in code_cells(notebook):
        mystnb = cell.metadata.get("mystnb", {})
        figure = mystnb.get("figure")
        if not images(cell) and figure is None:
            continue
        if len(images(cell)) != 1:
            problems.append(f"cell {index}: {len(images(cell))} images in a cell for one figure")
        if not set(images(cell)) <= {"image/png", "image/svg+xml"}:
            problems.append(f"cell {index}: a figure is neither PNG nor SVG")
        alt = (mystnb.get("image") or {}).get("alt", "")
        if len(alt) < 40 or " " not in alt or re.search(r"\.(png|svg|jpe?g|gif)\b", alt):
            problems.append(f"cell {index}: no alt text that says what the figure shows")
        if not (figure or {}).get("caption", "").strip():
            problems.append(f"cell {index}: a figure without a caption")
        if not re.fullmatch(r"fig-[a-z0-9-]+", (figure or {}).get("name", "")):
            problems.append(f"cell {index}: a figure without a name like fig-loss-surface")
    return problems


def figures_of(notebook: NotebookNode) -> list[dict[str, str]]:
    """Return what the cells' metadata say of their figures."""
    return [c.metadata.get("mystnb", {}).get("figure") or {} for _, c in code_cells(notebook)]


def figure_names(notebook: NotebookNode) -> list[str]:
    """Return the names that other pages can refer to."""
    return [figure["name"] for figure in figures_of(notebook) if "name" in figure]


def captions(notebook: NotebookNode) -> list[str]:
    """Return the captions, which may quote numbers like any other text."""
    return [figure["caption"] for figure in figures_of(notebook) if "caption" in figure]


def glued_names(cell: NotebookNode) -> list[str]:
    """Return the names under which a cell hands numbers to the text."""
    found = (output.get("metadata", {}).get("scrapbook") for output in cell.outputs)
    return [scrapbook["name"] for scrapbook in found if scrapbook]


def quoted_names(text: str) -> set[str]:
    """Return the names of the numbers that a text quotes; a format may follow a name.

    A number of another page comes with that page: `page::name`.
    """
    roles = re.findall(r"\{glue(?::\w*)?\}`([^`]+)`", text)
    directives = re.findall(r"(?m)^ *(?:`{3,}|:{3,})\{glue(?::\w*)?\} +(\S+)", text)
    return {re.sub(r"(?<!:):[^:]+$", "", name) for name in roles + directives}


def quoted_by_prose(path: Path) -> set[str]:
    """Return the names of a notebook's numbers that pages of prose quote."""
    found = set()
    for page in (path.parent.parent / "book").rglob("*.md"):
        for quoted in quoted_names(page.read_text(encoding="utf-8")):
            document, _, name = quoted.rpartition("::")
            if Path(document).stem == path.stem:
                found.add(name)
    return found


def glue_problems(notebook: NotebookNode, elsewhere: Collection[str] = ()) -> list[str]:
    """Numbers in sentences come from code, and none is computed for nobody."""
    glued = Counter(name for _, cell in code_cells(notebook) for name in glued_names(cell))
    quoted = quoted_names("\n".join([markdown(notebook), *captions(notebook)]))
    return (
        [f"{name} is quoted but not glued" for name in sorted(quoted - set(glued))]
        + [
            f"{name} is glued but not quoted"
            for name in sorted(set(glued) - quoted - set(elsewhere))
        ]
        + [f"{name} is glued {times} times" for name, times in glued.items() if times > 1]
    )


def random_problems(notebook: NotebookNode) -> list[str]:
    """Random numbers come from a generator that the reader can see, never from global state."""
    problems = []
    for index, cell in code_cells(notebook):
        # IPython's own translation of %magics and !commands makes every cell plain Python.
        for node in ast.walk(ast.parse(TransformerManager().transform_cell(cell.source))):
            used = []
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in (
                "np.random",
                "numpy.random",
            ):
                used = [node.attr]
            elif isinstance(node, ast.ImportFrom) and node.module == "numpy.random":
                used = [alias.name for alias in node.names]
            problems += [
                f"cell {index}: numpy.random.{name} uses global state"
                for name in used
                if name[0].islower() and name != "default_rng"
            ]
    return problems


def page_problems(notebook: NotebookNode) -> list[str]:
    """The page opens, proceeds and ends as every page of the course does."""
    problems = []
    first = notebook.cells[0]
    found = headings(notebook)
    if [index for index, level, _ in found if level == 1] != [0] or first.cell_type != "markdown":
        problems.append("there must be one h1, in the first cell")
    for opening in ("**Question.**", "**Answer.**"):
        if opening not in first.source:
            problems.append(f"the first cell lacks {opening}")
    for item in ("What you will be able to do", "What you need", "Time"):
        # Alone or at the start of a list item, in bold, as a heading or as a directive's title.
        if not re.search(rf"(?m)^\W*(?:\w+\}} *)?{item}\b", first.source):
            problems.append(f"the first cell lacks the item {item}")
    text = markdown(notebook)
    if len(directive_titles(text, "admonition", "Predict")) < 3:
        problems.append("fewer than three boxes ask to predict")
    if not directive_titles(text, "admonition", "On trial"):
        problems.append("no claim is on trial")
    if not 3 <= len(directive_titles(text, "dropdown", "Check yourself")) <= 5:
        problems.append("there must be three to five questions to check oneself")
    sections = [(index, title) for index, level, title in found if level == 2]
    if not sections or sections[-1][1] != "What comes next":
        problems.append("the last section must be What comes next")
    elif "](../book/exercises/" not in markdown(
        new_notebook(cells=notebook.cells[sections[-1][0] :])
    ):
        problems.append("the last section must link to the chapter's exercises")
    ends = [index for index, _ in sections[1:]] + [len(notebook.cells)]
    for (start, title), end in zip(sections, ends, strict=True):
        section = new_notebook(cells=notebook.cells[start:end])
        # A drawing that explains but measures nothing is tagged "illustration".
        experiment = any(
            "figure" in cell.metadata.get("mystnb", {}) and "illustration" not in tags(cell)
            for _, cell in code_cells(section)
        )
        if experiment and not directive_titles(markdown(section), "admonition", "Predict"):
            problems.append(f"nothing to predict in the section {title}")
    for index, cell in enumerate(notebook.cells):
        if re.search(r"\b(TODO|FIXME)\b", cell.source):
            problems.append(f"cell {index}: unfinished (TODO, FIXME)")
    return problems


def contract_problems(notebook: NotebookNode, elsewhere: Collection[str] = ()) -> list[str]:
    """Return all that keeps a stored notebook from being a page of the course.

    `elsewhere` names numbers that other pages quote.
    """
    return [
        *run_problems(notebook),
        *output_problems(notebook),
        *figure_problems(notebook),
        *glue_problems(notebook, elsewhere),
        *random_problems(notebook),
        *page_problems(notebook),
    ]


# --- The course's notebooks ----------------------------------------------------------------------


def test_there_are_notebooks():
    assert NOTEBOOKS, f"no notebooks in {stored_notebooks.NOTEBOOKS}"


@each_notebook
def test_keeps_the_contract(path: Path):
    problems = contract_problems(stored_notebooks.read(path), quoted_by_prose(path))
    assert not problems, "\n".join(problems)


@each_notebook
def test_is_stored_in_the_one_format(path: Path):
    normal = stored_notebooks.as_text(stored_notebooks.normalise(stored_notebooks.read(path)))
    assert path.read_text(encoding="utf-8") == normal, "store it with make notebooks"


def test_figure_names_are_unique():
    names = Counter(
        name for path in NOTEBOOKS for name in figure_names(stored_notebooks.read(path))
    )
    assert [name for name, times in names.items() if times > 1] == []


@each_notebook
def test_running_it_gives_what_is_stored(path: Path):
    stored = stored_notebooks.read(path)
    start = time.perf_counter()
    fresh = stored_notebooks.execute(path)
    print(f"{path.name} ran for {time.perf_counter() - start:.1f} s")
    problems = stored_notebooks.compare_notebooks(stored, fresh)
    assert not problems, "\n".join(problems)


# --- Figures: what counts as the same ------------------------------------------------------------


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
    assert stored_notebooks.compare_figures(draw(), draw(noise=noise)) == ""


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
    assert stored_notebooks.compare_figures(curve(), curve(**change)).startswith("pixels near")


def test_changed_size_and_type():
    with plt.style.context("default"):
        larger = png(plt.figure(figsize=(8, 6)))
    assert stored_notebooks.compare_figures(curve(), larger).startswith("size ")
    assert stored_notebooks.compare_figures(b"<svg>1</svg>", b"<svg>2</svg>")
    assert stored_notebooks.compare_figures(curve(), b"<svg>2</svg>")
    assert stored_notebooks.compare_figures(curve(), curve()[:50])


# --- A small notebook that keeps the contract, and everything that can go wrong with it -----------

OPENING = """\
# A small notebook

**Question.** Does it run?

**Answer.** It does, {glue:text}`runs` times.

- **What you will be able to do.** Run it.
- **What you need.** Nothing.
- **Time.** A second.
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
    assert stored_notebooks.store(path)
    return path


@pytest.fixture
def notebook(stored: Path) -> NotebookNode:
    """Return the small notebook, for a test to damage."""
    return stored_notebooks.read(stored)


def test_small_notebook_keeps_the_contract(notebook: NotebookNode):
    assert contract_problems(notebook) == []
    assert [index for index, _ in stored_notebooks.figures(notebook)] == [3]
    assert notebook.cells[4].outputs[0].traceback == ["ZeroDivisionError: division by zero"]


def test_storing_again_changes_no_byte(stored: Path):
    before = stored.read_bytes()
    assert not stored_notebooks.store(stored)
    assert stored.read_bytes() == before
    assert [cell["id"] for cell in stored_notebooks.read(stored).cells] == [
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
    before = stored_notebooks.as_text(notebook)
    notebook.nbformat_minor = 4
    notebook.metadata.language_info["version"] = "3.11.7"
    notebook.metadata.kernelspec = {"name": "my-env", "display_name": "mine"}
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {}}
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "2024-01-01T00:00:00Z"}
    assert stored_notebooks.as_text(stored_notebooks.normalise(notebook)) == before


def test_ruff_format_leaves_the_format_alone(notebook: NotebookNode, tmp_path: Path):
    # Ruff rewrites a notebook only if it changes a cell, so one cell gives it a reason to.
    path = tmp_path / "small.ipynb"
    notebook.cells[4].source = "1  /  0"
    path.write_text(stored_notebooks.as_text(notebook), encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--quiet"]
    subprocess.run([*ruff, str(path)], check=True)
    notebook.cells[4].source = "1 / 0"
    assert path.read_text(encoding="utf-8") == stored_notebooks.as_text(notebook)


def test_prose_may_quote_a_notebook(notebook: NotebookNode, tmp_path: Path):
    page = tmp_path / "book" / "claims.md"
    page.parent.mkdir()
    page.write_text("It runs {glue:text}`../notebooks/small.ipynb::runs:.2f` times, {glue}`walks`.")
    assert quoted_by_prose(tmp_path / "notebooks" / "small.ipynb") == {"runs"}
    assert quoted_by_prose(tmp_path / "notebooks" / "other.ipynb") == set()
    replace(0, "{glue:text}`runs`", "3")(notebook)
    assert contract_problems(notebook, {"runs"}) == []


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
    "quoted by a caption, not glued": (
        lambda n: n.cells[3].metadata.mystnb.figure.update(caption="After {glue:text}`walks`."),
        "walks is quoted but not glued",
    ),
    "glued twice": (lambda n: n.cells[1].outputs.append(n.cells[1].outputs[1]), "2 times"),
    "global seed": (add_code("np.random.seed(0)"), "numpy.random.seed"),
    "global seed, imported": (add_code("from numpy.random import rand"), "numpy.random.rand"),
    "global seed beside magic": (add_code("%pwd\nnumpy.random.rand()"), "numpy.random.rand"),
    "two h1": (replace(5, "## Questions", "# Questions"), "one h1"),
    "h1 late": (lambda n: n.cells.insert(0, n.cells.pop(2)), "one h1"),
    "no question": (replace(0, "**Question.**", "Question:"), "Question"),
    "no answer": (replace(0, "**Answer.**", ""), "Answer"),
    "no aims": (replace(0, "What you will be able to do", "Aims"), "able to do"),
    "no needs": (replace(0, "What you need", "Needs"), "What you need"),
    "no time": (replace(0, "Time", "Duration"), "the item Time"),
    "few predictions": (replace(2, "Predict again", "Again"), "fewer than three"),
    "prediction elsewhere": (replace(2, "What colour", "## B\n\nWhat colour"), None),
    "figure without prediction": (
        lambda n: n.cells.insert(3, new_markdown_cell("## Another")),
        "nothing to predict in the section Another",
    ),
    "no trial": (replace(2, "On trial", "Off trial"), "on trial"),
    "few questions": (replace(5, "Check yourself", "Check"), "three to five"),
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
    return stored_notebooks.execute(stored)


@pytest.mark.parametrize(("damage", "message"), CHANGED.values(), ids=CHANGED.keys())
def test_changed_outputs(notebook: NotebookNode, fresh: NotebookNode, damage, message: str | None):
    damage(notebook)
    problems = stored_notebooks.compare_notebooks(notebook, fresh)
    assert len(problems) == (message is not None)
    assert all(problem.startswith(message) for problem in problems), problems


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
    output = nbformat.v4.new_output("stream", name="stdout", text="a step is fast: True\n")
    notebook.cells[3].outputs.insert(0, output)


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
    problems = stored_notebooks.compare_notebooks(notebook, fresh)
    assert len(problems) == (message is not None), problems
    assert all(problem.startswith(message) for problem in problems), problems


@pytest.mark.parametrize("damage", [move_marker, resize(0.05)], ids=["moved", "wider"])
def test_untagged_figures_are_compared(notebook: NotebookNode, fresh: NotebookNode, damage):
    damage(notebook)
    tag(1, "live-timing")(notebook)  # another cell's tag is none of this cell's
    (problem,) = stored_notebooks.compare_notebooks(notebook, fresh)
    assert problem.startswith("cell 3: ")


def test_live_timing_keeps_the_contract(notebook: NotebookNode):
    tag(3, "live-timing")(notebook)
    assert contract_problems(notebook) == []
    notebook.cells[3].metadata.mystnb.image["alt"] = ""
    assert any("alt text" in problem for problem in contract_problems(notebook))


def test_unchecked_outputs_may_change(notebook: NotebookNode, fresh: NotebookNode):
    set_output(1, text="took 3 s\n")(notebook)
    tag(1, "nbval-ignore-output")(notebook)
    assert stored_notebooks.compare_notebooks(notebook, fresh) == []


def test_failing_notebook_stays_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture):
    path = tmp_path / "failing.ipynb"
    cells = [new_markdown_cell("# A"), new_code_cell("1"), new_code_cell("undefined")]
    before = nbformat.v4.writes(new_notebook(cells=cells))
    path.write_text(before, encoding="utf-8")
    assert stored_notebooks.main([str(path)]) == 1
    assert "failing.ipynb, cell 2: NameError" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


def test_storing_never_undoes_an_edit(tmp_path: Path, capsys: pytest.CaptureFixture):
    path = tmp_path / "edited.ipynb"
    edit = new_code_cell(f"open({str(path)!r}, 'a').write(' ')")  # as an author might, meanwhile
    before = nbformat.v4.writes(new_notebook(cells=[edit]))
    path.write_text(before, encoding="utf-8")
    assert stored_notebooks.main([str(path)]) == 1
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
    printed = stored_notebooks.execute(path).cells[0].outputs[0].text
    assert printed == f"{sys.executable} module://matplotlib_inline.backend_inline\n"


def test_command_needs_notebooks(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture):
    monkeypatch.setattr(stored_notebooks, "NOTEBOOKS", tmp_path)
    assert stored_notebooks.main([]) == 1
    assert "no notebooks" in capsys.readouterr().err
