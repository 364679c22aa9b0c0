"""Chapter 4's numbers: those stored in the notebook, and the same laws on other seeds.

nbval checks that a run gives what is stored; here what is stored must agree with theory.
"""

import re

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number

from mbgd_lib import LeastSquares, data, descend, minibatches
from mbgd_lib.instruments.floors import fixed_order_gaps, settled_gaps
from mbgd_lib.instruments.orders import noise_floor
from mbgd_lib.instruments.statistics import loglog_slope

RATES = 0.001 * 2.0 ** np.arange(5)  # 0.001 to 0.016, where the chapter fits its slopes


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("04_shuffling")


# --- What is stored agrees with theory ---


@pytest.mark.parametrize(
    ("name", "expected", "tolerance"),
    [
        # Slopes of the floor against the learning rate.
        ("slope_replaced", 1, 0.15),
        ("slope_once", 2, 0.05),
        ("slope_sorted", 2, 0.02),
        ("slope_reshuffled", 3, 0.15),
        ("middle_slope", 2, 0.15),
        ("slope_weigh", 3, 0.3),
        # Slopes of the gap against the epochs.
        ("k_replaced", -1, 0.15),
        ("k_once", -2, 0.08),
        ("k_sorted", -2, 0.08),
        ("k_reshuffled", -3, 0.15),
        ("k4_once", -2, 0.03),
        ("k4_sorted", -2, 0.03),
        # Levels.
        ("missed", 100 / np.e, 0.2),
        ("missed_theory", 100 / np.e, 0.1),
        ("repeated", 100 * (1 - 2 / np.e), 0.3),
        ("correlation_5", -1 / 4, 0.06),
        ("correlation_25", -1 / 24, 0.06),
        ("once_wins", 2, 0.4),
        ("once_theory", 1, 0.2),
        ("kept_first", 1, 0.3),
        ("average_mean", 0, 0.2),
        ("share_nines", 100, 1),
        ("anew_004", 1, 0.02),
        ("fall_064", 5, 1),
    ],
)
def test_a_stored_number_is_what_theory_says(glued, name, expected, tolerance):
    assert number(glued[name]) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("slope_replaced_interval", 1),
        ("slope_once_interval", 2),
        ("slope_reshuffled_interval", 3),
        ("k_replaced_interval", -1),
        ("k_reshuffled_interval", -3),
        ("slope_weigh_interval", 3),
    ],
)
def test_a_stored_interval_holds_theorys_value_and_is_narrow(glued, name, expected):
    low, high = interval(glued[name])
    assert low <= expected <= high
    assert high - low < 0.6


@pytest.mark.parametrize("name", ["slope_keep", "slope_drop"])
def test_a_partial_batch_takes_the_third_power_away(glued, name):
    low, high = interval(glued[f"{name}_interval"])
    assert low > 0.9
    assert high < 2


def test_stored_levels_lie_near_the_formulas(glued):
    assert number(glued["reshuffled_low"]) > 0.8
    assert number(glued["reshuffled_high"]) < 1.2
    assert number(glued["replaced_low"]) > 0.75
    assert number(glued["replaced_high"]) < 1.25
    assert number(glued["reshuffled_064"]) < 0.7, "the text says that the formula stops there"


def test_sorted_classes_cost_what_the_text_says(glued):
    assert number(glued["shuffled_accuracy"]) - number(glued["sorted_accuracy"]) > 40
    assert abs(number(glued["once_accuracy"]) - number(glued["shuffled_accuracy"])) <= 1
    assert number(glued["nine_right"]) > 95 > 5 > number(glued["four_right"])
    assert number(glued["loss_01_ratio"]) < 1.1 < 2 < number(glued["loss_49_ratio"])


def test_the_exercise_goes_as_the_text_says(glued):
    assert number(glued["ex_third"]) == 0
    assert 0 < number(glued["ex_fourth"]) < number(glued["ex_fifth"]) == 1000
    assert number(glued["ex_steep"]) < 0.8 < 1 < number(glued["ex_flat"])
    assert number(glued["ex_four"]) == 0


def test_tutorial_001s_text_and_code_differ_by_what_theory_says(glued):
    low, high = interval(glued["once_001_interval"])
    assert 1 < low < number(glued["once_001_theory"]) < high
    assert 8 <= number(glued["once_001_gap"]) <= 20, "the gap is no longer tiny"


def test_the_sorted_zeros_and_ones_come_near_the_shuffled_ones(glued):
    assert 1 < number(glued["loss_01_ratio"]) < number(glued["loss_01_third"]) < 1.3


def test_no_number_is_stored_without_a_digit(glued):
    assert len(glued) > 60
    numbers = {name: text for name, text in glued.items() if text not in ("True", "False")}
    assert [n for n, text in numbers.items() if not re.search(r"[\d⁰¹²³⁴⁵⁶⁷⁸⁹]", text)] == []


# --- The same on seeds that the notebook does not use ---


@pytest.fixture(scope="module")
def line():
    return LeastSquares(*data.noisy_line())


@pytest.fixture(scope="module")
def sorted_line(line):
    in_order = np.argsort(line.y, kind="stable")
    return LeastSquares(line.X[in_order], line.y[in_order])


def settled(line, order, seeds, batch_size=40, relaxations=1.5, rates=RATES, **options):
    """Return the gaps at the ends of epochs, (seeds, rates)."""
    settings = {"order": order, "seeds": seeds, "relaxations": relaxations, **options}
    return settled_gaps(line, rates, batch_size, **settings)[:, :, -1].T


@pytest.mark.parametrize(("order", "power"), [("with_replacement", 1), ("reshuffle", 3)])
def test_the_floor_of_random_orders(line, order, power):
    gaps = settled(line, order, range(5000, 5040))
    formula = np.array([noise_floor(line, rate, 40, order) for rate in RATES])

    assert loglog_slope(RATES, gaps) == pytest.approx(power, abs=0.2)
    np.testing.assert_allclose(gaps.mean(axis=0) / formula, 1, atol=0.3)


def test_the_floor_of_fixed_orders(line, sorted_line):
    one = fixed_order_gaps(line, RATES, 40, order="shuffle_once", seeds=[5000])[:, 0]
    by_target = fixed_order_gaps(sorted_line, RATES, 40, order="sequential", seeds=[None])[:, 0]

    assert loglog_slope(RATES, one) == pytest.approx(2, abs=0.15)
    assert loglog_slope(RATES, by_target) == pytest.approx(2, abs=0.02)
    lottery = fixed_order_gaps(line, [0.004], 40, order="shuffle_once", seeds=range(5000, 5400))
    mean = lottery.mean()
    assert mean == pytest.approx(noise_floor(line, 0.004, 40, "shuffle_once"), rel=0.2)
    assert by_target[2] > 30 * mean


def test_within_the_epoch_one_order_beats_new_ones(line):
    settings = {"seeds": range(5000, 5100), "relaxations": 3}
    new, once = (
        settled_gaps(line, [0.004], 40, order=order, average=order == "reshuffle", **settings)[0]
        for order in ("reshuffle", "shuffle_once")
    )

    assert new.mean() / once.mean() == pytest.approx(2, abs=0.5)
    assert new[:, -1].mean() < 0.25 * once.mean()
    assert new[:, 12].mean() > 2 * once.mean()


def test_a_full_step_on_a_partial_batch_costs_two_orders_of_magnitude(line):
    options = {"batch_size": 32, "rates": [0.001], "relaxations": 1.5}
    keep, weigh, drop = (
        settled(line, "reshuffle", range(5000, 5040), last_batch=last_batch, **options).mean()
        for last_batch in ("keep", "weigh", "drop")
    )

    assert keep > 100 * weigh
    assert 10 * weigh < drop < keep / 4


def test_with_replacement_a_row_is_missed_with_probability_1_over_e():
    rows = minibatches(1000, 40, order="with_replacement", epochs=200, seed=5000)
    per_epoch = np.concatenate(list(rows)).reshape(200, 1000)
    missed = np.mean([1000 - len(np.unique(epoch)) for epoch in per_epoch]) / 1000

    assert missed == pytest.approx((1 - 1 / 1000) ** 1000, abs=0.003)


def test_the_exercise_on_other_seeds():
    x = np.arange(1.0, 9.0)[:, None]
    exercise = LeastSquares(x, 2 * x[:, 0])
    settings = {"learning_rate": 0.01, "batch_size": 2, "epochs": 5}
    as_stored = descend(exercise, [0, 0], order="sequential", **settings).epoch_losses
    shuffled = np.array(
        [
            descend(exercise, [0, 0], seed=seed, **settings).epoch_losses
            for seed in range(7000, 7200)
        ]
    )

    assert np.all(shuffled[:, 1:4] > as_stored[1:4])
    assert np.all(shuffled[:, 5] < as_stored[5])
