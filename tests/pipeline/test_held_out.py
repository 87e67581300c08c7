"""The draw that decides what is held out."""

import math

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.held_out import common_limit, draws, limit, limit_between, span

_KEYS = st.integers(0, 2**64 - 1)


def test_a_text_without_a_cluster_draws_its_hash() -> None:
    found = draws(pa.array(["one text", None, "水\u3000車"], pa.string()))
    assert found.dtype == np.uint64
    expected = [xxhash.xxh3_64_intdigest(text) for text in ("onetext", "", "水車")]
    assert found.tolist() == expected


def test_a_cluster_draws_for_all_its_documents() -> None:
    found = draws(pa.array(["a", "b", "c"]), pa.array([7, None, 7], pa.uint64()))
    cluster = xxhash.xxh64_intdigest(b"cluster:" + b"\x07" + bytes(7))
    assert found.tolist() == [cluster, xxhash.xxh3_64_intdigest(b"b"), cluster]


def test_white_space_does_not_move_a_text_to_the_other_side() -> None:
    same = draws(pa.array(["two wörds", " two\n\nwörds "]))
    assert same[0] == same[1]


def test_white_space_is_what_splits_words() -> None:
    spaces = [chr(c) for c in range(0x3100) if chr(c).isspace()]
    assert len(set(draws(pa.array(["äb", *(f"ä{c}b" for c in spaces)])).tolist())) == 1
    others = [chr(c) for c in range(0x80, 0x3100) if not chr(c).isspace()]
    found = draws(pa.array(["äb", *(f"ä{c}b" for c in others)]))
    assert len(set(found.tolist())) == len(found)


def test_no_documents_and_a_column_without_any_cluster() -> None:
    assert draws(pa.array([], pa.string()), pa.array([], pa.uint64())).tolist() == []
    texts = pa.array(["a", "b"])
    assert draws(texts, pa.nulls(2, pa.uint64())).tolist() == draws(texts).tolist()


@given(st.lists(st.tuples(st.text(max_size=20), st.none() | _KEYS), max_size=30))
def test_a_draw_does_not_depend_on_the_documents_beside_it(
    documents: list[tuple[str, int | None]],
) -> None:
    texts = pa.array([text for text, _ in documents], pa.string())
    clusters = pa.array([key for _, key in documents], pa.uint64())
    alone = [int(draws(texts[i : i + 1], clusters[i : i + 1])[0]) for i in range(len(texts))]
    assert draws(texts, clusters).tolist() == alone


@given(st.floats(0, 1, exclude_max=True))
def test_the_limit_is_that_share_of_all_numbers(fraction: float) -> None:
    assert int(limit(fraction)) == math.floor(fraction * 2**64)


def test_a_share_of_all_texts_is_held_out() -> None:
    found = draws(pa.array([f"text {i}" for i in range(20_000)]))
    assert abs((found < limit(0.1)).mean() - 0.1) < 0.01
    assert not (found < limit(0)).any()


@pytest.mark.parametrize("fraction", [-0.1, 1, 1.5, math.nan])
def test_an_impossible_share_is_refused(fraction: float) -> None:
    with pytest.raises(ValueError, match="not in"):
        limit(fraction)


_DRAWS = st.lists(
    st.sampled_from([0, 1, 1 << 40, 1 << 62, 1 << 63, (1 << 64) - 1]) | _KEYS,
    min_size=1,
    max_size=25,
)


@given(_DRAWS, st.sampled_from([0.0, 1e-12, 0.01, 0.3, 0.9, 0.999999]))
def test_each_side_has_something_where_that_can_be(found: list[int], fraction: float) -> None:
    held = np.array(found, np.uint64) < limit_between(fraction, min(found), max(found))
    both = fraction > 0 and len(set(found)) > 1
    if both:
        assert held.any()
        assert not held.all()
    wanted = [draw < int(fraction * 2**64) for draw in found]
    if both and any(wanted) and not all(wanted):
        assert held.tolist() == wanted  # nobody moves where both sides have something
    if fraction == 0 or len(set(found)) == 1:
        assert not held.any()


@given(_DRAWS, st.integers(0, 25), st.sampled_from([0.0, 0.01, 0.9]))
def test_the_limit_is_the_same_from_parts(found: list[int], cut: int, fraction: float) -> None:
    parts = [np.array(part, np.uint64) for part in (found[:cut], found[cut:])]
    whole = limit_between(fraction, min(found), max(found))
    assert common_limit(fraction, map(span, parts)) == whole


def test_nothing_to_hold_out() -> None:
    assert span(np.array([], np.uint64)) == []
    assert common_limit(0.0, [[], []]) == 0
