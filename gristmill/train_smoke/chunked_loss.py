"""Cross-entropy of a large vocabulary, without ever holding all its logits.

65,536 tokens of 50,304 logits in fp32 are 13 GB, and their gradient as much again. Here the logits
of some tokens are computed, and their gradient at once, before the next ones'.

Shapes: N tokens, C width, R rows of the head (the vocabulary, padded).
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor

#: Logits of one chunk: 64 MB in fp32 on a CPU, where caches matter; 1 GB on a GPU.
_CPU_LOGITS, _GPU_LOGITS = 1 << 24, 1 << 28
IGNORED = -100


def chunked_loss(
    hidden: Tensor, head: Tensor, targets: Tensor, vocab_size: int, softcap: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy in nats; differentiable in ``hidden`` and ``head``.

    Args:
        hidden: last hidden states, (N, C).
        head: weight of the output head, (R, C).
        targets: token ids, (N,); -100 does not count.
        vocab_size: rows of the head that are tokens; the others are padding.
        softcap: logits are squeezed into ±softcap by tanh; 0 = off.
    """
    kind = hidden.device.type
    if torch.is_autocast_enabled(kind):
        hidden = hidden.to(torch.get_autocast_dtype(kind))
    head = head.to(hidden.dtype)
    rows = max(1, (_CPU_LOGITS if kind == "cpu" else _GPU_LOGITS) // head.size(0))
    apply: Callable[..., Tensor] = _ChunkedLoss.apply
    return apply(hidden, head, targets, vocab_size, softcap, rows)


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        head: Tensor,
        targets: Tensor,
        vocab_size: int,
        softcap: float,
        rows: int,
    ) -> Tensor:
        counted = (targets != IGNORED).sum()
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        wanted = any(ctx.needs_input_grad[:2])
        to_hidden = []
        to_head = torch.zeros_like(head, dtype=torch.float32) if wanted else None
        for some, goal in zip(torch.split(hidden, rows), torch.split(targets, rows), strict=True):
            logits, slope = _logits(some, head, vocab_size, softcap)
            total = total + F.cross_entropy(logits, goal, ignore_index=IGNORED, reduction="sum")
            if to_head is None:
                continue
            gradient = _gradient(logits, goal, slope, counted).to(hidden.dtype)
            to_hidden.append(gradient @ head)
            to_head = to_head + gradient.mT @ some
        if to_head is not None:
            ctx.save_for_backward(torch.cat(to_hidden), to_head.to(head.dtype))
        return total / counted

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        to_hidden, to_head = ctx.saved_tensors
        return to_hidden * grads[0], to_head * grads[0], None, None, None, None


def _logits(
    hidden: Tensor, head: Tensor, vocab_size: int, softcap: float
) -> tuple[Tensor, Tensor | None]:
    """Return fp32 logits (N, R), -inf for padding, and the derivative of the cap."""
    logits = (hidden @ head.mT).float()
    slope = None
    if softcap:
        squeezed = torch.tanh(logits / softcap)
        logits, slope = softcap * squeezed, 1 - squeezed.square()
    padding = torch.arange(head.size(0), device=head.device) >= vocab_size
    return logits.masked_fill(padding, -torch.inf), slope


def _gradient(logits: Tensor, targets: Tensor, slope: Tensor | None, counted: Tensor) -> Tensor:
    """Return the derivative of the mean loss by the head's raw products, (N, R)."""
    ignored = targets == IGNORED
    at = targets.masked_fill(ignored, 0)[:, None]
    gradient = logits.softmax(dim=-1)
    gradient = gradient.scatter_add(1, at, -torch.ones_like(at, dtype=gradient.dtype))
    gradient = gradient.masked_fill(ignored[:, None], 0.0) / counted
    return gradient if slope is None else gradient * slope
