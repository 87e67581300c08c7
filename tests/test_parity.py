"""datatrove as oracle on real pages, and every listed difference shown by a text of our own."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import strategies
from hypothesis import given
from parity_checks import EXCEPTIONS, differences, judge, judge_ours
from parity_oracle import CHECKS, Oracle, judge_theirs

from gristmill.filters import blocklist
from gristmill.filters import language as our_language
from gristmill.filters.url import UrlFilter
from gristmill.pipeline.extract import Extract
from gristmill.pipeline.warc import read_warc

pytestmark = pytest.mark.filterwarnings("ignore:The 'registered_domain' property")
#: One page in so many is extracted and judged by all filters; the URLs are judged of all pages.
EVERY = 64
PROSE = "The mill stands by the river, and the miller has to be up early to grind the grain. "


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRISTMILL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def batches(shared_data: Path) -> list[Any]:
    """All real pages, as read."""
    paths = sorted((shared_data / "warc").glob("*.warc.gz"))
    return [batch for i, path in enumerate(paths) for batch in read_warc(str(path), i, Counter())]


def ask(domains: list[str]) -> Oracle:
    return Oracle(our_language._builtin(), Path("unused"), domains)


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    return ask(["listed.com"])


@pytest.fixture(scope="module")
def real_oracle(batches: list[Any]) -> Oracle:
    """The oracle with what the block lists say of the hosts of the real pages."""
    urls = [url for batch in batches for url in batch.column("url").to_pylist()]
    hosts = {re.split("[/:]+", url)[1].lower() for url in urls}
    names = {host.split(".", i)[-1] for host in hosts for i in range(host.count(".") + 1)}
    archive = blocklist._member(blocklist._asset(blocklist._ARCHIVE), "domains")
    return ask([entry.decode() for entry in archive if entry.decode(errors="replace") in names])


def compare(oracle: Oracle, pages: list[tuple[str, str, str]]) -> list[Any]:
    """Return all differences on (where, text, URL)."""
    ours = judge_ours([text for _, text, _ in pages], [url for _, _, url in pages])
    return [
        difference
        for page, mine in zip(pages, ours, strict=True)
        for difference in differences(oracle, page, mine, judge_theirs(oracle, *page[1:]))
    ]


@pytest.mark.real_data
@pytest.mark.parametrize("engine", ["resiliparse", "plain"])
def test_real_pages(real_oracle, batches, engine):
    shift = EVERY // 2 if engine == "plain" else 0
    table = pa.Table.from_batches(batches)
    table = table.take(pa.array(range(shift, table.num_rows, EVERY))).combine_chunks()
    rows = [r for b in table.to_batches() for r in Extract(engine=engine)(b).to_pylist()]
    pages = [(f"{r['warc']}:{r['offset']}", r["text"] or "", r["url"]) for r in rows]
    assert len(pages) > 100
    found = compare(real_oracle, pages)
    assert [d for d in found if d.explained_by is None] == []


@pytest.mark.real_data
def test_urls_of_all_real_pages(real_oracle, batches):
    urls = [url for batch in batches for url in batch.column("url").to_pylist()]
    theirs = [real_oracle.judge("url_filter", "text", url).reason for url in urls]
    ours = [row.reason for row in judge(UrlFilter(), ["text"] * len(urls), urls)]
    assert ours == theirs
    assert len(set(theirs)) > 1


@strategies.searching
@given(strategies.texts)
def test_odd_texts(oracle, text):
    """Verdicts, reasons, rewritten text, words and every number that datatrove shows."""
    found = compare(oracle, [("made up", text, "http://a.com/")])
    assert [d for d in found if d.explained_by is None] == []


@pytest.fixture(scope="module")
def listed() -> str:
    """A domain of the block lists."""
    return next(blocklist._member(blocklist._asset(blocklist._ARCHIVE), "domains")).decode()


@pytest.fixture(scope="module")
def shown(listed: str) -> dict[str, tuple[str, str, str]]:
    """Exception → (check, text, URL) that shows it."""
    good = "http://a.org/"
    return {
        "url_words_any_case": ("url_filter", PROSE, "http://a.org/ASS/ANUS"),
        "url_host_any_case": ("url_filter", PROSE, f"http://www.{listed.upper()}/"),
        "bad_url": ("url_filter", PROSE, "http:///path"),
        "no_letter": ("language", "(:", good),  # "English" to fastText, with 0.69
        "symbol_run": ("words", PROSE + "x" + "!" * 200 + "y", good),
        "long_chunk": ("words", PROSE + "1:" * 400, good),
        "is_alpha": ("words", PROSE + "IS_ALPHA", good),
    }


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_every_listed_exception_occurs(shown, listed, exception):
    check, text, url = shown[exception]
    found = {d.check: d for d in compare(ask([listed]), [("made up", text, url)])}
    assert {d.explained_by for d in found.values()} == {exception}
    assert "verdict" in found[check].kinds or check == "words"


def test_plain_prose_shows_no_difference(oracle):
    text = "\n".join(f"{PROSE} It is {word}." for word in ("one", "two", "three", "four", "five"))
    assert compare(oracle, [("made up", text, "http://a.org/mill")]) == []
    assert set(judge_theirs(oracle, text, "http://a.org/")) == set(CHECKS)


def test_options_that_reproduce_theirs(oracle):
    """Where an exception has an option, it leaves no difference."""
    stage = UrlFilter(case_sensitive_words=True)
    for url in ("http://a.org/ASS/ANUS", "http://a.org/ass/anus", "http://a.org/2G1C"):
        (ours,) = judge(stage, [""], [url])
        assert ours.reason == oracle.judge("url_filter", "", url).reason


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_an_exception_excuses_nothing_else(shown, oracle, exception):
    """A verdict that is wrong for another reason stays unexplained, on the same document."""
    _, text, url = shown[exception]
    theirs = judge_theirs(oracle, text, url)
    wrong = {
        name: replace(verdict, reason="made_up" if verdict.reason is None else None)
        for name, verdict in theirs.items()
    }
    found = {d.check: d.explained_by for d in differences(oracle, ("x", text, url), wrong, theirs)}
    excused = {name for name, why in found.items() if why is not None}
    assert set(found) >= {"url_filter", "gopher_quality", "c4"}
    own = {"no_letter": {"language"}, "url_words_any_case": {"url_filter"}}
    assert excused <= own.get(exception, set())


def test_the_page_lists_every_exception():
    page = (Path(__file__).parents[1] / "docs/parity.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(\w+)` ", page, re.MULTILINE)) >= set(EXCEPTIONS)
