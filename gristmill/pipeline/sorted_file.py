"""Rows of a Parquet file within a range of one column, read without the row groups outside it.

``pyarrow.dataset`` does the same, and costs most of a second to import where pandas is installed.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def read_range(path: Path, column: str, low: int, high: int, schema: pa.Schema) -> pa.Table:
    """Return the rows whose value lies between ``low`` and ``high``, both included.

    Args:
        path: a Parquet file of this schema.
        column: an unsigned 64-bit column without nulls.
        low: smallest value wanted.
        high: largest value wanted.
        schema: of the file.
    """
    with pq.ParquetFile(path) as file:
        groups = [
            group
            for group in range(file.num_row_groups)
            if _overlaps(file, group, schema.get_field_index(column), low, high)
        ]
        table = file.read_row_groups(groups).cast(schema)
    values = table[column].to_numpy()
    inside = (values >= np.uint64(low)) & (values <= np.uint64(high))
    return table.filter(pa.array(inside))


def _overlaps(file: pq.ParquetFile, group: int, column: int, low: int, high: int) -> bool:
    statistics = file.metadata.row_group(group).column(column).statistics
    known = statistics is not None and statistics.has_min_max
    return not known or bool(statistics.min <= high and statistics.max >= low)
