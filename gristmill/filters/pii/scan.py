"""What all kinds share: digits of all widths, where a number ends, and the act of replacing."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

#: One digit, ASCII or full width, inside a pattern.
DIGIT = "[0-9０-９]"
#: Characters that stand for a space, a hyphen, and so on, in Western and East Asian typesetting.
SPACES = " \u00a0\u2009\u202f\u3000"
HYPHENS = "\u2010\u2011\u2012\u2013\u2212\uff0dー-"  # "-" last: fit for a pattern

_ASCII = str.maketrans(
    dict.fromkeys(SPACES, " ")
    | dict.fromkeys(HYPHENS, "-")
    | {chr(0xFF10 + n): str(n) for n in range(10)}
    | {"（": "(", "）": ")", "＋": "+", "．": ".", "／": "/"}
)
#: A number that one of these ties to a letter or digit is part of something longer.
_TIES = frozenset(HYPHENS + "/@_")
#: These tie only digits to digits: `8.5`, `12:30`; after a word they are punctuation.
_DIGIT_TIES = frozenset(".:")

#: Start, end, and what to put there.
Found = tuple[int, int, str]


def to_ascii(text: str) -> str:
    """Return the text with digits and separators in ASCII; every character keeps its place."""
    return text.translate(_ASCII)


def attached(neighbour: str) -> bool:
    """Say whether a character belongs to the same word: scripts without spaces do not count."""
    return neighbour == "_" or neighbour.isdigit() or (neighbour.isascii() and neighbour.isalpha())


def stands_alone(text: str, start: int, end: int) -> bool:
    """Say whether ``text[start:end]`` is not part of a longer number, code, path or address.

    The rule is the same on both sides. So of two numbers that are tied together neither stands
    alone, and replacing one number never sets another free.
    """
    left, right = text[max(0, start - 2) : start], text[end : end + 2]
    return not (
        attached(left[-1:])
        or attached(right[:1])
        or _tied(left[-1:], left[:-1], text[start])
        or _tied(right[:1], right[1:], text[end - 1])
    )


def _tied(between: str, far: str, edge: str) -> bool:
    """Say whether the character between two others makes them one word."""
    if between in _DIGIT_TIES:
        return far.isdigit() and edge.isdigit()
    return between in _TIES and attached(far) and attached(edge)


def substitute(text: str, found: Iterable[Found]) -> tuple[str, int]:
    """Return the text with each stretch replaced, and how many there were.

    Args:
        text: any text.
        found: disjoint stretches in ascending order.
    """
    parts: list[str] = []
    last = count = 0
    for start, end, placeholder in found:
        parts += (text[last:start], placeholder)
        last = end
        count += 1
    return ("".join([*parts, text[last:]]), count) if count else (text, 0)


def until_stable(text: str, replace: Callable[[str], tuple[str, int]]) -> tuple[str, int]:
    """Replace until nothing is found any more, and return the text and how many in all.

    A placeholder may be shorter than what it replaced, so a word that vouches for a number
    ("Tel.") can come near enough to vouch for the next one. Each pass takes at least one number
    away, so this ends; a clean text is read once.
    """
    total = 0
    while True:
        text, count = replace(text)
        total += count
        if not count:
            return text, total


@lru_cache(maxsize=32)
def compiled(pattern: str) -> Any:
    """Return the pattern compiled by RE2, which reads any text in linear time."""
    import re2

    return re2.compile(pattern)
