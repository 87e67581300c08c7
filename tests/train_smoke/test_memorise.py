import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke.memorise import greedy, memorised, wilson
from gristmill.train_smoke.model import GPT


class Parrot(torch.nn.Module):
    """Knows some texts by heart; of others it says the token 1."""

    def __init__(self, config, texts):
        super().__init__()
        self.config, self.eot = config, 0
        self.texts = [[0, *(b + 1 for b in text.encode())] for text in texts]
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.so_far = None

    def trunk(self, ids, cache):
        self.so_far = ids if not cache else torch.cat((self.so_far, ids), dim=1)
        cache[:] = [(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 1, 1))]
        rows = self.so_far.tolist()
        return torch.tensor([[[float(self._next(row))]] for row in rows])

    def _next(self, row):
        for text in self.texts:
            if text[: len(row)] == row and len(text) > len(row):
                return text[len(row)]
        return 1

    def logits(self, hidden):
        return torch.nn.functional.one_hot(hidden[..., 0].long(), 257).float()


def doc(n):
    return f"{n:03d} a text of the mill"


@pytest.fixture
def corpus(make_shards, tmp_path):
    copies = {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 5, 7: 6, 8: 11}
    train = [doc(n) for n, times in copies.items() for _ in range(times)]
    return ShardSet(make_shards(tmp_path / "s", [*train, "short"], [doc(50), doc(51), doc(1)],
                                split_at=7))  # fmt: skip


def test_groups_by_copies_with_a_control(micro, corpus):
    found = memorised(Parrot(micro, [doc(3), doc(8), doc(51)]), corpus, prefix=6, length=10)
    assert [(g.copies, g.texts, g.tested, g.exact) for g in found.groups] == [
        ("1", 2, 2, 0), ("2", 2, 2, 1), ("3-5", 2, 2, 0), ("6-10", 1, 1, 0), ("11+", 1, 1, 1),
    ]  # fmt: skip
    assert found.groups[1].rate == 0.5
    assert found.groups[1].matched_tokens == 5
    assert (found.groups[4].low, found.groups[4].high) == wilson(1, 1)
    # doc(1) is in train too and is no control
    assert (found.control.texts, found.control.exact) == (2, 1)


def test_the_sample_depends_on_texts_alone(micro, make_shards, tmp_path):
    docs = [doc(n) for n in range(30)]
    model = Parrot(micro, docs[::2])
    straight, turned = (
        memorised(model, ShardSet(make_shards(tmp_path / name, some, [])), prefix=6, length=8,
                  per_group=10)
        for name, some in (("a", docs), ("b", docs[::-1]))
    )  # fmt: skip
    assert straight == turned
    assert straight.groups[0].tested == 10
    assert straight.groups[0].texts == 30
    assert 0 < straight.groups[0].exact < 10
    assert straight.control.rate is None


def test_documents_that_are_too_short_and_too_long_requests(micro, corpus):
    model = Parrot(micro, [])
    found = memorised(model, corpus, prefix=20, length=12)
    assert all(g.texts == 0 and g.rate is None for g in found.groups)
    with pytest.raises(ConfigError, match="more than the model's context of 32"):
        memorised(model, corpus, prefix=30, length=3)
    with pytest.raises(ConfigError, match="1 or more"):
        memorised(model, corpus, per_group=0)


def test_greedy_is_the_likeliest_token_at_each_step(micro):
    model = GPT(micro, 257, 0)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.3)
    model.eval()
    prefixes = np.arange(1, 13).reshape(3, 4)
    written = greedy(model, prefixes, 5)
    assert written.shape == (3, 5)
    for start, row in zip(prefixes, written, strict=True):
        ids = [0, *start.tolist()]
        for token in row.tolist():
            assert token == int(model(torch.tensor([ids]))[0, -1].argmax())
            ids.append(token)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_is_symmetric(pair):
    hits, n = pair
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high <= 1
    mirrored = wilson(n - hits, n)
    assert mirrored == pytest.approx((1 - high, 1 - low))
