"""Tables as CSV: no spreadsheet takes a cell for a formula, and what it saves can be read again."""

from __future__ import annotations

import csv
import io
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

LONGEST_CELL = 30_000  # letters; Excel takes 32,767
# A spreadsheet of another language may split cells at another sign, inside quotes, too.
FORMULA = re.compile(r"((?:^|[,;|\n])(?:[^\S\n]|\")*)(?=[=+\-@＝＋－＠])")


class ResultsError(ValueError):
    """Results that cannot be written or read."""


def plain(text: object, keep: str = "") -> str:
    r"""Text in which everything that steers a terminal or breaks a file is spelled out: \x1b."""
    return "".join(
        letter
        if letter.isprintable() or letter in keep or unicodedata.category(letter) == "Zs"
        else ascii(letter)[1:-1]
        for letter in str(text)
    )


def clipped(text: str, most: int) -> str:
    """Text of a length that can be read."""
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} letters)"


def harmless(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; a harmless one stays as it is."""
    return FORMULA.sub(r"\1'", clipped(plain(value, keep="\n"), LONGEST_CELL))


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write a table of ours."""
    write_as_it_is(path, ([harmless(value) for value in row] for row in rows), csv.QUOTE_ALL)


def write_as_it_is(
    path: Path,
    rows: Iterable[Sequence[str]],
    quoting: int = csv.QUOTE_MINIMAL,
    delimiter: str = ",",
) -> None:
    """Write a table, or leave the file as it was."""
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, quoting=quoting).writerows(rows)
    draft = path.with_name(f".{path.name}.new")
    text = buffer.getvalue()
    draft.write_text(text, encoding="utf-8-sig", errors="backslashreplace", newline="")
    draft.replace(path)


def read_table(path: Path) -> tuple[list[list[str]], str]:
    """A table's cells as they are, and what stands between them."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # as Excel writes a plain "CSV" on Windows
        text = content.decode("cp1252", errors="replace")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    csv.field_size_limit(sys.maxsize)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise ResultsError(f"{path} must be a CSV: {error}") from None
    return [row for row in rows if any(row)], delimiter
