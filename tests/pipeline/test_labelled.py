"""Texts with their languages, from files and run folders, within limits."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.errors import ConfigError, IncompleteError
from gristmill.pipeline.labelled import document_files, read_labelled


def lines(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def read(files: list[str], **limits: Any) -> list[tuple[str, str | None]]:
    batches = list(read_labelled(files, **limits))
    return [pair for texts, names in batches for pair in zip(texts, names, strict=True)]


def test_columns_that_name_a_language(tmp_path: Path) -> None:
    a = lines(tmp_path / "a.jsonl", [
        {"text": "one", "language": "en", "lang": "xx"}, {"text": "둘", "lang": "ko"},
        {"text": "three"}, {"text": None}, {"text": "four", "language": 7},
        {"text": "f", "l": "fr"},
    ])  # fmt: skip
    want = [("one", "en"), ("둘", "ko"), ("three", None), ("four", None), ("f", None)]
    assert read([a]) == want
    assert read([a], column="l") == [(text, "fr" if text == "f" else None) for text, _ in want]
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(Path(a).read_bytes()))
    assert read([str(packed)]) == want
    table = pa.table({"text": ["x", None, "y"], "language": ["en", "en", None], "other": [1, 2, 3]})
    pq.write_table(table, tmp_path / "c.parquet")
    assert read([str(tmp_path / "c.parquet")]) == [("x", "en"), ("y", None)]
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "d.parquet")
    assert read([str(tmp_path / "d.parquet")]) == [("x", None)]


def test_limits_are_shared_by_the_files(tmp_path: Path) -> None:
    files = [
        lines(tmp_path / f"{name}.jsonl", [{"text": f"{name * 10}"} for _ in range(50)])
        for name in "ab"
    ]
    assert [text[0] for text, _ in read(files, max_docs=6)] == list("aaabbb")
    assert [text[0] for text, _ in read(files, max_docs=1)] == list("a")
    assert [text[0] for text, _ in read(files, max_docs=5)] == list("aaabb")
    assert [text[0] for text, _ in read(files * 50, max_docs=10)] == list("a" * 10)
    assert [text[0] for text, _ in read(files, max_bytes=50)] == list("aaabbb")
    assert len(read(files)) == 100


def test_batches_are_small(tmp_path: Path) -> None:
    text = "x" * (3 << 20)
    path = lines(tmp_path / "a.jsonl", [{"text": text}] * 5 + [{"text": "y"}] * 3000)
    sizes = [len(texts) for texts, _ in read_labelled([path])]
    assert sizes[:2] == [2, 2]
    assert max(sizes) == 1024
    assert sum(sizes) == 3005


def test_a_run_is_its_finished_documents(token_run: Any, tmp_path: Path) -> None:
    files = document_files([str(token_run.out)])
    assert len(read(files)) == 60
    copy = token_run.copy(tmp_path / "copy")
    (copy / "documents" / "round.json").unlink()
    with pytest.raises(IncompleteError, match="not finished"):
        document_files([str(copy)])


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no documents"):
        document_files([])
    with pytest.raises(ConfigError, match="pages, not texts"):
        document_files([str(tmp_path / "x.warc.gz")])
    with pytest.raises(ConfigError, match="no such file"):
        document_files([str(tmp_path / "x.jsonl")])
    with pytest.raises(ConfigError, match="no run here"):
        document_files([str(tmp_path)])
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "a"}\n\n{oops\n')
    assert read([str(bad)]) == [("a", None)]
    bad.write_text('{"body": "a"}\n')
    with pytest.raises(ConfigError, match="no line has a text"):
        read([str(bad)])
    packed = tmp_path / "bad.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"text": "a"}\n' * 1000)[:-20])
    with pytest.raises(ConfigError, match="cannot be read"):
        read([str(packed)])
    pq.write_table(pa.table({"body": ["x"]}), tmp_path / "d.parquet")
    with pytest.raises(ConfigError, match="no column text"):
        read([str(tmp_path / "d.parquet")])
    (tmp_path / "d.parquet").write_bytes(b"PAR1")
    with pytest.raises(ConfigError, match="not a readable Parquet"):
        read([str(tmp_path / "d.parquet")])


def test_a_column_that_is_asked_for_has_to_be_there(tmp_path: Path) -> None:
    a = lines(tmp_path / "a.jsonl", [{"text": "one", "lang": "en"}, {"text": "two", "l": "fr"}])
    b = str(tmp_path / "b.parquet")
    pq.write_table(pa.table({"text": ["x"], "lang": ["en"]}), b)
    for path in (a, b):
        with pytest.raises(ConfigError, match=r"no column lagn \(there is: text, l(ang)?\)"):
            read([path], column="lagn")
        with pytest.raises(ConfigError, match="no column lagn"):
            read([path], column="lagn", max_docs=1)
    assert read([a], column="l") == [("one", None), ("two", "fr")]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_bytes_that_are_not_utf8_are_replaced(tmp_path: Path, kind: pa.DataType) -> None:
    raw = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}.get(kind)
    bad = pa.array([b"a\xff", None, "물".encode()], raw or pa.binary_view()).view(kind)
    path = str(tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": bad, "language": bad}), path)
    assert read([path]) == [("a\ufffd", "a\ufffd"), ("물", "물")]
