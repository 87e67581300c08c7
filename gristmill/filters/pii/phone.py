"""Telephone numbers: international ones always, national ones of the regions that a recipe names.

A stretch of digits and separators with at least seven digits is cut at its spaces; from left to
right, the longest run of pieces that is a telephone number is taken. ``phonenumbers`` (Google's
numbering plans) says which numbers exist. Almost any eight digits are a number *somewhere*, so a
national number must also look like one: begin as numbers of its country begin (``0…``, ``(…``, or
3-3-4 digits in North America) and be grouped as they are there, or stand after a word such as
"Tel." or 전화. Dates, decimal numbers, prices, ISBN, order numbers and counted rows do not.

Where numbers have no fixed length (Germany), a group of digits that follows one may go with it.
Not found: international numbers dialled as ``00…`` without a region, national numbers in one
piece without such a word, digits of scripts other than ASCII and full width.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gristmill.filters.pii.scan import (
    DIGIT,
    HYPHENS,
    SPACES,
    Found,
    compiled,
    stands_alone,
    substitute,
    to_ascii,
    until_stable,
)

PLACEHOLDER = "[PHONE]"

_SEPARATOR = f"[{SPACES}().（）．/／{HYPHENS}]"
_SPAN = rf"[+＋(（]{{0,2}}{DIGIT}(?:{_SEPARATOR}{{0,3}}{DIGIT}){{6,}}"
#: E.164 allows 15 digits; two more for a dialled `00`.
_MIN_DIGITS, _MAX_DIGITS, _MAX_PIECES = 7, 17, 8

#: What names a number as a telephone number, shortly before it. (No bracket after the word: the
#: placeholder itself vouches for nothing.)
_WORDS = re.compile(
    r"\b(?:tel|tél|tlf|phone|telephone|téléphone|telefon\w*|teléfono|telefone|telefoon|fon|fax|"
    r"mobile?|mobil\w*|cell|handy|gsm|whatsapp|sms|hotline|durchwahl|rufnummer|portable|"
    r"celular|móvil|call|dial|appele[rz])\b(?!\])"
    r"|전화|연락처|휴대폰|핸드폰|팩스|문의|電話|携帯|ファックス|ファクス|电话|手机|☎|☏|📞|📱|℡",
    re.IGNORECASE,
)
_WORDY = re.compile(r"[^\d\s.,()/+-]")  # quick to see in a table of numbers
#: How far back it may stand, in characters.
_BEFORE = 24
#: What names a number as something else, directly before it.
_OTHER = re.compile(
    r"(?:\b(?:isbn(?:-1[03])?|issn|ean|gtin|upc|doi|pmid|sku|art|vin|ref|order|invoice|case|"
    r"serial|patent|version|ver|v|rev|build|id|no|nr|commande)|\w*(?:nummer|number|nr)"
    r"|번호|番号|№|n°|#|[$€£¥₩])[\s.:#=-]{0,4}$",
    re.IGNORECASE,
)
_OTHER_BEFORE = 20
#: An extension written on to a number is taken with it.
_EXTENSION = re.compile(r"(?:x|ext\.?)[0-9]{1,6}(?![0-9A-Za-z-])")
#: A currency after the number makes it a price.
_PRICE = re.compile(r"\s?(?:[$€£¥₩원円元%]|EUR\b|USD\b|KRW\b)")

_DATE = re.compile(
    r"(?<![0-9])(?<![0-9][-./])"
    r"(?:[0-9]{4}[-./][0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./][0-9]{1,2}[-./](?:[0-9]{2}){1,2})"
    r"(?![0-9]|[-./][0-9])"
)
_DECIMAL = re.compile(r"(?:^| )[0-9]+\.[0-9]+(?: |$)")
_ZIP_4 = re.compile("[0-9]{5}-[0-9]{4}")  # of the United States
_TRUNK = re.compile(r"\(?0{1,2}[1-9][0-9]{0,4}[^0-9]")
_BRACKETED = re.compile(r"\([0-9]{2,5}\)")
_NORTH_AMERICAN = re.compile(
    r"(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}"
)


def replace(text: str, regions: Sequence[str] = ()) -> tuple[str, int]:
    """Return the text with each telephone number replaced by ``PLACEHOLDER``, and how many.

    Args:
        text: any text.
        regions: ISO 3166 codes of countries whose national numbers count, in order of trial.
    """
    return until_stable(text, lambda t: substitute(t, _find(t, regions)))


def is_region(code: str) -> bool:
    """Say whether ``phonenumbers`` knows the numbers of a country (ISO 3166 code)."""
    import phonenumbers

    return code in phonenumbers.SUPPORTED_REGIONS


def _find(text: str, regions: Sequence[str]) -> Iterator[Found]:
    past = 0
    for match in compiled(_SPAN).finditer(text):
        span = to_ascii(match.group())
        if not regions and "+" not in span:
            continue
        for start, end in _in_span(text, match.start(), span, regions):
            if start >= past:  # else it begins in the extension of the one before
                yield start, end, PLACEHOLDER
                past = end


def _in_span(text: str, begin: int, span: str, regions: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where telephone numbers of a span are in the text: cut at spaces, longest first."""
    pieces = [piece.span() for piece in re.finditer(r"[^ ]+", span)]
    first = 0
    while first < len(pieces):
        place = begin + pieces[first][0]
        named = _is_named(text[max(0, place - _BEFORE) : place])
        if not named and not _may_begin(span, pieces[first][0]):
            first += 1
            continue
        for last in range(min(first + _MAX_PIECES, len(pieces)) - 1, first - 1, -1):
            number = span[pieces[first][0] : pieces[last][1]]
            brackets = _loose_brackets(number)
            start = begin + pieces[first][0] + brackets
            beside = (*pieces[max(0, first - 1) : first], *pieces[last + 1 : last + 2])
            neighbours = tuple(span[slice(*piece)] for piece in beside)
            end = _phone_end(text, start, number[brackets:], neighbours, named, regions)
            if end:
                yield start, end
                first = last
                break
        first += 1


def _loose_brackets(number: str) -> int:
    """Return how many brackets at the start are opened around the number, not in it."""
    opened = len(number) - len(number.lstrip("("))
    return min(opened, max(0, number.count("(") - number.count(")")))


def _phone_end(
    text: str,
    start: int,
    number: str,
    neighbours: tuple[str, ...],
    named: bool,
    regions: Sequence[str],
) -> int | None:
    """Return where the telephone number that begins at ``start`` ends, or None if it is none.

    Args:
        text: the whole text, for what stands around.
        start: place of the number in the text.
        number: the number in ASCII, without extension.
        neighbours: the pieces before and after it in the same stretch of digits.
        named: a word before it names it as a telephone number.
        regions: countries whose national numbers count.
    """
    digits = sum(c.isdigit() for c in number)
    if not _MIN_DIGITS <= digits <= _MAX_DIGITS or number.count("(") != number.count(")"):
        return None
    extension = _EXTENSION.match(text, start + len(number))
    end = extension.end() if extension else start + len(number)
    if not number[-1].isdigit() or not stands_alone(text, start, end):
        return None
    if number.startswith(("+", "(+")):
        return end if _exists(number, None) else None
    if not regions or _PRICE.match(text, end) or _is_something_else(number):
        return None
    if named:
        return end if any(_exists(number, region) for region in regions) else None
    if _OTHER.search(text[max(0, start - _OTHER_BEFORE) : start]) or _is_row(number, neighbours):
        return None
    return end if any(_looks_national(number, region) for region in regions) else None


def _may_begin(span: str, place: int) -> bool:
    """Say whether a number that no word names may begin here; nearly nothing in a table may."""
    return span[place] in "+(0" or _NORTH_AMERICAN.match(span, place) is not None


def _is_named(before: str) -> bool:
    return bool(_WORDY.search(before) and _WORDS.search(before))


def _is_something_else(number: str) -> bool:
    """Say whether the digits are a date, a decimal number, an address or a count."""
    if _DATE.search(number) or (number[0] != "(" and _DECIMAL.search(number)):
        return True
    values = [int(group) for group in re.findall("[0-9]+", number)]
    if len(values) > 3 and all(b - a == 1 for a, b in pairwise(values)):
        return True
    return any(_is_ip(piece) for piece in number.split(" "))


def _is_ip(piece: str) -> bool:
    try:
        ipaddress.IPv4Address(piece)
    except ValueError:
        return False
    return True


def _is_row(number: str, neighbours: tuple[str, ...]) -> bool:
    """Say whether the groups, all of one length, go on beside the number: a row of a table."""
    lengths = {len(group) for group in re.findall("[0-9]+", number)}
    return len(lengths) == 1 and any(n.isdigit() and len(n) in lengths for n in neighbours)


def _exists(number: str, region: str | None) -> bool:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, region)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_valid_number(parsed)


def _looks_national(number: str, region: str) -> bool:
    """Say whether a number begins and is grouped as numbers of the region are."""
    import phonenumbers

    if phonenumbers.country_code_for_region(region) == 1:
        return bool(_NORTH_AMERICAN.fullmatch(number)) and _exists(number, region)
    begins = _TRUNK.match(number) or _BRACKETED.match(number)
    if not begins or _ZIP_4.fullmatch(number) or not _exists(number, region):
        return False
    parsed = phonenumbers.parse(number, region)
    national = phonenumbers.national_significant_number(parsed)
    usual = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    ours, theirs = _cuts(number, len(national)), _cuts(usual, len(national))
    return bool(ours and theirs) and (ours <= theirs or ours >= theirs)


def _cuts(number: str, length: int) -> set[int]:
    """Return where a number is cut into groups, as digits from its end."""
    groups = re.findall("[0-9]+", number)
    cuts, digits = set(), 0
    for group in reversed(groups[1:]):
        digits += len(group)
        cuts.add(digits)
    return {cut for cut in cuts if cut < length}
