"""Chapter 1: what the stored notebook says is what plain NumPy says of the same rows."""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number
from sklearn.datasets import load_diabetes


@pytest.fixture(scope="module")
def glued() -> dict[str, str]:
    return glued_numbers("01_gradient_descent_basics")


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    return load_diabetes(return_X_y=True, scaled=False)


def with_ones(X: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(X)), X])


def gaps(design: np.ndarray, y: np.ndarray, share: float, steps: int) -> np.ndarray:
    """Run plain gradient descent from zero weights; return the loss gap after each step."""
    best = np.linalg.lstsq(design, y)[0]
    rate = share * 2 * len(y) / np.linalg.svd(design, compute_uv=False)[0] ** 2
    offset, found = -best, []
    for _ in range(steps + 1):
        found.append(np.sum((design @ offset) ** 2) / (2 * len(y)))
        offset = offset - rate * design.T @ (design @ offset) / len(y)
    return np.array(found)


def steps_in_theory(design: np.ndarray, y: np.ndarray, goal: float) -> int:
    """Return the steps to a gap at 0.9 times the limit, by singular values and powers of two."""
    _, singular, directions = np.linalg.svd(design, full_matrices=False)
    curvatures = singular**2 / len(y)
    offsets = directions @ np.linalg.lstsq(design, y, rcond=0)[0]
    factors = np.abs(1 - 1.8 * curvatures / curvatures[0])

    def arrived(steps: int) -> bool:
        return 0.5 * np.sum(curvatures * factors ** (2.0 * steps) * offsets**2) <= goal

    steps = 0  # the most that do not suffice, bit by bit
    for bit in reversed(range(40)):
        if not arrived(steps + 2**bit):
            steps += 2**bit
    return steps + 1


def least_loss(rows) -> float:
    X, y = rows
    residuals = y - with_ones(X) @ np.linalg.lstsq(with_ones(X), y)[0]
    return residuals @ residuals / (2 * len(y))


@pytest.fixture(scope="module")
def standardised(rows) -> tuple[np.ndarray, np.ndarray]:
    X, y = rows
    return with_ones((X - X.mean(axis=0)) / X.std(axis=0)), y


def test_the_limit_is_two_over_the_largest_curvature(glued, standardised):
    design, y = standardised
    curvatures = np.linalg.svd(design, compute_uv=False) ** 2 / len(y)
    assert number(glued["steepest"]) == pytest.approx(curvatures[0], abs=5e-5)
    assert number(glued["limit"]) == pytest.approx(2 / curvatures[0], abs=5e-5)
    kappa = curvatures[0] / curvatures[-1]
    assert number(glued["kappa_standardised"]) == pytest.approx(kappa, abs=0.5)


def test_plain_descent_gives_the_gaps_on_either_side_of_the_limit(glued, standardised):
    below, above = (gaps(*standardised, share, 3000)[-1] for share in (0.999, 1.001))
    assert number(glued["below"]) == pytest.approx(below, abs=5e-5)
    assert number(glued["above"]) == pytest.approx(above / 1e6, abs=0.5)
    assert number(glued["start_gap"]) == pytest.approx(gaps(*standardised, 1, 0)[0], abs=0.5)
    assert number(glued["at_limit"]) == pytest.approx(gaps(*standardised, 1, 40)[-1], abs=0.5)
    for name, share in (("early_half", 0.5), ("early_above", 1.01)):
        assert number(glued[name]) == pytest.approx(gaps(*standardised, share, 4)[-1], abs=0.5)


def test_half_the_limit_takes_about_twice_the_steps_of_the_best_rate(glued, standardised):
    half = np.argmax(gaps(*standardised, 0.5, 300) <= 5)
    fewest = min(
        np.argmax(gaps(*standardised, share, 300) <= 5) for share in np.arange(0.9, 1, 0.01)
    )
    assert (number(glued["half_5"]), number(glued["best_5"])) == (half, fewest)


def test_scaling_and_centring_change_places_between_the_goals(glued, rows):
    X, y = rows
    versions = {
        "raw": X,
        "centred": X - X.mean(axis=0),
        "scaled": X / X.std(axis=0),
        "shipped": (X - X.mean(axis=0)) / X.std(axis=0) / len(X) ** 0.5,
        "both": (X - X.mean(axis=0)) / X.std(axis=0),
    }
    steps = {
        name: [steps_in_theory(with_ones(Z), y, q * least_loss(rows)) for q in (0.1, 0.01)]
        for name, Z in versions.items()
    }
    assert number(glued["steps_raw"]) == pytest.approx(steps["raw"][1] / 1e6, abs=0.05)
    assert number(glued["steps_shipped"]) == steps["shipped"][1]
    assert number(glued["steps_standardised"]) == steps["both"][1]
    ten, one = (steps["centred"][i] / steps["scaled"][i] for i in (0, 1))
    assert number(glued["gain_10"]) == pytest.approx(ten, abs=0.05)
    assert number(glued["gain_1"]) == pytest.approx(1 / one, abs=0.05)


def test_the_average_score_is_most_of_the_first_gap(glued, standardised):
    _, y = standardised
    share = 100 * 0.5 * y.mean() ** 2 / gaps(*standardised, 1, 0)[0]
    assert number(glued["mean_share"]) == pytest.approx(share, abs=0.5)


def test_a_summed_gradient_is_off_by_all_but_one_row(glued):
    assert number(glued["sum_error"]) == pytest.approx(1 - 1 / 442, abs=5e-5)


def test_the_worst_angle_is_that_of_the_thousand_points(glued):
    rng = np.random.RandomState(42)
    x = 2 * rng.rand(1000)
    hessian = np.cov(np.ones(1000), x, bias=True) + np.outer([1, x.mean()], [1, x.mean()])
    turns = np.linspace(0, np.pi, 100_001)
    offsets = np.stack([np.cos(turns), np.sin(turns)])
    cosines = (offsets * (hessian @ offsets)).sum(axis=0) / np.linalg.norm(
        hessian @ offsets, axis=0
    )
    assert number(glued["worst_angle"]) == pytest.approx(
        np.degrees(np.arccos(cosines.min())), abs=0.5
    )
