# %% [markdown] role="set" title="Networks and Adam, taken apart" chapter="07_networks_and_adam"
# Five short exercises and a project for [chapter 7](../notebooks/07_networks_and_adam.ipynb): write Adam's step out, go back through a hidden layer, see a row's score change with its company, read a rule for the learning rate off a table, and measure how curved the loss of a batch is along its own step. You need the chapter, and from [chapter 1](../notebooks/01_gradient_descent_basics.ipynb) the largest stable step, $2/\lambda_{\max}$. Predict before you run.

# %% role="parameters"
# Exercise 1
BETA1 = 0.9  # memory of the mean gradient; 0.5 to 0.95
BETA2 = 0.999  # memory of the mean square; 0.99 to 0.9999
ADAM_RATE = 0.02  # learning rate; 0.001 to 0.1
SUM_ROWS = 32  # rows of a batch; from 2
# Exercise 2
STRETCH = 1.5  # where the stretched tanh levels off; 0.5 to 3, other than 1
# Exercise 3
RUNNING_SHARE = 0.1  # how far a batch moves the running statistics; 0.02 to 0.4
OUTPUT_BIAS = 0.3  # intercept of the score; from 0.1
NORM_EPSILON = 0.001  # added to variances; 0.00001 to 0.01
# Exercise 4
A_RATES = "0.045 0.16 0.5 2"  # best rates of A for 8, 32, 128, 512; four numbers
B_RATES = "0.0028 0.0056 0.011 0.016"  # of B; exponents above 0.8 and below 0.65
BETWEEN = 64  # a batch size at which nothing was measured; 9 to 511
REFERENCE_SIZE = 32  # where the factor of a power law is given; 4 to 256
LARGEST_RATE = 8.0  # the largest stable rate of A; above its last rate
# Exercise 5
EDGE_ROWS = 4  # rows of a batch; 1 to 16
EDGE_RATE = 0.4  # learning rate; 0.25 to 0.45

# %% role="setup"
import numpy as np

from mbgd_lib import LeastSquares, Network

# %% [markdown] role="exercise" id="adam" title="A step that ignores how steep it is" level="warm-up" kind="write" minutes=20 goal="write Adam's step, and say what its length depends on"
# Adam keeps two running means for every weight: $m$ of its gradient $g$, and $v$ of the gradient's square. Both start at 0. In step number $t = 1, 2, \dots$
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2, \qquad w \leftarrow w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}.$$
#
# Here $\beta_1$ is BETA1, $\beta_2$ is BETA2, and $\epsilon$ is $10^{-8}$.
#
# 1. Write `adam(weights, gradients, learning_rate)`. `weights` has shape (d,). `gradients` has shape (steps, d), one row for each step, in order. Return the weights after the last step, an array of shape (d,). Leave `weights` as it was.
# 2. **Predict**, on paper. All questions are about the first step of a run; leave $\epsilon$ out.
#    - `first_move`: the learning rate is ADAM_RATE. How far does a weight move whose gradient is 250?
#    - `plain_factor` and `adam_factor`: somebody's loop takes the sum over the SUM_ROWS rows of a batch in place of the mean. How many times as long does that make the step of plain descent, and that of Adam?
#    - `uncorrected_factor`: somebody leaves out both divisions by $1 - \beta^t$. How many times as long is Adam's step then?


# %% role="answer"
### BEGIN SOLUTION
# STUB: def adam(weights, gradients, learning_rate):
# STUB:     """Return the weights after one step for each row of gradients."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: # Predictions
# STUB: first_move = None
# STUB: plain_factor = None
# STUB: adam_factor = None
# STUB: uncorrected_factor = None
def adam(weights, gradients, learning_rate):
    """Return the weights after one step for each row of gradients."""
    mean, mean_square = 0.0, 0.0
    for t, gradient in enumerate(gradients, 1):
        mean = BETA1 * mean + (1 - BETA1) * gradient
        mean_square = BETA2 * mean_square + (1 - BETA2) * gradient**2
        step = mean / (1 - BETA1**t)
        size = np.sqrt(mean_square / (1 - BETA2**t))
        weights = weights - learning_rate * step / (size + 1e-8)
    return weights


first_move = ADAM_RATE
plain_factor = SUM_ROWS
adam_factor = 1
uncorrected_factor = (1 - BETA1) / np.sqrt(1 - BETA2)
### END SOLUTION

# %% [markdown] role="hint"
# For the predictions put $t = 1$ into the three formulas. What is left of $m / (1 - \beta_1)$, and of the root?

# %% [markdown] role="hint"
# `for t, gradient in enumerate(gradients, 1)` counts the steps from 1. The two means start at 0 before the loop and are kept from step to step.

# %% role="check" id="first" points=1 about="The first step is as long as the learning rate, against the gradient."
start = np.array([1.0, 1.0, 1.0])
result = adam(start.copy(), np.array([[0.5, -40.0, 3000.0]]), 0.125)
assert result is not None, "adam returned None; is a return missing?"
assert np.shape(result) == (3,), (
    "for three weights adam should return three numbers, and returned the shape "
    f"{np.shape(result)}"
)
moves = np.asarray(result, dtype=float) - start
assert np.allclose(moves, [-0.125, 0.125, -0.125], rtol=1e-4), (
    "with a learning rate of 0.125 the first step should move each weight by 0.125, "
    f"downhill; your moves are {moves}. Are both means divided by 1 - beta**t, with "
    "t = 1 in the first step?"
)

# %% role="hidden" id="steps" points=1 in_place=true about="Several steps agree with the formulas, and the weights passed in stay."
rng = np.random.default_rng(71)
for steps in (2, 3, 30):
    signs = rng.choice([-1, 1], size=(steps, 4))
    gradients = signs * rng.uniform(0.5, 2, size=(steps, 4))
    start = rng.normal(size=4)
    passed = start.copy()
    result = adam(passed, gradients.copy(), 0.05)
    assert np.shape(result) == (4,), (
        "for four weights adam should return four numbers, and returned the shape "
        f"{np.shape(result)}"
    )
    m, v, expected = np.zeros(4), np.zeros(4), start.copy()
    for t in range(1, steps + 1):
        g = gradients[t - 1]
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g * g
        corrected = m / (1 - BETA1**t), v / (1 - BETA2**t)
        expected -= 0.05 * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
    far = np.abs(np.asarray(result, dtype=float) - expected).max()
    assert far < 1e-6, (
        f"after {steps} steps of 0.05 a weight is off by {far:.2g}; the first step may "
        "be right all the same. Is the power in 1 - beta**t the number of the step, is "
        "v the mean of squares, and does every row make one step?"
    )
    assert np.array_equal(passed, start), (
        "the caller's weights have changed during the call; make a new array"
    )

# %% role="hidden" id="tiny" points=1 about="Where gradients are tiny or 0, epsilon does what the formula says."
with np.errstate(all="ignore"):
    result = adam(np.zeros(3), np.array([[0.0, 1e-8, -3e-8]] * 5), 1.0)
assert np.shape(result) == (3,), (
    "for three weights adam should return three numbers, and returned the shape "
    f"{np.shape(result)}"
)
result = np.asarray(result, dtype=float)
assert np.isfinite(result).all(), (
    f"a weight whose gradient is always 0 should stay; your weights are {result}. "
    "What is 0 divided by?"
)
assert np.allclose(result, [0, -2.5, 3.75], rtol=1e-6, atol=1e-9), (
    "gradients of 0, 1e-8 and -3e-8, five times at a rate of 1, lead to 0, -2.5 and "
    f"3.75, and your weights are {result}; epsilon is 1e-8, and is it added to the "
    "root or under it?"
)

# %% role="hidden" id="predictions" points=1 about="The four predictions about the first step are right."
from numbers import Real

for name, value, expected, question in (
    ("first_move", first_move, ADAM_RATE, "what is left of the gradient in m / root?"),
    ("plain_factor", plain_factor, SUM_ROWS, "a sum is how many times the mean?"),
    ("adam_factor", adam_factor, 1, "what do m and the root do if g is doubled?"),
    (
        "uncorrected_factor",
        uncorrected_factor,
        (1 - BETA1) / (1 - BETA2) ** 0.5,
        "without the divisions m and v are both too small; which of them more, once "
        "the root is taken?",
    ),
):
    assert value is not None, f"{name} is still None: write your prediction there"
    assert isinstance(value, Real), (
        f"{name} should be one number, and is a {type(value).__name__}"
    )
    assert abs(float(value) - expected) <= 0.005 * expected, (
        f"{name} is {float(value):.4g}, which is not right; {question}"
    )

# %% [markdown] role="explanation"
# In the first step $m/(1 - \beta_1) = g$ and the root is $|g|$. So every weight moves by the learning rate, whether its gradient is 0.5 or 3,000: only the sign is left. Later steps are shorter where the gradient changes its sign from batch to batch, since then $m$ is small beside the root.
#
# A gradient multiplied by 32 changes nothing, for $m$ and the root are both 32 times as large. So the mistake that breaks plain descent in [chapter 2](../notebooks/02_mini_batching.ipynb), a sum in place of a mean, is not seen with Adam. The batch size still matters to Adam, because of the noise, but not through the length of the gradient.
#
# Leaving out the divisions looks like starting carefully, since $m$ and $v$ are too small. It is the opposite: the step divides by the root of $v$, which is too small by more. With the usual 0.9 and 0.999 the first step is about 3.2 times as long.
#
# The usual slip is the power $t$. With $1 - \beta$ in its place the first step is right and all later ones are wrong.


# %% role="wrong" name="divides by 1 - beta in every step" fails=["steps", "tiny"]
def adam(weights, gradients, learning_rate):
    m = v = 0
    for g in gradients:
        m, v = BETA1 * m + (1 - BETA1) * g, BETA2 * v + (1 - BETA2) * g**2
        root = np.sqrt(v / (1 - BETA2))
        weights = weights - learning_rate * m / (1 - BETA1) / (root + 1e-8)
    return weights


first_move, plain_factor, adam_factor = ADAM_RATE, SUM_ROWS, 1.0
uncorrected_factor = (1 - BETA1) / (1 - BETA2) ** 0.5


# %% role="wrong" name="leaves out the divisions" fails=["first", "steps", "tiny", "predictions"]
# -         step = mean / (1 - BETA1**t)
# -         size = np.sqrt(mean_square / (1 - BETA2**t))
# +         step, size = mean, np.sqrt(mean_square)

# - uncorrected_factor = (1 - BETA1) / np.sqrt(1 - BETA2)
# + uncorrected_factor = 1 - BETA1

# %% role="wrong" name="adds epsilon under the root" fails=["tiny"]
# -         size = np.sqrt(mean_square / (1 - BETA2**t))
# -         weights = weights - learning_rate * step / (size + 1e-8)
# +         size = np.sqrt(mean_square / (1 - BETA2**t) + 1e-8)
# +         weights = weights - learning_rate * step / size

# %% role="wrong" name="thinks that a longer gradient makes a longer step" fails=["predictions"]
# - first_move = ADAM_RATE
# + first_move = 250 * ADAM_RATE

# - adam_factor = 1
# + adam_factor = SUM_ROWS

# %% role="wrong" name="steps in place, in the caller's weights" fails=["steps"]
# -         weights = weights - learning_rate * step / (size + 1e-8)
# +         weights -= learning_rate * step / (size + 1e-8)

# %% [markdown] role="exercise" id="backward" title="Through the hidden layer and back" level="core" kind="gradient check" minutes=30 goal="derive the gradient of a network with one hidden layer, and compare it with differences"
# A network with one hidden layer predicts a number. For a row $x$,
#
# $$z = x V + a, \qquad h = c \tanh(z / c), \qquad s = h \cdot w + b,$$
#
# and the loss is the mean over the rows of $\frac12 (s - y)^2$. The hidden units have a **stretched** tanh, which levels off at $\pm c$, with $c$ equal to STRETCH. `X` has shape (n, d), `y` (n,), `V` (d, k), `a` (k,), `w` (k,), and `b` is a number. `network_loss` is given.
#
# Write `gradients(X, y, V, a, w, b)`. It returns the gradients of the loss with respect to `V`, `a`, `w` and `b`, in this order, each in the shape of what it belongs to. Derive them: go back from the loss to the score, from the score to $h$, from $h$ to $z$, and from there to `V` and `a`.
#
# Then test your function with `differences`, which is given too: `differences(lambda V: network_loss(X, y, V, a, w, b), V)` measures the gradient for `V`. It is a test, and no answer: it needs two losses for every single weight, and loses digits where the loss is large.


# %% role="given"
def network_loss(X, y, V, a, w, b):
    """Return the mean of half the squared errors. It is right."""
    h = STRETCH * np.tanh((X @ V + a) / STRETCH)
    return np.mean((h @ w + b - y) ** 2) / 2


def differences(function, place, step=1e-5):
    """Return the gradient of a function at an array, from central differences."""
    place = np.array(place, dtype=float)
    measured = np.zeros(place.shape)
    for index in np.ndindex(place.shape):
        move = np.zeros(place.shape)
        move[index] = step
        measured[index] = (function(place + move) - function(place - move)) / (2 * step)
    return measured


# %% role="answer"
def gradients(X, y, V, a, w, b):
    """Return the gradients of network_loss for V, a, w and b."""
    ### BEGIN SOLUTION
    h = STRETCH * np.tanh((X @ V + a) / STRETCH)
    of_score = (h @ w + b - y) / len(y)
    of_z = np.outer(of_score, w) * (1 - (h / STRETCH) ** 2)
    return X.T @ of_z, of_z.sum(axis=0), h.T @ of_score, of_score.sum()
    ### END SOLUTION


# %% [markdown] role="hint"
# Begin with one row. What is the derivative of the loss with respect to $s$? It is the gradient for `b` already; multiplied by $h$ it is that for `w`.

# %% [markdown] role="hint"
# The derivative of $c \tanh(z/c)$ is $1 - \tanh^2(z/c)$. Written with $h$, that is not $1 - h^2$.

# %% [markdown] role="hint"
# Call what arrives at $z$ for each row and unit `of_z`, of shape (n, k). A row's part in the gradient for `V` is the outer product of $x$ and its row of `of_z`; `X.T @ of_z` adds them up.

# %% role="check" id="last-layer" points=1 about="For one row, the gradients of the last layer are right, and all four have their shapes."
rng = np.random.default_rng(20)
X, y, V = rng.normal(size=(1, 3)), rng.normal(size=1), rng.normal(size=(3, 4))
a, w, b = rng.normal(size=4), rng.normal(size=4), 0.7
result = gradients(X, y, V, a, w, b)
assert isinstance(result, (tuple, list)), (
    "gradients should return four gradients, those of V, a, w, b, and returned a "
    f"{type(result).__name__}; is a return missing?"
)
shapes = [np.shape(part) for part in result]
assert shapes == [(3, 4), (4,), (4,), ()], (
    "with 3 inputs and 4 hidden units the gradients of V, a, w, b have the shapes "
    f"(3, 4), (4,), (4,) and (), and yours have {shapes}"
)
for name, found, measured in (
    ("b", result[3], differences(lambda b: network_loss(X, y, V, a, w, b), b)),
    ("w", result[2], differences(lambda w: network_loss(X, y, V, a, w, b), w)),
):
    assert np.allclose(found, measured, rtol=1e-6, atol=1e-8), (
        f"for one row the gradient of {name} is {found}, and differences measure "
        f"{measured}; how does the loss change with the score, and the score with "
        f"{name}?"
    )

# %% role="hidden" id="hidden-layer" points=2 about="For one row, the gradients of the hidden layer agree with differences."
rng = np.random.default_rng(21)


def compare(d, k):
    X, y, V = rng.normal(size=(1, d)), rng.normal(size=1), rng.normal(size=(d, k))
    a, w, b = rng.normal(size=k), rng.normal(size=k), rng.normal()
    result = gradients(X, y, V, a, w, b)
    four = isinstance(result, (tuple, list)) and len(result) == 4
    assert four, "gradients should return four gradients, those of V, a, w and b"
    for name, found, measured in (
        ("a", result[1], differences(lambda a: network_loss(X, y, V, a, w, b), a)),
        ("V", result[0], differences(lambda V: network_loss(X, y, V, a, w, b), V)),
    ):
        assert np.shape(found) == measured.shape, (
            f"the gradient of {name} should have the shape {measured.shape}, and has "
            f"{np.shape(found)}"
        )
        assert np.allclose(found, measured, rtol=1e-6, atol=1e-8), (
            f"with {d} inputs and {k} hidden units, the gradient of {name} does not "
            "agree with differences, for one row already; is the derivative of the "
            "stretched tanh there, and is it taken at the right place?"
        )


for d, k in ((3, 4), (1, 2), (5, 3)):
    compare(d, k)

# %% role="hidden" id="rows" points=1 about="For many rows each gradient is the mean of those of the rows."
rng = np.random.default_rng(22)
for n in (2, 7, 40):
    X, y, V = rng.normal(size=(n, 3)), rng.normal(size=n), rng.normal(size=(3, 4))
    arrays = [V, rng.normal(size=4), rng.normal(size=4), rng.normal()]
    result = gradients(X, y, *arrays)
    four = isinstance(result, (tuple, list)) and len(result) == 4
    assert four, "gradients should return four gradients, those of V, a, w and b"
    alone = [gradients(X[i : i + 1], y[i : i + 1], *arrays) for i in range(n)]
    for k, name in enumerate(["V", "a", "w", "b"]):
        mean = np.mean([one[k] for one in alone], axis=0)
        assert not np.allclose(alone[0][k], alone[1][k]), (
            f"two rows, each alone, have the same gradient of {name}; does it depend on "
            "the row?"
        )
        assert np.shape(result[k]) == np.shape(mean), (
            f"for {n} rows the gradient of {name} should have the shape "
            f"{np.shape(mean)}, and has {np.shape(result[k])}"
        )
        assert np.allclose(result[k], mean, rtol=1e-6, atol=1e-8), (
            f"for {n} rows the gradient of {name} is not the mean of what your own "
            "function says of each row alone; where are the rows added up, and by "
            "what is the sum divided?"
        )
    h = STRETCH * np.tanh((X @ V + arrays[1]) / STRETCH)
    error = np.mean(h @ arrays[2] + arrays[3] - y)
    # Its sign is looked at by the checks for one row.
    assert np.allclose(np.abs(result[3]), abs(error), rtol=1e-6), (
        f"for {n} rows the scores are off by {error:.6f} in the mean, and the gradient of "
        f"b is {result[3]}; is it a mean of errors?"
    )

# %% role="hidden" id="exact" points=1 about="The gradients keep their digits where the loss is large: they are derived, not measured."
rng = np.random.default_rng(23)
X, y, V = rng.normal(size=(6, 2)), 1e6 * rng.normal(size=6), rng.normal(size=(2, 3))
a, w, b = rng.normal(size=3), rng.normal(size=3), 1.0
result = gradients(X, y, V, a, w, b)
four = isinstance(result, (tuple, list)) and len(result) == 4
assert four, "gradients should return four gradients, those of V, a, w and b"
h = STRETCH * np.tanh((X @ V + a) / STRETCH)
errors = h @ w + b - y
of_z = errors[:, None] * w * (1 - (h / STRETCH) ** 2)
for name, found, expected in (
    ("b", result[3], np.mean(errors)),
    ("w", result[2], np.mean(errors[:, None] * h, axis=0)),
    ("a", result[1], np.mean(of_z, axis=0)),
    ("V", result[0], X.T @ of_z / 6),
):
    assert np.shape(found) == np.shape(expected), (
        f"the gradient of {name} should have the shape {np.shape(expected)}, and has "
        f"{np.shape(found)}"
    )
    assert np.allclose(found, expected, rtol=1e-9, atol=0), (
        f"with targets of about a million the gradient of {name} is {found} and should "
        f"be {expected}; if the first digits are right, have you measured it in place "
        "of deriving it? If not, what does the check for one row say?"
    )

# %% [markdown] role="explanation"
# Going back is the chain rule in the order of the layers. The error of the score, divided by $n$, is the gradient for `b`; weighted with $h$ it is that for `w`. Through `w` it reaches the hidden units, and the slope of the tanh decides how much of it gets through to $z$. A unit that has levelled off, with $h$ near $\pm c$, lets almost nothing through, and hardly learns any more.
#
# The derivative is $1 - (h/c)^2$. With the usual tanh, $c = 1$ and it is $1 - h^2$: a formula that is remembered from there is wrong here, and only a comparison with differences shows it, since the loss falls all the same.
#
# Look at a start with all weights 0. Then $h = 0$, so the gradient for `w` is 0; and `w` is 0, so nothing gets back to `V` and `a`. Only `b` moves, in every step: that network never learns more than the mean of the targets. This is why a network starts from random weights, where a linear model may start from 0.


# %% role="wrong" name="takes the slope of the plain tanh" fails=["hidden-layer", "exact"]
def gradients(X, y, V, a, w, b):
    h = STRETCH * np.tanh((X @ V + a) / STRETCH)
    slopes = (h @ w + b - y) / len(y)
    back = slopes[:, None] * w * (1 - h**2)
    return X.T @ back, back.sum(axis=0), slopes @ h, slopes.sum()


# %% role="wrong" name="forgets the slope of the tanh" fails=["hidden-layer", "exact"]
def gradients(X, y, V, a, w, b):
    h = STRETCH * np.tanh((X @ V + a) / STRETCH)
    slopes = (h @ w + b - y) / len(y)
    back = slopes[:, None] * w
    return X.T @ back, back.sum(axis=0), slopes @ h, slopes.sum()


# %% role="wrong" name="adds up the rows" fails=["rows", "exact"]
def gradients(X, y, V, a, w, b):
    tanh = np.tanh((X @ V + a) / STRETCH)
    slopes = STRETCH * tanh @ w + b - y
    back = slopes[:, None] * w * (1 - tanh**2)
    return X.T @ back, back.sum(axis=0), STRETCH * slopes @ tanh, slopes.sum()


# %% role="wrong" name="returns zeros" fails=["last-layer", "hidden-layer", "rows", "exact"]
def gradients(X, y, V, a, w, b):
    return np.zeros_like(V), np.zeros_like(a), np.zeros_like(w), 0.0


# %% role="wrong" name="returns the mean of X in all places" fails=["last-layer", "hidden-layer", "rows", "exact"]
def gradients(X, y, V, a, w, b):
    mean = X.mean()
    return np.full(V.shape, mean), np.full(a.shape, mean), np.full(w.shape, mean), mean


# %% role="wrong" name="divides only the hidden layer by the number of rows" fails=["rows", "exact"]
def gradients(X, y, V, a, w, b):
    tanh = np.tanh((X @ V + a) / STRETCH)
    slopes = STRETCH * tanh @ w + b - y
    back = slopes[:, None] * w * (1 - tanh**2) / len(y)
    return X.T @ back, back.sum(axis=0), STRETCH * slopes @ tanh, slopes.sum()


# %% role="wrong" name="hands in the differences" fails=["exact"]
def gradients(X, y, V, a, w, b):
    return (
        differences(lambda V: network_loss(X, y, V, a, w, b), V),
        differences(lambda a: network_loss(X, y, V, a, w, b), a),
        differences(lambda w: network_loss(X, y, V, a, w, b), w),
        differences(lambda b: network_loss(X, y, V, a, w, b), b),
    )


# %% role="wrong" name="turns the sign of the error" fails=["last-layer", "hidden-layer", "exact"]
def gradients(X, y, V, a, w, b):
    tanh = np.tanh((X @ V + a) / STRETCH)
    slopes = (y - STRETCH * tanh @ w - b) / len(y)
    back = slopes[:, None] * w * (1 - tanh**2)
    return X.T @ back, back.sum(axis=0), STRETCH * slopes @ tanh, slopes.sum()


# %% [markdown] role="exercise" id="company" title="The same row, another score" level="core" kind="predict, then measure" minutes=30 goal="see a row's score depend on its batch, and what that does to accumulated gradients"
# **Batch normalisation** shifts and scales every hidden unit so that over the rows of the batch it has mean 0 and variance 1. A colleague trained a network with it. Now it scores one row at a time, and every row gets the same score.
#
# Below are eight rows as they come from a hidden layer, three units each. They are normalised, and then `scores` makes one number of each row. With batch means $\mu$ and batch variances $\sigma^2$, one of each for every unit, a normalised row is $(h - \mu) / \sqrt{\sigma^2 + \epsilon}$, with $\epsilon$ = NORM_EPSILON. A variance is the mean squared distance from the mean: it is divided by the number of rows.
#
# 1. Write `normalised(H, statistics=None)`. `H` has shape (rows, units). Without `statistics` take means and variances of these rows. Else `statistics` is a pair (means, variances) to use in their place. Return an array of the shape of `H`.
# 2. Compare `scores(normalised(units))[0]` and `scores(normalised(units[:4]))[0]`: one row, two batches, two scores. Now **predict** `lone_score`: which score does each row get if it is alone in its batch, normalised by its own batch?
# 3. For use after training, **running statistics** are kept. They start with means 0 and variances 1, and every batch moves them a share of RUNNING_SHARE of the way to its own means and variances. Write `running(batches)`, which returns the pair (means, variances) after a list of batches.
# 4. Do two accumulated halves make the whole batch? Take `out_gradient` of all eight rows, normalised as one batch. Take it also of `units[:4]` and of `units[4:]`, each half normalised on its own, and take the mean of these two gradients. The **gap** is the length of the difference between that mean and the gradient of the whole, divided by the length of the gradient of the whole. Predict for yourself where it is 0. Then measure
#    - `gap_own`, where every batch is normalised by its own statistics,
#    - `gap_settled`, where `settled`, the statistics that a long training ended with, is used for the whole and for both halves.

# %% role="given"
rng = np.random.default_rng(7)
units = rng.normal([1.0, -2.0, 0.5], [1.0, 3.0, 0.5], size=(8, 3))
targets = rng.normal(size=8)
out = np.array([0.8, -0.5, 0.4])
settled = np.array([1.0, -2.0, 0.5]), np.array([1.0, 9.0, 0.25])


def scores(Z):
    """Return one score for each normalised row."""
    return Z @ out + OUTPUT_BIAS


def out_gradient(Z, y):
    """Return the gradient of the mean of (score - y)**2 / 2 with respect to out."""
    return Z.T @ (scores(Z) - y) / len(y)


# %% role="answer"
### BEGIN SOLUTION
# STUB: def normalised(H, statistics=None):
# STUB:     """Return the rows of H, each unit shifted and scaled."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: def running(batches):
# STUB:     """Return the means and variances that are kept after these batches."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: # Prediction
# STUB: lone_score = None
# STUB: # Measurements
# STUB: gap_own = None
# STUB: gap_settled = None
def normalised(H, statistics=None):
    """Return the rows of H, each unit shifted and scaled."""
    if statistics is None:
        statistics = H.mean(axis=0), H.var(axis=0)
    means, variances = statistics
    return (H - means) / np.sqrt(variances + NORM_EPSILON)


def running(batches):
    """Return the means and variances that are kept after these batches."""
    means, variances = 0.0, 1.0
    for H in batches:
        means = means + RUNNING_SHARE * (H.mean(axis=0) - means)
        variances = variances + RUNNING_SHARE * (H.var(axis=0) - variances)
    return means, variances


def gap(statistics=None):
    whole = out_gradient(normalised(units, statistics), targets)
    first = out_gradient(normalised(units[:4], statistics), targets[:4])
    second = out_gradient(normalised(units[4:], statistics), targets[4:])
    return np.linalg.norm((first + second) / 2 - whole) / np.linalg.norm(whole)


lone_score = OUTPUT_BIAS
gap_own, gap_settled = gap(), gap(settled)
### END SOLUTION

# %% [markdown] role="hint"
# What is the mean of one row? What is left of the row when it is subtracted? What does `scores` make of that?

# %% [markdown] role="hint"
# One mean for each unit is a mean over the rows: `axis=0`. To move a share of the way from an old to a new value, add the share times (new − old).

# %% role="check" id="units" points=1 about="Over the rows of its batch, every unit has mean 0 and variance 1."
H = np.array([[1.0, 10.0], [3.0, 10.0], [1.0, 40.0], [3.0, 40.0]])
result = normalised(H.copy())
assert isinstance(result, np.ndarray), (
    f"normalised should return an array, and returned a {type(result).__name__}"
)
assert result.shape == (4, 2), (
    f"for 4 rows of 2 units the result should have the shape (4, 2), not {result.shape}"
)
assert np.allclose(result.mean(axis=0), 0, atol=1e-9), (
    f"over the four rows the two units should have mean 0, and have "
    f"{result.mean(axis=0)}; a mean over the rows, not over the units?"
)
# A little less than 1, since epsilon is added to the variance.
assert np.allclose(result.std(axis=0), 1, rtol=0.01), (
    f"over the four rows the two units should have a standard deviation near 1, and have "
    f"{result.std(axis=0)}; divided by the root of the variance, and the variance by "
    "the number of rows?"
)

# %% role="hidden" id="given-statistics" points=1 about="With given statistics a row's result does not depend on its company."
rng = np.random.default_rng(31)
H = rng.normal(3, 2, size=(9, 4))
means, variances = rng.normal(size=4), rng.uniform(0.5, 4, size=4)
for rows in (slice(0, 9), slice(2, 3), slice(4, 8)):
    result = normalised(H[rows].copy(), (means.copy(), variances.copy()))
    assert np.shape(result) == H[rows].shape, (
        f"the result should have the shape of H, {H[rows].shape}, and has "
        f"{np.shape(result)}"
    )
    expected = (H[rows] - means) / (variances + NORM_EPSILON) ** 0.5
    assert np.allclose(result, expected, rtol=1e-9), (
        "with statistics given, rows should be shifted by the given means and divided "
        "by the roots of the given variances plus epsilon, whatever the other rows are; are "
        "the batch's own still used, or is the root left out?"
    )

# %% role="hidden" id="running" points=1 about="The running statistics move by their share towards each batch."
rng = np.random.default_rng(32)
for count in (1, 2, 25):
    batches = [rng.normal(2, 3, size=(6, 3)) for _ in range(count)]
    result = running([H.copy() for H in batches])
    pair = isinstance(result, (tuple, list)) and len(result) == 2
    assert pair, "running should return a pair, the means and the variances"
    # The weight of a batch shrinks with every batch that comes after it.
    later = (1 - RUNNING_SHARE) ** np.arange(count)[::-1]
    left = (1 - RUNNING_SHARE) ** count
    for name, found, own, start in (
        ("means", result[0], [H.mean(axis=0) for H in batches], 0),
        ("variances", result[1], [H.var(axis=0) for H in batches], 1),
    ):
        expected = left * start + RUNNING_SHARE * later @ np.array(own)
        assert np.shape(found) == (3,), (
            f"for three units the {name} should be three numbers, and have the shape "
            f"{np.shape(found)}"
        )
        assert np.allclose(found, expected, rtol=1e-6), (
            f"after {count} batches the running {name} are {found} and should be "
            f"{expected}; which share is new and which is kept, where do they start, "
            "and by what is a variance divided?"
        )

# %% role="hidden" id="alone" points=1 about="The score of a row that is alone in its batch is foretold."
from numbers import Real

assert lone_score is not None, "lone_score is still None: write your prediction there"
assert isinstance(lone_score, Real), (
    f"lone_score should be one number, and is a {type(lone_score).__name__}"
)
assert abs(float(lone_score) - OUTPUT_BIAS) < 1e-6, (
    f"lone_score is {float(lone_score):.4g}, which is not right; a row alone is its "
    "own mean. What is left of it after the mean is subtracted, and which score is that?"
)

# %% role="hidden" id="halves" points=1 about="Two halves are the whole batch with settled statistics, and are not with their own."
from numbers import Real

for name, value in (("gap_own", gap_own), ("gap_settled", gap_settled)):
    assert value is not None, f"{name} is still None: measure it"
    assert isinstance(value, Real), (
        f"{name} should be one number, and is a {type(value).__name__}"
    )


def own(H):
    return (H - H.mean(axis=0)) / (H.var(axis=0) + NORM_EPSILON) ** 0.5


parts = slice(0, 8), slice(0, 4), slice(4, 8)
whole, first, second = (out_gradient(own(units[p]), targets[p]) for p in parts)
expected = np.linalg.norm((first + second) / 2 - whole) / np.linalg.norm(whole)
assert abs(float(gap_own) / expected - 1) < 1e-3, (
    f"gap_own is {float(gap_own):.5g}, and the checker measures another; each half "
    "is normalised by its own means and variances, the whole by those of all eight "
    "rows, and the difference is divided by the norm for the whole batch"
)
assert abs(float(gap_settled)) < 1e-6, (
    f"gap_settled is {float(gap_settled):.3g}; with the same statistics for whole and "
    "halves, every row's part in the gradient is the same in both. Are the two "
    "gradients averaged, and is settled used for all three?"
)

# %% [markdown] role="explanation"
# A row that is alone is its own mean. Normalised, it is 0 in every unit, and its score is the intercept, whatever the row was. That is the colleague's mistake: scoring with the statistics of the batch that happens to be there. In PyTorch the switch is `model.eval()`; in training mode PyTorch refuses a batch of one row for this reason.
#
# With two rows or twenty nothing is refused, and a row's score still depends on its company. The smaller the batch, the more its means and variances vary, so batch normalisation brings in a noise of its own, which batch size changes.
#
# Everywhere else in this course the gradient of a batch is the mean of its rows' gradients, so two halves make a whole, and accumulation is exact. Here it is not: a row's part depends on the rows beside it, and those are others in a half batch. Who accumulates 8 batches of 32 normalises with the statistics of 32 rows, not of 256. With fixed statistics a row has a gradient of its own again, and the gap is 0.
#
# Running statistics forget their start only slowly: after $t$ batches it still has the weight $(1 - \rho)^t$ for a share of $\rho$. Adam divides such a start out, batch normalisation does not: after a few batches only, use it with care. Libraries differ in what they call the share: in PyTorch `momentum` is the share of the new batch, in Keras that of the old value.


# %% role="wrong" name="normalises each row over its units" fails=["units", "given-statistics", "halves"]
def normalised(H, statistics=None):
    means, variances = H.mean(axis=1), H.var(axis=1)
    return (H - means[:, None]) / np.sqrt(variances[:, None] + NORM_EPSILON)


def running(batches):
    means, variances = np.zeros(3), np.ones(3)
    for H in batches:
        means = (1 - RUNNING_SHARE) * means + RUNNING_SHARE * H.mean(axis=0)
        variances = (1 - RUNNING_SHARE) * variances + RUNNING_SHARE * H.var(axis=0)
    return means, variances


def gap():
    parts = [slice(0, 8), slice(0, 4), slice(4, 8)]
    g = [out_gradient(normalised(units[p]), targets[p]) for p in parts]
    return np.linalg.norm((g[1] + g[2]) / 2 - g[0]) / np.linalg.norm(g[0])


lone_score, gap_own, gap_settled = OUTPUT_BIAS, gap(), gap()


# %% role="wrong" name="keeps the share that should be new" fails=["running"]
# -         means = means + RUNNING_SHARE * (H.mean(axis=0) - means)
# -         variances = variances + RUNNING_SHARE * (H.var(axis=0) - variances)
# +         means = RUNNING_SHARE * means + (1 - RUNNING_SHARE) * H.mean(axis=0)
# +         variances = RUNNING_SHARE * variances + (1 - RUNNING_SHARE) * H.var(axis=0)

# %% role="wrong" name="uses the batch's statistics in any case" fails=["given-statistics", "halves"]
# -     if statistics is None:
# -         statistics = H.mean(axis=0), H.var(axis=0)
# +     statistics = H.mean(axis=0), H.var(axis=0)

# %% role="wrong" name="thinks that a row keeps its score, and that halves make a whole" fails=["alone", "halves"]
# - lone_score = OUTPUT_BIAS
# - gap_own, gap_settled = gap(), gap(settled)
# + lone_score = scores(normalised(units))[0]
# + gap_own, gap_settled = 0.0, 0.0

# %% role="wrong" name="divides variances by one row less" fails=["units", "running", "halves"]
# -         statistics = H.mean(axis=0), H.var(axis=0)
# +         statistics = H.mean(axis=0), H.var(axis=0, ddof=1)

# -         variances = variances + RUNNING_SHARE * (H.var(axis=0) - variances)
# +         variances = variances + RUNNING_SHARE * (H.var(axis=0, ddof=1) - variances)

# %% [markdown] role="exercise" id="exponent" title="Which rule is it, and where does it end?" level="core" kind="fit, then predict" minutes=25 goal="fit an exponent on logarithmic scales, predict a rate with it, and say where it stops"
# Two ways of training a network, A and B, were tuned at four batch sizes. The table below holds the learning rates that were best. (The numbers are made up, of a size that tuning does find.) If the best rate is a power of the batch size,
#
# $$\eta(B) = c\, \Bigl(\frac{B}{REFERENCE_SIZE}\Bigr)^p, \qquad\text{then}\qquad \log \eta = \log c + p \log \frac{B}{REFERENCE_SIZE},$$
#
# a straight line on logarithmic scales. Its slope is $p$, and $c$ is its rate at a batch size of REFERENCE_SIZE. The **linear rule**, twice the batch, twice the rate, is $p = 1$; the **root rule** is $p = \frac12$.
#
# 1. Write `power_law(sizes, rates)`. It returns $(p, c)$ of the line through the logarithms that has the least sum of squares. Both arguments are arrays with at least two entries.
# 2. Set `a_exponent` and `b_exponent`, from all four sizes, and `a_rule` and `b_rule`: `"linear"` or `"root"`, whichever exponent is nearer.
# 3. **Predict** with the fitted lines:
#    - `b_between`: the best rate of B at a batch size of BETWEEN, which nobody has tried,
#    - `a_ends`: on this network no rate above LARGEST_RATE is stable for A, however large the batch. At which batch size does A's line get there? It need not be an integer.

# %% role="given"
sizes = np.array([8, 32, 128, 512])
a_rates = np.array(A_RATES.split(), dtype=float)
b_rates = np.array(B_RATES.split(), dtype=float)


# %% role="answer"
### BEGIN SOLUTION
# STUB: def power_law(sizes, rates):
# STUB:     """Return the exponent p, and the line's rate at a batch size of REFERENCE_SIZE."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: a_exponent = None
# STUB: b_exponent = None
# STUB: a_rule = None  # "linear" or "root"
# STUB: b_rule = None  # "linear" or "root"
# STUB: b_between = None
# STUB: a_ends = None
def power_law(sizes, rates):
    """Return the exponent p, and the line's rate at a batch size of REFERENCE_SIZE."""
    relative = np.log(sizes / REFERENCE_SIZE)
    slope, height = np.polyfit(relative, np.log(rates), 1)
    return slope, np.exp(height)


a_exponent, a_rate = power_law(sizes, a_rates)
b_exponent, b_rate = power_law(sizes, b_rates)
a_rule = "linear" if a_exponent > 0.75 else "root"
b_rule = "linear" if b_exponent > 0.75 else "root"
b_between = b_rate * (BETWEEN / REFERENCE_SIZE) ** b_exponent
a_ends = REFERENCE_SIZE * (LARGEST_RATE / a_rate) ** (1 / a_exponent)
### END SOLUTION

# %% [markdown] role="hint"
# `np.polyfit(x, y, 1)` returns slope and height of the straight line with the least squares. What are `x` and `y` here? And what is $c$, if the height is $\log c$?

# %% [markdown] role="hint"
# For `a_ends` solve the power law for $B$, with LARGEST_RATE for the rate.

# %% role="check" id="exact-law" points=1 about="Of rates that follow a power law exactly, exponent and factor are found."
for p, c in ((1.0, 0.08), (0.5, 0.003), (0.8, 2.0)):
    some = np.array([4.0, 16.0, 64.0, 256.0])
    result = power_law(some.copy(), c * (some / REFERENCE_SIZE) ** p)
    assert np.shape(result) == (2,), (
        "power_law should return two numbers, the exponent and the factor, and "
        f"returned a {type(result).__name__}; is a return missing?"
    )
    assert np.allclose(np.asarray(result, dtype=float), [p, c], rtol=1e-6), (
        f"rates with the exponent {p:g}, and {c:g} at a batch size of REFERENCE_SIZE, "
        f"gave {tuple(result)}; the slope of the logarithms of the rates over those of "
        "the sizes, and the line's rate at that size?"
    )

# %% role="hidden" id="least-squares" points=1 about="Of rates beside a line, the line is that of least squares."
rng = np.random.default_rng(41)
for count in (3, 4, 9):
    some = 2.0 ** np.sort(rng.choice(np.arange(1, 13), size=count, replace=False))
    rates = 0.01 * some**0.7 * np.exp(rng.normal(0, 0.3, size=count))
    result = power_law(some.copy(), rates.copy())
    assert np.shape(result) == (2,), (
        "power_law should return two numbers, the exponent and the factor"
    )
    x, y = np.log(some), np.log(rates)
    slope = np.sum((x - x.mean()) * (y - y.mean())) / np.sum((x - x.mean()) ** 2)
    factor = np.exp(y.mean() + slope * (np.log(REFERENCE_SIZE) - x.mean()))
    found = np.asarray(result, dtype=float)
    assert np.allclose(found, [slope, factor], rtol=1e-6), (
        f"for {count} rates beside a line, exponent and factor c are {found} and should "
        f"be {slope:.5f} and {factor:.5f}; does every point count, and are squares of "
        "the logarithms' distances added up?"
    )

# %% role="hidden" id="rules" points=1 about="The two exponents are fitted, and the rules named."
from numbers import Real

for name, value, rates in (
    ("a_exponent", a_exponent, a_rates),
    ("b_exponent", b_exponent, b_rates),
):
    assert value is not None, f"{name} is still None: fit it"
    assert isinstance(value, Real), (
        f"{name} should be one number, and is a {type(value).__name__}"
    )
    expected = np.polyfit(np.log(sizes), np.log(rates), 1)[0]
    assert abs(float(value) - expected) < 0.005, (
        f"{name} is {float(value):.3f}, which is not the slope of the logarithms over "
        "all four batch sizes; which table did you take, and is it a slope of "
        "logarithms?"
    )
for name, value, rates in (("a_rule", a_rule, a_rates), ("b_rule", b_rule, b_rates)):
    assert value is not None, f'{name} is still None: "linear" or "root"?'
    assert type(value) in (str, np.str_), f'{name} should be "linear" or "root"'
    slope = np.polyfit(np.log(sizes), np.log(rates), 1)[0]
    expected = "linear" if abs(slope - 1) < abs(slope - 0.5) else "root"
    assert value == expected, (
        f"{name} is {value!r}, and the exponent is {slope:.2f}; is it nearer to 1 or "
        "to a half?"
    )

# %% role="hidden" id="predictions" points=1 about="The rate between, and the end of A's line, follow from the fits."
from numbers import Real

for name, value in (("b_between", b_between), ("a_ends", a_ends)):
    assert value is not None, f"{name} is still None: predict it from the fitted line"
    assert isinstance(value, Real), (
        f"{name} should be one number, and is a {type(value).__name__}"
    )
slope, height = np.polyfit(np.log(sizes), np.log(b_rates), 1)
expected = np.exp(height + slope * np.log(BETWEEN))
assert abs(float(b_between) / expected - 1) < 0.005, (
    f"b_between is {float(b_between):.5g}, which is not on B's fitted line at a batch "
    "size of BETWEEN; did you start from one row of the table, or from a rounded "
    "exponent?"
)
slope, height = np.polyfit(np.log(sizes), np.log(a_rates), 1)
expected = np.exp((np.log(LARGEST_RATE) - height) / slope)
assert abs(float(a_ends) / expected - 1) < 0.005, (
    f"a_ends is {float(a_ends):.5g}, and A's fitted line has another rate there than "
    "LARGEST_RATE; solve the power law for the batch size"
)

# %% [markdown] role="explanation"
# Equal factors are equal distances on a logarithmic scale. So a rule about factors, twice the batch and so many times the rate, is a straight line there, and its slope is the exponent. A fit to the rates themselves would look at the largest one almost alone.
#
# How sure is an exponent? Somebody who tries rates in steps of $\sqrt2$ knows each best rate only to within about a fifth, and that alone moves the slope over these four sizes by some 0.03. It tells 1 from a half, and says little about 0.9 against 1. Tuning with few seeds adds to that.
#
# **A power law has no end, but a learning rate has.** The rule follows the noise: a larger batch has less of it, so the step may be longer. Once the batch is so large that noise no longer decides, curvature does, and the limit of [chapter 1](../notebooks/01_gradient_descent_basics.ipynb), $2/\lambda_{\max}$, knows nothing of batches. So the line bends and becomes flat, at the latest at `a_ends`, and usually well before. Between measured sizes a fitted line is a good guess; beyond them it is a hope.
#
# Why just these two exponents? With $k$ times the batch, a pass over the data has a $k$-th of the steps, and the variance of a gradient is a $k$-th. Plain descent then moves as far in a pass, and is thrown about as much, if its rate is $k$ times as large. Adam divides by the size of the gradients. Where noise makes up most of that size, it is $\sqrt k$ times smaller, which lengthens the step by $\sqrt k$ already; so $\sqrt k$ is left for the rate. Both are arguments for short steps and much noise. Do not take the name of a method for its exponent: measure.


# %% role="wrong" name="fits the rates, not their logarithms" fails=["exact-law", "least-squares", "rules", "predictions"]
def power_law(sizes, rates):
    slope, height = np.polyfit(sizes, rates, 1)
    return slope, height + slope * REFERENCE_SIZE


a_exponent, a_rate = power_law(sizes, a_rates)
b_exponent, b_rate = power_law(sizes, b_rates)
a_rule, b_rule = "linear", "linear"
b_between = b_rate + b_exponent * (BETWEEN - REFERENCE_SIZE)
a_ends = REFERENCE_SIZE + (LARGEST_RATE - a_rate) / a_exponent


# %% role="wrong" name="takes the first and the last size only" fails=["least-squares", "rules", "predictions"]
# -     relative = np.log(sizes / REFERENCE_SIZE)
# -     slope, height = np.polyfit(relative, np.log(rates), 1)
# -     return slope, np.exp(height)
# +     p = np.log(rates[-1] / rates[0]) / np.log(sizes[-1] / sizes[0])
# +     return p, rates[0] * (REFERENCE_SIZE / sizes[0]) ** p


# %% role="wrong" name="gives the line's rate at a batch size of 1" fails=["exact-law", "least-squares"]
def power_law(sizes, rates):
    slope, height = np.polyfit(np.log(sizes), np.log(rates), 1)
    return slope, np.exp(height)


a_exponent, a_rate = power_law(sizes, a_rates)
b_exponent, b_rate = power_law(sizes, b_rates)
a_rule = "linear" if a_exponent > 0.75 else "root"
b_rule = "linear" if b_exponent > 0.75 else "root"
b_between = b_rate * BETWEEN**b_exponent
a_ends = (LARGEST_RATE / a_rate) ** (1 / a_exponent)


# %% role="wrong" name="goes on from the last row with the rule's own exponent" fails=["predictions"]
def power_law(sizes, rates):
    slope, height = np.polyfit(np.log2(sizes), np.log2(rates), 1)
    return slope, 2**height * REFERENCE_SIZE**slope


a_exponent, _ = power_law(sizes, a_rates)
b_exponent, _ = power_law(sizes, b_rates)
a_rule = "linear" if a_exponent > 0.75 else "root"
b_rule = "linear" if b_exponent > 0.75 else "root"
power = {"linear": 1.0, "root": 0.5}
b_between = b_rates[-1] * (BETWEEN / 512) ** power[b_rule]
a_ends = 512 * (LARGEST_RATE / a_rates[-1]) ** (1 / power[a_rule])


# %% role="wrong" name="mistakes one table for the other" fails=["rules", "predictions"]
# - a_exponent, a_rate = power_law(sizes, a_rates)
# - b_exponent, b_rate = power_law(sizes, b_rates)
# + a_exponent, a_rate = power_law(sizes, b_rates)
# + b_exponent, b_rate = power_law(sizes, a_rates)

# %% role="wrong" name="multiplies by the exponent in place of taking a power" fails=["predictions"]
# - b_between = b_rate * (BETWEEN / REFERENCE_SIZE) ** b_exponent
# - a_ends = REFERENCE_SIZE * (LARGEST_RATE / a_rate) ** (1 / a_exponent)
# + b_between = b_rate * BETWEEN / REFERENCE_SIZE * b_exponent
# + a_ends = REFERENCE_SIZE * LARGEST_RATE / a_rate / a_exponent

# %% [markdown] role="exercise" id="sharpness" title="How curved is a batch along its own step?" level="stretch" kind="predict, then measure" minutes=40 goal="measure a batch's curvature along its gradient from two gradients, and compare it with 2 over the rate"
# A batch of rows has a loss of its own, with a gradient $g$ and a Hessian $H$ of its own. The **curvature of the batch along its gradient** is
#
# $$s = \frac{g^\top H g}{g^\top g}.$$
#
# Its mean over batches of one size is their **batch sharpness**.
#
# No Hessian is needed for it. After a short step along the gradient, the gradient **of the same rows** has changed by $-\tau H g$, where $\tau$ is the rate of this step: $g' = g - \tau H g$ at the weights $w - \tau g$. For a quadratic loss that is exact.
#
# 1. Write `curvature_along(objective, weights, rows, step)`, from two calls of `objective.gradient(weights, rows)`; `step` is $\tau$. Return one number.
# 2. **Predict** `predicted_single`, from `objective.hessian()` alone: the batch sharpness of batches of one row, the mean of $s$ over all rows of `objective`. (What is the Hessian of one row of least squares, and in which direction is its gradient?) Then measure it at `weights`: `measured_single`.
# 3. Does a step overshoot? Take a step of $\eta$ = EDGE_RATE along the gradient of each batch in `batches`, always from `weights`, and look at the loss **of that batch**. First derive: for which $s$ is the batch's loss higher after its step than before?
#    - `predicted_rising`: for which of the batches is that so, by their curvature $s$?
#    - `measured_rising`: for which of them did `objective.value(weights, rows)`, their own loss, rise?
#
#    Each is a list or array of truth values, one for each batch, in their order.

# %% role="given"
rng = np.random.default_rng(3)
X = rng.normal(size=(400, 3)) * [1.0, 1.0, 2.0]
objective = LeastSquares(X, X @ [1.0, -1.0, 0.5] + rng.normal(size=400))
weights = np.array([0.5, 0.0, 1.0, -0.5])
batches = [rng.choice(400, size=EDGE_ROWS, replace=False) for _ in range(200)]


# %% role="answer"
### BEGIN SOLUTION
# STUB: def curvature_along(objective, weights, rows, step):
# STUB:     """Return the curvature of the loss of these rows along their gradient."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: predicted_single = None  # predicted
# STUB: measured_single = None  # measured
# STUB: predicted_rising = None  # predicted
# STUB: measured_rising = None  # measured
def curvature_along(objective, weights, rows, step):
    """Return the curvature of the loss of these rows along their gradient."""
    gradient = objective.gradient(weights, rows)
    after = objective.gradient(weights - step * gradient, rows)
    return gradient @ (gradient - after) / (step * gradient @ gradient)


predicted_single = np.trace(objective.hessian())
alone = [curvature_along(objective, weights, np.array([i]), 0.1) for i in range(400)]
measured_single = np.mean(alone)

along = [curvature_along(objective, weights, rows, EDGE_RATE) for rows in batches]
predicted_rising = np.array(along) > 2 / EDGE_RATE
measured_rising = []
for rows in batches:
    after = weights - EDGE_RATE * objective.gradient(weights, rows)
    measured_rising.append(
        objective.value(after, rows) > objective.value(weights, rows)
    )
### END SOLUTION

# %% [markdown] role="hint"
# $g - g' = \tau H g$. Which product with $g$ turns that into $g^\top H g$?

# %% [markdown] role="hint"
# The loss of one row with features $x$ (a 1 for the intercept among them) has the Hessian $x x^\top$, and its gradient points along $x$. So its curvature along the gradient is $x^\top x$. Which number of the Hessian of all rows is the mean of the $x^\top x$?

# %% [markdown] role="hint"
# For a quadratic loss, $L(w - \eta g) = L(w) - \eta\, g^\top g + \frac{\eta^2}{2}\, g^\top H g$. When is the last term the larger one?

# %% role="check" id="all-rows" points=1 about="With all rows as the batch, the curvature is that of the whole loss along its gradient."
from numbers import Real

rng = np.random.default_rng(50)
features = rng.normal(size=(30, 2)) * [1.0, 3.0]
whole = LeastSquares(features, rng.normal(size=30))
for step in (0.01, 0.5):
    result = curvature_along(whole, np.array([1.0, 2.0, -1.0]), np.arange(30), step)
    assert isinstance(result, Real), (
        f"curvature_along should return a number, and returned a "
        f"{type(result).__name__}; is a return missing?"
    )
    g = whole.gradient(np.array([1.0, 2.0, -1.0]))
    expected = g @ whole.hessian() @ g / (g @ g)
    assert abs(float(result) / expected - 1) < 1e-6, (
        f"for all rows and a step of {step} the curvature along the gradient is "
        f"{expected:.5f}, and you returned {float(result):.5f}; which way does the step "
        "go, and by what is the change of the gradient divided?"
    )

# %% role="hidden" id="batches" points=1 about="The curvature is that of the batch, along the batch's gradient."
from numbers import Real

rng = np.random.default_rng(51)
features = rng.normal(size=(40, 3)) * [1.0, 3.0, 0.3]
some = LeastSquares(features, rng.normal(size=40))
A = np.column_stack([np.ones(40), features])
for size in (1, 2, 5, 20):
    rows, place = rng.choice(40, size=size, replace=False), rng.normal(size=4)
    result = curvature_along(some, place.copy(), rows.copy(), 0.05)
    assert isinstance(result, Real), (
        f"curvature_along should return a number, and returned a "
        f"{type(result).__name__}"
    )
    g = A[rows].T @ (A[rows] @ place - some.y[rows]) / size
    expected = np.sum((A[rows] @ g) ** 2) / size / (g @ g)
    assert abs(float(result) / expected - 1) < 1e-6, (
        f"for a batch of {size} rows the curvature along its gradient is "
        f"{expected:.5f}, and you returned {float(result):.5f}; are both gradients "
        "those of the same rows?"
    )

# %% role="hidden" id="network" points=1 about="It works for a network too, which has no Hessian to ask for."
from numbers import Real

rng = np.random.default_rng(52)
net = Network(rng.normal(size=(60, 4)), rng.integers(3, size=60), hidden=6)
for size in (2, 8, 30):
    rows, place = rng.choice(60, size=size, replace=False), net.start(size)
    result = curvature_along(net, place.copy(), rows.copy(), 1e-5)
    assert isinstance(result, Real), (
        f"curvature_along should return a number, and returned a "
        f"{type(result).__name__}"
    )
    g = net.gradient(place, rows)
    change = net.gradient(place + 1e-4 * g, rows) - net.gradient(place - 1e-4 * g, rows)
    expected = g @ change / 2e-4 / (g @ g)
    assert abs(float(result) - expected) < 1e-3 * max(1, abs(expected)), (
        f"for {size} rows of a network the curvature along the gradient is "
        f"{expected:.4f}, and you returned {float(result):.4f}; a step of `step` times "
        "the gradient, and two gradients of the same rows?"
    )

# %% role="hidden" id="single" points=1 about="The batch sharpness of single rows is foretold, and measured."
from numbers import Real

for name, value in (
    ("predicted_single", predicted_single),
    ("measured_single", measured_single),
):
    assert value is not None, f"{name} is still None: write your number there"
    assert isinstance(value, Real), (
        f"{name} should be one number, and is a {type(value).__name__}"
    )
expected = np.mean(np.sum(X**2, axis=1)) + 1
assert abs(float(predicted_single) / expected - 1) < 1e-3, (
    f"predicted_single is {float(predicted_single):.4f}; the Hessian of one row is an "
    "outer product, and its gradient lies along it. What is the mean over the rows of "
    "a vector's product with itself, in terms of the Hessian of all rows?"
)
assert abs(float(measured_single) / expected - 1) < 1e-3, (
    f"measured_single is {float(measured_single):.4f}, and the checker finds another "
    "mean; each row is a batch of its own, all of them count, and it is a mean of "
    "ratios, not a ratio of means"
)

# %% role="hidden" id="rising" points=1 about="The curvature of a batch tells whether its loss rises at its own step."
for name, value in (
    ("predicted_rising", predicted_rising),
    ("measured_rising", measured_rising),
):
    assert value is not None, f"{name} is still None: write down which batches rise"
    assert np.shape(value) == (200,), (
        f"{name} should hold a truth value for each of the 200 batches, and has the "
        f"shape {np.shape(value)}"
    )
A = np.column_stack([np.ones(400), X])
expected = []
for rows in batches:
    errors = A[rows] @ weights - objective.y[rows]
    g = A[rows].T @ errors / EDGE_ROWS
    expected.append(np.sum((errors - EDGE_RATE * A[rows] @ g) ** 2) > np.sum(errors**2))
for name, value, question in (
    (
        "measured_rising",
        measured_rising,
        "each step starts from weights, and the loss is that of the step's own batch, "
        "not of all rows",
    ),
    (
        "predicted_rising",
        predicted_rising,
        "at which curvature does the square term of the step outweigh the gain?",
    ),
):
    wrong = int(np.sum(np.asarray(value, dtype=bool) != expected))
    assert wrong == 0, f"{name} is wrong for {wrong} of the 200 batches; {question}"

# %% [markdown] role="explanation"
# One more gradient, at the end of the step, tells how curved the loss was along the step. It must be the gradient of the **same rows**. The next batch's gradient differs for two reasons, the step and the other rows, and the second is much the larger.
#
# A batch's loss changes by $-\eta\, g^\top g\, (1 - \eta s / 2)$ in its own step. So it rises exactly where $s > 2/\eta$: the limit of [chapter 1](../notebooks/01_gradient_descent_basics.ipynb), with the batch's curvature in place of $\lambda_{\max}$. The two lists agree, batch by batch.
#
# The curvature is larger than you might expect. For single rows it is $x^\top x$, on average the **sum** of the eigenvalues of the Hessian, while along the gradient of all rows it is never more than the largest of them. A small batch steps where its own rows are steep. So a rate that is safe for all rows at once makes small batches overshoot. With the published numbers, batches of 4 at a rate of 0.4, that happens to 60 of 200 batches, although $2/\lambda_{\max}$ is 0.50. One such step is no disaster, since the next batch pulls elsewhere. But a run at that rate does not settle: now and then a few such batches in a row throw its loss far up. Small batches need shorter steps than all rows do. `largest_stable_rate(objective, 4)` of `mbgd_lib.rates` is 0.13 here, a rate that is certain to be short enough, on average over the batches.
#
# For networks the curvature changes along the way. Trained long enough with a constant rate, they are often found where the batch sharpness is near $2/\eta$ (Andreyev and Beneventano 2024); with all rows in the batch that is the edge of stability (Cohen et al. 2021). On a quadratic, where curvature is fixed, nothing moves it there.


# %% role="wrong" name="takes the second gradient over all rows" fails=["batches", "network", "single", "rising"]
def curvature_along(objective, weights, rows, step):
    g = objective.gradient(weights, rows)
    after = objective.gradient(weights - step * g)
    return g @ (g - after) / (step * (g @ g))


predicted_single = np.trace(objective.hessian())
alone = [curvature_along(objective, weights, np.array([i]), 0.1) for i in range(400)]
measured_single = np.mean(alone)
along = np.array([curvature_along(objective, weights, b, EDGE_RATE) for b in batches])
predicted_rising = along > 2 / EDGE_RATE
steps = [weights - EDGE_RATE * objective.gradient(weights, rows) for rows in batches]
pairs = list(zip(steps, batches, strict=True))
measured_rising = [
    objective.value(w, b) > objective.value(weights, b) for w, b in pairs
]


# %% role="wrong" name="expects the largest eigenvalue of single rows" fails=["single"]
# - predicted_single = np.trace(objective.hessian())
# + predicted_single = np.linalg.eigvalsh(objective.hessian())[-1]

# %% role="wrong" name="looks at the loss of all rows" fails=["rising"]
# -         objective.value(after, rows) > objective.value(weights, rows)
# +         objective.value(after) > objective.value(weights)

# %% role="wrong" name="compares with 1 over the rate" fails=["rising"]
# - predicted_rising = np.array(along) > 2 / EDGE_RATE
# + predicted_rising = np.array(along) > 1 / EDGE_RATE

# %% role="wrong" name="divides by the gradient's length, not its square" fails=["all-rows", "batches", "network", "single", "rising"]
# -     return gradient @ (gradient - after) / (step * gradient @ gradient)
# +     return gradient @ (gradient - after) / (step * np.linalg.norm(gradient))

# %% [markdown] role="project" id="project" title="A rule for your own network" minutes=90 goal="measure how the best rate of a network grows with the batch size, and where that stops"
# How does the best learning rate of **your** network follow the batch size? Take a data set that fits a laptop, such as `sklearn.datasets.load_digits()`, and `Network` with one hidden layer. Choose **one** of these questions, or one like them:
#
# - Which exponent has plain descent, and which has Adam?
# - Does the exponent depend on how low the loss is to get?
# - Does warm-up (`mbgd_lib.schedules.warm_up`) change the best rate of large batches?
#
# Write down what you expect, and why. For at least four batch sizes, each four times the one before, find the rate that needs the fewest steps to a loss that you have fixed beforehand. Try rates in steps of $\sqrt2$ or 2, on both sides of the best one. Count steps of several seeds. Then fit the exponent on those sizes where the rule holds, and say where it stops.
#
# **Hand in** a notebook that runs from top to bottom in under five minutes, and one page of text in it: the question and your expectation, what you did, one figure on logarithmic axes, one table, the answer in one sentence, and a paragraph that says what your numbers do not show. Use NumPy, Matplotlib, scikit-learn and `mbgd_lib`; nothing needs to be downloaded.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Question and expectation | one question that the numbers can answer, and a prediction with a reason, written before the result | 2 |
# | Fair tuning | every side has its own best rate, with worse rates tried on both sides of it, and the same target loss | 2 |
# | Uncertainty | several seeds, an interval or a range for the exponent, and the coarseness of the tried rates taken into account | 2 |
# | Figure and table | both readable without the text: axes, units, what was fitted and what was left out | 2 |
# | Conclusion and limits | the answer in one sentence, where the rule stops, and what the numbers do not show | 2 |
