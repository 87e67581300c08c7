import dataclasses
import math

import numpy as np
import pytest
import torch

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke import evals
from gristmill.train_smoke.loader import Windows
from gristmill.train_smoke.model import GPT


@pytest.fixture
def model(micro):
    """Zero-initialised, hence uniform over 257 tokens."""
    return GPT(micro, 257, 0).eval()


def test_unigram_by_hand(make_shards, tmp_path):
    corpus = ShardSet(make_shards(tmp_path / "s", ["aab"], ["ab"]))
    # train: eot 1, a 2, b 1, of 4 tokens; val's targets: a and b
    wanted = -(math.log(3 / 261) + math.log(2 / 261)) / 2
    assert evals.unigram_loss(corpus) == pytest.approx(wanted)


def test_a_uniform_model_scores_uniform(model, shards):
    corpus = ShardSet(shards)
    windows = Windows.of(corpus, "val", 32)
    assert evals.val_loss(model, windows) == pytest.approx(evals.uniform_loss(257), abs=1e-5)
    scored = evals.bits_per_byte(model, corpus)
    # one token a byte here, so that bits per byte is log2 V
    assert scored.bits_per_byte == pytest.approx(math.log2(257), abs=1e-5)
    assert scored.tokens == scored.bytes == corpus.manifest["splits"]["val"]["bytes"]
    assert scored.documents == 6


def test_every_token_of_a_document_is_scored_once():
    doc = np.arange(1, 101)
    rows = list(evals._strides(doc, 0, 16))
    scored = [t for _, targets in rows for t in targets if t != -100]
    assert scored == doc.tolist()
    assert rows[0][0][0] == 0
    assert all(len(ids) <= 16 for ids, _ in rows)
    # all but the first row give every scored token at least half a context
    assert all((targets == -100).sum() >= 8 for _, targets in rows[1:])


def test_score_does_not_depend_on_batching_or_neighbours(micro):
    model = GPT(micro, 257, 0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.1)
    docs = [np.arange(1, 1 + n) for n in (3, 90, 20)]
    together = evals.score(model.eval(), docs)
    assert together == pytest.approx(sum(evals.score(model, [doc]) for doc in docs), rel=1e-5)


def test_spread_is_fixed_and_even():
    assert evals.spread(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert evals.spread(3, 5).tolist() == evals.spread(3, 0).tolist() == [0, 1, 2]


def test_nothing_to_score_is_an_error(micro, make_shards, tmp_path):
    corpus = ShardSet(make_shards(tmp_path / "s", ["abc"], [""]))
    model = GPT(dataclasses.replace(micro), 257, 0).eval()
    with pytest.raises(ConfigError, match="no bytes"):
        evals.bits_per_byte(model, corpus)


@pytest.mark.parametrize("tokens", [1, 7, 20, 1000])
def test_passes_hold_every_row_and_no_more_tokens_than_asked(tokens):
    lengths = [1, 1, 2, 3, 5, 5, 9]
    rows = [(n, np.zeros(length), np.zeros(length)) for n, length in enumerate(lengths)]
    groups = list(evals._passes(rows, tokens))
    assert [row[0] for group in groups for row in group] == list(range(7))
    for group in groups:
        assert len(group) == 1 or len(group) * max(len(row[1]) for row in group) <= tokens
