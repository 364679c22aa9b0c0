"""The same experiment in another world: other shuffles, other rows, the same question.

A notebook draws all that is random from one master seed, ``SEED``. Another master seed gives it
seeds that it shares with no other, and so shuffles, starts and rows that nobody has looked at.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbgd_lib._arguments import whole_number

# One world has so many seeds of its own. NumPy scatters even neighbouring seeds, so that streams
# of two seeds have nothing to do with each other; they must only not be equal.
SEEDS_IN_A_WORLD = 100_000

Array = NDArray[Any]


def seeds(master_seed: int, count: int, *, first: int = 0) -> range:
    """Return seeds that belong to one master seed alone.

    Parameters
    ----------
    master_seed : int
        The world, from 0.
    count : int
        How many seeds.
    first : int
        The number of the first one within the world, for seeds that must differ from others.

    Returns
    -------
    range
        Of length `count`.

    Raises
    ------
    ValueError
        If the seeds would run into those of the next master seed.

    Examples
    --------
    >>> list(seeds(0, 3)), list(seeds(7, 3)), list(seeds(7, 2, first=3))
    ([0, 1, 2], [700000, 700001, 700002], [700003, 700004])
    """
    master_seed = whole_number("master_seed", master_seed, 0)
    count, first = whole_number("count", count, 1), whole_number("first", first, 0)
    if first + count > SEEDS_IN_A_WORLD:
        raise ValueError(
            f"first + count must be at most {SEEDS_IN_A_WORLD:,}, the seeds of one world, "
            f"not {first + count:,}"
        )
    start = master_seed * SEEDS_IN_A_WORLD + first
    return range(start, start + count)


def split_again(
    master_seed: int, train: tuple[Array, Array], test: tuple[Array, Array]
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Return training and test rows as they come, or, in another world, cut at random again.

    Parameters
    ----------
    master_seed : int
        0 keeps the rows as they are published. Any other one pools the two parts, shuffles the
        rows, and cuts them at the same place.
    train, test : pair of ndarrays of shapes (n, …) and (n,)
        Rows and their targets.

    Returns
    -------
    train, test : pair of ndarrays
        Of the same shapes.

    Examples
    --------
    >>> train = np.array([[1], [2]]), np.array([1, 2])
    >>> test = np.array([[3]]), np.array([3])
    >>> split_again(0, train, test)[1]
    (array([[3]]), array([3]))
    >>> split_again(1, train, test)[1][1].shape
    (1,)
    """
    master_seed = whole_number("master_seed", master_seed, 0)
    if master_seed == 0:
        return train, test
    X, y = (np.concatenate(parts) for parts in zip(train, test, strict=True))
    (last_seed,) = seeds(master_seed, 1, first=SEEDS_IN_A_WORLD - 1)  # nothing else draws from it
    order = np.random.default_rng(last_seed).permutation(len(y))
    kept, others = np.split(order, [len(train[1])])
    return (X[kept], y[kept]), (X[others], y[others])
