r"""What a quadratic loss promises, exactly; and what noise does on a hill or a ridge.

Least squares is a quadratic, :math:`L(w) = L^* + \frac12 (w - w^*)^\top H (w - w^*)`. In the
directions of the Hessian's eigenvectors a full-batch step of gradient descent multiplies the
distance to the minimum by :math:`1 - \eta \lambda_i`, each direction for itself. The formulas
up to the floors follow from that sentence; the last three are about noise that moves a run.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import finite_array, positive_number, symmetric_matrix, whole_number


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
    largest = np.linalg.eigvalsh(symmetric_matrix("hessian", hessian))[-1]
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
    eigenvalues = np.linalg.eigvalsh(symmetric_matrix("hessian", hessian))
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
        Symmetric, with no eigenvalue below 0.
    offset : array_like of shape (d,)
        The start minus the minimum.
    learning_rate : float
    steps : array_like of int
        Any number of steps from 0, however large: none of them is run.

    Returns
    -------
    ndarray in the shape of `steps`

    Examples
    --------
    >>> float(loss_gap([[2.0]], [1.0], learning_rate=0.25, steps=1))
    0.25
    """
    hessian = symmetric_matrix("hessian", hessian)
    offset = finite_array("offset", offset, ndim=1)
    if len(offset) != len(hessian):
        raise ValueError(f"offset must have the shape ({len(hessian)},), not {offset.shape}")
    learning_rate = positive_number("learning_rate", learning_rate)
    eigenvalues, directions = np.linalg.eigh(hessian)
    if eigenvalues[0] < -1e-12 * np.abs(eigenvalues).max():
        raise ValueError(f"hessian must have no eigenvalue below 0, but has {eigenvalues[0]:.3g}")
    share = 0.5 * np.maximum(eigenvalues, 0) * (directions.T @ offset) ** 2
    factors = np.abs(1 - learning_rate * eigenvalues)
    # Along a direction without offset nothing ever moves, be the step stable there or not.
    share, factors = share[share > 0], factors[share > 0]
    # As floats: twice a number of steps may be more than an integer of 64 bits holds.
    exponents = 2 * np.asarray(steps, dtype=np.float64)[..., None]
    if not np.all(exponents >= 0):
        raise ValueError(f"steps must be at least 0, not {steps!r}")
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


def floor_covariance(
    hessian: ArrayLike, noise: ArrayLike, learning_rate: float, batch_size: int
) -> NDArray[np.float64]:
    r"""Return how the weights of a constant-step run scatter around the minimum in the long run.

    A step multiplies the offset from the minimum by :math:`I - \eta H` and adds a disturbance
    of covariance :math:`\eta^2 \Sigma / B`. The scatter has settled when a step leaves its
    covariance as it is,

    .. math:: C = (I - \eta H)\, C\, (I - \eta H) + \eta^2 \Sigma / B .

    In the directions of the Hessian's eigenvectors this is one equation for each entry,
    :math:`C_{ij} = \eta^2 \Sigma_{ij} / B / (1 - (1 - \eta\lambda_i)(1 - \eta\lambda_j))`. For
    one weight it is :math:`\eta \sigma^2 / (B \lambda (2 - \eta\lambda))`. The mean loss gap
    is :math:`\frac12 \operatorname{tr} H C`.

    It holds exactly where the noise is the same at all weights and batches are independent.

    Parameters
    ----------
    hessian : array_like of shape (d, d)
        Symmetric, with positive eigenvalues.
    noise : array_like of shape (d, d)
        :math:`\Sigma`, the covariance of the rows' gradients at the minimum.
    learning_rate : float
        Below `largest_stable_step`.
    batch_size : int

    Returns
    -------
    ndarray of shape (d, d)

    Examples
    --------
    >>> floor_covariance([[2.0]], [[1.0]], learning_rate=0.5, batch_size=4)
    array([[0.0625]])
    """
    hessian, noise = symmetric_matrix("hessian", hessian), symmetric_matrix("noise", noise)
    if noise.shape != hessian.shape:
        raise ValueError(f"noise must have the shape {hessian.shape}, not {noise.shape}")
    learning_rate = positive_number("learning_rate", learning_rate)
    batch_size = whole_number("batch_size", batch_size, 1)
    limit = largest_stable_step(hessian)
    if learning_rate >= limit:
        raise ValueError(f"learning_rate must be below 2/λ_max = {limit:.6g}, not {learning_rate}")
    condition_number(hessian)  # refuses flat directions, in which nothing ever settles
    eigenvalues, directions = np.linalg.eigh(hessian)
    factors = 1 - learning_rate * eigenvalues
    rotated = directions.T @ noise @ directions * learning_rate**2 / batch_size
    return np.asarray(directions @ (rotated / (1 - np.outer(factors, factors))) @ directions.T)


def floor_covariance_of_rows(
    features: ArrayLike, residuals: ArrayLike, learning_rate: float, batch_size: int
) -> NDArray[np.float64]:
    r"""Return the scatter of `floor_covariance` for least squares, exactly.

    A batch of rows has its own Hessian :math:`H_B`, and so the noise grows with the distance
    from the minimum. With rows drawn independently, the mean of :math:`(I - \eta H_B)\, C\,
    (I - \eta H_B)` is that of `floor_covariance` and

    .. math:: \frac{\eta^2}{B} \Bigl( \frac1n \sum_i h_i C h_i - H C H \Bigr),
       \qquad h_i = x_i x_i^\top ,

    more. The settled C solves a linear system of :math:`d^2` equations.

    Parameters
    ----------
    features : array_like of shape (n, d)
        With a column of ones where there is an intercept.
    residuals : array_like of shape (n,)
        At the weights of least loss.
    learning_rate : float
    batch_size : int

    Returns
    -------
    ndarray of shape (d, d)

    Raises
    ------
    ValueError
        If the mean square of the offset grows without end at this learning rate: for small
        batches that begins below `largest_stable_step`.

    Examples
    --------
    >>> rows, residuals = [[1.0], [1.0], [2.0]], [1.0, 1.0, -1.0]
    >>> floor_covariance_of_rows(rows, residuals, learning_rate=0.1, batch_size=1).round(4)
    array([[0.0588]])
    """
    x = finite_array("features", features, ndim=2)
    r = finite_array("residuals", residuals, ndim=1)
    if len(r) != len(x):
        raise ValueError(f"residuals must have the shape ({len(x)},), not {r.shape}")
    learning_rate = positive_number("learning_rate", learning_rate)
    batch_size = whole_number("batch_size", batch_size, 1)
    d = x.shape[1]
    hessian = x.T @ x / len(x)
    gradients = x * r[:, None]
    noise = gradients.T @ gradients / len(x)  # their mean is zero at the minimum
    # A matrix C as a vector: (A C A') becomes kron(A, A) @ C.
    of_rows = np.einsum("ni,nj,nk,nl->ikjl", x, x, x, x).reshape(d * d, d * d) / len(x)
    keep = np.eye(d) - learning_rate * hessian
    multiply = np.kron(keep, keep)
    multiply += learning_rate**2 / batch_size * (of_rows - np.kron(hessian, hessian))
    if np.abs(np.linalg.eigvals(multiply)).max() >= 1:
        raise ValueError(
            f"learning_rate={learning_rate} is too large for batch_size={batch_size}: the mean "
            "square of the offset grows without end"
        )
    added = learning_rate**2 / batch_size * noise.ravel()
    return np.asarray(np.linalg.solve(np.eye(d * d) - multiply, added).reshape(d, d))


def kramers_steps(
    barrier: float,
    curvature: float,
    top_curvature: float,
    *,
    learning_rate: float,
    batch_size: int,
    variance: float,
) -> float:
    r"""Return the mean number of steps from one valley over a hill into the next (Kramers 1940).

    Steps of :math:`\eta` with a gradient noise of variance :math:`\sigma^2 / B` are, while they
    are small, a diffusion of temperature :math:`D = \eta \sigma^2 / (2B)`. Under it a valley
    empties at the rate :math:`\sqrt{V''(min) |V''(top)|} / 2\pi \cdot e^{-\Delta V / D}`, per
    unit of :math:`\eta` times steps, and so

    .. math:: k \approx \frac{1}{\eta} \frac{2\pi}{\sqrt{V''(min) |V''(top)|}}
       \exp \frac{2 B \Delta V}{\eta \sigma^2} .

    It holds where the barrier is high against the noise, :math:`\Delta V \gg D`, the learning
    rate low against the curvatures, and the noise of many small kicks.

    Parameters
    ----------
    barrier : float
        Height of the hill above the valley, ΔV.
    curvature, top_curvature : float
        Second derivatives at the bottom and, without its sign, at the top.
    learning_rate : float
    batch_size : int
    variance : float
        σ², of the rows' gradients.

    Returns
    -------
    float

    Examples
    --------
    >>> steps = kramers_steps(1 / 4, 2, 1, learning_rate=0.05, batch_size=2, variance=4)
    >>> round(steps)  # the double well at a barrier of five times the temperature
    13188
    """
    barrier = positive_number("barrier", barrier)
    curvatures = positive_number("curvature", curvature) * positive_number(
        "top_curvature", top_curvature
    )
    temperature = _temperature(learning_rate, batch_size, variance)
    return float(2 * np.pi / np.sqrt(curvatures) * np.exp(barrier / temperature) / learning_rate)


def passage_steps(
    height: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    start: float,
    end: float,
    *,
    learning_rate: float,
    batch_size: int,
    variance: float,
    reach: float = 4.0,
) -> float:
    r"""Return the mean number of steps from `start` to `end` of one weight, for small steps.

    In a diffusion of temperature D over the landscape V, the mean time T(x) from x to the end
    obeys :math:`D T'' - V' T' = -1`. Solved from the left, where nothing gets lost,

    .. math:: T = \frac1D \int_{start}^{end} e^{V(x)/D} \int_{-\infty}^x e^{-V(y)/D} \,dy\,dx .

    `kramers_steps` is its limit for a high barrier; here the barrier may be low. The noise is
    still one of many small kicks, and :math:`\eta` is still small.

    Parameters
    ----------
    height : callable
        V, a function of an array of weights.
    start, end : float
        The start lies left of the end.
    learning_rate : float
    batch_size : int
    variance : float
    reach : float
        How far to the left of the start the integral begins.

    Returns
    -------
    float

    Examples
    --------
    >>> well = lambda w: (w**2 - 1) ** 2 / 4
    >>> settings = {"learning_rate": 0.05, "batch_size": 2, "variance": 4}
    >>> round(passage_steps(well, -1, 1, **settings) / kramers_steps(1 / 4, 2, 1, **settings), 2)
    1.11
    """
    if not start < end:
        raise ValueError(f"start must be below end, not {start!r} and {end!r}")
    temperature = _temperature(learning_rate, batch_size, variance)
    x = np.linspace(start - positive_number("reach", reach), end, 20_001)
    spacing = x[1] - x[0]
    exponents = height(x) / temperature
    lowest = exponents.min()
    weights = np.exp(lowest - exponents)
    below = (weights.cumsum() - (weights + weights[0]) / 2) * spacing  # the trapezoid rule
    between = x >= start - spacing / 2
    inside = np.exp(exponents[between] - lowest) * below[between]
    integral = (inside.sum() - (inside[0] + inside[-1]) / 2) * spacing
    return float(integral / temperature / learning_rate)


def saddle_steps(
    curvature: float, *, learning_rate: float, deviation: float, distance: float = 1.0
) -> float:
    r"""Return the mean number of steps after which noise has driven a run off a saddle's ridge.

    Across the ridge the curvature is :math:`-\lambda`, and a step makes
    :math:`w \leftarrow (1 + \eta\lambda) w - \eta \xi`, with noise of standard deviation
    :math:`\sigma_B`. From :math:`w = 0` the variance after k steps is a geometric sum,
    :math:`\eta^2 \sigma_B^2 ((1 + \eta\lambda)^{2k} - 1) / (\eta\lambda (2 + \eta\lambda))`.
    Once the -1 no longer counts, :math:`|w|` is that deviation times :math:`|Z|`, Z standard
    normal, and it passes the distance a at

    .. math:: k = \frac{\log \frac{a}{\sigma_B}
       + \frac12 \log \frac{\lambda (2 + \eta\lambda)}{\eta} - \log |Z|}
       {\log(1 + \eta\lambda)} .

    The mean of :math:`\log |Z|` is :math:`-(\gamma + \log 2)/2`, with Euler's γ = 0.577; and
    the first whole step is half a step later on average.

    Parameters
    ----------
    curvature : float
        λ, without its sign.
    learning_rate : float
    deviation : float
        Of a batch's gradient, :math:`\sigma_B = \sigma / \sqrt B`.
    distance : float
        How far from the ridge counts as away, a; large against a single kick.

    Returns
    -------
    float

    Examples
    --------
    >>> round(saddle_steps(2, learning_rate=0.05, deviation=1e-3), 1)
    102.9
    """
    curvature = positive_number("curvature", curvature)
    learning_rate = positive_number("learning_rate", learning_rate)
    deviation = positive_number("deviation", deviation)
    distance = positive_number("distance", distance)
    growth = learning_rate * curvature
    kicks = np.log(curvature * (2 + growth) / learning_rate) / 2
    chance = (np.euler_gamma + np.log(2)) / 2
    return float((np.log(distance / deviation) + kicks + chance) / np.log1p(growth) + 0.5)


def _temperature(learning_rate: float, batch_size: int, variance: float) -> float:
    """Return η σ² / (2B)."""
    learning_rate = positive_number("learning_rate", learning_rate)
    variance = positive_number("variance", variance)
    return learning_rate * variance / (2 * whole_number("batch_size", batch_size, 1))


def tail_index(
    curvatures: ArrayLike, learning_rate: float, *, weights: ArrayLike | None = None
) -> float:
    r"""Return how heavy the tail is about the minimum of one weight, at a constant rate.

    A batch of curvature h takes the offset :math:`\delta` to :math:`(1 - \eta h)\,\delta` and a
    kick. Where some batches stretch, :math:`|1 - \eta h| > 1`, and most shrink,
    :math:`P(|\delta| > t)` falls in the long run like :math:`t^{-\alpha}` with

    .. math:: \mathbb{E}\, |1 - \eta h|^\alpha = 1, \qquad \alpha > 0

    (Kesten 1973). A mean square exists where :math:`\alpha > 2`.

    Parameters
    ----------
    curvatures : array_like of shape (points,)
        Values that a batch's curvature may take.
    learning_rate : float
    weights : array_like of shape (points,), optional
        How likely each is, to a common factor; equally without them.

    Returns
    -------
    float
        :math:`\alpha`; infinite where no batch stretches.

    Raises
    ------
    ValueError
        If the offset does not settle at all: where the mean of the logarithm is not below 0.

    Examples
    --------
    >>> tail_index([0.5, 3.0], 1.0)  # one half or minus two, equally likely: no settling
    Traceback (most recent call last):
        ...
    ValueError: learning_rate must be small enough for the offset to settle, not 1.0
    >>> round(tail_index([1.0, 3.0], 0.75), 2)  # 1/4 or 5/4 in size: (1/4)^α + (5/4)^α = 2
    3.07
    """
    h = finite_array("curvatures", curvatures, ndim=1)
    shares = np.ones(len(h)) if weights is None else finite_array("weights", weights, ndim=1)
    rate = positive_number("learning_rate", learning_rate)
    with np.errstate(divide="ignore"):  # a batch may take the offset to 0
        stretch = np.log(np.abs(1 - rate * h))

    def excess(alpha: float) -> float:
        return float(np.average(np.exp(alpha * stretch), weights=shares)) - 1

    if stretch.max() <= 0:
        return float("inf")
    low, high = 1e-6, 1.0
    if excess(low) >= 0:
        raise ValueError(
            f"learning_rate must be small enough for the offset to settle, not {learning_rate}"
        )
    while excess(high) < 0:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if excess(middle) >= 0 else (middle, high)
    return high
