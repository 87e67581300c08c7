"""Texts as tokens: bytes, places, pieces, and where tokenizers differ."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.tokenize.any_tokenizer import NamedTokenizer, named_tokenizers
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.token_view import TokenView, differences, differing, view_text

Bpe = Callable[[str], Path]
TEXT = "They'll've 12345 sacks.\n\n 물레방아가 돈다 🙂 <|endoftext|> \tif x:\x00\x1b"


@pytest.fixture(scope="module")
def two(bpe: Bpe) -> list[NamedTokenizer]:
    return named_tokenizers([bpe("gpt2"), bpe("gpt4")])


def check(view: TokenView, text: str) -> None:
    raw = text.encode()
    assert view.exact
    assert b"".join(t.data for t in view.tokens) == raw
    for token in view.tokens:
        assert raw[token.byte : token.byte + len(token.data)] == token.data
        # The character is the one that the first byte belongs to.
        assert len(raw[: token.byte + 1].decode(errors="ignore")) in (token.char, token.char + 1)
        assert len(text[: token.char].encode()) <= token.byte
    assert view.counts.tokens == len(view.tokens)
    assert (view.counts.characters, view.counts.bytes) == (len(text), len(raw))


@settings(max_examples=60, deadline=None)
@given(st.text() | st.just(TEXT))
def test_tokens_are_the_text_in_place(two: list[NamedTokenizer], text: str) -> None:
    views = [view_text(tokenizer, text) for tokenizer in two]
    for view in views:
        check(view, text)
    marks = differing(views)
    assert [len(m) for m in marks] == [len(v.tokens) for v in views]
    assert any(map(any, marks)) == bool(differences(views))
    # What is not marked is cut alike: the same tokens, in order.
    alike = [
        [(t.byte, t.data) for t, apart in zip(v.tokens, m, strict=True) if not apart]
        for v, m in zip(views, marks, strict=True)
    ]
    assert alike[0] == alike[1]


def test_ids_are_those_of_the_encoder(two: list[NamedTokenizer]) -> None:
    for tokenizer in two:
        ids = [token.id for token in view_text(tokenizer, TEXT).tokens]
        assert ids == load_encoder(tokenizer.path).encode([TEXT])[0].tolist()


def test_pieces(two: list[NamedTokenizer]) -> None:
    view = view_text(two[0], "The mill 123456")
    starts = [t.byte for t in view.tokens if t.new_piece]
    assert starts == [0, 3, 8]
    assert view.counts.pieces == 3
    view = view_text(two[1], "The mill 123456")
    assert [t.byte for t in view.tokens if t.new_piece] == [0, 3, 8, 9, 12]


def test_the_name_of_a_special_token_is_text(two: list[NamedTokenizer]) -> None:
    view = view_text(two[0], "물 <|endoftext|><|endoftext|>")
    first, second = view.lookalikes
    assert (first.text, first.special_id, first.byte) == ("<|endoftext|>", 399, 4)
    assert second.byte == 17
    assert first.tokens > 1
    assert 399 not in {t.id for t in view.tokens}
    assert not any(t.special for t in view.tokens)


def test_half_a_character(two: list[NamedTokenizer]) -> None:
    view = view_text(two[0], "뷁")
    assert [(t.data, t.text, t.char, t.byte) for t in view.tokens] == [
        (b"\xeb", None, 0, 0), (b"\xb7", None, 0, 1), (b"\x81", None, 0, 2)
    ]  # fmt: skip
    assert view.counts.broken == 3
    assert view.tokens[0].to_dict()["bytes"] == "eb"


def test_differences_are_counted_and_costliest_first(two: list[NamedTokenizer]) -> None:
    views = [
        view_text(tokenizer, "it doesn't; more.\n\n  Next\n x more.\n\n  Next") for tokenizer in two
    ]
    found = differences(views)
    assert all(len(set(d.splits)) == 2 for d in found)
    assert all(b"".join(s) == d.data for d in found for s in d.splits)
    assert all(a.spread >= b.spread for a, b in pairwise(found))
    assert {d.data: d.times for d in found} == {b".\n\n ": 2}
    assert differences(views[:1]) == ()
    assert differences([views[0], views[0]]) == ()


def test_a_tokenizer_that_changes_the_text(bpe: Bpe, tmp_path: Path) -> None:
    body = json.loads(bpe("gpt2").read_text())
    body["normalizer"] = {"type": "Lowercase"}
    body["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}
    path = tmp_path / "lower.json"
    path.write_text(json.dumps(body))
    lower, plain = named_tokenizers([path, bpe("gpt2")])
    view = view_text(lower, "The Mill")
    assert not view.exact
    assert b"".join(t.data for t in view.tokens) == b" the mill"
    assert view.tokens[0].byte == 0
    assert view.tokens[-1].byte < 8
    assert view.counts.pieces == 2
    assert differences([view, view_text(plain, "The Mill")]) == ()


def test_empty_text_and_lone_surrogates(two: list[NamedTokenizer]) -> None:
    view = view_text(two[0], "")
    assert (view.tokens, view.counts.characters_per_token, view.exact) == ((), 0.0, True)
    assert view_text(two[0], "\ud800") == view_text(two[0], "\ufffd")


def test_what_is_no_byte_level_bpe(tmp_path: Path) -> None:
    path = tmp_path / "word.json"
    path.write_text(json.dumps({"model": {"type": "WordLevel", "vocab": {}}}))
    with pytest.raises(ConfigError, match="not a BPE"):
        view_text(named_tokenizers([path])[0], "x")
