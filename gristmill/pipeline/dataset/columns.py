"""Which columns go out, of which type, and what they mean."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from gristmill.errors import ShardError

#: First in every file.
ALWAYS = ("text", "id", "url")

#: Columns that the readers and stages provide, and what they hold.
MEANINGS = {
    "text": "the document",
    "id": "the WARC-Record-ID, or the id that the input had",
    "url": "address of the page",
    "date": "when it was fetched (WARC-Date)",
    "warc": "file of the crawl that holds the page",
    "offset": "first byte of its record in that file",
    "length": "compressed bytes of that record; null where unknown",
    "language": "label that the language model gave",
    "language_score": "how sure it was, 0 to 1",
    "exact_dedup.cluster_size": "documents with this text before deduplication; null: only this",
    "minhash_dedup.cluster_size": "documents in its cluster of near-duplicates; null: only this",
    "minhash_dedup.copies": "how often to show it in training, by size of its cluster",
    "key": "place of the document in the run",
}

#: What a recipe that names no columns gets, as far as it is there.
USUAL = tuple(name for name in MEANINGS if name not in (*ALWAYS, "key"))

_REMEDY = (
    "write the dataset alone, without it: gristmill stage dataset "
    "--in 'OUT/documents/*.kept.parquet' --set 'columns=[…]'"
)
_NAMES = {
    pa.null(): "null", pa.bool_(): "bool", pa.float16(): "float16", pa.float32(): "float32",
    pa.float64(): "float64", pa.date32(): "date32", pa.date64(): "date64",
}  # fmt: skip


def output_schema(schemas: Iterable[pa.Schema], columns: Sequence[str] | None) -> pa.Schema:
    """Return the columns of every file, the same for all shards.

    A shard that lacks a column has null there.

    Args:
        schemas: of the shards of documents.
        columns: beside ``ALWAYS``; None = ``USUAL``.

    Raises:
        ShardError: a column has two types that do not fit together.
    """
    wanted = dict.fromkeys([*ALWAYS, *(USUAL if columns is None else columns)])
    kinds: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in (field for field in schema if field.name in wanted):
            kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
            kinds[field.name] = _common(field.name, kinds.get(field.name, pa.null()), kind)
    return pa.schema([(name, kinds[name]) for name in wanted if name in kinds])


def _common(name: str, one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    raise ShardError(
        f"dataset: column {name} is {one} in some inputs and {other} in others; {_REMEDY}"
    )


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return a batch with exactly these columns; null where it has none."""
    have = set(batch.schema.names)
    arrays = [
        batch.column(f.name).cast(f.type) if f.name in have else pa.nulls(batch.num_rows, f.type)
        for f in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def features(schema: pa.Schema) -> list[dict[str, Any]]:
    """Return the ``features`` of a card, as ``datasets`` reads them.

    Raises:
        ShardError: a column of a type that ``datasets`` has no name for.
    """
    return [{"name": field.name} | _feature(field.name, field.type) for field in schema]


def _feature(column: str, kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_struct(kind):
        return {"struct": [{"name": f.name} | _feature(column, f.type) for f in kind]}
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _feature(column, kind.value_type)
        plain = next(iter(inner.values())) if inner.keys() & {"dtype", "struct"} else inner
        return {"list" if pa.types.is_list(kind) else "large_list": plain}
    named = _NAMES.get(kind, str(kind))
    simple = (
        kind in _NAMES, pa.types.is_integer(kind), pa.types.is_timestamp(kind),
        pa.types.is_time(kind), pa.types.is_duration(kind), pa.types.is_decimal128(kind),
        pa.types.is_string(kind), pa.types.is_large_string(kind), pa.types.is_binary(kind),
        pa.types.is_large_binary(kind),
    )  # fmt: skip
    if not any(simple):
        raise ShardError(f"dataset: column {column} is {kind}, which no card can say; {_REMEDY}")
    return {"dtype": named}
