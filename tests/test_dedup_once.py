"""Deduplication is killed in every phase, spread over workers, and ends in the same bytes."""

import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from exactly_once import hashes

import gristmill
from gristmill.api import reopen

_STAGES: list[Any] = [
    {"url_dedup": {"memory": "1MB"}},
    {"exact_dedup": {"memory": "1MB"}},
    {"minhash_dedup": {"memory": "1MB", "ngram": 3}},
    {"span_dedup": {"memory": "1MB"}},
]
_MINHASH = ("signatures", "bands", "groups", "sets", "edges", "first", "again", "clusters")
#: Phases to be killed in; a round of the others is no different.
_PHASES = ["exact_dedup.ranges", *(f"minhash_dedup.{r}" for r in _MINHASH), "span_dedup.repeats"]


@dataclass(frozen=True)
class Once:
    """A recipe, and the run of it that nothing disturbed."""

    recipe: Path
    out: Path

    def command(self, out: Path) -> list[str]:
        head = [sys.executable, "-m", "gristmill", "run", str(self.recipe)]
        return [*head, "--out", str(out), "--workers", "0"]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    folder = tmp_path_factory.mktemp("once")
    draw = random.Random(4)
    words = ["".join(draw.choices("abcdefgh", k=5)) for _ in range(400)]
    # Ten sentences each; every fifth text begins with the same three.
    texts = [[f"{w}." if n % 20 == 19 else w for n, w in enumerate(draw.choices(words, k=200))]
             for _ in range(60)]  # fmt: skip
    texts = [texts[0][:60] + text[60:] if n % 5 == 0 else text for n, text in enumerate(texts)]
    for number in range(3):
        rows = []
        for _ in range(80):
            text = draw.choice(texts)[:]
            text[100 + draw.randrange(90)] = draw.choice(words[:2])
            url = f"http://a.example/{draw.randrange(1000)}"
            rows.append({"text": " ".join(text), "url": url})
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{number}.jsonl").write_text(lines, "utf-8")
    body = {"name": "once", "inputs": {"jsonl": [f"{folder}/*.jsonl"]}, "stages": _STAGES}
    recipe = folder / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(body), "utf-8")
    gristmill.run(gristmill.load_recipe(str(recipe)), folder / "out")
    return Once(recipe, folder / "out")


def test_every_phase_has_something_to_do(once: Once) -> None:
    _, rounds = reopen(once.out)
    names = [round_.name for round_ in rounds]
    assert set(_PHASES) < set(names)
    assert [name for name in names if name.startswith("minhash")] == _PHASES[1:-1]
    figures = gristmill.report(once.out).figures["minhash_dedup"]
    assert figures["clusters"] > 40
    for stage in gristmill.report(once.out).stages[1:4]:
        assert stage.docs_out < stage.docs_in
    cut = pq.read_table(once.out / "documents" / "00000.kept.parquet")["span_dedup.removed_spans"]
    assert sum(cut.to_pylist()) > 0


@pytest.mark.parametrize("name", _PHASES)
def test_killed_in_any_phase_it_goes_on_to_the_same_bytes(
    once: Once, tmp_path: Path, name: str
) -> None:
    stage, _, part = name.partition(".")
    first = tmp_path / "out" / stage / f"{part}-00000.manifest.json".removeprefix("-")
    child = subprocess.Popen(once.command(tmp_path / "out"), stderr=subprocess.DEVNULL)
    while not first.exists() and child.poll() is None:
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert first.exists()
    gristmill.run(gristmill.load_recipe(str(once.recipe)), tmp_path / "out")
    assert hashes(tmp_path / "out") == hashes(once.out)


def test_two_workers_write_the_same_bytes(once: Once, dask_runner: Any, tmp_path: Path) -> None:
    recipe = gristmill.load_recipe(str(once.recipe))
    gristmill.run(recipe, tmp_path / "out", client=dask_runner.client)
    assert hashes(tmp_path / "out") == hashes(once.out)
