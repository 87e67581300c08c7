"""Chunks change the memory, not the loss or its gradient."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

from gristmill.train_smoke import chunked_loss as module
from gristmill.train_smoke.chunked_loss import chunked_loss

VOCAB, ROWS, WIDTH = 90, 128, 16


def _given(tokens: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(5)
    hidden = torch.randn(tokens, WIDTH, generator=draw, dtype=dtype, requires_grad=True)
    head = torch.randn(ROWS, WIDTH, generator=draw, dtype=dtype, requires_grad=True)
    targets = torch.randint(0, VOCAB, (tokens,), generator=draw)
    targets[::7] = -100
    return hidden, head, targets


def _plain(hidden: Tensor, head: Tensor, targets: Tensor, softcap: float) -> Tensor:
    logits = F.linear(hidden, head)[:, :VOCAB].float()
    logits = softcap * torch.tanh(logits / softcap) if softcap else logits
    return F.cross_entropy(logits, targets, ignore_index=-100)


@pytest.mark.parametrize("softcap", [0.0, 3.0])
@pytest.mark.parametrize("rows", [1, 10, 64, 1000])
def test_equals_the_plain_loss(monkeypatch: pytest.MonkeyPatch, softcap: float, rows: int) -> None:
    monkeypatch.setattr(module, "_CPU_LOGITS", rows * ROWS)
    hidden, head, targets = _given(64)
    plain = _plain(hidden, head, targets, softcap)
    expected = torch.autograd.grad(3 * plain, (hidden, head))
    loss = chunked_loss(hidden, head, targets, VOCAB, softcap)
    found = torch.autograd.grad(3 * loss, (hidden, head))
    assert torch.allclose(loss, plain, atol=1e-6)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
    assert not found[1][VOCAB:].any()


@pytest.mark.parametrize("softcap", [0.0, 3.0])
def test_the_gradient_is_that_of_finite_differences(softcap: float) -> None:
    hidden, head, targets = _given(5, torch.float64)

    def loss(h: Tensor, w: Tensor) -> Tensor:
        return chunked_loss(h, w, targets, VOCAB, softcap)

    # The loss is fp32 inside, so differences are coarse.
    assert torch.autograd.gradcheck(loss, (hidden, head), eps=1e-2, atol=1e-3, rtol=1e-2)


def test_without_gradients_nothing_is_kept() -> None:
    hidden, head, targets = _given(20)
    with torch.inference_mode():
        loss = chunked_loss(hidden, head, targets, VOCAB)
    assert torch.allclose(loss, _plain(hidden, head, targets, 0.0), atol=1e-6)
    assert not loss.requires_grad


def test_autocast_computes_in_bf16_and_gives_gradients_of_the_weights_type() -> None:
    hidden, head, targets = _given(20)
    with torch.autocast("cpu", torch.bfloat16):
        loss = chunked_loss(hidden, head, targets, VOCAB)
    loss.backward()
    assert loss.dtype == hidden.grad.dtype == head.grad.dtype == torch.float32
    assert float(loss) == pytest.approx(float(_plain(hidden, head, targets, 0.0)), rel=1e-2)
