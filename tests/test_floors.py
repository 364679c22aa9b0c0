"""Settled runs against theory, and against the points that a fixed order leads to."""

import numpy as np
import pytest

from mbgd_lib import LeastSquares, data
from mbgd_lib.instruments.floors import fixed_order_gaps, settled_gaps
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
    np.testing.assert_allclose(runs[:, :, -1], fixed_order_gaps(line, RATES, **settings), rtol=1e-4)


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


def test_only_fixed_orders_have_a_fixed_point(line):
    with pytest.raises(ValueError, match=r"order must be .* not 'reshuffle'"):
        fixed_order_gaps(line, RATES, 20, order="reshuffle", seeds=[0])


def test_runs_must_wait(line):
    with pytest.raises(ValueError, match="relaxations"):
        settled_gaps(line, RATES, 20, seeds=[0], relaxations=0)
