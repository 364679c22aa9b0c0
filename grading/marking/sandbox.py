"""Where a submission's code runs: a process of its own, with limits, and cut off where possible.

On Linux, bubblewrap (`bwrap`, which every distribution packages) cuts it off: no network, no
process that outlives it, no files but Python, the library and an empty folder in memory. Without
it, limits of time, memory and processes still hold, and the grader says so. Answers never run as
root: where the grader does, they become a user of their own that owns nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

PROJECT = Path(__file__).parents[2]
WORKER = Path(__file__).parent / "worker.py"

# All that a worker sees of the machine, where it is there: the system's programs, Python with its
# packages, the course's library. Not: anybody's home, exercises, submissions, assignments.
SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/sbin", "/usr", "/nix/store")
SETTINGS = ("/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")
INSIDE = Path("/scratch")  # where a worker that is cut off works: empty, in memory
IN_MEMORY = ["--perms", "1777", "--size", str(200 * 1024**2), "--tmpfs"]
NOBODY = ["--unshare-user", "--uid", "65534", "--gid", "65534"]
UNLIMITED = -1
TRIAL = [sys.executable, "-c", "import mbgd_lib, IPython"]

# System calls that take memory which counts as no process's: all of them, or where an argument has
# these bits (a namespace of its own to mount in, pages shared but no file's, the internet).
OUTRIGHT = "memfd_create memfd_secret shmget semget msgget io_uring_setup setsockopt unshare clone3"
WITH_BITS = {"clone": (0, 0x10000000), "mmap": (3, 0x21), "socket": (0, 2)}
CLOSED = dict.fromkeys(OUTRIGHT.split(), (0, 0)) | WITH_BITS
ALLOWED, NOT_THERE = 0x7FFF0000, 0x50000 | errno.ENOSYS

NOT_CUT_OFF = (
    "Answers are not cut off from files and network: bubblewrap (the program bwrap) is missing, or "
    "this system does not let it work. Limits of time, memory and processes hold, but an answer "
    "that means to can leave a process behind."
)
NOT_COUNTED = (
    "The library libseccomp is missing (its package is libseccomp2): an answer can take memory "
    "that is not counted."
)


class SandboxError(RuntimeError):
    """Answers cannot run here."""


@dataclass(frozen=True)
class Limits:
    """What a submission may take: seconds for a cell and for all, bytes of memory and of a file,
    processes and threads at a time, new starts after a process has ended.
    """

    cell_seconds: float = 20
    all_seconds: float = 120
    memory: int = 2 * 1024**3
    file_size: int = 50 * 1024**2
    processes: int = 64
    starts: int = 10


def cut_off(command: list[str]) -> list[str]:
    """The command that runs another one where nothing but Python and the library is in sight."""
    wrapped = ["bwrap", "--die-with-parent", "--new-session", "--unshare-ipc", "--unshare-pid"]
    wrapped += ["--unshare-net", "--unshare-uts", *([] if os.getuid() == 0 else NOBODY)]
    for place in in_sight():
        # bwrap makes the folders on the way as well, but such that nobody else can enter them.
        for parent in reversed(place.parents[:-1]):
            wrapped += ["--dir", str(parent)]
        if place.is_symlink():
            wrapped += ["--symlink", os.readlink(place), str(place)]
        else:
            wrapped += ["--ro-bind", str(place), str(place)]
    wrapped += ["--proc", "/proc", "--dev", "/dev", *IN_MEMORY, "/dev/shm", *IN_MEMORY, str(INSIDE)]
    # /dev/zero, mapped, would be memory to share; the filter comes by the command's own input.
    wrapped += ["--ro-bind", "/dev/null", "/dev/zero", "--seccomp", "0"]
    return [*wrapped, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(INSIDE), *command]


def closed_calls() -> int:
    """A pipe that holds the kernel's filter, to which closed calls do not exist."""
    reader, writer = os.pipe()
    if library := seccomp():
        library.seccomp_init.restype = ctypes.c_void_p
        rules = ctypes.c_void_p(library.seccomp_init(ALLOWED))
        for name, (argument, bits) in CLOSED.items():
            call = library.seccomp_syscall_resolve_name(name.encode())
            has = struct.pack("IIQQ", argument, 7, bits, bits)
            library.seccomp_rule_add_array(rules, NOT_THERE, call, bool(bits), has)
        library.seccomp_export_bpf(rules, writer)
    else:  # a filter that lets all calls through
        os.write(writer, struct.pack("HBBI", 6, 0, 0, ALLOWED))
    os.close(writer)
    return reader


def seccomp() -> ctypes.CDLL | None:
    """The library that writes such filters."""
    with contextlib.suppress(OSError):
        return ctypes.CDLL("libseccomp.so.2")
    return None


def in_sight() -> list[Path]:
    """The places that a worker sees, none of them within another."""
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    places = [*map(Path, (*SYSTEM, *SETTINGS)), *python, PROJECT / "mbgd_lib", WORKER]
    places = [p for place in places for p in (place, place.resolve()) if p.exists()]
    return [p for p in dict.fromkeys(places) if not any(other in p.parents for other in places)]


def works(command: list[str], **user: object) -> bool:
    """Whether a worker could start so."""
    how = {"env": environment(INSIDE), "cwd": "/", "capture_output": True, **user}
    with contextlib.suppress(OSError), open(closed_calls(), "rb") as its_input:
        return subprocess.run(command, stdin=its_input, **how).returncode == 0
    return False


@functools.cache
def is_available() -> bool:
    """Whether this system lets us cut a process off."""
    return bool(shutil.which("bwrap")) and works(cut_off(TRIAL))


def warning() -> str:
    """What is to be said before anything runs, or nothing."""
    if not is_available():
        return NOT_CUT_OFF
    return "" if seccomp() else NOT_COUNTED


@functools.cache
def grouped(memory: int, processes: int) -> list[str]:
    """What lets systemd limit a command with all that it starts, where that works.

    It counts what the kernel itself needs for them, too, which `Door.check_size` cannot see.
    """
    session = ["env", f"XDG_RUNTIME_DIR={os.environ.get('XDG_RUNTIME_DIR', '')}"]
    command = [*session, "systemd-run", *(["--user"] if os.getuid() else []), "--scope", "--quiet"]
    command += ["-p", f"MemoryMax={memory}", "-p", "MemorySwapMax=0", "-p", f"TasksMax={processes}"]
    return command if works([*command, "true"]) else []


def require() -> None:
    """Refuse where answers cannot run: on Windows, and where root alone can start Python here."""
    if not hasattr(os, "killpg"):
        raise SandboxError("answers run on Linux or macOS; on Windows, use WSL")
    user = nobody()
    if user and not is_available() and not works(TRIAL, user=user, group=user, extra_groups=()):
        raise SandboxError(
            "answers never run as root, and no other user can read this Python and the library: "
            "install bubblewrap (bwrap), or grade as an ordinary user"
        )


def nobody() -> int:
    """Whom root's answers become: nobody, and not the same for two graders; 0 if not root."""
    return 0 if os.getuid() else 20_000 + os.getpid() % 40_000


def start(limits: Limits, scratch: Path) -> tuple[subprocess.Popen, int, int]:
    """Start a worker; returns it with the ends of its pipes: where to ask, and where it answers."""
    its_requests, requests = os.pipe()
    replies, its_replies = os.pipe()
    its_input = closed_calls()
    user, is_cut_off = nobody(), is_available()
    if user:
        os.chown(scratch, user, user)
    # Without a namespace of its own, a user's limit of processes counts all that the user runs.
    processes = limits.processes if user or is_cut_off else UNLIMITED
    numbers = [its_requests, its_replies, limits.memory, limits.file_size, processes, user]
    command = [sys.executable, str(WORKER), *map(str, numbers)]
    command = cut_off(command) if is_cut_off else command
    process = subprocess.Popen(
        [*grouped(limits.memory, limits.processes), *command],
        cwd=scratch,
        env=environment(INSIDE if is_cut_off else scratch),
        pass_fds=(its_requests, its_replies),
        stdin=its_input,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        umask=0o022,
    )
    for end in (its_requests, its_replies, its_input):
        os.close(end)
    return process, requests, replies


def end(process: subprocess.Popen) -> None:
    """End a worker with all that it has started.

    Where it is cut off, all its processes end with the first of them, whatever they have done to
    get away; elsewhere those end that have stayed in its group.
    """
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children():
            child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1 if is_available() else 0)  # bwrap ends after the last of them
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def environment(scratch: Path) -> dict[str, str]:
    """What the worker may know of its surroundings: where to find programs and itself, no more."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    folders = ("PWD", "HOME", "TMPDIR", "IPYTHONDIR", "MPLCONFIGDIR")
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "MPLBACKEND": "agg",
        "PYTHONPATH": str(PROJECT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",  # the worker's own folder is not to be imported from
        **dict.fromkeys(folders, str(scratch)),
        **one_thread,
    }
