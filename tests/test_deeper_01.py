"""Which rate is best: what the stored page says is what plain NumPy says of the same rows."""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number
from sklearn.datasets import load_diabetes


@pytest.fixture(scope="module")
def glued() -> dict[str, str]:
    return glued_numbers("deeper/01_best_rate")


@pytest.fixture(scope="module")
def parts() -> tuple[np.ndarray, np.ndarray]:
    """The curvatures of the standardised rows, and the first gap's part in each direction."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    design = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    _, singular, directions = np.linalg.svd(design, full_matrices=False)
    curvatures = singular**2 / len(y)
    return curvatures, curvatures * (directions @ np.linalg.lstsq(design, y)[0]) ** 2 / 2


def gap(parts, share, steps):
    curvatures, first = parts
    return np.sum(first * (1 - 2 * share * curvatures / curvatures[0]) ** (2 * steps))


def test_gaps_after_three_thousand_steps(glued, parts):
    assert number(glued["below"]) == pytest.approx(gap(parts, 0.999, 3000), abs=5e-5)
    assert number(glued["at_limit"]) == pytest.approx(gap(parts, 1, 3000), abs=0.5)
    assert number(glued["above"]) == pytest.approx(gap(parts, 1.001, 3000) / 1e6, abs=0.5)


def test_the_best_rate_for_a_hundred_steps_and_what_others_cost(glued, parts):
    curvatures, _ = parts
    shares = np.linspace(0.9, 1, 1001)
    gaps = [gap(parts, share, 100) for share in shares]
    assert number(glued["best_multiple"]) == pytest.approx(shares[np.argmin(gaps)], abs=0.006)
    textbook = curvatures[0] / (curvatures[0] + curvatures[-1])
    assert number(glued["textbook_multiple"]) == pytest.approx(textbook, abs=5e-4)
    for name, share, last in (
        ("half", 0.5, 0.05),
        ("third", 1 / 3, 0.05),
        ("textbook", textbook, 1),
    ):
        cost = gap(parts, share, 100) / min(gaps)
        assert number(glued[f"{name}_cost"]) == pytest.approx(cost, abs=last)


def test_the_steps_of_long_runs(glued, parts):
    curvatures, _ = parts
    for name, share in (
        ("half", 0.5),
        ("textbook", curvatures[0] / (curvatures[0] + curvatures[-1])),
    ):
        steps = int(number(glued[f"{name}_long"]))
        assert gap(parts, share, steps) <= 1e-6 < gap(parts, share, steps - 1)


def test_the_flattest_direction_holds_less_than_the_goal(glued, parts):
    _, first = parts  # the shipped columns' gaps lie along the same directions but the intercept
    assert number(glued["flat_share"]) == pytest.approx(100 * first[-1] / first.sum(), abs=0.006)
    assert number(glued["flat_share"]) < number(glued["goal_share"])
