"""How many steps a run takes to a loss that was set beforehand.

Runs with different batch sizes can be compared by how far they have come, or by what it took
them to come equally far. The second needs a target, and a look at the loss often enough.
"""

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, generator, positive_number, whole_number
from mbgd_lib.batches import Rows, minibatches
from mbgd_lib.objectives import Array, Objective


def checkpoints(most: int, spacing: float = 0.03) -> list[int]:
    """Return the numbers of steps after which to look at the loss, a few per cent apart.

    A look may cost more than a step, so not every step can have one. Evenly spaced on a
    logarithmic axis, they know the number of steps of short and of long runs equally well.

    Parameters
    ----------
    most : int
        The last of them, at least 1.
    spacing : float
        Each is larger than the one before by about this share, and by at least one step.

    Returns
    -------
    list of int

    Examples
    --------
    >>> checkpoints(20, spacing=0.25)
    [1, 2, 3, 4, 5, 7, 9, 12, 15, 19, 20]
    """
    most = whole_number("most", most, 1)
    spacing = positive_number("spacing", spacing)
    steps = [1]
    while steps[-1] < most:
        steps.append(min(most, max(steps[-1] + 1, int(np.ceil(steps[-1] * (1 + spacing))))))
    return steps


def losses_at(
    steps: Iterable[int],
    objective: Objective,
    weights: ArrayLike,
    validation: Objective,
    *,
    learning_rate: float,
    batch_size: int | None = None,
    order: str = "reshuffle",
    seed: Any = None,
) -> Iterator[float]:
    """Train on `objective`, and yield the loss over `validation` after the given numbers of steps.

    Parameters
    ----------
    steps : iterable of int
        Numbers of steps since the start, increasing; see `checkpoints`.
    objective : Objective
        What to minimise.
    weights : array_like
        Where to start. They are copied, not changed.
    validation : Objective
        What to judge the weights by: the same loss, over other rows.
    learning_rate : float
        The step is this number times the gradient of the batch's mean loss.
    batch_size, order, seed
        How each epoch is cut into batches: see `minibatches`. A batch of all rows is taken as
        it stands, as `descend` does.

    Yields
    ------
    float
        Not finite if the run has diverged.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> training = LeastSquares([[0.0], [2.0]], [1.0, 5.0])
    >>> validation = LeastSquares([[1.0]], [3.0])
    >>> looks = losses_at([1, 10, 100], training, [0.0, 0.0], validation, learning_rate=0.3)
    >>> [round(loss, 4) for loss in looks]
    [0.18, 0.0002, 0.0]
    """
    weights = np.array(finite_array("weights", weights, ndim=np.ndim(weights)))
    learning_rate = positive_number("learning_rate", learning_rate)
    rng = generator("seed", seed)
    batches = _endless_batches(objective.n_rows, batch_size, order, rng)
    return _looks(steps, objective, weights, validation, learning_rate, batches)


def steps_to_target(
    objective: Objective,
    weights: ArrayLike,
    validation: Objective,
    target: float,
    *,
    most: int,
    spacing: float = 0.03,
    learning_rate: float,
    batch_size: int | None = None,
    order: str = "reshuffle",
    seed: Any = None,
) -> int | None:
    """Return the number of steps to the first look that finds the loss at or below the target.

    The loss of a noisy run fluctuates, and the first look below the target may find it there
    by luck: this count is optimistic for small batches at high learning rates.

    Parameters
    ----------
    objective, weights, validation, learning_rate, batch_size, order, seed
        As in `losses_at`.
    target : float
    most : int
        When to give up.
    spacing : float
        How far apart the looks are: see `checkpoints`.

    Returns
    -------
    int or None
        None if no look found it there, or the run diverged.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> training = LeastSquares([[0.0], [2.0]], [1.0, 5.0])
    >>> validation = LeastSquares([[1.0]], [3.0])
    >>> steps_to_target(training, [0.0, 0.0], validation, 0.001, most=100, learning_rate=0.3)
    3
    """
    steps = checkpoints(most, spacing)
    losses = losses_at(
        steps,
        objective,
        weights,
        validation,
        learning_rate=learning_rate,
        batch_size=batch_size,
        order=order,
        seed=seed,
    )
    for step, loss in zip(steps, losses, strict=True):
        if not np.isfinite(loss):
            return None
        if loss <= target:
            return step
    return None


def fit_critical_batch_size(batch_sizes: ArrayLike, steps: ArrayLike) -> tuple[float, float]:
    r"""Fit the exchange of steps against rows, and return the least steps and the critical size.

    The model is :math:`S = S_{min} (1 + B_{crit} / B)`. With the rows read, :math:`E = S B`, and
    their least number, :math:`E_{min} = S_{min} B_{crit}`, it is the hyperbola
    :math:`(S / S_{min} - 1)(E / E_{min} - 1) = 1` of McCandlish et al. (2018). At the critical
    batch size a run takes twice the least steps and twice the least rows.

    Parameters
    ----------
    batch_sizes : array_like of shape (points,)
        Two different ones or more.
    steps : array_like of shape (points,)
        Steps to the target with each. The squares of the relative errors are made least.

    Returns
    -------
    least_steps : float
        :math:`S_{min}`, the steps of a batch without end.
    critical : float
        :math:`B_{crit}`, in rows.

    Examples
    --------
    >>> least, critical = fit_critical_batch_size([1, 10, 100], [1010, 110, 20])
    >>> round(least, 2), round(critical, 2)
    (10.0, 100.0)
    """
    sizes = finite_array("batch_sizes", batch_sizes, ndim=1).astype(np.float64)
    counts = finite_array("steps", steps, ndim=1).astype(np.float64)
    if len(sizes) != len(counts):
        raise ValueError(f"steps must have the shape {sizes.shape}, not {counts.shape}")
    if len(set(sizes.tolist())) < 2:
        raise ValueError(f"batch_sizes must hold two different ones, not {sizes.tolist()}")
    if sizes.min() <= 0 or counts.min() <= 0:
        raise ValueError("batch_sizes and steps must be above 0")
    # For a given critical size the best least steps follow from a mean of logarithms.
    low, high = np.log(sizes.min()) - 7, np.log(sizes.max()) + 7
    for _ in range(8):  # each round looks closer around the best of the last
        candidates = np.linspace(low, high, 101)
        model = np.log1p(np.exp(candidates)[:, None] / sizes)
        misfit = np.var(np.log(counts) - model, axis=1)
        best, width = candidates[misfit.argmin()], (high - low) / 20
        low, high = best - width, best + width
    critical = float(np.exp(best))
    least = float(np.exp(np.mean(np.log(counts) - np.log1p(critical / sizes))))
    return least, critical


def time_to_target(steps: ArrayLike, batch_sizes: ArrayLike, overhead: float) -> Array:
    """Return how long runs take to a target where each step costs an overhead and its rows.

    A run's time is `steps` times (`overhead` + batch size): the unit is the time that one row
    takes. The overhead is what a step costs however few its rows are, such as calling functions
    or talking to other machines.

    Parameters
    ----------
    steps : array_like of shape (points,)
        Steps to the target, above 0: whole numbers, or means and medians of them.
    batch_sizes : array_like of shape (points,)
        The rows in each step, above 0.
    overhead : float
        What a step costs beside its rows, in rows' worth of work, above 0.

    Returns
    -------
    ndarray of shape (points,)

    Examples
    --------
    Where a step costs little, small batches are fastest; where it costs much, large ones.

    >>> time_to_target([1000, 200, 100], [1, 10, 100], overhead=1)
    array([ 2000.,  2200., 10100.])
    >>> time_to_target([1000, 200, 100], [1, 10, 100], overhead=1000)
    array([1001000.,  202000.,  110000.])
    """
    counts = finite_array("steps", steps, ndim=1).astype(np.float64)
    sizes = finite_array("batch_sizes", batch_sizes, ndim=1).astype(np.float64)
    if len(counts) != len(sizes):
        raise ValueError(f"steps must have the shape {sizes.shape}, not {counts.shape}")
    for name, numbers in (("steps", counts), ("batch_sizes", sizes)):
        if (numbers <= 0).any():
            raise ValueError(f"{name} must be above 0, but holds {numbers[numbers <= 0][0]}")
    return counts * (positive_number("overhead", overhead) + sizes)


def _endless_batches(
    n: int, batch_size: int | None, order: str, rng: np.random.Generator
) -> Iterator[Rows | None]:
    first_epoch = minibatches(n, batch_size, order=order, seed=rng)  # refuses bad arguments here
    if batch_size in (None, n) and order != "with_replacement":
        return repeat(None)  # all rows: no shuffle and no copy

    def epochs() -> Iterator[Rows]:
        yield from first_epoch
        while True:
            yield from minibatches(n, batch_size, order=order, seed=rng)

    return epochs()


def _looks(
    steps: Iterable[int],
    objective: Objective,
    weights: Array,
    validation: Objective,
    learning_rate: float,
    batches: Iterator[Rows | None],
) -> Iterator[float]:
    done = 0
    for step in steps:
        if step < done:
            raise ValueError(f"steps must increase, but {step} comes after {done}")
        with np.errstate(over="ignore", invalid="ignore"):  # the loss says so
            for _ in range(step - done):
                weights -= learning_rate * objective.gradient(weights, next(batches))
            loss = validation.value(weights)
        done = step
        yield loss
