"""``shards.json``, parsed and checked against itself: it may come from a stranger."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import FORMATS

SCHEMA = 1

#: Token types of all formats, by name.
DTYPES = ("uint16", "uint32", "int32")
_SPLIT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that belongs to a token file."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Shard:
    """One token file as the manifest describes it."""

    path: str
    split: str
    tokens: int
    docs: int
    bytes: int
    sha256: str
    companions: tuple[Companion, ...] = ()


def parse_shards(file: Path, manifest: dict[str, Any]) -> tuple[Shard, ...]:
    """Return the entries of ``shards``. Raises CorruptError where one is not as it must be."""
    entries = manifest.get("shards")
    if not isinstance(entries, list):
        raise CorruptError(f"{file}: no list 'shards'; write the shards again")
    return tuple(_shard(file, n, entry) for n, entry in enumerate(entries))


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
            companions=tuple(
                Companion(str(c["path"]), str(c["sha256"])) for c in entry.get("companions") or ()
            ),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CorruptError(
            f"{file}: shards[{number}] is incomplete ({error!r}); write the shards again"
        ) from error
    names = [shard.path, *(c.path for c in shard.companions)]
    if not all(map(_is_beside, names)) or min(shard.tokens, shard.docs, shard.bytes) < 0:
        raise CorruptError(
            f"{file}: shards[{number}] is not files beside shards.json with counts ≥ 0 "
            f"({names!r}); write the shards again"
        )
    # Splits become names of files when shards are converted.
    if not _SPLIT.fullmatch(shard.split):
        raise CorruptError(
            f"{file}: shards[{number}] is of split {shard.split!r}; name it train or val"
        )
    return shard


def _is_beside(name: object) -> bool:
    """Tell whether a name is that of a file in the same folder, fit to be printed."""
    plain = isinstance(name, str) and name.isprintable() and Path(name).name == name
    return plain and name not in ("", "..")


def check_manifest(file: Path, manifest: dict[str, Any], shards: tuple[Shard, ...]) -> None:
    """Check the fields, and that the shards add up to the splits.

    Raises:
        ConfigError: a format, a token type or a place of end-of-text that we do not know.
        CorruptError: fields that contradict each other.
    """
    name, dtype = manifest.get("format"), manifest.get("dtype")
    if not isinstance(name, str) or name not in FORMATS:
        raise ConfigError(f"{file}: unknown format {name!r}; known: {', '.join(sorted(FORMATS))}")
    if dtype not in DTYPES:
        raise ConfigError(f"{file}: dtype {dtype!r} is none of {', '.join(DTYPES)}")
    if manifest.get("eot_place") not in ("before", "after"):
        raise ConfigError(
            f"{file}: eot_place {manifest.get('eot_place')!r} is neither 'before' nor 'after'; "
            "write the shards again"
        )
    vocab_size, eot = manifest.get("vocab_size"), manifest.get("eot")
    if not isinstance(vocab_size, int) or not isinstance(eot, int) or not 0 <= eot < vocab_size:
        raise CorruptError(f"{file}: eot {eot!r} is not an id below vocab_size {vocab_size!r}")
    if not _is_beside(manifest.get("tokenizer")):
        raise CorruptError(
            f"{file}: tokenizer {manifest.get('tokenizer')!r} is not a file beside shards.json"
        )
    if len({shard.path for shard in shards}) != len(shards):
        raise CorruptError(f"{file}: a shard is listed twice; write the shards again")
    _check_sums(file, manifest.get("splits"), shards)


def _check_sums(file: Path, splits: object, shards: tuple[Shard, ...]) -> None:
    if not isinstance(splits, dict):
        raise CorruptError(f"{file}: no object 'splits'; write the shards again")
    if left := {shard.split for shard in shards} - splits.keys():
        raise CorruptError(f"{file}: no sums for split {min(left)!r}; write the shards again")
    for split, promised in splits.items():
        for key in ("tokens", "docs", "bytes"):
            total = sum(getattr(shard, key) for shard in shards if shard.split == split)
            said = promised.get(key) if isinstance(promised, dict) else None
            if total != said:
                raise CorruptError(
                    f"{file}: splits.{split}.{key} is {said}, its shards add up to "
                    f"{total}; write the shards again"
                )
