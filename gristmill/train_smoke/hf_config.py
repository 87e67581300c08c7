"""Our settings and Hugging Face's ``config.json``, there and back.

Coming back, whatever our network cannot represent is refused by name: a model that is read wrong
still writes text, only worse.
"""

from collections.abc import Mapping
from typing import Any

from gristmill.errors import ConfigError
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.variants import mlp_width

#: torch's default epsilon in fp32, which our norms without weights use.
_EPS = 1.1920928955078125e-07
_SOFTCAP = 15.0

#: Class of each variant.
ARCHITECTURES = {
    "gpt2": "GPT2LMHeadModel",
    "llama": "LlamaForCausalLM",
    "modern": "NanoChatForCausalLM",
}


def to_hf(model: GPT) -> dict[str, Any]:
    """Return the ``config.json`` of a model."""
    config = model.config
    shared = {
        "architectures": [ARCHITECTURES[config.variant]],
        "vocab_size": model.vocab_size,
        "bos_token_id": model.eot,
        "eos_token_id": model.eot,
        "pad_token_id": model.eot,
        "dtype": "float32",
        "tie_word_embeddings": model.head is None,
    }
    return shared | _WRITERS[config.variant](config)


def _write_gpt2(config: TrainConfig) -> dict[str, Any]:
    if config.kv_heads not in (0, config.heads):
        raise ConfigError(
            f"kv_heads={config.kv_heads}: GPT2LMHeadModel has keys and values for every head, so "
            "this model cannot be exported"
        )
    return {
        "model_type": "gpt2",
        "n_layer": config.layers,
        "n_embd": config.width,
        "n_head": config.heads,
        "n_positions": config.context,
        "n_inner": mlp_width(config),
        "activation_function": "gelu_new",
        "layer_norm_epsilon": config.norm_eps,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
    }


def _write_modern(config: TrainConfig) -> dict[str, Any]:
    return _write_rotary(config) | {
        "model_type": "nanochat",
        "hidden_act": "relu2",
        "rms_norm_eps": _EPS,
        "final_logit_softcapping": _SOFTCAP,
    }


def _write_llama(config: TrainConfig) -> dict[str, Any]:
    return _write_rotary(config) | {
        "model_type": "llama",
        "head_dim": config.width // config.heads,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps,
        "mlp_bias": False,
    }


def _write_rotary(config: TrainConfig) -> dict[str, Any]:
    return {
        "num_hidden_layers": config.layers,
        "hidden_size": config.width,
        "intermediate_size": mlp_width(config),
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads or config.heads,
        "max_position_embeddings": config.context,
        "attention_bias": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
    }


_WRITERS = {"gpt2": _write_gpt2, "llama": _write_llama, "modern": _write_modern}


def from_hf(data: Mapping[str, Any], where: str) -> TrainConfig:
    """Return the settings of a model.

    Args:
        data: the parsed ``config.json``.
        where: its path, for messages.

    Raises:
        ConfigError: an architecture or a part of one that our network does not have.
    """
    kind = data.get("model_type")
    if not isinstance(kind, str) or kind not in _READERS:
        raise ConfigError(
            f"{where}: model_type {kind!r} is none that gristmill can read "
            f"({', '.join(sorted(_READERS))}); use transformers for it"
        )
    wanted: dict[str, tuple[Any, ...]] = {**_ALWAYS, **_WANTED[kind]}
    for key, allowed in wanted.items():
        found = data.get(key, allowed[0])
        if found not in allowed:
            raise ConfigError(
                f"{where}: {key} is {found!r}, gristmill's {kind} has {allowed[0]!r} only; use "
                "transformers for this model"
            )
    try:
        return _READERS[kind](data, where)
    except ConfigError as error:
        prefix = "" if where in str(error) else f"{where}: "
        raise ConfigError(f"{prefix}{error}") from error


#: What must hold for every model; the first value is also the default.
_ALWAYS: dict[str, tuple[Any, ...]] = {
    "quantization_config": (None,),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "sliding_window": (None,),
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "rope_scaling": (None,),
    "pretraining_tp": (1,),
}

_LLAMA: dict[str, tuple[Any, ...]] = {"hidden_act": ("silu",)}

_WANTED: dict[str, dict[str, tuple[Any, ...]]] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "gpt2": {
        "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
        "scale_attn_weights": (True,),
        "scale_attn_by_inverse_layer_idx": (False,),
    },
    "nanochat": {
        "hidden_act": ("relu2",),
        "final_logit_softcapping": (_SOFTCAP,),
        # Ours is torch's; nanochat's differs in the seventh digit of a norm.
        "rms_norm_eps": (1e-6, _EPS),
    },
}


def _read_gpt2(data: Mapping[str, Any], where: str) -> TrainConfig:
    own = data.get("n_inner") is not None
    return _imported(
        variant="gpt2",
        layers=_count(data, "n_layer", where),
        width=_count(data, "n_embd", where),
        heads=_count(data, "n_head", where),
        mlp_width=_count(data, "n_inner", where) if own else 0,
        context=_count(data, "n_positions", where),
        norm_eps=_number(data.get("layer_norm_epsilon", 1e-5), "layer_norm_epsilon", where),
        tied=_tied(data, default=True),
    )


def _read_nanochat(data: Mapping[str, Any], where: str) -> TrainConfig:
    return _read_rotary("modern", data, where)


def _read_llama(data: Mapping[str, Any], where: str) -> TrainConfig:
    eps = _number(data.get("rms_norm_eps", 1e-6), "rms_norm_eps", where)
    return _read_rotary("llama", data, where, norm_eps=eps)


def _read_mistral(data: Mapping[str, Any], where: str) -> TrainConfig:
    """With attention over all positions it is a Llama; what it leaves unsaid is not a Llama's."""
    for key in ("sliding_window", "num_key_value_heads"):
        if key not in data:
            raise ConfigError(
                f"{where}: {key} is not said, and Mistral's own default is no Llama's; use "
                "transformers for this model"
            )
    return _read_llama(data, where)


def _read_rotary(variant: str, data: Mapping[str, Any], where: str, **more: Any) -> TrainConfig:
    width, heads = _count(data, "hidden_size", where), _count(data, "num_attention_heads", where)
    head = data.get("head_dim")
    if head is not None and head * heads != width:
        raise ConfigError(
            f"{where}: head_dim is {head!r}, gristmill's {variant} has hidden_size / "
            "num_attention_heads; use transformers for this model"
        )
    grouped = data.get("num_key_value_heads") is not None
    return _imported(
        variant=variant,
        layers=_count(data, "num_hidden_layers", where),
        width=width,
        heads=heads,
        kv_heads=_count(data, "num_key_value_heads", where) if grouped else 0,
        mlp_width=_count(data, "intermediate_size", where),
        context=_count(data, "max_position_embeddings", where),
        rope_base=_rope(data, where),
        tied=_tied(data, default=False),
        **more,
    )


_READERS = {
    "gpt2": _read_gpt2,
    "llama": _read_llama,
    "mistral": _read_mistral,
    "nanochat": _read_nanochat,
}


def _tied(data: Mapping[str, Any], *, default: bool) -> str:
    return "yes" if data.get("tie_word_embeddings", default) else "no"


def _imported(**shape: Any) -> TrainConfig:
    """Settings that were never trained with; a step is one window."""
    return TrainConfig(batch_tokens=shape["context"], **shape)


def _count(data: Mapping[str, Any], key: str, where: str) -> int:
    value = data.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1 << 24:
        raise ConfigError(f"{where}: {key} is {value!r}, not a count; download the model again")
    return value


def _rope(data: Mapping[str, Any], where: str) -> float:
    """Return the base of rotary positions, of the old key or of the new one."""
    rope = data.get("rope_parameters") or {}
    if not isinstance(rope, Mapping) or rope.get("rope_type", "default") != "default":
        raise ConfigError(
            f"{where}: rope_parameters {rope!r} scale rotary positions, gristmill's do not; use "
            "transformers for this model"
        )
    return _number(rope.get("rope_theta", data.get("rope_theta", 1e4)), "rope_theta", where)


def _number(value: Any, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigError(f"{where}: {key} is {value!r}, not a number above zero")
    return float(value)
