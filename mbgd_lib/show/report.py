"""Numbers that the text quotes: computed, printed and handed to the page in one place."""

import numpy as np
from IPython.display import display

# The key under which MyST-NB looks for values that `{glue:text}` pastes into a sentence.
# Its own `glue` function writes the same, but would bring all of Sphinx into a reader's notebook.
_PASTED_TEXT = "application/papermill.record/text/plain"


def quote(**numbers: object) -> None:
    """Print each number under its name, and let the page's sentences quote it.

    A sentence quotes the number called ``limit`` as ``{glue:text}`limit```. What is printed
    is what is quoted: format the number as the sentence shall show it.

    Parameters
    ----------
    **numbers : str or int
        Names and values. A float is refused: how many of its digits to show is for the
        caller to say.

    Raises
    ------
    TypeError
        If a value is neither a string nor a whole number.

    Examples
    --------
    >>> quote(batches=225, limit=f"{2 / 27.08:.4f}")  # doctest: +SKIP
    batches = 225
    limit   = 0.0739
    """
    for name, value in numbers.items():
        if not isinstance(value, str | int | np.integer):
            raise TypeError(f"{name} must be a string or an int, not {value!r}: format it first")
    width = max(map(len, numbers), default=0)
    for name, value in numbers.items():
        print(f"{name:{width}} = {value}")
    for name, value in numbers.items():
        _paste(name, repr(str(value)))


def _paste(name: str, text: str) -> None:
    tag = {"name": name, "mime_prefix": "application/papermill.record/"}
    display({_PASTED_TEXT: text}, raw=True, metadata={"scrapbook": tag})  # type: ignore[no-untyped-call]
