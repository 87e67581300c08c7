import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import FORMATS, llmc


def test_bytes_by_hand(tmp_path):
    path = tmp_path / "a.bin"
    llmc.write(path, [50256, 1, 258])
    raw = path.read_bytes()
    assert raw[:4] == bytes.fromhex("88d83401")
    assert struct.unpack("<256i", raw[:1024]) == (20240520, 1, 3, *[0] * 253)
    assert raw[1024:] == struct.pack("<3H", 50256, 1, 258)
    llmc.write(path, [128000, 7], dtype=np.uint32)
    raw = path.read_bytes()
    assert raw[:4] == bytes.fromhex("a1d93401")
    assert struct.unpack("<256i", raw[:1024]) == (20240801, 7, 2, *[0] * 253)
    assert raw[1024:] == struct.pack("<2I", 128000, 7)


@settings(max_examples=40)
@given(
    st.sampled_from([np.uint16, np.uint32]),
    st.lists(st.lists(st.integers(0, 65535), max_size=20), max_size=6),
)
def test_round_trip(tmp_path_factory, dtype, pieces):
    path = tmp_path_factory.mktemp("rt") / "a.bin"
    with FORMATS["llmc"].writer(path, dtype) as out:
        for piece in pieces:
            out.write(np.array(piece, dtype=np.int64))
    flat = [token for piece in pieces for token in piece]
    assert out.tokens == len(flat)
    header = llmc.read_header(path)
    assert (header.tokens, header.dtype) == (len(flat), np.dtype(dtype))
    assert llmc.open_tokens(path).tolist() == flat


def test_open_is_read_only(tmp_path):
    llmc.write(tmp_path / "a.bin", [1, 2])
    with pytest.raises(ValueError, match="read-only"):
        llmc.open_tokens(tmp_path / "a.bin")[0] = 3


@pytest.mark.parametrize(
    ("tokens", "dtype", "says"),
    [
        ([65536], np.uint16, "65536 does not fit uint16"),
        ([-1], np.uint32, "-1 does not fit"),
        ([0.5], np.uint16, "must be integers"),
        ([1], np.int16, "uint16 or uint32"),
    ],
)
def test_what_cannot_be_written(tmp_path, tokens, dtype, says):
    with pytest.raises(ConfigError, match=says):
        llmc.write(tmp_path / "a.bin", tokens, dtype=dtype)


def test_count_is_a_signed_32_bit_number(tmp_path, monkeypatch):
    assert llmc.MAX_TOKENS == 2**31 - 1
    monkeypatch.setattr(llmc, "MAX_TOKENS", 3)
    with llmc.writer(tmp_path / "a") as out:
        out.write([1, 2])
        with pytest.raises(ConfigError, match="lower target_tokens"):
            out.write([3, 4])


def test_an_exception_leaves_no_valid_file(tmp_path):
    path = tmp_path / "a.bin"
    with contextlib.suppress(RuntimeError), llmc.writer(path) as out:
        out.write([1, 2, 3])
        raise RuntimeError
    with pytest.raises(CorruptError, match="unfinished"):
        llmc.read_header(path)


def _patched(path, at, value):
    raw = bytearray(path.read_bytes())
    raw[at : at + 4] = struct.pack("<i", value)
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        (0, 20240522, "magic 20240522 at byte 0"),
        (4, 2, "version 2 at byte 4, expected 1"),
        (8, 9, "promises 9 tokens"),
        (8, -1, "promises -1 tokens"),
        (0, 20240801, "version 1 at byte 4, expected 7"),
    ],
)
def test_damaged_headers(tmp_path, at, value, says):
    path = tmp_path / "a.bin"
    llmc.write(path, [1, 2, 3])
    _patched(path, at, value)
    with pytest.raises(CorruptError, match=says):
        llmc.open_tokens(path)


def test_damaged_lengths(tmp_path):
    path = tmp_path / "a.bin"
    llmc.write(path, [1, 2, 3])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(CorruptError, match="1 bytes past the last whole token"):
        llmc.open_tokens(path)
    path.write_bytes(whole + b"\0\0")
    with pytest.raises(CorruptError, match="the file has 1,032"):
        llmc.open_tokens(path)
    path.write_bytes(whole[:100])
    with pytest.raises(CorruptError, match="shorter than the 1,024-byte header"):
        llmc.open_tokens(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        llmc.open_tokens(tmp_path / "absent.bin")
