"""What a dataset card says of its run: plan, funnel and files, and nothing that a rerun changes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from gristmill.pipeline.dataset.layout import SPLITS
from gristmill.pipeline.manifest import StageCount, merge_counts
from gristmill.pipeline.plan import Plan, load_plan
from gristmill.pipeline.report import check_chain
from gristmill.pipeline.shard import RunFolder


@dataclass(frozen=True)
class Split:
    """One split: its name and how much it holds; ``nbytes`` in memory, ``size`` on disk."""

    name: str
    files: int
    docs: int
    text_bytes: int
    nbytes: int
    size: int


@dataclass(frozen=True)
class CardFacts:
    """The figures of a card.

    Attributes:
        plan: of the run.
        stages: the funnel up to the finished documents.
        verdicts: documents whose fate the machine decided (a CPU or memory limit).
        splits: those that have files.
        languages: documents by label, commonest first; labels that are none as ``""``.
        schema: columns of the files.
    """

    plan: Plan
    stages: tuple[StageCount, ...]
    verdicts: int
    splits: tuple[Split, ...]
    languages: dict[str, int]
    schema: pa.Schema


def gather_facts(
    folder: RunFolder, rounds: Sequence[str], files: str, measures: str, schema: pa.Schema
) -> CardFacts:
    """Read the figures from manifests.

    Args:
        folder: of the run.
        rounds: names of the rounds that made the finished documents, in order.
        files: the round that wrote the files of the dataset.
        measures: the round that measured the documents.
        schema: columns of the files.

    Raises:
        CorruptError: a stage received other documents than the one before let go.
    """
    made = [manifest for name in rounds for manifest in folder.manifests(name)]
    stages = merge_counts([count for manifest in made for count in manifest.stages])
    check_chain(stages)
    languages: Counter[str] = Counter()
    for manifest in folder.manifests(measures):
        languages.update(manifest.facts["languages"])
    splits = [_split(folder, files, name) for name in SPLITS]
    return CardFacts(
        plan=load_plan(folder.root),
        stages=tuple(stages),
        verdicts=sum(len(manifest.verdicts) for manifest in made),
        splits=tuple(split for split in splits if split.files),
        languages=dict(sorted(languages.items(), key=lambda item: (-item[1], item[0]))),
        schema=schema,
    )


def _split(folder: RunFolder, files: str, name: str) -> Split:
    mine = [m for m in folder.manifests(files) if m.facts["split"] == name]
    outputs = [output for manifest in mine for output in manifest.outputs]
    return Split(
        name=name,
        files=len(outputs),
        docs=sum(output.docs or 0 for output in outputs),
        text_bytes=sum(manifest.facts["text_bytes"] for manifest in mine),
        nbytes=sum(manifest.facts["nbytes"] for manifest in mine),
        size=sum(output.bytes for output in outputs),
    )
