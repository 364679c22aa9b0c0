from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbgd_lib import LeastSquares, descend, minibatches
from mbgd_lib.instruments.noise import gradient_covariance
from mbgd_lib.instruments.orders import (
    epoch_map,
    epochs_to_gap,
    fixed_order_limit,
    gaps_of_runs,
    noise_floor,
    spread_classes,
    through_buffer,
)
from mbgd_lib.schedules import inverse_time

ORDERS = ("reshuffle", "shuffle_once", "sequential", "with_replacement")


def problem(n=60, intercept=True):
    rng = np.random.default_rng(0)
    X = rng.normal(0.5, 1, size=(n, 2))
    return LeastSquares(X, X @ [1.0, -2.0] + rng.normal(size=n), intercept=intercept)


@pytest.fixture
def objective():
    return problem()


def gap(objective, weights):
    return objective.value(weights) - objective.value(objective.solution())


# --- Many runs at once are the runs of descend ---


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batch_size", [1, 10, 7, 60])
def test_runs_side_by_side_are_those_of_descend(objective, order, batch_size):
    settings = {"learning_rate": 0.05, "batch_size": batch_size, "epochs": 4, "order": order}
    if batch_size == 60 and order != "with_replacement":
        settings["epochs"] = 40  # one step each

    gaps = gaps_of_runs(objective, np.ones(3), seeds=[5, 3, 8], **settings)

    for of_run, seed in zip(gaps, [5, 3, 8], strict=True):
        run = descend(objective, np.ones(3), seed=seed, **settings)
        expected = run.epoch_losses - objective.value(objective.solution())
        assert_allclose(of_run, expected, rtol=1e-9, atol=1e-14)


def test_a_schedule_counts_steps(objective):
    settings = {"learning_rate": 0.2, "batch_size": 10, "epochs": 6, "schedule": inverse_time(9)}

    gaps = gaps_of_runs(objective, np.zeros(3), seeds=[1], **settings)

    run = descend(objective, np.zeros(3), seed=1, **settings)
    expected = run.epoch_losses - objective.value(objective.solution())
    assert_allclose(gaps[0], expected, rtol=1e-9, atol=1e-14)


def test_without_intercept():
    objective = problem(intercept=False)
    settings = {"learning_rate": 0.1, "batch_size": 10, "epochs": 3}

    gaps = gaps_of_runs(objective, np.zeros(2), seeds=[1], **settings)

    run = descend(objective, np.zeros(2), seed=1, **settings)
    assert gaps[0, -1] == pytest.approx(gap(objective, run.weights), rel=1e-9)


def test_every_step_is_a_step_of_the_path(objective):
    settings = {"learning_rate": 0.1, "batch_size": 7, "epochs": 3}

    gaps = gaps_of_runs(objective, np.zeros(3), seeds=[4], every_step=True, **settings)

    path = descend(objective, np.zeros(3), seed=4, record_path=True, **settings).path
    assert gaps.shape == (1, 3 * 9 + 1)
    assert_allclose(gaps[0], [gap(objective, weights) for weights in path], rtol=1e-9, atol=1e-14)


def step_by_hand(objective, last_batch, *, learning_rate=0.1, batch_size=8, epochs=3, seed=2):
    weights = np.zeros(3)
    for rows in minibatches(objective.n_rows, batch_size, epochs=epochs, seed=seed):
        share = {"keep": 1, "weigh": len(rows) / batch_size, "drop": 0}[last_batch]
        if len(rows) == batch_size:
            share = 1
        weights = weights - learning_rate * share * objective.gradient(weights, rows)
    return gap(objective, weights)


@pytest.mark.parametrize("last_batch", ["keep", "weigh", "drop"])
def test_the_last_batch_is_kept_weighed_or_dropped(objective, last_batch):
    settings = {"learning_rate": 0.1, "batch_size": 8, "epochs": 3, "seeds": [2]}

    gaps = gaps_of_runs(objective, np.zeros(3), last_batch=last_batch, **settings)

    assert gaps[0, -1] == pytest.approx(step_by_hand(objective, last_batch), rel=1e-9)


def test_the_three_ways_with_the_last_batch_differ(objective):
    ends = [step_by_hand(objective, last_batch) for last_batch in ("keep", "weigh", "drop")]
    assert all(abs(one - other) > 1e-4 * one for one, other in pairwise([*ends, ends[0]]))


# --- The map of an epoch and its fixed point ---


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_the_epoch_map_is_an_epoch_of_descend(objective, batch_size):
    start = np.array([1.0, 2.0, 3.0])

    matrix, shift = epoch_map(objective, minibatches(60, batch_size, seed=3), 0.05)

    order = {"order": "sequential"} if batch_size == 60 else {"seed": 3}
    run = descend(objective, start, learning_rate=0.05, batch_size=batch_size, **order)
    assert_allclose(matrix @ start + shift, run.weights, rtol=1e-10)


@pytest.mark.parametrize("order", ["sequential", "shuffle_once"])
def test_a_fixed_order_ends_at_the_fixed_point(objective, order):
    settings = {"batch_size": 7, "order": order, "seed": 1}

    limit = fixed_order_limit(objective, minibatches(60, **settings), 0.1)

    run = descend(objective, np.zeros(3), learning_rate=0.1, epochs=200, **settings)
    assert_allclose(run.weights, limit, rtol=1e-9)
    assert gap(objective, limit) > 1e-5  # and not at the minimum


def test_batches_that_agree_have_the_minimum_as_their_fixed_point():
    X = np.random.default_rng(1).normal(size=(20, 2))
    objective = LeastSquares(X, X @ [1.0, 2.0] + 3)

    limit = fixed_order_limit(objective, minibatches(20, 4, order="sequential"), 0.1)

    assert_allclose(limit, [3.0, 1.0, 2.0], rtol=1e-8)


def test_no_fixed_point_where_the_weights_do_not_settle(objective):
    with pytest.raises(ValueError, match=r"^learning_rate must be small enough .* not 5\.0$"):
        fixed_order_limit(objective, minibatches(60, 10, order="sequential"), 5.0)


# --- The floors ---


def test_the_floors_of_one_curvature_can_be_worked_out_by_hand():
    # Two rows, 0 and 2, whose mean is wanted: H = 1, Σ = 1, two batches of one row.
    objective = LeastSquares([[1.0], [1.0]], [0.0, 2.0], intercept=False)
    gamma, m, rate = 1.0, 2, 0.01  # Γ = Σ / B (n - B) / (n - 1)

    assert noise_floor(objective, rate, 1, "with_replacement") == pytest.approx(rate / 4)
    assert noise_floor(objective, rate, 1, "shuffle_once") == pytest.approx(
        rate**2 * (m + 1) / 24 * gamma
    )
    assert noise_floor(objective, rate, 1, "reshuffle") == pytest.approx(
        rate**3 * m * (m + 1) / 48 * gamma
    )
    # The limit of the order (0, 2) is 1 + η/(2 - η): a gap of η²/8 to leading order.
    limit = fixed_order_limit(objective, [np.array([0]), np.array([1])], rate)
    assert limit[0] == pytest.approx(1 + rate / (2 - rate))
    assert gap(objective, limit) == pytest.approx(
        noise_floor(objective, rate, 1, "shuffle_once"), rel=0.02
    )


@pytest.mark.parametrize("batch_size", [20, 50])
def test_the_floor_with_replacement(batch_size):
    objective = problem(200)
    settings = {"learning_rate": 0.01, "batch_size": batch_size, "order": "with_replacement"}

    gaps = gaps_of_runs(objective, objective.solution(), epochs=400, seeds=range(60), **settings)

    expected = noise_floor(objective, 0.01, batch_size, "with_replacement")
    assert gaps[:, 150:].mean() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("batch_size", [10, 20])
def test_the_reshuffled_floor(batch_size):
    objective = problem(200)
    rate = 0.0005 * batch_size
    settings = {"learning_rate": rate, "batch_size": batch_size}

    gaps = gaps_of_runs(objective, objective.solution(), epochs=300, seeds=range(60), **settings)

    expected = noise_floor(objective, rate, batch_size, "reshuffle")
    assert gaps[:, 100:].mean() == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("batch_size", [10, 40])
def test_the_mean_floor_of_fixed_random_orders(batch_size):
    objective = problem(200)
    rate = 0.0005 * batch_size
    limits = [
        fixed_order_limit(objective, minibatches(200, batch_size, seed=seed), rate)
        for seed in range(1500)
    ]

    measured = np.mean([gap(objective, weights) for weights in limits])

    expected = noise_floor(objective, rate, batch_size, "shuffle_once")
    assert measured == pytest.approx(expected, rel=0.12)


@pytest.mark.parametrize("last_batch", ["keep", "weigh", "drop"])
def test_the_floor_with_a_partial_last_batch(last_batch):
    objective = problem(200)  # in batches of 32, the last of 8
    settings = {"learning_rate": 0.002, "batch_size": 32, "last_batch": last_batch}

    gaps = gaps_of_runs(objective, objective.solution(), epochs=900, seeds=range(60), **settings)

    expected = noise_floor(objective, 0.002, 32, "reshuffle", last_batch=last_batch)
    assert gaps[:, 250:].mean() == pytest.approx(expected, rel=0.15)


def test_a_dividing_batch_size_knows_no_last_batch():
    objective = problem(200)
    floors = {
        noise_floor(objective, 0.01, 20, "reshuffle", last_batch=last_batch)
        for last_batch in ("keep", "weigh", "drop")
    }
    assert len(floors) == 1


def test_a_single_row_has_no_noise():
    objective = LeastSquares([[1.0]], [2.0], intercept=False)
    for order in ("with_replacement", "shuffle_once", "reshuffle"):
        assert noise_floor(objective, 0.1, 1, order) == pytest.approx(0, abs=1e-30)


def test_the_floors_use_the_covariance_at_the_minimum():
    objective = problem(200)
    covariance = gradient_covariance(objective, objective.solution())
    expected = 0.01 / (4 * 20) * np.trace(covariance)
    assert noise_floor(objective, 0.01, 20, "with_replacement") == pytest.approx(expected)


# --- Bad arguments ---


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"weights": [0.0]},
            ValueError,
            "weights must have the shape (3,), or (1, 3) for a start of each run, not (1,)",
        ),
        ({"seeds": []}, ValueError, "seeds must hold at least one seed, but is empty"),
        (
            {"learning_rate": 0},
            ValueError,
            "learning_rate must be a finite number above 0, not 0",
        ),
        (
            {"last_batch": "lose"},
            ValueError,
            "last_batch must be one of 'keep', 'weigh', 'drop', 'spread', not 'lose'",
        ),
        ({"batch_size": 61}, ValueError, "batch_size must be from 1 to 60, not 61"),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, not 0"),
        ({"schedule": 3}, TypeError, "schedule must be a function or None, not 3"),
    ],
)
def test_bad_arguments_of_runs_are_refused_by_name(objective, arguments, error, message):
    right = {"weights": np.zeros(3), "learning_rate": 0.1, "batch_size": 10, "epochs": 1}

    with pytest.raises(error) as caught:
        gaps_of_runs(objective, **right | {"seeds": [0]} | arguments)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"order": "sequential"},
            "order must be one of 'with_replacement', 'shuffle_once', 'reshuffle', "
            "not 'sequential'",
        ),
        (
            {"order": "shuffle_once", "batch_size": 7},
            "batch_size must divide n = 60 where order is 'shuffle_once', not be 7",
        ),
        ({"last_batch": 1}, "last_batch must be one of 'keep', 'weigh', 'drop', not 1"),
    ],
)
def test_bad_arguments_of_floors_are_refused_by_name(objective, arguments, message):
    right = {"learning_rate": 0.1, "batch_size": 10, "order": "reshuffle"}

    with pytest.raises(ValueError, match="must") as caught:
        noise_floor(objective, **right | arguments)

    assert str(caught.value) == message


# --- Orders of rows ---


@pytest.mark.parametrize("size", [1, 7, 50, 200])
def test_a_buffer_loses_no_row_and_lets_none_out_too_early(size):
    stream = np.arange(100)[::-1]
    order = through_buffer(stream, size, seed=1)
    assert sorted(order) == list(range(100))
    # The row that leaves at place k has come in among the first k + size.
    came_in = 99 - order
    assert np.all(came_in <= np.arange(100) + size - 1)
    assert (order.tolist() == stream.tolist()) == (size == 1)


def test_a_buffer_of_all_rows_is_a_shuffle():
    orders = np.array([through_buffer(range(4), 4, seed=seed) for seed in range(2400)])
    counts = np.unique(orders, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert counts.min() > 60


def test_a_row_waits_for_as_many_draws_as_the_buffer_is_long():
    waits = [np.argsort(through_buffer(range(2000), 50, seed=s))[1000] - 951 for s in range(400)]
    assert np.mean(waits) == pytest.approx(50, rel=0.15)  # from the draw at which it is in, on


def test_spread_classes_puts_each_class_evenly_into_every_stretch():
    labels = np.repeat([0, 1, 2], [500, 300, 200])
    order = spread_classes(labels, seed=4)
    assert sorted(order) == list(range(1000))
    for rows in order.reshape(25, 40):
        counts = np.bincount(labels[rows], minlength=3)
        np.testing.assert_allclose(counts, [20, 12, 8], atol=1)
    assert not np.array_equal(order, spread_classes(labels, seed=5))


def test_epochs_to_a_gap_are_the_first_arrival_with_fractions():
    objective = LeastSquares([[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 8.0])
    settings = {"learning_rate": 0.1, "batch_size": 3, "epochs": 20, "seeds": range(4)}
    gaps = gaps_of_runs(objective, [0.0, 0.0], every_step=True, **settings)
    found = epochs_to_gap(objective, [0.0, 0.0], 0.3, **settings)
    first = np.array([next(i for i, gap in enumerate(of) if gap <= 0.3) for of in gaps])
    np.testing.assert_allclose(found, first / 2)
    assert np.isnan(epochs_to_gap(objective, [0.0, 0.0], 1e-12, **settings)).all()
