"""A directive that shows a chapter's figure on another page.

    ```{notebook-figure} ../notebooks/02_mini_batching.ipynb fig-three-paths
    The caption that this page gives it.
    ```

The picture and its alt text are the chapter's own: there is no copy to keep up to date.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


def figure_of(notebook: nbformat.NotebookNode, name: str) -> tuple[bytes, str]:
    """Return the PNG and the alt text of the notebook's figure of that name."""
    for cell in notebook.cells:
        mystnb = cell.metadata.get("mystnb", {})
        if mystnb.get("figure", {}).get("name") != name:
            continue
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                return base64.b64decode(output.data["image/png"]), mystnb["image"]["alt"]
    raise KeyError(name)


class NotebookFigure(SphinxDirective):
    """Show a figure that a notebook has stored, under a caption of this page's own."""

    required_arguments = 2
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write the picture beside the build's other pictures and return the figure."""
        document, name = self.arguments
        _, path = self.env.relfn2path(document)
        self.env.note_dependency(path)
        try:
            picture, alt = figure_of(nbformat.read(path, as_version=4), name)
        except FileNotFoundError:
            raise self.error(f"there is no notebook {document}") from None
        except KeyError:
            raise self.error(f"{document} has no stored figure {name}") from None
        written = Path(self.env.srcdir, "_build", "notebook_figures", f"{name}.png")
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(picture)
        uri = "/" + written.relative_to(self.env.srcdir).as_posix()
        caption = nodes.caption("", "", *self.parse_inline("\n".join(self.content))[0])
        return [nodes.figure("", nodes.image(uri=uri, alt=alt), caption)]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive with Sphinx."""
    app.add_directive("notebook-figure", NotebookFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
