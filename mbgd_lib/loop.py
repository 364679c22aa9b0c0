"""The loop that the whole course is about, one step at a time.

Everything here that trains anything, trains with it.
"""

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mbgd_lib._arguments import (
    finite_array,
    function_or_none,
    generator,
    interval,
    like_weights,
    one_number,
    positive_number,
    whole_number,
)
from mbgd_lib.batches import Batching, BatchSize, Epoch, Rows
from mbgd_lib.objectives import Array, Objective
from mbgd_lib.schedules import Schedule, check_schedule, factor_of
from mbgd_lib.updates import Update, plain


@dataclass(eq=False)  # two of them hold arrays, which do not compare to one truth value
class State:
    """Where a run stands: with the settings of the run, all that its next step depends on.

    It can be kept, pickled, and given to `steps` or `descend` in place of starting weights, any
    number of times.

    Attributes
    ----------
    weights : ndarray
        Read-only. Of several runs side by side, a first entry for each.
    generators : tuple of numpy.random.Generator
        Where the orders of later epochs come from, one for each run.
    update : callable
        The rule of the steps, with its memory.
    number : int
        Steps made so far.
    epoch : int
        The epoch of the last step, counted from 1; 0 before the first.
    batch : int
        Batches of that epoch that are done.
    batches : Epoch or None
        The order of that epoch's rows and its cut; None before the first epoch. Where each batch
        is all rows as they stand, there is no order.
    order : str
        The kind of order that the epoch's rows have; see `minibatches`.
    side_by_side : bool
        Whether the arrays have a first dimension with an entry for each of several runs.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> step = next(steps(objective, [0.0, 0.0], learning_rate=0.1, batch_size=1, seed=0))
    >>> step.state.number, step.state.epoch, step.state.batch
    (1, 1, 1)
    """

    weights: Array
    generators: tuple[np.random.Generator, ...]
    update: Update
    number: int = 0
    epoch: int = 0
    batch: int = 0
    batches: Epoch | None = None
    order: str = ""
    side_by_side: bool = False

    @property
    def epoch_is_over(self) -> bool:
        """Whether the next step begins an epoch."""
        return self.batches is None or self.batch == len(self.batches)

    def copy(self) -> "State":
        """Return a state that stays as it is when this one goes on.

        Returns
        -------
        State
        """
        # Weights and orders are never written to; generators and rules change as they are used.
        return replace(
            self, generators=copy.deepcopy(self.generators), update=copy.deepcopy(self.update)
        )


@dataclass(eq=False, slots=True)  # frozen, it would take longer to make than a step
class Step:
    """One step of `steps`, as it was made.

    Attributes
    ----------
    number : int
        Counted from 1.
    epoch : int
        Counted from 1.
    rows : ndarray of int or None
        The batch; of several runs, a line for each. None is all rows.
    learning_rate : float
        The rate of this step: the schedule and a weighed last batch are in it.
    before, weights : ndarray
        The weights before and after the step, read-only. They stay as they are.
    ends_epoch : bool
        Whether it was the last step of its epoch.
    seconds : float
        On the clock, since the loop was made.
    loop : Loop
        That it is a step of.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[1.0], [1.0]], [2.0, 2.0])
    >>> step = next(steps(objective, [0.0, 0.0], learning_rate=0.5))
    >>> step.number, step.weights, step.loss()
    (1, array([1., 1.]), 0.0)
    """

    number: int
    epoch: int
    rows: Rows | None
    learning_rate: float
    before: Array
    weights: Array
    ends_epoch: bool
    seconds: float
    loop: "Loop"

    def loss(self) -> Any:
        """Return the loss over all rows after the step; of several runs, an array of losses.

        Returns
        -------
        float or ndarray of shape (runs,)
        """
        return self.loop.loss(self.weights)

    def batch_loss(self) -> Any:
        """Return the loss over the batch before the step; of several runs, an array of losses.

        Returns
        -------
        float or ndarray of shape (runs,)
        """
        return self.loop.loss(self.before, self.rows)

    @property
    def state(self) -> State:
        """Where the run stands after this step, to go on from later; not after the next step."""
        if self.loop.state.number != self.number:
            raise RuntimeError(
                f"the state after step {self.number} is gone: ask for it before the next step, "
                f"not after step {self.loop.state.number}"
            )
        return self.loop.state.copy()


@dataclass(eq=False)
class Loop(Iterator[Step]):
    """What `steps` returns: an iterator without an end, each ``next`` of which makes a step.

    It can be pickled with its objective and goes on where it stood.

    Attributes
    ----------
    objective : Objective
    state : State
        Where the run stands now.
    batching : Batching
    learning_rate : float
        Before the schedule and a weighed last batch.
    schedule : callable or None
    bounds : (float, float) or None
    began : float
        The clock when the loop was made.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> loop = steps(objective, [0.0, 0.0], learning_rate=0.4, batch_size=2, seed=0)
    >>> [next(loop).epoch for _ in range(5)]
    [1, 1, 2, 2, 3]
    """

    objective: Objective
    state: State
    batching: Batching
    learning_rate: float
    schedule: Schedule | None
    bounds: tuple[float, float] | None
    began: float = field(default_factory=time.perf_counter)

    def __next__(self) -> Step:
        """Make a step and return it."""
        state = self.state
        if state.epoch_is_over:
            self.begin_epoch()
        assert state.batches is not None
        rows = state.batches[state.batch] if state.batches.rows.size > 0 else None
        rate = self._rate(state.batches)
        before = state.weights
        after = self._clipped(state.update(before, self._gradient(before, rows), rate))
        self.have_made(1, after)
        seconds = time.perf_counter() - self.began
        over = state.epoch_is_over
        return Step(state.number, state.epoch, rows, rate, before, after, over, seconds, self)

    def begin_epoch(self) -> None:
        """Draw the order of the next epoch's rows, for each run, and cut it into batches."""
        state = self.state
        edges = self.batching.edges(state.epoch)
        if self.batching.takes_all_rows:
            orders = np.arange(0)  # all rows as they stand: nothing is drawn
        else:
            orders = self._orders(None if state.batches is None else state.batches.rows)
        state.epoch, state.batch, state.batches = state.epoch + 1, 0, Epoch(orders, edges)
        state.order = self.batching.order

    def _orders(self, before: Rows | None) -> Rows:
        same = self.state.order == self.batching.order
        if before is not None and (before.shape[-1] != self.batching.n or not same):
            before = None  # an order of another kind, of other rows, or of all as they stand
        if not self.state.side_by_side:
            return self.batching.next_order(self.state.generators[0], before)
        orders: dict[int, Rows] = {}  # runs of equal seeds share a generator and its orders
        for run, rng in enumerate(self.state.generators):
            if id(rng) not in orders:
                previous = None if before is None else before[run]
                orders[id(rng)] = self.batching.next_order(rng, previous)
        return np.array([orders[id(rng)] for rng in self.state.generators])

    def have_made(self, steps: int, weights: Array) -> None:
        """Take note of steps of one epoch.

        Parameters
        ----------
        steps : int
            How many were made.
        weights : ndarray
            Where they led; becomes read-only.
        """
        weights.flags.writeable = False  # what a step has shown stays as it was
        self.state.weights = weights
        self.state.number += steps
        self.state.batch += steps

    def loss(self, weights: Array, rows: Rows | None = None) -> Any:
        """Return the loss over some rows, or over all; of several runs, an array of losses.

        Parameters
        ----------
        weights : ndarray
        rows : ndarray of int, optional

        Returns
        -------
        float or ndarray of shape (runs,)
        """
        if self.state.side_by_side:
            return self.objective.values(weights, rows)  # type: ignore[attr-defined]
        return one_number("the objective's value", self.objective.value(weights, rows))

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the learning rate and the batch decides on a step."""
        weighs = self.batching.last_batch == "weigh"
        changes = weighs or self.schedule is not None or self.bounds is not None
        return self.state.update is plain and not changes and not self.state.side_by_side

    def _gradient(self, weights: Array, rows: Rows | None) -> Array:
        if self.state.side_by_side:
            return self.objective.gradients(weights, rows)  # type: ignore[attr-defined]
        given = self.objective.gradient(weights, rows)
        return like_weights("the objective's gradient", given, weights.shape)

    def _rate(self, batches: Epoch) -> float:
        """Return the rate of the next step."""
        number, rate = self.state.number, self.learning_rate
        if self.schedule is not None:
            rate *= factor_of(self.schedule, number)
        if self.batching.last_batch == "weigh":
            rate *= batches.share(self.state.batch)
        return rate

    def _clipped(self, weights: Array) -> Array:
        """Return what a rule gave, within the bounds and in the type of the weights before."""
        was = self.state.weights
        weights = like_weights("what update returns", weights, was.shape)
        if weights.dtype != was.dtype:
            weights = weights.astype(was.dtype)
        return weights if self.bounds is None else np.clip(weights, *self.bounds)


def steps(
    objective: Objective,
    weights: ArrayLike | State,
    *,
    learning_rate: float,
    batch_size: BatchSize = None,
    n_batches: int | None = None,
    order: str = "reshuffle",
    last_batch: str = "keep",
    seed: Any = None,
    seeds: Sequence[Any] | None = None,
    update: Update | None = None,
    schedule: Schedule | None = None,
    bounds: tuple[float, float] | None = None,
) -> Loop:
    r"""Return the steps of mini-batch gradient descent, one after the other, without an end.

    Stop when you like; look at the weights and the loss after any step; go on later with the
    same loop, or from ``step.state`` with another one.

    Parameters
    ----------
    objective : Objective
        What to minimise, `LeastSquares` for example.
    weights : array_like or State
        Where to start: weights, which are copied, or the state of another run, which is gone on
        with: the rest of its epoch first, then epochs cut as said here.
    learning_rate : float
        The step is this number times the gradient of the batch's **mean** loss, or what `update`
        makes of both.
    batch_size, n_batches, order, last_batch
        How each epoch is cut into batches: see `minibatches`. A batch of all rows is taken as it
        stands, unshuffled and uncopied: this is batch gradient descent. (Where `batch_size` is a
        function, an epoch of one batch is shuffled all the same.)
    seed : int, numpy.random.Generator or None
        Of the orders of the rows. A state brings its own.
    seeds : sequence, optional
        In place of `seed`: as many runs side by side, each that of its seed alone, to rounding,
        in a fraction of their time. Starting weights are the same for all or have a first entry
        for each. The objective needs the methods ``values`` and ``gradients``, as linear models
        and landscapes have them.
    update : callable, optional
        What a step does with a gradient: see `mbgd_lib.updates`. It is copied. Without it a step
        goes along the gradient; a state goes on with its own.
    schedule : callable, optional
        A function of the number of steps so far, whose result multiplies the learning rate:
        see `mbgd_lib.schedules`.
    bounds : (float, float), optional
        Weights are clipped to these after each step.

    Returns
    -------
    Loop
        An iterator of `Step`.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed; at the call, before the first step.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> settings = dict(learning_rate=0.2, batch_size=1)
    >>> for step in steps(objective, [0.0, 0.0], seed=2, **settings):
    ...     print(step.epoch, step.rows, step.weights.round(2))
    ...     if step.number == 2:
    ...         break
    1 [2] [1. 2.]
    1 [0] [1. 2.]

    The same rows come next in whatever goes on from there:

    >>> saved = step.state
    >>> next(steps(objective, saved, **settings)).rows
    array([1])
    """
    require_objective(objective)
    batching = Batching(objective.n_rows, batch_size, n_batches, order, last_batch)
    learning_rate = positive_number("learning_rate", learning_rate)
    bounds = None if bounds is None else interval("bounds", bounds)
    check_schedule(schedule)
    function_or_none("update", update)
    if isinstance(update, type):
        raise TypeError(f"update must be made first, {update.__name__}(…), not be a class")
    if isinstance(weights, State):
        state = _continued(weights, objective, update, seed, seeds)
    else:
        state = _begun(weights, objective, update, seed, seeds)
    return Loop(objective, state, batching, learning_rate, schedule, bounds)


def require_objective(objective: Any) -> None:
    """Refuse what has not what `steps` asks of an objective.

    Parameters
    ----------
    objective : Objective

    Raises
    ------
    TypeError, ValueError

    Examples
    --------
    >>> from mbgd_lib import Saddle
    >>> require_objective(Saddle())
    """
    asked = ("n_rows", "value", "gradient")
    if isinstance(objective, type):
        raise TypeError(f"objective must be made first, {objective.__name__}(…), not be a class")
    missing = [name for name in asked if not hasattr(objective, name)]
    if missing:
        raise TypeError(f"objective must have {', '.join(missing)}, which {objective!r} has not")
    whole_number("objective.n_rows", objective.n_rows, 1)


def _begun(
    weights: ArrayLike,
    objective: Objective,
    update: Update | None,
    seed: Any,
    seeds: Sequence[Any] | None,
) -> State:
    """Return the state before the first step."""
    start = finite_array("weights", weights, ndim=None)
    if seeds is None:
        # A copy, column by column: the weights of a class lie together, as the products read them.
        start = np.array(start, order="F")
        generators: tuple[np.random.Generator, ...] = (generator("seed", seed),)
    else:
        if seed is not None:
            raise ValueError(f"give seed or seeds, not both: seed={seed!r}, seeds={seeds!r}")
        generators = _generators(seeds)
        start = _start_of_each(start, objective, len(generators))
    start.flags.writeable = False
    rule = plain if update is None else copy.deepcopy(update)
    return State(start, generators, rule, side_by_side=seeds is not None)


def _continued(
    given: State, objective: Objective, update: Update | None, seed: Any, seeds: Any
) -> State:
    """Return a copy of a state that goes on with this objective."""
    if seed is not None or seeds is not None:
        raise ValueError("seed and seeds must be left out: the state goes on with its own")
    if given.side_by_side:
        _require_side_by_side(objective)
    state = given.copy()
    rows = None if state.batches is None else state.batches.rows
    if rows is not None and not state.epoch_is_over and rows.shape[-1] != objective.n_rows:
        raise ValueError(
            f"objective must have the {rows.shape[-1]} rows that the state's epoch began with, "
            f"not {objective.n_rows}"
        )
    if update is not None:
        state.update = copy.deepcopy(update)
    return state


def _generators(seeds: Sequence[Any]) -> tuple[np.random.Generator, ...]:
    """Return a generator for each seed; equal whole numbers share one."""
    try:
        seeds = list(seeds)
    except TypeError:
        raise TypeError(f"seeds must be a sequence of seeds, not {seeds!r}") from None
    if len(seeds) == 0:
        raise ValueError("seeds must hold at least one seed, but is empty")
    of_number: dict[int, np.random.Generator] = {}
    found = []
    for seed in seeds:
        rng = generator("seeds", seed)
        is_number = isinstance(seed, int | np.integer)
        found.append(of_number.setdefault(int(seed), rng) if is_number else rng)
    return tuple(found)


def _require_side_by_side(objective: Any) -> None:
    if not all(hasattr(objective, name) for name in ("values", "gradients", "weights_shape")):
        raise TypeError(
            "seeds needs an objective with values, gradients and weights_shape, as linear models "
            f"have them, which {objective!r} has not: run one seed after the other"
        )


def _start_of_each(start: Array, objective: Any, runs: int) -> Array:
    """Return the starting weights with a first entry for each run."""
    _require_side_by_side(objective)
    shape = tuple(objective.weights_shape)
    if start.shape not in (shape, (runs, *shape)):
        raise ValueError(
            f"weights must have the shape {shape}, or {(runs, *shape)} for a start of each run, "
            f"not {start.shape}"
        )
    return np.array(np.broadcast_to(start, (runs, *shape)))
