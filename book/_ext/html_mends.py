"""Mends of the HTML that Jupyter Book 1 and its theme write, one function each.

They work on the parsed page, so that they do not depend on how the theme happens to order its
attributes. Each may meet a page that needs nothing, and then changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from bs4 import BeautifulSoup
from panels import stack_panels
from PIL import Image

#: What an empty page is painted in, before there is a style: as the system has it, or the reader.
COLOUR_SCHEME = '<meta content="light dark" name="color-scheme"/>'
SETTLE = """{
const { dataset } = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
if (dataset.mode === "auto") dataset.theme = dark ? "dark" : "light";
document.querySelector('meta[name="color-scheme"]').content = dataset.theme;
}"""


def mend(soup: BeautifulSoup, page: Path) -> None:
    """Apply every mend to one page, in place.

    Parameters
    ----------
    soup : BeautifulSoup
        The page as the theme wrote it.
    page : pathlib.Path
        Where it lies; images are found from there.
    """
    drop_unused_scripts(soup)
    settle_theme(soup)
    say_title_once(soup)
    drop_repeated_viewports(soup)
    keep_downloads(soup)
    hold_options(soup, page)
    defer_scripts(soup)
    link_base_style(soup)
    drop_unused_formula_style(soup)
    drop_lone_applications(soup)
    name_by_visible_text(soup)
    mark_landmarks(soup)
    mark_references(soup)
    unlist_arguments(soup)
    drop_print_head(soup)
    name_folded_numbers(soup)
    size_images(soup, page)
    link_pictures(soup)
    stack_panels(soup, page)


def drop_unused_scripts(soup: BeautifulSoup) -> None:
    """Drop 1.5 MB that draw icons, as a style sheet does too, and what marks Sphinx' own hits."""
    for name in ("scripts/fontawesome.js", "sphinx_highlight.js"):
        for script in soup.select(f'script[src*="{name}"]'):
            script.decompose()


def settle_theme(soup: BeautifulSoup) -> None:
    """Settle light or dark before style sheets load, so that nobody in the dark sees white first.

    The theme does so in its last script; without scripts it has no colours for what it calls auto.
    """
    for page in soup.select('html[data-theme="auto"]'):
        page["data-theme"] = "light"
        # The theme's own script, which reads what the reader chose.
        for choice in page.select("head > script[data-cfasync]"):
            choice.insert_before(BeautifulSoup(COLOUR_SCHEME, "html.parser"))
            choice.insert_after(BeautifulSoup(f"<script>{SETTLE}</script>", "html.parser"))


def say_title_once(soup: BeautifulSoup) -> None:
    """Say the book's title once on its first page: other pages name themselves before it."""
    for title in soup.select("head > title"):
        page, _, book = title.get_text().partition(" — ")
        if page == book:
            title.string = book


def drop_repeated_viewports(soup: BeautifulSoup) -> None:
    """Keep one of the viewport lines that Sphinx, docutils and the theme each write."""
    for meta in soup.select('meta[name="viewport"]')[1:]:
        meta.decompose()


def keep_downloads(soup: BeautifulSoup) -> None:
    """Let links to downloads store them: a browser would show a notebook as text."""
    for suffix in (".ipynb", ".whl", ".zip"):
        for link in soup.select(f'a[href$="{suffix}"]:not([href*="://"])'):
            del link["target"]
            link["download"] = ""


def defer_scripts(soup: BeautifulSoup) -> None:
    """Let the text appear before scripts load; deferred scripts keep their order."""
    for link in soup.select('link[rel="preload"][as="script"]'):
        link.decompose()
    for script in soup.select("script[src]"):
        script["defer"] = ""


def hold_options(soup: BeautifulSoup, page: Path) -> None:
    """Put the few lines that the page's own scripts call while it loads into the page."""
    for script in soup.select('script[src*="documentation_options.js"]'):
        path = page.parent / str(script["src"]).partition("?")[0]
        script.string = path.read_text("utf-8")
        del script["src"]


def link_base_style(soup: BeautifulSoup) -> None:
    """Link Sphinx's basic styles themselves, not a file that only imports them: one wait less."""
    for link in soup.select('link[href*="_static/styles/theme.css"]'):
        link["href"] = str(link["href"]).split("styles/theme.css")[0] + "basic.css"


def drop_unused_formula_style(soup: BeautifulSoup) -> None:
    """Drop the style sheet and fonts of formulas from a page that has none."""
    if not soup.select_one(".katex"):
        for link in soup.select('link[href*="katex/katex.min.css"]'):
            link.decompose()


def drop_lone_applications(soup: BeautifulSoup) -> None:
    """Keep the two parts of an index such as "max": KaTeX adds a sign that applies it to nothing.

    With three parts it is no valid formula to a screen reader, nor to Firefox.
    """
    for sign in soup.select(":is(msub, msup, munder, mover) > mo"):
        if sign.get_text() == "\u2061":
            sign.decompose()


def name_by_visible_text(soup: BeautifulSoup) -> None:
    """Remove labels that differ from the text that is seen: speech control goes by the latter."""
    for button in soup.select("button.search-button-field"):
        del button["title"], button["aria-label"]
    for summary in soup.select("summary[aria-label]"):
        del summary["aria-label"]
    for icon in soup.select("i.theme-switch"):
        del icon["title"]
        icon["aria-hidden"] = "true"


def mark_landmarks(soup: BeautifulSoup) -> None:
    """Say what the sidebar is, so that a screen reader can jump to it or over it."""
    for sidebar in soup.select("div#pst-primary-sidebar"):
        sidebar["role"] = "complementary"
        sidebar["aria-label"] = "Book"


def mark_references(soup: BeautifulSoup) -> None:
    """Make the entries of the bibliography items of its list: their own role is deprecated."""
    for entry in soup.select('[role="doc-biblioentry"]'):
        entry["role"] = "listitem"
    for link in soup.select(".citation-list > a"):
        link.decompose()


def unlist_arguments(soup: BeautifulSoup) -> None:
    """Make the lines of a long signature plain boxes: Sphinx's list of them has no terms."""
    for arguments in soup.select("dt.sig > dl"):
        arguments.name, arguments["class"] = "div", ["sig-arguments"]
        for line in arguments.select(":scope > dd"):
            line.name = "div"


def drop_print_head(soup: BeautifulSoup) -> None:
    """Drop the title and the contents that are for print alone: the article's own title prints."""
    for head in soup.select("#jb-print-docs-body"):
        head.decompose()


def name_folded_numbers(soup: BeautifulSoup) -> None:
    """Say what is folded where numbers are with their code; MyST-NB has one prompt for both."""
    for prompt in soup.select("details.hide:has(.cell_output) > summary > p"):
        prompt.string = prompt.get_text().replace("the code", "the numbers and their code")


def size_images(soup: BeautifulSoup, page: Path) -> None:
    """Give each image its size, so that text does not jump, and load it after the text."""
    for image in soup.select("article img[src]"):
        size = pixel_size(page.parent / unquote(str(image["src"])))
        if size and not image.has_attr("width") and not image.has_attr("style"):
            image["width"], image["height"] = map(str, size)
        image["decoding"], image["loading"] = "async", "lazy"


def link_pictures(soup: BeautifulSoup) -> None:
    """Let a figure's picture be opened large; pictures.js does so without leaving the page."""
    for image in soup.select("article figure img[src]"):
        if not image.find_parent("a"):
            link = soup.new_tag("a", href=image["src"], title="Open large")
            link["class"] = ["picture"]
            image.wrap(link)


def pixel_size(path: Path) -> tuple[int, int] | None:
    """Return an image file's width and height, or None where it has none or is not a file."""
    try:
        with Image.open(path) as image:
            return image.size
    except OSError:
        return None
