"""Near-duplicate removal by MinHash-LSH, with candidates confirmed on text.

Recipe: FineWeb's (Penedo et al. 2024, §3.4 and appendix E.1; datatrove ``MinhashConfig``): word
5-grams of simplified text, 14 bands of 8 hashes, so that the threshold is about
(1/14)^(1/8) = 0.72. The hash family is our own, so single signatures differ from datatrove's while
the detection curve 1 − (1 − s⁸)¹⁴ is the same. Documents shorter than one n-gram have no signature
and are never dropped, as there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from gristmill.pipeline.dedup.bands import BandGroups
from gristmill.pipeline.dedup.clusters import write_table
from gristmill.pipeline.dedup.components import Components
from gristmill.pipeline.dedup.signature import U64, shingles, signature
from gristmill.pipeline.dedup.verify import VerifyGroups
from gristmill.pipeline.rounds import DropList, Gather, Round, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder


class MinhashDedup(Gather):
    """Keep one document of every cluster of near-duplicates."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    ngram: int = Field(5, ge=1, le=50, description="words in a shingle")
    bands: int = Field(14, ge=1, le=256, description="bands; agreeing in one makes a candidate")
    rows: int = Field(8, ge=1, le=64, description="hashes in a band")
    seed: int = Field(1, ge=0, description="of the hash family")
    verify: float | None = Field(
        0.7,
        gt=0,
        le=1,
        description="Jaccard similarity that a candidate pair must have; null = off",
    )

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Signatures by shard, groups by band, verified edges, components."""
        signatures = Round(f"{name}.signatures", SignShard(self, view))
        groups = Round(f"{name}.groups", BandGroups(signatures.name, self.bands))
        edges = groups.name
        out = [signatures, groups]
        if self.verify is not None:
            check = VerifyGroups(groups.name, view, self.ngram, self.verify)
            out.append(Round(f"{name}.edges", check))
            edges = f"{name}.edges"
        return *out, Round(f"{name}.clusters", Components(edges, groups.name))

    def drop_list(self, name: str) -> DropList:
        """Everything but survivors."""
        return DropList(name, f"{name}.clusters", "near_duplicate")


@dataclass(frozen=True)
class SignShard:
    """Compute the band keys of one shard's documents."""

    config: MinhashDedup
    view: View

    def count(self, folder: RunFolder) -> int:
        """One task for each shard."""
        return self.view.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write key, length and one column a band."""
        keys: list[int] = []
        lengths: list[int] = []
        signed: list[U64] = []
        for batch in self.view.batches(draft.folder, draft.task, ["text"]):
            for key, text in zip(
                *(batch.column(c).to_pylist() for c in ("key", "text")), strict=True
            ):
                hashes = shingles(text or "", self.config.ngram)
                if len(hashes):
                    keys.append(key)
                    lengths.append(len(text))
                    signed.append(
                        signature(hashes, self.config.bands, self.config.rows, self.config.seed)
                    )
            tick({"docs_in": len(keys)})
        table = _table(keys, lengths, signed, self.config.bands)
        write_table(table, draft.numbered("signatures.parquet", docs=len(keys)))


def _table(keys: list[int], lengths: list[int], signed: Sequence[U64], bands: int) -> pa.Table:
    matrix = np.stack(signed) if signed else np.zeros((0, bands), np.uint64)
    columns = {"key": pa.array(keys, pa.uint64()), "length": pa.array(lengths, pa.int64())}
    return pa.table(columns | {f"band_{i:03d}": pa.array(matrix[:, i]) for i in range(bands)})
