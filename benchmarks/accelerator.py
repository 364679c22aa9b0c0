"""Time PyTorch's steps on an accelerator, where there is one: `python -m benchmarks.accelerator`.

The same epoch as in the benchmark of the processor, with all rows on the accelerator and batches
gathered there. The result is written beside the other one, in accelerator.json, with the day and
the device: not many readers can measure it again.
"""

from __future__ import annotations

import datetime
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.contenders import Problem, pytorch
from benchmarks.harness import loss, mnist

BATCH_SIZES = (1, 8, 32, 64, 256, 1024, 4096, 8192, 16384, 60000)
ROUNDS = 5
NAME = "PyTorch on a GPU"
STORED = Path(__file__).parent / "accelerator.json"


def measured(problem: Problem, device: str) -> list[dict]:
    """Return the seconds of an epoch at each batch size, in rounds, and the loss it ends at."""
    epochs = {size: pytorch(problem, size, loader=False, device=device) for size in BATCH_SIZES}
    found = {size: {"batch_size": size, "contender": NAME, "seconds": []} for size in BATCH_SIZES}
    for size, epoch in epochs.items():  # loads and chooses kernels
        found[size]["final_loss"] = loss(problem, epoch())
    for _ in range(ROUNDS):
        for size, epoch in epochs.items():
            start = time.perf_counter()
            epoch()
            found[size]["seconds"].append(time.perf_counter() - start)
    return list(found.values())


def main() -> None:
    import torch

    if not torch.cuda.is_available():
        sys.exit("PyTorch finds no accelerator here; nothing was measured.")
    problem = mnist()
    measurements = measured(problem, "cuda")
    for one in measurements:
        size = one["batch_size"]
        if size >= 64:  # the same steps end at the same loss as on the processor
            here = loss(problem, pytorch(problem, size, loader=False)())
            assert np.isclose(one["final_loss"], here, rtol=1e-3), (size, one["final_loss"], here)
    results = {
        "data": problem.name,
        "rows": len(problem.X),
        "learning_rate": problem.learning_rate,
        "rounds": ROUNDS,
        "machine": {
            "date": datetime.date.today().isoformat(),
            "device": torch.cuda.get_device_name(),
            "python": sys.version.split()[0],
            "torch": torch.__version__,
        },
        "measurements": measurements,
    }
    STORED.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for one in measurements:
        steps = -(-len(problem.X) // one["batch_size"])
        print(one["batch_size"], f"{1e6 * np.median(one['seconds']) / steps:.1f} µs a step")


if __name__ == "__main__":
    main()
