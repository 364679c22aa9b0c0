"""The curvature of a loss whose Hessian is too large to write down."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, generator, positive_number, whole_number
from mbgd_lib.objectives import Array, Objective


def hessian_product(
    objective: Objective,
    weights: ArrayLike,
    vector: ArrayLike,
    rows: Array | None = None,
    *,
    step: float = 1e-4,
) -> Array:
    r"""Return the product of the Hessian with a vector, from two gradients.

    It is the change of the gradient along the vector,
    :math:`H v \approx (\nabla L(w + hv) - \nabla L(w - hv)) / 2h`, which is wrong by a term in
    :math:`h^2`.

    Parameters
    ----------
    objective : Objective
    weights, vector : array_like
        Of one shape.
    rows : ndarray of int, optional
        The rows that the loss is a mean over.
    step : float
        h times the length of the vector.

    Returns
    -------
    ndarray in the shape of `vector`

    Examples
    --------
    >>> from mbgd_lib import QuadraticBowl
    >>> hessian_product(QuadraticBowl([[4.0, 0.0], [0.0, 1.0]]), [1.0, 1.0], [2.0, 2.0]).round(6)
    array([8., 2.])
    """
    centre = finite_array("weights", weights, ndim=None).astype(np.float64)
    vector = finite_array("vector", vector, ndim=None).astype(np.float64)
    if vector.shape != centre.shape:
        raise ValueError(f"vector must have the shape {centre.shape}, not {vector.shape}")
    length = float(np.linalg.norm(vector))
    if length == 0:
        return np.zeros_like(vector)
    ahead = vector * (positive_number("step", step) / length)
    change = objective.gradient(centre + ahead, rows) - objective.gradient(centre - ahead, rows)
    return np.asarray(change * (length / (2 * step)))


def sharpness(
    objective: Objective,
    weights: ArrayLike,
    *,
    iterations: int = 100,
    step: float = 1e-4,
    seed: Any = 0,
) -> float:
    r"""Return the largest eigenvalue of the Hessian at the given weights.

    The power method: multiply a random vector by H again and again, and only its part along
    the steepest direction survives. H is never formed: see `hessian_product`. Meant for convex
    losses: of the eigenvalues it finds the one of the largest size.

    Parameters
    ----------
    objective : Objective
    weights : array_like
    iterations : int
        Products with H. The error falls with the square of (second eigenvalue / first) at each.
    step : float
        h, for vectors of length 1.
    seed : int, numpy.random.Generator or None
        Of the first vector.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If a step a hundred times shorter finds another curvature: near a kink, where the loss
        has no second derivative, the change of the gradient is the same however short the step.

    Examples
    --------
    >>> from mbgd_lib import QuadraticBowl
    >>> bowl = QuadraticBowl([[4.0, 0.0], [0.0, 1.0]])
    >>> round(sharpness(bowl, [1.0, 1.0]), 6)
    4.0
    """
    centre = finite_array("weights", weights, ndim=None).astype(np.float64)
    iterations = whole_number("iterations", iterations, 1)
    step = positive_number("step", step)
    vector = generator("seed", seed).normal(size=centre.shape)
    largest = 0.0
    for _ in range(iterations):
        length = np.linalg.norm(vector)
        if length == 0:
            return 0.0
        unit = vector / length
        vector = hessian_product(objective, centre, unit, step=step)
        largest = float(np.sum(unit * vector))
    closer = float(np.sum(unit * hessian_product(objective, centre, unit, step=step / 100)))
    if abs(closer - largest) > 0.05 * max(abs(closer), abs(largest)):
        raise ValueError(
            "objective must have second derivatives at the weights, but the change of its "
            f"gradient over a step of {step} means a curvature of {largest:.4g}, over one of "
            f"{step / 100} of {closer:.4g}: a kink, or too long a step"
        )
    return largest
