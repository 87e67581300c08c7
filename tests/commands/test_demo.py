"""``demo``: the whole path, with its heavy parts made small."""

from pathlib import Path
from typing import Any

import pytest

from gristmill.cli import run_cli
from gristmill.commands import demo


def test_the_demo_runs_every_part_and_says_where_things_are(
    token_run: Any, demo_warcs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    real_train = demo.train_model
    asked: dict[str, Any] = {}

    def write_crawl(folder: Path) -> list[Path]:
        asked["crawl"] = folder
        return demo_warcs

    def run_recipe(recipe: Any, out: Path, where: Any) -> None:
        asked["recipe"] = recipe
        token_run.copy(out)

    def train_model(shards: Path, out: Path, preset: str, settings: list[str]) -> Any:
        asked["preset"] = preset
        small = ("steps=3", "layers=1", "width=16", "heads=2", "context=16", "batch_tokens=64")
        return real_train(shards, out, preset, [*settings, *small])

    for name, fake in (("write_crawl", write_crawl), ("run_recipe", run_recipe)):
        monkeypatch.setattr(demo, name, fake)
    monkeypatch.setattr(demo, "train_model", train_model)
    assert run_cli(["demo", "--out", str(tmp_path), "--workers", "0"]) == 0
    told = capsys.readouterr().out
    assert asked["recipe"].name == "demo"
    assert asked["recipe"].inputs.warc == (str(tmp_path / "crawl" / "*.warc.gz"),)
    assert asked["preset"]
    assert "validation loss" in told
    assert "The miller" in told
    assert f"gristmill report {tmp_path / 'data'}" in told.replace("\n", "")
    assert (tmp_path / "model" / "loss.svg").is_file()
