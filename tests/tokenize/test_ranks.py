"""tiktoken's form of a tokenizer, in files and in memory."""

import json

import pytest

from gristmill.errors import ConfigError
from gristmill.tokenize.patterns import CL100K_BASE, FROM_TIKTOKEN, GPT4
from gristmill.tokenize.ranks import Ranks, beside, load_tiktoken, pattern_for_both, read_ranks

BYTES = {bytes([byte]): byte for byte in range(256)}
RANKS = Ranks(GPT4, BYTES | {b"mi": 256, b"ll": 257}, {"<|end|>": 258, "<|水|>": 260})


@pytest.fixture
def exported(tmp_path):
    RANKS.write(tmp_path / "x.tiktoken")
    return tmp_path / "x.tiktoken"


def test_written_and_read(exported) -> None:
    assert read_ranks(exported) == RANKS
    assert exported.read_bytes().endswith(b"bWk= 256\nbGw= 257\n")
    assert list(json.loads(beside(exported).read_text("utf-8"))) == ["pat_str", "special_tokens"]


def test_tiktoken_itself_reads_the_ranks(exported, monkeypatch) -> None:
    from tiktoken.load import load_tiktoken_bpe

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert load_tiktoken_bpe(str(exported)) == RANKS.tokens


def test_the_encoding_encodes(exported) -> None:
    encoding = load_tiktoken(exported)
    assert encoding.encode_ordinary("mill") == [256, 257]
    assert encoding.encode("<|水|>", allowed_special="all") == [260]
    assert encoding.n_vocab == 261


def test_the_pattern_of_a_known_encoding_is_replaced() -> None:
    (theirs,) = [a for a, b in FROM_TIKTOKEN.items() if b == CL100K_BASE]
    assert pattern_for_both(theirs, "x") == CL100K_BASE


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"\p{N}{1,3}+|\P{N}", "x: tiktoken and HF tokenizers may read"),
        (r"\p{L}+| ?\p{N}+", r"may leave characters out.*end it with \|\[\\s\\S\]$"),
        (r"\p{L}*|[\s\S]", "may match no character"),
    ],
)
def test_patterns_with_which_the_two_would_differ_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pattern_for_both(pattern, "x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "no tokens"),
        (b"YQ== 1\nYg== 1\n", "comes twice"),
        (b"YQ== 1\nYQ== 2\n", "comes twice"),
        (b" 3\n", r"line 1: not a token"),
        (b"YQ== 1\nYg==\n", r"line 2: not a token"),
        (b"YQ== 1\n!! 2\n", r"line 2: not a token"),
        (b"YQ== x\n", r"line 1: not a token"),
        (b"YQ== -1\n", r"line 1: not a token"),
        (b"YQ== 4294967296\n", r"line 1: not a token"),
    ],
)
def test_damaged_ranks_are_named(exported, body: bytes, message: str) -> None:
    exported.write_bytes(body)
    with pytest.raises(ConfigError, match=message):
        read_ranks(exported)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{",
        "{}",
        '{"pat_str": ".", "special_tokens": []}',
        '{"pat_str": ".", "special_tokens": {"a": "b"}}',
    ],
)
def test_damaged_json_is_named(exported, body: str) -> None:
    beside(exported).write_text(body)
    with pytest.raises(ConfigError, match="not the pattern and special tokens"):
        read_ranks(exported)


@pytest.mark.parametrize(
    ("special", "message"),
    [
        ('{"<|a|>": 258, "<|a|>": 259}', "special token '<.a.>' comes twice"),
        ('{"<|a|>": 258, "<|b|>": 258}', "special tokens '<.a.>' and '<.b.>' have one id, 258"),
        ('{"mi": 258}', "special token 'mi' is also an ordinary token"),
        ('{"": 258}', "a special token is empty"),
    ],
)
def test_special_tokens_that_clash_are_refused(exported, special: str, message: str) -> None:
    beside(exported).write_text(f'{{"pat_str": {json.dumps(GPT4)}, "special_tokens": {special}}}')
    with pytest.raises(ConfigError, match=rf"^\S+x.tiktoken.json: {message}.*$"):
        read_ranks(exported)


def test_missing_files_and_clashing_ids(exported, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"none\.tiktoken: cannot be read"):
        read_ranks(tmp_path / "none.tiktoken")
    beside(exported).write_text(json.dumps({"pat_str": GPT4, "special_tokens": {"<|e|>": 257}}))
    with pytest.raises(ConfigError, match="id 257 is special here and a rank"):
        read_ranks(exported)
    beside(exported).unlink()
    with pytest.raises(ConfigError, match=r"x\.tiktoken\.json: cannot be read"):
        read_ranks(exported)
