"""`descend` as scikit-learn estimators, for pipelines and grid searches.

They add nothing to the algorithm: ``fit`` runs `descend` from weights of zero and keeps what it
returns, ``partial_fit`` runs one more epoch from there. Only the learning rate has a default of
its own, one that suits the rows.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from mbgd_lib._arguments import generator, refuse_mask, whole_number
from mbgd_lib.descent import descend
from mbgd_lib.loop import State
from mbgd_lib.objectives import Array, LeastSquares, LinearModel, Logistic, Softmax, softmax
from mbgd_lib.rates import safe_rate
from mbgd_lib.schedules import Schedule
from mbgd_lib.updates import Momentum, Update, plain

KEPT_DTYPES = [np.float64, np.float32]  # every other kind of number becomes the first


class MiniBatchEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped
    """What the two estimators share: the parameters and how they run `descend`.

    Parameters
    ----------
    learning_rate, batch_size, epochs, order, last_batch, momentum, schedule, random_state
        As in `MiniBatchRegressor`.
    """

    weights_: Array
    loss_curve_: Array
    learning_rate_: float
    steps_: int
    _state: State

    def __init__(
        self,
        *,
        learning_rate: float | str = "safe",
        batch_size: int | None = 32,
        epochs: int = 100,
        order: str = "reshuffle",
        last_batch: str = "keep",
        momentum: float = 0.0,
        schedule: Schedule | None = None,
        random_state: Any = None,
    ) -> None:
        # Kept as given, as scikit-learn asks; they are checked when used.
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.order = order
        self.last_batch = last_batch
        self.momentum = momentum
        self.schedule = schedule
        self.random_state = random_state

    @property
    def n_iter_(self) -> int:
        """Number of epochs run since the weights were zero."""
        check_is_fitted(self, "weights_")
        return len(self.loss_curve_) - 1

    def _start(self, objective: LinearModel, epochs: int) -> Self:
        """Run `descend` from weights of zero."""
        zeros = np.zeros(objective.weights_shape, objective.X.dtype)
        return self._descend(objective, zeros, epochs)

    def _one_epoch(self, objective: LinearModel) -> Self:
        """Run `descend` for one epoch from where the last run ended, if there was one."""
        if not self._started():
            return self._start(objective, epochs=1)
        return self._descend(objective, self._state, 1)

    def _started(self) -> bool:
        return hasattr(self, "weights_")

    def _descend(self, objective: LinearModel, start: Array | State, epochs: int) -> Self:
        goes_on = isinstance(start, State)
        batch_size = _capped(self.batch_size, objective.n_rows)
        rate = self._rate(objective, batch_size, goes_on)
        run = descend(
            objective,
            start,
            learning_rate=rate,
            batch_size=batch_size,
            epochs=whole_number("epochs", epochs, 1),
            order=self.order,
            last_batch=self.last_batch,
            seed=None if goes_on else _generator(self.random_state),
            schedule=self.schedule,
            update=self._rule(start),
            on_divergence="raise",
        )
        before = self.loss_curve_ if goes_on else run.epoch_losses[:1]
        self.loss_curve_ = np.append(before, run.epoch_losses[1:])
        self.weights_, self.learning_rate_, self._state = run.weights, rate, run.state
        self.steps_ = run.state.number
        return self

    def _rate(self, objective: LinearModel, batch_size: int | None, goes_on: bool) -> Any:
        if not isinstance(self.learning_rate, str):
            return self.learning_rate
        if self.learning_rate != "safe":
            raise ValueError(
                f"learning_rate must be a number above 0 or 'safe', not {self.learning_rate!r}"
            )
        # A velocity adds its steps up to 1 / (1 - momentum) times their length.
        rate = safe_rate(objective, batch_size) * (1 - Momentum(self.momentum).momentum)
        # Rows that came before may have been longer.
        return min(rate, self.learning_rate_) if goes_on else rate

    def _rule(self, start: Array | State) -> Update | None:
        """Return the rule to begin with; none where a run goes on with the one it has."""
        rule = Momentum(self.momentum)
        if isinstance(start, State) and getattr(start.update, "momentum", 0) == rule.momentum:
            return None
        return plain if rule.momentum == 0 else rule

    @contextmanager
    def _or_as_if_never_fitted(self) -> Iterator[None]:
        """Leave nothing behind if what is done within fails: not half of a model."""
        try:
            yield
        except Exception:
            for name in [name for name in vars(self) if name.endswith("_") or name == "_state"]:
                delattr(self, name)
            raise

    def _keeping_a_fit(self) -> AbstractContextManager[None]:
        """Keep what was fitted before, if anything was, should what is done within fail."""
        return nullcontext() if self._started() else self._or_as_if_never_fitted()

    def _checked(
        self, X: ArrayLike, y: ArrayLike, *, reset: bool, y_numeric: bool
    ) -> tuple[Array, Array]:
        refuse_mask("X", X)
        refuse_mask("y", y)
        checked: tuple[Array, Array] = validate_data(
            self, X, y, dtype=KEPT_DTYPES, reset=reset, y_numeric=y_numeric
        )
        return checked


class MiniBatchRegressor(RegressorMixin, MiniBatchEstimator):  # type: ignore[misc]
    """Linear regression by mini-batch gradient descent on `LeastSquares`.

    The weights are those of ``descend(LeastSquares(X, y), zeros, …)`` with the same arguments,
    to the last bit. Scale the features first, with scikit-learn's ``StandardScaler`` for
    example: the largest learning rate at which the descent is stable falls with the square of
    the features' size, and a safe one becomes slow.

    Parameters
    ----------
    learning_rate : float or "safe"
        The step is this number times the gradient of the batch's mean loss. "safe" is half of
        what is stable for these rows and this batch size, by `mbgd_lib.rates.safe_rate`; with
        momentum, that times 1 - momentum. In `partial_fit`, the least that any call had.
    batch_size : int or None
        Rows in a batch, at least 1; None takes all rows. Where there are fewer rows than
        this, a batch holds them all.
    epochs : int
        How many times `fit` goes through the data.
    order : {"reshuffle", "shuffle_once", "sequential", "with_replacement"}
        The order of the rows: see `mbgd_lib.minibatches`.
    last_batch : {"keep", "weigh", "drop", "spread"}
        What becomes of rows left over: see `mbgd_lib.minibatches`.
    momentum : float
        From 0 up to, not including, 1: see `mbgd_lib.Momentum`.
    schedule : callable, optional
        A function of the number of steps so far, whose result multiplies the learning rate:
        see `mbgd_lib.schedules`.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Where the randomness comes from. None takes fresh entropy from the system, not NumPy's
        global state. A generator goes on where it stands: a second `fit` draws other numbers.

    Attributes
    ----------
    coef_ : ndarray of shape (d,)
    intercept_ : float
    weights_ : ndarray of shape (d + 1,)
        Both together as `descend` has them, the intercept first; float32 if `X` was.
    learning_rate_ : float
        The rate of the last call, before the schedule.
    loss_curve_ : ndarray of shape (n_iter_ + 1,)
        The loss at the start and after each epoch, over all rows given to that epoch.
    n_iter_ : int
        Number of epochs run since the weights were zero.
    steps_ : int
        Number of updates made since the weights were zero.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (d,)
        Only if all of the columns' names are strings.

    Examples
    --------
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> model = MiniBatchRegressor(learning_rate=0.4, batch_size=2, epochs=60, random_state=0)
    >>> model.fit(X, y).predict([[10.0]]).round(4)
    array([21.])
    >>> model.coef_.round(4), round(float(model.intercept_), 4)
    (array([2.]), 1.0)
    """

    @property
    def coef_(self) -> Array:
        """The slopes, one per feature."""
        check_is_fitted(self, "weights_")
        return self.weights_[1:]

    @property
    def intercept_(self) -> Any:
        """The prediction where all features are zero."""
        check_is_fitted(self, "weights_")
        return self.weights_[0]

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Start at weights of zero and run all epochs.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Not copied if float32 or float64.
        y : array_like of shape (n,)
            Numbers, converted to the floating type of `X`.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are outside what is allowed.
        DivergenceError
            If the loss is no longer finite. A loss that grows but stays finite is no error:
            look at `loss_curve_`. After any error the estimator is as if never fitted.
        """
        with self._or_as_if_never_fitted():
            return self._start(self._objective(X, y, reset=True), self.epochs)

    def partial_fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Run one epoch over these rows, from where the last call left off.

        The first call starts as `fit` does. Later ones go on with the same weights, velocity,
        random numbers and count of steps, so that calls with the same rows are the epochs of one
        `fit`, to the last bit. Of another number of rows, order "shuffle_once" draws a new one.

        Parameters
        ----------
        X : array_like of shape (n, d)
        y : array_like of shape (n,)

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError, DivergenceError
            As in `fit`; an estimator that was fitted keeps its weights.
        """
        with self._keeping_a_fit():
            return self._one_epoch(self._objective(X, y, reset=not self._started()))

    def predict(self, X: ArrayLike) -> Array:
        """Return ``intercept_ + X @ coef_``.

        Parameters
        ----------
        X : array_like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        check_is_fitted(self, "weights_")
        X = validate_data(self, X, dtype=KEPT_DTYPES, reset=False)
        return X @ self.coef_ + self.intercept_

    def _objective(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> LeastSquares:
        X, y = self._checked(X, y, reset=reset, y_numeric=True)
        with np.errstate(over="ignore"):
            targets = y.astype(X.dtype, copy=False)
        too_large = y[np.isinf(targets)]
        if len(too_large) > 0:
            raise ValueError(f"y must fit into the features' {X.dtype}, but holds {too_large[0]}")
        return LeastSquares(X, targets)


class MiniBatchClassifier(ClassifierMixin, MiniBatchEstimator):  # type: ignore[misc]
    """Logistic or softmax regression by mini-batch gradient descent.

    Two classes have one score, the logit of the second class, and are trained on `Logistic`.
    More classes have a score each and are trained on `Softmax`. The weights are those of
    `descend` on these objectives from weights of zero, with the same arguments and the labels
    0, 1, … in the order of `classes_`, to the last bit. Scale the features first, as for
    `MiniBatchRegressor`.

    Parameters
    ----------
    learning_rate, batch_size, epochs, order, last_batch, momentum, schedule, random_state
        As in `MiniBatchRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        The labels, sorted.
    coef_ : ndarray of shape (k, d), or (1, d) for two classes
    intercept_ : ndarray of shape (k,), or (1,) for two classes
    weights_ : ndarray of shape (d + 1, k), or (d + 1,) for two classes
        Both together as `descend` has them, the intercepts first; float32 if `X` was.
    learning_rate_, loss_curve_, n_iter_, steps_, n_features_in_, feature_names_in_
        As in `MiniBatchRegressor`.

    Examples
    --------
    >>> X, y = [[-2.0], [-1.0], [1.0], [2.0]], ["low", "low", "high", "high"]
    >>> model = MiniBatchClassifier(learning_rate=0.5, batch_size=2, random_state=0)
    >>> model.fit(X, y).predict([[-1.5], [1.5]])
    array(['low', 'high'], dtype='<U4')
    >>> model.classes_, model.predict_proba([[0.0], [1.5]]).shape
    (array(['high', 'low'], dtype='<U4'), (2, 2))
    """

    @property
    def coef_(self) -> Array:
        """The slopes: one row per score, one column per feature."""
        check_is_fitted(self, "weights_")
        return np.atleast_2d(self.weights_[1:].T)

    @property
    def intercept_(self) -> Array:
        """The scores where all features are zero."""
        check_is_fitted(self, "weights_")
        return np.atleast_1d(self.weights_[0])

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Start at weights of zero and run all epochs.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Not copied if float32 or float64.
        y : array_like of shape (n,)
            Labels of at least two classes: numbers or strings.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data are outside what is allowed.
        DivergenceError
            If the loss is no longer finite. A loss that grows but stays finite is no error:
            look at `loss_curve_`. After any error the estimator is as if never fitted.
        """
        with self._or_as_if_never_fitted():
            X, y = self._checked(X, y, reset=True, y_numeric=False)
            check_classification_targets(y)
            classes = _sorted_classes("y", y)
            self._start(_cross_entropy(X, y, classes), self.epochs)
        self.classes_ = classes
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Run one epoch over these rows, from where the last call left off.

        What goes on and what starts anew is said at `MiniBatchRegressor.partial_fit`.

        Parameters
        ----------
        X : array_like of shape (n, d)
        y : array_like of shape (n,)
            Labels out of `classes`; not all of them need to occur.
        classes : array_like of shape (k,)
            All labels that will ever occur, in any order. Needed in the first call; later
            ones may leave it out.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError, DivergenceError
            As in `fit`; an estimator that was fitted keeps its weights.
        """
        with self._keeping_a_fit():
            X, y = self._checked(X, y, reset=not self._started(), y_numeric=False)
            check_classification_targets(y)
            all_classes = self._classes_of_first_call(classes)
            self._one_epoch(_cross_entropy(X, y, all_classes))
        self.classes_ = all_classes
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the scores: how much speaks for a class.

        Parameters
        ----------
        X : array_like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, k), or (n,) for two classes
            Of two classes the logit of the second, above 0 where that is predicted.
        """
        check_is_fitted(self, "weights_")
        X = validate_data(self, X, dtype=KEPT_DTYPES, reset=False)
        return X @ self.weights_[1:] + self.weights_[0]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array_like of shape (n, d)

        Returns
        -------
        ndarray of shape (n, k)
            In the order of `classes_`; each row adds up to 1.
        """
        return softmax(self._score_of_each_class(X))

    def predict(self, X: ArrayLike) -> Array:
        """Return the most probable class of each row.

        Parameters
        ----------
        X : array_like of shape (n, d)

        Returns
        -------
        ndarray of shape (n,)
        """
        best = self._score_of_each_class(X).argmax(axis=1)
        return self.classes_[best]

    def _classes_of_first_call(self, classes: ArrayLike | None) -> Array:
        if classes is None:
            if self._started():
                return self.classes_
            raise ValueError(
                "classes must hold all labels in the first call of partial_fit, not be None"
            )
        try:
            labels = _sorted_classes("classes", column_or_1d(classes))
        except (TypeError, ValueError) as error:
            if "classes" in str(error):
                raise
            raise TypeError(f"classes must be a list of labels, not {classes!r}") from None
        if self._started() and not np.array_equal(labels, self.classes_):
            raise ValueError(
                f"classes must be those of the first call, {self.classes_.tolist()}, "
                f"not {labels.tolist()}"
            )
        return labels

    def _score_of_each_class(self, X: ArrayLike) -> Array:
        scores = self.decision_function(X)
        if scores.ndim == 2:
            return scores
        # The sigmoid of a logit is the softmax of 0 and that logit.
        return np.column_stack([np.zeros_like(scores), scores])


def _cross_entropy(X: Array, y: Array, classes: Array) -> LinearModel:
    unseen = y[~np.isin(y, classes)].tolist()
    if unseen:
        raise ValueError(f"y must hold labels from {classes.tolist()}, but holds {unseen[0]!r}")
    labels = np.searchsorted(classes, y)
    if len(classes) == 2:
        return Logistic(X, labels)
    return Softmax(X, labels, n_classes=len(classes))


def _sorted_classes(name: str, labels: ArrayLike) -> Array:
    classes = np.unique(labels)
    if classes.dtype.kind == "f" and not np.isfinite(classes).all():
        raise ValueError(f"{name} must hold finite labels, not {classes.tolist()}")
    if len(classes) < 2:
        raise ValueError(f"{name} must hold more than 1 class, not {classes.tolist()}")
    return classes


def _capped(batch_size: int | None, n_rows: int) -> int | None:
    if batch_size is None:
        return None
    try:
        return min(whole_number("batch_size", batch_size, 1), n_rows)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"batch_size must be a whole number at least 1 or None, not {batch_size!r}"
        ) from None


def _generator(random_state: Any) -> np.random.Generator:
    if isinstance(random_state, np.random.RandomState):
        random_state = random_state.randint(2**32, dtype=np.uint64)
    try:
        return generator("random_state", random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "random_state must be a whole number at least 0, a numpy.random.Generator, a "
            f"numpy.random.RandomState or None, not {random_state!r}"
        ) from None
