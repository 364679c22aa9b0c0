"""Numbers with their ranges and verdicts with their marks, on a small book of their own."""

from __future__ import annotations

import json

import nbformat
import pytest
import replicated_numbers
from browsing import DESK, NARROW, PHONE, faults, serve, too_wide
from bs4 import BeautifulSoup
from chapter_numbers import pasted
from playwright.sync_api import expect
from test_site_build import build, copy_settings

from replications import notebooks

TEXT = "Some text that goes on. " * 40
CHAPTER = f"""\
# One

{TEXT}

**Small batches are fast.** {{holds}}`fast < slow` In words: {{how-often}}`fast < 8`.

## First

It takes {{glue:text}}`fast` epochs and not {{glue:text}}`slow` of {{glue:text}}`rows` rows,
with a slope of {{glue:text}}`slope` ({{glue:text}}`slope_interval`).
{{holds}}`fast < 8` {{holds}}`rows == 10` {{argued}}`by algebra`

{TEXT}

### Inner

A sweep took {{glue:text}}`steps` steps. {{holds}}`steps > 5`

## Second

| claim | measured |
| --- | --- |
| fast | {{glue:text}}`order` {{holds}}`order == "a"` |
"""
OTHER = """\
# Other

There: {glue:text}`../notebooks/one.ipynb::fast:s` and {glue:text}`../notebooks/one.ipynb::rows:s`.
{holds}`../notebooks/one.ipynb::fast < slow`

{replicated}`numbers` numbers, {replicated}`verdicts` verdicts, {replicated}`seeds` seeds,
{replicated}`sweeps` sweeps, {replicated}`fallen` fallen.
"""
PRINTED = {
    "fast": "7",
    "slow": "1,200",
    "rows": "10",
    "slope": "−0.49",
    "slope_interval": "−0.51 to −0.47",
    "steps": "173",
    "order": "a",
}
NUMBERS = {
    "fast": ("seed", ["7", "9", "10", "8"]),
    "slow": ("seed", ["1,100", "990", "1,300", "1,000"]),
    "rows": ("nothing", ["10"]),
    "slope": ("seed", ["−0.50", "−0.49", "−0.52", "−0.48"]),
    "slope_interval": (
        "seed",
        ["−0.53 to −0.48", "−0.50 to −0.46", "−0.54 to −0.50", "−0.51 to −0.47"],
    ),
    "steps": ("sweep", ["166", "190"]),
    "order": ("seed", ["a", "a", "b", "a"]),
}
ONE = "notebooks/one.html"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    folder = tmp_path_factory.mktemp("book")
    copy_settings(folder)
    (folder / "notebooks").mkdir()
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\n"
        "chapters: [{file: notebooks/one}, {file: book/other}, {file: notebooks/two}]\n"
    )
    (folder / "book" / "references.bib").write_text("")
    (folder / "book" / "index.md").write_text(f"# First\n\n{TEXT}\n")
    (folder / "book" / "other.md").write_text(OTHER)
    language = {"language_info": {"name": "python"}}
    code = nbformat.v4.new_code_cell("1", outputs=[pasted(*pair) for pair in PRINTED.items()])
    code.metadata["tags"] = ["remove-cell"]
    one = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(CHAPTER), code], metadata=language
    )
    nbformat.write(one, folder / "notebooks" / "one.ipynb")
    changed = nbformat.v4.new_code_cell("2", outputs=[pasted("fast", "7")])
    two = [nbformat.v4.new_markdown_cell("# Two\n\nHere {glue:text}`fast`."), changed]
    nbformat.write(
        nbformat.v4.new_notebook(cells=two, metadata=language), folder / "notebooks" / "two.ipynb"
    )
    numbers = {name: {"depends_on": of, "values": v} for name, (of, v) in NUMBERS.items()}
    stored = {
        "notebook": "notebooks/one.ipynb",
        "code": notebooks.checksum(one),
        "seeds": [1, 2, 3, 4],
        "numbers": numbers,
    }
    (folder / "replications" / "one.json").write_text(json.dumps(stored))
    stale = stored | {"numbers": {"fast": numbers["fast"]}}
    (folder / "replications" / "two.json").write_text(json.dumps(stale))
    result = build(folder)
    assert result.returncode == 0, result.stderr
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def base(book):
    with serve(book) as address:
        yield address


def notes(book, name: str, kind: str) -> dict[str, str]:
    """Return what is seen and what is at hand, for each number or mark of a page."""
    soup = BeautifulSoup((book / name).read_text("utf-8"), "html.parser")
    found = {}
    for place in soup.select(f"article .{kind}"):
        note = place.select_one(".replication-note").extract().text.strip()
        if mark := place.select_one(".replication-place"):
            mark.extract()
        found[place.text.strip()] = note
    return found


def test_numbers_that_depend_on_the_seed_have_their_range(book):
    assert notes(book, ONE, "replicated") == {
        "1 of 4": "Counted by fast < 8",
        "7": "4 other seeds: 7 to 10",
        "1,200": "4 other seeds: 990 to 1,300",
        "−0.49": "4 other seeds: −0.52 to −0.48",
        "−0.51 to −0.47": "4 other seeds: ends at −0.54 to −0.50 and −0.50 to −0.46",
        "173": "2 other runs of the sweep: 166 to 190",
        "a": "4 other seeds: a in 3, b in 1",
    }


def test_marks_say_what_was_compared_and_where_it_holds(book):
    assert notes(book, ONE, "verdict-mark") == {
        "✓": "Checked as code: steps > 5. True here and with 2 other seeds.",
        "1 of 4": "Checked as code: fast < 8. True here, true with 1 of 4 other seeds.",
        "∴": "Not measured: by algebra.",
        "3 of 4": 'Checked as code: order == "a". True here, true with 3 of 4 other seeds.',
    }


def test_other_pages_show_the_ranges_and_count(book):
    assert notes(book, "book/other.html", "replicated") == {"7": "4 other seeds: 7 to 10"}
    text = BeautifulSoup((book / "book/other.html").read_text("utf-8"), "html.parser").article.text
    assert "7 numbers, 6 verdicts, 4 seeds,\n2 sweeps, 0 fallen." in text


def test_numbers_of_changed_code_have_no_range(book):
    assert "Here" in (book / "notebooks/two.html").read_text("utf-8")
    assert notes(book, "notebooks/two.html", "replicated") == {}


@pytest.mark.parametrize(
    ("of", "values", "told"),
    [
        ("nothing", ["3"], ""),
        ("seed", ["3", "nan", "1", "2"], "4 other seeds: 1 to 3, nan in 1"),
        ("seed", ["nan", "nan"], "2 other seeds: nan"),
        ("seed", ["2", "2"], "2 other seeds: 2"),
        ("seed", ["1,100", "990"], "2 other seeds: 990 to 1,100"),
        ("sweep", ["170"] * 3, "3 other runs of the sweep: 170"),
    ],
)
def test_ranges_are_told(of, values, told):
    assert replicated_numbers.range_of({"depends_on": of, "values": values}) == told


def test_notes_are_no_part_of_descriptions_or_of_the_search(book):
    assert "other seeds" not in (book / "search_sections.js").read_text("utf-8")


@pytest.mark.parametrize("viewport", [NARROW, PHONE, DESK])
def test_a_note_shows_under_pointer_focus_and_finger(open_page, viewport):
    page = open_page(ONE, viewport=viewport, has_touch=True)
    number = page.locator("article .replicated", has_text="1,200")
    note = number.locator(".replication-note")
    expect(note).to_be_hidden()
    number.hover()
    expect(note).to_be_visible()
    assert too_wide(page) == []
    box = note.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    page.locator("article h1").hover()
    number.focus()
    expect(note).to_be_visible()
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    number.evaluate("element => element.blur()")
    number.tap()
    expect(note).to_be_visible()


def test_a_mark_in_a_table_shows_its_note(open_page):
    page = open_page(ONE)
    mark = page.locator("article table .verdict-mark")
    mark.focus()
    expect(mark.locator(".replication-note")).to_be_in_viewport()


def test_page_is_sound(open_page):
    assert faults(open_page(ONE)) == []


def test_paper_has_a_list_for_each_section(open_page):
    page = open_page(ONE)
    page.emulate_media(media="print")
    lists = page.locator(".replication-list")
    assert lists.all_inner_texts() == [
        "[1] Checked as code: fast < slow. True here and with 4 other seeds; "
        "[2] Counted by fast < 8.",
        "[1] 4 other seeds: 7 to 10; [2] 4 other seeds: 990 to 1,300; "
        "[3] 4 other seeds: −0.52 to −0.48; "
        "[4] 4 other seeds: ends at −0.54 to −0.50 and −0.50 to −0.46; "
        "[5] Checked as code: fast < 8. True here, true with 1 of 4 other seeds; "
        "[6] Checked as code: rows == 10. True here; [7] Not measured: by algebra.",
        "[1] 2 other runs of the sweep: 166 to 190; "
        "[2] Checked as code: steps > 5. True here and with 2 other seeds.",
        "[1] 4 other seeds: a in 3, b in 1; "
        '[2] Checked as code: order == "a". True here, true with 3 of 4 other seeds.',
    ]
    expect(lists.nth(1)).to_be_visible()
    expect(page.locator(".replication-note").first).to_be_hidden()
    first = page.locator("#first > p .replicated").nth(0)
    assert first.locator(".replication-place").inner_text() == "[1]"
    page.emulate_media(media="screen")
    expect(lists.nth(1)).to_be_hidden()
