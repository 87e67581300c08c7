"""The parts of ``benchmarks/`` that its figures depend on."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scoring import Score, gold_pages, mean, score, unspaced
from systems import curation_only, write_start_files

from gristmill.recipe import load_recipe

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
WORDS = st.lists(st.sampled_from(["mill", "Mill", "wheel", "water", "x1"]), max_size=12)


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"PYTHONPATH": str(BENCHMARKS)}
    return subprocess.run(
        [sys.executable, *arguments], env=env, capture_output=True, text=True, check=False
    )


@given(WORDS, WORDS)
def test_score_compares_multisets_of_words(text: list[str], gold: list[str]) -> None:
    found = score(" ".join(text), " ".join(gold))
    other_order_and_case = " … ".join(reversed(text)).upper()
    assert score(other_order_and_case, " ".join(gold)) == found
    swapped = score(" ".join(gold), " ".join(text))
    assert (found.precision, found.recall) == (swapped.recall, swapped.precision)
    assert min(found.precision, found.recall) <= found.f1 + 1e-9 <= 1 + 2e-9
    assert score(" ".join(gold), " ".join(gold)).f1 == (1 if gold else 0)


def test_a_repeated_word_counts_as_often_as_it_stands_in_both() -> None:
    assert score("mill mill mill mill", "mill mill") == Score(0.5, 1.0, 2 / 3)
    assert score(None, "mill") == Score(0, 0, 0)
    assert mean([score("mill", "mill"), score("", "mill")]) == Score(0.5, 0.5, 0.5)


def test_characters_count_where_the_script_has_no_spaces() -> None:
    assert score("水車回る", "水車は回る").precision == 1  # as words nothing would match
    assert score("โรงสี", "โรงสีเก่า").precision == 1
    assert score("방앗간", "방앗간은 돈다").f1 == 0  # Korean has spaces
    assert not unspaced("The sign says 水車, which means water mill.")


def test_only_pages_with_full_text_are_gold(tmp_path: Path) -> None:
    rows = [{"id": 1, "gold_text": "mill"}, {"id": 2, "gold_text": " "}, {"id": 3, "gold_text": ""}]
    path = tmp_path / "gold.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    assert [page["id"] for page in gold_pages(path)] == [1]


def test_orphans_are_in_the_account(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.5: pass"
    orphan = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    measure = (
        "import os, pathlib, sys, meter; here = pathlib.Path(sys.argv[2]); print(meter.metered("
        "[sys.executable, '-c', sys.argv[1]], here / 'log', os.environ, here).cpu_seconds)"
    )
    told = run_python("-c", measure, orphan, str(tmp_path))
    assert float(told.stdout) >= 0.5, told.stderr
    failing = run_python("-c", measure, "raise SystemExit('the wheel is stuck')", str(tmp_path))
    assert failing.returncode == 1
    assert "ended with exit 1" in failing.stderr
    assert "the wheel is stuck" in failing.stderr


def test_the_limit_counts_every_response(tmp_path: Path) -> None:
    write_start_files(tmp_path / "start", 3)
    paths = [str(path) for path in sorted((tmp_path / "start").iterdir())]
    told = json.loads(run_python(str(BENCHMARKS / "limit.py"), *paths).stdout)
    assert (told["responses"], told["html"]) == (3, 3)
    assert told["bytes"] == sum(len(gzip.decompress(Path(p).read_bytes())) for p in paths)


@pytest.mark.parametrize("name", ["fineweb", "demo"])
def test_what_is_compared_ends_before_the_first_barrier(name: str) -> None:
    recipe = curation_only(load_recipe(name))
    names = [stage for stage, _ in recipe.named_stages()]
    assert names[:3] == ["url_filter", "prescreen", "extract"]
    assert names[-1] == "fineweb_quality"
    assert recipe.tokenizer is None
    assert recipe.shards is None
