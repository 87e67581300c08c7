"""What a barrier cuts out of documents: applied by key, in the text that was measured."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import ShardError
from gristmill.pipeline.rounds import Outcome
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.sorted_file import read_range
from gristmill.pipeline.stage import with_columns
from gristmill.pipeline.text import sentence_count, words

#: Places to cut out: characters from ``start`` to before ``end``. Sorted by key, then start.
CUTS = pa.schema([("key", pa.uint64()), ("start", pa.uint32()), ("end", pa.uint32())])


@dataclass(frozen=True)
class Cuts(Outcome):
    """Cut listed places out of texts; drop documents that have too little left.

    A document with nothing listed is not touched or judged. One that is dropped goes to the ledger
    with its whole text.

    Attributes:
        stage: name of the recipe's stage.
        round: what wrote the lists; each file covers a range of keys, named in its manifest.
        reason: why a document with too little left is dropped.
        min_words: words that must be left; 0 = any.
        min_sentences: sentences that must be left; 0 = any.
        language: whose rules count them.
    """

    stage: str
    round: str
    reason: str
    min_words: int
    min_sentences: int
    language: str

    needs: ClassVar[tuple[str, ...]] = ("text",)
    listed_things: ClassVar[str] = "spans to remove"

    def rows(self, folder: RunFolder, keys: tuple[int, int] | None) -> pa.Table:
        """Return the cuts within a range of keys, sorted by key; reads only files that have any."""
        if keys is None:
            return CUTS.empty_table()
        low, high = keys
        paths = [
            folder.file(self.round, manifest.task, "cuts.parquet")
            for manifest in folder.manifests(self.round)
            if manifest.facts["keys"]
            and manifest.facts["keys"][0] <= high
            and manifest.facts["keys"][1] >= low
        ]
        found = [read_range(path, "key", low, high, CUTS) for path in paths]
        return pa.concat_tables([CUTS.empty_table(), *found])

    def columns(self) -> dict[str, pa.DataType]:
        """``text`` and what was taken from it (listed spans may overlap)."""
        return {"text": pa.string()} | {
            f"{self.stage}.removed_{what}": pa.int32() for what in ("chars", "spans")
        }

    def reasons(self) -> tuple[str, ...]:
        """The one reason."""
        return (self.reason,)

    def listed(self, rows: pa.Table) -> int:
        """Return the number of places."""
        return int(rows.num_rows)

    def found(self, batch: pa.RecordBatch, reasons: pa.Array) -> int:
        """Return the number of places that were cut, or would have been."""
        del reasons
        return pc.sum(batch.column(f"{self.stage}.removed_spans")).as_py() or 0

    def mark(self, batch: pa.RecordBatch, rows: pa.Table) -> tuple[pa.RecordBatch, pa.Array]:
        """Rewrite the texts of listed documents; return the batch and the reasons.

        Raises:
            ShardError: a place lies outside the text.
        """
        keys, listed = batch.column("key").to_numpy(), rows["key"].to_numpy()
        low, high = (np.searchsorted(listed, keys, side) for side in ("left", "right"))
        starts, ends = rows["start"].to_numpy().tolist(), rows["end"].to_numpy().tolist()
        spans, chars = high - low, np.zeros(len(keys), np.int64)
        reasons: list[str | None] = [None] * len(keys)
        texts = batch.column("text").to_pylist() if spans.any() else []
        for i in np.flatnonzero(spans).tolist():
            text = texts[i] or ""
            places = list(zip(starts[low[i] : high[i]], ends[low[i] : high[i]], strict=True))
            self._check(int(keys[i]), text, places)
            rest = without(text, places)
            chars[i] = len(text) - len(rest)
            if self._short(rest):
                reasons[i] = self.reason
            else:
                texts[i] = rest
        values = {
            f"{self.stage}.removed_{name}": pa.array(numbers, pa.int32())
            for name, numbers in (("chars", chars), ("spans", spans))
        }
        if texts:
            values["text"] = pa.array(texts, pa.string())
        return with_columns(batch, values), pa.array(reasons, pa.string())

    def _check(self, key: int, text: str, places: list[tuple[int, int]]) -> None:
        for start, end in places:
            if not start < end <= len(text):
                raise ShardError(
                    f"{self.stage}: is to cut characters {start} to {end} out of document {key}, "
                    f"which has {len(text)}; the text is not the one that was compared"
                )

    def _short(self, rest: str) -> bool:
        return (
            not rest
            or (self.min_words > 0 and len(words(rest, self.language)) < self.min_words)
            or (self.min_sentences > 0 and sentence_count(rest, self.language) < self.min_sentences)
        )


def without(text: str, places: Iterable[tuple[int, int]]) -> str:
    """Return a text without some places, which may overlap but come in the order of their starts.

    No space is left at its ends; what stood on different lines still does.
    """
    kept, at = [""], 0
    for start, end in places:
        if start > at:
            kept.append(text[at:start])
        if "\n" in text[max(start, at) : end] and not kept[-1].endswith("\n"):
            kept.append(kept.pop().rstrip() + "\n")
        at = max(at, end)
    return "".join([*kept, text[at:]]).strip()
