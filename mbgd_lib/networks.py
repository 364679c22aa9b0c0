"""A network with one hidden layer, as an objective: what the loop steps along is the only change.

Nothing here knows of batches, rates or rules. Given `Network`, `mbgd_lib.descend` trains it as it
trains a linear model.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import (
    class_labels,
    floating_weights,
    generator,
    number_array,
    one_of,
    row_numbers,
    whole_number,
)
from mbgd_lib.objectives import Array, softmax


class Network:
    r"""Scores of classes from one hidden layer, and their loss.

    Row :math:`x` becomes :math:`h = \phi(x V + a)`, and :math:`h` the scores :math:`s = h W + b`,
    one per class. Going back from the loss :math:`\ell(s)` of a row, the chain rule gives

    .. math::

        \delta = \frac{\partial \ell}{\partial s}, \qquad
        \nabla_W = h^\top \delta, \quad \nabla_b = \delta, \qquad
        \varepsilon = (\delta W^\top) \odot \phi'(x V + a), \qquad
        \nabla_V = x^\top \varepsilon, \quad \nabla_a = \varepsilon ,

    of which a batch takes the mean over its rows. All weights lie in one vector, in the order
    :math:`V, a, W, b`, so that the loop, every rule and `check_gradient` take them as they are.

    Parameters
    ----------
    X : array_like of shape (n, d)
        The features, uncopied.
    y : array_like of shape (n,)
        Labels 0, 1, …, k - 1.
    hidden : int
        How many hidden units.
    activation : {"tanh", "relu"}
        :math:`\phi`.
    loss : {"softmax", "squares"}
        The cross-entropy of `Softmax`, or half the squared distance of the scores from 1 for the
        row's class and 0 for the others.
    n_classes : int, optional
        k, at least 2; one more than the largest label without it.

    Attributes
    ----------
    weights_shape : tuple of int
        :math:`((d + 1)\,\mathrm{hidden} + (\mathrm{hidden} + 1)\,k,)`.

    Examples
    --------
    Two rows that no straight line tells from two others:

    >>> from mbgd_lib import descend
    >>> corners = Network([[0, 0], [1, 1], [0, 1], [1, 0]], [0, 0, 1, 1], hidden=4)
    >>> settings = {"learning_rate": 0.5, "batch_size": 2, "epochs": 500}
    >>> run = descend(corners, corners.start(0), seed=0, **settings)
    >>> corners.scores(run.weights).argmax(axis=1)
    array([0, 0, 1, 1])
    """

    def __init__(
        self,
        X: ArrayLike,
        y: ArrayLike,
        hidden: int = 32,
        *,
        activation: str = "tanh",
        loss: str = "softmax",
        n_classes: int | None = None,
    ) -> None:
        self.X = number_array("X", X, ndim=2)
        self.y = class_labels("y", y, n_classes and whole_number("n_classes", n_classes, 2))
        if len(self.X) != len(self.y) or len(self.y) == 0:
            raise ValueError(
                "X and y must have as many rows, at least one: "
                f"X has {len(self.X)}, y has {len(self.y)}"
            )
        self.hidden = whole_number("hidden", hidden, 1)
        self.activation = one_of("activation", activation, ("tanh", "relu"))
        self.loss = one_of("loss", loss, ("softmax", "squares"))
        self.n_classes = n_classes or max(2, int(self.y.max()) + 1)
        d, k = self.X.shape[1], self.n_classes
        self.shapes = (d, self.hidden), (1, self.hidden), (self.hidden, k), (1, k)
        self.weights_shape = (sum(rows * columns for rows, columns in self.shapes),)

    @property
    def n_rows(self) -> int:
        """Number of rows, n."""
        return len(self.X)

    def start(self, seed: Any, dtype: Any = np.float64) -> Array:
        r"""Return random weights to start from.

        Those into a unit that sums m inputs are normal with variance :math:`1/m`, or
        :math:`2/m` into a ReLU, which passes half of them (He et al. 2015): so activations are
        of one size at any width. Both :math:`a` and :math:`b` are 0.

        Parameters
        ----------
        seed : int, numpy.random.Generator or None
        dtype : dtype

        Returns
        -------
        ndarray of shape `weights_shape`
        """
        rng, (V, a, W, b) = generator("seed", seed), self.shapes
        gain = 2 if self.activation == "relu" else 1
        first = rng.normal(0, np.sqrt(gain / V[0]), V)
        last = rng.normal(0, np.sqrt(1 / W[0]), W)
        return _joined(first, np.zeros(a), last, np.zeros(b)).astype(dtype)

    def value(self, weights: Array, rows: Array | None = None) -> float:
        """Return the mean loss over the rows.

        Parameters
        ----------
        weights : ndarray of shape `weights_shape`
        rows : ndarray of int, optional
            All rows without it.

        Returns
        -------
        float
        """
        return float(self._values(self._checked(weights, 1), _row_numbers(rows, 1)))

    def gradient(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the gradient of `value`.

        Parameters
        ----------
        weights : ndarray of shape `weights_shape`
        rows : ndarray of int, optional
            All rows without it.

        Returns
        -------
        ndarray of shape `weights_shape`
            In the floating type of the weights.
        """
        return self._gradients(self._checked(weights, 1), _row_numbers(rows, 1))

    def values(self, weights: Array, rows: Array | None = None) -> Array:
        """Return `value` of several weights at once, each over rows of its own.

        Parameters
        ----------
        weights : ndarray of shape (runs, *weights_shape)
        rows : ndarray of int of shape (runs, B), optional
            All rows without it.

        Returns
        -------
        ndarray of shape (runs,)
        """
        return np.asarray(self._values(self._checked(weights, 2), _row_numbers(rows, 2)))

    def gradients(self, weights: Array, rows: Array | None = None) -> Array:
        """Return `gradient` of several weights at once, each over rows of its own.

        Parameters
        ----------
        weights : ndarray of shape (runs, *weights_shape)
        rows : ndarray of int of shape (runs, B), optional
            All rows without it.

        Returns
        -------
        ndarray of shape (runs, *weights_shape)
        """
        return self._gradients(self._checked(weights, 2), _row_numbers(rows, 2))

    def layers(self, weights: Array) -> list[Array]:
        """Return V, a, W and b, as views of the weights.

        Parameters
        ----------
        weights : ndarray of shape (…, *weights_shape)

        Returns
        -------
        list of ndarray
            Of the shapes (…, d, hidden), (…, 1, hidden), (…, hidden, k) and (…, 1, k).
        """
        ends = np.cumsum([rows * columns for rows, columns in self.shapes])[:-1]
        parts = np.split(weights, ends, axis=-1)
        return [p.reshape(*weights.shape[:-1], *s) for p, s in zip(parts, self.shapes, strict=True)]

    def scores(self, weights: Array, rows: Array | None = None) -> Array:
        """Return the classes' scores, of which the largest names the class.

        Parameters
        ----------
        weights : ndarray of shape `weights_shape`
        rows : ndarray of int, optional
            All rows without it.

        Returns
        -------
        ndarray of shape (rows, k)
        """
        weights = self._checked(weights, 1)
        X = self._features(_row_numbers(rows, 1), weights)
        return self._forward(self.layers(weights), X)[1]

    # Below, weights and rows may have one more dimension in front, for several runs: `@`
    # multiplies the matrices behind it, run by run.

    def _checked(self, weights: Array, ndim: int) -> Array:
        weights = floating_weights(weights)
        if weights.ndim != ndim or weights.shape[-1:] != self.weights_shape:
            shape = f"({'runs, ' * (ndim - 1)}{self.weights_shape[0]},)"
            raise ValueError(f"weights must have the shape {shape}, not {weights.shape}")
        return weights

    def _features(self, rows: Array | None, weights: Array) -> Array:
        X = self.X if rows is None else self.X[rows]
        return X if X.dtype.kind == "f" else X.astype(weights.dtype)

    def _forward(self, layers: list[Array], X: Array) -> tuple[Array, Array]:
        """Return what the hidden units say, and the scores."""
        V, a, W, b = layers
        sums = X @ V + a
        active = np.tanh(sums) if self.activation == "tanh" else np.maximum(sums, 0)
        return active, active @ W + b

    def _values(self, weights: Array, rows: Array | None) -> Array:
        y = self.y if rows is None else self.y[rows]
        _, scores = self._forward(self.layers(weights), self._features(rows, weights))
        wanted = y[..., None] == np.arange(self.n_classes)
        if self.loss == "squares":
            return np.asarray(((scores - wanted) ** 2).sum(axis=-1).mean(axis=-1) / 2)
        scores -= scores.max(axis=-1, keepdims=True)
        of_labels = (scores * wanted).sum(axis=-1)
        return np.asarray((np.log(np.exp(scores).sum(axis=-1)) - of_labels).mean(axis=-1))

    def _gradients(self, weights: Array, rows: Array | None) -> Array:
        X, y = self._features(rows, weights), self.y if rows is None else self.y[rows]
        layers = self.layers(weights)
        active, scores = self._forward(layers, X)
        chances = softmax(scores) if self.loss == "softmax" else scores
        slopes = (chances - (y[..., None] == np.arange(self.n_classes))) / y.shape[-1]
        back = slopes @ layers[2].swapaxes(-1, -2)  # the chain rule, through the hidden layer
        back *= 1 - active**2 if self.activation == "tanh" else active > 0
        of_V, of_W = X.swapaxes(-1, -2) @ back, active.swapaxes(-1, -2) @ slopes
        of_a, of_b = back.sum(axis=-2), slopes.sum(axis=-2)
        return _joined(of_V, of_a[..., None, :], of_W, of_b[..., None, :]).astype(weights.dtype)


def _joined(*layers: Array) -> Array:
    """Return matrices of the last two dimensions as one vector."""
    return np.concatenate([layer.reshape(*layer.shape[:-2], -1) for layer in layers], axis=-1)


def _row_numbers(rows: Array | None, ndim: int) -> Array | None:
    return None if rows is None else row_numbers(rows, ndim)
