"""The command line: bad input is one line and an exit code, and leaves nothing behind."""

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from gristmill.cli import run_cli
from gristmill.errors import ConfigError

COMMANDS = [
    "demo", "run", "plan", "stage", "report", "whatif", "contamination", "verify", "train",
    "sample", "shards where",
]  # fmt: skip


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    path = tmp_path / "docs.jsonl"
    path.write_text("".join(json.dumps({"text": f"Text {i}."}) + "\n" for i in range(3)))
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """Run; expect this exit code and exactly one line on stderr, without a traceback."""
    assert run_cli(list(arguments)) == code
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("gristmill: ")
    assert "unexpected" not in lines[0]
    return lines[0]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli([*command.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"Examples?", told)
    assert f"gristmill {command}" in told.split("Example")[1]


def test_version_and_bare_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["--version"]) == 0
    assert re.fullmatch(r"gristmill \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert run_cli([]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["grind"], "No such command 'grind'"),
        (["run", "demo", "--out", "o", "--inptu", "x"], "No such option: --inptu"),
        (["run"], "Missing argument"),
        (["run", "demo"], "Missing option '--out'"),
        (
            ["run", "demo", "--out", "o", "--workers", "-1"],
            "'--workers': Input should be greater than or equal to 0",
        ),
        (
            ["run", "demo", "--out", "o", "--workers", "many"],
            "'--workers': Input should be a valid integer",
        ),
        (["shards", "when"], "No such command 'when'"),
    ],
)
def test_bad_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert message in refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ([], r"no inputs: name some with --input GLOB"),
        (["--input", "*.warc.gz"], r"\*\.warc\.gz: matches no file under .*; check the pattern"),
        (["--input", "gone.warc.gz"], r"gone\.warc\.gz: no such file under .*; check the path"),
        (["--input", "page.html"], r"page\.html: cannot tell what this is; inputs end in"),
        (["--input", "fake.warc"], r"fake\.warc: no WARC: at byte 0 stands .*check the path"),
        (["--input", "empty.jsonl"], r"empty\.jsonl: neither a column text nor html"),
        (["--input", "docs.jsonl"], r"needs column html, which nothing before it provides"),
        (["--set", "gopher_quality.min_wrods=3"], r"unknown key min_wrods; did you mean min_words"),
        (["--set", "goper_quality.min_words=3"], r"no goper_quality; did you mean gopher_quality"),
        (["--set", "language.threshold=2"], r"language\.threshold: .*less than or equal to 1.*2"),
        (["--set", "language.threshold"], r"write it as name\.parameter=value"),
        (
            ["--set", "tokenizer.train.vocab_size=70000", "--set", "shards.dtype=uint16"],
            r"vocab_size 70000 is too large for dtype uint16",
        ),
    ],
)
def test_a_run_that_cannot_begin_leaves_nothing(
    more: list[str], message: str, docs: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(docs.parent)
    Path("fake.warc").write_text("<html><p>This is a page, not an archive.")
    Path("empty.jsonl").write_text("")
    before = sorted(docs.parent.iterdir())
    assert re.search(message, refused(capsys, "run", "demo", "--out", "out", *more))
    assert sorted(docs.parent.iterdir()) == before


@pytest.mark.parametrize("where", ["file", "file/inside", "/proc/gristmill", "full"])
def test_an_output_folder_that_cannot_be(
    where: str, docs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(docs.parent)
    Path("file").write_text("in the way")
    Path("full").mkdir()
    Path("full/thesis.txt").write_text("mine")
    arguments = ["stage", "exact_dedup", "--in", str(docs), "--out", where]
    told = refused(capsys, *arguments)
    assert where in told
    assert "cannot be written" in told or "not empty (holds thesis.txt)" in told
    assert Path("file").read_text() == "in the way"
    assert [p.name for p in Path("full").iterdir()] == ["thesis.txt"]


def test_a_folder_of_another_recipe_is_refused(
    docs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = ["stage", "gopher_quality", "--in", str(docs), "--out", str(tmp_path / "out")]
    assert run_cli(stage) == 0
    capsys.readouterr()
    told = refused(capsys, *stage, "--set", "min_words=1")
    assert "made by another run" in told
    assert "min_words: 50 then, 1 now" in told
    assert run_cli(stage) == 0
    assert "finished already" in capsys.readouterr().err


def test_a_truncated_input_fails_its_shard_only(
    demo_warcs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = demo_warcs[0].read_bytes()
    whole, cut = tmp_path / "a.warc.gz", tmp_path / "b.warc.gz"
    half = body.index(b"\x1f\x8b\x08", 9000)
    whole.write_bytes(body[:half])
    cut.write_bytes(body[: half - 40])
    out = tmp_path / "out"
    arguments = ["stage", "url_filter", "--in", str(tmp_path / "*.warc.gz"), "--out", str(out)]
    assert run_cli(arguments) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert "1 of 2 shards failed (number 1)" in lines[-1]
    assert "b.warc.gz: cut off at byte" in lines[-1]
    assert "on_truncated=drop" in lines[-1]
    assert (out / "documents" / "00000.manifest.json").is_file()
    assert sorted(p.name for p in (out / "documents").iterdir()) == [
        "00000.kept.parquet", "00000.manifest.json", "00000.rejected.parquet",
    ]  # fmt: skip


def test_no_run_and_a_broken_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("report", "verify"):
        assert "no run here (plan.json is missing)" in refused(capsys, command, str(tmp_path))
    (tmp_path / "plan.json").write_text("{")
    for command in ("report", "verify"):
        assert "unreadable plan" in refused(capsys, command, str(tmp_path), code=4)


def test_a_bug_is_one_line_too_and_debug_shows_where(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("gristmill.commands.data.reopen", broken)
    assert run_cli(["verify", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        "gristmill: unexpected ZeroDivisionError: a bug (--debug shows where)\n"
    )
    monkeypatch.setenv("GRISTMILL_DEBUG", "1")
    assert run_cli(["verify", str(tmp_path)]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_error_is_one_line_and_does_not_act_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: Any) -> None:
        raise ConfigError("x.json: one of \x1b]0;owned\x07,\n\t<a  b>\u202e")

    monkeypatch.setattr("gristmill.commands.data.reopen", refuse)
    told = refused(capsys, "verify", str(tmp_path))
    assert told == "gristmill: x.json: one of ⟨U+001B⟩]0;owned⟨U+0007⟩, <a  b>⟨U+202E⟩"


def test_a_full_disk_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/x.bin")

    monkeypatch.setattr("gristmill.commands.data.reopen", full)
    told = refused(capsys, "verify", str(tmp_path), code=1)
    assert told.startswith("gristmill: out/x.bin: No space left on device; look at")
