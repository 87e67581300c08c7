"""Checkpoints that are whole or absent.

A checkpoint is a folder ``step_00000120`` with

- ``model.safetensors`` (``model.pt`` where safetensors is not installed): the weights;
- ``state.pt``: optimizers, random generators, step, loader position; tensors and plain values
  only, read with ``weights_only=True``, so that a hostile file cannot run code;
- ``config.json``, ``tokenizer.json``;
- ``DONE``: written last; names every file with size and SHA-256.

It is written beside its final name, synced, and renamed. What lacks ``DONE`` does not exist.
"""

import hashlib
import json
import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.vocab import Vocabulary, load_vocabulary
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.model import GPT

DONE = "DONE"
SCHEMA = 2


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder holds.

    Attributes:
        path: the folder.
        config: settings of the run.
        weights: by name, on the CPU.
        state: ``step``, ``position``, ``manifest_sha256``, ``vocab_size``, ``eot``,
            ``optimizers``, ``rng``.
    """

    path: Path
    config: TrainConfig
    weights: dict[str, Tensor]
    state: dict[str, Any]

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return int(self.state["step"])

    def model(self, device: str | torch.device = "cpu") -> GPT:
        """Build the network with these weights, in evaluation mode.

        Raises:
            CorruptError: the weights are not those of ``config.json``.
        """
        model = GPT(self.config, int(self.state["vocab_size"]), int(self.state["eot"]))
        try:
            model.load_state_dict(self.weights)
        except RuntimeError as error:
            first = str(error).splitlines()[-1].strip()
            raise CorruptError(
                f"{self.path}: weights do not fit config.json ({first}); use another checkpoint"
            ) from error
        return model.to(device).eval()

    def vocabulary(self) -> Vocabulary:
        """Bytes of every token id, from the copy of the tokenizer."""
        return load_vocabulary(self.path / "tokenizer.json")


def save(
    folder: Path,
    *,
    model: GPT,
    config: TrainConfig,
    state: dict[str, Any],
    tokenizer: Path,
    keep: int,
) -> Path:
    """Write the checkpoint of step ``state["step"]`` and remove all but the ``keep`` newest.

    Returns:
        Its folder.
    """
    final = folder / f"step_{int(state['step']):08d}"
    temp = folder / f".{final.name}.tmp"
    shutil.rmtree(temp, ignore_errors=True)
    temp.mkdir(parents=True)
    _save_weights(temp, {name: t.detach().cpu() for name, t in model.state_dict().items()})
    torch.save(state, temp / "state.pt")
    (temp / "config.json").write_text(config.to_json(), encoding="utf-8")
    shutil.copyfile(tokenizer, temp / "tokenizer.json")
    listing = {
        path.name: {"bytes": path.stat().st_size, "sha256": _sha256(path)}
        for path in sorted(temp.iterdir())
    }
    for path in temp.iterdir():
        _sync(path)
    done = json.dumps({"schema": SCHEMA, "files": listing}, indent=2) + "\n"
    (temp / DONE).write_text(done, encoding="utf-8")
    _sync(temp / DONE)
    _sync(temp)
    if final.exists():  # the same step, saved before an interruption
        shutil.rmtree(final)
    temp.rename(final)
    _sync(folder)
    for old in _finished(folder)[:-keep]:
        (old / DONE).unlink()  # first, so that a half-removed folder is never taken for whole
        shutil.rmtree(old)
    return final


def latest(folder: Path) -> Path | None:
    """Return the newest finished checkpoint in a folder (or in its ``checkpoints``), or None."""
    nested = folder / "checkpoints"
    found = _finished(nested if nested.is_dir() else folder)
    return found[-1] if found else None


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, or the newest one of a run's folder, after checking its hashes.

    Raises:
        ConfigError: there is none.
        CorruptError: a file is missing, truncated, changed, or holds more than tensors and plain
            values.
    """
    if not (path / DONE).is_file():
        newest = latest(path) if path.is_dir() else None
        if newest is None:
            raise ConfigError(
                f"{path}: no finished checkpoint here; train first, or name a folder with {DONE}"
            )
        path = newest
    names = _verify(path)
    config = TrainConfig.from_dict(json.loads((path / "config.json").read_text(encoding="utf-8")))
    state = _load_plain(path / "state.pt")
    weights = _load_weights(path, names)
    wanted = {"step", "position", "manifest_sha256", "vocab_size", "eot", "optimizers", "rng"}
    if not isinstance(state, dict) or not wanted <= state.keys():
        raise CorruptError(f"{path / 'state.pt'}: incomplete; use another checkpoint")
    return Checkpoint(path=path, config=config, weights=weights, state=state)


def rng_state() -> dict[str, Any]:
    """Return the state of torch's generators."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def restore_rng(state: dict[str, Any]) -> None:
    """Set torch's generators; CUDA ones only where there are as many devices."""
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])


def _finished(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"step_*/{DONE}"))


def _verify(path: Path) -> list[str]:
    try:
        data = json.loads((path / DONE).read_text(encoding="utf-8"))
        schema, files = data["schema"], dict(data["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptError(f"{path / DONE}: unreadable; use another checkpoint") from error
    if schema != SCHEMA:
        raise ConfigError(f"{path}: checkpoint schema {schema!r}, this version reads {SCHEMA}")
    for name, promised in files.items():
        file = path / name
        if not file.is_file():
            raise CorruptError(f"{file}: missing; use another checkpoint")
        size = file.stat().st_size
        if size != promised["bytes"]:
            raise CorruptError(
                f"{file}: {size:,} bytes, {DONE} promises {promised['bytes']:,} (truncated?); "
                "delete this checkpoint to resume from the one before"
            )
        if _sha256(file) != promised["sha256"]:
            raise CorruptError(
                f"{file}: SHA-256 differs from {DONE}; delete this checkpoint to resume from the "
                "one before"
            )
    return list(files)


def _load_plain(file: Path) -> Any:
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CorruptError(
            f"{file}: holds something other than tensors and plain values, or is damaged; refused, "
            "nothing in it was run: use another checkpoint"
        ) from error


def _save_weights(folder: Path, weights: dict[str, Tensor]) -> None:
    try:
        from safetensors.torch import save_file
    except ImportError:
        torch.save(weights, folder / "model.pt")
    else:
        save_file(weights, folder / "model.safetensors")


def _load_weights(folder: Path, names: list[str]) -> dict[str, Tensor]:
    if "model.safetensors" not in names:
        weights: dict[str, Tensor] = _load_plain(folder / "model.pt")
        return weights
    file = folder / "model.safetensors"
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ConfigError(f"{file}: needs safetensors; pip install 'gristmill[train]'") from error
    try:
        loaded: dict[str, Tensor] = load_file(file)
    except SafetensorError as error:
        raise CorruptError(f"{file}: damaged ({error}); use another checkpoint") from error
    return loaded


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
