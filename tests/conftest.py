"""What all tests share: the real data where it is, one Dask cluster and two small runs."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gristmill.pipeline.inputs import InputFile, ShardSpec
from gristmill.pipeline.plan import Plan, freeze
from gristmill.pipeline.report import Report
from gristmill.pipeline.shard import RunFolder
from gristmill.recipe import Recipe

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pages, or a loud skip."""
    if not SHARED.is_dir():
        pytest.skip(f"no real data: {SHARED} is missing")
    return SHARED


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the demo recipe on the demo's crawl; tests only read it."""
    import gristmill
    from gristmill.demo.crawl import write_crawl

    folder = tmp_path_factory.mktemp("demo")
    files = write_crawl(folder / "crawl")
    gristmill.run(gristmill.load_recipe("demo", inputs=[str(f) for f in files]), folder / "data")
    return folder / "data"


@pytest.fixture(scope="session")
def dask_runner() -> Iterator[Any]:
    """Two worker processes on this machine."""
    from gristmill.pipeline.dask import open_runner

    with open_runner(workers=2) as runner:
        yield runner


@dataclass(frozen=True)
class Finished:
    """A finished run that tests may read and copy, but never change."""

    out: Path
    recipe: Recipe
    report: Report

    def copy(self, target: Path) -> Path:
        """Return a copy of the run folder, to be damaged."""
        shutil.copytree(self.out, target)
        return target


@pytest.fixture(scope="session")
def demo_warcs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files of the demo crawl."""
    from gristmill.demo.crawl import write_crawl

    return write_crawl(tmp_path_factory.mktemp("demo-crawl"))[:2]


@pytest.fixture(scope="session")
def demo_arguments(demo_warcs: list[Path]) -> list[str]:
    """What follows ``gristmill run`` for a small demo run."""
    inputs = [part for path in demo_warcs for part in ("--input", str(path))]
    sizes = ("tokenizer.train.vocab_size=512", "shards.target_tokens=50000")
    return ["demo", *inputs, *(part for size in sizes for part in ("--set", size))]


@pytest.fixture(scope="session")
def demo_recipe(demo_arguments: list[str]) -> Recipe:
    """The recipe of ``demo_arguments``."""
    from gristmill.recipe import load_recipe

    settings = [v for k, v in pairwise(demo_arguments) if k == "--set"]
    inputs = [v for k, v in pairwise(demo_arguments) if k == "--input"]
    return load_recipe("demo", settings, inputs)


@pytest.fixture(scope="session")
def small_demo(demo_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The recipe demo on two files of the demo crawl, run in this process."""
    from gristmill.api import run

    out = tmp_path_factory.mktemp("demo-run") / "out"
    return Finished(out, demo_recipe, run(demo_recipe, out))


@pytest.fixture(scope="session")
def token_run(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Token shards of a few invented sentences, without any filter: seconds."""
    from gristmill.api import run
    from gristmill.recipe import parse_recipe

    folder = tmp_path_factory.mktemp("token-run")
    who, what = ("The miller", "A baker", "Her neighbour"), ("corn", "rye", "barley", "oats")
    rows = [
        {"id": f"d{i}", "url": f"https://mill.example/{i}",
         "text": " ".join(f"{who[(i + j) % 3]} brought {j + i} bags of {what[(i * j) % 4]}."
                          for j in range(12))}
        for i in range(60)
    ]  # fmt: skip
    source = folder / "docs.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    body = {
        "name": "tokens",
        "inputs": {"jsonl": str(source)},
        "tokenizer": {"train": {"vocab_size": 300}},
        "shards": {"target_tokens": 4000, "val_fraction": 0.2},
    }
    recipe = parse_recipe(body, "test")
    return Finished(folder / "out", recipe, run(recipe, folder / "out"))


@pytest.fixture
def bare_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], RunFolder]:
    """A frozen plan of so many shards whose inputs do not exist: tests publish what they need."""

    def make(shards: int) -> RunFolder:
        files = (f"/none/{k}.jsonl" for k in range(shards))
        plan = Plan(
            name="test",
            recipe={},
            stage_versions={},
            inputs=tuple(InputFile(path=f, kind="jsonl", size=0, etag="") for f in files),
            shards=tuple(ShardSpec(input=k) for k in range(shards)),
            versions={},
            assets={},
        )
        return freeze(plan, tmp_path_factory.mktemp("run") / "out")

    return make
