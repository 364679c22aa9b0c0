"""For who grades elsewhere: nbgrader's source folder, and the autograder that Gradescope runs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from grading.authoring.assignments import file_name, files_below, library_files, zipped
from grading.authoring.notebooks import instructor_notebook
from grading.authoring.sets import ExerciseSet, find_set
from grading.marking.sandbox import PROJECT, Limits

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("setup.sh", "run_autograder")
# The packages of requirements.txt that grading needs, without those that build the site.
NEEDED = (
    *("numpy", "matplotlib", "cycler", "scikit-learn", "tqdm", "ipython", "jupytext", "nbformat"),
    *("jinja2", "psutil", "pyyaml", "traitlets"),
)


def write_nbgrader(exercise_sets: Iterable[ExerciseSet], folder: Path) -> list[Path]:
    """Write nbgrader's folder `source`, with the library beside each notebook, and a config.

    nbgrader hands out what lies beside a notebook, and puts it back before it grades.
    """
    written = [folder / "nbgrader" / "nbgrader_config.py"]
    files = {written[0]: (TEMPLATES / "nbgrader_config.txt").read_bytes()}
    for exercise_set in exercise_sets:
        place = folder / "nbgrader" / "source" / exercise_set.name
        written.append(place / f"{exercise_set.name}.ipynb")
        files[written[-1]] = instructor_notebook(exercise_set, Limits().cell_seconds).encode()
        files |= {place / path: content for path, content in library_files().items()}
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return written


def write_gradescope(exercise_sets: Iterable[ExerciseSet], folder: Path) -> list[Path]:
    """Write the autograder of every set, a zip for Gradescope."""
    (folder / "gradescope").mkdir(parents=True, exist_ok=True)
    written = []
    for exercise_set in exercise_sets:
        written.append(folder / "gradescope" / f"{file_name(exercise_set)}.zip")
        written[-1].write_bytes(autograder(exercise_set, find_set(exercise_set.name)))
    return written


def autograder(exercise_set: ExerciseSet, source: Path) -> bytes:
    """Two scripts by the names that Gradescope wants, and what they need."""
    files = library_files() | files_below(PROJECT / "grading")
    files[f"exercises/{source.name}"] = source.read_bytes()
    which = [exercise_set.name]
    if exercise_set.variant:
        values = f"exercises/variants/{exercise_set.variant}/{exercise_set.name}.toml"
        files[values] = as_toml(exercise_set).encode()
        which += ["--variant", exercise_set.variant]
    for name in SCRIPTS:
        script = (TEMPLATES / name).read_text(encoding="utf-8")
        files[name] = script.replace("@SET@", shlex.join(which)).encode()
    files["requirements.txt"] = requirements().encode()
    files["requirements.lock"] = (PROJECT / "requirements.lock").read_bytes()
    return zipped(files, programs=SCRIPTS)


def as_toml(exercise_set: ExerciseSet) -> str:
    """A variant's values; JSON writes numbers and text as TOML does."""
    values = exercise_set.parameters.items()
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values)


def requirements() -> str:
    """What to install where nothing but grading happens."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if re.match(r"[\w-]*", line)[0] in NEEDED)
