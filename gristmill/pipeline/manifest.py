"""What a finished task says of itself: its files, hashes and counts."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gristmill.errors import ShardError


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StageCount(_Record):
    """How many documents entered and left one stage, and why the others were dropped."""

    name: str
    docs_in: int
    docs_out: int
    drops: dict[str, int] = {}

    def check(self, where: str) -> None:
        """Raise ShardError unless docs_in = docs_out + Σ drops."""
        if self.docs_in != self.docs_out + sum(self.drops.values()):
            raise ShardError(
                f"{where}: stage {self.name} does not add up: {self.docs_in} in, "
                f"{self.docs_out} out, {sum(self.drops.values())} dropped; please report this bug"
            )


class OutputFile(_Record):
    """One published file; ``path`` is relative to the run folder."""

    path: str = Field(pattern=r"^\w[\w.-]*/\w[\w.-]*$")  # inside the run folder, nowhere else
    bytes: int
    sha256: str
    docs: int | None = None
    tokens: int | None = None


class Manifest(_Record):
    """The commit of one task. Holds nothing that differs between two correct executions."""

    format: int = 1
    run_id: str
    round: str
    task: int
    inputs: tuple[dict[str, Any], ...] = ()
    outputs: tuple[OutputFile, ...] = ()
    stages: tuple[StageCount, ...] = ()
    flags: dict[str, int] = {}
    verdicts: tuple[tuple[int, str], ...] = ()
    figures: dict[str, int] = {}  # what else a task counted; adds up over tasks
    facts: dict[str, Any] = {}

    def to_json(self) -> bytes:
        """Canonical JSON: sorted keys, one trailing newline."""
        return canonical_json(self.model_dump())

    def output(self, suffix: str) -> OutputFile | None:
        """Return the output whose file name ends so, or None."""
        return next((o for o in self.outputs if o.path.endswith(suffix)), None)


def merge_counts(counts: Sequence[StageCount]) -> list[StageCount]:
    """Add up the counts of several shards, stage by stage, keeping the order of stages."""
    totals: dict[str, list[Any]] = {}
    for count in counts:
        total = totals.setdefault(count.name, [0, 0, {}])
        total[0] += count.docs_in
        total[1] += count.docs_out
        for reason, n in count.drops.items():
            total[2][reason] = total[2].get(reason, 0) + n
    return [
        StageCount(name=name, docs_in=i, docs_out=o, drops=dict(sorted(drops.items())))
        for name, (i, o, drops) in totals.items()
    ]


def canonical_json(body: Any) -> bytes:
    """JSON that is the same bytes for the same content."""
    return (json.dumps(body, sort_keys=True, indent=1) + "\n").encode()
