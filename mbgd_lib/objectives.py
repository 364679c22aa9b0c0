"""What is minimised: a loss that is a mean over rows, and its gradient.

`LeastSquares`, `Logistic` and `Softmax` are losses of a linear model's scores; they differ only in
what a score costs. `mbgd_lib.instruments.landscapes` has functions of the weights to look at.
"""

from collections.abc import Callable, Iterator
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
    whole_number,
)

Array = NDArray[Any]

# Rows are taken in pieces of this many, so that work arrays stay small however large the batch.
PIECE = 512
# Of several runs at once, so many numbers are gathered at a time: what a processor's cache holds.
RUN_PIECE = 2**17


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

    A subclass says what a score costs (`_loss_sum`), the derivative (`_score_slopes`) and how large
    the second one can be (`score_curvature`).

    Attributes
    ----------
    X : ndarray of shape (n, d)
        The features, uncopied. Integer features are converted piece by piece, when used.
    y : ndarray of shape (n,)
    intercept : bool
    weights_shape : tuple of int
        The shape of the weights; the intercept comes first, if there is one.
    score_curvature : float or None
        The largest eigenvalue that the second derivative of a row's loss by its scores can have;
        None where it has no bound.
    """

    score_curvature: float | None = None

    def __init__(self, X: ArrayLike, y: Array, intercept: bool, *outputs: int) -> None:
        self.X, self.y = number_array("X", X, ndim=2), y
        self.intercept = bool(intercept)
        self.weights_shape = (self.X.shape[1] + self.intercept, *outputs)
        if len(self.X) == 0:
            raise ValueError(f"X must have at least one row, not the shape {self.X.shape}")
        if len(self.X) != len(y):
            raise ValueError(f"X and y must have as many rows: X has {len(self.X)}, y has {len(y)}")

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
        for X, y in self.pieces(rows, weights.dtype):
            total += float(self._loss_sum(self._scores(weights, X), y))
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
        gradient = np.zeros(weights.shape, weights.dtype, order="F")
        for X, y in self.pieces(rows, weights.dtype):
            slopes = self._score_slopes(self._scores(weights, X), y)
            # (slopes.T X).T is X.T slopes, and BLAS takes a fifth less time over it.
            gradient[int(self.intercept) :] += np.dot(slopes.T, X).T
            if self.intercept:
                gradient[0] += slopes.sum(axis=0)
        gradient /= count
        return gradient

    def values(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the mean losses of several weights, each over rows of its own: see `gradients`.

        Parameters
        ----------
        weights : ndarray of shape (runs, *weights_shape)
        rows : ndarray of int of shape (runs, B), optional
            All rows without it.

        Returns
        -------
        ndarray of shape (runs,)
        """
        weights, count = self._checked_runs(weights, rows)
        totals = np.zeros(len(weights))
        for runs, X, y in self._pieces_of_runs(len(weights), rows, weights.dtype):
            totals[runs] += self._loss_sum(self._scores_of_runs(weights[runs], X), y)
        return totals / count

    def gradients(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradients of several weights at once, each over rows of its own.

        They are those of `gradient`, to rounding, in a fraction of the time where batches are
        small. With one row for each of the same weights they are the gradients of the rows.

        Parameters
        ----------
        weights : ndarray of shape (runs, *weights_shape)
        rows : ndarray of int of shape (runs, B), optional
            All rows without it.

        Returns
        -------
        ndarray of shape (runs, *weights_shape)
        """
        weights, count = self._checked_runs(weights, rows)
        first, one = int(self.intercept), len(self.weights_shape) == 1
        gradients = np.zeros(weights.shape, weights.dtype)
        for runs, X, y in self._pieces_of_runs(len(weights), rows, weights.dtype):
            slopes = self._score_slopes(self._scores_of_runs(weights[runs], X), y)
            if self.intercept:
                gradients[runs, 0] += slopes.sum(axis=1)
            products = X.swapaxes(-1, -2) @ (slopes[..., None] if one else slopes)
            gradients[runs, first:] += products[..., 0] if one else products
        gradients /= count
        return gradients

    def curvature_bounds(self) -> tuple[float, float]:
        r"""Return bounds of the curvature of the whole loss, and of that of any single row.

        With :math:`c` the bound of the loss's second derivative by a score and
        :math:`\tilde x_i = (1, x_i)`, the Hessian of row i is at most
        :math:`c\, \tilde x_i \tilde x_i^\top`, whose eigenvalue is :math:`c \lVert \tilde x_i
        \rVert^2`, and that of the loss at most the mean of these matrices.

        Returns
        -------
        of_loss, of_row : float
            The largest eigenvalue of that mean, by the power method, and the largest of a row's.

        Raises
        ------
        TypeError
            If the loss's second derivative has no bound.
        """
        if self.score_curvature is None:
            raise TypeError(f"objective must have a bounded curvature, which {self!r} has not")

        def mean_product(vector: Array) -> Array:
            product = np.zeros_like(vector)
            for X, _ in self.pieces(dtype=vector.dtype):
                scores = X @ vector[int(self.intercept) :] + (vector[0] if self.intercept else 0)
                product[int(self.intercept) :] += scores @ X
                if self.intercept:
                    product[0] += scores.sum()
            return product / self.n_rows

        squares = [np.einsum("ij,ij->i", X, X).max() for X, _ in self.pieces()]
        of_row = float(max(squares)) + self.intercept
        of_loss = min(_largest_eigenvalue(mean_product, self.n_weights), of_row)
        return self.score_curvature * of_loss, self.score_curvature * of_row

    def pieces(self, rows: Array | None = None, dtype: Any = np.float64) -> Iterator[Any]:
        """Yield features and targets of some rows, or of all, a few hundred rows at a time.

        Parameters
        ----------
        rows : ndarray of int, optional
        dtype : dtype
            What whole numbers among the features become; floats stay as they are.

        Yields
        ------
        X : ndarray of shape (rows of the piece, d)
        y : ndarray of shape (rows of the piece,)
        """
        for start in range(0, self.n_rows if rows is None else len(rows), PIECE):
            part = slice(start, start + PIECE)
            if rows is None:
                X, y = self.X[part], self.y[part]
            else:
                X, y = _taken(self.X, rows[part]), _taken(self.y, rows[part])
            yield (X if X.dtype.kind == "f" else X.astype(dtype)), y

    def _loss_sum(self, scores: Array, y: Array) -> Any:
        """Return the sum of the rows' losses, of each run if there are several.

        `scores` has the shape (…, rows) or (…, rows, k), and may be overwritten; `y` (…, rows).
        """
        raise NotImplementedError

    def _score_slopes(self, scores: Array, y: Array) -> Array:
        """Return the derivative of each row's loss by its scores, in the shape of `scores`.

        Shapes are those of `_loss_sum`; `scores` may be overwritten.
        """
        raise NotImplementedError

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

    def _checked_runs(self, weights: Array, rows: Array | None) -> tuple[Array, int]:
        weights = floating_weights(weights)
        if weights.shape[1:] != self.weights_shape or weights.ndim == 0:
            shape = ", ".join(["runs", *map(str, self.weights_shape)])
            raise ValueError(f"weights must have the shape ({shape}), not {weights.shape}")
        if rows is None:
            return weights, self.n_rows
        rows = row_numbers(rows, ndim=2)
        if len(rows) != len(weights):
            raise ValueError(f"rows must have the shape ({len(weights)}, B), not {rows.shape}")
        return weights, rows.shape[1]

    def _pieces_of_runs(
        self, n_runs: int, rows: Array | None, dtype: Any
    ) -> Iterator[tuple[slice, Array, Array]]:
        """Yield which runs, with features (runs, rows, d) or, the same for all, (rows, d)."""
        size = min(self.n_rows if rows is None else rows.shape[1], PIECE)
        together = max(1, RUN_PIECE // (size * max(self.weights_shape)))
        for start in range(0, n_runs, together):
            runs = slice(start, min(start + together, n_runs))
            if rows is None:
                for X, y in self.pieces(None, dtype):
                    yield runs, X, np.broadcast_to(y, (runs.stop - start, len(y)))
                continue
            for first in range(0, rows.shape[1], PIECE):
                part = rows[runs, first : first + PIECE]
                X, y = _taken(self.X, part), _taken(self.y, part)
                yield runs, (X if X.dtype.kind == "f" else X.astype(dtype)), y

    def _scores(self, weights: Array, X: Array) -> Array:
        # Column by column in memory: what is done to each class's scores is then one long loop.
        scores = np.asfortranarray(X @ weights[int(self.intercept) :])
        if self.intercept:
            scores += weights[0]
        return scores

    def _scores_of_runs(self, weights: Array, X: Array) -> Array:
        """Return scores of shape (runs, rows) or (runs, rows, k)."""
        of_features = weights[:, int(self.intercept) :]
        if len(self.weights_shape) == 1:
            scores = (X @ of_features[..., None])[..., 0]
        else:
            scores = X @ of_features
        if self.intercept:
            scores += weights[:, 0, None]
        return scores


def _largest_eigenvalue(product: Callable[[Array], Array], size: int) -> float:
    """Return the largest eigenvalue of a positive matrix by the power method, to 0.1 % or so.

    Multiplied by the matrix again and again, only a vector's part along the largest one survives.
    """
    vector = np.random.default_rng(0).normal(size=size)
    largest = 0.0
    for _ in range(1000):
        vector = product(vector / np.linalg.norm(vector))
        before, largest = largest, float(np.linalg.norm(vector))
        if largest <= before * 1.0001 or not np.isfinite(largest):  # it grows from below
            break
    return largest


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

    score_curvature = 1.0  # half a square

    def __init__(self, X: ArrayLike, y: ArrayLike, *, intercept: bool = True) -> None:
        super().__init__(X, finite_array("y", y, ndim=1), intercept)

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

    def _loss_sum(self, scores: Array, y: Array) -> Any:
        residuals = scores - y
        return np.einsum("...i,...i->...", residuals, residuals) / 2

    def _score_slopes(self, scores: Array, y: Array) -> Array:
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

    score_curvature = 0.25  # p (1 - p) at p = 1/2

    def __init__(self, X: ArrayLike, y: ArrayLike, *, intercept: bool = True) -> None:
        super().__init__(X, class_labels("y", y, 2), intercept)

    def _loss_sum(self, scores: Array, y: Array) -> Any:
        return np.logaddexp(0, np.where(y == 1, -scores, scores)).sum(axis=-1)

    def _score_slopes(self, scores: Array, y: Array) -> Array:
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

    score_curvature = 0.5  # of diag p - p p', where two classes share all

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
        super().__init__(X, labels, intercept, self.n_classes)

    def _loss_sum(self, scores: Array, y: Array) -> Any:
        scores -= scores.max(axis=-1, keepdims=True)
        of_labels = np.take_along_axis(scores, y[..., None], axis=-1)[..., 0]
        return (np.log(np.exp(scores).sum(axis=-1)) - of_labels).sum(axis=-1)

    def _score_slopes(self, scores: Array, y: Array) -> Array:
        probabilities = softmax(scores, out=scores)
        rows = probabilities.reshape(-1, self.n_classes)  # a view, also of several runs
        rows[np.arange(len(rows)), y.ravel()] -= 1
        return probabilities


def softmax(scores: ArrayLike, out: Array | None = None) -> Array:
    r"""Return :math:`e^{s_c} / \sum_j e^{s_j}` along the last axis, without overflow.

    Parameters
    ----------
    scores : array_like of shape (…, k)
        Whole numbers become float64 first.
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
    scores = np.asarray(scores)
    if scores.dtype.kind != "f":  # the difference of small whole numbers may overflow
        scores = scores.astype(np.float64)
    powers: Array = np.exp(
        np.subtract(scores, scores.max(axis=-1, keepdims=True), out=out), out=out
    )
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers


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
        return loss + float(self._penalties(np.asarray(weights)[None])[0])

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
        first = int(self.objective.intercept)
        gradient[first:] += self.strength * np.asarray(weights)[first:]
        return gradient

    def values(self, weights: Array, rows: Array | None = None) -> Array:
        """Return `value` of several weights at once: see `LinearModel.values`.

        Parameters
        ----------
        weights : ndarray of shape (runs, *weights_shape)
        rows : ndarray of int of shape (runs, B), optional

        Returns
        -------
        ndarray of shape (runs,)
        """
        return self.objective.values(weights, rows) + self._penalties(weights)

    def gradients(self, weights: Array, rows: Array | None = None) -> Array:
        """Return `gradient` of several weights at once: see `LinearModel.gradients`.

        Parameters
        ----------
        weights : ndarray of shape (runs, *weights_shape)
        rows : ndarray of int of shape (runs, B), optional

        Returns
        -------
        ndarray of shape (runs, *weights_shape)
        """
        gradients = self.objective.gradients(weights, rows)
        first = int(self.objective.intercept)
        gradients[:, first:] += self.strength * np.asarray(weights)[:, first:]
        return gradients

    def curvature_bounds(self) -> tuple[float, float]:
        """Return those of the loss, each more by the strength: see `LinearModel`.

        Returns
        -------
        of_loss, of_row : float
        """
        of_loss, of_row = self.objective.curvature_bounds()
        return of_loss + self.strength, of_row + self.strength

    def _penalties(self, weights: Array) -> Array:
        slopes = weights[:, int(self.objective.intercept) :].astype(np.float64)
        return self.strength / 2 * np.sum(slopes.reshape(len(slopes), -1) ** 2, axis=1)
