import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from mbgd_lib import LeastSquares
from mbgd_lib.checks import finite_differences

SOME_ROWS = [None, np.arange(12), np.array([3]), np.array([7, 0, 11]), np.array([2, 2, 5])]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(2, 3, size=(12, 4)), rng.normal(size=12)


def design(X, intercept):
    """The matrix whose product with the weights is the prediction."""
    return np.column_stack([np.ones(len(X)), X]) if intercept else X


def plain_value_and_gradient(X, y, weights, rows, intercept):
    A = design(X, intercept)
    if rows is not None:
        A, y = A[rows], y[rows]
    residuals = A @ weights - y
    return (residuals**2).sum() / (2 * len(y)), A.T @ residuals / len(y)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("rows", SOME_ROWS)
def test_value_and_gradient_are_those_of_the_plain_formulas(data, rows, intercept):
    X, y = data
    objective = LeastSquares(X, y, intercept=intercept)
    weights = np.linspace(-1, 2, objective.n_weights)

    value, gradient = plain_value_and_gradient(X, y, weights, rows, intercept)

    assert type(objective.value(weights, rows)) is float
    assert objective.value(weights, rows) == pytest.approx(value, rel=1e-13)
    assert_allclose(objective.gradient(weights, rows), gradient, rtol=1e-12)


@st.composite
def problems(draw):
    """An objective, weights and rows, all small but otherwise arbitrary."""
    n, d = draw(st.integers(1, 15)), draw(st.integers(0, 4))
    entries = st.floats(-10, 10, allow_subnormal=False)
    intercept = draw(st.booleans())
    X, y = draw(arrays(float, (n, d), elements=entries)), draw(arrays(float, n, elements=entries))
    weights = draw(arrays(float, d + intercept, elements=entries))
    rows = draw(st.none() | st.lists(st.integers(0, n - 1), min_size=1).map(np.array))
    return LeastSquares(X, y, intercept=intercept), weights, rows


@given(problem=problems())
def test_value_and_gradient_are_right_for_any_data(problem):
    objective, weights, rows = problem

    value, gradient = plain_value_and_gradient(
        objective.X, objective.y, weights, rows, objective.intercept
    )

    assert objective.value(weights, rows) == pytest.approx(value, rel=1e-12)
    assert_allclose(objective.gradient(weights, rows), gradient, rtol=1e-12, atol=1e-10)


@given(problem=problems())
def test_gradient_is_that_of_the_value_for_any_data(problem):
    objective, weights, rows = problem

    differences = finite_differences(objective, weights, rows, step=1e-3)

    assert_allclose(objective.gradient(weights, rows), differences, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("intercept", [True, False])
def test_full_gradient_is_the_weighted_mean_of_batch_gradients(data, intercept):
    objective = LeastSquares(*data, intercept=intercept)
    weights = np.linspace(-1, 2, objective.n_weights)
    batches = np.array_split(np.random.default_rng(1).permutation(12), [5, 10])

    mean = sum(len(rows) * objective.gradient(weights, rows) for rows in batches) / 12

    assert_allclose(mean, objective.gradient(weights), rtol=1e-12)


@pytest.mark.parametrize("intercept", [True, False])
def test_float32_stays_float32(data, intercept):
    X, y = (array.astype(np.float32) for array in data)
    objective = LeastSquares(X, y, intercept=intercept)
    weights = np.ones(objective.n_weights, dtype=np.float32)

    assert objective.gradient(weights).dtype == np.float32
    assert objective.gradient(weights, np.array([0, 3])).dtype == np.float32
    assert objective.hessian().dtype == np.float32
    assert objective.solution().dtype == np.float32


def test_integer_data_and_weights_do_not_truncate_the_gradient():
    objective = LeastSquares([[0], [1], [2]], [1, 3, 5])

    assert_allclose(objective.gradient(np.array([0, 0])), [-3, -13 / 3])
    assert objective.value(np.array([0, 0])) == pytest.approx(35 / 6)


def layouts(array):
    read_only = array.copy()
    read_only.flags.writeable = False
    return {
        "strided": np.repeat(array, 2, axis=0)[::2],
        "reversed": array[::-1].copy()[::-1],
        "Fortran-ordered": np.asfortranarray(array),
        "read-only": read_only,
        "list": array.tolist(),
    }


@pytest.mark.parametrize("layout", ["strided", "reversed", "Fortran-ordered", "read-only", "list"])
@pytest.mark.parametrize("rows", SOME_ROWS)
def test_memory_layout_does_not_matter(data, layout, rows):
    X, y = data
    weights = np.linspace(-1, 2, 5)
    plain = LeastSquares(X, y)
    same = LeastSquares(layouts(X)[layout], layouts(y)[layout])

    assert same.value(weights, rows) == pytest.approx(plain.value(weights, rows), rel=1e-13)
    assert_allclose(same.gradient(weights, rows), plain.gradient(weights, rows), rtol=1e-12)
    assert_allclose(same.hessian(), plain.hessian(), rtol=1e-12)
    assert_allclose(same.solution(), plain.solution(), rtol=1e-10)


def test_data_are_neither_copied_nor_changed(data):
    X, y = data
    X_before, y_before = X.copy(), y.copy()
    objective = LeastSquares(X, y)
    weights = np.ones(5)

    objective.value(weights)
    objective.gradient(weights, np.array([0, 1]))
    objective.solution()

    assert np.shares_memory(objective.X, X)
    assert np.shares_memory(objective.y, y)
    assert np.array_equal(X, X_before)
    assert np.array_equal(y, y_before)
    assert np.array_equal(weights, np.ones(5))


@pytest.mark.parametrize("intercept", [True, False])
def test_hessian_is_the_derivative_of_the_gradient(data, intercept):
    objective = LeastSquares(*data, intercept=intercept)
    at = np.linspace(-1, 2, objective.n_weights)

    # The gradient is linear: differences over a step of 1 are exact but for rounding.
    steps = np.eye(objective.n_weights)
    columns = [objective.gradient(at + step) - objective.gradient(at) for step in steps]

    assert_allclose(objective.hessian(), np.column_stack(columns), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("intercept", [True, False])
def test_solution_is_that_of_least_squares_with_a_column_of_ones(data, intercept):
    X, y = data
    objective = LeastSquares(X, y, intercept=intercept)

    expected = np.linalg.lstsq(design(X, intercept), y, rcond=None)[0]

    assert_allclose(objective.solution(), expected, rtol=1e-10)
    assert_allclose(objective.gradient(objective.solution()), 0, atol=1e-12)


def test_solution_of_dependent_columns_has_least_loss_and_smallest_slopes(data):
    X, y = data
    single = LeastSquares(X[:, :1], y).solution()
    twice = LeastSquares(np.column_stack([X[:, 0], X[:, 0]]), y)

    assert_allclose(twice.solution(), [single[0], single[1] / 2, single[1] / 2])
    assert_allclose(twice.gradient(twice.solution()), 0, atol=1e-12)


def test_without_features_the_solution_is_the_mean():
    objective = LeastSquares(np.empty((3, 0)), [1.0, 2.0, 6.0])

    assert_allclose(objective.solution(), [3.0])
    assert_allclose(objective.hessian(), [[1.0]])
    assert_allclose(objective.gradient(np.array([1.0])), [-2.0])


def test_sizes_count_rows_and_weights(data):
    X, y = data

    assert LeastSquares(X, y).n_rows == 12
    assert LeastSquares(X, y).n_weights == 5
    assert LeastSquares(X, y, intercept=False).n_weights == 4


@pytest.mark.parametrize(
    ("X", "y", "error", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], ValueError, "X must have 2 dimension(s), not the shape (2,)"),
        ([[1.0]], [[1.0]], ValueError, "y must have 1 dimension(s), not the shape (1, 1)"),
        (np.empty((0, 3)), [], ValueError, "X must have at least one row, not the shape (0, 3)"),
        ([[1.0], [2.0]], [1.0], ValueError, "X and y must have as many rows: X has 2, y has 1"),
        ([[np.nan]], [1.0], ValueError, "X must be finite, but holds nan"),
        ([[1.0]], [np.inf], ValueError, "y must be finite, but holds inf"),
        ([["a"]], [1.0], TypeError, "X must hold real numbers, not <U1"),
        ([[1.0]], [1j], TypeError, "y must hold real numbers, not complex128"),
    ],
)
def test_bad_data_are_refused_by_name(X, y, error, message):
    with pytest.raises(error) as caught:
        LeastSquares(X, y)

    assert str(caught.value) == message


@pytest.mark.parametrize("method", ["value", "gradient"])
@pytest.mark.parametrize(
    ("weights", "rows", "message"),
    [
        (np.zeros(4), None, r"^weights must have the shape \(5,\), not \(4,\)$"),
        (np.zeros((5, 1)), None, r"^weights must have the shape \(5,\), not \(5, 1\)$"),
        (np.zeros(5), np.array([], dtype=int), "^rows must name at least one row, but is empty$"),
    ],
)
def test_weights_of_the_wrong_shape_and_empty_batches_are_refused(
    data, method, weights, rows, message
):
    objective = LeastSquares(*data)

    with pytest.raises(ValueError, match=message):
        getattr(objective, method)(weights, rows)
