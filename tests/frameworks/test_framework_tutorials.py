"""The tutorials' Keras and PyTorch halves: what their pages quote is what the frameworks give.

Keras and PyTorch measure here what the pages compute by hand.
"""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split

from mbgd_lib.instruments.worlds import seeds

# Keras's own, where it hands arrays to JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def split():
    X, y = make_regression(n_samples=1000, n_features=1, noise=20, random_state=42)
    return train_test_split(X, y, test_size=0.2, random_state=42)


def compiled(keras):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    return model


def test_the_printed_training_loss_is_not_that_of_the_epochs_end(split):
    import keras

    X, X_test, y, y_test = split
    keras.utils.set_random_seed(seeds(0, 1, first=5000)[0])
    model = compiled(keras)
    told = model.fit(X, y, batch_size=32, validation_data=(X_test, y_test), verbose=0).history
    found = {
        "fit_first": told["loss"][0],
        "val_first": model.evaluate(X_test, y_test, verbose=0),
        "now_first": model.evaluate(X, y, verbose=0),
    }
    glued = glued_numbers("tutorials/001_make_regression")
    for name, value in found.items():
        assert value == pytest.approx(number(glued[name]), abs=0.6)


def test_one_step_of_keras_is_twice_that_of_the_numpy_half(split):
    import keras

    X, _, y, _ = split
    model = compiled(keras)
    kernel, bias = model.get_weights()
    error = X[:32, 0] * kernel[0, 0] + bias[0] - y[:32]
    model.train_on_batch(X[:32], y[:32])
    moved = [new - old for new, old in zip(model.get_weights(), (kernel, bias), strict=True)]
    of_numpy = -0.01 * np.array([np.mean(error * X[:32, 0]), np.mean(error)])
    np.testing.assert_allclose(np.ravel(np.concatenate(moved, None)), 2 * of_numpy, rtol=1e-4)


def test_the_printed_loss_of_the_pytorch_half_rises_again_and_again():
    """On other seeds, with the last batch's loss taken by PyTorch itself."""
    import torch

    stream = np.random.RandomState(42)
    x = 2 * stream.rand(1000, 1)
    y = 3.5 * x + 1.2 + 0.5 * stream.randn(1000, 1)
    X, y = (torch.tensor(array, dtype=torch.float32) for array in (x, y))
    points = torch.utils.data.TensorDataset(X, y)
    rises = []
    for seed in range(900, 910):
        torch.manual_seed(seed)
        loader = torch.utils.data.DataLoader(points, batch_size=64, shuffle=True)
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        printed = []
        for _ in range(20):
            for batch in loader:
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(batch[0]), batch[1])
                loss.backward()
                optimizer.step()
            printed.append(loss.item())
        rises.append(100 * np.mean(np.diff(printed) > 0))
    glued = glued_numbers("tutorials/004_points_around_a_line")
    assert number(glued["rises"]) == pytest.approx(np.mean(rises), abs=8)
    assert len(batch[0]) == 40
