import dataclasses

import pytest
import torch

from gristmill.train_smoke import optim
from gristmill.train_smoke.model import GPT


@pytest.mark.parametrize("shape", [(3, 16, 64), (2, 64, 16), (1, 32, 32)])
def test_orthogonalise_flattens_the_spectrum(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(optim.orthogonalise(matrices))
    assert float(values.max()) < 1.3
    assert float(values.median()) > 0.6


def test_muon_agrees_with_torch():
    if not hasattr(torch.optim, "Muon"):
        pytest.skip("this torch has no Muon to compare with")
    start = torch.randn(16, 48, generator=torch.Generator().manual_seed(1))
    ours, theirs = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    mine = optim.Muon([ours], lr=0.02, momentum=0.95)
    reference = torch.optim.Muon([theirs], lr=0.02, momentum=0.95, weight_decay=0.0)
    for step in range(5):
        gradient = torch.randn(16, 48, generator=torch.Generator().manual_seed(10 + step))
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        mine.step()
        reference.step()
    # theirs orthogonalises in bf16
    assert torch.allclose(ours, theirs, atol=0.01)
    moved = (ours - start).flatten(), (theirs - start).flatten()
    assert float(torch.nn.functional.cosine_similarity(*moved, dim=0)) > 0.99


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
@pytest.mark.parametrize("variant", ["modern", "gpt2"])
def test_every_weight_has_one_optimizer(micro, optimizer, variant):
    config = dataclasses.replace(micro, optimizer=optimizer, variant=variant)
    model = GPT(config, 100, 0)
    held = [
        id(weight)
        for built in optim.build(model, config)
        for group in built.param_groups
        for weight in group["params"]
    ]
    assert sorted(held) == sorted(id(weight) for weight in model.parameters())


def test_cautious_decay_only_shrinks_what_the_update_shrinks():
    weight = torch.nn.Parameter(torch.ones(4, 4))
    weight.grad = -torch.eye(4)  # the update grows the diagonal
    optim.Muon([weight], lr=0.1, momentum=0.0, weight_decay=0.5).step()
    assert float(weight.detach().diagonal().min()) > 1.0


def test_set_lr_scales_the_peak(micro):
    built = optim.build(GPT(micro, 100, 0), micro)
    optim.set_lr(built, 0.5)
    optim.set_lr(built, 0.25)
    peaks = {group["lr"] / group["peak_lr"] for o in built for group in o.param_groups}
    assert peaks == {0.25}
