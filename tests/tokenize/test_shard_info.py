import hashlib
import json

import numpy as np
import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.convert import convert, make_target
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.shard_info import detect, foreign_info, shard_info
from gristmill.tokenize.shard_source import open_own


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder(token_set):
    found = shard_info(token_set, docs=2)
    assert (found.format, found.dtype) == ("llmc", "uint16")
    assert found.manifest_sha256 == sha(token_set / "shards.json")
    assert found.splits() == {
        "train": {"files": 2, "tokens": 97, "docs": 5, "bytes": 92, "mean_document_tokens": 19.4},
        "val": {"files": 1, "tokens": 10, "docs": 1, "bytes": 9, "mean_document_tokens": 10.0},
    }
    tokenizer = found.tokenizer
    assert tokenizer is not None
    assert (tokenizer.sha256, tokenizer.vocab_size) == (sha(token_set / "tokenizer.json"), 257)
    assert (tokenizer.eot, tokenizer.eot_token, tokenizer.eot_place) == (
        0, "<|endoftext|>", "before",
    )  # fmt: skip
    assert [f.sha256 for f in found.files] == [sha(p) for p in sorted(token_set.glob("*.bin"))]
    assert all(f.provenance for f in found.files)
    assert [g.text for g in found.glimpses] == ["The mill grinds.", ""]
    assert json.loads(json.dumps(found.to_dict()))["splits"]["val"]["docs"] == 1


def test_one_file_of_a_folder(token_set):
    (token_set / "val_000000.index.parquet").unlink()
    found = shard_info(token_set / "val_000000.bin")
    assert [(f.split, f.tokens, f.docs, f.provenance) for f in found.files] == [
        ("val", 10, 1, False)
    ]
    assert [g.text for g in found.glimpses] == ["Held out."]
    with pytest.raises(ConfigError, match="not listed in"):
        shard_info(token_set / "other.bin")
    with pytest.raises(ConfigError, match=r"no shards\.json here"):
        shard_info(token_set.parent)


def test_a_file_that_was_cut(token_set):
    with FORMATS["llmc"].writer(token_set / "val_000000.bin", np.uint16) as out:
        out.write([0, 1], [2])
    with pytest.raises(CorruptError, match=r"holds 2 tokens, shards\.json says 10"):
        shard_info(token_set)


@pytest.mark.parametrize("name", list(FORMATS))
def test_files_of_others_by_their_looks(token_set, tmp_path, name):
    source = open_own(token_set)
    convert(source, make_target(name, 257), tmp_path / "m")
    (tmp_path / "m" / "shards.json").unlink()
    path = sorted((tmp_path / "m").glob(FORMATS[name].files("train*")[0]))[0]
    assert detect(path) == name
    docs = 5 if name == "nanogpt" else 3
    bare = foreign_info(str(path))
    assert (bare.format, bare.dtype, bare.tokenizer, bare.glimpses) == (name, "uint16", None, ())
    assert bare.files[0].docs == (docs if name in ("datatrove", "megatron") else None)
    assert bare.files[0].sha256 == sha(path)
    assert bare.splits()["train"]["bytes"] is None
    known = foreign_info(str(path), tokenizer=token_set / "tokenizer.json", docs=1)
    assert known.files[0].docs == docs
    assert [g.text for g in known.glimpses] == ["The mill grinds."]


def test_formats_that_cannot_be_found_out(tmp_path):
    (tmp_path / "a.npy").write_bytes(b"")
    for path in (tmp_path / "a.npy", tmp_path, tmp_path / "none.bin"):
        with pytest.raises(ConfigError, match="no known format; name one of llmc, nanogpt"):
            foreign_info(str(path))


def test_another_file_of_the_same_name(token_set):
    run = token_set.rename(token_set.parent / "shards").parent
    (run / "val_000000.bin").write_bytes(b"another")
    with pytest.raises(ConfigError, match="not listed in"):
        shard_info(run / "val_000000.bin")
    beside = run / "else" / ".." / "shards" / "val_000000.bin"
    (run / "else").mkdir()
    assert [file.split for file in shard_info(beside).files] == ["val"]
