"""Where a submission's code runs: a process of its own, with limits, and cut off where possible.

On Linux, `unshare` (of util-linux, which every distribution has) gives the process namespaces of
its own: no network, no process that outlives it, and no files but Python, the library and an empty
folder in memory. Where a system forbids that, as some do to users who are not administrators,
limits of time and memory still hold, and the grader says so.
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
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
WORKER = Path(__file__).parent / "worker.py"

# All that a worker sees of the machine, where it is there: the system's programs, Python with its
# packages, the course's library. Not: anybody's home, exercises, submissions, assignments.
SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/sbin", "/usr", "/nix/store")
SETTINGS = ("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
INSIDE = Path("/scratch")  # where a worker that is cut off works: empty, in memory

# Build a root of its own in $1, read-only, with the places that follow up to `--`; go there, and
# start the rest with no right to undo this.
CUT_OFF = """
root=$1; shift
show() {
  mkdir -p "$root$(dirname "$1")" || exit 9
  if [ -L "$1" ]; then cp -P "$1" "$root$1" || exit 9; return; fi
  if [ -d "$1" ]; then mkdir -p "$root$1"; else : > "$root$1"; fi || exit 9
  mount --rbind "$1" "$root$1" || exit 9
  case $1 in /dev/*) return;; esac
  mount -o remount,bind,ro "$root$1" || exit 9
}
mount -t tmpfs -o size=1m,mode=755 none "$root" || exit 9
while [ "$1" != -- ]; do show "$1"; shift; done; shift
mkdir "$root/proc" "$root/scratch" "$root/dev/shm" "$root/dev/pts" || exit 9
mount -t devpts -o newinstance,ptmxmode=0666 none "$root/dev/pts" || exit 9
ln -s pts/ptmx "$root/dev/ptmx" || exit 9
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc" || exit 9
mount -t tmpfs -o size=200m none "$root/scratch" || exit 9
mount -t tmpfs -o size=64m none "$root/dev/shm" || exit 9
mount -o remount,ro "$root" || exit 9
cd "$root" && exec chroot "$root" setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
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


def in_sight() -> list[Path]:
    """The places that a worker sees, none of them within another."""
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    places = [*map(Path, (*SYSTEM, *SETTINGS, *DEVICES)), *python, PROJECT / "mbgd_lib", WORKER]
    places = [place for place in places if place.exists()]
    return [p for p in dict.fromkeys(places) if not any(other in p.parents for other in places)]


def cut_off(command: list[str], root: Path) -> list[str]:
    """The command that runs another one in namespaces of its own, with a root made in a folder."""
    places = map(str, in_sight())
    return [*NAMESPACES, "sh", "-c", CUT_OFF, "sh", str(root), *places, "--", *command]


@functools.cache
def is_available() -> bool:
    """Whether this system lets us cut a process off."""
    if not all(shutil.which(tool) for tool in ("unshare", "setpriv", "mount", "chroot", "sh")):
        return False
    with tempfile.TemporaryDirectory() as root:
        trial = cut_off([sys.executable, "-c", "import mbgd_lib, IPython"], Path(root))
        environ = environment(INSIDE)
        return subprocess.run(trial, env=environ, capture_output=True).returncode == 0


def start(limits: Limits, scratch: Path) -> tuple[subprocess.Popen, int, int]:
    """Start a worker; returns it with the ends of its pipes: where to ask, and where it answers."""
    its_requests, requests = os.pipe()
    replies, its_replies = os.pipe()
    numbers = [its_requests, its_replies, limits.memory, limits.file_size]
    command = [sys.executable, str(WORKER), *map(str, numbers)]
    if is_available():
        command = cut_off(command, scratch)
    process = subprocess.Popen(
        command,
        cwd=scratch,
        env=environment(INSIDE if is_available() else scratch),
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
    for pid in children(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1 if is_available() else 0)  # it ends after the last of them
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
        "PWD": str(scratch),
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
