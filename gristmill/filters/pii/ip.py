"""Public IP addresses, version 4 and 6.

Only addresses of the public internet name anyone, so private and reserved ones stay, as in
datatrove. Unlike there, numbers that are part of something longer stay too: version strings,
object identifiers, numbered headings and references to them.
"""

import ipaddress
import re
from collections.abc import Iterator

from gristmill.filters.pii.scan import Found, attached, compiled, substitute

#: Reserved for documentation (RFC 5737, RFC 3849); not public, hence never counted.
PLACEHOLDER = "192.0.2.1"
PLACEHOLDER_V6 = "2001:db8::1"

_V4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
# Global unicast (2000::/3) with at least three groups: `12:30:45` and `a::b` are no addresses.
_V6 = r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,33}(?:[0-9A-Fa-f]|::)"
_VERSION_BEFORE = re.compile(
    r"(?:(?:^|[^a-z])(?:v|ver|vers|version|versions|versión|versione|versão|release|rev|revision|"
    r"build|firmware|fw|chapter|section|sect|kapitel|abschnitt|chapitre|sección|sezione|seção|"
    r"bagian|avsnitt)|버전|バージョン|版本|верси[яи]|раздел\w*|§|節|节|第)"
    r"\.?[\s:=#\"'“„]{0,3}$",
    re.IGNORECASE,
)
#: What follows a numbered heading: `11.1.2.1. Virtual hosts`.
_HEADING_AFTER = re.compile(r"\.[^\S\n]+[^\W\d]")
#: How far back a version word is looked for, in characters.
_BEFORE = 16


def replace(text: str) -> tuple[str, int]:
    """Return the text with each public address replaced by a placeholder, and how many."""
    return substitute(text, _find(text))


def _find(text: str) -> Iterator[Found]:
    for match in compiled(f"{_V4}|{_V6}").finditer(text):
        start, end = match.span()
        placeholder = _judge(text, start, end)
        if placeholder:
            yield start, end, placeholder


def _judge(text: str, start: int, end: int) -> str | None:
    """Return the placeholder for a public address that stands alone, else None."""
    found = text[start:end]
    if ":" not in found:
        return PLACEHOLDER if _stands_alone(text, start, end) and _is_public(found) else None
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if attached(before) or before in {":", "."} or attached(after):
        return None
    return PLACEHOLDER_V6 if found.count(":") >= 2 and _is_public(found) else None


def _is_public(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return parsed.is_global and not parsed.is_multicast  # a group of receivers is no one


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Say whether four numbers are not part of a longer number, word or version."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if attached(before[-1:]) or attached(after[:1]):
        return False
    if before[-1:] == "." and attached(before[:1]):
        return False
    if after[:1] == "." and after[1:].isdigit():
        return False
    if after[:1] in {"-", "+"} and after[1:].isalpha():  # 1.2.3.4-beta
        return False
    lead = text[max(0, start - _BEFORE) : start]
    begins_line = lead.rstrip(" \t\xa0")[-1:] in {"", "\n"}
    if begins_line and _HEADING_AFTER.match(text, end):
        return False
    return _VERSION_BEFORE.search(lead) is None
