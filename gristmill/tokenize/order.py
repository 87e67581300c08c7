"""The global order: which split, which file and which place each document gets.

A document's place depends on its key and the seed, its split on its content, so that equal texts
never stand on both sides. Nothing depends on how many workers there were.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

#: ``task`` and ``row`` find the document among the encoded ones; ``file`` is the output file.
ORDER = pa.schema(
    [
        ("file", pa.int32()),
        ("key", pa.uint64()),
        ("task", pa.int32()),
        ("row", pa.int64()),
        ("tokens", pa.int64()),
    ]
)


def plan_order(
    documents: pa.Table, val_fraction: float, target_tokens: int, seed: int
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Shuffle, split and cut.

    Args:
        documents: columns key, content (64-bit hash of the text), tokens, task, row.
        val_fraction: share of content hashes that is held out. Where that is more than 0 and
            there are two different texts or more, at least one stands on each side.
        target_tokens: a file is closed by the document that would take it past this.
        seed: of the shuffle.

    Returns:
        The order (schema ORDER), sorted by file and place; and for each file its split and its
        number within the split.
    """
    keys = documents["key"].to_numpy()
    tokens = documents["tokens"].to_numpy()
    held_out = _held_out(documents["content"].to_numpy(), val_fraction)
    ranks = np.array([xxhash.xxh64_intdigest(k.tobytes(), seed) for k in keys], np.uint64)
    order = np.lexsort((keys, ranks, held_out))
    file_of = np.empty(len(keys), np.int32)
    files: list[dict[str, Any]] = []
    for split, chosen in (("train", ~held_out[order]), ("val", held_out[order])):
        at = np.flatnonzero(chosen)
        numbers = cut(tokens[order][at], target_tokens)
        file_of[at] = numbers + len(files)
        count = int(numbers[-1]) + 1 if len(numbers) else 0
        files += [{"split": split, "number": i} for i in range(count)]
    columns = [documents[name].combine_chunks().take(pa.array(order)) for name in ORDER.names[1:]]
    return pa.table([pa.array(file_of), *columns], schema=ORDER), files


def cut(tokens: npt.NDArray[np.int64], target: int) -> npt.NDArray[np.int32]:
    """Return the file number of each document: a new file where the target would be passed."""
    numbers = np.zeros(len(tokens), np.int32)
    number, held = 0, 0
    for i, size in enumerate(tokens.tolist()):
        if held and held + size > target:
            number, held = number + 1, 0
        numbers[i] = number
        held += size
    return numbers


def _held_out(content: npt.NDArray[np.uint64], fraction: float) -> npt.NDArray[np.bool_]:
    """Choose by content hash. ``content`` is uniform, so its size is the draw."""
    if fraction <= 0 or len(content) == 0 or content.min() == content.max():
        return np.zeros(len(content), bool)
    chosen = content < np.uint64(int(fraction * 2**64))
    held_out: npt.NDArray[np.bool_] = (chosen | (content == content.min())) & (
        content != content.max()
    )
    return held_out
