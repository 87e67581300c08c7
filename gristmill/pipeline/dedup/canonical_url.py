"""One spelling for all URLs of the same page, so that equal pages have equal strings.

The rules, by source:

- RFC 3986, 6.2: case of scheme and host, empty path, default port, dot segments, percent-encoding
  (unreserved characters decoded, other escapes in upper case).
- RFC 2396, 2.3 counts ``!*'()`` as unreserved, RFC 3986 does not. Programs follow either, so
  ``Mercury_(planet)`` and ``Mercury_%28planet%29`` are one page; these five are decoded too.
- WHATWG URL, 4.4: what surrounds a URL, tabs and newlines inside it, backslashes, any number of
  slashes after the scheme; what a host may hold. 5.1: ``+`` in a query is a space.
- SURT, the key of Common Crawl's and pywb's indexes (the Internet Archive's package ``surt``):
  no scheme, user, fragment, ``www.``/``www2.``, runs of slashes, trailing slash, empty query or
  session identifier; parameters sorted. nginx (``merge_slashes``) and Apache (``MergeSlashes``)
  merge slashes by default; nearly every server redirects one of ``/a`` and ``/a/`` to the other.
- Parameters that name the click, not the page: see ``_NOISE``.

Where we differ from SURT, because it could lose pages: path and query keep their case, escapes
are decoded once, a ``#!`` fragment stays (it names a page: Google's AJAX crawling scheme, 2009).
Because it joins more: parameters of trackers go. Default documents stay (``/index.html`` is not
``/``): no published rule drops them. datatrove 0.10.1 compares no URLs.
"""

import re
import string
import unicodedata
from ipaddress import IPv6Address
from urllib.parse import quote, unquote_to_bytes

#: Parameters that tell who clicked where, in lower case: those of Brave's query filter (brave-core,
#: ``components/query_filter/utils.cc``, which takes ``mkt_tok`` and ``igshid`` from some pages
#: only) and, from their vendors' manuals, Google's ``_ga`` and ``gclsrc``, TikTok's ``ttclid``,
#: LinkedIn's ``li_fat_id``, Mailchimp's ``mc_cid`` and HubSpot's ``_hsmi``. Left out: what a site
#: may use for its content (``ref``, ``source``, ``cid``, ``si``; Brave's ``__s``, ``s_cid``,
#: ``fb_comment_id``) and Brave's rarer ones.
_TRACKERS = (
    "gclid gclsrc dclid gbraid wbraid srsltid _ga _gl fbclid igshid msclkid yclid ymclid ysclid "
    "_openstat twclid ttclid li_fat_id mc_cid mc_eid mkt_tok _hsenc _hsmi __hssc __hstc __hsfp "
    "hsctatracking oly_anon_id oly_enc_id vero_id vero_conv ml_subscriber ml_subscriber_hash "
    "rb_clickid wickedid irclickid unicorn_click_id mtm_cid pk_cid"
)
#: With the default names of PHP's and Java's session cookies.
_NOISE = frozenset([*_TRACKERS.split(), "phpsessid", "jsessionid"])
#: Google Analytics' campaigns, and IIS's session cookies, which end in eight random letters.
_NOISE_STARTS = ("utm_", "aspsessionid")
#: ``sid`` is a session only where SURT says so; elsewhere it may be a story or a section.
_SID = re.compile("sid=[0-9a-z]{32}", re.I | re.A)
#: Java Servlet 3.1, 7.1.3: a session in the path.
_JSESSIONID = re.compile(";jsessionid=[^/;]*", re.I | re.A)
#: ASP.NET without cookies: ``/(S(24 characters))/page.aspx``.
_ASPNET = re.compile(r"/\((?:[a-z]\([0-9a-z]{24}\))+\)(?=/)", re.I | re.A)

#: SURT's ``www\d*.``, but never down to a top-level domain: ``www.com`` stays. Nothing here or
#: below is tried in a second way (``*+``, ``++``), or a million ``www.`` would take the square.
_WWW = r"(?:www[0-9]*+\.(?=[^./]++\.))*+"
_LEADING_WWW = re.compile(_WWW)
#: A URL that needs no more than its scheme and ``www.`` taken off.
_CLEAN = re.compile(
    rf"https?://{_WWW}([a-z0-9-]++(?:\.[a-z0-9-]++)++)"
    r"((?:/[A-Za-z0-9_~!$&'*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*+)*+)/?"
)
_URL = re.compile(
    r"https?:[/\\]*([^/\\?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.I | re.A | re.DOTALL
)
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.]*\]|[^:]*)(?::([0-9]*))?")
_SURROUNDING = "".join(map(chr, range(0x21)))
_TABS = re.compile(r"[\t\n\r]+")
#: All but WHATWG's forbidden domain code points.
_VALID_HOST = re.compile(r"[^\x00-\x20#%/:<>?@\[\\\]^|\x7f]++")
#: A host has at most 253 characters (RFC 1035), in Unicode fewer; Punycode takes the square.
_LONGEST_UNICODE_HOST = 253
#: Characters that UTS 46 leaves out of a host: soft hyphen, invisible space and joiner, variants.
_IGNORED = dict.fromkeys([0xAD, 0x200B, 0x2060, 0xFEFF, *range(0xFE00, 0xFE10)])

_LEGAL = r"A-Za-z0-9._~!$&'()*+,;=:@/?#\[\]-"
#: Most texts are settled, which this sees sooner.
_SETTLED = re.compile(rf"(?:[{_LEGAL}]++|%[89A-F][0-9A-F]|%20)*+")
_UNSETTLED = re.compile(rf"(?:%[89A-Fa-f][0-9A-Fa-f])+|%[0-7][0-9A-Fa-f]|%|[^%{_LEGAL}]+")
_DECODED = {f"%{ord(c):02X}": c for c in string.ascii_letters + string.digits + "-._~!*'()"}


def canonical_url(url: str | None) -> str | None:
    """Return the spelling that all URLs of this page share: ``http://host/path?query``.

    Never raises, whatever the string; linear time. Its own result it returns as it is.

    Args:
        url: an absolute URL. Lone surrogates are encoded like other characters.

    Returns:
        ASCII; of what is not HTTP or has no valid host, the string itself without surrounding
        spaces and control characters; None for None and for nothing but those.
    """
    if not url:
        return None
    clean = _CLEAN.fullmatch(url)
    if clean:
        return f"http://{clean[1]}{clean[2] or '/'}"
    url = url.strip(_SURROUNDING)
    return _rewritten(url) or url or None


def _rewritten(url: str) -> str | None:
    parts = _URL.fullmatch(url if url.isprintable() else _TABS.sub("", url))
    if not parts:
        return None
    authority = _authority(parts[1])
    if authority is None:
        return None
    query = _query(parts[3]) if parts[3] else ""
    fragment = parts[4] or ""
    bang = f"#{_settled(fragment)}" if fragment.startswith("!") and len(fragment) > 1 else ""
    return f"http://{authority}{_path(parts[2])}{query}{bang}"


def _authority(text: str) -> str | None:
    """Return host and port, if not a default one; None if there is no valid host.

    The scheme is not told apart, so the default ports of both are one.
    """
    parts = _HOST_PORT.fullmatch(text.rpartition("@")[2])
    host = _host(parts[1]) if parts else None
    if not parts or not host or not parts[2]:
        return host
    port = parts[2].lstrip("0") or "0"
    if len(port) > 5 or int(port) > 0xFFFF:
        return None
    return host if port in ("80", "443") else f"{host}:{port}"


def _host(text: str) -> str | None:
    try:
        if text.startswith("["):
            return f"[{IPv6Address(text[1:-1]).compressed}]"
        if "%" in text or not text.isascii():
            text = _punycode(unquote_to_bytes(text).decode())
    except ValueError:  # no IPv6 address, not UTF-8, a lone surrogate
        return None
    host = _LEADING_WWW.sub("", text.lower().rstrip("."), count=1)
    return host if _VALID_HOST.fullmatch(host) else None


def _punycode(host: str) -> str:
    """Return a host in ASCII, as UTS 46 would for nearly all: no character is an error here.

    Raises:
        ValueError: the host is too long.
    """
    if host.isascii():
        return host
    if len(host) > _LONGEST_UNICODE_HOST:
        raise ValueError("host too long")
    folded = unicodedata.normalize("NFKC", host.translate(_IGNORED))
    folded = "".join([c.lower() for c in folded])  # one by one: no final sigma
    labels = unicodedata.normalize("NFKC", folded).replace("。", ".").split(".")
    return ".".join(
        [x if x.isascii() else "xn--" + x.encode("punycode").decode("ascii") for x in labels]
    )


def _path(text: str) -> str:
    """Return a path without sessions, dot segments, and slashes that are doubled or last."""
    path = _settled(text.replace("\\", "/"))
    if ";" in path:
        path = _JSESSIONID.sub("", path)
    if "(" in path:
        path = _ASPNET.sub("", path)
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]  # an empty segment counts: clients resolve dots, servers merge slashes
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join([segment for segment in kept if segment])


def _query(text: str) -> str:
    """Return ``?`` and the parameters that matter, by name; those of one name keep their order."""
    named = [
        (name, parameter)
        for parameter in _settled(text.replace("+", "%20")).split("&")
        if parameter and not _is_noise(name := parameter.partition("=")[0], parameter)
    ]
    named.sort(key=lambda pair: pair[0])
    return "?" + "&".join([parameter for _, parameter in named]) if named else ""


def _is_noise(name: str, parameter: str) -> bool:
    name = name.lower()
    if name in _NOISE or name.startswith(_NOISE_STARTS):
        return True
    return name == "sid" and _SID.fullmatch(parameter) is not None


def _settled(text: str) -> str:
    """Return the text with every character percent-encoded that must be, and no other."""
    return text if _SETTLED.fullmatch(text) else _UNSETTLED.sub(_settle, text)


def _settle(found: re.Match[str]) -> str:
    run = found[0]
    if not run.startswith("%"):
        return quote(run.encode("utf-8", "surrogatepass"), safe="")
    if run == "%":  # begins no escape; encoded, lest what follows complete one
        return "%25"
    return _DECODED.get(run.upper(), run.upper())
