"""Drop pages by their address: block-listed domains and URLs, and words that give a site away.

The rules of FineWeb's and RefinedWeb's URL filter (Penedo et al. 2023, arXiv 2306.01116, G.1) as
datatrove 0.10.1 applies them (``URLFilter``), with two mends: words are compared in lower case
unless ``case_sensitive_words`` asks for datatrove's slip, and hosts always are.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from gristmill.filters import blocklist
from gristmill.pipeline.stage import Judge, Map, first_reason, with_columns

_NOT_WORD = re.compile("[^a-zA-Z0-9]+")
#: Longest authority worth parsing: a host name has at most 253 characters (RFC 1035).
_MAX_AUTHORITY = 1024


class UrlSignals(Map):
    """Look a page's URL up in the block lists and count words that give a site away."""

    needs: ClassVar[tuple[str, ...]] = ("url",)

    lists: tuple[str, ...] = (blocklist.BUILTIN,)
    extra_domains: tuple[str, ...] = ()
    extra_urls: tuple[str, ...] = ()
    case_sensitive_words: bool = False

    def adds(self) -> Mapping[str, pa.DataType]:
        """Where the URL is listed, and how many different words of each word list it holds."""
        return {
            "url.valid": pa.bool_(),
            "url.blocked": pa.string(),  # "domain", "subdomain", "url"; null: not listed
            "url.hard_words": pa.int32(),
            "url.soft_words": pa.int32(),
            "url.subwords": pa.int32(),
        }

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the signals.

        Raises:
            ConfigError: a list cannot be read, or the cache folder cannot be written.
        """
        urls = [url or "" for url in batch.column("url").to_pylist()]
        hosts = [_host(url) for url in urls]
        words = blocklist.word_lists() if blocklist.BUILTIN in self.lists else None
        counts = [_count(url, words, self.case_sensitive_words) for url in urls]
        types = self.adds()
        columns = {
            "url.valid": pa.array([host is not None for host in hosts], types["url.valid"]),
            "url.blocked": self._blocked(urls, hosts),
        }
        for i, name in enumerate(("url.hard_words", "url.soft_words", "url.subwords")):
            columns[name] = pa.array([count[i] for count in counts], types[name])
        return with_columns(batch, columns)

    def _blocked(self, urls: list[str], hosts: list[tuple[str, str] | None]) -> pa.StringArray:
        domains, addresses = _sets(self.lists, self.extra_domains, self.extra_urls)
        registered = [host[0] if host else "" for host in hosts]
        full = [host[1] if host else "" for host in hosts]
        checks = (("domain", domains, registered), ("subdomain", domains, full))
        listed = [
            (reason, pa.array(np.any([s.contains(entries) for s in sets], axis=0)))
            for reason, sets, entries in (*checks, ("url", addresses, urls))
        ]
        return first_reason(len(urls), *listed)


class UrlFilter(Judge):
    """Drop pages whose URL is block-listed or holds telling words.

    ``lists`` names ``builtin`` (UT1 and datatrove's word lists) and text files with one domain a
    line; the word rules apply where ``builtin`` is among them. A URL without a host, or one that
    cannot be parsed, is ``bad_url``.
    """

    needs: ClassVar[tuple[str, ...]] = tuple(UrlSignals().adds())

    lists: tuple[str, ...] = (blocklist.BUILTIN,)
    soft_word_threshold: Annotated[int, Field(ge=1)] = 2
    extra_domains: tuple[str, ...] = ()
    extra_urls: tuple[str, ...] = ()
    case_sensitive_words: bool = False

    def assets(self) -> Mapping[str, str]:
        """The lists. Raises ConfigError where one cannot be read."""
        return {name: blocklist.digest(name) for name in self.lists}

    def reasons(self) -> tuple[str, ...]:
        """``bad_url``, then datatrove's reasons in its order."""
        words = ("hard_blacklisted", "soft_blacklisted", "blacklisted_subword")
        return ("bad_url", "domain", "subdomain", "url", *words)

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return the first broken rule of each URL."""
        blocked = batch.column("url.blocked")
        return first_reason(
            batch.num_rows,
            ("bad_url", pc.invert(batch.column("url.valid"))),
            *((where, pc.equal(blocked, where)) for where in ("domain", "subdomain", "url")),
            ("hard_blacklisted", pc.greater(batch.column("url.hard_words"), 0)),
            (
                "soft_blacklisted",
                pc.greater_equal(batch.column("url.soft_words"), self.soft_word_threshold),
            ),
            ("blacklisted_subword", pc.greater(batch.column("url.subwords"), 0)),
        )

    def steps(self) -> tuple[Map | Judge, ...]:
        """Look up, then judge."""
        shared = {name: getattr(self, name) for name in UrlSignals.model_fields}
        return (UrlSignals(**shared), self)


@lru_cache(maxsize=8)
def _sets(
    lists: tuple[str, ...], domains: tuple[str, ...], urls: tuple[str, ...]
) -> tuple[list[blocklist.HashSet], list[blocklist.HashSet]]:
    loaded = [blocklist.load(name) for name in lists]
    extra = blocklist.hash_set(map(str.lower, domains)), blocklist.hash_set(urls)
    return [*(pair[0] for pair in loaded), extra[0]], [*(pair[1] for pair in loaded), extra[1]]


def _host(url: str) -> tuple[str, str] | None:
    """Return (registered domain, full host name) in lower case; None where the URL is bad.

    Both are empty for an IP address or a host without a public suffix: such a host is in no list.
    """
    head = re.match(r"[^/?#]*//[^/?#]*", url)
    return _parse_head(head.group()) if head and head.end() <= _MAX_AUTHORITY else None


# Pages of a site come together, so the authority part is parsed once for many of them.
@lru_cache(maxsize=1 << 14)
def _parse_head(head: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(head)
        valid = bool(parts.scheme and parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    if not valid:
        return None
    found = _suffixes()(head.lower())
    domain = f"{found.domain}.{found.suffix}" if found.domain and found.suffix else ""
    return domain, f"{found.subdomain}.{domain}" if domain and found.subdomain else domain


@lru_cache(maxsize=1)
def _suffixes() -> Any:
    """Return tldextract with the public suffix list in its package; it asks no network."""
    import tldextract

    return tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())


def _count(
    url: str, lists: blocklist.WordLists | None, case_sensitive: bool
) -> tuple[int, int, int]:
    """Return how many different hard words, soft words and subwords a URL holds."""
    if lists is None:
        return 0, 0, 0
    found = set(_NOT_WORD.split(url if case_sensitive else url.lower()))
    joined = _NOT_WORD.sub("", url).lower()
    subwords = {word for _, word in _automaton().iter(joined)}
    return len(lists.hard & found), len(lists.soft & found), len(subwords)


@lru_cache(maxsize=1)
def _automaton() -> Any:
    """Return an Aho-Corasick automaton of the subwords: one pass, whatever the URL's length."""
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for word in sorted(blocklist.word_lists().subwords):
        automaton.add_word(word, word)
    automaton.make_automaton()
    return automaton
