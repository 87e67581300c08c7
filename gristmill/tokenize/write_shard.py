"""The last rounds of token shards: the plan of all files, each file, and what describes them."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.durable import sync_and_hash
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Tick
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.pipeline.sorted_file import read_range
from gristmill.tokenize.encode_group import ENCODED
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.contract import TokenFormat
from gristmill.tokenize.order import SPLITS, Tally, in_split, rank_range, val_limit
from gristmill.tokenize.provenance import PROVENANCE
from gristmill.tokenize.source import TokenizerSource

ENCODE, ORDER = "tokens.encode", "tokens.order"

#: Tokens that a task holds in memory at once, whatever the size of its file.
_CHUNK = 1 << 25


@dataclass(frozen=True)
class OrderDocuments:
    """Decide which ranks go into which file; its facts are the plan."""

    format: str
    val_fraction: float
    target_tokens: int

    def count(self, folder: RunFolder) -> int:
        """One."""
        del folder
        return 1

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Count tokens by rank and split, and cut."""
        limit = self._limit(draft.folder)
        tallies, docs = {split: Tally.empty() for split in SPLITS}, 0
        for path in draft.folder.outputs(ENCODE, ".documents.parquet"):
            table = pq.ParquetFile(path).read(["rank", "draw", "copy", "tokens"])
            columns = {name: table[name].to_numpy() for name in table.column_names}
            for split, tally in tallies.items():
                mine = in_split(split, columns["draw"], columns["copy"], limit)
                tally.add(columns["rank"][mine], columns["tokens"][mine])
            docs += table.num_rows
            tick({"docs_in": docs})
        draft.facts = {
            "val_limit": f"{int(limit):016x}",
            "files": [plan for split in SPLITS for plan in self._files(split, tallies[split])],
        }

    def _limit(self, folder: RunFolder) -> np.uint64:
        spans = [m.facts["draws"] for m in folder.manifests(ENCODE)]
        draws = [int(draw, 16) for span in spans for draw in span]
        return val_limit(self.val_fraction, min(draws, default=0), max(draws, default=0))

    def _files(self, split: str, tally: Tally) -> Iterator[dict[str, Any]]:
        layout = FORMATS[self.format]
        target = None if layout.ONE_FILE else min(self.target_tokens, layout.MAX_TOKENS)
        for number, (first, end) in enumerate(tally.cut(target)):
            ranges = tally.within(first, end).cut(_CHUNK)
            docs, tokens = tally.totals(ranges)
            stem = split if layout.ONE_FILE else f"{split}_{number:06d}"
            yield {
                "split": split,
                "stem": stem,
                "ranges": ranges,
                "docs": docs,
                "tokens": tokens,
            }


@dataclass(frozen=True)
class WriteShard:
    """Write one token file, its companions and its provenance index."""

    format: str

    def count(self, folder: RunFolder) -> int:
        """One task for each file of the plan."""
        return len(folder.manifests(ORDER)[0].facts["files"])

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Collect the documents of this file, range after range, and write them."""
        layout = FORMATS[self.format]
        order = draft.folder.manifests(ORDER)[0].facts
        plan = order["files"][draft.task]
        parts = Parts(draft.folder, plan["split"], np.uint64(int(order["val_limit"], 16)))
        name, *companions = layout.files(plan["stem"])
        path, docs, once, text_bytes = draft.path(name), 0, 0, 0
        index = draft.path(f"{plan['stem']}.index.parquet", docs=plan["docs"])
        companions.append(index.name)
        with (
            layout.writer(path, item_type(layout, parts.dtype)) as out,
            pq.ParquetWriter(index, PROVENANCE, compression="zstd") as provenance,
        ):
            for first, end in plan["ranges"]:
                rows, tokens, sizes = parts.collect(*rank_range(first, end), layout)
                starts = out.tokens + np.cumsum(sizes) - sizes
                out.write(tokens, sizes)
                provenance.write_table(_placed(rows, starts, sizes))
                docs += len(rows)
                once += pc.sum(pc.equal(rows["copy"], 0)).as_py() or 0
                text_bytes += pc.sum(rows["bytes"]).as_py() or 0
                tick({"docs_in": docs})
            written = out.tokens
        if (docs, written) != (plan["docs"], plan["tokens"]):
            raise ShardError(
                f"{path.name}: {docs} documents and {written} tokens were found, the plan has "
                f"{plan['docs']} and {plan['tokens']}; start again under another --out"
            )
        draft.path(name, docs=docs, tokens=written)
        for companion in layout.files(plan["stem"])[1:]:
            draft.path(companion)
        draft.stages = [StageCount(name="shards", docs_in=once, docs_out=once)]
        draft.figures = {"repeated": docs - once} if docs > once else {}
        draft.facts = {"split": plan["split"], "bytes": text_bytes, "companions": companions}


def item_type(layout: TokenFormat, held: np.dtype[Any]) -> np.dtype[Any]:
    """Return the smallest type of a format that holds tokens of this type's ids."""
    for dtype in layout.DTYPES:
        if dtype.itemsize >= held.itemsize:
            return dtype
    raise ConfigError(f"no type of this format holds {held.name}; choose another shards.format")


def _placed(rows: pa.Table, first: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]) -> pa.Table:
    columns = {name: rows[name] for name in PROVENANCE.names}
    return pa.table(columns | {"first": first, "tokens": sizes}, schema=PROVENANCE)


@dataclass(frozen=True)
class Parts:
    """The encoded documents of one split."""

    folder: RunFolder
    split: str
    limit: np.uint64

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type that encoded tokens are kept in."""
        name: str = self.folder.manifests(ENCODE)[0].facts["dtype"]
        return np.dtype(name).newbyteorder("<")

    def collect(
        self, low: int, high: int, layout: TokenFormat
    ) -> tuple[pa.Table, npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Return the documents of a range of ranks in their order.

        Returns:
            Their rows (ENCODED); their tokens, end-of-text tokens in place; and the size of each.
        """
        manifests = self.folder.manifests(ENCODE)
        found = [self._rows(task, low, high) for task in range(len(manifests))]
        rows = pa.concat_tables(found)
        source = np.repeat(np.arange(len(found)), [len(table) for table in found])
        columns = [rows[name].to_numpy() for name in ("copy", "key", "rank")]
        order = np.lexsort(columns)
        rows, source = rows.take(pa.array(order)), source[order]
        sizes = rows["tokens"].to_numpy() + 1
        starts = np.cumsum(sizes) - sizes + (layout.EOT == "before")
        tokens = np.full(int(sizes.sum()), manifests[0].facts["eot"], self.dtype)
        for task in np.unique(source).tolist():
            at = np.flatnonzero(source == task)
            self._fill(tokens, task, rows["first"].to_numpy()[at], starts[at], sizes[at] - 1)
        return rows, tokens, sizes

    def _rows(self, task: int, low: int, high: int) -> pa.Table:
        path = self.folder.file(ENCODE, task, "documents.parquet")
        table = read_range(path, "rank", low, high, ENCODED)
        draw, copy = (table[name].to_numpy() for name in ("draw", "copy"))
        return table.filter(pa.array(in_split(self.split, draw, copy, self.limit)))

    def _fill(
        self,
        tokens: npt.NDArray[Any],
        task: int,
        first: npt.NDArray[np.int64],
        starts: npt.NDArray[np.int64],
        sizes: npt.NDArray[np.int64],
    ) -> None:
        """Copy the tokens of one task's documents to where they belong."""
        path: Path = self.folder.file(ENCODE, task, "tokens.raw")
        if not path.stat().st_size:
            return  # nothing cannot be mapped
        raw = np.memmap(path, self.dtype, "r")
        for source, target, size in zip(
            first.tolist(), starts.tolist(), sizes.tolist(), strict=True
        ):
            tokens[target : target + size] = raw[source : source + size]


@dataclass(frozen=True)
class DescribeShards:
    """Write ``shards.json`` and a copy of the tokenizer beside the token files."""

    format: str
    name: str
    tokenizer: TokenizerSource

    def count(self, folder: RunFolder) -> int:
        """One."""
        del folder
        return 1

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write both files."""
        folder, layout = draft.folder, FORMATS[self.format]
        copy = draft.path("tokenizer.json")
        shutil.copyfile(self.tokenizer.file(folder), copy)
        facts = folder.manifests(ENCODE)[0].facts
        held = np.dtype(facts["dtype"])
        shards = list(self._entries(folder))
        splits = {
            split: {
                unit: sum(entry[unit] for entry in shards if entry["split"] == split)
                for unit in ("tokens", "docs", "bytes")
            }
            for split in SPLITS
        }
        body = {
            "schema": 1,
            "format": self.format,
            "dtype": item_type(layout, held).name,
            "vocab_size": facts["vocab_size"],
            "eot": facts["eot"],
            "eot_place": layout.EOT,
            "tokenizer": copy.name,
            "tokenizer_sha256": sync_and_hash(copy)[1],
            "splits": splits,
            "shards": shards,
        }
        draft.path("shards.json").write_text(json.dumps(body, indent=1, sort_keys=True) + "\n")
        draft.facts = {"splits": splits}
        tick({"docs_in": sum(split["docs"] for split in splits.values())})

    def _entries(self, folder: RunFolder) -> Iterator[dict[str, Any]]:
        for manifest in folder.manifests(f"{self.name}.write"):
            hashes = {Path(out.path).name: out.sha256 for out in manifest.outputs}
            (main,) = (out for out in manifest.outputs if out.tokens is not None)
            yield {
                "path": Path(main.path).name,
                "sha256": main.sha256,
                "tokens": main.tokens,
                "docs": main.docs,
                "bytes": manifest.facts["bytes"],
                "split": manifest.facts["split"],
                "companions": [
                    {"path": name, "sha256": hashes[name]} for name in manifest.facts["companions"]
                ],
            }
