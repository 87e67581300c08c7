"""Every token is a target once, documents stay whole, and nothing depends on chance."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.packing import Packed, pack


@given(st.lists(st.integers(0, 70), max_size=40), st.integers(2, 24))
def test_every_position_has_one_place(lengths: list[int], context: int) -> None:
    documents = np.array([(0, 100 * i, n) for i, n in enumerate(lengths)], np.int64).reshape(-1, 3)
    windows, pieces = pack(documents, context)
    found = {
        (first, position)
        for _, first, _, start, count in pieces.tolist()
        for position in range(start, start + count)
    }
    assert found == {(100 * i, p) for i, n in enumerate(lengths) for p in range(n + 1)}
    assert pieces[:, 4].sum() == len(found)
    filled = np.bincount(windows, pieces[:, 4]) if len(windows) else np.zeros(0)
    assert (filled <= context).all()
    assert (filled > 0).all()
    whole = pieces[pieces[:, 3] == 0]
    assert (whole[whole[:, 2] < context][:, 4] == whole[whole[:, 2] < context][:, 2] + 1).all()
    # What goes on begins its window: nothing before it could be taken for its beginning.
    first_of = {w: i for i, w in reversed(list(enumerate(windows.tolist())))}
    assert all(first_of[w] == i for i, w in enumerate(windows.tolist()) if pieces[i, 3] > 0)
    # Best fit: no two windows could be one.
    rest = sorted(filled)
    assert len(rest) < 2 or rest[0] + rest[1] > context or (pieces[:, 3] > 0).sum() > 1


def test_windows_hold_the_documents(shards: Path) -> None:
    corpus = ShardSet(shards)
    packed = Packed.of(corpus, "train", 64)
    inputs, targets = packed.gather(np.arange(len(packed)))
    assert inputs.shape == targets.shape == (len(packed), 64)
    told = sorted(tuple(doc.tolist()) for doc in corpus.documents("train"))
    streams = []
    for ids, goals in zip(inputs.tolist(), targets.tolist(), strict=True):
        counted = [(i, t) for i, t in zip(ids, goals, strict=True) if t != -100]
        assert all(t == -100 for t in goals[len(counted) :])
        # Within a window the input is the target before it, but where a document ends.
        assert all(i in (t, 0) for (i, _), (_, t) in zip(counted[1:], counted, strict=False))
        streams.append([t for _, t in counted])
    found: list[tuple[int, ...]] = []
    doc: list[int] = []
    for stream in streams:
        for token in stream:
            if token == corpus.eot:
                found.append(tuple(doc))
                doc = []
            else:
                doc.append(token)
    assert sorted(found) == told
    assert packed.padding == int((targets == -100).sum())
    assert "padding" in packed.left_out


@settings(max_examples=10)
@given(st.integers(2, 300))
def test_all_targets_are_counted_once_for_any_context(shards: Path, context: int) -> None:
    corpus = ShardSet(shards)
    packed = Packed.of(corpus, "train", context)
    _, targets = packed.gather(np.arange(len(packed)))
    docs = list(corpus.documents("train"))
    assert int((targets != -100).sum()) == sum(len(doc) + 1 for doc in docs)
    counts = np.bincount(targets[targets != -100].numpy(), minlength=257)
    assert counts[0] == len(docs)
    assert np.array_equal(counts[1:], np.bincount(np.concatenate(docs), minlength=257)[1:])


def test_too_few_windows_are_told(shards: Path) -> None:
    with pytest.raises(ConfigError, match=r"windows of 64 tokens, 100000 are needed"):
        Packed.of(ShardSet(shards), "train", 64, at_least=100_000)
