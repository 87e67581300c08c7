"""All captures of the sample crawl: ordinary pages first, then everything planted."""

import json

from gristmill.demo.layout import page_html
from gristmill.demo.model import Capture, Page, Site, load_sites
from gristmill.demo.pages import ordinary_pages, write_page
from gristmill.demo.planted import (
    SPAM_PATHS,
    exact_copy,
    near_copy,
    pii_page,
    spam_pages,
    spoiled_pages,
)

#: Ordinary pages by language; the planted ones come on top.
ORDINARY = {"en": 430, "ko": 48, "de": 30, "fr": 30, "es": 30, "ja": 30, "ru": 30, "zh": 30}

#: (language, codec of the bytes, Content-Type as sent): no label, or a wrong one.
ENCODINGS = (
    ("ko", "euc_kr", "text/html"),
    ("ko", "euc_kr", "text/html; charset=UTF-8"),
    ("ko", "cp949", ""),
    ("ja", "shift_jis", "text/html"),
    ("ja", "shift_jis", "text/html; charset=ISO-8859-1"),
    ("ja", "euc_jp", "text/html"),
    ("ru", "cp1251", "text/html"),
    ("ru", "cp1251", "text/html; charset=UTF-8"),
    ("ru", "koi8_r", "text/html"),
    ("de", "latin_1", "text/html"),
    ("fr", "latin_1", "text/html; charset=UTF-8"),
    ("es", "latin_1", ""),
    ("zh", "gb18030", "text/html"),
)


def _of(language: str) -> tuple[Site, ...]:
    return tuple(site for site in load_sites() if site.language == language)


def _capture(page: Page, layout: int | None = None, **notes: str) -> Capture:
    if page.planted:
        notes["pii"] = json.dumps(page.planted, sort_keys=True)
    body = page_html(page, layout).encode()
    return Capture(page.url, page.site.language, page.kind, body, notes=notes)


def _copies(pages: dict[str, list[Page]]) -> list[Capture]:
    captures = []
    articles = {
        language: [page for page in listed if page.kind == "article"]
        for language, listed in pages.items()
    }
    plan = [*(("en", i) for i in range(14)), ("ko", 0), ("ko", 1), ("ko", 2), ("de", 0), ("de", 1)]
    for number, (language, i) in enumerate([*plan, ("fr", 0)]):
        page, sites = articles[language][i], _of(language)
        other = sites[(sites.index(page.site) + 1) % len(sites)]
        copy = exact_copy(page, other, number)
        captures.append(_capture(copy, page.site.layout + 1, original=page.url))
    plan = [*(("en", i) for i in range(20, 40)), ("ko", 5), ("ko", 6), ("ko", 7), ("fr", 5)]
    for number, (language, i) in enumerate([*plan, ("fr", 6)]):
        page = articles[language][i]
        captures.append(_capture(near_copy(page, number), original=page.url))
    return captures


def _personal(pages: dict[str, list[Page]]) -> list[Capture]:
    plan = [*(("en", i) for i in range(12)), ("de", 1), ("de", 2), ("ko", 1)]
    return [
        _capture(pii_page(write_page(pages[lang][i].site, 7000 + n, "article"), n))
        for n, (lang, i) in enumerate(plan)
    ]


def _encoded() -> list[Capture]:
    captures = []
    for number, (language, codec, label) in enumerate(ENCODINGS):
        sites = _of(language)
        page = write_page(sites[number % len(sites)], 6000 + number, "article")
        body = page_html(page).encode(codec, "replace")
        notes = {"encoding": codec}
        captures.append(
            Capture(page.url, language, "bad encoding", body, content_type=label, notes=notes)
        )
    noise = bytes((i * 73 + i // 7) % 256 for i in range(6000))
    url = f"https://{_of('en')[0].host}/noise.html"
    notes = {"encoding": "none"}
    return [*captures, Capture(url, "en", "bad encoding", noise, notes=notes)]


def _broken() -> list[Capture]:
    site = _of("en")[2]
    root = f"https://{site.host}/broken"
    page = write_page(site, 5000, "article")
    html = page_html(page).encode()
    refused = b"<html><body><h1>Not here</h1><p>The page has gone for a walk.</p></body></html>"
    deep = b"<html><body>" + b"<div>" * 2000 + html + b"</div>" * 2000 + b"</body></html>"
    good = "200 OK"
    statuses = (
        "404 Not Found",
        "404 Not Found",
        "301 Moved Permanently",
        "403 Forbidden",
        "500 Internal Server Error",
        "503 Service Unavailable",
    )
    moved = [
        Capture(f"{root}/{status[:3]}-{i}.html", "en", "not 200", refused, status=status)
        for i, status in enumerate(statuses)
    ]
    return [
        *moved,
        Capture(f"{root}/leaflet", "en", "not html", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"),
        Capture(f"{root}/feed", "en", "not html", b'{"tides": [3.1, 4.2], "place": "Saltwick"}'),
        Capture(f"{root}/empty.html", "en", "empty body", b"", status=good),
        Capture(f"{root}/cut.html", "en", "truncated", html[:3000], truncated="length"),
        Capture(f"{root}/deep.html", "en", "deep nesting", deep),
        Capture(f"{root}/damaged.html", "en", "damaged", html, damaged=True),
    ]


def collect() -> list[Capture]:
    """Return every capture, each with its own URL."""
    pages = {language: ordinary_pages(_of(language), count) for language, count in ORDINARY.items()}
    ordinary = [_capture(page) for listed in pages.values() for page in listed]
    spam = [_capture(page) for page in spam_pages(_of("en"), SPAM_PATHS)]
    spoiled = [_capture(page) for page in spoiled_pages(_of("en"), 4)]
    return [*ordinary, *spam, *spoiled, *_copies(pages), *_personal(pages), *_encoded(), *_broken()]
