"""What distinguishes one architecture from another: a few flags."""

from dataclasses import dataclass

from gristmill.train_smoke.config import TrainConfig

#: Rows of embedding and head, and llama's inner width, are rounded up to this: +25 % speed on
#: tensor cores (nanoGPT).
MULTIPLE = 64


@dataclass(frozen=True, slots=True)
class Variant:
    """What distinguishes one architecture from another.

    Attributes:
        rope: rotary positions; otherwise learned ones.
        rms_norm: RMSNorm; otherwise LayerNorm with weight and bias.
        norm_weight: RMSNorm has a weight for each feature.
        embed_norm: normalise what the embedding gives.
        qk_norm: normalise queries and keys.
        activation: ``relu2`` (squared ReLU), ``gelu`` (tanh form) or ``swiglu`` (a third matrix
            whose SiLU gates; Shazeer 2020).
        bias: biases in linear layers.
        tied: the output head is the token embedding.
        zero_init: projections back into the residual stream, and the head, start at zero.
        softcap: logits are squeezed into ±softcap by tanh; 0 = off.
    """

    rope: bool
    rms_norm: bool
    norm_weight: bool
    embed_norm: bool
    qk_norm: bool
    activation: str
    bias: bool
    tied: bool
    zero_init: bool
    softcap: float


VARIANTS: dict[str, Variant] = {
    # Tier 1 of modded-nanogpt's speed-run history: what gains most for the fewest lines.
    "modern": Variant(
        rope=True,
        rms_norm=True,
        norm_weight=False,
        embed_norm=True,
        qk_norm=True,
        activation="relu2",
        bias=False,
        tied=False,
        zero_init=True,
        softcap=15.0,
    ),
    # Radford et al. 2019, with nanoGPT's initialisation; no dropout.
    "gpt2": Variant(
        rope=False,
        rms_norm=False,
        norm_weight=False,
        embed_norm=False,
        qk_norm=False,
        activation="gelu",
        bias=True,
        tied=True,
        zero_init=False,
        softcap=0.0,
    ),
    # Touvron et al. 2023; keys and values may be shared (Llama 2), the head tied (Llama 3.2).
    "llama": Variant(
        rope=True,
        rms_norm=True,
        norm_weight=True,
        embed_norm=False,
        qk_norm=False,
        activation="swiglu",
        bias=False,
        tied=False,
        zero_init=False,
        softcap=0.0,
    ),
}


def mlp_width(config: TrainConfig) -> int:
    """Return the width inside the perceptron."""
    if config.mlp_width:
        return config.mlp_width
    if VARIANTS[config.variant].activation == "swiglu":  # as many weights as 4 x width without gate
        return -(-8 * config.width // (3 * MULTIPLE)) * MULTIPLE
    return 4 * config.width
