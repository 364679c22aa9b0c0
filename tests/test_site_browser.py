"""The built pages in a real browser: nothing fails or overflows, everything can be operated."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
import yaml
from browsing import DESK, PHONE, layout_shift, serve, too_wide, violations
from bs4 import BeautifulSoup
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[1]
SITE = ROOT / "_build" / "html"

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
CHAPTERS = [page["file"] for part in TOC["parts"] for page in part["chapters"]]
PAGES = [f"{name}.html" for name in (TOC["root"], *CHAPTERS)]
# Not in the contents: the search, and the library's code, of which one page stands for all.
PAGES += ["search.html", "_modules/mbgd_lib/descent.html"]

FIRST_VISIT_LIMIT = 300_000
COMPRESSED = (".html", ".css", ".js", ".svg")


@pytest.fixture(scope="session")
def base():
    """The site's address while the tests run."""
    if not (SITE / PAGES[0]).is_file():
        pytest.fail(f"there is no site in {SITE}: run make site", pytrace=False)
    with serve(SITE) as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(open_page, name, viewport, scheme):
    page = open_page(name, viewport, scheme)
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    assert too_wide(page) == []
    assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_text_does_not_jump(open_page, name):
    page = open_page(name, PHONE)
    assert layout_shift(page) < 0.05


def test_first_visit_is_light(open_page, base):
    """What a reader of the first page waits for, compressed as static hosts do."""
    files: set[str] = set()
    open_page(PAGES[0], PHONE, requests=files)
    sizes = {url: transferred(SITE / url.removeprefix(base).split("?")[0]) for url in files}
    assert sum(sizes.values()) <= FIRST_VISIT_LIMIT, sizes


def transferred(path: Path) -> int:
    """Return the bytes that a static host sends for a file: text compressed, the rest as it is."""
    content = path.read_bytes()
    return len(gzip.compress(content)) if path.suffix in COMPRESSED else len(content)


def choose(page: Page, how: str, target) -> None:
    """Operate a control by mouse or by keyboard."""
    if how == "click":
        target.click()
    else:
        target.focus()
        page.keyboard.press("Enter")


def pages_with(selector: str) -> list[str]:
    """Pages of the site that hold an element; the site is read as files."""
    return [
        name
        for name in PAGES
        if BeautifulSoup((SITE / name).read_text("utf-8"), "html.parser").select_one(selector)
    ]


@pytest.mark.parametrize("how", ["click", "keyboard"])
def test_dropdowns_open_and_close(open_page, how):
    names = pages_with("article details")
    assert names, "no page has a dropdown: are the answers to the questions gone?"
    for name in names:
        page = open_page(name)
        dropdown = page.locator("article details").first
        for attribute in ("", None):
            choose(page, how, dropdown.locator("summary"))
            assert dropdown.get_attribute("open") == attribute


@pytest.mark.parametrize("how", ["click", "keyboard"])
def test_folded_boxes_open(open_page, how):
    """Admonitions and solutions of the class dropdown; not every course page need have one."""
    for name in pages_with("article .admonition.dropdown"):
        page = open_page(name)
        box = page.locator("article .admonition.dropdown").first
        expect(box).to_contain_class("toggle-hidden")
        choose(page, how, box.locator("button.toggle-button"))
        expect(box).not_to_contain_class("toggle-hidden")


def test_search_finds_gradient(open_page):
    page = open_page(PAGES[0])
    page.keyboard.press("Control+k")
    field = page.locator("dialog#pst-search-dialog input")
    expect(field).to_be_visible()
    field.fill("gradient")
    field.press("Enter")
    results = page.locator("#search-results li")
    expect(results.first).to_be_visible()
    expect(results.first).to_contain_text("gradient", ignore_case=True)


def test_theme_button_switches(open_page):
    page = open_page(PAGES[0], scheme="light")
    themes = set()
    for _ in range(3):  # light, dark, as the system has it
        page.locator("button.theme-switch-button").first.click()
        themes.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(themes) == 2


def test_contents_open_on_a_phone(open_page):
    page = open_page(PAGES[0], PHONE)
    link = page.locator(f'.bd-sidebar-primary a[href$="{Path(CHAPTERS[0]).name}.html"]')
    expect(link).not_to_be_in_viewport()
    page.locator("button.primary-toggle").click()
    expect(link).to_be_in_viewport()
    link.click()
    expect(page.locator("h1")).to_be_visible()


def test_pages_can_be_read_without_scripts(browser, base):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(base + PAGES[0])
    expect(page.locator("h1")).to_be_visible()
    context.close()
