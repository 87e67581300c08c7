"""What there is to know about token files, without training on them."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats.contract import EotPlace, TokenFormat
from gristmill.tokenize.formats.llmc import MAGICS
from gristmill.tokenize.formats.raw import read_bytes
from gristmill.tokenize.formats.shard_set import sha256
from gristmill.tokenize.glimpse import Glimpse, glimpses
from gristmill.tokenize.shard_source import (
    Source,
    SourceFile,
    find_files,
    get_format,
    item_type,
    known_formats,
    open_foreign,
    open_own,
    own_folder,
)
from gristmill.tokenize.split_writer import index_of


@dataclass(frozen=True)
class FileInfo:
    """One token file; None = not known.

    Attributes:
        path: the file.
        split: ``train`` or ``val``, by ``shards.json`` or by its name.
        tokens: number of tokens.
        docs: number of documents.
        bytes: of the text, not of the file.
        sha256: of the file; as ``shards.json`` has it, or computed where there is none.
        provenance: whether an index leads back to the pages.
    """

    path: str
    split: str
    tokens: int
    docs: int | None
    bytes: int | None
    sha256: str
    provenance: bool


@dataclass(frozen=True)
class TokenizerInfo:
    """The tokenizer of token files.

    Attributes:
        path: its file.
        sha256: of that file.
        vocab_size: number of ids.
        eot: id of the end-of-text token.
        eot_token: its name.
        eot_place: where it stands.
    """

    path: str
    sha256: str
    vocab_size: int
    eot: int
    eot_token: str
    eot_place: EotPlace


@dataclass(frozen=True)
class ShardInfo:
    """Token files of one format.

    Attributes:
        path: what was asked about.
        format: a name of ``FORMATS``.
        dtype: token type.
        tokenizer: None where nobody named one.
        manifest_sha256: of ``shards.json``, the identity of the set; None without one.
        files: in order.
        glimpses: beginnings of the first documents of the first file.
    """

    path: str
    format: str
    dtype: str
    tokenizer: TokenizerInfo | None
    manifest_sha256: str | None
    files: tuple[FileInfo, ...]
    glimpses: tuple[Glimpse, ...]

    def splits(self) -> dict[str, dict[str, Any]]:
        """Return files, tokens, docs, bytes and mean tokens of a document, by split."""
        sums: dict[str, dict[str, Any]] = {}
        for split in dict.fromkeys(file.split for file in self.files):
            some = [file for file in self.files if file.split == split]
            docs = _sum([file.docs for file in some])
            tokens = sum(file.tokens for file in some)
            sums[split] = {
                "files": len(some),
                "tokens": tokens,
                "docs": docs,
                "bytes": _sum([file.bytes for file in some]),
                "mean_document_tokens": tokens / docs if docs else None,
            }
        return sums

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON can hold it."""
        return asdict(self) | {"splits": self.splits()}


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def shard_info(path: Path, docs: int = 3) -> ShardInfo:
    """Describe a folder with ``shards.json``, or one file of it.

    Reads ``shards.json`` and the header of each file; ``ShardSet.verify`` reads everything.

    Args:
        path: the folder, a run folder, or a token file.
        docs: documents to look into.

    Raises:
        ConfigError: no ``shards.json`` that lists it.
        CorruptError: a file that is not what ``shards.json`` promises.
    """
    folder = own_folder(path if path.is_dir() else path.parent)
    if folder is None:
        raise ConfigError(f"{path}: no shards.json here; name a folder of shards, or the format")
    source = open_own(folder)
    chosen = list(source.files) if path.is_dir() else listed(source, path)
    if not path.is_dir() and not chosen:
        raise ConfigError(f"{path}: not listed in {folder / 'shards.json'}; name the format")
    files = tuple(_file(source.reader, source.dtype, file) for file in chosen)
    return ShardInfo(
        path=str(path),
        format=source.format,
        dtype=source.dtype.name if source.dtype else "",
        tokenizer=_tokenizer(source),
        manifest_sha256=source.corpus.manifest_sha256 if source.corpus else None,
        files=files,
        glimpses=_glimpses(source, chosen, docs),
    )


def listed(source: Source, path: Path) -> list[SourceFile]:
    """Return the file of a source that stands at ``path``, or nothing.

    One of the same name in another folder, as in the run folder above ``shards``, is another file.
    """
    return [file for file in source.files if file.path.resolve() == path.resolve()]


def foreign_info(
    path: str,
    token_format: str | None = None,
    tokenizer: Path | None = None,
    *,
    eot: str | None = None,
    eot_place: EotPlace | None = None,
    dtype: str | None = None,
    docs: int = 3,
) -> ShardInfo:
    """Describe files without ``shards.json``; reads all of them, for their hashes.

    Without a tokenizer nothing is decoded, and documents are known only where the format records
    them. Arguments as those of ``open_foreign``; the format of one file can be found out.

    Raises:
        ConfigError: no such files, or a format that cannot be found out.
        CorruptError: a damaged file.
    """
    name = token_format or detect(Path(path))
    reader = get_format(name)
    items = item_type(dtype) if dtype else None
    source, found = None, list(find_files(path, reader))
    if tokenizer is not None:
        source = open_foreign(path, name, tokenizer, eot=eot, eot_place=eot_place, dtype=dtype)
        found = [replace(file, docs=len(source.ends(file))) for file in found]
    else:
        sizes = [reader.sizes(file.path, items) for file in found]
        found = [
            file if size is None else replace(file, docs=len(size))
            for file, size in zip(found, sizes, strict=True)
        ]
    types = {reader.read_header(file.path, items).dtype.name for file in found}
    return ShardInfo(
        path=path,
        format=name,
        dtype=" and ".join(sorted(types)),
        tokenizer=None if source is None else _tokenizer(source),
        manifest_sha256=None,
        files=tuple(_file(reader, items, file) for file in found),
        glimpses=() if source is None else _glimpses(source, found, docs),
    )


def detect(path: Path) -> str:
    """Return the format of one file, by its first bytes, its name and what stands beside it.

    Raises:
        ConfigError: not one file, or no sign of any format.
    """
    if path.is_file():
        if path.suffix == ".ds":
            return "datatrove"
        if path.with_suffix(".idx").is_file():
            return "megatron"
        if int.from_bytes(read_bytes(path, 4), "little") in MAGICS:
            return "llmc"
        if path.suffix == ".bin":
            return "nanogpt"
    raise ConfigError(f"{path}: no shards.json, and no known format; name one of {known_formats()}")


def _file(reader: TokenFormat, dtype: np.dtype[Any] | None, file: SourceFile) -> FileInfo:
    tokens = reader.read_header(file.path, dtype).tokens
    if file.tokens not in (None, tokens):
        raise CorruptError(
            f"{file.path}: holds {tokens:,} tokens, shards.json says {file.tokens:,}; "
            "write the shards again"
        )
    return FileInfo(
        path=str(file.path),
        split=file.split,
        tokens=tokens,
        docs=file.docs,
        bytes=file.bytes,
        sha256=file.sha256 or sha256(file.path),
        provenance=index_of(file.path).is_file(),
    )


def _tokenizer(source: Source) -> TokenizerInfo:
    return TokenizerInfo(
        path=str(source.tokenizer),
        sha256=sha256(source.tokenizer),
        vocab_size=source.vocab_size,
        eot=source.eot,
        eot_token=source.vocabulary.decode([source.eot]),
        eot_place=source.eot_place,
    )


def _glimpses(source: Source, files: list[SourceFile], docs: int) -> tuple[Glimpse, ...]:
    return tuple(glimpses(source, files[0], docs)) if files else ()
