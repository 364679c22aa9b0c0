"""Measure every quoted number again with other master seeds, and compare with what is stored."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from replications import check, fallen, notebooks, run
from tools import store_notebooks

EXAMPLES = """\
python -m replications run          every notebook; an interrupted run goes on
python -m replications run 03 05    those of two chapters
python -m replications check 03     what does not replicate
python -m replications list         write what does not replicate to fallen.json
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m replications",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=("run", "check", "list"))
    parser.add_argument("notebooks", nargs="*", help="how the names begin: 03; none is: all")
    parser.add_argument("--seeds", nargs="+", type=int, help="other master seeds than 1, 2, 3 …")
    options = parser.parse_args(arguments)
    paths = chosen(options.notebooks, parser)
    if options.command == "run":
        seeds = options.seeds or list(range(1, run.RUNS + 1))
        if min(seeds) < 1 or len(set(seeds)) < len(seeds):
            parser.error(f"--seeds must be different and at least 1, not {seeds}")
        left = [p for p in paths if store_notebooks.needs_other_python(notebooks.read(p))]
        for path in left:
            print(f"left out: {store_notebooks.refusal(path, 'replicate')}", file=sys.stderr)
        try:
            run.replicate([path for path in paths if path not in left], seeds)
        except (run.WorldFailed, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
        return 1 if left and options.notebooks else 0
    pages = paths if options.notebooks else [*notebooks.published(), *notebooks.prose()]
    faults = report(pages)
    if options.command == "list" and not faults:
        fallen.write()
    return 1 if faults else 0


def chosen(beginnings: list[str], parser: argparse.ArgumentParser) -> list[Path]:
    """Return the notebooks whose names begin so."""
    every = notebooks.paths()
    beginnings = [text.zfill(2) if text.isdigit() else text for text in beginnings]  # 3 is 03
    for beginning in beginnings:
        if not any(path.name.startswith(beginning) for path in every):
            names = ", ".join(path.stem for path in every)
            parser.error(f"no notebook begins with {beginning}; there is {names}")
    return [p for p in every if not beginnings or p.name.startswith(tuple(beginnings))]


def report(pages: list[Path]) -> int:
    """Print what does not replicate; return how many pages cannot even be compared."""
    faults = 0
    for page in pages:
        problems = check.verdict_problems(page) + check.problems_of(page)
        findings = check.findings_of(page) if not problems else []
        for line in problems:
            print(line)
        for finding in findings:
            print(f"{page.name}: {finding.kind} {finding.what}: {finding.printed}")
            for replication in finding.replications:
                print(f"    {replication}")
        faults += bool(problems)
    return faults


if __name__ == "__main__":
    sys.exit(main())
