"""`make site` must fail on what would mislead a reader. A small book is built with our settings."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[1]

ADDRESS, SOURCE = "https://site.example/book/", "https://github.com/group/course"
TOC = "format: jb-book\nroot: book/index\nchapters:\n- file: book/other\n- file: notebooks/one\n"
REFERENCES = "@book{known, author={A. Author}, title={Title}, year={2000}, publisher={P}}\n"
INDEX = """\
# First page

A sentence with $x^2$, {cite}`known`, {eq}`eq-known` and {numref}`fig-known`.
Pasted: {glue:text}`../notebooks/one.ipynb::known:s`.

```{notebook-figure} ../notebooks/one.ipynb fig-known
The chapter's **figure**.
```

```{interactive-figure} scaled-bowl
:name: fig-moves
A figure that moves.
```

[Other](other.md), [its part](#a-part).
"""
OTHER = "# Other page\n\n(a-part)=\n## A part\n\n$$ x $$ (eq-known)\n\n```{bibliography}\n```\n"

FAULTS = {
    "{eq}`eq-missing`": "eq-missing",
    "{ref}`label-missing`": "label-missing",
    "{numref}`fig-missing`": "fig-missing",
    "{cite}`key-missing`": "key-missing",
    "[text](missing.md)": "missing.md",
    "[text](#place-missing)": "place-missing",
    "{doc}`page-missing`": "page-missing",
    "{glue:text}`../notebooks/one.ipynb::value-missing:s`": "value-missing",
    "{rolemissing}`x`": "rolemissing",
    "{replicated}`gone`": "{replicated} counts",
    "```{notebook-figure} ../notebooks/one.ipynb fig-gone\nA caption.\n```": "fig-gone",
    "```{notebook-figure} ../notebooks/gone.ipynb fig-known\nA caption.\n```": "gone.ipynb",
    r"$\brokenformula{$": "a formula that KaTeX cannot read",
    "```{interactive-figure} gone\n:name: a\n:data: x.json\nA caption.\n```": (
        "no interactive figure gone"
    ),
    "```{interactive-figure} time-to-target\n:data: x.json\nA caption.\n```": "a line :name:",
    "```{interactive-figure} time-to-target\n:name: b\nA caption.\n```": "a line :data:",
    "```{interactive-figure} time-to-target\n:name: c\n:data: x.json\n```": "needs a caption",
    "```{interactive-figure} time-to-target\n:name: d\n:data: no.json\nA caption.\n```": (
        "there is no file no.json"
    ),
    "```{interactive-figure} time-to-target\n:name: e\n:data: references.bib\nA.\n```": (
        "references.bib is not for time-to-target"
    ),
}


DOCSTRINGS = '''\
"""Names: `Known`, `known`, `sibling_missing`."""

class Known:
    """Takes `arg`, `x`, `ORDERS`; not `arg_missing`.

    Parameters
    ----------
    arg : Known or Axes or {"a", "b"}

    Raises
    ------
    ErrorMissing
        At times.
    """

    def __init__(self, arg): ...

def known(count):
    """Return `Known`.

    Parameters
    ----------
    count : TypeMissing

    Returns
    -------
    ValueError
    """

ORDERS = ("a", "b")
'''
MISSING = ("sibling_missing", "arg_missing", "ErrorMissing", "TypeMissing")


def output(mime: str, content: str, **metadata: object):
    return nbformat.v4.new_output("display_data", data={mime: content}, metadata=metadata)


def notebook(value: str = "forty-two"):
    """A notebook that stores one value under the name `known` and one figure."""
    pasted = {"scrapbook": {"name": "known", "mime_prefix": "application/papermill.record/"}}
    stored = output("application/papermill.record/text/plain", repr(value), **pasted)
    figure = {"figure": {"caption": "A caption.", "name": "fig-known"}, "image": {"alt": "A dot"}}
    cells = [
        nbformat.v4.new_markdown_cell("# One"),
        nbformat.v4.new_code_cell("glue()", outputs=[stored], execution_count=1),
        nbformat.v4.new_code_cell(
            "plot()",
            outputs=[output("image/png", PIXEL)],
            execution_count=2,
            metadata={"mystnb": figure},
        ),
    ]
    language = {"name": "python", "pygments_lexer": "ipython3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"language_info": language})


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def copy_settings(folder: Path) -> None:
    """Give a small book the course's settings, extensions and styles, and addresses.

    Not the downloads, which are the course's own: tests/test_take_away.py.
    """
    settings = (ROOT / "_config.yml").read_text("utf-8")
    settings = re.sub(r"(?m)^ .*\bdownloads\b.*\n", "", settings)
    settings = settings.replace('baseurl: ""', f"baseurl: {ADDRESS}")
    (folder / "_config.yml").write_text(settings.replace('url: ""', f"url: {SOURCE}"), "utf-8")
    for name in ("_ext", "_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    (folder / "benchmarks").mkdir()
    for name in ("results.json", "accelerator.json"):
        shutil.copy(ROOT / "benchmarks" / name, folder / "benchmarks")
    (folder / "replications").mkdir()
    for module in (ROOT / "replications").glob("*.py"):
        shutil.copy(module, folder / "replications")


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book of three pages with the course's settings, extension and style, built once."""
    folder = tmp_path_factory.mktemp("Bücher") / "ein Buch"
    folder.mkdir()
    # Node.js takes the type of a script from a file above it, which may be another project's.
    (folder.parent / "package.json").write_text('{"type": "commonjs"}')
    copy_settings(folder)
    (folder / "notebooks").mkdir()
    (folder / "_toc.yml").write_text(TOC)
    (folder / "book" / "references.bib").write_text(REFERENCES)
    (folder / "book" / "index.md").write_text(INDEX)
    (folder / "book" / "other.md").write_text(OTHER)
    nbformat.write(notebook(), folder / "notebooks" / "one.ipynb")
    result = build(folder)
    assert result.returncode == 0, result.stderr
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build as the Makefile does, with its own words.

    Without the grammars of URLs: to compile them takes as long as to build the book.
    """
    (folder / "without").mkdir(exist_ok=True)
    (folder / "without" / "rfc3987_syntax.py").write_text("raise ImportError")
    command = re.search(r"\S*jupyter-book build .*", (ROOT / "Makefile").read_text())[0]
    return subprocess.run(
        ["/bin/sh", "-c", command.replace(".venv", str(ROOT / ".venv"))],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder / "without")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def page(book: Path, name: str) -> str:
    return (book / "_build" / "html" / f"{name}.html").read_text("utf-8")


def test_next_build_follows_a_notebook_and_drops_a_deleted_page(book):
    """The page is not touched; only the notebook that it quotes is."""
    gone = book / "_build" / "html" / "book" / "gone.html"
    gone.write_text("old")
    assert 'Pasted: <span class="pasted-text">forty-two</span>' in page(book, "book/index")
    nbformat.write(notebook("forty-three"), book / "notebooks" / "one.ipynb")
    assert build(book).returncode == 0
    assert "forty-three" in page(book, "book/index")
    assert not gone.exists()
    assert page(book, "book/other")


def test_figure_of_a_notebook_is_shown_with_its_own_alt_text(book):
    figure = BeautifulSoup(page(book, "book/index"), "html.parser").select_one("figure")
    assert figure.img["alt"] == "A dot"
    shown = (book / "_build" / "html" / "book" / figure.img["src"]).read_bytes()
    assert shown == base64.b64decode(PIXEL)
    assert figure.select_one("figcaption strong").text == "figure"


def test_a_figure_that_moves_is_drawn_below_another_projects_folder(book):
    index = BeautifulSoup(page(book, "book/index"), "html.parser")
    assert index.select_one("figure .interactive svg")


def test_entrance_leads_to_the_first_page(book):
    entrance = page(book, "index")
    assert 'lang="en"' in entrance
    assert "url=book/index.html" in entrance


def test_pages_name_their_address_and_lead_to_their_source(book):
    other = BeautifulSoup(page(book, "book/other"), "html.parser")
    whole = f"{ADDRESS}book/other.html"
    assert [link["href"] for link in other.select('link[rel="canonical"]')] == [whole]
    card = {tag["property"]: tag["content"] for tag in other.select('meta[property^="og:"]')}
    assert (card["og:title"], card["og:url"]) == ("Other page", whole)
    picture = card["og:image"].removeprefix(ADDRESS)
    assert (book / "_build" / "html" / picture).is_file()
    sources = {link["href"] for link in other.select(f'a[href^="{SOURCE}"]')}
    assert sources == {SOURCE, f"{SOURCE}/edit/main/book/other.md"}


def test_a_lost_reader_is_led_back_from_any_depth(book):
    links = BeautifulSoup(page(book, "404"), "html.parser").select("[href], [src]")
    assert [link.get("href") for link in links] == ["data:,", f"{ADDRESS}book/index.html"]


def test_every_fault_is_reported_and_fails_the_build(book):
    other = book / "book" / "other.md"
    other.write_text(OTHER + "\n\n".join(["", *FAULTS]))
    result = build(book)
    other.write_text(OTHER)
    assert result.returncode != 0
    warnings = " ".join(
        line for line in result.stderr.splitlines() if re.search("WARNING|ERROR", line)
    )
    assert [fault for fault, named in FAULTS.items() if named not in warnings] == []


@pytest.fixture
def reference(book):
    """A function that builds a page of a module's docstrings."""
    other = book / "book" / "other.md"

    def reference(module: str) -> subprocess.CompletedProcess[str]:
        (book / "book" / "_ext" / "described.py").write_text(module)
        return build(book)

    other.write_text(OTHER + "\n```{eval-rst}\n.. automodule:: described\n```\n")
    yield reference
    other.write_text(OTHER)


def test_a_name_that_a_docstring_gets_wrong_fails_the_build(reference):
    result = reference(DOCSTRINGS)
    assert result.returncode != 0
    targets = re.findall(r"reference target not found: (\w+)", result.stderr)
    assert sorted(targets) == sorted(MISSING)


def test_a_changed_docstring_is_shown_by_the_next_build(book, reference):
    right = DOCSTRINGS
    for name in MISSING:
        right = right.replace(name, "Known")
    assert reference(right).returncode == 0
    assert reference(right.replace("At times.", "Every Monday.")).returncode == 0
    assert "Every Monday." in page(book, "book/other")
