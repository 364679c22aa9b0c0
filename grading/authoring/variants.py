"""A set's parameters: constants that a lecturer may change, so that published answers are wrong.

The names of parameters are replaced by their values in everything that is made from a source, in
code, text and comments alike. Students see numbers, and a solution that is copied from the
published page holds the published numbers.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

Value = int | float | str
Parameters = dict[str, Value]
KINDS = {int: "a whole number", float: "a number", str: "text"}


class VariantError(ValueError):
    """A variant that cannot be used, with what is wrong in it."""


def read_parameters(code: str, place: str) -> Parameters:
    """The constants of a source's parameters cell; every line says what its constant is."""
    found: Parameters = {}
    for node in ast.parse(code).body:
        line = code.splitlines()[node.lineno - 1]
        if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)):
            raise VariantError(f"{place}: a parameter is NAME = number or text; got {line!r}")
        name = " = ".join(ast.unparse(target) for target in node.targets)
        if not (name.isidentifier() and name.isupper() and "#" in line):
            raise VariantError(f"{place}: a parameter has a NAME and a comment; got {line!r}")
        if name in found:
            raise VariantError(f"{place}: the parameter {name} is there twice; got {line!r}")
        found[name] = checked(name, node.value.value, place)
    if not found:
        raise VariantError(f"{place}: a set has at least one parameter")
    return found


def checked(name: str, value: object, place: str) -> Value:
    """A parameter's value: text, or a number that no sign can come before."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise VariantError(f"{place}: {name} must be a number or text; got {value!r}")
    if not isinstance(value, str) and not 0 <= value < float("inf"):
        raise VariantError(f"{place}: {name} must be a finite number, not negative; got {value!r}")
    return value


def with_values(parameters: Parameters, values: Parameters, name: str) -> Parameters:
    """The parameters with a variant's values in place of the published ones."""
    changed = dict(parameters)
    for key, value in values.items():
        if key not in parameters:
            raise VariantError(f"{name} has no parameter {key}; it has {', '.join(parameters)}")
        published = parameters[key]
        if isinstance(published, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not type(published):
            raise VariantError(
                f"{name}: {key} must be {KINDS[type(published)]}, like {published!r}; got {value!r}"
            )
        changed[key] = checked(key, value, name)
    return changed


def filled_in(text: str, parameters: Parameters, is_code: bool = False) -> str:
    """The text with every parameter's name, as a whole word, replaced by its value."""
    if not parameters:
        return text
    written = repr if is_code else str
    return names_of(parameters).sub(lambda match: written(parameters[match.group()]), text)


def used_in(text: str, parameters: Parameters) -> set[str]:
    """The parameters that a text names."""
    return set(names_of(parameters).findall(text))


def names_of(parameters: Parameters) -> re.Pattern[str]:
    """What finds every parameter's name, as a whole word."""
    return re.compile(rf"\b(?:{'|'.join(parameters)})\b")


def read_variant(folder: Path, name: str) -> Parameters:
    """A variant's values for one set, in the file NAME.toml of the variant's folder."""
    path = folder / f"{name}.toml"
    if not folder.is_dir():
        raise VariantError(
            f"VARIANT must be a folder with a file such as {name}.toml; got {folder}"
        )
    if not path.is_file():
        raise VariantError(f"VARIANT {folder} holds no {name}.toml")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VariantError(f"{path} cannot be read: {error}") from None
