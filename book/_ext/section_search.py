"""What the search page looks through: the words of every section, taken from the finished pages.

Sphinx' own search finds pages, and fetches each to quote it, which a browser refuses from a disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

FILE = "search_sections.js"

#: A section, or a function of the library reference.
PARTS = "section[id], dl.py:has(> dt.sig[id])"

#: What no reader would look for, or should find: a quoted answer is no longer hidden.
SILENT = (
    "script, style, svg, button, .headerlink, .katex-mathml, .cell_output, .interactive, "
    ".prediction, .replication-note, .replication-place, .replication-list, details.sd-dropdown"
)


def sections_of(soup: BeautifulSoup) -> list[tuple[str, str, str, str]]:
    """Take a page apart into its sections, the first one first.

    Returns
    -------
    list of (id, title, text, code)
        The id of the page's first section, which is its top, is "".
    """
    article = soup.select_one("article.bd-article")
    if not article:
        return []
    for part in article.select(SILENT):
        part.decompose()
    for formula in article.select("div.math"):  # on one line nobody could read it
        formula.replace_with(" … ")
    found = []
    # The innermost first: what is taken out is no part of what holds it.
    for part in reversed(article.select(PARTS)):
        part.extract()
        found.append((*head_of(part), *words_of(part)))
    found.reverse()
    return [("", *found[0][1:]), *found[1:]] if found else []


def head_of(part: Tag) -> tuple[str, str]:
    """Return a section's id and title."""
    if part.name == "dl":
        head = part.select_one("dt.sig[id]")
        return str(head["id"]), str(head["id"])
    heading = part.select_one("h1, h2, h3, h4, h5, h6")
    return str(part["id"]), plain(heading.extract().get_text()) if heading else ""


def words_of(part: Tag) -> tuple[str, str]:
    """Return a section's text and its code."""
    code = [block.extract().get_text() for block in part.select(".highlight, dt.sig")]
    return plain(part.get_text()), plain(" ".join(code))


def plain(text: str) -> str:
    """Return a text on one line, without the marks of no width that KaTeX leaves."""
    return " ".join(text.replace("\u200b", "").replace("\u2061", "").split())


def place(app: Sphinx, pagename: str) -> Path:
    """Return where a page's sections are kept: later builds may not write that page again."""
    return Path(app.doctreedir, "sections", f"{pagename}.json")


def keep_sections(app: Sphinx, pagename: str, soup: BeautifulSoup) -> None:
    """Keep what a page says; it is taken apart meanwhile."""
    path = place(app, pagename)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(sections_of(soup), ensure_ascii=False), "utf-8")


def write_sections(app: Sphinx, exception: Exception | None) -> None:
    """Write all sections into one script: a browser opens no other file from a disk."""
    if exception:
        return
    pages, sections = [], []
    for name in sorted(app.env.found_docs):
        kept = json.loads(place(app, name).read_text("utf-8"))
        if kept:
            pages.append((app.builder.get_target_uri(name), kept[0][1]))
            sections += [(len(pages) - 1, *section) for section in kept]
    contents = json.dumps({"pages": pages, "sections": sections}, ensure_ascii=False)
    Path(app.outdir, FILE).write_text(f"searchSections({contents});\n", "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the search with Sphinx."""
    app.connect("build-finished", write_sections, priority=600)  # after pages are mended
    return {"parallel_read_safe": True, "parallel_write_safe": False}
