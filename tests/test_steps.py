"""The loop one step at a time: looked at, stopped, continued, and many runs side by side."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mbgd_lib import (
    Adam,
    DivergenceError,
    DoubleWell,
    LeastSquares,
    Logistic,
    Momentum,
    Nesterov,
    Penalised,
    QuadraticBowl,
    Saddle,
    Softmax,
    TrigonometricSurface,
    descend,
    minibatches,
    steps,
)
from mbgd_lib.batches import LAST_BATCHES, ORDERS
from mbgd_lib.objectives import PIECE
from mbgd_lib.schedules import inverse_time

N = 43
RULES = {"plain": None, "momentum": Momentum(0.9), "nesterov": Nesterov(0.8), "adam": Adam()}


def rows_and_targets(n=N, d=3):
    rng = np.random.default_rng(0)
    X = rng.normal(1, 2, size=(n, d))
    return X, X @ np.arange(1, d + 1) + 4 + rng.normal(size=n)


@pytest.fixture
def objective():
    return LeastSquares(*rows_and_targets())


def first(count, loop):
    """Make so many steps and return the last."""
    for _ in range(count - 1):
        next(loop)
    return next(loop)


# --- steps and what they tell ---------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("last_batch", LAST_BATCHES)
def test_steps_take_the_batches_of_minibatches(objective, order, last_batch):
    cut = {"batch_size": 8, "order": order, "last_batch": last_batch, "seed": 3}
    loop = steps(objective, np.zeros(4), learning_rate=0.01, **cut)

    for rows in minibatches(N, epochs=3, **cut):
        assert np.array_equal(next(loop).rows, rows)
    assert next(loop).epoch == 4


def test_a_step_tells_what_it_did(objective):
    settings = {"learning_rate": 0.01, "batch_size": 20, "seed": 0}
    loop = steps(objective, np.zeros(4), **settings)
    seen = [next(loop) for _ in range(7)]

    assert [step.number for step in seen] == [1, 2, 3, 4, 5, 6, 7]
    assert [step.epoch for step in seen] == [1, 1, 1, 2, 2, 2, 3]
    assert [step.ends_epoch for step in seen] == [False, False, True] * 2 + [False]
    assert {step.learning_rate for step in seen} == {0.01}
    seconds = [step.seconds for step in seen]
    assert seconds == sorted(seconds)
    path = descend(objective, np.zeros(4), steps=7, record_path=True, **settings).path
    for step, before, after in zip(seen, path, path[1:], strict=False):
        assert np.array_equal(step.before, before)
        assert np.array_equal(step.weights, after)
        assert step.loss() == objective.value(after)
        assert step.batch_loss() == objective.value(before, step.rows)


def test_weights_that_were_shown_cannot_be_written_to(objective):
    step = next(steps(objective, np.zeros(4), learning_rate=0.01))
    with pytest.raises(ValueError, match="read-only"):
        step.weights[0] = 1


def test_a_batch_of_all_rows_is_none_of_them_in_particular(objective):
    assert next(steps(objective, np.zeros(4), learning_rate=0.01)).rows is None


def test_the_rate_of_a_step_has_schedule_and_share_in_it(objective):
    loop = steps(
        objective,
        np.zeros(4),
        learning_rate=0.01,
        batch_size=20,
        last_batch="weigh",
        schedule=lambda number: 1 / (1 + number),
    )
    shares = [1, 1, 3 / 20] * 2
    expected = [0.01 / (1 + number) * share for number, share in enumerate(shares)]
    assert_allclose([next(loop).learning_rate for _ in range(6)], expected, rtol=1e-15)


@pytest.mark.parametrize("count", [1, 5, 7, 12])
def test_so_many_steps_are_the_first_of_the_epochs(objective, count):
    settings = {"learning_rate": 0.01, "batch_size": 7, "seed": 1}
    whole = descend(objective, np.zeros(4), epochs=2, record_path=True, **settings)
    part = descend(objective, np.zeros(4), steps=count, record_path=True, **settings)

    assert part.steps == count
    assert part.stop_reason == "steps"
    assert np.array_equal(part.path, whole.path[: count + 1])
    assert np.array_equal(part.epoch_losses, whole.epoch_losses[: 1 + count // 7])


def test_the_step_callback_sees_each_step_and_ends_the_run(objective):
    seen = []

    def look(step):
        seen.append((step.number, step.epoch, step.learning_rate))
        return step.number == 4

    run = descend(
        objective, np.zeros(4), learning_rate=0.01, batch_size=20, epochs=5, step_callback=look
    )

    assert seen == [(1, 1, 0.01), (2, 1, 0.01), (3, 1, 0.01), (4, 2, 0.01)]
    assert (run.steps, run.stop_reason) == (4, "callback")


# --- going on -------------------------------------------------------------------------------------


def sent(thing):
    return pickle.loads(pickle.dumps(thing))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("copied", [copy.deepcopy, sent])
def test_a_state_goes_on_with_the_same_rows(objective, order, rule, copied):
    settings = {
        "learning_rate": 0.01,
        "batch_size": 8,
        "order": order,
        "schedule": inverse_time(9),
    }
    loop = steps(objective, np.zeros(4), seed=5, update=RULES[rule], **settings)
    saved = copied(first(9, loop).state)  # of 6 in an epoch: in the middle of the second

    for number in range(10, 30):
        goes_on = next(loop)
        if number == 10:
            again = steps(objective, saved, **settings)
        step = next(again)
        assert step.number == goes_on.number == number
        assert np.array_equal(step.rows, goes_on.rows)
        assert np.array_equal(step.weights, goes_on.weights)


@given(at=st.integers(1, 40), size=st.integers(1, N), order=st.sampled_from(ORDERS))
def test_a_run_in_two_parts_is_the_whole_run(at, size, order):
    objective = LeastSquares(*rows_and_targets())
    settings = {"learning_rate": 0.005, "batch_size": size, "order": order}
    whole = descend(objective, np.zeros(4), steps=41, seed=2, update=Momentum(0.5), **settings)
    part = descend(objective, np.zeros(4), steps=at, seed=2, update=Momentum(0.5), **settings)
    rest = descend(objective, part.state, steps=41 - at, **settings) if at < 41 else part

    assert np.array_equal(rest.weights, whole.weights)


def test_a_loop_can_be_sent_with_its_data(objective):
    loop = steps(objective, np.zeros(4), learning_rate=0.01, batch_size=8, seed=5)
    first(4, loop)
    again = sent(loop)
    assert np.array_equal(first(20, again).weights, first(20, loop).weights)


def test_a_state_can_be_gone_on_from_twice(objective):
    settings = {"learning_rate": 0.01, "batch_size": 8}
    saved = first(3, steps(objective, np.zeros(4), seed=5, update=Momentum(), **settings)).state
    once, twice = (descend(objective, saved, epochs=2, **settings) for _ in range(2))
    assert np.array_equal(once.weights, twice.weights)


def test_the_rest_of_an_epoch_counts_as_one(objective):
    settings = {"learning_rate": 0.01, "batch_size": 8}  # 6 in an epoch
    part = descend(objective, np.zeros(4), steps=2, seed=5, **settings)
    rest = descend(objective, part.state, epochs=1, **settings)
    assert rest.steps == 4
    assert len(rest.epoch_losses) == 2


def test_a_new_batch_size_counts_from_the_next_epoch(objective):
    saved = first(2, steps(objective, np.zeros(4), learning_rate=0.01, batch_size=8, seed=5)).state
    loop = steps(objective, saved, learning_rate=0.01, batch_size=40)
    assert [len(next(loop).rows) for _ in range(6)] == [8, 8, 8, 3, 40, 3]


def test_the_order_of_the_data_comes_back_after_a_shuffled_run(objective):
    shuffled = descend(objective, np.zeros(4), learning_rate=0.01, batch_size=8, seed=5)
    loop = steps(objective, shuffled.state, learning_rate=0.01, batch_size=N, order="sequential")
    assert next(loop).rows is None  # all rows as they stand
    loop = steps(objective, shuffled.state, learning_rate=0.01, batch_size=40, order="sequential")
    assert [*next(loop).rows, *next(loop).rows] == list(range(N))


def test_a_rule_named_anew_starts_anew(objective):
    settings = {"learning_rate": 0.01, "batch_size": 8}
    saved = first(2, steps(objective, np.zeros(4), seed=5, update=Momentum(), **settings)).state
    plain = next(steps(objective, saved, update=Momentum(0), **settings))
    gradient = objective.gradient(saved.weights, plain.rows)
    assert_allclose(plain.weights, saved.weights - 0.01 * gradient, rtol=1e-15)


def test_a_rule_serves_many_runs(objective):
    rule = Adam()
    settings = {"learning_rate": 0.01, "batch_size": 8, "seed": 5, "update": rule}
    once, twice = (descend(objective, np.zeros(4), epochs=2, **settings) for _ in range(2))
    assert np.array_equal(once.weights, twice.weights)
    assert rule.steps == 0


def test_the_state_of_a_step_is_there_until_the_next(objective):
    loop = steps(objective, np.zeros(4), learning_rate=0.01)
    step = next(loop)
    next(loop)
    with pytest.raises(RuntimeError, match="the state after step 1 is gone: ask for it before"):
        _ = step.state


def test_a_state_brings_its_seed(objective):
    saved = next(steps(objective, np.zeros(4), learning_rate=0.01, seed=5)).state
    with pytest.raises(ValueError, match="seed and seeds must be left out"):
        steps(objective, saved, learning_rate=0.01, seed=5)


def test_an_epoch_is_finished_with_its_rows(objective):
    other = LeastSquares(*rows_and_targets(n=30))
    cut = {"learning_rate": 0.01, "batch_size": 8, "order": "shuffle_once"}
    middle = first(2, steps(objective, np.zeros(4), seed=5, **cut)).state
    with pytest.raises(ValueError, match="objective must have the 43 rows that the state's epoch"):
        steps(other, middle, **cut)
    end = first(6, steps(objective, np.zeros(4), seed=5, **cut)).state
    order = np.concatenate([next(loop).rows for loop in [steps(other, end, **cut)] for _ in "1234"])
    assert sorted(order) == list(range(30))


# --- own rules ------------------------------------------------------------------------------------


def test_a_function_is_a_rule(objective):
    def signs(weights, gradient, learning_rate):
        return weights - learning_rate * np.sign(gradient)

    step = next(steps(objective, np.zeros(4), learning_rate=0.25, update=signs))
    assert np.abs(step.weights).tolist() == [0.25] * 4


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (None, TypeError, "what update returns must hold real numbers, not object"),
        (np.zeros(3), ValueError, r"must have the weights' shape \(4,\), not \(3,\)"),
    ],
)
def test_a_rule_returns_weights(objective, answer, error, message):
    loop = steps(objective, np.zeros(4), learning_rate=0.1, update=lambda *given: answer)
    with pytest.raises(error, match=message):
        next(loop)


def test_a_rule_that_writes_to_the_weights_is_stopped(objective):
    def in_place(weights, gradient, learning_rate):
        weights -= learning_rate * gradient
        return weights

    with pytest.raises(ValueError, match="read-only"):
        next(steps(objective, np.zeros(4), learning_rate=0.1, update=in_place))


# --- what becomes of the last batch ---------------------------------------------------------------


def test_a_weighed_last_batch_makes_its_share_of_a_step(objective):
    step = first(
        6,
        steps(objective, np.zeros(4), learning_rate=0.1, batch_size=8, last_batch="weigh", seed=0),
    )
    assert len(step.rows) == 3
    gradient = objective.gradient(step.before, step.rows)
    assert_allclose(step.weights, step.before - 0.1 * 3 / 8 * gradient, rtol=1e-14)


@pytest.mark.parametrize(
    ("last_batch", "sizes"),
    [
        ("keep", [8, 8, 8, 8, 8, 3]),
        ("weigh", [8, 8, 8, 8, 8, 3]),
        ("drop", [8] * 5),
        ("spread", [8, 7, 7, 7, 7, 7]),
    ],
)
def test_sizes_of_an_epochs_batches(last_batch, sizes):
    assert [len(rows) for rows in minibatches(N, 8, last_batch=last_batch)] == sizes


@given(n=st.integers(1, 60), share=st.floats(0, 1), last_batch=st.sampled_from(LAST_BATCHES))
def test_no_batch_is_empty_or_larger_than_the_first(n, share, last_batch):
    size = 1 + int(share * (n - 1))
    sizes = [len(rows) for rows in minibatches(n, size, last_batch=last_batch)]
    assert min(sizes) >= 1
    assert max(sizes) == sizes[0] <= size
    assert sum(sizes) == (n - n % size if last_batch == "drop" else n)


# --- many runs side by side -----------------------------------------------------------------------


def tilts(d):
    return np.random.default_rng(3).normal(size=(N, d))


def objectives():
    X, y = rows_and_targets()
    labels = (y > 4).astype(int) + (y > 9)
    return {
        "squares": LeastSquares(X, y),
        "squares without intercept": LeastSquares(X, y, intercept=False),
        "logistic": Logistic(X, labels > 0),
        "softmax": Softmax(X, labels),
        "softmax of whole numbers": Softmax(np.rint(X).astype(int), labels),
        "penalised": Penalised(Softmax(X, labels, intercept=False), 0.1),
        "trigonometric": TrigonometricSurface(X, y),
        "bowl": QuadraticBowl([[2.0, 0.5], [0.5, 1.0]], tilts(2)),
        "well": DoubleWell(tilts(1)),
        "saddle": Saddle(tilts(2)),
    }


OBJECTIVES = objectives()
SEEDS = [0, 7, 7, [1, 2]]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batch_size", [1, 8, N])
def test_runs_side_by_side_are_those_of_their_seeds(name, order, batch_size):
    objective = OBJECTIVES[name]
    settings = {
        "learning_rate": 0.01,
        "batch_size": batch_size,
        "order": order,
        "epochs": 3,
        "record_path": True,
        "record_step_losses": True,
        "average_from": 1,
        "last_batch": "weigh",
    }
    start = np.full(objective.weights_shape, 0.3)

    runs = descend(objective, start, seeds=SEEDS, **settings)

    assert runs.weights.shape == (4, *objective.weights_shape)
    for number, seed in enumerate(SEEDS):
        run = descend(objective, start, seed=seed, **settings)
        for kept in ("weights", "epoch_losses", "path", "step_losses", "average"):
            both = getattr(runs, kept)[number], getattr(run, kept)
            assert_allclose(*both, rtol=1e-9, atol=1e-11, err_msg=kept)
        assert run.steps == runs.steps


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_serves_runs_side_by_side(objective, rule):
    settings = {"learning_rate": 0.01, "batch_size": 8, "steps": 20, "update": RULES[rule]}
    runs = descend(objective, np.zeros(4), seeds=range(3), **settings)
    for seed in range(3):
        run = descend(objective, np.zeros(4), seed=seed, **settings)
        assert_allclose(runs.weights[seed], run.weights, rtol=1e-12)


def test_runs_may_start_at_places_of_their_own(objective):
    starts = np.random.default_rng(0).normal(size=(3, 4))
    settings = {"learning_rate": 0.01, "batch_size": 8, "epochs": 2, "bounds": (-1, 2)}
    runs = descend(objective, starts, seeds=[4, 4, 5], **settings)
    for number, seed in enumerate([4, 4, 5]):
        run = descend(objective, starts[number], seed=seed, **settings)
        assert_allclose(runs.weights[number], run.weights, rtol=1e-12)


def test_large_batches_and_many_runs_are_taken_in_pieces():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3 * PIECE, 40))
    objective = Softmax(X.astype(np.float32), rng.integers(3, size=len(X)))
    start = np.zeros(objective.weights_shape, dtype=np.float32)
    for batch_size in (None, 2 * PIECE + 3):
        settings = {"learning_rate": 0.1, "batch_size": batch_size, "steps": 3}
        runs = descend(objective, start, seeds=range(9), **settings)
        assert runs.weights.dtype == np.float32
        for seed in (0, 8):
            run = descend(objective, start, seed=seed, **settings)
            assert_allclose(runs.weights[seed], run.weights, rtol=1e-4, atol=1e-6)


def test_runs_side_by_side_go_on(objective):
    settings = {"learning_rate": 0.01, "batch_size": 8, "update": Momentum()}
    whole = descend(objective, np.zeros(4), steps=20, seeds=range(3), **settings)
    part = descend(objective, np.zeros(4), steps=8, seeds=range(3), **settings)
    rest = descend(objective, sent(part.state), steps=12, learning_rate=0.01, batch_size=8)
    assert np.array_equal(rest.weights, whole.weights)


def test_a_run_that_diverges_leaves_the_others_alone():
    well = DoubleWell(tilts(1))
    starts = np.array([[1.0], [50.0]])
    settings = {"learning_rate": 0.1, "batch_size": 4, "epochs": 5}
    runs = descend(well, starts, seeds=[1, 1], **settings)
    alone = descend(well, starts[0], seed=1, **settings)

    assert runs.stop_reason == "epochs"
    assert np.isnan(runs.weights[1]).all()
    assert_allclose(runs.weights[0], alone.weights, rtol=1e-12)
    with pytest.raises(DivergenceError):
        descend(well, starts, seeds=[1, 1], on_divergence="raise", **settings)
    both = descend(well, starts[[1, 1]], seeds=[1, 2], **settings)
    assert both.stop_reason == "diverged"


def test_tolerance_waits_for_the_run_that_moves_most():
    bowl = QuadraticBowl([[1.0]])
    starts = np.array([[0.0], [8.0]])
    runs = descend(bowl, starts, seeds=[0, 0], learning_rate=0.5, epochs=50, tolerance=0.1)
    alone = descend(bowl, starts[1], learning_rate=0.5, epochs=50, tolerance=0.1)
    assert runs.stop_reason == "tolerance"
    assert runs.steps == alone.steps


def test_one_seed_side_by_side_keeps_its_dimension(objective):
    run = descend(objective, np.zeros(4), learning_rate=0.01, seeds=[3])
    assert run.weights.shape == (1, 4)
    assert run.epoch_losses.shape == (1, 2)


class ByItself:
    """An objective that knows one run at a time."""

    n_rows = 2

    def value(self, weights, rows=None):
        return 0.0

    def gradient(self, weights, rows=None):
        return np.zeros_like(weights)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"objective": ByItself()}, TypeError, "seeds needs an objective with values, gradients"),
        ({"seeds": []}, ValueError, "seeds must hold at least one seed, but is empty"),
        ({"seeds": 3}, TypeError, "seeds must be a sequence of seeds, not 3"),
        ({"seeds": [0, "a"]}, TypeError, "seeds must be a whole number at least 0, a numpy"),
        ({"seed": 1}, ValueError, r"give seed or seeds, not both: seed=1, seeds=\[0, 1\]"),
        (
            {"weights": np.zeros((3, 4))},
            ValueError,
            r"weights must have the shape \(4,\), or \(2, 4\) for a start of each run, not \(3, 4",
        ),
    ],
)
def test_bad_seeds_are_refused(objective, changes, error, message):
    arguments = {"objective": objective, "weights": np.zeros(4), "seeds": [0, 1]} | changes
    with pytest.raises(error, match=message):
        descend(learning_rate=0.1, **arguments)


def test_gradients_of_single_rows():
    objective = OBJECTIVES["softmax"]
    weights = np.full(objective.weights_shape, 0.3)
    same = np.broadcast_to(weights, (N, *weights.shape))
    of_rows = objective.gradients(same, np.arange(N)[:, None])
    for row in range(N):
        assert_allclose(of_rows[row], objective.gradient(weights, np.array([row])), rtol=1e-12)


@pytest.mark.parametrize("method", ["values", "gradients"])
def test_shapes_of_several_weights_are_checked(objective, method):
    call = getattr(objective, method)
    with pytest.raises(ValueError, match=r"weights must have the shape \(runs, 4\), not \(4,\)"):
        call(np.zeros(4))
    with pytest.raises(ValueError, match=r"rows must have the shape \(2, B\), not \(3, 1\)"):
        call(np.zeros((2, 4)), np.zeros((3, 1), int))
    with pytest.raises(ValueError, match=r"rows must have 2 dimension\(s\), not the shape \(3,\)"):
        call(np.zeros((2, 4)), np.zeros(3, int))
