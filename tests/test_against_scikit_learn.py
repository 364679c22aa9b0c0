"""scikit-learn's stochastic gradient descent, where it makes the same steps as ours.

It steps after every single row, so batches of one row are what can be compared. With more than
two classes it fits one model against all others for each, which is not softmax regression.
"""

import numpy as np
from sklearn.linear_model import SGDClassifier

from mbgd_lib import Logistic, descend, minibatches

N, EPOCHS, SEED, LEARNING_RATE = 101, 2, 0, 0.05


def test_logistic_regression_in_shuffled_order():
    rng = np.random.default_rng(1)
    X = rng.standard_normal((N, 4))
    labels = (X @ [1.0, -2.0, 0.5, 0.0] + rng.standard_normal(N) > 0).astype(int)

    objective = Logistic(X, labels)
    run = descend(
        objective,
        np.zeros(objective.weights_shape),
        learning_rate=LEARNING_RATE,
        batch_size=1,
        epochs=EPOCHS,
        seed=SEED,
    )

    model = SGDClassifier(
        loss="log_loss",
        penalty=None,
        learning_rate="constant",
        eta0=LEARNING_RATE,
        shuffle=False,  # it is handed the rows in our order
    )
    order = np.concatenate(list(minibatches(N, 1, epochs=EPOCHS, seed=SEED)))
    model.partial_fit(X[order], labels[order], classes=[0, 1])

    assert np.abs(run.weights).max() > 0.3, "the run went nowhere: equality would say nothing"
    theirs = np.concatenate([model.intercept_, model.coef_[0]])
    np.testing.assert_allclose(theirs, run.weights, rtol=0, atol=1e-12)
