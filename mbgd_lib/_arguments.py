"""Checks of arguments: each names the argument, its value and what is allowed."""

import operator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Kinds of dtypes: booleans, integers, unsigned ones, floats. Their letters are compared, since
# steps are checked one by one, and comparing dtypes takes ten times as long.
REAL = "biuf"
FLOATS = "fd"  # float32 and float64, in which the library computes


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
    try:
        number = float(value)
    except OverflowError:  # an integer beyond the largest float
        number = np.inf
    if not 0.0 < number < np.inf:
        raise ValueError(f"{name} must be a finite number above 0, not {value!r}")
    return number


def share(name: str, value: Any) -> float:
    """Return `value` as a float from 0 up to, not including, 1."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number from 0 to below 1, not {value!r}")
    number = float(value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be a number from 0 to below 1, not {value!r}")
    return number


def interval(name: str, value: Any) -> tuple[float, float]:
    """Return `value` as a lower and a higher float, either of which may be infinite."""
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a lower and a higher number, not {value!r}") from None
    if not low < high:
        raise ValueError(f"{name} must be a lower and a higher number, not {value!r}")
    return low, high


def function_or_none(name: str, value: Any) -> None:
    """Refuse what can not be called, except None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function or None, not {value!r}")


def generator(name: str, value: Any) -> np.random.Generator:
    """Return `value` if it is a generator, else a new one that it seeds."""
    try:
        if isinstance(value, bool | np.bool_):
            raise TypeError
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


def finite_array(name: str, value: ArrayLike, ndim: int | None) -> NDArray[Any]:
    """Return `value` as a floating array of `ndim` dimensions without NaN or infinity.

    float32 stays float32; every other kind of number becomes float64.
    """
    array = number_array(name, value, ndim)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def number_array(name: str, value: ArrayLike, ndim: int | None) -> NDArray[Any]:
    """Return `value` as an array of `ndim` dimensions without NaN or infinity, uncopied.

    With None it may have any number of dimensions.
    Integers and booleans stay what they are, as do float32 and float64.
    """
    refuse_mask(name, value)
    if hasattr(value, "toarray"):
        raise TypeError(f"{name} must be a dense array, not a sparse one: give {name}.toarray()")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"{name} must have rows of one length, not {value!r}") from None
    if array.dtype == object and all(isinstance(v, Real | np.bool_) for v in array.flat):
        array = array.astype(np.float64)  # a table with columns of numbers and of booleans
    if array.dtype.kind not in REAL:
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), not the shape {array.shape}")
    if array.dtype.kind == "f":
        if array.dtype.char not in FLOATS:
            array = array.astype(np.float64)
        _refuse_nan_and_infinity(name, array)
    return array


def refuse_mask(name: str, value: Any) -> None:
    """Refuse a masked array: NumPy's conversions would take what is masked."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be a masked array: its mask would be lost")


def _refuse_nan_and_infinity(name: str, array: NDArray[Any], piece: int = 4096) -> None:
    # Piece by piece: a mask of the whole array would take an eighth of its memory or more.
    for start in range(0, len(array) if array.ndim > 0 else 1, piece):
        part = array[start : start + piece] if array.ndim > 0 else array
        finite = np.isfinite(part)
        if not finite.all():
            raise ValueError(f"{name} must be finite, but holds {part[~finite][0]}")


def like_weights(name: str, value: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return `value` as an array of real numbers in the shape of the weights."""
    array = np.asarray(value)
    if array.dtype.kind not in REAL:
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{name} must have the weights' shape {shape}, not {array.shape}")
    return array


def one_number(name: str, value: Any) -> float:
    """Return `value`, a number or an array of no dimension, as a float, finite or not."""
    array = np.asarray(value)
    if array.dtype.kind not in REAL or array.ndim > 0:
        raise TypeError(f"{name} must be one real number, not {value!r}")
    return float(array)


def row_numbers(rows: ArrayLike, ndim: int = 1) -> NDArray[Any]:
    """Return `rows` as an array of at least one whole number: a vector, or one for each run."""
    rows = np.asarray(rows)
    if rows.ndim != ndim:
        raise ValueError(f"rows must have {ndim} dimension(s), not the shape {rows.shape}")
    if rows.size == 0:
        # A mean over no rows has no value: an empty batch is a bug of the caller's.
        raise ValueError("rows must name at least one row, but is empty")
    if rows.dtype.kind not in "iu":
        raise TypeError(f"rows must hold whole numbers, not {rows.dtype}")
    return rows


def class_labels(name: str, value: ArrayLike, n_classes: int | None) -> NDArray[Any]:
    """Return `value` as a vector of whole numbers from 0 up to, not including, `n_classes`."""
    labels = number_array(name, value, ndim=1)
    if labels.dtype.kind == "f":
        wrong = labels[labels != np.floor(labels)]
        if len(wrong) > 0:
            raise ValueError(f"{name} must hold whole numbers, but holds {wrong[0]}")
    # As they were given: what is too large for an integer would come out as another number.
    allowed = "at least 0 and below 2**53" if n_classes is None else f"from 0 to {n_classes - 1}"
    outside = labels[(labels < 0) | (labels >= (2**53 if n_classes is None else n_classes))]
    if len(outside) > 0:
        raise ValueError(f"{name} must hold labels {allowed}, but holds {outside[0]}")
    return labels.astype(np.intp)


def floating_weights(value: ArrayLike) -> NDArray[Any]:
    """Return weights as float32 where they are, else as float64; their values are not looked at."""
    weights = np.asarray(value)
    if weights.dtype.char in FLOATS:
        return weights
    if weights.dtype.kind not in REAL:
        raise TypeError(f"weights must hold real numbers, not {weights.dtype}")
    return weights.astype(np.float64)


def symmetric_matrix(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return `value` as a matrix that is its own transpose, or was but for rounding."""
    matrix = finite_array(name, value, ndim=2)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be square, not of the shape {matrix.shape}")
    # Rounding counts by the matrix's own size: its entries may all be tiny.
    largest = np.abs(matrix).max(initial=0)
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-8 * largest):
        raise ValueError(f"{name} must be symmetric, not {matrix.tolist()}")
    return (matrix + matrix.T) / 2
