"""Which documents are held out for validation: decided by what a document is, not where it stands.

Each document has a draw, 64 uniform bits. Those below ``common_limit`` are held out. The draw comes
from the text, or from the duplicate cluster where a document has one, so that whole clusters are on
one side, and equal texts too, unless one is in a cluster and the other is not or in another; and it
is the same wherever it is asked, so that token files and datasets of one run hold out the same
documents.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import re2
import xxhash

#: The column that names a document's cluster, where near-duplicates were looked for.
CLUSTER = "minhash_dedup.survivor"

#: White space, as ``str.split`` sees it: ASCII's bytes, and the others' in UTF-8.
_ASCII_SPACE = b"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f "
_OTHER_SPACE = (
    rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3\x80\x80"
)


def draws(texts: pa.Array, clusters: pa.Array | None = None) -> npt.NDArray[np.uint64]:
    """Return the draw of each document.

    Args:
        texts: strings; null counts as empty. White space does not count.
        clusters: uint64 keys of the clusters' survivors, null for a document without one; None
            where there is no such column.

    Returns:
        As many uniform 64-bit numbers: the xxHash3 of the text without white space, or the
        xxHash64 of ``cluster:`` and the survivor's key, little-endian.
    """
    found = np.zeros(len(texts), np.uint64)
    alone = np.ones(len(texts), bool)
    if clusters is not None:
        alone = clusters.is_null().to_numpy(zero_copy_only=False)
        keys = clusters.drop_null().cast(pa.uint64()).to_numpy()
        survivors, at = np.unique(keys, return_inverse=True)
        found[~alone] = np.array([_cluster_draw(key) for key in survivors], np.uint64)[at]
    mine = texts.filter(pa.array(alone)).cast(pa.binary()).to_pylist()
    found[alone] = np.fromiter((_text_draw(text or b"") for text in mine), np.uint64, len(mine))
    return found


def _text_draw(text: bytes) -> int:
    """Hash a text; three times as fast as splitting it into words and joining them again."""
    bare = text.translate(None, _ASCII_SPACE)
    if not bare.isascii():
        bare = _other_space().sub(b"", bare)
    return xxhash.xxh3_64_intdigest(bare)


@cache
def _other_space() -> Any:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # a byte is a character
    return re2.compile(_OTHER_SPACE, options)


def limit(fraction: float) -> np.uint64:
    """Return the number that the draws of a share of all documents lie below.

    Raises:
        ValueError: the share is not at least 0 and less than 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"share of documents held out: {fraction} is not in [0, 1)")
    return np.uint64(int(fraction * 2**64))


def limit_between(fraction: float, low: int, high: int) -> np.uint64:
    """Return the number below which draws are held out, of draws from ``low`` to ``high``.

    It is ``limit(fraction)``, moved where no document or every document would be held out: of two
    different texts or more, at least one stands on each side. Where all are equal, none is.
    """
    found = int(limit(fraction))
    return np.uint64(min(max(found, low + 1), high) if fraction > 0 else found)


def span(found: npt.NDArray[np.uint64]) -> list[str]:
    """Return the smallest and the largest draw in hex, which JSON keeps whole; [] for none."""
    return [f"{int(draw):016x}" for draw in (found.min(), found.max())] if len(found) else []


def common_limit(fraction: float, spans: Iterable[Sequence[str]]) -> np.uint64:
    """Return ``limit_between`` of all draws, of which ``span`` was kept in several places."""
    ends = [int(end, 16) for part in spans for end in part]
    return limit_between(fraction, min(ends, default=0), max(ends, default=0))


def _cluster_draw(survivor: np.uint64) -> int:
    return xxhash.xxh64_intdigest(b"cluster:" + int(survivor).to_bytes(8, "little"))
