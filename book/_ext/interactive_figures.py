"""A directive for figures that answer to a slider or a pen.

    ```{interactive-figure} time-to-target
    :name: fig-time-to-target
    :data: ../sweeps/batch_size.json
    The caption.
    ```

A figure is a module in book/_static/interactive, named as here but with underscores. Its function
`content(data, id)` returns HTML. The build calls it in Node.js, so that the page shows the figure
at its defaults without scripts too; loaded by the page, the module brings it to life. What it
draws is stored in the page as JSON: a function below reduces the file that `data` names to that.
"""

from __future__ import annotations

import base64
import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from numpy.typing import NDArray
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinxcontrib import katex

from mbgd_lib.data import stored_benchmark
from mbgd_lib.instruments.targets import overhead_in_rows
from mbgd_lib.mnist import load_mnist

MODULES = Path(__file__).parents[1] / "_static" / "interactive"

CALL = """
import { pathToFileURL } from "node:url";
const [path, data, id] = process.argv.slice(1);
const { content } = await import(pathToFileURL(path));
process.stdout.write(content(JSON.parse(data), id));
"""


#: Ways to run a step that the benchmark has timed, each a setting of the slider.
PRESETS = (
    "Numba loops", "JAX jit and scan", "PyTorch DataLoader", "scikit-learn", "Keras fit",
    "PyTorch index batches",
)  # fmt: skip


def time_to_target(sweep: dict[str, Any]) -> dict[str, Any]:
    """Return the steps' median and quartiles for each target, and the measured overheads."""
    runs = sweep["batch_sizes"]
    batch_sizes = [run["batch_size"] for run in runs]
    seconds = [float(np.median(run["seconds_per_step"])) for run in runs]
    targets = []
    for position, target in enumerate(sweep["settings"]["targets"]):
        steps = [quartiles(run["by_target"][position]["steps"]) for run in runs]
        if not np.isfinite(steps).all():
            missed = batch_sizes[int(np.argmin(np.isfinite(steps).all(axis=1)))]
            raise ValueError(
                f"a quarter of its runs or more miss {target} with batches of {missed}"
            )
        low, median, high = (list(column) for column in zip(*steps, strict=True))
        targets.append({"target": target, "low": low, "median": median, "high": high})
    return {
        "rows": sweep["settings"]["training_rows"],
        "batchSizes": batch_sizes,
        "overhead": rounded(overhead_in_rows(batch_sizes, seconds)),
        "presets": [
            {"name": name, "overhead": rounded(overhead_in_rows(*stored_benchmark()[name]))}
            for name in PRESETS
        ],
        "targets": targets,
    }


def quartiles(steps: list[int | None]) -> list[float]:
    """Return the quartiles over the seeds; a run that never arrived counts as infinitely late."""
    numbers = [math.inf if step is None else step for step in steps]
    with np.errstate(invalid="ignore"):
        return [float(q) for q in np.quantile(numbers, [0.25, 0.5, 0.75])]


def rounded(overhead: float) -> float:
    """Return an overhead to two digits, or three from 100 rows on."""
    return float(f"{overhead:.{2 if overhead < 100 else 3}g}")


def digit_pad(stored: dict[str, Any]) -> dict[str, Any]:
    """Return the model as it is, and test images to try: one of each digit, and a mistake."""
    model = stored["model"]
    n_pixels, n_digits = model["features"], model["classes"]
    whole = np.frombuffer(base64.b64decode(model["slopes"]), dtype=np.int8)
    if (n_pixels, n_digits, whole.size) != (784, 10, 7840):
        raise ValueError("it is not a model of ten digits in 28 × 28 pixels")
    images, labels = load_mnist("sample", split="test")
    slopes = whole.reshape(n_pixels, n_digits) * np.array(model["units"])
    scores = (images - model["mean"]) / model["scale"] @ slopes + model["intercepts"]
    behind = scores.max(axis=1) - scores[np.arange(len(labels)), labels]
    rows = {str(digit): int((labels == digit).argmax()) for digit in range(n_digits)}
    rows["mistake"] = int(behind.argmax())
    examples = [
        {"name": name, "label": int(labels[row]), "pixels": in_a_corner(images[row])}
        for name, row in rows.items()
    ]
    return {**model, "examples": examples}


def in_a_corner(pixels: NDArray[np.uint8]) -> str:
    """Return the image in base64, its ink moved to the upper left: the figure centres it."""
    image = pixels.reshape(28, 28)
    rows, columns = image.any(axis=1), image.any(axis=0)
    ink = image[rows.argmax() :, columns.argmax() :][:24, :24]
    moved = np.zeros_like(image)
    moved[2 : 2 + len(ink), 2 : 2 + len(ink[0])] = ink
    return base64.b64encode(moved.tobytes()).decode("ascii")


FIGURES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "time-to-target": time_to_target,
    "digit-pad": digit_pad,
}


def content(module: Path, data: dict[str, Any], name: str) -> str:
    """Return the HTML that the module makes of the data, without its caption."""
    command = [katex.NODEJS_BINARY, "--input-type=module", "--eval", CALL, "--"]
    result = subprocess.run(
        [*command, str(module), json.dumps(data), name],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if result.returncode != 0:
        raise ValueError(f"{module.name} fails: {result.stderr}")
    return result.stdout


class InteractiveFigure(SphinxDirective):
    """Show a figure with controls, numbered and captioned as other figures are."""

    required_arguments = 1
    has_content = True
    option_spec = {"name": directives.unchanged_required, "data": directives.unchanged_required}  # noqa: RUF012

    def run(self) -> list[nodes.Node]:
        """Return the figure, made at its defaults, with its data."""
        kind = self.arguments[0]
        if kind not in FIGURES:
            raise self.error(
                f"there is no interactive figure {kind}; there is {', '.join(FIGURES)}"
            )
        for option in self.option_spec:
            if option not in self.options:
                raise self.error(f"the interactive figure {kind} needs a line :{option}:")
        if not self.content:
            raise self.error(f"the interactive figure {kind} needs a caption")
        module = MODULES / f"{kind.replace('-', '_')}.js"
        data = self.reduced(kind)
        figure = nodes.figure(classes=["interactive-figure"], script=module.name)
        self.add_name(figure)
        self.env.note_dependency(str(module))
        html = content(module, data, figure["ids"][0])
        stored = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
        figure += nodes.raw(
            "",
            f'<div class="interactive {kind}">{html}\n'
            f'<script type="application/json">{stored}</script>\n</div>',
            format="html",
        )
        figure += nodes.caption("", "", *self.parse_inline("\n".join(self.content))[0])
        return [figure]

    def reduced(self, kind: str) -> dict[str, Any]:
        """Return what the figure draws of the file that the page names."""
        document = self.options["data"]
        _, path = self.env.relfn2path(document)
        self.env.note_dependency(path)
        try:
            return FIGURES[kind](json.loads(Path(path).read_text("utf-8")))
        except FileNotFoundError:
            raise self.error(f"there is no file {document}") from None
        except KeyError as missing:
            raise self.error(f"{document} is not for {kind}: it has no {missing}") from None
        except (ValueError, TypeError, IndexError) as error:
            raise self.error(f"{document} is not for {kind}: {error}") from None


def load_on_this_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Load the modules of the page's figures, on this page alone."""
    figures = doctree.findall(nodes.figure) if doctree else ()
    modules = sorted({figure["script"] for figure in figures if "script" in figure})
    for module in modules:
        app.add_js_file(f"interactive/{module}", type="module")
    if modules:
        app.add_css_file("interactive/figure.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive with Sphinx."""
    app.add_directive("interactive-figure", InteractiveFigure)
    app.connect("html-page-context", load_on_this_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
