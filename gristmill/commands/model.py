"""``train`` and ``sample``: the model side. torch is imported only when one of them runs."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gristmill.commands.options import AsJson, Out
from gristmill.errors import ConfigError
from gristmill.tokenize.encode import load_encoder

if TYPE_CHECKING:
    from gristmill.train_smoke.checkpoint import Checkpoint
    from gristmill.train_smoke.result import TrainResult


def train(
    shards: Annotated[Path, typer.Argument(help="Folder with shards.json, or a run folder.")],
    out: Out,
    preset: Annotated[str, typer.Option("--preset", help="tiny, d8, gpt2-small …")] = "tiny",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a setting, e.g. steps=200, device=cuda. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a small GPT on token shards, validate it, and draw its loss curve.

    Interrupted, the same command goes on from the last checkpoint.

    **Examples**

        gristmill train out/shards --out model

        gristmill train out --out model --preset d8 --set steps=500 --set device=cuda
    """
    result = train_model(shards, out, preset, settings or [], quiet=as_json)
    if as_json:
        print(result.to_json(), end="")
    else:
        print_result(result, out)


def train_model(
    shards: Path, out: Path, preset: str, settings: list[str], *, quiet: bool = False
) -> "TrainResult":
    """Train by preset and ``key=value`` settings; draw the curve; what ``demo`` shares."""
    need_torch()
    from gristmill.train_smoke import plot, presets
    from gristmill.train_smoke.train import train as train_gpt

    pairs = dict(setting.partition("=")[::2] for setting in settings)
    chosen = presets.preset(preset).with_overrides(pairs)
    result = train_gpt(
        chosen,
        find_shards(shards),
        out,
        log=lambda line: print(line, file=sys.stderr if quiet else sys.stdout, flush=True),
    )
    baselines = {"uniform": result.uniform, "unigram": result.unigram}
    curve = plot.loss_curve(plot.read_log(out / "train.jsonl"), baselines=baselines)
    (out / "loss.svg").write_text(curve, "utf-8")
    return result


def print_result(result: "TrainResult", out: Path) -> None:
    """Print how a run ended, beside what knows nothing or only frequencies."""
    print(
        f"validation loss {result.val:.3f} nats a token, {result.bpb:.3f} bits a byte\n"
        f"  beside: unigram {result.unigram:.3f}, uniform {result.uniform:.3f}\n"
        f"model: {result.checkpoint}\nloss curve: {out / 'loss.svg'}"
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


def sample(
    checkpoint: Annotated[Path, typer.Argument(help="Folder that `gristmill train` wrote.")],
    prompt: Annotated[str, typer.Argument(help="Text to continue.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="Continuations.")] = 1,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1)] = 100,
    temperature: Annotated[float, typer.Option(help="0 = always the likeliest token.")] = 0.8,
    top_k: Annotated[int, typer.Option("--top-k", help="0 = off.")] = 50,
    top_p: Annotated[float, typer.Option("--top-p", help="1 = off.")] = 1.0,
    min_p: Annotated[float, typer.Option("--min-p", help="0 = off.")] = 0.0,
    stop: Annotated[list[str] | None, typer.Option("--stop", help="Text that ends it.")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same text.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Continue a prompt with a trained model. It is a simulator of its corpus, no assistant.

    **Examples**

        gristmill sample model "The old mill"

        gristmill sample model "The old mill" --n 3 --temperature 1 --top-p 0.95 --json
    """
    need_torch()
    from gristmill.train_smoke.checkpoint import load
    from gristmill.train_smoke.sample import Sampling

    saved = load(checkpoint)
    eot = int(saved.state["eot"])
    how = Sampling(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        max_tokens=max_tokens,
        stop_ids=(eot,),
        stop_strings=tuple(stop or ()),
        seed=seed,
    )
    written = continue_prompt(saved, prompt, how, n)
    if as_json:
        print(json.dumps(written, indent=1, ensure_ascii=False))
        return
    for i, one in enumerate(written):
        if n > 1:
            print(f"--- {i + 1}")
        print(f"{prompt}{one['text']}")


def continue_prompt(saved: "Checkpoint", prompt: str, how: Any, n: int) -> list[dict[str, Any]]:
    """Return ``n`` continuations with text, ids and log-probabilities."""
    from gristmill.train_smoke.sample import generate, text_of

    vocabulary = saved.vocabulary()
    eot = int(saved.state["eot"])
    encoder = load_encoder(saved.path / "tokenizer.json", vocabulary.decode([eot]))
    ids = [eot, *encoder.encode([prompt])[0].tolist()]
    return [
        {
            "text": text_of(one, how, vocabulary),
            "finish": one.finish,
            "tokens": [
                {"id": i, "text": vocabulary.decode([i]), "logprob": p}
                for i, p in zip(one.ids, one.logprobs, strict=True)
            ],
        }
        for one in generate(saved.model(), ids, how, n=n, vocabulary=vocabulary)
    ]
