"""Every document into one file, in order; files of a split equally large."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.dataset.layout import PIECES, SPLITS, lay_out

Shard = list[tuple[int, bool]]
SHARDS = st.lists(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=20), max_size=6)


def laid(shards: list[Shard], target: int):
    arrays = [
        (np.array([n for n, _ in shard], np.int64), np.array([h for _, h in shard], bool))
        for shard in shards
    ]
    totals = [sum(n for shard in shards for n, h in shard if h == side) for side in (False, True)]
    return lay_out(iter(arrays), (totals[0], totals[1]), target)


def contents(shards: list[Shard], target: int) -> tuple[list[list[tuple[int, int]]], list[dict]]:
    """Return the (shard, row) in each file, as whoever writes them reads the pieces."""
    pieces, files = laid(shards, target)
    found: list[list[tuple[int, int]]] = [[] for _ in files]
    for piece in pieces.to_pylist():
        held = files[piece["file"]]["split"] == "validation"
        rows = range(piece["first"], piece["stop"])
        mine = [(piece["task"], r) for r in rows if shards[piece["task"]][r][1] == held]
        found[piece["file"]] += mine
    return found, files


@given(SHARDS, st.integers(1, 200))
def test_every_document_stands_in_one_file_of_its_split_in_order(shards, target) -> None:
    found, files = contents(shards, target)
    for split in SPLITS:
        every = [(t, r) for t, s in enumerate(shards) for r, (_, h) in enumerate(s)
                 if h == (split == "validation")]  # fmt: skip
        mine = [docs for docs, file in zip(found, files, strict=True) if file["split"] == split]
        assert [place for docs in mine for place in docs] == every
    assert [len(docs) for docs in found] == [file["docs"] for file in files]


@given(SHARDS, st.integers(1, 200))
def test_a_file_passes_the_target_by_one_document_at_most(shards, target) -> None:
    for docs in contents(shards, target)[0]:
        sizes = [shards[task][row][0] for task, row in docs]
        assert sum(sizes) - (max(sizes) if sizes else 0) <= target


@given(SHARDS, st.integers(1, 200), st.data())
def test_where_shards_are_cut_does_not_matter(shards, target, data) -> None:
    flat = [doc for shard in shards for doc in shard]
    at = data.draw(st.integers(0, len(flat)))
    whole, parted = ([file["docs"] for file in laid(s, target)[1]]
                     for s in ([flat], [flat[:at], flat[at:]]))  # fmt: skip
    assert whole == parted


@given(SHARDS, st.integers(1, 200))
def test_names_are_what_hugging_face_writes(shards, target) -> None:
    files = laid(shards, target)[1]
    for split in SPLITS:
        names = [file["name"] for file in files if file["split"] == split]
        n = len(names)
        assert names == [f"{split}-{i:05d}-of-{n:05d}.parquet" for i in range(n)]
    assert all(file["docs"] for file in files) or len(files) == 1


def test_files_are_equally_large() -> None:
    shards = [[(10, False)] * 50, [(10, False)] * 51]
    assert [file["docs"] for file in laid(shards, 500)[1]] == [34, 34, 33]


def test_a_document_longer_than_the_target_stands_in_a_file_of_its_own() -> None:
    found, files = contents([[(5, False), (1000, False), (5, False)]], 100)
    assert found == [[(0, 0), (0, 1)], [(0, 2)]]
    assert [file["name"] for file in files] == [
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ]


@pytest.mark.parametrize("shards", [[], [[]], [[], []]])
def test_without_documents_there_is_one_file(shards) -> None:
    pieces, files = laid(shards, 100)
    assert files == [{"split": "train", "name": "train-00000-of-00001.parquet", "docs": 0}]
    assert pieces == PIECES.empty_table()


@pytest.mark.parametrize("shards", [[[(3, True)]], [[], [(0, True), (0, True)]]])
def test_a_split_without_documents_has_no_file(shards) -> None:
    (file,) = laid(shards, 100)[1]
    assert file["name"] == "validation-00000-of-00001.parquet"
    assert file["docs"] == sum(map(len, shards))
