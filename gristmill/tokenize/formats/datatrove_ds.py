"""The token files of datatrove's ``DocumentTokenizer``, byte for byte.

Three files, as ``TokenizedFile`` of datatrove 0.10 writes them, all little-endian:

=============== ==================================================================
X.ds            token ids, uint16 or uint32, no header
X.ds.index      uint64: where each document ends, in tokens from the start of X.ds
X.ds.metadata   three lines: ``tokenizer|bytes of a token``, count, count in words
=============== ==================================================================

Each document is followed by the end-of-text token. An optional ``X.ds.loss`` is not read.
"""

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.contract import EotPlace, Header, StrPath
from gristmill.tokenize.formats.raw import (
    NO_COUNT,
    UINT16,
    UINT32,
    StreamWriter,
    count_items,
    file_size,
    map_items,
)

EOT: EotPlace = "after"
ONE_FILE = False
DTYPES: tuple[np.dtype[Any], ...] = (UINT16, UINT32)
MAX_TOKENS = NO_COUNT

_UINT64 = np.dtype("<u8")

#: The name of the tokenizer that stands beside shards; datatrove reads ``name|token size``.
_TOKENIZER = "tokenizer.json"


def files(stem: str) -> tuple[str, ...]:
    """Return the names of the files of one shard: tokens, index, metadata."""
    return (f"{stem}.ds", f"{stem}.ds.index", f"{stem}.ds.metadata")


class DatatroveWriter(StreamWriter):
    """Tokens and ends of documents as they come, then the metadata."""

    name = "datatrove"
    dtypes = DTYPES
    max_tokens = MAX_TOKENS
    companions = (".index", ".metadata")

    def note(self, sizes: npt.NDArray[np.int64], *companions: BinaryIO) -> None:
        """Append where the documents end."""
        ends = self.tokens - int(sizes.sum()) + np.cumsum(sizes)
        companions[0].write(ends.astype(_UINT64).tobytes())

    def finish(self, tokens: BinaryIO, *companions: BinaryIO) -> None:
        """Write the metadata."""
        del tokens
        lines = f"{_TOKENIZER}|{self.dtype.itemsize}\n{self.tokens}\n{in_words(self.tokens)}"
        companions[1].write(lines.encode())


def in_words(count: int) -> str:
    """Return a count with three digits and a metric prefix, as ``humanize.metric(count, "T")``."""
    exponent = math.floor(math.log10(count)) if count else 0
    value = count / 10 ** (exponent // 3 * 3)
    digits = 2 - exponent % 3
    if round(value, digits) >= 10 ** (exponent % 3 + 1):  # 9.999 is 10.0
        exponent += 1
        value = count / 10 ** (exponent // 3 * 3)
        digits = 2 - exponent % 3
    return f"{value:.{digits}f} {' kMGTPE'[exponent // 3].strip()}T"


def writer(path: StrPath, dtype: npt.DTypeLike = np.uint16) -> DatatroveWriter:
    """Return a streaming writer; see ``StreamWriter``."""
    return DatatroveWriter(path, dtype)


def _beside(path: StrPath, suffix: str) -> Path:
    return Path(f"{path}.{suffix}")


def _last_end(path: StrPath) -> int | None:
    """Return the end of the last document, or None without an index."""
    index = _beside(path, "index")
    if not index.is_file():
        return None
    ends = map_items(index, _UINT64, count_items(index, _UINT64, "document end"))
    return int(ends[-1]) if len(ends) else 0


def _found_type(path: StrPath, end: int | None) -> np.dtype[Any]:
    """Return the token type that the metadata says, or else the one that fits the index."""
    metadata = _beside(path, "metadata")
    first = metadata.read_bytes().split(b"\n")[0] if metadata.is_file() else b""
    said = first.rpartition(b"|")[2].strip()
    size = file_size(path)
    for known in DTYPES:
        if said == str(known.itemsize).encode():
            return known
    for known in DTYPES:
        if end is not None and size == end * known.itemsize:
            return known
    raise ConfigError(
        f"{path}: neither the index nor the metadata beside it tell whether its tokens have two "
        "bytes or four; name its dtype"
    )


def read_header(path: StrPath, dtype: npt.DTypeLike | None = None) -> Header:
    """Count the tokens of a file and check the index against it, where there is one.

    Args:
        path: the ``.ds`` file.
        dtype: found from the index or the metadata where None.

    Raises:
        ConfigError: no such file, a type that the format does not have, or none to be found.
        CorruptError: the last token is cut, or the index ends elsewhere.
    """
    end = _last_end(path)
    known = _found_type(path, end) if dtype is None else np.dtype(dtype).newbyteorder("<")
    if known not in DTYPES:
        raise ConfigError(
            f"{path}: datatrove files hold uint16 or uint32, not {known.name}; use one of these"
        )
    tokens = count_items(path, known)
    if end is not None and end != tokens:
        raise CorruptError(
            f"{path}.index: the last document ends at token {end:,} (the last 8 bytes), "
            f"{path} holds {tokens:,} of {known.itemsize} bytes; write the shard again"
        )
    return Header(version=0, tokens=tokens, dtype=known)


def open_tokens(path: StrPath, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """Map the tokens of a file, read-only, shape (tokens,). Raises as ``read_header`` does."""
    header = read_header(path, dtype)
    return map_items(path, header.dtype, header.tokens)


def sizes(path: StrPath, dtype: npt.DTypeLike | None = None) -> npt.NDArray[np.int64] | None:
    """Return the sizes of the documents, shape (documents,), or None without an index.

    Raises:
        ConfigError: see ``read_header``.
        CorruptError: see ``read_header``; a document that ends before it begins.
    """
    read_header(path, dtype)
    index = _beside(path, "index")
    if not index.is_file():
        return None
    ends = map_items(index, _UINT64, count_items(index, _UINT64, "document end"))
    found = ends.astype(np.int64)
    found[1:] -= found[:-1]
    if (found < 0).any():
        row = int(np.argmax(found < 0))
        raise CorruptError(
            f"{index}: document {row:,} ends at token {int(ends[row]):,} (byte {8 * row:,}), "
            "before it begins; write the shard again"
        )
    return found
