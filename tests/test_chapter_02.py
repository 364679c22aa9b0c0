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
    """The chapter's 1,000 points: a column of ones and x; y."""
    rng = np.random.RandomState(42)
    x = 2 * rng.rand(1000, 1)
    y = 1.2 + 3.5 * x[:, 0] + 0.5 * rng.randn(1000)
    return np.column_stack([np.ones(1000), x]), y


def test_the_error_of_a_batch_is_that_of_a_sample_without_replacement(glued, line):
    design, y = line
    of_rows = design * (design @ [0.2, 2.4] - y)[:, None]
    variance = of_rows.var(axis=0).sum()
    for size in (4, 64):
        expected = math.sqrt(variance / size * (1000 - size) / 999)
        half = 0.05 if size == 4 else 0.005  # of the last digit that is printed
        assert number(glued[f"error_{size}"]) == pytest.approx(expected, rel=0.03, abs=half)
    assert number(glued["noise_40_expected"]) == pytest.approx(40 * 999 / 960, abs=0.05)
    assert number(glued["noise_40"]) == pytest.approx(40 * 999 / 960, rel=0.05)


def test_a_batch_loss_scatters_as_a_poll_of_row_losses(glued, line):
    design, y = line
    losses = (design @ np.linalg.lstsq(design, y)[0] - y) ** 2 / 2
    assert number(glued["loss_sd_expected"]) == pytest.approx(losses.std() / 32**0.5, abs=6e-4)
    assert number(glued["loss_sd"]) == pytest.approx(losses.std() / 32**0.5, rel=0.1)


def test_one_step_of_all_rows_leaves_what_the_curvatures_say(glued, line):
    design, y = line
    curvatures, directions = np.linalg.eigh(design.T @ design / 1000)
    offsets = directions.T @ np.linalg.lstsq(design, y)[0]
    before, after = ((curvatures * (1 - 0.1 * curvatures) ** k * offsets**2).sum() for k in (0, 2))
    assert number(glued["left_full"]) == pytest.approx(100 * after / before, abs=0.5)


def test_the_floor_with_replacement_is_the_predicted_one(glued):
    assert number(glued["replaced"]) == 1


def test_equal_and_unequal_batches_have_ratios_on_either_side_of_their_size(glued):
    assert interval(glued["ratio_40_interval"])[0] > 40
    assert interval(glued["ratio_32_interval"])[1] < 32


def test_at_small_rates_the_lead_is_the_number_of_steps_in_an_epoch(glued):
    steps = math.ceil(1000 / 32)
    for surface in ("valley", "bowl"):
        assert number(glued[f"slow_{surface}"]) == pytest.approx(steps, rel=0.05)
    assert number(glued["full_bowl"]) == 1  # at the rate 1 / λ one step arrives


def test_a_summed_gradient_breaks_at_the_predicted_batch_size(glued):
    """Where the rate 0.001 times the batch size is two over the largest curvature."""
    points = np.random.RandomState(0).multivariate_normal([5, 6], [[1, 0.95], [0.95, 1.2]], 8000)
    design = np.column_stack([np.ones(7200), points[:7200, 0]])
    steepest = np.linalg.eigvalsh(design.T @ design / 7200)[-1]
    assert number(glued["steepest"]) == pytest.approx(steepest, abs=0.05)
    assert number(glued["predicted"]) == pytest.approx(2 / (0.001 * steepest), abs=0.05)
    assert number(glued["first_unstable"]) == math.ceil(2 / (0.001 * steepest))
