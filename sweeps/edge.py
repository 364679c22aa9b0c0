"""How sharp a loss small batches leave behind them, and whether new digits are the better for it.

Chapter 7's measurement at the edge of stability: a small network learns 128 digits with plain
steps of one rate, over learning rates and batch sizes; along each run the sharpness of the
loss, the batch sharpness and the loss itself. Then, over many draws of the rows, what runs make
of new digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from mbgd_lib import Network, steps
from mbgd_lib.instruments import worlds
from mbgd_lib.instruments.curvature import batch_sharpness, steepest_direction
from mbgd_lib.mnist import load_mnist
from sweeps import store
from sweeps.store import say, without_results

NAME = "edge"

SETTINGS: dict[str, Any] = {
    "data": "MNIST sample, all 12,000 images at 14 × 14 pixels, in 30 principal components",
    "rows": 128,  # to learn from
    "validation_rows": 1000,
    "new_rows": 2000,
    "components": 30,
    "hidden": 100,
    "loss": "squares",
    "start": 0.3,  # times `Network.start`, so that the sharpness has far to rise
    "order": "with_replacement",  # of batches that are not all rows
    "time": 300,  # learning rate times steps, the same for every run
    "looks": 40,
    "batches": 32,  # of which a batch sharpness is the mean
    "rates": [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4],
    "batch_sizes": [4, 8, 16, 32, 64, 128],
    "apart": [  # other orders and losses, for comparison
        {"rate": 0.3, "batch_size": 32, "order": "reshuffle"},
        {"rate": 0.3, "batch_size": 64, "order": "reshuffle"},
        {"rate": 0.2, "batch_size": 16, "loss": "softmax"},
        {"rate": 0.2, "batch_size": 128, "loss": "softmax"},
    ],
    # Runs on other rows, whose nets are judged by new digits.
    "seeds": list(range(100, 112)),
    "judged_rates": {
        "4": [0.0125, 0.025, 0.05, 0.1],
        "16": [0.025, 0.05, 0.1, 0.2],
        "128": [0.05, 0.1, 0.2, 0.4],
    },
    "judged_time": 200,
    "most_steps": 8000,
    "look_factor": 1.1,  # from one look at the losses to the next, in steps
    "equal_loss": 0.02,
    "equal_epochs": 60,
    "lost": 100,  # a loss from which no run has come back
    "seed": 0,  # the master seed: rows, starts and batches are those of its world
}


def in_this_world(seed: int) -> int:
    """Return the seed that stands for this one under the master seed."""
    return worlds.seeds(SETTINGS["seed"], 1, first=seed)[0]


@dataclass
class Task:
    """What a seed's networks learn, by which rate and stop are chosen, and what is new to them.

    Attributes
    ----------
    training, validation, new : Network
        In float32; the weights of one fit all.
    exact : Network
        The training rows in float64, for curvatures.
    start : ndarray
        Of float32.
    seed : int
        Of the batches.
    """

    training: Network
    validation: Network
    new: Network
    exact: Network
    start: Any
    seed: int


def task_of(seed: int, loss: str = SETTINGS["loss"]) -> Task:
    """Return rows of a seed, cut from all images after a shuffle, and where runs begin."""
    seed = in_this_world(seed)
    parts = [load_mnist("sample", split=split) for split in ("train", "test")]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    rows, validation, new = (SETTINGS[f"{of}rows"] for of in ("", "validation_", "new_"))
    order = np.random.default_rng(seed).permutation(len(labels))[: rows + validation + new]
    small = images[order].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196)
    # Whatever is known of the pixels is known from the rows to learn from.
    centred = small - small[:rows].mean(axis=0)
    _, _, directions = np.linalg.svd(centred[:rows], full_matrices=False)
    directions = directions[: SETTINGS["components"]]
    largest = np.abs(directions).argmax(axis=1)[:, None]
    directions *= np.sign(np.take_along_axis(directions, largest, axis=1))  # else either sign
    X = centred @ directions.T / centred[:rows].std()
    options: dict[str, Any] = {"hidden": SETTINGS["hidden"], "loss": loss, "n_classes": 10}
    ends = np.cumsum([rows, validation])
    X_parts, y_parts = np.split(X, ends), np.split(labels[order], ends)
    training, unseen, new = (
        Network(X_part.astype(np.float32), y_part, **options)
        for X_part, y_part in zip(X_parts, y_parts, strict=True)
    )
    exact = Network(X_parts[0], y_parts[0], **options)
    start = (SETTINGS["start"] * exact.start(seed)).astype(np.float32)
    return Task(training, unseen, new, exact, start, seed)


def order_of(batch_size: int, order: str) -> str:
    """Return the order, or for a batch of all rows one that takes each row once."""
    return "sequential" if batch_size == SETTINGS["rows"] else order


def walk(
    task: Task, rate: float, batch_size: int, looks: set[int], order: str = SETTINGS["order"]
) -> Iterator[tuple[int, Any, float]]:
    """Yield step, weights and training loss at each look; a run that is lost ends there."""
    loop = steps(
        task.training,
        task.start,
        learning_rate=rate,
        batch_size=batch_size,
        order=order_of(batch_size, order),
        seed=[task.seed, batch_size],
    )
    with np.errstate(over="ignore", invalid="ignore"):
        for step in loop:
            if step.number % 50 == 0 or step.number in looks:
                loss = float(step.loss())
                lost = not loss < SETTINGS["lost"]
                if lost or step.number in looks:
                    yield step.number, step.weights, loss
                if lost or step.number >= max(looks):
                    return


def curve(
    rate: float, batch_size: int, order: str = SETTINGS["order"], loss: str = SETTINGS["loss"]
) -> dict[str, Any]:
    """Return both sharpnesses and the loss along a run, from its start."""
    task, count = task_of(0, loss), round(SETTINGS["time"] / rate)
    looks = [round(look) for look in np.linspace(0, count, SETTINGS["looks"] + 1)]
    found: dict[str, list[float]] = {"loss": [], "sharpness": [], "batch_sharpness": []}
    direction, lost = None, None
    begin = (0, task.start, task.training.value(task.start))
    for number, weights, value in [begin, *walk(task, rate, batch_size, set(looks), order)]:
        if not value < SETTINGS["lost"]:
            lost = number
            break
        iterations = 40 if direction is None else 12
        sharpness, direction = steepest_direction(
            task.exact, weights, start=direction, iterations=iterations
        )
        of_batches = batch_sharpness(
            task.exact,
            weights,
            batch_size,
            order=order_of(batch_size, order),
            batches=1 if batch_size == SETTINGS["rows"] else SETTINGS["batches"],
            seed=[task.seed, batch_size, number],
        )
        for name, number_found in zip(found, (value, sharpness, of_batches), strict=True):
            found[name].append(short(number_found))
    say(f"rate {rate}, B={batch_size}, {order}, {loss}: {ends_of(found)}, lost: {lost}")
    of_run = {"rate": rate, "batch_size": batch_size, "order": order, "loss_kind": loss}
    return {**of_run, "steps": looks[: len(found["loss"])], "lost": lost, **found}


def ends_of(found: dict[str, list[float]]) -> dict[str, float]:
    """Return the medians of the last quarter of the looks."""
    return {name: float(np.median(values[-10:])) for name, values in found.items()}


def judged(seed: int) -> dict[str, Any]:
    """Return how a seed's runs do on new digits: at four moments of each.

    The end; the look with the least loss on the validation rows; the first look with a training
    loss as small as asked; and after as many epochs as asked. Each moment: step, training loss,
    validation loss, loss of new digits, per cent of new digits right, sharpness.
    """
    task = task_of(seed)
    of_seed = {}
    for size, rates in SETTINGS["judged_rates"].items():
        for rate in rates:
            of_seed[f"{size} {rate}"] = moments(task, rate, int(size))
    say(f"seed {seed}")
    return of_seed


def moments(task: Task, rate: float, batch_size: int) -> dict[str, Any] | None:
    """Return the four moments of a run, or None for a run that is lost."""
    last = min(round(SETTINGS["judged_time"] / rate), SETTINGS["most_steps"])
    looks = {last}
    while min(looks) > 1:
        looks.add(int(min(looks) / SETTINGS["look_factor"]))
    epochs = SETTINGS["equal_epochs"] * task.training.n_rows // batch_size
    if epochs <= last:
        looks.add(epochs)
    found: dict[str, Any] = {}
    least = np.inf
    for number, weights, loss in walk(task, rate, batch_size, looks):
        if not loss < SETTINGS["lost"]:
            return None
        here = number, weights, loss
        if number == last:
            found["end"] = here
        if number == epochs:
            found["equal epochs"] = here
        if loss <= SETTINGS["equal_loss"] and "equal loss" not in found:
            found["equal loss"] = here
        validation = task.validation.value(weights)
        if validation < least:
            least, found["least validation loss"] = validation, here
    return {name: judge(task, *here) for name, here in sorted(found.items())}


def judge(task: Task, number: int, weights: Any, loss: float) -> list[float]:
    """Return what is known of a network at a moment."""
    right = task.new.scores(weights).argmax(axis=1) == task.new.y
    return [
        number,
        short(loss),
        short(task.validation.value(weights), 4),
        short(task.new.value(weights), 4),
        short(100 * right.mean(), 4),
        short(steepest_direction(task.exact, weights, iterations=25)[0]),
    ]


def short(number: float, digits: int = 3) -> float:
    """Return a number with so many digits, which is all that a picture can show."""
    return float(f"{number:.{digits}g}")


def units() -> dict[str, Any]:
    """Return every unit of work by its name."""
    every: dict[str, Any] = {}
    for rate in SETTINGS["rates"]:
        for size in SETTINGS["batch_sizes"]:
            every[f"run {rate} {size}"] = partial(curve, rate, size)
    for apart in SETTINGS["apart"]:
        name = "apart " + " ".join(str(value) for value in apart.values())
        every[name] = partial(curve, **apart)
    for seed in SETTINGS["seeds"]:
        every[f"seed {seed}"] = partial(judged, seed)
    return {name: without_results(work) for name, work in every.items()}


def run(timings_only: bool = False) -> None:
    """Run the sweep and store its result; it measures no times."""
    if not timings_only:
        store.save_units(NAME, SETTINGS, units())
