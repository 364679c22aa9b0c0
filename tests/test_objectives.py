import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy import special
from scipy.sparse import csr_array

from mbgd_lib import (
    DoubleWell,
    LeastSquares,
    Logistic,
    QuadraticBowl,
    Saddle,
    Softmax,
    TrigonometricSurface,
    check_gradient,
    minibatches,
)
from mbgd_lib.checks import finite_differences
from mbgd_lib.instruments.landscapes import Landscape
from mbgd_lib.objectives import PIECE, LinearModel, sigmoid, softmax

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


# What a score costs, and the derivative: formulas of SciPy's or written out plainly.


def logistic_cost(scores, y):
    return -special.log_expit(np.where(y == 1, scores, -scores)), special.expit(scores) - y


def softmax_cost(scores, y):
    of_labels = np.take_along_axis(scores, y[:, None], axis=1)[:, 0]
    is_label = y[:, None] == np.arange(scores.shape[1])
    return special.logsumexp(scores, axis=1) - of_labels, special.softmax(scores, axis=1) - is_label


def trigonometric_cost(scores, y):
    r = scores - y
    sine, cosine = np.sin(np.pi * r / 7), np.cos(np.pi * r / 7)
    return r**2 / 2 * sine, r * sine + np.pi / 14 * r**2 * cosine


COSTS = {
    "LeastSquares": lambda scores, y: ((scores - y) ** 2 / 2, scores - y),
    "Logistic": logistic_cost,
    "Softmax": softmax_cost,
    "TrigonometricSurface": trigonometric_cost,
}


def test_every_loss_of_a_linear_model_has_its_cost_here():
    """Else a new one would pass all tests without being in any."""
    losses = {cls.__name__ for cls in LinearModel.__subclasses__() if "mbgd_lib" in cls.__module__}
    assert losses == set(COSTS)


def make(name, X, y, intercept=True):
    """An objective; `y` holds the labels 0 to 2, of which the logistic loss takes two."""
    if name == "Logistic":
        return Logistic(X, np.minimum(y, 1), intercept=intercept)
    if name == "Softmax":
        return Softmax(X, y, n_classes=3, intercept=intercept)
    if name == "TrigonometricSurface":
        return TrigonometricSurface(X, y, period=7.0, intercept=intercept)
    return LeastSquares(X, y, intercept=intercept)


def plain(name, X, y, weights, rows=None, intercept=True):
    """Value and gradient in float64, in one piece, from a matrix with a column of ones."""
    A = design(np.asarray(X, dtype=float), intercept)
    y = np.minimum(y, 1) if name == "Logistic" else np.asarray(y)
    if rows is not None:
        A, y = A[rows], y[rows]
    costs, slopes = COSTS[name](A @ weights, y)
    return costs.mean(), A.T @ slopes / len(A)


def labelled(n=12, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(1, 2, size=(n, d)), rng.integers(3, size=n)


def some_weights(objective, seed=1, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=objective.weights_shape).astype(dtype)


def assert_agrees(objective, weights, rows, expected, rtol=1e-12, atol=1e-13):
    value, gradient = expected
    assert type(objective.value(weights, rows)) is float
    assert objective.value(weights, rows) == pytest.approx(value, rel=rtol, abs=atol)
    assert_allclose(objective.gradient(weights, rows), gradient, rtol=rtol, atol=atol)


LABELS = st.integers(0, 2)

each_model = pytest.mark.parametrize("name", COSTS)


@each_model
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("rows", SOME_ROWS)
def test_each_model_has_its_plain_formulas(name, intercept, rows):
    X, y = labelled()
    objective = make(name, X, y, intercept)
    weights = some_weights(objective)

    assert objective.weights_shape == (
        (4 + intercept, 3) if name == "Softmax" else (4 + intercept,)
    )
    assert_agrees(objective, weights, rows, plain(name, X, y, weights, rows, intercept))


@each_model
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("rows", SOME_ROWS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_gradient_is_that_of_central_differences(name, intercept, rows, seed):
    objective = make(name, *labelled(), intercept)
    weights = some_weights(objective, seed)

    assert check_gradient(objective, weights, rows) < 1e-6


@st.composite
def models(draw):
    """A model of any kind and of any few rows, with weights and rows."""
    name = draw(st.sampled_from(list(COSTS)))
    n, d, intercept = draw(st.integers(1, 15)), draw(st.integers(0, 4)), draw(st.booleans())
    entries = st.floats(-10, 10, allow_subnormal=False)
    X, y = draw(arrays(float, (n, d), elements=entries)), draw(arrays(int, n, elements=LABELS))
    objective = make(name, X, y, intercept)
    weights = draw(arrays(float, objective.weights_shape, elements=entries))
    rows = draw(st.none() | st.lists(st.integers(0, n - 1), min_size=1).map(np.array))
    return name, objective, (X, y, weights, rows, intercept)


@given(model=models())
def test_each_model_is_right_for_any_data(model):
    name, objective, (X, y, weights, rows, intercept) = model

    expected = plain(name, X, y, weights, rows, intercept)

    assert_agrees(objective, weights, rows, expected, rtol=1e-9, atol=1e-9)


@given(model=models())
def test_cross_entropies_are_never_below_zero_and_a_guess_costs_the_logarithm(model):
    name, objective, (_, _, weights, rows, _) = model

    if name in ("Logistic", "Softmax"):
        assert objective.value(weights, rows) >= 0
        guess = objective.value(np.zeros_like(weights), rows)
        assert guess == pytest.approx(np.log(2 if name == "Logistic" else 3), rel=1e-12)


@given(model=models(), seed=st.integers(0, 99))
def test_each_full_gradient_is_the_weighted_mean_of_batch_gradients(model, seed):
    _, objective, (X, _, weights, _, _) = model
    order = np.random.default_rng(seed).permutation(len(X))

    batches = np.array_split(order, min(3, len(X)))
    mean = sum(len(rows) * objective.gradient(weights, rows) for rows in batches) / len(X)

    assert_allclose(mean, objective.gradient(weights), rtol=1e-9, atol=1e-9)


@given(
    scores=arrays(float, (5, 3), elements=st.floats(-50, 50)),
    shift=st.floats(-1000, 1000),
    y=arrays(int, 5, elements=LABELS),
)
def test_softmax_does_not_see_a_shift_of_all_scores(scores, shift, y):
    # Rows that are unit vectors: the weights are the scores themselves.
    objective = Softmax(np.eye(5), y, n_classes=3, intercept=False)

    assert objective.value(scores + shift) == pytest.approx(
        objective.value(scores), rel=1e-9, abs=1e-9
    )
    assert_allclose(objective.gradient(scores + shift), objective.gradient(scores), atol=1e-9)
    assert_allclose(objective.gradient(scores).sum(axis=1), 0, atol=1e-15)


def test_softmax_of_two_classes_is_logistic_in_the_difference_of_scores():
    X, y = labelled()
    y = np.minimum(y, 1)
    two = Softmax(X, y)
    weights = some_weights(two)
    one = Logistic(X, y)
    difference = weights[:, 1] - weights[:, 0]

    assert two.value(weights) == pytest.approx(one.value(difference), rel=1e-12)
    assert_allclose(two.gradient(weights)[:, 1], one.gradient(difference), rtol=1e-10, atol=1e-14)
    assert_allclose(two.gradient(weights)[:, 0], -one.gradient(difference), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("score", "label", "loss", "slope"),
    [(1e4, 1, 0, 0), (-1e4, 0, 0, 0), (1e4, 0, 1e4, 1), (-1e4, 1, 1e4, -1)],
)
def test_logistic_of_extreme_scores_is_at_its_limit(dtype, score, label, loss, slope):
    objective = Logistic(np.ones((1, 1), dtype), [label], intercept=False)
    weights = np.array([score], dtype)

    with np.errstate(all="raise", under="ignore"):
        assert objective.value(weights) == loss
        assert objective.gradient(weights).tolist() == [slope]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("scores", "label", "loss", "slopes"),
    [
        ([1e4, -1e4, 0], 0, 0, [0, 0, 0]),
        ([1e4, -1e4, 0], 1, 2e4, [1, -1, 0]),
        ([1e4, -1e4, 0], 2, 1e4, [1, 0, -1]),
        ([-1e4, -1e4, -1e4], 1, np.log(3), [1 / 3, -2 / 3, 1 / 3]),
        ([1e4, 1e4, -1e4], 0, np.log(2), [-1 / 2, 1 / 2, 0]),
    ],
)
def test_softmax_of_extreme_scores_is_at_its_limit(dtype, scores, label, loss, slopes):
    objective = Softmax(np.ones((1, 1), dtype), [label], n_classes=3, intercept=False)
    weights = np.array([scores], dtype)

    with np.errstate(all="raise", under="ignore"):
        assert objective.value(weights) == pytest.approx(loss, rel=1e-6)
        assert_allclose(objective.gradient(weights), [slopes], rtol=1e-6)


@each_model
def test_extreme_scores_overflow_nowhere(name):
    X, y = labelled()
    objective = make(name, X, y)
    weights = 1e4 * some_weights(objective)

    with np.errstate(all="raise", under="ignore"):
        expected = plain(name, X, y, weights)
        assert_agrees(objective, weights, None, expected, rtol=1e-9)
        assert np.isfinite(objective.value(weights))


@given(scores=arrays(float, 9, elements=st.floats(-1e6, 1e6)))
def test_sigmoid_and_softmax_are_those_of_scipy(scores):
    assert_allclose(sigmoid(scores), special.expit(scores), atol=2e-16)
    by_class = scores.reshape(3, 3)
    assert_allclose(softmax(by_class), special.softmax(by_class, axis=1), rtol=1e-12)


@each_model
@pytest.mark.parametrize("rows", [None, np.array([3, 0, 7])])
def test_each_model_keeps_float32(name, rows):
    X, y = labelled()
    objective = make(name, X.astype(np.float32), y)
    weights = some_weights(objective, dtype=np.float32)

    expected = plain(name, X, y, weights.astype(float), rows)

    assert objective.X.dtype == np.float32
    assert objective.gradient(weights, rows).dtype == np.float32
    assert_agrees(objective, weights, rows, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_and_softmax_keep_the_floating_type(dtype):
    assert sigmoid(np.ones(2, dtype)).dtype == dtype
    assert softmax(np.ones((2, 2), dtype)).dtype == dtype
    assert sigmoid([-1, 0, 1]).dtype == np.float64


@each_model
@pytest.mark.parametrize("integer", [np.uint8, np.int64, np.bool_])
@pytest.mark.parametrize("floating", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [None, np.array([1500, 0, 7])])
def test_whole_features_are_as_good_as_their_floating_copies(name, integer, floating, rows):
    rng = np.random.default_rng(0)
    high = 2 if integer == np.bool_ else 256
    X, y = rng.integers(high, size=(2000, 3)).astype(integer), rng.integers(3, size=2000)
    whole, copies = make(name, X, y), make(name, X.astype(floating), y)
    weights = some_weights(whole, dtype=floating) / np.array(100, floating)

    assert whole.X is X
    assert whole.gradient(weights, rows).dtype == floating
    expected = copies.value(weights, rows), copies.gradient(weights, rows)
    rtol = 1e-12 if floating == np.float64 else 1e-4
    assert_agrees(whole, weights, rows, expected, rtol=rtol, atol=rtol)


@each_model
def test_whole_features_are_never_converted_as_a_whole(name):
    n, d = 60_000, 20
    X = np.ones((n, d), dtype=np.uint8)
    objective = make(name, X, np.arange(n) % 3)
    weights = some_weights(objective, dtype=np.float32)

    def call():
        objective.value(weights)
        objective.gradient(weights)

    # As float32 the features would take 4.8 MB: only pieces of them are ever converted.
    assert peak_memory(call) < n * d * 4 / 8


def peak_memory(call):
    """The most bytes that were allocated at one time during the call."""
    call()  # what is allocated once and for all is not the call's
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@each_model
@pytest.mark.parametrize("extra", [-1, 0, 1, PIECE + 1])
def test_pieces_of_a_large_batch_leave_no_seam(name, extra):
    n = PIECE + extra
    X, y = labelled(n=n)
    objective = make(name, X, y)
    weights = some_weights(objective)
    shuffled = np.random.default_rng(2).permutation(n)

    expected = plain(name, X, y, weights)

    for rows in [None, np.arange(n), shuffled]:
        assert_agrees(objective, weights, rows, expected, rtol=1e-10, atol=1e-12)
    twice = np.concatenate([shuffled, shuffled[: n // 2]])
    assert_agrees(objective, weights, twice, plain(name, X, y, weights, twice), rtol=1e-10)


@each_model
@pytest.mark.parametrize("layout", ["strided", "reversed", "Fortran-ordered", "read-only", "list"])
@pytest.mark.parametrize("rows", [None, np.array([7, 0, 11])])
def test_memory_layout_does_not_matter_to_any_model(name, layout, rows):
    X, y = labelled()
    same = make(name, layouts(X)[layout], layouts(y)[layout])
    weights = some_weights(same)
    read_only = layouts(weights)["read-only"]

    assert_agrees(same, read_only, rows, plain(name, X, y, weights, rows))
    assert_agrees(same, np.asfortranarray(weights), rows, plain(name, X, y, weights, rows))


@each_model
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_features_on_disk_are_read_where_they_lie(name, dtype, tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.integers(5, size=(1500, 3)).astype(dtype), rng.integers(3, size=1500)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    objective = make(name, mapped, y)
    weights = some_weights(objective)

    assert np.shares_memory(objective.X, mapped)
    for rows in [None, np.array([1499, 3])]:
        assert_agrees(objective, weights, rows, plain(name, X, y, weights, rows), rtol=1e-10)


@each_model
def test_no_model_changes_what_it_is_given(name):
    X, y = labelled()
    before = X.copy(), y.copy()
    objective = make(name, X, y)
    weights = some_weights(objective)
    rows = np.array([0, 5, 5])
    weights_before, first = weights.copy(), objective.gradient(weights, rows)
    first_before = first.copy()

    objective.value(weights)
    objective.gradient(2 * weights)

    assert np.shares_memory(objective.X, X)
    assert np.array_equal(X, before[0])
    assert np.array_equal(y, before[1])
    assert np.array_equal(weights, weights_before)
    assert rows.tolist() == [0, 5, 5]
    assert np.array_equal(first, first_before), "a gradient is its caller's to keep"


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_, np.float32])
def test_labels_may_be_of_any_type_that_holds_whole_numbers(dtype):
    X, _ = labelled()
    y = np.arange(12) % 2
    weights = np.linspace(-1, 1, 5)

    assert Logistic(X, y.astype(dtype)).value(weights) == Logistic(X, y).value(weights)
    assert Softmax(X, y.astype(dtype)).weights_shape == (5, 2)


@pytest.mark.parametrize(
    ("labels", "n_classes", "expected"),
    [([0, 1, 2], None, 3), ([0, 4], None, 5), ([0, 0], None, 2), ([0, 1], 7, 7)],
)
def test_number_of_classes_is_given_or_follows_from_the_labels(labels, n_classes, expected):
    objective = Softmax(np.ones((len(labels), 1)), labels, n_classes=n_classes)

    assert objective.n_classes == expected
    assert objective.weights_shape == (2, expected)
    assert objective.n_weights == 2


X2 = [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("construct", "error", "message"),
    [
        (
            lambda: Logistic(X2, [0, 2]),
            ValueError,
            "y must hold labels from 0 to 1, but holds 2",
        ),
        (
            lambda: Logistic(X2, [-1, 1]),
            ValueError,
            "y must hold labels from 0 to 1, but holds -1",
        ),
        (
            lambda: Logistic(X2, [0.5, 1]),
            ValueError,
            "y must hold whole numbers, but holds 0.5",
        ),
        (lambda: Logistic(X2, [np.nan, 1]), ValueError, "y must be finite, but holds nan"),
        (
            lambda: Softmax(X2, [0, 3], n_classes=3),
            ValueError,
            "y must hold labels from 0 to 2, but holds 3",
        ),
        (
            lambda: Softmax(X2, [2, -1]),
            ValueError,
            "y must hold labels at least 0 and below 2**53, but holds -1",
        ),
        (lambda: Softmax(X2, [0, 1.5]), ValueError, "y must hold whole numbers, but holds 1.5"),
        (lambda: Softmax(X2, ["a", "b"]), TypeError, "y must hold real numbers, not <U1"),
        (
            lambda: Softmax(X2, [[0], [1]]),
            ValueError,
            "y must have 1 dimension(s), not the shape (2, 1)",
        ),
        (
            lambda: Softmax(X2, [0, 1], n_classes=1),
            ValueError,
            "n_classes must be at least 2, not 1",
        ),
        (
            lambda: Softmax(X2, [0, 1], n_classes=2.0),
            TypeError,
            "n_classes must be a whole number at least 2, not 2.0",
        ),
        (
            lambda: Softmax(np.empty((0, 2)), []),
            ValueError,
            "X must have at least one row, not the shape (0, 2)",
        ),
        (
            lambda: TrigonometricSurface(X2, [0.0, 0.0], period=0),
            ValueError,
            "period must be a finite number above 0, not 0",
        ),
        (
            lambda: LeastSquares([[1.0], [1.0, 2.0]], [0, 0]),
            ValueError,
            "X must have rows of one length, not [[1.0], [1.0, 2.0]]",
        ),
    ],
)
def test_bad_labels_and_settings_are_refused_by_name(construct, error, message):
    with pytest.raises(error) as caught:
        construct()

    assert str(caught.value) == message


@each_model
@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((3, 2)), [0, 1], "X and y must have as many rows: X has 3, y has 2"),
        (np.ones(3), [0, 1, 0], "X must have 2 dimension(s), not the shape (3,)"),
        ([[1.0], [np.inf]], [0, 1], "X must be finite, but holds inf"),
    ],
)
def test_each_model_refuses_bad_data_by_name(name, X, y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make(name, X, y)


@each_model
@pytest.mark.parametrize("method", ["value", "gradient"])
def test_each_model_refuses_bad_weights_and_rows_by_name(name, method):
    objective = make(name, *labelled())
    ask, weights = getattr(objective, method), some_weights(objective)
    shape = re.escape(str(objective.weights_shape))

    with pytest.raises(ValueError, match=rf"^weights must have the shape {shape}, not \(2,\)$"):
        ask(np.zeros(2))
    for empty in [np.array([], dtype=int), []]:
        with pytest.raises(ValueError, match=r"^rows must name at least one row, but is empty$"):
            ask(weights, empty)
    with pytest.raises(TypeError, match=r"^rows must hold whole numbers, not bool$"):
        ask(weights, np.ones(12, dtype=bool))
    with pytest.raises(TypeError, match=r"^rows must hold whole numbers, not float64$"):
        ask(weights, np.array([0.0, 1.0]))
    with pytest.raises(IndexError, match="out of bounds"):
        ask(weights, np.array([0, 12]))


@pytest.mark.parametrize("method", ["_loss_sum", "_score_slopes"])
def test_a_model_without_a_cost_says_so(method):
    with pytest.raises(NotImplementedError):
        getattr(LinearModel([[1.0]], np.zeros(1), True), method)(np.zeros(1), np.zeros(1))


# Plain functions of the weights.

HESSIAN = np.array([[4.0, 1.0, 0.0], [1.0, 3.0, -0.5], [0.0, -0.5, -2.0]])

LANDSCAPES = {
    "QuadraticBowl": (3, lambda tilts=None: QuadraticBowl(HESSIAN, tilts)),
    "DoubleWell": (1, DoubleWell),
    "Saddle": (2, Saddle),
}

FORMULAS = {
    "QuadraticBowl": (lambda w: w @ HESSIAN @ w / 2, lambda w: HESSIAN @ w),
    "DoubleWell": (lambda w: (w[0] ** 2 - 1) ** 2 / 4, lambda w: w**3 - w),
    "Saddle": (lambda w: w[0] ** 2 - w[1] ** 2, lambda w: np.array([2 * w[0], -2 * w[1]])),
}

each_landscape = pytest.mark.parametrize("name", LANDSCAPES)


def landscape(name, n=40):
    """A tilted landscape, its tilts with a mean of zero, and weights."""
    dimensions, construct = LANDSCAPES[name]
    rng = np.random.default_rng(0)
    tilts = rng.normal(3, 2, size=(n, dimensions))
    return construct(tilts), tilts - tilts.mean(axis=0), rng.normal(size=dimensions)


@each_landscape
@pytest.mark.parametrize("rows", SOME_ROWS)
def test_each_landscape_is_its_formula_and_the_mean_tilt(name, rows):
    objective, tilts, weights = landscape(name)
    value, gradient = (formula(weights) for formula in FORMULAS[name])
    tilt = 0 if rows is None else tilts[rows].mean(axis=0)

    expected = value + np.sum(tilt * weights), gradient + tilt

    assert_agrees(objective, weights, rows, expected)
    assert check_gradient(objective, weights, rows) < 1e-6
    assert objective.n_rows == 40


@each_landscape
def test_without_tilts_there_is_one_row_and_no_noise(name):
    dimensions, construct = LANDSCAPES[name]
    objective, weights = construct(), np.linspace(0.5, 1.5, dimensions)

    assert objective.n_rows == 1
    assert objective.value(weights, np.array([0])) == objective.value(weights)
    assert np.array_equal(objective.gradient(weights, np.array([0])), objective.gradient(weights))


@each_landscape
def test_tilts_cancel_over_an_epoch(name):
    objective, _, weights = landscape(name)
    batches = np.array_split(np.random.default_rng(1).permutation(40), 5)

    mean = np.mean([objective.gradient(weights, rows) for rows in batches], axis=0)

    assert_allclose(mean, objective.gradient(weights), atol=1e-14)
    assert_allclose(objective.gradient(weights, np.arange(40)), mean, atol=1e-14)


@pytest.mark.parametrize("batch_size", [1, 4, 16])
def test_tilts_drawn_with_replacement_have_the_variance_over_the_batch_size(batch_size):
    tilts = np.random.default_rng(0).normal(2, 3, size=(64, 1))
    objective, weights = DoubleWell(tilts), np.array([0.3])
    epochs = 20_000 * batch_size // 64
    batches = minibatches(64, batch_size, order="with_replacement", epochs=epochs, seed=1)

    slopes = np.array([objective.gradient(weights, rows)[0] for rows in batches])

    # 20,000 means of batches: four standard errors either side.
    variance = tilts.var() / batch_size
    assert len(slopes) > 19_000
    assert slopes.mean() == pytest.approx(
        objective.gradient(weights)[0], abs=4 * np.sqrt(variance / len(slopes))
    )
    assert slopes.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / len(slopes)))


def test_landmarks_of_the_landscapes_are_where_they_are_said_to_be():
    well, saddle, bowl = DoubleWell(), Saddle(), QuadraticBowl(np.diag([4.0, 1.0]))

    assert [well.value(np.array([w])) for w in (-1.0, 0.0, 1.0)] == [0, 0.25, 0]
    assert [well.gradient(np.array([w]))[0] for w in (-1.0, 0.0, 1.0)] == [0, 0, 0]
    curvature = [finite_differences_of_gradient(well, w) for w in (-1.0, 0.0, 1.0)]
    assert curvature == pytest.approx([2, -1, 2], abs=1e-6)
    assert saddle.gradient(np.zeros(2)).tolist() == [0, 0]
    assert bowl.value(np.zeros(2)) == 0


def finite_differences_of_gradient(well, weight, step=1e-5):
    ahead, behind = (well.gradient(np.array([weight + h]))[0] for h in (step, -step))
    return (ahead - behind) / (2 * step)


@each_landscape
@pytest.mark.parametrize("method", ["value", "gradient"])
def test_each_landscape_refuses_bad_weights_and_rows_by_name(name, method):
    objective, _, weights = landscape(name)
    ask, d = getattr(objective, method), len(weights)

    with pytest.raises(ValueError, match=rf"^weights must have the shape \({d},\), not \(7,\)$"):
        ask(np.zeros(7))
    with pytest.raises(ValueError, match=r"^rows must name at least one row, but is empty$"):
        ask(weights, np.array([], dtype=int))


@pytest.mark.parametrize(
    ("construct", "message"),
    [
        (lambda: Saddle(np.ones((3, 1))), "tilts must have the shape (n, 2), not (3, 1)"),
        (lambda: Saddle(np.ones((0, 2))), "tilts must have the shape (n, 2), not (0, 2)"),
        (lambda: Saddle([[np.nan, 0]]), "tilts must be finite, but holds nan"),
        (lambda: DoubleWell([1.0]), "tilts must have 2 dimension(s), not the shape (1,)"),
        (
            lambda: QuadraticBowl([[1.0, 2.0], [0.0, 1.0]]),
            "hessian must be symmetric, not [[1.0, 2.0], [0.0, 1.0]]",
        ),
        (lambda: QuadraticBowl([[1.0, 2.0]]), "hessian must be square, not of the shape (1, 2)"),
    ],
)
def test_bad_landscapes_are_refused_by_name(construct, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        construct()


@pytest.mark.parametrize("method", ["_height", "_slope"])
def test_a_landscape_without_a_function_says_so(method):
    class Nowhere(Landscape):
        dimensions = 1

    with pytest.raises(NotImplementedError):
        getattr(Nowhere(), method)(np.zeros(1))


@pytest.mark.parametrize("kind", ["model", "landscape"])
@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([[0, 1]], ValueError, r"rows must have 1 dimension\(s\), not the shape \(1, 2\)"),
        (0, ValueError, r"rows must have 1 dimension\(s\), not the shape \(\)"),
        ([True, False], TypeError, "rows must hold whole numbers, not bool"),
    ],
)
def test_rows_are_a_vector_of_whole_numbers(kind, rows, error, message):
    objective = (
        LeastSquares([[1.0], [2.0]], [0.0, 1.0]) if kind == "model" else Saddle([[0, 0]] * 2)
    )

    with pytest.raises(error, match=message):
        objective.gradient(np.zeros(2), rows)


def test_a_bowl_may_be_symmetric_up_to_rounding():
    hessian = np.array([[2.0, 1.0], [1.0 + 1e-15, 3.0]])

    bowl = QuadraticBowl(hessian)

    assert np.array_equal(bowl.hessian, bowl.hessian.T)
    assert_allclose(bowl.hessian, hessian)


@pytest.mark.parametrize("model", [LeastSquares, Logistic, Softmax])
def test_slopes_of_float32_features_stay_float32(model):
    # Wider slopes would turn the whole piece of X into float64 for the product.
    X = np.eye(3, dtype=np.float32)
    objective = model(X, [0, 1, 1])
    scores = np.zeros((3, *objective.weights_shape[1:]), dtype=np.float32)

    assert objective._score_slopes(scores, objective.y).dtype == np.float32


@pytest.mark.parametrize("layout", ["C", "F", "strided"])
def test_a_batch_copies_no_more_than_its_rows_whatever_the_layout(layout):
    n, d = 20_000, 20
    X = np.random.default_rng(0).normal(size=(n, 2 * d)).astype(np.float32)
    X = {"C": X[:, :d].copy(), "F": np.asfortranarray(X[:, :d]), "strided": X[:, ::2]}[layout]
    y = np.zeros(2 * n, np.float32)[::2]
    objective, weights = LeastSquares(X, y), np.zeros(d + 1, np.float32)
    assert np.shares_memory(objective.X, X)
    rows = np.arange(32) * 7
    # The rows take 32 × 20 × 4 bytes = 2.5 kB, all of X 1.6 MB.
    assert peak_memory(lambda: objective.gradient(weights, rows)) < 20_000


@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.bool_])
def test_weights_of_other_types_become_float64(dtype):
    X = np.full((3, 784), 255, np.uint8)
    objective = LeastSquares(X, [0.0, 0.0, 0.0])
    weights = np.ones(785, dtype)
    assert objective.value(weights) == (784 * 255 + 1) ** 2 / 2
    assert objective.gradient(weights).dtype == np.float64


@pytest.mark.parametrize("weights", [np.array(["1", "2"]), np.array([1j, 2]), np.array([None, 1])])
def test_weights_that_are_no_real_numbers_are_refused(weights):
    for objective in (LeastSquares([[1.0]], [2.0]), Saddle()):
        with pytest.raises(TypeError, match="weights must hold real numbers, not "):
            objective.value(weights)


@pytest.mark.parametrize(
    "landscape", [DoubleWell([[1.0], [-1.0]]), Saddle(), QuadraticBowl(np.eye(2))]
)
def test_landscapes_keep_float32(landscape):
    weights = np.full(landscape.dimensions, 0.5, np.float32)
    for rows in (None, np.array([0])):
        assert landscape.gradient(weights, rows).dtype == np.float32


def test_the_trigonometric_surface_keeps_float32_beside_targets_of_float64():
    surface = TrigonometricSurface(np.ones((3, 2), np.float32), np.arange(3.0))
    assert surface.gradient(np.ones(3, np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "holds"),
    [([0, 1e300], r"1e\+300"), (np.array([0, 2**63 + 5], np.uint64), str(2**63 + 5))],
)
def test_a_huge_label_is_named_as_it_was_given(labels, holds):
    with pytest.raises(ValueError, match=rf"y must hold labels .* but holds {holds}"):
        Softmax([[1.0], [2.0]], labels)


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 999.0], mask=[False, True])
    with pytest.raises(TypeError, match="y must not be a masked array: its mask would be lost"):
        LeastSquares([[1.0], [2.0]], masked)


def test_nan_is_found_in_late_rows_too():
    X = np.zeros((9000, 2))
    X[8999, 1] = np.nan
    with pytest.raises(ValueError, match="X must be finite, but holds nan"):
        LeastSquares(X, np.zeros(9000))


def test_symmetry_counts_by_the_size_of_the_matrix():
    with pytest.raises(ValueError, match="hessian must be symmetric"):
        QuadraticBowl([[1e-9, 1e-9], [0, 1e-9]])
    QuadraticBowl([[1e9, 1.0], [1.0 + 1e-7, 1e9]])  # rounding of such a matrix


# --- kinds of data that people bring ---


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, bool])
def test_softmax_of_small_whole_numbers_does_not_overflow(dtype):
    high = np.iinfo(dtype).max if dtype is not bool else True
    chances = softmax(np.array([0, high], dtype=dtype))
    assert chances.dtype == np.float64
    assert_allclose(chances, special.softmax([0.0, float(high)]))


def test_softmax_of_a_list():
    assert softmax([0.0, 0.0]).tolist() == [0.5, 0.5]


def test_a_table_of_numbers_and_booleans_is_taken():
    table = np.array([[1.5, True], [2, np.False_], [np.float32(0.5), True]], dtype=object)
    objective = LeastSquares(table, np.array([1, 2.5, True], dtype=object))
    assert objective.X.tolist() == [[1.5, 1.0], [2.0, 0.0], [0.5, 1.0]]
    assert objective.y.tolist() == [1.0, 2.5, 1.0]


@pytest.mark.parametrize("entry", ["1.5", None, 1j])
def test_a_table_with_anything_else_is_not(entry):
    with pytest.raises(TypeError, match="X must hold real numbers, not object"):
        LeastSquares(np.array([[1.5, entry]], dtype=object), [1.0])


def test_a_sparse_matrix_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match=r"X must be a dense array, .* give X\.toarray\(\)"):
        LeastSquares(csr_array(np.eye(3)), np.ones(3))
