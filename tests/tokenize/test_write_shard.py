"""Token files of every layout hold the same documents, whatever wrote them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.rounds import View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize import encode_group, plan_files, ranked_file
from gristmill.tokenize.encoded import EncodedSplit
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.tokenize.provenance import where
from gristmill.tokenize.shards import TokenShards, WriteTokens
from gristmill.tokenize.source import TokenizerSource
from gristmill.tokenize.write_shard import item_type

TEXTS = [
    *([f"sack {n} of rye" * (1 + n % 5) for n in range(k, 60, 3)] for k in range(3)),
    ["", "水"],
]
ALL = sorted(text for shard in TEXTS for text in shard)


def write(folder: RunFolder, tokenizer: Path, **config) -> ShardSet:
    made = TokenShards(**({"target_tokens": 1000, "val_fraction": 0.2} | config))
    stage = WriteTokens(config=made, tokenizer=TokenizerSource(str(tokenizer)))
    execute(folder, stage.rounds("shards", View("documents")), LocalRunner())
    shards = ShardSet(folder.root / "shards")
    shards.verify(hashes=True)
    return shards


def documents(shards: ShardSet) -> dict[str, list[str]]:
    decode = shards.vocabulary.decode
    return {s: [decode(d.tolist()) for d in shards.documents(s)] for s in ("train", "val")}


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("dtype", ["auto", "uint32"])
def test_every_layout_holds_the_same_documents_in_the_same_order(lay, bpe, layout, dtype) -> None:
    expected = documents(write(lay(TEXTS), bpe("gpt4")))
    shards = write(lay(TEXTS), bpe("gpt4"), format=layout, dtype=dtype)
    assert documents(shards) == expected
    assert sorted(t for split in expected.values() for t in split) == ALL
    if FORMATS[layout].ONE_FILE:
        assert [len(shards.of(split)) for split in ("train", "val")] == [1, 1]


@pytest.mark.parametrize("layout", FORMATS)
def test_where_is_right_for_every_token(lay, bpe, layout) -> None:
    shards = write(lay(TEXTS), bpe("gpt4"), format=layout)
    for split in ("train", "val"):
        for shard, array in zip(shards.of(split), shards.arrays(split), strict=True):
            first = 0
            while first < len(array):
                row = where(shards.folder / shard.path, first)
                assert row["first"] == first
                ids = np.delete(
                    array[first : first + row["tokens"]],
                    0 if FORMATS[layout].EOT == "before" else row["tokens"] - 1,
                )
                number, place = row["key"] >> 40, row["key"] & 0xFFFFFFFF
                assert shards.vocabulary.decode(ids.tolist()) == TEXTS[number][place]
                first += row["tokens"]


def test_neither_groups_nor_chunks_change_a_byte(lay, bpe, monkeypatch) -> None:
    one = write(lay(TEXTS), bpe("gpt4"))
    monkeypatch.setattr(encode_group, "_SMALLEST", 1)
    monkeypatch.setattr(ranked_file, "_ROWS", 3)
    monkeypatch.setattr(plan_files, "_DOC_TOKENS", 0)
    monkeypatch.setattr(plan_files, "_CHUNK", 40)
    other = write(lay(TEXTS), bpe("gpt4"))
    assert [s.sha256 for s in other.shards] == [s.sha256 for s in one.shards]
    for shard in one.shards:
        index = Path(shard.path).with_suffix(".index.parquet").name
        tables = [pq.ParquetFile(s.folder / index).read() for s in (one, other)]
        assert tables[0].equals(tables[1])


def test_copies_are_for_training_and_are_counted(lay, bpe) -> None:
    texts = [[f"text {n}" for n in range(40)]]
    more = {"minhash_dedup.copies": pa.array([3] * 40, pa.int64())}
    folder = lay(texts, more)
    shards = write(folder, bpe("gpt4"))
    found = documents(shards)
    train = {text: found["train"].count(text) for text in set(found["train"])}
    assert set(train.values()) == {3}
    assert len(found["val"]) == len(set(found["val"])) > 0
    assert set(train) | set(found["val"]) == set(texts[0])
    assert not set(train) & set(found["val"])
    written = folder.manifests("shards.write")
    assert sum(m.stages[0].docs_out for m in written) == 40
    assert sum(m.figures.get("repeated", 0) for m in written) == 2 * len(train)


def test_a_cluster_stands_on_one_side(lay, bpe) -> None:
    texts = [[f"text {n}" for n in range(60)]]
    clusters = pa.array([n // 3 for n in range(60)], pa.uint64())
    shards = write(lay(texts, {"minhash_dedup.survivor": clusters}), bpe("gpt4"), val_fraction=0.3)
    sides = {
        split: {int(text.split()[1]) // 3 for text in found}
        for split, found in documents(shards).items()
    }
    assert sides["train"]
    assert sides["val"]
    assert not sides["train"] & sides["val"]


def test_a_plan_that_does_not_fit_the_documents_is_refused(lay, bpe, monkeypatch) -> None:
    folder = lay(TEXTS)
    real = EncodedSplit._rows
    monkeypatch.setattr(EncodedSplit, "_rows", lambda *args: real(*args)[:0])
    with pytest.raises(ShardError, match=r"0 documents and 0 tokens were found, the plan has"):
        write(folder, bpe("gpt4"))


def test_types_of_items() -> None:
    for name, layout in FORMATS.items():
        assert item_type(layout, np.dtype("<u2")).itemsize == 2, name
        assert item_type(layout, np.dtype("<u4")).itemsize == 4, name
    with pytest.raises(ConfigError, match="holds uint64"):
        item_type(FORMATS["llmc"], np.dtype("<u8"))
