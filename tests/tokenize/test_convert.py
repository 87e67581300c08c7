"""Every format to every other; nothing lost, nothing published by halves."""

import json
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.convert import convert, make_target
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.tokenize.shard_source import open_foreign, open_own

NAMES = list(FORMATS)
TEXTS = {
    "train": ["The mill grinds.", "", "물레방아\n\tturns", "One stone.",
              "Two stones, and a long text about both of them."],
    "val": ["Held out."],
}  # fmt: skip


def turn(source, name, out, **options):
    opened = open_own(source)
    return convert(opened, make_target(name, opened.vocab_size, **options), out)


def texts(folder):
    corpus = ShardSet(folder)
    corpus.verify(hashes=True)
    return {
        split: [corpus.vocabulary.decode(doc.tolist()) for doc in corpus.documents(split)]
        for split in ("train", "val")
    }


def rows(folder):
    """Return the provenance of all files, and check that it points at its documents."""
    found = []
    for shard in ShardSet(folder).shards:
        path = folder / shard.path
        table = pq.read_table(path.with_suffix(".index.parquet")).to_pylist()
        position = 0
        for row in table:
            assert row["first"] == position
            position += row["tokens"]
        assert position == shard.tokens
        found += [(row["url"], row["tokens"]) for row in table]
    return found


@pytest.mark.parametrize("second", NAMES)
@pytest.mark.parametrize("first", NAMES)
def test_every_format_to_every_other(token_set, tmp_path, first, second):
    one, two = tmp_path / "one", tmp_path / "two"
    done = turn(token_set, first, one)
    turn(one, second, two)
    before, after = ShardSet(token_set).manifest, ShardSet(two).manifest
    assert texts(two) == texts(token_set) == TEXTS
    assert rows(two) == rows(token_set)
    assert before["splits"] == after["splits"] == done.splits
    assert (after["format"], after["eot_place"]) == (second, FORMATS[second].EOT)
    assert after["made_by"] == "hand"  # what we do not know of is kept
    assert done.without_eot == 0
    assert done.found == done.tokens == sum(s["tokens"] for s in before["splits"].values())


@pytest.mark.parametrize("through", ["datatrove", "megatron"])
def test_there_and_back_gives_the_same_bytes(token_set, tmp_path, through):
    turn(token_set, through, tmp_path / "there")
    turn(tmp_path / "there", "llmc", tmp_path / "back")
    for shard in ShardSet(token_set).shards:
        for path in (shard.path, "tokenizer.json"):
            assert (tmp_path / "back" / path).read_bytes() == (token_set / path).read_bytes()
    turn(token_set, through, tmp_path / "again")
    for path in (tmp_path / "there").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_the_end_of_text_moves(token_set, tmp_path):
    turn(token_set, "nanogpt", tmp_path / "n")
    assert {p.name for p in (tmp_path / "n").iterdir()} == {
        "train.bin", "train.index.parquet", "val.bin", "val.index.parquet", "shards.json",
        "tokenizer.json",
    }  # fmt: skip
    val = np.fromfile(tmp_path / "n" / "val.bin", "<u2")
    assert val.tolist() == [*(b + 1 for b in b"Held out."), 0]


def test_files_of_another_length(token_set, tmp_path):
    turn(token_set, "nanogpt", tmp_path / "n")
    done = turn(tmp_path / "n", "llmc", tmp_path / "l", target_tokens=30)
    assert [(s["path"], s["docs"], s["tokens"]) for s in done.shards] == [
        ("train_000000.bin", 2, 18),
        ("train_000001.bin", 1, 20),
        ("train_000002.bin", 1, 11),
        ("train_000003.bin", 1, 48),  # longer than the target: a file of its own
        ("val_000000.bin", 1, 10),
    ]
    assert texts(tmp_path / "l") == TEXTS
    assert rows(tmp_path / "l") == rows(token_set)


def test_a_file_too_long_for_the_format_is_cut(token_set, tmp_path, monkeypatch):
    turn(token_set, "nanogpt", tmp_path / "n")
    monkeypatch.setattr(FORMATS["datatrove"], "MAX_TOKENS", 60)
    done = turn(tmp_path / "n", "datatrove", tmp_path / "d")
    assert [s["tokens"] for s in done.shards] == [49, 48, 10]
    assert texts(tmp_path / "d") == TEXTS


def test_bytes_of_text_are_those_of_the_source(token_set, tmp_path):
    """Text may have had bytes that its tokens do not spell: a normaliser's."""
    body = json.loads((token_set / "shards.json").read_text())
    body["shards"][0]["bytes"] += 5
    body["splits"]["train"]["bytes"] += 5
    (token_set / "shards.json").write_text(json.dumps(body))
    for name, options in (("nanogpt", {}), ("megatron", {"target_tokens": 20})):
        done = turn(token_set, name, tmp_path / name, **options)
        assert done.splits["train"]["bytes"] == body["splits"]["train"]["bytes"]


def test_token_types(token_set, tmp_path):
    assert make_target("llmc", 65_536).dtype == np.uint16
    assert make_target("llmc", 65_537).dtype == np.uint32
    assert make_target("megatron", 65_537).dtype == np.int32
    turn(token_set, "megatron", tmp_path / "m", dtype="int32")
    turn(tmp_path / "m", "datatrove", tmp_path / "d", dtype="uint32")
    assert ShardSet(tmp_path / "m").dtype == np.int32
    assert ShardSet(tmp_path / "d").dtype == np.uint32
    assert texts(tmp_path / "d") == TEXTS


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("npz", {}, "no format 'npz'; known"),
        ("llmc", {"dtype": "int32"}, "llmc files hold uint16 or uint32, not int32"),
        ("llmc", {"dtype": "u2"}, "'u2' is none of"),
        ("nanogpt", {"target_tokens": 9}, "one file a split"),
    ],
)
def test_targets_that_cannot_be(name, options, says):
    with pytest.raises(ConfigError, match=says):
        make_target(name, 100, **options)
    with pytest.raises(ConfigError, match="uint16 does not hold the ids of a vocabulary of 70,000"):
        make_target("llmc", 70_000, "uint16")


def test_nothing_is_overwritten(token_set, tmp_path):
    turn(token_set, "megatron", tmp_path / "m")
    before = (tmp_path / "m" / "shards.json").read_bytes()
    with pytest.raises(ConfigError, match="exists already"):
        turn(token_set, "datatrove", tmp_path / "m")
    assert (tmp_path / "m" / "shards.json").read_bytes() == before
    (tmp_path / "empty").mkdir()
    turn(token_set, "datatrove", tmp_path / "empty")
    assert texts(tmp_path / "empty") == TEXTS


def _damage(name):
    def change(folder):
        path = folder / name
        raw = bytearray(path.read_bytes())
        raw[-2] ^= 1
        path.write_bytes(raw)

    return change


def _other_index(folder):
    pq.write_table(
        pq.read_table(folder / "train_000001.index.parquet"), folder / "train_000000.index.parquet"
    )


def _long_index(folder):
    pq.write_table(
        pq.read_table(folder / "train_000000.index.parquet"), folder / "val_000000.index.parquet"
    )


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (_damage("val_000000.bin"), CorruptError, r"val_000000\.bin: SHA-256 differs"),
        (_other_index, CorruptError, r"train_000000\.index\.parquet: rows from 0 on do not"),
        (_long_index, CorruptError, r"val_000000\.index\.parquet"),
        (lambda f: (f / "val_000000.index.parquet").unlink(), ConfigError, "val.*parquet: missing"),
        (lambda f: (f / "val_000000.index.parquet").write_bytes(b""), CorruptError, "not a proven"),
        (lambda f: (f / "train_000001.bin").unlink(), ConfigError, "cannot be read"),
    ],
)
def test_a_source_that_is_not_what_it_promises(token_set, tmp_path, change, error, says):
    change(token_set)
    with pytest.raises(error, match=says):
        turn(token_set, "megatron", tmp_path / "m")
    assert [p.name for p in tmp_path.iterdir()] == ["set"]  # nothing is left behind


def test_an_index_with_too_many_rows(token_set, tmp_path):
    table = pq.read_table(token_set / "val_000000.index.parquet")
    more = table.take([0, 0])
    pq.write_table(more, token_set / "val_000000.index.parquet")
    with pytest.raises(CorruptError, match="more than 1 rows"):
        turn(token_set, "megatron", tmp_path / "m")


def test_without_provenance(token_set, tmp_path):
    for path in token_set.glob("*.index.parquet"):
        path.unlink()
    assert not turn(token_set, "megatron", tmp_path / "m").provenance
    assert not list((tmp_path / "m").glob("*.parquet"))


def test_a_killed_conversion_leaves_nothing_that_looks_finished(token_set, tmp_path):
    """Killed when all is written but the name."""
    code = (
        "import sys, time; from pathlib import Path; from gristmill.tokenize import convert as c\n"
        "from gristmill.tokenize.shard_source import open_own\n"
        "def wait(*_): print('there', flush=True); time.sleep(60)\n"
        "c._publish = wait\n"
        "c.convert(open_own(Path(sys.argv[1])), c.make_target('megatron', 257), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(token_set), str(tmp_path / "out" / "m")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        process.kill()
    left = [p.name for p in (tmp_path / "out").iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".m.")
    assert left[0].endswith(".converting")
    turn(token_set, "megatron", tmp_path / "out" / "m")
    assert texts(tmp_path / "out" / "m") == TEXTS


def test_files_of_others_lose_nothing(token_set, tmp_path):
    """llm.c's own files divide documents: one begins and ends in the middle."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    parts = {"a_val_000000.bin": [0, 5, 6], "a_train_000001.bin": [7, 8, 0, 9, 0],
             "a_train_000002.bin": [9, 9, 0, 4]}  # fmt: skip
    for name, ids in parts.items():
        with FORMATS["llmc"].writer(folder / name, np.uint16) as out:
            out.write(ids, [len(ids)])
    source = open_foreign(f"{folder}/*.bin", "llmc", token_set / "tokenizer.json")
    done = convert(source, make_target("datatrove", 257), tmp_path / "d")
    assert (done.found, done.docs, done.without_eot, done.tokens) == (12, 6, 2, 14)
    assert done.splits["train"] == {"tokens": 11, "docs": 5, "bytes": 6}
    corpus = ShardSet(tmp_path / "d")
    corpus.verify(hashes=True)
    assert [d.tolist() for d in corpus.documents("train")] == [[7, 8], [9], [], [9, 9], [4]]
    assert not done.provenance


@settings(max_examples=20)
@given(
    st.lists(st.lists(st.integers(0, 256), max_size=9), min_size=1, max_size=4),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from(["before", "after"]),
)
def test_text_tokens_are_all_there_in_order(tmp_path_factory, make_token_set, files, a, b, place):
    """Any tokens at all, end-of-text anywhere: the text between them is kept."""
    root = tmp_path_factory.mktemp("any")
    tokenizer = make_token_set(root / "t", {}) / "tokenizer.json"
    (root / "in").mkdir()
    for number, ids in enumerate(files):
        path = root / "in" / FORMATS[a].files(f"train_{number:06d}")[0]
        with FORMATS[a].writer(path, np.uint16) as out:
            out.write(ids, [len(ids)] if ids else [])
    source = open_foreign(str(root / "in"), a, tokenizer, eot_place=place)
    done = convert(source, make_target(b, 257), root / "out")
    corpus = ShardSet(root / "out")
    text = [t for d in corpus.documents("train") for t in d.tolist()]
    assert text == [t for ids in files for t in ids if t]
    assert done.found == sum(map(len, files))
    assert done.tokens == done.found + done.without_eot == len(text) + done.docs
