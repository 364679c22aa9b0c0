"""Run every contender in turn, round after round, and note times, losses and the machine."""

from __future__ import annotations

import datetime
import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks.contenders import OURS, Contender, Problem
from mbgd_lib.mnist import load_mnist
from sweeps.store import processor

BATCH_SIZES = (1, 8, 32, 64, 256, 1024, 8192, 60000)
PROBED_ROWS = 2000
PACKAGES = ("numpy", "scikit-learn", "torch", "keras", "jax", "numba")

Results = dict[str, Any]
Say = Callable[[str], None]


class UnequalWork(AssertionError):
    """A contender that claims our steps ends at another loss."""


# --- problems ---


def mnist() -> Problem:
    """All training images of MNIST, or made-up rows of their size where there is no copy."""
    try:
        images, labels = load_mnist("full", split="train")
    except OSError as error:
        print(f"No MNIST, so made-up rows instead: {error}")
        return made_up(60000, 784, 10)
    X = images.astype(np.float32) / 255
    return Problem(X, labels, 10, f"MNIST, {len(X):,} × {X.shape[1]} float32")


def made_up(n: int, n_features: int, n_classes: int, seed: int = 0) -> Problem:
    """Rows between 0 and 1, four fifths of them 0 as MNIST's are, labelled by a noisy rule."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, n_features), dtype=np.float32)
    X *= rng.random((n, n_features), dtype=np.float32) < 0.2
    rule = rng.standard_normal((n_features, n_classes), dtype=np.float32)
    noise = rng.standard_normal((n, n_classes), dtype=np.float32)
    labels = (X @ rule + noise).argmax(axis=1)
    return Problem(X, labels, n_classes, f"made-up rows, {n:,} × {n_features} float32")


def loss(problem: Problem, weights: np.ndarray) -> float:
    """The mean cross-entropy over all rows, in float64: one measure for everybody."""
    scores = problem.X @ weights[1:].astype(np.float64) + weights[0]
    scores -= scores.max(axis=1, keepdims=True)
    of_labels = scores[np.arange(len(scores)), problem.labels]
    return float((np.log(np.exp(scores).sum(axis=1)) - of_labels).mean())


# --- measuring ---


def measure(
    problem: Problem,
    contenders: Sequence[Contender],
    batch_sizes: Sequence[int],
    *,
    rounds: int,
    budget: float,
    say: Say = print,
) -> Results:
    """Time an epoch of each contender at each batch size, in every round.

    A contender whose epoch would take more than `budget` seconds, by an estimate from a
    part of the rows, is left out and the estimate noted.
    """
    before = load_average()
    running = [contender for contender in contenders if contender.installed]
    entries = {}
    for batch_size in batch_sizes:
        for contender in running:
            estimate = estimated_seconds(contender, problem, batch_size)
            entries[contender.name, batch_size] = {
                "contender": contender.name,
                "batch_size": batch_size,
                "estimate": estimate,
                "seconds": [],
                "loss": None,
            }
            plan = "" if estimate <= budget else "  over the budget: left out"
            say(progress("estimate", contender, batch_size, estimate) + plan)
    for turn in range(rounds):
        for batch_size in batch_sizes:
            for contender in running:
                entry = entries[contender.name, batch_size]
                if entry["estimate"] > budget:
                    continue
                epoch = contender.prepare(problem, batch_size)
                seconds, weights = timed(epoch)
                entry["seconds"].append(seconds)
                entry["loss"] = loss(problem, weights)
                say(progress(f"round {turn + 1}/{rounds}", contender, batch_size, seconds))
    return {
        "data": problem.name,
        "rows": len(problem.X),
        "learning_rate": problem.learning_rate,
        "start_loss": loss(problem, problem.zeros),
        "rounds": rounds,
        "budget": budget,
        "batch_sizes": list(batch_sizes),
        "machine": machine(),
        "load_before": before,
        "contenders": [described(contender) for contender in contenders],
        "measurements": list(entries.values()),
    }


def progress(what: str, contender: Contender, batch_size: int, seconds: float) -> str:
    return f"{what:9} B={batch_size:<6,} {contender.name:24} {seconds:9.3f} s"


def timed(epoch: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    weights = epoch()
    return time.perf_counter() - start, weights


def estimated_seconds(contender: Contender, problem: Problem, batch_size: int) -> float:
    """From some whole batches and a partial one of the epoch's sizes; this warms up, too."""
    n = len(problem.X)
    whole = -(-min(PROBED_ROWS, n) // batch_size) * batch_size
    part = problem.first(min(n, whole + n % batch_size))
    seconds, _ = timed(contender.prepare(part, batch_size))
    return seconds * n / len(part.X)


def require_equal_work(results: Results) -> None:
    """Raise where a contender's loss ends further from ours than its tolerance allows."""
    losses = {(m["contender"], m["batch_size"]): m["loss"] for m in results["measurements"]}
    for contender in results["contenders"]:
        for batch_size in results["batch_sizes"]:
            theirs, our = (
                losses.get((name, batch_size)) for name in (contender["name"], OURS.name)
            )
            if theirs is None or our is None or contender["tolerance"] is None:
                continue
            allowed = contender["tolerance"] * (results["start_loss"] - our)
            # Not `>`: a loss that is not a number is unequal, too.
            if not abs(theirs - our) <= allowed:
                raise UnequalWork(
                    f"{contender['name']} ends at the loss {theirs:.6g} with batches of "
                    f"{batch_size}, ours at {our:.6g}; allowed is a difference of {allowed:.2g}"
                )


# --- what is noted about the run ---


def described(contender: Contender) -> Results:
    return {
        "name": contender.name,
        "note": contender.note,
        "tolerance": contender.tolerance,
        "installed": contender.installed,
    }


def machine() -> Results:
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {name: installed_version(name) for name in PACKAGES},
        "threads": threads(),
    }


def installed_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def threads() -> dict[str, int | None]:
    """How many threads each pool has; XLA, which runs JAX and Keras, takes every core."""
    pools = {
        f"{pool['internal_api']} ({Path(pool['filepath']).name.split('-')[0].split('.')[0]})": pool[
            "num_threads"
        ]
        for pool in threadpool_info()
    }
    if installed_version("jax") is not None:
        pools["XLA"] = os.cpu_count()
    return pools


def load_average() -> float | None:
    """How many programs wanted to run in the last minute, where the system tells."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
