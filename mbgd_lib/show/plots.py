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
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

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
    for (label, (x, y)), colour, dash in zip(
        curves.items(), cycle(COLOURS), cycle(DASHES), strict=False
    ):
        y = np.asarray(y)
        if y.ndim == 2:
            low, y, high = quantile_band(y)
            ax.fill_between(np.asarray(x), low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(np.asarray(x), y, color=colour, linestyle=dash, label=label)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale=xscale, yscale=yscale)
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
    for (label, (x, y)), colour, marker in zip(
        points.items(), cycle(COLOURS), cycle(MARKERS), strict=False
    ):
        y = np.asarray(y)
        bars = None
        if y.ndim == 2:
            low, y, high = quantile_band(y)
            bars = np.stack([y - low, high - y])
        ax.errorbar(
            np.asarray(x),
            y,
            yerr=bars,
            fmt=marker,
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
    least, most = losses.min(), losses.max()
    # A quadratic grows with the square of the distance, so square levels give even spacing.
    levels = least + (most - least) * np.linspace(0, 1, 15)[1:] ** 2
    ax.contour(first, second, losses, levels=levels, colors="0.6", linewidths=0.8)
    ax.set(xlabel=names[0], ylabel=names[1], xlim=limits[0], ylim=limits[1])
    ax.grid(False)
    return ax


def plot_surface(
    objective: Objective,
    limits: Limits,
    *,
    at: ArrayLike,
    arrow_length: float,
    minimum: ArrayLike | None = None,
    names: tuple[str, str] = ("intercept $b$", "slope $w$"),
) -> Figure:
    """Draw a loss of two weights as a surface and as contours with downhill arrows.

    Parameters
    ----------
    objective : Objective
        Of two weights.
    limits : ((low, high), (low, high))
    at : array_like of shape (arrows, 2)
        The weights at which to draw the direction of the negative gradient.
    arrow_length : float
        In units of the weights, the same for all arrows: they show directions.
    minimum : array_like of shape (2,), optional
        Weights to mark with a star.
    names : (str, str)

    Returns
    -------
    Figure
        Its first axes hold the surface, its second the contours.

    Examples
    --------
    >>> from mbgd_lib import Saddle
    >>> figure = plot_surface(Saddle(), ((-1, 1), (-1, 1)), at=[[0.5, 0.5]], arrow_length=0.3)
    >>> surface, contours = figure.axes
    >>> plt.close(figure)
    """
    figure = plt.figure(figsize=(7.2, 3.6))
    surface = figure.add_subplot(1, 2, 1, projection="3d")
    first, second, losses = loss_grid(objective, limits, points=41)
    surface.plot_surface(
        *np.meshgrid(first, second), losses, cmap="viridis", linewidth=0, antialiased=False
    )
    surface.set(xlabel=names[0], ylabel=names[1])
    surface.set_title("loss", fontsize=11)
    surface.view_init(elev=28, azim=-60)
    contours = plot_contours(objective, limits, names=names, ax=figure.add_subplot(1, 2, 2))
    contours.set_aspect("equal")
    if minimum is not None:
        contours.plot(*np.asarray(minimum), "k*", markersize=12)
    for weights in np.asarray(at, dtype=float):
        downhill = -objective.gradient(weights)
        tip = weights + arrow_length * downhill / np.linalg.norm(downhill)
        contours.annotate(
            "",
            xy=(tip[0], tip[1]),
            xytext=(weights[0], weights[1]),
            arrowprops={"arrowstyle": "-|>", "color": COLOURS[1], "linewidth": 1.5},
        )
        contours.plot(*weights, "o", color=COLOURS[1], markersize=4)
    return figure


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
    X: Array, y: Array, lines: Mapping[str, ArrayLike], *, xlabel: str, ylabel: str,
    ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw rows of one feature and the lines that were fitted to them.

    Parameters
    ----------
    X : ndarray of shape (n, 1)
    y : ndarray of shape (n,)
    lines : mapping of label to (intercept, slope)
    xlabel, ylabel : str
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
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.legend()
    return ax
