"""What is minimised: a loss that is a mean over rows, and its gradient."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import finite_array

Array = NDArray[Any]


class Objective(Protocol):
    """What `descend` and `check_gradient` ask of an objective."""

    @property
    def n_rows(self) -> int:
        """Number of rows that the loss is a mean over."""
        ...

    def value(self, weights: Array, rows: Array | None = None) -> float:
        """Return the mean loss over `rows`, or over all rows."""
        ...

    def gradient(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradient of that mean, in the shape of `weights`."""
        ...


class LeastSquares:
    r"""Linear regression: half the mean squared residual.

    With residuals :math:`r_i = b + x_i^\top w - y_i` and the weights
    :math:`\theta = (b, w)`, the loss over a set of :math:`B` rows and its gradient are

    .. math::

        L(\theta) = \frac{1}{2B} \sum_i r_i^2, \qquad
        \nabla L(\theta) = \frac{1}{B} \sum_i r_i \, (1, x_i).

    Parameters
    ----------
    X : array_like of shape (n, d)
        One row per example, one column per feature.
    y : array_like of shape (n,)
        One target per row.
    intercept : bool
        Whether the first weight is an intercept. No column of ones is stored.

    Raises
    ------
    ValueError, TypeError
        If `X` or `y` has the wrong shape, no rows, or anything but finite real numbers.

    Examples
    --------
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> objective.value(np.zeros(2))
    5.833333333333333
    >>> objective.gradient(np.zeros(2))
    array([-3.        , -4.33333333])
    >>> objective.solution().round(6)
    array([1., 2.])
    """

    def __init__(self, X: ArrayLike, y: ArrayLike, *, intercept: bool = True) -> None:
        self.X = finite_array("X", X, ndim=2)
        self.y = finite_array("y", y, ndim=1)
        self.intercept = bool(intercept)
        if len(self.X) == 0:
            raise ValueError(f"X must have at least one row, not the shape {self.X.shape}")
        if len(self.X) != len(self.y):
            raise ValueError(
                f"X and y must have as many rows: X has {len(self.X)}, y has {len(self.y)}"
            )

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""
        return len(self.X)

    @property
    def n_weights(self) -> int:
        """Number of weights: one per feature, and one for the intercept."""
        return int(self.X.shape[1]) + self.intercept

    def value(self, weights: Array, rows: Array | None = None) -> float:
        """Return half the mean squared residual.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
            The intercept first, if there is one.
        rows : ndarray of int, optional
            The rows to take the mean over; all rows without it.

        Returns
        -------
        float
            In squared units of `y`.
        """
        X, y = self._take(rows)
        residuals = self._residuals(weights, X, y)
        return float(residuals @ residuals) / (2 * len(residuals))

    def gradient(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradient of `value` with respect to the weights.

        Parameters
        ----------
        weights : ndarray of shape (n_weights,)
            The intercept first, if there is one.
        rows : ndarray of int, optional
            The rows to take the mean over; all rows without it.

        Returns
        -------
        ndarray of shape (n_weights,)
        """
        X, y = self._take(rows)
        residuals = self._residuals(weights, X, y)
        gradient = np.empty(self.n_weights, dtype=residuals.dtype)
        gradient[int(self.intercept) :] = X.T @ residuals / len(residuals)
        if self.intercept:
            gradient[0] = residuals.sum() / len(residuals)
        return gradient

    def hessian(self) -> Array:
        r"""Return the matrix of second derivatives, the same at all weights.

        It is :math:`H = \frac1n \sum_i \tilde x_i \tilde x_i^\top` with
        :math:`\tilde x_i = (1, x_i)`.

        Returns
        -------
        ndarray of shape (n_weights, n_weights)
        """
        hessian = np.ones((self.n_weights, self.n_weights), dtype=self.X.dtype)
        slopes = slice(int(self.intercept), None)
        hessian[slopes, slopes] = self.X.T @ self.X / self.n_rows
        if self.intercept:
            hessian[0, 1:] = hessian[1:, 0] = self.X.mean(axis=0)
        return hessian

    def solution(self) -> Array:
        """Return the weights of least loss, in closed form.

        The features are centred first, which keeps the intercept out of the linear
        system. Where several weights share the least loss, these have the smallest slopes.

        Returns
        -------
        ndarray of shape (n_weights,)
        """
        if not self.intercept:
            return np.linalg.lstsq(self.X, self.y, rcond=None)[0]
        X_mean, y_mean = self.X.mean(axis=0), self.y.mean()
        slopes = np.linalg.lstsq(self.X - X_mean, self.y - y_mean, rcond=None)[0]
        return np.concatenate([[y_mean - X_mean @ slopes], slopes])

    def _take(self, rows: Array | None) -> tuple[Array, Array]:
        if rows is None:
            return self.X, self.y
        if len(rows) == 0:
            # A mean over no rows has no value: an empty batch is a bug of the caller's.
            raise ValueError("rows must name at least one row, but is empty")
        return self.X[rows], self.y[rows]

    def _residuals(self, weights: Array, X: Array, y: Array) -> Array:
        if np.shape(weights) != (self.n_weights,):
            raise ValueError(
                f"weights must have the shape ({self.n_weights},), not {np.shape(weights)}"
            )
        if self.intercept:
            return X @ weights[1:] + weights[0] - y
        return X @ weights - y
