"""An ablation from shards to verdict, on corpora whose difference is planted."""

import dataclasses
import json

import numpy as np
import pytest

from gristmill.errors import ConfigError
from gristmill.train_smoke.ablate import Ablation, ablate

WORDS = ["the", "mill", "grinds", "corn", "and", "a", "stone", "turns", "while", "water", "falls"]


def prose(seed: int, words: int = 40) -> str:
    """Words in any order: a model can learn how they are spelt."""
    return " ".join(np.random.default_rng(seed).choice(WORDS, words)) + "."


def noise(seed: int, length: int = 200) -> str:
    return "".join(np.random.default_rng(seed).choice(list("abcdefghijklmno ,.;"), length))


def ids(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.int64) + 1


@pytest.fixture(scope="module")
def corpora(make_shards, tmp_path_factory):
    root = tmp_path_factory.mktemp("corpora")
    junk = make_shards(
        root / "junk", [noise(n) for n in range(90)], [noise(900 + n) for n in range(12)]
    )
    good = make_shards(
        root / "good", [prose(n) for n in range(60)], [prose(900 + n) for n in range(12)]
    )
    return junk, good


@pytest.fixture(scope="module")
def neutral():
    return {"tales": [ids(prose(5000 + n)) for n in range(12)]}


@pytest.fixture(scope="module")
def settings(micro):
    quiet = {"sample_tokens": 0, "final_documents": 1, "final_windows": 1, "eval_every": 1000}
    return Ablation(config=dataclasses.replace(micro, steps=12, **quiet), seeds=2)


@pytest.fixture(scope="module")
def done(settings, corpora, neutral, tmp_path_factory):
    out = tmp_path_factory.mktemp("ablation")
    lines: list[str] = []
    result = ablate(
        settings, corpora, out, names=("junk", "good"), neutral=neutral, log=lines.append
    )
    return out, result, lines


def test_the_planted_difference_is_found(done):
    out, result, lines = done
    assert result.better == "B"
    assert result.verdict.startswith("B (good) is better by ")
    assert "on neutral text (95 % interval " in result.verdict
    assert result.verdict.endswith("), 2 seeds")
    assert [one.kind for one in result.sets] == ["A", "B", "neutral"]
    assert result.sets[0].difference.difference < 0 < result.sets[2].difference.difference
    kept = json.loads((out / "result.json").read_text())
    assert kept["verdict"] == result.verdict
    assert (out / "ablation.svg").read_text().startswith("<svg")
    assert any(line.startswith("tales: 12 of 12 documents; 0 left out") for line in lines)


def test_both_sides_train_on_the_same_number_of_tokens(done, corpora):
    out, result, _ = done
    totals = {
        side: json.loads((out / "corpora" / f"{side}-0" / "shards.json").read_text())["splits"]
        for side in "ab"
    }
    assert totals["a"]["train"]["tokens"] == totals["b"]["train"]["tokens"] == result.unique_tokens
    assert result.unique_tokens == min(result.available) < max(result.available)
    assert [(run.corpus, run.seed) for run in result.runs] == [
        ("A", 1), ("B", 1), ("A", 2), ("B", 2),
    ]  # fmt: skip


def test_the_same_call_trains_and_scores_nothing_again(done, settings, corpora, neutral):
    out, result, _ = done
    made = [*out.glob("runs/*/nats-*.npz"), *out.glob("runs/*/checkpoints/*/DONE")]
    before = {path: path.stat().st_mtime_ns for path in made}
    again = ablate(settings, corpora, out, names=("junk", "good"), neutral=neutral, log=str)
    assert len(made) == 12
    assert {path: path.stat().st_mtime_ns for path in made} == before
    assert again.sets == result.sets
    assert [run.train_seconds for run in again.runs] == [run.train_seconds for run in result.runs]


def test_more_seeds_may_come_later_but_no_other_settings(done, settings, corpora, neutral):
    out, result, _ = done
    for change, name in (
        ({"tokens": 3000}, "tokens"),
        ({"subsets": 2}, "tokens, subsets"),
        ({"config": dataclasses.replace(settings.config, steps=13)}, "config"),
    ):
        other = dataclasses.replace(settings, **change)
        with pytest.raises(ConfigError, match=f"an ablation with other {name};"):
            ablate(other, corpora, out, neutral=neutral, log=str)
    more = ablate(dataclasses.replace(settings, seeds=3), corpora, out, neutral=neutral, log=str)
    assert more.neutral.by_run[:2] == result.neutral.by_run
    assert len(more.neutral.by_run) == 3


def test_a_corpus_against_itself_cannot_be_told(settings, corpora, tmp_path):
    alone = ablate(
        dataclasses.replace(settings, seeds=1), (corpora[1], corpora[1]), tmp_path / "o", log=str
    )
    assert alone.neutral is None
    assert alone.better is None
    assert alone.verdict.startswith("no difference can be told: one pair of models")
    assert [one.difference.difference for one in alone.sets] == [0, 0]  # the same models


def test_subsets_are_different_parts_of_the_corpora(settings, corpora, neutral, tmp_path):
    two = dataclasses.replace(settings, seeds=1, subsets=2)
    result = ablate(two, corpora, tmp_path / "o", neutral=neutral, log=str)
    assert [(run.corpus, run.subset) for run in result.runs] == [
        ("A", 0), ("B", 0), ("A", 1), ("B", 1),
    ]  # fmt: skip
    assert "2 pairs of models" in result.verdict
    parts = [(tmp_path / "o" / "corpora" / f"b-{n}" / "train_000000.bin").read_bytes()
             for n in range(2)]  # fmt: skip
    assert parts[0] != parts[1]
    assert len(parts[0]) == len(parts[1])


@pytest.mark.parametrize("change", [{"seeds": 0}, {"subsets": 0}, {"tokens": 0}, {"documents": -1}])
def test_counts_must_be_counts(change, settings):
    with pytest.raises(ConfigError, match="must be 1 or more"):
        dataclasses.replace(settings, **change)
