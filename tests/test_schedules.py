import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbgd_lib import LeastSquares, descend
from mbgd_lib.schedules import constant, cosine, inverse_time, step_decay, warm_up

STEPS = st.integers(0, 10**7)
LENGTHS = st.integers(1, 10**5)


@given(step=STEPS)
def test_constant_is_one(step):
    assert constant()(step) == 1


@given(step=STEPS, every=LENGTHS)
def test_step_decay_drops_after_every_so_many_steps(step, every):
    schedule = step_decay(every, factor=0.5)

    assert schedule(step) == 0.5 ** (step // every)
    assert schedule(step + every) == schedule(step) / 2


def test_step_decay_drops_to_a_tenth_unless_told_otherwise():
    assert [step_decay(2)(step) for step in range(5)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


@given(step=STEPS, half_after=st.floats(0.5, 1e6))
def test_inverse_time_is_one_over_the_steps(step, half_after):
    schedule = inverse_time(half_after)

    assert schedule(step) == pytest.approx(half_after / (half_after + step))
    assert schedule(step) > schedule(step + 1)


def test_inverse_time_sums_to_infinity_and_its_squares_do_not():
    factors = np.array([inverse_time(1)(step) for step in range(100_000)])

    # 1 + 1/2 + 1/3 + … grows with the logarithm, 1 + 1/4 + 1/9 + … towards π²/6.
    assert factors.sum() == pytest.approx(math.log(100_000) + np.euler_gamma, abs=1e-4)
    assert (factors**2).sum() == pytest.approx(math.pi**2 / 6, abs=1e-4)


@given(step=STEPS, steps=LENGTHS)
def test_cosine_falls_from_one_to_zero_and_stays(step, steps):
    schedule = cosine(steps)

    angle = math.pi * min(step / steps, 1)
    assert schedule(step) == pytest.approx(math.cos(angle / 2) ** 2, abs=1e-15)
    assert 0 <= schedule(step + 1) <= schedule(step) <= 1
    assert schedule(0) == 1
    assert schedule(steps) == schedule(10 * steps) == 0


@given(step=STEPS, steps=LENGTHS)
def test_warm_up_rises_in_equal_parts_and_never_begins_at_zero(step, steps):
    schedule = warm_up(steps)

    assert schedule(step) == min((step + 1) / steps, 1)
    assert schedule(0) == 1 / steps
    assert schedule(steps - 1) == schedule(steps) == 1


@given(step=STEPS, steps=LENGTHS)
def test_what_follows_a_warm_up_counts_from_its_own_zero(step, steps):
    then = inverse_time(30)

    assert warm_up(steps, then)(steps + step) == then(step)


def test_schedules_compose():
    schedule = warm_up(2, then=warm_up(4, then=step_decay(3, factor=0.5)))

    factors = [schedule(step) for step in range(13)]

    assert factors == [0.5, 1, 0.25, 0.5, 0.75, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]


SCHEDULES = [
    constant(),
    step_decay(3),
    inverse_time(3),
    cosine(3),
    warm_up(3),
    warm_up(2, cosine(9)),
]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_factors_are_plain_floats_and_asking_twice_changes_nothing(schedule):
    first = [schedule(step) for step in range(20)]

    assert {type(factor) for factor in first} == {float}
    assert [schedule(step) for step in range(20)] == first


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_are_pickled(schedule):
    restored = pickle.loads(pickle.dumps(schedule))

    assert [restored(step) for step in range(20)] == [schedule(step) for step in range(20)]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_float32_stays_float32_under_any_schedule(schedule):
    objective = LeastSquares(np.ones((4, 1), np.float32), np.ones(4, np.float32))

    run = descend(
        objective, np.zeros(2, np.float32), learning_rate=0.1, batch_size=1, schedule=schedule
    )

    assert run.weights.dtype == np.float32


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: step_decay(0), ValueError, "every must be at least 1, not 0"),
        (lambda: step_decay(2.5), TypeError, "every must be a whole number at least 1, not 2.5"),
        (
            lambda: step_decay(2, factor=0),
            ValueError,
            "factor must be a finite number above 0, not 0",
        ),
        (
            lambda: step_decay(2, factor="half"),
            TypeError,
            "factor must be a number above 0, not 'half'",
        ),
        (lambda: step_decay(2, factor=1.5), ValueError, "factor must be at most 1, not 1.5"),
        (
            lambda: inverse_time(-1),
            ValueError,
            "half_after must be a finite number above 0, not -1",
        ),
        (lambda: inverse_time(None), TypeError, "half_after must be a number above 0, not None"),
        (lambda: cosine(0), ValueError, "steps must be at least 1, not 0"),
        (lambda: cosine(1e3), TypeError, "steps must be a whole number at least 1, not 1000.0"),
        (lambda: warm_up(0), ValueError, "steps must be at least 1, not 0"),
        (lambda: warm_up("3"), TypeError, "steps must be a whole number at least 1, not '3'"),
        (lambda: warm_up(3, then=0.5), TypeError, "then must be a function or None, not 0.5"),
    ],
)
def test_bad_arguments_are_refused_by_name(make, error, message):
    with pytest.raises(error) as caught:
        make()

    assert str(caught.value) == message


def test_a_decay_may_leave_the_rate_as_it_is():
    assert step_decay(2, factor=1)(7) == 1
