"""Results on disk: a unit of work that is done is never done again, nor lost."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def name_of(sweep: str, seed: int) -> str:
    """Return under which name a sweep's result is stored: the chapters' own one, or another's."""
    return sweep if seed == 0 else f"{sweep}_seed_{seed}"


def load(name: str, folder: Path = HERE) -> dict[str, Any]:
    """Return the stored result of a sweep."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def save(name: str, result: dict[str, Any], folder: Path = HERE) -> None:
    """Store a result: written beside, then renamed, so that there is never half of one."""
    unfinished = folder / f".{name}.json.unfinished"
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False)
    unfinished.write_text(_lists_on_one_line(text) + "\n", encoding="utf-8")
    os.replace(unfinished, folder / f"{name}.json")
    (folder / f"{name}.progress.json").unlink(missing_ok=True)  # it is all in the result


def in_units(
    name: str,
    settings: dict[str, Any],
    units: dict[str, Callable[[dict[str, Any]], Any]],
    folder: Path = HERE,
) -> dict[str, Any]:
    """Run each unit once, keep what is done in a file, and return all results by name.

    A unit is called with the results of those before it. After an interruption the next call
    goes on where the last one stopped, unless the settings have changed. What is kept goes when
    the result is saved.
    """
    progress = f"{name}.progress"
    done: dict[str, Any] = {}
    if (folder / f"{progress}.json").exists():
        before = load(progress, folder)
        if before["settings"] == settings:
            done = before["done"]
    for unit, work in units.items():
        if unit not in done:
            # Through JSON, so that a unit sees the same numbers before and after an interruption.
            done[unit] = json.loads(json.dumps(work(done)))
            save(progress, {"settings": settings, "done": done}, folder)
    return done


def without_results(work: Callable[[], Any]) -> Callable[[dict[str, Any]], Any]:
    """Return a unit that does not ask for the results of those before it."""
    return lambda done: work()


def save_units(
    sweep: str,
    settings: dict[str, Any],
    units: dict[str, Callable[[dict[str, Any]], Any]],
    folder: Path = HERE,
) -> None:
    """Run a sweep whose result is its settings and what each unit found, and store it."""
    name = name_of(sweep, settings["seed"])
    save(name, {"settings": settings, "units": in_units(name, settings, units, folder)}, folder)


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


def machine() -> dict[str, Any]:
    """Return what times depend on."""
    return {
        "processor": processor(),
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "blas_threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }


def processor() -> str:
    """Return the processor's name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _lists_on_one_line(text: str) -> str:
    """Put lists of numbers on one line each, which keeps the file short and its diffs readable."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        bare = line.strip()
        if inside and bare not in ("]", "],") and not bare.endswith(("{", "[")):
            lines[-1] += ("" if lines[-1].endswith("[") else " ") + bare
        elif inside and bare in ("]", "],"):
            lines[-1] += bare
            inside = False
        else:
            lines.append(line)
            inside = False
        if bare.endswith("["):
            inside = True
    return "\n".join(lines)
