"""Which documents a sample is made of."""

import random

import numpy as np
import pytest
import xxhash

from gristmill.pipeline.rounds import View
from gristmill.pipeline.schema import make_key
from gristmill.tokenize import sample
from gristmill.tokenize.sample import choose

VIEW = View("documents")
TEXTS = [f"grind the grain, grinder number {n}; " * (1 + n % 3) for n in range(50)]


def chosen(folder, size: int, seed: int = 1) -> list[int]:
    return choose(VIEW, folder, size, seed, lambda seen: None).keys.tolist()


def texts(folder, size: int, seed: int = 1) -> list[str]:
    found = choose(VIEW, folder, size, seed, lambda seen: None)
    return list(found.texts(VIEW, folder))


@pytest.mark.parametrize(
    ("size", "docs"), [(1000, 10), (1099, 11), (1, 1), (4000, 40), (10**9, 40)]
)
def test_it_has_its_size_to_the_byte(lay, size: int, docs: int) -> None:
    folder = lay([["é" * 50] * 20, ["x" * 100] * 20])  # 100 bytes each
    found = texts(folder, size)
    assert len(found) == docs
    total = sum(len(text.encode()) for text in found)
    assert min(size, 4000) - 1 <= total <= size  # half an é is left out


def test_a_document_larger_than_the_sample_is_cut(lay) -> None:
    assert texts(lay([["水" * 100_000]]), 10) == ["水水水"]


def test_it_is_drawn_by_key_and_seed_not_by_shard(lay) -> None:
    docs = [(make_key(0, n), text) for n, text in enumerate(TEXTS)]
    one, three = lay([docs]), lay([docs[:5], [], docs[5:]])
    keys = chosen(one, 700)
    assert keys == chosen(three, 700) == sorted(keys)
    assert 5 < len(keys) < len(docs)
    assert max(keys) > 20  # not simply the first ones
    assert keys != chosen(one, 700, seed=2)
    assert texts(one, 700) == texts(three, 700)


@pytest.mark.parametrize("slack", [0, 1, 7, 10**6])
def test_dropping_the_surplus_early_changes_nothing(lay, monkeypatch, slack: int) -> None:
    drawn = random.Random(5)
    docs = [(make_key(0, n), "x" * drawn.randrange(90)) for n in range(400)]
    folder = lay([docs[:150], docs[150:160], docs[160:]])
    monkeypatch.setattr(sample, "_SLACK", slack)
    monkeypatch.setattr(sample, "_ROWS", 16)
    order = sorted(docs, key=lambda d: xxhash.xxh64_intdigest(np.uint64(d[0]).tobytes(), 1))
    for size in (1, 50, 3000, 10**6):
        room, wanted = size, []
        for key, text in order:
            if room > 0:
                wanted.append((key, text[:room]))
                room -= len(text)
        wanted.sort()
        assert chosen(folder, size) == [key for key, _ in wanted]
        assert texts(folder, size) == [text for _, text in wanted]


def test_little_is_held_of_a_large_corpus(monkeypatch) -> None:
    monkeypatch.setattr(sample, "_SLACK", 1000)
    nearest = sample._Nearest(100_000)
    drawn = np.random.default_rng(1)
    most = 0
    for start in range(0, 1_000_000, 10_000):
        keys = np.arange(start, start + 10_000, dtype=np.uint64)
        ranks = drawn.integers(0, 2**64, 10_000, np.uint64)
        nearest.add(ranks, keys, np.full(10_000, 1000))
        most = max(most, nearest._surplus + len(nearest._keys))
    assert len(nearest.sample().keys) == 100
    assert most < 12_000


def test_no_document_and_empty_ones(lay) -> None:
    assert chosen(lay([[], []]), 10) == []
    assert texts(lay([[None, "", "mill"]]), 10**6) == ["", "", "mill"]


def test_texts_are_found_by_search_not_by_a_table_for_every_batch(lay, monkeypatch) -> None:
    folder = lay([TEXTS])
    found = choose(VIEW, folder, 700, 1, lambda seen: None)
    monkeypatch.setattr(sample.pc, "is_in", lambda *_, **__: pytest.fail("hashes all keys anew"))
    assert len(list(found.texts(VIEW, folder))) == len(found.keys)


def test_keys_are_unsigned_and_all_are_looked_at(lay) -> None:
    high = make_key((1 << 24) - 1, 7)
    seen: list[int] = []
    found = choose(VIEW, lay([[(3, "a"), (high, "b")]]), 10**6, 1, seen.append)
    assert found.keys.dtype == np.uint64
    assert found.keys.tolist() == [3, high]
    assert seen[-1] == 2
