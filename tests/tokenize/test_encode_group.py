"""Encoding: what each task writes, and what its documents' columns say."""

import json

import numpy as np
import pyarrow as pa
import pytest

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.held_out import draws
from gristmill.pipeline.rounds import Round, View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize import encode_group
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.encode_group import ENCODED, EncodeGroup, raw_type
from gristmill.tokenize.ranked_file import read_ranked
from gristmill.tokenize.source import TokenizerSource
from gristmill.tokenize.train import train_bpe

TEXTS = [[f"sack {n} of rye, ground {n * n} times" for n in range(k, 40, 2)] for k in range(2)]


def encode(folder: RunFolder, tokenizer, dtype: str = "auto", **columns: str | None) -> pa.Table:
    """Run the round; return the rows of all tasks, their tokens decoded to ids."""
    named = {"copies": "minhash_dedup.copies", "cluster": "minhash_dedup.survivor"} | columns
    work = EncodeGroup(View("documents"), TokenizerSource(str(tokenizer)), 1, dtype=dtype, **named)
    execute(folder, [Round("tokens.encode", work)], LocalRunner())
    tables = []
    for manifest in folder.manifests("tokens.encode"):
        path = folder.file("tokens.encode", manifest.task, "documents.arrow")
        table = read_ranked(path, 0, 2**64 - 1)
        assert table.schema.equals(ENCODED)
        raw = np.fromfile(folder.file("tokens.encode", manifest.task, "tokens.raw"), "<u2")
        spans = zip(table["first"].to_pylist(), table["tokens"].to_pylist(), strict=True)
        ids = [raw[first : first + n].tolist() for first, n in spans]
        assert sum(map(len, ids)) == len(raw) == manifest.output("tokens.raw").tokens
        tables.append(table.append_column("ids", pa.array(ids, pa.list_(pa.int64()))))
    return pa.concat_tables(tables)


def test_each_document_is_encoded_once_and_sorted_by_rank(lay, bpe) -> None:
    rows = encode(lay(TEXTS), bpe("gpt4"))
    encoder = load_encoder(bpe("gpt4"))
    texts = {make_key(n, i): text for n, shard in enumerate(TEXTS) for i, text in enumerate(shard)}
    assert rows["rank"].to_pylist() == sorted(rows["rank"].to_pylist())
    assert sorted(rows["key"].to_pylist()) == sorted(texts)
    for row in rows.to_pylist():
        text = texts[row["key"]]
        assert row["ids"] == encoder.encode([text])[0].tolist()
        assert row["bytes"] == len(text.encode())
        assert row["copy"] == 0


def test_groups_do_not_change_what_is_written(lay, bpe, monkeypatch) -> None:
    one = encode(lay(TEXTS), bpe("gpt4"))
    monkeypatch.setattr(encode_group, "_SMALLEST", 1)
    folder = lay(TEXTS)
    two = encode(folder, bpe("gpt4"))
    assert len(folder.manifests("tokens.encode")) == 2
    drop = ["first"]
    assert two.sort_by("rank").drop(drop).equals(one.drop(drop))


def test_the_span_of_draws_is_recorded_whole(lay, bpe) -> None:
    folder = lay(TEXTS)
    encode(folder, bpe("gpt4"))
    found = draws(pa.array([t for shard in TEXTS for t in shard]))
    (low, high) = folder.manifests("tokens.encode")[0].facts["draws"]
    assert (int(low, 16), int(high, 16)) == (int(found.min()), int(found.max()))


def test_copies_stand_at_places_of_their_own(lay, bpe) -> None:
    copies = pa.array([3, None, 1] + [1] * 37, pa.int64())
    folder = lay(TEXTS, {"minhash_dedup.copies": copies})
    rows = encode(folder, bpe("gpt4"))
    repeated = [r for r in rows.to_pylist() if r["key"] == 0]
    assert sorted(r["copy"] for r in repeated) == [0, 1, 2]
    assert len({r["rank"] for r in repeated}) == 3
    assert len({tuple(r["ids"]) for r in repeated}) == 1
    assert rows.num_rows == 42
    assert (
        encode(lay(TEXTS, {"minhash_dedup.copies": copies}), bpe("gpt4"), copies=None).num_rows
        == 40
    )
    (stage,) = folder.manifests("tokens.encode")[0].stages
    assert (stage.docs_in, stage.docs_out) == (40, 40)


@pytest.mark.parametrize("wrong", [0, -1, 1001])
def test_impossible_numbers_of_copies_are_refused(lay, bpe, wrong: int) -> None:
    folder = lay([["a", "b"]], {"minhash_dedup.copies": pa.array([1, wrong], pa.int64())})
    with pytest.raises(ShardError, match=r"minhash_dedup\.copies asks for .*copies=null"):
        encode(folder, bpe("gpt4"))


def test_a_cluster_has_one_draw(lay, bpe) -> None:
    clusters = pa.array([5, 5, None, 9], pa.uint64())
    folder = lay([["a", "b", "c", "d"]], {"minhash_dedup.survivor": clusters})
    by_key = {r["key"]: r["draw"] for r in encode(folder, bpe("gpt4")).to_pylist()}
    assert by_key[0] == by_key[1]
    assert len(set(by_key.values())) == 3


def test_columns_that_hold_no_numbers_are_refused(lay, bpe) -> None:
    for name in ("minhash_dedup.copies", "minhash_dedup.survivor"):
        folder = lay([["a", "b"]], {name: pa.array(["x"] * 2)})
        with pytest.raises(ShardError, match=rf"{name} holds string, no whole numbers"):
            encode(folder, bpe("gpt4"))


def test_whole_numbers_of_any_width_do(lay, bpe) -> None:
    more = {
        "minhash_dedup.copies": pa.array([2, 1], pa.int16()),
        "minhash_dedup.survivor": pa.array([7, 7], pa.int64()),
    }
    rows = encode(lay([["a", "b"]], more), bpe("gpt4"))
    assert (rows.num_rows, len(set(rows["draw"].to_pylist()))) == (3, 1)


def test_end_of_text_that_is_an_ordinary_token_is_refused(lay, bpe, tmp_path) -> None:
    """It would end texts in their middle."""
    body = json.loads(bpe("gpt4").read_text())
    (ordinary,) = load_encoder(bpe("gpt4")).encode(["g"])[0].tolist()
    body["added_tokens"] = [body["added_tokens"][0] | {"content": "g", "id": ordinary}]
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(body))
    with pytest.raises(ShardError, match="special token 'g' is also an ordinary token"):
        encode(lay([["g"]]), path)


def test_types_of_tokens() -> None:
    assert raw_type("auto", 65_536) == np.uint16
    assert raw_type("auto", 65_537) == np.uint32
    assert raw_type("uint32", 300) == np.uint32
    assert raw_type("uint16", 65_536) == np.uint16
    with pytest.raises(ConfigError, match=r"uint16 holds 65,536 ids.*set shards.dtype=uint32"):
        raw_type("uint16", 65_537)


def test_a_document_that_breaks_the_pattern_is_named(lay, tmp_path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(train_bpe(iter(["corn"]), 300, r"(?:a|aa)+b|[\s\S]").to_str(), "utf-8")
    with pytest.raises(ShardError, match=r"key 1, .*example\.org/0/1.*breaks down on a text"):
        encode(lay([["rye", "a" * 60]]), path)
