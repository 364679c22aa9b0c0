"""The gradient noise scale along many runs, at tuned and at smaller rates.

Softmax regression on the MNIST sample, as in the sweep over batch sizes. Each run goes to the
last target of that sweep. On the way it is looked at, at every early step and then at every so
many: the squared length of the gradient over all rows, the trace of the rows' covariance, and
both weighted by the curvature. And at every step, what the batch alone says of the first two.

The result holds, for each run and target, the "steps" to it, and averages over these steps:
"plain" and "curved" of the squared length, of the trace, and of their quotient; "batch" of what
the batches say of squared length and trace.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from mbgd_lib import steps as make_loop
from mbgd_lib.instruments import noise, worlds
from sweeps import batch_size, store
from sweeps.store import say, without_results

NAME = "noise_scale"

SETTINGS: dict[str, Any] = {
    "data": batch_size.SETTINGS["data"],
    "targets": batch_size.SETTINGS["targets"],
    # A batch size, the rate at which it is fastest, and at each share of it the steps per look.
    "tuned": {"64": 2**-0.5, "512": 2**0.5},
    "shares": [1, 0.5, 0.25],
    "looks_every": {"64": [10, 10, 20], "512": [4, 5, 10]},
    "seeds": list(range(20)),
    "parts": 8,  # a batch is cut into so many, which are the small batches of the estimate
    "hessian_rows": 512,  # whose noise is weighted by the curvature over all rows
    "first_looks": 16,  # at so many steps; from then on at every so many
    "most_steps": 4000,
    "seed": 0,  # the master seed, which shifts all seeds
}


def of_batches(training: Any, step: Any) -> tuple[float, float]:
    """Return what a step's batch, whole and in parts, says of the gradient and of its noise.

    Rows of an epoch exclude each other, so a batch of B has the variance s² (1/B - 1/n), s² being
    the rows' variance with n - 1 in its denominator.
    """
    n, parts = training.n_rows, SETTINGS["parts"]
    same = np.broadcast_to(step.before, (parts, *step.before.shape))
    gradients = training.gradients(same, step.rows.reshape(parts, -1)).astype(np.float64)
    large, small = step.rows.size, step.rows.size // parts
    of_large = float(np.sum(gradients.mean(axis=0) ** 2))
    of_small = float(np.mean(np.sum(gradients**2, axis=(1, 2))))
    variance = (of_small - of_large) / (1 / small - 1 / large)
    return of_large - variance * (1 / large - 1 / n), variance * (n - 1) / n


def run_of(size: int, rate: float, every: int, seed: int) -> list[dict[str, Any]]:
    """Return what a run has found on its way to each target."""
    training, validation = batch_size.objectives()
    (seed,) = worlds.seeds(SETTINGS["seed"], 1, first=seed)
    zeros = np.zeros(training.weights_shape, dtype=np.float32)
    loop = make_loop(
        training, zeros, learning_rate=rate, batch_size=size, seed=[seed, size, round(1000 * rate)]
    )
    places, made, losses, estimates = [], [], [], []
    for step in loop:
        before = step.number - 1
        if before < SETTINGS["first_looks"] or before % every == 0:
            places.append(step.before)
            made.append(before)
            losses.append(validation.value(step.before))
            if losses[-1] <= SETTINGS["targets"][-1] or before > SETTINGS["most_steps"]:
                break
        estimates.append(of_batches(training, step))
    rows = np.random.default_rng([seed, size]).choice(
        training.n_rows, SETTINGS["hessian_rows"], replace=False
    )
    some = [places[i : i + 16] for i in range(0, len(places), 16)]  # more at once take memory
    parts = np.concatenate([noise.softmax_noise_parts(training, part, rows) for part in some])
    found = []
    for target in SETTINGS["targets"]:
        arrived = int(np.argmax(np.array(losses) <= target))
        spans = np.diff(made[: arrived + 1])  # a look stands for the steps up to the next
        averages = {
            name: np.average(with_ratio(parts[:arrived, columns]), axis=0, weights=spans)
            for name, columns in (("plain", slice(0, 2)), ("curved", slice(2, 4)))
        }
        averages["batch"] = np.mean(estimates[: made[arrived]], axis=0)
        found.append(
            {"steps": made[arrived]} | {name: rounded(of) for name, of in averages.items()}
        )
    return found


def with_ratio(pairs: Any) -> Any:
    """Return squared lengths and traces, and beside them the second over the first."""
    return np.column_stack([pairs, pairs[:, 1] / pairs[:, 0]])


def rounded(numbers: Any) -> list[float]:
    """Return the numbers to four digits, which is more than a machine's rounding leaves alike."""
    return [float(f"{number:.4g}") for number in numbers]


def cell(size: int, share: float, every: int) -> dict[str, Any]:
    """Return the runs of a batch size at a share of its tuned rate."""
    rate = SETTINGS["tuned"][str(size)] * share
    runs = [run_of(size, rate, every, seed) for seed in SETTINGS["seeds"]]
    last = [found[-1]["steps"] for found in runs]
    say(f"B={size}, rate {rate:.3f}: {min(last)} to {max(last)} steps")
    return {"batch_size": size, "rate": rate, "share": share, "runs": runs}


def run(timings_only: bool = False) -> None:
    """Run the sweep and store its result; it measures no times."""
    if timings_only:
        return
    units = {
        f"{size} {share}": without_results(partial(cell, int(size), share, every))
        for size, each in SETTINGS["looks_every"].items()
        for share, every in zip(SETTINGS["shares"], each, strict=True)
    }
    name = store.name_of(NAME, SETTINGS["seed"])
    done = store.in_units(name, SETTINGS, units)
    store.save(name, {"settings": SETTINGS, "cells": [done[unit] for unit in units]})
