"""A loss with a price on large slopes, which gives it a minimum to arrive at."""

import numpy as np

from mbgd_lib._arguments import positive_number
from mbgd_lib.objectives import Array, LinearModel


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
