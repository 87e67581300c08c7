"""A model of three steps, and shards of another tokenizer."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gristmill.cli import run_cli
from gristmill.tokenize.formats.shard_set import sha256

TINY = {
    "steps": 3, "layers": 1, "width": 16, "heads": 2, "context": 16, "batch_tokens": 64,
    "sample_tokens": 8, "eval_windows": 2, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="session")
def tiny_model(token_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder; tests only read it."""
    out = tmp_path_factory.mktemp("tiny-model") / "out"
    settings = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    assert run_cli(["train", str(token_run.out), "--out", str(out), *settings]) == 0
    return out


@pytest.fixture
def other_shards(token_run: Any, tmp_path: Path) -> Path:
    """The shards of ``token_run`` beside a tokenizer that is written differently."""
    folder = tmp_path / "other"
    shutil.copytree(token_run.out / "shards", folder)
    tokenizer = folder / json.loads((folder / "shards.json").read_text())["tokenizer"]
    tokenizer.write_text(tokenizer.read_text() + "\n")
    manifest = json.loads((folder / "shards.json").read_text())
    manifest["tokenizer_sha256"] = sha256(tokenizer)
    (folder / "shards.json").write_text(json.dumps(manifest))
    return folder
