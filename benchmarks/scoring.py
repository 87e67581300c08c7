r"""How well an extracted text matches the reference: precision, recall and F1 of its words.

The measure is the usual one of extraction benchmarks, on multisets of lower-cased ``\w+`` words;
order does not count. Where the reference is mostly in a script that writes no spaces between
words, single characters are compared instead. Figures of many pages are means over pages.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

_WORD = re.compile(r"\w+")
#: Thai to Burmese, Khmer, kana, Han: scripts without spaces between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1, each from 0 to 1."""

    precision: float
    recall: float
    f1: float


def score(text: str | None, gold: str) -> Score:
    """Compare an extracted text with its reference.

    >>> score("the mill mill", "The mill stands")
    Score(precision=0.6666666666666666, recall=0.6666666666666666, f1=0.6666666666666666)
    """
    by_character = unspaced(gold)
    found, wanted = _tokens(text or "", by_character), _tokens(gold, by_character)
    common = (found & wanted).total()
    if common == 0:
        return Score(0.0, 0.0, 0.0)
    precision, recall = common / found.total(), common / wanted.total()
    return Score(precision, recall, 2 * precision * recall / (precision + recall))


def unspaced(text: str) -> bool:
    """Tell whether most letters of a text belong to a script without spaces between words.

    >>> unspaced("水車はゆっくり回る (slowly)"), unspaced("방앗간은 천천히 돈다")
    (True, False)
    """
    letters = sum(c.isalpha() for c in text)
    return len(_UNSPACED.findall(text)) > letters / 2


def mean(scores: Iterable[Score]) -> Score:
    """Return the means over pages; there must be a page."""
    rows = list(scores)
    return Score(
        fmean(s.precision for s in rows), fmean(s.recall for s in rows), fmean(s.f1 for s in rows)
    )


def gold_pages(path: Path) -> list[dict[str, Any]]:
    """Return the pages that have a full reference text, in the order of the file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        pages = [json.loads(line) for line in file]
    return [page for page in pages if page["gold_text"].strip()]


def _tokens(text: str, by_character: bool) -> Counter[str]:
    words = _WORD.findall(text.lower())
    return Counter("".join(words)) if by_character else Counter(words)
