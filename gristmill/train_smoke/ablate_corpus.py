"""Two corpora made comparable: one tokenizer, and cut to the same number of unique tokens.

Whole documents are chosen by a hash of their tokens, so a choice depends on no order of files, and
copies of a document are chosen together: a part has as many duplicates as the whole. The chosen
ones keep their order. Only the last is cut, so that both parts have the same number of tokens, and
with it the same windows.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError
from gristmill.tokenize.formats import llmc
from gristmill.tokenize.formats.manifest import SCHEMA
from gristmill.tokenize.formats.shard_set import ShardSet, sha256


def check_same_tokenizer(a: ShardSet, b: ShardSet) -> None:
    """Raise ConfigError unless both corpora were made with one tokenizer."""
    if sha256(a.tokenizer_path) != sha256(b.tokenizer_path) or a.eot != b.eot:
        raise ConfigError(
            f"{a.folder} and {b.folder}: made with different tokenizers, so that neither tokens "
            "nor models compare; train one on the documents of both (gristmill tokenizer train "
            "--in A --in B --out bpe) and write both shards again with `tokenizer: {path: "
            "bpe/tokenizer.json}` in their recipes"
        )


@dataclass(frozen=True)
class Documents:
    """The train documents of a corpus, in order.

    Attributes:
        shards: the corpus.
        hashes: of each document's tokens; equal documents have equal ones.
        sizes: tokens of each, its end-of-text token counted.
    """

    shards: ShardSet
    hashes: npt.NDArray[np.uint64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def of(cls, shards: ShardSet) -> "Documents":
        """Read every train document once."""
        hashes, sizes = [], []
        for tokens in shards.documents("train"):
            raw = tokens.astype("<u4").tobytes()
            hashes.append(hashlib.blake2b(raw, digest_size=8).digest())
            sizes.append(len(tokens) + 1)
        return cls(
            shards=shards,
            hashes=np.frombuffer(b"".join(hashes), dtype="<u8").astype(np.uint64),
            sizes=np.array(sizes, dtype=np.int64),
        )

    def in_subset(self, subset: int, subsets: int) -> npt.NDArray[np.bool_]:
        """Tell which documents belong to one of several disjoint subsets."""
        mine: npt.NDArray[np.bool_] = self.hashes % np.uint64(subsets) == np.uint64(subset)
        return mine

    def available(self, subsets: int) -> int:
        """Tokens of the smallest subset."""
        return min(int(self.sizes[self.in_subset(s, subsets)].sum()) for s in range(subsets))

    def choose(self, tokens: int, subset: int, subsets: int) -> npt.NDArray[np.int64]:
        """Return how many tokens of each document are taken; they sum to ``tokens``.

        ``tokens`` is at most what ``available`` says.
        """
        mine = np.flatnonzero(self.in_subset(subset, subsets))
        mine = mine[np.argsort(self.hashes[mine], kind="stable")]
        before = np.cumsum(self.sizes[mine]) - self.sizes[mine]
        taken = np.zeros(len(self.sizes), dtype=np.int64)
        taken[mine] = np.clip(tokens - before, 0, self.sizes[mine])
        return taken


def equal_tokens(corpora: tuple[Documents, Documents], subsets: int, wanted: int | None) -> int:
    """Return the number of unique tokens that each side of each comparison trains on.

    Args:
        corpora: both sides.
        subsets: disjoint subsets of each.
        wanted: the user's number; None = as many as the smaller side has.

    Raises:
        ConfigError: one side has fewer than ``wanted``.
    """
    most = [min(one.available(subsets), llmc.MAX_TOKENS) for one in corpora]
    if wanted is not None and wanted > min(most):
        short = corpora[most.index(min(most))]
        part = "" if subsets == 1 else f" in one of {subsets} subsets"
        raise ConfigError(
            f"{short.shards.folder}: {min(most):,} training tokens{part}, {wanted:,} asked for; "
            "lower --tokens"
        )
    return min(most) if wanted is None else wanted


def write_part(corpus: Documents, taken: npt.NDArray[np.int64], folder: Path) -> Path:
    """Write chosen train documents, and all of val, as a folder of shards; once.

    Args:
        corpus: where they come from.
        taken: tokens to take of each train document; 0 = none.
        folder: of the result; it is there whole or not at all.

    Returns:
        ``folder``.
    """
    if (folder / "shards.json").is_file():
        return folder
    shards = corpus.shards
    temp = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    shutil.copyfile(shards.tokenizer_path, temp / "tokenizer.json")
    everything = np.full(sum(s.docs for s in shards.of("val")), np.iinfo(np.int64).max)
    files = [
        _write(shards, "train", taken, temp / "train_000000.bin"),
        _write(shards, "val", everything, temp / "val_000000.bin"),
    ]
    manifest = {
        "schema": SCHEMA,
        "format": "llmc",
        "dtype": _dtype(shards).name,
        "vocab_size": shards.vocab_size,
        "eot": shards.eot,
        "eot_place": llmc.EOT,
        "tokenizer": "tokenizer.json",
        "tokenizer_sha256": sha256(temp / "tokenizer.json"),
        "splits": {f["split"]: {key: f[key] for key in ("tokens", "docs", "bytes")} for f in files},
        "shards": files,
        "part_of": shards.manifest_sha256,
    }
    (temp / "shards.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    temp.rename(folder)
    return folder


def _dtype(shards: ShardSet) -> np.dtype[Any]:
    return next(d for d in llmc.DTYPES if np.iinfo(d).max >= shards.vocab_size - 1)


def _write(
    shards: ShardSet, split: str, taken: npt.NDArray[np.int64], path: Path
) -> dict[str, Any]:
    lengths = np.array([len(raw) for raw in shards.vocabulary.token_bytes], dtype=np.int64)
    n_bytes = docs = 0
    with llmc.writer(path, _dtype(shards)) as out:
        for tokens, size in zip(shards.documents(split), taken.tolist(), strict=True):
            if size:
                text = np.asarray(tokens[: size - 1], dtype=np.int64)
                out.write(np.concatenate(([shards.eot], text)), [len(text) + 1])
                n_bytes, docs = n_bytes + int(lengths[text].sum()), docs + 1
    counts = {"tokens": out.tokens, "docs": docs, "bytes": n_bytes}
    return {"path": path.name, "split": split, **counts, "sha256": sha256(path)}
