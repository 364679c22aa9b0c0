"""The benchmark: who runs, whether the work is equal, and what the page says of it.

No test looks at a time. The frameworks are tested in tests/frameworks.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from benchmarks import harness, report
from benchmarks.contenders import CONTENDERS, FLOOR, OURS, PLAIN, Contender
from benchmarks.harness import UnequalWork, loss, made_up, measure, require_equal_work
from mbgd_lib import Softmax, minibatches

ROOT = Path(__file__).parents[1]

WITHOUT_FRAMEWORKS = [c for c in CONTENDERS if c.module in ("numpy", "sklearn")]
EQUAL_WORK = [c for c in WITHOUT_FRAMEWORKS if c.tolerance is not None]
IN_OUR_ORDER = [c for c in EQUAL_WORK if c.tolerance <= 1e-3]
UNKNOWN = Contender("nobody", OURS.prepare, "a package that there is not", module="no_such_peer")


@pytest.fixture
def problem():
    return made_up(101, 6, 3)


def measured(problem, contenders, **options):
    settings = {"rounds": 1, "budget": float("inf"), "say": lambda line: None, **options}
    return measure(problem, contenders, (8, 101), **settings)


# --- contenders ---


@pytest.mark.parametrize("batch_size", [1, 8, 101])
@pytest.mark.parametrize("contender", IN_OUR_ORDER, ids=lambda c: c.name)
def test_equal_work_is_gradient_descent_step_by_step(problem, contender, batch_size):
    weights = problem.zeros.astype(np.float64)
    objective = Softmax(problem.X.astype(np.float64), problem.labels)
    for rows in minibatches(len(problem.X), batch_size, seed=problem.seed):
        weights -= problem.learning_rate * objective.gradient(weights, rows)
    theirs = contender.prepare(problem, batch_size)()
    assert np.abs(weights).max() > 1e-4
    np.testing.assert_allclose(theirs, weights, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("contender", EQUAL_WORK, ids=lambda c: c.name)
def test_an_epoch_of_all_rows_at_once_is_a_step(problem, contender):
    """In any order: this holds for those who shuffle by themselves, too."""
    objective = Softmax(problem.X.astype(np.float64), problem.labels)
    start = problem.zeros.astype(np.float64)
    expected = start - problem.learning_rate * objective.gradient(start)
    theirs = contender.prepare(problem, len(problem.X))()
    np.testing.assert_allclose(theirs, expected, rtol=1e-4, atol=1e-7)


def test_ours_gathers_all_rows_as_the_others_do(problem, monkeypatch):
    asked = []
    gradient = Softmax.gradient
    monkeypatch.setattr(
        Softmax,
        "gradient",
        lambda self, w, rows=None: asked.append(rows) or gradient(self, w, rows),
    )
    OURS.prepare(problem, len(problem.X))()
    assert np.array_equal(asked[0], problem.order())


@pytest.mark.parametrize("contender", WITHOUT_FRAMEWORKS, ids=lambda c: c.name)
def test_an_epoch_can_be_run_again(problem, contender):
    epoch = contender.prepare(problem, 8)
    np.testing.assert_array_equal(epoch(), epoch())


def test_the_floor_does_not_train(problem):
    assert not FLOOR.prepare(problem, 8)().any()


def test_the_loss_is_that_of_the_library(problem):
    weights = OURS.prepare(problem, 8)()
    assert loss(problem, weights) == pytest.approx(
        Softmax(problem.X, problem.labels).value(weights), rel=1e-6
    )
    assert loss(problem, problem.zeros) == pytest.approx(np.log(3))


# --- equal work ---


def doing(name, weights_of, **changes):
    """A contender that returns some function of our weights."""

    def prepare(problem, batch_size):
        epoch = OURS.prepare(problem, batch_size)
        return lambda: weights_of(epoch())

    return dataclasses.replace(OURS, name=name, prepare=prepare, **changes)


def test_another_loss_is_found_out(problem):
    results = measured(problem, [OURS, doing("idle", np.zeros_like)])
    with pytest.raises(UnequalWork, match=r"idle ends at the loss .* with batches of 8, ours at"):
        require_equal_work(results)


def test_a_loss_that_is_no_number_is_found_out(problem):
    results = measured(problem, [OURS, doing("broken", lambda weights: weights * np.nan)])
    with pytest.raises(UnequalWork, match="broken ends at the loss nan"):
        require_equal_work(results)


def test_the_tolerance_is_a_share_of_the_fall_of_our_loss():
    results = {
        "start_loss": 1.2,
        "batch_sizes": [8],
        "contenders": [{"name": OURS.name, "tolerance": 0.0}, {"name": "peer", "tolerance": 0.01}],
        "measurements": [
            {"contender": OURS.name, "batch_size": 8, "loss": 0.2},
            {"contender": "peer", "batch_size": 8, "loss": 0.209},
        ],
    }
    require_equal_work(results)
    results["measurements"][1]["loss"] = 0.211
    with pytest.raises(UnequalWork):
        require_equal_work(results)


def test_who_trains_as_we_do_passes(problem):
    require_equal_work(measured(problem, WITHOUT_FRAMEWORKS))


def test_who_claims_no_equal_work_may_differ(problem):
    idle = doing("idle", np.zeros_like, tolerance=None)
    require_equal_work(measured(problem, [OURS, idle]))


# --- rounds, budget, peers that are not there ---


def test_each_round_runs_every_contender_once_per_batch_size(problem):
    lines = []
    results = measured(problem, WITHOUT_FRAMEWORKS, rounds=2, say=lines.append)
    for entry in results["measurements"]:
        assert len(entry["seconds"]) == 2
    of_rounds = [line for line in lines if line.startswith("round")]
    assert len(of_rounds) == 2 * 2 * len(WITHOUT_FRAMEWORKS)
    assert of_rounds[0].startswith("round 1/2 B=8      mbgd_lib ")
    names = [c.name for c in WITHOUT_FRAMEWORKS]
    assert [line[19:43].strip() for line in of_rounds] == names * 4


def test_what_is_over_the_budget_is_left_out_and_said(problem):
    lines = []
    results = measured(problem, [OURS], budget=0, say=lines.append)
    assert [entry["seconds"] for entry in results["measurements"]] == [[], []]
    assert all(line.endswith("over the budget: left out") for line in lines)
    table = report.detail_table(results, 8)
    assert "left out: about" in table
    assert "over budget" in report.ratio_table(results)


def test_an_unknown_peer_is_reported_as_not_run(problem):
    results = measured(problem, [OURS, UNKNOWN])
    assert {entry["contender"] for entry in results["measurements"]} == {OURS.name}
    assert "| nobody | not run | not run |" in report.ratio_table(results)
    assert "not run: not installed" in report.ways_table(results)


def test_the_machine_is_described(problem):
    machine = measured(problem, [OURS])["machine"]
    assert machine["processor"]
    assert machine["cores"] >= 1
    assert machine["versions"]["numpy"] == np.__version__
    assert machine["threads"]


# --- report ---


@pytest.fixture
def results():
    """A small results file: a faster peer, a slower one, one left out once, one not installed."""
    seconds = {
        (OURS.name, 1): [1.0, 2.0, 1.0],
        (OURS.name, 64): [0.1, 0.1, 0.1],
        (PLAIN.name, 1): [0.1, 0.2, 0.1],
        (PLAIN.name, 64): [0.09, 0.09, 0.09],
        (FLOOR.name, 1): [0.5, 1.0, 0.5],
        (FLOOR.name, 64): [0.08, 0.08, 0.08],
        ("fast", 1): [0.5, 1.0, 0.7],
        ("fast", 64): [0.4, 0.4, 0.4],
        ("slow", 1): [],
        ("slow", 64): [3.0, 2.0, 2.5],
    }
    return {
        "data": "made-up rows",
        "learning_rate": 0.01,
        "rounds": 3,
        "budget": 10.0,
        "batch_sizes": [1, 64],
        "load_before": 0.1,
        "machine": {
            "date": "2026-01-02",
            "processor": "abacus",
            "cores": 2,
            "system": "Linux",
            "python": "3.11.0",
            "versions": {"numpy": "2.0", "torch": None},
            "threads": {"beads": 2},
        },
        "contenders": [
            {"name": name, "note": "-", "tolerance": tolerance, "installed": name != "absent"}
            for name, tolerance in [
                (OURS.name, 0.001),
                (PLAIN.name, 0.001),
                (FLOOR.name, None),
                ("fast", 0.001),
                ("slow", 0.1),
                ("absent", 0.001),
            ]
        ],
        "measurements": [
            {"contender": n, "batch_size": b, "seconds": s, "estimate": 75.0, "loss": 0.5}
            for (n, b), s in seconds.items()
        ],
    }


def test_ratios_are_taken_round_by_round(results):
    assert report.ratios(results, "fast", 1) == [0.5, 0.5, 0.7]
    assert report.ratio(results, "fast", 1) == 0.5


def test_the_table_of_ratios(results):
    assert report.ratio_table(results).splitlines()[2:] == [
        "| mbgd_lib | 1.00 | 1.00 |",
        "| mbgd_lib without Numba | 0.10 | 0.90 |",
        "| bare floor | 0.50 | 0.80 |",
        "| fast | 0.50 | 4.00 |",
        "| slow | over budget | 25 |",
        "| absent | not run | not run |",
    ]


def test_the_table_of_seconds(results):
    of_one, of_many = (report.detail_table(results, size).splitlines() for size in (1, 64))
    row = "| mbgd_lib | 1.00 s | 1.00 s to 2.00 s | 1.00 | 1.00 to 1.00 | 0.5000 |"
    assert row in of_one
    assert "| slow | left out: about 75.00 s, over the budget of 10.00 s |  |  |  |  |" in of_one
    assert "| slow | 2.50 s | 2.00 s to 3.00 s | 25 | 20 to 30 | 0.5000 |" in of_many
    assert any("does not train" in line for line in of_many)


def test_the_verdict_names_whoever_is_faster(results):
    text = report.verdict(results)
    assert "faster than every peer at 1 of 2 batch sizes" in text
    assert "with the ratio to our time, is 1: fast (0.50)." in text
    assert "1.25 to 1.25 times the bare floor" in text
    slower = copy.deepcopy(results)
    next(m for m in slower["measurements"] if m["contender"] == "fast")["seconds"] = [5.0] * 3
    text = report.verdict(slower)
    assert "faster than every peer at 2 of 2 batch sizes.** In NumPy alone" in text


def test_the_verdict_says_first_what_kind_of_model_it_is(results):
    first, *_ = report.verdict(results).split(".")
    assert "linear model" in first
    assert report.verdict(results).startswith("On softmax regression")


def test_the_verdict_states_numpy_alone_apart(results):
    # It takes 0.1 and 0.9 of our time: against it, the fast peer is 5 and 4.4 times slower.
    assert "In NumPy alone **it is at 2 of 2 batch sizes.**" in report.verdict(results)


def test_the_figure_shows_the_table(results):
    ax = report.draw(results).axes[0]
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    assert lines["fast"] == [[1, 0.5], [64, 4.0]]
    assert lines["slow"] == [[64, 25.0]]
    assert set(lines) == {"fast", "slow", PLAIN.name, FLOOR.name, OURS.name}
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    report.plt.close("all")


def test_the_page_says_where_when_and_what(results):
    page = report.page(results)
    assert ":::{tab-item} 64\n| way | median" in page
    for text in ("abacus", "2026-01-02", "2 cores", "numpy 2.0", "beads 2", "made-up rows"):
        assert text in page
    assert "torch" not in page
    assert ":alt: Lines of" in page
    assert "as 2 of 3 points of the peers are" in page
    assert "slow from 25 (batch size 64) to 25 (64)" in page


def test_the_page_says_whether_the_machine_was_busy(results):
    assert "Load average before the run: 0.10." in report.page(results)
    assert "noisy" not in report.page(results)
    results["load_before"] = 3.0
    assert "these numbers are noisy" in report.page(results)
    results["load_before"] = None
    assert "Load average" not in report.page(results)


def test_the_report_is_written(results, tmp_path):
    report.write_report(results, tmp_path)
    assert (tmp_path / "results.md").read_text() == report.page(results)
    with Image.open(tmp_path / "results.png") as picture:
        assert picture.width > 800


# --- what is stored, and the command ---


def test_the_stored_page_is_that_of_the_stored_results():
    folder = ROOT / "benchmarks"
    results = json.loads((folder / "results.json").read_text())
    assert (folder / "results.md").read_text() == report.page(results)
    require_equal_work(results)
    for first, second in pairwise(results["batch_sizes"]):
        assert first < second


def test_without_mnist_the_rows_are_made_up_and_it_is_said(monkeypatch, capsys):
    def absent(*arguments, **options):
        raise FileNotFoundError("no such folder")

    monkeypatch.setattr(harness, "load_mnist", absent)
    monkeypatch.setattr(harness, "made_up", lambda *shape: shape)
    assert harness.mnist() == (60000, 784, 10)
    assert capsys.readouterr().out == "No MNIST, so made-up rows instead: no such folder\n"


def test_a_quick_run(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--quick", "--into", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Data: made-up rows, 1,000 × 12 float32" in run.stdout
    results = json.loads((tmp_path / "results.json").read_text())
    assert [c["name"] for c in results["contenders"]] == [c.name for c in CONTENDERS]
    assert (tmp_path / "results.md").read_text() == report.page(results)


def test_the_stored_times_of_a_gpu_are_whole():
    """Nobody here can measure them again: they say what, when and on what."""
    stored = json.loads((ROOT / "benchmarks" / "accelerator.json").read_text("utf-8"))
    assert {"date", "device", "torch", "python"} <= set(stored["machine"])
    assert len(stored["measurements"]) > 5
    for one in stored["measurements"]:
        assert len(one["seconds"]) == stored["rounds"]
        assert min(one["seconds"]) > 0
        assert 0 < one["final_loss"] < 2.4
    losses = [one["final_loss"] for one in stored["measurements"]]
    assert losses == sorted(losses), "at one rate, fewer and larger batches get less far"


def test_without_a_gpu_nothing_is_written(monkeypatch, tmp_path):
    accelerator = pytest.importorskip("benchmarks.accelerator")
    fake = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "torch", fake)
    monkeypatch.setattr(accelerator, "STORED", tmp_path / "accelerator.json")
    with pytest.raises(SystemExit, match="no accelerator"):
        accelerator.main()
    assert list(tmp_path.iterdir()) == []
