"""Finished documents laid down by hand, and small tokenizers of our own."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.pipeline.schema import make_key
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.formats import FORMATS
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


def bytes_tokenizer() -> dict[str, object]:
    """A tokenizer.json of one token a byte: end-of-text is 0, byte b is b + 1."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    other = (byte for byte in range(256) if byte not in plain)
    chars = {b: chr(b) for b in plain} | {b: chr(256 + n) for n, b in enumerate(other)}
    vocab = {"<|endoftext|>": 0} | {chars[b]: b + 1 for b in range(256)}
    special = {"id": 0, "content": "<|endoftext|>", "special": True}
    return {"model": {"type": "BPE", "vocab": vocab, "merges": []}, "added_tokens": [special]}


def write_token_set(folder: Path, files: dict[str, Sequence[str]]) -> Path:
    """Write an llm.c set by hand: texts by stem (``train_000000``), each with its provenance."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(bytes_tokenizer()))
    shards: list[dict[str, Any]] = []
    for stem, texts in files.items():
        ids = [[0, *(b + 1 for b in text.encode())] for text in texts]
        sizes = [len(i) for i in ids]
        path = folder / f"{stem}.bin"
        with FORMATS["llmc"].writer(path, "uint16") as out:
            out.write([t for i in ids for t in i], sizes)
        rows = {
            "url": [f"https://mill.example/{stem}/{n}" for n in range(len(texts))],
            "first": [sum(sizes[:n]) for n in range(len(texts))],
            "tokens": sizes,
        }
        pq.write_table(pa.table(rows), folder / f"{stem}.index.parquet")
        shards.append(
            {"path": path.name, "split": stem.split("_")[0], "tokens": sum(sizes),
             "docs": len(texts), "bytes": sum(sizes) - len(sizes), "sha256": _sha(path)}
        )  # fmt: skip
    sums = {
        split: {k: sum(s[k] for s in shards if s["split"] == split) for k in COUNTS}
        for split in ("train", "val")
    }
    body = {
        "schema": 1, "format": "llmc", "dtype": "uint16", "vocab_size": 257, "eot": 0,
        "eot_place": "before", "tokenizer": "tokenizer.json", "made_by": "hand",
        "tokenizer_sha256": _sha(folder / "tokenizer.json"), "splits": sums, "shards": shards,
    }  # fmt: skip
    (folder / "shards.json").write_text(json.dumps(body))
    return folder


COUNTS = ("tokens", "docs", "bytes")


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


TOKEN_SET = {
    "train_000000": ["The mill grinds.", "", "물레방아\n\tturns"],
    "train_000001": ["One stone.", "Two stones, and a long text about both of them."],
    "val_000000": ["Held out."],
}


@pytest.fixture
def token_set(tmp_path: Path) -> Path:
    """Three llm.c files of few documents."""
    return write_token_set(tmp_path / "set", TOKEN_SET)


@pytest.fixture(scope="session")
def make_token_set() -> Callable[..., Path]:
    """Return ``write_token_set``."""
    return write_token_set
