"""How many words a text has: one rule for all languages, by arrays.

Words between spaces mean nothing for Chinese, Japanese or Thai, and dictionaries (spaCy, Kiwi)
cut languages by different rules. So words here are those of the project's plain rule
(``pipeline.word_languages.PlainSplitter``) without punctuation: runs of letters, digits and
combining marks; each letter of a script without spaces is one. About a hundred times as fast as
asking that class; a test holds both to the same counts.
"""

import sys
import unicodedata
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gristmill.pipeline.word_languages import UNSPACED

_OTHER, _WORD, _UNSPACED, _MARK = 0, 1, 2, 3


def count_words(text: str) -> int:
    """Return the number of words; lone surrogates are no letters."""
    points = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    if not len(points):
        return 0
    kind = _kinds()[points]
    marks = kind == _MARK
    if marks.any():  # a mark belongs to the letter before it, and is a letter where there is none
        at = np.maximum.accumulate(np.where(marks, 0, np.arange(len(kind))))
        kind_before = np.where(at == 0, np.where(marks[0], _OTHER, kind[0]), kind[at])
        alone = marks & (kind_before != _UNSPACED)
        kind = np.where(alone, np.uint8(_WORD), kind)
        attached = kind == _MARK
    else:
        attached = marks
    unspaced = int(np.count_nonzero(kind == _UNSPACED))
    word = (kind == _WORD) & ~attached
    begins = word & np.concatenate([[True], ~word[:-1]])
    return unspaced + int(np.count_nonzero(begins))


@lru_cache(maxsize=1)
def _kinds() -> npt.NDArray[np.uint8]:
    """Return the kind of each code point."""
    kinds = np.zeros(sys.maxunicode + 1, np.uint8)
    for point, char in enumerate(map(chr, range(sys.maxunicode + 1))):
        if char.isalnum():
            kinds[point] = _WORD
        elif unicodedata.category(char)[0] == "M" or char in "\u200c\u200d":
            kinds[point] = _MARK
    for low, high in _ranges(UNSPACED):
        kinds[low : high + 1] = _UNSPACED
    return kinds


def _ranges(spec: str) -> list[tuple[int, int]]:
    """Read the inside of a regular expression's character class: ``a-zäö``."""
    found, at = [], 0
    while at < len(spec):
        last = at + 2 if spec[at + 1 : at + 2] == "-" else at
        found.append((ord(spec[at]), ord(spec[last])))
        at = last + 1
    return found
