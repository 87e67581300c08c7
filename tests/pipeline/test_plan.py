"""Frozen before work, refused when different."""

import os
from pathlib import Path

import pytest

from gristmill.errors import ConfigError, CorruptError
from gristmill.pipeline.inputs import InputFile, ShardSpec
from gristmill.pipeline.plan import PINNED, Plan, freeze, hold, installed_versions, load_plan
from gristmill.pipeline.shard import Draft


def plan(**changes: object) -> Plan:
    body: dict[str, object] = {
        "name": "test",
        "recipe": {"stages": [{"c4": {"min_words": 3}}]},
        "stage_versions": {"c4": 1},
        "inputs": (InputFile(path="/a.warc", kind="warc", size=1, etag="e"),),
        "shards": (ShardSpec(input=0),),
        "versions": {"numpy": "2.0"},
        "assets": {},
    }
    return Plan(**(body | changes))  # type: ignore[arg-type]


def test_the_same_plan_reopens_its_folder(tmp_path: Path) -> None:
    first = freeze(plan(), tmp_path / "out")
    again = freeze(plan(), tmp_path / "out")
    assert first.run_id == again.run_id == plan().run_id
    assert load_plan(tmp_path / "out") == plan()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"recipe": {"stages": [{"c4": {"min_words": 4}}]}}, r"min_words: 3 then, 4 now"),
        ({"versions": {"numpy": "2.1"}}, "versions.numpy: '2.0' then, '2.1' now"),
        ({"inputs": ()}, "inputs: 1 then, 0 now"),
        ({"assets": {"language.model": "abc"}}, "assets.language.model"),
    ],
)
def test_another_plan_is_refused_and_says_where(
    tmp_path: Path, changes: dict[str, object], where: str
) -> None:
    folder = freeze(plan(), tmp_path / "out")
    folder.publish(Draft(folder, "curate", 0))
    assert plan(**changes).run_id != plan().run_id
    with pytest.raises(ConfigError, match=f"made by another run .*{where}"):
        freeze(plan(**changes), tmp_path / "out")


def test_a_folder_without_results_takes_a_new_plan(tmp_path: Path) -> None:
    freeze(plan(), tmp_path / "out")
    folder = freeze(plan(name="other"), tmp_path / "out")
    assert load_plan(tmp_path / "out").name == "other"
    with hold(folder):
        pass


def test_a_driver_whose_plan_was_replaced_stops(tmp_path: Path) -> None:
    first = freeze(plan(), tmp_path / "out")
    freeze(plan(name="other"), tmp_path / "out")
    with pytest.raises(ConfigError, match="another run was started here"), hold(first):
        pass


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"not empty \(holds thesis.txt\)"):
        freeze(plan(), tmp_path)
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ConfigError, match="out: cannot be written"):
        freeze(plan(), tmp_path / "out")


def test_no_run_and_broken_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run here"):
        load_plan(tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(CorruptError, match="unreadable plan"):
        load_plan(tmp_path)


def test_every_pinned_package_is_installed() -> None:
    found = installed_versions()
    assert set(found) == {*PINNED, "python", "unicode"}
    absent = {name for name, version in found.items() if version == "absent"}
    assert absent <= {"brotli", "ftfy", "regex", "kiwipiepy", "kiwipiepy-model"}  # optional
    assert "+" in found["gristmill"]
