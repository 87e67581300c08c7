"""A local Hugging Face folder as a checkpoint of ours, for ``sample`` and for evaluation.

The folder may come from a stranger: safetensors only, no pickle; names in an index must be files
beside it; every tensor's shape is compared before it is read; nothing in it is run.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from torch import Tensor

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.regular import check_regular
from gristmill.tokenize.formats.vocab import load_vocabulary
from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.hf_config import from_hf
from gristmill.train_smoke.hf_layout import Entry, layout, their_shape, to_ours
from gristmill.train_smoke.model import GPT

_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
#: Buffers that older GPT-2 files carry: the causal mask, which is no weight.
_NO_WEIGHTS = (".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq")
_AGAIN = "download the model again"


def import_hf(folder: Path, out: Path) -> Path:
    """Read a model folder, and write it as the checkpoint of step 0.

    Args:
        folder: ``config.json``, ``tokenizer.json`` (byte-level BPE) and safetensors, in one file
            or in several with an index.
        out: where ``checkpoints/`` is made; must not hold one.

    Returns:
        The checkpoint's folder.

    Raises:
        ConfigError: a missing file, a model that our network cannot represent, or pickled weights.
        CorruptError: damaged files, missing tensors or wrong shapes.
    """
    if checkpoint.latest(out) is not None:
        raise ConfigError(f"{out}: has checkpoints already; name a new folder")
    data = _read_json(folder / "config.json", "the folder of a model, as transformers saves it")
    where = str(folder / "config.json")
    config = from_hf(data, where)
    vocabulary = load_vocabulary(folder / "tokenizer.json")
    rows = data.get("vocab_size")
    if not isinstance(rows, int) or rows < len(vocabulary):
        raise ConfigError(
            f"{where}: vocab_size {rows!r}, tokenizer.json has {len(vocabulary):,} ids; it is not "
            "the tokenizer of this model"
        )
    eot = _end_of_text(data, vocabulary.special, where)
    with ExitStack() as stack:
        tensors = _Tensors(folder, stack)
        tensors.check_scale(config.layers, rows, config.width)
        # Ids that the tokenizer does not have are left behind.
        model = GPT(config, len(vocabulary), eot)
        weights = tensors.read(model, rows, tied=model.head is None)
    model.load_state_dict(weights)
    return _save(model, folder / "tokenizer.json", out)


def _save(model: GPT, tokenizer: Path, out: Path) -> Path:
    """Write the checkpoint of step 0: no optimizer, no shards that it could go on with."""
    state: dict[str, Any] = {
        "step": 0,
        "position": 0,
        "seconds": 0.0,
        "loss": 0.0,
        "manifest_sha256": "",
        "vocab_size": model.vocab_size,
        "eot": model.eot,
        "optimizers": [],
        "rng": checkpoint.rng_state(),
    }
    return checkpoint.save(
        out / "checkpoints",
        model=model,
        config=model.config,
        state=state,
        tokenizer=tokenizer,
        keep=1,
    )


class _Tensors:
    """The tensors of a folder by name, in whichever file they are."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        try:
            from safetensors import SafetensorError, safe_open
        except ImportError as error:
            raise ConfigError("import needs safetensors: pip install 'gristmill[train]'") from error
        self.files: dict[str, Any] = {}
        for name in _files(folder):
            try:
                opened = stack.enter_context(safe_open(folder / name, framework="pt"))
            except (SafetensorError, OSError) as error:
                raise CorruptError(f"{folder / name}: damaged ({error}); {_AGAIN}") from error
            self.files.update(dict.fromkeys(opened.keys(), opened))

    def check_scale(self, layers: int, rows: int, width: int) -> None:
        """Refuse settings far from the files, before a network of that size is built."""
        if layers > len(self.files):
            raise CorruptError(
                f"{self.folder}: {layers:,} layers in config.json, {len(self.files):,} tensors in "
                f"the files; {_AGAIN}"
            )
        shapes = [opened.get_slice(name).get_shape() for name, opened in self.files.items()]
        if [rows, width] not in shapes:
            raise CorruptError(
                f"{self.folder}: no tensor of {rows:,} × {width:,}, which config.json makes the "
                f"embedding; {_AGAIN}"
            )

    def read(self, model: GPT, rows: int, *, tied: bool) -> dict[str, Tensor]:
        """Return our weights. Raises CorruptError unless names and shapes are as they must be."""
        shapes = {name: weight.shape for name, weight in model.state_dict().items()}
        head = model.config.width // model.config.heads
        weights: dict[str, Tensor] = {}
        known = {"lm_head.weight"} if tied else set()
        for entry in layout(model.config, tied=tied):
            tensor = self._tensor(entry, their_shape(entry, shapes, rows), known)
            if entry.rows:
                tensor = tensor[: model.vocab_size]
            weights |= to_ours(entry, tensor, shapes, head)
        left = sorted(n for n in self.files if n not in known and not n.endswith(_NO_WEIGHTS))
        if left:
            raise ConfigError(
                f"{self.folder}: {len(left)} tensors that gristmill's network has no place for, "
                f"such as {left[0]}; use transformers for this model"
            )
        return weights

    def _tensor(self, entry: Entry, shape: list[int], known: set[str]) -> Tensor:
        # OpenAI's own GPT-2 files lack the prefix.
        names = (entry.theirs, entry.theirs.removeprefix("transformer."))
        name = next((n for n in names if n in self.files), None)
        if name is None:
            raise CorruptError(f"{self.folder}: no tensor {entry.theirs}; {_AGAIN}")
        known.add(name)
        found = self.files[name].get_slice(name).get_shape()
        if found != shape:
            raise CorruptError(
                f"{self.folder}: {name} has shape {found}, config.json makes it {shape}; {_AGAIN}"
            )
        tensor: Tensor = self.files[name].get_tensor(name)
        if not tensor.is_floating_point():
            raise ConfigError(
                f"{self.folder}: {name} is {tensor.dtype} (quantised?); use the model in bf16 or "
                "fp32"
            )
        return tensor


def _files(folder: Path) -> list[str]:
    if (folder / _INDEX).is_file():
        index = _read_json(folder / _INDEX, "an index").get("weight_map")
        if not isinstance(index, dict) or not index:
            raise CorruptError(f"{folder / _INDEX}: no weight_map; {_AGAIN}")
        names = sorted({str(name) for name in index.values()})
        for name in names:
            if Path(name).name != name or not name.endswith(".safetensors"):
                raise CorruptError(
                    f"{folder / _INDEX}: {name!r} is no safetensors file beside it; refused, do "
                    "not trust this model"
                )
    else:
        names = [_SINGLE]
    for name in names:
        if not (folder / name).is_file():
            pickled = sorted(p.name for p in folder.glob("pytorch_model*.bin"))
            raise ConfigError(
                f"{folder / name}: missing"
                + (f" ({pickled[0]} is a pickle, which is not read)" if pickled else "")
                + "; save the model as safetensors"
            )
    return names


def _end_of_text(data: dict[str, Any], special: frozenset[int], where: str) -> int:
    end = data.get("eos_token_id")
    end = end[0] if isinstance(end, list) and end else end
    if isinstance(end, bool) or not isinstance(end, int) or end not in special:
        raise ConfigError(
            f"{where}: eos_token_id {end!r} is no special token of tokenizer.json; set it to the "
            "id of the token that ends a text"
        )
    return end


def _read_json(path: Path, what: str) -> dict[str, Any]:
    check_regular(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"{path}: cannot be read ({reason}); name {what}") from error
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{path}: not JSON ({error}); {_AGAIN}") from error
    if not isinstance(data, dict):
        raise CorruptError(f"{path}: not a JSON object; {_AGAIN}")
    return data
