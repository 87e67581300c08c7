"""``eval``."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from gristmill.cli import run_cli

ITEMS = Path(__file__).with_name("eval_items.jsonl")


def test_shards_and_tasks(
    tiny_model: Path, token_run: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    gone = tmp_path / "gone.jsonl"
    arguments = ["eval", str(tiny_model), "--shards", str(token_run.out), "--task", str(ITEMS)]
    assert run_cli([*arguments, "--task", str(gone), "--json"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    held = found["shards"]
    assert found["step"] == 3
    assert held["bits_per_byte"] == pytest.approx(
        held["loss"] * held["tokens"] / held["bytes"] / math.log(2)
    )
    result = json.loads((tiny_model / "result.json").read_text())
    assert held["bits_per_byte"] == pytest.approx(result["bpb"])  # the same documents, all
    scored, skipped = found["tasks"]
    assert scored["items"] == 8
    assert scored["chance"] == pytest.approx((2 / 4 + 6 / 2) / 8)
    assert 0 <= scored["acc"]["share"] <= 1
    assert scored["gold_bits_per_byte"] > 0
    assert skipped == {"task": "gone", "file": str(gone), "skipped": "no such file"}
    assert "gone.jsonl: skipped, no such file" in told.err.replace("\n", "")


def test_the_table_and_the_limit(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["eval", str(tiny_model), "--task", str(ITEMS), "--limit", "3"]) == 0
    told = capsys.readouterr().out
    assert "eval_items" in told
    assert "33.3%" in told  # chance of two sets of four and one of two


def test_refusals(
    tiny_model: Path, other_shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"ctx": 1}\n')
    for more, message in (
        ([], "give --shards DIR or --task"),
        (["--task", str(bad)], f"{bad}:1: has keys ctx"),
        (["--shards", str(other_shards)], "another tokenizer"),
        (["--shards", str(tmp_path)], "no shards.json here"),
        (["--task", str(ITEMS), "--device", "tpu"], "use auto, cpu or cuda"),
    ):
        assert run_cli(["eval", str(tiny_model), *more]) == 2
        assert message in capsys.readouterr().err
