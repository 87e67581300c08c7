"""WARC records, read with care: wrong lengths, damaged members, several records in one member.

This reader is slower than FastWARC and says of every byte what became of it. Documents come as
records; whatever is damaged comes as a record that only has a place and a problem.
"""

import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from gristmill.errors import ShardError
from gristmill.pipeline.resync import (
    GZIP_MAGIC,
    VERSION,
    Seekable,
    find_member,
    inflate_head,
    judge_head,
    read_at,
)
from gristmill.pipeline.streams import CutError, GzipStream, PlainStream, Stream

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Record:
    """A record, or a damaged place (``problem`` set, no headers)."""

    offset: int  # first byte of the gzip member, or of the record where nothing is compressed
    length: int | None  # compressed bytes; None where other records share the member
    position: int  # what makes the document key: unique in the file
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case
    block: bytes = b""  # what follows the headers; at most the cap
    problem: str | None = None
    stray: bool = False  # bytes that no reader would begin at: they belong to what precedes them


def parse_headers(lines: list[bytes]) -> dict[str, str]:
    """Return header fields, names in lower case; of repeated ones the last counts."""
    headers: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in (b" ", b"\t") and name:
            headers[name] += " " + line.decode("utf-8", "replace").strip()
            continue
        key, colon, value = line.partition(b":")
        if colon:
            name = key.decode("latin-1").strip().lower()
            headers[name] = value.decode("utf-8", "replace").strip()
    return headers


def content_length(headers: dict[str, str]) -> int | None:
    """Return the block length that a record states, or None where it is no number."""
    stated = headers.get("content-length", "")
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 20 else None


def read_records(file: Seekable, start: int, size: int, cap: int) -> Iterator[Record]:
    """Read all records of compressed members from ``start`` on; damage comes as records, too.

    Args:
        file: the open file.
        start: where to begin.
        size: bytes in the file.
        cap: largest block that is kept, in bytes.
    """
    position: int | None = start
    while position is not None and position < size:
        head = read_at(file, position, _CHUNK)
        kind = judge_head(head, whole=size - position <= _CHUNK)
        if kind != "gzip":
            found = find_member(file, position + 1)
            cut = kind == "cut" and found is None
            broken = head.startswith(GZIP_MAGIC) and inflate_head(head) is None
            damage = "gzip_corrupt" if broken else "junk_bytes"
            problem = "input_truncated" if cut else damage
            yield Record(
                position, (found or size) - position, position, problem=problem, stray=True
            )
            position = found
        else:
            position = yield from _read_member(file, position, size, cap)


def read_plain(file: Seekable, start: int, cap: int) -> Iterator[Record]:
    """Read all records of an uncompressed file from ``start`` on."""
    stream = PlainStream(file, start)
    while stream.skip_blank():
        offset = stream.position
        headers, block, problem = _read_record(stream, cap, cut=True)
        yield Record(offset, stream.position - offset, offset, headers, block, problem)


def _read_member(
    file: Seekable, start: int, size: int, cap: int
) -> Generator[Record, None, int | None]:
    """Read one member; return where to go on, or None at the end of what can be read."""
    stream, count = GzipStream(file, start), 0
    try:
        more = stream.skip_blank()
        while more:
            headers, block, problem = _read_record(stream, cap, cut=False)
            more = stream.skip_blank()
            alone = count == 0 and not more
            if start + count >= stream.consumed:
                raise ShardError(f"byte {start}: more records than bytes; recompress this file")
            length = stream.consumed - start if alone else None
            yield Record(start, length, start + count, headers, block, problem)
            count += 1
    except (zlib.error, CutError) as error:
        found = find_member(file, start + 1)
        cut = isinstance(error, CutError) and found is None
        problem = "input_truncated" if cut else "gzip_corrupt"
        yield Record(start, (found or size) - start, start + count, problem=problem)
        return found
    return stream.consumed


def _read_record(
    stream: Stream, cap: int, *, cut: bool
) -> tuple[dict[str, str], bytes, str | None]:
    """Take one record; where its length is wrong, go on at the next version line.

    Args:
        stream: at the record.
        cap: largest block that is kept.
        cut: a block that reaches past the end means a cut file, not a wrong length.

    Returns:
        Headers, block and problem.
    """
    if not VERSION.match(stream.peek(_CHUNK)):
        stream.find_record()
        return {}, b"", "junk_bytes"
    lines = stream.header_lines()
    if lines is None:
        stream.read(1)
        stream.find_record()
        return {}, b"", "bad_warc_header"
    headers = parse_headers(lines)
    length = content_length(headers)
    if length is None:
        stream.find_record()
        return headers, b"", "bad_warc_length"
    begin = stream.position
    block = _take(stream, min(length, cap))
    taken = len(block) + (stream.skip(length - cap) if length > cap else 0)
    if taken == length and _ends_here(stream):
        return headers, block, "too_large" if length > cap else None
    stream.rewind(begin)
    found = stream.find_record()
    truncated = cut and not found and taken < length
    return headers, b"", "input_truncated" if truncated else "bad_warc_length"


def _take(stream: Stream, size: int) -> bytes:
    block = stream.read(size)
    while len(block) < size and stream.chain():
        block += stream.read(size - len(block))
    return block


def _ends_here(stream: Stream) -> bool:
    """Say whether a record may end at this place."""
    ahead = stream.peek(_CHUNK)
    if ahead.startswith(b"\r\n\r\n") or not ahead.strip(b"\r\n"):
        return True
    return VERSION.match(ahead) is not None
