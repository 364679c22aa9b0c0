"""What the tests in a real browser share; their fixtures are in conftest.py."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

SITE = Path(__file__).parents[1] / "_build" / "html"
NARROW = {"width": 320, "height": 640}
PHONE = {"width": 390, "height": 844}
TABLET = {"width": 768, "height": 1024}
DESK = {"width": 1440, "height": 900}
# Half of what browsers still call good; most pages do not move at all.
MOST_SHIFT = 0.05

# The browser's own errands (updates, field trials) must not look like the page's requests.
QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# axe would fetch style sheets a second time to see if the page is right in landscape only.
AXE_OPTIONS = {"resultTypes": ["violations"], "preload": False}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """A static server that does not write a line for each file."""

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder of static files, and give the address."""
    handler = partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def watch(page: Page, base: str, troubles: list[str]) -> None:
    """Write down each error, failed request and request to another host."""

    def note(what: str) -> None:
        troubles.append(f"{page.url}: {what}")

    page.on("pageerror", lambda error: note(f"error: {error}"))
    page.on(
        "console",
        lambda line: note(f"console: {line.text}") if line.type in ("error", "warning") else None,
    )
    # A page that is left before it is whole aborts what is still on its way: that is no failure.
    page.on(
        "requestfailed",
        lambda request: (
            None if request.failure == "net::ERR_ABORTED" else note(f"failed: {request.url}")
        ),
    )
    page.on(
        "response",
        lambda answer: note(f"{answer.status}: {answer.url}") if answer.status >= 400 else None,
    )
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((base, "data:", "blob:"))
            else note(f"another host: {request.url}")
        ),
    )


def faults(page: Page) -> list[str]:
    """Return what is wrong with an open page on a phone, a tablet and a desk, light and dark.

    On a desk only what is around the article differs for axe. The page is not whole afterwards.
    """
    found = []
    for viewport in (NARROW, PHONE, TABLET, DESK):
        page.set_viewport_size(viewport)
        found += [f"{viewport['width']} pixels: {fault}" for fault in too_wide(page)]
    for viewport, exclude in ((PHONE, []), (DESK, ["article"])):
        page.set_viewport_size(viewport)
        page.evaluate(THIN_OUT)
        page.wait_for_function(CODE_IS_REACHABLE)
        found += violations(page, exclude)
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        found += [f"dark: {fault}" for fault in violations(page, exclude, ["color-contrast"])]
        page.emulate_media(color_scheme="light")
        expect(page.locator("html")).to_have_attribute("data-theme", "light")
    return found


# A third of a second after a page has changed, the theme lets the keyboard reach code that scrolls.
CODE_IS_REACHABLE = """() => [...document.querySelectorAll("pre")].every(
    (pre) => pre.tabIndex === 0 || pre.scrollWidth <= pre.clientWidth
)"""

# Four parts of five of a chapter are pieces of formulas and words of code, and axe takes seconds to
# look at each. A formula becomes a box of its size; of code, one word of each kind stays coloured.
THIN_OUT = """() => {
    for (const formula of document.querySelectorAll(".katex-html")) {
        const { width, height } = formula.getBoundingClientRect();
        const size = `width: ${Math.max(width, formula.scrollWidth)}px; height: ${height}px`;
        formula.replaceChildren();
        formula.style.cssText = `display: inline-block; ${size}`;
    }
    for (const math of document.querySelectorAll(".katex-mathml math")) math.textContent = "x";
    const seen = new Set();
    for (const word of document.querySelectorAll(":is(pre, code, dt.sig) span")) {
        if (seen.has(word.className)) word.replaceWith(...word.childNodes);
        seen.add(word.className);
    }
    document.body.normalize();
}"""


def violations(page: Page, exclude: list[str], rules: list[str] | None = None) -> list[str]:
    """Return what axe objects to outside the excluded parts, one line per kind."""
    context = {"exclude": [[part] for part in exclude]} if exclude else None
    options = AXE_OPTIONS | ({"runOnly": rules} if rules else {})
    found = Axe().run(page, context=context, options=options).response["violations"]
    return [
        f"{kind['id']}: {kind['help']}: " + "; ".join(str(n["target"]) for n in kind["nodes"][:3])
        for kind in found
    ]


def too_wide(page: Page) -> list[str]:
    """Return the elements that stick out, if the page can be scrolled sideways."""
    return page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return ["scrolls sideways"].concat(
                [...document.querySelectorAll("main *")]
                    .filter(e => e.getBoundingClientRect().right > width + 1)
                    .slice(0, 5).map(e => `${e.tagName}.${e.className}`));
        }"""
    )


def layout_shift(page: Page) -> float:
    """Return how far the page's parts have jumped while it loaded, as browsers count it."""
    return page.evaluate(
        """() => new Promise(done => {
            let sum = 0;
            new PerformanceObserver(list => {
                for (const entry of list.getEntries()) sum += entry.value;
            }).observe({ type: "layout-shift", buffered: true });
            setTimeout(() => done(sum), 200);
        })"""
    )


def come_near(figure: Locator) -> None:
    """Scroll to a figure that moves: until it is near, it shows the build's picture."""
    figure.scroll_into_view_if_needed()
    # The browser says in one frame that it is near, and in the next how large it is.
    figure.page.evaluate(
        """async () => {
            for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
        }"""
    )
