"""A pipe is not waited for, wherever a file is asked for."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gristmill.errors import ConfigError
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.formats.raw import file_size, read_bytes
from gristmill.tokenize.formats.regular import check_regular
from gristmill.tokenize.formats.shard_set import ShardSet, sha256
from gristmill.tokenize.formats.vocab import load_vocabulary
from gristmill.tokenize.ranks import read_ranks


@pytest.mark.parametrize(
    "read",
    [
        check_regular,
        file_size,
        lambda path: read_bytes(path, 4),
        load_vocabulary,
        load_encoder,
        read_ranks,
        sha256,
        lambda path: ShardSet(path.parent),
    ],
)
def test_a_pipe_is_refused(tmp_path: Path, read: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "shards.json")
    with pytest.raises(ConfigError, match=r"shards\.json: a pipe or a device"):
        read(tmp_path / "shards.json")


def test_files_and_what_is_not_there_pass(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("file", "none", ""):
        check_regular(tmp_path / name)
