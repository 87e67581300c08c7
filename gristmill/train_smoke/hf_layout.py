"""How our weights and those of Hugging Face's classes correspond; nothing is computed, only moved.

``gpt2`` is GPT2LMHeadModel, whose "Conv1D" keeps matrices transposed and joins query, key and
value. ``llama`` is LlamaForCausalLM. ``modern`` is NanoChatForCausalLM, which rotates the other way
round: with the two halves of every query and key head exchanged that is the same rotation.

Our embedding and head have rows beyond the vocabulary, which no token reaches; they stay behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from gristmill.train_smoke.config import TrainConfig

Form = Literal["same", "transposed", "swapped"]


@dataclass(frozen=True)
class Entry:
    """One of their tensors.

    Attributes:
        theirs: its name.
        ours: names of ours that stand in it, one below the other.
        form: ``transposed`` for GPT-2's Conv1D, ``swapped`` for exchanged halves of heads.
        rows: it has a row for each token id.
    """

    theirs: str
    ours: tuple[str, ...]
    form: Form = "same"
    rows: bool = False


def layout(config: TrainConfig, *, tied: bool) -> list[Entry]:
    """Return the entries of a model, in the order of its layers.

    Args:
        config: variant and number of layers.
        tied: the head is the embedding and has no tensor.
    """
    head = [] if tied else [Entry("lm_head.weight", ("head.weight",), rows=True)]
    return [*_BY_VARIANT[config.variant](config.layers), *head]


def _gpt2(layers: int) -> Iterator[Entry]:
    yield Entry("transformer.wte.weight", ("embed.weight",), rows=True)
    yield Entry("transformer.wpe.weight", ("place.weight",))
    for n in range(layers):
        us, them = f"blocks.{n}", f"transformer.h.{n}"
        three = [f"{us}.attention.{part}" for part in ("query", "key", "value")]
        for kind, form in _KINDS:
            yield Entry(f"{them}.ln_1.{kind}", (f"{us}.norm_attention.layer.{kind}",))
            yield Entry(f"{them}.attn.c_attn.{kind}", tuple(f"{t}.{kind}" for t in three), form)
            yield Entry(f"{them}.attn.c_proj.{kind}", (f"{us}.attention.project.{kind}",), form)
            yield Entry(f"{them}.ln_2.{kind}", (f"{us}.norm_mlp.layer.{kind}",))
            yield Entry(f"{them}.mlp.c_fc.{kind}", (f"{us}.expand.{kind}",), form)
            yield Entry(f"{them}.mlp.c_proj.{kind}", (f"{us}.project.{kind}",), form)
    for kind, _ in _KINDS:
        yield Entry(f"transformer.ln_f.{kind}", (f"norm.layer.{kind}",))


#: Biases are vectors, which no one transposes.
_KINDS: tuple[tuple[str, Form], ...] = (("weight", "transposed"), ("bias", "same"))


def _llama(layers: int) -> Iterator[Entry]:
    yield from _rotary(layers, "same", {"gate": "gate_proj", "expand": "up_proj"}, "down_proj")
    for n in range(layers):
        us, them = f"blocks.{n}", f"model.layers.{n}"
        yield Entry(f"{them}.input_layernorm.weight", (f"{us}.norm_attention.weight",))
        yield Entry(f"{them}.post_attention_layernorm.weight", (f"{us}.norm_mlp.weight",))
    yield Entry("model.norm.weight", ("norm.weight",))


def _modern(layers: int) -> Iterator[Entry]:
    return _rotary(layers, "swapped", {"expand": "fc1"}, "fc2")


def _rotary(layers: int, form: Form, wide: Mapping[str, str], narrow: str) -> Iterator[Entry]:
    yield Entry("model.embed_tokens.weight", ("embed.weight",), rows=True)
    for n in range(layers):
        us, them = f"blocks.{n}", f"model.layers.{n}"
        for part, name, how in (
            ("query", "q_proj", form),
            ("key", "k_proj", form),
            ("value", "v_proj", "same"),
            ("project", "o_proj", "same"),
        ):
            ours = (f"{us}.attention.{part}.weight",)
            yield Entry(f"{them}.self_attn.{name}.weight", ours, how)
        for part, name in wide.items():
            yield Entry(f"{them}.mlp.{name}.weight", (f"{us}.{part}.weight",))
        yield Entry(f"{them}.mlp.{narrow}.weight", (f"{us}.project.weight",))


_BY_VARIANT = {"gpt2": _gpt2, "llama": _llama, "modern": _modern}


def to_theirs(entry: Entry, weights: Mapping[str, Tensor], vocab_size: int, head: int) -> Tensor:
    """Return one of their tensors, a copy in memory order.

    Args:
        entry: which.
        weights: ours, by name.
        vocab_size: number of token ids.
        head: size of an attention head.
    """
    whole = torch.cat([weights[name] for name in entry.ours])
    if entry.rows:
        whole = whole[:vocab_size]
    return _turn(whole, entry.form, head).clone().contiguous()


def to_ours(
    entry: Entry, tensor: Tensor, shapes: Mapping[str, torch.Size], head: int
) -> dict[str, Tensor]:
    """Return our tensors of one of theirs, in fp32; rows beyond the vocabulary are zero.

    Args:
        entry: which.
        tensor: theirs, of the shape that ``their_shape`` gives (or with more rows).
        shapes: of ours, by name.
        head: size of an attention head.
    """
    whole = _turn(tensor.float(), entry.form, head)
    if entry.rows:
        rows = shapes[entry.ours[0]][0]
        whole = torch.cat((whole, whole.new_zeros(max(0, rows - len(whole)), whole.size(1))))
    parts = torch.split(whole, [shapes[name][0] for name in entry.ours])
    return {name: part.contiguous() for name, part in zip(entry.ours, parts, strict=True)}


def their_shape(entry: Entry, shapes: Mapping[str, torch.Size], vocab_size: int) -> list[int]:
    """Return the shape their tensor must have."""
    rows = sum(shapes[name][0] for name in entry.ours)
    rest = list(shapes[entry.ours[0]][1:])
    shape = [vocab_size if entry.rows else rows, *rest]
    return shape[::-1] if entry.form == "transposed" else shape


def _turn(tensor: Tensor, form: Form, head: int) -> Tensor:
    """Turn one form into the other; each of these is its own inverse."""
    if form == "transposed":
        return tensor.T
    if form == "swapped":
        heads = tensor.view(-1, 2, head // 2, tensor.size(1))
        return heads.flip(1).reshape(tensor.shape)
    return tensor
