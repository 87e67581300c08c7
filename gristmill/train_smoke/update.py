"""One update of the weights: the gradient of a global batch, and what the optimizers make of it."""

import math
from typing import Any

import torch
from torch import Tensor

from gristmill.train_smoke import optim
from gristmill.train_smoke.chunked_loss import IGNORED
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.device import autocast
from gristmill.train_smoke.distributed import World, accumulating
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.outliers import Outliers
from gristmill.train_smoke.prefetch import Batch


class Update:
    """The model in training, its optimizers, and the figures of its last steps.

    Args:
        model: on its device.
        config: settings of the run.
        device: of the model.
        world: the processes that share each batch.
    """

    def __init__(self, model: GPT, config: TrainConfig, device: torch.device, world: World) -> None:
        self.model, self.config, self.device, self.world = model, config, device, world
        wrapped = world.wrap(model, device)
        self._wrapped = wrapped
        self._forward = torch.compile(wrapped) if config.compile else wrapped
        self.optimizers = optim.build(model, config)
        self._losses, self._norms = Outliers(), Outliers()

    def gradient(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Add up the gradient of one global batch, of which ``batch`` is this process's share.

        Returns:
            The mean loss of the global batch, nats a target, and the norm of its gradient.
        """
        config, world = self.config, self.world
        size = config.micro_batch or config.batch_windows
        parts = list(zip(*(torch.split(half, size) for half in batch), strict=True))
        counts = [int((targets != IGNORED).sum()) for _, targets in parts]
        if config.packing == "stream":  # every place is a target, here and everywhere
            counted = float(config.batch_tokens)
        else:
            counted = world.sum(sum(counts))
        total = torch.zeros((), device=self.device)
        for number, ((ids, targets), count) in enumerate(zip(parts, counts, strict=True), 1):
            ids = ids.to(self.device, non_blocking=True)
            targets = targets.to(self.device, non_blocking=True)
            with accumulating(self._wrapped, last=number == len(parts)):
                with autocast(self.device, config.precision):
                    loss = self._forward(ids, targets)
                # Gradients of processes are averaged, and shall be added.
                loss = loss * (world.size * count / counted)
                loss.backward()
            total += loss.detach()
        limit = config.grad_clip or math.inf
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        return world.mean(total), norm

    def is_outlier(self, loss: float, norm: float) -> bool:
        """Tell whether a step lies far above the last ones, and remember its figures."""
        scores = self._losses.zscore(loss), self._norms.zscore(norm)
        return max(scores) > self.config.skip_zscore > 0

    def apply(self, lr_factor: float) -> None:
        """Change the weights by the gradient, and clear it."""
        optim.set_lr(self.optimizers, lr_factor)
        for optimizer in self.optimizers:
            optimizer.step()
        self.discard()

    def discard(self) -> None:
        """Clear the gradient."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of this."""
        return {
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "outliers": [self._losses.values, self._norms.values],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` returned."""
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self._losses, self._norms = (Outliers(list(values)) for values in state["outliers"])
