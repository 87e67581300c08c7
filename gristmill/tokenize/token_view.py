"""A text as tokens: what ``tokenizer inspect`` shows, as plain data.

::

    from gristmill.tokenize.any_tokenizer import named_tokenizers
    from gristmill.tokenize.token_view import differences, view_text

    views = [view_text(t, "물레방아 12345") for t in named_tokenizers(["a.json", "b.json"])]
    views[0].tokens[0].data, views[0].counts.characters_per_token
    differences(views)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from gristmill.tokenize.any_tokenizer import NamedTokenizer
from gristmill.tokenize.encode import encodable
from gristmill.tokenize.formats.vocab import Vocabulary


@dataclass(frozen=True, slots=True)
class Token:
    """One token in its place.

    Attributes:
        id: its number in the vocabulary.
        data: its bytes, which need not be whole characters.
        byte: where it begins in the text, in bytes of UTF-8.
        char: where it begins in characters: the first one that it holds a byte of.
        rank: number of the merge that makes it, from 0; None for bytes and added tokens.
        special: whether the vocabulary marks it special; not so for its name written in a text.
        new_piece: whether a piece of pre-tokenisation begins here; None where that is not known.
    """

    id: int
    data: bytes
    byte: int
    char: int
    rank: int | None
    special: bool
    new_piece: bool | None

    @property
    def text(self) -> str | None:
        """The token as text, or None where it is not whole characters."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, bytes in hexadecimal."""
        return {
            "id": self.id,
            "text": self.text,
            "bytes": self.data.hex(),
            "byte": self.byte,
            "char": self.char,
            "rank": self.rank,
            "special": self.special,
            "new_piece": self.new_piece,
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """How much text in how many tokens; ``broken`` are tokens that are not whole characters."""

    tokens: int
    characters: int
    bytes: int
    broken: int
    pieces: int | None

    @property
    def characters_per_token(self) -> float:
        """0 for an empty text."""
        return self.characters / self.tokens if self.tokens else 0.0

    @property
    def bytes_per_token(self) -> float:
        """0 for an empty text."""
        return self.bytes / self.tokens if self.tokens else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return them for JSON."""
        return {
            "tokens": self.tokens,
            "characters": self.characters,
            "bytes": self.bytes,
            "characters_per_token": self.characters_per_token,
            "bytes_per_token": self.bytes_per_token,
            "broken": self.broken,
            "pieces": self.pieces,
        }


@dataclass(frozen=True, slots=True)
class Lookalike:
    """The name of a special token in a text: ordinary text, in so many tokens."""

    text: str
    special_id: int
    byte: int
    tokens: int


@dataclass(frozen=True)
class TokenView:
    """A text as one tokenizer cuts it.

    Attributes:
        name: of the tokenizer.
        vocab_size: number of ids.
        tokens: in order.
        exact: whether their bytes are the text's. A tokenizer that normalises, or puts a space in
            front, shows other bytes; places are then those its library names.
        lookalikes: names of special tokens in the text, in order.
        counts: sums.
    """

    name: str
    vocab_size: int
    tokens: tuple[Token, ...]
    exact: bool
    lookalikes: tuple[Lookalike, ...]
    counts: Counts

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "name": self.name,
            "vocab_size": self.vocab_size,
            "exact": self.exact,
            "counts": self.counts.to_dict(),
            "special_names_in_text": [
                {"text": x.text, "id": x.special_id, "byte": x.byte, "tokens": x.tokens}
                for x in self.lookalikes
            ],
            "tokens": [token.to_dict() for token in self.tokens],
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """A stretch of text that tokenizers cut in different ways.

    Attributes:
        data: its bytes.
        byte: where it first stands.
        times: how often it stands in the text, cut in these ways.
        splits: for each tokenizer, the bytes of its tokens.
    """

    data: bytes
    byte: int
    times: int
    splits: tuple[tuple[bytes, ...], ...]

    @property
    def spread(self) -> int:
        """Tokens that the worst tokenizer spends on all of them over the best."""
        sizes = [len(split) for split in self.splits]
        return (max(sizes) - min(sizes)) * self.times

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON, bytes in hexadecimal."""
        return {
            "text": self.data.decode("utf-8", "replace"),
            "byte": self.byte,
            "times": self.times,
            "spread": self.spread,
            "splits": [[piece.hex() for piece in split] for split in self.splits],
        }


def view_text(tokenizer: NamedTokenizer, text: str) -> TokenView:
    """Cut a text.

    Names of special tokens are ordinary text. Lone surrogates are read as U+FFFD.

    Raises:
        ConfigError: the tokenizer cannot be read or is not byte-level BPE.
    """
    text = encodable(text)
    vocabulary, hf, ranks = tokenizer.vocabulary(), tokenizer.hf(), tokenizer.ranks()
    found = hf.encode(text, add_special_tokens=False)
    data = [vocabulary.token_bytes[i] for i in found.ids]
    raw = text.encode()
    ends = list(accumulate(map(len, data), initial=0))
    exact = b"".join(data) == raw
    borders = _piece_borders(hf, text, ends[-1])
    chars_at = np.cumsum((np.frombuffer(raw, np.uint8) & 0xC0) != 0x80) - 1
    first_byte = np.append(np.searchsorted(chars_at, np.arange(len(text))), len(raw))
    tokens = []
    for at, (number, piece) in enumerate(zip(found.ids, data, strict=True)):
        byte = ends[at] if exact else int(first_byte[found.offsets[at][0]])
        tokens.append(
            Token(
                id=number,
                data=piece,
                byte=byte,
                char=int(chars_at[byte]) if byte < len(raw) else len(text),
                rank=ranks.get(number),
                special=number in vocabulary.special,
                new_piece=None if borders is None else ends[at] in borders,
            )
        )
    counts = Counts(
        tokens=len(tokens),
        characters=len(text),
        bytes=len(raw),
        broken=sum(token.text is None for token in tokens),
        pieces=None if borders is None else len(borders),
    )
    lookalikes = _lookalikes(vocabulary, raw, ends) if exact else ()
    return TokenView(tokenizer.name, len(vocabulary), tuple(tokens), exact, lookalikes, counts)


def differences(views: Sequence[TokenView]) -> tuple[Difference, ...]:
    """Return where tokenizers cut the same text in different ways, the costliest first.

    Stretches reach from one border that all tokenizers have to the next. Views whose tokens are
    not the bytes of the text cannot be compared, and there are no differences then.
    """
    if len(views) < 2 or not all(view.exact for view in views):
        return ()
    found: dict[tuple[tuple[bytes, ...], ...], list[int]] = {}
    for start, split in _stretches(views):
        if any(len(part) > 1 for part in split):
            found.setdefault(split, []).append(start)
    made = [Difference(b"".join(s[0]), at[0], len(at), s) for s, at in found.items()]
    return tuple(sorted(made, key=lambda d: (-d.spread, d.byte)))


def differing(views: Sequence[TokenView]) -> list[list[bool]]:
    """Return, for each token of each view, whether it stands in a stretch that is cut apart."""
    if len(views) < 2 or not all(view.exact for view in views):
        return [[False] * len(view.tokens) for view in views]
    marks: list[list[bool]] = [[] for _ in views]
    for _, split in _stretches(views):
        apart = any(len(part) > 1 for part in split)
        for mark, part in zip(marks, split, strict=True):
            mark += [apart] * len(part)
    return marks


def _stretches(views: Sequence[TokenView]) -> list[tuple[int, tuple[tuple[bytes, ...], ...]]]:
    """Return (first byte, tokens of each view) between the borders that all views share."""
    starts = [{token.byte for token in view.tokens} for view in views]
    common = [*sorted(set.intersection(*starts)), views[0].counts.bytes]
    at, found = [0] * len(views), []
    for start, end in pairwise(common):
        split = []
        for number, view in enumerate(views):
            first = at[number]
            while at[number] < len(view.tokens) and view.tokens[at[number]].byte < end:
                at[number] += 1
            split.append(tuple(token.data for token in view.tokens[first : at[number]]))
        found.append((start, tuple(split)))
    return found


def _piece_borders(hf: Any, text: str, size: int) -> set[int] | None:
    """Return where pieces begin, in bytes of the tokens; None where that cannot be said.

    After a byte-level pre-tokeniser, every character of a piece is one byte.
    """
    if hf.pre_tokenizer is None:
        return None
    normal = hf.normalizer.normalize_str(text) if hf.normalizer else text
    sizes = [len(piece) for piece, _ in hf.pre_tokenizer.pre_tokenize_str(normal)]
    return set(accumulate(sizes[:-1], initial=0)) if sizes and sum(sizes) == size else None


def _lookalikes(vocabulary: Vocabulary, raw: bytes, ends: list[int]) -> tuple[Lookalike, ...]:
    found = []
    for number in sorted(vocabulary.special):
        name = vocabulary.token_bytes[number]
        at = raw.find(name) if name else -1
        while at >= 0:
            first = int(np.searchsorted(ends, at, side="right")) - 1
            last = int(np.searchsorted(ends, at + len(name), side="left"))
            found.append(Lookalike(name.decode(), number, at, last - first))
            at = raw.find(name, at + len(name))
    return tuple(sorted(found, key=lambda x: x.byte))
