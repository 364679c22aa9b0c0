"""Chapter 4's numbers: those stored in the notebook, and the same laws on other seeds.

nbval checks that a run gives what is stored; here what is stored must agree with theory.
"""

import inspect
import re

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from mbgd_lib import LeastSquares, Softmax, data, descend, minibatches, steps
from mbgd_lib.instruments.noise import row_gradients
from mbgd_lib.instruments.orders import spread_classes, through_buffer
from mbgd_lib.instruments.predictions import percent_right
from mbgd_lib.mnist import load_mnist


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("04_shuffling")


# --- What is stored agrees with theory ---


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        ("share_nines", 100, 1),
        ("missed", 100 / np.e, 0.3),
        ("missed_theory", 100 / np.e, 0.1),
        ("slope_replaced", 1, 0.1),
        ("slope_once", 2, 0.1),
        ("slope_new", 3, 0.1),
        ("slope_mirrored", 5, 0.2),
        ("of_runs", 1, 0.1),
        ("lost", 25, 1),
        ("weighed_slope", 3, 0.1),
    ],
)
def test_a_stored_number_is_what_theory_says(glued, name, expected, tolerance):
    assert number(glued[name]) == pytest.approx(expected, abs=tolerance)


def test_a_small_last_batch_costs_a_little_more_than_the_formula_says(glued):
    low, high = interval(glued["partial_cost_interval"])
    assert number(glued["partial_theory"]) <= low < number(glued["partial_cost"]) < high
    assert high < 1.3 * number(glued["partial_theory"])


def test_the_rows_own_error_is_that_of_many_fits(glued):
    """What 1,000 rows leave open, by fits to other rows; and where a floor stands to it."""
    truth = LeastSquares(*data.noisy_line(100_000, seed=9000))
    least = truth.value(truth.solution())
    fits = [LeastSquares(*data.noisy_line(seed=9001 + k)).solution() for k in range(200)]
    left_open = np.mean([truth.value(fit) for fit in fits]) - least
    assert left_open == pytest.approx(2 * 2 * least / 2000, rel=0.2)
    of_replaced = 0.032 / (4 * 40) * 2 * least * np.trace(truth.hessian())
    assert number(glued["worst_share"]) == pytest.approx(100 * of_replaced / left_open, rel=0.25)


def test_no_number_is_stored_without_a_digit(glued):
    assert len(glued) > 30
    numbers = {name: text for name, text in glued.items() if text not in ("True", "False")}
    assert [n for n, text in numbers.items() if not re.search(r"\d", text)] == []


# --- The same on seeds that the notebook does not use ---


@pytest.fixture(scope="module")
def digits():
    images, labels = load_mnist("sample", split="train")
    images = images.astype(np.float32) / 255
    tested = load_mnist("sample", split="test")
    return Softmax(images, labels), tested[0].astype(np.float32) / 255, tested[1]


def accuracy(digits, order):
    problem, images, labels = digits
    weights = np.zeros(problem.weights_shape, np.float32)
    for epoch in range(5):
        for rows in order(np.random.default_rng(9000 + epoch)).reshape(-1, 40):
            weights = weights - 0.1 * problem.gradient(weights, rows)
    return percent_right(weights, images, labels)


def test_buffers_mix_what_lies_as_near_as_they_are_long(digits, glued):
    by_class = np.argsort(digits[0].y, kind="stable")
    found = [
        accuracy(digits, lambda rng, k=size: through_buffer(by_class, k, rng))
        for size in (1, 100, 1000, 3000, 10_000)
    ]
    assert abs(found[1] - found[0]) < 6
    assert found[0] + 10 < found[2] < found[3] - 10
    assert found[3] > found[4] - 6
    stored = [number(glued[f"buffer_{size}"]) for size in (100, 1000, 3000)]
    np.testing.assert_allclose(stored, found[1:4], atol=8)  # other test images


def test_stratified_batches_lose_the_variance_between_classes(digits, glued):
    problem = digits[0]
    at_zero = np.zeros(problem.weights_shape, np.float32)
    gradients = row_gradients(problem, at_zero, np.arange(3000)).reshape(3000, -1)
    labels = problem.y[:3000]
    within = sum(
        (labels == digit).mean() * gradients[labels == digit].var(axis=0).sum()
        for digit in range(10)
    )
    share = 100 * (1 - within / gradients.var(axis=0).sum())
    assert number(glued["between_start"]) == pytest.approx(share, abs=3)
    order = spread_classes(labels, 9000)[:2960].reshape(74, 40)
    batches = np.array([gradients[rows].mean(axis=0) for rows in order])
    of_batches = np.mean(np.square(batches - gradients.mean(axis=0)).sum(axis=1))
    assert of_batches == pytest.approx(within / 40, rel=0.15)


def test_a_saved_order_loses_no_row_and_a_new_one_a_quarter():
    line = LeastSquares(*data.noisy_line())
    settings = {"learning_rate": 0.01, "batch_size": 40}
    loop = steps(line, [0, 0], seed=9000, **settings)
    used = [next(loop).rows for _ in range(7)]
    loop = steps(line, loop.state, **settings)
    used += [next(loop).rows for _ in range(18)]
    assert sorted(np.concatenate(used)) == list(range(1000))
    one, other = (np.concatenate(list(minibatches(1000, 500, seed=seed))) for seed in (9000, 9001))
    assert len(np.unique([*one[:500], *other[500:]])) == pytest.approx(750, abs=40)


# --- What the table says of scikit-learn ---


@pytest.mark.parametrize("estimator", [SGDRegressor, SGDClassifier, MLPRegressor, MLPClassifier])
def test_scikit_learn_shuffles_by_default(estimator):
    assert inspect.signature(estimator).parameters["shuffle"].default is True


def test_sgdregressor_takes_single_rows_and_unshuffled_walks_our_path():
    X, y = data.noisy_line(200)
    settings = {"learning_rate": "constant", "eta0": 0.01, "penalty": None}
    settings |= {"max_iter": 3, "tol": None, "random_state": 0}
    ours = descend(
        LeastSquares(X, y), [0, 0], order="sequential", learning_rate=0.01, batch_size=1, epochs=3
    ).weights
    for shuffle, same in ((False, True), (True, False)):
        model = SGDRegressor(shuffle=shuffle, **settings).fit(X, y)
        theirs = [*model.intercept_, *model.coef_]
        assert np.allclose(theirs, ours, atol=1e-12) == same


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_mlpregressor_keeps_the_rows_of_a_small_last_batch():
    assert inspect.signature(MLPRegressor).parameters["batch_size"].default == "auto"
    X, y = data.noisy_line()
    model = MLPRegressor(hidden_layer_sizes=(2,), batch_size=300, max_iter=3, random_state=0).fit(
        X, y
    )
    assert model.t_ == 3000
