from fractions import Fraction

import numpy as np
import pytest

from mbgd_lib._arguments import finite_array, generator, one_of, positive_number, whole_number


@pytest.mark.parametrize("value", [1, 5, np.int32(3), np.uint8(2), np.array(4)])
def test_whole_number_returns_an_int_between_the_limits(value):
    number = whole_number("n", value, 1, 5)

    assert number == value
    assert type(number) is int


@pytest.mark.parametrize(
    ("value", "high", "error", "message"),
    [
        (0, None, ValueError, "n must be at least 1, not 0"),
        (-3, 5, ValueError, "n must be from 1 to 5, not -3"),
        (6, 5, ValueError, "n must be from 1 to 5, not 6"),
        (2.0, None, TypeError, "n must be a whole number at least 1, not 2.0"),
        ("2", 5, TypeError, "n must be a whole number from 1 to 5, not '2'"),
        (None, None, TypeError, "n must be a whole number at least 1, not None"),
        (True, None, TypeError, "n must be a whole number at least 1, not True"),
        (np.True_, None, TypeError, "n must be a whole number at least 1, not np.True_"),
    ],
)
def test_whole_number_names_argument_value_and_limits(value, high, error, message):
    with pytest.raises(error) as caught:
        whole_number("n", value, 1, high)

    assert str(caught.value) == message


@pytest.mark.parametrize("value", [2, 0.5, 5e-324, np.float32(0.25), np.int64(3), Fraction(1, 4)])
def test_positive_number_returns_a_float(value):
    number = positive_number("learning_rate", value)

    assert number == value
    assert type(number) is float


@pytest.mark.parametrize("value", [0, -1, -0.0, np.nan, np.inf, -np.inf])
def test_positive_number_refuses_what_is_not_finite_and_above_zero(value):
    with pytest.raises(ValueError, match=f"^step must be a finite number above 0, not {value!r}$"):
        positive_number("step", value)


@pytest.mark.parametrize("value", ["1", None, True, 1j, [1.0]])
def test_positive_number_refuses_what_is_no_real_number(value):
    with pytest.raises(TypeError) as caught:
        positive_number("step", value)

    assert str(caught.value) == f"step must be a number above 0, not {value!r}"


def test_one_of_returns_an_allowed_string():
    assert one_of("order", "b", ("a", "b")) == "b"


@pytest.mark.parametrize("value", ["c", "", None, 1, ["a"]])
def test_one_of_names_argument_value_and_choices(value):
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the whole message is compared
        one_of("order", value, ("a", "b"))

    assert str(caught.value) == f"order must be one of 'a', 'b', not {value!r}"


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.float16, np.float64),
        (np.uint8, np.float64),
        (np.int64, np.float64),
        (bool, np.float64),
    ],
)
def test_finite_array_keeps_float32_and_makes_the_rest_float64(dtype, kept):
    array = finite_array("X", np.ones((2, 3), dtype=dtype), ndim=2)

    assert array.dtype == kept
    assert np.array_equal(array, np.ones((2, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_finite_array_does_not_copy_floats(dtype):
    X = np.ones((4, 2), dtype=dtype)

    assert np.shares_memory(finite_array("X", X, ndim=2), X)


@pytest.mark.parametrize(
    ("value", "ndim", "error", "message"),
    [
        ([1.0, np.nan], 1, ValueError, "y must be finite, but holds nan"),
        ([[-np.inf]], 2, ValueError, "y must be finite, but holds -inf"),
        (np.inf, 0, ValueError, "y must be finite, but holds inf"),
        ([1.0], 2, ValueError, "y must have 2 dimension(s), not the shape (1,)"),
        ([[1.0]], 1, ValueError, "y must have 1 dimension(s), not the shape (1, 1)"),
        ([[1], [2, 3]], 2, ValueError, "y must have rows of one length, not [[1], [2, 3]]"),
        (["1"], 1, TypeError, "y must hold real numbers, not <U1"),
        ([1j], 1, TypeError, "y must hold real numbers, not complex128"),
        ([None], 1, TypeError, "y must hold real numbers, not object"),
        (np.array([1], "m8[s]"), 1, TypeError, "y must hold real numbers, not timedelta64[s]"),
    ],
)
def test_finite_array_names_argument_and_fault(value, ndim, error, message):
    with pytest.raises(error) as caught:
        finite_array("y", value, ndim)

    assert str(caught.value) == message


def test_generator_returns_a_generator_as_it_is():
    rng = np.random.default_rng(0)

    assert generator("seed", rng) is rng


def test_generator_seeds_a_new_one():
    assert generator("seed", 3).random() == np.random.default_rng(3).random()


def test_generator_without_a_seed_is_a_fresh_one():
    assert generator("seed", None).random() != generator("seed", None).random()


@pytest.mark.parametrize(("value", "error"), [(-1, ValueError), (0.5, TypeError), ("a", TypeError)])
def test_generator_names_argument_value_and_what_is_allowed(value, error):
    allowed = "a whole number at least 0, a numpy.random.Generator or None"

    with pytest.raises(error) as caught:
        generator("seed", value)

    assert str(caught.value) == f"seed must be {allowed}, not {value!r}"
