import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.vocab import byte_chars, load_vocabulary, token_bytes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(["the mill grinds the corn, 방앗간 the mill"] * 5, trainer)
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.json"
    tokenizer.save(str(path))
    return tokenizer, path


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_bytes_of_tokens_are_the_bytes_of_the_text(trained, text):
    tokenizer, path = trained
    ids = tokenizer.encode(text).ids
    vocabulary = load_vocabulary(path)
    assert vocabulary.to_bytes(ids) == text.encode()
    assert vocabulary.decode(ids) == text


def test_lengths_and_specials(trained):
    tokenizer, path = trained
    lengths = token_bytes(path)
    assert len(lengths) == tokenizer.get_vocab_size()
    vocabulary = load_vocabulary(path)
    eot = tokenizer.token_to_id("<|endoftext|>")
    assert vocabulary.special == {eot}
    assert lengths[eot] == b"<|endoftext|>"
    ids = [eot, *tokenizer.encode("mill").ids]
    assert vocabulary.decode(ids, skip_special=True) == "mill"
    assert vocabulary.decode(ids) == "<|endoftext|>mill"


def test_half_a_character_is_replaced(trained):
    vocabulary = load_vocabulary(trained[1])
    half = vocabulary.token_bytes.index(b"\xeb")
    assert vocabulary.decode([half]) == "\ufffd"
    with pytest.raises(ConfigError, match="outside the vocabulary"):
        vocabulary.decode([len(vocabulary)])


def _tokenizer(vocab, added=()):
    return json.dumps({"model": {"type": "BPE", "vocab": vocab}, "added_tokens": list(added)})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", r"not a tokenizer\.json"),
        ("{}", "not a BPE"),
        ('{"model": {"type": "WordPiece", "vocab": {}}}', "not a BPE"),
        (_tokenizer({"▁mill": 0}), "not byte-level"),
        (_tokenizer({"a": "x"}), "not a token id"),
        (_tokenizer({"a": 2**40}), "not a token id"),
        (_tokenizer({"a": 0}, [{"content": "x"}]), "not a token id"),
        (_tokenizer({"a": 0}, ["x"]), "no list of tokens"),
        (_tokenizer({"a": 0}, {"x": 1}), "no list of tokens"),
        (_tokenizer({"a": float("inf")}), "not a token id"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_other_files_are_explained(tmp_path, text, says):
    path = tmp_path / "tokenizer.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_vocabulary(path)


def test_missing(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_vocabulary(tmp_path / "none.json")


def test_gaps_are_empty(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(_tokenizer({"a": 0, "b": 3}))
    assert token_bytes(path) == [b"a", b"", b"", b"b"]


def test_a_token_that_is_too_long(tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(_tokenizer({"a": 0, "b" * 65536: 1}))
    assert len(token_bytes(path)[1]) == 65536
    path.write_text(_tokenizer({"a": 0, "b" * 65537: 1}))
    with pytest.raises(ConfigError, match="token 1 has 65,537 bytes, more than 65,536"):
        load_vocabulary(path)


def test_byte_characters_are_those_of_hf():
    assert sorted(byte_chars()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    for byte in range(128):
        assert split.pre_tokenize_str(chr(byte))[0][0] == byte_chars()[byte]


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ([("<|a|>", 9), ("<|a|>", 10)], "special token '<.a.>' comes twice"),
        ([("<|a|>", 9), ("<|b|>", 9)], "'<.a.>' and '<.b.>' have one id, 9"),
        ([("mi", 9)], "special token 'mi' is also an ordinary token"),
        ([("mi", 2)], "special token 'mi' is also an ordinary token"),  # marked special afterwards
        ([("m", 0)], "special token 'm' is also an ordinary token"),
        ([(" m", 9)], "special token ' m' is also an ordinary token"),
        ([("", 9)], "a special token is empty"),
    ],
)
@pytest.mark.parametrize("merges", [["m i", "Ġ m"], [["m", "i"], ["Ġ", "m"]]])
def test_special_tokens_that_clash_are_refused(tmp_path, added, says, merges):
    path = tmp_path / "tokenizer.json"
    vocab = {"m": 0, "i": 1, "mi": 2, "Ġ": 3, "Ġm": 4, "<|e|>": 5}
    tokens = [{"content": name, "id": number, "special": True} for name, number in added]
    kept = {"content": "<|e|>", "id": 5, "special": True}  # in the vocabulary too, as GPT-2 has it
    body = {"model": {"vocab": vocab, "merges": merges}, "added_tokens": [kept]}
    path.write_text(json.dumps(body))
    assert load_vocabulary(path).special == {5}
    path.write_text(json.dumps(body | {"added_tokens": [kept, *tokens]}))
    with pytest.raises(ConfigError, match=says):
        load_vocabulary(path)
