"""Run notebooks in other worlds, and store what becomes of their numbers.

A world is a master seed. A world that has been run is kept at once, so that an interrupted run
goes on where it stopped; what is kept belongs to the notebook's code and to the library's.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from tqdm import tqdm

from replications import notebooks
from replications.notebooks import HERE
from sweeps import store
from tools import store_notebooks

SWEEPS = notebooks.ROOT / "sweeps"

#: Of honest numbers 2 in 31 still fall outside the range of thirty others.
WORLDS = 30


def numbers_in_world(path: Path, seed: int) -> dict[str, str]:
    """Run a notebook under another master seed and return its quoted texts by name."""
    notebook = notebooks.in_world(notebooks.read(path), seed)
    return notebooks.numbers_of(store_notebooks.run_in_kernel(notebook, path, backend="agg"))


def other_worlds_of_sweeps() -> int:
    """Return how many other master seeds the sweeps have been measured with."""
    found = {path.stem.rpartition("_seed_")[0] for path in SWEEPS.glob("*_seed_*.json")}
    counts = {len(list(SWEEPS.glob(f"{sweep}_seed_*.json"))) for sweep in found}
    if len(counts) > 1:
        raise ValueError(f"every sweep must have equally many other worlds, not {sorted(counts)}")
    return counts.pop() if counts else 0


def sources(notebook: nbformat.NotebookNode) -> str:
    """Return a fingerprint of what a notebook's numbers depend on beside its own code."""
    files = sorted(Path(notebooks.ROOT, "mbgd_lib").rglob("*.py"))
    if any("stored_sweep" in source for source in notebooks.code_of(notebook)):
        files += [path for path in sorted(SWEEPS.glob("*.json")) if "progress" not in path.name]
    content = b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(content).hexdigest()[:16]


def replicate(paths: Sequence[Path], seeds: Sequence[int], folder: Path = HERE) -> None:
    """Run each notebook in each world, side by side on all cores, and store the results."""
    kept = {path: done_before(path, folder) for path in paths}
    # World by world, so that a failure shows early.
    jobs = [(path, seed) for seed in seeds for path in paths if str(seed) not in kept[path]]
    total = len(paths) * len(seeds)
    with (
        ProcessPoolExecutor() as workers,
        tqdm(total=total, initial=total - len(jobs), unit="run", desc="replicating") as bar,
    ):
        runs = {workers.submit(numbers_in_world, *job): job for job in jobs}
        try:
            for finished in as_completed(runs):
                path, seed = runs[finished]
                kept[path][str(seed)] = finished.result()
                keep(path, kept[path], folder)
                bar.update()
        except BaseException:
            workers.shutdown(cancel_futures=True)  # what is done is kept
            raise
    for path in paths:
        worlds = {seed: kept[path][str(seed)] for seed in seeds}
        store.save(path.stem, summary(path, worlds), folder)


def progress_name(path: Path) -> str:
    return f"{path.stem}.progress"


def fingerprint(path: Path) -> str:
    notebook = notebooks.read(path)
    return f"{notebooks.checksum(notebook)} {sources(notebook)}"


def done_before(path: Path, folder: Path) -> dict[str, dict[str, str]]:
    """Return the worlds of this notebook that an earlier run has kept."""
    if not (folder / f"{progress_name(path)}.json").exists():
        return {}
    before = store.load(progress_name(path), folder)
    return before["worlds"] if before["of"] == fingerprint(path) else {}


def keep(path: Path, worlds: dict[str, dict[str, str]], folder: Path) -> None:
    store.save(progress_name(path), {"of": fingerprint(path), "worlds": worlds}, folder)


def summary(path: Path, worlds: dict[int, dict[str, str]]) -> dict[str, Any]:
    """Return what is stored: for each number, what it depends on, and what it came to."""
    printed = notebooks.numbers_of(notebooks.read(path))
    sweep_worlds = other_worlds_of_sweeps()
    numbers = {}
    for name, here in printed.items():
        values = [numbers_there[name] for numbers_there in worlds.values()]
        numbers[name] = {
            "depends_on": (of := depends_on(here, values, list(worlds), sweep_worlds)),
            "values": values[: {"nothing": 1, "sweep": sweep_worlds}.get(of, len(values))],
        }
    return {
        "notebook": path.relative_to(notebooks.ROOT).as_posix(),
        "code": notebooks.checksum(notebooks.read(path)),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "seeds": list(worlds),
        "numbers": numbers,
    }


def depends_on(here: str, values: Sequence[str], seeds: Sequence[int], sweep_worlds: int) -> str:
    """Return whether a number comes out otherwise with the seed, with the sweep's, or never.

    Stored sweeps take turns in answering for the worlds. A number that repeats in just their
    rhythm, and is no constant, depends on nothing else.
    """
    if set(values) == {here}:
        return "nothing"
    if sweep_worlds and list(seeds) == list(range(1, len(seeds) + 1)) and len(seeds) > sweep_worlds:
        rhythm = [values[i % sweep_worlds] for i in range(len(values))]
        if list(values) == rhythm and len(set(values)) > 1:
            return "sweep"
    return "seed"


def one_thread_each() -> None:
    """Let BLAS use one core, since the worlds fill the others."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
