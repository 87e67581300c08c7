"""Stage A of datatrove's examples/fineweb.py on local WARC files. Runs in the peer's environment.

As the example has it, with these differences, each of which is free of cost or helps the peer:

- LocalPipelineExecutor, one task a worker, instead of Slurm;
- ``languages=["en"]``: today's default keeps every language, FineWeb's was English;
- its stats are timed by a CPU clock instead of the wall clock, and the CPU time of the extractor's
  child processes is added to the block that waits for them;
- tldextract uses the suffix list it ships: there is no network here;
- trafilatura is imported before the extractor forks its child. Otherwise each child must import
  it within the extractor's timeout of one second, and on a busy machine pages are lost to that.

datatrove downloads lid.176.bin. Here the compressed model, the same that gristmill uses, is put
into its asset cache under that name (``HF_ASSETS_CACHE`` must be a folder of the benchmark's own).
"""

import argparse
import json
import shutil
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.io import strip_protocol
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
    URLFilter,
)
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
from datatrove.utils.lid import FT176LID
from huggingface_hub import cached_assets_path
from tldextract import TLDExtract

BLOCKS = (
    "read",
    "url_filter",
    "extract",
    "language",
    "gopher_repetition",
    "gopher_quality",
    "c4",
    "fineweb_quality",
    "write",
)


class Prepare:
    """First step of the pipeline: runs in each worker before anything else."""

    def __call__(self, data, rank, world_size):  # noqa: ARG002 - so datatrove calls steps
        import time
        from types import SimpleNamespace

        import datatrove.utils.stats
        import trafilatura  # noqa: F401

        datatrove.utils.stats.time = SimpleNamespace(perf_counter=time.process_time)
        return data


class CountChildren:
    """Last step: writes down the CPU time of this task's children, all extractors, ended by now."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, data, rank, world_size):  # noqa: ARG002 - so datatrove calls steps
        import resource
        from pathlib import Path

        def spent():
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return used.ru_utime + used.ru_stime

        before = spent()
        yield from data
        Path(self.folder, f"children-{rank}").write_text(str(spent() - before))


def provide_model(model):
    folder = Path(cached_assets_path("datatrove", "lid", FT176LID.MODEL_SUBFOLDER))
    file = folder / strip_protocol(FT176LID.MODEL_URL).replace("/", "_")
    completed = Path(f"{file}.completed")
    if not completed.exists():
        shutil.copyfile(model, file)
        completed.touch()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--warcs", required=True, help="folder")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--lid", required=True, help="model file of fastText lid.176")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    provide_model(args.lid)
    url_filter = URLFilter(exclusion_writer=JsonlWriter(f"{args.out}/removed/1_url"))
    url_filter.tldextractor = TLDExtract(suffix_list_urls=(), cache_dir=None)
    steps = [
        WarcReader(args.warcs, glob_pattern="*.warc.gz", default_metadata={"dump": "bench"}),
        url_filter,
        Trafilatura(favour_precision=True),
        LanguageFilter(
            languages=["en"],
            exclusion_writer=JsonlWriter(
                f"{args.out}/2_non_english/",
                output_filename="${language}/bench/${rank}.jsonl.gz",
            ),
        ),
        GopherRepetitionFilter(exclusion_writer=JsonlWriter(f"{args.out}/removed/3_gopher_rep")),
        GopherQualityFilter(exclusion_writer=JsonlWriter(f"{args.out}/removed/4_gopher_qual")),
        C4QualityFilter(
            filter_no_terminal_punct=False,
            exclusion_writer=JsonlWriter(f"{args.out}/removed/5_c4"),
        ),
        FineWebQualityFilter(exclusion_writer=JsonlWriter(f"{args.out}/removed/6_fineweb_qual")),
        JsonlWriter(f"{args.out}/output"),
    ]
    executor = LocalPipelineExecutor(
        [Prepare(), *steps, CountChildren(str(args.out))],
        tasks=args.workers,
        workers=args.workers,
        logging_dir=str(args.out / "log"),
    )
    stats = executor.run()
    result = {
        name: {"seconds": block.time_stats.total}
        | {key: found.total for key, found in block.stats.items()}
        for name, block in zip(BLOCKS, stats.stats, strict=True)
    }
    children = [float(file.read_text()) for file in args.out.glob("children-*")]
    result["extract"]["seconds"] += sum(children)
    (args.out / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
