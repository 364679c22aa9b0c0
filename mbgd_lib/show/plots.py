"""The course's figures.

Each function draws on Matplotlib axes and returns them, so that a test can read from the
axes what a caption says of them. Theory is drawn as lines and measurements as points or
bands; curves differ in dash and marker as well as in colour.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from mbgd_lib.batches import minibatches
from mbgd_lib.instruments.predictions import Training
from mbgd_lib.instruments.statistics import Reliability, bootstrap_interval
from mbgd_lib.objectives import LeastSquares, Objective

Array = NDArray[Any]
Limits = tuple[tuple[float, float], tuple[float, float]]

# Okabe and Ito's colours: told apart by readers with any kind of colour vision.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#4a4a4a")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")


def course_style() -> None:
    """Set Matplotlib up for the course: size, resolution, fonts, colours.

    Examples
    --------
    >>> with plt.rc_context():  # the style ends with these lines
    ...     course_style()
    ...     print(plt.rcParams["figure.dpi"])
    150.0
    """
    plt.rcParams.update(
        {
            "figure.figsize": (7.2, 4.2),
            "figure.dpi": 150,
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 11,
            "axes.grid": True,
            "grid.alpha": 0.3,
            "axes.axisbelow": True,
            "legend.frameon": False,
            "lines.markersize": 5,
            "axes.prop_cycle": cycler(color=COLOURS),
        }
    )


def quantile_band(samples: ArrayLike, coverage: float = 0.9) -> tuple[Array, Array, Array]:
    """Return the low end, the median and the high end of the middle `coverage` of the samples.

    Parameters
    ----------
    samples : array_like of shape (seeds, …)
        One row per seed.
    coverage : float
        The share of the seeds inside the band, between 0 and 1.

    Returns
    -------
    low, median, high : ndarrays of shape (…)

    Examples
    --------
    >>> [round(float(edge)) for edge in quantile_band(range(101))]
    [5, 50, 95]
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be between 0 and 1, not {coverage!r}")
    outside = (1 - coverage) / 2
    low, median, high = np.quantile(np.asarray(samples), [outside, 0.5, 1 - outside], axis=0)
    return low, median, high


def plot_curves(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str,
    ylabel: str,
    xscale: str = "linear",
    yscale: str = "linear",
    markers: bool = False,
    in_legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw labelled curves; many seeds become their median and a band.

    Parameters
    ----------
    curves : mapping of label to (x, y)
        `y` of shape (points,) is drawn as it is; of shape (seeds, points), as the median in a
        band that holds the middle 90 % of the seeds.
    xlabel, ylabel : str
        With units.
    xscale, yscale : {"linear", "log", "symlog"}
    markers : bool
        Whether each point gets a marker too.
    in_legend : bool
        Whether the curves get lines of their own in the legend.
    ax : Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    Axes

    Examples
    --------
    >>> losses = [[4.0, 2.0, 1.0], [4.0, 3.0, 1.5], [4.0, 1.0, 0.5]]  # three seeds
    >>> ax = plot_curves({"B = 32": ([0, 1, 2], losses)}, xlabel="epochs", ylabel="loss")
    >>> ax.lines[0].get_ydata()  # their median
    array([4., 2., 1.])
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots()[1]
    for (label, (x, y)), colour, dash, marker in zip(
        curves.items(), cycle(COLOURS), cycle(DASHES), cycle(MARKERS), strict=False
    ):
        y = np.asarray(y)
        if y.ndim == 2:
            low, y, high = quantile_band(y)
            ax.fill_between(np.asarray(x), low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(
            np.asarray(x),
            y,
            color=colour,
            linestyle=dash,
            marker=marker if markers else None,
            label=label if in_legend else None,
        )
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
    if in_legend:
        ax.legend()
    return ax


def plot_points(
    ax: Axes, points: Mapping[str, tuple[ArrayLike, ArrayLike]], *, in_legend: bool = True
) -> Axes:
    """Add measured points to axes; many seeds become their median with a bar.

    Parameters
    ----------
    ax : Axes
    points : mapping of label to (x, y)
        As in `plot_curves`; the bar spans the middle 90 % of the seeds. The colours come in
        the same order as there, so that points match their lines.
    in_legend : bool
        Whether the points get lines of their own in the legend.

    Returns
    -------
    Axes

    Examples
    --------
    >>> sizes = [1, 2, 4]
    >>> ax = plot_curves({"1/B": (sizes, [1, 1 / 2, 1 / 4])}, xlabel="B", ylabel="variance")
    >>> ax = plot_points(ax, {"measured": (sizes, [0.9, 0.6, 0.2])})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1/B', 'measured']
    >>> plt.close(ax.figure)
    """
    drawn = {}
    for label, (x, y) in points.items():
        y = np.asarray(y)
        low, middle, high = quantile_band(y) if y.ndim == 2 else (y, y, y)
        drawn[label] = x, middle, np.stack([low, high])
    return plot_intervals(ax, drawn, in_legend=in_legend)


def plot_means(
    ax: Axes,
    points: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    joined: bool = False,
    in_legend: bool = True,
) -> Axes:
    """Add means over seeds to axes, each in its 95 % bootstrap interval.

    Parameters
    ----------
    ax : Axes
    points : mapping of label to (x, y)
        `y` of shape (seeds, points). The colours come as in `plot_curves`.
    joined : bool
        Whether a line joins the means.
    in_legend : bool
        Whether the means get lines of their own in the legend.

    Returns
    -------
    Axes

    Examples
    --------
    >>> losses = [[4.0, 2.0], [5.0, 3.0], [3.0, 1.0]]  # three seeds
    >>> ax = plot_means(plt.subplots()[1], {"measured": ([0.1, 0.2], losses)})
    >>> ax.lines[0].get_ydata().tolist()
    [4.0, 2.0]
    >>> plt.close(ax.figure)
    """
    drawn = {
        label: (x, np.mean(np.asarray(y), axis=0), bootstrap_interval(y))
        for label, (x, y) in points.items()
    }
    return plot_intervals(ax, drawn, joined=joined, in_legend=in_legend)


def plot_intervals(
    ax: Axes,
    points: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    *,
    joined: bool = False,
    in_legend: bool = True,
) -> Axes:
    """Add points to axes, each with a bar from one number to another.

    Parameters
    ----------
    ax : Axes
    points : mapping of label to (x, y, (low, high))
        All of shape (points,). The colours come as in `plot_curves`.
    joined : bool
        Whether a line joins the points.
    in_legend : bool
        Whether the points get lines of their own in the legend.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ends = [0.8, 0.4], [1.1, 0.7]
    >>> ax = plot_intervals(plt.subplots()[1], {"measured": ([1, 2], [0.9, 0.6], ends)})
    >>> plt.close(ax.figure)
    """
    for (label, (x, y, ends)), colour, marker, dash in zip(
        points.items(), cycle(COLOURS), cycle(MARKERS), cycle(DASHES), strict=False
    ):
        y = np.asarray(y, dtype=float)
        low, high = np.asarray(ends, dtype=float)
        # Rounding may put an end of a narrow interval on the wrong side of its middle.
        bars = np.maximum([y - low, high - y], 0)
        ax.errorbar(
            np.asarray(x),
            y,
            yerr=bars if bars.any() else None,
            marker=marker,
            linestyle=dash if joined else "none",
            color=colour,
            markerfacecolor="white",
            markeredgewidth=1.5,
            label=label if in_legend else None,
        )
    if in_legend:
        ax.legend()
    return ax


def loss_grid(objective: Objective, limits: Limits, points: int = 81) -> tuple[Array, Array, Array]:
    """Return the loss over a grid of two weights.

    Parameters
    ----------
    objective : Objective
        Of two weights.
    limits : ((low, high), (low, high))
        Of the first weight and of the second.
    points : int
        Grid points in each direction.

    Returns
    -------
    first, second : ndarrays of shape (points,)
    losses : ndarray of shape (points, points)
        ``losses[j, i]`` belongs to ``(first[i], second[j])``.

    Examples
    --------
    >>> from mbgd_lib import QuadraticBowl
    >>> bowl = QuadraticBowl([[2.0, 0.0], [0.0, 2.0]])  # the sum of both squares
    >>> first, second, losses = loss_grid(bowl, ((-1, 1), (0, 2)), points=3)
    >>> losses
    array([[1., 0., 1.],
           [2., 1., 2.],
           [5., 4., 5.]])
    """
    first = np.linspace(*limits[0], points)
    second = np.linspace(*limits[1], points)
    losses = [[objective.value(np.array([a, b])) for a in first] for b in second]
    return first, second, np.array(losses)


def plot_contours(
    objective: Objective,
    limits: Limits,
    *,
    levels: ArrayLike | None = None,
    names: tuple[str, str] = ("intercept $b$", "slope $w$"),
    ax: Axes | None = None,
) -> Axes:
    """Draw lines of equal loss, evenly spaced on a quadratic.

    Parameters
    ----------
    objective : Objective
        Of two weights.
    limits : ((low, high), (low, high))
        Of the first weight (across) and of the second (up).
    levels : array_like of shape (lines,), optional
        The losses of the lines, for a loss that is not a quadratic.
    names : (str, str)
        The axes' labels.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from mbgd_lib import Saddle
    >>> ax = plot_contours(Saddle(), ((-1, 1), (-1, 1)), names=("first", "second"))
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('first', 'second')
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots()[1]
    first, second, losses = loss_grid(objective, limits)
    if levels is None:
        least, most = losses.min(), losses.max()
        # A quadratic grows with the square of the distance, so square levels give even spacing.
        levels = least + (most - least) * np.linspace(0, 1, 15)[1:] ** 2
    ax.contour(first, second, losses, levels=np.asarray(levels), colors="0.6", linewidths=0.8)
    ax.set(xlabel=names[0], ylabel=names[1], xlim=limits[0], ylim=limits[1])
    ax.grid(False)
    return ax


def plot_paths(
    objective: LeastSquares,
    paths: Mapping[str, Array],
    limits: Limits,
    *,
    names: tuple[str, str] = ("intercept $b$", "slope $w$"),
    ax: Axes | None = None,
) -> Axes:
    """Draw the paths of several runs over contours of the loss.

    Parameters
    ----------
    objective : LeastSquares
        Of two weights.
    paths : mapping of label to ndarray of shape (steps + 1, 2)
        ``run.path`` of each run; all start at the same weights.
    limits : ((low, high), (low, high))
    names : (str, str)
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from mbgd_lib import LeastSquares, descend
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> run = descend(objective, [0.0, 0.0], learning_rate=0.4, epochs=9, record_path=True)
    >>> ax = plot_paths(objective, {"all rows": run.path}, ((-1, 3), (0, 4)))
    >>> [line.get_label() for line in ax.get_lines()]
    ['all rows', 'start', 'least squares']
    >>> plt.close(ax.figure)
    """
    ax = plot_contours(objective, limits, names=names, ax=ax)
    for i, (label, path) in enumerate(paths.items()):
        # Markers show single steps; on a path of hundreds they would only hide it.
        marker = MARKERS[i % len(MARKERS)] if len(path) <= 100 else None
        ax.plot(
            *path.T,
            color=COLOURS[i % len(COLOURS)],
            marker=marker,
            markersize=3.5,
            linewidth=1,
            alpha=0.85,
            zorder=3 - i / len(paths),  # the first, the smoothest, on top
            label=label,
        )
    start = next(iter(paths.values()))[0]
    ax.plot(*start, "ko", markersize=7, zorder=4, label="start")
    ax.plot(*objective.solution(), "k*", markersize=13, zorder=4, label="least squares")
    ax.legend()
    return ax


def plot_four_ways(
    objective: LeastSquares, paths: Mapping[str, Array], limits: tuple[float, float]
) -> Sequence[Axes]:
    """Draw runs on a loss of one weight, each on a panel of its own.

    Parameters
    ----------
    objective : LeastSquares
        Of one weight.
    paths : mapping of title to ndarray of shape (steps + 1, 1)
        Four runs.
    limits : (low, high)
        Of the weight.

    Returns
    -------
    sequence of four Axes

    Examples
    --------
    >>> from mbgd_lib import LeastSquares, descend
    >>> objective = LeastSquares([[1.0]], [2.0], intercept=False)
    >>> paths = {}
    >>> for rate in (0.3, 1.0, 1.7, 2.1):
    ...     run = descend(objective, [0.0], learning_rate=rate, epochs=5, record_path=True)
    ...     paths[f"rate {rate}"] = run.path
    >>> axes = plot_four_ways(objective, paths, limits=(-1, 5))
    >>> [ax.get_title() for ax in axes]
    ['rate 0.3', 'rate 1.0', 'rate 1.7', 'rate 2.1']
    >>> plt.close(axes[0].figure)
    """
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 5.2), sharex=True, sharey=True)
    weights = np.linspace(*limits, 121)
    parabola = [objective.value(np.array([w])) for w in weights]
    for ax, (title, path) in zip(axes.flat, paths.items(), strict=True):
        ax.plot(weights, parabola, color="0.6")
        losses = [objective.value(w) for w in path]
        ax.plot(path[:, 0], losses, "o-", color=COLOURS[1], markersize=4, linewidth=1)
        ax.plot(path[0, 0], losses[0], "ko", markersize=6)
        ax.set_title(title, fontsize=11)
        ax.set(xlim=limits, ylim=(0, max(parabola)))
    figure.supxlabel("weight $w$")
    figure.supylabel("loss $L(w)$")
    return list(axes.flat)


def plot_fits(
    X: Array,
    y: Array,
    lines: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    span: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw rows of one feature and the lines that were fitted to them.

    Parameters
    ----------
    X : ndarray of shape (n, 1)
    y : ndarray of shape (n,)
    lines : mapping of label to (intercept, slope)
    xlabel, ylabel : str
    span : (low, high), optional
        Where thin lines go on to, beyond the rows.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> from mbgd_lib.data import noisy_line
    >>> X, y = noisy_line(50)
    >>> ax = plot_fits(X, y, {"the true line": (1.2, 3.5)}, xlabel="x", ylabel="y")
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots()[1]
    ax.plot(X[:, 0], y, ".", color="0.7", markersize=3)
    ends = np.array([X.min(), X.max()])
    for (label, line), colour, dash in zip(
        lines.items(), cycle(COLOURS), cycle(DASHES), strict=False
    ):
        intercept, slope = np.asarray(line)
        ax.plot(
            ends, intercept + slope * ends, color=colour, linestyle=dash, linewidth=2, label=label
        )
        if span is not None:
            beyond = np.array(span)
            ax.plot(beyond, intercept + slope * beyond, color=colour, linewidth=0.8, alpha=0.6)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if span is not None:
        ax.set_xlim(span)
    ax.legend()
    return ax


def plot_steps(
    ax: Axes,
    values: ArrayLike,
    marked: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    marker: str = "o",
) -> Axes:
    """Draw a noisy number of every step, and mark some places.

    Parameters
    ----------
    ax : Axes
    values : array_like of shape (steps,)
        Of steps 1, 2, and so on.
    marked : mapping of label to (steps, values)
    marker : str
        Matplotlib's name of the marker.

    Returns
    -------
    Axes

    Examples
    --------
    >>> costs = [4.0, 3.0, 0.0, 2.0]
    >>> ax = plot_steps(plt.subplots()[1], costs, {"empty batch": ([3], [0.0])})
    >>> ax.lines[0].get_xdata().tolist()
    [1, 2, 3, 4]
    >>> plt.close(ax.figure)
    """
    values = np.asarray(values)
    ax.plot(np.arange(1, len(values) + 1), values, color=COLOURS[0], linewidth=0.6)
    for (label, (x, y)), colour in zip(marked.items(), cycle(COLOURS[1:]), strict=False):
        ax.plot(np.asarray(x), np.asarray(y), marker, color=colour, zorder=3, label=label)
    ax.set_xlabel("step")
    ax.legend(loc="upper right")
    return ax


def plot_arrivals(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    top: float,
    xlabel: str,
    ylabel: str,
    yscale: str = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draw what it takes to arrive, with crosses at the top where nothing arrives.

    Parameters
    ----------
    curves : mapping of label to (x, y)
        Both of shape (points,); `y` is infinite where the goal is not reached.
    top : float
        Where the crosses of the first curve are; those of each other are a little lower.
    xlabel, ylabel : str
    yscale : {"linear", "log"}
        The horizontal axis is logarithmic.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> steps = {"B = 8": ([0.1, 0.2, 0.4], [900, 500, np.inf])}
    >>> ax = plot_arrivals(steps, top=1000, xlabel="learning rate", ylabel="steps")
    >>> [line.get_xydata().tolist() for line in ax.lines]
    [[[0.1, 900.0], [0.2, 500.0]], [[0.4, 1000.0]]]
    >>> plt.close(ax.figure)
    """
    arrived, lost = {}, []
    for label, (x, y) in curves.items():
        x, y = np.asarray(x), np.asarray(y, dtype=float)
        arrived[label] = x[np.isfinite(y)], y[np.isfinite(y)]
        lost.append(x[~np.isfinite(y)])
    ax = plot_curves(
        arrived, xlabel=xlabel, ylabel=ylabel, xscale="log", yscale=yscale, markers=True, ax=ax
    )
    for i, (x, colour) in enumerate(zip(lost, cycle(COLOURS), strict=False)):
        height = np.full(len(x), top * (0.8 if yscale == "log" else 0.94) ** i)
        ax.plot(x, height, "x", color=colour, markersize=7, markeredgewidth=1.5)
    return ax


def label_curves(ax: Axes, places: Mapping[str, tuple[float, float]]) -> Axes:
    """Write beside each curve what it is, in its colour, in place of a legend.

    Parameters
    ----------
    ax : Axes
    places : mapping of text to (x, y)
        In the order of the curves that `plot_curves` drew.

    Returns
    -------
    Axes

    Examples
    --------
    >>> curves = {"training": ([1, 2], [3, 1]), "test": ([1, 2], [4, 3])}
    >>> ax = plot_curves(curves, xlabel="epochs", ylabel="loss", in_legend=False)
    >>> [text.get_text() for text in label_curves(ax, {"training": (1, 2), "test": (2, 3)}).texts]
    ['training', 'test']
    >>> plt.close(ax.figure)
    """
    for (text, (x, y)), colour in zip(places.items(), cycle(COLOURS), strict=False):
        ax.text(x, y, text, color=colour)
    return ax


def arrow_label(ax: Axes, text: str, at: tuple[float, float], offset: tuple[float, float]) -> Axes:
    """Write a text beside a point, with an arrow from the one to the other.

    Parameters
    ----------
    ax : Axes
    text : str
    at : (x, y)
        The point.
    offset : (float, float)
        From there to the text, across and up, in typographic points.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_curves({"loss": ([0, 1, 2], [4, 1, 3])}, xlabel="steps", ylabel="loss")
    >>> arrow_label(ax, "here it turns", (1, 1), (10, 30)).texts[0].get_text()
    'here it turns'
    >>> plt.close(ax.figure)
    """
    arrow = {"arrowstyle": "->"}
    ax.annotate(text, at, xytext=offset, textcoords="offset points", arrowprops=arrow)
    return ax


def name_ticks(ax: Axes, ticks: ArrayLike, names: Sequence[str] | None = None) -> Axes:
    """Put ticks on the horizontal axis at these numbers only, written in full.

    Parameters
    ----------
    ax : Axes
        Its scale has to be set before.
    ticks : array_like of shape (ticks,)
    names : sequence of str, optional
        What to write there; without them the numbers.

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plt.subplots()[1]
    >>> ax.set_xscale("log")
    >>> [text.get_text() for text in name_ticks(ax, [0.05, 0.4]).get_xticklabels()]
    ['0.05', '0.4']
    >>> plt.close(ax.figure)
    """
    ticks = np.asarray(ticks)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks] if names is None else list(names))
    ax.minorticks_off()
    return ax


def log_spaced(most: float, points: int) -> Array:
    """Return whole numbers from 1 to `most`, evenly spaced on a logarithmic axis.

    Parameters
    ----------
    most : float
        The last one, at least 1.
    points : int
        How many to place; those that fall on the same number count once.

    Returns
    -------
    ndarray of int

    Examples
    --------
    >>> log_spaced(100, 5).tolist()
    [1, 3, 10, 31, 100]
    """
    return np.unique(np.geomspace(1, most, points).astype(int))


def plot_filled(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    *,
    xlabel: str,
    ylabel: str,
    xscale: str = "linear",
    yscale: str = "linear",
    ax: Axes | None = None,
) -> Axes:
    """Draw curves whose points are filled where something holds, and open where it does not.

    Parameters
    ----------
    curves : mapping of label to (x, y, holds)
        All of shape (points,), the last of booleans.
    xlabel, ylabel : str
    xscale, yscale : {"linear", "log", "symlog"}
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> runs = {"pixels": ([0.1, 0.2, 0.4], [2.0, 1.0, 3.0], [True, True, False])}
    >>> ax = plot_filled(runs, xlabel="learning rate", ylabel="loss")
    >>> [line.get_xdata().tolist() for line in ax.lines[1:]]  # filled, open
    [[0.1, 0.2], [0.4]]
    >>> plt.close(ax.figure)
    """
    lines = {label: (x, y) for label, (x, y, _) in curves.items()}
    ax = plot_curves(lines, xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale, ax=ax)
    for (x, y, holds), colour, marker in zip(
        curves.values(), cycle(COLOURS), cycle(MARKERS), strict=False
    ):
        x, y, filled = np.asarray(x), np.asarray(y), np.asarray(holds, dtype=bool)
        ax.plot(x[filled], y[filled], marker, color=colour, markersize=6)
        ax.plot(x[~filled], y[~filled], marker, color=colour, markersize=6, markerfacecolor="w")
    return ax


def plot_walks(ax: Axes, paths: Sequence[Array], *, minimum: ArrayLike | None = None) -> Axes:
    """Add the paths of runs from several starts, each start with a marker of its own.

    Parameters
    ----------
    ax : Axes
        Of two weights, as `plot_contours` returns them.
    paths : sequence of ndarray of shape (steps + 1, 2)
    minimum : array_like of shape (2,), optional
        Weights to mark with a star.

    Returns
    -------
    Axes

    Examples
    --------
    >>> from mbgd_lib import Saddle
    >>> ax = plot_contours(Saddle(), ((-1, 1), (-1, 1)))
    >>> ax = plot_walks(ax, [np.array([[0.0, 0.0], [0.5, 0.5]])])
    >>> [line.get_marker() for line in ax.lines]
    ['None', 'o']
    >>> plt.close(ax.figure)
    """
    for path, colour, dash, marker in zip(
        paths, cycle(COLOURS), cycle(DASHES), cycle(MARKERS), strict=False
    ):
        ax.plot(*path.T, color=colour, linestyle=dash, linewidth=1.2)
        ax.plot(*path[0], marker, color=colour, markersize=7)
    if minimum is not None:
        ax.plot(*np.asarray(minimum), "k*", markersize=12)
    return ax


def plot_with_theory(
    theory: Mapping[str, tuple[ArrayLike, ArrayLike]],
    measured: Sequence[tuple[ArrayLike, ArrayLike, ArrayLike]],
    *,
    xlabel: str,
    ylabel: str,
    xscale: str = "log",
    yscale: str = "log",
    ax: Axes | None = None,
) -> Axes:
    """Draw theory as lines and what was measured as points on them, in one legend.

    Parameters
    ----------
    theory : mapping of label to (x, y)
    measured : sequence of (x, y, (low, high))
        The points of each line, in the same order, as in `plot_intervals`.
    xlabel, ylabel : str
    xscale, yscale : {"log", "linear"}
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> points = [1, 2, 4], [0.9, 0.6, 0.2], ([0.7, 0.4, 0.1], [1.1, 0.8, 0.3])
    >>> ax = plot_with_theory({"1/B": ([1, 2, 4], [1, 1 / 2, 1 / 4])}, [points],
    ...                       xlabel="B", ylabel="variance")
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['1/B']
    >>> plt.close(ax.figure)
    """
    if len(measured) != len(theory):
        raise ValueError(
            f"measured must hold points for each of {len(theory)} lines, not {len(measured)}"
        )
    ax = plot_curves(theory, xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale, ax=ax)
    lines = ax.lines[-len(theory) :]
    plot_intervals(ax, dict(zip(theory, measured, strict=True)), in_legend=False)
    points = ax.lines[-len(theory) :]
    # An entry of two artists shows one on top of the other: the line with its marker.
    ax.legend(list(zip(lines, points, strict=True)), list(theory))
    return ax


def plot_training(ways: Mapping[str, Sequence[Training]], *, first: int = 0) -> tuple[Axes, Axes]:
    """Draw training loss and test accuracy of several ways side by side, over the epochs.

    Parameters
    ----------
    ways : mapping of label to sequence of Training
        The runs of each way, one for each seed, as
        `mbgd_lib.instruments.predictions.train_and_test` returns them.
    first : int
        The epoch of the first point: 0 for the start.

    Returns
    -------
    losses, accuracies : Axes
        The first has the legend.

    Examples
    --------
    >>> from mbgd_lib.instruments.predictions import Training
    >>> run = Training(np.zeros(2), np.array([0.7, 0.2]), np.zeros(2), np.array([50, 90]))
    >>> left, right = plot_training({"sorted": [run]})
    >>> right.lines[0].get_ydata().tolist()
    [50.0, 90.0]
    >>> plt.close(left.figure)
    """
    left, right = plt.subplots(1, 2, figsize=(7.2, 3.9))[1]
    losses, accuracies = {}, {}
    for label, runs in ways.items():
        epochs = np.arange(first, len(runs[0].losses))
        losses[label] = epochs, [run.losses[first:] for run in runs]
        accuracies[label] = epochs, [run.accuracies[first:] for run in runs]
    plot_curves(losses, xlabel="epochs", ylabel="training loss", ax=left)
    plot_curves(accuracies, xlabel="epochs", ylabel="test accuracy (%)", in_legend=False, ax=right)
    left.legend(fontsize=9, loc="upper right")
    return left, right


def plot_relative(
    run: ArrayLike, runs: ArrayLike, *, names: tuple[str, str], ax: Axes | None = None
) -> Axes:
    """Draw a run against many others: all over the median of the others, epoch by epoch.

    Parameters
    ----------
    run : array_like of shape (epochs,)
    runs : array_like of shape (seeds, epochs)
        Become a band from the least to the most.
    names : (str, str)
        Of the run and of the others, for the legend.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_relative([4, 1], [[4, 2], [5, 4], [3, 1]], names=("one", "others"))
    >>> ax.lines[1].get_ydata().tolist()
    [1.0, 0.5]
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots()[1]
    others = np.asarray(runs)
    median = np.median(others, axis=0)
    epochs = np.arange(len(median))
    low, high = others.min(axis=0) / median, others.max(axis=0) / median
    ax.fill_between(epochs, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
    ax.axhline(1, color=COLOURS[0], label=names[1])
    ax.plot(epochs, np.asarray(run) / median, "s--", color=COLOURS[1], label=names[0])
    ax.set(xlabel="epochs", xticks=epochs)
    ax.legend()
    return ax


def mark_one(axes: Sequence[Axes], ylabel: str) -> None:
    """Make panels of ratios: a line at 1, a logarithmic horizontal axis, one label for all.

    Parameters
    ----------
    axes : sequence of Axes
        The panels of one figure.
    ylabel : str

    Examples
    --------
    >>> axes = plt.subplots(1, 2)[1]
    >>> mark_one(axes, "measured / theory")
    >>> axes[1].get_xscale(), axes[1].lines[0].get_ydata()
    ('log', [1, 1])
    >>> plt.close(axes[0].figure)
    """
    for ax in axes:
        ax.axhline(1, color="0.4", linewidth=0.8)
        ax.set_xscale("log")
    axes[0].figure.supylabel(ylabel)


def plot_reliability(groups: Mapping[str, Reliability], *, ax: Axes | None = None) -> Axes:
    """Draw how often predictions are right against how sure they are.

    Parameters
    ----------
    groups : mapping of label to Reliability
        As `mbgd_lib.instruments.statistics.reliability` returns them.
    ax : Axes, optional

    Returns
    -------
    Axes
        In per cent, with the diagonal on which calibrated predictions lie.

    Examples
    --------
    >>> from mbgd_lib.instruments.statistics import reliability
    >>> found = reliability([0.6, 0.6, 0.9, 0.9], [True, False, True, True], groups=2)
    >>> ax = plot_reliability({"a model": found})
    >>> ax.lines[0].get_xydata().tolist()
    [[60.0, 50.0], [90.0, 100.0]]
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots(figsize=(5.6, 5))[1]
    points = {
        label: (100 * group.said, 100 * group.found, 100 * np.array([group.low, group.high]))
        for label, group in groups.items()
    }
    plot_intervals(ax, points, joined=True)
    ax.plot([0, 100], [0, 100], color="0.4", linestyle=":", label="calibrated")
    ax.set(xlabel="mean confidence of the group (%)", ylabel="right (%)", aspect="equal")
    ax.legend()
    return ax


def plot_spread(
    values: Mapping[str, ArrayLike], *, xlabel: str, digits: int = 0, ax: Axes | None = None
) -> Axes:
    """Draw each run as a dot, a row for each way, with the median as a line and in writing.

    Parameters
    ----------
    values : mapping of label to array_like of shape (runs,)
        The first on top.
    xlabel : str
    digits : int
        Of the medians, after the point.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_spread({"sorted": [43, 44, 46], "shuffled": [90, 91, 90]}, xlabel="accuracy (%)")
    >>> [text.get_text() for text in ax.texts]
    ['44', '90']
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots(figsize=(7.2, 0.9 + 0.42 * len(values)))[1]
    for row, runs in enumerate(values.values()):
        runs = np.asarray(runs)
        median = float(np.median(runs))
        ax.plot(runs, np.full(len(runs), row), "o", color=COLOURS[0], alpha=0.5, markersize=6)
        ax.plot([median, median], [row - 0.25, row + 0.25], color=COLOURS[1], linewidth=2.5)
        ax.annotate(
            f"{median:.{digits}f}", (runs.max(), row), (8, 0), textcoords="offset points",
            va="center", color=COLOURS[1],
        )  # fmt: skip
    ax.set_yticks(range(len(values)), list(values))
    ax.set(xlabel=xlabel, ylim=(len(values) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    return ax


def plot_directions(
    objective: LeastSquares,
    path: ArrayLike,
    limits: Limits,
    *,
    names: tuple[str, str] = ("intercept $b$", "slope $w$"),
) -> tuple[Axes, Axes]:
    """Draw a run in the two directions in which a step only multiplies.

    Parameters
    ----------
    objective : LeastSquares
        Of two weights.
    path : array_like of shape (steps + 1, 2)
    limits : ((low, high), (low, high))
    names : (str, str)

    Returns
    -------
    contours, distances : Axes
        The first holds the path and the Hessian's eigenvectors, each as long as the contours are
        wide there; the second the distances from the minimum along them, step by step.

    Examples
    --------
    >>> from mbgd_lib import LeastSquares, descend
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> run = descend(objective, [0.0, 0.0], learning_rate=0.4, epochs=9, record_path=True)
    >>> contours, distances = plot_directions(objective, run.path, ((-1, 3), (0, 4)))
    >>> [line.get_label() for line in distances.lines[:2]]
    ['flat', 'steep']
    >>> plt.close(contours.figure)
    """
    _, (contours, distances) = plt.subplots(1, 2, figsize=(7.2, 3.9))
    plot_contours(objective, limits, names=names, ax=contours).set_aspect("equal")
    path, minimum = np.asarray(path), objective.solution()
    contours.plot(*path.T, ".-", color="0.4", linewidth=0.8, markersize=4)
    curvatures, directions = np.linalg.eigh(objective.hessian())
    directions = directions * np.where(directions[1] < 0, -1, 1)  # upwards, on every machine
    lengths = 0.4 * np.ptp(limits[0]) * np.sqrt(curvatures[0] / curvatures)
    components = (path - minimum) @ directions
    for i, label in enumerate(("flat", "steep")):
        end, style = lengths[i] * directions[:, i], {"color": COLOURS[i], "linestyle": DASHES[i]}
        contours.plot(*np.transpose([minimum - end, minimum + end]), linewidth=2, **style)
        contours.annotate(
            label, minimum + end, (4, 4), textcoords="offset points", color=COLOURS[i]
        )
        distances.plot(components[:, i], marker=MARKERS[i], label=label, **style)
    contours.plot(*minimum, "k*", markersize=12, zorder=4)
    contours.plot(*path[0], "ko", markersize=6, zorder=4)
    distances.axhline(0, color="0.4", linewidth=0.8)
    distances.set(xlabel="steps", ylabel="distance from the minimum")
    distances.legend()
    return contours, distances


def plot_differences(
    differences: Mapping[str, ArrayLike], *, xlabel: str, ax: Axes | None = None
) -> Axes:
    """Draw paired differences, a row for each comparison, with a line at 0.

    Parameters
    ----------
    differences : mapping of label to array_like of shape (pairs,)
        Each pair becomes a dot; their mean a marker in its 95 % bootstrap interval.
    xlabel : str
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_differences({"same rate": [0.1, 0.2], "best rates": [0.0, 0.1]},
    ...                       xlabel="test loss, small minus large")
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['same rate', 'best rates']
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots(figsize=(7.2, 3.4))[1]
    for i, values in enumerate(map(np.asarray, differences.values())):
        low, high = bootstrap_interval(values)
        mean = values.mean()
        ax.plot(values, np.full(len(values), i + 0.22), ".", color="0.6", markersize=4)
        ax.errorbar(mean, i, xerr=[[mean - low], [high - mean]], fmt="o", color=COLOURS[0])
    ax.axvline(0, color=COLOURS[1])
    ax.set_yticks(range(len(differences)), list(differences))
    ax.set(xlabel=xlabel, ylim=(len(differences) - 0.4, -0.6))  # the first row on top
    return ax


def plot_gradient_cloud(
    objective: LeastSquares,
    at: ArrayLike,
    batch_sizes: Sequence[int],
    *,
    seed: int,
    limits: Limits,
    count: int = 60,
    learning_rate: float = 0.3,
) -> Sequence[Axes]:
    """Draw the steps that single batches ask for around the step that all rows ask for.

    Parameters
    ----------
    objective : LeastSquares
        Of two weights.
    at : array_like of shape (places, 2)
        Where the gradients are computed.
    batch_sizes : sequence of int
        A panel for each.
    seed : int
    limits : ((low, high), (low, high))
    count : int
        How many batches are drawn at each place, each the first of an epoch of its own.
    learning_rate : float
        The arrows are the gradients times minus this.

    Returns
    -------
    sequence of Axes

    Examples
    --------
    >>> from mbgd_lib import LeastSquares
    >>> objective = LeastSquares([[0.0], [1.0], [2.0]], [1.0, 3.0, 4.0])
    >>> (ax,) = plot_gradient_cloud(objective, [[0.0, 1.0]], [1], seed=0,
    ...                             limits=((-1, 3), (0, 4)), count=5)
    >>> len(ax.lines)  # five batches, and the place itself
    6
    >>> plt.close(ax.figure)
    """
    _, panels = plt.subplots(1, len(batch_sizes), figsize=(7.2, 4.2), sharey=True, squeeze=False)
    rng = np.random.default_rng(seed)
    arrow = {"arrowstyle": "-|>", "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
    for ax, size in zip(panels[0], batch_sizes, strict=True):
        plot_contours(objective, limits, ax=ax)
        for place in np.asarray(at, dtype=float):
            for _ in range(count):
                rows = next(minibatches(objective.n_rows, size, seed=rng))
                end = place - learning_rate * objective.gradient(place, rows)
                ax.plot(*np.transpose([place, end]), color=COLOURS[1], linewidth=0.9, alpha=0.6)
            end = place - learning_rate * objective.gradient(place)
            if np.linalg.norm(end - place) > 1e-9:  # all rows see no slope at the minimum
                ax.annotate("", xy=end, xytext=place, arrowprops=arrow, zorder=4)
            ax.plot(*place, "k.", markersize=5, zorder=1.5)  # no cover for short arrows
        ax.set_title(f"batches of {size}")
    for ax in panels[0, 1:]:
        ax.set_ylabel("")
    return list(panels[0])


def plot_ranges(
    groups: Mapping[str, Mapping[str, ArrayLike]],
    *,
    ylabel: str,
    in_legend: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw the median of each way's runs in a bar from the least to the greatest.

    Parameters
    ----------
    groups : mapping of label to (mapping of way to array_like of shape (runs,))
        Each group has the same ways, which stand side by side.
    ylabel : str
    in_legend : bool
        Whether a legend names the groups.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_ranges({"B = 64": {"constant": [2, 3, 7], "falling": [1, 1, 2]}}, ylabel="loss")
    >>> [text.get_text() for text in ax.get_xticklabels()]
    ['constant', 'falling']
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots()[1]
    points = {}
    for i, (label, ways) in enumerate(groups.items()):
        runs = [np.asarray(values, dtype=float) for values in ways.values()]
        low, middle, high = np.transpose([np.quantile(values, (0, 0.5, 1)) for values in runs])
        points[label] = np.arange(len(runs)) + 0.2 * i, middle, (low, high)
    plot_intervals(ax, points, in_legend=in_legend)
    ax.set_xticks(range(len(ways)), list(ways), rotation=60)
    ax.set_ylabel(ylabel)
    return ax


def plot_edge(
    sweep: Mapping[str, Any], *, rates: Sequence[float], rate: float
) -> tuple[Axes, Axes]:
    """Draw how sharp the loss gets at the edge of stability, and what batches change.

    Parameters
    ----------
    sweep : mapping
        The stored measurement ``edge``.
    rates : sequence of float
        On the left: the sharpness of all rows over the steps at each, and dashed lines at 2 over
        the rate.
    rate : float
        On the right: at this one, sharpness and batch sharpness of each batch size at the end, the
        medians of the last ten looks. Runs that left all bounds are lost.

    Returns
    -------
    left, right : Axes

    Examples
    --------
    >>> run = {"lost": None, "steps": [0, 9], "sharpness": [1, 4], "batch_sharpness": [3, 5]}
    >>> sizes = {"rows": 8, "batch_sizes": [2, 8]}
    >>> stored = {"settings": sizes, "units": {"run 0.5 2": run, "run 0.5 8": run}}
    >>> left, right = plot_edge(stored, rates=[0.5], rate=0.5)
    >>> left.lines[0].get_ydata().tolist(), left.lines[1].get_ydata().tolist()
    ([1.0, 4.0], [4.0, 4.0])
    >>> plt.close(left.figure)
    """
    left, right = plt.subplots(1, 2, figsize=(6.4, 3.9), width_ratios=(1.2, 1))[1]
    settings, units = sweep["settings"], sweep["units"]
    for one, colour in zip(rates, cycle(COLOURS)):
        run = units[f"run {one} {settings['rows']}"]
        left.plot(run["steps"], np.asarray(run["sharpness"], float), color=colour)
        left.plot([0, max(run["steps"])], [2 / one] * 2, "--", color=colour, linewidth=1)
        left.annotate(
            f"rate {one}", (max(run["steps"]), 2 / one), (0, -14), textcoords="offset points",
            color=colour, ha="right",
        )  # fmt: skip
    left.set(xlabel="steps, with all rows", ylabel="sharpness", ylim=(0, None))
    places = range(len(settings["batch_sizes"]))
    runs = [units[f"run {rate} {size}"] for size in settings["batch_sizes"]]
    stand = [i for i in places if runs[i]["lost"] is None]
    names = {"sharpness": "sharpness", "batch_sharpness": "batch\nsharpness"}
    for (name, text), colour, marker, up in zip(
        names.items(), COLOURS, MARKERS, (-14, 26), strict=False
    ):
        # All rows are no draw of a batch: their line has the sharpness alone.
        shown = [i for i in stand if name == "sharpness" or i < len(runs) - 1]
        ends = [np.median(runs[i][name][-10:]) for i in shown]
        right.plot(shown, ends, f"{marker}-", color=colour)
        right.annotate(
            text, (shown[0], ends[0]), (0, up), textcoords="offset points", color=colour,
            va="top" if up < 0 else "bottom",
        )  # fmt: skip
    right.axhline(2 / rate, color="0.4", linestyle="--", linewidth=1)
    right.text(-0.3, 2 / rate * 1.02, "2/rate", color="0.35")
    for i in sorted({*places} - {*stand}):
        right.text(i, 0.06 / rate, "lost", color="0.35", ha="center")
    sizes = [*map(str, settings["batch_sizes"][:-1]), "all"]
    right.set(
        xlabel=f"batch size (rows), rate {rate}",
        ylim=(0, 2.8 / rate),
        xlim=(-0.4, places[-1] + 0.4),
    )
    right.set_xticks(places, sizes)
    return left, right
