"""Our verdicts beside datatrove's: what is compared, and which differences are deliberate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from parity_oracle import CHAINED, CHECKS, FILTERS, Oracle, Verdict, digested, judge_theirs, reading

from gristmill.filters.url import UrlFilter
from gristmill.pipeline import text as our_text
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import apply
from gristmill.recipe import load_recipe

#: Deliberate differences; docs/parity.md gives the reasons, tests/test_parity.py pins each.
EXCEPTIONS = {
    "url_words_any_case": "a banned word counts in any case; case_sensitive_words gives theirs",
    "url_host_any_case": "a listed host counts in any case",
    "bad_url": "a URL without a host or that cannot be parsed is dropped",
    "no_letter": "a text without a letter has no language",
    "symbol_run": "runs of 128 symbols and more are cut before words are split",
    "long_chunk": "chunks over 250 characters (Chinese: 2,000) are cut before words are split",
    "is_alpha": "the string IS_ALPHA is always a space, not only gone when spaCy trips over it",
}


@dataclass(frozen=True)
class Difference:
    """One document that the two judge differently."""

    check: str
    where: str
    ours: str
    theirs: str
    kinds: tuple[str, ...]
    explained_by: str | None


def judge_ours(texts: Sequence[str], urls: Sequence[str | None]) -> list[dict[str, Verdict]]:
    """Return our verdicts on a batch of documents, by the stages of the recipe ``fineweb``."""
    stages = _stages()
    found = [{"words": Verdict(None, None, {"words": list(our_text.words(t))})} for t in texts]
    for name in FILTERS:
        if name != "words":
            for row, verdict in zip(found, judge(stages[name], texts, urls), strict=True):
                row[name] = verdict
    for row in found:  # datatrove's language filter gives no reason
        if row["language"].reason is not None:
            row["language"] = replace(row["language"], reason="language")
    kept = [i for i, row in enumerate(found) if row["c4"].text is not None]
    rewritten = [found[i]["c4"].text or "" for i in kept]
    chained = judge(stages["fineweb_quality"], rewritten, [None] * len(kept))
    for i, verdict in zip(kept, chained, strict=True):
        found[i][CHAINED] = verdict
    return [{name: digested(v) for name, v in row.items()} for row in found]


@lru_cache(maxsize=1)
def _stages() -> dict[str, Any]:
    return dict(load_recipe("fineweb").named_stages())


def judge(stage: Any, texts: Sequence[str], urls: Sequence[str | None]) -> Iterator[Verdict]:
    rows = {}
    for part in apply(stage, documents(texts, urls)):
        rows |= {row["key"]: row for row in part.to_pylist()}
    for i in range(len(texts)):
        reason = rows[i].pop("reason", None)
        yield Verdict(reason, rows[i].pop("text") if reason is None else None, rows[i])


def kinds(ours: Verdict, theirs: Verdict) -> tuple[str, ...]:
    """Return in what two verdicts differ: nothing, or "verdict", "reason", "text", "number:…"."""
    found = []
    if (ours.reason is None) != (theirs.reason is None):
        found.append("verdict")
    elif ours.reason != theirs.reason:
        found.append("reason")
    if ours.reason is None is theirs.reason and ours.text != theirs.text:
        found.append("text")
    numbers = theirs.numbers.items()
    found += [f"number:{key}" for key, value in numbers if ours.numbers.get(key) != value]
    return tuple(found)


def differences(
    oracle: Oracle,
    document: tuple[str, str, str | None],
    ours: Mapping[str, Verdict],
    theirs: Mapping[str, Verdict],
) -> Iterator[Difference]:
    """Compare all verdicts on one document.

    Args:
        oracle: asked again to explain a difference.
        document: (name for the list, text, URL).
        ours: from :func:`judge_ours`.
        theirs: from :func:`judge_theirs`.
    """
    where, text, url = document
    for check in CHECKS:
        mine, its = ours.get(check), theirs.get(check)
        if mine is None or its is None:
            continue  # C4 dropped the text on one side, which is a difference of its own
        found = kinds(mine, its)
        if check == CHAINED and kinds(ours["c4"], theirs["c4"]):
            continue
        if found:
            why = explain(oracle, check, text, url, mine)
            yield Difference(check, where, _show(mine, found), _show(its, found), found, why)


def _show(verdict: Verdict, found: tuple[str, ...]) -> str:
    named = [kind.removeprefix("number:") for kind in found if kind.startswith("number:")]
    numbers = [f"{name}={verdict.numbers.get(name)}" for name in named[:3]]
    return " ".join([verdict.reason or "kept", *numbers])


def explain(oracle: Oracle, check: str, text: str, url: str | None, ours: Verdict) -> str | None:
    """Return the listed exception that a difference stands for, after proving that it does.

    A proof is a second verdict: ours with the option that reproduces theirs, or theirs on what we
    read. It must leave no difference.
    """
    if check == "url_filter":
        return _explain_url(oracle, url or "", ours)
    if check == "language":
        return None if any(map(str.isalpha, text)) else "no_letter"
    read = our_text._encodable(text)
    if read != text:
        with reading(our_text._encodable):
            again = judge_theirs(oracle, text, url)
        if check in again and not kinds(ours, again[check]):
            if "IS_ALPHA" in text:
                return "is_alpha"
            pieces = map(len, our_text._SYMBOLS.sub(" ", text).split())
            return "long_chunk" if max(pieces) > our_text.LONGEST_CHUNK else "symbol_run"
    return None


def _explain_url(oracle: Oracle, url: str, ours: Verdict) -> str | None:
    if ours.reason == "bad_url":
        return "bad_url"
    theirs = oracle.judge("url_filter", "", url).reason
    (strict,) = judge(UrlFilter(case_sensitive_words=True), [""], [url])
    if url == url.lower():
        return None
    if strict.reason == theirs:
        return "url_words_any_case"
    host = urlsplit(url).netloc
    lowered = oracle.judge("url_filter", "", url.replace(host, host.lower(), 1)).reason
    return "url_host_any_case" if lowered in (strict.reason, ours.reason) else None
