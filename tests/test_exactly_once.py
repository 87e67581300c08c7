"""The promise: the same bytes from any runner and after any kill; and every token traced back."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from warcio.archiveiterator import ArchiveIterator

from gristmill.api import run
from gristmill.tokenize.provenance import where


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of everything but side logs and locks."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
        and path.relative_to(out).parts[0] not in ("log", ".tmp")
        and not path.name.endswith(".lock")
    }


def start(arguments: list[str], out: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gristmill", "run", *arguments, "--out", str(out), *more]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def wait_for(path: Path, child: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def test_two_dask_workers_write_the_same_bytes(
    small_demo: Any, dask_runner: Any, tmp_path: Path
) -> None:
    report = run(small_demo.recipe, tmp_path / "out", client=dask_runner.client)
    assert digests(tmp_path / "out") == digests(small_demo.out)
    assert report.to_dict()["stages"][0]["docs_in"] == small_demo.report.stages[0].docs_in


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [
        (signal.SIGKILL, -9, ""),
        (signal.SIGTERM, 143, "gristmill: terminated; run the same command again to resume"),
        (signal.SIGINT, 130, "gristmill: interrupted; run the same command again to resume"),
    ],
)
def test_a_driver_that_is_stopped_anywhere_goes_on(
    small_demo: Any, demo_arguments: list[str], tmp_path: Path, number: int, code: int, message: str
) -> None:
    out = tmp_path / "out"
    child = start(demo_arguments, out, "--workers", "0")
    wait_for(out / "curate" / "00000.manifest.json", child)
    os.kill(child.pid, number)
    _, told = child.communicate(timeout=60)
    assert child.returncode == code
    assert message in told
    assert "Traceback" not in told
    assert not (out / "shards" / "set-round.json").exists()
    first = (out / "curate" / "00000.manifest.json").stat().st_mtime_ns
    run(small_demo.recipe, out)
    assert digests(out) == digests(small_demo.out)
    assert (out / "curate" / "00000.manifest.json").stat().st_mtime_ns == first


def test_a_second_run_changes_nothing(small_demo: Any) -> None:
    before = digests(small_demo.out)
    assert run(small_demo.recipe, small_demo.out) == small_demo.report
    assert digests(small_demo.out) == before


def test_headers_and_counts_read_by_hand(small_demo: Any) -> None:
    total = 0
    for shard in small_demo.report.shards:
        body = (small_demo.out / shard["path"]).read_bytes()
        header = [int.from_bytes(body[i : i + 4], "little") for i in range(0, 1024, 4)]
        assert header[:2] == [20240520, 1]
        assert header[2] == shard["tokens"] == (len(body) - 1024) // 2
        assert not any(header[3:])
        assert hashlib.sha256(body).hexdigest() == shard["sha256"]
        total += header[2]
    files = list((small_demo.out / "shards").glob("*.bin"))
    assert total == sum(small_demo.report.tokens.values())
    assert total == sum((file.stat().st_size - 1024) // 2 for file in files)


def test_tokens_lead_back_to_their_records(small_demo: Any, demo_warcs: list[Path]) -> None:
    folders = {path.name: path for path in demo_warcs}
    draw = np.random.default_rng(7)
    shards = small_demo.report.shards
    for _ in range(50):
        shard = shards[int(draw.integers(len(shards)))]
        found = where(small_demo.out / shard["path"], int(draw.integers(shard["tokens"])))
        with folders[found["warc"]].open("rb") as file:
            file.seek(found["offset"])
            record = next(iter(ArchiveIterator(file)))
            assert record.rec_headers.get_header("WARC-Target-URI") == found["url"]
            assert record.rec_headers.get_header("WARC-Record-ID") == found["id"]
            assert record.rec_type == "response"
