"""The first round of token shards: documents to tokens, each task's in the order of the shuffle."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline import held_out
from gristmill.pipeline.dedup.parts import cut_evenly
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.encode import Encoder
from gristmill.tokenize.fast_engine import Ids, Sizes
from gristmill.tokenize.hf_engine import BrokenTextError
from gristmill.tokenize.order import ranks
from gristmill.tokenize.provenance import PROVENANCE, provenance_rows
from gristmill.tokenize.ranked_file import write_ranked
from gristmill.tokenize.source import TokenizerSource

ENCODE = "tokens.encode"

#: One row a document and copy, sorted by rank. ``first`` counts the tokens of ``tokens.raw`` before
#: it, ``tokens`` its own; end-of-text tokens are put in when files are written.
ENCODED = pa.schema(
    [
        *PROVENANCE,
        ("bytes", pa.int64()),
        ("draw", pa.uint64()),
        ("copy", pa.int32()),
        ("rank", pa.uint64()),
    ]
)

#: Compressed bytes of documents that one task encodes, and what a document counts beside its text,
#: since its row is held in memory: as much as makes a thousand tasks, from each of which every
#: token file reads, but within these bounds. Beyond 500 GB there are more tasks than a thousand.
_SMALLEST, _LARGEST, _TASKS = 16 << 20, 512 << 20, 1000
_DOC_BYTES = 256

_MAX_COPIES = 1000


@dataclass(frozen=True)
class EncodeGroup:
    """Encode a group of shards.

    Attributes:
        view: the documents.
        tokenizer: where to find it.
        seed: of the shuffle.
        copies: column that says how often a document is to be seen in training, or None.
        cluster: column that names a document's duplicate cluster, or None.
        dtype: ``auto``, ``uint16`` or ``uint32``.
    """

    view: View
    tokenizer: TokenizerSource
    seed: int
    copies: str | None
    cluster: str | None
    dtype: str

    def count(self, folder: RunFolder) -> int:
        """One task for each group of shards."""
        return len(self._groups(folder))

    def _groups(self, folder: RunFolder) -> list[range]:
        kept = [m.output(".kept.parquet") for m in folder.manifests(self.view.round)]
        sizes = [out.bytes + _DOC_BYTES * (out.docs or 0) if out else 0 for out in kept]
        return cut_evenly(sizes, min(max(sum(sizes) // _TASKS, _SMALLEST), _LARGEST))

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write ``tokens.raw`` and ``documents.arrow``, both sorted by rank."""
        encoder = self.tokenizer.encoder(draft.folder)
        dtype = raw_type(self.dtype, encoder.vocab_size)
        natural = draft.temp / "natural.raw"
        tables, docs, total = [], 0, 0
        with natural.open("wb") as raw:
            for batch in self._batches(draft):
                texts = batch.column("text").fill_null("")
                ids, sizes = _encode(encoder, batch, texts)
                raw.write(ids.astype(dtype).data)
                rows = self._rows(batch, texts, total + np.cumsum(sizes) - sizes, sizes)
                tables.append(rows)
                docs, total = docs + batch.num_rows, total + len(ids)
                tick({"docs_in": docs})
        table = self._ranked(pa.Table.from_batches(tables, ENCODED))
        sizes = table["tokens"].to_numpy()
        path = draft.numbered("tokens.raw", docs=docs, tokens=int(sizes.sum()))
        _copy(natural, path, dtype, table["first"].to_numpy(), sizes)
        natural.unlink()
        table = _with(table, "first", np.cumsum(sizes) - sizes)
        write_ranked(draft.numbered("documents.arrow", docs=docs), table)
        draft.stages = [StageCount(name="tokens", docs_in=docs, docs_out=docs)]
        draft.facts = {
            "dtype": dtype.name,
            "vocab_size": encoder.vocab_size,
            "eot": encoder.eot,
            "engine": encoder.engine,
            "draws": held_out.span(table["draw"].to_numpy()),
        }

    def _batches(self, draft: Draft) -> Iterator[pa.RecordBatch]:
        optional = (self.copies, self.cluster, *PROVENANCE.names)
        for shard in self._groups(draft.folder)[draft.task]:
            have = self.view.schema(draft.folder, shard).names
            columns = ["text", *(n for n in optional if n in have and n != "key")]
            yield from self.view.batches(draft.folder, shard, columns, rows=1000)

    def _rows(
        self,
        batch: pa.RecordBatch,
        texts: pa.StringArray,
        first: npt.NDArray[np.int64],
        sizes: npt.NDArray[np.int64],
    ) -> pa.RecordBatch:
        """Return a row for each document; ``copy`` is how many copies it is to have."""
        rows = provenance_rows(batch, first, sizes)
        rows["bytes"] = pc.binary_length(texts).cast(pa.int64())
        rows["draw"] = held_out.draws(texts, _whole_numbers(batch, self.cluster, pa.uint64()))
        rows["copy"] = self._copies(batch)
        rows["rank"] = np.zeros(len(texts), np.uint64)
        return pa.RecordBatch.from_pydict(rows, schema=ENCODED)

    def _copies(self, batch: pa.RecordBatch) -> npt.NDArray[np.int32]:
        column = _whole_numbers(batch, self.copies, pa.int64())
        if column is None:
            return np.ones(batch.num_rows, np.int32)
        wanted = column.fill_null(1).to_numpy()
        if len(wanted) and not 1 <= wanted.min() <= wanted.max() <= _MAX_COPIES:
            raise ShardError(
                f"column {self.copies} asks for {wanted.min()} to {wanted.max()} copies of a "
                f"document; 1 to {_MAX_COPIES} can be written, or none with shards.copies=null"
            )
        return np.asarray(wanted, np.int32)

    def _ranked(self, table: pa.Table) -> pa.Table:
        """Repeat documents by their copies, and sort all by rank."""
        wanted = table["copy"].to_numpy()
        at = np.repeat(np.arange(len(wanted)), wanted)
        copy = (np.arange(len(at)) - np.repeat(np.cumsum(wanted) - wanted, wanted)).astype(np.int32)
        keys = table["key"].to_numpy()[at]
        rank = ranks(keys, copy, self.seed)
        order = np.lexsort((copy, keys, rank))
        table = table.take(pa.array(at[order]))
        return _with(_with(table, "copy", copy[order]), "rank", rank[order])


def _encode(encoder: Encoder, batch: pa.RecordBatch, texts: pa.StringArray) -> tuple[Ids, Sizes]:
    try:
        return encoder.encode_batch(texts)
    except BrokenTextError as error:
        row = batch.slice(pc.index(texts, error.text).as_py(), 1).drop_columns(["text"])
        where = ", ".join(f"{name} {value[0]}" for name, value in row.to_pydict().items())
        raise ShardError(f"document with {where}: {error}") from error


def _whole_numbers(batch: pa.RecordBatch, name: str | None, kind: pa.DataType) -> pa.Array | None:
    """Return a column, if it is there, as whole numbers.

    Raises:
        ShardError: it holds anything else.
    """
    if name is None or name not in batch.schema.names:
        return None
    column = batch.column(name)
    if not pa.types.is_integer(column.type):
        raise ShardError(
            f"column {name} holds {column.type}, no whole numbers; name another one in the block "
            "shards (copies, cluster), or null"
        )
    return column.cast(kind, safe=False)


def raw_type(wanted: str, vocab_size: int) -> np.dtype[Any]:
    """Return the type that tokens are kept in.

    Raises:
        ConfigError: the vocabulary does not fit the type that the recipe asks for.
    """
    fits = vocab_size <= 1 << 16
    if wanted == "uint16" and not fits:
        raise ConfigError(
            f"shards.dtype uint16 holds 65,536 ids, the tokenizer has {vocab_size:,}; "
            "set shards.dtype=uint32 or a smaller vocab_size"
        )
    return np.dtype("<u2" if fits and wanted != "uint32" else "<u4")


def _copy(
    source: Path,
    target: Path,
    dtype: np.dtype[Any],
    first: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
) -> None:
    """Copy documents into another order."""
    raw = np.memmap(source, dtype, "r") if source.stat().st_size else np.zeros(0, dtype)
    with target.open("wb") as out:
        for start, end in zip(first.tolist(), (first + sizes).tolist(), strict=True):
            out.write(raw[start:end].data)


def _with(table: pa.Table, name: str, values: npt.NDArray[Any]) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(name), pa.array(values))
