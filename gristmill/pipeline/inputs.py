"""Which files a run reads: patterns become a sorted, checked list; each is cut into shards."""

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import fsspec
import xxhash
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gristmill.errors import ConfigError, ShardError, TransientError

Kind = Literal["warc", "parquet", "jsonl"]

SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "warc": (".warc", ".warc.gz"),
    "parquet": (".parquet",),
    "jsonl": (".jsonl", ".jsonl.gz", ".jsonl.zst", ".ndjson", ".ndjson.gz"),
}

_HEAD_AND_TAIL = 1 << 16
_SCHEMES = ("file", "s3", "https")


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Inputs(BaseModel):
    """The ``inputs`` block of a recipe: patterns by kind of file, one kind at a time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warc: Patterns = Field((), description="paths, globs or s3:// and https:// URLs of WARC files")
    parquet: Patterns = Field((), description="Parquet files with a column text or html")
    jsonl: Patterns = Field((), description="JSON lines (.gz, .zst) with a field text or html")
    sample: int | None = Field(None, ge=1, description="read only so many files, chosen by hash")
    split_bytes: int | None = Field(
        None, ge=1 << 20, description="cut larger WARC files into shards of about this many bytes"
    )
    on_truncated: Literal["error", "drop"] = Field(
        "error", description="a WARC cut off at its end: fail its shard, or keep what is whole"
    )


class InputFile(BaseModel):
    """One input as it was when the plan was frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    kind: Kind
    size: int
    etag: str


class ShardSpec(BaseModel):
    """A byte range of one input (WARC), or all of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: int
    start: int = 0
    end: int | None = None


def kind_of(pattern: str) -> Kind:
    """Tell the kind of an input by its name.

    Raises:
        ConfigError: the name has none of the known endings.
    """
    for kind, suffixes in SUFFIXES.items():
        if pattern.endswith(suffixes):
            return kind
    known = ", ".join(s for suffixes in SUFFIXES.values() for s in suffixes)
    raise ConfigError(f"{pattern}: cannot tell what this is; inputs end in {known}")


def list_inputs(inputs: Inputs, sniff: Callable[[str], None]) -> tuple[InputFile, ...]:
    """Expand the patterns into files, sorted by path.

    Args:
        inputs: the recipe's block.
        sniff: raises ConfigError for a local path that is clearly no WARC file.

    Raises:
        ConfigError: nothing given, nothing matched, a path twice, or a file that is not what it
            should be.
    """
    groups: list[tuple[Kind, Sequence[str]]] = [
        ("warc", inputs.warc),
        ("parquet", inputs.parquet),
        ("jsonl", inputs.jsonl),
    ]
    given = [(kind, patterns) for kind, patterns in groups if patterns]
    if not given:
        raise ConfigError("no inputs: name some with --input GLOB or under `inputs:` in the recipe")
    if len(given) > 1:
        raise ConfigError(
            f"inputs of {len(given)} kinds: run {' and '.join(k for k, _ in given)} apart"
        )
    kind, patterns = given[0]
    paths = [path for pattern in patterns for path in _expand(pattern)]
    twice = [path for path, times in Counter(paths).items() if times > 1]
    if twice:
        raise ConfigError(f"input given twice: {twice[0]}; mend the list of inputs")
    if inputs.sample is not None:
        # By name, so that a moved crawl gives the same sample; by path where names are equal.
        paths.sort(key=lambda p: (hashlib.sha256(Path(p).name.encode()).digest(), p))
        paths = paths[: inputs.sample]
    files = tuple(_describe(path, kind) for path in sorted(paths))
    if kind == "warc":
        for file in files:
            if "://" not in file.path:
                sniff(file.path)
    return files


def cut_shards(files: Sequence[InputFile], split_bytes: int | None) -> tuple[ShardSpec, ...]:
    """Return the shards of a run: one for each input, or several for a large WARC."""
    shards = []
    for number, file in enumerate(files):
        if split_bytes is None or file.kind != "warc" or file.size <= split_bytes:
            shards.append(ShardSpec(input=number))
            continue
        starts = list(range(0, file.size, split_bytes))
        shards += [
            ShardSpec(input=number, start=start, end=end)
            for start, end in zip(starts, [*starts[1:], None], strict=True)
        ]
    return tuple(shards)


def _expand(pattern: str) -> list[str]:
    if "://" in pattern:
        return _expand_url(pattern)
    pattern = str(Path(pattern).expanduser())
    if not glob.has_magic(pattern):
        if not Path(pattern).is_file():
            raise ConfigError(f"{pattern}: no such file{_seen_from(pattern)}; check the path")
        return [os.path.abspath(pattern)]
    found = [os.path.abspath(p) for p in glob.glob(pattern, recursive=True) if Path(p).is_file()]
    if not found:
        raise ConfigError(
            f"{pattern}: matches no file{_seen_from(pattern)}; check the pattern "
            "(in a shell, quote it)"
        )
    return found


def _seen_from(pattern: str) -> str:
    """Say where a relative path was looked for: paths in recipes are relative to that, too."""
    return "" if os.path.isabs(pattern) else f" under {Path.cwd()}"


def _expand_url(pattern: str) -> list[str]:
    scheme = pattern.split("://", 1)[0]
    if scheme not in _SCHEMES:
        raise ConfigError(f"{pattern}: scheme {scheme} is not read; use {', '.join(_SCHEMES)}")
    try:
        fs, path = fsspec.url_to_fs(pattern)
        if scheme == "https" or not glob.has_magic(path):
            return [pattern]
        found = [f"{scheme}://{p}" if scheme != "file" else str(p) for p in fs.glob(path)]
    except ImportError as error:
        raise ConfigError(f"{pattern}: {error}; pip install 'gristmill[{scheme}]'") from error
    except OSError as error:
        raise ConfigError(f"{pattern}: cannot be listed: {error}") from error
    if not found:
        raise ConfigError(f"{pattern}: matches nothing; check the pattern and your credentials")
    return found


def check_unchanged(file: InputFile) -> None:
    """Compare an input with what it was when the plan was frozen.

    Raises:
        ShardError: it is gone or is another file now.
        TransientError: a remote input cannot be asked just now.
    """
    try:
        now = _describe(file.path, file.kind)
    except ConfigError as error:
        kind = TransientError if "://" in file.path else ShardError
        raise kind(str(error)) from error
    if now != file:
        raise ShardError(
            f"{file.path}: not the file that was planned ({file.size} bytes then, {now.size} now, "
            "or other content); restore it, or start again under another --out"
        )


def _describe(path: str, kind: Kind) -> InputFile:
    try:
        if "://" in path:
            fs, inner = fsspec.url_to_fs(path)
            info = fs.info(inner)
            etag = str(info.get("ETag") or info.get("etag") or "").strip('"')
            return InputFile(path=path, kind=kind, size=int(info["size"] or 0), etag=etag)
        return InputFile(
            path=path, kind=kind, size=Path(path).stat().st_size, etag=_sample_hash(path)
        )
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from error


def _sample_hash(path: str) -> str:
    """Hash the head and the tail: cheap, and enough to notice a replaced or cut file."""
    with Path(path).open("rb") as file:
        digest = xxhash.xxh64(file.read(_HEAD_AND_TAIL))
        file.seek(max(0, Path(path).stat().st_size - _HEAD_AND_TAIL))
        digest.update(file.read(_HEAD_AND_TAIL))
    return f"xxh64:{digest.hexdigest()}"
