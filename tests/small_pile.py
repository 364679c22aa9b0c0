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


def zipped(files: dict[str, dict | bytes | str], date=(2024, 1, 1, 0, 0, 0)) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, date), as_bytes(content))
    return buffer.getvalue()
