"""``memorise``."""

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.cli import run_cli


def test_groups_and_control(
    tiny_model: Path, token_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["memorise", str(tiny_model), "--shards", str(token_run.out), "--prefix", "8"]
    assert run_cli([*arguments, "--length", "4", "--per-group", "9", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trained_on_these_shards"] is True
    assert found["epochs"] == pytest.approx(3 * 64 / _tokens(token_run.out))
    assert [group["copies"] for group in found["groups"]] == ["1", "2", "3-5", "6-10", "11+"]
    assert sum(group["tested"] for group in found["groups"]) > 0
    assert all(group["tested"] <= 9 for group in found["groups"])
    assert found["control"]["copies"] == "val"
    assert run_cli([*arguments, "--length", "4"]) == 0
    told = capsys.readouterr().out
    assert "copies" in told
    assert "none (val)" in told


def _tokens(run: Path) -> int:
    return int(
        json.loads((run / "shards" / "shards.json").read_text())["splits"]["train"]["tokens"]
    )


def test_more_than_the_context_is_refused(
    tiny_model: Path, token_run: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["memorise", str(tiny_model), "--shards", str(token_run.out)]) == 2
    assert "more than the model's context of 16" in capsys.readouterr().err
