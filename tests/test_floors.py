"""Settled runs against theory, and against the points that a fixed order leads to."""

import numpy as np
import pytest

from mbgd_lib import LeastSquares, data, minibatches
from mbgd_lib.instruments.floors import balanced_gaps, resting_gaps, settled_gaps
from mbgd_lib.instruments.orders import gaps_of_runs, noise_floor

RATES = [0.01, 0.04]


@pytest.fixture(scope="module")
def line():
    return LeastSquares(*data.noisy_line(200))


@pytest.mark.parametrize("order", ["with_replacement", "reshuffle"])
def test_random_orders_settle_at_the_floor_of_theory(line, order):
    found = settled_gaps(line, [0.01], 20, order=order, seeds=range(200), relaxations=3)
    assert found.shape == (1, 200, 10)
    expected = noise_floor(line, 0.01, 20, order)
    assert found[0, :, -1].mean() == pytest.approx(expected, rel=0.15)


def test_within_an_epoch_reshuffled_runs_are_best_at_its_end(line):
    found = settled_gaps(line, [0.01], 20, order="reshuffle", seeds=range(50), relaxations=3)
    means = found[0].mean(axis=0)
    assert means.argmin() == 9
    assert 3 <= means.argmax() <= 5


def test_fixed_orders_end_at_their_fixed_points(line):
    settings = {"batch_size": 20, "order": "shuffle_once", "seeds": range(3)}
    runs = settled_gaps(line, RATES, relaxations=15, average=False, **settings)
    np.testing.assert_allclose(runs[:, :, -1], resting_gaps(line, RATES, **settings), rtol=1e-4)


def test_without_an_average_the_last_epoch_is_kept(line):
    settings = {"batch_size": 20, "seeds": range(2)}
    flattest = np.linalg.eigvalsh(line.hessian())[0]
    epochs = int(np.ceil(2 / (0.01 * 10 * flattest)))
    assert epochs > 20
    run = gaps_of_runs(
        line, line.solution(), learning_rate=0.01, epochs=epochs, every_step=True, **settings
    )
    found = settled_gaps(line, [0.01], relaxations=2, average=False, **settings)
    np.testing.assert_array_equal(found[0], run[:, -10:])


def test_a_partial_last_batch_may_be_dropped(line):
    settings = {"batch_size": 30, "seeds": range(2), "relaxations": 1}
    for last_batch, steps in (("keep", 7), ("weigh", 7), ("spread", 7), ("drop", 6)):
        gaps = settled_gaps(line, [0.01], last_batch=last_batch, **settings)
        assert gaps.shape == (1, 2, steps)
        assert (gaps > 0).all()


def test_runs_must_wait(line):
    with pytest.raises(ValueError, match="relaxations"):
        settled_gaps(line, RATES, 20, seeds=[0], relaxations=0)


@pytest.mark.parametrize(
    ("order", "batch_size", "last_batch"),
    [
        ("with_replacement", 20, "keep"),
        ("reshuffle", 20, "keep"),
        ("reshuffle", 30, "keep"),
        ("reshuffle", 30, "weigh"),
        ("reshuffle", 30, "drop"),
    ],
)
def test_single_epochs_tell_where_long_runs_come_to_rest(line, order, batch_size, last_batch):
    settings = {"order": order, "last_batch": last_batch}
    runs = settled_gaps(line, [0.02], batch_size, seeds=range(300), relaxations=4, **settings)[
        0, :, -1
    ]
    computed = resting_gaps(line, [0.02], batch_size, seeds=range(4000), **settings)[0]
    assert computed.shape == (4000,)
    assert computed.mean() == pytest.approx(runs.mean(), rel=0.1)


def runs_there_and_back(line, rate, batches, epochs):
    """Return where a run ends that walks an order, then its reverse, and so on."""
    X = np.column_stack([np.ones(line.n_rows), line.X])
    weights = np.zeros(2)
    for epoch in range(epochs):
        for rows in batches if epoch % 2 == 0 else batches[::-1]:
            residuals = X[rows] @ weights - line.y[rows]
            weights = weights - rate * X[rows].T @ residuals / len(rows)
    return line.value(weights) - line.value(line.solution())


def test_a_mirrored_order_ends_where_a_run_does(line):
    batches = list(minibatches(200, 30, order="shuffle_once", seed=3))
    settings = {"order": "shuffle_once", "seeds": [3], "mirrored": True}
    computed = resting_gaps(line, [0.05], 30, **settings)[0, 0]
    assert computed == pytest.approx(runs_there_and_back(line, 0.05, batches, 800), rel=1e-4)


def test_the_reverse_lowers_the_floor_by_two_powers():
    line = LeastSquares(*data.noisy_line(1000))
    rates = [0.002, 0.004]
    settings = {"order": "reshuffle", "seeds": range(1000)}
    new = resting_gaps(line, rates, 40, **settings).mean(axis=1)
    mirrored = resting_gaps(line, rates, 40, mirrored=True, **settings).mean(axis=1)
    assert 7.5 < new[1] / new[0] < 8.5
    assert 28 < mirrored[1] / mirrored[0] < 34


def test_what_does_not_settle_is_refused(line):
    for order in ("reshuffle", "shuffle_once"):
        with pytest.raises(ValueError, match="rates must be small enough"):
            resting_gaps(line, [5.0], 20, order=order, seeds=range(3))


def test_a_balanced_order_beats_shuffled_ones(line):
    balanced = balanced_gaps(line, [0.02], 10, seeds=range(30), relaxations=3)
    assert balanced.shape == (1, 30)
    for order in ("reshuffle", "shuffle_once"):
        others = resting_gaps(line, [0.02], 10, order=order, seeds=range(500))
        assert balanced.mean() < others.mean() / 5


def test_balancing_needs_whole_batches(line):
    with pytest.raises(ValueError, match="batch_size must divide the 200 rows, not be 30"):
        balanced_gaps(line, [0.02], 30, seeds=[0], relaxations=1)
