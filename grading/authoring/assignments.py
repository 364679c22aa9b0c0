"""What a lecturer hands out: zips for students, and what nbgrader and Gradescope take."""

from __future__ import annotations

import io
import json
import re
import shlex
import zipfile
from collections.abc import Iterable
from pathlib import Path

from grading.authoring.notebooks import instructor_notebook, student_notebook
from grading.authoring.sets import ExerciseSet, find_set
from grading.marking.sandbox import PROJECT

TEMPLATES = Path(__file__).parent / "templates"
# The packages of requirements.txt that grading needs, without those that build the site.
NEEDED = (
    *("numpy", "matplotlib", "cycler", "scikit-learn", "tqdm", "ipython", "jupytext", "nbformat"),
    *("jinja2", "psutil", "pyyaml", "traitlets"),
)
READ_ME = """\
{title}

{notebook} is your assignment. Unpack this zip and keep the notebook beside the folder
mbgd_lib, the course's library: `from mbgd_lib import ...` then finds it.

You need Python 3.11 or newer with numpy, matplotlib, scikit-learn and jupyterlab. Write for 3.11:
an answer with syntax of a later Python may not run when it is graded.

    python -m pip install numpy matplotlib scikit-learn jupyterlab
    jupyter lab {notebook}

Before you hand it in, choose "Restart kernel and run all cells" and save. The run stops at the
first exercise that you have not solved; that is all right. Hand in the notebook alone.
"""


def write_assignments(exercise_sets: Iterable[ExerciseSet], folder: Path) -> list[Path]:
    """Write every set's zip, and into a folder of their own the instructor's notebooks."""
    zips, notebooks = {}, {}
    for exercise_set in exercise_sets:
        path = folder / f"{file_name(exercise_set)}.zip"
        zips[path] = assignment(exercise_set, student_notebook(exercise_set))
        path = folder / "instructor" / f"{file_name(exercise_set)}.ipynb"
        notebooks[path] = instructor_notebook(exercise_set).encode()
    write_files(zips | notebooks)
    return list(zips)


def write_nbgrader(exercise_sets: Iterable[ExerciseSet], folder: Path) -> list[Path]:
    """Write nbgrader's folder `source`, with the library beside each notebook, and a config."""
    config = (TEMPLATES / "nbgrader_config.txt").read_bytes()
    files = {folder / "nbgrader" / "nbgrader_config.py": config}
    # nbgrader hands out what lies beside a notebook, and puts it back before it grades.
    beside: dict[Path, bytes] = {}
    for exercise_set in exercise_sets:
        place = folder / "nbgrader" / "source" / exercise_set.name
        files[place / f"{exercise_set.name}.ipynb"] = instructor_notebook(exercise_set).encode()
        beside |= {place / path: content for path, content in library_files().items()}
    write_files(files | beside)
    return list(files)


def write_gradescope(exercise_sets: Iterable[ExerciseSet], folder: Path) -> list[Path]:
    """Write the autograder of every set, a zip for Gradescope."""
    files = {
        folder / "gradescope" / f"{file_name(s)}.zip": autograder(s, find_set(s.name))
        for s in exercise_sets
    }
    write_files(files)
    return list(files)


def write_files(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def file_name(exercise_set: ExerciseSet) -> str:
    """The set's name, with its variant's."""
    return "-".join(filter(None, [exercise_set.name, exercise_set.variant]))


def assignment(exercise_set: ExerciseSet, notebook: str) -> bytes:
    """The zip that students get."""
    name = f"{exercise_set.name}.ipynb"
    read_me = READ_ME.format(title=f"Exercises: {exercise_set.title}", notebook=name)
    files = {name: notebook.encode(), "README.txt": read_me.encode(), **library_files()}
    return zipped({f"{file_name(exercise_set)}/{path}": files[path] for path in files})


def autograder(exercise_set: ExerciseSet, source: Path) -> bytes:
    """Two scripts by the names that Gradescope wants, and what they need."""
    files = library_files() | files_below("grading")
    files[f"exercises/{source.name}"] = source.read_bytes()
    which = [exercise_set.name]
    if exercise_set.variant:
        values = f"exercises/variants/{exercise_set.variant}/{exercise_set.name}.toml"
        files[values] = as_toml(exercise_set).encode()
        which += ["--variant", exercise_set.variant]
    for name in ("setup.sh", "run_autograder"):
        script = (TEMPLATES / name).read_text(encoding="utf-8")
        files[name] = script.replace("@SET@", shlex.join(which)).encode()
    files["requirements.txt"] = requirements().encode()
    files["requirements.lock"] = (PROJECT / "requirements.lock").read_bytes()
    return zipped(files)


def as_toml(exercise_set: ExerciseSet) -> str:
    """A variant's values; JSON writes numbers and text as TOML does."""
    values = exercise_set.parameters.items()
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values)


def requirements() -> str:
    """What to install where nothing but grading happens."""
    lines = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if re.match(r"[\w-]*", line)[0] in NEEDED)


def library_files() -> dict[str, bytes]:
    """The library, with the licences that go wherever it goes."""
    licences = {name: (PROJECT / name).read_bytes() for name in ("LICENSE", "LICENSE-data")}
    return licences | files_below("mbgd_lib")


def files_below(folder: str) -> dict[str, bytes]:
    """The files of one of the project's folders, by their paths in the project."""
    return {
        path.relative_to(PROJECT).as_posix(): path.read_bytes()
        for path in (PROJECT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files, the same to the byte at every build; scripts can be run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in sorted(files.items()):
            member = zipfile.ZipInfo(path)  # which dates everything 1980
            member.external_attr = (0o755 if content.startswith(b"#!") else 0o644) << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


WRITE = {"zip": write_assignments, "nbgrader": write_nbgrader, "gradescope": write_gradescope}
