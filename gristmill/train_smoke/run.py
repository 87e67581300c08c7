"""One training run: its parts, where it is, and what falls due at each step."""

import contextlib
import dataclasses
import gc
import math
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from gristmill.errors import ConfigError, GristmillError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke import checkpoint, evals, runlog
from gristmill.train_smoke.allocator import keep_freed_memory
from gristmill.train_smoke.config import FREE_ON_RESUME, TrainConfig
from gristmill.train_smoke.device import autocast, is_out_of_memory, memory_gib, peak_flops
from gristmill.train_smoke.distributed import World
from gristmill.train_smoke.loader import Loader, Windows, WindowSet
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.packing import Packed
from gristmill.train_smoke.prefetch import Prefetch
from gristmill.train_smoke.result import TrainResult
from gristmill.train_smoke.sample import Sampling, generate
from gristmill.train_smoke.schedule import lr_factor
from gristmill.train_smoke.stop import StopSignals
from gristmill.train_smoke.update import Update

#: Held-out tokens below which a validation loss says little.
_FEW_TOKENS = 10_000

#: Steps between the questions whether another process was told to stop.
_AGREE_EVERY = 10


class Run:
    """The parts of a run and where it is; lives as long as one call of ``train``."""

    def __init__(
        self,
        config: TrainConfig,
        corpus: ShardSet,
        out: Path,
        device: torch.device,
        world: World,
        log: Callable[[str], None],
    ) -> None:
        self.config, self.corpus, self.out, self.log = config, corpus, out, log
        self.device, self.world = device, world
        cut = Packed.of if config.packing == "docs" else Windows.of
        self.windows: WindowSet = cut(corpus, "train", config.context, config.batch_windows)
        self.val = Windows.of(corpus, "val", config.context)
        if self.device.type == "cpu":
            keep_freed_memory()
        torch.manual_seed(config.seed)
        self.model = GPT(config, corpus.vocab_size, corpus.eot).to(self.device)
        self.update = Update(self.model, config, device, world)
        loader = Loader(self.windows, config.seed)
        share = partial(loader.batch, count=config.batch_windows, rank=world.rank, world=world.size)
        self.batches = Prefetch(share, config.batch_windows, device)
        self.peak = peak_flops(self.device)
        self.step = self.position = self.skipped = 0
        self.seconds = 0.0
        self.loss = math.nan
        self._last = (0, torch.zeros(()), torch.zeros(()))  # step, loss, gradient norm
        self.saved: Path | None = None
        self._since = (0, 0.0)  # step and seconds at the last log line

    def open_log(self) -> None:
        """Start the log, and say what is about to happen."""
        path = self.out / "train.jsonl" if self.world.first else None
        if path is not None:
            self.out.mkdir(parents=True, exist_ok=True)
        self.lines = runlog.RunLog(path, after=self.step, steps=self.config.steps, log=self.log)
        targets = len(self.windows) * self.config.context
        epochs = self.config.steps * self.config.batch_tokens / targets
        self.log(
            f"{self.model.parameter_count():,} weights on {self.device}, {self.world.size} "
            f"process(es) | {targets:,} tokens in {len(self.windows):,} windows, {epochs:.1f} "
            f"epochs | {self.windows.left_out}"
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
        self.update.restore(saved.state)
        checkpoint.restore_rng(saved.state["rng"])
        self.step, self.position = saved.step, int(saved.state["position"])
        self.skipped = int(saved.state["skipped"])
        self.seconds, self.loss = float(saved.state["seconds"]), float(saved.state["loss"])
        self.saved = saved.path
        self._last = (self.step, torch.tensor(self.loss), torch.zeros(()))
        self._since = (self.step, self.seconds)

    def advance(self) -> None:
        """One optimizer step, and what falls due after it."""
        started = time.perf_counter()
        config = self.config
        due = {
            "log": self._due(config.log_every) or self.step == 0,
            "eval": self._due(config.eval_every),
            "save": self._due(config.save_every),
        }
        factor = lr_factor(self.step, config)
        self._step(factor, look=any(due.values()))
        self.seconds += time.perf_counter() - started
        if due["log"] or due["eval"]:
            self._report(factor, float(self._last[2]), validate=due["eval"])
        if config.sample_every and config.sample_tokens and self.step % config.sample_every == 0:
            self.lines.sample(self.step, self._sample())
        if due["save"]:
            self.save()
        if self.step == 1:
            gc.freeze()  # what is there now stays: searching it for garbage takes half a second

    def _due(self, every: int) -> bool:
        return (self.step + 1) % every == 0 or self.step + 1 == self.config.steps

    def _step(self, factor: float, *, look: bool) -> None:
        """Update the weights once; ``look``: read the loss, which on a GPU waits for it."""
        self._last = (self.step + 1, *self.update.gradient(self.batches.take(self.position)))
        if look or self.device.type == "cpu" or self.config.skip_zscore:
            self._check_finite()
        if self.config.skip_zscore and self.update.is_outlier(self.loss, float(self._last[2])):
            self.update.discard()
            self.skipped += 1
            self.log(
                f"step {self.step + 1}: skipped, loss {self.loss:.4f} or norm "
                f"{float(self._last[2]):.2f} is far above the last steps'"
            )
        else:
            self.update.apply(factor)
        self.step += 1
        self.position += self.config.batch_windows

    def stops(self, stop: StopSignals) -> bool:
        """Tell whether to stop now: all processes at the same step, or none."""
        if self.world.size > 1:
            if self.step % _AGREE_EVERY or not self.world.sum(stop.received is not None):
                return False
            stop.received = stop.received or signal.SIGTERM
        return stop.received is not None

    @contextlib.contextmanager
    def within_memory(self) -> Iterator[None]:
        """Say what to lower where memory is used up within the block."""
        try:
            yield
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            windows = self.config.micro_batch or self.config.batch_windows
            raise GristmillError(
                f"{self.out}: out of memory at step {self.step + 1}; lower micro_batch (now "
                f"{windows} windows), context or the model's size ({self._kept()})"
            ) from error

    def _kept(self) -> str:
        return f"{self.saved} is intact" if self.saved else "no checkpoint was saved yet"

    def _check_finite(self) -> None:
        """Read the last loss; raise before an update or a checkpoint could spread a bad one."""
        step, loss, gradient = self._last
        self.loss, norm = float(loss), float(gradient)
        if not (math.isfinite(self.loss) and math.isfinite(norm)):
            raise GristmillError(
                f"{self.out}: loss {self.loss}, gradient norm {norm} at step {step}; "
                f"lower matrix_lr, embed_lr and head_lr, or set grad_clip ({self._kept()})"
            )

    def _report(self, factor: float, norm: float, *, validate: bool) -> None:
        config = self.config
        steps, seconds = self.step - self._since[0], self.seconds - self._since[1]
        self._since = (self.step, self.seconds)
        rate = steps * config.batch_tokens / max(seconds, 1e-9)
        peak = self.peak and self.peak * self.world.size
        record: dict[str, Any] = {
            "step": self.step,
            "loss": self.loss,
            "lr": config.matrix_lr * factor,
            "norm": norm,
            "tokens": self.step * config.batch_tokens,
            "tokens_per_second": rate,
            "mfu": rate * self.model.flops_per_token() / peak if peak else None,
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
            "skipped": self.skipped,
            "seconds": self.seconds,
            "loss": self.loss,
            "manifest_sha256": self.corpus.manifest_sha256,
            "vocab_size": self.corpus.vocab_size,
            "eot": self.corpus.eot,
            "rng": checkpoint.rng_state(),
        }
        if self.world.first:
            checkpoint.save(
                self.out / "checkpoints",
                model=self.model,
                config=self.config,
                state=state | self.update.state(),
                tokenizer=self.corpus.tokenizer_path,
                keep=self.config.keep,
            )
        self.world.wait()
        self.saved = checkpoint.latest(self.out)

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
            windows=len(self.windows),
            left_out=self.windows.left_out,
            skipped_steps=self.skipped,
            parameters=self.model.parameter_count(),
            seconds=self.seconds,
            sample=self._sample() if config.sample_tokens else "",
            checkpoint=self.saved or self.out,
        )
        if self.world.first:
            runlog.write_atomically(self.out / "result.json", result.to_json())
        self.log(
            f"done: val {val:.4f} | bpb {bpb:.3f} | unigram {result.unigram:.4f} | uniform "
            f"{result.uniform:.4f} | {self.seconds:.0f}s"
        )
        return result
