"""Chunks that spaCy's English rules cut in a way that is known without asking.

Nine of ten distinct chunks of real texts: a word, a number, both joined by hyphens, with a bracket
or a quote before and a few marks after. What is regular is told by one pattern; whatever comes near
a special case of spaCy's is not.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

#: Letters of Western European languages, all alike to spaCy's rules.
_ALPHA = "A-Za-zÀ-ÖØ-öø-ÿ"
_LOWER, _UPPER = "a-zß-öø-ÿ", "A-ZÀ-ÖØ-Þ"
_BEFORE = "(\\[\"“‘'$£€#"
_AFTER = ",;:!?)\\]\"”’'."
_MARKS = (_BEFORE + _AFTER).replace("\\", "")
_PIECE = f"[{_ALPHA}0-9]+(?:_[{_ALPHA}0-9]+)*(?:['’][{_ALPHA}]+|(?:[.,:][0-9]+)+)?"
_REGULAR = re.compile(
    rf"([{_BEFORE}]{{0,2}})({_PIECE}(?:[-–—]{_PIECE}|/[{_ALPHA}]+)*)([{_AFTER}]{{0,3}})"
)
#: Infixes (spaCy 3.8, ``lang/en/punctuation.py``), as far as the pattern lets them occur.
_INFIX = re.compile(rf"(?<=[{_ALPHA}0-9])([-–—/])(?=[{_ALPHA}])|(?<=[0-9])(-)(?=[0-9])")
#: A full stop that is a token of its own at the end of a chunk.
_STOP = re.compile(rf"(?:(?<=[0-9{_LOWER}{_AFTER[:-1]}])|(?<=[{_UPPER}][{_UPPER}]))\.")
_UNIT = re.compile(rf"[0-9]([{_ALPHA}]+)$")
_POSSESSIVES = ("'s", "'S", "’s", "’S")

Tokens = tuple[str, ...]


class RegularChunks:
    """The rule, made strict by the special cases of a tokenizer.

    Args:
        special_cases: each with the tokens that it becomes.
        bare: cuts a text without special cases.
        units: what is cut off after a digit, as ``km``.
    """

    def __init__(
        self,
        special_cases: Mapping[str, Sequence[object]],
        bare: Callable[[str], Iterable[str]],
        units: Iterable[str],
    ) -> None:
        self._special = frozenset(special_cases)
        self._divided = frozenset(c for c, tokens in special_cases.items() if len(tokens) > 1)
        self._sequences = frozenset(tuple(bare(case)) for case in special_cases)
        self._lengths = sorted({len(tokens) for tokens in self._sequences} - {1})
        self._pairs = frozenset(pair for tokens in self._sequences for pair in pairwise(tokens))
        self._units = frozenset(units)
        bodies = {case.strip(_MARKS) for case in special_cases}
        self._near = {body.removesuffix(end) for body in bodies for end in ("", *_POSSESSIVES)}

    def tokens(self, chunk: str) -> Tokens | None:
        """Return the tokens of a chunk, or None where spaCy must be asked."""
        if chunk.isascii() and chunk.isalpha():
            return None if chunk in self._special else (chunk,)
        match = _REGULAR.fullmatch(chunk)
        if match is None:
            return None
        before, core, after = match.groups()
        ending = core[-2:] if core.endswith(_POSSESSIVES) else ""
        core = core.removesuffix(ending)
        unit = _UNIT.search(core)
        if unit and unit[1] in self._units:
            return None
        if "/" in core and not core.replace("/", "").isalpha():  # `km/s` is a unit too
            return None
        stops = _STOP.findall(chunk, len(chunk) - len(after)) if "." in after else ()
        if len(stops) != after.count("."):
            return None
        ends = (ending, *after) if ending else tuple(after)
        pieces = (core,) if core.isalnum() else filter(None, _INFIX.split(core))
        tokens = (*before, *pieces, *ends)
        if (core in self._near and self._is_special(before, core, ends)) or self._meets(tokens):
            return None
        return tokens

    def _is_special(self, before: str, core: str, ends: Tokens) -> bool:
        """Say whether a special case is met while prefixes and suffixes are peeled off."""
        lefts = [before[i:] + core for i in range(len(before) + 1)]
        rights = ["".join(ends[:i]) for i in range(len(ends) + 1)]
        return any(left + right in self._special for left in lefts for right in rights)

    def _meets(self, tokens: Tokens) -> bool:
        """Say whether a special case hides among the tokens: spaCy looks for those afterwards."""
        if not self._divided.isdisjoint(tokens):
            return True
        if self._pairs.isdisjoint(pairwise(tokens)):
            return False
        spans = (tokens[i : i + n] for n in self._lengths for i in range(len(tokens) - n + 1))
        return not self._sequences.isdisjoint(spans)
