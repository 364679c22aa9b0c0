"""Quoted texts read back as values, and conditions on them: what a verdict claims, as code."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

#: A number as `mbgd_lib.show.report` writes it: with a true minus sign and commas at thousands.
NUMBER = re.compile(r"[+−-]?\d[\d,]*(\.\d+)?(e[+−-]?\d+)?")


@dataclass(frozen=True)
class Interval:
    """The two ends of a quoted interval."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float | int) and self.low <= value <= self.high


Value = float | bool | Interval | str


def value_of(text: str) -> Value:
    """Return the value that a quoted text stands for; a text that is none of these, itself.

    Examples
    --------
    >>> value_of("16,521"), value_of("−0.51 to 0.07"), value_of("True"), value_of("shuffled")
    (16521.0, Interval(low=-0.51, high=0.07), True, 'shuffled')
    """
    if text in ("True", "False"):
        return text == "True"
    if text in ("nan", "inf", "−inf", "-inf") or NUMBER.fullmatch(text):
        return _number(text)
    low, to, high = text.partition(" to ")
    if to and NUMBER.fullmatch(low) and NUMBER.fullmatch(high):
        return Interval(_number(low), _number(high))
    return text


def _number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def rounding(text: str) -> float:
    """Return half a unit of the last digit that a quoted number or interval is written with."""
    units = [
        10.0 ** (float(power.replace("−", "-") or 0) - len(decimals))
        for decimals, power in re.findall(r"\d(?:\.(\d+))?(?:e([+−-]?\d+))?(?![\d.,e])", text)
    ]
    return 0.5 * min(units, default=1.0)


#: What a condition may consist of. It is the course's own text, so this keeps it small, not safe.
ALLOWED = (
    ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Compare, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Call, ast.Attribute, ast.Name,
    ast.Load, ast.Constant,
)  # fmt: skip
FUNCTIONS = {"abs": abs, "min": min, "max": max, "round": round, "log": math.log, "sqrt": math.sqrt}


def names_in(condition: str) -> set[str]:
    """Return the quoted names that a condition compares.

    Raises
    ------
    ValueError
        If the condition is not an expression of the small kind that is allowed, or compares
        nothing that is quoted.
    """
    try:
        tree = ast.parse(condition, mode="eval")
    except SyntaxError as error:
        raise ValueError(f"the condition {condition} is no expression: {error.msg}") from None
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            raise ValueError(f"the condition {condition} holds {type(node).__name__}")
        if isinstance(node, ast.Attribute) and node.attr not in ("low", "high"):
            raise ValueError(f"the condition {condition} asks for .{node.attr}, not .low or .high")
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - set(FUNCTIONS)
    if not names:
        raise ValueError(f"the condition {condition} compares no quoted number")
    return names


def holds(condition: str, texts: Mapping[str, str]) -> bool:
    """Return whether a condition is true of quoted texts.

    Examples
    --------
    >>> holds("fast < slow / 2 and 0 in gain_interval",
    ...       {"fast": "9", "slow": "226", "gain_interval": "−0.1 to 0.3"})
    True
    """
    names = names_in(condition)
    if missing := sorted(names - set(texts)):
        raise ValueError(f"the condition {condition} names {missing[0]}, which is not quoted")
    values = {name: value_of(texts[name]) for name in names}
    code = compile(condition, "<condition>", "eval")
    try:
        result = eval(code, {"__builtins__": {}}, FUNCTIONS | values)
    except (TypeError, AttributeError, ArithmeticError, ValueError) as error:
        raise ValueError(f"the condition {condition} cannot be evaluated: {error}") from None
    if not isinstance(result, bool):
        raise ValueError(f"the condition {condition} is {result!r}, neither true nor false")
    return result
