"""A small library for learning mini-batch gradient descent.

Read it in this order: `batches` (which rows), `objectives` (what is minimised),
`descent` (the loop), `schedules` (the learning rate over time), `checks` (is the gradient
right), `theory` (what a quadratic promises), `noise` (how far off a batch is), `orders` (what
the order of the rows does). `data`, `plots` and `report` serve the course's notebooks;
`estimators` speak scikit-learn.
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
