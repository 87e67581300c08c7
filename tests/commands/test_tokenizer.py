"""The commands under ``gristmill tokenizer``."""

import pytest

from gristmill.cli import run_cli


def test_help_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["tokenizer", "--help"]) == 0
    told = capsys.readouterr().out
    assert {"inspect", "report"} <= set(told.split())
