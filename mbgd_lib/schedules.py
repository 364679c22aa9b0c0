"""How the learning rate changes during a run.

A schedule is a function of the number of steps made so far. It returns the factor by which
`descend` multiplies the learning rate. Counting steps, and never restarting within a run, is
what keeps a schedule from starting anew in every epoch. Schedules can be pickled.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from mbgd_lib._arguments import function_or_none, one_number, positive_number, whole_number

Schedule = Callable[[int], float]


def constant() -> Schedule:
    """Return the schedule that leaves the learning rate as it is.

    Returns
    -------
    callable

    Examples
    --------
    >>> schedule = constant()
    >>> schedule(0), schedule(1000)
    (1.0, 1.0)
    """
    return _constant


def _constant(step: int) -> float:
    return 1.0


def step_decay(every: int, factor: float = 0.1) -> Schedule:
    """Return a schedule that multiplies the rate by `factor` after every so many steps.

    Parameters
    ----------
    every : int
        Steps between two drops.
    factor : float
        Above 0 and at most 1.

    Returns
    -------
    callable

    Examples
    --------
    >>> schedule = step_decay(100, factor=0.5)
    >>> schedule(99), schedule(100), schedule(250)
    (1.0, 0.5, 0.25)
    """
    every = whole_number("every", every, 1)
    factor = positive_number("factor", factor)
    if factor > 1:
        raise ValueError(f"factor must be at most 1, not {factor}")
    return partial(_step_decay, every, factor)


def _step_decay(every: int, factor: float, step: int) -> float:
    return factor ** (step // every)


def inverse_time(half_after: float) -> Schedule:
    r"""Return the schedule :math:`1 / (1 + k / k_{1/2})`.

    Its sum over all steps is infinite and the sum of its squares is not: the conditions of
    Robbins and Monro (1951) for reaching the minimum in spite of the noise.

    Parameters
    ----------
    half_after : float
        The number of steps after which the rate has halved.

    Returns
    -------
    callable

    Examples
    --------
    >>> schedule = inverse_time(half_after=100)
    >>> schedule(0), schedule(100), schedule(300)
    (1.0, 0.5, 0.25)
    """
    half_after = positive_number("half_after", half_after)
    return partial(_inverse_time, half_after)


def _inverse_time(half_after: float, step: int) -> float:
    return 1 / (1 + step / half_after)


def cosine(steps: int) -> Schedule:
    r"""Return half a cosine wave from 1 to 0 over so many steps, and 0 from there on.

    Parameters
    ----------
    steps : int
        The length of the run.

    Returns
    -------
    callable

    Examples
    --------
    >>> schedule = cosine(100)
    >>> schedule(0), round(schedule(50), 12), schedule(100)
    (1.0, 0.5, 0.0)
    """
    steps = whole_number("steps", steps, 1)
    return partial(_cosine, steps)


def _cosine(steps: int, step: int) -> float:
    return float(1 + np.cos(np.pi * min(step / steps, 1))) / 2


def warm_up(steps: int, then: Schedule | None = None) -> Schedule:
    """Return a schedule that rises in equal parts to 1 and then follows another one.

    Parameters
    ----------
    steps : int
        The first step is made at ``1 / steps`` of the rate, step number `steps` at all of it.
    then : callable, optional
        The schedule that follows, with its own count from 0; constant without it.

    Returns
    -------
    callable

    Examples
    --------
    >>> schedule = warm_up(4, then=inverse_time(half_after=10))
    >>> [schedule(step) for step in (0, 1, 3, 4, 14)]
    [0.25, 0.5, 1.0, 1.0, 0.5]
    """
    steps = whole_number("steps", steps, 1)
    function_or_none("then", then)
    return partial(_warm_up, steps, then or constant())


def _warm_up(steps: int, then: Schedule, step: int) -> float:
    return (step + 1) / steps if step < steps else then(step - steps)


def check_schedule(schedule: Any) -> None:
    """Refuse what is no schedule, also a function of this module that has not been called.

    Parameters
    ----------
    schedule : callable or None

    Raises
    ------
    TypeError

    Examples
    --------
    >>> check_schedule(cosine(100))
    """
    function_or_none("schedule", schedule)
    if schedule in (constant, step_decay, inverse_time, cosine, warm_up):
        name = schedule.__name__
        raise TypeError(f"schedule must be called first, {name}(…), not be {name} itself")


def factor_of(schedule: Schedule, step: int) -> float:
    """Return a schedule's factor, if it is one.

    Parameters
    ----------
    schedule : callable
    step : int
        Steps made so far.

    Returns
    -------
    float
        Finite, at least 0.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> factor_of(cosine(100), 0)
    1.0
    """
    value = schedule(step)
    try:
        factor = one_number("schedule", value)
    except TypeError:
        factor = np.nan
    if not 0 <= factor < np.inf:
        raise ValueError(
            f"schedule must return a finite number at least 0, not {value!r} as for step {step}"
        )
    return factor
