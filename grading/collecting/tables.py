"""Tables as CSV, as spreadsheets and platforms write them: every row by its columns' names."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grading.collecting.text import harmless


class ResultsError(ValueError):
    """Results that cannot be written or read."""


@dataclass
class Table:
    """The cells as they are, and what stands between them in the file."""

    columns: list[str]
    rows: list[dict[str, str]]
    delimiter: str = ","

    def write(self, path: Path, quoting: int = csv.QUOTE_ALL) -> None:
        """Write the table, or leave the file as it was."""
        draft = path.with_name(f".{path.name}.new")
        form = {"delimiter": self.delimiter, "quoting": quoting, "extrasaction": "ignore"}
        with draft.open("w", encoding="utf-8-sig", errors="backslashreplace", newline="") as file:
            writer = csv.DictWriter(file, self.columns, **form)
            writer.writeheader()
            writer.writerows(self.rows)
        draft.replace(path)


def write_csv(
    path: Path, rows: Iterable[Mapping[str, object]], columns: Sequence[str] = ()
) -> None:
    """Write a table of ours; its columns are those of its rows, if none are named."""
    safe = [{harmless(name): harmless(row[name]) for name in row} for row in rows]
    Table(list(columns or safe[0]), safe).write(path)


def read_table(path: Path, what: str) -> Table:
    """Read a table, whatever program has saved it; `what` names it in errors."""
    if not path.is_file():
        raise ResultsError(f"{what} must be a CSV; got {str(path)!r}")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # as Excel writes a plain "CSV" on Windows
        text = content.decode("cp1252", errors="replace")
    delimiter = max("\x1f,;\t", key=text.split("\n", 1)[0].count)  # one column may hold commas
    csv.field_size_limit(sys.maxsize)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="")
    try:
        rows = []
        for row in reader:
            if any(row.get(None, ())):
                got, place = len(row) - 1 + len(row[None]), f"{path}, line {reader.line_num}"
                raise ResultsError(f"{place}: {len(row) - 1} columns are expected; got {got}")
            rows += [row] if any(row.values()) else []
    except csv.Error as error:
        raise ResultsError(f"{what} must be a CSV; {path}: {error}") from None
    return Table(list(reader.fieldnames or ()), rows, delimiter)
