"""Figures that are pictures more than curves: maps, tables of colours, images of digits.

As in `plots`, each function returns the axes that it drew on, so that a test can read from
them what a caption says. Colour never stands alone: cells carry their numbers, places their
markers, images their titles.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import finite_array, whole_number
from mbgd_lib.show.plots import COLOURS, Limits

Array = NDArray[Any]

# Where runs end: at the first, second and third place, or at none of them.
PLACES = (COLOURS[0], "#e69f00", COLOURS[3], "#d9d9d9")
PLACE_MARKERS = ("*", "s", "^")


def plot_visits(
    visits: Mapping[str, Sequence[ArrayLike]], n_rows: int, *, epochs: int = 2
) -> list[Axes]:
    """Draw which rows each step uses, for four orders, each on a panel of its own.

    Squares are rows used once in a batch, diamonds twice, stars three times. A line across an
    epoch marks a row that it misses.

    Parameters
    ----------
    visits : mapping of title to sequence of row numbers
        Four orders; each a list of batches, as many in every epoch.
    n_rows : int
    epochs : int

    Returns
    -------
    list of four Axes

    Examples
    --------
    >>> from mbgd_lib import minibatches
    >>> visits = {f"seed {seed}": list(minibatches(6, 2, epochs=2, seed=seed))
    ...           for seed in range(4)}
    >>> axes = plot_visits(visits, 6)
    >>> [len(line.get_xdata()) for line in axes[0].lines[:3]]  # used once, twice, three times
    [12, 0, 0]
    >>> plt.close(axes[0].figure)
    """
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 6.4), sharex=True, sharey=True)
    for ax, (title, batches) in zip(axes.flat, visits.items(), strict=True):
        counts = np.array([np.bincount(rows, minlength=n_rows) for rows in batches])
        for times, colour, marker in ((1, 0, "s"), (2, 1, "D"), (3, 1, "*")):
            step, row = np.nonzero(counts == times)
            ax.plot(step + 1, row, marker, color=COLOURS[colour], markersize=4 + times)
        ends = np.linspace(0, len(counts), epochs + 1).astype(int)
        for first, end in pairwise(ends):
            missed = np.flatnonzero(counts[first:end].sum(axis=0) == 0)
            ax.hlines(missed, first + 0.6, end + 0.4, color=COLOURS[3], linewidth=1.5)
        for end in ends[1:-1]:
            ax.axvline(end + 0.5, color="0.4", linewidth=0.8)
        ax.set(title=title, xlim=(0.4, len(counts) + 0.6), ylim=(n_rows, -1))
        ax.set_xticks(range(1, len(counts) + 1))
        ax.grid(False)
    figure.supxlabel("step (the line separates two epochs)")
    figure.supylabel("row")
    return list(axes.flat)


def plot_table(
    values: ArrayLike,
    texts: ArrayLike,
    *,
    cmap: str = "viridis",
    limits: tuple[float, float],
    white: tuple[float, float],
    ax: Axes | None = None,
) -> Axes:
    """Draw a table whose cells have a colour for a value, and a text.

    Parameters
    ----------
    values : array_like of shape (rows, columns)
        The first row lies at the bottom; a cell that is not a number stays without a colour.
    texts : array_like of str, shape (rows, columns)
    cmap : str
        Name of a Matplotlib colour map.
    limits : (low, high)
        The values of its two ends.
    white : (low, high)
        Where the text must be white to be read on the colour; elsewhere it is black.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its only image is the table, ``ax.images[0]``, for a colour bar.

    Examples
    --------
    >>> ax = plot_table([[0, 50], [100, 0]], [["a", "b"], ["c", "d"]], limits=(0, 100),
    ...                 white=(0, 60))
    >>> [(text.get_text(), text.get_color()) for text in ax.texts]
    [('a', 'white'), ('b', 'white'), ('c', 'black'), ('d', 'white')]
    >>> plt.close(ax.figure)
    """
    values, texts = np.asarray(values, dtype=float), np.asarray(texts)
    if values.ndim != 2 or texts.shape != values.shape:
        raise ValueError(f"texts must have the shape of values, {values.shape}, not {texts.shape}")
    ax = ax or plt.subplots()[1]
    ax.imshow(values, cmap=cmap, vmin=limits[0], vmax=limits[1], aspect="auto", origin="lower")
    for i, j in np.ndindex(values.shape):
        colour = "white" if white[0] <= values[i, j] <= white[1] else "black"
        ax.text(j, i, str(texts[i, j]), ha="center", va="center", color=colour, fontsize=10)
    ax.grid(False)
    return ax


def plot_confusion(counts: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw how many rows of each class are called what; the mistakes are coloured.

    Parameters
    ----------
    counts : array_like of int, shape (classes, classes)
        ``counts[i, j]`` rows of class i are called j.
    ax : Axes, optional

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = plot_confusion([[9, 1], [2, 8]])
    >>> [(text.get_text(), text.get_weight()) for text in ax.texts]
    [('9', 'bold'), ('1', 'normal'), ('2', 'normal'), ('8', 'bold')]
    >>> plt.close(ax.figure)
    """
    counts = np.asarray(counts)
    mistakes = counts.astype(float)
    np.fill_diagonal(mistakes, np.nan)
    most = np.nanmax(mistakes)
    ax = ax or plt.subplots(figsize=(5.6, 5))[1]
    plot_table(
        mistakes, counts.astype(str), cmap="Blues", limits=(0, most), white=(0.6 * most, most),
        ax=ax,
    )  # fmt: skip
    for text in ax.texts:
        text.set(fontsize=9)
        if text.get_position()[0] == text.get_position()[1]:
            text.set(weight="bold")
    ticks = range(len(counts))
    ax.set(xticks=ticks, yticks=ticks, xlabel="called", ylabel="is", aspect="equal")
    ax.invert_yaxis()
    return ax


def plot_basins(
    maps: Mapping[str, ArrayLike],
    limits: Limits,
    places: ArrayLike,
    *,
    square: Limits,
    ends: Sequence[str] = (),
    names: tuple[str, str] = ("intercept $b$ at the start", "slope $w$ at the start"),
) -> list[Axes]:
    """Draw where the runs from a grid of starts end, for four settings, a panel each.

    Parameters
    ----------
    maps : mapping of title to array_like of int, shape (points, points)
        Four maps, ``[j, i]`` for start i across and j up: the number of a place, or as many as
        there are places for none of them.
    limits : ((low, high), (low, high))
        The first and last starts, across and up.
    places : array_like of shape (places, 2)
        Up to three, marked by a star, a square and a triangle.
    square : ((low, high), (low, high))
        Is outlined.
    ends : sequence of str
        What the colours mean, for a legend: a name for each place, and one for none of them.
    names : (str, str)

    Returns
    -------
    list of four Axes

    Examples
    --------
    >>> maps = {str(i): [[0, 1], [0, 1]] for i in range(4)}
    >>> sides = ((-1, 1), (-1, 1))
    >>> axes = plot_basins(maps, sides, [[-1, 0], [1, 0]], square=sides)
    >>> axes[0].images[0].get_extent()  # half a cell around the outer starts
    [-2.0, 2.0, -2.0, 2.0]
    >>> plt.close(axes[0].figure)
    """
    places = finite_array("places", places, ndim=2)
    whole_number("len(places)", len(places), 1, len(PLACE_MARKERS))
    colours = ListedColormap([*PLACES[: len(places)], PLACES[-1]])
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 7.0), sharex=True, sharey=True)
    for ax, (title, found) in zip(axes.flat, maps.items(), strict=True):
        found = np.asarray(found)
        extent: list[float] = []
        for (low, high), points in zip(limits, found.shape[::-1], strict=True):
            half = (high - low) / (points - 1) / 2
            extent += [low - half, high + half]
        ax.imshow(
            found, cmap=colours, vmin=0, vmax=len(places), origin="lower", extent=tuple(extent)
        )
        for place, marker in zip(places, PLACE_MARKERS, strict=False):
            ax.plot(*place, marker, color="white", markeredgecolor="black", markersize=9)
        (left, right), (bottom, top) = square
        corners = [left, right, right, left, left], [bottom, bottom, top, top, bottom]
        ax.plot(*corners, "k--", linewidth=0.8)
        ax.set_title(title)
        ax.grid(False)
    if ends:
        shown = zip(colours(range(len(places) + 1)), ends, strict=True)
        patches = [Patch(facecolor=colour, edgecolor="0.4", label=end) for colour, end in shown]
        figure.legend(handles=patches, loc="outside upper center", ncols=2)
    figure.supxlabel(names[0])
    figure.supylabel(names[1])
    return list(axes.flat)


def plot_stretches(
    shares: ArrayLike, steps: ArrayLike, stretches: ArrayLike, *, ax: Axes | None = None
) -> Axes:
    """Draw shares of the classes along a run, with a box where a class alone is trained.

    Parameters
    ----------
    shares : array_like of shape (moments, classes)
        In per cent.
    steps : array_like of shape (moments + 1,)
        The steps between which each moment's column is drawn.
    stretches : array_like of shape (classes + 1,)
        Class c is trained from step ``stretches[c]`` to ``stretches[c + 1]``.
    ax : Axes, optional

    Returns
    -------
    Axes
        Its first collection is the map, ``ax.collections[0]``, for a colour bar.

    Examples
    --------
    >>> ax = plot_stretches([[90, 10], [20, 80]], [0, 5, 10], [0, 5, 10])
    >>> [(box.get_xy(), box.get_width()) for box in ax.patches]
    [((np.float64(0.0), -0.5), np.float64(5.0)), ((np.float64(5.0), 0.5), np.float64(5.0))]
    >>> plt.close(ax.figure)
    """
    shares, stretches = np.asarray(shares), np.asarray(stretches, dtype=float)
    ax = ax or plt.subplots()[1]
    rows = np.arange(shares.shape[1] + 1) - 0.5
    ax.pcolormesh(np.asarray(steps), rows, shares.T, cmap="viridis", vmin=0)
    for c, (first, end) in enumerate(pairwise(stretches)):
        box = Rectangle((first, c - 0.5), end - first, 1, fill=False, color="w", linewidth=1.5)
        ax.add_patch(box)
    ax.set_yticks(range(shares.shape[1]))
    ax.grid(False)
    return ax


def plot_digits(
    pictures: ArrayLike, titles: Sequence[object], *, cmap: str = "gray_r", limit: float = 255
) -> list[Axes]:
    """Draw images of digits in rows of five, each under its title.

    Parameters
    ----------
    pictures : array_like of shape (images, height, width) or (images, pixels)
        Square images may come as flat rows of pixels.
    titles : sequence
        One for each image.
    cmap : str
        Name of a Matplotlib colour map. One that diverges, "RdBu" for example, is centred on 0.
    limit : float
        The value of its upper end.

    Returns
    -------
    list of Axes

    Examples
    --------
    >>> axes = plot_digits(np.zeros((2, 784)), ["is 6, called 0", "is 4, called 9"])
    >>> axes[1].get_title(), axes[1].images[0].get_array().shape
    ('is 4, called 9', (28, 28))
    >>> plt.close(axes[0].figure)
    """
    pictures = np.asarray(pictures)
    if pictures.ndim == 2:
        side = int(np.sqrt(pictures.shape[1]))
        pictures = pictures.reshape(-1, side, side)
    lines = -(-len(pictures) // 5)
    extra = 0.2 * max(str(title).count("\n") for title in titles)
    size = (7.2, lines * (1.75 + extra))
    axes = plt.subplots(lines, 5, figsize=size, squeeze=False)[1]
    low = -limit if cmap in ("RdBu", "RdBu_r") else 0
    for ax in axes.flat[len(pictures) :]:
        ax.set_axis_off()
    shown = list(axes.flat[: len(pictures)])
    for ax, picture, title in zip(shown, pictures, titles, strict=True):
        ax.imshow(picture, cmap=cmap, vmin=low, vmax=limit)
        ax.set_title(title, fontsize=10 if extra else None)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    return shown


def plot_bands(
    first: Array,
    second: Array,
    losses: Array,
    *,
    step: float,
    names: tuple[str, str] = ("intercept $b$", "slope $w$"),
    ax: Axes | None = None,
) -> Axes:
    """Draw a rugged loss of two weights as bands of colour.

    Parameters
    ----------
    first, second, losses
        As `mbgd_lib.show.plots.loss_grid` returns them.
    step : float
        The loss between two lines; they go as far up and down as the smaller end of the losses
        in whole steps.
    names : (str, str)
    ax : Axes, optional

    Returns
    -------
    Axes
        Its first collection is the bands, ``ax.collections[0]``, for a colour bar.

    Examples
    --------
    >>> from mbgd_lib import Saddle
    >>> from mbgd_lib.show.plots import loss_grid
    >>> ax = plot_bands(*loss_grid(Saddle(), ((-1, 1), (-1, 1)), points=5), step=0.5)
    >>> ax.collections[0].levels
    array([-1. , -0.5,  0. ,  0.5,  1. ])
    >>> plt.close(ax.figure)
    """
    ax = ax or plt.subplots()[1]
    most = int(min(-losses.min(), losses.max()) / step)
    levels = step * np.arange(-most, most + 1)
    ax.contourf(first, second, losses, levels, cmap="viridis", extend="both")
    ax.contour(first, second, losses, levels, colors="white", linewidths=0.4)
    ax.set(xlabel=names[0], ylabel=names[1], aspect="equal")
    ax.grid(False)
    return ax


def mark_places(ax: Axes, places: Mapping[str, ArrayLike]) -> Axes:
    """Mark up to three places on a map with a star, a square and a triangle, and name them.

    Parameters
    ----------
    ax : Axes
    places : mapping of name to array_like of shape (2,)

    Returns
    -------
    Axes

    Examples
    --------
    >>> ax = mark_places(plt.subplots()[1], {"deep": [0, 1], "flat": [1, 1]})
    >>> [text.get_text() for text in ax.texts]
    ['deep', 'flat']
    >>> plt.close(ax.figure)
    """
    whole_number("len(places)", len(places), 1, len(PLACE_MARKERS))
    for (name, place), marker in zip(places.items(), PLACE_MARKERS, strict=False):
        at = np.asarray(place, dtype=float)
        ax.plot(*at, marker, color="white", markeredgecolor="black", markersize=11, zorder=5)
        box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "alpha": 0.85, "linewidth": 0}
        ax.annotate(
            name, (at[0], at[1]), (0, -15), textcoords="offset points", ha="center", va="center",
            fontsize=9, color="black", bbox=box, zorder=6,
        )  # fmt: skip
    return ax


def plot_landscape(
    first: Array,
    second: Array,
    losses: Array,
    *,
    step: float,
    places: Mapping[str, ArrayLike],
    cut: float,
    names: tuple[str, str] = ("intercept $b$", "slope $w$"),
) -> tuple[Axes, Axes]:
    """Draw a rugged loss from above, with its minima named, and along one line.

    Parameters
    ----------
    first, second, losses, step
        As in `plot_bands`.
    places : mapping of name to array_like of shape (2,)
        Up to three minima. Those that lie on the line are named on it too.
    cut : float
        The line is where the second weight is nearest to this.
    names : (str, str)

    Returns
    -------
    from above, along the line : Axes

    Examples
    --------
    >>> from mbgd_lib import Saddle
    >>> from mbgd_lib.show.plots import loss_grid
    >>> grid = loss_grid(Saddle(), ((-1, 1), (-1, 1)), points=5)
    >>> above, along = plot_landscape(*grid, step=0.5, places={"low": [0, 1]}, cut=1)
    >>> along.lines[0].get_ydata().tolist()
    [0.0, -0.75, -1.0, -0.75, 0.0]
    >>> plt.close(above.figure)
    """
    _, (above, along) = plt.subplots(1, 2, figsize=(7.2, 3.9))
    plot_bands(first, second, losses, step=step, names=names, ax=above)
    above.axhline(cut, color="black", linestyle="--", linewidth=1)
    mark_places(above, places)
    row = int(np.argmin(np.abs(second - cut)))
    along.plot(first, losses[row])
    spacing = second[1] - second[0]
    on_line = {
        name: (place[0], np.interp(place[0], first, losses[row]))
        for name, place in ((name, np.asarray(place)) for name, place in places.items())
        if abs(place[1] - cut) <= spacing
    }
    mark_places(along, on_line)
    along.margins(y=0.12)
    along.set(xlabel=f"{names[0]}, along the dashed line", ylabel="loss")
    return above, along
