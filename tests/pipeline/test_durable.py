"""Whole files or none."""

import hashlib
import os
from pathlib import Path

import pytest

from gristmill.pipeline.durable import locked, sync_and_hash, write_durably


def test_a_small_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["f"]


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    write_durably(path, b"one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"two")
    assert path.read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["f"]


def test_hash_and_size(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert sync_and_hash(tmp_path / "f") == (3, hashlib.sha256(b"abc").hexdigest())


def test_a_lock_excludes_and_ends(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "lock"):
            pass
