"""Both engines give the ids of tokenizer.json."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from gristmill.errors import ConfigError
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.formats.vocab import load_vocabulary
from gristmill.tokenize.patterns import GPT2
from gristmill.tokenize.train import train_bpe

_SNIPPETS = [
    "<|endoftext|>", "grinding", "doesn't", "they'll've", "12345", "水車は粉を", "물레방아", "🙂",
    "👩‍👩‍👧", "\r\n\r\n", "\n  \n", "   ", "\t", "\0", "\x1c\x85\u200b", "e\u0301", "ﬀ", "ſ'ſ",
    "\ufeff", "\U0010ffff", "'S", "\u00a0", "Ġ", "ИЗ",
]  # fmt: skip
_TEXTS = st.lists(st.one_of(st.sampled_from(_SNIPPETS), st.text(max_size=8)), max_size=12).map(
    "".join
)


def hf_ids(path: Path, text: str) -> list[int]:
    """What HF tokenizers says, read from the file by itself."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return tokenizer.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "gpt4o"])
def test_gigatoken_agrees_with_hf_and_decodes_back(bpe, pattern: str) -> None:
    path = bpe(pattern)
    encoder, vocabulary = load_encoder(path), load_vocabulary(path)
    reference = Tokenizer.from_file(str(path))
    reference.encode_special_tokens = True
    assert encoder.engine == "gigatoken"

    @settings(max_examples=400, deadline=None)
    @given(st.lists(_TEXTS, max_size=4))
    def check(texts: list[str]) -> None:
        found = encoder.encode(texts)
        for text, ids in zip(texts, found, strict=True):
            assert ids.dtype == np.uint32
            assert ids.tolist() == reference.encode(text, add_special_tokens=False).ids
            assert encoder.eot not in ids
            assert vocabulary.decode(ids.tolist()) == text

    check()


@pytest.mark.parametrize("pattern", ["gpt2", "gpt4", "gpt4o"])
@pytest.mark.parametrize(
    "text",
    [
        "x" * 500_000,
        "^" * 2_000_000,
        " " * 1_200_000 + "a",
        "a" + "\n" * 1_100_000,
        "grind " * 100_000,
    ],
    ids=["x", "carets", "spaces", "newlines", "words"],
)
def test_long_runs_neither_crash_nor_change(bpe, pattern: str, text: str) -> None:
    path = bpe(pattern)
    (ids,) = load_encoder(path).encode([text])
    assert ids.tolist() == hf_ids(path, text)


def test_lone_surrogates_are_read_as_replacement_characters(bpe, tmp_path) -> None:
    slow = _write(tmp_path, bpe("gpt2"), normalizer={"type": "NFC"})
    for path in (bpe("gpt2"), slow):
        encode = load_encoder(path).encode
        found = encode(["a\ud800b", "\ud83d\ude42", ""])
        assert [f.tolist() for f in found] == [e.tolist() for e in encode(["a\ufffdb", "🙂", ""])]
        assert found[2].dtype == np.uint32
    assert load_encoder(slow).engine == "tokenizers"


def _write(folder: Path, source: Path, **changes: object) -> Path:
    """Copy a tokenizer.json; ``model__x`` sets a field of the model."""
    body = json.loads(source.read_text("utf-8"))
    for name, value in changes.items():
        where, _, field = name.rpartition("__")
        (body[where] if where else body)[field] = value
    path = folder / "changed.json"
    path.write_text(json.dumps(body), "utf-8")
    return path


_PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": {"type": "NFC"}},
        {"normalizer": {"type": "Lowercase"}},
        {"model__byte_fallback": True},
        {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                           "use_regex": True}},
        {"pre_tokenizer": None},
    ],
    ids=["nfc", "lowercase", "byte_fallback", "prefix_space", "no_pre_tokenizer"],
)  # fmt: skip
def test_foreign_files_go_through_hf(bpe, tmp_path, changes) -> None:
    path = _write(tmp_path, bpe("gpt2"), **changes)
    encoder = load_encoder(path)
    assert encoder.engine == "tokenizers"
    for text in ("The MILL's e\u0301 grinding\n\n 水", "<|endoftext|>", ""):
        assert encoder.encode([text])[0].tolist() == hf_ids(path, text)


def test_dropout_goes_through_hf(bpe, tmp_path) -> None:
    assert load_encoder(_write(tmp_path, bpe("gpt2"), model__dropout=0.1)).engine == "tokenizers"


def test_added_tokens_that_are_not_special_go_through_hf(bpe, tmp_path) -> None:
    tokenizer = Tokenizer.from_file(str(bpe("gpt4")))
    tokenizer.add_tokens([AddedToken("<think>", special=False, normalized=False)])
    path = tmp_path / "added.json"
    tokenizer.save(str(path))
    encoder = load_encoder(path)
    assert (encoder.engine, encoder.vocab_size) == ("tokenizers", 401)
    text = "a <think> b<think>"
    assert encoder.encode([text])[0].tolist() == hf_ids(path, text)
    assert encoder.encode([text])[0].tolist().count(400) == 2


def test_several_special_tokens_stay_text_in_both_engines(bpe, tmp_path) -> None:
    tokenizer = Tokenizer.from_file(str(bpe("gpt4")))
    tokenizer.add_special_tokens(["<|user|>"])
    path = tmp_path / "two.json"
    tokenizer.save(str(path))
    with pytest.raises(ConfigError, match=r"which token ends a text.*<\|endoftext\|>, <\|user\|>"):
        load_encoder(path)
    encoder = load_encoder(path, "<|user|>")
    assert (encoder.engine, encoder.eot) == ("gigatoken", 400)
    assert encoder.encode(["<|user|>"])[0].tolist() == hf_ids(path, "<|user|>")
    assert 400 not in encoder.encode(["<|user|>"])[0]


def test_end_of_text_that_is_not_there(bpe, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"Set tokenizer\.end_of_text to one of"):
        load_encoder(bpe("gpt4"), "</s>")
    none = _write(tmp_path, bpe("gpt4"), added_tokens=[])
    with pytest.raises(ConfigError, match="there are no special tokens"):
        load_encoder(none)


def test_truncation_and_padding_in_the_file_are_ignored(bpe, tmp_path) -> None:
    tokenizer = Tokenizer.from_file(str(bpe("gpt2")))
    tokenizer.normalizer = normalizers.NFC()
    whole = tokenizer.encode("grind " * 50, add_special_tokens=False).ids
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    path = tmp_path / "cutting.json"
    tokenizer.save(str(path))
    encoder = load_encoder(path)
    assert encoder.engine == "tokenizers"
    assert encoder.encode(["grind " * 50])[0].tolist() == whole
    assert encoder.encode(["", "a"])[0].tolist() == []


def _byte_level(
    tmp_path: Path, merges: list[tuple[str, str]], special: str = "<|e|>", **bpe
) -> Path:
    """A tokenizer like GPT-2's, of our own merges, its special token also in the vocabulary."""
    vocab = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    vocab[special] = len(vocab)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, **bpe))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([special])
    path = tmp_path / "own.json"
    tokenizer.save(str(path))
    return path


def test_files_like_those_of_gpt2_use_the_fast_engine(tmp_path) -> None:
    path = _byte_level(tmp_path, [("a", "b"), ("ab", "c")])
    encoder = load_encoder(path)
    assert (encoder.engine, encoder.vocab_size, encoder.eot) == ("gigatoken", 259, 258)
    for text in ("abcabxab", "<|e|>", "aabbcc"):
        assert encoder.encode([text])[0].tolist() == hf_ids(path, text)


def test_word_suffixes_go_through_hf(tmp_path) -> None:
    path = _byte_level(tmp_path, [("a", "b")])
    changed = _write(tmp_path, path, model__end_of_word_suffix="b")
    assert load_encoder(changed).engine == "tokenizers"


def test_unknown_patterns_go_through_hf(tmp_path) -> None:
    path = tmp_path / "own.json"
    path.write_text(train_bpe(iter(["12345 678"] * 9), 270, r"\p{N}{1,3}+|\P{N}").to_str(), "utf-8")
    encoder = load_encoder(path)
    assert encoder.engine == "tokenizers"
    assert encoder.encode(["1234567"])[0].tolist() == hf_ids(path, "1234567")


def test_gpt2s_pattern_is_that_of_the_byte_level_pre_tokenizer() -> None:
    text = "It's  1234 (ok)\n\n水車'LL ſ\u3000 \x85x"
    ours = pre_tokenizers.Split(Regex(GPT2), behavior="isolated").pre_tokenize_str(text)
    theirs = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    assert [span for _, span in ours] == [span for _, span in theirs]


def test_a_replaced_file_gives_the_new_ids(bpe, tmp_path) -> None:
    path = tmp_path / "tokenizer.json"
    lengths = []
    for body in (bpe("gpt4").read_text("utf-8"), train_bpe(iter([""]), 257).to_str()):
        path.write_text(body, "utf-8")
        lengths.append(len(load_encoder(path).encode(["grinding"])[0]))
    assert lengths[0] < lengths[1] == 8


@pytest.mark.parametrize("body", ["", "[]", '{"model": {"type": "Unigram"}}', '{"model": {}}'])
def test_files_that_are_no_tokenizer_are_refused(tmp_path, body: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(body)
    with pytest.raises(ConfigError, match=r"tokenizer\.json"):
        load_encoder(path)


def test_damaged_merges_are_refused_in_one_line(bpe, tmp_path) -> None:
    path = _write(tmp_path, bpe("gpt4"), model__merges=[["a", "no-such"]])
    with pytest.raises(ConfigError, match="refused by tokenizers") as caught:
        load_encoder(path)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_without_a_token_for_each_byte_is_refused(bpe, tmp_path: Path) -> None:
    data = json.loads(bpe("gpt4").read_text())
    data["model"]["vocab"] = {k: v for k, v in data["model"]["vocab"].items() if k != "z"}
    data["model"]["merges"] = [m for m in data["model"]["merges"] if "z" not in "".join(m)]
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(data))
    with pytest.raises(ConfigError, match=r"no token for byte 0x7A \(1 of 256 are missing\)"):
        load_encoder(path)
