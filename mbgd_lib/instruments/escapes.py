r"""Where runs end on a rugged surface, and how long they stay in a valley: many runs at once.

A single run says little where chance decides. The functions here make hundreds of them side by
side, in the objective's own type: with float32 rows they take a fraction of the time.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import finite_array, generator, positive_number, whole_number
from mbgd_lib.descent import descend
from mbgd_lib.instruments.landscapes import DoubleWell
from mbgd_lib.loop import steps
from mbgd_lib.objectives import Array, LinearModel

Bounds = tuple[float, float] | None

# How many steps runs make between two looks at whether they have settled.
LOOK_EVERY = 20


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

    The starts of one seed see the same batches.

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
    weights = _weights("starts", starts, objective, 3)
    if len(weights) != len(seeds):
        raise ValueError(
            f"starts must have one first entry for each of {len(seeds)} seeds, not {len(weights)}"
        )
    run = descend(
        objective,
        weights.reshape(-1, objective.n_weights),
        learning_rate=learning_rate,
        batch_size=batch_size,
        steps=steps,
        seeds=[seed for seed in seeds for _ in range(weights.shape[1])],
        bounds=bounds,
        record_epoch_losses=False,
    )
    return run.weights.reshape(weights.shape)


def settle(
    objective: LinearModel,
    weights: ArrayLike,
    *,
    learning_rate: float,
    bounds: Bounds = None,
    tolerance: float = 0.03,
    max_steps: int = 3000,
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
    max_steps : int
        Where to stop in any case. Runs are looked at every twenty steps.

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
    max_steps = whole_number("max_steps", max_steps, 1)
    weights = _weights("weights", weights, objective, np.ndim(weights))
    ends = weights.reshape(-1, objective.n_weights)
    running = np.arange(len(ends))
    for made in range(0, max_steps, LOOK_EVERY):
        loop = steps(
            objective,
            ends[running],
            learning_rate=learning_rate,
            bounds=bounds,
            seeds=[0] * len(running),  # of all rows nothing is drawn
        )
        for step in islice(loop, min(LOOK_EVERY, max_steps - made)):
            last = step
        ends[running] = last.weights
        moved = np.abs(last.weights - last.before).max(axis=1)
        running = running[moved > tolerance * learning_rate]
        if len(running) == 0:
            break
    return ends.reshape(weights.shape)


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
    max_steps: int,
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
    runs : int
    max_steps : int
        Where to give up.
    order : {"with_replacement", "reshuffle", "shuffle_once"}
        How rows are drawn: see `mbgd_lib.minibatches`. Every run draws its own.
    seed : int, numpy.random.Generator or None

    Returns
    -------
    ndarray of int of shape (runs,)
        Steps; `max_steps` + 1 for a run that has not arrived.

    Examples
    --------
    >>> steps_to_cross([-40.0, 40.0], learning_rate=0.1, batch_size=1, runs=4, max_steps=99,
    ...                seed=0)
    array([2, 2, 2, 2])
    """
    well = DoubleWell(finite_array("tilts", tilts, ndim=1)[:, None])
    runs = whole_number("runs", runs, 1)
    max_steps = whole_number("max_steps", max_steps, 1)
    arrived = np.full(runs, max_steps + 1)
    running, weights = np.arange(runs), np.full((runs, 1), -1.0)
    generators = generator("seed", seed).spawn(runs)
    made = 0
    while made < max_steps and len(running) > 0:
        loop = steps(
            well,
            weights,
            learning_rate=learning_rate,
            batch_size=batch_size,
            order=order,
            seeds=[generators[run] for run in running],
        )
        with np.errstate(over="ignore", invalid="ignore"):  # what is far off never arrives
            for step in islice(loop, max_steps - made):
                made += 1
                at_the_right = running[step.weights[:, 0] >= 1]
                arrived[at_the_right] = np.minimum(arrived[at_the_right], made)
                # From time to time, between two epochs, those that have arrived stay behind.
                if step.ends_epoch and np.mean(arrived[running] > made) < 0.75:
                    break
        still = arrived[running] > made
        running, weights = running[still], step.weights[still]
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
