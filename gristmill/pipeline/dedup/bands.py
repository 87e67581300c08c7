"""Candidate groups: documents that agree in a band.

A task is one range of band keys, over all bands: their keys never meet, because the band's number
is part of the hash. Groups leave for the partition that will compare them, so that the same group
found in several bands meets itself there; and every shard is told which of its documents are wanted
where.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.pipeline.dedup.arrays import U64, Index, mix, part_of, run_starts
from gristmill.pipeline.dedup.clusters import groups_to_compare, write_table
from gristmill.pipeline.dedup.parts import PartWriter
from gristmill.pipeline.dedup.scatter import Scatter
from gristmill.pipeline.dedup.shingle_sets import SetPlan
from gristmill.pipeline.dedup.tables import EDGES, GROUPS, WANTED
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder


@dataclass(frozen=True)
class BandGroups:
    """Group the documents of all shards by band key.

    Attributes:
        scatter: what wrote the records of the round ``records``.
        plan: how many partitions compare, and who fetches shingles. None where nothing is compared:
            then each group gives edges from its best member to the others.
    """

    scatter: Scatter
    records: str
    plan: SetPlan | None

    def count(self, folder: RunFolder) -> int:
        """One task for each range."""
        return self.scatter.ranges(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the groups of two or more."""
        folder = draft.folder
        docs, records = self.scatter.read_repeated(folder, self.records, draft.task)
        tick({"docs_in": docs})
        keys, rank, starts = _groups(records["value"], records["key"], records["rank"])
        sizes = np.diff(starts, append=len(keys))
        draft.figures = {"candidate_groups": len(starts)}
        draft.facts = {"largest": int(sizes.max(initial=0))}
        if self.plan is None:
            best = np.repeat(starts, sizes)
            columns = [keys[best], rank[best], keys, rank]
            edges = pa.table([pa.array(column) for column in columns], schema=EDGES)
            edges = edges.filter(pa.array(keys[best] != keys))
            write_table(edges, draft.numbered("edges.parquet", docs=edges.num_rows))
            return
        group = np.repeat(_identities(keys, starts), sizes)
        partitions = self.plan.partitions(folder)
        part = part_of(group, partitions)
        table = pa.table([pa.array(column) for column in (group, keys, rank)], schema=GROUPS)
        with PartWriter(draft.numbered("groups.arrow", docs=len(keys)), GROUPS, partitions) as out:
            out.scatter(table, part)
        keys, part = _distinct(keys, part)
        wanted = pa.table([pa.array(keys), pa.array(part, pa.uint32())], schema=WANTED)
        owner, owners = self.plan.owners(folder, keys)
        with PartWriter(draft.numbered("wanted.arrow", docs=len(keys)), WANTED, owners) as out:
            out.scatter(wanted, owner)


def _groups(value: U64, keys: U64, rank: U64) -> tuple[U64, U64, Index]:
    """Return members (best first) and starts of the groups that hold a document of ours."""
    order = np.lexsort((keys, rank, value))
    value, keys, rank = value[order], keys[order], rank[order]
    inside, starts = groups_to_compare(run_starts(value), rank)
    return keys[inside], rank[inside], starts


def _identities(keys: U64, starts: Index) -> U64:
    """Return a hash of each group's set of members, whatever their order."""
    if not len(starts):
        return np.zeros(0, np.uint64)
    return mix(np.add.reduceat(mix(keys), starts))


def _distinct(keys: U64, part: Index) -> tuple[U64, Index]:
    order = np.lexsort((part, keys))
    keys, part = keys[order], part[order]
    first = run_starts(keys, part.view(np.uint64))
    return keys[first], part[first]
