"""Where a task writes documents: Parquet, in row groups of bounded size."""

from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

_GROUP_ROWS = 1000
_GROUP_BYTES = 32 << 20


class Sink:
    """A Parquet file written in row groups of bounded size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema, self.docs = schema, 0
        self.keys: list[int] = []  # smallest and largest key written
        self._writer = pq.ParquetWriter(path, schema, compression="zstd", compression_level=3)
        self._held: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; they reach the file in groups."""
        if not batch.num_rows:
            return
        self.docs += batch.num_rows
        keys = [*self.keys, *batch.column("key").to_pylist()]
        self.keys = [min(keys), max(keys)]
        # Arrow tells a column that may be null from one that may not; here only types count.
        self._held.append(pa.RecordBatch.from_arrays(batch.columns, schema=self.schema))
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held, self.schema))
            self._held, self._rows, self._bytes = [], 0, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
