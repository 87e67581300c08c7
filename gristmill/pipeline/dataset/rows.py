"""Reading some rows of a shard of documents, and writing the files of a dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

#: A row group ends where it has so many rows or bytes: what a reader must hold at once.
_GROUP_ROWS = 1000
_GROUP_BYTES = 32 << 20
_BATCH = 64


def read_rows(
    path: Path, columns: Sequence[str], first: int = 0, stop: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield rows ``first`` to ``stop`` of a Parquet file; row groups beside them stay unread."""
    with pq.ParquetFile(path) as file:
        end = file.metadata.num_rows if stop is None else stop
        at = 0
        for group in range(file.num_row_groups):
            after = at + file.metadata.row_group(group).num_rows
            if after > first and at < end:
                for batch in file.iter_batches(_BATCH, row_groups=[group], columns=columns):
                    low, high = max(first - at, 0), min(end - at, batch.num_rows)
                    if low < high:
                        yield batch.slice(low, high - low)
                    at += batch.num_rows
            at = after


class DatasetFile:
    """A Parquet file of a dataset, written in row groups of bounded size.

    Attributes:
        docs: rows written.
        nbytes: their size in memory as Arrow.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.docs = self.nbytes = 0
        self._schema = schema
        # The page index lets readers fetch single rows: Hugging Face's viewer does.
        self._writer = pq.ParquetWriter(
            path, schema, compression="zstd", compression_level=3, write_page_index=True
        )
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; they reach the file in groups."""
        if not batch.num_rows:
            return
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        table = pa.Table.from_batches(self._held, self._schema).combine_chunks()
        self._writer.write_table(table)
        self.docs += table.num_rows
        self.nbytes += table.nbytes
        self._held, self._rows, self._bytes = [], 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
