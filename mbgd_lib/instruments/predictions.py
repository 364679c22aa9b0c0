"""What the weights of a linear classifier say of images, or of any rows of features.

Weights of shape (d + 1,) tell two classes apart, weights of shape (d + 1, k) tell k; the
intercepts come first, as everywhere in the library.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib.descent import descend
from mbgd_lib.objectives import Array, LinearModel


def logits(weights: ArrayLike, X: ArrayLike) -> Array:
    """Return the scores from which a classifier's probabilities are computed.

    Parameters
    ----------
    weights : array_like of shape (d + 1,) or (d + 1, k)
    X : array_like of shape (n, d)

    Returns
    -------
    ndarray of shape (n,) or (n, k)

    Examples
    --------
    >>> logits([-1.0, 2.0], [[0.0], [1.0]])
    array([-1.,  1.])
    """
    weights, X = np.asarray(weights), np.asarray(X)
    if X.ndim != 2 or weights.ndim not in (1, 2) or len(weights) != X.shape[1] + 1:
        raise ValueError(
            "weights must have an intercept and a row for each feature of X, not the shape "
            f"{weights.shape} where X has the shape {X.shape}"
        )
    return X @ weights[1:] + weights[0]


def predicted_classes(weights: ArrayLike, X: ArrayLike) -> Array:
    """Return the likeliest class of each row: 0 or 1, or the number of a column of the weights.

    Parameters
    ----------
    weights : array_like of shape (d + 1,) or (d + 1, k)
    X : array_like of shape (n, d)

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> predicted_classes([-1.0, 2.0], [[0.0], [1.0]])
    array([0, 1])
    >>> predicted_classes([[0.0, 0.0, 1.0], [1.0, 2.0, 0.0]], [[0.0], [3.0]])
    array([2, 1])
    """
    scores = logits(weights, X)
    return scores.argmax(axis=1) if scores.ndim == 2 else (scores > 0).astype(int)


def percent_right(weights: ArrayLike, X: ArrayLike, labels: ArrayLike) -> float:
    """Return the accuracy in per cent.

    Parameters
    ----------
    weights : array_like of shape (d + 1,) or (d + 1, k)
    X : array_like of shape (n, d)
    labels : array_like of int, shape (n,)

    Returns
    -------
    float

    Examples
    --------
    >>> percent_right([-1.0, 2.0], [[0.0], [1.0], [2.0], [3.0]], [0, 1, 1, 0])
    75.0
    """
    labels, classes = np.asarray(labels), predicted_classes(weights, X)
    if labels.shape != classes.shape:
        raise ValueError(f"labels must have the shape {classes.shape}, not {labels.shape}")
    return float(100 * (classes == labels).mean())


@dataclass(frozen=True, eq=False)  # holds arrays, which do not compare to one truth value
class Training:
    """What `train_and_test` returns: a run, and how it did on other rows.

    Attributes
    ----------
    weights : ndarray
        Those of the end.
    losses, test_losses : ndarray of shape (epochs + 1,)
        Mean losses of the training rows and the test rows, from the start on.
    accuracies : ndarray of shape (epochs + 1,)
        Shares of right test rows, in per cent.

    Examples
    --------
    >>> one = np.ones(1)
    >>> Training(one, one, one, 50 * one).accuracies
    array([50.])
    """

    weights: Array
    losses: Array
    test_losses: Array
    accuracies: Array


def train_and_test(training: LinearModel, test: LinearModel, **settings: Any) -> Training:
    """Train a classifier from zero weights, and look at other rows after every epoch.

    Parameters
    ----------
    training, test : Logistic or Softmax
        The same loss, on the rows to train on and on those to look at.
    **settings
        As in `mbgd_lib.descend`, but for `callback`.

    Returns
    -------
    Training

    Examples
    --------
    >>> from mbgd_lib import Logistic
    >>> training = Logistic([[-2.0], [-1.0], [1.0], [2.0]], [0, 0, 1, 1])
    >>> test = Logistic([[-3.0], [3.0]], [0, 1])
    >>> train_and_test(training, test, learning_rate=0.5, epochs=2).accuracies
    array([ 50., 100., 100.])
    """
    start = np.zeros(training.weights_shape, dtype=training.X.dtype)
    test_losses, accuracies = [], []

    def look(epoch: int, weights: Array, loss: float) -> None:
        test_losses.append(test.value(weights))
        accuracies.append(percent_right(weights, test.X, test.y))

    look(0, start, np.nan)
    run = descend(training, start, callback=look, **settings)
    return Training(run.weights, run.epoch_losses, np.array(test_losses), np.array(accuracies))
