"""Damage of every kind is found, named, and told apart from what is only missing."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from gristmill.api import reopen
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.verify import Finding, verify


def check(out: Path, **how: Any) -> list[Finding]:
    folder, rounds = reopen(out)
    return verify(folder, rounds, **how)


@pytest.fixture
def out(token_run: Any, tmp_path: Path) -> Path:
    return token_run.copy(tmp_path / "out")  # type: ignore[no-any-return]


def flip(path: Path, at: int = -9) -> None:
    body = bytearray(path.read_bytes())
    body[at] ^= 1
    path.write_bytes(body)


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    return findings[0]


def test_a_good_run(out: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    told: list[str] = []
    assert check(out, quick=True) == []
    assert check(out, deep=99, progress=told.append) == []
    assert "again: tokens.encode 0" in told
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()} == before
    assert not list((out / ".tmp").glob("*"))


@pytest.mark.parametrize(
    "name",
    ["documents/00000.kept.parquet", "shards/train_000000.bin", "tokenizer/tokenizer.json"],
)
def test_a_flipped_bit(out: Path, name: str) -> None:
    flip(out / name)
    assert check(out, quick=True) == []
    found = only(check(out))
    assert found.kind == "corrupt"
    assert f"{name}: SHA-256 differs" in found.message
    assert "manifest.json and run again" in found.message


def test_a_truncated_and_a_deleted_file(out: Path) -> None:
    path = out / "shards" / "train_000000.bin"
    path.write_bytes(path.read_bytes()[:-2])
    (out / "documents" / "00000.rejected.parquet").unlink()
    found = check(out, quick=True)
    assert [f.kind for f in found] == ["corrupt"] * 2
    assert "rejected.parquet: missing" in found[0].message
    assert "promised" in found[1].message


def test_a_missing_manifest_is_incomplete_not_corrupt(out: Path) -> None:
    (out / "shards" / "write-00000.manifest.json").unlink()
    found = check(out, quick=True)
    assert {f.kind for f in found} == {"incomplete"}
    assert "write-00000.manifest.json: missing; run the recipe again" in found[0].message


@pytest.mark.parametrize("name", ["write-00000.manifest.json", "set-round.json"])
def test_a_truncated_manifest_or_seal_is_corrupt(out: Path, name: str) -> None:
    path = out / "shards" / name
    path.write_bytes(path.read_bytes()[:20])
    found = check(out)
    assert found[0].kind == "corrupt"
    assert f"{name}: unreadable" in found[0].message


def test_a_manifest_that_does_not_add_up(out: Path) -> None:
    path = out / "documents" / "00000.manifest.json"
    body = json.loads(path.read_text())
    body["stages"][0]["docs_out"] -= 1
    path.write_text(json.dumps(body))
    found = check(out, quick=True)[0]
    assert found.kind == "corrupt"
    assert "does not add up: 60 in, 59 out" in found.message


def test_a_manifest_of_another_run(out: Path) -> None:
    path = out / "documents" / "00000.manifest.json"
    path.write_text(path.read_text().replace(reopen(out)[0].run_id, "0" * 16))
    found = check(out, quick=True)[0]
    assert found.kind == "corrupt"
    assert "made by another run" in found.message


def test_an_unsealed_last_round_is_incomplete(out: Path) -> None:
    (out / "shards" / "set-round.json").unlink()
    found = only(check(out))
    assert (found.kind, "set-round.json: missing" in found.message) == ("incomplete", True)


def forge(out: Path) -> None:
    """Change tokens of a shard and its manifest so that they agree."""
    flip(out / "shards" / "train_000000.bin")
    digest = hashlib.sha256((out / "shards" / "train_000000.bin").read_bytes()).hexdigest()
    manifest = out / "shards" / "write-00000.manifest.json"
    body = json.loads(manifest.read_text())
    output = next(o for o in body["outputs"] if o["path"].endswith(".bin"))
    output["sha256"] = digest
    manifest.write_text(json.dumps(body, sort_keys=True, indent=1) + "\n")


def test_a_file_forged_with_its_manifest_breaks_the_seal(out: Path) -> None:
    forge(out)
    found = only(check(out))
    assert found.kind == "corrupt"
    assert "write-round.json: the manifests beside it changed" in found.message


def test_a_file_forged_with_manifest_and_seal_is_found_by_computing_it_again(out: Path) -> None:
    forge(out)
    folder, rounds = reopen(out)
    tasks = len(folder.manifests("shards.write"))
    RunFolder(out, folder.run_id).seal("shards.write", tasks)
    assert check(out) == []
    found = check(out, deep=99)
    assert Finding("corrupt", "shards.write task 0: recomputed bytes differ") in found
    assert len(rounds) > 0


def test_deep_names_what_cannot_be_recomputed(out: Path) -> None:
    source = Path(reopen(out)[0].root).parent
    folder, _ = reopen(out)
    plan = json.loads((out / "plan.json").read_text())
    path = Path(plan["inputs"][0]["path"])
    body = path.read_bytes()
    try:
        path.write_bytes(body + b"\n")
        found = [f.message for f in check(out, deep=99)]
    finally:
        path.write_bytes(body)
    assert any("documents task 0: cannot be recomputed" in message for message in found), found
    assert source == folder.root.parent


def test_an_empty_run_is_incomplete(out: Path) -> None:
    for path in out.glob("*/*"):
        if path.is_file():
            path.unlink()
    found = check(out)
    assert {f.kind for f in found} == {"incomplete"}
