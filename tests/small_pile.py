"""Notebooks as students hand them in, made of the small set's release."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

from grading.authoring.notebooks import student_notebook

HALF = "def half(x):\n    return np.asarray(x) * 0.5"
TWO = "double = 2 * number\nhow = ''"


def notebook(exercises, half: str = HALF, two: str = TWO) -> dict:
    """The release with answers filled in."""
    made = json.loads(student_notebook(exercises, 20))
    for cell in made["cells"]:
        cell["source"] = "".join(cell["source"])
        answers = {"half": half, "two": two}
        cell["source"] = answers.get(cell["id"], cell["source"])
    return made


def cell_of(made: dict, name: str) -> dict:
    return next(cell for cell in made["cells"] if cell.get("id") == name)


def code(source: str) -> dict:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": []}


def put(pile: Path, name: str, content: dict | bytes | str, seconds: int = 1_700_000_000) -> Path:
    """A file, with the time at which it was changed."""
    path = pile / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(as_bytes(content))
    os.utime(path, (seconds, seconds))
    return path


def as_bytes(content: dict | bytes | str) -> bytes:
    content = json.dumps(content) if isinstance(content, dict) else content
    return content.encode() if isinstance(content, str) else content


def zipped(
    files: dict[str, dict | bytes | str],
    date=(2024, 1, 1, 0, 0, 0),
    how: int = zipfile.ZIP_DEFLATED,
    mode: int = 0o600,
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, date)
            member.external_attr = mode << 16
            archive.writestr(member, as_bytes(content), how)
    return buffer.getvalue()


def without_utf8_flag(content: bytes) -> bytes:
    """A zip as macOS makes it: names in UTF-8, and nothing that says so."""
    changed = bytearray(content)
    for start, flags in ((b"PK\x03\x04", 7), (b"PK\x01\x02", 9)):
        at = -1
        while (at := changed.find(start, at + 1)) >= 0:
            changed[at + flags] &= ~8
    return bytes(changed)


def with_password(content: bytes) -> bytes:
    """A zip of one file that says that it is encrypted."""
    changed = bytearray(content)
    changed[6] |= 1  # in the member's header …
    changed[content.index(b"PK\x01\x02") + 8] |= 1  # … and in the directory
    return bytes(changed)


def put_all(pile: Path, files: dict[str, dict | bytes | str]) -> None:
    """Files by their paths; what lies below a name in .zip is put into that zip."""
    zips: dict[str, dict[str, dict | bytes | str]] = {}
    for path, content in files.items():
        outer, _, inner = path.partition(".zip/")
        if inner:
            zips.setdefault(f"{outer}.zip", {})[inner] = content
        else:
            put(pile, path, content)
    for path, inside in zips.items():
        put(pile, path, zipped(inside))
