"""Public IP addresses, version 4 and 6.

Only addresses of the public internet name anyone, so private and reserved ones stay, as in
datatrove. Unlike there, numbers that are part of something longer stay too: version strings,
object identifiers, outlines.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Any

#: Reserved for documentation (RFC 5737, RFC 3849); not public, hence never counted.
PLACEHOLDER = "192.0.2.1"
PLACEHOLDER_V6 = "2001:db8::1"

_V4 = r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
# Global unicast (2000::/3) with at least three groups: `12:30:45` and `a::b` are no addresses.
_V6 = r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]{2,33}(?:[0-9A-Fa-f]|::)"
_VERSION_BEFORE = re.compile(
    r"(?:^|[^a-z])(?:v|ver|vers|version|versions|release|rev|revision|build|firmware|fw)"
    r"\.?[\s:=#]{0,3}$",
    re.IGNORECASE,
)
#: How far back a version word is looked for, in characters.
_BEFORE = 16


def replace(text: str) -> tuple[str, int]:
    """Return the text with each public address replaced by a placeholder, and how many."""
    parts: list[str] = []
    end = count = 0
    for match in _pattern().finditer(text):
        placeholder = _judge(text, match.start(), match.end())
        if placeholder:
            parts += (text[end : match.start()], placeholder)
            end = match.end()
            count += 1
    return ("".join([*parts, text[end:]]), count) if count else (text, 0)


def _judge(text: str, start: int, end: int) -> str | None:
    """Return the placeholder for a public address that stands alone, else None."""
    found = text[start:end]
    if ":" not in found:
        return PLACEHOLDER if _stands_alone(text, start, end) and _is_public(found) else None
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    if _attached(before) or before in {":", "."} or _attached(after):
        return None
    return PLACEHOLDER_V6 if found.count(":") >= 2 and _is_public(found) else None


def _is_public(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False


def _attached(neighbour: str) -> bool:
    """Say whether a character belongs to the same word: scripts without spaces do not count."""
    return neighbour == "_" or neighbour.isdigit() or (neighbour.isascii() and neighbour.isalpha())


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Say whether four numbers are not part of a longer number, word or version."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    if _attached(before[-1:]) or _attached(after[:1]):
        return False
    if before[-1:] == "." and _attached(before[:1]):
        return False
    if after[:1] == "." and after[1:].isdigit():
        return False
    if after[:1] in {"-", "+"} and after[1:].isalpha():  # 1.2.3.4-beta
        return False
    return _VERSION_BEFORE.search(text[max(0, start - _BEFORE) : start]) is None


@lru_cache(maxsize=1)
def _pattern() -> Any:
    import re2

    return re2.compile(f"{_V4}|{_V6}")
