from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# A busy machine is no fault of a test: no example has a time limit.
settings.register_profile("course", deadline=None)
settings.load_profile("course")


# Files that take longest come first: else one process would still be busy with one of them when
# the other has nothing left to do.
LONG_FILES = (
    "test_site_browser.py", "test_notebooks.py", "test_explorers.py", "test_exercise_sets.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, each file's tests in their order."""
    places = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session")
def browser():
    """The Chromium that is installed; none is downloaded."""
    from browsing import QUIET  # here: most tests need none of this
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        reason = f"no browser on PATH: install one of {', '.join(names)}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def base():
    """The site's address while the tests run; a file may serve a small book of its own."""
    from browsing import SITE, serve

    if not (SITE / "index.html").is_file():
        pytest.fail(f"there is no site in {SITE}: run make site", pytrace=False)
    with serve(SITE) as address:
        yield address


@pytest.fixture
def open_page(browser: Browser, base: str):
    """A function that opens a page of the site; what went wrong meanwhile fails the test."""
    from browsing import DESK, watch

    contexts = []
    troubles: list[str] = []

    def open_page(name, viewport=DESK, scheme="light", requests=None, **options) -> Page:
        # No motion, which the style sheet heeds: else axe may measure colours halfway to the dark.
        context = browser.new_context(
            viewport=viewport, color_scheme=scheme, reduced_motion="reduce", **options
        )
        contexts.append(context)
        page = context.new_page()
        watch(page, base, troubles)
        if requests is not None:
            page.on("request", lambda request: requests.add(request.url))
        page.goto(base + name)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles, "\n".join(troubles)
