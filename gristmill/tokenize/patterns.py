"""Pre-tokenisation patterns by name: how text is cut into pieces before byte pairs are merged."""

import re

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

_SINGLE = r"\\[pP]\{\^?\w+\}|\\[sSdDrnt]|\\[^\w\s]|\\x[0-9a-fA-F]{2}"
_CLASS = rf"\[\^?(?:{_SINGLE}|[^\\\[\]&])+\]"
_ALIKE = re.compile(
    rf"(?:(?:{_SINGLE}|{_CLASS}|\\z|\\A|\(\?[:=!]|\((?!\?)|[)|]|[^\\\[\](){{}}|*+?^$\s]| )"
    r"(?:[*+?][+?]?|(?:\{\d+,\d*\}\??|\{\d+\})(?![+*?]))?)+"
)


def reads_alike(pattern: str) -> bool:
    """Tell whether tiktoken (fancy-regex) and HF tokenizers (Oniguruma) read a pattern alike.

    True for the syntax known to mean the same to both: literals, classes of properties and
    characters, groups, look-ahead, quantifiers. Not anchors, words (their tables differ), a
    quantifier on ``{1,3}``, flags (regardless of case, Oniguruma takes ß for ss), nested classes.
    """
    named = pattern in PATTERNS.values() or pattern == CL100K_BASE
    return named or _ALIKE.fullmatch(pattern) is not None
