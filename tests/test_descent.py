import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from sklearn.linear_model import SGDRegressor

from mbgd_lib import DivergenceError, LeastSquares, descend, minibatches
from mbgd_lib.batches import ORDERS
from mbgd_lib.theory import largest_stable_step


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
