"""datatrove as oracle, real pages, and a block-list cache of the test session's own."""

import gzip
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import Stage, apply

GOLD = Path(__file__).resolve().parents[3] / "shared/data/gold.jsonl.gz"
Verdict = tuple[str | None, str | None]  # reason, text


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def gold() -> list[dict[str, Any]]:
    """The first 300 real pages that have a reference text."""
    if not GOLD.is_file():
        pytest.skip(f"no real pages at {GOLD}")
    pages = []
    with gzip.open(GOLD, "rt", encoding="utf-8") as file:
        for line in file:
            page = json.loads(line)
            if page["gold_text"]:
                pages.append({"text": page["gold_text"], "url": page["url"]})
            if len(pages) == 300:
                break
    return pages


@pytest.fixture(scope="session")
def oracle() -> Callable[..., Verdict]:
    """Judge one document with a datatrove filter: (reason or None, text afterwards)."""
    from datatrove.data import Document

    def judge(step: Any, text: str, url: str | None = None) -> Verdict:
        document = Document(text=text, id="0", metadata={"url": url})
        verdict = step.filter(document)
        return (None if verdict is True else verdict[1]), document.text

    return judge


@pytest.fixture(scope="session")
def ours() -> Callable[..., list[Verdict]]:
    """Judge texts with one of our stages: (reason or None, text afterwards), in order."""

    def judge(
        stage: Stage, texts: list[str | None], urls: list[str | None] | None = None
    ) -> list[Verdict]:
        kept, rejected = apply(stage, documents(texts, urls))
        found: dict[int, Verdict] = {}
        for row in kept.to_pylist():
            found[row["key"]] = (None, row["text"])
        for row in rejected.to_pylist():
            found[row["key"]] = (row["reason"], row["text"])
        return [found[i] for i in range(len(texts))]

    return judge


@pytest.fixture(scope="session")
def columns() -> Callable[..., dict[str, list[Any]]]:
    """Run a stage's first step and return its columns, after checking their declared types."""

    def measure(
        stage: Any, texts: list[str | None], urls: list[str | None] | None = None
    ) -> dict[str, list[Any]]:
        step = stage.steps()[0]
        batch = step(documents(texts, urls))
        for name, kind in step.adds().items():
            assert batch.schema.field(name).type == kind
        return batch.to_pydict()

    return measure


@pytest.fixture
def tiny_fasttext(tmp_path: Path) -> Callable[..., Path]:
    """Write a fastText model with chance vectors: no trainer is installed, the format is plain.

    fastText's own runtime loads it, so what it says of a text is the truth for our reader.
    """

    def write(
        labels: list[str], words: list[str], *, loss: int = 1, chars: tuple[int, int] = (2, 4),
        buckets: int = 500, word_ngrams: int = 1, output: Any = None,
    ) -> Path:  # fmt: skip
        size, rng = 8, np.random.default_rng(len(labels))
        head = (size, 5, 1, 1, 5, word_ngrams, loss, 3, buckets, *chars, 100)
        data = b"\xba\x16\x4f\x2f" + struct.pack("<i12id", 12, *head, 1e-4)
        entries = [("</s>", 0), *((w, 0) for w in words), *((f"__label__{n}", 1) for n in labels)]
        n_words = len(entries) - len(labels)
        data += struct.pack("<3iqq", len(entries), n_words, len(labels), 100, -1)
        for i, (word, kind) in enumerate(entries):
            data += word.encode() + b"\0" + struct.pack("<qb", 1000 - i, kind)
        for matrix in (
            rng.normal(0, 3, (n_words + buckets, size)),
            rng.normal(0, 3, (len(labels), size)) if output is None else output,
        ):
            data += struct.pack("<?qq", False, *matrix.shape) + matrix.astype("<f4").tobytes()
        path = tmp_path / f"{len(labels)}-{loss}-{word_ngrams}.bin"
        path.write_bytes(data)
        return path

    return write
