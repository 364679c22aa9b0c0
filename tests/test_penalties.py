import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mbgd_lib import LeastSquares, Logistic, QuadraticBowl, Softmax, check_gradient, descend
from mbgd_lib.objectives import Penalised


def some_rows(classes=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 4)), rng.integers(classes, size=60)


@pytest.mark.parametrize("intercept", [True, False])
def test_gradient_agrees_with_finite_differences(intercept):
    X, y = some_rows()
    rng = np.random.default_rng(1)
    for problem in (
        LeastSquares(X, y, intercept=intercept),
        Logistic(X, y > 0, intercept=intercept),
        Softmax(X, y, intercept=intercept),
    ):
        penalised = Penalised(problem, 0.3)
        weights = rng.normal(size=problem.weights_shape)
        assert check_gradient(penalised, weights) < 1e-7
        rows = np.array([1, 5, 9])
        slopes = weights[1:] if intercept else weights
        difference = penalised.value(weights, rows) - problem.value(weights, rows)
        assert difference == pytest.approx(0.15 * np.sum(slopes**2))


def test_it_has_scikit_learns_minimum():
    X, y = some_rows()
    penalised = Penalised(Softmax(X, y), 1 / (0.5 * 60))
    model = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(X, y)
    best = np.vstack([model.intercept_, model.coef_.T])
    assert np.abs(penalised.gradient(best)).max() < 1e-5
    run = descend(penalised, np.zeros((5, 3)), learning_rate=0.5, epochs=500)
    assert penalised.value(run.weights) == pytest.approx(penalised.value(best), abs=1e-8)


def test_the_type_of_the_weights_is_kept():
    X, y = some_rows()
    penalised = Penalised(Softmax(X.astype(np.float32), y), 0.1)
    weights = np.ones((5, 3), dtype=np.float32)
    assert penalised.gradient(weights).dtype == np.float32
    assert penalised.n_rows == 60
    assert penalised.weights_shape == (5, 3)


def test_it_refuses():
    X, y = some_rows()
    with pytest.raises(ValueError, match="strength must be a finite number above 0"):
        Penalised(Softmax(X, y), 0)
    with pytest.raises(TypeError, match="objective must be a loss of linear scores"):
        Penalised(QuadraticBowl([[1.0]]), 0.1)
