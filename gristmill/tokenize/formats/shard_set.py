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
from gristmill.tokenize.formats.contract import EotPlace, StrPath, TokenFormat
from gristmill.tokenize.formats.ends import CHUNK, ends_by_token, positions
from gristmill.tokenize.formats.manifest import (
    SCHEMA,
    Companion,
    Shard,
    check_manifest,
    parse_shards,
)
from gristmill.tokenize.formats.regular import check_regular
from gristmill.tokenize.formats.vocab import Vocabulary, load_vocabulary


@dataclass(frozen=True)
class ShardSet:
    """The shards of one corpus.

    Every document has one end-of-text token, before it or after it as ``eot_place`` says, and
    none is split between files: the documents of a file are what these tokens divide.

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
        check_manifest(self._file, self.manifest, self.shards)

    @property
    def _file(self) -> Path:
        return self.folder / "shards.json"

    @cached_property
    def _raw(self) -> bytes:
        check_regular(self._file)
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
        except (ValueError, RecursionError) as error:
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
        return parse_shards(self._file, self.manifest)

    @property
    def vocab_size(self) -> int:
        """Number of token ids."""
        return int(self.manifest["vocab_size"])

    @property
    def eot(self) -> int:
        """The end-of-text token, one for every document."""
        return int(self.manifest["eot"])

    @property
    def eot_place(self) -> EotPlace:
        """Where it stands."""
        return "before" if self.manifest["eot_place"] == "before" else "after"

    @property
    def reader(self) -> TokenFormat:
        """The format of the files."""
        return FORMATS[self.manifest["format"]]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Token type of every file."""
        return np.dtype(str(self.manifest["dtype"])).newbyteorder("<")

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
        return [
            self.reader.open_tokens(self.folder / shard.path, self.dtype)
            for shard in self.of(split)
        ]

    def documents(self, split: str) -> Iterator[npt.NDArray[Any]]:
        """Yield the tokens of each document, in order, without its end-of-text token."""
        before = int(self.eot_place == "before")
        for array in self.arrays(split):
            start = 0
            ends = ends_by_token(positions(array, self.eot), len(array), self.eot_place)
            for end in ends.tolist():
                yield array[start + before : end - 1 + before]
                start = end

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
        if digest != sha256(self.tokenizer_path):
            raise CorruptError(
                f"{self.tokenizer_path}: SHA-256 differs from shards.json; restore the tokenizer "
                "that the shards were written with"
            )
        for shard in self.shards:
            self._verify(shard, hashes=hashes)

    def _verify(self, shard: Shard, *, hashes: bool) -> None:
        path = self.folder / shard.path
        header = self.reader.read_header(path, self.dtype)
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
        files: tuple[Shard | Companion, ...] = (shard, *shard.companions)
        for file in files:
            beside = self.folder / file.path
            if not beside.is_file():
                raise ConfigError(f"{beside}: missing; copy it from the run's output")
            if hashes and sha256(beside) != file.sha256:
                raise CorruptError(
                    f"{beside}: SHA-256 differs from shards.json; write the shards again"
                )
        self._check_tokens(path, shard)

    def _check_tokens(self, path: Path, shard: Shard) -> None:
        array = self.reader.open_tokens(path, self.dtype)
        check_ids(path, array, self.vocab_size)
        at = positions(array, self.eot)
        ends = ends_by_token(at, len(array), self.eot_place)
        if not len(at) == len(ends) == shard.docs:
            raise CorruptError(
                f"{path}: {len(at):,} end-of-text tokens (id {self.eot}) for {shard.docs:,} "
                f"documents, or none at the {'start' if self.eot_place == 'before' else 'end'}; "
                f"every document must have one {self.eot_place} it: write the shards again"
            )
        sizes = self.reader.sizes(path, self.dtype)
        if sizes is not None and not np.array_equal(np.cumsum(sizes), ends):
            raise CorruptError(
                f"{path}: the index beside it puts documents elsewhere than the end-of-text "
                "tokens do; write the shards again"
            )


def check_ids(path: Path, tokens: npt.NDArray[Any], vocab_size: int, first: int = 0) -> None:
    """Raise CorruptError where a token is not an id of the vocabulary.

    ``first`` is the position of ``tokens[0]`` in the file, for the message.
    """
    for start in range(0, len(tokens), CHUNK):
        chunk = tokens[start : start + CHUNK]
        if int(chunk.max()) >= vocab_size or int(chunk.min()) < 0:
            at = int(np.argmax((chunk >= vocab_size) | (chunk < 0)))
            raise CorruptError(
                f"{path}: token {first + start + at:,} has id {int(chunk[at])}, the vocabulary "
                f"ends at {vocab_size - 1}; the shards were written with another tokenizer"
            )


def sha256(path: Path) -> str:
    """Return the hash of a file. Raises ConfigError where it cannot be read."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); check the path") from error
