"""What is minimised: a loss that is a mean over rows, and its gradient.

`LeastSquares`, `Logistic`, `Softmax` and `TrigonometricSurface` are losses of a linear model's
scores; they differ only in what a score costs. `QuadraticBowl`, `DoubleWell` and `Saddle` are
plain functions of the weights.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import (
    class_labels,
    finite_array,
    floating_weights,
    number_array,
    positive_number,
    row_numbers,
    symmetric_matrix,
    whole_number,
)

Array = NDArray[Any]

# Rows are taken in pieces of this many, so that work arrays stay small however large the batch.
PIECE = 512


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


class LinearModel:
    r"""What the losses of linear scores share.

    The scores of row :math:`i` are :math:`s_i = b + x_i^\top W`, one number or one per class.
    If :math:`\ell(s, y)` is what a score costs, the chain rule gives the gradient of the mean
    loss over :math:`B` rows,

    .. math::

        \nabla_W L = \frac1B \sum_i x_i \, \frac{\partial \ell}{\partial s}(s_i, y_i), \qquad
        \nabla_b L = \frac1B \sum_i \frac{\partial \ell}{\partial s}(s_i, y_i).

    A subclass says what a score costs (`_loss_sum`) and the derivative (`_slopes`).

    Attributes
    ----------
    X : ndarray of shape (n, d)
        The features, uncopied. Integer features are converted piece by piece, when used.
    y : ndarray of shape (n,)
    intercept : bool
    weights_shape : tuple of int
        The shape of the weights; the intercept comes first, if there is one.
    """

    y: Array

    def __init__(self, X: ArrayLike, intercept: bool, *outputs: int) -> None:
        self.X = number_array("X", X, ndim=2)
        self.intercept = bool(intercept)
        self.weights_shape = (self.X.shape[1] + self.intercept, *outputs)
        if len(self.X) == 0:
            raise ValueError(f"X must have at least one row, not the shape {self.X.shape}")

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""
        return len(self.X)

    @property
    def n_weights(self) -> int:
        """Number of weights of one score: one per feature, and one for the intercept."""
        return self.weights_shape[0]

    def value(self, weights: Array, rows: Array | None = None) -> float:
        """Return the mean loss.

        Parameters
        ----------
        weights : ndarray of shape `weights_shape`
            The intercept first, if there is one.
        rows : ndarray of int, optional
            The rows to take the mean over; all rows without it.

        Returns
        -------
        float
        """
        weights, rows, count = self._checked(weights, rows)
        total = 0.0
        for X, y in self._pieces(weights, rows, count):
            total += self._loss_sum(self._scores(weights, X), y)
        return total / count

    def gradient(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradient of `value` with respect to the weights.

        Parameters
        ----------
        weights : ndarray of shape `weights_shape`
            The intercept first, if there is one.
        rows : ndarray of int, optional
            The rows to take the mean over; all rows without it.

        Returns
        -------
        ndarray of shape `weights_shape`
            In the floating type of the weights.
        """
        weights, rows, count = self._checked(weights, rows)
        gradient = np.zeros_like(weights)
        for X, y in self._pieces(weights, rows, count):
            slopes = self._slopes(self._scores(weights, X), y)
            # (slopes.T X).T is X.T slopes, and BLAS takes a fifth less time over it.
            gradient[int(self.intercept) :] += np.dot(slopes.T, X).T
            if self.intercept:
                gradient[0] += slopes.sum(axis=0)
        gradient /= count
        return gradient

    def _checked(self, weights: Array, rows: Array | None) -> tuple[Array, Array | None, int]:
        weights = floating_weights(weights)
        if weights.shape != self.weights_shape:
            raise ValueError(
                f"weights must have the shape {self.weights_shape}, not {weights.shape}"
            )
        if rows is None:
            return weights, None, self.n_rows
        rows = row_numbers(rows)
        return weights, rows, len(rows)

    def _pieces(
        self, weights: Array, rows: Array | None, count: int
    ) -> Iterator[tuple[Array, Array]]:
        for start in range(0, count, PIECE):
            part = slice(start, start + PIECE)
            if rows is None:
                X, y = self.X[part], self.y[part]
            else:
                X, y = _taken(self.X, rows[part]), _taken(self.y, rows[part])
            yield (X if X.dtype.kind == "f" else X.astype(weights.dtype)), y

    def _scores(self, weights: Array, X: Array) -> Array:
        # Column by column in memory: what is done to each class's scores is then one long loop.
        scores = np.asfortranarray(X @ weights[int(self.intercept) :])
        if self.intercept:
            scores += weights[0]
        return scores

    def _loss_sum(self, scores: Array, y: Array) -> float:
        """Return the sum of the rows' losses; may overwrite `scores`."""
        raise NotImplementedError

    def _slopes(self, scores: Array, y: Array) -> Array:
        """Return the derivative of each row's loss by its scores; may overwrite `scores`."""
        raise NotImplementedError

    def _require_one_target_per_row(self) -> None:
        if len(self.X) != len(self.y):
            raise ValueError(
                f"X and y must have as many rows: X has {len(self.X)}, y has {len(self.y)}"
            )


def _taken(array: Array, rows: Array) -> Array:
    # `take` is faster, but first copies the whole of an array that is not contiguous.
    return array.take(rows, axis=0) if array.flags.c_contiguous else array[rows]


class LeastSquares(LinearModel):
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
        super().__init__(X, intercept)
        self.y = finite_array("y", y, ndim=1)
        self._require_one_target_per_row()

    def hessian(self) -> Array:
        r"""Return the matrix of second derivatives, the same at all weights.

        It is :math:`H = \frac1n \sum_i \tilde x_i \tilde x_i^\top` with
        :math:`\tilde x_i = (1, x_i)`.

        Returns
        -------
        ndarray of shape (n_weights, n_weights)
        """
        X = self._floating_features()
        hessian = np.ones((self.n_weights, self.n_weights), dtype=X.dtype)
        slopes = slice(int(self.intercept), None)
        hessian[slopes, slopes] = X.T @ X / self.n_rows
        if self.intercept:
            hessian[0, 1:] = hessian[1:, 0] = X.mean(axis=0)
        return hessian

    def solution(self) -> Array:
        """Return the weights of least loss, in closed form.

        The features are centred first, which keeps the intercept out of the linear
        system. Where several weights share the least loss, these have the smallest slopes.

        Returns
        -------
        ndarray of shape (n_weights,)
        """
        X = self._floating_features()
        if not self.intercept:
            return np.linalg.lstsq(X, self.y, rcond=None)[0]
        X_mean, y_mean = X.mean(axis=0), self.y.mean()
        slopes = np.linalg.lstsq(X - X_mean, self.y - y_mean, rcond=None)[0]
        return np.concatenate([[y_mean - X_mean @ slopes], slopes])

    def _floating_features(self) -> Array:
        return self.X if self.X.dtype.kind == "f" else self.X.astype(np.float64)

    def _loss_sum(self, scores: Array, y: Array) -> float:
        residuals = scores - y
        return float(residuals @ residuals) / 2

    def _slopes(self, scores: Array, y: Array) -> Array:
        scores -= y  # in place: the difference stays in the scores' type, float32 too
        return scores


class Logistic(LinearModel):
    r"""Logistic regression: the mean cross-entropy of two classes, computed from logits.

    The score :math:`s` is the logit of class 1, whose probability is
    :math:`p = 1/(1 + e^{-s})`. A row of class 1 costs :math:`-\log p = \log(1 + e^{-s})`, a row
    of class 0 costs :math:`-\log(1 - p) = \log(1 + e^{s})`. In both cases the derivative by the
    score is :math:`p - y`. The loss is computed from the score, never from a rounded p, so that
    scores of any size are safe.

    Parameters
    ----------
    X : array_like of shape (n, d)
    y : array_like of shape (n,)
        Labels 0 and 1.
    intercept : bool

    Examples
    --------
    >>> objective = Logistic([[-1.0], [1.0]], [0, 1])
    >>> round(objective.value(np.array([0.0, 0.0])), 6)  # log 2: a coin's guess
    0.693147
    >>> objective.value(np.array([0.0, 1e4]))
    0.0
    """

    def __init__(self, X: ArrayLike, y: ArrayLike, *, intercept: bool = True) -> None:
        super().__init__(X, intercept)
        self.y = class_labels("y", y, 2)
        self._require_one_target_per_row()

    def _loss_sum(self, scores: Array, y: Array) -> float:
        return float(np.logaddexp(0, np.where(y == 1, -scores, scores)).sum())

    def _slopes(self, scores: Array, y: Array) -> Array:
        probabilities = sigmoid(scores)
        probabilities -= y
        return probabilities


def sigmoid(scores: ArrayLike) -> Array:
    r"""Return :math:`1/(1 + e^{-s})` without overflow.

    Computed as :math:`\frac12 (1 + \tanh \frac s2)`, which is the same function. Its error is
    that of rounding near 1/2: below about -36 it returns 0, not the tiny probability itself.

    Parameters
    ----------
    scores : array_like

    Returns
    -------
    ndarray in the shape of `scores`

    Examples
    --------
    >>> sigmoid([-1e4, 0.0, 1e4])
    array([0. , 0.5, 1. ])
    """
    scores = np.asarray(scores)
    half = scores.dtype.type(0.5) if scores.dtype.kind == "f" else 0.5
    return half * (1 + np.tanh(half * scores))


class Softmax(LinearModel):
    r"""Softmax regression: the mean cross-entropy of several classes, computed from logits.

    Row :math:`i` has one score per class, and class :math:`c` the probability
    :math:`p_c = e^{s_c} / \sum_j e^{s_j}`. The row costs
    :math:`-\log p_y = \log \sum_j e^{s_j} - s_y`, and the derivative by score :math:`c` is
    :math:`p_c`, less 1 where :math:`c = y`. The largest score is subtracted first, which
    changes neither and keeps every exponential at most 1.

    Parameters
    ----------
    X : array_like of shape (n, d)
    y : array_like of shape (n,)
        Labels 0, 1, …, k - 1.
    n_classes : int, optional
        k, at least 2; one more than the largest label without it.
    intercept : bool

    Examples
    --------
    >>> objective = Softmax([[0.0], [1.0], [2.0]], [0, 1, 2])
    >>> objective.weights_shape
    (2, 3)
    >>> round(objective.value(np.zeros((2, 3))), 6)  # log 3: a guess among three
    1.098612
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        n_classes: int | None = None,
        intercept: bool = True,
    ) -> None:
        if n_classes is not None:
            n_classes = whole_number("n_classes", n_classes, 2)
        labels = class_labels("y", y, n_classes)
        self.n_classes = n_classes or max(2, int(labels.max(initial=0)) + 1)
        super().__init__(X, intercept, self.n_classes)
        self.y = labels
        self._require_one_target_per_row()

    def _loss_sum(self, scores: Array, y: Array) -> float:
        scores -= scores.max(axis=1, keepdims=True)
        of_labels = scores[np.arange(len(y)), y]
        return float((np.log(np.exp(scores).sum(axis=1)) - of_labels).sum())

    def _slopes(self, scores: Array, y: Array) -> Array:
        probabilities = softmax(scores, out=scores)
        probabilities[np.arange(len(y)), y] -= 1
        return probabilities


def softmax(scores: Array, out: Array | None = None) -> Array:
    r"""Return :math:`e^{s_c} / \sum_j e^{s_j}` along the last axis, without overflow.

    Parameters
    ----------
    scores : ndarray of shape (…, k)
    out : ndarray of shape (…, k), optional
        Where to write the result, `scores` itself for example.

    Returns
    -------
    ndarray of shape (…, k)

    Examples
    --------
    >>> softmax(np.array([1e4, 1e4, -1e4]))
    array([0.5, 0.5, 0. ])
    """
    powers = np.exp(np.subtract(scores, scores.max(axis=-1, keepdims=True), out=out), out=out)
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


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
        super().__init__(X, intercept)
        self.y = finite_array("y", y, ndim=1)
        self.period = positive_number("period", period)
        self._require_one_target_per_row()

    def _loss_sum(self, scores: Array, y: Array) -> float:
        residuals = scores - y
        return float((residuals**2 * np.sin(np.pi / self.period * residuals)).sum()) / 2

    def _slopes(self, scores: Array, y: Array) -> Array:
        scores -= y  # in place, as in `LeastSquares`
        residuals, angles = scores, np.pi / self.period * scores
        return residuals * (np.sin(angles) + angles * np.cos(angles) / 2)


class Penalised:
    r"""A linear model's loss plus half the squared slopes, times a strength.

    :math:`L_\alpha(w) = L(w) + \frac{\alpha}{2} \lVert w_{\text{slopes}} \rVert^2`. Intercepts are
    free. Where classes can be separated, :math:`L` itself falls for ever as the weights grow;
    :math:`L_\alpha` has one minimum. scikit-learn's ``LogisticRegression`` minimises the sum of
    the row losses times :math:`C` plus half the squared slopes: the same with
    :math:`\alpha = 1 / (C n)`.

    Parameters
    ----------
    objective : LinearModel
        `Softmax`, for example.
    strength : float
        :math:`\alpha`, above 0.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = Penalised(LeastSquares([[1.0]], [2.0]), strength=0.5)
    >>> objective.value(np.array([0.0, 2.0]))  # fits, for half of 0.5 times 2 squared
    1.0
    >>> objective.gradient(np.array([0.0, 2.0]))
    array([0., 1.])
    """

    def __init__(self, objective: LinearModel, strength: float) -> None:
        if not isinstance(objective, LinearModel):
            raise TypeError(f"objective must be a loss of linear scores, not {objective!r}")
        self.objective = objective
        self.strength = positive_number("strength", strength)
        self._slopes = slice(int(objective.intercept), None)

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""
        return self.objective.n_rows

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """The shape of the weights; the intercept comes first, if there is one."""
        return self.objective.weights_shape

    def value(self, weights: Array, rows: Array | None = None) -> float:
        """Return the mean loss over the rows plus the penalty.

        Parameters
        ----------
        weights : ndarray of shape `weights_shape`
        rows : ndarray of int, optional
            All rows without it.

        Returns
        -------
        float
        """
        loss = self.objective.value(weights, rows)
        slopes = np.asarray(weights, dtype=np.float64)[self._slopes]
        return loss + self.strength / 2 * float(np.sum(slopes**2))

    def gradient(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradient of `value`.

        Parameters
        ----------
        weights : ndarray of shape `weights_shape`
        rows : ndarray of int, optional

        Returns
        -------
        ndarray of shape `weights_shape`
        """
        gradient = self.objective.gradient(weights, rows)
        gradient[self._slopes] += self.strength * np.asarray(weights)[self._slopes]
        return gradient


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
        weights = self._checked(weights)
        return float(self._height(weights) + self._tilt(rows) @ weights)

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
        weights = self._checked(weights)
        gradient = self._slope(weights) + self._tilt(rows)
        return gradient.astype(weights.dtype, copy=False)

    def _checked(self, weights: Array) -> Array:
        weights = floating_weights(weights)
        if weights.shape != (self.dimensions,):
            raise ValueError(
                f"weights must have the shape ({self.dimensions},), not {weights.shape}"
            )
        return weights

    def _tilt(self, rows: Array | None) -> Array:
        if rows is None:
            return np.zeros(self.dimensions)
        return self.tilts[row_numbers(rows)].mean(axis=0)

    def _height(self, weights: Array) -> float:
        raise NotImplementedError

    def _slope(self, weights: Array) -> Array:
        raise NotImplementedError


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

    def _height(self, weights: Array) -> float:
        return float(weights @ self.hessian @ weights) / 2

    def _slope(self, weights: Array) -> Array:
        return self.hessian @ weights


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

    def _height(self, weights: Array) -> float:
        return float((weights[0] ** 2 - 1) ** 2) / 4

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

    def _height(self, weights: Array) -> float:
        return float(weights[0] ** 2 - weights[1] ** 2)

    def _slope(self, weights: Array) -> Array:
        return np.array([2.0, -2.0]) * weights
