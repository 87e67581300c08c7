"""The frame of HTML pages: nothing loaded, everything escaped, only our own script may run."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from gristmill.tokenize.html_page import clean, page, table

VOID = {"meta", "input", "br", "rect", "line", "polyline"}


class Checker(HTMLParser):
    """Notes tags, attributes and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)


def check_alone(html: str) -> Checker:
    """Assert that a page loads nothing, and that its policy lets in what it holds and no more."""
    found = Checker(html)
    names = {name for name, _ in found.attributes}
    assert not names & {"src", "href", "style", "srcset", "action"}
    assert not [name for name in names if name.startswith("on")]
    assert not set(found.tags) & {"link", "img", "iframe", "object", "embed", "base"}
    assert "url(" not in html
    assert "@import" not in html
    policy = _policy(html)
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        held = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(h.encode()).digest()).decode() for h in held]
        assert re.findall(rf"{tag}-src 'sha256-([^']*)'", policy) == hashes
    return found


def _policy(html: str) -> str:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert found
    return found[1]


def test_page() -> None:
    html = page("</title><script>alert(1)</script>", ["<p>x</p>"], "p { top: 0 }", "let a = 1;")
    found = check_alone(html)
    assert found.tags.count("script") == 1
    assert "</title><script>alert(1)</script>" in found.text
    assert "prefers-color-scheme: dark" in html
    assert "script-src" not in page("t", [])


def test_clean_leaves_nothing_that_acts_or_hides() -> None:
    assert clean("<a b=\"c\" d='e'>&") == "&lt;a b=&quot;c&quot; d=&#x27;e&#x27;&gt;&amp;"
    assert clean("a\u202eb\x00c d") == "a⟨U+202E⟩b⟨U+0000⟩c d"
    assert clean(b"a b\xff") == "a·b⟨ff⟩"


def test_table() -> None:
    html = table(["name", "n"], [["<b>x</b>", "1"]])
    found = Checker(html)
    assert found.tags.count("td") == found.tags.count("th") == 2
    assert [value for name, value in found.attributes if name == "class"] == ["wide", "l", "l"]
