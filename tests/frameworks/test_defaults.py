"""What PyTorch's `DataLoader` and Keras's `Model.fit` do unless told otherwise, as chapter 4 says.

A version that changes a default makes these fail, and the chapter's table wrong.
"""

from __future__ import annotations

import inspect
from itertools import chain

import numpy as np
import pytest

from mbgd_lib import LeastSquares, descend

# Keras's own, where it hands arrays to JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

N, BATCH_SIZE = 103, 32  # three batches of 32 and one of 7


def rows_to_learn():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((N, 2)).astype(np.float32)
    y = (X @ np.array([1, -2]) + 3 + rng.standard_normal(N)).astype(np.float32)
    in_order = np.argsort(y)
    return X[in_order], y[in_order]


def joined(batches):
    return list(chain.from_iterable(batches))


# --- PyTorch ---


def loader(**options):
    import torch

    rows = torch.utils.data.TensorDataset(torch.arange(N))
    return torch.utils.data.DataLoader(rows, **options)


def rows_of(loader):
    return [batch[0].tolist() for batch in loader]


def test_pytorch_serves_single_rows_in_the_stored_order():
    assert rows_of(loader()) == [[row] for row in range(N)]


def test_pytorch_does_not_shuffle_and_keeps_the_last_batch():
    unshuffled = loader(batch_size=BATCH_SIZE)
    for _ in range(2):
        batches = rows_of(unshuffled)
        assert [len(rows) for rows in batches] == [32, 32, 32, 7]
        assert joined(batches) == list(range(N))


def test_pytorch_reshuffles_in_each_epoch_if_asked():
    import torch

    shuffled = loader(batch_size=BATCH_SIZE, shuffle=True, generator=torch.Generator())
    first, second = (joined(rows_of(shuffled)) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(N))
    assert first != second
    assert first != list(range(N))


def test_pytorch_drops_the_last_batch_if_asked():
    batches = rows_of(loader(batch_size=BATCH_SIZE, drop_last=True))
    assert [len(rows) for rows in batches] == [32, 32, 32]


def test_a_distributed_sampler_keeps_one_order_until_it_is_told_the_epoch():
    import torch

    sampler = torch.utils.data.DistributedSampler(range(N), num_replicas=2, rank=0)
    first, second = list(sampler), list(sampler)
    assert first == second
    assert first != sorted(first), "it shuffles, but once"
    sampler.set_epoch(1)
    assert list(sampler) != first


def test_a_distributed_sampler_fills_up_with_rows_used_before():
    import torch

    of_ranks = [
        list(torch.utils.data.DistributedSampler(range(N), num_replicas=2, rank=rank))
        for rank in (0, 1)
    ]
    assert [len(rows) for rows in of_ranks] == [52, 52]
    assert len(set(joined(of_ranks))) == N


# --- Keras ---


def keras_epochs(epochs, **options):
    """Return the rows of each epoch's batches, from the targets that the loss is given."""
    import jax
    import keras

    seen = []

    def note(y_true):
        seen.append(np.asarray(y_true).astype(int).ravel().tolist())

    def loss(y_true, y_pred):
        jax.debug.callback(note, y_true, ordered=True)  # the loss itself is compiled
        return keras.ops.mean((y_true - y_pred) ** 2)

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss=loss)
    numbers = np.arange(N, dtype=np.float32)[:, None]
    model.fit(numbers, numbers, epochs=epochs, verbose=0, **options)
    jax.effects_barrier()
    assert len(seen) == 4 * epochs
    return [seen[4 * e : 4 * e + 4] for e in range(epochs)]


def test_keras_reshuffles_in_each_epoch_and_keeps_the_last_batch():
    first, second = keras_epochs(2)
    for epoch in (first, second):
        assert [len(rows) for rows in epoch] == [32, 32, 32, 7]  # 32 is its default
        assert sorted(joined(epoch)) == list(range(N))
    assert joined(first) != list(range(N))
    assert joined(first) != joined(second)


def test_keras_takes_the_stored_order_if_asked():
    for epoch in keras_epochs(2, shuffle=False):
        assert joined(epoch) == list(range(N))


def test_keras_signature():
    import keras

    defaults = inspect.signature(keras.Model.fit).parameters
    assert defaults["shuffle"].default is True
    assert defaults["batch_size"].default is None


def batches_of_a_pydataset(epochs, **options):
    """Return the numbers of the batches that `fit` takes from four, for each epoch."""
    import jax
    import keras

    class Numbers(keras.utils.PyDataset):
        def __len__(self):
            return 4

        def __getitem__(self, number):
            rows = np.full((3, 1), number, dtype=np.float32)
            return rows, rows

    seen = []

    def loss(y_true, y_pred):
        jax.debug.callback(lambda y: seen.append(int(y[0, 0])), y_true, ordered=True)
        return keras.ops.mean((y_true - y_pred) ** 2)

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss=loss)
    model.fit(Numbers(workers=1), epochs=epochs, verbose=0, **options)
    jax.effects_barrier()
    return [seen[first : first + 4] for first in range(0, 4 * epochs, 4)]


def test_keras_shuffles_the_batches_of_a_pydataset():
    """Whatever its documentation says."""
    orders = batches_of_a_pydataset(5)
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
    assert len({tuple(order) for order in orders}) > 1
    assert batches_of_a_pydataset(3, shuffle=False) == [[0, 1, 2, 3]] * 3


def keras_line(learning_rate):
    import keras

    dense = keras.layers.Dense(1, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((2,)), dense])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate), loss="mse")
    return model


def test_keras_unshuffled_is_our_sequential_order():
    X, y = rows_to_learn()
    model = keras_line(0.05)
    model.fit(X, y, epochs=3, shuffle=False, verbose=0)
    slopes, intercept = model.get_weights()
    settings = {"learning_rate": 0.1, "batch_size": 32, "epochs": 3, "order": "sequential"}
    ours = descend(LeastSquares(X, y), np.zeros(3, np.float32), **settings).weights
    np.testing.assert_allclose([*intercept, *slopes[:, 0]], ours, rtol=0, atol=1e-5)


def test_keras_weighs_the_losses_of_batches_by_their_rows():
    X, y = rows_to_learn()  # sorted by target: the last batch has the largest losses
    reported = keras_line(0.0).fit(X, y, shuffle=False, verbose=0).history["loss"][0]
    losses = y**2
    of_batches = np.mean([losses[i : i + 32].mean() for i in range(0, N, 32)])
    assert reported == pytest.approx(losses.mean(), rel=1e-5)
    assert abs(of_batches / losses.mean() - 1) > 0.05, "else the test could not tell them apart"
