"""Keep what a trained text classifier takes for good, as DCLM and FineWeb-Edu style filters do.

The model is a file: a fastText classifier, or one of ``gristmill classifier train``; its first
bytes tell which. Defaults are those of DCLM-baseline (Li et al. 2024, arXiv 2406.11794): label
``hq``, score >= 0.018112 (``baselines_configs/fasttext_filter.yaml`` of its repository), for its
model ``openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train.bin``. That threshold means nothing for
another model: choose one by ``gristmill classifier test``.

fastText gets the text as DCLM gives it: stripped, its lines joined by single spaces. Its score is
that of the best label, or in a model of two labels one minus that where the best is the other.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.errors import ConfigError
from gristmill.filters import hashed_ngrams
from gristmill.filters.fasttext_file import file_stamp, is_fasttext, read_dictionary
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns

#: Text to score, or None where the text has nothing to judge by.
Scorer = Callable[[str], float | None]


class ClassifierSignals(Map):
    """Add ``classifier.score``: null where the text has no word that the model could judge by."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    model: str | None = None
    sha256: str | None = None
    label: str = "hq"

    def adds(self) -> Mapping[str, pa.DataType]:
        """The score, mostly between 0 and 1: fastText's may be off by 0.00001."""
        return {"classifier.score": pa.float64()}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the score.

        Raises:
            ConfigError: see :func:`scorer`.
        """
        score = scorer(self.model, self.sha256, self.label)
        values = [score(text or "") for text in batch.column("text").to_pylist()]
        return with_columns(batch, {"classifier.score": pa.array(values, pa.float64())})


class Classifier(Judge):
    """Keep texts that score at least the threshold. ``model``: path of a local file."""

    needs: ClassVar[tuple[str, ...]] = tuple(ClassifierSignals().adds())

    model: str | None = None
    sha256: str | None = None
    label: str = Field("hq", description="whose score counts, with or without __label__")
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.018112

    def assets(self) -> Mapping[str, str]:
        """The model. Raises ConfigError: see :func:`scorer`."""
        scorer(self.model, self.sha256, self.label)
        return {"model": _open(self.model, self.sha256).sha256}

    def reasons(self) -> tuple[str, ...]:
        """``classifier_none``: nothing to judge by. ``classifier``: below the threshold."""
        return ("classifier_none", "classifier")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return why each text is dropped."""
        score = batch.column("classifier.score")
        return first_reason(
            batch.num_rows,
            ("classifier_none", pc.is_null(score)),
            ("classifier", pc.less(score, self.threshold)),
        )

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        return (ClassifierSignals(model=self.model, sha256=self.sha256, label=self.label), self)


def scorer(model: str | None, sha256: str | None = None, label: str = "hq") -> Scorer:
    """Return the function that scores a text.

    Args:
        model: local file of either kind.
        sha256: checked against the file where given.
        label: whose score.

    Raises:
        ConfigError: the model is missing, damaged, not the promised one, or lacks the label.
    """
    opened = _open(model, sha256)
    name = label.removeprefix("__label__")
    if name not in opened.labels:
        raise ConfigError(
            f"classifier: {model} has no label {label!r}, only {', '.join(opened.labels[:8])}: "
            "mend `label`"
        )
    if isinstance(opened.model, hashed_ngrams.HashedNgrams):
        return _of_ours(opened.model, name)
    return _of_fasttext(opened.model, name, len(opened.labels) == 2)


def _of_ours(model: hashed_ngrams.HashedNgrams, name: str) -> Scorer:
    if name == hashed_ngrams.LABELS[0]:
        return model.score

    def other(text: str) -> float | None:
        score = model.score(text)
        return None if score is None else 1.0 - score

    return other


def _of_fasttext(model: Any, name: str, binary: bool) -> Scorer:
    def score(text: str) -> float | None:
        line = " ".join(text.strip().splitlines()).encode(errors="replace").decode()
        labels, scores = model.predict(line, k=1 if binary else -1)
        if not labels:
            return None
        found = dict(zip((n.removeprefix("__label__") for n in labels), scores, strict=True))
        return float(found.get(name, 1.0 - scores[0] if binary else 0.0))

    return score


@dataclass(frozen=True)
class _Opened:
    sha256: str
    labels: tuple[str, ...]
    model: Any


def _open(model: str | None, sha256: str | None) -> _Opened:
    """Open a model file of either kind and check it, once as long as it stays the same."""
    return _opened(model, sha256, file_stamp(Path(model or "")))


@lru_cache(maxsize=4)
def _opened(model: str | None, sha256: str | None, _: tuple[int, int] | None) -> _Opened:
    if model is None:
        raise ConfigError(
            "classifier: no model; name a file in `model` (a fastText classifier, or one made by "
            "`gristmill classifier train`)"
        )
    path = Path(model)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if sha256 is not None and found != sha256.lower():
            raise ConfigError(f"classifier: {path} has SHA-256 {found}, not {sha256}: fix `sha256`")
        if not is_fasttext(path):
            return _Opened(found, hashed_ngrams.LABELS, hashed_ngrams.load(path))
        import fasttext

        return _Opened(found, read_dictionary(path).labels, fasttext.load_model(str(path)))
    except OSError as error:
        raise ConfigError(
            f"classifier: cannot read model {model!r} ({error.strerror}): name a local file"
        ) from None
    except ValueError as error:
        raise ConfigError(f"classifier: {path} is no model ({error}): fix `model`") from None
