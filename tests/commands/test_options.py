"""Where tasks run, and how a run is stopped."""

import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gristmill.api import reopen
from gristmill.cli import run_cli
from gristmill.commands.options import Terminated, Where, run_rounds
from gristmill.errors import ConfigError
from gristmill.pipeline.run import LocalRunner


def test_no_workers_means_without_dask() -> None:
    with Where(workers=0).runner(Console(file=io.StringIO())) as runner:
        assert isinstance(runner, LocalRunner)


def test_workers_are_started_and_named() -> None:
    out = io.StringIO()
    with Where(workers=1).runner(Console(file=out, width=200)) as runner:
        assert not isinstance(runner, LocalRunner)
    assert out.getvalue().startswith("Dask: 1 workers, dashboard ")


def test_a_running_scheduler_wins_over_workers(dask_runner: Any) -> None:
    address = dask_runner.client.scheduler_info()["address"]
    out = io.StringIO()
    with Where(workers=0, scheduler=address).runner(Console(file=out, width=200)):
        assert "Dask: 2 workers" in out.getvalue()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--scheduler-file", "none.json"], "none.json: no such scheduler file"),
        (["--cluster", "none.yaml"], "none.yaml: cannot be read: No such file"),
    ],
)
def test_a_cluster_that_is_not_there(
    option: list[str], message: str, demo_arguments: list[str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run_cli(["run", *demo_arguments, "--out", str(tmp_path / "out"), *option]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert "unexpected" not in told


def test_a_finished_run_starts_no_workers(
    token_run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Where, "runner", None)
    run_rounds(*reopen(token_run.out), Where())
    assert "finished already; nothing to do" in capsys.readouterr().err


def test_sigterm_unwinds_and_the_handler_is_put_back(
    token_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = token_run.copy(tmp_path / "out")
    (out / "shards" / "set-round.json").unlink()
    before = signal.getsignal(signal.SIGTERM)

    def killed(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("gristmill.commands.options.execute", killed)
    with pytest.raises(Terminated):
        run_rounds(*reopen(out), Where(workers=0))
    assert signal.getsignal(signal.SIGTERM) is before
    monkeypatch.undo()
    run_rounds(*reopen(out), Where(workers=0))
    assert reopen(out)[0].sealed("shards.set")


def test_two_drivers_cannot_share_a_folder(token_run: Any, tmp_path: Path) -> None:
    folder, rounds = reopen(token_run.copy(tmp_path / "out"))
    with folder.lease(), pytest.raises(ConfigError, match="another run is writing here"):
        run_rounds(folder, rounds, Where(workers=0))
