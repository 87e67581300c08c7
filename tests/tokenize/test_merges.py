"""Merges from ranks."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.tokenize.merges import merges_of, split
from gristmill.tokenize.tokenizer_json import ranks_of

BYTES = {bytes([byte]): byte for byte in range(256)}


def test_each_merge_is_what_lower_ranks_leave() -> None:
    ranks = BYTES | {b"lo": 256, b"low": 257, b"er": 258, b"lower": 259, b"ow": 260}
    assert merges_of(ranks, "x") == [
        (b"l", b"o"),
        (b"lo", b"w"),
        (b"e", b"r"),
        (b"low", b"er"),
        (b"o", b"w"),
    ]


def test_they_are_those_of_training(bpe) -> None:
    path = bpe("gpt4")
    data = json.loads(path.read_text("utf-8"))
    ranks = ranks_of(path).tokens
    by_text = {text: token for token, i in ranks.items() for text, j in _vocab(data) if i == j}
    learnt = [(by_text[a], by_text[b]) for a, b in data["model"]["merges"]]
    assert merges_of(ranks, "x") == learnt


def _vocab(data):
    return data["model"]["vocab"].items()


def test_equal_neighbours_join_from_the_left() -> None:
    ranks = BYTES | {b"aa": 256}
    assert split(b"aaaaa", ranks, 300) == [b"aa", b"aa", b"a"]
    assert split(b"aaaaa", ranks, 256) == [b"a"] * 5


@pytest.mark.parametrize("extra", [{b"abc": 256}, {b"bc": 256, b"ab": 257, b"abcd": 258}])
def test_a_token_that_no_two_make_is_named(extra) -> None:
    with pytest.raises(ConfigError, match=r"mill: token \d+ \(b'abcd?'\) is made by no merge"):
        merges_of(BYTES | extra, "mill")


def test_a_missing_byte_is_named() -> None:
    ranks = dict(BYTES)
    del ranks[b"\x07"]
    with pytest.raises(ConfigError, match="byte 0x07 has no token"):
        merges_of(ranks, "mill")


@given(
    st.sets(st.text("ab", min_size=2, max_size=6).map(str.encode), max_size=20),
    st.text("ab", max_size=30).map(str.encode),
    st.integers(256, 280),
    st.randoms(use_true_random=False),
)
def test_the_first_pair_of_lowest_rank_is_joined_until_there_is_none(
    tokens, text, below, dice
) -> None:
    order = sorted(tokens)
    dice.shuffle(order)
    ranks = BYTES | {token: 256 + n for n, token in enumerate(order)}
    parts = [text[i : i + 1] for i in range(len(text))]
    while len(parts) > 1:
        found = [ranks.get(a + b, below) for a, b in pairwise(parts)]
        if min(found) >= below:
            break
        at = found.index(min(found))
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    assert split(text, ranks, below) == parts


def test_long_tokens_do_not_cost_the_square_of_their_length() -> None:
    seen: list[bytes] = []

    class Counted(dict[bytes, int]):
        def get(self, key, default=None):
            seen.append(key)
            return super().get(key, default)

    ranks = Counted(BYTES | {b"a" * 2**n: 255 + n for n in range(1, 14)})
    assert split(b"a" * 2**14, ranks, 300) == [b"a" * 2**13] * 2
    assert len(seen) < 2**14 * 5
