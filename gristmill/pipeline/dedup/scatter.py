"""First pass of the shuffle: from shards to ranges of hashes.

One task takes a group of shards and writes one file, each range of hashes a part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.pipeline.dedup.arrays import U64, Index, part_of
from gristmill.pipeline.dedup.earlier import Compared, ShardFile, owners
from gristmill.pipeline.dedup.parts import PartWriter, cut_evenly, read_part
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder

#: Bytes of working memory for each record in hand: itself, its sorted copy, what arrow holds.
_RECORD_BYTES = 96


@dataclass(frozen=True)
class Scatter:
    """Writes records (value, key, …) of all documents, range by range of ``value``.

    Attributes:
        source: files with the column ``key`` and those named here.
        values: columns of hashes; a row has one record for each.
        more: columns that go along.
        memory: bytes of one task.
    """

    source: Compared
    values: tuple[str, ...]
    memory: int
    more: tuple[str, ...] = ("rank",)

    @property
    def schema(self) -> pa.Schema:
        """Columns of the records, all 64-bit numbers."""
        return pa.schema([(name, pa.uint64()) for name in ("value", "key", *self.more)])

    def count(self, folder: RunFolder) -> int:
        """As many groups of shards as keep each within memory."""
        return len(self._groups(self.source.files(folder)))

    def _groups(self, files: Sequence[ShardFile]) -> list[range]:
        sizes = [file.docs * len(self.values) * _RECORD_BYTES for file in files]
        return cut_evenly(sizes, self.memory)

    def ranges(self, folder: RunFolder) -> int:
        """How many ranges there are: each fits into memory."""
        return self._ranges(self.source.files(folder))

    def _ranges(self, files: Sequence[ShardFile]) -> int:
        docs = sum(file.docs for file in files)
        return max(1, -(-docs * len(self.values) * _RECORD_BYTES // self.memory))

    def owners(self, folder: RunFolder, keys: U64) -> tuple[Index, int]:
        """Return which group of shards each document is in, and the number of groups."""
        files = self.source.files(folder)
        groups = self._groups(files)
        return owners(files, groups, keys), len(groups)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write one group's records."""
        files, docs = self.source.files(draft.folder), 0
        ranges, limit = self._ranges(files), self.memory // _RECORD_BYTES
        with PartWriter(draft.numbered("records.arrow"), self.schema, ranges) as out:
            held: list[pa.Table] = []
            for number in self._groups(files)[draft.task]:
                for table in files[number].tables([*self.more, *self.values]):
                    docs += table.num_rows
                    tick({"docs_in": docs})
                    for name in self.values:
                        held.append(self._records(table, name))
                        if sum(t.num_rows for t in held) >= limit:
                            held = _flush(held, out, ranges)
            _flush(held, out, ranges)
        draft.numbered("records.arrow", docs=docs)

    def _records(self, table: pa.Table, name: str) -> pa.Table:
        columns = [table[column] for column in (name, "key", *self.more)]
        return pa.table(columns, schema=self.schema)

    def read_range(self, folder: RunFolder, round_name: str, number: int) -> dict[str, U64]:
        """Return the records of one range that this work's round has published, by column."""
        paths = folder.outputs(round_name, ".records.arrow")
        table = read_part(paths, number, self.schema)
        return {name: table[name].to_numpy() for name in self.schema.names}

    def read_repeated(
        self, folder: RunFolder, round_name: str, number: int
    ) -> tuple[int, dict[str, U64]]:
        """Return how many records a range has, and those whose value may stand more than once."""
        records = self.read_range(folder, round_name, number)
        at = repeated(records["value"])
        return len(records["key"]), {name: column[at] for name, column in records.items()}


def _flush(held: list[pa.Table], out: PartWriter, ranges: int) -> list[pa.Table]:
    """Write what is held; return an empty list."""
    if held:
        records = pa.concat_tables(held)
        out.scatter(records, part_of(records["value"].to_numpy(), ranges))
    return []


def repeated(values: U64) -> Index:
    """Return the positions of values that may occur more than once.

    Sorting numbers is ten times faster than sorting their positions, so each value's lowest bits
    make room for its position. Values that differ in those bits only are reported too.
    """
    bits = np.uint64(max(len(values) - 1, 1).bit_length())
    packed = (values >> bits << bits) | np.arange(len(values), dtype=np.uint64)
    packed.sort()
    same = (packed[1:] >> bits) == (packed[:-1] >> bits)
    inside = np.zeros(len(values), np.bool_)
    inside[1:] |= same
    inside[:-1] |= same
    return (packed[inside] & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
