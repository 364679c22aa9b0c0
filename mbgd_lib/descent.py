"""The loop that the whole course is about."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import finite_array, one_of, positive_number, whole_number
from mbgd_lib.batches import Rows, batch_edges, minibatches
from mbgd_lib.objectives import Array, Objective


@dataclass(eq=False)  # arrays have no single truth value: a run equals itself alone
class Run:
    """What a run of `descend` leaves behind.

    Attributes
    ----------
    weights : ndarray
        The last weights.
    epoch_losses : ndarray of shape (epochs run + 1,)
        The loss over all rows at the start and after each epoch.
    steps : int
        Number of updates made.
    stop_reason : str
        "epochs" when all epochs were run, "diverged" when the loss overflowed.
    path : ndarray of shape (steps + 1, *weights.shape) or None
        The weights at the start and after each step, with ``record_path=True``.
    step_losses : ndarray of shape (steps,) or None
        The loss over each step's own batch, before the step, with ``record_step_losses=True``.
    """

    weights: Array
    epoch_losses: Array
    steps: int
    stop_reason: str
    path: Array | None = None
    step_losses: Array | None = None


class DivergenceError(ArithmeticError):
    """Raised by ``descend(…, on_divergence="raise")``; `run` holds the run so far."""

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run


def descend(
    objective: Objective,
    weights: ArrayLike,
    *,
    learning_rate: float,
    batch_size: int | None = None,
    n_batches: int | None = None,
    epochs: int = 1,
    order: str = "reshuffle",
    seed: Any = None,
    record_path: bool = False,
    record_step_losses: bool = False,
    on_divergence: str = "stop",
) -> Run:
    """Minimise `objective` by mini-batch gradient descent.

    Parameters
    ----------
    objective : Objective
        What to minimise, `LeastSquares` for example.
    weights : array_like
        Where to start. They are copied, not changed.
    learning_rate : float
        The step is this number times the gradient of the batch's **mean** loss.
    batch_size, n_batches, order, seed
        How each epoch is cut into batches: see `minibatches`. A batch of all rows is taken
        as it stands, unshuffled and uncopied: this is batch gradient descent.
    epochs : int
        How many times the data are gone through, at least 1.
    record_path, record_step_losses : bool
        Whether to keep the weights after every step, and each step's batch loss.
    on_divergence : {"stop", "raise"}
        What to do when the loss after an epoch is not finite: end the run with the stop
        reason "diverged", or raise.

    Returns
    -------
    Run

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    DivergenceError
        If the loss overflows and `on_divergence` is "raise".

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> run = descend(objective, [0.0, 0.0], learning_rate=0.4, batch_size=2, epochs=60, seed=0)
    >>> run.weights.round(4), run.steps, run.stop_reason
    (array([1., 2.]), 120, 'epochs')
    """
    weights = np.array(finite_array("weights", weights, ndim=np.ndim(weights)))
    learning_rate = positive_number("learning_rate", learning_rate)
    epochs = whole_number("epochs", epochs, 1)
    one_of("on_divergence", on_divergence, ("stop", "raise"))
    batches: Iterator[Rows | None] = minibatches(
        objective.n_rows, batch_size, n_batches=n_batches, order=order, epochs=epochs, seed=seed
    )
    steps_per_epoch = len(batch_edges(objective.n_rows, batch_size, n_batches)) - 1
    if steps_per_epoch == 1 and order != "with_replacement":
        # One batch of all rows: rows=None spares the shuffle and the copy.
        batches = repeat(None)

    path = [weights.copy()]
    step_losses = []
    steps = 0
    stop_reason = "epochs"
    # A run that diverges overflows; the stop reason says so, a warning would add nothing.
    with np.errstate(over="ignore", invalid="ignore"):
        epoch_losses = [objective.value(weights)]
        for _ in range(epochs):
            for rows in islice(batches, steps_per_epoch):
                if record_step_losses:
                    step_losses.append(objective.value(weights, rows))
                weights -= learning_rate * objective.gradient(weights, rows)
                steps += 1
                if record_path:
                    path.append(weights.copy())
            epoch_losses.append(objective.value(weights))
            if not np.isfinite(epoch_losses[-1]):
                stop_reason = "diverged"
                break

    run = Run(
        weights=weights,
        epoch_losses=np.array(epoch_losses),
        steps=steps,
        stop_reason=stop_reason,
        path=np.array(path) if record_path else None,
        step_losses=np.array(step_losses) if record_step_losses else None,
    )
    if stop_reason == "diverged" and on_divergence == "raise":
        raise DivergenceError(
            f"the loss overflowed in epoch {len(epoch_losses) - 1} at learning_rate="
            f"{learning_rate}; try a smaller one",
            run,
        )
    return run
