"""``train``."""

import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.cli import run_cli
from gristmill.commands import model
from gristmill.commands.model import find_shards, need_torch
from gristmill.errors import ConfigError

TINY = {
    "steps": 3, "layers": 1, "width": 16, "heads": 2, "context": 16, "batch_tokens": 64,
    "sample_tokens": 8, "eval_windows": 2, "device": "cpu",
}  # fmt: skip


def settings(**more: Any) -> list[str]:
    pairs = (TINY | more).items()
    return [part for key, value in pairs for part in ("--set", f"{key}={value}")]


@pytest.fixture(scope="module")
def trained(token_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model") / "out"
    assert run_cli(["train", str(token_run.out), "--out", str(out), *settings()]) == 0
    return out


def test_train_writes_a_model_and_its_curve(trained: Path) -> None:
    result = json.loads((trained / "result.json").read_text())
    assert result["steps"] == 3
    assert 0 < result["val"] < 20
    assert (trained / "loss.svg").read_text().startswith("<svg")
    assert f"{result['val']:.4f}" in (trained / "run.html").read_text()
    assert Path(result["checkpoint"]).is_dir()


def test_train_json_has_results_only_on_stdout(
    token_run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", str(token_run.out / "shards"), "--out", str(tmp_path / "m"), "--json"]
    assert run_cli([*arguments, *settings()]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["tokens"] == 3 * 64
    assert "step 3/3" in told.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "stpes=3"], "unknown setting 'stpes'; did you mean 'steps'?"),
        (["--set", "steps=none"], "steps='none': must be a whole number"),
        (["--set", "steps=0"], "steps=0: must be 1 or more"),
        (["--preset", "tiney"], "unknown preset 'tiney'; did you mean 'tiny'?"),
    ],
)
def test_bad_settings_leave_nothing(
    more: list[str], message: str, token_run: Any, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run_cli(["train", str(token_run.out), "--out", str(tmp_path / "m"), *more]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_nothing_to_train_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["train", str(tmp_path), "--out", str(tmp_path / "m")]) == 2
    assert "no shards.json here; name a folder" in capsys.readouterr().err


def test_shards_are_found_in_a_run_and_beside(token_run: Any, tmp_path: Path) -> None:
    assert find_shards(token_run.out) == find_shards(token_run.out / "shards")
    with pytest.raises(ConfigError):
        find_shards(tmp_path)


def test_without_torch_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'gristmill\[train\]'"):
        need_torch()
