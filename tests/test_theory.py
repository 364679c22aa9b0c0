import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mbgd_lib import LeastSquares, QuadraticBowl, descend
from mbgd_lib.instruments.theory import (
    condition_number,
    floor_covariance,
    floor_covariance_of_rows,
    largest_stable_step,
    loss_gap,
    steps_to_gap,
)

START = np.array([2.0, -1.0, 0.5])


@pytest.fixture
def objective():
    rng = np.random.default_rng(0)
    return LeastSquares(rng.normal(1, 1, size=(30, 2)), rng.normal(size=30))


def real_gaps(objective, learning_rate, epochs):
    run = descend(objective, START, learning_rate=learning_rate, epochs=epochs)
    return run.epoch_losses - objective.value(objective.solution())


def test_largest_stable_step_and_condition_number_come_from_the_eigenvalues():
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    hessian = rotation @ np.diag([0.5, 2.0, 8.0]) @ rotation.T

    assert largest_stable_step(hessian) == pytest.approx(2 / 8)
    assert condition_number(hessian) == pytest.approx(8 / 0.5)


@given(rate=st.floats(0.01, 2), below=st.booleans())
def test_every_direction_shrinks_exactly_below_the_limit(rate, below):
    eigenvalues = np.array([0.5, 2.0, 8.0])
    learning_rate = largest_stable_step(np.diag(eigenvalues)) * (
        1 - rate / 3 if below else 1 + rate
    )

    assert np.all(np.abs(1 - learning_rate * eigenvalues) < 1) == below


def test_a_flat_direction_does_not_change_the_limit():
    assert largest_stable_step([[4.0, 0.0], [0.0, 0.0]]) == 0.5


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.99])
def test_loss_gap_is_that_of_a_real_run(objective, share):
    hessian = objective.hessian()
    learning_rate = share * largest_stable_step(hessian)

    gaps = loss_gap(hessian, START - objective.solution(), learning_rate, np.arange(41))

    assert_allclose(gaps, real_gaps(objective, learning_rate, 40), rtol=1e-9, atol=1e-13)


def test_loss_gap_of_a_rate_above_the_limit_grows_like_that_of_a_real_run(objective):
    hessian = objective.hessian()
    learning_rate = 1.2 * largest_stable_step(hessian)

    gaps = loss_gap(hessian, START - objective.solution(), learning_rate, np.arange(41))

    assert_allclose(gaps, real_gaps(objective, learning_rate, 40), rtol=1e-9)
    assert gaps[-1] > gaps[0]


def test_loss_gap_has_the_shape_of_the_steps():
    assert loss_gap(np.eye(2), [1.0, 1.0], 0.5, 3).shape == ()
    assert loss_gap(np.eye(2), [1.0, 1.0], 0.5, [[0, 1, 2], [3, 4, 5]]).shape == (2, 3)
    assert loss_gap(np.eye(2), [1.0, 1.0], 0.5, 10**30) == 0.0


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("gap", [1e-1, 1e-6])
def test_steps_to_gap_is_the_first_step_of_a_real_run_that_arrives(objective, share, gap):
    hessian = objective.hessian()
    learning_rate = share * largest_stable_step(hessian)

    steps = steps_to_gap(hessian, START - objective.solution(), learning_rate, gap)

    gaps = real_gaps(objective, learning_rate, steps)
    assert steps > 0
    assert gaps[-1] <= gap
    assert np.all(gaps[:-1] > gap)


def test_steps_to_gap_counts_from_the_start():
    arguments = {"hessian": [[2.0]], "offset": [1.0], "learning_rate": 0.25}

    assert steps_to_gap(gap=1.0, **arguments) == 0
    assert steps_to_gap(gap=0.99, **arguments) == 1


def test_steps_to_gap_may_be_in_the_billions():
    hessian = np.diag([1.0, 1e-9])

    steps = steps_to_gap(hessian, [0.0, 1.0], learning_rate=1.0, gap=0.5e-9 * np.exp(-6))

    # (1 - 1e-9) ** (2 k) = exp(-6) at k = 3 / 1e-9, but for rounding.
    assert steps == pytest.approx(3e9, rel=1e-6)


def test_steps_to_gap_gives_up_after_most_steps():
    arguments = {"hessian": [[2.0]], "offset": [1.0], "learning_rate": 0.25, "gap": 1.5 / 4**8}

    assert steps_to_gap(most=8, **arguments) == 8
    with pytest.raises(ValueError, match=r"^gap=.* is not reached within most=7 steps$"):
        steps_to_gap(most=7, **arguments)


@pytest.mark.parametrize("learning_rate", [0.5, 0.6])
def test_steps_to_gap_refuses_rates_from_the_limit_on(learning_rate):
    message = f"^learning_rate must be below 2/λ_max = 0.5, not {learning_rate}$"
    with pytest.raises(ValueError, match=message):
        steps_to_gap(np.diag([4.0, 1.0]), [1.0, 1.0], learning_rate, 0.1)


def every_function(hessian):
    return [
        lambda: largest_stable_step(hessian),
        lambda: condition_number(hessian),
        lambda: loss_gap(hessian, [1.0, 1.0], 0.1, 3),
        lambda: steps_to_gap(hessian, [1.0, 1.0], 0.1, 0.1),
    ]


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize(
    ("hessian", "message"),
    [
        (np.ones((2, 3)), "hessian must be square, not of the shape (2, 3)"),
        ([[1.0, 5.0], [0.0, 1.0]], "hessian must be symmetric, not [[1.0, 5.0], [0.0, 1.0]]"),
        ([1.0, 2.0], "hessian must have 2 dimension(s), not the shape (2,)"),
        ([[np.nan]], "hessian must be finite, but holds nan"),
    ],
)
def test_what_is_no_hessian_is_refused_by_every_function(which, hessian, message):
    with pytest.raises(ValueError, match=r"^hessian must") as caught:
        every_function(hessian)[which]()

    assert str(caught.value) == message


def test_eigenvalues_must_be_positive_where_they_divide():
    with pytest.raises(ValueError, match=r"^hessian must have an eigenvalue above 0.* is 0$"):
        largest_stable_step(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"^hessian must have positive eigenvalues.* is -1$"):
        condition_number(np.diag([1.0, -1.0]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"offset": [1.0]}, ValueError, "offset must have the shape (2,), not (1,)"),
        (
            {"learning_rate": -1},
            ValueError,
            "learning_rate must be a finite number above 0, not -1",
        ),
        ({"learning_rate": "a"}, TypeError, "learning_rate must be a number above 0, not 'a'"),
        ({"gap": 0}, ValueError, "gap must be a finite number above 0, not 0"),
        ({"most": 0}, ValueError, "most must be at least 1, not 0"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, error, message):
    right = {"hessian": np.eye(2), "offset": [1.0, 1.0], "learning_rate": 0.1, "gap": 0.1}

    with pytest.raises(error) as caught:
        steps_to_gap(**right | arguments)

    assert str(caught.value) == message


# --- the floor of a constant-step run ---


def test_floor_of_one_weight_is_the_formula():
    rate, curvature, variance, batch_size = 0.3, 2.5, 4.0, 8
    (found,) = floor_covariance([[curvature]], [[variance]], rate, batch_size).ravel()
    formula = rate * variance / (batch_size * curvature * (2 - rate * curvature))
    assert found == pytest.approx(formula)


def matrices():
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(50, 3))
    noise = rng.normal(size=(50, 3)) * [1, 2, 0.5]
    return rows.T @ rows / 50, noise.T @ noise / 50


def test_floor_solves_the_lyapunov_equation():
    hessian, noise = matrices()
    found = floor_covariance(hessian, noise, 0.4, 5)
    keep = np.eye(3) - 0.4 * hessian
    assert_allclose(keep @ found @ keep + 0.4**2 * noise / 5, found, rtol=1e-10)


def test_small_rates_lead_to_the_first_order():
    hessian, noise = matrices()
    found = floor_covariance(hessian, noise, 1e-6, 5)
    assert_allclose(found @ hessian + hessian @ found, 1e-6 / 5 * noise, rtol=1e-4, atol=1e-12)


def test_floor_of_rows_solves_the_equation_with_a_sum_over_rows():
    rng = np.random.default_rng(4)
    rows, residuals = rng.normal(size=(30, 3)), rng.normal(size=30)
    residuals -= rows @ np.linalg.lstsq(rows, residuals, rcond=None)[0]
    found = floor_covariance_of_rows(rows, residuals, 0.1, 4)
    hessian = rows.T @ rows / 30
    noise = (rows * residuals[:, None]).T @ (rows * residuals[:, None]) / 30
    keep = np.eye(3) - 0.1 * hessian
    spread = sum(np.outer(x, x) @ found @ np.outer(x, x) for x in rows) / 30
    spread -= hessian @ found @ hessian
    again = keep @ found @ keep + 0.1**2 / 4 * (noise + spread)
    assert_allclose(again, found, rtol=1e-9)


def test_rows_of_equal_length_in_one_weight_add_no_noise():
    rows, residuals = np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([1.0, 1.0, -1.0, -1.0])
    assert_allclose(
        floor_covariance_of_rows(rows, residuals, 0.5, 3),
        floor_covariance([[1.0]], [[1.0]], 0.5, 3),
    )


def test_constant_noise_settles_where_the_formula_says():
    tilts = np.random.default_rng(0).normal(size=(100, 2)) @ [[1.0, 0.5], [0.0, 2.0]]
    bowl = QuadraticBowl([[2.0, 0.3], [0.3, 1.0]], tilts)
    settings = {"learning_rate": 0.6, "batch_size": 4, "order": "with_replacement"}
    run = descend(bowl, [0, 0], epochs=2000, seed=0, record_path=True, **settings)
    settled = run.path[100:]
    expected = floor_covariance(bowl.hessian, np.cov(bowl.tilts.T, bias=True), 0.6, 4)
    measured = settled.T @ settled / len(settled)
    # 50,000 steps of which about every third is independent: 2 % of scatter or less.
    assert_allclose(measured, expected, atol=0.05 * np.trace(expected))


def test_single_rows_lose_their_floor_below_the_limit_of_stability():
    rows, residuals = np.array([[1.0], [3.0]]), np.array([3.0, -1.0])  # curvatures 1 and 9
    # The mean square is multiplied by the mean of (1 - rate h)^2, 1 - 10 rate + 41 rate^2.
    border = 10 / 41
    assert border < largest_stable_step([[5.0]])
    floor_covariance_of_rows(rows, residuals, border * 0.999, 1)
    with pytest.raises(ValueError, match=r"too large for batch_size=1"):
        floor_covariance_of_rows(rows, residuals, border * 1.001, 1)
    floor_covariance_of_rows(rows, residuals, border * 1.001, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"learning_rate": 1.0}, "must be below 2/λ_max = 1"),
        ({"noise": [[1.0, 0.0], [0.0, 1.0]]}, "noise must have the shape"),
        ({"noise": [[np.nan]]}, "noise must be finite"),
        ({"hessian": [[-1.0]]}, "eigenvalue above 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_floor_refuses(change, message):
    arguments = {"hessian": [[2.0]], "noise": [[1.0]], "learning_rate": 0.1, "batch_size": 1}
    with pytest.raises(ValueError, match=message):
        floor_covariance(**(arguments | change))


def test_floor_refuses_flat_directions():
    with pytest.raises(ValueError, match="positive eigenvalues"):
        floor_covariance(np.diag([1.0, 0.0]), np.eye(2), 0.1, 1)


def test_floor_of_rows_refuses_other_lengths():
    with pytest.raises(ValueError, match="residuals must have the shape"):
        floor_covariance_of_rows([[1.0], [2.0]], [1.0], 0.1, 1)


def test_a_tiny_matrix_must_be_symmetric_too():
    with pytest.raises(ValueError, match="hessian must be symmetric"):
        largest_stable_step([[1e-9, 8e-9], [0, 1e-9]])
    with pytest.raises(ValueError, match="hessian must be symmetric"):
        largest_stable_step([[1.0, 0.5], [0.1, 1.0]])


def test_loss_gap_along_a_direction_without_offset_is_zero_even_if_it_is_unstable():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loss_gap([[4.0, 0.0], [0.0, 1.0]], [0.0, 1.0], 0.6, 10**6) == 0


@pytest.mark.parametrize("find", [lambda *a: loss_gap(*a, 5), lambda *a: steps_to_gap(*a, 1e-3)])
def test_a_saddle_has_no_minimum_to_be_above(find):
    with pytest.raises(ValueError, match=r"hessian must have no eigenvalue below 0, but has -1"):
        find([[1.0, 0.0], [0.0, -1.0]], [1.0, 1.0], 0.1)


@pytest.mark.parametrize("steps", [-1, [0, -1], np.nan])
def test_numbers_of_steps_are_checked(steps):
    with pytest.raises(ValueError, match="steps must be at least 0, not "):
        loss_gap([[1.0]], [1.0], 0.1, steps)
