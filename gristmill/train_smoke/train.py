"""Train a model: the command behind ``gristmill train``.

A run's folder holds ``train.jsonl`` (the log), ``checkpoints/``, and at the end ``result.json``.
"""

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.shard_set import ShardSet
from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.device import pick_device, use_deterministic_algorithms
from gristmill.train_smoke.distributed import joined, world_from_environment
from gristmill.train_smoke.folder_lock import locked
from gristmill.train_smoke.result import TrainResult
from gristmill.train_smoke.run import Run
from gristmill.train_smoke.stop import StopSignals


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
        GristmillError: the loss is not finite, or memory is used up; earlier checkpoints stay.
    """
    corpus = ShardSet(shards)
    corpus.verify(hashes=True)
    world = world_from_environment()
    device = pick_device(config.device, world.local)
    if config.deterministic:
        use_deterministic_algorithms()
    with joined(world, device), locked(out) if world.first else nullcontext():
        run = Run(config, corpus, out, device, world, log if world.first else lambda _: None)
        found = checkpoint.latest(out)
        if found is not None and resume == "never":
            raise ConfigError(
                f"{out}: already has {found.name}; resume it, or choose another folder"
            )
        if found is not None:
            run.restore(checkpoint.load(found))
        if world.sum(run.step) != run.step * world.size:
            raise ConfigError(f"{out}: not the same folder for all processes; name a shared one")
        run.open_log()
        with StopSignals() as stop, run.batches, run.within_memory():
            while run.step < config.steps:
                run.advance()
                if run.stops(stop):
                    run.save()
                    run.log(
                        f"interrupted at step {run.step}/{config.steps}: checkpoint saved; run the "
                        "same command to go on"
                    )
                    stop.exit()
        with run.within_memory():
            return run.finish()
