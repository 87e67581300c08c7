"""Read what is in a fastText model file: labels, words, and the matrices of small models.

The format is that of fastText 0.9 (``FastText::saveModel``, version 12), little-endian::

    magic, version, 12 parameters and a double
    dictionary: entries (word, count, kind), and which buckets survived pruning
    input matrix: dense, or product-quantised (a ``.ftz``)
    output matrix

fastText's Python runtime tells neither labels nor vectors, and both are wanted here: labels to
check a recipe before it runs, vectors to score a text faster (``fasttext_fast``).
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import numpy.typing as npt

#: The first four bytes of a fastText model.
MAGIC = (793712314).to_bytes(4, "little")
#: ``loss`` of a model with hierarchical softmax.
HIERARCHICAL_SOFTMAX = 1
_VERSION, _SUPERVISED, _CENTROIDS = 12, 3, 256
_LOSSES = (1, 2, 3, 4)

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Dictionary:
    """Head and dictionary of a supervised model.

    Attributes:
        size: numbers in a vector.
        loss: 1 hierarchical softmax, 2 negative sampling, 3 softmax, 4 one against all.
        word_ngrams: longest word n-gram that counts.
        min_chars: shortest character n-gram.
        max_chars: longest one; 0 for none.
        buckets: hashes of n-grams are taken modulo this.
        words: the n-th word has row n of the input matrix.
        labels: without ``__label__``; the n-th has leaf n of the tree.
        counts: how often each label stood in the training data.
        kept: (n, 2) bucket and row after the words; None where nothing was pruned.
        end: where the matrices begin in the file.
    """

    size: int
    loss: int
    word_ngrams: int
    min_chars: int
    max_chars: int
    buckets: int
    words: tuple[bytes, ...]
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    kept: npt.NDArray[np.int32] | None
    end: int


def is_fasttext(path: Path) -> bool:
    """Tell by its first bytes whether a file is a fastText model. Raises OSError."""
    with path.open("rb") as file:
        return file.read(4) == MAGIC


def read_dictionary(path: Path) -> Dictionary:
    """Read everything before the matrices, and check that these fit and are whole.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no supervised fastText model of version 12, or damaged.
    """
    data = _mapped(path)
    try:
        return _dictionary(data)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"cut short or damaged: {error}") from None


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        return memoryview(mmap(file.fileno(), 0, access=ACCESS_READ))


def _dictionary(data: memoryview) -> Dictionary:
    head = struct.unpack_from("<4sI12id3iqq", data)
    magic, version, parameters = head[0], head[1], head[2:14]
    if magic != MAGIC or version != _VERSION or parameters[7] != _SUPERVISED:
        raise ValueError("not a supervised fastText model of format 12")
    entries, kept = head[15], head[19]
    at = struct.calcsize("<4sI12id3iqq")
    words: list[bytes] = []
    labels: list[tuple[str, int]] = []
    for _ in range(entries):
        word = _until_zero(data, at)
        count, kind = struct.unpack_from("<qb", data, at + len(word) + 1)
        at += len(word) + 1 + 9
        if kind:
            labels.append((word.decode().removeprefix("__label__"), count))
        else:
            words.append(word)
    pruned = None
    if kept >= 0:
        pruned = np.frombuffer(data, "<i4", 2 * kept, at).reshape(-1, 2)
    _check_head(parameters, pruned)
    found = Dictionary(
        size=parameters[0],
        loss=parameters[6],
        word_ngrams=parameters[5],
        min_chars=parameters[9],
        max_chars=parameters[10],
        buckets=parameters[8],
        words=tuple(words),
        labels=tuple(label for label, _ in labels),
        counts=tuple(count for _, count in labels),
        kept=pruned,
        end=at + 8 * max(kept, 0),
    )
    _check_matrices(data, found)
    return found


def _check_head(parameters: Sequence[int], kept: npt.NDArray[np.int32] | None) -> None:
    """Refuse what would crash fastText's runtime, or make it score wrongly in silence."""
    size, loss, buckets = parameters[0], parameters[6], parameters[8]
    min_chars, max_chars = parameters[9:11]
    if size < 1 or loss not in _LOSSES or buckets < 0 or min_chars < 0 or max_chars > 64:
        raise ValueError("damaged head")
    if kept is not None and len(kept):
        bucket, row = kept.T
        if bucket.min() < 0 or bucket.max() >= buckets or row.min() < 0 or row.max() >= len(kept):
            raise ValueError("damaged list of pruned n-grams")


def _check_matrices(data: memoryview, dictionary: Dictionary) -> None:
    """Refuse a file whose matrices are not those of its dictionary, or do not end where it ends."""
    ngrams = dictionary.buckets if dictionary.kept is None else len(dictionary.kept)
    rows, columns, at, quantised = _extent(data, dictionary.end, True)
    out_rows, out_columns, end, _ = _extent(data, at, quantised)
    shape = (len(dictionary.words) + ngrams, dictionary.size)
    out_shape = (len(dictionary.labels), dictionary.size)
    if (rows, columns) != shape or (out_rows, out_columns) != out_shape:
        raise ValueError("its matrices do not fit its dictionary")
    if end != len(data):
        raise ValueError(f"it has {len(data)} bytes, its content {end}")


def _extent(data: memoryview, at: int, may_quantise: bool) -> tuple[int, int, int, bool]:
    """Return rows and columns of a matrix, where it ends, and whether it is quantised."""
    quantised = bool(data[at]) and may_quantise
    at += 1
    if not quantised:
        rows, columns = struct.unpack_from("<qq", data, at)
        return rows, columns, at + 16 + 4 * rows * columns, False
    normed, rows, columns, n_codes = struct.unpack_from("<?qqi", data, at)
    widths, at = _quantiser(data, at + struct.calcsize("<?qqi") + n_codes)
    if sum(widths) != columns or n_codes != rows * len(widths):
        raise ValueError("its codes do not fit its matrix")
    return rows, columns, _quantiser(data, at + rows)[1] if normed else at, True


def _quantiser(data: memoryview, at: int) -> tuple[list[int], int]:
    """Return the widths of the pieces that vectors are cut into, and where the quantiser ends."""
    size, pieces, width, last = struct.unpack_from("<4i", data, at)
    end = at + 16 + 4 * size * _CENTROIDS
    if min(size, pieces, width, last) < 1 or width * (pieces - 1) + last != size or end > len(data):
        raise ValueError("a damaged quantiser")
    return [width] * (pieces - 1) + [last], end


def _until_zero(view: memoryview, at: int) -> bytes:
    """Return the bytes before the next zero."""
    step = 64
    while True:
        part = bytes(view[at : at + step])
        end = part.find(b"\0")
        if end >= 0:
            return part[:end]
        if len(part) < step:
            raise IndexError("a word without an end")
        step *= 2


def read_matrices(path: Path, dictionary: Dictionary) -> tuple[Matrix, Matrix]:
    """Read the input matrix (rows, size), unpacked, and the output matrix (labels, size).

    Raises:
        ValueError: cut short, or the output is quantised (``-qout``).
    """
    data, at = _mapped(path), dictionary.end
    try:
        read = _quantised if data[at] else _dense
        rows, at = read(data, at + 1)
        if data[at]:
            raise ValueError("quantised output")
        return rows, _dense(data, at + 1)[0]
    except (struct.error, IndexError) as error:
        raise ValueError(f"cut short or damaged: {error}") from None


Reader = Callable[[memoryview, int], tuple[Matrix, int]]


def _dense(data: memoryview, at: int) -> tuple[Matrix, int]:
    rows, columns = struct.unpack_from("<qq", data, at)
    values = np.frombuffer(data, "<f4", rows * columns, at + 16).reshape(rows, columns)
    # Copied, because in the file numbers begin anywhere and scipy wants them aligned.
    return values.astype(np.float32), at + 16 + 4 * rows * columns


def _quantised(data: memoryview, at: int) -> tuple[Matrix, int]:
    """Unpack: each vector is a norm times centroids, one for each piece of it."""
    normed, rows, columns, n_codes = struct.unpack_from("<?qqi", data, at)
    at += struct.calcsize("<?qqi")
    codes = np.frombuffer(data, np.uint8, n_codes, at).reshape(rows, -1)
    pieces, at = _centroids(data, at + n_codes)
    out = np.empty((rows, columns), np.float32)
    start = 0
    for piece, code in zip(pieces, codes.T, strict=True):
        out[:, start : start + piece.shape[1]] = piece[code]
        start += piece.shape[1]
    if normed:
        norm_codes = np.frombuffer(data, np.uint8, rows, at)
        norms, at = _centroids(data, at + rows)
        out *= norms[0][norm_codes]
    return out, at


def _centroids(data: memoryview, at: int) -> tuple[list[Matrix], int]:
    """Read a product quantiser: for each piece of a vector its (256, width) centroids."""
    widths, end = _quantiser(data, at)
    values = np.frombuffer(data, "<f4", sum(widths) * _CENTROIDS, at + 16)
    cuts = np.cumsum(widths[:-1]) * _CENTROIDS
    pieces = [p.reshape(_CENTROIDS, w) for p, w in zip(np.split(values, cuts), widths, strict=True)]
    return pieces, end


def file_stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes with a file (size, time in ns), or None where there is no file.

    Part of the key under which an opened model is remembered: a worker outlives many runs.
    """
    try:
        found = path.stat()
    except (OSError, ValueError):  # the latter for a path with NUL
        return None
    return found.st_size, found.st_mtime_ns
