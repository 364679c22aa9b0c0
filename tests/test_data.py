import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import make_regression

from mbgd_lib import LeastSquares
from mbgd_lib.data import (
    correlated_gaussian,
    diabetes,
    noisy_line,
    noisy_regression,
    standardise,
    stored_sweep,
)


def test_correlated_gaussian_has_the_rows_of_tutorial_000():
    rng = np.random.RandomState(0)
    mean = np.array([5.0, 6.0])
    cov = np.array([[1.0, 0.95], [0.95, 1.2]])
    data = rng.multivariate_normal(mean, cov, 8000)

    X, y = correlated_gaussian()

    assert np.array_equal(X, data[:, :-1])
    assert np.array_equal(y, data[:, -1])


def test_noisy_regression_has_the_rows_of_tutorial_001():
    X_expected, y_expected = make_regression(
        n_samples=1000, n_features=1, noise=20, random_state=42
    )

    X, y = noisy_regression()

    assert np.array_equal(X, X_expected)
    assert np.array_equal(y, y_expected)


def test_noisy_line_has_the_rows_of_tutorial_004():
    rng = np.random.RandomState(42)
    X_expected = 2 * rng.rand(1000, 1)
    y_expected = 3.5 * X_expected + 1.2 + rng.randn(1000, 1) * 0.5

    X, y = noisy_line()

    assert np.array_equal(X, X_expected)
    assert np.array_equal(y, y_expected[:, 0])


@pytest.mark.parametrize(
    ("make", "n"), [(correlated_gaussian, 8000), (noisy_regression, 1000), (noisy_line, 1000)]
)
def test_tutorial_data_have_one_feature_and_as_many_rows_as_asked(make, n):
    for rows, (X, y) in [(n, make()), (7, make(7)), (1, make(1))]:
        assert X.shape == (rows, 1)
        assert y.shape == (rows,)


@pytest.mark.parametrize("make", [correlated_gaussian, noisy_regression, noisy_line])
def test_tutorial_data_depend_on_their_seed_alone(make):
    _, state_before, *rest_before = np.random.get_state()  # noqa: NPY002, it is what is tested

    assert np.array_equal(make(20, seed=3)[1], make(20, seed=3)[1])
    assert not np.array_equal(make(20, seed=3)[1], make(20, seed=4)[1])
    _, state, *rest = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(state, state_before)
    assert rest == rest_before


@pytest.mark.parametrize(
    ("make", "line", "deviation"),
    [
        # The noise about the population's line has the variance 1.2 - 0.95² / 1.
        (correlated_gaussian, [1.25, 0.95], np.sqrt(1.2 - 0.95**2)),
        (noisy_line, [1.2, 3.5], 0.5),
    ],
)
def test_large_samples_lie_about_the_line_that_is_told(make, line, deviation):
    X, y = make(200_000, seed=0)
    objective = LeastSquares(X, y)

    assert_allclose(objective.solution(), line, atol=0.02)
    assert objective.value(objective.solution()) == pytest.approx(deviation**2 / 2, rel=0.02)


def test_noisy_regression_has_no_intercept_and_noise_of_deviation_20():
    objective = LeastSquares(*noisy_regression(200_000))

    intercept, slope = objective.solution()

    assert intercept == pytest.approx(0, abs=0.3)
    assert 0 < slope < 100
    assert objective.value(objective.solution()) == pytest.approx(20**2 / 2, rel=0.02)


@pytest.mark.parametrize("make", [correlated_gaussian, noisy_regression, noisy_line])
def test_tutorial_data_refuse_to_be_empty(make):
    with pytest.raises(ValueError, match=r"^n must be at least 1, not 0$"):
        make(0)


def test_diabetes_is_in_its_original_units():
    X, y = diabetes()

    assert X.shape == (442, 10)
    assert y.shape == (442,)
    assert (y.min(), y.max()) == (25, 346)
    ages, sexes = X[:, 0], X[:, 1]
    assert (ages.min(), ages.max()) == (19, 79)
    assert set(sexes) == {1, 2}
    assert 100 < X.mean(axis=0).max() / X.mean(axis=0).min() < 200


def test_standardised_columns_have_mean_0_and_deviation_1():
    X, _ = diabetes()
    before = X.copy()

    Z = standardise(X)

    assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    assert_allclose(Z.std(axis=0), 1, rtol=1e-12)
    assert_allclose(Z * X.std(axis=0) + X.mean(axis=0), X, rtol=1e-12)
    assert np.array_equal(X, before)


def test_standardise_keeps_float32():
    assert standardise(np.array([[1], [3]], dtype=np.float32)).dtype == np.float32


# Six times 0.1 has a standard deviation of 1e-17 in floating point, not 0.
@pytest.mark.parametrize("constant", [0.0, 2.0, 0.1])
def test_standardise_refuses_a_constant_column(constant):
    X = np.column_stack([np.arange(6.0), np.full(6, constant)])

    with pytest.raises(ValueError, match=r"^X must have no constant column, but column 1 is"):
        standardise(X)


@pytest.mark.parametrize("make", [correlated_gaussian, noisy_regression, noisy_line])
@pytest.mark.parametrize("seed", [None, -1, 1.5, "a", np.random.default_rng(0)])
def test_tutorial_data_refuse_what_is_no_seed(make, seed):
    with pytest.raises((ValueError, TypeError), match="seed must be "):
        make(seed=seed)


@pytest.mark.parametrize("make", [correlated_gaussian, noisy_regression, noisy_line])
def test_tutorial_data_lie_together_in_memory(make):
    assert all(array.flags.c_contiguous for array in make())


def test_standardise_refuses_no_rows():
    with pytest.raises(ValueError, match=r"X must have at least one row, not the shape \(0, 2\)"):
        standardise(np.empty((0, 2)))


@pytest.mark.parametrize("place", [".", "notebooks", "notebooks/deeper"])
def test_a_stored_sweep_is_found_from_where_notebooks_run(tmp_path, monkeypatch, place):
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "sweeps" / "speed.json").write_text('{"x": "≥"}', encoding="utf-8")
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / place)

    assert stored_sweep("speed") == {"x": "≥"}


def test_stored_worlds_take_turns(tmp_path, monkeypatch):
    (tmp_path / "sweeps").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("speed", "speed_seed_1", "speed_seed_2", "speedy_seed_1"):
        (tmp_path / "sweeps" / f"{name}.json").write_text(f'{{"name": "{name}"}}')
    found = [stored_sweep("speed", seed=seed)["name"] for seed in (0, 1, 2, 3, 40)]
    assert found == ["speed", "speed_seed_1", "speed_seed_2", "speed_seed_1", "speed_seed_2"]
    (tmp_path / "sweeps" / "other.json").write_text("{}")
    with pytest.raises(FileNotFoundError, match="seed must be 0, not 1: no other master seed"):
        stored_sweep("other", seed=1)


def test_a_notebook_alone_is_told_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as caught:
        stored_sweep("speed")

    assert f"no sweeps/speed.json in {tmp_path} or above it" in str(caught.value)
    assert "run this in a copy of the whole course" in str(caught.value)
