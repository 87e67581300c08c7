"""Tables cut into numbered parts: how data gets from all shards to all ranges and back.

A shuffle in two passes. First a task writes what it has into one file, part after part; then the
task that owns a part reads it from every file. So files are few and large, reads are sequential,
and neither side holds more than its share in memory.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from gristmill.pipeline.dedup.arrays import Index
from gristmill.pipeline.row_groups import RowGroupFile
from gristmill.pipeline.shard import RunFolder

_PARTS = b"gristmill.parts"


class RowGroups(RowGroupFile):
    """Writes tables into row groups of a bounded weight. Hashes do not compress; nothing is."""

    def __init__(self, path: Path, schema: pa.Schema, weight: int) -> None:
        super().__init__(
            path, schema, compression="none", use_dictionary=False, write_statistics=False
        )
        self._limit, self._weight = weight, 0

    def write(self, table: pa.Table, weight: int) -> None:
        """Append rows of some weight."""
        self._weight += weight
        full = self._weight >= self._limit
        self._hold(table, full=full)
        if full:
            self._weight = 0


class PartWriter:
    """Writes one file of parts.

    An Arrow file: its record batches take turns, part 0 to the last, as often as ``scatter`` is
    called. So a part is found by counting, and opening a file costs the same however many it has.
    """

    def __init__(self, path: Path, schema: pa.Schema, parts: int) -> None:
        self._parts = parts
        self._schema = schema.with_metadata({_PARTS: str(parts)})
        self._writer = pa.ipc.new_file(path, self._schema)

    def scatter(self, table: pa.Table, part: Index) -> None:
        """Append rows, each to the part that is named for it; rows of a part keep their order."""
        # numpy sorts 16-bit numbers by radix: a tenth of the time
        small = self._parts <= 1 << 16
        order = np.argsort(part.astype(np.uint16) if small else part, kind="stable")
        ends = np.cumsum(np.bincount(part, minlength=self._parts)).tolist()
        columns = [column.combine_chunks() for column in table.take(pa.array(order)).columns]
        rows = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        for start, end in pairwise([0, *ends]):
            self._writer.write_batch(rows.slice(start, end - start))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self._writer.close()


def read_part(paths: Sequence[Path], part: int, schema: pa.Schema) -> pa.Table:
    """Return all rows of one part, in the order of the files and of writing."""
    return pa.concat_tables([schema.empty_table(), *iterate_part(paths, part)])


def iterate_part(paths: Sequence[Path], part: int) -> Iterator[pa.Table]:
    """Yield the rows of one part, as they were written."""
    for path in paths:
        with pa.OSFile(str(path)) as source:
            file = pa.ipc.open_file(source)
            parts = int(file.schema.metadata[_PARTS])
            for number in range(part, file.num_record_batches, parts):
                batch = file.get_batch(number)
                if batch.num_rows:
                    yield pa.Table.from_batches([batch]).replace_schema_metadata(None)


def recorded_docs(folder: RunFolder, round_name: str, suffix: str) -> list[int]:
    """Return how many documents (or rows) each task of a round wrote into its file."""
    found = [m.output(suffix) for m in folder.manifests(round_name)]
    return [output.docs or 0 if output else 0 for output in found]


def cut_evenly(sizes: Sequence[int], budget: int) -> list[range]:
    """Cut a sequence into runs whose sizes add up to at most ``budget``, or that are one long.

    What has no size stays with what is before it: only the first run can begin with such.

    >>> cut_evenly([2, 2, 5, 1], 4)
    [range(0, 2), range(2, 3), range(3, 4)]
    """
    runs, start, held = [], 0, 0
    for i, size in enumerate(sizes):
        if size and i > start and held + size > budget:
            runs.append(range(start, i))
            start, held = i, 0
        held += size
    if start < len(sizes) or not runs:
        runs.append(range(start, len(sizes)))
    return runs
