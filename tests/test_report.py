import ast

import numpy as np
import pytest
from myst_nb.ext import glue

from mbgd_lib.instruments.statistics import estimate
from mbgd_lib.show import report


@pytest.fixture
def displayed(monkeypatch):
    """What is sent to the page: a list of (data, options)."""
    calls = []
    monkeypatch.setattr(report, "display", lambda data, **options: calls.append((data, options)))
    return calls


def pasted(displayed):
    """The quoted text by its name, as the page reads it."""
    texts = {}
    for data, options in displayed:
        (text,) = data.values()
        texts[options["metadata"]["scrapbook"]["name"]] = ast.literal_eval(text)
    return texts


def test_every_name_is_printed_in_order_and_aligned(displayed, capsys):
    report.quote(batches=225, limit="0.0739", σ="1.2 ± 0.1")

    assert capsys.readouterr().out == "batches = 225\nlimit   = 0.0739\nσ       = 1.2 ± 0.1\n"


def test_what_is_printed_is_what_is_pasted(displayed, capsys):
    numbers = {
        "n": 8000,
        "steps": np.int64(12),
        "rate": "0.0730",
        "quoted": 'it\'s "so"',
        "big": "3 × 10⁹",
        "text": "007",
    }

    report.quote(**numbers)

    assert pasted(displayed) == {name: str(value) for name, value in numbers.items()}
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" = ")[1] for line in lines] == list(pasted(displayed).values())


def test_values_are_sent_as_myst_nb_sends_its_own(displayed, monkeypatch):
    theirs = []
    monkeypatch.setattr(glue, "ipy_display", lambda data, **options: theirs.append((data, options)))

    report.quote(limit="0.0739")
    glue.glue("limit", "0.0739", display=False)

    assert displayed == theirs


@pytest.mark.parametrize("value", [0.0739, np.float64(1), None, [1]])
def test_what_is_neither_text_nor_an_int_is_refused_before_anything_is_shown(
    displayed, capsys, value
):
    with pytest.raises(TypeError) as caught:
        report.quote(good="1", limit=value)

    message = f"limit must be a string or an int, not {value!r}: format it first"
    assert str(caught.value) == message
    assert displayed == []
    assert capsys.readouterr().out == ""


def test_digits_write_numbers_and_pairs(displayed, capsys):
    report.quote(
        digits=2, slope=-0.4931, ends=np.array([-0.511, -0.474]), runs=1000, best=np.float32(7)
    )

    numbers = {"slope": "−0.49", "ends": "−0.51 to −0.47", "runs": "1000", "best": "7.00"}
    assert pasted(displayed) == numbers
    assert "ends  = −0.51 to −0.47" in capsys.readouterr().out


@pytest.mark.parametrize("value", [None, [0.1, 0.2, 0.3], {"a": 1}])
def test_with_digits_too_a_value_is_a_number_or_a_pair(displayed, value):
    with pytest.raises(TypeError, match="limit must be a number or a pair of numbers, not "):
        report.quote(digits=2, limit=value)
    assert displayed == []


def test_nothing_is_shown_of_nothing(displayed, capsys):
    report.quote()

    assert displayed == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("number", "options", "text"),
    [
        (-0.4931, {}, "−0.49"),
        (0.4931, {"plus": True}, "+0.49"),
        (0.4931, {}, "0.49"),
        (-1234567.8, {"digits": 0}, "−1,234,568"),
        (-0.001, {}, "0.00"),
        (np.float32(-0.5), {"digits": 1}, "−0.5"),
        (float("-inf"), {}, "−inf"),
    ],
)
def test_a_number_has_a_true_minus_sign(number, options, text):
    assert report.signed(number, **options) == text


def test_an_interval_is_written_in_full():
    assert report.interval((1.0449, 1.4851)) == "1.04 to 1.49"
    assert report.interval(np.array([-1.011, -0.994]), 3) == "−1.011 to −0.994"
    assert report.interval((3, 3), 0) == "3 to 3"
    assert report.with_interval(-1.003, (-1.011, -0.994), 3) == "−1.003 [−1.011, −0.994]"


@pytest.mark.parametrize("ends", [(2.0, 1.0), (1.0,), (1.0, 2.0, 3.0), (1.0, float("nan"))])
def test_an_interval_has_a_low_and_a_high_end(ends):
    with pytest.raises(ValueError, match="ends must be a low one and a high one"):
        report.interval(ends)
    with pytest.raises(ValueError, match="ends must be a low one and a high one"):
        report.with_interval(1.5, ends)


@pytest.mark.parametrize("digits", [-1, 2.5])
def test_digits_are_a_whole_number(digits):
    with pytest.raises((TypeError, ValueError), match="digits must be"):
        report.signed(1.0, digits)


def test_a_table_is_aligned(capsys):
    report.table(["features", "steps"], [["raw", "25,400,000"], ["standardised", 13]])
    assert capsys.readouterr().out == (
        "features           steps\nraw           25,400,000\nstandardised          13\n"
    )


def test_a_table_without_rows_is_its_heads(capsys):
    report.table(["features", "steps"], [])
    assert capsys.readouterr().out == "features  steps\n"


def test_a_tables_cells_are_formatted_before(capsys):
    with pytest.raises(TypeError, match=r"a cell must be a string or an int, not 0\.5"):
        report.table(["a", "b"], [["x", 1], ["y", 0.5]])
    with pytest.raises(ValueError, match="a row must have 2 cells"):
        report.table(["a", "b"], [["x", 1], ["y"]])
    assert capsys.readouterr().out == ""


def test_an_estimate_is_quoted_with_its_interval(displayed):
    found = estimate(np.array([1.0, 2.0, 3.0, 4.0]))
    report.quote(digits=1, steps=found, rate=0.25)
    low, high = found[1]
    expected = {"steps": "2.5", "steps_interval": f"{low:.1f} to {high:.1f}", "rate": "0.2"}
    assert pasted(displayed) == expected


def test_an_estimate_without_digits_is_refused(displayed):
    with pytest.raises(TypeError, match="steps must be a string or an int"):
        report.quote(steps=estimate([1.0, 2.0]))
    assert displayed == []
