"""datatrove's DocumentTokenizer: Parquet to shuffled token files. Runs in the peer's environment.

As its examples/tokenize_c4.py has it, with local files. Each task shuffles its own documents; the
merger that would shuffle across tasks is left out, which helps the peer.
"""

import argparse

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.tokens import DocumentTokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--documents", required=True, help="folder")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    writer = DocumentTokenizer(
        output_folder=f"{args.out}/tokens",
        tokenizer_name_or_path=args.tokenizer,
        eos_token="<|endoftext|>",  # noqa: S106 - no password
        seed=1,
    )
    LocalPipelineExecutor(
        pipeline=[ParquetReader(args.documents, glob_pattern="*.parquet"), writer],
        tasks=args.workers,
        workers=args.workers,
        logging_dir=f"{args.out}/log",
        skip_completed=False,
    ).run()


if __name__ == "__main__":
    main()
