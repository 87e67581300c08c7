"""A checkpoint as a folder that Hugging Face's ``transformers`` loads, with the same logits.

``config.json``, ``model.safetensors``, ``tokenizer.json`` and ``tokenizer_config.json``,
``generation_config.json`` and a card, ``README.md``. No code of ours is needed to load it.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from gristmill.errors import ConfigError
from gristmill.train_smoke.checkpoint import Checkpoint
from gristmill.train_smoke.hf_config import ARCHITECTURES, to_hf
from gristmill.train_smoke.hf_layout import layout, to_theirs
from gristmill.train_smoke.model import GPT


def export_hf(saved: Checkpoint, out: Path) -> Path:
    """Write a checkpoint as a Hugging Face folder, whole or not at all.

    Args:
        saved: the checkpoint; its weights must fit its settings.
        out: the folder; must not exist, or be empty.

    Returns:
        ``out``.

    Raises:
        ConfigError: ``out`` holds something, a variant without a stock class, or no safetensors.
        CorruptError: the weights are not those of the settings.
    """
    try:
        from safetensors.torch import save_file
    except ImportError as error:
        raise ConfigError("export needs safetensors: pip install 'gristmill[train]'") from error
    if out.is_dir() and any(out.iterdir()):
        raise ConfigError(f"{out}: is not empty; name a new folder")
    if saved.config.variant not in ARCHITECTURES:
        raise ConfigError(
            f"{saved.path}: transformers has no class for variant {saved.config.variant!r}; "
            f"exported are {', '.join(ARCHITECTURES)}"
        )
    model = saved.model()
    temp = out.with_name(f".{out.name}.tmp")
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    save_file(_tensors(model), temp / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(saved.path / "tokenizer.json", temp / "tokenizer.json")
    for name, content in _descriptions(saved, model).items():
        text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
        (temp / name).write_text(text, encoding="utf-8")
    # safetensors writes a file that only its owner may read; a model is made to be passed on.
    (temp / "model.safetensors").chmod((temp / "config.json").stat().st_mode)
    for path in [*temp.iterdir(), temp]:
        _sync(path)
    if out.is_dir():
        out.rmdir()
    temp.rename(out)
    return out


def _tensors(model: GPT) -> dict[str, Tensor]:
    """Return the weights under their names."""
    weights, head = model.state_dict(), model.config.width // model.config.heads
    return {
        entry.theirs: to_theirs(entry, weights, model.vocab_size, head)
        for entry in layout(model.config, tied=model.head is None)
    }


def _descriptions(saved: Checkpoint, model: GPT) -> dict[str, Any]:
    eot = model.eot
    end = saved.vocabulary().decode([eot])
    return {
        "config.json": to_hf(model),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": end,
            "eos_token": end,
            "pad_token": end,
            "model_max_length": saved.config.context,
            "clean_up_tokenization_spaces": False,
        },
        "generation_config.json": {
            "bos_token_id": eot,
            "eos_token_id": eot,
            "pad_token_id": eot,
            "do_sample": True,
            "temperature": 0.8,
            "top_k": 50,
        },
        "README.md": _card(saved, model.vocab_size, end),
    }


def _card(saved: Checkpoint, vocab_size: int, end: str) -> str:
    config = saved.config
    architecture = ARCHITECTURES[config.variant]
    return f"""---
library_name: transformers
pipeline_tag: text-generation
tags: [gristmill, pretraining]
---

# A small language model trained by gristmill

A base model: it continues text as its training corpus would, and is no assistant. What it was
trained on, and under which licence that text stands, is for its publisher to say.

| | |
|---|---|
| class | `{architecture}` (gristmill's `{config.variant}`) |
| layers, width, heads | {config.layers}, {config.width}, {config.heads} |
| context | {config.context:,} tokens |
| vocabulary | {vocab_size:,} ids, byte-level BPE |
| training | {saved.step:,} steps of {config.batch_tokens:,} tokens, {config.optimizer} |
| shards | SHA-256 of `shards.json`: `{saved.state["manifest_sha256"] or "not known"}` |

Each text it was trained on began with `{end}`, so begin with it:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder")
model = AutoModelForCausalLM.from_pretrained("path/to/this/folder")
ids = tokenizer("{end}The old mill", return_tensors="pt").input_ids
print(tokenizer.decode(model.generate(ids, max_new_tokens=50)[0]))
```
"""


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
