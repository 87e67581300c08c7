"""Write the sample crawl: four WARC files, and a list of what was planted in them."""

import json
from pathlib import Path
from typing import Any

from gristmill.demo.collection import collect
from gristmill.demo.dice import Dice
from gristmill.demo.model import Capture
from gristmill.demo.records import RecordWriter

FILES = 4


def _planted(captures: list[Capture], files: dict[str, str]) -> dict[str, Any]:
    """Return what a checker of the pipeline wants to know, as plain lists."""

    def urls(kind: str) -> list[str]:
        return [c.url for c in captures if c.kind == kind]

    def pairs(kind: str) -> list[list[str]]:
        return [[c.notes["original"], c.url] for c in captures if c.kind == kind]

    return {
        "pages": [
            {"url": c.url, "language": c.language, "kind": c.kind, "file": files[c.url]}
            for c in captures
        ],
        "spam": urls("spam"),
        "exact_duplicates": pairs("exact duplicate"),
        "near_duplicates": pairs("near duplicate"),
        "pii": [{"url": c.url, **json.loads(c.notes["pii"])} for c in captures if "pii" in c.notes],
        "bad_encodings": [
            {"url": c.url, "encoding": c.notes["encoding"], "label": c.content_type}
            for c in captures
            if "encoding" in c.notes
        ],
        "damaged": [{"url": c.url, "file": files[c.url]} for c in captures if c.damaged],
        "truncated": [c.url for c in captures if c.truncated],
        "not_200": [c.url for c in captures if not c.status.startswith("200")],
        "not_html": urls("not html"),
        "empty": urls("empty body"),
        "deep": urls("deep nesting"),
    }


def write_crawl(folder: Path) -> list[Path]:
    """Write ``demo-00000.warc.gz`` to ``demo-00003.warc.gz`` and ``crawl.json`` into ``folder``.

    Every call writes the same bytes. Each WARC holds a warcinfo record and, for each page, a
    request, a response and a metadata record, one gzip member each, as Common Crawl does.

    Returns:
        The WARC files, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    captures = Dice("order").shuffled(collect())
    # The damaged record stands in the middle of its file, with good ones before and after it.
    captures.sort(key=lambda c: c.damaged)
    damaged = captures.pop()
    captures.insert(FILES * (len(captures) // (2 * FILES)) + 1, damaged)
    paths, files = [], {}
    for number in range(FILES):
        path = folder / f"demo-{number:05d}.warc.gz"
        share = captures[number::FILES]
        with path.open("wb") as out:
            RecordWriter(out, path.name).write_all(share)
        files.update({capture.url: path.name for capture in share})
        paths.append(path)
    ordered = sorted(captures, key=lambda c: c.url)
    text = json.dumps(_planted(ordered, files), ensure_ascii=False, indent=1)
    (folder / "crawl.json").write_text(text + "\n", "utf-8")
    return paths
