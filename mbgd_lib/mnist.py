"""MNIST: 70,000 handwritten digits, of which 12,000 ship with this library.

Whoever has the four original files can build the shipped sample anew, byte for byte: set
MNIST_DIR to their folder and run ``python -m mbgd_lib.mnist``.
"""

import bz2
import gzip
import hashlib
import io
import os
import zlib
from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import fetch_openml

from mbgd_lib._arguments import one_of, whole_number

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

# An array of 12,000 rows: a label, then 784 pixels. bz2, because its one implementation writes
# the same bytes everywhere, which those of gzip and zip do not.
SAMPLE = Path(__file__).with_name("mnist_sample.npy.bz2")
SAMPLE_TRAIN_ROWS, SAMPLE_TEST_ROWS = 10_000, 2_000
OPENML_TRAIN_ROWS = 60_000

# The original files and the md5 of their content, unzipped.
IDX_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


def load_mnist(
    which: str = "sample", *, split: str = "train", digits: Collection[int] | None = None
) -> tuple[Images, Labels]:
    """Return images of handwritten digits and their labels, in MNIST's original order.

    "sample" needs no network. "full" reads the four original files, zipped (.gz) or not, in
    the folder that the environment variable MNIST_DIR names. Where that is unset or empty,
    scikit-learn downloads the data set mnist_784 from OpenML and keeps it; reading it takes
    up to a minute and 1 GB of memory, once in a session.

    Parameters
    ----------
    which : {"sample", "full"}
        The first 10,000 training and 2,000 test images, or all 60,000 and 10,000.
    split : {"train", "test"}
    digits : collection of int, optional
        Keep only the images of these digits, from 0 to 9.

    Returns
    -------
    images : ndarray of uint8, shape (n, 784)
        Rows of 28 × 28 pixels, line after line, from 0 (paper) to 255 (ink).
    labels : ndarray of int64, shape (n,)
        The digits themselves. Both arrays are new at each call: change them as you like.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed.
    OSError
        If a file in MNIST_DIR is missing or damaged, or OpenML cannot be reached and
        scikit-learn has not kept the data.

    Notes
    -----
    Y. LeCun, C. Cortes and C. J. C. Burges, The MNIST database of handwritten digits,
    CC BY-SA 3.0.

    Examples
    --------
    >>> images, labels = load_mnist("sample", digits=(0, 1))
    >>> images.shape
    (2128, 784)
    >>> labels[:8]
    array([0, 1, 1, 1, 1, 0, 1, 1])
    """
    one_of("which", which, ("sample", "full"))
    one_of("split", split, ("train", "test"))
    wanted = list(range(10)) if digits is None else _checked_digits(digits)
    images, labels = _sample(split) if which == "sample" else _full(split)
    keep = np.isin(labels, wanted)
    return images[keep], labels[keep]


def build_sample(folder: Path) -> bytes:
    """Return the content of the file `SAMPLE`, built from the four original files.

    Parameters
    ----------
    folder : Path
        Where the original files lie.

    Returns
    -------
    bytes
        The same on every machine.
    """
    parts = []
    for split, n in [("train", SAMPLE_TRAIN_ROWS), ("test", SAMPLE_TEST_ROWS)]:
        images, labels = _read_idx(folder, split)
        parts.append(np.column_stack([labels[:n].astype(np.uint8), images[:n]]))
    file = io.BytesIO()
    np.save(file, np.concatenate(parts))
    return bz2.compress(file.getvalue())


def _checked_digits(digits: Collection[int]) -> list[int]:
    try:
        values = list(digits)
    except TypeError:
        raise TypeError(
            f"digits must be a collection of whole numbers from 0 to 9 or None, not {digits!r}"
        ) from None
    if not values:
        raise ValueError(f"digits must hold a whole number from 0 to 9, not be {digits!r}")
    return [whole_number("each of digits", value, 0, 9) for value in values]


def _sample(split: str) -> tuple[Images, Labels]:
    with bz2.open(SAMPLE) as file:
        rows = np.load(file)
    labels, images = rows[:, 0].astype(np.int64), rows[:, 1:]
    part = _part(split, SAMPLE_TRAIN_ROWS)
    return images[part], labels[part]


def _full(split: str) -> tuple[Images, Labels]:
    if folder := os.environ.get("MNIST_DIR"):
        return _read_idx(Path(folder), split)
    images, labels = _fetch_openml()
    part = _part(split, OPENML_TRAIN_ROWS)
    return images[part], labels[part]


def _part(split: str, train_rows: int) -> slice:
    return slice(train_rows) if split == "train" else slice(train_rows, None)


def _read_idx(folder: Path, split: str) -> tuple[Images, Labels]:
    prefix = {"train": "train", "test": "t10k"}[split]
    images = _checked_content(folder, f"{prefix}-images-idx3-ubyte")
    labels = _checked_content(folder, f"{prefix}-labels-idx1-ubyte")
    # One byte for each pixel or label follows a header of 16 or 8 bytes.
    return (
        np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784),
        np.frombuffer(labels, np.uint8, offset=8).astype(np.int64),
    )


def _checked_content(folder: Path, name: str) -> bytes:
    path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), None)
    if path is None:
        raise FileNotFoundError(
            f"MNIST_DIR must name a folder with MNIST's four original files, but "
            f"{folder.absolute()} has neither {name} nor {name}.gz"
        )
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = _unzipped(content)
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != IDX_MD5[name]:
        raise OSError(
            f"MNIST_DIR must name a folder with MNIST's four original files, but "
            f"{path.absolute()} is damaged: the md5 of its content is not {IDX_MD5[name]}"
        )
    return content


def _unzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return b""  # its md5 is wrong too


@cache  # parsing takes a minute, and the second split needs it again
def _fetch_openml() -> tuple[Images, Labels]:
    try:
        images, labels = fetch_openml(
            "mnist_784",
            version=1,
            return_X_y=True,
            as_frame=False,
            parser="liac-arff",  # the only one that does without pandas
        )
    # Of an unreachable host, or of an answer that is not what OpenML announced.
    except (OSError, ValueError) as error:
        raise OSError(
            f"all of MNIST could not be had from OpenML ({error}). Use the 'sample', set "
            "MNIST_DIR to a folder with MNIST's four original files, or connect to the "
            "internet once: scikit-learn keeps what it downloads"
        ) from error
    return images.astype(np.uint8), labels.astype(np.int64)


if __name__ == "__main__":
    SAMPLE.write_bytes(build_sample(Path(os.environ["MNIST_DIR"])))
