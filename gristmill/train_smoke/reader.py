"""Texts so far and their key-value cache, one token further at each call."""

from collections.abc import Sequence

import torch
from torch import Tensor

from gristmill.train_smoke.model import GPT, Cache


class Reader:
    """Texts of one length, read token by token.

    Args:
        model: in evaluation mode.
        prompts: token ids, all of one length.
        n: rows of each prompt; those of one prompt follow each other.
    """

    def __init__(self, model: GPT, prompts: Sequence[Sequence[int]], n: int) -> None:
        self.model, self.n = model, n
        self.device = next(model.parameters()).device
        self.text = torch.tensor([list(p) for p in prompts], dtype=torch.int64, device=self.device)
        self.cache: Cache = []

    def _read(self, ids: Tensor) -> Tensor:
        self.length = ids.size(1)
        self.cache = []
        hidden = self.model.trunk(ids, self.cache)
        return self.model.logits(hidden[:, -1])

    def prompt(self) -> Tensor:
        """Read the prompts; return logits of the next token, (len(prompts) × n, V), on the CPU."""
        logits = self._read(self.text[:, -self.model.config.context :])
        self.cache = [(self._repeat(k), self._repeat(v)) for k, v in self.cache]
        self.text = self._repeat(self.text)
        return self._repeat(logits).cpu()

    def _repeat(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(self.n, dim=0) if self.n > 1 else x

    def advance(self, tokens: list[int]) -> Tensor:
        """Add a token to each row; return logits of the next one.

        When the context is full, its last half is read again.
        """
        new = torch.tensor(tokens, dtype=torch.int64, device=self.device)[:, None]
        self.text = torch.cat((self.text, new), dim=1)
        context = self.model.config.context
        if self.length >= context:
            return self._read(self.text[:, -max(1, context // 2) :]).cpu()
        self.length += 1
        return self.model.logits(self.model.trunk(new, self.cache)[:, -1]).cpu()
