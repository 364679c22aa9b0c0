"""The requirement files name what the code imports, and the lock has a version of each.

One that only some other package happens to bring would vanish, or change, with that package.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from store_notebooks import FRAMEWORKS as TAG

ROOT = Path(__file__).parents[1]
READ, DEV, FRAMEWORKS = (f"requirements{part}.txt" for part in ("", "-dev", "-frameworks"))

# What the code of each folder may count on; any other folder's is for development.
ENVIRONMENTS = {
    "mbgd_lib": [READ, FRAMEWORKS],  # Numba is optional
    "notebooks": [READ],  # cells with the tag are tested apart
    "exercises": [READ],
    "grading": [READ],
    "book": [READ],
    "benchmarks": [READ, DEV, FRAMEWORKS],
    "tests/frameworks": [READ, DEV, FRAMEWORKS],
}


def tracked(*patterns: str) -> list[Path]:
    """Files that belong to the project, as git knows them."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in found.stdout.split("\0") if (ROOT / name).is_file()]


def code(path: Path, *, tagged: bool = False) -> str:
    """Return a file's code; of a notebook that of the cells which need a framework, or the rest."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        chosen = [c for c in cells if (TAG in c["metadata"].get("tags", [])) is tagged]
        return "\n".join("".join(cell["source"]) for cell in chosen)
    return text


def imported(source: str) -> Iterator[str]:
    """Yield what a source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def installed() -> Mapping[str, list[str]]:
    """Return which packages brought each module; to ask takes seconds."""
    return packages_distributions()


def distribution(module: str) -> str:
    """Return the name under which a module's package is installed."""
    first, *rest = module.split(".")
    if first == "sphinxcontrib":  # many packages share this one
        return f"sphinxcontrib-{rest[0]}"
    return canonicalize_name(installed().get(first, [first])[0])


def requirements(file: str) -> dict[str, Requirement]:
    """Return a file's own requirements by name, without those of a file that it includes."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.partition("#")[0]) for line in lines if re.match(r"\w", line)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@cache
def known() -> set[str]:
    """Return the modules of this project and of Python itself."""
    files = tracked("*.py")
    return {part for file in files for part in (file.stem, file.parts[0])} | sys.stdlib_module_names


@pytest.mark.parametrize("folder", [*ENVIRONMENTS, "tests", "tools", "sweeps"])
def test_every_package_that_is_imported_is_named(folder):
    named = {name for file in ENVIRONMENTS.get(folder, [READ, DEV]) for name in requirements(file)}
    missing = {
        f"{path}: {module}"
        for path in tracked(f"{folder}/*.py", f"{folder}/*.ipynb")
        if folder != "tests" or "frameworks" not in path.parts
        for module in imported(code(path))
        if module.partition(".")[0] not in known()
        if distribution(module) not in named
    }
    assert not missing, "\n".join(sorted(missing))


def test_cells_that_need_a_framework_import_what_is_named():
    named = {name for file in (READ, FRAMEWORKS) for name in requirements(file)}
    used = {
        distribution(module)
        for path in tracked("notebooks/*.ipynb")
        for module in imported(code(path, tagged=True))
        if module.partition(".")[0] not in known()
    }
    assert used <= named


# --- Windows, which has no such modules and names ---

POSIX = {"fcntl", "grp", "pwd", "resource", "termios"}
POSIX_NAMES = {
    *(f"os.{name}" for name in ("fork", "getuid", "killpg", "mkfifo", "setsid")),
    *(f"signal.{name}" for name in ("SIGALRM", "SIGHUP", "SIGKILL", "alarm")),
}


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that are run when a module is imported: not what stands in functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and child in node.body:
            continue
        yield child
        yield from run_at_import(child)


def posix_only(source: str) -> set[str]:
    found = set()
    for node in run_at_import(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {name for name in imported(ast.unparse(node)) if name.split(".")[0] in POSIX}
        elif isinstance(node, ast.Attribute):
            found |= {ast.unparse(node)} & POSIX_NAMES
    return found


def test_what_only_linux_and_macos_have_is_found():
    assert posix_only("import os, resource\nfrom pwd import getpwnam") == {
        "resource",
        "pwd.getpwnam",
    }
    assert posix_only("@mark(signal.SIGKILL)\ndef test(): os.killpg(1, 2)") == {"signal.SIGKILL"}


def test_tests_can_be_collected_on_windows():
    found = {f"{path}: {name}" for path in tracked("*.py") for name in posix_only(code(path))}
    assert not found, "\n".join(sorted(found))


# --- the lock ---


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    found = [re.match(r"([\w.-]+)==([^\s;]+)", line) for line in lines]
    return {match[1]: match[2] for match in found if match}


@pytest.mark.parametrize("file", [READ, DEV])
def test_the_lock_has_a_version_of_each_that_is_in_its_range(file):
    versions = locked()
    unfit = [
        f"{requirement} is locked at {versions.get(name)}: run make lock"
        for name, requirement in requirements(file).items()
        if not requirement.specifier.contains(versions.get(name, ""))
    ]
    assert not unfit, "\n".join(unfit)


def test_the_lock_names_no_place_to_download_from():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--" not in text
