"""The columns that every document carries, and how to make a batch by hand.

Stages add their own columns (signals) and declare them in ``Map.adds``; only what the readers
provide stands here.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

#: A document key is ``input number << KEY_BITS | position``: the number of the input in the frozen
#: plan, and the record's byte offset (WARC) or row number (Parquet, JSONL) in it. 24 + 40 bits
#: hold 16 million inputs of one tebibyte each.
KEY_BITS = 40

#: Columns of a page as the WARC reader yields it.
PAGE = pa.schema(
    [
        pa.field("key", pa.uint64(), nullable=False),
        ("id", pa.string()),  # WARC-Record-ID, or the input's own id
        ("url", pa.string()),  # WARC-Target-URI, user-info removed
        ("date", pa.string()),  # WARC-Date, as written
        ("warc", pa.string()),  # file name of the WARC, without its folder
        ("offset", pa.int64()),  # first byte of the record's gzip member (or of the plain record)
        ("length", pa.int64()),  # compressed bytes of the record; null where unknown
        ("content_type", pa.string()),  # HTTP Content-Type, as sent
        ("html", pa.binary()),  # the body as sent, content encoding undone
        ("read.problem", pa.string()),  # why the record is no usable page; null = fine
    ]
)

#: Columns of a document that comes with its text (Parquet, JSONL).
DOCUMENT = pa.schema(
    [
        pa.field("key", pa.uint64(), nullable=False),
        ("id", pa.string()),
        ("url", pa.string()),
        ("text", pa.string()),
        ("read.problem", pa.string()),
    ]
)


def make_key(input_number: int, position: int) -> int:
    """Return the document key of a record.

    Raises:
        ValueError: either part does not fit its bits.
    """
    if not (0 <= input_number < 1 << (64 - KEY_BITS) and 0 <= position < 1 << KEY_BITS):
        raise ValueError(f"document key out of range: input {input_number}, position {position}")
    return input_number << KEY_BITS | position


def split_key(key: int) -> tuple[int, int]:
    """Return (input number, position) of a document key."""
    return key >> KEY_BITS, key & ((1 << KEY_BITS) - 1)


def documents(
    texts: Sequence[str | None], urls: Sequence[str | None] | None = None
) -> pa.RecordBatch:
    """Make a batch of documents from plain strings, for trying a stage in Python.

    >>> documents(["one", "two"]).num_rows
    2
    """
    n = len(texts)
    none = pa.nulls(n, pa.string())
    return pa.RecordBatch.from_arrays(
        [
            pa.array(np.arange(n, dtype=np.uint64)),
            pa.array([str(i) for i in range(n)], pa.string()),
            none if urls is None else pa.array(urls, pa.string()),
            pa.array(texts, pa.string()),
            none,
        ],
        schema=DOCUMENT,
    )
