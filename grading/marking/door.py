"""The grader's side of a worker: it lends a check the student's functions, and gets plain data.

A check is run here, where no answer can reach it. What it calls `half` is a `Thing`: a call sends
the arguments to the worker, which calls the student's function there, and the result comes back as
numbers, text, arrays and containers of these. All that arrives is taken for a student's word.
"""

from __future__ import annotations

import base64
import contextlib
import glob
import io
import json
import os
import pickle
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, FunctionType, MethodType
from typing import Any

import numpy as np
import psutil

from grading.marking import sandbox
from grading.marking.sandbox import Limits
from grading.marking.worker import KINDS, mutable_in

# Letters. What arrives is small, since a call of NumPy's cannot be stopped before it ends: honest
# replies have up to 340,000 letters, calls of a check's functions 600, texts 24.
LONGEST_REPLY, LONGEST_CALL, LONGEST_TEXT = 1_000_000, 100_000, 10_000
FILE_WITHOUT_BYTES = 1024  # bytes of memory, about
LONGEST_NAP = 0.2  # seconds between two looks at what a worker takes
# What may be many different things with a single hash: in a set these take quadratic time.
HASHED_ALIKE = re.compile(rb'"tuple"|"complex"|\d{22}')
MOST_ALIKE = 10_000
DTYPE = re.compile(rf"[<>|=]?[{KINDS}]\d{{1,4}}")
IMPORTABLE = ("mbgd_lib", "numpy", "builtins", "math")  # a function of these is there, too


class Stopped(BaseException):
    """The worker ended or was ended; the message says why, to the student.

    No `except Exception` of a check's can keep it.
    """


class AnswerError(Exception):
    """What the student's own code raised, as the worker tells it."""

    def __init__(self, told: Mapping[str, str]) -> None:
        self.type, message, place = (str(told[key]) for key in ("type", "message", "place"))
        text = f"{self.type}: {message}" if message else self.type
        super().__init__(f"{text} ({place})" if place else text)


class Thing:
    """Something of the student's that stays in the worker: of no use to a check but its type.

    It has no attributes, lest NumPy, asked for its shape or its sum, ask the student.
    """

    def __init__(self, door: Door, number: int) -> None:
        self._door, self._number = door, number


class Function(Thing):
    """One that can be called."""

    def __call__(self, *args: object, **kwargs: object) -> Any:
        return self._door.call(self._number, args, kwargs)


class Class(Function):
    """One that the exercise asks for, and whose objects a check may therefore use."""

    def __call__(self, *args: object, **kwargs: object) -> Any:
        made = super().__call__(*args, **kwargs)
        return Object(self._door, made._number) if isinstance(made, Thing) else made


class Object(Thing):
    """An object of such a class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._door.ask({"kind": "attribute", "thing": self._number, "name": name})


class Door:
    """A worker process, asked one thing at a time."""

    def __init__(self, limits: Limits, scratch: Path) -> None:
        self.limits = limits
        self.process, requests, replies = sandbox.start(limits, scratch)
        self.requests, self.replies = os.fdopen(requests, "wb", 0), os.fdopen(replies, "rb")
        self.processes = [os.getpid(), self.process.pid]  # this one, the worker, what it started
        self.threads: dict[str, np.ndarray] = {}  # of these: how long each has run, and waited
        self.ours: list[object] = []  # functions of checks, which an answer may call
        self.raised: Exception | None = None  # by one of these
        self.writes_back = False  # whether calls change their arguments here, too

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        sandbox.end(self.process)
        self.requests.close()
        self.replies.close()

    def run(self, code: str) -> AnswerError | None:
        """Run a cell, and return what it raised."""
        try:
            told = self.ask({"kind": "cell", "code": code})
        except AnswerError as error:  # an answer has broken what runs cells
            return error
        with nothing_believed():
            return AnswerError(told) if told else None

    def look_up(self, names: Sequence[str], classes: Sequence[str] = ()) -> dict[str, Any]:
        """The values of the names that are there, and of those which are to be classes."""
        found = self.ask({"kind": "look_up", "names": names})
        with nothing_believed():
            found = {name: found[name] for name in names if name in found}
        for name in classes:
            if isinstance(found.get(name), Function):
                found[name] = Class(self, found[name]._number)
        return found

    def call(self, thing: int, args: tuple, kwargs: dict) -> Any:
        """Call something of the student's."""
        reply = self.ask({"kind": "call", "thing": thing, "args": args, "kwargs": kwargs})
        with nothing_believed():
            arguments = list(mutable_in((args, kwargs)))
            for k, state in reply["changed"]:
                write_back(arguments[k], state, self.writes_back)
            return reply["result"]

    def ask(self, request: Mapping[str, object]) -> Any:
        """Send a request, and return what comes back; meanwhile, answer calls of our functions."""
        self.ours, self.raised = [], None  # what a check has lent works until its call returns
        self.send(request)
        error: Exception | None = None
        with nothing_believed():
            while "callback" in (reply := self.receive()):
                self.send(self.called_back(reply))
            if reply.get("error"):
                error = AnswerError(reply["error"])
            value = decoded(reply.get("value"), self)
        if self.raised:  # a check's own function failed: that is what the check is to say
            error = self.raised
        if error:
            raise error
        return value

    def called_back(self, reply: Mapping[str, Any]) -> dict[str, object]:
        """Call one of the check's functions for the student's."""
        function = self.ours[reply["callback"]]
        args, kwargs = decoded(reply["args"], self), decoded(reply["kwargs"], self)
        try:
            return {"value": function(*args, **kwargs), "error": None}
        except Exception as error:
            self.raised = self.raised or error
            return {"value": None, "error": f"{type(error).__name__} in a function of the grader's"}

    def send(self, request: Mapping[str, object]) -> None:
        """Send a request, with the check's own functions as numbers."""
        buffer = io.BytesIO()
        pickler = pickle.Pickler(buffer)
        pickler.persistent_id = self.number_of  # type: ignore[method-assign]
        pickler.dump(request)
        unsent = buffer.getbuffer()
        try:
            while unsent:
                unsent = unsent[self.requests.write(unsent) :]
        except BrokenPipeError:
            raise Stopped(self.reason()) from None

    def number_of(self, value: object) -> tuple[str, int] | None:
        """What stands for a value on the other side, unless a copy of it goes over."""
        if isinstance(value, Thing):
            return "thing", value._number
        if not isinstance(value, FunctionType | MethodType):
            return None
        if (value.__module__ or "").partition(".")[0] in IMPORTABLE:
            return None
        self.ours.append(value)
        return "ours", len(self.ours) - 1

    def receive(self) -> dict[str, Any]:
        """The next line of the worker's."""
        line = self.replies.readline(LONGEST_REPLY)
        if not line:
            raise Stopped(self.reason())
        if len(line) == LONGEST_REPLY:
            raise Stopped("it gave more to the grader than any right answer does")
        reply = dict(json.loads(line))
        if "callback" in reply and len(line) > LONGEST_CALL:
            raise ValueError("too much to compute with")
        if len(HASHED_ALIKE.findall(line)) > MOST_ALIKE:
            raise ValueError("too much to hash")
        return reply

    def reason(self) -> str:
        """Why the process is no longer there."""
        try:
            code = self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "it closed the connection to the grader"
        if code < 0 or code > 128:
            signal_number = -code if code < 0 else code - 128
            return f"it made Python crash (signal {signal_number}), or took too much memory"
        return f"it ended Python itself (exit code {code}); an answer must not call exit"

    def clock(self) -> np.ndarray:
        """Two clocks: what takes time moves at least one of them, a neighbour's load neither.

        The first adds up what all threads of the worker and of this process have run. The second is
        the time of day, less what they have waited for a processor, which Linux counts.
        """
        for pid in self.processes:
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with contextlib.suppress(OSError):
                    self.threads[path] = np.array(Path(path).read_text().split(), float)
        ran, waited, _ = sum(self.threads.values(), np.zeros(3)) / 1e9
        return np.array([ran, time.monotonic() - waited])

    @contextlib.contextmanager
    def watched(self, seconds: float) -> Iterator[None]:
        """Stop what is done meanwhile once it takes too long, or the worker grows too large.

        It is a timer's signal that stops it: so this works in a process' main thread alone.
        """
        begun = self.clock()

        def look(*_: int | FrameType | None) -> None:
            try:
                self.check_size()
                if (self.clock() - begun).max() > seconds:
                    raise Stopped("it ran for too long; look for a loop that does not end")
            finally:  # where processors are scarce, a look may take longer than a nap
                signal.setitimer(signal.ITIMER_REAL, LONGEST_NAP)

        before = signal.signal(signal.SIGALRM, look)
        signal.setitimer(signal.ITIMER_REAL, min(LONGEST_NAP, seconds))
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    def check_size(self) -> None:
        """Stop a worker that, with all it has started, takes more than it may."""
        limits, memory, self.processes = self.limits, 0, [os.getpid()]
        with contextlib.suppress(psutil.Error):
            first = psutil.Process(self.process.pid)
            for process in (first, *first.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    memory += process.memory_info().rss
                    self.processes.append(process.pid)
        for place in (sandbox.INSIDE, "/dev/shm") if sandbox.is_available() else ():
            with contextlib.suppress(OSError, IndexError):
                its = os.statvfs(f"/proc/{self.processes[2]}/root{place}")  # files in memory
                memory += its.f_frsize * (its.f_blocks - its.f_bfree)
                memory += FILE_WITHOUT_BYTES * (its.f_files - its.f_ffree)
        if memory > limits.memory:
            raise Stopped(f"it took more than {limits.memory / 1024**3:.3g} GB of memory in all")
        if len(self.processes) - 1 > limits.processes:
            raise Stopped(f"it started more than {limits.processes} processes")


# --- what arrives ---


@contextlib.contextmanager
def nothing_believed() -> Iterator[None]:
    """Whatever is odd about a reply stops the worker, and no more."""
    try:
        yield
    except Exception:
        raise Stopped("it spoiled the connection to the grader") from None


def decoded(value: Any, door: Door) -> Any:
    """A value of the worker's, as its `Things.plain` wrote it; anything else raises."""
    if isinstance(value, list):
        return [decoded(item, door) for item in value]
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise ValueError("an array of texts is as wide as the longest of them")
    if not isinstance(value, dict):
        return value
    if "thing" in value:
        kind = Function if value["callable"] is True else Thing
        name = value["type"] if str(value["type"]).isidentifier() else "object"
        return type(name, (kind,), {})(door, int(value["thing"]))
    ((kind, content),) = value.items()
    return DECODERS[kind](content, door)


def decoded_array(content: Any, _: Door) -> np.ndarray:
    """An array of numbers or text, if its bytes are as many as its shape needs."""
    name, shape, data = content
    if not DTYPE.fullmatch(name):
        raise ValueError(f"an array of {name} does not go over")
    array = np.frombuffer(base64.b64decode(data), name).reshape(tuple(map(int, shape))).copy()
    array.tolist()  # which raises where a letter is none
    return np.asarray(array.view("u1") != 0) if array.dtype.kind == "b" else array


DECODERS = {
    "array": decoded_array,
    "scalar": lambda content, door: decoded_array(content, door)[()],
    "complex": lambda content, _: complex(*content),
    "tuple": lambda content, door: tuple(decoded(content, door)),
    "set": lambda content, door: set(decoded(content, door)),
    "dict": lambda content, door: dict(decoded(content, door)),
}


def write_back(argument: Any, state: Any, also_arrays: bool) -> None:
    """Change an argument as the student's function has changed its copy of it.

    A generator has always moved on. Arrays and lists change only for a check that looks for that:
    in others an answer could change the data to fit.
    """
    if isinstance(argument, np.random.Generator):
        if state["state"]["inc"] != argument.bit_generator.state["state"]["inc"]:
            raise ValueError("another generator, from which a draw may never end")
        argument.bit_generator.state = state
    elif also_arrays and isinstance(argument, list):
        argument[:] = state
    elif also_arrays:
        argument[...] = state
