"""The ``shards`` block of a recipe: finished documents → shuffled, sharded token files.

Rounds: encode every shard of documents; one global order; write every token file; one
``shards.json`` that describes them. Documents are never split between files.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, field_validator

from gristmill.errors import ConfigError
from gristmill.pipeline.dedup.exact import text_hash
from gristmill.pipeline.durable import sync_and_hash
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Gather, Round, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.encode import Encoder
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.llmc import MAX_TOKENS
from gristmill.tokenize.order import ORDER, plan_order
from gristmill.tokenize.provenance import PROVENANCE, provenance_rows
from gristmill.tokenize.source import TokenizerSource

#: One row a document, beside the raw tokens of its shard. ``first`` counts tokens.
ENCODED = pa.schema([*PROVENANCE, ("bytes", pa.int64()), ("content", pa.uint64())])

_BATCH = 256


class TokenShards(BaseModel):
    """The parameters of the block."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = Field("llmc", description="layout of the token files, a name of FORMATS")
    target_tokens: int = Field(
        100_000_000,
        ge=1000,
        le=MAX_TOKENS,
        description="tokens in a file, reached but for the last",
    )
    val_fraction: float = Field(0.005, ge=0, lt=1, description="share of documents held out")
    seed: int = Field(1, ge=0, description="of the shuffle")
    dtype: Literal["auto", "uint16", "uint32"] = Field("auto", description="item type")

    @field_validator("format")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"no such format; known: {', '.join(FORMATS)}")
        return name


class WriteTokens(Gather):
    """Encode, shuffle and write token files."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    config: TokenShards
    tokenizer: TokenizerSource

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Encode, order, write, describe."""
        return (
            Round("tokens.encode", EncodeShard(self.config, view, self.tokenizer)),
            Round("tokens.order", OrderDocuments(self.config)),
            Round(f"{name}.write", WriteShard(self.config)),
            Round(f"{name}.set", DescribeShards(self.config, name, self.tokenizer)),
        )


@dataclass(frozen=True)
class EncodeShard:
    """Encode one shard of documents; each is preceded by the end-of-text token."""

    config: TokenShards
    view: View
    tokenizer: TokenizerSource

    def count(self, folder: RunFolder) -> int:
        """One task for each shard of documents."""
        return self.view.count(folder)

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write raw tokens, and one row a document."""
        encoder = self.tokenizer.encoder(draft.folder)
        dtype = item_type(self.config.dtype, encoder)
        schema = self.view.schema(draft.folder, draft.task)
        columns = [n for n in ("text", *PROVENANCE.names) if n in schema.names and n != "key"]
        tables, total = [], 0
        with draft.numbered("tokens.raw").open("wb") as raw:
            for batch in self.view.batches(draft.folder, draft.task, columns, rows=_BATCH):
                texts = [text or "" for text in batch.column("text").to_pylist()]
                ids = encoder.encode(texts)
                sizes = np.array([len(i) + 1 for i in ids], np.int64)
                for document in ids:
                    raw.write(np.array([encoder.eot], dtype).tobytes())
                    raw.write(document.astype(dtype).tobytes())
                first = total + np.cumsum(sizes) - sizes
                rows = provenance_rows(batch, first, sizes)
                rows["bytes"] = pa.array([len(t.encode()) for t in texts], pa.int64())
                rows["content"] = pa.array([text_hash(t)[0] for t in texts], pa.uint64())
                tables.append(pa.RecordBatch.from_pydict(rows, schema=ENCODED))
                total += int(sizes.sum())
                tick({"docs_in": sum(t.num_rows for t in tables)})
        table = pa.Table.from_batches(tables, ENCODED)
        n = table.num_rows
        draft.numbered("tokens.raw", docs=n, tokens=total)
        pq.write_table(table, draft.numbered("documents.parquet", docs=n), compression="zstd")
        draft.stages = [StageCount(name="tokens", docs_in=n, docs_out=n)]
        draft.facts = {"dtype": dtype.name, "vocab_size": encoder.vocab_size, "eot": encoder.eot}


def item_type(wanted: str, encoder: Encoder) -> np.dtype[np.uint16] | np.dtype[np.uint32]:
    """Return the item type of the token files.

    Raises:
        ConfigError: the vocabulary does not fit the type that the recipe asks for.
    """
    if wanted == "uint16" and encoder.vocab_size > 1 << 16:
        raise ConfigError(
            f"shards.dtype uint16 holds 65,536 ids, the tokenizer has {encoder.vocab_size:,}; "
            "set shards.dtype=uint32 or a smaller vocab_size"
        )
    return (
        np.dtype("<u2")
        if (encoder.dtype if wanted == "auto" else wanted) == "uint16"
        else np.dtype("<u4")
    )


@dataclass(frozen=True)
class OrderDocuments:
    """Decide split, file and place of every document."""

    config: TokenShards

    def count(self, folder: RunFolder) -> int:
        """One."""
        del folder
        return 1

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the order, sorted by file and place."""
        tables = []
        for task, path in enumerate(draft.folder.outputs("tokens.encode", ".documents.parquet")):
            table = pq.read_table(path, columns=["key", "content", "tokens"])
            tables.append(
                table.append_column("task", pa.array([task] * table.num_rows, pa.int32()))
            )
            tables[-1] = tables[-1].append_column(
                "row", pa.array(range(table.num_rows), pa.int64())
            )
        order, files = plan_order(
            pa.concat_tables(tables),
            self.config.val_fraction,
            self.config.target_tokens,
            self.config.seed,
        )
        draft.facts = {"files": files}
        pq.write_table(
            order, draft.numbered("order.parquet", docs=order.num_rows), compression="zstd"
        )
        tick({"docs_in": order.num_rows})


@dataclass(frozen=True)
class WriteShard:
    """Write one token file and its provenance index."""

    config: TokenShards

    def count(self, folder: RunFolder) -> int:
        """One task for each file of the order."""
        return len(folder.manifests("tokens.order")[0].facts["files"])

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Copy the documents of this file, in order."""
        folder = draft.folder
        plan = folder.manifests("tokens.order")[0].facts["files"][draft.task]
        mine = pq.read_table(
            folder.file("tokens.order", 0, "order.parquet"),
            schema=ORDER,
            filters=[("file", "=", draft.task)],
        )
        encoded = folder.manifests("tokens.encode")
        dtype = np.dtype(encoded[0].facts["dtype"]).newbyteorder("<")
        rows, tokens = _collect(folder, mine, dtype)
        stem = f"{plan['split']}_{plan['number']:06d}"
        path = draft.path(f"{stem}.bin", docs=len(rows), tokens=len(tokens))
        with FORMATS[self.config.format].writer(path, dtype) as out:
            out.write(tokens, mine["tokens"].to_numpy())
        index = draft.path(f"{stem}.index.parquet", docs=len(rows))
        pq.write_table(rows.select(PROVENANCE.names), index, compression="zstd")
        draft.stages = [StageCount(name="shards", docs_in=len(rows), docs_out=len(rows))]
        draft.facts = {"split": plan["split"], "bytes": pc.sum(rows["bytes"]).as_py()}
        tick({"docs_in": len(rows)})


def _collect(
    folder: RunFolder, order: pa.Table, dtype: np.dtype[Any]
) -> tuple[pa.Table, npt.NDArray[Any]]:
    """Return the rows and the tokens of the documents of one file, in its order.

    One pass over each encoded shard; memory is one token file, which ``target_tokens`` bounds.
    """
    task, row = order["task"].to_numpy(), order["row"].to_numpy()
    sizes = order["tokens"].to_numpy()
    starts = np.cumsum(sizes) - sizes
    tokens = np.empty(int(sizes.sum()), dtype)
    parts, place = [], []
    for number in np.unique(task).tolist():
        at = np.flatnonzero(task == number)
        table = pq.read_table(folder.file("tokens.encode", number, "documents.parquet"))
        found = table.take(pa.array(row[at]))
        raw = np.memmap(folder.file("tokens.encode", number, "tokens.raw"), dtype, "r")
        for i, first in zip(at.tolist(), found["first"].to_pylist(), strict=True):
            tokens[starts[i] : starts[i] + sizes[i]] = raw[first : first + sizes[i]]
        parts.append(found)
        place.append(at)
    rows = pa.concat_tables(parts).take(pa.array(np.argsort(np.concatenate(place))))
    column = rows.schema.get_field_index("first")
    return rows.set_column(column, "first", pa.array(starts, pa.int64())), tokens


@dataclass(frozen=True)
class DescribeShards:
    """Write ``shards.json`` and a copy of the tokenizer beside the token files."""

    config: TokenShards
    name: str
    tokenizer: TokenizerSource

    def count(self, folder: RunFolder) -> int:
        """One."""
        del folder
        return 1

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write both files."""
        folder = draft.folder
        source = self.tokenizer.file(folder)
        copy = draft.path("tokenizer.json")
        shutil.copyfile(source, copy)
        facts = folder.manifests("tokens.encode")[0].facts
        shards, splits = [], {s: {"tokens": 0, "docs": 0, "bytes": 0} for s in ("train", "val")}
        for manifest in folder.manifests(f"{self.name}.write"):
            out = manifest.output(".bin")
            if out is None:
                continue
            entry = {
                "tokens": out.tokens or 0,
                "docs": out.docs or 0,
                "bytes": manifest.facts["bytes"],
            }
            split = splits[manifest.facts["split"]]
            for key, value in entry.items():
                split[key] += value
            path = Path(out.path).name
            shards.append(
                entry | {"path": path, "sha256": out.sha256, "split": manifest.facts["split"]}
            )
        body = {
            "schema": 1,
            "format": self.config.format,
            "dtype": facts["dtype"],
            "vocab_size": facts["vocab_size"],
            "eot": facts["eot"],
            "eot_place": "before",
            "tokenizer": copy.name,
            "tokenizer_sha256": sync_and_hash(copy)[1],
            "splits": splits,
            "shards": shards,
        }
        draft.path("shards.json").write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")
        draft.facts = {"splits": splits}
        tick({"docs_in": sum(split["docs"] for split in splits.values())})
