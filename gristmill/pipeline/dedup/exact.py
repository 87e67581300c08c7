"""Exact deduplication across all inputs: by text, or by URL.

Three rounds: every shard writes hashes; groups of shards sort them into ranges; each range is
grouped. Texts are equal if they are after collapsing whitespace, URLs if they are after
``canonical_url``. Hashes have 128 bits: that any two of 10¹⁰ different documents agree has a
probability of 10⁻¹⁹.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import xxhash
from pydantic import Field

from gristmill.pipeline.byte_size import ByteSize
from gristmill.pipeline.dedup.arrays import run_starts
from gristmill.pipeline.dedup.canonical_url import canonical_url
from gristmill.pipeline.dedup.clusters import choose_survivors, document_ranks, write_table
from gristmill.pipeline.dedup.earlier import Against, Compared, check_against
from gristmill.pipeline.dedup.scatter import Scatter
from gristmill.pipeline.rounds import DropList, Gather, Round, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder

_HASHES = pa.schema([(name, pa.uint64()) for name in ("key", "rank", "high", "low")])


def text_hash(text: str) -> tuple[int, int]:
    """Return the 128-bit hash of a text with white space collapsed, as two 64-bit halves."""
    return _halves(" ".join(text.split()))


def url_hash(url: str) -> tuple[int, int] | None:
    """Return the 128-bit hash of a canonical URL, as two 64-bit halves; None for an empty one."""
    canonical = canonical_url(url)
    return None if canonical is None else _halves(canonical)


def _halves(text: str) -> tuple[int, int]:
    digest = xxhash.xxh3_128_intdigest(text.encode("utf-8", "surrogatepass"))
    return digest >> 64, digest & 0xFFFFFFFFFFFFFFFF


class HashDedup(Gather):
    """What both kinds of exact deduplication share."""

    needs: ClassVar[tuple[str, ...]] = ("text",)
    stage_name: ClassVar[str]
    column: ClassVar[str]
    reason: ClassVar[str]

    prefer: str | None = Field(
        None, description="column of a quality score: the highest survives; null = the longest"
    )
    against: Against = Field(
        (), description="folders of earlier runs whose documents count as seen already"
    )
    memory: ByteSize = Field(10**9, ge=10**6, description="bytes of working memory of one task")

    def reads(self) -> tuple[str, ...]:
        """The compared column, the text for its length, and the score."""
        return tuple(dict.fromkeys((self.column, "text", *filter(None, [self.prefer]))))

    def numbers(self) -> tuple[str, ...]:
        """The score."""
        return (self.prefer,) if self.prefer else ()

    def assets(self) -> Mapping[str, str]:
        """The earlier runs' hashes. Raises ConfigError: see ``check_against``."""
        name = self.stage_name
        return check_against(
            name, self.version, self.against, {}, [f"{name}.hashes", f"{name}.clusters"]
        )

    @abstractmethod
    def hash(self, value: str | None) -> tuple[int, int] | None:
        """Return two 64-bit halves of a value's hash, None if it equals no other."""

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Hash every shard, sort the hashes into ranges, then group every range."""
        hashes = Round(f"{name}.hashes", HashShard(self, view))
        source = Compared(hashes.name, ".hashes.parquet", self.against)
        scatter = Scatter(source, ("high",), self.memory, ("rank", "low"))
        ranges = Round(f"{name}.ranges", scatter)
        return hashes, ranges, Round(f"{name}.clusters", GroupRange(scatter, ranges.name))

    def outcome(self, name: str) -> DropList:
        """Everything but survivors."""
        return DropList(name, f"{name}.clusters", self.reason)


class ExactDedup(HashDedup):
    """Keep one of all documents with the same text: the best, then the smallest key."""

    stage_name: ClassVar[str] = "exact_dedup"
    column: ClassVar[str] = "text"
    reason: ClassVar[str] = "exact_duplicate"

    def hash(self, value: str | None) -> tuple[int, int]:
        """Hash a text; null is an empty one."""
        return text_hash(value or "")


class UrlDedup(HashDedup):
    """Keep one of all documents of the same URL; those without one all stay."""

    stage_name: ClassVar[str] = "url_dedup"
    column: ClassVar[str] = "url"
    reason: ClassVar[str] = "url_duplicate"

    def hash(self, value: str | None) -> tuple[int, int] | None:
        """Hash a URL."""
        return url_hash(value or "")


@dataclass(frozen=True)
class HashShard:
    """Hash the documents of one shard."""

    config: HashDedup
    view: View

    def count(self, folder: RunFolder) -> int:
        """One task for each shard."""
        return self.view.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write (key, rank, high, low) in the order of keys."""
        found, docs = [_HASHES.empty_table()], 0
        for batch in self.view.batches(draft.folder, draft.task, self.config.reads()):
            found.append(self._hash(batch))
            docs += batch.num_rows
            tick({"docs_in": docs})
        table = pa.concat_tables(found)
        keys = table["key"].to_numpy()
        draft.facts = {"keys": [int(keys[0]), int(keys[-1])] if len(keys) else []}
        write_table(table, draft.numbered("hashes.parquet", docs=len(keys)))

    def _hash(self, batch: pa.RecordBatch) -> pa.Table:
        halves: Sequence[tuple[int, int] | None] = [
            self.config.hash(value) for value in batch.column(self.config.column).to_pylist()
        ]
        has = pa.array([pair is not None for pair in halves], pa.bool_())
        columns = [
            batch.column("key").filter(has),
            document_ranks(batch, self.config.prefer).filter(has),
            *(pa.array([pair[i] for pair in halves if pair], pa.uint64()) for i in (0, 1)),
        ]
        return pa.table(columns, schema=_HASHES)


@dataclass(frozen=True)
class GroupRange:
    """Group one range of hashes over all shards."""

    scatter: Scatter
    records: str

    def count(self, folder: RunFolder) -> int:
        """One task for each range."""
        return self.scatter.ranges(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the clusters whose hash falls into this range."""
        docs, found = self.scatter.read_repeated(draft.folder, self.records, draft.task)
        tick({"docs_in": docs})
        high, low, keys, rank = (found[name] for name in ("value", "low", "key", "rank"))
        order = np.lexsort((low, high))
        high, low, keys, rank = high[order], low[order], keys[order], rank[order]
        starts = run_starts(high, low)
        labels = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(keys)))
        clusters = choose_survivors(labels, keys, rank)
        write_table(clusters, draft.numbered("clusters.parquet", docs=clusters.num_rows))
