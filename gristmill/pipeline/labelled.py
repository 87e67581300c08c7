"""Texts with the language their file names, outside any run: for measuring, not for processing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fsspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.errors import ConfigError, IncompleteError, ShardError
from gristmill.pipeline.inputs import Inputs, Kind, kind_of, list_inputs
from gristmill.pipeline.plan import load_plan
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.source import read_lines

#: Texts and, for each, its language or None.
Labelled = tuple[list[str], list[str | None]]

#: Columns that name a language, in the order in which they are looked for.
LANGUAGE_COLUMNS = ("language", "lang")
_ROWS = 1024
_BATCH_BYTES = 4 << 20


def document_files(inputs: Sequence[str]) -> list[str]:
    """Return the files behind paths, globs and run folders; of a run, its finished documents.

    Raises:
        ConfigError: nothing there, or pages instead of texts.
        IncompleteError: the documents of a run are not finished.
    """
    files: list[str] = []
    by_kind: dict[Kind, list[str]] = {}
    for name in inputs:
        if Path(name).is_dir():
            files += _documents(Path(name))
        else:
            by_kind.setdefault(kind_of(name), []).append(name)
    if "warc" in by_kind:
        raise ConfigError(f"{by_kind['warc'][0]}: pages, not texts; give Parquet or JSONL")
    for kind, patterns in sorted(by_kind.items()):
        files += [file.path for file in list_inputs(Inputs(**{kind: patterns}), lambda _: None)]
    if not files:
        raise ConfigError("no documents: name Parquet or JSONL files, or a run folder, with --in")
    return files


def read_labelled(
    files: Sequence[str],
    *,
    column: str | None = None,
    max_docs: int | None = None,
    max_bytes: int | None = None,
) -> Iterator[Labelled]:
    """Yield batches of texts in file order, a few megabytes each.

    Rows without text and lines that are not JSON are skipped.

    A limit is shared out evenly: each of n files is read from its beginning up to the n-th part,
    so that a file of another language is not left out because it comes last.

    Args:
        files: what ``document_files`` returned.
        column: where the language stands; None = ``language`` or ``lang``, where there is one.
        max_docs: documents at most, but one a file at least.
        max_bytes: the text that reaches this size is the last one.

    Raises:
        ConfigError: a file cannot be read or has no column ``text``.
    """
    docs_each = None if max_docs is None else max(1, max_docs // len(files))
    bytes_each = None if max_bytes is None else max(1, max_bytes // len(files))
    for path in files:
        rows = _parquet(path, column) if path.endswith(".parquet") else _jsonl(path, column)
        try:
            yield from _batches(rows, docs_each, bytes_each)
        except ShardError as error:
            raise ConfigError(str(error)) from error


def _batches(
    rows: Iterator[tuple[str, str | None]], max_docs: int | None, max_bytes: int | None
) -> Iterator[Labelled]:
    texts: list[str] = []
    languages: list[str | None] = []
    docs = size = held = 0
    for text, language in rows:
        texts.append(text)
        languages.append(language)
        docs, size, held = docs + 1, size + len(text.encode("utf-8", "replace")), held + len(text)
        full = docs == max_docs or (max_bytes is not None and size >= max_bytes)
        if full or len(texts) == _ROWS or held >= _BATCH_BYTES:
            yield texts, languages
            texts, languages, held = [], [], 0
        if full:
            return
    if texts:
        yield texts, languages


def _parquet(path: str, column: str | None) -> Iterator[tuple[str, str | None]]:
    try:
        with fsspec.open(path, "rb") as file:
            reader = pq.ParquetFile(file)
            names = reader.schema_arrow.names
            if "text" not in names:
                raise ConfigError(f"{path}: no column text (there is: {', '.join(names[:8])})")
            label = _label(names, column)
            wanted = ["text", *([label] if label else [])]
            for batch in reader.iter_batches(batch_size=_ROWS, columns=wanted):
                texts = batch.column("text").to_pylist()
                labels = batch.column(label).to_pylist() if label else [None] * len(texts)
                yield from _rows(zip(texts, labels, strict=True))
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path}: not a readable Parquet file: {reason}") from error


def _jsonl(path: str, column: str | None) -> Iterator[tuple[str, str | None]]:
    found = False
    for _, line in read_lines(path):
        try:
            body: Any = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(body, dict):
            label = _label(list(body), column)
            rows = list(_rows([(body.get("text"), body.get(label) if label else None)]))
            found = found or bool(rows)
            yield from rows
    if not found:
        raise ConfigError(f"{path}: no line has a text; name the field that holds it text")


def _rows(pairs: Any) -> Iterator[tuple[str, str | None]]:
    for text, language in pairs:
        if isinstance(text, str):
            yield text, language if isinstance(language, str) and language else None


def _label(names: Sequence[str], column: str | None) -> str | None:
    wanted = LANGUAGE_COLUMNS if column is None else (column,)
    return next((name for name in wanted if name in names), None)


def _documents(root: Path) -> list[str]:
    folder = RunFolder(root, load_plan(root).run_id)
    if not folder.complete("documents"):
        raise IncompleteError(f"{root}: its documents are not finished; run it to the end first")
    return [str(path) for path in folder.outputs("documents", ".kept.parquet")]
