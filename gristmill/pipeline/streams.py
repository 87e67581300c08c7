"""Bytes of records in a row: of an uncompressed file, or of a gzip member."""

import zlib
from abc import ABC, abstractmethod

from gristmill.pipeline.resync import GZIP_MAGIC, RECORD_INSIDE, Seekable, judge_head, read_at

_CHUNK = 1 << 16
#: Longest header block that is read. Faults of the catalogue go to 5 MB; real ones stay under 64 K.
_MAX_HEADER = 1 << 20


class CutError(Exception):
    """The file ends inside a member."""


class Stream(ABC):
    """Bytes of records in a row, with a buffer in front."""

    def __init__(self) -> None:
        self._buffer = b""
        self.position = 0  # bytes taken from the stream

    @abstractmethod
    def _more(self) -> bytes:
        """Return the next bytes, or none at the end."""

    @abstractmethod
    def rewind(self, position: int) -> None:
        """Go back to a position."""

    def chain(self) -> bool:
        """Go on in the next member, where a record is spread over several."""
        return False

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` bytes without taking them."""
        while len(self._buffer) < size and (more := self._more()):
            self._buffer += more
        return self._buffer[:size]

    def read(self, size: int) -> bytes:
        """Take up to ``size`` bytes."""
        parts, left = [self._buffer[:size]], size
        left -= len(parts[0])
        self._buffer = self._buffer[len(parts[0]) :]
        while left and (more := self._more()):
            parts.append(more[:left])
            self._buffer = more[left:]
            left -= len(parts[-1])
        self.position += size - left
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Take up to ``size`` bytes and forget them; return how many there were."""
        left = size
        while left and (part := self.read(min(left, _CHUNK))):
            left -= len(part)
        return size - left

    def skip_blank(self) -> bool:
        """Take line ends; say whether anything follows."""
        while ahead := self.peek(_CHUNK):
            blank = len(ahead) - len(ahead.lstrip(b"\r\n"))
            self.read(blank)
            if blank < len(ahead):
                return True
        return False

    def header_lines(self) -> list[bytes] | None:
        """Take a header block; None where none ends within reach."""
        size = 1 << 12
        while True:
            ahead = self.peek(size)
            ends = [
                (at, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (at := ahead.find(mark)) >= 0
            ]
            if ends:
                at, mark = min(ends)
                return self.read(at + mark)[:at].splitlines()[1:]
            if len(ahead) < size or size > _MAX_HEADER:
                return None
            size *= 2

    def find_record(self) -> bool:
        """Move to the next record amid other bytes; say whether there is one."""
        before = b"\n"
        while ahead := self.peek(_CHUNK):
            if found := RECORD_INSIDE.search(before + ahead):
                self.read(found.start() - len(before))
                return True
            before = b""
            if len(ahead) < _CHUNK:
                self.read(len(ahead))
                return False
            self.read(len(ahead) - 256)
        return False


class PlainStream(Stream):
    """An uncompressed file; positions are those of the file."""

    def __init__(self, file: Seekable, start: int) -> None:
        super().__init__()
        self._file = file
        self.position = self._next = start

    def _more(self) -> bytes:
        more = read_at(self._file, self._next, _CHUNK)
        self._next += len(more)
        return more

    def rewind(self, position: int) -> None:
        """Go back to a position."""
        self._buffer, self.position, self._next = b"", position, position

    def skip(self, size: int) -> int:
        """Move on without reading; return how many bytes there were."""
        ahead = self.read(min(size, len(self._buffer)))
        end = self._file.seek(0, 2)
        step = max(0, min(size - len(ahead), end - self._next))
        self.position += step
        self._next += step
        return len(ahead) + step


class GzipStream(Stream):
    """One gzip member; positions are those of its inflated bytes.

    Raises (from every reading method):
        zlib.error: the member is damaged.
        CutError: the file ends inside the member.
    """

    def __init__(self, file: Seekable, start: int) -> None:
        super().__init__()
        self._file, self._start = file, start
        self.rewind(0)

    def rewind(self, position: int) -> None:
        """Inflate again from the start of the member up to a position."""
        self._buffer, self.position, self._next, self._input = b"", 0, self._start, b""
        self._inflate = zlib.decompressobj(31)
        self.skip(position)

    @property
    def consumed(self) -> int:
        """File position up to which compressed bytes were used."""
        return self._next - len(self._input)

    def _more(self) -> bytes:
        while not self._inflate.eof:
            if not self._input:
                self._input = read_at(self._file, self._next, _CHUNK)
                self._next += len(self._input)
                if not self._input:
                    raise CutError
            out = self._inflate.decompress(self._input, _CHUNK)
            self._input = (
                self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            )
            if out:
                return out
        return b""

    def chain(self) -> bool:
        """Go on in the next member unless a record of its own begins there."""
        head = read_at(self._file, self.consumed, _CHUNK)
        if not head.startswith(GZIP_MAGIC) or judge_head(head, whole=False) == "gzip":
            return False
        self._inflate = zlib.decompressobj(31)
        return True
