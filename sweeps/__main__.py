"""Run a sweep and store its result beside its script: `python -m sweeps batch_size`."""

from __future__ import annotations

import argparse

from sweeps import batch_size, digit_weights, escape, variants

SWEEPS = {
    "batch_size": batch_size,
    "escape": escape,
    "variants": variants,
    "digit_weights": digit_weights,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sweeps", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SWEEPS)}; or all")
    parser.add_argument("--timings", action="store_true", help="measure only the times anew")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(SWEEPS)):
        parser.error(f"there is no sweep {unknown[0]}; there is {', '.join(SWEEPS)}")
    for name in options.names or SWEEPS:
        SWEEPS[name].run(timings_only=options.timings)


if __name__ == "__main__":
    main()
