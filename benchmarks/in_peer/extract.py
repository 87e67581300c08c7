"""Extract pages exactly as datatrove calls trafilatura. Runs in the peer's environment.

Reads JSON lines {"html": …}, writes {"text": …, "failed": …, "cpu": seconds} in the same order. The
pages go through one process, as in datatrove's child, because ``deduplicate`` remembers earlier
pages.
"""

import argparse
import json
import time

from datatrove.pipeline.extractors import Trafilatura

WARM = "<html><body><p>The mill at the end of the valley turns slowly today.</p></body></html>"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pages")
    parser.add_argument("texts")
    args = parser.parse_args()
    extractor = Trafilatura(favour_precision=True)
    extractor.extract(WARM)
    with open(args.pages, encoding="utf-8") as pages, open(args.texts, "w") as texts:
        for line in pages:
            html = json.loads(line)["html"]
            begun = time.process_time()
            text, failed = None, False
            try:
                text = extractor.extract(html)
            except Exception:  # noqa: BLE001 - datatrove drops such a page
                failed = True
            row = {"text": text, "failed": failed, "cpu": time.process_time() - begun}
            texts.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
