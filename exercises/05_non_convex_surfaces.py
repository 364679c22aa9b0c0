# %% [markdown] role="set" title="Wells, saddles and noise" chapter="05_non_convex_surfaces"
# You check a gradient on a bent double well, mend two defects of a training loop,
# time the way off a saddle, and measure when noise leads to the deeper of two wells
# and when it does not. The set goes with
# [chapter 5](../notebooks/05_non_convex_surfaces.ipynb); all runs together take a few
# seconds.

# %% role="parameters"
TILT = 0.2  # slope added to the double well; 0.15 to 0.2
RIPPLE = 0.5  # how far the valley bends; 0.2 to 2
WAVES = 3  # how often it bends; 2 to 6
FIRST_RATE = 0.5  # learning rate of the first step; 0.2 to 0.8
HALF_AFTER = 20  # steps after which the rate is half of it; 20 to 200
HEIGHT = 1e-8  # start above the ridge of the saddle; 1e-12 to 1e-7
CLIMB_RATE = 0.1  # learning rate on the saddle; 0.05 to 0.2
WIDE_RATE = 0.5  # the larger learning rate of the basins; 0.4 to 0.6
SIGMA = 5  # standard deviation of a row's noise in the gradient; 4 to 6
TARGET = 0.75  # share of runs that counts as help from noise; 0.72 to 0.85
Z = 1.96  # width of an interval in standard deviations; 1 to 3

# %% role="setup"
import numpy as np

# %% [markdown] role="exercise" id="gradient" title="The gradient of a bent double well" level="warm-up" kind="gradient check" minutes=15 goal="derive a gradient with a chain rule in it, and check it where a check can see"
# The surface of this exercise has two wells, joined by a valley that bends:
#
# $$
# L(w_1, w_2) = \tfrac14 (w_1^2 - 1)^2 + TILT\, w_1
# + \tfrac12 \bigl(w_2 - RIPPLE \sin(WAVES\, w_1)\bigr)^2 .
# $$
#
# Write two functions.
#
# - `gradient(weights)` takes an array of shape (2,) and returns
#   $(\partial L/\partial w_1, \partial L/\partial w_2)$, an array of shape (2,), from
#   your formula.
# - `central_differences(value, weights, step)` approximates the gradient of any
#   function `value` of one array: entry $j$ is $(L(w + h e_j) - L(w - h e_j)) / 2h$
#   with $h$ = `step`. `weights` has any number $d$ of entries, and may hold whole
#   numbers. Return an array of shape (d,), and leave `weights` as it was.
#
# Then compare the two, first at $(0, 0)$ and then elsewhere. Which of these places
# would show a mistake in the last term?


# %% role="given"
def bent_well(weights):
    w1, w2 = weights
    bend = w2 - RIPPLE * np.sin(WAVES * w1)
    return (w1**2 - 1) ** 2 / 4 + TILT * w1 + bend**2 / 2


# %% role="answer"
### BEGIN SOLUTION
# STUB: def gradient(weights):
# STUB:     """Return the gradient of the bent double well, shape (2,)."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB: def central_differences(value, weights, step):
# STUB:     """Return central differences of value at weights, shape (d,)."""
# STUB:     raise NotImplementedError("write your answer here")
def gradient(weights):
    """Return the gradient of the bent double well, shape (2,)."""
    w1, w2 = weights
    bend = w2 - RIPPLE * np.sin(WAVES * w1)
    along = w1**3 - w1 + TILT - bend * RIPPLE * WAVES * np.cos(WAVES * w1)
    return np.array([along, bend])


def central_differences(value, weights, step):
    """Return central differences of value at weights, shape (d,)."""
    weights = np.asarray(weights, dtype=float)
    differences = np.empty(len(weights))
    for j in range(len(weights)):
        move = np.zeros(len(weights))
        move[j] = step
        rise = value(weights + move) - value(weights - move)
        differences[j] = rise / (2 * step)
    return differences


### END SOLUTION


# %% [markdown] role="hint"
# Give the bracket $w_2 - RIPPLE \sin(WAVES\, w_1)$ a name. By which amount does it
# change when $w_1$ changes a little, and by which when $w_2$ does?

# %% [markdown] role="hint"
# The derivative by $w_1$ has three parts, one per term. The last is the bracket times
# the derivative of the bracket, and that is a product of three factors.

# %% role="check" id="floor" points=1 about="On the floor of the valley the gradient agrees with the check's own differences."
for w1 in (0.0, 0.5, -1.3):
    place = np.array([w1, RIPPLE * np.sin(WAVES * w1)])
    result = gradient(place.copy())
    assert result is not None, "gradient returned None; is a return missing?"
    assert np.shape(result) == (2,), (
        f"gradient should return two numbers, and returned the shape {np.shape(result)}"
    )
    assert np.asarray(result).dtype.kind in "fi", "gradient should return numbers"
    for j in range(2):
        move = 1e-6 * np.eye(2)[j]
        expected = (bent_well(place + move) - bent_well(place - move)) / 2e-6
        assert abs(result[j] - expected) < 1e-5, (
            f"entry {j} of the gradient at {place.round(2)} is {result[j]:.4g}; "
            "differences of the surface say otherwise. Look at the well and its tilt"
        )

# %% role="hidden" id="elsewhere" points=2 about="The gradient agrees with differences at random places."
rng = np.random.default_rng(51)
for place in rng.uniform(-2, 2, size=(20, 2)):
    result = gradient(place.copy())
    assert result is not None, "gradient returned None; is a return missing?"
    assert np.shape(result) == (2,), (
        f"gradient should return two numbers, and returned the shape {np.shape(result)}"
    )
    assert np.asarray(result).dtype.kind in "fi", "gradient should return numbers"
    for j in range(2):
        move = 1e-5 * np.eye(2)[j]
        expected = (bent_well(place + move) - bent_well(place - move)) / 2e-5
        # Differences with this step are good to 1e-7 here.
        assert abs(result[j] - expected) < 1e-5, (
            f"at {place.round(2)} entry {j} of the gradient is {result[j]:.5g}, and "
            "differences of the surface say otherwise. On the valley's floor the "
            "bracket is 0 and hides mistakes in its own derivative: check all factors of it"
        )
# Far out the loss is about 2.5e15: differences of it have no digit of entry 1.
result = gradient(np.array([1e4, 0.3]))[1]
expected = 0.3 - RIPPLE * np.sin(WAVES * 1e4)
assert abs(result - expected) < 1e-6, (
    f"at (10000, 0.3) entry 1 of the gradient is {result:.6g} and should be "
    f"{expected:.6g}. Differences lose these digits where the loss is large: derive "
    "the gradient"
)

# %% role="hidden" id="differences" points=1 in_place=true about="The differences are central, for any number of weights, and leave the weights alone."


def cubic(weights):
    return (weights**3).sum() + weights[0] * weights[-1]


place = np.array([2, -1, 3])
before = place.copy()
result = central_differences(cubic, place, 0.5)
assert result is not None, "central_differences returned None; is a return missing?"
assert np.shape(result) == (3,), (
    f"for three weights three differences should come back, not {np.shape(result)}"
)
assert np.asarray(result).dtype.kind in "fi", "the differences should be numbers"
assert (place == before).all(), (
    "central_differences changed the caller's weights; work on a copy"
)
# Central differences of w^3 are 3 w^2 + h^2 exactly; the product has none of that.
expected = 3.0 * before**2 + 0.5**2 + np.array([3.0, 0.0, 2.0])
assert np.allclose(result, expected, rtol=1e-9), (
    f"for a cubic, whole-number weights and a step of 0.5 got {np.round(result, 3)}. "
    "Is the difference central, divided by 2h, one weight at a time, and are the "
    "weights turned into floats first?"
)

# %% [markdown] role="explanation"
# The bracket $q = w_2 - RIPPLE \sin(WAVES\, w_1)$ has the derivatives 1 by $w_2$ and
# $-RIPPLE \cdot WAVES \cos(WAVES\, w_1)$ by $w_1$; the gradient follows by the chain
# rule. The usual mistake loses the inner factor WAVES.
#
# At the origin $q = 0$, so whatever multiplies it is invisible: a gradient without any
# chain rule passes there. The same holds along the whole floor of the valley, and runs
# of descent end there. So check a gradient at random places, not where a run ended.
#
# The step matters too. The difference is wrong by a term in $h^2$, and loses about
# $10^{-16} L/h$ to rounding. On this surface $h = 10^{-5}$ leaves an error below
# $10^{-7}$, and $h = 10^{-13}$ one that is typically a hundred thousand times larger or
# more: smaller is not better.


# %% role="wrong" name="loses the inner derivative" fails=["elsewhere"]
# -     along = w1**3 - w1 + TILT - bend * RIPPLE * WAVES * np.cos(WAVES * w1)
# +     along = w1**3 - w1 + TILT - bend * RIPPLE * np.cos(WAVES * w1)


# %% role="wrong" name="forward differences, and no chain rule" fails=["elsewhere", "differences"]
def gradient(weights):
    w1, w2 = weights
    bend = w2 - RIPPLE * np.sin(WAVES * w1)
    return np.array([w1**3 - w1 + TILT, bend])


def central_differences(value, weights, step):
    moves = step * np.eye(len(weights))
    return np.array([(value(weights + m) - value(weights)) / step for m in moves])


# %% role="wrong" name="adds the step to an array of whole numbers" fails=["differences"]
def gradient(weights):
    w1, w2 = weights
    bend = w2 - RIPPLE * np.sin(WAVES * w1)
    along = w1**3 - w1 + TILT - bend * RIPPLE * WAVES * np.cos(WAVES * w1)
    return np.array([along, bend])


def central_differences(value, weights, step):
    differences = []
    for j in range(len(weights)):
        ahead, behind = weights.copy(), weights.copy()
        ahead[j] = ahead[j] + step
        behind[j] = behind[j] - step
        differences.append((value(ahead) - value(behind)) / (2 * step))
    return np.array(differences)


# %% role="wrong" name="leaves the caller's weights moved" fails=["differences"]
# +     given = weights
#       weights = np.asarray(weights, dtype=float)

#           differences[j] = rise / (2 * step)
# +         given[j] += 1


# %% role="wrong" name="hands in the differences" fails=["elsewhere"]
def gradient(weights):
    return central_differences(bent_well, weights, 1e-5)


def central_differences(value, weights, step):
    weights, moves = np.asarray(weights, dtype=float), step * np.eye(len(weights))
    rises = [value(weights + move) - value(weights - move) for move in moves]
    return np.array(rises) / (2 * step)


# %% role="wrong" name="differentiates the well without its tilt" fails=["floor", "elsewhere"]
# -     along = w1**3 - w1 + TILT - bend * RIPPLE * WAVES * np.cos(WAVES * w1)
# +     along = w1**3 - w1 - bend * RIPPLE * WAVES * np.cos(WAVES * w1)

# %% [markdown] role="exercise" id="loop" title="A stop that goes on, and a decay that starts anew" level="core" kind="find the bug" minutes=20 goal="find two defects that live in the nesting of two loops"
# `faulty_descent` below has two defects. A tutorial has the first, and the notebook of
# a well-known book had the second for years. Its author meant this:
#
# - step number $k$, counted from 0 over the **whole run**, has the learning rate
#   $FIRST_RATE / (1 + k / HALF_AFTER)$;
# - the run **ends** with the first step whose length is below `tolerance`. That step is
#   made, and counts.
#
# `gradient(weights, batch)` is the mean gradient over batch number `batch`, which runs
# from 0 to `n_batches - 1` in every epoch. Write `mended_descent` with the same
# arguments. It returns the pair of the last weights and the lengths of all steps made.
# Change nothing else.


# %% role="given"
def faulty_descent(gradient, start, n_batches, epochs, tolerance):
    weights, lengths = np.array(start, dtype=float), []
    for _ in range(epochs):
        for batch in range(n_batches):
            learning_rate = FIRST_RATE / (1 + batch / HALF_AFTER)
            step = learning_rate * gradient(weights, batch)
            weights = weights - step
            lengths.append(np.linalg.norm(step))
            if lengths[-1] < tolerance:
                break
    return weights, lengths


# %% role="answer"
def mended_descent(gradient, start, n_batches, epochs, tolerance):
    """Return the last weights, and the length of every step made."""
    ### BEGIN SOLUTION
    weights, lengths = np.array(start, dtype=float), []
    for _ in range(epochs):
        for batch in range(n_batches):
            learning_rate = FIRST_RATE / (1 + len(lengths) / HALF_AFTER)
            step = learning_rate * gradient(weights, batch)
            weights = weights - step
            lengths.append(np.linalg.norm(step))
            if lengths[-1] < tolerance:
                return weights, lengths
    return weights, lengths
    ### END SOLUTION


# %% [markdown] role="hint"
# Run `faulty_descent` with `lambda weights, batch: np.ones(1)` as the gradient, 3
# batches, 2 epochs and the tolerance 0. The lengths are then the learning rates.

# %% [markdown] role="hint"
# Which loop does a `break` leave? And which name in the loop counts the steps of the
# whole run?

# %% role="check" id="stop" points=1 about="The run ends with the first step that is shorter than the tolerance."
made = []


def gradient_with_one_short(weights, batch):
    made.append(batch)
    return np.array([1e-9 if len(made) == short else 1.0])


for short, n_batches in ((8, 5), (3, 2)):
    made.clear()
    result = mended_descent(gradient_with_one_short, [3.0], n_batches, 10, 1e-6)
    assert isinstance(result, (tuple, list)), (
        f"return the pair of weights and lengths; got {type(result).__name__}"
    )
    assert len(result) == 2, f"return a pair, and not {len(result)} things"
    assert len(made) == short, (
        f"step {short} was the only one below the tolerance, so the run should take "
        f"{short} gradients in all; it took {len(made)}. Does it leave both loops, and "
        "at once?"
    )

# %% role="hidden" id="decay" points=2 about="The learning rate falls over the whole run, and does not start anew."
result = mended_descent(lambda weights, batch: np.full(1, 1.0 + batch), [0.0], 4, 6, 0)
assert isinstance(result, (tuple, list)), (
    f"return the pair of weights and lengths; got {type(result).__name__}"
)
assert len(result) == 2, f"return a pair, and not {len(result)} things"
assert result[1] is not None, "the lengths are None; return a list of all of them"
assert np.shape(result[1]) == (24,), (
    "4 batches, 6 epochs and no tolerance make 24 steps; got lengths of the shape "
    f"{np.shape(result[1])}"
)
rates = np.array(result[1], dtype=float) / np.tile([1, 2, 3, 4], 6)
assert (np.diff(rates) < 0).all(), (
    "a step's length divided by that of its gradient is the learning rate, which should "
    f"fall at every step; the first six are {rates[:6].round(4)}"
)
expected = FIRST_RATE / (1 + np.arange(24) / HALF_AFTER)
assert np.allclose(rates, expected, rtol=1e-9), (
    f"the learning rates fall, but not as asked: they begin {rates[:4].round(4)}. Is "
    "the first step number 0, and does k count the steps of the whole run?"
)

# %% role="hidden" id="unchanged" points=1 in_place=true about="Batches, weights and the start are as before; the short step is made and counts."
seen, places = [], []


def gradient_of_batch(weights, batch):
    seen.append(batch)
    places.append(weights[0])
    return np.array([0.1 if len(seen) == 5 else 1.0, 0.0])


start = np.array([2.0, -1.0])
tolerance = 0.4 * FIRST_RATE / (1 + 5 / HALF_AFTER)
result = mended_descent(gradient_of_batch, start, 3, 2, tolerance)
assert isinstance(result, (tuple, list)), (
    f"return the pair of weights and lengths; got {type(result).__name__}"
)
assert len(result) == 2, f"return a pair, and not {len(result)} things"
weights, lengths = result
assert seen == [0, 1, 2, 0, 1], (
    "batches should come in order, anew in each epoch, until the fifth step is the short "
    f"one; they came as {seen}"
)
assert np.array_equal(start, [2.0, -1.0]), "the caller's start has been changed"
assert np.shape(weights) == (2,), (
    f"two weights should come back; got the shape {np.shape(weights)}"
)
assert np.ndim(lengths) == 1, "the second thing returned should be a list of lengths"
assert len(lengths) == len(seen), (
    f"{len(seen)} gradients were taken, and {len(lengths)} lengths came back; the last "
    "step counts, too"
)
assert places[0] == 2, f"the first gradient was taken at {places[0]}, not at the start"
moved = -np.diff([*places, weights[0]])  # from one gradient to the next
assert np.allclose(moved, lengths, rtol=0, atol=1e-9), (
    f"the lengths are {np.round(lengths, 4)}, and the weights moved by "
    f"{moved.round(4)}; the step that is below the tolerance should be made as well"
)

# %% [markdown] role="explanation"
# `break` leaves the innermost loop only. So the faulty run skips the rest of the epoch,
# and goes on with the next one: it was told to stop, and trains on with the first
# batches of each epoch. A `return` leaves both loops.
#
# The rate of the faulty run depends on `batch`, which starts at 0 in every epoch. So
# the decay starts anew, and the last epoch is as noisy as the first. See it on 500
# bowls at once, each with noise of its own:
#
# ```python
# def loss_gap(descent):
#     rng = np.random.default_rng(0)
#     noisy = lambda weights, batch: weights + rng.normal(size=500)
#     weights, _ = descent(noisy, np.zeros(500), 20, 200, 0)
#     return (weights**2).mean() / 2
#
#
# print(loss_gap(faulty_descent) / loss_gap(mended_descent))
# ```
#
# With the published numbers, a first rate of 0.5 that is halved after 20 steps, the
# faulty run keeps a loss gap more than a hundred times as large. A slower decay makes
# the ratio smaller.
#
# Neither defect raises an error, and neither shows in a loss that falls. Lengths of
# steps, printed for a gradient of length 1, show both in six lines. When you count for
# a schedule, count steps of the run: an index of a loop is a different thing.


# %% role="wrong" name="leaves both loops, and keeps the schedule" fails=["decay"]
# -             learning_rate = FIRST_RATE / (1 + len(lengths) / HALF_AFTER)
# +             learning_rate = FIRST_RATE / (1 + batch / HALF_AFTER)

# %% role="wrong" name="the rate falls once per epoch" fails=["decay"]
# -     for _ in range(epochs):
# +     for epoch in range(epochs):
#           for batch in range(n_batches):
# -             learning_rate = FIRST_RATE / (1 + len(lengths) / HALF_AFTER)
# +             learning_rate = FIRST_RATE / (1 + epoch / HALF_AFTER)

# %% role="wrong" name="mends the schedule only" fails=["stop"]
# -                 return weights, lengths
# +                 break

# %% role="wrong" name="returns before it makes the short step" fails=["unchanged"]
# -             weights = weights - step
#               lengths.append(np.linalg.norm(step))
#               if lengths[-1] < tolerance:
#                   return weights, lengths
# +             weights = weights - step


# %% role="wrong" name="asks for eight gradients and makes lengths up" fails=["stop", "decay", "unchanged"]
def mended_descent(gradient, start, n_batches, epochs, tolerance):
    weights, lengths = np.array(start, dtype=float), [1.0] * 8
    for k in range(8):
        gradient(weights, k % n_batches)
    weights[0] -= 8
    return weights, lengths


# %% role="wrong" name="takes no gradient, and returns the rates" fails=["stop", "decay", "unchanged"]
def mended_descent(gradient, start, n_batches, epochs, tolerance):
    return start, list(FIRST_RATE / (1 + np.arange(n_batches * epochs) / HALF_AFTER))


# %% role="wrong" name="moves the start" fails=["unchanged"]
#               weights = weights - step
# +             np.asarray(start)[:] = weights

# %% role="wrong" name="counts the step before it sets the rate" fails=["decay"]
# -             learning_rate = FIRST_RATE / (1 + len(lengths) / HALF_AFTER)
# +             learning_rate = FIRST_RATE / (1 + (len(lengths) + 1) / HALF_AFTER)

# %% [markdown] role="exercise" id="saddle" title="How long a saddle holds a run" level="core" kind="predict, then measure" minutes=20 goal="predict the steps off a saddle exactly, and see what a tolerance makes of it"
# Full-batch descent on $L = w_1^2 - w_2^2$ starts at $w_1$ = 1 and $w_2$ = `HEIGHT`,
# with the learning rate $\eta = CLIMB_RATE$. It has left the saddle when $|w_2| \ge 1$.
#
# Predict on paper first, from what one step does to $w_2$:
#
# - `predicted_steps(height, learning_rate)`: the number of steps until a run from
#   $w_2$ = `height` (between 0 and 1) has left, from a formula. Rounded up or not, as
#   you like.
# - `extra_steps`: how many steps **more** it takes from a start that is a thousand
#   times lower, $w_2$ = `HEIGHT / 1000`.
#
# Then simulate:
#
# - `measured_steps`: the number of steps after which $|w_2| \ge 1$ for the first time.
# - `stopped_after`: a rule ends the run with the first step whose length (of both
#   weights together) is below 0.0001. How many steps has the run made then, that one
#   included?


# %% role="answer"
### BEGIN SOLUTION
# STUB: def predicted_steps(height, learning_rate):
# STUB:     """Return the steps that a run from this height takes to leave."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB: extra_steps = None  # from the formula
# STUB: measured_steps = None  # from a simulation
# STUB: stopped_after = None  # from a simulation
def predicted_steps(height, learning_rate):
    """Return the steps that a run from this height takes to leave."""
    return np.log(1 / height) / np.log(1 + 2 * learning_rate)


extra_steps = np.log(1000) / np.log(1 + 2 * CLIMB_RATE)

path = [np.array([1.0, HEIGHT])]
while abs(path[-1][1]) < 1:
    path.append(path[-1] - CLIMB_RATE * np.array([2.0, -2.0]) * path[-1])
measured_steps = len(path) - 1
lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
stopped_after = int(np.argmax(lengths < 0.0001)) + 1
### END SOLUTION

# %% [markdown] role="hint"
# The gradient by $w_2$ is $-2 w_2$. So a step multiplies $w_2$ by a number that does
# not depend on where it is. Which one?

# %% [markdown] role="hint"
# After $k$ steps $w_2$ is the start times that number to the power $k$. Set it equal to
# 1 and take logarithms. For `stopped_after` follow both weights: one shrinks.

# %% role="check" id="doubling" points=1 about="With a rate that doubles or quadruples the height at each step, the count is right."
for height, rate, expected in (
    (1 / 1024, 0.5, 10),
    (1 / 64, 0.5, 6),
    (1 / 256, 1.5, 4),
):
    result = predicted_steps(height, rate)
    assert result is not None, "predicted_steps returned None; is a return missing?"
    assert isinstance(result, (int, float, np.integer, np.floating)), (
        f"predicted_steps should return one number, not a {type(result).__name__}"
    )
    assert abs(result - expected) <= 1, (
        f"from 1/{1 / height:.0f} at the rate {rate} it is {expected} steps, and "
        f"predicted_steps says {result:.2f}. Follow w2 by hand: what does a step do?"
    )

# %% role="hidden" id="predicted" points=2 about="Both predictions follow from what one step does."
factor = np.log(1 + 2 * CLIMB_RATE)
for height, rate in ((HEIGHT, CLIMB_RATE), (1e-6, 0.02), (0.001, 0.3)):
    result = predicted_steps(height, rate)
    assert result is not None, "predicted_steps returned None; is a return missing?"
    assert isinstance(result, (int, float, np.integer, np.floating)), (
        f"predicted_steps should return one number, not a {type(result).__name__}"
    )
    # One step is left free, for rounding up or down.
    assert abs(result - np.log(1 / height) / np.log(1 + 2 * rate)) <= 1, (
        f"predicted_steps({height}, {rate}) = {result:.1f} is not what one step does "
        "to w2, repeated. Is it the exact formula, or its limit at small rates?"
    )
assert extra_steps is not None, "extra_steps is still None: put your number there"
assert isinstance(extra_steps, (int, float, np.integer, np.floating)), (
    f"extra_steps should be one number, and is a {type(extra_steps).__name__}"
)
assert abs(extra_steps - np.log(1000) / factor) <= 1, (
    f"extra_steps = {extra_steps:.1f} is not the difference of the two predictions. "
    "How many steps does it take to grow by a factor of 1000?"
)

# %% role="hidden" id="measured" points=1 about="The measured number of steps is that of a run."
assert measured_steps is not None, "measured_steps is still None: put your number there"
assert isinstance(measured_steps, (int, float, np.integer, np.floating)), (
    f"measured_steps should be one number, and is a {type(measured_steps).__name__}"
)
height, steps = HEIGHT, 0
while abs(height) < 1:
    height, steps = height + CLIMB_RATE * 2 * height, steps + 1
assert measured_steps == steps, (
    f"measured_steps = {measured_steps} is not the number of steps of a run. Is the "
    "start counted as a step, or the last step forgotten?"
)

# %% role="hidden" id="stopped" points=1 about="The rule stops the run where a simulation says."
assert stopped_after is not None, "stopped_after is still None: put your number there"
assert isinstance(stopped_after, (int, float, np.integer, np.floating)), (
    f"stopped_after should be one number, and is a {type(stopped_after).__name__}"
)
place, steps, length = np.array([1.0, HEIGHT]), 0, np.inf
while length >= 0.0001 and steps < 10_000:
    step = CLIMB_RATE * np.array([2.0, -2.0]) * place
    place, steps, length = place - step, steps + 1, np.linalg.norm(step)
assert stopped_after == steps, (
    f"stopped_after = {stopped_after} is not the first step shorter than 0.0001. Are "
    "both weights in the length, and is the short step counted?"
)

# %% [markdown] role="explanation"
# A step multiplies $w_2$ by $1 + 2\eta$, so it takes $\log(1/\text{height}) / \log(1 +
# 2\eta)$ steps to reach 1. The estimate that one reads most often,
# $\log(1/\text{height}) / (2\eta)$, is its limit at small rates: since $\log(1 + 2\eta)
# < 2\eta$, it is always too short.
#
# A start a thousand times closer to the ridge costs $\log(1000)/\log(1 + 2\eta)$ steps
# more, whatever the height. Distance enters by its logarithm only. That is why the
# rounding of a number, or the noise of a batch, is enough to leave.
#
# The rule stops the run long before it has left. By then $w_1$ has come to rest and
# $w_2$ is still too small to be seen: all steps are short, and there is no minimum
# anywhere near. This surface has none at all. A short step says *flat here*, and
# nothing more. "Stop when the update is small" is a test for minima only where there is
# nothing else that is flat.


# %% role="wrong" name="uses the limit at small rates" fails=["doubling", "predicted"]
def predicted_steps(height, learning_rate):
    return np.log(1 / height) / (2 * learning_rate)


extra_steps = np.log(1000) / (2 * CLIMB_RATE)
w = np.array([1.0, HEIGHT])
measured_steps, stopped_after = 0, None
while abs(w[1]) < 1:
    step = CLIMB_RATE * np.array([2.0, -2.0]) * w
    w, measured_steps = w - step, measured_steps + 1
    if stopped_after is None and np.linalg.norm(step) < 0.0001:
        stopped_after = measured_steps


# %% role="wrong" name="thinks that a thousand times lower takes a thousand times longer" fails=["predicted"]
# - extra_steps = np.log(1000) / np.log(1 + 2 * CLIMB_RATE)
# + extra_steps = 999 * predicted_steps(HEIGHT, CLIMB_RATE)

# %% role="wrong" name="gives the whole time from the lower start, not the difference" fails=["predicted"]
# - extra_steps = np.log(1000) / np.log(1 + 2 * CLIMB_RATE)
# + extra_steps = predicted_steps(HEIGHT / 1000, CLIMB_RATE)

# %% role="wrong" name="counts places in place of steps" fails=["measured"]
# - measured_steps = len(path) - 1
# + measured_steps = len(path)

# %% role="wrong" name="looks at the second weight's step only" fails=["stopped"]
# - lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
# + lengths = np.diff(path, axis=0)[:, 1]

# %% [markdown] role="exercise" id="basins" title="Is a basin a property of the surface?" level="core" kind="predict, then measure" minutes=20 goal="find the border of a basin, and see a large step cross it without noise"
# The tilted double well $V(w) = \frac14 (w^2 - 1)^2 + TILT\, w$ has two minima.
# Full-batch descent, without noise, begins at each of several places at once. All
# shares here are **percentages** of the starts, from 0 to 100, that end in the basin of
# the **global** minimum.
#
# - `reached_share(starts, learning_rate, steps)`: that share from runs. `starts` is an
#   array. A run counts if, after its last step, it is on the global minimum's side of
#   the border between the two basins.
# - `predicted_share`: for the 401 places in `even_starts`, evenly from 0 to 2, and
#   small steps, from the surface alone. Where is the border?
# - `wide_share`: for the same places, the learning rate WIDE_RATE and 5,000 steps, from
#   runs. Guess before you run: more than predicted, fewer, or as many?


# %% role="given"
def slope(w):
    return w * w * w - w + TILT


even_starts = np.linspace(0, 2, 401)

# %% role="answer"
### BEGIN SOLUTION
# STUB: def reached_share(starts, learning_rate, steps):
# STUB:     """Return the percentage of starts that reach the global minimum's basin."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB: predicted_share = None  # in percent, from the border of the basins
# STUB: wide_share = None  # in percent, learning rate WIDE_RATE
deep, border, shallow = np.sort(np.roots([1, 0, -1, TILT]).real)


def reached_share(starts, learning_rate, steps):
    """Return the percentage of starts that reach the global minimum's basin."""
    w = starts
    for _ in range(steps):
        w = w - learning_rate * (w * w * w - w + TILT)
    return 100 * (w < border).mean()


predicted_share = 100 * (border - 0) / (2 - 0)
wide_share = reached_share(even_starts, WIDE_RATE, 5_000)
### END SOLUTION

# %% [markdown] role="hint"
# Between two minima of a line there is a maximum. With small steps a run never crosses
# it. It is a zero of `slope`, and `np.roots` finds all three.

# %% [markdown] role="hint"
# The tilt lifts one well and lowers the other. Compute $V$ at both minima to see which
# is the global one. Then all starts can descend at once, as one array.

# %% role="check" id="wells" points=1 about="Starts at the two minima stay there, and the share is a percentage of all starts."
left = reached_share(np.array([-1.0]), 0.01, 100)
right = reached_share(np.array([1.0]), 0.01, 100)
three = reached_share(np.array([-1.0, -1.0, -1.0, 1.0]), 0.01, 100)
for result in (left, right, three):
    assert result is not None, "reached_share returned None; is a return missing?"
    assert isinstance(result, (int, float, np.integer, np.floating)), (
        f"reached_share should return one number, not a {type(result).__name__}"
    )
assert {round(left), round(right)} == {0, 100}, (
    "of the starts -1 and 1 just one is in the basin of the global minimum; alone they "
    f"give {left} and {right}. Is the share in percent?"
)
assert abs(three - (3 * left + right) / 4) < 1e-6, (
    f"of four starts, three at -1 and one at 1, the share is {three}; each start "
    "should count for a quarter"
)

# %% role="hidden" id="border" points=1 about="The predicted share follows from the border of the basins."
assert predicted_share is not None, "predicted_share is still None"
assert isinstance(predicted_share, (int, float, np.integer, np.floating)), (
    f"predicted_share should be one number, not a {type(predicted_share).__name__}"
)
assert not 0 < predicted_share < 1, (
    f"predicted_share = {predicted_share:.3g} is less than one per cent; is it a "
    "fraction? All shares here are in per cent, from 0 to 100"
)
low, high = 0.0, 3**-0.5  # the slope falls from here to there, through zero
for _ in range(60):
    middle = (low + high) / 2
    low, high = (middle, high) if slope(middle) > 0 else (low, middle)
# Half a point: a border known to 0.01, or a count of the starts below it.
assert abs(predicted_share - 50 * low) <= 0.5, (
    f"predicted_share = {predicted_share:.2f} does not follow from the border. Which "
    "of the two minima is lower, and where does the slope change its sign between them?"
)

# %% role="hidden" id="runs" points=1 in_place=true about="The measured share is that of the runs, and the caller's starts stay as they are."
places = np.linspace(-0.5, 2, 201)
before = places.copy()
for rate, steps in ((0.01, 3_000), (WIDE_RATE, 200)):
    result = reached_share(places, rate, steps)
    assert result is not None, "reached_share returned None; is a return missing?"
    assert isinstance(result, (int, float, np.integer, np.floating)), (
        f"reached_share should return one number, not a {type(result).__name__}"
    )
    assert np.array_equal(places, before), "reached_share changed the caller's starts"
    w = places.copy()
    for _ in range(steps):
        w = w - rate * slope(w)
    expected = 100 * (w < 0).mean()
    # One start is half a point; two may lie so close to the border that they differ.
    assert abs(result - expected) <= 1.1, (
        f"{result:.1f} % at the rate {rate} is not the share of the runs. Does each "
        "take all its steps, and is the lower of the two minima the one that counts?"
    )

# %% role="hidden" id="wide" points=2 about="The share at the large rate is that of the runs."
assert wide_share is not None, "wide_share is still None"
assert isinstance(wide_share, (int, float, np.integer, np.floating)), (
    f"wide_share should be one number, not a {type(wide_share).__name__}"
)
assert not 0 < wide_share < 1, (
    f"wide_share = {wide_share:.3g} is less than one per cent; is it a fraction? All "
    "shares here are in per cent, from 0 to 100"
)
w = even_starts.copy()
for _ in range(5_000):
    w = w - WIDE_RATE * slope(w)
expected = 100 * (w < 0).mean()
assert abs(wide_share - expected) <= 0.6, (
    f"wide_share = {wide_share:.2f} is not what 401 runs at this rate say. A start on "
    "the far slope can jump over the border: run it, do not infer it"
)

# %% [markdown] role="explanation"
# The border is the maximum between the wells, the middle zero of the slope. For a small
# tilt it lies near $w = TILT$: there $-w + TILT = 0$, and the cube is small. Starts
# below it end in the global minimum, on the left. With small steps the share of the
# runs is the predicted one.
#
# The larger rate reaches the global minimum from at least twice as many starts, and
# there is no noise in it. On the steep outer slope one step is longer than the well is
# wide: the run jumps over the border, from the side that is **further** away. So a
# basin belongs to the surface and the learning rate together.
#
# Keep this in mind when somebody raises the learning rate, finds a better minimum and
# says that noise did it. The comparison needs a run without noise at the same rate.


# %% role="wrong" name="takes the basin for a property of the surface" fails=["wide"]
# - wide_share = reached_share(even_starts, WIDE_RATE, 5_000)
# + wide_share = predicted_share

# %% role="wrong" name="puts the border in the middle, at zero" fails=["border"]
# - predicted_share = 100 * (border - 0) / (2 - 0)
# + predicted_share = 0

# %% role="wrong" name="takes the other well for the global one" fails=["border", "runs", "wide"]
# -     return 100 * (w < border).mean()
# +     return 100 * (w > border).mean()

# - predicted_share = 100 * (border - 0) / (2 - 0)
# + predicted_share = 100 * (2 - border) / (2 - 0)


# %% role="wrong" name="moves the caller's starts" fails=["runs", "wide"]
def reached_share(starts, learning_rate, steps):
    for _ in range(steps):
        starts -= learning_rate * slope(starts)
    return 100 * (starts < 0).mean()


reached_share(even_starts, 0.01, 5_000)
predicted_share = 50 * np.sort(np.roots([1, 0, -1, TILT]).real)[1]
wide_share = reached_share(even_starts, WIDE_RATE, 5_000)

# %% [markdown] role="exercise" id="noise" title="Does noise help?" level="stretch" kind="predict, then measure" minutes=35 goal="measure the band of batch sizes whose noise finds the deeper well, with intervals"
# The same tilted double well, now with the noise of batches. Many runs begin in the
# **shallower** well, at $w = 1$. A step with batches of $B$ rows is
#
# $$
# w \leftarrow w - \eta\, (V'(w) + \xi) , \qquad
# \xi \text{ normal with mean } 0 \text{ and variance } SIGMA^2 / B ,
# $$
#
# with $\eta = 0.05$ and 2,000 steps. A run has ended in the deeper well if $w < 0$
# after the last step. Sketch first how the share of such runs depends on $B$. Then
# write:
#
# - `deep_share(batch_size, runs, seed)`: the share of `runs` runs that end in the
#   deeper well, from 0 to 1. All random numbers come from
#   `np.random.default_rng(seed)`, and are independent between runs and steps. Keep all
#   runs in one array, or the checks will take too long.
# - `wilson(successes, runs)`: the Wilson interval of a share, the pair (low, high).
#   With $z = Z$, $p$ = `successes / runs` and $N$ = `runs` its ends are
#
# $$
# \frac{p + \frac{z^2}{2N} \pm z \sqrt{\frac{p(1 - p)}{N} + \frac{z^2}{4N^2}}}
# {1 + \frac{z^2}{N}} .
# $$
#
# - `band`: a list of those among `batch_sizes` whose **whole** interval, from 1,000
#   runs each, lies above the share TARGET.


# %% role="given"
def tilted_slope(w):
    return w * w * w - w + TILT


batch_sizes = [1, 2, 4, 8, 16, 32, 64, 128]


# %% role="answer"
### BEGIN SOLUTION
# STUB: def deep_share(batch_size, runs, seed):
# STUB:     """Return the share of runs that end in the deeper well."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB: def wilson(successes, runs):
# STUB:     """Return the Wilson interval, (low, high)."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB: band = None  # a list of batch sizes
def deep_share(batch_size, runs, seed):
    """Return the share of runs that end in the deeper well."""
    rng = np.random.default_rng(seed)
    w = np.ones(runs)
    for _ in range(2_000):
        noise = rng.normal(0, SIGMA / np.sqrt(batch_size), runs)
        w = w - 0.05 * (w * w * w - w + TILT + noise)
    return (w < 0).mean()


def wilson(successes, runs):
    """Return the Wilson interval, (low, high)."""
    p, of_z = successes / runs, Z**2 / runs
    half = np.sqrt(of_z * p * (1 - p) + of_z**2 / 4)
    return (p + of_z / 2 - half) / (1 + of_z), (p + of_z / 2 + half) / (1 + of_z)


band = []
for size in batch_sizes:
    reached = round(1_000 * deep_share(size, 1_000, seed=size))
    if wilson(reached, 1_000)[0] > TARGET:
        band.append(size)
### END SOLUTION

# %% [markdown] role="hint"
# `np.ones(runs)` holds all runs. One loop over the steps is enough; each step draws
# `runs` random numbers.

# %% [markdown] role="hint"
# The formula names a variance, `rng.normal` wants a standard deviation. And the noise
# stands inside the bracket: the learning rate multiplies it, too.

# %% [markdown] role="hint"
# The whole interval lies above a share where its lower end does.

# %% role="check" id="quiet" points=1 about="Without noise to speak of no run leaves; with much some do; a seed gives its share again."
quiet, loud, again = (
    deep_share(10**9, 20, 1),
    deep_share(1, 60, 7),
    deep_share(1, 60, 7),
)
for result in (quiet, loud, again):
    assert result is not None, "deep_share returned None; is a return missing?"
    assert isinstance(result, (int, float, np.integer, np.floating)), (
        f"deep_share should return one number, not a {type(result).__name__}"
    )
assert -1e-9 < quiet < 1e-9, (
    "with a billion rows in a batch nothing leaves the shallower well, but the share "
    f"is {quiet}. Do all runs begin at w = 1?"
)
assert 0 < loud < 1, (
    f"with batches of one row some of 60 runs end in either well; the share is {loud}. "
    "Is there noise in each step, of its own for each run, and is it a share of 1?"
)
assert loud == again, (
    f"the same seed gave {loud} and then {again}; make the generator from the seed"
)

# %% role="hidden" id="share" points=2 about="The shares agree with the check's own runs, within chance."
rng = np.random.default_rng(505)
for size in (1, 3, 12, 24):  # three of them are not in batch_sizes
    w = np.ones(1_000)
    for _ in range(2_000):
        kicks = rng.standard_normal(1_000) * (SIGMA**2 / size) ** 0.5
        w = w - 0.05 * (tilted_slope(w) + kicks)
    expected = (w < 0).mean()
    result = deep_share(size, 1_000, 50 + size)
    assert result is not None, "deep_share returned None; is a return missing?"
    assert isinstance(result, (int, float, np.integer, np.floating)), (
        f"deep_share should return one number, not a {type(result).__name__}"
    )
    # Two shares of 1,000 runs differ by at most 0.022 (one standard deviation).
    assert abs(result - expected) < 0.1, (
        f"for batches of {size} deep_share gave {result:.3f}, further from the "
        "check's own runs than chance allows. Look at the size of the noise, at what "
        "the learning rate multiplies, at the tilt and at the number of steps"
    )
deep = 61 * np.array([deep_share(1, 61, seed) for seed in range(8)])
assert np.allclose(deep, deep.round(), atol=0.05), (
    f"of 61 runs {deep[0]:.2f} ended in the deeper well, which is no whole number; make "
    "as many runs as are asked for, and count them"
)
assert np.ptp(deep) > 0.5, (
    f"with each of the seeds 0 to 7 just {deep[0]:.0f} of 61 runs ended in the deeper "
    "well; draw all noise from the seed"
)

# %% role="hidden" id="wilson" points=1 about="The interval is Wilson's, at the ends too."
for successes, runs in ((0, 20), (20, 20), (7, 50), (930, 1_000)):
    result = wilson(successes, runs)
    assert result is not None, "wilson returned None; is a return missing?"
    assert np.shape(result) == (2,), (
        f"wilson should return a pair, and returned the shape {np.shape(result)}"
    )
    assert np.asarray(result).dtype.kind in "fi", "the ends should be numbers"
    # Its ends are the shares q with (p - q)^2 = z^2 q (1 - q) / N.
    for q in result:
        off = (successes / runs - q) ** 2 - Z**2 * q * (1 - q) / runs
        assert abs(off) < 1e-9, (
            f"for {successes} of {runs} an end at {q:.4f} is not Wilson's. Check z, "
            "the terms with z squared, and the division by 1 + z squared / N"
        )
    assert result[0] < result[1], (
        f"for {successes} of {runs} the interval is {result}: the lower end comes "
        "first, and even 0 of 20 does not prove a share of 0"
    )

# %% role="hidden" id="band" points=2 about="The band holds the batch sizes that help, and no others."
assert band is not None, "band is still None: make a list of batch sizes"
assert isinstance(band, (list, tuple, set, np.ndarray)), (
    f"band should be a list of batch sizes, and is a {type(band).__name__}"
)
chosen = list(band)
assert all(isinstance(size, (int, float, np.integer)) for size in chosen), (
    f"band should hold numbers from batch_sizes; it holds {chosen}"
)
assert all(int(size) in batch_sizes for size in chosen), (
    f"band should hold only numbers from batch_sizes; it holds {chosen}"
)
rng = np.random.default_rng(506)
scales = SIGMA / np.sqrt(batch_sizes)[:, None]
w = np.ones((len(batch_sizes), 1_000))
for _ in range(2_000):
    w = w - 0.05 * (tilted_slope(w) + scales * rng.standard_normal(w.shape))
shares = (w < 0).mean(axis=1)
for size, share in zip(batch_sizes, shares, strict=True):
    # Near the border chance decides, and both answers pass.
    assert share < TARGET + 0.08 or size in chosen, (
        f"batches of {size} end in the deeper well often enough in the check's "
        "own runs, and are not in band; is the lower end of the interval compared "
        "with the share asked for?"
    )
    assert share > TARGET - 0.01 or size not in chosen, (
        f"batches of {size} are in band, and end in the deeper well too seldom in the "
        "check's own runs; is the lower end of the interval compared with the share "
        "asked for?"
    )

# %% [markdown] role="explanation"
# Both ends fail. With the largest batches hardly a run leaves the shallower well in
# 2,000 steps: the time to leave grows exponentially with $B$. With single rows runs cross to
# and fro, and where one is at the end is closer to a coin's toss than to certainty. In
# between lies a band where noise carries runs out of the shallower well and not out of
# the deeper one. It is a few doublings of the batch size wide.
#
# The two failures differ. Too little noise only needs time: four times the steps move
# that border of the band to larger batches. Too much noise is not mended by steps; its
# runs have long forgotten where they began. Less noise at the end does help: with
# single rows and a rate that falls to zero over the second half, more runs end in the
# deeper well.
#
# "Noise helps to escape local minima" is therefore half a sentence. It lacks the
# learning rate over the batch size, and the number of steps. And this landscape is kind
# to it: noise is equally strong in both wells. Where the deeper well is also the
# noisier one, as on chapter 5's surface, noise can lead away from it.
#
# Wilson's interval earns its keep at the ends: 0 of 1,000 is compatible with a share of
# a few tenths of a percent, while $p \pm z \sqrt{p(1 - p)/N}$ claims to know it
# exactly.


# %% role="wrong" name="takes the variance for the standard deviation" fails=["share", "band"]
def deep_share(batch_size, runs, seed):
    rng, w = np.random.default_rng(seed), np.ones(runs)
    for _ in range(2_000):
        w = w - 0.05 * (tilted_slope(w) + rng.normal(0, SIGMA / batch_size, runs))
    return (w < 0).mean()


def wilson(successes, runs):
    p, n, z = successes / runs, runs, Z
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (p + z**2 / (2 * n) + np.array([-half, half])) / (1 + z**2 / n)


band = [
    b for b in batch_sizes if wilson(1_000 * deep_share(b, 1_000, b), 1_000)[0] > TARGET
]


# %% role="wrong" name="an interval that has no width at 0 and 1" fails=["wilson"]
# -     p, of_z = successes / runs, Z**2 / runs
# -     half = np.sqrt(of_z * p * (1 - p) + of_z**2 / 4)
# -     return (p + of_z / 2 - half) / (1 + of_z), (p + of_z / 2 + half) / (1 + of_z)
# +     p = successes / runs
# +     half = Z * np.sqrt(p * (1 - p) / runs)
# +     return p - half, p + half

# %% role="wrong" name="believes that more noise is always better" fails=["band"]
#       if wilson(reached, 1_000)[0] > TARGET:
#           band.append(size)
# + band = [1, 2, 4, 8]

# %% role="wrong" name="makes shares up, and a band that fits them" fails=["share", "band"]
# -     return (w < 0).mean()
# +     return 0.0 if batch_size > 1_000 else 0.9 if batch_size <= 4 else 0.1

#           band.append(size)
# + band = [1, 2, 4]


# %% role="wrong" name="always makes the same 1,000 runs" fails=["share"]
#       rng = np.random.default_rng(seed)
# +     runs, rng = 1_000, np.random.default_rng(0)

# %% role="wrong" name="draws the same noise for every seed" fails=["share"]
# -     rng = np.random.default_rng(seed)
# +     rng = np.random.default_rng(0)


# %% role="wrong" name="adds the noise after the step, so that the rate does not scale it" fails=["share", "band"]
# -         w = w - 0.05 * (w * w * w - w + TILT + noise)
# +         w = w - 0.05 * (w * w * w - w + TILT) + 0.1 * noise

# %% [markdown] role="project" id="trial" title="One sentence about noise, on trial" minutes=90 goal="turn a piece of folklore into a measurement that could refute it"
# Choose one sentence that people say about noise, for example
#
# - "Noise helps to escape local minima."
# - "Small batches find flat minima."
# - "Only the ratio of learning rate and batch size counts."
# - "Without noise, gradient descent gets stuck at saddle points."
#
# Put it on trial on a non-convex surface of **your choice** with one or two weights: a
# double well of your own, a sum of sines and a bowl, or a loss of a few rows with a
# model that is not linear. Say before you measure what would count against the
# sentence.
#
# Hand in about one page: the sentence, the surface (formula and gradient, checked by
# differences), what you varied and what you held fixed, **one figure** of a share or a
# time against the noise, **one table** of three settings with 95 % intervals over at
# least 200 runs, and a verdict: holds, holds with conditions (which?), or false **on
# this surface**. Include a run without noise at the same learning rate and the same
# number of steps. The whole should run in under a minute.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Question | One sentence, made measurable; what would refute it is said before the numbers | 2 |
# | Surface | Formula and gradient given, and checked by differences at places that are no minima | 2 |
# | Comparison | A run without noise at the same rate and steps; one thing varied at a time | 2 |
# | Evidence | Figure and table agree, with axes named, at least 200 runs and intervals | 2 |
# | Verdict | Follows from the numbers, names the conditions, and one thing that was not shown | 2 |
