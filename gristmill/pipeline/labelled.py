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
_LISTED = 8
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
        max_docs: documents at most; where there are more files than that, some are left out.
        max_bytes: the text that reaches this size is the last one.

    Raises:
        ConfigError: a file cannot be read, has no column ``text``, or not the ``column`` named.
    """
    bytes_each = None if max_bytes is None else max(1, max_bytes // len(files))
    for number, path in enumerate(files):
        docs = None if max_docs is None else _part(max_docs, number, len(files))
        if docs == 0:
            continue
        names: list[str] = []
        read = _parquet if path.endswith(".parquet") else _jsonl
        try:
            yield from _batches(read(path, column, names), docs, bytes_each)
        except ShardError as error:
            raise ConfigError(str(error)) from error
        _need(path, column, names)


def _part(total: int, number: int, parts: int) -> int:
    """Return how many of ``total`` fall to a part, so that all come to ``total``, evenly spread."""
    return -(-total * (number + 1) // parts) + (-total * number // parts)


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


def _need(path: str, column: str | None, names: Sequence[str]) -> None:
    """Raise ConfigError where a column that was asked for is not there."""
    if column is not None and column not in names:
        raise ConfigError(f"{path}: no column {column} (there is: {', '.join(names[:_LISTED])})")


def _parquet(path: str, column: str | None, names: list[str]) -> Iterator[tuple[str, str | None]]:
    """Yield text and language of each row; ``names`` becomes the columns of the file."""
    try:
        with fsspec.open(path, "rb") as file:
            reader = pq.ParquetFile(file)
            names += reader.schema_arrow.names
            _need(path, "text", names)
            _need(path, column, names)
            label = _label(names, column)
            wanted = ["text", *([label] if label else [])]
            for batch in reader.iter_batches(batch_size=_ROWS, columns=wanted):
                texts = _values(batch.column("text"))
                labels = _values(batch.column(label)) if label else [None] * len(texts)
                yield from _rows(zip(texts, labels, strict=True))
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{path}: not a readable Parquet file: {reason}") from error


def _values(column: pa.Array) -> list[Any]:
    """Return the values of a column; bytes that are not UTF-8 are replaced by U+FFFD."""
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:  # Parquet readers do not look
        raw = column.cast(pa.large_binary()).to_pylist()
        return [None if value is None else value.decode("utf-8", "replace") for value in raw]
    return values


def _jsonl(path: str, column: str | None, names: list[str]) -> Iterator[tuple[str, str | None]]:
    """Yield text and language of each line.

    ``names`` becomes the fields of the first line with ``column``, or else of the last line.
    """
    found = False
    for _, line in read_lines(path):
        try:
            body: Any = orjson.loads(line)
        except ValueError:
            continue
        if isinstance(body, dict):
            if column not in names:
                names[:] = body
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
