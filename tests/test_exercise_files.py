"""What is made of the exercise sets: notebooks, pages and zips, the same at every build."""

from __future__ import annotations

import ast
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from exercise_lines import EXAMPLE, known_set, lines, notebook_text, private_lines
from small_set import changed, read_text, secrets_in, small_set

from grading.__main__ import VARIANTS
from grading.authoring.assignments import assignment, file_name, write
from grading.authoring.notebooks import HIDDEN, instructor_notebook, student_notebook
from grading.authoring.pages import page, write_pages
from grading.authoring.sets import set_names
from grading.authoring.variants import read_variant

ROOT = Path(__file__).parents[1]
SETS = [(name, variant) for name in set_names() for variant in ("", EXAMPLE)]
PACKAGES = {"numpy", "matplotlib", "sklearn", "mbgd_lib"}
MARKERS = re.compile("(BEGIN|END) (SOLUTION|HIDDEN)|STUB:")
# A link to a page of the book: its target has no host and is no place in the notebook itself.
LINK = re.compile(r"\]\((?!https?://|#)[^)]*\)|\{(doc|ref|numref|glue|eq|cite)\b|<a\s+href=\"\.")

# Writes the digest of every file of every set; run in processes of their own.
DIGESTS = """
from test_exercise_files import digests
print("\\n".join(digests()))
"""


@pytest.fixture(params=SETS, ids=lambda which: "-".join(filter(None, which)))
def exercise_set(request):
    return known_set(*request.param)


def made(exercise_set) -> list[bytes]:
    """Every file that is made of a set."""
    return [
        student_notebook(exercise_set, 20).encode(),
        instructor_notebook(exercise_set, 20).encode(),
        page(exercise_set, solutions=True).encode(),
        page(exercise_set, solutions=False).encode(),
        assignment(exercise_set),
    ]


# --- reproducible ---


def digests() -> list[str]:
    """The digest of every file of every set, with values other than the published ones."""
    return [
        f"{name} {hashlib.sha256(content).hexdigest()}"
        for name in set_names()
        for content in made(known_set(name, EXAMPLE))
    ]


def test_files_are_the_same_in_another_process():
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "1",
        "TZ": "Asia/Tokyo",
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests"))),
    }
    command = [sys.executable, "-c", DIGESTS]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    here = digests()
    assert run.stdout.splitlines() == here
    assert len(here) == 5 * len(set_names())


# --- notebooks ---


def test_notebooks_are_valid_and_have_ids_of_their_own(exercise_set):
    for text in (student_notebook(exercise_set, 20), instructor_notebook(exercise_set, 20)):
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
        ids = [cell.id for cell in notebook.cells]
        assert len(set(ids)) == len(ids)
        assert [cell.metadata.nbgrader.grade_id for cell in notebook.cells] == ids
        graded = [cell.metadata.nbgrader for cell in notebook.cells if cell.metadata.nbgrader.grade]
        most = exercise_set.points + exercise_set.project.points
        assert sum(cell.points for cell in graded) == most


def test_code_of_notebooks_is_python(exercise_set):
    for text in (student_notebook(exercise_set, 20), instructor_notebook(exercise_set, 20)):
        for cell in nbformat.reads(text, as_version=4).cells:
            if cell.cell_type == "code":
                ast.parse(cell.source)


def test_a_students_notebook_holds_no_solution_hidden_check_or_explanation(exercise_set):
    text = notebook_text(student_notebook(exercise_set, 20))
    assert not private_lines(exercise_set) & lines(text)
    assert not MARKERS.search(text)


def test_an_instructors_notebook_holds_them_all(exercise_set):
    private = private_lines(exercise_set)
    assert len(private) > 100
    assert private <= lines(notebook_text(instructor_notebook(exercise_set, 20)))


def test_students_see_values_and_no_parameters(exercise_set):
    names = re.compile(rf"\b({'|'.join(exercise_set.parameters)})\b")
    for text in (
        student_notebook(exercise_set, 20),
        page(exercise_set, solutions=True),
        instructor_notebook(exercise_set, 20),
    ):
        assert not names.search(text), names.search(text)


def test_a_students_notebook_has_no_links_into_the_book(exercise_set):
    text = notebook_text(student_notebook(exercise_set, 20))
    assert not LINK.search(text), LINK.search(text)


def test_notebooks_import_what_the_course_has(exercise_set):
    for text in (student_notebook(exercise_set, 20), instructor_notebook(exercise_set, 20)):
        imported = set()
        for cell in nbformat.reads(text, as_version=4).cells:
            if cell.cell_type == "code":
                imported |= imports(cell.source)
        assert imported <= PACKAGES | sys.stdlib_module_names
        assert "numpy" in imported


def imports(code: str) -> set[str]:
    """The packages that code imports."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("name", set_names())
def test_the_example_changes_what_students_read(name):
    published, example = known_set(name), known_set(name, EXAMPLE)
    assert set(read_variant(VARIANTS / EXAMPLE, name)) == set(published.parameters)
    for one, other in zip(published.exercises, example.exercises, strict=True):
        assert (one.statement, one.given, one.solution) != (
            other.statement,
            other.given,
            other.solution,
        ), one.id


# --- pages ---


def test_pages_hold_no_markers(exercise_set):
    text = page(exercise_set, solutions=True)
    assert HIDDEN not in text
    assert not MARKERS.search(text)
    assert text.count(":::{dropdown} Solution of exercise") == len(exercise_set.exercises)
    assert "olution of exercise" not in page(exercise_set, solutions=False)


def test_links_of_pages_lead_to_files_of_the_book(exercise_set):
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)[^)]*\)", page(exercise_set, True)):
        assert (ROOT / "book" / "exercises" / target).resolve().is_file(), target


@pytest.mark.parametrize("solutions", [True, False])
def test_pages_are_written_anew(solutions, tmp_path):
    folder = tmp_path / "exercises"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / "09_gone.md").write_text("### BEGIN SOLUTION")
    name = set_names()[0]
    (folder / f"{name}.md").write_text(page(known_set(name), not solutions))
    write_pages(solutions, folder)
    for name in set_names():
        assert (folder / f"{name}.md").read_text("utf-8") == page(known_set(name), solutions)
    texts = {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.is_file()}
    assert "09_gone.md" not in texts
    assert len([name for name in texts if name.endswith(".ipynb")]) == len(set_names())
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    write_pages(solutions, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times


# --- zips ---


@pytest.mark.parametrize("variant", ["", EXAMPLE])
def test_a_zip_is_complete(variant, tmp_path):
    exercise_set = known_set(set_names()[0], variant)
    path, instructor = write("zip", [exercise_set], tmp_path)
    assert path.name == f"{file_name(exercise_set)}.zip"
    top = f"{file_name(exercise_set)}/"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        notebook = archive.read(f"{top}{exercise_set.name}.ipynb").decode()
        read_me = archive.read(f"{top}README.txt").decode()
    assert notebook == student_notebook(exercise_set, 20)
    assert exercise_set.title in read_me
    assert f"jupyter lab {exercise_set.name}.ipynb" in read_me
    files = {f"{top}{path.relative_to(ROOT).as_posix()}" for path in library_files()}
    own = {f"{exercise_set.name}.ipynb", "README.txt", "LICENSE", "LICENSE-data"}
    assert set(names) == files | {f"{top}{name}" for name in own}
    assert len(set(names)) == len(names)
    assert instructor == tmp_path / "instructor" / f"{file_name(exercise_set)}.ipynb"
    assert instructor.read_text("utf-8") == instructor_notebook(exercise_set, 20)


def library_files() -> list[Path]:
    """What the library is made of: code, data and its marks."""
    folder = ROOT / "mbgd_lib"
    return [*folder.rglob("*.py"), folder / "py.typed", *folder.glob("mnist_sample*")]


@pytest.mark.parametrize("name", set_names())
def test_an_unpacked_notebook_finds_its_library(name, tmp_path):
    exercise_set = known_set(name, EXAMPLE)
    packed = assignment(exercise_set)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / file_name(exercise_set)
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    given = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.id.endswith(("setup", "-given"))
    ]
    code = "\n\n".join([*given, "import mbgd_lib", "print(mbgd_lib.__file__)"])
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    # As Jupyter does, Python looks into the notebook's folder first, for an installed library too.
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={**environment, "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.split()[-1]).parent == (folder / "mbgd_lib").resolve()


# --- the small set: what the checks above rely on ---


def test_links_into_the_book_become_text_in_notebooks_and_lead_on_from_pages(tmp_path):
    exercise_set = small_set(tmp_path)
    text = notebook_text(student_notebook(exercise_set, 20))
    assert "About halves, after chapter 1." in text
    assert "See there." in text
    on_page = page(exercise_set, solutions=True)
    assert "[chapter 1](../../notebooks/01_gradient_descent_basics.ipynb)" in on_page
    assert "[there](../../book/notation.md)" in on_page


def test_each_file_holds_what_it_should_of_the_small_set(tmp_path):
    exercise_set = small_set(tmp_path)
    assert secrets_in(student_notebook(exercise_set, 20)) == set()
    assert secrets_in(instructor_notebook(exercise_set, 20)) == {
        "solution",
        "hidden",
        "explanation",
    }
    assert secrets_in(page(exercise_set, solutions=True)) == {"solution", "explanation"}
    assert secrets_in(page(exercise_set, solutions=False)) == set()


def test_a_hidden_check_is_told_by_what_it_is_about(tmp_path):
    cells = nbformat.reads(student_notebook(small_set(tmp_path), 20), as_version=4).cells
    by_id = {cell.id: cell.source for cell in cells}
    assert by_id["half-one"] == "# Runs when your work is graded: A part of one."
    assert by_id["half-zero"].startswith("# Nothing of nothing.\nassert half(0) == 0,")
    assert by_id["two"] == "double = None  # a number\nhow = None  # a word"


def test_what_tells_a_private_line(tmp_path):
    private = private_lines(small_set(tmp_path))
    assert "secret_hidden = half(1)" in private
    assert "secret_solution = np.asarray(x) * 0.5" in private
    assert "SECRET_EXPLANATION of why." in private
    # Shown in a visible check of the same set, so no secret in a hidden one.
    shown = 'assert double is not None, "double is still None: what is twice the number?"'
    assert shown not in private


def test_a_variant_is_named_in_its_notebook(tmp_path):
    text = notebook_text(student_notebook(known_set(set_names()[0], EXAMPLE), 20))
    assert f"Variant: {EXAMPLE}." in text
    assert "Variant:" not in notebook_text(student_notebook(small_set(tmp_path), 20))


def test_limits_are_told(tmp_path):
    text = notebook_text(student_notebook(small_set(tmp_path), 20))
    assert "a cell has\n20 seconds" in text
    assert "syntax newer than that of Python 3.11 may not run" in text
    assert "a cell has\n0.5 seconds" in notebook_text(student_notebook(small_set(tmp_path), 0.5))


def test_another_source_makes_another_notebook(tmp_path):
    before = student_notebook(small_set(tmp_path), 20)
    after = student_notebook(read_text(tmp_path, changed("points=2", "points=3")), 20)
    assert before != after
