import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.train_smoke.sample import (
    Generation,
    Sampling,
    best_of,
    generate,
    generate_batch,
    next_tokens,
    probabilities,
    text_of,
)

LOGITS = st.lists(
    st.floats(-20, 20).map(lambda x: round(x, 3)), min_size=2, max_size=30, unique=True
)


@given(LOGITS, st.integers(1, 40))
def test_top_k_keeps_the_k_likeliest(logits, k):
    p = probabilities(torch.tensor([logits]), Sampling(top_k=k))[0]
    kept = set(p.nonzero().flatten().tolist())
    assert kept == set(torch.tensor(logits).topk(min(k, len(logits))).indices.tolist())
    assert float(p.sum()) == pytest.approx(1)


@given(LOGITS, st.floats(0.01, 0.99))
def test_top_p_keeps_the_smallest_set_that_reaches_p(logits, top_p):
    full = torch.tensor([logits]).double().softmax(-1)[0]
    p = probabilities(torch.tensor([logits]), Sampling(top_p=top_p))[0]
    kept = full[p > 0].sort(descending=True).values
    assert float(kept.sum()) >= top_p - 1e-9
    assert float(kept[:-1].sum()) < top_p + 1e-9
    assert float(kept.min()) >= float(full[p == 0].max() if (p == 0).any() else 0) - 1e-12


@given(LOGITS, st.floats(0.001, 1))
def test_min_p_is_relative_to_the_likeliest(logits, min_p):
    full = torch.tensor([logits]).double().softmax(-1)[0]
    p = probabilities(torch.tensor([logits]), Sampling(min_p=min_p))[0]
    share = full / full.max()
    clear = (share - min_p).abs() > 1e-9
    assert torch.equal((p > 0)[clear], (share >= min_p)[clear])
    assert float(p.sum()) == pytest.approx(1)


@given(LOGITS)
def test_greedy_and_cold_agree(logits):
    greedy = probabilities(torch.tensor([logits]), Sampling(temperature=0))
    cold = probabilities(torch.tensor([logits]), Sampling(temperature=1e-6))
    assert int(greedy.argmax()) == int(cold.argmax())
    assert float(greedy.max()) == 1.0


def test_filters_act_in_the_documented_order():
    # 0.5 0.3 0.15 0.05; top-k 2 leaves 0.625 0.375, then top-p 0.6 leaves the first alone.
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert probabilities(logits, Sampling(top_k=2, top_p=0.6))[0].tolist() == [1, 0, 0, 0]
    assert int((probabilities(logits, Sampling(top_p=0.6)) > 0).sum()) == 2


def test_greedy_with_cache_equals_without(model):
    prompt = [0, 5, 9, 3]
    got = generate(model, prompt, Sampling(temperature=0, max_tokens=20))[0]
    ids = list(prompt)
    with torch.no_grad():
        for token, logprob in zip(got.ids, got.logprobs, strict=True):
            logits = model(torch.tensor([ids]))[0, -1]
            assert int(logits.argmax()) == token
            assert float(logits.log_softmax(-1)[token]) == pytest.approx(logprob, abs=1e-4)
            ids.append(token)


def test_seed_decides_and_rows_differ(model):
    how = Sampling(max_tokens=12, seed=4)
    rows = generate(model, [0], how, n=3)
    assert rows == generate(model, [0], how, n=3)
    assert len({row.ids for row in rows}) == 3
    assert generate(model, [0], Sampling(max_tokens=12, seed=5))[0].ids == rows[1].ids


def test_goes_on_past_the_context(model):
    got = generate(model, list(range(1, 50)), Sampling(max_tokens=80))[0]
    assert len(got.ids) == 80
    assert all(math.isfinite(x) for x in got.logprobs)


def test_stops(model, vocabulary):
    free = generate(model, [0], Sampling(max_tokens=20))[0]
    at_id = generate(model, [0], Sampling(max_tokens=20, stop_ids=(free.ids[6],)))[0]
    assert at_id.finish == "stop_id"
    assert at_id.ids == free.ids[: free.ids.index(free.ids[6]) + 1]
    stop = vocabulary.decode(free.ids[8:10])
    how = Sampling(max_tokens=20, stop_strings=(stop,))
    at_string = generate(model, [0], how, vocabulary=vocabulary)[0]
    assert at_string.finish in ("stop_string", "length")
    assert stop not in text_of(at_string, how, vocabulary)
    assert free.finish == "length"


@pytest.mark.parametrize(
    "settings",
    [{"temperature": -1}, {"temperature": float("nan")}, {"top_k": -1}, {"top_p": 0}, {"top_p": 2},
     {"min_p": 1.5}, {"max_tokens": 0}, {"stop_strings": ("",)}],
)  # fmt: skip
def test_bad_settings(settings):
    with pytest.raises(ConfigError):
        Sampling(**settings)


def test_bad_requests(model):
    with pytest.raises(ConfigError, match="empty prompt"):
        generate(model, [])
    with pytest.raises(ConfigError, match="outside the vocabulary"):
        generate(model, [257])
    with pytest.raises(ConfigError, match="n=0"):
        generate(model, [0], n=0)
    with pytest.raises(ConfigError, match="vocabulary"):
        generate(model, [0], Sampling(stop_strings=("x",)))


def test_a_prompt_in_a_batch_gives_the_same_as_alone(model):
    prompts = [[0, 5, 9], [0, 7], [0, 8, 2], [0], [0, 5, 9]]
    how = Sampling(max_tokens=40, seed=4)  # longer than the context of 32
    together = generate_batch(model, prompts, how, n=2)
    for prompt, both in zip(prompts, together, strict=True):
        alone = generate(model, prompt, how, n=2)
        assert [one.ids for one in both] == [one.ids for one in alone]
        for a, b in zip(both, alone, strict=True):
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-4)


def test_best_of_by_total_and_by_mean():
    short = Generation(ids=(1,), logprobs=(-2.0,), finish="stop_id")
    long = Generation(ids=(1, 2, 3), logprobs=(-1.0, -1.0, -1.0), finish="length")
    assert best_of([long, short], "total") is short
    assert best_of([short, long], "mean") is long
    assert best_of([short, short, long], "total") is short


def test_next_tokens_are_those_that_are_drawn(model):
    likely = next_tokens(model, [0, 5], 257)
    assert sum(p for _, p in likely) == pytest.approx(1)
    assert [p for _, p in likely] == sorted((p for _, p in likely), reverse=True)
    greedy = generate(model, [0, 5], Sampling(temperature=0, max_tokens=1))[0]
    assert greedy.ids == (likely[0][0],)
    assert greedy.logprobs[0] == pytest.approx(math.log(likely[0][1]))
    assert next_tokens(model, [0, 5], 3) == likely[:3]
