import numpy as np
import pytest

from mbgd_lib.instruments.statistics import reliability, wilson_interval


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
