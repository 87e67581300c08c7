"""The way back: from a token in a file to the URL and the WARC record it came from."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.llmc import HEADER_BYTES

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
        ConfigError: no token file, no index, or no such position.
        CorruptError: the index cannot be read, is not in order, or is that of another file.
    """
    index = shard.with_suffix(".index.parquet")
    for path in (shard, index):
        if not path.is_file():
            raise ConfigError(f"{path}: no such file; token file and index stand side by side")
    try:
        with pq.ParquetFile(index) as file:
            return _find(file, shard, token)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise CorruptError(
            f"{index}: not a provenance index ({error}); write the shards again"
        ) from error


def check_places(schema: pa.Schema) -> None:
    """Raise KeyError unless an index tells where documents stand."""
    for name in ("first", "tokens"):
        if schema.field(name).type != pa.int64():
            raise KeyError(f"column {name} is {schema.field(name).type}, not int64")


def _find(file: pq.ParquetFile, shard: Path, token: int) -> dict[str, Any]:
    """Return the row of a token; two row groups are read at most, however long the index."""
    schema = file.schema_arrow
    if missing := set(PROVENANCE.names) - set(schema.names):
        raise KeyError(f"no column {min(missing)}")
    check_places(schema)
    filled = [g for g in range(file.num_row_groups) if file.metadata.row_group(g).num_rows]
    end = _end(file, filled)
    _check_size(shard, end)
    if not 0 <= token < end:
        raise ConfigError(
            f"{shard}: no token {token}; the file holds {end:,} tokens, counted from 0"
        )
    at = schema.names.index("first")
    known = [file.metadata.row_group(g).column(at).statistics for g in filled]
    lowest = np.array([s.min if s and s.has_min_max else -1 for s in known], np.int64)
    group = int(np.searchsorted(lowest, token, side="right")) - 1
    rows = file.read_row_group(filled[group], PROVENANCE.names)
    first, tokens = (rows[name].to_numpy() for name in ("first", "tokens"))
    row = int(np.searchsorted(first, token, side="right")) - 1
    ordered = rows["first"].null_count == rows["tokens"].null_count == 0
    ordered = ordered and (lowest[0] == 0) and bool((np.diff(lowest) > 0).all())
    if not ordered or not np.array_equal(first[1:], (first + tokens)[:-1]) or row < 0:
        raise ValueError("rows do not follow one another")
    if token >= first[row] + tokens[row]:
        raise ValueError(f"no row has token {token}")
    found: dict[str, Any] = rows.slice(row, 1).select(PROVENANCE.names).to_pylist()[0]
    return found


def _end(file: pq.ParquetFile, filled: list[int]) -> int:
    """Return how many tokens an index counts: where its last row ends."""
    if not filled:
        return 0
    last = file.read_row_group(filled[-1], ["first", "tokens"])
    ends = [column[-1].as_py() for column in last.columns]
    if None in ends:
        raise ValueError("its last row has no place")
    return int(sum(ends))


def _check_size(shard: Path, tokens: int) -> None:
    """Raise CorruptError unless a file may hold so many tokens, in any of the formats."""
    size = shard.stat().st_size
    if size not in {start + tokens * width for start in (0, HEADER_BYTES) for width in (2, 4)}:
        raise CorruptError(
            f"{shard}: has {size:,} bytes, and the index beside it counts {tokens:,} tokens; "
            "it is the index of another file, or one of them was cut: restore both"
        )
