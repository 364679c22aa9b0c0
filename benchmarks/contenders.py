"""Ways to run one epoch of mini-batch softmax regression: ours, the tutorials', the libraries'.

Each is a function of a problem and a batch size. It does what a user does once, such as moving
the data into a framework's arrays or compiling, and returns the epoch: a function without
arguments that starts at zero, goes through all rows once and returns the weights, intercepts
first. Only that function is timed. Whoever can be told the order takes `problem.order()`, the
order of `minibatches(…, order="reshuffle", seed=problem.seed)`, and so makes the same steps.

The tutorials train linear or logistic models. What is theirs here is how they go through the
data: how they shuffle, cut, copy and update. The gradient is that of softmax, a mean over the
rows of a batch; their reports of the loss are left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from mbgd_lib import Softmax, _compiled, descend
from mbgd_lib.batches import batch_edges
from mbgd_lib.objectives import PIECE

Epoch = Callable[[], np.ndarray]


@dataclass
class Problem:
    """Rows to learn from, and how."""

    X: np.ndarray  # (n, d), floats
    labels: np.ndarray  # (n,), 0 … n_classes - 1
    n_classes: int
    name: str
    # Small enough for single rows: a step of 2/λ is the limit, and λ ≤ |x|²/2, about 50 for MNIST.
    learning_rate: float = 0.01
    seed: int = 0

    @property
    def zeros(self) -> np.ndarray:
        return np.zeros((self.X.shape[1] + 1, self.n_classes), self.X.dtype)

    @cached_property
    def one_hot(self) -> np.ndarray:
        return np.eye(self.n_classes, dtype=self.X.dtype)[self.labels]

    @cached_property
    def with_ones(self) -> np.ndarray:
        return np.hstack([np.ones((len(self.X), 1), self.X.dtype), self.X])

    def order(self) -> np.ndarray:
        return np.random.default_rng(self.seed).permutation(len(self.X))

    def first(self, n: int) -> Problem:
        """The same problem with the first rows alone."""
        return Problem(
            self.X[:n], self.labels[:n], self.n_classes, self.name, self.learning_rate, self.seed
        )


@dataclass(frozen=True)
class Contender:
    """One way, its name in the table, and what is to be known of it."""

    name: str
    prepare: Callable[[Problem, int], Epoch]
    note: str
    module: str = "numpy"  # what must be installed
    # How far its loss may be from ours, as a share of the fall of ours: rounding in the same order
    # of rows, more in an order of its own. None: it does other work, and the note says which.
    tolerance: float | None = 1e-3

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None


# --- ours ---


def ours(problem: Problem, batch_size: int) -> Epoch:
    """As a user gets it: compiled for small batches where Numba is installed."""
    if _compiled.numba_if_installed() is not None:
        few = problem.first(2)
        descend(  # compiles, or loads what was compiled
            softmax_of(few),
            few.zeros,
            learning_rate=few.learning_rate,
            batch_size=1,
            epochs=_compiled.FEWEST_STEPS // 2 + 1,
            record_epoch_losses=False,
        )
    return descent(problem, batch_size)


def ours_without_numba(problem: Problem, batch_size: int) -> Epoch:
    # With a schedule `descend` always takes its plain loop.
    return descent(problem, batch_size, schedule=lambda step: 1.0)


def descent(problem: Problem, batch_size: int, **options: Any) -> Epoch:
    objective = softmax_of(problem)
    n = objective.n_rows
    # A batch of all rows is shuffled and gathered too, as the others do it: with its size from a
    # function, `descend` does not take the rows as they stand.
    size = batch_size if batch_size < n else lambda epoch: n

    def epoch() -> np.ndarray:
        run = descend(
            objective,
            problem.zeros,
            learning_rate=problem.learning_rate,
            batch_size=size,
            seed=problem.seed,
            record_epoch_losses=False,  # nobody else reports a loss either
            **options,
        )
        return run.weights

    return epoch


def softmax_of(problem: Problem) -> Softmax:
    return Softmax(problem.X, problem.labels, n_classes=problem.n_classes)


def floor(problem: Problem, batch_size: int) -> Epoch:
    X, n = problem.X, len(problem.X)
    slopes = problem.zeros[1:]
    # Larger batches in pieces that stay in the cache, as `descend` takes them.
    piece = min(batch_size, PIECE)
    batch = np.empty((piece, X.shape[1]), X.dtype)
    scores = np.empty((piece, problem.n_classes), X.dtype)

    def epoch() -> np.ndarray:
        order = problem.order()
        for start, stop in pairwise(batch_edges(n, piece)):
            x, p = batch[: stop - start], scores[: stop - start]
            np.take(X, order[start:stop], axis=0, out=x, mode="clip")
            np.matmul(x, slopes, out=p)
            p -= p.max(axis=1, keepdims=True)
            np.exp(p, out=p)
            p /= p.sum(axis=1, keepdims=True)
            x.T @ p
        return problem.zeros

    return epoch


# --- the tutorials' ways ---


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def tutorial_000(problem: Problem, batch_size: int) -> Epoch:
    """Stack features and targets, shuffle the rows in place, list all batches, then step."""
    X, Y = problem.with_ones, problem.one_hot
    width = X.shape[1]

    def list_batches() -> list[tuple[np.ndarray, np.ndarray]]:
        rows = np.hstack((X, Y))
        np.random.default_rng(problem.seed).shuffle(rows)
        cuts = (rows[a:b] for a, b in pairwise(batch_edges(len(rows), batch_size)))
        return [(part[:, :width], part[:, width:]) for part in cuts]

    def epoch() -> np.ndarray:
        theta = problem.zeros
        for x, y in list_batches():
            gradient = np.dot(x.T, softmax(np.dot(x, theta)) - y) / len(x)
            theta = theta - problem.learning_rate * gradient
        return theta

    return epoch


def tutorial_001(problem: Problem, batch_size: int) -> Epoch:
    """Copy all rows in a new order, with their column of ones; slices of the copy are batches."""
    X, Y = problem.with_ones, problem.one_hot

    def epoch() -> np.ndarray:
        theta = problem.zeros
        order = problem.order()
        X_shuffled, Y_shuffled = X[order], Y[order]
        for start in range(0, len(X), batch_size):
            x, y = X_shuffled[start : start + batch_size], Y_shuffled[start : start + batch_size]
            gradient = (1 / len(x)) * x.T.dot(softmax(x.dot(theta)) - y)
            theta = theta - problem.learning_rate * gradient
        return theta

    return epoch


def tutorial_002(problem: Problem, batch_size: int) -> Epoch:
    """Copy all rows in a new order, copy each batch once more, clip the weights, take a norm."""
    X, Y = problem.with_ones, problem.one_hot

    def epoch() -> np.ndarray:
        w = problem.zeros
        order = problem.order()
        X_shuffled, Y_shuffled = X[order, :], Y[order]
        for start, stop in pairwise(batch_edges(len(X), batch_size)):
            x, y = np.copy(X_shuffled[start:stop, :]), np.copy(Y_shuffled[start:stop])
            step = problem.learning_rate * (np.matmul(x.T, softmax(np.matmul(x, w)) - y) / len(x))
            w -= step
            w = np.where(w > 100, 100, w)
            w = np.where(w < -100, -100, w)
            if np.linalg.norm(step) < 0:  # its tolerance; set so that no run ends early
                break
        return w

    return epoch


def tutorial_003(problem: Problem, batch_size: int) -> Epoch:
    """Copy all rows in a new order; weights and bias apart, both new after each step."""
    X, Y = problem.X, problem.one_hot

    def epoch() -> np.ndarray:
        W, b = problem.zeros[1:], problem.zeros[:1]
        order = problem.order()
        X_shuffled, Y_shuffled = X[order], Y[order]
        for start in range(0, len(X), batch_size):
            stop = min(start + batch_size, len(X))
            x, y = X_shuffled[start:stop], Y_shuffled[start:stop]
            error = softmax(x @ W + b) - y
            W = W - problem.learning_rate * ((x.T @ error) / len(x))
            b = b - problem.learning_rate * np.mean(error, axis=0, keepdims=True)
        return np.vstack([b, W])

    return epoch


def tutorial_004(problem: Problem, batch_size: int) -> Epoch:
    """Copy all rows in a new order; weights and bias apart, both changed in place."""
    X, Y = problem.X, problem.one_hot

    def epoch() -> np.ndarray:
        w, b = problem.zeros[1:], problem.zeros[:1]
        order = problem.order()
        X_shuffled, Y_shuffled = X[order], Y[order]
        for i in range(0, len(X), batch_size):
            x, y = X_shuffled[i : i + batch_size], Y_shuffled[i : i + batch_size]
            error = softmax(x @ w + b) - y
            w -= problem.learning_rate * ((1 / len(x)) * (x.T @ error))
            b -= problem.learning_rate * ((1 / len(x)) * np.sum(error, axis=0))
        return np.vstack([b, w])

    return epoch


# --- libraries ---


def scikit_learn(problem: Problem, batch_size: int) -> Epoch:
    """A network without a hidden layer is softmax regression; a call of partial_fit is an epoch."""
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        hidden_layer_sizes=(),
        solver="sgd",
        batch_size=batch_size,
        learning_rate_init=problem.learning_rate,
        momentum=0,
        alpha=0,
        random_state=problem.seed,  # taken anew in each call
    )
    few = problem.first(batch_size)
    model.partial_fit(few.X, few.labels, classes=np.arange(problem.n_classes))

    def epoch() -> np.ndarray:
        for start in (*model.coefs_, *model.intercepts_):
            start[:] = 0
        model.partial_fit(problem.X, problem.labels)
        return np.vstack([*model.intercepts_, *model.coefs_])

    return epoch


def pytorch(problem: Problem, batch_size: int, *, loader: bool, device: str = "cpu") -> Epoch:
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    X = torch.from_numpy(problem.X).to(device)
    labels = torch.from_numpy(problem.labels.astype(np.int64)).to(device)
    rows_and_labels = TensorDataset(X, labels)
    model = torch.nn.Linear(X.shape[1], problem.n_classes, dtype=X.dtype, device=device)
    optimizer = torch.optim.SGD(model.parameters(), lr=problem.learning_rate)
    loss = torch.nn.CrossEntropyLoss()

    def batches():
        order = problem.order()
        if loader:
            return DataLoader(rows_and_labels, batch_size=batch_size, sampler=order.tolist())
        rows_of = torch.from_numpy(order).to(device).split(batch_size)
        return ((X[rows], labels[rows]) for rows in rows_of)

    def epoch() -> np.ndarray:
        for parameter in model.parameters():
            torch.nn.init.zeros_(parameter)
        for x, y in batches():
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
        # Copied to the processor, which waits until an accelerator has finished.
        return np.vstack([model.bias.detach().cpu().numpy(), model.weight.detach().cpu().numpy().T])

    return epoch


def pytorch_index_batches(problem: Problem, batch_size: int) -> Epoch:
    return pytorch(problem, batch_size, loader=False)


def pytorch_loader(problem: Problem, batch_size: int) -> Epoch:
    return pytorch(problem, batch_size, loader=True)


@cache
def keras_on_jax():
    # Said before Keras is first imported: else it asks for TensorFlow.
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras

    return keras


def keras_model(n_features: int, n_classes: int, learning_rate: float):
    keras = keras_on_jax()
    model = keras.Sequential([keras.Input((n_features,)), keras.layers.Dense(n_classes)])
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def keras_fit(problem: Problem, batch_size: int) -> Epoch:
    X, labels = problem.X, problem.labels.astype(np.int32)
    keras = keras_on_jax()
    model = keras_model(X.shape[1], problem.n_classes, problem.learning_rate)
    zeros = [problem.zeros[1:], problem.zeros[0]]

    def fit(n: int) -> None:
        model.fit(X[:n], labels[:n], batch_size=batch_size, epochs=1, shuffle=True, verbose=0)

    # Compiles the step for a whole batch and for the partial last one.
    fit(min(len(X), batch_size + len(X) % batch_size))

    def epoch() -> np.ndarray:
        # Its order is its own, but must be the same on every run: the final loss is checked.
        keras.utils.set_random_seed(0)
        model.set_weights(zeros)
        fit(len(X))
        slopes, intercepts = model.get_weights()
        return np.vstack([intercepts, slopes])

    return epoch


@cache
def jax_epoch(learning_rate: float):
    import jax
    import jax.numpy as jnp

    def mean_loss(weights, x, y):
        scores = x @ weights[1:] + weights[0]
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), y[:, None], axis=1).mean()

    def epoch(weights, X, labels, whole, rest):
        def step(weights, rows):
            x = X.at[rows].get(mode="promise_in_bounds")
            y = labels.at[rows].get(mode="promise_in_bounds")
            return weights - learning_rate * jax.grad(mean_loss)(weights, x, y), None

        weights, _ = jax.lax.scan(step, weights, whole)
        return step(weights, rest)[0] if len(rest) > 0 else weights

    return jax.jit(epoch)


@cache
def jax_compiled(learning_rate: float, *shapes_and_types):
    import jax

    likeness = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in shapes_and_types]
    return jax_epoch(learning_rate).lower(*likeness).compile()


def jax_scan(problem: Problem, batch_size: int) -> Epoch:
    import jax.numpy as jnp

    X, labels = jnp.asarray(problem.X), jnp.asarray(problem.labels.astype(np.int32))

    def arguments() -> list[np.ndarray]:
        order = problem.order().astype(np.int32)
        whole = len(order) - len(order) % batch_size
        return [problem.zeros, X, labels, order[:whole].reshape(-1, batch_size), order[whole:]]

    run = jax_compiled(problem.learning_rate, *((a.shape, str(a.dtype)) for a in arguments()))

    def epoch() -> np.ndarray:
        return np.asarray(run(*arguments()))

    return epoch


@cache
def numba_epoch():
    import numba

    @numba.njit
    def epoch(weights, X, labels, order, batch_size, learning_rate):
        n, d = X.shape
        scores = np.empty(weights.shape[1], X.dtype)
        gradient = np.empty_like(weights)
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            gradient[:] = 0
            for row in rows:
                scores[:] = weights[0]
                for j in range(d):
                    for c in range(len(scores)):
                        scores[c] += X[row, j] * weights[j + 1, c]
                scores -= scores.max()
                scores[:] = np.exp(scores)
                scores /= scores.sum()
                scores[labels[row]] -= 1
                gradient[0] += scores
                for j in range(d):
                    for c in range(len(scores)):
                        gradient[j + 1, c] += X[row, j] * scores[c]
            weights -= X.dtype.type(learning_rate / len(rows)) * gradient

    return epoch


def numba_loops(problem: Problem, batch_size: int) -> Epoch:
    run = numba_epoch()
    few = problem.first(1)
    run(few.zeros, few.X, few.labels, few.order(), 1, few.learning_rate)  # compiles

    def epoch() -> np.ndarray:
        weights = problem.zeros
        run(
            weights,
            problem.X,
            problem.labels,
            problem.order(),
            batch_size,
            problem.learning_rate,
        )
        return weights

    return epoch


OURS = Contender(
    "mbgd_lib",
    ours,
    f"`descend` on `Softmax`; compiled up to a batch size of {_compiled.LARGEST_BATCH}, where "
    "Numba is installed",
)
PLAIN = Contender("mbgd_lib without Numba", ours_without_numba, "the same in NumPy alone")
FLOOR = Contender(
    "bare floor",
    floor,
    "does not train: gathers each batch, takes the two products and the softmax, nothing else",
    tolerance=None,
)
CONTENDERS = (
    OURS,
    PLAIN,
    FLOOR,
    Contender(
        "tutorial 000",
        tutorial_000,
        "stacks features and targets, shuffles the stack in place, lists all batches; mended: "
        "no empty or repeated last batch",
    ),
    Contender("tutorial 001", tutorial_001, "shuffled copy with a column of ones, then slices"),
    Contender(
        "tutorial 002",
        tutorial_002,
        "shuffled copy, each batch copied again, weights clipped, norm of each step; cut by "
        "batch size",
    ),
    Contender("tutorial 003", tutorial_003, "shuffled copy, then slices; new weights each step"),
    Contender("tutorial 004", tutorial_004, "shuffled copy, then slices; weights in place"),
    Contender(
        "scikit-learn",
        scikit_learn,
        "`MLPClassifier` without a hidden layer, an epoch of `partial_fit`; shuffles by itself, so "
        "in another order, and adds up the loss of each batch",
        module="sklearn",
        tolerance=0.05,
    ),
    Contender("PyTorch DataLoader", pytorch_loader, "plain SGD", module="torch"),
    Contender("PyTorch index batches", pytorch_index_batches, "plain SGD", module="torch"),
    Contender(
        "Keras fit",
        keras_fit,
        "plain SGD on its JAX backend; shuffles by itself, so in another order",
        module="keras",
        tolerance=0.05,
    ),
    Contender("JAX jit and scan", jax_scan, "the whole epoch compiled", module="jax"),
    Contender("Numba loops", numba_loops, "explicit loops, compiled, on one core", module="numba"),
)
