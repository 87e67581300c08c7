"""Training: tokens a second, MFU, memory, and the loss after equal tokens, ours beside others'.

Contenders are settings of one trainer, so that what differs is the recipe: ``modern`` (ours: RoPE,
RMSNorm, QK-norm, squared ReLU, Muon), ``modern-adamw`` (the same network, AdamW) and ``nanogpt``
(GPT-2 124M with nanoGPT's AdamW and cosine schedule; warm-up scaled to the run). They are not
nanoGPT's or modded-nanogpt's own programs.

Each run is a process of its own on the same shards: 12 layers of 768, 1,024 tokens of context,
524,288 a step. Systems take turns, ``--repeat`` times, each with another seed. Speed is the median
of the log lines after the first ``--skip`` steps; loss is that of the whole val split at the end.
Printed are medians, with the lowest and the highest.

Without a CUDA device it says so and does nothing, but for ``--small``, which is for trying it out.

    python benchmarks/train.py --shards out/shards --steps 250 --json train.json
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import torch
from checkout import ROOT, commit, machine
from dedup_runs import environment
from rich.console import Console
from rich.table import Table

from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.presets import preset

_FIGURES = (("tokens_per_second", "tok/s"), ("mfu", "MFU"), ("gib", "GiB"), ("val", "val loss"))


def contenders(steps: int, small: bool) -> dict[str, TrainConfig]:
    """Return the settings of each system."""
    ours = dataclasses.replace(preset("gpt2s-modern"), steps=steps, sample_tokens=0)
    gpt2 = dataclasses.replace(preset("gpt2-small"), steps=steps, sample_tokens=0)
    found = {
        "modern": ours,
        "modern-adamw": dataclasses.replace(
            ours, optimizer="adamw", matrix_lr=2e-3, beta1=0.9, warmup_steps=max(1, steps // 25)
        ),
        "nanogpt": dataclasses.replace(gpt2, warmup_steps=max(1, steps // 25), min_lr=0.1),
    }
    shape = {"layers": 2, "width": 64, "heads": 2, "context": 64, "batch_tokens": 1024}
    smaller = {**shape, "micro_batch": 0, "compile": False} if small else {}
    return {
        name: dataclasses.replace(
            config, **smaller, log_every=1 if small else 5, eval_every=steps, save_every=steps
        )
        for name, config in found.items()
    }


def main() -> int:
    args = _parser().parse_args()
    if not torch.cuda.is_available() and not args.small:
        print("not run: no CUDA device here (--small tries the script out on a CPU)")
        return 0
    systems = contenders(args.steps, args.small)
    runs: dict[str, list[dict]] = {name: [] for name in systems}
    with tempfile.TemporaryDirectory(prefix="gristmill-train-", dir=args.work) as work:
        for turn in range(args.repeat):
            for name, config in systems.items():
                seeded = dataclasses.replace(config, seed=1 + turn)
                runs[name].append(
                    _run(seeded, args.shards, Path(work) / f"{name}-{turn}", args.skip)
                )
                print(f"turn {turn + 1}: {name}: {runs[name][-1]}", file=sys.stderr, flush=True)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    about = {"device": device, "torch": torch.__version__, "machine": machine(), "commit": commit()}
    result = about | {"steps": args.steps, "small": args.small, "runs": runs}
    _show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def _run(config: TrainConfig, shards: Path, out: Path, skip: int) -> dict[str, float | None]:
    words = [sys.executable, "-m", "gristmill", "train", str(shards), "--out", str(out), "--json"]
    for name, value in dataclasses.asdict(config).items():
        words += ["--set", f"{name}={value}"]
    done = subprocess.run(
        words,
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}\n{done.stderr[-3000:]}")
    lines = [json.loads(line) for line in (out / "train.jsonl").read_text().splitlines()]
    steady = [line for line in lines if line.get("step", 0) > skip and "loss" in line]
    if not steady:
        raise SystemExit(f"no log line after step {skip}; more --steps, or a smaller --skip")
    result = json.loads((out / "result.json").read_text())
    mfu = [line["mfu"] for line in steady if line["mfu"] is not None]
    return {
        "tokens_per_second": median(line["tokens_per_second"] for line in steady),
        "mfu": median(mfu) if mfu else None,
        "gib": max(line["gib"] for line in lines if "gib" in line),
        "val": result["val"],
        "bpb": result["bpb"],
        "tokens": result["tokens"],
        "seconds": result["seconds"],
    }


def _show(result: dict) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table("system", title=f"{result['steps']} steps, {result['device']}")
    for _, head in _FIGURES:
        table.add_column(head, justify="right")
    for name, runs in result["runs"].items():
        table.add_row(name, *(_cell(key, [run[key] for run in runs]) for key, _ in _FIGURES))
    console.print(table)
    for line in (
        f"{next(iter(result['runs'].values()))[0]['tokens']:,} tokens each",
        f"torch {result['torch']}; {result['machine']}; commit {result['commit']}",
    ):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def _cell(key: str, values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "n/a"
    form = {"tokens_per_second": "{:,.0f}", "mfu": "{:.1%}", "gib": "{:.1f}", "val": "{:.4f}"}[key]
    low, mid, high = (form.format(f(known)) for f in (min, median, max))
    return mid if low == high else f"{mid} ({low} to {high})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=Path, required=True, help="folder with shards.json")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--skip", type=int, default=15, help="steps before speed counts")
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="a network for a CPU")
    parser.add_argument("--work", type=Path, help="where the temporary folder goes")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
