"""The global order of documents."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.tokenize.order import (
    BUCKET_BITS,
    Tally,
    bucket_of,
    in_split,
    rank_range,
    ranks,
)

_RANK = st.integers(0, 2**64 - 1) | st.integers(0, 7).map(lambda n: n << (64 - BUCKET_BITS))


def _ranks(keys: list[int], seed: int = 1, copy: int = 0) -> list[int]:
    return ranks(np.array(keys, np.uint64), np.full(len(keys), copy, np.int32), seed).tolist()


def test_ranks_shuffle_by_the_seed_and_depend_on_the_key_alone() -> None:
    keys = list(range(500))
    first, second = (np.argsort(_ranks(keys, seed)).tolist() for seed in (1, 2))
    assert first != second
    assert sorted(first) == keys
    assert abs(np.corrcoef(first, keys)[0, 1]) < 0.2
    assert _ranks(keys)[100:110] == _ranks(keys[100:110])


def test_copies_go_elsewhere() -> None:
    places = [_ranks([7, 8], copy=copy) for copy in range(5)]
    assert len({place for pair in places for place in pair}) == 10


def test_bucket_borders() -> None:
    for bucket in (0, 1, (1 << BUCKET_BITS) - 1):
        low, high = rank_range(bucket, bucket + 1)
        assert bucket_of(np.array([low, high], np.uint64)).tolist() == [bucket, bucket]
    assert rank_range(0, 1 << BUCKET_BITS) == (0, 2**64 - 1)


def test_repetitions_are_for_training_only() -> None:
    draws, copies = np.array([1, 1, 9, 9], np.uint64), np.array([0, 1, 0, 1], np.int32)
    limit = np.uint64(5)
    assert in_split("val", draws, copies, limit).tolist() == [True, False, False, False]
    assert in_split("train", draws, copies, limit).tolist() == [False, False, True, True]


def _tally(docs: list[tuple[int, int]]) -> Tally:
    tally = Tally.empty()
    tally.add(np.array([r for r, _ in docs], np.uint64), np.array([n for _, n in docs], np.int64))
    return tally


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(_RANK, st.integers(0, 60)), max_size=25),
    st.one_of(st.none(), st.integers(1, 100)),
)
def test_cuts_cover_every_document_once_and_keep_to_the_target(docs, target) -> None:
    tally = _tally(docs)
    ranges = tally.cut(target)
    totals = [tally.totals(*bounds) for bounds in ranges]
    assert sum(n for n, _ in totals) == len(docs)
    assert sum(n for _, n in totals) == sum(n + 1 for _, n in docs)
    assert all(a < b for a, b in ranges)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(ranges))
    for first, end in ranges:
        inside = [(r, n + 1) for r, n in docs if first <= r >> (64 - BUCKET_BITS) < end]
        assert inside
        buckets = {r >> (64 - BUCKET_BITS) for r, _ in inside}
        assert target is None or sum(n for _, n in inside) <= target or len(buckets) == 1
    if target is None:
        assert len(ranges) == bool(docs)


def test_counts_add_up_over_calls() -> None:
    once, twice = _tally([(1, 2), (1 << 63, 3), (5, 4)]), _tally([(1, 2)])
    twice.add(np.array([1 << 63, 5], np.uint64), np.array([3, 4], np.int64))
    assert np.array_equal(once.docs, twice.docs)
    assert np.array_equal(once.tokens, twice.tokens)


def test_a_part_of_the_buckets() -> None:
    shift = 64 - BUCKET_BITS
    tally = _tally([(n << shift, 4) for n in range(6)])
    assert tally.cut(None, first=2, end=5) == [(2, 5)]
    assert tally.cut(5, first=2, end=5) == [(2, 3), (3, 4), (4, 5)]
    assert tally.cut(10, per_doc=5, first=2, end=5) == [(2, 3), (3, 4), (4, 5)]
    assert tally.totals(2, 5) == (3, 15)
