"""The figures show what they are given: checked on the artists, not on pixels."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from mbgd_lib import LeastSquares, data, descend
from mbgd_lib.instruments.predictions import Training
from mbgd_lib.instruments.statistics import bootstrap_interval, reliability
from mbgd_lib.show import plots

LIMITS = ((-1.0, 3.0), (1.0, 5.0))


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    mpl.use("agg")
    yield
    plt.close("all")


@pytest.fixture
def line() -> LeastSquares:
    return LeastSquares(*data.noisy_line(50))


def test_style_sets_size_and_resolution():
    with mpl.rc_context():
        plots.course_style()
        figure = plt.figure()
        assert figure.get_dpi() == 150
        assert tuple(figure.get_size_inches()) == (7.2, 4.2)


def test_band_holds_the_stated_share_of_the_seeds():
    samples = np.random.default_rng(0).normal(size=(2000, 3))
    low, median, high = plots.quantile_band(samples, coverage=0.8)
    inside = ((samples > low) & (samples < high)).mean(axis=0)
    np.testing.assert_allclose(inside, 0.8, atol=0.01)
    np.testing.assert_allclose(median, np.median(samples, axis=0))


@pytest.mark.parametrize("coverage", [0, 1, -0.5, 90])
def test_coverage_outside_0_to_1_is_refused(coverage):
    with pytest.raises(ValueError, match=rf"coverage must be between 0 and 1, not {coverage}"):
        plots.quantile_band([1.0, 2.0], coverage=coverage)


def test_curves_are_drawn_with_their_data_and_told_apart_without_colour():
    x = np.arange(1, 5)
    ax = plots.plot_curves(
        {"one": (x, x**2), "two": (x, x**3)}, xlabel="steps", ylabel="loss", yscale="log"
    )
    one, two = ax.lines
    np.testing.assert_array_equal(one.get_ydata(), x**2)
    np.testing.assert_array_equal(two.get_ydata(), x**3)
    assert one.get_linestyle() != two.get_linestyle()
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("steps", "loss", "log")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]


def test_many_seeds_become_their_median_in_a_band():
    samples = np.random.default_rng(0).normal(size=(100, 4)) + 5
    ax = plots.plot_curves({"runs": (np.arange(4), samples)}, xlabel="", ylabel="")
    low, median, high = plots.quantile_band(samples)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), median)
    corners = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(low.min())
    assert corners.max() == pytest.approx(high.max())


def test_points_have_the_colour_of_their_line_and_markers_of_their_own():
    x = np.arange(1, 5)
    ax = plots.plot_curves({"a": (x, x), "b": (x, 2 * x)}, xlabel="", ylabel="")
    plots.plot_points(ax, {"a": (x, x), "b": (x, 2 * x)}, in_legend=False)
    first, second, first_points, second_points = ax.lines
    assert first_points.get_color() == first.get_color()
    assert second_points.get_color() == second.get_color()
    assert first_points.get_marker() != second_points.get_marker()
    np.testing.assert_array_equal(second_points.get_ydata(), 2 * x)
    assert len(ax.get_legend().get_texts()) == 2


def test_points_of_many_seeds_have_a_bar_over_the_middle_90_per_cent():
    samples = np.random.default_rng(0).normal(size=(200, 2)) + 5
    ax = plots.plot_points(plt.subplots()[1], {"runs": ([1, 2], samples)})
    low, median, high = plots.quantile_band(samples)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), median)
    bars = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(bars[:, :, 1], np.stack([low, high], axis=1))
    assert ax.get_legend().get_texts()[0].get_text() == "runs"


def test_curves_have_markers_and_a_legend_only_where_asked():
    x = np.arange(3)
    bare = plots.plot_curves({"a": (x, x), "b": (x, x)}, xlabel="", ylabel="", in_legend=False)
    assert bare.get_legend() is None
    assert [line.get_marker() for line in bare.lines] == ["None", "None"]
    marked = plots.plot_curves({"a": (x, x), "b": (x, x)}, xlabel="", ylabel="", markers=True)
    assert [line.get_marker() for line in marked.lines] == list(plots.MARKERS[:2])


def test_means_have_a_bar_over_their_bootstrap_interval():
    samples = np.random.default_rng(0).exponential(size=(40, 3))
    ax = plots.plot_means(
        plt.subplots()[1], {"first": ([1, 2, 3], samples), "second": ([1], [[2.0]])}
    )
    np.testing.assert_allclose(ax.lines[0].get_ydata(), samples.mean(axis=0))
    bars = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(bars[:, :, 1], bootstrap_interval(samples).T)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["first", "second"]
    assert [line.get_linestyle() for line in ax.lines] == ["None", "None"]


def test_intervals_are_drawn_from_end_to_end_and_joined_where_asked():
    ends = np.array([[0.5, 2.0], [1.5, 2.5]])
    ax = plt.subplots()[1]
    plots.plot_intervals(ax, {"a": ([1, 2], [1.0, 2.25], ends)}, joined=True, in_legend=False)
    np.testing.assert_array_equal(ax.collections[0].get_segments()[1], [[2, 2.0], [2, 2.5]])
    assert ax.lines[0].get_linestyle() == plots.DASHES[0]
    assert ax.lines[0].get_color() == plots.COLOURS[0]
    assert ax.get_legend() is None


def test_what_does_not_arrive_is_a_cross_in_its_curves_colour():
    curves = {"a": ([1, 2, 4], [3.0, 2.0, np.inf]), "b": ([1, 2, 4], [np.inf, np.inf, 5.0])}
    ax = plots.plot_arrivals(curves, top=100, xlabel="rate", ylabel="steps", yscale="log")
    first, second, lost_first, lost_second = ax.lines
    np.testing.assert_array_equal(first.get_xydata(), [[1, 3], [2, 2]])
    np.testing.assert_array_equal(second.get_xydata(), [[4, 5]])
    np.testing.assert_array_equal(lost_first.get_xydata(), [[4, 100]])
    np.testing.assert_allclose(lost_second.get_xydata(), [[1, 80], [2, 80]])
    assert lost_second.get_color() == second.get_color() != first.get_color()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_thin_lines_go_on_beyond_the_rows():
    X, y = data.noisy_line(20)
    ax = plots.plot_fits(X, y, {"truth": (1.2, 3.5)}, span=(-1, 9), xlabel="x", ylabel="y")
    fit, thin = ax.lines[1:]
    np.testing.assert_allclose(thin.get_xydata(), [[-1, 1.2 - 3.5], [9, 1.2 + 9 * 3.5]])
    assert thin.get_color() == fit.get_color()
    assert thin.get_linewidth() < fit.get_linewidth()
    assert ax.get_xlim() == (-1, 9)
    assert len(ax.get_legend().get_texts()) == 1


def test_steps_count_from_1_and_some_are_marked():
    ax = plots.plot_steps(
        plt.subplots()[1], [4.0, 0.0, 2.0], {"empty": ([2], [0.0]), "all": ([0, 3], [3, 2])}
    )
    steps, empty, whole = ax.lines
    np.testing.assert_array_equal(steps.get_xydata(), [[1, 4], [2, 0], [3, 2]])
    np.testing.assert_array_equal(empty.get_xydata(), [[2, 0]])
    np.testing.assert_array_equal(whole.get_xydata(), [[0, 3], [3, 2]])
    assert len({line.get_color() for line in ax.lines}) == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["empty", "all"]


def test_curves_are_labelled_in_their_colours():
    x = [1, 2]
    ax = plots.plot_curves({"a": (x, x), "b": (x, x)}, xlabel="", ylabel="", in_legend=False)
    plots.label_curves(ax, {"rising": (1, 2), "as well": (2, 1)})
    assert [text.get_text() for text in ax.texts] == ["rising", "as well"]
    assert [text.get_position() for text in ax.texts] == [(1, 2), (2, 1)]
    assert [text.get_color() for text in ax.texts] == [line.get_color() for line in ax.lines]


def test_an_arrow_ends_at_its_point():
    ax = plots.arrow_label(plt.subplots()[1], "here", (0.25, 0.5), (10, 30))
    (label,) = ax.texts
    assert (label.get_text(), label.xy, label.xyann) == ("here", (0.25, 0.5), (10, 30))
    assert label.arrow_patch is not None


def test_ticks_are_those_named_and_no_others():
    ax = plt.subplots()[1]
    ax.loglog([1, 8192], [1, 2])
    plots.name_ticks(ax, [1, 1024])
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1", "1,024"]
    assert len(ax.get_xticks(minor=True)) == 0
    plots.name_ticks(ax, [1, 8], ["one", "eight"])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["one", "eight"]


def test_log_spaced_numbers_are_whole_and_differ():
    numbers = plots.log_spaced(10_000, 400)
    assert numbers[[0, 1, -1]].tolist() == [1, 2, 10_000]
    assert (np.diff(numbers) > 0).all()
    assert np.diff(np.log(numbers))[-50:].max() < 0.024  # evenly, by 10 000^(1/399)


def test_loss_grid_puts_the_first_weight_across(line):
    first, second, losses = plots.loss_grid(line, LIMITS, points=5)
    assert losses.shape == (5, 5)
    assert losses[3, 1] == line.value(np.array([first[1], second[3]]))


def test_contours_are_evenly_spaced_on_a_quadratic():
    bowl = LeastSquares([[1.0, 0.0], [0.0, 1.0]], [0.0, 0.0], intercept=False)
    ax = plots.plot_contours(bowl, ((-1.0, 1.0), (-1.0, 1.0)))
    radii = np.sqrt(ax.collections[0].levels)  # the loss is a quarter of the squared distance
    np.testing.assert_allclose(np.diff(radii), radii[0])


def test_paths_start_together_and_the_star_is_least_squares(line):
    options = {"learning_rate": 0.1, "epochs": 3, "seed": 0, "record_path": True}
    paths = {
        "all": descend(line, [0, 2], **options).path,
        "one": descend(line, [0, 2], batch_size=1, **options).path,
    }
    ax = plots.plot_paths(line, paths, LIMITS)
    all_rows, one_row, start, star = ax.lines
    np.testing.assert_array_equal(all_rows.get_xydata(), paths["all"])
    np.testing.assert_array_equal(one_row.get_xydata(), paths["one"])
    assert all_rows.get_marker() == "o"
    assert one_row.get_marker() == "None"  # 150 markers would hide the path
    assert all_rows.get_zorder() > one_row.get_zorder()
    np.testing.assert_array_equal(start.get_xydata(), [[0, 2]])
    np.testing.assert_array_equal(star.get_xydata(), [line.solution()])


def test_four_ways_draws_each_path_on_its_parabola():
    objective = LeastSquares([[1.0]], [2.0], intercept=False)
    paths = {str(i): np.array([[0.0], [float(i)]]) for i in range(4)}
    axes = plots.plot_four_ways(objective, paths, limits=(-1.0, 5.0))
    assert [ax.get_title() for ax in axes] == list(paths)
    for ax, path in zip(axes, paths.values(), strict=True):
        np.testing.assert_array_equal(ax.lines[1].get_xdata(), path[:, 0])
        np.testing.assert_allclose(ax.lines[1].get_ydata(), [objective.value(w) for w in path])


def test_fitted_lines_span_the_data():
    X, y = data.noisy_line(20)
    ax = plots.plot_fits(X, y, {"truth": (1.2, 3.5)}, xlabel="x", ylabel="y")
    points, fit = ax.lines
    np.testing.assert_array_equal(points.get_xdata(), X[:, 0])
    np.testing.assert_allclose(fit.get_xdata(), [X.min(), X.max()])
    np.testing.assert_allclose(fit.get_ydata(), 1.2 + 3.5 * fit.get_xdata())


def test_colours_are_distinct():
    assert len({to_hex(colour) for colour in plots.COLOURS}) == len(plots.COLOURS)


def test_all_fits_are_drawn_however_many():
    X, y = data.noisy_line(20)
    ax = plots.plot_fits(X, y, {f"line {i}": (i, 1.0) for i in range(9)}, xlabel="x", ylabel="y")
    assert len(ax.get_legend().get_texts()) == 9
    plt.close(ax.figure)


# --- Theory and measurements together ---

X3 = np.array([1.0, 2.0, 4.0])
RATES = np.array([0.001, 0.002, 0.004])
GAPS = np.array([1e-6, 2e-6, 4e-6])
GAP_ENDS = np.stack([GAPS / 2, GAPS * 2])


def bars_of(container) -> np.ndarray:
    return np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])


def test_points_share_the_colour_and_the_legend_entry_of_their_line():
    theory = {"one": (RATES, GAPS), "two": (RATES, 3 * GAPS)}
    measured = [(RATES, GAPS, GAP_ENDS), (RATES, 2 * GAPS, 2 * GAP_ENDS)]
    ax = plots.plot_with_theory(theory, measured, xlabel="rate", ylabel="gap")

    lines = [line for line in ax.lines if line.get_label() in theory]
    for line, points, (x, y, ends) in zip(lines, ax.containers, measured, strict=True):
        np.testing.assert_array_equal(points.lines[0].get_xydata(), np.column_stack([x, y]))
        np.testing.assert_allclose(bars_of(points), ends.T)
        assert points.lines[0].get_color() == line.get_color()
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["one", "two"]
    markers = {line.get_marker() for line in legend.findobj(mpl.lines.Line2D)}
    assert {"o", "s"} <= markers
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_each_line_needs_its_points():
    with pytest.raises(ValueError, match="points for each of 1 lines, not 0"):
        plots.plot_with_theory({"one": (RATES, GAPS)}, [], xlabel="", ylabel="")


def test_training_has_losses_on_the_left_and_accuracies_on_the_right():
    rng = np.random.default_rng(0)
    runs = [Training(np.zeros(2), rng.random(4), np.zeros(4), 90 + rng.random(4)) for _ in range(5)]
    left, right = plots.plot_training({"a": runs}, first=1)
    losses = np.array([run.losses for run in runs])[:, 1:]
    accuracies = np.array([run.accuracies for run in runs])[:, 1:]
    for ax, kept in ((left, losses), (right, accuracies)):
        np.testing.assert_array_equal(ax.lines[0].get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), np.median(kept, axis=0))
    assert left.get_legend() is not None
    assert right.get_legend() is None


def test_a_run_is_drawn_over_the_median_of_the_others_in_their_range():
    runs = np.random.default_rng(0).uniform(1, 2, size=(9, 4))
    ax = plots.plot_relative(3 * np.ones(4), runs, names=("one", "nine others"))
    median = np.median(runs, axis=0)
    middle, line = ax.lines
    np.testing.assert_allclose(line.get_ydata(), 3 / median)
    assert middle.get_ydata() == [1, 1]
    corners = ax.collections[0].get_paths()[0].vertices
    for epoch in range(4):
        heights = corners[corners[:, 0] == epoch][:, 1]
        assert heights.min() == pytest.approx((runs / median)[:, epoch].min())
        assert heights.max() == pytest.approx((runs / median)[:, epoch].max())
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["nine others", "one"]


def test_reliability_lies_under_the_diagonal_where_a_model_is_too_sure():
    rng = np.random.default_rng(0)
    said = rng.uniform(0.6, 1, size=500)
    groups = reliability(said, rng.random(500) < said - 0.2, groups=5)
    ax = plots.plot_reliability({"too sure": groups})
    points = ax.containers[0].lines[0]
    np.testing.assert_allclose(points.get_xdata(), 100 * groups.said)
    np.testing.assert_allclose(points.get_ydata(), 100 * groups.found)
    assert np.all(points.get_ydata() < points.get_xdata())
    np.testing.assert_allclose(
        bars_of(ax.containers[0]), 100 * np.column_stack([groups.low, groups.high])
    )
    diagonal = ax.lines[-1]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_walks_start_at_their_markers():
    paths = [np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]]), np.array([[5.0, 5.0], [4.0, 4.0]])]
    ax = plots.plot_walks(plt.subplots()[1], paths, minimum=(2, 2))
    one, its_start, other, other_start, star = ax.lines
    np.testing.assert_array_equal(one.get_xydata(), paths[0])
    np.testing.assert_array_equal(other.get_xydata(), paths[1])
    assert its_start.get_xydata().tolist() == [[0, 1]]
    assert other_start.get_xydata().tolist() == [[5, 5]]
    assert its_start.get_marker() != other_start.get_marker()
    assert one.get_linestyle() != other.get_linestyle()
    assert (star.get_marker(), star.get_xydata().tolist()) == ("*", [[2, 2]])


def test_contours_may_have_levels_of_their_own(line):
    ax = plots.plot_contours(line, LIMITS, levels=[0.5, 0.75, 2.0])
    assert ax.collections[0].levels.tolist() == [0.5, 0.75, 2.0]


def test_panels_of_ratios_share_a_label_and_have_a_line_at_one():
    figure, axes = plt.subplots(1, 3)
    plots.mark_one(axes, "measured / theory")
    assert [ax.lines[0].get_ydata() for ax in axes] == [[1, 1]] * 3
    assert [ax.get_xscale() for ax in axes] == ["log"] * 3
    assert figure.get_supylabel() == "measured / theory"


def test_points_are_filled_where_the_condition_holds():
    holds = np.array([True, False, True])
    ax = plots.plot_filled({"a": (X3, X3**2, holds), "b": (X3, X3, ~holds)}, xlabel="", ylabel="")
    a, b, a_filled, a_open, b_filled, b_open = ax.lines
    np.testing.assert_array_equal(a.get_ydata(), X3**2)
    np.testing.assert_array_equal(a_filled.get_xdata(), X3[holds])
    np.testing.assert_array_equal(a_open.get_xdata(), X3[~holds])
    np.testing.assert_array_equal(b_filled.get_xdata(), X3[~holds])
    assert to_hex(a_open.get_markerfacecolor()) == "#ffffff"
    assert a_filled.get_markerfacecolor() == a_filled.get_color() == a.get_color()
    assert b_open.get_marker() == b_filled.get_marker() != a_filled.get_marker()
    assert b.get_linestyle() != a.get_linestyle()


def test_an_end_that_rounding_moves_over_the_middle_gives_no_bar():
    middle = np.array([-1.0, 0.5])
    ends = np.array([[-1 + 3e-16, 0.4], [-1 + 3e-16, 0.7]])
    ax = plots.plot_intervals(plt.subplots()[1], {"a": ([1, 2], middle, ends)})
    ((_, _, (bars,)),) = ax.containers
    low, high = (bars.get_segments()[1][i][1] for i in (0, 1))
    assert (low, high) == (0.4, 0.7)
    plt.close(ax.figure)


# --- A row for each way ---


def test_each_way_has_its_dots_its_median_and_its_number():
    runs = {"one": [1.0, 2.0, 4.0], "two": [7.0, 9.0]}
    ax = plots.plot_spread(runs, xlabel="accuracy (%)", digits=1)
    dots, medians = ax.lines[::2], ax.lines[1::2]
    for row, (values, of_row, median) in enumerate(zip(runs.values(), dots, medians, strict=True)):
        assert of_row.get_xydata().tolist() == [[value, row] for value in values]
        assert median.get_xdata().tolist() == [np.median(values)] * 2
    assert [text.get_text() for text in ax.texts] == ["2.0", "8.0"]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["one", "two"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is on top"


def test_each_step_multiplies_the_distance_along_an_eigenvector(line):
    rate = 0.3
    run = descend(line, [2.5, 0.5], learning_rate=rate, epochs=6, record_path=True)
    contours, distances = plots.plot_directions(line, run.path, LIMITS)
    flat, steep = (drawn.get_ydata() for drawn in distances.lines[:2])
    curvatures = np.linalg.eigvalsh(line.hessian())
    for drawn, curvature in ((flat, curvatures[0]), (steep, curvatures[1])):
        np.testing.assert_allclose(drawn[1:] / drawn[:-1], 1 - rate * curvature)
    np.testing.assert_allclose(np.hypot(flat, steep)[0], np.hypot(*(run.path[0] - line.solution())))
    axes = [drawn.get_xydata() for drawn in contours.lines[1:3]]
    along = [(ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0]) for ends in axes]
    assert along[0] @ along[1] == pytest.approx(0)
    np.testing.assert_allclose(line.hessian() @ along[0], curvatures[0] * along[0])
    losses = [line.value(ends[1]) for ends in axes]  # the ends lie on one contour
    assert losses[0] == pytest.approx(losses[1])


def test_a_cloud_is_wide_for_few_rows_and_stays_at_the_minimum(line):
    minimum = line.solution()
    few, many = plots.plot_gradient_cloud(
        line, [[0.2, 2.4], minimum], (1, 25), seed=0, limits=LIMITS, count=40
    )
    steps = [  # the ends of the batches' lines; a place itself is a single point
        np.array([of.get_xydata()[1] for of in ax.lines if len(of.get_xydata()) == 2])
        for ax in (few, many)
    ]
    for place, start in ((slice(40), [0.2, 2.4]), (slice(40, 80), minimum)):
        mean = start - 0.3 * line.gradient(np.asarray(start, dtype=float))
        spreads = [np.linalg.norm(ends[place] - mean, axis=1).mean() for ends in steps]
        assert spreads[0] > 3 * spreads[1] > 0
    assert len(few.texts) == 1  # one arrow of all rows: at the minimum there is none
    np.testing.assert_allclose(
        few.texts[0].xy, [0.2, 2.4] - 0.3 * line.gradient(np.array([0.2, 2.4]))
    )
    assert few.get_title() == "batches of 1"


def test_ranges_show_the_least_the_median_and_the_greatest_run():
    ax = plots.plot_ranges({"one": {"a": [1, 2, 9]}, "two": {"a": [4, 5, 6]}}, ylabel="loss")
    bars = [bar.get_segments()[0][:, 1].tolist() for bar in ax.collections]
    assert bars == [[1, 9], [4, 6]]
    assert [line.get_ydata().tolist() for line in ax.lines] == [[2], [5]]
    plt.close(ax.figure)


def test_the_edge_is_drawn_from_the_stored_runs():
    sweep = data.stored_sweep("edge")
    left, right = plots.plot_edge(sweep, rates=(0.2, 0.4), rate=0.2)
    for i, rate in enumerate((0.2, 0.4)):
        curve, limit = left.lines[2 * i : 2 * i + 2]
        run = sweep["units"][f"run {rate} 128"]
        assert curve.get_xydata().tolist() == list(
            map(list, zip(run["steps"], run["sharpness"], strict=True))
        )
        assert limit.get_ydata().tolist() == [2 / rate] * 2
    sharp, of_batches, limit = right.lines
    lost = [sweep["units"][f"run 0.2 {size}"]["lost"] for size in sweep["settings"]["batch_sizes"]]
    stand = [i for i, step in enumerate(lost) if step is None]
    assert sharp.get_xdata().tolist() == stand
    assert of_batches.get_xdata().tolist() == stand[:-1]  # all rows draw no batches
    last = sweep["units"]["run 0.2 16"]["batch_sharpness"][-10:]
    assert of_batches.get_ydata()[stand.index(2)] == np.median(last)
    assert limit.get_ydata()[0] == 10
    plt.close(left.figure)
