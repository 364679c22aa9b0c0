import numpy as np
import pytest

from mbgd_lib import DoubleWell, LeastSquares, Softmax, TrigonometricSurface, descend
from mbgd_lib.data import noisy_regression
from mbgd_lib.instruments.escapes import ends_of_runs, nearest, settle, steps_to_cross

BOUNDS = (-100, 100)


@pytest.fixture(scope="module")
def rows():
    return noisy_regression(noise=5, bias=2)


@pytest.fixture(scope="module")
def surface(rows):
    return TrigonometricSurface(*rows)


@pytest.fixture(scope="module")
def single(rows):
    X, y = rows
    return TrigonometricSurface(X.astype(np.float32), y.astype(np.float32))


def starts(seeds, each, seed=0):
    return np.random.default_rng(seed).uniform(-50, 50, size=(seeds, each, 2))


# --- the runs are those of descend ---


@pytest.mark.parametrize("batch_size", [1, 7, 50, 1000])
def test_runs_are_those_of_descend(surface, single, batch_size):
    steps = {1: 60, 7: 200, 50: 70, 1000: 30}[batch_size]  # within an epoch, and beyond it
    settings = {"learning_rate": 0.01, "batch_size": batch_size, "bounds": BOUNDS}
    begin, seeds = starts(3, 4), [5, 6, [7, 8]]
    ours = ends_of_runs(surface, begin, steps=steps, seeds=seeds, **settings)
    fast = ends_of_runs(single, begin, steps=steps, seeds=seeds, **settings)

    epochs = -(-steps * batch_size // 1000) + 1
    for i, seed in enumerate(seeds):
        for j in range(4):
            options = {"epochs": epochs, "seed": seed, "record_path": True, **settings}
            expected = descend(surface, begin[i, j], **options).path[steps]
            np.testing.assert_allclose(ours[i, j], expected, atol=1e-9)
            np.testing.assert_allclose(fast[i, j], expected, atol=2e-3)
    assert fast.dtype == np.float32
    assert ours.dtype == np.float64


def test_runs_without_intercept_and_with_several_features():
    rng = np.random.default_rng(0)
    objective = LeastSquares(rng.normal(size=(20, 3)), rng.normal(size=20), intercept=False)
    begin = rng.normal(size=(2, 1, 3))
    settings = {"learning_rate": 0.1, "batch_size": 6}  # the last batch has two rows
    ends = ends_of_runs(objective, begin, steps=8, seeds=[0, 1], **settings)
    for i in range(2):
        expected = descend(objective, begin[i, 0], epochs=2, seed=i, **settings).weights
        np.testing.assert_allclose(ends[i, 0], expected, atol=1e-12)


def test_the_starts_are_not_changed(single):
    begin = starts(1, 2)
    before = begin.copy()
    settings = {"learning_rate": 0.01, "batch_size": 50, "steps": 3, "seeds": [0]}
    ends_of_runs(single, begin, **settings)
    settle(single, begin, learning_rate=0.03, max_steps=3)
    np.testing.assert_array_equal(begin, before)


def test_diverged_runs_end_at_nan_without_a_warning(surface):
    settings = {"learning_rate": 9.0, "batch_size": 1, "steps": 900, "seeds": [0]}
    assert np.isnan(ends_of_runs(surface, [[[50.0, 50.0]]], **settings)).any()


# --- settle ---


def test_settle_ends_where_descend_ends(surface, single):
    begin = starts(1, 12)[0]
    ends = settle(single, begin, learning_rate=0.03, bounds=BOUNDS, tolerance=0.01)
    for start, end in zip(begin, ends, strict=True):
        run = descend(surface, start, learning_rate=0.03, epochs=3000, bounds=BOUNDS)
        assert np.linalg.norm(run.weights - end) < 0.2


def test_settle_stops_where_the_gradient_is_below_the_tolerance(surface):
    ends = settle(surface, starts(1, 30)[0], learning_rate=0.03, bounds=BOUNDS, tolerance=0.1)
    inside = np.abs(ends).max(axis=1) < 100
    assert inside.sum() > 20
    for end in ends[inside]:
        assert np.abs(surface.gradient(end)).max() < 0.1


def test_settle_makes_no_more_than_max_steps(surface):
    begin = starts(1, 3)[0]
    ends = settle(surface, begin, learning_rate=0.01, max_steps=7)
    for start, end in zip(begin, ends, strict=True):
        expected = descend(surface, start, learning_rate=0.01, epochs=7).weights
        np.testing.assert_allclose(end, expected, atol=1e-9)


def test_settle_keeps_the_shape(single):
    assert settle(single, np.zeros((2, 3, 2)), learning_rate=0.03, max_steps=2).shape == (2, 3, 2)


# --- nearest ---


def test_nearest_names_the_nearest_or_none():
    places = [[0.0, 0.0], [10.0, 0.0]]
    weights = [[[1.0, 0.0], [6.0, 0.0]], [[5.0, 4.0], [np.nan, 0.0]]]
    np.testing.assert_array_equal(nearest(weights, places, radius=5), [[0, 1], [2, 2]])


# --- the double well ---


@pytest.mark.parametrize("order", ["with_replacement", "reshuffle"])
def test_crossings_are_those_of_runs_alone(order):
    tilts = 1.5 * np.array([3.0, -1.0, -4.0, 2.0, 5.0])
    settings = {"learning_rate": 0.1, "batch_size": 2, "order": order}
    found = steps_to_cross(tilts, runs=20, max_steps=400, seed=4, **settings)
    assert len(set(found)) > 3
    for steps, seed in zip(found, np.random.default_rng(4).spawn(20), strict=True):
        path = descend(
            DoubleWell(tilts[:, None]), [-1.0], steps=400, seed=seed, record_path=True, **settings
        ).path[:, 0]
        assert steps == next(iter(np.flatnonzero(path >= 1)), 401)


def test_without_noise_nobody_crosses():
    settings = {"learning_rate": 0.1, "runs": 3, "max_steps": 200, "order": "reshuffle"}
    tilts = np.array([9.0, -9.0, 5.0, -5.0])
    assert (steps_to_cross(tilts, batch_size=4, seed=0, **settings) == 201).all()
    assert (steps_to_cross(np.zeros(4), batch_size=1, seed=0, **settings) == 201).all()


def test_giving_up_is_exact():
    tilts = np.random.default_rng(0).normal(size=100) * 3
    settings = {"learning_rate": 0.05, "batch_size": 1, "runs": 50, "seed": 3}
    long = steps_to_cross(tilts, max_steps=100_000, **settings)
    short = steps_to_cross(tilts, max_steps=150, **settings)
    assert long.max() <= 100_000
    assert short.max() == 151
    assert 0 < (short == 151).sum() < 50
    np.testing.assert_array_equal(short, np.minimum(long, 151))


def test_reshuffled_kicks_of_an_epoch_cancel():
    """In a flat enough place an epoch leaves nothing: a valley is left far later."""
    tilts = np.tile([3.0, -3.0], 10)
    settings = {"learning_rate": 0.02, "batch_size": 1, "runs": 60, "max_steps": 40_000}
    drawn = steps_to_cross(tilts, seed=0, **settings)
    shuffled = steps_to_cross(tilts, seed=0, order="reshuffle", **settings)
    assert shuffled.mean() > 3 * drawn.mean()


# --- what is refused ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"starts": np.zeros((2, 2))}, "starts"),
        ({"starts": np.zeros((1, 2, 3))}, "2 weights"),
        ({"starts": np.full((1, 1, 2), np.nan)}, "starts"),
        ({"seeds": [0, 1]}, "2 seeds"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 1001}, "batch_size"),
        ({"bounds": (1, -1)}, "bounds"),
    ],
)
def test_bad_runs_are_refused(surface, change, message):
    settings = {"starts": np.zeros((1, 1, 2)), "learning_rate": 0.01, "batch_size": 50}
    settings |= {"steps": 2, "seeds": [0], **change}
    with pytest.raises((ValueError, TypeError), match=message):
        ends_of_runs(surface, settings.pop("starts"), **settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": np.zeros(3)}, "2 weights"),
        ({"learning_rate": -1}, "learning_rate"),
        ({"tolerance": 0}, "tolerance"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_bad_settling_is_refused(surface, change, message):
    settings = {"weights": np.zeros(2), "learning_rate": 0.01, **change}
    with pytest.raises(ValueError, match=message):
        settle(surface, settings.pop("weights"), **settings)


def test_a_loss_of_several_scores_is_refused():
    objective = Softmax([[0.0], [1.0], [2.0]], [0, 1, 2])
    with pytest.raises(ValueError, match="one score per row"):
        settle(objective, np.zeros((2, 3)), learning_rate=0.1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tilts": [[1.0]]}, "tilts"),
        ({"order": "sorted"}, "order"),
        ({"batch_size": 4}, "batch_size"),
        ({"runs": 0}, "runs"),
        ({"max_steps": 0}, "max_steps"),
    ],
)
def test_bad_crossings_are_refused(change, message):
    settings = {"tilts": [1.0, 2.0, 3.0], "learning_rate": 0.1, "batch_size": 1, "runs": 1}
    settings |= {"max_steps": 5, **change}
    with pytest.raises(ValueError, match=message):
        steps_to_cross(settings.pop("tilts"), **settings)


def test_a_radius_is_positive():
    with pytest.raises(ValueError, match="radius"):
        nearest([[0.0]], [[0.0]], radius=0)
