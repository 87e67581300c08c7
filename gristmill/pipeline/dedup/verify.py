"""Candidates confirmed on text: an edge counts only where the shingle sets are alike.

Groups of up to eight are compared pair by pair. In a larger one each member, best first, is
compared with the leaders so far; one that resembles none becomes a leader itself, up to sixteen.
So the work is linear in the size of a group, and memory is bounded by a setting: groups that do
not fit together are compared in turns, a group that does not fit alone is taken piece by piece.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from gristmill.pipeline.dedup.arrays import U64, Flags, Index, run_starts
from gristmill.pipeline.dedup.clusters import write_table
from gristmill.pipeline.dedup.jaccard import SetTable, load_sets
from gristmill.pipeline.dedup.parts import cut_evenly, iterate_part, read_part
from gristmill.pipeline.dedup.shingle_sets import SHINGLE_BYTES, SetPlan
from gristmill.pipeline.dedup.tables import EDGES, GROUPS
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder

#: Groups of up to this many are compared pair by pair.
_ALL_PAIRS = 8
#: Leaders of a larger group. Members that resemble none of so many are not compared further.
_LEADERS = 16


@dataclass(frozen=True)
class VerifyGroups:
    """Compare the members of one partition's candidate groups."""

    groups: str
    sets: str
    plan: SetPlan
    threshold: float

    def count(self, folder: RunFolder) -> int:
        """One task for each partition."""
        return self.plan.partitions(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the confirmed edges; count the refuted pairs."""
        keys, ranks, starts = _distinct_groups(draft.folder, self.groups, draft.task)
        nodes, member = np.unique(keys, return_inverse=True)
        rank = np.zeros(len(nodes), np.uint64)
        rank[member] = ranks
        paths = draft.folder.outputs(self.sets, ".sets.parquet")
        sizes = np.zeros(len(nodes), np.int64)
        for table in iterate_part(paths, draft.task, ["key", "size"]):
            sizes[np.searchsorted(nodes, table["key"].to_numpy())] = table["size"].to_numpy()
        verdicts, done = Verdicts(rank, self.threshold), 0
        for turn in _turns(member, starts, sizes, self.plan.memory // SHINGLE_BYTES):
            wanted = np.unique(np.concatenate([*turn.groups, np.array(verdicts.leaders, np.int64)]))
            verdicts.compare(turn, load_sets(iterate_part(paths, draft.task), nodes, wanted))
            done += sum(map(len, turn.groups))
            tick({"docs_in": done})
        a, b, alike = verdicts.distinct()
        columns = [column[alike] for column in (nodes[a], rank[a], nodes[b], rank[b])]
        table = pa.table([pa.array(c, pa.uint64()) for c in columns], schema=EDGES)
        draft.figures = {
            "pairs_compared": len(a),
            "pairs_refuted": len(a) - table.num_rows,
            "docs_uncompared": verdicts.uncompared,
        }
        write_table(table, draft.numbered("edges.parquet", docs=table.num_rows))


@dataclass(frozen=True)
class Turn:
    """What is compared together: groups, or a piece of one that is too large to load at once."""

    groups: list[Index]
    piece: int | None = None


@dataclass
class Verdicts:
    """The comparisons of one partition. Documents are numbers; members come best first."""

    rank: U64
    threshold: float
    uncompared: int = 0
    leaders: list[int] = field(default_factory=list)  # of a group taken by pieces
    _pairs: list[tuple[Index, Index, Flags]] = field(default_factory=list)

    def compare(self, turn: Turn, sets: SetTable) -> None:
        """Compare the members of each group."""
        if not turn.piece:
            self.leaders = []
        if turn.piece is not None:
            self.leaders = self._follow(self.leaders, turn.groups[0], sets)
            return
        self._all_pairs([group for group in turn.groups if len(group) <= _ALL_PAIRS], sets)
        for group in turn.groups:
            if len(group) > _ALL_PAIRS:
                self._follow([], group, sets)

    def _all_pairs(self, groups: list[Index], sets: SetTable) -> None:
        found = []
        for size in {len(group) for group in groups}:
            members = np.stack([group for group in groups if len(group) == size])
            first, second = np.triu_indices(size, 1)
            found.append(np.stack([members[:, first].ravel(), members[:, second].ravel()]))
        if found:
            a, b = np.unique(np.concatenate(found, axis=1), axis=1)
            self._check(a, b, sets)

    def _follow(self, leaders: list[int], members: Index, sets: SetTable) -> list[int]:
        """Compare members with the leaders; return those and the new ones."""
        rest, leaders = members, list(leaders)
        for leader in leaders:
            rest = rest[~self._check(np.full(len(rest), leader), rest, sets)]
        while len(rest) and len(leaders) < _LEADERS:
            leader, rest = int(rest[0]), rest[1:]
            leaders.append(leader)
            rest = rest[~self._check(np.full(len(rest), leader), rest, sets)]
        self.uncompared += len(rest)
        return leaders

    def _check(self, a: Index, b: Index, sets: SetTable) -> Flags:
        alike = sets.alike(a, b, self.threshold)
        ours = self.rank[b] > 0  # of two documents of earlier runs nothing follows
        self._pairs.append((a[ours], b[ours], alike[ours]))
        return alike

    def distinct(self) -> tuple[Index, Index, Flags]:
        """Return all pairs of which one is ours, each once, and whether they are alike."""
        if not self._pairs:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.bool_)
        a, b, alike = (np.concatenate(column) for column in zip(*self._pairs, strict=True))
        _, first = np.unique(np.stack([a, b]), axis=1, return_index=True)
        return a[first], b[first], alike[first]


def _turns(member: Index, starts: Index, sizes: Index, budget: int) -> Iterator[Turn]:
    """Cut the groups into turns of at most ``budget`` shingles."""
    if not len(starts):
        return
    costs = np.add.reduceat(sizes[member], starts).tolist()
    groups = np.split(member, starts[1:])
    for numbers in cut_evenly(costs, budget):
        turn = groups[numbers.start : numbers.stop]
        if len(turn) > 1 or costs[numbers.start] <= budget or len(turn[0]) <= _ALL_PAIRS:
            yield Turn(turn)
            continue
        for number, piece in enumerate(cut_evenly(sizes[turn[0]].tolist(), budget)):
            yield Turn([turn[0][piece.start : piece.stop]], number)


def _distinct_groups(folder: RunFolder, round_name: str, part: int) -> tuple[U64, U64, Index]:
    """Return keys, ranks and starts of one partition's groups; most recur in several bands."""
    table = read_part(folder.outputs(round_name, ".groups.parquet"), part, GROUPS)
    group, keys, ranks = (table[name].to_numpy() for name in GROUPS.names)
    order = np.lexsort((keys, ranks, group))
    order = order[run_starts(group[order], keys[order])]
    return keys[order], ranks[order], run_starts(group[order])
