"""Document keys and hand-made batches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.schema import KEY_BITS, documents, make_key, split_key


@given(st.integers(0, 2**24 - 1), st.integers(0, 2**40 - 1))
def test_a_key_splits_into_what_made_it(number: int, position: int) -> None:
    assert split_key(make_key(number, position)) == (number, position)
    assert make_key(number, position) < 2**64


def test_keys_sort_by_input_then_position() -> None:
    assert make_key(0, 2**KEY_BITS - 1) < make_key(1, 0) < make_key(1, 1)


@pytest.mark.parametrize(("number", "position"), [(2**24, 0), (0, 2**40), (-1, 0), (0, -1)])
def test_what_does_not_fit_is_refused(number: int, position: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        make_key(number, position)


def test_documents_have_distinct_keys() -> None:
    batch = documents(["a", None], urls=["http://a.example", None])
    assert batch["key"].to_pylist() == [0, 1]
    assert batch["url"].to_pylist() == ["http://a.example", None]
