"""Paired statistics: the figures, the coverage of the intervals, and when nothing can be told."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from gristmill.errors import ConfigError
from gristmill.train_smoke.paired import FEW_DOCUMENTS, Scores, compare, student_t


def scores(seed: int, *, runs=3, documents=40, gain=0.0, seed_noise=0.0) -> Scores:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(200, 2000, documents).astype(float)
    hard = draw.normal(1.5, 0.3, documents)
    noise = draw.normal(0, 0.05, (2, runs, documents)) + draw.normal(0, seed_noise, (2, runs, 1))
    a, b = (hard + noise - np.array([0, gain])[:, None, None]) * sizes * math.log(2)
    return Scores(a, b, sizes)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 13, 60])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.99])
def test_students_t_is_scipys(freedom, confidence):
    expected = stats.t.ppf(0.5 + confidence / 2, freedom)
    assert student_t(freedom, confidence) == pytest.approx(expected, rel=1e-9)


def test_figures_are_bits_per_byte():
    nats = np.full((2, 12), math.log(2))
    found = compare([Scores(3 * nats, 2 * nats, np.full(12, 4.0))])
    assert (found.bpb_a, found.bpb_b) == pytest.approx((0.75, 0.5))
    assert found.difference == pytest.approx(0.25)
    assert found.by_run == pytest.approx((0.25, 0.25))
    assert found.over_documents == pytest.approx((0.25, 0.25))
    assert found.better == "B"


def test_a_clear_gain_is_seen_and_the_other_way_round_too():
    one = scores(1, gain=0.1)
    found = compare([one])
    turned = compare([Scores(one.nats_b, one.nats_a, one.sizes)])
    assert (found.better, turned.better) == ("B", "A")
    assert found.difference == pytest.approx(0.1, abs=0.02)
    assert turned.difference == pytest.approx(-found.difference)


def test_the_wider_interval_decides():
    found = compare([scores(2, gain=0.05, seed_noise=0.2)])
    low, high = found.over_documents
    assert low > 0 or high < 0  # the documents alone would have decided
    assert found.interval == found.over_runs
    assert found.better is None


def test_one_pair_or_few_documents_tell_nothing():
    single = compare([scores(3, runs=1, gain=0.5)])
    assert single.over_runs is None
    few = compare([scores(3, documents=FEW_DOCUMENTS - 1, gain=0.5)])
    assert few.over_documents is None
    assert single.better is few.better is None


def test_sets_weigh_the_same_whatever_their_size():
    small, large = scores(4, documents=20, gain=0.4), scores(5, documents=200, gain=0.0)
    mean = (compare([small]).difference + compare([large]).difference) / 2
    both = compare([small, large])
    assert both.difference == pytest.approx(mean)
    assert both.documents == 220
    assert both.over_documents[0] < mean < both.over_documents[1]


def test_without_a_difference_a_verdict_is_rare():
    told = sum(compare([scores(s, documents=30, seed_noise=0.02)]).better is not None
               for s in range(60))  # fmt: skip
    assert told <= 8  # 5 % of 60 are 3; the wider of two intervals errs less often


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.1, 10))
def test_the_unit_of_text_does_not_matter(seed, factor):
    one = scores(seed, runs=2, documents=12, gain=0.1)
    scaled = Scores(one.nats_a * factor, one.nats_b * factor, one.sizes * factor)
    assert compare([scaled]).difference == pytest.approx(compare([one]).difference)


def test_scores_that_do_not_belong_together():
    with pytest.raises(ConfigError, match="both sides need the same"):
        Scores(np.zeros((2, 3)), np.zeros((2, 4)), np.zeros(3))
    with pytest.raises(ConfigError, match="no held-out set"):
        compare([])
