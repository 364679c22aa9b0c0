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
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import number_array, one_of, whole_number

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

# An array of 12,000 rows: a label, then 784 pixels. bz2, because its one implementation writes
# the same bytes everywhere, which those of gzip and zip do not.
SAMPLE = Path(__file__).with_name("mnist_sample.npy.bz2")
SAMPLE_TRAIN_ROWS, SAMPLE_TEST_ROWS = 10_000, 2_000
OPENML_TRAIN_ROWS = 60_000

# Pixels in a line of an image, and of the box within that the ink was fitted into.
IMAGE_SIZE, INK_SIZE = 28, 20

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


def shrink(images: ArrayLike) -> NDArray[np.float32]:
    """Return images of half the height and width, as features from 0 to 1.

    Parameters
    ----------
    images : array_like of shape (n, 784)
        Grey values from 0 to 255, 28 by 28 pixels each.

    Returns
    -------
    ndarray of shape (n, 196)
        The mean of each 2 by 2 pixels, divided by 255.

    Examples
    --------
    >>> images, _ = load_mnist("sample")
    >>> shrink(images).shape
    (10000, 196)
    """
    images = np.asarray(images)
    if images.ndim != 2 or images.shape[1] != 784:
        raise ValueError(f"images must have the shape (n, 784), not {images.shape}")
    pairs = images.reshape(-1, 14, 2, 14, 2)
    means: NDArray[np.float32] = pairs.mean(axis=(2, 4), dtype=np.float32) / np.float32(255)
    return means.reshape(-1, 196)


def center_digit(image: ArrayLike) -> Images:
    """Bring an image of one digit into the form that all of MNIST has.

    MNIST's images were made by fitting the ink into a box of 20 × 20 pixels, keeping its
    proportions, and placing that box in 28 × 28 pixels so that the ink's centre of mass lies
    at the centre: within half a pixel of row 14 and column 14, counted from 0. A model that
    was trained on them needs new images in the same form.

    Parameters
    ----------
    image : array_like of shape (height, width)
        From 0 (paper) to 255 (ink), of any size; not from 0 to 1. When it is scaled, each new
        pixel is the mean of what it covers.

    Returns
    -------
    ndarray of uint8, shape (28, 28)

    Raises
    ------
    ValueError
        If a number is not from 0 to 255, if none is above 1, or if no pixel would keep any ink.

    Examples
    --------
    >>> drawing = np.zeros((280, 280))
    >>> drawing[20:140, 30:50] = 255  # a stroke of 120 × 20 in a corner
    >>> digit = center_digit(drawing)
    >>> [(int(i.min()), int(i.max())) for i in np.nonzero(digit)]  # rows, columns: 20 × 3
    [(4, 23), (13, 15)]
    """
    ink = number_array("image", image, ndim=2).astype(np.float64)
    outside = ink[(ink < 0) | (ink > 255)]
    if len(outside) > 0:
        raise ValueError(f"image must hold numbers from 0 to 255, but holds {outside[0]:g}")
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if len(rows) == 0:
        raise ValueError("image must hold some ink, but all of it is 0")
    if ink.max() <= 1:
        raise ValueError(
            "image must hold numbers from 0 (paper) to 255 (ink), but none is above 1: "
            "multiply it by 255"
        )
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    fit = INK_SIZE / max(ink.shape)
    height, width = (max(1, round(length * fit)) for length in ink.shape)
    ink = _means(ink.shape[0], height) @ ink @ _means(ink.shape[1], width).T
    top, left = (_start(ink.sum(axis=1 - axis)) for axis in (0, 1))
    result = np.zeros((IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    result[top : top + height, left : left + width] = np.rint(ink)
    if not result.any():
        raise ValueError("image must hold more ink: scaled to 20 × 20 pixels, all of it is 0")
    return result


def _means(length: int, new: int) -> NDArray[np.float64]:
    """Return the matrix that averages `length` pixels to `new` ones by how much they overlap."""
    edges = np.arange(new + 1) * length / new
    starts, pixels = edges[:-1, None], np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(starts, pixels)
    return np.maximum(overlap, 0) * new / length


def _start(mass: NDArray[np.float64]) -> int:
    """Return where the first of these rows must lie for their centre of mass to be at 14."""
    centre = mass @ np.arange(len(mass)) / mass.sum()
    start = round(float(IMAGE_SIZE / 2 - centre))
    return min(max(start, 0), IMAGE_SIZE - len(mass))  # nothing is cut off


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
    rows = _sample_rows()[_part(split, SAMPLE_TRAIN_ROWS)]
    return rows[:, 1:], rows[:, 0].astype(np.int64)


@cache  # unpacking takes half a second, and the second split needs it again
def _sample_rows() -> NDArray[np.uint8]:
    with bz2.open(SAMPLE) as file:
        return np.load(file)


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
        from sklearn.datasets import fetch_openml  # here: the sample needs NumPy alone
    except ImportError as error:
        raise ImportError(
            "all of MNIST needs scikit-learn to download it (pip install scikit-learn), "
            "or MNIST_DIR, the folder with its four original files"
        ) from error
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
