"""The draw that decides what is held out."""

import math

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dedup.exact import text_hash
from gristmill.pipeline.held_out import draws, limit

_KEYS = st.integers(0, 2**64 - 1)


def test_a_text_without_a_cluster_draws_its_hash() -> None:
    found = draws(pa.array(["one text", None], pa.string()))
    assert found.dtype == np.uint64
    assert found.tolist() == [text_hash("one text")[0], text_hash("")[0]]


def test_a_cluster_draws_for_all_its_documents() -> None:
    found = draws(pa.array(["a", "b", "c"]), pa.array([7, None, 7], pa.uint64()))
    cluster = xxhash.xxh64_intdigest(b"cluster:" + b"\x07" + bytes(7))
    assert found.tolist() == [cluster, text_hash("b")[0], cluster]


def test_white_space_does_not_move_a_text_to_the_other_side() -> None:
    same = draws(pa.array(["two words", " two\n\nwords "]))
    assert same[0] == same[1]


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
