import subprocess
import sys
from pathlib import Path

from gristmill.pipeline.extract.child import CANARY, CANARY_TEXT


def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gristmill.pipeline.extract", *arguments],
        input=given,
        capture_output=True,
        text=True,
    )


def test_prints_the_text_of_a_file_or_of_standard_input(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(CANARY)
    by_file = run("--engine", "resiliparse", str(path))
    by_pipe = run("--engine", "resiliparse", "-", given=CANARY)
    assert by_file.returncode == 0
    assert by_file.stdout == by_pipe.stdout
    assert CANARY_TEXT[0] in by_file.stdout


def test_tells_why_there_is_no_text(tmp_path: Path) -> None:
    empty = run("--engine", "plain", "-", given="<p>")
    assert empty.returncode == 1
    assert "extract_empty" in empty.stderr
    missing = run(str(tmp_path / "none.html"))
    assert missing.returncode == 2
    assert "cannot be read" in missing.stderr
    assert "--engine" in run("--help").stdout
