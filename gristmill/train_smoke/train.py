"""The training loop.

A run's folder holds ``train.jsonl`` (the log), ``checkpoints/``, and at the end ``result.json``.
"""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from gristmill.errors import ConfigError, GristmillError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke import checkpoint, evals, optim, runlog
from gristmill.train_smoke.allocator import keep_freed_memory
from gristmill.train_smoke.config import FREE_ON_RESUME, TrainConfig
from gristmill.train_smoke.device import autocast, memory_gib, peak_flops, pick_device
from gristmill.train_smoke.loader import Loader, Windows
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.result import TrainResult
from gristmill.train_smoke.sample import Sampling, generate
from gristmill.train_smoke.schedule import lr_factor
from gristmill.train_smoke.stop import StopSignals

#: Held-out tokens below which a validation loss says little.
_FEW_TOKENS = 10_000


def train(
    config: TrainConfig,
    shards: Path,
    out: Path,
    *,
    resume: Literal["auto", "never"] = "auto",
    log: Callable[[str], None] = print,
) -> TrainResult:
    """Train a model on a folder of shards.

    The first SIGINT or SIGTERM is answered at the end of the step: a checkpoint is saved, then
    KeyboardInterrupt, or SystemExit(143) for SIGTERM, is raised. The same call goes on from there;
    on a CPU with the same number of threads the result is bit for bit that of an undisturbed run.

    Args:
        config: settings.
        shards: folder with ``shards.json``; verified before anything else.
        out: the run's folder.
        resume: ``auto`` goes on from the newest checkpoint in ``out``, if there is one; ``never``
            refuses a folder that has one.
        log: prints a line.

    Raises:
        ConfigError: settings, corpus or checkpoint do not fit together.
        CorruptError: damaged shards or checkpoint.
        GristmillError: the loss is not finite; earlier checkpoints stay.
    """
    corpus = ShardSet(shards)
    corpus.verify(hashes=True)
    run = _Run(config, corpus, out, log)
    found = checkpoint.latest(out)
    if found is not None and resume == "never":
        raise ConfigError(f"{out}: already has {found.name}; resume it, or choose another folder")
    if found is not None:
        run.restore(checkpoint.load(found))
    run.open_log()
    with StopSignals() as stop:
        while run.step < config.steps:
            run.advance()
            if stop.received is not None:
                run.save()
                log(
                    f"interrupted at step {run.step}/{config.steps}: checkpoint saved; run the "
                    "same command to go on"
                )
                stop.exit()
    return run.finish()


class _Run:
    """The parts of a run and where it is; lives as long as one call of ``train``."""

    def __init__(
        self, config: TrainConfig, corpus: ShardSet, out: Path, log: Callable[[str], None]
    ) -> None:
        self.config, self.corpus, self.out, self.log = config, corpus, out, log
        self.windows = Windows.of(corpus, "train", config.context, at_least=config.batch_windows)
        self.val = Windows.of(corpus, "val", config.context)
        self.loader = Loader(self.windows, config.seed)
        self.device = pick_device(config.device)
        if self.device.type == "cpu":
            keep_freed_memory()
        torch.manual_seed(config.seed)
        self.model = GPT(config, corpus.vocab_size, corpus.eot).to(self.device)
        self.forward = torch.compile(self.model) if config.compile else self.model
        self.optimizers = optim.build(self.model, config)
        self.peak = peak_flops(self.device)
        self.step = 0
        self.position = 0
        self.seconds = 0.0
        self.loss = math.nan
        self._last = (0, torch.zeros(()), torch.zeros(()))  # step, loss, gradient norm
        self.saved: Path | None = None
        self._since = (0, 0.0)  # step and seconds at the last log line

    def open_log(self) -> None:
        """Start the log, and say what is about to happen."""
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / "train.jsonl"
        self.lines = runlog.RunLog(path, after=self.step, steps=self.config.steps, log=self.log)
        targets = len(self.windows) * self.config.context
        epochs = self.config.steps * self.config.batch_tokens / targets
        self.log(
            f"{self.model.parameter_count():,} weights on {self.device} | {targets:,} tokens in "
            f"{len(self.windows):,} windows, {epochs:.1f} epochs | tail of "
            f"{self.windows.dropped} tokens fills no window and is left out"
        )
        held_out = self.corpus.tokens("val")
        if held_out < _FEW_TOKENS:
            self.log(
                f"note: only {held_out:,} tokens are held out, so the validation loss is noisy; "
                "write shards with a larger val_fraction"
            )
        if self.step:
            self.log(f"resumed after step {self.step}")

    def restore(self, saved: checkpoint.Checkpoint) -> None:
        """Go on from a checkpoint, if it belongs to this run."""
        if saved.state["manifest_sha256"] != self.corpus.manifest_sha256:
            raise ConfigError(
                f"{saved.path}: was trained on other shards than {self.corpus.folder}; use those, "
                "or another output folder"
            )
        mine, theirs = dataclasses.asdict(self.config), dataclasses.asdict(saved.config)
        for name in sorted(mine.keys() - FREE_ON_RESUME):
            if mine[name] != theirs[name]:
                raise ConfigError(
                    f"{saved.path}: has {name}={theirs[name]}, you ask for {mine[name]}; use the "
                    "same settings, or another output folder"
                )
        self.model.load_state_dict(saved.weights)
        for optimizer, state in zip(self.optimizers, saved.state["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        checkpoint.restore_rng(saved.state["rng"])
        self.step, self.position = saved.step, int(saved.state["position"])
        self.seconds, self.loss = float(saved.state["seconds"]), float(saved.state["loss"])
        self.saved = saved.path
        self._last = (self.step, torch.tensor(self.loss), torch.zeros(()))
        self._since = (self.step, self.seconds)

    def advance(self) -> None:
        """One optimizer step, and what falls due after it."""
        started = time.perf_counter()
        config = self.config
        factor = lr_factor(self.step, config)
        optim.set_lr(self.optimizers, factor)
        loss, norm = self._backward()
        due = {
            "log": self._due(config.log_every) or self.step == 0,
            "eval": self._due(config.eval_every),
            "save": self._due(config.save_every),
        }
        # Reading a number off a GPU waits for it, so there it is read only when something is due.
        self._last = (self.step + 1, loss, norm)
        if self.device.type == "cpu" or any(due.values()):
            self._check_finite()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.position += config.batch_windows
        self.seconds += time.perf_counter() - started
        if due["log"] or due["eval"]:
            self._report(factor, float(norm), validate=due["eval"])
        if config.sample_every and config.sample_tokens and self.step % config.sample_every == 0:
            self.lines.sample(self.step, self._sample())
        if due["save"]:
            self.save()

    def _due(self, every: int) -> bool:
        return (self.step + 1) % every == 0 or self.step + 1 == self.config.steps

    def _backward(self) -> tuple[Tensor, Tensor]:
        """Accumulate the gradient of one global batch; return its loss and gradient norm."""
        config = self.config
        size = config.micro_batch or config.batch_windows
        ids, targets = self.loader.batch(self.position, config.batch_windows)
        total = torch.zeros((), device=self.device)
        for some, wanted in zip(torch.split(ids, size), torch.split(targets, size), strict=True):
            with autocast(self.device, self.config.precision):
                loss = self.forward(some.to(self.device), wanted.to(self.device))
            loss = loss * (size / config.batch_windows)
            loss.backward()
            total += loss.detach()
        limit = config.grad_clip or math.inf
        return total, torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit)

    def _check_finite(self) -> None:
        """Read the last loss; raise before an update or a checkpoint could spread a bad one."""
        step, loss, gradient = self._last
        self.loss, norm = float(loss), float(gradient)
        if not (math.isfinite(self.loss) and math.isfinite(norm)):
            kept = f"{self.saved} is intact" if self.saved else "no checkpoint was saved yet"
            raise GristmillError(
                f"{self.out}: loss {self.loss}, gradient norm {norm} at step {step}; "
                f"lower matrix_lr, embed_lr and head_lr, or set grad_clip ({kept})"
            )

    def _report(self, factor: float, norm: float, *, validate: bool) -> None:
        config = self.config
        steps, seconds = self.step - self._since[0], self.seconds - self._since[1]
        self._since = (self.step, self.seconds)
        rate = steps * config.batch_tokens / max(seconds, 1e-9)
        record: dict[str, Any] = {
            "step": self.step,
            "loss": self.loss,
            "lr": config.matrix_lr * factor,
            "norm": norm,
            "tokens": self.step * config.batch_tokens,
            "tokens_per_second": rate,
            "mfu": rate * self.model.flops_per_token() / self.peak if self.peak else None,
            "gib": memory_gib(self.device),
            "seconds": self.seconds,
            "eta_seconds": (config.steps - self.step) * config.batch_tokens / rate,
        }
        if validate:
            val, bpb = self._evaluate(config.eval_windows, config.eval_documents)
            record |= {"val": val, "bpb": bpb}
        self.lines.record(record)

    def _evaluate(self, windows: int, documents: int) -> tuple[float, float]:
        self.model.eval()
        with autocast(self.device, self.config.precision):
            val = evals.val_loss(self.model, self.val, windows)
            bpb = evals.bits_per_byte(self.model, self.corpus, count=documents).bits_per_byte
        self.model.train()
        return val, bpb

    def _sample(self) -> str:
        self.model.eval()
        how = Sampling(
            temperature=0.8, top_k=50, max_tokens=self.config.sample_tokens, seed=self.config.seed
        )
        written = generate(self.model, [self.corpus.eot], how)[0]
        self.model.train()
        return self.corpus.vocabulary.decode(written.ids)

    def save(self) -> None:
        """Write a checkpoint of this step, unless its numbers are not finite."""
        self._check_finite()
        state = {
            "step": self.step,
            "position": self.position,
            "seconds": self.seconds,
            "loss": self.loss,
            "manifest_sha256": self.corpus.manifest_sha256,
            "vocab_size": self.corpus.vocab_size,
            "eot": self.corpus.eot,
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "rng": checkpoint.rng_state(),
        }
        self.saved = checkpoint.save(
            self.out / "checkpoints",
            model=self.model,
            config=self.config,
            state=state,
            tokenizer=self.corpus.tokenizer_path,
            keep=self.config.keep,
        )

    def finish(self) -> TrainResult:
        """Evaluate, write ``result.json`` and return it."""
        config = self.config
        if self.saved is None:
            self.save()
        val, bpb = self._evaluate(config.final_windows, config.final_documents)
        result = TrainResult(
            loss=self.loss,
            val=val,
            bpb=bpb,
            uniform=evals.uniform_loss(self.corpus.vocab_size),
            unigram=evals.unigram_loss(self.corpus),
            steps=self.step,
            tokens=self.step * config.batch_tokens,
            unique_tokens=self.corpus.tokens("train"),
            dropped_tokens=self.windows.dropped,
            parameters=self.model.parameter_count(),
            seconds=self.seconds,
            sample=self._sample() if config.sample_tokens else "",
            checkpoint=self.saved or self.out,
        )
        runlog.write_atomically(self.out / "result.json", result.to_json())
        self.log(
            f"done: val {val:.4f} | bpb {bpb:.3f} | unigram {result.unigram:.4f} | uniform "
            f"{result.uniform:.4f} | {self.seconds:.0f}s"
        )
        return result
