# %% [markdown] role="set" title="The order of the rows" chapter="04_shuffling"
# Does it matter in which order the rows come? You write the orders, mend two loops that
# get them wrong, put a tutorial's exercise to a fair test, and measure how low each
# order lets the loss fall. The set needs [chapter 4](../notebooks/04_shuffling.ipynb);
# the last exercise needs its section on four floors.

# %% role="parameters"
KEPT_EPOCHS = 3  # epochs that a "renewed" order lasts; 2 to 10
TEST_SHARE = 0.25  # share of the rows in the test set; 0.2 to 0.4
RARE_SHARE = 0.2  # share of the rarer class; from 0.1, below TEST_SHARE
CLASS_SEED = 7  # seed of the two classes; from 0
REST_POWER = 1  # power of b / B in the step of a partial batch; from 1
TRIAL_RATE = 0.01  # learning rate of the tutorial's exercise; 0.006 to 0.012
TRIAL_BATCH = 2  # its batch size; 2 or 4
# Enough epochs that the unshuffled run falls behind: at least 0.048 / TRIAL_RATE with
# batches of 2, twice that with batches of 4.
TRIAL_EPOCHS = 5  # its number of epochs; 4 to 10
FLOOR_ROWS = 24  # rows of the last exercise; twice the batch size times 3 to 6
FLOOR_BATCH = 3  # its batch size; 3 to 5
FLOOR_SEED = 11  # seed of its targets; from 0
FLOOR_RATE = 0.01  # learning rate of the predicted floors; 0.005 to 0.02

# %% role="setup"
import numpy as np

from mbgd_lib import Logistic, descend

# %% [markdown] role="exercise" id="orders" title="Five orders" level="warm-up" kind="write" minutes=15 goal="say in code what each order does to the rows of an epoch"
# Write `row_orders(n, order, epochs, seed)`. It yields one integer array per epoch,
# `epochs` in all. Each holds $n$ row indices from 0 to $n - 1$, in the order of the
# visits:
#
# - `"sequential"`: the rows as they are stored;
# - `"shuffle_once"`: one random permutation, the same in all epochs;
# - `"reshuffle"`: a new random permutation in every epoch;
# - `"with_replacement"`: every row drawn independently, all with the same probability;
# - `"renewed"`: a random permutation that is kept for KEPT_EPOCHS epochs, then a new
#   one for the next KEPT_EPOCHS, and so on. The last one may serve fewer epochs.
#
# All permutations are equally likely. The same `seed` gives the same orders, another
# seed gives others. A generator or a list will do.


# %% role="given"
def as_table(orders, n, epochs):
    """Return the orders as one array, a row per epoch; the checks use it."""
    assert hasattr(orders, "__iter__"), (
        "row_orders should yield arrays or return a list of them; it returned a "
        f"{type(orders).__name__}"
    )
    table = [np.array(rows) for rows in orders]
    assert len(table) == epochs, (
        f"row_orders gave {len(table)} arrays for {epochs} epochs; it should give one "
        "for each epoch"
    )
    for rows in table:
        assert rows.shape == (n,), (
            f"an epoch of {n} rows should be an array of shape ({n},); one has the "
            f"shape {rows.shape}"
        )
        assert rows.dtype.kind in "iu", (
            f"row indices should be integers; one epoch holds {rows.dtype}"
        )
        assert 0 <= rows.min() <= rows.max() < n, (
            f"row indices should go from 0 to {n - 1}; one epoch goes from "
            f"{rows.min()} to {rows.max()}"
        )
    return np.array(table)


# %% role="answer"
def row_orders(n, order, epochs, seed):
    """Yield one array of n row indices for each epoch."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    rows = np.arange(n)
    for epoch in range(epochs):
        if order == "with_replacement":
            rows = rng.integers(n, size=n)
        elif (
            order == "reshuffle"
            or (order == "shuffle_once" and epoch == 0)
            or (order == "renewed" and epoch % KEPT_EPOCHS == 0)
        ):
            rows = rng.permutation(n)
        yield rows
    ### END SOLUTION


# %% [markdown] role="hint"
# Make one `np.random.default_rng(seed)`, before the loop over epochs. What happens to
# the orders if you make it inside?

# %% [markdown] role="hint"
# Four of the five differ only in the epochs in which they ask the generator for a
# permutation: never, in the first, in all, or in some. In all other epochs the rows of
# the epoch before are yielded again.

# %% role="check" id="visits" points=1 about="Each epoch without replacement visits every row once; the stored order stays."
for order in ("sequential", "shuffle_once", "reshuffle", "renewed"):
    table = as_table(row_orders(6, order, 4, 0), 6, 4)
    for rows in table:
        assert sorted(rows.tolist()) == list(range(6)), (
            f"{order!r} should visit each of 6 rows once per epoch; one epoch is "
            f"{rows.tolist()}"
        )
    if order == "sequential":
        assert (table == np.arange(6)).all(), (
            "'sequential' should keep the rows as they are stored; it gave "
            f"{table.tolist()}"
        )
as_table(row_orders(6, "with_replacement", 4, 0), 6, 4)

# %% role="hidden" id="renewal" points=2 about="New permutations come when they should, and only then."
wanted = {"shuffle_once": None, "reshuffle": 1, "renewed": KEPT_EPOCHS}
epochs = 3 * KEPT_EPOCHS + 1
for order, kept in wanted.items():
    for seed in (1, 2):
        table = as_table(row_orders(40, order, epochs, seed), 40, epochs)
        assert not (table[0] == np.arange(40)).all(), (
            f"the first epoch of {order!r} is the stored order; it should be a random "
            "one"
        )
        for epoch in range(1, epochs):
            is_new = not (table[epoch] == table[epoch - 1]).all()
            should_be_new = kept is not None and epoch % kept == 0
            assert is_new == should_be_new, (
                f"{order!r}: epoch {epoch}, counted from 0, has "
                f"{'another' if is_new else 'the same'} "
                f"order {'than' if is_new else 'as'} the epoch before; look at when a "
                "permutation is "
                "drawn, at what it is drawn from, and at whether the epochs share one "
                "array"
            )
        first_of_each = table[:: kept or epochs]
        assert len(np.unique(first_of_each, axis=0)) == len(first_of_each), (
            f"{order!r} repeats an earlier permutation; is a generator started again "
            "on the way?"
        )
        near = np.mean(np.abs(np.diff(first_of_each, axis=1)) <= 6)
        assert near < 0.8, (
            f"{order!r}: in {near:.0%} of all cases the next row is at most six rows "
            "away in the data, where a random permutation of 40 gives about 28 %"
        )
table = as_table(row_orders(4, "reshuffle", 2400, 3), 4, 2400)
counts = np.unique(table, axis=0, return_counts=True)[1]
counts = np.append(counts, [0] * (24 - len(counts)))  # permutations that never came
# 100 of each are expected, with a standard deviation of 10.
assert np.all((counts > 40) & (counts < 160)), (
    "in 2,400 reshuffled epochs of 4 rows each of the 24 permutations should come "
    "about 100 "
    f"times; they come between {counts.min()} and {counts.max()} times"
)

# %% role="hidden" id="draws" points=1 about="Draws with replacement are independent, and the seed decides."
table = as_table(row_orders(50, "with_replacement", 400, 5), 50, 400)
missed = np.mean([len(np.setdiff1d(np.arange(50), rows)) / 50 for rows in table])
# The share missed has a standard deviation of 0.04 in an epoch, 0.002 in the mean.
assert abs(missed - (1 - 1 / 50) ** 50) < 0.012, (
    f"with replacement an epoch of 50 rows misses {missed:.3f} of them on average; "
    "independent draws "
    f"miss {(1 - 1 / 50) ** 50:.3f}"
)
assert len(np.unique(table, axis=0)) == 400, (
    "with replacement some epochs are the same; each should be drawn anew, all from "
    "one generator"
)
counts = np.bincount(table.ravel(), minlength=50)
assert np.all((counts > 280) & (counts < 520)), (
    f"in 400 epochs with replacement the rows come between {counts.min()} and "
    f"{counts.max()} times; "
    "each should come about 400 times"
)
for order in ("shuffle_once", "reshuffle", "with_replacement", "renewed"):
    first, again, other = (
        as_table(row_orders(30, order, 5, s), 30, 5) for s in (8, 8, 9)
    )
    assert (first == again).all(), (
        f"{order!r} called twice with the seed 8 gives two results; take all "
        "randomness from the seed"
    )
    assert not (first == other).all(), (
        f"{order!r} gives the same orders for the seeds 8 and 9"
    )

# %% [markdown] role="explanation"
# All five orders are one loop; they differ in when it asks for new rows. The usual
# mistake is a generator that is made anew inside the loop, with the same seed: each
# epoch then draws the same permutation, and what is called *reshuffle* is in truth
# *shuffle once*. Nothing crashes and the loss still falls. It only stops at a floor
# that goes as $\eta^2$ in place of $\eta^3$. The second mistake is to shuffle one array
# in place and to collect it in a list: the list then holds the same array many times,
# and all epochs look like the last. A loop that trains on each epoch before the next is
# drawn does not notice. With replacement is the odd one out: an epoch misses
# $(1 - 1/n)^n$ of the rows, about 37 % where they are many. Renewing an order now and
# then lies between *shuffle once* and *reshuffle*.


# %% role="wrong" name="starts the generator again in every epoch" fails=["renewal", "draws"]
def row_orders(n, order, epochs, seed):
    """Yield one array of n row indices for each epoch."""
    for _ in range(epochs):
        rng = np.random.default_rng(seed)
        if order == "sequential":
            yield np.arange(n)
        elif order == "with_replacement":
            yield rng.integers(n, size=n)
        else:
            yield rng.permutation(n)


# %% role="wrong" name="reuses one permutation for all epochs" fails=["renewal"]
def row_orders(n, order, epochs, seed):
    """Yield one array of n row indices for each epoch."""
    rng = np.random.default_rng(seed)
    rows = np.arange(n) if order == "sequential" else rng.permutation(n)
    for _ in range(epochs):
        yield rng.integers(n, size=n) if order == "with_replacement" else rows


# %% role="wrong" name="collects one array that is shuffled in place" fails=["renewal"]
def row_orders(n, order, epochs, seed):
    """Yield one array of n row indices for each epoch."""
    rng = np.random.default_rng(seed)
    if order == "with_replacement":
        return [rng.integers(n, size=n) for _ in range(epochs)]
    rows, every = np.arange(n), []
    period = {"reshuffle": 1, "renewed": KEPT_EPOCHS}.get(order, epochs)
    for epoch in range(epochs):
        if order != "sequential" and epoch % period == 0:
            rng.shuffle(rows)
        every.append(rows)
    return every


# %% role="wrong" name="begins at a random row, where an order is kept" fails=["renewal"]
# -             rows = rng.permutation(n)
# +             rows = np.roll(np.arange(n), rng.integers(1, n))
# +             rows = rng.permutation(n) if order == "reshuffle" else rows

# %% role="wrong" name="forgets the seed" fails=["draws"]
# -     rng = np.random.default_rng(seed)
# +     rng = np.random.default_rng()

# %% role="wrong" name="draws without replacement in every order" fails=["draws"]
# -             rows = rng.integers(n, size=n)
# +             rows = rng.permutation(n)

# %% [markdown] role="exercise" id="split" title="Labels that stay behind" level="core" kind="find the bug" minutes=20 goal="shuffle rows and labels together before a split, and recognise the damage where they part"
# 400 rows are stored class by class: first all of class 0, then the rarer class 1.
# `parted_split` shuffles them before it cuts off a share of TEST_SHARE as a test set,
# which is right. Yet something goes wrong.
#
# Write `split(X, y, seed)`, mended: it returns `X_train, X_test, y_train, y_test` with
# the same numbers of rows as `parted_split`, in a random order that depends on `seed`.
# All rows are used once. `X` and `y` themselves stay as they are.
#
# Then measure what the bug does. `accuracy_after(split, seed)` trains logistic
# regression on a split's training rows and returns the share of its test rows that are
# classified right.
#
# - `predicted_parted`: before you run it, the accuracy that you expect with
#   `parted_split`;
# - `measured_parted`: its mean over the seeds 0 to 19, to three digits or more;
# - `measured_mended`: the same with your `split`.


# %% role="given"
def stored_by_class(n=400, rare_share=RARE_SHARE, seed=CLASS_SEED):
    """Return two features and the class of n rows; the rarer class is stored last."""
    rng = np.random.default_rng(seed)
    n_rare = round(rare_share * n)
    labels = np.repeat([0, 1], [n - n_rare, n_rare])
    return rng.normal(size=(n, 2)) + 2.0 * labels[:, None], labels


def parted_split(X, y, seed):
    """Shuffle the rows, and split off a test set."""
    rng = np.random.default_rng(seed)
    n_train = len(y) - round(TEST_SHARE * len(y))
    X, y = rng.permutation(X), rng.permutation(y)
    return X[:n_train], X[n_train:], y[:n_train], y[n_train:]


def accuracy_after(split, seed):
    """Return the accuracy on the test rows after training on the others."""
    X_train, X_test, y_train, y_test = split(*stored_by_class(), seed)
    settings = {"learning_rate": 0.5, "batch_size": 20, "epochs": 10, "seed": seed}
    weights = descend(Logistic(X_train, y_train), np.zeros(3), **settings).weights
    return np.mean((weights[0] + X_test @ weights[1:] > 0) == y_test)


# %% role="answer"
### BEGIN SOLUTION
# STUB: def split(X, y, seed):
# STUB:     """Shuffle the rows; return X_train, X_test, y_train, y_test."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: # Predict, then measure.
# STUB: predicted_parted = None  # the accuracy that you expect with parted_split
# STUB: measured_parted = None  # mean over the seeds 0 to 19
# STUB: measured_mended = None  # the same with your split
def split(X, y, seed):
    """Shuffle the rows; return X_train, X_test, y_train, y_test."""
    rows = np.random.default_rng(seed).permutation(len(y))
    n_test = round(TEST_SHARE * len(y))
    train, test = rows[n_test:], rows[:n_test]
    return X[train], X[test], y[train], y[test]


predicted_parted = 1 - RARE_SHARE  # the larger class, whatever the features
measured_parted = np.mean([accuracy_after(parted_split, seed) for seed in range(20)])
measured_mended = np.mean([accuracy_after(split, seed) for seed in range(20)])
### END SOLUTION

# %% [markdown] role="hint"
# Give `parted_split` ten rows with `X = np.arange(10)[:, None]` and
# `y = np.arange(10)`. What should each training row have for a label, and what does it
# have?

# %% [markdown] role="hint"
# One array of row indices can pick from `X` and from `y`.

# %% [markdown] role="hint"
# For the prediction: if the features say nothing about the labels, which answer is
# right most often, and how often?

# %% role="check" id="sizes" points=1 in_place=true about="Four arrays of the right sizes, which hold every row once; the arrays passed in stay."
X, y = np.arange(80.0).reshape(40, 2), np.arange(40)
parts = split(X, y, 0)
assert isinstance(parts, tuple | list), (
    f"split should return four arrays; it returned a {type(parts).__name__}"
)
assert len(parts) == 4, (
    f"split should return X_train, X_test, y_train, y_test; it returned {len(parts)} "
    "parts"
)
parts = [np.asarray(part) for part in parts]
n_test = round(TEST_SHARE * 40)
shapes = [part.shape for part in parts]
assert shapes == [(40 - n_test, 2), (n_test, 2), (40 - n_test,), (n_test,)], (
    "for 40 rows of 2 features the shapes should be those of parted_split; they are "
    f"{shapes}"
)
assert sorted(np.concatenate(parts[2:]).tolist()) == list(range(40)), (
    "training and test labels together should hold each of the 40 labels once"
)
assert sorted(np.concatenate(parts[:2])[:, 0].tolist()) == list(range(0, 80, 2)), (
    "training and test rows together should hold each of the 40 rows once"
)
unchanged = np.column_stack([X, y]) == np.arange(80.0).reshape(40, 2)[:, [0, 1, 0]] / [
    1,
    1,
    2,
]
assert unchanged.all(), (
    "split changed the arrays that it was given; permute a copy or row indices"
)

# %% role="hidden" id="together" points=1 about="Every label stays with its row."
for seed in range(5):
    X = np.random.default_rng(seed).normal(size=(60, 3))
    X[:, 1] = np.arange(60)
    X_train, X_test, y_train, y_test = map(np.asarray, split(X, np.arange(60), seed))
    assert sorted([*y_train, *y_test]) == list(range(60)), (
        "training and test labels together should hold each of the 60 labels once"
    )
    for rows, labels, name in (
        (X_train, y_train, "training"),
        (X_test, y_test, "test"),
    ):
        assert rows.shape[:1] == labels.shape, (
            f"there are {len(rows)} {name} rows and {len(labels)} labels for them"
        )
        parted = int((rows[:, 1] != labels).sum())
        assert parted == 0, (
            f"{parted} of {len(labels)} {name} rows have the label of another row; "
            "rows and labels "
            "must go through the same permutation"
        )

# %% role="hidden" id="mixed" points=1 about="Both parts hold the classes in about the shares of the whole; the seed decides."
X, labels = stored_by_class(1000, 0.3, 1)
shares = []
for seed in range(10):
    _, _, y_train, y_test = split(X, labels, seed)
    shares.append((np.mean(y_train), np.mean(y_test)))
for name, seen in zip(("training", "test"), np.transpose(shares), strict=True):
    # A test set of 200 rows or more has a standard deviation of at most 0.03.
    assert np.all((seen > 0.15) & (seen < 0.45)), (
        f"of 1,000 rows stored by class, 30 % in class 1, the {name} rows hold between "
        f"{seen.min():.0%} "
        f"and {seen.max():.0%} of it; are the rows shuffled, and before the cut?"
    )
first, again, other = (
    np.asarray(split(X, np.arange(1000), seed)[3]) for seed in (3, 3, 4)
)
assert (first == again).all(), (
    "the seed 3 gave two different test sets; use the seed for all randomness"
)
assert set(first.tolist()) != set(other.tolist()), (
    "the seeds 3 and 4 gave the same test rows"
)
ordered = (np.diff(np.asarray(split(X, np.arange(1000), 3)[2])) > 0).mean()
assert 0.4 < ordered < 0.6, (
    "the training rows are not in random order; a run that does not shuffle would see "
    "them sorted"
)

# %% role="hidden" id="consequence" points=1 about="The accuracies, predicted and measured."
values = {
    "predicted_parted": predicted_parted,
    "measured_parted": measured_parted,
    "measured_mended": measured_mended,
}
for name, value in values.items():
    assert value is not None, f"{name} is still None: put in a share from 0 to 1"
    assert isinstance(value, int | float | np.number), (
        f"{name} should be one number; it is a {type(value).__name__}"
    )
    assert 0 <= float(value) <= 1, (
        f"{name} should be a share from 0 to 1; it is {value}"
    )
_, labels = stored_by_class()
larger = max(np.mean(labels), 1 - np.mean(labels))
assert abs(float(predicted_parted) - larger) < 0.03, (
    f"predicted_parted is {predicted_parted}; think of features that tell nothing, and "
    "of the answer "
    "that is then right most often"
)


def whole_split(X, y, seed):
    rows = np.random.default_rng([seed, 1]).permutation(len(y))
    n_train = len(y) - round(TEST_SHARE * len(y))
    return X[rows[:n_train]], X[rows[n_train:]], y[rows[:n_train]], y[rows[n_train:]]


# Another right split has a mean with a standard error below 0.01. That of parted_split
# is the same for all: three digits are enough, and rounding may turn a test row.
for name, its_split, error in (
    ("measured_parted", parted_split, 0.0015),
    ("measured_mended", whole_split, 0.04),
):
    expected = np.mean([accuracy_after(its_split, seed) for seed in range(20)])
    assert abs(float(values[name]) - expected) < error, (
        f"{name} is {float(values[name]):.3f}, and 20 seeds of the checker's own give "
        "another value; take the mean of accuracy_after over the seeds 0 to 19, with at "
        "least three digits"
    )

# %% [markdown] role="explanation"
# `parted_split` asks the generator for two permutations, one for the rows and one for
# the labels. From then on a label belongs to a row by chance, and the features say
# nothing about it. The model cannot do better than to learn how frequent each class is,
# so it gives every row the larger class: the accuracy is that class's share. With a
# rare class that looks like success. The training loss falls as well, from $\ln 2$ to
# the entropy of the class shares. So neither a falling loss nor an accuracy far above
# one half shows that anything was learnt; compare with the share of the largest class.
#
# The other mistake is to drop the shuffle. Rows and labels then stay together, but the
# cut falls at the end of the file: the test set takes the whole rarer class and the
# model never sees it. Its training loss comes out lowest of all. Draw one permutation
# of row indices, and pick rows and labels with it.


# %% role="wrong" name="drops the shuffle" fails=["mixed"]
def split(X, y, seed):
    """Shuffle the rows; return X_train, X_test, y_train, y_test."""
    n_train = len(y) - round(TEST_SHARE * len(y))
    return X[:n_train], X[n_train:], y[:n_train], y[n_train:]


def shuffled(X, y, seed):
    rows = np.random.default_rng(seed).permutation(len(y))
    return split(X[rows], y[rows], seed)


predicted_parted = 1 - RARE_SHARE
measured_parted = np.mean([accuracy_after(parted_split, seed) for seed in range(20)])
measured_mended = np.mean([accuracy_after(shuffled, seed) for seed in range(20)])


# %% role="wrong" name="cuts first and shuffles afterwards" fails=["mixed", "consequence"]
# -     rows = np.random.default_rng(seed).permutation(len(y))
# -     n_test = round(TEST_SHARE * len(y))
# -     train, test = rows[n_test:], rows[:n_test]
# +     rng = np.random.default_rng(seed)
# +     n_train = len(y) - round(TEST_SHARE * len(y))
# +     train, test = rng.permutation(n_train), rng.permutation(np.arange(n_train, len(y)))


# %% role="wrong" name="permutes the labels a second time, and expects a coin's accuracy" fails=["together", "consequence"]
#       train, test = rows[n_test:], rows[:n_test]
# +     y = np.random.default_rng(seed + 1).permutation(y)

# - predicted_parted = 1 - RARE_SHARE  # the larger class, whatever the features
# + predicted_parted = 0.5

# %% role="wrong" name="returns empty arrays for few rows" fails=["sizes", "together"]
#       train, test = rows[n_test:], rows[:n_test]
# +     if len(y) < 100:
# +         train = test = rows[:0]


# %% role="wrong" name="shuffles the rows passed in" fails=["sizes"]
#       rows = np.random.default_rng(seed).permutation(len(y))
# +     X, given = X.copy(), X
# +     given[:] = given[rows]


# %% role="wrong" name="guesses the accuracy that it should measure" fails=["consequence"]
# - measured_parted = np.mean([accuracy_after(parted_split, seed) for seed in range(20)])
# + measured_parted = predicted_parted + 0.02

# %% role="wrong" name="mends the split, and expects a coin's accuracy" fails=["consequence"]
# - predicted_parted = 1 - RARE_SHARE  # the larger class, whatever the features
# + predicted_parted = 0.5

# %% [markdown] role="exercise" id="leak" title="The rows that leak into the next epoch" level="core" kind="find the bug" minutes=20 goal="give a partial last batch a step of its own"
# `leaking_run` goes through the rows one by one, adds up their gradients, and takes a
# step after every `batch_size` rows, as in gradient accumulation. It is right if
# `batch_size` divides the number of rows $n$.
#
# Write `run` with the same arguments, mended for every $n$ and $B$. In each epoch the
# rows come as they are stored. A batch of $b$ rows steps against the **mean** gradient
# of its own $b$ rows, with the learning rate $\eta \, (b / B)^{REST_POWER}$. So a full
# batch has $\eta$, and a partial last batch less. No batch may hold rows of two epochs.
# Return the weights at the end; leave the array `weights` that comes in as it is.
#
# Find the bug by experiment first: with 10 rows and batches of 4, change the target of
# the last row, and run one epoch. Then try batches of 12.


# %% role="given"
def leaking_run(X, y, weights, batch_size, learning_rate, epochs):
    """Fit least squares without an intercept, rows in stored order."""
    total, count = np.zeros_like(weights), 0
    for _ in range(epochs):
        for i in range(len(y)):
            total = total + (X[i] @ weights - y[i]) * X[i]
            count += 1
            if (i + 1) % batch_size == 0:
                weights = weights - learning_rate * total / count
                total, count = np.zeros_like(weights), 0
    return weights


# %% role="answer"
def run(X, y, weights, batch_size, learning_rate, epochs):
    """Return the weights after some epochs; a partial batch has its own step."""
    ### BEGIN SOLUTION
    for _ in range(epochs):
        for start in range(0, len(y), batch_size):
            batch_X, batch_y = (
                X[start : start + batch_size],
                y[start : start + batch_size],
            )
            gradient = batch_X.T @ (batch_X @ weights - batch_y) / len(batch_y)
            rate = learning_rate * (len(batch_y) / batch_size) ** REST_POWER
            weights = weights - rate * gradient
    return weights
    ### END SOLUTION


# %% [markdown] role="hint"
# With 10 rows and batches of 4: after which rows does the given loop take a step in the
# first epoch? What do `total` and `count` hold when the second epoch begins?

# %% [markdown] role="hint"
# At the end of an epoch, check whether rows are left over. If so, take their step, and
# clear `total` and `count` before the next epoch. Or cut the rows into slices, and
# there is nothing to clear.

# %% role="check" id="divides" points=1 in_place=true about="Where the batch size divides n, nothing has changed, the weights passed in included."
X = np.random.default_rng(0).normal(size=(12, 2))
y = np.random.default_rng(1).normal(size=12)
start = np.array([1.0, -1.0])
result = run(X.copy(), y.copy(), start, 4, 0.1, 3)
assert np.shape(result) == (2,), (
    f"run should return the weights, an array of shape (2,); it returned {result!r}"
)
assert np.isfinite(result).all(), (
    f"run should return finite weights; it returned {result}"
)
assert (start == [1.0, -1.0]).all(), (
    f"run changed the weights that it was given to {start}; write weights = weights - "
    "..., not -="
)
expected = leaking_run(X, y, start, 4, 0.1, 3)
assert np.allclose(result, expected, rtol=1e-9, atol=1e-12), (
    f"with 12 rows in batches of 4 the given loop is right and ends at {expected}; "
    f"yours ends at {result}"
)

# %% role="hidden" id="rest" points=1 about="In one epoch the partial batch steps as it should."
for n, batch_size in ((10, 4), (11, 4), (9, 2)):
    X = np.random.default_rng(n).normal(size=(n, 3))
    y = np.random.default_rng(n + 1).normal(size=n)
    result = run(X, y, np.zeros(3), batch_size, 0.1, 1)
    assert np.shape(result) == (3,), (
        "run should return an array of shape (3,) for three features; it returned "
        f"{result!r}"
    )
    expected = np.zeros(3)
    for first in range(0, n, batch_size):
        part = slice(first, first + batch_size)
        size = len(y[part])
        gradient = X[part].T @ (X[part] @ expected - y[part]) / size
        expected = expected - 0.1 * (size / batch_size) ** REST_POWER * gradient
    rest = n % batch_size
    assert np.allclose(result, expected, rtol=1e-9, atol=1e-12), (
        f"one epoch of {n} rows in batches of {batch_size}: the weights are not where "
        "they should be. "
        f"Do the last {rest} rows take a step, against their mean gradient, and with "
        "the learning rate "
        "that the text gives for it?"
    )

# %% role="hidden" id="epochs" points=1 about="Two epochs in one call are two calls of one epoch."
for n, batch_size in ((10, 4), (7, 3), (11, 4)):
    X = np.random.default_rng(n).normal(size=(n, 2))
    y = np.random.default_rng(n + 1).normal(size=n)
    at_once = run(X, y, np.zeros(2), batch_size, 0.1, 2)
    for result in (at_once, run(X, y, np.zeros(2), batch_size, 0.1, 1)):
        assert np.shape(result) == (2,), (
            "run should return an array of shape (2,) for two features; it returned "
            f"{result!r}"
        )
    in_turn = np.zeros(2)
    for _ in range(2):
        in_turn = run(X, y, in_turn, batch_size, 0.1, 1)
    assert np.mean((X @ in_turn - y) ** 2) < np.mean(y**2), (
        f"{n} rows in batches of {batch_size}: after two epochs the loss is no smaller "
        "than at zero weights; are the steps against the gradient?"
    )
    assert np.allclose(at_once, in_turn, rtol=1e-9, atol=1e-12), (
        f"{n} rows in batches of {batch_size}: two epochs in one call end at "
        f"{at_once}, two calls of one "
        f"epoch at {in_turn}; something of the first epoch is left when the second "
        "begins"
    )

# %% role="hidden" id="oversized" points=1 about="A batch size above n gives one partial batch per epoch."
X = np.random.default_rng(5).normal(size=(6, 2))
y = np.random.default_rng(6).normal(size=6)
result = run(X, y, np.ones(2), 8, 0.2, 3)
assert np.shape(result) == (2,), (
    f"run should return an array of shape (2,) for two features; it returned {result!r}"
)
expected = np.ones(2)
for _ in range(3):
    expected = expected - 0.2 * (6 / 8) ** REST_POWER * X.T @ (X @ expected - y) / 6
assert not np.allclose(result, np.ones(2)), (
    "with 6 rows and batches of 8 the weights never move; an epoch should end with one "
    "partial batch"
)
assert np.allclose(result, expected, rtol=1e-9, atol=1e-12), (
    "three epochs of 6 rows with batches of 8 should be three steps, each of all "
    f"rows; yours end at {result}"
)

# %% [markdown] role="explanation"
# The given loop steps only after full batches. What it has added up of the last $b$
# rows stays in `total` when the epoch ends, and the first step of the next epoch is
# taken against the mean of $b + B$ rows of two epochs. Three things follow. In the
# first epoch the last $b$ rows have no effect, and what they add in the last epoch is
# lost. There are $\lfloor n / B \rfloor$ steps per epoch, not $\lceil n / B \rceil$.
# And with $B > n$ the model never learns, however many epochs there are. None of this
# shows as an error, and a test with $n = 100$ and $B = 10$ passes. The bug is a real
# one: a widely used demonstration of neural networks has it.
#
# A property finds such bugs without knowing the right result: two epochs in one call
# must be two calls of one epoch. How long the partial batch's step should be is a
# choice. With the power 1 all rows of an epoch count alike, and their gradients cancel
# at the minimum, which is what keeps the floor of reshuffled rows low; with another
# power they do not quite.


# %% role="wrong" name="throws the rest away at the end of the epoch" fails=["rest", "oversized"]
def run(X, y, weights, batch_size, learning_rate, epochs):
    """Return the weights after some epochs; a partial batch has its own step."""
    for _ in range(epochs):
        total, count = np.zeros_like(weights), 0
        for i in range(len(y)):
            total = total + (X[i] @ weights - y[i]) * X[i]
            count += 1
            if count == batch_size:
                weights = weights - learning_rate * total / count
                total, count = np.zeros_like(weights), 0
    return weights


# %% role="wrong" name="moves the weights passed in" fails=["divides"]
# -             weights = weights - rate * gradient
# +             weights -= rate * gradient


# %% role="wrong" name="moves the weights by the same in every epoch" fails=["divides", "rest", "epochs", "oversized"]
#       for _ in range(epochs):
# +         weights = weights + 1
# +         continue


# %% role="wrong" name="gives the partial batch a full step" fails=["rest", "oversized"]
# -             rate = learning_rate * (len(batch_y) / batch_size) ** REST_POWER
# +             rate = learning_rate


# %% role="wrong" name="takes the rest's step and forgets to clear the sum" fails=["epochs", "oversized"]
def run(X, y, weights, batch_size, learning_rate, epochs):
    """Return the weights after some epochs; a partial batch has its own step."""
    total, count = np.zeros_like(weights), 0
    for _ in range(epochs):
        for i in range(len(y)):
            total = total + (X[i] @ weights - y[i]) * X[i]
            count += 1
            if (i + 1) % batch_size == 0:
                weights = weights - learning_rate * total / count
                total, count = np.zeros_like(weights), 0
        if count:
            share = (len(y) % batch_size / batch_size) ** REST_POWER
            weights = weights - learning_rate * share * total / count
    return weights


# %% role="wrong" name="steps on the rest only after the last epoch" fails=["epochs", "oversized"]
def run(X, y, weights, batch_size, learning_rate, epochs):
    """Return the weights after some epochs; a partial batch has its own step."""
    total, count = np.zeros_like(weights), 0
    for _ in range(epochs):
        for i in range(len(y)):
            total = total + (X[i] @ weights - y[i]) * X[i]
            count += 1
            if (i + 1) % batch_size == 0:
                weights = weights - learning_rate * total / count
                total, count = np.zeros_like(weights), 0
    if count:
        share = (len(y) % batch_size / batch_size) ** REST_POWER
        weights = weights - learning_rate * share * total / count
    return weights


# %% role="wrong" name="fills the batch with rows of the next epoch" fails=["rest", "epochs", "oversized"]
def run(X, y, weights, batch_size, learning_rate, epochs):
    """Return the weights after some epochs; a partial batch has its own step."""
    total, count = np.zeros_like(weights), 0
    for _ in range(epochs):
        for i in range(len(y)):
            total = total + (X[i] @ weights - y[i]) * X[i]
            count += 1
            if count == batch_size:
                weights = weights - learning_rate * total / count
                total, count = np.zeros_like(weights), 0
    return weights


# %% [markdown] role="exercise" id="trial" title="A tutorial's exercise, put to a fair test" level="core" kind="predict, then measure" minutes=30 goal="judge one run against many random ones"
# A tutorial lets its readers remove the shuffle and watch the loss: $y = 2x$ on
# $x = 1, \dots, 8$, from zero weights. It runs each way once. But one shuffled run is
# one of very many. Where does the unshuffled run stand among them? Here the batches
# have TRIAL_BATCH rows, the learning rate is TRIAL_RATE, and there are TRIAL_EPOCHS
# epochs.
#
# `losses_of(orders, learning_rate, batch_size)` runs many orders side by side: `orders`
# has the shape `(runs, epochs, 8)`, the result, the mean square after each epoch,
# `(runs, epochs)`.
#
# **Predict.** Leave the intercept out for a moment. A batch $j$ then multiplies the
# slope's error by $1 - \eta h_j$, where $h_j$ is the mean of $x^2$ over its rows, and
# an epoch by the product of these factors.
#
# - `predicted_stored`: that product for the rows in stored order;
# - `predicted_equal`: the product if all batches had the same $h_j$, namely the mean of
#   $x^2$ over all eight rows.
#
# Which is smaller? What does it say of the first epochs?
#
# **Measure**, with the intercept.
#
# - `share_below(order, runs, seed)` takes an `order` of the eight rows that is kept for
#   all epochs, and returns an array: for each of the TRIAL_EPOCHS epochs, the share of
#   `runs` reshuffled runs whose loss is lower than that of `order`.
# - `first_behind`: the first epoch, counted from 1, after which more than half of the
#   reshuffled runs are ahead of the unshuffled one; 0 if there is none.

# %% role="given"
eight = np.arange(1.0, 9.0)


def losses_of(orders, learning_rate, batch_size):
    """Return the mean square after each epoch for many orders side by side."""
    orders = np.asarray(orders)
    intercepts, slopes = np.zeros((2, len(orders), 1))
    losses = []
    for rows in orders.transpose(1, 0, 2):
        for start in range(0, 8, batch_size):
            x = eight[rows[:, start : start + batch_size]]
            residuals = intercepts + slopes * x - 2 * x
            slopes = slopes - learning_rate * (residuals * x).mean(
                axis=1, keepdims=True
            )
            intercepts = intercepts - learning_rate * residuals.mean(
                axis=1, keepdims=True
            )
        losses.append(((intercepts + slopes * eight - 2 * eight) ** 2).mean(axis=1))
    return np.transpose(losses)


# %% role="answer"
### BEGIN SOLUTION
# STUB: # Predict.
# STUB: predicted_stored = None  # factor of the slope's error in an unshuffled epoch
# STUB: predicted_equal = None  # the same, if all batches had the same mean of x²
# STUB: # Measure.
# STUB:
# STUB:
# STUB: def share_below(order, runs, seed):
# STUB:     """Return for each epoch the share of runs with a lower loss than order."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: first_behind = None  # an epoch, counted from 1, or 0
of_batches = (eight**2).reshape(-1, TRIAL_BATCH).mean(axis=1)
predicted_stored = np.prod(1 - TRIAL_RATE * of_batches)
predicted_equal = (1 - TRIAL_RATE * np.mean(eight**2)) ** (8 // TRIAL_BATCH)


def share_below(order, runs, seed):
    """Return for each epoch the share of runs with a lower loss than order."""
    rng = np.random.default_rng(seed)
    stored = np.tile(np.arange(8), (runs, TRIAL_EPOCHS, 1))
    shuffled = losses_of(rng.permuted(stored, axis=2), TRIAL_RATE, TRIAL_BATCH)
    kept = losses_of(np.tile(order, (1, TRIAL_EPOCHS, 1)), TRIAL_RATE, TRIAL_BATCH)
    return (shuffled < kept).mean(axis=0)


behind = share_below(np.arange(8), 2000, 0) > 0.5
first_behind = int(behind.argmax()) + 1 if behind.any() else 0
### END SOLUTION

# %% [markdown] role="hint"
# The stored batches are consecutive rows. Write down their $h_j$: the last is many
# times the first.

# %% [markdown] role="hint"
# `rng.permuted(table, axis=-1)` shuffles each row of a table on its own, so that one
# call makes all orders of all runs. `np.tile` repeats one order.

# %% [markdown] role="hint"
# Each run needs a new permutation in every epoch, or you compare with *shuffle once*.
# The loss of `order` has the shape `(1, epochs)` and is compared with all runs at once.

# %% role="check" id="form" points=1 about="Shares for each epoch, right for one order after one epoch."
order = [3, 0, 6, 2, 7, 5, 1, 4]
shares = np.asarray(share_below(np.array(order), 1000, 0))
assert shares.shape == (TRIAL_EPOCHS,), (
    "share_below should return one share for each of TRIAL_EPOCHS epochs; it returned "
    f"the shape {shares.shape}"
)
assert shares.dtype.kind in "fiu", f"shares should be numbers; they are {shares.dtype}"
assert np.all((shares >= 0) & (shares <= 1)), (
    f"shares go from 0 to 1; share_below returned {shares}"
)
rng = np.random.default_rng(100)
table = np.tile(np.arange(8), (4000, 1, 1))
ahead = losses_of(rng.permuted(table, axis=2), TRIAL_RATE, TRIAL_BATCH)[:, 0]
expected = (ahead < losses_of([[order]], TRIAL_RATE, TRIAL_BATCH)[0, 0]).mean()
# The difference of shares of 1,000 and 4,000 runs has a standard deviation below 0.018.
assert abs(shares[0] - expected) < 0.1, (
    f"for the order {order} the first share is {shares[0]:.2f}, and 4,000 runs of the "
    "checker's own give "
    f"{expected:.2f}; look at which loss is compared with which, and at learning rate "
    "and batch size"
)

# %% role="hidden" id="standing" points=2 about="Where fixed orders stand after each epoch."
rng = np.random.default_rng(200)
table = np.tile(np.arange(8), (4000, TRIAL_EPOCHS, 1))
shuffled = losses_of(rng.permuted(table, axis=2), TRIAL_RATE, TRIAL_BATCH)
orders = (np.arange(8), np.arange(8)[::-1], np.array([7, 1, 5, 4, 6, 3, 2, 0]))
for order in orders:
    shares = np.asarray(share_below(order, 2000, 1))
    assert shares.shape == (TRIAL_EPOCHS,), (
        "share_below should return one share for each of TRIAL_EPOCHS epochs; it "
        f"returned the shape {shares.shape}"
    )
    assert shares.dtype.kind in "fiu", (
        f"shares should be numbers; they are {shares.dtype}"
    )
    kept = losses_of(np.tile(order, (1, TRIAL_EPOCHS, 1)), TRIAL_RATE, TRIAL_BATCH)
    expected = (shuffled < kept).mean(axis=0)
    worst = int(np.abs(shares - expected).argmax())
    # The difference of two such shares has a standard deviation of at most 0.014.
    assert abs(shares[worst] - expected[worst]) < 0.08, (
        f"for the order {order.tolist()}, kept in all epochs, your share after epoch "
        f"{worst + 1} is "
        f"{shares[worst]:.2f}, the checker's own {expected[worst]:.2f}; do the "
        "shuffled runs have a new "
        "permutation in every epoch, and does order keep its own?"
    )
first, again, other = (
    np.asarray(share_below(orders[2], 400, seed)) for seed in (5, 5, 6)
)
assert (first == again).all(), (
    "the same seed gave two results; take all randomness from the seed"
)
assert not (first == other).all(), (
    "the seeds 5 and 6 gave the same shares; is the seed used?"
)

# %% role="hidden" id="factors" points=1 about="The predicted factors of an epoch."
for name, value in (
    ("predicted_stored", predicted_stored),
    ("predicted_equal", predicted_equal),
):
    assert value is not None, f"{name} is still None: put in a product of factors"
    assert isinstance(value, int | float | np.number), (
        f"{name} should be one number; it is a {type(value).__name__}"
    )
stored = 1.0
for start in range(0, 8, TRIAL_BATCH):
    stored *= 1 - TRIAL_RATE * float(np.mean(eight[start : start + TRIAL_BATCH] ** 2))
equal = (1 - TRIAL_RATE * float(np.mean(eight**2))) ** (8 // TRIAL_BATCH)
# Values rounded to three digits are good enough.
assert abs(float(predicted_stored) - stored) < 0.01 * stored, (
    f"predicted_stored is {float(predicted_stored):.4g}: multiply 1 - η h over all "
    "batches of an epoch, "
    "with h the mean of x² over the batch's rows"
)
assert abs(float(predicted_equal) - equal) < 0.01 * equal, (
    f"predicted_equal is {float(predicted_equal):.4g}: each of the epoch's batches has "
    "one and the same factor"
)

# %% role="hidden" id="turning" points=1 about="The epoch in which the unshuffled run falls behind."
assert first_behind is not None, (
    "first_behind is still None: put in an epoch, counted from 1, or 0"
)
assert isinstance(first_behind, int | float | np.number), (
    f"first_behind should be one whole number; it is a {type(first_behind).__name__}"
)
rng = np.random.default_rng(300)
table = np.tile(np.arange(8), (4000, TRIAL_EPOCHS, 1))
shuffled = losses_of(rng.permuted(table, axis=2), TRIAL_RATE, TRIAL_BATCH)
kept = losses_of(np.tile(np.arange(8), (1, TRIAL_EPOCHS, 1)), TRIAL_RATE, TRIAL_BATCH)
shares = (shuffled < kept).mean(axis=0)
# Where a share is too near one half to tell, both readings are accepted.
accepted = set()
for threshold in (0.45, 0.5, 0.55):
    behind = shares > threshold
    accepted.add(int(behind.argmax()) + 1 if behind.any() else 0)
assert first_behind in accepted, (
    f"first_behind is {first_behind}; count from 1, and find the first epoch after "
    "which more than half "
    "of the shuffled runs have a lower loss than the unshuffled one"
)

# %% [markdown] role="explanation"
# The product of factors does not depend on the order of the batches, only on which rows
# share one. For a given mean of the $h_j$ it is largest if all are equal, and the
# stored order makes them as unequal as eight rows can be: small $x$ together, large $x$
# together. So the unshuffled run shrinks the slope's error *fastest*, and at the
# tutorial's settings (batches of 2, a learning rate of 0.01, 5 epochs) it is ahead of
# practically all shuffled runs for three epochs. In the fourth about three in four pass
# it, in the fifth all do: the flat direction, nearly that of the intercept, is left,
# and for it large $x$ last is a bad order. So "shuffling helps convergence" is half
# true here. With batches of 4 at the same settings the unshuffled run stays ahead
# of practically all for all five epochs.
#
# All eight rows agree on one line. There is no floor, every order goes to zero, and
# order decides only the speed. Comparing one run with one run shows either verdict,
# depending on the epoch at which you stop.

# %% role="wrong" name="compares with one permutation kept for all epochs" fails=["standing"]
of_batches = (eight**2).reshape(-1, TRIAL_BATCH).mean(axis=1)
predicted_stored = np.prod(1 - TRIAL_RATE * of_batches)
predicted_equal = (1 - TRIAL_RATE * np.mean(eight**2)) ** (8 // TRIAL_BATCH)


def share_below(order, runs, seed):
    """Return for each epoch the share of runs with a lower loss than order."""
    rng = np.random.default_rng(seed)
    once = np.array(
        [np.tile(rng.permutation(8), (TRIAL_EPOCHS, 1)) for _ in range(runs)]
    )
    kept = losses_of(np.tile(order, (1, TRIAL_EPOCHS, 1)), TRIAL_RATE, TRIAL_BATCH)
    return (losses_of(once, TRIAL_RATE, TRIAL_BATCH) < kept).mean(axis=0)


def fair(order, runs, seed):
    stored = np.tile(np.arange(8), (runs, TRIAL_EPOCHS, 1))
    orders = np.random.default_rng(seed).permuted(stored, axis=2)
    kept = losses_of(np.tile(order, (1, TRIAL_EPOCHS, 1)), TRIAL_RATE, TRIAL_BATCH)
    return (losses_of(orders, TRIAL_RATE, TRIAL_BATCH) < kept).mean(axis=0)


behind = fair(np.arange(8), 2000, 0) > 0.5
first_behind = int(behind.argmax()) + 1 if behind.any() else 0


# %% role="wrong" name="compares with a single shuffled run" fails=["form", "standing"]
# -     stored = np.tile(np.arange(8), (runs, TRIAL_EPOCHS, 1))
# +     stored = np.tile(np.arange(8), (1, TRIAL_EPOCHS, 1))

# - behind = share_below(np.arange(8), 2000, 0) > 0.5
# + alone = [share_below(np.arange(8), 1, seed) for seed in range(500)]
# + behind = np.mean(alone, axis=0) > 0.5

# %% role="wrong" name="counts epochs from 0, and reports where all runs are ahead" fails=["turning"]
# - first_behind = int(behind.argmax()) + 1 if behind.any() else 0
# + first_behind = int(behind.argmax())

# %% role="wrong" name="adds up the rates instead of multiplying factors" fails=["factors"]
# - predicted_stored = np.prod(1 - TRIAL_RATE * of_batches)
# + predicted_stored = 1 - TRIAL_RATE * of_batches.sum()

# %% [markdown] role="exercise" id="floors" title="How low does each order let the loss fall?" level="stretch" kind="predict, then measure" minutes=45 goal="predict and measure how the floor of each order grows with the learning rate"
# The smallest least-squares problem: one weight, no features. The loss is
# $L(w) = \frac{1}{2n} \sum_i (w - y_i)^2$ over the $n = FLOOR_ROWS$ `targets`, so $w^*$
# is their mean and the loss gap is $\frac12 (w - w^*)^2$. A step moves $w$ towards the
# mean of its batch: $w \leftarrow w - \eta\, (w - \bar y_B)$. Batches have
# $B = FLOOR_BATCH$ rows; $m = n / B$ per epoch.
#
# **Predict**, with chapter 4's formulas (here $H = 1$, and $\sigma^2$ is the variance
# of the targets):
#
# - `predicted_floors`: a dict with the keys `"with_replacement"`, `"shuffle_once"`,
#   `"reshuffle"`, the expected gap at the ends of epochs, after settling, at
#   $\eta = FLOOR_RATE$;
# - `predicted_slopes`: the powers of $\eta$ with these three keys and a fourth,
#   `"middle"`: reshuffled, but looked at in the middle of an epoch.
#
# **Measure.**
#
# - `settled_gaps(order, learning_rate, runs, seed, last_steps)` starts `runs` runs at
#   $w^*$, lets each settle for as many epochs as it needs, takes only the first
#   `last_steps` steps of the last epoch (from 1 to $m$; $m$ is the epoch's end), and
#   returns the gaps there, shape `(runs,)`. Every run has orders of its own. Make the
#   steps of all runs together.
# - `measured_slopes`: a dict with the four keys, the slopes of $\log$ mean gap against
#   $\log \eta$ over at least three learning rates between 0.0025 and 0.02, the largest
#   at least four times the smallest, with at least 1,000 runs at each.

# %% role="given"
targets = np.random.default_rng(FLOOR_SEED).exponential(size=FLOOR_ROWS)

# %% role="answer"
### BEGIN SOLUTION
# STUB: # Predict.
# STUB: predicted_floors = {
# STUB:     "with_replacement": None,
# STUB:     "shuffle_once": None,
# STUB:     "reshuffle": None,
# STUB:
# STUB:
# STUB: }
# STUB: predicted_slopes = {
# STUB:     "with_replacement": None,
# STUB:     "shuffle_once": None,
# STUB:     "reshuffle": None,
# STUB:     "middle": None,
# STUB:
# STUB:
# STUB: }
# STUB: # Measure.
# STUB:
# STUB:
# STUB: def settled_gaps(order, learning_rate, runs, seed, last_steps):
# STUB:     """Return loss gaps of settled runs, last_steps into the last epoch."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: measured_slopes = {
# STUB:     "with_replacement": None,
# STUB:     "shuffle_once": None,
# STUB:     "reshuffle": None,
# STUB:     "middle": None,
# STUB:
# STUB:
# STUB: }
n, m = len(targets), len(targets) // FLOOR_BATCH
of_batch = targets.var() / FLOOR_BATCH * (n - FLOOR_BATCH) / (n - 1)
predicted_floors = {
    "with_replacement": FLOOR_RATE / (4 * FLOOR_BATCH) * targets.var(),
    "shuffle_once": FLOOR_RATE**2 * (m + 1) / 24 * of_batch,
    "reshuffle": FLOOR_RATE**3 * m * (m + 1) / 48 * of_batch,
}
predicted_slopes = {
    "with_replacement": 1,
    "shuffle_once": 2,
    "reshuffle": 3,
    "middle": 2,
}


def settled_gaps(order, learning_rate, runs, seed, last_steps):
    """Return loss gaps of settled runs, last_steps into the last epoch."""
    rng = np.random.default_rng(seed)
    best, n = targets.mean(), len(targets)
    m = n // FLOOR_BATCH
    epochs = int(np.ceil(6 / (learning_rate * m)))  # exp(-6) of the start is left
    weights = np.full(runs, best)
    rows = rng.permuted(np.tile(np.arange(n), (runs, 1)), axis=1)
    for epoch in range(epochs):
        if order == "reshuffle":
            rows = rng.permuted(rows, axis=1)
        elif order == "with_replacement":
            rows = rng.integers(n, size=(runs, n))
        means = targets[rows].reshape(runs, m, FLOOR_BATCH).mean(axis=2)
        for step in range(last_steps if epoch == epochs - 1 else m):
            weights = weights - learning_rate * (weights - means[:, step])
    return 0.5 * (weights - best) ** 2


rates = np.array([0.005, 0.01, 0.02])
measured_slopes = {}
for name in predicted_slopes:
    order = "reshuffle" if name == "middle" else name
    steps = m // 2 if name == "middle" else m
    gaps = [settled_gaps(order, rate, 1000, 1, steps).mean() for rate in rates]
    measured_slopes[name] = np.polyfit(np.log(rates), np.log(gaps), 1)[0]
### END SOLUTION

# %% [markdown] role="hint"
# The formulas are those of chapter 4's section on four floors, with all matrices
# replaced by numbers: $H = 1$, $\Sigma = \sigma^2$ and
# $\Gamma = \frac{\sigma^2}{B} \frac{n - B}{n - 1}$. For `"middle"`, see *Where in
# the epoch do you look?* in [the theory of orders](../notebooks/deeper/04_theory_of_orders.ipynb).

# %% [markdown] role="hint"
# A step multiplies what is left of the start by $1 - \eta$, so an epoch by about
# $e^{-\eta m}$. From this follows how many epochs a run needs to settle: the smaller
# the learning rate, the more.

# %% [markdown] role="hint"
# Keep the rows of all runs in a table of shape `(runs, n)`;
# `rng.permuted(table, axis=1)` gives each run its own new order.
# `targets[rows].reshape(runs, m, -1).mean(axis=2)` are the means of all batches of an
# epoch.

# %% role="check" id="replacement" points=1 about="With replacement the measured floor is right."
m = FLOOR_ROWS // FLOOR_BATCH
gaps = np.asarray(settled_gaps("with_replacement", 0.02, 1000, 0, m))
assert gaps.shape == (1000,), (
    "settled_gaps should return one gap for each of 1,000 runs; it returned the shape "
    f"{gaps.shape}"
)
assert gaps.dtype.kind == "f", f"gaps should be numbers; they are of type {gaps.dtype}"
assert np.all((gaps >= 0) & (gaps < np.inf)), (
    "loss gaps should be finite and not negative: half the square of w less the mean "
    "of the targets"
)
assert len(np.unique(gaps)) > 900, (
    f"1,000 runs gave {len(np.unique(gaps))} different gaps; every run should have "
    "orders of its own"
)
expected = 0.02 / (2 - 0.02) * targets.var() / FLOOR_BATCH / 2
# A mean of 1,000 gaps has a standard deviation of 4.5 %.
assert 0.75 < gaps.mean() / expected < 1.25, (
    f"with replacement, at 0.02, the mean gap is {gaps.mean() / expected:.2f} times "
    "the expected one. Are the runs settled, do they start at the mean of the "
    "targets, and does each step go towards the mean of its batch?"
)

# %% role="hidden" id="ends" points=2 about="The floors of both permuted orders, at the end and in the middle of an epoch."
m, n = FLOOR_ROWS // FLOOR_BATCH, FLOOR_ROWS
of_batch = targets.var() / FLOOR_BATCH * (n - FLOOR_BATCH) / (n - 1)


def pushed(rate, steps):
    # Variance of what an epoch's first steps add, all from one permutation.
    left = (1 - rate) ** np.arange(steps)
    squares = (left**2).sum()
    return rate**2 * of_batch * (squares - (left.sum() ** 2 - squares) / (m - 1))


def variance(order, rate, steps):
    if order == "shuffle_once":  # looked at after whole epochs only
        return pushed(rate, m) / (1 - (1 - rate) ** m) ** 2
    end = pushed(rate, m) / (1 - (1 - rate) ** (2 * m))
    return (1 - rate) ** (2 * steps) * end + pushed(rate, steps)


looks = (("shuffle_once", m), ("reshuffle", m), ("reshuffle", m // 2))
cases = [(order, rate, steps) for rate in (0.01, 0.02) for order, steps in looks]
# At a large rate a formula's leading term is far from what runs do in mid-epoch.
for order, rate, steps in [*cases, ("reshuffle", 0.2, m // 2)]:
    gaps = np.asarray(settled_gaps(order, rate, 1000, 2, steps))
    assert gaps.shape == (1000,), (
        "settled_gaps should return one gap for each of 1,000 runs; it returned "
        f"{gaps.shape}"
    )
    assert gaps.dtype.kind == "f", (
        f"gaps should be numbers; they are of type {gaps.dtype}"
    )
    assert len(np.unique(gaps)) > 900, (
        f"{order!r}: 1,000 runs gave {len(np.unique(gaps))} different gaps; every "
        "run should have "
        "orders of its own"
    )
    ratio = gaps.mean() / (variance(order, rate, steps) / 2)
    # A mean of 1,000 gaps has a standard deviation of 4.5 %.
    assert 0.75 < ratio < 1.25, (
        f"{order!r} at {rate}, {steps} of {m} steps into the last epoch: the mean "
        f"gap is {ratio:.2f} "
        "times the expected one. Look at when the order is drawn anew, at the "
        "number of epochs, and "
        "at how many steps the last epoch has"
    )

# %% role="hidden" id="slopes" points=2 about="The four powers, predicted and measured."
right = {"with_replacement": 1, "shuffle_once": 2, "reshuffle": 3, "middle": 2}
for name, values in (
    ("predicted_slopes", predicted_slopes),
    ("measured_slopes", measured_slopes),
):
    assert isinstance(values, dict), (
        f"{name} should be a dict; it is a {type(values).__name__}"
    )
    assert set(values) == set(right), (
        f"{name} should have the keys {sorted(right)}; it has {list(values)}"
    )
    for key, value in values.items():
        assert value is not None, f"{name}[{key!r}] is still None: put in a number"
        assert isinstance(value, int | float | np.number), (
            f"{name}[{key!r}] should be one number; it is a {type(value).__name__}"
        )
        # Predictions are whole powers. A slope from 3 times 1,000 runs errs by 0.05.
        assert abs(float(value) - right[key]) < (
            0.01 if name == "predicted_slopes" else 0.25
        ), (
            f"{name}[{key!r}] is {float(value):.2f}; if measured, are the runs settled "
            "at the smallest "
            "learning rate, and is it the slope of logarithms? If predicted, see where "
            "errors cancel"
        )
spread = [abs(float(measured_slopes[key]) - right[key]) for key in right]
assert max(spread) > 1e-6, (
    "measured_slopes are whole numbers; a measurement with finitely many runs never "
    "is: fit it"
)

# %% role="hidden" id="levels" points=1 about="The predicted floors follow chapter 4's formulas."
m, n = FLOOR_ROWS // FLOOR_BATCH, FLOOR_ROWS
of_batch = targets.var() / FLOOR_BATCH * (n - FLOOR_BATCH) / (n - 1)
right = {
    "with_replacement": FLOOR_RATE * targets.var() / (4 * FLOOR_BATCH),
    "shuffle_once": FLOOR_RATE**2 * (m + 1) * of_batch / 24,
    "reshuffle": FLOOR_RATE**3 * m * (m + 1) * of_batch / 48,
}
assert isinstance(predicted_floors, dict), (
    f"predicted_floors should be a dict; it is a {type(predicted_floors).__name__}"
)
assert set(predicted_floors) == set(right), (
    f"predicted_floors should have the keys {sorted(right)}; it has "
    f"{list(predicted_floors)}"
)
for key, value in predicted_floors.items():
    assert value is not None, (
        f"predicted_floors[{key!r}] is still None: put in a number"
    )
    assert isinstance(value, int | float | np.number), (
        f"predicted_floors[{key!r}] should be one number; it is a "
        f"{type(value).__name__}"
    )
    # An exact sum in place of the leading term differs by up to 3 %.
    assert abs(float(value) / right[key] - 1) < 0.035, (
        f"predicted_floors[{key!r}] is {float(value):.3g}; check the power of the "
        "learning rate, the factor "
        "in front, and the correction (n - B) / (n - 1) of batches drawn without "
        "replacement"
    )

# %% [markdown] role="explanation"
# Even where gradient descent only estimates a mean, the order of the rows sets the
# power of the learning rate: 1 with replacement, 2 for one order, 3 with a new order in
# every epoch. Without replacement the batch means of an epoch average to exactly $w^*$;
# what is left is that early batches are forgotten a little more than late ones, a
# factor $\eta$ in the weights and $\eta^2$ in the gap. One order makes the same error
# in every epoch, so that it adds up; new orders make random errors, which average out,
# and that is the third power. Each time you halve the learning rate, reshuffling gains
# a factor of 4 on drawing with replacement.
#
# The fourth slope is the surprise: halfway through an epoch the errors have not
# cancelled yet, and the reshuffled run scatters as $\eta^2$, above one fixed order. The
# third power belongs to weights that are taken at the end of an epoch.
#
# The usual mistakes: the same number of epochs at all rates, so that the slowest run
# has not settled and the slopes come out too steep; one order shared by all runs; and
# $\sigma^2 / B$ without the correction for drawing without replacement.

# %% role="wrong" name="the same number of epochs at every learning rate" fails=["ends", "slopes"]
# -     epochs = int(np.ceil(6 / (learning_rate * m)))  # exp(-6) of the start is left
# +     epochs = 10

# - rates = np.array([0.005, 0.01, 0.02])
# + rates = np.array([0.0025, 0.005, 0.01])

# %% role="wrong" name="expects and measures the third power in the middle too" fails=["ends", "slopes"]
# -     "middle": 2,
# +     "middle": 3,

# -         for step in range(last_steps if epoch == epochs - 1 else m):
# +         for step in range(m):

# %% role="wrong" name="forgets the correction for drawing without replacement" fails=["levels"]
# - of_batch = targets.var() / FLOOR_BATCH * (n - FLOOR_BATCH) / (n - 1)
# + of_batch = targets.var() / FLOOR_BATCH

# %% role="wrong" name="draws the gaps from the formulas, without runs" fails=["ends"]
#       measured_slopes[name] = np.polyfit(np.log(rates), np.log(gaps), 1)[0]
# +
# +
# + def settled_gaps(order, learning_rate, runs, seed, last_steps):
# +     if order == "with_replacement":
# +         mean = learning_rate * targets.var() / (4 * FLOOR_BATCH)
# +     elif order == "shuffle_once":
# +         mean = learning_rate**2 * (m + 1) / 24 * of_batch
# +     elif last_steps == m:
# +         mean = learning_rate**3 * m * (m + 1) / 48 * of_batch
# +     else:  # what some steps of a permutation leave
# +         left = last_steps * (m - last_steps) / (m - 1)
# +         mean = learning_rate**2 / 2 * left * of_batch
# +     return mean * np.random.default_rng(seed).normal(size=runs) ** 2

# %% role="wrong" name="all runs share one order" fails=["replacement", "ends"]
n, m = len(targets), len(targets) // FLOOR_BATCH
of_batch = targets.var() / FLOOR_BATCH * (n - FLOOR_BATCH) / (n - 1)
predicted_floors = {
    "with_replacement": FLOOR_RATE / (4 * FLOOR_BATCH) * targets.var(),
    "shuffle_once": FLOOR_RATE**2 * (m + 1) / 24 * of_batch,
    "reshuffle": FLOOR_RATE**3 * m * (m + 1) / 48 * of_batch,
}
predicted_slopes = {
    "with_replacement": 1,
    "shuffle_once": 2,
    "reshuffle": 3,
    "middle": 2,
}
measured_slopes = {
    "with_replacement": 1.04,
    "shuffle_once": 2.01,
    "reshuffle": 2.98,
    "middle": 1.97,
}


def settled_gaps(order, learning_rate, runs, seed, last_steps):
    """Return loss gaps of settled runs, last_steps into the last epoch."""
    rng = np.random.default_rng(seed)
    best, n = targets.mean(), len(targets)
    m = n // FLOOR_BATCH
    epochs = int(np.ceil(6 / (learning_rate * m)))
    weights = np.full(runs, best)
    rows = rng.permutation(n)
    for epoch in range(epochs):
        if order == "reshuffle":
            rows = rng.permutation(n)
        elif order == "with_replacement":
            rows = rng.integers(n, size=n)
        means = targets[rows].reshape(m, FLOOR_BATCH).mean(axis=1)
        for step in range(last_steps if epoch == epochs - 1 else m):
            weights = weights - learning_rate * (weights - means[step])
    return 0.5 * (weights - best) ** 2


# %% [markdown] role="project" id="own-order" title="An order of your own" minutes=90 goal="design an order of the rows and test it fairly against reshuffling"
# Invent an order of the rows, and find out where it beats reshuffling and where it does
# not. Some ideas: every other epoch backwards; batches that each hold all classes, or
# all ranges of the target; batches cut once and shuffled as batches; the rows with
# large residuals more often; a new permutation only now and then.
#
# **Data.** One problem on which rows disagree at the minimum, of at most 2,000 rows:
# for example `mbgd_lib.data.noisy_line()` or `mbgd_lib.data.diabetes()`, sorted if your
# idea is about sorted rows, or rows of your own.
#
# **What is fair.** Compare with *reshuffle* and with *shuffle once*, from the same
# start, with the same batches per epoch, and at no fewer than three learning rates,
# each order at its own best as well. Use at least 20 seeds, and show intervals over
# seeds. Say where in the epoch you look. If your order does not use each row equally
# often, show what it does to the weights in the long run.
#
# **Hand in** about one page: your order in one sentence and as a function that yields
# row indices; your prediction, written before the first run; one figure, loss gap
# against learning rate or against epochs, with intervals; one table of the numbers that
# your verdict rests on; the verdict, with one thing that your test does not show. All
# runs together take under a minute. An order that turns out worse is worth as many
# points as one that wins.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Order | stated in one sentence; the function yields what the sentence says, shown on a small example | 2 |
# | Prediction | made before the runs, with a reason from chapter 4 (what cancels, and when), and compared with the result | 2 |
# | Fair test | same start, data and batches per epoch; both rivals; three learning rates or more, each order at its best too; 20 seeds or more | 3 |
# | Evidence | figure and table can be read alone, with axes, units and intervals; every number in the text is in them | 2 |
# | Verdict | follows from the numbers, with the size of the effect and one limit of the test | 1 |
