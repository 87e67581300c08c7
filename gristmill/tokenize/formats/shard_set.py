"""A folder of token shards, read through its ``shards.json`` and checked before it is believed."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.contract import StrPath
from gristmill.tokenize.formats.vocab import Vocabulary, load_vocabulary

SCHEMA = 1
_CHUNK = 1 << 22


@dataclass(frozen=True, slots=True)
class Shard:
    """One token file as the manifest describes it."""

    path: str
    split: str
    tokens: int
    docs: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardSet:
    """The shards of one corpus.

    Every document is preceded by the end-of-text token and none is split between files, so the
    documents of a file are what lies between its end-of-text tokens.

    Construction reads ``shards.json`` only; ``verify()`` looks at the files.

    Args:
        folder: where ``shards.json`` and the files are.

    Raises:
        ConfigError: no manifest, or one of another schema or format.
        CorruptError: a manifest that contradicts itself.
    """

    folder: Path

    def __init__(self, folder: StrPath) -> None:
        object.__setattr__(self, "folder", Path(folder))
        _check_manifest(self._file, self.manifest, self.shards)

    @property
    def _file(self) -> Path:
        return self.folder / "shards.json"

    @cached_property
    def _raw(self) -> bytes:
        try:
            return self._file.read_bytes()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(
                f"{self._file}: cannot be read ({reason}); name the folder of shards that "
                "`gristmill run` wrote"
            ) from error

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The parsed ``shards.json``."""
        try:
            data = json.loads(self._raw)
        except ValueError as error:
            raise CorruptError(
                f"{self._file}: not JSON ({error}); write the shards again"
            ) from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            found = data.get("schema") if isinstance(data, dict) else type(data).__name__
            raise ConfigError(
                f"{self._file}: schema {found!r}, this version reads {SCHEMA}; "
                "write the shards again"
            )
        return data

    @cached_property
    def manifest_sha256(self) -> str:
        """Hash of ``shards.json``: the identity of the corpus, since it holds every file's hash."""
        return hashlib.sha256(self._raw).hexdigest()

    @cached_property
    def shards(self) -> tuple[Shard, ...]:
        """The files in the order of the manifest."""
        entries = self.manifest.get("shards")
        if not isinstance(entries, list):
            raise CorruptError(f"{self._file}: no list 'shards'; write the shards again")
        return tuple(_shard(self._file, n, entry) for n, entry in enumerate(entries))

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return int(self.manifest["vocab_size"])

    @property
    def eot(self) -> int:
        """The end-of-text token that precedes every document."""
        return int(self.manifest["eot"])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Token type of every file."""
        return np.dtype("<u2" if self.manifest["dtype"] == "uint16" else "<u4")

    @property
    def tokenizer_path(self) -> Path:
        """The ``tokenizer.json`` beside the shards."""
        return self.folder / str(self.manifest["tokenizer"])

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bytes of every token id. Raises ConfigError where the tokenizer cannot be read."""
        return load_vocabulary(self.tokenizer_path)

    def of(self, split: str) -> tuple[Shard, ...]:
        """The files of a split, ``"train"`` or ``"val"``."""
        return tuple(shard for shard in self.shards if shard.split == split)

    def tokens(self, split: str) -> int:
        """Number of tokens of a split."""
        return sum(shard.tokens for shard in self.of(split))

    def arrays(self, split: str) -> list[npt.NDArray[Any]]:
        """Map the files of a split, read-only, in order."""
        reader = FORMATS[self.manifest["format"]]
        return [reader.open_tokens(self.folder / shard.path) for shard in self.of(split)]

    def documents(self, split: str) -> Iterator[npt.NDArray[Any]]:
        """Yield the tokens of each document, in order, without its end-of-text token."""
        for array in self.arrays(split):
            starts = np.flatnonzero(array == self.eot)
            ends = np.append(starts[1:], len(array))
            for start, end in zip(starts, ends, strict=True):
                yield array[start + 1 : end]

    def verify(self, *, hashes: bool = False) -> None:
        """Check the files against the manifest; call it before anything depends on them.

        Reads every token once (sizes, token type, counts, largest id, number of documents), and
        with ``hashes`` also compares SHA-256.

        Raises:
            ConfigError: a file is missing.
            CorruptError: a file is not what the manifest promises.
        """
        digest = self.manifest.get("tokenizer_sha256")
        if not self.tokenizer_path.is_file():
            raise ConfigError(f"{self.tokenizer_path}: missing; copy it from the run's output")
        if digest != _sha256(self.tokenizer_path):
            raise CorruptError(
                f"{self.tokenizer_path}: SHA-256 differs from shards.json; restore the tokenizer "
                "that the shards were written with"
            )
        for shard in self.shards:
            self._verify(shard, hashes=hashes)

    def _verify(self, shard: Shard, *, hashes: bool) -> None:
        path = self.folder / shard.path
        reader = FORMATS[self.manifest["format"]]
        header = reader.read_header(path)
        if header.dtype != self.dtype:
            raise CorruptError(
                f"{path}: holds {header.dtype.name}, shards.json says {self.dtype.name}; "
                "write the shards again"
            )
        if header.tokens != shard.tokens:
            raise CorruptError(
                f"{path}: holds {header.tokens:,} tokens, shards.json says {shard.tokens:,}; "
                "write the shards again"
            )
        if hashes and _sha256(path) != shard.sha256:
            raise CorruptError(f"{path}: SHA-256 differs from shards.json; write the shards again")
        _check_tokens(path, reader.open_tokens(path), shard, self.vocab_size, self.eot)


def _check_tokens(
    path: Path, array: npt.NDArray[Any], shard: Shard, vocab_size: int, eot: int
) -> None:
    docs = 0
    for start in range(0, len(array), _CHUNK):
        chunk = array[start : start + _CHUNK]
        if int(chunk.max()) >= vocab_size:
            where = start + int(np.argmax(chunk >= vocab_size))
            raise CorruptError(
                f"{path}: token {where:,} has id {int(array[where])}, the vocabulary ends at "
                f"{vocab_size - 1}; the shards were written with another tokenizer"
            )
        docs += int(np.count_nonzero(chunk == eot))
    if docs != shard.docs or (len(array) and int(array[0]) != eot):
        raise CorruptError(
            f"{path}: {docs:,} end-of-text tokens (id {eot}) for {shard.docs:,} documents, or none "
            "at the start; every document must be preceded by one: write the shards again"
        )


def _shard(file: Path, number: int, entry: object) -> Shard:
    try:
        if not isinstance(entry, dict):
            raise TypeError("not an object")
        shard = Shard(
            path=str(entry["path"]),
            split=str(entry["split"]),
            tokens=int(entry["tokens"]),
            docs=int(entry["docs"]),
            bytes=int(entry["bytes"]),
            sha256=str(entry["sha256"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptError(
            f"{file}: shards[{number}] is incomplete ({error!r}); write the shards again"
        ) from error
    # A manifest may come from a stranger: it names files beside itself and nothing else.
    if not shard.path or Path(shard.path).name != shard.path or min(shard.tokens, shard.docs) < 0:
        raise CorruptError(
            f"{file}: shards[{number}] is not a file beside shards.json with counts ≥ 0 "
            f"({shard.path!r}); write the shards again"
        )
    return shard


def _check_manifest(file: Path, manifest: dict[str, Any], shards: tuple[Shard, ...]) -> None:
    name = manifest.get("format")
    if not isinstance(name, str) or name not in FORMATS:
        raise ConfigError(f"{file}: unknown format {name!r}; known: {', '.join(sorted(FORMATS))}")
    if manifest.get("dtype") not in ("uint16", "uint32"):
        raise ConfigError(f"{file}: dtype {manifest.get('dtype')!r} is neither uint16 nor uint32")
    vocab_size, eot = manifest.get("vocab_size"), manifest.get("eot")
    if not isinstance(vocab_size, int) or not isinstance(eot, int) or not 0 <= eot < vocab_size:
        raise CorruptError(f"{file}: eot {eot!r} is not an id below vocab_size {vocab_size!r}")
    tokenizer = manifest.get("tokenizer")
    if not isinstance(tokenizer, str) or not tokenizer or Path(tokenizer).name != tokenizer:
        raise CorruptError(f"{file}: tokenizer {tokenizer!r} is not a file beside shards.json")
    if len({shard.path for shard in shards}) != len(shards):
        raise CorruptError(f"{file}: a shard is listed twice; write the shards again")
    splits = manifest.get("splits")
    for split, promised in (splits if isinstance(splits, dict) else {}).items():
        for key in ("tokens", "docs", "bytes"):
            total = sum(getattr(shard, key) for shard in shards if shard.split == split)
            said = promised.get(key) if isinstance(promised, dict) else None
            if total != said:
                raise CorruptError(
                    f"{file}: splits.{split}.{key} is {said}, its shards add up to "
                    f"{total}; write the shards again"
                )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
