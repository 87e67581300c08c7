import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree, html

from gristmill.pipeline.extract.selectors import Selector

NS = {"re": "http://exslt.org/regular-expressions"}


def xpath(path: str) -> etree.XPath:
    return etree.XPath(path, namespaces=NS)


EXPRESSIONS = [
    xpath(".//*[self::div or self::p][re:test(@class, '^nav|foot') or @id='x']"),
    xpath(".//*[re:test(@id|@class, 'menu') or contains(@style, 'none')]"),
]
PAGE = """<html><body class="nav">
<div class="navbar">a</div><div CLASS="top nav">b</div><p id="x" data-x="1">c</p>
<span class="nav" style="display:none">d</span><g:plusone class="menu">e</g:plusone>
<div id="top" class="menu">f</div><div class="menu" id="top">g</div><p xlink:href="u">h</p>
<div class="foot"><p id="x">i</p></div></body></html>"""


def test_selects_what_the_expressions_select_in_document_order() -> None:
    tree = html.fromstring(PAGE)
    wanted = {element for expression in EXPRESSIONS for element in expression(tree)}
    selector = Selector(EXPRESSIONS)
    for _ in range(2):  # asked, then remembered
        assert selector(tree) == [e for e in tree.iterdescendants() if e in wanted]
    assert Selector(EXPRESSIONS[:1], first=True)(tree) == EXPRESSIONS[0](tree)[:1]


def test_order_of_attributes_counts_as_in_the_source() -> None:
    # `@id|@class` means whichever stands first: one of the two <div>s with both.
    tree = html.fromstring(PAGE)
    found = [e.text for e in Selector(EXPRESSIONS[1:])(tree)]
    assert found == [e.text for e in EXPRESSIONS[1](tree)]
    assert ("f" in found) != ("g" in found)


def test_names_alone_and_conditions_below() -> None:
    tree = html.fromstring("<div><aside>a</aside><svg/><div class='ad'><h1>x</h1></div></div>")
    for path in (".//aside|.//svg|.//div[@class='x']", ".//*[self::div][@class='ad'][not(.//h1)]"):
        expression = xpath(path)
        assert Selector([expression])(tree) == expression(tree)


def test_what_lxml_would_not_make_is_asked_in_place() -> None:
    tree = html.fromstring(
        "<div><p class='nav\x01'>a</p><p class='nav'>b</p><p class='x'>c</p></div>"
    )
    expression = xpath(".//*[self::p][re:test(@class, '^nav')]")
    assert [e.text for e in expression(tree)] == ["a", "b"]
    assert Selector([expression])(tree) == expression(tree)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.pipeline.extract.selectors._MEMO", 10)
    selector = Selector(EXPRESSIONS)
    for i in range(50):
        selector(html.fromstring(f"<div><p id='made-up-{i}'>x</p></div>"))
    assert len(selector._memo) <= 10


SCRIPT = """
import gzip, hashlib, json, sys, trafilatura
if sys.argv[1] == "selectors":
    from gristmill.pipeline.extract import selectors
    selectors.install()
options = [{"fast": True, "favor_recall": True}, {}, {"favor_precision": True}]
with gzip.open(sys.argv[2], "rt") as file:
    for i, line in enumerate(file):
        if i % 25 == 0:
            page = json.loads(line)["html"]
            texts = [trafilatura.extract(page, include_comments=False, **o) for o in options]
            print(hashlib.sha256(repr(texts).encode()).hexdigest())
"""


@pytest.mark.real_data
def test_real_pages_give_the_same_text_with_and_without(shared_data: Path) -> None:
    # Separate processes, because installing is for good.
    hashes = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT, mode, str(shared_data / "gold.jsonl.gz")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        for mode in ("stock", "selectors")
    ]
    assert len(hashes[0]) == 48
    assert hashes[0] == hashes[1]
