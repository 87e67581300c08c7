"""Reading some rows of a shard of documents, and writing the files of a dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.pipeline.sink import DocumentFile

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


class DatasetFile(DocumentFile):
    """A file of a dataset.

    Attributes:
        nbytes: size of its rows in memory as Arrow.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        # The page index lets readers fetch single rows: Hugging Face's viewer does.
        super().__init__(path, schema, write_page_index=True)
        self.nbytes = 0

    def _write_group(self, table: pa.Table) -> None:
        table = table.combine_chunks()
        super()._write_group(table)
        self.nbytes += table.nbytes
