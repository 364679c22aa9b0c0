"""A terminal that lacks letters gets their numbers, and the rest of the summary."""

import argparse
import io

import pytest

from grading import __main__ as command


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_letters_that_the_terminal_lacks_cost_nothing(monkeypatch, encoding):
    def summary(options):
        print("Łukasz: 20 of 23 × 1")
        return 0

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=summary)
    monkeypatch.setattr(command, "command_line", lambda: parser)
    terminal = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", terminal)

    assert command.main([]) == 0
    terminal.flush()
    assert b"\\u0141ukasz: 20 of 23" in terminal.buffer.getvalue()


def test_an_error_cannot_steer_the_terminal(monkeypatch, capsys):
    def fail(options):
        raise OSError("\x1b[2J one\nand two \ud800")

    parser = argparse.ArgumentParser()
    parser.set_defaults(run=fail)
    monkeypatch.setattr(command, "command_line", lambda: parser)
    assert command.main([]) == 2
    assert capsys.readouterr().err == "error: \\x1b[2J one\nand two \\ud800\n"
