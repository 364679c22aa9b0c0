import pickle
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from mbgd_lib import DivergenceError, LeastSquares, Logistic, Momentum, Softmax, descend
from mbgd_lib.batches import ORDERS
from mbgd_lib.estimators import MiniBatchClassifier, MiniBatchRegressor
from mbgd_lib.objectives import sigmoid
from mbgd_lib.rates import safe_rate
from mbgd_lib.schedules import inverse_time

N = 50
BOTH = [MiniBatchRegressor, MiniBatchClassifier]


def make_numbers(dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.normal(0.5, 1, size=(N, 3)).astype(dtype)
    return X, (X @ [1, -2, 3] + 4 + rng.normal(size=N)).astype(dtype)


def make_classes(k, dtype=np.float64):
    """Classes that overlap, so that the best weights are finite."""
    rng = np.random.default_rng(0)
    y = np.arange(N) % k
    return (y[:, None] * [0.5, -0.5, 1] + rng.normal(size=(N, 3))).astype(dtype), y


def data_for(estimator):
    return make_numbers() if isinstance(estimator, MiniBatchRegressor) else make_classes(3)


def first_call(estimator, X, y):
    """The first call of partial_fit, to which a classifier needs its classes."""
    if isinstance(estimator, MiniBatchRegressor):
        return estimator.partial_fit(X, y)
    return estimator.partial_fit(X, y, classes=np.unique(y))


@parametrize_with_checks([MiniBatchRegressor(), MiniBatchClassifier()])
def test_scikit_learns_own_checks_pass_at_the_defaults(estimator, check):
    check(estimator)


def test_importing_the_library_does_not_import_scikit_learn():
    program = "import sys, mbgd_lib; sys.exit('sklearn' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


# --- The same as descend --------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("batch_size", [1, 7, 50, None])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.5, "schedule": inverse_time(20)}])
def test_regressor_has_the_weights_of_descend_to_the_last_bit(order, batch_size, options):
    X, y = make_numbers()
    options = options | {
        "learning_rate": 0.05, "batch_size": batch_size, "epochs": 4, "order": order
    }  # fmt: skip

    model = MiniBatchRegressor(random_state=3, **options).fit(X, y)
    options["update"] = Momentum(options.pop("momentum", 0))
    run = descend(LeastSquares(X, y), np.zeros(4), seed=3, **options)

    assert np.array_equal(model.weights_, run.weights)
    assert np.array_equal(model.coef_, run.weights[1:])
    assert model.intercept_ == run.weights[0]
    assert np.array_equal(model.loss_curve_, run.epoch_losses)
    assert (model.n_iter_, model.steps_) == (4, run.steps)
    assert np.array_equal(model.predict(X), X @ run.weights[1:] + run.weights[0])


@pytest.mark.parametrize(
    ("k", "objective", "shape"), [(2, Logistic, (4,)), (3, Softmax, (4, 3)), (5, Softmax, (4, 5))]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classifier_has_the_weights_of_descend_to_the_last_bit(k, objective, shape, dtype):
    X, y = make_classes(k, dtype)
    options = {"learning_rate": 0.2, "batch_size": 8, "epochs": 4}

    run = descend(objective(X, y), np.zeros(shape, dtype), seed=3, **options)
    model = MiniBatchClassifier(random_state=3, **options).fit(X, y)

    assert model.weights_.dtype == dtype
    assert np.array_equal(model.weights_, run.weights)
    assert np.array_equal(model.loss_curve_, run.epoch_losses)


@pytest.mark.parametrize(
    ("random_state", "seed"),
    [
        (np.int64(3), 3),
        (np.random.default_rng(3), np.random.default_rng(3)),
        (np.random.RandomState(3), np.random.RandomState(3).randint(2**32, dtype=np.uint64)),
    ],
)
def test_every_kind_of_random_state_seeds_the_order(random_state, seed):
    X, y = make_numbers()

    run = descend(LeastSquares(X, y), np.zeros(4), learning_rate=0.05, batch_size=5, seed=seed)
    model = MiniBatchRegressor(
        learning_rate=0.05, batch_size=5, epochs=1, random_state=random_state
    ).fit(X, y)

    assert np.array_equal(model.weights_, run.weights)


def test_without_a_random_state_each_fit_is_another_and_the_global_state_untouched():
    X, y = make_numbers()
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    one, other = (MiniBatchRegressor(epochs=1).fit(X, y).weights_ for _ in range(2))

    assert not np.array_equal(one, other)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_a_batch_larger_than_the_data_holds_them_all():
    X, y = make_numbers()

    capped = MiniBatchRegressor(batch_size=10**9).fit(X, y)

    assert np.array_equal(capped.weights_, MiniBatchRegressor(batch_size=N).fit(X, y).weights_)
    assert capped.steps_ == 100


# --- partial_fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("order", ["reshuffle", "sequential", "with_replacement"])
@pytest.mark.parametrize("schedule", [None, inverse_time(5)])
@pytest.mark.parametrize("batch_size", [7, None])
def test_calls_of_partial_fit_are_the_epochs_of_one_fit(estimator, order, schedule, batch_size):
    model = estimator(order=order, schedule=schedule, batch_size=batch_size, random_state=3)
    X, y = data_for(model)

    fitted = clone(model).set_params(epochs=3).fit(X, y)
    first_call(model, X, y).partial_fit(X, y).partial_fit(X, y)

    assert np.array_equal(model.weights_, fitted.weights_)
    assert np.array_equal(model.loss_curve_, fitted.loss_curve_)
    assert (model.n_iter_, model.steps_) == (3, fitted.steps_)


@pytest.mark.parametrize("options", [{"order": "shuffle_once"}, {"momentum": 0.9}])
def test_partial_fit_keeps_the_order_and_the_velocity(options):
    X, y = make_numbers()
    model = MiniBatchRegressor(random_state=3, **options)

    fitted = clone(model).set_params(epochs=3).fit(X, y)
    for _ in range(3):
        model.partial_fit(X, y)

    assert np.array_equal(model.weights_, fitted.weights_)


def test_another_momentum_starts_another_velocity():
    X, y = make_numbers()
    settings = {"random_state": 3, "learning_rate": 0.01, "batch_size": None}
    model = MiniBatchRegressor(momentum=0.9, epochs=1, **settings).fit(X, y)
    before = model.weights_
    model.set_params(momentum=0.0).partial_fit(X, y)
    assert_allclose(model.weights_, before - 0.01 * LeastSquares(X, y).gradient(before))


@pytest.mark.parametrize("estimator", BOTH)
def test_chunks_of_whole_batches_in_order_are_one_epoch(estimator):
    model = estimator(
        learning_rate=0.01, order="sequential", batch_size=10, schedule=inverse_time(5)
    )
    X, y = data_for(model)

    fitted = clone(model).set_params(epochs=1).fit(X, y)
    first_call(model, X[:30], y[:30]).partial_fit(X[30:], y[30:])

    assert np.array_equal(model.weights_, fitted.weights_)


@pytest.mark.parametrize("estimator", BOTH)
def test_partial_fit_goes_on_from_fit_and_fit_starts_anew(estimator):
    model = estimator(random_state=3, epochs=2)
    X, y = data_for(model)
    three_epochs = clone(model).set_params(epochs=3).fit(X, y)

    two = model.fit(X, y).weights_
    model.partial_fit(X, y)

    assert np.array_equal(model.weights_, three_epochs.weights_)
    assert np.array_equal(model.fit(X, y).weights_, two)
    assert model.n_iter_ == 2


def test_classifier_learns_from_chunks_without_all_classes():
    X, y = make_classes(3)
    model = MiniBatchClassifier(learning_rate=0.1, random_state=0)

    model.partial_fit(X[y < 2], y[y < 2], classes=[2, 0, 1])
    for _ in range(20):
        model.partial_fit(X, y, classes=[0, 1, 2])

    assert np.array_equal(model.classes_, [0, 1, 2])
    assert set(model.predict(X)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("classes", "labels", "message"),
    [
        (None, ["a", "b"], "classes must hold all labels in the first call of partial_fit"),
        (["a"], ["a", "a"], "classes must hold more than 1 class, not ['a']"),
        ([], ["a", "a"], "classes must hold more than 1 class, not []"),
        (["a", "b"], ["a", "c"], "y must hold labels from ['a', 'b'], but holds 'c'"),
    ],
)
def test_first_call_refuses_classes_that_do_not_fit(classes, labels, message):
    model = MiniBatchClassifier()

    with pytest.raises(ValueError) as caught:  # noqa: PT011, the message is compared below
        model.partial_fit([[0.0], [1.0]], labels, classes=classes)

    assert str(caught.value).startswith(message)
    with pytest.raises(NotFittedError):
        model.predict([[0.0]])


def test_later_calls_refuse_other_classes_and_unseen_labels():
    model = MiniBatchClassifier().partial_fit([[0.0]], ["a"], classes=["a", "b"])
    weights = model.weights_.copy()

    with pytest.raises(ValueError, match=r"from \['a', 'b'\], but holds 'c'"):
        model.partial_fit([[1.0]], ["c"])
    with pytest.raises(ValueError, match=r"first call, \['a', 'b'\], not \['a', 'c'\]"):
        model.partial_fit([[1.0]], ["a"], classes=["a", "c"])
    assert np.array_equal(model.weights_, weights)


# --- What the classifier predicts -----------------------------------------------------------------


def test_classes_may_be_strings():
    X, y = make_classes(3)
    names = np.array(["medium", "large", "small"])
    numbered = MiniBatchClassifier(learning_rate=0.2, random_state=0)

    named = clone(numbered).fit(X, names[y])
    numbered.fit(X, np.array([1, 0, 2])[y])  # the alphabetical order of the names

    assert named.classes_.tolist() == ["large", "medium", "small"]
    assert np.array_equal(named.weights_, numbered.weights_)
    assert np.array_equal(named.predict(X), named.classes_[numbered.predict(X)])
    assert named.score(X, names[y]) > 0.6


@pytest.mark.parametrize(("k", "scores"), [(2, 1), (3, 3)])
def test_shapes_are_those_of_scikit_learn(k, scores):
    X, y = make_classes(k)

    ours = MiniBatchClassifier().fit(X, y)
    theirs = LogisticRegression().fit(X, y)

    assert ours.coef_.shape == theirs.coef_.shape == (scores, 3)
    assert ours.intercept_.shape == theirs.intercept_.shape == (scores,)
    assert ours.decision_function(X).shape == theirs.decision_function(X).shape
    assert ours.predict_proba(X).shape == theirs.predict_proba(X).shape == (N, k)
    assert_allclose(ours.predict_proba(X).sum(axis=1), 1, rtol=1e-14)
    decision = X @ ours.coef_.T + ours.intercept_
    assert_allclose(ours.decision_function(X), np.squeeze(decision), rtol=1e-12)


def test_probability_of_two_classes_is_the_sigmoid_of_the_score():
    X, y = make_classes(2)
    model = MiniBatchClassifier().fit(X, y)

    scores = model.decision_function(X)

    assert_allclose(model.predict_proba(X)[:, 1], sigmoid(scores), rtol=1e-12)
    assert np.array_equal(model.predict(X), scores > 0)
    assert np.array_equal(model.predict_proba(1e9 * X)[:, 1], X @ model.coef_[0] > 0)


@pytest.mark.parametrize("k", [2, 3])
def test_float32_stays_float32(k):
    X, y = make_classes(k, np.float32)
    model = MiniBatchClassifier().fit(X, y)

    arrays = (model.coef_, model.intercept_, model.decision_function(X), model.predict_proba(X))

    assert {array.dtype for array in arrays} == {np.dtype("float32")}


def test_float32_stays_float32_in_regression_whatever_the_targets_are():
    X, y = make_numbers(np.float32)

    run = descend(LeastSquares(X, y), np.zeros(4, np.float32), learning_rate=0.01, seed=3)
    model = MiniBatchRegressor(learning_rate=0.01, batch_size=None, epochs=1)
    model.fit(X, y.astype(np.float64))

    assert model.weights_.dtype == model.predict(X).dtype == np.float32
    assert np.array_equal(model.weights_, run.weights)


# --- Against scikit-learn's own models ------------------------------------------------------------

SAME_STEPS = {"learning_rate": "constant", "eta0": 0.05, "max_iter": 5}
PLAIN = {"penalty": None, "shuffle": False, "tol": None}


def test_batches_of_one_row_are_sgd_regressor():
    X, y = make_numbers()

    theirs = SGDRegressor(**SAME_STEPS, **PLAIN).fit(X, y)
    ours = MiniBatchRegressor(learning_rate=0.05, batch_size=1, epochs=5, order="sequential")
    ours.fit(X, y)

    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10)
    assert_allclose(ours.intercept_, theirs.intercept_[0], rtol=1e-10)


def test_batches_of_one_row_are_sgd_classifier():
    X, y = make_classes(2)

    theirs = SGDClassifier(loss="log_loss", **SAME_STEPS, **PLAIN).fit(X, y)
    ours = MiniBatchClassifier(learning_rate=0.05, batch_size=1, epochs=5, order="sequential")
    ours.fit(X, y)

    assert_allclose(ours.coef_, theirs.coef_, rtol=1e-10)
    assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-10)
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-10)


@pytest.mark.parametrize(("k", "objective"), [(2, Logistic), (3, Softmax)])
@pytest.mark.parametrize(("batch_size", "gap"), [(None, 1e-5), (10, 1e-3)])
def test_logistic_regressions_least_loss_is_approached(k, objective, batch_size, gap):
    X, y = make_classes(k)
    # C=inf is no penalty.
    best = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y)
    weights = np.column_stack([best.intercept_, best.coef_]).T
    least = objective(X, y).value(weights[:, 0] if k == 2 else weights)

    ours = MiniBatchClassifier(
        learning_rate=0.5, batch_size=batch_size, epochs=1000, random_state=0,
        schedule=inverse_time(100) if batch_size else None,
    ).fit(X, y)  # fmt: skip

    assert -1e-12 < ours.loss_curve_[-1] - least < gap


# --- Among scikit-learn's tools -------------------------------------------------------------------


@pytest.mark.parametrize("estimator", BOTH)
def test_pipeline_scales_what_would_diverge(estimator):
    model = estimator(random_state=0, learning_rate=0.1)
    X, y = data_for(model)
    X = 1000 * X

    pipeline = make_pipeline(StandardScaler(), model).set_output(transform="default")

    assert pipeline.fit(X, y).score(X, y) > 0.6


@pytest.mark.parametrize("estimator", BOTH)
def test_grid_search_over_batch_sizes(estimator):
    model = estimator(learning_rate=0.01, random_state=0)
    X, y = data_for(model)
    pipeline = make_pipeline(StandardScaler(), model)
    name = f"{estimator.__name__.lower()}__batch_size"

    # After five epochs, the most steps have come farthest.
    pipeline.set_params(**{name.replace("batch_size", "epochs"): 5})
    search = GridSearchCV(pipeline, {name: [1, 8, 1000, None]}, error_score="raise").fit(X, y)

    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_ == {name: 1}
    assert scores[2] == scores[3]


@pytest.mark.parametrize("estimator", BOTH)
def test_pickle_and_clone(estimator):
    model = estimator(random_state=3, momentum=0.5)
    X, y = data_for(model)
    model.fit(X, y)

    loaded, cloned = pickle.loads(pickle.dumps(model)), clone(model)

    assert np.array_equal(loaded.predict(X), model.predict(X))
    # The random numbers go on, too.
    assert np.array_equal(loaded.partial_fit(X, y).weights_, model.partial_fit(X, y).weights_)
    assert cloned.get_params() == model.get_params()
    assert not hasattr(cloned, "coef_")


# --- Errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize(
    ("parameter", "value", "error", "message"),
    [
        ("learning_rate", 0, ValueError, "learning_rate must be a finite number above 0, not 0"),
        ("learning_rate", None, TypeError, "learning_rate must be a number above 0, not None"),
        (
            "batch_size",
            0,
            ValueError,
            "batch_size must be a whole number at least 1 or None, not 0",
        ),
        (
            "batch_size",
            1.5,
            TypeError,
            "batch_size must be a whole number at least 1 or None, not 1.5",
        ),
        (
            "learning_rate",
            "fast",
            ValueError,
            "learning_rate must be a number above 0 or 'safe', not 'fast'",
        ),
        ("epochs", 0, ValueError, "epochs must be at least 1, not 0"),
        ("epochs", None, TypeError, "epochs must be a whole number at least 1, not None"),
        ("momentum", 1, ValueError, "momentum must be a number from 0 to below 1, not 1"),
        ("schedule", 1, TypeError, "schedule must be a function or None, not 1"),
        (
            "order",
            "random",
            ValueError,
            "order must be one of 'reshuffle', 'shuffle_once', 'sequential', "
            "'with_replacement', not 'random'",
        ),
        (
            "random_state",
            -1,
            ValueError,
            "random_state must be a whole number at least 0, a numpy.random.Generator, a "
            "numpy.random.RandomState or None, not -1",
        ),
    ],
)
def test_fit_names_parameter_value_and_what_is_allowed(estimator, parameter, value, error, message):
    model = estimator(**{parameter: value})

    with pytest.raises(error) as caught:
        model.fit(*data_for(model))

    assert str(caught.value) == message


def test_one_class_is_refused():
    with pytest.raises(ValueError, match=r"y must hold more than 1 class, not \['a'\]"):
        MiniBatchClassifier().fit([[0.0], [1.0]], ["a", "a"])


def test_divergence_raises_and_leaves_the_estimator_unfitted():
    X, y = make_numbers()
    model = MiniBatchRegressor(learning_rate=0.01, random_state=0)

    with pytest.raises(DivergenceError, match=r"learning_rate=0\.01; try a smaller one"):
        model.fit(100 * X, y)

    with pytest.raises(NotFittedError):
        model.predict(X)


def test_divergence_in_partial_fit_keeps_the_weights():
    X, y = make_numbers()
    model = MiniBatchRegressor(learning_rate=0.01, random_state=0).fit(X, y)
    weights = model.weights_.copy()

    with pytest.raises(DivergenceError):
        model.set_params(batch_size=1).partial_fit(1e8 * X, y)

    assert np.array_equal(model.weights_, weights)
    assert (model.n_iter_, model.steps_) == (100, 200)


@pytest.mark.parametrize("model", [MiniBatchRegressor(), MiniBatchClassifier()])
@pytest.mark.parametrize("attribute", ["coef_", "intercept_", "n_iter_"])
def test_attributes_of_a_model_that_is_not_fitted(model, attribute):
    assert not hasattr(model, attribute)
    with pytest.raises(NotFittedError):
        getattr(model, attribute)


@pytest.mark.parametrize("bad", [{"learning_rate": -1}, {"learning_rate": 1e9}], ids=str)
def test_a_failed_fit_leaves_nothing_of_the_old_model(bad):
    rng = np.random.default_rng(0)
    model = MiniBatchRegressor().fit(rng.normal(size=(20, 4)), rng.normal(size=20))
    model.set_params(**bad)
    with pytest.raises((ValueError, DivergenceError)):
        model.fit(rng.normal(size=(20, 8)), rng.normal(size=20))
    with pytest.raises(NotFittedError):
        model.predict(np.zeros((1, 4)))


@pytest.mark.parametrize("classes", [[0, 1, np.nan], [[0, 1], [1, 2]], {0, 1}, 2, "ab", {0: 1}])
def test_classes_of_partial_fit_are_checked(classes):
    with pytest.raises((TypeError, ValueError), match=r"classes must (hold finite|be a list of)"):
        MiniBatchClassifier().partial_fit([[1.0], [2.0]], [0, 1], classes=classes)


@pytest.mark.parametrize("model", [MiniBatchRegressor(), MiniBatchClassifier()])
@pytest.mark.parametrize("masked", ["X", "y"])
def test_a_mask_is_not_dropped_in_silence(model, masked):
    given = {"X": [[0.0], [1.0], [2.0]], "y": [0, 1, 1]}
    given[masked] = np.ma.masked_equal(given[masked], 2)
    with pytest.raises(TypeError, match=f"{masked} must not be a masked array"):
        model.fit(**given)


def test_targets_that_the_features_type_cannot_hold():
    X = np.ones((2, 1), dtype=np.float32)
    with pytest.raises(
        ValueError, match=r"y must fit into the features' float32, but holds 1e\+39"
    ):
        MiniBatchRegressor().fit(X, [1.0, 1e39])


def test_nothing_is_left_of_a_failed_first_call():
    model = MiniBatchClassifier()
    with pytest.raises(ValueError, match="classes must hold all labels"):
        model.partial_fit([[1.0], [2.0]], [0, 1])
    assert not hasattr(model, "n_features_in_")


# --- the safe rate --------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 32, None])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_unscaled_patients_are_learned_from(batch_size, momentum):
    X, y = load_diabetes(return_X_y=True, scaled=False)
    model = MiniBatchRegressor(batch_size=batch_size, momentum=momentum, random_state=0).fit(X, y)
    assert np.isfinite(model.weights_).all()
    assert model.score(X, y) > 0.1  # of the optimum's 0.52: safe, and slow


@pytest.mark.parametrize("batch_size", [1, 32, None])
def test_unscaled_tumours_are_told_apart(batch_size):
    X, y = load_breast_cancer(return_X_y=True)
    model = MiniBatchClassifier(batch_size=batch_size, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.85  # 0.63 are of one class


def test_the_safe_rate_is_that_of_the_function():
    X, y = make_numbers()
    model = MiniBatchRegressor(batch_size=7, momentum=0.5).fit(X, y)
    assert model.learning_rate_ == safe_rate(LeastSquares(X, y), 7) / 2
    model.partial_fit(0.1 * X, y)  # shorter rows would allow more
    assert model.learning_rate_ == safe_rate(LeastSquares(X, y), 7) / 2
    model.partial_fit(10 * X, y)
    assert model.learning_rate_ == safe_rate(LeastSquares(10 * X, y), 7) / 2


def test_partial_fit_refuses_targets_that_are_no_classes():
    with pytest.raises(ValueError, match="Unknown label type"):
        MiniBatchClassifier().partial_fit([[1.0], [2.0]], [0.1, 0.2], classes=[0.1, 0.2])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number at least 1 or None, not 0"),
        ({"batch_size": "all"}, "batch_size must be a whole number at least 1 or None, not 'all'"),
        ({"random_state": "a"}, "numpy.random.RandomState or None, not 'a'"),
    ],
    ids=str,
)
def test_errors_say_all_that_is_allowed(parameters, message):
    with pytest.raises((ValueError, TypeError), match=message):
        MiniBatchRegressor(**parameters).fit([[1.0], [2.0]], [1.0, 2.0])
