"""Steps to a target: against the loop written out, against theory, and with bad arguments."""

import numpy as np
import pytest

from mbgd_lib import Adam, LeastSquares, Momentum, descend
from mbgd_lib.instruments import theory
from mbgd_lib.instruments.targets import (
    best_rate,
    checkpoints,
    fit_critical_batch_size,
    losses_at,
    overhead_in_rows,
    steps_to_target,
    time_to_target,
)


@pytest.fixture
def training():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    return LeastSquares(X, X @ [1.0, -2.0, 0.5] + 3 + rng.normal(size=60))


@pytest.fixture
def validation():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 3))
    return LeastSquares(X, X @ [1.0, -2.0, 0.5] + 3 + rng.normal(size=40))


# --- checkpoints ---


@pytest.mark.parametrize("spacing", [0.01, 0.03, 0.5])
@pytest.mark.parametrize("most", [1, 2, 100, 12345])
def test_checkpoints_are_a_few_per_cent_apart(most, spacing):
    steps = checkpoints(most, spacing)
    assert steps[0] == 1
    assert steps[-1] == most
    gaps = np.diff(steps)
    assert np.all(gaps >= 1)
    assert np.all(gaps <= np.maximum(1, np.ceil(spacing * np.array(steps[:-1]))))


def test_short_runs_are_looked_at_after_every_step():
    assert checkpoints(33, 0.03) == list(range(1, 34))


# --- losses along a run ---


@pytest.mark.parametrize("order", ["reshuffle", "with_replacement"])
@pytest.mark.parametrize("batch_size", [1, 7, 20, 60, None])
def test_losses_are_those_of_descend(training, validation, batch_size, order):
    steps_per_epoch = 1 if batch_size is None else -(-60 // batch_size)
    looks = [steps_per_epoch * epochs for epochs in (1, 2, 5)]
    settings = {"learning_rate": 0.05, "batch_size": batch_size, "order": order}
    found = list(losses_at(looks, training, np.zeros(4), validation, seed=3, **settings))
    run = descend(training, np.zeros(4), epochs=5, seed=3, record_path=True, **settings)
    assert found == [validation.value(run.path[step]) for step in looks]


def test_the_start_is_not_changed(training, validation):
    start = np.zeros(4)
    list(losses_at([5], training, start, validation, learning_rate=0.1))
    assert np.all(start == 0)


def test_a_look_before_the_first_step(training, validation):
    (loss,) = losses_at([0], training, np.zeros(4), validation, learning_rate=0.1)
    assert loss == validation.value(np.zeros(4))


def test_float32_stays_float32(validation):
    seen = []

    class Watched(LeastSquares):
        def gradient(self, weights, rows=None):
            seen.append(weights.dtype)
            return super().gradient(weights, rows)

    training = Watched(np.ones((4, 3), dtype=np.float32), np.ones(4, dtype=np.float32))
    list(losses_at([3], training, np.zeros(4, np.float32), validation, learning_rate=0.1))
    assert set(seen) == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 0}, "learning_rate must be a finite number above 0"),
        ({"batch_size": 61}, "batch_size must be from 1 to 60"),
        ({"order": "random"}, "order must be one of"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_bad_arguments_are_refused_at_the_call(training, validation, change, message):
    settings = {"learning_rate": 0.1, "batch_size": 5} | change
    with pytest.raises(ValueError, match=message):
        losses_at([1], training, np.zeros(4), validation, **settings)


def test_steps_must_increase(training, validation):
    looks = losses_at([3, 2], training, np.zeros(4), validation, learning_rate=0.1)
    next(looks)
    with pytest.raises(ValueError, match="looks must increase, but 2 comes after 3"):
        next(looks)


def test_losses_of_several_runs_are_those_of_each(training, validation):
    settings = {"learning_rate": 0.05, "batch_size": 4, "update": Momentum(0.5)}
    looks = [0, 3, 11]
    several = list(losses_at(looks, training, np.zeros(4), validation, seeds=[0, 1], **settings))
    for run in (0, 1):
        alone = list(losses_at(looks, training, np.zeros(4), validation, seed=run, **settings))
        assert [losses[run] for losses in several] == pytest.approx(alone, rel=1e-12)


# --- steps to a target ---


def test_full_batch_arrives_when_theory_says(training):
    least = training.solution()
    gap = 1e-3
    target = training.value(least) + gap
    expected = theory.steps_to_gap(training.hessian(), -least, 0.1, gap)
    steps = {"max_steps": 1000, "learning_rate": 0.1}
    exact = steps_to_target(training, np.zeros(4), training, target, spacing=1e-9, **steps)
    assert exact == expected
    coarse = steps_to_target(training, np.zeros(4), training, target, spacing=0.1, **steps)
    assert coarse == min(step for step in checkpoints(1000, 0.1) if step >= expected)


def test_the_first_look_at_or_below_counts(training, validation):
    settings = {"learning_rate": 0.1, "batch_size": 2, "seed": 0}
    looks = checkpoints(300)
    losses = list(losses_at(looks, training, np.zeros(4), validation, **settings))
    target = losses[40]  # itself a loss that is looked at: "at" counts as reached
    first = next(step for step, loss in zip(looks, losses, strict=True) if loss <= target)
    found = steps_to_target(training, np.zeros(4), validation, target, max_steps=300, **settings)
    assert found == first


def test_steps_of_several_runs_are_those_of_each(training, validation):
    target = 1.3 * training.value(training.solution())
    settings = {"learning_rate": 0.1, "batch_size": 2, "max_steps": 200}
    several = steps_to_target(training, np.zeros(4), training, target, seeds=range(6), **settings)
    assert len(set(several)) > 1
    for seed in range(6):
        alone = steps_to_target(training, np.zeros(4), training, target, seed=seed, **settings)
        assert several[seed] == alone


@pytest.mark.parametrize("update", [Momentum(0.9), Adam()])
def test_every_rule_can_be_timed_to_a_target(training, update):
    target = training.value(training.solution()) + 1e-3
    settings = {"learning_rate": 0.05, "max_steps": 5000, "last_batch": "spread"}
    found = steps_to_target(training, np.zeros(4), training, target, update=update, **settings)
    run = descend(training, np.zeros(4), learning_rate=0.05, steps=found, update=update)
    assert training.value(run.weights) <= target


def test_not_reached(training, validation):
    settings = {"max_steps": 50, "learning_rate": 0.1}
    assert steps_to_target(training, np.zeros(4), validation, 0.0, **settings) is None


def test_diverged(training, validation):
    settings = {"max_steps": 10**6, "learning_rate": 1e3}
    assert steps_to_target(training, np.zeros(4), validation, 0.0, **settings) is None


# --- the exchange of steps against rows ---


@pytest.mark.parametrize("critical", [0.3, 20.0, 5000.0])
def test_fit_finds_what_made_the_points(critical):
    sizes = np.array([1, 3, 16, 128, 1024])
    least, found = fit_critical_batch_size(sizes, 70 * (1 + critical / sizes))
    assert found == pytest.approx(critical, rel=1e-3)
    assert least == pytest.approx(70, rel=1e-3)


def test_fit_is_the_best_in_relative_error():
    rng = np.random.default_rng(0)
    sizes = 2 ** np.arange(12)
    steps = 90 * (1 + 150 / sizes) * np.exp(0.1 * rng.normal(size=12))
    least, critical = fit_critical_batch_size(sizes, steps)

    def misfit(least, critical):
        return np.sum((np.log(steps) - np.log(least * (1 + critical / sizes))) ** 2)

    best = misfit(least, critical)
    for factor in (0.98, 1.02):
        assert misfit(least * factor, critical) > best
        assert misfit(least, critical * factor) > best


def test_the_fit_is_the_hyperbola():
    sizes = np.array([2.0, 8.0, 64.0])
    least, critical = fit_critical_batch_size(sizes, 10 * (1 + 16 / sizes))
    steps = least * (1 + critical / sizes)
    rows = steps * sizes
    products = (steps / least - 1) * (rows / (least * critical) - 1)
    np.testing.assert_allclose(products, 1)


@pytest.mark.parametrize(
    ("sizes", "steps", "message"),
    [
        ([1, 2], [3], "steps must have the shape"),
        ([2, 2], [3, 3], "two different"),
        ([0, 2], [3, 3], "above 0"),
        ([1, 2], [3, -3], "above 0"),
        ([1, 2], [3, np.inf], "steps must be finite"),
    ],
)
def test_fit_refuses(sizes, steps, message):
    with pytest.raises(ValueError, match=message):
        fit_critical_batch_size(sizes, steps)


def test_time_is_overhead_and_rows_for_each_step():
    times = time_to_target([7, 3.5, 2], [1, 10, 100], overhead=0.5)
    np.testing.assert_array_equal(times, [7 * 1.5, 3.5 * 10.5, 2 * 100.5])


def test_fastest_is_the_geometric_mean_of_overhead_and_critical_size():
    sizes = np.arange(1, 2000)
    times = time_to_target(100 * (1 + 90 / sizes), sizes, overhead=40)
    assert sizes[times.argmin()] == 60


@pytest.mark.parametrize(
    ("steps", "sizes", "overhead", "message"),
    [
        ([3], [1, 2], 1, "steps must have the shape"),
        ([3, 0], [1, 2], 1, "steps must be above 0, but holds 0"),
        ([3, 3], [-1, 2], 1, "batch_sizes must be above 0, but holds -1"),
        ([3, np.nan], [1, 2], 1, "steps must be finite"),
        ([[3]], [[1]], 1, "dimension"),
        ([3, 3], [1, 2], 0, "overhead must be a finite number above 0, not 0"),
        ([3, 3], [1, 2], np.inf, "overhead must be a finite number above 0, not inf"),
    ],
)
def test_time_refuses(steps, sizes, overhead, message):
    with pytest.raises(ValueError, match=message):
        time_to_target(steps, sizes, overhead)


# --- what a step costs ---


def test_the_overhead_of_a_known_machine_comes_back():
    sizes = np.array([1, 4, 32, 500])
    assert overhead_in_rows(sizes, 2e-6 * (29 + sizes)) == pytest.approx(29)


def test_the_overhead_is_fitted_to_relative_errors():
    """Ten per cent off at either end moves it little, though the seconds differ 300 times."""
    sizes = np.array([2**power for power in range(14)])
    rough = 1e-6 * (300 + sizes) * np.where(sizes % 3 == 1, 1.1, 0.9)
    assert overhead_in_rows(sizes, rough) == pytest.approx(300, rel=0.15)


@pytest.mark.parametrize(
    ("sizes", "seconds", "message"),
    [
        ([1, 10], [1.0], r"seconds must have the shape \(2,\), not \(1,\)"),
        ([1, 10], [1.0, 0.0], "seconds must be above 0, but holds 0.0"),
        ([1, 10], [1.0, 11.0], "overhead and a price of a row above 0"),
        ([1, 10], [2.0, 1.0], "overhead and a price of a row above 0"),
    ],
)
def test_times_without_an_overhead_are_refused(sizes, seconds, message):
    with pytest.raises(ValueError, match=message):
        overhead_in_rows(sizes, seconds)


# --- the best rate ---


def test_the_best_rate_is_found_between_those_tried():
    """Where the medians lie on a parabola between logarithms, its lowest point comes out."""
    rates = 0.01 * 2.0 ** np.arange(8)
    for lowest in (0.03, 0.1, 0.137):
        steps = 50 * np.exp(0.7 * np.log(rates / lowest) ** 2)
        assert best_rate(rates, [steps]) == pytest.approx(lowest)
        # The median of the runs counts, not the mean.
        assert best_rate(rates, [steps, steps, steps * rates**-3]) == pytest.approx(lowest)


@pytest.mark.parametrize("steps", [[9, 5, np.inf], [np.inf, 5, 9]])
def test_beside_a_rate_that_does_not_arrive_the_best_one_tried_is_taken(steps):
    assert best_rate([0.1, 0.2, 0.4], [steps]) == 0.2


def test_at_an_edge_the_best_one_tried_is_taken():
    assert best_rate([0.1, 0.2, 0.4], [[5, 7, 9]]) == 0.1
    assert best_rate([0.1, 0.2, 0.4], [[9, 7, 5]]) == 0.4


def test_the_best_rate_wants_a_column_for_each_rate():
    with pytest.raises(ValueError, match=r"steps must have the shape \(seeds, 3\), not \(1, 2\)"):
        best_rate([0.1, 0.2, 0.4], [[5, 7]])
