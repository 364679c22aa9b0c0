"""Compiled by Numba, long runs of small batches end at the weights of the plain loop."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbgd_lib import LeastSquares, Logistic, Softmax, _compiled, descend
from mbgd_lib.batches import epochs_of_batches

N, D = 700, 6


def make_objective(loss, dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, D)).astype(dtype)
    X.flags.writeable = False  # a memory map of a file may be so
    scores = X @ rng.normal(size=(D, 3)) + 0.3 + rng.normal(size=(N, 3))
    if loss == "squares":
        return LeastSquares(X, scores[:, 0].astype(dtype))
    if loss == "logit":
        return Logistic(X, (scores[:, 0] > 0).astype(int))
    return Softmax(X, scores.argmax(axis=1))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("batch_size", [1, 8])
@pytest.mark.parametrize("loss", ["squares", "logit", "softmax"])
def test_the_same_weights(monkeypatch, loss, batch_size, dtype):
    objective = make_objective(loss, dtype)
    monkeypatch.setattr(_compiled, "FEWEST_STEPS", 5000)
    epochs = -(-5000 * batch_size // N)
    arguments = {"learning_rate": 0.01, "batch_size": batch_size, "epochs": epochs, "seed": 0}
    calls = []
    make_steps = _compiled.make_steps
    monkeypatch.setattr(
        _compiled, "make_steps", lambda *given: [calls.append(given), make_steps(*given)][1]
    )
    start = np.zeros(objective.weights_shape, dtype)
    compiled = descend(objective, start, **arguments)
    assert len(calls) == epochs, "descend did not choose the compiled loops"
    plain = descend(objective, start, schedule=lambda step: 1.0, **arguments)
    assert len(calls) == epochs
    assert compiled.weights.dtype == plain.weights.dtype == dtype
    assert compiled.steps == plain.steps
    assert np.abs(plain.weights).max() > 0.3
    tolerance = {"float64": 1e-12, "float32": 3e-5}[dtype]
    assert_allclose(compiled.weights, plain.weights, atol=tolerance)


def test_a_run_that_diverges(monkeypatch):
    monkeypatch.setattr(_compiled, "FEWEST_STEPS", 0)
    objective = make_objective("squares", "float64")
    run = descend(objective, np.zeros(7), learning_rate=1e150, batch_size=1)
    assert run.stop_reason == "diverged"


@pytest.mark.parametrize("loss", ["squares", "logit", "softmax"])
def test_what_is_not_a_number_stays_so(loss):
    objective = make_objective(loss, "float64")
    weights = np.full(objective.weights_shape, np.nan, order="F")
    (epoch,) = epochs_of_batches(N, 1)
    _compiled.make_steps(objective, weights, epoch, 0.1)
    assert np.isnan(weights).all()
