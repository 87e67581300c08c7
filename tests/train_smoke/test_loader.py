import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.loader import Loader, Windows, permute


@given(st.integers(1, 3000), st.integers(0, 2**63), st.integers(0, 50))
def test_permute_is_a_permutation(n, seed, epoch):
    out = permute(np.arange(n), n, (seed, epoch))
    assert sorted(out.tolist()) == list(range(n))


def test_permute_is_pinned():
    """A published order must never change: checkpoints hold a position in it."""
    assert permute(np.arange(8), 8, (1, 0)).tolist() == [6, 5, 0, 4, 1, 3, 7, 2]
    assert permute(np.arange(10), 10, (7, 3)).tolist() == [2, 1, 9, 3, 6, 5, 8, 7, 4, 0]
    one, two = permute(np.arange(999), 999, (1, 0)), permute(np.arange(999), 999, (1, 1))
    assert np.mean(one == two) < 0.02
    assert abs(np.corrcoef(np.arange(999), one)[0, 1]) < 0.1


def test_every_token_is_a_target_once_an_epoch(shards):
    corpus = ShardSet(shards)
    windows = Windows.of(corpus, "train", 32)
    order = Loader(windows, seed=3).order(0, len(windows))
    assert sorted(order.tolist()) == list(range(len(windows)))
    _, targets = windows.gather(np.arange(len(windows)))
    arrays = corpus.arrays("train")
    wanted = np.concatenate([a[1 : 1 + (len(a) - 1) // 32 * 32] for a in arrays])
    assert np.array_equal(targets.flatten().numpy(), wanted.astype(np.int64))
    assert windows.dropped + targets.numel() + len(arrays) == corpus.tokens("train")


def test_targets_are_inputs_shifted(shards):
    ids, targets = Loader(Windows.of(ShardSet(shards), "train", 32), 1).batch(5, 4)
    assert ids.dtype == torch.int64
    assert torch.equal(ids[:, 1:], targets[:, :-1])


def test_order_does_not_depend_on_where_one_starts_or_how_many_share(shards):
    loader = Loader(Windows.of(ShardSet(shards), "train", 32), seed=7)
    n = len(loader.windows)
    start = n - 5  # across the end of an epoch
    whole, _ = loader.batch(start, 12)
    assert torch.equal(torch.cat([loader.batch(start + k, 1)[0] for k in range(12)]), whole)
    ranks = [loader.batch(start, 12, rank=r, world=3)[0] for r in range(3)]
    assert torch.equal(torch.cat(ranks), whole)
    with pytest.raises(ConfigError, match="5 processes"):
        loader.batch(0, 12, world=5)


def test_tiny_corpora_say_how_many_tokens_there_are(make_shards, tmp_path):
    corpus = ShardSet(make_shards(tmp_path / "s", ["a short text"], ["x"]))
    with pytest.raises(ConfigError, match=r"'val' has 2 tokens.*smaller context"):
        Windows.of(corpus, "val", 32)
    with pytest.raises(ConfigError, match=r"'train' has 13 tokens.*8 are needed.*batch_tokens"):
        Windows.of(corpus, "train", 4, at_least=8)
