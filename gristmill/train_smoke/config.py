"""Every setting of a training run, and its checks. ``presets.py`` has whole sets of them."""

import dataclasses
import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gristmill.errors import ConfigError

_CHOICES = {
    "variant": ("modern", "gpt2", "llama"),
    "tied": ("auto", "yes", "no"),
    "packing": ("stream", "docs"),
    "optimizer": ("muon", "adamw"),
    "schedule": ("wsd", "cosine", "constant"),
    "device": ("auto", "cpu", "cuda"),
    "precision": ("auto", "fp32", "bf16"),
}
_AT_LEAST_ONE = (
    *("layers", "width", "heads", "context", "batch_tokens", "steps"),
    *("log_every", "eval_every", "save_every", "keep"),
)
_AT_LEAST_ZERO = (
    *("kv_heads", "mlp_width", "micro_batch", "warmup_steps", "skip_zscore"),
    *("sample_every", "sample_tokens", "seed"),
    *("eval_windows", "final_windows", "eval_documents", "final_documents"),
    *("embed_lr", "head_lr", "matrix_lr", "weight_decay", "grad_clip"),
)
_FRACTIONS = ("decay_fraction", "min_lr", "beta1", "beta2", "momentum")

#: Settings that may differ when a run is resumed: they change what is shown, never the weights
#: (``micro_batch``, ``device`` and ``compile`` change them by rounding only).
FREE_ON_RESUME = frozenset(
    (
        *("micro_batch", "device", "compile", "deterministic", "log_every", "save_every", "keep"),
        *("eval_every", "eval_windows", "final_windows", "eval_documents", "final_documents"),
        *("sample_every", "sample_tokens"),
    )
)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a run. Counts of 0 mean "all" or "never" where the field says so.

    Attributes:
        variant: architecture; see ``model.VARIANTS``.
        layers: transformer blocks.
        width: size of the residual stream; a multiple of ``heads``.
        heads: attention heads.
        kv_heads: heads of keys and values, which several query heads share (Ainslie et al. 2023,
            GQA); 0 = ``heads``.
        mlp_width: width inside the perceptron; 0 = the variant's rule: 4 × width, for ``llama``
            8/3 × width rounded up to a multiple of 64.
        rope_base: base of the rotary angles (Su et al. 2021: 10,000).
        norm_eps: added to the variance in LayerNorm and in RMSNorm with weights.
        tied: whether the output head is the embedding; ``auto`` = as the variant has it.
        context: tokens the model sees at once (T).
        packing: ``stream`` (windows cut from the tokens as they stand) or ``docs`` (whole documents
            side by side in a window, padded; longer ones are cut).
        document_mask: keep attention within a document.
        batch_tokens: tokens of one optimizer step; a multiple of ``context``.
        micro_batch: windows of one forward pass; 0 = the whole batch at once.
        steps: optimizer steps.
        optimizer: ``muon`` (Muon for 2-D block weights, AdamW for the rest) or ``adamw``.
        embed_lr: peak AdamW learning rate of embeddings, norms and biases.
        head_lr: peak AdamW learning rate of the output head.
        matrix_lr: peak learning rate of the 2-D block weights.
        weight_decay: decay of the 2-D block weights.
        beta1: AdamW's first moment. Defaults of both betas: nanochat ``optim.py``.
        beta2: AdamW's second moment.
        momentum: Muon's momentum (Nesterov).
        grad_clip: largest gradient norm; 0 = no clipping.
        skip_zscore: skip an update whose loss or gradient norm lies so many standard deviations
            above the last 128 (llm.c); 0 = never.
        schedule: ``wsd`` (warm-up, stable, linear decay), ``cosine`` or ``constant``.
        warmup_steps: linear warm-up.
        decay_fraction: share of the steps in which ``wsd`` decays.
        min_lr: learning rate at the end, as a fraction of the peak.
        seed: of the initial weights and of the order of windows.
        device: ``auto`` takes CUDA where there is one.
        precision: ``auto`` is bf16 autocast on CUDA and fp32 on CPU.
        compile: use ``torch.compile``.
        deterministic: only algorithms that give the same bits each time, slower on CUDA.
        log_every: steps between log lines.
        eval_every: steps between validations.
        eval_windows: validation windows during training; 0 = all.
        final_windows: the same at the end.
        eval_documents: whole documents for bits per byte during training; 0 = all.
        final_documents: the same at the end.
        sample_every: steps between text samples; 0 = only at the end.
        sample_tokens: length of a text sample; 0 = no samples.
        save_every: steps between checkpoints; there is always one at the end.
        keep: number of newest checkpoints that stay.
    """

    variant: str = "modern"
    layers: int = 4
    width: int = 128
    heads: int = 4
    kv_heads: int = 0
    mlp_width: int = 0
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5
    tied: str = "auto"
    context: int = 128
    packing: str = "stream"
    document_mask: bool = False
    batch_tokens: int = 4096
    micro_batch: int = 0
    steps: int = 400
    optimizer: str = "muon"
    embed_lr: float = 0.05
    head_lr: float = 0.01
    matrix_lr: float = 0.02
    weight_decay: float = 0.0
    beta1: float = 0.8
    beta2: float = 0.95
    momentum: float = 0.95
    grad_clip: float = 1.0
    skip_zscore: float = 0.0
    schedule: str = "wsd"
    warmup_steps: int = 0
    decay_fraction: float = 0.5
    min_lr: float = 0.0
    seed: int = 1
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    deterministic: bool = False
    log_every: int = 10
    eval_every: int = 100
    eval_windows: int = 64
    final_windows: int = 0
    eval_documents: int = 16
    final_documents: int = 0
    sample_every: int = 0
    sample_tokens: int = 64
    save_every: int = 200
    keep: int = 2

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(
                    f"{name}={getattr(self, name)!r}: use one of {', '.join(allowed)}"
                )
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ConfigError(f"{field.name}={value}: must be a finite number")
            if field.name in _AT_LEAST_ONE and value < 1:
                raise ConfigError(f"{field.name}={value}: must be 1 or more")
            if field.name in _AT_LEAST_ZERO and value < 0:
                raise ConfigError(f"{field.name}={value}: must be 0 or more")
            if field.name in _FRACTIONS and not 0 <= value <= 1:
                raise ConfigError(f"{field.name}={value}: must be between 0 and 1")
        if max(self.beta1, self.beta2, self.momentum) >= 1:
            raise ConfigError("beta1, beta2 and momentum must be below 1")
        if self.width % self.heads or (self.width // self.heads) % 2:
            raise ConfigError(
                f"width={self.width}, heads={self.heads}: width must be an even multiple of heads"
            )
        if self.heads % (self.kv_heads or self.heads):
            raise ConfigError(
                f"kv_heads={self.kv_heads}: must divide the {self.heads} heads; 0 = as many"
            )
        if min(self.rope_base, self.norm_eps) <= 0:
            raise ConfigError("rope_base and norm_eps must be above 0")
        if self.batch_tokens % self.context:
            raise ConfigError(
                f"batch_tokens={self.batch_tokens}: must be a multiple of context={self.context}"
            )
        if self.micro_batch and self.batch_windows % self.micro_batch:
            raise ConfigError(
                f"micro_batch={self.micro_batch}: must divide the {self.batch_windows} windows "
                "of a batch (batch_tokens / context)"
            )

    @property
    def batch_windows(self) -> int:
        """Windows of one optimizer step."""
        return self.batch_tokens // self.context

    def with_overrides(self, overrides: Mapping[str, str]) -> Self:
        """Return a copy with ``{"key": "value"}`` settings, read by the type of each field.

        Raises:
            ConfigError: unknown key (names the nearest), unreadable value, or out of range.
        """
        types = {field.name: type(getattr(self, field.name)) for field in dataclasses.fields(self)}
        values: dict[str, Any] = {}
        for key, text in overrides.items():
            if key not in types:
                raise ConfigError(f"unknown setting {key!r}{nearest(key, list(types))}")
            values[key] = _parse(key, text, types[key])
        return dataclasses.replace(self, **values)

    def to_json(self) -> str:
        """Return the settings as indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from what ``to_json`` wrote. Raises ConfigError as ``with_overrides`` does."""
        return cls().with_overrides({key: str(value) for key, value in data.items()})


def nearest(key: str, known: list[str]) -> str:
    """Return the end of a message about an unknown word: the most similar one, or all."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}"


def _parse(key: str, text: str, kind: type) -> Any:
    text = text.strip()
    try:
        if kind is bool:
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[
                text.lower()
            ]
        return kind(text.replace("_", "") if kind in (int, float) else text)
    except (KeyError, ValueError) as error:
        name = {bool: "true or false", int: "a whole number", float: "a number"}.get(kind, "a word")
        raise ConfigError(f"{key}={text!r}: must be {name}") from error
