"""The pictures show what they are given: checked on the artists, not on pixels."""

from collections.abc import Iterator

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from mbgd_lib import Saddle
from mbgd_lib.show import pictures, plots


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    mpl.use("agg")
    yield
    plt.close("all")


# --- Visits ---


def test_visits_mark_each_use_and_each_row_that_is_missed():
    whole = [[0, 1], [2, 3], [3, 2], [1, 0]]  # two epochs, each row once
    ragged = [[0, 0], [1, 3], [2, 2], [2, 1]]  # misses row 2, then rows 0 and 3
    axes = pictures.plot_visits({"a": whole, "b": ragged, "c": whole, "d": whole}, 4)

    assert [ax.get_title() for ax in axes] == ["a", "b", "c", "d"]
    once, twice, thrice = axes[0].lines[:3]
    assert {tuple(point) for point in once.get_xydata()} == {
        (step + 1, row) for step, batch in enumerate(whole) for row in batch
    }
    assert len(twice.get_xdata()) == len(thrice.get_xdata()) == 0
    twice = axes[1].lines[1]
    assert twice.get_xydata().tolist() == [[1, 0], [3, 2]]
    missed = [{y for _, y in np.concatenate(c.get_segments())} for c in axes[1].collections]
    assert missed == [{2.0}, {0.0, 3.0}]
    assert [len(c.get_segments()) for c in axes[0].collections] == [0, 0]
    assert axes[0].lines[3].get_xdata() == [2.5, 2.5]  # between the epochs


# --- Tables of colours ---


def test_a_table_has_its_first_row_at_the_bottom_and_a_text_on_each_cell():
    values = np.array([[0.0, 30.0, 60.0], [10.0, 20.0, 50.0]])
    texts = np.array([["a", "b", "c"], ["d", "e", "f"]])
    ax = pictures.plot_table(values, texts, limits=(0, 60), white=(0, 25))

    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), values)
    assert image.origin == "lower"
    assert image.get_clim() == (0, 60)
    for text in ax.texts:
        column, row = text.get_position()
        assert text.get_text() == texts[row, column]
        assert text.get_color() == ("white" if values[row, column] <= 25 else "black")


def test_a_table_needs_a_text_for_each_cell():
    with pytest.raises(ValueError, match=r"shape of values, \(2, 2\), not \(2,\)"):
        pictures.plot_table(np.eye(2), ["a", "b"], limits=(0, 1), white=(0, 1))


def test_confusion_colours_mistakes_alone_and_reads_from_the_top():
    counts = np.array([[50, 9, 1], [0, 60, 2], [3, 4, 70]])
    ax = pictures.plot_confusion(counts)

    shown = np.ma.filled(ax.images[0].get_array().astype(float), np.nan)
    assert np.isnan(np.diag(shown)).all()
    np.testing.assert_array_equal(shown[~np.eye(3, dtype=bool)], counts[~np.eye(3, dtype=bool)])
    assert ax.images[0].get_clim() == (0, 9)
    bold = [text.get_text() for text in ax.texts if text.get_weight() == "bold"]
    assert bold == ["50", "60", "70"]
    white = [text.get_text() for text in ax.texts if text.get_color() == "white"]
    assert white == ["9"]
    bottom, top = ax.get_ylim()
    assert bottom > top
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("called", "is")


# --- Maps ---

SIDES = ((-10.0, 10.0), (-20.0, 20.0))


def test_basins_colour_each_start_by_its_place():
    found = np.array([[0, 1, 3], [2, 3, 1], [0, 0, 2], [1, 1, 1], [3, 2, 0]])
    places = np.array([[-5.0, 0.0], [5.0, 0.0], [0.0, 10.0]])
    square = ((-1.0, 1.0), (-2.0, 2.0))
    axes = pictures.plot_basins({f"map {i}": found for i in range(4)}, SIDES, places, square=square)

    assert [ax.get_title() for ax in axes] == ["map 0", "map 1", "map 2", "map 3"]
    image = axes[0].images[0]
    np.testing.assert_array_equal(image.get_array(), found)
    assert image.get_extent() == [-15.0, 15.0, -25.0, 25.0]
    colours = [to_hex(image.to_rgba(np.array([place]))[0]) for place in range(4)]
    assert colours == list(pictures.PLACES)
    *marks, outline = axes[0].lines
    np.testing.assert_array_equal([mark.get_xydata()[0] for mark in marks], places)
    assert [mark.get_marker() for mark in marks] == ["*", "s", "^"]
    assert outline.get_xdata().min() == -1
    assert outline.get_ydata().max() == 2


def test_nowhere_is_grey_however_many_places_there_are():
    found = np.array([[0, 1], [1, 0]])
    axes = pictures.plot_basins({str(i): found for i in range(4)}, SIDES, [[0, 0]], square=SIDES)
    image = axes[0].images[0]
    assert to_hex(image.to_rgba(np.array([1]))[0]) == pictures.PLACES[-1]


def test_more_places_than_markers_are_refused():
    with pytest.raises(ValueError, match=r"len\(places\)"):
        pictures.plot_basins({}, SIDES, np.zeros((4, 2)), square=SIDES)


def test_bands_lie_at_whole_steps_within_the_losses():
    grid = plots.loss_grid(Saddle(), ((-2, 2), (-1, 1)), points=9)  # from -1 to 4
    ax = pictures.plot_bands(*grid, step=0.3)
    np.testing.assert_allclose(ax.collections[0].levels, 0.3 * np.arange(-3, 4))


# --- Classes along a run ---


def test_boxes_stand_where_a_class_alone_is_trained():
    shares = np.array([[90.0, 5.0, 5.0], [10.0, 80.0, 10.0]])
    ax = pictures.plot_stretches(shares, [-0.5, 7.5, 15.5], [0, 4, 9, 16])

    np.testing.assert_array_equal(ax.collections[0].get_array(), shares.T)
    assert ax.collections[0].get_clim() == (0, 90)
    boxes = [(*box.get_xy(), box.get_width(), box.get_height()) for box in ax.patches]
    assert boxes == [(0, -0.5, 4, 1), (4, 0.5, 5, 1), (9, 1.5, 7, 1)]


# --- Digits ---


def test_digits_are_drawn_in_rows_of_five_under_their_titles():
    pixels = np.arange(7 * 16.0).reshape(7, 16)
    axes = pictures.plot_digits(pixels, range(7), limit=112)
    assert len(axes) == 7
    for ax, image, title in zip(axes, pixels, range(7), strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), image.reshape(4, 4))
        assert ax.images[0].get_clim() == (0, 112)
        assert ax.get_title() == str(title)
    assert [ax.axison for ax in axes[0].figure.axes] == [True] * 7 + [False] * 3


def test_a_map_that_diverges_is_centred_on_zero():
    axes = pictures.plot_digits(np.zeros((1, 2, 2)), ["w"], cmap="RdBu", limit=0.7)
    assert axes[0].images[0].get_clim() == (-0.7, 0.7)


def test_basins_name_their_colours():
    found = np.array([[0, 1], [2, 1]])
    places, names = [[0, 0], [5, 5]], ["deep", "flat", "elsewhere"]
    maps = {str(i): found for i in range(4)}
    axes = pictures.plot_basins(maps, SIDES, places, square=SIDES, ends=names)
    (legend,) = axes[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names
    colours = [to_hex(patch.get_facecolor()) for patch in legend.get_patches()]
    assert colours == [*pictures.PLACES[:2], pictures.PLACES[-1]]


def test_a_landscape_names_a_minimum_on_the_line_only_if_it_lies_there():
    grid = plots.loss_grid(Saddle(), ((-2, 2), (-1, 1)), points=9)
    places = {"on it": [0.0, 1.0], "off it": [1.0, -0.5]}
    above, along = pictures.plot_landscape(*grid, step=0.3, places=places, cut=0.9)
    assert [text.get_text() for text in above.texts] == ["on it", "off it"]
    assert [text.get_text() for text in along.texts] == ["on it"]
    curve, mark = along.lines
    np.testing.assert_allclose(curve.get_ydata(), np.linspace(-2, 2, 9) ** 2 - 1)
    assert mark.get_xydata().tolist() == [[0, -1]]
    np.testing.assert_allclose(above.collections[0].levels, 0.3 * np.arange(-3, 4))
