"""The built site: practice pages with solutions behind a click, and the student's notebook."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from exercise_lines import known_set

from grading.authoring.notebooks import student_notebook
from grading.authoring.sets import set_names
from grading.marking.sandbox import Limits

PAGES = Path(__file__).parents[1] / "_build" / "html" / "book" / "exercises"
DROPDOWNS = "details.sd-dropdown"


@pytest.fixture(params=set_names())
def name(request) -> str:
    if not (PAGES / f"{request.param}.html").is_file():
        pytest.fail(f"there are no exercises in {PAGES}: run make site", pytrace=False)
    return request.param


@pytest.fixture
def page(name) -> BeautifulSoup:
    return BeautifulSoup((PAGES / f"{name}.html").read_text("utf-8"), "html.parser")


def test_the_notebook_to_download_is_the_students(name, page):
    [link] = page.select('article a[href$="_exercises.ipynb"]')
    downloaded = nbformat.read((PAGES / str(link["href"])).resolve(), 4)
    assert downloaded.cells.pop(0)["id"] == "how-to-run"
    students = nbformat.reads(student_notebook(known_set(name), Limits().cell_seconds), 4)
    assert downloaded == students


def test_solutions_are_closed_until_they_are_clicked(name, page):
    assert not page.select(f"{DROPDOWNS}[open]")
    exercises = known_set(name).exercises
    titles = [tag.get_text(strip=True) for tag in page.select(f"{DROPDOWNS} > summary")]
    assert len([title for title in titles if title.startswith("Check your")]) == len(exercises)
    solutions = [title for title in titles if title.startswith("Solution")]
    assert len(solutions) in (0, len(exercises))  # none with SOLUTIONS=no
