"""The way back: from a token in a file to the URL and the WARC record it came from."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, CorruptError

#: One row a document, in file order. ``first`` is the position of its end-of-text token,
#: ``tokens`` counts that token too. Columns that the input did not have are null.
PROVENANCE = pa.schema(
    [
        ("key", pa.uint64()),
        ("id", pa.string()),
        ("url", pa.string()),
        ("warc", pa.string()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("language", pa.string()),
        ("first", pa.int64()),
        ("tokens", pa.int64()),
    ]
)


def provenance_rows(
    batch: pa.RecordBatch, first: npt.NDArray[np.int64], tokens: npt.NDArray[np.int64]
) -> dict[str, pa.Array]:
    """Return the provenance columns of a batch of documents.

    A column counts only with its own type, and a place only beside the WARC it is a place in: an
    input may have columns of these names that mean something else.
    """
    have = {f.name: f.type for f in batch.schema}
    places = () if have.get("warc") == pa.string() else ("offset", "length")
    placed = {"first": pa.array(first, pa.int64()), "tokens": pa.array(tokens, pa.int64())}
    return {
        f.name: placed[f.name]
        if f.name in placed
        else batch.column(f.name)
        if have.get(f.name) == f.type and f.name not in places
        else pa.nulls(batch.num_rows, f.type)
        for f in PROVENANCE
    }


def where(shard: Path, token: int) -> dict[str, Any]:
    """Return the provenance of one token of a shard.

    Args:
        shard: a token file with its ``.index.parquet`` beside it.
        token: position of the token in the file, from 0.

    Raises:
        ConfigError: no index, or no such position.
        CorruptError: the index cannot be read.
    """
    index = shard.with_suffix(".index.parquet")
    if not index.is_file():
        raise ConfigError(f"{index}: no such index; it stands beside the shard it belongs to")
    try:
        with pq.ParquetFile(index) as file:
            return _find(file, shard, token)
    except (OSError, KeyError, pa.ArrowException) as error:
        raise CorruptError(
            f"{index}: not a provenance index ({error}); write the shards again"
        ) from error


def _find(file: pq.ParquetFile, shard: Path, token: int) -> dict[str, Any]:
    """Return the row of a token; one row group is read, however long the index."""
    at = file.schema_arrow.names.index("first") if "first" in file.schema_arrow.names else None
    if at is None or set(PROVENANCE.names) - set(file.schema_arrow.names):
        raise KeyError("columns are missing")
    groups = (file.metadata.row_group(g) for g in range(file.num_row_groups))
    lowest = np.array([g.column(at).statistics.min for g in groups if g.num_rows], np.int64)
    group = int(np.searchsorted(lowest, token, side="right")) - 1
    rows = file.read_row_group(max(group, 0), PROVENANCE.names) if len(lowest) else None
    first = rows["first"].to_numpy() if rows else np.zeros(0, np.int64)
    row = int(np.searchsorted(first, token, side="right")) - 1
    if rows is None or row < 0 or token >= first[row] + rows["tokens"][row].as_py():
        last = file.read_row_group(len(lowest) - 1, ["first", "tokens"]) if len(lowest) else None
        end = last["first"][-1].as_py() + last["tokens"][-1].as_py() if last else 0
        raise ConfigError(
            f"{shard}: no token {token}; the file holds {end:,} tokens, counted from 0"
        )
    found: dict[str, Any] = rows.slice(row, 1).select(PROVENANCE.names).to_pylist()[0]
    return found
