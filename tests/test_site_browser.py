"""The built pages in a real browser: nothing fails or overflows, everything can be operated."""

from __future__ import annotations

import gzip
from io import BytesIO
from itertools import product
from pathlib import Path

import pytest
import yaml
from browsing import MOST_SHIFT, PHONE, SITE, faults, layout_shift, watch
from PIL import Image
from playwright.sync_api import Page, expect

ROOT = Path(__file__).parents[1]

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
CHAPTERS = [page["file"] for part in TOC["parts"] for page in part["chapters"]]
PAGES = [f"{name}.html" for name in (TOC["root"], *CHAPTERS)]
# Not in the contents: the search, and the library's code, of which one page stands for all.
PAGES += ["search.html", "_modules/mbgd_lib/descent.html"]
# One page of each kind that has dropdowns: questions to check oneself, hints and solutions.
CHAPTER = "notebooks/01_gradient_descent_basics.html"
EXERCISES = "book/exercises/01_gradient_descent_basics.html"

FIRST_VISIT_LIMIT = 300_000
COMPRESSED = (".html", ".css", ".js", ".svg")


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound(open_page, name):
    files: set[str] = set()
    page = open_page(name, PHONE, requests=files)
    assert layout_shift(page) < MOST_SHIFT
    assert faults(page) == []
    # The style sheet has the icons that pages show; the theme's font has them all, and is heavy.
    assert [url for url in files if "/webfonts/" in url] == []


FAULTS = {
    "320 pixels: scrolls sideways": '<div style="width: 350px">wide</div>',
    "1440 pixels: scrolls sideways": '<div style="width: 1500px">wide</div>',
    "button-name": "<button></button>",
    "color-contrast": '<p style="color: silver; background: white">faint</p>',
    "dark: color-contrast": '<p style="color: #333; background: Canvas">faint in the dark</p>',
    "scrollable-region-focusable": (
        '<div style="overflow: auto; height: 20px"><p>One.</p><p>Two.</p><p>Three.</p></div>'
    ),
}


def test_faults_are_found(open_page):
    page = open_page(PAGES[0])
    page.evaluate(
        "all => { document.querySelector('article').innerHTML += all }", "".join(FAULTS.values())
    )
    found = faults(page)
    assert [name for name in FAULTS if not any(fault.startswith(name) for fault in found)] == []


def test_fonts_of_formulas_do_not_wait_for_scripts(browser, base):
    """Whatever comes late moves text."""
    page = browser.new_page()
    page.route("**/*.js*", lambda route: route.abort())
    page.goto(base + CHAPTER)
    assert page.evaluate("document.fonts.check('1em KaTeX_Main')")
    page.close()


@pytest.mark.parametrize(
    ("system", "chosen", "shown"),
    [("dark", "", "dark"), ("light", "dark", "dark"), ("dark", "light", "light")],
)
def test_theme_is_settled_before_anything_is_painted(browser, base, system, chosen, shown):
    """On the entrance and on a page: when neither style sheets nor scripts have come."""
    context = browser.new_context(color_scheme=system, viewport=PHONE)
    if chosen:
        context.add_init_script(f"localStorage.mode = localStorage.theme = {chosen!r}")
    page = context.new_page()
    page.route("**/*.{js,css}*", lambda route: route.abort())
    page.goto(base + PAGES[0])
    expect(page.locator("html")).to_have_attribute("data-theme", shown)
    assert tone(page) == shown
    page.route(f"**/{PAGES[0]}", lambda route: route.fulfill(status=204))
    page.goto(base + "index.html")
    assert tone(page) == shown
    context.close()


def tone(page: Page) -> str:
    """Return whether the lower left corner of the window is light or dark."""
    with Image.open(BytesIO(page.screenshot())) as picture:
        return "dark" if picture.convert("L").getpixel((0, picture.height - 1)) < 128 else "light"


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


def test_dropdowns_open_and_close(open_page):
    for name in (CHAPTER, EXERCISES):
        dropdown = open_page(name).locator("article details").first
        for how, attribute in product(("click", "keyboard"), ("", None)):
            choose(dropdown.page, how, dropdown.locator("summary"))
            assert dropdown.get_attribute("open") == attribute


def test_the_header_offers_what_runs_in_place_of_sources(open_page):
    for name, ending in ((CHAPTER, ""), (EXERCISES, "_exercises")):
        menu = open_page(name).locator(".dropdown-download-buttons")
        menu.locator("button").first.click()
        expect(menu.locator("a")).to_have_text(["This notebook (.ipynb)", "The course (.zip)"])
        with menu.page.expect_download() as download:
            menu.locator("a").first.click()
        assert download.value.suggested_filename == f"{Path(name).stem}{ending}.ipynb"


def search(page: Page, question: str) -> Page:
    """Ask as a reader does, from any page."""
    page.keyboard.press("Control+k")
    field = page.locator("dialog#pst-search-dialog input")
    expect(field).to_be_visible()
    field.fill(question)
    field.press("Enter")
    expect(page.locator("#search-results li").first).to_be_visible()
    return page


def test_search_leads_to_the_section_and_marks_the_words(open_page):
    page = search(open_page(PAGES[0]), "largest stable rate limit")
    found = page.locator("#search-results li", has=page.get_by_role("link", name="1.4. The limit"))
    marked = {mark.lower() for mark in found.locator("p mark").all_inner_texts()}
    assert {"limit", "rate", "stable"} <= marked <= {"limit", "rate", "rates", "stable", "largest"}
    found.get_by_role("link").click()
    page.wait_for_url("**/01_gradient_descent_basics.html#the-limit*")
    expect(page.locator("section#the-limit")).to_be_in_viewport()


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("λmax", "λmax"),
        ("lambda_max", "λmax"),
        ('"noise floor"', "noise floor"),
        ("shuffling", "shuffled"),
        ("learning_rate", "learning_rate"),
    ],
)
def test_search_quotes_what_was_asked_for(open_page, question, told):
    page = search(open_page(CHAPTER), question)
    expect(page.locator("#search-results mark", has_text=told).first).to_be_visible()


def test_a_phrase_in_quotes_is_no_two_words(open_page):
    page = search(open_page(CHAPTER), '"floor noise" floor')
    expect(page.locator("#search-status")).to_contain_text("No section has all of it.")


def test_site_works_from_a_disk(browser):
    """From the entrance to a figure that moves, a prediction, the dark and a search."""
    start = f"{SITE.as_uri()}/"
    troubles: list[str] = []
    page = browser.new_page(color_scheme="light")
    watch(page, start, troubles)
    page.goto(f"{start}index.html")
    page.wait_for_url(f"{start}{PAGES[0]}")
    light = tone(page)
    page.locator("button.theme-switch-button").first.click()
    assert (light, tone(page)) == ("light", "dark")
    page.goto(start + CHAPTER)
    assert tone(page) == "dark"
    sentence = page.locator(".interactive .sentence").first
    before = sentence.inner_text()
    page.locator('.interactive [data-do="step"]').first.click()
    expect(sentence).not_to_have_text(before)
    prediction = page.locator(".prediction").first
    prediction.get_by_role("radio").first.check()
    prediction.get_by_role("button", name="Commit").click()
    expect(prediction.locator(".result")).to_be_visible()
    page.goto(f"{start}search.html?q=gradient")
    expect(page.locator("#search-results li > p", has_text="gradient").first).to_be_visible()
    assert page.locator("#search-results li").count() > 5
    page.close()
    assert troubles == []


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
    """In the colours of the light theme, on a dark system too: a figure's curve is a line of it."""
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(base + CHAPTER)
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".interactive .curve").first).not_to_have_css("stroke", "none")
    colours = "word => getComputedStyle(word).color !== getComputedStyle(word.parentElement).color"
    assert page.locator("div.highlight .k").first.evaluate(colours)
    assert tone(page) == "light"
    context.close()
