"""The global order of documents."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.tokenize.order import ORDER, cut, plan_order

Row = tuple[int, int, int]  # key, content, tokens


def _table(rows: list[Row]) -> pa.Table:
    n = len(rows)
    return pa.table(
        {
            "key": pa.array([r[0] for r in rows], pa.uint64()),
            "content": pa.array([r[1] for r in rows], pa.uint64()),
            "tokens": pa.array([r[2] for r in rows], pa.int64()),
            "task": pa.array([r[0] % 3 for r in rows], pa.int32()),
            "row": pa.array(range(n), pa.int64()),
        }
    )


def _plan(rows: list[Row], fraction: float = 0.2, target: int = 50, seed: int = 1):
    order, files = plan_order(_table(rows), fraction, target, seed)
    assert order.schema == ORDER
    return order.to_pylist(), files


def _rows(n: int, seed: int = 0) -> list[Row]:
    rng = np.random.default_rng(seed)
    content = rng.integers(0, 1 << 64, n, dtype=np.uint64).tolist()
    tokens = rng.integers(1, 40, n).tolist()
    return list(zip(range(n), content, tokens, strict=True))


_DOCS = st.lists(
    st.tuples(
        st.integers(0, (1 << 64) - 1),
        st.sampled_from([0, 1, 1 << 40, 1 << 62, 1 << 63, (1 << 64) - 1]),
        st.integers(1, 60),
    ),
    max_size=25,
    unique_by=lambda r: r[0],
)


@settings(max_examples=60, deadline=None)
@given(_DOCS, st.sampled_from([0.0, 0.01, 0.3, 0.9, 0.999999]), st.randoms())
def test_the_laws(rows: list[Row], fraction: float, random) -> None:
    order, files = _plan(rows, fraction)
    # a permutation that conserves tokens
    assert sorted((r["key"], r["tokens"]) for r in order) == sorted((k, t) for k, _, t in rows)
    # sorted by file, no file without documents, numbered from 0 in each split
    assert [r["file"] for r in order] == sorted(r["file"] for r in order)
    assert {r["file"] for r in order} == set(range(len(files)))
    for split in ("train", "val"):
        numbers = [f["number"] for f in files if f["split"] == split]
        assert numbers == list(range(len(numbers)))
    # a file passes the target only by its one document
    for number in range(len(files)):
        sizes = [r["tokens"] for r in order if r["file"] == number]
        assert sum(sizes) <= 50 or len(sizes) == 1
    # equal content stands on one side, and both sides have something where that can be
    content = {k: c for k, c, _ in rows}
    sides: dict[int, set[str]] = {}
    for r in order:
        sides.setdefault(content[r["key"]], set()).add(files[r["file"]]["split"])
    assert all(len(side) == 1 for side in sides.values())
    both = fraction > 0 and len(sides) > 1
    assert {f["split"] for f in files} == (
        {"train", "val"} if both else {"train"} if rows else set()
    )
    # the order of the rows makes no difference
    shuffled = random.sample(rows, len(rows))
    again, same_files = _plan(shuffled, fraction)
    assert [(r["file"], r["key"]) for r in again] == [(r["file"], r["key"]) for r in order]
    assert same_files == files


def test_task_and_row_travel_with_their_document() -> None:
    rows = _rows(30)
    order, _ = _plan(rows)
    assert all((r["task"], r["row"]) == (r["key"] % 3, r["key"]) for r in order)


def test_documents_are_shuffled_by_the_seed() -> None:
    rows = _rows(200)
    first, second = ([r["key"] for r in _plan(rows, 0.0, 10**6, seed)[0]] for seed in (1, 2))
    assert first != second
    assert sorted(first) == sorted(second) == list(range(200))
    assert abs(np.corrcoef(first, np.arange(200))[0, 1]) < 0.3
    assert first == [r["key"] for r in _plan(rows, 0.0, 10**6, 1)[0]]


def test_the_seed_does_not_move_a_text_to_the_other_side() -> None:
    def held_out(seed: int) -> set[int]:
        order, files = _plan(_rows(100), seed=seed)
        return {r["key"] for r in order if files[r["file"]]["split"] == "val"}

    assert held_out(1) == held_out(2)


def test_the_share_held_out_is_about_what_was_asked_for() -> None:
    order, files = _plan(_rows(5000), 0.1, 10**6)
    share = sum(files[r["file"]]["split"] == "val" for r in order) / 5000
    assert abs(share - 0.1) < 4 * np.sqrt(0.1 * 0.9 / 5000)


def test_a_document_held_out_stays_so_when_others_come() -> None:
    few, many = _rows(300)[:100], _rows(300)

    def held_out(rows: list[Row]) -> set[int]:
        order, files = _plan(rows)
        return {r["key"] for r in order if files[r["file"]]["split"] == "val"}

    assert held_out(few) == {k for k in held_out(many) if k < 100}


@pytest.mark.parametrize("rows", [[], [(5, 9, 3)], [(5, 9, 3), (6, 9, 3)]])
def test_nothing_is_held_out_of_fewer_than_two_texts(rows: list[Row]) -> None:
    order, files = _plan(rows, 0.9)
    assert [f["split"] for f in files] == (["train"] if rows else [])
    assert len(order) == len(rows)


def test_cut() -> None:
    assert cut(np.array([3, 3, 4, 1, 20, 1, 9, 1]), 10).tolist() == [0, 0, 0, 1, 2, 3, 3, 4]
    assert cut(np.array([], np.int64), 10).tolist() == []
    assert cut(np.array([11, 11]), 10).tolist() == [0, 1]
