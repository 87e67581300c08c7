"""Small token files, written document by document."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from gristmill.tokenize.formats import FORMATS

Documents = Sequence[Sequence[int]]


def lay_down(name: str, path: Path, documents: Documents, dtype: object = np.uint16) -> Path:
    """Write whole documents, one call each."""
    with FORMATS[name].writer(path, dtype) as out:
        for document in documents:
            out.write(document, [len(document)])
    return path


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lay_set(
    name: str, folder: Path, splits: dict[str, Documents], dtype: object = np.uint16
) -> Path:
    """Write a folder with shards.json: one file a split, end-of-text is 0."""
    token_format = FORMATS[name]
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(
        json.dumps({"model": {"vocab": {"e": 0, "a": 1, "bb": 2, "c": 3, "d": 4}}})
    )
    shards, sums = [], {}
    for split, docs in splits.items():
        names = token_format.files(f"x_{split}_000000")
        before = token_format.EOT == "before"
        lay_down(name, folder / names[0], [[0, *d] if before else [*d, 0] for d in docs], dtype)
        sums[split] = {"tokens": sum(len(d) + 1 for d in docs), "docs": len(docs), "bytes": 9}
        shards.append(
            {"path": names[0], "split": split, **sums[split], "sha256": sha(folder / names[0]),
             "companions": [{"path": n, "sha256": sha(folder / n)} for n in names[1:]]}
        )  # fmt: skip
    manifest = {
        "schema": 1, "format": name, "dtype": np.dtype(dtype).name, "vocab_size": 5, "eot": 0,
        "eot_place": token_format.EOT, "tokenizer": "tokenizer.json",
        "tokenizer_sha256": sha(tokenizer), "splits": sums, "shards": shards,
    }  # fmt: skip
    (folder / "shards.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def write_file() -> Callable[..., Path]:
    """Return ``lay_down``."""
    return lay_down


@pytest.fixture(scope="session")
def write_set() -> Callable[..., Path]:
    """Return ``lay_set``."""
    return lay_set
