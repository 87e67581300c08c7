"""``eval``: held-out loss, bits per byte, and multiple-choice sets from local files."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gristmill.commands.loaded import CheckpointPath, Device, Loaded
from gristmill.commands.options import AsJson
from gristmill.console import stderr
from gristmill.errors import ConfigError
from gristmill.tokenize.visible import plain


def evaluate(
    checkpoint: CheckpointPath,
    shards: Annotated[
        Path | None, typer.Option("--shards", help="Folder with shards.json: score its split val.")
    ] = None,
    task: Annotated[
        list[Path] | None,
        typer.Option("--task", help="Multiple-choice set, .jsonl or .jsonl.gz. Repeatable."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "--limit", min=0, help="First items of a set, spread documents of shards; 0 = all."
        ),
    ] = 0,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Score a model: bits per byte of held-out documents, accuracy on multiple-choice sets.

    Small models answer near chance: read `gold bpb` there, the bits per byte of the right ending.
    A set that is missing is skipped and said to be.

    **Examples**

        gristmill eval model --shards out/shards

        gristmill eval model --task hellaswag_val.jsonl.gz --task piqa.jsonl.gz --limit 500 --json
    """
    if shards is None and not task:
        raise ConfigError("nothing to evaluate on; give --shards DIR or --task FILE.jsonl")
    loaded = Loaded(checkpoint, device)
    found = {
        "checkpoint": str(loaded.saved.path),
        "step": loaded.saved.step,
        "shards": None if shards is None else _held_out(loaded, shards, limit),
        "tasks": [_task(loaded, path, limit) for path in task or []],
    }
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        _print(found)


def _held_out(loaded: Loaded, folder: Path, limit: int) -> dict[str, Any]:
    from gristmill.train_smoke.device import autocast
    from gristmill.train_smoke.evals import bits_per_byte, unigram_loss

    corpus = loaded.shards(folder)
    with autocast(loaded.device, loaded.saved.config.precision):
        scored = bits_per_byte(loaded.model, corpus, count=limit)
    return {
        "folder": str(corpus.folder),
        "loss": scored.loss,
        **dataclasses.asdict(scored),
        "unigram_loss": unigram_loss(corpus),
    }


def _task(loaded: Loaded, path: Path, limit: int) -> dict[str, Any]:
    from gristmill.train_smoke.choices import read_items
    from gristmill.train_smoke.device import autocast
    from gristmill.train_smoke.multiple_choice import score_items

    name = {"task": path.name.removesuffix(".gz").removesuffix(".jsonl"), "file": str(path)}
    if not path.exists():
        why = "no such file"
        stderr().print(f"warning: {path}: skipped, {why}", highlight=False, markup=False)
        return {**name, "skipped": why}
    items = read_items(path, limit)
    with autocast(loaded.device, loaded.saved.config.precision):
        scored = score_items(loaded.model, items, loaded.encode)
    return {**name, **dataclasses.asdict(scored)}


def _print(found: dict[str, Any]) -> None:
    _say(f"{found['checkpoint']}, step {found['step']:,}")
    if (held := found["shards"]) is not None:
        _say(
            f"{held['folder']}: {held['bits_per_byte']:.4f} bits a byte, {held['loss']:.4f} nats a "
            f"token over {held['documents']:,} whole documents, {held['tokens']:,} tokens, "
            f"{held['bytes']:,} bytes (unigram {held['unigram_loss']:.4f})"
        )
    if scored := [task for task in found["tasks"] if "skipped" not in task]:
        Console().print(_table(scored))


def _table(tasks: list[dict[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("task", overflow="fold")
    for name in ("items", "chance", "acc", "acc/token", "acc/char", "gold bpb"):
        table.add_column(name, justify="right", no_wrap=True)
    for task in tasks:
        shares = [_share(task[key]) for key in ("acc", "acc_norm_token", "acc_norm_char")]
        table.add_row(
            escape(task["task"]),
            f"{task['items']:,}",
            f"{task['chance']:.1%}",
            *shares,
            f"{task['gold_bits_per_byte']:.3f}",
        )
    return table


def _share(accuracy: dict[str, float | None]) -> str:
    error = accuracy["stderr"]
    return f"{accuracy['share']:.1%}" + (f"±{100 * error:.1f}" if error is not None else "")


def _say(text: str) -> None:
    print(plain(text, " "))
