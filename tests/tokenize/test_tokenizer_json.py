"""Identical ids both ways: HF tokenizers on tokenizer.json, tiktoken on ranks."""

import gzip
import json
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from gristmill.errors import ConfigError
from gristmill.tokenize.patterns import CL100K_BASE, FROM_TIKTOKEN, PATTERNS
from gristmill.tokenize.ranks import Ranks
from gristmill.tokenize.tokenizer_json import ranks_of, tokenizer_json
from gristmill.tokenize.train import train_bpe

NAMES = sorted(PATTERNS)
#: A pattern of one's own that both engines read alike.
OWN = r"\p{Lu}?\p{Ll}+| ?[0-9]{1,2}|\s+(?=\S)|[^\p{L}0-9\s]+|[\s\S]"


@cache
def _ranks(path: Path) -> Ranks:
    return ranks_of(path)


def hf(body: str) -> Tokenizer:
    tokenizer = Tokenizer.from_str(body)
    tokenizer.encode_special_tokens = True
    return tokenizer


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("name", [*NAMES, OWN])
def test_there_and_back_is_the_same_file(bpe, tmp_path, name: str) -> None:
    texts = [f"The mill grinds {n} sacks, it's {n * 7} o'clock\n" for n in range(40)]
    tokenizer = train_bpe(iter(texts), 350, name, special_tokens=["<|user|>"])
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer.to_str(pretty=True) + "\n", "utf-8")
    assert tokenizer_json(ranks_of(path), "x") == path.read_text("utf-8")


_TEXT = st.text() | st.text(
    st.sampled_from(" \n\r\t\u00a0\u2028\x85aeghilmnrZ1'sSſKlLvVeE.!é水粉は\u0300🙂/<|endoftext|>"),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), _TEXT)
def test_both_encode_any_text_alike(bpe, name: str, text: str) -> None:
    path = bpe(name)
    tokenizer, ranks = _hf(path), _tiktoken(path)
    assert ranks.encode_ordinary(text) == ids(tokenizer, text)
    assert ranks.decode(ranks.encode_ordinary(text)) == text


@cache
def _hf(path: Path) -> Tokenizer:
    return hf(tokenizer_json(_ranks(path), "x"))


@cache
def _tiktoken(path: Path):
    return _ranks(path).to_tiktoken("x")


@pytest.mark.real_data
@pytest.mark.parametrize("name", NAMES)
def test_both_encode_real_pages_alike(shared_data: Path, bpe, name: str) -> None:
    tokenizer, encoding = _hf(bpe(name)), _tiktoken(bpe(name))
    with gzip.open(shared_data / "gold.jsonl.gz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["gold_text"] or "" for line in islice(file, 60)]
    assert sum(map(len, texts)) > 100_000
    for text in texts:
        assert encoding.encode_ordinary(text) == ids(tokenizer, text)


def test_special_tokens_keep_ids_with_gaps(tmp_path) -> None:
    tokens = {bytes([b]): b for b in range(256)} | {b"mi": 256, b"ll": 258, b"mill": 259}
    ranks = Ranks(CL100K_BASE, tokens, {"<|a|>": 257, "<|b|>": 300})
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer_json(ranks, "x"), "utf-8")
    tokenizer = hf(path.read_text("utf-8"))
    assert (tokenizer.token_to_id("<|a|>"), tokenizer.token_to_id("<|b|>")) == (257, 300)
    assert ids(tokenizer, "mill<|a|>") == [259, *b"<|a|>"]
    assert ranks_of(path) == ranks


@pytest.mark.parametrize("end", ["\n  ", " \n\n \t", "  ", "\n", "\t\n \r\n  "])
def test_white_space_at_the_very_end_as_tiktoken_cuts_it(end: str) -> None:
    tokens = {bytes([b]): b for b in range(256)} | {b"\n ": 256, b"  ": 257, b"\n  ": 258}
    ranks = Ranks(CL100K_BASE, tokens, {})
    theirs = next(a for a, b in FROM_TIKTOKEN.items() if b == CL100K_BASE)
    want = Ranks(theirs, tokens, {}).to_tiktoken("x").encode_ordinary("mill" + end)
    assert ids(hf(tokenizer_json(ranks, "x")), "mill" + end) == want


#: White space in one, two and three bytes: a token for each, and for any two of them.
_SPACES = [" ", "\n", "\r", "\t", "\x0b", "\x85", "\u00a0", "\u3000", "\u2028"]


@cache
def _spaced(pattern: str) -> Ranks:
    tokens = [bytes([byte]) for byte in range(256)] + [b"\xe3\x80", b"\xe2\x80"]
    tokens += [space.encode() for space in _SPACES if len(space.encode()) > 1]
    tokens += [(a + b).encode() for a in _SPACES for b in _SPACES]
    return Ranks(pattern, {token: rank for rank, token in enumerate(tokens)}, {})


_WHITE = st.text(st.sampled_from(_SPACES), max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([*PATTERNS.values(), CL100K_BASE]), _TEXT, _WHITE)
def test_white_space_of_unicode_at_the_end_in_both_exports(pattern, text, white) -> None:
    ours = _encoding(pattern).encode_ordinary(text + white)
    assert ours == ids(_spaced_hf(pattern), text + white)
    assert _encoding(pattern).decode(ours) == text + white
    for theirs, replacement in FROM_TIKTOKEN.items():
        if replacement == pattern:
            assert ours == _encoding(theirs).encode_ordinary(text + white)


@cache
def _encoding(pattern: str):
    return _spaced(pattern).to_tiktoken("x")


@cache
def _spaced_hf(pattern: str) -> Tokenizer:
    return hf(tokenizer_json(_spaced(pattern), "x"))


def test_gpt2s_own_form_and_merges_as_text(bpe, tmp_path) -> None:
    data = json.loads(bpe("gpt2").read_text("utf-8"))
    data["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    data["model"]["merges"] = [" ".join(merge) for merge in data["model"]["merges"]]
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(data), "utf-8")
    assert ranks_of(path) == ranks_of(bpe("gpt2"))


def _changed(bpe, tmp_path, change) -> Path:
    data = json.loads(bpe("gpt2").read_text("utf-8"))
    change(data)
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(data), "utf-8")
    return path


def _swap_ids(data) -> None:
    vocab = data["model"]["vocab"]
    first, second = ("".join(merge) for merge in data["model"]["merges"][3:5])
    vocab[first], vocab[second] = vocab[second], vocab[first]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(normalizer={"type": "NFC"}), "it normalises text"),
        (lambda d: d["model"].update(dropout=0.1), "its model has dropout"),
        (lambda d: d["added_tokens"][0].update(special=False), "found in ordinary text"),
        (lambda d: d.update(pre_tokenizer=None), "cuts text by one regular expression"),
        (
            lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(behavior="Removed"),
            "cuts text by one regular expression",
        ),
        (
            lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": r"\w+|\W"}),
            r"may read its split pattern",
        ),
        (
            lambda d: d["pre_tokenizer"]["pretokenizers"][0].update(pattern={"Regex": r"\p{L}|."}),
            r"may leave characters out",
        ),
        (_swap_ids, "do not stand in the order|made by no merge"),
        (lambda d: d["model"]["merges"].pop(7), "do not stand in the order|made by no merge"),
        (lambda d: d["model"]["merges"].append(["Z", "Z"]), "a merge of unknown tokens"),
        (lambda d: d["model"]["vocab"].pop("A"), "byte 0x41 has no token"),
    ],
)
def test_what_ranks_cannot_say_is_refused(bpe, tmp_path, change, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ranks_of(_changed(bpe, tmp_path, change))


def test_a_special_token_that_is_an_ordinary_one() -> None:
    tokens = {bytes([b]): b for b in range(256)}
    for number in (256, 300):  # after the others, and with a gap
        with pytest.raises(ConfigError, match="x: special token 'A' is also an ordinary token"):
            tokenizer_json(Ranks(PATTERNS["gpt4"], tokens, {"A": number}), "x")
