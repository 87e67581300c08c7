"""Read back by the steps of Megatron-LM's own reader."""

import struct

import numpy as np
import pytest
from datatrove.pipeline.tokens.megatron_tokenizer import MegatronTokenizedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import megatron

DOCS = [[5, 6, 0], [0], [7, 0]]


@pytest.fixture
def path(tmp_path, write_file):
    return write_file("megatron", tmp_path / "a.bin", DOCS)


def read(prefix):
    """``_IndexReader`` and ``IndexedDataset.get`` of ``megatron/core/datasets``, in short."""
    with open(f"{prefix}.idx", "rb") as stream:
        assert stream.read(9) == b"MMIDIDX\x00\x00"
        assert struct.unpack("<Q", stream.read(8))[0] == 1
        dtype = {4: np.int32, 8: np.uint16}[struct.unpack("<B", stream.read(1))[0]]
        sequences = struct.unpack("<Q", stream.read(8))[0]
        documents = struct.unpack("<Q", stream.read(8))[0]
        offset = stream.tell()
    buffer = memoryview(np.memmap(f"{prefix}.idx", mode="r", order="C"))
    lengths = np.frombuffer(buffer, np.int32, sequences, offset)
    pointers = np.frombuffer(buffer, np.int64, sequences, offset + lengths.nbytes)
    indices = np.frombuffer(buffer, np.int64, documents, offset + lengths.nbytes + pointers.nbytes)
    assert lengths.shape[0] == sequences == indices[-1]
    raw = memoryview(np.memmap(f"{prefix}.bin", mode="r", order="C"))
    found = [
        np.frombuffer(raw, dtype, length, pointer).tolist()
        for length, pointer in zip(lengths, pointers, strict=True)
    ]
    return found, indices.tolist()


def test_bytes_by_hand(path):
    assert path.read_bytes() == bytes.fromhex("0500 0600 0000 0000 0700 0000")
    assert path.with_suffix(".idx").read_bytes() == bytes.fromhex(
        "4d4d494449445800 00"  # MMIDIDX
        "0100000000000000 08"  # version 1, uint16
        "0300000000000000 0400000000000000"  # 3 sequences, 4 document indices
        "03000000 01000000 02000000"
        "0000000000000000 0600000000000000 0800000000000000"
        "0000000000000000 0100000000000000 0200000000000000 0300000000000000"
    )


@pytest.mark.parametrize("dtype", megatron.DTYPES)
def test_megatron_reads_it(tmp_path, write_file, dtype):
    write_file("megatron", tmp_path / "a.bin", DOCS, dtype)
    assert read(tmp_path / "a") == (DOCS, [0, 1, 2, 3])


@settings(max_examples=25)
@given(
    st.sampled_from([2, 4]),
    st.lists(st.lists(st.integers(0, 65535), min_size=1, max_size=9), max_size=9),
)
def test_the_bytes_are_those_of_datatroves_megatron_writer(
    tmp_path_factory, write_file, size, documents
):
    folder = tmp_path_factory.mktemp("mg")
    (folder / "theirs").mkdir()
    theirs = MegatronTokenizedFile(str(folder / "theirs"), "a", token_size=size)
    for document in documents:
        theirs.write(document)
    theirs.close()
    write_file("megatron", folder / "a.bin", documents, megatron.DTYPES[size // 4])
    for name in megatron.files("a"):
        assert (folder / name).read_bytes() == (folder / "theirs" / name).read_bytes()


def test_many_documents(tmp_path, monkeypatch):
    """The index is written in pieces; no seam shows."""
    monkeypatch.setattr(megatron, "_CHUNK", 7)
    sizes = [1 + n % 4 for n in range(100)]
    with megatron.writer(tmp_path / "a.bin") as out:
        out.write(list(range(sum(sizes))), sizes)
    documents, _ = read(tmp_path / "a")
    assert [t for d in documents for t in d] == list(range(sum(sizes)))
    assert megatron.sizes(tmp_path / "a.bin").tolist() == sizes


def _idx(path, lengths, places, firsts):
    head = struct.pack("<9sQBQQ", b"MMIDIDX\0\0", 1, 8, len(lengths), len(firsts))
    body = [np.array(lengths, "<i4"), np.array(places, "<i8"), np.array(firsts, "<i8")]
    path.with_suffix(".idx").write_bytes(head + b"".join(part.tobytes() for part in body))


def test_documents_of_several_sequences(path):
    _idx(path, [1, 2, 1, 2], [0, 2, 6, 8], [0, 2, 2, 4])
    assert megatron.sizes(path).tolist() == [3, 0, 3]


@pytest.mark.parametrize(
    ("lengths", "places", "firsts", "says"),
    [
        ([3, 1, 1], [0, 6, 8], [0, 1, 2, 3], "from byte 34 add up to 5 tokens, .*holds 6"),
        ([3, 1, 2], [0, 6, 6], [0, 1, 2, 3], r"sequence 2 begins at byte 6 \(byte 62 of"),
        ([3, 1, 2], [0, 6, 8], [1, 1, 2, 3], r"document index 0 is 1 \(byte 70\)"),
        ([3, 1, 2], [0, 6, 8], [0, 2, 1, 3], r"document index 2 is 1 \(byte 86\)"),
        ([3, 1, 2], [0, 6, 8], [0, 1, 2], r"document index 2 is 2 \(byte 86\)"),
    ],
)
def test_an_index_of_other_tokens(path, lengths, places, firsts, says):
    _idx(path, lengths, places, firsts)
    with pytest.raises(CorruptError, match=says):
        megatron.sizes(path)


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        (0, b"X", "no MMIDIDX header of 34 bytes at byte 0"),
        (9, b"\2", "version 2 at byte 9, expected 1"),
        (17, b"\5", "token type 5 at byte 17"),
        (18, b"\4", r"header at byte 18 promises 4 sequences .*\(114 bytes in all\).* has 102"),
    ],
)
def test_damaged_headers(path, at, value, says):
    index = path.with_suffix(".idx")
    raw = bytearray(index.read_bytes())
    raw[at : at + 1] = value
    index.write_bytes(raw)
    with pytest.raises(CorruptError, match=says):
        megatron.open_tokens(path)


def test_damaged_lengths(path):
    index = path.with_suffix(".idx")
    index.write_bytes(index.read_bytes()[:-1])
    with pytest.raises(CorruptError, match="the file has 101"):
        megatron.open_tokens(path)
    index.write_bytes(b"")
    with pytest.raises(CorruptError, match="no MMIDIDX header"):
        megatron.open_tokens(path)
    index.unlink()
    with pytest.raises(ConfigError, match=r"a\.idx: cannot be read"):
        megatron.open_tokens(path)


def test_a_document_of_two_thousand_million_tokens(tmp_path):
    out = megatron.writer(tmp_path / "a.bin")
    with pytest.raises(ConfigError, match=r"fewer than 2\*\*31"):
        out.note(np.array([2**31]))
    out.discard()
