r"""Where runs of least squares come to rest: measured after settling, and computed.

At a constant learning rate a run does not end at the minimum but scatters about a floor above
it, or, in an order that is the same in every epoch, ends at a point of its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, generator, positive_number
from mbgd_lib.batches import Batching, Rows, batch_edges
from mbgd_lib.instruments.noise import row_gradients
from mbgd_lib.instruments.orders import gaps_of_runs
from mbgd_lib.objectives import Array, LeastSquares

# A run settles for this many epochs at least, and is averaged over as many at least.
LEAST_EPOCHS = 20
LEAST_AVERAGE = 40


def settled_gaps(
    objective: LeastSquares,
    rates: ArrayLike,
    batch_size: int,
    *,
    seeds: Sequence[int],
    relaxations: float,
    average: bool = True,
    **options: Any,
) -> Array:
    r"""Return the loss gaps of settled runs after each step of an epoch.

    The runs start at the minimum. They settle for so many times
    :math:`1 / (\eta m \lambda_{\min})` epochs, the memory of the flattest direction. Then the
    gaps are averaged over :math:`0.1 / \eta` epochs, at least 40: the smaller the rate, the
    longer a run remembers.

    Parameters
    ----------
    objective : LeastSquares
    rates : array_like of shape (rates,)
        Learning rates.
    batch_size : int
    seeds : sequence of int
        One for each run.
    relaxations : float
        How many memories of the flattest direction to wait.
    average : bool
        Whether to average; else the last epoch of the settling is all.
    **options
        `order` and `last_batch`, as in `mbgd_lib.instruments.orders.gaps_of_runs`.

    Returns
    -------
    ndarray of shape (rates, seeds, steps of an epoch)

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [1.0]], [0.0, 2.0], intercept=False)  # at 1, L - L* = δ²/2
    >>> gaps = settled_gaps(objective, [0.5], 1, seeds=[0], relaxations=5,
    ...                     order="sequential", average=False)
    >>> gaps.round(4)  # after the row of 0, then after the row of 2: at ∓ 1/3
    array([[[0.0556, 0.0556]]])
    """
    flattest = np.linalg.eigvalsh(objective.hessian())[0]
    last_batch = options.get("last_batch", "keep")
    steps = len(batch_edges(objective.n_rows, batch_size, last_batch=last_batch)) - 1
    found = []
    for rate in finite_array("rates", rates, ndim=1).tolist():
        waiting = positive_number("relaxations", relaxations) / (rate * steps * flattest)
        settling = max(LEAST_EPOCHS, int(np.ceil(waiting)))
        kept = max(LEAST_AVERAGE, round(0.1 / rate)) if average else 1
        gaps = gaps_of_runs(
            objective,
            objective.solution(),
            learning_rate=rate,
            batch_size=batch_size,
            epochs=settling + (kept if average else 0),
            seeds=seeds,
            every_step=True,
            **options,
        )
        of_epochs = gaps[:, -kept * steps :].reshape(len(seeds), kept, steps)
        found.append(of_epochs.mean(axis=1))
    return np.array(found)


def resting_gaps(
    objective: LeastSquares,
    rates: ArrayLike,
    batch_size: int,
    *,
    order: str,
    seeds: Sequence[Any],
    last_batch: str = "keep",
    mirrored: bool = False,
) -> Array:
    r"""Return the floors of runs that have settled, from many single epochs and without waiting.

    An epoch maps the offset from the minimum to :math:`A \delta + \epsilon`. Where each epoch
    draws an order of its own, the pairs :math:`(A, \epsilon)` are independent, and at rest
    :math:`C = \mathbb{E}\, (A C A^\top + \epsilon \epsilon^\top)`. With the matrix W that solves
    :math:`W = H + \mathbb{E}\, A^\top W A` the expected gap :math:`\frac12 \operatorname{tr} HC` is
    the mean of :math:`\frac12 \epsilon^\top W \epsilon` over the epochs. (The small offset of the
    mean, the bias, is left out.) An order that is the same in all epochs leads to
    :math:`(I - A)^{-1} \epsilon`.

    Parameters
    ----------
    objective : LeastSquares
    rates : array_like of shape (rates,)
        Learning rates.
    batch_size : int
    order : {"reshuffle", "with_replacement", "shuffle_once", "sequential"}
    seeds : sequence
        One for each epoch; for fixed orders, one for each order.
    last_batch : {"keep", "weigh", "drop", "spread"}
        As in `mbgd_lib.minibatches`.
    mirrored : bool
        Whether every second epoch takes the batches of the one before in reverse. The gap is
        that after the reverse.

    Returns
    -------
    ndarray of shape (rates, seeds)
        What each epoch adds to the floor: the mean over the seeds is the floor. For fixed orders,
        the gap of each order.

    Raises
    ------
    ValueError
        If the runs would not settle at a rate.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [1.0]], [0.0, 2.0], intercept=False)  # at 1, L - L* = δ²/2
    >>> resting_gaps(objective, [0.5], 1, order="sequential", seeds=[None]).round(4)
    array([[0.0556]])
    >>> resting_gaps(objective, [0.5], 1, order="reshuffle", seeds=range(100)).mean().round(2)
    np.float64(0.03)
    """
    batching = Batching(objective.n_rows, batch_size, None, order, last_batch)
    edges = batching.edges(0)
    rows = np.array([batching.next_order(generator("seeds", seed)) for seed in seeds])
    hessians, gradients = _of_batches(objective, rows, edges)
    shares = np.ones(len(edges) - 1)
    if last_batch == "weigh":
        shares = np.diff(edges) / (edges[1] - edges[0])
    hessian, one = objective.hessian(), np.eye(hessians.shape[-1])
    found = []
    for rate in finite_array("rates", rates, ndim=1).tolist():
        matrix, shift = _map(hessians, gradients, rate * shares)
        if mirrored:
            back, on_way = _map(hessians[:, ::-1], gradients[:, ::-1], rate * shares[::-1])
            shift = np.einsum("eij,ej->ei", back, shift) + on_way
            matrix = back @ matrix
        if np.abs(np.linalg.eigvals(matrix.mean(axis=0))).max() >= 1:
            raise ValueError(f"rates must be small enough for the runs to settle, not {rate}")
        weigh = hessian
        if order in ("shuffle_once", "sequential"):
            offsets = np.linalg.solve(one - matrix, shift[..., None])[..., 0]
        else:
            offsets = shift - (0 if order == "with_replacement" else shift.mean(axis=0))
            pairs = np.einsum("eji,elk->ikjl", matrix, matrix) / len(matrix)
            pairs = pairs.reshape(hessian.size, hessian.size)
            solved = np.linalg.solve(np.eye(hessian.size) - pairs, hessian.ravel())
            weigh = solved.reshape(hessian.shape)
        found.append(0.5 * np.einsum("ei,ij,ej->e", offsets, weigh, offsets))
    return np.array(found)


def balanced_gaps(
    objective: LeastSquares,
    rates: ArrayLike,
    batch_size: int,
    *,
    seeds: Sequence[Any],
    relaxations: float,
) -> Array:
    r"""Return the floors of runs that balance the order of their batches (GraB).

    Each run cuts the rows into batches once. In every epoch a batch's gradient, less the mean of
    the epoch before, gets the sign that keeps the running sum of the signed ones small. The next
    epoch takes first those with a plus, in their order, then those with a minus in reverse.

    Parameters
    ----------
    objective : LeastSquares
    rates : array_like of shape (rates,)
    batch_size : int
        Must divide the number of rows.
    seeds : sequence
        One for each run: of its cut and of its first order.
    relaxations : float
        How long to settle, as in `settled_gaps`.

    Returns
    -------
    ndarray of shape (rates, seeds)
        Gaps at the ends of epochs, averaged as in `settled_gaps`.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares, data
    >>> line = LeastSquares(*data.noisy_line())
    >>> gaps = balanced_gaps(line, [0.016], 40, seeds=range(20), relaxations=2)
    >>> shuffled = resting_gaps(line, [0.016], 40, order="reshuffle", seeds=range(500))
    >>> bool(gaps.mean() < shuffled.mean() / 20)
    True
    """
    n = objective.n_rows
    if n % batch_size:
        raise ValueError(f"batch_size must divide the {n} rows, not be {batch_size}")
    batching = Batching(n, batch_size)
    rows = np.array([batching.next_order(generator("seeds", seed)) for seed in seeds])
    hessians, gradients = _of_batches(objective, rows, batching.edges(0))
    m, hessian = n // batch_size, objective.hessian()
    flattest, runs = np.linalg.eigvalsh(hessian)[0], np.arange(len(rows))
    found = []
    for rate in finite_array("rates", rates, ndim=1).tolist():
        waiting = positive_number("relaxations", relaxations) / (rate * m * flattest)
        settling = max(LEAST_EPOCHS, int(np.ceil(waiting)))
        kept = max(LEAST_AVERAGE, round(0.1 / rate))
        offsets = np.zeros((len(rows), len(hessian)))
        order, before = np.tile(np.arange(m), (len(rows), 1)), gradients.mean(axis=1)
        sums = np.zeros(len(rows))
        for epoch in range(settling + kept):
            balance, mean = np.zeros_like(offsets), np.zeros_like(offsets)
            places = np.empty_like(order)
            for step, batch in enumerate(order.T):
                gradient = gradients[runs, batch]
                gradient = gradient + np.einsum("sij,sj->si", hessians[runs, batch], offsets)
                offsets = offsets - rate * gradient
                mean += gradient / m
                away = gradient - before
                plus = (balance * away).sum(axis=1) <= 0
                balance += np.where(plus[:, None], away, -away)
                places[:, step] = np.where(plus, step, 2 * m - step)
            order, before = np.take_along_axis(order, places.argsort(axis=1), axis=1), mean
            if epoch >= settling:
                sums += 0.5 * np.einsum("si,ij,sj->s", offsets, hessian, offsets)
        found.append(sums / kept)
    return np.array(found)


# So many rows of an epoch are added up at once: their sums take little memory.
_ROWS_AT_ONCE = 500_000


def _of_batches(objective: LeastSquares, rows: Rows, edges: Rows) -> tuple[Array, Array]:
    """Return the Hessians and, at the minimum, the gradients of the batches of many epochs."""
    X = objective.X.astype(np.float64)
    if objective.intercept:
        X = np.column_stack([np.ones(len(X)), X])
    n, d = X.shape
    products = np.einsum("ni,nj->nij", X, X).reshape(n, d * d)
    of_rows = np.column_stack([products, row_gradients(objective, objective.solution())])
    parts = np.array_split(rows, max(1, rows.size // _ROWS_AT_ONCE))
    sums = [np.add.reduceat(of_rows[part[:, : edges[-1]]], edges[:-1], axis=1) for part in parts]
    means = np.concatenate(sums) / np.diff(edges)[:, None]
    return means[..., : d * d].reshape(*means.shape[:2], d, d), means[..., d * d :]


def _map(hessians: Array, gradients: Array, rates: Array) -> tuple[Array, Array]:
    """Return the matrices and shifts with which epochs map the offset from the minimum."""
    one = np.eye(hessians.shape[-1])
    matrix, shift = np.broadcast_to(one, hessians[:, 0].shape), np.zeros_like(gradients[:, 0])
    for step, rate in enumerate(rates.tolist()):
        of_step = one - rate * hessians[:, step]
        matrix = of_step @ matrix
        shift = np.einsum("eij,ej->ei", of_step, shift) - rate * gradients[:, step]
    return matrix, shift
