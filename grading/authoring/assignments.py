"""What a lecturer hands out: zips for students, and what nbgrader and Gradescope take."""

from __future__ import annotations

import io
import json
import shlex
import zipfile
from collections.abc import Iterable
from pathlib import Path

from grading.authoring.notebooks import instructor_notebook, student_notebook
from grading.authoring.sets import ExerciseSet, find_set
from grading.marking.sandbox import PROJECT

TEMPLATES = Path(__file__).parent / "templates"
LIBRARY = ("mbgd_lib", "LICENSE", "LICENSE-data")  # the licences go wherever the library goes
READ_ME = """\
Exercises: {title}

{notebook} is your assignment. Unpack this zip and keep the notebook beside the folder
mbgd_lib, the course's library: `from mbgd_lib import ...` then finds it.

You need Python 3.11 or newer. Write for 3.11: newer syntax may not run when it is graded.

    python -m pip install numpy matplotlib scikit-learn jupyterlab
    jupyter lab {notebook}

Before you hand it in, choose "Restart kernel and run all cells" and save. The run stops at the
first exercise that you have not solved; that is all right. Hand in the notebook alone.
"""


def write(kind: str, exercise_sets: Iterable[ExerciseSet], folder: Path) -> list[Path]:
    """Write what is handed out of every set; returns the zips and notebooks."""
    files: dict[str, bytes] = {}
    for exercise_set in exercise_sets:
        files |= KINDS[kind](exercise_set)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return [folder / path for path in files if path.endswith((".zip", ".ipynb"))]


def for_students(exercise_set: ExerciseSet) -> dict[str, bytes]:
    """The zip that students get, and the instructor's notebook in a folder of its own."""
    name = file_name(exercise_set)
    solved = instructor_notebook(exercise_set).encode()
    return {f"{name}.zip": assignment(exercise_set), f"instructor/{name}.ipynb": solved}


def for_nbgrader(exercise_set: ExerciseSet) -> dict[str, bytes]:
    """What belongs into nbgrader's folder `source`, and a config.

    nbgrader hands out the library that lies beside a notebook, and puts it back before it grades.
    """
    name = exercise_set.name
    files = project_files(*LIBRARY) | {f"{name}.ipynb": instructor_notebook(exercise_set).encode()}
    config = (TEMPLATES / "nbgrader_config.txt").read_bytes()
    return {"nbgrader/nbgrader_config.py": config, **below(f"nbgrader/source/{name}", files)}


def for_gradescope(exercise_set: ExerciseSet) -> dict[str, bytes]:
    """The autograder, a zip."""
    content = autograder(exercise_set, find_set(exercise_set.name))
    return {f"gradescope/{file_name(exercise_set)}.zip": content}


KINDS = {"zip": for_students, "nbgrader": for_nbgrader, "gradescope": for_gradescope}


def file_name(exercise_set: ExerciseSet) -> str:
    """The set's name, with its variant's."""
    return "-".join(filter(None, [exercise_set.name, exercise_set.variant]))


def assignment(exercise_set: ExerciseSet) -> bytes:
    """The zip that students get."""
    name = f"{exercise_set.name}.ipynb"
    read_me = READ_ME.format(title=exercise_set.title, notebook=name)
    own = {name: student_notebook(exercise_set).encode(), "README.txt": read_me.encode()}
    return zipped(below(file_name(exercise_set), project_files(*LIBRARY) | own))


def autograder(exercise_set: ExerciseSet, source: Path) -> bytes:
    """Two scripts by the names that Gradescope wants, and what they need."""
    files = project_files(*LIBRARY, "grading", "requirements.lock")
    files[f"exercises/{source.name}"] = source.read_bytes()
    which = [exercise_set.name]
    if exercise_set.variant:
        values = f"exercises/variants/{exercise_set.variant}/{exercise_set.name}.toml"
        files[values] = as_toml(exercise_set).encode()
        which += ["--variant", exercise_set.variant]
    for name in ("setup.sh", "run_autograder"):
        script = (TEMPLATES / name).read_text(encoding="utf-8")
        files[name] = script.replace("@SET@", shlex.join(which)).encode()
    return zipped(files)


def as_toml(exercise_set: ExerciseSet) -> str:
    """A variant's values; JSON writes numbers and text as TOML does."""
    values = exercise_set.parameters.items()
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values)


def project_files(*names: str) -> dict[str, bytes]:
    """Files of the project, and of its folders, by their paths in the project."""
    found = (path for name in names for path in [PROJECT / name, *(PROJECT / name).rglob("*")])
    return {
        path.relative_to(PROJECT).as_posix(): path.read_bytes()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    }


def below(folder: str, files: dict[str, bytes]) -> dict[str, bytes]:
    return {f"{folder}/{path}": content for path, content in files.items()}


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip of these files, the same to the byte at every build; scripts can be run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in sorted(files.items()):
            member = zipfile.ZipInfo(path)  # which dates everything 1980
            member.external_attr = (0o755 if content.startswith(b"#!") else 0o644) << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
