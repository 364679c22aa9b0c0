"""Epochs to a target with momentum, a schedule and averaging, each with a rate of its own.

Penalised softmax regression on the MNIST sample. A run is planned for a number of epochs, its
budget; each budget of each way has its rate tuned on some seeds and is judged on others.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from mbgd_lib import Momentum, Softmax, descend, schedules
from mbgd_lib.instruments import worlds
from mbgd_lib.mnist import load_mnist
from mbgd_lib.objectives import Penalised
from sweeps import store

NAME = "variants"

SETTINGS: dict[str, Any] = {
    "data": "MNIST sample, 10,000 rows, pixels divided by 255, float32",
    "strength": 1e-3,
    "momentum": 0.9,
    "targets": [0.02, 0.005, 0.001],  # gaps of the penalised loss over its minimum
    "ways": ["constant", "momentum", "averaging", "schedule", "schedule and momentum"],
    "budgets": {
        "64": [2, 4, 6, 8, 12, 16, 24, 32, 48, 64],
        "1024": [4, 8, 12, 16, 24, 32, 48, 64, 96],
    },
    "rate_factor": 2**0.5,
    "first_rate": {"64": 0.5, "1024": 1.0},
    "tuning_seeds": [0, 1],
    "seeds": list(range(100, 107)),
    "seed": 0,  # the master seed, which shifts all seeds
}


@cache
def objective() -> Penalised:
    """Return the loss that all runs minimise."""
    images, labels = load_mnist("sample", split="train")
    return Penalised(
        Softmax((images / 255).astype(np.float32), labels, n_classes=10), SETTINGS["strength"]
    )


def least_loss() -> float:
    """Return the penalised loss at scikit-learn's optimum, solved far beyond its defaults."""
    penalised = objective()
    problem = penalised.objective
    C = 1 / (SETTINGS["strength"] * problem.n_rows)
    X = problem.X.astype(np.float64)
    model = LogisticRegression(C=C, tol=1e-9, max_iter=10_000).fit(X, problem.y)
    weights = np.vstack([model.intercept_, model.coef_.T])
    precise = Penalised(Softmax(X, problem.y, n_classes=10), SETTINGS["strength"])
    return precise.value(weights)


def unpenalised() -> dict[str, Any]:
    """Fit nearly without a penalty: do all rows come out right, and by which margin of logits?"""
    problem = objective().objective
    model = LogisticRegression(C=1e8, tol=1e-10, max_iter=3000).fit(problem.X, problem.y)
    scores = model.decision_function(problem.X.astype(np.float64))
    rows = np.arange(problem.n_rows)
    of_labels = scores[rows, problem.y].copy()
    scores[rows, problem.y] = -np.inf
    margins = of_labels - scores.max(axis=1)
    return {"right": int((margins > 0).sum()), "least_margin": float(margins.min())}


def run_of(way: str, batch_size: int, rate: float, epochs: int, seed: int) -> np.ndarray[Any, Any]:
    """Return the weights that a way of descending ends with.

    The rate is that of a step of constant size: with momentum, which adds up its steps to ten
    times their size, `descend` gets a tenth.
    """
    penalised = objective()
    options: dict[str, Any] = {}
    if "momentum" in way:
        options["update"] = Momentum(SETTINGS["momentum"])
        rate *= 1 - SETTINGS["momentum"]
    if "schedule" in way:
        options["schedule"] = schedules.cosine(-(-penalised.n_rows // batch_size) * epochs)
    if way == "averaging":
        options["average_from"] = epochs // 2
    run = descend(
        penalised,
        np.zeros(penalised.weights_shape, dtype=np.float32),
        learning_rate=rate,
        batch_size=batch_size,
        epochs=epochs,
        seed=[worlds.seeds(SETTINGS["seed"], 1, first=seed)[0], batch_size, epochs],
        record_epoch_losses=False,
        **options,
    )
    if run.stop_reason == "diverged":
        return np.full(penalised.weights_shape, np.nan)
    return run.weights if run.average is None else run.average


def gap_of(way: str, batch_size: int, rate: float, epochs: int, seed: int, least: float) -> float:
    """Return the gap of the run's last weights; 1e9 if it has diverged, which JSON can hold."""
    weights = run_of(way, batch_size, rate, epochs, seed)
    return float(objective().value(weights) - least) if np.isfinite(weights).all() else 1e9


def tune(
    way: str, batch_size: int, epochs: int, start: int, least: float
) -> dict[int, list[float]]:
    """Try rates outwards from power `start` until the best has a worse neighbour on each side."""
    tried: dict[int, list[float]] = {}
    power = start
    while True:
        rate = rate_of(batch_size, power)
        tried[power] = [
            gap_of(way, batch_size, rate, epochs, seed, least) for seed in SETTINGS["tuning_seeds"]
        ]
        best = best_power(tried)
        missing = [p for p in (best + 1, best - 1) if p not in tried]
        if not missing:
            return tried
        power = missing[0]


def best_power(tried: dict[int, list[float]]) -> int:
    """Return the power with the least mean gap."""
    return min(tried, key=lambda power: (np.mean(tried[power]), power))


def rate_of(batch_size: int, power: int) -> float:
    return float(SETTINGS["first_rate"][str(batch_size)] * SETTINGS["rate_factor"] ** power)


def measure(way: str, batch_size: int, done: dict[str, Any]) -> dict[str, Any]:
    """Return, for each budget, the gaps at its best rate; stop below the smallest target."""
    least = done["least loss"]
    found: list[dict[str, Any]] = []
    power = 0
    for epochs in SETTINGS["budgets"][str(batch_size)]:
        tried = tune(way, batch_size, epochs, power, least)
        power = best_power(tried)
        rate = rate_of(batch_size, power)
        gaps = [gap_of(way, batch_size, rate, epochs, seed, least) for seed in SETTINGS["seeds"]]
        rates = {rate_of(batch_size, p): tried[p] for p in sorted(tried)}
        found.append(
            {
                "epochs": epochs,
                "best_rate": rate,
                "gaps": gaps,
                "rates": [{"rate": r, "gaps": g} for r, g in rates.items()],
            }
        )
        print(f"B={batch_size} {way}: {epochs} epochs, rate {rate:.3g}, {np.median(gaps):.2g}")
        if max(gaps) <= SETTINGS["targets"][-1]:
            break
    return {"way": way, "batch_size": batch_size, "budgets": found}


def run(timings_only: bool = False) -> None:
    """Run the sweep and store the result; it holds no times."""
    if timings_only:
        return
    name = store.name_of(NAME, SETTINGS["seed"])
    pairs = [(way, int(size)) for size in SETTINGS["budgets"] for way in SETTINGS["ways"]]
    units: dict[str, Any] = {"least loss": lambda done: least_loss()}
    units["unpenalised"] = lambda done: unpenalised()
    units |= {f"{way} at B={size}": partial(measure, way, size) for way, size in pairs}
    done = store.in_units(name, SETTINGS, units)
    store.save(
        name,
        {
            "settings": SETTINGS,
            "least_loss": done["least loss"],
            "unpenalised": done["unpenalised"],
            "ways": [done[f"{way} at B={size}"] for way, size in pairs],
        },
    )
