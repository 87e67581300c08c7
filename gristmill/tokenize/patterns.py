"""Pre-tokenisation patterns by name: how text is cut into pieces before byte pairs are merged."""

import re
from collections.abc import Mapping
from typing import Any

#: GPT-2's pattern (openai/gpt-2, src/encoder.py).
GPT2 = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""

#: GPT-4's pattern (openai/tiktoken, tiktoken_ext/openai_public.py, cl100k_base), with digits in
#: groups of up to three, as first published and as Llama 3 ships it: without the possessive
#: quantifiers of tiktoken, which change speed and not matches. Later versions of tiktoken rewrote
#: the end: there, spaces after a last line break are one piece with it, here two. No other text
#: is cut in another way.
GPT4 = (
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"""
    r"""| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)

#: GPT-4o's pattern (openai/tiktoken, tiktoken_ext/openai_public.py, o200k_base): a word is cut
#: where upper case follows lower case, marks belong to letters, and a contraction stays with its
#: word.
GPT4O = (
    r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"""
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
    r"""|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"""
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
    r"""|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)

PATTERNS = {"gpt2": GPT2, "gpt4": GPT4, "gpt4o": GPT4O}

#: cl100k_base as tiktoken cuts today, for its own vocabulary: ``GPT4`` with spaces after a last
#: line break in one piece with it. ``\z`` is the end of the text to every engine; ``$`` and
#: ``{1,3}+``, which tiktoken writes, mean other things to Oniguruma, the engine of HF tokenizers.
CL100K_BASE = GPT4.replace(r"|\s*[\r\n]+", r"|\s+\z|\s*[\r\n]+")

#: What tiktoken writes for its encodings, and the pattern that every engine reads as it does.
#: (``\s++$`` says what ``\s+(?!\S)`` says at the end of a text: no difference but in cl100k_base.)
FROM_TIKTOKEN = {
    r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s""": GPT2,
    r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"""
    r"""|\s++$|\s*[\r\n]|\s+(?!\S)|\s""": CL100K_BASE,
}

#: Properties whose tables a test compares, character by character.
PROPERTIES = ("L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "N")

_HEX = r"\\x[0-7][0-9a-fA-F]"
#: Not ``\<`` and ``\>``, which are the bounds of words to fancy-regex.
_ESCAPED = rf"\\[pP]\{{(?:{'|'.join(PROPERTIES)})\}}|\\[sSdDrnt]|\\[!-/:;=?@\[-^`{{-~]"
#: Not ``&&``, ``--``, ``~~``: operations between sets to one engine or both.
_MEMBER = rf"(?:[^\\\[\]&~^-]|{_HEX})"
_CLASS = rf"\[\^?(?:{_ESCAPED}|{_MEMBER}(?:-{_MEMBER})?)+-?\]"
#: What takes one character.
_ATOM = rf"(?:{_ESCAPED}|{_HEX}|{_CLASS}|[^\\\[\](){{}}|*+?^$\s]| )"
_TIMES = r"(?:[*+?][+?]?|(?:\{\d+,\d*\}\??|\{\d+\})(?![+*?]))"
#: Groups do not repeat: where one may be empty, the engines cut differently or break down.
_OTHER = r"\\[zA]|\((?:\?[:=!]|(?!\?))(?!\))|\)\??|\|"
_ALIKE = re.compile(rf"(?:{_ATOM}{_TIMES}?|{_OTHER})+")
_TOKEN = re.compile(rf"{_ATOM}|{_OTHER}|{_TIMES}")

#: An alternative that takes a character wherever its one atom that is not optional does.
_TAKER = re.compile(
    rf"(?:{_ATOM}[?*]\??)*({_ATOM})(?:\+[?+]?|\{{1,\d*\}}\??)?(?:{_ATOM}[?*][?+]?)*"
)
#: Atoms that take every character between them.
_ALL = (
    {r"[\s\S]"},
    {r"[\S\s]"},
    {r"\s", r"\S"},
    {".", r"\n"},
    {r"\s", r"\p{L}", r"\p{N}", r"[^\s\p{L}\p{N}]"},
)
#: For ``may_be_empty``, which reads a look-ahead as if it were an optional group.
_EMPTY = {r"\z": "(?:)", r"\A": "(?:)", "(?=": "(?:|", "(?!": "(?:|"}


def reads_alike(pattern: str) -> bool:
    """Tell whether tiktoken (fancy-regex) and HF tokenizers (Oniguruma) read a pattern alike.

    True for the syntax known to mean the same to both: literals, ``.``, classes of characters and
    of ``PROPERTIES``, groups, look-ahead, quantifiers. Not anchors, words (their tables differ), a
    quantifier on ``{1,3}``, groups that repeat, flags (regardless of case, Oniguruma takes ß for
    ss), nested classes and operations between them.
    """
    return _named(pattern) or _ALIKE.fullmatch(pattern) is not None


def may_be_empty(pattern: str) -> bool:
    """Tell whether a pattern that reads alike may match no character: tiktoken breaks down there.

    Look-ahead counts as fulfilled, parentheses that do not close as empty. The named patterns
    always take a character.
    """
    if _named(pattern):
        return False
    tokens = _TOKEN.findall(pattern)
    lengths = (_EMPTY.get(t) or (t if t[0] in "()|*+?{" else "x") for t in tokens)
    try:
        return re.fullmatch("".join(lengths), "") is not None
    except re.error:
        return True


def takes_all(pattern: str) -> bool:
    r"""Tell whether a pattern that reads alike is known to leave no character out.

    tiktoken drops what lies between two matches, HF tokenizers keeps it. Known are the named
    patterns, and those whose alternatives hold a catch-all: ``[\s\S]``, or ``.`` and ``\n``, or
    ``\s`` and ``\S``, or what GPT-2's pattern has (``\p{L}``, ``\p{N}``, ``[^\s\p{L}\p{N}]``,
    ``\s``). Each may repeat, and have optional characters around it.
    """
    takers = {found[1] for part in _alternatives(pattern) if (found := _TAKER.fullmatch(part))}
    return _named(pattern) or any(atoms <= takers for atoms in _ALL)


def _named(pattern: str) -> bool:
    return pattern in PATTERNS.values() or pattern == CL100K_BASE


def _alternatives(pattern: str) -> list[str]:
    """Return what stands between the ``|`` outside parentheses."""
    parts, depth = [""], 0
    for piece in _TOKEN.findall(pattern):
        depth += piece.startswith("(") - piece.startswith(")")
        if piece == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def split_regex(data: Mapping[str, Any]) -> str | None:
    """Return the one regular expression by which a ``tokenizer.json`` cuts text, or None.

    Args:
        data: the parsed file; byte-level, without a space put in front.
    """
    pre = data.get("pre_tokenizer") or {}
    *splits, last = pre.get("pretokenizers") or [pre]
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        return None
    if not splits:
        return GPT2 if last.get("use_regex", True) else None
    split = splits[0]
    if len(splits) > 1 or split.get("type") != "Split" or last.get("use_regex", True):
        return None
    isolated = split.get("behavior") == "Isolated" and not split.get("invert")
    regex = (split.get("pattern") or {}).get("Regex")
    return str(regex) if isolated and regex else None
