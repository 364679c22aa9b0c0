"""Checks of arguments: each names the argument, its value and what is allowed."""

import operator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def whole_number(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an int between `low` and `high`, both allowed."""
    allowed = f"at least {low}" if high is None else f"from {low} to {high}"
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be a whole number {allowed}, not {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be a whole number {allowed}, not {value!r}") from None
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {allowed}, not {number}")
    return number


def positive_number(name: str, value: Any) -> float:
    """Return `value` as a finite float above zero."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number above 0, not {value!r}")
    number = float(value)
    if not 0.0 < number < np.inf:
        raise ValueError(f"{name} must be a finite number above 0, not {value!r}")
    return number


def generator(name: str, value: Any) -> np.random.Generator:
    """Return `value` if it is a generator, else a new one that it seeds."""
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{name} must be a whole number at least 0, a numpy.random.Generator or None, "
            f"not {value!r}"
        ) from None


def one_of(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is one of the strings in `allowed`."""
    if not isinstance(value, str) or value not in allowed:
        names = ", ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name} must be one of {names}, not {value!r}")
    return value


def finite_array(name: str, value: ArrayLike, ndim: int) -> NDArray[Any]:
    """Return `value` as a floating array of `ndim` dimensions without NaN or infinity.

    float32 stays float32; every other kind of number becomes float64.
    """
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must have rows of one length, not {value!r}") from None
    if array.dtype.kind not in "biuf":  # booleans, integers, unsigned ones, floats
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), not the shape {array.shape}")
    if array.dtype != np.float32:
        array = array.astype(np.float64, copy=False)
    finite = np.isfinite(array)
    if not finite.all():
        raise ValueError(f"{name} must be finite, but holds {array[~finite][0]}")
    return array
