"""Payment card numbers: written as cards are, by a known issuer, of its length, with Luhn's digit.

One run of digits, or the groups embossed on cards: 4-4-4-4, 4-4-4-4-3, 4-6-5, 4-6-4.
"""

import re
from collections.abc import Iterator

from gristmill.filters.pii.checksums import luhn
from gristmill.filters.pii.scan import (
    DIGIT,
    HYPHENS,
    SPACES,
    Found,
    compiled,
    stands_alone,
    substitute,
    to_ascii,
)

PLACEHOLDER = "[CARD]"

#: First and last prefix of an issuer, and the lengths it issues. The public ranges of ISO/IEC
#: 7812 issuers, as python-stdnum, Stripe and the schemes' own manuals give them (2025). Maestro
#: (50, 56-69, 12 to 19 digits) is left out: half of all numbers would be cards.
ISSUERS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("4", "4", (16, 19)),  # Visa; 13 digits are no longer issued, and are any German EAN
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard, since 2017
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("300", "305", (14, 16)),  # Diners Club
    ("36", "36", (14,)),
    ("38", "39", (14, 16)),
    ("6011", "6011", (16, 19)),  # Discover
    ("644", "649", (16, 19)),
    ("65", "65", (16, 19)),
    ("3528", "3589", (16,)),  # JCB
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
)

_S = f"[{SPACES}{HYPHENS}]"
_NO_DIGIT = "[^0-9０-９]"
_AFTER = re.compile(_NO_DIGIT)


def _groups(*lengths: int) -> str:
    return _S.join(f"{DIGIT}{{{n}}}" for n in lengths)


_PATTERN = "|".join(
    (
        # The character after: the next card's first three digits are not this one's last.
        f"{_groups(4, 4, 4, 4)}(?:{_S}{DIGIT}{{3}}(?:{_NO_DIGIT}|$))?",
        _groups(4, 6, 5),
        _groups(4, 6, 4),
        f"{DIGIT}{{13,}}",  # without upper end: a piece of a longer number must not pass
    )
)


def replace(text: str) -> tuple[str, int]:
    """Return the text with each card number replaced by ``PLACEHOLDER``, and how many."""
    return substitute(text, _find(text))


def _find(text: str) -> Iterator[Found]:
    for match in compiled(_PATTERN).finditer(text):
        start, end = match.span()
        end -= _AFTER.fullmatch(text[end - 1]) is not None
        number = to_ascii(text[start:end])
        # `4111 1111 1111 1111 123` is either 19 digits, or 16 and a card's security code.
        for less in (0, 4) if number[-4] == " " else (0,):
            if is_card(number[: len(number) - less]) and stands_alone(text, start, end - less):
                yield start, end - less, PLACEHOLDER
                break


def is_card(number: str) -> bool:
    """Say whether a number, possibly in groups, is one that an issuer could have given out."""
    separators = {c for c in number if not c.isdigit()}
    digits = "".join(c for c in number if c.isdigit())
    return len(separators) <= 1 and _is_issued(digits) and luhn(digits)


def _is_issued(digits: str) -> bool:
    return any(
        first <= digits[: len(first)] <= last and len(digits) in lengths
        for first, last, lengths in ISSUERS
    )
