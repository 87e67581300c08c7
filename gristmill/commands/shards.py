"""``shards where``, ``info``, ``convert``: token files after they are written."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gristmill.commands.options import AsJson
from gristmill.console import stderr
from gristmill.errors import ConfigError
from gristmill.tokenize.convert import Conversion, make_target
from gristmill.tokenize.convert import convert as convert_shards
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.glimpse import Glimpse
from gristmill.tokenize.provenance import where as find_token
from gristmill.tokenize.shard_info import (
    ShardInfo,
    TokenizerInfo,
    foreign_info,
    listed,
    shard_info,
)
from gristmill.tokenize.shard_source import Source, open_foreign, open_own, own_folder
from gristmill.tokenize.source import find_tokenizer
from gristmill.tokenize.visible import plain

shards = typer.Typer(help="Look into token shards, and convert them.", no_args_is_help=True)

_NAMES = ", ".join(FORMATS)

#: Files that ``info`` prints a line for.
_LISTED = 20

From = Annotated[
    str | None,
    typer.Option("--from", help=f"Format of files without shards.json: {_NAMES}."),
]
TokenizerFile = Annotated[
    Path | None,
    typer.Option("--tokenizer", help="tokenizer.json of files without shards.json."),
]
Eot = Annotated[
    str | None,
    typer.Option("--eot", help="Their end-of-text token or its id. [default: the special one]"),
]
EotSide = Annotated[
    Literal["before", "after"] | None,
    typer.Option("--eot-place", help="Where it stands. [default: where the format has it]"),
]
FromDtype = Annotated[
    str | None,
    typer.Option("--from-dtype", help="Their token type, where files do not say it: uint32."),
]


@shards.command()
def where(
    file: Annotated[Path, typer.Argument(help="A token file, e.g. out/shards/train_000000.bin.")],
    offset: Annotated[int, typer.Argument(min=0, help="Position of a token in it, from 0.")],
) -> None:
    """Tell which URL and WARC record a token came from.

    **Example**

        gristmill shards where out/shards/train_000000.bin 123456
    """
    print(json.dumps(find_token(file, offset), indent=1))


@shards.command()
def info(
    path: Annotated[str, typer.Argument(help="Folder of shards, run folder, or token file.")],
    docs: Annotated[int, typer.Option("--docs", min=0, help="Documents to look into.")] = 3,
    token_format: From = None,
    tokenizer: TokenizerFile = None,
    eot: Eot = None,
    eot_place: EotSide = None,
    from_dtype: FromDtype = None,
    as_json: AsJson = False,
) -> None:
    """Show format, counts, hashes and tokenizer, and the beginnings of the first documents.

    With shards.json its hashes are shown, not computed; files that others wrote need `--tokenizer`
    to be decoded.

    **Examples**

        gristmill shards info out

        gristmill shards info out/shards/train_000000.bin --docs 10

        gristmill shards info train.bin --from nanogpt --tokenizer gpt2.json --json
    """
    foreign = (token_format, tokenizer, eot, eot_place, from_dtype) != (None,) * 5
    if foreign or not _listed(Path(path)):
        found = foreign_info(
            path, token_format, tokenizer, eot=eot, eot_place=eot_place, dtype=from_dtype, docs=docs
        )
    else:
        found = shard_info(Path(path), docs)
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        _print_info(found)


def _listed(path: Path) -> bool:
    """Tell whether a ``shards.json`` is there, and lists the file if it is one."""
    folder = own_folder(path if path.is_dir() else path.parent)
    if folder is None or path.is_dir():
        return folder is not None
    return bool(listed(open_own(folder), path))


def _print_info(found: ShardInfo) -> None:
    lines = [f"{found.path}: {found.format}, {found.dtype}", *_about(found.tokenizer)]
    if found.manifest_sha256:
        lines.append(f"shards.json: SHA-256 {found.manifest_sha256}")
    for line in lines:
        print(plain(line, " "))
    Console().print(_splits_table(found))
    for file in found.files[:_LISTED]:
        docs = "documents not recorded" if file.docs is None else f"{file.docs:,} documents"
        where = "with provenance" if file.provenance else "no provenance"
        line = f"{Path(file.path).name}: {file.tokens:,} tokens, {docs}, {where}, {file.sha256}"
        print(plain(line, " "))
    if len(found.files) > _LISTED:
        print(f"… and {len(found.files) - _LISTED:,} more files (--json lists all)")
    for glimpse in found.glimpses:
        print(_shown(glimpse))


def _about(tokenizer: TokenizerInfo | None) -> list[str]:
    if tokenizer is None:
        return ["tokenizer: not known; --tokenizer FILE decodes"]
    return [
        f"tokenizer: {tokenizer.path}, {tokenizer.vocab_size:,} ids, SHA-256 {tokenizer.sha256}",
        f"end of text: {tokenizer.eot_token} (id {tokenizer.eot}), {tokenizer.eot_place} each "
        "document",
    ]


def _splits_table(found: ShardInfo) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("split")
    for name in ("files", "tokens", "documents", "bytes of text", "tokens a document"):
        table.add_column(name, justify="right")
    for split, sums in found.splits().items():
        figures = (sums[key] for key in ("files", "tokens", "docs", "bytes"))
        mean = sums["mean_document_tokens"]
        table.add_row(
            split,
            *("–" if n is None else f"{n:,}" for n in figures),
            "–" if mean is None else f"{mean:,.1f}",
        )
    return table


def _shown(glimpse: Glimpse) -> str:
    more = "…" if glimpse.cut else ""
    return (
        f"\ntoken {glimpse.first:,}, {glimpse.tokens:,} tokens:\n  {plain(glimpse.text, ' ')}{more}"
    )


@shards.command()
def convert(
    source: Annotated[str, typer.Argument(help="Folder with shards.json; file, folder or glob.")],
    to: Annotated[str, typer.Option("--to", help=f"Format to write: {_NAMES}.")],
    out: Annotated[Path, typer.Option("--out", help="New folder for the result.")],
    dtype: Annotated[
        str, typer.Option("--dtype", help="Token type to write; auto = by vocabulary.")
    ] = "auto",
    target_tokens: Annotated[
        int | None,
        typer.Option(
            "--target-tokens", min=1, help="Tokens of a file. [default: files as they are]"
        ),
    ] = None,
    token_format: From = None,
    tokenizer: TokenizerFile = None,
    eot: Eot = None,
    eot_place: EotSide = None,
    from_dtype: FromDtype = None,
    as_json: AsJson = False,
) -> None:
    """Write token shards in another format: same documents, same order, same splits.

    The end-of-text token moves to where the readers of the format expect it, the provenance index
    comes along. Files that others wrote (no shards.json) need `--from` and `--tokenizer`.

    **Examples**

        gristmill shards convert out --to nanogpt --out nanogpt

        gristmill shards convert out/shards --to megatron --out megatron --dtype int32

        gristmill shards convert 'b/*.bin' --from llmc --tokenizer gpt2.json --to datatrove --out d
    """
    opened = _open(source, token_format, tokenizer, eot, eot_place, from_dtype)
    target = make_target(to, opened.vocab_size, dtype, target_tokens)
    with stderr().status("opening") as status:

        def tell(name: str) -> None:
            status.update(Text(plain(name, " ")))

        done = convert_shards(opened, target, out, tell)
    if as_json:
        print(json.dumps(asdict(done) | {"format": to, "dtype": target.dtype.name}, indent=1))
        return
    places = f"end-of-text {opened.eot_place} → {target.format.EOT}"
    lines = [
        f"{opened.format} → {to} ({target.dtype.name}), {places}, {len(done.shards)} files",
        *_sums(done),
        f"results: {out}",
    ]
    if to == "nanogpt" and target.dtype.itemsize > 2:
        lines.insert(-1, "nanoGPT's train.py maps uint16; change that word in it to uint32")
    for line in lines:
        print(plain(line, " "))


def _open(
    source: str,
    token_format: str | None,
    tokenizer: Path | None,
    eot: str | None,
    eot_place: Literal["before", "after"] | None,
    dtype: str | None,
) -> Source:
    folder = own_folder(Path(source))
    if folder is not None:
        if (token_format, tokenizer, eot, eot_place, dtype) != (None,) * 5:
            raise ConfigError(
                f"{folder / 'shards.json'}: says format, tokenizer and end-of-text token itself; "
                "leave these options out, or name its files by a glob"
            )
        return open_own(folder)
    if token_format is None or tokenizer is None:
        raise ConfigError(
            f"{source}: no shards.json here; name a folder of shards, or for files that others "
            "wrote --from FORMAT and --tokenizer FILE"
        )
    tokenizer = find_tokenizer(str(tokenizer))
    return open_foreign(source, token_format, tokenizer, eot=eot, eot_place=eot_place, dtype=dtype)


def _sums(done: Conversion) -> list[str]:
    lines = [
        f"{split}: {sums['tokens']:,} tokens, {sums['docs']:,} documents"
        for split, sums in done.splits.items()
    ]
    if done.without_eot:
        lines.append(f"{done.without_eot:,} documents had no end-of-text token and got one")
    return [*lines, "provenance came along" if done.provenance else "no provenance to take along"]
