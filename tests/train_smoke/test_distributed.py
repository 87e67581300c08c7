"""Two processes are one, but for rounding; a run may go on with another number of them."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gristmill.train_smoke import checkpoint
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.distributed import World, accumulating, world_from_environment
from gristmill.train_smoke.train import train

_SCRIPT = """
import sys
from pathlib import Path
from gristmill.train_smoke.config import TrainConfig
from gristmill.train_smoke.train import train
config = TrainConfig().with_overrides(dict(s.split("=") for s in sys.argv[3:]))
train(config, Path(sys.argv[1]), Path(sys.argv[2]))
"""


def torchrun(folder: Path, shards: Path, out: Path, config: TrainConfig) -> str:
    """Train with two processes; return what they said."""
    script = folder / "script.py"
    script.write_text(_SCRIPT)
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    settings = [f"{k}={v}" for k, v in dataclasses.asdict(config).items()]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*words, str(script), str(shards), str(out), *settings],
        env=env, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_processes_are_one(tmp_path: Path, micro: TrainConfig, shards: Path) -> None:
    config = dataclasses.replace(
        micro, steps=8, save_every=4, optimizer="adamw", packing="docs", micro_batch=2, log_every=1
    )
    alone = train(config, shards, tmp_path / "one", log=lambda _: None)
    said = torchrun(tmp_path, shards, tmp_path / "two", config)
    assert "2 process(es)" in said
    assert said.count("step 8/8") == 1
    one, two = (checkpoint.load(tmp_path / name) for name in ("one", "two"))
    assert two.step == 8
    assert two.state["loss"] == pytest.approx(alone.loss, abs=1e-4)
    for name, weight in one.weights.items():
        assert torch.allclose(weight, two.weights[name], atol=2e-3), name
    # Half by two, half by one.
    for path in (tmp_path / "two/checkpoints").glob("step_00000008"):
        path.rename(tmp_path / "away")
    again = train(config, shards, tmp_path / "two", log=lambda _: None)
    assert again.loss == pytest.approx(alone.loss, abs=1e-4)


def test_one_process_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    world = world_from_environment()
    model = torch.nn.Linear(2, 2)
    assert world == World()
    assert world.first
    assert world.sum(3.0) == 3.0
    assert world.wrap(model, torch.device("cpu")) is model
    with accumulating(model, last=False):
        pass


def test_torchruns_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    world = world_from_environment()
    assert (world.rank, world.size, world.local, world.first) == (3, 4, 1, False)
