"""``demo``: everything once, on a crawl of our own pages, offline."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from gristmill.commands.data import run_recipe
from gristmill.commands.loaded import Loaded
from gristmill.commands.model import need_torch, print_result, train_model
from gristmill.commands.options import Where, Workers
from gristmill.commands.sample import continue_prompts
from gristmill.demo.crawl import write_crawl
from gristmill.recipe import load_recipe

_PROMPTS = ("The miller", "In the morning", "How do I")


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for everything.")] = Path("demo-out"),
    workers: Workers = None,
) -> None:
    """Crawl in, small model out: the whole toolkit on a sample crawl, in a minute or two.

    Writes a small crawl of invented sites, cleans and deduplicates it, trains a tokenizer, writes
    token shards, trains a tiny GPT on them and lets it write. Needs no network and no GPU.

    **Example**

        gristmill demo --out demo-out
    """
    need_torch()
    from gristmill.train_smoke.sample import Sampling

    begun = time.monotonic()
    console = Console()
    console.rule("1 · a small crawl")
    files = write_crawl(out / "crawl")
    size = sum(file.stat().st_size for file in files)
    console.print(f"{len(files)} WARC files, {size / 1e6:.1f} MB, in {escape(str(out / 'crawl'))}")
    console.rule("2 · from crawl to token shards")
    recipe = load_recipe("demo", inputs=[str(out / "crawl" / "*.warc.gz")])
    run_recipe(recipe, out / "data", Where(workers))
    console.rule("3 · a tiny GPT")
    result = train_model(out / "data", out / "model", "tiny", [])
    print_result(result, out / "model")
    console.rule("4 · what it writes")
    loaded = Loaded(out / "model")
    how = Sampling(temperature=0.7, top_k=40, max_tokens=60, stop_ids=(loaded.eot,))
    for one in continue_prompts(loaded, _PROMPTS, how):
        console.print(f"[bold]{one['prompt']}[/]{escape(one['text'])}", highlight=False)
    console.rule(f"done in {time.monotonic() - begun:.0f} s")
    for what, where in (
        ("clean documents", out / "data" / "documents"),
        ("token shards", out / "data" / "shards"),
        ("model", out / "model"),
    ):
        console.print(f"{what:<16}{where}", highlight=False, markup=False, soft_wrap=True)
    for line in (
        f"Look closer:    gristmill report {out / 'data'}",
        f"                gristmill verify {out / 'data'}",
        f"                gristmill sample {out / 'model'} 'The bees'",
    ):
        console.print(line, highlight=False, markup=False)
