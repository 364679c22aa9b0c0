"""Where a submission's code runs: a process of its own, with limits, and cut off where possible.

On Linux, `unshare` (of util-linux, which every distribution has) gives the process namespaces of
its own: no network, all files read-only but an empty folder in memory, the exercises' sources and
other students' work out of sight, and no process that outlives it. Where a system forbids that, as
some do to users who are not administrators, limits of time and memory still hold, and the grader
says so.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PRIVATE = ("exercises", "book/exercises", "assignments", "grades", "_build", ".git")
WORKER = Path(__file__).parent / "worker.py"

# Everything read-only; an empty folder in memory over each folder that is out of sight and over the
# one to work in; then the program itself, with no right to undo this.
CUT_OFF = """
scratch=$1; shift
while read -r device target rest; do
  mount -o remount,bind,ro "$target" 2>/dev/null || [ "$target" != / ] || exit 9
done < /proc/self/mounts
while [ "$1" != -- ]; do mount -t tmpfs -o ro,size=4k none "$1" || exit 9; shift; done; shift
mount -t tmpfs -o size=200m none "$scratch" || exit 9
[ ! -d /dev/shm ] || mount -t tmpfs -o size=64m none /dev/shm || exit 9
cd "$scratch" && exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
NAMESPACES = [
    "setpriv",  # whoever ends the grader, by whatever means, ends this too
    "--pdeathsig=KILL",
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--mount",
    "--pid",
    "--ipc",
    "--fork",
    "--kill-child",
]


@dataclass(frozen=True)
class Limits:
    """What a submission may take: seconds for a cell and for all, bytes of memory and of a file."""

    cell_seconds: float = 20
    all_seconds: float = 120
    memory: int = 2 * 1024**3
    file_size: int = 50 * 1024**2


def out_of_sight(folders: Iterable[Path], scratch: Path) -> list[Path]:
    """The folders to hide: those given, the lecturer's own, and the project's that hold solutions.

    What the worker needs stays in sight, and so does the way to it; all beside it goes.
    """
    needed = [WORKER, PROJECT / "mbgd_lib", Path(sys.prefix), Path(sys.base_prefix), scratch]
    needed = [path.resolve() for path in needed]
    own = [PROJECT / name for name in PRIVATE]
    folders = [folder.resolve() for folder in (*own, Path.home(), *folders) if folder.is_dir()]
    hidden = dict.fromkeys(found for folder in folders for found in beside(folder, needed))
    return [path for path in hidden if not set(path.parents) & set(hidden)]


def beside(folder: Path, needed: list[Path]) -> Iterator[Path]:
    """The folder, or what of it does not lead to anything needed."""
    if any(folder.is_relative_to(path) for path in needed):
        return
    if not any(path.is_relative_to(folder) for path in needed):
        yield folder
        return
    with contextlib.suppress(PermissionError):
        for inner in sorted(folder.iterdir()):
            if inner.is_dir() and not inner.is_symlink():
                yield from beside(inner, needed)


def cut_off(command: list[str], scratch: Path, hidden: Iterable[Path]) -> list[str]:
    """The command that runs another one in namespaces of its own."""
    folders = [str(folder) for folder in hidden]
    return [*NAMESPACES, "sh", "-c", CUT_OFF, "sh", str(scratch), *folders, "--", *command]


@functools.cache
def is_available() -> bool:
    """Whether this system lets us cut a process off."""
    if not all(shutil.which(tool) for tool in ("unshare", "setpriv", "mount", "sh")):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        trial = cut_off([sys.executable, "-c", ""], Path(scratch), [])
        return subprocess.run(trial, capture_output=True, timeout=60).returncode == 0


def start(
    limits: Limits, scratch: Path, hidden: Iterable[Path]
) -> tuple[subprocess.Popen, int, int]:
    """Start a worker; returns it with the ends of its pipes: where to ask, and where it answers."""
    its_requests, requests = os.pipe()
    replies, its_replies = os.pipe()
    numbers = [its_requests, its_replies, limits.memory, limits.file_size]
    command = [sys.executable, str(WORKER), *map(str, numbers)]
    if is_available():
        command = cut_off(command, scratch, out_of_sight(hidden, scratch))
    process = subprocess.Popen(
        command,
        cwd=scratch,
        env=environment(scratch),
        pass_fds=(its_requests, its_replies),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(its_requests)
    os.close(its_replies)
    return process, requests, replies


def end(process: subprocess.Popen) -> None:
    """End a worker with all that it has started.

    Where it is cut off, all its processes end with the first of them, whatever they have done to
    get away; elsewhere those end that have stayed in its group.
    """
    for pid in [*children(process.pid), process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def children(pid: int) -> list[int]:
    """The processes that a process has started, where the system tells."""
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def environment(scratch: Path) -> dict[str, str]:
    """What the worker may know of its surroundings: where to find programs and itself, no more."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "IPYTHONDIR": str(scratch),
        "MPLCONFIGDIR": str(scratch),
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",  # the worker's own folder is not to be imported from
        **one_thread,
    }
