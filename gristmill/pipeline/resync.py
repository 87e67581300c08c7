"""Finding records in a WARC file again after damage, and naming what is no WARC.

A record is found by its gzip member: the magic bytes of a member that inflates to a WARC version
line. That test looks at the first kilobytes only, so every reader of a file, wherever it begins,
finds the same members.
"""

import re
import zlib
from typing import Literal, Protocol

#: Magic, method "deflate" (RFC 1952, 2.3.1).
GZIP_MAGIC = b"\x1f\x8b\x08"
#: Start of a record; writers differ in blank lines before it.
VERSION = re.compile(rb"[\r\n]*WARC/\d{1,3}\.\d{1,3}[ \t]*\r?\n", re.IGNORECASE)
#: A record amid other bytes: a version line of its own and a header field after it.
RECORD_INSIDE = re.compile(
    rb"(?<=\n)WARC/\d{1,3}\.\d{1,3}[ \t]*\r?\n[A-Za-z-]{1,64}:", re.IGNORECASE
)

_CHUNK = 1 << 20
_PROBE = 1 << 16
_VERSION_BYTES = 64

_KINDS = (
    (b"PK\x03\x04", "a ZIP archive (WACZ?)"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"filedesc:", "an ARC file"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"{", "JSON"),
)


class Seekable(Protocol):
    """What is needed of an open file."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move."""

    def read(self, size: int = -1, /) -> bytes:
        """Read up to size bytes."""


def read_at(file: Seekable, position: int, size: int) -> bytes:
    """Return up to ``size`` bytes from a place."""
    file.seek(position)
    return file.read(size)


def judge_head(head: bytes, whole: bool) -> Literal["gzip", "plain", "cut", "junk"]:
    """Say what begins with these bytes.

    Args:
        head: up to 64 KiB.
        whole: no more bytes follow in the file.

    Returns:
        ``gzip`` or ``plain`` for a record, ``cut`` for the first bytes of a member whose rest is
        missing, else ``junk``.
    """
    if VERSION.match(head):
        return "plain"
    if not head.startswith(GZIP_MAGIC):
        return "cut" if whole and head and GZIP_MAGIC.startswith(head) else "junk"
    inner = inflate_head(head)
    if inner is not None and VERSION.match(inner[0]):
        return "gzip"
    return "cut" if whole and inner is not None and inner[1] else "junk"


def inflate_head(head: bytes) -> tuple[bytes, bool] | None:
    """Return the first bytes that a gzip member holds and whether the input ran out before it.

    Returns None where it is no gzip.
    """
    inflate = zlib.decompressobj(31)
    try:
        start = inflate.decompress(head, _VERSION_BYTES)
    except zlib.error:
        return None
    return start, len(start) < _VERSION_BYTES and not inflate.eof


def find_member(file: Seekable, start: int) -> int | None:
    """Return where the first gzip member at or after ``start`` that holds a record begins."""
    tail, position = b"", start
    while chunk := read_at(file, position, _CHUNK):
        window, base = tail + chunk, position - len(tail)
        at = window.find(GZIP_MAGIC)
        while at >= 0:
            head = window[at : at + _PROBE]
            if len(head) < _PROBE:
                head = read_at(file, base + at, _PROBE)
            if judge_head(head, whole=False) == "gzip":
                return base + at
            at = window.find(GZIP_MAGIC, at + 1)
        position += len(chunk)
        tail = window[-2:]
    return None


def find_plain(file: Seekable, start: int) -> int | None:
    """Return where the first uncompressed record at or after ``start`` begins."""
    tail, position = (b"\n" if start == 0 else read_at(file, start - 1, 1)), start
    while chunk := read_at(file, position, _CHUNK):
        window, base = tail + chunk, position - len(tail)
        if found := RECORD_INSIDE.search(window):
            return base + found.start()
        position += len(chunk)
        tail = window[-_VERSION_BYTES * 3 :]
    return None


def name_content(head: bytes) -> str | None:
    """Name what a file that is clearly no WARC begins with, or return None.

    Bytes without meaning may be the damaged head of a WARC: they get None.
    """
    if not head:
        return "nothing, the file is empty"
    if head.startswith(GZIP_MAGIC):
        inner = inflate_head(head)
        if inner is None or inner[1] or VERSION.match(inner[0]):
            return None
        return f"gzip of {name_content(inner[0]) or 'something else'}"
    if VERSION.match(head):
        return None
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, name in _KINDS:
        if plain[: len(magic)].lower() == magic.lower():
            return name
    line = head[:_VERSION_BYTES].split(b"\n")[0]
    if line.isascii() and line.decode().strip().isprintable() and line.strip():
        return f"text ({line.decode().strip()[:40]!r})"
    return None
