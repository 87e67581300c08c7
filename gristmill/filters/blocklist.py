"""Block lists of domains and URLs as sorted hash arrays on disk, mapped into memory and shared.

A list of 4.6 million domains held in a Python set costs each process 750 MB and 4 s. Here every
entry is an xxHash64 (8 bytes); the sorted array is built once into the cache folder and mapped,
so all processes of a machine share 36 MB. Two entries collide with probability 2**-64, so a
wrong hit is to be expected once in 4 * 10**12 look-ups.

The built-in lists are UT1's, as packed in the datatrove wheel, with datatrove's word lists.
"""

import hashlib
import os
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from gristmill.errors import ConfigError

#: Part of the cache file's name; raise it whenever the same source gives another array.
FORMAT = 1
#: Name of the lists in the datatrove wheel.
BUILTIN = "builtin"
_ARCHIVE = "url_filterblacklistsv0_3_0.tar.gz"
_CHUNK = 1 << 22
_NOT_WORD = re.compile("[^a-z0-9]+")

Hashes = np.ndarray[Any, np.dtype[np.uint64]]


@dataclass(frozen=True)
class HashSet:
    """A set of strings, known by their hashes.

    Attributes:
        hashes: sorted uint64 array, possibly mapped from a file.
    """

    hashes: Hashes

    def contains(self, entries: Iterable[str]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
        """Return, entry by entry, whether it is in the set (an empty entry never is)."""
        listed = list(entries)
        wanted = _hash_all(entry.encode(errors="replace") for entry in listed)
        if not len(self.hashes):
            return np.zeros(len(wanted), np.bool_)
        at = np.minimum(np.searchsorted(self.hashes, wanted), len(self.hashes) - 1)
        filled = np.fromiter(map(bool, listed), np.bool_, len(listed))
        found: np.ndarray[Any, np.dtype[np.bool_]] = (self.hashes[at] == wanted) & filled
        return found


@dataclass(frozen=True)
class WordLists:
    """The lists of words that condemn a URL, alone or together."""

    hard: frozenset[str]
    soft: frozenset[str]
    subwords: frozenset[str]


def cache_folder() -> Path:
    """Return where built lists are kept: ``$GRISTMILL_CACHE``, else the XDG cache folder."""
    if own := os.environ.get("GRISTMILL_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gristmill"


def hash_set(entries: Iterable[str]) -> HashSet:
    """Return a set held in memory, for a handful of entries."""
    return HashSet(np.unique(_hash_all(e.strip().encode(errors="replace") for e in entries)))


@lru_cache(maxsize=16)
def load(name: str) -> tuple[HashSet, HashSet]:
    """Return (domains, urls) of a list, building its arrays on first use.

    Args:
        name: ``builtin``, or a text file with one domain a line (``#`` starts a comment line).

    Raises:
        ConfigError: the list or the cache folder cannot be read or written.
    """
    source, found = _source(name), digest(name)
    if name == BUILTIN:
        domains, urls = (
            _cached(found, part, partial(_member, source, part)) for part in ("domains", "urls")
        )
        return domains, urls
    return _cached(found, "domains", partial(_lines, source)), hash_set(())


@lru_cache(maxsize=16)
def digest(name: str) -> str:
    """Return the SHA-256 of a list's source.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return _sha256(_source(name))
    except OSError as e:
        raise ConfigError(
            f"url_filter: cannot read block list {name!r} ({e.strerror}): "
            f"give 'builtin' or a text file with one domain a line"
        ) from None


def _source(name: str) -> Path:
    return _asset(_ARCHIVE) if name == BUILTIN else Path(name)


@lru_cache(maxsize=1)
def word_lists() -> WordLists:
    """Return the word lists of the datatrove wheel, lower-cased, letters and digits only."""
    hard, soft, subwords = (
        frozenset(
            _NOT_WORD.sub("", line.lower())
            for line in _asset(f"{name}.txt").read_text("utf-8").splitlines()
            if line and not line.startswith("#")
        )
        - {""}
        for name in ("banned_words", "soft_banned_words", "banned_subwords")
    )
    return WordLists(hard, soft, subwords)


def _asset(name: str) -> Path:
    """Find a data file of the datatrove wheel without importing datatrove."""
    spec = find_spec("datatrove")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    path = folder / "assets" / name
    if not path.is_file():
        raise ConfigError(
            f"url_filter: datatrove's asset {name} is missing: "
            f"pip install 'datatrove>=0.10.1,<0.11'"
        )
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cached(digest: str, part: str, lines: Callable[[], Iterator[bytes]]) -> HashSet:
    """Map the array of a list, after building it where it is missing or damaged."""
    path = cache_folder() / f"blocklist-{digest[:32]}-{part}-v{FORMAT}.npy"
    try:
        return _map(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        pass
    try:
        hashes = np.unique(_hash_all(lines()))
        _publish(path, hashes)
        return _map(path)
    except (OSError, tarfile.TarError, KeyError) as e:
        raise ConfigError(
            f"url_filter: cannot build {path}: {e}: set GRISTMILL_CACHE to a writable folder "
            f"or reinstall datatrove"
        ) from e


def _map(path: Path) -> HashSet:
    hashes = np.load(path, mmap_mode="r", allow_pickle=False)
    if hashes.dtype != np.uint64 or hashes.ndim != 1:
        raise ValueError(f"{path} is no hash array")
    return HashSet(hashes)


def _publish(path: Path, hashes: Hashes) -> None:
    """Write the array under a name of its own, then rename it: many may build at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, hashes)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _hash_all(entries: Iterable[bytes]) -> Hashes:
    return np.fromiter(map(xxhash.xxh64_intdigest, entries), np.uint64)


def _member(archive: Path, name: str) -> Iterator[bytes]:
    """Stream the entries of one member of the archive; nothing is extracted to disk."""
    with tarfile.open(archive, "r|gz") as tar:
        for member in tar:
            if member.name == name and (file := tar.extractfile(member)):
                yield from _entries(iter(lambda: file.read(_CHUNK), b""))
                return
    raise KeyError(f"{archive} has no member {name!r}")


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for entry in _entries(iter(lambda: file.read(_CHUNK), b"")):
            yield entry.lower()


def _entries(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Split a byte stream at newlines; skip blank lines and comments."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (e for line in lines if (e := line.strip()) and not e.startswith(b"#"))
    if (entry := rest.strip()) and not entry.startswith(b"#"):
        yield entry
