"""What the site offers to take away works without the course's folder."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email import message_from_bytes
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from store_notebooks import run_in_kernel, uses_frameworks
from test_requirements import distribution, imported

from mbgd_lib import __version__
from replications import notebooks
from tools import take_away

SITE = notebooks.ROOT / "_build" / "html"
PAGES = [*notebooks.published(), *take_away.EXERCISES.glob("*_exercises.ipynb")]
WHEEL = "mbgd_lib-0.1.0+12345678-py3-none-any.whl"


@pytest.fixture(scope="module")
def offered() -> Path:
    """Return the folder of the site that holds all of it."""
    folder = SITE / take_away.DOWNLOADS
    if not folder.is_dir():
        pytest.fail(f"there is no {folder}: run make site", pytrace=False)
    return folder


@pytest.fixture(scope="module")
def wheel(offered) -> Path:
    (path,) = offered.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def library(wheel, tmp_path_factory) -> Path:
    """Return a folder with the library as the site offers it, unpacked."""
    folder = tmp_path_factory.mktemp("library")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def text_of(notebook: nbformat.NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_every_notebook_is_there_and_names_the_library_that_lies_beside_it(offered, wheel):
    assert {path.name for path in offered.glob("*.ipynb")} == {path.name for path in PAGES}
    for path in PAGES:
        first, *_ = notebooks.read(offered / path.name).cells
        assert f'pip install "./{wheel.name}[notebooks]"' in first.source


def test_a_chapter_runs_with_the_offered_library_alone(offered, library, tmp_path, monkeypatch):
    """This one loads a measurement, which only the course's folder used to hold."""
    monkeypatch.setenv("PYTHONPATH", str(library))
    notebook = notebooks.read(offered / "05_kramers.ipynb")
    where = "import mbgd_lib; print(mbgd_lib.__file__)"
    notebook.cells.append(nbformat.v4.new_code_cell(where))
    done = run_in_kernel(notebook, tmp_path / "notebook.ipynb")
    assert done.cells[-1].outputs[0].text.startswith(str(library))


def test_an_exercise_notebook_runs_up_to_its_first_answer(offered, library, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(library))
    notebook = notebooks.read(offered / "02_mini_batching_exercises.ipynb")
    is_answer = [cell.metadata.get("nbgrader", {}).get("solution") for cell in notebook.cells]
    notebook.cells = notebook.cells[: is_answer.index(True)]
    assert notebook.cells[-2].cell_type == "code"
    run_in_kernel(notebook, tmp_path / "notebook.ipynb")


@pytest.mark.parametrize("path", PAGES, ids=[path.stem for path in PAGES])
def test_the_line_installs_what_a_notebook_imports(path, library):
    (metadata,) = library.glob("*.dist-info/METADATA")
    needs = message_from_bytes(metadata.read_bytes()).get_all("Requires-Dist")
    brought = {name for need in needs for name in of_notebooks(Requirement(need))}
    notebook = notebooks.read(path)
    if uses_frameworks(notebook):
        brought |= {Requirement(line).name for line in take_away.frameworks()}
    used = {name for code in notebooks.code_of(notebook) for name in imported(code)}
    first = {name.partition(".")[0] for name in used} - sys.stdlib_module_names - {"mbgd_lib"}
    names = {name for name in first if distribution(name) not in brought}
    assert not names


def of_notebooks(need: Requirement) -> list[str]:
    """Return the package's name if the library needs it, alone or to run notebooks."""
    groups = ("", "notebooks", "plots", "report", "data", "progress")
    wanted = not need.marker or any(need.marker.evaluate({"extra": group}) for group in groups)
    return [need.name] if wanted else []


def test_the_library_holds_the_measurements_and_says_what_it_is(library, wheel):
    stored = {path.name for path in (library / "mbgd_lib" / "sweeps").iterdir()}
    assert stored == {path.name for path in (notebooks.ROOT / "sweeps").glob("*.json")}
    assert re.fullmatch(rf"mbgd_lib-{re.escape(__version__)}\+[0-9a-f]{{8}}-.*", wheel.name)


def test_another_library_has_another_name(tmp_path):
    take_away.stage_library(tmp_path)
    before = take_away.fingerprint(tmp_path)
    (tmp_path / "mbgd_lib" / "sweeps" / "escape.json").write_text("{}")
    assert take_away.fingerprint(tmp_path) != before


# --- where the site's address is known ---


def test_with_an_address_the_line_needs_no_file():
    cell = take_away.first_cell(nbformat.v4.new_notebook(), WHEEL, "https://example.org/course/")
    [line] = re.findall(r"(?m)^python -m pip install (.*)$", cell.source)
    requirement = Requirement(line.strip('"'))
    assert requirement.url == f"https://example.org/course/run/{WHEEL.replace('+', '%2B')}"
    assert requirement.extras == {"notebooks"}
    assert "beside" not in cell.source


@pytest.mark.parametrize(
    ("site", "led"),
    [
        ("", "See chapter 3, [a book](https://example.org/a), ![a picture](b.png), set 2."),
        (
            "https://x.org/",
            "See [chapter 3](https://x.org/notebooks/03_a.html#why), "
            "[a book](https://example.org/a), ![a picture](b.png), "
            "[set 2](https://x.org/book/exercises/02_b.html).",
        ),
    ],
)
def test_links_lead_to_the_site_or_nowhere(site, led):
    text = (
        "See [chapter 3](../03_a.ipynb#why), [a book](https://example.org/a), "
        "![a picture](b.png), [set 2](../../practice/02_b.ipynb)."
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    take_away.point_to_site(notebook, Path("notebooks/deeper"), site)
    assert notebook.cells[0].source == led


def test_no_copy_leads_where_nothing_lies(offered):
    for path in offered.glob("*.ipynb"):
        links = take_away.LINK.findall(re.sub(r"(?s)`[^`]*`", "", text_of(notebooks.read(path))))
        assert not links, f"{path.name}: {links}"


# --- the course ---


def test_the_zip_holds_the_course(offered):
    with zipfile.ZipFile(offered / f"{take_away.COURSE}.zip") as archive:
        found = set(archive.namelist())
    tracked = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "-z", "HEAD"],
        cwd=notebooks.ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    assert {f"{take_away.COURSE}/{name}" for name in tracked if name} <= found


def test_outside_a_repository_there_is_no_zip_and_a_line_says_why(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(take_away, "ROOT", tmp_path)
    assert take_away.main() == 1
    assert "no Git repository" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
