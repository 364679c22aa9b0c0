"""The Makefile: its help, its one clear line where Python is wanting, and when .venv is made anew.

The interpreters are stand-ins, so that nothing is installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Answers as an interpreter of the given version. As `-m venv` it copies itself; as `-m pip` it
# writes a line to the journal and succeeds or not, as told by the file that is named `offline`.
STAND_IN = """\
#!/bin/sh
case "$1 $2" in
"-m venv")
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
"-m pip")
    echo installed >> journal; test ! -e offline ;;
*)
    exec "{real}" -c 'import sys; sys.version_info = {version}; exec(sys.argv[1])' "$2" ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    """A folder, with a space in its name, that holds what `make venv` looks at."""
    folder = tmp_path / "the course"
    folder.mkdir()
    for name in ("Makefile", "requirements.txt", "requirements-frameworks.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
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
    """Write an interpreter that says it is of this version."""
    path = folder / name
    path.write_text(STAND_IN.format(real=sys.executable, version=(*version, 0)))
    path.chmod(0o755)
    return str(path)


def installations(project: Path) -> int:
    journal = project / "journal"
    return len(journal.read_text().splitlines()) if journal.exists() else 0


def phony_targets() -> set[str]:
    return set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split())


# --- help ---


def test_help_lists_every_target(project):
    shown = make(project, "help", "PYTHON=/missing").stdout
    assert set(re.findall(r"^  make ([\w-]+) +\S", shown, re.M)) == phony_targets()


def test_help_is_the_default(project):
    assert make(project).stdout == make(project, "help").stdout


def test_every_command_is_phony():
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"^([a-z-]+):", makefile, re.M)) == phony_targets()


def test_clean_needs_no_python(project):
    (project / "_build").mkdir()
    (project / ".venv").mkdir()
    assert make(project, "clean", "PYTHON=/missing").returncode == 0
    assert not (project / "_build").exists()
    assert not (project / ".venv").exists()


# --- Python missing or old ---


def assert_one_clear_line(result, *words: str) -> None:
    """The line says what is wanted, what was found, and how to name another."""
    assert result.returncode != 0
    (line,) = (result.stdout + result.stderr).splitlines()
    for word in ("Python 3.11 or newer", "PYTHON=python3", *words):
        assert word in line


@pytest.mark.parametrize(
    "target",
    [
        "site",
        "test",
        "lab",
        "lint",
        "notebooks",
        "serve",
        "test-frameworks",
        "bench",
    ],
)
def test_missing_python(project, target):
    assert_one_clear_line(make(project, target, "PYTHON=/missing/python"), "/missing/python")


@pytest.mark.parametrize("version", [(2, 7), (3, 9), (3, 10)])
def test_old_python(project, tmp_path, version):
    python = stand_in(tmp_path, "old", version)
    assert_one_clear_line(make(project, "site", f"PYTHON={python}"), "is {}.{}".format(*version))


def test_shim_that_leads_nowhere(project, tmp_path):
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\necho 'pyenv: python3: command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    result = make(project, "site", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert_one_clear_line(result, '"python3"')


@pytest.mark.parametrize("version", [(3, 11), (3, 13), (4, 0)])
def test_new_python(project, tmp_path, version):
    python = stand_in(tmp_path, "new", version)
    assert make(project, "venv", f"PYTHON={python}").returncode == 0
    assert (project / ".venv" / "ready-{}.{}".format(*version)).is_file()


# --- when .venv is made anew ---


@pytest.fixture
def python(tmp_path):
    return f"PYTHON={stand_in(tmp_path, 'python3.12', (3, 12))}"


@pytest.fixture
def installed(project, python):
    """A project whose .venv is ready."""
    assert make(project, "venv", python).returncode == 0
    assert installations(project) == 1
    return project


def test_ready_venv_is_used_again(installed, python):
    make(installed, "venv", python)
    assert installations(installed) == 1


def test_ready_venv_will_do_where_no_python_is_named(installed):
    assert make(installed, "venv", PATH="/usr/bin:/bin").returncode == 0
    assert installations(installed) == 1


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_changed_requirements_need_a_new_venv(installed, python, name):
    with (installed / name).open("a") as file:
        file.write("# changed\n")
    leftover = installed / ".venv" / "leftover"
    leftover.touch()
    make(installed, "venv", python)
    assert installations(installed) == 2
    assert not leftover.exists()


def test_another_python_needs_a_new_venv(installed, tmp_path):
    other = stand_in(tmp_path, "python3.13", (3, 13))
    make(installed, "venv", f"PYTHON={other}")
    assert installations(installed) == 2
    assert [path.name for path in (installed / ".venv").glob("ready-*")] == ["ready-3.13"]


def test_copied_venv_is_made_anew(installed, python):
    """Its editable installation would import the original's library."""
    copy = installed.with_name("copy")
    shutil.copytree(installed, copy)
    make(copy, "venv", python)
    assert installations(copy) == 2


def test_interrupted_installation_is_not_ready(project, python):
    (project / "offline").touch()
    assert make(project, "venv", python).returncode != 0
    (project / "offline").unlink()
    assert make(project, "venv", python).returncode == 0
    assert installations(project) == 2


def test_venv_whose_python_is_gone_is_made_anew(installed, python):
    (installed / ".venv" / "bin" / "python").unlink()
    assert make(installed, "venv", python).returncode == 0
    assert installations(installed) == 2


# --- .venv-frameworks, made in the same manner ---


def test_the_frameworks_have_a_venv_of_their_own(installed, python):
    assert make(installed, "venv-frameworks", python).returncode == 0
    assert installations(installed) == 2
    assert (installed / ".venv-frameworks" / "ready-3.12").is_file()
    make(installed, "venv-frameworks", python)
    make(installed, "venv", python)
    assert installations(installed) == 2


@pytest.mark.parametrize(
    ("name", "made_anew"), [("requirements.txt", 2), ("requirements-frameworks.txt", 1)]
)
def test_changed_requirements_and_the_two_venvs(installed, python, name, made_anew):
    """The frameworks' environment holds the course's packages, but not the other way round."""
    make(installed, "venv-frameworks", python)
    with (installed / name).open("a") as file:
        file.write("# changed\n")
    make(installed, "venv", python)
    make(installed, "venv-frameworks", python)
    assert installations(installed) == 2 + made_anew


def test_clean_removes_both_venvs(installed, python):
    make(installed, "venv-frameworks", python)
    make(installed, "clean")
    assert not list(installed.glob(".venv*"))
