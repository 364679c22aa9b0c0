"""The course's data sets: small, offline, and the same rows on every machine.

The tutorials that the course puts on trial drew their rows with NumPy's legacy generator.
Its streams are frozen, so the functions here use it too, in an instance of their own, and
return those tutorials' very rows. Handwritten digits are in `mbgd_lib.mnist`.
"""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbgd_lib._arguments import finite_array, positive_number, whole_number

Array = NDArray[Any]


def correlated_gaussian(n: int = 8000, *, seed: int = 0) -> tuple[Array, Array]:
    """Return the linear data of tutorial 000: two correlated Gaussian coordinates.

    The first coordinate (mean 5, variance 1) predicts the second (mean 6, variance 1.2);
    their covariance is 0.95. The best line of the whole population has the slope
    0.95 / 1 = 0.95 and the intercept 6 - 0.95 * 5 = 1.25.

    Parameters
    ----------
    n : int
        Number of rows.
    seed : int
        The tutorial sets none; 0 is this course's choice.

    Returns
    -------
    X : ndarray of shape (n, 1)
    y : ndarray of shape (n,)

    Examples
    --------
    >>> X, y = correlated_gaussian()
    >>> X.shape, y.shape
    ((8000, 1), (8000,))
    """
    n = whole_number("n", n, 1)
    rng = np.random.RandomState(whole_number("seed", seed, 0, 2**32 - 1))
    points = rng.multivariate_normal([5.0, 6.0], [[1.0, 0.95], [0.95, 1.2]], n)
    return np.ascontiguousarray(points[:, :1]), np.ascontiguousarray(points[:, 1])


def noisy_regression(
    n: int = 1000, *, noise: float = 20.0, bias: float = 0.0, seed: int = 42
) -> tuple[Array, Array]:
    """Return the linear data of tutorial 001: scikit-learn's ``make_regression``.

    One standard normal feature, a slope that the seed draws, and normal noise. Tutorial 002's
    rows are those with ``noise=5, bias=2``.

    Parameters
    ----------
    n : int
        Number of rows.
    noise : float
        The noise's standard deviation.
    bias : float
        The intercept.
    seed : int
        The tutorial's is 42.

    Returns
    -------
    X : ndarray of shape (n, 1)
    y : ndarray of shape (n,)

    Examples
    --------
    >>> X, y = noisy_regression()
    >>> X.shape, y.shape
    ((1000, 1), (1000,))
    """
    n = whole_number("n", n, 1)
    noise = positive_number("noise", noise)
    from sklearn.datasets import make_regression  # here: the library itself needs NumPy alone

    X, y = make_regression(
        n, 1, noise=noise, bias=bias, random_state=whole_number("seed", seed, 0, 2**32 - 1)
    )
    return X, y.reshape(n)  # of a single row, scikit-learn squeezes y to no dimension


def noisy_line(n: int = 1000, *, seed: int = 42) -> tuple[Array, Array]:
    """Return the linear data of tutorial 004: a line with normal noise.

    The feature is uniform on [0, 2), the line is 1.2 + 3.5 x, and the noise has standard
    deviation 0.5.

    Parameters
    ----------
    n : int
        Number of rows.
    seed : int
        The tutorial's is 42.

    Returns
    -------
    X : ndarray of shape (n, 1)
    y : ndarray of shape (n,)

    Examples
    --------
    >>> X, y = noisy_line(3)
    >>> X.round(2).tolist(), y.round(2).tolist()
    ([[0.75], [1.9], [1.46]], [3.27, 8.01, 6.46])
    """
    n = whole_number("n", n, 1)
    rng = np.random.RandomState(whole_number("seed", seed, 0, 2**32 - 1))
    X = 2 * rng.rand(n, 1)
    y = 1.2 + 3.5 * X[:, 0] + 0.5 * rng.randn(n)
    return X, y


def diabetes() -> tuple[Array, Array]:
    """Return 442 patients' ten measurements and the progress of their disease a year on.

    The measurements are in their original units (years, mm Hg, mg/dl, …), which differ in
    size by a factor of 100; the target is a score from 25 to 346. The rows ship with
    scikit-learn; they are those of Efron, Hastie, Johnstone and Tibshirani (2004).

    Returns
    -------
    X : ndarray of shape (442, 10)
    y : ndarray of shape (442,)

    Examples
    --------
    >>> X, y = diabetes()
    >>> X.shape, y.shape
    ((442, 10), (442,))
    >>> X[0, :4].tolist(), float(y[0])  # age, sex, body mass index, blood pressure; the score
    ([59.0, 2.0, 32.1, 101.0], 151.0)
    """
    from sklearn.datasets import load_diabetes

    X, y = load_diabetes(return_X_y=True, scaled=False)
    return X, y


def standardise(X: ArrayLike) -> Array:
    """Return the columns of `X` shifted to mean 0 and scaled to standard deviation 1.

    Parameters
    ----------
    X : array_like of shape (n, d)

    Returns
    -------
    ndarray of shape (n, d)

    Raises
    ------
    ValueError
        If a column is constant: it has no scale to divide by.

    Examples
    --------
    >>> standardise([[1.0, 10.0], [3.0, 30.0]])
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    X = finite_array("X", X, ndim=2)
    if len(X) == 0:
        raise ValueError(f"X must have at least one row, not the shape {X.shape}")
    # A rounded standard deviation need not be 0 where all entries are the same number.
    constant = np.flatnonzero(np.ptp(X, axis=0) == 0)
    if len(constant) > 0:
        raise ValueError(f"X must have no constant column, but column {constant[0]} is constant")
    return (X - X.mean(axis=0)) / X.std(axis=0)


def stored_sweep(name: str, *, seed: int = 0) -> dict[str, Any]:
    """Return what a measurement that takes minutes has found, from the course's folder ``sweeps``.

    Parameters
    ----------
    name : str
        The name of a file in that folder, without its ending. The folder is looked for where
        the code runs, and above; then in the library itself, as the site offers it.
    seed : int
        The master seed. 0 is the chapters' own measurement. Only a few others are stored, as
        ``{name}_seed_1.json`` and so on; they take turns in answering for all the rest.

    Returns
    -------
    dict
        Settings and results, as the measurement has stored them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> "settings" in stored_sweep("batch_size")
    True
    """
    seed = whole_number("seed", seed, 0)
    path = _course_file(f"sweeps/{name}.json")
    if seed > 0:
        others = other_worlds(path)
        if not others:
            raise FileNotFoundError(
                f"seed must be 0, not {seed}: no other master seed has been measured, "
                f"which `python -m sweeps {name} --seed 1` does"
            )
        path = others[(seed - 1) % len(others)]
    return json.loads(path.read_text(encoding="utf-8"))


def stored_benchmark() -> dict[str, tuple[Array, Array]]:
    """Return what steps cost in each program that the course's benchmark has timed.

    All train softmax regression on the 60,000 images of MNIST, or on rows of their size;
    ``make bench`` times them anew, and ``python -m benchmarks.accelerator`` the one on a GPU.

    Returns
    -------
    dict of name to (batch sizes, seconds per step)
        Arrays of shape (sizes,): an epoch's seconds, the median of the rounds, over its steps.

    Raises
    ------
    FileNotFoundError
        If neither the course's folder nor the library holds them.

    Examples
    --------
    >>> batch_sizes, seconds = stored_benchmark()["Numba loops"]
    >>> bool(seconds[0] < seconds[-1])
    True
    """
    found: dict[str, list[tuple[int, float]]] = {}
    for file in ("results", "accelerator"):
        stored = json.loads(_course_file(f"benchmarks/{file}.json").read_text(encoding="utf-8"))
        for one in stored["measurements"]:
            if one["seconds"]:  # some programs take too long with small batches: not timed
                steps = -(-stored["rows"] // one["batch_size"])
                of_step = one["batch_size"], float(np.median(one["seconds"])) / steps
                found.setdefault(one["contender"], []).append(of_step)
    return {name: (np.array(rows)[:, 0], np.array(rows)[:, 1]) for name, rows in found.items()}


def _course_file(name: str) -> Path:
    """Return a file of the course: from the folder where the code runs, from above, or from here.

    The library that the site offers holds these files; the one in the course's folder does not.
    """
    here = Path.cwd()
    folders = (here, *here.parents, Path(__file__).parent)
    path = next(filter(Path.is_file, (folder / name for folder in folders)), None)
    if path is None:
        raise FileNotFoundError(
            f"there is no {name} in {here} or above it: run this in a copy of the whole course, "
            "or with the library that the course's site offers"
        )
    return path


def other_worlds(path: Path) -> list[Path]:
    """Return where a stored sweep's results under other master seeds lie.

    Parameters
    ----------
    path : Path
        The file of the sweep that the chapters load.

    Returns
    -------
    list of Path
        In the order of the master seeds.

    Examples
    --------
    >>> from pathlib import Path
    >>> other_worlds(Path("sweeps/none.json"))
    []
    """
    pattern = re.compile(rf"{re.escape(path.stem)}_seed_(\d+)\.json")
    files = path.parent.glob(f"{path.stem}_seed_*.json")
    found = ((pattern.fullmatch(file.name), file) for file in files)
    return [file for _, file in sorted((int(match[1]), file) for match, file in found if match)]
