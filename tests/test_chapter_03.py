"""Chapter 3's numbers: those stored in the notebook, and the same laws on their own.

nbval checks that a run gives what is stored; here what is stored must agree with theory, with
the stored sweep, and with what the text says of it.
"""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number

from mbgd_lib import LeastSquares, data
from mbgd_lib.instruments.noise import gradient_covariance
from mbgd_lib.instruments.targets import fit_critical_batch_size, overhead_in_rows
from sweeps import batch_size, store


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("03_batch_size_effects")


@pytest.fixture(scope="module")
def sweep():
    return store.load("batch_size")


@pytest.fixture(scope="module")
def sizes(sweep):
    return np.array(sweep["settings"]["batch_sizes"])


@pytest.fixture(scope="module")
def medians(sweep):
    """Return the median steps to each target: an array for each."""
    return {
        target: np.array(
            [batch_size.median(e["by_target"][i]["steps"]) for e in sweep["batch_sizes"]]
        )
        for i, target in enumerate(sweep["settings"]["targets"])
    }


@pytest.fixture(scope="module")
def seconds(sweep):
    return np.array([entry["seconds_per_step"] for entry in sweep["batch_sizes"]])


# --- The stored sweep, and what the text says of it ---


def test_the_fit_of_the_steps(glued, sizes, medians):
    least, critical = fit_critical_batch_size(sizes, medians[0.38])
    some = np.isin(sizes, batch_size.SETTINGS["smooth_batch_sizes"])
    _, of_some = fit_critical_batch_size(sizes[some], medians[0.38][some])
    assert number(glued["critical"]) == pytest.approx(of_some, abs=0.6)
    low, high = interval(glued["critical_interval"])
    assert low <= critical <= high
    # The three regimes, with one curve through all points.
    np.testing.assert_allclose(medians[0.38], least * (1 + critical / sizes), rtol=0.15)
    assert 100 < critical < 300


def test_three_regimes(sizes, medians):
    halvings = medians[0.38][:-1] / medians[0.38][1:]
    assert np.all(halvings[sizes[1:] <= 32] > 1.6)  # perfect scaling, nearly
    assert np.all(halvings[sizes[1:] >= 2048] < 1.15)  # saturation
    assert np.all(np.diff(halvings[[2, 6, 8, 12]]) < 0)  # diminishing returns in between


def test_the_critical_batch_size_grows_as_the_loss_falls(sizes, medians):
    found = [fit_critical_batch_size(sizes, medians[target])[1] for target in (0.6, 0.45, 0.38)]
    assert found[0] * 2 < found[1]
    assert found[1] * 1.5 < found[2]


def test_best_rates_grow_with_the_batch_and_stop(glued, sweep):
    rates = [entry["by_target"][-1]["best_rate"] for entry in sweep["batch_sizes"]]
    assert rates[4] / rates[1] == pytest.approx(number(glued["rate_low_end"]), abs=0.5)
    assert rates[9] == rates[12]
    assert glued["rate_high_end"] == "1.0"  # "not at all"


def test_a_stricter_reading_takes_longer_where_there_is_noise(glued, sweep, sizes, medians):
    strict = np.array([batch_size.median(entry["steps"]) for entry in sweep["smooth"]])
    some = np.isin(sizes, sweep["settings"]["smooth_batch_sizes"])
    sizes, ratio = sizes[some], strict / medians[0.38][some]
    assert np.all(ratio > 1)
    assert np.all(ratio[sizes <= 64] > ratio[-1] * 1.2)
    _, critical = fit_critical_batch_size(sizes, strict)
    assert number(glued["strict_critical"]) == pytest.approx(critical, abs=0.6)


def test_the_fastest_batch_size_lies_in_between(glued, sizes, medians, seconds):
    """It is not the one of fewest steps, nor the one of fewest rows, and the formula finds it."""
    time = medians[0.38] * seconds
    fastest = sizes[time.argmin()]
    assert int(glued["fastest"]) == fastest
    assert 8 <= fastest <= 512
    assert number(glued["gain_one"]) == pytest.approx(time[0] / time.min(), abs=0.6)
    assert number(glued["gain_all"]) == pytest.approx(time[-1] / time.min(), abs=0.6)
    assert 0.4 < number(glued["fastest_formula"]) / fastest < 2.5


@pytest.mark.parametrize(("overhead", "critical"), [(36.0, 172.0), (1.0, 400.0), (1e4, 20.0)])
def test_the_root_is_the_bottom_of_the_valley(overhead, critical):
    sizes = np.geomspace(0.1, 1e5, 20_001)
    times = (1 + critical / sizes) * (overhead + sizes)
    assert sizes[times.argmin()] == pytest.approx((overhead * critical) ** 0.5, rel=1e-3)


def test_the_cost_of_missing_the_bottom(glued, sizes, medians, seconds):
    overhead = overhead_in_rows(sizes, seconds)
    _, critical = fit_critical_batch_size(sizes, medians[0.38])
    best = (overhead * critical) ** 0.5

    def time(size):
        return (1 + critical / size) * (overhead + size)

    for name, factor in (("factor_two", 2), ("factor_ten", 10)):
        for size in (best * factor, best / factor):  # by symmetry the same on either side
            assert number(glued[name]) == pytest.approx(time(size) / time(best), abs=0.06)


def test_seconds_per_step_have_an_overhead(seconds, sizes):
    """Wide margins: these times were measured once, on one machine."""
    assert seconds[5] < 16 * seconds[0]  # 32 rows
    assert seconds[-1] > 30 * seconds[0]
    per_row = seconds / sizes
    assert per_row[8] < per_row[0] / 4


def test_the_overhead_is_that_of_the_program(glued):
    """Wide margins: the benchmark was measured once, on one machine."""
    of = {name: overhead_in_rows(*timed) for name, timed in data.stored_benchmark().items()}
    assert of["Numba loops"] < of["JAX jit and scan"] < of["mbgd_lib without Numba"] / 3
    assert of["mbgd_lib without Numba"] < of["PyTorch index batches"]
    assert number(glued["overhead"]) == pytest.approx(of["mbgd_lib without Numba"], rel=0.5)
    assert number(glued["compiled"]) == pytest.approx(of["Numba loops"], abs=0.06)


def test_where_the_rules_end(glued, sweep, sizes, medians):
    ratios = {
        rule: np.array([batch_size.median(e[rule]["steps"]) for e in sweep["rules"]])
        / medians[0.38]
        for rule in ("linear", "root")
    }
    assert np.all(ratios["linear"][sizes <= int(glued["linear_high"])] <= 1.2)
    assert np.all(np.isinf(ratios["linear"][sizes >= int(glued["linear_breaks"])]))
    assert np.isinf(ratios["root"][0])
    between = ratios["root"][(sizes > 16) & np.isfinite(ratios["root"])]
    assert between.max() == pytest.approx(number(glued["root_worst"]), abs=0.06)


def test_a_power_of_two_costs_what_its_neighbours_do(glued):
    for world in range(4):
        close = store.load(store.name_of("batch_size", world))["neighbours"]
        sizes = [entry["batch_size"] for entry in close]
        spent = np.array([entry["seconds_per_step"] for entry in close])
        off = spent / np.polyval(np.polyfit(sizes, spent, 1), sizes)
        assert sizes == list(range(60, 69))
        assert abs(off - 1).max() < 0.1


# --- The formulas, on small problems ---


def test_the_best_rate_of_one_noisy_step():
    """Every row's step is tried: the mean loss after them is least at the formula's rate."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    objective = LeastSquares(X, X @ [1.0, -2.0] + rng.normal(size=40), intercept=False)
    weights = np.array([3.0, 1.0])
    slopes = [objective.gradient(weights, np.array([row])) for row in range(40)]
    gradient, hessian = objective.gradient(weights), objective.hessian()
    curvature = gradient @ hessian @ gradient
    noise = np.trace(hessian @ gradient_covariance(objective, weights)) / curvature
    largest = gradient @ gradient / curvature
    rates = largest * np.linspace(0.02, 1, 99)
    means = [np.mean([objective.value(weights - rate * s) for s in slopes]) for rate in rates]
    assert noise > 0.2  # else there would be nothing to see
    assert rates[np.argmin(means)] == pytest.approx(largest / (1 + noise), abs=largest / 90)
    gain = objective.value(weights) - min(means)
    without_noise = 0.5 * largest * (gradient @ gradient)
    assert gain == pytest.approx(without_noise / (1 + noise), rel=0.01)
