from collections import Counter
from itertools import chain, islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mbgd_lib.batches import ORDERS, batch_edges, epochs_of_batches, minibatches

SEEDS = st.integers(0, 2**32)
EPOCHS = st.integers(1, 4)
EACH_ROW_ONCE = [order for order in ORDERS if order != "with_replacement"]


@st.composite
def cuts(draw, least=1):
    """A number of rows, and the arguments that say how an epoch of them is cut."""
    n = draw(st.integers(least, 200))
    name = draw(st.sampled_from(["batch_size", "n_batches", None]))
    return n, {name: draw(st.integers(1, n))} if name else {}


def expected_sizes(n, batch_size=None, n_batches=None):
    if n_batches is not None:
        return [n // n_batches + (i < n % n_batches) for i in range(n_batches)]
    batch_size = batch_size or n
    return [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)


def epochs_of(n, cut, **arguments):
    """The batches, as one list for each epoch."""
    batches = minibatches(n, **cut, **arguments)
    batches_per_epoch = len(expected_sizes(n, **cut))
    epochs = []
    while epoch := list(islice(batches, batches_per_epoch)):
        epochs.append(epoch)
    return epochs


@given(cut=cuts(), order=st.sampled_from(EACH_ROW_ONCE), epochs=EPOCHS, seed=SEEDS)
def test_every_epoch_visits_each_row_exactly_once(cut, order, epochs, seed):
    n, cut = cut

    all_epochs = epochs_of(n, cut, order=order, epochs=epochs, seed=seed)

    assert len(all_epochs) == epochs
    for epoch in all_epochs:
        assert sorted(np.concatenate(epoch).tolist()) == list(range(n))


@given(cut=cuts(), order=st.sampled_from(ORDERS), epochs=EPOCHS, seed=SEEDS)
def test_every_epoch_has_batches_of_the_asked_sizes(cut, order, epochs, seed):
    n, cut = cut

    all_epochs = epochs_of(n, cut, order=order, epochs=epochs, seed=seed)

    assert len(all_epochs) == epochs
    for epoch in all_epochs:
        assert [len(rows) for rows in epoch] == expected_sizes(n, **cut)


@given(cut=cuts())
def test_sizes_add_up_and_none_is_zero(cut):
    n, cut = cut

    edges = batch_edges(n, **cut)
    sizes = np.diff(edges)

    assert edges[0] == 0
    assert edges[-1] == n
    assert sizes.min() >= 1
    if "batch_size" in cut:
        assert set(sizes[:-1]) <= {cut["batch_size"]}
        assert sizes[-1] <= cut["batch_size"]
    if "n_batches" in cut:
        assert len(sizes) == cut["n_batches"]
        assert sizes.max() - sizes.min() <= 1


@given(n=st.integers(1, 200))
def test_without_a_size_one_batch_holds_all_rows(n):
    (rows,) = minibatches(n)

    assert sorted(rows.tolist()) == list(range(n))


@given(cut=cuts(), epochs=EPOCHS)
def test_sequential_keeps_the_order_of_the_data(cut, epochs):
    n, cut = cut

    for epoch in epochs_of(n, cut, order="sequential", epochs=epochs):
        assert np.concatenate(epoch).tolist() == list(range(n))


@given(cut=cuts(), epochs=st.integers(2, 4), seed=SEEDS)
def test_shuffle_once_repeats_its_order_in_each_epoch(cut, epochs, seed):
    n, cut = cut

    first, *others = epochs_of(n, cut, order="shuffle_once", epochs=epochs, seed=seed)

    for other in others:
        assert np.array_equal(np.concatenate(other), np.concatenate(first))


# Two of the 25! orders are the same so rarely that no run of this test will see it.
@given(cut=cuts(least=25), order=st.sampled_from(["reshuffle", "with_replacement"]), seed=SEEDS)
def test_reshuffle_and_with_replacement_differ_from_epoch_to_epoch(cut, order, seed):
    n, cut = cut

    first, second = epochs_of(n, cut, order=order, epochs=2, seed=seed)

    assert not np.array_equal(np.concatenate(first), np.concatenate(second))


@given(cut=cuts(least=25), order=st.sampled_from(["reshuffle", "shuffle_once"]), seed=SEEDS)
def test_shuffled_orders_are_not_that_of_the_data(cut, order, seed):
    n, cut = cut

    (epoch,) = epochs_of(n, cut, order=order, seed=seed)

    assert np.concatenate(epoch).tolist() != list(range(n))


def test_reshuffle_takes_all_orders_equally_often():
    times = Counter(tuple(rows.tolist()) for rows in minibatches(3, epochs=6000, seed=0))

    # Each of 3! = 6 orders: 1000 times, give or take a standard deviation of 29.
    assert len(times) == 6
    assert all(abs(count - 1000) < 5 * 29 for count in times.values())


def test_with_replacement_draws_all_rows_equally_often_and_some_twice_in_a_batch():
    batches = list(minibatches(10, order="with_replacement", epochs=4000, seed=0))

    # Each of 10 rows: 4000 times, give or take a standard deviation of 60.
    assert np.all(np.abs(np.bincount(np.concatenate(batches), minlength=10) - 4000) < 5 * 60)
    assert sum(len(set(rows.tolist())) < 10 for rows in batches) > 3900


@given(cut=cuts(), order=st.sampled_from(ORDERS), epochs=EPOCHS, seed=SEEDS)
def test_the_same_seed_gives_the_same_batches(cut, order, epochs, seed):
    n, cut = cut
    arguments = {"order": order, "epochs": epochs}

    once = epochs_of(n, cut, seed=seed, **arguments)
    again = epochs_of(n, cut, seed=seed, **arguments)
    from_generator = epochs_of(n, cut, seed=np.random.default_rng(seed), **arguments)

    for epoch, same, same_too in zip(once, again, from_generator, strict=True):
        assert np.array_equal(np.concatenate(epoch), np.concatenate(same))
        assert np.array_equal(np.concatenate(epoch), np.concatenate(same_too))


@pytest.mark.parametrize("order", ["reshuffle", "shuffle_once", "with_replacement"])
def test_a_generator_is_used_up_by_its_batches(order):
    rng = np.random.default_rng(0)

    first = np.concatenate(list(minibatches(50, 8, order=order, seed=rng)))
    second = np.concatenate(list(minibatches(50, 8, order=order, seed=rng)))

    assert rng.bit_generator.state != np.random.default_rng(0).bit_generator.state
    assert not np.array_equal(first, second)


def test_without_a_seed_no_two_runs_are_the_same():
    first, second = (np.concatenate(list(minibatches(50, 8))) for _ in range(2))

    assert not np.array_equal(first, second)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", [0, None])
def test_the_global_random_state_is_left_alone(order, seed):
    _, keys_before, *rest_before = np.random.get_state()  # noqa: NPY002, it is what is tested

    list(minibatches(20, 3, order=order, epochs=2, seed=seed))

    _, keys, *rest = np.random.get_state()  # noqa: NPY002
    assert np.array_equal(keys, keys_before)
    assert rest == rest_before


@pytest.mark.parametrize("order", ORDERS)
def test_row_indices_are_read_only(order):
    for rows in minibatches(7, 3, order=order, epochs=2, seed=0):
        assert rows.dtype.kind == "i"
        with pytest.raises(ValueError, match="read-only"):
            rows[0] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            rows.flags.writeable = True


@given(cut=cuts(), order=st.sampled_from(ORDERS), epochs=EPOCHS, seed=SEEDS)
def test_epochs_of_batches_are_the_same_batches_epoch_by_epoch(cut, order, epochs, seed):
    n, cut = cut
    arguments = {"order": order, "epochs": epochs, "seed": seed}

    nested = [list(batches) for batches in epochs_of_batches(n, **cut, **arguments)]
    flat = list(minibatches(n, **cut, **arguments))

    assert len(nested) == epochs
    assert [len(batches) for batches in nested] == [len(flat) // epochs] * epochs
    for rows, same in zip(chain.from_iterable(nested), flat, strict=True):
        assert np.array_equal(rows, same)


@given(n=st.integers(1, 100), order=st.sampled_from(EACH_ROW_ONCE), seed=SEEDS, data=st.data())
def test_batches_that_grow_still_visit_each_row_once_an_epoch(n, order, seed, data):
    sizes = data.draw(st.lists(st.integers(1, n), min_size=1, max_size=4))
    arguments = {"order": order, "epochs": len(sizes), "seed": seed}

    epochs = [list(batches) for batches in epochs_of_batches(n, sizes.__getitem__, **arguments)]

    assert len(epochs) == len(sizes)
    for size, epoch in zip(sizes, epochs, strict=True):
        assert [len(rows) for rows in epoch] == expected_sizes(n, batch_size=size)
        assert sorted(np.concatenate(epoch).tolist()) == list(range(n))


@given(cut=cuts(), order=st.sampled_from(ORDERS), epochs=EPOCHS, seed=SEEDS)
def test_a_size_that_does_not_grow_may_come_from_a_function(cut, order, epochs, seed):
    n, _ = cut
    arguments = {"order": order, "epochs": epochs, "seed": seed}

    constant = list(minibatches(n, n // 2 + 1, **arguments))
    asked = list(minibatches(n, lambda epoch: n // 2 + 1, **arguments))

    for rows, same in zip(asked, constant, strict=True):
        assert np.array_equal(rows, same)


def test_a_function_is_asked_for_each_epoch_in_turn_from_zero():
    asked = []

    def batch_size(epoch):
        asked.append(epoch)
        return 2**epoch

    sizes = [len(rows) for rows in minibatches(5, batch_size, order="sequential", epochs=3)]

    assert asked == [0, 1, 2]
    assert sizes == [1, 1, 1, 1, 1, 2, 2, 1, 4, 1]


@pytest.mark.parametrize("order", ORDERS)
def test_batches_that_are_kept_do_not_change_with_later_epochs(order):
    batches, copies = [], []
    for rows in minibatches(20, 6, order=order, epochs=3, seed=0):
        batches.append(rows)
        copies.append(rows.copy())

    for rows, as_it_was in zip(batches, copies, strict=True):
        assert np.array_equal(rows, as_it_was)


@pytest.mark.parametrize("order", ORDERS)
def test_nothing_is_drawn_before_the_first_batch_is_asked_for(order):
    rng = np.random.default_rng(0)

    minibatches(50, 8, order=order, seed=rng)

    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state


@pytest.mark.parametrize(
    ("batch_size", "n_batches", "error", "message"),
    [
        (lambda epoch: epoch, None, ValueError, "batch_size must be from 1 to 5, not 0"),
        (lambda epoch: 4 + epoch, None, ValueError, "batch_size must be from 1 to 5, not 6"),
        (
            lambda epoch: 2.5,
            None,
            TypeError,
            "batch_size must be a whole number from 1 to 5, not 2.5",
        ),
        (
            lambda epoch: 2,
            3,
            ValueError,
            "give batch_size or n_batches, not both: batch_size=2, n_batches=3",
        ),
    ],
)
def test_bad_sizes_from_a_function_are_refused_at_the_call(batch_size, n_batches, error, message):
    with pytest.raises(error) as caught:
        minibatches(5, batch_size, n_batches=n_batches, epochs=3)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "n must be at least 1, not 0"),
        ({"n": 2.5}, TypeError, "n must be a whole number at least 1, not 2.5"),
        ({"batch_size": 0}, ValueError, "batch_size must be from 1 to 5, not 0"),
        ({"batch_size": 6}, ValueError, "batch_size must be from 1 to 5, not 6"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be a whole number from 1 to 5, not 2.0"),
        ({"n_batches": 0}, ValueError, "n_batches must be from 1 to 5, not 0"),
        ({"n_batches": 6}, ValueError, "n_batches must be from 1 to 5, not 6"),
        (
            {"batch_size": 2, "n_batches": 3},
            ValueError,
            "give batch_size or n_batches, not both: batch_size=2, n_batches=3",
        ),
        ({"epochs": 0}, ValueError, "epochs must be at least 1, not 0"),
        (
            {"order": "random"},
            ValueError,
            "order must be one of 'reshuffle', 'shuffle_once', 'sequential', 'with_replacement', "
            "not 'random'",
        ),
        (
            {"seed": -1},
            ValueError,
            "seed must be a whole number at least 0, a numpy.random.Generator or None, not -1",
        ),
    ],
)
def test_bad_arguments_are_refused_at_the_call(arguments, error, message):
    with pytest.raises(error) as caught:
        minibatches(**{"n": 5} | arguments)

    assert str(caught.value) == message
