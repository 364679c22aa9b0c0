"""The loop that the whole course is about."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import repeat
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib import _compiled
from mbgd_lib._arguments import (
    finite_array,
    function_or_none,
    interval,
    one_of,
    positive_number,
    share,
    whole_number,
)
from mbgd_lib.batches import Epoch, Rows, epochs_of_batches
from mbgd_lib.objectives import Array, Objective
from mbgd_lib.schedules import Schedule

Update = Callable[[Array, Array], None]
T = TypeVar("T")


@dataclass(eq=False)  # two runs hold arrays, which do not compare to one truth value
class Run:
    """What a run of `descend` leaves behind.

    Attributes
    ----------
    weights : ndarray
        The last weights.
    epoch_losses : ndarray of shape (epochs run + 1,)
        The loss over all rows at the start and after each epoch; empty with
        ``record_epoch_losses=False``.
    steps : int
        Number of updates made.
    stop_reason : str
        "epochs" when all epochs were run, "diverged" when the loss is no longer finite (the
        weights, where no loss is computed),
        "tolerance" when an epoch moved the weights by no more than that, "callback" when the
        callback said so.
    path : ndarray of shape (steps + 1, *weights.shape) or None
        The weights at the start and after each step, with ``record_path=True``.
    step_losses : ndarray of shape (steps,) or None
        The loss over each step's own batch, before the step, with ``record_step_losses=True``.
    average : ndarray or None
        The mean of the weights after each step since `average_from`; None if the run ended
        before.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> run = descend(LeastSquares([[1.0]], [2.0]), [0.0, 0.0], learning_rate=0.5, epochs=3)
    >>> run.epoch_losses, run.stop_reason
    (array([2., 0., 0., 0.]), 'epochs')
    """

    weights: Array
    epoch_losses: Array
    steps: int
    stop_reason: str
    path: Array | None = None
    step_losses: Array | None = None
    average: Array | None = None


class DivergenceError(ArithmeticError):
    """Raised by ``descend(…, on_divergence="raise")``; `run` holds the run so far.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> try:
    ...     descend(LeastSquares([[1.0]], [2.0]), [0.0, 0.0], learning_rate=9, epochs=999,
    ...             on_divergence="raise")
    ... except DivergenceError as error:
    ...     print(error.run.stop_reason)
    diverged
    """

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message)
        self.run = run

    def __reduce__(self) -> tuple[type, tuple[str, Run]]:
        """Keep the run when a process pool sends the error back."""
        return type(self), (str(self), self.run)


def descend(
    objective: Objective,
    weights: ArrayLike,
    *,
    learning_rate: float,
    batch_size: int | Callable[[int], int] | None = None,
    n_batches: int | None = None,
    epochs: int = 1,
    order: str = "reshuffle",
    seed: Any = None,
    schedule: Schedule | None = None,
    momentum: float = 0.0,
    bounds: tuple[float, float] | None = None,
    tolerance: float | None = None,
    callback: Callable[[int, Array, Any], object] | None = None,
    average_from: int | None = None,
    record_path: bool = False,
    record_step_losses: bool = False,
    record_epoch_losses: bool = True,
    progress: bool = False,
    on_divergence: str = "stop",
) -> Run:
    r"""Minimise `objective` by mini-batch gradient descent.

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
        as it stands, unshuffled and uncopied: this is batch gradient descent. (Where
        `batch_size` is a function, an epoch of one batch is shuffled all the same.)
    epochs : int
        How many times the data are gone through, at most; at least 1.
    schedule : callable, optional
        A function of the number of steps so far, whose result multiplies the learning rate:
        see `mbgd_lib.schedules`.
    momentum : float
        From 0 up to, not including, 1. The step goes along a velocity,
        :math:`v \leftarrow \mu v + g`, in place of the gradient :math:`g`.
    bounds : (float, float), optional
        Weights are clipped to these after each step.
    tolerance : float, optional
        The run ends when a whole epoch moves the weights by no more than this (Euclidean
        norm). A single batch's step says nothing: it may be short by chance.
    callback : callable, optional
        Called after each epoch with the epoch's number, counted from 1, the weights (read-only,
        and overwritten by the next step: copy what you keep) and the loss, if that is finite.
        The run ends if it returns something true. With ``record_epoch_losses=False`` the loss
        is None.
    average_from : int, optional
        Average the weights over all steps after this many epochs, fewer than `epochs`
        (Polyak and Juditsky 1992).
    record_path, record_step_losses : bool
        Whether to keep the weights after every step, and each step's batch loss.
    record_epoch_losses : bool
        Whether to compute the loss over all rows at the start and after each epoch. On large
        data it takes half as long as the epoch's steps.
    progress : bool
        Whether to show a bar that fills with the epochs. It needs tqdm.
    on_divergence : {"stop", "raise"}
        What to do when the loss after an epoch (or the weights, where no loss is computed) is
        not finite: end the run with the stop reason "diverged", or raise.

    Returns
    -------
    Run

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    DivergenceError
        If the loss is no longer finite and `on_divergence` is "raise".
    ImportError
        If `progress` is true and tqdm is not installed.

    Notes
    -----
    Where Numba is installed, long runs of small batches are compiled (``mbgd_lib/_compiled.py``).
    They end at the same weights, to rounding. A run with `schedule`, `momentum`, `bounds`,
    `average_from` or a record of its steps always takes the loop below.

    Besides its objective, a run holds the order of the rows (8 bytes for each, and 8 for each
    batch), work arrays of some hundred rows and a few copies of the weights. NumPy's warnings
    of overflow are silenced during a run, those of the objective too.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> run = descend(objective, [0.0, 0.0], learning_rate=0.4, batch_size=2, epochs=60, seed=0)
    >>> run.weights.round(4), run.steps, run.stop_reason
    (array([1., 2.]), 120, 'epochs')
    """
    _require_objective(objective)
    # A copy, column by column: the weights of one class lie together, as the products read them.
    weights = np.array(finite_array("weights", weights, ndim=None), order="F")
    learning_rate = positive_number("learning_rate", learning_rate)
    epochs = whole_number("epochs", epochs, 1)
    tolerance = None if tolerance is None else positive_number("tolerance", tolerance)
    function_or_none("callback", callback)
    one_of("on_divergence", on_divergence, ("stop", "raise"))
    if average_from is not None:
        average_from = whole_number("average_from", average_from, 0, epochs - 1)
    passes = _passes(objective, batch_size, n_batches, order, epochs, seed)
    if progress:
        passes = _with_progress_bar(passes, epochs)
    update = _update_rule(learning_rate, schedule, momentum, bounds)
    record = _Recorder(weights, record_epoch_losses, record_path, record_step_losses, average_from)
    plain = schedule is None and momentum == 0 and bounds is None and record.only_epochs
    stop_reason = "epochs"

    # A run that diverges overflows; the stop reason says so, a warning would add nothing.
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        record.epoch_loss(objective, weights)
        for epoch, batches in enumerate(passes, start=1):
            weights_before = weights.copy()
            if plain and _compiled.pays(objective, weights, batches, epochs):
                record.steps += _compiled.make_steps(objective, weights, batches, learning_rate)
            else:
                for rows in batches:
                    record.before_step(objective, weights, rows)
                    update(weights, objective.gradient(weights, rows))
                    record.after_step(weights, epoch)
            loss = record.epoch_loss(objective, weights)
            if not np.isfinite(weights if loss is None else loss).all():
                stop_reason = "diverged"
            elif callback is not None and callback(epoch, _read_only(weights), loss):
                stop_reason = "callback"
            elif tolerance is not None and _distance(weights, weights_before) <= tolerance:
                stop_reason = "tolerance"
            if stop_reason != "epochs":
                break

    run = record.run(weights, stop_reason)
    if stop_reason == "diverged" and on_divergence == "raise":
        raise DivergenceError(_how_it_diverged(run, epoch, learning_rate), run)
    return run


def _require_objective(objective: Any) -> None:
    asked = ("n_rows", "value", "gradient")
    if isinstance(objective, type) or not all(hasattr(objective, name) for name in asked):
        raise TypeError(f"objective must have {', '.join(asked)}, which {objective!r} has not")
    whole_number("objective.n_rows", objective.n_rows, 1)


def _passes(
    objective: Objective,
    batch_size: int | Callable[[int], int] | None,
    n_batches: int | None,
    order: str,
    epochs: int,
    seed: Any,
) -> Iterable[Epoch | list[None]]:
    """Return the epochs' batches."""
    n = objective.n_rows
    passes = epochs_of_batches(
        n, batch_size, n_batches=n_batches, order=order, epochs=epochs, seed=seed
    )
    if batch_size in (None, n) and n_batches in (None, 1) and order != "with_replacement":
        # One batch of all rows: rows=None spares the shuffle and the copy.
        return repeat([None], epochs)
    return passes


def _with_progress_bar(passes: Iterable[T], epochs: int) -> Iterable[T]:
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from error
    return tqdm(passes, total=epochs, unit="epoch")


def _read_only(weights: Array) -> Array:
    view = weights.view()
    view.flags.writeable = False
    return view


def _how_it_diverged(run: Run, epoch: int, learning_rate: float) -> str:
    if len(run.epoch_losses) > 0 and not np.isfinite(run.epoch_losses[0]):
        return f"the loss is {run.epoch_losses[0]} at the starting weights"
    what = "loss" if len(run.epoch_losses) > 0 else "weights"
    return (
        f"the {what} overflowed in epoch {epoch} at learning_rate={learning_rate}; "
        "try a smaller one"
    )


def _distance(weights: Array, others: Array) -> float:
    return float(np.linalg.norm(weights - others))


def _update_rule(
    learning_rate: float,
    schedule: Schedule | None,
    momentum: float,
    bounds: tuple[float, float] | None,
) -> Update:
    """Return the function that makes one step, in place."""
    momentum = share("momentum", momentum)
    function_or_none("schedule", schedule)
    low, high = (-np.inf, np.inf) if bounds is None else interval("bounds", bounds)
    velocity: Array | None = None
    step = 0

    def update(weights: Array, gradient: Array) -> None:
        nonlocal velocity, step
        if np.shape(gradient) != weights.shape:
            raise ValueError(
                f"the objective's gradient must have the weights' shape {weights.shape}, "
                f"not {np.shape(gradient)}"
            )
        if momentum > 0:
            # A copy: an objective may return an array that it, or the next step, writes to.
            velocity = np.array(gradient) if velocity is None else momentum * velocity + gradient
            gradient = velocity
        factor = 1.0 if schedule is None else _factor(schedule(step), step)
        weights -= learning_rate * factor * gradient
        if bounds is not None:
            np.clip(weights, low, high, out=weights)
        step += 1

    return update


def _factor(value: Any, step: int) -> float:
    if not isinstance(value, Real) or not 0 <= float(value) < np.inf:
        raise ValueError(
            f"schedule must return a finite number at least 0, not {value!r} as for step {step}"
        )
    return float(value)


class _Recorder:
    """Keeps what was asked for of a run, outside the loop."""

    def __init__(
        self,
        weights: Array,
        epoch_losses: bool,
        path: bool,
        step_losses: bool,
        average_from: int | None,
    ) -> None:
        self.epoch_losses: list[float] | None = [] if epoch_losses else None
        self.path = [weights.copy()] if path else None
        self.step_losses: list[float] | None = [] if step_losses else None
        self.average_from = average_from
        self.average: Array | None = None
        self.averaged = 0
        self.steps = 0

    @property
    def only_epochs(self) -> bool:
        """Whether nothing is asked for of single steps."""
        return self.path is None and self.step_losses is None and self.average_from is None

    def before_step(self, objective: Objective, weights: Array, rows: Rows | None) -> None:
        if self.step_losses is not None:
            self.step_losses.append(float(objective.value(weights, rows)))

    def after_step(self, weights: Array, epoch: int) -> None:
        self.steps += 1
        if self.path is not None:
            self.path.append(weights.copy())
        if self.average_from is not None and epoch > self.average_from:
            if self.average is None:
                self.average = np.zeros_like(weights)
            self.averaged += 1
            self.average += (weights - self.average) / self.averaged

    def epoch_loss(self, objective: Objective, weights: Array) -> float | None:
        """Return the loss over all rows, if it is asked for."""
        if self.epoch_losses is None:
            return None
        self.epoch_losses.append(float(objective.value(weights)))
        return self.epoch_losses[-1]

    def run(self, weights: Array, stop_reason: str) -> Run:
        return Run(
            weights=weights,
            epoch_losses=np.array(self.epoch_losses or []),
            steps=self.steps,
            stop_reason=stop_reason,
            path=None if self.path is None else np.array(self.path),
            step_losses=None if self.step_losses is None else np.array(self.step_losses),
            average=self.average,
        )
