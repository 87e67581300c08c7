"""Training a BPE tokenizer."""

import json
import random

import numpy as np
import pytest
from pydantic import ValidationError

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.rounds import View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.tokenize.formats.vocab import load_vocabulary
from gristmill.tokenize.train import TrainBpe, TrainOnSample, train_bpe

TEXTS = [f"grind the grain, grinder number {n}; the mill grinds on and on" for n in range(50)]


def test_ids_are_bytes_then_merges_then_the_special_token(tmp_path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(train_bpe(iter(TEXTS), 300).to_str(), "utf-8")
    vocabulary = load_vocabulary(path)
    assert len(vocabulary) == 300
    assert sorted(vocabulary.token_bytes[:256]) == [bytes([b]) for b in range(256)]
    assert all(len(piece) > 1 for piece in vocabulary.token_bytes[256:])
    assert vocabulary.special == {299}
    assert vocabulary.token_bytes[299] == b"<|endoftext|>"
    merges = json.loads(path.read_text("utf-8"))["model"]["merges"]
    assert len(merges) == 300 - 257


def test_training_is_deterministic_and_blind_to_the_order_of_texts() -> None:
    shuffled = random.Random(1).sample(TEXTS, len(TEXTS))
    runs = {train_bpe(iter(t), 320).to_str() for t in (TEXTS, TEXTS, TEXTS, shuffled)}
    assert len(runs) == 1


def test_the_first_merges_are_pinned() -> None:
    body = json.loads(train_bpe(iter(["low low low lower lowest"]), 261, "gpt2").to_str())
    assert body["model"]["merges"] == [["l", "o"], ["lo", "w"], ["Ġ", "low"], ["Ġlow", "e"]]


@pytest.mark.parametrize("texts", [[], [""], ["ab"], ["\0"]])
def test_a_tiny_corpus_gives_a_smaller_vocabulary(texts) -> None:
    tokenizer = train_bpe(iter(texts), 5000)
    assert 257 <= tokenizer.get_vocab_size() <= 258
    assert tokenizer.token_to_id("<|endoftext|>") == tokenizer.get_vocab_size() - 1


def test_smallest_vocabulary() -> None:
    assert train_bpe(iter(TEXTS), 257).get_vocab_size() == 257
    with pytest.raises(ConfigError, match="at least 257"):
        train_bpe(iter(TEXTS), 256)


@pytest.mark.parametrize("special", ["a", "é", "grind"])
def test_a_special_token_that_is_an_ordinary_one_is_refused(special: str) -> None:
    with pytest.raises(ConfigError, match="also an ordinary token"):
        train_bpe(iter(TEXTS), 400, "gpt2", special)


def test_the_special_token_written_in_the_corpus_stays_text() -> None:
    tokenizer = train_bpe(iter(["<|endoftext|> " * 50]), 400)
    assert tokenizer.token_to_id("<|endoftext|>") == tokenizer.get_vocab_size() - 1


def test_patterns_of_your_own() -> None:
    assert TrainBpe(pattern=r"\w+|\W").pattern == r"\w+|\W"
    tokenizer = train_bpe(iter(["abab abab"]), 300, r"\w|\W")
    assert tokenizer.get_vocab_size() == 257  # pieces of one character cannot be merged
    with pytest.raises(ValidationError, match="no regular expression"):
        TrainBpe(pattern="(")


@pytest.mark.parametrize(
    "bad", [{"vocab_size": 256}, {"sample_bytes": "0KB"}, {"end_of_text": ""}, {"seed": -1}]
)
def test_bad_parameters_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        TrainBpe(**bad)


def _chosen(folder, config: TrainBpe) -> list[int]:
    return TrainOnSample(config, View("documents"))._choose(folder).tolist()


def test_the_sample_respects_its_size(lay) -> None:
    folder = lay([["é" * 50] * 20, ["x" * 100] * 20])  # 100 bytes each
    assert len(_chosen(folder, TrainBpe(sample_bytes=1000))) == 10
    assert len(_chosen(folder, TrainBpe(sample_bytes=1099))) == 10
    assert len(_chosen(folder, TrainBpe(sample_bytes=1))) == 1
    assert len(_chosen(folder, TrainBpe(sample_bytes="1GB"))) == 40


def test_the_sample_is_drawn_by_key_and_seed(lay) -> None:
    docs = [(make_key(0, n), text) for n, text in enumerate(TEXTS)]
    one, three = lay([docs]), lay([docs[:5], [], docs[5:]])
    config = TrainBpe(sample_bytes=700)
    chosen = _chosen(one, config)
    assert chosen == _chosen(three, config) == sorted(chosen)
    assert 5 < len(chosen) < len(docs)
    assert max(chosen) > 20  # not simply the first ones
    assert chosen != _chosen(one, TrainBpe(sample_bytes=700, seed=2))


def test_the_round_gives_the_same_bytes_for_other_shards(lay) -> None:
    docs = [(make_key(0, n), text) for n, text in enumerate(TEXTS)]
    written = []
    for shards in ([docs], [docs[:20], docs[20:30], docs[30:]]):
        folder = lay(shards)
        stage = TrainBpe(vocab_size=300, sample_bytes="1KB")
        execute(folder, stage.rounds("tokenizer", View("documents")), LocalRunner())
        written.append((folder.root / "tokenizer" / "tokenizer.json").read_bytes())
        (manifest,) = folder.manifests("tokenizer")
        vocabulary = load_vocabulary(folder.root / "tokenizer" / "tokenizer.json")
        assert manifest.facts["vocab_size"] == len(vocabulary)
        assert manifest.facts["sample_docs"] == len(_chosen(folder, stage))
        assert (manifest.stages[0].docs_in, manifest.stages[0].docs_out) == (50, 50)
    assert written[0] == written[1]


def test_null_texts_do_no_harm(lay) -> None:
    folder = lay([[None, "grind grind grind", None]])
    stage = TrainBpe(vocab_size=300)
    execute(folder, stage.rounds("tokenizer", View("documents")), LocalRunner())
    assert folder.manifests("tokenizer")[0].facts["sample_docs"] == 3


def test_no_documents_is_said(lay) -> None:
    folder = lay([[], []])
    with pytest.raises(ShardError, match="no document is left to train on"):
        execute(folder, TrainBpe().rounds("tokenizer", View("documents")), LocalRunner())


def test_keys_of_the_sample_are_sorted_and_unsigned(lay) -> None:
    high = make_key((1 << 24) - 1, 7)
    chosen = TrainOnSample(TrainBpe(), View("documents"))._choose(lay([[(3, "a"), (high, "b")]]))
    assert chosen.dtype == np.uint64
    assert chosen.tolist() == [3, high]
