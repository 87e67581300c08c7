"""Tokens in terminals: with colours, with sixteen, with none."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from gristmill.tokenize.any_tokenizer import NamedTokenizer, named_tokenizers
from gristmill.tokenize.token_terminal import print_views
from gristmill.tokenize.token_view import TokenView, view_text
from gristmill.tokenize.visible import fragments

Bpe = Callable[[str], Path]
STYLE = re.compile("\x1b\\[[0-9;]*m")


@pytest.fixture(scope="module")
def two(bpe: Bpe) -> list[NamedTokenizer]:
    return named_tokenizers([bpe("gpt2"), bpe("gpt4")])


def shown(views: list[TokenView], system: str | None = None, **options: bool) -> str:
    file = io.StringIO()
    console = Console(file=file, width=4000, force_terminal=system is not None, color_system=system)
    print_views(console, views, **options)
    return file.getvalue()


def test_without_colours_bars_stand_between_tokens(two: list[NamedTokenizer]) -> None:
    told = shown([view_text(two[0], "The mill 89\n뷁")])
    assert "\x1b" not in told
    assert "The ·mill ·8│9 ↵\n⟨eb⟩│⟨b7⟩│⟨81⟩\n" in told


def test_colours_differ_from_neighbour_to_neighbour(two: list[NamedTokenizer]) -> None:
    view = view_text(two[0], "뷁뷁")
    told = shown([view], "truecolor")
    line = next(x for x in told.splitlines() if "⟨eb⟩" in x)
    backgrounds = re.findall(r"48;2;(\d+;\d+;\d+)m⟨", line)
    assert len(backgrounds) == len(view.tokens) == 6
    assert all(a != b for a, b in pairwise(backgrounds))
    ids = next(x for x in told.splitlines() if STYLE.sub("", x).startswith(f"{view.tokens[0].id} "))
    assert re.findall(r"48;2;(\d+;\d+;\d+)m\d", ids) == backgrounds


def test_sixteen_colours_are_the_terminals_own(two: list[NamedTokenizer]) -> None:
    told = shown([view_text(two[0], "뷁")], "standard")
    assert re.findall("\x1b\\[30;(4\\d)m⟨", told) == ["46", "43", "45"]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | st.just("\x1b]0;x\x07\x1b[2J\r\x9b1m\u202e<|endoftext|>"))
@pytest.mark.parametrize("system", [None, "standard", "truecolor"])
def test_the_text_never_steers_the_terminal(
    two: list[NamedTokenizer], system: str | None, text: str
) -> None:
    view = view_text(two[0], text)
    told = STYLE.sub("", shown([view], system))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told)
    pieces = "".join(f.text for t in view.tokens for f in fragments(t.data))
    squeezed = re.sub(r"[ │\n]", "", told)
    assert re.sub(r"[ │\n]", "", pieces) in squeezed


def test_counts_notes_and_differences(two: list[NamedTokenizer]) -> None:
    views = [view_text(t, "The mill <|endoftext|> more.\n\n  Next") for t in two]
    told = shown(views)
    assert "<|endoftext|> at byte 9 is the name of special token 399" in told
    assert "where they differ: 1 way," in told
    assert "2 .│↵↵·" in told
    assert "2 .↵↵│·" in told
    for view in views:
        row = next(x for x in told.splitlines() if re.match(rf" *{view.name} +400", x)).split()
        assert row[2] == f"{view.counts.tokens:,}"
    assert "all tokenizers cut this text in the same way" in shown(
        [view_text(t, "The mill") for t in two]
    )


def test_ids_can_be_left_out(two: list[NamedTokenizer]) -> None:
    view = view_text(two[0], "뷁")
    ids = " ".join(str(t.id) for t in view.tokens)
    assert ids in shown([view])
    assert ids not in shown([view], ids=False)


def test_a_long_difference_is_cut(two: list[NamedTokenizer]) -> None:
    whole = view_text(two[0], "a" * 30)
    assert len(whole.tokens) == 30
    one = replace(whole.tokens[0], data=b"a" * 30)
    told = shown([whole, replace(whole, name="other", tokens=(one,))])
    assert f"30 {'│'.join('a' * 24)} …" in told
