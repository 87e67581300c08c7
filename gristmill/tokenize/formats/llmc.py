"""The token files of llm.c and modded-nanogpt, byte for byte.

Layout, all little-endian: a header of 256 int32 (1,024 bytes), then the tokens.

====== ============ ======= ========= =======================
tokens header[0]    [1]     [2]       source
====== ============ ======= ========= =======================
uint16 20240520     1       count     llm.c ``dev/data/data_common.py`` (GPT-2)
uint32 20240801     7       count     the same file (Llama 3)
====== ============ ======= ========= =======================

The rest of the header is zero. The count is a *signed* int32, so a file holds less than 2**31
tokens. Each document is preceded by the end-of-text token.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.contract import Header, StrPath, Tokens

HEADER_BYTES = 1024
MAX_TOKENS = 2**31 - 1
UINT16 = np.dtype("<u2")
UINT32 = np.dtype("<u4")

_KINDS: dict[int, tuple[int, np.dtype[Any]]] = {
    20240520: (1, UINT16),
    20240801: (7, UINT32),
}


def _kind_of(dtype: npt.DTypeLike, path: StrPath) -> tuple[int, int, np.dtype[Any]]:
    wanted = np.dtype(dtype).newbyteorder("<")
    for magic, (version, known) in _KINDS.items():
        if wanted == known:
            return magic, version, known
    raise ConfigError(f"{path}: llm.c files hold uint16 or uint32, not {wanted}; use one of these")


def _header_bytes(magic: int, version: int, tokens: int) -> bytes:
    header = np.zeros(HEADER_BYTES // 4, dtype="<i4")
    header[:3] = magic, version, tokens
    return header.tobytes()


class LlmcWriter:
    """Append arrays of tokens to one file; the count goes into the header at the end.

    Until ``close()`` the header is zero, so that a file left behind by a crash or by an exception
    inside ``with`` is never mistaken for a finished one. Syncing and renaming are the caller's.

    Attributes:
        tokens: number of tokens written so far.
    """

    def __init__(self, path: StrPath, dtype: npt.DTypeLike = np.uint16) -> None:
        self._magic, self._version, self._dtype = _kind_of(dtype, path)
        self._limit = int(np.iinfo(self._dtype).max)
        self._path = path
        self.tokens = 0
        self._file = Path(path).open("wb")  # noqa: SIM115 - closed by close() or __exit__
        self._file.write(bytes(HEADER_BYTES))

    def write(self, tokens: Tokens) -> None:
        """Append token ids (any integer array or sequence).

        Raises:
            ConfigError: not integers, an id that the type cannot hold, or 2**31 tokens or more.
        """
        ids = np.asarray(tokens).reshape(-1)
        if ids.size == 0:
            return
        if ids.dtype.kind not in "iu":
            raise ConfigError(f"{self._path}: token ids must be integers, not {ids.dtype}")
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high > self._limit:
            bad = low if low < 0 else high
            raise ConfigError(
                f"{self._path}: token id {bad} does not fit {self._dtype.name}; "
                "use uint32 shards or a smaller vocabulary"
            )
        if self.tokens + ids.size > MAX_TOKENS:
            raise ConfigError(
                f"{self._path}: more than {MAX_TOKENS:,} tokens do not fit the signed 32-bit "
                "count of an llm.c file; lower target_tokens so that more files are written"
            )
        self._file.write(ids.astype(self._dtype).tobytes())
        self.tokens += ids.size

    def close(self) -> None:
        """Write the final header and close the file."""
        if self._file.closed:
            return
        self._file.seek(0)
        self._file.write(_header_bytes(self._magic, self._version, self.tokens))
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()


def writer(path: StrPath, dtype: npt.DTypeLike = np.uint16) -> LlmcWriter:
    """Return a streaming writer; see ``LlmcWriter``."""
    return LlmcWriter(path, dtype)


def write(path: StrPath, tokens: Tokens, dtype: npt.DTypeLike = np.uint16) -> None:
    """Write one complete file.

    Raises:
        ConfigError: ids that the type cannot hold, or too many of them.
    """
    with LlmcWriter(path, dtype) as out:
        out.write(tokens)


def read_header(path: StrPath) -> Header:
    """Read the header and check it against the size of the file.

    Raises:
        ConfigError: no such file.
        CorruptError: wrong magic, wrong version, a negative count, or a size that differs from
            1,024 + itemsize × count.
    """
    try:
        size = os.stat(path).st_size
        with Path(path).open("rb") as file:
            raw = file.read(HEADER_BYTES)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); check the path") from error
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
    expected, dtype = _KINDS[magic]
    if version != expected:
        raise CorruptError(
            f"{path}: version {version} at byte 4, expected {expected} for magic {magic}; "
            "convert the file"
        )
    _check_size(path, size, tokens, dtype)
    return Header(version=version, tokens=tokens, dtype=dtype)


def _check_size(path: StrPath, size: int, tokens: int, dtype: np.dtype[Any]) -> None:
    promised = HEADER_BYTES + dtype.itemsize * tokens
    if tokens < 0 or size != promised:
        odd = (size - HEADER_BYTES) % dtype.itemsize
        detail = f"; {odd} bytes past the last whole token" if odd else ""
        raise CorruptError(
            f"{path}: the header at byte 8 promises {tokens:,} tokens of {dtype.itemsize} bytes "
            f"({promised:,} bytes in all), the file has {size:,}{detail}; write the shard again"
        )


def open_tokens(path: StrPath) -> npt.NDArray[Any]:
    """Map the tokens of a file, read-only.

    Returns:
        A ``numpy.memmap`` of shape (tokens,), or an empty array where there are none, since
        nothing cannot be mapped.

    Raises:
        ConfigError: no such file.
        CorruptError: see ``read_header``.
    """
    header = read_header(path)
    if header.tokens == 0:
        return np.empty(0, dtype=header.dtype)
    return np.memmap(path, dtype=header.dtype, mode="r", offset=HEADER_BYTES)
