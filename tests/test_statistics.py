import numpy as np
import pytest

from mbgd_lib.instruments.statistics import (
    bootstrap_interval,
    estimate,
    loglog_slope,
    mean_ratio,
    paired_ratio,
    reliability,
    wilson_interval,
)

# --- intervals of what was measured ---


def test_the_bootstraps_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(loc=3, scale=2, size=400)
    low, high = bootstrap_interval(values, resamples=20_000)
    half = 1.96 * values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - half, abs=0.01)
    assert high == pytest.approx(values.mean() + half, abs=0.01)


def test_the_bootstraps_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(2)
    inside = []
    for seed in range(150):
        low, high = bootstrap_interval(
            rng.exponential(size=80), coverage=0.8, resamples=100, seed=seed
        )
        inside.append(low <= 1 <= high)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.08)


def test_a_sample_of_many_columns_has_an_interval_for_each():
    runs = np.random.default_rng(3).normal(size=(50, 4))
    ends = bootstrap_interval(runs)
    assert ends.shape == (2, 4)
    assert (ends[0] < runs.mean(axis=0)).all()
    assert (runs.mean(axis=0) < ends[1]).all()
    np.testing.assert_allclose(ends[:, 2], bootstrap_interval(runs[:, 2]))  # the same draws


def test_columns_of_one_sample_stay_together_and_samples_do_not():
    rng = np.random.default_rng(4)
    shared = rng.normal(size=200)
    first, second = shared + 0.01 * rng.normal(size=200), shared
    paired = bootstrap_interval(
        np.column_stack([first, second]), statistic=lambda p: p[:, 0].mean() - p[:, 1].mean()
    )
    apart = bootstrap_interval(first, second, statistic=lambda a, b: a.mean() - b.mean())
    assert np.ptp(apart) > 50 * np.ptp(paired)
    # The variances of independent means add up.
    assert np.ptp(apart) == pytest.approx(np.sqrt(2) * np.ptp(bootstrap_interval(shared)), rel=0.1)


def test_samples_may_differ_in_length_and_hold_infinity():
    steps, others = [10.0, np.inf, 12.0, 11.0, 9.0], [20.0, 21.0]
    low, high = bootstrap_interval(
        steps, others, statistic=lambda a, b: np.median(b) / np.median(a), coverage=0.5
    )
    assert 20 / 12 <= low <= high <= 21 / 9


def test_the_seed_decides_the_draws():
    values = [1.0, 2.0, 4.0, 8.0]
    first, again = (bootstrap_interval(values, resamples=9).tolist() for _ in range(2))
    assert first == again
    assert first != bootstrap_interval(values, resamples=9, seed=1).tolist()
    rng = np.random.default_rng(0)
    assert first == bootstrap_interval(values, resamples=9, seed=rng).tolist()
    assert first != bootstrap_interval(values, resamples=9, seed=rng).tolist()  # it went on


@pytest.mark.parametrize(
    ("samples", "options", "error", "message"),
    [
        ((), {}, TypeError, "needs at least one sample"),
        (([],), {}, ValueError, r"sample 1 must hold at least one value, not the shape \(0,\)"),
        (([1.0], 2.0), {}, ValueError, r"sample 2 must hold at least one value, not the shape"),
        (([1.0], [np.nan]), {}, ValueError, "sample 2 must not hold NaN"),
        (([1.0], np.mean), {}, TypeError, "sample 2 must hold real numbers, not object"),
        (([1.0],), {"coverage": 95}, ValueError, "coverage must be between 0 and 1, not 95"),
        (([1.0],), {"coverage": 1.0}, ValueError, "coverage must be between 0 and 1, not 1.0"),
        (([1.0],), {"resamples": 0}, ValueError, "resamples must be at least 1, not 0"),
        (([1.0],), {"seed": -1}, ValueError, "seed must be a whole number at least 0"),
    ],
)
def test_the_bootstrap_refuses(samples, options, error, message):
    with pytest.raises(error, match=message):
        bootstrap_interval(*samples, **options)


# --- power laws ---


@pytest.mark.parametrize("power", [-2.0, 0.0, 0.5, 3.0])
def test_the_slope_of_a_power_law_is_its_exponent(power):
    x = np.array([0.001, 0.01, 0.3, 7.0])
    assert loglog_slope(x, 5 * x**power) == pytest.approx(power, abs=1e-12)


def test_the_slope_of_many_runs_is_that_of_their_mean():
    rng = np.random.default_rng(5)
    x = np.arange(1, 6)
    runs = rng.exponential(size=(30, 5)) / x
    assert loglog_slope(x, runs) == loglog_slope(x, runs.mean(axis=0))
    assert loglog_slope(x, runs) != pytest.approx(np.mean([loglog_slope(x, r) for r in runs]))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1, 2], [1, 2, 3], r"y must have the shape \(2,\) or \(runs, 2\), not \(3,\)"),
        ([1, 2], np.ones((0, 2)), r"y must have the shape \(2,\) or \(runs, 2\), not \(0, 2\)"),
        ([1, 2], 3.0, r"y must have the shape \(2,\) or \(runs, 2\), not \(\)"),
        ([0, 2], [1, 2], "x must be above 0, but holds 0"),
        ([1, 2], [1, -2], "y must be above 0, but holds -2"),
        ([2, 2], [1, 2], r"x must hold two different values at least, not \[2.0, 2.0\]"),
        ([1, np.inf], [1, 2], "x must be finite, but holds inf"),
    ],
)
def test_no_slope_where_there_are_no_logarithms(x, y, message):
    with pytest.raises(ValueError, match=message):
        loglog_slope(x, y)


# --- predictions ---


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (185, 200), (1775, 2000), (7, 7)])
def test_wilsons_ends_are_their_own_deviations_away(hits, n):
    share, z = hits / n, 1.96
    for end in wilson_interval(hits, n):
        if 0 < end < 1:
            assert abs(share - end) == pytest.approx(z * np.sqrt(end * (1 - end) / n))


def test_wilsons_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    for share in (0.05, 0.5, 0.885, 0.99):
        ends = [wilson_interval(int(hits), 200) for hits in rng.binomial(200, share, size=2000)]
        assert np.mean([low <= share <= high for low, high in ends]) == pytest.approx(
            0.95, abs=0.03
        )


def test_wilsons_interval_stays_between_0_and_1_and_shrinks():
    assert wilson_interval(0, 5)[0] == 0
    assert wilson_interval(5, 5)[1] == 1
    few, many = wilson_interval(9, 10), wilson_interval(900, 1000)
    assert few[1] - few[0] > 5 * (many[1] - many[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 0), "n must be at least 1, not 0"),
        ((4, 3), "hits must be from 0 to 3, not 4"),
        ((-1, 3), "hits must be from 0 to 3, not -1"),
    ],
)
def test_wilson_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        wilson_interval(*arguments)


def test_wilson_refuses_no_deviations():
    with pytest.raises(ValueError, match="deviations must be a finite number above 0"):
        wilson_interval(1, 2, deviations=0)


def test_reliability_of_a_calibrated_forecast():
    rng = np.random.default_rng(1)
    said = rng.uniform(0.3, 1, size=50_000)
    found = reliability(said, rng.uniform(size=50_000) < said, groups=10)
    assert found.error < 0.01
    assert np.abs(found.said - found.found).max() < 0.02
    assert found.rows.tolist() == [5000] * 10
    assert (found.low < found.found).all()
    assert (found.found < found.high).all()
    assert (np.diff(found.said) > 0).all()


def test_reliability_sees_overconfidence():
    rng = np.random.default_rng(2)
    said = rng.uniform(0.5, 1, size=20_000)
    found = reliability(said, rng.uniform(size=20_000) < said - 0.1)
    assert found.error == pytest.approx(0.1, abs=0.01)


def test_reliability_weighs_groups_by_rows():
    found = reliability([0.5, 0.5, 1.0], [True, True, True], groups=2)
    assert found.rows.tolist() == [2, 1]
    assert found.error == pytest.approx(1 / 3)


def test_reliability_refuses():
    with pytest.raises(ValueError, match=r"right must have the shape \(2,\), not \(3,\)"):
        reliability([0.5, 0.6], [True, False, True])
    with pytest.raises(ValueError, match="groups must be from 1 to 2, not 3"):
        reliability([0.5, 0.6], [True, False], groups=3)


@pytest.mark.parametrize("wrong", [1.5, -0.01, 3])
def test_a_confidence_is_a_probability(wrong):
    with pytest.raises(ValueError, match=f"confidences must be from 0 to 1, but holds {wrong}"):
        reliability([0.5, wrong], [True, False], groups=1)


def test_no_labels_for_right_and_wrong():
    with pytest.raises(TypeError, match="right must hold True and False, not int64"):
        reliability([0.5, 0.6, 0.7, 1.0], np.array([3, 8, 0, 1], dtype=np.int64), groups=1)
    with pytest.raises(TypeError, match="right must hold True and False, not float64"):
        reliability([0.0, 1.0], [0.0, 1.0], groups=1)


def test_an_estimate_is_the_statistic_with_its_bootstrap_interval():
    rng = np.random.default_rng(0)
    one, other = rng.uniform(2, 3, size=(20, 2)), rng.uniform(1, 2, size=(30, 2))

    value, ends = estimate(one, other, statistic=mean_ratio)

    np.testing.assert_array_equal(value, one.mean(axis=0) / other.mean(axis=0))
    np.testing.assert_array_equal(ends, bootstrap_interval(one, other, statistic=mean_ratio))
    assert np.all(ends[0] < value)
    assert np.all(value < ends[1])


def test_an_estimate_refuses_what_the_bootstrap_refuses():
    with pytest.raises(ValueError, match="sample 2 must not hold NaN"):
        estimate([1.0], [np.nan], statistic=mean_ratio)


def test_pairs_that_agree_have_a_sharp_ratio():
    rng = np.random.default_rng(0)
    one = rng.lognormal(size=50)
    noisy = 2 * one * rng.uniform(0.99, 1.01, size=50)

    ratio, paired = paired_ratio(noisy, one)
    unpaired = bootstrap_interval(noisy, one, statistic=mean_ratio)

    assert ratio == noisy.mean() / one.mean()
    assert paired[0] < 2 < paired[1]
    assert np.ptp(paired) < np.ptp(unpaired) / 20


def test_pairs_need_a_partner():
    with pytest.raises(ValueError, match="same shape"):
        paired_ratio([1.0, 2.0], [1.0])
