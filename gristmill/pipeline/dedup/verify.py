"""Candidates confirmed on text: an edge counts only where the shingle sets are alike.

Groups of up to 32 are compared pair by pair. In a larger one each member, best first, is compared
with the leaders so far; one that resembles none becomes a leader itself, up to 32. Those that
resemble none of so many are compared with the 32 that follow them in rank, which are of about their
length. So no document costs more than 64 comparisons for one group, however large that is.

Who followed a leader that falls to another document of another group would stay, unseen by the
others of its group. Therefore all this happens twice: the second time among survivors only.

Memory is bounded by a setting. Groups that do not fit together are compared in turns; of one that
does not fit alone the leaders are held, one at a time, and the others pass by.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import ShardError
from gristmill.pipeline.dedup.arrays import U64, Flags, Index, among, run_starts
from gristmill.pipeline.dedup.clusters import groups_to_compare, write_table
from gristmill.pipeline.dedup.jaccard import SetTable, load_sets
from gristmill.pipeline.dedup.parts import cut_evenly, iterate_part
from gristmill.pipeline.dedup.shingle_sets import SHINGLE_BYTES, SetPlan, set_table
from gristmill.pipeline.dedup.tables import EDGES, GROUPS
from gristmill.pipeline.rounds import CLUSTERS, Tick
from gristmill.pipeline.shard import Draft, RunFolder

#: Groups of up to this many are compared pair by pair.
_ALL_PAIRS = 32
#: Leaders of a larger group; and neighbours that those are compared with who follow none.
_LEADERS = 32


@dataclass(frozen=True)
class VerifyGroups:
    """Compare the members of one partition's candidate groups.

    Attributes:
        groups: the round that wrote the groups.
        sets: the round that sent the shingles.
        plan: how many partitions there are.
        threshold: Jaccard similarity that makes an edge.
        survivors: a round of clusters; of the groups that were not compared pair by pair, those
            members are compared who survived it. None: the first time, all are.
    """

    groups: str
    sets: str
    plan: SetPlan
    threshold: float
    survivors: str | None = None

    def count(self, folder: RunFolder) -> int:
        """One task for each partition."""
        return self.plan.partitions(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the confirmed edges; count the refuted pairs."""
        folder, budget = draft.folder, self.plan.memory // SHINGLE_BYTES
        keys, ranks, starts = self._groups(folder, draft.task)
        nodes, member = np.unique(keys, return_inverse=True)
        rank = np.zeros(len(nodes), np.uint64)
        rank[member] = ranks
        sets = _Sets(folder.outputs(self.sets, ".sets.arrow"), draft.task, nodes)
        sizes = sets.sizes()
        if not sizes.all():
            raise ShardError(f"{draft.round} task {draft.task}: shingles of candidates are missing")
        verdicts, done = Verdicts(rank, self.threshold), 0
        for groups in _turns(member, starts, sizes, budget):
            if len(groups[0]) > _ALL_PAIRS and sizes[groups[0]].sum() > budget:
                verdicts.one_large(groups[0], sets, sizes, budget)
            else:
                verdicts.compare(groups, sets.load(np.unique(np.concatenate(groups))))
            done += sum(map(len, groups))
            tick({"docs_in": done})
        a, b, alike = verdicts.distinct()
        columns = [column[alike] for column in (nodes[a], rank[a], nodes[b], rank[b])]
        table = pa.table([pa.array(c, pa.uint64()) for c in columns], schema=EDGES)
        more = "_again" if self.survivors else ""
        draft.figures = {
            f"pairs_compared{more}": len(a),
            f"pairs_refuted{more}": len(a) - table.num_rows,
            f"docs_without_leader{more}": verdicts.leaderless,
        }
        write_table(table, draft.numbered("edges.parquet", docs=table.num_rows))

    def _groups(self, folder: RunFolder, part: int) -> tuple[U64, U64, Index]:
        """Return keys, ranks and starts of one partition's groups of two or more."""
        group, keys, ranks = _distinct_groups(folder.outputs(self.groups, ".groups.arrow"), part)
        if self.survivors is not None:
            sizes = np.diff(run_starts(group), append=len(group))
            stays = np.repeat(sizes > _ALL_PAIRS, sizes)
            stays[stays] = ~_lost(folder.outputs(self.survivors, ".clusters.parquet"), keys[stays])
            group, keys, ranks = group[stays], keys[stays], ranks[stays]
        inside, starts = groups_to_compare(run_starts(group), ranks)
        return keys[inside], ranks[inside], starts


def _distinct_groups(paths: list[Path], part: int) -> tuple[U64, U64, U64]:
    """Return group, key and rank of all members, best first; most groups recur in several bands."""
    seen = np.zeros(0, np.uint64)
    found = [np.zeros((3, 0), np.uint64)]
    for table in iterate_part(paths, part):
        rows = np.stack([table[name].to_numpy() for name in GROUPS.names])
        rows = rows[:, ~among(rows[0], seen)]
        rows = rows[:, np.lexsort((rows[1], rows[2], rows[0]))]
        rows = rows[:, run_starts(rows[0], rows[1])]
        seen = np.union1d(seen, rows[0])
        found.append(rows)
    group, keys, ranks = np.concatenate(found, axis=1)
    order = np.argsort(group, kind="stable")
    return group[order], keys[order], ranks[order]


def _lost(paths: list[Path], keys: U64) -> Flags:
    """Tell which keys clusters list as dropped."""
    nodes, member = np.unique(keys, return_inverse=True)
    lost = np.zeros(len(nodes), np.bool_)
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(1 << 20, columns=CLUSTERS.names[:2]):
                listed, survivor = (column.to_numpy() for column in batch.columns)
                lost |= among(nodes, np.sort(listed[listed != survivor]))
    return lost[member]


@dataclass(frozen=True)
class _Sets:
    """The shingle sets of one partition, on disk; documents are numbers of ``nodes``."""

    paths: list[Path]
    part: int
    nodes: U64

    def tables(self) -> Iterator[pa.Table]:
        """Yield them as they were written."""
        return iterate_part(self.paths, self.part)

    def sizes(self) -> Index:
        """Return how many shingles each document has."""
        sizes = np.zeros(len(self.nodes), np.int64)
        for table in self.tables():
            keys = table["key"].to_numpy()
            ours = among(keys, self.nodes)
            sizes[np.searchsorted(self.nodes, keys[ours])] = table["size"].to_numpy()[ours]
        return sizes

    def load(self, wanted: Index, tables: Iterable[pa.Table] | None = None) -> SetTable:
        """Return some of the sets, sorted by number."""
        return load_sets(self.tables() if tables is None else tables, self.nodes, wanted)


@dataclass
class Verdicts:
    """The comparisons of one partition. Documents are numbers; members come best first."""

    rank: U64
    threshold: float
    leaderless: int = 0
    _pairs: list[tuple[Index, Flags]] = field(default_factory=list)

    def compare(self, groups: list[Index], sets: SetTable) -> None:
        """Compare the members of each group."""
        self._all_pairs([group for group in groups if len(group) <= _ALL_PAIRS], sets)
        for group in groups:
            if len(group) > _ALL_PAIRS:
                rest = self._follow(group, lambda leader, rest: self._check(leader, rest, sets))
                self._neighbours(rest, len(rest), sets)

    def one_large(self, group: Index, sets: _Sets, sizes: Index, budget: int) -> None:
        """Compare the members of a group that is too large to load: one pass for each leader."""

        def check(leader: int, rest: Index) -> Flags:
            alone = sets.load(np.array([leader])).shingles
            first = set_table(pa.chunked_array([sets.nodes[[leader]]]), [alone])
            wanted = np.sort(np.append(rest, leader))
            alike = np.zeros(len(rest), np.bool_)
            for table in sets.tables():
                some = sets.load(wanted, [first, table])
                there = np.flatnonzero(some.size[rest])
                alike[there] = self._check(leader, rest[there], some)
            return alike

        rest = self._follow(group, check)
        for run in cut_evenly(sizes[rest].tolist(), budget) if len(rest) else ():
            some = rest[run.start : run.stop + _LEADERS]
            self._neighbours(some, len(run), sets.load(np.sort(some)))

    def _all_pairs(self, groups: list[Index], sets: SetTable) -> None:
        for size in {len(group) for group in groups}:
            members = np.stack([group for group in groups if len(group) == size])
            first, second = np.triu_indices(size, 1)
            self._compare(members[:, first].ravel(), members[:, second].ravel(), sets)

    def _follow(self, members: Index, check: Callable[[int, Index], Flags]) -> Index:
        """Compare members with leaders, the best of those that resemble none so far.

        Returns:
            Those that resemble no leader.
        """
        rest = members
        for _ in range(_LEADERS):
            if len(rest) < 2:
                return rest[:0]
            leader, rest = int(rest[0]), rest[1:]
            rest = rest[~check(leader, rest)]
        self.leaderless += len(rest)
        return rest

    def _neighbours(self, members: Index, first: int, sets: SetTable) -> None:
        """Compare each of the first members with those that follow it."""
        for distance in range(1, min(_LEADERS, len(members) - 1) + 1):
            ends = members[distance:][:first]
            self._compare(members[: len(ends)], ends, sets)

    def _check(self, leader: int, rest: Index, sets: SetTable) -> Flags:
        return self._compare(np.full(len(rest), leader), rest, sets)

    def _compare(self, a: Index, b: Index, sets: SetTable) -> Flags:
        """Compare pairs, the better document of each in ``a``; remember and return the outcome."""
        pairs, inverse = np.unique(a * len(self.rank) + b, return_inverse=True)
        alike = sets.alike(*np.divmod(pairs, len(self.rank)), self.threshold)
        ours = self.rank[pairs % len(self.rank)] > 0  # two earlier runs' documents mean nothing
        self._pairs.append((pairs[ours], alike[ours]))
        return alike[inverse]

    def distinct(self) -> tuple[Index, Index, Flags]:
        """Return all pairs of which one is ours, each once, and whether they are alike."""
        nothing = np.zeros(0, np.int64), np.zeros(0, np.bool_)
        pairs, alike = map(np.concatenate, zip(nothing, *self._pairs, strict=True))
        pairs, first = np.unique(pairs, return_index=True)
        return *np.divmod(pairs, max(len(self.rank), 1)), alike[first]


def _turns(member: Index, starts: Index, sizes: Index, budget: int) -> Iterator[list[Index]]:
    """Cut the groups into turns of at most ``budget`` shingles, or of one group."""
    if len(starts):
        groups = np.split(member, starts[1:])
        costs = np.add.reduceat(sizes[member], starts).tolist()
        for numbers in cut_evenly(costs, budget):
            yield groups[numbers.start : numbers.stop]
