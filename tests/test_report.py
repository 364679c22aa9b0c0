import ast

import numpy as np
import pytest
from myst_nb.ext import glue

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


def test_nothing_is_shown_of_nothing(displayed, capsys):
    report.quote()

    assert displayed == []
    assert capsys.readouterr().out == ""
