"""Train chapter 6's model and write its weights as a small file, for use outside Python."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from mbgd_lib import descend, schedules
from mbgd_lib.objectives import Array
from mbgd_lib.show.portable import weights_to_json
from sweeps import store, variants

NAME = "digit_weights"

# Chapter 6's run against an exact solver: a rate that falls to 0 along half a cosine wave.
SETTINGS: dict[str, Any] = {
    "data": variants.SETTINGS["data"],
    "strength": variants.SETTINGS["strength"],
    "learning_rate": 0.7,
    "batch_size": 64,
    "epochs": 24,
    "seed": 0,
}


def trained() -> Array:
    """Return the weights, of shape (785, 10), for pixels divided by 255."""
    penalised = variants.objective()
    steps = -(-penalised.n_rows // SETTINGS["batch_size"]) * SETTINGS["epochs"]
    return descend(
        penalised,
        np.zeros(penalised.weights_shape, dtype=np.float32),
        learning_rate=SETTINGS["learning_rate"],
        batch_size=SETTINGS["batch_size"],
        epochs=SETTINGS["epochs"],
        schedule=schedules.cosine(steps),
        seed=SETTINGS["seed"],
        record_epoch_losses=False,
    ).weights


def run(timings_only: bool = False) -> None:
    """Train, and store the model as `weights_to_json` writes it; it holds no times."""
    if not timings_only:
        model = json.loads(weights_to_json(trained()))
        store.save(NAME, {"settings": SETTINGS, "model": model})
