"""Chapter 6's numbers: those stored in the notebook, and the same laws on other seeds.

nbval checks that a run gives what is stored; here what is stored must agree with theory, with
scikit-learn, or with a computation of its own.
"""

import json

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number
from sklearn.linear_model import LogisticRegression

from mbgd_lib import LeastSquares, Logistic, Softmax, descend, schedules
from mbgd_lib.instruments.curvature import sharpness
from mbgd_lib.instruments.statistics import wilson_interval
from mbgd_lib.mnist import load_mnist
from mbgd_lib.rates import largest_stable_rate
from mbgd_lib.show.portable import weights_from_json
from sweeps import digit_weights, store, variants


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("06_logistic_mnist")


@pytest.fixture(scope="module")
def halves():
    """Return the images of the library, cut in two halves by a seed that no page uses."""
    parts = load_mnist("sample"), load_mnist("sample", split="test")
    images, labels = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    order = np.random.default_rng(987_654_321).permutation(12_000)
    X, y = (images[order] / 255).astype(np.float32), labels[order]
    return (X[:6000], y[:6000]), (X[6000:], y[6000:])


@pytest.fixture(scope="module")
def sweep():
    return store.load("variants")


# --- The loss ---


def test_where_the_usual_code_fails(glued):
    assert number(glued["ceiling"]) == pytest.approx(-np.log(1e-15), abs=0.05)
    assert number(glued["from_score"]) == 50
    # 1 - p is rounded to 0 where exp(-s) is below half the spacing of numbers under 1.
    edge = -np.log(np.finfo(np.float64).eps / 2)
    assert 30 < edge < 50
    assert 1 - 1 / (1 + np.exp(-edge - 1)) == 0 < 1 - 1 / (1 + np.exp(-edge + 1))


def test_the_usual_loss_equals_ours_up_to_its_ceiling():
    scores = np.linspace(-30, 30, 301)
    p = 1 / (1 + np.exp(-scores))
    for y in (0, 1):
        theirs = -(y * np.log(p + 1e-15) + (1 - y) * np.log(1 - p + 1e-15))
        ours = [Logistic([[s]], [y], intercept=False).value(np.ones(1)) for s in scores]
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-12)
    far = Logistic([[1e4]], [0], intercept=False)
    assert far.value(np.ones(1)) == 1e4


# --- Steps on pixels ---


@pytest.mark.parametrize("scale", [1, 1 / 255])
@pytest.mark.parametrize("first", [0, 1000, 2000])
def test_no_step_below_the_safe_rate_raises_the_loss(scale, first):
    images, labels = load_mnist("sample")
    X, y = images[first : first + 300] * scale, labels[first : first + 300]
    gram = LeastSquares(X, y).hessian()
    safe = 4 / np.linalg.eigvalsh(gram)[-1]
    problem = Softmax(X, y, n_classes=10)
    assert largest_stable_rate(problem) == pytest.approx(safe, rel=1e-3)
    losses = descend(problem, np.zeros((785, 10)), learning_rate=safe, epochs=40).epoch_losses
    assert (np.diff(losses) < 0).all()
    wild = descend(problem, np.zeros((785, 10)), learning_rate=40 * safe, epochs=40).epoch_losses
    assert (np.diff(wild) > 0).any()
    start = sharpness(problem, np.zeros((785, 10)), iterations=40, step=1e-4 / scale / 255)
    assert start * safe == pytest.approx(0.4, rel=1e-3)


def test_the_scalings_move_the_limit_as_stored(glued):
    images, _ = load_mnist("sample")
    rows = np.column_stack([np.ones(500), images[:500] / 255])
    safe = 4 / np.linalg.eigvalsh(rows.T @ rows / 500)[-1]
    assert number(glued["safe_255"]) == pytest.approx(safe, abs=0.015)
    assert number(glued["from_255"]) == pytest.approx(255**2, rel=0.05)
    assert number(glued["onset_low"]) > 1


# --- Training ---


def plain_steps(X, y, rate, batch_size, seed, epochs=1):
    """Softmax regression in a loop of our own."""
    rng, ones = np.random.default_rng(seed), np.ones((len(y), 1))
    rows, hot = np.hstack([ones, X]), np.eye(10)[y]
    weights = np.zeros((785, 10))
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for start in range(0, len(y), batch_size):
            part = order[start : start + batch_size]
            scores = np.exp(rows[part] @ weights)
            error = scores / scores.sum(axis=1, keepdims=True) - hot[part]
            weights -= rate * rows[part].T @ error / len(part)
    return weights


def loss_and_right(weights, X, y):
    scores = X @ weights[1:] + weights[0]
    top = scores.max(axis=1)
    sums = np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top
    return (sums - scores[np.arange(len(y)), y]).mean(), 100 * (scores.argmax(axis=1) == y).mean()


def test_one_pass_and_ten_steps_are_as_stored_in_a_loop_of_our_own(glued, halves):
    training, new = halves
    one = plain_steps(*training, rate=0.5, batch_size=64, seed=77)
    loss, _ = loss_and_right(one, *training)
    ten = plain_steps(*training, rate=1.0, batch_size=6000, seed=0, epochs=10)
    full, _ = loss_and_right(ten, *training)
    assert loss == pytest.approx(number(glued["one_pass"]), abs=0.06)
    assert full == pytest.approx(number(glued["ten_steps"]), abs=0.1)
    assert 1.3 < full / loss < 2.4
    _, right = loss_and_right(plain_steps(*training, 0.35, 64, seed=78), *new)
    assert right == pytest.approx(number(glued["after_one"]), abs=2)


def test_wilson_interval_is_that_of_the_count(glued):
    low, high = wilson_interval(round(60 * number(glued["accuracy_schedule"])), 6000)
    assert interval(glued["accuracy_schedule_interval"]) == pytest.approx(
        (100 * low, 100 * high), abs=0.1
    )


def test_the_stored_least_loss_is_the_least(sweep):
    problem = variants.objective().objective
    C = 1 / (sweep["settings"]["strength"] * problem.n_rows)
    model = LogisticRegression(C=C, tol=1e-5, max_iter=2000).fit(problem.X, problem.y)
    value = variants.objective().value(np.vstack([model.intercept_, model.coef_.T]))
    assert 0 <= value - sweep["least_loss"] + 1e-6 < 1e-4


def test_the_kept_weights_are_those_of_the_run():
    model, kept = digit_weights.trained(), store.load("digit_weights")["model"]
    read, mean, scale = weights_from_json(json.dumps(kept))
    units = np.array(kept["units"])
    assert (mean, scale) == (0, 255)
    assert (np.abs(read[1:] - model[1:]) <= 1.5 * units).all()
    np.testing.assert_allclose(read[0], model[0], atol=1e-4)


# --- Momentum, schedule, averaging ---


@pytest.mark.parametrize("seed", [501, 502])
def test_a_stored_point_of_the_sweep_is_what_the_library_gives(sweep, seed):
    entry = next(
        e for e in sweep["ways"] if (e["batch_size"], e["way"]) == (1024, "schedule and momentum")
    )
    budget = next(b for b in entry["budgets"] if b["epochs"] == 8)
    rate = budget["best_rate"]
    gap = variants.gap_of(entry["way"], 1024, rate, 8, seed, sweep["least_loss"])
    assert min(budget["gaps"]) / 1.5 < gap < max(budget["gaps"]) * 1.5
    again = variants.gap_of(entry["way"], 1024, rate, 8, 100, sweep["least_loss"])
    assert again == pytest.approx(budget["gaps"][0], rel=0.02)


@pytest.mark.parametrize("seed", [601, 602])
def test_a_falling_rate_beats_a_constant_one(halves, seed):
    (X, y), (X_new, y_new) = halves
    problem, found = Softmax(X, y), {}
    for name, rate in (("constant", 0.5), ("schedule", 1.0)):
        falls = schedules.cosine(4 * 94) if name == "schedule" else None
        options = {"learning_rate": rate, "batch_size": 64, "epochs": 4, "schedule": falls}
        start = np.zeros((785, 10), np.float32)
        weights = descend(problem, start, seed=seed, **options).weights
        found[name] = loss_and_right(weights, X, y)[0], loss_and_right(weights, X_new, y_new)[1]
    assert found["schedule"][0] < found["constant"][0]
    assert found["schedule"][1] > found["constant"][1] - 0.3


def test_ways_are_what_their_names_say():
    # Momentum's rate is that of its steps in the long run, and a schedule ends at zero.
    assert variants.SETTINGS["momentum"] == 0.9
    steps = -(-variants.objective().n_rows // 1024) * 8
    assert schedules.cosine(steps)(steps) == 0
    assert steps == 80
