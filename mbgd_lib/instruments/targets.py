"""How many steps a run takes to a loss that was set beforehand.

Runs with different batch sizes can be compared by how far they have come, or by what it took
them to come equally far. The second needs a target, and a look at the loss often enough.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, positive_number, whole_number
from mbgd_lib.loop import Loop, State, steps
from mbgd_lib.objectives import Array, Objective


def checkpoints(max_steps: int, spacing: float = 0.03) -> list[int]:
    """Return the numbers of steps after which to look at the loss, a few per cent apart.

    A look may cost more than a step, so not every step can have one. Evenly spaced on a
    logarithmic axis, they know the number of steps of short and of long runs equally well.

    Parameters
    ----------
    max_steps : int
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
    max_steps = whole_number("max_steps", max_steps, 1)
    spacing = positive_number("spacing", spacing)
    looks = [1]
    while looks[-1] < max_steps:
        looks.append(min(max_steps, max(looks[-1] + 1, int(np.ceil(looks[-1] * (1 + spacing))))))
    return looks


def losses_at(
    looks: Iterable[int],
    objective: Objective,
    weights: ArrayLike | State,
    validation: Any,
    **settings: Any,
) -> Iterator[Any]:
    """Train on `objective`, and yield the loss over `validation` after the given numbers of steps.

    Parameters
    ----------
    looks : iterable of int
        Numbers of steps since the start, increasing; see `checkpoints`.
    objective : Objective
        What to minimise.
    weights : array_like or State
        Where to start.
    validation : Objective
        What to judge the weights by: the same loss, over other rows.
    **settings
        All that `mbgd_lib.steps` takes: the learning rate, and how it steps.

    Yields
    ------
    float or ndarray of shape (runs,)
        Of several runs, given `seeds`, an array. Not finite if a run has diverged.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> training = LeastSquares([[0.0], [2.0]], [1.0, 5.0])
    >>> validation = LeastSquares([[1.0]], [3.0])
    >>> losses = losses_at([1, 10, 100], training, [0.0, 0.0], validation, learning_rate=0.3)
    >>> [round(loss, 4) for loss in losses]
    [0.18, 0.0002, 0.0]
    """
    return _losses(looks, steps(objective, weights, **settings), validation)


def _losses(looks: Iterable[int], loop: Loop, validation: Any) -> Iterator[Any]:
    start = done = loop.state.number
    for look in looks:
        if start + look < done:
            raise ValueError(f"looks must increase, but {look} comes after {done - start}")
        with np.errstate(over="ignore", invalid="ignore"):  # the loss says so
            for _ in range(start + look - done):
                next(loop)
            done = start + look
            weights = loop.state.weights
            loss = validation.values if loop.state.side_by_side else validation.value
            yield loss(weights)


def steps_to_target(
    objective: Objective,
    weights: ArrayLike | State,
    validation: Any,
    target: float,
    *,
    max_steps: int,
    spacing: float = 0.03,
    **settings: Any,
) -> Any:
    """Return the number of steps to the first look that finds the loss at or below the target.

    The loss of a noisy run fluctuates, and the first look below the target may find it there
    by luck: this count is optimistic for small batches at high learning rates.

    Parameters
    ----------
    objective, weights, validation
        As in `losses_at`.
    target : float
    max_steps : int
        When to give up.
    spacing : float
        How far apart the looks are: see `checkpoints`.
    **settings
        All that `mbgd_lib.steps` takes: the learning rate, and how it steps.

    Returns
    -------
    int or None, or a list of them
        None if no look found it there, or the run diverged. A list, given `seeds`.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> training = LeastSquares([[0.0], [2.0]], [1.0, 5.0])
    >>> validation = LeastSquares([[1.0]], [3.0])
    >>> steps_to_target(training, [0.0, 0.0], validation, 0.001, max_steps=100, learning_rate=0.3)
    3
    """
    looks = checkpoints(max_steps, spacing)
    found: list[int | None] = []
    for look, losses in zip(
        looks, losses_at(looks, objective, weights, validation, **settings), strict=True
    ):
        losses = np.atleast_1d(losses)
        found = found or [None] * len(losses)
        for run in np.flatnonzero(losses <= target):
            found[run] = look if found[run] is None else found[run]
        waiting = [run for run, steps_made in enumerate(found) if steps_made is None]
        if not np.isfinite(losses[waiting]).any():  # all others have diverged, or there are none
            break
    return found if settings.get("seeds") is not None else found[0]


def best_rate(rates: ArrayLike, steps: ArrayLike) -> float:
    """Return the learning rate with which runs arrive soonest, between the rates that were tried.

    Of the rates the one with the least median is taken, and a parabola laid through it and its
    two neighbours, with logarithms on both axes; its lowest point is the answer. So a coarse
    grid of rates does not make a staircase of what grows steadily.

    Parameters
    ----------
    rates : array_like of shape (rates,)
        Increasing, each the same factor above the one before.
    steps : array_like of shape (seeds, rates)
        Steps to a target; infinite where a run did not arrive.

    Returns
    -------
    float
        The rate of least median itself, where it has no two neighbours whose median run arrives.

    Examples
    --------
    >>> best_rate([0.1, 0.2, 0.4], [[400, 100, 400], [400, 100, 400]])
    0.2
    >>> round(best_rate([0.1, 0.2, 0.4], [[400, 100, 100]]), 4)  # between the two
    0.2828
    """
    rates = finite_array("rates", rates, ndim=1)
    counts = np.asarray(steps, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[1] != len(rates) or counts.size == 0:
        raise ValueError(f"steps must have the shape (seeds, {len(rates)}), not {counts.shape}")
    medians = np.median(counts, axis=0)
    best = int(medians.argmin())
    if not 0 < best < len(rates) - 1 or not np.isfinite(medians[best - 1 : best + 2]).all():
        return float(rates[best])
    left, middle, right = np.log(medians[best - 1 : best + 2])
    bend = left - 2 * middle + right
    # The parabola through (-1, left), (0, middle) and (1, right) is lowest there.
    place = (left - right) / (2 * bend) if bend > 0 else 0.0
    return float(rates[best] * (rates[best + 1] / rates[best]) ** place)


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


def overhead_in_rows(batch_sizes: ArrayLike, seconds: ArrayLike) -> float:
    r"""Return how many rows cost as much as a step costs beside its rows.

    The model is :math:`a + c B` seconds for a step with B rows, fitted with the least squares of
    the relative errors; the overhead is :math:`a / c`.

    Parameters
    ----------
    batch_sizes : array_like of shape (points,)
        Two different ones or more.
    seconds : array_like of shape (points,)
        Per step, above 0.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the times fit no overhead above 0 and price of a row above 0.

    Examples
    --------
    >>> round(overhead_in_rows([1, 10, 100], [3e-5, 3.9e-5, 12.9e-5]), 6)  # 29 and 1 millionths
    29.0
    """
    sizes = finite_array("batch_sizes", batch_sizes, ndim=1).astype(np.float64)
    times = finite_array("seconds", seconds, ndim=1).astype(np.float64)
    if len(times) != len(sizes):
        raise ValueError(f"seconds must have the shape {sizes.shape}, not {times.shape}")
    if (times <= 0).any():
        raise ValueError(f"seconds must be above 0, but holds {times[times <= 0][0]}")
    design = np.column_stack([1 / times, sizes / times])
    fixed, each = np.linalg.lstsq(design, np.ones(len(times)))[0]
    if not (fixed > 0 and each > 0):
        raise ValueError(
            f"seconds must have an overhead and a price of a row above 0, not {fixed} and {each}"
        )
    return float(fixed / each)


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


def stop_at_loss(
    objective: Objective, weights: ArrayLike, target: float, *, max_steps: int, **settings: Any
) -> tuple[Array | None, int]:
    """Train until the loss over all rows is the target exactly, and return where that is.

    The loss is looked at after every step. The step that takes it to the target or below is made
    shorter, by halving, until the loss is just not above: so runs of any batch size and rate are
    compared at the same loss, however far their last step jumps.

    Parameters
    ----------
    objective : Objective
        What is minimised and looked at.
    weights : array_like
        Where to start, with a loss above the target.
    target : float
    max_steps : int
        When to give up.
    **settings
        All that `mbgd_lib.steps` takes for one run: the learning rate, and how it steps.

    Returns
    -------
    weights : ndarray or None
        None if the run did not arrive, or diverged.
    steps : int
        Steps made, the short one included.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0]], [2.0], intercept=False)  # the loss is (w - 2)² / 2
    >>> weights, made = stop_at_loss(objective, [0.0], 0.5, max_steps=9, learning_rate=0.4)
    >>> weights.round(6), made
    (array([1.]), 2)
    """
    max_steps = whole_number("max_steps", max_steps, 1)
    with np.errstate(over="ignore", invalid="ignore"):  # the loss says so
        for step in steps(objective, weights, **settings):
            loss = step.loss()
            if loss <= target:
                break
            if step.number == max_steps or not np.isfinite(loss):
                return None, step.number
    below, above = 1.0, 0.0  # shares of the last step
    jump = step.weights - step.before
    for _ in range(25):  # to what a weight in float32 can tell
        middle = (below + above) / 2
        if objective.value(step.before + jump.dtype.type(middle) * jump) <= target:
            below = middle
        else:
            above = middle
    return step.before + jump.dtype.type(below) * jump, step.number
