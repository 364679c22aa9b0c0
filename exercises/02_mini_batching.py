# %% [markdown] role="set" title="Mini-batches, cut and compared" chapter="02_mini_batching"
# Cut an epoch, mend a function that cuts it wrongly, average what the batches report, foretell where a summed gradient breaks and mend it, and compare two batch sizes fairly. You need [chapter 2](../notebooks/02_mini_batching.ipynb), and from [chapter 1](../notebooks/01_gradient_descent_basics.ipynb) the largest stable step, $2/\lambda_{\max}$. Predict before you run.

# %% role="parameters"
# Exercise 1
MINIMUM_ROWS = 4  # a smaller remainder joins the batch before it; 2 to 9
# Exercise 2
HELD_OUT = 6  # rows at the end that no batch may hold; 1 to 6
# Exercise 3
MEAN_ROWS = 130  # rows; an integer that MEAN_BATCH does not divide
MEAN_BATCH = 32  # batch size; at most half of MEAN_ROWS, more than twice the remainder
LOSS_SEED = 42  # seed of the rows; from 0
# Exercise 4
SUM_RATE = 0.001  # learning rate of the summed gradient; 0.0005 to 0.003
SUM_SEED = 0  # seed of the rows; from 0
WIDE_BATCH = 88  # batch size that breaks the sum; 10 to 30 % above 0.0739 / SUM_RATE
# Exercise 5
SLOPE = 2.0  # slope of the noiseless line; any positive number
LINE_RATE = 0.01  # learning rate; 0.007 to 0.012

# %% role="setup"
import numpy as np

from mbgd_lib import LeastSquares, data, descend, minibatches
from mbgd_lib.instruments import theory

# %% [markdown] role="exercise" id="cut" title="Cut an epoch" level="warm-up" kind="write" minutes=15 goal="cut an epoch so that every row is used once and no batch is too small"
# A batch size rarely divides the number of rows. Some loops keep the short last batch, some drop it. Here it joins the batch before it if it is too short.
#
# Write `cut(n, batch_size, rng)`. It returns the batches of one epoch, a list of arrays of row numbers:
#
# - The numbers $0, \dots, n - 1$ are shuffled with the generator `rng`, anew in every call, and every number is in exactly one batch.
# - The batches have `batch_size` rows each, as long as there are enough.
# - If at least MINIMUM_ROWS rows are left over, they are the last batch.
# - If fewer than MINIMUM_ROWS rows are left over, they join the batch before them. If there is none, they are the only batch.
#
# No batch is empty. $n$ and `batch_size` are integers from 1; `batch_size` may be greater than $n$.


# %% role="answer"
def cut(n, batch_size, rng):
    """Return the batches of one epoch, a list of arrays of row numbers."""
    ### BEGIN SOLUTION
    order = rng.permutation(n)
    batches = [order[i : i + batch_size] for i in range(0, n, batch_size)]
    short = len(batches[-1]) < min(batch_size, MINIMUM_ROWS)
    if short and len(batches) > 1:
        last = batches.pop()
        batches[-1] = np.concatenate([batches[-1], last])
    return batches
    ### END SOLUTION


# %% [markdown] role="hint"
# Shuffle first, all the numbers at once. Then cut as the chapter does, with a slice that ends by itself at the end of the data.

# %% [markdown] role="hint"
# Look at the last batch after cutting. It is a remainder only if it is shorter than `batch_size`. With a small `batch_size`, a full batch may have fewer than MINIMUM_ROWS rows.

# %% role="check" id="sizes" points=1 about="The sizes are right where the batch size divides the rows, and where little is left over."
minimum = MINIMUM_ROWS
too_few = minimum - 1
for extra, sizes in ((0, [20, 20, 20]), (too_few, [20, 20, 20 + too_few])):
    batches = cut(60 + extra, 20, np.random.default_rng(0))
    assert hasattr(batches, "__iter__"), (
        f"cut should return a list of arrays, and returned {type(batches).__name__}; "
        "is a return missing?"
    )
    found = [np.size(rows) for rows in batches]
    assert found == sizes, (
        f"with n = {60 + extra} and batch_size = 20, the batches have {found} rows, "
        f"where the rules give {sizes}; what happens to the {extra} rows that are left "
        "over?"
    )

# %% role="hidden" id="remainder" points=2 about="Every remainder goes where the rules say, also in small data sets."
for n in range(1, 41):
    for batch_size in (1, 2, 3, 5, 7, 10, 13, 50):
        batches = cut(n, batch_size, np.random.default_rng(n))
        assert hasattr(batches, "__iter__"), (
            "cut should return a list of arrays, and returned "
            f"{type(batches).__name__}; is a return missing?"
        )
        found = [np.size(rows) for rows in batches]
        whole, left = divmod(n, batch_size)
        sizes = [batch_size] * whole
        if left >= MINIMUM_ROWS or (left > 0 and whole == 0):
            sizes.append(left)
        elif left > 0:
            sizes[-1] += left
        assert found == sizes, (
            f"with n = {n} and batch_size = {batch_size}, {left} rows are left over "
            f"and the batches have {found} rows, where the rules give {sizes}; look at "
            "'at least', at full batches that are small, and at n below batch_size"
        )
        different = len({row for rows in batches for row in np.ravel(rows).tolist()})
        assert different == n, (
            f"with n = {n} and batch_size = {batch_size} the batches hold {different} "
            f"different row numbers, not {n}"
        )

# %% role="hidden" id="rows" points=1 about="Every row is in one batch, and the rows are shuffled with rng."
rng = np.random.default_rng(1)
epochs = []
for _ in range(200):
    batches = cut(12, 4, rng)
    assert hasattr(batches, "__iter__"), (
        f"cut should return a list of arrays, and returned {type(batches).__name__}; "
        "is a return missing?"
    )
    epochs.append([np.ravel(rows).tolist() for rows in batches])
for batches in epochs:
    visited = sorted(row for rows in batches for row in rows)
    assert visited == list(range(12)), (
        f"with n = 12, the batches {batches} do not hold each of the rows 0 to 11 "
        "exactly once"
    )
assert len({str(batches) for batches in epochs}) > 150, (
    "200 calls with the same generator gave the same few epochs; is the order drawn "
    "from rng, in every call?"
)
together = np.mean([any({0, 1} <= set(rows) for rows in batches) for batches in epochs])
assert 0.1 < together < 0.5, (
    f"rows 0 and 1 share a batch in {together:.0%} of 200 epochs; chance gives about "
    "27 %: shuffle the rows before you cut, not the batches after"
)
again = [cut(12, 5, np.random.default_rng(3)) for _ in range(2)]
first, second = ([np.ravel(rows).tolist() for rows in batches] for batches in again)
assert first == second, (
    f"two generators with the same seed gave {first} and {second}; draw from rng only"
)

# %% [markdown] role="explanation"
# A short batch is noisy: the gradient of $b$ rows has $B/b$ times the variance of one of $B$ rows, at the same step length. It comes last, so a loss that is measured at the end of the epoch sees its noise fresh. In [chapter 2](../notebooks/02_mini_batching.ipynb) a last batch of 8 rows beside 31 of 32 raises the floor well above what theory gives for equal batches. Joining costs one step per epoch and loses no row. PyTorch's `DataLoader` keeps the short batch unless you pass `drop_last=True`; with shuffled rows that leaves out others in every epoch. Usual slips: a limit that is off by one, and a rule for remainders that also meets full batches. All of them show only at sizes that nobody tries; so try them all, as the hidden check does.


# %% role="wrong" name="keeps every remainder as a batch of its own" fails=["sizes", "remainder"]
def cut(n, batch_size, rng):
    order = rng.permutation(n)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


# %% role="wrong" name="joins a remainder of exactly the minimum, too" fails=["remainder"]
# -     short = len(batches[-1]) < min(batch_size, MINIMUM_ROWS)
# +     short = 0 < n % batch_size <= MINIMUM_ROWS

# %% role="wrong" name="loses the rows when there is no batch to join" fails=["remainder"]
# -     if short and len(batches) > 1:
# +     if short:
#           last = batches.pop()
# +     if short and batches:
#           batches[-1] = np.concatenate([batches[-1], last])

# %% role="wrong" name="treats a small full batch as a remainder" fails=["remainder"]
# -     short = len(batches[-1]) < min(batch_size, MINIMUM_ROWS)
# +     short = len(batches[-1]) < MINIMUM_ROWS


# %% role="wrong" name="returns batches of the right sizes without rows" fails=["remainder", "rows"]
# -     return batches
# +     return [np.zeros(len(batch)) for batch in batches]


# %% role="wrong" name="shuffles the batches, not the rows" fails=["rows"]
def cut(n, batch_size, rng):
    order = np.arange(n)
    batches = [order[i : i + batch_size] for i in range(0, n, batch_size)]
    if len(batches[-1]) < min(batch_size, MINIMUM_ROWS) and len(batches) > 1:
        last = batches.pop()
        batches[-1] = np.concatenate([batches[-1], last])
    tail = [batches.pop()] if len(batches[-1]) != batch_size else []
    return [batches[i] for i in rng.permutation(len(batches))] + tail


# %% [markdown] role="exercise" id="mend" title="A loop that learns nothing" level="core" kind="find the bug" minutes=25 goal="find four batching bugs that a falling loss hides"
# A colleague fits a line to 1,000 rows around $1.2 + 3.5\,x$, in batches of 32 from the function below. The loss falls from 13 to about 2.2 and stays there. "It converged." Yet the slope comes out near 0, and least squares reaches a loss of 0.12.
#
# The function is meant to return the batches of one epoch as a list of pairs, features of shape `(rows, d)` and targets of shape `(rows,)`:
#
# - The last HELD_OUT rows are held out for testing and are in no batch. Every other row is in exactly one batch, together with its own target.
# - All batches have `batch_size` rows; only the last may have fewer. None is empty.
# - Rows are shuffled with `rng`, anew in every call. `X` and `y` stay as they are.
#
# It has four bugs. Two of them are in a published tutorial. Write `mended_batches`, which does what is meant; `batch_size` may be greater than the number of rows.


# %% role="given"
def broken_batches(X, y, batch_size, rng):
    n = len(X) - HELD_OUT
    features, targets = X[:n], y[:n]
    rng.shuffle(features)
    rng.shuffle(targets)
    batches = []
    for i in range(n // batch_size + 1):
        part = slice(i * batch_size, (i + 1) * batch_size)
        batches.append((features[part], targets[part]))
    if n % batch_size != 0:
        rest = slice(n - n % batch_size, n)
        batches.append((features[rest], targets[rest]))
    return batches


# %% role="answer"
def mended_batches(X, y, batch_size, rng):
    """Return the batches of one epoch: pairs of features and targets."""
    ### BEGIN SOLUTION
    n = len(X) - HELD_OUT
    order = rng.permutation(n)
    parts = [order[i : i + batch_size] for i in range(0, n, batch_size)]
    return [(X[rows], y[rows]) for rows in parts]
    ### END SOLUTION


# %% [markdown] role="hint"
# Call the broken function on rows that you can recognise: `X = np.arange(16.0)[:, None]` and `y = np.arange(16.0)`. Print the batches, for several batch sizes. Print `X` afterwards, too.

# %% [markdown] role="hint"
# A slice of an array is a view: who shuffles it shuffles the array. And two calls of `shuffle` draw two different orders.

# %% [markdown] role="hint"
# Draw one order of row numbers, cut the order, and pick features and targets with the same numbers.

# %% role="check" id="no-empty-batch" points=1 about="No batch is empty where the batch size divides the rows."
held_out = HELD_OUT
y = np.arange(24.0 + held_out)
X = np.arange(2.0 * len(y)).reshape(-1, 2)
batches = mended_batches(X, y, 6, np.random.default_rng(0))
assert hasattr(batches, "__iter__"), (
    "mended_batches should return a list of pairs, and returned "
    f"{type(batches).__name__}; is a return missing?"
)
batches = list(batches)
assert all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in batches), (
    f"each batch should be a pair of features and targets; the first is {batches[:1]}"
)
for features, targets in batches:
    fits = np.ndim(features) == 2 and np.shape(targets) == np.shape(features)[:1]
    assert fits, (
        "a batch should hold features of shape (rows, d) and targets of shape (rows,), "
        f"and has {np.shape(features)} and {np.shape(targets)}"
    )
sizes = [np.size(targets) for _, targets in batches]
assert min(sizes, default=0) > 0, (
    f"24 rows in batches of 6 came out as batches of {sizes} rows; how often does the "
    "loop run?"
)
assert max(sizes) <= 6, f"24 rows in batches of 6 came out as batches of {sizes} rows"
assert sum(sizes) == 24, (
    f"24 rows, and HELD_OUT held out, came out as batches of {sizes} rows, which add "
    f"up to {sum(sizes)}"
)

# %% role="hidden" id="each-row-once" points=2 about="Every row that is not held out is in exactly one batch."
for n, batch_size in ((23, 5), (24, 6), (7, 10), (9, 1), (12, 8)):
    X, y = np.arange(2.0 * (n + HELD_OUT)).reshape(-1, 2), np.arange(n + HELD_OUT) + 0.5
    batches = mended_batches(X.copy(), y.copy(), batch_size, np.random.default_rng(n))
    assert hasattr(batches, "__iter__"), (
        "mended_batches should return a list of pairs, and returned "
        f"{type(batches).__name__}; is a return missing?"
    )
    batches = list(batches)
    assert all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in batches
    ), (
        "each batch should be a pair of features and targets; the first is "
        f"{batches[:1]}"
    )
    sizes = [np.size(targets) for _, targets in batches]
    place = f"{n} rows (and those held out) in batches of {batch_size}"
    assert sum(sizes) == n, (
        f"{place} came out as batches of {sizes} rows, which add up to {sum(sizes)}; "
        "is a remainder used twice, dropped, or a held-out row used?"
    )
    full = sizes[:-1] == [batch_size] * (len(sizes) - 1)
    assert full, (
        f"{place} came out as batches of {sizes} rows; only the last may be smaller"
    )
    assert 0 < sizes[-1] <= batch_size, (
        f"{place} came out as batches of {sizes} rows; what happens at the end?"
    )
    seen = np.sort(np.concatenate([np.ravel(features)[::2] for features, _ in batches]))
    assert np.array_equal(seen, X[:n, 0]), (
        f"{place}: the batches do not hold each row exactly once, or hold one of the "
        "last rows, which are held out"
    )

# %% role="hidden" id="own-target" points=1 about="Every row comes with its own target, in a new order in every call."
rng = np.random.default_rng(4)
X = rng.normal(size=(40 + HELD_OUT, 3))
y = X @ [1.0, -2.0, 3.0]
draw, orders = np.random.default_rng(5), []
for _ in range(4):
    batches = mended_batches(X.copy(), y.copy(), 7, draw)
    assert hasattr(batches, "__iter__"), (
        "mended_batches should return a list of pairs, and returned "
        f"{type(batches).__name__}; is a return missing?"
    )
    batches = list(batches)
    assert all(
        isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in batches
    ), (
        "each batch should be a pair of features and targets; the first is "
        f"{batches[:1]}"
    )
    fits = all(np.shape(A) == (np.size(t), 3) for A, t in batches)
    assert fits, "a batch should hold rows of three features, and a target for each"
    targets = np.concatenate([[], *(np.ravel(t) for _, t in batches)])
    rows = np.abs(targets[:, None] - y).argmin(axis=1)  # whose targets these are
    same = np.allclose(
        np.concatenate([np.zeros((0, 3)), *(A for A, _ in batches)]), X[rows]
    )
    same &= np.allclose(targets, y[rows])
    assert same, (
        "some batches hold rows with targets of other rows; are features and targets "
        "picked with the same row numbers?"
    )
    assert len(set(rows)) >= 35, (
        f"the batches hold {len(set(rows))} different rows of 40; is the function complete?"
    )
    near = np.mean(np.abs(np.diff(rows)) <= 6)
    assert near < 0.8, (
        f"in {near:.0%} of all cases the next row lies at most six rows away in the "
        "data, where a random order gives about 28 %; shuffle all rows, then cut"
    )
    orders.append(targets.tolist())
assert len({str(order) for order in orders}) == 4, (
    "four calls with the same generator did not give four orders; draw from rng in "
    "every call"
)

# %% role="hidden" id="data-untouched" points=1 in_place=true about="The data are the same after the call as before."
X, y = np.arange(56.0 + 2 * HELD_OUT).reshape(-1, 2), np.arange(28.0 + HELD_OUT)
A, t = X.copy(), y.copy()
batches = mended_batches(A, t, 4, np.random.default_rng(6))
assert hasattr(batches, "__iter__"), (
    "mended_batches should return a list of pairs, and returned "
    f"{type(batches).__name__}; is a return missing?"
)
batches = list(batches)
assert all(isinstance(pair, (tuple, list)) and len(pair) == 2 for pair in batches), (
    f"each batch should be a pair of features and targets; the first is {batches[:1]}"
)
found = np.concatenate([[], *(np.ravel(targets) for _, targets in batches)])
assert len(found) == 28, (
    f"28 rows in batches of 4 came out as {len(found)} rows; is the function complete?"
)
assert found.tolist() != y[:28].tolist(), "the rows come in stored order; shuffle them"
rows = np.concatenate([np.ravel(features) for features, _ in batches])
right = len(set(found) & set(y)) == 28 and len(set(rows) & set(X.ravel())) == 56
assert right, "the batches do not hold 28 different rows of X and y"
same = np.array_equal(A, X) and np.array_equal(t, y)
assert same, (
    "X or y have changed during the call; shuffling a slice shuffles the array that it "
    "is from"
)

# %% [markdown] role="explanation"
# Rows and targets were shuffled apart: two shuffles, two orders. Then no feature can help, and the best the loop can find is the mean of the targets. That is what the loss fell to: about half the variance of $y$, far below its start. **A falling loss does not show that a model learns from its features.** Compare it with the loss of a constant.
#
# The shuffle also went through views into the caller's arrays, so the pairs were lost for good, for every later use of the data. The other two bugs are a tutorial's: the loop takes one turn too many, which gives an empty batch where the batch size divides the rows. Where it does not, that turn has taken the remainder already, and the `if` takes it again. One order of row numbers, cut by slices, has none of these bugs, and copies the data one batch at a time.


# %% role="wrong" name="returns zeros in one batch" fails=["no-empty-batch", "each-row-once", "own-target", "data-untouched"]
# -     return [(X[rows], y[rows]) for rows in parts]
# +     return [(0 * X[order], 0 * y[order])]

# %% role="wrong" name="skips the empty batch, keeps the second remainder" fails=["each-row-once"]
#       parts = [order[i : i + batch_size] for i in range(0, n, batch_size)]
# +     if n % batch_size != 0:
# +         parts.append(order[n - n % batch_size :])

# %% role="wrong" name="drops the remainder" fails=["each-row-once"]
# -     parts = [order[i : i + batch_size] for i in range(0, n, batch_size)]
# +     starts = range(0, n - batch_size + 1, batch_size)
# +     parts = [order[i : i + batch_size] for i in starts]


# %% role="wrong" name="shuffles copies, but still apart" fails=["own-target"]
def mended_batches(X, y, batch_size, rng):
    n = len(X) - HELD_OUT
    features, targets = rng.permutation(X[:n]), rng.permutation(y[:n])
    return [
        (features[i : i + batch_size], targets[i : i + batch_size])
        for i in range(0, n, batch_size)
    ]


# %% role="wrong" name="writes one shuffled order back into the arrays" fails=["data-untouched"]
def mended_batches(X, y, batch_size, rng):
    n = len(X) - HELD_OUT
    order = rng.permutation(n)
    X[:n], y[:n] = X[order], y[order]
    return [
        (X[i : min(i + batch_size, n)], y[i : min(i + batch_size, n)])
        for i in range(0, n, batch_size)
    ]


# %% role="wrong" name="holds out rows after the shuffle" fails=["each-row-once"]
# -     order = rng.permutation(n)
# +     order = rng.permutation(len(X))[:n]

# %% role="wrong" name="begins at a random row, forwards or backwards" fails=["own-target"]
# -     order = rng.permutation(n)
# +     order = np.roll(np.arange(n)[:: rng.choice([1, -1])], rng.integers(1, n))

# %% role="wrong" name="shuffles the rows inside each batch only" fails=["own-target"]
# -     order = rng.permutation(n)
# -     parts = [order[i : i + batch_size] for i in range(0, n, batch_size)]
# +     starts = range(0, n, batch_size)
# +     parts = [rng.permutation(np.arange(n)[i : i + batch_size]) for i in starts]

# %% [markdown] role="exercise" id="mean" title="The mean of means" level="core" kind="predict, then measure" minutes=20 goal="average what batches report so that every row counts once"
# Many training loops add up the batches' mean losses and divide by the number of batches. Is that the loss?
#
# `row_losses` below holds the losses of MEAN_ROWS rows, in the order in which they are stored: ascending. They are visited in batches of MEAN_BATCH; the last batch holds what is left. The **error** of an order is the mean of its batches' mean losses, minus the mean over all rows.
#
# Set these names:
#
# - `counts_as`, predicted: how many times as much does a row of the last batch count in the mean of means as a row of any other batch?
# - `stored_error`: the error in the stored order.
# - `random_mean` and `random_spread`: mean and standard deviation of the error over 1,000 random orders of the rows, to three digits or more, with a generator of your choice. Predict first: which of the two is (nearly) zero? "Nearly" is to be read with care: a mean over 1,000 orders is uncertain by the standard deviation divided by $\sqrt{1000}$, and up to two or three times that is nothing unusual.
# - `epoch_loss(batch_means, batch_sizes)`: a function that returns the mean over all rows, from the batches' means and sizes alone (two lists or arrays of equal length).

# %% role="given"
_, targets = data.noisy_line(MEAN_ROWS, seed=LOSS_SEED)
row_losses = np.sort(targets**2 / 2)  # of the weights zero, in ascending order

# %% role="answer"
### BEGIN SOLUTION
# STUB: counts_as = None  # predicted
# STUB: stored_error = None  # measured
# STUB: random_mean = None  # measured
# STUB: random_spread = None  # measured
# STUB: # and the function:
# STUB:
# STUB:
# STUB: def epoch_loss(batch_means, batch_sizes):
# STUB:     """Return the mean over all rows."""
# STUB:     raise NotImplementedError("write your answer here")


def epoch_loss(batch_means, batch_sizes):
    """Return the mean over all rows."""
    return np.average(batch_means, weights=batch_sizes)


def error(losses):
    parts = [losses[i : i + MEAN_BATCH] for i in range(0, MEAN_ROWS, MEAN_BATCH)]
    return np.mean([part.mean() for part in parts]) - losses.mean()


counts_as = MEAN_BATCH / (MEAN_ROWS % MEAN_BATCH)
stored_error = error(row_losses)
rng = np.random.default_rng(0)
errors = [error(rng.permutation(row_losses)) for _ in range(1000)]
random_mean, random_spread = np.mean(errors), np.std(errors)
### END SOLUTION

# %% [markdown] role="hint"
# In the mean of $m$ batch means, a row in a batch of $b$ rows has the weight $\frac1m \cdot \frac1b$. Which weight should every row have?

# %% [markdown] role="hint"
# A batch's mean times its size is the sum of its rows' losses. For the random orders, permute the rows and cut each order again; permuting the batches changes nothing.

# %% role="check" id="equal-batches" points=1 about="For batches of equal size, epoch_loss is the plain mean."
from numbers import Real

for means, sizes in (([1.0, 2.0, 6.0], [4, 4, 4]), ([5.0], [3]), ([2.0, 4.0], [1, 1])):
    for kind in (list, np.array):
        value = epoch_loss(kind(means), kind(sizes))
        assert isinstance(value, Real), (
            f"epoch_loss should return a number, and returned {type(value).__name__}; "
            "is a return missing?"
        )
        assert abs(value - sum(means) / len(means)) < 1e-9, (
            f"batches of equal size {sizes} have the means {means}; epoch_loss gave "
            f"{value}, but here every batch should count the same"
        )

# %% role="hidden" id="weighted" points=1 about="For batches of any sizes, epoch_loss is the mean over all rows."
from numbers import Real

rng = np.random.default_rng(8)
for _ in range(20):
    losses = rng.exponential(size=50)
    inner = np.sort(rng.choice(np.arange(1, 50), size=5, replace=False))
    parts = np.split(losses, inner)
    sizes = [len(part) for part in parts]
    value = epoch_loss([part.mean() for part in parts], sizes)
    assert isinstance(value, Real), (
        f"epoch_loss should return a number, and returned {type(value).__name__}"
    )
    assert abs(value - losses.mean()) < 1e-9, (
        f"50 rows in batches of {sizes} have a mean of {losses.mean():.4f}; epoch_loss "
        f"gave {value:.4f}: a batch should count by its number of rows"
    )

# %% role="hidden" id="stored" points=1 about="The weight of the last rows and the error in the stored order are right."
from numbers import Real

for name, value in (("counts_as", counts_as), ("stored_error", stored_error)):
    assert value is not None, f"{name} is still None: write your number there"
    usable = isinstance(value, Real) and np.isfinite(value)
    assert usable, f"{name} should be a finite number, and is {value!r}"
left = MEAN_ROWS % MEAN_BATCH
assert abs(counts_as * left / MEAN_BATCH - 1) < 0.01, (
    f"counts_as is {counts_as}; a row's weight in the mean of means is 1 / (batches × "
    "rows of its batch): divide that of a last row by that of another"
)
parts = np.split(row_losses, range(MEAN_BATCH, MEAN_ROWS, MEAN_BATCH))
expected = np.mean([part.mean() for part in parts]) - row_losses.mean()
assert abs(stored_error - expected) < 1e-6 + 2e-3 * abs(expected), (
    f"stored_error is {stored_error}; it should be the mean of the batch means minus "
    "the mean over all rows, in the stored order and in the units of the loss"
)

# %% role="hidden" id="random-orders" points=1 about="Mean and spread of the error over random orders are right."
from numbers import Real

for name, value in (("random_mean", random_mean), ("random_spread", random_spread)):
    assert value is not None, f"{name} is still None: write your number there"
    usable = isinstance(value, Real) and np.isfinite(value)
    assert usable, f"{name} should be a finite number, and is {value!r}"
# The error is (1/m - b/n) (mean of the last b rows - mean of the others).
n, b, m = MEAN_ROWS, MEAN_ROWS % MEAN_BATCH, MEAN_ROWS // MEAN_BATCH + 1
deviation = np.sqrt(row_losses.var() / b * (n - b) / (n - 1))
expected = abs(1 / m - b / n) * n / (n - b) * deviation
# Over 1,000 orders the spread is known to about 3 %.
assert abs(random_spread / expected - 1) < 0.15, (
    f"random_spread is {random_spread}; it should be the standard deviation of 1,000 "
    "errors, each from a new order of all rows, cut into batches again"
)
thousandths = 1000 * random_spread / expected
assert abs(thousandths - round(thousandths)) > 1e-6, (
    f"random_spread is {random_spread / expected:.3f} times what a formula gives, to "
    "nine digits; a measurement scatters, so draw the orders"
)
assert random_mean != 0, (
    "random_mean is exactly 0, which a mean over 1,000 random orders never is; measure "
    "it, and keep its digits"
)
assert abs(random_mean) < 6 * expected / np.sqrt(1000), (
    f"random_mean is {random_mean}, more than chance allows over 1,000 orders; is the "
    "order of the rows really random, and the mean over all rows subtracted?"
)

# %% [markdown] role="explanation"
# The mean of means counts every row of a short last batch too much. What that does depends on the order. In a fixed order it is a **bias**: here the largest losses come last, and the reported loss is too high, in every epoch anew. In random orders it is **no bias**: every row is equally often in the last batch, and at fixed weights the errors average to zero. You often read that the unweighted mean is biased; for shuffled rows that is wrong. It is noise: with the published numbers, 130 rows in batches of 32, more than a third of all orders report a loss that is off by more than 10 %. Weighting by size removes bias and noise alike, and costs nothing. In a real loop the weights move between the batches, so that even the weighted mean is not the loss at the epoch's end.


# %% role="wrong" name="averages the batch means" fails=["weighted"]
# -     return np.average(batch_means, weights=batch_sizes)
# +     return np.mean(batch_means)

# %% role="wrong" name="takes the mean of the errors for zero" fails=["random-orders"]
# - random_mean, random_spread = np.mean(errors), np.std(errors)
# + random_mean, random_spread = 0.0, np.std(errors)

# %% role="wrong" name="computes the spread by a formula" fails=["random-orders"]
# - random_mean, random_spread = np.mean(errors), np.std(errors)
# + last = MEAN_ROWS % MEAN_BATCH
# + weight = 1 / (MEAN_ROWS // MEAN_BATCH + 1) - last / MEAN_ROWS
# + variance = row_losses.var() / last * MEAN_ROWS**2 / (MEAN_ROWS - last)
# + random_mean, random_spread = 0.01, weight * np.sqrt(variance / (MEAN_ROWS - 1))

# %% role="wrong" name="takes the share of rows for their weight" fails=["stored"]
# - counts_as = MEAN_BATCH / (MEAN_ROWS % MEAN_BATCH)
# + counts_as = (MEAN_ROWS % MEAN_BATCH) / MEAN_BATCH


# %% role="wrong" name="shuffles the batches in place of the rows" fails=["random-orders"]
def epoch_loss(batch_means, batch_sizes):
    return np.dot(batch_means, batch_sizes) / np.sum(batch_sizes)


parts = np.split(row_losses, range(MEAN_BATCH, MEAN_ROWS, MEAN_BATCH))
means = np.array([part.mean() for part in parts])
counts_as = MEAN_BATCH / (MEAN_ROWS % MEAN_BATCH)
stored_error = means.mean() - row_losses.mean()
rng = np.random.default_rng(3)
errors = [rng.permutation(means).mean() - row_losses.mean() for _ in range(1000)]
random_mean, random_spread = np.mean(errors), np.std(errors)


# %% role="wrong" name="reports the standard error of the mean as the spread" fails=["random-orders"]
# - random_mean, random_spread = np.mean(errors), np.std(errors)
# + random_mean, random_spread = np.mean(errors), np.std(errors) / np.sqrt(1000)

# %% [markdown] role="exercise" id="sum" title="Where the sum breaks" level="core" kind="find the bug" minutes=30 goal="foretell from the Hessian which batch size a summed gradient survives, and mend the sum"
# A tutorial offers learning rate and batch size as two free choices. Its epoch is `summed_epoch` below, for features `A` with a column of ones, targets `y` and a list of batches, each an array of row numbers. Every step takes the **sum** of its batch's gradients, each the gradient of half a squared residual. First foretell where that breaks, then mend it.
#
# A sum over $B$ rows with the learning rate $\eta$ is a mean with $B\eta$. So `descend`, which takes means, makes the tutorial's steps with `learning_rate=SUM_RATE * batch_size`. The data are below, 7,200 rows; a run starts from zero weights and takes three epochs. Keep to these, and in the first five names to a summed gradient with a learning rate of SUM_RATE. Set these names, the predictions before the measurements:
#
# - `predicted_limit`: the batch size at which the sum breaks, from `objective.hessian()`. It need not be an integer.
# - `predicted_centred`: the same limit after the feature's mean has been subtracted from the feature.
# - `predicted_decades`: at batches of WIDE_BATCH, by how many powers of ten is the loss after three epochs larger than at the start? Take the direction of $\lambda_{\max}$ only, and all batches as full, each with the Hessian of all rows. This leaves out the other direction, and that each batch has a Hessian of its own.
# - `measured_decades`: $\log_{10}$ of that ratio, from a run.
# - `first_broken`: the smallest batch size above 10 whose run ends with a larger loss than it starts with. (Smaller batches do not break at this learning rate; their runs only take long.)
# - `mended_epoch(A, y, weights, batches, learning_rate)`: `summed_epoch`, mended so that a step no longer grows with its batch, whatever the sizes of the batches. With batches of one row nothing changes. Change nothing else.

# %% role="given"
X, y = data.correlated_gaussian(8000, seed=SUM_SEED)
X, y = X[:7200], y[:7200]
objective = LeastSquares(X, y)


def summed_epoch(A, y, weights, batches, learning_rate):
    for rows in batches:
        residuals = A[rows] @ weights - y[rows]
        weights = weights - learning_rate * A[rows].T @ residuals
    return weights


# %% role="answer"
### BEGIN SOLUTION
# STUB: predicted_limit = None  # predicted
# STUB: predicted_centred = None  # predicted
# STUB: predicted_decades = None  # predicted
# STUB: measured_decades = None  # measured
# STUB: first_broken = None  # measured
# STUB: # and the function:
# STUB:
# STUB:
# STUB: def mended_epoch(A, y, weights, batches, learning_rate):
# STUB:     """Return the weights after one step per batch."""
# STUB:     raise NotImplementedError("write your answer here")
def mended_epoch(A, y, weights, batches, learning_rate):
    """Return the weights after one step per batch."""
    for rows in batches:
        residuals = A[rows] @ weights - y[rows]
        weights = weights - learning_rate * A[rows].T @ residuals / len(rows)
    return weights


def decades(batch_size):
    settings = {"learning_rate": SUM_RATE * batch_size, "batch_size": batch_size}
    run = descend(objective, [0, 0], epochs=3, seed=0, **settings)
    return np.log10(run.epoch_losses[-1] / run.epoch_losses[0])


centred = LeastSquares(X - X.mean(), y)
predicted_limit = theory.largest_stable_step(objective.hessian()) / SUM_RATE
predicted_centred = theory.largest_stable_step(centred.hessian()) / SUM_RATE
steps = 3 * np.ceil(7200 / WIDE_BATCH)
factor = 1 - 2 * WIDE_BATCH / predicted_limit  # 1 - (rate × batch size) × curvature
predicted_decades = 2 * steps * np.log10(abs(factor))
measured_decades = decades(WIDE_BATCH)
first_broken = next(size for size in range(11, 7200) if decades(size) > 0)
### END SOLUTION

# %% [markdown] role="hint"
# The largest stable step for a mean is $2/\lambda_{\max}$. Set it equal to $B\eta$. With a centred feature the Hessian is diagonal: 1 for the intercept, and the variance of the feature.

# %% [markdown] role="hint"
# Along an eigenvector each step multiplies the distance from the minimum by $1 - B\eta\lambda$. The loss grows as the square of the distance.

# %% [markdown] role="hint"
# For `mended_epoch`: by what must a sum over rows be divided to be their mean? Try it with batches of different sizes, such as `np.arange(4)` and `np.arange(4, 6)`.

# %% role="check" id="breaks" points=1 about="At first_broken the run breaks, and a little below it does not."
from numbers import Real

assert first_broken is not None, "first_broken is still None: write your number there"
usable = isinstance(first_broken, Real) and first_broken % 1 == 0
assert usable, f"first_broken should be an integer, and is {first_broken!r}"
assert 10 < first_broken < 400, (
    f"first_broken is {first_broken}, and should be above 10; if it is very large, is "
    "the learning rate SUM_RATE times the batch size?"
)


def largest_ratio(size):
    rate = SUM_RATE * size
    settings = {"learning_rate": rate, "batch_size": size, "epochs": 3}
    runs = [descend(objective, [0, 0], seed=seed, **settings) for seed in range(3)]
    return max(run.epoch_losses[-1] / run.epoch_losses[0] for run in runs)


size = int(first_broken)
below = int(0.95 * size)
# Right at the limit the ratio depends on the shuffle: a third is near enough to one.
assert largest_ratio(size) > 1 / 3, (
    f"in three shuffles at batches of {size}, no run ended with a larger loss than it "
    "started with"
)
assert largest_ratio(below) < 1, (
    f"a run breaks at batches of {below} already, which is below your {size}"
)

# %% role="hidden" id="limit" points=1 about="The limit follows from the largest curvature."
from numbers import Real

assert predicted_limit is not None, (
    "predicted_limit is still None: write your number there"
)
usable = isinstance(predicted_limit, Real) and np.isfinite(predicted_limit)
assert usable, f"predicted_limit should be a finite number, and is {predicted_limit!r}"
A = np.column_stack([np.ones(7200), X])
expected = 2 / np.linalg.eigvalsh(A.T @ A / 7200)[-1] / SUM_RATE
assert abs(predicted_limit - expected) < 1, (
    f"predicted_limit is {predicted_limit}; the sum's step is that of a mean with B "
    "times the learning rate: for which B is that the largest stable step?"
)

# %% role="hidden" id="centred" points=1 about="The limit for a centred feature is right."
from numbers import Real

assert predicted_centred is not None, (
    "predicted_centred is still None: write your number there"
)
usable = isinstance(predicted_centred, Real) and np.isfinite(predicted_centred)
assert usable, (
    f"predicted_centred should be a finite number, and is {predicted_centred!r}"
)
expected = 2 / max(1.0, X.var()) / SUM_RATE
# Within 3 %: enough for who takes the feature's variance as 1, which it is in the population.
assert abs(predicted_centred / expected - 1) < 0.03, (
    f"predicted_centred is {predicted_centred}; which are the two curvatures when the "
    "feature has mean zero, and which is larger?"
)

# %% role="hidden" id="decades" points=2 about="The growth of the loss is foretold, and measured."
from numbers import Real

for name, value in (
    ("predicted_decades", predicted_decades),
    ("measured_decades", measured_decades),
):
    assert value is not None, f"{name} is still None: write your number there"
    usable = isinstance(value, Real) and np.isfinite(value)
    assert usable, f"{name} should be a finite number, and is {value!r}"
largest = np.linalg.eigvalsh(objective.hessian())[-1]
rate = SUM_RATE * WIDE_BATCH
expected = 2 * 3 * 7200 / WIDE_BATCH * np.log10(abs(1 - rate * largest))
settings = {"learning_rate": rate, "batch_size": WIDE_BATCH, "epochs": 3, "seed": 7}
run = descend(objective, [0, 0], **settings)
measured = np.log10(run.epoch_losses[-1] / run.epoch_losses[0])
# Other shuffles and another count of the last, smaller batch stay within 3 decades.
assert abs(measured_decades - measured) < 3, (
    f"measured_decades is {measured_decades}; another shuffle gave a number that is "
    "more than 3 away. Is it log10 of the last loss over the first, after 3 epochs at "
    f"{WIDE_BATCH} rows?"
)
# Rounded, a run and its prediction may well agree.
rounded = measured_decades == round(float(measured_decades), 3)
assert rounded or abs(measured_decades - predicted_decades) > 1e-9, (
    "measured_decades agrees with predicted_decades to nine digits, which a run never "
    "does; make the run"
)
assert abs(predicted_decades - expected) < 3, (
    f"predicted_decades is {predicted_decades}; count the steps of three epochs, take "
    "the factor of one step along the steepest direction, and think of what the loss "
    "does when the distance doubles"
)

# %% role="hidden" id="mended-step" points=1 about="A mended step does not grow with the batch size."
rng = np.random.default_rng(21)
A, y, weights = rng.normal(size=(60, 3)), rng.normal(size=60), rng.normal(size=3)
for size in (1, 3, 20, 60):
    batches = np.split(rng.permutation(60), 60 // size)
    result = mended_epoch(A.copy(), y.copy(), weights.copy(), batches, 0.01)
    assert result is not None, "mended_epoch returned None; is a return missing?"
    assert np.shape(result) == (3,), (
        "for three weights mended_epoch should return three numbers, and returned the "
        f"shape {np.shape(result)}"
    )
    assert np.asarray(result).dtype.kind in "fi", "mended_epoch should return numbers"
    expected = weights.copy()
    for rows in batches:
        expected -= 0.01 * np.mean((A[rows] @ expected - y[rows]) * A[rows].T, axis=1)
    far = np.linalg.norm(result - weights) / np.linalg.norm(expected - weights)
    # Rounding only: the order of a sum may differ.
    assert np.allclose(result, expected, rtol=1e-9, atol=1e-12), (
        f"with 60 rows in batches of {size}, an epoch moves the weights {far:.3g} "
        "times as far as steps with mean gradients, taken one after the other, do; by "
        "what is a step divided?"
    )

# %% role="hidden" id="mended-short" points=1 in_place=true about="A short batch is mended too, and nothing else has changed."
rng = np.random.default_rng(22)
for sizes in ((7, 7, 7, 2), (4, 9), (5,)):
    n = sum(sizes)
    A, y, weights = rng.normal(size=(n, 2)), rng.normal(size=n), rng.normal(size=2)
    batches = np.split(rng.permutation(n), np.cumsum(sizes)[:-1])
    given = A.copy(), y.copy(), weights.copy()
    result = mended_epoch(*given, [rows.copy() for rows in batches], 0.02)
    assert result is not None, "mended_epoch returned None; is a return missing?"
    assert np.shape(result) == (2,), (
        "for two weights mended_epoch should return two numbers, and returned the "
        f"shape {np.shape(result)}"
    )
    assert np.asarray(result).dtype.kind in "fi", "mended_epoch should return numbers"
    expected = weights.copy()
    for rows in batches:
        expected -= 0.02 * np.mean((A[rows] @ expected - y[rows]) * A[rows].T, axis=1)
    # Rounding only: the order of a sum may differ.
    assert np.allclose(result, expected, rtol=1e-9, atol=1e-12), (
        f"with batches of {sizes} rows, the weights are {np.round(result, 4)}, which "
        "is not where steps with mean gradients lead; is each step divided by the "
        "number of rows of its own batch, and is every batch used?"
    )
    same = [np.array_equal(given[i], (A, y, weights)[i]) for i in range(3)]
    assert all(same), (
        "the caller's features, targets or weights have changed during the call; "
        "`summed_epoch` leaves them alone"
    )

# %% [markdown] role="explanation"
# A sum ties the step to the batch size. The limit $2/(\eta\lambda_{\max})$ is sharp to within one or two rows, although no single batch has the Hessian of all rows: their average decides. Even the size of the disaster can be foretold: dozens of powers of ten, to within one or two per cent. The prediction is the larger one. The batches' curvatures scatter around $\lambda_{\max}$, and a growth factor loses more to a batch below the mean than it gains from one above. Subtracting the feature's mean moves the limit by a factor of about 27, since nearly all of $\lambda_{\max}$ comes from a feature with mean 5 beside an intercept. So it is not that "large batches diverge": a sum diverges, at a batch size that the data and the learning rate set. The mend is one division. With a mean at the learning rate $\eta$, the step does not know the batch size. With the published numbers, 0.001 and batches of 88, the mended loop ends three epochs with less than a hundredth of the loss it started with. With all 7,200 rows in a batch it takes only three steps and has lost 15 %: slow, not broken.
#
# The divisor is the batch's own number of rows: a fixed one makes the short batch's step too short. The usual slip in `predicted_decades` is to forget the square: the loss grows with the square of the distance.


# %% role="wrong" name="takes the best single step for the largest stable one" fails=["limit"]
def decades(batch_size):
    settings = {"learning_rate": SUM_RATE * batch_size, "batch_size": batch_size}
    losses = descend(objective, [0, 0], epochs=3, seed=1, **settings).epoch_losses
    return np.log10(losses[-1] / losses[0])


largest = np.linalg.eigvalsh(objective.hessian())[-1]
predicted_limit = 1 / (SUM_RATE * largest)
predicted_centred = 2 / SUM_RATE
steps = 3 * 7200 / WIDE_BATCH
predicted_decades = 2 * steps * np.log10(abs(1 - SUM_RATE * WIDE_BATCH * largest))
measured_decades = decades(WIDE_BATCH)
first_broken = next(size for size in range(11, 7200) if decades(size) > 0)


def mended_epoch(A, y, weights, batches, learning_rate):
    for rows in batches:
        residuals = (A[rows] @ weights - y[rows])[:, None]
        weights = weights - learning_rate * np.mean(residuals * A[rows], axis=0)
    return weights


# %% role="wrong" name="forgets that the loss is the square of the distance" fails=["decades"]
# - predicted_decades = 2 * steps * np.log10(abs(factor))
# + predicted_decades = steps * np.log10(abs(factor))

# %% role="wrong" name="takes the prediction for the measurement" fails=["decades"]
# - measured_decades = decades(WIDE_BATCH)
# + measured_decades = predicted_decades

# %% role="wrong" name="thinks that the mean of a feature does not matter" fails=["centred"]
# - predicted_centred = theory.largest_stable_step(centred.hessian()) / SUM_RATE
# + predicted_centred = predicted_limit

# %% role="wrong" name="forgets that a sum is a mean times the batch size" fails=["breaks", "decades"]
# -     settings = {"learning_rate": SUM_RATE * batch_size, "batch_size": batch_size}
# +     settings = {"learning_rate": SUM_RATE, "batch_size": batch_size}

# - first_broken = next(size for size in range(11, 7200) if decades(size) > 0)
# + sizes = range(100, 7201, 100)
# + first_broken = next((size for size in sizes if decades(size) > 0), 7200)

# %% role="wrong" name="keeps the sum" fails=["mended-step", "mended-short"]
# -         weights = weights - learning_rate * A[rows].T @ residuals / len(rows)
# +         weights = weights - learning_rate * A[rows].T @ residuals

# %% role="wrong" name="empties the caller's list of batches" fails=["mended-step", "mended-short"]
# +     batches.clear()
#       for rows in batches:

# %% role="wrong" name="divides by the number of all rows" fails=["mended-step", "mended-short"]
# -         weights = weights - learning_rate * A[rows].T @ residuals / len(rows)
# +         weights = weights - learning_rate * A[rows].T @ residuals / len(y)

# %% role="wrong" name="divides the short batch by the size of the first" fails=["mended-short"]
# -         weights = weights - learning_rate * A[rows].T @ residuals / len(rows)
# +         weights = weights - learning_rate * A[rows].T @ residuals / len(batches[0])

# %% role="wrong" name="moves the caller's weights" fails=["mended-short"]
# -         weights = weights - learning_rate * A[rows].T @ residuals / len(rows)
# +         weights -= learning_rate * A[rows].T @ residuals / len(rows)

# %% [markdown] role="exercise" id="fair" title="Batches of two against batches of four" level="stretch" kind="fair comparison" minutes=40 goal="compare two batch sizes over many shuffles, epoch by epoch and step by step"
# A tutorial asks you to fit a line through zero on the eight rows $x = 1, \dots, 8$, once with batches of 2 and once with batches of 4, for five epochs, and to observe what the larger batch does to speed and stability. One shuffle each, no seed. Do it properly, here for $y = SLOPE\,x$ and a learning rate of LINE_RATE.
#
# Write `shuffled_losses(batch_size, epochs, runs)`. It makes `runs` independent runs of mini-batch gradient descent on these rows and returns an array with one row per run and one column per step, and the start in column 0.
#
# - Weight and intercept start at 0. The step is LINE_RATE times the mean gradient of the batch's **half** squared residuals (the batch's own number of rows counts; the last may be smaller).
# - Each epoch of each run has a new random order of the rows; each run has an order of its own. Use any seeds, but the same seeds give the same result.
# - What is recorded is the mean square of **all eight** residuals, not halved, as the tutorial prints it.
#
# Then run both batch sizes 500 times and set, with $M_B(k)$ the median over the runs of the loss after $k$ steps with batches of $B$:
#
# - `ratio_by_epoch`: $M_4 / M_2$, both after five epochs;
# - `ratio_by_step`: $M_4 / M_2$, both after ten steps;
# - `upsets`: in which share of 500 pairs (one run of each) are batches of 4 ahead, with the smaller loss, after ten steps?

# %% role="given"
x = np.arange(1.0, 9.0)
target = SLOPE * x

# %% role="answer"
### BEGIN SOLUTION
# STUB: ratio_by_epoch = None  # measured
# STUB: ratio_by_step = None  # measured
# STUB: upsets = None  # measured, from 0 to 1
# STUB: # and the function:
# STUB:
# STUB:
# STUB: def shuffled_losses(batch_size, epochs, runs):
# STUB:     """Return the losses, one row per run, one column per step and the start."""
# STUB:     raise NotImplementedError("write your answer here")


def one_run(batch_size, epochs, seed):
    intercept, weight = 0.0, 0.0
    losses = [np.mean(target**2)]
    for rows in minibatches(8, batch_size, epochs=epochs, seed=seed):
        residuals = intercept + weight * x[rows] - target[rows]
        intercept -= LINE_RATE * residuals.mean()
        weight -= LINE_RATE * (residuals * x[rows]).mean()
        losses.append(np.mean((intercept + weight * x - target) ** 2))
    return losses


def shuffled_losses(batch_size, epochs, runs):
    """Return the losses, one row per run, one column per step and the start."""
    return np.array([one_run(batch_size, epochs, seed) for seed in range(runs)])


twos, fours = shuffled_losses(2, 5, 500), shuffled_losses(4, 5, 500)
ratio_by_epoch = np.median(fours[:, -1]) / np.median(twos[:, -1])
ratio_by_step = np.median(fours[:, 10]) / np.median(twos[:, 10])
upsets = np.mean(fours[:, 10] < twos[:, 10])
### END SOLUTION

# %% [markdown] role="hint"
# Write one run first, with a generator of its own: the chapter's ten lines, and a loss over all rows after every step. Then stack the runs.

# %% [markdown] role="hint"
# Both residuals and targets of a step use the same row numbers. Compute the residuals once, before you change either weight.

# %% [markdown] role="hint"
# Five epochs of batches of 4 are ten steps, five epochs of batches of 2 are twenty. So both ratios have the same numerator.

# %% role="check" id="shape" points=1 about="The array has the right shape, and its first column is the loss at the start."
for batch_size, columns in ((2, 9), (8, 3), (5, 5)):
    losses = shuffled_losses(batch_size, 2, 3)
    assert hasattr(losses, "__iter__"), (
        "shuffled_losses should return an array, and returned "
        f"{type(losses).__name__}; is a return missing?"
    )
    assert np.shape(losses) == (3, columns), (
        f"three runs of two epochs in batches of {batch_size} should give shape (3, "
        f"{columns}), the start and every step, and gave {np.shape(losses)}"
    )
    losses = np.asarray(losses, dtype=float)
    assert np.isfinite(losses).all(), (
        "some losses are not finite; does the run diverge?"
    )
    assert np.allclose(losses[:, 0], np.mean(target**2)), (
        f"the first column holds {losses[:, 0]}; it should be the mean square of all "
        "eight residuals at zero weights, not halved"
    )
    assert (losses[:, -1] < losses[:, 0]).all(), (
        f"after two epochs in batches of {batch_size} the losses are {losses[:, -1]}, "
        "no smaller than at the start; does every step change the weights?"
    )
losses = np.asarray(shuffled_losses(2, 2, 3), dtype=float)
assert len(np.unique(losses[:, 1:])) > 10, (
    "three runs in batches of 2 have nearly the same losses; does each have its own "
    "order?"
)

# %% role="hidden" id="full-batch" points=1 about="With all rows in a batch, the losses are those of gradient descent."
losses = shuffled_losses(8, 12, 2)
assert hasattr(losses, "__iter__"), (
    f"shuffled_losses should return an array, and returned {type(losses).__name__}; is "
    "a return missing?"
)
assert np.shape(losses) == (2, 13), (
    f"two runs of 12 steps gave shape {np.shape(losses)}, not (2, 13)"
)
losses = np.asarray(losses, dtype=float)
line = LeastSquares(np.arange(1.0, 9.0)[:, None], SLOPE * np.arange(1.0, 9.0))
expected = 2 * descend(line, [0, 0], learning_rate=LINE_RATE, epochs=12).epoch_losses
assert np.allclose(losses, expected, rtol=1e-6, atol=0), (
    "with all eight rows in every batch the first losses are "
    f"{losses[0, :4].round(4)}, where gradient descent has {expected[:4].round(4)}; "
    "look at the learning rate, the mean over the batch, and when each weight changes"
)

# %% role="hidden" id="shuffles" points=1 about="Over many shuffles, median and spread of the losses are right."
from itertools import permutations

rng = np.random.default_rng(11)
every_order = np.array(list(permutations(range(8))))


def reference(batch_size, orders):
    weights = np.zeros((len(orders[0]), 2))
    columns = []
    A = np.column_stack([np.ones(8), np.arange(1.0, 9.0)])
    for order in orders:
        for i in range(0, 8, batch_size):
            part = A[order[:, i : i + batch_size]]
            residuals = np.einsum("rbd,rd->rb", part, weights - [0, SLOPE])
            step = np.einsum("rb,rbd->rd", residuals, part) / part.shape[1]
            weights = weights - LINE_RATE * step
            columns.append((((weights - [0, SLOPE]) @ A.T) ** 2).mean(axis=1))
    return np.transpose(columns)


# With 300 runs a median is known to about 6 % and a standard deviation to about 5 %.
for batch_size in (2, 3, 4):
    losses = shuffled_losses(batch_size, 3, 300)
    assert hasattr(losses, "__iter__"), (
        "shuffled_losses should return an array, and returned "
        f"{type(losses).__name__}; is a return missing?"
    )
    expected = reference(batch_size, rng.choice(every_order, size=(3, 3000)))
    assert np.shape(losses) == (300, 1 + expected.shape[1]), (
        f"300 runs of three epochs in batches of {batch_size} should give shape (300, "
        f"{1 + expected.shape[1]}), and gave {np.shape(losses)}"
    )
    losses = np.asarray(losses, dtype=float)[:, 1:]
    assert np.isfinite(losses).all(), (
        "some losses are not finite; is the step too long, so that the run diverges?"
    )
    ends = len(np.unique(losses[:, -1].round(12)))
    assert ends > 20, (
        f"300 runs in batches of {batch_size} end in only {ends} different losses; "
        "does every run have orders of its own, new in every epoch?"
    )
    ratio = np.median(losses, axis=0) / np.median(expected, axis=0)
    off = abs(ratio - 1) >= 0.3
    first = int(np.argmax(off))
    if first == 0:
        cause = (
            "they are off from the first step on, so look at its scale: the mean "
            "gradient of half squared residuals, times the learning rate"
        )
    elif batch_size == 3 and first % 3 == 2:
        cause = (
            "the first that is off is that of a short batch; is its step divided by "
            "its own number of rows?"
        )
    else:
        cause = (
            "the first steps are right and later ones are not, so look at the rows: is "
            "there a new order of all eight in every epoch of every run?"
        )
    assert not off.any(), (
        f"with batches of {batch_size}, the median losses of 300 runs are "
        f"{ratio.round(2)} times ours, step by step; {cause}"
    )
    possible = reference(batch_size, [every_order])
    nearest = [
        np.abs(run[: possible.shape[1]] - possible).max(axis=1).min()
        for run in losses[:20]
    ]
    # Rounding only: these are the losses of a first epoch in every order that there is.
    assert max(nearest) < 1e-6 * np.mean(target**2), (
        f"with batches of {batch_size} some losses of the first epoch belong to none of "
        "the orders of eight rows; every loss is that of the weights after a step"
    )
spread = np.asarray(shuffled_losses(4, 5, 300), dtype=float)[:, -1].std()
expected = reference(4, rng.choice(every_order, size=(5, 3000)))[:, -1].std()
assert 0.7 < spread / expected < 1.4, (
    "the median losses are right, but after five epochs in batches of 4 the losses "
    f"scatter {spread / expected:.2f} times as much as ours, so look at the order: is "
    "there a new one of all eight rows in every epoch, or one for the whole run?"
)

# %% role="hidden" id="comparison" points=2 about="The three numbers are those of many runs."
from numbers import Real

numbers = {
    "ratio_by_epoch": ratio_by_epoch,
    "ratio_by_step": ratio_by_step,
    "upsets": upsets,
}
for name, value in numbers.items():
    assert value is not None, f"{name} is still None: write your number there"
    usable = isinstance(value, Real) and np.isfinite(value)
    assert usable, f"{name} should be a finite number, and is {value!r}"
rng = np.random.default_rng(12)


def reference(batch_size, epochs, runs):
    weights = np.zeros((runs, 2))
    columns = []
    A = np.column_stack([np.ones(8), np.arange(1.0, 9.0)])
    for _ in range(epochs):
        order = np.argsort(rng.random((runs, 8)), axis=1)
        for i in range(0, 8, batch_size):
            part = A[order[:, i : i + batch_size]]
            residuals = np.einsum("rbd,rd->rb", part, weights - [0, SLOPE])
            step = np.einsum("rb,rbd->rd", residuals, part) / part.shape[1]
            weights = weights - LINE_RATE * step
            columns.append((((weights - [0, SLOPE]) @ A.T) ** 2).mean(axis=1))
    return np.transpose(columns)


twos, fours = reference(2, 5, 3000), reference(4, 5, 3000)
by_epoch = np.median(fours[:, 9]) / np.median(twos[:, 19])
by_step = np.median(fours[:, 9]) / np.median(twos[:, 9])
share = np.mean(fours[:, 9] < twos[:, 9])
# Two times 500 shuffles differ by about 4 % in a ratio and 0.03 in the share.
assert abs(ratio_by_epoch / by_epoch - 1) < 0.2, (
    f"ratio_by_epoch is {ratio_by_epoch}, and 3,000 runs of ours say otherwise; "
    "divide the median loss of batches of 4 by that of batches of 2, each after its "
    "last step of five epochs"
)
assert abs(ratio_by_step / by_step - 1) < 0.2, (
    f"ratio_by_step is {ratio_by_step}, and 3,000 runs of ours say otherwise; take "
    "both medians after ten steps: how many epochs is that for batches of 2?"
)
assert abs(upsets - share) < 0.1, (
    f"upsets is {upsets}, and 3,000 runs of ours say otherwise; count the pairs in "
    "which batches of 4 have the smaller loss after ten steps, as a share from 0 to 1"
)

# %% [markdown] role="explanation"
# Batches of 2 win clearly by epochs, and have made twice as many steps. By steps the two medians are close: the tutorial's comparison measures the number of steps. All numbers here are for the tutorial's slope of 2 and learning rate of 0.01. The ratio is about 10 by epoch, without a single upset, and 1.3 by step. Batches of 2 scatter far more: at ten steps the middle 90 % reach from 0.08 to 0.40, those of batches of 4 from 0.20 to 0.24. So about one pair in three comes out the other way round; that is what one shuffle each would have let you observe.
#
# Where does the small lead by steps come from? In the mean, which batches of 2 lead by a tenth, from shuffling. Roughly, an epoch multiplies the offset by one factor $1 - \eta\lambda$ per batch. The curvatures of its batches have a fixed sum, and the more unequal the factors are, the smaller is their product. With rows drawn with replacement the sum is not fixed, and the means turn round: at ten steps batches of 4 then have the smaller mean loss, by a fifth. Their median is still the larger one. A few unlucky runs carry the mean of batches of 2, and the typical run does not meet them: which batch size leads also depends on the average that you choose.
#
# There is no noise in these rows, so no batch size has a floor. The loss of about 0.02 at which batches of 2 seem to settle is the flat direction: after five epochs the line stands at $0.33 + 1.94\,x$, and the intercept creeps back to 0. Batches of 4 stand at $0.32 + 1.85\,x$.


# %% role="wrong" name="one order for the whole run" fails=["shuffles"]
def shuffled_losses(batch_size, epochs, runs):
    table = []
    for seed in range(runs):
        order = np.random.default_rng(seed).permutation(8)
        weights, losses = np.zeros(2), [np.mean(target**2)]
        for _ in range(epochs):
            for i in range(0, 8, batch_size):
                rows = order[i : i + batch_size]
                residuals = weights[0] + weights[1] * x[rows] - target[rows]
                slope_part = np.mean(residuals * x[rows])
                weights = weights - LINE_RATE * np.array([residuals.mean(), slope_part])
                losses.append(np.mean((weights[0] + weights[1] * x - target) ** 2))
        table.append(losses)
    return np.array(table)


twos, fours = shuffled_losses(2, 5, 500), shuffled_losses(4, 5, 500)
ratio_by_epoch = np.median(fours[:, -1]) / np.median(twos[:, -1])
ratio_by_step = np.median(fours[:, 10]) / np.median(twos[:, 10])
upsets = np.mean(fours[:, 10] < twos[:, 10])


# %% role="wrong" name="divides the short batch by the batch size" fails=["shuffles"]
# -         intercept -= LINE_RATE * residuals.mean()
# -         weight -= LINE_RATE * (residuals * x[rows]).mean()
# +         intercept -= LINE_RATE * residuals.sum() / batch_size
# +         weight -= LINE_RATE * (residuals * x[rows]).sum() / batch_size

# %% role="wrong" name="compares after five epochs both times" fails=["comparison"]
# - ratio_by_step = np.median(fours[:, 10]) / np.median(twos[:, 10])
# - upsets = np.mean(fours[:, 10] < twos[:, 10])
# + ratio_by_step = ratio_by_epoch
# + upsets = np.mean(fours[:, -1] < twos[:, -1])


# %% role="wrong" name="makes losses up, and numbers that fit them" fails=["full-batch", "shuffles", "comparison"]
def shuffled_losses(batch_size, epochs, runs):
    losses = np.random.default_rng(runs).random(
        (runs, 1 + epochs * -(-8 // batch_size))
    )
    return np.insert(0.1 * losses[:, 1:], 0, 1, axis=1) * np.mean(target**2)


ratio_by_epoch, ratio_by_step, upsets = 1, 1, 0.5


# %% role="wrong" name="stretches the losses of gradient descent at random" fails=["shuffles"]
#   upsets = np.mean(fours[:, 10] < twos[:, 10])
# +
# +
# + def shuffled_losses(batch_size, epochs, runs):
# +     steps = epochs * -(-8 // batch_size)
# +     losses = np.tile(one_run(8, steps, 0), (runs, 1))
# +     if batch_size < 8:
# +         lead = {2: 0.035, 3: 0.02, 4: 0.01}.get(batch_size, 0)
# +         losses[:, 1:] /= 1 + lead * np.arange(steps)
# +         scatter = np.random.default_rng(runs).normal(size=(runs, 1))
# +         losses[:, 1:] *= np.exp(0.07 * scatter)
# +     return losses

# %% role="wrong" name="the gradient of the whole mean square" fails=["full-batch", "shuffles", "comparison"]
# -         intercept -= LINE_RATE * residuals.mean()
# -         weight -= LINE_RATE * (residuals * x[rows]).mean()
# +         intercept -= LINE_RATE * 2 * residuals.mean()
# +         weight -= LINE_RATE * 2 * (residuals * x[rows]).mean()

# %% [markdown] role="project" id="remainder-project" title="What to do with the remainder?" minutes=120 goal="design, run and report a fair comparison of your own"
# A batch size of 32 does not divide 1,000 rows: 8 are left over. A loop can keep them as a short batch, drop them for this epoch, let them join the batch before, weight their step by their share ($b/B$), or cut the epoch into parts of nearly equal size. **Does it matter, for what, and from which remainder on?**
#
# Choose two or three of these ways and one measure: the loss gap in the long run, the epochs to a given loss, or the coefficients at the end. Write down what you expect, with a reason in a formula, before the first run. Then measure, and vary one thing that your reason says should matter (the remainder, the learning rate, where in the epoch you look).
#
# Data: `data.noisy_line()` (1,000 rows) or `data.diabetes()` (442 rows, standardise them). All runs together within two minutes on a laptop. Repeat each setting over at least 20 seeds and say how far the quoted numbers may be off.
#
# Hand in a notebook that runs from top to bottom, with about one page of text: question, prediction, one figure with axes named and a caption that states the result, one table of numbers with intervals, what you conclude, and what your experiment does not show.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Question and prediction | a question that a number can answer, and a prediction with a reason, written before the result | 2 |
# | Fair comparison | only the treatment of the remainder differs: same learning rate, seeds, start and epochs; where the ways differ in their number of steps, it is said | 3 |
# | Numbers | at least 20 seeds, intervals, and one variation that tests the reason | 2 |
# | Figure | shows the comparison at a glance; axes named, caption states the result | 2 |
# | Limits | says what was not shown, and where the prediction failed, if it did | 1 |
