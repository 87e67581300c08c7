"""Spans of sentences or lines that repeat, anywhere in the inputs: all but one are cut out.

Rules, by source:

- Three sentences: C4 (Raffel et al. 2020, JMLR 21(140), §2.2: "we discarded all but one of any
  three-sentence span occurring more than once in the data set"); as code in datatrove 0.10.1,
  ``SentenceDedup``, whose defaults these are. (C4's own released code compares lines.)
- Single lines: CCNet (Wenzek et al. 2020, §3.1), which calls a line a paragraph.

The first occurrence stays: that in the document with the smallest key, within a document the first.
Occurrences are those of the input; what comes to stand side by side because something between was
cut is not looked at again. Since the first place at which a unit occurs lies in no repeated span,
no sentence or line is lost altogether, but with documents that have too little left.

Rounds: spans (by shard) → ranges (groups of shards to ranges of hashes) → repeats (by range)
→ cuts (by group of shards). The next segment applies them.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from gristmill.pipeline.byte_size import ByteSize
from gristmill.pipeline.dedup.arrays import U64
from gristmill.pipeline.dedup.clusters import write_table
from gristmill.pipeline.dedup.cuts import CUTS, Cuts
from gristmill.pipeline.dedup.earlier import Compared
from gristmill.pipeline.dedup.parts import PartWriter, RowGroups, read_part
from gristmill.pipeline.dedup.scatter import Scatter
from gristmill.pipeline.dedup.units import SpanCutter, UnitKind
from gristmill.pipeline.rounds import Gather, Round, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.pipeline.word_languages import WordLanguage

#: ``place`` is where a span begins, in the upper half, and ends: sorted, the first comes first.
_SPANS = pa.schema([("key", pa.uint64()), ("place", pa.uint64()), ("hash", pa.uint64())])
#: Spans in a row group of a shard's file.
_GROUP = 1 << 20


class SpanDedup(Gather):
    """Keep one of all equal spans of sentences or lines; drop documents with too little left."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    unit: UnitKind = Field("sentence", description="what a span is made of; CCNet: line")
    span: int = Field(3, ge=1, le=100, description="units in a span; CCNet: 1")
    min_words: int = Field(0, ge=0, description="spans with fewer words stay, however often")
    min_doc_words: int = Field(
        50, ge=0, description="words that a document must have left after cuts"
    )
    min_doc_sentences: int = Field(
        3, ge=0, description="sentences that a document must have left after cuts"
    )
    language: WordLanguage = Field("en", description="whose rules cut sentences and words")
    memory: ByteSize = Field(10**9, ge=10**6, description="bytes of working memory of one task")

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Spans of every shard, by ranges of hashes; what repeats, back by shards."""
        cutter = SpanCutter(self.unit, self.span, self.min_words, self.language)
        spans = Round(f"{name}.spans", HashSpans(view, cutter))
        source = Compared(spans.name, ".spans.parquet")
        scatter = Scatter(source, ("hash",), self.memory, ("place",))
        ranges = Round(f"{name}.ranges", scatter)
        repeats = Round(f"{name}.repeats", FindRepeats(scatter, ranges.name))
        return spans, ranges, repeats, Round(f"{name}.cuts", SortCuts(scatter, repeats.name))

    def outcome(self, name: str) -> Cuts:
        """Everything but first occurrences."""
        return Cuts(
            stage=name,
            round=f"{name}.cuts",
            reason="span_rest_short",
            min_words=self.min_doc_words,
            min_sentences=self.min_doc_sentences,
            language=self.language,
        )


@dataclass(frozen=True)
class HashSpans:
    """Hash the spans of one shard."""

    view: View
    cutter: SpanCutter

    def count(self, folder: RunFolder) -> int:
        """One task for each shard."""
        return self.view.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write (key, place, hash) of all spans, in the order of keys and places."""
        docs = spans = 0
        ends: list[int] = []  # first and last key with a span
        path = draft.numbered("spans.parquet")
        with RowGroups(path, _SPANS, _GROUP) as out:
            for batch in self.view.batches(draft.folder, draft.task, ["text"]):
                table = self._hash(batch)
                docs += batch.num_rows
                tick({"docs_in": docs})
                if table.num_rows:
                    out.write(table, table.num_rows)
                    spans += table.num_rows
                    ends = [*ends[:1], table["key"][0].as_py(), table["key"][-1].as_py()]
                    ends = [ends[0], ends[-1]]
        draft.facts = {"keys": ends}
        draft.numbered("spans.parquet", docs=spans)

    def _hash(self, batch: pa.RecordBatch) -> pa.Table:
        found = self.cutter([text or "" for text in batch.column("text").to_pylist()])
        place = (found.start.astype(np.uint64) << np.uint64(32)) | found.end.astype(np.uint64)
        keys = batch.column("key").to_numpy()[found.row]
        return pa.table([pa.array(c) for c in (keys, place, found.hashes)], schema=_SPANS)


@dataclass(frozen=True)
class FindRepeats:
    """Find all but the first occurrence of each span, for one range of hashes."""

    scatter: Scatter
    records: str

    def count(self, folder: RunFolder) -> int:
        """One task for each range."""
        return self.scatter.ranges(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the repeats, a part for each group of shards."""
        spans, found = self.scatter.read_repeated(draft.folder, self.records, draft.task)
        tick({"docs_in": spans})
        value, keys, place = (found[name] for name in ("value", "key", "place"))
        order = np.lexsort((place, keys, value))
        value, keys, place = value[order], keys[order], place[order]
        again = np.zeros(len(value), np.bool_)
        again[1:] = value[1:] == value[:-1]
        keys, place = keys[again], place[again]
        draft.figures = {"spans": spans, "spans_repeated": len(keys)}
        owner, owners = self.scatter.owners(draft.folder, keys)
        with PartWriter(draft.numbered("repeats.arrow", docs=len(keys)), CUTS, owners) as out:
            out.scatter(_cuts(keys, place), owner)


@dataclass(frozen=True)
class SortCuts:
    """Put together what all ranges found in one group of shards."""

    scatter: Scatter
    repeats: str

    def count(self, folder: RunFolder) -> int:
        """One task for each group of shards."""
        return self.scatter.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the cuts, sorted by key and place."""
        paths = draft.folder.outputs(self.repeats, ".repeats.arrow")
        table = read_part(paths, draft.task, CUTS)
        tick({"docs_in": table.num_rows})
        order = np.lexsort([table[name].to_numpy() for name in ("end", "start", "key")])
        table = table.take(pa.array(order))
        keys = table["key"].to_numpy()
        draft.facts = {"keys": [int(keys[0]), int(keys[-1])] if len(keys) else []}
        write_table(table, draft.numbered("cuts.parquet", docs=len(keys)))


def _cuts(keys: U64, place: U64) -> pa.Table:
    start, end = place >> np.uint64(32), place & np.uint64(0xFFFFFFFF)
    columns = (keys, start.astype(np.uint32), end.astype(np.uint32))
    return pa.table([pa.array(column) for column in columns], schema=CUTS)
