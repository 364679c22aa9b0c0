import numpy as np
import pytest

from mbgd_lib import LeastSquares, Logistic, QuadraticBowl, Softmax
from mbgd_lib.instruments.curvature import hessian_product, sharpness


def features(seed, n=200, d=5):
    return np.random.default_rng(seed).normal(size=(n, d)) + 0.5


@pytest.mark.parametrize("seed", range(3))
def test_of_least_squares_it_is_the_largest_eigenvalue(seed):
    problem = LeastSquares(features(seed), np.arange(200.0))
    expected = np.linalg.eigvalsh(problem.hessian())[-1]
    assert sharpness(problem, np.ones(6), seed=seed) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_of_softmax_at_zero_weights_it_is_that_of_the_features_over_the_classes(classes):
    X = features(0)
    problem = Softmax(X, np.arange(200) % classes)
    gram = LeastSquares(X, np.zeros(200)).hessian()
    expected = np.linalg.eigvalsh(gram)[-1] / classes
    at_zero = sharpness(problem, np.zeros((6, classes)))
    assert at_zero == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_never_above_the_bounds(seed):
    X, rng = features(seed), np.random.default_rng(seed)
    largest = np.linalg.eigvalsh(LeastSquares(X, np.zeros(200)).hessian())[-1]
    two = Logistic(X, rng.integers(2, size=200))
    many = Softmax(X, rng.integers(4, size=200), n_classes=4)
    for scale in (0, 0.3, 3):
        assert sharpness(two, scale * rng.normal(size=6)) <= largest / 4 * (1 + 1e-6)
        assert sharpness(many, scale * rng.normal(size=(6, 4))) <= largest / 2 * (1 + 1e-6)


def test_a_flat_loss_has_none():
    assert sharpness(QuadraticBowl([[0.0, 0.0], [0.0, 0.0]]), [1.0, 2.0]) == 0


def test_it_refuses():
    bowl = QuadraticBowl([[1.0]])
    with pytest.raises(ValueError, match="iterations must be at least 1"):
        sharpness(bowl, [1.0], iterations=0)
    with pytest.raises(ValueError, match="step must be a finite number above 0"):
        sharpness(bowl, [1.0], step=0.0)
    with pytest.raises(ValueError, match="weights must be finite"):
        sharpness(bowl, [np.nan])


class Kinked:
    """The mean distance from 0: its gradient jumps, and has no slope of its own."""

    n_rows = 1

    def value(self, weights, rows=None):
        return float(np.abs(weights).sum())

    def gradient(self, weights, rows=None):
        return np.sign(weights)


def test_a_kink_has_no_sharpness():
    with pytest.raises(ValueError, match="objective must have second derivatives at the weights"):
        sharpness(Kinked(), [0.0, 0.0])
    assert sharpness(Kinked(), [1.0, -1.0]) == 0.0  # flat, beside the kink


def test_products_with_the_hessian():
    rng = np.random.default_rng(0)
    objective = LeastSquares(rng.normal(size=(30, 4)), rng.normal(size=30))
    vector = rng.normal(size=5)
    rows = np.arange(7)
    part = LeastSquares(objective.X[rows], objective.y[rows])
    for given, hessian in ((None, objective.hessian()), (rows, part.hessian())):
        product = hessian_product(objective, rng.normal(size=5), vector, given)
        np.testing.assert_allclose(product, hessian @ vector, rtol=1e-8)
    assert hessian_product(objective, np.zeros(5), np.zeros(5)).tolist() == [0.0] * 5
    with pytest.raises(ValueError, match=r"vector must have the shape \(5,\), not \(4,\)"):
        hessian_product(objective, np.zeros(5), np.zeros(4))
