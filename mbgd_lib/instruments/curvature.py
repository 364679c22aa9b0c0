"""The largest curvature of a loss whose Hessian is too large to write down."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, generator, positive_number, whole_number
from mbgd_lib.objectives import Objective


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
    the steepest direction survives. H is never formed, since a product with it is the change
    of the gradient along the vector, :math:`H v \approx (\nabla L(w + hv) - \nabla L(w - hv)) /
    2h`. Meant for convex losses: of the eigenvalues it finds the one of the largest size.

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

    Examples
    --------
    >>> from mbgd_lib import QuadraticBowl
    >>> bowl = QuadraticBowl([[4.0, 0.0], [0.0, 1.0]])
    >>> round(sharpness(bowl, [1.0, 1.0]), 6)
    4.0
    """
    centre = finite_array("weights", weights, ndim=np.ndim(weights)).astype(np.float64)
    iterations = whole_number("iterations", iterations, 1)
    step = positive_number("step", step)
    vector = generator("seed", seed).normal(size=centre.shape)
    largest = 0.0
    for _ in range(iterations):
        length = np.linalg.norm(vector)
        if length == 0:
            return 0.0
        vector /= length
        change = objective.gradient(centre + step * vector) - objective.gradient(
            centre - step * vector
        )
        product = change / (2 * step)
        largest = float(np.sum(vector * product))
        vector = product
    return largest
