"""Cutting corpora to equal numbers of tokens."""

import json

import numpy as np
import pytest

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.ablate_corpus import (
    Documents,
    check_same_tokenizer,
    equal_tokens,
    write_part,
)

TEXTS = [f"{word} " * (n % 7 + 3) for n, word in enumerate(["mill", "corn", "stone", "water"] * 10)]


@pytest.fixture
def corpus(make_shards, tmp_path):
    return ShardSet(make_shards(tmp_path / "c", TEXTS, ["held out " * 9] * 2, split_at=15))


def texts(shards, split="train"):
    return [bytes((np.asarray(d) - 1).tolist()).decode() for d in shards.documents(split)]


@pytest.mark.parametrize("tokens", [1, 100, 777, None])
def test_a_part_has_exactly_so_many_tokens(tokens, corpus, tmp_path):
    documents = Documents.of(corpus)
    tokens = tokens or documents.available(1)
    part = ShardSet(write_part(documents, documents.choose(tokens, 0, 1), tmp_path / "part"))
    part.verify(hashes=True)
    assert part.tokens("train") == tokens
    assert texts(part, "val") == texts(corpus, "val")
    whole, found = texts(corpus), texts(part)
    left = iter(whole)
    entire = [text for text in found if text in whole]
    assert all(any(text == other for other in left) for text in entire)  # in their order
    assert len(found) - len(entire) <= 1  # no more than one is cut


def test_copies_are_taken_together_and_order_of_files_does_not_matter(make_shards, tmp_path):
    one = ShardSet(make_shards(tmp_path / "1", TEXTS * 2, ["x" * 50]))
    other = ShardSet(make_shards(tmp_path / "2", (TEXTS * 2)[::-1], ["x" * 50]))
    taken = {}
    for name, shards in (("one", one), ("other", other)):
        documents = Documents.of(shards)
        chosen = documents.choose(documents.available(1) // 2, 0, 1) == documents.sizes
        taken[name] = sorted(t for t, yes in zip(texts(shards), chosen, strict=True) if yes)
    half = set(taken["one"])
    assert len(half) < len(set(TEXTS))
    # All copies but those of the document at the cut.
    lost = [t for t in half if taken["one"].count(t) != (TEXTS * 2).count(t)]
    assert len(lost) <= 1
    assert set(taken["one"]) ^ set(taken["other"]) <= set(lost)


def test_subsets_are_disjoint_and_cover(corpus):
    documents = Documents.of(corpus)
    masks = np.stack([documents.in_subset(s, 3) for s in range(3)])
    assert (masks.sum(axis=0) == 1).all()
    assert documents.available(3) == min(documents.sizes[m].sum() for m in masks)
    taken = documents.choose(documents.available(3), 1, 3)
    assert not taken[~masks[1]].any()


def test_the_smaller_corpus_sets_the_number(corpus, make_shards, tmp_path):
    small = Documents.of(ShardSet(make_shards(tmp_path / "s", TEXTS[:5], ["x" * 50])))
    large = Documents.of(corpus)
    assert equal_tokens((small, large), 1, None) == small.sizes.sum()
    assert equal_tokens((large, small), 1, 50) == 50
    with pytest.raises(ConfigError, match=r"/s: [\d,]+ training tokens, 9,999 asked for"):
        equal_tokens((large, small), 1, 9999)


def test_a_part_is_written_once_and_whole(corpus, tmp_path):
    documents = Documents.of(corpus)
    folder = write_part(documents, documents.choose(50, 0, 1), tmp_path / "part")
    before = (folder / "shards.json").read_bytes()
    assert write_part(documents, documents.choose(70, 0, 1), folder) == folder
    assert (folder / "shards.json").read_bytes() == before
    assert not list(tmp_path.glob(".part*"))


def test_another_tokenizer_is_refused_with_the_remedy(corpus, make_shards, tmp_path):
    other = make_shards(tmp_path / "other", TEXTS, ["x" * 50])
    data = json.loads((other / "tokenizer.json").read_text())
    (other / "tokenizer.json").write_text(json.dumps(data | {"version": "2"}))
    check_same_tokenizer(corpus, corpus)
    with pytest.raises(ConfigError, match="train one on the documents of both"):
        check_same_tokenizer(corpus, ShardSet(other))
