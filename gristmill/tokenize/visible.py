"""Bytes of a token as something to look at: nothing invisible, nothing that steers a terminal."""

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

#: Letters and marks by category that show nothing: fillers, joiners, variation selectors.
_BLANK = frozenset(
    map(chr, [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810),
              *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
)  # fmt: skip
_NAMED = {" ": "·", "\t": "→", "\n": "↵\n"}
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})


class Fragment(NamedTuple):
    """A stretch to show. ``marker``: it stands for something else and is not text itself."""

    text: str
    marker: bool


def fragments(data: bytes) -> list[Fragment]:
    """Return what to show for bytes.

    A space is ``·``, a tab ``→``, a line feed ``↵`` and a real line break; other control and
    invisible characters are their code points (``⟨U+202E⟩``), bytes that are no whole character
    their hexadecimal (``⟨e2 82⟩``). A combining mark that begins the bytes stands on ``◌``. The
    only control character in what is returned is that line break.
    """
    found: list[Fragment] = []
    for text, bad in _decoded(data):
        if bad:
            found.append(Fragment(f"⟨{bad.hex(' ')}⟩", True))
        for char in text:
            sign = _marker(char)
            if sign is None and not found and unicodedata.category(char)[0] == "M":
                found.append(Fragment("◌", True))
            found.append(Fragment(char if sign is None else sign, sign is not None))
    return [
        Fragment("".join(fragment.text for fragment in run), marker)
        for marker, run in groupby(found, key=lambda fragment: fragment.marker)
    ]


def plain(text: str | bytes, space: str = "·") -> str:
    """Return text or bytes as one string without anything invisible; line feeds are ``↵``.

    Args:
        text: what to show.
        space: what a space is shown as.
    """
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    shown = (f.text.replace("·", space) if f.marker else f.text for f in fragments(data))
    return "".join(shown).replace("\n", "")


@lru_cache(maxsize=1 << 16)
def _marker(char: str) -> str | None:
    """Return what stands for a character, or None where it shows itself."""
    if char in _NAMED:
        return _NAMED[char]
    if unicodedata.category(char) in _HIDDEN or char in _BLANK:
        return f"⟨U+{ord(char):04X}⟩"
    return None


def _decoded(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (text, b"") and ("", bytes that are no text) in turn."""
    # A surrogate here is an escaped byte: UTF-8 itself has none.
    for bad, run in groupby(data.decode("utf-8", "surrogateescape"), _is_escape):
        text = "".join(run)
        yield ("", text.encode("utf-8", "surrogateescape")) if bad else (text, b"")


def _is_escape(char: str) -> bool:
    return "\udc80" <= char <= "\udcff"
