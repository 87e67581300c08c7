"""National identity numbers of the countries in ``national_rules.RULES``, each validated.

Where the check digits are weak or absent, a word before the number must name it, or it must be
written as its authority writes it; ``national_rules`` says which for each country.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gristmill.filters.pii.national_rules import RULES, Rule
from gristmill.filters.pii.scan import (
    Found,
    compiled,
    stands_alone,
    substitute,
    until_stable,
)

PLACEHOLDER = "[NATIONAL_ID]"
COUNTRIES = tuple(RULES)

#: How far back a word that names the number may stand, in characters.
_BEFORE = 40


def replace(text: str, countries: Sequence[str] = COUNTRIES) -> tuple[str, int]:
    """Return the text with each identity number replaced by ``PLACEHOLDER``, and how many.

    Args:
        text: any text.
        countries: whose numbers count (ISO 3166 codes, keys of ``RULES``).
    """
    rules = tuple(rule for country in countries for rule in RULES[country])
    if not rules:
        return text, 0
    # `\b` is ASCII in RE2: Hangul or Kanji before a number are no letters of the same word.
    pattern = compiled(rf"\b(?:{'|'.join(rule.shape for rule in rules)})\b")
    return until_stable(text, lambda t: substitute(t, _find(t, pattern, rules)))


def _find(text: str, pattern: Any, rules: tuple[Rule, ...]) -> Iterator[Found]:
    for match in pattern.finditer(text):
        start, end = match.span()
        if not stands_alone(text, start, end):
            continue
        number = match.group()
        before = text[max(0, start - _BEFORE) : start]
        if any(_is_id(rule, number, before) for rule in rules):
            yield start, end, PLACEHOLDER


def _is_id(rule: Rule, number: str, before: str) -> bool:
    if not compiled(rule.shape).fullmatch(number):
        return False
    if not rule.is_valid("".join(c for c in number if c.isalnum())):
        return False
    if rule.formal and compiled(rule.formal).fullmatch(number):
        return True
    return compiled(f"(?i){rule.words}").search(before) is not None
