"""The reference's example of a longer run: it does what it says."""

import io
import re
import runpy
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from mbgd_lib import check_gradient, descend

SCRIPT = Path(__file__).parents[1] / "book" / "two_layer_network.py"


@pytest.fixture(scope="module")
def made():
    """The script's names after it has run, and what it printed."""
    with redirect_stdout(io.StringIO()) as printed:
        names = runpy.run_path(str(SCRIPT))
    return names | {"printed": printed.getvalue()}


def test_the_network_learns_stops_and_goes_on(made):
    best, after = map(float, re.findall(r"\d\.\d+", made["printed"]))
    assert after < best < 0.3  # at the start it is log 10, about 2.3
    state, last = made["best_state"], made["step"]
    assert state.number % 125 == 0  # an epoch's end
    assert made["waited"] == 3
    assert made["loop"].state.epoch == state.epoch + 3
    assert last.number == state.number + 250
    assert last.learning_rate == 0.0003

    # The same run in one piece ends at the same weights.
    settings = made["settings"] | {"update": made["Adam"](), "seed": 0}
    whole = descend(made["training"], made["start"], steps=state.number, **settings)
    assert np.array_equal(whole.weights, state.weights)


def test_its_gradient_is_right(made):
    rng = np.random.default_rng(0)
    small = made["TwoLayers"](rng.normal(size=(20, 784)), rng.integers(10, size=20))
    weights = rng.normal(0, 0.1, len(made["start"]))
    along = rng.normal(size=len(weights))

    class OneDirection:  # all 25,408 weights one by one would take long
        n_rows = 20

        def value(self, t, rows=None):
            return small.value(weights + t[0] * along, rows)

        def gradient(self, t, rows=None):
            return np.array([small.gradient(weights + t[0] * along, rows) @ along])

    assert check_gradient(OneDirection(), [0.0]) < 1e-6


def test_it_is_as_short_as_the_reference_says():
    lines = [line for line in SCRIPT.read_text("utf-8").splitlines() if line.strip()]
    assert len(lines) <= 40
