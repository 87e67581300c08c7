"""The public face: names, light import, a run from Python."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import gristmill
from gristmill.api import reopen
from gristmill.errors import ConfigError
from gristmill.pipeline.run import TaskFailure, TaskResult, Watch
from gristmill.recipe import parse_recipe

PUBLIC = [
    "C4", "Classifier", "DaskPipelineExecutor", "Datatrove", "Decontaminate",
    "ExactDedup", "Extract",
    "FinewebQuality", "GopherQuality", "GopherRepetition", "GristmillError", "Language",
    "MinhashDedup", "Pii", "Recipe", "SpanDedup", "SplitLanguages", "UrlDedup",
    "UrlFilter", "__version__", "apply",
    "as_step", "documents", "load_recipe", "report", "run", "whatif",
]  # fmt: skip

TEXTS = ["One fine text.", "Another text.", "One  fine\ntext.", "Last."]


def test_the_public_names_are_pinned() -> None:
    assert gristmill.__all__ == PUBLIC
    assert dir(gristmill) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    found = getattr(gristmill, name)
    assert found is getattr(import_module("gristmill"), name)
    assert name == "__version__" or found.__doc__


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gristmill.nothing


@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import gristmill", "torch spacy pyarrow distributed trafilatura pydantic numpy"),
        ("import gristmill.cli", "torch spacy distributed trafilatura fasttext datatrove"),
        ("import gristmill; gristmill.run", "torch spacy distributed trafilatura"),
        ("import gristmill.train_smoke.train", "pyarrow pydantic distributed"),
    ],
)
def test_imports_are_light(code: str, forbidden: str) -> None:
    told = f"{code}\nimport sys\nprint([m for m in {forbidden.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class Told(Watch):
    def __init__(self) -> None:
        self.rounds: list[tuple[str, int, int]] = []
        self.results: list[TaskResult | TaskFailure] = []

    def on_round(self, name: str, total: int, done: int) -> None:
        self.rounds.append((name, total, done))

    def on_result(self, result: TaskResult | TaskFailure) -> None:
        self.results.append(result)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    return path


def test_a_run_from_python_and_again(source: Path, tmp_path: Path) -> None:
    recipe = gristmill.Recipe(
        name="api", inputs={"jsonl": (str(source),)}, stages=(gristmill.ExactDedup(),)
    )
    first, again = Told(), Told()
    report = gristmill.run(recipe, tmp_path / "out", watch=first)
    assert [(s.name, s.docs_in, s.docs_out) for s in report.stages] == [
        ("read", 4, 4),
        ("exact_dedup", 4, 3),
    ]
    kept = pq.read_table(tmp_path / "out" / "documents" / "00000.kept.parquet")
    assert kept["text"].to_pylist() == ["Another text.", "One  fine\ntext.", "Last."]
    assert gristmill.run(recipe, str(tmp_path / "out"), watch=again) == report
    assert len(first.results) == 5
    assert again.results == []
    assert [(n, total) for n, total, _ in again.rounds] == [
        (n, total) for n, total, _ in first.rounds
    ]


def test_a_folder_can_be_reopened_from_anywhere(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    recipe = parse_recipe({"inputs": {"jsonl": source.name}, "stages": ["exact_dedup"]}, "r")
    report = gristmill.run(recipe, tmp_path / "out")
    monkeypatch.chdir("/")
    folder, rounds = reopen(tmp_path / "out")
    assert folder.run_id == report.run_id
    assert [round_.name for round_ in rounds][-1] == "documents"


def test_a_wrong_request_writes_nothing(source: Path, tmp_path: Path) -> None:
    recipe = gristmill.Recipe(inputs={"jsonl": (str(source),)}, stages=(gristmill.Extract(),))
    with pytest.raises(ConfigError, match="needs column html"):
        gristmill.run(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_on_a_client(source: Path, tmp_path: Path, dask_runner: Any) -> None:
    recipe = gristmill.Recipe(inputs={"jsonl": (str(source),)}, stages=(gristmill.ExactDedup(),))
    report = gristmill.run(recipe, tmp_path / "out", client=dask_runner.client)
    assert report.stages[-1].docs_out == 3
