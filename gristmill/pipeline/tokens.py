"""spaCy's blank English tokenizer, with a memory from chunk to tokens.

spaCy cuts a text at whitespace and tokenises each chunk on its own, so the tokens of a chunk are
remembered here. One rule of spaCy reaches across chunks: special cases such as ``:)`` are matched
on the token sequence, in which a single space leaves no trace. Chunks whose border could lie inside
such a special case are therefore tokenised together.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any, TypeVar

from gristmill.pipeline.regular_chunks import RegularChunks, Tokens
from gristmill.pipeline.spacy_import import import_spacy

#: Chunks longer than this are tokenised anew each time: they are rare and seldom come twice.
MEMO_CHUNK = 40
#: A memo is emptied when it holds this many chunks (tokens: about 100 MB).
MEMO_CHUNKS = 300_000
#: Stands for a space inside a chunk; a private-use character.
GLUE = "\ue000"

_RUN = re.compile(r"\s+|\S+")
# What a chunk does to the sentence count, for (no terminal mark seen before, one seen before):
# sentences begun inside it, and whether a terminal mark is pending after it.
_Effect = tuple[tuple[int, bool], tuple[int, bool]]
# Where the tokens of a chunk begin, and their kinds.
_Places = tuple[tuple[int, int], ...]
_WORD: _Places = ((0, 0),)
_Value = TypeVar("_Value")


@lru_cache(maxsize=1)
def tokenizer() -> "Tokenizer":
    """Return the tokenizer of this process."""
    return Tokenizer()


class Tokenizer:
    """spaCy's blank English tokenizer with a memo from chunk to tokens.

    Why the memo is exact: spaCy splits at every change between whitespace and other characters
    and tokenises the pieces apart (``Tokenizer._tokenize_affixes``). Afterwards it looks for
    special cases of several tokens in the whole sequence. Such a match can only cross a border
    that leaves no token, which is a single space, and only where the token before and the token
    after it are neighbours in some special case. Wherever the last character before a space and
    the first one after it occur in that relation, both chunks stay together.
    """

    def __init__(self) -> None:
        spacy = import_spacy()
        from spacy.lang.char_classes import LIST_UNITS
        from spacy.lang.lex_attrs import is_punct
        from spacy.tokenizer import Tokenizer as SpacyTokenizer

        self._nlp = spacy.blank("en")
        rules: Any = self._nlp.tokenizer
        bare = SpacyTokenizer(
            self._nlp.vocab,
            prefix_search=rules.prefix_search,
            suffix_search=rules.suffix_search,
            infix_finditer=rules.infix_finditer,
            token_match=rules.token_match,
            url_match=rules.url_match,
        )
        self._after = _neighbours([token.text for token in bare(rule)] for rule in rules.rules)
        self._border = _border(self._after)
        self._nlp.vocab.lex_attr_getters = {}  # a new word's twenty attributes are not looked at
        self._regular = RegularChunks(
            rules.rules, lambda text: [token.text for token in bare(text)], LIST_UNITS
        )
        sentencizer = self._nlp.create_pipe("sentencizer")
        self._terminal = frozenset(getattr(sentencizer, "punct_chars"))  # noqa: B009 (untyped)
        self._is_punct = is_punct
        self._memo: dict[str, Tokens] = {}
        self._effects: dict[str, _Effect] = {}
        self._places: dict[str, _Places] = {}
        self._lock = threading.Lock()  # spaCy's memory zones cannot nest

    def words(self, text: str) -> tuple[str, ...]:
        """Return the tokens that are not whitespace."""
        joined, glue = self._glue(text)
        chunks = joined.split()
        tokens = self._tokens_of(set(chunks), glue)
        return tuple(chain.from_iterable(map(tokens.__getitem__, chunks)))

    def count_sentences(self, lines: Sequence[str]) -> int:
        """Return how many sentences the sentencizer finds in all lines, at least 1 in each.

        Args:
            lines: texts without newlines.
        """
        joined, glue = self._glue("\n".join(lines))
        effects, memo = _recall(
            self._effects if glue == GLUE else {},
            set(joined.split()),
            lambda new: self._new_effects(new, glue),
        )
        if glue == GLUE:
            self._effects = memo
        return sum(self._count(line, effects) for line in joined.split("\n"))

    def _count(self, line: str, effects: Mapping[str, _Effect]) -> int:
        chunks = line.split()
        if " ".join(chunks) != line:
            return self._count_with_gaps(line, effects)
        count, pending = 1, False
        for chunk in chunks:
            more, pending = effects[chunk][pending]
            count += more
        return count

    @staticmethod
    def _count_with_gaps(text: str, effects: Mapping[str, _Effect]) -> int:
        count, pending = 1, False
        for match in _RUN.finditer(text):
            run = match.group()
            if not run.isspace():
                more, pending = effects[run][pending]
                count += more
            elif pending and run != " ":  # whitespace other than a single space is a token
                count, pending = count + 1, False
        return count

    def sentence_starts(self, lines: Sequence[str]) -> list[list[int]]:
        """Return where the sentences of each line begin: 0 first, then the sentencizer's places.

        Args:
            lines: texts without newlines.
        """
        joined, glue = self._glue("\n".join(lines))
        marks = self._terminal.intersection(joined)
        if not marks:
            return [[0] for _ in lines]
        places, memo = _recall(
            self._places if glue == GLUE else {},
            {chunk for chunk in set(joined.split()) if not chunk.isalnum()},
            lambda new: self._new_places(new, glue),
        )
        if glue == GLUE:
            self._places = memo
        ending = _chunks_with("".join(sorted(marks)))
        return [_starts(line, ending, places) for line in joined.split("\n")]

    def _new_places(self, chunks: set[str], glue: str) -> dict[str, _Places]:
        tokens, found = self._tokens_of(chunks, glue), {}
        for chunk in chunks:
            places, at, text = [], 0, chunk.replace(glue, " ")
            for token in tokens[chunk]:
                at = max(text.find(token, at), at)
                places.append((at, self._kind(token)))
                at += len(token)
            found[chunk] = tuple(places)
        return found

    def _glue(self, text: str) -> tuple[str, str]:
        """Replace the spaces that must not part chunks by a character the text does not have."""
        glue = GLUE
        if glue in text:
            glue = next(c for c in map(chr, range(0xE000, 0x110000)) if c not in text)
        return self._border.sub(lambda m: glue if self._linked(m) else " ", text), glue

    def _linked(self, space: re.Match[str]) -> bool:
        at = space.start()
        return space.string[at + 1] in self._after.get(space.string[at - 1 : at], ())

    def _tokens_of(self, chunks: set[str], glue: str) -> Mapping[str, Tokens]:
        """Return a lookup that holds the tokens of all chunks."""
        # In a text that has a glue of its own, the usual one is a character like others.
        tokens, memo = _recall(
            self._memo if glue == GLUE else {}, chunks, lambda new: self._new_tokens(new, glue)
        )
        if glue == GLUE:
            self._memo = memo
        return tokens

    def _new_tokens(self, chunks: set[str], glue: str) -> dict[str, Tokens]:
        regular = zip(chunks, map(self._regular.tokens, chunks), strict=True)
        fresh = {chunk: tokens for chunk, tokens in regular if tokens is not None}
        return fresh | self._tokenize(list(chunks.difference(fresh)), glue)

    def _new_effects(self, chunks: set[str], glue: str) -> dict[str, _Effect]:
        # Letters and digits make tokens that all are words, which have one effect together.
        plain = dict.fromkeys(filter(str.isalnum, chunks), _effect((0,)))
        others = chunks.difference(plain)
        tokens = self._tokens_of(others, glue)
        return plain | {c: _effect(tuple(map(self._kind, tokens[c]))) for c in others}

    def _kind(self, token: str) -> int:
        if token[0].isalnum():
            return 0
        return 2 if token in self._terminal else int(self._is_punct(token))

    def _tokenize(self, chunks: list[str], glue: str) -> dict[str, Tokens]:
        """Tokenise chunks in one call; a newline between two is a token that no rule crosses."""
        text = "\n".join(chunks).replace(glue, " ")
        fresh: dict[str, Tokens] = {}
        if not chunks:
            return fresh
        with self._lock, self._nlp.memory_zone():
            tokens = [token.text for token in self._nlp.tokenizer(text)]
        at = 0
        for chunk in chunks[:-1]:
            end = tokens.index("\n", at)
            fresh[chunk] = tuple(tokens[at:end])
            at = end + 1
        fresh[chunks[-1]] = tuple(tokens[at:])
        return fresh


def _recall(
    memo: dict[str, _Value], chunks: set[str], work: Callable[[set[str]], dict[str, _Value]]
) -> tuple[Mapping[str, _Value], dict[str, _Value]]:
    """Work out what is new; return a lookup that holds all chunks, and the memo for next time."""
    new = chunks.difference(memo)
    if not new:
        return memo, memo
    fresh = work(new)
    found = {chunk: memo[chunk] for chunk in chunks - new} | fresh
    short = {chunk: value for chunk, value in fresh.items() if len(chunk) <= MEMO_CHUNK}
    if len(memo) + len(short) > MEMO_CHUNKS:
        return found, short  # never emptied in place: another thread may be reading it
    memo.update(short)
    return found, memo


def _neighbours(special_cases: Iterable[list[str]]) -> dict[str, set[str]]:
    """Map last characters of tokens to first characters of tokens after them in special cases."""
    after: dict[str, set[str]] = {}
    for tokens in special_cases:
        for left, right in pairwise(tokens):
            after.setdefault(left[-1], set()).add(right[0])
    return after


def _border(after: Mapping[str, set[str]]) -> re.Pattern[str]:
    """Return a pattern of spaces that may not part chunks, with few false alarms.

    After a letter only punctuation can go on with a special case, and before a letter only
    punctuation can begin one; so most spaces need no further look.
    """
    rights = set().union(*after.values())
    marks = "".join(right for right in rights if not right.isalnum())
    letters = "".join(right for right in rights if right.isalnum())
    before = "".join(left for left, them in after.items() if any(map(str.isalnum, them)))
    marks, letters, before = map(re.escape, (marks, letters, before))
    return re.compile(f" (?:(?=[{marks}])|(?<=[{before}] )(?=[{letters}]))")


@lru_cache(maxsize=1000)
def _effect(kinds: tuple[int, ...]) -> _Effect:
    """Fold token kinds (0 word, 1 punctuation, 2 terminal mark) to their effect on the count."""

    def run(pending: bool) -> tuple[int, bool]:
        count = 0
        for kind in kinds:
            if kind == 2:
                pending = True
            elif kind == 0 and pending:
                count, pending = count + 1, False
        return count, pending

    return run(False), run(True)


@lru_cache(maxsize=100)
def _chunks_with(marks: str) -> re.Pattern[str]:
    """Return a pattern of chunks that hold one of a few marks; for all marks it would be slow."""
    few = re.escape(marks)
    return re.compile(rf"(?<!\S)[^\s{few}]*+[{few}]\S*+")


def _starts(line: str, ending: re.Pattern[str], places: Mapping[str, _Places]) -> list[int]:
    """Return where the sentences of a line begin, looking only at what follows a terminal mark."""
    starts, at = [0], 0
    while hit := ending.search(line, at):
        pending, at = False, hit.start()
        while (run := _RUN.match(line, at)) and (pending or at == hit.start()):
            chunk = run.group()
            if chunk == " ":
                tokens: _Places = ()
            elif chunk.isspace():  # a token; a single space before it belongs to the mark
                tokens = ((int(chunk[0] == " "), 0),)
            else:
                tokens = places.get(chunk, _WORD)
            for within, kind in tokens:
                if kind == 0 and pending:
                    starts.append(at + within)
                pending = kind == 2 or (kind == 1 and pending)
            at = run.end()
    return starts
