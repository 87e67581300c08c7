"""spaCy's blank English tokenizer, with a memory from chunk to tokens.

spaCy cuts a text at whitespace and tokenises each chunk on its own, so the tokens of a chunk are
remembered here. One rule of spaCy reaches across chunks: special cases such as ``:)`` are matched
on the token sequence, in which a single space leaves no trace. Chunks whose border could lie inside
such a special case are therefore tokenised together.
"""

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

#: Chunks longer than this are tokenised anew each time: they are rare and seldom come twice.
MEMO_CHUNK = 40
#: The memo is emptied when it holds this many chunks (about 100 MB).
MEMO_CHUNKS = 300_000
#: Stands for a space inside a chunk; a private-use character.
GLUE = "\ue000"

# What a chunk does to the sentence count, for (no terminal mark seen before, one seen before):
# sentences begun inside it, and whether a terminal mark is pending after it.
_MARKS = ",;:!?."
_REGULAR = re.compile("[A-Za-z]{2,}[,;:!?]?|[A-Za-z]+[a-z][.]")
_RUN = re.compile(r"\s+|\S+")
_Effect = tuple[tuple[int, bool], tuple[int, bool]]
_Entry = tuple[tuple[str, ...], _Effect]


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
        import spacy
        from spacy.attrs import IS_PUNCT
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
        # Of a new word's twenty attributes only this one is ever looked at.
        getters = self._nlp.vocab.lex_attr_getters
        self._nlp.vocab.lex_attr_getters = {IS_PUNCT: getters[IS_PUNCT]}
        self._special = frozenset(rules.rules)
        sentencizer = self._nlp.create_pipe("sentencizer")
        self._terminal = frozenset(getattr(sentencizer, "punct_chars"))  # noqa: B009 (untyped)
        self._mark_effects = {"": _effect([0])} | {
            mark: _effect([0, 2 if mark in self._terminal else 1]) for mark in _MARKS
        }
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._effects: dict[str, _Effect] = {}
        self._lock = threading.Lock()  # spaCy's memory zones cannot nest

    def words(self, text: str) -> tuple[str, ...]:
        """Return the tokens that are not whitespace."""
        joined, glue = self._glue(text)
        chunks = joined.split()
        known: Mapping[str, tuple[str, ...]] = self._tokens
        if glue != GLUE or not all(map(known.__contains__, chunks)):
            known = self._learn(chunks, glue)[0]
        return tuple(chain.from_iterable(map(known.__getitem__, chunks)))

    def count_sentences(self, lines: Sequence[str]) -> int:
        """Return how many sentences the sentencizer finds in all lines, at least 1 in each.

        Args:
            lines: texts without newlines.
        """
        joined, glue = self._glue("\n".join(lines))
        chunks = joined.split()
        effects: Mapping[str, _Effect] = self._effects
        if glue != GLUE or not all(map(effects.__contains__, chunks)):
            effects = self._learn(chunks, glue)[1]
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

    def _glue(self, text: str) -> tuple[str, str]:
        """Replace the spaces that must not part chunks by a character the text does not have."""
        glue = GLUE
        if glue in text:
            glue = next(c for c in map(chr, range(0xE000, 0x110000)) if c not in text)
        return self._border.sub(lambda m: glue if self._linked(m) else " ", text), glue

    def _linked(self, space: re.Match[str]) -> bool:
        at = space.start()
        return space.string[at + 1] in self._after.get(space.string[at - 1 : at], ())

    def _learn(
        self, chunks: list[str], glue: str
    ) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, _Effect]]:
        """Tokenise the chunks that are new; return lookups that hold all of ``chunks``."""
        distinct = set(chunks)
        with self._lock:
            # In a text that has a glue of its own, the usual one is a character like others.
            new = [c for c in distinct if glue != GLUE or c not in self._effects]
            fresh = {c: entry for c in new if (entry := self._regular(c)) is not None}
            fresh |= self._tokenize([c for c in new if c not in fresh], glue)
            known = [c for c in distinct if c not in fresh]
            tokens = {c: self._tokens[c] for c in known} | {c: e[0] for c, e in fresh.items()}
            effects = {c: self._effects[c] for c in known} | {c: e[1] for c, e in fresh.items()}
            if len(self._effects) + len(fresh) > MEMO_CHUNKS:
                self._tokens, self._effects = {}, {}
            for chunk, entry in fresh.items() if glue == GLUE else ():
                if len(chunk) <= MEMO_CHUNK:
                    self._tokens[chunk], self._effects[chunk] = entry
        return tokens, effects

    def _regular(self, chunk: str) -> _Entry | None:
        """Return the entry of a plain word, perhaps with a mark after it, without asking spaCy.

        No rule of spaCy's divides two and more ASCII letters but a special case; and each of these
        marks is a token of its own after them.
        """
        if _REGULAR.fullmatch(chunk) is None:
            return None
        word = chunk.rstrip(_MARKS)
        mark = chunk[len(word) :]
        if chunk in self._special or word in self._special:
            return None
        return ((word, mark) if mark else (word,)), self._mark_effects[mark]

    def _tokenize(self, chunks: list[str], glue: str) -> dict[str, _Entry]:
        """Tokenise chunks in one call; a newline between two is a token that no rule crosses."""
        text = "\n".join(chunks).replace(glue, " ")
        fresh: dict[str, _Entry] = {}
        if not chunks:
            return fresh
        with self._nlp.memory_zone():
            tokens: list[str] = []
            kinds: list[int] = []
            todo = iter(chunks)
            for token in self._nlp.tokenizer(text):
                if token.text == "\n":
                    fresh[next(todo)] = (tuple(tokens), _effect(kinds))
                    tokens, kinds = [], []
                else:
                    tokens.append(token.text)
                    kinds.append(2 if token.text in self._terminal else int(token.is_punct))
            fresh[next(todo)] = (tuple(tokens), _effect(kinds))
        return fresh


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


def _effect(kinds: list[int]) -> _Effect:
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
