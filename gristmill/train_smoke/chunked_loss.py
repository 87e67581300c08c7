"""Cross-entropy of a large vocabulary, without ever holding all its logits.

65,536 tokens of 50,304 logits in fp32 are 13 GB, and their gradient as much again. Here the logits
of some tokens are computed, and their gradient at once, before the next ones'.

Shapes: N tokens, C width, R rows of the head (the vocabulary, padded).
"""

from collections.abc import Callable
from typing import Any

import torch
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
        to_hidden: list[Tensor] = []
        to_head: Tensor | None = None
        for some, goal in zip(torch.split(hidden, rows), torch.split(targets, rows), strict=True):
            loss, gradient = _chunk(some, head, goal, vocab_size, softcap, wanted=wanted)
            total += loss
            if gradient is not None:
                gradient = gradient.div_(counted).to(hidden.dtype)
                to_hidden.append(gradient @ head)
                part = (gradient.mT @ some).float()
                to_head = part if to_head is None else to_head.add_(part)
        if to_head is not None:
            ctx.save_for_backward(torch.cat(to_hidden), to_head.to(head.dtype))
        return total / counted

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        to_hidden, to_head = ctx.saved_tensors
        return to_hidden * grads[0], to_head * grads[0], None, None, None, None


def _chunk(
    hidden: Tensor,
    head: Tensor,
    targets: Tensor,
    vocab_size: int,
    softcap: float,
    *,
    wanted: bool,
) -> tuple[Tensor, Tensor | None]:
    """Return the summed loss of some tokens and, if wanted, its derivative by the raw products.

    The derivative is (N, R). All is computed in place: these are the largest tensors of a step.
    """
    logits = (hidden @ head.mT).float()
    squeezed = logits.div_(softcap).tanh_() if softcap else None
    logits = logits if squeezed is None else squeezed * softcap
    logits[:, vocab_size:] = -torch.inf  # padding
    counts = targets != IGNORED
    at = targets.masked_fill(~counts, 0)[:, None]
    whole = logits.logsumexp(dim=-1, keepdim=True)
    loss = (whole - logits.gather(1, at))[:, 0].masked_fill(~counts, 0.0).sum()
    if not wanted:
        return loss, None
    gradient = logits.sub_(whole).exp_()
    gradient.scatter_add_(1, at, gradient.new_full(at.shape, -1.0))
    gradient.mul_(counts[:, None])
    if squeezed is not None:
        gradient.mul_(squeezed.square_().neg_().add_(1.0))
    return loss, gradient
