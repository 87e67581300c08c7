"""The page of tokens: complete, escaped, self-contained, whatever the text."""

import re
from collections.abc import Callable
from html import unescape
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.tokenize.any_tokenizer import NamedTokenizer, named_tokenizers
from gristmill.tokenize.token_page import token_page
from gristmill.tokenize.token_view import view_text
from gristmill.tokenize.visible import fragments

Bpe = Callable[[str], Path]
HOSTILE = (
    "<script>alert(1)</script> \"quoted\" 'single' & &amp; <!-- ]]> </span></style> "
    "\u202ebidi\u2066 \x00\x1b]0;x\x07 \ud800 <|endoftext|>\n\t뷁 水 e\u0301 </title>"
)


@pytest.fixture(scope="module")
def two(bpe: Bpe) -> list[NamedTokenizer]:
    return named_tokenizers([bpe("gpt2"), bpe("gpt4")])


def spans(html: str) -> list[list[tuple[str, str]]]:
    """Return class and id of the tokens of each column."""
    columns = re.findall(r'<div class="tokens.*?</div>', html, re.DOTALL)
    return [re.findall(r'<span class="([^"]*)" data-i="(\d+)"', column) for column in columns]


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80) | st.just(HOSTILE))
def test_any_text_gives_a_whole_and_harmless_page(two: list[NamedTokenizer], text: str) -> None:
    views = [view_text(tokenizer, text) for tokenizer in two]
    html = token_page(views, note=text)
    assert html.count("<script>") == 1
    assert html.count("<style>") == 1
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", html
    )
    assert not re.search(
        r"\son\w+=|\ssrc=|\shref=|\sstyle=", re.sub("<script>.*</script>", "", html)
    )
    found = spans(html)
    assert [[int(i) for _, i in c] for c in found] == [[t.id for t in v.tokens] for v in views]
    shown = re.findall(r'<div class="tokens[^>]*>(.*?)</div>', html, re.DOTALL)
    for column, view in zip(shown, views, strict=True):
        whole = "".join(f.text for t in view.tokens for f in fragments(t.data))
        assert unescape(re.sub("<[^>]*>", "", column)) == whole


def test_what_a_token_tells(two: list[NamedTokenizer]) -> None:
    html = token_page([view_text(two[0], "a 뷁\nThe")])
    assert 'title="id 64 · bytes 61 · at character 0, byte 0"' in html
    assert re.search(r'data-b="3" title="id \d+ · bytes b7 · at character 2, byte 3"', html)
    assert re.search(r'title="id \d+ · bytes 54 68 65 · merge \d+ · at character 4, byte 6"', html)
    assert "<i>·</i>" in html
    assert "<i>↵</i></span>\n" in html
    assert "fade" not in re.sub("<style>.*</style>", "", html, flags=re.DOTALL)


def test_neighbours_differ_and_pieces_are_apart(two: list[NamedTokenizer]) -> None:
    (column,) = spans(token_page([view_text(two[0], "The mill grinds")]))
    colours = [name.split()[1] for name, _ in column]
    assert all(a != b for a, b in pairwise(colours))
    assert sum(" p" in name for name, _ in column) == 2


def test_differences_are_marked(two: list[NamedTokenizer]) -> None:
    views = [view_text(tokenizer, "The mill more.\n\n  Next") for tokenizer in two]
    html = token_page(views)
    assert "Where they differ" in html
    for column in spans(html):
        marks = ["d" in name.split() for name, _ in column]
        assert True in marks
        assert marks[0] is False
    alike = token_page([view_text(tokenizer, "The mill") for tokenizer in two])
    assert "All tokenizers cut this text in the same way" in alike


def test_an_empty_text(two: list[NamedTokenizer]) -> None:
    assert spans(token_page([view_text(tokenizer, "") for tokenizer in two])) == [[], []]
