"""What all formats share: a file of token ids, written as a stream and mapped to read."""

from array import array
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, ClassVar, Self

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.contract import StrPath, Tokens
from gristmill.tokenize.formats.regular import check_regular

UINT16 = np.dtype("<u2")
UINT32 = np.dtype("<u4")
INT32 = np.dtype("<i4")

#: Tokens in a file of a format that keeps no count: file offsets are signed 64-bit bytes.
NO_COUNT = (2**63 - 1) // 4

_UNFINISHED = ".unfinished"


class StreamWriter:
    """Append documents to a token file, under another name until it is finished.

    The files get their names when ``with`` ends without an exception, the token file last: some
    formats cannot say that a file is unfinished. After an exception nothing is left. Syncing to
    disk is the caller's.

    Args:
        path: the token file.
        dtype: one of ``dtypes``.

    Attributes:
        tokens: number of tokens written so far.

    Raises:
        ConfigError: a type that the format does not hold.
    """

    name: ClassVar[str]
    dtypes: ClassVar[tuple[np.dtype[Any], ...]]
    max_tokens: ClassVar[int]
    companions: ClassVar[tuple[str, ...]] = ()

    def __init__(self, path: StrPath, dtype: npt.DTypeLike) -> None:
        self.path = Path(path)
        self.dtype = np.dtype(dtype).newbyteorder("<")
        if self.dtype not in self.dtypes:
            known = " or ".join(d.name for d in self.dtypes)
            raise ConfigError(
                f"{path}: {self.name} files hold {known}, not {self.dtype.name}; use one of these"
            )
        self.tokens = 0
        self._limit = int(np.iinfo(self.dtype).max)
        self._paths = [self.path, *(self.path.with_name(n) for n in self._beside())]
        self._files = [self._temporary(p).open("wb") for p in self._paths]
        self.begin(self._files[0])

    def _beside(self) -> list[str]:
        return [f"{self.path.name}{suffix}" for suffix in self.companions]

    @staticmethod
    def _temporary(path: Path) -> Path:
        return path.with_name(path.name + _UNFINISHED)

    def begin(self, tokens: BinaryIO) -> None:
        """Write what stands before the tokens."""

    def note(self, sizes: npt.NDArray[np.int64], *companions: BinaryIO) -> None:
        """Take down the sizes of documents just written; ``self.tokens`` counts them already."""

    def finish(self, tokens: BinaryIO, *companions: BinaryIO) -> None:
        """Write what is known only at the end."""

    def write(self, tokens: Tokens, sizes: Tokens) -> None:
        """Append whole documents; see ``TokenWriter``.

        Raises:
            ConfigError: not integers, an id that the type cannot hold, sizes that do not add up
                to the tokens, or more tokens than one file can hold.
        """
        ids = np.asarray(tokens).reshape(-1)
        lengths = np.asarray(sizes, dtype=np.int64).reshape(-1)
        if int(lengths.sum()) != ids.size or (lengths < 1).any():
            raise ConfigError(
                f"{self.path}: documents of {int(lengths.sum()):,} tokens in all, {ids.size:,} "
                "given; a document has one token at least, its end-of-text token"
            )
        if ids.size == 0:
            return
        self._check(ids)
        self._files[0].write(ids.astype(self.dtype, copy=False).tobytes())
        self.tokens += ids.size
        self.note(lengths, *self._files[1:])

    def _check(self, ids: npt.NDArray[Any]) -> None:
        if ids.dtype.kind not in "iu":
            raise ConfigError(f"{self.path}: token ids must be integers, not {ids.dtype}")
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high > self._limit:
            bad = low if low < 0 else high
            raise ConfigError(
                f"{self.path}: token id {bad} does not fit {self.dtype.name}; "
                f"use {self.dtypes[-1].name} shards or a smaller vocabulary"
            )
        if self.tokens + ids.size > self.max_tokens:
            raise ConfigError(
                f"{self.path}: a {self.name} file holds {self.max_tokens:,} tokens at most; "
                "lower target_tokens so that more files are written"
            )

    def close(self) -> None:
        """Finish the files and give them their names."""
        if self._files[0].closed:
            return
        try:
            self.finish(*self._files)
            for file in self._files:
                file.close()  # writes what is buffered, so a full disk may show only here
            for path in reversed(self._paths):
                self._temporary(path).replace(path)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Close and remove the unfinished files."""
        for file, path in zip(self._files, self._paths, strict=True):
            with suppress(OSError):  # what cannot be written any more is not wanted
                file.close()
            self._temporary(path).unlink(missing_ok=True)

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
            self.discard()


class Lengths:
    """Sizes of documents, kept until the end: four bytes each."""

    def __init__(self) -> None:
        self._items = array("i")

    def extend(self, sizes: npt.NDArray[np.int64]) -> None:
        """Append sizes below 2**31."""
        self._items.frombytes(sizes.astype(np.intc).tobytes())

    def to_numpy(self) -> npt.NDArray[np.int32]:
        """Return them as one array."""
        return np.frombuffer(self._items, dtype=np.intc).astype(np.int32, copy=False)


def file_size(path: StrPath) -> int:
    """Return the size of a file in bytes. Raises ConfigError where there is none."""
    check_regular(path)
    try:
        return Path(path).stat().st_size
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); check the path") from error


def read_bytes(path: StrPath, count: int) -> bytes:
    """Return the first bytes of a file. Raises ConfigError where it cannot be read."""
    check_regular(path)
    try:
        with Path(path).open("rb") as file:
            return file.read(count)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); check the path") from error


def count_items(path: StrPath, dtype: np.dtype[Any], what: str = "token") -> int:
    """Return how many items a file without header holds.

    Raises:
        ConfigError: no such file.
        CorruptError: the last one is cut.
    """
    size = file_size(path)
    count, odd = divmod(size, dtype.itemsize)
    if odd:
        raise CorruptError(
            f"{path}: {odd} bytes past the last whole {what}, which ends at byte {size - odd:,} "
            f"({dtype.itemsize} bytes each); write the shard again, or name its dtype"
        )
    return count


def map_items(path: StrPath, dtype: np.dtype[Any], count: int, offset: int = 0) -> npt.NDArray[Any]:
    """Map items of a file, read-only; nothing cannot be mapped, so an empty array for none."""
    if count == 0:
        return np.empty(0, dtype=dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(count,))
