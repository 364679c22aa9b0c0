r"""What the order of the rows does to least squares: many runs at once, and theory.

On least squares a step with the batch's rows is an affine map of the weights,
:math:`w \leftarrow (I - \eta H_B) w + \eta c_B`, with :math:`H_B` and :math:`c_B` the means of
:math:`\tilde x_i \tilde x_i^\top` and :math:`y_i \tilde x_i` over the batch. So is an epoch, and
where a fixed order of the rows leads can be computed without a run.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import generator, one_of, positive_number, whole_number
from mbgd_lib.batches import Rows
from mbgd_lib.instruments.noise import gradient_covariance
from mbgd_lib.loop import steps
from mbgd_lib.objectives import Array, LeastSquares
from mbgd_lib.schedules import Schedule

# What is known of a partial last batch's part in the floor.
LAST_BATCHES = ("keep", "weigh", "drop")


def gaps_of_runs(
    objective: LeastSquares,
    weights: ArrayLike,
    *,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    seeds: Sequence[int],
    order: str = "reshuffle",
    last_batch: str = "keep",
    schedule: Schedule | None = None,
    every_step: bool = False,
) -> Array:
    r"""Return the loss gaps of many runs of least squares, one for each seed, made side by side.

    Parameters
    ----------
    objective : LeastSquares
    weights : array_like of shape (n_weights,)
        Where all runs start.
    learning_rate, batch_size, epochs, order, last_batch, schedule
        As in `mbgd_lib.descend`.
    seeds : sequence of int
        One for each run.
    every_step : bool
        Whether to return the gap after every step instead of after every epoch.

    Returns
    -------
    ndarray of shape (seeds, epochs + 1) or (seeds, steps + 1)
        The loss above its minimum, from the start on.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 8.0])
    >>> gaps = gaps_of_runs(objective, [0.0, 0.0], learning_rate=0.1, batch_size=2, epochs=3,
    ...                     seeds=range(5))
    >>> gaps.shape
    (5, 4)
    """
    epochs = whole_number("epochs", epochs, 1)
    loop = steps(
        objective,
        weights,
        learning_rate=learning_rate,
        batch_size=batch_size,
        order=order,
        last_batch=last_batch,
        schedule=schedule,
        seeds=seeds,
    )
    kept = [loop.state.weights]
    for step in loop:
        if every_step or step.ends_epoch:
            kept.append(step.weights)
        if step.ends_epoch and step.epoch == epochs:
            break
    offsets = np.array(kept).transpose(1, 0, 2) - objective.solution()
    return np.asarray(0.5 * ((offsets @ objective.hessian()) * offsets).sum(axis=-1))


def epoch_map(
    objective: LeastSquares, batches: Iterable[Rows], learning_rate: float
) -> tuple[Array, Array]:
    r"""Return the matrix A and the shift with which an epoch maps the weights.

    Step j is :math:`w \leftarrow M_j w + \eta c_j` with :math:`M_j = I - \eta H_j`, so
    :math:`A = M_m \cdots M_1` and the shift follows the same recursion from zero.

    Parameters
    ----------
    objective : LeastSquares
    batches : iterable of row indices
        The batches of the epoch, in their order.
    learning_rate : float

    Returns
    -------
    matrix : ndarray of shape (n_weights, n_weights)
    shift : ndarray of shape (n_weights,)

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [2.0]], [1.0, 2.0], intercept=False)
    >>> matrix, shift = epoch_map(objective, [np.array([0]), np.array([1])], 0.125)
    >>> matrix, shift  # (1 - 1/8) (1 - 4/8); the minimum, w = 1, stays where it is
    (array([[0.4375]]), array([0.5625]))
    """
    learning_rate = positive_number("learning_rate", learning_rate)
    X, y = _with_ones(objective), objective.y
    matrix, shift = np.eye(X.shape[1]), np.zeros(X.shape[1])
    for rows in batches:
        features = X[rows]
        one_step = np.eye(X.shape[1]) - learning_rate * features.T @ features / len(rows)
        matrix = one_step @ matrix
        shift = one_step @ shift + learning_rate * features.T @ y[rows] / len(rows)
    return matrix, shift


def fixed_order_limit(
    objective: LeastSquares, batches: Iterable[Rows], learning_rate: float
) -> Array:
    r"""Return the weights at the end of an epoch to which a fixed order leads.

    They are the one point that the epoch's map leaves where it is. It is not the minimum of the
    loss, unless all batches agree on that.

    Parameters
    ----------
    objective, batches, learning_rate
        As in `epoch_map`.

    Returns
    -------
    ndarray of shape (n_weights,)

    Raises
    ------
    ValueError
        If the weights would not settle: the map does not shrink every direction.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [1.0]], [0.0, 3.0], intercept=False)
    >>> fixed_order_limit(objective, [np.array([0]), np.array([1])], 0.5)  # the minimum: 1.5
    array([2.])
    """
    matrix, shift = epoch_map(objective, batches, learning_rate)
    if np.abs(np.linalg.eigvals(matrix)).max() >= 1:
        raise ValueError(
            f"learning_rate must be small enough for the epochs to settle, not {learning_rate}"
        )
    return np.linalg.solve(np.eye(len(shift)) - matrix, shift)


def noise_floor(
    objective: LeastSquares,
    learning_rate: float,
    batch_size: int,
    order: str,
    *,
    last_batch: str = "keep",
) -> float:
    r"""Return the expected loss gap at the ends of epochs after many of them, for small steps.

    With :math:`\Sigma` the covariance of the rows' gradients at the minimum, m batches in an
    epoch and :math:`\Gamma = \frac{\Sigma}{B} \frac{n - B}{n - 1}` that of a batch's gradient,

    .. math::

        \tfrac{\eta}{4B} \operatorname{tr} \Sigma, \qquad
        \tfrac{\eta^2 (m + 1)}{24} \operatorname{tr} H \Gamma, \qquad
        \tfrac{\eta^3 m (m + 1)}{48} \operatorname{tr} H \Gamma H

    with replacement, shuffled once (the mean over all orders) and reshuffled. Each is the
    leading term for :math:`\eta m \lambda_{\max} \ll 1`, with every batch's Hessian taken for
    that of all rows; the page *The theory of orders* derives them.

    Where :math:`B` does not divide n, a reshuffled epoch's gradients no longer cancel. What
    is left over is a share of the mean gradient of b random rows, :math:`1 - b/B` of it if the
    last batch is kept and :math:`b/B` if it is dropped; a share q adds
    :math:`\frac{\eta q^2}{4 m b} \frac{n - b}{n - 1} \operatorname{tr} \Sigma`.

    Parameters
    ----------
    objective : LeastSquares
    learning_rate : float
    batch_size : int
    order : {"with_replacement", "shuffle_once", "reshuffle"}
    last_batch : {"keep", "weigh", "drop"}
        As in `mbgd_lib.minibatches`; matters where `order` is "reshuffle".

    Returns
    -------
    float

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [1.0]], [0.0, 2.0], intercept=False)
    >>> noise_floor(objective, 0.1, 1, "with_replacement")  # 0.1 / 4, since H and Σ are 1
    0.025
    """
    learning_rate = positive_number("learning_rate", learning_rate)
    n = objective.n_rows
    batch_size = whole_number("batch_size", batch_size, 1, n)
    one_of("order", order, ("with_replacement", "shuffle_once", "reshuffle"))
    one_of("last_batch", last_batch, LAST_BATCHES)
    rest = n % batch_size
    if rest and order != "reshuffle":
        raise ValueError(
            f"batch_size must divide n = {n} where order is {order!r}, not be {batch_size}"
        )
    hessian = objective.hessian()
    covariance = gradient_covariance(objective, objective.solution())
    if order == "with_replacement":
        return float(learning_rate / (4 * batch_size) * np.trace(covariance))
    m = n / batch_size
    of_batch = covariance / batch_size * (n - batch_size) / max(1, n - 1)
    if order == "shuffle_once":
        return float(learning_rate**2 * (m + 1) / 24 * np.trace(hessian @ of_batch))
    floor = learning_rate**3 * m * (m + 1) / 48 * np.trace(hessian @ of_batch @ hessian)
    if rest:
        share = {"keep": 1 - rest / batch_size, "weigh": 0.0, "drop": rest / batch_size}[last_batch]
        in_epoch = n // batch_size + (last_batch == "keep")
        of_rest = np.trace(covariance) / rest * (n - rest) / (n - 1)
        floor += learning_rate * share**2 / (4 * in_epoch) * of_rest
    return float(floor)


def _with_ones(objective: LeastSquares) -> Array:
    """Return the features as floats, with the column of ones that no objective stores."""
    X = objective.X.astype(np.float64)
    return np.column_stack([np.ones(len(X)), X]) if objective.intercept else X


def through_buffer(rows: ArrayLike, size: int, seed: Any = None) -> Rows:
    """Return the order in which rows leave a shuffle buffer that they stream through.

    The buffer is filled with the first rows. Then one of its rows leaves at random, and the next
    row of the stream takes its place; at the end the rest leaves in random order. Loaders of data
    that do not fit into memory shuffle so.

    Parameters
    ----------
    rows : array_like of int, shape (n,)
        In the order of the stream.
    size : int
        Rows in the buffer. 1 keeps the order of the stream; as many as there are rows shuffle all.
    seed : int, Generator or None

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> through_buffer(range(6), 1)
    array([0, 1, 2, 3, 4, 5])
    >>> through_buffer(range(6), 2, seed=1)
    array([0, 1, 3, 4, 2, 5])
    """
    rows = np.asarray(rows)
    size = whole_number("size", size, 1)
    rng = generator("seed", seed)
    buffer = rows[:size].tolist()
    places = rng.integers(len(buffer), size=max(0, len(rows) - len(buffer)))
    left = []
    for place, row in zip(places.tolist(), rows[size:].tolist(), strict=True):
        left.append(buffer[place])
        buffer[place] = row
    return np.concatenate([np.array(left, dtype=np.intp), rng.permutation(buffer).astype(np.intp)])


def spread_classes(labels: ArrayLike, seed: Any = None) -> Rows:
    """Return a random order in which every stretch of rows holds all classes, in their shares.

    Each class is shuffled and dealt out evenly over the epoch, from a random start on. Batches cut
    from such an order are stratified, but for a row or so of each class.

    Parameters
    ----------
    labels : array_like of shape (n,)
    seed : int, Generator or None

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> labels = np.array([0, 0, 0, 0, 1, 1])
    >>> labels[spread_classes(labels, seed=0)].reshape(2, 3)
    array([[1, 0, 0],
           [1, 0, 0]])
    """
    labels = np.asarray(labels)
    rng = generator("seed", seed)
    places = np.empty(len(labels))
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        start = rng.random()
        places[rng.permutation(of_class)] = (np.arange(len(of_class)) + start) / len(of_class)
    return np.argsort(places)


def epochs_to_gap(
    objective: LeastSquares, weights: ArrayLike, gap: float, **settings: Any
) -> Array:
    r"""Return after how many epochs runs of least squares first come to a loss gap, with fractions.

    Parameters
    ----------
    objective : LeastSquares
    weights : array_like of shape (n_weights,)
        Where all runs start.
    gap : float
        The loss above its minimum to arrive at.
    **settings
        As in `gaps_of_runs`.

    Returns
    -------
    ndarray of shape (seeds,)
        Not a number where a run does not arrive.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [1.0]], [2.0, 2.0], intercept=False)  # gaps 2, 0.5, 0.125
    >>> epochs_to_gap(objective, [0.0], 0.2, learning_rate=0.5, batch_size=1, epochs=2, seeds=[0])
    array([1.])
    """
    gap = positive_number("gap", gap)
    gaps = gaps_of_runs(objective, weights, every_step=True, **settings)
    arrived = gaps <= gap
    in_epoch = (gaps.shape[1] - 1) / settings["epochs"]
    return np.where(arrived.any(axis=1), arrived.argmax(axis=1) / in_epoch, np.nan)
