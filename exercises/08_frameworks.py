# %% [markdown] role="set" title="What a training loop adds up" chapter="08_frameworks"
# Five things that libraries do around the steps, each in a few lines of NumPy: the loss that is printed, an evaluation in batches, gradients that are added up part by part, the two forms of momentum, and a run that goes on where it stopped. You need [chapter 8](../notebooks/08_frameworks.ipynb), and no library but this course's own. Predict before you run.

# %% role="parameters"
# Exercise 1
LAG_RATE = 0.05  # learning rate of the measured run; 0.02 to 0.1
LAG_BATCH = 20  # its batch size; 10 to 30
LAG_SEED = 1  # seed of its rows; from 0
# Exercise 2
ERROR_POWER = 2  # power that errors are raised to before their mean; 2, 3 or 4
# Exercise 3
WINDOW = 4  # parts that are added up for a step; 2, 4 or 6
LONG_ROWS = 30  # rows of a long document; at least three times SHORT_ROWS
SHORT_ROWS = 2  # rows of a short document; from 1
# Exercise 4
MOMENTUM = 0.9  # what remains of the velocity in a step; 0.5 to 0.95
CUT = 10  # the rate falls to 1/CUT of what it was; 3 to 20
# Exercise 5
SHORTEST = 4  # rows of the shortest batch; 2 to 5

# %% role="setup"
import json

import numpy as np

from mbgd_lib import LeastSquares, data, descend, minibatches, steps

# %% [markdown] role="exercise" id="printed" title="The loss that is printed" level="warm-up" kind="predict, then measure" minutes=20 goal="tell the mean loss over an epoch from the loss at its end, and say which is larger"
# After an epoch, Keras' `fit` prints a loss, and `evaluate` finds another one for the same rows. Both are right. They answer two questions.
#
# Write `fit(objective, learning_rate, batch_size, epochs, seed)`. It starts from weights that are zero and visits the batches of `minibatches(n, batch_size, epochs=epochs, seed=seed)`, where $n$ is `objective.n_rows`. For each batch it makes one step against the mean gradient of its rows. It returns two lists with one number for each epoch:
#
# - `printed`: the mean over all rows of what each row cost **when its batch was met**, that is at the weights before that batch's step;
# - `after`: the mean loss over all rows at the weights at the end of the epoch.
#
# The loss is that of `objective.value(weights, rows)`. Every row counts the same, also in a smaller last batch.
#
# Then set these names, the first three before you run anything:
#
# - `falling`, predicted: in an epoch in which the loss falls from step to step, which is larger? `"printed"` or `"after"`.
# - `rising`, predicted: in an epoch in which the loss rises from step to step?
# - `same_as`, predicted: with all rows in one batch, the number that is printed for epoch 7 is the loss after which epoch? Epochs are counted from 1.
# - `lag`, measured: `printed` divided by `after` in the first epoch, as a mean over the seeds 0 to 19, for `line` below with a learning rate of LAG_RATE and batches of LAG_BATCH.

# %% role="given"
line = LeastSquares(*data.noisy_line(200, seed=LAG_SEED))


# %% role="answer"
### BEGIN SOLUTION
# STUB: def fit(objective, learning_rate, batch_size, epochs, seed):
# STUB:     """Return two lists: the printed losses and those after each epoch."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: # Predict, then measure.
# STUB: falling = None  # "printed" or "after"
# STUB: rising = None  # "printed" or "after"
# STUB: same_as = None  # the number of an epoch
# STUB: lag = None  # measured
def fit(objective, learning_rate, batch_size, epochs, seed):
    """Return two lists: the printed losses and those after each epoch."""
    n, weights = objective.n_rows, np.zeros(objective.n_weights)
    rng = np.random.default_rng(seed)
    printed, after = [], []
    for _ in range(epochs):
        total = 0.0
        for rows in minibatches(n, batch_size, seed=rng):
            total += len(rows) * objective.value(weights, rows)
            weights = weights - learning_rate * objective.gradient(weights, rows)
        printed.append(total / n)
        after.append(objective.value(weights))
    return printed, after


falling, rising, same_as = "printed", "after", 6
lags = []
for seed in range(20):
    printed, after = fit(line, LAG_RATE, LAG_BATCH, 1, seed)
    lags.append(printed[0] / after[0])
lag = np.mean(lags)
### END SOLUTION

# %% [markdown] role="hint"
# In the inner loop two lines matter, and their order: what does this batch cost, and the step. Add up costs of rows, not of batches: a batch's mean times its number of rows.

# %% [markdown] role="hint"
# For the predictions, draw a loss that falls over an epoch. Mark its mean height and its height at the right end. Then let it rise.

# %% role="check" id="still" points=1 about="With a learning rate of nearly zero, both losses are that of the weights zero."
X, y = data.noisy_line(12, seed=3)
model = LeastSquares(X, y)
result = fit(model, 1e-12, 4, 3, 0)
pair = isinstance(result, (tuple, list, np.ndarray)) and len(result) == 2
assert pair, (
    "fit should return two lists, printed and after; it returned "
    f"{type(result).__name__}"
)
for name, losses in (("printed", result[0]), ("after", result[1])):
    assert np.shape(losses) == (3,), (
        f"{name} should hold one number for each of 3 epochs; its shape is "
        f"{np.shape(losses)}"
    )
    assert np.allclose(losses, np.mean(y**2) / 2), (
        "with a learning rate of 1e-12 the weights stay zero, where the loss is "
        f"{np.mean(y**2) / 2:.4f} over all rows; {name} is {losses}"
    )

# %% role="hidden" id="moving" points=1 about="Both lists are right while the weights move, also with a smaller last batch."
for n, batch_size, rate in ((30, 7, 0.1), (24, 6, 0.05), (11, 11, 0.2), (9, 1, 0.02)):
    X, y = data.noisy_line(n, seed=n)
    model = LeastSquares(X, y)
    result = fit(model, rate, batch_size, 4, 5)
    pair = isinstance(result, (tuple, list, np.ndarray)) and len(result) == 2
    assert pair, f"fit should return two lists; it returned {type(result).__name__}"
    shapes = [np.shape(losses) for losses in result]
    assert shapes == [(4,), (4,)], (
        "fit should return two lists with one number for each of 4 epochs; their shapes "
        f"are {shapes}"
    )
    A, weights = np.column_stack([np.ones(n), X]), np.zeros(2)
    met, ends = np.zeros((4, n)), []
    batches = list(minibatches(n, batch_size, epochs=4, seed=5))
    for k, rows in enumerate(batches):
        errors = A[rows] @ weights - y[rows]
        met[k * 4 // len(batches), rows] = errors**2 / 2
        weights = weights - rate * A[rows].T @ errors / len(rows)
        if (k + 1) % (len(batches) // 4) == 0:
            ends.append(np.mean((A @ weights - y) ** 2) / 2)
    place = f"{n} rows in batches of {batch_size}"
    assert np.allclose(result[1], ends), (
        f"{place}: after should start with {ends[0]:.4f} and starts with "
        f"{np.ravel(result[1])[0]:.4f}; take the loss over all rows, after the last step "
        "of the epoch"
    )
    assert np.allclose(result[0], met.mean(axis=1)), (
        f"{place}: printed should start with {met[0].mean():.4f} and starts with "
        f"{np.ravel(result[0])[0]:.4f}; take a batch's loss before its step, and count "
        "every row once"
    )

# %% role="hidden" id="which" points=1 about="The three predictions are right."
for name, value in (("falling", falling), ("rising", rising)):
    assert value in ("printed", "after"), (
        f'{name} should be "printed" or "after", and is {value!r}'
    )
assert falling == "printed", (
    "while the loss falls, most rows are met at weights that are worse than those at "
    "the end; which of the two knows only the end?"
)
assert rising == "after", (
    "while the loss rises, the weights at the end are the worst of the epoch; which of "
    "the two is taken there?"
)
assert same_as is not None, "same_as is still None: write the number of an epoch"
assert same_as == 6, (
    f"same_as is {same_as}; with one batch, at which weights are its rows met in epoch 7?"
)

# %% role="hidden" id="lag" points=1 about="The measured lag is right."
from numbers import Real

assert lag is not None, "lag is still None: write your number there"
assert isinstance(lag, Real), f"lag should be a number, and is {lag!r}"
ratios = []
for seed in range(20):
    run = descend(
        line, [0, 0], learning_rate=LAG_RATE, batch_size=LAG_BATCH, epochs=1, seed=seed,
        record_step_losses=True,
    )  # fmt: skip
    sizes = [len(rows) for rows in minibatches(200, LAG_BATCH, seed=seed)]
    ratios.append(np.average(run.step_losses, weights=sizes) / run.epoch_losses[1])
# Over other orders the mean of 20 ratios differs by about 1 %.
assert abs(lag / np.mean(ratios) - 1) < 0.04, (
    f"lag is {lag}; divide printed by after, both of the first epoch, for each seed, and "
    "take the mean of the 20 ratios; are the learning rate and the batch size those of "
    "the text?"
)

# %% [markdown] role="explanation"
# The printed loss is a mean over a way, the other one is the place where the way ends. While the loss falls, the mean lies above the end. With the published numbers it is nearly four times as high in the first epoch. A validation loss is taken at the end; so in early epochs the training loss can lie above it, and nothing is wrong. With one batch for all rows the delay is exact: each epoch prints the loss of the epoch before.
#
# Once the loss stands still the two come close, but they do not quite meet. Every row is met before this epoch has learned from it, and the weights at the end have learned from all rows. So even in an epoch that begins at the minimum the printed loss is a little larger: by 0.4 % here, as a mean over many orders.


# %% role="wrong" name="averages the means of the batches" fails=["moving"]
# -         total = 0.0
# +         met = []

# -             total += len(rows) * objective.value(weights, rows)
# +             met.append(objective.value(weights, rows))

# -         printed.append(total / n)
# +         printed.append(np.mean(met))

# %% role="wrong" name="takes a batch's loss after its step" fails=["moving", "lag"]
# -             total += len(rows) * objective.value(weights, rows)
#               weights = weights - learning_rate * objective.gradient(weights, rows)
# +             total += len(rows) * objective.value(weights, rows)

# %% role="wrong" name="evaluates the last batch alone, and measures the ninth epoch" fails=["still", "moving", "lag"]
# -         after.append(objective.value(weights))
# +         after.append(objective.value(weights, rows))

# -     printed, after = fit(line, LAG_RATE, LAG_BATCH, 1, seed)
# -     lags.append(printed[0] / after[0])
# +     printed, after = fit(line, LAG_RATE, LAG_BATCH, 9, seed)
# +     lags.append(printed[8] / after[8])

# %% role="wrong" name="draws the same order in every epoch, and expects no delay" fails=["moving", "which"]
# -         for rows in minibatches(n, batch_size, seed=rng):
# +         for rows in minibatches(n, batch_size, seed=seed):

# - falling, rising, same_as = "printed", "after", 6
# + falling, rising, same_as = "printed", "after", 7


# %% role="wrong" name="thinks that printed is always larger, and turns the ratio round" fails=["which", "lag"]
def fit(objective, learning_rate, batch_size, epochs, seed):
    n, zeros = objective.n_rows, np.zeros(objective.n_weights)
    printed, after = [0.0] * epochs, []
    settings = {"learning_rate": learning_rate, "batch_size": batch_size, "seed": seed}
    for step in steps(objective, zeros, **settings):
        share = 1 if step.rows is None else len(step.rows) / n
        printed[step.epoch - 1] += share * step.batch_loss()
        if step.ends_epoch:
            after.append(step.loss())
            if step.epoch == epochs:
                return printed, after


falling, rising, same_as = "printed", "printed", 6
lag = np.mean(
    [1 / np.divide(*fit(line, LAG_RATE, LAG_BATCH, 1, seed)) for seed in range(20)]
)

# %% [markdown] role="exercise" id="evaluate" title="An evaluation that depends on its batch size" level="core" kind="find the bug" minutes=20 goal="evaluate in batches so that the result is the same for every batch size"
# Rows that do not fit into memory are evaluated in batches. How many rows a batch has must make no difference: the model is the same, and so are the rows.
#
# `broken_evaluate` gives other numbers for other batch sizes. It is right when one batch holds all rows. It should return two numbers for the errors $e_i$, prediction minus target:
#
# $$\frac1n \sum_{i=1}^n |e_i| \qquad\text{and}\qquad \left(\frac1n \sum_{i=1}^n |e_i|^{ERROR_POWER}\right)^{1/ERROR_POWER}.$$
#
# Write `evaluate` with the same arguments, mended for every number of rows from 1 and every `batch_size` from 1, which may also be greater than the number of rows. `predict(X)` takes some rows and returns their predictions, shape `(rows,)`. It must get every row once, and never more than `batch_size` rows at a time.
#
# Three things are wrong. One of them shows only when another is mended.


# %% role="given"
def broken_evaluate(predict, X, y, batch_size):
    means, roots = [], []
    for start in range(0, len(y) - batch_size + 1, batch_size):
        rows = slice(start, start + batch_size)
        errors = np.abs(predict(X[rows]) - y[rows])
        means.append(np.mean(errors))
        roots.append(np.mean(errors**ERROR_POWER) ** (1 / ERROR_POWER))
    return np.mean(means), np.mean(roots)


# %% role="answer"
def evaluate(predict, X, y, batch_size):
    """Return the mean absolute error, and the one with the power and the root."""
    ### BEGIN SOLUTION
    total = powers = 0.0
    for start in range(0, len(y), batch_size):
        rows = slice(start, start + batch_size)
        errors = np.abs(predict(X[rows]) - y[rows])
        total += np.sum(errors)
        powers += np.sum(errors**ERROR_POWER)
    return total / len(y), (powers / len(y)) ** (1 / ERROR_POWER)
    ### END SOLUTION


# %% [markdown] role="hint"
# Let `predict` return zeros, take the targets 1, 2, 3, 4, 5, and try every batch size from 1 to 6. Compute both numbers by hand first.

# %% [markdown] role="hint"
# What can be added up from batch to batch? Sums over rows can. Means of batches can not, where batches differ in size; roots never can.

# %% role="check" id="whole" points=1 about="With all rows in one batch, where nothing was wrong, nothing has changed."
X, y = np.arange(6.0)[:, None], np.array([1.0, -2.0, 0.5, 3.0, -1.0, 4.0])


def predict(rows):
    return 0.5 * rows[:, 0]


result = evaluate(predict, X, y, 6)
pair = isinstance(result, (tuple, list, np.ndarray)) and np.shape(result) == (2,)
assert pair, f"evaluate should return two numbers; it returned {result!r}"
expected = broken_evaluate(predict, X, y, 6)
assert np.allclose(result, expected), (
    "with all 6 rows in one batch the given function is right and returns "
    f"{expected}; yours returns {result}"
)

# %% role="hidden" id="mean" points=1 about="The mean absolute error is the same for every batch size."
rng = np.random.default_rng(2)
for n in (1, 7, 23):
    X, y = rng.normal(size=(n, 2)), 3 * rng.standard_exponential(n)
    expected = np.mean(np.abs(X[:, 0] - y))
    for batch_size in (1, 2, 3, 5, 7, 10, 23, 40):
        result = evaluate(lambda rows: rows[:, 0].copy(), X, y, batch_size)
        pair = isinstance(result, (tuple, list, np.ndarray)) and np.shape(result) == (
            2,
        )
        assert pair, f"evaluate should return two numbers; it returned {result!r}"
        assert np.allclose(result[0], expected), (
            f"{n} rows in batches of {batch_size}: the mean absolute error over all rows "
            f"is {expected:.4f}, and evaluate returned {result[0]:.4f}; does every row "
            "count, and count the same, also in the last batch?"
        )

# %% role="hidden" id="root" points=1 about="The error with the power and the root is the same for every batch size."
rng = np.random.default_rng(3)
for n in (6, 12, 25):
    X, y = rng.normal(size=(n, 2)), 3 * rng.standard_exponential(n)
    expected = np.mean(np.abs(X[:, 1] - y) ** ERROR_POWER) ** (1 / ERROR_POWER)
    for batch_size in (1, 2, 3, 4, 6, 25, 30):
        result = evaluate(lambda rows: rows[:, 1].copy(), X, y, batch_size)
        pair = isinstance(result, (tuple, list, np.ndarray)) and np.shape(result) == (
            2,
        )
        assert pair, f"evaluate should return two numbers; it returned {result!r}"
        assert np.allclose(result[1], expected), (
            f"{n} rows in batches of {batch_size}: the second number should be "
            f"{expected:.4f}, and evaluate returned {result[1]:.4f}; the root is to be "
            "taken of the mean over all rows, once"
        )

# %% role="hidden" id="pieces" points=1 about="predict gets every row once, and never more than a batch."
for n, batch_size in ((10, 4), (8, 4), (5, 9), (7, 1)):
    X, y, seen = np.arange(float(n))[:, None], np.arange(float(n)) + n, []

    def predict(rows, seen=seen):
        seen.append(np.ravel(rows))
        return np.ravel(rows).copy()

    result = evaluate(predict, X, y, batch_size)
    place = f"{n} rows in batches of {batch_size}"
    sizes = [len(rows) for rows in seen]
    assert result is not None, "evaluate returned None; is a return missing?"
    assert np.shape(result) == (2,), (
        f"evaluate should return two numbers, not {result!r}"
    )
    assert np.allclose(result, n), (
        f"{place}: all errors are {n}, and so are both numbers; yours are {result}"
    )
    assert max(sizes, default=0) <= batch_size, (
        f"{place}: predict got {max(sizes)} rows at once; as many do not fit into memory"
    )
    assert min(sizes, default=1) > 0, f"{place}: predict got an empty batch"
    rows = np.sort(np.concatenate([[], *seen])).astype(int).tolist()
    assert rows == list(range(n)), (
        f"{place}: predict should get each of the rows 0 to {n - 1} exactly once, and got "
        f"{rows}"
    )

# %% [markdown] role="explanation"
# The loop ends before a smaller last batch, as a loader does that was made for training and drops it. Once the rest is kept, batches differ in size, and the mean of their means counts the rows of the rest too much. And a mean of roots is no root of a mean: with batches of one row, the second number becomes the first. On the whole, larger batches give a larger second number: two people who evaluate one model would report two errors.
#
# Add up what is a sum over rows, divide by their number at the end, and do all the rest (a root, a ratio, a logarithm) once. That works for every figure that is made of sums: the share of variance that is explained, perplexity, precision. And there is a test that needs no right answer: **the result must not depend on the batch size**. Keras weighs the losses of its batches by their rows today; in an earlier version it reported the plain mean.


# %% role="wrong" name="keeps the last batch, and the mean of means" fails=["mean", "root"]
def evaluate(predict, X, y, batch_size):
    means, roots = [], []
    for start in range(0, len(y), batch_size):
        rows = slice(start, start + batch_size)
        errors = np.abs(predict(X[rows]) - y[rows])
        means.append(np.mean(errors))
        roots.append(np.mean(errors**ERROR_POWER) ** (1 / ERROR_POWER))
    return np.mean(means), np.mean(roots)


# %% role="wrong" name="weighs the roots of the batches by their rows" fails=["root"]
def evaluate(predict, X, y, batch_size):
    means, roots, sizes = [], [], []
    for start in range(0, len(y), batch_size):
        rows = slice(start, start + batch_size)
        errors = np.abs(predict(X[rows]) - y[rows])
        sizes.append(len(errors))
        means.append(np.mean(errors))
        roots.append(np.mean(errors**ERROR_POWER) ** (1 / ERROR_POWER))
    return np.average(means, weights=sizes), np.average(roots, weights=sizes)


# %% role="wrong" name="predicts all rows at once" fails=["pieces"]
def evaluate(predict, X, y, batch_size):
    errors = np.abs(predict(X) - y)
    return np.mean(errors), np.mean(errors**ERROR_POWER) ** (1 / ERROR_POWER)


# %% role="wrong" name="predicts, and returns zeros" fails=["whole", "mean", "root", "pieces"]
# -     return total / len(y), (powers / len(y)) ** (1 / ERROR_POWER)
# +     return 0.0, 0.0


# %% role="wrong" name="predicts, and returns ones" fails=["whole", "mean", "root", "pieces"]
# -     return total / len(y), (powers / len(y)) ** (1 / ERROR_POWER)
# +     return 1.0, 1.0


# %% role="wrong" name="adds up sums, but leaves out the last rows" fails=["mean", "root", "pieces"]
def evaluate(predict, X, y, batch_size):
    total = powers = count = 0
    for start in range(0, max(len(y) - batch_size, 0) + 1, batch_size):
        rows = slice(start, start + batch_size)
        errors = np.abs(predict(X[rows]) - y[rows])
        total, powers = total + np.sum(errors), powers + np.sum(errors**ERROR_POWER)
        count += len(errors)
    return total / count, (powers / count) ** (1 / ERROR_POWER)


# %% [markdown] role="exercise" id="accumulate" title="A vote by house" level="core" kind="find the bug" minutes=25 goal="accumulate gradients over unequal parts so that every row counts the same, also in the last window"
# A batch that does not fit into memory is cut into parts. The gradients of WINDOW parts, a **window**, are added up; then the weights make one step. `shipped_run` does that as well-known training programs did. If all parts have the same number of rows and WINDOW divides the number of parts, it is right.
#
# Write `run` with the same arguments, mended for any parts. `parts` is a list of arrays of row numbers, in the order of the visits.
#
# - After every WINDOW parts there is one step against the mean gradient **over all rows of the window**.
# - If fewer than WINDOW parts are left at the end, they are a window, too: one step, against the mean gradient over *their* rows.
# - `objective.gradient(weights, rows)` is called for one part at a time, once for each part: more rows do not fit into memory. It returns the mean over the rows that it gets.
#
# Parts may be documents. Let each window hold as many long documents as short ones, of LONG_ROWS and of SHORT_ROWS rows. All rows of long documents have the target 0, all rows of short ones the target 1. The model is one number, an intercept, with squared error. Predict, on paper:
#
# - `counts_as`: in `shipped_run`, how many times as much does a row of a short document count as a row of a long one?
# - `shipped_rest`: at which value does the intercept come to rest with `shipped_run`?
# - `mended_rest`: and with every row counted the same?


# %% role="given"
def shipped_run(objective, weights, parts, learning_rate):
    """Return the weights after one pass over the parts."""
    total, count = 0.0, 0
    for rows in parts:
        total = total + objective.gradient(weights, rows)
        count += 1
        if count == WINDOW:
            weights = weights - learning_rate * total / WINDOW
            total, count = 0.0, 0
    return weights


# %% role="answer"
### BEGIN SOLUTION
# STUB: # Predict.
# STUB: counts_as = None  # times as much
# STUB: shipped_rest = None  # a value from 0 to 1
# STUB: mended_rest = None  # a value from 0 to 1
# STUB:
# STUB:
# STUB: def run(objective, weights, parts, learning_rate):
# STUB:     """Return the weights after one pass over the parts."""
# STUB:     raise NotImplementedError("write your answer here")
counts_as = LONG_ROWS / SHORT_ROWS
shipped_rest = 0.5
mended_rest = SHORT_ROWS / (SHORT_ROWS + LONG_ROWS)


def run(objective, weights, parts, learning_rate):
    """Return the weights after one pass over the parts."""
    for first in range(0, len(parts), WINDOW):
        total, n_rows = 0.0, 0
        for rows in parts[first : first + WINDOW]:
            total = total + len(rows) * objective.gradient(weights, rows)
            n_rows += len(rows)
        weights = weights - learning_rate * total / n_rows
    return weights


### END SOLUTION

# %% [markdown] role="hint"
# A part's mean gradient times its number of rows is the sum over its rows. What must the sum over a window be divided by?

# %% [markdown] role="hint"
# Try 3 parts, one of them with another target: does it move the weights at all? Cut the list of parts into windows with a slice, as you would cut rows into batches.

# %% [markdown] role="hint"
# The intercept rests where the votes are in balance. In `shipped_run` every document has one vote, at 0 or at 1. By rows, every row has one.

# %% role="check" id="equal" points=1 in_place=true about="With equal parts and whole windows, where nothing was wrong, nothing has changed, the weights passed in included."
rng = np.random.default_rng(0)
model = LeastSquares(rng.normal(size=(10 * WINDOW, 2)), rng.normal(size=10 * WINDOW))
parts = np.split(rng.permutation(10 * WINDOW), 2 * WINDOW)
start = np.array([1.0, -1.0, 0.5])
result = run(model, start, [rows.copy() for rows in parts], 0.1)
assert np.shape(result) == (3,), (
    f"run should return the weights, an array of shape (3,); it returned {result!r}"
)
assert (start == [1.0, -1.0, 0.5]).all(), (
    "run changed the weights that it was given; write weights = weights - ..., not -="
)
expected = shipped_run(model, start, parts, 0.1)
assert np.allclose(result, expected), (
    f"two windows of WINDOW parts with 5 rows each: the given function is right and ends "
    f"at {expected.round(4)}; yours ends at {np.round(result, 4)}"
)

# %% role="hidden" id="unequal" points=1 about="Parts of any sizes give the steps of the large batches."
rng = np.random.default_rng(1)
for _ in range(5):
    sizes = rng.integers(1, 15, size=3 * WINDOW)
    n = sizes.sum()
    X, y = rng.normal(size=(n, 2)), rng.normal(size=n)
    parts = np.split(rng.permutation(n), sizes.cumsum()[:-1])
    result = run(LeastSquares(X, y), np.zeros(3), parts, 0.2)
    assert np.shape(result) == (3,), (
        f"run should return the weights, an array of shape (3,); it returned {result!r}"
    )
    A, expected = np.column_stack([np.ones(n), X]), np.zeros(3)
    for first in range(0, 3 * WINDOW, WINDOW):
        rows = np.concatenate(parts[first : first + WINDOW])
        expected = expected - 0.2 * A[rows].T @ (A[rows] @ expected - y[rows]) / len(
            rows
        )
    assert np.allclose(result, expected), (
        f"parts of {sizes.tolist()} rows, WINDOW to a step: batches of the same rows end "
        f"at {expected.round(4)}, and run at {np.round(result, 4)}; does a row count the "
        "same in a short part as in a long one?"
    )

# %% role="hidden" id="rest" points=1 about="The parts that are left at the end make a step of their own."
rng = np.random.default_rng(2)
for left in range(1, WINDOW):
    n_parts = WINDOW * (left % 2) + left
    sizes = rng.integers(6, 12, size=n_parts)
    n = sizes.sum()
    X, y = rng.normal(size=(n, 1)), rng.normal(size=n)
    parts = np.split(rng.permutation(n), sizes.cumsum()[:-1])
    result = run(LeastSquares(X, y), np.ones(2), parts, 0.2)
    assert np.shape(result) == (2,), (
        f"run should return the weights, an array of shape (2,); it returned {result!r}"
    )
    A, expected = np.column_stack([np.ones(n), X]), np.ones(2)
    for first in range(0, n_parts, WINDOW):
        rows = np.concatenate(parts[first : first + WINDOW])
        before = expected
        expected = expected - 0.2 * A[rows].T @ (A[rows] @ expected - y[rows]) / len(
            rows
        )
    assert not np.allclose(result, before), (
        f"{n_parts} parts, WINDOW to a step: the last {left} move nothing; is there a "
        "step after the loop?"
    )
    assert np.allclose(result, expected), (
        f"{n_parts} parts, WINDOW to a step: the end should be {expected.round(4)}, and "
        f"is {np.round(result, 4)}; what is the sum over the last window divided by?"
    )

# %% role="hidden" id="one-part" points=1 about="gradient gets the rows of one part at a time, each part once."
asked = []


def watched_gradient(weights, rows=None):
    asked.append(model.n_rows if rows is None else len(rows))
    return gradient(weights, rows)


rng = np.random.default_rng(3)
sizes = rng.permutation(np.arange(1, 2 * WINDOW + 2))
model = LeastSquares(rng.normal(size=(sizes.sum(), 1)), rng.normal(size=sizes.sum()))
gradient, model.gradient = model.gradient, watched_gradient
parts = np.split(rng.permutation(sizes.sum()), sizes.cumsum()[:-1])
result = run(model, np.zeros(2), parts, 0.1)
assert np.shape(result) == (2,), (
    f"run should return the weights, an array of shape (2,); it returned {result!r}"
)
assert max(asked, default=0) <= sizes.max(), (
    f"gradient got {max(asked)} rows at once, and the largest part has {sizes.max()}; "
    "add up the parts one by one: together they do not fit into memory"
)
assert sorted(asked) == sorted(sizes), (
    f"parts of {sizes.tolist()} rows: gradient was called with {asked} rows; call it "
    "once for every part"
)
assert np.any(result), "the weights are still 0; what is done with the gradients?"

# %% role="hidden" id="votes" points=1 about="The three predictions are right."
from numbers import Real

expected = {
    "counts_as": (counts_as, LONG_ROWS / SHORT_ROWS),
    "shipped_rest": (shipped_rest, 0.5),
    "mended_rest": (mended_rest, SHORT_ROWS / (SHORT_ROWS + LONG_ROWS)),
}
looked_at = {
    "counts_as": "a document's vote is shared by its rows: what is a row's share?",
    "shipped_rest": "each document has one vote, half of them for 0 and half for 1",
    "mended_rest": "every row has one vote: which share of the rows votes for 1?",
}
for name, (value, right) in expected.items():
    assert value is not None, f"{name} is still None: write your number there"
    assert isinstance(value, Real), f"{name} should be a number, and is {value!r}"
    assert abs(value / right - 1) < 0.02, f"{name} is {value}; {looked_at[name]}"

# %% [markdown] role="explanation"
# The mean of a window's means gives every part one vote, however many rows it has. With documents of 30 and of 2 rows, a row of a short one counts 15 times as much, and the model comes to rest in the middle between the two kinds, though only one row in sixteen is of the short kind. This is no noise that averages out: it is another loss, with another minimum. If lengths had nothing to do with targets, only the noise would be larger.
#
# Training programs for language models shipped this. It was reported in 2023, and repaired step by step from October 2024; each step found a place where parts were still counted alike. The cure is a sum, and one division by the rows of the window.
#
# The last window is a question of its own. To leave it out loses rows. To divide it by the rows of a whole window makes its step shorter, which can be meant, as [chapter 8](../notebooks/08_frameworks.ipynb) shows. Here the task says which one is wanted, and a program should say so, too.


# %% role="wrong" name="divides a whole window rightly, and drops the rest" fails=["rest"]
counts_as = LONG_ROWS / SHORT_ROWS
shipped_rest = 1 / 2
mended_rest = SHORT_ROWS / (SHORT_ROWS + LONG_ROWS)


def run(objective, weights, parts, learning_rate):
    total, n_rows, count = 0.0, 0, 0
    for rows in parts:
        total = total + len(rows) * objective.gradient(weights, rows)
        n_rows, count = n_rows + len(rows), count + 1
        if count == WINDOW:
            weights = weights - learning_rate * total / n_rows
            total, n_rows, count = 0.0, 0, 0
    return weights


# %% role="wrong" name="moves the weights passed in" fails=["equal"]
# -         weights = weights - learning_rate * total / n_rows
# +         weights -= learning_rate * total / n_rows

# %% role="wrong" name="averages the means, of the last window, too" fails=["unequal", "rest", "votes"]
counts_as = 1
shipped_rest = 1 / 2
mended_rest = 1 / 2


def run(objective, weights, parts, learning_rate):
    for first in range(0, len(parts), WINDOW):
        window = parts[first : first + WINDOW]
        gradients = [objective.gradient(weights, rows) for rows in window]
        weights = weights - learning_rate * np.mean(gradients, axis=0)
    return weights


# %% role="wrong" name="asks for gradients, and moves nothing" fails=["equal", "unequal", "rest", "one-part"]
# -         weights = weights - learning_rate * total / n_rows


# %% role="wrong" name="puts the window together again" fails=["one-part"]
counts_as = LONG_ROWS / SHORT_ROWS
shipped_rest = 1 / 2
mended_rest = SHORT_ROWS / (SHORT_ROWS + LONG_ROWS)


def run(objective, weights, parts, learning_rate):
    for first in range(0, len(parts), WINDOW):
        rows = np.concatenate(parts[first : first + WINDOW])
        weights = weights - learning_rate * objective.gradient(weights, rows)
    return weights


# %% role="wrong" name="divides the last window by the number of whole ones" fails=["rest", "votes"]
counts_as = SHORT_ROWS / LONG_ROWS
shipped_rest = 1 / 2
mended_rest = SHORT_ROWS / LONG_ROWS


def run(objective, weights, parts, learning_rate):
    for first in range(0, len(parts), WINDOW):
        window = parts[first : first + WINDOW]
        sums = [len(rows) * objective.gradient(weights, rows) for rows in window]
        mean_length = np.mean([len(rows) for rows in window])
        weights = weights - learning_rate * np.sum(sums, axis=0) / mean_length / WINDOW
    return weights


# %% role="wrong" name="steps after every part, by its share" fails=["equal", "unequal", "rest"]
counts_as = LONG_ROWS / SHORT_ROWS
shipped_rest = 1 / 2
mended_rest = SHORT_ROWS / (SHORT_ROWS + LONG_ROWS)


def run(objective, weights, parts, learning_rate):
    for first in range(0, len(parts), WINDOW):
        window = parts[first : first + WINDOW]
        n_rows = sum(len(rows) for rows in window)
        for rows in window:
            share = len(rows) / n_rows
            gradient = objective.gradient(weights, rows)
            weights = weights - learning_rate * share * gradient
    return weights


# %% [markdown] role="exercise" id="momentum" title="One brakes, the other coasts" level="core" kind="predict, then measure" minutes=25 goal="write both forms of momentum, translate one velocity into the other, and predict where they part"
# Two forms of momentum are in use. One has the learning rate $\eta$ **outside** its velocity, as PyTorch does, the other **inside**, as Keras and scikit-learn do. With the gradient $g$ and $\mu = MOMENTUM$:
#
# $$\text{outside:}\quad v \leftarrow \mu v + g, \quad w \leftarrow w - \eta v; \qquad \text{inside:}\quad u \leftarrow \mu u - \eta g, \quad w \leftarrow w + u.$$
#
# Write both as functions that make one step: `outside(weights, velocity, gradient, rate)` and `inside(weights, velocity, gradient, rate)`. Each returns the new weights and the new velocity.
#
# A run that began in the form "outside" is to go on in the form "inside". Write `to_inside(velocity, rate)`: it takes the velocity of the first form and the rate of the **next** step, and returns the velocity with which the second form makes the same steps as the first, as long as the rate stays. The rate may just have changed.
#
# Then predict, on paper. On a straight slope the gradient is the same everywhere. Both runs have been going for so long that all steps have the same length; call it a long step. Now the rate falls to $1/CUT$ of what it was, and stays there.
#
# - `first_ratio`: the first step after that, of the form "inside", divided by that of the form "outside";
# - `further`: how many long steps further does the form "inside" come in the end?

# %% role="answer"
### BEGIN SOLUTION
# STUB: # Predict.
# STUB: first_ratio = None
# STUB: further = None  # in long steps
# STUB:
# STUB:
# STUB: def outside(weights, velocity, gradient, rate):
# STUB:     """Return the new weights and velocity: the rate outside the velocity."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: def inside(weights, velocity, gradient, rate):
# STUB:     """Return the new weights and velocity: the rate inside the velocity."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: def to_inside(velocity, rate):
# STUB:     """Return the velocity with which the second form goes on."""
# STUB:     raise NotImplementedError("write your answer here")
first_ratio = MOMENTUM * CUT + (1 - MOMENTUM)
further = (1 - 1 / CUT) * MOMENTUM / (1 - MOMENTUM)


def outside(weights, velocity, gradient, rate):
    """Return the new weights and velocity: the rate outside the velocity."""
    velocity = MOMENTUM * velocity + gradient
    return weights - rate * velocity, velocity


def inside(weights, velocity, gradient, rate):
    """Return the new weights and velocity: the rate inside the velocity."""
    velocity = MOMENTUM * velocity - rate * gradient
    return weights + velocity, velocity


def to_inside(velocity, rate):
    """Return the velocity with which the second form goes on."""
    return -rate * velocity


### END SOLUTION

# %% [markdown] role="hint"
# Write out two steps of each form, from a velocity of zero, at one rate. What is $u$ when $v$ is known? For `to_inside`, compare the next step of both: $-\eta(\mu v + g)$ and $\mu u - \eta g$.

# %% [markdown] role="hint"
# On the slope take $g = 1$. Which $v$ stays the same in a step, and which $u$? The long step is $\eta / (1 - \mu)$ in both.

# %% [markdown] role="hint"
# After the fall every step of "outside" is a long step divided by CUT. The steps of "inside" come closer to that length by the factor $\mu$ in each step; add up what they are longer by. Or let both functions run, with 200 steps before and 200 after.

# %% role="check" id="constant" points=1 about="At a constant rate both forms make the same steps, and the first is a plain one."
rng = np.random.default_rng(0)
ends, velocities = [np.ones(3), np.ones(3)], [np.zeros(3), np.zeros(3)]
for k, gradient in enumerate(rng.normal(size=(5, 3))):
    for form, step in enumerate((outside, inside)):
        name = ("outside", "inside")[form]
        result = step(ends[form], velocities[form], gradient.copy(), 0.1)
        pair = isinstance(result, (tuple, list)) and np.shape(result) == (2, 3)
        assert pair, (
            f"{name} should return the new weights and the new velocity, both of the "
            f"shape (3,); it returned {result!r}"
        )
        ends[form], velocities[form] = np.array(result[0]), np.array(result[1])
        assert k > 0 or np.allclose(ends[form], 1 - 0.1 * gradient), (
            f"{name}: from a velocity of zero the first step should be the rate times the "
            f"gradient, against it; 1 becomes {ends[form].round(4)} with the gradient "
            f"{gradient.round(4)}"
        )
    assert np.allclose(*ends), (
        f"at a constant rate both forms should be at the same weights; after {k + 1} "
        f"steps they are at {ends[0].round(4)} and {ends[1].round(4)}"
    )
after, _ = outside(ends[0].copy(), velocities[0].copy(), np.zeros(3), 0.1)
assert not np.allclose(after, ends[0]), (
    "where the gradient is zero a run with momentum goes on; after five steps "
    f"outside stays at {ends[0].round(4)}"
)

# %% role="hidden" id="forms" points=1 about="Both forms are right where the rate changes."
rng = np.random.default_rng(1)
for name, step in (("outside", outside), ("inside", inside)):
    weights, velocity = np.zeros(2), np.zeros(2)
    expected, memory = np.zeros(2), np.zeros(2)
    for k, rate in enumerate((0.1, 0.3, 0.05, 0.05, 0.2)):
        gradient = rng.normal(size=2)
        result = step(weights, velocity, gradient.copy(), rate)
        pair = isinstance(result, (tuple, list)) and np.shape(result) == (2, 2)
        assert pair, (
            f"{name} should return the new weights and the new velocity, both of the "
            f"shape (2,); it returned {result!r}"
        )
        weights, velocity = np.array(result[0]), np.array(result[1])
        if name == "outside":
            memory = MOMENTUM * memory + gradient
            expected = expected - rate * memory
        else:
            memory = MOMENTUM * memory - rate * gradient
            expected = expected + memory
        right = np.allclose(weights, expected) and np.allclose(velocity, memory)
        assert right, (
            f"{name}, step {k + 1} of a run with changing rates: weights and velocity "
            f"should be {expected.round(4)} and {memory.round(4)}, and are "
            f"{weights.round(4)} and {velocity.round(4)}; which rates are in the velocity, "
            "those of earlier steps or none?"
        )

# %% role="hidden" id="translate" points=2 about="The translated velocity makes the same steps from there on, also after a change of the rate."
rng = np.random.default_rng(2)
for rate in (0.1, 0.02, 0.5):
    velocity = np.zeros(4)
    for gradient in rng.normal(size=(6, 4)):  # all at a rate of 0.1
        velocity = MOMENTUM * velocity + gradient
    memory = to_inside(velocity.copy(), rate)
    assert np.shape(memory) == (4,), (
        f"to_inside should return a velocity of the shape (4,); it returned {memory!r}"
    )
    memory = np.array(memory)
    for k, gradient in enumerate(rng.normal(size=(3, 4))):
        velocity = MOMENTUM * velocity + gradient
        memory = MOMENTUM * memory - rate * gradient
        assert np.allclose(-rate * velocity, memory), (
            f"after steps at 0.1 the run goes on at {rate}: step {k + 1} should be "
            f"{(-rate * velocity).round(4)} and is {memory.round(4)} with your velocity; "
            "look at its sign, and at which rate it is made with"
        )

# %% role="hidden" id="slope" points=2 about="The two predictions are right."
from numbers import Real

for name, value in (("first_ratio", first_ratio), ("further", further)):
    assert value is not None, f"{name} is still None: write your number there"
    assert isinstance(value, Real), f"{name} should be a number, and is {value!r}"
v, u, ways = 1 / (1 - MOMENTUM), -1 / (1 - MOMENTUM), []
for _ in range(1000):
    v, u = MOMENTUM * v + 1, MOMENTUM * u - 1 / CUT
    ways.append((v / CUT, -u))
ratio = ways[0][1] / ways[0][0]
assert abs(first_ratio / ratio - 1) < 0.01, (
    f'first_ratio is {first_ratio}; the first step of "inside" is what remains of a long '
    'step and a new gradient at the new rate, that of "outside" is a long step divided '
    "by CUT"
)
gained = (np.sum(ways, axis=0) @ [-1, 1]) * (1 - MOMENTUM)
assert abs(further / gained - 1) < 0.01, (
    f'further is {further}; add up how much longer each step of "inside" is, from the '
    "first after the fall on, in long steps from before the fall"
)

# %% [markdown] role="explanation"
# At one rate the two velocities differ by the factor $-\eta$, and the steps are the same. A rate that changes tells them apart. The form "outside" remembers gradients, and multiplies all of them by the rate of today; the form "inside" remembers steps, each with the rate of its own day. With a momentum of 0.9 and a fall to a tenth, the first step is 9.1 times as long, $\mu \cdot 10 + (1 - \mu)$, and the run coasts 8.1 long steps further, $(1 - \frac1{10}) \, \mu/(1 - \mu)$.
#
# Who moves a run from one library to the other must translate the velocity. With $u = -\eta v$ for the rate of the *next* step, all goes on as in the first library, also when the rate has just fallen. Taken over as it is, the velocity points uphill, and is $1/\eta$ times too long. To set it to zero is safe, and throws away the memory. In a schedule that changes little within ten steps, the two forms hardly differ.


# %% role="wrong" name="remembers gradients in both forms" fails=["forms"]
# -     velocity = MOMENTUM * velocity - rate * gradient
# -     return weights + velocity, velocity
# +     velocity = MOMENTUM * velocity - gradient
# +     return weights + rate * velocity, velocity

# %% role="wrong" name="remembers nothing" fails=["constant", "forms"]
# -     velocity = MOMENTUM * velocity + gradient
# +     velocity = gradient

# -     velocity = MOMENTUM * velocity - rate * gradient
# +     velocity = -rate * gradient

# %% role="wrong" name="forgets the sign, and takes the ratio of the rates" fails=["translate", "slope"]
# - first_ratio = MOMENTUM * CUT + (1 - MOMENTUM)
# + first_ratio = CUT

# -     return -rate * velocity
# +     return rate * velocity

# %% role="wrong" name="takes the rate into the velocity, and once more into the step" fails=["constant", "forms", "slope"]
# - further = (1 - 1 / CUT) * MOMENTUM / (1 - MOMENTUM)
# + further = MOMENTUM / (1 - MOMENTUM)

# -     return weights + velocity, velocity
# +     return weights + rate * velocity, velocity

# %% role="wrong" name="translates with the old rate, and counts from the fall itself" fails=["translate", "slope"]
# - further = (1 - 1 / CUT) * MOMENTUM / (1 - MOMENTUM)
# + further = (1 - 1 / CUT) / (1 - MOMENTUM)

# -     return -rate * velocity
# +     return -0.1 * velocity

# %% role="wrong" name="takes the velocity over as it is, in means" fails=["constant", "forms", "translate"]
# -     velocity = MOMENTUM * velocity + gradient
# +     velocity = MOMENTUM * velocity + (1 - MOMENTUM) * gradient

# -     velocity = MOMENTUM * velocity - rate * gradient
# +     velocity = MOMENTUM * velocity - (1 - MOMENTUM) * rate * gradient

# -     return -rate * velocity
# +     return velocity

# %% [markdown] role="exercise" id="resume" title="The same rows next" level="stretch" kind="write" minutes=40 goal="stop a loader in mid-epoch and let it go on with the rows that would have come"
# A run is stopped in the middle of an epoch and goes on later. If the loader then starts the epoch anew, some rows are seen twice in it, and others never.
#
# Write a class `Loader` that can go on. It is made with `Loader(n, batch_size, seed)`, where SHORTEST ≤ `batch_size` ≤ $n$, and has three methods:
#
# - `next_rows()` returns the row numbers of the next batch, an array. It can be called without end: one epoch follows the other.
# - `state()` returns all that is needed to go on from here, for a file. It must survive JSON: numbers, text, lists and dictionaries only. As JSON it has at most 1,000 characters, **however many rows there are**. A state stays as it is while the loader goes on.
# - `resume(state)` puts a loader, made with the same `n` and `batch_size` but any seed, to that place: from then on `next_rows()` returns the same batches as the loader from which the state came, in this epoch and in all that follow.
#
# Each epoch is cut from a new random order of all $n$ rows, which depends on `seed`. Its batches have `batch_size` rows. If at least SHORTEST rows are left over, they are the last batch. If fewer are left over, they are left out of this epoch.


# %% role="given"
def stored(state):
    """Return the state as a file gives it back; the checks use it."""
    try:
        text = json.dumps(state)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"JSON cannot hold this state: {error}") from None
    assert len(text) <= 1000, (
        f"the state has {len(text)} characters as JSON, and should have at most 1,000; "
        "what can be drawn again need not be kept"
    )
    return json.loads(text)


# %% role="answer"
### BEGIN SOLUTION
# STUB: class Loader:
# STUB:     """Batches of row numbers, epoch after epoch, that can stop and go on."""
# STUB:
# STUB:     def __init__(self, n, batch_size, seed):
# STUB:         raise NotImplementedError("write your answer here")
# STUB:
# STUB:     def next_rows(self):
# STUB:         """Return the row numbers of the next batch."""
# STUB:
# STUB:     def state(self):
# STUB:         """Return all that is needed to go on from here."""
# STUB:
# STUB:     def resume(self, state):
# STUB:         """Go on from there."""
class Loader:
    """Batches of row numbers, epoch after epoch, that can stop and go on."""

    def __init__(self, n, batch_size, seed):
        self.n, self.batch_size = n, batch_size
        self.rng = np.random.default_rng(seed)
        self.begin_epoch()

    def begin_epoch(self):
        self.before = self.rng.bit_generator.state  # before the order is drawn
        self.order = self.rng.permutation(self.n)
        self.position = 0

    def next_rows(self):
        """Return the row numbers of the next batch."""
        left = self.n - self.position
        if left < min(self.batch_size, SHORTEST):
            self.begin_epoch()
        rows = self.order[self.position : self.position + self.batch_size]
        self.position += len(rows)
        return rows

    def state(self):
        """Return all that is needed to go on from here."""
        return {"before": self.before, "position": self.position}

    def resume(self, state):
        """Go on from there."""
        self.rng.bit_generator.state = state["before"]
        self.begin_epoch()
        self.position = state["position"]


### END SOLUTION

# %% [markdown] role="hint"
# What decides about the rest of an epoch? Its order, and how far the loader has come. The order is long. What is it made from?

# %% [markdown] role="hint"
# `rng.bit_generator.state` is a dictionary that JSON can hold, and it can be set. Which moment's state do you need: that before the epoch's order was drawn, or that of now?

# %% [markdown] role="hint"
# There is a way without any generator's state: let the order of an epoch depend on the seed and the epoch's number alone, `np.random.default_rng([seed, epoch])`.

# %% role="check" id="epochs" points=1 about="Every epoch visits every row once, in an order of its own that the seed decides."
loaders = [Loader(12, 6, seed) for seed in (5, 5, 6)]
orders = []
for loader in loaders:
    batches = [loader.next_rows() for _ in range(8)]
    for rows in batches:
        assert np.shape(rows) == (6,), (
            "12 rows in batches of 6: next_rows should return an array of 6 row numbers; "
            f"it returned {rows!r}"
        )
    batches = np.array(batches).reshape(4, 12)
    for epoch in batches:
        assert sorted(epoch.tolist()) == list(range(12)), (
            f"two batches of 6 of 12 rows hold the rows {epoch.tolist()}; an epoch should "
            "hold each row once"
        )
    assert len(np.unique(batches, axis=0)) == 4, (
        "four epochs do not have four orders; is the order drawn anew in every epoch?"
    )
    orders.append(batches)
assert (orders[0] == orders[1]).all(), (
    "two loaders with the seed 5 give different rows; take all randomness from the seed"
)
assert (orders[0] != orders[2]).any(), (
    "the seeds 5 and 6 give the same rows; take the order from the seed"
)

# %% role="hidden" id="rest" points=1 about="What is left over is a batch, or is left out, as the rules say."
for n, batch_size in (
    (3 * 7 + SHORTEST, 7),
    (3 * 7 + SHORTEST - 1, 7),
    (21, 7),
    (9 + SHORTEST, 9),
    (SHORTEST, SHORTEST),
    (2 * SHORTEST + 1, SHORTEST),
):
    whole, left = divmod(n, batch_size)
    sizes = [batch_size] * whole + [left] * (left >= SHORTEST)
    loader = Loader(n, batch_size, 3)
    for epoch in range(3):
        batches = [loader.next_rows() for _ in sizes]
        assert all(np.ndim(rows) == 1 for rows in batches), (
            f"next_rows should return an array of row numbers; it returned {batches[0]!r}"
        )
        found = [len(rows) for rows in batches]
        assert found == sizes, (
            f"{n} rows in batches of {batch_size}: epoch {epoch + 1} should have batches "
            f"of {sizes} rows, and has {found}; {left} rows are left over"
        )
        seen = np.concatenate(batches)
        right = len(np.unique(seen)) == len(seen) and set(seen) <= set(range(n))
        assert right, (
            f"{n} rows in batches of {batch_size}: the rows {sorted(seen.tolist())} of "
            "one epoch are not different rows of the data"
        )

# %% role="hidden" id="same-rows" points=2 about="A loader that is resumed at any place returns the same batches as the one that went on."
for n, batch_size in ((20, 6), (18 + SHORTEST, 6), (24, 8)):
    for made in range(12):
        loader, twin = Loader(n, batch_size, 7), Loader(n, batch_size, 7)
        way = [loader.next_rows() for _ in range(made)]
        state = stored(loader.state())
        for _ in range(made):
            twin.next_rows()
        assert stored(twin.state()) == state, (
            "two loaders of one seed, after the same batches, have different states; a "
            "state should hold the place itself, not say where it is kept"
        )
        other = Loader(n, batch_size, 8)
        for _ in range(made % 3):  # wherever it stands
            other.next_rows()
        other.resume(state)
        for k in range(12):
            expected, rows = loader.next_rows(), other.next_rows()
            for batch in (expected, rows):
                assert np.ndim(batch) == 1, (
                    "next_rows should return an array of row numbers; it returned "
                    f"{batch!r}"
                )
            same = np.array_equal(expected, rows)
            assert same, (
                f"{n} rows in batches of {batch_size}, stopped after {made} batches: "
                f"batch {k + 1} after that should be {np.array(expected).tolist()}, and "
                f"is {np.array(rows).tolist()}; are both kept, how the order of this "
                "epoch is drawn and how far it has been used?"
            )
            way.append(expected)
        whole = n // batch_size
        epoch = np.concatenate(way[:whole])
        right = len(set(epoch) & set(range(n))) == whole * batch_size == len(epoch)
        assert right, (
            f"{n} rows in batches of {batch_size}: the first {whole} batches should hold "
            f"different rows of the data, and hold {epoch.tolist()}"
        )
        # Stored order, backwards or from a row in the middle, has one jump only.
        jumps = len(set((np.diff(epoch) % n).tolist()))
        assert jumps > 3, (
            f"{n} rows in batches of {batch_size}: the rows {epoch.tolist()} are in no "
            "random order; shuffle all of them"
        )
        again = np.array_equal(epoch, np.concatenate(way[whole : 2 * whole]))
        assert n % batch_size or not again, (
            "the second epoch has the order of the first; is a new one drawn?"
        )

# %% role="hidden" id="small" points=1 about="A state is small, and can be used more than once."
loaders = [Loader(50_000, 100, 9) for _ in range(2)]
for _ in range(130):
    first, second = (loader.next_rows() for loader in loaders)
assert np.shape(first) == (100,), (
    f"next_rows should return an array of 100 row numbers; it returned {first!r}"
)
kept, same = (stored(loader.state()) for loader in loaders)
assert kept == same, (
    "two loaders of one seed, after the same batches, have different states; a state "
    "should hold the place itself, not say where it is kept"
)
other = Loader(50_000, 100, 10)
runs = []
for _ in range(2):
    other.resume(kept)
    runs.append(np.concatenate([other.next_rows() for _ in range(5)]))
assert np.array_equal(*runs), (
    "a loader that was resumed twice from one state returned different rows"
)
seen = set(runs[0]) & set(range(50_000))
assert len(seen) == len(runs[0]) == 500, (
    "five batches of 100 of 50,000 rows, inside an epoch, should hold 500 different "
    f"rows of the data; after resume they hold {len(seen)}"
)
jumps = len(set((np.diff(runs[0]) % 50_000).tolist()))
assert jumps > 100, (
    "in a random order nearly all jumps from one row to the next are different; among "
    f"500 rows the number of different ones is {jumps}. Shuffle the rows"
)

# %% [markdown] role="explanation"
# The place in an epoch has two parts: how the order was drawn, and how far it has been used. The usual mistakes keep one of the two. Who keeps the position alone, or neither, draws another order: of the rows that were still to come, some are missed, and others come again. Who keeps the generator as it is *now*, after the order was drawn, gets the order of the *next* epoch. Both have been reported of well-known libraries.
#
# Three ways are right. Keep the generator's state from before the draw, and the position. Or make the order a function of the seed and the epoch's number, and keep these two and the position; that is the shortest, and the easiest to test. Or keep the order itself, which is plain and long; here the limit of 1,000 characters forbids it.
#
# To go on means more than rows: weights, the memory of the update rule, the place in the schedule and all other generators belong to a checkpoint, too. In this course's library, `step.state` holds all of it but the settings. The test is the same for all: **stop, go on, and compare with a run that never stopped.**


# %% role="wrong" name="starts the epoch anew" fails=["same-rows"]
# -         return {"before": self.before, "position": self.position}
# +         return {"before": self.before}

# -         self.position = state["position"]

# %% role="wrong" name="keeps the generator as it is now" fails=["same-rows"]
# -         return {"before": self.before, "position": self.position}
# +         now = self.rng.bit_generator.state
# +         return {"before": now, "position": self.position}

# %% role="wrong" name="keeps this epoch's order, and the generator, in full" fails=["small"]
# -         return {"before": self.before, "position": self.position}
# +         now = self.rng.bit_generator.state
# +         return {"now": now, "order": self.order.tolist(), "position": self.position}

# -         self.rng.bit_generator.state = state["before"]
# -         self.begin_epoch()
# -         self.position = state["position"]
# +         self.rng.bit_generator.state = state["now"]
# +         self.order, self.position = np.array(state["order"]), state["position"]


# %% role="wrong" name="keeps every rest" fails=["rest"]
class Loader:
    def __init__(self, n, batch_size, seed):
        self.n, self.batch_size = n, batch_size
        self.place = {"seed": seed, "epoch": 0, "position": 0}

    def next_rows(self):
        rng = np.random.default_rng([self.place["seed"], self.place["epoch"]])
        order = rng.permutation(self.n)
        rows = order[self.place["position"] :][: self.batch_size]
        self.place["position"] += len(rows)
        if self.place["position"] == self.n:
            self.place["epoch"] += 1
            self.place["position"] = 0
        return rows

    def state(self):
        return self.place

    def resume(self, state):
        self.place = dict(state)


# %% role="wrong" name="keeps the epoch's number and the position, but not the seed" fails=["same-rows"]
class Loader:
    def __init__(self, n, batch_size, seed):
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self.epoch, self.position = 0, 0

    def next_rows(self):
        if self.n - self.position < min(self.batch_size, SHORTEST):
            self.epoch, self.position = self.epoch + 1, 0
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.n)
        rows = order[self.position : self.position + self.batch_size]
        self.position += len(rows)
        return rows

    def state(self):
        return {"epoch": self.epoch, "position": self.position}

    def resume(self, state):
        self.epoch, self.position = state["epoch"], state["position"]


# %% role="wrong" name="goes on at an epoch's end with the same epoch again" fails=["same-rows"]
class Loader:
    def __init__(self, n, batch_size, seed):
        self.n, self.batch_size = n, batch_size
        self.rng = np.random.default_rng(seed)
        self.begin_epoch()

    def begin_epoch(self):
        self.before = self.rng.bit_generator.state
        order = self.rng.permutation(self.n)
        batches = np.split(order, range(self.batch_size, self.n, self.batch_size))
        short = len(batches[-1]) < min(self.batch_size, SHORTEST)
        self.batches = batches[:-1] if short else batches
        self.done = 0

    def next_rows(self):
        if self.done == len(self.batches):
            self.begin_epoch()
        self.done += 1
        return self.batches[self.done - 1]

    def state(self):
        return {"before": self.before, "done": self.done % len(self.batches)}

    def resume(self, state):
        self.rng.bit_generator.state = state["before"]
        self.begin_epoch()
        self.done = state["done"]


# %% role="wrong" name="returns the same rows for ever" fails=["epochs", "rest", "same-rows", "small"]
class Loader:
    def __init__(self, n, batch_size, seed):
        self.batch_size = batch_size

    def next_rows(self):
        return np.arange(self.batch_size)

    def state(self):
        return {}

    def resume(self, state):
        pass


# %% role="wrong" name="goes through the rows backwards, from another one in each epoch" fails=["same-rows", "small"]
class Loader:
    def __init__(self, n, batch_size, seed):
        self.n, self.batch_size = n, batch_size
        self.first, self.position = seed, 0

    def next_rows(self):
        if self.n - self.position < min(self.batch_size, SHORTEST):
            self.first, self.position = self.first + 1, 0
        rows = np.arange(self.position, min(self.position + self.batch_size, self.n))
        self.position += len(rows)
        return (self.first - rows) % self.n

    def state(self):
        return [self.first, self.position]

    def resume(self, state):
        self.first, self.position = state


# %% role="wrong" name="keeps its place in a list, and says where" fails=["same-rows", "small"]
# + kept = []
#   class Loader:

# -         return {"before": self.before, "position": self.position}
# +         kept.append({"before": self.before, "position": self.position})
# +         return len(kept) - 1

# +         state = kept[state]
#           self.rng.bit_generator.state = state["before"]


# %% role="wrong" name="shuffles once, for all epochs" fails=["epochs", "rest", "same-rows"]
class Loader:
    def __init__(self, n, batch_size, seed):
        self.order = np.random.default_rng(seed).permutation(n)
        self.batch_size, self.position = batch_size, 0

    def next_rows(self):
        if self.position >= len(self.order):
            self.position = 0
        rows = self.order[self.position : self.position + self.batch_size]
        self.position += len(rows)
        return rows

    def state(self):
        return {"position": self.position}

    def resume(self, state):
        self.position = state["position"]


# %% [markdown] role="project" id="one-setting" title="One setting, two meanings" minutes=90 goal="predict and measure when two meanings of one setting lead to different models"
# Libraries give one name to different things. Choose one pair:
#
# - **Weight decay**: added to the gradient ($g + \lambda w$), or taken from the weights apart from it ($w \leftarrow (1 - \eta\lambda)\, w$), with momentum or with Adam.
# - **Momentum**: the rate outside or inside the velocity, under a schedule with steps and under a smooth one.
# - **Accumulation**: the mean of a window's means, or the mean over its rows, with lengths that have to do with the targets and with lengths that have not.
# - **The last window** of an epoch: left out, divided by a whole window's rows, or by its own.
#
# Write both meanings in NumPy, each in a function or class of at most ten lines. Show on an example that can be checked by hand that they do what you say. Then **predict**: for which setting do they lead to the same weights, for which not, and by how much do they differ there? Give a reason in a formula. Then measure.
#
# Data: `data.noisy_line()`, `data.noisy_regression()` or `data.diabetes()` (standardise it). Repeat over at least 20 seeds; all runs together within two minutes. Where you say that one meaning is better, tune the learning rate for both. No other library is needed. If you have one, you may show that your function ends at its weights.
#
# Hand in a notebook that runs from top to bottom, with about one page of text: what the two meanings are, the prediction, one figure, one table with intervals, what somebody who moves from one library to another should do, and what your numbers do not show.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Two meanings | both stated in a formula, written in a few lines, and checked on an example by hand | 2 |
# | Prediction | written before the runs, with a reason: a setting in which both agree, one in which they do not, and a size of the difference | 2 |
# | Fair test | same data, start, batches and rates; one thing changed; 20 seeds or more; each side tuned where a verdict needs it | 3 |
# | Evidence | figure and table can be read alone, with axes, units and intervals | 2 |
# | Advice and limits | one sentence that somebody can follow who changes libraries, and what the numbers do not show | 1 |
