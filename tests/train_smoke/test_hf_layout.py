"""Moving weights: every one has its place, and what moves comes back."""

import pytest
import torch

from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.hf_layout import Entry, layout, their_shape, to_ours, to_theirs
from gristmill.train_smoke.model import GPT

SHAPES = [{"variant": "gpt2"}, {"variant": "modern"}, {"variant": "llama", "kv_heads": 1}]


def model(shape):
    config = TrainConfig(layers=2, width=24, heads=3, context=16, batch_tokens=16, **shape)
    return GPT(config, 70, 0)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_weight_stands_in_one_entry(shape):
    gpt = model(shape)
    entries = layout(gpt.config, tied=gpt.head is None)
    ours = [name for entry in entries for name in entry.ours]
    assert sorted(ours) == sorted(gpt.state_dict())
    assert len({entry.theirs for entry in entries}) == len(entries)


@pytest.mark.parametrize("shape", SHAPES)
def test_there_and_back(shape):
    gpt = model(shape)
    weights = {n: torch.randn(w.shape) for n, w in gpt.state_dict().items()}
    shapes = {n: w.shape for n, w in weights.items()}
    for entry in layout(gpt.config, tied=gpt.head is None):
        theirs = to_theirs(entry, weights, 70, 8)
        assert list(theirs.shape) == their_shape(entry, shapes, 70)
        for name, back in to_ours(entry, theirs, shapes, 8).items():
            assert back.shape == shapes[name]
            assert torch.equal(back[:70] if entry.rows else back, weights[name][:70]
                               if entry.rows else weights[name])  # fmt: skip


def test_gpt2_joins_and_transposes():
    parts = {f"{p}.weight": torch.full((4, 4), float(n)) for n, p in enumerate("qkv")}
    parts["q.weight"][0] = torch.arange(4.0)
    theirs = to_theirs(Entry("c_attn", tuple(parts), "transposed"), parts, 0, 2)
    assert theirs.shape == (4, 12)
    assert theirs[:, 0].tolist() == [0, 1, 2, 3]
    assert theirs[0, 4:].tolist() == [1] * 4 + [2] * 4


def test_modern_exchanges_the_halves_of_each_head():
    weight = {"q.weight": torch.arange(8.0)[:, None]}
    theirs = to_theirs(Entry("q_proj", ("q.weight",), "swapped"), weight, 0, 4)
    assert theirs[:, 0].tolist() == [2, 3, 0, 1, 6, 7, 4, 5]
