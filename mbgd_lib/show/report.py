"""Numbers as the text shows them: formatted, printed and handed to the page in one place."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from IPython.display import display
from numpy.typing import ArrayLike

from mbgd_lib._arguments import whole_number

# The key under which MyST-NB looks for values that `{glue:text}` pastes into a sentence.
# Its own `glue` function writes the same, but would bring all of Sphinx into a reader's notebook.
_PASTED_TEXT = "application/papermill.record/text/plain"


def quote(*, digits: int | None = None, **numbers: object) -> None:
    """Print each number under its name, and let the page's sentences quote it.

    A sentence quotes the number called ``limit`` as ``{glue:text}`limit```. What is printed
    is what is quoted.

    Parameters
    ----------
    digits : int, optional
        How many digits after the point numbers are written with, as `signed` does. A pair is
        written as `interval` does. An estimate is quoted under two names: its value, and its
        interval with ``_interval`` after the name.
    **numbers : str, int, float, pair of floats, or estimate
        Names and values. Strings and whole numbers stay as they are. Without `digits` the
        others are refused: how many of their digits to show is for the caller to say.

    Raises
    ------
    TypeError
        If a value is none of these.

    Examples
    --------
    >>> quote(batches=225, limit=f"{2 / 27.08:.4f}")  # doctest: +SKIP
    batches = 225
    limit   = 0.0739
    >>> quote(digits=2, slope=-0.4931, slope_interval=(-0.511, -0.474))  # doctest: +SKIP
    slope          = −0.49
    slope_interval = −0.51 to −0.47
    """
    texts = {
        name: _text(name, value, digits) for name, value in _without_estimates(numbers).items()
    }
    width = max(map(len, texts), default=0)
    for name, text in texts.items():
        print(f"{name:{width}} = {text}")
    for name, text in texts.items():
        _paste(name, repr(text))


def _without_estimates(numbers: dict[str, Any]) -> dict[str, Any]:
    """Take apart the pairs (value, ends) that `mbgd_lib.instruments.statistics.estimate` gives."""
    parts = {}
    for name, value in numbers.items():
        if isinstance(value, tuple) and len(value) == 2 and np.shape(value[1]) == (2,):
            parts[name], parts[f"{name}_interval"] = value
        else:
            parts[name] = value
    return parts


def _text(name: str, value: Any, digits: int | None) -> str:
    if isinstance(value, str | int | np.integer):
        return str(value)
    if digits is None:
        raise TypeError(f"{name} must be a string or an int, not {value!r}: format it first")
    try:
        shape = np.shape(value)
        return interval(value, digits) if shape == (2,) else signed(value, digits)
    except TypeError:
        raise TypeError(f"{name} must be a number or a pair of numbers, not {value!r}") from None


def signed(number: float, digits: int = 2, *, plus: bool = False) -> str:
    """Write a number with a true minus sign, as sentences have it.

    Parameters
    ----------
    number : float
    digits : int
        After the point, at least 0.
    plus : bool
        Whether numbers above zero get a sign too.

    Returns
    -------
    str

    Examples
    --------
    >>> signed(-0.4931), signed(0.026, 3, plus=True), signed(12345.6, 0)
    ('−0.49', '+0.026', '12,346')
    """
    digits = whole_number("digits", digits, 0)
    # "z": what rounds to zero has no sign.
    return f"{number:{'+' if plus else ''}z,.{digits}f}".replace("-", "−")


def interval(ends: ArrayLike, digits: int = 2) -> str:
    """Write the two ends of an interval, as sentences have it.

    Parameters
    ----------
    ends : array_like of shape (2,)
        The low one and the high one.
    digits : int
        After the point, at least 0.

    Returns
    -------
    str

    Examples
    --------
    >>> interval([1.0449, 1.4851]), interval((-0.511, 0.074)), interval((1204.3, 1433.9), 0)
    ('1.04 to 1.49', '−0.51 to 0.07', '1,204 to 1,434')
    """
    low, high = _two_ends(ends)
    return f"{signed(low, digits)} to {signed(high, digits)}"


def with_interval(number: float, ends: ArrayLike, digits: int = 2) -> str:
    """Write a number with its interval in brackets, as tables have it.

    Parameters
    ----------
    number : float
    ends : array_like of shape (2,)
        The low one and the high one.
    digits : int
        After the point, at least 0.

    Returns
    -------
    str

    Examples
    --------
    >>> with_interval(2.0621, (1.889, 2.241))
    '2.06 [1.89, 2.24]'
    """
    low, high = _two_ends(ends)
    return f"{signed(number, digits)} [{signed(low, digits)}, {signed(high, digits)}]"


def _two_ends(ends: ArrayLike) -> tuple[float, float]:
    values = np.asarray(ends)
    if values.shape != (2,) or not values[0] <= values[1]:
        raise ValueError(f"ends must be a low one and a high one, not {values.tolist()}")
    return float(values[0]), float(values[1])


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: the first column to the left, the others to the right.

    Parameters
    ----------
    heads : sequence of str
        Over the columns.
    rows : sequence of sequences of str or int
        As many cells as there are heads. A float is refused, as in `quote`.

    Raises
    ------
    TypeError
        If a cell is neither a string nor a whole number.

    Examples
    --------
    >>> table(("batch size", "steps"), [("1 row", "16,521"), ("all rows", 98)])
    batch size   steps
    1 row       16,521
    all rows        98
    """
    for row in rows:
        if len(row) != len(heads):
            raise ValueError(f"a row must have {len(heads)} cells, not {row!r}")
        for cell in row:
            if not isinstance(cell, str | int | np.integer):
                raise TypeError(f"a cell must be a string or an int, not {cell!r}: format it first")
    lines = [[str(cell) for cell in row] for row in (heads, *rows)]
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    for name, *cells in lines:
        right = (f"{cell:>{width}}" for cell, width in zip(cells, others, strict=True))
        print("  ".join([f"{name:{first}}", *right]).rstrip())


def _paste(name: str, text: str) -> None:
    tag = {"name": name, "mime_prefix": "application/papermill.record/"}
    display({_PASTED_TEXT: text}, raw=True, metadata={"scrapbook": tag})  # type: ignore[no-untyped-call]
