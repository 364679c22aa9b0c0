"""Run a sweep and store its result beside its script: `python -m sweeps batch_size`."""

from __future__ import annotations

import argparse

from sweeps import batch_size, digit_weights, edge, escape, networks, noise_scale, variants

SWEEPS = {
    "batch_size": batch_size,
    "escape": escape,
    "variants": variants,
    "noise_scale": noise_scale,
    "networks": networks,
    "edge": edge,
    "digit_weights": digit_weights,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sweeps", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SWEEPS)}; or all")
    parser.add_argument(
        "--seed", type=int, default=0, help="another master seed, whose result is stored apart"
    )
    parser.add_argument("--timings", action="store_true", help="measure only the times anew")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(SWEEPS)):
        parser.error(f"there is no sweep {unknown[0]}; there is {', '.join(SWEEPS)}")
    if options.seed < 0:
        parser.error(f"--seed must be at least 0, not {options.seed}")
    # The digit pad's weights are a thing to use, and no measurement.
    if options.seed > 0 and digit_weights.NAME in options.names:
        parser.error(f"{digit_weights.NAME} has no other worlds: it must go without --seed")
    every = [name for name in SWEEPS if options.seed == 0 or name != digit_weights.NAME]
    for name in options.names or every:
        SWEEPS[name].SETTINGS["seed"] = options.seed
        SWEEPS[name].run(timings_only=options.timings)


if __name__ == "__main__":
    main()
