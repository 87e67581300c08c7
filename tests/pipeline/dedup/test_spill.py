"""Numbers on disk."""

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.pipeline.dedup.spill import Spill


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(
        st.lists(st.tuples(st.integers(0, (1 << 64) - 1), st.integers(0, 3)), max_size=9),
        max_size=4,
    )
)
def test_rows_come_back_by_part_in_order(tmp_path: Path, batches) -> None:
    spill = Spill(tmp_path / "one" / "deep", 4, 2)
    for batch in batches:
        rows = np.array([(value, 7) for value, _ in batch], np.uint64).reshape(-1, 2)
        spill.add(rows, np.array([part for _, part in batch], np.int64))
    for part in range(4):
        expected = [[value, 7] for batch in batches for value, p in batch if p == part]
        assert spill.read(part).tolist() == expected
    spill.remove()
    assert list((tmp_path / "one").iterdir()) == []
