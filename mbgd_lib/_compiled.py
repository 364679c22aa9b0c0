"""The same steps, compiled: what `descend` uses for many small batches where Numba is installed.

A step with a single row has so little to compute that Python's and NumPy's own work around it
takes most of the time. Here an epoch is one call of compiled loops. They make the same steps as
`descend`, to rounding. They are plain Python as well, and the tests compare both with `descend`.
"""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from mbgd_lib.batches import Epoch
from mbgd_lib.loop import Loop
from mbgd_lib.objectives import Array, LeastSquares, LinearModel, Logistic, Objective, Softmax

# With larger batches NumPy's matrix products are faster.
LARGEST_BATCH = 32
# Compiling takes some seconds, once on each machine, and loading what was compiled about two,
# once in each process. A run of fewer steps is over sooner without.
FEWEST_STEPS = 50_000
FEWEST_STEPS_LOADED = 1000

SQUARES, LOGIT, SOFTMAX = range(3)
LOSSES = {LeastSquares: SQUARES, Logistic: LOGIT, Softmax: SOFTMAX}


def make_epoch(loop: Loop, epochs: int | None) -> bool:
    """Make a whole epoch of a run, if these loops make the same steps and are worth it.

    Parameters
    ----------
    loop : Loop
    epochs : int
        How many epochs the run has.

    Returns
    -------
    bool
        Whether it was made. If not, the epoch may have begun, and is made step by step.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares, steps
    >>> loop = steps(LeastSquares([[1.0]], [2.0]), [0.0, 0.0], learning_rate=0.1)
    >>> make_epoch(loop, epochs=3)  # all rows at once need no compiling
    False
    """
    if not (loop.is_plain and loop.state.epoch_is_over):
        return False
    loop.begin_epoch()
    batches = loop.state.batches
    assert batches is not None
    if not pays(loop.objective, loop.state.weights, batches, epochs or 1):
        return False
    weights = loop.state.weights.copy(order="K")
    made = make_steps(loop.objective, weights, batches, loop.learning_rate)
    loop.have_made(made, weights)
    return True


def pays(objective: Objective, weights: Array, epoch: Epoch, epochs: int) -> bool:
    """Tell whether an epoch's steps can be compiled, and are worth it.

    Parameters
    ----------
    objective : Objective
    weights : ndarray
    epoch : Epoch
    epochs : int
        How many such epochs the run has.

    Returns
    -------
    bool

    Examples
    --------
    >>> objective = LeastSquares([[1.0]], [2.0])
    >>> epoch = Epoch(np.array([0]), np.array([0, 1]))
    >>> pays(objective, np.zeros(2), epoch, epochs=10)  # ten steps in all
    False
    """
    return (
        isinstance(objective, LinearModel)
        and len(epoch.rows) > 0  # not all rows as they stand
        # A subclass, or a learner on an instance, may have changed the loss.
        and type(objective) in LOSSES
        and not vars(objective).keys() & {"gradient", "_score_slopes", "_scores"}
        # The loops do not look where they write.
        and weights.shape == objective.weights_shape
        and weights.size > 0
        and objective.X.dtype == weights.dtype
        and objective.X.flags.c_contiguous
        and epoch.edges[1] <= LARGEST_BATCH  # the first batch is the largest
        and len(epoch) * epochs >= (FEWEST_STEPS_LOADED if _loaded() else FEWEST_STEPS)
        and numba_if_installed() is not None
    )


def make_steps(objective: Objective, weights: Array, epoch: Any, learning_rate: float) -> int:
    """Make the steps of an epoch, in place, and return how many they were.

    Parameters
    ----------
    objective : LeastSquares, Logistic or Softmax
    weights : ndarray
        In the shape of the objective's `weights_shape`, and in Fortran order.
    epoch : Epoch
        The batches.
    learning_rate : float
    """
    assert isinstance(objective, LinearModel)  # as `pays` has seen
    _compiled()(
        objective.X,
        objective.y,
        weights.T.reshape(-1, len(weights)),  # a view: one line of weights for each score
        epoch.rows,
        epoch.edges,
        learning_rate,
        int(objective.intercept),
        LOSSES[type(objective)],
    )
    return len(epoch)


def _loaded() -> bool:
    return _compiled.cache_info().currsize > 0


@cache
def numba_if_installed() -> ModuleType | None:
    # Imported only for a run that gains by it: the import alone takes a second.
    try:
        import numba
    except ImportError:  # not installed, or not for this version of NumPy
        return None
    return numba


@cache
def _compiled() -> Callable[..., None]:
    numba: Any = numba_if_installed()
    # Sums may be taken in any order, so that the processor can add several numbers at once.
    options: Any = {"cache": True, "fastmath": {"reassoc", "contract"}}
    numba.extending.register_jitable(slopes_of_scores)
    return numba.njit(**options)(steps)


def steps(
    X: Array,
    y: Array,
    weights: Array,
    rows: Array,
    edges: Array,
    learning_rate: float,
    first: int,
    loss: int,
) -> None:
    """Step through the batches ``rows[edges[i]:edges[i + 1]]``, as `descend` does.

    Parameters
    ----------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    weights : ndarray of shape (k, first + d)
        One line for each of k scores; changed in place.
    rows, edges : ndarray of int
    learning_rate : float
    first : int
        Where the weights of the features begin: 1 after an intercept, else 0.
    loss : int
        `SQUARES`, `LOGIT` or `SOFTMAX`.
    """
    slopes = np.empty((np.diff(edges).max(), len(weights)), X.dtype)
    for batch in range(len(edges) - 1):
        in_batch = rows[edges[batch] : edges[batch + 1]]
        rate = learning_rate / len(in_batch)
        # First all slopes: they belong to the weights before the step.
        for i in range(len(in_batch)):
            x = X[in_batch[i]]
            for c in range(len(weights)):
                of_features = weights[c, first:]
                score = X.dtype.type(0)
                for j in range(len(x)):
                    score += of_features[j] * x[j]
                slopes[i, c] = score + weights[c, 0] if first else score
            slopes_of_scores(slopes[i], y[in_batch[i]], loss)
        for i in range(len(in_batch)):
            x = X[in_batch[i]]
            for c in range(len(weights)):
                of_features = weights[c, first:]
                step = X.dtype.type(rate * slopes[i, c])
                for j in range(len(x)):
                    of_features[j] -= step * x[j]
                if first:
                    weights[c, 0] -= step


def slopes_of_scores(scores: Array, y: Any, loss: int) -> None:
    """Replace a row's scores by the derivative of its loss by them.

    Parameters
    ----------
    scores : ndarray of shape (k,)
        Changed in place.
    y : int or float
        The row's label or target.
    loss : int
        `SQUARES`, `LOGIT` or `SOFTMAX`.
    """
    if loss == SQUARES:
        scores[0] -= y
    elif loss == LOGIT:
        scores[0] = 0.5 * (1 + np.tanh(0.5 * scores[0])) - y
    else:
        scores -= scores.max()
        scores[:] = np.exp(scores)
        scores /= scores.sum()
        scores[int(y)] -= 1
