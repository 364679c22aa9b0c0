"""Hostile and broken answers: how each ends, and that the other exercise keeps its points."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from small_set import changed, read_text, runs_answers, small_set, with_answer

from grading.authoring.sets import ExerciseSet
from grading.authoring.try_out import mark_in_copies
from grading.marking import sandbox
from grading.marking.marking import (
    Cancelled,
    Marks,
    Stopped,
    StudentCell,
    Worker,
    mark,
    reference,
    request_for,
    untouched,
)
from grading.marking.sandbox import PROJECT, Limits

pytestmark = runs_answers

RIGHT = "def half(x):\n    return np.asarray(x) * 0.5\n"
WRONG = "def half(x):\n    return np.asarray(x) * 0.7\n"
ENDLESS = "import time\ndef half(x):\n    while True: time.sleep(1)\n"
SHORT = Limits(cell_seconds=2, all_seconds=60)
TWO = 2  # points of the other exercise

is_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory hold on Linux only")
cut_off = pytest.mark.skipif(
    not sandbox.is_available(), reason="this system does not let a process be cut off"
)

# All that an answer may see in the project's folder.
OPEN = (
    {"mbgd_lib", "grading", Path(sys.prefix).relative_to(PROJECT).parts[0]}
    if Path(sys.prefix).is_relative_to(PROJECT)
    else {"mbgd_lib", "grading"}
)


@pytest.fixture
def exercises(tmp_path):
    return small_set(tmp_path)


def marks_of(exercise_set, answer: str, limits: Limits = SHORT) -> Marks:
    """What is found where one exercise is answered like this, and the other one right."""
    return mark(exercise_set, with_answer(exercise_set, "half", answer), limits)


def points(exercise_set, marks: Marks) -> tuple[int, int]:
    half, two = exercise_set.exercises
    return marks.points(half), marks.points(two)


def messages(marks: Marks) -> str:
    return "\n".join(o.message for which, o in marks.outcomes.items() if which[0] == "half")


def kinds(marks: Marks) -> set[str]:
    return {outcome.kind for which, outcome in marks.outcomes.items() if which[0] == "half"}


# --- the ends that a set can count on ---


def test_reference_gets_all_points(exercises):
    marks = mark(exercises, reference(exercises), SHORT)
    assert points(exercises, marks) == (4, TWO)
    assert not marks.notes


def test_untouched_release_gets_nothing_and_reaches_every_check(exercises):
    marks = mark(exercises, untouched(exercises), SHORT)
    assert marks.total(exercises) == 0
    assert {outcome.kind for outcome in marks.outcomes.values()} == {"unanswered", "failed"}


def test_no_answer_at_all(exercises):
    marks = mark(exercises, {"half": [], "two": reference(exercises)["two"]}, SHORT)
    assert points(exercises, marks) == (0, TWO)
    assert kinds(marks) == {"unanswered"}


# What an answer does, the points it keeps, and what its feedback says. These end the worker; after
# these it goes on.
# fmt: off
ENDS = {
    "endless loop in a cell": ("import time\nwhile True: time.sleep(1)", 0, "look for a loop"),
    "endless loop in a function": (ENDLESS, 0, "look for a loop"),
    "endless loop for arrays alone": (
        ENDLESS.replace("True", "np.ndim(x)") + "    return x / 2",
        3,
        "look for a loop",
    ),
    "os._exit in a function": ("import os\ndef half(x): os._exit(0)", 0, "it ended Python itself"),
    "os._exit in a cell": (RIGHT + "import os; os._exit(7)", 0, "exit code 7"),
    "crash": ("import ctypes\ndef half(x): ctypes.string_at(0)", 0, "it made Python crash"),
    "closed descriptors": ("import os\ndef half(x): os.closerange(0, 100)", 0, "was stopped"),
}
GOES_ON = {
    "sys.exit in a function": ("import sys\ndef half(x): sys.exit()", 0, "raised SystemExit"),
    "sys.exit in a cell, below the answer": (RIGHT + "import sys; sys.exit()", 4, ""),
    "exit in a cell": ("exit\n" + RIGHT + "exit()", 4, ""),
    "syntax error": ("def half(x:\n    return x", 0, "did not finish: SyntaxError"),
    "error in the cell": ("1 / 0\n" + RIGHT, 0, "did not finish: ZeroDivisionError"),
    "error in the function": ("def half(x):\n    return x / 0", 0, "line 2: return x / 0"),
    "assertion of its own": ("def half(x): assert x is None, 'm'", 0, "raised AssertionError: m"),
    "recursion": ("def half(x): return half(x)", 0, "raised RecursionError"),
    "name that is missing": ("def halve(x): return x / 2", 0, "`half` is not there"),
    "16 MB printed": ("print('a' * 2**24)\n" + RIGHT + "    print('a' * 2**24)", 4, ""),
    "16 MB written": ("import os\nfor k in (1, 2): os.write(k, b'a' * 2**24)\n" + RIGHT, 4, ""),
    "16 MB returned": ("def half(x): raise ValueError('a' * 2**24)", 0, "ValueError: aaa"),
    "threads that go on": (
        "import threading, time\n"
        "threading.Thread(target=lambda: [time.sleep(1) for _ in range(99)]).start()\n" + RIGHT,
        4,
        "",
    ),
    "input": ("input()\n" + RIGHT, 0, "EOFError"),
    "no text in an error": ("class E(Exception): __str__ = 0\ndef half(x): raise E", 0, "E ("),
    "error that exits": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\ndef half(x): raise E",
        0,
        "E (",
    ),
    "half a letter": ("def half(x): raise ValueError('\\ud800')", 0, "ValueError"),
    "magics": ("%matplotlib inline\n!true\n%time 1\n" + RIGHT, 4, ""),
    "magic of a cell": ("%%time\n" + RIGHT, 4, ""),
    "settings": (
        "import sys, warnings\nnp.seterr(all='raise'); warnings.simplefilter('error')\n"
        # The function is right under usual settings alone.
        "sys.setrecursionlimit(200)\n" + RIGHT.replace("return", "np.log(np.zeros(1)); return"),
        4,
        "",
    ),
}
# fmt: on


@pytest.mark.parametrize("name", ENDS)
def test_end(exercises, name):
    answer, kept, said = ENDS[name]
    marks = marks_of(exercises, answer)
    assert points(exercises, marks) == (kept, TWO)
    assert said in messages(marks)


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory) -> tuple[ExerciseSet, dict[str, Marks]]:
    """The set, and what is found of every answer that lets the worker go on."""
    exercise_set = small_set(tmp_path_factory.mktemp("set"))
    answers = [with_answer(exercise_set, "half", answer) for answer, _, _ in GOES_ON.values()]
    return exercise_set, dict(zip(GOES_ON, mark_in_copies(exercise_set, answers), strict=True))


@pytest.mark.parametrize("name", GOES_ON)
def test_going_on(gone_on, name):
    _, kept, said = GOES_ON[name]
    exercise_set, marks = gone_on
    assert points(exercise_set, marks[name]) == (kept, TWO)
    assert said in messages(marks[name])


@is_linux
@pytest.mark.parametrize(
    "take", ["bytearray(2**31)", "np.ones(2**28)", "[np.empty(10**7) for _ in range(99)]"]
)
def test_memory(exercises, take):
    limits = Limits(cell_seconds=10, memory=2**30)
    marks = marks_of(exercises, f"def half(x): return {take}", limits)
    assert points(exercises, marks) == (0, TWO)
    assert "MemoryError" in messages(marks)


def test_huge_file(exercises):
    answer = RIGHT + "with open('big', 'wb') as file: file.truncate(10**9)\nhalf = None"
    assert points(exercises, marks_of(exercises, answer)) == (4, TWO)


def test_slow_exercise_does_not_take_the_time_of_the_others(exercises):
    """Each check of the first would take all the time that there is."""
    limits = Limits(cell_seconds=3, all_seconds=4)
    marks = marks_of(exercises, ENDLESS, limits)
    assert points(exercises, marks) == (0, TWO)
    assert "all cells together took over 4 seconds" in messages(marks)


def test_what_a_cell_leaves_behind_is_its_own_fault(exercises):
    """The process ends in the code that is given with the next exercise."""
    trap = "import os\nget_ipython().run_cell = lambda *_, **__: os._exit(3)\n"
    marks = marks_of(exercises, RIGHT + trap)
    assert points(exercises, marks) == (4, TWO)


def test_worker_that_never_starts(exercises, monkeypatch):
    monkeypatch.setattr(sandbox, "WORKER", Path("no worker"))
    marks = mark(exercises, reference(exercises), SHORT)
    assert marks.total(exercises) == 0
    assert "before any answer could run" in marks.notes[0]


@pytest.mark.parametrize("answer", ["import os\ndef half(x): os._exit(0)", ENDLESS])
def test_without_a_sandbox(exercises, monkeypatch, answer):
    monkeypatch.setattr(sandbox, "is_available", lambda: False)
    marks = marks_of(exercises, answer)
    assert points(exercises, marks) == (0, TWO)
    assert kinds(marks) == {"stopped"}


# --- what checks see ---


def test_checks_see_nothing_but_the_names_asked_for(tmp_path):
    check = 'assert "helper" not in globals(), "a check sees what no answer must define"\n'
    exercises = read_text(tmp_path, changed("assert half(0) == 0", check + "assert half(0) == 0"))
    marks = marks_of(exercises, "helper = 1\n" + RIGHT)
    assert points(exercises, marks) == (4, TWO)


def test_checks_see_nothing_of_each_other(tmp_path):
    source = changed("secret_hidden = half(1)", "left_over = secret_hidden = half(1)")
    check = 'assert "left_over" not in globals(), "a check sees what another has left"\n'
    source = source.replace("secret_hidden = np.sum", check + "secret_hidden = np.sum")
    exercises = read_text(tmp_path, source)
    assert points(exercises, marks_of(exercises, RIGHT)) == (4, TWO)


@pytest.mark.parametrize("change", ["np = None", "np.random.seed(1); number = 9", "%reset -f"])
def test_names_that_are_overwritten(exercises, change):
    answers = reference(exercises)
    answers["half"] = [StudentCell("def half(x): return x * 0.5")]
    answers["two"] = [*answers["two"], StudentCell(change, is_answer=False)]
    if change == "%reset -f":
        answers["two"].reverse()
        answers["two"][1] = StudentCell("double, how = 7.0, ''")
    assert points(exercises, mark(exercises, answers, SHORT)) == (4, TWO)


@pytest.mark.parametrize("change", ["number[:] = 1", "number = np.ones(1)", "number.fill(1)"])
def test_given_data_that_is_changed(tmp_path, change):
    """Twice the student's number is not twice the number that was given."""
    exercises = read_text(tmp_path, changed("number = 3 + FACTOR", "number = np.array([3.5])"))
    answers = with_answer(exercises, "two", f"{change}\ndouble, how = 2 * number, ''")
    marks = mark(exercises, answers, SHORT)
    assert not marks.outcomes["two", "right"].passed
    assert marks.points(exercises.exercises[0]) == 4


# --- tampering ---

# Each makes the wrong answer pass, unless it is put back.
REPLACED = {
    "numpy.allclose": "np.allclose = lambda *_, **__: True",
    "numpy._core.numeric.isclose": "np._core.numeric.isclose = lambda *_, **__: np.True_",
    "allclose, within": "def f(a, b, **_): return True\n"
    "np.allclose._implementation.__code__ = f.__code__",
    "numpy": "import sys, types\nfake = types.ModuleType('numpy'); vars(fake).update(vars(np))\n"
    "fake.allclose = lambda *_, **__: True\nsys.modules['numpy'] = fake",
    "builtins.all": "import builtins\nbuiltins.all = lambda _: True",
    "builtins.__import__": "import builtins, types\nfake = types.SimpleNamespace(**vars(np))\n"
    "fake.allclose = lambda *_, **__: True\nold = builtins.__import__\n"
    "builtins.__import__ = lambda n, *a, **k: fake if n == 'numpy' else old(n, *a, **k)",
    "mbgd_lib.check_gradient": "import mbgd_lib\nmbgd_lib.check_gradient = lambda *_: 0",
    "LeastSquares.value": "import mbgd_lib\nmbgd_lib.LeastSquares.value = lambda *_: 0",
}
CONDITIONS = {
    "numpy": "np.allclose(half(np.arange(3)), np.arange(3) * FACTOR)",
    "builtins": "all(half(k) == k * FACTOR for k in range(3)) and np.allclose(half(1), FACTOR)",
    "mbgd_lib": "half(1) == FACTOR and mbgd_lib.check_gradient.__name__ == 'check_gradient'",
    "LeastSquares": "half(1) == FACTOR and mbgd_lib.LeastSquares.value.__name__ == 'value'",
}


@pytest.mark.parametrize("name", REPLACED)
def test_replaced_functions_are_put_back(tmp_path, name):
    where = "numpy" if "__import__" in name else name.partition(".")[0]
    condition = CONDITIONS.get(where, CONDITIONS["numpy"])
    exercises = read_text(
        tmp_path,
        changed(
            "assert secret_hidden == 3 * FACTOR,",
            f"import mbgd_lib, numpy as np\nassert {condition},",
        ),
    )
    answers = [with_answer(exercises, "half", code + REPLACED[name]) for code in (RIGHT, WRONG)]
    replaced, marks = mark_in_copies(exercises, answers)
    assert points(exercises, replaced) == (4, TWO)
    assert name.partition(",")[0] in "; ".join(replaced.notes)
    assert not marks.outcomes["half", "many"].passed


PASS = "lambda *_: {'passed': True, 'missing': [], 'replaced': [], 'error': None}"
TO_ALL = """\
import os
def half(x):
    for k in range(3, 99):
        try: os.write(k, {data})
        except OSError: pass
    return 0
"""
FORGED = {
    "to every descriptor": TO_ALL.format(data="b'{\"passed\": true}\\n'"),
    "a flood": TO_ALL.format(data="b'a' * 2**21"),
    "through gc": f"""{WRONG}
import gc
for thing in gc.get_objects():
    if type(thing) is dict and {{'setup', 'student', 'check'}} <= thing.keys():
        thing['check'] = {PASS}
""",
    "through the frames": f"""
def half(x):
    try: 1 / 0
    except Exception as error: frame = error.__traceback__.tb_frame
    while 'requests' not in frame.f_locals: frame = frame.f_back
    frame.f_locals['answer']['check'] = {PASS}
""",
    "through json": f"""{WRONG}
import json
written = json.dumps
json.dumps = lambda reply: written({{**reply, 'passed': True, 'missing': []}})
""",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_results_give_nothing_at_all(exercises, name):
    marks = marks_of(exercises, FORGED[name])
    assert marks.total(exercises) == 0
    assert "sent results of their own" in "; ".join(marks.notes)


def test_worker_is_not_the_main_module(exercises):
    marks = marks_of(exercises, f"import __main__\n__main__.Worker.check = {PASS}\n{WRONG}")
    assert points(exercises, marks) == (0, TWO)
    assert marks.notes == ["read half: it uses __main__"]


def test_objects_that_equal_everything_are_pointed_out(exercises):
    answer = "class Any:\n    def __eq__(self, other): return True\ndef half(x): return Any()"
    assert marks_of(exercises, answer).notes == ["read half: it uses __eq__"]


def test_honest_answers_are_not_pointed_out(exercises):
    assert not marks_of(exercises, RIGHT + "# evaluated, executed, the gcd of all").notes


# --- the lecturer's machine ---


@cut_off
def test_no_network(exercises):
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect = f"socket.create_connection({server.getsockname()}, 1)"
        answer = f"import socket\ntry: {connect}\nexcept OSError:\n    def half(x): return x * 0.5"
        assert points(exercises, marks_of(exercises, answer)) == (4, TWO)


@cut_off
def test_nothing_but_python_and_the_library_is_in_sight(exercises, tmp_path):
    (tmp_path / "other.ipynb").touch()
    private = [PROJECT / name for name in ("exercises", ".git", "tests", "README.md")]
    private += [tmp_path, Path.home() / ".profile", Path("/etc/passwd"), Path("/var")]
    answer = (
        f"import os\nseen = [p for p in {[str(path) for path in private]} if os.path.exists(p)]\n"
        "seen += os.listdir('.') + os.listdir('/home') if os.path.exists('/home') else []\n"
        f"seen += [p for p in os.listdir({str(PROJECT)!r}) if p not in {sorted(OPEN)}]\n"
        "def half(x): return seen or x * 0.5"
    )
    marks = marks_of(exercises, answer)
    assert points(exercises, marks) == (4, TWO), messages(marks)


@cut_off
def test_no_other_process_is_in_sight(exercises):
    answer = (
        "import os\nseen = [n for n in os.listdir('/proc') if n.isdigit() and int(n) > 1]\n"
        "def half(x): return seen or x * 0.5"
    )
    assert points(exercises, marks_of(exercises, answer)) == (4, TWO)


@cut_off
def test_nothing_outside_can_be_written(exercises, tmp_path):
    name = f"written-{secrets.token_hex(4)}"
    places = [folder / name for folder in (PROJECT, Path.home(), tmp_path, Path("/tmp"))]
    answer = f"{RIGHT}from pathlib import Path\nfor place in {list(map(str, places))}:\n"
    answer += "    try: Path(place).write_text('mine')\n    except OSError: pass\n"
    assert points(exercises, marks_of(exercises, answer)) == (4, TWO)
    assert not any(place.exists() for place in places)


# Processes that would outlive the grader: in a session of their own, and in place of the worker.
LEFT_BEHIND = {
    "a child": "subprocess.Popen(command, start_new_session=True)",
    "a fork": "os.fork() or (os.setsid(), os.execv(command[0], command))",
    "the worker itself": "import ctypes; ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)\n"
    "os.setsid(); os.execv(command[0], command)",
}


@cut_off
@pytest.mark.parametrize("name", LEFT_BEHIND)
def test_no_process_is_left_behind(exercises, name):
    mark_of_it = secrets.token_hex(8)
    command = [sys.executable, "-c", "import time; time.sleep(60)", mark_of_it]
    marks = marks_of(
        exercises, f"{RIGHT}import os, subprocess\ncommand = {command}\n{LEFT_BEHIND[name]}"
    )
    assert marks.points(exercises.exercises[1]) == TWO
    assert not processes_with(mark_of_it)


def processes_with(argument: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.parent.name] if argument.encode() in path.read_bytes() else []
        except OSError:
            continue
    return found


# --- the parent ---


def test_process_that_reads_nothing_does_not_keep_the_grader(monkeypatch, tmp_path):
    monkeypatch.setattr(sandbox, "is_available", lambda: False)
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(sandbox, "WORKER", sleeper)
    with (
        Worker(SHORT, tmp_path, threading.Event()) as worker,
        pytest.raises(Stopped, match="too long"),
    ):
        worker.ask({"kind": "student", "code": "#" * 2**20}, seconds=0.5)


def test_cancelled_marking_ends_at_once(exercises):
    cancelled = threading.Event()
    cancelled.set()
    answers = with_answer(exercises, "half", "while True: pass")
    with pytest.raises(Cancelled):
        mark(exercises, answers, Limits(), cancelled=cancelled)


def test_tests_can_see_a_process_that_is_left():
    mark_of_it = secrets.token_hex(8)
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("no list of processes here")
    command = [sys.executable, "-c", "print(flush=True); input()", mark_of_it]
    with subprocess.Popen(command, stdin=-1, stdout=-1) as process:
        process.stdout.readline()  # it runs
        assert processes_with(mark_of_it)
        process.kill()


def test_check_needs_only_the_names_that_it_uses(exercises):
    """A name that is missing costs the checks that look at it, and no others."""
    two = exercises.exercises[1]
    assert two.names == ("double", "how")
    assert request_for(two, "assert how, 'how is empty'", "")["names"] == ["how"]
    without = [two.solution.replace(line, f"not_{line}") for line in ("how =", "double =")]
    answers = [with_answer(exercises, "two", answer) for answer in without]
    assert [marks.points(two) for marks in mark_in_copies(exercises, answers)] == [TWO, 0]
