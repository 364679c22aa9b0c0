"""The numbers of the pages behind chapter 5: escapes over a hill, and rules that stop a run."""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number

from mbgd_lib import LeastSquares, data, descend, minibatches
from mbgd_lib.instruments.escapes import steps_to_cross
from mbgd_lib.instruments.noise import gradient_covariance
from mbgd_lib.instruments.theory import kramers_steps, passage_steps, saddle_steps
from sweeps import escape, store


def well(w):
    return (w**2 - 1) ** 2 / 4


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("deeper/05_kramers")


@pytest.fixture(scope="module")
def stopping():
    return glued_numbers("deeper/05_stopping_rules")


@pytest.fixture(scope="module")
def sweep():
    return store.load("escape")


@pytest.fixture(scope="module")
def bowl():
    return LeastSquares(*data.noisy_regression(noise=5, bias=2))


# --- Kramers ---


def over_exact(sweep, barrier, size):
    unit = sweep["units"][f"well {barrier} {size}"]
    exact = passage_steps(well, -1, 1, learning_rate=unit["rate"], batch_size=size, variance=4.0)
    return np.mean(unit["steps"]) / exact


def test_kramers_is_too_short_by_what_the_text_says(glued):
    for name, barrier in (("kramers_two", 2), ("kramers_seven", 7)):
        settings = {"learning_rate": 0.01, "batch_size": 1, "variance": 50 / barrier}
        ratio = passage_steps(well, -1, 1, **settings) / kramers_steps(1 / 4, 2, 1, **settings)
        assert 100 * (ratio - 1) == pytest.approx(number(glued[name]), abs=0.6)


def test_large_rates_cross_sooner(sweep):
    assert over_exact(sweep, 2, 8) < 0.6
    assert over_exact(sweep, 7, 8) > 0.8


def test_rare_kicks_cross_sooner_until_they_are_averaged(sweep):
    ratios = [
        np.mean(sweep["units"][f"rare {B}"]["steps"])
        / np.mean(sweep["units"][f"normal {B}"]["steps"])
        for B in (1, 4, 16, 64)
    ]
    assert ratios[0] < 0.55
    assert np.all(np.diff(ratios) > 0)
    assert ratios[-1] > 0.8


def test_short_reshuffled_epochs_hold_a_run_back(sweep, glued):
    ratios = [
        np.mean(sweep["units"][f"reshuffle {n}"]["steps"])
        / np.mean(sweep["units"][f"with_replacement {n}"]["steps"])
        for n in escape.SETTINGS["well"]["reshuffled_rows"]
    ]
    assert ratios[0] < 1.6
    assert np.all(np.diff(ratios) > 0)
    assert ratios[-1] > 300
    given_up = np.array(sweep["units"]["reshuffle 50"]["steps"]) > 3_000_000
    assert 100 * given_up.mean() == pytest.approx(number(glued["given_up"]), abs=0.6)


def test_equal_temperatures_cross_in_equal_time_on_other_seeds():
    tilts = np.random.default_rng(9).normal(size=1000)
    tilts = (tilts - tilts.mean()) / tilts.std() * 2
    for size in (1, 4):
        rate = size / 24
        settings = {"learning_rate": rate, "batch_size": size}
        steps = steps_to_cross(tilts, runs=400, max_steps=10**6, seed=[9, size], **settings)
        exact = passage_steps(well, -1, 1, variance=4, **settings)
        assert steps.mean() == pytest.approx(exact, rel=0.25)
        # An escape is as likely in any step: its time is exponential, apart from the way there.
        assert steps.std() == pytest.approx(steps.mean(), rel=0.2)


def test_crossing_times_are_the_exact_ones_at_small_rates(sweep, glued):
    ratios = [over_exact(sweep, E, size) for E in range(2, 8) for size in (1, 2)]
    assert 100 * np.abs(np.array(ratios) - 1).max() == pytest.approx(
        number(glued["rows_off"]), abs=0.6
    )
    assert number(glued["rows_off"]) < 20


def test_one_more_unit_of_the_barrier(glued):
    settings = {"learning_rate": 0.01, "batch_size": 1}
    barriers = np.arange(2, 8)
    times = [passage_steps(well, -1, 1, variance=50 / E, **settings) for E in barriers]
    per_unit = np.exp(np.polyfit(barriers, np.log(times), 1)[0])
    assert per_unit == pytest.approx(number(glued["per_unit"]), abs=0.06)


@pytest.mark.parametrize(("rate", "name"), [(0.4, "large_rate"), (0.2, "middle_rate")])
def test_gaussian_kicks_at_large_rates(glued, rate, name):
    """At barrier 3, step by step and run by run, with other random numbers."""
    deviation, rng = 1 / np.sqrt(6 * rate), np.random.default_rng(9)
    w, arrived = np.full(1500, -1.0), np.zeros(1500)
    for step in range(1, 20_000):
        moving = arrived == 0
        if not moving.any():
            break
        kick = deviation * rng.normal(size=moving.sum())
        w[moving] -= rate * (w[moving] ** 3 - w[moving] + kick)
        arrived[moving & (w >= 1)] = step
    settings = {"learning_rate": rate, "batch_size": 1, "variance": deviation**2}
    ratio = arrived.mean() / passage_steps(well, -1, 1, **settings)
    assert ratio == pytest.approx(number(glued[name]), abs=0.1)


@pytest.mark.parametrize("name", ["well 2 4", "well 3 8", "rare 1"])
def test_crossings_of_the_sweep(sweep, name):
    fresh = escape.units()[name]({})["steps"]
    stored = sweep["units"][name]["steps"]
    assert np.mean(fresh) == pytest.approx(np.mean(stored), rel=0.02)
    assert np.mean(np.equal(fresh, stored)) > 0.9


# --- Stopping ---


def inner_break(bowl, tolerance, seed):
    """Return the steps made and those after the first trigger; the break leaves one loop."""
    weights = np.random.default_rng([9, seed]).uniform(-50, 50, 2)
    made, first = 0, None
    for epoch in range(100):
        for batch in minibatches(1000, 50, seed=[9, seed, epoch]):
            step = 0.1 * bowl.gradient(weights, batch)
            weights = weights - step
            made += 1
            if np.linalg.norm(step) < tolerance:
                first = first or made
                break
    return made, 0 if first is None else made - first


def test_the_break_leaves_the_inner_loop_only(bowl, stopping):
    runs = np.array([inner_break(bowl, 0.03, seed) for seed in range(8)])
    made, after = np.median(runs, axis=0)
    assert made == pytest.approx(number(stopping["inner_steps"]), rel=0.25)
    assert after == pytest.approx(number(stopping["inner_after"]), rel=0.25)
    assert after > 0.8 * made


def test_the_step_near_the_minimum_is_the_noise(bowl, stopping):
    variance = np.trace(gradient_covariance(bowl, bowl.solution()))
    assert 0.1 * np.sqrt(variance / 50) == pytest.approx(number(stopping["noise_step"]), abs=0.006)


def test_a_small_rate_satisfies_a_tolerance_far_away(bowl, stopping):
    least = bowl.value(bowl.solution())
    for rate, steps in ((0.1, None), (0.01, None), (1e-6, 1)):
        weights, made, length = np.array([-40.0, -40.0]), 0, np.inf
        while length >= 1e-4:
            step = rate * bowl.gradient(weights)
            weights, made, length = weights - step, made + 1, np.linalg.norm(step)
        if steps is None:
            gap = bowl.value(weights) - least
            # The curvatures are 0.95 to 1.01, and the short step itself is made.
            expected = 1e-8 / (2 * rate**2) * (1 - rate) ** 2
            assert gap == pytest.approx(expected, rel=0.1)
        else:
            assert made == steps
        if rate == 0.1:
            assert made == number(stopping["full_steps"])


def test_a_small_tolerance_hardly_ever_triggers(bowl, stopping):
    assert number(stopping["never"]) < 10
    made = [inner_break(bowl, 1e-4, seed) for seed in range(5)]
    assert made.count((2000, 0)) >= 4


def test_the_librarys_tolerance_and_a_small_rate(bowl, stopping):
    settings = {"batch_size": 40, "epochs": 100, "seed": 0, "tolerance": 0.03}
    far = descend(bowl, [-40, -40], learning_rate=1e-5, **settings)
    assert (far.steps, far.stop_reason) == (25, "tolerance")
    assert number(stopping["far_epochs"]) == 1
    near = descend(bowl, [-40, -40], learning_rate=0.1, **settings)
    assert bowl.value(near.weights) - bowl.value(bowl.solution()) < 0.05


# --- Theory ---


def test_passage_over_flat_ground_is_known():
    """Between a wall at -1 and the end at 1, from 0: ((1 + 1)² - 1²) / (2D)."""
    settings = {"learning_rate": 0.1, "batch_size": 2, "variance": 8.0}  # D = 0.2
    steps = passage_steps(np.zeros_like, 0, 1, reach=1, **settings)
    assert steps == pytest.approx(3 / 0.4 / 0.1, rel=1e-4)


def test_passage_tends_to_kramers_over_high_barriers():
    ratios = []
    for barrier in (4, 8, 16, 32):
        settings = {"learning_rate": 0.01, "batch_size": 1, "variance": 50 / barrier}
        ratios.append(
            passage_steps(well, -1, 1, **settings) / kramers_steps(1 / 4, 2, 1, **settings)
        )
    assert np.all(np.diff(ratios) < 0)
    assert ratios[-1] == pytest.approx(1, abs=0.02)


def test_kramers_by_hand():
    steps = kramers_steps(0.25, 2, 1, learning_rate=0.1, batch_size=4, variance=5)
    assert steps == pytest.approx(2 * np.pi / np.sqrt(2) * np.exp(2 * 4 * 0.25 / 0.5) / 0.1)


def test_saddle_steps_against_the_recursion():
    """At another curvature, distance and rate than the chapter's."""
    rng = np.random.default_rng(0)
    weights, left = np.zeros(4000), np.zeros(4000)
    for step in range(1, 200):
        weights = 1.3 * weights - 0.1 * rng.normal(size=4000) * 1e-3
        left[(left == 0) & (np.abs(weights) >= 5)] = step
    expected = saddle_steps(3, learning_rate=0.1, deviation=1e-3, distance=5)
    assert left.min() > 0
    assert left.mean() == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: kramers_steps(0, 2, 1, **s), "barrier"),
        (lambda s: kramers_steps(1, -2, 1, **s), "curvature"),
        (lambda s: kramers_steps(1, 2, -1, **s), "top_curvature"),
        (lambda s: kramers_steps(1, 2, 1, **s | {"batch_size": 0}), "batch_size"),
        (lambda s: kramers_steps(1, 2, 1, **s | {"variance": 0}), "variance"),
        (lambda s: passage_steps(well, 1, -1, **s), "start must be below end"),
        (lambda s: passage_steps(well, -1, 1, reach=0, **s), "reach"),
        (lambda s: saddle_steps(0, learning_rate=0.1, deviation=1), "curvature"),
        (lambda s: saddle_steps(2, learning_rate=0, deviation=1), "learning_rate"),
        (lambda s: saddle_steps(2, learning_rate=0.1, deviation=0), "deviation"),
        (lambda s: saddle_steps(2, learning_rate=0.1, deviation=1, distance=0), "distance"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call({"learning_rate": 0.1, "batch_size": 1, "variance": 1.0})
