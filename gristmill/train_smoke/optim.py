"""The update: Muon for the matrices inside the blocks, AdamW for everything else."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.model import GPT

#: Quintic of Keller Jordan's Muon (2024): steep at 0, so that five rounds are enough.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ROUNDS = 5


def orthogonalise(matrices: Tensor) -> Tensor:
    """Replace the singular values of matrices (N, rows, columns) by numbers near 1.

    Runs in bf16 on CUDA and in fp32 on CPU, where bf16 is slower.
    """
    x = matrices.bfloat16() if matrices.is_cuda else matrices.float()
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    out: Tensor = (x.mT if tall else x).to(matrices.dtype)
    return out


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for 2-D weights.

    Weights of one shape are stacked, so that a step costs a few batched products. Decay is
    cautious: only where weight and update have the same sign (Chen et al. 2024; nanochat).

    Args:
        params: 2-D weights.
        lr: size of the update; an update has root mean square about 1/√columns × √max(1, rows ÷
            columns).
        momentum: Nesterov momentum.
        weight_decay: decoupled, multiplied by lr.
        compile: let ``torch.compile`` fuse the products of ``orthogonalise``.
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        *,
        compile: bool = False,  # noqa: A002 - torch's own word for it
    ) -> None:
        self._orthogonalise = torch.compile(orthogonalise) if compile else orthogonalise
        super().__init__(
            list(params), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient; ``closure`` is not supported."""
        if closure is not None:
            raise NotImplementedError("Muon evaluates nothing itself; call backward() first")
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes[tuple(weight.shape)].append(weight)
            for weights in shapes.values():
                self._step_stack(weights, group)

    def _step_stack(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        for weight in weights:
            if "momentum" not in self.state[weight]:
                self.state[weight]["momentum"] = torch.zeros_like(weight)
        grads = [weight.grad for weight in weights if weight.grad is not None]
        buffers = [self.state[weight]["momentum"] for weight in weights]
        torch._foreach_lerp_(buffers, grads, 1 - group["momentum"])
        nesterov = torch._foreach_lerp(grads, buffers, group["momentum"])
        rows, columns = weights[0].shape
        scale = max(1.0, rows / columns) ** 0.5
        updates = self._orthogonalise(torch.stack(list(nesterov)))
        for weight, update in zip(weights, updates.unbind(), strict=True):
            if group["weight_decay"]:
                agrees = (weight * update) > 0
                weight.mul_(1 - group["lr"] * group["weight_decay"] * agrees)
            weight.add_(update, alpha=-group["lr"] * scale)


def build(model: GPT, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Return the optimizers; every weight is in exactly one group.

    Each group has ``peak_lr``, which ``set_lr`` multiplies.
    """
    named = list(model.named_parameters())
    matrices = [w for name, w in named if name.startswith("blocks.") and w.ndim == 2]
    head = [w for name, w in named if name == "head.weight"]
    taken = {id(weight) for weight in matrices + head}
    rest = [weight for _, weight in named if id(weight) not in taken]
    groups: list[dict[str, Any]] = [
        {"params": rest, "lr": config.embed_lr, "weight_decay": 0.0},
        {"params": head, "lr": config.head_lr, "weight_decay": 0.0},
    ]
    decayed = {"params": matrices, "lr": config.matrix_lr, "weight_decay": config.weight_decay}
    if config.optimizer == "adamw":
        groups.append(decayed)
    adamw = torch.optim.AdamW(
        [group for group in groups if group["params"]],
        betas=(config.beta1, config.beta2),
        eps=1e-10 if config.optimizer == "muon" else 1e-8,
        fused=True,
    )
    optimizers: list[torch.optim.Optimizer] = [adamw]
    if config.optimizer == "muon":
        muon = Muon(
            matrices,
            config.matrix_lr,
            config.momentum,
            config.weight_decay,
            compile=config.compile,
        )
        optimizers.append(muon)
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return optimizers


def set_lr(optimizers: list[torch.optim.Optimizer], factor: float) -> None:
    """Set every group's learning rate to its peak times ``factor``."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * factor
