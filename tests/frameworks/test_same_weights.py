"""Fed the same batches, the frameworks' plain SGD ends at our weights, to rounding.

Three epochs of 203 rows in batches of 32, so that each epoch ends in a batch of 11; the rows
come in the order of `minibatches`, a new one each epoch. Where a framework's squared error has
no half in front, its learning rate is half of ours.

`make test-frameworks` runs these; where a framework is missing they fail rather than skip.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mbgd_lib import Adam, LeastSquares, Momentum, Nesterov, Network, Softmax, descend, minibatches

# Keras's own, where it hands arrays to JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

N, D, CLASSES, BATCH_SIZE, EPOCHS, SEED = 203, 5, 4, 32, 3, 0
LEARNING_RATE = 0.1
# Forty roundings of weights between 1 and 2; a lost row would be 1e-2.
TOLERANCE = {"float64": 1e-14, "float32": 5e-6}
# Keras on JAX takes every mean in float32, that of a squared error in float64 too.
TOLERANCE_OF_KERAS_MEANS = {"float64": 1e-8, "float32": 5e-6}

both_types = pytest.mark.parametrize("dtype", ["float64", "float32"])


def rows_to_learn(dtype):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((N, D)).astype(dtype)
    y = (X @ rng.standard_normal(D) + 2 + rng.standard_normal(N)).astype(dtype)
    labels = (X @ rng.standard_normal((D, CLASSES))).argmax(axis=1)
    return X, y, labels


def batches():
    return minibatches(N, BATCH_SIZE, epochs=EPOCHS, seed=SEED)


def ours(objective, dtype, **changes):
    settings = {
        "learning_rate": LEARNING_RATE,
        "batch_size": BATCH_SIZE,
        "epochs": EPOCHS,
        "seed": SEED,
    }
    start = np.zeros(objective.weights_shape, dtype)
    return descend(objective, start, **settings | changes).weights


def assert_same(theirs, weights, dtype, tolerance=TOLERANCE):
    theirs = np.asarray(theirs)
    assert theirs.dtype == weights.dtype == dtype
    assert np.abs(weights).max() > 0.3, "the run went nowhere: equality would say nothing"
    np.testing.assert_allclose(theirs, weights, rtol=0, atol=tolerance[dtype])


def test_the_last_batch_is_partial_and_the_order_changes():
    sizes = [len(rows) for rows in batches()]
    assert sizes == [32, 32, 32, 32, 32, 32, 11] * EPOCHS
    first, second = [np.concatenate(list(batches())[7 * e : 7 * e + 7]) for e in (0, 1)]
    assert not np.array_equal(first, np.arange(N))
    assert not np.array_equal(first, second)


# --- PyTorch ---


def pytorch_weights(X, y, outputs, loss, learning_rate, optimizer="SGD", **options):
    import torch

    X, y = torch.from_numpy(X), torch.from_numpy(y)
    model = torch.nn.Linear(D, outputs, dtype=X.dtype)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    optimizer = getattr(torch.optim, optimizer)(model.parameters(), lr=learning_rate, **options)
    for rows in batches():
        index = torch.from_numpy(rows.copy())  # ours are read-only, which PyTorch does not know
        optimizer.zero_grad()
        loss(model(X[index]), y[index]).backward()
        optimizer.step()
    return np.vstack([model.bias.detach().numpy(), model.weight.detach().numpy().T])


@both_types
def test_pytorch_linear_regression(dtype):
    import torch

    X, y, _ = rows_to_learn(dtype)
    theirs = pytorch_weights(X, y[:, None], 1, torch.nn.MSELoss(), LEARNING_RATE / 2)
    assert_same(theirs[:, 0], ours(LeastSquares(X, y), dtype), dtype)


@both_types
def test_pytorch_softmax_regression(dtype):
    import torch

    X, _, labels = rows_to_learn(dtype)
    theirs = pytorch_weights(X, labels, CLASSES, torch.nn.CrossEntropyLoss(), LEARNING_RATE)
    assert_same(theirs, ours(Softmax(X, labels), dtype), dtype)


@both_types
@pytest.mark.parametrize(
    ("rule", "optimizer", "options"),
    [
        (Momentum(0.9), "SGD", {"momentum": 0.9}),
        (Nesterov(0.7), "SGD", {"momentum": 0.7, "nesterov": True}),
        (Adam(), "Adam", {}),
        (Adam(0.5, 0.9, epsilon=1e-3), "Adam", {"betas": (0.5, 0.9), "eps": 1e-3}),
    ],
)
def test_pytorch_rules(dtype, rule, optimizer, options):
    import torch

    X, _, labels = rows_to_learn(dtype)
    rate = 0.03  # with momentum, ten times as far
    loss = torch.nn.CrossEntropyLoss()
    theirs = pytorch_weights(X, labels, CLASSES, loss, rate, optimizer, **options)
    weights = ours(Softmax(X, labels), dtype, learning_rate=rate, update=rule)
    assert_same(theirs, weights, dtype, {"float64": 1e-13, "float32": 2e-5})


@both_types
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize(
    ("loss", "rule"), [("softmax", None), ("squares", None), ("softmax", Adam())]
)
def test_pytorch_network_with_one_hidden_layer(dtype, activation, loss, rule):
    import torch

    X, _, labels = rows_to_learn(dtype)
    net = Network(X, labels, 6, activation=activation, loss=loss, n_classes=CLASSES)
    start = net.start(3, dtype)
    first, last = torch.nn.Linear(D, 6), torch.nn.Linear(6, CLASSES)
    active = {"tanh": torch.nn.Tanh(), "relu": torch.nn.ReLU()}[activation]
    model = torch.nn.Sequential(first, active, last).to(torch.from_numpy(X).dtype)
    # PyTorch keeps a layer's weights with one row for each unit, ours have one column.
    parts = [p.T if p.ndim == 2 else p for p in model.parameters()]
    ends = np.cumsum([part.numel() for part in parts])[:-1]
    with torch.no_grad():
        for part, ours_ in zip(parts, np.split(start, ends), strict=True):
            part.copy_(torch.from_numpy(ours_.reshape(tuple(part.shape)).copy()))
    kind = torch.optim.SGD if rule is None else torch.optim.Adam
    optimizer = kind(model.parameters(), lr=0.01 if rule else LEARNING_RATE)
    wanted = torch.from_numpy(np.eye(CLASSES, dtype=dtype)[labels])
    for rows in batches():
        index = torch.from_numpy(rows.copy())
        optimizer.zero_grad()
        scores = model(torch.from_numpy(X)[index])
        if loss == "softmax":
            cost = torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels)[index])
        else:
            cost = ((scores - wanted[index]) ** 2).sum(axis=1).mean() / 2
        cost.backward()
        optimizer.step()
    theirs = np.concatenate([part.detach().numpy().ravel() for part in parts])
    settings = {"learning_rate": 0.01 if rule else LEARNING_RATE, "update": rule}
    weights = descend(
        net, start, batch_size=BATCH_SIZE, epochs=EPOCHS, seed=SEED, **settings
    ).weights
    assert np.abs(weights - start).max() > 0.03
    assert_same(theirs, weights, dtype)


# --- Keras ---


def keras_weights(X, y, outputs, loss, learning_rate):
    import keras

    dense = keras.layers.Dense(outputs, kernel_initializer="zeros", dtype=str(X.dtype))
    model = keras.Sequential([keras.Input((D,), dtype=str(X.dtype)), dense])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss=loss)
    for rows in batches():
        model.train_on_batch(X[rows], y[rows])
    slopes, intercepts = model.get_weights()
    return np.vstack([intercepts, slopes])


@pytest.fixture
def keras_of(dtype):
    """Keras, whose losses and rates are computed in this type."""
    import keras

    keras.config.dtype_policy()  # made of the type at its first use, and kept: not of this one
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    yield keras
    keras.config.set_floatx(before)


@both_types
def test_keras_linear_regression(dtype, keras_of):
    X, y, _ = rows_to_learn(dtype)
    loss = keras_of.losses.MeanSquaredError()
    theirs = keras_weights(X, y[:, None], 1, loss, LEARNING_RATE / 2)
    assert_same(theirs[:, 0], ours(LeastSquares(X, y), dtype), dtype, TOLERANCE_OF_KERAS_MEANS)


@both_types
def test_keras_softmax_regression(dtype, keras_of):
    X, _, labels = rows_to_learn(dtype)
    loss = keras_of.losses.SparseCategoricalCrossentropy(from_logits=True)
    theirs = keras_weights(X, labels, CLASSES, loss, LEARNING_RATE)
    assert_same(theirs, ours(Softmax(X, labels), dtype), dtype)


# --- JAX ---


def jax_weights(X, y, shape, mean_loss):
    import jax

    def step(weights, rows):
        slope = jax.grad(mean_loss)(weights, X[rows], y[rows])
        return weights - LEARNING_RATE * slope, None

    @jax.jit
    def epoch(weights, whole, rest):
        weights, _ = jax.lax.scan(step, weights, whole)
        return step(weights, rest)[0]

    X, y = jax.numpy.asarray(X), jax.numpy.asarray(y)
    weights = jax.numpy.zeros(shape, X.dtype)
    in_order = list(batches())
    per_epoch = len(in_order) // EPOCHS
    for start, stop in pairwise(range(0, len(in_order) + 1, per_epoch)):
        *whole, rest = in_order[start:stop]
        weights = epoch(weights, np.array(whole), rest)
    return weights


@both_types
def test_jax_linear_regression(dtype):
    X, y, _ = rows_to_learn(dtype)

    def half_mean_square(weights, x, y):
        return ((x @ weights[1:] + weights[0] - y) ** 2).mean() / 2

    assert_same(jax_weights(X, y, D + 1, half_mean_square), ours(LeastSquares(X, y), dtype), dtype)


@both_types
def test_jax_softmax_regression(dtype):
    import jax

    X, _, labels = rows_to_learn(dtype)

    def cross_entropy(weights, x, y):
        logs = jax.nn.log_softmax(x @ weights[1:] + weights[0])
        return -jax.numpy.take_along_axis(logs, y[:, None], axis=1).mean()

    theirs = jax_weights(X, labels, (D + 1, CLASSES), cross_entropy)
    assert_same(theirs, ours(Softmax(X, labels), dtype), dtype)
