import struct

import numpy as np
import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import llmc


def test_bytes_by_hand(tmp_path, write_file):
    raw = write_file("llmc", tmp_path / "a.bin", [[50256, 1, 258]]).read_bytes()
    assert raw[:4] == bytes.fromhex("88d83401")
    assert struct.unpack("<256i", raw[:1024]) == (20240520, 1, 3, *[0] * 253)
    assert raw[1024:] == struct.pack("<3H", 50256, 1, 258)
    raw = write_file("llmc", tmp_path / "a.bin", [[128000, 7]], np.uint32).read_bytes()
    assert raw[:4] == bytes.fromhex("a1d93401")
    assert struct.unpack("<256i", raw[:1024]) == (20240801, 7, 2, *[0] * 253)
    assert raw[1024:] == struct.pack("<2I", 128000, 7)


def test_modded_nanogpt_reads_it(tmp_path, write_file):
    """The steps of ``_load_data_shard`` in modded-nanogpt's ``train_gpt.py``, without torch."""
    file = write_file("llmc", tmp_path / "train_000000.bin", [[0, 5, 6], [0, 7]])
    header = np.fromfile(file, dtype=np.int32, count=256)
    assert header[0] == 20240520, "magic number mismatch in the data .bin file"
    assert header[1] == 1, "unsupported version"
    num_tokens = int(header[2])
    with file.open("rb", buffering=0) as f:
        f.seek(256 * 4)
        tokens = np.empty(num_tokens, dtype=np.uint16)
        nbytes = f.readinto(tokens.data)
    assert nbytes == 2 * num_tokens, "number of tokens read does not match header"
    assert tokens.tolist() == [0, 5, 6, 0, 7]


def test_contract():
    assert (llmc.EOT, llmc.ONE_FILE, llmc.files("a")) == ("before", False, ("a.bin",))
    assert llmc.MAX_TOKENS == 2**31 - 1


def _patched(path, at, value):
    raw = bytearray(path.read_bytes())
    raw[at : at + 4] = struct.pack("<i", value)
    path.write_bytes(raw)


@pytest.mark.parametrize(
    ("at", "value", "says"),
    [
        (0, 0, r"magic 0 at byte 0.*unfinished"),
        (0, 20240522, "magic 20240522 at byte 0"),
        (4, 2, "version 2 at byte 4, expected 1"),
        (8, 9, "promises 9 tokens"),
        (8, -1, "promises -1 tokens"),
        (0, 20240801, "version 1 at byte 4, expected 7"),
    ],
)
def test_damaged_headers(tmp_path, write_file, at, value, says):
    path = write_file("llmc", tmp_path / "a.bin", [[1, 2, 3]])
    _patched(path, at, value)
    with pytest.raises(CorruptError, match=says):
        llmc.open_tokens(path)


def test_damaged_lengths(tmp_path, write_file):
    path = write_file("llmc", tmp_path / "a.bin", [[1, 2, 3]])
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
