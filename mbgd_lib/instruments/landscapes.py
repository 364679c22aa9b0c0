"""Surfaces to look at: nobody trains a model with them, but they show what descent does.

`QuadraticBowl`, `DoubleWell` and `Saddle` are plain functions of the weights, whose rows tilt
them. `TrigonometricSurface` is a rugged loss of a linear model.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import (
    finite_array,
    floating_weights,
    positive_number,
    row_numbers,
    symmetric_matrix,
)
from mbgd_lib.objectives import Array, LinearModel


class Landscape:
    """A plain function of the weights, and rows that tilt it.

    Row i adds ``tilts[i] @ weights``. The tilts' mean is zero, so over all rows they cancel
    and leave the function itself; a batch of some rows sees a tilted one. This is mini-batch
    noise in its purest form: it has the same strength everywhere.

    Parameters
    ----------
    tilts : array_like of shape (n, d), optional
        Their mean is subtracted. Without them there is one row, and no noise.
    """

    dimensions: int

    def __init__(self, tilts: ArrayLike | None = None) -> None:
        if tilts is None:
            tilts = np.zeros((1, self.dimensions))
        tilts = finite_array("tilts", tilts, ndim=2)
        if len(tilts) == 0 or tilts.shape[1] != self.dimensions:
            raise ValueError(f"tilts must have the shape (n, {self.dimensions}), not {tilts.shape}")
        self.tilts = tilts - tilts.mean(axis=0)

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""
        return len(self.tilts)

    @property
    def weights_shape(self) -> tuple[int]:
        """The shape of the weights, (d,)."""
        return (self.dimensions,)

    def value(self, weights: Array, rows: Array | None = None) -> float:
        """Return the function's value, tilted by the mean of the rows' tilts.

        Parameters
        ----------
        weights : ndarray of shape (d,)
        rows : ndarray of int, optional

        Returns
        -------
        float
        """
        return float(self.values(self._checked(weights, 1), rows))

    def gradient(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradient of `value`.

        Parameters
        ----------
        weights : ndarray of shape (d,)
        rows : ndarray of int, optional

        Returns
        -------
        ndarray of shape (d,)
        """
        return self.gradients(self._checked(weights, 1), rows)

    def values(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the values at several weights, each tilted by rows of its own.

        Parameters
        ----------
        weights : ndarray of shape (…, d)
        rows : ndarray of int of shape (…, B), optional
            All rows without it.

        Returns
        -------
        ndarray of shape (…)
        """
        weights = self._checked(weights)
        return self._height(weights) + (self._tilt(rows, weights.ndim) * weights).sum(axis=-1)

    def gradients(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradients at several weights, each tilted by rows of its own.

        Parameters
        ----------
        weights : ndarray of shape (…, d)
        rows : ndarray of int of shape (…, B), optional
            All rows without it.

        Returns
        -------
        ndarray of shape (…, d)
        """
        weights = self._checked(weights)
        gradients = self._slope(weights) + self._tilt(rows, weights.ndim)
        return gradients.astype(weights.dtype, copy=False)

    def _height(self, weights: Array) -> Array:
        """Return the plain function at weights of shape (…, d), without tilts."""
        raise NotImplementedError

    def _slope(self, weights: Array) -> Array:
        """Return the gradient of `_height`, of shape (…, d)."""
        raise NotImplementedError

    def _checked(self, weights: Array, ndim: int | None = None) -> Array:
        weights = floating_weights(weights)
        if weights.shape[-1:] != self.weights_shape or weights.ndim != (ndim or weights.ndim):
            expected = f"({self.dimensions},)" if ndim == 1 else f"(…, {self.dimensions})"
            raise ValueError(f"weights must have the shape {expected}, not {weights.shape}")
        return weights

    def _tilt(self, rows: Array | None, ndim: int) -> Array:
        if rows is None:
            return np.zeros(self.dimensions)
        return self.tilts[row_numbers(rows, ndim)].mean(axis=-2)


class QuadraticBowl(Landscape):
    r"""The function :math:`\frac12 w^\top H w`, with its minimum at zero.

    Parameters
    ----------
    hessian : array_like of shape (d, d)
        H, symmetric.
    tilts : array_like of shape (n, d), optional
        See `Landscape`.

    Examples
    --------
    >>> bowl = QuadraticBowl([[4.0, 0.0], [0.0, 1.0]])
    >>> bowl.value(np.array([1.0, 2.0])), bowl.gradient(np.array([1.0, 2.0]))
    (4.0, array([4., 2.]))
    """

    def __init__(self, hessian: ArrayLike, tilts: ArrayLike | None = None) -> None:
        self.hessian = symmetric_matrix("hessian", hessian)
        self.dimensions = len(self.hessian)
        super().__init__(tilts)

    def curvature_bounds(self) -> tuple[float, float]:
        """Return the largest eigenvalue of H twice: rows differ in their tilts alone.

        Returns
        -------
        of_loss, of_row : float
        """
        largest = float(np.linalg.eigvalsh(self.hessian)[-1])
        return largest, largest

    def _height(self, weights: Array) -> Array:
        return ((weights @ self.hessian) * weights).sum(axis=-1) / 2

    def _slope(self, weights: Array) -> Array:
        return weights @ self.hessian  # symmetric


class DoubleWell(Landscape):
    r"""The function :math:`\frac14 (w^2 - 1)^2` of one weight: two valleys and a hill.

    Its minima are at -1 and 1, where the curvature is 2. The hill between them, at 0, is
    1/4 high and has the curvature -1.

    Parameters
    ----------
    tilts : array_like of shape (n, 1), optional
        See `Landscape`.

    Examples
    --------
    >>> well = DoubleWell()
    >>> well.value(np.array([0.0])), well.value(np.array([1.0]))
    (0.25, 0.0)
    """

    dimensions = 1

    def _height(self, weights: Array) -> Array:
        return (weights[..., 0] ** 2 - 1) ** 2 / 4

    def _slope(self, weights: Array) -> Array:
        return weights * (weights**2 - 1)


class Saddle(Landscape):
    r"""The function :math:`w_1^2 - w_2^2`: a pass that falls away on two sides.

    Parameters
    ----------
    tilts : array_like of shape (n, 2), optional
        See `Landscape`.

    Examples
    --------
    >>> saddle = Saddle()
    >>> saddle.value(np.array([0.0, 2.0])), saddle.gradient(np.array([1.0, 2.0]))
    (-4.0, array([ 2., -4.]))
    """

    dimensions = 2

    def _height(self, weights: Array) -> Array:
        return weights[..., 0] ** 2 - weights[..., 1] ** 2

    def _slope(self, weights: Array) -> Array:
        return np.array([2.0, -2.0]) * weights


class TrigonometricSurface(LinearModel):
    r"""Tutorial 002's rugged loss of a linear model: :math:`\frac12 r^2 \sin(\pi r / p)`.

    It has many minima, none of them at small residuals, and is no loss that anybody would
    train with: it serves as a landscape. The derivative by the residual :math:`r` is
    :math:`r \sin(\pi r / p) + \frac{\pi}{2p} r^2 \cos(\pi r / p)`.

    Parameters
    ----------
    X : array_like of shape (n, d)
    y : array_like of shape (n,)
    period : float
        p: the sine changes its sign each time the residual grows by this much.
    intercept : bool

    Examples
    --------
    >>> surface = TrigonometricSurface([[0.0]], [0.0])
    >>> surface.value(np.array([75.0, 0.0]))  # a residual of 75 is at the sine's lowest
    -2812.5
    """

    def __init__(
        self, X: ArrayLike, y: ArrayLike, *, period: float = 50.0, intercept: bool = True
    ) -> None:
        super().__init__(X, finite_array("y", y, ndim=1), intercept)
        self.period = positive_number("period", period)

    def _loss_sum(self, scores: Array, y: Array) -> Any:
        residuals = scores - y
        return (residuals**2 * np.sin(np.pi / self.period * residuals)).sum(axis=-1) / 2

    def _score_slopes(self, scores: Array, y: Array) -> Array:
        scores -= y  # in place, as in `LeastSquares`
        residuals, angles = scores, np.pi / self.period * scores
        return residuals * (np.sin(angles) + angles * np.cos(angles) / 2)
