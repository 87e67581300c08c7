"""Held-out documents without what was trained on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.ablate_held_out import SPAN, held_out, span_hashes, without_overlap


def ids(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64) + 1


def line(seed: int, length: int) -> str:
    return "".join(np.random.default_rng(seed).choice(list("abcdefgh "), length))


@pytest.fixture
def corpora(make_shards, tmp_path):
    return [
        ShardSet(make_shards(tmp_path / name, [line(100 * k + n, 300) for n in range(8)], ["v"],
                             split_at=3))
        for k, name in ((1, "a"), (2, "b"))
    ]  # fmt: skip


@given(st.lists(st.integers(0, 3), min_size=SPAN, max_size=3 * SPAN), st.data())
def test_equal_spans_and_only_they_have_equal_hashes(tokens, data):
    rows = np.random.default_rng(0).integers(0, 1 << 64, 4, dtype=np.uint64)
    tokens = np.array(tokens)
    hashes = span_hashes(tokens, rows)
    assert len(hashes) == len(tokens) - SPAN + 1
    i, j = (data.draw(st.integers(0, len(hashes) - 1)) for _ in range(2))
    same = np.array_equal(tokens[i : i + SPAN], tokens[j : j + SPAN])
    assert (hashes[i] == hashes[j]) == same


def test_a_span_of_either_corpus_excludes_and_one_token_less_does_not(corpora):
    new = line(7, 200)
    documents = {
        "clean": new,
        "of a": new + line(100, 300)[40 : 40 + SPAN],
        "of b, second file": line(207, 300)[250:] + new,
        "one less": new + line(100, 300)[40 : 40 + SPAN - 1] + "#",
        "across documents": line(100, 300)[-25:] + line(101, 300)[:25],
    }
    one = held_out("set", "neutral", [ids(text) for text in documents.values()])
    (found,) = without_overlap([one], corpora, 0)
    kept = [bytes((doc - 1).tolist()).decode() for doc in found.documents]
    names = [name for name, text in documents.items() if text in kept]
    assert names == ["clean", "one less", "across documents"]
    assert (found.found, found.overlapping, found.short) == (5, 2, 0)


def test_short_documents_are_counted_and_the_rest_is_spread(corpora):
    documents = [ids(line(50 + n, 60)) for n in range(9)] + [ids("short")] * 2
    (found,) = without_overlap([held_out("set", "A", documents)], corpora, 3)
    assert (found.found, found.overlapping, found.short) == (11, 0, 2)
    assert [d.tolist() for d in found.documents] == [documents[n].tolist() for n in (0, 3, 6)]


def test_nothing_left_is_an_error_that_counts(corpora):
    one = held_out("mine", "neutral", [ids(line(100, 300)), ids("short")])
    with pytest.raises(ConfigError, match=r"mine: none of its 2 .*\(1 share .* 1 are shorter"):
        without_overlap([one], corpora, 0)
