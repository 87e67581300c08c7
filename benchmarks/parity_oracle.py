"""datatrove's filters as the FineWeb recipe calls them: offline, one document at a time.

Three bridges, none of which touches a rule: the package check is skipped (it asks for a file-lock
package and for the name of one particular fastText wheel), the public suffix list is the one in
the tldextract package (datatrove would download it), and the language filter gets *our* model file
through the fasttext package that is here, whose scores lack only numpy's ``item``.
"""

import gc
import json
import tarfile
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import xxhash
from datatrove.data import Document
from datatrove.pipeline import filters as theirs
from datatrove.pipeline.filters import c4_filters, gopher_repetition_filter, url_filter
from datatrove.utils import text as their_text
from datatrove.utils._import_utils import ASSETS_PATH
from datatrove.utils.stats import Stats

WORD_LISTS = ("banned_words", "banned_subwords", "soft_banned_words")
_FILTERS = "datatrove.pipeline.filters"
#: Filters judged on every text, in an order in which datatrove's memo of words is of use.
FILTERS = ("url_filter", "language", "words", "gopher_repetition", "gopher_quality")
FILTERS += ("fineweb_quality", "c4")
#: The same and FineWeb's filter on what C4 leaves of a text, as in the recipe.
CHAINED = "fineweb_quality after c4"
CHECKS = (*FILTERS, CHAINED)


@dataclass(frozen=True)
class Verdict:
    """What a filter says of a document.

    Attributes:
        reason: why it is dropped; None where it is kept.
        text: the text of a kept document, as the filter leaves it.
        numbers: what was measured, by the name of our column.
    """

    reason: str | None
    text: str | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)


class Oracle:
    """The six filters of the recipe, and the word list that four of them share."""

    def __init__(self, model: Path, lists: Path, domains: Iterable[str] | None = None) -> None:
        """Load what they need.

        Args:
            model: fastText file of the language filter.
            lists: folder for the unpacked block lists (125 MB).
            domains: these instead of the 4.6 million of the block lists, which take 1 GB.
        """
        with patch("datatrove.pipeline.base.check_required_dependencies", lambda *_: None):
            self.steps = {
                "url_filter": _url_filter(lists, domains),
                "language": theirs.LanguageFilter(languages=["en"]),
                "gopher_repetition": theirs.GopherRepetitionFilter(),
                "gopher_quality": theirs.GopherQualityFilter(),
                "c4": theirs.C4QualityFilter(filter_no_terminal_punct=False),
                "fineweb_quality": theirs.FineWebQualityFilter(),
            }
        self.steps["language"].model._model = _Model(model)
        gc.freeze()  # millions of strings that need not be looked at again

    def judge(self, name: str, text: str, url: str | None = None) -> Verdict:
        """Judge one document with one filter; ``words`` gives the words instead."""
        document, measured = Document(text, "0", metadata={"url": url}), dict[str, Any]()
        self._sentences = 0
        try:
            if name == "words":
                return Verdict(None, None, {"words": their_text.split_into_words(text)})
            self.steps[name].stats = Stats(name)
            with (
                patch.object(c4_filters, "split_into_sentences", self._count_sentences),
                _recorder(measured, text) if name == "gopher_repetition" else nullcontext(),
            ):
                found = self.steps[name].filter(document)
        except Exception as error:  # noqa: BLE001  (a page that breaks it is a finding)
            return Verdict(f"raises {type(error).__name__}")
        # The language filter gives no reason.
        reason = None if found is True else found[1] if isinstance(found, tuple) else name
        if name == "c4" and reason in (None, "too_few_sentences"):  # it saw all lines
            measured |= self._lines()
        if name == "language" and text:
            measured |= {key: document.metadata[key] for key in ("language", "language_score")}
        return Verdict(reason, document.text if reason is None else None, measured)

    def _count_sentences(self, text: str, language: str) -> list[str]:
        found: list[str] = their_text.split_into_sentences(text, language)
        self._sentences += len(found)
        return found

    def _lines(self) -> Mapping[str, Any]:
        counted = self.steps["c4"].stats
        names = {
            "c4.lines": "line-total",
            "c4.dropped_long_word": "line-filter-too_long_word",
            "c4.dropped_few_words": "line-filter-too_few_words",
            "c4.dropped_javascript": "line-filter-javascript",
            "c4.dropped_policy": "line-filter-policy",
        }
        lines = {ours: int(counted[name].total) for ours, name in names.items()}
        return {**lines, "c4.sentences": self._sentences}


@contextmanager
def reading(change: Callable[[str], str]) -> Iterator[None]:
    """Let datatrove see the words and sentences of a changed text; all else is as it was."""
    places = {
        "split_into_words": ("gopher_repetition_filter", "gopher_quality_filter"),
        "split_into_sentences": (),
    }
    places["split_into_words"] += ("fineweb_quality_filter",)
    with ExitStack() as stack:
        for name, modules in places.items():
            original = getattr(their_text, name)

            def changed(text: str, *rest: Any, original: Any = original) -> Any:
                return original(change(text), *rest)

            stack.enter_context(patch.object(their_text, name, changed))
            for module in modules:
                stack.enter_context(patch(f"{_FILTERS}.{module}.{name}", changed))
        yield


def _recorder(found: dict[str, Any], text: str) -> Any:
    """Let the repetition filter leave its numbers, as far as it gets before a rule is broken."""
    module, units = gopher_repetition_filter, iter(("para", "line"))
    originals = (module.find_duplicates, module.find_top_duplicate, module.find_all_duplicate)

    def duplicates(parts: list[str]) -> tuple[int, int]:
        count, chars = originals[0](parts)
        unit = next(units)
        found[f"gopher.dup_{unit}_frac"] = count / len(parts)
        found[f"gopher.dup_{unit}_char_frac"] = chars / len(text)
        return count, chars

    def top(ngrams: list[str]) -> int:
        chars: int = originals[1](ngrams)
        n = 2 + sum(name.startswith("gopher.top") for name in found)
        found[f"gopher.top_{n}_gram"] = chars / len(text)
        return chars

    def repeated(words: list[str], n: int) -> int:
        chars: int = originals[2](words, n)
        found[f"gopher.dup_{n}_gram"] = chars / len(text)
        return chars

    names = ("find_duplicates", "find_top_duplicate", "find_all_duplicate")
    functions = (duplicates, top, repeated)
    return patch.multiple(module, **dict(zip(names, functions, strict=True)))


class _Model:
    """lid.176 through the fasttext package here, with scores that have ``item``."""

    def __init__(self, path: Path) -> None:
        from fasttext.FastText import _FastText

        self._model = _FastText(str(path))

    def predict(self, text: str, k: int) -> tuple[Any, Any]:
        labels, scores = self._model.predict(text, k=k)
        return labels, np.array(scores)


def _url_filter(folder: Path, domains: Iterable[str] | None) -> Any:
    from tldextract import TLDExtract

    warnings.filterwarnings("ignore", "The 'registered_domain' property", DeprecationWarning)
    if domains is None:
        step = url_filter.URLFilter()
        with (
            patch.object(url_filter, "cached_assets_path", lambda **_: folder),
            patch.object(url_filter, "safely_create_file", lambda *_: _unpack(folder)),
        ):
            step.download_data()
    else:
        words = {n: Path(ASSETS_PATH, f"{n}.txt").read_text().splitlines() for n in WORD_LISTS}
        listed = list(domains) or ["-"]
        step = url_filter.URLFilter(extra_domains=listed, use_integrated_lists=False, **words)
    step.tldextractor = TLDExtract(cache_dir=None, suffix_list_urls=())
    return step


def _unpack(folder: Path) -> None:
    """Unpack the block lists as datatrove does, without its lock."""
    if (folder / "urls").is_file():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=folder.parent) as fresh,
        tarfile.open(Path(ASSETS_PATH, "url_filterblacklistsv0_3_0.tar.gz")) as archive,
    ):
        archive.extractall(fresh, filter="data")
        Path(fresh).rename(folder)
        Path(fresh).mkdir()


def judge_theirs(oracle: Oracle, text: str, url: str | None) -> dict[str, Verdict]:
    """Return datatrove's verdicts on one document."""
    found = {name: oracle.judge(name, text, url) for name in FILTERS}
    rewritten = found["c4"].text
    if rewritten is not None:
        found[CHAINED] = oracle.judge("fineweb_quality", rewritten)
    return {name: digested(verdict) for name, verdict in found.items()}


def digested(verdict: Verdict) -> Verdict:
    """Keep a hash instead of a text or a word list, so that verdicts of a crawl fit in memory."""
    numbers = {k: _digest(v) if k == "words" else v for k, v in verdict.numbers.items()}
    text = verdict.text
    return Verdict(verdict.reason, None if text is None else _digest(text), numbers)


def _digest(value: Any) -> str:
    return xxhash.xxh128_hexdigest(json.dumps(value))


def to_json(verdicts: Mapping[str, Verdict]) -> str:
    """Return verdicts as one line of JSON."""
    return json.dumps({name: asdict(verdict) for name, verdict in verdicts.items()})


def from_json(line: str) -> dict[str, Verdict]:
    """Read what :func:`to_json` wrote."""
    return {name: Verdict(**fields) for name, fields in json.loads(line).items()}
