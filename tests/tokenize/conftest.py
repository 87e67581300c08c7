"""Finished documents laid down by hand, and small tokenizers of our own."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.train import train_bpe

SCHEMA = pa.schema(
    [
        pa.field("key", pa.uint64(), nullable=False),
        ("id", pa.string()),
        ("url", pa.string()),
        ("warc", pa.string()),
        ("offset", pa.int64()),
        ("text", pa.string()),
    ]
)
Lay = Callable[..., RunFolder]

CORPUS = [
    f"The mill doesn't grind {n} sacks; they'll've ground {n * 37} more.\n\n  Next\tline {n}! "
    "Müller mahlt süßes Mehl. 水車は粉を挽く。 물레방아 🙂 grinding grinding grinder"
    for n in range(60)
]


@pytest.fixture(scope="session")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the path of a small trained tokenizer.json, by pattern."""
    root = tmp_path_factory.mktemp("bpe")

    @cache
    def make(pattern: str) -> Path:
        path = root / f"{pattern}.json"
        path.write_text(train_bpe(iter(CORPUS), 400, pattern).to_str(), "utf-8")
        return path

    return make


@pytest.fixture
def lay(bare_run: Callable[[int], RunFolder]) -> Lay:
    """Publish documents as the finished ones: texts, or (key, text), shard by shard.

    ``more`` names further columns, each an array of as many values as there are documents.
    """

    def make(
        shards: Sequence[Sequence[str | tuple[int, str] | None]],
        more: Mapping[str, pa.Array] | None = None,
    ) -> RunFolder:
        folder, done = bare_run(len(shards)), 0
        for number, docs in enumerate(shards):
            rows = [
                d if isinstance(d, tuple) else (make_key(number, i), d) for i, d in enumerate(docs)
            ]
            columns = {
                "key": [key for key, _ in rows],
                "id": [f"id-{key}" for key, _ in rows],
                "url": [f"https://example.org/{number}/{i}" for i in range(len(rows))],
                "warc": [f"part-{number}.warc.gz"] * len(rows),
                "offset": list(range(len(rows))),
                "text": [text for _, text in rows],
            }
            draft = Draft(folder, "documents", number)
            path = draft.numbered("kept.parquet", docs=len(rows))
            table = pa.table(columns, schema=SCHEMA)
            for name, values in (more or {}).items():
                table = table.append_column(name, values[done : done + len(rows)])
            done += len(rows)
            pq.write_table(table, path)
            keys = columns["key"]
            draft.facts = {"keys": [min(keys), max(keys)] if keys else []}
            folder.publish(draft)
        folder.seal("documents", len(shards))
        return folder

    return make
