import hashlib
import json

import numpy as np
import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import llmc
from gristmill.tokenize.formats.shard_set import ShardSet

DOCS = {"train": [[1, 2, 3], [], [4]], "val": [[2, 2]]}


def _sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path):
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text(
        json.dumps({"model": {"vocab": {"e": 0, "a": 1, "bb": 2, "c": 3, "d": 4}}})
    )
    shards, splits = [], {}
    for split, docs in DOCS.items():
        path = tmp_path / f"x_{split}_000000.bin"
        ids = [t for doc in docs for t in (0, *doc)]
        llmc.write(path, ids)
        counts = {"tokens": len(ids), "docs": len(docs), "bytes": 9}
        splits[split] = counts
        shards.append({"path": path.name, "split": split, **counts, "sha256": _sha(path)})
    manifest = {
        "schema": 1, "format": "llmc", "dtype": "uint16", "vocab_size": 5, "eot": 0,
        "tokenizer": "tokenizer.json", "tokenizer_sha256": _sha(tokenizer),
        "splits": splits, "shards": shards,
    }  # fmt: skip
    (tmp_path / "shards.json").write_text(json.dumps(manifest))
    return tmp_path


def _edit(folder, change):
    file = folder / "shards.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))


def test_reads_what_was_written(folder):
    corpus = ShardSet(folder)
    corpus.verify(hashes=True)
    for split, docs in DOCS.items():
        assert [doc.tolist() for doc in corpus.documents(split)] == docs
    assert (corpus.tokens("train"), corpus.tokens("val")) == (7, 3)
    assert (corpus.vocab_size, corpus.eot, corpus.dtype) == (5, 0, np.dtype("uint16"))
    assert corpus.vocabulary.token_bytes[2] == b"bb"
    assert corpus.manifest_sha256 == _sha(folder / "shards.json")


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda m: m.update(schema=2), ConfigError, "schema 2"),
        (lambda m: m.update(format="npz"), ConfigError, "unknown format 'npz'; known: llmc"),
        (lambda m: m.update(dtype="int64"), ConfigError, "neither uint16 nor uint32"),
        (lambda m: m.update(eot=5), CorruptError, "eot 5"),
        (lambda m: m.update(tokenizer="../t.json"), CorruptError, "beside shards.json"),
        (lambda m: m.update(shards=None), CorruptError, "no list"),
        (lambda m: m["shards"][0].update(path="../x.bin"), CorruptError, "beside shards.json"),
        (lambda m: m["shards"][0].pop("docs"), CorruptError, r"shards\[0\] is incomplete"),
        (lambda m: m["shards"][1].update(path=m["shards"][0]["path"]), CorruptError, "twice"),
        (lambda m: m["splits"]["train"].update(docs=9), CorruptError, r"splits\.train\.docs is 9"),
        (lambda m: m["splits"].update(train=3), CorruptError, r"splits\.train"),
    ],
)
def test_manifests_that_contradict_themselves(folder, change, error, says):
    _edit(folder, change)
    with pytest.raises(error, match=says):
        ShardSet(folder)


def _all(manifest, **values):
    manifest["shards"][0].update(values)
    manifest["splits"]["train"].update(values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(dtype="uint32"), "holds uint16, shards.json says uint32"),
        (lambda m: _all(m, tokens=8), "holds 7 tokens, shards.json says 8"),
        (lambda m: _all(m, docs=4), "3 end-of-text tokens"),
        (lambda m: m.update(vocab_size=4), "token 6 has id 4, the vocabulary ends at 3"),
        (lambda m: m.update(tokenizer_sha256="0"), "tokenizer.json: SHA-256 differs"),
        (lambda m: m["shards"][1].update(sha256="0"), "x_val_000000.bin: SHA-256 differs"),
    ],
)
def test_files_that_contradict_the_manifest(folder, change, says):
    _edit(folder, change)
    with pytest.raises(CorruptError, match=says):
        ShardSet(folder).verify(hashes=True)


def test_missing_files(folder, tmp_path):
    (folder / "x_val_000000.bin").unlink()
    with pytest.raises(ConfigError, match=r"x_val_000000\.bin: cannot be read"):
        ShardSet(folder).verify()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"tokenizer\.json: missing"):
        ShardSet(folder).verify()
    with pytest.raises(ConfigError, match="name the folder"):
        ShardSet(tmp_path / "elsewhere")


def test_not_json(folder):
    (folder / "shards.json").write_text("{")
    with pytest.raises(CorruptError, match="not JSON"):
        ShardSet(folder)
