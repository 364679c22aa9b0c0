"""The Makefile's help, and tools/make_venv.sh: when an environment is made anew, and of what.

The interpreters are stand-ins, so that nothing is installed.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READ, DEV, FRAMEWORKS = (f"requirements{part}.txt" for part in ("", "-dev", "-frameworks"))

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no make")

# Answers as an interpreter of the given version. As `-m venv` it copies itself; as `-m pip` it
# writes a line to the journal, and fails where there is a file `offline`, or `misfit` and a lock.
STAND_IN = """\
#!/bin/sh
case "$1 $2" in
"-m venv")
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
    echo "$@" >> journal
    case "$*" in *.lock) test ! -e misfit || exit 1 ;; esac
    test ! -e offline ;;
*)
    exec "{real}" -c 'import sys; sys.version_info = {version}; exec(sys.argv[1])' "$2" ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A folder, with a space in its name, that holds what `make venv` looks at."""
    folder = tmp_path / "the course"
    (folder / "tools").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", READ, DEV, FRAMEWORKS):
        shutil.copy(ROOT / name, folder)
    shutil.copy(ROOT / "tools" / "make_venv.sh", folder / "tools")
    return folder


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make with an environment that says nothing of an outer make or interpreter."""
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def stand_in(folder: Path, name: str, version: tuple[int, int]) -> str:
    """Write an interpreter that says it is of this version; return how make is told of it."""
    path = folder / name
    path.write_text(STAND_IN.format(real=sys.executable, version=(*version, 0)))
    path.chmod(0o755)
    return f"PYTHON={path}"


def installed(project: Path) -> list[str]:
    """What pip was asked for since the last look, such as "requirements.txt locked"."""
    journal = project / "journal"
    lines = journal.read_text().splitlines() if journal.exists() else []
    journal.unlink(missing_ok=True)
    return [
        re.search(r"-r (\S+)", line)[1] + " locked" * line.endswith(" -c requirements.lock")
        for line in lines
    ]


def phony_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", "")
    return set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())


# --- help ---


def test_help_is_the_default_and_lists_every_target(project):
    shown = make(project, "PYTHON=/missing").stdout
    assert set(re.findall(r"^  make ([\w-]+) +\S", shown, re.M)) == phony_targets()


def test_every_command_is_phony():
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"^([a-z-]+):", makefile, re.M)) == phony_targets()


def test_clean_needs_no_python(project):
    for name in ("_build", ".venv", ".venv-frameworks"):
        (project / name).mkdir()
    assert make(project, "clean", "PYTHON=/missing").returncode == 0
    assert not [path for path in project.iterdir() if path.name.startswith((".venv", "_build"))]


@pytest.mark.parametrize("target", ["test-chapter", "grade", "gradescope"])
def test_a_missing_argument_is_named(project, target):
    result = make(project, target, stand_in(project, "python3.12", (3, 12)))
    assert re.search(r"(N|SUBMISSIONS|SET) is missing: the (number|folder|name)", result.stderr)


@pytest.mark.parametrize("target", ["lab", "notebooks", "replicate"])
def test_frameworks_are_used_where_they_are_asked_for(target):
    for asked, python in (([], ".venv/bin"), (["FRAMEWORKS=yes"], ".venv-frameworks/bin")):
        told = make(ROOT, "--dry-run", target, *asked).stdout
        assert {match[1] for match in re.finditer(r"(?m)^(\S+)/python", told)} == {python}
        assert f"make_venv.sh {python.removesuffix('/bin')} " in told


def test_notebooks_are_named_by_their_number():
    for number, name in (("3", "03_batch_size_effects"), ("001", "001_make_regression")):
        told = make(ROOT, "--dry-run", "notebooks", f"N={number}").stdout
        assert f"/{name}.ipynb" in told
        assert "000_gaussian_points" not in told
    assert "no notebook has the number 99" in make(ROOT, "-n", "notebooks", "N=99").stderr


def test_a_file_of_tests_is_the_librarys_unless_it_is_named(project):
    (project / "tests").mkdir()
    for name in ("new", "site", "chapter_03", "exercise_sets", "makefile"):
        (project / "tests" / f"test_{name}.py").touch()
    assert make(project, "list-library").stdout == "tests/test_new.py\n"


# --- Python missing or old ---


def assert_refused(result, *words: str) -> None:
    """One line says what is wanted, what was found, and how to name another."""
    assert result.returncode != 0
    (line,) = [line for line in (result.stdout + result.stderr).splitlines() if "***" not in line]
    for word in ("Python 3.11 or newer", "PYTHON=python3", *words):
        assert word in line


@pytest.mark.parametrize("target", ["site", "test", "lab", "check", "notebooks", "bench"])
def test_missing_python(project, target):
    assert_refused(make(project, target, "PYTHON=/missing/python"), "/missing/python")


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 10)])
def test_old_python(project, tmp_path, version):
    assert_refused(
        make(project, "site", stand_in(tmp_path, "old", version)), "is {}.{}".format(*version)
    )


def test_shim_that_leads_nowhere(project, tmp_path):
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert_refused(make(project, "site", PATH=f"{tmp_path}:/usr/bin:/bin"), '"python3"')


# --- what is installed ---


@pytest.fixture
def python(tmp_path):
    return stand_in(tmp_path, "python3.12", (3, 12))


@pytest.mark.parametrize(
    ("target", "files"),
    [("venv-read", [READ]), ("venv", [READ, DEV]), ("venv-frameworks", [READ, DEV, FRAMEWORKS])],
)
def test_each_environment_has_its_packages_with_the_versions_of_the_lock(
    project, python, target, files
):
    assert make(project, target, python).returncode == 0
    assert installed(project) == [f"{file} locked" for file in files]


def test_a_python_that_the_lock_does_not_cover_gets_the_ranges(project, tmp_path):
    result = make(project, "venv-read", stand_in(tmp_path, "python4.0", (4, 0)))
    assert result.returncode == 0
    assert installed(project) == [READ]
    assert "digits may differ" in result.stdout.splitlines()[-1]


def test_a_lock_that_does_not_fit_gives_way_to_the_ranges(project, python):
    (project / "misfit").touch()
    result = make(project, "venv-read", python)
    assert result.returncode == 0
    assert installed(project) == [f"{READ} locked", READ]
    assert "digits may differ" in result.stdout.splitlines()[-1]


def test_a_lock_that_does_not_fit_is_an_error_in_ci(project, python):
    (project / "misfit").touch()
    assert make(project, "venv-read", python, CI="true").returncode != 0
    assert installed(project) == [f"{READ} locked"]


# --- when it is made anew ---


@pytest.fixture
def ready(project, python):
    """A project whose .venv is ready."""
    assert make(project, "venv", python).returncode == 0
    assert len(installed(project)) == 2
    (project / ".venv" / "leftover").touch()
    return project


def is_made_anew(project: Path, *arguments: str, **environment: str) -> bool:
    assert make(project, "venv", *arguments, **environment).returncode == 0
    anew = len(installed(project)) == 2
    assert (project / ".venv" / "leftover").exists() is not anew
    return anew


def test_a_ready_one_is_used_again_and_serves_readers_too(ready, python):
    assert not is_made_anew(ready, python)
    assert make(ready, "venv-read", python).returncode == 0
    assert installed(ready) == []


def test_a_ready_one_will_do_where_no_python_is_named(ready):
    assert not is_made_anew(ready, PATH="/usr/bin:/bin")


def test_another_python_needs_a_new_one(ready, tmp_path):
    assert is_made_anew(ready, stand_in(tmp_path, "python3.13", (3, 13)))


@pytest.mark.parametrize("name", [READ, "requirements.lock"])
def test_changed_requirements_need_a_new_one(ready, python, name):
    with (ready / name).open("a") as file:
        file.write("# changed\n")
    assert is_made_anew(ready, python)


@pytest.mark.parametrize(("table", "anew"), [("[project]", True), ("[tool.ruff]", False)])
def test_of_the_settings_those_of_the_package_matter(ready, python, table, anew):
    settings = ready / "pyproject.toml"
    settings.write_text(settings.read_text().replace(table, f"{table}\n# changed"))
    assert is_made_anew(ready, python) is anew


def test_what_tests_need_in_addition_goes_on_top(ready, python):
    with (ready / DEV).open("a") as file:
        file.write("# changed\n")
    make(ready, "venv", python)
    assert installed(ready) == [f"{DEV} locked"]
    assert (ready / ".venv" / "leftover").exists()


def test_a_copied_one_is_made_anew(ready, python):
    """Its editable installation would import the original's library."""
    copy = ready.with_name("copy")
    shutil.copytree(ready, copy)
    assert is_made_anew(copy, python)


def test_an_interrupted_one_is_made_anew(project, python):
    (project / "offline").touch()
    assert make(project, "venv", python, CI="true").returncode != 0
    (project / "offline").unlink()
    assert installed(project) == [f"{READ} locked"]
    assert make(project, "venv", python).returncode == 0
    assert installed(project) == [f"{READ} locked", f"{DEV} locked"]


def test_one_whose_python_is_gone_is_made_anew(ready, python):
    (ready / ".venv" / "bin" / "python").unlink()
    assert is_made_anew(ready, python)


# --- make serve ---


def serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_a_taken_port_is_told_before_anything_is_built():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = serve(str(port), "--check")
    assert told.returncode == 1
    assert f"port {port}: Address already in use" in told.stderr
    assert f"make serve PORT={port + 1}" in told.stderr
    assert serve(str(port), "--check").returncode == 0
    recipe = re.search(r"^serve:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    check, build, _ = recipe[1].splitlines()
    assert "--check" in check
    assert build.endswith(" site")


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_a_port_that_is_none(port):
    told = serve(port, "--check")
    assert told.returncode == 1
    assert f"PORT must be a number from 1 to 65535; got {port!r}" in told.stderr


def test_serving_says_where_and_how_to_stop():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "tools" / "serve.py"), str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as one:
        assert one.stdout
        line = one.stdout.readline()
        one.terminate()
    assert line == f"The site is on http://127.0.0.1:{port} until you press Ctrl-C.\n"
