"""Chapter 6's numbers: those stored in the notebook, and the same laws on other seeds.

nbval checks that a run gives what is stored; here what is stored must agree with theory, with
scikit-learn, or with a computation of its own.
"""

import json

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from mbgd_lib import LeastSquares, Logistic, Softmax, descend, schedules
from mbgd_lib.instruments.curvature import sharpness
from mbgd_lib.instruments.statistics import reliability, wilson_interval
from mbgd_lib.mnist import load_mnist
from mbgd_lib.objectives import Penalised, softmax
from mbgd_lib.show.portable import weights_from_json
from sweeps import digit_weights, store, variants


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("06_logistic_mnist")


@pytest.fixture(scope="module")
def sample():
    images, labels = load_mnist("sample")
    test_images, test_labels = load_mnist("sample", split="test")
    return (
        (images / 255).astype(np.float32),
        labels,
        (test_images / 255).astype(np.float32),
        test_labels,
    )


@pytest.fixture(scope="module")
def sweep():
    return store.load("variants")


@pytest.fixture(scope="module")
def model():
    """Return the weights that the chapter looks inside."""
    return digit_weights.trained()


# --- The loss ---


def test_where_the_usual_code_fails(glued):
    assert number(glued["ceiling"]) == pytest.approx(-np.log(1e-15), abs=0.05)
    # 1 - p is rounded to 0 where exp(-s) is below half the spacing of numbers under 1.
    for name, kind in (("zero_64", np.float64), ("zero_32", np.float32)):
        assert number(glued[name]) == pytest.approx(-np.log(np.finfo(kind).eps / 2), abs=0.7)


def test_the_tutorials_loss_equals_ours_up_to_its_ceiling():
    scores = np.linspace(-30, 30, 301)
    p = 1 / (1 + np.exp(-scores))
    for y in (0, 1):
        theirs = -(y * np.log(p + 1e-15) + (1 - y) * np.log(1 - p + 1e-15))
        ours = [Logistic([[s]], [y], intercept=False).value(np.ones(1)) for s in scores]
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-12)
    far = Logistic([[1e4]], [0], intercept=False)
    assert far.value(np.ones(1)) == 1e4


# --- Tutorial 003 ---


def tutorial(digits=(0, 1), scale="normalised"):
    images, labels = load_mnist("sample", digits=digits)
    X, y = images[:1000].astype(float), (labels[:1000] == digits[1]).astype(int)
    X = (X - X.mean()) / X.std() if scale == "normalised" else X / 255
    return train_test_split(X, y, test_size=0.2, random_state=42)


def printed_loop(X, y, seed, rate=0.1, epochs=10):
    """Run the tutorial's arithmetic, in a loop of our own, and return its loss per epoch."""
    rng = np.random.default_rng(seed)
    slopes, intercept, losses = np.zeros(X.shape[1]), 0.0, []
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for start in range(0, len(y), 32):
            rows = order[start : start + 32]
            error = 1 / (1 + np.exp(-(X[rows] @ slopes + intercept))) - y[rows]
            slopes = slopes - rate * X[rows].T @ error / len(rows)
            intercept -= rate * error.mean()
        p = 1 / (1 + np.exp(-(X @ slopes + intercept)))
        losses.append(-np.mean(y * np.log(p + 1e-15) + (1 - y) * np.log(1 - p + 1e-15)))
    return np.array(losses), slopes, intercept


def test_its_rows_are_the_first_zeros_and_ones():
    images, labels = load_mnist("sample")
    chosen = np.flatnonzero(labels < 2)[:1000]
    assert len(chosen) == 1000
    only, _ = load_mnist("sample", digits=(0, 1))
    assert np.array_equal(only[:1000], images[chosen])


@pytest.mark.parametrize("seed", [1001, 1002, 1003])
def test_the_printed_program_does_far_better_than_its_printed_output(glued, seed):
    X, X_test, y, y_test = tutorial()
    losses, slopes, intercept = printed_loop(X, y, seed)
    assert losses[0] == pytest.approx(number(glued["ours_first"]), rel=0.4)
    assert losses[9] == pytest.approx(number(glued["ours_tenth"]), rel=0.2)
    assert losses[9] < 0.1892 / 100
    accuracy = 100 * ((X_test @ slopes + intercept > 0) == y_test).mean()
    assert accuracy == number(glued["ours_accuracy"])


def test_no_rate_gives_the_printed_losses(glued):
    X, _, y, _ = tutorial()
    problem = Logistic(X.astype(np.float32), y)
    start = np.zeros(785, dtype=np.float32)
    ratios = []
    for rate in np.geomspace(2e-5, 2e-2, 40):
        run = descend(problem, start, learning_rate=rate, batch_size=32, epochs=10, seed=5)
        ratios.append(np.abs(np.log(run.epoch_losses[[1, 2, 10]] / [0.4123, 0.3567, 0.1892])).max())
    assert np.exp(min(ratios)) > 1.2
    assert number(glued["best_factor"]) > 1.2
    assert number(glued["least_accuracy"]) > 98
    assert number(glued["other_factor"]) < 1.15


def test_the_safe_rate_of_its_rows(glued):
    X, _, _, _ = tutorial()
    rows = np.column_stack([np.ones(800), X])
    largest = np.linalg.eigvalsh(rows.T @ rows / 800)[-1]
    assert number(glued["safe_003"]) == pytest.approx(8 / largest, abs=5e-4)
    assert number(glued["over_003"]) == pytest.approx(0.1 * largest / 8, abs=0.06)


def test_the_guard_hides_one_row(glued):
    assert number(glued["raw_reported"]) == pytest.approx(number(glued["ceiling"]) / 200, abs=0.006)
    assert number(glued["raw_wrong"]) == 1
    assert number(glued["raw_true"]) > 50


def test_the_exercises(glued):
    # One epoch of the noiseless line contracts the error; the mean over shuffles is near that
    # of the same number of full-batch steps.
    X = np.column_stack([np.ones(8), np.arange(1.0, 9.0)])
    for name, steps in (("ex1_b", 20), ("ex2_b", 10)):
        weights = np.zeros(2)
        for _ in range(steps):
            weights = weights - 0.01 * X.T @ (X @ weights - 2 * X[:, 1]) / 8
        assert number(glued[name]) == pytest.approx(weights[0], abs=0.04)
    assert number(glued["ex_better"]) == 100
    assert 0.6 < number(glued["ex3_loss"]) < np.log(2)
    assert not 1.5 < number(glued["ex3_boundary"]) < 2


# --- Ten digits ---


def test_the_training_rows_can_be_separated_so_the_loss_has_no_minimum(sample, sweep, glued):
    X, labels, _, _ = sample
    assert sweep["unpenalised"]["right"] == 10_000 == number(glued["free_right"])
    assert sweep["unpenalised"]["least_margin"] > 1
    few = X[:500]
    model = LogisticRegression(C=1e6, max_iter=2000).fit(few, labels[:500])
    weights = np.vstack([model.intercept_, model.coef_.T])
    problem = Softmax(few.astype(float), labels[:500])
    assert model.score(few, labels[:500]) == 1
    assert problem.value(2 * weights) < problem.value(weights) / 2


def test_wilson_intervals_are_those_of_the_counts(glued):
    low, high = wilson_interval(round(20 * number(glued["accuracy_solver"])), 2000)
    assert interval(glued["accuracy_solver_interval"]) == pytest.approx(
        (100 * low, 100 * high), abs=0.11
    )


def test_the_smaller_rate_ends_at_the_better_test_loss(sample, glued):
    X, labels, X_test, test_labels = sample
    training, test = Softmax(X, labels), Softmax(X_test, test_labels)
    start = np.zeros((785, 10), dtype=np.float32)
    rate = number(glued["chosen_rate"])
    ends = {}
    for divisor in (1, 8):
        settings = {"learning_rate": rate / divisor, "batch_size": 64, "epochs": 16}
        run = descend(training, start, seed=77, record_epoch_losses=False, **settings)
        ends[divisor] = test.value(run.weights)
        wide = 0.08 if divisor == 1 else 0.02
        name = "test_fast" if divisor == 1 else "test_slow"
        assert ends[divisor] == pytest.approx(number(glued[name]), abs=wide)
    assert ends[8] < ends[1]


# --- Against the solver ---


def test_the_stored_least_loss_is_the_least(sample, sweep):
    X, labels, _, _ = sample
    penalised = Penalised(Softmax(X.astype(float), labels), sweep["settings"]["strength"])
    C = 1 / (sweep["settings"]["strength"] * 10_000)
    model = LogisticRegression(C=C, max_iter=1000).fit(X, labels)
    weights = np.vstack([model.intercept_, model.coef_.T]).astype(float)
    above = penalised.value(weights) - sweep["least_loss"]
    # Convexity, with the slopes' curvature of at least the strength, bounds the gap from above.
    bound = np.sum(penalised.gradient(weights) ** 2) / (2 * sweep["settings"]["strength"])
    assert 0 < above < min(2e-4, 1.5 * bound)


def test_our_run_ends_where_the_text_says(sample, model, sweep, glued):
    X, labels, X_test, test_labels = sample
    penalised = Penalised(Softmax(X, labels), sweep["settings"]["strength"])
    gap = penalised.value(model) - sweep["least_loss"]
    assert gap == pytest.approx(number(glued["gap_ours"]), abs=3e-4)
    assert gap > 5 * number(glued["gap_sklearn"]) > 0
    right = (X_test @ model[1:] + model[0]).argmax(axis=1) == test_labels
    assert right.sum() == pytest.approx(number(glued["right_ours"].split(", ")[0]), abs=2)
    assert abs(right.sum() - number(glued["right_sklearn"])) < 15
    assert number(glued["mistakes"]) == pytest.approx(2000 - right.sum(), abs=2)


def test_the_kept_weights_are_those_of_the_run(model):
    kept = store.load("digit_weights")["model"]
    read, mean, scale = weights_from_json(json.dumps(kept))
    units = np.array(kept["units"])
    assert (mean, scale) == (0, 255)
    assert (np.abs(read[1:] - model[1:]) <= 1.5 * units).all()
    np.testing.assert_allclose(read[0], model[0], atol=1e-4)


# --- Confidence ---


def test_confidence_too_modest_with_penalty_too_sure_without(sample, model, glued):
    X, labels, X_test, test_labels = sample
    start = np.zeros((785, 10), dtype=np.float32)
    settings = {"learning_rate": 0.71, "batch_size": 64, "epochs": 16}
    free = descend(Softmax(X, labels), start, seed=78, record_epoch_losses=False, **settings)
    excesses = []
    for weights in (model, free.weights):
        chances = softmax(X_test @ weights[1:] + weights[0])
        right = chances.argmax(axis=1) == test_labels
        excesses.append(100 * (chances.max(axis=1).mean() - right.mean()))
        found = reliability(chances.max(axis=1), right)
        assert 0.01 < found.error < 0.12
    assert excesses[0] < -2 < 1 < excesses[1]
    assert interval(glued["excess_penalised"])[0] > 0
    assert interval(glued["excess_free"])[0] > 0


# --- Steps on pixels ---


@pytest.mark.parametrize("scale", [1, 1 / 255])
@pytest.mark.parametrize("first", [0, 1000, 2000])
def test_no_step_below_the_safe_rate_raises_the_loss(scale, first):
    images, labels = load_mnist("sample")
    X, y = images[first : first + 300] * scale, labels[first : first + 300]
    gram = LeastSquares(X, y).hessian()
    safe = 4 / np.linalg.eigvalsh(gram)[-1]
    problem = Softmax(X, y, n_classes=10)
    losses = descend(problem, np.zeros((785, 10)), learning_rate=safe, epochs=40).epoch_losses
    assert (np.diff(losses) < 0).all()
    wild = descend(problem, np.zeros((785, 10)), learning_rate=40 * safe, epochs=40).epoch_losses
    assert (np.diff(wild) > 0).any()
    start = sharpness(problem, np.zeros((785, 10)), iterations=40, step=1e-4 / scale / 255)
    assert start * safe == pytest.approx(0.4, rel=1e-3)


def test_the_scalings_move_the_limit_as_stored(glued):
    assert number(glued["from_255"]) == pytest.approx(255**2, rel=0.05)
    assert 5 < number(glued["from_centring"]) < 9
    product = number(glued["from_255"]) * number(glued["from_centring"])
    assert number(glued["span_safe"]) == pytest.approx(product, rel=0.03)
    assert 1 < number(glued["quiet_255"]) < number(glued["onset_255"])
    assert number(glued["onset_low"]) > 1
    assert number(glued["sharp_later"]) < 0.1


# --- Momentum, schedule, averaging ---


def test_the_ways_rank_as_the_text_says(glued):
    both, schedule, average, plain = (
        number(glued[f"b64_{name}"]) for name in ("both", "schedule", "average", "plain")
    )
    assert both <= schedule < average < plain
    assert number(glued["momentum_high"]) < 1.2
    assert number(glued["both_ratio"]) < 1
    assert number(glued["times_both"]) < 0.6 * number(glued["times_schedule"])


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
def test_small_batches_gain_more_from_a_schedule_than_from_momentum(sweep, seed):
    gaps = {}
    for way in ("constant", "momentum", "averaging", "schedule"):
        entry = next(e for e in sweep["ways"] if (e["batch_size"], e["way"]) == (64, way))
        budget = next(b for b in entry["budgets"] if b["epochs"] == 8)
        gaps[way] = variants.gap_of(way, 64, budget["best_rate"], 8, seed, sweep["least_loss"])
    assert gaps["schedule"] < gaps["averaging"] < min(gaps["momentum"], gaps["constant"])
    assert gaps["schedule"] < gaps["constant"] / 2.5


def test_ways_are_what_their_names_say():
    # Momentum's rate is that of its steps in the long run, and a schedule ends at zero.
    assert variants.SETTINGS["momentum"] == 0.9
    steps = -(-variants.objective().n_rows // 1024) * 8
    assert schedules.cosine(steps)(steps) == 0
    assert steps == 80


def test_shifted_digits_are_lost_and_found(glued):
    assert number(glued["shifted"]) < 20 < 80 < number(glued["restored"])
    assert number(glued["restored"]) == number(glued["unshifted"])
    assert number(glued["same_digit"]) > 1990
    assert number(glued["kilobytes"]) <= 11
