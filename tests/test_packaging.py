"""What is released: an sdist that a wheel can be built from, and a wheel that needs NumPy alone."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import mbgd_lib

ROOT = Path(__file__).parents[1]
PACKAGE = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "mbgd_lib").rglob("*")
    if path.is_file() and path.parent.name != "__pycache__"  # Python's, and Numba's
)


def build(kind: str, source: Path, out: Path) -> Path:
    """Build an sdist or a wheel with what is installed, so that nothing is downloaded."""
    program = f"from setuptools.build_meta import build_{kind}; build_{kind}({str(out)!r})"
    subprocess.run([sys.executable, "-c", program], cwd=source, check=True, capture_output=True)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> Path:
    """Return the unpacked sdist."""
    source, out, unpacked = (tmp_path_factory.mktemp(name) for name in ("source", "out", "sdist"))
    no_caches = shutil.ignore_patterns("__pycache__")
    for folder in ("mbgd_lib", "tests"):
        shutil.copytree(ROOT / folder, source / folder, ignore=no_caches)
    for name in ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "LICENSE-data"):
        shutil.copy(ROOT / name, source)
    with tarfile.open(build("sdist", source, out)) as archive:
        archive.extractall(unpacked, filter="data")
    (folder,) = unpacked.iterdir()
    return folder


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory) -> Path:
    """Return the unpacked wheel, built from the sdist."""
    out, unpacked = (tmp_path_factory.mktemp(name) for name in ("out", "wheel"))
    with zipfile.ZipFile(build("wheel", sdist, out)) as archive:
        archive.extractall(unpacked)
    return unpacked


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_sdist_holds_the_library_and_no_tests(sdist):
    assert sdist.name == f"mbgd_lib-{mbgd_lib.__version__}"
    found = [name for name in files(sdist) if ".egg-info/" not in name]
    others = {"LICENSE", "LICENSE-data", "MANIFEST.in", "PKG-INFO", "README.md"}
    assert found == sorted({*PACKAGE, *others, "pyproject.toml", "setup.cfg"})


def test_the_wheel_holds_the_library_with_its_licences(wheel):
    found = files(wheel)
    assert [name for name in found if name.startswith("mbgd_lib/")] == PACKAGE
    (licences,) = wheel.glob("*.dist-info/licenses")
    assert files(licences) == ["LICENSE", "LICENSE-data"]
    assert {name.partition("/")[0] for name in found} == {"mbgd_lib", licences.parent.name}


NUMPY_ALONE = """\
import sys

class Refuse:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] not in {"mbgd_lib", "numpy", *sys.stdlib_module_names}:
            raise ImportError(name)

sys.meta_path.insert(0, Refuse)
sys.path[:0] = sys.argv[1:]

import mbgd_lib
import mbgd_lib.data
from mbgd_lib.instruments import curvature, escapes, noise, orders, statistics, targets, theory
from mbgd_lib.mnist import load_mnist

images, labels = load_mnist("sample", digits=(0, 1))
objective = mbgd_lib.Logistic(images / 255, labels)
weights = [0.0] * (1 + images.shape[1])
run = mbgd_lib.descend(objective, weights, learning_rate=0.1, batch_size=64, epochs=1, seed=0)
print(mbgd_lib.__file__, run.epoch_losses[-1] < run.epoch_losses[0])
"""


def test_the_wheel_learns_digits_with_numpy_alone(wheel):
    folders = [str(wheel), str(Path(np.__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", NUMPY_ALONE, *folders],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == f"{wheel / 'mbgd_lib' / '__init__.py'} True\n"


def test_every_file_that_tells_the_version_tells_the_same():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"version: {mbgd_lib.__version__}\n" in citation
    assert re.findall(r"(?m)^## (.*)$", changes)[:2] == ["Unreleased", mbgd_lib.__version__]
