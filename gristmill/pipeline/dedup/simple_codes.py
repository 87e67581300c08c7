"""Simplified texts as arrays of code points, many texts at once.

The rule is that of ``pipeline.text.simplify`` (datatrove's): lower case, numbers become ``0``,
punctuation becomes a space, accents go. Each step is one pass of C code over all texts together:
Python never looks at single words.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from gristmill.pipeline.dedup.arrays import U32, Flags, Index
from gristmill.pipeline.text import DECIMAL_MARKS, DIGIT, REMOVED
from gristmill.pipeline.word_languages import UNSPACED

SPACE = 32
#: Stands after each text. Texts cannot hold it: NUL is among the characters that become spaces.
_END = 0
#: What a combining mark becomes until it is taken out: no code point.
_NOTHING = 0xFFFFFFFF
_BMP = 1 << 16
_MARKS = np.array([ord(mark) for mark in DECIMAL_MARKS], np.uint32)

#: Code points: of one byte where all texts are ASCII.
Codes = npt.NDArray[np.uint8] | U32
Values = npt.NDArray[Any]


def simple_codes(texts: Sequence[str]) -> tuple[U32, Index]:
    """Return the code points of all simplified texts in turn, and where each ends.

    Runs of spaces stay as long as they are. Each text ends with a space that belongs to it.
    """
    lower = "".join([text.replace("\0", " ") + "\0" for text in texts]).lower()
    codes: Codes
    if lower.isascii():
        codes = np.frombuffer(lower.encode("ascii"), np.uint8)
    else:
        # Composed first: the table knows letters with their accents, not loose jamo.
        composed = unicodedata.normalize("NFC", lower)
        codes = np.frombuffer(composed.encode("utf-32-le", "surrogatepass"), "<u4")
    simple = _lookup(_simple_table(), _simple_code, codes)
    _shorten_numbers(codes, simple)
    simple = simple[simple != _NOTHING]
    ends = np.flatnonzero(simple == _END)
    simple[ends] = SPACE
    return simple, ends + 1


def unspaced(codes: U32) -> Flags:
    """Tell which code points are letters of scripts that do not put spaces between words."""
    return _lookup(_unspaced_table(), _is_unspaced, codes)


def _shorten_numbers(codes: Codes, simple: U32) -> None:
    """Leave a ``0`` of every number: digits, or two runs of digits with one mark between."""
    digit = _lookup(_digit_table(), _is_digit, codes)
    inside = np.diff(digit.astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(inside == 1), np.flatnonzero(inside == -1)
    simple[digit] = _NOTHING
    joined = starts[1:] == ends[:-1] + 1
    joined[joined] = np.isin(codes[ends[:-1][joined]], _MARKS)
    # In a chain such as 1.2.3.4 every other mark joins: the first run with the second, and so on.
    run = np.arange(len(starts))
    chain = np.maximum.accumulate(np.where(np.append(False, joined), 0, run))
    second = ((run - chain) % 2 == 1) if len(run) else np.zeros(0, np.bool_)
    simple[starts[second] - 1] = _NOTHING
    simple[starts[~second]] = ord("0")


def _lookup(table: Values, function: Callable[[str], Any], codes: Codes) -> Values:
    """Return the function of each code point, those of the basic plane from a table."""
    if codes.dtype == np.uint8:
        return table[codes]
    found = table[np.minimum(codes, _BMP - 1)]
    beyond = np.flatnonzero(codes >= _BMP)
    distinct, index = np.unique(codes[beyond], return_inverse=True)
    values = [function(chr(code)) for code in distinct.tolist()]
    found[beyond] = np.array(values, found.dtype)[index]
    return found


@lru_cache(maxsize=1)
def _simple_table() -> U32:
    table = np.fromiter(map(_simple_code, map(chr, range(_BMP))), np.uint32, _BMP)
    table[_END] = _END
    return table


@lru_cache(maxsize=1)
def _digit_table() -> Flags:
    return np.fromiter(map(_is_digit, map(chr, range(_BMP))), np.bool_, _BMP)


@lru_cache(maxsize=1)
def _unspaced_table() -> Flags:
    return np.fromiter(map(_is_unspaced, map(chr, range(_BMP))), np.bool_, _BMP)


def _simple_code(character: str) -> int:
    if character in REMOVED or character.isspace():
        return SPACE
    bare = [c for c in unicodedata.normalize("NFD", character) if unicodedata.category(c) != "Mn"]
    if not bare:
        return _NOTHING
    return ord(bare[0]) if len(bare) == 1 else ord(character)


def _is_digit(character: str) -> bool:
    return re.fullmatch(DIGIT, character) is not None


def _is_unspaced(character: str) -> bool:
    return re.fullmatch(f"[{UNSPACED}]", character) is not None
