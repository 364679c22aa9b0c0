"""The numbers of the pages below chapter 3, and the instruments that were made for them."""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, interval, number

from mbgd_lib import LeastSquares, Softmax, data, schedules
from mbgd_lib import steps as make_loop
from mbgd_lib.instruments import noise, theory
from mbgd_lib.instruments.orders import gaps_of_runs
from mbgd_lib.instruments.statistics import hill_estimate
from mbgd_lib.instruments.targets import fit_critical_batch_size, stop_at_loss
from mbgd_lib.show import plots
from sweeps import batch_size, noise_scale, store

# --- The floor ---


@pytest.fixture(scope="module")
def floor():
    return glued_numbers("deeper/03_noise_floor")


@pytest.fixture(scope="module")
def line():
    return LeastSquares(*data.noisy_line())


def rows_of(line):
    features = np.column_stack([np.ones(line.n_rows), line.X])
    return features, features @ line.solution() - line.y


def exact_gap(line, rate, size):
    scatter = theory.floor_covariance_of_rows(*rows_of(line), rate, size)
    return 0.5 * np.trace(line.hessian() @ scatter)


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_the_floor_of_one_weight(rate):
    rng, w, squares = np.random.default_rng(7), np.zeros(500), []
    for _ in range(1000):
        w = (1 - 2 * rate) * w - rate * rng.normal(size=500)
        squares.append((w**2).mean())
    formula = rate / (2 * (2 - 2 * rate))
    assert np.mean(squares[200:]) == pytest.approx(formula, rel=0.03)


@pytest.mark.parametrize(("rate", "size"), [(0.05, 4), (0.1, 20), (0.4, 1), (0.4, 4), (0.4, 20)])
def test_the_floor_of_least_squares(line, rate, size):
    gaps = gaps_of_runs(
        line,
        line.solution(),
        learning_rate=rate,
        batch_size=size,
        epochs=max(1, 2500 * size // 1000),
        seeds=range(500, 540),
        order="with_replacement",
        every_step=True,
    )
    assert gaps[:, 500:].mean() == pytest.approx(exact_gap(line, rate, size), rel=0.06)


def test_noise_that_grows_with_the_distance_is_needed(floor, line):
    """Without it theory misses single rows at a rate of 0.4 by far more than the tolerances."""
    covariance = noise.gradient_covariance(line, line.solution())
    additive = theory.floor_covariance(line.hessian(), covariance, 0.4, 1)
    more = exact_gap(line, 0.4, 1) / (0.5 * np.trace(line.hessian() @ additive))
    assert number(floor["multiplicative"]) == pytest.approx(more, abs=0.01)
    assert more > 1.3


def test_where_the_mean_square_ends(floor, line):
    """Written out: the map of a symmetric C, whose largest factor passes 1 at the threshold."""
    features, _ = rows_of(line)

    def largest_factor(rate):
        total = np.zeros((4, 4))
        for x in features:
            step = np.eye(2) - rate * np.outer(x, x)
            total += np.kron(step, step) / len(features)
        return np.abs(np.linalg.eigvals(total)).max()

    threshold = number(floor["threshold"])
    assert largest_factor(threshold - 0.01) < 1 < largest_factor(threshold + 0.015)
    assert threshold < number(floor["limit"])


def test_the_typical_run_beyond_it_settles(floor, line):
    assert 0.6 < number(floor["typical_ratio"]) < 1.7
    gaps = gaps_of_runs(
        line,
        line.solution(),
        learning_rate=0.8,
        batch_size=1,
        epochs=4,
        seeds=range(7000, 7300),
        order="with_replacement",
        every_step=True,
    )
    typical = np.median(gaps[:, 3000:])
    assert typical == pytest.approx(2.5, rel=0.25)  # of these rows
    assert gaps[:, 3000:].mean() > 100 * typical


def test_a_tail_index_solves_its_equation():
    h = np.random.default_rng(0).exponential(size=1000)
    for rate in (0.4, 0.8):
        alpha = theory.tail_index(h, rate)
        assert np.mean(np.abs(1 - rate * h) ** alpha) == pytest.approx(1, abs=1e-9)
    weights = np.arange(1, 1001.0)
    alpha = theory.tail_index(h, 0.8, weights=weights)
    assert np.average(np.abs(1 - 0.8 * h) ** alpha, weights=weights) == pytest.approx(1, abs=1e-9)


def test_the_index_is_two_where_the_mean_square_ends():
    x = np.linspace(-12, 12, 100_001)
    index = theory.tail_index(x**2, 2 / 3, weights=np.exp(-(x**2) / 2))
    assert index == pytest.approx(2, abs=1e-6)  # 1 - 2η + 3η² = 1


def test_no_tail_and_no_settling():
    assert theory.tail_index([0.5, 1.0], 1.0) == np.inf
    with pytest.raises(ValueError, match="learning_rate must be small enough"):
        theory.tail_index([1.0, 5.0], 1.5)


@pytest.mark.parametrize("alpha", [1.2, 3.0])
def test_a_power_law_s_index_is_found(alpha):
    draws = np.random.default_rng(1).random(200_000) ** (-1 / alpha)
    index, (low, high) = hill_estimate(draws, 0.01)
    assert low <= alpha <= high
    assert index == pytest.approx(alpha, rel=0.08)
    assert (high - low) / index == pytest.approx(2 * 1.96 / 2000**0.5, rel=1e-6)


def test_a_tail_needs_a_share_and_values_above_zero():
    with pytest.raises(ValueError, match="share must be between 0 and 1"):
        hill_estimate([1.0, 2.0], 1)
    with pytest.raises(ValueError, match="values must have a tail above 0"):
        hill_estimate([1.0, 0.0, 0.0], 0.5)


def test_stored_tails_agree_with_the_equation(floor):
    for rate in (4, 6, 8, 10):
        solved, measured = floor[f"tail_{rate}_solved"], floor[f"tail_{rate}"]
        assert number(measured) == pytest.approx(number(solved), rel=0.15)


# --- Growing batches ---


def test_a_growing_batch_and_a_shrinking_rate_end_alike(line):
    stored = glued_numbers("deeper/03_growing_batches")
    part = 12
    ways = {
        "rate": {"batch_size": 8, "schedule": schedules.step_decay(part * 125, factor=1 / 5)},
        "batch": {"batch_size": lambda epoch: 8 * 5 ** (epoch // part)},
    }
    gaps, made = {}, {}
    for name, way in ways.items():
        options = {"learning_rate": 0.2, "order": "with_replacement", "seeds": range(700, 760)}
        losses = []
        for step in make_loop(line, [0.0, 0.0], **options, **way):
            if step.ends_epoch and step.epoch > 2 * part - 7:
                losses.append(step.loss().mean())
            if step.ends_epoch and step.epoch == 2 * part:
                break
        gaps[name], made[name] = np.mean(losses) - line.value(line.solution()), step.number
    expected = exact_gap(line, 0.2, 40) / exact_gap(line, 0.04, 8)
    assert gaps["batch"] / gaps["rate"] == pytest.approx(expected, rel=0.1)
    assert made == {"rate": 3000, "batch": 1800}
    assert number(stored["growth_theory"]) == pytest.approx(expected, abs=0.006)
    assert 1.1 < number(stored["growth_ratio"]) < 1.4


# --- Generalisation ---


def test_a_run_stops_at_the_loss_exactly():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 5)).astype(np.float32)
    few = Softmax(X, rng.integers(3, size=60), n_classes=3)
    start = np.zeros(few.weights_shape, dtype=np.float32)
    options = {"learning_rate": 0.5, "batch_size": 4, "seed": 1}
    weights, made = stop_at_loss(few, start, 1.03, max_steps=500, **options)
    assert weights.dtype == np.float32
    assert few.value(weights) == pytest.approx(1.03, abs=1e-5)
    loop = make_loop(few, start, **options)
    losses = [next(loop).loss() for _ in range(made)]
    assert losses[-1] <= 1.03 < min(losses[:-1])


def test_a_run_that_does_not_arrive_has_no_weights():
    few = LeastSquares([[1.0], [1.0]], [0.0, 2.0], intercept=False)  # never below 1/2
    assert stop_at_loss(few, [9.0], 0.4, max_steps=7, learning_rate=0.1) == (None, 7)
    weights, _ = stop_at_loss(few, [9.0], 0.4, max_steps=10**6, learning_rate=1e9)
    assert weights is None  # diverged


def test_what_is_stored_of_generalisation():
    stored = glued_numbers("deeper/03_generalisation")
    low, _ = interval(stored["equal_difference_interval"])
    assert low > 0.05
    assert number(stored["share_difference"]) > 0 > number(stored["other_difference"])
    assert abs(number(stored["best_difference"])) <= 0.01
    assert number(stored["quiet_high"]) - number(stored["quiet_low"]) < 0.016


def test_differences_are_drawn_about_zero():
    ax = plots.plot_differences({"one": [0.1, 0.3], "two": [-0.2, 0.0]}, xlabel="difference")
    means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert means == pytest.approx([0.2, -0.1])
    assert any(list(line.get_xdata()) == [0, 0] for line in ax.lines)
    plots.plt.close(ax.figure)


# --- The noise scale ---


@pytest.mark.parametrize("intercept", [True, False])
def test_the_parts_of_softmax_s_noise_are_their_definitions(intercept):
    rng = np.random.default_rng(5)
    objective = Softmax(rng.normal(size=(90, 3)), rng.integers(4, size=90), intercept=intercept)
    at = rng.normal(size=objective.weights_shape)
    X = np.column_stack([np.ones(90), objective.X]) if intercept else objective.X
    hessian = 0
    for x in X:
        p = np.exp(x @ at) / np.exp(x @ at).sum()
        hessian = hessian + np.kron(np.outer(x, x), np.diag(p) - np.outer(p, p)) / 90
    g, covariance = objective.gradient(at).ravel(), noise.gradient_covariance(objective, at)
    expected = [g @ g, np.trace(covariance), g @ hessian @ g, np.trace(hessian @ covariance)]
    (found,) = noise.softmax_noise_parts(objective, [at])
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    halves = np.arange(45), np.arange(45, 90)
    parts = [noise.softmax_noise_parts(objective, [at], rows)[0] for rows in halves]
    np.testing.assert_allclose(np.mean(parts, axis=0), expected, rtol=1e-9)


def test_batches_alone_say_the_same_on_average():
    """Over all rows as one batch there is no error left, so both numbers come out exactly."""
    rng = np.random.default_rng(6)
    objective = Softmax(rng.normal(size=(64, 3)), rng.integers(3, size=64), n_classes=3)
    at = rng.normal(size=objective.weights_shape)
    loops = (
        next(make_loop(objective, at, learning_rate=1e-9, batch_size=32, seed=seed))
        for seed in range(4000)
    )
    found = np.mean([noise_scale.of_batches(objective, step) for step in loops], axis=0)
    np.testing.assert_allclose(found, noise.gradient_variance(objective, at), rtol=0.05)


def test_a_stored_run_comes_out_again():
    """From the library's plain functions, with none of the sweep's own code but its data."""
    cell = store.load("noise_scale")["cells"][3]
    assert (cell["batch_size"], cell["share"]) == (512, 1)
    stored = cell["runs"][0][-1]
    training, validation = batch_size.objectives()
    zeros = np.zeros(training.weights_shape, dtype=np.float32)
    seed = [0, 512, round(1000 * cell["rate"])]
    loop = make_loop(training, zeros, learning_rate=cell["rate"], batch_size=512, seed=seed)
    places = [next(loop).before for _ in range(stored["steps"] + 1)]
    assert validation.value(places[-1]) <= 0.38 < validation.value(places[-5])
    looks = [*range(16), *range(16, stored["steps"], 4)]
    spans = np.diff([*looks, stored["steps"]])
    parts = np.array([noise.gradient_variance(training, places[i]) for i in looks[:16]])
    later = noise.softmax_noise_parts(training, [places[i] for i in looks[16:]], np.arange(2))
    squared, trace = np.concatenate([parts, later[:, :2]]).T
    again = [np.average(of, weights=spans) for of in (squared, trace, trace / squared)]
    np.testing.assert_allclose(again, stored["plain"], rtol=0.01)


@pytest.mark.parametrize("world", range(4))
def test_no_divisor_makes_a_forecast_of_the_noise_scale(world):
    """In all four worlds: the averages differ, and each depends on the run's own settings."""
    cells = store.load(store.name_of("noise_scale", world))["cells"]
    sweep = store.load(store.name_of("batch_size", world))
    medians = [batch_size.median(e["by_target"][-1]["steps"]) for e in sweep["batch_sizes"]]
    _, critical = fit_critical_batch_size(sweep["settings"]["batch_sizes"], medians)
    means, ratios = [], []
    for cell in cells:
        plain = np.array([run[-1]["plain"] for run in cell["runs"]])
        means.append(np.median(plain[:, 1] / plain[:, 0]) / critical)
        ratios.append(np.median(plain[:, 2]) / critical)
    assert min(ratios) > 1.3
    assert max(ratios) > 8 * min(ratios)
    assert 0.1 < min(means) < 0.4
    assert 2 < max(means) < 6
    assert np.all(np.array(ratios) > 2 * np.array(means))
    # Cells come with falling rates: at half the rate the scale is at least about twice as large.
    of_sizes = np.reshape(means, (2, 3))
    assert np.all(of_sizes[:, 1:] > 1.7 * of_sizes[:, :-1])


def test_what_is_stored_of_the_noise_scale():
    stored = glued_numbers("deeper/03_noise_scale")
    assert number(stored["ratios_most"]) > 50 * number(stored["ratios_least"])
    assert 0.9 < number(stored["batch_least"]) <= number(stored["batch_most"]) < 1.15
    assert number(stored["trace_swing"]) < 1.2 < number(stored["squared_swing"]) / 2
