import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbgd_lib import LeastSquares, Softmax, minibatches
from mbgd_lib.instruments import noise


@pytest.fixture
def objective():
    rng = np.random.default_rng(0)
    return LeastSquares(rng.normal(size=(40, 3)), rng.normal(size=40))


@pytest.fixture
def weights():
    return np.array([0.5, -1.0, 2.0, 0.3])


def test_row_gradients_average_to_the_full_gradient(objective, weights):
    gradients = noise.row_gradients(objective, weights)

    assert gradients.shape == (40, 4)
    assert_allclose(gradients.mean(axis=0), objective.gradient(weights), rtol=1e-12)
    assert_allclose(gradients[7], objective.gradient(weights, np.array([7])))


def test_row_gradients_of_some_rows_and_of_a_matrix_of_weights():
    objective = Softmax(np.eye(4), [0, 1, 2, 1])
    gradients = noise.row_gradients(objective, np.zeros((5, 3)), rows=[3, 0])

    assert gradients.shape == (2, 5, 3)
    assert_allclose(gradients[0], objective.gradient(np.zeros((5, 3)), [3]))


def test_covariance_is_that_of_numpy(objective, weights):
    gradients = noise.row_gradients(objective, weights)

    covariance = noise.gradient_covariance(objective, weights)

    assert_allclose(covariance, np.cov(gradients, rowvar=False, bias=True), rtol=1e-10)


@pytest.mark.parametrize("rows", [None, np.arange(5, 25)])
def test_variance_is_the_trace_of_the_covariance(objective, weights, rows):
    squared_mean, trace = noise.gradient_variance(objective, weights, rows)

    covariance = noise.gradient_covariance(objective, weights, rows)
    assert trace == pytest.approx(np.trace(covariance), rel=1e-10)
    assert squared_mean == pytest.approx(np.sum(objective.gradient(weights, rows) ** 2))


def test_noise_scale_is_infinite_at_a_minimum_and_the_quotient_elsewhere(objective, weights):
    squared_mean, trace = noise.gradient_variance(objective, weights)
    assert noise.noise_scale(objective, weights) == pytest.approx(trace / squared_mean)

    exact = LeastSquares([[1.0], [2.0]], [1.0, 2.0])
    assert noise.noise_scale(exact, np.array([0.0, 1.0])) == float("inf")


@pytest.mark.parametrize("replacement", [True, False])
def test_batch_variance_is_what_many_batches_show(objective, weights, replacement):
    full = objective.gradient(weights)
    _, trace = noise.gradient_variance(objective, weights)
    rng = np.random.default_rng(1)
    order = "with_replacement" if replacement else "reshuffle"

    batches = [next(minibatches(40, 16, order=order, seed=rng)) for _ in range(4000)]
    errors = [np.sum((objective.gradient(weights, rows) - full) ** 2) for rows in batches]

    expected = noise.batch_variance(trace, 16, 40, replacement=replacement)
    assert np.mean(errors) == pytest.approx(expected, rel=0.08)


def test_a_batch_of_all_rows_has_no_error():
    assert noise.batch_variance(3.0, 10, 10, replacement=False) == 0
    assert noise.batch_variance(3.0, 1, 1, replacement=False) == 0
    assert noise.batch_variance(3.0, 10, 10, replacement=True) == 0.3
    assert noise.batch_variance(3.0, 20, 10, replacement=True) == 0.15


def test_bad_input_is_named(objective, weights):
    with pytest.raises(ValueError, match="batch_size must be from 1 to 10, not 11"):
        noise.batch_variance(1.0, 11, 10, replacement=False)


def weighted_by_hand(objective, weights):
    hessian, covariance = objective.hessian(), noise.gradient_covariance(objective, weights)
    mean = objective.gradient(weights)
    return np.trace(hessian @ covariance) / (mean @ hessian @ mean)


def test_curvature_noise_scale_is_the_formula(objective, weights):
    found = noise.curvature_noise_scale(objective, weights, rows=4000, seed=0)
    assert found == pytest.approx(weighted_by_hand(objective, weights), rel=0.08)


def test_equal_curvatures_make_the_two_noise_scales_equal():
    # One row per direction and intercept-free: the Hessian is the identity, over n.
    objective = LeastSquares(np.eye(3), [1.0, 2.0, -1.0], intercept=False)
    at = np.array([0.3, 0.1, 0.2])
    found = noise.curvature_noise_scale(objective, at, rows=4000, seed=0)
    assert found == pytest.approx(noise.noise_scale(objective, at), rel=0.08)


def test_curvature_noise_scale_of_some_rows(objective, weights):
    every = noise.curvature_noise_scale(objective, weights, rows=500, seed=0)
    half = noise.curvature_noise_scale(objective, weights, rows=500, hessian_rows=20, seed=0)
    assert half != every
    assert half == pytest.approx(every, rel=1)


def test_curvature_noise_scale_at_the_minimum_and_without_noise(objective):
    # At the minimum the gradient is rounding; where all rows agree there is no noise.
    scale = noise.curvature_noise_scale(objective, objective.solution(), seed=0)
    assert scale > 1e12
    agreed = LeastSquares([[1.0], [1.0]], [2.0, 2.0])
    assert noise.curvature_noise_scale(agreed, np.zeros(2), seed=0) == 0
    assert noise.curvature_noise_scale(agreed, np.array([2.0, 0.0]), seed=0) == np.inf


@pytest.mark.parametrize("argument", ["rows", "hessian_rows"])
def test_curvature_noise_scale_refuses(objective, weights, argument):
    with pytest.raises(ValueError, match=f"{argument} must be at least 1"):
        noise.curvature_noise_scale(objective, weights, **{argument: 0})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_variance_survives_gradients_that_hardly_differ(dtype):
    rng = np.random.default_rng(0)
    X = (1 + 1e-3 * rng.normal(size=(200, 3))).astype(dtype)
    y = np.full(200, 30, dtype)
    _, trace = noise.gradient_variance(LeastSquares(X, y), np.zeros(4, dtype))
    exact = noise.gradient_covariance(LeastSquares(X.astype(float), y.astype(float)), np.zeros(4))
    assert trace == pytest.approx(np.trace(exact), rel=1e-2)


def test_equal_rows_have_no_variance():
    objective = LeastSquares(np.full((200, 3), 1.1), np.full(200, 0.3))
    _, trace = noise.gradient_variance(objective, np.zeros(4))
    assert 0 <= trace < 1e-20


def softmax_hessian_by_hand(objective, weights):
    """Return the Hessian over the flattened weights, row by row from its definition."""
    X = np.column_stack([np.ones(objective.n_rows), objective.X])
    if not objective.intercept:
        X = objective.X
    total = 0
    for x in X:
        powers = np.exp(x @ weights)
        p = powers / powers.sum()
        total = total + np.kron(np.outer(x, x), np.diag(p) - np.outer(p, p))
    return total / objective.n_rows


@pytest.mark.parametrize("intercept", [True, False])
def test_the_exact_scale_of_softmax_is_the_formula(intercept):
    rng = np.random.default_rng(3)
    # More rows than are taken at a time, so that the pieces must be put together.
    objective = Softmax(rng.normal(size=(700, 3)), rng.integers(4, size=700), intercept=intercept)
    places = [rng.normal(size=objective.weights_shape), np.zeros(objective.weights_shape)]

    found = noise.softmax_curvature_noise_scales(objective, places)

    for scale, at in zip(found, places, strict=True):
        hessian = softmax_hessian_by_hand(objective, at)
        mean = objective.gradient(at).ravel()
        noisy = np.trace(hessian @ noise.gradient_covariance(objective, at))
        assert scale == pytest.approx(noisy / (mean @ hessian @ mean), rel=1e-9)
        sampled = noise.curvature_noise_scale(objective, at, rows=3000, seed=0)
        assert scale == pytest.approx(sampled, rel=0.1)


def test_the_exact_scale_of_softmax_without_gradient_or_noise():
    # Each label at each row: at zero weights the gradient is exactly zero.
    even = Softmax([[1.0], [1.0]], [0, 1])
    assert noise.softmax_curvature_noise_scales(even, [np.zeros((2, 2))]) == [np.inf]
    agreed = Softmax([[1.0], [1.0]], [1, 1])
    assert_allclose(noise.softmax_curvature_noise_scales(agreed, [np.zeros((2, 2))]), 0, atol=1e-12)
