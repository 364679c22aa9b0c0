"""Gradescope's autograder run by its own script, and one notebook graded to JSON."""

from __future__ import annotations

import io
import json
import re
import shutil
import stat
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from exercise_lines import EXAMPLE, known_set
from small_pile import HALF, TWO, notebook, put, zipped
from small_set import SMALL, runs_answers, secrets_in, small_set
from test_requirements import code, distribution, imported, known, requirements, tracked

from grading.__main__ import main
from grading.authoring.assignments import TEMPLATES, as_toml, autograder
from grading.authoring.sets import read_set, set_names
from grading.authoring.try_out import cases
from grading.collecting import one
from grading.collecting.batch import nothing
from grading.collecting.one import NOTHING, for_gradescope, grade_one
from grading.marking import sandbox
from grading.marking.marking import USUAL, mark, reference, untouched
from grading.marking.sandbox import Limits

ROOT = Path(__file__).parents[1]
OPTIONAL = {"numba"}  # what the library goes without
ALL = 6  # points of the small set
VARIANT = {"FACTOR": 0.25, "NAME": "a “name”"}


@pytest.fixture(scope="module")
def exercises(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "07_halves.py"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def image(tmp_path_factory, exercises, source) -> Path:
    """The folder as Gradescope makes it, without what setup.sh installs."""
    return unpacked(autograder(exercises, source), tmp_path_factory.mktemp("autograder"))


def unpacked(archive: bytes, root: Path) -> Path:
    zipfile.ZipFile(io.BytesIO(archive)).extractall(root / "source")
    (root / "results").mkdir()
    return root


def results(root: Path, *files: tuple[str, dict | bytes]) -> dict:
    """What the autograder says of a submission; it is run in a bare environment, as there."""
    shutil.rmtree(root / "submission", ignore_errors=True)
    (root / "submission").mkdir()
    for name, content in files:
        put(root / "submission", name, content)
    script = [root / "source" / "run_autograder", root, sys.executable]
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["sh", *script], cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads((root / "results" / "results.json").read_text(encoding="utf-8"))


def points(result: dict) -> int:
    return sum(test["score"] for test in result["tests"])


def codes(answers) -> list[str]:
    """The answers to the small set's two exercises."""
    return ["\n\n".join(cell.code for cell in answers[name]) for name in ("half", "two")]


def expected(exercise_set, marks) -> list[tuple]:
    """Every check's row, from our own marks, in their order."""
    return [
        (
            f"{exercise.title}: {check.about}",
            check.points if marks.outcomes[exercise.id, check.id].passed else 0,
            check.points,
            "passed" if marks.outcomes[exercise.id, check.id].passed else "failed",
            "after_published" if check.hidden else "visible",
            marks.outcomes[exercise.id, check.id].message,
        )
        for exercise in exercise_set.exercises
        for check in exercise.checks
    ]


def rows(result: dict) -> list[tuple]:
    names = ("name", "score", "max_score", "status", "visibility", "output")
    return [tuple(test[name] for name in names) for test in result["tests"]]


# --- the script's result ---


@runs_answers
@pytest.mark.parametrize("number", range(5), ids=["solutions", "untouched", "1", "2", "3"])
def test_every_check_is_as_in_our_own_marks(number, image, exercises):
    """The solutions, the untouched notebook, and three rounds of known wrong answers."""
    (_, answers) = list(cases(exercises))[number]
    result = results(image, ("halves.ipynb", notebook(exercises, *codes(answers))))
    marks = mark(exercises, answers)
    found, ours = rows(result), expected(exercises, marks)
    assert [row[:-1] for row in found] == [row[:-1] for row in ours]
    if answers != untouched(exercises):  # of a stub it is said that there is no answer
        assert found == ours
    assert points(result) == marks.total(exercises)
    assert (points(result) == ALL) is (number == 0)


@runs_answers
def test_a_variants_values_travel_with_it(tmp_path, source):
    variant = read_set(source, VARIANT, "the autumn")
    image = unpacked(autograder(variant, source), tmp_path)
    quarter = "def half(x): return np.asarray(x) * 0.25"
    assert points(results(image, ("a.ipynb", notebook(variant, quarter)))) == ALL


@runs_answers
@pytest.mark.parametrize(
    "half",
    [
        "def half(x): return 'a text, which no check can add up'",
        "def half(x):\n    import traceback\n    raise ValueError(traceback.format_stack())",
        "def half(x): raise ValueError(open({source!r}).read())",
    ],
    ids=["wrong kind", "tells its stack", "reads the source"],
)
def test_no_message_shows_solutions_or_hidden_checks(half, image, exercises):
    if "source" in half and not sandbox.is_available():
        pytest.skip("only the sandbox hides files")
    where = str(image / "source" / "exercises" / "07_halves.py")
    result = results(image, ("a.ipynb", notebook(exercises, half.format(source=where))))
    assert 0 < points(result) < ALL
    assert all(test["output"] for test in result["tests"] if test["status"] == "failed")
    assert not secrets_in(json.dumps(result))


@runs_answers
def test_what_a_student_reads_is_plain_text(image, exercises):
    half = "def half(x): raise ValueError('<b>' + chr(27) + chr(0) + chr(0xd800))"
    text = json.dumps(results(image, ("a.ipynb", notebook(exercises, half))))
    assert "<b>" in text  # it is marked as text, which Gradescope escapes
    said = "".join(test["output"] for test in json.loads(text)["tests"])
    assert all(letter.isprintable() or letter == "\n" for letter in said)
    for part in [json.loads(text), *json.loads(text)["tests"]]:
        assert part["output_format"] == part.get("name_format", "text") == "text"
    assert json.loads(text)["stdout_visibility"] == "hidden"


def test_what_is_read_at_once_comes_from_a_process_without_hidden_checks(exercises, monkeypatch):
    """There an answer could keep a hidden check's data, and tell them in a message."""
    seen = []

    def look(exercise_set, answers, limits):
        seen.append({check.hidden for e in exercise_set.exercises for check in e.checks})
        return nothing(exercise_set, "not run")

    monkeypatch.setattr(one, "mark_apart", look)
    marks = one.marks_of(exercises, reference(exercises), Limits())
    assert seen == [{False}, {True}]
    assert len(marks.outcomes) == sum(len(e.checks) for e in exercises.exercises)


# --- which notebook counts, and what cannot be read ---


@runs_answers
@pytest.mark.parametrize(
    ("files", "total"),
    [
        ({"old.ipynb": (1, (HALF, TWO)), "new.ipynb": (2, (HALF, "pass"))}, 4),
        ({"new.ipynb": (2, (HALF, TWO)), "old.ipynb": (1, (HALF, "pass"))}, ALL),
        ({"answered.ipynb": (1, (HALF, TWO)), "untouched.ipynb": (2, None)}, ALL),
        ({"my folder/deep/a.ipynb": (1, (HALF, TWO))}, ALL),
        ({"Ann_1_assignsubmission_file/a.ipynb": (1, (HALF, TWO)), "b.ipynb": (2, None)}, ALL),
    ],
    ids=["newest", "newest first", "answered", "in folders", "named like another's"],
)
def test_one_persons_best_notebook_counts(files, total, tmp_path, exercises):
    for name, (time, answers) in files.items():
        answers = answers or codes(untouched(exercises))
        put(tmp_path, name, notebook(exercises, *answers), seconds=1_700_000_000 + time)
    put(tmp_path, "report.pdf", b"%PDF")
    graded = grade_one(tmp_path, exercises, USUAL)
    assert (graded["points"], graded["of"]) == (total, ALL)
    assert points(for_gradescope(graded)) == total


@runs_answers
def test_a_notebook_in_a_zip_counts(tmp_path, exercises):
    put(tmp_path, "a.zip", zipped({"a.ipynb": notebook(exercises)}))
    assert grade_one(tmp_path, exercises, USUAL)["points"] == ALL


NOT_READ = {
    "nothing": ({}, NOTHING),
    "a report": ({"report.pdf": b"%PDF"}, NOTHING),
    "half a file": ({"a.ipynb": b'{"cells": ['}, "not a notebook that can be read: it is damaged"),
    "empty": ({"a.ipynb": b""}, "not a notebook that can be read: it is empty"),
    "a web page": ({"a.ipynb": b"<!doctype html>"}, "not a notebook that can be read"),
    "a list": ({"a.ipynb": b"[]"}, "not a notebook that can be read: it holds no cells"),
    "a broken zip": ({"a.zip": b"PK\x03\x04"}, "not read"),
}


@pytest.mark.parametrize("kind", NOT_READ)
def test_what_cannot_be_read_gets_no_points_and_a_reason(kind, tmp_path, exercises):
    files, reason = NOT_READ[kind]
    for name, content in files.items():
        put(tmp_path, name, content)
    graded = grade_one(tmp_path, exercises, USUAL)
    assert (graded["points"], graded["of"]) == (0, ALL)
    assert {check["passed"] for check in graded["checks"]} == {False}
    assert reason in graded["problem"]
    shown = for_gradescope(graded)
    assert shown["output"] == graded["problem"]
    assert {test["output"] for test in shown["tests"]} == {""}  # said once is enough


@runs_answers
def test_a_submission_without_a_notebook_has_results(image):
    result = results(image, ("answers.py", b"def half(x): return x / 2"))
    assert (points(result), result["output"]) == (0, NOTHING)
    assert sum(test["max_score"] for test in result["tests"]) == ALL


# --- the command ---


@runs_answers
def test_one_notebook_becomes_json(tmp_path, capsys):
    exercise_set = known_set(set_names()[0])
    path = put(tmp_path, "my own name.ipynb", b"{}")
    assert main(["one", "1", str(path)]) == 0
    graded = json.loads(capsys.readouterr().out)
    assert (graded["set"], graded["variant"]) == (exercise_set.name, "")
    assert (graded["points"], graded["of"]) == (0, exercise_set.points)
    assert graded["notes"] == ["not a notebook that can be read: it holds no cells"]
    assert graded["exercises"] == [
        {"id": e.id, "title": e.title, "points": 0, "of": e.points} for e in exercise_set.exercises
    ]
    names = {"exercise", "id", "about", "hidden", "passed", "kind", "message", "points", "of"}
    assert [(check["exercise"], check["id"]) for check in graded["checks"]] == [
        (e.id, c.id) for e in exercise_set.exercises for c in e.checks
    ]
    assert all(set(check) == names for check in graded["checks"])


@runs_answers
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["99", "a.ipynb"], ["SET must be one of", "99"]),
        (["1", "missing.ipynb"], ["the notebook must be a file", "missing.ipynb"]),
        (["1", "a.ipynb", "--variant", "missing"], ["VARIANT must be a folder", "missing"]),
        (["1", "a.ipynb", "--out", "missing/a.json"], ["No such file", "missing/a.json"]),
    ],
    ids=["set", "notebook", "variant", "out"],
)
def test_a_wrong_argument_is_named_in_a_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "a.ipynb", b"{}")
    assert main(["one", *arguments]) == 2
    said = capsys.readouterr()
    *_, line = said.err.splitlines()
    assert line.startswith("error: ")
    assert all(word in line for word in words)
    assert not said.out


# --- the zip ---


def test_the_zip_holds_what_it_needs_and_no_more(exercises, source):
    archive = autograder(exercises, source)
    assert archive == autograder(exercises, source)
    members = {info.filename: info for info in zipfile.ZipFile(io.BytesIO(archive)).infolist()}
    for name in ("setup.sh", "run_autograder"):
        assert stat.S_IMODE(members[name].external_attr >> 16) == 0o755
    assert {name.partition("/")[0] for name in members} == {
        *("setup.sh", "run_autograder", "requirements.lock"),
        *("LICENSE", "LICENSE-data", "grading", "mbgd_lib", "exercises"),
    }
    assert [name for name in members if name.startswith("exercises/")] == ["exercises/07_halves.py"]
    assert not [name for name in members if "__pycache__" in name]


def test_it_installs_what_grading_imports():
    script = (TEMPLATES / "setup.sh").read_text(encoding="utf-8")
    [names] = re.findall(r'requirements.lock" \\\n +(.*)', script)
    used = {
        distribution(module)
        for path in tracked("grading/*.py", "mbgd_lib/*.py", "exercises/*.py")
        for module in imported(code(path))
        if module.partition(".")[0] not in known()
    }
    assert used - OPTIONAL <= set(names.split()) <= set(requirements("requirements.txt"))


@pytest.mark.parametrize("name", set_names())
def test_a_variants_values_are_written_as_they_are(name):
    exercise_set = known_set(name, EXAMPLE)
    assert tomllib.loads(as_toml(exercise_set)) == exercise_set.parameters


STAND_IN = """\
#!/bin/sh
echo "$0 $@" >> {journal}
case "$1 $2" in "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/pip" && cp "$0" "$3/bin/uv";; esac
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sh")
def test_setup_installs_into_the_image_and_hides_the_source(tmp_path, exercises, source):
    """Run with stand-ins for the programs that install, which keep a journal."""
    root, programs = (
        unpacked(autograder(exercises, source), tmp_path / "root"),
        tmp_path / "bin",
    )
    for name in ("apt-get", "python3"):
        path = put(programs, name, STAND_IN.format(journal=tmp_path / "journal"))
        path.chmod(0o755)
    script = ["sh", str(root / "source" / "setup.sh"), str(root)]
    subprocess.run(script, env={"PATH": f"{programs}:/usr/bin:/bin"}, check=True)
    journal = (tmp_path / "journal").read_text()
    assert "apt-get install -y bubblewrap python3-venv\n" in journal
    assert f"uv venv --python >=3.11,<3.15 {root}/venv\n" in journal
    assert f"-c {root}/source/requirements.lock numpy matplotlib " in journal
    assert stat.S_IMODE((root / "source" / "exercises").stat().st_mode) == 0o700
