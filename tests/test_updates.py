"""Update rules against what can be worked out by hand; PyTorch is an oracle in tests/frameworks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbgd_lib import Adam, Momentum, Nesterov, QuadraticBowl, descend
from mbgd_lib.updates import decay, plain

UPHILL = np.array([2.0, -4.0])


def after(rule, gradients, rate=0.5):
    weights = np.zeros(2)
    for gradient in gradients:
        weights = rule(weights, np.asarray(gradient), rate)
    return weights


def test_a_plain_step():
    assert plain(np.ones(2), UPHILL, 0.5).tolist() == [0.0, 3.0]


def test_without_momentum_both_rules_are_plain():
    for rule in (Momentum(0), Nesterov(0)):
        assert after(rule, [UPHILL, UPHILL]).tolist() == [-2.0, 4.0]


def test_momentum_by_hand():
    # v = g, then 1.5 g, then 1.75 g.
    assert_allclose(after(Momentum(0.5), [UPHILL] * 3), -0.5 * 4.25 * UPHILL)


def test_nesterov_by_hand():
    # v = g, 1.5 g; steps along g + v/2: 1.5 g, 1.75 g.
    assert_allclose(after(Nesterov(0.5), [UPHILL] * 2), -0.5 * 3.25 * UPHILL)


def test_a_constant_gradient_makes_steps_of_one_length_of_adam():
    assert_allclose(after(Adam(), [UPHILL] * 5), -0.5 * 5 * np.sign(UPHILL), rtol=1e-7)


def test_adam_by_hand():
    # t = 1: m̂ = 1, v̂ = 1. t = 2, g = 3: m = (0.25 + 1.5), m̂ = 1.75 / 0.75; v̂ = (3/16 + 9/4)/(7/16).
    rule = Adam(0.5, 0.75, epsilon=1e-12)
    expected = -1 - (1.75 / 0.75) / np.sqrt((3 / 16 + 9 / 4) / (7 / 16))
    assert_allclose(after(rule, [[1.0, 1.0], [3.0, 3.0]], 1.0), [expected, expected])


def test_adam_does_not_see_the_size_of_the_loss():
    def run(scale):
        bowl = QuadraticBowl(scale * np.diag([1.0, 9.0]))
        return descend(bowl, [1.0, 1.0], learning_rate=0.01, steps=50, update=Adam()).weights

    assert_allclose(run(1.0), run(1e6), rtol=1e-5)


@pytest.mark.parametrize("rule", [Momentum(), Nesterov(), Adam()])
def test_float32_stays_float32(rule):
    for _ in range(2):
        assert rule(np.zeros(2, np.float32), np.ones(2, np.float32), 0.1).dtype == np.float32


def test_a_memory_in_rows_is_the_same_at_any_batch_size():
    assert_allclose(decay(100, 1) ** 100, 0.5)
    assert_allclose(decay(100, 25) ** 4, 0.5)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Momentum(1), ValueError, "momentum must be a number from 0 to below 1, not 1"),
        (lambda: Momentum(-0.1), ValueError, "momentum must be a number from 0 to below 1, not -0"),
        (
            lambda: Momentum(np.nan),
            ValueError,
            "momentum must be a number from 0 to below 1, not n",
        ),
        (lambda: Momentum("0.9"), TypeError, "momentum must be a number from 0 to below 1, not '0"),
        (lambda: Nesterov(True), TypeError, "momentum must be a number from 0 to below 1, not Tr"),
        (lambda: Adam(1.0), ValueError, "beta1 must be a number from 0 to below 1, not 1.0"),
        (lambda: Adam(0.9, 2), ValueError, "beta2 must be a number from 0 to below 1, not 2"),
        (lambda: Adam(epsilon=0), ValueError, "epsilon must be a finite number above 0, not 0"),
        (lambda: decay(0, 1), ValueError, "half_life must be a finite number above 0, not 0"),
        (lambda: decay(1, -1), ValueError, "batch_size must be a finite number above 0, not -1"),
    ],
)
def test_bad_settings_are_refused_by_name(make, error, message):
    with pytest.raises(error, match=message):
        make()
