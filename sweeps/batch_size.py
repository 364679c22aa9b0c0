"""Steps to a target loss against the batch size, with the learning rate tuned for each.

Softmax regression on the MNIST sample. Every count comes from `mbgd_lib.instruments.targets`; the
results are the same on each run, apart from the seconds per step and from rounding.

The result holds, in "batch_sizes", for each batch size: the "rates" that were tried, with the
steps of each tuning seed (to each target; null is: not reached) and their medians; "by_target",
the best rate and the steps of the other seeds at it; and "seconds_per_step". In "smooth" the last
target is reached in a stricter sense; in "rules" the rate follows a rule of thumb. In "neighbours"
are the seconds per step of batch sizes around a power of two.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from mbgd_lib import Softmax
from mbgd_lib.instruments import worlds
from mbgd_lib.instruments.targets import checkpoints, losses_at
from mbgd_lib.loop import steps as make_loop
from mbgd_lib.mnist import load_mnist
from sweeps import store, tuning
from sweeps.store import say
from sweeps.tuning import best_power, median

NAME = "batch_size"

SETTINGS: dict[str, Any] = {
    "data": "MNIST sample, pixels divided by 255, float32",
    "training_rows": 8192,  # the first of the 10,000, so that every batch size divides them
    "validation_rows": 1808,  # the rest
    "batch_sizes": [2**i for i in range(14)],
    # The last is the target of the chapter; the others are passed on the way to it.
    "targets": [0.6, 0.45, 0.38],
    # Rates are powers of this, tried outwards from the last batch size's best rate.
    "rate_factor": 2**0.5,
    "first_rate": 2**-6,
    "tuning_seeds": list(range(7)),
    "seeds": list(range(100, 115)),
    "look_spacing": 0.03,
    # A stricter reading of "reached" averages so many looks, for some of the batch sizes.
    "smooth_looks": 8,
    "smooth_batch_sizes": [1, 4, 16, 64, 256, 1024, 8192],
    "give_up_after": 4,  # times the steps of the best rate so far
    "rules_base": 16,
    "seed": 0,  # the master seed, which shifts all seeds
}

#: How a step is timed: in each round, about so many rows, but at most so many steps.
#: The neighbours tell whether a power of two is faster than the sizes beside it.
TIMING: dict[str, Any] = {
    "rounds": 40,
    "rows": 16384,
    "steps": 512,
    "neighbours": list(range(60, 69)),
}

#: Where a run is given up for which nothing is known yet.
MOST = 200_000


@cache
def objectives() -> tuple[Softmax, Softmax]:
    """Return the loss over the training rows and over the validation rows."""
    images, labels = load_mnist("sample", split="train")
    X, first = (images / 255).astype(np.float32), SETTINGS["training_rows"]
    return (
        Softmax(X[:first], labels[:first], n_classes=10),
        Softmax(X[first:], labels[first:], n_classes=10),
    )


def curve(batch_size: int, rate: float, seed: int, steps: Sequence[int]) -> Any:
    """Yield the validation losses of a run from zero weights."""
    training, validation = objectives()
    return losses_at(
        steps,
        training,
        np.zeros(training.weights_shape, dtype=np.float32),
        validation,
        learning_rate=rate,
        batch_size=batch_size,
        seed=[seed, batch_size],
    )


def first_steps(batch_size: int, rate: float, seed: int, most: int) -> list[int | None]:
    """Return, for each target, the steps to the first look at or below it; None is: not reached."""
    steps = checkpoints(most, SETTINGS["look_spacing"])
    found: list[int | None] = [None] * len(SETTINGS["targets"])
    for step, loss in zip(steps, curve(batch_size, rate, seed, steps), strict=False):
        if not np.isfinite(loss):
            break
        for i, target in enumerate(SETTINGS["targets"]):
            if found[i] is None and loss <= target:
                found[i] = step
        if None not in found:
            break
    return found


def rate_of(power: int) -> float:
    return float(SETTINGS["rate_factor"] ** power)


def seeds_for(batch_size: int, seeds: Sequence[int]) -> Sequence[int]:
    """Return the seeds to run, in this master seed's world: a full batch needs but one."""
    some = seeds[:1] if batch_size == SETTINGS["training_rows"] else seeds
    return [worlds.seeds(SETTINGS["seed"], 1, first=seed)[0] for seed in some]


def tune(batch_size: int, start: int) -> list[dict[str, Any]]:
    """Tune on the tuning seeds; the chapter's target gets two rates on either side of its best."""

    def attempt(power: int, least: float) -> tuning.Steps:
        most = int(SETTINGS["give_up_after"] * least) if np.isfinite(least) else MOST
        return [
            first_steps(batch_size, rate_of(power), seed, most)
            for seed in seeds_for(batch_size, SETTINGS["tuning_seeds"])
        ]

    margins = [1] * (len(SETTINGS["targets"]) - 1) + [2]
    return tuning.tune(attempt, start, SETTINGS["rate_factor"], margins)


def measure(batch_size: int, done: dict[str, Any]) -> dict[str, Any]:
    """Tune the rate on some seeds, then count steps on others."""
    previous = done.get(f"B={batch_size // 2}")
    power = (
        best_power(previous["rates"])
        if previous
        else round(np.log(SETTINGS["first_rate"]) / np.log(SETTINGS["rate_factor"]))
    )
    grid = tune(batch_size, power)
    by_target = []
    for i, target in enumerate(SETTINGS["targets"]):
        best = best_power(grid, i)
        expected = next(e["medians"][i] for e in grid if e["power"] == best)
        steps = checkpoints(int(3 * expected), SETTINGS["look_spacing"])
        seeds = seeds_for(batch_size, SETTINGS["seeds"])
        curves = np.array([list(curve(batch_size, rate_of(best), s, steps)) for s in seeds])
        by_target.append(
            {
                "target": target,
                "best_rate": rate_of(best),
                "steps": [first_look(steps, losses, target) for losses in curves],
                "steps_of_mean_curve": first_look(steps, curves.mean(axis=0), target),
            }
        )
    last = by_target[-1]
    say(f"B={batch_size}: rate {last['best_rate']:.3g}, median steps {median(last['steps']):.0f}")
    return {"batch_size": batch_size, "rates": grid, "by_target": by_target}


def first_look(steps: Sequence[int], losses: Sequence[float], target: float) -> int | None:
    """Return the first of the steps whose loss is at or below the target."""
    return next((s for s, loss in zip(steps, losses, strict=True) if loss <= target), None)


def first_smooth_step(batch_size: int, rate: float, seed: int, most: int) -> int | None:
    """Return the first look at which the mean of the last looks is at or below the last target."""
    steps = checkpoints(most, SETTINGS["look_spacing"])
    latest: deque[float] = deque(maxlen=SETTINGS["smooth_looks"])
    for step, loss in zip(steps, curve(batch_size, rate, seed, steps), strict=False):
        latest.append(loss)
        if not np.isfinite(loss):
            return None
        if len(latest) == latest.maxlen and np.mean(latest) <= SETTINGS["targets"][-1]:
            return step
    return None


def smooth(batch_size: int, done: dict[str, Any]) -> dict[str, Any]:
    """Tune and count again with the stricter reading, under which a lucky look does not count."""
    grid = done[f"B={batch_size}"]["rates"]
    start = best_power(grid)
    first = next(entry["medians"][-1] for entry in grid if entry["power"] == start)
    tried: dict[int, list[int | None]] = {}

    def best() -> int:
        return min(tried, key=lambda power: (median(tried[power]), power))

    power = start
    while True:
        least = min([2 * first, *map(median, tried.values())])
        most = int(SETTINGS["give_up_after"] * least)
        tried[power] = [
            first_smooth_step(batch_size, rate_of(power), seed, most)
            for seed in seeds_for(batch_size, SETTINGS["tuning_seeds"])
        ]
        # Below the start first: the average needs less noise than the luckiest look.
        missing = [p for p in (best() - 1, best() + 1) if p not in tried]
        if not missing:
            break
        power = missing[0]
    most = int(SETTINGS["give_up_after"] * median(tried[best()]))
    steps = [
        first_smooth_step(batch_size, rate_of(best()), seed, most)
        for seed in seeds_for(batch_size, SETTINGS["seeds"])
    ]
    say(f"B={batch_size}: smooth, rate {rate_of(best()):.3g}, median {median(steps):.0f}")
    return {
        "batch_size": batch_size,
        "best_rate": rate_of(best()),
        "steps": steps,
        "rates": [{"rate": rate_of(p), "steps": tried[p]} for p in sorted(tried)],
    }


def rules(batch_size: int, done: dict[str, Any]) -> dict[str, Any]:
    """Count steps at the rates that two rules of thumb make of the base's best rate."""
    base = SETTINGS["rules_base"]
    base_rate = done[f"B={base}"]["by_target"][-1]["best_rate"]
    most = int(
        SETTINGS["give_up_after"] * median(done[f"B={batch_size}"]["by_target"][-1]["steps"])
    )
    found: dict[str, Any] = {"batch_size": batch_size}
    for rule, exponent in (("linear", 1.0), ("root", 0.5)):
        rate = base_rate * (batch_size / base) ** exponent
        steps = [
            first_steps(batch_size, rate, seed, most)[-1]
            for seed in seeds_for(batch_size, SETTINGS["seeds"])
        ]
        found[rule] = {"rate": rate, "steps": steps}
    say(f"B={batch_size}: rules {[median(found[rule]['steps']) for rule in ('linear', 'root')]}")
    return found


def seconds_per_step(batch_sizes: Sequence[int]) -> dict[str, list[float]]:
    """Time whole steps, shuffle included, for each batch size: one entry per round.

    The rounds go through all batch sizes in turn, so that a slow moment of the machine falls
    on all of them alike. Time is that of this process: what others do on the machine meanwhile
    does not count. With one BLAS thread it is the time on the clock of an idle machine.
    """
    training, _ = objectives()
    seconds: dict[str, list[float]] = {str(size): [] for size in batch_sizes}
    for number in range(TIMING["rounds"] + 1):
        for size in batch_sizes:
            each = one_timing(training, size)
            if number > 0:  # the first round warms up
                seconds[str(size)].append(each)
    return seconds


def one_timing(training: Softmax, batch_size: int) -> float:
    """Return the seconds per step of a short run."""
    weights = np.zeros(training.weights_shape, dtype=np.float32)
    number = max(2, min(TIMING["steps"], TIMING["rows"] // batch_size))
    loop = make_loop(training, weights, learning_rate=0.01, batch_size=batch_size)
    start = time.process_time()
    for _ in range(number):
        next(loop)
    return (time.process_time() - start) / number


def run(timings_only: bool = False) -> None:
    """Run the sweep, or only its timings, and store the result."""
    name = store.name_of(NAME, SETTINGS["seed"])
    if timings_only:
        result = store.load(name)
    else:
        sizes = SETTINGS["batch_sizes"]
        units: dict[str, Any] = {f"B={size}": partial(measure, size) for size in sizes}
        some = SETTINGS["smooth_batch_sizes"]
        units |= {f"smooth at B={size}": partial(smooth, size) for size in some}
        units |= {f"rules at B={size}": partial(rules, size) for size in sizes}
        done = store.in_units(name, SETTINGS, units)
        result = {
            "settings": SETTINGS,
            "batch_sizes": [done[f"B={size}"] for size in sizes],
            "smooth": [done[f"smooth at B={size}"] for size in some],
            "rules": [done[f"rules at B={size}"] for size in sizes],
        }
    result |= {"machine": store.machine(), "timing": TIMING}
    neighbours = seconds_per_step(TIMING["neighbours"])
    result["neighbours"] = [
        {"batch_size": size, "seconds_per_step": float(np.median(neighbours[str(size)]))}
        for size in TIMING["neighbours"]
    ]
    seconds = seconds_per_step(SETTINGS["batch_sizes"])
    for entry in result["batch_sizes"]:
        rounds = seconds[str(entry["batch_size"])]
        entry["seconds_per_step"] = float(np.median(rounds))
        entry["seconds_per_step_in_rounds"] = rounds
    store.save(name, result)
