"""The figures that move, on the site's own pages: numbers, words, and how they are used.

Numbers are compared with the library's in a real browser, sentences with the text beside them.
"""

from __future__ import annotations

import gzip
import json
import re
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from browsing import DESK, PHONE, SITE, come_near, faults, too_wide
from playwright.sync_api import Locator, Page, expect

from mbgd_lib import LeastSquares, Softmax, data, descend, minibatches
from mbgd_lib.instruments import escapes, landscapes, noise, orders, targets, theory
from replications import notebooks

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "book" / "_static" / "interactive"

#: Each explorer: its page, its name there, and its kind.
EXPLORERS = [
    ("book/index", "fig-first-walk", "descent-map"),
    ("notebooks/01_gradient_descent_basics", "fig-walk", "descent-map"),
    ("notebooks/01_gradient_descent_basics", "fig-one-parabola", "one-parabola"),
    ("notebooks/01_gradient_descent_basics", "fig-scaled-bowl", "scaled-bowl"),
    ("notebooks/02_mini_batching", "fig-poll", "gradient-cloud"),
    ("notebooks/02_mini_batching", "fig-three-clocks", "three-paths"),
    ("notebooks/03_batch_size_effects", "fig-steps-or-rows", "steps-and-rows"),
    ("notebooks/04_shuffling", "fig-buffer", "shuffle-buffer"),
    ("notebooks/04_shuffling", "fig-orders-run", "four-orders"),
    ("notebooks/05_non_convex_surfaces", "fig-where-it-ends", "rugged-surface"),
    ("notebooks/07_networks_and_adam", "fig-edge", "edge-of-stability"),
]
each = pytest.mark.parametrize(
    ("page_name", "name", "kind"), EXPLORERS, ids=[name for _, name, _ in EXPLORERS]
)
CHAPTERS = {name: page for page, name, _ in EXPLORERS}
each_page = pytest.mark.parametrize("page_name", list(dict.fromkeys(CHAPTERS.values())))


def names_on(page_name: str) -> list[str]:
    return [name for name, page in CHAPTERS.items() if page == page_name]


# --- numbers ---


@pytest.fixture(scope="module")
def call(browser, base):
    """A function that calls one of an explorer's functions with its own data and more."""
    pages = {}

    def call(name: str, expression: str, *arguments):
        page_name = CHAPTERS[name]
        if page_name not in pages:
            pages[page_name] = browser.new_page()
            pages[page_name].goto(f"{base}{page_name}.html")
        return pages[page_name].evaluate(
            """([name, kind, expression, args]) => {
                const root = document.getElementById(name).querySelector(".interactive");
                const stored = JSON.parse(root.querySelector("script").textContent);
                const figure = explorers.figures[kind];
                const data = figure.prepare ? figure.prepare(stored) : stored;
                return new Function("kit", "figure", "data", "args", `return ${expression}`)(
                    explorers.kit, figure, data, args);
            }""",
            [name, next(k for _, n, k in EXPLORERS if n == name), expression, arguments],
        )

    yield call
    for page in pages.values():
        page.close()


@pytest.fixture(scope="module")
def line(call):
    """The 1,000 points as the explorers have them, which are the library's to five digits."""
    x, y = call("fig-walk", "[data.x, data.y]")
    X, exact = data.noisy_line(seed=42)
    np.testing.assert_allclose(x, X[:, 0], atol=6e-6)
    np.testing.assert_allclose(y, exact, atol=6e-6)
    return LeastSquares(np.array(x)[:, None], np.array(y))


@pytest.mark.parametrize("seed", [0, 1, 42, 9999])
def test_random_numbers_are_those_of_numpy(call, seed):
    script = """(() => { const rng = kit.generator(args[0]);
        return [rng.permutation(1000), rng.integers(7, 50), rng.permutation(3),
                rng.integers(1000, 20), rng.integers(1, 3), rng.permutation(2)]; })()"""
    rng = np.random.default_rng(seed)
    wanted = [rng.permutation(1000), rng.integers(7, size=50), rng.permutation(3)]
    wanted += [rng.integers(1000, size=20), rng.integers(1, size=3), rng.permutation(2)]
    assert call("fig-walk", script, seed) == [numbers.tolist() for numbers in wanted]


@pytest.mark.parametrize("order", ["reshuffle", "shuffle_once", "sequential", "with_replacement"])
@pytest.mark.parametrize("batch_size", [1, 32, 400, 1000])
def test_batches_are_those_of_the_library(call, order, batch_size):
    script = """(() => { const draws = kit.minibatches(1000, args[0], { order: args[1], seed: 3 });
        return kit.range(args[2]).map(() => draws.next().value); })()"""
    count = 2 * -(-1000 // batch_size) + 1
    ours = minibatches(1000, batch_size, order=order, epochs=3, seed=3)
    wanted = [rows.tolist() for rows in islice(ours, count)]
    assert call("fig-walk", script, batch_size, order, count) == wanted


@pytest.mark.parametrize(("batch_size", "rate"), [(1, 0.2), (32, 0.3), (1000, 0.8), (1000, 1.0)])
def test_paths_are_those_of_the_library(call, line, batch_size, rate):
    state = {"x": 2.5, "y": 0.5, "rate": rate, "batch": batch_size, "seed": 5, "at": 100}
    path = call("fig-walk", "figure.walked(data, args[0])", state)
    options = {"learning_rate": rate, "batch_size": batch_size, "seed": 5}
    ours = descend(line, [2.5, 0.5], steps=100, record_path=True, **options)
    np.testing.assert_allclose(path, ours.path, rtol=1e-9, atol=1e-9)
    gap = call("fig-walk", "data.line.gap(args[0])", path[10])
    exact = line.value(np.array(path[10])) - line.value(line.solution())
    assert gap == pytest.approx(exact, rel=1e-9, abs=1e-12)


def test_curvatures_are_those_of_the_library(call, line):
    found = call("fig-walk", "[data.line.curvatures, data.line.solution]")
    np.testing.assert_allclose(found[0], np.linalg.eigvalsh(line.hessian()), rtol=1e-9)
    np.testing.assert_allclose(found[1], line.solution(), rtol=1e-9)
    heights = call("fig-walk", "data.line.contour(0.7).map((w) => data.line.gap(w))")
    np.testing.assert_allclose(heights, 0.7, rtol=1e-9)


@pytest.mark.parametrize("product", [0, 0.2, 1, 1.85, 2, 2.2])
def test_the_parabola_is_a_run_of_the_library(call, product):
    rows = np.array([[-1.0], [1.0]])
    parabola = LeastSquares(rows, 3 * rows[:, 0], intercept=False)
    path = call("fig-one-parabola", "figure.path(args[0])", {"product": product, "at": 20})
    if product == 0:
        assert path == [0.5] * 21
        return
    run = descend(parabola, [0.5], learning_rate=product, steps=20, record_path=True)
    np.testing.assert_allclose(path, run.path[:, 0], rtol=1e-9)


@pytest.mark.parametrize("column", ["raw", "centred", "scaled", "both"])
@pytest.mark.parametrize(("mean", "spread"), [(6, 4), (0, 1), (6, 0.25), (0.25, 4)])
def test_the_bowl_is_that_of_a_column(call, mean, spread, column):
    state = {"mean": mean, "spread": spread, "column": column, "at": 20}
    script = """(() => { const bowl = figure.bowl(args[0]);
        return [bowl.kappa, figure.stepsToTenth(bowl), figure.path(args[0])]; })()"""
    kappa, steps, path = call("fig-scaled-bowl", script, state)
    x = np.array([mean - spread, mean + spread])  # of this mean and standard deviation
    x = {"raw": x, "centred": x - mean, "scaled": x / spread, "both": (x - mean) / spread}[column]
    objective = LeastSquares(x[:, None], 2 - 2 * np.array([-1, 1]))  # over the standardised column
    hessian = objective.hessian()
    assert kappa == pytest.approx(theory.condition_number(hessian), rel=1e-9)
    rate = 1.8 / np.linalg.eigvalsh(hessian)[-1]
    run = descend(objective, [0, 0], learning_rate=rate, steps=20, record_path=True)
    away = run.path - objective.solution()
    np.testing.assert_allclose(path, away, rtol=1e-9, atol=1e-8)
    slowest = np.abs(1 - rate * np.linalg.eigvalsh(hessian)).max()
    assert slowest**steps <= 0.1 < slowest ** (steps - 1)


@pytest.mark.parametrize("batch_size", [1, 4, 64, 1000])
def test_the_error_of_a_batch_is_the_librarys(call, line, batch_size):
    place = {"x": 0.2, "y": 2.4, "batch": batch_size, "seed": 0}
    found = call("fig-poll", "figure.error(data, args[0])", place)
    weights = np.array([0.2, 2.4])
    trace = noise.gradient_variance(line, weights)[1]
    variance = noise.batch_variance(trace, batch_size, 1000, replacement=False)
    assert found["typical"] == pytest.approx(np.sqrt(variance), rel=1e-9, abs=1e-12)
    assert found["length"] == pytest.approx(np.linalg.norm(line.gradient(weights)), rel=1e-9)
    rays = np.array(call("fig-poll", "figure.steps(data, args[0])", place))
    full = -0.3 * line.gradient(weights)
    spread = np.sqrt(((rays - full) ** 2).sum(axis=1).mean()) / 0.3
    assert spread == pytest.approx(np.sqrt(variance), rel=0.4, abs=1e-12)


@pytest.mark.parametrize("clock", ["rows", "steps", "time"])
def test_a_race_gives_each_its_due(call, line, clock):
    state = {"clock": clock, "rate": 0.2, "x": -1, "y": 3, "seed": 4, "at": 50}
    ways = call("fig-three-clocks", "figure.walked(data, args[0])", state)
    overhead = call("fig-three-clocks", "data.overhead")
    read = 50 * 1000 / 32
    for size, way in zip((1000, 32, 1), ways, strict=True):
        steps = len(way) - 1
        options = {"learning_rate": 0.2, "batch_size": size, "seed": 4}
        run = descend(line, [-1, 3], steps=max(steps, 1), record_path=True, **options)
        np.testing.assert_allclose(way, run.path[: steps + 1], rtol=1e-9, atol=1e-9)
        if clock == "steps":
            assert steps == 50
        elif clock == "rows":
            epochs, rest = divmod(read, 1000)
            assert steps == epochs * -(-1000 // size) + rest // size
        else:
            spent = 50 / 32 * (overhead + 1000)
            assert steps * (overhead + size) <= spent + 1e-6 < (steps + 1) * (overhead + size)


def test_steps_and_rows_are_the_sweeps(call):
    sweep = data.stored_sweep("batch_size", seed=0)
    entry = sweep["batch_sizes"][5]
    state = {"batch": 32, "target": "2"}
    found = call("fig-steps-or-rows", "figure.measured(data, args[0])", state)
    assert found["steps"] == np.median(entry["by_target"][2]["steps"])
    assert found["rows"] == 32 * found["steps"]
    assert found["leastRows"] == pytest.approx(found["leastSteps"] * found["critical"])


@pytest.mark.parametrize("order", ["with_replacement", "sequential", "shuffle_once", "reshuffle"])
def test_orders_run_as_in_the_library(call, line, order):
    state = {"order": order, "rate": 0.016, "seed": 2, "at": 100}
    ends = call("fig-orders-run", "figure.run(data, args[0]).ends", state)
    objective = line
    if order == "sequential":
        rows = np.argsort(line.y, kind="stable")
        objective = LeastSquares(line.X[rows], line.y[rows])
    options = {"learning_rate": 0.016, "batch_size": 40, "epochs": 100, "order": order}
    start = objective.solution()
    ours = orders.gaps_of_runs(objective, start, seeds=[2], **options)[0, 1:]
    np.testing.assert_allclose(ends, ours, rtol=1e-9, atol=1e-15)


def test_reversed_epochs_go_the_same_way_back(call):
    state = {"order": "reversed", "rate": 0.016, "seed": 2, "at": 100}
    script = "figure.run(data, args[0]).visits.slice(0, 4).map((batches) => batches.flat())"
    visits = call("fig-orders-run", script, state)
    assert visits[1] == visits[0][::-1]
    assert visits[3] == visits[2][::-1]
    assert visits[2] != visits[0]
    floors = call("fig-orders-run", "data.floors")
    assert floors["reversed"][0] < floors["reshuffle"][0] < floors["shuffle_once"][0]
    assert floors["shuffle_once"][0] < floors["with_replacement"][0] < floors["sequential"][0] * 10


@pytest.mark.parametrize("size", [1, 100, 3000, 10000])
def test_the_buffer_is_that_of_the_library(call, size):
    found = call("fig-buffer", "figure.throughBuffer(10000, args[0], 7)", size)
    assert found == orders.through_buffer(range(10_000), size, 7).tolist()


@pytest.mark.parametrize("batch_size", [1, 50, 1000])
def test_the_rugged_surface_is_that_of_the_library(call, batch_size):
    x, y = call("fig-where-it-ends", "[data.x, data.y]")
    surface = landscapes.TrigonometricSurface(np.array(x)[:, None], np.array(y))
    state = {"x": 12, "y": -42, "rate": 0.08, "batch": batch_size, "seed": 0, "at": 200}
    path = call("fig-where-it-ends", "figure.walked(data, args[0]).slice(0, 201)", state)
    options = {"learning_rate": 0.08, "batch_size": batch_size, "bounds": (-100, 100), "seed": 0}
    run = descend(surface, [12.0, -42.0], steps=200, record_path=True, **options)
    # Noise amplifies rounding: a run is compared for as long as that stays small.
    np.testing.assert_allclose(path[:50], run.path[:50], rtol=1e-9, atol=1e-9)
    last = call("fig-where-it-ends", "figure.walked(data, args[0]).at(-1)", state)
    settled = escapes.settle(surface, last, learning_rate=0.03, bounds=(-100, 100))
    places = call("fig-where-it-ends", "data.places.map(({ at }) => at)")
    wanted = escapes.nearest(settled, places, radius=10)
    assert call("fig-where-it-ends", "figure.end(data, args[0])", state) == wanted


def at_rest(values) -> float:
    """The median of the last ten looks."""
    return float(np.median(values[-10:]))


def test_the_edge_is_the_sweeps(call):
    sweep = data.stored_sweep("edge", seed=0)
    rows, looks = sweep["settings"]["rows"], sweep["settings"]["looks"]
    runs = call("fig-edge", "data.runs")
    settings = sweep["settings"]
    assert len(runs) == len(settings["rates"]) * len(settings["batch_sizes"])
    for run in runs:
        stored = sweep["units"][f"run {run['rate']} {run['batch']}"]
        assert run["lost"] == stored["lost"]
        assert run["sharpness"] == stored["sharpness"]
        assert run.get("batchSharpness") == (
            None if run["batch"] == rows else stored["batch_sharpness"]
        )
        np.testing.assert_allclose(run["loss"], stored["loss"], rtol=0.05)
        state = {"rate": run["rate"], "batch": run["batch"]}
        at = call("fig-edge", "figure.along(data, args[0], args[1])", state, run["sharpness"])
        np.testing.assert_allclose([step for step, _ in at], stored["steps"], atol=1)
        if run["lost"] is None:
            assert len(run["loss"]) == looks + 1
            rests = call("fig-edge", "figure.rests(args[0])", run["sharpness"])
            assert rests == pytest.approx(at_rest(run["sharpness"]))


def test_a_timed_step_is_one_of_softmax_regression(browser, base):
    """The step that the button times is the library's, and so is the fit to its times."""
    page = browser.new_page()
    page.goto(f"{base}notebooks/03_batch_size_effects.html")
    rng = np.random.default_rng(0)
    X, labels = rng.random((6, 784)), rng.integers(10, size=6)
    weights = rng.normal(size=(785, 10)) / 10
    weights[0] = 0
    script = """([X, labels, weights, size]) => {
        const { softmaxStep } = explorers.figures["time-to-target"];
        const [w, g] = [Float64Array.from(weights), new Float64Array(7840)];
        softmaxStep(w, g, X, labels, size, 0.5);
        return Array.from(w);
    }"""
    given = [X.ravel().tolist(), labels.tolist(), weights[1:].ravel().tolist(), 4]
    found = np.array(page.evaluate(script, given)).reshape(784, 10)
    objective = Softmax(X, labels, n_classes=10)
    ours = weights - 0.5 * objective.gradient(weights, np.arange(4))
    np.testing.assert_allclose(found, ours[1:], rtol=1e-9, atol=1e-12)

    fit = "([sizes, times]) => explorers.figures['time-to-target'].overheadInRows(sizes, times)"
    sizes, times = [1, 4, 16, 64, 256], [3.1e-5, 3.3e-5, 4.4e-5, 9.6e-5, 2.7e-4]
    ours = targets.overhead_in_rows(sizes, times)
    assert page.evaluate(fit, [sizes, times]) == pytest.approx(ours, rel=1e-9)
    assert np.isnan(page.evaluate(fit, [[1, 2], [2.0, 1.0]]))
    page.close()


# --- words ---


class Explorer:
    """An explorer on an open page."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.root: Locator = page.locator(f"#{name} .interactive")
        come_near(self.root)
        expect(self.root.locator("fieldset.controls").first).to_be_enabled()

    def do(self, what: str) -> None:
        """Press a button, by the keyboard."""
        self.root.locator(f'[data-do="{what}"]').press("Enter")

    def press(self, name: str, *keys: str) -> None:
        """Press keys on a slider."""
        for key in keys:
            self.root.locator(f'input[type=range][data-name="{name}"]').press(key)

    def sentence(self) -> str:
        return self.root.locator(".sentence").text_content()

    def picture(self) -> str:
        """The drawing, as text."""
        return self.root.locator(".panels").inner_html()


def printed(page_name: str) -> dict[str, str]:
    """The numbers that a page quotes."""
    return notebooks.numbers_of(notebooks.read(ROOT / f"{page_name}.ipynb"))


def stored_outputs(page_name: str) -> str:
    notebook = notebooks.read(ROOT / f"{page_name}.ipynb")
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    return "".join(out.get("text", "") for out in outputs)


def opened(open_page, name: str, **options) -> Explorer:
    return Explorer(open_page(f"{CHAPTERS[name]}.html", **options), name)


def test_the_walk_ends_where_the_chapters_run_does(open_page):
    figure = opened(open_page, "fig-walk")
    for _ in range(25):
        figure.do("step")
    told = r"intercept and slope: \[\s*([\d.]+)\s+([\d.]+)\s*\]"
    end = re.search(told, stored_outputs(CHAPTERS["fig-walk"]))
    assert figure.sentence().startswith("25 steps with all rows, from 2.50 and 0.50")
    assert f"the weights are {end[1]} and {end[2]}," in figure.sentence()


def test_the_limit_is_where_the_chapter_says(open_page):
    """Below 2 / λ the runs of the slider arrive, above it they climb."""
    figure = opened(open_page, "fig-walk")
    for keys, climbs in ((["End", "ArrowLeft", "ArrowLeft", "ArrowLeft"], False), (["End"], True)):
        figure.press("rate", *keys)
        figure.do("run")
        assert ("climbs" in figure.sentence()) is climbs


def test_the_parabola_names_the_four_ways(open_page):
    figure = opened(open_page, "fig-one-parabola")
    figure.press("product", "Home")
    says = [figure.sentence()]
    for _ in range(44):
        figure.press("product", "ArrowRight")
        says.append(figure.sentence())
    ways = [re.match(r"The run (\w+)", text)[1] for text in says]
    assert ways == (
        ["stands"] + ["creeps"] * 19 + ["hits"] + ["zigzags"] * 19 + ["swings"] + ["diverges"] * 4
    )


def test_the_poll_is_off_by_what_the_chapter_measured(open_page):
    figure = opened(open_page, "fig-poll")
    quoted = printed(CHAPTERS["fig-poll"])
    for size in (4, 64):  # exact here, measured there
        assert figure.sentence().count(f"Batches of {size} are off by") == 1
        off = float(re.search(r"off by ([\d.]+), typically", figure.sentence())[1])
        assert off == pytest.approx(float(quoted[f"error_{size}"]), rel=0.05)
        figure.press("batch", *["ArrowRight"] * 4)
    figure.press("batch", "Home")
    figure.do("minimum")
    assert "a slope where there is none" in figure.sentence()


def test_steps_and_rows_say_the_chapters_numbers(open_page):
    figure = opened(open_page, "fig-steps-or-rows")
    quoted = printed(CHAPTERS["fig-steps-or-rows"])
    assert f"Batches of 32 take {quoted['steps_32']} steps" in figure.sentence()
    assert f"meet at {quoted['critical']} rows" in figure.sentence()
    figure.press("batch", "End")
    assert f"All rows at once take {quoted['steps_all']} steps" in figure.sentence()


def test_time_to_target_says_the_chapters_numbers(open_page):
    page_name = CHAPTERS["fig-steps-or-rows"]
    sentence = open_page(f"{page_name}.html").locator("#fig-time-to-target .sentence")
    quoted = printed(page_name)
    expect(sentence).to_contain_text(f"overhead worth {quoted['overhead']} rows")
    expect(sentence).to_contain_text(f"single rows take {quoted['gain_one']} times as long")
    expect(sentence).to_contain_text(f"the full batch {quoted['gain_all']} times.")


def test_the_buffer_says_the_chapters_accuracies(open_page):
    figure = opened(open_page, "fig-buffer")
    quoted = printed(CHAPTERS["fig-buffer"])
    figure.do("run")
    for keys, name in (
        (["Home"], "sorted_accuracy"),
        (["ArrowRight"] * 3, "buffer_100"),
        (["ArrowRight"] * 2, "buffer_1000"),
        (["ArrowRight"] * 2, "buffer_3000"),
        (["End"], "shuffled_accuracy"),
    ):
        figure.press("size", *keys)
        assert f"{quoted[name]} % of new images right" in figure.sentence()
    assert re.search(r"holds 9\.[89] of the ten", figure.sentence())


def test_orders_miss_what_the_chapter_says(open_page):
    figure = opened(open_page, "fig-orders-run")
    assert "used every row once" in figure.sentence()
    figure.root.get_by_label("with replacement").check()
    missed = int(re.search(r"missed (\d+) of 1,000", figure.sentence())[1])
    assert abs(missed / 10 - float(printed(CHAPTERS["fig-orders-run"])["missed"])) < 5


@pytest.mark.parametrize(("presses", "name"), [(0, "full"), (2, "50"), (7, "1")])
def test_runs_end_where_the_chapters_do(open_page, presses, name):
    figure = opened(open_page, "fig-where-it-ends")
    figure.press("batch", *["ArrowLeft"] * presses)
    figure.do("run")
    place = printed(CHAPTERS["fig-where-it-ends"])[f"end_{name}"]
    assert f"in the valley of the {place} minimum" in figure.sentence()


def test_the_edge_says_what_the_runs_did(open_page):
    figure = opened(open_page, "fig-edge")
    sweep = data.stored_sweep("edge", seed=0)
    settings = sweep["settings"]
    figure.press("rate", "Home")
    for rate in settings["rates"]:
        figure.press("batch", "Home")
        whole = at_rest(sweep["units"][f"run {rate} {settings['rows']}"]["sharpness"])
        for size in settings["batch_sizes"]:
            run, says = sweep["units"][f"run {rate} {size}"], figure.sentence()
            name = f"All {size} rows:" if size == settings["rows"] else f"Batches of {size}:"
            assert says.startswith(name)
            limit = f"{2 / rate:.{2 if rate > 0.2 else 3}g}"
            assert re.search(rf"2/rate (=|is) {re.escape(limit)}\b", says)
            sharp, of_batches = at_rest(run["sharpness"]), at_rest(run["batch_sharpness"])
            if run["lost"] is not None:
                assert f"leaves all bounds within {run['lost']} steps" in says
            elif size == settings["rows"]:
                assert ("never gets to" in says) is (sharp < 0.95 * 2 / rate)
                told = float(re.search(r"climbs to ([\d.]+)", says)[1])
                assert told == pytest.approx(max(run["sharpness"]), rel=0.05)
            else:
                found = re.search(r"ends at ([\d.]+), the batch sharpness at ([\d.]+),", says)
                assert float(found[1]) == pytest.approx(sharp, rel=0.05)
                assert float(found[2]) == pytest.approx(of_batches, rel=0.05)
                assert ("close to" in says) is (abs(of_batches * rate / 2 - 1) < 0.2)
                told = float(re.search(r"a sharpness of ([\d.]+)\.", says)[1])
                assert told == pytest.approx(whole, rel=0.05)
            figure.press("batch", "ArrowRight")
        figure.press("rate", "ArrowRight")


# --- use ---


#: All that any address may set.
KEYS = (
    "rate", "batch", "x", "y", "at", "seed", "product", "mean", "spread", "column", "clock",
    "target", "order", "size",
)  # fmt: skip


def some_changes(figure: Explorer) -> list[str]:
    """Use every control by the keyboard, and return what was said after each."""
    says = []
    for slider in figure.root.locator("input[type=range]").all():
        slider.press("ArrowLeft")
        says.append(figure.sentence())
    radios = figure.root.locator("input[type=radio]")
    if radios.count() > 1:
        radios.first.focus()
        figure.page.keyboard.press("ArrowRight")
        says.append(figure.sentence())
    for button in figure.root.locator("[data-do]").all():
        if button.get_attribute("data-do") != "back":
            button.press("Enter")
            says.append(figure.sentence())
    if figure.root.locator(".handle").count():
        figure.root.locator(".handle").press("ArrowUp")
        says.append(figure.sentence())
    return says


@each
def test_everything_is_done_by_keyboard_kept_and_undone(open_page, page_name, name, kind):
    figure = opened(open_page, name)
    before = figure.sentence(), figure.picture()
    says = some_changes(figure)
    assert len(set(says)) > 1
    says, picture = figure.sentence(), figure.picture()
    assert picture != before[1]
    expect(figure.root.locator(".sentence")).to_have_attribute("aria-live", "polite")

    # The address keeps the state …
    page = figure.page
    page.wait_for_function("name => location.hash.startsWith(`#${name}?`)", arg=name)
    page.wait_for_timeout(300)
    page.wait_for_load_state("networkidle")  # what is still loading would fail
    page.reload(wait_until="networkidle")
    again = Explorer(page, name)
    expect(again.root).to_be_in_viewport()
    if kind == "rugged-surface":  # what ended where is forgotten when the page is left
        assert again.sentence().startswith(says.split(" Of ")[0])
    else:
        assert (again.sentence(), again.picture()) == (says, picture)
    # … and Reset undoes all.
    again.do("back")
    assert (again.sentence(), again.picture()) == before

    # What an address may not ask for is left out.
    for value in ("-1e9", "<b>", "%", ""):
        query = "&".join(f"{key}={value}" for key in KEYS)
        page.evaluate("hash => { location.hash = hash }", f"#{name}?{query}")
        page.wait_for_timeout(20)
        assert again.sentence() == before[0]


@pytest.mark.parametrize("name", ["fig-walk", "fig-poll", "fig-three-clocks", "fig-where-it-ends"])
def test_the_start_is_dragged_by_mouse_and_tapped_by_finger(open_page, name):
    figure = opened(open_page, name)
    handle, panel = figure.root.locator(".handle"), figure.root.locator(".panel").first
    panel.scroll_into_view_if_needed()
    before = handle.get_attribute("aria-label")
    mouse, box = figure.page.mouse, handle.bounding_box()
    middle = panel.bounding_box()
    target = (middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(*target, steps=5)
    mouse.up()
    dragged = handle.get_attribute("aria-label")
    assert dragged != before
    box = handle.bounding_box()
    assert box["x"] + box["width"] / 2 == pytest.approx(target[0], abs=3)
    assert box["y"] + box["height"] / 2 == pytest.approx(target[1], abs=3)

    touched = opened(open_page, name, viewport=PHONE, has_touch=True)
    panel = touched.root.locator(".panel").first
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    spot = {"x": box["x"] + 0.6 * box["width"], "y": box["y"] + 0.4 * box["height"]}
    swipe(touched.page, spot)
    assert touched.root.locator(".handle").get_attribute("aria-label") == before
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    touched.page.touchscreen.tap(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    assert touched.root.locator(".handle").get_attribute("aria-label") != before


def swipe(page: Page, spot: dict[str, float]) -> None:
    """Move a finger upwards over the page, as one does to scroll."""
    browser = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [spot]),
        *(("touchMove", [{"x": spot["x"], "y": spot["y"] - 20 * k}]) for k in range(1, 6)),
        ("touchEnd", []),
    ):
        browser.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_timeout(200)


def test_a_run_moves_pauses_and_ends(browser, base):
    """With motion: without it, the other tests show, a run is at its end at once."""
    context = browser.new_context(viewport=DESK, reduced_motion="no-preference")
    page = context.new_page()
    page.goto(f"{base}book/index.html")
    figure = Explorer(page, "fig-first-walk")
    button = figure.root.locator('[data-do="run"]')
    button.click()
    expect(button).to_have_text("Pause")
    expect(figure.root.locator(".sentence")).to_have_attribute("aria-live", "off")
    page.wait_for_function(
        "() => parseInt(document.querySelector('#fig-first-walk .sentence').textContent) > 3"
    )
    button.click()
    expect(button).to_have_text("Run")
    expect(figure.root.locator(".sentence")).to_have_attribute("aria-live", "polite")
    rests = int(figure.sentence().split()[0])
    assert 3 < rests < 100
    button.click()
    expect(button).to_have_text("Run", timeout=20_000)
    assert figure.sentence().startswith("100 steps")
    context.close()


def test_the_browser_is_timed(open_page):
    page = open_page("notebooks/03_batch_size_effects.html")
    figure = page.locator("#fig-time-to-target")
    figure.get_by_role("button", name="Time this browser").click()
    status = figure.locator(".timed")
    expect(status).to_contain_text(re.compile("Measured here|did not fit"), timeout=30_000)
    found = re.search(r"worth ([\d.,]+) rows", status.text_content())
    if found:
        sentence = figure.locator(".sentence").text_content()
        said = re.search(r"An overhead worth ([\d.,]+) rows?", sentence)[1]
        assert float(said) == pytest.approx(float(found[1]), rel=0.01)


# --- on the page ---


@each_page
def test_labels_are_whole(open_page, page_name):
    for viewport in (PHONE, DESK):
        page = open_page(f"{page_name}.html", viewport)
        for name in names_on(page_name):
            Explorer(page, name)
        assert too_wide(page) == []
        cut = page.evaluate(
            """() => [...document.querySelectorAll(".panel")].flatMap(panel => {
                const around = panel.getBoundingClientRect();
                return [...panel.querySelectorAll("text")].filter(text => {
                    const box = text.getBoundingClientRect();
                    return box.left < around.left - 1 || box.right > around.right + 1 ||
                        box.top < around.top - 1 || box.bottom > around.bottom + 1;
                }).map(text => text.textContent);
            })"""
        )
        assert cut == []


def test_used_explorers_are_accessible(open_page):
    page = open_page(f"{CHAPTERS['fig-walk']}.html", PHONE)
    for name in ("fig-walk", "fig-one-parabola", "fig-scaled-bowl"):
        some_changes(Explorer(page, name))
    assert faults(page) == []


@each_page
def test_without_scripts_there_is_a_picture(browser, base, page_name):
    context = browser.new_context(java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto(f"{base}{page_name}.html")
    for name in names_on(page_name):
        root = page.locator(f"#{name} .interactive")
        for panel in root.locator(".panel").all():
            (picture,) = panel.locator(":scope > svg:visible").all()
            assert picture.evaluate("svg => svg.getScreenCTM().a") > 0.8  # labels can be read
        expect(root.locator(".controls").first).to_be_hidden()
        assert len(root.locator(".sentence").text_content()) > 30
        assert "need JavaScript" in root.locator("noscript").text_content()
    context.close()


def test_print_has_pictures_and_no_controls(open_page):
    page = open_page("notebooks/01_gradient_descent_basics.html")
    Explorer(page, "fig-walk")
    page.emulate_media(media="print")
    for root in page.locator(".interactive").all():
        expect(root.locator(".panel > svg").first).to_be_visible()
        expect(root.locator(".controls").first).to_be_hidden()
    expect(page.locator(".handle").first).to_be_hidden()


def test_a_far_figure_keeps_its_picture_until_it_is_near_or_used(open_page):
    page = open_page(f"{CHAPTERS['fig-edge']}.html", PHONE)
    figure = page.locator("#fig-edge")
    assert figure.evaluate("figure => figure.getBoundingClientRect().top") > 2 * PHONE["height"]
    still = figure.locator(".panels").inner_html()
    page.wait_for_timeout(200)
    assert figure.locator(".panels").inner_html() == still
    says = figure.locator(".sentence").text_content()
    figure.locator("input[type=range]").first.press("End")
    assert figure.locator(".panels").inner_html() != still
    assert figure.locator(".sentence").text_content() != says


def test_they_work_from_a_disk(browser):
    """Opened as a file: no server, and so no modules."""
    context = browser.new_context(viewport=DESK, reduced_motion="reduce")
    errors: list[str] = []
    for page_name in dict.fromkeys(CHAPTERS.values()):
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((SITE / f"{page_name}.html").as_uri())
        for name in names_on(page_name):
            figure = Explorer(page, name)
            pictures = set()
            for key in ("Home", "End"):
                figure.root.locator("input[type=range]").first.press(key)
                for button in figure.root.locator('[data-do="run"]').all():
                    button.press("Enter")
                pictures.add(figure.picture())
            assert len(pictures) == 2
        page.close()
    page = context.new_page()
    page.goto((SITE / "notebooks/03_batch_size_effects.html").as_uri())
    expect(page.locator("#fig-time-to-target input[type=range]")).to_be_enabled()
    context.close()
    assert errors == []


def test_scripts_are_light():
    for path in SCRIPTS.glob("*.js"):
        most = 10_000 if path.name == "explorers.js" else 15_000
        assert len(gzip.compress(path.read_bytes())) <= most, path.name


def test_every_explorer_is_tested():
    """Those of the pages, but for the two that have files of tests of their own."""
    found = set()
    for path in [*ROOT.glob("notebooks/**/*.ipynb"), *ROOT.glob("book/**/*.md")]:
        if ".ipynb_checkpoints" in path.parts:
            continue
        text = path.read_text("utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        pattern = r"```\{interactive-figure\} ([\w-]+)\n:name: ([\w-]+)"
        page = path.relative_to(ROOT).with_suffix("").as_posix()
        found |= {(page, name, kind) for kind, name in re.findall(pattern, text)}
    apart = {"time-to-target", "digit-pad"}
    assert {one for one in found if one[2] not in apart} == set(EXPLORERS)
