"""How good predictions are, and how sure one can be of that."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, positive_number, whole_number
from mbgd_lib.objectives import Array


def wilson_interval(hits: int, n: int, *, deviations: float = 1.96) -> tuple[float, float]:
    r"""Return the shares that would not be surprised to see so many hits among n.

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
        Predicted probabilities of the predicted classes.
    right : array_like of bool, shape (n,)
        Whether the prediction was right.
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
    hits = np.asarray(right, dtype=bool)
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
