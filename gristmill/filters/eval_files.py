"""Evaluation sets as users have them: JSON lines, one item a line, in fields of any names."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from gristmill.errors import ConfigError

_PACKED = {".gz": "gzip", ".zst": "zstd"}


@dataclass(frozen=True)
class EvalFile:
    """One evaluation file.

    Attributes:
        name: its path below the folder that all files of a recipe share.
        sha256: of the file as it lies there.
        items: (line number from 1, texts of the item); lines without text have no texts.
    """

    name: str
    sha256: str
    items: tuple[tuple[int, tuple[str, ...]], ...]


def read_evals(paths: Sequence[str], fields: Sequence[str] | None) -> list[EvalFile]:
    """Read evaluation files, sorted by name.

    Args:
        paths: local JSON lines, plain, .gz or .zst.
        fields: which fields of each line hold text, with whatever strings are nested in them;
            None: all strings of the line.

    Raises:
        ConfigError: no path, a path twice, a file that cannot be read, a line that is no JSON, or
            a file without any text.
    """
    if not paths:
        raise ConfigError(
            "decontaminate: no evaluation sets; name JSONL files of them in `evals` (.gz, .zst)"
        )
    full = [Path(os.path.abspath(path)) for path in paths]
    for path in full:
        if full.count(path) > 1:
            raise ConfigError(f"decontaminate: {path} stands twice in `evals`; name it once")
    shared = os.path.commonpath([path.parent for path in full])
    return sorted(
        (_read(path, path.relative_to(shared).as_posix(), fields) for path in full),
        key=lambda file: file.name,
    )


def _read(path: Path, name: str, fields: Sequence[str] | None) -> EvalFile:
    try:
        packed = path.read_bytes()
        pressed = _PACKED.get(path.suffix)
        data = pa.input_stream(pa.BufferReader(packed), compression=pressed).read()
    except (OSError, ValueError) as error:  # the latter for a path with NUL
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"decontaminate: cannot read {str(path)!r} ({reason}): name a local JSONL file"
        ) from None
    items = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip():
            items.append((number, _texts(_parsed(line, path, number), fields)))
    if not any(texts for _, texts in items):
        where = "it" if fields is None else f"its fields {', '.join(fields)}"
        raise ConfigError(f"decontaminate: {path}: no text in {where}; mend `fields` or `evals`")
    return EvalFile(name, hashlib.sha256(packed).hexdigest(), tuple(items))


def _parsed(line: bytes, path: Path, number: int) -> Any:
    try:
        return orjson.loads(line)
    except ValueError as error:
        raise ConfigError(
            f"decontaminate: {path}, line {number}: no JSON ({error}); one item a line is wanted"
        ) from None


def _texts(item: Any, fields: Sequence[str] | None) -> tuple[str, ...]:
    """Return the strings in an item, in the order in which they stand there."""
    if fields is not None:
        item = [item[name] for name in fields if name in item] if isinstance(item, dict) else []
    found, left = [], [item]
    while left:
        value = left.pop()
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            left.extend(reversed(value.values()))
        elif isinstance(value, list):
            left.extend(reversed(value))
    return tuple(found)
