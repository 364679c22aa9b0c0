"""A small exercise set to test with, whose private lines say what they are."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from grading.authoring.sets import ExerciseSet, read_set
from grading.marking.marking import Answers, StudentCell, reference

# Answers run in a process of their own, with pipes and signals that Windows does not have.
runs_answers = pytest.mark.skipif(
    not hasattr(os, "killpg"), reason="grading needs Linux or macOS; on Windows, use WSL"
)

# One exercise has its solution inside a function, the other at the left margin.
SMALL = '''\
# %% [markdown] role="set" title="Halves" chapter="07_halves"
# About halves, after [chapter 1](../notebooks/01_gradient_descent_basics.ipynb).

# %% role="parameters"
FACTOR = 0.5  # what to multiply with; any positive number
NAME = "Ann"  # who asks; any text

# %% role="setup"
import numpy as np

# %% [markdown] role="exercise" id="half" title="A" level="warm-up" kind="write" minutes=5 goal="a"
# Multiply by FACTOR, for NAME.

# %% role="answer"
def half(x):
    """Return the share FACTOR of x."""
    ### BEGIN SOLUTION
    # SECRET_SOLUTION in a comment
    secret_solution = np.asarray(x) * FACTOR
    return secret_solution
    ### END SOLUTION

# %% [markdown] role="hint"
# See [there](../book/notation.md).

# %% role="check" id="zero" points=1 about="Nothing of nothing."
assert half(0) == 0, "half(0) should be zero; what did you add?"

# %% role="hidden" id="one" points=2 about="A part of one."
secret_hidden = half(1)
assert secret_hidden == FACTOR, f"half(1) is {secret_hidden}, which is not the share asked for"

# %% role="hidden" id="many" points=1 about="A part of each of many."
secret_hidden = np.sum(half(np.arange(3)))
assert secret_hidden == 3 * FACTOR, f"half of 0, 1, 2 has the sum {secret_hidden}"

# %% [markdown] role="explanation"
# SECRET_EXPLANATION of why.

# %% role="wrong" name="returns the whole" fails=["one", "many"]
def half(secret_wrong):
    return secret_wrong

# %% role="wrong" name="returns a whole number" fails=["one", "many"]
def half(secret_wrong):
    return np.asarray(secret_wrong) // 2

# %% role="wrong" name="adds one" fails=["zero", "one", "many"]
def half(secret_wrong):
    return np.asarray(secret_wrong) * FACTOR + 1

# %% [markdown] role="exercise" id="two" title="B" level="stretch" kind="guess" minutes=5 goal="b"
# Set `double` to what number is twice as large, for NAME.

# %% role="given"
number = 3 + FACTOR

# %% role="answer"
### BEGIN SOLUTION
# STUB: double = None  # a number
# STUB: how = None  # a word
secret_solution = 2
double = secret_solution * number
how = "by heart"
### END SOLUTION

# %% [markdown] role="hint"
# Add it to itself.

# %% role="check" id="there" points=1 about="There is a number."
assert double is not None, "double is still None: what is twice the number?"

# %% role="hidden" id="right" points=1 about="It is the right one."
assert double is not None, "double is still None: what is twice the number?"
secret_hidden = double / number
assert secret_hidden == 2, f"double is {secret_hidden} times the number, not twice"

# %% [markdown] role="explanation"
# SECRET_EXPLANATION of how.

# %% role="wrong" name="squares it" fails=["right"]
double = number ** len("secret_wrong"[:2])
how = ""

# %% role="wrong" name="leaves it" fails=["right"]
double = number + len("secret_wrong"[:0])
how = ""

# %% role="wrong" name="forgets it" fails=["there", "right"]
double = dict(secret_wrong=None)["secret_wrong"]
how = ""

# %% [markdown] role="project" id="project" title="A report" minutes=90 goal="report"
# Write about halves.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Question | it is there | 2 |
# | Answer | it is there, too | 3 |
'''

SECRETS = ("solution", "hidden", "explanation", "wrong")


def small_set(folder: Path, old: str = "", new: str = "") -> ExerciseSet:
    """The set, read from a file in the folder, with one part of its source replaced."""
    return read_text(folder, changed(old, new))


def changed(old: str, new: str) -> str:
    """The source with one part replaced."""
    if old not in SMALL:
        raise ValueError(f"the source does not hold {old!r}")
    return SMALL.replace(old, new, 1)


def read_text(folder: Path, source: str) -> ExerciseSet:
    """The set of a source, from a file in the folder."""
    path = folder / "07_halves.py"
    path.write_text(source, encoding="utf-8")
    return read_set(path)


def secrets_in(text: str) -> set[str]:
    """Which private parts of the set a text holds a piece of."""
    found = re.findall(rf"secret_({'|'.join(SECRETS)})", text, re.IGNORECASE)
    return {name.lower() for name in found}


def with_answer(exercise_set: ExerciseSet, exercise: str, code: str) -> Answers:
    """The set's own solutions, but for one exercise."""
    return {**reference(exercise_set), exercise: [StudentCell(code)]}
