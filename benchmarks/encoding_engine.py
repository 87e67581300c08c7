"""Encode all documents with one engine, and say how long it took. For ``encoding.py``.

A fresh process: whatever an engine remembers, it has learnt from this very text. What is timed ends
with an array of ids for each text, or all ids in one array, whichever the engine gives sooner. The
caller's environment keeps HF's engine to one thread.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.formats.vocab import load_vocabulary

ENGINES = ("tokenizers", "tokenizers_fast", "tiktoken", "gristmill")
_BATCH = 1000
Encode = Callable[[pa.StringArray], list[np.ndarray] | np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("documents", type=Path, help="folder of Parquet files with a column text")
    args = parser.parse_args()
    batches = [
        batch.column("text")
        for file in sorted(args.documents.glob("*.parquet"))
        for batch in pq.ParquetFile(file).iter_batches(_BATCH, columns=["text"])
    ]
    encode = _engine(args.engine, args.tokenizer)
    wall, cpu = time.perf_counter(), time.process_time()
    found = [encode(batch) for batch in batches]
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    flat = [ids for part in found for ids in (part if isinstance(part, list) else [part])]
    ids = np.concatenate(flat).astype(np.uint32)
    told = {
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "megabytes": sum(len(t.encode()) for b in batches for t in b.to_pylist()) / 1e6,
        "tokens": len(ids),
        "sha256": hashlib.sha256(ids.tobytes()).hexdigest(),
    }
    print(json.dumps(told))


def _engine(name: str, path: Path) -> Encode:
    if name == "gristmill":
        encoder = load_encoder(path)
        return lambda texts: encoder.encode_batch(texts)[0]
    return _tiktoken(path) if name == "tiktoken" else _tokenizers(path, fast=name.endswith("fast"))


def _tokenizers(path: Path, *, fast: bool) -> Encode:
    """HF's ``encode_batch``, or ``encode_batch_fast``, which keeps no places in the text."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    encode = tokenizer.encode_batch_fast if fast else tokenizer.encode_batch
    return lambda texts: [
        np.array(e.ids, np.uint32) for e in encode(texts.to_pylist(), add_special_tokens=False)
    ]


def _tiktoken(path: Path) -> Encode:
    import tiktoken

    vocabulary = load_vocabulary(path)
    pattern = json.loads(path.read_text())["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    ranks = {b: i for i, b in enumerate(vocabulary.token_bytes) if i not in vocabulary.special}
    made = tiktoken.Encoding("own", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    return lambda texts: [
        np.array(made.encode_ordinary(text), np.uint32) for text in texts.to_pylist()
    ]


if __name__ == "__main__":
    main()
