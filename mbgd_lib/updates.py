r"""What a step does with a gradient: rules that `steps` and `descend` take as ``update``.

A rule is called with the weights, the gradient and the learning rate, and returns the new weights,
in an array of its own. Rules with a memory are small classes that keep it in attributes, zero
before the first step; each run works on a copy of its own. With several runs side by side all
arrays have one more dimension, in front, which arithmetic of single entries need not know. So
the next rule is written in a few lines:

>>> class Signs:
...     def __call__(self, weights, gradient, learning_rate):
...         return weights - learning_rate * np.sign(gradient)
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbgd_lib._arguments import positive_number, share

Array = NDArray[Any]
Update = Callable[[Array, Array, float], Array]


def plain(weights: Array, gradient: Array, learning_rate: float) -> Array:
    """Step along the gradient: the rule that is taken where none is named.

    Parameters
    ----------
    weights, gradient : ndarray
        Of one shape.
    learning_rate : float

    Returns
    -------
    ndarray
        The new weights.

    Examples
    --------
    >>> plain(np.array([1.0]), np.array([4.0]), 0.25)
    array([0.])
    """
    return weights - learning_rate * gradient


class Momentum:
    r"""Step along a velocity that remembers earlier gradients (Polyak 1964).

    :math:`v \leftarrow \mu v + g`, then :math:`w \leftarrow w - \eta v`. Of a gradient that stays
    the same the velocity becomes :math:`g / (1 - \mu)`: a step is that many times as long.

    Parameters
    ----------
    momentum : float
        :math:`\mu`, from 0 up to, not including, 1.

    Examples
    --------
    >>> rule, weights = Momentum(0.5), np.array([0.0])
    >>> for _ in range(3):
    ...     weights = rule(weights, np.array([-1.0]), 1.0)
    ...     print(weights)
    [1.]
    [2.5]
    [4.25]
    """

    def __init__(self, momentum: float = 0.9) -> None:
        self.momentum = share("momentum", momentum)
        self.velocity: Any = 0.0

    def __call__(self, weights: Array, gradient: Array, learning_rate: float) -> Array:
        """Return the new weights."""
        self.velocity = self.momentum * self.velocity + gradient
        return weights - learning_rate * self.velocity


class Nesterov(Momentum):
    r"""Momentum that looks one step of its velocity ahead (Nesterov 1983).

    :math:`v \leftarrow \mu v + g`, then :math:`w \leftarrow w - \eta (g + \mu v)`: the form of
    Sutskever et al. (2013) in which the gradient is taken at the weights themselves, as PyTorch
    has it.

    Parameters
    ----------
    momentum : float
        :math:`\mu`, from 0 up to, not including, 1.

    Examples
    --------
    >>> Nesterov(0.5)(np.array([0.0]), np.array([-1.0]), 1.0)
    array([1.5])
    """

    def __call__(self, weights: Array, gradient: Array, learning_rate: float) -> Array:
        """Return the new weights."""
        self.velocity = self.momentum * self.velocity + gradient
        return weights - learning_rate * (gradient + self.momentum * self.velocity)


class Adam:
    r"""Steps whose length in each weight does not depend on the size of its gradients.

    Running means of the gradient and of its square,

    .. math::

        m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2) g^2,

    start at zero and are too small at first: after :math:`t` steps their weights add up to
    :math:`1 - \beta^t`, by which they are divided. Then
    :math:`w \leftarrow w - \eta\, \hat m / (\sqrt{\hat v} + \epsilon)` (Kingma and Ba 2015,
    algorithm 1).

    Parameters
    ----------
    beta1, beta2 : float
        From 0 up to, not including, 1; `decay` gives them for a memory that is counted in rows.
    epsilon : float
        Above 0; keeps the division safe where gradients vanish.

    Examples
    --------
    The first step is as long as the learning rate, whatever the gradient.

    >>> Adam()(np.array([0.0, 0.0]), np.array([1e-3, -1e3]), 0.5).round(4)
    array([-0.5,  0.5])
    """

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, *, epsilon: float = 1e-8) -> None:
        self.beta1, self.beta2 = share("beta1", beta1), share("beta2", beta2)
        self.epsilon = positive_number("epsilon", epsilon)
        self.mean: Any = 0.0
        self.mean_square: Any = 0.0
        self.steps = 0

    def __call__(self, weights: Array, gradient: Array, learning_rate: float) -> Array:
        """Return the new weights."""
        self.steps += 1
        self.mean = self.beta1 * self.mean + (1 - self.beta1) * gradient
        self.mean_square = self.beta2 * self.mean_square + (1 - self.beta2) * gradient**2
        mean = self.mean / (1 - self.beta1**self.steps)
        mean_square = self.mean_square / (1 - self.beta2**self.steps)
        return weights - learning_rate * mean / (np.sqrt(mean_square) + self.epsilon)


def decay(half_life: float, batch_size: int) -> float:
    r"""Return the factor per step with which a memory halves after so many rows.

    :math:`\beta = 2^{-B / h}`: the same memory in rows at any batch size, where a fixed
    :math:`\beta` is the same in steps.

    Parameters
    ----------
    half_life : float
        h, in rows.
    batch_size : int
        B.

    Returns
    -------
    float

    Examples
    --------
    >>> decay(half_life=64, batch_size=64), round(decay(half_life=64, batch_size=1), 4)
    (0.5, 0.9892)
    """
    half_life = positive_number("half_life", half_life)
    return float(0.5 ** (positive_number("batch_size", batch_size) / half_life))
