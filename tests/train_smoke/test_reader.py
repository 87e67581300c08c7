import pytest
import torch

from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.reader import Reader


@torch.inference_mode()
def test_with_the_cache_as_without(micro):
    model = GPT(micro, 257, 0)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn(weight.shape) * 0.3)
    model.eval()
    reader = Reader(model, [[0, 5, 6], [0, 9, 9]], 2)
    rows = [[0, 5, 6], [0, 5, 6], [0, 9, 9], [0, 9, 9]]
    logits = reader.prompt()
    for tokens in ([1, 2, 3, 4], [5, 6, 7, 8]):
        assert logits == pytest.approx(model(torch.tensor(rows))[:, -1], abs=1e-4)
        logits = reader.advance(tokens)
        for row, token in zip(rows, tokens, strict=True):
            row.append(token)


@torch.inference_mode()
def test_a_full_context_goes_on_from_its_last_half(micro):
    model = GPT(micro, 257, 0).eval()
    reader = Reader(model, [[*range(32)]], 1)
    reader.prompt()
    assert reader.advance([40]) == pytest.approx(
        model(torch.tensor([[*range(17, 32), 40]]))[:, -1], abs=1e-5
    )
    assert reader.length == 16
