"""A network with one hidden layer: Adam, warm-up, early stopping, and a run that is resumed."""

import pickle

import numpy as np

from mbgd_lib import Adam, steps
from mbgd_lib.mnist import load_mnist
from mbgd_lib.objectives import softmax
from mbgd_lib.schedules import warm_up

images, labels = load_mnist("sample", split="train")
X, hidden, classes = images.reshape(len(images), -1) / np.float32(255), 32, 10


class TwoLayers:
    def __init__(self, X, labels):
        self.X, self.labels, self.n_rows = X, labels, len(X)

    def forward(self, weights, rows):
        rows = slice(None) if rows is None else rows
        V, W = np.split(weights, [X.shape[1] * hidden])  # all weights lie in one vector
        V, W = V.reshape(-1, hidden), W.reshape(hidden, classes)
        active = np.maximum(self.X[rows] @ V, 0)
        return self.X[rows], active, W, softmax(active @ W), np.eye(classes)[self.labels[rows]]

    def value(self, weights, rows=None):
        *_, chances, wanted = self.forward(weights, rows)
        return -np.log((chances * wanted).sum(axis=1) + 1e-12).mean()

    def gradient(self, weights, rows=None):
        x, active, W, chances, wanted = self.forward(weights, rows)
        slopes = (chances - wanted) / len(x)
        back = (slopes @ W.T) * (active > 0)  # the chain rule, through the hidden layer
        return np.concatenate([(x.T @ back).ravel(), (active.T @ slopes).ravel()])


training, validation = TwoLayers(X[:8000], labels[:8000]), TwoLayers(X[8000:], labels[8000:])
start = np.random.default_rng(0).normal(0, 0.05, X.shape[1] * hidden + hidden * classes)
settings = {"learning_rate": 0.003, "batch_size": 64, "schedule": warm_up(100)}
loop, best, waited = steps(training, start, seed=0, update=Adam(), **settings), np.inf, 0
while waited < 3:  # epochs without a better validation loss
    step = next(step for step in loop if step.ends_epoch)
    if validation.value(step.weights) < best:
        best, waited, saved = validation.value(step.weights), 0, pickle.dumps(step.state)
    else:
        waited += 1
best_state = pickle.loads(saved)  # on from there, at a tenth of the rate
tail = steps(training, best_state, **settings | {"learning_rate": 0.0003})
*_, step = (next(tail) for _ in range(250))
print(f"validation loss {best:.3f}, and {validation.value(step.weights):.3f} after the tail")
