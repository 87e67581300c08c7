"""``memorise``: how much training text a model regurgitates, by the number of copies."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from gristmill.commands.loaded import CheckpointPath, Device, Loaded
from gristmill.commands.options import AsJson
from gristmill.tokenize.visible import plain


def memorise(
    checkpoint: CheckpointPath,
    shards: Annotated[
        Path, typer.Option("--shards", help="Folder with shards.json that it was trained on.")
    ],
    prefix: Annotated[int, typer.Option("--prefix", min=1, help="Tokens given.")] = 32,
    length: Annotated[int, typer.Option("--length", min=1, help="Tokens that must follow.")] = 32,
    per_group: Annotated[
        int, typer.Option("--per-group", min=1, help="Most documents of a group to try.")
    ] = 200,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Measure how much training text the model repeats word for word.

    Gives the beginnings of training documents and counts exact greedy continuations, by how often
    a document occurs in train; held-out documents are the control. Copies are what deduplication
    removes.

    **Example**

        gristmill memorise model --shards out/shards --prefix 32 --length 32
    """
    loaded = Loaded(checkpoint, device)
    corpus = loaded.shards(shards)
    from gristmill.train_smoke.device import autocast
    from gristmill.train_smoke.memorise import memorised

    with autocast(loaded.device, loaded.saved.config.precision):
        found = memorised(loaded.model, corpus, prefix=prefix, length=length, per_group=per_group)
    seen = loaded.saved.step * loaded.saved.config.batch_tokens
    result = {
        "checkpoint": str(loaded.saved.path),
        "step": loaded.saved.step,
        "trained_on_these_shards": loaded.saved.state["manifest_sha256"] == corpus.manifest_sha256,
        "epochs": seen / max(1, corpus.tokens("train")),
        "prefix": prefix,
        "length": length,
        **dataclasses.asdict(found),
    }
    if as_json:
        print(json.dumps(result, indent=1))
    else:
        _print(result)


def _print(result: dict[str, Any]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("copies", no_wrap=True)
    for name in ("texts", "tested", "exact", "rate", "95 %", "tokens right"):
        table.add_column(name, justify="right", no_wrap=True)
    for group in (*result["groups"], result["control"]):
        table.add_row(*_cells(group))
    _say(
        f"{result['checkpoint']}, step {result['step']:,}, {result['epochs']:.1f} epochs: "
        f"{result['prefix']} tokens given, the next {result['length']} word for word"
    )
    if not result["trained_on_these_shards"]:
        _say("note: trained on other shards than these")
    Console().print(table)


def _cells(group: dict[str, Any]) -> list[str]:
    name = "none (val)" if group["copies"] == "val" else group["copies"].replace("-", "–")
    counts = [f"{group[key]:,}" for key in ("texts", "tested", "exact")]
    if group["rate"] is None:
        return [name, *counts]
    interval = f"{group['low']:.1%} – {group['high']:.1%}"
    return [name, *counts, f"{group['rate']:.1%}", interval, f"{group['matched_tokens']:.1f}"]


def _say(text: str) -> None:
    print(plain(text, " "))
