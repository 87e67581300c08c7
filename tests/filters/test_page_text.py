"""The text of a whole page: nothing that an extractor could find is missing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.page_text import page_text

PIECES = [
    *("<p>", "</p>", "<b>", "</B>", "<br/>", "<div class='a>b'>", "<!--", "-->", "<!-->", "<"),
    *("<script>", "</script>", "<style x>", "</STYLE", "<styled>", ">", "&nbsp;", "&#55296;", "\0"),
    *(" ", "\n", "\r\n", "mill", "Mühle", "日本", '<script type="application/ld+json">', "\\ud800"),
]


def text(html: str) -> str:
    return page_text(html.encode())


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("", ""),
        ("mill", "mill"),
        ("<p>one</p> <p>two", "one\ntwo"),
        ("a <b>bold</b> w<I>or</I>d <SPAN class=x>here</SPAN>", "a bold word here"),
        ("<strong>a</strong><code>b</code><label>c</label><title>d</title>", "ab\nc\nd"),
        ("<marquee>the</marquee>mill<datalist>one</datalist>two", "the\nmill\none\ntwo"),
        ("<form>a<footer>b<main>c<col>d<map>e", "a\nb\nc\nd\ne"),
        ("line\nbreaks \t are\r\n spaces", "line breaks are spaces"),
        ("1 < 2 and 3 <4", "1\n2 and 3\n4"),
        ("&lt;p&gt; &amp; caf&eacute;&nbsp;&hellip;", "<p> & café …"),
        ("a<script>b<p>c</p></script>d<STYLE>e</STYLE >f", "a\nd\nf"),
        ("a<!-- b <p> c -->d<!-->e-->f<!-- open <p>g", "ade--\nf open\ng"),
        ("a<script>open <p>b", "a\nopen\nb"),
        ("<style-guide>a</style-guide><scripts>b", "a\nb"),
        ("<script>var a = '<!-- ';</script>b<!-- c -->d", "bd"),
        ("a\0b", "ab"),
        ("<script>a='<script>'; b</script>c", "c"),
        ("<!-- <script> -->the mill<script>x</script> turns", "the mill\nturns"),
        ("<!-- a --!> text <!-- --> end", "text end"),
        ("Hello<!-- -->, <!-- -->John", "Hello, John"),
        ("<script src=a.js/><p>shown</p><script>x</script>", "shown"),
        ("mill &#" + "1" * 5000 + ";", "mill \ufffd;"),
    ],
)
def test_pages(html: str, expected: str) -> None:
    assert re.sub(" *\n *", "\n", text(html)) == expected


def test_json_ld_counts_where_it_may_hold_an_article() -> None:
    body = r'{"articleBody": "caf\u00e9\n\ud83d\ude00 mill "}'
    assert "café" in text(f'<script type="application/ld+json">{body}</script>')
    assert "mill" in text(f'<script type="application/ld+json">{body}</script>').split()
    assert "mill" in text(f'<script type="application/ld&#x2B;json">{body}</script>')
    assert text(f"<script>{body}</script>") == ""
    assert text('<script type="application/ld+json">{"name": "mill"}</script>') == ""


def test_bytes_that_are_no_utf8_are_no_error() -> None:
    assert page_text(b"<p>caf\xe9 \xff</p>") == "caf\ufffd \ufffd"


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_shape_of_any_text(html: str) -> None:
    found = text(html)
    found.encode()
    assert found == found.strip()
    assert "&" in html or not re.search(r"\n\n|  ", found)


@given(st.lists(st.sampled_from(["mill", "of", "Mühle", "日本"]), min_size=1), st.data())
def test_no_word_between_tags_is_lost(words: list[str], data: st.DataObject) -> None:
    tags = st.sampled_from(["<p>", "<br>", "<div id=a>", " <b> ", "</td>", " ", "\n"])
    html = "".join(word + data.draw(tags) for word in words)
    assert text(html).split() == words


@pytest.mark.parametrize(
    "piece", ["<script ", "<script/>", "<!--", "<style>", "<script></script>", "&#1"]
)
def test_no_page_takes_the_square_of_its_length(piece: str) -> None:
    """A page of a million characters: seconds at the worst if linear, else hours."""
    assert isinstance(text(piece * (1_000_000 // len(piece))), str)
