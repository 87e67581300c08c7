"""``classifier train`` and ``classifier test``."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.cli import run_cli

GOOD = [f"The miller explains why wheel {i} turns slowly in winter." for i in range(60)]
BAD = [f"CLICK! Buy {i} now, cheap, free {i} $$$" for i in range(60)]


@pytest.fixture
def sets(tmp_path: Path) -> list[str]:
    with gzip.open(tmp_path / "good.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in [*GOOD, None])
    pq.write_table(pa.table({"text": [*BAD, None]}), tmp_path / "bad.parquet")
    return ["--good", str(tmp_path / "good.jsonl.gz"), "--bad", str(tmp_path / "bad.parquet")]


def test_train_test_and_use(
    sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "quality.bin"
    command = ["classifier", "train", *sets, "--bits", "14", "--held-out", "0.3", "--out"]
    assert run_cli([*command, str(model)]) == 0
    shown = capsys.readouterr().out
    assert "trained on" in shown
    assert "AUC" in shown
    assert run_cli([*command, str(tmp_path / "again.bin"), "--json"]) == 0
    assert (tmp_path / "again.bin").read_bytes() == model.read_bytes()
    first = json.loads(capsys.readouterr().out)
    assert run_cli(["classifier", "test", str(model), *sets, "--held-out", "0.3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == first
    assert found["auc"] == found["precision"] == found["recall"] == 1
    assert 5 < found["good"] < 35
    assert run_cli(["classifier", "test", str(model), *sets, "--label", "cc", "--json"]) == 0
    turned = json.loads(capsys.readouterr().out)
    assert (turned["good"], turned["bad"], turned["auc"]) == (60, 60, 0)
    out = tmp_path / "out"
    stage = ["stage", "classifier", "--in", sets[1], "--in", str(tmp_path / "good.jsonl.gz")]
    more = ["--set", f"model={model}", "--set", "threshold=0.5"]
    assert run_cli([*stage[:4], "--out", str(out), *more]) == 0
    kept = pq.read_table(out / "documents/00000.kept.parquet")
    assert kept.num_rows == 60
    assert min(kept["classifier.score"].to_pylist()) > 0.5


def test_nothing_held_out(
    sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "m.bin")]
    assert run_cli(["classifier", "train", *sets, "--held-out", "0", *out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"docs": {"cc": 60, "hq": 60}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "--good", "none.jsonl", "--bad", "none.jsonl", "--out", "m"], "no such file"),
        (["train", "--good", "a.warc.gz", "--bad", "b", "--out", "m"], ""),
        (["train", "SETS", "--out", "no/such/folder/m.bin"], "there is no folder"),
        (["train", "SETS", "--bits", "40", "--out", "m"], "bits"),
        (["train", "SETS", "--held-out", "1", "--out", "m"], "held-out"),
        (["test", "none.bin", "SETS"], "cannot read model"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], message: str, sets: list[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    spread = [part for a in arguments for part in (sets if a == "SETS" else [a])]
    assert run_cli(["classifier", *spread]) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_an_empty_set_names_the_remedy(
    sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text(json.dumps({"text": " "}) + "\n")
    command = ["classifier", "train", *sets[:2], "--bad", str(empty), "--out"]
    assert run_cli([*command, str(tmp_path / "m")]) == 2
    assert "no text to train on in the bad set; name more files" in capsys.readouterr().err


def test_a_set_with_nothing_kept_back_is_no_failure_of_training(
    sets: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.bin"
    command = ["classifier", "train", *sets, "--held-out", "0.00001", "--out", str(out)]
    assert run_cli(command) == 0
    assert "not tested: no text to test on in the" in capsys.readouterr().err
    assert out.is_file()
    assert run_cli([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"docs": {"cc": 60, "hq": 60}}
