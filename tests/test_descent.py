import copy
import dataclasses
import os
import pickle
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.linear_model import SGDClassifier, SGDRegressor

from mbgd_lib import (
    DivergenceError,
    LeastSquares,
    Logistic,
    Momentum,
    Softmax,
    descend,
    minibatches,
)
from mbgd_lib.batches import ORDERS
from mbgd_lib.instruments.theory import largest_stable_step
from mbgd_lib.objectives import PIECE
from mbgd_lib.schedules import constant, cosine, inverse_time, step_decay


def make_data(n=50, d=3):
    rng = np.random.default_rng(0)
    X = rng.normal(1, 2, size=(n, d))
    return X, X @ np.arange(1, d + 1) + 4 + rng.normal(size=n)


@pytest.fixture
def objective():
    return LeastSquares(*make_data())


def one_epoch(n, order, fixed, rng):
    if order == "reshuffle":
        return rng.permutation(n)
    if order == "with_replacement":
        return rng.integers(n, size=n)
    return fixed


def plain_path(X, y, learning_rate, batch_size, epochs, order, seed):
    """The whole algorithm, written out: the weights after each step."""
    rng = np.random.default_rng(seed)
    fixed = rng.permutation(len(X)) if order == "shuffle_once" else np.arange(len(X))
    weights = np.zeros(X.shape[1] + 1)
    path = [weights]
    for _ in range(epochs):
        rows_of_epoch = one_epoch(len(X), order, fixed, rng)
        for start in range(0, len(X), batch_size):
            rows = rows_of_epoch[start : start + batch_size]
            residuals = X[rows] @ weights[1:] + weights[0] - y[rows]
            slopes = X[rows].T @ residuals / len(rows)
            gradient = np.concatenate([[residuals.mean()], slopes])
            weights = weights - learning_rate * gradient
            path.append(weights)
    return np.array(path)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batch_size", [1, 7, 10, 49])
def test_path_equals_the_plain_loop_to_the_last_bit(objective, order, batch_size):
    cut = {"batch_size": batch_size, "epochs": 4, "order": order, "seed": 5}

    run = descend(objective, np.zeros(4), learning_rate=0.01, record_path=True, **cut)

    expected = plain_path(objective.X, objective.y, 0.01, **cut)
    assert np.array_equal(run.path, expected)
    assert np.array_equal(run.weights, expected[-1])


@given(
    n=st.integers(1, 40), share=st.floats(0, 1), order=st.sampled_from(ORDERS), seed=st.integers(0)
)
def test_path_equals_the_plain_loop_for_any_size(n, share, order, seed):
    X, y = make_data(n)
    cut = {"batch_size": 1 + int(share * (n - 1)), "epochs": 2, "order": order, "seed": seed}

    run = descend(LeastSquares(X, y), np.zeros(4), learning_rate=0.01, record_path=True, **cut)

    # A batch of all rows is not shuffled: its sums are the same but for rounding.
    assert_allclose(run.path, plain_path(X, y, 0.01, **cut), rtol=1e-10, atol=1e-12)


def test_a_batch_of_as_many_rows_drawn_with_replacement_is_not_all_rows(objective):
    cut = {"batch_size": 50, "epochs": 4, "order": "with_replacement", "seed": 5}

    run = descend(objective, np.zeros(4), learning_rate=0.01, record_path=True, **cut)

    assert np.array_equal(run.path, plain_path(objective.X, objective.y, 0.01, **cut))


def test_a_batch_of_all_rows_is_unshuffled_and_draws_nothing(objective):
    rng = np.random.default_rng(0)

    run = descend(objective, np.zeros(4), learning_rate=0.05, epochs=5, seed=rng, record_path=True)

    expected = plain_path(objective.X, objective.y, 0.05, 50, 5, "sequential", None)
    assert np.array_equal(run.path, expected)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize("cut", [{}, {"batch_size": 50}, {"n_batches": 1}])
def test_full_batch_descent_is_the_closed_form_iteration(objective, cut):
    start = np.array([3.0, -1.0, 0.5, 2.0])
    run = descend(objective, start, learning_rate=0.05, epochs=30, record_path=True, **cut)

    solution = objective.solution()
    shrink = np.eye(4) - 0.05 * objective.hessian()
    expected = [
        solution + np.linalg.matrix_power(shrink, k) @ (start - solution) for k in range(31)
    ]

    assert_allclose(run.path, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n_batches", [1, 4, 7, 50])
def test_n_batches_is_the_number_of_steps_in_an_epoch(objective, n_batches):
    run = descend(
        objective,
        np.zeros(4),
        learning_rate=0.01,
        n_batches=n_batches,
        epochs=3,
        seed=0,
        record_path=True,
    )

    assert run.steps == 3 * n_batches
    weights = np.zeros(4)
    for rows in minibatches(50, n_batches=n_batches, epochs=3, seed=0):
        weights = weights - 0.01 * objective.gradient(weights, rows)
    assert_allclose(run.weights, weights, rtol=1e-12)


def test_runs_are_the_same_from_the_same_seed_only(objective):
    seeds = [1, 1, 2, np.random.default_rng(1)]
    runs = [
        descend(objective, np.zeros(4), learning_rate=0.01, batch_size=8, seed=seed)
        for seed in seeds
    ]

    assert np.array_equal(runs[0].weights, runs[1].weights)
    assert not np.array_equal(runs[0].weights, runs[2].weights)
    assert np.array_equal(runs[0].weights, runs[3].weights)


@pytest.mark.parametrize(
    "start", [[1.0, 2.0, 3.0, 4.0], np.array([1.0, 2, 3, 4]), np.array([1, 2, 3, 4])]
)
def test_start_is_left_as_it_was_and_may_be_whole_numbers(objective, start):
    run = descend(objective, start, learning_rate=0.01, batch_size=8, seed=0, record_path=True)

    assert np.array_equal(start, [1, 2, 3, 4])
    assert np.array_equal(run.path[0], [1, 2, 3, 4])
    assert run.weights.dtype == np.float64
    assert not np.array_equal(run.weights, run.weights.round())
    assert not np.shares_memory(run.weights, run.path)


def test_float32_stays_float32():
    X, y = (array.astype(np.float32) for array in make_data())

    run = descend(
        LeastSquares(X, y),
        np.zeros(4, dtype=np.float32),
        learning_rate=0.01,
        batch_size=8,
        seed=0,
        record_path=True,
    )

    assert run.weights.dtype == np.float32
    assert run.path.dtype == np.float32


def test_data_on_disk_that_may_not_be_written_can_be_trained_on(tmp_path):
    X, y = make_data()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    arguments = {"learning_rate": 0.01, "batch_size": 8, "seed": 0}

    run = descend(LeastSquares(mapped, y), np.zeros(4), **arguments)

    expected = descend(LeastSquares(X, y), np.zeros(4), **arguments)
    assert np.array_equal(run.weights, expected.weights)


def test_epoch_losses_are_those_of_all_rows_at_the_start_and_after_each_epoch(objective):
    run = descend(
        objective,
        np.ones(4),
        learning_rate=0.01,
        batch_size=8,
        epochs=5,
        seed=0,
        record_path=True,
    )

    # 50 rows in batches of 8 are 7 steps, the last of them with 2 rows.
    assert run.epoch_losses.tolist() == [objective.value(w) for w in run.path[::7]]
    assert run.epoch_losses[0] == objective.value(np.ones(4))


def test_step_losses_are_those_of_the_batch_before_its_step(objective):
    arguments = {"batch_size": 8, "epochs": 2, "seed": 0}

    run = descend(
        objective,
        np.zeros(4),
        learning_rate=0.01,
        record_path=True,
        record_step_losses=True,
        **arguments,
    )

    expected = [
        objective.value(weights, rows)
        for weights, rows in zip(run.path, minibatches(50, **arguments), strict=False)
    ]
    assert run.step_losses.tolist() == expected


@pytest.mark.parametrize(
    ("cut", "steps"), [({}, 3), ({"batch_size": 8}, 21), ({"n_batches": 4}, 12)]
)
def test_records_have_one_entry_for_each_step(objective, cut, steps):
    run = descend(
        objective,
        np.zeros(4),
        learning_rate=0.01,
        epochs=3,
        record_path=True,
        record_step_losses=True,
        **cut,
    )

    assert run.steps == steps
    assert run.stop_reason == "epochs"
    assert run.epoch_losses.shape == (4,)
    assert run.path.shape == (steps + 1, 4)
    assert run.step_losses.shape == (steps,)


def test_nothing_is_recorded_unasked(objective):
    run = descend(objective, np.zeros(4), learning_rate=0.01)

    assert run.path is None
    assert run.step_losses is None


class Bowl:
    """A loss of weights in the shape of a matrix: half the sum of their squares."""

    n_rows = 4

    def value(self, weights, rows=None):
        return float((weights**2).sum() / 2)

    def gradient(self, weights, rows=None):
        return weights


def test_any_objective_and_shape_of_weights_will_do():
    run = descend(
        Bowl(), np.ones((2, 3)), learning_rate=0.5, batch_size=2, epochs=3, record_path=True
    )

    assert run.path.shape == (7, 2, 3)
    assert np.array_equal(run.weights, np.full((2, 3), 0.5**6))


def test_runs_of_arrays_can_be_compared(objective):
    first, second = (descend(objective, np.zeros(4), learning_rate=0.01) for _ in range(2))

    assert first == first
    assert first != second


def test_a_rate_just_below_the_limit_converges_and_one_just_above_diverges(objective):
    limit = largest_stable_step(objective.hessian())
    start = objective.solution() + 1

    below = descend(objective, start, learning_rate=0.99 * limit, epochs=1000)
    above = descend(objective, start, learning_rate=1.01 * limit, epochs=1000)

    assert_allclose(below.weights, objective.solution(), atol=1e-7)
    assert np.all(np.diff(above.epoch_losses)[100:] > 0)
    assert above.epoch_losses[-1] > 1e6 * above.epoch_losses[0]


@pytest.mark.parametrize("batch_size", [None, 8])
def test_divergence_stops_the_run_after_the_epoch_in_which_the_loss_overflows(
    objective, batch_size
):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = descend(
            objective,
            np.zeros(4),
            learning_rate=100.0,
            batch_size=batch_size,
            epochs=500,
            seed=0,
            record_path=True,
            record_step_losses=True,
        )

    steps_per_epoch = 1 if batch_size is None else 7
    epochs_run = len(run.epoch_losses) - 1
    assert run.stop_reason == "diverged"
    assert epochs_run < 500
    assert np.isfinite(run.epoch_losses[:-1]).all()
    assert not np.isfinite(run.epoch_losses[-1])
    assert run.steps == steps_per_epoch * epochs_run
    assert len(run.path) == run.steps + 1
    assert len(run.step_losses) == run.steps


def test_divergence_raises_on_request_and_brings_the_run_so_far(objective):
    arguments = {"learning_rate": 100.0, "batch_size": 8, "epochs": 500, "seed": 0}
    stopped = descend(objective, np.zeros(4), **arguments)
    epoch = len(stopped.epoch_losses) - 1

    message = f"^the loss overflowed in epoch {epoch} at learning_rate=100.0; try a smaller one$"
    with pytest.raises(DivergenceError, match=message) as caught:
        descend(objective, np.zeros(4), on_divergence="raise", **arguments)

    assert caught.value.run.stop_reason == "diverged"
    assert np.array_equal(caught.value.run.epoch_losses, stopped.epoch_losses, equal_nan=True)
    assert np.array_equal(caught.value.run.weights, stopped.weights, equal_nan=True)


def test_a_run_that_converges_does_not_raise(objective):
    run = descend(objective, np.zeros(4), learning_rate=0.01, on_divergence="raise")

    assert run.stop_reason == "epochs"


def test_a_start_whose_loss_overflows_diverges_without_a_warning(objective):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = descend(objective, np.full(4, 1e200), learning_rate=0.01, epochs=3)

    assert run.stop_reason == "diverged"
    assert run.epoch_losses.tolist() == [np.inf, np.inf]


def test_weights_that_are_no_numbers_any_more_diverge_without_a_warning(objective):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = descend(objective, np.zeros(4), learning_rate=1e100, batch_size=1, seed=0)

    assert run.stop_reason == "diverged"
    assert np.isnan(run.weights).all()


def test_warnings_of_the_caller_are_as_before(objective):
    with np.errstate(over="raise", invalid="raise"):
        descend(objective, np.zeros(4), learning_rate=100.0, epochs=500)

        assert np.geterr()["over"] == "raise"
        assert np.geterr()["invalid"] == "raise"


@pytest.mark.parametrize("intercept", [True, False])
def test_one_row_at_a_time_gives_the_weights_of_scikit_learn(intercept):
    X, y = make_data()
    model = SGDRegressor(
        penalty=None,
        learning_rate="constant",
        eta0=0.01,
        shuffle=False,
        fit_intercept=intercept,
    )
    for _ in range(5):
        model.partial_fit(X, y)

    objective = LeastSquares(X, y, intercept=intercept)
    run = descend(
        objective,
        np.zeros(objective.n_weights),
        learning_rate=0.01,
        batch_size=1,
        epochs=5,
        order="sequential",
    )

    expected = np.concatenate([model.intercept_, model.coef_]) if intercept else model.coef_
    assert_allclose(run.weights, expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weights": [0.0]}, ValueError, "weights must have the shape (4,), not (1,)"),
        ({"weights": [0, 0, 0, np.nan]}, ValueError, "weights must be finite, but holds nan"),
        ({"weights": ["a"] * 4}, TypeError, "weights must hold real numbers, not <U1"),
        (
            {"learning_rate": 0},
            ValueError,
            "learning_rate must be a finite number above 0, not 0",
        ),
        (
            {"learning_rate": "0.1"},
            TypeError,
            "learning_rate must be a number above 0, not '0.1'",
        ),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, not 0"),
        ({"batch_size": 51}, ValueError, "batch_size must be from 1 to 50, not 51"),
        ({"n_batches": 0}, ValueError, "n_batches must be from 1 to 50, not 0"),
        (
            {"on_divergence": "warn"},
            ValueError,
            "on_divergence must be one of 'stop', 'raise', not 'warn'",
        ),
        (
            {"order": "sorted"},
            ValueError,
            "order must be one of 'reshuffle', 'shuffle_once', 'sequential', 'with_replacement', "
            "not 'sorted'",
        ),
    ],
)
def test_bad_arguments_are_refused_by_name(objective, arguments, error, message):
    with pytest.raises(error) as caught:
        descend(objective, **{"weights": np.zeros(4), "learning_rate": 0.1} | arguments)

    assert str(caught.value) == message


def plain_loop(objective, batches, rates, momentum=0.0, bounds=None, start=None):
    """The weights after each step of gradient descent with a velocity and clipped weights."""
    weights = np.zeros(objective.weights_shape) if start is None else start
    velocity = np.zeros_like(weights)
    path = [weights]
    for rows, rate in zip(batches, rates, strict=True):
        velocity = momentum * velocity + objective.gradient(weights, rows)
        weights = weights - rate * velocity
        if bounds is not None:
            weights = np.minimum(np.maximum(weights, bounds[0]), bounds[1])
        path.append(weights)
    return np.array(path)


CUT = {"batch_size": 8, "epochs": 3, "seed": 0}  # of 50 rows: 7 steps in each of 3 epochs


def test_a_schedule_multiplies_the_rate_and_counts_steps_across_epochs(objective):
    asked = []

    def schedule(step):
        asked.append(step)
        return 1 / (1 + step)

    run = descend(
        objective, np.zeros(4), learning_rate=0.05, schedule=schedule, record_path=True, **CUT
    )

    rates = [0.05 * (1 / (1 + step)) for step in range(21)]
    assert asked == list(range(21))
    assert np.array_equal(run.path, plain_loop(objective, minibatches(50, **CUT), rates))


def test_every_run_starts_its_schedule_anew(objective):
    arguments = {"learning_rate": 0.05, "schedule": step_decay(5), **CUT}

    first, second = (descend(objective, np.zeros(4), **arguments) for _ in range(2))

    assert np.array_equal(first.weights, second.weights)


def test_a_constant_schedule_and_no_momentum_change_nothing(objective):
    plain = descend(objective, np.zeros(4), learning_rate=0.05, **CUT)
    same = descend(
        objective, np.zeros(4), learning_rate=0.05, schedule=constant(), update=Momentum(0), **CUT
    )

    assert np.array_equal(plain.weights, same.weights)


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("order", ORDERS)
def test_momentum_equals_the_plain_loop_to_the_last_bit(objective, momentum, order):
    cut = CUT | {"order": order}

    run = descend(
        objective,
        np.zeros(4),
        learning_rate=0.004,
        update=Momentum(momentum),
        schedule=inverse_time(10),
        record_path=True,
        **cut,
    )

    rates = [0.004 * inverse_time(10)(step) for step in range(21)]
    expected = plain_loop(objective, minibatches(50, **cut), rates, momentum)
    assert np.array_equal(run.path, expected)


class ReusingBowl(Bowl):
    """A bowl that writes every gradient into the same array."""

    def __init__(self):
        self.memory = np.empty((2, 3))

    def gradient(self, weights, rows=None):
        self.memory[:] = weights
        return self.memory


@pytest.mark.parametrize("bowl", [Bowl(), ReusingBowl()])
def test_a_velocity_is_no_array_of_the_objective_or_of_the_weights(bowl):
    run = descend(bowl, np.ones((2, 3)), learning_rate=0.5, update=Momentum(0.5), epochs=3)

    # By hand: v = 1, w = 1/2; v = 1/2 + 1/2 = 1, w = 0; v = 1/2 + 0, w = -1/4.
    assert np.array_equal(run.weights, np.full((2, 3), -0.25))


@pytest.mark.parametrize("bounds", [(-0.5, 1.5), (0, np.inf), [-np.inf, 2.0]])
def test_weights_are_clipped_after_each_step(objective, bounds):
    start = np.full(4, 3.0)
    arguments = {"learning_rate": 0.05, "update": Momentum(0.5), "bounds": bounds}

    run = descend(objective, start, record_path=True, **arguments, **CUT)

    batches = minibatches(50, **CUT)
    expected = plain_loop(objective, batches, [0.05] * 21, 0.5, bounds, start)
    assert np.array_equal(run.path, expected)
    assert run.path[0].tolist() == [3.0] * 4
    assert run.path[1:].min() >= bounds[0]
    assert run.path[1:].max() <= bounds[1]


@pytest.mark.parametrize("batch_size", [None, 8])
def test_tolerance_ends_the_run_after_the_first_epoch_that_moves_no_further(objective, batch_size):
    arguments = {"learning_rate": 0.02, "batch_size": batch_size, "seed": 0, "epochs": 400}
    schedule = inverse_time(50)
    steps = 1 if batch_size is None else 7

    full = descend(objective, np.zeros(4), schedule=schedule, record_path=True, **arguments)
    moved = np.linalg.norm(np.diff(full.path[::steps], axis=0), axis=1)
    tolerance = np.sort(moved)[100]
    run = descend(objective, np.zeros(4), schedule=schedule, tolerance=tolerance, **arguments)

    epochs = 1 + int(np.argmax(moved <= tolerance))
    assert 1 < epochs < 400
    assert run.stop_reason == "tolerance"
    assert len(run.epoch_losses) == epochs + 1
    assert run.steps == steps * epochs
    assert np.array_equal(run.weights, full.path[steps * epochs])


def test_tolerance_asks_how_far_the_epoch_went_not_how_far_its_steps_did():
    # Two targets, taken in turn: steps go to and fro for ever, and epochs end where they began.
    objective = LeastSquares(np.empty((2, 0)), [1.0, -1.0])
    arguments = {"learning_rate": 0.5, "batch_size": 1, "order": "sequential", "epochs": 100}

    run = descend(objective, [0.0], tolerance=1e-9, record_path=True, **arguments)

    assert run.stop_reason == "tolerance"
    assert len(run.epoch_losses) < 30
    assert np.abs(np.diff(run.path[-3:, 0])).min() > 0.6


def test_a_short_step_alone_does_not_end_the_run():
    # The first batch's gradient is zero at the start, the second's is not.
    objective = LeastSquares(np.empty((2, 0)), [0.0, 1.0])

    run = descend(
        objective, [0.0], learning_rate=0.1, batch_size=1, order="sequential", tolerance=1e-3
    )

    assert run.stop_reason == "epochs"


def test_callback_gets_the_epoch_the_weights_and_the_loss(objective):
    calls = []

    def callback(epoch, weights, loss):
        calls.append((epoch, weights.copy(), loss))

    run = descend(
        objective, np.zeros(4), learning_rate=0.05, callback=callback, record_path=True, **CUT
    )

    assert run.stop_reason == "epochs"
    assert [epoch for epoch, _, _ in calls] == [1, 2, 3]
    assert np.array_equal([weights for _, weights, _ in calls], run.path[[7, 14, 21]])
    assert [loss for _, _, loss in calls] == run.epoch_losses[1:].tolist()


@pytest.mark.parametrize("answer", [True, np.True_, "enough"])
def test_callback_ends_the_run_by_returning_something_true(objective, answer):
    arguments = {"learning_rate": 0.05, "batch_size": 8, "seed": 0}

    run = descend(
        objective,
        np.zeros(4),
        epochs=50,
        callback=lambda epoch, weights, loss: answer if epoch == 2 else np.False_,
        **arguments,
    )

    expected = descend(objective, np.zeros(4), epochs=2, **arguments)
    assert run.stop_reason == "callback"
    assert run.steps == 14
    assert np.array_equal(run.weights, expected.weights)
    assert np.array_equal(run.epoch_losses, expected.epoch_losses)


def test_callback_is_called_in_the_epoch_that_tolerance_ends(objective):
    epochs = []

    run = descend(
        objective,
        objective.solution(),
        learning_rate=0.05,
        epochs=9,
        tolerance=1e-6,
        callback=lambda epoch, weights, loss: epochs.append(epoch),
    )

    assert run.stop_reason == "tolerance"
    assert epochs == [1]


def test_callback_sees_no_loss_that_is_not_finite(objective):
    losses = []

    run = descend(
        objective,
        np.zeros(4),
        learning_rate=100.0,
        epochs=500,
        callback=lambda epoch, weights, loss: losses.append(loss),
    )

    assert run.stop_reason == "diverged"
    assert losses == run.epoch_losses[1:-1].tolist()


@pytest.mark.parametrize("average_from", [0, 1, 2])
def test_average_is_the_mean_of_the_tail_of_the_path(objective, average_from):
    run = descend(
        objective,
        np.ones(4),
        learning_rate=0.05,
        average_from=average_from,
        record_path=True,
        **CUT,
    )

    assert_allclose(run.average, run.path[1 + 7 * average_from :].mean(axis=0), rtol=1e-12)
    assert not np.shares_memory(run.average, run.weights)


def test_averaging_changes_nothing_else_and_beats_the_last_weights(objective):
    arguments = {"learning_rate": 0.05, "batch_size": 1, "epochs": 100, "seed": 0}

    run = descend(objective, np.zeros(4), average_from=20, **arguments)

    plain = descend(objective, np.zeros(4), **arguments)
    assert plain.average is None
    assert np.array_equal(run.weights, plain.weights)
    assert objective.value(run.average) < objective.value(run.weights)


def test_without_a_step_to_average_there_is_no_average(objective):
    run = descend(
        objective,
        objective.solution(),
        learning_rate=0.01,
        epochs=5,
        average_from=3,
        tolerance=1e-6,
    )

    assert run.stop_reason == "tolerance"
    assert run.average is None


def test_options_keep_float32():
    X, y = (array.astype(np.float32) for array in make_data())

    run = descend(
        LeastSquares(X, y),
        np.zeros(4, dtype=np.float32),
        learning_rate=0.01,
        batch_size=8,
        update=Momentum(0.9),
        bounds=(-9.0, 9.0),
        schedule=lambda step: np.float64(0.5),
        average_from=0,
    )

    assert run.weights.dtype == np.float32
    assert run.average.dtype == np.float32


def test_batches_may_grow_from_epoch_to_epoch(objective):
    cut = {"batch_size": lambda epoch: min(50, 10 * 2**epoch), "epochs": 4, "seed": 3}

    run = descend(objective, np.zeros(4), learning_rate=0.02, record_path=True, **cut)

    assert run.steps == 5 + 3 + 2 + 1
    rates = [0.02] * 11
    assert np.array_equal(run.path, plain_loop(objective, minibatches(50, **cut), rates))


@pytest.mark.parametrize("order", [order for order in ORDERS if order != "with_replacement"])
@pytest.mark.parametrize("cut", [{}, {"batch_size": 50}, {"n_batches": 1}])
def test_one_batch_of_all_rows_draws_nothing_in_any_order(objective, order, cut):
    rng = np.random.default_rng(0)

    run = descend(
        objective,
        np.zeros(4),
        learning_rate=0.05,
        epochs=np.int64(3),
        order=order,
        seed=rng,
        **cut,
    )

    assert run.steps == 3
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


def everything(**arguments):
    X, y = make_data()
    options = {"record_path": True, "record_step_losses": True, "average_from": 0, **CUT}
    return descend(LeastSquares(X, y), np.zeros(4), **options | arguments)


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda run: pickle.loads(pickle.dumps(run))])
def test_runs_can_be_copied_and_sent(copy_of):
    run = everything(learning_rate=0.01)

    again = copy_of(run)

    assert_same_run(again, run)
    again.weights[:] = 0
    assert not np.array_equal(again.weights, run.weights)


def assert_same_run(run, other):
    for field in dataclasses.fields(run):
        if field.name == "state":  # compared by what it leads to
            continue
        assert np.array_equal(getattr(run, field.name), getattr(other, field.name)), field.name


@pytest.mark.parametrize("copy_of", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_a_divergence_keeps_its_message_and_run_on_its_way_back_from_a_process(copy_of):
    with pytest.raises(DivergenceError) as caught:
        everything(learning_rate=1e200, epochs=2, on_divergence="raise")

    again = copy_of(caught.value)

    assert type(again) is DivergenceError
    assert str(again) == str(caught.value)
    assert again.run.stop_reason == "diverged"
    assert np.array_equal(again.run.epoch_losses, caught.value.run.epoch_losses, equal_nan=True)


@pytest.mark.parametrize("name", ["Logistic", "Softmax"])
@pytest.mark.parametrize("batch_size", [None, 8])
def test_cross_entropies_survive_rates_that_are_far_too_large(name, batch_size):
    X, y = make_data()
    objective = {"Logistic": Logistic, "Softmax": Softmax}[name](X, (y > y.mean()).astype(int))

    run = descend(
        objective,
        np.zeros(objective.weights_shape),
        learning_rate=1e4,
        batch_size=batch_size,
        epochs=20,
        seed=0,
    )

    assert run.stop_reason == "epochs"
    assert np.isfinite(run.epoch_losses).all()


@pytest.mark.parametrize("intercept", [True, False])
def test_logistic_one_row_at_a_time_gives_the_weights_of_scikit_learn(intercept):
    X, y = make_data()
    labels = (y > y.mean()).astype(int)
    model = SGDClassifier(
        loss="log_loss",
        penalty=None,
        learning_rate="constant",
        eta0=0.05,
        shuffle=False,
        fit_intercept=intercept,
    )
    for _ in range(5):
        model.partial_fit(X, labels, classes=[0, 1])

    objective = Logistic(X, labels, intercept=intercept)
    run = descend(
        objective,
        np.zeros(objective.n_weights),
        learning_rate=0.05,
        batch_size=1,
        epochs=5,
        order="sequential",
    )

    slopes = model.coef_[0]
    expected = np.concatenate([model.intercept_, slopes]) if intercept else slopes
    assert_allclose(run.weights, expected, rtol=1e-9)


# Bytes for each row of the data: the order of an epoch's rows, and, while a new one is drawn,
# the one before.
BYTES_PER_ROW = {"reshuffle": 16, "with_replacement": 16, "shuffle_once": 8, "sequential": 8}


def softmax_of(n, dtype, d=50):
    rng = np.random.default_rng(0)
    X = rng.integers(256, size=(n, d)).astype(dtype)
    return Softmax(X, rng.integers(10, size=n), n_classes=10)


def peak_memory(objective, **arguments):
    """The most bytes that a run allocates at one time, beyond the data."""
    weights = np.zeros(objective.weights_shape, np.float32)
    tracemalloc.start()
    try:
        descend(objective, weights, learning_rate=1e-6, epochs=3, **arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("order", ORDERS)
def test_memory_is_that_of_a_few_pieces_and_the_order_of_the_rows(dtype, order):
    few, many = softmax_of(10_000, dtype), softmax_of(60_000, dtype)
    arguments = {"batch_size": 256, "order": order, "seed": 0}

    least, most = (peak_memory(objective, **arguments) for objective in (few, many))

    # A piece: features, and scores three times over, in float32. Its loss needs no more.
    piece = PIECE * (50 + 3 * 10) * 4
    # And half a byte for the edges of the batches, 40 bytes or so for each.
    per_row = BYTES_PER_ROW[order] + 0.5
    assert least < 2 * piece + 10_000 * per_row
    assert most < 2 * piece + 60_000 * per_row
    assert most - least < 50_000 * per_row


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_memory_of_one_batch_of_all_rows_does_not_grow_with_the_rows(dtype):
    least, most = (peak_memory(softmax_of(n, dtype)) for n in (10_000, 60_000))

    assert most < 2 * PIECE * (50 + 3 * 10) * 4
    assert most - least < 10_000


def test_memory_does_not_grow_with_the_epochs(objective):
    def peak(epochs):
        tracemalloc.start()
        try:
            descend(objective, np.zeros(4), learning_rate=1e-3, batch_size=1, epochs=epochs)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    # The losses alone: a number for each epoch.
    assert peak(201) - peak(1) < 200 * 100


TRAIN_IN_LITTLE_MEMORY = """
import resource, sys
import numpy as np
from mbgd_lib import Softmax, descend

def train(X):
    objective = Softmax(X, np.arange(len(X), dtype=np.uint8) % 10, n_classes=10)
    start = np.zeros(objective.weights_shape, np.float32)
    return descend(objective, start, learning_rate=0.1, batch_size=256, seed=0)

X = np.load(sys.argv[1], mmap_mode="r")
train(X[:2000])  # what libraries allocate once and for all
with open("/proc/self/status") as status:
    used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) * 1024
limit = used + X.nbytes // 3
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.array(X)
except MemoryError:
    print("too large:", train(X).stop_reason)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits a process as Linux does")
def test_data_larger_than_the_memory_can_be_trained_on(tmp_path):
    # A file of zeros: 100 MB that take no room on the disk.
    shape = (250_000, 100)
    np.lib.format.open_memmap(tmp_path / "X.npy", mode="w+", dtype=np.float32, shape=shape)

    finished = subprocess.run(
        [sys.executable, "-c", TRAIN_IN_LITTLE_MEMORY, tmp_path / "X.npy"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )

    assert (finished.stdout, finished.stderr) == ("too large: epochs\n", "")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"schedule": 0.5}, TypeError, "schedule must be a function or None, not 0.5"),
        ({"callback": "print"}, TypeError, "callback must be a function or None, not 'print'"),
        ({"update": 0.9}, TypeError, "update must be a function or None, not 0.9"),
        (
            {"update": Momentum},
            TypeError,
            "update must be made first, Momentum(…), not be a class",
        ),
        (
            {"schedule": cosine},
            TypeError,
            "schedule must be called first, cosine(…), not be cosine itself",
        ),
        (
            {"seed": True},
            TypeError,
            "seed must be a whole number at least 0, a numpy.random.Generator or None, not True",
        ),
        ({"steps": 5}, ValueError, "give epochs or steps, not both: epochs=2, steps=5"),
        ({"epochs": None, "steps": 0}, ValueError, "steps must be at least 1, not 0"),
        ({"step_callback": 1}, TypeError, "step_callback must be a function or None, not 1"),
        (
            {"callback": lambda *given: np.array([True, False])},
            TypeError,
            "callback must return something true or false, not array([ True, False])",
        ),
        ({"bounds": (1, 1)}, ValueError, "bounds must be a lower and a higher number, not (1, 1)"),
        (
            {"bounds": (0, np.nan)},
            ValueError,
            "bounds must be a lower and a higher number, not (0, nan)",
        ),
        ({"bounds": 5}, TypeError, "bounds must be a lower and a higher number, not 5"),
        ({"bounds": (1,)}, TypeError, "bounds must be a lower and a higher number, not (1,)"),
        (
            {"bounds": (0, None)},
            TypeError,
            "bounds must be a lower and a higher number, not (0, None)",
        ),
        ({"tolerance": 0}, ValueError, "tolerance must be a finite number above 0, not 0"),
        ({"tolerance": "small"}, TypeError, "tolerance must be a number above 0, not 'small'"),
        ({"average_from": -1}, ValueError, "average_from must be from 0 to 1, not -1"),
        ({"average_from": 2}, ValueError, "average_from must be from 0 to 1, not 2"),
        (
            {"average_from": 0.5},
            TypeError,
            "average_from must be a whole number from 0 to 1, not 0.5",
        ),
        (
            {"batch_size": lambda epoch: 40 * (epoch + 1)},
            ValueError,
            "batch_size must be from 1 to 50, not 80",
        ),
        ({"epochs": 2.0}, TypeError, "epochs must be a whole number at least 1, not 2.0"),
        (
            {"weights": [[0.0] * 4]},
            ValueError,
            "weights must have the shape (4,), not (1, 4)",
        ),
    ],
)
def test_bad_options_are_refused_by_name(objective, arguments, error, message):
    with pytest.raises(error) as caught:
        descend(
            objective, **{"weights": np.zeros(4), "learning_rate": 0.1, "epochs": 2} | arguments
        )

    assert str(caught.value) == message


# --- what is left out, and what is shown ---------------------------------------------------------


def test_without_epoch_losses_the_steps_are_the_same(objective):
    arguments = {"learning_rate": 0.01, "batch_size": 8, "epochs": 4, "seed": 0}
    full = descend(objective, np.zeros(4), **arguments)
    seen = []
    run = descend(
        objective,
        np.zeros(4),
        record_epoch_losses=False,
        callback=lambda epoch, weights, loss: seen.append(loss),
        **arguments,
    )
    assert np.array_equal(run.weights, full.weights)
    assert run.epoch_losses.shape == (0,)
    assert run.stop_reason == "epochs"
    assert seen == [None] * 4


def test_without_epoch_losses_no_loss_is_computed(objective, monkeypatch):
    monkeypatch.setattr(LeastSquares, "value", lambda *_: pytest.fail("a loss was computed"))
    descend(objective, np.zeros(4), learning_rate=0.01, batch_size=8, record_epoch_losses=False)


def test_without_epoch_losses_divergence_is_seen_in_the_weights(objective):
    arguments = {"learning_rate": 9.0, "epochs": 999, "record_epoch_losses": False}
    run = descend(objective, np.zeros(4), **arguments)
    assert run.stop_reason == "diverged"
    assert run.steps < 999
    with pytest.raises(DivergenceError, match=rf"the weights overflowed in epoch {run.steps} at"):
        descend(objective, np.zeros(4), on_divergence="raise", **arguments)


def test_the_progress_bar_fills_with_the_epochs(objective, capsys):
    run = descend(objective, np.zeros(4), learning_rate=0.01, epochs=7, progress=True)
    quiet = descend(objective, np.zeros(4), learning_rate=0.01, epochs=7)
    assert np.array_equal(run.weights, quiet.weights)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "100%" in printed.err
    assert "7/7" in printed.err


def test_the_progress_bar_says_what_it_needs(objective, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match="progress=True needs tqdm: pip install tqdm"):
        descend(objective, np.zeros(4), learning_rate=0.01, progress=True)


def test_weights_of_any_layout_end_at_the_same_place():
    X, y = make_data()
    objective = Softmax(X, (y > y.mean()).astype(int) + (y > 2 * y.mean()))
    start = np.random.default_rng(0).normal(size=objective.weights_shape)
    arguments = {"learning_rate": 0.01, "batch_size": 8, "epochs": 3, "seed": 0}
    runs = [
        descend(objective, weights, **arguments)
        for weights in (start, np.asfortranarray(start), start.tolist(), start[::-1][::-1])
    ]
    assert all(np.array_equal(run.weights, runs[0].weights) for run in runs)


# --- what a user's own objective or schedule may get wrong ---------------------------------------


class Parabola:
    """The square of the weights' length, with a gradient that a test may spoil."""

    n_rows = 4

    def __init__(self, gradient=lambda weights: 2 * weights, value=lambda weights: 0.0):
        self._gradient, self._value = gradient, value

    def value(self, weights, rows=None):
        return self._value(weights)

    def gradient(self, weights, rows=None):
        return self._gradient(weights)


@pytest.mark.parametrize(
    ("gradient", "shape"), [(np.sum, r"\(\)"), (lambda w: w[:1], r"\(1,\)"), (np.diag, r"\(3, 3\)")]
)
def test_a_gradient_of_another_shape_is_not_broadcast(gradient, shape):
    message = rf"the objective's gradient must have the weights' shape \(3,\), not {shape}"
    with pytest.raises(ValueError, match=message):
        descend(Parabola(gradient), np.ones(3), learning_rate=0.1)


@pytest.mark.parametrize("value", [None, "a", 1j, -1.0, np.nan, np.inf, np.ones(3), [1.0]])
def test_a_schedule_returns_a_factor(objective, value):
    message = r"schedule must return a finite number at least 0, not .* as for step 0"
    with pytest.raises(ValueError, match=message):
        descend(objective, np.zeros(4), learning_rate=0.1, schedule=lambda step: value)


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.5), np.float64(0.5), np.int64(1)])
def test_a_factor_is_any_real_number(objective, value):
    run = descend(objective, np.zeros(4), learning_rate=0.01, schedule=lambda step: value)
    same = descend(objective, np.zeros(4), learning_rate=0.01, schedule=lambda step: float(value))
    assert np.array_equal(run.weights, same.weights)


@pytest.mark.parametrize("objective", ["a", None, 3])
def test_what_is_no_objective_is_refused_by_name(objective):
    with pytest.raises(TypeError, match="objective must have n_rows, value, gradient, which"):
        descend(objective, np.zeros(4), learning_rate=0.1)


def test_a_class_is_no_objective_yet():
    with pytest.raises(TypeError, match=r"must be made first, LeastSquares\(…\), not be a class"):
        descend(LeastSquares, np.zeros(4), learning_rate=0.1)


def test_what_an_objective_lacks_is_named():
    class WithoutGradient:
        n_rows = 1

        def value(self, weights, rows=None):
            return 0.0

    with pytest.raises(TypeError, match="objective must have gradient, which"):
        descend(WithoutGradient(), np.zeros(4), learning_rate=0.1)


class Own:
    """An objective of somebody's own, which gives back what it was made with."""

    n_rows = 2

    def __init__(self, value=0.0, gradient=(1.0, 2.0)):
        self.answers = value, gradient

    def value(self, weights, rows=None):
        return self.answers[0]

    def gradient(self, weights, rows=None):
        return self.answers[1]


@pytest.mark.parametrize("update", [None, Momentum(0.5)])
def test_a_gradient_may_be_a_list_with_any_rule(update):
    run = descend(Own(gradient=[1.0, 2.0]), np.zeros(2), learning_rate=0.5, update=update)
    assert run.weights.tolist() == [-0.5, -1.0]


@pytest.mark.parametrize("gradient", [None, "ab", [1j, 2.0]])
def test_a_gradient_of_no_real_numbers_is_refused(gradient):
    with pytest.raises((TypeError, ValueError), match="the objective's gradient must"):
        descend(Own(gradient=gradient), np.zeros(2), learning_rate=0.5)


@pytest.mark.parametrize("value", [None, np.zeros(2), np.zeros(1), np.zeros((1, 1)), "0"])
def test_a_value_is_one_number(value):
    with pytest.raises(TypeError, match="the objective's value must be one real number, not"):
        descend(Own(value=value), np.zeros(2), learning_rate=0.5)


@pytest.mark.parametrize("value", [1, np.float32(1), np.array(1.0)])
def test_a_value_is_any_kind_of_number(value):
    assert descend(Own(value=value), np.zeros(2), learning_rate=0.5).epoch_losses.tolist() == [1, 1]


def test_a_value_that_is_no_number_is_not_called_an_overflow():
    with pytest.raises(DivergenceError, match=r"the loss is nan at the starting weights"):
        descend(
            Own(value=np.nan), np.zeros(2), learning_rate=1e-12, epochs=3, on_divergence="raise"
        )
    with pytest.raises(DivergenceError, match=r"the weights became NaN in epoch 1 .* no value"):
        descend(
            Own(gradient=[np.nan, 1.0]),
            np.zeros(2),
            learning_rate=1e-12,
            record_epoch_losses=False,
            on_divergence="raise",
        )


def test_an_objective_without_rows_is_refused_by_name():
    empty = Parabola()
    empty.n_rows = 0
    with pytest.raises(ValueError, match=r"objective\.n_rows must be at least 1, not 0"):
        descend(empty, np.zeros(4), learning_rate=0.1)


def test_ragged_weights_are_refused_by_name(objective):
    with pytest.raises(ValueError, match="weights must have rows of one length"):
        descend(objective, [[1], [2, 3]], learning_rate=0.1)


def test_a_loss_that_is_bad_from_the_start_is_not_blamed_on_the_learning_rate():
    broken = Parabola(value=lambda weights: np.nan)
    with pytest.raises(DivergenceError, match=r"^the loss is nan at the starting weights$"):
        descend(broken, np.ones(3), learning_rate=0.1, on_divergence="raise")


@pytest.mark.parametrize("epochs", [np.int8(100), np.array(100)])
@pytest.mark.parametrize("batch_size", [1, None])
def test_epochs_of_any_integer_type(epochs, batch_size):
    X, y = make_data(n=200)
    settings = {"learning_rate": 0.001, "batch_size": batch_size, "seed": 0}
    run = descend(LeastSquares(X, y), np.zeros(4), epochs=epochs, **settings)
    same = descend(LeastSquares(X, y), np.zeros(4), epochs=100, **settings)
    assert np.array_equal(run.weights, same.weights)


def test_the_callback_cannot_change_the_weights(objective):
    def meddle(epoch, weights, loss):
        weights[:] = 7

    with pytest.raises(ValueError, match="read-only"):
        descend(objective, np.zeros(4), learning_rate=0.01, callback=meddle)


def test_the_last_weights_can_be_written_to(objective):
    run = descend(objective, np.zeros(4), learning_rate=0.01, callback=lambda *given: None)
    run.weights[:] = 7


def test_underflow_is_no_error(objective):
    with np.errstate(under="raise"):
        descend(Softmax(np.eye(3), [0, 1, 2]), 1e4 * np.eye(4, 3), learning_rate=1, batch_size=1)


@pytest.mark.parametrize("cut", [{}, {"batch_size": 5}, {"batch_size": lambda epoch: 5}])
def test_memory_of_planned_epochs(cut):
    X, y = make_data(n=5000)
    arguments = {"learning_rate": 1e-3, "callback": lambda *given: True, **cut}

    def once(epochs):
        tracemalloc.start()
        descend(LeastSquares(X, y), np.zeros(4), epochs=epochs, **arguments)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def peak(epochs):  # other threads of the process allocate too, now and then: the least counts
        return min(once(epochs) for _ in range(3))

    once(10)  # what the first run of a line leaves behind, as for coverage, is none of descend's
    # A plan of one small integer for each epoch, where the batch sizes are a function.
    assert peak(10_000) < peak(10) + (10_000 * 16 if cut and callable(cut["batch_size"]) else 5000)
