import dataclasses
import math

import pytest
import torch

from gristmill.train_smoke.model import GPT

VOCAB = 100


def _model(micro, **settings):
    return GPT(dataclasses.replace(micro, **settings), VOCAB, 0)


def _shaken(model):
    """Zero-initialised weights hide mistakes, so draw all of them."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.1)
    return model.eval()


def test_modern_starts_at_uniform(micro):
    ids = torch.arange(64).view(2, 32) % VOCAB
    assert float(_model(micro)(ids, ids).detach()) == pytest.approx(math.log(VOCAB), abs=1e-5)


def test_gpt2_is_gpt2(micro):
    model = _model(micro, variant="gpt2")
    width, rows = 32, 128
    block = 12 * width * width + 13 * width  # weights, biases and two LayerNorms
    assert model.parameter_count() == rows * width + 32 * width + 2 * block + 2 * width
    assert model.head is None
    assert float(model(torch.zeros(1, 4).long(), torch.ones(1, 4).long())) < 2 * math.log(VOCAB)


KINDS = {
    "modern": {"variant": "modern"},
    "gpt2": {"variant": "gpt2"},
    "llama": {"variant": "llama"},
    "shared": {"variant": "llama", "heads": 4, "kv_heads": 2, "tied": "yes", "rope_base": 5e5},
}


def test_llama_is_llama(micro):
    model = _model(micro, variant="llama", heads=4, kv_heads=2)
    inner = 128  # 8/3 x 32, rounded up to a multiple of 64
    block = 32 * 32 * 2 + 32 * 16 * 2 + 3 * 32 * inner + 2 * 32
    assert model.parameter_count() == 2 * 128 * 32 + 2 * block + 32
    assert not [name for name, _ in model.named_parameters() if name.endswith("bias")]
    assert float(model(torch.zeros(1, 4).long(), torch.ones(1, 4).long())) < 2 * math.log(VOCAB)


def test_heads_that_share_keys_are_heads_with_equal_keys(micro):
    shared = _shaken(_model(micro, variant="llama", heads=4, kv_heads=2))
    own = _model(micro, variant="llama", heads=4).eval()
    weights = shared.state_dict()
    for name, weight in weights.items():
        if name.endswith(("key.weight", "value.weight")):
            heads = weight.view(2, 8, 32).repeat_interleave(2, dim=0)
            weights[name] = heads.reshape(32, 32)
    own.load_state_dict(weights)
    ids = torch.arange(20).view(1, 20)
    with torch.no_grad():
        assert torch.allclose(shared(ids), own(ids), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_that_of_the_logits(micro, kind):
    model = _shaken(_model(micro, **KINDS[kind]))
    ids = torch.arange(40).view(2, 20)
    targets = (ids * 7 + 1) % VOCAB
    logits = model(ids).flatten(0, 1)
    plain = torch.nn.functional.cross_entropy(logits, targets.flatten())
    assert float(model(ids, targets)) == pytest.approx(float(plain), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_causal(micro, kind):
    model = _shaken(_model(micro, **KINDS[kind]))
    ids = torch.arange(20).view(1, 20)
    changed = ids.clone()
    changed[0, 12] = 77
    with torch.no_grad():
        before, after = model(ids), model(changed)
    assert torch.equal(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pieces", [[20], [1] * 20, [7, 1, 5, 7]])
def test_cached_equals_uncached(micro, kind, pieces):
    model = _shaken(_model(micro, **KINDS[kind]))
    ids = torch.arange(40).view(2, 20)
    cache: list = []
    with torch.no_grad():
        whole = model(ids)
        parts = [model.logits(model.trunk(some, cache)) for some in ids.split(pieces, dim=1)]
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=2e-5)


def test_document_mask_hides_the_document_before(micro):
    model = _shaken(_model(micro, document_mask=True))
    a = torch.tensor([[0, 5, 6, 0, 7, 8]])
    b = torch.tensor([[0, 9, 3, 0, 7, 8]])
    with torch.no_grad():
        assert torch.allclose(model(a)[:, 3:], model(b)[:, 3:], atol=1e-5)


def test_logits_are_capped_and_unpadded(micro):
    model = _shaken(_model(micro))
    logits = model(torch.zeros(1, 4).long())
    assert logits.shape == (1, 4, VOCAB)
    assert float(logits.abs().max()) <= 15.0


def test_same_seed_same_weights(micro):
    first, second = _model(micro).state_dict(), _model(micro).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(_model(micro, seed=2).embed.weight, first["embed.weight"])
