"""A checkpoint with what the commands need of it: network, vocabulary, encoder, shards that fit."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.commands.model import find_shards, need_torch
from gristmill.errors import ConfigError
from gristmill.tokenize.encode import Encoder, load_encoder
from gristmill.tokenize.fast_engine import Ids
from gristmill.tokenize.formats.shard_set import ShardSet, sha256
from gristmill.tokenize.formats.vocab import Vocabulary

if TYPE_CHECKING:
    from gristmill.train_smoke.checkpoint import Checkpoint
    from gristmill.train_smoke.model import GPT

CheckpointPath = Annotated[Path, typer.Argument(help="Folder that `gristmill train` wrote.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]


class Loaded:
    """A checkpoint, read once.

    Args:
        path: a checkpoint, or a run's folder: its newest.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        ConfigError: no torch, no checkpoint, no such device.
        CorruptError: damaged.
    """

    def __init__(self, path: Path, device: str = "auto") -> None:
        need_torch()
        from gristmill.train_smoke.checkpoint import load
        from gristmill.train_smoke.device import pick_device

        if device not in ("auto", "cpu", "cuda"):
            raise ConfigError(f"--device {device}: use auto, cpu or cuda")
        self.device = pick_device(device)
        self.saved: Checkpoint = load(path)
        self.eot = int(self.saved.state["eot"])

    @property
    def _tokenizer(self) -> Path:
        return self.saved.path / "tokenizer.json"

    @cached_property
    def model(self) -> "GPT":
        """The network in evaluation mode."""
        return self.saved.model(self.device)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Bytes of every token id."""
        return self.saved.vocabulary()

    @cached_property
    def encoder(self) -> Encoder:
        """The tokenizer, ready to encode."""
        return load_encoder(self._tokenizer, self.vocabulary.decode([self.eot]))

    def encode(self, texts: Sequence[str]) -> list[Ids]:
        """Return the ids of texts, without an end-of-text token."""
        return self.encoder.encode(texts)

    def prompt(self, text: str) -> list[int]:
        """Return the ids of a prompt: as a document begins, with the end-of-text token."""
        return [self.eot, *self.encode([text])[0].tolist()]

    def shards(self, folder: Path) -> ShardSet:
        """Open and check shards that were written with this model's tokenizer.

        Raises:
            ConfigError: there are none, or their tokenizer is another.
            CorruptError: damaged.
        """
        corpus = ShardSet(find_shards(folder))
        corpus.verify()
        if sha256(corpus.tokenizer_path) != sha256(self._tokenizer):
            raise ConfigError(
                f"{corpus.folder}: written with another tokenizer than {self.saved.path} was "
                "trained with; write shards with the checkpoint's tokenizer.json"
            )
        return corpus
