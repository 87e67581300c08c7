"""Which of two corpora is better to train on? FineWeb's method, small (Penedo et al. 2024, §3).

Models are trained on equal terms: one tokenizer, the same initial weights and order of windows,
steps and number of unique tokens; each pair of models differs in its corpus only. They are judged
by bits per byte of whole documents that neither corpus has trained on, and of these by text from
elsewhere, since each corpus's own held-out documents favour it.

The folder holds ``corpora/`` (the parts trained on), ``runs/`` (a training each), ``result.json``
and ``ablation.svg``. Every part is made once: the same call goes on where it was interrupted.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet, sha256
from gristmill.train_smoke import checkpoint, evals
from gristmill.train_smoke.ablate_corpus import (
    Documents,
    check_same_tokenizer,
    equal_tokens,
    write_part,
)
from gristmill.train_smoke.ablate_held_out import HeldOut, held_out, without_overlap
from gristmill.train_smoke.ablate_plot import forest
from gristmill.train_smoke.ablate_result import AblationResult, RunResult, SetResult
from gristmill.train_smoke.config import FREE_ON_RESUME, TrainConfig
from gristmill.train_smoke.device import pick_device
from gristmill.train_smoke.paired import Scores, compare
from gristmill.train_smoke.result import TrainResult
from gristmill.train_smoke.runlog import write_atomically
from gristmill.train_smoke.train import train

_SIDES: tuple[Literal["A", "B"], ...] = ("A", "B")

#: Documents of a text by their name, each an array of token ids without end-of-text.
Texts = Mapping[str, Sequence[npt.NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What to compare, and how well.

    Attributes:
        config: settings of every training; ``seed`` is the first of the seeds.
        seeds: seeds of initial weights and order.
        subsets: disjoint parts of each corpus, each trained on with every seed. With 2, the
            interval over models covers the choice of documents too; each model sees half.
        tokens: unique tokens of a training; None = as many as the smaller corpus has.
        documents: documents of a held-out set, evenly spread; 0 = all.
    """

    config: TrainConfig
    seeds: int = 3
    subsets: int = 1
    tokens: int | None = None
    documents: int = 400

    def __post_init__(self) -> None:
        tokens = 1 if self.tokens is None else self.tokens
        if min(self.seeds, self.subsets, tokens) < 1 or self.documents < 0:
            raise ConfigError("seeds, subsets and tokens must be 1 or more, documents 0 or more")


def ablate(
    ablation: Ablation,
    folders: tuple[Path, Path],
    out: Path,
    *,
    names: tuple[str, str] = ("A", "B"),
    neutral: Texts | None = None,
    log: Callable[[str], None] = print,
) -> AblationResult:
    """Train on both corpora, and compare.

    Args:
        ablation: settings.
        folders: shards of A and of B, made with one tokenizer.
        out: the folder of this ablation.
        names: what to call A and B.
        neutral: held-out texts of neither corpus, encoded with their tokenizer.
        log: prints a line.

    Raises:
        ConfigError: different tokenizers, too few tokens, no held-out document left, or a folder
            of another ablation.
        CorruptError: damaged shards or checkpoints.
    """
    corpora = ShardSet(folders[0]), ShardSet(folders[1])
    check_same_tokenizer(*corpora)
    for corpus in corpora:
        corpus.verify(hashes=True)
    sets = _held_out(corpora, names, neutral or {}, ablation.documents)
    for one in sets:
        log(
            f"{one.name}: {len(one.documents):,} of {one.found:,} documents; {one.overlapping:,} "
            f"left out for text that a training corpus has too, {one.short:,} as too short to tell"
        )
    documents = Documents.of(corpora[0]), Documents.of(corpora[1])
    tokens = equal_tokens(documents, ablation.subsets, ablation.tokens)
    _claim(out, ablation, corpora, tokens)
    for name, corpus in zip(names, corpora, strict=True):
        log(f"{name}: {corpus.tokens('train'):,} training tokens, {tokens:,} of them are used")
    work = _Work(ablation, documents, tokens, sets, out, log)
    result = _judge(work, work.all(), corpora, names)
    write_atomically(out / "result.json", result.to_json())
    write_atomically(out / "ablation.svg", forest(result))
    return result


def _held_out(
    corpora: tuple[ShardSet, ShardSet], names: tuple[str, str], neutral: Texts, at_most: int
) -> list[HeldOut]:
    sets = [
        held_out(f"{side}'s val ({name})", side, list(corpus.documents("val")))
        for side, name, corpus in zip(_SIDES, names, corpora, strict=True)
    ]
    sets += [held_out(name, "neutral", documents) for name, documents in neutral.items()]
    return without_overlap(sets, corpora, at_most)


def _claim(out: Path, ablation: Ablation, corpora: tuple[ShardSet, ShardSet], tokens: int) -> None:
    """Make the folder this ablation's, or refuse that of another; more seeds may come later."""
    settings = dataclasses.asdict(ablation.config)
    plan = {
        "corpora": [corpus.manifest_sha256 for corpus in corpora],
        "tokens": tokens,
        "subsets": ablation.subsets,
        "config": {k: v for k, v in sorted(settings.items()) if k not in FREE_ON_RESUME},
    }
    file = out / "plan.json"
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(plan, indent=1) + "\n")
        return
    try:
        before = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        before = {}
    if before != plan:
        other = ", ".join(key for key in plan if before.get(key) != plan[key])
        raise ConfigError(
            f"{out}: holds an ablation with other {other}; give the same ones again, or another "
            "folder"
        )


@dataclass(frozen=True)
class _Trained:
    run: RunResult
    result: TrainResult
    nats: list[npt.NDArray[np.float64]]


@dataclass(frozen=True)
class _Work:
    """The trainings of an ablation, in pairs, so that an interrupted one has whole pairs."""

    ablation: Ablation
    documents: tuple[Documents, Documents]
    tokens: int
    sets: Sequence[HeldOut]
    out: Path
    log: Callable[[str], None]

    def all(self) -> list[_Trained]:
        """Train and score every (subset, seed, corpus), or read what is there already."""
        return [
            self._one(side, subset, self.ablation.config.seed + n)
            for subset in range(self.ablation.subsets)
            for n in range(self.ablation.seeds)
            for side in _SIDES
        ]

    def _one(self, side: Literal["A", "B"], subset: int, seed: int) -> _Trained:
        corpus = self.documents[side == "B"]
        taken = corpus.choose(self.tokens, subset, self.ablation.subsets)
        part = write_part(corpus, taken, self.out / "corpora" / f"{side.lower()}-{subset}")
        name = f"{side.lower()}-{subset}-seed{seed}"
        result = train(
            dataclasses.replace(self.ablation.config, seed=seed),
            part,
            self.out / "runs" / name,
            log=lambda line: self.log(f"[{name}] {line}"),
        )
        started = time.perf_counter()
        nats = self._scored(result.checkpoint)
        seconds = time.perf_counter() - started
        run = RunResult(side, subset, seed, result.loss, result.seconds, seconds)
        return _Trained(run, result, nats)

    def _scored(self, saved: Path) -> list[npt.NDArray[np.float64]]:
        """Return the nats of every document of every set; scored once and kept."""
        digest = hashlib.sha256(sha256(saved / checkpoint.DONE).encode())
        for one in self.sets:
            digest.update(f"|{len(one.documents)}".encode())
            for document in one.documents:
                digest.update(len(document).to_bytes(8, "little") + document.tobytes())
        file = saved.parent.parent / f"nats-{digest.hexdigest()[:16]}.npz"
        if not file.is_file():
            model = checkpoint.load(saved).model(pick_device(self.ablation.config.device))
            nats = [evals.document_nats(model, one.documents) for one in self.sets]
            temp = file.with_name(f".{file.stem}.tmp.npz")
            np.savez(temp, *nats)
            temp.replace(file)
        with np.load(file, allow_pickle=False) as kept:
            return [kept[f"arr_{n}"] for n in range(len(self.sets))]


def _judge(
    work: _Work,
    trained: Sequence[_Trained],
    corpora: tuple[ShardSet, ShardSet],
    names: tuple[str, str],
) -> AblationResult:
    lengths = np.array([len(raw) for raw in corpora[0].vocabulary.token_bytes], dtype=np.int64)
    scores, found = [], []
    for n, one in enumerate(work.sets):
        sizes = np.array([float(lengths[document].sum()) for document in one.documents])
        by_side = [np.stack([t.nats[n] for t in trained if t.run.corpus == s]) for s in _SIDES]
        scores.append(Scores(by_side[0], by_side[1], sizes))
        counts = (int(sizes.sum()), one.found, one.overlapping, one.short)
        found.append(SetResult(one.name, one.kind, compare([scores[-1]]), *counts))
    neutral = [s for s, one in zip(scores, work.sets, strict=True) if one.kind == "neutral"]
    config = dataclasses.asdict(work.ablation.config)
    config.pop("seed")
    first = trained[0].result
    return AblationResult(
        names=names,
        available=(corpora[0].tokens("train"), corpora[1].tokens("train")),
        unique_tokens=work.tokens,
        trained_tokens=first.tokens,
        steps=first.steps,
        parameters=first.parameters,
        seeds=work.ablation.seeds,
        subsets=work.ablation.subsets,
        sets=tuple(found),
        neutral=compare(neutral) if neutral else None,
        runs=tuple(t.run for t in trained),
        config=config,
        tokenizer_sha256=sha256(corpora[0].tokenizer_path),
    )
