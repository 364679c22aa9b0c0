"""What a lecturer hands out: for every set a zip with the student's notebook and the library."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path

from grading.authoring.notebooks import instructor_notebook, student_notebook
from grading.authoring.sets import ExerciseSet
from grading.marking.sandbox import PROJECT, Limits

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the zip of the same text is the same zip, whenever it is made
LIBRARY = PROJECT / "mbgd_lib"
LICENCES = ("LICENSE", "LICENSE-data")  # they go wherever the library goes
LEFT_OUT = {"__pycache__"}
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
    instructor = folder / "instructor"
    instructor.mkdir(parents=True, exist_ok=True)
    seconds = Limits().cell_seconds
    written = []
    for exercise_set in exercise_sets:
        written.append(folder / f"{file_name(exercise_set)}.zip")
        written[-1].write_bytes(assignment(exercise_set, student_notebook(exercise_set, seconds)))
        notebook = instructor / f"{file_name(exercise_set)}.ipynb"
        notebook.write_text(instructor_notebook(exercise_set, seconds), encoding="utf-8")
    return written


def file_name(exercise_set: ExerciseSet) -> str:
    """The set's name, with its variant's."""
    return "-".join(filter(None, [exercise_set.name, exercise_set.variant]))


def assignment(exercise_set: ExerciseSet, notebook: str) -> bytes:
    """The zip that students get, the same to the byte at every build."""
    name = f"{exercise_set.name}.ipynb"
    read_me = READ_ME.format(title=f"Exercises: {exercise_set.title}", notebook=name)
    files = {name: notebook.encode(), "README.txt": read_me.encode()}
    files |= library_files()
    return zipped({f"{file_name(exercise_set)}/{path}": files[path] for path in files})


def library_files() -> dict[str, bytes]:
    """The library and its licences, by their paths."""
    found = {licence: (PROJECT / licence).read_bytes() for licence in LICENCES}
    return found | files_below(LIBRARY)


def files_below(folder: Path) -> dict[str, bytes]:
    """The files of one of the project's folders, by their paths in the project."""
    return {
        path.relative_to(PROJECT).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not LEFT_OUT & set(path.parts)
    }


def zipped(files: dict[str, bytes], programs: Collection[str] = ()) -> bytes:
    """A zip of these files, the same to the byte at every build; programs can be run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in sorted(files.items()):
            member = zipfile.ZipInfo(path, LONG_AGO)
            member.external_attr = (0o755 if path in programs else 0o644) << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
