"""``export`` and ``import`` on the command line, and what ``sample`` makes of both."""

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.cli import run_cli

TINY = {
    "variant": "gpt2", "steps": 3, "layers": 1, "width": 16, "heads": 2, "context": 16,
    "batch_tokens": 64, "sample_tokens": 0, "eval_windows": 2, "device": "cpu",
}  # fmt: skip


def test_a_model_that_went_out_and_came_back_writes_the_same(
    token_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [part for key, value in TINY.items() for part in ("--set", f"{key}={value}")]
    model, folder, back = (str(tmp_path / name) for name in ("model", "hf", "back"))
    assert run_cli(["train", str(token_run.out), "--out", model, *settings]) == 0
    assert run_cli(["export", model, "--to", folder]) == 0
    assert run_cli(["import", folder, "--out", back]) == 0
    assert f"results: {back}" in capsys.readouterr().out
    written = []
    for checkpoint in (model, back):
        asked = ["sample", checkpoint, "The miller", "--max-tokens", "8", "--json"]
        assert run_cli(asked) == 0
        written.append(json.loads(capsys.readouterr().out))
    assert written[0] == written[1]
    assert run_cli(["export", model, "--to", folder]) == 2
    assert "is not empty" in capsys.readouterr().err


def test_no_model_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["export", str(tmp_path), "--to", str(tmp_path / "hf")]) == 2
    assert "no finished checkpoint here" in capsys.readouterr().err
    assert run_cli(["import", str(tmp_path), "--out", str(tmp_path / "m")]) == 2
    assert "config.json: cannot be read" in capsys.readouterr().err
