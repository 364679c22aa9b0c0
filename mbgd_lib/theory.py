r"""What a quadratic loss promises, exactly.

Least squares is a quadratic, :math:`L(w) = L^* + \frac12 (w - w^*)^\top H (w - w^*)`. In the
directions of the Hessian's eigenvectors a full-batch step of gradient descent multiplies the
distance to the minimum by :math:`1 - \eta \lambda_i`, each direction for itself. All formulas
here follow from that sentence.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import finite_array, positive_number, whole_number


def largest_stable_step(hessian: ArrayLike) -> float:
    r"""Return the learning rate at which gradient descent stops converging, 2 / λ_max.

    :math:`|1 - \eta \lambda| < 1` for every eigenvalue above 0 exactly when
    :math:`0 < \eta < 2 / \lambda_{max}`.

    Parameters
    ----------
    hessian : array_like of shape (d, d)
        Symmetric; its largest eigenvalue is above 0.

    Returns
    -------
    float

    Examples
    --------
    >>> largest_stable_step([[4.0, 0.0], [0.0, 1.0]])
    0.5
    """
    largest = np.linalg.eigvalsh(_symmetric(hessian))[-1]
    if largest <= 0:
        raise ValueError(
            f"hessian must have an eigenvalue above 0, but the largest is {largest:.3g}"
        )
    return float(2 / largest)


def condition_number(hessian: ArrayLike) -> float:
    r"""Return λ_max / λ_min: how many times steeper the steepest direction is.

    Parameters
    ----------
    hessian : array_like of shape (d, d)
        Symmetric, with positive eigenvalues.

    Returns
    -------
    float

    Examples
    --------
    >>> condition_number([[4.0, 0.0], [0.0, 1.0]])
    4.0
    """
    eigenvalues = np.linalg.eigvalsh(_symmetric(hessian))
    if eigenvalues[0] <= 0:
        raise ValueError(
            f"hessian must have positive eigenvalues, but the least is {eigenvalues[0]:.3g}"
        )
    return float(eigenvalues[-1] / eigenvalues[0])


def loss_gap(
    hessian: ArrayLike, offset: ArrayLike, learning_rate: float, steps: ArrayLike
) -> NDArray[np.float64]:
    r"""Return how far above its minimum the loss is after so many full-batch steps.

    :math:`L(w_k) - L^* = \frac12 \sum_i \lambda_i (1 - \eta \lambda_i)^{2k} c_i^2`, where
    :math:`c_i` is the start's offset along eigenvector i.

    Parameters
    ----------
    hessian : array_like of shape (d, d)
    offset : array_like of shape (d,)
        The start minus the minimum.
    learning_rate : float
    steps : array_like of int
        Any number of steps, however large: none of them is run.

    Returns
    -------
    ndarray in the shape of `steps`

    Examples
    --------
    >>> float(loss_gap([[2.0]], [1.0], learning_rate=0.25, steps=1))
    0.25
    """
    hessian = _symmetric(hessian)
    offset = finite_array("offset", offset, ndim=1)
    if len(offset) != len(hessian):
        raise ValueError(f"offset must have the shape ({len(hessian)},), not {offset.shape}")
    learning_rate = positive_number("learning_rate", learning_rate)
    eigenvalues, directions = np.linalg.eigh(hessian)
    share = 0.5 * eigenvalues * (directions.T @ offset) ** 2
    factors = np.abs(1 - learning_rate * eigenvalues)
    # As floats: twice a number of steps may be more than an integer of 64 bits holds.
    exponents = 2 * np.asarray(steps, dtype=np.float64)[..., None]
    return np.asarray((factors**exponents * share).sum(axis=-1))


def steps_to_gap(
    hessian: ArrayLike,
    offset: ArrayLike,
    learning_rate: float,
    gap: float,
    *,
    most: int = 10**15,
) -> int:
    """Return the least number of full-batch steps after which the loss gap is at most `gap`.

    Found by bisection on `loss_gap`, so a number in the billions costs no more than a small one.

    Parameters
    ----------
    hessian, offset, learning_rate
        As in `loss_gap`.
    gap : float
        The loss above its minimum to arrive at.
    most : int
        Where to give up.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If the learning rate is not below `largest_stable_step`, or `most` steps do not suffice.

    Examples
    --------
    >>> steps_to_gap([[2.0]], [1.0], learning_rate=0.25, gap=0.25)
    1
    """
    learning_rate = positive_number("learning_rate", learning_rate)
    gap = positive_number("gap", gap)
    most = whole_number("most", most, 1)
    limit = largest_stable_step(hessian)
    if learning_rate >= limit:
        raise ValueError(f"learning_rate must be below 2/λ_max = {limit:.6g}, not {learning_rate}")

    def arrived(steps: int) -> bool:
        return bool(loss_gap(hessian, offset, learning_rate, steps) <= gap)

    if arrived(0):
        return 0
    if not arrived(most):
        raise ValueError(f"gap={gap} is not reached within most={most} steps")
    # Below 2/λ_max the gap only falls, so the first arrival lies between these two.
    before, after = 0, most
    while after - before > 1:
        middle = (before + after) // 2
        if arrived(middle):
            after = middle
        else:
            before = middle
    return after


def _symmetric(hessian: ArrayLike) -> NDArray[Any]:
    hessian = finite_array("hessian", hessian, ndim=2)
    if hessian.shape[0] != hessian.shape[1]:
        raise ValueError(f"hessian must be square, not of the shape {hessian.shape}")
    if not np.allclose(hessian, hessian.T):
        raise ValueError(f"hessian must be symmetric, not {hessian.tolist()}")
    return hessian
