"""How an epoch is cut into mini-batches of row indices."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbgd_lib._arguments import generator, one_of, whole_number

ORDERS = ("reshuffle", "shuffle_once", "sequential", "with_replacement")

Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)  # epochs hold arrays, which do not compare to one truth value
class Epoch:
    """One pass over the data: an order of the rows, and where it is cut into batches.

    Iterating gives the batches.

    Attributes
    ----------
    rows : ndarray of int
        In the order of the visits.
    edges : ndarray of int
        Batch `i` is ``rows[edges[i]:edges[i + 1]]``.

    Examples
    --------
    >>> for rows in Epoch(np.array([2, 0, 1]), np.array([0, 2, 3])):
    ...     print(rows)
    [2 0]
    [1]
    """

    rows: Rows
    edges: Rows

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.edges) - 1

    def __iter__(self) -> Iterator[Rows]:
        """Yield the batches, which are views of `rows`."""
        return (self.rows[start:stop] for start, stop in pairwise(self.edges))


def minibatches(
    n: int,
    batch_size: int | Callable[[int], int] | None = None,
    *,
    n_batches: int | None = None,
    order: str = "reshuffle",
    epochs: int = 1,
    seed: Any = None,
) -> Iterator[Rows]:
    """Yield the row indices of one mini-batch after the other.

    Only indices are made, never a copy of the data. Except with replacement, each
    epoch visits every row exactly once: the last batch of an epoch is smaller where
    `batch_size` does not divide `n`; it is neither dropped nor filled up.

    Parameters
    ----------
    n : int
        Number of rows in the data set, at least 1.
    batch_size : int or callable, optional
        Rows in a batch, from 1 to `n`. A function of the epoch, counted from 0, lets batches
        grow: ``lambda epoch: min(n, 32 * 2**epoch)``.
    n_batches : int, optional
        Batches in an epoch, from 1 to `n`, whose sizes differ by at most one.
        Give `batch_size` or `n_batches`, not both; with neither, one batch holds all rows.
    order : {"reshuffle", "shuffle_once", "sequential", "with_replacement"}
        A new random order for each epoch; one random order for all epochs; the order of
        the data; or every row drawn independently.
    epochs : int
        How many times the data are gone through, at least 1.
    seed : int, numpy.random.Generator or None
        Where the randomness comes from; None takes fresh entropy from the system.

    Yields
    ------
    numpy.ndarray of shape (rows in the batch,)
        Row indices, read-only.

    Raises
    ------
    ValueError, TypeError
        If an argument is outside what is allowed; raised at the call, before the first batch.

    Examples
    --------
    >>> for rows in minibatches(5, batch_size=2, order="sequential"):
    ...     print(rows)
    [0 1]
    [2 3]
    [4]
    """
    return chain.from_iterable(
        epochs_of_batches(n, batch_size, n_batches=n_batches, order=order, epochs=epochs, seed=seed)
    )


def epochs_of_batches(
    n: int,
    batch_size: int | Callable[[int], int] | None = None,
    *,
    n_batches: int | None = None,
    order: str = "reshuffle",
    epochs: int = 1,
    seed: Any = None,
) -> Iterator[Epoch]:
    """Yield one epoch after the other; iterating over it gives its mini-batches.

    Parameters
    ----------
    n, batch_size, n_batches, order, epochs, seed
        As in `minibatches`.

    Yields
    ------
    Epoch

    Examples
    --------
    >>> for batches in epochs_of_batches(3, batch_size=2, order="sequential", epochs=2):
    ...     print([rows.tolist() for rows in batches])
    [[0, 1], [2]]
    [[0, 1], [2]]
    """
    n = whole_number("n", n, 1)
    one_of("order", order, ORDERS)
    epochs = whole_number("epochs", epochs, 1)
    rng = generator("seed", seed)
    edges: Iterable[Rows]
    if callable(batch_size):
        sizes = [batch_size(epoch) for epoch in range(epochs)]
        for size in set(sizes):
            batch_edges(n, size, n_batches)  # a bad size is refused now, not in mid-run
        edges = (batch_edges(n, size, n_batches) for size in sizes)
    else:
        edges = repeat(batch_edges(n, batch_size, n_batches), epochs)
    return map(Epoch, _row_orders(n, order, epochs, rng), edges)


def batch_edges(n: int, batch_size: int | None = None, n_batches: int | None = None) -> Rows:
    """Return where the batches of an epoch begin and end.

    Parameters
    ----------
    n, batch_size, n_batches : int
        As in `minibatches`.

    Returns
    -------
    ndarray of int
        Batch `i` holds the positions from ``edges[i]`` up to, not including, ``edges[i + 1]``.

    Examples
    --------
    >>> batch_edges(10, batch_size=4)
    array([ 0,  4,  8, 10])
    >>> batch_edges(10, n_batches=4)
    array([ 0,  3,  6,  8, 10])
    """
    n = whole_number("n", n, 1)
    if batch_size is not None and n_batches is not None:
        raise ValueError(
            f"give batch_size or n_batches, not both: batch_size={batch_size}, "
            f"n_batches={n_batches}"
        )
    if n_batches is not None:
        n_batches = whole_number("n_batches", n_batches, 1, n)
        size, larger = divmod(n, n_batches)
        parts = np.arange(n_batches + 1)
        return parts * size + np.minimum(parts, larger)
    batch_size = n if batch_size is None else whole_number("batch_size", batch_size, 1, n)
    return np.append(np.arange(0, n, batch_size), n)


def _row_orders(n: int, order: str, epochs: int, rng: np.random.Generator) -> Iterator[Rows]:
    # Each order is made when its epoch begins: several at once would only take memory.
    if order in ("shuffle_once", "sequential"):
        fixed = rng.permutation(n) if order == "shuffle_once" else np.arange(n)
        yield from repeat(_read_only(fixed), epochs)
    else:
        for _ in range(epochs):
            yield _read_only(
                rng.permutation(n) if order == "reshuffle" else rng.integers(n, size=n)
            )


def _read_only(rows: Rows) -> Rows:
    # A batch is a view: writing to it would damage the epochs that follow.
    rows.flags.writeable = False
    return rows
