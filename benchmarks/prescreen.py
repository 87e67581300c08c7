"""What the pre-screen spares and what it loses: a recipe with it and without, on the same WARCs.

Both runs end before the first barrier. A keeper is a document that the run without the pre-screen
keeps; the loss is the share of keepers that the run with it lacks. Documents are compared by id
and text.

Exit 1 where more than one keeper in a thousand is lost.

    python benchmarks/prescreen.py [--recipe fineweb] [--warc GLOB] [--set prescreen.drop_below=0.1]
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from systems import curation_only

from gristmill.api import run
from gristmill.recipe import Recipe, load_recipe

WARCS = Path(__file__).resolve().parents[2] / "shared/data/warc/*.warc.gz"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="fineweb")
    parser.add_argument("--warc", default=str(WARCS))
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    screened = curation_only(load_recipe(args.recipe, args.set, [args.warc]))
    stages = tuple(s for name, s in screened.named_stages() if name != "prescreen")
    if len(stages) == len(screened.stages):
        raise SystemExit(f"{args.recipe}: has no prescreen")
    without, _ = kept_documents(screened.model_copy(update={"stages": stages}))
    found, report = kept_documents(screened)
    stage = next(s for s in report.stages if s.name == "prescreen")
    lost = without.keys() - found.keys()
    body = {
        "pages": stage.docs_in,
        "spared": stage.docs_in - stage.docs_out,
        "drops": stage.drops,
        "keepers": len(without),
        "lost": sorted(lost),
        "other_text": sum(found[key] != text for key, text in without.items() if key in found),
    }
    share = stage.docs_in - stage.docs_out
    print(f"{stage.docs_in} pages, {share} ({share / stage.docs_in:.1%}) never reach the extractor")
    print(f"{len(without)} keepers, {len(lost)} lost ({len(lost) / max(1, len(without)):.2%})")
    for url in sorted(lost):
        print(f"  lost: {url}")
    if args.json:
        args.json.write_text(json.dumps(body) + "\n")
    return int(len(lost) > 0.001 * len(without))


def kept_documents(recipe: Recipe) -> tuple[dict[str, str], object]:
    """Run a recipe; return URL or id and text of what it keeps, and its report."""
    with tempfile.TemporaryDirectory(prefix="gristmill-prescreen-") as temp:
        report = run(recipe, Path(temp) / "out")
        kept: dict[str, str] = {}
        for path in sorted((Path(temp) / "out/documents").glob("*.kept.parquet")):
            table = pq.read_table(path, columns=["id", "url", "text"])
            kept |= {f"{row['url']} {row['id']}": row["text"] for row in table.to_pylist()}
    return kept, report


if __name__ == "__main__":
    sys.exit(main())
