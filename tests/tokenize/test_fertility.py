"""Rates and ratios from counts."""

import pytest

from gristmill.tokenize.coverage import Coverage
from gristmill.tokenize.fertility import (
    Fertility,
    LanguageFigures,
    Rates,
    TextSize,
    TokenizerFigures,
)

ENGLISH = LanguageFigures(100, TextSize(4, 400, 400, 80), 0, 0, 50)
KOREAN = LanguageFigures(150, TextSize(5, 150, 450, 50), 90, 60, 40)
NONE = LanguageFigures(0, TextSize(1, 0, 0, 0), 0, 0, 0)
COVERAGE = Coverage(10, 5, {0.5: 1}, 0, (), (), (), ())


def report(english: str | None = "en") -> Fertility:
    languages = {"en": ENGLISH, "ko": KOREAN, "empty": NONE}
    one = TokenizerFigures("t", 300, False, ENGLISH, languages, COVERAGE)
    return Fertility({name: f.size for name, f in languages.items()}, english, (one,))


def test_rates() -> None:
    assert KOREAN.rates == Rates(3.0, 1.0, 1 / 3, 30.0)
    assert (KOREAN.bytes_per_token, KOREAN.characters_per_token) == (3.0, 1.0)
    assert NONE.rates == Rates(None, None, None, 0.0)
    assert NONE.bytes_per_token is None
    assert KOREAN.to_dict()["broken_share"] == pytest.approx(0.6)
    assert KOREAN.to_dict()["byte_fallback_share"] == pytest.approx(0.4)
    assert NONE.to_dict()["broken_share"] is None


def test_relative_to_english() -> None:
    found = report().relative(0, "ko")
    assert found.per_word == pytest.approx(2.4)
    assert found.per_character == pytest.approx(4.0)
    assert found.per_byte == pytest.approx(4 / 3)
    assert found.per_document == pytest.approx(1.2)
    assert report().relative(0, "empty").per_word is None
    assert report(None).relative(0, "ko") == Rates(None, None, None, None)


def test_json_has_all_of_it() -> None:
    body = report().to_dict()
    assert body["texts"]["ko"] == {"documents": 5, "characters": 150, "bytes": 450, "words": 50}
    korean = body["tokenizers"][0]["languages"]["ko"]
    assert korean["tokens_per_word"] == 3.0
    assert korean["relative_to_english"]["per_word"] == pytest.approx(2.4)
    assert body["english"] == "en"
    assert "without spaces" in body["word"]
