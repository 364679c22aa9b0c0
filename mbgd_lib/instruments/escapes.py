r"""Where runs end on a rugged surface, and how long they stay in a valley: many runs at once.

A single run says little where chance decides. The functions here make hundreds of them side by
side, in NumPy, with the batches that `mbgd_lib.descend` would draw, and in the objective's own
type: with float32 rows they take a fraction of the time.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import (
    finite_array,
    generator,
    interval,
    positive_number,
    whole_number,
)
from mbgd_lib.batches import batch_edges, epochs_of_batches
from mbgd_lib.objectives import LinearModel

Array = NDArray[Any]
Bounds = tuple[float, float] | None

# Residuals worked on at a time: small enough for a processor's cache.
PIECE = 60_000


def ends_of_runs(
    objective: LinearModel,
    starts: ArrayLike,
    *,
    learning_rate: float,
    batch_size: int,
    steps: int,
    seeds: Sequence[Any],
    bounds: Bounds = None,
) -> Array:
    """Return where mini-batch gradient descent ends from many starts, with many seeds.

    They are the runs of `mbgd_lib.descend` with these seeds, but for rounding. The starts of
    one seed see the same batches.

    Parameters
    ----------
    objective : LinearModel
        With one score per row: `mbgd_lib.TrigonometricSurface`, for example.
    starts : array_like of shape (seeds, starts, n_weights)
    learning_rate : float
    batch_size : int
    steps : int
        How many steps each run makes, also if the last epoch is not over then.
    seeds : sequence
        One for each first entry of `starts`.
    bounds : (float, float), optional
        Weights are clipped to these after each step.

    Returns
    -------
    ndarray in the shape of `starts`

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[-1.0], [1.0]], [1.0, 3.0])  # y = 2 + x
    >>> starts = np.zeros((1, 3, 2))
    >>> ends_of_runs(objective, starts, learning_rate=0.5, batch_size=2, steps=60, seeds=[0])
    array([[[2., 1.],
            [2., 1.],
            [2., 1.]]])
    """
    learning_rate = positive_number("learning_rate", learning_rate)
    steps = whole_number("steps", steps, 1)
    low, high = (-np.inf, np.inf) if bounds is None else interval("bounds", bounds)
    n, edges = objective.n_rows, batch_edges(objective.n_rows, batch_size)
    weights = _weights("starts", starts, objective, 3)
    if len(weights) != len(seeds):
        raise ValueError(
            f"starts must have one first entry for each of {len(seeds)} seeds, not {len(weights)}"
        )
    epochs = -(-steps // (len(edges) - 1))
    passes = [epochs_of_batches(n, batch_size, epochs=epochs, seed=seed) for seed in seeds]
    rate = weights.dtype.type(learning_rate)
    left = steps
    with np.errstate(over="ignore", invalid="ignore"):  # diverged runs end at NaN
        for _ in range(epochs):
            orders = np.array([np.concatenate(list(next(batches))) for batches in passes])
            X, y = objective.X[orders], objective.y[orders]
            for first, end in list(pairwise(edges))[:left]:
                weights -= rate * _gradients(objective, weights, X[:, first:end], y[:, first:end])
                np.clip(weights, low, high, out=weights)
            left -= len(edges) - 1
    return weights


def settle(
    objective: LinearModel,
    weights: ArrayLike,
    *,
    learning_rate: float,
    bounds: Bounds = None,
    tolerance: float = 0.03,
    most_steps: int = 3000,
) -> Array:
    """Return where full-batch gradient descent leads from each of many weights.

    A run ends when a step moves no weight by more than ``tolerance * learning_rate``, that is
    where the gradient is below `tolerance`, but for weights held by the bounds.

    Parameters
    ----------
    objective : LinearModel
        With one score per row.
    weights : array_like of shape (…, n_weights)
    learning_rate : float
    bounds : (float, float), optional
    tolerance : float
    most_steps : int
        Where to stop in any case; looked at every twenty steps.

    Returns
    -------
    ndarray in the shape of `weights`

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[-1.0], [1.0]], [1.0, 3.0])
    >>> settle(objective, [[0.0, 0.0], [9.0, 9.0]], learning_rate=0.5, tolerance=1e-9)
    array([[2., 1.],
           [2., 1.]])
    """
    learning_rate = positive_number("learning_rate", learning_rate)
    tolerance = positive_number("tolerance", tolerance)
    most_steps = whole_number("most_steps", most_steps, 1)
    low, high = (-np.inf, np.inf) if bounds is None else interval("bounds", bounds)
    weights = _weights("weights", weights, objective, np.ndim(weights))
    rate = weights.dtype.type(learning_rate)
    shape, weights = weights.shape, weights.reshape(-1, objective.n_weights)
    together = max(1, PIECE // objective.n_rows)
    X, y = objective.X[None], objective.y[None]
    for first in range(0, len(weights), together):
        running = np.arange(first, min(first + together, len(weights)))
        for step in range(most_steps):
            before = weights[running]
            after = before - rate * _gradients(objective, before[None], X, y)[0]
            weights[running] = np.clip(after, low, high)
            if step % 20 == 19:
                moved = np.abs(weights[running] - before).max(axis=1)
                running = running[moved > tolerance * learning_rate]
                if len(running) == 0:
                    break
    return weights.reshape(shape)


def nearest(weights: ArrayLike, places: ArrayLike, *, radius: float) -> NDArray[np.int64]:
    """Return which of some places each of the weights lies next to.

    Parameters
    ----------
    weights : array_like of shape (…, d)
    places : array_like of shape (k, d)
        Minima, for example.
    radius : float

    Returns
    -------
    ndarray of int of shape (…)
        The number of the nearest place, from 0; k where none is within `radius`.

    Examples
    --------
    >>> nearest([[0.9, 0.0], [0.1, 0.2], [5.0, 5.0]], [[0.0, 0.0], [1.0, 0.0]], radius=0.5)
    array([1, 0, 2])
    """
    weights, places = np.asarray(weights), finite_array("places", places, ndim=2)
    radius = positive_number("radius", radius)
    distances = np.linalg.norm(weights[..., None, :] - places, axis=-1)
    found = distances.argmin(axis=-1)
    return np.where(distances.min(axis=-1) <= radius, found, len(places))


def steps_to_cross(
    tilts: ArrayLike,
    *,
    learning_rate: float,
    batch_size: int,
    runs: int,
    most_steps: int,
    order: str = "with_replacement",
    seed: Any = None,
) -> NDArray[np.int64]:
    r"""Return after how many steps each of many runs has crossed the `DoubleWell`.

    All start in the left valley, at -1, and arrive when they first reach +1, the bottom of the
    right one. (The top would not do: half of those who stand there roll back.)

    Parameters
    ----------
    tilts : array_like of shape (n,)
        What each row adds to the slope; their mean is subtracted. See `mbgd_lib.DoubleWell`.
    learning_rate : float
    batch_size : int
        Without replacement it must divide n.
    runs : int
    most_steps : int
        Where to give up.
    order : {"with_replacement", "reshuffle"}
        How rows are drawn; every run draws its own.
    seed : int, numpy.random.Generator or None

    Returns
    -------
    ndarray of int of shape (runs,)
        Steps; `most_steps` + 1 for a run that has not arrived.

    Examples
    --------
    >>> steps_to_cross([-40.0, 40.0], learning_rate=0.1, batch_size=1, runs=4, most_steps=99,
    ...                seed=0)
    array([2, 2, 2, 1])
    """
    of_rows = finite_array("tilts", tilts, ndim=1)
    learning_rate = positive_number("learning_rate", learning_rate)
    batch_size = whole_number("batch_size", batch_size, 1)
    runs = whole_number("runs", runs, 1)
    most_steps = whole_number("most_steps", most_steps, 1)
    if order not in ("with_replacement", "reshuffle"):
        raise ValueError(f'order must be "with_replacement" or "reshuffle", not {order!r}')
    n = len(of_rows)
    if order == "reshuffle" and n % batch_size:
        raise ValueError(
            f"batch_size must divide the {n} rows without replacement, not {batch_size}"
        )
    rng = generator("seed", seed)
    of_rows = of_rows - of_rows.mean()
    arrived = np.full(runs, most_steps + 1)
    running, weights = np.arange(runs), np.full(runs, -1.0)
    step = 0
    while step < most_steps and len(running) > 0:
        # The tilts of the next steps' batches, of each run that is still under way.
        if order == "reshuffle":
            drawn = rng.permuted(np.tile(of_rows, (len(running), 1)), axis=1)
        else:
            drawn = of_rows[rng.integers(n, size=(len(running), 64 * batch_size))]
        means = drawn.reshape(len(running), -1, batch_size).mean(axis=2)
        first = np.zeros(len(running), dtype=np.int64)
        for tilt in means.T[: most_steps - step]:
            step += 1
            weights -= learning_rate * (weights * (weights**2 - 1) + tilt)
            first[(weights >= 1) & (first == 0)] = step
            weights[first > 0] = 1.0  # has arrived, and waits
        arrived[running[first > 0]] = first[first > 0]
        running, weights = running[first == 0], weights[first == 0]
    return arrived


def _weights(name: str, weights: ArrayLike, objective: LinearModel, ndim: int) -> Array:
    """Return a copy of the weights in the type of the objective's rows."""
    if len(objective.weights_shape) != 1:
        raise ValueError(
            f"objective must have one score per row, not weights {objective.weights_shape}"
        )
    weights = finite_array(name, weights, ndim=ndim)
    if weights.shape[-1:] != objective.weights_shape:
        raise ValueError(
            f"{name} must have {objective.n_weights} weights in the last dimension, "
            f"not the shape {weights.shape}"
        )
    return np.array(weights, dtype=np.result_type(objective.X, objective.y))


def _gradients(objective: LinearModel, weights: Array, X: Array, y: Array) -> Array:
    """Return gradients for weights (seeds, starts, p) over batches X (seeds, B, d), y (seeds, B).

    A single batch serves all seeds.
    """
    gradients = np.empty_like(weights)
    size = X.shape[1]
    together = max(1, PIECE // (weights.shape[1] * size))  # seeds
    skip = int(objective.intercept)
    for first in range(0, len(weights), together):
        part = slice(first, first + together)
        features, targets = X[part], y[part, None, :]
        scores = weights[part, :, skip:] @ features.swapaxes(1, 2)
        if objective.intercept:
            scores += weights[part, :, :1]
        slopes = objective._slopes(scores, targets)
        gradients[part, :, skip:] = slopes @ features
        if objective.intercept:
            gradients[part, :, 0] = slopes.sum(axis=2)
    gradients /= size
    return gradients
