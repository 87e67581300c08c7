"""The publish protocol."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from gristmill.errors import ConfigError, CorruptError, IncompleteError, ShardError
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.shard import Draft, RunFolder


def draft_with(folder: RunFolder, body: bytes, round_name: str = "r", task: int = 0) -> Draft:
    draft = Draft(folder, round_name, task)
    draft.numbered("data", docs=1).write_bytes(body)
    draft.stages = [StageCount(name="s", docs_in=1, docs_out=1)]
    return draft


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path, "run")


def test_nothing_is_there_before_the_manifest(folder: RunFolder) -> None:
    draft = draft_with(folder, b"x")
    assert folder.manifest("r", 0) is None
    assert not folder.file("r", 0, "data").exists()
    folder.publish(draft)
    assert folder.file("r", 0, "data").read_bytes() == b"x"
    made = folder.manifest("r", 0)
    assert made is not None
    assert made.outputs[0].path == "r/00000.data"
    assert not draft.temp.exists()


def test_parts_of_a_stage_share_a_folder(folder: RunFolder) -> None:
    folder.publish(draft_with(folder, b"x", "dedup.bands", 7))
    assert (folder.root / "dedup" / "bands-00007.data").exists()
    assert folder.manifest_path("dedup.bands", 7).name == "bands-00007.manifest.json"
    assert folder.manifest("dedup.bands", 7) is not None


def test_a_second_equal_attempt_changes_nothing(folder: RunFolder) -> None:
    first = folder.publish(draft_with(folder, b"x"))
    before = folder.manifest_path("r", 0).read_bytes()
    assert folder.publish(draft_with(folder, b"x")) == first
    assert folder.manifest_path("r", 0).read_bytes() == before


def test_a_second_different_attempt_is_refused_and_the_first_stands(folder: RunFolder) -> None:
    folder.publish(draft_with(folder, b"x"))
    with pytest.raises(ShardError, match="two attempts gave different bytes"):
        folder.publish(draft_with(folder, b"y"))
    assert folder.file("r", 0, "data").read_bytes() == b"x"


def test_attempts_that_differ_by_a_machine_verdict_are_no_error(folder: RunFolder) -> None:
    first = folder.publish(draft_with(folder, b"x"))
    other = draft_with(folder, b"y")
    other.verdicts = [(1, "extract_timeout")]
    assert folder.publish(other) == first
    assert folder.file("r", 0, "data").read_bytes() == b"x"


def test_counts_that_do_not_add_up_are_not_published(folder: RunFolder) -> None:
    draft = draft_with(folder, b"x")
    draft.stages = [StageCount(name="s", docs_in=2, docs_out=1)]
    with pytest.raises(ShardError, match="does not add up"):
        folder.publish(draft)
    draft.stages = [
        StageCount(name="a", docs_in=2, docs_out=2),
        StageCount(name="b", docs_in=1, docs_out=1),
    ]
    with pytest.raises(ShardError, match="a let 2 documents out, b got 1"):
        folder.publish(draft)
    assert folder.manifest("r", 0) is None
    assert not folder.file("r", 0, "data").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "0.manifest.json"])
def test_output_names_are_plain(folder: RunFolder, name: str) -> None:
    with pytest.raises(ValueError, match="not a plain output name"):
        Draft(folder, "r", 0).path(name)


def test_a_round_counts_only_when_sealed(folder: RunFolder) -> None:
    folder.publish(draft_with(folder, b"x"))
    with pytest.raises(IncompleteError, match="r is not finished"):
        folder.manifests("r")
    folder.seal("r", 1)
    assert [m.task for m in folder.manifests("r")] == [0]
    assert folder.outputs("r", ".data") == [folder.file("r", 0, "data")]
    folder.manifest_path("r", 0).unlink()
    with pytest.raises(IncompleteError, match="no manifest"):
        folder.manifests("r")


def test_a_damaged_manifest_is_named(folder: RunFolder) -> None:
    folder.publish(draft_with(folder, b"x"))
    folder.manifest_path("r", 0).write_text("{")
    with pytest.raises(CorruptError, match=r"00000\.manifest\.json: unreadable"):
        folder.manifest("r", 0)


def test_a_manifest_of_another_run_is_refused(folder: RunFolder) -> None:
    folder.publish(draft_with(folder, b"x"))
    with pytest.raises(ConfigError, match="made by another run"):
        RunFolder(folder.root, "other").manifest("r", 0)


def test_side_records_are_kept_apart(folder: RunFolder) -> None:
    folder.log("r", 0, {"cpu": {"s": 1.5}})
    assert list(folder.logs()) == [{"cpu": {"s": 1.5}}]
    assert not folder.manifest_path("r", 0).exists()


def _hold(root: str, ready: str, done: str) -> None:
    with RunFolder(root, "run").lease():
        Path(ready).touch()
        while not Path(done).exists():
            pass


def test_one_driver_at_a_time(folder: RunFolder, tmp_path: Path) -> None:
    ready, done = tmp_path / "ready", tmp_path / "done"
    holder = multiprocessing.get_context("fork").Process(
        target=_hold, args=(str(folder.root), str(ready), str(done))
    )
    holder.start()
    try:
        while not ready.exists():
            pass
        with pytest.raises(ConfigError, match=f"another run is writing here .pid {holder.pid}"):
            with folder.lease():
                pass
    finally:
        done.touch()
        holder.join()
    with folder.lease():
        pass


def test_leftovers_are_cleared_and_harmless(folder: RunFolder) -> None:
    stale = draft_with(folder, b"half")
    (folder.root / "r").mkdir()
    (folder.root / "r" / "00000.data").write_bytes(b"from an attempt that died before its manifest")
    folder.clear_temp()
    assert not stale.temp.exists()
    folder.publish(draft_with(folder, b"x"))
    assert folder.file("r", 0, "data").read_bytes() == b"x"


def test_a_killed_writer_publishes_nothing(folder: RunFolder) -> None:
    """SIGKILL between the data files and the manifest: the task has not happened."""
    child = os.fork()
    if child == 0:
        draft = draft_with(folder, b"x")
        folder.manifest_path = lambda *_: os.kill(os.getpid(), 9)  # type: ignore[method-assign,assignment]
        folder.publish(draft)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 9
    assert folder.manifest("r", 0) is None
    folder.publish(draft_with(folder, b"x"))
    assert json.loads(folder.manifest_path("r", 0).read_text())["outputs"][0]["bytes"] == 1
