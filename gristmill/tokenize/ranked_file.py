"""A table sorted by rank in one Arrow file, any range of which is read without the rest.

Its record batches are equal ranges of ranks, some dozens of rows each, so a range is found by
counting. Every token file reads its few rows from every such file: Parquet would decode thousands
for them.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

_BITS = b"gristmill.rank_bits"
_ROWS = 64
_MOST_BITS = 12


def write_ranked(path: Path, table: pa.Table) -> None:
    """Write a table whose column ``rank`` (uint64) is sorted."""
    bits = min(max(1, (table.num_rows // _ROWS).bit_length()), _MOST_BITS)
    ranks = table["rank"].to_numpy()
    borders = np.arange(1, 1 << bits, dtype=np.uint64) << np.uint64(64 - bits)
    ends = [0, *np.searchsorted(ranks, borders).tolist(), table.num_rows]
    columns = [column.combine_chunks() for column in table.columns]
    rows = pa.RecordBatch.from_arrays(columns, schema=table.schema)
    schema = table.schema.with_metadata({_BITS: str(bits)})
    with pa.ipc.new_file(path, schema) as out:
        for start, end in pairwise(ends):
            out.write_batch(rows.slice(start, end - start))


def read_ranked(path: Path, low: int, high: int) -> pa.Table:
    """Return the rows whose rank lies between ``low`` and ``high``, both included."""
    with pa.OSFile(str(path)) as source:
        file = pa.ipc.open_file(source)
        shift = 64 - int(file.schema.metadata[_BITS])
        batches = [file.get_batch(n) for n in range(low >> shift, (high >> shift) + 1)]
        table = pa.Table.from_batches(batches).replace_schema_metadata(None)
    ranks = table["rank"].to_numpy()
    return table.filter(pa.array((ranks >= np.uint64(low)) & (ranks <= np.uint64(high))))


def read_columns(path: Path, names: Sequence[str]) -> pa.Table:
    """Return some columns of all rows."""
    with pa.OSFile(str(path)) as source:
        fields = pa.ipc.open_file(source).schema.names
    wanted = pa.ipc.IpcReadOptions(included_fields=[fields.index(name) for name in names])
    with pa.OSFile(str(path)) as source:
        return pa.ipc.open_file(source, options=wanted).read_all().select(names)
