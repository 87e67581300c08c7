"""Precision and recall on sentences written and labelled for this project, with pinned floors.

``labelled.jsonl``: one sentence a line with the personal data in it as (kind, value). All of it is
invented: numbers reserved for fiction or tests, or dummies such as 010-1234-5678. It holds cases
that we get wrong, too, so the floors are below 1.
"""

import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest

from gristmill.filters.pii.stage import KINDS

ROOT = Path(__file__).resolve().parents[3]

#: kind → (precision, recall), rounded down from what is measured.
FLOORS = {
    "email": (0.92, 0.92),
    "ip": (0.92, 1.0),
    "iban": (1.0, 1.0),
    "card": (1.0, 1.0),
    "national_id": (1.0, 1.0),
    "phone": (0.97, 0.92),
}


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("bench_pii", ROOT / "benchmarks/pii.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_floors(benchmark):
    table = benchmark.on_labelled()
    assert set(table) == set(KINDS) == set(FLOORS)
    for kind, (precision, recall) in FLOORS.items():
        assert table[kind]["labelled"] >= 12
        assert table[kind]["precision"] >= precision, kind
        assert table[kind]["recall"] >= recall, kind


def test_the_set_is_sound(benchmark):
    rows = [json.loads(line) for line in benchmark.LABELLED.read_text("utf-8").splitlines()]
    assert len(rows) >= 150
    assert sum(not row["pii"] for row in rows) >= 75
    assert len({row["text"] for row in rows}) == len(rows)
    languages = Counter(row["lang"] for row in rows)
    assert all(languages[lang] >= 20 for lang in ("en", "ko", "de", "fr", "ja"))
    for row in rows:
        assert all(kind in KINDS and value in row["text"] for kind, value in row["pii"])


def test_planted_items_are_valid(benchmark):
    import random

    for seed in range(100):
        for kind, item in benchmark.invented(random.Random(seed)):
            assert benchmark.finds(f"so: {item} and") == [(kind, item)]
