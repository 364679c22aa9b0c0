"""The tutorials' pages: what they quote is what plain NumPy and theory give.

The arithmetic is written once more here, without the library's loop, and mostly on other seeds.
"""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split

from mbgd_lib.mnist import load_mnist


def with_ones(X):
    return np.column_stack([np.ones(len(X)), X])


def train(A, y, weights, stream, *, rate, size, epochs):
    """Return the weights after mini-batches of least squares; `stream` shuffles."""
    for _ in range(epochs):
        order = stream.permutation(len(y))
        for first in range(0, len(y), size):
            rows = order[first : first + size]
            weights = weights - rate * A[rows].T @ (A[rows] @ weights - y[rows]) / len(rows)
    return weights


def half_mean_square(A, y, weights):
    return ((A @ weights - y) ** 2).mean() / 2


# --- 000: Gaussian points ---


@pytest.fixture(scope="module")
def gaussian():
    rng = np.random.default_rng(4321)
    points = rng.multivariate_normal([5, 6], [[1, 0.95], [0.95, 1.2]], 7200)
    return with_ones(points[:, :1]), points[:, 1]


def test_a_summed_gradient_breaks_where_theory_says(gaussian):
    A, y = gaussian
    predicted = 2 / (0.001 * np.linalg.eigvalsh(A.T @ A / 7200)[-1])
    glued = glued_numbers("tutorials/000_gaussian_points")
    assert number(glued["predicted"]) == pytest.approx(predicted, abs=3)
    ends = {}
    for size in (60, 90):
        stream = np.random.default_rng(5)
        ends[size] = train(A, y, np.zeros(2), stream, rate=0.001 * size, size=size, epochs=3)
    assert np.abs(ends[60]).max() < 10
    assert np.abs(ends[90]).max() > 1e6


def test_the_number_of_empty_and_repeated_rows():
    glued = glued_numbers("tutorials/000_gaussian_points")
    assert number(glued["zeros"]) == 3
    assert number(glued["first_zero"]) == 7200 // 32 + 1
    assert number(glued["twice_7"]) == 7200 % 7
    assert number(glued["twice_5000"]) == 7200 % 5000
    assert glued["all_nan"] == "True"


def test_three_passes_leave_the_flat_direction(gaussian):
    A, y = gaussian
    ends = [
        train(A, y, np.zeros(2), np.random.default_rng(seed), rate=0.032, size=32, epochs=3)
        for seed in range(20)
    ]
    glued = glued_numbers("tutorials/000_gaussian_points")
    assert number(glued["b"]) == pytest.approx(np.median(ends, axis=0)[0], abs=0.15)
    assert number(glued["b"]) < 1 < number(glued["b_least"])


# --- 001: make_regression ---


@pytest.fixture(scope="module")
def regression():
    X, y = make_regression(n_samples=1000, n_features=1, noise=20, random_state=42)
    return train_test_split(with_ones(X), y, test_size=0.2, random_state=42)


def test_001_arrives_where_least_squares_is(regression):
    A, A_test, y, y_test = regression
    stream = np.random.RandomState(42)
    weights = train(A, y, stream.randn(2), stream, rate=0.01, size=32, epochs=100)
    glued = glued_numbers("tutorials/001_make_regression")
    assert number(glued["slope"]) == pytest.approx(weights[1], abs=0.05)
    assert number(glued["error"]) == pytest.approx(
        2 * half_mean_square(A_test, y_test, weights), abs=0.5
    )
    best = np.linalg.lstsq(A, y)[0]
    assert number(glued["error_least"]) == pytest.approx(
        2 * half_mean_square(A_test, y_test, best), abs=0.5
    )


def test_the_lead_at_a_small_rate_is_the_number_of_steps(regression):
    """The full batch's epochs follow from the curvatures; 25 small steps do as much in one."""
    A, _, y, _ = regression
    curvatures, directions = np.linalg.eigh(A.T @ A / 800)
    best = np.linalg.lstsq(A, y)[0]
    offset = directions.T @ (np.random.RandomState(42).randn(2) - best)
    goal = 0.01 * half_mean_square(A, y, best)
    steps = np.arange(400)[:, None]
    gaps = 0.5 * (curvatures * ((1 - 0.01 * curvatures) ** steps * offset) ** 2).sum(axis=1)
    glued = glued_numbers("tutorials/001_make_regression")
    assert number(glued["full_slow"]) == (gaps <= goal).argmax()
    assert number(glued["lead_slow"]) == 25
    assert number(glued["limit"]) == pytest.approx(2 / curvatures[-1], abs=0.005)


def test_a_batch_errs_less_by_its_size():
    for page, n, size in (("001_make_regression", 800, 32), ("004_points_around_a_line", 1000, 64)):
        glued = glued_numbers(f"tutorials/{page}")
        name = {32: "noise", 64: "quieter"}[size]
        assert number(glued[name]) == pytest.approx(size * (n - 1) / (n - size), rel=0.1)


def test_one_order_is_worse_than_new_ones_by_what_theory_says():
    glued = glued_numbers("tutorials/001_make_regression")
    assert number(glued["once"]) == pytest.approx(number(glued["once_theory"]), rel=0.2)
    assert number(glued["once_gap"]) < 30


def test_twice_the_step_arrives_as_much_sooner_and_ends_eight_times_as_far_off(regression):
    """Keras has no factor ½. With new orders the scatter grows with the cube of the rate."""
    A = regression[0]
    curvatures = np.linalg.eigvalsh(A.T @ A / 800)
    sooner = np.log(1 - 0.02 * curvatures) / np.log(1 - 0.01 * curvatures)
    glued = glued_numbers("tutorials/001_make_regression")
    assert number(glued["sooner"]) == pytest.approx(sooner.mean(), abs=0.1)
    assert number(glued["further"]) == pytest.approx(2**3, abs=1)


# --- 002: two surfaces ---


def test_the_coded_gradient_is_twice_that_of_the_formula():
    r = np.array([-81.0, -20.0, 5.0, 60.0])
    angle, h = np.pi * r / 50, 1e-5
    of_formula = (
        (r + h) ** 2 * np.sin(np.pi * (r + h) / 50) - (r - h) ** 2 * np.sin(np.pi * (r - h) / 50)
    ) / (4 * h)
    coded = r * (2 * np.sin(angle) + angle * np.cos(angle))
    np.testing.assert_allclose(coded, 2 * of_formula, rtol=1e-6)
    glued = glued_numbers("tutorials/002_two_surfaces")
    assert glued["doubled"] == "True"
    assert number(glued["beyond_formula"]) <= 3
    assert number(glued["beyond_doubled"]) >= 10


def test_the_break_leaves_the_inner_loop_only():
    X, y = make_regression(n_samples=1000, n_features=1, noise=5, bias=2, random_state=42)
    A, after, made = with_ones(X), [], []
    for seed in range(8):
        rng = np.random.default_rng(seed + 900)
        weights, steps, first = rng.uniform(-50, 50, 2), 0, None
        for _ in range(100):
            order = rng.permutation(1000)
            for rows in np.split(order, 20):
                step = 0.1 * A[rows].T @ (A[rows] @ weights - y[rows]) / 50
                weights, steps = weights - step, steps + 1
                if np.linalg.norm(step) < 0.03:
                    first = first or steps
                    break
        made.append(steps)
        after.append(steps - first)
    glued = glued_numbers("tutorials/002_two_surfaces")
    assert number(glued["steps"]) == pytest.approx(np.median(made), rel=0.15)
    share = 100 * np.median(np.divide(after, made))
    assert number(glued["after"]) == pytest.approx(share, abs=2)


# --- 003: zeros and ones ---


@pytest.fixture(scope="module")
def digits():
    images, labels = load_mnist("sample", digits=(0, 1))
    X = images[:1000].astype(float)
    X = (X - X.mean()) / X.std()
    return train_test_split(with_ones(X), labels[:1000], test_size=0.2, random_state=42)


def test_the_printed_program_does_far_better_than_its_printed_output(digits):
    A, A_test, y, y_test = digits
    rng, weights, losses = np.random.default_rng(1001), np.zeros(785), []
    for _ in range(10):
        order = rng.permutation(800)
        for first in range(0, 800, 32):
            rows = order[first : first + 32]
            p = 1 / (1 + np.exp(-A[rows] @ weights))
            weights = weights - 0.1 * A[rows].T @ (p - y[rows]) / 32
        p = 1 / (1 + np.exp(-A @ weights))
        losses.append(-np.mean(y * np.log(p + 1e-15) + (1 - y) * np.log(1 - p + 1e-15)))
    glued = glued_numbers("tutorials/003_zeros_and_ones")
    assert losses[0] == pytest.approx(number(glued["first"]), rel=0.4)
    assert losses[9] == pytest.approx(number(glued["tenth"]), rel=0.2)
    right = 100 * ((A_test @ weights > 0) == y_test).mean()
    assert right == pytest.approx(number(glued["accuracy"]), abs=0.6)


def test_the_guard_hides_one_row():
    glued = glued_numbers("tutorials/003_zeros_and_ones")
    assert number(glued["reported"]) == pytest.approx(-np.log(1e-15) / 200, abs=0.006)
    assert number(glued["hidden"]) > 300


def test_the_exercises():
    """As many full-batch steps as the exercises take come near the mean over shuffles."""
    glued = glued_numbers("tutorials/003_zeros_and_ones")
    A = with_ones(np.arange(1.0, 9.0))
    y, weights = 2 * A[:, 1], np.zeros(2)
    for _ in range(20):
        weights = weights - 0.01 * A.T @ (A @ weights - y) / 8
    assert number(glued["intercept"]) == pytest.approx(weights[0], abs=0.1)
    stored = unshuffled(A, y)
    ends = [
        train(A, y, np.zeros(2), np.random.default_rng(seed), rate=0.01, size=2, epochs=5)
        for seed in range(300)
    ]
    errors = [2 * half_mean_square(A, y, end) for end in ends]
    assert np.mean(errors < stored) > 0.98
    assert number(glued["below_fifth"]) >= 99
    assert number(glued["below_third"]) <= 1


def unshuffled(A, y):
    class InOrder:
        permutation = staticmethod(np.arange)

    end = train(A, y, np.zeros(2), InOrder, rate=0.01, size=2, epochs=5)
    return 2 * half_mean_square(A, y, end)


# --- 004: points around a line ---


def test_004_stops_early():
    stream = np.random.RandomState(42)
    x = 2 * stream.rand(1000, 1)
    y = 3.5 * x[:, 0] + 1.2 + 0.5 * stream.randn(1000)
    slope, intercept = stream.randn(), stream.randn()
    A = with_ones(x)
    end = train(A, y, np.array([intercept, slope]), stream, rate=0.01, size=64, epochs=20)
    best = np.linalg.lstsq(A, y)[0]
    glued = glued_numbers("tutorials/004_points_around_a_line")
    assert number(glued["slope"]) == pytest.approx(end[1], abs=0.005)
    assert number(glued["slope_least"]) == pytest.approx(best[1], abs=0.005)
    excess = half_mean_square(A, y, end) / half_mean_square(A, y, best)
    assert number(glued["excess"]) == pytest.approx(excess, abs=0.05)
    flattest = np.linalg.eigvalsh(A.T @ A / 1000)[0]
    assert number(glued["shrunk"]) == pytest.approx((1 - 0.01 * flattest) ** 320, abs=0.005)


def test_twice_the_step_is_still_too_short():
    """From starts as nn.Linear draws them; the gap along the flat direction decides."""
    x = 2 * np.random.RandomState(42).rand(1000)
    curvatures, directions = np.linalg.eigh(with_ones(x).T @ with_ones(x) / 1000)
    glued = glued_numbers("tutorials/004_points_around_a_line")
    starts = np.random.default_rng(7).uniform(-1, 1, (4000, 2)) - [1.29, 3.46]
    left = (starts @ directions) * (1 - 0.02 * curvatures) ** 320
    above = 100 * (left**2 @ curvatures) / 0.2437
    assert number(glued["above"]) == pytest.approx(np.median(above), abs=3)
    assert number(glued["early"]) == pytest.approx(100 * np.mean(above > 1), abs=5)
    assert number(glued["doubled"]) == pytest.approx(number(glued["arrival"]) / 2, abs=2)


def test_the_last_batch_s_loss_scatters_as_forty_rows_do():
    """The relative scatter of the mean of 40 of 1,000 squared normal residuals."""
    glued = glued_numbers("tutorials/004_points_around_a_line")
    expected = 100 * np.sqrt(2 / 40 * (960 / 999))
    assert number(glued["spread"]) == pytest.approx(expected, rel=0.15)
