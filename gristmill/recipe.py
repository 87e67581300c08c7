"""Recipes: what to read, which stages in which order, which tokens to write.

A recipe is YAML or Python; both give the same frozen ``Recipe``. This module is the one place
that knows all stages by name.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, model_validator

from gristmill.errors import ConfigError
from gristmill.filters.c4 import C4
from gristmill.filters.classifier import Classifier
from gristmill.filters.decontaminate import Decontaminate
from gristmill.filters.fineweb import FinewebQuality
from gristmill.filters.gopher_quality import GopherQuality
from gristmill.filters.gopher_repetition import GopherRepetition
from gristmill.filters.language import Language
from gristmill.filters.pii.stage import Pii
from gristmill.filters.prescreen import Prescreen
from gristmill.filters.url import UrlFilter
from gristmill.pipeline.compile import compile_rounds
from gristmill.pipeline.dataset.stage import WriteDataset
from gristmill.pipeline.datatrove.stage import Datatrove
from gristmill.pipeline.dedup.exact import ExactDedup, UrlDedup
from gristmill.pipeline.dedup.minhash import MinhashDedup
from gristmill.pipeline.dedup.spans import SpanDedup
from gristmill.pipeline.extract.stage import Extract
from gristmill.pipeline.inputs import Inputs, cut_shards, list_inputs
from gristmill.pipeline.plan import Plan, installed_versions
from gristmill.pipeline.rounds import Gather, Round
from gristmill.pipeline.segment import KeepRejected
from gristmill.pipeline.source import source_schema
from gristmill.pipeline.split_languages import SplitLanguages
from gristmill.pipeline.stage import Judge, Map
from gristmill.pipeline.warc import sniff
from gristmill.settings import build, nearest, override
from gristmill.tokenize.encode_group import raw_type
from gristmill.tokenize.shards import TokenShards, WriteTokens
from gristmill.tokenize.source import TokenizerBlock, TokenizerSource
from gristmill.tokenize.train import TrainBpe

#: Every stage by the name recipes use. To add one: a module, a test, a line here.
STAGES: dict[str, type[Map] | type[Judge] | type[Gather]] = {
    "url_filter": UrlFilter,
    "prescreen": Prescreen,
    "extract": Extract,
    "language": Language,
    "gopher_repetition": GopherRepetition,
    "gopher_quality": GopherQuality,
    "c4": C4,
    "fineweb_quality": FinewebQuality,
    "classifier": Classifier,
    "decontaminate": Decontaminate,
    "url_dedup": UrlDedup,
    "exact_dedup": ExactDedup,
    "minhash_dedup": MinhashDedup,
    "span_dedup": SpanDedup,
    "pii": Pii,
    "split_languages": SplitLanguages,
    "datatrove": Datatrove,
}

_NAMES = {kind: name for name, kind in STAGES.items()}
_MAX_BYTES = 1 << 20

AnyStage = SerializeAsAny[Map | Judge | Gather]


class Recipe(BaseModel):
    """A whole run as one frozen value.

    >>> from gristmill.filters.gopher_quality import GopherQuality
    >>> Recipe(name="short", stages=(GopherQuality(min_words=20),)).stages[0].min_words
    20
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("unnamed", min_length=1, max_length=100)
    inputs: Inputs = Inputs()
    stages: tuple[AnyStage, ...] = ()
    keep_rejected: KeepRejected = "text"
    tokenizer: TokenizerBlock | None = None
    shards: TokenShards | None = None
    dataset: WriteDataset | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.shards is not None and self.tokenizer is None:
            raise ValueError("shards need a tokenizer: add a block `tokenizer`")
        train = self.tokenizer.train if self.tokenizer else None
        if self.shards and self.shards.dtype == "uint16" and train and train.vocab_size > 1 << 16:
            raise ValueError(
                f"tokenizer.train.vocab_size {train.vocab_size} is too large for dtype uint16 "
                "(65536 ids); set shards.dtype=uint32 or a smaller vocabulary"
            )
        self._check_prescreen()
        return self

    def _check_prescreen(self) -> None:
        """Refuse a pre-screen that drops what a later stage would keep."""
        chosen = dict(self.named_stages())
        screen, quality = chosen.get("prescreen"), chosen.get("gopher_quality")
        language = chosen.get("language")
        if not isinstance(screen, Prescreen):
            return
        if isinstance(language, Language):
            self._check_languages(screen, language)
        if not isinstance(quality, GopherQuality):
            return
        for field in ("min_words", "min_stop_words"):
            first, second = getattr(screen, field) or 0, getattr(quality, field) or 0
            if first > second:
                raise ValueError(
                    f"prescreen.{field} {first} is more than gopher_quality.{field} {second} and "
                    "would drop what that keeps; lower it too"
                )

    @staticmethod
    def _check_languages(screen: Prescreen, language: Language) -> None:
        if screen.drop_below is None or screen.model != language.model:
            return  # labels of two models cannot be compared
        if not language.keep:
            raise ValueError(
                f"prescreen drops pages that are not in {', '.join(screen.languages)}, but "
                "language.keep is [] and wants every language: leave prescreen out, or set "
                "prescreen.drop_below=null and prescreen.min_stop_words=null"
            )
        if missing := [name for name in language.keep if name not in screen.languages]:
            raise ValueError(
                f"language.keep has {', '.join(missing)}, which prescreen.languages lacks and "
                "would drop: add it there"
            )

    def named_stages(self) -> list[tuple[str, Map | Judge | Gather]]:
        """Return (name, stage) in order."""
        return [(_NAMES[type(stage)], stage) for stage in self.stages]

    def plan(self) -> Plan:
        """Look at the inputs and freeze everything the output depends on.

        Raises:
            ConfigError: no inputs, or one that is not what it should be.
        """
        files = list_inputs(self.inputs, sniff)
        size = self.tokenizer.check() if self.tokenizer is not None else None
        if self.shards is not None and size is not None:
            raw_type(self.shards.dtype, size)
        stages = self.named_stages()
        assets = {f"{n}.{k}": v for n, stage in stages for k, v in stage.assets().items()}
        if self.tokenizer:
            assets |= {f"tokenizer.{k}": v for k, v in self.tokenizer.assets().items()}
        return Plan(
            name=self.name,
            recipe=self._recorded(),
            stage_versions={name: stage.version for name, stage in stages},
            inputs=files,
            shards=cut_shards(files, self.inputs.split_bytes),
            versions=installed_versions(),
            assets=assets,
        )

    def rounds(self, plan: Plan) -> list[Round]:
        """Return what is executed, in order.

        Raises:
            ConfigError: the stages do not fit together, or do not fit the inputs.
        """
        tail: list[tuple[str, Gather]] = []
        source = TokenizerSource()
        if self.tokenizer is not None:
            source = self.tokenizer.source(plan.assets)
            if (made := self.tokenizer.gather(plan.assets)) is not None:
                tail.append(("tokenizer", made))
        if self.shards is not None:
            tail.append(("shards", WriteTokens(config=self.shards, tokenizer=source)))
        if self.dataset is not None:
            tail.append(("dataset", self.dataset))
        schema = source_schema(plan.inputs)
        return compile_rounds(self.named_stages(), tail, schema, self.keep_rejected)

    def _recorded(self) -> dict[str, Any]:
        """The recipe as the plan keeps it: the files stand there themselves, however spelt."""
        body = self.to_dict()
        body["inputs"] |= {"warc": [], "parquet": [], "jsonl": []}
        return body

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain data, every default written out."""
        body = self.model_dump(mode="json", exclude={"stages"})
        stages = [{name: stage.model_dump(mode="json")} for name, stage in self.named_stages()]
        return body | {"stages": stages}


def parse_recipe(body: Any, where: str) -> Recipe:
    """Make a recipe of plain data.

    Args:
        body: what YAML gave.
        where: file name, for messages.

    Raises:
        ConfigError: unknown keys (with the nearest known one), values out of range.
    """
    if not isinstance(body, Mapping):
        raise ConfigError(f"{where}: a recipe is a mapping with name, inputs and stages")
    blocks = dict(body)
    stages = blocks.pop("stages", None)
    stages = [] if stages is None else stages
    if not isinstance(stages, Sequence) or isinstance(stages, str):
        raise ConfigError(f"{where}: stages must be a list, one `- name: {{parameters}}` a line")
    if "inputs" in blocks:
        blocks["inputs"] = build(Inputs, blocks["inputs"], f"{where}: inputs")
    if blocks.get("tokenizer") is not None:
        blocks["tokenizer"] = _parse_tokenizer(blocks["tokenizer"], f"{where}: tokenizer")
    if blocks.get("shards") is not None:
        blocks["shards"] = build(TokenShards, blocks["shards"], f"{where}: shards")
    if blocks.get("dataset") is not None:
        blocks["dataset"] = build(WriteDataset, blocks["dataset"], f"{where}: dataset")
    blocks["stages"] = tuple(_parse_stage(entry, where) for entry in stages)
    return build(Recipe, blocks, where)


def _parse_stage(entry: Any, where: str) -> Map | Judge | Gather:
    if isinstance(entry, str):
        entry = {entry: {}}
    if not isinstance(entry, Mapping) or len(entry) != 1:
        raise ConfigError(
            f"{where}: a stage is written `- name: {{parameters}}`, not {entry!r:.60}"
        )
    name, parameters = next(iter(entry.items()))
    if name not in STAGES:
        raise ConfigError(f"{where}: unknown stage {name}{nearest(str(name), STAGES)}")
    return build(STAGES[name], parameters or {}, f"{where}: {name}")


def _parse_tokenizer(block: Any, where: str) -> TokenizerBlock:
    if isinstance(block, Mapping) and block.get("train") is not None:
        block = dict(block) | {"train": build(TrainBpe, block["train"], f"{where}.train")}
    return build(TokenizerBlock, block, where)


def load_recipe(name: str, settings: Sequence[str] = (), inputs: Sequence[str] = ()) -> Recipe:
    """Read a recipe from a file, or a shipped one by name.

    Args:
        name: path of a YAML file, or the name of a preset (``fineweb``, ``demo`` …).
        settings: ``a.b=value`` overrides, as given to ``--set``.
        inputs: patterns that replace the recipe's inputs.

    Raises:
        ConfigError: not found, not YAML, unknown keys, values out of range.
    """
    path = find_recipe(name)
    if path.stat().st_size > _MAX_BYTES:
        raise ConfigError(f"{path}: larger than 1 MiB; this is no recipe")
    try:
        body = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(body, Mapping):
        raise ConfigError(f"{path}: a recipe is a mapping with name, inputs and stages")
    where = f"{path} with --set" if settings else str(path)
    return parse_recipe(override(body, settings, inputs), where)


def find_recipe(name: str) -> Path:
    """Return the file of a recipe.

    Raises:
        ConfigError: neither a file nor a preset.
    """
    if Path(name).is_file():
        return Path(name)
    presets = preset_files()
    if name in presets:
        return presets[name]
    known = ", ".join(sorted(presets))
    raise ConfigError(f"{name}: no such recipe file, nor one of the presets {known}")


def preset_files() -> dict[str, Path]:
    """Return the shipped recipes by name; they lie in the wheel or beside the package."""
    here = Path(__file__).parent
    folder = next((p for p in (here / "recipes", here.parent / "recipes") if p.is_dir()), here)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
