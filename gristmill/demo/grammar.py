"""Sentence banks and the small grammar that turns their templates into prose.

A bank is a text file. Before its first ``## `` line stand word lists (``name: one | two``), after
it sections: a ``## `` line of possible headings, then one sentence template a line. In a template
``[this|that]`` is a choice (it may nest), ``{name}`` a word from the list of that name and
``{3-9}`` a whole number; a leading ``~`` allows an opening phrase such as *As a rule,*.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from gristmill.demo.dice import Dice
from gristmill.errors import ConfigError

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{([^{}]+)\}")
_RANGE = re.compile(r"(\d+)-(\d+)")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiouAEIO](?!ne\b|nce\b|se|ni|u))")
_SEPARATOR = " | "


@dataclass(frozen=True)
class Section:
    """Templates that belong in one paragraph or chapter."""

    headings: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Bank:
    """One parsed bank: word lists by name, and sections in file order."""

    slots: Mapping[str, tuple[str, ...]]
    sections: tuple[Section, ...]


def parse_bank(text: str, name: str) -> Bank:
    """Parse a sentence bank.

    Raises:
        ConfigError: a line before the first section is not ``name: items``.
    """
    slots: dict[str, tuple[str, ...]] = {}
    sections: list[tuple[tuple[str, ...], list[str]]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line:
            continue
        if line.startswith("## "):
            sections.append((tuple(line[3:].split(_SEPARATOR)), []))
        elif sections:
            sections[-1][1].append(line)
        elif ": " in line:
            key, _, items = line.partition(": ")
            slots[key] = tuple(items.split(_SEPARATOR))
        else:
            raise ConfigError(f"sentence bank {name}, line {number}: write 'name: one | two'")
    return Bank(slots, tuple(Section(heads, tuple(lines)) for heads, lines in sections))


@lru_cache(maxsize=64)
def load_bank(language: str, topic: str) -> Bank:
    """Return the shipped bank ``text/<language>/<topic>.txt``."""
    path = files("gristmill.demo") / "text" / language / f"{topic}.txt"
    return parse_bank(path.read_text("utf-8"), f"{language}/{topic}.txt")


class Voice:
    """Expands templates for one page.

    Words of a list are dealt like cards, so none comes twice before all came once; names in
    ``cast`` stay the same for the whole page.
    """

    def __init__(self, dice: Dice, banks: tuple[Bank, ...], cast: Mapping[str, str]) -> None:
        self._dice = dice
        self._slots = {name: items for bank in banks for name, items in bank.slots.items()}
        self._cast = cast
        self._decks: dict[str, list[str]] = {}
        self._names = tuple(cast.values())
        self._english = "lead" in self._slots

    def _word(self, match: re.Match[str]) -> str:
        name = match[1]
        if name in self._cast:
            return self._cast[name]
        numbers = _RANGE.fullmatch(name)
        if numbers:
            return str(self._dice.between(int(numbers[1]), int(numbers[2])))
        deck = self._decks.get(name)
        if not deck:
            deck = self._decks[name] = self._dice.shuffled(self._slots[name])
        word = deck.pop()
        # Nobody travels from a place to itself: skip a word that is already in the cast.
        return deck.pop() if deck and word in self._names else word

    def expand(self, template: str) -> str:
        """Return the template with every choice made and every slot filled."""
        text = template
        while "[" in text:
            text = _CHOICE.sub(lambda m: self._dice.pick(m[1].split("|")), text)
        while "{" in text:
            text = _SLOT.sub(self._word, text)
        return _ARTICLE.sub(r"\1n ", text) if self._english else text

    def sentence(self, template: str) -> str:
        """Return one sentence, perhaps with an opening phrase, with a capital letter."""
        text = self.expand(template.lstrip("~"))
        if template.startswith("~") and self._dice.chance(45):
            opening = self.expand("{" + self._dice.pick(("lead", "lead", "link")) + "}")
            proper = text.startswith(self._names)
            text = f"{opening}, {text if proper else text[:1].lower() + text[1:]}"
        return text[:1].upper() + text[1:]

    def words(self, name: str, count: int) -> list[str]:
        """Return ``count`` different words of a list (fewer when it is shorter)."""
        items = self._dice.shuffled(self._slots[name])[:count]
        return [self.expand(item) for item in items]
