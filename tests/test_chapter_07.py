"""Chapter 7's numbers and formulas, against other ways to get them."""

import numpy as np
import pytest
from chapter_numbers import glued_numbers, number
from scipy.optimize import minimize_scalar

from mbgd_lib import Momentum, Network, QuadraticBowl, descend
from mbgd_lib.mnist import load_mnist
from sweeps import store


@pytest.fixture(scope="module")
def page():
    texts = glued_numbers("07_networks_and_adam")
    return {
        name: number(text)
        for name, text in texts.items()
        if text[-1].isdigit() and " to " not in text
    }


@pytest.fixture(scope="module")
def sweep():
    return store.load("networks")


def medians(sweep, case, target):
    """Return the batch sizes of a case and its median steps to a target."""
    place = sweep["settings"]["targets"].index(target)
    found = [
        [np.inf if s is None else s for s in entry["by_target"][place]["steps"]]
        for entry in sweep["cases"][case]
    ]
    sizes = [entry["batch_size"] for entry in sweep["cases"][case]]
    return np.array(sizes, dtype=float), np.median(found, axis=1)


def critical_size(sizes, steps):
    """Fit log S = log(S_min (1 + B_crit / B)) with an optimiser of SciPy's."""

    def misfit(log_critical):
        return np.var(np.log(steps) - np.log1p(np.exp(log_critical) / sizes))

    return np.exp(minimize_scalar(misfit, bounds=(0, 9), method="bounded").x)


@pytest.mark.parametrize(
    ("name", "case", "target"),
    [
        ("critical_linear", "linear", 0.45),
        ("critical_plain", "plain", 0.45),
        ("critical_wide", "wide", 0.45),
        ("critical_low", "plain", 0.3),
        ("critical_momentum", "momentum", 0.3),
        ("critical_adam", "Adam", 0.3),
    ],
)
def test_critical_sizes(page, sweep, name, case, target):
    assert page[name] == pytest.approx(critical_size(*medians(sweep, case, target)), abs=1)


def test_the_gains_are_ratios_of_steps(page, sweep):
    _, plain = medians(sweep, "plain", 0.3)
    for case in ("momentum", "Adam"):
        gains = plain / medians(sweep, case, 0.3)[1]
        assert page[f"gain_{case.lower()}_small"] == pytest.approx(gains[0], abs=0.06)
        assert page[f"gain_{case.lower()}_large"] == pytest.approx(np.mean(gains[-3:]), abs=0.6)


def test_exponents_of_the_rates_come_from_the_tried_rates_alone(page, sweep):
    """Without the parabola between them, on a grid of √2, slopes are a little coarser."""
    for case in ("momentum", "Adam"):
        entries, slopes = sweep["cases"][case][:5], []
        for place in range(3):
            best = [entry["by_target"][place]["best_rate"] for entry in entries]
            sizes = np.log2([entry["batch_size"] for entry in entries])
            slopes.append(np.polyfit(sizes, np.log2(best), 1)[0])
        assert page[f"{case.lower()}_slope"] == pytest.approx(np.mean(slopes), abs=0.1)
        growth = page[f"{case.lower()}_growth"]
        assert growth == pytest.approx(16 ** np.mean(slopes), rel=0.3)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_is_stable_up_to_the_limit_that_is_derived(momentum):
    bowl, limit = QuadraticBowl([[1.0]]), 2 * (1 + momentum)

    def far(rate):
        settings = {"steps": 400, "update": Momentum(momentum), "on_divergence": "stop"}
        return np.abs(descend(bowl, [1.0], learning_rate=rate, **settings).weights).max()

    assert far(0.97 * limit) < 1
    assert far(1.03 * limit) > 10


def test_adams_best_rate_follows_the_root_in_the_derivation():
    """The expected change of the loss, minimised over a grid in place of by a formula."""
    mean, deviation, curvature = 0.01, 1.0, 1.0
    rates = np.geomspace(1e-6, 1e-1, 4000)
    best = []
    for size in (4, 16, 64):
        m = mean * np.sqrt(size) / deviation
        change = -rates * mean * m + curvature * rates**2 * (m**2 + 1) / 2
        best.append(rates[change.argmin()])
    np.testing.assert_allclose(np.divide(best[1:], best[:-1]), 2, rtol=0.02)


def test_without_batches_of_their_own_normalised_losses_are_the_networks(page):
    """By all rows, mean and spread change nothing: the loss is that of the network itself."""
    images, labels = load_mnist("sample")
    X = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).reshape(-1, 196).astype("float32") / 255
    net = Network(X[:8192], labels[:8192])
    run = descend(
        net, net.start(0, np.float32), learning_rate=1.0, batch_size=64, epochs=10, seed=0
    )
    assert page["bn_all"] == pytest.approx(net.value(run.weights), abs=0.01)
    right = (net.scores(run.weights).argmax(axis=1) == labels[:8192]).mean()
    assert 100 * right > page["network_right"]  # rows that it was trained on
    V, a, W, b = net.layers(run.weights)
    inputs = X[:8192] @ V + a
    rows = np.random.default_rng(5).permutation(8192).reshape(-1, 4)
    parts = inputs[rows]  # (batches, 4, units)
    scaled = (parts - parts.mean(axis=1, keepdims=True)) / (parts.std(axis=1, keepdims=True) + 1e-3)
    scores = np.tanh(scaled * inputs.std(axis=0) + inputs.mean(axis=0)) @ W + b
    logs = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    loss = -np.take_along_axis(logs, labels[:8192][rows][..., None], axis=-1).mean()
    assert page["bn_4"] == pytest.approx(loss, rel=0.15)


def test_the_edge_is_what_the_stored_runs_say(page):
    edge = store.load("edge")["units"]
    whole, small = edge["run 0.2 128"], edge["run 0.2 8"]
    assert page["edge_all"] == pytest.approx(np.median(whole["sharpness"][-10:]), abs=0.06)
    assert page["edge_small"] == pytest.approx(np.median(small["sharpness"][-10:]), abs=0.6)
    assert page["edge_batch"] == pytest.approx(np.median(small["batch_sharpness"][-10:]), abs=0.06)
