"""Notebooks whose cells need PyTorch, Keras or JAX: run whole, and compared as strictly.

`make test` runs them without these cells.
"""

from pathlib import Path

import pytest
import store_notebooks
from test_notebooks import NOTEBOOKS, problems_of_running

PATHS = [p for p in NOTEBOOKS if store_notebooks.uses_frameworks(store_notebooks.read(p))]


@pytest.mark.parametrize("path", PATHS, ids=[path.name for path in PATHS])
def test_running_it_whole_gives_what_is_stored(path: Path):
    problems = problems_of_running(path, whole=True)
    assert not problems, "\n".join(problems)
