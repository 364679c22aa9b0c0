"""A directive for figures that move: explorers, and figures that answer to a slider or a pen.

    ```{interactive-figure} time-to-target
    :name: fig-time-to-target
    :data: ../sweeps/batch_size.json
    The caption.
    ```

A figure is a script in book/_static/interactive, named as here but with underscores; what several
share is explorers.js beside it. Its function `content(data, id)` returns HTML. The build calls it
in Node.js, so that the page shows the figure at its defaults without scripts too; loaded by the
page, the script brings it to life. What it draws is stored in the page as JSON: a function below
makes it, of the file that `data` names where it needs one. `set` says where the controls stand at
first, as an address does, and `quoted` hands over numbers that the page's notebook prints.
"""

from __future__ import annotations

import base64
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib import colormaps
from matplotlib.colors import to_rgba_array
from numpy.typing import NDArray
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinxcontrib import katex

sys.path.insert(0, str(Path(__file__).parents[2]))  # the project's root

from mbgd_lib import LeastSquares
from mbgd_lib.data import noisy_line, noisy_regression, stored_benchmark
from mbgd_lib.instruments.floors import resting_gaps
from mbgd_lib.instruments.landscapes import TrigonometricSurface
from mbgd_lib.instruments.targets import fit_critical_batch_size, overhead_in_rows
from mbgd_lib.mnist import load_mnist
from mbgd_lib.show.pictures import PLACES
from mbgd_lib.show.plots import loss_grid
from replications import notebooks

SCRIPTS = Path(__file__).parents[1] / "_static" / "interactive"
SHARED = "explorers.js"

# The data come by the standard input: a command line has no room for them.
CALL = """
const [shared, script, kind, id] = process.argv.slice(1);
require(shared);
require(script);
const data = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(explorers.figures[kind].content(data, id));
"""


#: Ways to run a step that the benchmark has timed, each a setting of the slider.
PRESETS = (
    "Numba loops", "JAX jit and scan", "PyTorch DataLoader", "scikit-learn", "Keras fit",
    "PyTorch index batches", "PyTorch on a GPU",
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
        "seconds": seconds,
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


#: Where chapters 1, 2 and 4 draw the rows of their line, with their master seed.
LINE_SEED = 42


def line() -> dict[str, Any]:
    """Return the 1,000 points around a line, to five digits: as exact as a picture needs them."""
    X, y = noisy_line(seed=LINE_SEED)
    return {"x": X[:, 0].round(5).tolist(), "y": y.round(5).tolist()}


def nothing() -> dict[str, Any]:
    """Return no data: the figure computes all that it shows."""
    return {}


def three_paths(sweep: dict[str, Any]) -> dict[str, Any]:
    """Return the line, and what a step costs in NumPy."""
    return {**line(), "overhead": time_to_target(sweep)["overhead"]}


def steps_and_rows(sweep: dict[str, Any]) -> dict[str, Any]:
    """Return the median steps of each batch size, and the formula that is fitted to them."""
    times = time_to_target(sweep)
    fitted = [times["batchSizes"].index(entry["batch_size"]) for entry in sweep["smooth"]]
    targets = []
    for entry in times["targets"]:
        sizes, steps = (np.array(of)[fitted] for of in (times["batchSizes"], entry["median"]))
        least, critical = fit_critical_batch_size(sizes, steps)
        target, median = entry["target"], entry["median"]
        targets.append({"target": target, "steps": median, "least": least, "critical": critical})
    return {"rows": times["rows"], "batchSizes": times["batchSizes"], "targets": targets}


#: Learning rates of the slider of the orders.
RATES = tuple(0.001 * 2.0**power for power in range(7))
EPOCHS = 4000  # for each floor, as in the chapter


def four_orders() -> dict[str, Any]:
    """Return the line, the floors of the orders at each rate, and what the rows leave open."""
    rows = line()
    X, y = np.array(rows["x"])[:, None], np.array(rows["y"])
    objective, by_target = LeastSquares(X, y), np.argsort(y, kind="stable")
    drawn = {"seeds": range(EPOCHS)}
    ways: dict[str, dict[str, Any]] = {
        "with_replacement": {"order": "with_replacement", **drawn},
        "shuffle_once": {"order": "shuffle_once", **drawn},
        "reshuffle": {"order": "reshuffle", **drawn},
        "reversed": {"order": "reshuffle", "mirrored": True, **drawn},
    }
    floors = {
        way: resting_gaps(objective, RATES, 40, **options).mean(axis=1).tolist()
        for way, options in ways.items()
    }
    in_order = LeastSquares(X[by_target], y[by_target])
    fixed = resting_gaps(in_order, RATES, 40, order="sequential", seeds=[None])
    floors["sequential"] = fixed.mean(axis=1).tolist()
    # Two weights, and the variance of the noise, over twice the rows.
    variance = 2 * objective.value(objective.solution()) * len(y) / (len(y) - 2)
    return {**rows, "floors": floors, "leftOpen": variance / len(y)}


def rugged_surface(sweep: dict[str, Any]) -> dict[str, Any]:
    """Return the rows behind the rugged loss, its picture, and the basins without noise."""
    X, y = noisy_regression(noise=5, bias=2)
    rows = {"x": X[:, 0].round(5).tolist(), "y": y.round(5).tolist()}
    low, high = sweep["settings"]["bounds"]
    objective = TrigonometricSurface(np.array(rows["x"])[:, None], np.array(rows["y"]))
    *_, losses = loss_grid(objective, ((low, high), (low, high)), points=161)
    heights = np.floor(losses / 400)
    bands = (heights - heights.min()) / (heights.max() - heights.min())
    labels = sweep["units"]["map 0.01 1000"]["labels"]
    names = ("global", "flat", "shallow")
    found = np.array([list(map(int, row)) for row in labels])
    shade = np.where(found < len(names), found, len(PLACES) - 1)
    minima = zip(names, sweep["settings"]["minima"], strict=True)
    return {
        **rows,
        "places": [{"name": name, "at": at} for name, at in minima],
        "bands": as_address(colormaps["viridis"](bands)),
        "basins": as_address(to_rgba_array(PLACES)[shade], scale=4),
    }


def as_address(colours: NDArray[Any], scale: int = 1) -> str:
    """Return an image, whose first row is the lowest, as an address that holds it."""
    pixels = (255 * colours[::-1, :, :3]).astype(np.uint8).repeat(scale, 0).repeat(scale, 1)
    stored = io.BytesIO()
    Image.fromarray(pixels).quantize(64).save(stored, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stored.getvalue()).decode("ascii")


def edge_of_stability(sweep: dict[str, Any]) -> dict[str, Any]:
    """Return the runs of the grid: loss and curvatures at each look, no finer than a line."""
    settings = sweep["settings"]
    rows, looks = settings["rows"], settings["looks"]
    runs = []
    for rate in settings["rates"]:
        for size in settings["batch_sizes"]:
            unit = sweep["units"][f"run {rate} {size}"]
            run = {"rate": rate, "batch": size, "lost": unit["lost"]}
            run["loss"] = [float(f"{loss:.2g}") for loss in unit["loss"]]
            run["sharpness"] = [float(f"{curved:.3g}") for curved in unit["sharpness"]]
            if size < rows:
                run["batchSharpness"] = [float(f"{c:.3g}") for c in unit["batch_sharpness"]]
            runs.append(run)
    choices = {"rates": settings["rates"], "batchSizes": settings["batch_sizes"]}
    return {"rows": rows, "looks": looks, "time": settings["time"], **choices, "runs": runs}


#: Of each figure, what makes its data: of a file that the page names, or of nothing.
FIGURES: dict[str, Callable[..., dict[str, Any]]] = {
    "time-to-target": time_to_target,
    "digit-pad": digit_pad,
    "descent-map": line,
    "one-parabola": nothing,
    "scaled-bowl": nothing,
    "gradient-cloud": line,
    "three-paths": three_paths,
    "steps-and-rows": steps_and_rows,
    "four-orders": four_orders,
    "shuffle-buffer": nothing,
    "rugged-surface": rugged_surface,
    "edge-of-stability": edge_of_stability,
}


def script_of(kind: str) -> Path:
    """Return where the script of a kind of figure lies."""
    return SCRIPTS / f"{kind.replace('-', '_')}.js"


def content(kind: str, data: dict[str, Any], name: str, script: Path | None = None) -> str:
    """Return the HTML that the figure's script makes of the data, without its caption."""
    script = script or script_of(kind)
    command = [katex.NODEJS_BINARY, "--input-type=commonjs", "--eval", CALL, "--"]
    result = subprocess.run(
        [*command, str(SCRIPTS / SHARED), str(script), kind, name],
        input=json.dumps(data),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if result.returncode != 0:
        raise ValueError(f"{script.name} fails: {result.stderr}")
    return result.stdout


class InteractiveFigure(SphinxDirective):
    """Show a figure with controls, numbered and captioned as other figures are."""

    required_arguments = 1
    has_content = True
    option_spec = dict.fromkeys(("name", "data", "set", "quoted"), directives.unchanged_required)

    def run(self) -> list[nodes.Node]:
        """Return the figure, made at its defaults, with its data."""
        kind = self.arguments[0]
        if kind not in FIGURES:
            raise self.error(
                f"there is no interactive figure {kind}; there is {', '.join(FIGURES)}"
            )
        takes_file = bool(signature(FIGURES[kind]).parameters)
        for option in ("name", "data") if takes_file else ("name",):
            if option not in self.options:
                raise self.error(f"the interactive figure {kind} needs a line :{option}:")
        if not self.content:
            raise self.error(f"the interactive figure {kind} needs a caption")
        data = self.reduced(kind) if takes_file else FIGURES[kind]()
        data |= {"set": self.options["set"]} if "set" in self.options else {}
        data |= {"quoted": self.quoted()} if "quoted" in self.options else {}
        figure = nodes.figure(classes=["interactive-figure"], script=script_of(kind).name)
        self.add_name(figure)
        for script in (script_of(kind), SCRIPTS / SHARED):
            self.env.note_dependency(str(script))
        html = content(kind, data, figure["ids"][0])
        stored = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
        figure += nodes.raw(
            "",
            f'<div class="interactive {kind}">{html}\n'
            f'<script type="application/json">{stored}</script>\n</div>',
            format="html",
        )
        figure += nodes.caption("", "", *self.parse_inline("\n".join(self.content))[0])
        return [figure]

    def quoted(self) -> dict[str, str]:
        """Return numbers that the page's notebook prints, by name."""
        printed = notebooks.numbers_of(notebooks.read(Path(self.env.doc2path(self.env.docname))))
        names = [name.strip() for name in self.options["quoted"].split(",")]
        for name in names:
            if name not in printed:
                raise self.error(f"the notebook prints no {name}")
        return {name: printed[name] for name in names}

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
    """Load the scripts of the page's figures, on this page alone."""
    figures = doctree.findall(nodes.figure) if doctree else ()
    scripts = sorted({figure["script"] for figure in figures if "script" in figure})
    for script in [SHARED, *scripts] if scripts else []:
        app.add_js_file(f"interactive/{script}")
    if scripts:
        app.add_css_file("interactive/figure.css")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive with Sphinx."""
    app.add_directive("interactive-figure", InteractiveFigure)
    app.connect("html-page-context", load_on_this_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
