"""The quality gate: what each engine finds of the reference texts must not fall below a floor."""

from pathlib import Path
from typing import Any

import pytest
from scoring import Score, gold_pages, mean, score

from gristmill.pipeline.extract import EXTRACTORS
from gristmill.pipeline.extract.child import cut_data_uris

#: On every 5th gold page with full text, default options. Raise a floor when an engine gets better;
#: it stands half a point below what was measured. `benchmarks/extraction.py --every 5` measures.
FLOORS = {
    "trafilatura": Score(precision=0.905, recall=0.922, f1=0.900),
    "resiliparse": Score(precision=0.853, recall=0.863, f1=0.842),
}
EVERY = 5


@pytest.fixture(scope="module")
def pages(shared_data: Path) -> list[dict[str, Any]]:
    return gold_pages(shared_data / "gold.jsonl.gz")[::EVERY]


def test_every_engine_has_a_floor() -> None:
    assert set(FLOORS) == set(EXTRACTORS) - {"plain"}, "add the new engine's floor to FLOORS"


@pytest.mark.real_data
@pytest.mark.parametrize("engine", FLOORS)
def test_quality_stays_above_the_floor(engine: str, pages: list[dict[str, Any]]) -> None:
    extract, floor = EXTRACTORS[engine], FLOORS[engine]
    found = mean(
        score(extract(cut_data_uris(page["html"]), page["url"]), page["gold_text"])
        for page in pages
    )
    for measure in ("precision", "recall", "f1"):
        assert getattr(found, measure) >= getattr(floor, measure), f"{engine}: {found}"
