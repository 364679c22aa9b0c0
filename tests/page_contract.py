"""What a stored notebook must look like to be a page of the course.

Each check returns a list of problems, one line each.
"""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import store_notebooks
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from replications.notebooks import ROLE
from replications.values import names_in

ROOT = store_notebooks.NOTEBOOKS.parent


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

    A number of another page comes with that page: `page::name`. A condition quotes what it
    compares.
    """
    roles = re.findall(r"\{glue(?::\w*)?\}`([^`]+)`", text)
    directives = re.findall(r"(?m)^ *(?:`{3,}|:{3,})\{glue(?::\w*)?\} +(\S+)", text)
    names = {re.sub(r"(?<!:):[^:]+$", "", name) for name in roles + directives}
    for role, content in ROLE.findall(text):
        if role != "argued":
            document, there, condition = content.rpartition("::")
            names |= {f"{document}{there}{name}" for name in names_in(condition)}
    return names


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


# How often something random was repeated is said by the code that repeats it. In front of "seeds"
# no typed number is right. Runs, orders and starts may also be what a page names one by one, as in
# "the four orders": such a number is written as a word, and none of a median or mean.
WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    "|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|dozen"
    "|hundred|thousand"
)
DIGITS = r"(?<![\w.,−-])[1-9]\d*(?:,\d{3})*"
WHICH = r"\s+(?:\w+\s+(?:of\s+)?)?"  # other, different, pairs of
TYPED_REPEATS = re.compile(
    rf"(?:{DIGITS}|\b(?:{WORDS})){WHICH}(?:seeds|shuffles|repeats|repetitions)\b"
    rf"|{DIGITS}{WHICH}(?:runs|orders|starts|draws)\b(?! of magnitude)"
    rf"|\b(?:medians?|means?) (?:of|over) (?:{WORDS}){WHICH}(?:runs|orders|starts|draws)\b",
    re.IGNORECASE,
)


def typed_repeats(text: str) -> list[str]:
    """Return the numbers of repeats that a text does not quote, each with its noun."""
    unquoted = re.sub(r"\{[\w:]+\}`[^`]*`", "…", text)
    plain = " ".join(re.sub(r"[*$]", "", unquoted).split())
    return [match[0] for match in TYPED_REPEATS.finditer(plain)]


def repeats_problems(notebook: NotebookNode) -> list[str]:
    """How many seeds, shuffles or runs stand behind a result comes from code."""
    problems = []
    for index, cell in enumerate(notebook.cells):
        mystnb = cell.metadata.get("mystnb", {})
        texts = {
            "the text": cell.source if cell.cell_type == "markdown" else "",
            "the caption": (mystnb.get("figure") or {}).get("caption", ""),
            "the alt text": (mystnb.get("image") or {}).get("alt", ""),
        }
        for place, text in texts.items():
            instead = (
                "leave it to the caption, which can quote it"
                if place == "the alt text"
                else "quote it with {glue:text}"
            )
            problems += [
                f'cell {index}: {place} types the number in "{typed}"; {instead}'
                for typed in typed_repeats(text)
            ]
    return problems


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
    bounds = [index for index, _ in sections] + [len(notebook.cells)]
    for (start, title), end in zip(sections, bounds[1:], strict=True):
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


def is_draft(notebook: NotebookNode) -> bool:
    """Whether the first cell says that the page is a draft."""
    return re.search(r"(?m)^\*\*Draft\.\*\*", notebook.cells[0].source) is not None


def published(toc: Path) -> set[str]:
    """Return the names of the notebooks that a table of contents lists."""
    return set(re.findall(r"(?m)^\s*- file: notebooks/(\S+)\s*$", toc.read_text(encoding="utf-8")))


def draft_problems(name: str, notebook: NotebookNode, listed: Collection[str]) -> list[str]:
    """A page is either published or a draft; `listed` names the published ones."""
    if is_draft(notebook) and name in listed:
        return [f"{name} is a draft: take **Draft.** out of its first cell, or it out of _toc.yml"]
    if not is_draft(notebook) and name not in listed:
        return [f"{name} is not in _toc.yml: list it there, or put **Draft.** below its title"]
    return []


def contract_problems(notebook: NotebookNode, elsewhere: Collection[str] = ()) -> list[str]:
    """Return all that keeps a stored notebook from being a page of the course.

    `elsewhere` names numbers that other pages quote. A draft need not be complete.
    """
    return [
        *run_problems(notebook),
        *output_problems(notebook),
        *figure_problems(notebook),
        *glue_problems(notebook, elsewhere),
        *repeats_problems(notebook),
        *random_problems(notebook),
        *([] if is_draft(notebook) else page_problems(notebook)),
    ]
