"""Pictures, tables and folded code on narrow windows, in a real browser."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import AXE_OPTIONS, DESK, PHONE, SITE, watch
from panels import cut, panel_edges
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from replications import notebooks

CHAPTER = "notebooks/05_non_convex_surfaces.html"
TABLES = "book/exercises/03_batch_size_effects.html"

#: In the dark, hues are kept and lightness is turned round. A picture with more colour than lines
#: and narrow bands have shows data as colours: it needs the class "true-colours".
MOST_COLOUR = 0.14


def test_pictures_use_the_width_and_are_not_shifted(open_page):
    page = open_page(CHAPTER)
    for width in (320, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        for picture, figure in sides(page):
            if width < 600:
                assert picture[0] == pytest.approx(width - picture[1], abs=1.5)
                assert picture[1] - picture[0] > 0.95 * width
            else:
                assert figure[0] - 1 <= picture[0] < picture[1] <= figure[1] + 1


@pytest.mark.parametrize(("viewport", "stacked"), [(PHONE, True), (DESK, False)])
def test_panels_stand_beside_each_other_where_there_is_room(open_page, viewport, stacked):
    page = open_page(CHAPTER, viewport)
    panels = page.locator(".picture-panels").first.locator("img")
    panels.last.scroll_into_view_if_needed()
    boxes = [panel.bounding_box() for panel in panels.all()]
    assert len(boxes) == 2
    assert len({box["x"] for box in boxes}) == (1 if stacked else 2)
    assert (boxes[1]["y"] > boxes[0]["y"] + 100) == stacked


@pytest.mark.parametrize(
    ("filled", "edges"),
    [
        # Each with an axis' label and ticks, a strip that is blank between them.
        ([(0, 3), (5, 48), (52, 54), (56, 100)], [0, 50, 100]),
        ([(0, 3), (5, 38), (42, 68), (72, 100)], [0, 40, 70, 100]),
        ([(0, 3), (5, 90), (93, 96)], [0, 100]),  # a bar of colours
        ([(0, 18), (20, 38), (40, 58), (60, 78), (80, 100)], [0, 100]),  # a row of images
        ([(0, 100)], [0, 100]),
    ],
)
def test_a_picture_is_cut_between_its_panels(tmp_path, filled, edges):
    picture = Image.new("RGB", (1000, 50), "white")
    for begin, end in filled:
        picture.paste("black", (10 * begin, 10, 10 * end, 40))
    picture.save(tmp_path / "a.png")
    assert panel_edges(tmp_path / "a.png") == [10 * edge for edge in edges]
    widths = []
    for path in cut(tmp_path / "a.png", [10 * edge for edge in edges]):
        with Image.open(path) as panel:
            widths.append(panel.width)
    assert widths == [10 * (end - begin) for begin, end in pairwise(edges)]


def sides(page: Page) -> list[list[tuple[float, float]]]:
    """Return where each picture, and the figure around it, begins and ends."""
    return page.evaluate(
        """() => [...document.querySelectorAll("a.picture img")].map((image) =>
            [image, image.closest("figure")].map((part) => {
                const { left, right } = part.getBoundingClientRect();
                return [left, right];
            }))"""
    )


def test_picture_opens_large_and_closes(open_page):
    page = open_page(CHAPTER, PHONE, has_touch=True)
    link, dialog = page.locator("a.picture").first, page.locator(".large-picture")
    link.tap()
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Close").tap()
    expect(dialog).to_have_count(0)
    link.press("Enter")
    # Labels are as large as text. What is out of sight comes by finger or by keyboard.
    assert dialog.locator("img").bounding_box()["width"] >= 700
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.large-picture').scrollLeft > 0")
    found = Axe().run(page, context=".large-picture", options=AXE_OPTIONS).response["violations"]
    assert found == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()


def test_picture_opens_large_from_a_disk(browser):
    page, troubles = browser.new_page(), []
    address = (SITE / CHAPTER).as_uri()
    watch(page, "file:", troubles)
    page.goto(address)
    page.locator("a.picture").first.click()
    expect(page.locator(".large-picture img")).to_be_visible()
    assert page.url == address
    page.close()
    assert troubles == []


def test_wide_table_shows_that_it_scrolls(open_page):
    page = open_page(TABLES, PHONE)
    table = page.locator(".pst-scrollable-table-container").first
    before = edge(table)
    table.evaluate("box => { box.scrollLeft = box.scrollWidth }")
    assert edge(table) > before + 15


def test_links_have_one_colour(open_page):
    """In tables, as code and to files too."""
    page = open_page(TABLES)
    links = page.locator("article :is(a:not(.headerlink), a > code)")
    page.locator("article a:not(.headerlink)").first.evaluate(
        "link => { link.innerHTML = '<code>x</code>' }"
    )
    colours = links.evaluate_all("all => new Set(all.map((a) => getComputedStyle(a).color)).size")
    assert colours == 1


def edge(table: Locator) -> float:
    """Return how light the last pixels at the right side of a table are."""
    picture = Image.open(io.BytesIO(table.screenshot())).convert("L")
    return float(np.median(np.asarray(picture)[:, -6:-2]))


def test_code_of_a_chapter_fits_a_desk(open_page):
    """Lines of 76 characters do, which the contract of a page allows."""
    page = open_page(CHAPTER, {"width": 1280, "height": 800})
    scrolling = page.evaluate(
        """() => [...document.querySelectorAll(".cell_input pre")]
            .filter((pre) => pre.scrollWidth > pre.clientWidth).map((pre) => pre.textContent)"""
    )
    assert scrolling == []


def test_code_is_folded_to_a_line(open_page):
    """Printed numbers are folded with it: they stand in the text."""
    page = open_page(CHAPTER, PHONE)
    for kind, label in (
        (":not(:has(.cell_output))", "the code"),
        (":has(.cell_output)", "numbers"),
    ):
        fold = page.locator(f"details.hide{kind}").first
        expect(fold.locator("summary")).to_contain_text(label)
        box = fold.bounding_box()
        assert 24 <= box["height"] <= 32  # high enough for a finger
        expect(fold).to_have_css("box-shadow", "none")
        expect(fold.locator("pre").first).not_to_be_visible()


def test_data_shown_as_colours_keep_them_in_the_dark():
    found = [
        f"{path.stem}: {about['alt']}"
        for path in notebooks.paths()
        for about, picture in pictures(path)
        if "true-colours" not in about.get("classes", "") and colour(picture) > MOST_COLOUR
    ]
    assert found == []


def pictures(path: Path) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield what a notebook says of each of its pictures, and the picture."""
    for cell in notebooks.read(path).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield cell.metadata.mystnb.image, base64.b64decode(output.data["image/png"])


def colour(png: bytes) -> float:
    """Return which share of a picture is no white, grey or black."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    pixels = np.asarray(picture.resize((300, 200))).astype(int)
    return float((np.ptp(pixels, axis=2) > 40).mean())
