"""The report's page: the same figures, drawn and in tables, harmless."""

import re
from html import unescape

import pytest

from gristmill.tokenize.any_tokenizer import named_tokenizers
from gristmill.tokenize.fertility import Fertility
from gristmill.tokenize.fertility_page import fertility_page
from gristmill.tokenize.measure import measure

TEXTS = ["The mill grinds corn.", "물레방아가 돈다.", "Mehl", ""]


@pytest.fixture(scope="module")
def found(bpe) -> Fertility:
    two = named_tokenizers([bpe("gpt2"), bpe("gpt4")])
    return measure(two[:1], [(TEXTS, ["en", "ko", "<script>'\u202e", "no"])], against=two[1:])


def test_figures(found: Fertility) -> None:
    html = fertility_page(found, "what was read <b>")
    text = unescape(re.sub("<[^>]*>", " ", html))
    for at, one in enumerate(found.tokenizers):
        assert f"{one.total.tokens:,}" in text
        assert f"{found.relative(at, 'ko').per_word:.2f}" in text
        assert f"{one.languages['ko'].bytes_per_token:.2f}" in text
    assert "what was read <b>" in text
    assert html.count("<svg viewBox") == 3
    assert html.count('class="curve') == 2
    assert html.count("<h2>") == 6


def test_bars_are_in_proportion(found: Fertility) -> None:
    html = fertility_page(found)
    cost = html[html.index("What a word costs") :]
    widths = [float(w) for w in re.findall(r'width="([\d.]+)" height="11" class="b0"', cost)]
    ratio = found.relative(0, "ko").per_word
    labels = list(found.sizes)
    assert widths[labels.index("ko")] / widths[labels.index("en")] == pytest.approx(ratio, rel=0.01)


def test_it_is_harmless(found: Fertility) -> None:
    html = fertility_page(found, "<script>")
    assert "<script>" not in html
    assert "\u202e" not in html
    assert not re.search(r"\sstyle=|\ssrc=|\shref=|url\(", html)


def test_without_english(bpe) -> None:
    html = fertility_page(measure(named_tokenizers([bpe("gpt2")]), [(["물"], ["ko"])]))
    assert "What a word costs" not in html
    assert "no English text" in html
