"""How an epoch is cut into mini-batches of row indices."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mbgd_lib._arguments import generator, one_of, whole_number

ORDERS = ("reshuffle", "shuffle_once", "sequential", "with_replacement")
LAST_BATCHES = ("keep", "weigh", "drop", "spread")

Rows = NDArray[np.intp]
BatchSize = int | Callable[[int], int] | None


@dataclass(frozen=True, eq=False)  # epochs hold arrays, which do not compare to one truth value
class Epoch:
    """One pass over the data: an order of the rows, and where it is cut into batches.

    Iterating gives the batches.

    Attributes
    ----------
    rows : ndarray of int
        In the order of the visits; of several runs, a line for each.
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

    def __getitem__(self, batch: int) -> Rows:
        """Return a batch, counted from 0: a view of `rows`."""
        return self.rows[..., self.edges[batch] : self.edges[batch + 1]]

    def share(self, batch: int) -> float:
        """Return a batch's rows as a share of the first one's, which has the most.

        Parameters
        ----------
        batch : int
            Counted from 0.

        Returns
        -------
        float
        """
        size = self.edges[batch + 1] - self.edges[batch]
        return float(size / (self.edges[1] - self.edges[0]))

    def __iter__(self) -> Iterator[Rows]:
        """Yield the batches, which are views of `rows`."""
        return (self.rows[..., start:stop] for start, stop in pairwise(self.edges))


@dataclass(frozen=True)
class Batching:
    """How epochs are cut into batches; it holds no randomness and no data.

    Attributes
    ----------
    n, batch_size, n_batches, order, last_batch
        As in `minibatches`.

    Examples
    --------
    >>> batching = Batching(5, batch_size=2, order="sequential")
    >>> batching.edges(0)
    array([0, 2, 4, 5])
    >>> batching.next_order(np.random.default_rng(0))
    array([0, 1, 2, 3, 4])
    """

    n: int
    batch_size: BatchSize = None
    n_batches: int | None = None
    order: str = "reshuffle"
    last_batch: str = "keep"

    def __post_init__(self) -> None:
        """Refuse what is not allowed; sizes from a function are looked at epoch by epoch."""
        whole_number("n", self.n, 1)
        one_of("order", self.order, ORDERS)
        one_of("last_batch", self.last_batch, LAST_BATCHES)
        if not callable(self.batch_size) or self.n_batches is not None:
            self.edges(0)

    def edges(self, epoch: int) -> Rows:
        """Return where the batches of an epoch begin and end: see `batch_edges`.

        Parameters
        ----------
        epoch : int
            Counted from 0.

        Returns
        -------
        ndarray of int
        """
        size = self.batch_size(epoch) if callable(self.batch_size) else self.batch_size
        return batch_edges(self.n, size, self.n_batches, self.last_batch)

    def next_order(self, rng: np.random.Generator, previous: Rows | None = None) -> Rows:
        """Return the order in which an epoch visits the rows.

        Parameters
        ----------
        rng : numpy.random.Generator
        previous : ndarray of int, optional
            The order of the epoch before; none before the first.

        Returns
        -------
        ndarray of int, read-only
        """
        if previous is not None and self.order in ("shuffle_once", "sequential"):
            return previous
        if self.order == "sequential":
            rows = np.arange(self.n)
        elif self.order == "with_replacement":
            rows = rng.integers(self.n, size=self.n)
        else:
            rows = rng.permutation(self.n)
        rows.flags.writeable = False
        return rows

    @property
    def takes_all_rows(self) -> bool:
        """Whether each batch is all rows, once each: then their order does not matter."""
        one = self.n_batches in (None, 1) and self.batch_size in (None, self.n)
        return one and self.order != "with_replacement"


def minibatches(
    n: int,
    batch_size: BatchSize = None,
    *,
    n_batches: int | None = None,
    order: str = "reshuffle",
    last_batch: str = "keep",
    epochs: int = 1,
    seed: Any = None,
) -> Iterator[Rows]:
    """Yield the row indices of one mini-batch after the other.

    Only indices are made, never a copy of the data. Except with replacement, and unless the
    last batch is dropped, each epoch visits every row exactly once.

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
    last_batch : {"keep", "weigh", "drop", "spread"}
        What becomes of the rows that are left over where `batch_size` does not divide `n`. They
        make a smaller batch; the same, whose step `steps` and `descend` shorten to its share of
        a whole batch's rows; they are left out of this epoch; or all batches of the epoch
        become a little smaller, so that their sizes differ by at most one.
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
        epochs_of_batches(
            n,
            batch_size,
            n_batches=n_batches,
            order=order,
            last_batch=last_batch,
            epochs=epochs,
            seed=seed,
        )
    )


def epochs_of_batches(
    n: int,
    batch_size: BatchSize = None,
    *,
    n_batches: int | None = None,
    order: str = "reshuffle",
    last_batch: str = "keep",
    epochs: int = 1,
    seed: Any = None,
) -> Iterator[Epoch]:
    """Yield one epoch after the other; iterating over it gives its mini-batches.

    Parameters
    ----------
    n, batch_size, n_batches, order, last_batch, epochs, seed
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
    epochs = whole_number("epochs", epochs, 1)
    if callable(batch_size):
        sizes = [batch_size(epoch) for epoch in range(epochs)]
        for size in set(sizes):  # a bad size is refused now, not in mid-run
            Batching(n, size, n_batches)
        batch_size = sizes.__getitem__
    batching = Batching(n, batch_size, n_batches, order, last_batch)
    return _epochs(batching, epochs, generator("seed", seed))


def _epochs(batching: Batching, epochs: int, rng: np.random.Generator) -> Iterator[Epoch]:
    # Each order is made when its epoch begins: several at once would only take memory.
    rows = None
    for epoch in range(epochs):
        rows = batching.next_order(rng, rows)
        yield Epoch(rows, batching.edges(epoch))


def batch_edges(
    n: int,
    batch_size: int | None = None,
    n_batches: int | None = None,
    last_batch: str = "keep",
) -> Rows:
    """Return where the batches of an epoch begin and end.

    Parameters
    ----------
    n, batch_size, n_batches : int
        As in `minibatches`, but for functions.
    last_batch : {"keep", "weigh", "drop", "spread"}
        As in `minibatches`.

    Returns
    -------
    ndarray of int
        Batch `i` holds the positions from ``edges[i]`` up to, not including, ``edges[i + 1]``.
        No batch is larger than the first.

    Examples
    --------
    >>> batch_edges(10, batch_size=4)
    array([ 0,  4,  8, 10])
    >>> batch_edges(10, batch_size=4, last_batch="drop")
    array([0, 4, 8])
    >>> batch_edges(10, batch_size=4, last_batch="spread")
    array([ 0,  4,  7, 10])
    >>> batch_edges(10, n_batches=4)
    array([ 0,  3,  6,  8, 10])
    """
    n = whole_number("n", n, 1)
    one_of("last_batch", last_batch, LAST_BATCHES)
    if batch_size is not None and n_batches is not None:
        raise ValueError(
            f"give batch_size or n_batches, not both: batch_size={batch_size}, "
            f"n_batches={n_batches}"
        )
    if n_batches is not None:
        return _equal_parts(n, whole_number("n_batches", n_batches, 1, n))
    batch_size = n if batch_size is None else whole_number("batch_size", batch_size, 1, n)
    if last_batch == "spread":
        return _equal_parts(n, -(-n // batch_size))
    whole = np.arange(0, n + 1, batch_size)  # the edges of whole batches
    return whole if last_batch == "drop" or whole[-1] == n else np.append(whole, n)


def _equal_parts(n: int, parts: int) -> Rows:
    """Return the edges of so many parts, the larger ones first, which differ by at most one."""
    size, larger = divmod(n, parts)
    numbers = np.arange(parts + 1)
    return numbers * size + np.minimum(numbers, larger)
