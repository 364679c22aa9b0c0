"""Run notebooks in other worlds, and store what becomes of their numbers.

A world is a master seed. A world that has been run is kept at once, so that an interrupted run
goes on where it stopped; what is kept belongs to the notebook's code, and to the library and the
sweeps that it uses.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from tqdm import tqdm

from mbgd_lib.data import other_worlds
from replications import notebooks
from replications.notebooks import HERE
from sweeps import store
from tools import store_notebooks

SWEEPS = notebooks.ROOT / "sweeps"

#: So many other master seeds are run. Of honest numbers 2 in 26 still fall outside the range of
#: twenty-five others.
RUNS = 25


class WorldFailed(Exception):
    """A notebook did not run to its end under another master seed."""


def numbers_in_world(path: Path, seed: int) -> dict[str, str]:
    """Run a notebook under another master seed and return its quoted texts by name."""
    notebook = notebooks.in_world(notebooks.read(path), seed)
    try:
        run = store_notebooks.run_in_kernel(notebook, path, backend="agg")
    except store_notebooks.NotebookFailed as error:
        raise WorldFailed(f"with SEED = {seed}: {error}") from None
    return notebooks.numbers_of(run)


def loads_sweeps(notebook: nbformat.NotebookNode) -> bool:
    return any("stored_sweep" in source for source in notebooks.code_of(notebook))


def worlds_of_sweeps() -> int:
    """Return how many other master seeds the sweeps have been measured with."""
    counts = set()
    for path in SWEEPS.glob("*_seed_1.json"):
        sweep = path.with_name(path.name.replace("_seed_1", ""))
        for seed, other in enumerate(other_worlds(sweep), start=1):
            if json.loads(other.read_text(encoding="utf-8"))["settings"]["seed"] != seed:
                raise ValueError(f"{other.name} must be the result of the master seed {seed}")
        counts.add(len(other_worlds(sweep)))
    if len(counts) > 1:
        raise ValueError(f"every sweep must have equally many other worlds, not {sorted(counts)}")
    return counts.pop() if counts else 0


def fingerprint(path: Path) -> str:
    """Return what changes with all that a notebook's numbers depend on."""
    notebook = notebooks.read(path)
    files = sorted(Path(notebooks.ROOT, "mbgd_lib").rglob("*.py"))
    if loads_sweeps(notebook):
        files += [file for file in sorted(SWEEPS.glob("*.json")) if "progress" not in file.name]
    content = b"".join(file.read_bytes() for file in files)
    return f"{notebooks.checksum(notebook)} {hashlib.sha256(content).hexdigest()[:16]}"


def replicate(
    paths: Sequence[Path],
    seeds: Sequence[int],
    folder: Path = HERE,
    *,
    workers: int | None = None,
) -> None:
    """Run each notebook in each world, side by side on all cores, and store the results."""
    sweep_worlds = worlds_of_sweeps()
    records = {path: Record(path, folder) for path in paths}
    # World by world, so that a failure shows early.
    jobs = [(path, seed) for seed in seeds for path in paths if seed not in records[path].worlds]
    total = len(paths) * len(seeds)
    failures = []
    with (
        tqdm(total=total, initial=total - len(jobs), unit="run", desc="replicating") as bar,
        ProcessPoolExecutor(workers) as pool,
    ):
        runs = {pool.submit(numbers_in_world, *job): job for job in jobs}
        try:
            for finished in as_completed(runs):
                path, seed = runs[finished]
                try:
                    records[path].add(seed, finished.result())
                except WorldFailed as failure:
                    failures.append(str(failure))
                bar.update()
        except BaseException:  # what is done is kept, and the rest need not be waited for
            pool.shutdown(cancel_futures=True)
            raise
    if failures:
        raise WorldFailed("\n".join(failures))
    for record in records.values():
        record.store(seeds, sweep_worlds)


class Record:
    """What is known so far of one notebook in other worlds, in memory and on disk."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        self.of = fingerprint(path)
        self.progress = f"{path.stem}.progress"
        self.worlds: dict[int, dict[str, str]] = {}
        if (folder / f"{self.progress}.json").exists():
            before = store.load(self.progress, folder)
            if before["of"] == self.of:
                self.worlds = {int(seed): numbers for seed, numbers in before["worlds"].items()}

    def add(self, seed: int, numbers: dict[str, str]) -> None:
        """Keep one world, on disk at once.

        Raises
        ------
        ValueError
            If the notebook, the library or a sweep was changed since the run began.
        """
        if fingerprint(self.path) != self.of:
            raise ValueError(f"{self.path.name}, the library or a sweep has changed: run it again")
        self.worlds[seed] = numbers
        store.save(self.progress, {"of": self.of, "worlds": self.worlds}, self.folder)

    def store(self, seeds: Sequence[int], sweep_worlds: int) -> None:
        """Store the result; what was kept for an interruption goes."""
        worlds = {seed: self.worlds[seed] for seed in seeds}
        store.save(self.path.stem, summary(self.path, worlds, sweep_worlds), self.folder)


def summary(path: Path, worlds: dict[int, dict[str, str]], sweep_worlds: int) -> dict[str, Any]:
    """Return what is stored: for each number, what it depends on, and what it came to."""
    notebook = notebooks.read(path)
    printed = notebooks.numbers_of(notebook)
    for seed, found in worlds.items():
        if set(found) != set(printed):
            raise ValueError(
                f"{path.name} must store the outputs of its code, but with SEED = {seed} "
                f"it quotes {sorted(set(found) ^ set(printed))} otherwise: run `make notebooks`"
            )
    numbers = {}
    for name, here in printed.items():
        values = [found[name] for found in worlds.values()]
        of = depends_on(here, values, sweep_worlds if loads_sweeps(notebook) else 0)
        count = {"nothing": 1, "sweep": sweep_worlds, "seed": len(values)}[of]
        numbers[name] = {"depends_on": of, "values": values[:count]}
    return {
        "notebook": path.relative_to(notebooks.ROOT).as_posix(),
        "code": notebooks.checksum(notebook),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "seeds": list(worlds),
        "numbers": numbers,
    }


def depends_on(here: str, values: Sequence[str], sweep_worlds: int) -> str:
    """Return whether a number comes out otherwise with the seed, with the sweep's, or never.

    Stored sweeps take turns in answering for the worlds 1, 2, 3 … A number that repeats in just
    their rhythm depends on nothing else.
    """
    if set(values) == {here}:
        return "nothing"
    in_rhythm = all(
        values[i] == values[i % sweep_worlds] for i in range(len(values)) if sweep_worlds
    )
    return "sweep" if 0 < sweep_worlds < len(values) and in_rhythm else "seed"
