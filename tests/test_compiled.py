"""The loops for Numba, run as plain Python. tests/frameworks runs them compiled."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbgd_lib import (
    LeastSquares,
    Logistic,
    Momentum,
    Softmax,
    TrigonometricSurface,
    _compiled,
    descend,
)
from mbgd_lib.batches import epochs_of_batches

N, D = 43, 4
LOSSES = ["squares", "logit", "softmax"]


def make_objective(loss, intercept=True, dtype="float64"):
    rng = np.random.default_rng(0)
    X = rng.normal(1, 2, size=(N, D)).astype(dtype)
    scores = X @ rng.normal(size=(D, 3)) + 0.3
    if loss == "squares":
        return LeastSquares(X, scores[:, 0].astype(dtype), intercept=intercept)
    if loss == "logit":
        return Logistic(X, (scores[:, 0] > 1).astype(int), intercept=intercept)
    return Softmax(X, scores.argmax(axis=1), intercept=intercept)


def start_of(objective):
    shape = objective.weights_shape
    return np.random.default_rng(1).normal(size=shape).astype(objective.X.dtype)


def run(objective, **changes):
    arguments = {"learning_rate": 0.02, "batch_size": 5, "epochs": 3, "seed": 2} | changes
    return descend(objective, start_of(objective), **arguments)


@pytest.fixture
def plain_python(monkeypatch):
    """Take the loops for every run, uncompiled, and note how many epochs they made."""
    epochs = []

    def steps(*arguments):
        epochs.append(arguments)
        _compiled.steps(*arguments)

    monkeypatch.setattr(_compiled, "numba_if_installed", lambda: "installed")
    monkeypatch.setattr(_compiled, "_compiled", lambda: steps)
    monkeypatch.setattr(_compiled, "_loaded", lambda: False)
    monkeypatch.setattr(_compiled, "FEWEST_STEPS", 0)
    return epochs


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_loops_make_the_same_steps(plain_python, loss, intercept, dtype):
    objective = make_objective(loss, intercept, dtype)
    looped = run(objective)
    assert len(plain_python) == 3
    plain = run(objective, record_path=True)
    assert len(plain_python) == 3
    assert looped.weights.dtype == plain.weights.dtype == dtype
    assert looped.steps == plain.steps == 27
    tolerance = {"float64": 1e-13, "float32": 3e-5}[dtype]
    assert np.abs(plain.path[-1] - plain.path[0]).max() > 0.1
    assert_allclose(looped.weights, plain.weights, atol=tolerance)
    assert_allclose(looped.epoch_losses, plain.epoch_losses, rtol=10 * tolerance)


@pytest.mark.parametrize(
    "cut",
    [{"batch_size": 1}, {"batch_size": None, "n_batches": 9}, {"batch_size": lambda e: e + 1}],
    ids=["single rows", "n_batches", "growing"],
)
@pytest.mark.parametrize("order", ["reshuffle", "shuffle_once", "sequential", "with_replacement"])
def test_however_an_epoch_is_cut(plain_python, cut, order):
    objective = make_objective("softmax")
    looped = run(objective, order=order, **cut)
    assert len(plain_python) == 3
    assert_allclose(
        looped.weights, run(objective, order=order, record_path=True, **cut).weights, atol=1e-13
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": lambda step: 0.5},
        {"update": Momentum(0.5)},
        {"bounds": (-1, 1)},
        {"average_from": 0},
        {"record_path": True},
        {"record_step_losses": True},
        {"batch_size": None},
        {"batch_size": 33},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_the_loops_cannot_do_is_left_to_numpy(plain_python, changes):
    run(make_objective("softmax"), **changes)
    assert plain_python == []


def test_objectives_that_the_loops_do_not_know(plain_python):
    X = np.asfortranarray(np.random.default_rng(0).normal(size=(N, D)))
    labels = np.arange(N) % 3

    class Other(Softmax):
        pass

    for objective in (
        TrigonometricSurface(X, labels),
        Other(X.copy("C"), labels),
        Softmax(X, labels),
        Softmax(X.copy("C").astype(np.uint8), labels),
    ):
        run(objective)
    descend(Softmax(X.copy("C"), labels), np.zeros((5, 3), "f4"), learning_rate=1, batch_size=1)
    assert plain_python == []


def test_short_runs_are_not_worth_compiling(plain_python, monkeypatch):
    monkeypatch.setattr(_compiled, "FEWEST_STEPS", 28)
    run(make_objective("softmax"))
    assert plain_python == []
    run(make_objective("softmax"), epochs=4)
    assert len(plain_python) == 4


def test_shorter_runs_are_worth_it_once_the_loops_are_loaded(plain_python, monkeypatch):
    monkeypatch.setattr(_compiled, "FEWEST_STEPS", 28)
    monkeypatch.setattr(_compiled, "FEWEST_STEPS_LOADED", 27)
    monkeypatch.setattr(_compiled, "_loaded", lambda: True)
    run(make_objective("softmax"))
    assert len(plain_python) == 3


@pytest.mark.parametrize("shape", [(3,), (5,), (5, 2), (5, 4), (4, 3), (15,)])
def test_weights_of_a_wrong_shape_never_reach_the_loops(plain_python, shape):
    objective = make_objective("softmax")
    with pytest.raises(ValueError, match=r"weights must have the shape \(5, 3\), not"):
        descend(
            objective, np.zeros(shape), learning_rate=1, batch_size=1, record_epoch_losses=False
        )
    assert plain_python == []


def test_a_method_replaced_on_the_instance_is_called(plain_python):
    objective, calls = make_objective("softmax"), []
    gradient = objective.gradient
    objective.gradient = lambda *given: [calls.append(given), gradient(*given)][1]
    run(objective)
    assert len(calls) == 27
    assert plain_python == []


def test_without_numba(plain_python, monkeypatch):
    monkeypatch.setattr(_compiled, "numba_if_installed", lambda: None)
    run(make_objective("softmax"))
    assert plain_python == []


def test_numba_that_cannot_be_imported_counts_as_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "numba", None)
    assert _compiled.numba_if_installed.__wrapped__() is None


def test_divergence_is_told_as_ever(plain_python):
    looped = run(make_objective("squares"), learning_rate=9.0, epochs=200)
    assert looped.stop_reason == "diverged"
    assert len(plain_python) == len(looped.epoch_losses) - 1


def test_the_data_and_the_batches_are_left_alone(plain_python):
    objective = make_objective("softmax")
    X, y = objective.X.copy(), objective.y.copy()
    (epoch,) = epochs_of_batches(N, 5, order="sequential")
    _compiled.make_steps(objective, np.asfortranarray(start_of(objective)), epoch, 0.1)
    assert np.array_equal(objective.X, X)
    assert np.array_equal(objective.y, y)
    assert np.array_equal(epoch.rows, np.arange(N))
