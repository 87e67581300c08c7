"""Manifests of strangers."""

import json

import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.shard_set import ShardSet


@pytest.fixture
def folder(tmp_path, write_set):
    return write_set("llmc", tmp_path, {"train": [[1, 2, 3], [], [4]], "val": [[2, 2]]})


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (lambda m: m.update(schema=2), ConfigError, "schema 2"),
        (
            lambda m: m.update(format="npz"),
            ConfigError,
            "unknown format 'npz'; known: datatrove, llmc",
        ),
        (lambda m: m.update(dtype="int64"), ConfigError, "none of uint16, uint32, int32"),
        (lambda m: m.pop("eot_place"), ConfigError, "eot_place None is neither"),
        (lambda m: m.update(eot_place="both"), ConfigError, "eot_place 'both' is neither"),
        (lambda m: m.update(eot=5), CorruptError, "eot 5"),
        (lambda m: m.update(tokenizer="../t.json"), CorruptError, "beside shards.json"),
        (lambda m: m.update(tokenizer="\x1b[2J"), CorruptError, "beside shards.json"),
        (lambda m: m.update(shards=None), CorruptError, "no list"),
        (lambda m: m.update(splits=None), CorruptError, "no object 'splits'"),
        (lambda m: m["shards"][0].update(path="a\x1b]0;b\x07"), CorruptError, r"a\\x1b\]0"),
        (lambda m: m["shards"][0].update(split="../up"), CorruptError, "split '../up'"),
        (
            lambda m: m["shards"][0].update(companions=[{"path": "../x", "sha256": ""}]),
            CorruptError,
            "not files beside",
        ),
        (
            lambda m: m["shards"][0].update(companions=[{"path": "x"}]),
            CorruptError,
            r"shards\[0\] is incomplete",
        ),
        (lambda m: m["shards"][0].update(path="../x.bin"), CorruptError, "beside shards.json"),
        (lambda m: m["shards"][0].pop("docs"), CorruptError, r"shards\[0\] is incomplete"),
        (lambda m: m["shards"][1].update(path=m["shards"][0]["path"]), CorruptError, "twice"),
        (lambda m: m["splits"]["train"].update(docs=9), CorruptError, r"splits\.train\.docs is 9"),
        (lambda m: m["splits"].update(train=3), CorruptError, r"splits\.train"),
        (lambda m: m["splits"].pop("train"), CorruptError, "no sums for split 'train'"),
        (
            lambda m: m["shards"][0].update(tokens=float("inf")),
            CorruptError,
            r"shards\[0\] is incomplete",
        ),
    ],
)
def test_manifests_that_contradict_themselves(folder, change, error, says):
    file = folder / "shards.json"
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    with pytest.raises(error, match=says):
        ShardSet(folder)


def test_what_is_not_said_of_companions(folder):
    """A set written by hand needs no list of companions."""
    file = folder / "shards.json"
    manifest = json.loads(file.read_text())
    for entry in manifest["shards"]:
        entry.pop("companions")
    file.write_text(json.dumps(manifest))
    assert [shard.companions for shard in ShardSet(folder).shards] == [(), ()]
    ShardSet(folder).verify(hashes=True)
