"""``classifier train`` and ``classifier test``: a quality classifier from two sets of texts."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gristmill.commands.options import AsJson
from gristmill.errors import ConfigError
from gristmill.filters import hashed_ngrams
from gristmill.filters.classifier import scorer
from gristmill.filters.evaluate import Evaluation, evaluate
from gristmill.pipeline.durable import write_durably
from gristmill.pipeline.source import read_texts

Good = Annotated[
    list[str], typer.Option("--good", help="Texts to be kept: Parquet or JSONL. Repeatable.")
]
Bad = Annotated[
    list[str], typer.Option("--bad", help="Texts to be dropped: Parquet or JSONL. Repeatable.")
]
Threshold = Annotated[
    float,
    typer.Option("--threshold", min=0, max=1, help="Texts that score so much are kept."),
]

classifier = typer.Typer(help="Train and test quality classifiers.", no_args_is_help=True)


@classifier.command()
def train(
    good: Good,
    bad: Bad,
    out: Annotated[Path, typer.Option("--out", help="The model file to write.")],
    held_out: Annotated[
        float,
        typer.Option("--held-out", min=0, max=0.9, help="Share of texts kept back for the test."),
    ] = 0.1,
    bits: Annotated[
        int, typer.Option("--bits", min=8, max=28, help="2^bits weights, 4 bytes each.")
    ] = 20,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the texts.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Train a classifier; test it on the texts kept back. The same texts give the same bytes.

    Use it in a recipe as `classifier: {model: quality.bin, threshold: 0.5}`.

    **Example**

        gristmill classifier train --good good.jsonl.gz --bad bad.jsonl.gz --out quality.bin
    """
    if not out.parent.is_dir():
        raise ConfigError(f"{out}: there is no folder {out.parent}; make it first")
    try:
        model = hashed_ngrams.train(
            read_texts(good), read_texts(bad), bits=bits, epochs=epochs, held_out=held_out
        )
    except ValueError as error:
        raise ConfigError(f"classifier train: {error}; name more files") from None
    write_durably(out, model.to_bytes())
    if not as_json:
        docs = ", ".join(f"{n:,} {name}" for name, n in model.docs.items())
        Console().print(f"{out}: trained on {docs}", highlight=False, soft_wrap=True, markup=False)
    found = None
    if held_out:
        try:
            found = _measured(out, good, bad, held_out=held_out)
        except ValueError as error:  # the model is made and good: no error of the command
            print(f"not tested: {error}; with more texts it would be", file=sys.stderr)
    if as_json:
        print(json.dumps(found.to_dict() if found else {"docs": model.docs}, indent=1))
    elif found:
        Console().print(_table(found))


@classifier.command("test")
def measure(
    model: Annotated[Path, typer.Argument(help="A model of `train`, or a fastText classifier.")],
    good: Good,
    bad: Bad,
    label: Annotated[str, typer.Option("--label", help="The label of the good set.")] = "hq",
    threshold: Threshold = 0.5,
    held_out: Annotated[
        float,
        typer.Option("--held-out", min=0, max=0.9, help="Only texts that training kept back so."),
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Measure precision, recall and AUC of a classifier on two sets of texts.

    On the files it was trained on, give the same `--held-out`, or the figures are too good.

    **Example**

        gristmill classifier test quality.bin --good good2.jsonl --bad bad2.jsonl --threshold 0.4
    """
    try:
        found = _measured(model, good, bad, label, threshold, held_out)
    except ValueError as error:
        raise ConfigError(
            f"classifier test: {error}; name more files, or another --held-out"
        ) from None
    if as_json:
        print(json.dumps(found.to_dict(), indent=1))
    else:
        Console().print(_table(found))


def _measured(
    model: Path,
    good: list[str],
    bad: list[str],
    label: str = "hq",
    threshold: float = 0.5,
    held_out: float = 0.0,
) -> Evaluation:
    """Score two sets of texts. Raises ValueError where a set has none."""
    score = scorer(str(model), None, label)
    scores = [[score(text) for text in _kept_back(files, held_out)] for files in (good, bad)]
    return evaluate(scores[0], scores[1], threshold)


def _kept_back(files: list[str], held_out: float) -> Iterator[str]:
    return (
        text
        for text in read_texts(files)
        if not held_out or hashed_ngrams.is_held_out(text, held_out)
    )


def _table(found: Evaluation) -> Table:
    table = Table("good", "bad", "AUC", "threshold", "precision", "recall", "bad kept")
    precision = "none kept" if found.precision is None else f"{found.precision:.3f}"
    table.add_row(
        f"{found.good:,}",
        f"{found.bad:,}",
        f"{found.auc:.3f}",
        f"{found.threshold:g}",
        precision,
        f"{found.recall:.3f}",
        f"{found.kept_bad:.3f}",
    )
    return table
