"""The beginnings of documents, decoded."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gristmill.tokenize.formats.ends import Ends, ends_by_token, positions
from gristmill.tokenize.shard_source import Source, SourceFile

CHARACTERS = 200

#: Bytes of a character in UTF-8, at most; a token has one byte at least.
_BYTES = 4

_PREFIX = 1 << 16


@dataclass(frozen=True)
class Glimpse:
    """The beginning of one document.

    Attributes:
        first: position of its first token in the file, the end-of-text token counted.
        tokens: its size, that token counted.
        text: the first 200 characters, as they are.
        cut: whether there is more.
    """

    first: int
    tokens: int
    text: str
    cut: bool


def glimpses(source: Source, file: SourceFile, count: int) -> Iterator[Glimpse]:
    """Yield the beginnings of the first documents of a file.

    Raises:
        ConfigError: an id outside the vocabulary.
    """
    tokens = source.tokens(file)
    start = 0
    for end in _first_ends(source, file, count).tolist():
        head = np.asarray(tokens[start : min(end, start + _BYTES * CHARACTERS + 2)])
        text = source.vocabulary.decode(head[head != source.eot].tolist())
        cut = len(text) > CHARACTERS or end - start > len(head)
        yield Glimpse(start, end - start, text[:CHARACTERS], cut)
        start = end


def _first_ends(source: Source, file: SourceFile, count: int) -> Ends:
    """Return where the first documents end, without a look at the whole of a set's large file."""
    if source.corpus is None:
        return source.ends(file)[:count]
    tokens, seen = source.tokens(file), _PREFIX
    while True:
        part = tokens[:seen]
        at = positions(part, source.eot)
        if len(at) > count or len(part) == len(tokens):
            return ends_by_token(at, len(part), source.eot_place)[:count]
        seen *= 8
