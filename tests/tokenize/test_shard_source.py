"""Token files of ours and of others, document by document."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize import shard_source
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats import vocab as formats_vocab
from gristmill.tokenize.shard_source import find_eot, open_foreign, open_own, own_folder


def found(source, file):
    """Return (text tokens, size in the file) of every document."""
    out = []
    for docs in source.batches(file):
        cuts = np.cumsum(docs.lengths)
        tokens = np.split(docs.tokens, cuts[:-1])
        out += [(t.tolist(), size) for t, size in zip(tokens, docs.sizes.tolist(), strict=True)]
    return out


def test_own_sets(token_set, tmp_path):
    assert own_folder(token_set) == token_set
    assert own_folder(tmp_path) is None
    token_set.rename(tmp_path / "shards")
    assert own_folder(tmp_path) == tmp_path / "shards"
    source = open_own(tmp_path / "shards")
    assert [(f.split, f.docs) for f in source.files] == [("train", 3), ("train", 2), ("val", 1)]
    texts = [source.vocabulary.decode(ids) for ids, _ in found(source, source.files[0])]
    assert texts == ["The mill grinds.", "", "물레방아\n\tturns"]


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(1, 5), max_size=6), max_size=12),
    st.sampled_from(["before", "after"]),
    st.integers(1, 9),
)
def test_batches_hold_every_document_once(tmp_path_factory, documents, place, most):
    path = tmp_path_factory.mktemp("b") / "train.bin"
    tokenizer = path.with_name("t.json")
    tokenizer.write_text(json.dumps({"model": {"vocab": {chr(97 + n): n for n in range(6)}}}))
    laid = [[0, *d] if place == "before" else [*d, 0] for d in documents]
    path.write_bytes(np.array([t for d in laid for t in d], "<u2").tobytes())
    source = open_foreign(str(path), "nanogpt", tokenizer, eot="0", eot_place=place)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shard_source, "_BATCH", most)
        assert found(source, source.files[0]) == [(d, len(d) + 1) for d in documents]
        for docs in source.batches(source.files[0]):
            assert docs.sizes.sum() <= most or len(docs) == 1


def test_documents_without_end_of_text_are_seen(token_set, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(np.array([7, 8, 0, 0, 9], "<u2").tobytes())
    source = open_foreign(str(path), "nanogpt", token_set / "tokenizer.json")
    assert found(source, source.files[0]) == [([7, 8], 3), ([], 1), ([9], 1)]


def test_recorded_documents_of_others(token_set, tmp_path):
    """datatrove writes no end-of-text where its tokenizer adds none: the index divides."""
    path = tmp_path / "a.ds"
    path.write_bytes(np.array([7, 8, 9, 9], "<u2").tobytes())
    path.with_name("a.ds.index").write_bytes(np.array([2, 2, 4], "<u8").tobytes())
    source = open_foreign(str(path), "datatrove", token_set / "tokenizer.json")
    assert found(source, source.files[0]) == [([7, 8], 2), ([], 0), ([9, 9], 2)]


def test_files_of_others(token_set, tmp_path):
    tokenizer = token_set / "tokenizer.json"
    for name in ("fineweb_val_000000.bin", "fineweb_train_000001.bin", "interval.bin", "x.txt"):
        (tmp_path / name).write_bytes(b"")
    for path in (str(tmp_path), f"{tmp_path}/*.bin"):
        files = open_foreign(path, "nanogpt", tokenizer).files
        assert [(f.path.name, f.split) for f in files] == [
            ("fineweb_train_000001.bin", "train"),
            ("fineweb_val_000000.bin", "val"),
            ("interval.bin", "train"),
        ]
    with pytest.raises(ConfigError, match=r"no token files \(\*\.ds\) here"):
        open_foreign(str(tmp_path), "datatrove", tokenizer)
    with pytest.raises(ConfigError, match="no format 'npz'; known: llmc, nanogpt"):
        open_foreign(str(tmp_path), "npz", tokenizer)
    with pytest.raises(ConfigError, match="dtype 'int8' is none of uint16"):
        open_foreign(str(tmp_path), "nanogpt", tokenizer, dtype="int8")


def test_an_id_outside_the_vocabulary(token_set, tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(np.array([1, 0, 2, 300], "<u2").tobytes())
    source = open_foreign(str(path), "nanogpt", token_set / "tokenizer.json")
    with pytest.raises(CorruptError, match=r"a\.bin: token 3 has id 300, the vocabulary ends at"):
        found(source, source.files[0])


def test_negative_ids(token_set, tmp_path):
    path = tmp_path / "a.bin"
    with FORMATS["megatron"].writer(path, np.int32) as out:
        out.write([5, 1], [2])
    path.write_bytes(np.array([5, -1], "<i4").tobytes())
    source = open_foreign(str(path), "megatron", token_set / "tokenizer.json")
    with pytest.raises(CorruptError, match="token 1 has id -1"):
        found(source, source.files[0])


@pytest.mark.parametrize(
    ("wanted", "special", "expected"),
    [
        (None, ["<eot>"], 4),
        ("<eot>", ["<eot>", "<pad>"], 4),
        ("<pad>", ["<eot>", "<pad>"], 5),
        ("2", ["<eot>", "<pad>"], 2),
        (None, ["<eot>", "<pad>"], "which token ends a text.*'<eot>', '<pad>'"),
        (None, [], "no special tokens"),
        ("<x>", ["<eot>"], "no token '<x>'"),
        ("5", ["<eot>"], "no token '5'"),
    ],
)
def test_end_of_text_by_name_by_id_or_alone(tmp_path, wanted, special, expected):
    added = [{"id": 4 + n, "content": name, "special": True} for n, name in enumerate(special)]
    vocab = {c: n for n, c in enumerate("abcd")}
    path = tmp_path / "t.json"
    path.write_text(json.dumps({"model": {"vocab": vocab}, "added_tokens": added}))
    vocabulary = shard_source.load_vocabulary(path)
    if isinstance(expected, int):
        assert find_eot(path, vocabulary, wanted) == expected
    else:
        with pytest.raises(ConfigError, match=expected):
            find_eot(path, vocabulary, wanted)


def test_an_id_that_only_the_manifest_knows(token_set):
    body = json.loads((token_set / "shards.json").read_text())
    (token_set / "shards.json").write_text(json.dumps(body | {"vocab_size": 400}))
    path = token_set / "val_000000.bin"
    with FORMATS["llmc"].writer(path, "uint16") as out:
        out.write([0, *[5] * 8, 300], [10])
    source = open_own(token_set)
    with pytest.raises(CorruptError, match="token 9 has id 300, the vocabulary ends at 256"):
        list(source.batches(source.files[-1]))


@pytest.mark.parametrize(("size", "kind"), [(1 << 16, "<u2"), ((1 << 16) + 1, "<u4")])
def test_raw_files_have_the_type_that_the_vocabulary_needs(tmp_path, size, kind):
    """nanoGPT's files do not say it; two bytes of four are garbage that nothing else finds."""
    chars = formats_vocab.byte_chars()
    vocab = {char: i for i, char in enumerate(chars)}
    for n in range(256, size - 1):
        vocab[chars[n >> 16] + chars[n >> 8 & 255] + chars[n & 255]] = n
    body = {"model": {"vocab": vocab, "merges": []}}
    body["added_tokens"] = [{"id": size - 1, "content": "<|e|>", "special": True}]
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_text(json.dumps(body))
    np.array([5, 6, size - 1, 7, size - 1], kind).tofile(tmp_path / "train.bin")
    source = open_foreign(str(tmp_path / "train.bin"), "nanogpt", tokenizer)
    assert found(source, source.files[0]) == [([5, 6], 3), ([7], 2)]
