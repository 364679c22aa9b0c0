"""Measure, then write results.json, results.md and results.png: `python -m benchmarks --help`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.harness import BATCH_SIZES, made_up, measure, mnist, require_equal_work
from benchmarks.report import ratio_table, verdict, write_report

HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny made-up data, one round")
    parser.add_argument("--into", type=Path, help="folder for the results")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=10, help="seconds that an epoch may take")
    parser.add_argument("--report-only", action="store_true", help="from the stored results.json")
    options = parser.parse_args(arguments)
    # A quick run shows that everything works; its times mean nothing and replace no others.
    into = options.into or (Path("_build/benchmarks") if options.quick else HERE)
    into.mkdir(parents=True, exist_ok=True)
    stored = into / "results.json"
    if not options.report_only:
        results = run(options)
        stored.write_text(
            json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    results = json.loads(stored.read_text(encoding="utf-8"))
    require_equal_work(results)
    write_report(results, into)
    print(f"\n{ratio_table(results)}\n\n{verdict(results)}\n\nwritten into {into}")


def run(options: argparse.Namespace) -> dict:
    if options.quick:
        problem, sizes, rounds = made_up(1000, 12, 3), (7, 32, 1000), 1
    else:
        problem, sizes, rounds = mnist(), BATCH_SIZES, options.rounds
    print(f"Data: {problem.name}")
    return measure(problem, CONTENDERS, sizes, rounds=rounds, budget=options.budget)


if __name__ == "__main__":
    main()
