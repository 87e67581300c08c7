"""The ``tokenizer`` block of a recipe: train one, or bring one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gristmill.errors import ConfigError
from gristmill.pipeline.durable import sync_and_hash
from gristmill.pipeline.shard import RunFolder
from gristmill.tokenize.encode import Encoder, load_encoder
from gristmill.tokenize.train import TrainBpe


@dataclass(frozen=True)
class TokenizerSource:
    """Where the tokenizer comes from: a file, or the run's own ``tokenizer`` round."""

    path: str | None = None
    end_of_text: str | None = None

    def file(self, folder: RunFolder) -> Path:
        """Return the ``tokenizer.json``."""
        return Path(self.path) if self.path else folder.root / "tokenizer" / "tokenizer.json"

    def encoder(self, folder: RunFolder) -> Encoder:
        """Load it. Raises ConfigError as ``load_encoder`` does."""
        return load_encoder(self.file(folder), self.end_of_text)


class TokenizerBlock(BaseModel):
    """Exactly one of ``train`` and ``path``; ``end_of_text`` goes with ``path``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: TrainBpe | None = Field(None, description="train a BPE on this corpus")
    path: str | None = Field(None, description="a local tokenizer.json")
    end_of_text: str | None = Field(None, description="with path: the token that ends a text")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.train is None) == (self.path is None):
            raise ValueError("give either train or path")
        if self.train is not None and self.end_of_text is not None:
            raise ValueError("end_of_text goes with path; with train, set train.end_of_text")
        return self

    def source(self) -> TokenizerSource:
        """Return where tasks find the tokenizer."""
        path = str(Path(self.path).expanduser().absolute()) if self.path else None
        return TokenizerSource(path, self.end_of_text)

    def check(self) -> None:
        """Load a given tokenizer once, before any work. Raises ConfigError."""
        if self.path is not None:
            if not Path(self.path).expanduser().is_file():
                raise ConfigError(f"tokenizer.path {self.path}: no such file")
            load_encoder(Path(self.path).expanduser(), self.end_of_text)

    def assets(self) -> dict[str, str]:
        """Return the SHA-256 of a given tokenizer."""
        return {"path": sync_and_hash(Path(self.path).expanduser())[1]} if self.path else {}
