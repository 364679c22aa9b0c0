"""Make what the site offers to take away: notebooks that run anywhere, the library, the course.

    python -m tools.take_away    # the course alone, as a zip

A copy of a notebook needs nothing of the course's folder. Its first cell says which line installs
the library; that brings along the measurements which the notebooks load.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode
from packaging.requirements import Requirement

from grading.authoring.pages import DOWNLOADS, notebook_of
from grading.authoring.pages import FOLDER as EXERCISES
from mbgd_lib import __version__
from replications import notebooks
from tools import reading_notebooks
from tools.store_notebooks import uses_frameworks

ROOT = notebooks.ROOT
COURSE = "mini-batch-course"

#: What the library is made of, and the stored measurements, which its package can hold too.
SOURCES = ("mbgd_lib", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "LICENSE-data")
MEASUREMENTS = ("sweeps/*.json", "benchmarks/*.json")

#: What cells need of the peers; the others are for tests and benchmarks.
FRAMEWORKS = ("torch", "jax", "keras")

LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\((?!\w+:|#)([^()\s]+)\)")

HOW_TO_RUN = """\
**To run this notebook** you need Python 3.11 or newer.{from_file} Enter this line once:

```
python -m pip install {packages}
```

It installs the course's library, with the measurements that some notebooks load, and JupyterLab. \
In a notebook's cell, write `%pip` in place of `python -m pip`."""
FROM_FILE = """ Put the library's file `{wheel}`, which the course's page *How to use this \
course* offers, beside this notebook, and open a terminal there."""


# --- the library ---


def build_wheel(folder: Path) -> Path:
    """Build the library with the stored measurements inside, and return where the wheel is.

    Its version ends with a fingerprint of what it holds: pip would take another wheel of the same
    version for this one, and keep what is installed.
    """
    with tempfile.TemporaryDirectory() as made:
        source = Path(made)
        stage_library(source)
        module = source / "mbgd_lib" / "__init__.py"
        version = f'"{__version__}+{fingerprint(source)}"'
        module.write_text(module.read_text("utf-8").replace(f'"{__version__}"', version), "utf-8")
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
        offline = ["--no-deps", "--no-build-isolation", "--no-cache-dir"]
        subprocess.run([*pip, *offline, "--wheel-dir", folder, source], check=True)
    (wheel,) = folder.glob("mbgd_lib-*.whl")
    return wheel


def stage_library(folder: Path) -> None:
    """Copy what the wheel is made of into a folder."""
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache)
    for pattern in MEASUREMENTS:
        for path in ROOT.glob(pattern):
            target = folder / "mbgd_lib" / path.relative_to(ROOT)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)


def fingerprint(folder: Path) -> str:
    """Return eight letters that change with any file of a folder."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:8]


# --- notebooks ---


def write_notebooks(folder: Path, wheel: str, site: str) -> None:
    """Write a copy of every chapter and exercise set that runs without the course's folder.

    Parameters
    ----------
    folder : Path
    wheel : str
        The name of the library's file.
    site : str
        The site's whole address, or "" where it is not known.
    """
    paths = notebooks.published()
    course = reading_notebooks.read_course(paths, ROOT / "book" / "references.bib")
    made = [(path, reading_notebooks.reading_copy(path, course)) for path in paths]
    made += [(path, notebooks.read(path)) for path in EXERCISES.glob(notebook_of("*"))]
    for path, notebook in made:
        point_to_site(notebook, path.parent.relative_to(ROOT), site)
        notebook.cells.insert(0, first_cell(notebook, wheel, site))
        (folder / path.name).write_text(nbformat.writes(notebook) + "\n", "utf-8")


def first_cell(notebook: NotebookNode, wheel: str, site: str) -> NotebookNode:
    """Return what says how to run a notebook."""
    if site:
        library = f"mbgd_lib[notebooks] @ {posixpath.join(site, DOWNLOADS, quote(wheel))}"
    else:
        library = f"./{wheel}[notebooks]"
    packages = [f'"{library}"', *(frameworks() if uses_frameworks(notebook) else [])]
    from_file = "" if site else FROM_FILE.format(wheel=wheel)
    text = HOW_TO_RUN.format(from_file=from_file, packages=" ".join(packages))
    cell = nbformat.v4.new_markdown_cell(text)
    cell["id"] = "how-to-run"
    return cell


def frameworks() -> list[str]:
    """Return the frameworks that cells need, in the versions that the pages were made with."""
    lines = (ROOT / "requirements-frameworks.txt").read_text("utf-8").splitlines()
    pinned = (line.partition("#")[0].strip() for line in lines if re.match(r"\w", line))
    return [line for line in pinned if Requirement(line).name in FRAMEWORKS]


def point_to_site(notebook: NotebookNode, place: Path, site: str) -> None:
    """Lead to the site's pages, since a copy has no neighbours; without an address, nowhere."""

    def on_site(link: re.Match[str]) -> str:
        target, _, anchor = link[2].partition("#")
        page = posixpath.normpath(posixpath.join(place.as_posix(), target))
        page = re.sub(r"^practice/", "book/exercises/", re.sub(r"\.(ipynb|md)$", ".html", page))
        return f"[{link[1]}]({posixpath.join(site, page)}{'#' * bool(anchor)}{anchor})"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(on_site if site else r"\1", cell.source)
            cell.source = cell.source.replace(reading_notebooks.IN_LAB, "")


# --- the course ---


def pack_course(path: Path) -> bool:
    """Write the course as its last commit has it into a zip; False outside a Git repository."""
    if not (ROOT / ".git").exists():  # the folder may lie inside another repository
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    how = ["--format=zip", f"--prefix={COURSE}/", f"--output={path}", "HEAD"]
    return subprocess.run(["git", "archive", *how], cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Pack the course, and say where it is."""
    path = ROOT / "_build" / f"{COURSE}.zip"
    if not pack_course(path):
        print("a zip is made of the last commit: this folder is no Git repository", file=sys.stderr)
        return 1
    print(f"The course is packed: {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
