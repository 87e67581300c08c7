"""Bytes of a page to text: one fixed ladder of witnesses for the charset."""

import codecs
import re

#: Bytes of the page in which a ``<meta>`` charset is looked for (WHATWG HTML 13.2.3.2 asks for
#: 1,024; real pages put scripts before it).
_META_BYTES = 4096
_META = re.compile(
    rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.+-]{2,40})""", re.IGNORECASE
)
_HTTP = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.+-]{2,40})""", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Labels as the WHATWG Encoding standard (4.2) reads them, where Python reads them otherwise.
_LABELS = {
    **dict.fromkeys(
        ("ascii", "us-ascii", "latin1", "latin-1", "l1", "iso-8859-1", "iso8859-1", "iso_8859-1"),
        "cp1252",
    ),
    **dict.fromkeys(("ansi_x3.4-1968", "x-cp1252", "windows-1252", "cp819", "ibm819"), "cp1252"),
    **dict.fromkeys(("gb2312", "gb_2312-80", "gbk", "x-gbk", "chinese", "csgb2312"), "gb18030"),
    **dict.fromkeys(
        ("euc-kr", "euckr", "ks_c_5601-1987", "ks_c_5601", "ks_c_5601-1989", "ksc5601"), "cp949"
    ),
    **dict.fromkeys(("ksc_5601", "korean", "windows-949", "uhc", "x-windows-949"), "cp949"),
    **dict.fromkeys(
        ("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "windows-31j", "ms932"), "cp932"
    ),
    **dict.fromkeys(("iso-8859-9", "latin5", "l5"), "cp1254"),
    **dict.fromkeys(("tis-620", "iso-8859-11", "dos-874", "windows-874"), "cp874"),
    **dict.fromkeys(("big5", "x-x-big5", "big5-hkscs", "cn-big5"), "big5hkscs"),
    **dict.fromkeys(("x-euc-jp", "euc-jp", "cseucpkdfmtjapanese"), "euc_jp"),
    **dict.fromkeys(("x-cp1251", "windows-1251", "cp-1251", "win-1251"), "cp1251"),
    **dict.fromkeys(("x-cp1250", "windows-1250", "cp-1250"), "cp1250"),
    **dict.fromkeys(("koi", "koi8", "koi8-r", "cskoi8r"), "koi8_r"),
    **dict.fromkeys(("utf8", "utf-8", "unicode-1-1-utf-8", "x-unicode20utf8"), "utf-8"),
    **dict.fromkeys(("utf-16", "utf-16le", "unicode", "ucs-2", "iso-10646-ucs-2"), "utf-16-le"),
    "utf-16be": "utf-16-be",
}
#: Charsets in which (almost) any bytes are text, so that their label proves nothing.
_SINGLE_BYTE = re.compile(r"(cp|iso8859|koi8|mac|charmap|ptcp|hp|kz)")
_MULTI_BYTE = ("cp932", "cp949", "cp950")
_SURROGATES = re.compile("[\ud800-\udfff]")
#: A declared charset may be wrong in so many of a page's characters; a detected one, after which
#: nothing else is tried, in more.
_MAX_WRONG, _MAX_WRONG_DETECTED = 0.01, 0.05


def decode_html(body: bytes, content_type: str | None) -> tuple[str, str] | None:
    """Decode a page as :func:`decode_labelled` does, or else by detection."""
    return decode_labelled(body, content_type) or _detect(body)


def decode_labelled(body: bytes, content_type: str | None) -> tuple[str, str] | None:
    """Decode a page: byte order mark, HTTP charset, ``<meta>``, strict UTF-8.

    Valid UTF-8 beyond ASCII wins over the label of a single-byte charset. Nothing but Python's
    own codecs sees the page, so this is safe outside the sandbox.

    Args:
        body: the page as sent, content encoding undone.
        content_type: the HTTP header.

    Returns:
        (text, Python's name of the charset), the text free of NUL and lone surrogates; or None
        where no witness fits.
    """
    for bom, charset in _BOMS:
        if body.startswith(bom):
            return _clean(body[len(bom) :].decode(charset, "replace")), charset
    utf8 = _strict_utf8(body)
    for label in _labels(body, content_type):
        charset = python_codec(label) or ""
        if charset and utf8 is not None and not body.isascii() and _single_byte(charset):
            break
        if charset == "utf-8" and utf8 is not None:
            break
        text = _tolerant(body, charset)
        if text is not None:
            return _clean(text), charset
    return None if utf8 is None else (utf8.replace("\x00", ""), "utf-8")


def python_codec(label: str) -> str | None:
    """Return the codec that a charset label means on the web, or None where it means nothing.

    >>> python_codec("Latin1"), python_codec("x-sjis"), python_codec("zlib")
    ('cp1252', 'cp932', None)
    """
    label = label.strip().lower()
    if label in _LABELS:
        return _LABELS[label]
    try:
        info = codecs.lookup(label)
    except (LookupError, ValueError):
        return None
    # Python also knows codecs that are no charsets (zlib, idna) and ones that browsers refuse.
    known = getattr(info, "_is_text_encoding", False)
    refused = ("utf-7", "idna", "punycode", "undefined", "mbcs", "oem", "unicode_escape")
    if not known or info.name in refused or "escape" in info.name:
        return None
    return _LABELS.get(info.name, info.name)


def _labels(body: bytes, content_type: str | None) -> list[str]:
    http = _HTTP.search(content_type or "")
    meta = _META.search(body[:_META_BYTES])
    labels = [http[1]] if http else []
    if meta:
        label = meta[1].decode("ascii")
        # A page whose <meta> can be read is not UTF-16 (WHATWG HTML 13.2.3.3).
        labels.append("utf-8" if label.lower().startswith("utf-16") else label)
    return labels


def _single_byte(charset: str) -> bool:
    return _SINGLE_BYTE.match(charset.replace("-", "")) is not None and charset not in _MULTI_BYTE


def _strict_utf8(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeError:
        return None


def _tolerant(body: bytes, charset: str, limit: float = _MAX_WRONG) -> str | None:
    """Decode with replacement; None without a charset, or where too much would be replaced."""
    if not charset:
        return None
    try:
        text = body.decode(charset, "replace")
    except (UnicodeError, LookupError, ValueError):
        return None
    wrong = text.count("\ufffd") - body.count(b"\xef\xbf\xbd")
    return text if wrong <= 1 + limit * len(text) else None


def _detect(body: bytes) -> tuple[str, str] | None:
    from resiliparse.parse.encoding import detect_encoding

    # Its WHATWG mapping does not know cp949 and answers UTF-8 for Korean: ours is used instead.
    found: str | None = detect_encoding(body, html5_compatible=False)
    charset = python_codec(found or "utf-8")
    if charset is None or (text := _tolerant(body, charset, _MAX_WRONG_DETECTED)) is None:
        return None
    return _clean(text), charset


def _clean(text: str) -> str:
    """Remove what Arrow, libxml2 or UTF-8 cannot hold."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = _SURROGATES.sub("\ufffd", text)
    return text
