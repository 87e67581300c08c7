"""Encoded documents by ranges of rank."""

import numpy as np
import pytest

from gristmill.pipeline.rounds import Round, View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize import encode_group
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.encode_group import ENCODE, EncodeGroup
from gristmill.tokenize.encoded import EncodedSplit
from gristmill.tokenize.source import TokenizerSource

TEXTS = [["the mill", "", "水車 grinds"], ["rye and wheat"], ["flour", "grinding"]]
ALL = (0, 2**64 - 1)


@pytest.fixture
def folder(lay, bpe, monkeypatch) -> RunFolder:
    monkeypatch.setattr(encode_group, "_SMALLEST", 1)  # a task for each shard
    folder = lay(TEXTS)
    work = EncodeGroup(
        View("documents"), TokenizerSource(str(bpe("gpt4"))), 1, copies=None, cluster=None,
        dtype="auto",
    )  # fmt: skip
    execute(folder, [Round(ENCODE, work)], LocalRunner())
    return folder


@pytest.mark.parametrize("place", ["before", "after"])
def test_documents_of_all_tasks_in_the_order_of_ranks(folder, bpe, place) -> None:
    encoder = load_encoder(bpe("gpt4"))
    split = EncodedSplit.of(folder, "train", np.uint64(0))
    assert (split.tasks, split.dtype, split.eot) == (3, np.dtype("<u2"), encoder.eot)
    rows, tokens, sizes = split.collect(*ALL, place)
    assert rows["rank"].to_pylist() == sorted(rows["rank"].to_pylist())
    texts = [TEXTS[key >> 40][key & 0xFFFFFFFF] for key in rows["key"].to_pylist()]
    assert sorted(texts) == sorted(t for shard in TEXTS for t in shard)
    expected = []
    for text in texts:
        ids = encoder.encode([text])[0].tolist()
        expected.append([encoder.eot, *ids] if place == "before" else [*ids, encoder.eot])
    assert sizes.tolist() == [len(ids) for ids in expected]
    assert tokens.tolist() == [i for ids in expected for i in ids]


def test_ranges_add_up_to_all(folder) -> None:
    split = EncodedSplit.of(folder, "train", np.uint64(0))
    rows, tokens, _ = split.collect(*ALL, "before")
    middle = rows["rank"][2].as_py()
    parts = [split.collect(0, middle, "before"), split.collect(middle + 1, ALL[1], "before")]
    assert [part[0].num_rows for part in parts] == [3, 3]
    assert np.concatenate([part[1] for part in parts]).tolist() == tokens.tolist()
    nothing = split.collect(middle + 1, middle + 1, "before")
    assert [len(part) for part in nothing] == [0, 0, 0]


def test_splits_share_the_documents(folder) -> None:
    every = EncodedSplit.of(folder, "train", np.uint64(0)).collect(*ALL, "before")[0]
    limit = np.uint64(sorted(every["draw"].to_pylist())[2])
    keys = {}
    for name in ("train", "val"):
        rows = EncodedSplit.of(folder, name, limit).collect(*ALL, "before")[0]
        keys[name] = set(rows["key"].to_pylist())
    assert (len(keys["val"]), len(keys["train"])) == (2, 4)
    assert keys["val"] | keys["train"] == set(every["key"].to_pylist())
