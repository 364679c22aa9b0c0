"""Whole runs of the loop: records of it, reasons to stop, averages.

`descend` adds nothing to the steps that `mbgd_lib.steps` makes; it only looks at them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib import _compiled
from mbgd_lib._arguments import function_or_none, one_of, positive_number, whole_number
from mbgd_lib.batches import Batching, BatchSize
from mbgd_lib.loop import Loop, State, Step
from mbgd_lib.loop import steps as make_loop
from mbgd_lib.objectives import Array, Objective
from mbgd_lib.schedules import Schedule
from mbgd_lib.updates import Update


@dataclass(eq=False)  # two runs hold arrays, which do not compare to one truth value
class Run:
    """What a run of `descend` leaves behind.

    With `seeds`, every array has a first entry for each run.

    Attributes
    ----------
    weights : ndarray
        The last weights.
    epoch_losses : ndarray of shape (epochs ended + 1,)
        The loss over all rows at the start and after each epoch; empty with
        ``record_epoch_losses=False``.
    steps : int
        Number of updates made.
    stop_reason : str
        "epochs" or "steps" when all were made, "diverged" when the loss is no longer finite (the
        weights, where no loss is computed; all of them, of several runs), "tolerance" when an
        epoch moved the weights by no more than that, "callback" when a callback said so.
    state : State
        To go on from: give it to `steps` or `descend` in place of weights.
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
    state: State
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
    weights: ArrayLike | State,
    *,
    learning_rate: float,
    batch_size: BatchSize = None,
    n_batches: int | None = None,
    order: str = "reshuffle",
    last_batch: str = "keep",
    epochs: int | None = None,
    steps: int | None = None,
    seed: Any = None,
    seeds: Sequence[Any] | None = None,
    update: Update | None = None,
    schedule: Schedule | None = None,
    bounds: tuple[float, float] | None = None,
    tolerance: float | None = None,
    callback: Callable[[int, Array, Any], object] | None = None,
    step_callback: Callable[[Step], object] | None = None,
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
    objective, weights, learning_rate, batch_size, n_batches, order, last_batch
        As in `mbgd_lib.steps`.
    seed, seeds, update, schedule, bounds
        As in `mbgd_lib.steps`.
    epochs : int, optional
        How many times the data are gone through, at most; at least 1, and 1 where `steps` is not
        given either. The rest of an epoch that a state has begun counts as one.
    steps : int, optional
        In place of `epochs`: how many steps are made, at most, also in the middle of an epoch.
    tolerance : float, optional
        The run ends when a whole epoch moves the weights by no more than this (Euclidean norm; of
        several runs, the one that moves most). A single batch's step says nothing: it may be
        short by chance.
    callback : callable, optional
        Called after each epoch with the epoch's number, counted from 1, the weights (read-only)
        and the loss, if that is finite. The run ends if it returns something true. With
        ``record_epoch_losses=False`` the loss is None.
    step_callback : callable, optional
        Called after each step with the `Step`. The run ends if it returns something true.
    average_from : int, optional
        Average the weights over all steps after this many epochs, fewer than `epochs`
        (Polyak and Juditsky 1992).
    record_path, record_step_losses : bool
        Whether to keep the weights after every step, and each step's batch loss.
    record_epoch_losses : bool
        Whether to compute the loss over all rows at the start and after each epoch. On large
        data it takes half as long as the epoch's steps.
    progress : bool
        Whether to show a bar that fills with the epochs, or steps. It needs tqdm.
    on_divergence : {"stop", "raise"}
        What to do when the loss after an epoch (or the weights, where no loss is computed) is
        not finite: end the run with the stop reason "diverged", or raise. Several runs end when
        all have diverged, and raise when one has.

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
    They end at the same weights, to rounding. A run that asks for more than plain steps and the
    losses of epochs always takes `steps`.

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

    Three runs side by side, each with an order of its own:

    >>> runs = descend(objective, [0.0, 0.0], learning_rate=0.4, batch_size=1, steps=5,
    ...                seeds=[0, 1, 2])
    >>> runs.weights.shape
    (3, 2)
    """
    loop = make_loop(
        objective,
        weights,
        learning_rate=learning_rate,
        batch_size=batch_size,
        n_batches=n_batches,
        order=order,
        last_batch=last_batch,
        seed=seed,
        seeds=seeds,
        update=update,
        schedule=schedule,
        bounds=bounds,
    )
    epochs, steps = _length(epochs, steps)
    _check_sizes(batch_size, n_batches, objective.n_rows, loop.state.epoch, epochs)
    tolerance = None if tolerance is None else positive_number("tolerance", tolerance)
    function_or_none("callback", callback)
    function_or_none("step_callback", step_callback)
    one_of("on_divergence", on_divergence, ("stop", "raise"))
    if average_from is not None:
        most = None if epochs is None else epochs - 1
        average_from = whole_number("average_from", average_from, 0, most)
    record = _Record(loop, record_epoch_losses, record_path, record_step_losses, average_from)
    only_epochs = record.only_epochs and step_callback is None and steps is None
    last_step = None if steps is None else loop.state.number + steps
    bar = _progress_bar(epochs, steps) if progress else None
    stop_reason = ""

    # A run that diverges overflows; the stop reason says so, a warning would add nothing.
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        record.loss_of_epoch()
        while not stop_reason:
            before, made = loop.state.weights, loop.state.number
            if not (only_epochs and _compiled.make_epoch(loop, epochs)):
                stop_reason = _make_epoch(loop, record, step_callback, last_step)
            ended, weights_now = loop.state.epoch_is_over, loop.state.weights
            loss = record.loss_of_epoch() if ended else None
            if _diverged(loop, weights_now if loss is None else loss, on_divergence):
                stop_reason = "diverged"
            elif ended:
                record.epochs += 1
                reasons = {
                    "callback": _said("callback", callback, loop.state.epoch, weights_now, loss),
                    "tolerance": tolerance is not None and _distance(loop, before) <= tolerance,
                    "epochs": record.epochs == epochs,
                }
                stop_reason = stop_reason or next(filter(reasons.get, reasons), "")
            if bar is not None:
                bar.update(1 if steps is None else loop.state.number - made)
    if bar is not None:
        bar.close()

    run = record.run(stop_reason)
    if stop_reason == "diverged" and on_divergence == "raise":
        raise DivergenceError(_how_it_diverged(run, learning_rate), run)
    return run


def _length(epochs: int | None, steps: int | None) -> tuple[int | None, int | None]:
    """Return how many epochs, or else how many steps, a run has at most."""
    if epochs is not None and steps is not None:
        raise ValueError(f"give epochs or steps, not both: epochs={epochs}, steps={steps}")
    if steps is not None:
        return None, whole_number("steps", steps, 1)
    return whole_number("epochs", 1 if epochs is None else epochs, 1), None


def _check_sizes(
    batch_size: BatchSize, n_batches: int | None, n: int, first: int, epochs: int | None
) -> None:
    """Refuse a bad size from a function now, not in mid-run, where the epochs are known."""
    if callable(batch_size):
        for epoch in range(first, first + (epochs or 1)):
            Batching(n, batch_size(epoch), n_batches)


def _make_epoch(
    loop: Loop,
    record: "_Record",
    step_callback: Callable[[Step], object] | None,
    last_step: int | None,
) -> str:
    """Make steps to the end of the epoch; say why the run ends with one of them, if it does."""
    for step in loop:
        record.step(step)
        if _said("step_callback", step_callback, step):
            return "callback"
        if step.number == last_step:
            return "steps"
        if step.ends_epoch:
            break
    return ""


def _said(name: str, callback: Callable[..., object] | None, *given: Any) -> bool:
    """Call a callback and return whether it ends the run."""
    answer = None if callback is None else callback(*given)
    try:
        return bool(answer)
    except ValueError:  # of several truth values
        raise TypeError(f"{name} must return something true or false, not {answer!r}") from None


def _of_each_run(loop: Loop, values: Any) -> Array:
    """Return an array as one line for each run."""
    return np.reshape(values, (len(loop.state.generators), -1))


def _diverged(loop: Loop, values: Any, on_divergence: str) -> bool:
    finite = np.isfinite(_of_each_run(loop, values)).all(axis=1)
    return not (finite.all() if on_divergence == "raise" else finite.any())


def _distance(loop: Loop, before: Array) -> float:
    """Return how far the run moved; of several runs, the one that moved most."""
    moved = _of_each_run(loop, loop.state.weights - before)
    return float(np.linalg.norm(moved, axis=1).max())


def _progress_bar(epochs: int | None, steps: int | None) -> Any:
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install tqdm") from error
    return tqdm(total=steps or epochs, unit="step" if steps else "epoch")


def _how_it_diverged(run: Run, learning_rate: float) -> str:
    losses = run.epoch_losses
    if losses.size > 0 and not np.isfinite(losses[..., 0]).all():
        return f"the loss is {losses[..., 0]} at the starting weights"
    what = "loss" if losses.size > 0 else "weights"
    last = losses[..., -1] if losses.size > 0 else run.weights
    where = f"in epoch {run.state.epoch} at learning_rate={learning_rate}"
    if np.isnan(last).any():
        return (
            f"the {what} became NaN {where}: either the steps are too long, and a smaller one "
            "helps, or the objective has no value there"
        )
    return f"the {what} overflowed {where}; try a smaller one"


class _Record:
    """Keeps what was asked for of a run, outside the loop."""

    def __init__(
        self,
        loop: Loop,
        epoch_losses: bool,
        path: bool,
        step_losses: bool,
        average_from: int | None,
    ) -> None:
        self.loop = loop
        self.first = loop.state.number
        self.epochs = 0
        self.epoch_losses: list[Any] | None = [] if epoch_losses else None
        self.path = [loop.state.weights] if path else None
        self.step_losses: list[Any] | None = [] if step_losses else None
        self.average_from = average_from
        self.average: Array | None = None
        self.averaged = 0

    @property
    def only_epochs(self) -> bool:
        """Whether nothing is asked for of single steps."""
        return self.path is None and self.step_losses is None and self.average_from is None

    def step(self, step: Step) -> None:
        if self.path is not None:
            self.path.append(step.weights)
        if self.step_losses is not None:
            self.step_losses.append(step.batch_loss())
        if self.average_from is not None and self.epochs >= self.average_from:
            if self.average is None:
                self.average = np.zeros_like(step.weights)
            self.averaged += 1
            self.average += (step.weights - self.average) / self.averaged

    def loss_of_epoch(self) -> Any:
        """Return the loss over all rows, if it is asked for."""
        if self.epoch_losses is None:
            return None
        self.epoch_losses.append(self.loop.loss(self.loop.state.weights))
        return self.epoch_losses[-1]

    def run(self, stop_reason: str) -> Run:
        state = self.loop.state
        return Run(
            weights=state.weights.copy(order="K"),
            epoch_losses=self._runs_first(self.epoch_losses or []),
            steps=state.number - self.first,
            stop_reason=stop_reason,
            state=state.copy(),
            path=None if self.path is None else self._runs_first(self.path),
            step_losses=None if self.step_losses is None else self._runs_first(self.step_losses),
            average=self.average,
        )

    def _runs_first(self, kept: list[Any]) -> Array:
        """Return what was kept, one entry after the other, as an array: of each run, if several."""
        array = np.array(kept)
        return np.moveaxis(array, 0, 1) if self.loop.state.side_by_side and kept else array
