"""Chapter 8: its numbers against theory and plain NumPy, and each entry of its two tables.

`test_defaults` has the orders and last batches of the table of defaults. A version that changes
a default makes these fail, and the chapter wrong.
"""

from __future__ import annotations

import inspect
from importlib.metadata import files

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number

from mbgd_lib import LeastSquares, Momentum, Penalised, Softmax, descend, minibatches
from mbgd_lib.data import noisy_line, stored_benchmark
from mbgd_lib.instruments.orders import noise_floor
from mbgd_lib.mnist import load_mnist

# Keras's own, where it hands arrays to JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def glued():
    return glued_numbers("08_frameworks")


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((103, 2))
    return X, X @ np.array([1.0, -2.0]) + 3 + rng.standard_normal(103)


@pytest.fixture
def labelled():
    images, labels = load_mnist("sample")
    return images[:300] / 255, labels[:300]


def linear(keras, width, optimizer, loss="mse", outputs=1):
    dense = keras.layers.Dense(outputs, kernel_initializer="zeros", dtype="float64")
    model = keras.Sequential([keras.Input((width,), dtype="float64"), dense])
    model.compile(optimizer=optimizer, loss=loss)
    return model


def weights_of(model):
    slopes, intercepts = model.get_weights()
    return np.append(intercepts, slopes[:, 0])


def network(kind, **options):
    """scikit-learn's network without a hidden layer, by plain SGD unless told otherwise."""
    from sklearn import neural_network

    settings = {"hidden_layer_sizes": (), "solver": "sgd", "momentum": 0, "alpha": 0}
    return getattr(neural_network, kind)(**settings | options)


# --- The page's numbers ---


def test_partial_fit_moves_row_by_row(glued):
    X, y = noisy_line()
    X, y = np.column_stack([np.ones(40), X[:40, 0]]), y[:40]
    by_rows, by_batch = np.zeros(2), 0.01 * X.T @ y / 40
    for x, target in zip(X, y, strict=True):
        by_rows -= 0.01 * (x @ by_rows - target) * x
    further = np.linalg.norm(by_rows) / np.linalg.norm(by_batch)
    assert number(glued["further"]) == pytest.approx(further, abs=0.51)


def test_fit_reports_a_mean_over_moving_weights(rows):
    import keras

    X, y = rows
    model = linear(keras, 2, keras.optimizers.SGD(0.05))
    told = model.fit(X, y, batch_size=32, shuffle=False, verbose=0).history["loss"][0]
    losses, weights = np.zeros(103), np.zeros(3)
    A = np.column_stack([np.ones(103), X])
    for start in range(0, 103, 32):
        a, target = A[start : start + 32], y[start : start + 32]
        off = a @ weights - target
        losses[start : start + 32] = off**2
        weights = weights - 0.05 * 2 * a.T @ off / len(off)
    np.testing.assert_allclose(weights_of(model), weights, atol=1e-6)
    assert told == pytest.approx(losses.mean(), rel=1e-5)
    at_end = np.mean((A @ weights - y) ** 2)
    assert at_end < 0.9 * told, "else the two could not be told apart"
    assert model.evaluate(X, y, batch_size=32, verbose=0) == pytest.approx(at_end, rel=1e-5)


def test_the_lag_of_the_first_epoch(glued):
    """Our own run of the kind, from zero: another start and order, so only nearly the same."""
    parts = [load_mnist("sample", split=split) for split in ("train", "test")]
    images, labels = map(np.concatenate, zip(*parts, strict=True))
    rows = np.random.default_rng(2).permutation(12_000)[:7000]
    training = Softmax(images[rows] / np.float32(255), labels[rows])
    start = np.zeros(training.weights_shape, np.float32)
    settings = {"learning_rate": 0.1, "batch_size": 32, "epochs": 1, "seed": 0}
    run = descend(training, start, **settings, record_step_losses=True)
    lag = np.mean(run.step_losses) / training.value(run.weights)
    assert number(glued["lag_first"]) == pytest.approx(lag, abs=0.12)
    assert number(glued["lag_first"]) > number(glued["gap_first"])


def test_how_long_keras_coasts(glued):
    """v ← 0.9 v + 0.01 from v = 1; PyTorch's step is 0.1 from the first on."""
    coasting = sum(0.1 + 0.9 * 0.9**step > 0.2 for step in range(1, 41))
    assert number(glued["coasting"]) == coasting


def test_the_decays(glued):
    assert number(glued["left_decoupled"]) == pytest.approx((1 - 0.1 * 0.5) ** 3, abs=0.006)
    assert number(glued["left_coupled"]) == pytest.approx(1 - 3 * 0.1, abs=0.006)


def test_the_lines_of_the_documents(glued):
    """Least squares in which each row weighs what its accumulation gives it."""
    X, y = noisy_line(n=960, seed=43)
    short = np.arange(960) >= 900
    y, A = y + 2 * short, np.column_stack([np.ones(960), X])

    def fit(weights):
        return np.linalg.solve(A.T * weights @ A, A.T * weights @ y)

    alone = fit(np.where(short, 0.0, 1.0))
    middle = A[~short].mean(axis=0)
    for name, weights in (
        ("lifted_right", np.ones(960)),
        ("lifted_wrong", np.where(short, 1 / 2, 1 / 30)),
    ):
        assert number(glued[name]) == pytest.approx((fit(weights) - alone) @ middle, abs=0.15)
    assert number(glued["share_short"]) == round(100 * 60 / 960)


def test_how_noisy_a_mean_of_means_is(glued):
    lengths = np.arange(1, 64)
    of_means = (1 / lengths).mean() / 8
    draws = np.random.default_rng(5).integers(1, 64, size=(20_000, 8))
    ratio = of_means / np.mean(1 / draws.sum(axis=1))
    assert number(glued["noisier_theory"]) == pytest.approx(ratio, abs=0.15)
    assert number(glued["noisier"]) == pytest.approx(ratio, rel=0.15)


def test_the_floors_of_the_last_window(glued):
    X, y = noisy_line()
    line = LeastSquares(X, y)
    floors = {
        kind: noise_floor(line, 0.01, 160, "reshuffle", last_batch=kind)
        for kind in ("keep", "drop", "weigh")
    }
    for name, kind in (("floor_keep", "keep"), ("floor_drop", "drop")):
        ratio = floors[kind] / floors["weigh"]
        assert number(glued[name]) == pytest.approx(ratio, rel=0.3), "the formula is a leading term"


def test_what_accumulation_and_loaders_cost(glued):
    def seconds(name, size):
        sizes, of_steps = stored_benchmark()[name]
        return of_steps[list(sizes).index(size)]

    index, gpu = "PyTorch index batches", "PyTorch on a GPU"
    for quoted, name in (("accumulating", index), ("accumulating_gpu", gpu)):
        ratio = 8 * seconds(name, 32) / seconds(name, 256)
        assert number(glued[quoted]) == pytest.approx(ratio, abs=0.06)
    for size in (32, 256):
        ratio = seconds("PyTorch DataLoader", size) / seconds(index, size)
        assert number(glued[f"loader_{size}"]) == pytest.approx(ratio, abs=0.06)


def test_what_an_installation_takes(glued):
    """From the files that lie there, not from the sizes that the packages list."""
    for name, packages in (
        ("torch_mb", ("torch",)),
        ("keras_mb", ("keras", "jax", "jaxlib")),
        ("sklearn_mb", ("scikit-learn", "scipy")),
    ):
        there = {f.locate() for package in packages for f in files(package)}
        size = sum(p.stat().st_size for p in there if p.is_file() and p.suffix != ".pyc")
        assert number(glued[name]) == pytest.approx(size / 1e6, abs=6)


# --- The table of defaults; orders and last batches are in test_defaults ---


def test_rates_momenta_and_epsilons():
    import keras
    import torch
    from sklearn.neural_network import MLPClassifier

    nothing = [torch.zeros(1)]
    sgd, adam = torch.optim.SGD(nothing).defaults, torch.optim.Adam(nothing).defaults
    assert (sgd["lr"], sgd["momentum"], adam["eps"]) == (0.001, 0, 1e-8)
    rule = keras.optimizers.SGD()
    assert float(rule.learning_rate) == pytest.approx(0.01)
    assert (rule.momentum, keras.optimizers.Adam().epsilon) == (0, 1e-7)
    net = MLPClassifier()
    assert (net.learning_rate_init, net.momentum, net.nesterovs_momentum) == (0.001, 0.9, True)
    assert (net.epsilon, net.shuffle, net.batch_size) == (1e-8, True, "auto")


def test_scikit_learns_batches():
    """200 rows or all if fewer, in a new order; the last batch is kept: seen by the steps."""
    for n, steps in ((90, 1), (450, 3)):
        net = network("MLPRegressor", learning_rate_init=1e-9)
        X = np.random.default_rng(0).standard_normal((n, 1))
        net.partial_fit(X, X[:, 0])
        made = net._optimizer  # counts nothing with SGD; Adam does
        adam = network("MLPRegressor", solver="adam").partial_fit(X, X[:, 0])
        assert adam._optimizer.t == steps, made


def reaches(weights, bound):
    """Uniform up to the bound: none beyond it, some near it."""
    return 0.9 * bound < np.abs(weights).max() < 1.000001 * bound


def test_first_weights():
    import keras
    import torch

    torch.manual_seed(0)
    layer, dense = torch.nn.Linear(784, 10), keras.layers.Dense(10)
    assert reaches(layer.weight.detach().numpy(), 784**-0.5)
    assert 0 < layer.bias.abs().max() < 784**-0.5
    dense.build((None, 784))
    slopes, intercepts = dense.get_weights()
    assert reaches(slopes, (6 / 794) ** 0.5)
    assert not intercepts.any()
    net = network("MLPClassifier", learning_rate_init=1e-12, random_state=0)
    X = np.random.default_rng(0).standard_normal((20, 784))
    net.partial_fit(X, np.arange(20) % 10, classes=np.arange(10))
    assert reaches(net.coefs_[0], (6 / 794) ** 0.5)
    assert 0 < np.abs(net.intercepts_[0]).max() < (6 / 794) ** 0.5


def test_the_half_of_the_squared_error_and_the_mean():
    """One step from zero along the mean gradient: half as far with the ½."""
    import keras
    import torch

    X, y = np.ones((4, 1)), np.ones(4)
    weight = torch.zeros((1, 1), dtype=torch.float64, requires_grad=True)
    torch.nn.MSELoss()(torch.from_numpy(X) @ weight, torch.ones(4, 1)).backward()
    assert weight.grad.item() == pytest.approx(-2)
    model = linear(keras, 1, keras.optimizers.SGD(0.1))
    model.train_on_batch(X, y)
    np.testing.assert_allclose(weights_of(model), 0.2, rtol=1e-6)
    net = network("MLPRegressor", learning_rate_init=0.1).partial_fit(X, y)
    net.coefs_[0][:] = net.intercepts_[0][:] = 0
    net.partial_fit(X, y)
    assert net.coefs_[0].item() == pytest.approx(0.1)
    ours = descend(LeastSquares(X, y), np.zeros(2), learning_rate=0.1, epochs=1).weights
    np.testing.assert_allclose(ours, 0.1)


def lengths_of_steps(rates):
    """Return the lengths of steps on a straight slope, in scikit-learn, ours and Keras."""
    import keras
    from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

    weight = np.zeros(1)
    theirs = SGDOptimizer([weight], 0.1, momentum=0.9, nesterov=False)
    rule, ours = Momentum(0.9), np.zeros(1)
    variable, keras_rule = keras.Variable([0.0]), keras.optimizers.SGD(0.1, momentum=0.9)
    keras_rule.build([variable])
    found = []
    for rate in rates:
        before = weight.copy(), ours, float(variable[0])
        theirs.learning_rate = keras_rule.learning_rate = rate
        theirs.update_params([weight], [np.array([-1.0])])
        ours = rule(ours, np.array([-1.0]), rate)
        keras_rule.apply([keras.ops.array([-1.0])])
        found.append(
            [(weight - before[0])[0], (ours - before[1])[0], float(variable[0]) - before[2]]
        )
    return np.transpose(found)


def test_the_rate_is_inside_the_velocity_of_keras_and_scikit_learn_only():
    sklearn, ours, keras_ = lengths_of_steps([0.1] * 30 + [0.01] * 5)
    np.testing.assert_allclose(sklearn[:30], ours[:30])
    np.testing.assert_allclose(keras_, sklearn, atol=1e-5)
    np.testing.assert_allclose(ours[30:] / ours[29], 0.1, rtol=0.05)
    assert sklearn[30] / sklearn[29] > 0.85


def test_dampening_spares_the_first_gradient():
    import torch

    weight = torch.zeros(1, requires_grad=True)
    rule = torch.optim.SGD([weight], lr=1.0, momentum=0.9, dampening=0.9)
    for _ in range(3):
        weight.grad = torch.ones(1)
        before = weight.item()
        rule.step()
        assert before - weight.item() == pytest.approx(1.0)  # not 0.1 the first time


def test_the_loss_that_scikit_learn_tells_is_a_running_mean(rows):
    X, y = rows
    net = network("MLPRegressor", learning_rate_init=0.05, batch_size=32, shuffle=False)
    net.partial_fit(X, y)
    net.coefs_[0][:] = net.intercepts_[0][:] = 0
    net.partial_fit(X, y)
    settings = {"learning_rate": 0.05, "batch_size": 32, "epochs": 1, "order": "sequential"}
    run = descend(LeastSquares(X, y), np.zeros(3), **settings, record_step_losses=True)
    np.testing.assert_allclose(np.append(net.intercepts_[0], net.coefs_[0]), run.weights)
    told = np.average(run.step_losses, weights=[32, 32, 32, 7])
    assert net.loss_ == pytest.approx(told)


# --- The table of translations ---


def test_last_batch_and_schedule_in_pytorch(rows):
    import torch

    loader = torch.utils.data.DataLoader(range(103), batch_size=32, drop_last=True)
    assert [len(batch) for batch in loader] == [32, 32, 32]
    assert len(list(minibatches(103, 32, last_batch="drop", seed=0))) == 3

    weight = torch.zeros(1, requires_grad=True)
    rule = torch.optim.SGD([weight], lr=0.5)
    schedule = torch.optim.lr_scheduler.LambdaLR(rule, lambda step: 1 / (1 + step))
    for step in range(3):
        weight.grad, before = torch.ones(1), weight.item()
        rule.step()
        schedule.step()
        assert before - weight.item() == pytest.approx(0.5 / (1 + step))


def test_schedules_of_the_others():
    import keras
    from sklearn.linear_model import SGDRegressor

    halves = keras.optimizers.schedules.InverseTimeDecay(0.5, decay_steps=1, decay_rate=1)
    variable, rule = keras.Variable([0.0]), keras.optimizers.SGD(halves)
    rule.build([variable])
    for step in range(3):
        before = float(variable[0])
        rule.apply([keras.ops.array([1.0])])
        assert before - float(variable[0]) == pytest.approx(0.5 / (1 + step))
    one, weight = np.ones((1, 1)), 0.0
    options = {"penalty": None, "fit_intercept": False, "eta0": 0.5, "power_t": 1}
    model = SGDRegressor(learning_rate="invscaling", **options)
    for step in range(1, 4):
        model.partial_fit(one, [1.0])
        weight += 0.5 / step * (1 - weight)
        assert model.coef_[0] == pytest.approx(weight)


def test_our_batches_in_a_loader(rows):
    import torch

    batches = [rows.tolist() for rows in minibatches(103, 32, seed=4)]
    loader = torch.utils.data.DataLoader(range(103), batch_sampler=batches)
    assert [batch.tolist() for batch in loader] == batches


def test_seeds(rows):
    import keras
    import torch

    X, y = rows

    def in_pytorch(seed):
        generator = torch.Generator().manual_seed(seed)
        loader = torch.utils.data.DataLoader(range(50), shuffle=True, generator=generator)
        return [row.item() for row in loader]

    def in_keras(seed):
        keras.utils.set_random_seed(seed)
        model = linear(keras, 2, keras.optimizers.SGD(0.05))
        model.fit(X, y, batch_size=8, verbose=0)
        return weights_of(model).tolist()

    def in_scikit_learn(seed):
        net = network("MLPRegressor", batch_size=8, random_state=seed, learning_rate_init=0.01)
        return net.partial_fit(X, y).coefs_[0].tolist()

    for run in (in_pytorch, in_keras, in_scikit_learn):
        assert run(0) == run(0)
        assert run(0) != run(1)


def test_shuffling_off_in_scikit_learn(rows):
    X, y = rows
    settings = {"learning_rate": 0.05, "batch_size": 32, "epochs": 1, "order": "sequential"}
    ours = descend(LeastSquares(X, y), np.zeros(3), **settings).weights

    def in_scikit_learn(shuffle):
        options = {"batch_size": 32, "shuffle": shuffle, "random_state": 0}
        net = network("MLPRegressor", **options, learning_rate_init=0.05).partial_fit(X, y)
        net.coefs_[0][:] = net.intercepts_[0][:] = 0
        net.partial_fit(X, y)
        return np.append(net.intercepts_[0], net.coefs_[0])

    np.testing.assert_allclose(in_scikit_learn(False), ours)
    assert np.abs(in_scikit_learn(True) - ours).max() > 1e-3


def test_momentum_everywhere(labelled):
    """Keras by hand, and scikit-learn without Nesterov, end where our Momentum does."""
    import keras

    X, labels = labelled
    cut = [rows.copy() for rows in minibatches(300, 50, epochs=2, seed=0)]
    start = np.zeros((785, 10))
    settings = {"learning_rate": 0.02, "batch_size": 50, "epochs": 2, "seed": 0}
    ours = descend(Softmax(X, labels), start, **settings, update=Momentum(0.9)).weights
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = linear(keras, 784, keras.optimizers.SGD(0.02, momentum=0.9), loss, outputs=10)
    options = {"momentum": 0.9, "nesterovs_momentum": False, "learning_rate_init": 0.02}
    net = network("MLPClassifier", **options).partial_fit(X[:9], labels[:9], classes=np.arange(10))
    for part in (*net.coefs_, *net.intercepts_, *net._optimizer.velocities):
        part[:] = 0
    for rows in cut:
        model.train_on_batch(X[rows], labels[rows])
        net.partial_fit(X[rows], labels[rows])
    slopes, intercepts = model.get_weights()
    np.testing.assert_allclose(np.vstack([intercepts, slopes]), ours, atol=1e-5)
    np.testing.assert_allclose(np.vstack([net.intercepts_[0], net.coefs_[0]]), ours, atol=1e-12)


def test_penalties(rows):
    """Our penalty spares the intercept; so here there is none, and no rule has a memory."""
    import keras
    import torch

    X, y = rows
    plain = LeastSquares(X, y, intercept=False)
    settings = {"learning_rate": 0.05, "epochs": 20}
    ours = descend(Penalised(plain, strength=0.3), np.zeros(2), **settings).weights

    x, target = torch.from_numpy(X), torch.from_numpy(y)
    weights = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    rule = torch.optim.SGD([weights], lr=0.05, weight_decay=0.3)
    for _ in range(20):
        rule.zero_grad()
        (torch.nn.functional.mse_loss(x @ weights, target) / 2).backward()
        rule.step()
    np.testing.assert_allclose(weights.detach().numpy(), ours)

    keras.config.set_floatx("float64")
    try:
        variable = keras.Variable(np.zeros(2))
        rule = keras.optimizers.SGD(0.05, weight_decay=0.3)
        rule.build([variable])
        for _ in range(20):
            rule.apply([plain.gradient(np.asarray(variable.value))])
    finally:
        keras.config.set_floatx("float32")
    np.testing.assert_allclose(np.asarray(variable.value), ours)


def test_at_half_the_rate_the_decay_doubles_and_intercepts_shrink_unless_spared(rows):
    """`MSELoss` has no ½: with half the rate and twice the decay it is our penalty."""
    import torch

    X, y = rows
    objective = Penalised(LeastSquares(X, y), strength=0.3)
    ours = descend(objective, np.zeros(3), learning_rate=0.05, epochs=20).weights

    def theirs(decay, spared):
        intercept, slopes = (
            torch.zeros(n, dtype=torch.float64, requires_grad=True) for n in (1, 2)
        )
        groups = [
            {"params": [intercept], "weight_decay": 0.0 if spared else decay},
            {"params": [slopes], "weight_decay": decay},
        ]
        rule = torch.optim.SGD(groups, lr=0.025)
        for _ in range(20):
            rule.zero_grad()
            out = intercept + torch.from_numpy(X) @ slopes
            torch.nn.functional.mse_loss(out, torch.from_numpy(y)).backward()
            rule.step()
        return np.append(intercept.detach(), slopes.detach())

    np.testing.assert_allclose(theirs(0.6, spared=True), ours)
    assert not np.allclose(theirs(0.3, spared=True), ours, rtol=0.01)
    assert theirs(0.6, spared=False)[0] < 0.95 * ours[0]


def test_alpha_times_the_rows_of_a_batch(rows):
    X, y = rows
    net = network("MLPRegressor", alpha=0.3 * 103, learning_rate_init=0.05).partial_fit(X, y)
    net.coefs_[0][:], net.intercepts_[0][:] = 0, 0
    weights = np.zeros(3)
    A = np.column_stack([np.ones(103), X])
    for _ in range(20):
        net.partial_fit(X, y)
        decay = 0.3 * weights * [0, 1, 1]  # it spares the intercept, as ours does
        weights = weights - 0.05 * (A.T @ (A @ weights - y) / 103 + decay)
    np.testing.assert_allclose(np.append(net.intercepts_[0], net.coefs_[0]), weights)


def test_sums_over_the_rows_of_the_window(rows):
    import torch

    X, y = rows
    x, target = torch.from_numpy(X), torch.from_numpy(y)
    model = torch.nn.Linear(2, 1, dtype=torch.float64)
    for part in torch.split(torch.arange(103), 32):
        off = model(x[part])[:, 0] - target[part]
        ((off**2).sum() / 103).backward()
    summed = model.weight.grad.clone()
    model.zero_grad()
    torch.nn.functional.mse_loss(model(x)[:, 0], target).backward()
    torch.testing.assert_close(summed, model.weight.grad)


def test_accumulation_in_keras():
    """Parts count alike, windows cross the epochs, and what is left at the end is not used."""
    import keras

    X, y = np.ones((50, 1)), np.append(np.zeros(40), np.ones(10))
    rule = keras.optimizers.SGD(0.05, gradient_accumulation_steps=2)
    model = linear(keras, 1, rule)
    model.fit(X, y, batch_size=40, shuffle=False, verbose=0)
    # The mean target of the two parts, 0.5, and not 0.2, that of the rows.
    np.testing.assert_allclose(weights_of(model), 0.05 * 2 * 0.5, rtol=1e-6)

    rule = keras.optimizers.SGD(0.05, gradient_accumulation_steps=4)
    model = linear(keras, 1, rule)
    model.fit(np.ones((1000, 1)), np.ones(1000), batch_size=40, epochs=2, verbose=0)
    assert int(rule.iterations) == 50 // 4
    # Each step takes the share 0.2 off the error of 1, as intercept and slope both learn it.
    np.testing.assert_allclose(weights_of(model).sum(), 1 - 0.8**12, rtol=1e-5)


def test_resuming_in_mid_epoch():
    """PyTorch's loader has no place to keep; its generator's state gives the order again."""
    import keras
    import torch

    generator = torch.Generator().manual_seed(0)
    loader = torch.utils.data.DataLoader(range(40), 4, shuffle=True, generator=generator)
    assert not hasattr(loader, "state_dict")
    saved = generator.get_state()
    whole = [batch.tolist() for batch in loader]
    generator.set_state(saved)
    again = [batch.tolist() for batch in loader]
    assert again[3:] == whole[3:], "skip what is done"
    options = inspect.signature(keras.Model.fit).parameters
    assert "initial_epoch" in options
    assert not any("step" in name and "initial" in name for name in options)


# --- Loaders ---


def test_a_tensor_data_set_is_still_asked_row_by_row():
    import torch

    asked = []

    class Rows(torch.utils.data.TensorDataset):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    rows = Rows(torch.arange(8))
    list(torch.utils.data.DataLoader(rows, batch_size=4))
    assert asked == list(range(8))
    asked.clear()
    lists = torch.utils.data.BatchSampler(range(8), 4, drop_last=False)
    list(torch.utils.data.DataLoader(rows, sampler=lists, batch_size=None))
    assert asked == [[0, 1, 2, 3], [4, 5, 6, 7]]


class Drawing:
    """Rows of random numbers: NumPy's global ones, its own generator's, and the worker's."""

    def __init__(self):
        self.own, self.made = np.random.default_rng(0), None

    def __len__(self):
        return 4

    def __getitem__(self, _):
        import torch

        if self.made is None:
            self.made = np.random.default_rng(torch.initial_seed())
        shared = np.random.randint(10**9)  # noqa: NPY002 (it is what is tested)
        return shared, self.own.integers(10**9), self.made.integers(10**9)


def test_which_random_numbers_workers_repeat():
    import torch

    options = {"num_workers": 2, "multiprocessing_context": "spawn"}
    loader = torch.utils.data.DataLoader(Drawing(), batch_size=2, **options)
    epochs = [[np.array(list(map(np.array, batch))) for batch in loader] for _ in range(2)]
    (first, second), (later, _) = epochs  # each batch comes from a worker of its own
    shared, own, made = (np.array([first[i], second[i], later[i]]) for i in range(3))
    assert len(np.unique(shared)) == 6, "NumPy's global state is seeded in each worker"
    assert len(np.unique(made)) == 6
    assert len(np.unique(own)) == 2, "a generator of the data set is copied, each time anew"
