import numpy as np
import pytest

from mbgd_lib import LeastSquares, Logistic, Network, QuadraticBowl, Softmax
from mbgd_lib.instruments.curvature import (
    batch_sharpness,
    hessian_product,
    sharpness,
    steepest_direction,
)


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


def test_the_steepest_direction_is_the_last_eigenvector():
    """Also where the largest eigenvalue in size is negative, as a network's may be."""
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(30, 30)))
    values = np.concatenate([[-9.0], np.linspace(-1, 2, 28), [3.0]])
    bowl = Curved(turn @ np.diag(values) @ turn.T)
    for iterations, start in ((30, None), (300, None), (3, turn[:, -1] + 1e-3)):
        options = {"iterations": iterations, "start": start, "seed": 1}
        curvature, direction = steepest_direction(bowl, np.ones(30), **options)
        assert curvature == pytest.approx(3, rel=1e-5)
        assert abs(direction @ turn[:, -1]) == pytest.approx(1, abs=1e-4)
    assert sharpness(bowl, np.ones(30)) == pytest.approx(-9, rel=1e-5)
    assert steepest_direction(Curved(np.zeros((2, 2))), [1.0, 1.0])[0] == 0
    with pytest.raises(ValueError, match="start must be 30 numbers that are not all 0"):
        steepest_direction(bowl, np.ones(30), start=np.zeros(30))


class Curved:
    """Half of w·Hw for any symmetric H."""

    n_rows = 1

    def __init__(self, hessian):
        self.hessian = hessian

    def value(self, weights, rows=None):
        return float(weights @ self.hessian @ weights / 2)

    def gradient(self, weights, rows=None):
        return self.hessian @ weights


def test_a_networks_steepest_direction_is_that_of_its_whole_hessian():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), rng.integers(3, size=12)
    for loss in ("squares", "softmax"):
        net = Network(X, y, 5, loss=loss)
        weights = rng.normal(size=net.weights_shape)
        rows = [hessian_product(net, weights, one) for one in np.eye(len(weights))]
        expected = np.linalg.eigvalsh(np.array(rows))[-1]
        assert steepest_direction(net, weights)[0] == pytest.approx(expected, rel=1e-6)


def test_single_rows_of_least_squares_have_the_squared_length_of_their_features():
    """A row's Hessian is xxᵀ and its gradient lies along x, wherever the weights are."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    problem = LeastSquares(X, y, intercept=False)
    for weights in rng.normal(size=(3, 3)):
        found = batch_sharpness(problem, weights, 1, batches=40)
        assert found == pytest.approx((X**2).sum(axis=1).mean(), rel=1e-6)


def test_batch_sharpness_is_a_mean_of_ratios_over_the_batches():
    rng = np.random.default_rng(1)
    X, y, weights = rng.normal(size=(12, 3)), rng.normal(size=12), np.ones(4)
    problem = LeastSquares(X, y)
    ratios, sizes = [], []
    for start in range(0, 10, 5):  # two rows are left over
        part = LeastSquares(X[start : start + 5], y[start : start + 5])
        slope = part.gradient(weights)
        ratios.append(slope @ part.hessian() @ slope / (slope @ slope))
        sizes.append(slope @ slope)
    found = batch_sharpness(problem, weights, 5, batches=2, order="sequential")
    assert found == pytest.approx(np.mean(ratios), rel=1e-6)
    assert found != pytest.approx(np.average(ratios, weights=sizes), rel=1e-3)


def test_where_a_step_is_twice_the_inverse_of_batch_sharpness_the_batchs_loss_stays():
    """Of a quadratic: the first and second order terms of the step then cancel."""
    rng = np.random.default_rng(2)
    problem = LeastSquares(rng.normal(size=(9, 3)), rng.normal(size=9))
    rows, weights = np.array([1, 4, 7]), np.ones(4)
    part = LeastSquares(problem.X[rows], problem.y[rows])
    rate = 2 / batch_sharpness(part, weights, 3, batches=1)
    after = weights - rate * problem.gradient(weights, rows)
    assert problem.value(after, rows) == pytest.approx(problem.value(weights, rows), rel=1e-6)


def test_batch_sharpness_of_all_rows_is_at_most_the_sharpness():
    problem = LeastSquares(features(0), np.arange(200.0))
    found = batch_sharpness(problem, np.ones(6), 200, batches=1)
    assert 0 < found <= sharpness(problem, np.ones(6)) * (1 + 1e-6)


def test_batches_without_a_slope_have_no_batch_sharpness():
    solved = LeastSquares([[1.0], [2.0]], [0.0, 0.0], intercept=False)
    assert np.isnan(batch_sharpness(solved, [0.0], 1))
    half = LeastSquares([[1.0], [2.0]], [0.0, 2.0], intercept=False)
    assert batch_sharpness(half, [0.0], 1) == pytest.approx(4.0)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        batch_sharpness(half, [0.0], 0)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_a_relu_network_of_the_same_function_has_another_sharpness(factor):
    """Dinh et al. 2017: what goes into a unit times a, what comes out of it over a."""
    rng = np.random.default_rng(0)
    net = Network(rng.normal(size=(20, 3)), rng.integers(3, size=20), 4, activation="relu")
    weights = net.start(0)
    V, a, W, b = np.split(weights, np.cumsum([12, 4, 12]))
    rescaled = np.concatenate([V * factor, a * factor, W / factor, b])
    np.testing.assert_allclose(net.scores(rescaled), net.scores(weights), rtol=1e-9, atol=1e-9)
    both = [steepest_direction(net, place)[0] for place in (weights, rescaled)]
    assert max(both) > 1.2 * min(both)
