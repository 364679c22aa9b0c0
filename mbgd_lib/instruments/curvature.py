"""The curvature of a loss whose Hessian is too large to write down."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, generator, positive_number, whole_number
from mbgd_lib.batches import minibatches
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
    losses: of the eigenvalues it finds the one of the largest size. For a network's there is
    `steepest_direction`.

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


def steepest_direction(
    objective: Objective,
    weights: ArrayLike,
    *,
    start: ArrayLike | None = None,
    iterations: int = 40,
    seed: Any = 0,
) -> tuple[float, Array]:
    r"""Return the largest eigenvalue of the Hessian, and the direction that it belongs to.

    Lanczos's method: a vector and its products :math:`Hv, H^2 v, \dots` span a small space, in
    which H is a small matrix; its largest eigenvalue is the best guess that they allow. It needs
    fewer products than the power method of `sharpness`, and is not misled by a negative
    eigenvalue of a larger size.

    Parameters
    ----------
    objective : Objective
    weights : array_like
    start : array_like, optional
        A vector to begin with, such as what was found at weights nearby; random without it.
    iterations : int
        Products with H, at most as many as there are weights.
    seed : int, numpy.random.Generator or None
        Of the random vector.

    Returns
    -------
    curvature : float
    direction : ndarray in the shape of the weights
        Of length 1.

    Examples
    --------
    >>> from mbgd_lib import QuadraticBowl
    >>> bowl = QuadraticBowl([[4.0, 0.0], [0.0, 1.0]])
    >>> curvature, direction = steepest_direction(bowl, [1.0, 1.0])
    >>> round(curvature, 6), abs(direction).round(6)
    (4.0, array([1., 0.]))
    """
    centre = finite_array("weights", weights, ndim=None).astype(np.float64)
    iterations = whole_number("iterations", iterations, 1)
    if start is None:
        vector = generator("seed", seed).normal(size=centre.size)
    else:
        vector = finite_array("start", start, ndim=None).astype(np.float64).ravel()
        if vector.size != centre.size or not vector.any():
            raise ValueError(f"start must be {centre.size} numbers that are not all 0")
    # Orthogonal vectors of length 1, one a row, and their products with H.
    basis, products = np.zeros((0, centre.size)), np.zeros((0, centre.size))
    for _ in range(min(iterations, centre.size)):
        length = np.linalg.norm(vector)
        for _ in range(2):  # once is not enough: rounding leaves some of the old directions
            vector = vector - basis.T @ (basis @ vector)
        if np.linalg.norm(vector) <= 1e-7 * length:
            break  # the products lead nowhere new
        basis = np.vstack([basis, vector / np.linalg.norm(vector)])
        vector = hessian_product(objective, centre, basis[-1].reshape(centre.shape)).ravel()
        products = np.vstack([products, vector])
    small = basis @ products.T
    curvatures, directions = np.linalg.eigh((small + small.T) / 2)
    return float(curvatures[-1]), (directions[:, -1] @ basis).reshape(centre.shape)


def batch_sharpness(
    objective: Objective,
    weights: ArrayLike,
    batch_size: int,
    *,
    batches: int = 100,
    order: str = "reshuffle",
    seed: Any = 0,
) -> float:
    r"""Return how sharply a batch's own loss curves along its own gradient, on average.

    With the gradient :math:`g` and the Hessian :math:`H` of one batch's mean loss, it is the
    batch sharpness of Andreyev and Beneventano (2024),

    .. math::

        \mathbb{E} \left[ \frac{g^\top H g}{\lVert g \rVert^2} \right] ,

    the mean over batches. A step :math:`-\eta g` changes that batch's loss by
    :math:`-\eta \lVert g \rVert^2 + \tfrac12 \eta^2 g^\top H g`: it raises it where the
    fraction is above :math:`2 / \eta`.

    Parameters
    ----------
    objective : Objective
    weights : array_like
    batch_size : int
    batches : int
        How many are drawn.
    order : {"reshuffle", "shuffle_once", "sequential", "with_replacement"}
        How: see `minibatches`. Rows left over at the end of an epoch are left out.
    seed : int, numpy.random.Generator or None
        Of the draws.

    Returns
    -------
    float
        A batch whose gradient is 0 has no direction and is left out; NaN if there is no other.

    Examples
    --------
    One row of features (1, 2) has the Hessian xxᵀ and a gradient along x, so it is the squared
    length of x:

    >>> from mbgd_lib import LeastSquares
    >>> row = LeastSquares([[1.0, 2.0]], [1.0], intercept=False)
    >>> round(batch_sharpness(row, [0.0, 0.0], 1, batches=1), 6)
    5.0
    """
    centre = finite_array("weights", weights, ndim=None).astype(np.float64)
    batches = whole_number("batches", batches, 1)
    epochs = -(-batches // max(1, objective.n_rows // whole_number("batch_size", batch_size, 1)))
    drawn = minibatches(
        objective.n_rows, batch_size, order=order, last_batch="drop", epochs=epochs, seed=seed
    )
    curvatures = []
    for _, rows in zip(range(batches), drawn, strict=False):
        gradient = objective.gradient(centre, rows)
        squared = np.sum(gradient**2)
        if squared > 0:
            product = hessian_product(objective, centre, gradient, rows)
            curvatures.append(np.sum(gradient * product) / squared)
    return float(np.mean(curvatures)) if curvatures else float("nan")
