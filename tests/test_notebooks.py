"""Each stored notebook keeps the course's page contract, and running it gives what is stored.

nbval finds nothing that these tests do not (tests/test_notebook_checks.py), and passes over cells
that were stored unrun, figures (changed or missing), the names of quoted numbers, the order of a
cell's outputs and whatever a tag tells it to skip. CI runs it too.
"""

import time
from collections import Counter
from pathlib import Path

import pytest
import store_notebooks
from page_contract import (
    ROOT,
    contract_problems,
    draft_problems,
    figure_names,
    kind_of,
    name_of,
    one_sitting_problems,
    published,
    quoted_elsewhere,
)

NOTEBOOKS = store_notebooks.course_notebooks()
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.name for path in NOTEBOOKS])


def test_there_are_notebooks():
    assert NOTEBOOKS, f"no notebooks in {store_notebooks.NOTEBOOKS}"


@each_notebook
def test_keeps_the_contract(path: Path):
    problems = contract_problems(store_notebooks.read(path), quoted_elsewhere(path), kind_of(path))
    assert not problems, "\n".join(problems)


@each_notebook
def test_is_read_in_one_sitting(path: Path):
    problems = one_sitting_problems(store_notebooks.read(path), kind_of(path))
    assert not problems, "\n".join(problems)


@each_notebook
def test_is_published_or_a_draft(path: Path):
    notebook = store_notebooks.read(path)
    assert draft_problems(name_of(path), notebook, published(ROOT / "_toc.yml")) == []


@each_notebook
def test_is_stored_in_the_one_format(path: Path):
    normal = store_notebooks.as_text(store_notebooks.normalise(store_notebooks.read(path)))
    assert path.read_text(encoding="utf-8") == normal, "store it with make notebooks"


def test_figure_names_are_unique():
    names = Counter(name for path in NOTEBOOKS for name in figure_names(store_notebooks.read(path)))
    assert [name for name, times in names.items() if times > 1] == []


def problems_of_running(path: Path, *, whole: bool) -> list[str]:
    """Run a notebook and return where it no longer gives what is stored."""
    stored = store_notebooks.read(path)
    start = time.perf_counter()
    fresh = store_notebooks.execute(path, whole=whole)
    print(f"{path.name} ran for {time.perf_counter() - start:.1f} s")
    return store_notebooks.compare_notebooks(stored, fresh)


@each_notebook
def test_running_it_gives_what_is_stored(path: Path):
    """Without the frameworks, cells that need them are left to tests/frameworks."""
    problems = problems_of_running(path, whole=False)
    assert not problems, "\n".join(problems)
