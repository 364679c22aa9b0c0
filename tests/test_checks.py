import numpy as np
import pytest
from numpy.testing import assert_allclose

from mbgd_lib import LeastSquares, check_gradient
from mbgd_lib.checks import finite_differences

AT = np.array([0.5, -1.0, 2.0])


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(1, 2, size=(20, 2)), rng.normal(size=20)


class Exponentials:
    """The sum of exp(weight): all its derivatives are exp(weight) again."""

    n_rows = 1

    def value(self, weights, rows=None):
        return float(np.exp(weights).sum())

    def gradient(self, weights, rows=None):
        return np.exp(weights)


def wrong(change):
    """Least squares whose gradient is changed by a mistake."""

    class Wrong(LeastSquares):
        def gradient(self, weights, rows=None):
            gradient = super().gradient(weights, rows)
            return change(gradient, self.n_rows if rows is None else len(rows))

    return Wrong


@pytest.mark.parametrize("rows", [None, np.array([4]), np.array([0, 7, 3])])
def test_a_right_gradient_passes(data, rows):
    assert check_gradient(LeastSquares(*data), AT, rows) < 1e-6
    assert check_gradient(LeastSquares(*data, intercept=False), AT[1:], rows) < 1e-6
    assert check_gradient(Exponentials(), np.arange(6.0).reshape(2, 3)) < 1e-6


@pytest.mark.parametrize(
    ("change", "distance"),
    [
        (lambda gradient, n: 2 * gradient, 0.5),
        (lambda gradient, n: gradient / 2, 0.5),
        (lambda gradient, n: n * gradient, 19 / 20),
        (lambda gradient, n: -gradient, 2),
        (lambda gradient, n: 0 * gradient, 1),
    ],
    ids=["doubled", "halved", "sum instead of mean", "uphill", "missing"],
)
def test_a_wrong_factor_shows_as_the_distance_it_makes(data, change, distance):
    assert check_gradient(wrong(change)(*data), AT) == pytest.approx(distance, rel=1e-6)


def test_a_forgotten_intercept_shows_as_its_share_of_the_gradient(data):
    def forget(gradient, n):
        return np.concatenate([[0.0], gradient[1:]])

    right = LeastSquares(*data).gradient(AT)

    share = check_gradient(wrong(forget)(*data), AT)

    assert share == pytest.approx(abs(right[0]) / np.linalg.norm(right), rel=1e-6)
    assert share > 1e-2


def test_a_gradient_of_other_rows_is_caught(data):
    class IgnoresRows(LeastSquares):
        def gradient(self, weights, rows=None):
            return super().gradient(weights)

    assert check_gradient(IgnoresRows(*data), AT) < 1e-6
    assert check_gradient(IgnoresRows(*data), AT, np.array([0, 1])) > 1e-2


def test_no_slope_anywhere_passes():
    class Flat(Exponentials):
        def value(self, weights, rows=None):
            return 1.0

        def gradient(self, weights, rows=None):
            return np.zeros_like(weights)

    assert check_gradient(Flat(), AT) == 0.0


def test_nan_does_not_pass():
    class NanValue(Exponentials):
        def value(self, weights, rows=None):
            return np.nan

    class NanGradient(Exponentials):
        def gradient(self, weights, rows=None):
            return np.full_like(weights, np.nan)

    assert np.isnan(check_gradient(NanValue(), AT))
    assert np.isnan(check_gradient(NanGradient(), AT))


def test_a_gradient_of_the_wrong_shape_is_refused(data):
    column = wrong(lambda gradient, n: gradient[:, None])

    message = r"^the objective's gradient must have the weights' shape \(3,\), not \(3, 1\)$"
    with pytest.raises(ValueError, match=message):
        check_gradient(column(*data), AT)


def test_differences_are_wrong_by_the_next_term_of_taylors_series():
    h = 1e-3
    slopes = np.exp(AT)

    forward = finite_differences(Exponentials(), AT, step=h, central=False) - slopes
    central = finite_differences(Exponentials(), AT, step=h) - slopes

    assert_allclose(forward, slopes * h / 2, rtol=1e-3)
    assert_allclose(central, slopes * h**2 / 6, rtol=1e-3)


def test_differences_leave_the_weights_alone_and_take_whole_numbers(data):
    weights = np.array([1, 2, 3])

    differences = finite_differences(LeastSquares(*data), weights)

    assert np.array_equal(weights, [1, 2, 3])
    assert_allclose(differences, LeastSquares(*data).gradient(weights), rtol=1e-6)


def test_float32_data_are_differentiated_in_float64(data):
    X, y = (array.astype(np.float32) for array in data)

    assert check_gradient(LeastSquares(X, y), AT.astype(np.float32)) < 1e-6


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"weights": [0, 0, np.inf]}, ValueError, "weights must be finite, but holds inf"),
        ({"step": 0}, ValueError, "step must be a finite number above 0, not 0"),
        ({"step": None}, TypeError, "step must be a number above 0, not None"),
    ],
)
def test_bad_arguments_are_refused_by_name(data, arguments, error, message):
    with pytest.raises(error) as caught:
        check_gradient(LeastSquares(*data), **{"weights": AT} | arguments)

    assert str(caught.value) == message


def test_a_gradient_that_is_not_a_number_does_not_pass_where_the_differences_are_zero():
    class Length:
        n_rows = 1

        def value(self, weights, rows=None):
            return float(np.linalg.norm(weights))

        def gradient(self, weights, rows=None):
            with np.errstate(invalid="ignore"):
                return weights / np.linalg.norm(weights)

    assert np.isnan(check_gradient(Length(), np.zeros(2)))


def test_the_distance_is_taken_as_rounded():
    class Identity:
        n_rows = 1

        def value(self, weights, rows=None):
            return float(weights[0])

    # At 1e8 steps of 1e-5 are rounded by up to a thousandth of their length.
    assert finite_differences(Identity(), [1e8], step=1e-5).tolist() == [1.0]
