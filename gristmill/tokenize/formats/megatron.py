r"""The token files of Megatron-LM, byte for byte.

``X.bin`` holds token ids and nothing else; ``X.idx`` says where sequences and documents are
(Megatron-LM ``megatron/core/datasets/indexed_dataset.py``), all little-endian:

============ ======== ======================================================
at byte      type     what
============ ======== ======================================================
0            9 bytes  ``MMIDIDX\0\0``
9            uint64   version, 1
17           uint8    token type: 8 = uint16, 4 = int32
18           uint64   S, number of sequences
26           uint64   D, number of document indices
34           int32    S lengths, in tokens
34 + 4S      int64    S places, in bytes from the start of X.bin
34 + 12S     int64    D indices: the first sequence of each document, then S
============ ======== ======================================================

We write one sequence a document, followed by its end-of-text token, so D = S + 1.
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.contract import EotPlace, Header, StrPath
from gristmill.tokenize.formats.raw import (
    INT32,
    NO_COUNT,
    UINT16,
    Lengths,
    StreamWriter,
    count_items,
    file_size,
    map_items,
    read_bytes,
)

EOT: EotPlace = "after"
ONE_FILE = False
DTYPES: tuple[np.dtype[Any], ...] = (UINT16, INT32)
MAX_TOKENS = NO_COUNT

_MAGIC = b"MMIDIDX\x00\x00"
_HEAD = struct.Struct("<9sQBQQ")
_CODES: dict[int, np.dtype[Any]] = {8: UINT16, 4: INT32}
_INT64 = np.dtype("<i8")
_CHUNK = 1 << 16


def files(stem: str) -> tuple[str, ...]:
    """Return the names of the files of one shard: tokens, index."""
    return (f"{stem}.bin", f"{stem}.idx")


def _index(path: StrPath) -> Path:
    return Path(path).with_suffix(".idx")


class MegatronWriter(StreamWriter):
    """Tokens as they come; the index at the end, since its parts stand one after the other."""

    name = "Megatron"
    dtypes = DTYPES
    max_tokens = MAX_TOKENS

    def __init__(self, path: StrPath, dtype: npt.DTypeLike) -> None:
        self._lengths = Lengths()
        super().__init__(path, dtype)

    def _beside(self) -> list[str]:
        return [_index(self.path).name]

    def note(self, sizes: npt.NDArray[np.int64], *companions: BinaryIO) -> None:
        """Remember the lengths."""
        del companions
        if int(sizes.max()) > np.iinfo(np.int32).max:
            raise ConfigError(
                f"{self.path}: a document of {int(sizes.max()):,} tokens, Megatron files hold "
                "fewer than 2**31 in one; choose another format"
            )
        self._lengths.extend(sizes)

    def finish(self, tokens: BinaryIO, *companions: BinaryIO) -> None:
        """Write the index."""
        del tokens
        out, lengths = companions[0], self._lengths.to_numpy()
        count = len(lengths)
        code = next(c for c, known in _CODES.items() if known == self.dtype)
        out.write(_HEAD.pack(_MAGIC, 1, code, count, count + 1))
        out.write(lengths.astype(INT32, copy=False).tobytes())
        place = 0
        for start in range(0, count, _CHUNK):
            part = lengths[start : start + _CHUNK].astype(np.int64) * self.dtype.itemsize
            out.write((place + np.cumsum(part) - part).astype(_INT64).tobytes())
            place += int(part.sum())
        for start in range(0, count + 1, _CHUNK):
            out.write(np.arange(start, min(start + _CHUNK, count + 1), dtype=_INT64).tobytes())


def writer(path: StrPath, dtype: npt.DTypeLike = np.uint16) -> MegatronWriter:
    """Return a streaming writer; see ``StreamWriter``."""
    return MegatronWriter(path, dtype)


def _read_index(path: StrPath) -> tuple[np.dtype[Any], int, int]:
    """Return token type, sequences and document indices, checked against the index's size."""
    index = _index(path)
    size, raw = file_size(index), read_bytes(index, _HEAD.size)
    if len(raw) < _HEAD.size or not raw.startswith(_MAGIC):
        raise CorruptError(
            f"{index}: no MMIDIDX header of {_HEAD.size} bytes at byte 0; write the shard again"
        )
    _, version, code, sequences, documents = _HEAD.unpack(raw)
    if version != 1:
        raise CorruptError(f"{index}: version {version} at byte 9, expected 1; convert the file")
    if code not in _CODES:
        raise CorruptError(
            f"{index}: token type {code} at byte 17 is neither 8 (uint16) nor 4 (int32); "
            "write the shard again with one of these"
        )
    promised = _HEAD.size + 12 * sequences + 8 * documents
    if size != promised or documents < 1:
        raise CorruptError(
            f"{index}: the header at byte 18 promises {sequences:,} sequences and {documents:,} "
            f"document indices ({promised:,} bytes in all), the file has {size:,}; "
            "write the shard again"
        )
    return _CODES[code], sequences, documents


def read_header(path: StrPath, dtype: npt.DTypeLike | None = None) -> Header:
    """Read the index and check the size of both files.

    Raises:
        ConfigError: one of the files is missing.
        CorruptError: the index is not one, or promises another number of tokens.
    """
    del dtype  # the index says it
    known, sequences, _ = _read_index(path)
    tokens = count_items(path, known)
    lengths = map_items(_index(path), INT32, sequences, _HEAD.size)
    promised = int(lengths.sum(dtype=np.int64))
    if promised != tokens:
        raise CorruptError(
            f"{_index(path)}: the lengths from byte {_HEAD.size} add up to {promised:,} tokens, "
            f"{path} holds {tokens:,} of {known.itemsize} bytes; write the shard again"
        )
    return Header(version=1, tokens=tokens, dtype=known)


def open_tokens(path: StrPath, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """Map the tokens of a file, read-only, shape (tokens,). Raises as ``read_header`` does."""
    header = read_header(path, dtype)
    return map_items(path, header.dtype, header.tokens)


def sizes(path: StrPath, dtype: npt.DTypeLike | None = None) -> npt.NDArray[np.int64]:
    """Return the sizes of the documents, all their sequences counted, shape (documents,).

    Raises:
        ConfigError: see ``read_header``.
        CorruptError: see ``read_header``; sequences that do not stand one after the other in the
            file, or documents that do not in the list of sequences.
    """
    header = read_header(path, dtype)
    index, (_, sequences, documents) = _index(path), _read_index(path)
    at = _HEAD.size
    lengths = map_items(index, INT32, sequences, at).astype(np.int64)
    ends = np.concatenate(([0], np.cumsum(lengths)))
    places = map_items(index, _INT64, sequences, at + 4 * sequences)
    wrong = np.flatnonzero((places != ends[:-1] * header.dtype.itemsize) | (lengths < 0))
    if len(wrong):
        row = int(wrong[0])
        raise CorruptError(
            f"{index}: sequence {row:,} begins at byte {int(places[row]):,} (byte "
            f"{at + 4 * sequences + 8 * row:,} of the index), not where the one before it ends; "
            "write the shard again"
        )
    firsts = map_items(index, _INT64, documents, at + 12 * sequences)
    bad = np.flatnonzero(np.diff(firsts, prepend=0) < 0)
    if len(bad) or firsts[0] != 0 or firsts[-1] != sequences:
        row = int(bad[0]) if len(bad) else 0 if firsts[0] else documents - 1
        raise CorruptError(
            f"{index}: document index {row:,} is {int(firsts[row]):,} (byte "
            f"{at + 12 * sequences + 8 * row:,}); they go from 0 to {sequences:,} without going "
            "back: write the shard again"
        )
    found: npt.NDArray[np.int64] = ends[firsts[1:]] - ends[firsts[:-1]]
    return found
