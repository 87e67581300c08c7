"""What people see."""

import io
from typing import Any

import pytest
from rich.console import Console

from gristmill import console as module
from gristmill.console import LiveProgress, drops_table, funnel_table, print_report
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.report import Report
from gristmill.pipeline.run import TaskFailure, TaskResult

STAGES = (
    StageCount(name="read", docs_in=2000, docs_out=1000, drops={"not_html": 900, "empty": 100}),
    StageCount(name="c4", docs_in=1000, docs_out=10, drops={"lorem_ipsum": 990}),
)


def report(**changes: Any) -> Report:
    body: dict[str, Any] = {
        "run_id": "abc", "recipe": {"name": "r"}, "stages": STAGES, "cpu_seconds": {"c4": 12.34},
        "tokens": {"train": 0, "val": 0}, "shards": (), "missing": (), "flags": {}, "figures": {},
    }  # fmt: skip
    return Report(**(body | changes))


def shown(thing: Any, *, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=terminal)
    if isinstance(thing, Report):
        print_report(console, thing)
    else:
        console.print(thing)
    return out.getvalue()


def test_the_funnel() -> None:
    lines = [line.split() for line in shown(funnel_table(report())).splitlines()]
    assert ["r", "·", "run", "abc"] in lines
    assert ["read", "2,000", "1,000", "50.0%", "█" * 10, "0.0"] in lines
    assert ["c4", "1,000", "10", "1.0%", "█", "12.3"] in lines


def test_a_funnel_of_nothing() -> None:
    empty = report(stages=(StageCount(name="read", docs_in=0, docs_out=0),))
    assert ["read", "0", "0", "–", "0.0"] in [x.split() for x in shown(empty).splitlines()]
    assert "why documents were dropped" not in shown(empty)
    assert "stage" in shown(report(stages=()))


def test_reasons_commonest_first() -> None:
    words = shown(drops_table(report())).split()
    assert words.index("not_html") < words.index("empty") < words.index("lorem_ipsum")
    assert words.count("read") == 1


def test_the_whole_report() -> None:
    text = shown(report(tokens={"train": 9000, "val": 12}, shards=({}, {}), missing=(("x", 3),)))
    assert "tokens: 9,000 train, 12 val in 2 files" in text
    assert "not finished: x, 3 tasks to do, and 0 rounds after it" in text
    text = shown(report(figures={"minhash_dedup": {"pairs_refuted": 1234, "clusters": 5}}))
    assert "minhash_dedup: 1,234 pairs refuted, 5 clusters" in text


def test_progress_without_a_terminal_is_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=100)) as watch:
        watch.on_round("curate", 3, 1)
        watch.on_tick(1, {"docs_in": 10, "docs_out": 5})
        watch.on_result(TaskResult(1, 10, 5))
        monkeypatch.setattr(module, "_PLAIN_SECONDS", 0.0)
        watch.on_result(TaskFailure(2, "in[2].warc: [red] is damaged " + "x" * 200))
        monkeypatch.setattr(module, "_PLAIN_SECONDS", 10.0)
        watch.on_round("sealed", 2, 2)
    lines = out.getvalue().splitlines()
    assert lines[0] == "curate: 2 of 3 shards to do"
    assert lines[1] == "curate shard 2: in[2].warc: [red] is damaged " + "x" * 200
    assert lines[2].startswith("curate: 3/3 10 docs, ")
    assert lines[2].endswith("5 kept (50% dropped)")
    assert len(lines) == 3


def test_progress_in_a_terminal() -> None:
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=120, force_terminal=True)) as watch:
        watch.on_round("curate", 2, 0)
        watch.on_tick(0, {"docs_in": 10})
        watch.on_result(TaskResult(0, 10, 5))
        watch.on_result(TaskResult(1, 10, 5))
    assert "curate" in out.getvalue()
    assert "2/2" in out.getvalue()


def test_nothing_of_others_is_markup_or_acts_on_the_terminal() -> None:
    out = io.StringIO()
    with LiveProgress(Console(file=out, width=100)) as watch:
        watch.on_round("curate", 1, 0)
        watch.on_result(TaskFailure(0, "no token [/b]\x1b]0;owned\x07"))
    assert "no token [/b]⟨U+001B⟩]0;owned⟨U+0007⟩" in out.getvalue()
    stage = StageCount(name="a[/b]", docs_in=2, docs_out=1, drops={"c[/d]": 1})
    text = shown(report(stages=(stage,)))
    assert "a[/b]" in text
    assert "c[/d]" in text
