"""What a page offers to take away: its notebook, which runs anywhere, the library, the course."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from grading.authoring.pages import DOWNLOADS, notebook_of, shows_solutions
from grading.authoring.pages import FOLDER as EXERCISES
from tools import take_away

PACKED = f"{take_away.COURSE}.zip"


def prepare(app: Sphinx) -> None:
    """Make the files whose names pages quote."""
    app.prepared = TemporaryDirectory()  # type: ignore[attr-defined]
    folder = Path(app.prepared.name)  # type: ignore[attr-defined]
    take_away.build_wheel(folder)
    # The course's own sources hold the solutions of its exercises.
    if shows_solutions():
        take_away.pack_course(folder / PACKED)


def prepared(app: Sphinx, pattern: str) -> str:
    """Return the name of a prepared file, or nothing."""
    found = Path(app.prepared.name).glob(pattern)  # type: ignore[attr-defined]
    return next((path.name for path in found), "")


def write_downloads(app: Sphinx, exception: Exception | None) -> None:
    """Put all into a folder of the site, without what an earlier build has left there."""
    if exception:
        return
    folder = Path(app.outdir, DOWNLOADS)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in Path(app.prepared.name).iterdir():  # type: ignore[attr-defined]
        shutil.copy(file, folder)
    take_away.write_notebooks(folder, prepared(app, "*.whl"), app.config.html_baseurl)


def offer_downloads(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Offer the notebook and the course in the header, in place of the page's source."""
    for group in context.get("header_buttons", []):
        if group["label"] == "download-buttons":
            to_print = next(b for b in group["buttons"] if b["type"] == "javascript")
            to_print["text"] = "Print this page (.pdf)"
            group["buttons"] = [*links(app, pagename, context["pathto"]), to_print]


def links(app: Sphinx, pagename: str, pathto: Any) -> list[dict[str, str]]:
    """Return the theme's buttons for what a page offers."""
    offered = [
        (notebook_name(app, pagename), "This notebook", "fas fa-file", "It runs where you like"),
        (prepared(app, PACKED), "The course", "fas fa-download", "The folder with all sources"),
    ]
    return [
        {
            "type": "link",
            "url": pathto(f"{DOWNLOADS}/{name}", 1),
            "text": f"{text} ({Path(name).suffix})",
            "icon": icon,
            "tooltip": tooltip,
            "label": "download-button",
        }
        for name, text, icon, tooltip in offered
        if name
    ]


def notebook_name(app: Sphinx, pagename: str) -> str:
    """Return the name of the notebook that a page is made of, or that belongs to its exercises."""
    source = Path(app.env.doc2path(pagename))
    if source.suffix == ".ipynb":
        return source.name
    ours = notebook_of(source.stem)
    return ours if source.parent == EXERCISES and (EXERCISES / ours).exists() else ""


class Library(SphinxRole):
    """`{library}`: a link to the library's file, in the words given."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the link."""
        self.env.note_reread()  # the file's name changes with the library
        up = "../" * self.env.docname.count("/")
        target = f"{up}{DOWNLOADS}/{prepared(self.env.app, '*.whl')}"
        return [nodes.reference(self.rawtext, self.text, refuri=target)], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the downloads with Sphinx."""
    app.add_role("library", Library())
    app.connect("builder-inited", prepare)
    app.connect("html-page-context", offer_downloads, priority=600)  # after the theme's buttons
    app.connect("build-finished", write_downloads)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
