r"""Which learning rate is safe, before the first step.

Near a minimum a loss is a quadratic, and a step with a batch is
:math:`w \leftarrow (I - \eta H_B) w + \dots`, where :math:`H_B` is the mean of the batch's row
Hessians :math:`H_i`. How far it leads, on average over batches drawn with replacement, is

.. math::

    \mathbb{E} \lVert (I - \eta H_B) w \rVert^2
    = w^\top \bigl( I - 2 \eta H + \eta^2\, \mathbb{E} H_B^2 \bigr) w, \qquad
    \mathbb{E} H_B^2 = \tfrac1B\, \mathbb{E} H_i^2 + \tfrac{B - 1}{B} H^2 ,

since two rows of a batch are independent. No row's curvature is above some :math:`\beta`, and
that of the whole loss not above :math:`\lambda`, so :math:`\mathbb{E} H_i^2 \preceq \beta H` and
:math:`H^2 \preceq \lambda H`. The expected length shrinks wherever :math:`H` bends, if

.. math:: \eta < \frac{2}{\lambda_B}, \qquad \lambda_B = \lambda + \frac{\beta - \lambda}{B} .

This is the bound of Ma, Bassily and Belkin (2018): one row allows :math:`2/\beta`, all rows
:math:`2/\lambda`, and beyond :math:`B \approx \beta / \lambda` larger batches allow little more.
It is enough, not necessary: a larger rate may be stable too where rows differ in length.
"""

from typing import Any

import numpy as np

from mbgd_lib._arguments import whole_number


def largest_stable_rate(objective: Any, batch_size: int | None = None) -> float:
    r"""Return the learning rate below which steps with such batches are stable on average.

    It is :math:`2 / \lambda_B`, derived at the head of `mbgd_lib.rates`.

    Parameters
    ----------
    objective : LinearModel, Penalised or QuadraticBowl
        Or anything else with a method ``curvature_bounds``, as `LinearModel` has it.
    batch_size : int, optional
        From 1 to the number of rows; all rows without it.

    Returns
    -------
    float
        Infinite where nothing bends.

    Raises
    ------
    TypeError, ValueError
        If the objective knows no bound of its curvature, or this is not finite.

    Examples
    --------
    Two rows of the curvatures 1 and 9: a step with both may be longer than one with either.

    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [3.0]], [0.0, 0.0], intercept=False)
    >>> round(largest_stable_rate(objective), 3), round(largest_stable_rate(objective, 1), 3)
    (0.4, 0.222)
    """
    if not hasattr(objective, "curvature_bounds"):
        raise TypeError(
            f"objective must know the bounds of its curvature, which {objective!r} does not"
        )
    n = objective.n_rows
    batch_size = n if batch_size is None else whole_number("batch_size", batch_size, 1, n)
    with np.errstate(over="ignore", invalid="ignore"):  # the error below says so
        of_loss, of_row = objective.curvature_bounds()
    if not np.isfinite([of_loss, of_row]).all():
        raise ValueError("objective's curvature overflows: make its features smaller")
    # All rows at once have no noise: their limit is that of the loss alone.
    curvature = of_loss if batch_size == n else of_loss + (of_row - of_loss) / batch_size
    return 2 / curvature if curvature > 0 else np.inf


def safe_rate(objective: Any, batch_size: int | None = None) -> float:
    """Return half of the largest stable rate: a step that may be taken unseen.

    In the steepest direction it leads to the minimum at once, where the limit would lead as far
    beyond. Where the features' scales differ, it is safe and slow: scale them.

    Parameters
    ----------
    objective, batch_size
        As in `largest_stable_rate`.

    Returns
    -------
    float
        1 where nothing bends, and any rate is stable.

    Raises
    ------
    TypeError, ValueError
        As `largest_stable_rate`.

    Examples
    --------
    >>> from mbgd_lib import QuadraticBowl
    >>> safe_rate(QuadraticBowl([[4.0, 0.0], [0.0, 1.0]]))
    0.25
    """
    limit = largest_stable_rate(objective, batch_size)
    return limit / 2 if np.isfinite(limit) else 1.0
