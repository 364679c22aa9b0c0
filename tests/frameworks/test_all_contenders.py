"""The benchmark's peers all run, and all that claim equal work do it."""

import pytest

from benchmarks.contenders import CONTENDERS
from benchmarks.harness import made_up, measure, require_equal_work

# Keras's own, where it hands arrays to JAX.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_every_contender_runs_and_agrees():
    problem = made_up(301, 12, 3)
    results = measure(
        problem, CONTENDERS, (1, 32, 301), rounds=1, budget=float("inf"), say=lambda line: None
    )
    assert all(contender["installed"] for contender in results["contenders"])
    assert len(results["measurements"]) == 3 * len(CONTENDERS)
    assert all(len(entry["seconds"]) == 1 for entry in results["measurements"])
    require_equal_work(results)
