import hashlib
import json

import numpy as np
import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.shard_set import ShardSet

DOCS = {"train": [[1, 2, 3], [], [4]], "val": [[2, 2]]}


def _sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def folder(tmp_path, write_set):
    return write_set("llmc", tmp_path, DOCS)


CASES = [(name, dtype) for name, form in FORMATS.items() for dtype in form.DTYPES]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_every_format_is_read(tmp_path, write_set, name, dtype):
    corpus = ShardSet(write_set(name, tmp_path, DOCS, dtype))
    corpus.verify(hashes=True)
    for split, docs in DOCS.items():
        assert [doc.tolist() for doc in corpus.documents(split)] == docs
    assert (corpus.dtype, corpus.eot_place) == (dtype, FORMATS[name].EOT)


@pytest.mark.parametrize("name", ["datatrove", "megatron"])
def test_companions_are_checked(tmp_path, write_set, name):
    folder = write_set(name, tmp_path, DOCS)
    beside = folder / FORMATS[name].files("x_val_000000")[-1]
    _edit(folder, lambda m: m["shards"][1]["companions"][-1].update(sha256="0"))
    ShardSet(folder).verify()
    with pytest.raises(CorruptError, match=f"{beside.name}: SHA-256 differs"):
        ShardSet(folder).verify(hashes=True)
    beside.unlink()
    with pytest.raises(ConfigError, match=f"{beside.name}: (missing|cannot be read)"):
        ShardSet(folder).verify()


def test_an_index_of_other_documents(tmp_path, write_set):
    folder = write_set("datatrove", tmp_path, DOCS)
    (folder / "x_train_000000.ds.index").write_bytes(np.array([3, 5, 7], "<u8").tobytes())
    with pytest.raises(CorruptError, match="puts documents elsewhere than the end-of-text tokens"):
        ShardSet(folder).verify()


@pytest.mark.parametrize(("name", "side"), [("llmc", "start"), ("nanogpt", "end")])
def test_end_of_text_on_the_wrong_side(tmp_path, write_set, name, side):
    folder = write_set(name, tmp_path, DOCS)
    other = "after" if side == "start" else "before"
    _edit(folder, lambda m: m.update(eot_place=other))
    with pytest.raises(CorruptError, match=f"must have one {other} it"):
        ShardSet(folder).verify()


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


def test_json_nested_beyond_reason(tmp_path):
    (tmp_path / "shards.json").write_text("[" * 100_000)
    with pytest.raises(CorruptError, match="not JSON"):
        ShardSet(tmp_path)
