import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.randomness import generator_of
from course_lib.training import BatchesWithReplacement, FullBatch, ShuffledBatches
from course_lib.training.batches import draw_distinct

KINDS = [ShuffledBatches, BatchesWithReplacement]


@st.composite
def sizes(draw):
    m = draw(st.integers(1, 60))
    return m, draw(st.integers(1, m)), draw(st.integers(0, 2**40))


@given(sizes())
def test_shuffled_batches_hold_each_sample_exactly_once_an_epoch(size):
    m, batch_size, seed = size
    batches = ShuffledBatches(m, batch_size, seed=seed)
    for _ in range(2):
        epoch = list(batches)
        assert len(epoch) == len(batches)
        assert sorted(torch.cat(epoch).tolist()) == list(range(m))
        assert all(len(batch) == batch_size for batch in epoch[:-1])
        assert len(epoch[-1]) == (m % batch_size or batch_size)


@given(sizes())
def test_drop_last_leaves_out_the_ragged_batch_alone(size):
    m, batch_size, seed = size
    whole = list(ShuffledBatches(m, batch_size, seed=seed))
    dropped = list(ShuffledBatches(m, batch_size, seed=seed, drop_last=True))
    expected = [batch for batch in whole if len(batch) == batch_size]
    assert [b.tolist() for b in dropped] == [b.tolist() for b in expected]


@given(sizes())
def test_batches_with_replacement_draw_as_many_samples_as_there_are(size):
    m, batch_size, seed = size
    epoch = torch.cat(list(BatchesWithReplacement(m, batch_size, seed=seed)))
    assert len(epoch) == m
    assert set(epoch.tolist()) <= set(range(m))


def test_replacement_misses_the_share_that_chance_says():
    m = 20_000
    missed = 1 - len(torch.cat(list(BatchesWithReplacement(m, 100))).unique()) / m
    assert missed == pytest.approx((1 - 1 / m) ** m, abs=0.01)


def test_replacement_draws_every_index_equally_often():
    batches = BatchesWithReplacement(10, 10, seed=3)
    counts = torch.stack([torch.cat(list(batches)) for _ in range(2000)]).flatten().bincount()
    assert (counts - 2000).abs().max() < 5 * (20_000 * 0.1 * 0.9) ** 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_order_is_a_function_of_seed_and_epoch(kind):
    def epochs(seed, first, last):
        batches = kind(50, 7, seed=seed)
        batches.epoch = first
        return [torch.cat(list(batches)).tolist() for _ in range(first, last)]

    assert epochs(1, 0, 4) == epochs(1, 0, 4)
    assert epochs(1, 0, 4)[2:] == epochs(1, 2, 4)
    different = epochs(0, 0, 3) + epochs(1, 0, 3) + epochs(2**33 + 1, 0, 3)
    assert len({tuple(order) for order in different}) == 9


@given(sizes(), st.integers(0, 150), st.sampled_from(KINDS))
def test_a_resumed_run_gets_the_same_batches_from_any_point_on(size, seen, kind):
    m, batch_size, seed = size

    def draw(batches, n):
        drawn = []
        while True:
            for batch in batches:
                if len(drawn) == n:
                    return drawn
                drawn.append(batch.tolist())
                if len(drawn) == n:
                    return drawn

    original = kind(m, batch_size, seed=seed)
    draw(original, seen) if seen else None
    resumed = kind(m, batch_size, seed=seed + 1)
    resumed.load_state_dict(original.state_dict())
    assert draw(original, 40) == draw(resumed, 40)


def test_breaking_off_goes_on_with_the_next_batch():
    batches = ShuffledBatches(10, 2, seed=5)
    first = torch.cat([next(iter(batches)) for _ in range(5)])
    assert sorted(first.tolist()) == list(range(10))
    assert (batches.epoch, batches.position) == (1, 0)


def test_state_of_other_batches_is_refused_and_changes_nothing():
    batches = ShuffledBatches(10, 2)
    next(iter(batches))
    before = batches.state_dict()
    for other in (ShuffledBatches(11, 2), ShuffledBatches(10, 5), BatchesWithReplacement(10, 2)):
        with pytest.raises(ValueError, match="state was saved with"):
            batches.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="position"):
        batches.load_state_dict({**before, "position": 5})
    with pytest.raises(ValueError, match="keys"):
        batches.load_state_dict({"epoch": 1})
    assert batches.state_dict() == before


def test_global_random_numbers_are_left_alone():
    state = torch.get_rng_state()
    list(ShuffledBatches(10, 2))
    list(BatchesWithReplacement(10, 2))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("m", "batch_size", "seed", "message"),
    [
        (0, 1, 0, "m must be an integer of at least 1, got 0"),
        (5, 0, 0, "batch_size must be an integer from 1 to 5, got 0"),
        (5, 6, 0, "batch_size must be an integer from 1 to 5, got 6"),
        (5, -1, 0, "batch_size must be an integer from 1 to 5, got -1"),
        (5, 1, -1, "seed must be an integer from 0 to"),
    ],
)
def test_sizes_out_of_range_are_named(kind, m, batch_size, seed, message):
    with pytest.raises(ValueError, match=message):
        kind(m, batch_size, seed=seed)


@pytest.mark.parametrize("batch_size", [2.0, True, "2", None])
def test_a_batch_size_that_is_no_integer_is_refused(batch_size):
    with pytest.raises(TypeError, match="batch_size must be an integer"):
        ShuffledBatches(5, batch_size)


def test_full_batch_is_one_slice_every_epoch():
    batches = FullBatch(4)
    assert list(batches) == list(batches) == [slice(0, 4)]
    assert len(batches) == 1


@settings(max_examples=50)
@given(st.integers(1, 100).flatmap(lambda m: st.tuples(st.just(m), st.integers(1, m))))
def test_distinct_draws_are_distinct(size):
    m, n = size
    drawn = draw_distinct(m, n, generator_of("test", 1))
    assert len(drawn) == n == len(drawn.unique())
    assert set(drawn.tolist()) <= set(range(m))


@pytest.mark.parametrize("n", [2, 12])  # both ways of drawing
def test_distinct_draws_are_uniform(n):
    generator = generator_of("test", 7)
    drawn = torch.cat([draw_distinct(20, n, generator) for _ in range(3000)])
    expected = 3000 * n / 20
    assert (drawn.bincount(minlength=20) - expected).abs().max() < 5 * expected**0.5


def test_the_last_batch_is_dropped_only_by_true():
    with pytest.raises(TypeError, match="drop_last must be True or False, got 'no'"):
        ShuffledBatches(5, 2, drop_last="no")


@pytest.mark.parametrize("kind", [ShuffledBatches, BatchesWithReplacement])
def test_the_order_does_not_depend_on_torchs_default_device(kind):
    expected = list(kind(7, 3, seed=1))
    with torch.device("meta"):
        made = list(kind(7, 3, seed=1))
    assert all(torch.equal(a, b) for a, b in zip(made, expected, strict=True))
