"""The error of a batch on the diabetes data: the stored page agrees with plain NumPy."""

import math

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number
from sklearn.datasets import load_diabetes


@pytest.fixture(scope="module")
def glued() -> dict[str, str]:
    return glued_numbers("deeper/02_batch_error")


def test_an_epoch_averages_better_than_independent_batches_by_the_root_of_twelve(glued):
    assert number(glued["twelve_expected"]) == pytest.approx(math.sqrt(408 / 34), abs=0.005)
    assert number(glued["twelve"]) == pytest.approx(math.sqrt(12), rel=0.05)
    assert glued["cancels"] == "True"


def test_half_the_rows_without_replacement_err_less_by_the_root_of_two(glued):
    assert number(glued["half"]) == pytest.approx(math.sqrt(441 / 221), abs=0.1)


def test_independent_batches_follow_a_power_of_minus_one_half(glued):
    low, high = interval(glued["slope_k_interval"])
    assert low - 0.005 <= -0.5 <= high + 0.005
    assert number(glued["slope"]) == pytest.approx(-0.5, abs=0.03)


def test_the_formulas_hold_on_the_real_rows():
    """An own simulation of one cell: 34 of the 442 rows, with and without replacement."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    of_rows = -y[:, None] * np.column_stack([np.ones(442), X])
    full, variance = of_rows.mean(axis=0), of_rows.var(axis=0).sum()
    rng = np.random.default_rng(12345)
    for replace, factor in ((True, 1), (False, (442 - 34) / 441)):
        errors = [
            ((of_rows[rng.choice(442, 34, replace=replace)].mean(axis=0) - full) ** 2).sum()
            for _ in range(4000)
        ]
        assert np.mean(errors) == pytest.approx(variance / 34 * factor, rel=0.05)
