"""Whole sets of settings, by name."""

import dataclasses

from gristmill.errors import ConfigError
from gristmill.train_smoke.config import TrainConfig, nearest

_D8 = TrainConfig(
    layers=8,
    width=512,
    heads=4,
    context=1024,
    batch_tokens=131_072,
    micro_batch=32,
    steps=2_000,
    embed_lr=0.2,
    head_lr=0.004,
    matrix_lr=0.02,
    grad_clip=0.0,
    decay_fraction=0.4,
    compile=True,
    eval_every=250,
    eval_documents=64,
    sample_every=250,
    save_every=500,
)

_GPT2 = TrainConfig(
    variant="gpt2",
    layers=12,
    width=768,
    heads=12,
    context=1024,
    batch_tokens=524_288,
    micro_batch=64,
    steps=18_865,
    optimizer="adamw",
    embed_lr=6e-4,
    head_lr=6e-4,
    matrix_lr=6e-4,
    weight_decay=0.1,
    beta1=0.9,
    beta2=0.95,
    schedule="cosine",
    warmup_steps=700,
    compile=True,
    eval_every=250,
    eval_documents=64,
    sample_every=250,
    save_every=1_000,
)


def _gpt2(layers: int, width: int, heads: int, lr: float, micro_batch: int) -> TrainConfig:
    """GPT-2's other sizes (Radford et al. 2019, table 2), at GPT-3's learning rates (table 2.1)."""
    return dataclasses.replace(
        _GPT2,
        layers=layers,
        width=width,
        heads=heads,
        micro_batch=micro_batch,
        embed_lr=lr,
        head_lr=lr,
        matrix_lr=lr,
    )


PRESETS: dict[str, TrainConfig] = {
    # CPU, two threads, under a minute on a demo corpus of 0.3 to 1 M tokens.
    "tiny": TrainConfig(
        layers=3,
        batch_tokens=1024,
        steps=400,
        embed_lr=0.2,
        head_lr=0.01,
        matrix_lr=0.02,
    ),
    # nanochat's "one dial": width 64 × depth.
    "d8": _D8,
    # The shape of GPT-2 124M with today's parts.
    "gpt2s-modern": dataclasses.replace(
        _D8, layers=12, width=768, heads=6, batch_tokens=524_288, micro_batch=64, steps=3_250
    ),
    # GPT-2 124M as llm.c reproduces it (scripts/run_gpt2_124M.sh).
    "gpt2-small": _GPT2,
    "gpt2-medium": _gpt2(24, 1024, 16, 3e-4, 32),
    "gpt2-large": _gpt2(36, 1280, 20, 2.5e-4, 16),
    "gpt2-xl": _gpt2(48, 1600, 25, 2e-4, 16),
    # d8's shape as a small Llama: SwiGLU, two query heads to a head of keys and values.
    "llama-d8": dataclasses.replace(
        _D8,
        variant="llama",
        heads=8,
        kv_heads=4,
        embed_lr=3e-3,
        head_lr=3e-3,
        optimizer="adamw",
        matrix_lr=3e-3,
        weight_decay=0.1,
        beta1=0.9,
        warmup_steps=100,
        grad_clip=1.0,
    ),
}


def preset(name: str) -> TrainConfig:
    """Return a preset. Raises ConfigError, naming the nearest, where there is none."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}{nearest(name, list(PRESETS))}")
    return PRESETS[name]
