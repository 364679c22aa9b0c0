"""A small library for learning mini-batch gradient descent.

Read the core first, an hour's work, in this order: `batches` (which rows), `objectives` (what is
minimised), `descent` (the loop), `schedules` (the learning rate over time), `checks` (is the
gradient right). `instruments` measure what the loop does, `show` draws it, `data` and `mnist`
bring rows, `estimators` speak scikit-learn.
"""

from mbgd_lib.batches import minibatches
from mbgd_lib.checks import check_gradient
from mbgd_lib.descent import DivergenceError, Run, descend
from mbgd_lib.objectives import (
    DoubleWell,
    LeastSquares,
    Logistic,
    QuadraticBowl,
    Saddle,
    Softmax,
    TrigonometricSurface,
)

__version__ = "0.1.0"

__all__ = [
    "DivergenceError",
    "DoubleWell",
    "LeastSquares",
    "Logistic",
    "QuadraticBowl",
    "Run",
    "Saddle",
    "Softmax",
    "TrigonometricSurface",
    "check_gradient",
    "descend",
    "minibatches",
]
