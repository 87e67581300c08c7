"""``train``: a small GPT from token shards. torch is imported only when it runs."""

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gristmill.commands.options import AsJson, Out
from gristmill.errors import ConfigError

if TYPE_CHECKING:
    from gristmill.train_smoke.config import TrainConfig
    from gristmill.train_smoke.result import TrainResult


def train(
    shards: Annotated[Path, typer.Argument(help="Folder with shards.json, or a run folder.")],
    out: Out,
    preset: Annotated[
        str, typer.Option("--preset", help="tiny, d8, llama-d8, gpt2-small to gpt2-xl …")
    ] = "tiny",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting, e.g. steps=200, device=cuda. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a small GPT on token shards, validate it, and show it on a page (`run.html`).

    Interrupted, the same command goes on from the last checkpoint.

    **Examples**

        gristmill train out/shards --out model

        gristmill train out --out model --preset d8 --set steps=500 --set device=cuda

        torchrun --nproc-per-node 8 -m gristmill train out --out model --preset gpt2-small
    """
    result = train_model(shards, out, preset, settings or [], quiet=as_json)
    if not is_first():
        return
    if as_json:
        print(result.to_json(), end="")
    else:
        print_result(result, out)


def train_model(
    shards: Path, out: Path, preset: str, settings: list[str], *, quiet: bool = False
) -> "TrainResult":
    """Train by preset and ``key=value`` settings; draw the curve; what ``demo`` shares."""
    need_torch()
    from gristmill.train_smoke import presets
    from gristmill.train_smoke.train import train as train_gpt

    pairs = dict(setting.partition("=")[::2] for setting in settings)
    chosen = presets.preset(preset).with_overrides(pairs)
    result = train_gpt(
        chosen,
        find_shards(shards),
        out,
        log=lambda line: print(line, file=sys.stderr if quiet else sys.stdout, flush=True),
    )
    if is_first():
        _draw(result, chosen, out)
    return result


def is_first() -> bool:
    """Tell whether this process writes and speaks; of ``torchrun``'s, only one does."""
    from gristmill.train_smoke.distributed import world_from_environment

    return world_from_environment().first


def _draw(result: "TrainResult", chosen: "TrainConfig", out: Path) -> None:
    from gristmill.train_smoke import plot
    from gristmill.train_smoke.run_page import run_page

    records = plot.read_log(out / "train.jsonl")
    baselines = {"uniform": result.uniform, "unigram": result.unigram}
    curve = plot.loss_curve(records, baselines=baselines)
    (out / "loss.svg").write_text(curve, "utf-8")
    page = run_page(result, chosen, records, curve, title=out.resolve().name)
    (out / "run.html").write_text(page, "utf-8")


def print_result(result: "TrainResult", out: Path) -> None:
    """Print how a run ended, beside what knows nothing or only frequencies."""
    print(
        f"validation loss {result.val:.3f} nats a token, {result.bpb:.3f} bits a byte\n"
        f"  beside: unigram {result.unigram:.3f}, uniform {result.uniform:.3f}\n"
        f"model: {result.checkpoint}\nloss curve: {out / 'loss.svg'}\npage: {out / 'run.html'}"
    )


def find_shards(folder: Path) -> Path:
    """Return the folder with ``shards.json``: this one, or ``shards`` inside a run folder."""
    for candidate in (folder, folder / "shards"):
        if (candidate / "shards.json").is_file():
            return candidate
    raise ConfigError(
        f"{folder}: no shards.json here; name a folder that `gristmill run` wrote with a recipe "
        "that has blocks `tokenizer` and `shards`"
    )


def need_torch() -> None:
    """Raise ConfigError with the remedy where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise ConfigError("this needs PyTorch: pip install 'gristmill[train]'")
