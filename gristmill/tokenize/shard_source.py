"""Token files to be read: a folder with ``shards.json``, or files that someone else wrote."""

import glob
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.formats.contract import EotPlace, TokenFormat
from gristmill.tokenize.formats.ends import Ends, document_ends
from gristmill.tokenize.formats.manifest import DTYPES
from gristmill.tokenize.formats.shard_set import ShardSet, check_ids
from gristmill.tokenize.formats.vocab import Vocabulary, load_vocabulary

#: A file with one of these words in its name is held out; every other is for training.
_VAL = {"val", "valid", "validation"}

#: Tokens read at once.
_BATCH = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """One token file, and what is promised of it: None where nobody said."""

    path: Path
    split: str
    tokens: int | None = None
    docs: int | None = None
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Source:
    """Token files of one format and one tokenizer.

    Attributes:
        format: a name of ``FORMATS``.
        dtype: token type; None = as the files say.
        eot: the end-of-text token.
        eot_place: where it stands.
        tokenizer: the ``tokenizer.json``.
        vocabulary: bytes of its tokens.
        vocab_size: number of ids.
        files: in order.
        corpus: the set that they are, where there is a ``shards.json``.
    """

    format: str
    dtype: np.dtype[Any] | None
    eot: int
    eot_place: EotPlace
    tokenizer: Path
    vocabulary: Vocabulary
    vocab_size: int
    files: tuple[SourceFile, ...]
    corpus: ShardSet | None = None

    @property
    def reader(self) -> TokenFormat:
        """The format's module."""
        return FORMATS[self.format]

    def tokens(self, file: SourceFile) -> npt.NDArray[Any]:
        """Map the tokens of a file."""
        return self.reader.open_tokens(file.path, self.dtype)

    def ends(self, file: SourceFile) -> Ends:
        """Return where the documents of a file end; see ``document_ends``."""
        sizes = self.reader.sizes(file.path, self.dtype)
        return document_ends(self.tokens(file), self.eot, self.eot_place, sizes)

    def batches(self, file: SourceFile) -> Iterator["Documents"]:
        """Yield the documents of a file, some at a time.

        A batch is a million tokens at most, or one document that is longer.

        Raises:
            CorruptError: a damaged file, or an id outside the vocabulary.
        """
        tokens, ends = self.tokens(file), self.ends(file)
        row = start = 0
        while row < len(ends):
            stop = max(row + 1, int(np.searchsorted(ends, start + _BATCH, side="right")))
            here, end = ends[row:stop], int(ends[stop - 1])
            part = np.asarray(tokens[start:end])
            # A manifest may promise more ids than its tokenizer has.
            known = min(self.vocab_size, len(self.vocabulary))
            check_ids(file.path, part, known, start)
            text = part != self.eot
            before = np.concatenate(([0], np.cumsum(text)))
            cuts = before[here - start]
            sizes = np.diff(here, prepend=start)
            yield Documents(part[text], np.diff(cuts, prepend=0), sizes)
            row, start = stop, end


@dataclass(frozen=True)
class Documents:
    """Whole documents without their end-of-text tokens.

    Attributes:
        tokens: ids of all of them, one after the other.
        lengths: number of each.
        sizes: number of tokens of each in the file it came from: one more, if it had its
            end-of-text token.
    """

    tokens: npt.NDArray[Any]
    lengths: Ends
    sizes: Ends

    def __len__(self) -> int:
        return len(self.lengths)

    def part(self, start: int, stop: int) -> "Documents":
        """Return some of the documents."""
        bounds = np.concatenate(([0], np.cumsum(self.lengths)))
        return Documents(
            self.tokens[bounds[start] : bounds[stop]],
            self.lengths[start:stop],
            self.sizes[start:stop],
        )


def own_folder(path: Path) -> Path | None:
    """Return the folder of ``shards.json``: this one, ``shards`` in a run folder, or None."""
    return next((p for p in (path, path / "shards") if (p / "shards.json").is_file()), None)


def open_own(folder: Path) -> Source:
    """Open a folder with ``shards.json``, as the manifest describes it.

    Raises:
        ConfigError, CorruptError: see ``ShardSet`` and ``load_vocabulary``.
    """
    corpus = ShardSet(folder)
    return Source(
        format=corpus.manifest["format"],
        dtype=corpus.dtype,
        eot=corpus.eot,
        eot_place=corpus.eot_place,
        tokenizer=corpus.tokenizer_path,
        vocabulary=corpus.vocabulary,
        vocab_size=corpus.vocab_size,
        files=tuple(
            SourceFile(folder / s.path, s.split, s.tokens, s.docs, s.bytes, s.sha256)
            for s in corpus.shards
        ),
        corpus=corpus,
    )


def open_foreign(
    path: str,
    token_format: str,
    tokenizer: Path,
    *,
    eot: str | None = None,
    eot_place: EotPlace | None = None,
    dtype: str | None = None,
) -> Source:
    """Open files without ``shards.json``.

    Args:
        path: a file, a folder or a glob.
        token_format: a name of ``FORMATS``.
        tokenizer: the ``tokenizer.json`` that the files were written with.
        eot: the end-of-text token or its id; None = the tokenizer's only special token.
        eot_place: where it stands; None = where the format has it.
        dtype: token type, for files that do not say it; None = for nanoGPT's, which never do, the
            smallest that holds the vocabulary.

    Raises:
        ConfigError: no such format, files, tokenizer or token.
    """
    reader = get_format(token_format)
    vocabulary = load_vocabulary(tokenizer)
    if dtype is None and reader is FORMATS["nanogpt"] and len(vocabulary) > 1 << 16:
        dtype = "uint32"
    return Source(
        format=token_format,
        dtype=item_type(dtype) if dtype else None,
        eot=find_eot(tokenizer, vocabulary, eot),
        eot_place=eot_place or reader.EOT,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        vocab_size=len(vocabulary),
        files=find_files(path, reader),
    )


def item_type(name: str) -> np.dtype[Any]:
    """Return a little-endian token type by its name. Raises ConfigError for others."""
    if name not in DTYPES:
        raise ConfigError(f"dtype {name!r} is none of {', '.join(DTYPES)}")
    return np.dtype(name).newbyteorder("<")


def split_of(path: Path) -> str:
    """Return ``val`` for a file whose name says so, or else ``train``."""
    return "val" if _VAL & set(re.split(r"[^a-z]+", path.name.lower())) else "train"


def find_files(path: str, reader: TokenFormat) -> tuple[SourceFile, ...]:
    """Return the token files that a file name, a folder or a glob means, sorted.

    Raises:
        ConfigError: there are none.
    """
    pattern = reader.files("*")[0]
    names = Path(path).glob(pattern) if Path(path).is_dir() else map(Path, glob.glob(path))
    found = [Path(path)] if Path(path).is_file() else sorted(p for p in names if p.is_file())
    if not found:
        raise ConfigError(f"{path}: no token files ({pattern}) here; check the path")
    return tuple(SourceFile(p, split_of(p)) for p in found)


def known_formats() -> str:
    """Return the names of the formats, for messages."""
    return ", ".join(FORMATS)


def get_format(name: str) -> TokenFormat:
    """Return a format by its name. Raises ConfigError where there is none."""
    if name not in FORMATS:
        raise ConfigError(f"no format {name!r}; known: {known_formats()}")
    return FORMATS[name]


def find_eot(path: Path, vocabulary: Vocabulary, wanted: str | None) -> int:
    """Return the id of the end-of-text token, from its text, its id or nothing.

    Raises:
        ConfigError: no such token, or no single special one; says which there are.
    """
    names = {i: vocabulary.token_bytes[i].decode("utf-8", "replace") for i in vocabulary.special}
    if wanted is None and len(names) == 1:
        return next(iter(names))
    for number, name in names.items():
        if name == wanted:
            return number
    if wanted is not None and wanted.isdecimal() and int(wanted) < len(vocabulary):
        return int(wanted)
    some = ", ".join(repr(names[i]) for i in sorted(names)[:8]) or "(it has no special tokens)"
    problem = "which token ends a text?" if wanted is None else f"no token {wanted!r}"
    raise ConfigError(f"{path}: {problem}; name one of {some}, or an id below {len(vocabulary)}")
