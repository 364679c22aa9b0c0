"""Is the gradient right? Compare it with finite differences of the value."""

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, like_weights, one_number, positive_number
from mbgd_lib.objectives import Array, Objective


def finite_differences(
    objective: Objective,
    weights: ArrayLike,
    rows: Array | None = None,
    *,
    step: float = 1e-5,
    central: bool = True,
) -> Array:
    r"""Approximate the gradient from values alone, one weight at a time.

    The central difference :math:`(L(w + h e_j) - L(w - h e_j)) / 2h` is wrong by a term in
    :math:`h^2`, the forward difference :math:`(L(w + h e_j) - L(w)) / h` by a term in
    :math:`h` (Taylor's theorem). Both lose about :math:`\epsilon L / h` to rounding, where
    :math:`\epsilon \approx 10^{-16}`.

    Parameters
    ----------
    objective : Objective
    weights : array_like
        Where to differentiate; float64 is used throughout.
    rows : ndarray of int, optional
        The rows that the loss is a mean over.
    step : float
        The step h, in the units of the weights.
    central : bool
        Central differences, or forward ones.

    Returns
    -------
    ndarray in the shape of `weights`

    Examples
    --------
    >>> from mbgd_lib import QuadraticBowl
    >>> bowl = QuadraticBowl([[4.0, 0.0], [0.0, 1.0]])  # its gradient is (4 w₁, w₂)
    >>> finite_differences(bowl, [1.0, 2.0]).round(6)
    array([4., 2.])
    """
    weights = finite_array("weights", weights, ndim=None).astype(np.float64)
    step = positive_number("step", step)
    differences = np.empty_like(weights)
    for index in np.ndindex(weights.shape):
        ahead, behind = weights.copy(), weights.copy()
        ahead[index] += step
        if central:
            behind[index] -= step
        higher, lower = (
            one_number("the objective's value", objective.value(place, rows))
            for place in (ahead, behind)
        )
        # The distance as rounded: ahead - behind is not exactly a multiple of the step.
        differences[index] = (higher - lower) / (ahead[index] - behind[index])
    return differences


def check_gradient(
    objective: Objective,
    weights: ArrayLike,
    rows: Array | None = None,
    *,
    step: float = 1e-5,
) -> float:
    """Return how far the objective's gradient is from central differences.

    Below 1e-6 a gradient is right for all that this check can see. A gradient twice too long
    gives 0.5, a forgotten term its share of the gradient; a loss that is not a number gives NaN.

    Parameters
    ----------
    objective : Objective
    weights : array_like
        Where to compare. Choose a place far from the minimum, where every entry of the gradient
        counts: what is zero cannot be seen to be missing.
    rows : ndarray of int, optional
        The rows that the loss is a mean over.
    step : float
        The step of the finite differences.

    Returns
    -------
    float
        The norm of the difference over the larger of both norms: 0 when they agree, 1 when
        one is missing, at most 2.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> check_gradient(objective, [0.5, -0.5]) < 1e-6
    True
    """
    weights = finite_array("weights", weights, ndim=None).astype(np.float64)
    numeric = finite_differences(objective, weights, rows, step=step)
    given = objective.gradient(weights, rows)
    stated = like_weights("the objective's gradient", given, weights.shape)
    larger = np.maximum(np.linalg.norm(numeric), np.linalg.norm(stated))  # NaN if one is
    return 0.0 if larger == 0 else float(np.linalg.norm(stated - numeric) / larger)
