"""A Parquet file whose rows are held until they make a row group."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq


class RowGroupFile:
    """What all writers of bounded row groups share; each says when a group is full.

    Used as a context manager: what is held is written at the end, but not after an exception.
    """

    def __init__(self, path: Path, schema: pa.Schema, **options: Any) -> None:
        self._writer = pq.ParquetWriter(path, schema, **options)
        self._held: list[pa.Table] = []

    def _hold(self, rows: pa.Table, *, full: bool) -> None:
        """Append rows; ``full``: they complete the group."""
        self._held.append(rows)
        if full:
            self._flush()

    def _flush(self) -> None:
        if self._held:
            self._write_group(pa.concat_tables(self._held))
            self._held = []

    def _write_group(self, table: pa.Table) -> None:
        self._writer.write_table(table, row_group_size=table.num_rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()
