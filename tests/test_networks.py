"""The network with one hidden layer; PyTorch is an oracle of it in tests/frameworks."""

from itertools import product

import numpy as np
import pytest

from mbgd_lib import Network, Softmax, check_gradient, descend
from mbgd_lib.objectives import softmax

ROWS, FEATURES, HIDDEN, CLASSES = 20, 5, 4, 3
KINDS = list(product(("tanh", "relu"), ("softmax", "squares")))


@pytest.fixture(params=KINDS, ids="-".join)
def net(request):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(ROWS, FEATURES)), rng.integers(CLASSES, size=ROWS)
    activation, loss = request.param
    return Network(X, y, HIDDEN, activation=activation, loss=loss, n_classes=CLASSES)


def some_weights(net, *runs):
    return np.random.default_rng(1).normal(size=(*runs, *net.weights_shape))


def test_its_gradient_is_right(net):
    assert check_gradient(net, some_weights(net)) < 1e-7


def test_its_loss_is_the_mean_of_what_the_definition_says(net):
    weights = some_weights(net)
    V, a, W, b = np.split(weights, np.cumsum([20, 4, 12]))
    losses = []
    for x, label in zip(net.X, net.y, strict=True):
        sums = x @ V.reshape(5, 4) + a
        active = np.tanh(sums) if net.activation == "tanh" else np.where(sums > 0, sums, 0)
        scores = active @ W.reshape(4, 3) + b
        if net.loss == "softmax":
            losses.append(-np.log(softmax(scores)[label]))
        else:
            losses.append(np.sum((scores - np.eye(3)[label]) ** 2) / 2)
        rows = np.array([len(losses) - 1])
        assert net.value(weights, rows) == pytest.approx(losses[-1], rel=1e-12)
        np.testing.assert_allclose(net.scores(weights, rows), [scores], rtol=1e-12)
    assert net.value(weights) == pytest.approx(np.mean(losses), rel=1e-12)


def test_several_runs_at_once_are_those_one_by_one(net):
    weights = some_weights(net, 6)
    rows = np.random.default_rng(2).integers(ROWS, size=(6, 7))
    pairs = list(zip(weights, rows, strict=True))
    np.testing.assert_allclose(net.gradients(weights, rows), [net.gradient(*p) for p in pairs])
    np.testing.assert_allclose(net.values(weights, rows), [net.value(*p) for p in pairs])
    np.testing.assert_allclose(net.values(weights), [net.value(w) for w in weights])
    np.testing.assert_allclose(net.gradients(weights), [net.gradient(w) for w in weights])


def test_seeds_side_by_side_end_where_each_ends(net):
    starts = [net.start(seed) for seed in (3, 4)]
    settings = {"learning_rate": 0.1, "batch_size": 6, "epochs": 3}
    together = descend(net, starts, seeds=[3, 4], **settings).weights
    alone = [
        descend(net, s, seed=i, **settings).weights for s, i in zip(starts, (3, 4), strict=True)
    ]
    np.testing.assert_allclose(together, alone, rtol=1e-10)


def test_without_an_effect_of_the_features_it_is_softmax_regression_of_a_constant():
    y = [0, 1, 1, 2]
    net, flat = Network(np.zeros((4, 2)), y, 3), Softmax(np.zeros((4, 2)), y)
    weights = net.start(0)
    assert net.value(weights) == pytest.approx(flat.value(np.zeros((3, 3))))
    np.testing.assert_allclose(net.gradient(weights)[-3:], flat.gradient(np.zeros((3, 3)))[0])


def test_it_keeps_float32(net):
    weights = some_weights(net).astype(np.float32)
    net = Network(net.X.astype(np.float32), net.y, HIDDEN, n_classes=CLASSES)
    assert net.gradient(weights).dtype == net.scores(weights).dtype == np.float32
    assert net.start(0, np.float32).dtype == np.float32
    whole_numbers = Network(np.arange(6).reshape(3, 2), [0, 1, 2], HIDDEN)
    start = whole_numbers.start(0, np.float32)
    assert whole_numbers.gradient(start).dtype == np.float32


@pytest.mark.parametrize(("activation", "square"), [("tanh", 1.0), ("relu", 1.0)])
def test_its_start_keeps_activations_of_one_size(activation, square):
    """The mean square of what a unit is given, and for ReLU of what it passes on, doubled."""
    X = np.random.default_rng(0).normal(size=(500, 400))
    net = Network(X, np.zeros(500), 300, activation=activation)
    V, a, W, b = np.split(net.start(1), np.cumsum([400 * 300, 300, 300 * 2]))
    sums = X @ V.reshape(400, 300)
    active = np.maximum(sums, 0) if activation == "relu" else sums
    assert (active**2).mean() == pytest.approx(square, rel=0.05)
    assert np.var(W) * 300 == pytest.approx(1, rel=0.2)
    assert not a.any()
    assert not b.any()
    np.testing.assert_array_equal(net.start(1), net.start(1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": [[1.0], [2.0]]}, "X has 2, y has 3"),
        ({"X": np.zeros((0, 1)), "y": []}, "X has 0, y has 0"),
        ({"y": [0, 1, 5]}, "labels from 0 to 2, but holds 5"),
        ({"hidden": 0}, "hidden"),
        ({"activation": "sine"}, "activation must be one of 'tanh', 'relu', not 'sine'"),
        ({"loss": "hinge"}, "loss must be one of 'softmax', 'squares', not 'hinge'"),
        ({"n_classes": 1}, "n_classes"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"X": [[1.0], [2.0], [3.0]], "y": [0, 1, 2], "n_classes": 3} | change
    with pytest.raises(ValueError, match=message):
        Network(given.pop("X"), given.pop("y"), **given)


@pytest.mark.parametrize(
    ("method", "shape", "rows", "message"),
    [
        ("value", (3,), None, r"weights must have the shape \(39,\), not \(3,\)"),
        ("gradients", (39,), None, r"\(runs, 39,\), not \(39,\)"),
        ("gradient", (39,), [], "rows must name at least one row"),
        ("values", (2, 39), [0], "rows must have 2 dimension"),
        ("gradient", (39,), [0.5], "rows must hold whole numbers"),
    ],
)
def test_bad_weights_and_rows_are_named(net, method, shape, rows, message):
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(net, method)(np.zeros(shape), None if rows is None else np.array(rows))
