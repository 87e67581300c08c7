"""Components in memory and on disk."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup.arrays import mix, part_of
from gristmill.pipeline.dedup.connected import components_of, stars_on_disk
from gristmill.pipeline.dedup.spill import Spill


def by_hand(edges: list[tuple[int, int]]) -> dict[int, int]:
    """Node → smallest node of its component, by repetition."""
    label = {n: n for edge in edges for n in edge}
    changed = True
    while changed:
        changed = False
        for a, b in edges:
            low = min(label[a], label[b])
            changed |= label[a] != low or label[b] != low
            label[a] = label[b] = low
    return label


def on_disk(folder: Path, edges: list[tuple[int, int]], parts: int = 3) -> dict[int, int]:
    spill = Spill(folder / "edges", parts, 2)
    rows = np.array(edges, np.uint64).reshape(-1, 2)
    spill.add(rows, np.arange(len(rows)) % parts)
    stars = stars_on_disk(spill, folder / "work")
    found = {}
    for part in range(parts):
        rows = stars.read(part)
        assert (part_of(mix(rows[:, 0]), parts) == part).all()
        assert len(np.unique(rows[:, 0])) == len(rows)
        found |= dict(rows.tolist())
    return found


_NODES = st.integers(0, 12) | st.integers((1 << 64) - 4, (1 << 64) - 1)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(edges=st.lists(st.tuples(_NODES, _NODES), max_size=20))
def test_stars_hang_on_the_smallest_key(tmp_path: Path, edges) -> None:
    expected = {n: low for n, low in by_hand(edges).items() if n != low}
    with TemporaryDirectory(dir=tmp_path) as folder:
        assert on_disk(Path(folder), edges) == expected


@pytest.mark.parametrize("reverse", [False, True])
def test_a_long_chain(tmp_path: Path, reverse: bool) -> None:
    edges = [(n + 1, n) if reverse else (n, n + 1) for n in range(500)]
    assert on_disk(tmp_path, edges) == dict.fromkeys(range(1, 501), 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=15))
def test_labels_in_memory_are_the_components(edges: list[tuple[int, int]]) -> None:
    a, b = (np.array([edge[i] for edge in edges], np.int64) for i in (0, 1))
    labels = components_of(10, a, b)
    expected = by_hand([*edges, *((n, n) for n in range(10))])
    assert {(labels[x], expected[x]) for x in range(10)} == {
        (labels[expected[x]], expected[x]) for x in range(10)
    }
    assert len(set(labels.tolist())) == len(set(expected.values()))


def test_nothing_is_no_component(tmp_path: Path) -> None:
    assert components_of(0, np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []
    assert on_disk(tmp_path, []) == {}
