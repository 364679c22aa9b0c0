r"""Where runs of least squares come to rest: measured after settling, and computed.

At a constant learning rate a run does not end at the minimum but scatters about a floor above
it, or, in an order that is the same in every epoch, ends at a point of its own.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, positive_number
from mbgd_lib.batches import batch_edges, minibatches
from mbgd_lib.instruments.orders import fixed_order_limit, gaps_of_runs
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


def fixed_order_gaps(
    objective: LeastSquares,
    rates: ArrayLike,
    batch_size: int,
    *,
    order: str,
    seeds: Sequence[int | None],
) -> Array:
    """Return the loss gaps at the points to which fixed orders lead, without a run.

    Parameters
    ----------
    objective : LeastSquares
    rates : array_like of shape (rates,)
        Learning rates.
    batch_size : int
    order : {"shuffle_once", "sequential"}
    seeds : sequence of int or None
        One for each order of the rows; None draws nothing, for the sequential order.

    Returns
    -------
    ndarray of shape (rates, seeds)

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [1.0]], [0.0, 2.0], intercept=False)
    >>> fixed_order_gaps(objective, [0.5], 1, order="sequential", seeds=[None]).round(4)
    array([[0.0556]])
    """
    if order not in ("shuffle_once", "sequential"):
        raise ValueError(f"order must be 'shuffle_once' or 'sequential', not {order!r}")
    solution, hessian = objective.solution(), objective.hessian()

    def gap(rate: float, seed: int | None) -> float:
        batches = minibatches(objective.n_rows, batch_size, order=order, seed=seed)
        offset = fixed_order_limit(objective, batches, rate) - solution
        return float(0.5 * offset @ hessian @ offset)

    each_rate = finite_array("rates", rates, ndim=1).tolist()
    return np.array([[gap(rate, seed) for seed in seeds] for rate in each_rate])
