"""The sentence banks parse, name only lists that exist, and expand to whole sentences."""

import re
from importlib.resources import files

import pytest

from gristmill.demo.dice import Dice
from gristmill.demo.grammar import Voice, load_bank, parse_bank
from gristmill.demo.model import load_sites
from gristmill.demo.pages import KINDS, write_page
from gristmill.errors import ConfigError

TOPICS = sorted({(site.language, site.topic) for site in load_sites()})
CAST = {"A", "B", "a", "b", "T", "R"}


@pytest.mark.parametrize(("language", "topic"), TOPICS)
def test_every_slot_is_a_list_a_number_or_a_name(language: str, topic: str) -> None:
    text = (files("gristmill.demo") / "text" / language / f"{topic}.txt").read_text("utf-8")
    known = set(load_bank(language, topic).slots) | set(load_bank(language, "common").slots)
    for slot in re.findall(r"\{([^{}]+)\}", text):
        assert slot in known | CAST or re.fullmatch(r"\d+-\d+", slot), slot
    assert text.count("[") == text.count("]")
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("topic", [topic for language, topic in TOPICS if language == "en"])
def test_english_topics_have_many_sentences(topic: str) -> None:
    assert sum(len(section.sentences) for section in load_bank("en", topic).sections) >= 28


@pytest.mark.parametrize("kind", KINDS)
def test_pages_hold_no_unfilled_template(kind: str) -> None:
    for site in load_sites():
        page = write_page(site, 1, kind)
        text = "\n".join(line for block in page.blocks for line in block.items) + page.title
        assert not re.search(r"[\[\]{}~]", text), text


def test_words_are_dealt_before_they_come_again() -> None:
    bank = parse_bank("fruit: fig | pear | plum\n", "test")
    voice = Voice(Dice("seed"), (bank,), {})
    assert sorted(voice.expand("{fruit} {fruit} {fruit}").split()) == ["fig", "pear", "plum"]


def test_choices_nest() -> None:
    voice = Voice(Dice("seed"), (), {})
    words = {voice.expand("[a|[b|c] d]") for _ in range(50)}
    assert words == {"a", "b d", "c d"}


def test_a_broken_bank_is_a_clear_error() -> None:
    with pytest.raises(ConfigError, match="bank here, line 2"):
        parse_bank("a: b\nno list\n", "here")


def test_dice_are_the_same_everywhere() -> None:
    dice = Dice("gristmill", 1)
    assert [dice.roll(100) for _ in range(6)] == [0, 37, 28, 47, 8, 47]
    assert sorted(dice.shuffled(range(9))) == list(range(9))
