"""Run notebooks and store their outputs, so that every machine stores the same bytes.

    python tools/store_notebooks.py                 # every notebook of the course
    python tools/store_notebooks.py notebooks/01_*  # these only
    python tools/store_notebooks.py --list          # name those that this Python can run whole

A notebook that fails is left as it was stored before, and the command ends with status 1. So is
one whose cells need PyTorch, Keras or JAX where these are missing.
"""

import base64
import io
import json
import os
import re
import sys
import tempfile
import time
from importlib.util import find_spec
from itertools import count, zip_longest
from pathlib import Path

import nbformat
import numpy as np
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}

# How long one cell may take before it counts as hung, in seconds. Not a limit on speed.
HUNG = 600

# compare_figures slides a window of 4 by 4 pixels over both figures and takes the mean absolute
# difference inside it, per colour channel, on the scale 0 to 255. The largest mean counts.
# Measured with Matplotlib 3.11 at 72, 100, 144 and 150 dpi:
#
#   the same figure drawn again, and surfaces, images, log plots after noise       0 to 3
#   contours after relative noise of 1e-15 to 1e-10: a closed line then starts
#   at another of its vertices, and the seam between its ends moves                up to 9.1
#   --- the limit: 12 ---
#   a decimal point gone (at 72 dpi; at 144 dpi: 66)                               16
#   the colour of a band of opacity 0.1                                            28
#   a marker moved by 2 pixels; a line in a similar colour                         43
#   a digit of a tick label, a one-letter label gone, a line in another colour     75 and more
#
# A count of differing pixels does not separate these (seams differ in 22 pixels, a decimal point
# in 4), nor does the root mean square over the figure, which fades with the figure's size.
WINDOW = 4
LIMIT = 12.0

# A figure of measured times differs on every run. In a cell with this tag a readable figure of
# about the stored size is enough; everything else in the cell is compared as in any other.
LIVE_TIMING = "live-timing"
# Tick labels of other lengths change a figure's size a little: by at most this share.
LIVE_SIZE = 0.1

# Cells with this tag need PyTorch, Keras or JAX. `make test` runs notebooks without these cells,
# `make test-frameworks` whole; outputs come from whole runs alone.
FRAMEWORKS = "frameworks"


class NotebookFailed(Exception):
    """A cell did not run to its end."""


class NeedsFrameworks(NotebookFailed):
    """Cells need PyTorch, Keras or JAX, which this Python lacks."""


class ThisInterpreter(AsyncKernelManager):
    """Starts kernels with the Python that runs this file.

    Jupyter would look for a kernel called python3 in the user's folders first, and find one of
    another environment there. Without folders to look in, it falls back on its own interpreter.
    """

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(parent=self, kernel_dirs=[])

    def _transport_encryption_default(self) -> str:
        return "auto"  # else each kernel warns, on our terminal, that others might listen


def course_notebooks() -> list[Path]:
    """Return the paths of the course's notebooks, in order."""
    return sorted(p for p in NOTEBOOKS.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def read(path: Path) -> NotebookNode:
    """Read a notebook, valid or not: nbformat.read would give cells without an id random ones."""
    return nbformat.v4.reads(Path(path).read_text(encoding="utf-8"))


def uses_frameworks(notebook: NotebookNode) -> bool:
    """Whether a notebook has cells that need PyTorch, Keras or JAX."""
    return any(FRAMEWORKS in cell.metadata.get("tags", []) for cell in notebook.cells)


def have_frameworks() -> bool:
    """Whether this Python, which runs the kernels too, has what such cells need."""
    return all(find_spec(name) for name in ("torch", "keras", "jax"))


def needs_other_python(notebook: NotebookNode) -> bool:
    """Whether cells of a notebook cannot run here."""
    return uses_frameworks(notebook) and not have_frameworks()


def refusal(path: Path, command: str) -> str:
    """Return what to do about such a notebook."""
    number = path.stem.partition("_")[0]
    return (
        f"{path.name} has cells that need PyTorch, Keras or JAX: "
        f"make {command} N={number} FRAMEWORKS=yes"
    )


def as_text(notebook: NotebookNode) -> str:
    """Return what the notebook's file holds: nbformat's JSON, which ruff format writes too."""
    nbformat.validate(notebook)
    return nbformat.v4.writes(notebook) + "\n"


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Drop from the notebook, in place, what differs between machines, versions and runs."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    notebook.metadata["language_info"] = {"name": "python"}
    name_cells(notebook.cells)
    for cell in notebook.cells:
        for timing in ("execution", "ExecuteTime"):
            cell.metadata.pop(timing, None)
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                # The rest shows paths of this machine and lines of this Python's library.
                output.traceback = [f"{output.ename}: {output.evalue}"]
    return notebook


def name_cells(cells: list[NotebookNode]) -> None:
    """Give each cell without an id of its own one that says what it is."""
    taken = set()
    for number, cell in enumerate(cells, start=1):
        wanted = cell.get("id")
        if not wanted or wanted in taken:
            wanted = f"{cell.cell_type}-{number:02d}"
            heading = re.match(r"#+\s+(.*)", cell.source)
            if cell.cell_type == "markdown" and heading:
                wanted = re.sub(r"[^a-z0-9]+", "-", heading[1].lower()).strip("-")[:48] or wanted
        names = (wanted if i == 1 else f"{wanted}-{i}" for i in count(1))
        cell["id"] = next(name for name in names if name not in taken)
        taken.add(cell["id"])


def execute(path: Path, *, whole: bool = True) -> NotebookNode:
    """Run a notebook in a fresh kernel and return it with its new outputs, normalised."""
    return run_in_kernel(read(path), Path(path).resolve(), whole=whole)


def run_in_kernel(
    notebook: NotebookNode,
    path: Path,
    *,
    backend: str = "module://matplotlib_inline.backend_inline",
    whole: bool = True,
) -> NotebookNode:
    """Run a notebook as if it lay at the path; with the back end "agg" it draws no figures.

    Where frameworks are missing, the cells that need them are an error, or, if it need not be run
    whole, passed over.
    """
    if whole and needs_other_python(notebook):
        raise NeedsFrameworks(refusal(path, "notebooks"))
    notebook = normalise(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    running = []
    client = NotebookClient(
        notebook,
        kernel_manager_class=ThisInterpreter,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        timeout=HUNG,
        skip_cells_with_tag="" if have_frameworks() else FRAMEWORKS,
        # Where a stream is cut into pieces depends on timing.
        coalesce_streams=True,
        record_timing=False,
        store_widget_state=False,
        on_cell_start=lambda cell, cell_index: running.append(cell_index),
    )
    # A profile of the user's could import or print things before the first cell, another back end
    # of Matplotlib would make every figure vanish, more threads may round otherwise, and settings
    # of Keras and JAX change their number of digits.
    with tempfile.TemporaryDirectory() as profile:
        env = os.environ | {
            "IPYTHONDIR": profile,
            "KERAS_HOME": profile,
            "JAX_ENABLE_X64": "0",
            "MPLBACKEND": backend,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OPENBLAS_CORETYPE": "Haswell",  # any x86 of ten years has these instructions
            "MKL_NUM_THREADS": "1",
        }
        try:
            client.execute(env=env)
        except CellExecutionError as error:
            raise NotebookFailed(
                f"{path.name}, cell {running[-1]}: {error.ename}: {error.evalue}"
            ) from error
        except Exception as error:  # the kernel died, or hung
            where = f"cell {running[-1]}" if running else "before the first cell"
            raise NotebookFailed(
                f"{path.name}, {where}: {error or type(error).__name__}"
            ) from error
    return normalise(notebook)


def store(path: Path) -> bool:
    """Run a notebook and store it with its outputs; return whether its file changed."""
    before = path.read_text(encoding="utf-8")
    text = as_text(execute(path))
    if path.read_text(encoding="utf-8") != before:
        raise NotebookFailed(f"{path.name} was edited while it ran; run it again")
    if text == before:
        return False
    # Written beside and then renamed: an interruption cannot leave half a notebook.
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    os.replace(unfinished, path)
    return True


def figures(notebook: NotebookNode) -> list[tuple[int, bytes]]:
    """Return each stored image with the index of its cell."""
    return [
        (index, image_bytes(mime, data))
        for index, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        for mime, data in output.get("data", {}).items()
        if mime.startswith("image/")
    ]


def image_bytes(mime: str, data: str) -> bytes:
    """Decode an image of an output; SVG is stored as text."""
    return data.encode() if mime == "image/svg+xml" else base64.b64decode(data)


def compare_figures(stored: bytes, fresh: bytes, *, live: bool = False) -> str:
    """Return how two figures visibly differ, or "" if they do not (see LIMIT).

    Of a live figure only the size is compared, roughly.
    """
    if stored == fresh:
        return ""
    if not stored.startswith(b"\x89PNG") or not fresh.startswith(b"\x89PNG"):
        return "not both PNG, and not the same bytes"
    try:
        old, new = (
            np.asarray(Image.open(io.BytesIO(image)).convert("RGBA"), dtype=np.int64)
            for image in (stored, fresh)
        )
    except OSError as error:
        return f"not readable: {error}"
    if old.shape != new.shape:
        change = np.abs(np.array(new.shape) / old.shape - 1).max()
        if live and change <= LIVE_SIZE:
            return ""
        return f"size {old.shape[1]}×{old.shape[0]} became {new.shape[1]}×{new.shape[0]} pixels"
    if live:
        return ""
    means = window_means(np.abs(old - new))
    if means.max() <= LIMIT:
        return ""
    y, x, _ = np.unravel_index(means.argmax(), means.shape)
    return f"pixels near ({x}, {y}) differ by {means.max():.0f} of 255 levels"


def window_means(values: np.ndarray) -> np.ndarray:
    """Return the mean of every WINDOW × WINDOW window, for each channel."""
    sums = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0), (0, 0)))
    k = WINDOW
    return (sums[k:, k:] - sums[:-k, k:] - sums[k:, :-k] + sums[:-k, :-k]) / k**2


def compare_notebooks(stored: NotebookNode, fresh: NotebookNode) -> list[str]:
    """Return where a notebook's outputs are no longer those that it stores.

    Text must agree to the letter, figures to the eye. A cell tagged nbval-ignore-output, which
    prints what no two machines agree on, is left out, and so is one that was passed over because
    it needs a framework. In a cell tagged live-timing, which draws measured times, the figure's
    pixels are left out, and nothing else.
    """
    problems = []
    for index, (old, new) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        tags = old.metadata.get("tags", [])
        if old.cell_type != "code" or "nbval-ignore-output" in tags:
            continue
        if FRAMEWORKS in tags and new.execution_count is None:
            continue
        if without_images(old.outputs) != without_images(new.outputs):
            problems.append(f"cell {index}: {first_difference(old.outputs, new.outputs)}")
            continue
        live = LIVE_TIMING in tags
        pairs = zip(only_figures(old), only_figures(new), strict=True)
        problems += [
            f"cell {index}: {difference}"
            for old_figure, new_figure in pairs
            if (difference := compare_figures(old_figure, new_figure, live=live))
        ]
    return problems


def only_figures(cell: NotebookNode) -> list[bytes]:
    """Return the images of one cell."""
    return [image for _, image in figures(NotebookNode(cells=[cell]))]


def without_images(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Return outputs with each image reduced to its type, and without counts."""
    return [
        {
            key: {m: "" if m.startswith("image/") else v for m, v in value.items()}
            if key == "data"
            else value
            for key, value in output.items()
            if key != "execution_count"
        }
        for output in outputs
    ]


def first_difference(old: list[NotebookNode], new: list[NotebookNode]) -> str:
    """Say which output is the first that differs, and how."""
    pairs = zip_longest(without_images(old), without_images(new))
    number, (before, after) = next(
        (i, pair) for i, pair in enumerate(pairs, start=1) if pair[0] != pair[1]
    )
    return f"output {number} was {brief(before)}, is {brief(after)}"


def brief(output: dict | None) -> str:
    """Return an output on one line, for a message."""
    line = json.dumps(output, ensure_ascii=False)
    return line if len(line) <= 1000 else line[:1000] + " …"


def main(arguments: list[str]) -> int:
    """Store the named notebooks, or all; return the number of the process's exit status."""
    if arguments == ["--list"]:
        paths = (path for path in course_notebooks() if not needs_other_python(read(path)))
        print(*(path.relative_to(NOTEBOOKS.parent) for path in paths))
        return 0
    paths = [Path(argument) for argument in arguments] or course_notebooks()
    if not paths:
        print(f"no notebooks in {NOTEBOOKS}", file=sys.stderr)
        return 1
    failed = 0
    for path in paths:
        start = time.perf_counter()
        try:
            result = "stored" if store(path) else "unchanged"
        except NeedsFrameworks as error:  # which is no failure where it was not asked for
            result, failed = f"LEFT AS IT IS: {error}", failed or int(bool(arguments))
        except (NotebookFailed, OSError, ValueError, nbformat.ValidationError) as error:
            result, failed = f"FAILED: {error}", 1
        print(f"{path.name:32} {time.perf_counter() - start:6.1f} s  {result}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
