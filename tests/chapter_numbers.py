"""The numbers that a stored notebook hands to its text, for the tests of the chapters."""

import nbformat
import store_notebooks


def glued_numbers(name: str) -> dict[str, str]:
    """Return what a notebook quotes, by name, as it prints it."""
    path = store_notebooks.NOTEBOOKS / f"{name}.ipynb"
    numbers = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if "scrapbook" in output.get("metadata", {}):
                (text,) = output.data.values()
                numbers[output.metadata.scrapbook.name] = text.strip("'")
    return numbers


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def interval(text: str) -> tuple[float, float]:
    low, high = text.split(" to ")
    return number(low), number(high)
