"""The numbers of the page behind chapter 6, a finished digit model, against computations here."""

import json

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number
from sklearn.linear_model import LogisticRegression

from mbgd_lib import Momentum, Penalised, Softmax, descend, schedules
from mbgd_lib.instruments.curvature import sharpness
from mbgd_lib.instruments.statistics import reliability, wilson_interval
from mbgd_lib.mnist import center_digit, load_mnist
from mbgd_lib.objectives import softmax
from mbgd_lib.show.portable import weights_from_json, weights_to_json
from sweeps import digit_weights, store, variants


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("deeper/06_finished_digit_model")


@pytest.fixture(scope="module")
def halves():
    """Return the images of the library, cut in two halves by a seed that no page uses."""
    parts = load_mnist("sample"), load_mnist("sample", split="test")
    images, labels = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    order = np.random.default_rng(123_454_321).permutation(12_000)
    X, y = (images[order] / 255).astype(np.float32), labels[order]
    return (X[:6000], y[:6000]), (X[6000:], y[6000:])


def trained(objective, seed=77):
    """Train in large batches with momentum, at a rate that falls to zero, forty passes."""
    size = objective.n_rows // 6
    return descend(
        objective,
        np.zeros(objective.weights_shape, dtype=np.float32),
        learning_rate=0.0012 * size,
        batch_size=size,
        epochs=40,
        seed=seed,
        schedule=schedules.cosine(240),
        update=Momentum(0.9),
        record_epoch_losses=False,
    ).weights


@pytest.fixture(scope="module")
def model(halves):
    (X, y), _ = halves
    return trained(Penalised(Softmax(X, y), 1e-3))


@pytest.fixture(scope="module")
def free(halves):
    (X, y), _ = halves
    return trained(Softmax(X, y))


def confidence(weights, X, y):
    chances = softmax(X @ weights[1:] + weights[0])
    return chances.max(axis=1), chances.argmax(axis=1) == y


# --- The price, and the minimum ---


def test_a_long_run_needs_a_price(halves, model, free):
    (X, y), (X_new, y_new) = halves
    training, new = Softmax(X, y), Softmax(X_new, y_new)
    assert training.value(free) < training.value(model)
    assert new.value(free) > 1.08 * new.value(model)
    few = Softmax(X[:500].astype(float), y[:500], n_classes=10)
    weights = LogisticRegression(C=1e6, max_iter=2000).fit(X[:500], y[:500])
    rows = np.vstack([weights.intercept_, weights.coef_.T])
    assert few.value(2 * rows) < few.value(rows) / 2  # separable: no minimum


def test_the_run_ends_near_the_least_penalised_loss(halves, model, glued):
    (X, y), _ = halves
    strength = 1e-3
    priced = Penalised(Softmax(X.astype(float), y), strength)
    gradient = priced.gradient(model.astype(float))
    # Convexity, with the slopes' curvature of at least the strength, bounds the gap from above.
    bound = np.sum(gradient[1:] ** 2) / (2 * strength)
    assert bound / priced.value(model) < 0.05
    assert number(glued["gap_finished"]) < 1
    assert number(glued["gap_small"]) < 2 < number(glued["gap_steady"])


def test_wilson_interval_is_that_of_the_count(glued):
    low, high = wilson_interval(round(60 * number(glued["model_right"])), 6000)
    assert interval(glued["model_right_interval"]) == pytest.approx(
        (100 * low, 100 * high), abs=0.11
    )


def test_curvature_at_zero_weights_is_a_fifth_of_the_ceiling(halves, model, glued):
    (X, y), _ = halves
    X, y = X[:600].astype(float), y[:600]
    rows = np.column_stack([np.ones(600), X])
    ceiling = np.linalg.eigvalsh(rows.T @ rows / 600)[-1] / 2
    few = Softmax(X, y, n_classes=10)
    assert sharpness(few, np.zeros((785, 10)), iterations=40) / ceiling == pytest.approx(0.2, 1e-3)
    assert sharpness(few, model.astype(float), iterations=40) < 0.1 * ceiling
    assert number(glued["bend_start"]) == 20


# --- Mistakes and confidence ---


def test_the_first_test_images_are_harder(halves, glued):
    images, labels = load_mnist("sample")
    X, y = (images / 255).astype(np.float32), labels
    first, test_labels = load_mnist("sample", split="test")
    weights = trained(Penalised(Softmax(X[:5000], y[:5000]), 1e-3))
    others = confidence(weights, X[5000:], y[5000:])[1].mean()
    beginning = confidence(weights, (first / 255).astype(np.float32), test_labels)[1].mean()
    assert others - beginning > 0.01
    assert number(glued["of_others"]) > number(glued["of_first"])


def test_modest_with_a_price_too_sure_without(halves, model, free, glued):
    _, (X, y) = halves
    excess = {}
    for name, weights in (("price", model), ("free", free)):
        sure, right = confidence(weights, X, y)
        excess[name] = 100 * (sure.mean() - right.mean())
        assert 0.005 < reliability(sure, right).error < 0.12
    assert excess["price"] == pytest.approx(-number(glued["shortfall"]), abs=1.2)
    assert excess["free"] == pytest.approx(number(glued["sure_excess"]), abs=1.5)


def test_it_is_sure_of_what_is_no_digit(halves, model):
    _, (X, y) = halves
    negative, _ = confidence(model, 1 - X, y)
    nothing, _ = confidence(model, np.zeros((1, 784)), y[:1])
    assert np.median(negative) > 0.75
    assert nothing[0] < 0.5


def test_shifted_digits_are_lost_and_found(halves, model, glued):
    _, (X, y) = halves
    squares = (255 * X[:300]).reshape(-1, 28, 28)
    sheets = np.pad(squares, ((0, 0), (6, 6), (6, 6)))
    moved = sheets[:, 2:30, 2:30].reshape(300, 784) / 255
    back = np.array([center_digit(sheet).ravel() for sheet in sheets]) / 255
    shares = [confidence(model, some, y[:300])[1].mean() for some in (X[:300], moved, back)]
    assert shares[1] < 0.3 < 0.8 < shares[2]
    assert shares[2] == pytest.approx(shares[0], abs=0.02)
    assert glued["few_left"] == "True"


# --- The file, and the stored runs ---


def test_a_byte_for_each_weight_names_the_same_digits(halves, model, glued):
    _, (X, _) = halves
    text = weights_to_json(model)
    packed, _, _ = weights_from_json(text)
    names = [(X @ w[1:] + w[0]).argmax(axis=1) for w in (packed, model)]
    assert np.mean(names[0] == names[1]) > 0.99
    assert len(text) / 1000 == pytest.approx(number(glued["kilobytes"]), abs=0.6)


def test_the_pads_weights_are_those_of_their_run():
    kept = store.load("digit_weights")["model"]
    read, mean, scale = weights_from_json(json.dumps(kept))
    units, model = np.array(kept["units"]), digit_weights.trained()
    assert (mean, scale) == (0, 255)
    assert (np.abs(read[1:] - model[1:]) <= 1.5 * units).all()
    np.testing.assert_allclose(read[0], model[0], atol=1e-4)


def test_stored_passes_lie_between_the_lengths_beside_them(glued):
    ways = {(e["batch_size"], e["way"]): e["budgets"] for e in store.load("variants")["ways"]}
    for name, size, way, target in (
        ("small_falling", 64, "schedule", 1e-3),
        ("large_falling", 1024, "schedule", 1e-3),
        ("large_both", 1024, "schedule and momentum", 1e-3),
        ("small_near", 64, "schedule", 5e-3),
        ("small_average", 64, "averaging", 5e-3),
    ):
        budgets = ways[size, way]
        reached = next(b["epochs"] for b in budgets if np.median(b["gaps"]) <= target)
        before = [b["epochs"] for b in budgets if b["epochs"] < reached][-1]
        assert before - 0.5 <= number(glued[name]) <= reached + 0.5


def test_momentum_alone_needs_fewer_passes_at_a_better_rate(glued):
    least = store.load("variants")["least_loss"]
    gaps = [variants.gap_of("momentum", 1024, 2.83, 36, seed, least) for seed in (801, 802, 803)]
    assert np.median(gaps) < 0.0055
    assert number(glued["momentum_alone"]) == pytest.approx(40, abs=12)
