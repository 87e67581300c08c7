"""All text of a page, without a parser: brackets are found, and what lies between them goes.

Cheaper than a parser written in C, and safe outside the sandbox, because every step is linear and
runs in Python or numpy.
"""

import html
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

#: Tags in the middle of a line, by their first three letters; all others end it.
_INLINE = (
    "a abb acr b bdi bdo big cit cod del dfn em fon i ins kbd nob q rp rt rub s sam sma spa str "
    "sub sup tim tt u var wbr"
)
_HIDDEN = re.compile(rb"<(?:!--|(script|style)(?=[\s/>]))", re.IGNORECASE)
_EMPTY = re.compile(rb"[^<>]*/>")  # up to the next bracket: reading on would not be linear
_ENDS = {
    b"": re.compile(rb"--!?>"),
    b"script": re.compile(rb"</script", re.IGNORECASE),
    b"style": re.compile(rb"</style", re.IGNORECASE),
}
_JSON_LD = re.compile(rb"ld(?:\+|&#x2b;|&#43;|&plus;)json", re.IGNORECASE)
#: Marks of JSON-LD in which trafilatura looks for text where a page has next to none (2.3,
#: ``baseline.py``).
_JSON_TEXT = (
    *(b"articleBody", b"reviewBody", b"recipeInstructions", b"acceptedAnswer"),
    *(b'"Product"', b'"VideoObject"', b'"HowTo"'),
)
_JSON_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrt])")
#: Python refuses to read numbers of over 4,300 digits; characters have seven at most.
_NO_CHARACTER = re.compile(r"&#[0-9]{8,}")
_AFTER_NAME = b" \t\n\r\f/>"
_OPEN, _CLOSE, _SLASH, _SPACE, _NEWLINE = b"<>/ \n"


def page_text(page: bytes) -> str:
    r"""Return the text of a page, its blanks as a browser shows them.

    Scripts, styles and comments are left out, but for JSON-LD that may hold an article. What never
    ends is no script: better too much text than none.

    Args:
        page: HTML in UTF-8; what is none becomes U+FFFD.

    >>> page_text(b"<p>The <b>mill</b>&rsquo;s\n wheel<script>x</script><p>turns")
    'The mill’s wheel\nturns'
    """
    data = np.frombuffer(b"".join(_shown(page.replace(b"\0", b""))) + b"\n\n\n\n", np.uint8)
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
        text = text.replace("&nbsp;", " ").replace("&amp;", "&")
        text = html.unescape(_NO_CHARACTER.sub("\ufffd", text))
    return text.strip()


def _shown(data: bytes) -> Iterator[bytes]:
    """Yield what stands outside of scripts, styles and comments."""
    at, endless = 0, set()
    while match := _HIDDEN.search(data, at):
        yield data[at : match.start()]
        kind = (match[1] or b"").lower()
        at = match.end()
        if not kind:
            at -= 2  # `<!-->` is a whole comment
        elif _EMPTY.match(data, at):
            yield match[0]  # `<script/>` has nothing in it to some parsers: it is a tag like others
            continue
        end = None if kind in endless else _ENDS[kind].search(data, at)
        if end is None:
            endless.add(kind)  # or each of them would be looked for up to the end of the page
            at = match.end()
            yield match[0] if kind else b""
            continue
        script = data[at : end.start()]
        if kind == b"script" and _has_text(script):
            yield b">" + _JSON_ESCAPE.sub(_unescaped, script.decode(errors="replace")).encode()
        at = end.start() if kind else end.end()
    yield data[at:]


def _has_text(script: bytes) -> bool:
    tag = script[: script.find(b">")]
    return _JSON_LD.search(tag) is not None and any(mark in script for mark in _JSON_TEXT)


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
    """Number three letters of a name; no two names of HTML share a number."""
    return (first * 729 + second * 27 + third) & 0xFFFF


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
