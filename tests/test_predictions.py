import numpy as np
import pytest

from mbgd_lib import Softmax, descend
from mbgd_lib.estimators import MiniBatchClassifier
from mbgd_lib.instruments.predictions import (
    logits,
    percent_right,
    predicted_classes,
    train_and_test,
)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_same_as_the_estimators(n_classes):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), rng.integers(n_classes, size=80)
    model = MiniBatchClassifier(epochs=3, random_state=0).fit(X, y)
    weights = np.vstack([model.intercept_, model.coef_.T])
    weights = weights[:, 0] if n_classes == 2 else weights

    np.testing.assert_allclose(logits(weights, X), model.decision_function(X))
    np.testing.assert_array_equal(predicted_classes(weights, X), model.predict(X))
    assert percent_right(weights, X, y) == pytest.approx(100 * model.score(X, y))


def test_single_precision_stays_single():
    weights = np.ones((3, 4), dtype=np.float32)
    assert logits(weights, np.ones((5, 2), dtype=np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("weights", "X", "labels", "message"),
    [
        (np.ones(3), np.ones((4, 3)), np.ones(4), r"not the shape \(3,\) where X has .*\(4, 3\)"),
        (np.ones(2), np.ones(1), np.ones(1), "weights"),
        (np.ones((2, 3, 4)), np.ones((4, 1)), np.ones(4), "weights"),
        (np.ones(3), np.ones((4, 2)), np.ones(3), r"labels must have the shape \(4,\), not \(3,\)"),
    ],
)
def test_shapes_must_fit(weights, X, labels, message):
    with pytest.raises(ValueError, match=message):
        percent_right(weights, X, labels)


def test_training_is_descends_with_a_look_after_every_epoch():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)).astype(np.float32), rng.integers(3, size=60)
    training, test = Softmax(X[:40], y[:40], n_classes=3), Softmax(X[40:], y[40:], n_classes=3)
    settings = {"learning_rate": 0.1, "batch_size": 8, "epochs": 4, "seed": 1}
    run = descend(training, np.zeros((4, 3), dtype=np.float32), record_path=True, **settings)

    found = train_and_test(training, test, **settings)

    ends = run.path[::5]
    np.testing.assert_array_equal(found.weights, run.weights)
    assert found.weights.dtype == np.float32
    np.testing.assert_array_equal(found.losses, run.epoch_losses)
    np.testing.assert_allclose(found.test_losses, [test.value(weights) for weights in ends])
    np.testing.assert_allclose(
        found.accuracies, [percent_right(weights, X[40:], y[40:]) for weights in ends]
    )
