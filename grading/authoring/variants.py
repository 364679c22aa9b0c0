"""A set's parameters: constants that a lecturer may change, so that published answers are wrong.

The names of parameters are replaced by their values in everything that is made from a source, in
code, text and comments alike. Students see numbers, and a solution that is copied from the
published page holds the published numbers.
"""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path
from typing import Any

Parameters = dict[str, int | float | str]
KINDS = {int: "a whole number", float: "a number", str: "text"}

FORM = "NAME = value  # what it is; what is allowed"
LINE = re.compile(r"^([A-Z][A-Z0-9_]*) = .+#[^;\n]+; *(.+)", re.MULTILINE)
NUMBER = r"\d+(?:\.\d+)?(?:e-?\d+)?"
RANGE = f"{NUMBER} to {NUMBER}(?:, other than {NUMBER})?|from {NUMBER}"
CHOICE = f"(?:{NUMBER}, )*{NUMBER} or {NUMBER}"
# Of what is allowed, a range or a choice at the beginning is checked; the rest is for people.
CHECKED = re.compile(rf"(?:{RANGE}|{CHOICE})(?=[,;]|$)")


class SourceError(ValueError):
    """A source, or a variant of it, that cannot be used: all that is wrong, a line each."""


def read_parameters(code: str, place: str, values: Parameters) -> Parameters:
    """The values in a source's parameters cell, whose lines are TOML, or a variant's instead."""
    try:
        published = tomllib.loads(code)
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{place}: a parameter is {FORM!r}; {error}, of this cell") from None
    allowed = dict(LINE.findall(code))
    faults = [] if published else ["a set has at least one parameter"]
    found = published | values
    for name, value in found.items():
        if type(value) is int and isinstance(published.get(name), float):
            found[name] = value = float(value)
        if name not in published:
            faults.append(f"there is no parameter {name}; there are {', '.join(published)}")
        elif name not in allowed:
            faults.append(f"a parameter is {FORM!r}; {name} is not")
        elif must_be := limit(value, published[name], allowed[name]):
            faults.append(f"{name} must be {must_be}; got {value!r}")
    if faults:
        raise SourceError("\n".join(f"{place}: {fault}" for fault in faults))
    return found


def limit(value: Any, published: Any, allowed: str) -> str:
    """What a value must be, and is not, beside the published one and what is allowed in words."""
    kind = type(published)
    if kind not in KINDS:
        return "a number or text"
    if type(value) is not kind:
        return f"{KINDS[kind]}, like {published!r}"
    if kind is str:
        return ""
    if not 0 <= value < math.inf:
        return "a finite number, not negative"
    checked = CHECKED.match(allowed)
    return checked.group() if checked and not is_in(value, checked.group()) else ""


def is_in(value: float, in_words: str) -> bool:
    """Whether a number is in the range that a text names, or one of its choices."""
    numbers = [float(number) for number in re.findall(NUMBER, in_words)]
    if " or " in in_words:
        return value in numbers
    low, high, *others = numbers if len(numbers) > 1 else (*numbers, math.inf)
    return low <= value <= high and value not in others


def filled_in(text: str, parameters: Parameters, is_code: bool = False) -> str:
    """The text with every parameter's name, as a whole word, replaced by its value."""
    written = repr if is_code else str
    names = rf"\b(?:{'|'.join(parameters)})\b"
    return re.sub(names, lambda match: written(parameters[match.group()]), text)


def read_variant(folder: Path, name: str) -> Parameters:
    """A variant's values for one set, in the file NAME.toml of the variant's folder."""
    try:
        return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        said = f"{folder} holds no {name}.toml that can be read: {error}"
        raise SourceError(f"VARIANT must be a folder of values; {said}") from None
