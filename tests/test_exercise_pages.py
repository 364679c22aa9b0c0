"""The built site: practice pages with solutions behind a click, and no hidden check anywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from exercise_lines import known_set, lines, private_lines, shown_lines
from sphinx.search.en import SearchEnglish

from grading.authoring.notebooks import student_notebook
from grading.authoring.sets import set_names
from grading.marking.sandbox import Limits

SITE = Path(__file__).parents[1] / "_build" / "html"
PAGES = SITE / "book" / "exercises"
TEXTS = {".html", ".md", ".ipynb", ".txt", ".js", ".json", ".py", ".xml", ".csv", ".toml"}
# A line of code that is a marker; that a page for lecturers names one in a sentence is no leak.
MARKER = re.compile(r'^[\s"]*#{2,3} *(BEGIN|END) (SOLUTION|HIDDEN)', re.MULTILINE)
LONG = 40  # letters: two authors may both have written a shorter line
DROPDOWNS = "details.sd-dropdown"


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    """Every file of the site that holds words, as a reader would see it."""
    paths = [path for path in SITE.rglob("*") if path.suffix in TEXTS and path.is_file()]
    if not (PAGES / f"{set_names()[0]}.html").is_file():
        pytest.fail(f"there are no exercises in {SITE}: run make site", pytrace=False)
    return {path: readable(path) for path in paths if "_static" not in path.parts}


def readable(path: Path) -> str:
    """A file's text: without tags, and of a notebook what its cells hold."""
    text = path.read_text("utf-8")
    if path.suffix == ".html":
        return BeautifulSoup(text, "html.parser").get_text()
    if path.suffix == ".ipynb":
        return "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    return text


def leaks(texts: dict[Path, str], secret: set[str]) -> list[str]:
    """Where a line that is private is shown."""
    return [
        f"{path.relative_to(SITE)}: {line}"
        for path, text in texts.items()
        for line in sorted(secret & lines(text))
    ]


def own(texts: dict[Path, str], name: str) -> dict[Path, str]:
    """The files that are made of one set: its page, the page's source, its notebook."""
    names = {f"{name}.html", f"{name}.md", f"{name}_exercises.ipynb"}
    found = {path: text for path, text in texts.items() if path.name in names}
    return {path: text for path, text in found.items() if "notebooks" not in path.parts}


@pytest.mark.parametrize("name", set_names())
def test_a_sets_own_files_hold_no_hidden_check_and_no_wrong_answer(name, texts):
    private = private_lines(known_set(name))
    files = own(texts, name)
    assert len(files) == 3
    found = leaks(files, private["hidden"] | private["wrong"])
    assert not found, "\n".join(found)


def test_no_other_file_holds_one_either(texts):
    found = leaks(texts, long_secrets())
    assert not found, "\n".join(found)


def long_secrets() -> set[str]:
    """Long lines of hidden checks that are part of nothing that is shown, in whichever set."""
    sets = [known_set(name) for name in set_names()]
    private = [private_lines(exercise_set) for exercise_set in sets]
    shown = set().union(*map(shown_lines, sets), *(kinds["solution"] for kinds in private))
    hidden = set().union(*(kinds["hidden"] for kinds in private)) - shown
    secrets = {line for line in hidden if len(line) >= LONG}
    assert len(secrets) > 100
    return secrets


def test_no_file_holds_a_marker(texts):
    found = [str(path.relative_to(SITE)) for path, text in texts.items() if MARKER.search(text)]
    assert not found


@pytest.mark.parametrize("name", set_names())
def test_a_notebook_to_download_holds_no_solution(name, texts):
    files = {path: text for path, text in own(texts, name).items() if path.suffix == ".ipynb"}
    private = private_lines(known_set(name))
    found = leaks(files, private["solution"] | private["explanation"])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", set_names())
def test_the_notebook_to_download_is_the_students(name, texts):
    page = BeautifulSoup((PAGES / f"{name}.html").read_text("utf-8"), "html.parser")
    [link] = page.select('a.download[href$=".ipynb"]')
    downloaded = (PAGES / str(link["href"])).resolve().read_text("utf-8")
    assert downloaded == student_notebook(known_set(name), Limits().cell_seconds)


def test_the_search_finds_no_word_of_hidden_checks_alone(texts):
    stem = SearchEnglish({}).stem
    shown = {stem(word) for path, text in texts.items() for word in words(text, path)}
    secret = {
        stem(word)
        for name in set_names()
        for exercise in known_set(name).exercises
        for check in exercise.checks
        if check.hidden
        for word in words(check.code)
    } - shown
    assert len(secret) > 20
    index = (SITE / "searchindex.js").read_text("utf-8")
    terms = json.loads(index[index.index("{") : index.rindex("}") + 1])
    found = secret & (set(terms["terms"]) | set(terms["titleterms"]))
    assert not found


def words(text: str, path: Path | None = None) -> set[str]:
    """Words as the search knows them; those of the index itself prove nothing."""
    if path is not None and path.name == "searchindex.js":
        return set()
    return set(re.findall(r"\w+", text.lower()))


@pytest.mark.parametrize("name", set_names())
def test_solutions_are_closed_until_they_are_clicked(name, texts):
    page = BeautifulSoup((PAGES / f"{name}.html").read_text("utf-8"), "html.parser")
    assert not page.select(f"{DROPDOWNS}[open]")
    exercises = known_set(name).exercises
    titles = [tag.get_text(strip=True) for tag in page.select(f"{DROPDOWNS} > summary")]
    assert len([title for title in titles if title.startswith("Check your")]) == len(exercises)
    solutions = [title for title in titles if title.startswith("Solution")]
    assert len(solutions) in (0, len(exercises))  # none with SOLUTIONS=no
    for tag in page.select(DROPDOWNS):
        tag.decompose()
    secret = private_lines(known_set(name))
    assert not (secret["solution"] | secret["explanation"]) & lines(page.get_text())


@pytest.mark.parametrize("name", set_names())
def test_a_page_without_solutions_leaves_none_in_its_source(name, texts):
    """The copy of the source that the site offers holds what the page shows, and no more."""
    source = texts[SITE / "_sources" / "book" / "exercises" / f"{name}.md"]
    shown = texts[PAGES / f"{name}.html"]
    solution = private_lines(known_set(name))["solution"]
    assert solution & lines(source) == solution & lines(shown)


def test_a_leak_would_be_found(tmp_path):
    line = min(long_secrets())
    cell = nbformat.v4.new_code_cell(f"x = 1\n{line}\n### BEGIN HIDDEN TESTS")
    notebook = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), notebook)
    html = tmp_path / "a.html"
    tagged = line.replace(" ", "</span> <span>").replace(">=", "&gt;=")
    html.write_text(f"<pre><span>x</span>\n    <span>{tagged}</span>\n## END SOLUTION\n</pre>")
    for path in (notebook, html):
        assert line in lines(readable(path))
        assert MARKER.search(readable(path))
    assert not MARKER.search("between `### BEGIN SOLUTION` and `### END SOLUTION`")
