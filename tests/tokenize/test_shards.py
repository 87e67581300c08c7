"""From finished documents to token files."""

import json
import struct
from pathlib import Path

import pytest
from pydantic import ValidationError

from gristmill.errors import ConfigError
from gristmill.pipeline.rounds import View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.tokenize.provenance import where
from gristmill.tokenize.shards import TokenShards, WriteTokens
from gristmill.tokenize.source import TokenizerSource
from gristmill.tokenize.train import TrainBpe

DOCS = [
    [f"The mill ground {n} sacks of rye. " * (1 + n % 9) + f"水 {n}" for n in range(k, 120, 3)]
    for k in range(3)
] + [[], ["<|endoftext|> is text here", "", "The end."]]
TEXTS = [text for shard in DOCS for text in shard]


def write(folder: RunFolder, tokenizer: Path | None, **config) -> ShardSet:
    config = {"target_tokens": 1000, "val_fraction": 0.1} | config
    stage = WriteTokens(
        config=TokenShards(**config),
        tokenizer=TokenizerSource(str(tokenizer) if tokenizer else None),
    )
    execute(folder, stage.rounds("shards", View("documents")), LocalRunner())
    return ShardSet(folder.root / "shards")


def read_bin(path: Path) -> list[int]:
    """Read a file by the published layout, with nothing of ours."""
    raw = path.read_bytes()
    magic, version, count, *rest = struct.unpack("<256i", raw[:1024])
    assert (magic, version, set(rest)) == (20240520, 1, {0})
    assert len(raw) == 1024 + 2 * count
    return list(struct.unpack(f"<{count}H", raw[1024:]))


@pytest.fixture
def done(lay, bpe) -> tuple[RunFolder, ShardSet]:
    folder = lay(DOCS)
    return folder, write(folder, bpe("gpt4"))


def test_every_document_is_there_once_preceded_by_end_of_text(done, bpe) -> None:
    folder, shards = done
    encoder = load_encoder(bpe("gpt4"))
    found = []
    for shard in shards.shards:
        ids = read_bin(folder.root / "shards" / shard.path)
        assert ids[0] == encoder.eot
        starts = [i for i, token in enumerate(ids) if token == encoder.eot]
        found += [
            shards.vocabulary.decode(ids[a + 1 : b])
            for a, b in zip(starts, [*starts[1:], len(ids)], strict=True)
        ]
    assert sorted(found) == sorted(TEXTS)
    assert found != TEXTS  # shuffled


def test_the_set_verifies(done) -> None:
    folder, shards = done
    shards.verify(hashes=True)
    assert shards.tokens("val") > 0
    assert len(shards.of("train")) > 1
    assert (
        shards.tokenizer_path.read_bytes() == (folder.root / "shards/tokenizer.json").read_bytes()
    )
    assert sum(s.bytes for s in shards.shards) == sum(len(t.encode()) for t in TEXTS)


def test_tokens_and_documents_add_up_everywhere(done, bpe) -> None:
    folder, shards = done
    expected = sum(len(ids) + 1 for ids in load_encoder(bpe("gpt4")).encode(TEXTS))
    encoded = [m.output("tokens.raw") for m in folder.manifests("tokens.encode")]
    (order,) = folder.manifests("tokens.order")
    files = [len(read_bin(folder.root / "shards" / s.path)) for s in shards.shards]
    written = [m.output(".bin") for m in folder.manifests("shards.write")]
    body = json.loads((folder.root / "shards/shards.json").read_text("utf-8"))
    assert {
        sum(o.tokens + o.docs for o in encoded),  # end-of-text tokens come later
        sum(plan["tokens"] for plan in order.facts["files"]),
        sum(files),
        sum(o.tokens for o in written),
        sum(s["tokens"] for s in body["shards"]),
        sum(s["tokens"] for s in body["splits"].values()),
    } == {expected}
    assert {
        sum(o.docs for o in encoded),
        sum(plan["docs"] for plan in order.facts["files"]),
        sum(o.docs for o in written),
        sum(s["docs"] for s in body["splits"].values()),
    } == {len(TEXTS)}
    assert [s["path"] for s in body["shards"]] == [Path(o.path).name for o in written]


def test_files_keep_to_the_target(done) -> None:
    _, shards = done
    for shard in shards.shards:
        assert shard.tokens <= 1000 or shard.docs == 1
    assert all(shard.tokens > 500 for shard in shards.of("train")[:-1])


def test_provenance_is_right_at_every_boundary(done) -> None:
    folder, shards = done
    texts = {make_key(k, i): t for k, shard in enumerate(DOCS) for i, t in enumerate(shard)}
    seen = set()
    for shard in shards.shards:
        path = folder.root / "shards" / shard.path
        ids = read_bin(path)
        position = 0
        while position < len(ids):
            first = where(path, position)
            last = where(path, position + first["tokens"] - 1)
            assert first == last
            assert first["first"] == position
            key = first["key"]
            assert first["url"] == f"https://example.org/{key >> 40}/{key & 0xFFFFFFFF}"
            assert (first["id"], first["offset"]) == (f"id-{key}", key & 0xFFFFFFFF)
            document = ids[position + 1 : position + first["tokens"]]
            assert shards.vocabulary.decode(document) == texts[key]
            seen.add(key)
            position += first["tokens"]
        with pytest.raises(ConfigError, match="no token"):
            where(path, len(ids))
    assert seen == set(texts)


def test_a_second_run_gives_the_same_bytes(done, lay, bpe) -> None:
    folder, _ = done
    again = lay(DOCS)
    write(again, bpe("gpt4"))
    names = sorted(p.name for p in (folder.root / "shards").iterdir())
    assert "shards.json" in names
    for name in names:
        if not name.endswith((".manifest.json", "round.json")):
            ours, theirs = (f.root / "shards" / name for f in (folder, again))
            assert ours.read_bytes() == theirs.read_bytes()


def test_other_shards_of_the_same_keys_give_the_same_token_files(lay, bpe) -> None:
    docs = [(make_key(0, n), text) for n, text in enumerate(TEXTS)]
    one = write(lay([docs]), bpe("gpt4"))
    four = write(lay([docs[:7], [], docs[7:50], docs[50:]]), bpe("gpt4"))
    assert [s.sha256 for s in one.shards] == [s.sha256 for s in four.shards]
    assert len(one.shards) > 2


def test_a_tokenizer_trained_in_the_same_run(lay) -> None:
    folder = lay(DOCS)
    rounds = TrainBpe(vocab_size=300).rounds("tokenizer", View("documents"))
    execute(folder, rounds, LocalRunner())
    shards = write(folder, None)
    shards.verify(hashes=True)
    trained = folder.root / "tokenizer" / "tokenizer.json"
    assert shards.tokenizer_path.read_bytes() == trained.read_bytes()


def test_equal_texts_stand_on_one_side(lay, bpe) -> None:
    shards = write(lay([["same  text"] * 9 + ["other"], ["same text"] * 9]), bpe("gpt4"))
    sides = [sum(1 for _ in shards.documents(split)) for split in ("train", "val")]
    assert sorted(sides) == [1, 18]


def test_uint32_files(lay, bpe) -> None:
    shards = write(lay(DOCS), bpe("gpt4"), dtype="uint32")
    shards.verify(hashes=True)
    raw = (shards.folder / shards.shards[0].path).read_bytes()
    assert struct.unpack("<3i", raw[:12]) == (20240801, 7, shards.shards[0].tokens)
    assert len(raw) == 1024 + 4 * shards.shards[0].tokens


@pytest.mark.parametrize("docs", [[[]], [[], []]])
def test_zero_documents(lay, bpe, docs) -> None:
    shards = write(lay(docs), bpe("gpt4"))
    shards.verify(hashes=True)
    assert shards.shards == ()
    assert (shards.tokens("train"), shards.tokens("val")) == (0, 0)


def test_one_document_is_for_training(lay, bpe) -> None:
    shards = write(lay([[], ["alone"]]), bpe("gpt4"), val_fraction=0.9)
    assert [(s.path, s.docs) for s in shards.shards] == [("train_000000.bin", 1)]


def test_null_texts_are_empty_documents(lay, bpe) -> None:
    shards = write(lay([[None, "a"]]), bpe("gpt4"), val_fraction=0)
    shards.verify(hashes=True)
    assert sorted(len(d) for d in shards.documents("train")) == [0, 1]


@pytest.mark.parametrize("bad", [{"target_tokens": 999}, {"val_fraction": 1}, {"format": "x"}])
def test_bad_parameters_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        TokenShards(**bad)
