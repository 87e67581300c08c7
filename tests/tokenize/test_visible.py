"""Bytes made visible: nothing hidden, nothing that steers a terminal."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.tokenize.visible import fragments, plain


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", ""),
        (b" the", "·the"),
        (b"\ta", "→a"),
        ("물".encode()[:2], "⟨eb ac⟩"),
        ("물".encode()[1:] + b"a", "⟨ac bc⟩a"),
        (b"a\xffb", "a⟨ff⟩b"),
        (b"\x1b[31m", "⟨U+001B⟩[31m"),
        (b"\x00\x7f\r", "⟨U+0000⟩⟨U+007F⟩⟨U+000D⟩"),
        ("\u202e\u200b\xa0\ufe0f\x9b".encode(), "⟨U+202E⟩⟨U+200B⟩⟨U+00A0⟩⟨U+FE0F⟩⟨U+009B⟩"),
        ("\u0301".encode(), "◌\u0301"),
        ("e\u0301".encode(), "e\u0301"),
        ("물🙂".encode(), "물🙂"),
    ],
)
def test_examples(data: bytes, shown: str) -> None:
    assert plain(data) == shown


def test_a_line_feed_is_shown_and_breaks_the_line() -> None:
    assert "".join(f.text for f in fragments(b"a\n\nb")) == "a↵\n↵\nb"
    assert plain("a\n\nb") == "a↵↵b"


def test_what_stands_for_something_else_is_told_from_text() -> None:
    assert fragments("·".encode()) == [("·", False)]
    assert fragments(b" ") == [("·", True)]
    assert fragments("⟨ff⟩".encode()) == [("⟨ff⟩", False)]


@given(st.binary(max_size=60) | st.text().map(lambda t: t.encode("utf-8", "replace")))
def test_nothing_invisible_is_left(data: bytes) -> None:
    shown = "".join(f.text for f in fragments(data)).replace("\n", "")
    shown = re.sub("(?<=[0-9a-f]) (?=[0-9a-f]{2}[ ⟩])", "", shown)  # between bytes
    hidden = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}
    assert not [c for c in shown if unicodedata.category(c) in hidden]


def test_bytes_that_are_no_text_are_one_stretch_each() -> None:
    assert fragments(b"\xff\xe2\x82 a\xed\xa0\x80") == [
        ("⟨ff e2 82⟩·", True), ("a", False), ("⟨ed a0 80⟩", True),
    ]  # fmt: skip
    assert fragments("\ud7ff\ue000a".encode())[-1] == ("a", False)


def test_time_grows_with_the_length_and_not_with_its_square() -> None:
    def steps(length: int) -> int:
        decoded: list[int] = []

        class Counted(bytes):
            def __getitem__(self, at):  # type: ignore[no-untyped-def]
                part = Counted(super().__getitem__(at))
                decoded.append(len(part))
                return part

            def decode(self, *how: str) -> str:
                decoded.append(len(self))
                return super().decode(*how)

        assert len(fragments(Counted(b"a\xff" * length))) == 2 * length
        return sum(decoded)

    assert steps(400) <= 2 * steps(200)
