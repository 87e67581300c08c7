"""The ``tokenizer`` block of a recipe: train one, or bring one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gristmill.errors import ConfigError
from gristmill.pipeline.durable import sync_and_hash
from gristmill.pipeline.rounds import Gather, Round, SingleTask, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.encode import Encoder, load_encoder
from gristmill.tokenize.encodings import ENCODINGS, cache_path, cached_file, read_encoding
from gristmill.tokenize.exports import JSON, write_json, write_ranks
from gristmill.tokenize.ranks import Ranks, beside, read_ranks
from gristmill.tokenize.tokenizer_json import tokenizer_json
from gristmill.tokenize.train import TrainBpe

EncodingName = Literal["gpt2", "r50k_base", "p50k_base", "cl100k_base", "o200k_base"]


@dataclass(frozen=True)
class TokenizerSource:
    """Where the tokenizer comes from: a ``tokenizer.json``, or the run's own round."""

    path: str | None = None
    end_of_text: str | None = None
    sha256: str | None = None

    def file(self, folder: RunFolder) -> Path:
        """Return the ``tokenizer.json``.

        Raises:
            ConfigError: it is not the one that the run was planned with.
        """
        if self.path is None:
            return folder.root / "tokenizer" / JSON
        return _unchanged(Path(self.path), self.sha256)

    def encoder(self, folder: RunFolder) -> Encoder:
        """Load it. Raises ConfigError as ``load_encoder`` does."""
        return load_encoder(self.file(folder), self.end_of_text)


class ImportRanks(Gather):
    """A round that makes a ``tokenizer.json`` of tiktoken's ranks.

    Attributes:
        path: a ``.tiktoken`` file, or tiktoken's own file of a named encoding.
        encoding: the name, or None.
        end_of_text: the token that ends a text, or None = the only special one.
        sha256: of the file when the run was planned.
    """

    path: str
    encoding: EncodingName | None = None
    end_of_text: str | None = None
    sha256: str | None = None

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """One task."""
        del view
        return (Round(name, WriteImported(self)),)

    def ranks(self) -> Ranks:
        """Read them. Raises ConfigError."""
        path = _unchanged(Path(self.path), self.sha256)
        return read_encoding(self.encoding, path) if self.encoding else read_ranks(path)


@dataclass(frozen=True)
class WriteImported(SingleTask):
    """Write the tokenizer in all its forms."""

    config: ImportRanks

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Convert."""
        ranks = self.config.ranks()
        body = tokenizer_json(ranks, self.config.encoding or self.config.path)
        write_json(body, self.config.end_of_text, draft.path)
        write_ranks(ranks, draft.path)
        draft.facts = {"vocab_size": ranks.size}
        tick({})


class TokenizerBlock(BaseModel):
    """Exactly one of ``train``, ``path`` and ``tiktoken``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: TrainBpe | None = Field(None, description="train a BPE on this corpus")
    path: str | None = Field(
        None, description="a local tokenizer.json or .tiktoken export, or a folder with one"
    )
    tiktoken: EncodingName | None = Field(
        None, description="an encoding of tiktoken, from its cache; never downloaded"
    )
    end_of_text: str | None = Field(None, description="without train: the token that ends a text")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(way is not None for way in (self.train, self.path, self.tiktoken)) != 1:
            raise ValueError("give either train or path or tiktoken")
        if self.train is not None and self.end_of_text is not None:
            raise ValueError("end_of_text goes with path; with train, set train.end_of_text")
        return self

    def source(self, assets: Mapping[str, str]) -> TokenizerSource:
        """Return where tasks find the tokenizer; ``assets`` are those of the plan."""
        if self.train is not None:
            return TokenizerSource(None, self.train.end_of_text)
        if self.gather(assets):
            return TokenizerSource(None, self._end_of_text())
        path = str(find_tokenizer(str(self.path)))
        return TokenizerSource(path, self._end_of_text(), assets.get("tokenizer.path"))

    def gather(self, assets: Mapping[str, str]) -> Gather | None:
        """Return the stage that makes the tokenizer, or None where it is there already."""
        if self.train is not None:
            return self.train
        end = self._end_of_text()
        if self.tiktoken is not None:
            path = cache_path(self.tiktoken)
            return ImportRanks(path=str(path), encoding=self.tiktoken, end_of_text=end)
        path = find_tokenizer(str(self.path))
        if not is_ranks(path):
            return None
        return ImportRanks(path=str(path), end_of_text=end, sha256=assets.get("tokenizer.path"))

    def _end_of_text(self) -> str | None:
        return self.end_of_text or ("<|endoftext|>" if self.tiktoken else None)

    def check(self) -> int | None:
        """Load a given tokenizer once, before any work; return the size of its vocabulary.

        Raises:
            ConfigError: it is not there, or cannot be used.
        """
        if self.tiktoken is not None:
            cached_file(self.tiktoken)
        elif self.path is not None and not find_tokenizer(self.path).is_file():
            raise ConfigError(f"tokenizer.path {self.path}: no such file, nor a folder with {JSON}")
        made = self.gather({})
        if isinstance(made, ImportRanks):
            ranks = made.ranks()
            _check_end(made.path, ranks.special, made.end_of_text)
            return ranks.size
        if made is None:
            return load_encoder(find_tokenizer(str(self.path)), self.end_of_text).vocab_size
        return None

    def assets(self) -> dict[str, str]:
        """Return the SHA-256 of the files of a given tokenizer."""
        if self.tiktoken is not None:
            return {"tiktoken": ENCODINGS[self.tiktoken].sha256}
        if self.path is None:
            return {}
        path = find_tokenizer(self.path)
        more = {"path.json": sync_and_hash(beside(path))[1]} if is_ranks(path) else {}
        return {"path": sync_and_hash(path)[1]} | more


def _unchanged(path: Path, sha256: str | None) -> Path:
    if sha256 is not None and path.is_file() and sync_and_hash(path)[1] != sha256:
        raise ConfigError(
            f"{path}: is not the file that the run was planned with; restore it, or start again "
            "under another --out"
        )
    return path


def _check_end(where: str, special: Mapping[str, int], end: str | None) -> None:
    if end not in special and (end is not None or len(special) != 1):
        raise ConfigError(
            f"{where}: which token ends a text? Set tokenizer.end_of_text to one of "
            f"{', '.join(special) or '(there are no special tokens)'}"
        )


def is_ranks(path: Path) -> bool:
    """Tell whether a file is an export for tiktoken."""
    return path.suffix == ".tiktoken"


def find_tokenizer(name: str) -> Path:
    """Return the absolute path of a file, or of the ``tokenizer.json`` in a folder or run folder.

    Nothing need be there: a finished run is read without the tokenizer it was made with.
    """
    path = Path(name).expanduser().absolute()
    places = (path / JSON, path / "tokenizer" / JSON, path / "shards" / JSON)
    return next((place for place in places if place.is_file()), path)
