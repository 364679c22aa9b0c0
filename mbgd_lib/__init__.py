"""A small library for learning mini-batch gradient descent.

The core is an hour's reading, best in this order: `batches` (which rows), `objectives` (what is
minimised), `updates` (what a step does with a gradient), `schedules` (the learning rate over
time), `loop` (one step after the other), `descent` (whole runs), `rates` (which learning rate is
safe), `checks` (is the gradient right).

Around it, none of it needed to train a linear model: `networks` is one more objective,
`instruments` measure what the loop does, `show` draws it, `data` and `mnist` bring rows,
`estimators` speak scikit-learn.
"""

from mbgd_lib.batches import minibatches
from mbgd_lib.checks import check_gradient
from mbgd_lib.descent import DivergenceError, Run, descend
from mbgd_lib.instruments.landscapes import (
    DoubleWell,
    QuadraticBowl,
    Saddle,
    TrigonometricSurface,
)
from mbgd_lib.loop import State, Step, steps
from mbgd_lib.networks import Network
from mbgd_lib.objectives import LeastSquares, Logistic, Penalised, Softmax
from mbgd_lib.updates import Adam, Momentum, Nesterov

__version__ = "0.1.0"

__all__ = [
    "Adam",
    "DivergenceError",
    "DoubleWell",
    "LeastSquares",
    "Logistic",
    "Momentum",
    "Nesterov",
    "Network",
    "Penalised",
    "QuadraticBowl",
    "Run",
    "Saddle",
    "Softmax",
    "State",
    "Step",
    "TrigonometricSurface",
    "check_gradient",
    "descend",
    "minibatches",
    "steps",
]
