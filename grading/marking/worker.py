"""Runs a submission's cells, inside the sandbox: reads requests, answers each with one line.

A student's cells run in IPython, as in a notebook. Each check runs in a namespace of its own: the
set's setup and given code, run afresh, and of the student's names only those that the answer must
define. So nothing that a student has overwritten can disturb a check, nor can a check another.

This file runs on its own, by its path: it must not import the rest of the package.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import sys
import traceback
import types
import warnings
from collections.abc import Iterable, Iterator

MOST_MESSAGE = 1_500  # letters of an error's message

# What checks rely on: a student's code may replace anything in these, by accident or not.
WATCHED = (
    *("builtins", "copy", "functools", "inspect", "itertools", "math", "operator", "random"),
    *("numpy", "mbgd_lib"),
)


class Nowhere(io.TextIOBase):
    """A file that forgets whatever is printed to it, however much it is."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)


def limit_resources(memory: int, file_size: int) -> None:
    """Take no more memory, and write no larger file, than this many bytes."""
    import resource

    for which, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_size),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # macOS does not limit memory
            resource.setrlimit(which, (most, most))


# --- what a student's code must not change ---


class Originals:
    """Modules, classes and functions that checks rely on, as they were before any answer ran."""

    def __init__(self) -> None:
        self.modules = {
            name: module
            for name, module in sys.modules.items()
            if name.partition(".")[0] in WATCHED and isinstance(module, types.ModuleType)
        }
        holders = [*self.modules.values(), *classes_of_ours(self.modules.values())]
        self.names = [(holder, dict(vars(holder))) for holder in holders]
        self.code = [(f, f.__code__, f.__defaults__) for f in functions_in(self.names)]

    def put_back(self) -> list[str]:
        """Undo what has been replaced, and name it."""
        replaced = []
        for name, module in self.modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                replaced.append(name)
        for holder, names in self.names:
            for name in changed_names(holder, names):
                put(holder, name, names)
                replaced.append(f"{holder.__name__}.{name}")
        for function, code, defaults in self.code:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                function.__code__, function.__defaults__ = code, defaults
                replaced.append(f"{function.__module__}.{function.__name__}")
        return replaced


def classes_of_ours(modules: Iterable[types.ModuleType]) -> set[type]:
    """The library's own classes: their methods can be replaced, those of NumPy's cannot."""
    values = [value for module in modules for value in vars(module).values()]
    classes = {value for value in values if isinstance(value, type)}
    return {value for value in classes if value.__module__.startswith("mbgd_lib")}


def functions_in(names: list[tuple[object, dict[str, object]]]) -> list[types.FunctionType]:
    """Functions written in Python, also those that NumPy has wrapped."""
    values = [getattr(v, "_implementation", v) for _, held in names for v in held.values()]
    return list({id(v): v for v in values if isinstance(v, types.FunctionType)}.values())


def changed_names(holder: types.ModuleType | type, names: dict[str, object]) -> list[str]:
    """The names whose values are others than before, and new ones that come before older ones.

    A name in a class hides its base's, one in a module the built-in of that name.
    """
    now = vars(holder)
    new = [name for name in now if name not in names]
    if isinstance(holder, types.ModuleType):
        new = [name for name in new if name in vars(builtins)]
    return [*(name for name, value in names.items() if now.get(name) is not value), *new]


def put(holder: types.ModuleType | type, name: str, names: dict[str, object]) -> None:
    """Put a name back as it was, whatever the module has been made to do about it."""
    if name not in names:
        delattr(holder, name)
    elif isinstance(holder, types.ModuleType):
        vars(holder)[name] = names[name]
    else:
        setattr(holder, name, names[name])


# --- errors ---


def told(error: BaseException | None) -> dict[str, str] | None:
    """An error as the parent process hears of it."""
    if error is None:
        return None
    try:
        name, message, place = type(error).__name__, message_of(error), place_of(error)
        return {"type": name, "message": message, "place": place}
    except BaseException:  # an exception of the student's own may raise wherever it is looked at
        return {"type": "Exception", "message": "", "place": "an exception that cannot be shown"}


def message_of(error: BaseException) -> str:
    """What an error says, cut short."""
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        return str(text)[:MOST_MESSAGE]
    except BaseException:
        return ""


def place_of(error: BaseException) -> str:
    """The line of the student's own code that raised, or nothing where it was the check's."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if "ipython-input" in frame.filename or "ipykernel" in frame.filename
    ]
    return f"line {own[-1].lineno}: {(own[-1].line or '').strip()}"[:200] if own else ""


# --- requests ---


class Worker:
    """The student's namespace, and the means to check it."""

    def __init__(self) -> None:
        self.shell = new_shell()

    def setup(self, request: dict) -> dict:
        """Run the set's own first cell, and remember how everything is before answers run."""
        import numpy as np
        import numpy.testing

        import mbgd_lib  # checks may need what the first cell does not  # noqa: F401

        reply = self.student(request)
        self.originals = Originals()
        self.errors_of_numpy = np.geterr()
        self.deepest = sys.getrecursionlimit()
        return reply

    def student(self, request: dict) -> dict:
        """Run a cell as in a notebook."""
        result = self.shell.run_cell(request["code"], store_history=False)
        return {"error": told(result.error_before_exec or result.error_in_exec)}

    def check(self, request: dict) -> dict:
        """Run one check in a namespace of its own."""
        replaced = self.originals.put_back()
        namespace: dict[str, object] = {"__name__": "check"}
        error = None
        try:
            with self.usual_settings():
                exec(compile(request["before"], "<given>", "exec"), namespace)
                user = self.shell.user_ns
                missing = [name for name in request["names"] if name not in user]
                if missing:
                    return {"passed": False, "missing": missing, "replaced": replaced}
                namespace.update({name: user[name] for name in request["names"]})
                exec(compile(request["code"], "<check>", "exec"), namespace)
        except BaseException as raised:  # a student's function may raise SystemExit as well
            error = raised
        return {"error": told(error), "replaced": replaced, "missing": [], "passed": error is None}

    @contextlib.contextmanager
    def usual_settings(self) -> Iterator[None]:
        """Warnings and errors of NumPy as a check expects them, whatever an answer has chosen."""
        import numpy as np

        sys.settrace(None)
        sys.setprofile(None)
        sys.setrecursionlimit(self.deepest)
        with np.errstate(**self.errors_of_numpy), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield


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
    requests = os.fdopen(int(sys.argv[1]), "r", encoding="utf-8")
    replies = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    limit_resources(memory=int(sys.argv[3]), file_size=int(sys.argv[4]))
    os.environ["MPLBACKEND"] = "agg"
    worker = Worker()
    answer = {
        "setup": worker.setup,
        "student": worker.student,
        "check": worker.check,
        "copy": lambda _: {},
        "leave": lambda _: {},
    }
    for line in requests:
        request = json.loads(line)
        if request["kind"] == "copy" and wait_for_copy():
            continue
        sys.stdout = sys.stderr = Nowhere()
        reply = answer[request["kind"]](request)
        replies.write(json.dumps({**reply, "token": request["token"]}) + "\n")
        replies.flush()
        if request["kind"] == "leave":
            os._exit(0)


if __name__ == "__main__":
    main()
