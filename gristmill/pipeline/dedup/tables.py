"""Columns of the files that one round of near-duplicate removal leaves to the next."""

import pyarrow as pa

#: Candidate groups. Members stand together, best rank first; ``group`` is a hash of their set.
GROUPS = pa.schema([("group", pa.uint64()), ("key", pa.uint64()), ("rank", pa.uint64())])

#: Which partition of groups wants the shingles of which document.
WANTED = pa.schema([("key", pa.uint64()), ("part", pa.uint32())])

#: A document's distinct shingle hashes, sorted.
SETS = pa.schema([("key", pa.uint64()), ("size", pa.int64()), ("shingles", pa.list_(pa.uint32()))])

#: Two documents of one cluster, the better one first.
EDGES = pa.schema([(name, pa.uint64()) for name in ("a", "a_rank", "b", "b_rank")])
