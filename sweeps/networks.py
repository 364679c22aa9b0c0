"""Steps to target losses against the batch size, for a small network and three update rules.

A network with one hidden layer reads the digits of the MNIST sample, each image shrunk to 14 by 14
pixels. Cases differ from the first, plain descent of 32 tanh units over 8,192 rows, by what their
names say. Each case gets its own best rate for each batch size and target, tuned on some seeds;
steps are counted on others.

The result holds "cases": for each its "batch_sizes", each with the "rates" that were tried (with
the steps of each tuning seed to each target; null is: not reached), "by_target", the best rate and
the steps of the fresh seeds at it, and "seconds_per_step". In "warm_up", the rates of some rules
and batch sizes are tuned anew with a learning rate that rises over so many first steps.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from mbgd_lib import Adam, Momentum, Network, Softmax, steps
from mbgd_lib.instruments import worlds
from mbgd_lib.instruments.targets import checkpoints, losses_at
from mbgd_lib.mnist import load_mnist, shrink
from mbgd_lib.schedules import warm_up
from sweeps import store, tuning
from sweeps.store import say

NAME = "networks"

SETTINGS: dict[str, Any] = {
    "data": "MNIST sample, 2 x 2 pixels averaged, divided by 255, float32",
    "training_rows": 8192,  # the first of the 10,000
    "few_rows": 2048,
    "validation_rows": 1808,  # the last
    "hidden": 32,
    "wide": 128,
    "momentum": 0.9,
    "targets": [0.45, 0.38, 0.3],
    # Case, the batch sizes that it is measured at, and how many of the targets it can reach.
    "cases": {
        "plain": [[2**i for i in range(3, 13)], 3],
        "momentum": [[2**i for i in range(3, 13)], 3],
        "Adam": [[2**i for i in range(3, 13)], 3],
        "linear": [[2**i for i in range(3, 13, 2)], 2],
        "ReLU": [[2**i for i in range(3, 13, 2)], 3],
        "wide": [[2**i for i in range(3, 13, 2)], 3],
        "few rows": [[2**i for i in range(3, 13, 2)], 1],
    },
    "warm_up": {"sizes": [64, 2048], "steps": [10, 40], "rules": ["plain", "momentum", "Adam"]},
    # Rates are powers of this, tried outwards from the last batch size's best rate.
    "rate_factor": 2**0.5,
    "first_rates": {"momentum": 2**-5, "Adam": 2**-8},  # of the smallest batch; else 2**-2
    "tuning_seeds": list(range(4)),
    "seeds": list(range(100, 107)),
    "look_spacing": 0.05,
    "give_up_after": 2,  # times the steps of the best rate so far
    "seed": 0,  # the master seed, which shifts all seeds
}

#: How a step is timed: in each round, about so many rows, but at most so many steps.
TIMING: dict[str, Any] = {"rounds": 15, "rows": 8192, "steps": 200}

#: Steps that are known to do for the smallest batches.
MOST = 5_000

RULES = {"momentum": Momentum(SETTINGS["momentum"]), "Adam": Adam()}


@cache
def objectives(case: str) -> tuple[Any, Any]:
    """Return the losses over the case's training rows and over the validation rows."""
    images, labels = load_mnist("sample", split="train")
    X, rows = shrink(images), SETTINGS["few_rows" if case == "few rows" else "training_rows"]
    parts = slice(0, rows), slice(SETTINGS["training_rows"], None)
    if case == "linear":
        made = [Softmax(X[part], labels[part], n_classes=10) for part in parts]
    else:
        hidden = SETTINGS["wide" if case == "wide" else "hidden"]
        kind = "relu" if case == "ReLU" else "tanh"
        made = [
            Network(X[part], labels[part], hidden, activation=kind, n_classes=10) for part in parts
        ]
    return made[0], made[1]


def start(case: str, seed: int) -> Any:
    """Return a run's first weights: zero for the linear model, else random."""
    training, _ = objectives(case)
    if case == "linear":
        return np.zeros(training.weights_shape, np.float32)
    return training.start(seed, np.float32)


def settings_of(case: str, batch_size: int, rate: float, rising: int = 0) -> dict[str, Any]:
    """Return what `steps` is told, with a rate that rises over the first steps or is constant."""
    return {
        "learning_rate": rate,
        "batch_size": batch_size,
        "update": RULES.get(case),
        "schedule": warm_up(rising) if rising else None,
    }


def first_steps(
    case: str, batch_size: int, rate: float, seed: int, most: int, rising: int = 0
) -> list[int | None]:
    """Return, for each target, the steps to the first look at or below it; None is: not reached."""
    (training, validation), looks = objectives(case), checkpoints(most, SETTINGS["look_spacing"])
    targets = SETTINGS["targets"][: SETTINGS["cases"][case][1]]
    found: list[int | None] = [None] * len(targets)
    losses = losses_at(
        looks,
        training,
        start(case, seed),
        validation,
        seed=[seed, batch_size],
        **settings_of(case, batch_size, rate, rising),
    )
    for look, loss in zip(looks, losses, strict=True):
        if not np.isfinite(loss):
            break
        found = [
            look if step is None and loss <= target else step
            for step, target in zip(found, targets, strict=True)
        ]
        if None not in found:
            break
    return found


def seeds_for(seeds: Sequence[int]) -> list[int]:
    """Return the seeds to run, in this master seed's world."""
    return [worlds.seeds(SETTINGS["seed"], 1, first=seed)[0] for seed in seeds]


def rate_of(power: int) -> float:
    return float(SETTINGS["rate_factor"] ** power)


def power_of(rate: float) -> int:
    return round(np.log(rate) / np.log(SETTINGS["rate_factor"]))


def measure(
    case: str, batch_size: int, first: int, known: float, rising: int = 0
) -> dict[str, Any]:
    """Tune the rate on some seeds, from power `first` on, then count steps on others.

    A run is given up for which `known` steps, those of a smaller batch, are far too few.
    """

    def attempt(power: int, least: float) -> tuning.Steps:
        most = int(SETTINGS["give_up_after"] * min(least, known))
        return [
            first_steps(case, batch_size, rate_of(power), seed, most, rising)
            for seed in seeds_for(SETTINGS["tuning_seeds"])
        ]

    targets = SETTINGS["targets"][: SETTINGS["cases"][case][1]]
    grid = tuning.tune(attempt, first, SETTINGS["rate_factor"], [1] * len(targets))
    by_target = []
    for i, target in enumerate(targets):
        best = tuning.best_power(grid, i)
        expected = next(entry["medians"][i] for entry in grid if entry["power"] == best)
        steps_of_seeds = [
            first_steps(case, batch_size, rate_of(best), seed, int(3 * expected), rising)[i]
            for seed in seeds_for(SETTINGS["seeds"])
        ]
        by_target.append({"target": target, "best_rate": rate_of(best), "steps": steps_of_seeds})
    medians = [tuning.median(entry["steps"]) for entry in by_target]
    rate = by_target[-1]["best_rate"]
    say(f"{case}, B={batch_size}, warm-up {rising}: {medians}, rate {rate:.3g}")
    return {"batch_size": batch_size, "rates": grid, "by_target": by_target}


def best_of(entry: dict[str, Any]) -> tuple[int, float]:
    """Return the power of the best rate to the last target, and the median steps at it."""
    best = tuning.best_power(entry["rates"])
    return best, next(row["medians"][-1] for row in entry["rates"] if row["power"] == best)


def after(case: str, batch_size: int, done: dict[str, Any]) -> dict[str, Any]:
    """Measure a batch size, beginning at the best rate of the one before."""
    sizes, _ = SETTINGS["cases"][case]
    place = sizes.index(batch_size)
    if place == 0:
        return measure(case, batch_size, power_of(SETTINGS["first_rates"].get(case, 2**-2)), MOST)
    return measure(case, batch_size, *best_of(done[f"{case}, B={sizes[place - 1]}"]))


def with_warm_up(case: str, batch_size: int, rising: int, done: dict[str, Any]) -> dict[str, Any]:
    """Tune and count again with a rate that rises over the first steps."""
    first, known = best_of(done[f"{case}, B={batch_size}"])
    made = measure(case, batch_size, first, known + rising, rising)
    return {"case": case, "rising": rising} | made


def seconds_per_step(case: str, batch_size: int) -> float:
    """Return the time of a step of a short run, of this process alone."""
    training, _ = objectives(case)
    number = max(2, min(TIMING["steps"], TIMING["rows"] // batch_size))
    loop = steps(training, start(case, 0), seed=0, **settings_of(case, batch_size, 1e-4))
    begun = time.process_time()
    for _ in range(number):
        next(loop)
    return (time.process_time() - begun) / number


def run(timings_only: bool = False) -> None:
    """Run the sweep, or only its timings, and store the result."""
    name = store.name_of(NAME, SETTINGS["seed"])
    if timings_only:
        result = store.load(name)
    else:
        cases, rising = SETTINGS["cases"], SETTINGS["warm_up"]
        units: dict[str, Any] = {
            f"{case}, B={size}": partial(after, case, size)
            for case, (sizes, _) in cases.items()
            for size in sizes
        }
        with_rise = {
            f"{case}, B={size}, warm-up {number}": partial(with_warm_up, case, size, number)
            for case in rising["rules"]
            for size in rising["sizes"]
            for number in rising["steps"]
        }
        done = store.in_units(name, SETTINGS, units | with_rise)
        result = {
            "settings": SETTINGS,
            "cases": {
                case: [done[f"{case}, B={size}"] for size in sizes]
                for case, (sizes, _) in cases.items()
            },
            "warm_up": [done[unit] for unit in with_rise],
        }
    result |= {"machine": store.machine(), "timing": TIMING}
    entries = [(case, entry) for case, of_case in result["cases"].items() for entry in of_case]
    # The rounds go through all in turn, so that a slow moment of the machine falls on all alike.
    rounds = [
        [seconds_per_step(case, entry["batch_size"]) for case, entry in entries]
        for _ in range(TIMING["rounds"] + 1)
    ]
    for (_, entry), seconds in zip(entries, np.median(rounds[1:], axis=0), strict=True):
        entry["seconds_per_step"] = float(seconds)
    store.save(name, result)
