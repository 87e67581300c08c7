"""The report as tables, of any width."""

import io
import re

import pytest
from rich.console import Console

from gristmill.tokenize.any_tokenizer import named_tokenizers
from gristmill.tokenize.fertility import Fertility
from gristmill.tokenize.fertility_terminal import print_fertility
from gristmill.tokenize.measure import measure

TEXTS = ["The mill grinds corn.", "물레방아가 돈다.", "Das Mehl \x1b[31m", "水車は粉を挽く。"]


@pytest.fixture(scope="module")
def found(bpe) -> Fertility:
    two = named_tokenizers([bpe("gpt2"), bpe("gpt4")])
    return measure(two[:1], [(TEXTS, ["en", "ko", "d\x1b[1me", "ja"])], against=two[1:])


def shown(found: Fertility, width: int = 80, top: int = 20) -> str:
    file = io.StringIO()
    print_fertility(Console(file=file, width=width), found, top=top)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_figures_are_whole(found: Fertility, width: int) -> None:
    told = shown(found, width)
    ko = found.tokenizers[0].languages["ko"]
    times = found.relative(0, "ko")
    line = next(x for x in told.splitlines() if re.match(r" *ko .*%", x)).split()
    assert f"{ko.rates.per_word:.2f}" == line[1]
    assert f"{times.per_word:.2f}" in line
    assert f"{times.per_character:.2f}" in line
    assert ("█" in told) == (width >= 100)
    tables = [x for x in told.splitlines() if "longest" not in x]
    assert "…" not in "".join(x for x in tables if "Chinese" not in x)
    assert f"{ko.bytes_per_token:.2f}" in told
    coverage = found.tokenizers[0].coverage
    assert f"{coverage.used:,} of {coverage.ids:,} ids came" in told
    assert told.count("vocabulary:") == 1  # not of what is only compared with
    assert "relative to en" in told


def test_nothing_steers_the_terminal(found: Fertility) -> None:
    assert "\x1b" not in shown(found)
    assert "d⟨U+001B⟩[1me" in shown(found)


def test_many_languages_are_cut_english_first(found: Fertility) -> None:
    told = shown(found, top=1)
    assert "… and 3 more languages" in told
    assert re.search(r"^ *en ", told, re.MULTILINE)
    assert not re.search(r"^ *ko ", told, re.MULTILINE)


def test_without_english(bpe) -> None:
    alone = measure(named_tokenizers([bpe("gpt2")]), [(["물"], ["ko"])])
    assert "no English text" in shown(alone)
