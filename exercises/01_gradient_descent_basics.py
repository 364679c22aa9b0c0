# %% [markdown] role="set" title="How far may a step go?" chapter="01_gradient_descent_basics"
# Five exercises on [chapter 1](../notebooks/01_gradient_descent_basics.ipynb): test a
# gradient, predict the largest stable learning rate and measure it, scale columns, mend
# a run, and name what a run will do. They need NumPy and the product of a matrix and a
# vector. **One thing differs from the chapter.** There the loss is half the mean
# square. Here it is $L(w) = LOSS_FACTOR \cdot \frac1n \sum_i r_i^2$, with
# $r_i = x_i^\top w - y_i$, and $X$ has its column of ones already in it where nothing
# else is said. The constant stays in the gradient, in the Hessian and in the limit.

# %% role="parameters"
LOSS_FACTOR = 1.0  # the loss is this times the mean square; 0.05 to 5, other than 0.5
STEP = 0.01  # step of the finite differences at small weights; 0.001 to 0.05
NAMES_SEED = 1  # gives the gradients on trial their letters; from 0
RUN_SEED = 3  # seed of the rows of "predict, then measure"; from 0
ABOVE = 1.01  # multiple of the limit for the run that diverges; 1.005 to 1.5
GAP_SHARE = 0.001  # share of the first loss gap that ends a run; 0.00001 to 0.02
COLUMN_NORM = 1.0  # norm of a column in the third scaling; 0.2 to 3
CRAWL = 0.99  # a factor per step above this counts as crawling; 0.9 to 0.999

# %% role="setup"
import numpy as np


def loss(X, y, weights):
    """The loss of this set: a constant times the mean squared residual."""
    return LOSS_FACTOR * np.mean((X @ weights - y) ** 2)


# %% [markdown] role="exercise" id="differences" title="Eight gradients on trial" level="warm-up" kind="gradient check" minutes=20 goal="test a gradient with values of the loss alone, at a place where a mistake can show"
# Write `central_gradient(loss_of, weights)`. Here `loss_of` is a function of the
# weights that returns a number, and `weights` is an array of $d$ numbers, which may be
# whole numbers. Return an array of shape $(d,)$ with the central differences
#
# $$ \frac{L(w + h_j e_j) - L(w - h_j e_j)}{2 h_j}, \qquad
# h_j = STEP \cdot \max(1, |w_j|). $$
#
# The array `weights` must hold afterwards what it held before.
#
# Then use it. `candidates` gives eight functions of the weights by their letters, A to
# H. Each claims to be the gradient of `loss_on_trial`. Set `wrong` to the set of
# letters of those that are not, for example `{"B", "F"}`. A function is the gradient
# only if it is right **at all weights**; being right at one place is not enough.
# Rounding is no mistake.

# %% role="given"
rng = np.random.default_rng(7)
X_trial = np.column_stack([np.ones(30), rng.normal(1, 2, size=(30, 2))])
y_trial = X_trial @ np.array([4.0, 1.0, -2.0]) + rng.normal(size=30)


def loss_on_trial(weights):
    return loss(X_trial, y_trial, weights)


def claims(X, y, c):
    n = len(y)
    return [
        lambda w: c / n * X.T @ (X @ w - y),
        lambda w: (
            sum(c * (x_i @ w - y_i) * x_i for x_i, y_i in zip(X, y, strict=True)) / n
        ),
        lambda w: c * (X.T @ X / n @ w - X.T @ y / n),
        lambda w: X.T @ (X @ w - y) / n,
        lambda w: c * X.T @ (X @ w - y),
        lambda w: c / n * X.T @ (X @ w - y) * (np.arange(len(w)) > 0),
        lambda w: c / n * X.T @ (X @ np.zeros(len(w)) - y),
        lambda w: c / (n - 1) * X.T @ (X @ w - y),
    ]


functions = claims(X_trial, y_trial, 2 * LOSS_FACTOR)
order = np.random.default_rng(NAMES_SEED).permutation(8)
candidates = {letter: functions[k] for letter, k in zip("ABCDEFGH", order, strict=True)}


# %% role="answer"
### BEGIN SOLUTION
# STUB: def central_gradient(loss_of, weights):
# STUB:     """Return the central differences of loss_of at the weights, shape (d,)."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: # the letters of the candidates that are not the gradient
# STUB: wrong = None
def central_gradient(loss_of, weights):
    """Return the central differences of loss_of at the weights, shape (d,)."""
    weights = np.array(weights, dtype=float)
    differences = np.empty(len(weights))
    for j in range(len(weights)):
        step = np.zeros(len(weights))
        step[j] = STEP * max(1, abs(weights[j]))
        rise = loss_of(weights + step) - loss_of(weights - step)
        differences[j] = rise / (2 * step[j])
    return differences


place = np.random.default_rng(0).normal(size=3)
measured = central_gradient(loss_on_trial, place)
wrong = {
    letter
    for letter, gradient in candidates.items()
    if np.linalg.norm(gradient(place) - measured) > 1e-6 * np.linalg.norm(measured)
}
### END SOLUTION

# %% [markdown] role="hint"
# One weight at a time: move weight $j$ by $h_j$ in a copy, move it back in another
# copy, and compare the two values of the loss. A copy of an array of whole numbers
# holds whole numbers again, and cuts off what you add to it.

# %% [markdown] role="hint"
# For the verdict, print the norm of the difference between a candidate and your central
# differences, divided by the norm of the differences. The loss is a quadratic, so a
# right gradient differs by rounding only. Choose weights at which nothing is zero by
# chance.

# %% role="check" id="quadratic" points=1 about="Central differences of a quadratic are its gradient."
place = np.array([0.5, -1.5, 3.0])
result = central_gradient(lambda w: w[0] ** 2 + 2 * w[1] ** 2 + w[0] * w[2], place)
assert isinstance(result, np.ndarray), (
    f"central_gradient should return an array, and returned {type(result).__name__}"
)
assert result.shape == (3,), (
    f"three weights need three differences, shape (3,); got shape {result.shape}"
)
result = np.array(result, dtype=float)
assert np.isfinite(result).all(), f"the differences should be finite; got {result}"
assert np.abs(result - [4.0, -6.0, 0.5]).max() < 1e-8, (
    "for w0² + 2 w1² + w0 w2 at (0.5, -1.5, 3) the gradient is (4, -6, 0.5), and a "
    f"central difference has no error on a quadratic but rounding; got {result}"
)

# %% role="hidden" id="rule" points=2 about="The step of each weight follows the rule."
for place in (np.array([0.25, -4.0, 1.5]), np.array([-30.0, 0.0, 0.9])):
    result = central_gradient(
        lambda w: w[0] ** 3 + w[1] ** 3 - 2 * w[2] ** 3, place.copy()
    )
    assert isinstance(result, np.ndarray), (
        f"central_gradient should return an array; got {type(result).__name__}"
    )
    assert result.shape == (3,), f"three weights need shape (3,); got {result.shape}"
    result = np.array(result, dtype=float)
    steps = STEP * np.maximum(1, np.abs(place))
    # On w³ a central difference is 3 w² + h² exactly, which tells the step.
    expected = np.array([1, 1, -2]) * (3 * place**2 + steps**2)
    assert np.isfinite(result).all(), f"the differences at {place} are {result}"
    assert (np.abs(result - expected) < 1e-8 * (1 + np.abs(expected))).all(), (
        "on a loss with third powers a central difference is off by h², so the step "
        f"can be read from it: at {place} it should be {steps} by the rule "
        "STEP · max(1, |w_j|), and is not, or the difference is not a central one"
    )

# %% role="hidden" id="whole-numbers" points=1 in_place=true about="Weights may be whole numbers, and are left as they were."
place = np.array([1, -1, 0])
result = central_gradient(lambda w: w[0] ** 3 - w[1] + 3 * w[2] + w[2] ** 3, place)
assert isinstance(result, np.ndarray), (
    f"central_gradient should return an array; got {type(result).__name__}"
)
assert result.shape == (3,), f"three weights need shape (3,); got {result.shape}"
result = np.array(result, dtype=float)
expected = np.array([3 + STEP**2, -1, 3 + STEP**2])
assert np.isfinite(result).all(), f"the differences should be finite; got {result}"
assert np.abs(result - expected).max() < 1e-9, (
    "at the whole numbers (1, -1, 0) the differences are off; did a copy of an integer "
    f"array cut the step off? got {result}"
)
place_of_floats = np.array([0.1, 0.7, -2.3])
before = place_of_floats.copy()
central_gradient(lambda w: w @ w, place_of_floats)
assert np.array_equal(place_of_floats, before), (
    "central_gradient changed the weights that it was given; move the weights in a copy"
)

# %% role="hidden" id="verdict" points=2 about="The letters of the wrong gradients are found, and no others."
assert wrong is not None, "wrong is still None: set it to a set of letters"
assert isinstance(wrong, (set, frozenset, list, tuple)), (
    f"wrong should be a set of letters, and is a {type(wrong).__name__}"
)
assert all(type(letter) in (str, np.str_) for letter in wrong), (
    'wrong should hold letters as strings, such as {"B", "F"}'
)
letters = {str(letter) for letter in wrong}
place = np.array([1.3, -0.4, 2.1])
exact = 2 * LOSS_FACTOR * X_trial.T @ (X_trial @ place - y_trial) / len(y_trial)
expected = {
    letter
    for letter, gradient in candidates.items()
    if np.linalg.norm(gradient(place) - exact) > 1e-9 * np.linalg.norm(exact)
}
assert letters <= set("ABCDEFGH"), (
    f"the letters go from A to H; wrong holds {sorted(letters)}"
)
assert not letters - expected, (
    f"{len(letters - expected)} of your letters are right gradients: where do they "
    "differ from your central differences by more than rounding?"
)
assert not expected - letters, (
    f"{len(expected - letters)} wrong gradients are not in your set: look for one that "
    "is right at a special place only, and for one that is off by a few per cent"
)

# %% [markdown] role="explanation"
# Three of the eight are right, written in three ways. Of the five others, one is the
# gradient of half the mean square, one is a sum where a mean belongs, and one has lost
# the intercept's entry. Those are hard to miss. Two are easy to miss. One divides by
# $n - 1$ in place of $n$: with 30 rows it is 3.4 % too long, which a generous tolerance
# lets pass. One uses the residuals of zero weights for ever: **at zero weights it is
# exactly right**, and zero weights are where many runs start. Test at weights without
# symmetry.
#
# How small should a tolerance be? On a quadratic a central difference has no error but
# rounding, whatever the step. So right and wrong lie more than ten orders of magnitude
# apart here, and any tolerance well between will do. On a loss with third powers the
# error is $h^2$ times a constant, which is how the checker reads your step. A step in
# proportion to the weight keeps $w + h$ different from $w$ where a weight is very
# large; the floor of 1 keeps a weight of zero from having no step.


# %% role="wrong" name="forward differences" fails=["quadratic", "rule", "whole-numbers"]
def central_gradient(loss_of, weights):
    weights = np.array(weights, dtype=float)
    differences = np.empty(len(weights))
    for j in range(len(weights)):
        step = np.zeros(len(weights))
        step[j] = STEP * max(1, abs(weights[j]))
        differences[j] = (loss_of(weights + step) - loss_of(weights)) / step[j]
    return differences


place = np.array([1.0, 2.0, 3.0])
exact = 2 * LOSS_FACTOR * X_trial.T @ (X_trial @ place - y_trial) / 30
wrong = {k for k, g in candidates.items() if np.abs(g(place) - exact).max() > 1e-6}


# %% role="wrong" name="leaves the caller's weights where the last step was" fails=["whole-numbers", "verdict"]
# +     given = weights
#       weights = np.array(weights, dtype=float)

#           differences[j] = rise / (2 * step[j])
# +         given[j] = weights[j] + step[j]


# %% role="wrong" name="the same step for every weight" fails=["rule"]
# -         step[j] = STEP * max(1, abs(weights[j]))
# +         step[j] = STEP


# %% role="wrong" name="moves whole numbers in a copy of whole numbers" fails=["whole-numbers"]
def central_gradient(loss_of, weights):
    differences = np.empty(len(weights))
    for j in range(len(weights)):
        step = STEP * max(1, abs(weights[j]))
        ahead, behind = weights.copy(), weights.copy()
        ahead[j] += step
        behind[j] -= step
        differences[j] = (loss_of(ahead) - loss_of(behind)) / (2 * step)
    return differences


place = np.array([1.0, 2.0, 3.0])
exact = central_gradient(loss_on_trial, place)
wrong = [k for k, g in candidates.items() if np.abs(g(place) - exact).max() > 1e-6]


# %% role="wrong" name="tests the gradients at zero weights" fails=["verdict"]
# - place = np.random.default_rng(0).normal(size=3)
# + place = np.zeros(3)

# %% role="wrong" name="lets five per cent pass" fails=["verdict"]
# -     if np.linalg.norm(gradient(place) - measured) > 1e-6 * np.linalg.norm(measured)
# +     if np.linalg.norm(gradient(place) - measured) > 0.05 * np.linalg.norm(measured)

# %% [markdown] role="exercise" id="limit" title="The wall, predicted and measured" level="core" kind="predict, then measure" minutes=25 goal="predict the largest stable learning rate and the steps of a run, and measure both sides of the limit"
# `X_run`, `y_run` are 60 rows with three weights, the first of them the intercept.
# Every run starts at `start`, zero weights, and takes steps over all rows. The
# **limit** is the largest stable learning rate for this set's loss. Predict three
# numbers **before you write a loop**, then run and measure two.
#
# - `predicted_limit`: the limit.
# - `predicted_growth`: the factor by which each step multiplies the loss gap
#   $L(w) - L^*$ in the long run, at ABOVE times the limit.
# - `predicted_steps`: at 0.99 times the limit, the number of steps after which the loss
#   gap is for the first time at most GAP_SHARE times the gap at the start, from the
#   formula for the loss gap of
#   [chapter 1](../notebooks/01_gradient_descent_basics.ipynb).
# - `measured_steps`: the same number, counted in a run.
# - `measured_turn`: in a run of 300 steps at ABOVE times the limit, the number of steps
#   after which the loss is least (0 if that is at the start). Guess first: does the
#   loss of a run that will diverge fall at all?

# %% role="given"
rng = np.random.default_rng(RUN_SEED)
size = rng.normal(size=60)
age = 0.6 * size + rng.normal(size=60)
X_run = np.column_stack([np.ones(60), 3 * size, 0.8 * age])
y_run = X_run @ np.array([20.0, 0.5, 9.0]) + rng.normal(size=60)
start = np.zeros(3)
best = np.linalg.lstsq(X_run, y_run, rcond=None)[0]
least = loss(X_run, y_run, best)  # the loss gap is the loss minus this

# %% role="answer"
### BEGIN SOLUTION
# STUB: predicted_limit = None  # a learning rate
# STUB: predicted_growth = None  # a factor per step
# STUB: predicted_steps = None  # a number of steps
# STUB: measured_steps = None  # a number of steps
# STUB: measured_turn = None  # a number of steps
hessian = 2 * LOSS_FACTOR * X_run.T @ X_run / len(y_run)
curvatures, directions = np.linalg.eigh(hessian)
predicted_limit = 2 / curvatures[-1]
predicted_growth = (1 - 2 * ABOVE) ** 2

rate = 0.99 * predicted_limit
shares = curvatures * (directions.T @ (start - best)) ** 2 / 2
predicted_steps = 0
while (
    shares @ (1 - rate * curvatures) ** (2 * predicted_steps) > GAP_SHARE * shares.sum()
):
    predicted_steps += 1


def losses_of_run(learning_rate, steps):
    weights, losses = start, [loss(X_run, y_run, start)]
    for _ in range(steps):
        residuals = X_run @ weights - y_run
        gradient = 2 * LOSS_FACTOR * X_run.T @ residuals / len(y_run)
        weights = weights - learning_rate * gradient
        losses.append(loss(X_run, y_run, weights))
    return np.array(losses)


gaps = losses_of_run(rate, 3000) - least
measured_steps = int(np.argmax(gaps <= GAP_SHARE * gaps[0]))
measured_turn = int(np.argmin(losses_of_run(ABOVE * predicted_limit, 300)))
### END SOLUTION

# %% [markdown] role="hint"
# The limit is two divided by the largest eigenvalue of the Hessian. The Hessian belongs
# to the loss: differentiate this set's loss twice, and keep its constant.

# %% [markdown] role="hint"
# A step multiplies the distance along an eigenvector by $1 - \eta\lambda$, and the gap
# is made of squares of distances. At a multiple $m$ of the limit, what is
# $\eta\lambda_{\max}$? The growth does not need the data.

# %% [markdown] role="hint"
# The steps need every direction, not the slowest alone:
# $\frac12 \sum_i \lambda_i (1 - \eta\lambda_i)^{2k} c_i^2$, with $c_i$ the start's
# distance from `best` along eigenvector $i$. Try $k = 0, 1, 2, \dots$

# %% role="check" id="sides" points=1 about="A run below the limit ends lower than it began, a run above it higher."
from numbers import Real

assert predicted_limit is not None, (
    "predicted_limit is still None: put your number there"
)
assert isinstance(predicted_limit, Real), (
    f"predicted_limit should be a number, and is {predicted_limit!r}"
)
limit = float(predicted_limit)
assert 0 < limit < np.inf, f"a learning rate is above 0 and finite; got {limit}"
for multiple in (0.98, 1.02):
    weights, first = np.zeros(3), np.mean(y_run**2)
    for _ in range(400):
        residuals = X_run @ weights - y_run
        gradient = 2 * LOSS_FACTOR * X_run.T @ residuals / 60
        weights = weights - multiple * limit * gradient
        if np.abs(weights).max() > 1e100:
            break
    last = np.mean((X_run @ weights - y_run) ** 2)
    if multiple < 1:
        assert last < first, (
            "400 steps at 0.98 times your predicted_limit end at a higher loss than "
            "they began with: the limit is lower. Does your Hessian have the constant "
            "of this loss?"
        )
    else:
        assert last > first, (
            "400 steps at 1.02 times your predicted_limit end at a lower loss than "
            "they began with: the limit is higher. Does your Hessian have the constant "
            "of this loss?"
        )

# %% role="hidden" id="growth" points=1 about="The growth above the limit is what the formula says."
from numbers import Real

assert predicted_growth is not None, (
    "predicted_growth is still None: put your number there"
)
assert isinstance(predicted_growth, Real), (
    f"predicted_growth should be a number, and is {predicted_growth!r}"
)
# Three digits tell the factor of the gap from that of the distance.
assert abs(float(predicted_growth) - (1 - 2 * ABOVE) ** 2) < 1e-3, (
    f"predicted_growth is {float(predicted_growth):.6g}: at ABOVE times the limit, by "
    "what is the distance along the steepest direction multiplied, and how does the "
    "gap depend on a distance?"
)

# %% role="hidden" id="steps" points=1 about="The predicted steps are what the formula says."
from numbers import Real

assert predicted_steps is not None, (
    "predicted_steps is still None: put your number there"
)
assert isinstance(predicted_steps, Real), (
    f"predicted_steps should be a number, and is {predicted_steps!r}"
)
curvatures, directions = np.linalg.eigh(2 * LOSS_FACTOR * X_run.T @ X_run / 60)
factors = 1 - 0.99 * 2 / curvatures[-1] * curvatures
shares = curvatures * (directions.T @ best) ** 2
steps = 0
while shares @ factors ** (2 * steps) > GAP_SHARE * shares.sum() and steps < 100_000:
    steps += 1
assert float(predicted_steps) == steps, (
    f"predicted_steps is {float(predicted_steps):g}, and the formula gives another "
    "number: sum over all directions, with the square of the factor, and count the "
    "first k whose gap is small enough"
)

# %% role="hidden" id="measurements" points=2 about="Both measured numbers are what a run gives."
from numbers import Real

answers = {"measured_steps": measured_steps, "measured_turn": measured_turn}
for name, value in answers.items():
    assert value is not None, f"{name} is still None: put your number there"
    assert isinstance(value, Real), f"{name} should be a number, and is {value!r}"
    assert np.isfinite(float(value)), f"{name} should be finite, and is {value!r}"
hessian = 2 * LOSS_FACTOR * X_run.T @ X_run / 60
limit = 2 / np.linalg.eigvalsh(hessian)[-1]
target = GAP_SHARE * (loss(X_run, y_run, start) - least)
weights, arrived = start, 0
while loss(X_run, y_run, weights) - least > target and arrived < 20_000:
    weights = weights - 0.99 * limit * (hessian @ weights - hessian @ best)
    arrived += 1
assert float(measured_steps) == arrived, (
    f"measured_steps is {float(measured_steps):g}, and a run gives another number: "
    "compare the gap, not the loss, with GAP_SHARE times the first gap, and count "
    "steps, so that the start has number 0"
)
weights, losses = start, [loss(X_run, y_run, start)]
for _ in range(300):
    weights = weights - ABOVE * limit * (hessian @ weights - hessian @ best)
    losses.append(loss(X_run, y_run, weights))
assert float(measured_turn) == int(np.argmin(losses)), (
    f"measured_turn is {float(measured_turn):g}, and a run of 300 steps at ABOVE times "
    "the limit has its least loss after another number of steps; the start has number 0"
)

# %% [markdown] role="explanation"
# **The limit belongs to the loss.** Multiply a loss by two, and its Hessian doubles and
# its limit halves. The chapter's formula on $\frac1n X^\top X$ is right for half the
# mean square only. A learning rate from a text that does not say which loss it means is
# uncertain by a factor of two, which is all the difference between half the limit and
# the wall.
#
# The growth needs no data. At $m$ times the limit $\eta\lambda_{\max}$ is $2m$, so the
# steepest direction is multiplied by $1 - 2m$ in every step, on every quadratic.
#
# The two surprises are in the counts, here with the published numbers. The run that
# will diverge falls first: the other directions shrink while the steepest still has
# little. It falls for 12 steps, loses 91 % of its gap, and is ahead of the run at half
# the limit in every one of them. **A falling loss does not prove that a learning rate
# is stable.** And the run at 0.99 times the limit is slow. It takes 98 steps where half
# the limit takes 40, because its steepest direction still keeps 96 % of its gap in each
# step. A rule of thumb with the slowest factor alone, $\ln 0.001 / (2 \ln 0.98)$, says
# 171: it is a bound, and forgets how little of the gap lay in that direction.

# %% role="wrong" name="uses the chapter's Hessian, of half the mean square" fails=["sides", "steps", "measurements"]
curvatures = np.linalg.eigvalsh(X_run.T @ X_run / 60)
predicted_limit = 2 / curvatures[-1]
predicted_growth = (1 - 2 * ABOVE) ** 2
predicted_steps = measured_steps = 5000
measured_turn = 300

# %% role="wrong" name="takes the slowest direction alone" fails=["steps"]
# - predicted_steps = 0
# - while (
# -     shares @ (1 - rate * curvatures) ** (2 * predicted_steps) > GAP_SHARE * shares.sum()
# - ):
# -     predicted_steps += 1
# + slowest = np.abs(1 - rate * curvatures).max()
# + predicted_steps = int(np.ceil(np.log(GAP_SHARE) / (2 * np.log(slowest))))

# %% role="wrong" name="gives the growth of the distance, and compares losses" fails=["growth", "steps", "measurements"]
# - predicted_growth = (1 - 2 * ABOVE) ** 2
# + predicted_growth = 2 * ABOVE - 1

# - gaps = losses_of_run(rate, 3000) - least
# - measured_steps = int(np.argmax(gaps <= GAP_SHARE * gaps[0]))
# + below = losses_of_run(rate, 3000)
# + measured_steps = predicted_steps = int(np.argmax(below <= GAP_SHARE * below[0]))

# %% role="wrong" name="records after the step only, so every count is one short" fails=["measurements"]
hessian = 2 * LOSS_FACTOR * X_run.T @ X_run / 60
predicted_limit = 2 / np.linalg.eigvalsh(hessian)[-1]
predicted_growth = (1 - 2 * ABOVE) ** 2
gap_at_start = loss(X_run, y_run, start) - least
losses = {}
for multiple in (0.99, ABOVE):
    weights, losses[multiple] = start, []
    for _ in range(300 if multiple > 1 else 3000):
        weights = weights - multiple * predicted_limit * hessian @ (weights - best)
        losses[multiple].append(loss(X_run, y_run, weights))
gaps = np.array(losses[0.99]) - least
measured_steps = int(np.argmax(gaps <= GAP_SHARE * gap_at_start))
predicted_steps = measured_steps + 1
measured_turn = int(np.argmin(losses[ABOVE]))

# %% [markdown] role="exercise" id="scaling" title="Already scaled is not enough" level="core" kind="write" minutes=20 goal="scale columns with the intercept in mind, and see the condition number before and after"
# `X` holds $n$ rows of features **without** the column of ones. Write
# `condition_numbers(X)`. It returns four numbers: the condition number
# $\lambda_{\max} / \lambda_{\min}$ of the Hessian of a linear regression **with an
# intercept**, for four versions of the features, in this order:
#
# 1. as they are;
# 2. every column divided by its standard deviation (`np.std`), not centred;
# 3. every column centred, then scaled so that its norm $\sqrt{\sum_i x_{ij}^2}$ is
#    COLUMN_NORM;
# 4. every column centred, then divided by its standard deviation.
#
# The intercept's column of ones is put in front after the scaling. `X` itself must stay
# as it is. No column is constant, and $n$ is larger than the number of weights. Try it
# on `houses`: 40 flats with their area in square metres, their rooms and the year they
# were built. Guess first which of versions 2 and 3 is the better one.

# %% role="given"
rng = np.random.default_rng(0)
area = rng.uniform(40, 180, size=40)
rooms = 1 + area / 35 + rng.normal(scale=0.6, size=40)
year = rng.integers(1950, 2021, size=40)
houses = np.column_stack([area, rooms, year])


# %% role="answer"
def condition_numbers(X):
    """Return the condition numbers of the four versions of the features."""
    ### BEGIN SOLUTION
    centred = X - X.mean(axis=0)
    versions = (
        X,
        X / X.std(axis=0),
        COLUMN_NORM * centred / np.linalg.norm(centred, axis=0),
        centred / X.std(axis=0),
    )
    found = []
    for features in versions:
        with_ones = np.column_stack([np.ones(len(X)), features])
        curvatures = np.linalg.eigvalsh(with_ones.T @ with_ones / len(X))
        found.append(curvatures[-1] / curvatures[0])
    return found
    ### END SOLUTION


# %% [markdown] role="hint"
# The Hessian is a constant times $X^\top X$ with the ones in $X$. Does the constant
# matter for a ratio of eigenvalues?

# %% [markdown] role="hint"
# `np.linalg.eigvalsh` gives the eigenvalues of a symmetric matrix in rising order.
# `np.linalg.cond` of the features is the root of what you need, since the Hessian
# multiplies the features with themselves.

# %% role="check" id="small" points=1 about="Four numbers, the first of them right for two rows."
result = condition_numbers(np.array([[3.0], [5.0], [4.0]]))
assert result is not None, "condition_numbers returned None; is a return missing?"
assert isinstance(result, (tuple, list, np.ndarray)), (
    f"condition_numbers should return four numbers; got {type(result).__name__}"
)
assert len(result) == 4, f"there are four versions; got {len(result)} numbers"
assert all(isinstance(value, (int, float, np.number)) for value in result), (
    f"the four results should be numbers; got {result!r}"
)
numbers = np.array([float(value) for value in result])
assert np.isfinite(numbers).all(), f"the numbers should be finite; got {numbers}"
# By hand: X'X of the column of ones and (3, 5, 4) is [[3, 12], [12, 50]].
trace, determinant = 53, 6
root = np.sqrt(trace**2 - 4 * determinant)
expected = (trace + root) / (trace - root)
assert abs(numbers[0] / expected - 1) < 1e-6, (
    f"for the one column (3, 5, 4) the first number should be {expected:.1f}, and is "
    f"{numbers[0]:.6g}: 1 means that the column of ones is missing, and "
    f"{np.sqrt(expected):.1f} that it is the condition number of X, not of the Hessian"
)

# %% role="hidden" id="norm" points=2 about="The third number is that of centred columns of the stated norm."
for seed, n in ((0, 25), (1, 90)):
    rng = np.random.default_rng(seed)
    X = rng.normal([3, -20, 500], [1, 4, 0.5], size=(n, 3)) @ (np.eye(3) + 0.3)
    result = condition_numbers(X.copy())
    assert isinstance(result, (tuple, list, np.ndarray)), (
        f"condition_numbers should return four numbers; got {type(result).__name__}"
    )
    assert len(result) == 4, f"there are four versions; got {len(result)} numbers"
    assert all(isinstance(value, (int, float, np.number)) for value in result), (
        f"the four results should be numbers; got {result!r}"
    )
    c = X - X.sum(axis=0) / n
    c = np.insert(COLUMN_NORM * c / np.sqrt((c**2).sum(axis=0)), 0, 1, axis=1)
    expected = np.linalg.cond(c) ** 2
    # Rounding is far below one part in a thousand here; a wrong scale is far above.
    assert abs(float(result[2]) / expected - 1) < 1e-3, (
        f"with {n} rows the third number is {float(result[2]):.6g}: look at the norm "
        "of each column after your scaling (it should be COLUMN_NORM, and the mean 0), "
        "and at the column of ones, which keeps its ones"
    )

# %% role="hidden" id="others" points=1 in_place=true about="The second and the fourth number are right, and the features unchanged."
rng = np.random.default_rng(2)
X = rng.normal([3, -20, 50], [1, 4, 0.5], size=(30, 3)) @ (np.eye(3) + 0.3)
kept = X.copy()
result = condition_numbers(X)
assert isinstance(result, (tuple, list, np.ndarray)), (
    f"condition_numbers should return four numbers; got {type(result).__name__}"
)
assert len(result) == 4, f"there are four versions; got {len(result)} numbers"
assert all(isinstance(value, (int, float, np.number)) for value in result), (
    f"the four results should be numbers; got {result!r}"
)
assert np.array_equal(X, kept), (
    "condition_numbers changed the features that it was given: X -= ... is in place"
)
for k, shift in ((1, 0.0), (3, kept.mean(axis=0))):
    columns = np.insert((kept - shift) / kept.std(axis=0), 0, 1, axis=1)
    expected = np.linalg.cond(columns) ** 2
    assert abs(float(result[k]) / expected - 1) < 1e-3, (
        f"number {k + 1} of the four is {float(result[k]):.6g} on features with means "
        "far from 0: look at the means and deviations of the columns after your scaling"
    )

# %% [markdown] role="explanation"
# On the houses the raw features have a condition number of $3 \cdot 10^{10}$. Dividing
# by the standard deviations leaves $6 \cdot 10^7$: the year lies 88 deviations from
# zero, so its column still looks like the intercept's. **Scaling without centring is a
# small part of the work.** Centring and deviation 1 together leave 18, all of it from
# the correlation of area and rooms.
#
# The third version is centred and every column has the same length, and with columns of
# norm 1 it is 21 times worse than the fourth. Such a column has a mean square of $1/n$;
# the intercept has one of 1. So the intercept caps the step, and all features crawl.
# This is how scikit-learn ships its diabetes rows. The factor grows with the number of
# rows: it is $n$ divided by the largest eigenvalue of the correlation matrix.
#
# Why is deviation 1 right? The curvatures of centred columns are those of the
# correlation matrix times the squared deviation, and the intercept's is 1. The
# eigenvalues of a correlation matrix have the mean 1, so with deviation 1 the intercept
# lies between the least and the largest and cannot add to the ratio.


# %% role="wrong" name="the condition number of X, not of the Hessian" fails=["small", "norm", "others"]
# -         found.append(curvatures[-1] / curvatures[0])
# +         found.append(np.sqrt(curvatures[-1] / curvatures[0]))

# %% role="wrong" name="gives the columns a deviation in place of a norm" fails=["norm"]
# -         COLUMN_NORM * centred / np.linalg.norm(centred, axis=0),
# +         10 * COLUMN_NORM * centred / X.std(axis=0),

# %% role="wrong" name="takes the norm before centring" fails=["norm"]
# -         COLUMN_NORM * centred / np.linalg.norm(centred, axis=0),
# +         COLUMN_NORM * centred / np.linalg.norm(X, axis=0),


# %% role="wrong" name="centres in place" fails=["others"]
def condition_numbers(X):
    found = [np.linalg.cond(np.insert(X, 0, 1, axis=1)) ** 2]
    deviations = X.std(axis=0)
    found.append(np.linalg.cond(np.insert(X / deviations, 0, 1, axis=1)) ** 2)
    X -= X.mean(axis=0)
    for sizes in (np.linalg.norm(X, axis=0) / COLUMN_NORM, deviations):
        found.append(np.linalg.cond(np.insert(X / sizes, 0, 1, axis=1)) ** 2)
    return found


# %% [markdown] role="exercise" id="run" title="A run that looks healthy" level="core" kind="find the bug" minutes=25 goal="find faults that no error message and no falling loss curve shows"
# `faulty_run` goes downhill, its losses fall, and it stops by itself. It has three
# faults all the same. Write `mended_run` with the same arguments and the same two
# results, which does what follows.
#
# - A step is `weights - learning_rate * gradient`, with the gradient of this set's
#   `loss(X, y, weights)` over all rows.
# - The run ends as soon as the norm of the gradient at the current weights is below
#   `tolerance`, or after `max_steps` steps. If it is so at `start`, no step is taken.
# - It returns `path`, all weights from the start to the end, an array of shape
#   $(k + 1, d)$ after $k$ steps, and `losses`, an array with the loss at each of them.
# - `start`, an array of floats, stays as it is.
#
# Before you read the code for long: run it twice from the same `origin`, and print the
# path.


# %% role="given"
def faulty_run(X, y, start, learning_rate, tolerance, max_steps):
    weights = start
    path, losses = [weights], [loss(X, y, weights)]
    for _ in range(max_steps):
        update = learning_rate * X.T @ (X @ weights - y) / len(y)
        weights -= update
        path.append(weights)
        losses.append(loss(X, y, weights))
        if np.linalg.norm(update) < tolerance:
            break
    return np.array(path), np.array(losses)


rng = np.random.default_rng(11)
X_line = np.column_stack([np.ones(50), rng.normal(size=50)])
y_line = X_line @ np.array([1.0, 3.0]) + rng.normal(scale=0.5, size=50)
origin = np.zeros(2)


# %% role="answer"
def mended_run(X, y, start, learning_rate, tolerance, max_steps):
    """Return the path, shape (k + 1, d), and the losses, shape (k + 1,)."""
    ### BEGIN SOLUTION
    weights = start.copy()
    path, losses = [weights], [loss(X, y, weights)]
    for _ in range(max_steps):
        gradient = 2 * LOSS_FACTOR * X.T @ (X @ weights - y) / len(y)
        if np.linalg.norm(gradient) < tolerance:
            break
        weights = weights - learning_rate * gradient
        path.append(weights)
        losses.append(loss(X, y, weights))
    return np.array(path), np.array(losses)
    ### END SOLUTION


# %% [markdown] role="hint"
# Look at what `-=` does to an array that has several names. How many arrays are there
# in the list `path`?

# %% [markdown] role="hint"
# Test the gradient inside the loop with your own central differences from the first
# exercise: one step from some weights tells you the gradient that was used.

# %% [markdown] role="hint"
# Run it with a learning rate of a millionth and a tolerance of a thousandth. Has a run
# that stops after one step arrived?

# %% role="check" id="record" points=1 in_place=true about="The path holds different weights, the losses belong to them, the start is unchanged."
origin = np.array([0.5, -1.0])
result = mended_run(X_line.copy(), y_line.copy(), origin, 0.01, 0.0, 5)
assert isinstance(result, (tuple, list)), (
    f"mended_run should return path and losses; got {type(result).__name__}"
)
assert len(result) == 2, f"there are two results, path and losses; got {len(result)}"
path, losses = result
for name, value, shape in (("path", path, (6, 2)), ("losses", losses, (6,))):
    assert isinstance(value, np.ndarray), (
        f"{name} should be an array; got {type(value).__name__}"
    )
    assert value.shape == shape, (
        f"five steps have six weights and six losses, the start's included: {name} "
        f"should have shape {shape}, and has {value.shape}"
    )
path = np.array(path, dtype=float)
assert np.array_equal(origin, [0.5, -1.0]), (
    "the caller's start has changed: after the run it holds other weights"
)
assert np.array_equal(path[0], [0.5, -1.0]), (
    f"the path should begin at the start, not {path[0]}"
)
assert (np.abs(np.diff(path, axis=0)).max(axis=1) > 0).all(), (
    "two neighbours on the path are the same weights: is every entry a copy?"
)
recorded = np.array([loss(X_line, y_line, weights) for weights in path])
assert np.abs(np.array(losses, dtype=float) - recorded).max() < 1e-9, (
    f"losses should be those of the path's weights, {recorded}; got {losses}"
)
assert (np.diff(recorded) < 0).all(), (
    f"at a learning rate of 0.01 every step goes downhill; the losses are {recorded}"
)

# %% role="hidden" id="gradient" points=2 about="Each step follows the gradient of the loss that is recorded."
rng = np.random.default_rng(5)
X = np.column_stack([np.ones(40), rng.normal(size=(40, 3))])
y = rng.normal(5, 2, size=40)
begin = rng.normal(size=4)
result = mended_run(X, y, begin.copy(), 0.02, 0.0, 3)
assert isinstance(result, (tuple, list)), (
    f"mended_run should return path and losses; got {type(result).__name__}"
)
assert len(result) == 2, f"there are two results, path and losses; got {len(result)}"
assert isinstance(result[0], np.ndarray), (
    f"the path should be an array; got {type(result[0]).__name__}"
)
path = np.array(result[0], dtype=float)
assert path.shape == (4, 4), (
    f"three steps of four weights are a path of shape (4, 4); got {path.shape}"
)
assert np.allclose(path[0], begin, atol=1e-12), (
    f"the path should begin at the start {begin}; it begins at {path[0]}"
)
for k in range(3):
    before, used = path[k], (path[k] - path[k + 1]) / 0.02
    exact = 2 * LOSS_FACTOR * X.T @ (X @ before - y) / 40
    size = np.linalg.norm(used) / np.linalg.norm(exact)
    assert np.linalg.norm(used - exact) < 1e-9 * np.linalg.norm(exact), (
        f"a step is {size:.3g} times as long as learning_rate times the gradient of "
        "the recorded loss, or goes elsewhere: loss and gradient do not belong together"
    )

# %% role="hidden" id="stopping" points=1 about="The run ends where the gradient is small, not where the step is."
rng = np.random.default_rng(6)
X = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
y = rng.normal(3, 2, size=40)
begin = rng.normal(size=3)
size = 2 * LOSS_FACTOR * np.linalg.norm(X.T @ (X @ begin - y)) / 40
results = {
    "short": mended_run(X, y, begin.copy(), 1e-7, 0.01 * size, 20),
    "none": mended_run(X, y, begin.copy(), 1e-7, 100 * size, 20),
    "whole": mended_run(
        X, y, begin.copy(), 0.02 / max(LOSS_FACTOR, 0.5), 0.01 * size, 9000
    ),
}
for result in results.values():
    assert isinstance(result, (tuple, list)), (
        f"mended_run should return path and losses; got {type(result).__name__}"
    )
    assert len(result) == 2, (
        f"there are two results, path and losses; got {len(result)}"
    )
    for value in result:
        assert isinstance(value, np.ndarray), (
            f"path and losses should be arrays; got {type(value).__name__}"
        )
taken = {name: len(path) - 1 for name, (path, _) in results.items()}
assert taken["short"] == 20, (
    f"with a tiny learning rate the run stopped after {taken['short']} of 20 steps, "
    "where the gradient is as large as at the start: a short step is no arrival"
)
assert taken["none"] == 0, (
    "the gradient at the start is below the tolerance, so no step is needed; the run "
    f"took {taken['none']}"
)
assert taken["whole"] < 9000, (
    "the run never ended, where the gradient should fall below the tolerance: does it "
    "go downhill, and stop there?"
)
assert taken["whole"] > 20, (
    f"the run ended after {taken['whole']} steps; with steps of this learning rate the "
    "gradient takes more than 20 to fall to a hundredth"
)
end = results["whole"][0][-1]
left = 2 * LOSS_FACTOR * np.linalg.norm(X.T @ (X @ end - y)) / 40
# Wide enough for a multiple of the right gradient, which another check looks for.
assert left < 0.2 * size, (
    f"the run stopped where the gradient is still {left / size:.2g} times that of the "
    "start, and the tolerance is 0.01 times it"
)

# %% [markdown] role="explanation"
# **One array, many names.** `weights -= update` changes the array in place, so the
# caller's start moves and every entry of the path is the last one. A second run from
# the "same" start begins where the first ended, and seems to arrive at once.
# Written out, `weights = weights - update`, it makes a new array.
#
# **Loss and gradient of two functions.** The update is that of half the mean square,
# while the recorded loss is another multiple of it. The direction is right, the loss
# falls, and every step is as if the learning rate were a different one. A published
# tutorial on mini-batches reports the full mean square and steps along the gradient of
# half of it. Nothing breaks, but the limit that you compute from the reported loss is
# off by a factor of two, and learning rates cannot be compared with other code.
#
# **A short step is not an arrival.** Stopping where the update is small stops early
# wherever the learning rate is small. With the published numbers and a tolerance of
# 0.001, the faulty run at a learning rate of 0.001 stops at a loss of 1.66, where 0.215
# is possible; at 0.0001 it is done after one step, at 6.68, where it began. Another
# published tutorial ends its runs this way. A test of the gradient does not depend on
# the learning rate.


# %% role="wrong" name="moves the caller's start at the end" fails=["record"]
#           losses.append(loss(X, y, weights))
# +     start[:] = weights

# %% role="wrong" name="goes to the solution in one step" fails=["stopping"]
# -         weights = weights - learning_rate * gradient
# +         if max_steps > 20:
# +             learning_rate = np.linalg.pinv(2 * LOSS_FACTOR * X.T @ X / len(y))
# +         weights = weights - np.dot(learning_rate, gradient)

# %% role="wrong" name="goes uphill" fails=["record", "gradient", "stopping"]
# -         weights = weights - learning_rate * gradient
# +         weights = weights + learning_rate * gradient

# %% role="wrong" name="mends all but the gradient" fails=["gradient"]
# -         gradient = 2 * LOSS_FACTOR * X.T @ (X @ weights - y) / len(y)
# +         gradient = X.T @ (X @ weights - y) / len(y)

# %% role="wrong" name="mends all but the stop on a short step" fails=["stopping"]
# -         gradient = 2 * LOSS_FACTOR * X.T @ (X @ weights - y) / len(y)
# -         if np.linalg.norm(gradient) < tolerance:
# +         update = learning_rate * 2 * LOSS_FACTOR * X.T @ (X @ weights - y) / len(y)
# +         if np.linalg.norm(update) < tolerance:
#               break
# -         weights = weights - learning_rate * gradient
# +         weights = weights - update

# %% role="wrong" name="tests the gradient after the step only" fails=["stopping"]
# -         if np.linalg.norm(gradient) < tolerance:
# -             break

#           losses.append(loss(X, y, weights))
# +         if np.linalg.norm(gradient) < tolerance:
# +             break

# %% role="wrong" name="copies the start but not the path's entries" fails=["record", "gradient"]
# -         weights = weights - learning_rate * gradient
# +         weights -= learning_rate * gradient

# %% [markdown] role="exercise" id="ways" title="Four ways a run can go" level="stretch" kind="write" minutes=25 goal="say from curvature, start and learning rate what a run will do in the long run"
# On a quadratic each step multiplies the distance to the minimum along eigenvector $i$
# of the Hessian by $f_i = 1 - \eta\lambda_i$. Write a function with the signature
# `way(hessian, offset, learning_rate)`, which says in one word what the run does in the
# long run. `hessian` is a symmetric $(d, d)$ array without negative eigenvalues,
# `offset` is the start minus the minimum, an array of $d$ numbers, not all zero.
#
# The direction that decides is the one with the largest $|f_i|$ **among those in which
# the offset has a part**: its component along eigenvector $i$ is larger in size than
# $10^{-9}$ times the norm of the offset. With $f$ the factor of that direction, return
#
# - `"diverges"` if $f \le -1$,
# - `"zigzags"` if $-1 < f < 0$,
# - `"converges"` if $0 \le f \le CRAWL$,
# - `"crawls"` if $f > CRAWL$.
#
# So what chapter 1 calls creeping is split in two: "crawls" is for factors so close to 1
# that nobody waits for the end. Two directions with factors of equal size and opposite
# sign are not asked for.
#
# Then try `tilted` with `flat_start`: at a learning rate of 3 `way` says one thing. Run
# `offset = offset - 3 * tilted @ offset` a few hundred times from there, and print the
# norm.

# %% role="given"
turn = np.array([[0.8, -0.6], [0.6, 0.8]])  # its columns are the eigenvectors
tilted = turn @ np.diag([1.0, 0.1]) @ turn.T
flat_start = turn[:, 1]  # along the flat direction, with the curvature 0.1


# %% role="answer"
def way(hessian, offset, learning_rate):
    """Return "converges", "zigzags", "diverges" or "crawls"."""
    ### BEGIN SOLUTION
    curvatures, directions = np.linalg.eigh(hessian)
    parts = np.abs(directions.T @ offset)
    factors = 1 - learning_rate * curvatures[parts > 1e-9 * np.linalg.norm(offset)]
    factor = factors[np.argmax(np.abs(factors))]
    if factor <= -1:
        return "diverges"
    if factor < 0:
        return "zigzags"
    return "converges" if factor <= CRAWL else "crawls"
    ### END SOLUTION


# %% [markdown] role="hint"
# `np.linalg.eigh` returns the eigenvalues and a matrix whose **columns** are the
# eigenvectors. The component of the offset along a column is their product.

# %% [markdown] role="hint"
# Choose the factor by its size, and judge it with its sign.

# %% role="check" id="one-weight" points=1 about="One weight: the four words at rates far from their borders."
for rate, expected in (
    (0.15, "converges"),
    (0.45, "converges"),
    (0.9, "zigzags"),
    (1.2, "diverges"),
    (40, "diverges"),
    (0.00001, "crawls"),
):
    result = way(np.array([[2.0]]), np.array([-1.5]), rate)
    assert type(result) in (str, np.str_), (
        f"way should return a word; got {type(result).__name__}"
    )
    assert result == expected, (
        f"with curvature 2 and learning rate {rate} the factor per step is "
        f"{1 - 2 * rate:.5g}, and way says {result!r}"
    )

# %% role="hidden" id="border" points=2 about="Crawling begins where the task says, on the positive side only."
near = 0.05 * (1 - CRAWL)
for factor, expected in (
    (CRAWL - near, "converges"),
    (CRAWL + near, "crawls"),
    (0.0, "converges"),
    (-CRAWL - near, "zigzags"),
    (-1.0, "diverges"),
    (-1 - near, "diverges"),
):
    result = way(np.array([[4.0]]), np.array([2.0]), (1 - factor) / 4)
    assert type(result) in (str, np.str_), (
        f"way should return a word; got {type(result).__name__}"
    )
    assert result == expected, (
        f"a factor of {factor:.6g} per step: way says {result!r}; look at the borders "
        "in the task, and at the sign"
    )

# %% role="hidden" id="many" points=1 about="With several weights the largest factor decides, in whatever direction it lies."
turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
slow = (1 + CRAWL) / 2
for factors, expected in (
    ((-0.5, 0.8, 0.1), "converges"),
    ((-0.85, 0.8, 0.1), "zigzags"),
    ((-0.5, 0.8, slow), "crawls"),
    ((-1.1, 0.8, 0.9), "diverges"),
):
    hessian = turn @ np.diag(1 - np.array(factors)) @ turn.T
    result = way((hessian + hessian.T) / 2, turn @ np.array([1.0, -2.0, 0.5]), 1.0)
    assert type(result) in (str, np.str_), (
        f"way should return a word; got {type(result).__name__}"
    )
    assert result == expected, (
        f"factors of {factors} along the eigenvectors: way says {result!r}; are these "
        "the eigenvectors of the Hessian, and is the largest factor chosen by its size?"
    )

# %% role="hidden" id="absent" points=1 about="A direction in which the start has no part does not count."
turn, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
for factors, parts, expected in (
    ((-1.5, 0.5, 0.2), (0, 1, 1), "converges"),
    ((-1.5, -0.5, 0.2), (0, 3, 1), "zigzags"),
    ((0.5, -0.3, 1.0), (2, 1, 0), "converges"),
    ((-1.5, 0.5, 0.2), (0.00001, 1, 1), "diverges"),
):
    hessian = turn @ np.diag(1 - np.array(factors)) @ turn.T
    offset = turn @ np.array(parts, dtype=float)
    result = way((hessian + hessian.T) / 2, offset, 1.0)
    assert type(result) in (str, np.str_), (
        f"way should return a word; got {type(result).__name__}"
    )
    assert result == expected, (
        f"factors of {factors} along the eigenvectors, and parts of the offset {parts} "
        f"in them: way says {result!r}; only directions with a part count"
    )

# %% [markdown] role="explanation"
# The sign of the factor says whether a run changes sides, its size how fast it comes
# closer. The loss knows the square only, so a loss curve cannot tell a run that
# converges at 0.8 from one that zigzags at $-0.8$. The remedies are opposite: a
# larger learning rate for the one, a smaller for the other.
#
# **The start decides too, on paper.** `flat_start` has no part in the steep direction,
# so a learning rate of 3, one and a half times the limit, should converge with a factor
# of 0.7 per step. On a computer it does so for about 35 steps, down to some millionths;
# then it diverges. The products round, by about $10^{-16}$, and rounding has a part in
# every direction. The steep direction doubles that part in each step. So
# $2/\lambda_{\max}$ is the limit from every start in practice; a lucky start only
# postpones it.


# %% role="wrong" name="counts directions without a part" fails=["absent"]
# -     curvatures, directions = np.linalg.eigh(hessian)
# -     parts = np.abs(directions.T @ offset)
# -     factors = 1 - learning_rate * curvatures[parts > 1e-9 * np.linalg.norm(offset)]
# +     factors = 1 - learning_rate * np.linalg.eigvalsh(hessian)

# %% role="wrong" name="calls a slow zigzag crawling" fails=["border"]
# -     if factor < 0:
# -         return "zigzags"
# -     return "converges" if factor <= CRAWL else "crawls"
# +     if abs(factor) > CRAWL:
# +         return "crawls"
# +     return "zigzags" if factor < 0 else "converges"


# %% role="wrong" name="judges by the steepest direction alone" fails=["many", "absent"]
def way(hessian, offset, learning_rate):
    factor = 1 - learning_rate * np.linalg.eigvalsh(hessian)[-1]
    if factor <= -1:
        return "diverges"
    if factor < 0:
        return "zigzags"
    return "converges" if factor <= CRAWL else "crawls"


# %% role="wrong" name="reads the curvatures from the diagonal" fails=["many", "absent"]
# -     curvatures, directions = np.linalg.eigh(hessian)
# -     parts = np.abs(directions.T @ offset)
# -     factors = 1 - learning_rate * curvatures[parts > 1e-9 * np.linalg.norm(offset)]
# +     factors = 1 - learning_rate * np.diag(hessian)[np.abs(offset) > 0]

# %% [markdown] role="project" id="project" title="The rate for a problem of your own" minutes=90 goal="choose a learning rate by a prediction that can fail, and report whether it did"
# **Question.** Which learning rate would you use for a least-squares problem of your
# own, and how well did you know before you ran it?
#
# Take rows of your own or any data set that scikit-learn ships, with 50 to 20,000 rows
# and 3 to 30 features, and a goal that you state as a loss: for example, within 1 % of
# the least. Work on two versions of the features, of which one is as you found them.
#
# 1. **Predict, before any run.** For both versions: the limit, the condition number,
#    and the steps to your goal at half the limit and at 0.95 times it. Keep the numbers
#    as they were, also if they turn out wrong.
# 2. **Check the gradient** of your code with central differences at two places.
# 3. **Measure.** At least six learning rates between a hundredth of the limit and 1.05
#    times it: steps to the goal, or the gap after a number of steps that you fix
#    beforehand.
# 4. **Decide.** One learning rate, and when you would choose another.
#
# Hand in about one page: the question with your data, one table of predictions beside
# measurements, one figure with measured points on a predicted line, and your decision
# in two sentences with what your runs do not show. Where a run is too long to finish,
# say what the formula predicts and check its first part. The notebook must run from top
# to bottom in less than two minutes and give the numbers of your page.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Question and data | the problem, the loss with its constant, the goal and the two versions of the features are stated; a stranger could repeat it | 2 |
# | Prediction | limit, condition number and steps are computed before the runs, by formulas that are named; the intercept is included | 2 |
# | Gradient check | central differences at two places without symmetry, with the relative error | 1 |
# | Measurement | at least six learning rates on both sides of the limit; prediction and measurement side by side, with a figure whose axes are labelled | 2 |
# | Decision | one learning rate, which follows from the numbers; says when another would be better | 2 |
# | Honesty | what disagreed and why, and what the runs do not show | 1 |
