"""All text of a page, without a parser: brackets are found, and what lies between them goes.

Cheaper than a parser written in C, and safe outside the sandbox, because every step is linear and
runs in Python or numpy. Where in doubt it gives more text than a browser shows.
"""

import html
import re
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

#: Tags in the middle of a line, by their first three letters; all others end it.
_INLINE = (
    "a b i q s u abb acr bdi bdo big cit cod dat del dfn em fon ins kbd lab mar nob rp rt rub sam "
    "sma spa str sub sup tim tt u var wbr"
)
_HIDDEN = re.compile(rb"<(script|style)(?=[\s/>])", re.IGNORECASE)
_HIDDEN_END = {name: re.compile(rb"</" + name, re.IGNORECASE) for name in (b"script", b"style")}
#: Marks of JSON-LD in which trafilatura looks for text where a page has next to none (2.3,
#: ``baseline.py``).
_JSON_TEXT = (
    *(b"articleBody", b"reviewBody", b"recipeInstructions", b"acceptedAnswer"),
    *(b'"Product"', b'"VideoObject"', b'"HowTo"'),
)
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrt])")
#: The beginning of a tag that ends a line; its end is what follows.
_BREAK = b"<br "
_AFTER_NAME = b" \t\n\r\f/>"
_OPEN, _CLOSE, _SLASH, _SPACE, _NEWLINE = b"<>/ \n"


def page_text(page: bytes) -> str:
    r"""Return the text of a page, its blanks as a browser shows them.

    Scripts, styles and comments are left out, but for JSON-LD that may hold an article.

    Args:
        page: HTML in UTF-8; what is none becomes U+FFFD.

    >>> page_text(b"<p>The <b>mill</b>&rsquo;s\n wheel<script>x</script><p>turns")
    'The mill’s wheel\nturns'
    """
    data = np.frombuffer(_without_hidden(page) + b"\n\n\n\n", np.uint8)
    places = np.flatnonzero((data == _OPEN) | (data == _CLOSE))
    opens = (data[places] == _OPEN) & _tables().begins[data[places + 1]]
    inside = np.repeat(opens, np.diff(places, append=len(data)))  # from the first bracket on
    shown = np.ones(len(data), np.bool_)
    shown[len(data) - len(inside) :] = ~inside
    inline = np.zeros(len(places), np.bool_)
    inline[opens] = _are_inline(data, places[opens])
    shown[places[1:][inline[:-1] & ~opens[1:]]] = False  # the bracket that closes the tag
    out = np.maximum(data, _SPACE)
    out[places[~opens]] = _NEWLINE
    text = _squeezed(out[shown]).tobytes().decode(errors="replace")
    if "&" in text:  # two common ones first, because each that is left costs a call
        text = html.unescape(text.replace("&nbsp;", " ").replace("&amp;", "&"))
    return (_JSON_ESCAPE.sub(_unescaped, text) if b"ld+json" in page else text).strip()


def _without_hidden(data: bytes) -> bytes:
    """Cut scripts and styles, then comments; what never ends is not cut."""
    parts = _HIDDEN.split(data)
    shown = [parts[0]]
    for kind, part in zip(parts[1::2], parts[2::2], strict=True):
        end = _HIDDEN_END[kind.lower()].search(part)
        hidden = end is not None and not _has_text(part[: end.start()])
        shown += (_BREAK, part[end.start() :] if end and hidden else part)
    parts = b"".join(shown).split(b"<!--")
    return _BREAK.join([parts[0], *map(_after_comment, parts[1:])])


def _after_comment(part: bytes) -> bytes:
    # `<!-->` is a whole comment.
    end = 0 if part[:1] == b">" else part.find(b"-->")
    return part[end:] if end >= 0 else part


def _has_text(script: bytes) -> bool:
    return b"ld+json" in script[: script.find(b">")] and any(m in script for m in _JSON_TEXT)


def _unescaped(escape: re.Match[str]) -> str:
    code = int(escape[1] or "20", 16)
    return " " if 0xD800 <= code < 0xE000 else chr(code)


class _Tables(NamedTuple):
    """By byte: what it is in a name, whether a tag may go on with it; by key: inline tags."""

    lower: npt.NDArray[np.uint32]
    begins: Flags
    inline: Flags


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    lower = np.arange(256, dtype=np.uint32)
    lower[65:91] += 32
    lower[list(_AFTER_NAME)] = _SPACE
    begins = np.zeros(256, np.bool_)
    begins[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/!?")] = True
    keys = [name.ljust(3).encode() for name in _INLINE.split()]
    inline = np.zeros(1 << 16, np.bool_)
    inline[[_slot(*map(np.uint32, key)) for key in keys]] = True
    return _Tables(lower, begins, inline)


def _are_inline(data: Bytes, tags: npt.NDArray[np.intp]) -> Flags:
    """Tell of each ``<`` whether an inline tag begins there."""
    lower, _, inline = _tables()
    names = tags + 1 + (data[tags + 1] == _SLASH)
    first, second, third = (lower[data[names + i]] for i in range(3))
    third[second == _SPACE] = _SPACE
    found: Flags = inline[_slot(first, second, third)]
    return found


def _slot(first: Any, second: Any, third: Any) -> Any:
    """Spread three letters over a table. Where two names share a slot, a line goes on: no harm."""
    return (first * 625 + second * 25 + third) & 0xFFFF


def _squeezed(text: Bytes) -> Bytes:
    """Keep one character of each run of blanks: a newline where the run has one."""
    blank = text <= _SPACE
    keep = np.ones(len(text), np.bool_)
    keep[1:] = ~(blank[1:] & blank[:-1]) | (text[1:] == _NEWLINE)
    text = text[keep]
    newline = text == _NEWLINE
    keep = np.ones(len(text), np.bool_)
    keep[1:] = ~(newline[1:] & newline[:-1])
    return text[keep]
