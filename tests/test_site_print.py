"""Pages on paper: light, with their title, code whole and open, answers as the reader left them."""

from __future__ import annotations

from playwright.sync_api import expect

CHAPTER = "notebooks/03_batch_size_effects.html"


def test_printed_page_is_light_whole_and_unfolded(open_page):
    page = open_page(CHAPTER, scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_load_state("load")
    answers = page.locator("details.sd-dropdown[open]").count()
    page.emulate_media(media="print", reduced_motion="no-preference")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("h1")).to_be_visible()
    # What is still fading in would be printed blank.
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.locator("pre").first.evaluate("e => getComputedStyle(e).breakInside") == "auto"
    assert page.locator("details.above-input:not([open])").count() == 0
    assert page.locator("details.sd-dropdown[open]").count() == answers
    wide = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.locator("article pre:visible").evaluate_all(wide) == 0
    page.emulate_media(media="screen")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.locator("details.above-input[open]").count() == 0


def test_icon_of_the_search_field_covers_no_text(open_page):
    page = open_page("search.html")
    form = page.locator(".bd-search-container form.bd-search")
    icon, field = form.locator("i").bounding_box(), form.locator("input").bounding_box()
    assert icon["x"] + icon["width"] <= field["x"]
