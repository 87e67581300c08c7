"""datatrove's four MinHash stages on Parquet files. Runs in the peer's environment.

As its examples/minhash_deduplication.py has them (5-grams, 14 x 8, 64 bits, English), with these
differences, each of which is free of cost or helps the peer:

- LocalPipelineExecutor with one worker, all four in one process, instead of Slurm;
- one task reads all files, in both stages that read: fewer files, the tokenizer loaded once;
- Parquet instead of JSONL; what is removed is written too, as there, and as ours does;
- no token counter before the filter.
"""

import argparse
import json
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.hashing import HashConfig
from datatrove.utils.typeshelper import Languages


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", required=True, help="folder")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out = args.out
    config = MinhashConfig(
        hash_config=HashConfig(precision=64), n_grams=5, num_buckets=14, hashes_per_bucket=8
    )
    signature = MinhashDedupSignature(
        output_folder=f"{out}/signatures", config=config, language=Languages.english
    )
    buckets = MinhashDedupBuckets(
        input_folder=f"{out}/signatures", output_folder=f"{out}/buckets", config=config
    )
    cluster = MinhashDedupCluster(
        input_folder=f"{out}/buckets", output_folder=f"{out}/remove", config=config
    )
    chosen = MinhashDedupFilter(
        input_folder=f"{out}/remove", exclusion_writer=ParquetWriter(f"{out}/removed")
    )

    def read():
        return ParquetReader(args.documents, glob_pattern="*.parquet")

    stages = {
        "signatures": ([read(), signature], 1),
        "buckets": ([buckets], config.num_buckets),
        "cluster": ([cluster], 1),
        "filter": ([read(), chosen, ParquetWriter(f"{out}/output")], 1),
    }
    seconds = {}
    for name, (steps, tasks) in stages.items():
        begun = time.process_time()
        executor = LocalPipelineExecutor(
            steps, tasks=tasks, workers=1, logging_dir=f"{out}/log/{name}"
        )
        stats = executor.run()
        seconds[name] = time.process_time() - begun
    counts = {key: found.total for key, found in stats.stats[1].stats.items()}
    Path(out, "result.json").write_text(json.dumps({"seconds": seconds, "counts": counts}))


if __name__ == "__main__":
    main()
