"""``ablate``: which of two corpora is better to train on."""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from gristmill.commands.model import find_shards, need_torch
from gristmill.commands.options import AsJson
from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.source import read_lines, read_texts
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.formats.shard_set import ShardSet, sha256

#: Plain text has no documents: it is cut at blank lines into passages of at least so many bytes.
_PASSAGE = 2000
#: And, where there are no blank lines, of so many at most, a line more or less.
_LONGEST = 20_000
_PLAIN = re.compile(r"\.(txt|md)(\.gz|\.zst)?$")

Documents = list[npt.NDArray[np.int64]]


def ablate(
    a: Annotated[Path, typer.Argument(help="Corpus A: folder of shards, or a run folder.")],
    b: Annotated[Path, typer.Argument(help="Corpus B, with the tokenizer of A.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the ablation; the same command resumes it.")
    ],
    neutral: Annotated[
        list[str] | None,
        typer.Option(
            "--neutral",
            help="Held-out text of neither: .txt, JSONL or Parquet with a column text, or a folder "
            "of shards. Repeatable.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Models of each corpus.")] = 3,
    subsets: Annotated[
        int, typer.Option("--subsets", min=1, help="Disjoint parts of each corpus.")
    ] = 1,
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", min=1, help="Unique tokens. [default: the smaller corpus]"),
    ] = None,
    documents: Annotated[
        int, typer.Option("--documents", min=0, help="Documents of a held-out set; 0 = all.")
    ] = 400,
    preset: Annotated[str, typer.Option("--preset", help="tiny, d8, gpt2-small …")] = "tiny",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting of the training. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train small models on two corpora, on equal terms, and say which corpus is better.

    Same tokenizer, initial weights, order, steps and number of unique tokens; judged by bits per
    byte of documents that neither corpus has trained on. Give `--neutral` text: each corpus's own
    held-out documents favour it.

    **Examples**

        gristmill ablate raw curated --neutral lambada.jsonl --out ablation

        gristmill ablate raw curated --neutral novel.txt.gz --seeds 5 --set steps=800 --out ablation
    """
    need_torch()
    from gristmill.train_smoke import ablate as work
    from gristmill.train_smoke.ablate_result import OWN_ONLY, report
    from gristmill.train_smoke.presets import preset as find_preset

    def log(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    pairs = dict(setting.partition("=")[::2] for setting in settings or [])
    config = find_preset(preset).with_overrides(_QUIET).with_overrides(pairs)
    asked = work.Ablation(
        config=config, seeds=seeds, subsets=subsets, tokens=tokens, documents=documents
    )
    folders = find_shards(a), find_shards(b)
    titles = _titles(neutral or [])
    texts = {t: read_neutral(n, ShardSet(folders[0])) for n, t in titles.items()}
    if not texts:
        log(f"WARNING: {OWN_ONLY}")
    result = work.ablate(asked, folders, out, names=_names(a, b), neutral=texts, log=log)
    if as_json:
        print(result.to_json(), end="")
    else:
        print(f"{report(result)}\nplot: {out / 'ablation.svg'}")


#: An ablation evaluates at the end, by itself; what a training would say on the way only costs.
_QUIET = {
    "eval_every": "1000000000",
    "eval_windows": "8",
    "final_windows": "8",
    "eval_documents": "1",
    "final_documents": "1",
    "sample_every": "0",
    "sample_tokens": "0",
    "log_every": "100",
    "keep": "1",
}


def _names(a: Path, b: Path) -> tuple[str, str]:
    """Return the names of the folders; more of their paths where these are the same."""
    first, second = (
        path.resolve().parent if path.resolve().name == "shards" else path.resolve()
        for path in (a, b)
    )
    if first.name != second.name:
        return first.name, second.name
    return str(a), str(b)


def _titles(paths: Sequence[str]) -> dict[str, str]:
    """Name each path by its last part, or in full where two of them are the same."""
    last = {path: Path(path).name for path in paths}
    names = list(last.values())
    return {path: name if names.count(name) == 1 else path for path, name in last.items()}


def read_neutral(name: str, corpus: ShardSet) -> Documents:
    """Read held-out text and encode it with the tokenizer of a corpus.

    Args:
        name: a file of plain text, cut at blank lines into passages of 2,000 bytes or more; JSONL
            or Parquet with a column ``text``; or a folder of shards, whose val is taken, or its
            train where there is none.
        corpus: whose tokenizer encodes.

    Raises:
        ConfigError: no such file, no text, or shards of another tokenizer.
    """
    path = Path(name)
    if path.is_dir():
        return _from_shards(find_shards(path), corpus)
    texts = list(_passages(name) if _PLAIN.search(name) else read_texts([name]))
    if not texts:
        raise ConfigError(f"{name}: no text in it; name a file with documents")
    eot = corpus.vocabulary.decode([corpus.eot])
    encoder = load_encoder(corpus.tokenizer_path, eot)
    return [np.asarray(ids, dtype=np.int64) for ids in encoder.encode(texts)]


def _from_shards(folder: Path, corpus: ShardSet) -> Documents:
    shards = ShardSet(folder)
    shards.verify(hashes=True)
    if sha256(shards.tokenizer_path) != sha256(corpus.tokenizer_path):
        raise ConfigError(
            f"{folder}: made with another tokenizer than {corpus.folder}; give the text itself"
        )
    split = "val" if shards.of("val") else "train"
    return [np.asarray(document, dtype=np.int64) for document in shards.documents(split)]


def _passages(name: str) -> Iterator[str]:
    """Cut plain text at blank lines, or at any where there are none for long."""
    lines = (
        (number, line[at : at + _LONGEST])
        for number, line in _lines(name)
        for at in range(0, max(1, len(line)), _LONGEST)
    )
    passage: list[str] = []
    size, last = 0, -1
    for number, line in lines:
        if size >= _LONGEST or (size >= _PASSAGE and number > last + 1):
            yield "".join(passage)
            passage, size = [], 0
        passage += ["\n"] * (number > last + 1 and bool(passage)) + [line]
        size += len(line.encode())
        last = number
    if passage:
        yield "".join(passage)


def _lines(name: str) -> Sequence[tuple[int, str]]:
    try:
        return [(n, line.decode("utf-8", "replace")) for n, line in read_lines(name)]
    except ShardError as error:
        raise ConfigError(f"{error}; check the path") from error
