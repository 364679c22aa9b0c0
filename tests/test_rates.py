"""The bound on the learning rate against runs on either side of it."""

from math import comb

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbgd_lib import (
    DoubleWell,
    LeastSquares,
    Logistic,
    Penalised,
    QuadraticBowl,
    Softmax,
    TrigonometricSurface,
    data,
    descend,
)
from mbgd_lib.rates import largest_stable_rate, safe_rate


def spread(condition, n=200, d=5):
    """Features whose curvatures differ by so much, and targets that a line meets exactly."""
    X = np.random.default_rng(0).normal(size=(n, d)) * np.geomspace(1, condition**0.5, d)
    return X, X @ np.ones(d) + 2


DATA = {
    "scaled": spread(1),
    "badly conditioned": spread(1e6),
    "unscaled": (data.diabetes()[0], data.diabetes()[0] @ np.ones(10) + 2),
}


def of_rows(X):
    """All rows with their column of ones."""
    return np.column_stack([np.ones(len(X)), X])


@pytest.mark.parametrize("name", DATA)
def test_curvatures_are_those_of_the_matrices(name):
    X, y = DATA[name]
    of_loss, of_row = LeastSquares(X, y).curvature_bounds()
    hessian = LeastSquares(X, y).hessian()
    assert_allclose(of_loss, np.linalg.eigvalsh(hessian)[-1], rtol=2e-3)
    assert_allclose(of_row, (of_rows(X) ** 2).sum(axis=1).max(), rtol=1e-12)


@pytest.mark.parametrize("name", DATA)
def test_all_rows_at_once_diverge_just_above_the_limit(name):
    objective = LeastSquares(*DATA[name])
    start = np.ones(objective.n_weights)
    limit = largest_stable_rate(objective)
    for factor, falls in ((0.99, True), (1.01, False)):
        run = descend(objective, start, learning_rate=factor * limit, epochs=1000)
        assert (run.epoch_losses[-1] < run.epoch_losses[0]) == falls


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("batch_size", [1, 4, 32])
@pytest.mark.parametrize("order", ["with_replacement", "reshuffle"])
def test_batches_are_stable_at_the_limit_on_average(name, batch_size, order):
    """Where a line meets all targets, noise vanishes at the minimum and only stability counts."""
    objective = LeastSquares(*DATA[name])
    solution = np.concatenate([[2.0], np.ones(objective.n_weights - 1)])
    start = solution + np.random.default_rng(1).normal(size=(40, objective.n_weights))
    rate = largest_stable_rate(objective, batch_size)
    runs = descend(
        objective,
        start,
        learning_rate=rate,
        batch_size=batch_size,
        order=order,
        epochs=20,
        seeds=range(40),
    )
    distances = np.linalg.norm(runs.weights - solution, axis=1)
    assert np.mean(distances**2) < np.mean(np.linalg.norm(start - solution, axis=1) ** 2)
    assert np.mean(runs.epoch_losses[:, -1]) < np.mean(runs.epoch_losses[:, 0])


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_batches_diverge_a_few_times_above_the_limit(name, batch_size):
    """The bound takes every row for the longest: it is exact only for rows of one length."""
    objective = LeastSquares(*DATA[name])
    runs = descend(
        objective,
        np.ones(objective.n_weights),
        learning_rate=8 * largest_stable_rate(objective, batch_size),
        batch_size=batch_size,
        epochs=20,
        seeds=range(5),
    )
    assert not (runs.epoch_losses[:, -1] < runs.epoch_losses[:, 0]).any()


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_the_bound_is_sharp_for_rows_of_one_length(batch_size):
    """Rows along axes: of B rows, k ~ Binomial(B, 1/2) lie along the first: w ← (1 - ηk/B) w."""
    axes = np.tile(np.eye(2), (5, 1))
    limit = largest_stable_rate(LeastSquares(axes, np.zeros(10), intercept=False), batch_size)
    k = np.arange(batch_size + 1)
    chances = np.array([comb(batch_size, hits) for hits in k]) / 2**batch_size
    for factor in (0.99, 1.01):
        growth_of_mean_square = chances @ (1 - factor * limit * k / batch_size) ** 2
        assert (growth_of_mean_square < 1) == (factor < 1)


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("make", [Logistic, Softmax])
@pytest.mark.parametrize("batch_size", [1, 16, None])
def test_classifiers_come_down_at_the_safe_rate(name, make, batch_size):
    X, y = DATA[name]
    objective = make(X, (y > np.median(y)).astype(int))
    run = descend(
        objective,
        np.zeros(objective.weights_shape),
        learning_rate=safe_rate(objective, batch_size),
        batch_size=batch_size,
        epochs=20,
        seed=0,
    )
    assert run.epoch_losses[-1] < run.epoch_losses[0]


@pytest.mark.parametrize("make", [Logistic, Softmax])
def test_no_curvature_is_above_its_bound(make):
    X, y = spread(10)
    objective = make(X, (y > 2).astype(int))
    of_loss, _ = objective.curvature_bounds()
    rng = np.random.default_rng(0)
    for _ in range(20):
        weights, along = rng.normal(size=(2, *objective.weights_shape))
        along /= np.linalg.norm(along)
        ahead, behind = (objective.gradient(weights + h * along) for h in (1e-5, -1e-5))
        assert np.sum(along * (ahead - behind)) / 2e-5 <= of_loss * 1.001


def test_penalty_and_bowl():
    loss, row = LeastSquares(*DATA["scaled"]).curvature_bounds()
    penalised = Penalised(LeastSquares(*DATA["scaled"]), 0.5).curvature_bounds()
    assert_allclose(penalised, (loss + 0.5, row + 0.5))
    assert QuadraticBowl([[4.0, 0.0], [0.0, 1.0]]).curvature_bounds() == (4.0, 4.0)


def test_whole_numbers_and_float32_are_taken_as_they_are():
    X = np.random.default_rng(0).integers(0, 255, size=(3000, 4), dtype=np.uint8)
    expected = largest_stable_rate(LeastSquares(X.astype(float), np.zeros(3000)), 10)
    for dtype in (np.uint8, np.float32):
        objective = LeastSquares(X.astype(dtype), np.zeros(3000))
        assert_allclose(largest_stable_rate(objective, 10), expected, rtol=1e-5)


def test_where_nothing_bends_any_rate_is_stable():
    flat = LeastSquares(np.zeros((3, 2)), np.zeros(3), intercept=False)
    assert largest_stable_rate(flat) == np.inf
    assert safe_rate(flat) == 1.0


@pytest.mark.parametrize(
    ("objective", "batch_size", "error", "message"),
    [
        (DoubleWell(), None, TypeError, "objective must know the bounds of its curvature, which"),
        (
            TrigonometricSurface([[1.0]], [1.0]),
            None,
            TypeError,
            "objective must have a bounded curvature, which",
        ),
        (LeastSquares([[1e200]], [1.0]), None, ValueError, "objective's curvature overflows"),
        (LeastSquares([[1.0]], [1.0]), 2, ValueError, "batch_size must be from 1 to 1, not 2"),
    ],
)
def test_what_has_no_safe_rate_is_refused(objective, batch_size, error, message):
    with pytest.raises(error, match=message):
        safe_rate(objective, batch_size)
