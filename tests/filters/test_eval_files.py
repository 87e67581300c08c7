"""Reading evaluation sets: kinds of file, fields, names, refusals."""

import gzip
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pytest

from gristmill.errors import ConfigError
from gristmill.filters.eval_files import read_evals

ITEM = {"id": 7, "q": "Why?", "choices": [{"text": "Grain."}, "Rye.", None], "more": {"a": ["b"]}}


def test_all_strings_in_their_order_or_some_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\ufeff" + json.dumps(ITEM) + '\n\n"plain"\n[]', "utf-8")
    (file,) = read_evals([str(path)], None)
    assert file.items == ((1, ("Why?", "Grain.", "Rye.", "b")), (3, ("plain",)), (4, ()))
    assert file.name == "a.jsonl"
    (file,) = read_evals([str(path)], ["more", "q", "none"])
    assert file.items == ((1, ("b", "Why?")), (3, ()), (4, ()))


def test_packed_files(tmp_path: Path) -> None:
    lines = [json.dumps({"q": f"item {i}"}).encode() + b"\n" for i in range(3)]
    parts = [gzip.compress(line) for line in lines]  # several members, as concatenated files are
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(parts))
    with pa.CompressedOutputStream(str(tmp_path / "b.jsonl.zst"), "zstd") as stream:
        stream.write(b"".join(lines))
    first, second = read_evals([str(tmp_path / n) for n in ("b.jsonl.zst", "a.jsonl.gz")], None)
    assert (first.name, second.name) == ("a.jsonl.gz", "b.jsonl.zst")
    assert first.items == second.items == tuple((i + 1, (f"item {i}",)) for i in range(3))
    assert first.sha256 == hashlib.sha256(b"".join(parts)).hexdigest()


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "arc" / "test.jsonl", tmp_path / "boolq" / "test.jsonl"]
    for path in paths:
        path.parent.mkdir()
        path.write_text('{"q": "Why?"}')
    names = [file.name for file in read_evals(list(map(str, paths)), None)]
    assert names == ["arc/test.jsonl", "boolq/test.jsonl"]


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        (b'{"q": "x"}\n{"q": \n', None, r"a\.jsonl, line 2: no JSON"),
        (b'{"q": "\xff"}\n', None, r"a\.jsonl, line 1: no JSON"),
        (b"", None, "no text in it; mend"),
        (b'{"n": 1}\n', None, "no text in it"),
        (b'{"q": "x"}\n', ["a", "b"], "no text in its fields a, b; mend `fields`"),
    ],
)
def test_what_is_no_evaluation_set(
    tmp_path: Path, content: bytes, fields: list[str] | None, message: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_evals([str(path)], fields)


def test_what_cannot_be_read(tmp_path: Path) -> None:
    broken = tmp_path / "a.jsonl.gz"
    broken.write_bytes(b"no gzip")
    cut = tmp_path / "c.jsonl.gz"
    cut.write_bytes(gzip.compress(b'{"q": "Why?"}\n' * 99)[:-12])
    for path in (broken, cut, tmp_path / "none.jsonl", tmp_path, Path("a\0b")):
        with pytest.raises(ConfigError, match=r"cannot read .*name a local JSONL file"):
            read_evals([str(path)], None)
    with pytest.raises(ConfigError, match="no evaluation sets"):
        read_evals([], None)
    with pytest.raises(ConfigError, match="stands twice"):
        read_evals([str(broken), f"{tmp_path}/../{tmp_path.name}/a.jsonl.gz"], None)
