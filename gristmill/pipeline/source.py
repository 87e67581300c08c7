"""Where documents come from: one shard of a WARC, Parquet or JSONL input as batches.

Whatever cannot be a document becomes a row with ``read.problem`` set, so that the first judge
(``Read``) drops it with a reason like any other and it shows in the ledger.
"""

import io
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, cast

import fsspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.inputs import (
    InputFile,
    Inputs,
    Kind,
    check_unchanged,
    kind_of,
    list_inputs,
)
from gristmill.pipeline.plan import Plan
from gristmill.pipeline.schema import DOCUMENT, PAGE, make_key
from gristmill.pipeline.stage import Judge
from gristmill.pipeline.warc import READ_REASONS, read_warc

_ROWS = 64
_PEEK_LINES = 100
#: HTML that came as a string is UTF-8 here, whatever it says of itself.
_UTF8 = "text/html; charset=utf-8"
_CONTENT = {"text": pa.string(), "html": pa.binary()}


class Read(Judge):
    """Drop records that are no usable page or document."""

    needs = ("read.problem",)

    def reasons(self) -> tuple[str, ...]:
        """See ``gristmill.pipeline.warc`` for the reasons of WARC records."""
        return (*READ_REASONS, "bad_json", "bad_utf8", "no_text")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """The reader has judged already."""
        return batch.column("read.problem")


def planned_input(plan: Plan, task: int) -> InputFile:
    """Return the input file that a shard belongs to."""
    return plan.inputs[plan.shards[task].input]


def source_schema(files: tuple[InputFile, ...]) -> pa.Schema:
    """Return the columns that the first input provides, as a stand-in for all.

    Raises:
        ConfigError: a Parquet or JSONL input has neither ``text`` nor ``html``.
    """
    first = files[0]
    try:
        if first.kind == "parquet":
            return _parquet_schema(first.path)
        return PAGE if first.kind == "warc" else _jsonl_schema(first.path)
    except ShardError as error:
        raise ConfigError(str(error)) from error


def open_input(
    plan: Plan, task: int, flags: Counter[str]
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Open one shard of the plan.

    Args:
        plan: the frozen plan.
        task: shard number.
        flags: receives counts of what is worth knowing but no drop (record types, repairs).

    Returns:
        The schema, and the batches in file order.

    Raises:
        ShardError: the input is gone, changed since the plan was made, or not what it should be.
    """
    file, shard = planned_input(plan, task), plan.shards[task]
    check_unchanged(file)
    if file.kind == "warc":
        on_truncated = plan.recipe["inputs"]["on_truncated"]
        return PAGE, read_warc(
            file.path,
            shard.input,
            flags,
            start=shard.start,
            end=shard.end,
            on_truncated=on_truncated,
        )
    if file.kind == "parquet":
        return _parquet_schema(file.path), _read_parquet(file.path, shard.input)
    schema = _jsonl_schema(plan.inputs[0].path)
    return schema, _read_jsonl(file.path, shard.input, schema)


def read_texts(patterns: Sequence[str]) -> Iterator[str]:
    """Yield the texts of Parquet and JSONL files, outside any run; rows without one are skipped.

    Raises:
        ConfigError: there is no such file, or it has no texts.
    """
    by_kind: dict[Kind, list[str]] = {}
    for pattern in patterns:
        by_kind.setdefault(kind_of(pattern), []).append(pattern)
    if "warc" in by_kind:
        raise ConfigError(f"{by_kind['warc'][0]}: pages, not texts; give Parquet or JSONL")
    try:
        for kind, paths in sorted(by_kind.items()):
            for file in list_inputs(Inputs(**{kind: paths}), lambda _: None):
                schema = (_parquet_schema if kind == "parquet" else _jsonl_schema)(file.path)
                if "text" not in schema.names:
                    raise ConfigError(f"{file.path}: html, not text; extract it first")
                batches = _read_parquet(file.path, 0)
                if kind == "jsonl":
                    batches = _read_jsonl(file.path, 0, schema)
                for batch in batches:
                    yield from batch.column("text").drop_null().to_pylist()
    except ShardError as error:
        raise ConfigError(str(error)) from error


def _parquet_schema(path: str) -> pa.Schema:
    try:
        with fsspec.open(path, "rb") as file:
            have = pq.read_schema(file)
    except (OSError, pa.ArrowException) as error:
        raise ShardError(f"{path}: not a readable Parquet file: {error}") from error
    _need_content(path, have.names)
    if twice := [name for name, times in Counter(have.names).items() if times > 1]:
        raise ShardError(f"{path}: column {twice[0]!r:.60} stands twice; rename one of them")
    fields = {"key": pa.uint64(), "id": pa.string(), "url": pa.string()}
    for field in have:
        if field.name not in ("key", "stage", "reason", "read.problem"):
            fields[field.name] = _CONTENT.get(field.name, fields.get(field.name, field.type))
    if "text" not in fields:
        fields["content_type"] = pa.string()
    return pa.schema([*fields.items(), ("read.problem", pa.string())])


def _read_parquet(path: str, number: int) -> Iterator[pa.RecordBatch]:
    schema, row = _parquet_schema(path), 0
    try:
        with fsspec.open(path, "rb") as file:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=_ROWS):
                yield _parquet_rows(batch, schema, number, row)
                row += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise ShardError(
            f"{path}: cannot be read after row {row}: {reason}; mend the file, or write its text "
            "as UTF-8 strings"
        ) from error


def _parquet_rows(
    batch: pa.RecordBatch, schema: pa.Schema, number: int, row: int
) -> pa.RecordBatch:
    content, n = "text" if "text" in schema.names else "html", batch.num_rows
    have = {name: batch.column(name) for name in batch.schema.names}
    missing = have[content].is_null().to_pylist()
    problems = pa.array(["no_text" if m else None for m in missing], pa.string())
    for name in [n for n, column in have.items() if n != "html" and not _is_utf8(column)]:
        have[name], bad = _without_bad_utf8(have[name])
        if name == content:
            problems = pc.if_else(bad, "bad_utf8", problems)
    if content == "html" and "content_type" not in have:
        utf8 = have[content].type in (pa.string(), pa.large_string())
        have["content_type"] = pa.array([_UTF8 if utf8 else None] * n, pa.string())
    have["key"] = pa.array([make_key(number, row + i) for i in range(n)], pa.uint64())
    have["read.problem"] = problems
    arrays = [have.get(f.name, pa.nulls(n, f.type)).cast(f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _is_utf8(column: pa.Array) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        return column.type not in (pa.string(), pa.large_string())  # others fail elsewhere
    return True


def _without_bad_utf8(column: pa.Array) -> tuple[pa.Array, pa.BooleanArray]:
    """Return strings, null in place of bytes that are none (Parquet does not check), and where."""
    found: list[str | None] = []
    bad: list[bool] = []
    for raw in column.cast(pa.large_binary()).to_pylist():
        text = None if raw is None else raw.decode("utf-8", "replace")
        bad.append(text is not None and text.encode() != raw)
        found.append(None if bad[-1] else text)
    return pa.array(found, column.type), pa.array(bad, pa.bool_())


def _jsonl_schema(path: str) -> pa.Schema:
    """Tell from the first lines whether documents come as text or as HTML."""
    names: set[str] = set()
    for _, line in islice(read_lines(path), _PEEK_LINES):
        try:
            body = orjson.loads(line)
        except ValueError:
            continue
        names |= body.keys() if isinstance(body, dict) else set()
    _need_content(path, sorted(names))
    content = "text" if "text" in names else "html"
    fields = [f if f.name != "text" else pa.field(content, _CONTENT[content]) for f in DOCUMENT]
    if content == "html":
        fields.append(pa.field("content_type", pa.string()))
    return pa.schema(fields)


def _read_jsonl(path: str, number: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    content = "text" if "text" in schema.names else "html"
    rows: list[dict[str, Any]] = []
    for row, line in read_lines(path):
        rows.append({"key": make_key(number, row)} | _json_row(line, content))
        if len(rows) == _ROWS:
            yield pa.RecordBatch.from_pylist(rows, schema=schema)
            rows = []
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=schema)


def _json_row(line: bytes, content: str) -> dict[str, Any]:
    try:
        body = orjson.loads(line)
    except ValueError:
        return {"read.problem": "bad_json"}
    if not isinstance(body, dict):
        return {"read.problem": "no_text"}
    row = {
        "id": None if body.get("id") is None else str(body["id"]),
        "url": body["url"] if isinstance(body.get("url"), str) else None,
    }
    value = body.get(content)
    if not isinstance(value, str):
        return row | {"read.problem": "no_text"}
    if content == "html":
        return row | {"html": value.encode(), "content_type": _UTF8}
    return row | {"text": value}


def read_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file that are not blank, numbered, unpacked by its ending.

    Raises:
        ShardError: it cannot be read.
    """
    try:
        with _unpacked(path) as file:
            yield from ((i, line) for i, line in enumerate(file) if line.strip())
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise ShardError(f"{path}: cannot be read: {error}") from error


@contextmanager
def _unpacked(path: str) -> Iterator[BinaryIO]:
    if not path.endswith(".zst"):
        with fsspec.open(path, "rb", compression="infer") as file:
            yield file
        return
    # fsspec wants one more package for Zstandard; Arrow brings its own.
    with fsspec.open(path, "rb") as packed, pa.CompressedInputStream(packed, "zstd") as stream:
        yield cast(BinaryIO, io.BufferedReader(stream))


def _need_content(path: str, names: list[str]) -> None:
    if "text" not in names and "html" not in names:
        raise ShardError(
            f"{path}: neither a column text nor html (there is: "
            f"{', '.join(names[:8]) or 'nothing'}); rename the column that holds the documents"
        )
