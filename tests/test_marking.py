"""Hostile and broken answers: how each ends, and that the other exercise keeps its points."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import types
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from small_set import changed, read_text, runs_answers, small_set, with_answer

from grading.authoring.try_out import mark_in_copies
from grading.marking import sandbox
from grading.marking.door import AnswerError, Door, Stopped
from grading.marking.marking import (
    Marks,
    StudentCell,
    mark,
    names_for,
    reference,
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
    not (sandbox.is_available() or os.environ.get("CI")),
    reason="bubblewrap (bwrap) is missing, or does not work here",
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
    "kill": ("import os\ndef half(x): os.kill(os.getpid(), 9)", 0, "signal 9"),
    "abort": ("import os\ndef half(x): os.abort()", 0, "signal 6"),
    "no end of items": (
        "import itertools\ndef half(x): return itertools.count()", 0, "more than 100000 items"
    ),
    "items within themselves": ("def half(x):\n    x = []; x.append(x); return x", 0, "Recursion"),
    "a flood": (
        "import os\ndef half(x):\n    for k in range(3, 99):\n"
        "        try: os.write(k, b'a' * 2**27)\n        except OSError: pass",
        0,
        "was stopped",
    ),
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
    "type with a long name": (
        "E = type('E' * 2**21, (Exception,), {})\ndef half(x): raise E", 0, "raised EEE"
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
def gone_on(tmp_path_factory) -> dict[str, Marks]:
    """What is found of every answer that lets the worker go on: one is enough for all."""
    exercise_set = small_set(tmp_path_factory.mktemp("set"))
    answers = {name: answer for name, (answer, _, _) in GOES_ON.items()} | CHEATS | HONEST
    answers = {name: answer for name, answer in answers.items() if name not in END_IT}
    submissions = [with_answer(exercise_set, "half", answer) for answer in answers.values()]
    return dict(zip(answers, mark_in_copies(exercise_set, submissions), strict=True))


@pytest.mark.parametrize("name", GOES_ON)
def test_going_on(exercises, gone_on, name):
    _, kept, said = GOES_ON[name]
    assert points(exercises, gone_on[name]) == (kept, TWO)
    assert said in messages(gone_on[name])


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


@is_linux
@pytest.mark.parametrize(
    ("each", "said"),
    [
        ("bytearray(3 * 10**8)", "memory in all"),
        ("0", "BlockingIOError"),
    ],
)
def test_many_processes_take_no_more_than_one(exercises, each, said):
    """What each may take, all of them may not."""
    answer = (
        "import os, time\ndef half(x):\n    for _ in range(40):\n        if not os.fork():\n"
        f"            kept = {each}\n            time.sleep(9)\n            os._exit(0)\n"
        "    time.sleep(9)"
    )
    limits = Limits(cell_seconds=8, memory=2**30, processes=20 if each == "0" else 64)
    marks = marks_of(exercises, answer, limits)
    assert points(exercises, marks) == (0, TWO)
    assert said in messages(marks)


def test_ending_python_again_and_again_has_an_end(exercises):
    answers = reference(exercises)
    answers["half"] = [StudentCell("import os; os._exit(1)") for _ in range(40)]
    marks = mark(exercises, answers, Limits(starts=3))
    assert "ended Python 3 times" in marks.notes[0]
    assert marks.total(exercises) == 0


@pytest.mark.parametrize("answer", ["import os\ndef half(x): os._exit(0)", ENDLESS])
def test_without_a_sandbox(exercises, monkeypatch, answer):
    monkeypatch.setattr(sandbox, "is_available", lambda: False)
    monkeypatch.setattr(sandbox, "nobody", lambda: 0)  # who may not read root's own Python
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


# --- cheats: what an answer may try, to pass with a wrong result ---

# All return 0.7 times x, or worse, and none gains a point but that for `half(0) == 0`.
FRAME = "import sys\ndef half(x):\n    frame = sys._getframe()\n    while frame:\n"
GLOBALS = "its = get_ipython().ask_exit.__func__.__globals__\n"
# fmt: off
CHEATS = {
    "number that is what one asks for": "class Number(float):\n    __eq__ = lambda *_: True\n"
    "    __sub__ = __rsub__ = __truediv__ = lambda *_: Number(0)\ndef half(x): return Number(0)",
    "yes to every comparison": "class Any:\n    __eq__ = lambda *_: True\n"
    "def half(x): return Any()",
    "object that answers for NumPy": "class half:\n    def __init__(self, x): self.shape = ()\n"
    "    def sum(self, **_): return 1.5\n    def __eq__(self, other): return True",
    "array that is what one asks for": "class Mine(np.ndarray):\n    __eq__ = lambda *_: True\n"
    "    sum = lambda *_, **__: 1.5\ndef half(x): return (np.asarray(x) * 0.7).view(Mine)",
    "function in the check's names": FRAME + "        frame.f_globals['abs'] = lambda _: 0\n"
    "        frame.f_globals['np'] = None\n        frame = frame.f_back\n    return x * 0.7",
    "expected value from a frame": FRAME + "        if 'FACTOR' in frame.f_globals:\n"
    "            return x * frame.f_globals['FACTOR']\n        frame = frame.f_back\n"
    "    return x * 0.7",
    "worker taken over": WRONG + GLOBALS
    + "its['compile'] = lambda *_, **__: 'pass'\nits['told'] = lambda _: None\n"
    "its['Worker'].answer = lambda *_: {'value': {'result': 0.7, 'changed': []}}",
    "worker's values replaced": WRONG + GLOBALS
    + "its['Things'].plain = lambda *_: {'passed': True}",
    "a reply of its own": WRONG + "import os\nfor k in range(3, 20):\n"
    "    try: os.write(k, b'{\"value\": {\"passed\": true}}\\n')\n    except OSError: pass",
    "json replaced": WRONG + "import json\nwritten = json.dumps\n"
    "json.dumps = lambda reply: written({**reply, 'passed': True, 'error': None})",
    "through gc": WRONG + "import gc\nfor thing in gc.get_objects():\n"
    "    if type(thing) is dict and 'kept' in thing: thing['kept'] = [lambda x: x * 0.7] * 99",
    "thread that goes on": WRONG + "import threading\ndef change():\n"
    "    while True: np.sum = lambda _: 1.5\n"
    "threading.Thread(target=change, daemon=True).start()",
    "timer": WRONG + "import signal\nsignal.signal(signal.SIGALRM, lambda *_: None)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)",
    "built-ins replaced": WRONG + "import builtins\nbuiltins.all = builtins.abs = lambda _: 0",
    "numbers that are none": WRONG + "import numbers\nnumbers.Real.register(str)",
    "tracing": WRONG + "import sys\nsys.settrace(lambda *_: sys.exit(0))",
    "NumPy replaced": WRONG + "np.allclose = np.array_equal = lambda *_, **__: True\n"
    "np.sum = lambda _: 1.5\nnp.isclose.__wrapped__ = None",
    "library replaced": WRONG + "import mbgd_lib\nmbgd_lib.LeastSquares.value = lambda *_: 0\n"
    "mbgd_lib.check_gradient.__kwdefaults__ = {'step': 1}",
    "constants through ctypes": WRONG + "import ctypes, gc\nfor thing in gc.get_objects():\n"
    "    if getattr(thing, 'co_name', '') == '<module>': ctypes.memset(id(thing) + 16, 0, 8)",
    "main module": WRONG + "import __main__\n__main__.Worker = None",
    "object that unpickles": "class Bad:\n    def __reduce__(self): return print, ()\n"
    "def half(x): return Bad()",
    "two of it": WRONG.replace("return", "__import__('os').fork(); return"),
    "arguments changed": "def half(x):\n    if np.ndim(x): x[:] = 0\n    return x * 0.7",
}
# fmt: on
END_IT = ("worker taken over", "worker's values replaced", "a reply of its own", "two of it")


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_gain_nothing(exercises, gone_on, name):
    marks = marks_of(exercises, CHEATS[name]) if name in END_IT else gone_on[name]
    assert not marks.outcomes["half", "one"].passed
    assert not marks.outcomes["half", "many"].passed


# What tries to carry a hidden check's text out, in the message of an error.
TELLS = {
    "frames": FRAME + "        said = str(frame.f_code.co_consts) + str(frame.f_globals)\n"
    "        if NEEDLE in said[::-1]: raise ValueError(said)\n        frame = frame.f_back\n",
    "everything there is": "import gc\ndef half(x):\n    for thing in gc.get_objects():\n"
    "        if type(thing) in (dict, list, tuple) and NEEDLE in str(list(thing))[10**5::-1]:\n"
    "            raise ValueError(thing)\n",
    "memory": "def half(x):\n    try:\n        with open('/proc/self/maps') as maps:\n"
    "            heap = next(line for line in maps if '[heap]' in line)\n"
    "        place, end = (int(k, 16) for k in heap.split()[0].split('-'))\n"
    "        with open('/proc/self/mem', 'rb') as memory:\n            memory.seek(place)\n"
    "            said = memory.read(end - place)\n"
    "    except OSError: said = b''\n"
    "    if NEEDLE.encode() in said[::-1]: raise ValueError('told')\n",
}


@pytest.mark.parametrize("name", TELLS)
def test_no_message_tells_a_hidden_check(exercises, name):
    """The answer is right unless it finds a line of a hidden check in its process."""
    needle = f"NEEDLE = {'secret_hidden =='[::-1]!r}\n"  # backwards: else it would find itself
    assert "secret_hidden ==" in exercises.exercises[0].checks[1].code
    marks = marks_of(exercises, needle + TELLS[name] + "    return np.asarray(x) * 0.5")
    assert points(exercises, marks) == (4, TWO), messages(marks)


HONEST = {
    "words that sound like mischief": RIGHT + "# eval, exec, gc, ctypes and sockets\ngc = eval = 1",
    "built-ins used as names": RIGHT + "sum = list = abs = range = 0",
    "settings": RIGHT + "np.seterr(all='raise')",
    "star imports": "from math import *\nfrom numpy import *\n" + RIGHT,
    "lambda": "half = lambda x: np.asarray(x) * 0.5",
    "partial": "from functools import partial\nhalf = partial(np.multiply, 0.5)",
    "object that is called": "class Half:\n    def __call__(self, x): return x / 2\nhalf = Half()",
    "method": "class Half:\n    def of(self, x): return x / 2\nhalf = Half().of",
    "list": "def half(x): return [v / 2 for v in x] if np.ndim(x) else x / 2",
    "array of objects": "def half(x): return np.array(x, dtype=object) / 2",
    "fraction": "from fractions import Fraction\n"
    "def half(x): return x / 2 if np.ndim(x) else Fraction(x) / 2",
    "file written": "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('f.png')\n"
    "import os; os.makedirs('made/below'); np.save('made/x', [1])\n" + RIGHT,
    "main guard": RIGHT + "if __name__ == '__main__':\n    print(half(1))",
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_answers_keep_their_points(exercises, gone_on, name):
    assert points(exercises, gone_on[name]) == (4, TWO), messages(gone_on[name])


# --- the door ---


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    """A worker with a few functions; what stops one elsewhere leaves it as it was."""
    code = (
        "import numpy as np\n"
        "def same(x): return x\ndef apply(f, *args): return f(*args)\n"
        "def change(x): x[0] = 7\ndef draw(rng): return rng.random()\n"
        "def one_by_one(n):\n    for k in range(n): yield k\n"
        "class Counter:\n    def __init__(self): self.n = 0\n"
        "    def up(self): self.n += 1\nseven = 7\n"
    )
    with Door(Limits(), tmp_path_factory.mktemp("scratch")) as door:
        assert door.run(code) is None
        yield door


def get(door: Door, name: str):
    return door.look_up([name])[name]


PLAIN = [
    *(None, True, 3, -(10**30), 2.5, float("inf"), 1 + 2j, "é\n\x00", [], [1, [2.0]], (1, (2,))),
    *({"a": [1], 2: (3,)}, {1, 2}, {}, {"error": 1}, {"thing": 0}),
    *(np.float64(0.1), np.int8(3), np.bool_(True)),
    *(np.arange(6.0).reshape(2, 3), np.zeros((0, 4)), np.array(["a", "bc"]), np.array(True)),
    np.arange(6)[::2],
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_come_back_as_they_went(door, value):
    back = get(door, "same")(value)
    assert type(back) is type(value)
    assert repr(back) == repr(value)


def test_what_comes_back_of_other_kinds(door):
    same = get(door, "same")
    assert np.isnan(same(float("nan")))
    assert same(range(3)) == same({0: 0, 1: 0, 2: 0}.keys() and [0, 1, 2]) == [0, 1, 2]
    assert get(door, "one_by_one")(3) == [0, 1, 2]
    assert same(Fraction(1, 2)) == 0.5
    assert same(np.array([1j])) == [1j]
    strange = same(types.SimpleNamespace(shape=(2,), sum=lambda: 1))
    assert type(strange).__name__ == "SimpleNamespace"
    assert not callable(strange)
    assert np.shape(strange) == ()
    assert np.sum(strange) is strange


def test_objects_of_a_class_that_was_asked_for_can_be_used(door):
    counter = door.look_up(["Counter"], ["Counter"])["Counter"]()
    counter.up()
    assert counter.up() is None
    assert counter.n == 2
    assert get(door, "same")(counter).__class__.__name__ == "Counter"
    assert not hasattr(counter, "__iter__")
    with pytest.raises(AnswerError, match="AttributeError"):
        counter.b  # noqa: B018


def test_a_function_that_is_asked_for_makes_no_objects(door):
    """A class in its place would answer for NumPy."""
    assert not hasattr(get(door, "Counter")(), "n")


def test_a_number_in_place_of_a_class(door):
    assert door.look_up(["seven"], ["seven"]) == {"seven": 7}
    assert door.look_up(["same"], ["same"])["same"](7) == 7


def test_functions_of_a_check_run_here(door):
    seen = []

    def ours(*args):
        seen.append(args)
        return sum(args)

    assert get(door, "apply")(ours, 1, 2.5) == 3.5
    assert seen == [(1, 2.5)]
    assert get(door, "apply")(get(door, "same"), 4) == 4
    assert get(door, "apply")(np.sum, [1, 2]) == 3


def test_a_function_of_a_check_that_fails_fails_the_check(door):
    def ours(_):
        raise AssertionError("this is the check's own")

    with pytest.raises(AssertionError, match="the check's own"):
        get(door, "apply")(ours, 1)
    assert get(door, "same")(1) == 1


def test_arguments_change_only_for_a_check_that_looks(door, monkeypatch):
    array, items = np.zeros(2), [0, 0]
    get(door, "change")(array)
    assert array[0] == 0
    monkeypatch.setattr(door, "writes_back", True)
    get(door, "change")(array)
    get(door, "change")(items)
    assert array.tolist() == items == [7, 0]


def test_a_generator_moves_on(door):
    ours, theirs = np.random.default_rng(1), np.random.default_rng(1)
    draw = get(door, "draw")
    assert [draw(theirs), draw(theirs)] == [ours.random(), ours.random()]


RESULT = '{"value": {"dict": [["result", %s], ["changed", []]]}}'
MANY = range(10_000, 20_001)
# Things that are different and have the same hash, or could have: a set of them takes long.
ALIKE = {
    "whole numbers": [k * (2**61 - 1) for k in MANY],
    "complex numbers": [{"complex": [-1000003 * k, k]} for k in MANY],
    "pairs": [{"tuple": [k, 0]} for k in MANY],
}
SPOILED = {
    "no JSON": "]",
    "no dictionary": "[1]",
    "unknown kind": RESULT % '{"pickle": "x"}',
    "no result": '{"value": 3}',
    "array without bytes": RESULT % '{"array": ["<f8", [10], ""]}',
    "array of objects": RESULT % '{"array": ["O", [1], "AA=="]}',
    "two kinds": RESULT % '{"set": [], "tuple": []}',
    "list in a set": RESULT % '{"set": [[1]]}',
    "number with no end": RESULT % ("9" * 5000),
    "deep": RESULT % ("[" * 9000 + "]" * 9000),
    "callback that is not there": '{"callback": 99, "args": [], "kwargs": {"dict": []}}',
    "change of nothing": '{"value": {"dict": [["result", 0], ["changed", [[5, 0]]]]}}',
    "half an error": '{"error": {"type": "E"}}',
    "type that is code": RESULT % '{"array": ["i8, (", [1], ""]}',
    "letter that is none": RESULT % '{"scalar": ["<U1", [], "/////w=="]}',
    "array of long texts": RESULT % '{"array": ["<U10000", [0], ""]}',
    "long text": RESULT % f'"{"x" * 10_001}"',
    **{f"{name} of one hash": RESULT % json.dumps(alike) for name, alike in ALIKE.items()},
}


@pytest.mark.parametrize("line", SPOILED.values(), ids=SPOILED)
def test_a_reply_that_is_none_stops_the_worker(door, monkeypatch, line):
    monkeypatch.setattr(door, "replies", types.SimpleNamespace(readline=lambda _: line.encode()))
    monkeypatch.setattr(door, "send", lambda _: None)
    with pytest.raises(Stopped, match="spoiled the connection"):
        door.call(0, (), {})


@pytest.mark.parametrize(
    ("give", "said"),
    [
        ("f(np.ones((300, 300), np.int8))", "spoiled"),
        ("return np.ones((900, 900), np.int8)", "more to the grader than any right answer"),
    ],
)
def test_what_a_call_may_take_long_with_stops_the_worker(tmp_path, give, said):
    """No timer stops a call of NumPy's, such as the product of large matrices of whole numbers."""
    with Door(Limits(), tmp_path) as door:
        door.run(f"import numpy as np\ndef give(f): {give}")
        with pytest.raises(Stopped, match=said):
            get(door, "give")(lambda w: w @ w)


def test_a_generator_that_is_another_stops_the_worker(door):
    """Some states never give a number that a draw would take."""
    door.run(
        "import numpy as np\ndef spoil(rng):\n    state = rng.bit_generator.state\n"
        "    state['state']['inc'] = 3\n    rng.bit_generator.state = state"
    )
    with pytest.raises(Stopped, match="spoiled"):
        get(door, "spoil")(np.random.default_rng(1))


def test_what_a_check_lends_works_until_its_call_returns(door):
    door.run("def keep(f):\n    global kept\n    kept = f\ndef later(): return kept()")
    get(door, "keep")(lambda: 1)
    with pytest.raises(Stopped, match="spoiled"):
        get(door, "later")()


def test_a_reply_like_these_is_one(door, monkeypatch):
    monkeypatch.setattr(
        door, "replies", types.SimpleNamespace(readline=lambda _: (RESULT % "7").encode())
    )
    monkeypatch.setattr(door, "send", lambda _: None)
    assert door.call(0, (), {}) == 7


def test_a_check_that_takes_too_long_is_stopped(tmp_path):
    """As one that counts up to a number that the answer gave."""
    source = changed("secret_hidden = half(1)", "for _ in range(half(1)): pass\nsecret_hidden = 0")
    exercises = read_text(tmp_path, source)
    answer = "def half(x): return 10**20 if np.ndim(x) == 0 and x else np.asarray(x) * 0.5"
    marks = marks_of(exercises, answer)
    assert points(exercises, marks) == (2, TWO)
    assert "ran for too long" in messages(marks)


# --- neighbours: submissions that are graded at the same time ---


@pytest.fixture
def narrow_door(tmp_path):
    """A door whose worker shares a single processor with this process and all that these start."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("only Linux counts the time that a process waits for a processor")
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(ours)})
    try:
        with Door(Limits(), tmp_path) as door:
            door.run("import os, time")
            yield door
    finally:
        os.sched_setaffinity(0, ours)


def test_busy_neighbours_cost_no_time(narrow_door):
    """What needs 0.3 seconds takes five times as long, and is not stopped at 0.6."""
    loop = [sys.executable, "-c", "while True: pass"]
    neighbours = [subprocess.Popen(loop, start_new_session=True) for _ in range(4)]
    begun = time.monotonic()
    try:
        with narrow_door.watched(0.6):
            narrow_door.run(
                "end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
            )
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()
    assert time.monotonic() - begun > 0.7


def test_the_time_of_all_processes_counts(narrow_door):
    """Each of eight would need four seconds to run for a half."""
    loops = "end = time.monotonic() + 3\nfor _ in range(3): os.fork()\n"
    loops += "while time.monotonic() < end: pass"
    with pytest.raises(Stopped, match="too long"), narrow_door.watched(0.5):
        narrow_door.run(loops)


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
        "import os\nseen = [n for n in os.listdir('/proc') if n.isdigit()]\n"
        "seen = set(map(int, seen)) - {1, os.getpid()}\n"
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


# Memory that no process holds: nothing but systemd would count it.
NOBODYS = {
    "a file without a name": "os.memfd_create('m')",
    "a segment": "libc.shmget(0, 4096, 0o1600) == -1 and 1 / 0",
    "a set of semaphores": "libc.semget(0, 32000, 0o1600) == -1 and 1 / 0",
    "a queue": "libc.msgget(0, 0o1600) == -1 and 1 / 0",
    "a child's namespace": "(libc.syscall(CLONE, 1 << 28, 0) or os._exit(0)) == -1 and 1 / 0",
    "a namespace to mount in": "libc.unshare(0x10020000) == -1 and 1 / 0",
    "pages that children share": "mmap.mmap(-1, 4096)",
    "the same of a file": "mmap.mmap(os.open('/dev/zero', os.O_RDWR), 4096)",
    "many files": "[open('/dev/null') for _ in range(100)]",
}


@cut_off
@pytest.mark.skipif(not sandbox.seccomp(), reason="libseccomp is missing")
def test_no_memory_that_is_nobodys(exercises):
    answer = "import ctypes, mmap, os, platform\nlibc, taken = ctypes.CDLL(None), []\n"
    answer += "CLONE = 56 if platform.machine() == 'x86_64' else 220\n"
    for name, take in NOBODYS.items():
        answer += f"try: {take}; taken += [{name!r}]\nexcept (OSError, ZeroDivisionError): pass\n"
    answer += "def half(x): return taken or x * 0.5"
    marks = marks_of(exercises, answer)
    assert points(exercises, marks) == (4, TWO), messages(marks)


@cut_off
def test_without_the_library_answers_run_and_it_is_said(monkeypatch):
    assert sandbox.warning() == ""
    monkeypatch.setattr(sandbox, "seccomp", lambda: None)
    assert sandbox.works(sandbox.cut_off(sandbox.TRIAL))
    assert "libseccomp" in sandbox.warning()


@cut_off
def test_empty_files_count_as_memory(tmp_path):
    with Door(Limits(), tmp_path) as door:
        door.run("import os")
        door.check_size()
        taken = sum(psutil.Process(pid).memory_info().rss for pid in door.processes[1:])
        door.limits = Limits(memory=taken + 20 * 1024**2)
        door.check_size()
        for place in (".", "/dev/shm"):
            door.run(f"for k in range(15_000): os.mknod(f'{place}/{{k}}')")
        with pytest.raises(Stopped, match="memory in all"):
            door.check_size()


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
        Door(SHORT, tmp_path) as door,
        pytest.raises(Stopped, match="too long"),
        door.watched(0.5),
    ):
        door.run("#" * 2**20)


def test_systemd_limits_all_together_where_it_can(exercises, monkeypatch, tmp_path):
    """A stand-in for it: that it limits is its own affair, that it is asked to is ours."""
    program = tmp_path / "systemd-run"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/said\n'
        'while [ "$1" != true ] && [ "${1##*/}" = "$1" ] && [ "$1" != bwrap ]; do shift; done\n'
        'exec "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(os, "defpath", f"{tmp_path}:{os.defpath}")
    sandbox.grouped.cache_clear()
    try:
        assert points(exercises, marks_of(exercises, RIGHT)) == (4, TWO)
    finally:
        sandbox.grouped.cache_clear()
    assert f"-p MemoryMax={SHORT.memory} " in (tmp_path / "said").read_text()


def test_root_without_a_sandbox_is_refused(monkeypatch):
    """Where no other user can start Python."""
    monkeypatch.setattr(sandbox, "is_available", lambda: False)
    monkeypatch.setattr(sandbox, "works", lambda *_, **__: False)
    monkeypatch.setattr(sandbox, "nobody", lambda: 20_000)
    with pytest.raises(sandbox.SandboxError, match="never run as root"):
        sandbox.require()


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
    assert names_for(two, two.checks[0]) == ["double"]
    without = [two.solution.replace(line, f"not_{line}") for line in ("how =", "double =")]
    answers = [with_answer(exercises, "two", answer) for answer in without]
    assert [marks.points(two) for marks in mark_in_copies(exercises, answers)] == [TWO, 0]
