"""Words, sentences and a simplified form of a text, equal to datatrove's for English.

datatrove asks spaCy's blank English pipeline for both words and sentences, which costs more than
extracting the page; ``tokens.py`` gives the same from a memory. ``word_languages.py`` says what
cuts the texts of other languages.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from gristmill.pipeline.tokens import Tokenizer
from gristmill.pipeline.word_languages import plain_splitter, splitter

#: Word lists of texts up to this many characters are kept for the stages that follow.
SMALL_TEXT = 100_000


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
REMOVED = _characters(
    "0-8 b-1f 21-2f 3a-40 5b-60 7b-9f ab b4 bb 2013-2014 2019 201c-201e 2026 2236 2501 25ba "
    "3001-3002 3008-300d 3010-3011 ff01 ff05 ff08-ff09 ff0c ff0e ff11 ff1a-ff1b ff1f ff5e"
)
#: A word of nothing but these is a symbol, not a word (the same source).
PUNCTUATION = REMOVED | TERMINAL_PUNCTUATION

_TO_SPACE = {ord(c): " " for c in REMOVED}
# Decimal digits that Unicode 15 to 17 added: datatrove's `regex` knows them, Python 3.11 does not.
DIGIT = (
    r"[\d\U00010d40-\U00010d49\U000116d0-\U000116e3\U00011bf0-\U00011bf9\U00011de0-\U00011de9"
    r"\U00011f50-\U00011f59\U00016130-\U00016139\U00016d70-\U00016d79\U0001ccf0-\U0001ccf9"
    r"\U0001e4f0-\U0001e4f9\U0001e5f1-\U0001e5fa]"
)
_ASCII_NUMBER = re.compile(r"\d+(?:[.,]\d+)?", re.ASCII)
#: One of these between two runs of digits makes them one number.
DECIMAL_MARKS = ".,،٫⎖⎗⎘"
_NUMBER = re.compile(f"{DIGIT}+(?:[{DECIMAL_MARKS}]{DIGIT}+)?")


def words(text: str, language: str = "en") -> tuple[str, ...]:
    """Return the words of a text: for English, spaCy's tokens without whitespace tokens.

    Punctuation marks are words of their own; ``don't`` is two. Lone surrogates, which no UTF-8
    text can hold, are read as ``?``.

    Args:
        text: any text.
        language: fastText's or GlotLID's code; see ``word_languages``.

    Raises:
        ConfigError: Korean without the extra ``korean``.
    """
    small = len(text) <= SMALL_TEXT
    return _words_small(text, language) if small else _words_large(text, language)


def sentence_count(text: str, language: str = "en") -> int:
    """Return how many sentences datatrove splits a text into: at least 1.

    A sentence ends after a terminal mark and the punctuation that follows it, before the next
    token that is neither; whitespace other than one space is such a token.
    """
    chosen, text = splitter(language), _encodable(text)
    if isinstance(chosen, Tokenizer):  # wants lines; all whitespace but one space is alike to it
        text = text.replace("\n", "\r")
    return chosen.count_sentences([text])


def sentences_in_lines(lines: Sequence[str], language: str = "en") -> int:
    """Return the sum of :func:`sentence_count` over lines, none of which holds a newline."""
    if not lines:
        return 0
    return splitter(language).count_sentences(_encodable("\n".join(lines)).split("\n"))


def sentence_starts(lines: Sequence[str], language: str = "en") -> list[list[int]]:
    """Return where the sentences of each line begin: as many places as :func:`sentence_count`.

    Lines that would have to be changed first (endless chunks) are cut by the plain rule instead.

    Args:
        lines: texts without newlines.
        language: as for :func:`words`.

    Returns:
        For each line character offsets in rising order; the first is 0.
    """
    if not lines:
        return []
    usual = _encodable("\n".join(lines)).split("\n")
    changed = [i for i, (a, b) in enumerate(zip(lines, usual, strict=True)) if a != b]
    for i in changed:
        usual[i] = ""
    found = splitter(language).sentence_starts(usual)
    for i in changed:
        found[i] = plain_splitter().sentence_starts([lines[i]])[0]
    return found


def simplify(text: str) -> str:
    """Return the text as datatrove compares it: for finding near-duplicates, not for reading.

    Lower case; numbers become ``0``; punctuation and whitespace become one space; accents go.
    """
    text = text.lower()
    if text.isascii():
        return " ".join(_ASCII_NUMBER.sub("0", text).translate(_TO_SPACE).split())
    text = _NUMBER.sub("0", text)
    for removed in REMOVED.intersection(set(text)):
        text = text.replace(removed, " ")
    text = unicodedata.normalize("NFD", " ".join(text.split()))
    marks = {c for c in set(text) if unicodedata.category(c) == "Mn"}
    if len(marks) > 50:  # hostile: one pass, whatever the number of different marks
        return "".join([c for c in text if c not in marks]).strip()
    for mark in marks:
        text = text.replace(mark, "")
    return text.strip()


#: Long runs of what spaCy peels off one by one; the characters left out it takes as a whole.
_ENDLESS = 128
_SYMBOLS = re.compile(rf"(?:['’][sS]|[^\w\s\-./@\\^|~•]|_){{{_ENDLESS},}}")
_PIECE = 32
#: Longer chunks are cut: for some (``'s's's``, ``1:1:1:``) spaCy needs the square of their length.
#: At this one 100,000 characters of the worst kind take some seconds.
LONGEST_CHUNK = 250
#: Where letters of scripts without spaces stand between, which stop spaCy's peeling.
LONGEST_SENTENCES = 2_000
_NO_SPACES = "ก-๛ກ-ໟက-႟ក-៿぀-ヿ㐀-鿿가-힣"
_DENSE_RUN = re.compile(rf"[^\s{_NO_SPACES}]{{{LONGEST_CHUNK + 1},}}")
_LONG_RUN = re.compile(rf"\S{{{LONGEST_SENTENCES + 1},}}")


# Several filters ask for the words of the same text in turn, batch by batch.
@lru_cache(maxsize=256)
def _words_small(text: str, language: str) -> tuple[str, ...]:
    return splitter(language).words(_encodable(text))


@lru_cache(maxsize=2)
def _words_large(text: str, language: str) -> tuple[str, ...]:
    return splitter(language).words(_encodable(text))


def _encodable(text: str) -> str:
    """Remove what breaks spaCy: lone surrogates, one name of its own, and endless chunks.

    A chunk ``IS_ALPHA`` trips an assertion of spaCy's in some states of its memory. datatrove
    deletes it when that happens; here a space always takes its place, so that no state decides.

    A run of symbols costs spaCy the square of its length (20,000 brackets: half a minute), because
    it peels them off one by one. Runs of 128 and more are cut into pieces of 32, which gives the
    same words but for runs of quotes or ellipses, mixed runs, and runs that touch a word. Other
    chunks are cut at ``LONGEST_CHUNK`` characters, Chinese and the like at ``LONGEST_SENTENCES``.
    """
    if max(map(len, text.split()), default=0) >= _ENDLESS:
        text = _SYMBOLS.sub(lambda run: _cut(run.group(), _PIECE), text)
        text = _DENSE_RUN.sub(lambda run: _cut(run.group(), LONGEST_CHUNK), text)
        text = _LONG_RUN.sub(lambda run: _cut(run.group(), LONGEST_SENTENCES), text)
    if "IS_ALPHA" in text:
        text = text.replace("IS_ALPHA", " ")  # not "": what is left must not hold it again
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def _cut(run: str, length: int) -> str:
    return " ".join([run[at : at + length] for at in range(0, len(run), length)])
