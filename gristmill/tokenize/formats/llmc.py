"""The token files of llm.c and modded-nanogpt, byte for byte.

Layout, all little-endian: a header of 256 int32 (1,024 bytes), then the tokens.

====== ============ ======= ========= =======================
tokens header[0]    [1]     [2]       source
====== ============ ======= ========= =======================
uint16 20240520     1       count     llm.c ``dev/data/data_common.py`` (GPT-2)
uint32 20240801     7       count     the same file (Llama 3)
====== ============ ======= ========= =======================

The rest of the header is zero. The count is a *signed* int32, so a file holds less than 2**31
tokens. Each document is preceded by the end-of-text token; where one begins is not recorded.
"""

from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from gristmill.errors import CorruptError
from gristmill.tokenize.formats.contract import EotPlace, Header, StrPath
from gristmill.tokenize.formats.raw import (
    UINT16,
    UINT32,
    StreamWriter,
    file_size,
    map_items,
    read_bytes,
)

EOT: EotPlace = "before"
ONE_FILE = False
DTYPES: tuple[np.dtype[Any], ...] = (UINT16, UINT32)
MAX_TOKENS = 2**31 - 1
HEADER_BYTES = 1024

_KINDS: dict[int, tuple[int, np.dtype[Any]]] = {
    20240520: (1, UINT16),
    20240801: (7, UINT32),
}

MAGICS = frozenset(_KINDS)


def files(stem: str) -> tuple[str, ...]:
    """Return the names of the files of one shard."""
    return (f"{stem}.bin",)


def _header(dtype: np.dtype[Any], tokens: int) -> bytes:
    magic, version = next((m, v) for m, (v, known) in _KINDS.items() if known == dtype)
    header = np.zeros(HEADER_BYTES // 4, dtype="<i4")
    header[:3] = magic, version, tokens
    return header.tobytes()


class LlmcWriter(StreamWriter):
    """The header, which is zero until the count is known, and the tokens."""

    name = "llm.c"
    dtypes = DTYPES
    max_tokens = MAX_TOKENS

    def begin(self, tokens: BinaryIO) -> None:
        """Leave room for the header."""
        tokens.write(bytes(HEADER_BYTES))

    def finish(self, tokens: BinaryIO, *companions: BinaryIO) -> None:
        """Write the header."""
        del companions
        tokens.seek(0)
        tokens.write(_header(self.dtype, self.tokens))


def writer(path: StrPath, dtype: npt.DTypeLike = np.uint16) -> LlmcWriter:
    """Return a streaming writer; see ``StreamWriter``."""
    return LlmcWriter(path, dtype)


def read_header(path: StrPath, dtype: npt.DTypeLike | None = None) -> Header:
    """Read the header and check it against the size of the file.

    Raises:
        ConfigError: no such file.
        CorruptError: wrong magic, wrong version, a negative count, or a size that differs from
            1,024 + itemsize × count.
    """
    del dtype  # the magic says it
    size = file_size(path)
    raw = read_bytes(path, HEADER_BYTES)
    if len(raw) < HEADER_BYTES:
        raise CorruptError(
            f"{path}: {len(raw)} bytes, shorter than the 1,024-byte header; write the shard again"
        )
    magic, version, tokens = (int(n) for n in np.frombuffer(raw, dtype="<i4")[:3])
    if magic not in _KINDS:
        hint = "unfinished file" if magic == 0 else "not an llm.c token file"
        raise CorruptError(
            f"{path}: magic {magic} at byte 0 is neither 20240520 nor 20240801 ({hint}); "
            "write the shard again or convert it"
        )
    expected, known = _KINDS[magic]
    if version != expected:
        raise CorruptError(
            f"{path}: version {version} at byte 4, expected {expected} for magic {magic}; "
            "convert the file"
        )
    _check_size(path, size, tokens, known)
    return Header(version=version, tokens=tokens, dtype=known)


def _check_size(path: StrPath, size: int, tokens: int, dtype: np.dtype[Any]) -> None:
    promised = HEADER_BYTES + dtype.itemsize * tokens
    if tokens < 0 or size != promised:
        odd = (size - HEADER_BYTES) % dtype.itemsize
        detail = f"; {odd} bytes past the last whole token" if odd else ""
        raise CorruptError(
            f"{path}: the header at byte 8 promises {tokens:,} tokens of {dtype.itemsize} bytes "
            f"({promised:,} bytes in all), the file has {size:,}{detail}; write the shard again"
        )


def open_tokens(path: StrPath, dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """Map the tokens of a file, read-only, shape (tokens,).

    Raises:
        ConfigError: no such file.
        CorruptError: see ``read_header``.
    """
    header = read_header(path, dtype)
    return map_items(path, header.dtype, header.tokens, HEADER_BYTES)


def sizes(path: StrPath, dtype: npt.DTypeLike | None = None) -> None:
    """Documents are not recorded: they are what the end-of-text tokens divide."""
    del path, dtype
