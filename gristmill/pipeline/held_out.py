"""Which documents are held out for validation: decided by what a document is, not where it stands.

Each document has a draw, 64 uniform bits. Those below ``limit(fraction)`` are held out. The draw
comes from the text, or from the duplicate cluster where a document has one, so that equal texts
and whole clusters are on one side; and it is the same wherever it is asked, so that token files
and datasets of one run hold out the same documents.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from gristmill.pipeline.dedup.exact import text_hash

#: The column that names a document's cluster, where near-duplicates were looked for.
CLUSTER = "minhash_dedup.survivor"


def draws(texts: pa.Array, clusters: pa.Array | None = None) -> npt.NDArray[np.uint64]:
    """Return the draw of each document.

    Args:
        texts: strings; null counts as empty. White space is collapsed before hashing.
        clusters: uint64 keys of the clusters' survivors, null for a document without one; None
            where there is no such column.

    Returns:
        As many uniform 64-bit numbers: the upper half of ``text_hash``, or the xxHash64 of
        ``cluster:`` and the survivor's key, little-endian.
    """
    found = np.zeros(len(texts), np.uint64)
    alone = np.ones(len(texts), bool)
    if clusters is not None:
        alone = clusters.is_null().to_numpy(zero_copy_only=False)
        keys = clusters.drop_null().cast(pa.uint64()).to_numpy()
        survivors, at = np.unique(keys, return_inverse=True)
        found[~alone] = np.array([_cluster_draw(key) for key in survivors], np.uint64)[at]
    mine = texts.filter(pa.array(alone)).to_pylist()
    found[alone] = np.fromiter((text_hash(text or "")[0] for text in mine), np.uint64, len(mine))
    return found


def limit(fraction: float) -> np.uint64:
    """Return the number that the draws of a share of all documents lie below.

    Raises:
        ValueError: the share is not at least 0 and less than 1.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"share of documents held out: {fraction} is not in [0, 1)")
    return np.uint64(int(fraction * 2**64))


def _cluster_draw(survivor: np.uint64) -> int:
    return xxhash.xxh64_intdigest(b"cluster:" + int(survivor).to_bytes(8, "little"))
