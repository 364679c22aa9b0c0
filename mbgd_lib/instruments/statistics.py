"""How sure one can be of what was measured, and how good predictions are."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, generator, positive_number, whole_number
from mbgd_lib.objectives import Array


def _mean(values: Array) -> Array:
    return values.mean(axis=0)


def bootstrap_interval(
    *samples: ArrayLike,
    statistic: Callable[..., ArrayLike] = _mean,
    coverage: float = 0.95,
    resamples: int = 1000,
    seed: int | np.random.Generator | None = 0,
) -> Array:
    """Return the interval in which a statistic lies when the samples are drawn again.

    From each sample as many values are drawn as it holds, with replacement, and the statistic
    is taken of them; so many times over. The interval holds the middle of what comes out
    (Efron's percentile interval).

    Parameters
    ----------
    *samples : array_like of shape (n, …)
        Drawn independently of each other, each along its first axis: one entry for each run.
        What belongs together, such as two numbers of the same run, comes as one sample with a
        column for each.
    statistic : callable
        Takes as many arrays as there are samples, of their shapes; returns a number or an
        array. The default is the mean over the first axis.
    coverage : float
        The share of the statistics inside the interval, between 0 and 1.
    resamples : int
        How often to draw, at least 1.
    seed : int, Generator or None

    Returns
    -------
    ndarray of shape (2, …)
        The low ends and the high ends.

    Examples
    --------
    >>> steps = [31, 42, 35, 38, 40, 29, 44, 37]  # of eight runs
    >>> low, high = bootstrap_interval(steps)
    >>> round(float(low), 1), round(float(high), 1)
    (33.8, 40.4)
    >>> pairs = np.column_stack([steps, [62, 80, 75, 71, 85, 60, 83, 79]])  # of the same runs
    >>> def ratio(pairs):
    ...     return pairs[:, 1].mean() / pairs[:, 0].mean()
    >>> bootstrap_interval(pairs, statistic=ratio).round(2).tolist()
    [1.93, 2.09]
    """
    if not samples:
        raise TypeError("bootstrap_interval needs at least one sample")
    arrays = [_runs(f"sample {i}", sample) for i, sample in enumerate(samples, start=1)]
    resamples = whole_number("resamples", resamples, 1)
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be between 0 and 1, not {coverage!r}")
    rng = generator("seed", seed)
    values = [
        statistic(*(array[rng.integers(len(array), size=len(array))] for array in arrays))
        for _ in range(resamples)
    ]
    outside = (1 - coverage) / 2
    return np.quantile(np.array(values), [outside, 1 - outside], axis=0)


def estimate(
    *samples: ArrayLike, statistic: Callable[..., ArrayLike] = _mean
) -> tuple[Array, Array]:
    """Return a statistic of the samples and its bootstrap interval of 95 %.

    Parameters
    ----------
    *samples : array_like of shape (n, …)
        As in `bootstrap_interval`.
    statistic : callable
        As there.

    Returns
    -------
    value : ndarray of shape (…)
    ends : ndarray of shape (2, …)

    Examples
    --------
    >>> value, (low, high) = estimate([31, 42, 35, 38, 40, 29, 44, 37])
    >>> float(value), round(float(low), 1), round(float(high), 1)
    (37.0, 33.8, 40.4)
    """
    arrays = [_runs(f"sample {i}", sample) for i, sample in enumerate(samples, start=1)]
    ends = bootstrap_interval(*arrays, statistic=statistic)
    return np.asarray(statistic(*arrays)), ends


def mean_ratio(one: ArrayLike, other: ArrayLike) -> Array:
    """Return the ratio of two means over the first axis, a statistic for `estimate`.

    Parameters
    ----------
    one, other : array_like of shape (n, …)

    Returns
    -------
    ndarray of shape (…)

    Examples
    --------
    >>> float(mean_ratio([2, 4], [1, 1, 1]))
    3.0
    """
    return np.asarray(np.asarray(one).mean(axis=0) / np.asarray(other).mean(axis=0))


def paired_ratio(one: ArrayLike, other: ArrayLike) -> tuple[Array, Array]:
    """Return the ratio of two means with its interval, where the runs come in pairs.

    Parameters
    ----------
    one, other : array_like of shape (runs,)
        Each pair has its seed in common, or its start, and is drawn again as a pair.

    Returns
    -------
    ratio : ndarray of shape ()
    ends : ndarray of shape (2,)
        Of the bootstrap interval of 95 %.

    Examples
    --------
    >>> ratio, ends = paired_ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    >>> float(ratio), ends.tolist()
    (2.0, [2.0, 2.0])
    """
    pairs = np.stack([np.asarray(one), np.asarray(other)], axis=1)
    return estimate(pairs, statistic=lambda drawn: mean_ratio(*drawn.T))


def _runs(name: str, sample: ArrayLike) -> Array:
    # Infinity is welcome: a run that never arrived takes longer than any other.
    array = np.asarray(sample)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim == 0 or len(array) == 0:
        raise ValueError(f"{name} must hold at least one value, not the shape {array.shape}")
    if np.isnan(array).any():
        raise ValueError(f"{name} must not hold NaN")
    return array


def loglog_slope(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the exponent of the power law that fits best: the slope between logarithms.

    Where :math:`y = a x^p`, the points :math:`(\log x, \log y)` lie on a line of slope
    :math:`p`. The line through measured points is that of least squares.

    Parameters
    ----------
    x : array_like of shape (points,)
        Above 0, not all the same.
    y : array_like of shape (points,) or (runs, points)
        Above 0. Of many runs the means are fitted.

    Returns
    -------
    float

    Examples
    --------
    >>> sizes = [1, 2, 4, 8]
    >>> round(loglog_slope(sizes, [6.0, 3.0, 1.5, 0.75]), 6)
    -1.0

    Its interval over runs:

    >>> runs = [[6.1, 3.0, 1.6, 0.8], [5.8, 3.1, 1.4, 0.7], [6.0, 2.9, 1.5, 0.8]]
    >>> ends = bootstrap_interval(runs, statistic=lambda r: loglog_slope(sizes, r))
    >>> ends.round(2).tolist()
    [-1.03, -0.97]
    """
    x = finite_array("x", x, ndim=1)
    y = finite_array("y", y, ndim=None)
    if y.ndim not in (1, 2) or y.shape[-1] != len(x) or y.size == 0:
        raise ValueError(f"y must have the shape {x.shape} or (runs, {len(x)}), not {y.shape}")
    for name, values in (("x", x), ("y", y)):
        if values.min() <= 0:
            raise ValueError(f"{name} must be above 0, but holds {values.min()}")
    if x.min() == x.max():
        raise ValueError(f"x must hold two different values at least, not {x.tolist()}")
    if y.ndim == 2:
        y = y.mean(axis=0)
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def wilson_interval(hits: int, n: int, *, deviations: float = 1.96) -> tuple[float, float]:
    r"""Return the interval of the shares that agree with so many hits among n trials.

    A share :math:`p` has the standard deviation :math:`\sqrt{p (1 - p) / n}`. The interval
    holds every :math:`p` that is at most so many of *its own* deviations from the measured
    share :math:`\hat p`: the solutions of :math:`(\hat p - p)^2 = z^2 p (1 - p) / n`, a quadratic
    equation (Wilson 1927). Unlike :math:`\hat p \pm z \sqrt{\hat p (1 - \hat p) / n}` it never
    leaves the range from 0 to 1, nor is it empty where all are hits.

    Parameters
    ----------
    hits : int
        From 0 to `n`.
    n : int
        Independent trials, at least 1.
    deviations : float
        z, above 0; 1.96 for an interval of 95 %.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> low, high = wilson_interval(10, 10)
    >>> round(low, 3), round(high, 3)
    (0.722, 1.0)
    """
    n = whole_number("n", n, 1)
    hits = whole_number("hits", hits, 0, n)
    z = positive_number("deviations", deviations)
    share, shrink = hits / n, 1 + z**2 / n
    centre = (share + z**2 / (2 * n)) / shrink
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / shrink
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


@dataclass(frozen=True, eq=False)  # holds arrays, which do not compare to one truth value
class Reliability:
    """What `reliability` returns: one entry for each group of rows.

    Attributes
    ----------
    said : ndarray of shape (groups,)
        Mean confidence.
    found : ndarray of shape (groups,)
        Share of right predictions.
    low, high : ndarrays of shape (groups,)
        Ends of its 95 % Wilson interval.
    rows : ndarray of int, shape (groups,)
        Rows in the group.

    Examples
    --------
    >>> ends = np.array([0.3]), np.array([0.9])
    >>> group = Reliability(np.array([0.8]), np.array([0.7]), *ends, np.array([20]))
    >>> round(group.error, 2)
    0.1
    """

    said: Array
    found: Array
    low: Array
    high: Array
    rows: Array

    @property
    def error(self) -> float:
        """The mean distance between confidence and share, weighted by rows."""
        return float(np.average(np.abs(self.said - self.found), weights=self.rows))


def reliability(confidences: ArrayLike, right: ArrayLike, groups: int = 10) -> Reliability:
    """Compare how sure predictions are with how often they are right.

    The rows are sorted by confidence and cut into groups of equally many, give or take one,
    so that no group is too small to tell.

    Parameters
    ----------
    confidences : array_like of shape (n,)
        Predicted probabilities of the predicted classes, from 0 to 1.
    right : array_like of bool, shape (n,)
        Whether the prediction was right; not the label that was predicted.
    groups : int
        At least 1, at most n.

    Returns
    -------
    Reliability

    Examples
    --------
    >>> found = reliability([0.6, 0.6, 0.9, 0.9], [True, False, True, True], groups=2)
    >>> found.said.tolist(), found.found.tolist()
    ([0.6, 0.9], [0.5, 1.0])
    >>> round(found.error, 2)
    0.1
    """
    said = finite_array("confidences", confidences, ndim=1)
    if said.size > 0 and not 0 <= said.min() <= said.max() <= 1:
        outside = said[(said < 0) | (said > 1)][0]
        raise ValueError(f"confidences must be from 0 to 1, but holds {outside}")
    hits = np.asarray(right)
    if hits.dtype != bool:
        raise TypeError(f"right must hold True and False, not {hits.dtype}")
    if hits.shape != said.shape:
        raise ValueError(f"right must have the shape {said.shape}, not {hits.shape}")
    groups = whole_number("groups", groups, 1, len(said))
    parts = np.array_split(np.argsort(said, kind="stable"), groups)
    ends = [wilson_interval(int(hits[part].sum()), len(part)) for part in parts]
    return Reliability(
        said=np.array([said[part].mean() for part in parts]),
        found=np.array([hits[part].mean() for part in parts]),
        low=np.array([low for low, _ in ends]),
        high=np.array([high for _, high in ends]),
        rows=np.array([len(part) for part in parts]),
    )


def hill_estimate(values: ArrayLike, share: float) -> tuple[float, Array]:
    r"""Return the index of a power-law tail with its interval, from the largest values.

    Where :math:`P(X > t)` falls like :math:`t^{-\alpha}`, the logarithms of the largest values
    exceed that of the next one by :math:`1/\alpha` on average (Hill 1975). Over independent
    values the estimate from k of them has the standard deviation :math:`\alpha / \sqrt k`.

    Parameters
    ----------
    values : array_like of shape (n,)
        The largest of them above 0.
    share : float
        Which share of them counts as the tail, between 0 and 1.

    Returns
    -------
    index : float
        :math:`\alpha`.
    ends : ndarray of shape (2,)
        Of its interval of 95 %.

    Examples
    --------
    >>> ranks = np.arange(1, 10_001)
    >>> index, _ = hill_estimate((10_000 / ranks) ** 0.5, share=0.05)  # P(X > t) = t^-2
    >>> round(index, 1)
    2.0
    """
    sizes = np.sort(finite_array("values", values, ndim=1).astype(np.float64))[::-1]
    if not 0 < share < 1:
        raise ValueError(f"share must be between 0 and 1, not {share!r}")
    k = max(1, int(share * len(sizes)))
    if k >= len(sizes) or sizes[k] <= 0:
        raise ValueError(f"values must have a tail above 0, of {k} and one more")
    index = float(1 / np.mean(np.log(sizes[:k] / sizes[k])))
    return index, index * (1 + np.array([-1.96, 1.96]) / np.sqrt(k))
