"""The verdict says what the intervals allow, and no more."""

import json

import pytest

from gristmill.train_smoke.ablate_result import AblationResult, RunResult, SetResult, report
from gristmill.train_smoke.paired import Difference


def difference(value, half=0.01, runs=3, over_documents=True):
    around = (value - half, value + half)
    return Difference(
        bpb_a=2.0 + value,
        bpb_b=2.0,
        difference=value,
        by_run=(value,) * runs,
        documents=40,
        over_documents=(value - half / 2, value + half / 2) if over_documents else None,
        over_runs=around if runs > 1 else None,
    )


def result(a, b, neutral=None, seeds=3):
    sets = [
        SetResult("A's val (raw)", "A", a, 1000, 50, 8, 2),
        SetResult("B's val (curated)", "B", b, 1000, 50, 10, 0),
    ]
    if neutral:
        sets += [SetResult(name, "neutral", neutral, 1000, 40, 0, 0) for name in ("x", "y<z")]
    runs = [RunResult(c, 0, s, 3.0, 10.0, 1.0) for s in range(seeds) for c in ("A", "B")]
    return AblationResult(
        names=("raw", "curated"),
        available=(5000, 3000),
        unique_tokens=3000,
        trained_tokens=6000,
        steps=6,
        parameters=1234,
        seeds=seeds,
        subsets=1,
        sets=tuple(sets),
        neutral=neutral,
        runs=tuple(runs),
        config={"steps": 6},
        tokenizer_sha256="t",
    )


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (
            0.031,
            "B (curated) is better by 0.031 bits per byte on neutral text "
            "(95 % interval 0.021 to 0.041), 3 seeds",
        ),
        (
            -0.031,
            "A (raw) is better by 0.031 bits per byte on neutral text "
            "(95 % interval 0.021 to 0.041), 3 seeds",
        ),
        (
            -0.008,
            "no difference can be told on neutral text: A (raw) seems better by 0.008 bits per "
            "byte (95 % interval of A - B -0.018 to +0.002), 3 seeds",
        ),
    ],
)
def test_neutral_text_decides_alone(value, verdict):
    found = result(difference(-0.5), difference(0.5), difference(value))
    assert found.verdict == verdict
    assert json.loads(found.to_json())["verdict"] == verdict


def test_without_neutral_text_both_must_agree():
    told = result(difference(0.03), difference(0.2))
    assert told.better == "B"
    assert told.verdict.count("B (curated) is better by") == 2
    assert "on A's val (raw)" in told.verdict
    for other in (difference(-0.03), difference(0.001)):
        apart = result(other, difference(0.2))
        assert apart.better is None
        assert apart.verdict == "no difference can be told: A's val and B's val do not agree"


def test_what_is_too_little_to_tell_says_so():
    one = result(*[difference(0.5, runs=1)] * 3, seeds=1)
    assert "one pair of models says nothing about the next; raise --seeds" in one.verdict
    few = result(*[difference(0.5, over_documents=False)] * 3)
    assert "too few held-out documents" in few.verdict


def test_the_report_shows_both_intervals_and_warns():
    text = report(result(difference(0.03), difference(0.2)))
    assert "WARNING: no neutral text was given" in text
    assert "both cut to 3,000 unique tokens" in text
    assert "6,000 tokens each (2.0 epochs)" in text
    assert "+0.0250 +0.0350" in text
    assert "+0.0200 +0.0400" in text
    assert "training took 60 s, scoring 6 s" in text
    assert text.splitlines()[-1].startswith("verdict: B (curated) is better")
    with_neutral = report(result(*[difference(0.03)] * 3))
    assert "WARNING" not in with_neutral
    assert "neutral, mean of sets" in with_neutral
