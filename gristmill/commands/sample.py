"""``sample``: what a model writes. It simulates texts, and is no assistant."""

import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gristmill.commands.loaded import CheckpointPath, Device, Loaded
from gristmill.commands.options import AsJson
from gristmill.commands.sample_view import bars, harmless
from gristmill.errors import ConfigError

if TYPE_CHECKING:
    from gristmill.train_smoke.constrain import Constraint
    from gristmill.train_smoke.sample import Generation, Sampling

Write = Callable[[Sequence[str]], list[dict[str, Any]]]


def sample(
    checkpoint: CheckpointPath,
    prompt: Annotated[str, typer.Argument(help="Text to continue.")] = "",
    prompts: Annotated[
        str,
        typer.Option(
            "--prompts",
            help="File of prompts with a line --- between them; or continuation, few-shot, list, "
            "conversation.",
        ),
    ] = "",
    n: Annotated[int, typer.Option("--n", min=1, help="Continuations of each prompt.")] = 1,
    best_of: Annotated[
        int, typer.Option("--best-of", min=0, help="Write so many, show the likeliest; 0 = off.")
    ] = 0,
    by: Annotated[
        str, typer.Option("--by", help="Likeliest by mean log-probability a token, or total.")
    ] = "mean",
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1)] = 100,
    temperature: Annotated[float, typer.Option(help="0 = always the likeliest token.")] = 0.8,
    top_k: Annotated[int, typer.Option("--top-k", help="0 = off.")] = 50,
    top_p: Annotated[float, typer.Option("--top-p", help="1 = off.")] = 1.0,
    min_p: Annotated[float, typer.Option("--min-p", help="0 = off.")] = 0.0,
    stop: Annotated[list[str] | None, typer.Option("--stop", help="Text that ends it.")] = None,
    regex: Annotated[str, typer.Option("--regex", help="What the whole text must match.")] = "",
    json_schema: Annotated[
        Path | None, typer.Option("--json-schema", help="File: the text is JSON that obeys it.")
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=0, help="Show the likeliest next tokens instead.")
    ] = 0,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Continue line by line; Ctrl-D leaves.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Same seed, same text.")] = 1,
    device: Device = "auto",
    as_json: AsJson = False,
) -> None:
    """Continue prompts with a trained model.

    A base model simulates texts such as it was trained on. It is no assistant and takes no orders:
    write the beginning of a text whose continuation is what you want. `--prompts` names examples.

    **Examples**

        gristmill sample model "The old mill"

        gristmill sample model --prompts few-shot --best-of 8 --max-tokens 10

        gristmill sample model "Bags of rye: " --regex "[0-9]{1,3}" --json

        gristmill sample model "The old" --top 10
    """
    _check(prompt, prompts, n, best_of, by, regex, json_schema, top, interactive)
    loaded = Loaded(checkpoint, device)
    from gristmill.train_smoke.prompt_files import read_prompts
    from gristmill.train_smoke.sample import Sampling

    texts = read_prompts(prompts) if prompts else [prompt]
    if top:
        _show_next(loaded, texts, top, as_json=as_json)
        return
    how = Sampling(
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        max_tokens=max_tokens,
        stop_ids=(loaded.eot,),
        stop_strings=tuple(stop or ()),
        seed=seed,
    )
    constraint = _constraint(loaded, regex, json_schema)
    best: Literal["mean", "total"] | None = None
    if best_of:
        best = "total" if by == "total" else "mean"

    def write(some: Sequence[str]) -> list[dict[str, Any]]:
        return continue_prompts(loaded, some, how, best_of or n, constraint=constraint, best=best)

    if interactive:
        _talk(write, as_json=as_json)
    elif as_json:
        print(json.dumps(write(texts), indent=1, ensure_ascii=False))
    else:
        _print(write(texts))


def continue_prompts(
    loaded: Loaded,
    prompts: Sequence[str],
    how: "Sampling",
    n: int = 1,
    *,
    constraint: "Constraint | None" = None,
    best: Literal["mean", "total"] | None = None,
) -> list[dict[str, Any]]:
    """Return ``n`` continuations of each prompt, or the best of them.

    Each has ``prompt``, ``text``, ``finish``, ``total_logprob``, ``mean_logprob`` and ``tokens``
    with id, text, probability and its logarithm.
    """
    from gristmill.train_smoke.sample import best_of, generate_batch, text_of

    vocabulary = loaded.vocabulary

    def row(prompt: str, one: "Generation") -> dict[str, Any]:
        total = sum(one.logprobs)
        return {
            "prompt": prompt,
            "text": text_of(one, how, vocabulary),
            "finish": one.finish,
            "total_logprob": total,
            "mean_logprob": total / len(one.ids),
            "tokens": [
                {"id": i, "text": vocabulary.decode([i]), "prob": math.exp(p), "logprob": p}
                for i, p in zip(one.ids, one.logprobs, strict=True)
            ],
        }

    ids = [loaded.prompt(prompt) for prompt in prompts]
    written = generate_batch(
        loaded.model, ids, how, n=n, vocabulary=vocabulary, constraint=constraint
    )
    return [
        row(prompt, one)
        for prompt, several in zip(prompts, written, strict=True)
        for one in ([best_of(several, best)] if best else several)
    ]


def _check(
    prompt: str,
    prompts: str,
    n: int,
    best_of: int,
    by: str,
    regex: str,
    json_schema: Path | None,
    top: int,
    interactive: bool,
) -> None:
    for wrong, remedy in (
        (by not in ("mean", "total"), f"--by {by}: use mean or total"),
        (bool(best_of) and n > 1, "--best-of shows one text; leave out --n"),
        (bool(regex) and json_schema is not None, "give --regex or --json-schema, not both"),
        (bool(prompt) and bool(prompts), "give a prompt or --prompts, not both"),
        (interactive and bool(prompt or prompts), "--interactive reads prompts; leave out others"),
        (interactive and bool(top), "give --interactive or --top, not both"),
    ):
        if wrong:
            raise ConfigError(remedy)


def _constraint(loaded: Loaded, regex: str, json_schema: Path | None) -> "Constraint | None":
    from gristmill.train_smoke.constrain import by_regex, by_schema

    if regex:
        return by_regex(regex, loaded.vocabulary, loaded.eot)
    if json_schema is None:
        return None
    try:
        text = json_schema.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{json_schema}: cannot be read ({error}); check the path") from error
    return by_schema(text, loaded.vocabulary, loaded.eot)


def _print(written: list[dict[str, Any]]) -> None:
    for number, one in enumerate(written, 1):
        if len(written) > 1:
            print(f"--- {number}")
        print(harmless(one["prompt"] + one["text"]))


def _talk(write: Write, *, as_json: bool) -> None:
    """Continue each line of stdin on its own; what came before is not part of the prompt."""
    shown = sys.stdin.isatty()
    while True:
        if shown:
            print("prompt> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            break
        if not (prompt := line.removesuffix("\n")):
            continue
        written = write([prompt])
        if as_json:
            print(*(json.dumps(one, ensure_ascii=False) for one in written), sep="\n", flush=True)
        else:
            _print(written)
            sys.stdout.flush()
    if shown:
        print(file=sys.stderr)


def _show_next(loaded: Loaded, prompts: Sequence[str], top: int, *, as_json: bool) -> None:
    from gristmill.train_smoke.sample import next_tokens

    found = []
    for prompt in prompts:
        likely = next_tokens(loaded.model, loaded.prompt(prompt), top)
        tokens = [
            {"id": i, "text": loaded.vocabulary.decode([i]), "prob": p, "logprob": math.log(p)}
            for i, p in likely
            if p > 0
        ]
        found.append({"prompt": prompt, "next": tokens})
        if not as_json:
            raw = [(loaded.vocabulary.token_bytes[i], p) for i, p in likely]
            print(harmless(prompt) + "…", *bars(raw), sep="\n")
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
