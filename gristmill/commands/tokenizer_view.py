"""``tokenizer inspect`` and ``tokenizer report``: how a text is cut, and what it costs."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter, ValidationError
from rich.console import Console
from rich.text import Text

from gristmill.commands.options import AsJson
from gristmill.console import stderr
from gristmill.errors import ConfigError
from gristmill.filters.language import scores
from gristmill.pipeline.byte_size import ByteSize
from gristmill.pipeline.durable import write_durably
from gristmill.pipeline.labelled import document_files, read_labelled
from gristmill.tokenize.any_tokenizer import NamedTokenizer, named_tokenizers
from gristmill.tokenize.by_name import as_tokenizer_json
from gristmill.tokenize.fertility import Fertility
from gristmill.tokenize.fertility_page import fertility_page
from gristmill.tokenize.fertility_terminal import in_bytes, print_fertility
from gristmill.tokenize.measure import measure
from gristmill.tokenize.token_page import token_page
from gristmill.tokenize.token_terminal import print_views
from gristmill.tokenize.token_view import TokenView, differences, view_text
from gristmill.tokenize.visible import plain

Tokenizers = Annotated[
    list[str],
    typer.Argument(
        help="tokenizer.json or .tiktoken files, folders with one, or names that tiktoken has "
        "cached. Several."
    ),
]
Html = Annotated[
    Path | None, typer.Option("--html", help="Also write one HTML page that needs nothing else.")
]


def inspect(
    tokenizers: Tokenizers,
    text: Annotated[str | None, typer.Option("--text", help="The text to cut.")] = None,
    file: Annotated[
        Path | None, typer.Option("--in", help="A UTF-8 file with the text. [default: stdin]")
    ] = None,
    html: Html = None,
    as_json: AsJson = False,
    max_chars: Annotated[
        int, typer.Option("--max-chars", min=1, help="Characters to look at, from the beginning.")
    ] = 20_000,
    ids: Annotated[bool, typer.Option("--ids/--no-ids", help="Show ids in the terminal.")] = True,
) -> None:
    """Show a text as tokens: coloured, with ids, spaces and bytes visible; tokenizers side by side.

    Names of special tokens in the text are cut like any other text. `--json` has each token's
    bytes, place, and the number of the merge that makes it.

    **Examples**

        gristmill tokenizer inspect out/data --text 'The mill grinds 12345 sacks.'

        gristmill tokenizer inspect a.json b.json --in page.txt --html tokens.html
    """
    read, note = _text(text, file, max_chars)
    with _named(tokenizers) as named:
        views = [view_text(tokenizer, read) for tokenizer in named]
    if html is not None:
        _write(html, token_page(views, note))
    if as_json:
        print(json.dumps(_views_json(views, read, note), indent=1))
        return
    console = Console()
    print_views(console, views, ids=ids)
    _say(console, note, html)


def report(
    tokenizers: Tokenizers,
    inputs: Annotated[
        list[str],
        typer.Option("--in", help="Parquet or JSONL with text, or a run's folder. Repeatable."),
    ],
    against: Annotated[
        list[str] | None,
        typer.Option("--against", help="A tokenizer to compare with. Repeatable."),
    ] = None,
    html: Html = None,
    as_json: AsJson = False,
    max_docs: Annotated[
        int | None, typer.Option("--max-docs", min=1, help="Documents at most.")
    ] = None,
    sample_bytes: Annotated[
        str, typer.Option("--sample-bytes", help="Text at most, e.g. 2GB; spread over the files.")
    ] = "100MB",
    column: Annotated[
        str | None,
        typer.Option("--language-column", help="Names the language. [default: language or lang]"),
    ] = None,
    identify: Annotated[
        bool, typer.Option("--identify", help="Let fastText name languages that no column names.")
    ] = False,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Languages to list in the terminal.")
    ] = 25,
) -> None:
    """Measure what texts cost: tokens a word, bytes a token, by language; how a vocabulary is used.

    Of each file the beginning is read, as far as its share of the limits goes.

    **Examples**

        gristmill tokenizer report out/data --in out/data --html report.html

        gristmill tokenizer report mine.json --against gpt2.json --in 'docs/*.parquet' --identify
    """
    files = document_files(inputs)
    limit = _bytes(sample_bytes)
    batches = read_labelled(files, column=column, max_docs=max_docs, max_bytes=limit)
    progress = stderr()
    with _named([*tokenizers, *(against or [])]) as named, progress.status("reading") as status:

        def tick(docs: int, size: int) -> None:
            status.update(f"{docs:,} documents, {in_bytes(size)} of at most {in_bytes(limit)}")

        found = measure(
            named[: len(tokenizers)],
            batches,
            against=named[len(tokenizers) :],
            identify=_fasttext if identify else None,
            tick=tick,
        )
    note = _what_was_read(found, len(files), limit)
    if html is not None:
        _write(html, fertility_page(found, note))
    if as_json:
        print(json.dumps({"note": note} | found.to_dict(), indent=1))
        return
    console = Console()
    print_fertility(console, found, top=top)
    _say(console, note, html)


@contextmanager
def _named(tokenizers: Sequence[str]) -> Iterator[list[NamedTokenizer]]:
    """Find tokenizers; what is no ``tokenizer.json`` is one for as long as this lasts."""
    with ExitStack() as stack:
        paths = [stack.enter_context(as_tokenizer_json(name)) for name in tokenizers]
        yield named_tokenizers(paths)


def _text(text: str | None, file: Path | None, most: int) -> tuple[str, str]:
    """Return the text, at most so many characters, and what is to be said about that."""
    if text is not None and file is not None:
        raise ConfigError("--text and --in: give one of them")
    # A character has four bytes at most: so many hold one more than is shown.
    raw = _read(file, 4 * most + 4) if text is None else text.encode("utf-8", "surrogateescape")
    read = raw.decode("utf-8", "replace")
    shown, notes = read[:most], []
    if len(read) > most:
        notes.append(f"only the first {most:,} characters; --max-chars shows more")
    if not raw.startswith(shown.encode()):
        notes.append("bytes that are not UTF-8 are shown as U+FFFD")
    return shown, "; ".join(notes)


def _read(file: Path | None, most: int) -> bytes:
    if file is None:
        if sys.stdin.isatty():
            print("type a text, then Ctrl-D", file=sys.stderr)
        return sys.stdin.buffer.read(most)
    try:
        with file.open("rb") as opened:
            return opened.read(most)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}); check the path") from error


def _views_json(views: Sequence[TokenView], text: str, note: str) -> dict[str, Any]:
    return {
        "text": text,
        "note": note or None,
        "tokenizers": [view.to_dict() for view in views],
        "differences": [one.to_dict() for one in differences(views)],
    }


def _bytes(value: str) -> int:
    try:
        size: int = TypeAdapter(ByteSize).validate_python(value)
    except ValidationError as error:
        raise ConfigError(f"--sample-bytes {value}: not a size; write 500MB or 2GB") from error
    return max(size, 1)


def _fasttext(texts: Sequence[str]) -> list[str | None]:
    """Return the most probable language of each text; None where it has no letter."""
    found: list[str | None] = []
    for text, names in zip(texts, scores(texts, above=1.0), strict=True):
        found.append(names[0][0] if names and any(map(str.isalpha, text)) else None)
    return found


def _what_was_read(found: Fertility, files: int, limit: int) -> str:
    size = sum(s.bytes for s in found.sizes.values())
    docs = sum(s.documents for s in found.sizes.values())
    of = "the beginning of " if size >= limit / 2 else ""
    return f"{docs:,} documents, {in_bytes(size)}, from {of}{files:,} file{'s' * (files > 1)}"


def _write(path: Path, body: str) -> None:
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first")
    write_durably(path, body.encode())


def _say(console: Console, note: str, html: Path | None) -> None:
    lines: list[str] = [note] if note else []
    if html is not None:
        lines.append(f"{html}: written; open it in a browser")
    for line in lines:
        console.print(Text(plain(line, " ")), soft_wrap=True)
