"""Where runs end on tutorial 002's trigonometric surface, and how long they stay in a valley.

Three measurements of chapter 5: the share of starts that end in the basin of the global minimum,
over learning rates and batch sizes; maps of where each start leads; the steps to cross a double
well. All are made with `mbgd_lib.instruments.escapes`, in float32 where the surface is concerned.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from mbgd_lib import TrigonometricSurface
from mbgd_lib.data import noisy_regression
from mbgd_lib.instruments import worlds
from mbgd_lib.instruments.escapes import ends_of_runs, nearest, settle, steps_to_cross
from sweeps import store
from sweeps.store import say, without_results

NAME = "escape"

SETTINGS: dict[str, Any] = {
    "data": "noisy_regression(noise=5, bias=2), float32",
    "bounds": [-100, 100],
    "start_bounds": [-50, 50],  # the tutorial's
    "seeds": list(range(20)),
    "starts": 30,  # for each seed
    # Learning rate times steps: that of the tutorial's 1,000 epochs of 20 steps at 0.01.
    "time": 200,
    "rates": [0.005, 0.01, 0.02, 0.04, 0.08, 0.16],
    "batch_sizes": [1, 2, 5, 10, 20, 50, 100, 250, 1000],
    # Its text has the rate 0.01; its code takes twice the gradient, which is a rate of 0.02.
    "tutorial": {"rates": [0.01, 0.02], "epochs": 1000, "batch_sizes": [5, 10, 20, 50, 250, 1000]},
    # Which of these a run's end belongs to is decided by full-batch descent from there.
    "minima": [[82.43, 16.69], [-33.40, 16.68], [5.48, -43.13]],
    "settle_rate": 0.03,
    "radius": 10,
    "map_points": 61,
    "map_settings": [[0.01, 1000], [0.01, 50], [0.01, 5], [0.04, 2]],
    "well": {
        "deviation": 2,
        "rows": 1000,
        "runs": 400,
        "max_steps": 3_000_000,
        "barriers": [2, 3, 4, 5, 6, 7],  # in units of the noise: B ΔV / (η σ² / 2)
        "batch_sizes": [1, 2, 4, 8],
        "rare_batch_sizes": [1, 4, 16, 64],
        "reshuffled_rows": [1000, 500, 200, 100, 50],
        "rate": 0.05,
        "barrier": 4,
    },
    "seed": 0,  # the master seed: all seeds, and the tilts of the well, are those of its world
}


def in_this_world(seed: int) -> int:
    """Return the seed that stands for this one under the master seed."""
    return worlds.seeds(SETTINGS["seed"], 1, first=seed)[0]


@cache
def surface() -> TrigonometricSurface:
    """Return the tutorial's surface, in float32."""
    X, y = noisy_regression(noise=5, bias=2)
    return TrigonometricSurface(X.astype(np.float32), y.astype(np.float32))


def starts_of(seed: int) -> Any:
    """Return a seed's starts, drawn evenly from the tutorial's square."""
    low, high = SETTINGS["start_bounds"]
    return np.random.default_rng(seed).uniform(low, high, size=(SETTINGS["starts"], 2))


def ends(rate: float, batch_size: int, starts: Any, seeds: list[int], steps: int) -> Any:
    """Return where runs end. A full batch draws nothing, so it may stop where it stands."""
    options = {"learning_rate": rate, "bounds": tuple(SETTINGS["bounds"])}
    if batch_size == surface().n_rows:
        return settle(surface(), starts, max_steps=steps, **options)
    return ends_of_runs(
        surface(), starts, batch_size=batch_size, steps=steps, seeds=seeds, **options
    )


def labels(weights: Any) -> Any:
    """Return the minimum that full-batch descent finds from each of the weights."""
    bounds = tuple(SETTINGS["bounds"])
    settled = settle(surface(), weights, learning_rate=SETTINGS["settle_rate"], bounds=bounds)
    return nearest(settled, SETTINGS["minima"], radius=SETTINGS["radius"])


def cell(rate: float, batch_size: int, steps: int, seeds: list[int]) -> dict[str, Any]:
    """Return, for each seed, how many of its starts end at each minimum, and elsewhere."""
    starts = np.array([starts_of(seed) for seed in seeds])
    last = ends(rate, batch_size, starts, seeds, steps)
    places = len(SETTINGS["minima"]) + 1
    counts = [np.bincount(of_seed, minlength=places).tolist() for of_seed in labels(last)]
    unsettled = nearest(last, SETTINGS["minima"], radius=SETTINGS["radius"]) == 0
    say(f"rate {rate}, B={batch_size}: {np.mean(counts, axis=0) / SETTINGS['starts']}")
    return {
        "rate": rate,
        "batch_size": batch_size,
        "steps": steps,
        "counts": counts,
        "before_settling": unsettled.sum(axis=1).tolist(),
    }


def map_of(rate: float, batch_size: int) -> dict[str, Any]:
    """Return the labels of the ends of a grid of starts, all with the batches of one seed."""
    along = np.linspace(*SETTINGS["bounds"], SETTINGS["map_points"])
    grid = np.stack(np.meshgrid(along, along), axis=-1).reshape(1, -1, 2)
    found = labels(ends(rate, batch_size, grid, [in_this_world(0)], round(SETTINGS["time"] / rate)))
    rows = found.reshape(len(along), len(along))
    say(f"map of rate {rate}, B={batch_size}")
    return {
        "rate": rate,
        "batch_size": batch_size,
        "labels": ["".join(map(str, row)) for row in rows],  # one string for each slope
    }


def normal_tilts(rows: int, deviation: float) -> Any:
    """Return draws from a normal distribution, made to have exactly this deviation."""
    tilts = np.random.default_rng(in_this_world(0)).normal(size=rows)
    return (tilts - tilts.mean()) / tilts.std() * deviation


def rare_tilts(rows: int, deviation: float) -> Any:
    """Return tilts of which 99 of 100 are zero, and the others far off."""
    tilts = np.zeros(rows)
    tilts[: rows // 100] = np.tile([1.0, -1.0], rows // 200)
    return tilts / tilts.std() * deviation


def crossing(tilts: Any, rate: float, batch_size: int, **options: Any) -> dict[str, Any]:
    """Return the steps of each run to the other valley."""
    well = SETTINGS["well"]
    steps = steps_to_cross(
        tilts,
        learning_rate=rate,
        batch_size=batch_size,
        runs=well["runs"],
        max_steps=well["max_steps"],
        seed=in_this_world(batch_size),
        **options,
    )
    say(f"well: rate {rate:.4f}, B={batch_size}, {options}: mean {steps.mean():.0f} steps")
    return {"rate": rate, "batch_size": batch_size, "steps": sorted(steps.tolist())}


def units() -> dict[str, Any]:
    """Return every unit of work by its name."""
    every: dict[str, Any] = {}
    seeds, time = [in_this_world(seed) for seed in SETTINGS["seeds"]], SETTINGS["time"]
    for rate in SETTINGS["rates"]:
        for size in SETTINGS["batch_sizes"]:
            every[f"cell {rate} {size}"] = partial(cell, rate, size, round(time / rate), seeds)
    tutorial = SETTINGS["tutorial"]
    for size in tutorial["batch_sizes"]:
        steps = tutorial["epochs"] * surface().n_rows // size
        for rate in tutorial["rates"]:
            every[f"tutorial {rate} {size}"] = partial(cell, rate, size, steps, seeds)
    for rate, size in SETTINGS["map_settings"]:
        every[f"map {rate} {size}"] = partial(map_of, rate, size)
    well = SETTINGS["well"]
    tilts = normal_tilts(well["rows"], well["deviation"])
    for barrier in well["barriers"]:
        for size in well["batch_sizes"]:
            # Barrier over noise is 2 B ΔV / (η σ²), and ΔV is 1/4.
            rate = size / (2 * barrier * well["deviation"] ** 2)
            every[f"well {barrier} {size}"] = partial(crossing, tilts, rate, size)
    # At one learning rate and one barrier: tilts of another shape, and few rows, reshuffled.
    for size in well["rare_batch_sizes"]:
        deviation = np.sqrt(size / (2 * well["barrier"] * well["rate"]))
        for shape, make in (("rare", rare_tilts), ("normal", normal_tilts)):
            of_rows = make(well["rows"], deviation)
            every[f"{shape} {size}"] = partial(crossing, of_rows, well["rate"], size)
    deviation = np.sqrt(1 / (2 * well["barrier"] * well["rate"]))
    for rows in well["reshuffled_rows"]:
        of_rows = normal_tilts(rows, deviation)
        for order in ("with_replacement", "reshuffle"):
            every[f"{order} {rows}"] = partial(crossing, of_rows, well["rate"], 1, order=order)
    return {name: without_results(work) for name, work in every.items()}


def run(timings_only: bool = False) -> None:
    """Run the sweep and store its result; it measures no times."""
    if not timings_only:
        store.save_units(NAME, SETTINGS, units())
