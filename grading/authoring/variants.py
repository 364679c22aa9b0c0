"""A set's parameters: constants that a lecturer may change, so that published answers are wrong.

The names of parameters are replaced by their values in everything that is made from a source, in
code, text and comments alike. Students see numbers, and a solution that is copied from the
published page holds the published numbers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

Value = int | float | str
Parameters = dict[str, Value]
KINDS = {int: "a whole number", float: "a number", str: "text"}

# What an author writes; a range at the beginning of what is allowed is checked.
FORM = "NAME = value  # what it is; what is allowed"
LINE = re.compile(r"([A-Z][A-Z0-9_]*) = .+#[^;]+; *(.+)")
NUMBER = r"(\d+(?:\.\d+)?(?:e-?\d+)?)"
RANGE = re.compile(rf"(?:{NUMBER} to|from) {NUMBER}(?:, other than {NUMBER})?(?=[,;]|$)")
CHOICE = re.compile(rf"(?:{NUMBER}, )*{NUMBER} or {NUMBER}(?=[,;]|$)")


class VariantError(ValueError):
    """Parameters that cannot be used: all that is wrong, a line each."""


@dataclass(frozen=True)
class Parameter:
    """A constant of a set, and in words what a variant may give it."""

    value: Value
    allowed: str

    def faults(self, value: object) -> list[str]:
        """What is wrong with a value; of what is allowed, only ranges and choices are read."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return ["must be a number or text"]
        if type(value) is not type(self.value):
            return [f"must be {KINDS[type(self.value)]}, like {self.value!r}"]
        if not isinstance(value, str) and not 0 <= value < float("inf"):
            return ["must be a finite number, not negative"]
        in_words = RANGE.match(self.allowed) or CHOICE.match(self.allowed)
        if in_words and not isinstance(value, str) and not is_allowed(value, in_words):
            return [f"must be {in_words.group()}"]
        return []


def is_allowed(value: float, in_words: re.Match[str]) -> bool:
    """Whether a number is in the range that a text names, or one of the numbers."""
    if in_words.re is CHOICE:
        return value in map(float, re.findall(NUMBER, in_words.group()))
    least, number, other = in_words.groups()
    low, high = (least, number) if least else (number, "inf")
    return float(low) <= value <= float(high) and (other is None or value != float(other))


def read_parameters(code: str, place: str) -> dict[str, Parameter]:
    """The constants of a source's parameters cell, whose lines are TOML as a variant's are."""
    try:
        values = tomllib.loads(code)
    except tomllib.TOMLDecodeError as error:
        raise VariantError(f"{place}: a parameter is {FORM!r}; {error}, of this cell") from None
    found: dict[str, Parameter] = {}
    faults = [] if values else ["a set has at least one parameter"]
    for line in code.splitlines():
        match = LINE.fullmatch(line)
        if match:
            name, value = match[1], values[match[1]]
            found[name] = Parameter(value, match[2])
            faults += [f"{name} {fault}; got {value!r}" for fault in found[name].faults(value)]
        elif line and not line.startswith("#"):
            faults.append(f"a parameter is {FORM!r}; got {line!r}")
    if faults:
        raise VariantError("\n".join(f"{place}: {fault}" for fault in faults))
    return found


def with_values(parameters: dict[str, Parameter], values: Parameters, name: str) -> Parameters:
    """The values of all parameters, with a variant's in place of the published ones."""
    changed = {key: parameter.value for key, parameter in parameters.items()}
    faults = []
    for key, value in values.items():
        if key not in parameters:
            faults.append(f"{name} has no parameter {key}; it has {', '.join(parameters)}")
            continue
        is_number = type(value) is int and isinstance(changed[key], float)
        right = float(value) if is_number else value
        found = parameters[key].faults(right)
        faults += [f"{name}: {key} {fault}; got {value!r}" for fault in found]
        changed[key] = right
    if faults:
        raise VariantError("\n".join(faults))
    return changed


def filled_in(text: str, parameters: Parameters, is_code: bool = False) -> str:
    """The text with every parameter's name, as a whole word, replaced by its value."""
    written = repr if is_code else str
    return names_of(parameters).sub(lambda match: written(parameters[match.group()]), text)


def used_in(text: str, parameters: Parameters) -> set[str]:
    """The parameters that a text names."""
    return set(names_of(parameters).findall(text))


def names_of(parameters: Iterable[str]) -> re.Pattern[str]:
    """What finds every parameter's name, as a whole word."""
    return re.compile(rf"\b(?:{'|'.join(parameters)})\b")


def sets_of_variant(folder: Path, known: list[str]) -> list[str]:
    """The sets that a variant's folder has files for; a file for no set must be mistyped."""
    names = sorted(path.stem for path in folder.glob("*.toml"))
    unknown = [f"{name}.toml" for name in names if name not in known]
    if unknown or not names:
        raise VariantError(
            f"VARIANT must be a folder with files for sets, which are {', '.join(known)}; "
            f"{folder} holds {', '.join(unknown) or 'none'}"
        )
    return names


def read_variant(folder: Path, name: str) -> Parameters:
    """A variant's values for one set, in the file NAME.toml of the variant's folder."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        raise VariantError(f"VARIANT must be a folder of values; {folder} holds no {name}.toml")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VariantError(f"{path} cannot be read: {error}") from None
