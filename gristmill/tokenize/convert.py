"""Token files of one format to those of another: nothing lost, nothing added but what is told.

Documents keep their order and their split. Each gets one end-of-text token, where the target's
readers expect it. Files keep their bounds, unless the target wants one file a split, a file would
be too long, or ``target_tokens`` asks for others.
"""

import json
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gristmill.errors import ConfigError, CorruptError
from gristmill.pipeline.durable import sync_and_hash, sync_folder, write_durably
from gristmill.tokenize.formats.manifest import SCHEMA
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.tokenize.shard_source import Source, SourceFile, get_format, item_type
from gristmill.tokenize.split_writer import IndexReader, SplitWriter, Target, index_of

_COUNTS = ("tokens", "docs", "bytes")
_TOKENIZER = "tokenizer.json"


def make_target(
    name: str, vocab_size: int, dtype: str = "auto", target_tokens: int | None = None
) -> Target:
    """Return the target; ``auto`` is the smallest type of the format that holds the vocabulary.

    Raises:
        ConfigError: no such format, a type that it or the vocabulary does not allow, or files of
            a certain length in a format that wants one file.
    """
    token_format = get_format(name)
    known = token_format.DTYPES
    wanted = [d for d in known if dtype == "auto" or d == item_type(dtype)]
    if not wanted:
        raise ConfigError(
            f"{name} files hold {' or '.join(d.name for d in known)}, not {dtype}; use one of these"
        )
    fits = [d for d in wanted if vocab_size - 1 <= np.iinfo(d).max]
    if not fits:
        raise ConfigError(
            f"{wanted[-1].name} does not hold the ids of a vocabulary of {vocab_size:,}; "
            f"use {known[-1].name}"
        )
    if target_tokens is not None and token_format.ONE_FILE:
        raise ConfigError(f"{name} wants one file a split; leave the target size out")
    return Target(name, fits[0], target_tokens)


@dataclass
class Conversion:
    """What was found and written.

    Attributes:
        found: tokens read.
        tokens: tokens written.
        docs: documents.
        without_eot: documents that had no end-of-text token and got one.
        provenance: whether a provenance index came along.
        shards: entries of ``shards.json``.
        splits: sums by split.
    """

    found: int = 0
    tokens: int = 0
    docs: int = 0
    without_eot: int = 0
    provenance: bool = False
    shards: list[dict[str, Any]] = field(default_factory=list)
    splits: dict[str, dict[str, int]] = field(default_factory=dict)


def convert(
    source: Source, target: Target, out: Path, tell: Callable[[str], None] = lambda _: None
) -> Conversion:
    """Write ``source`` as ``target`` into a new folder ``out``, with ``shards.json``.

    Everything is written beside ``out`` and renamed at the end: a conversion that was killed
    leaves a folder ``.NAME.*.converting`` behind, to be removed, and no ``out``. Memory is that of
    a million tokens, of eight bytes a document of one file, and of the longest document.

    Args:
        source: what to read.
        target: what to write.
        out: a folder that does not exist or is empty.
        tell: called with the name of each file as it is read.

    Raises:
        ConfigError: ``out`` holds something already, or files are missing.
        CorruptError: files that are not what they promise, or sums that differ.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise _taken(out)
    if source.corpus is not None:
        tell("checking the source")
        source.corpus.verify(hashes=True)
    done = Conversion(provenance=_indexed(source))
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    temp = out.absolute().with_name(f".{out.absolute().name}.{uuid.uuid4().hex}.converting")
    temp.mkdir()
    try:
        for split in dict.fromkeys([*_promised(source), *(file.split for file in source.files)]):
            _convert_split(source, target, split, temp, done, tell)
        _check(source, done)
        _describe(source, target, temp, done)
        tell("checking the result")
        ShardSet(temp).verify()
        _publish(temp, out)
    finally:
        shutil.rmtree(temp, ignore_errors=True)
    return done


def _convert_split(
    source: Source,
    target: Target,
    split: str,
    folder: Path,
    done: Conversion,
    tell: Callable[[str], None],
) -> None:
    keep = not target.format.ONE_FILE and target.target_tokens is None
    lengths = np.array([len(raw) for raw in source.vocabulary.token_bytes], np.int64)
    with SplitWriter(target, folder, split, source.eot, lengths) as out:
        for file in source.files:
            if file.split == split:
                tell(file.path.name)
                _convert_file(source, file, out, done)
                if keep:
                    out.cut()
    done.shards += out.entries
    sums = {key: sum(entry[key] for entry in out.entries) for key in _COUNTS}
    done.splits[split] = sums
    done.tokens += sums["tokens"]
    done.docs += sums["docs"]


def _convert_file(source: Source, file: SourceFile, out: SplitWriter, done: Conversion) -> None:
    index = IndexReader(index_of(file.path)) if done.provenance else None
    spelled = 0
    for docs in source.batches(file):
        spelled += out.add(docs, index.take(docs.sizes) if index else None)
        done.found += int(docs.sizes.sum())
        done.without_eot += int((docs.sizes == docs.lengths).sum())
    if index:
        index.finish()
    if file.bytes is not None:
        out.correct(file.bytes - spelled)


def _promised(source: Source) -> dict[str, dict[str, int]]:
    """Return the sums of ``shards.json`` by split; without one, two splits of nothing known."""
    if source.corpus is None:
        return {"train": {}, "val": {}}
    splits: dict[str, dict[str, int]] = source.corpus.manifest["splits"]
    return splits


def _indexed(source: Source) -> bool:
    """Tell whether the provenance index comes along: of all files, or of none."""
    if source.corpus is None:
        return False
    missing = [file.path for file in source.files if not index_of(file.path).is_file()]
    if missing and len(missing) < len(source.files):
        raise ConfigError(
            f"{index_of(missing[0])}: missing, while other files have theirs; restore it, or "
            "remove the others to convert without provenance"
        )
    return bool(source.files) and not missing


def _check(source: Source, done: Conversion) -> None:
    """Raise CorruptError unless what was written is what was found."""
    wrong = {
        split: done.splits[split]
        for split, said in _promised(source).items()
        if any(said.get(key, n) != n for key, n in done.splits[split].items())
    }
    if wrong or done.tokens != done.found + done.without_eot:
        raise CorruptError(
            f"{source.tokenizer.parent}: {done.found:,} tokens found, {done.tokens:,} written, "
            f"{done.without_eot:,} end-of-text tokens added, {wrong or 'no split'} other than "
            "shards.json says; write the source again"
        )


def _describe(source: Source, target: Target, folder: Path, done: Conversion) -> None:
    tokenizer = folder / _TOKENIZER
    shutil.copyfile(source.tokenizer, tokenizer)
    body = (dict(source.corpus.manifest) if source.corpus else {"schema": SCHEMA}) | {
        "format": target.name,
        "dtype": target.dtype.name,
        "vocab_size": source.vocab_size,
        "eot": source.eot,
        "eot_place": target.format.EOT,
        "tokenizer": tokenizer.name,
        "tokenizer_sha256": sync_and_hash(tokenizer)[1],
        "splits": done.splits,
        "shards": done.shards,
    }
    text = json.dumps(body, indent=1, sort_keys=True) + "\n"
    write_durably(folder / "shards.json", text.encode())


def _publish(temp: Path, out: Path) -> None:
    sync_folder(temp)
    try:
        temp.rename(out)
    except OSError as error:
        if out.exists():
            raise _taken(out) from error
        raise
    sync_folder(out.absolute().parent)


def _taken(out: Path) -> ConfigError:
    return ConfigError(f"{out}: exists already; name a new folder")
