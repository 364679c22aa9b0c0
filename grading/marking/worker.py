"""Runs a student's cells, cut off from all else, and lends the functions that they define.

The grader, in another process, asks for four things: to run a cell, to look up names, to call
something, to read an attribute. It gets nothing back but plain data: numbers, text, arrays of
numbers, and lists, tuples, sets and dictionaries of these. What is none of them (a function, an
object of the student's own) stays here and goes over as a number to ask for it by. Whatever a
student's code does to this process, it can change no more than its own results.

Requests are pickled, since the grader can be trusted; replies are lines of JSON, since this process
cannot. This file runs on its own, by its path: it must not import the rest of the package.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import os
import pickle
import sys
import traceback
import warnings
from collections.abc import (
    Callable,
    ItemsView,
    Iterator,
    KeysView,
    Mapping,
    Sequence,
    Set,
    ValuesView,
)
from numbers import Complex, Integral, Real

import numpy as np

MOST_MESSAGE = 1_500  # letters of an error's message
MOST_ITEMS = 100_000  # of a generator, which may have no end
LARGEST_INT = 1_000  # bits
MOST_FILES = 64  # open at a time; the buffers of sockets count as no process's memory
KINDS = "biufU"  # NumPy's letters for arrays of truth values, real numbers and text


def limit_resources(memory: int, file_size: int, processes: int, user: int) -> None:
    """Take no more memory, write no larger file, start no more processes; be nobody, for root."""
    import resource

    for which, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MOST_FILES),
        (resource.RLIMIT_NPROC, processes),
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS does not limit memory
            resource.setrlimit(which, (most, most))
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


# --- errors ---


def told(error: BaseException | None) -> dict[str, str] | None:
    """An error as the grader hears of it: its type, what it says, and the student's line."""
    if error is None:
        return None
    found = {"type": "Exception", "message": "", "place": ""}
    # An exception of the student's own may raise wherever it is looked at.
    with contextlib.suppress(BaseException):
        found["type"] = type(error).__name__[:100]
        found["place"] = place_of(error)
        text = error.msg if isinstance(error, SyntaxError) else error
        found["message"] = str(text)[:MOST_MESSAGE]
    return found


def place_of(error: BaseException) -> str:
    """The line of the student's own code that raised, or nothing where there is none."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "ipython-input" in frame.filename]
    return f"line {own[-1].lineno}: {(own[-1].line or '').strip()}"[:200] if own else ""


# --- what goes over ---


class Things:
    """What stays here of the student's, by the number that stands for it on the other side."""

    def __init__(self) -> None:
        self.kept: list[object] = []

    def plain(self, value: object) -> object:
        """A value as JSON can hold it; `door.decoded` is the other way round."""
        if value is None or isinstance(value, bool | str):
            return value
        if isinstance(value, np.ndarray | np.generic):
            return self.plain_array(np.asarray(value), isinstance(value, np.generic))
        if isinstance(value, Integral) and int(value).bit_length() <= LARGEST_INT:
            return int(value)
        if isinstance(value, Real) and not isinstance(value, Integral):
            return float(value)
        if isinstance(value, Complex) and not isinstance(value, Real):
            return {"complex": [complex(value).real, complex(value).imag]}
        if isinstance(value, Mapping):
            return {"dict": [[self.plain(k), self.plain(v)] for k, v in value.items()]}
        if isinstance(value, Iterator | KeysView | ValuesView | ItemsView):
            return [self.plain(v) for v in self.all_of(iter(value))]
        if isinstance(value, Set):
            return {"set": [self.plain(v) for v in value]}
        if isinstance(value, tuple):
            return {"tuple": [self.plain(v) for v in value]}
        if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
            return [self.plain(v) for v in value]
        return self.thing(value)

    def plain_array(self, array: np.ndarray, is_scalar: bool) -> object:
        """An array, or a scalar of NumPy's: its type, its shape and its bytes."""
        if array.dtype.kind in "Oc":
            return self.plain(array.tolist())
        if array.dtype.kind not in KINDS:
            return self.thing(array)
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
        return {"scalar" if is_scalar else "array": [array.dtype.str, list(array.shape), data]}

    def all_of(self, items: Iterator) -> list[object]:
        """Everything that a generator yields."""
        found = list(itertools.islice(items, MOST_ITEMS + 1))
        if len(found) > MOST_ITEMS:
            raise ValueError(f"this yields more than {MOST_ITEMS} items, perhaps without end")
        return found

    def thing(self, value: object) -> object:
        """A number for what cannot go over."""
        self.kept.append(value)
        kind = {"type": type(value).__name__[:100], "callable": callable(value)}
        return {"thing": len(self.kept) - 1, **kind}


def mutable_in(value: object) -> Iterator[np.ndarray | np.random.Generator | list]:
    """What a call may change of its arguments, in an order that both sides know."""
    if isinstance(value, np.ndarray | np.random.Generator | list):
        yield value
    if isinstance(value, list | tuple):
        for item in value:
            yield from mutable_in(item)
    elif isinstance(value, dict):
        yield from mutable_in(tuple(value.values()))


# --- requests ---


class Worker:
    """The student's namespace, and what the grader may ask of it."""

    def __init__(self, requests: io.BufferedReader, replies: io.TextIOWrapper) -> None:
        self.requests, self.replies = requests, replies
        self.shell = new_shell()
        self.things = Things()
        self.deepest = sys.getrecursionlimit()

    def answer(self, request: dict) -> dict:
        """The reply to one request; what goes wrong on the way is the student's error."""
        try:
            with self.usual_settings():
                return {"value": self.things.plain(getattr(self, request["kind"])(request))}
        except BaseException as error:  # a student's function may raise SystemExit as well
            return {"error": told(error)}

    def cell(self, request: dict) -> object:
        """Run a cell as in a notebook."""
        result = self.shell.run_cell(request["code"], store_history=False)
        return told(result.error_before_exec or result.error_in_exec)

    def look_up(self, request: dict) -> object:
        """The values of the names that are there."""
        there = self.shell.user_ns
        return {name: there[name] for name in request["names"] if name in there}

    def call(self, request: dict) -> object:
        """Call something with arguments; say, too, which of them it has changed."""
        args, kwargs = request["args"], request["kwargs"]
        arguments = list(mutable_in((args, kwargs)))
        before = list(map(pickle.dumps, arguments))
        result = self.things.kept[request["thing"]](*args, **kwargs)
        # What a generator yields is made now: it may change arguments, too.
        result = self.things.all_of(result) if isinstance(result, Iterator) else result
        changed = [
            (k, state_of(argument))
            for k, argument in enumerate(arguments)
            if pickle.dumps(argument) != before[k]
        ]
        return {"result": result, "changed": changed}

    def attribute(self, request: dict) -> object:
        """Look at an attribute of something."""
        return getattr(self.things.kept[request["thing"]], request["name"])

    @contextlib.contextmanager
    def usual_settings(self) -> Iterator[None]:
        """Warnings and errors of NumPy as a check expects them, whatever an answer has chosen."""
        sys.setrecursionlimit(self.deepest)
        with np.errstate(all="warn", under="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def next_request(self) -> dict:
        """The next request, with what stands for a thing replaced by it."""
        unpickler = pickle.Unpickler(self.requests)
        unpickler.persistent_load = lambda which: (
            self.things.kept[which[1]] if which[0] == "thing" else self.elsewhere(which[1])
        )
        return unpickler.load()

    def elsewhere(self, number: int) -> Callable:
        """A function of the grader's, which runs there: an answer calls it as if it were here."""

        def theirs(*args: object, **kwargs: object) -> object:
            plain = self.things.plain
            self.send({"callback": number, "args": plain(list(args)), "kwargs": plain(kwargs)})
            reply = self.next_request()
            if reply["error"]:
                raise RuntimeError(reply["error"])
            return reply["value"]

        return theirs

    def send(self, reply: dict) -> None:
        """Send a line."""
        self.replies.write(json.dumps(reply) + "\n")
        self.replies.flush()


def state_of(argument: object) -> object:
    """What may change of an argument."""
    is_generator = isinstance(argument, np.random.Generator)
    return argument.bit_generator.state if is_generator else argument


def new_shell() -> object:
    """IPython without a history, a window to draw in or an end."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str]:
            """Take `%matplotlib` of any kind, and draw where nobody looks."""
            return gui, "agg"

        def ask_exit(self) -> None:
            """Take `exit` for what it is in a notebook: of no consequence to other cells."""

    config = Config()
    config.HistoryManager.enabled = False
    return Shell.instance(config=config, history_length=0, colors="nocolor")


def wait_for_copy() -> bool:
    """Go on in a copy of this process; the original waits until it ends, and returns True."""
    copy = os.fork()
    if not copy:
        return False
    _, status = os.waitpid(copy, 0)
    if status:  # the copy broke down over a request, and nobody is left to answer it
        os._exit(1)
    return True


def main() -> None:
    """Answer requests until there are no more.

    After the request "copy" the answers come from a copy of this process, until it is asked to
    "leave": what they do is undone then.
    """
    requests = os.fdopen(int(sys.argv[1]), "rb")
    replies = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    limit_resources(*map(int, sys.argv[3:7]))
    sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    nowhere = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", errors="replace")
    worker = Worker(requests, replies)
    while requests.peek(1):
        request = worker.next_request()
        if request["kind"] == "copy" and wait_for_copy():
            continue
        sys.stdout = sys.stderr = nowhere
        leaves = request["kind"] == "leave"
        worker.send({} if leaves or request["kind"] == "copy" else worker.answer(request))
        if leaves:
            os._exit(0)


if __name__ == "__main__":
    main()
