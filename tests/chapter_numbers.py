"""The numbers that a stored notebook hands to its text, for the tests of the chapters."""

import nbformat

from replications import notebooks


def glued_numbers(name: str) -> dict[str, str]:
    """Return what a notebook quotes, by name, as it prints it."""
    return notebooks.numbers_of(notebooks.read(notebooks.NOTEBOOKS / f"{name}.ipynb"))


def pasted(name: str, text: str) -> nbformat.NotebookNode:
    """Return the output that a cell stores which quotes a text under a name."""
    return nbformat.v4.new_output(
        "display_data",
        data={"application/papermill.record/text/plain": repr(text)},
        metadata={"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}},
    )


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def interval(text: str) -> tuple[float, float]:
    low, high = text.split(" to ")
    return number(low), number(high)
