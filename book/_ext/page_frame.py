"""The frame of every page: what it says of itself to who looks for it, links to it or cites it.

The canonical address, the card of a link and the ways to the source need addresses that
`_config.yml` may name: `html: baseurl` is the site's own, `repository: url` that of its source.
"""

from __future__ import annotations

import posixpath
import subprocess
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxRole

from mbgd_lib import __version__
from replications import notebooks

ROOT = Path(__file__).parents[2]

DESCRIPTION_LENGTH = 160

#: Their sources are made by the build: nobody can edit them.
MADE_PAGES = "book/exercises/"


def describe_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Describe a page by its first sentences."""
    text = first_paragraph(doctree) if doctree else ""
    title = BeautifulSoup(context.get("title", ""), "html.parser").get_text()
    tags = description(
        app, title or app.config.html_title, text, app.builder.get_target_uri(pagename)
    )
    context["metatags"] = context.get("metatags", "") + tags


def description(app: Sphinx, title: str, text: str, address: str) -> str:
    """Return the tags for search engines, and for the card of a link to the page."""
    about = shortened(text or app.config.html_title)
    card = {"title": title, "description": about, "type": "website"}
    card["site_name"] = app.config.html_title
    if app.config.html_baseurl:
        card["url"] = on_the_site(app.config, address)
        card["image"] = on_the_site(app.config, "_static/card.png")
        card["image:alt"] = "Three paths of gradient descent over the contours of a loss"
    tags = [f'<meta name="description" content="{escape(about)}" />']
    tags += [f'<meta property="og:{name}" content="{escape(is_)}" />' for name, is_ in card.items()]
    return "\n".join(tags)


def on_the_site(config: Config, address: str) -> str:
    """Return a whole address where the site's own is known, else what leads there from its root."""
    return posixpath.join(config.html_baseurl, address)


def first_paragraph(doctree: nodes.document) -> str:
    """Return the text of the first paragraph that stands in the running text."""
    for paragraph in doctree.findall(nodes.paragraph):
        if isinstance(paragraph.parent, nodes.section):
            return " ".join(paragraph.astext().split())
    return ""


def shortened(text: str, length: int = DESCRIPTION_LENGTH) -> str:
    """Cut a text at the last word that fits."""
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0] + "…"


@cache
def edition(root: Path) -> str:
    """Return the version, and the commit and its date where the folder is a Git repository's."""
    command = ["git", "log", "-1", "--format=, commit %h of %cs"]
    if not (root / ".git").exists():  # it may lie inside another repository
        return __version__
    try:
        commit = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return __version__ + commit.stdout.strip()


def sign_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Say at a page's foot which edition it is, and where its source is."""
    line = f"Version {edition(ROOT)}."
    if source := app.config.html_theme_options.get("repository_url"):
        line += f' <a href="{escape(source)}">Source</a>.'
    context["theme_extra_footer"] = f"{context.get('theme_extra_footer', '')}<p>{line}</p>"
    if pagename.startswith(MADE_PAGES):
        buttons = context.get("header_buttons", [])
        buttons[:] = [button for button in buttons if button["label"] != "source-edit-button"]


def offer_editing(app: Sphinx, config: Config) -> None:
    """Offer to edit pages where the source's address is known; else Jupyter Book would refuse."""
    if config.html_theme_options.get("repository_url"):
        config.html_theme_options["use_edit_page_button"] = True


class ReadingTime(SphinxRole):
    """`{minutes}`: how long a chapter takes, as its own head says."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the number of minutes."""
        _, path = self.env.relfn2path(self.text, self.env.docname)
        self.env.note_dependency(path)
        minutes = notebooks.minutes_of(notebooks.read(Path(path)))
        return [nodes.Text(str(minutes))], []


# --- two plain pages, which need no file of the site ---

PLAIN = """\
<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<script>
const mode = localStorage.getItem("mode");
if (mode && mode !== "auto") document.querySelector('[name="color-scheme"]').content = mode;
</script>
{head}
<title>{title}</title>
<style>
:root {{ font-family: sans-serif }}
main {{ max-width: 40rem; margin: 10vh auto; padding: 0 1rem }}
</style>
</head>
<body>
<main><h1>{title}</h1><p>{text}</p></main>
</body>
</html>
"""


def write_entrance(app: Sphinx, exception: Exception | None) -> None:
    """Lead from the site's address to its first page; Jupyter Book's own page has no language."""
    if exception:
        return
    title, first = app.config.html_title, app.builder.get_target_uri(app.config.root_doc)
    head = f"""{description(app, title, title, "")}
<link rel="icon" href="_static/favicon.svg">
<meta http-equiv="refresh" content="0; url={first}">"""
    write_plain(app, "index.html", title, head, f'<a href="{first}">Go to the first page</a>')


def write_lost_page(app: Sphinx, exception: Exception | None) -> None:
    """Write what a host shows for an address where nothing lies.

    It is shown at any depth, so that its links must be whole addresses, or none.
    """
    if exception:
        return
    title = "There is no such page"
    text = "It may have moved, or the address may be mistyped. "
    if app.config.html_baseurl:
        first = on_the_site(app.config, app.builder.get_target_uri(app.config.root_doc))
        text += f'All pages are listed on <a href="{escape(first)}">the first page</a>.'
    else:
        text += "All pages are listed on the first page, at the start of the site's address."
    # Without an icon browsers ask for one, where none need be.
    head = f'<meta name="description" content="{title}">\n<link rel="icon" href="data:,">'
    write_plain(app, "404.html", title, head, text)


def write_plain(app: Sphinx, name: str, title: str, head: str, text: str) -> None:
    """Write a page without the theme."""
    page = PLAIN.format(language=app.config.language, head=head, title=escape(title), text=text)
    Path(app.outdir, name).write_text(page, "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the frame with Sphinx."""
    app.add_role("minutes", ReadingTime())
    app.connect("config-inited", offer_editing)
    app.connect("html-page-context", describe_page)
    app.connect("html-page-context", sign_page, priority=600)  # after the theme's buttons
    app.connect("build-finished", write_entrance)
    app.connect("build-finished", write_lost_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
