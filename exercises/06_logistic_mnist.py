# %% [markdown] role="set" title="Logistic regression, put to the test" chapter="06_logistic_mnist"
# Five exercises and a project for [chapter 6](../notebooks/06_logistic_mnist.ipynb): a loss that no logit can break, a fit that never ends, a training loop that learns nothing and does not say so, the softmax gradient, and two learning rates about which a correct test can be sure of opposite things. The digits are those of the bundled sample; nothing is downloaded.
#
# As in the chapter, a loss is a mean over rows, $s$ is a logit, and the intercept is the first weight.

# %% role="parameters"
# Constants that may be changed for a private variant.
POSITIVE_WEIGHT = 3  # what a row of class 1 counts; from 2
GAP_WIDTH = 0.5  # gap between the classes of six rows; 0.25 to 1
STEP_FACTOR = 3  # how many times longer the second run is; 2, 3 or 4
PENALTY_STRENGTH = 0.01  # strength of the penalty on the slope; 0.005 to 0.1
LABEL_SMOOTHING = 0.1  # how far targets move towards a half; 0.02 to 0.5
SOFTMAX_TEMPERATURE = 2.0  # what scores are divided by; 0.25 to 4, other than 1
LOW_RATE = 0.2  # the smaller learning rate for the digits; 0.1 to 0.25
HIGH_RATE = 0.5  # the larger learning rate for the digits; 0.5 to 0.8
TEST_LEVEL = 0.05  # a test decides where its p-value is below this; 0.01 to 0.1

# %% role="setup"
from functools import cache
from math import comb

import numpy as np

from mbgd_lib import Softmax, descend
from mbgd_lib.instruments.statistics import wilson_interval
from mbgd_lib.mnist import load_mnist

# %% [markdown] role="exercise" id="loss" title="A loss that no logit can break" level="warm-up" kind="write" minutes=15 goal="compute a weighted cross-entropy from logits, exactly at any size"
# In many data sets class 1 is rare, and a missed one costs more. Let a row of class 1 count POSITIVE_WEIGHT times and a row of class 0 once:
#
# $$L = \frac1n \sum_i c_i\, \ell(s_i), \qquad c_i = POSITIVE_WEIGHT \text{ if } y_i = 1, \text{ else } 1,$$
#
# where $\ell$ is the cross-entropy: $-\log p_i$ for a row of class 1 and $-\log(1 - p_i)$ for a row of class 0, with $p_i = 1/(1 + e^{-s_i})$. It is divided by the number of rows $n$, not by the sum of the $c_i$.
#
# Write `weighted_loss(scores, labels)`. Both arguments are arrays of shape (n,), the labels are the whole numbers 0 and 1, and the logits may be anything from −10,000 to 10,000. Return $L$ as one number, right to nine digits. A row that costs 10,000 must add 10,000, not infinity and not 34.5.


# %% role="answer"
def weighted_loss(scores, labels):
    """Return the weighted mean cross-entropy of the rows, one number."""
    ### BEGIN SOLUTION
    # How far each logit is towards the other class.
    wrong_way = np.where(labels == 1, -scores, scores)
    counts = np.where(labels == 1, POSITIVE_WEIGHT, 1)
    return float(np.mean(counts * np.logaddexp(0, wrong_way)))
    ### END SOLUTION


# %% [markdown] role="hint"
# Put $p$ into $-\log p$ and into $-\log(1 - p)$ on paper first. Both become the logarithm of 1 plus one exponential. The probability itself is then no longer needed.

# %% [markdown] role="hint"
# $\log(1 + e^{u})$ overflows in the middle for large $u$, although its value is close to $u$. Take the larger of 0 and $u$ out of the logarithm, as the chapter does, or look for a NumPy function that adds exponentials inside a logarithm.

# %% role="check" id="by-hand" points=1 about="Two rows of class 0 cost what they cost by hand."
scores, labels = np.array([0.0, np.log(3.0)]), np.array([0, 0])
result = weighted_loss(scores, labels)
assert result is not None, "weighted_loss returned None; is a return missing?"
assert np.ndim(result) == 0, (
    "weighted_loss should return one number, and returned the shape "
    f"{np.shape(result)}; take the mean over the rows"
)
assert isinstance(result, (int, float, np.floating, np.ndarray)), (
    f"weighted_loss should return a number, and returned a {type(result).__name__}"
)
# p is 1/2 and 3/4, so the rows cost log 2 and log 4: log 8 in all.
assert abs(float(result) - np.log(8) / 2) < 1e-9, (
    "for logits 0 and log 3 of class 0 the mean loss is (log 2 + log 4) / 2 = 1.0397, "
    f"and you returned {float(result):.6g}; a mean over rows, and no extra weight for "
    "class 0?"
)

# %% role="hidden" id="large" points=1 about="Logits up to 10,000, right or badly wrong, cost what they should."
cases = [(50.0, 0, 50.0), (-50.0, 1, 50.0), (-800.0, 1, 800.0), (1e4, 0, 1e4)]
cases += [(-1e4, 1, 1e4), (1e4, 1, 0.0), (-1e4, 0, 0.0)]
with np.errstate(all="ignore"):
    for score, label, cost in cases:
        expected = cost * (POSITIVE_WEIGHT if label == 1 else 1)
        result = weighted_loss(np.array([score]), np.array([label]))
        assert result is not None, "weighted_loss returned None; is a return missing?"
        assert np.ndim(result) == 0, "a single row too should give one number, no array"
        assert np.isfinite(float(result)), (
            f"a row of class {label} with the logit {score:g} gave {float(result)}; "
            "which step takes the exponential of a large number, or the logarithm of 0?"
        )
        assert abs(float(result) - expected) <= 1e-9 * max(1.0, expected), (
            f"a row of class {label} with the logit {score:g} should cost "
            f"{expected:g}, and you returned {float(result):.6g}; is p rounded or "
            "guarded, or the row's count left out?"
        )

# %% role="hidden" id="weights" points=2 about="Class 1 counts as stated, in a mean over rows."
rng = np.random.default_rng(61)
for n, share in ((7, 0.3), (40, 0.8), (1000, 0.05)):
    scores = rng.uniform(-5, 5, n)
    labels = (rng.random(n) < share).astype(int)
    labels[0] = 1
    p = 1 / (1 + np.exp(-scores))  # harmless at these sizes
    rows = np.where(labels == 1, -POSITIVE_WEIGHT * np.log(p), -np.log(1 - p))
    result = weighted_loss(scores.copy(), labels.copy())
    assert result is not None, "weighted_loss returned None; is a return missing?"
    assert np.ndim(result) == 0, "weighted_loss should return one number, the mean"
    assert abs(float(result) - rows.mean()) < 1e-9 * max(1.0, rows.mean()), (
        f"for {n} rows, {labels.sum()} of them of class 1, the loss should be "
        f"{rows.mean():.6f}, and you returned {float(result):.6f}; which class has the "
        "weight, and what is the sum divided by?"
    )

# %% [markdown] role="explanation"
# A row of class 1 costs $\log(1 + e^{-s})$ and a row of class 0 $\log(1 + e^{s})$, so one sign decides and the probability is not needed. `np.logaddexp(0, u)` computes $\log(e^0 + e^u)$ with the larger exponent taken out.
#
# The usual mistakes do not crash. A guard of $10^{-15}$ inside the logarithm, as in tutorial 003, reports at most 34.5 for a row, however wrong it is: the loss is too small exactly where the model is most wrong. Without the guard, $1 - p$ is rounded to 0 from a logit of 37 on, and the loss is infinite.
#
# Whether to divide by $n$ or by the sum of the weights is a convention, and libraries differ. It changes the size of the gradient, and so the meaning of a learning rate. Say which one you use.


# %% role="wrong" name="guards the logarithm" fails=["large"]
def weighted_loss(scores, labels):
    p = 1 / (1 + np.exp(-scores))
    costs = -POSITIVE_WEIGHT * labels * np.log(p + 1e-15)
    return np.mean(costs - (1 - labels) * np.log(1 - p + 1e-15))


# %% role="wrong" name="takes the exponential of the logit as it is" fails=["large"]
def weighted_loss(scores, labels):
    counts = np.where(labels == 1, POSITIVE_WEIGHT, 1)
    return np.mean(counts * (np.log(1 + np.exp(scores)) - labels * scores))


# %% role="wrong" name="divides by the sum of the weights" fails=["large", "weights"]
def weighted_loss(scores, labels):
    counts = np.where(labels == 1, POSITIVE_WEIGHT, 1)
    rows = np.logaddexp(0, np.where(labels == 1, -scores, scores))
    return np.average(rows, weights=counts)


# %% role="wrong" name="forgets the weight of class 1" fails=["large", "weights"]
def weighted_loss(scores, labels):
    return np.mean(np.logaddexp(0, np.where(labels == 1, -scores, scores)))


# %% role="wrong" name="gives the weight to class 0" fails=["by-hand", "large", "weights"]
def weighted_loss(scores, labels):
    counts = np.where(labels == 0, POSITIVE_WEIGHT, 1)
    return np.mean(counts * np.logaddexp(0, np.where(labels == 1, -scores, scores)))


# %% [markdown] role="exercise" id="six-rows" title="Six rows and no finite answer" level="core" kind="predict, then measure" minutes=35 goal="say how a fit to separable rows goes on for ever, and what a penalty changes"
# An exercise of tutorial 003 is a logistic fit to six rows. The three of class 0 lie below the three of class 1, so one threshold gets all of them right: the classes are **separable**. Here are such rows, with a gap of GAP_WIDTH between the classes. The tutorial stops after ten epochs. What would more steps do?
#
# 1. Write `fit(steps, strength=0.0)`: full-batch gradient descent from zero weights at a learning rate of 1 on $L_\alpha = L + \frac{\alpha}{2} w^2$, where $L$ is the mean cross-entropy of the six rows, $w$ the slope, and $\alpha$ is `strength`. The intercept is free of the penalty. Return the intercept and the slope, in this order, as an array of shape (2,).
# 2. **Predict**, before you run anything long. Run A makes 10,000 steps, run B makes STEP_FACTOR times as many, both without penalty. If both were far longer, still in this proportion, what would be
#    - `predicted_loss_ratio`: the loss $L$ after B divided by that after A,
#    - `predicted_slope_gain`: the slope after B minus that after A,
#    - `predicted_boundary`: the place $-b/w$ where the fit changes its mind?
#
#    And with a penalty:
#    - `predicted_slope_bound`: which slope can the minimum of $L_\alpha$ not exceed, at a strength of PENALTY_STRENGTH? Use only that $L_\alpha$ at the minimum is not above $L_\alpha$ at zero weights, and that $L$ is never negative. Do not use the rows.
# 3. **Measure**: `measured_loss_ratio` and `measured_slope_gain` from runs A and B, `measured_boundary` after run B, and `measured_penalised_slope` after 10,000 steps with a strength of PENALTY_STRENGTH.
#
# Predictions are marked to half a percent, by their formulas; measurements to one part in a thousand.

# %% role="given"
six = np.array([0.5, 1.0, 1.5, 1.5, 2.0, 2.5]) + np.repeat([0.0, GAP_WIDTH], 3)
classes = np.array([0, 0, 0, 1, 1, 1])


# %% role="answer"
### BEGIN SOLUTION
# STUB: def fit(steps, strength=0.0):
# STUB:     """Return the intercept and the slope after so many full-batch steps."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: # Predictions, before any long run
# STUB: predicted_loss_ratio = None
# STUB: predicted_slope_gain = None
# STUB: predicted_boundary = None
# STUB: predicted_slope_bound = None
# STUB: # Measurements
# STUB: measured_loss_ratio = None
# STUB: measured_slope_gain = None
# STUB: measured_boundary = None
# STUB: measured_penalised_slope = None
def fit(steps, strength=0.0):
    """Return the intercept and the slope after so many full-batch steps."""
    columns = np.column_stack([np.ones(6), six])
    weights = np.zeros(2)
    for _ in range(steps):
        errors = 1 / (1 + np.exp(-(columns @ weights))) - classes
        gradient = columns.T @ errors / 6
        gradient[1] += strength * weights[1]
        weights = weights - gradient
    return weights


def mean_loss(weights):
    scores = weights[0] + weights[1] * six
    return np.mean(np.logaddexp(0, np.where(classes == 1, -scores, scores)))


predicted_loss_ratio = 1 / STEP_FACTOR
predicted_slope_gain = 2 / GAP_WIDTH * np.log(STEP_FACTOR)
predicted_boundary = 1.5 + GAP_WIDTH / 2
predicted_slope_bound = np.sqrt(2 * np.log(2) / PENALTY_STRENGTH)

run_a, run_b = fit(10_000), fit(10_000 * STEP_FACTOR)
measured_loss_ratio = mean_loss(run_b) / mean_loss(run_a)
measured_slope_gain = run_b[1] - run_a[1]
measured_boundary = -run_b[0] / run_b[1]
measured_penalised_slope = fit(10_000, PENALTY_STRENGTH)[1]
### END SOLUTION

# %% [markdown] role="hint"
# Which rows still have a loss after many steps? Only the two at the edges of the gap. Say that both are the same distance from the boundary, and call their logit $m$ on the right side. How large is $m$, given the slope and the gap?

# %% [markdown] role="hint"
# For large $m$ the loss of an edge row is about $e^{-m}$, and so is the gradient of $m$ but for a constant. So each step adds $c\,e^{-m}$ to $m$. Solve $dm/dk = c\,e^{-m}$: what does $m$ do when $k$ is multiplied by a factor?

# %% [markdown] role="hint"
# For the bound: at zero weights the loss is $\log 2$ and the penalty 0. At the minimum the penalty alone cannot be larger than that.

# %% role="check" id="first-steps" points=1 about="The first steps without penalty are right."
result = fit(1)
assert result is not None, "fit returned None; is a return missing?"
assert np.shape(result) == (2,), (
    "fit should return intercept and slope, shape (2,), and returned the shape "
    f"{np.shape(result)}"
)
# At zero weights every p is 1/2, and as many rows are of class 0 as of class 1.
slope = (six[3:].sum() - six[:3].sum()) / 12
first = np.asarray(result, dtype=float)
assert np.allclose(first, [0, slope], rtol=1e-9, atol=1e-12), (
    f"after one step the weights should be 0 and {slope:.6f}, and fit(1) returned "
    f"{first}; a mean over six rows, intercept first, a learning rate of 1"
)

# %% role="hidden" id="predictions" points=2 about="The predictions follow from the two rows at the gap, and from log 2."
stated = [predicted_loss_ratio, predicted_slope_gain, predicted_boundary]
stated += [predicted_slope_bound]
names = ["predicted_loss_ratio", "predicted_slope_gain", "predicted_boundary"]
names += ["predicted_slope_bound"]
for name, value in zip(names, stated, strict=True):
    assert value is not None, f"{name} is still None: write down your prediction"
    assert isinstance(value, (int, float, np.integer, np.floating)), (
        f"{name} should be one number, and is a {type(value).__name__}"
    )
    assert np.isfinite(float(value)), (
        f"{name} should be a finite number, and is {value}"
    )
values = dict(zip(names, map(float, stated), strict=True))
right = abs(values["predicted_loss_ratio"] * STEP_FACTOR - 1) < 0.005
assert right, (
    f"predicted_loss_ratio is {values['predicted_loss_ratio']:.4g}; each step lowers "
    "the loss by about a constant times its square. What does that make of it after "
    "many steps?"
)
expected = 2 / GAP_WIDTH * np.log(STEP_FACTOR)
assert abs(values["predicted_slope_gain"] / expected - 1) < 0.005, (
    f"predicted_slope_gain is {values['predicted_slope_gain']:.4g}; the logit of the "
    "edge rows grows by the logarithm of the factor. How much slope is that, at their "
    "distance from the boundary?"
)
assert abs(values["predicted_boundary"] - (six[2] + six[3]) / 2) < 0.005 * GAP_WIDTH, (
    f"predicted_boundary is {values['predicted_boundary']:.4g}; where must it lie for "
    "the two rows at the gap to cost the same?"
)
expected = np.sqrt(2 * np.log(2) / PENALTY_STRENGTH)
assert abs(values["predicted_slope_bound"] / expected - 1) < 0.005, (
    f"predicted_slope_bound is {values['predicted_slope_bound']:.4g}; compare the "
    "penalty at the minimum with all of the loss at zero weights. Does your penalty "
    "have its factor of a half?"
)

# %% role="hidden" id="measurements" points=1 about="The measurements are those of the two long runs."
stated = [measured_loss_ratio, measured_slope_gain, measured_boundary]
names = ["measured_loss_ratio", "measured_slope_gain", "measured_boundary"]
for name, value in zip(names, stated, strict=True):
    assert value is not None, f"{name} is still None: measure it with fit"
    assert isinstance(value, (int, float, np.integer, np.floating)), (
        f"{name} should be one number, and is a {type(value).__name__}"
    )
columns = np.column_stack([np.ones(6), six])
weights, kept = np.zeros(2), []
for step in range(1, 10_000 * STEP_FACTOR + 1):
    weights = (
        weights - columns.T @ (1 / (1 + np.exp(-(columns @ weights))) - classes) / 6
    )
    if step in (10_000, 10_000 * STEP_FACTOR):
        scores = columns @ weights
        loss = np.mean(np.logaddexp(0, np.where(classes == 1, -scores, scores)))
        kept.append((loss, weights[1], -weights[0] / weights[1]))
(loss_a, slope_a, _), (loss_b, slope_b, boundary) = kept
for name, value, expected in zip(
    names, stated, [loss_b / loss_a, slope_b - slope_a, boundary], strict=True
):
    # One part in a thousand: more than rounding, less than the way to the limit.
    assert abs(float(value) - expected) <= 1e-3 * abs(expected), (
        f"{name} is {float(value):.5g}, and our own runs say otherwise; run A makes "
        "10,000 steps from zero weights, run B so many times as many, both without "
        "penalty, and the loss is the plain mean"
    )

# %% role="hidden" id="penalty" points=1 about="With a penalty on the slope, and only on it, the weights stop."
for strength in (PENALTY_STRENGTH, 0.3):
    result = fit(10_000, strength)
    assert np.shape(result) == (2,), (
        "fit should return intercept and slope, shape (2,), and returned the shape "
        f"{np.shape(result)}"
    )
    b, w = np.asarray(result, dtype=float)
    errors = 1 / (1 + np.exp(-(b + w * six))) - classes
    left = np.array([errors.mean(), (errors * six).mean() + strength * w])
    assert np.abs(left).max() < 1e-6, (
        f"with a strength of {strength:g} 10,000 steps should arrive where the "
        f"gradient of L_alpha is 0; at your weights it is {left}; which weights are "
        "penalised, and what is the derivative of half a square?"
    )
    if strength == PENALTY_STRENGTH:
        best = w
b = w = 0.0
for _ in range(3):
    errors = 1 / (1 + np.exp(-(b + w * six))) - classes
    b, w = b - errors.mean(), w - (errors * six).mean() - 0.3 * w
third = np.asarray(fit(3, 0.3), dtype=float)
assert np.allclose(third, [b, w], rtol=1e-9), (
    f"with a strength of 0.3 three steps lead to {b:.6f} and {w:.6f}, and fit(3, 0.3) "
    f"returned {third}; each step goes against the gradient, at a learning rate of 1"
)
assert measured_penalised_slope is not None, (
    "measured_penalised_slope is still None: measure it"
)
assert isinstance(measured_penalised_slope, (int, float, np.integer, np.floating)), (
    "measured_penalised_slope should be one number, the slope"
)
assert abs(float(measured_penalised_slope) - best) <= 1e-3 * best, (
    f"measured_penalised_slope is {float(measured_penalised_slope):.5g}, which is not "
    "where your fit with a penalty ends; which strength did you use?"
)

# %% [markdown] role="explanation"
# Separable rows have no best weights. Take weights that get all rows right and multiply them by 2: every logit moves further to its right side, and the loss falls. Its lower limit is 0, and no weights reach it.
#
# Gradient descent goes that way slowly. The two rows at the gap decide, their logit $m$ is the slope times half the gap, and each step adds to it in proportion to $e^{-m}$. So $m$ grows like $\log k$ and the loss falls like $1/k$: twice the steps halve the loss, and always add the same to the slope. The boundary creeps towards the middle of the gap. Your measurements are within a few percent of these limits, because 10,000 steps are not infinitely many.
#
# Ten epochs, thirty steps of 0.01, are the very beginning of this: the tutorial's run ends at a slope of 0.099 with a loss of 0.660, where a coin has 0.693. Its boundary is at 0.06, below all six rows, so it calls all of them class 1. And no run is ever the finished one. Whoever reports weights of a separable fit reports when it was stopped.
#
# A penalty on the slope ends it. The minimum is finite, the weights stop, and $\frac{\alpha}{2} w^2 \le \log 2$ bounds the slope without a look at the data. The bound is generous: the measured slope is well below it.


# %% role="wrong" name="expects the loss and the weights to settle" fails=["predictions"]
def fit(steps, strength=0.0):
    b = w = 0.0
    for _ in range(steps):
        errors = 1 / (1 + np.exp(-(b + w * six))) - classes
        slope = np.mean(errors * six) + strength * w
        b, w = b - np.mean(errors), w - slope
    return np.array([b, w])


def mean_loss(weights):
    scores = weights[0] + weights[1] * six
    return np.mean(np.logaddexp(0, scores) - classes * scores)


predicted_loss_ratio, predicted_slope_gain = 1, 0
predicted_boundary = 1.5 + GAP_WIDTH / 2
predicted_slope_bound = np.sqrt(2 * np.log(2) / PENALTY_STRENGTH)
run_a, run_b = fit(10_000), fit(10_000 * STEP_FACTOR)
measured_loss_ratio = mean_loss(run_b) / mean_loss(run_a)
measured_slope_gain = run_b[1] - run_a[1]
measured_boundary = -run_b[0] / run_b[1]
measured_penalised_slope = fit(10_000, PENALTY_STRENGTH)[1]


# %% role="wrong" name="penalises the intercept too" fails=["penalty"]
# -         gradient[1] += strength * weights[1]
# +         gradient += strength * weights

# %% role="wrong" name="takes the whole gap for the distance, and stops a tenth of the way" fails=["predictions", "measurements"]
# - predicted_slope_gain = 2 / GAP_WIDTH * np.log(STEP_FACTOR)
# + predicted_slope_gain = np.log(STEP_FACTOR) / GAP_WIDTH

# - run_a, run_b = fit(10_000), fit(10_000 * STEP_FACTOR)
# + run_a, run_b = fit(1_000), fit(1_000 * STEP_FACTOR)


# %% role="wrong" name="looks for the end by Newton's method" fails=["measurements", "penalty"]
def fit(steps, strength=0.0):
    if steps == 1:
        return np.array([0, (six[3:].sum() - six[:3].sum()) / 12])
    columns, weights = np.column_stack([np.ones(6), six]), np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-columns @ weights))
        gradient = columns.T @ (p - classes) / 6 + [0, strength * weights[1]]
        hessian = columns.T @ (columns.T * p * (1 - p)).T / 6 + np.diag([0, strength])
        weights = weights - np.linalg.solve(hessian, gradient)
    return weights


measured_loss_ratio = predicted_loss_ratio = 1 / STEP_FACTOR
measured_slope_gain = predicted_slope_gain = 2 / GAP_WIDTH * np.log(STEP_FACTOR)
measured_boundary = predicted_boundary = 1.5 + GAP_WIDTH / 2
predicted_slope_bound = np.sqrt(2 * np.log(2) / PENALTY_STRENGTH)
measured_penalised_slope = fit(10_000, PENALTY_STRENGTH)[1]


# %% role="wrong" name="hands in the predictions as measurements" fails=["measurements"]
# - measured_loss_ratio = mean_loss(run_b) / mean_loss(run_a)
# - measured_slope_gain = run_b[1] - run_a[1]
# - measured_boundary = -run_b[0] / run_b[1]
# + measured_loss_ratio = predicted_loss_ratio
# + measured_slope_gain = predicted_slope_gain
# + measured_boundary = predicted_boundary

# %% [markdown] role="exercise" id="silent-loop" title="The loop that learns nothing and does not say so" level="core" kind="find the bug" minutes=30 goal="find two defects that raise no error: a broadcast, and a mean of unequal means"
# `unmended_train` fits logistic regression with one feature in mini-batches. The feature is a column, `x` of shape (n, 1), as a table hands it out; the labels `y` have shape (n,). It runs without a warning, its loss falls, and two things in it are wrong.
#
# Run it first on `noisy_step(200, seed=0)`, 100 epochs at a learning rate of 0.2, with batches of 1, 4 and 200 rows, and compare the slopes. The slopes of a right loop differ by less than a fifth. Then write `train` with the same arguments and the same results where those were right:
#
# - Every row moves the weights by its **own** error. Rows of a batch are averaged.
# - `epoch_losses[k]` is the mean over **all rows** of what each cost in epoch $k$, at the weights with which it was met (before that batch's step).
#
# Not a defect: the targets are moved from 0 and 1 towards a half, by LABEL_SMOOTHING in all ("label smoothing"), in the gradient and in the loss. Keep that, the order of the rows, and what is returned: slope, intercept, and the list of losses. A slope may be a number or an array with one entry.


# %% role="given"
def noisy_step(n, seed):
    """Return a column x of shape (n, 1) and labels of shape (n,)."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-3, 3, (n, 1))
    chance = 1 / (1 + np.exp(-2 * x[:, 0] - 1))
    return x, (rng.random(n) < chance).astype(int)


def row_losses(scores, targets):
    """Return what each row costs, shape (n,). This function is right."""
    scores, targets = np.ravel(scores), np.ravel(targets)
    return np.logaddexp(0, scores) - targets * scores


def unmended_train(x, y, batch_size, learning_rate, epochs, seed=0, start=(0.0, 0.0)):
    rng = np.random.default_rng(seed)
    slope, intercept = start
    targets = (1 - LABEL_SMOOTHING) * y + LABEL_SMOOTHING / 2
    epoch_losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        batch_losses = []
        for first in range(0, len(x), batch_size):
            rows = order[first : first + batch_size]
            scores = intercept + slope * x[rows]
            batch_losses.append(row_losses(scores, targets[rows]).mean())
            errors = 1 / (1 + np.exp(-scores)) - targets[rows]
            slope = slope - learning_rate * np.mean(errors * x[rows])
            intercept = intercept - learning_rate * np.mean(errors)
        epoch_losses.append(np.mean(batch_losses))
    return slope, intercept, epoch_losses


# %% role="answer"
def train(x, y, batch_size, learning_rate, epochs, seed=0, start=(0.0, 0.0)):
    """Return the slope, the intercept and a list with the mean loss of each epoch."""
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    slope, intercept = start
    x = x[:, 0]  # one shape for features, scores and targets
    targets = (1 - LABEL_SMOOTHING) * y + LABEL_SMOOTHING / 2
    epoch_losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        total = 0.0
        for first in range(0, len(x), batch_size):
            rows = order[first : first + batch_size]
            scores = intercept + slope * x[rows]
            total += row_losses(scores, targets[rows]).sum()
            errors = 1 / (1 + np.exp(-scores)) - targets[rows]
            slope = slope - learning_rate * np.mean(errors * x[rows])
            intercept = intercept - learning_rate * np.mean(errors)
        epoch_losses.append(total / len(x))
    return slope, intercept, epoch_losses
    ### END SOLUTION


# %% [markdown] role="hint"
# Copy the body of `unmended_train` into `train`, and print the shape of everything inside the inner loop, for a batch of 4 rows. One of them is not what you expect.

# %% [markdown] role="hint"
# NumPy subtracts shape (B,) from shape (B, 1) without complaint: the result has the shape (B, B), each row's probability against every row's label. Bring both to one shape before they meet.

# %% [markdown] role="hint"
# With 10 rows in batches of 4 the last batch has 2. In a mean of batch means, how much does each of these two count, compared with the others?

# %% role="check" id="batches-of-one" points=1 about="With one row per batch, where nothing was wrong, nothing has changed."
x, y = noisy_step(30, seed=1)
result = train(x.copy(), y.copy(), 1, 0.1, 3, seed=5)
returned = isinstance(result, (tuple, list)) and len(result) == 3
assert returned, (
    "train should return three things: slope, intercept and the list of losses"
)
slope, intercept, losses = result
sizes = np.size(slope), np.size(intercept)
assert sizes == (1, 1), (
    f"slope and intercept should be one number each; they have {sizes} entries"
)
assert np.size(losses) == 3, (
    f"3 epochs should give 3 losses, and gave {np.size(losses)}"
)
expected = unmended_train(x, y, 1, 0.1, 3, seed=5)
found = np.array(
    [float(np.ravel(slope)[0]), float(np.ravel(intercept)[0]), *np.ravel(losses)]
)
wanted = np.array([expected[0], expected[1], *expected[2]])
assert np.allclose(found, wanted, rtol=1e-9, atol=1e-12), (
    "in batches of one row the given function is right, and yours differs: slope "
    f"{found[0]:.6f} for {wanted[0]:.6f}, losses {found[2:]} for {wanted[2:]}; keep "
    "the order of the rows, the smoothed targets, and the loss before the step"
)

# %% role="hidden" id="slope-and-intercept" points=2 about="Each row moves the weights by its own error, for every batch size."
x, y = noisy_step(50, seed=2)
targets = (1 - LABEL_SMOOTHING) * y + LABEL_SMOOTHING / 2
for batch_size in (50, 8, 2):
    rng = np.random.default_rng(3)
    a, b = 0.5, -0.2
    for _ in range(4):
        order = rng.permutation(50)
        for first in range(0, 50, batch_size):
            rows = order[first : first + batch_size]
            column = x[rows, 0]
            errors = 1 / (1 + np.exp(-(b + a * column))) - targets[rows]
            a, b = (
                a - 0.4 * errors @ column / len(rows),
                b - 0.4 * errors.sum() / len(rows),
            )
    result = train(x.copy(), y.copy(), batch_size, 0.4, 4, seed=3, start=(0.5, -0.2))
    returned = isinstance(result, (tuple, list)) and len(result) == 3
    assert returned, (
        "train should return three things: slope, intercept and the list of losses"
    )
    single = np.size(result[0]) == 1 and np.size(result[1]) == 1
    assert single, "slope and intercept should be one number each; print their shapes"
    slope, intercept = (float(np.ravel(value)[0]) for value in result[:2])
    assert np.allclose([slope, intercept], [a, b], rtol=1e-7, atol=1e-10), (
        f"in batches of {batch_size} of 50 rows the slope should be {a:.5f} and the "
        f"intercept {b:.5f}; yours are {slope:.5f} and {intercept:.5f}. Which labels "
        "is each row's probability compared with? Print the shape of the errors"
    )

# %% role="hidden" id="epoch-losses" points=2 about="A reported loss is a mean over rows, also where the last batch is short."
x = np.random.default_rng(7).normal(size=(10, 1))
y = np.ones(10, dtype=int)  # one label: here a row's own error and all errors agree
target = 1 - LABEL_SMOOTHING / 2
for batch_size in (4, 9, 3):
    rng = np.random.default_rng(8)
    a, b, expected = 2.0, -1.0, []
    for _ in range(3):
        order, costs = rng.permutation(10), []
        for first in range(0, 10, batch_size):
            column = x[order[first : first + batch_size], 0]
            scores = b + a * column
            costs += list(np.logaddexp(0, scores) - target * scores)
            errors = 1 / (1 + np.exp(-scores)) - target
            a, b = a - 0.5 * np.mean(errors * column), b - 0.5 * np.mean(errors)
        expected.append(np.mean(costs))
    result = train(x.copy(), y.copy(), batch_size, 0.5, 3, seed=8, start=(2.0, -1.0))
    returned = isinstance(result, (tuple, list)) and len(result) == 3
    assert returned, (
        "train should return three things: slope, intercept and the list of losses"
    )
    assert np.size(result[2]) == 3, (
        f"3 epochs should give 3 losses, and gave {np.size(result[2])}"
    )
    found = np.array([float(value) for value in np.ravel(result[2])])
    assert np.allclose(found, expected, rtol=1e-7), (
        f"10 rows in batches of {batch_size}: the losses should be "
        f"{np.round(expected, 5)}, and are {np.round(found, 5)}; every row counts "
        "once, with its loss before its batch's step"
    )

# %% [markdown] role="explanation"
# `scores` has shape (B, 1) and `targets[rows]` shape (B,). Their difference has shape (B, B): each row is compared with every label of the batch, and the mean hides it. Only one in B of these comparisons is with the row's own label, so the signal is diluted by the batch size. In batches of one the code is right, in batches of four the slope is far too small, and with all rows in one batch it ends at 0. The model then says the same for every row: the mean of the targets. The loss has fallen all the same, to that of a constant, and nothing has warned you.
#
# That makes the batch size look like a property of learning ("large batches learn worse"), where it is a property of a bug. A test with one row, or with one label, cannot see it. An assertion on the shape of the errors can.
#
# The second defect is quieter. In a mean of batch means, the rows of a short last batch count more than the others: with 10 rows in batches of 4, twice as much. Add up the rows' losses and divide by the number of rows.


# %% role="wrong" name="mends the shapes only" fails=["epoch-losses"]
# -         total = 0.0
# +         batch_losses = []

# -             total += row_losses(scores, targets[rows]).sum()
# +             batch_losses.append(row_losses(scores, targets[rows]).mean())

# -         epoch_losses.append(total / len(x))
# +         epoch_losses.append(np.mean(batch_losses))

# %% role="wrong" name="mends the mean only" fails=["slope-and-intercept"]
# -     x = x[:, 0]  # one shape for features, scores and targets

# -         total = 0.0
# +         costs = []

# -             total += row_losses(scores, targets[rows]).sum()
# +             costs.extend(row_losses(scores, targets[rows]))

# -         epoch_losses.append(total / len(x))
# +         epoch_losses.append(np.mean(costs))


# %% role="wrong" name="averages the square of errors away along one axis" fails=["slope-and-intercept"]
def train(x, y, batch_size, learning_rate, epochs, seed=0, start=(0.0, 0.0)):
    rng = np.random.default_rng(seed)
    slope, intercept = start
    targets = (1 - LABEL_SMOOTHING) * y + LABEL_SMOOTHING / 2
    epoch_losses = []
    for _ in range(epochs):
        order = rng.permutation(len(x))
        costs = []
        for first in range(0, len(x), batch_size):
            rows = order[first : first + batch_size]
            scores = intercept + slope * x[rows]
            costs.extend(row_losses(scores, targets[rows]))
            errors = np.mean(1 / (1 + np.exp(-scores)) - targets[rows], axis=1)
            slope = slope - learning_rate * np.mean(errors * x[rows, 0])
            intercept = intercept - learning_rate * np.mean(errors)
        epoch_losses.append(np.mean(costs))
    return slope, intercept, epoch_losses


# %% role="wrong" name="reports the loss after the epoch" fails=["batches-of-one", "epoch-losses"]
# -         epoch_losses.append(total / len(x))
# +         epoch_losses.append(row_losses(intercept + slope * x, targets).mean())

# %% role="wrong" name="drops the smoothing of the labels" fails=["batches-of-one", "slope-and-intercept", "epoch-losses"]
# -     targets = (1 - LABEL_SMOOTHING) * y + LABEL_SMOOTHING / 2
# +     targets = y

# %% [markdown] role="exercise" id="softmax" title="The softmax gradient, and a check that can fail" level="core" kind="gradient check" minutes=30 goal="derive the gradient of softmax regression and compare it with finite differences"
# Softmax regression with a **temperature**: the scores are divided by SOFTMAX_TEMPERATURE before the softmax. `softmax_loss` computes that loss. `weights` has shape (d + 1, K): the first row holds the intercepts, `X` of shape (n, d) has no column of ones, and `y` holds the classes 0 to K − 1.
#
# 1. Write `softmax_gradient(X, y, weights)`, the gradient of `softmax_loss`, in the shape of the weights. It must be right for scores of tens of thousands too.
# 2. Write `gradient_error(gradient, X, y, weights)`, which compares any function `gradient(X, y, weights)` with **central** differences of `softmax_loss`, with a step of $10^{-5}$ for each weight in turn:
#
# $$\frac{\lVert \text{stated} - \text{measured} \rVert}{\max(\lVert \text{stated} \rVert, \lVert \text{measured} \rVert)}$$
#
# Norms are over all entries. The weights that were passed in must be as before afterwards.
#
# Then try your check on wrong gradients of your own making, at zero weights and at random ones.


# %% role="given"
def softmax_loss(X, y, weights):
    """Return the loss at a temperature of SOFTMAX_TEMPERATURE. It is right."""
    scores = (weights[0] + X @ weights[1:]) / SOFTMAX_TEMPERATURE
    scores = scores - scores.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y])


# %% role="answer"
### BEGIN SOLUTION
# STUB: def softmax_gradient(X, y, weights):
# STUB:     """Return the gradient of softmax_loss, in the shape of the weights."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: def gradient_error(gradient, X, y, weights):
# STUB:     """Return how far gradient(X, y, weights) is from central differences."""
# STUB:     raise NotImplementedError("write your answer here")
def softmax_gradient(X, y, weights):
    """Return the gradient of softmax_loss, in the shape of the weights."""
    scores = (weights[0] + X @ weights[1:]) / SOFTMAX_TEMPERATURE
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    slopes = powers / powers.sum(axis=1, keepdims=True)
    slopes[np.arange(len(y)), y] -= 1
    slopes /= SOFTMAX_TEMPERATURE * len(y)
    return np.vstack([slopes.sum(axis=0), X.T @ slopes])


def gradient_error(gradient, X, y, weights):
    """Return how far gradient(X, y, weights) is from central differences."""
    measured = np.zeros(weights.shape)
    for index in np.ndindex(weights.shape):
        step = np.zeros(weights.shape)
        step[index] = 1e-5
        rise = softmax_loss(X, y, weights + step) - softmax_loss(X, y, weights - step)
        measured[index] = rise / 2e-5
    stated = gradient(X, y, weights)
    norms = np.linalg.norm(stated), np.linalg.norm(measured)
    return np.linalg.norm(stated - measured) / max(norms)
    ### END SOLUTION


# %% [markdown] role="hint"
# The derivative of a row's loss by what enters the softmax is $p_j$, less 1 for the right class. What enters it is the score divided by the temperature: the chain rule has one more factor.

# %% [markdown] role="hint"
# Subtract each row's largest score before the exponential. That changes no probability.

# %% [markdown] role="hint"
# In the check, make a new array for each step, or put the entry back. A loop over `np.ndindex(weights.shape)` visits each weight.

# %% role="check" id="shape" points=1 about="The gradient has the shape of the weights, and each of its rows sums to 0."
rng = np.random.default_rng(11)
X, y, weights = (
    rng.normal(size=(6, 2)),
    np.array([0, 1, 2, 0, 1, 1]),
    rng.normal(size=(3, 3)),
)
result = softmax_gradient(X.copy(), y.copy(), weights.copy())
assert isinstance(result, np.ndarray), (
    f"softmax_gradient should return an array, and returned a {type(result).__name__}"
)
assert result.shape == (3, 3), (
    "2 features and 3 classes have weights of shape (3, 3), intercepts first; your "
    f"gradient has the shape {result.shape}"
)
assert np.abs(result).max() > 1e-3, "the gradient at random weights should not be zero"
assert np.abs(result.sum(axis=1)).max() < 1e-9, (
    "adding one number to all classes' weights changes nothing, so each row of the "
    f"gradient sums to 0; yours sum to {result.sum(axis=1)}. Do your probabilities sum "
    "to 1?"
)

# %% role="hidden" id="differences" points=2 about="The gradient is right at random weights, to more digits than differences have."
rng = np.random.default_rng(12)
for n, d, k in ((8, 3, 3), (15, 2, 5), (5, 4, 2)):
    X, y = rng.normal(size=(n, d)), rng.integers(k, size=n)
    weights = 2 * rng.normal(size=(d + 1, k))
    powers = np.exp((weights[0] + X @ weights[1:]) / SOFTMAX_TEMPERATURE)
    slopes = powers / powers.sum(axis=1, keepdims=True) - np.eye(k)[y]
    expected = np.vstack([slopes.sum(axis=0), X.T @ slopes]) / (n * SOFTMAX_TEMPERATURE)
    result = softmax_gradient(X.copy(), y.copy(), weights.copy())
    assert np.shape(result) == weights.shape, (
        f"the gradient should have the weights' shape {weights.shape}; yours has "
        f"{np.shape(result)}"
    )
    off = np.linalg.norm(result - expected) / np.linalg.norm(expected)
    # A formula is off by less than 1e-14, central differences by more than 3e-11.
    assert off < 1e-11, (
        f"for {n} rows, {d} features and {k} classes your gradient is off by {off:.2g} "
        "of its length; check the temperature inside the softmax and outside, the "
        "mean over rows, and the intercepts. If it is off by less than a millionth: is "
        "it measured in place of derived?"
    )

# %% role="hidden" id="large-scores" points=1 about="Scores of tens of thousands do no harm."
rng = np.random.default_rng(15)
X, y, weights = (
    rng.normal(size=(9, 2)),
    rng.integers(3, size=9),
    2e4 * rng.normal(size=(3, 3)),
)
with np.errstate(all="ignore"):
    result = softmax_gradient(X.copy(), y.copy(), weights.copy())
assert np.shape(result) == (3, 3), (
    f"the gradient should have the weights' shape (3, 3); yours has {np.shape(result)}"
)
assert np.isfinite(result).all(), (
    "for scores of tens of thousands your gradient is not finite; which exponential "
    "overflows?"
)
called = (weights[0] + X @ weights[1:]).argmax(axis=1)  # has a probability of 1
slopes = (np.eye(3)[called] - np.eye(3)[y]) / (9 * SOFTMAX_TEMPERATURE)
expected = np.vstack([slopes.sum(axis=0), X.T @ slopes])
assert np.allclose(result, expected, rtol=1e-6, atol=1e-9), (
    "for scores of tens of thousands the probabilities are 0 and 1, and the gradient "
    f"has a simple form; yours is off by up to {np.abs(result - expected).max():.2g}. "
    "Is a factor missing?"
)

# %% role="hidden" id="planted" points=2 in_place=true about="The check sees planted mistakes, at their true size, accepts a right gradient, and leaves the weights."
rng = np.random.default_rng(14)
# With features this large central differences of a right gradient are visibly off.
X, y, weights = (
    1000 * rng.normal(size=(7, 2)),
    rng.integers(3, size=7),
    rng.normal(size=(3, 3)) / 1000,
)


def with_factors(inside, outside, intercepts):
    def gradient(X, y, weights):
        scores = (weights[0] + X @ weights[1:]) / inside
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        slopes = (
            powers / powers.sum(axis=1, keepdims=True) - np.eye(weights.shape[1])[y]
        )
        slopes /= outside * len(y)
        return np.vstack([intercepts * slopes.sum(axis=0), X.T @ slopes])

    return gradient


right = with_factors(SOFTMAX_TEMPERATURE, SOFTMAX_TEMPERATURE, 1)
measured = np.zeros((3, 3))
for index in np.ndindex(3, 3):
    step = np.zeros((3, 3))
    step[index] = 1e-5
    rise = softmax_loss(X, y, weights + step) - softmax_loss(X, y, weights - step)
    measured[index] = rise / 2e-5
planted = {
    "one without the factor outside": with_factors(SOFTMAX_TEMPERATURE, 1, 1),
    "one with the wrong probabilities": with_factors(1, SOFTMAX_TEMPERATURE, 1),
    "a right gradient": right,  # not the first, lest an answer compare with that one
    "one that forgets the intercepts": with_factors(
        SOFTMAX_TEMPERATURE, SOFTMAX_TEMPERATURE, 0
    ),
    "one with the opposite sign": with_factors(
        SOFTMAX_TEMPERATURE, -SOFTMAX_TEMPERATURE, 1
    ),
}
for name, gradient in planted.items():
    stated = gradient(X, y, weights)
    larger = max(np.linalg.norm(stated), np.linalg.norm(measured))
    expected = np.linalg.norm(stated - measured) / larger
    passed = weights.copy()
    result = gradient_error(gradient, X.copy(), y.copy(), passed)
    assert np.array_equal(passed, weights), (
        "gradient_error has changed the weights that it was given; put back what you "
        "move"
    )
    assert result is not None, "gradient_error returned None; is a return missing?"
    assert np.ndim(result) == 0, "gradient_error should return one number, no array"
    # Here central differences are off by more than 1e-7, and forward ones by 1e-3.
    assert abs(float(result) - expected) < 1e-8, (
        f"for {name} gradient_error should return {expected:.9g}, and returned "
        f"{float(result):.9g}; central differences at the given weights, for every "
        "weight, over the larger norm"
    )

# %% [markdown] role="explanation"
# With a temperature $T$ the probabilities are the softmax of $s/T$, and the chain rule adds a factor: the derivative by a score is $(p_j - [j = y])/T$. The temperature belongs in two places. Forget it outside and the gradient points the right way with the wrong length, which looks like another learning rate. Forget it inside and the probabilities are wrong.
#
# A check is worth as much as the mistakes it can see. At zero weights all scores are 0 at any temperature, so a gradient with the wrong probabilities passes there, as well as a right one does. At random weights it fails at once. So check away from zero, with all weights different.
#
# Central differences are off by a term in $h^2$, forward differences by a term in $h$: at $h = 10^{-5}$ the former agree with a right gradient to about ten digits here, the latter to five.


# %% role="wrong" name="forgets the temperature outside" fails=["differences", "large-scores"]
def softmax_gradient(X, y, weights):
    scores = (weights[0] + X @ weights[1:]) / SOFTMAX_TEMPERATURE
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    slopes = powers / powers.sum(axis=1, keepdims=True) - np.eye(weights.shape[1])[y]
    return np.vstack([slopes.mean(axis=0), X.T @ slopes / len(y)])


def gradient_error(gradient, X, y, weights):
    measured = np.zeros(weights.shape)
    for index in np.ndindex(weights.shape):
        up, down = weights.copy(), weights.copy()
        up[index] += 1e-5
        down[index] -= 1e-5
        measured[index] = (softmax_loss(X, y, up) - softmax_loss(X, y, down)) / 2e-5
    stated = gradient(X, y, weights)
    larger = max(np.linalg.norm(stated), np.linalg.norm(measured))
    return np.linalg.norm(stated - measured) / larger


# %% role="wrong" name="forgets the temperature inside, and checks at zero weights" fails=["differences", "planted"]
# -     scores = (weights[0] + X @ weights[1:]) / SOFTMAX_TEMPERATURE
# +     scores = weights[0] + X @ weights[1:]

# -     measured = np.zeros(weights.shape)
# +     weights, measured = np.zeros(weights.shape), np.zeros(weights.shape)

# %% role="wrong" name="takes the first function that it gets for right" fails=["planted"]
# + kept = []
#   def gradient_error(gradient, X, y, weights):

#       stated = gradient(X, y, weights)
# +     kept.append(gradient)
# +     measured = kept[0](X, y, weights)

# %% role="wrong" name="leaves moved weights behind" fails=["planted"]
#       stated = gradient(X, y, weights)
# +     weights[0] += 1e-5

# %% role="wrong" name="measures where it should derive, and derives where it should measure" fails=["differences", "large-scores", "planted"]
# - def softmax_gradient(X, y, weights):
# + def derived(X, y, weights):

# - def gradient_error(gradient, X, y, weights):
# + def softmax_gradient(X, y, weights):

# -     stated = gradient(X, y, weights)
# +     return measured
# +
# + def gradient_error(gradient, X, y, weights):
# +     stated, measured = gradient(X, y, weights), derived(X, y, weights)


# %% role="wrong" name="lets the exponential overflow" fails=["large-scores"]
# -     powers = np.exp(scores - scores.max(axis=1, keepdims=True))
# +     powers = np.exp(scores)


# %% role="wrong" name="leaves moved weights behind, and takes forward differences" fails=["planted"]
def softmax_gradient(X, y, weights):
    scores = (weights[0] + X @ weights[1:]) / SOFTMAX_TEMPERATURE
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    slopes = powers / powers.sum(axis=1, keepdims=True) - np.eye(weights.shape[1])[y]
    slopes /= SOFTMAX_TEMPERATURE * len(y)
    return np.vstack([slopes.sum(axis=0), X.T @ slopes])


def gradient_error(gradient, X, y, weights):
    stated = gradient(X, y, weights)
    measured = np.zeros(weights.shape)
    for index in np.ndindex(weights.shape):
        before = softmax_loss(X, y, weights)
        weights[index] += 1e-5
        measured[index] = (softmax_loss(X, y, weights) - before) / 1e-5
    larger = max(np.linalg.norm(stated), np.linalg.norm(measured))
    return np.linalg.norm(stated - measured) / larger


# %% [markdown] role="exercise" id="two-settings" title="Two models or two settings?" level="stretch" kind="compare models" minutes=40 goal="compare models on the same images by an exact test, and say what it does not show"
# `right_images(rate, seed)` trains softmax regression on 2,000 digits of the sample, five epochs in batches of 64 at a constant learning rate, and returns 2,000 truth values: which of 2,000 other images it gets right. The seed changes the order of the training rows and nothing else. Is a rate of LOW_RATE better or worse than one of HIGH_RATE?
#
# Two models that saw the same test images differ only where exactly one of them is right. If they were equally good, each such image would be a coin toss. With $a$ images that only the first gets right and $b$ that only the second does, the p-value of **McNemar's exact test** is the probability that $a + b$ tosses of a fair coin divide at least as unevenly as $a$ and $b$, in either direction; 1 where $a = b$ or where there are no such images.
#
# 1. Write `verdict(a, b)`. It returns `"a"` if the p-value is below TEST_LEVEL and $a > b$, `"b"` if it is below TEST_LEVEL and $b > a$, and `"neither"` otherwise. Use the exact binomial distribution.
# 2. **Predict** for yourself: over the seeds 0 to 7, how often will the test find one of the two models better? Can it find for both sides?
# 3. **Measure**, for the seeds 0 to 7, the same seed for both rates:
#    - `low_wins` and `high_wins`: the numbers of seeds for which the test finds the model of the smaller rate, and that of the larger rate, better,
#    - `disjoint`: the number of seeds for which the two 95 % Wilson intervals of the accuracies (`wilson_interval(hits, n)`) have no point in common,
#    - `over_seeds`: the verdict on the **settings**. Each seed is one toss: `verdict(a, b)` with $a$ the number of seeds for which the smaller rate gets more images right, and $b$ the number for which the larger does.


# %% role="given"
@cache
def some_digits():
    """Return 4,000 images as rows of numbers from 0 to 1, and their digits."""
    images, digits = load_mnist("sample")
    return (images[:4000] / 255).astype(np.float32), digits[:4000]


@cache
def right_images(rate, seed):
    """Return which of 2,000 images a model gets right, trained on 2,000 others."""
    X, y = some_digits()
    run = descend(
        Softmax(X[:2000], y[:2000], n_classes=10),
        np.zeros((785, 10), dtype=np.float32),
        learning_rate=rate,
        batch_size=64,
        epochs=5,
        seed=seed,
        record_epoch_losses=False,
    )
    called = (X[2000:] @ run.weights[1:] + run.weights[0]).argmax(axis=1)
    return called == y[2000:]


# %% role="answer"
### BEGIN SOLUTION
# STUB: def verdict(a, b):
# STUB:     """Return "a", "b" or "neither" for a and b tosses."""
# STUB:     raise NotImplementedError("write your answer here")
# STUB:
# STUB:
# STUB: # Measurements over the seeds 0 to 7
# STUB: low_wins = None
# STUB: high_wins = None
# STUB: disjoint = None
# STUB: over_seeds = None
def verdict(a, b):
    """Return "a", "b" or "neither" for a and b tosses."""
    ways = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    if a == b or 2 * ways / 2 ** (a + b) >= TEST_LEVEL:
        return "neither"
    return "a" if a > b else "b"


low_right = [right_images(LOW_RATE, seed) for seed in range(8)]
high_right = [right_images(HIGH_RATE, seed) for seed in range(8)]
pairs = list(zip(low_right, high_right, strict=True))
verdicts = [
    verdict(int((low & ~high).sum()), int((high & ~low).sum())) for low, high in pairs
]
low_wins, high_wins = verdicts.count("a"), verdicts.count("b")

disjoint = 0
for low, high in pairs:
    ends = sorted(wilson_interval(int(right.sum()), 2000) for right in (low, high))
    disjoint += ends[0][1] < ends[1][0]

ahead = [int(low.sum()) - int(high.sum()) for low, high in pairs]
over_seeds = verdict(sum(k > 0 for k in ahead), sum(k < 0 for k in ahead))
### END SOLUTION

# %% [markdown] role="hint"
# `low & ~high` is true for the images that only the first model gets right. Images that both get right or both get wrong do not enter.

# %% [markdown] role="hint"
# The number of ways in which $a + b$ tosses give at most $\min(a, b)$ heads is a sum of `comb(a + b, k)`. The other direction has just as many.

# %% role="check" id="clear-cases" points=1 about="Clear cases, and those without a difference, are decided rightly."
for a, b, expected in (
    (0, 0, "neither"),
    (10, 10, "neither"),
    (0, 60, "b"),
    (60, 0, "a"),
):
    result = verdict(a, b)
    assert type(result) in (str, np.str_), (
        'verdict should return "a", "b" or "neither", and returned a '
        f"{type(result).__name__}"
    )
    assert result in ("a", "b", "neither"), (
        f'verdict should return "a", "b" or "neither", and returned {result!r}'
    )
    assert result == expected, (
        f"{a} images that only the first gets right and {b} that only the second does: "
        f"the verdict should be {expected!r}, and yours is {result!r}"
    )

# %% role="hidden" id="near-the-level" points=2 about="The exact test decides on the right side of its level."
for tosses in (21, 60, 61, 150, 301):
    p_values = [
        2 * sum(comb(tosses, k) for k in range(fewer + 1)) / 2**tosses
        for fewer in range((tosses - 1) // 2)
    ]
    # The least uneven split that is decided, and the next one.
    last = sum(p < TEST_LEVEL for p in p_values) - 1
    for fewer, decided in ((last, True), (last + 1, False)):
        more = tosses - fewer
        for a, b, winner in ((more, fewer, "a"), (fewer, more, "b")):
            expected = winner if decided else "neither"
            result = verdict(a, b)
            assert type(result) in (str, np.str_), (
                'verdict should return "a", "b" or "neither"'
            )
            assert result == expected, (
                f"{a} against {b} has a p-value of {p_values[fewer]:.4f}, so the "
                f"verdict at a level of TEST_LEVEL is {expected!r}, and yours is "
                f"{result!r}; both directions count, and the distribution is the "
                "binomial, not the normal"
            )

# %% role="hidden" id="runs" points=2 about="The counts over eight seeds, and the verdict on the settings, are right."
for name, value in (
    ("low_wins", low_wins),
    ("high_wins", high_wins),
    ("disjoint", disjoint),
):
    assert value is not None, f"{name} is still None: count over the seeds 0 to 7"
    assert isinstance(value, (int, float, np.integer, np.floating)), (
        f"{name} should be a number of seeds, and is a {type(value).__name__}"
    )
assert over_seeds is not None, "over_seeds is still None: apply verdict to the seeds"
assert type(over_seeds) in (str, np.str_), 'over_seeds should be "a", "b" or "neither"'
counts, ahead = [0, 0, 0], [0, 0]
for seed in range(8):
    low, high = right_images(LOW_RATE, seed), right_images(HIGH_RATE, seed)
    a, b = int((low & ~high).sum()), int((high & ~low).sum())
    p_value = 2 * sum(comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b)
    counts[0] += p_value < TEST_LEVEL and a > b
    counts[1] += p_value < TEST_LEVEL and b > a
    (low_1, low_2), (high_1, high_2) = (
        wilson_interval(int(r.sum()), 2000) for r in (low, high)
    )
    counts[2] += low_2 < high_1 or high_2 < low_1
    ahead[0] += a > b
    ahead[1] += b > a
stated = [float(low_wins), float(high_wins)]
assert stated == counts[:2], (
    f"low_wins and high_wins are {stated}, and a run of the checker's own counts "
    "differently; the same seed for both rates, the images that only one gets right, "
    "and the seeds 0 to 7"
)
assert float(disjoint) == counts[2], (
    f"disjoint is {disjoint}, and a run of the checker's own counts differently; two "
    "intervals are disjoint if one ends before the other begins"
)
p_value = 2 * sum(comb(sum(ahead), k) for k in range(min(ahead) + 1)) / 2 ** sum(ahead)
decided = p_value < TEST_LEVEL and ahead[0] != ahead[1]
expected = ("a" if ahead[0] > ahead[1] else "b") if decided else "neither"
assert over_seeds == expected, (
    f"over_seeds is {over_seeds!r}; one toss for each seed: the smaller rate is ahead "
    f"in {ahead[0]}, the larger in {ahead[1]}. What does your test say about so few "
    "tosses?"
)

# %% [markdown] role="explanation"
# McNemar's test looks only at images that one model gets right and the other wrong, and so it often decides where the two intervals overlap. Overlapping intervals are no proof that two models are equal: each interval also covers the luck of the images, which both models share.
#
# But what did it decide? A p-value far below the level says: of **these two models** one is better on images like these. With another order of the same training rows the test may well be sure of the opposite. At a rate of 0.5 the last batches throw the model about so much that 8 seeds span some 90 of 2,000 images; at 0.2 they span 50. The test knows the images' luck and nothing of the shuffles'.
#
# A statement about two **settings** needs several seeds, and each seed is one observation. Adding up the images of all seeds as if they were independent gives a p-value of about 0.002 with the published rates, and is wrong: the same 2,000 images are counted eight times, and eight shuffles stay eight. With eight tosses only 8 to 0 is below 0.05, and below 0.005 nothing is. If the seeds disagree, the honest sentence is: these runs do not tell which rate is better. Counting seeds ignores by how much each is ahead; more seeds, and their differences in accuracy with an interval, can tell more. More test images cannot.


# %% role="wrong" name="counts one direction only" fails=["near-the-level"]
def verdict(a, b):
    ways = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    if a == b or ways / 2 ** (a + b) >= TEST_LEVEL:
        return "neither"
    return "a" if a > b else "b"


def exact(a, b):
    ways = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    if a == b or 2 * ways / 2 ** (a + b) >= TEST_LEVEL:
        return "neither"
    return "a" if a > b else "b"


low_wins = high_wins = disjoint = 0
ahead = [0, 0]
for seed in range(8):
    low, high = right_images(LOW_RATE, seed), right_images(HIGH_RATE, seed)
    a, b = int((low & ~high).sum()), int((high & ~low).sum())
    low_wins += exact(a, b) == "a"
    high_wins += exact(a, b) == "b"
    ends = sorted(wilson_interval(int(right.sum()), 2000) for right in (low, high))
    disjoint += ends[0][1] < ends[1][0]
    ahead[b > a] += a != b
over_seeds = exact(*ahead)


# %% role="wrong" name="takes the normal approximation" fails=["near-the-level"]
def verdict(a, b):
    from statistics import NormalDist

    limit = NormalDist().inv_cdf(1 - TEST_LEVEL / 2)
    if a == b or abs(a - b) / (a + b) ** 0.5 <= limit:
        return "neither"
    return "a" if a > b else "b"


def exact(a, b):
    ways = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    if a == b or 2 * ways / 2 ** (a + b) >= TEST_LEVEL:
        return "neither"
    return "a" if a > b else "b"


low_wins = high_wins = disjoint = 0
ahead = [0, 0]
for seed in range(8):
    low, high = right_images(LOW_RATE, seed), right_images(HIGH_RATE, seed)
    a, b = int((low & ~high).sum()), int((high & ~low).sum())
    low_wins += exact(a, b) == "a"
    high_wins += exact(a, b) == "b"
    ends = sorted(wilson_interval(int(right.sum()), 2000) for right in (low, high))
    disjoint += ends[0][1] < ends[1][0]
    ahead[b > a] += a != b
over_seeds = exact(*ahead)


# %% role="wrong" name="lets the intervals decide" fails=["runs"]
def verdict(a, b):
    ways = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    if a == b or 2 * ways / 2 ** (a + b) >= TEST_LEVEL:
        return "neither"
    return "a" if a > b else "b"


low_wins = high_wins = 0
ahead = [0, 0]
for seed in range(8):
    low, high = (int(right_images(rate, seed).sum()) for rate in (LOW_RATE, HIGH_RATE))
    apart = wilson_interval(low, 2000)[0] > wilson_interval(high, 2000)[1]
    low_wins += apart
    high_wins += wilson_interval(high, 2000)[0] > wilson_interval(low, 2000)[1]
    ahead[high > low] += high != low
disjoint = low_wins + high_wins
over_seeds = verdict(*ahead)


# %% role="wrong" name="adds up the images of all seeds" fails=["runs"]
# - ahead = [int(low.sum()) - int(high.sum()) for low, high in pairs]
# - over_seeds = verdict(sum(k > 0 for k in ahead), sum(k < 0 for k in ahead))
# + all_low = sum(int((low & ~high).sum()) for low, high in pairs)
# + all_high = sum(int((high & ~low).sum()) for low, high in pairs)
# + over_seeds = verdict(all_low, all_high)

# %% [markdown] role="project" id="project" title="What does it get wrong, and does it know?" minutes=90 goal="analyse a classifier's mistakes or its confidence, with intervals"
# Choose two to five digits that you expect to be hard to tell apart, or all ten. Train logistic or softmax regression on them (`load_mnist("sample", digits=...)`, or the rows of `some_digits`), and answer **one** of these questions:
#
# - **Errors.** Which mistakes does the model make, and why? Group at least 30 wrong test images by a cause that you can see (moved, slanted, thin or broken strokes, ambiguous for people too). Then test one cause by an intervention: change right images in that way, or wrong ones back, and count.
# - **Confidence.** Of all images that it is 90 % sure of, are 90 % right? Compare two ways of training (with and without a penalty, few and many epochs, with and without label smoothing), each with several seeds, as in [a finished digit model](../notebooks/deeper/06_finished_digit_model.ipynb).
#
# Write down what you expect before you look. Choose settings on training rows only; the images that you report on must not have had a say in them.
#
# **Hand in** a notebook that runs from top to bottom in under two minutes, and one page of text in it: the question and your expectation, what you did, one figure, one table with an interval for each share, the answer in one sentence, and a paragraph that says what your numbers do not show. Use NumPy, Matplotlib, scikit-learn and `mbgd_lib`; nothing needs to be downloaded.

# %% [markdown] role="rubric"
# | criterion | full marks for | points |
# | --- | --- | --- |
# | Question and expectation | one question that the numbers can answer, and a prediction that could have been wrong, written before the result | 2 |
# | Clean comparison | settings chosen without the reported images; the two things compared differ in one respect; the same images for both | 2 |
# | Uncertainty | an interval for every share, several seeds where training is compared, and no difference claimed that they do not support | 2 |
# | Figure and table | both readable without the text: axes, units, number of images, what a bar or band means | 2 |
# | Conclusion and limits | the answer in one sentence, what surprised you, and what the numbers do not show | 2 |
