"""Runs over documents laid down by hand, for the tests of deduplication."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.rounds import DropList, Gather, View
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft, RunFolder

SCHEMA = pa.schema(
    [("key", pa.uint64()), ("id", pa.string()), ("url", pa.string()), ("text", pa.string())]
)
Shards = Sequence[Sequence[str]]


@dataclass
class Laid:
    """A run folder whose round ``curate`` holds the given documents."""

    folder: RunFolder
    shards: Shards
    view: View

    def text(self, key: int) -> str:
        return self.shards[key >> 40][key & ((1 << 40) - 1)]

    def execute(self, stage: Gather, name: str) -> DropList:
        """Run a barrier and return its drop list."""
        execute(self.folder, stage.rounds(name, self.view), LocalRunner())
        drop = stage.outcome(name)
        assert isinstance(drop, DropList)
        return drop

    def clusters(self, drop: DropList) -> list[dict[str, int]]:
        return [
            row
            for path in self.folder.outputs(drop.round, ".clusters.parquet")
            for row in pq.read_table(path).to_pylist()
        ]

    def groups(self, drop: DropList) -> list[tuple[str, ...]]:
        """Return the clusters as sorted texts, survivor's text first."""
        members: dict[int, list[int]] = {}
        for row in self.clusters(drop):
            members.setdefault(row["survivor"], []).append(row["key"])
        return sorted(
            (self.text(s), *sorted(self.text(k) for k in keys if k != s))
            for s, keys in members.items()
        )

    def survivors(self, drop: DropList) -> list[str]:
        """Return the texts that a later segment would see, sorted."""
        view = View("curate", (drop,))
        return sorted(
            text
            for task in range(len(self.shards))
            for batch in view.batches(self.folder, task, ["text"])
            for text in batch.column("text").to_pylist()
        )

    def facts(self, round_name: str) -> list[dict[str, Any]]:
        return [manifest.facts for manifest in self.folder.manifests(round_name)]

    def figures(self, round_name: str) -> list[dict[str, int]]:
        return [manifest.figures for manifest in self.folder.manifests(round_name)]


@pytest.fixture
def lay(bare_run: Callable[[int], RunFolder]) -> Callable[[Shards], Laid]:
    """Publish documents, shard by shard, as if a first segment had let them through."""

    def make(shards: Shards) -> Laid:
        folder = bare_run(len(shards))
        for number, texts in enumerate(shards):
            draft = Draft(folder, "curate", number)
            keys = [make_key(number, row) for row in range(len(texts))]
            ids = [f"{number}-{row}" for row in range(len(texts))]
            columns = {"key": keys, "id": ids, "url": [None] * len(texts), "text": list(texts)}
            table = pa.table(columns, schema=SCHEMA)
            pq.write_table(table, draft.numbered("kept.parquet", docs=len(texts)))
            draft.facts = {"keys": [min(keys), max(keys)] if keys else []}
            folder.publish(draft)
        folder.seal("curate", len(shards))
        return Laid(folder, shards, View("curate"))

    return make
