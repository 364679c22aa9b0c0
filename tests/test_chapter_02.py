"""Chapter 2: what the stored notebook says is what theory and plain NumPy say."""

import math

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number


@pytest.fixture(scope="module")
def glued() -> dict[str, str]:
    return glued_numbers("02_mini_batching")


@pytest.fixture(scope="module")
def line() -> tuple[np.ndarray, np.ndarray]:
    """Tutorial 004's rows, drawn as it draws them: a column of ones and x; y."""
    rng = np.random.RandomState(42)
    x = 2 * rng.rand(1000, 1)
    y = 1.2 + 3.5 * x[:, 0] + 0.5 * rng.randn(1000)
    return np.column_stack([np.ones(1000), x]), y


def test_where_tutorial_004_should_arrive(glued, line):
    design, y = line
    intercept, slope = np.linalg.lstsq(design, y)[0]
    assert number(glued["b_004_least"]) == pytest.approx(intercept, abs=0.005)
    assert number(glued["w_004_least"]) == pytest.approx(slope, abs=0.005)


def test_what_320_steps_leave_along_the_flattest_direction(glued, line):
    design, _ = line
    flattest = np.linalg.svd(design, compute_uv=False)[-1] ** 2 / len(design)
    assert number(glued["shrunk"]) == pytest.approx((1 - 0.01 * flattest) ** 320, abs=0.005)


def test_the_error_of_a_batch_goes_as_the_root_of_its_size(glued):
    assert number(glued["twelve_expected"]) == pytest.approx(math.sqrt(12), abs=0.005)
    assert number(glued["twelve"]) == pytest.approx(math.sqrt(12), rel=0.05)


def test_the_floor_with_replacement_is_the_predicted_one(glued):
    low, high = interval(glued["replaced_40_interval"])
    assert low < 1 < high < 1.2 * low


def test_a_summed_gradient_breaks_at_the_predicted_batch_size(glued):
    """Where the rate 0.001 times the batch size is two over the largest curvature."""
    predicted = number(glued["predicted"])
    assert predicted == pytest.approx(2 / (0.001 * number(glued["steepest"])), rel=1e-3)
    assert number(glued["first_unstable"]) == math.ceil(predicted)
