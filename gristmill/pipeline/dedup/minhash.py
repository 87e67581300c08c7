"""Near-duplicate removal by MinHash-LSH, with candidates confirmed on text.

Recipe: FineWeb's (Penedo et al. 2024, §3.4 and appendix E.1; datatrove ``MinhashConfig``): word
5-grams of simplified text, 14 bands of 8 hashes, so that the threshold is about
(1/14)^(1/8) = 0.72. The hash family is our own, so single signatures differ from datatrove's while
the detection curve 1 − (1 − s⁸)¹⁴ is the same. Documents shorter than one n-gram have no signature
and are never dropped, as there.

Rounds: signatures (by shard) → bands (groups of shards to ranges of band keys) → groups (by range)
→ sets (the candidates' shingles, to where they are compared) → edges (by partition) → first
(clusters) → again (edges among survivors) → clusters.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, field_validator

from gristmill.pipeline.byte_size import ByteSize
from gristmill.pipeline.dedup.bands import BandGroups
from gristmill.pipeline.dedup.components import Components
from gristmill.pipeline.dedup.earlier import Against, Compared, check_against
from gristmill.pipeline.dedup.scatter import Scatter
from gristmill.pipeline.dedup.shingle_sets import FetchSets, SetPlan
from gristmill.pipeline.dedup.signature import Family, Shingler, Unit
from gristmill.pipeline.dedup.signing import SignShard
from gristmill.pipeline.dedup.verify import VerifyGroups
from gristmill.pipeline.rounds import DropList, Gather, Round, View

_NAME = "minhash_dedup"


class MinhashDedup(Gather):
    """Keep one document of every cluster of near-duplicates."""

    needs: ClassVar[tuple[str, ...]] = ("text",)
    version: ClassVar[int] = 2

    ngram: int = Field(5, ge=1, le=100, description="words (or characters) in a shingle")
    bands: int = Field(14, ge=1, le=256, description="bands; agreeing in one makes a candidate")
    rows: int = Field(8, ge=1, le=64, description="hashes in a band")
    seed: int = Field(1, ge=0, description="of the hash family")
    unit: Unit = Field(
        "word", description="what a shingle is made of: words between spaces, or characters"
    )
    verify: float | None = Field(
        0.7,
        gt=0,
        le=1,
        description="Jaccard similarity that a candidate pair must have; null = off",
    )
    prefer: str | None = Field(
        None, description="column of a quality score: the highest survives; null = the longest"
    )
    rehydrate: dict[int, int] | None = Field(
        None,
        description="cluster size from which on → copies, for a column `copies`; "
        "FineWeb-2's: {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}",
    )
    save_index: bool = Field(
        False, description="keep all shingles, so that later runs can compare with this one"
    )
    against: Against = Field(
        (), description="folders of earlier runs (with save_index) to compare with"
    )
    memory: ByteSize = Field(10**9, ge=10**6, description="bytes of working memory of one task")

    @field_validator("rehydrate")
    @classmethod
    def _from_one(cls, value: dict[int, int] | None) -> dict[int, int] | None:
        if value is not None and (
            1 not in value
            or min(value) < 1
            or min(value.values()) < 0
            or max(*value, *value.values()) > 1 << 31
        ):
            raise ValueError("must say what clusters of 1 get, e.g. {1: 1, 2: 2, 5: 5}")
        return value

    def reads(self) -> tuple[str, ...]:
        """The text, and the score if one is named."""
        return ("text", self.prefer) if self.prefer else ("text",)

    def numbers(self) -> tuple[str, ...]:
        """The score."""
        return (self.prefer,) if self.prefer else ()

    def assets(self) -> Mapping[str, str]:
        """The earlier runs' hashes. Raises ConfigError: see ``check_against``."""
        fields = ("ngram", "bands", "rows", "seed", "unit")
        same: dict[str, Any] = {name: getattr(self, name) for name in fields}
        if self.verify is not None:
            same["save_index"] = True
        return check_against(
            _NAME, self.version, self.against, same, [f"{_NAME}.signatures", f"{_NAME}.clusters"]
        )

    def shingler(self) -> Shingler:
        """What cuts the texts."""
        return Shingler(self.ngram, self.unit)

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Signatures by shard, groups by band, verified edges, components."""
        family = Family(self.bands, self.rows, self.seed)
        sign = SignShard(view, self.shingler(), family, self.prefer, self.save_index)
        signatures = Round(f"{name}.signatures", sign)
        signed = Compared(signatures.name, ".signatures.parquet", self.against)
        saved = Compared(signatures.name, ".shingles.parquet", self.against)
        scatter = Scatter(signed, family.columns, self.memory)
        bands = Round(f"{name}.bands", scatter)
        plan = SetPlan(signed, self.memory)
        work = BandGroups(scatter, bands.name, None if self.verify is None else plan)
        groups = Round(f"{name}.groups", work)
        found = [signatures, bands, groups]
        if self.verify is None:
            last = Components((groups.name,), False, view, self.memory)
            return *found, Round(f"{name}.clusters", last)
        sets = Round(f"{name}.sets", FetchSets(plan, groups.name, view, self.shingler(), saved))
        check = VerifyGroups(groups.name, sets.name, plan, self.verify)
        edges = Round(f"{name}.edges", check)
        first = Round(
            f"{name}.first", Components((edges.name,), True, view, self.memory, final=False)
        )
        again = Round(f"{name}.again", replace(check, survivors=first.name))
        last = Components((edges.name, again.name), True, view, self.memory)
        return *found, sets, edges, first, again, Round(f"{name}.clusters", last)

    def outcome(self, name: str) -> DropList:
        """Everything but survivors."""
        copies = tuple(sorted((self.rehydrate or {}).items()))
        return DropList(name, f"{name}.clusters", "near_duplicate", copies)
