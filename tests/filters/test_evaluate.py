"""AUC, precision and recall against their definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.evaluate import evaluate

scores = st.lists(st.none() | st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), min_size=1, max_size=8)


@given(scores, scores, st.sampled_from([0.1, 0.5, 1.0]))
def test_by_counting_pairs(good, bad, threshold):
    found = evaluate(good, bad, threshold)
    low = -1.0
    pairs = [(low if g is None else g, low if b is None else b) for g in good for b in bad]
    assert found.auc == pytest.approx(sum((g > b) + (g == b) / 2 for g, b in pairs) / len(pairs))
    kept = [s is not None and s >= threshold for s in good]
    wrong = [s is not None and s >= threshold for s in bad]
    assert found.recall == sum(kept) / len(good)
    assert found.kept_bad == sum(wrong) / len(bad)
    total = sum(kept) + sum(wrong)
    assert found.precision == (sum(kept) / total if total else None)


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="no text to test on in the good set"):
        evaluate([], [0.5], 0.5)
    with pytest.raises(ValueError, match="no text to test on in the bad set"):
        evaluate([0.5], [], 0.5)
