"""Words, sentences and a simplified form of a text, equal to datatrove's for English.

datatrove asks spaCy's blank English pipeline for both words and sentences, which costs more than
extracting the page. spaCy cuts a text at whitespace and tokenises each chunk on its own, so the
tokens of a chunk are remembered here. One rule of spaCy reaches across chunks: special cases such
as ``:)`` are matched on the token sequence, in which a single space leaves no trace. Chunks whose
border could lie inside such a special case are therefore tokenised together (see ``_Tokenizer``).
"""

import re
import threading
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

#: Chunks longer than this are tokenised anew each time: they are rare and seldom come twice.
MEMO_CHUNK = 40
#: The memo is emptied when it holds this many chunks (about 100 MB).
MEMO_CHUNKS = 300_000
#: Word lists of texts up to this many characters are kept for the stages that follow.
SMALL_TEXT = 100_000
#: Stands for a space inside a chunk; a private-use character.
GLUE = "\ue000"


def _characters(ranges: str) -> frozenset[str]:
    """Expand ``"21 2e 589-58a"`` (code points in hexadecimal) to the characters."""
    pairs = (part.partition("-") for part in ranges.split())
    return frozenset(
        chr(c) for low, _, high in pairs for c in range(int(low, 16), int(high or low, 16) + 1)
    )


#: Characters that end a sentence in some script (datatrove 0.10.1, ``utils/text.py``).
TERMINAL_PUNCTUATION = _characters(
    "21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e "
    "1735-1736 17d4-17d6 17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e "
    "1c3b-1c3c 1c7e-1c7f 203c-203d 2047-2049 2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 "
    "a876-a877 a8ce-a8cf a92f a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb fe52 fe56-fe57 ff01 ff0e ff1f "
    "ff61 10a56-10a57 10f55-10f59 10f86-10f89 11047-11048 110be-110c1 11141-11143 111c5-111c6 "
    "111cd 111de-111df 11238-11239 1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7 "
    "11641-11642 1173c-1173e 11944 11946 11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 "
    "11f43-11f44 16a6e-16a6f 16af5 16b37-16b38 16b44 16e98 1bc9f 1da88"
)
#: Characters that ``simplify`` turns into spaces: punctuation and control characters.
_REMOVED = _characters(
    "0-8 b-1f 21-2f 3a-40 5b-60 7b-9f ab b4 bb 2013-2014 2019 201c-201e 2026 2236 2501 25ba "
    "3001-3002 3008-300d 3010-3011 ff01 ff05 ff08-ff09 ff0c ff0e ff11 ff1a-ff1b ff1f ff5e"
)
#: A word of nothing but these is a symbol, not a word (the same source).
PUNCTUATION = _REMOVED | TERMINAL_PUNCTUATION

_TO_SPACE = {ord(c): " " for c in _REMOVED}
# Decimal digits that Unicode 15 to 17 added: datatrove's `regex` knows them, Python 3.11 does not.
_DIGIT = (
    r"[\d\U00010d40-\U00010d49\U000116d0-\U000116e3\U00011bf0-\U00011bf9\U00011de0-\U00011de9"
    r"\U00011f50-\U00011f59\U00016130-\U00016139\U00016d70-\U00016d79\U0001ccf0-\U0001ccf9"
    r"\U0001e4f0-\U0001e4f9\U0001e5f1-\U0001e5fa]"
)
_ASCII_NUMBER = re.compile(r"\d+(?:[.,]\d+)?", re.ASCII)
_NUMBER = re.compile(f"{_DIGIT}+(?:[.,،٫⎖⎗⎘]{_DIGIT}+)?")


def words(text: str) -> tuple[str, ...]:
    """Return the words of an English text: spaCy's tokens without whitespace tokens.

    Punctuation marks are words of their own; ``don't`` is two. Lone surrogates, which no UTF-8
    text can hold, are read as ``?``.
    """
    return _words_small(text) if len(text) <= SMALL_TEXT else _words_large(text)


def sentence_count(text: str) -> int:
    """Return how many sentences datatrove splits an English text into: at least 1.

    A sentence ends after a terminal mark and the punctuation that follows it, before the next
    token that is neither; whitespace other than one space is such a token.
    """
    return _tokenizer().count_sentences(_encodable(text))


def simplify(text: str) -> str:
    """Return the text as datatrove compares it: for finding near-duplicates, not for reading.

    Lower case; numbers become ``0``; punctuation and whitespace become one space; accents go.
    """
    text = text.lower()
    if text.isascii():
        return " ".join(_ASCII_NUMBER.sub("0", text).translate(_TO_SPACE).split())
    text = _NUMBER.sub("0", text)
    for removed in _REMOVED.intersection(text):
        text = text.replace(removed, " ")
    text = unicodedata.normalize("NFD", " ".join(text.split()))
    marks = {c for c in set(text) if unicodedata.category(c) == "Mn"}
    if len(marks) > 50:  # hostile: one pass, whatever the number of different marks
        return "".join([c for c in text if c not in marks]).strip()
    for mark in marks:
        text = text.replace(mark, "")
    return text.strip()


#: Long runs of what spaCy peels off one by one; the characters left out it takes as a whole.
_SYMBOLS = re.compile(r"(?:[^\w\s\-./@\\^|~•]|_){128,}")
_PIECES = re.compile(r"(?s).{1,32}")


# Several filters ask for the words of the same text in turn, batch by batch.
@lru_cache(maxsize=256)
def _words_small(text: str) -> tuple[str, ...]:
    return _tokenizer().words(_encodable(text))


@lru_cache(maxsize=2)
def _words_large(text: str) -> tuple[str, ...]:
    return _tokenizer().words(_encodable(text))


def _encodable(text: str) -> str:
    """Remove what breaks spaCy: lone surrogates, one name of its own, and endless runs of symbols.

    A chunk ``IS_ALPHA`` trips an assertion of spaCy's in some states of its memory. datatrove
    deletes it when that happens; it is always deleted here, so that no state decides.

    A run of symbols costs spaCy the square of its length (20,000 brackets: half a minute), because
    it peels them off one by one. Runs of 128 and more are cut into pieces of 32, which gives the
    same words but for runs of quotes or ellipses, mixed runs, and runs that touch a word.
    """
    text = _SYMBOLS.sub(lambda run: " ".join(_PIECES.findall(run.group())), text)
    if "IS_ALPHA" in text:
        text = text.replace("IS_ALPHA", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


@lru_cache(maxsize=1)
def _tokenizer() -> "_Tokenizer":
    return _Tokenizer()


# What a chunk does to the sentence count, for (no terminal mark seen before, one seen before):
# sentences begun inside it, and whether a terminal mark is pending after it.
_RUN = re.compile(r"\s+|\S+")
_Effect = tuple[tuple[int, bool], tuple[int, bool]]
_Entry = tuple[tuple[str, ...], _Effect]


class _Tokenizer:
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
        from spacy.tokenizer import Tokenizer

        self._nlp = spacy.blank("en")
        rules: Any = self._nlp.tokenizer
        bare = Tokenizer(
            self._nlp.vocab,
            prefix_search=rules.prefix_search,
            suffix_search=rules.suffix_search,
            infix_finditer=rules.infix_finditer,
            token_match=rules.token_match,
            url_match=rules.url_match,
        )
        self._after = _neighbours([token.text for token in bare(rule)] for rule in rules.rules)
        left, right = "".join(self._after), "".join(set().union(*self._after.values()))
        self._border = re.compile(f" (?=[{re.escape(right)}])(?<=[{re.escape(left)}] )")
        sentencizer = self._nlp.create_pipe("sentencizer")
        self._terminal = frozenset(getattr(sentencizer, "punct_chars"))  # noqa: B009 (untyped)
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._effects: dict[str, _Effect] = {}
        self._lock = threading.Lock()  # spaCy's memory zones cannot nest

    def words(self, text: str) -> tuple[str, ...]:
        joined, glue = self._glue(text)
        chunks = joined.split()
        try:
            return tuple(chain.from_iterable(map(self._tokens.__getitem__, chunks)))
        except KeyError:
            fresh = self._learn(chunks, glue)[0]
            return tuple(chain.from_iterable(map(fresh.__getitem__, chunks)))

    def count_sentences(self, text: str) -> int:
        joined, glue = self._glue(text)
        chunks = joined.split()
        effects: Mapping[str, _Effect] = self._effects
        if not all(map(effects.__contains__, chunks)):
            effects = self._learn(chunks, glue)[1]
        if " ".join(chunks) != joined:
            return self._count_with_gaps(joined, effects)
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
        return space.string[at + 1] in self._after[space.string[at - 1]]

    def _learn(
        self, chunks: list[str], glue: str
    ) -> tuple[Mapping[str, tuple[str, ...]], Mapping[str, _Effect]]:
        """Tokenise the chunks that are new; return lookups that hold all of ``chunks``."""
        distinct = set(chunks)
        with self._lock:
            fresh = self._tokenize([c for c in distinct if c not in self._effects], glue)
            known = [c for c in distinct if c not in fresh]
            tokens = {c: self._tokens[c] for c in known} | {c: e[0] for c, e in fresh.items()}
            effects = {c: self._effects[c] for c in known} | {c: e[1] for c, e in fresh.items()}
            if len(self._effects) + len(fresh) > MEMO_CHUNKS:
                self._tokens, self._effects = {}, {}
            for chunk, entry in fresh.items():
                # A glue chosen for this text alone may be a character of the next one.
                if len(chunk) <= MEMO_CHUNK and (glue == GLUE or glue not in chunk):
                    self._tokens[chunk], self._effects[chunk] = entry
        return tokens, effects

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
