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

from replications.notebooks import ROLE, is_draft, minutes_of
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
    return names | asked_names(text)


def asked_names(text: str) -> set[str]:
    """Return the names of the numbers that decide what a reader is asked to predict."""
    names = {asked.split(" | ")[1] for asked in re.findall(r"\{guess\}`([^`]+)`", text)}
    for asked in re.findall(r"\{choose\}`([^`]+)`", text):
        for option in asked.split(" | ")[1:]:
            _, colon, condition = option.rpartition(": ")
            names |= names_in(condition) if colon else set()
    return names


def quoted_elsewhere(path: Path, root: Path = ROOT) -> set[str]:
    """Return the names of a notebook's numbers that other pages quote, notebooks or prose."""
    texts = [page.read_text(encoding="utf-8") for page in (root / "book").rglob("*.md")]
    for page in (root / "notebooks").rglob("*.ipynb"):
        if ".ipynb_checkpoints" not in page.parts:
            notebook = store_notebooks.read(page)
            texts.append("\n".join([markdown(notebook), *captions(notebook)]))
    quoted = (name.rpartition("::") for text in texts for name in quoted_names(text))
    return {name for document, _, name in quoted if document and Path(document).stem == path.stem}


def glue_problems(notebook: NotebookNode, elsewhere: Collection[str] = ()) -> list[str]:
    """Numbers in sentences come from code, and none is computed for nobody."""
    glued = Counter(name for _, cell in code_cells(notebook) for name in glued_names(cell))
    every = quoted_names("\n".join([markdown(notebook), *captions(notebook)]))
    quoted = {name for name in every if "::" not in name}  # the build looks for the others
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


def framework_problems(notebook: NotebookNode) -> list[str]:
    """A reader without PyTorch, Keras or JAX learns how to get them before a cell needs them."""
    for index, cell in code_cells(notebook):
        if store_notebooks.FRAMEWORKS in tags(cell):
            before = markdown(new_notebook(cells=notebook.cells[:index]))
            told = "`make lab FRAMEWORKS=yes`" in before
            return [] if told else [f"cell {index}: nothing before it says how to get frameworks"]
    return []


#: What kinds of notebooks there are, by folder: chapters; what is one click deeper; tutorials.
KINDS = {"notebooks": "chapter", "deeper": "deeper", "tutorials": "tutorial"}


def kind_of(path: Path) -> str:
    """Return what kind of page a notebook is, by the folder that it lies in."""
    return KINDS[path.parent.name]


def page_problems(notebook: NotebookNode, kind: str = "chapter") -> list[str]:
    """The page opens, proceeds and ends as every page of its kind does."""
    problems = []
    first = notebook.cells[0]
    found = headings(notebook)
    if [index for index, level, _ in found if level == 1] != [0] or first.cell_type != "markdown":
        problems.append("there must be one h1, in the first cell")
    for opening in ("**Question.**", "**Answer.**"):
        if opening not in first.source:
            problems.append(f"the first cell lacks {opening}")
    for item in ("What you will be able to do", "What you need"):
        # Alone or at the start of a list item, in bold, as a heading or as a directive's title.
        if not re.search(rf"(?m)^\W*(?:\w+\}} *)?{item}\b", first.source):
            problems.append(f"the first cell lacks the item {item}")
    problems += time_problems(notebook)
    problems += box_problems(markdown(notebook), kind)
    sections = [(index, title) for index, level, title in found if level == 2]
    if not sections or sections[-1][1] != "What comes next":
        problems.append("the last section must be What comes next")
    else:
        last = markdown(new_notebook(cells=notebook.cells[sections[-1][0] :]))
        onward = {"chapter": "](../book/exercises/"}.get(kind, "](../0")
        if onward not in last:
            where = "the chapter's exercises" if kind == "chapter" else "a chapter"
            problems.append(f"the last section must link to {where}")
    if kind == "tutorial" and not any(title == "Verdicts" for _, title in sections):
        problems.append("a tutorial's page must have the section Verdicts")
    bounds = [index for index, _ in sections] + [len(notebook.cells)]
    for (start, title), end in zip(sections, bounds[1:], strict=True):
        section = new_notebook(cells=notebook.cells[start:end])
        # A drawing that explains but measures nothing is tagged "illustration".
        experiment = any(
            "figure" in cell.metadata.get("mystnb", {}) and "illustration" not in tags(cell)
            for _, cell in code_cells(section)
        )
        asked = directive_titles(markdown(section), "admonition", "Predict")
        if experiment and kind == "chapter" and not asked:
            problems.append(f"nothing to predict in the section {title}")
    for index, cell in enumerate(notebook.cells):
        if re.search(r"\b(TODO|FIXME)\b", cell.source):
            problems.append(f"cell {index}: unfinished (TODO, FIXME)")
    return problems


#: Who reads prose alone reads so many words a minute. Code, figures and predictions take longer:
#: a page takes between two and six times as long.
WORDS_A_MINUTE = 230


def time_problems(notebook: NotebookNode) -> list[str]:
    """The page says how long it takes, and that is no wish."""
    minutes = minutes_of(notebook)
    if minutes is None:
        return ["the first cell must say **Time.** and a number of minutes"]
    prose = sizes(notebook)["words"] / WORDS_A_MINUTE
    if not 2 * prose <= minutes <= 6 * prose:
        return [f"it says that it takes {minutes} min; its prose alone takes {prose:.1f}"]
    return []


def box_problems(text: str, kind: str) -> list[str]:
    """A page asks its reader to predict, to judge and to check what was understood."""
    problems = []
    predictions = {"chapter": 3}.get(kind, 1)
    if len(directive_titles(text, "admonition", "Predict")) < predictions:
        problems.append(f"fewer than {predictions} boxes ask to predict")
    if kind == "chapter" and not directive_titles(text, "admonition", "On trial"):
        problems.append("no claim is on trial")
    fewest = {"chapter": 3}.get(kind, 1)
    if not fewest <= len(directive_titles(text, "dropdown", "Check yourself")) <= 5:
        problems.append(f"there must be {fewest} to 5 questions to check oneself")
    return problems


#: What a chapter may hold, so that it is read in one sitting. Figures stand still, explorers move.
BUDGET = {"words": 3000, "figures": 7, "explorers": 3, "quoted numbers": 45, "lines of code": 350}

#: What a page that is looked up, rather than read in one sitting, may hold; words are free.
BUDGET_OF_OTHERS = {"figures": 7, "explorers": 3, "quoted numbers": 45, "lines of code": 350}

#: A cell whose code is folded, or hidden with its output, may have so many lines.
HIDDEN_LINES = 10


def lines_of(source: str) -> int:
    """Count the lines of a cell that are not blank."""
    return sum(bool(line.strip()) for line in source.splitlines())


def words_of(text: str) -> int:
    """Count the words that a reader of the page reads; a formula or a number is one."""
    plain = re.sub(r"(?s)\$\$.*?\$\$(?: *\([\w-]+\))?|\$[^$]+\$", " formula ", text)
    plain = re.sub(r"\{(?:holds|argued)\}`[^`]*`", " ", plain)  # a mark, no words
    plain = re.sub(r"\{(?:guess|choose)\}`([^|`]*)[^`]*`", r" \1 ", plain)  # its label is read
    plain = re.sub(r"\{[\w:-]+\}`([^`<]*)[^`]*`", " number ", plain)
    directives = r"^ *:{1,2}[\w-]+:.*$|^ *(?:`{3,}|:{3,}) *(?:\{[\w:-]+\})?|^\(.*\)=$"
    plain = re.sub(rf"(?m){directives}", " ", plain)
    plain = re.sub(r"\]\([^)]*\)", "] ", plain)
    return len(re.findall(r"[^\W_]+(?:['’.,-][^\W_]+)*", plain))


def sizes(notebook: NotebookNode) -> dict[str, int]:
    """Return how much of each thing a reader finds on the page."""
    text = markdown(notebook)
    told = "\n".join([text, *captions(notebook)])
    pasted = re.findall(r"\{glue(?::\w*)?\}`([^`]+)`", told)
    moving = len(re.findall(r"(?m)^ *(?:`{3,}|:{3,})\{interactive-figure\}", text))
    return {
        "words": words_of(told),
        "figures": len(figure_names(notebook)),
        "explorers": moving,
        "quoted numbers": len({re.sub(r"(?<!:):[^:]+$", "", name) for name in pasted}),
        "lines of code": sum(lines_of(cell.source) for _, cell in code_cells(notebook)),
    }


def one_sitting_problems(notebook: NotebookNode, kind: str = "chapter") -> list[str]:
    """The page is no longer than one of its kind may be, hides no long code, and keeps to itself.

    The tutorials that the course reproduces have pages of their own.
    """
    budget = BUDGET if kind == "chapter" else BUDGET_OF_OTHERS
    held = sizes(notebook)
    problems = [
        f"{held[thing]} {thing}, but at most {most} may be"
        for thing, most in budget.items()
        if held[thing] > most
    ]
    for index, cell in code_cells(notebook):
        hidden = {"hide-input", "hide-cell"} & set(tags(cell))
        if hidden and lines_of(cell.source) > HIDDEN_LINES:
            problems.append(f"cell {index}: hides {lines_of(cell.source)} lines of code")
    if kind != "tutorial":
        problems += [
            f"cell {index}: names a tutorial by its number"
            for index, cell in enumerate(notebook.cells)
            if re.search(r"(?i)\btutorials? 00\d\b", cell.source)
        ]
    return problems


def published(toc: Path) -> set[str]:
    """Return the names of the notebooks that a table of contents lists, with their folders."""
    return set(re.findall(r"(?m)^\s*- file: notebooks/(\S+)\s*$", toc.read_text(encoding="utf-8")))


def name_of(path: Path) -> str:
    """Return the name of a notebook with its folder, as a table of contents lists it."""
    folders = path.parts[path.parts.index("notebooks") + 1 : -1]
    return "/".join([*folders, path.stem])


def draft_problems(name: str, notebook: NotebookNode, listed: Collection[str]) -> list[str]:
    """A page is either published or a draft; `listed` names the published ones."""
    if is_draft(notebook) and name in listed:
        return [f"{name} is a draft: take **Draft.** out of its first cell, or it out of _toc.yml"]
    if not is_draft(notebook) and name not in listed:
        return [f"{name} is not in _toc.yml: list it there, or put **Draft.** below its title"]
    return []


def contract_problems(
    notebook: NotebookNode, elsewhere: Collection[str] = (), kind: str = "chapter"
) -> list[str]:
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
        *framework_problems(notebook),
        *([] if is_draft(notebook) else page_problems(notebook, kind)),
    ]
