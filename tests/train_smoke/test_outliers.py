"""What is far from the last 128 values."""

import math
import statistics

from hypothesis import given
from hypothesis import strategies as st

from gristmill.train_smoke.outliers import WINDOW, Outliers


@given(st.lists(st.floats(-1e6, 1e6), min_size=WINDOW, max_size=2 * WINDOW), st.floats(-1e6, 1e6))
def test_scores_are_those_of_the_last_values(values: list[float], new: float) -> None:
    outliers = Outliers()
    for value in values:
        outliers.zscore(value)
    last = values[-WINDOW:]
    assert outliers.values == last
    spread = statistics.pstdev(last)
    score = outliers.zscore(new)
    if spread > 1e-3:
        assert math.isclose(score, (new - statistics.fmean(last)) / spread, abs_tol=1e-6)


def test_nothing_is_odd_at_first_or_where_nothing_changes() -> None:
    outliers = Outliers()
    assert [outliers.zscore(1e9 * k) for k in range(WINDOW)] == [0.0] * WINDOW
    level = Outliers([2.0] * WINDOW)
    assert level.zscore(50.0) == 0.0


def test_what_is_no_number_is_not_remembered() -> None:
    outliers = Outliers([1.0, 2.0])
    outliers.zscore(math.nan)
    assert outliers.values == [1.0, 2.0]
