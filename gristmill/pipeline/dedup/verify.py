"""Verification: a candidate pair counts only if the texts really are alike.

LSH promises a probability; deleting needs certainty. In each group the document that
would survive is compared with all others; those that do not match start a group of their own among
themselves, so that a group of two unlike families ends as two stars.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from gristmill.pipeline.dedup.clusters import Keys, write_table
from gristmill.pipeline.dedup.signature import U64, shingles
from gristmill.pipeline.rounds import Tick, View
from gristmill.pipeline.shard import Draft, RunFolder

#: Candidates in one task: their shingle hashes are held in memory (about 8 bytes a word).
_TASK_DOCS = 20_000
#: Stars tried in one group before the rest is let go unmatched; bounds boilerplate groups.
_MAX_STARS = 16

EDGES = pa.schema([("a", pa.uint64()), ("b", pa.uint64())])


@dataclass(frozen=True)
class VerifyGroups:
    """Compare the members of candidate groups by the Jaccard similarity of their shingles."""

    groups: str
    view: View
    ngram: int
    threshold: float

    def count(self, folder: RunFolder) -> int:
        """As many tasks as keep each within memory."""
        candidates = sum(o.docs or 0 for m in folder.manifests(self.groups) for o in m.outputs)
        return -(-max(candidates, 1) // _TASK_DOCS)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the confirmed edges; count the refuted pairs."""
        tasks = self.count(draft.folder)
        groups = list(_distinct_groups(draft.folder, self.groups, draft.task, tasks))
        wanted = np.unique(np.concatenate(groups)) if groups else np.zeros(0, np.uint64)
        sets = self._shingle_sets(draft.folder, wanted)
        checked: dict[tuple[int, int], bool] = {}
        for members in groups:
            self._stars(members, sets, checked)
            tick({"docs_in": len(checked)})
        confirmed = sorted(pair for pair, alike in checked.items() if alike)
        draft.facts = {
            "pairs_checked": len(checked),
            "pairs_refuted": len(checked) - len(confirmed),
        }
        a, b = zip(*confirmed, strict=True) if confirmed else ((), ())
        table = pa.table([pa.array(a, pa.uint64()), pa.array(b, pa.uint64())], schema=EDGES)
        write_table(table, draft.numbered("edges.parquet"))

    def _shingle_sets(self, folder: RunFolder, wanted: Keys) -> dict[int, U64]:
        """Return the shingle hashes of the wanted documents, by key."""
        sets: dict[int, U64] = {}
        values = pa.array(wanted, pa.uint64())
        for task in range(self.view.count(folder)) if len(wanted) else ():
            for batch in self.view.batches(folder, task, ["text"]):
                hit = batch.filter(pc.is_in(batch.column("key"), value_set=values))
                for key, text in zip(
                    hit.column("key").to_pylist(), hit.column("text").to_pylist(), strict=True
                ):
                    sets[key] = shingles(text, self.ngram)
        return sets

    def _stars(
        self,
        members: Keys,
        sets: dict[int, U64],
        checked: dict[tuple[int, int], bool],
    ) -> None:
        rest = members.tolist()
        for _ in range(_MAX_STARS):
            if len(rest) < 2:
                return
            centre, *others = rest
            rest = []
            for other in others:
                pair = (centre, other)
                if pair not in checked:
                    checked[pair] = jaccard(sets[centre], sets[other]) >= self.threshold
                if not checked[pair]:
                    rest.append(other)


def jaccard(a: U64, b: U64) -> float:
    """Return |a ∩ b| / |a ∪ b| of two sorted sets; 0 for two empty ones."""
    common = len(np.intersect1d(a, b, assume_unique=True))
    union = len(a) + len(b) - common
    return common / union if union else 0.0


def _distinct_groups(folder: RunFolder, round_name: str, task: int, tasks: int) -> Iterator[Keys]:
    """Yield the members of every group of one task once; most groups recur in several bands."""
    seen: set[int] = set()
    for path in folder.outputs(round_name, ".groups.parquet"):
        table = pq.read_table(path, columns=["group", "key"])
        group, keys = table["group"].to_numpy(), table["key"].to_numpy()
        for members in np.split(keys, np.flatnonzero(np.diff(group)) + 1) if len(keys) else ():
            digest = xxhash.xxh64_intdigest(members.tobytes())
            if digest % tasks == task and digest not in seen:
                seen.add(digest)
                yield members
