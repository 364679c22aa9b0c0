"""The list of what does not replicate yet: nothing else may fall."""

from __future__ import annotations

import json
import os
from pathlib import Path

from replications import check, notebooks
from replications.check import Finding
from replications.notebooks import HERE

FILE = "fallen.json"


def every_finding(folder: Path = HERE) -> list[Finding]:
    """Return what falls on all pages."""
    pages = [*notebooks.published(), *notebooks.prose()]
    return [finding for page in pages for finding in check.findings_of(page, folder)]


def read(folder: Path = HERE) -> list[dict[str, object]]:
    """Return the list as it stands."""
    file = folder / FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def entry(finding: Finding, known: str) -> dict[str, object]:
    return {
        "page": finding.page,
        "kind": finding.kind,
        "what": finding.what,
        "known": known,
        "printed": finding.printed,
        "replications": list(finding.replications),
    }


def write(folder: Path = HERE) -> None:
    """Write what falls, with what was already said of it."""
    known = {(e["page"], e["kind"], e["what"]): e["known"] for e in read(folder)}
    entries = [entry(f, str(known.get(f.key, ""))) for f in every_finding(folder)]
    # Written beside and then renamed: an interruption cannot lose what is known.
    unfinished = folder / f".{FILE}.unfinished"
    text = json.dumps(entries, indent=1, ensure_ascii=False) + "\n"
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    os.replace(unfinished, folder / FILE)
