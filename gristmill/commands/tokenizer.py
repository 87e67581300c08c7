"""``tokenizer train``, ``encode`` and ``export``."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from gristmill.commands import tokenizer_view
from gristmill.commands.data import run_recipe
from gristmill.commands.options import AsJson, Out, Where
from gristmill.errors import ConfigError
from gristmill.pipeline.inputs import kind_of
from gristmill.recipe import parse_recipe
from gristmill.settings import override
from gristmill.tokenize.any_tokenizer import NamedTokenizer
from gristmill.tokenize.by_name import as_tokenizer_json, ranks_named
from gristmill.tokenize.encodings import ENCODINGS
from gristmill.tokenize.exports import CONFIG, JSON, RANKS, write_json, write_ranks
from gristmill.tokenize.patterns import PATTERNS
from gristmill.tokenize.ranks import beside
from gristmill.tokenize.source import find_tokenizer
from gristmill.tokenize.tokenizer_json import ranks_of, tokenizer_json
from gristmill.tokenize.visible import plain

tokenizer = typer.Typer(help="Train, try, compare and convert tokenizers.", no_args_is_help=True)
tokenizer.command()(tokenizer_view.inspect)
tokenizer.command()(tokenizer_view.report)

#: The end of a text in all of tiktoken's encodings and in what `train` makes.
_END = "<|endoftext|>"

Name = Annotated[
    str,
    typer.Argument(
        metavar="TOKENIZER",
        help="tokenizer.json, x.tiktoken, a folder with one, or a name that tiktoken has cached: "
        f"{', '.join(ENCODINGS)}.",
    ),
]


@tokenizer.command()
def train(
    inputs: Annotated[
        list[str], typer.Option("--in", help="WARC, Parquet or JSONL (.gz, .zst). Repeatable.")
    ],
    out: Out,
    vocab_size: Annotated[
        int, typer.Option("--vocab-size", help="Tokens, the special ones included.")
    ] = 32768,
    pattern: Annotated[
        str, typer.Option("--pattern", help=f"{', '.join(PATTERNS)}, or a regular expression.")
    ] = "gpt4",
    sample_bytes: Annotated[
        str, typer.Option("--sample-bytes", help="Text to train on; bounds memory.")
    ] = "2GB",
    special: Annotated[
        list[str] | None, typer.Option("--special", help="One more special token. Repeatable.")
    ] = None,
    end_of_text: Annotated[
        str, typer.Option("--end-of-text", help="The special token that ends a text.")
    ] = "<|endoftext|>",
    seed: Annotated[int, typer.Option("--seed", help="Of the sample.")] = 1,
) -> None:
    """Train a byte-level BPE. The same texts and options give the same bytes.

    Writes `OUT/tokenizer/tokenizer.json` for HF tokenizers and transformers, and
    `tokenizer.tiktoken` for tiktoken, with the same ids.

    **Example**

        gristmill tokenizer train --in docs.parquet --out bpe --vocab-size 50304 --pattern gpt4o
    """
    block = {
        "vocab_size": vocab_size,
        "pattern": pattern,
        "sample_bytes": sample_bytes,
        "special_tokens": special or [],
        "end_of_text": end_of_text,
        "seed": seed,
    }
    stages = ["extract"] if {kind_of(name) for name in inputs} == {"warc"} else []
    body: dict[str, Any] = {
        "name": "tokenizer-train",
        "stages": stages,
        "tokenizer": {"train": block},
    }
    run_recipe(parse_recipe(override(body, [], inputs), "tokenizer train"), out, Where(0))
    facts = json.loads((out / "tokenizer" / "00000.manifest.json").read_bytes())["facts"]
    print(f"tokenizer: {out / 'tokenizer' / JSON}, {facts['vocab_size']:,} tokens")
    if facts["vocab_size"] < vocab_size:
        print(f"fewer than {vocab_size:,}: the sample has no more pairs to merge", file=sys.stderr)
    if facts["no_tiktoken"]:
        print(plain(f"not for tiktoken: {facts['no_tiktoken']}", " "), file=sys.stderr)


@tokenizer.command()
def encode(
    name: Name,
    text: Annotated[
        str | None, typer.Argument(help="The text; `-` or nothing = from stdin.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--in", help="A file with the text.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the tokens of a text: how many, which ids, what each one spells.

    **Examples**

        gristmill tokenizer encode out "The mill grinds."

        cat page.txt | gristmill tokenizer encode cl100k_base --json
    """
    if text is not None and file is not None:
        raise ConfigError("give either a text or --in FILE")
    text = _read(text, file)
    with as_tokenizer_json(name) as path:
        opened = NamedTokenizer(name, path)
        vocabulary = opened.vocabulary()
        engine, encode_texts = opened.engine(vocabulary)
    ids = encode_texts([text])[0].tolist()
    pieces = [vocabulary.token_bytes[number] for number in ids]
    size = sum(map(len, pieces))
    if as_json:
        texts = [piece.decode("utf-8", "replace") for piece in pieces]
        found = {"count": len(ids), "bytes": size, "ids": ids, "tokens": texts}
        print(json.dumps(found | {"engine": engine}, ensure_ascii=True))
        return
    rate = f", {size / len(ids):.2f} bytes a token" if ids else ""
    print(f"{len(ids):,} tokens of {size:,} bytes{rate}")
    print("ids   ", " ".join(map(str, ids)))
    print("tokens", "|".join(map(plain, pieces)))


def _read(text: str | None, file: Path | None) -> str:
    """Return the text of the argument, the file or stdin, line breaks as they are."""
    if text not in (None, "-"):
        return str(text)
    try:
        data = file.read_bytes() if file else sys.stdin.buffer.read()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror or error})") from error
    return data.decode("utf-8", "replace")


@tokenizer.command()
def export(
    name: Name,
    out: Annotated[Path, typer.Option("--out", help="Folder for the files.")],
    end_of_text: Annotated[
        str | None, typer.Option("--end-of-text", help="Which special token ends a text.")
    ] = None,
) -> None:
    """Write a tokenizer in every form, with the same ids: HF tokenizers, transformers, tiktoken.

    Replaces nothing: a folder that holds a tokenizer already is refused.

    **Example**

        gristmill tokenizer export cl100k_base --out cl100k
    """
    names = (JSON, CONFIG, RANKS, beside(Path(RANKS)).name)
    if taken := [out / file for file in names if (out / file).exists()]:
        raise ConfigError(f"{taken[0]}: exists already; name a new folder")
    ranks, given = ranks_named(name), find_tokenizer(name)
    body = tokenizer_json(ranks, name) if ranks else given.read_text("utf-8")
    ranks = ranks or ranks_of(given)
    end = end_of_text or next((n for n in (_END, *ranks.special) if n in ranks.special), None)
    if end is not None and end not in ranks.special:
        raise ConfigError(f"--end-of-text {end}: it has {', '.join(ranks.special) or 'none'}")
    out.mkdir(parents=True, exist_ok=True)
    write_json(body, end, lambda file: out / file)
    write_ranks(ranks, lambda file: out / file)
    print(f"{out}: {', '.join(names)}")
