"""The network: one GPT, whose variants are a few flags.

Shapes: B batch, T tokens, C width, H heads, D head size, V vocabulary.
"""

import math

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import Tensor, nn

from gristmill.train_smoke.attention import attend, document_ids
from gristmill.train_smoke.chunked_loss import chunked_loss
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.variants import MULTIPLE, VARIANTS, Variant, mlp_width

Cache = list[tuple[Tensor, Tensor]]


def rms_norm(x: Tensor) -> Tensor:
    """Divide by the root mean square of the last dimension; no parameters."""
    return F.rms_norm(x, (x.size(-1),))


class _Norm(nn.Module):
    def __init__(self, config: TrainConfig, variant: Variant) -> None:
        super().__init__()
        self.eps = config.norm_eps
        self.layer = None if variant.rms_norm else nn.LayerNorm(config.width, eps=self.eps)
        self.weight = nn.Parameter(torch.ones(config.width)) if variant.norm_weight else None

    def forward(self, x: Tensor) -> Tensor:
        if self.layer is not None:
            return self.layer(x)  # type: ignore[no-any-return]
        if self.weight is None:
            return rms_norm(x)
        return F.rms_norm(x, (x.size(-1),), eps=self.eps) * self.weight.to(x.dtype)


def rotary(positions: Tensor, head_size: int, base: float) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, (T, D/2) each, of positions (T,)."""
    half = torch.arange(0, head_size, 2, dtype=torch.float32, device=positions.device)
    angles = positions.float()[:, None] / base ** (half / head_size)
    return angles.cos(), angles.sin()


def _rotate(x_bhtd: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the two halves of each head (the "half" convention of Llama and nanochat)."""
    a, b = x_bhtd.chunk(2, dim=-1)
    cos, sin = cos.to(x_bhtd.dtype), sin.to(x_bhtd.dtype)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Attention(nn.Module):
    """Multi-head causal self-attention; query heads may share keys and values (GQA)."""

    def __init__(self, config: TrainConfig, variant: Variant) -> None:
        super().__init__()
        width = config.width
        self.head_size, self.variant = width // config.heads, variant
        shared = self.head_size * (config.kv_heads or config.heads)
        self.query = nn.Linear(width, width, bias=variant.bias)
        self.key = nn.Linear(width, shared, bias=variant.bias)
        self.value = nn.Linear(width, shared, bias=variant.bias)
        self.project = nn.Linear(width, width, bias=variant.bias)

    def forward(
        self,
        x_btc: Tensor,
        positions: tuple[Tensor, Tensor] | None,
        documents: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the mixed values (B, T, C), and all keys and values so far.

        These are (B, K, S, D), K = heads of keys and values.
        """
        batch, length, width = x_btc.shape
        split = (batch, length, -1, self.head_size)
        q = self.query(x_btc).view(split).transpose(1, 2)
        k = self.key(x_btc).view(split).transpose(1, 2)
        v = self.value(x_btc).view(split).transpose(1, 2)
        if self.variant.qk_norm:
            q, k = rms_norm(q), rms_norm(k)
        if positions is not None:
            q, k = _rotate(q, *positions), _rotate(k, *positions)
        if past is not None:
            k, v = torch.cat((past[0], k), dim=2), torch.cat((past[1], v), dim=2)
        mixed = attend(q, k, v, documents=documents)
        out: Tensor = self.project(mixed.transpose(1, 2).reshape(batch, length, width))
        return out, (k, v)


class Block(nn.Module):
    """Attention, then a perceptron, each with its norm before it."""

    def __init__(self, config: TrainConfig, variant: Variant) -> None:
        super().__init__()
        self.activation = variant.activation
        inner = mlp_width(config)
        self.norm_attention = _Norm(config, variant)
        self.attention = Attention(config, variant)
        self.norm_mlp = _Norm(config, variant)
        gated = self.activation == "swiglu"
        self.gate = nn.Linear(config.width, inner, bias=variant.bias) if gated else None
        self.expand = nn.Linear(config.width, inner, bias=variant.bias)
        self.project = nn.Linear(inner, config.width, bias=variant.bias)

    def forward(
        self,
        x_btc: Tensor,
        positions: tuple[Tensor, Tensor] | None,
        documents: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the new residual stream (B, T, C) and this layer's keys and values."""
        mixed, present = self.attention(self.norm_attention(x_btc), positions, documents, past)
        x_btc = x_btc + mixed
        return x_btc + self.project(self._inside(self.norm_mlp(x_btc))), present

    def _inside(self, x_btc: Tensor) -> Tensor:
        hidden: Tensor = self.expand(x_btc)
        if self.gate is not None:
            return F.silu(self.gate(x_btc)) * hidden
        if self.activation == "relu2":
            return F.relu(hidden).square()
        return F.gelu(hidden, approximate="tanh")


class GPT(nn.Module):
    """A decoder-only language model.

    Args:
        config: shape and variant.
        vocab_size: number of token ids.
        eot: end-of-text id, for document masking.
    """

    def __init__(self, config: TrainConfig, vocab_size: int, eot: int) -> None:
        super().__init__()
        self.config, self.vocab_size, self.eot = config, vocab_size, eot
        self.variant = VARIANTS[config.variant]
        rows = -(-vocab_size // MULTIPLE) * MULTIPLE
        self.embed = nn.Embedding(rows, config.width)
        self.place = None if self.variant.rope else nn.Embedding(config.context, config.width)
        self.blocks = nn.ModuleList(Block(config, self.variant) for _ in range(config.layers))
        self.norm = _Norm(config, self.variant)
        tied = self.variant.tied if config.tied == "auto" else config.tied == "yes"
        self.head = None if tied else nn.Linear(config.width, rows, bias=False)
        self._initialise()

    def _initialise(self) -> None:
        """Draw weights on the CPU from the seed, so that every device starts from the same ones."""
        generator = torch.Generator().manual_seed(self.config.seed)
        depth = math.sqrt(2 * self.config.layers)
        for name, weight in self.named_parameters():
            if weight.ndim < 2:
                nn.init.constant_(weight, 1.0 if name.endswith(".weight") else 0.0)
                continue
            back = name.endswith("project.weight")
            if self.variant.zero_init and (back or name == "head.weight"):
                nn.init.zeros_(weight)
            elif self.variant.zero_init and name == "embed.weight":
                nn.init.normal_(weight, std=1.0, generator=generator)
            elif self.variant.zero_init:
                bound = math.sqrt(3.0 / weight.size(1))  # variance 1/fan-in (nanochat gpt.py)
                nn.init.uniform_(weight, -bound, bound, generator=generator)
            else:
                nn.init.normal_(weight, std=0.02 / depth if back else 0.02, generator=generator)

    def trunk(self, ids: Tensor, cache: Cache | None = None) -> Tensor:
        """Return the last hidden states (B, T, C) of ids (B, T).

        Args:
            ids: token ids.
            cache: keys and values by layer of what precedes ``ids``; extended in place. An empty
                list starts one.
        """
        start = cache[0][0].size(2) if cache else 0
        places = torch.arange(start, start + ids.size(1), device=ids.device)
        x = self.embed(ids)
        if self.place is not None:
            x = x + self.place(places)
        if self.variant.embed_norm:
            x = rms_norm(x)
        head_size = self.config.width // self.config.heads
        rope = self.variant.rope
        positions = rotary(places, head_size, self.config.rope_base) if rope else None
        masked = self.config.document_mask and cache is None
        documents = document_ids(ids, self.eot) if masked else None
        for number, block in enumerate(self.blocks):
            x, present = block(x, positions, documents, cache[number] if start and cache else None)
            if cache is not None:
                cache[number : number + 1] = [present]
        out: Tensor = self.norm(x)
        return out

    def logits(self, hidden: Tensor) -> Tensor:
        """Return fp32 logits (…, V) of hidden states (…, C); padding rows are cut off."""
        raw = F.linear(hidden, self._head().to(hidden.dtype))[..., : self.vocab_size].float()
        cap = self.variant.softcap
        return cap * torch.tanh(raw / cap) if cap else raw

    def forward(self, ids: Tensor, targets: Tensor | None = None) -> Tensor:
        """Return logits (B, T, V), or with targets (B, T) the mean cross-entropy in nats.

        Targets of -100 do not count.
        """
        hidden = self.trunk(ids)
        if targets is None:
            return self.logits(hidden)
        return chunked_loss(
            hidden.flatten(0, 1),
            self._head(),
            targets.flatten(),
            self.vocab_size,
            self.variant.softcap,
        )

    def _head(self) -> Tensor:
        return self.embed.weight if self.head is None else self.head.weight

    def parameter_count(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.parameters())

    def flops_per_token(self) -> float:
        """Training FLOPs per token: 6 per matrix weight plus attention (PaLM, appendix B)."""
        weights = self.parameter_count() - (0 if self.head is None else self.embed.weight.numel())
        attention = 12 * self.config.layers * self.config.width * self.config.context
        return float(6 * weights + attention)
