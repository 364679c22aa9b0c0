r"""How noisy a mini-batch gradient is, at given weights.

Let :math:`g_i` be the gradient of row i's loss, :math:`G` their mean over all rows, and
:math:`\Sigma` their covariance. A batch of B rows drawn with replacement has a mean gradient
:math:`g_B` with

.. math:: \mathbb{E}\, g_B = G, \qquad \mathbb{E} \lVert g_B - G \rVert^2 = \operatorname{tr} \Sigma / B.
"""  # noqa: E501 - a formula cannot be broken

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mbgd_lib._arguments import generator, whole_number
from mbgd_lib.instruments.curvature import hessian_product
from mbgd_lib.objectives import PIECE, Array, Objective, Softmax, softmax


def row_gradients(objective: Objective, weights: Array, rows: Array | None = None) -> Array:
    """Return the gradient of each row's own loss.

    Parameters
    ----------
    objective : Objective
    weights : ndarray
    rows : ndarray of int, optional
        Which rows; all of them without it. One gradient each is kept: mind the memory.

    Returns
    -------
    ndarray of shape (rows, *weights.shape)

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0]], [1.0, 3.0])
    >>> row_gradients(objective, np.zeros(2))
    array([[-1.,  0.],
           [-3., -3.]])
    """
    return np.concatenate(list(_pieces(objective, weights, rows)))


def _pieces(objective: Any, weights: Array, rows: Array | None) -> Iterator[Array]:
    """Yield the gradients of the rows, some hundred rows at a time."""
    numbers = np.arange(objective.n_rows) if rows is None else np.asarray(rows)
    weights = np.asarray(weights)
    for start in range(0, len(numbers), PIECE):
        piece = numbers[start : start + PIECE]
        if hasattr(objective, "gradients"):  # runs at the same weights, of one row each
            same = np.broadcast_to(weights, (len(piece), *weights.shape))
            yield objective.gradients(same, piece[:, None])
        else:
            yield np.array([objective.gradient(weights, np.array([row])) for row in piece])


def gradient_covariance(objective: Objective, weights: Array, rows: Array | None = None) -> Array:
    r"""Return the covariance matrix of the rows' gradients.

    It is :math:`\Sigma = \frac1n \sum_i (g_i - G)(g_i - G)^\top`: over all rows there is
    nothing to estimate, so the division is by n, not n - 1.

    Parameters
    ----------
    objective : Objective
    weights : ndarray
        Of p weights in all.
    rows : ndarray of int, optional

    Returns
    -------
    ndarray of shape (p, p)

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> gradient_covariance(LeastSquares([[0.0], [1.0]], [1.0, 3.0]), np.zeros(2))
    array([[1.  , 1.5 ],
           [1.5 , 2.25]])
    """
    gradients = row_gradients(objective, weights, rows)
    gradients = gradients.reshape(len(gradients), -1)
    deviations = gradients - gradients.mean(axis=0)
    return deviations.T @ deviations / len(deviations)


def gradient_variance(
    objective: Objective, weights: Array, rows: Array | None = None
) -> tuple[float, float]:
    r"""Return the squared length of the mean gradient and the trace of the covariance.

    Some hundred rows' gradients are held at a time, so this works where `gradient_covariance` would
    not fit into memory: :math:`\operatorname{tr} \Sigma = \frac1n \sum_i \lVert g_i - G \rVert^2`.

    Parameters
    ----------
    objective : Objective
    weights : ndarray
    rows : ndarray of int, optional

    Returns
    -------
    squared_mean : float
        :math:`\lVert G \rVert^2`.
    trace : float
        :math:`\operatorname{tr} \Sigma`.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> gradient_variance(LeastSquares([[0.0], [1.0]], [1.0, 3.0]), np.zeros(2))
    (6.25, 3.25)
    """
    mean = objective.gradient(weights, rows)
    total, count = 0.0, 0
    for gradients in _pieces(objective, weights, rows):
        total += float(np.sum((gradients - mean) ** 2))
        count += len(gradients)
    return float(np.sum(mean**2)), total / count


def noise_scale(objective: Objective, weights: Array, rows: Array | None = None) -> float:
    r"""Return the batch size at which the noise is as long as the gradient.

    :math:`B_{simple} = \operatorname{tr} \Sigma / \lVert G \rVert^2` (McCandlish et al. 2018).
    Well below it, twice the batch size halves the steps that are needed; well above, it hardly
    saves any.

    Parameters
    ----------
    objective : Objective
    weights : ndarray
    rows : ndarray of int, optional

    Returns
    -------
    float
        In rows; infinite at a minimum.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> noise_scale(LeastSquares([[0.0], [1.0]], [1.0, 3.0]), np.zeros(2))
    0.52
    """
    squared_mean, trace = gradient_variance(objective, weights, rows)
    return trace / squared_mean if squared_mean > 0 else float("inf")


def curvature_noise_scale(
    objective: Objective,
    weights: Array,
    *,
    rows: int = 100,
    hessian_rows: int = 1000,
    seed: Any = None,
) -> float:
    r"""Return the noise scale in which each direction counts by its curvature.

    A step :math:`\eta` along a batch's gradient changes a quadratic loss, on average, by
    :math:`-\eta \lVert G \rVert^2 + \frac12 \eta^2 (G^\top H G + \operatorname{tr}(H\Sigma)/B)`.
    The best :math:`\eta` gains half as much as without noise at the batch size
    :math:`B_{noise} = \operatorname{tr}(H \Sigma) / (G^\top H G)` (McCandlish et al. 2018).
    `noise_scale` is the same where all curvatures are equal.

    The Hessian is never made: its product with a vector is the difference of two gradients.

    Parameters
    ----------
    objective : Objective
    weights : ndarray
    rows : int
        How many rows' gradients, drawn with replacement, stand for all of them.
    hessian_rows : int
        How many rows, drawn without, the Hessian is taken over; all, if there are fewer.
    seed : int, numpy.random.Generator or None

    Returns
    -------
    float
        In rows; an estimate.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0]], [1.0, 3.0])
    >>> round(curvature_noise_scale(objective, np.zeros(2), rows=2000, seed=0), 1)
    0.4
    """
    rows = whole_number("rows", rows, 1)
    hessian_rows = whole_number("hessian_rows", hessian_rows, 1)
    rng = generator("seed", seed)
    n = objective.n_rows
    part = None if hessian_rows >= n else rng.choice(n, size=hessian_rows, replace=False)
    weights = np.asarray(weights, dtype=np.float64)
    mean = objective.gradient(weights)

    def curvature_along(vector: Array) -> float:
        """Return vector' H vector."""
        return float(np.sum(vector * hessian_product(objective, weights, vector, part, step=1e-3)))

    drawn = rng.integers(n, size=rows)
    deviations = (
        gradient - mean for piece in _pieces(objective, weights, drawn) for gradient in piece
    )
    noise = float(np.mean([curvature_along(deviation) for deviation in deviations]))
    signal = curvature_along(mean)
    return noise / signal if signal > 0 else float("inf")


def softmax_curvature_noise_scales(objective: Softmax, places: Sequence[Array]) -> Array:
    r"""Return the noise scale of `curvature_noise_scale` exactly, over all rows, at each place.

    With the probabilities :math:`p_i` of row i and :math:`r_i`, the same less 1 at its label, the
    row's gradient is :math:`x_i r_i^\top` and its Hessian
    :math:`x_i x_i^\top \otimes (\operatorname{diag} p_i - p_i p_i^\top)`. So
    :math:`\operatorname{tr}(H \Sigma) + G^\top H G` is the mean over all pairs of rows of

    .. math:: (x_i^\top x_j)^2 \Bigl( \sum_c r_{ic}^2\, p_{jc} - (r_i^\top p_j)^2 \Bigr) .

    The first factor is the same everywhere, which is why several places are done at once.

    Parameters
    ----------
    objective : Softmax
    places : sequence of ndarray, each of shape (p, k)
        Weights.

    Returns
    -------
    ndarray of shape (places,)
        In rows.

    Examples
    --------
    >>> from mbgd_lib import Softmax
    >>> objective = Softmax([[0.0], [1.0], [3.0]], [0, 1, 1])
    >>> softmax_curvature_noise_scales(objective, [np.zeros((2, 2)), np.ones((2, 2))]).round(3)
    array([1.169, 1.169])
    """
    _, _, signal, noise = softmax_noise_parts(objective, places).T
    flat = signal <= 0
    return np.where(flat, np.inf, noise / np.where(flat, 1, signal))


def softmax_noise_parts(
    objective: Softmax, places: Sequence[Array], rows: Array | None = None
) -> Array:
    r"""Return gradient and noise of softmax regression, plain and weighted by the curvature.

    Row i's gradient is :math:`x_i r_i^\top`, so its squared length is :math:`\lVert x_i \rVert^2
    \lVert r_i \rVert^2`, and :math:`\operatorname{tr} \Sigma` is the mean of these less
    :math:`\lVert G \rVert^2`. How the curvature weighs them is derived in
    `softmax_curvature_noise_scales`.

    Parameters
    ----------
    objective : Softmax
    places : sequence of ndarray, each of shape (p, k)
        Weights.
    rows : ndarray of int, optional
        The rows whose noise is weighted by the curvature, which is that of all rows; all without
        it, which takes long where there are many. The other three numbers are exact.

    Returns
    -------
    ndarray of shape (places, 4)
        :math:`\lVert G \rVert^2`, :math:`\operatorname{tr} \Sigma`, :math:`G^\top H G` and
        :math:`\operatorname{tr}(H \Sigma)`.

    Examples
    --------
    >>> from mbgd_lib import Softmax
    >>> objective = Softmax([[0.0], [1.0], [3.0]], [0, 1, 1])
    >>> softmax_noise_parts(objective, [np.zeros((2, 2))]).round(3)
    array([[0.944, 1.222, 1.806, 2.111]])
    """
    n = objective.n_rows
    ones = [np.ones(n, objective.X.dtype)] if objective.intercept else []
    X = np.column_stack([*ones, objective.X])
    of_noise = np.arange(n) if rows is None else np.asarray(rows)
    squares = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    chances = [softmax(X @ weights) for weights in places]  # each of shape (n, k)
    misses = [p - np.eye(objective.n_classes, dtype=p.dtype)[objective.y] for p in chances]
    # The bracket of the formula is a product of what belongs to row i and what belongs to row j:
    # Σ r² p - Σ Σ (r_a r_b) (p_a p_b), so that all pairs are one matrix product.
    of_gradient = [np.hstack([r[of_noise] ** 2, -_products(r[of_noise])]) for r in misses]
    of_hessian = np.hstack([np.hstack([p, _products(p)]) for p in chances])
    totals = np.zeros(len(chances))
    for start in range(0, len(of_noise), PIECE):  # all pairs at once would not fit into memory
        piece = slice(start, start + PIECE)
        pairs = (X[of_noise[piece]] @ X.T) ** 2
        met = np.split(pairs @ of_hessian, len(chances), axis=1)
        totals += [np.vdot(own[piece], other) for own, other in zip(of_gradient, met, strict=True)]
    parts = []
    for total, p, r in zip(totals / (len(of_noise) * n), chances, misses, strict=True):
        mean = X.T @ r / n
        squared = float(np.sum(mean.astype(np.float64) ** 2))
        trace = float(np.mean(squares * np.sum(r.astype(np.float64) ** 2, axis=1))) - squared
        along = X @ mean
        signal = float(((p * along**2).sum(axis=1) - (p * along).sum(axis=1) ** 2).mean())
        parts.append((squared, trace, signal, total - signal))
    return np.array(parts)


def _products(A: Array) -> Array:
    """Return, for each row, the products of its entries, all with all."""
    return np.asarray(A[:, :, None] * A[:, None, :]).reshape(len(A), -1)


def batch_variance(trace: float, batch_size: int, n: int, *, replacement: bool) -> float:
    r"""Return the expected squared error of a mini-batch gradient.

    :math:`\operatorname{tr} \Sigma / B` with replacement. Without, the rows of a batch know
    about each other, none comes twice, and the factor :math:`(n - B)/(n - 1)` comes on top: a
    batch of all rows has no error.

    Parameters
    ----------
    trace : float
        The trace of the rows' covariance.
    batch_size : int
        B, from 1 to `n` without replacement.
    n : int
        Rows in the data set.
    replacement : bool

    Returns
    -------
    float

    Examples
    --------
    >>> batch_variance(3.25, batch_size=2, n=14, replacement=True)
    1.625
    >>> batch_variance(3.25, batch_size=2, n=14, replacement=False)
    1.5
    """
    n = whole_number("n", n, 1)
    batch_size = whole_number("batch_size", batch_size, 1, None if replacement else n)
    if replacement or n == 1:
        return trace / batch_size if replacement else 0.0
    return trace / batch_size * (n - batch_size) / (n - 1)
