"""The commands of the exercises, run as lecturers run them, on a pile with hostile answers."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_pile import HALF, notebook, put, zipped
from small_set import SMALL, runs_answers, small_set

from grading import __main__ as commands
from grading.__main__ import main
from grading.authoring import sets
from grading.collecting.collect import Nothing, Submission
from grading.marking import sandbox

pytestmark = runs_answers

ROOT = Path(__file__).parents[1]
WRONG_INPUT, INTERRUPTED = 2, 130  # exit codes

# The command line with the small set in place of the course's. An interruption reaches it as it
# does in a terminal, also where the tests run in the background.
COMMAND = """\
import pathlib, signal, sys
import grading.authoring.sets as sets
signal.signal(signal.SIGINT, signal.default_int_handler)
for function in (sets.find_set, sets.set_names):
    function.__defaults__ = (pathlib.Path(sys.argv[1]),)
from grading.__main__ import main
sys.exit(main(sys.argv[2:]))
"""

HONEST = {
    "right": HALF,
    "wrong": "def half(x): return np.asarray(x) * 0.7",
    "helper": "share = 0.5\ndef half(x): return np.asarray(x) * share",
    "cell magic": f"%%time\n{HALF}",
    "in place": "def half(x):\n    x = np.array(x, dtype=float)\n    x *= 0.5\n    return x",
    "unfinished": "def half(x:",
}
HOSTILE = {
    "exit": "import os\ndef half(x): os._exit(0)",
    "crash": "import ctypes\ndef half(x): ctypes.string_at(0)",
    "forger": "import os\ndef half(x):\n    for k in range(3, 40):\n"
    "        try: os.write(k, b'{}\\n')\n        except OSError: pass\n    return 0",
    "vandal": f"import shutil\nfor p in {{places}}: shutil.rmtree(p, ignore_errors=True)\n{HALF}",
    "half a letter": "def half(x): raise ValueError('<b>\\ud800')",
    "noise": f"print('a' * 2**24)\n{HALF}",
}  # fmt: skip
BROKEN = {"empty": b"", "list": b"[]", "text": b"my answer is 3"}
STUDENTS = 30


def environment() -> dict[str, str]:
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return {**os.environ, **one_thread, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def command(sources: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-c", COMMAND, str(sources), *map(str, arguments)]


def run(sources: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(sources, *arguments), capture_output=True, text=True, env=environment(), check=False
    )


def rows(folder: Path, name: str = "grades.csv") -> dict[str, list[str]]:
    """The table by students."""
    text = (folder / "07_halves" / name).read_text(encoding="utf-8-sig")
    return {row[0]: row for row in csv.reader(io.StringIO(text))}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exercises")
    (folder / "07_halves.py").write_text(SMALL, encoding="utf-8")
    return folder


@pytest.fixture
def small_sources(sources, monkeypatch):
    """The small set in place of the course's, without a process of its own."""
    for function in (sets.find_set, sets.set_names):
        monkeypatch.setattr(function, "__defaults__", (sources,))


@pytest.fixture(scope="module")
def exercises(sources, tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def pile(exercises, tmp_path_factory):
    """Thirty students in folders of their own: honest, hostile and broken ones."""
    folder = tmp_path_factory.mktemp("pile")
    for name, answer in (HONEST | HOSTILE).items():
        answer = answer.replace("{places}", repr([str(folder)]))
        put(folder, f"{name}/x.ipynb", notebook(exercises, half=answer))
    put(folder, "zipped.zip", zipped({"x.ipynb": notebook(exercises)}))
    for k in range(STUDENTS - len(HONEST) - len(HOSTILE) - 1):
        broken = list(BROKEN.values())[k % len(BROKEN)]
        put(folder, f"broken {k}/x.ipynb", broken)
    put(folder, "right/figure.pdf", b"")
    return folder


@pytest.fixture(scope="module")
def graded(sources, pile, tmp_path_factory):
    """The command's end, where its results lie, and the pile as it was before."""
    out = tmp_path_factory.mktemp("results")
    before = content(pile)
    done = run(sources, "grade", "7", pile, "--out", out, "--jobs", 2)
    return done, out, before


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


# --- a pile ---


def test_everybody_has_a_row_and_a_page(graded):
    done, out, _ = graded
    assert done.returncode == 0, done.stderr
    assert len(rows(out)) == 1 + STUDENTS
    assert len(list((out / "07_halves" / "feedback").iterdir())) == STUDENTS
    assert len(rows(out, "project.csv")) == 1 + STUDENTS


def test_points_of_the_pile(graded):
    points = {name: (row[2], row[3]) for name, row in rows(graded[1]).items()}
    for name in ("right", "helper", "cell magic", "in place", "noise", "zipped"):
        assert points[name] == ("4", "2"), name
    for name in ("unfinished", "exit", "crash", "half a letter"):
        assert points[name] == ("0", "2"), name
    assert points["wrong"] == ("1", "2")
    assert points["forger"][0] == "0"
    assert points["broken 0"] == ("0", "0")


def test_progress_and_what_to_look_at_are_shown(graded):
    done, *_ = graded
    assert f"{STUDENTS}/{STUDENTS}" in done.stderr
    assert "broken 0: not a notebook that can be read: it is empty" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert re.fullmatch(rf"{STUDENTS} submissions in \d+ s: \d+ ran, \d+\.\d s each", last)
    assert "right:" not in done.stdout


@pytest.mark.skipif(not sandbox.is_available(), reason="nothing keeps a process from files here")
def test_no_submission_changes_anything(graded, pile):
    done, out, before = graded
    assert done.returncode == 0
    assert content(pile) == before
    assert rows(out)["vandal"][2] == "4"


@pytest.mark.usefixtures("small_sources")
@pytest.mark.parametrize("name", ["right", "forger", "half a letter"])
def test_alone_as_in_the_pile(exercises, graded, tmp_path, name):
    """What others hand in has no effect on a student's points, notes and feedback."""
    put(tmp_path, f"pile/{name}/x.ipynb", notebook(exercises, half=(HONEST | HOSTILE)[name]))
    out = tmp_path / "results"
    assert main(["grade", "07_halves", str(tmp_path / "pile"), "--out", str(out)]) == 0
    assert rows(out)[name] == rows(graded[1])[name]
    page = Path("07_halves", "feedback", f"{name}.html")
    assert (out / page).read_bytes() == (graded[1] / page).read_bytes()


@pytest.mark.usefixtures("small_sources")
def test_graded_again_with_the_projects_marks(exercises, tmp_path, capsys):
    put(tmp_path, "pile/Ann_1_assignsubmission_file_/x.ipynb", notebook(exercises))
    out = tmp_path / "out"
    arguments = ["grade", "7", str(tmp_path / "pile"), "--out", str(out)]
    assert main(arguments) == 0
    path = out / "07_halves" / "project.csv"
    text = path.read_text(encoding="utf-8-sig")
    row, marked = '"Ann","1","","",""', "Ann ,01,2,1,good\nZoe,,1,1,lost"
    assert row in text
    path.write_text(text.replace(row, marked), encoding="utf-8")
    before = path.read_bytes()
    capsys.readouterr()
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "project.csv: move these marks to the right row, they fit nobody: Zoe\n" in told
    assert told.splitlines()[-1].endswith(": all were marked before")
    assert rows(out)["Ann"][5:7] == ["3", "9"]
    assert path.read_bytes() == before
    assert (out / "07_halves" / "earlier" / "1" / "grades.csv").is_file()

    table = put(tmp_path, "table.csv", "Identifier,Full name,Grade\nParticipant 1,Ann,\n")
    assert main(["export", "7", "moodle", str(table), "--out", str(out)]) == 0
    assert "1 of 1 rows filled in" in capsys.readouterr().out
    assert "Participant 1,Ann,9" in (out / "07_halves" / "moodle.csv").read_text()


# --- what is told ---


def told_of(monkeypatch, capsys, tmp_path, submissions, without=(), *options) -> str:
    """What the command says of a pile; nothing is run but what it holds."""
    pile = SimpleNamespace(submissions=submissions, without_notebook=without)
    monkeypatch.setattr(commands, "collect", lambda *_: pile)
    out = tmp_path / "out"
    assert main(["grade", "7", str(tmp_path), "--out", str(out), *map(str, options)]) == 0
    return capsys.readouterr().out


@pytest.mark.usefixtures("small_sources")
def test_whoever_is_missing_is_told_and_written(monkeypatch, capsys, tmp_path):
    roster = put(tmp_path, "roster.csv", "name,id\nAnn,1\nBob,2\nZoe,3\n")
    without = [
        Nothing("Bob", "2", "report.pdf"),
        Nothing("", "", "02.ipynb.txt (rename it)"),
    ]
    pile = [Submission("Ann", "1", "a.ipynb", None), Submission("Eve", "9", "e.ipynb", None)]
    told = told_of(monkeypatch, capsys, tmp_path, pile, without, "--roster", roster)
    expected = {
        "Bob": "Bob (2): report.pdf",
        "": "a file of nobody's: 02.ipynb.txt (rename it)",
        "Zoe": "Zoe (3)",
        "Eve": "Eve (9)",
    }
    found = rows(tmp_path / "out", "not_graded.csv")
    assert {name: row[3] for name, row in found.items() if name != "student"} == expected
    kinds = {name: row[2] for name, row in found.items()}
    for name, why in expected.items():
        assert f"{kinds[name]}: {why}\n" in told
    assert list(kinds.values())[1:] == ["nothing to grade"] * 2 + [
        "handed in nothing",
        "not on the roster",
    ]


@pytest.mark.usefixtures("small_sources")
@pytest.mark.parametrize(
    "hostile", ["\x1b[2J", "\na classmate: cheated", "\ud800", "x" * 5_000_000]
)
def test_notes_cannot_steer_the_terminal(monkeypatch, capsys, tmp_path, hostile):
    one = Submission(f"Ann{hostile[:60]}", "", "a.ipynb", None, [f"made from {hostile}", "last"])
    told = told_of(monkeypatch, capsys, tmp_path, [one, Submission("Bob", "", "b", None)])
    lines = [line for line in told.splitlines() if "Ann" in line]
    assert len(lines) == 1
    assert len(lines[0]) < 1000
    assert all(letter.isprintable() for letter in told.replace("\n", ""))
    assert not any(line.startswith("a classmate") for line in told.splitlines())
    assert len(rows(tmp_path / "out")) == 3


@pytest.mark.usefixtures("small_sources")
def test_another_variant_is_told_once(monkeypatch, capsys, tmp_path):
    pile = [Submission(f"S{k}", "", "a.ipynb", None) for k in range(30)]
    for one in pile[:24]:
        one.notes.append("made from 07_halves autumn")
    pile[0].notes.append("late")
    told = told_of(monkeypatch, capsys, tmp_path, pile).splitlines()
    (line,) = [line for line in told if "autumn" in line]
    assert line == (
        "24 of 30 notebooks: made from 07_halves autumn; they are graded as 07_halves "
        "without VARIANT"
    )
    assert told.index(line) < told.index("S0: late")


@pytest.mark.usefixtures("small_sources")
def test_notes_of_most_are_told_once(monkeypatch, capsys, tmp_path):
    """As where SET is another one than the class has worked on."""
    pile = [Submission(f"S{k}", "", "a.ipynb", None, ["no answer", "no half"]) for k in range(30)]
    pile[3].notes[1] = "late"
    told = told_of(monkeypatch, capsys, tmp_path, pile).splitlines()
    assert told[:3] == [
        "Nobody answered anything of 07_halves: is SET right?",
        "30 of 30 notebooks: no answer",
        "29 of 30 notebooks: no half",
    ]
    assert [line for line in told[3:] if line.startswith("S")] == ["S3: late"]


@pytest.mark.usefixtures("small_sources")
def test_project_marks_of_an_earlier_submission(monkeypatch, capsys, tmp_path):
    """On Gradescope, each attempt has a number of its own."""
    first, other, again = (
        Submission(n, k, "a", None) for n, k in (("Li Na", "6"), ("Bo", "7"), ("Li Na", "66"))
    )
    told_of(monkeypatch, capsys, tmp_path, [first, other])
    path = tmp_path / "out" / "07_halves" / "project.csv"
    text = path.read_text(encoding="utf-8-sig")
    for row in ('"Li Na","6",', '"Bo","7",'):
        text = text.replace(f'{row}"",""', f'{row}"1","1"')
    path.write_text(text, encoding="utf-8")
    assert (
        "project.csv: move these marks to the right row, they fit nobody: Li Na (6): Li Na (66) "
        "has another identifier\n"
    ) in told_of(monkeypatch, capsys, tmp_path, [again, other])
    assert '"Li Na","66","",""' in path.read_text(encoding="utf-8-sig")


@pytest.mark.usefixtures("small_sources")
@pytest.mark.parametrize("why", ["File exists", "Read-only file system"])
def test_folder_that_cannot_be_written_is_told_first(monkeypatch, capsys, tmp_path, why):
    put(tmp_path, "pile/ann.ipynb", b"")
    if why == "File exists":
        put(tmp_path, "out/07_halves", b"")
    else:
        error = OSError(errno.EROFS, why)
        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: throw(error))
    monkeypatch.setattr(commands, "mark_all", lambda *_: pytest.fail("it runs"))
    arguments = ["grade", "7", str(tmp_path / "pile"), "--out", str(tmp_path / "out")]
    assert main(arguments) == WRONG_INPUT
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert why in errors or "Not a directory" in errors


def throw(error: OSError) -> None:
    raise error


# --- wrong input ---


def wrong_commands(folder: Path) -> dict[str, tuple[object, ...]]:
    return {
        "SET must be one of 07_halves": ("grade", "8", folder),
        "SUBMISSIONS must be a folder; got": ("grade", "7", folder / "nothing"),
        "holds no notebook": ("grade", "7", folder),
        "VARIANT must be a folder": ("grade", "7", folder, "--variant", folder / "nothing"),
        "holds no 07_halves.toml": ("grade", "7", folder, "--variant", folder),
        "grade the set first": ("export", "7", "moodle", folder / "x", "--out", folder),
        "the first line must be": ("grade", "7", folder, "--out", folder / "spoilt"),
        "File exists": ("grade", "7", folder / "pile", "--out", folder / "file"),
        "ROSTER must be a CSV": ("grade", "7", folder / "pile", "--roster", folder / "nothing"),
    }


@pytest.mark.usefixtures("small_sources")
@pytest.mark.parametrize("error", wrong_commands(Path()))
def test_wrong_input_is_told_in_one_line(tmp_path, capsys, error):
    put(tmp_path, "spoilt/07_halves/project.csv", b"a,b\n")
    put(tmp_path, "file", b"")
    if "exists" in error or "ROSTER" in error:
        put(tmp_path, "pile/ann.ipynb", b"")
    assert main([str(argument) for argument in wrong_commands(tmp_path)[error]]) == WRONG_INPUT
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert error in last or "Not a directory" in last


@pytest.mark.usefixtures("small_sources")
@pytest.mark.parametrize("option", ["--jobs=0", "--jobs=x", "--seconds=0", "--seconds=nan"])
def test_wrong_numbers(tmp_path, capsys, option):
    with pytest.raises(SystemExit, match=str(WRONG_INPUT)):
        main(["grade", "7", str(tmp_path), option])
    assert "must be a whole number from 1; got" in capsys.readouterr().err.splitlines()[-1]


def test_platform_that_is_not_known(capsys):
    with pytest.raises(SystemExit, match=str(WRONG_INPUT)):
        main(["export", "7", "other", "table.csv"])
    assert re.search("'other'.*moodle.*canvas.*gradescope", capsys.readouterr().err)


def test_exit_code_of_wrong_input(sources, tmp_path):
    done = run(sources, "grade", "7", tmp_path / "nothing")
    assert done.returncode == WRONG_INPUT
    (line,) = done.stderr.splitlines()
    assert line == f"error: SUBMISSIONS must be a folder; got {tmp_path / 'nothing'}"


# --- interruption ---

TOLD = (
    "interrupted: nothing was written; finished submissions are kept, the same command goes on "
    "from there"
)


def test_interrupted_run_goes_on_where_it_was(sources, exercises, tmp_path):
    put(tmp_path, "pile/a.ipynb", notebook(exercises))
    put(tmp_path, "pile/b.ipynb", notebook(exercises, half="import time\ntime.sleep(60)"))
    arguments = ("grade", "7", tmp_path / "pile", "--out", tmp_path / "out", "--jobs", 1)
    kept = tmp_path / "out" / "07_halves" / ".marks.jsonl"
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        command(sources, *arguments), **pipes, env=environment(), text=True
    ) as grader:
        while grader.poll() is None and not kept.exists():
            time.sleep(0.1)
        time.sleep(0.5)
        grader.send_signal(signal.SIGINT)
        _, errors = grader.communicate()
    assert grader.returncode == INTERRUPTED
    assert errors.splitlines()[-1] == TOLD
    assert "| 1/2 [" in errors
    assert "Traceback" not in errors
    put(tmp_path, "pile/b.ipynb", notebook(exercises, half="def half(x): return 0.5 * x"))
    done = run(sources, *arguments)
    assert ": 1 ran, " in done.stdout.splitlines()[-1]
    assert {row[4] for name, row in rows(tmp_path / "out").items() if len(name) == 1} == {"6"}


@pytest.fixture
def sleeping(sources, exercises, tmp_path):
    """A grader at work, and a word that stands in the list of its submissions' processes."""
    word = secrets.token_hex(8)
    started = [sys.executable, "-c", "import time; time.sleep(60)", word]
    answer = f"import subprocess, time\nsubprocess.Popen({started})\ntime.sleep(60)"
    for k in range(3):
        put(tmp_path, f"pile/{k}.ipynb", notebook(exercises, half=answer))
    grader = subprocess.Popen(
        command(sources, "grade", "7", tmp_path / "pile", "--out", tmp_path / "out"),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        env=environment(),
        text=True,
    )
    with grader:
        while grader.poll() is None and not is_running(word):
            time.sleep(0.3)
        yield grader, word
        grader.kill()


def is_running(word: str) -> bool:
    """Whether a process has the word in its command line, but for those that have ended."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.skipif(not sandbox.is_available(), reason="processes may outlive the grader here")
@pytest.mark.parametrize("how", ["SIGINT", "SIGKILL"])
def test_interrupted_grader_leaves_nothing(sleeping, tmp_path, how):
    grader, word = sleeping
    grader.send_signal(getattr(signal, how))  # here: Windows does not know every name
    _, errors = grader.communicate()
    if how == "SIGINT":
        assert grader.returncode == INTERRUPTED
        assert errors.splitlines()[-1] == TOLD
    else:
        while is_running(word):  # the system ends them; the test does not end before
            time.sleep(0.3)
    assert not is_running(word)
    assert not list((tmp_path / "out" / "07_halves").iterdir())
