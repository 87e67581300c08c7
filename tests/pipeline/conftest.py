"""Runs over small JSONL files of our own, for the tests of the pipeline's core."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gristmill.pipeline.compile import compile_rounds
from gristmill.pipeline.inputs import Inputs, cut_shards, list_inputs
from gristmill.pipeline.plan import Plan, freeze
from gristmill.pipeline.rounds import Round
from gristmill.pipeline.shard import RunFolder
from gristmill.pipeline.source import source_schema

Made = tuple[RunFolder, list[Round]]


@pytest.fixture
def write_docs(tmp_path: Path) -> Callable[..., list[Path]]:
    """Write lists of documents as JSONL files; strings become ``{"text": …}``."""

    def write(*files: Sequence[Any]) -> list[Path]:
        paths = []
        for number, docs in enumerate(files):
            path = tmp_path / f"in-{number:02d}.jsonl"
            rows = [{"id": f"{number}-{i}", "text": d} if isinstance(d, str) else d
                    for i, d in enumerate(docs)]  # fmt: skip
            path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
            paths.append(path)
        return paths

    return write


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Made]:
    """Freeze a plan over files and compile stages, without the recipe module."""

    def make(
        paths: Sequence[Path], stages: Sequence[Any], out: str = "out", tail: Any = ()
    ) -> Made:
        inputs = Inputs(jsonl=tuple(str(path) for path in paths))
        files = list_inputs(inputs, lambda _: None)
        plan = Plan(
            name="test",
            recipe={"inputs": inputs.model_dump(), "stages": [repr(stages)], "name": "test"},
            stage_versions={},
            inputs=files,
            shards=cut_shards(files, None),
            versions={},
            assets={},
        )
        rounds = compile_rounds(stages, tail, source_schema(files))
        return freeze(plan, tmp_path / out), rounds

    return make
