"""``sample``."""

import io
import json
import math
import re
from pathlib import Path

import pytest

from gristmill.cli import run_cli


def test_it_continues_and_repeats_itself(
    tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["sample", str(tiny_model), "The miller", "--max-tokens", "5", "--n", "2", "--json"]
    assert run_cli(arguments) == 0
    first = capsys.readouterr().out
    written = json.loads(first)
    assert len(written) == 2
    for one in written:
        assert one["finish"]
        assert 1 <= len(one["tokens"]) <= 5
        assert all(t["prob"] == pytest.approx(math.exp(t["logprob"])) for t in one["tokens"])
        assert one["total_logprob"] == pytest.approx(sum(t["logprob"] for t in one["tokens"]))
    assert run_cli(arguments) == 0
    assert capsys.readouterr().out == first
    assert run_cli(arguments[:-1]) == 0
    assert capsys.readouterr().out.startswith("--- 1\nThe miller")


def test_best_of_shows_the_likeliest_of_the_same_draws(
    tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = ["sample", str(tiny_model), "The", "--max-tokens", "4", "--json"]
    assert run_cli([*base, "--n", "5"]) == 0
    all_five = json.loads(capsys.readouterr().out)
    for by in ("total", "mean"):
        assert run_cli([*base, "--best-of", "5", "--by", by]) == 0
        wanted = max(all_five, key=lambda one: one[f"{by}_logprob"])
        assert json.loads(capsys.readouterr().out) == [wanted]


def test_prompt_files_and_shipped_prompts(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "p.txt"
    file.write_text("A baker brought\n---\nThe\n")
    base = ["sample", str(tiny_model), "--max-tokens", "4", "--json"]
    assert run_cli([*base, "--prompts", str(file)]) == 0
    batch = json.loads(capsys.readouterr().out)
    assert [one["prompt"] for one in batch] == ["A baker brought", "The"]
    assert run_cli([*base[:2], "The", *base[2:]]) == 0
    assert json.loads(capsys.readouterr().out)[0]["text"] == batch[1]["text"]
    assert run_cli([*base, "--prompts", "few-shot"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 3


def test_the_likeliest_next_tokens(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["sample", str(tiny_model), "The miller", "--top", "7"]
    assert run_cli([*arguments, "--json"]) == 0
    tokens = json.loads(capsys.readouterr().out)[0]["next"]
    assert len(tokens) == 7
    probabilities = [token["prob"] for token in tokens]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1
    assert run_cli(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "The miller…"
    assert len(lines) == 8
    assert all(re.match(r" *\d+\.\d\d %  █*", line) for line in lines[1:])


def test_interactive_reads_lines_until_the_end(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("The miller\n\nA baker"))
    arguments = ["sample", str(tiny_model), "--interactive", "--max-tokens", "3", "--json"]
    assert run_cli(arguments) == 0
    told = capsys.readouterr()
    written = [json.loads(line) for line in told.out.splitlines()]
    assert [one["prompt"] for one in written] == ["The miller", "A baker"]
    assert "prompt>" not in told.err


def test_constrained_text(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("llguidance")
    base = ["sample", str(tiny_model), "Bags:", "--json", "--n", "3"]
    assert run_cli([*base, "--regex", "[0-9]{2,4} (rye|oats)"]) == 0
    for one in json.loads(capsys.readouterr().out):
        assert re.fullmatch("[0-9]{2,4} (rye|oats)", one["text"])
    schema = tmp_path / "s.json"
    schema.write_text('{"enum": ["rye", 7]}')
    assert run_cli([*base, "--json-schema", str(schema)]) == 0
    assert all(json.loads(one["text"]) in ("rye", 7) for one in json.loads(capsys.readouterr().out))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["x", "--prompts", "list"], "not both"),
        (["--prompts", "haiku"], "shipped prompts are"),
        (["--best-of", "3", "--n", "2"], "leave out --n"),
        (["--by", "luck"], "use mean or total"),
        (["--json-schema", "nix.json"], "nix.json: cannot be read"),
        (["x", "--interactive"], "leave out others"),
        (["--temperature", "-1"], "temperature=-1.0"),
    ],
)
def test_refusals(
    more: list[str], message: str, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli(["sample", str(tiny_model), *more]) == 2
    assert message in capsys.readouterr().err


def test_no_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(["sample", str(tmp_path), "x"]) == 2
    assert str(tmp_path) in capsys.readouterr().err
