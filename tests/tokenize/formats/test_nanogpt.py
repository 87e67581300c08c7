import numpy as np
import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import nanogpt


def test_bytes_by_hand(tmp_path, write_file):
    path = write_file("nanogpt", tmp_path / "train.bin", [[1, 258, 50256], [50256]])
    assert path.read_bytes() == bytes.fromhex("0100 0201 50c4 50c4")
    path = write_file("nanogpt", tmp_path / "train.bin", [[1, 70000]], np.uint32)
    assert path.read_bytes() == bytes.fromhex("01000000 70110100")


def test_nanogpt_reads_it(tmp_path, write_file):
    """The lines of ``get_batch`` in nanoGPT's ``train.py``, without torch."""
    assert nanogpt.ONE_FILE
    assert nanogpt.files("train") == ("train.bin",)
    write_file("nanogpt", tmp_path / "train.bin", [[5, 6, 0], [7, 0]])
    data = np.memmap(tmp_path / "train.bin", dtype=np.uint16, mode="r")
    block_size = 3
    ix = range(len(data) - block_size)
    x = np.stack([(data[i : i + block_size]).astype(np.int64) for i in ix])
    y = np.stack([(data[i + 1 : i + 1 + block_size]).astype(np.int64) for i in ix])
    assert x.tolist() == [[5, 6, 0], [6, 0, 7]]
    assert y.tolist() == [[6, 0, 7], [0, 7, 0]]


def test_damaged(tmp_path):
    path = tmp_path / "train.bin"
    path.write_bytes(b"\1\0\2\0\3")
    with pytest.raises(CorruptError, match=r"train\.bin: 1 bytes past the last whole token.*4"):
        nanogpt.open_tokens(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        nanogpt.open_tokens(tmp_path / "val.bin")
    with pytest.raises(ConfigError, match="uint16 or uint32, not int32"):
        nanogpt.open_tokens(path, np.int32)


def test_nothing_at_all(tmp_path):
    (tmp_path / "train.bin").write_bytes(b"")
    assert nanogpt.open_tokens(tmp_path / "train.bin").tolist() == []
