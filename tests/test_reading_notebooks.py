"""The copies that `make lab` opens read as the site does, run, and are never lost."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
import pytest
from chapter_numbers import pasted
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from replications import notebooks
from tools.reading_notebooks import (
    Course,
    Page,
    boxes,
    figures_in,
    is_as_made,
    names_of,
    read_course,
    reading_copy,
    write_copies,
)

PATHS = notebooks.published()
BIBLIOGRAPHY = notebooks.ROOT / "book" / "references.bib"
each_notebook = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


@pytest.fixture(scope="module")
def course() -> Course:
    return read_course(PATHS, BIBLIOGRAPHY)


def text_of(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@each_notebook
def test_nothing_of_the_sites_own_language_is_left(path, course):
    text = text_of(reading_copy(path, course))
    prose = re.sub(r"(?s)```.*?```|`[^`]*`", "", text)
    assert re.findall(r"\{[\w:-]+\}(?=`)|^:{3,}.*$|^:[\w-]+:.*$|^\([\w-]+\)=$", text, re.M) == []
    assert "{glue" not in prose


@each_notebook
def test_every_quoted_number_is_written_in(path, course):
    quoted = re.findall(r"\{glue:text\}`([\w-]+)`", notebooks.markdown_of(path))
    text = text_of(reading_copy(path, course))
    printed = notebooks.numbers_of(notebooks.read(path))
    assert quoted
    assert [name for name in quoted if printed[name] not in text] == []


@each_notebook
def test_code_and_outputs_are_those_of_the_course(path, course):
    copy, original = reading_copy(path, course), notebooks.read(path)
    nbformat.validate(copy)
    assert notebooks.code_of(copy) == notebooks.code_of(original)
    assert notebooks.numbers_of(copy) == notebooks.numbers_of(original)


# --- small cases ---


@pytest.fixture
def small(tmp_path, monkeypatch) -> Path:
    """One notebook in place of the course's."""
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    figure = new_code_cell("2", metadata={"tags": ["hide-input"]})
    figure.metadata["mystnb"] = {"figure": {"name": "fig-a", "caption": "It is {glue:text}`n`."}}
    number = new_code_cell("1", outputs=[pasted("n", "3.5")], metadata={"tags": ["hide-cell"]})
    text = """# One

$$ a = b $$ (eq-a)

See {numref}`fig-a` and {eq}`eq-a`: {glue:text}`n`, {glue:text}`../notebooks/01_one.ipynb::n:s`.
{holds}`n > 3` {holds}`n > 4` {argued}`by algebra`"""
    path = tmp_path / "notebooks" / "01_one.ipynb"
    path.parent.mkdir()
    (tmp_path / "book").mkdir()
    entry = "@book{key, author={Ann One and Bob {Two}}, title={T}, year={2001}}"
    (tmp_path / "book" / "references.bib").write_text(entry)
    nbformat.write(new_notebook(cells=[new_markdown_cell(text), number, figure]), path)
    return path


def test_a_small_page(small, tmp_path):
    copy = reading_copy(small, read_course([small], tmp_path / "book" / "references.bib"))
    text, number, figure, caption = copy.cells
    assert text.source == (
        "# One\n\n$$ a = b \\tag{1.1}$$\n\nSee Fig. 1.1 and (1.1): 3.5, 3.5.\n✓  "
    )
    assert number.metadata.jupyter == {"source_hidden": True, "outputs_hidden": True}
    assert figure.metadata.jupyter == {"source_hidden": True}
    assert caption.source == "**Fig. 1.1.** It is 3.5."


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("{cite:t}`key` and {cite}`key`", "One and Two (2001) and (One and Two, 2001)"),
        ("(sec-a)=\n## A", '<a id="sec-a"></a>\n## A'),
        (
            "[set](../book/exercises/01_one.md)",
            "[set](../practice/01_one.ipynb)",
        ),
        ("{guess}`Steps | n | epochs`", "Your guess. Steps: …"),
        ("{choose}`Which? | a: n > 3 | b: n < 3 | c`", "Your choice. Which?: a, or b, or c?"),
    ],
)
def test_roles_and_links(small, tmp_path, text, plain):
    course = read_course([small], tmp_path / "book" / "references.bib")
    assert Page(small, course).plain(text) == plain


@pytest.mark.parametrize(
    ("text", "message"),
    [("{doc}`a`", "cannot show the role {doc}"), ("{eq}`eq-b`", "no figure or formula eq-b")],
)
def test_what_a_copy_cannot_show_is_an_error(small, tmp_path, text, message):
    course = read_course([small], tmp_path / "book" / "references.bib")
    with pytest.raises(ValueError, match=message):
        Page(small, course).plain(text)


def test_boxes_within_boxes():
    text = """Before.
::::{admonition} Predict
:class: predict
How many?
:::{dropdown} A hint
Two.
:::
::::
After."""
    assert boxes(text.splitlines()) == [
        "Before.",
        "",
        "> **Predict**",
        ">",
        "> How many?",
        "> ",
        "> <details><summary>A hint</summary>",
        "> ",
        "> Two.",
        "> ",
        "> </details>",
        "",
        "After.",
    ]


def test_many_authors_are_shortened():
    assert names_of(["A", "B", "C"]) == "A et al."


# --- copies of a reader ---


def test_a_changed_copy_is_never_written_over(small, tmp_path):
    folder = tmp_path / "reading"
    assert write_copies(folder) == []
    copy = folder / "01_one.ipynb"
    made = copy.read_bytes()
    assert is_as_made(copy)
    assert write_copies(folder) == []
    assert copy.read_bytes() == made
    changed = json.loads(made)
    changed["cells"][1]["source"] = ["1 + 1"]
    copy.write_text(json.dumps(changed))
    assert write_copies(folder) == [copy]
    assert json.loads(copy.read_text()) == changed


def test_a_copy_that_was_only_run_is_renewed(small, tmp_path):
    folder = tmp_path / "reading"
    write_copies(folder)
    copy = folder / "01_one.ipynb"
    run = json.loads(copy.read_bytes())
    run["cells"][1]["execution_count"] = 7
    copy.write_text(json.dumps(run))
    assert write_copies(folder) == []
    assert json.loads(copy.read_text())["cells"][1]["execution_count"] is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"nbformat": 4}', b"my notes"])
def test_what_is_no_copy_is_left_alone(small, tmp_path, content):
    copy = tmp_path / "reading" / "01_one.ipynb"
    copy.parent.mkdir()
    copy.write_bytes(content)
    assert write_copies(tmp_path / "reading") == [copy]
    assert copy.read_bytes() == content


# --- in JupyterLab ---

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # render what is out of sight, too
    "apputils-extension/notification": {"fetchNews": "false"},  # ask no other host
}


@contextmanager
def jupyterlab(folder: Path, home: Path) -> Iterator[str]:
    """Run JupyterLab on a folder, with nobody's settings, and give its address."""
    for name, settings in SETTINGS.items():
        file = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(settings))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"JUPYTER_CONFIG_DIR": home, "JUPYTERLAB_SETTINGS_DIR": home / "settings"}
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token="]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", *options, f"--notebook-dir={folder}"],
        env=os.environ | {name: str(place) for name, place in places.items()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(120):
            time.sleep(0.25)
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # with its kernel; it would ask, or wait
        server.wait()


def test_a_chapter_opens_in_jupyterlab_as_prose(browser, tmp_path):
    folder = tmp_path / "reading"
    write_copies(folder)
    path = notebooks.NOTEBOOKS / "01_gradient_descent_basics.ipynb"
    figures = len(figures_in(notebooks.read(path)))
    moving = sum(c.source.count("{interactive-figure}") for c in notebooks.read(path).cells)
    with jupyterlab(folder, tmp_path / "home") as address:
        page = browser.new_page()
        page.goto(f"{address}lab/tree/{path.name}")
        page.get_by_role("heading", name="What comes next").wait_for(timeout=60_000)
        text = "\n".join(page.locator(".jp-Notebook .jp-MarkdownOutput").all_inner_texts())
        assert re.findall(r"\{[\w:-]+\}|:{3,}|\]\(\S+\)", text) == []
        assert page.locator(".jp-Notebook blockquote").count() >= 3
        assert page.locator(".jp-Notebook details").count() >= 3
        assert page.locator(".jp-Notebook mjx-container").count() > 20
        assert page.locator(".jp-Notebook .jp-RenderedImage img").count() == figures - moving
        assert len(re.findall(r"(?m)^Fig\. 1\.\d\. ", text)) == figures
        page.close()
