"""Fates in words, ways of changing sides, and what a change hangs on."""

from typing import Any

import pyarrow as pa
import pytest

from gristmill.filters.gopher_quality import GopherQuality
from gristmill.pipeline.whatif.fate import DIRECTIONS, KEPT, Fate, describe, direction

DROPPED, OTHER, OPEN = Fate("a", "short"), Fate("b", "long"), Fate("c")


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        (DROPPED, KEPT, "newly_kept"),
        (KEPT, DROPPED, "newly_dropped"),
        (DROPPED, OPEN, "unforeseen"),
        (DROPPED, OTHER, "other_reason"),
    ],
)
def test_directions(old: Fate, new: Fate, way: str) -> None:
    assert direction(old, new) == way
    assert way in DIRECTIONS


def test_in_words() -> None:
    assert [str(f) for f in (KEPT, DROPPED, OPEN)] == ["kept", "a: short", "unforeseen from c on"]


def row(**signals: Any) -> pa.RecordBatch:
    fine = {
        "words": 100, "tokens": 110, "stop_words": 5, "avg_word_length": 5.0, "hash_ratio": 0.0,
        "ellipsis_ratio": 0.0, "bullet_lines": 0.0, "ellipsis_lines": 0.0, "alpha_words": 0.9,
    }  # fmt: skip
    values = {f"gopher.{name}": value for name, value in (fine | signals).items()}
    return pa.RecordBatch.from_pylist([{"key": 7, "id": "d", "url": None} | values])


def test_only_the_signal_and_the_threshold_that_decide() -> None:
    old, new = GopherQuality(), GopherQuality(min_words=80, min_stop_words=1, max_words=None)
    found = describe(row(words=63), KEPT, DROPPED, "gopher_quality", old, new)
    assert found.signals == {"gopher.words": 63}
    assert found.thresholds == {"min_words": (50, 80)}
    assert (found.key, found.id, found.url) == (7, "d", None)


def test_two_rules_had_to_give_way() -> None:
    old, new = GopherQuality(), GopherQuality(min_words=20, min_stop_words=1)
    found = describe(row(words=30, stop_words=1), DROPPED, KEPT, "gopher_quality", old, new)
    assert found.signals == {"gopher.words": 30}  # the reason that was given
    assert found.thresholds == {"min_words": (50, 20), "min_stop_words": (2, 1)}


def test_either_of_two_thresholds_would_do() -> None:
    old, new = GopherQuality(), GopherQuality(min_words=80, min_stop_words=6)
    found = describe(row(words=63), KEPT, DROPPED, "gopher_quality", old, new)
    assert found.signals == {"gopher.words": 63}
    assert found.thresholds == {"min_words": (50, 80)}
