"""Where a task writes documents: Parquet, in row groups of bounded size."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from gristmill.pipeline.row_groups import RowGroupFile

#: A row group ends where it has so many rows or bytes: what a reader must hold at once.
_GROUP_ROWS = 1000
_GROUP_BYTES = 32 << 20


class DocumentFile(RowGroupFile):
    """A Parquet file of documents.

    Attributes:
        docs: rows written.
    """

    def __init__(self, path: Path, schema: pa.Schema, **options: Any) -> None:
        super().__init__(path, schema, compression="zstd", compression_level=3, **options)
        self.schema, self.docs = schema, 0
        self._rows = self._bytes = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows; they reach the file in groups."""
        if not batch.num_rows:
            return
        self.docs += batch.num_rows
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        full = self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES
        # Arrow tells a column that may be null from one that may not; here only types count.
        self._hold(pa.Table.from_arrays(batch.columns, schema=self.schema), full=full)
        if full:
            self._rows = self._bytes = 0


class Sink(DocumentFile):
    """The documents of a task.

    Attributes:
        keys: smallest and largest key written.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        super().__init__(path, schema)
        self.keys: list[int] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows with a column ``key``."""
        if batch.num_rows:
            keys = [*self.keys, *batch.column("key").to_pylist()]
            self.keys = [min(keys), max(keys)]
        super().write(batch)
