"""Chapter 1: what the stored notebook says is what plain NumPy says of the same rows."""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number
from sklearn.datasets import load_diabetes


@pytest.fixture(scope="module")
def glued() -> dict[str, str]:
    return glued_numbers("01_gradient_descent_basics")


@pytest.fixture(scope="module")
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """A column of ones and the standardised features, and what to predict."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)]), y


def test_the_least_loss_and_the_gap_from_zero_weights(glued, diabetes):
    design, y = diabetes
    residuals = y - design @ np.linalg.lstsq(design, y)[0]
    least = residuals @ residuals / (2 * len(y))
    assert number(glued["least_loss"]) == pytest.approx(least, abs=0.005)
    assert number(glued["start_gap"]) == pytest.approx(y @ y / (2 * len(y)) - least, abs=0.5)


def test_the_limit_is_two_over_the_largest_curvature(glued, diabetes):
    design, y = diabetes
    singular = np.linalg.svd(design, compute_uv=False) ** 2 / len(y)
    assert number(glued["steepest"]) == pytest.approx(singular[0], abs=5e-5)
    assert number(glued["flattest"]) == pytest.approx(singular[-1], abs=5e-6)
    assert number(glued["limit"]) == pytest.approx(2 / singular[0], abs=5e-5)
    assert number(glued["kappa_standardised"]) == pytest.approx(singular[0] / singular[-1], abs=0.5)
