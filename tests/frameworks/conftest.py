"""What must be set before JAX and Keras are first imported, and when these tests are collected."""

import os
from pathlib import Path

os.environ["JAX_ENABLE_X64"] = "1"
os.environ["KERAS_BACKEND"] = "jax"

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path, config):
    """Only where they are asked for: `pytest tests` runs without the frameworks."""
    asked = [Path(argument.partition("::")[0]).resolve() for argument in config.args]
    if not any(path == HERE or HERE in path.parents for path in asked):
        return True
    return None
