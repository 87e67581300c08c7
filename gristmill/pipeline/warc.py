"""WARC files to pages: every record that could be a document becomes one row, good or bad.

FastWARC reads what is regular; at the first thing that is not (an error, a short block, several
records in a member, the last records of the file) the careful reader of ``records`` takes over
for a while. Both give the same rows; the tests compare them.
"""

from collections import Counter, deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, cast

import fsspec
import pyarrow as pa

from gristmill.errors import ConfigError, ShardError, TransientError
from gristmill.pipeline.pages import READ_REASONS, page_row
from gristmill.pipeline.records import Record, content_length, read_plain, read_records
from gristmill.pipeline.resync import (
    GZIP_MAGIC,
    Seekable,
    find_member,
    find_plain,
    judge_head,
    name_content,
    read_at,
)
from gristmill.pipeline.schema import PAGE, make_key

__all__ = ["READ_REASONS", "read_warc", "sniff"]

_HEAD = 1 << 16
#: Regular records that the careful reader must see before FastWARC may go on.
_CALM = 8


def sniff(path: str) -> None:
    """Look at the first bytes of a local file.

    Raises:
        ConfigError: it cannot be read, or is clearly no WARC.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error
    if kind := name_content(head):
        raise ConfigError(f"{path}: {_no_warc(kind)}")


def read_warc(
    path: str,
    input_number: int,
    flags: Counter[str],
    *,
    start: int = 0,
    end: int | None = None,
    on_truncated: Literal["error", "drop"] = "error",
    max_record_bytes: int = 64 << 20,
    batch_docs: int = 64,
    batch_bytes: int = 8 << 20,
) -> Iterator[pa.RecordBatch]:
    """Read the pages of a WARC, or of a byte range of it, in file order.

    Records other than ``response`` and HTML ``resource`` are only counted, as ``record:TYPE``.

    Args:
        path: local path or fsspec URL.
        input_number: number of the input in the plan, for document keys.
        flags: receives counts of what is worth knowing but no drop.
        start: first byte of the range; a range begins at the first member at or after it.
        end: end of the range; records that begin at or after it belong to the next one.
        on_truncated: what a file that is cut off gives: an error, or a row ``input_truncated``.
        max_record_bytes: larger records and larger decoded bodies are ``too_large``.
        batch_docs: rows in a batch at most.
        batch_bytes: body bytes after which a batch is closed.

    Yields:
        Batches with the columns of ``schema.PAGE``.

    Raises:
        ShardError: missing, unreadable, no WARC, or cut off.
        TransientError: remote storage failed in the middle.
    """
    rows: list[dict[str, Any]] = []
    size = 0
    name = PurePosixPath(path).name
    with _opened(path) as file:
        for record in _records(file, path, start, end, max_record_bytes):
            if record.problem == "input_truncated" and on_truncated == "error":
                raise ShardError(
                    f"{path}: cut off at byte {file.seek(0, 2)} inside a record that begins at "
                    f"byte {record.offset}; fetch it again, or run with "
                    "--set inputs.on_truncated=drop into another --out"
                )
            row = page_row(record, max_record_bytes, flags)
            if row is None:
                continue
            row["key"] = make_key(input_number, record.position)
            row |= {"warc": name, "offset": record.offset, "length": record.length}
            rows.append(row)
            size += len(row["html"] or b"")
            if len(rows) >= batch_docs or size >= batch_bytes:
                yield _batch(rows)
                rows, size = [], 0
        if rows:
            yield _batch(rows)


def _batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([row[f.name] for row in rows], f.type) for f in PAGE], schema=PAGE
    )


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    remote = "://" in path
    try:
        with fsspec.open(path, "rb") if remote else Path(path).open("rb") as file:
            yield file
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise ShardError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (OSError, TimeoutError) as error:
        kind = TransientError if remote else ShardError
        raise kind(f"{path}: reading failed: {error}; check the storage, run again") from error


def _no_warc(kind: str) -> str:
    return f"no WARC: at byte 0 stands {kind}; check the path, or fetch the file again"


def _records(file: Seekable, path: str, start: int, end: int | None, cap: int) -> Iterator[Record]:
    """Yield the records that belong to a range."""
    size = file.seek(0, 2)
    end = size if end is None else end
    head = read_at(file, 0, _HEAD)
    kind = judge_head(head, whole=size <= _HEAD)
    if kind == "plain":
        yield from _plain(file, 0, start, end, cap)
        return
    if kind == "junk":
        if other := name_content(head):
            raise ShardError(f"{path}: {_no_warc(other)}")
        if find_member(file, 0) is None:
            begin = find_plain(file, 0)
            if begin is None:
                raise ShardError(f"{path}: {_no_warc('unknown data')}")
            if start == 0:
                yield Record(0, begin, 0, problem="junk_bytes", stray=True)
            yield from _plain(file, begin, start, end, cap)
            return
    position = 0 if start == 0 else find_member(file, start)
    while position is not None and position < size:
        position = yield from _fast(file, position, end, cap)
        if position is not None:
            position = yield from _careful(file, position, end, size, cap)


def _plain(file: Seekable, begin: int, start: int, end: int, cap: int) -> Iterator[Record]:
    """Read an uncompressed file from its beginning: lengths lead from record to record."""
    for record in read_plain(file, begin, cap):
        if record.offset >= end:
            return
        if record.offset >= start:
            yield record


def _careful(
    file: Seekable, position: int, end: int, size: int, cap: int
) -> Generator[Record, None, int | None]:
    """Read with care until a stretch of records is regular; return where that ends."""
    calm = 0
    for record in read_records(file, position, size, cap):
        regular = record.problem is None and record.length is not None
        if calm >= _CALM and regular:
            return record.offset
        if record.offset >= end and not record.stray:
            return None
        yield record
        calm = calm + 1 if regular else 0
    return None


def _fast(file: Seekable, position: int, end: int, cap: int) -> Generator[Record, None, int | None]:
    """Read with FastWARC while all is regular; return where the careful reader must go on.

    A record is given out once the starts of the two after it are known: where several records
    share a member, FastWARC places them at the next member's start or at no member's.
    """
    from fastwarc.warc import ArchiveIterator

    window = _Window(file, position)
    held: deque[Record] = deque()
    last = position
    try:
        for raw in ArchiveIterator(cast(BinaryIO, window), parse_http=False):
            offset = raw.stream_pos
            fits = offset > held[-1].offset if held else offset == position
            if not fits or not window.member_at(offset):
                break
            headers = {name.strip().lower(): value.strip() for name, value in raw.headers.items()}
            length = content_length(headers)
            # FastWARC allocates what it is asked for: a length must be capped before it is read.
            if length is None or length > cap:
                break
            block = raw.reader.read(length) if length else b""
            if len(block) != length:
                break
            held.append(Record(offset, None, offset, headers, block))
            if len(held) < 3:
                continue
            first = held.popleft()
            last = held[0].offset
            if first.offset >= end:
                return None
            yield Record(
                first.offset, last - first.offset, first.offset, first.headers, first.block
            )
    except BaseException as error:
        # A panic in FastWARC's Rust code is a BaseException of a type that cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
    return None if last >= end else last


class _Window:
    """A file as FastWARC reads it: forward only, with the last pieces kept for a second look."""

    def __init__(self, file: Seekable, position: int) -> None:
        self._file, self._position = file, position
        self._pieces: deque[tuple[int, bytes]] = deque(maxlen=3)

    def read(self, size: int = -1) -> bytes:
        """Read on; other readers may have moved the file."""
        piece = read_at(self._file, self._position, size)
        self._pieces.append((self._position, piece))
        self._position += len(piece)
        return piece

    def tell(self) -> int:
        """Return the position in the file."""
        return self._position

    def member_at(self, position: int) -> bool:
        """Say whether a gzip member begins at a position (FastWARC knows that a record does)."""
        for begin, piece in self._pieces:
            at = position - begin
            if 0 <= at <= len(piece) - len(GZIP_MAGIC):
                return piece.startswith(GZIP_MAGIC, at)
        return read_at(self._file, position, len(GZIP_MAGIC)) == GZIP_MAGIC
