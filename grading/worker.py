"""Runs a submission's cells, inside the sandbox: reads requests, answers each with one line.

A student's cells run in IPython, as in a notebook. Each check runs in a namespace of its own: the
set's setup and given code, run afresh, and of the student's names only those that the answer must
define. So nothing that a student has overwritten can disturb a check, nor can a check another.

This file runs on its own, by its path: it must not import the rest of the package.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback

MOST_OUTPUT = 10_000  # letters of what a cell prints
MOST_MESSAGE = 1_500  # letters of an error's message
ANSWERS = "<answer "  # how the names of students' cells start in tracebacks


class ShortOutput(io.TextIOBase):
    """A file that keeps the first letters and forgets the rest, however much is printed."""

    def __init__(self) -> None:
        self.kept = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.kept += text[: MOST_OUTPUT - len(self.kept)]
        return len(text)


def limit_resources(memory: int, file_size: int) -> None:
    """Take no more memory, and write no larger file, than this many bytes."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def watched_modules() -> dict[str, dict[str, object]]:
    """What checks rely on, as it is before a student's code has run."""
    import builtins
    import math

    import numpy as np

    import mbgd_lib

    ours = [module for name, module in sys.modules.items() if name.startswith("mbgd_lib")]
    modules = [builtins, math, np, np.linalg, np.random, np.testing, mbgd_lib, *ours]
    return {module.__name__: dict(vars(module)) for module in modules}


def mend(watched: dict[str, dict[str, object]]) -> list[str]:
    """Put back what a student's code has replaced in those modules, and name it."""
    replaced = []
    for module_name, original in watched.items():
        module = sys.modules[module_name]
        for name, value in original.items():
            if not name.startswith("_") and vars(module).get(name) is not value:
                setattr(module, name, value)
                replaced.append(f"{module_name}.{name}")
    return replaced


def message_of(error: BaseException) -> str:
    """What an error says, cut short."""
    try:
        return str(error)[:MOST_MESSAGE]
    except Exception:  # an exception class of the student's own may fail here too
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
    return f"line {own[-1].lineno}: {(own[-1].line or '').strip()}" if own else ""


def told(error: BaseException | None) -> dict[str, str] | None:
    """An error as the parent process hears of it."""
    if error is None:
        return None
    return {"type": type(error).__name__, "message": message_of(error), "place": place_of(error)}


class Worker:
    """The student's namespace, and the means to check it."""

    def __init__(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell

        self.shell = InteractiveShell.instance(history_length=0, colors="nocolor")
        self.shell.history_manager.enabled = False
        self.watched = watched_modules()
        self.execute = exec

    def student(self, request: dict) -> dict:
        """Run one of the student's cells."""
        result = self.shell.run_cell(request["code"], store_history=False)
        return {"error": told(result.error_before_exec or result.error_in_exec)}

    def check(self, request: dict) -> dict:
        """Run one check in a namespace of its own."""
        replaced = mend(self.watched)
        namespace: dict[str, object] = {"__name__": "check"}
        error = None
        try:
            self.execute(compile(request["before"], "<given>", "exec"), namespace)
            user = self.shell.user_ns
            missing = [name for name in request["names"] if name not in user]
            if missing:
                return {"missing": missing, "replaced": replaced, "error": None, "passed": False}
            namespace.update({name: user[name] for name in request["names"]})
            self.execute(compile(request["code"], "<check>", "exec"), namespace)
        except BaseException as raised:  # a student's function may raise SystemExit as well
            error = raised
        return {"error": told(error), "replaced": replaced, "missing": [], "passed": error is None}


def main() -> None:
    """Answer requests until there are no more."""
    requests = os.fdopen(int(sys.argv[1]), "r", encoding="utf-8")
    replies = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    limit_resources(memory=int(sys.argv[3]), file_size=int(sys.argv[4]))
    os.environ["MPLBACKEND"] = "agg"
    worker = Worker()
    for line in requests:
        request = json.loads(line)
        output = ShortOutput()
        sys.stdout = sys.stderr = output
        reply = worker.check(request) if request["kind"] == "check" else worker.student(request)
        replies.write(
            json.dumps({**reply, "token": request["token"], "output": output.kept}) + "\n"
        )
        replies.flush()


if __name__ == "__main__":
    main()
