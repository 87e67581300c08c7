"""The token files of one split, written one after the other, with their provenance."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import CorruptError
from gristmill.pipeline.durable import sync_and_hash
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.contract import EotPlace, TokenFormat
from gristmill.tokenize.formats.ends import Ends
from gristmill.tokenize.provenance import check_places
from gristmill.tokenize.shard_source import Documents

_ROWS = 1 << 14


@dataclass(frozen=True)
class Target:
    """What to write.

    Attributes:
        name: a name of ``FORMATS``.
        dtype: token type of its files.
        target_tokens: a file is closed by the document that would take it past this; None = as
            many as the format can hold.
    """

    name: str
    dtype: np.dtype[Any]
    target_tokens: int | None = None

    @property
    def format(self) -> TokenFormat:
        """The format's module."""
        return FORMATS[self.name]

    @property
    def limit(self) -> int:
        """Most tokens of a file."""
        return min(self.target_tokens or self.format.MAX_TOKENS, self.format.MAX_TOKENS)


class SplitWriter:
    """Append documents to the files of a split.

    Args:
        target: what to write.
        folder: where.
        split: ``train`` or ``val``.
        eot: the end-of-text token.
        lengths: bytes of every token, by id.

    Attributes:
        entries: finished files, as ``shards.json`` lists them.
    """

    def __init__(
        self, target: Target, folder: Path, split: str, eot: int, lengths: npt.NDArray[np.int64]
    ) -> None:
        self._target, self._folder, self._split = target, folder, split
        self._eot, self._lengths = eot, lengths
        self._file: _OpenFile | None = None
        self.entries: list[dict[str, Any]] = []

    def add(self, docs: Documents, rows: pa.Table | None) -> int:
        """Append documents, with a row of provenance each; return the bytes they spell."""
        done = spelled = 0
        while done < len(docs):
            file = self._file = self._file or self._open()
            room = self._target.limit - file.tokens
            fit = int(np.searchsorted(np.cumsum(docs.lengths[done:] + 1), room, side="right"))
            if fit == 0 and file.tokens:
                self.cut()
                continue
            fit = max(fit, 1)  # a document longer than the target has a file of its own
            part = docs.part(done, done + fit)
            size = int(self._lengths[part.tokens].sum())
            file.add(part, self._eot, size, None if rows is None else rows.slice(done, fit))
            done, spelled = done + fit, spelled + size
        return spelled

    def correct(self, more: int) -> None:
        """Add to the bytes of the last file what is known of the text and not in its tokens."""
        if self._file is not None:
            self._file.bytes += more

    def cut(self) -> None:
        """Finish the file; the next document begins another."""
        if self._file is not None:
            self.entries.append(self._file.close() | {"split": self._split})
            self._file = None

    def _open(self) -> "_OpenFile":
        one = self._target.format.ONE_FILE
        stem = self._split if one else f"{self._split}_{len(self.entries):06d}"
        return _OpenFile(self._target, self._folder, stem)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.cut()
        elif self._file is not None:
            self._file.discard(kind, error, trace)


class _OpenFile:
    """A token file being written, and its index."""

    def __init__(self, target: Target, folder: Path, stem: str) -> None:
        self._names = target.format.files(stem)
        self._target, self._folder, self._docs = target, folder, 0
        self._writer = target.format.writer(folder / self._names[0], target.dtype)
        self._index: pq.ParquetWriter | None = None
        self.bytes = 0

    @property
    def tokens(self) -> int:
        return self._writer.tokens

    def add(self, docs: Documents, eot: int, size: int, rows: pa.Table | None) -> None:
        tokens, sizes = with_eot(docs, eot, self._target.format.EOT, self._target.dtype)
        if rows is not None:
            self._add_rows(rows, self.tokens + np.cumsum(sizes) - sizes)
        self._writer.write(tokens, sizes)
        self._docs += len(docs)
        self.bytes += size

    def _add_rows(self, rows: pa.Table, first: Ends) -> None:
        place = rows.schema.get_field_index("first")
        rows = rows.set_column(place, rows.schema.field(place), pa.array(first, pa.int64()))
        if self._index is None:
            path = index_of(self._folder / self._names[0])
            self._index = pq.ParquetWriter(path, rows.schema, compression="zstd")
        self._index.write_table(rows)

    def close(self) -> dict[str, Any]:
        with self._writer:
            pass
        beside = list(self._names[1:])
        if self._index is not None:
            self._index.close()
            beside.append(index_of(self._folder / self._names[0]).name)
        return {
            "path": self._names[0],
            "sha256": sync_and_hash(self._folder / self._names[0])[1],
            "companions": [
                {"path": name, "sha256": sync_and_hash(self._folder / name)[1]} for name in beside
            ],
            "tokens": self.tokens,
            "docs": self._docs,
            "bytes": self.bytes,
        }

    def discard(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)
        if self._index is not None:
            self._index.close()


def with_eot(
    docs: Documents, eot: int, place: EotPlace, dtype: np.dtype[Any]
) -> tuple[npt.NDArray[Any], Ends]:
    """Return the tokens of documents with an end-of-text token each, and their sizes."""
    sizes = docs.lengths + 1
    ends = np.cumsum(sizes)
    out = np.full(int(sizes.sum()), eot, dtype)
    text = np.ones(len(out), bool)
    text[ends - 1 if place == "after" else ends - sizes] = False
    out[text] = docs.tokens
    return out, sizes


def index_of(path: Path) -> Path:
    """Return where the provenance index of a token file stands."""
    return path.with_suffix(".index.parquet")


class IndexReader:
    """The rows of a provenance index, as the documents of its token file come."""

    def __init__(self, path: Path) -> None:
        self._path, self._rows_read = path, 0
        try:
            file = pq.ParquetFile(path)
            self._schema = file.schema_arrow
            check_places(self._schema)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise self._damaged(error) from error
        self._batches = file.iter_batches(batch_size=_ROWS)
        self._held = self._schema.empty_table()

    def take(self, sizes: Ends) -> pa.Table:
        """Return the next rows, one for each size. Raises CorruptError where they differ."""
        parts = [self._held]
        while sum(part.num_rows for part in parts) < len(sizes):
            part = self._next()
            if part is None:
                break
            parts.append(part)
        held = pa.concat_tables(parts)
        rows, self._held = held.slice(0, len(sizes)), held.slice(len(sizes))
        if not np.array_equal(rows["tokens"].to_numpy(), sizes):
            raise CorruptError(
                f"{self._path}: rows from {self._rows_read:,} on do not have the sizes of the "
                "documents of the token file beside it; write the shards again"
            )
        self._rows_read += len(sizes)
        return rows

    def _next(self) -> pa.Table | None:
        try:
            batch = next(self._batches, None)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(error) from error
        return None if batch is None else pa.Table.from_batches([batch], self._schema)

    def _damaged(self, error: Exception) -> CorruptError:
        return CorruptError(
            f"{self._path}: not a provenance index ({error}); write the shards again"
        )

    def finish(self) -> None:
        """Check that no row is left. Raises CorruptError."""
        if self._held.num_rows or self._next() is not None:
            raise CorruptError(
                f"{self._path}: more than {self._rows_read:,} rows, the token file beside it has "
                "no more documents; write the shards again"
            )
