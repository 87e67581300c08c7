"""Which classes of datatrove may be a step of a recipe; how one is made, tried and run.

A recipe is data from anywhere: it may name classes below ``datatrove.pipeline`` only, with plain
arguments. A step must judge or rewrite each document by itself, and read nothing that the plan
does not know. Everything else is refused with the reason.
"""

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.decont import NGramsDecontFilter
from datatrove.pipeline.filters import URLFilter
from datatrove.pipeline.filters.base_filter import BaseFilter, get_filter_result
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.formatters.base import BaseFormatter
from datatrove.pipeline.tokens import TokensCounter
from datatrove.utils.word_tokenizers import (
    SpaCyTokenizer,
    WhitespaceTokenizer,
    load_word_tokenizer,
)

from gristmill.errors import ConfigError, ShardError

#: Packages below ``datatrove.pipeline`` that hold no step for a recipe; they are not imported.
REFUSED_PACKAGES = {
    "dedup": "it needs all documents in view; use the stage exact_dedup or minhash_dedup",
    "extractors": "its limit is wall-clock time, so its output depends on the load; "
    "use the stage extract",
    "inference": "it talks to a model server",
    "media": "documents of a recipe have no media",
    "readers": "a recipe reads through its block inputs",
    "stats": "it writes files of its own; `gristmill report` has the counts",
    "writers": "a run writes its own output",
}
#: Filters and formatters that do not depend on the document and the plan alone.
REFUSED_CLASSES = {
    "C4BadWordsFilter": "it downloads a word list for each language it meets",
    "FastTextClassifierFilter": "it needs fasttext-numpy2-wheel, which cannot stand beside the "
    "fastText runtime of gristmill",
    "LambdaFilter": "its argument is a function, and a recipe holds plain data; write a Judge",
    "LanguageFilter": "it downloads its model; use the stage language",
    "SamplerFilter": "it draws from one random stream: verdicts depend on the documents before",
    "UnigramLogProbFilter": "it downloads its word counts",
}
_PROBE = (
    "The miller opens the sluice at seven. The wheel begins to turn, and the stones that were "
    "dressed in spring grind the first sack of rye.\nBy noon the flour is in the loft."
)
_PROBE_URL = "https://mill.example/diary"


def find(path: str) -> Any:
    """Return the class of a step.

    Raises:
        ConfigError: there is none, or no step of a recipe.
    """
    module, _, name = path.rpartition(".")
    package = path.split(".")[2]
    if why := REFUSED_PACKAGES.get(package):
        raise ConfigError(f"stage datatrove: {path} cannot be a step: {why}")
    try:
        kind = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"stage datatrove: {path}: no such class ({error})") from error
    if why := REFUSED_CLASSES.get(name):
        raise ConfigError(f"stage datatrove: {name} cannot be a step: {why}")
    if not _is_step(kind):
        raise ConfigError(
            f"stage datatrove: {path} cannot be a step: it is no filter or formatter that takes "
            "one document at a time"
        )
    return kind


def _is_step(kind: Any) -> bool:
    """A class of their own whose run() does no more than filter or format each document."""
    if not isinstance(kind, type) or not kind.__module__.startswith("datatrove."):
        return False
    if kind is TokensCounter:
        return True
    base = next((base for base in (BaseFilter, BaseFormatter) if issubclass(kind, base)), None)
    own_run = base is None or inspect.getattr_static(kind, "run") is not base.__dict__["run"]
    return not own_run and not inspect.isabstract(kind)


@lru_cache(maxsize=64)
def made(path: str, arguments: str) -> Any:
    """Return the step, one for each process: it may load lists and models when first used.

    Args:
        path: of the class.
        arguments: JSON, ``{"arguments": {…}}``.

    Raises:
        ConfigError: see ``find``; unknown or wrong arguments; what it needs is not installed.
    """
    kind, given = find(path), json.loads(arguments)["arguments"]
    _check_arguments(kind, given)
    try:
        step = kind(**{name: _tuples(value) for name, value in given.items()})
    except ImportError as error:
        raise ConfigError(f"stage datatrove: {kind.__name__}: {error}") from error
    except Exception as error:
        raise ConfigError(
            f"stage datatrove: {kind.__name__} does not take these arguments: "
            f"{type(error).__name__}: {error}; mend `arguments`"
        ) from error
    _check_step(step)
    return step


def _check_arguments(kind: Any, given: Mapping[str, Any]) -> None:
    known = inspect.signature(kind.__init__).parameters.keys() - {"self", "exclusion_writer"}
    if "exclusion_writer" in given:
        raise ConfigError(
            f"stage datatrove: {kind.__name__}: leave out exclusion_writer; the run keeps "
            "rejected documents itself"
        )
    if unknown := [name for name in given if name not in known]:
        raise ConfigError(
            f"stage datatrove: {kind.__name__} has no argument {unknown[0]}; "
            f"known: {', '.join(sorted(known))}"
        )


def _tuples(value: Any) -> Any:
    """Lists become tuples: some steps hand them on to functions that take no list."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _check_step(step: Any) -> None:
    """Refuse, or mend, what depends on more than the document and the plan."""
    if isinstance(step, PIIFormatter):
        replacers = (step.emails_replacer, step.ip_replacer)
        if any(len(replacer.replacements) > 1 for replacer in replacers):
            raise ConfigError(
                "stage datatrove: PIIFormatter rotates its replacements from document to "
                "document; give one email_replacement and one ip_replacement, or use the stage pii"
            )
    if isinstance(step, URLFilter):
        if step.use_integrated_lists:
            raise ConfigError(
                "stage datatrove: URLFilter unpacks its lists into a cache that the plan does not "
                "know; use the stage url_filter, or use_integrated_lists: false"
            )
        import tldextract

        # Theirs would fetch today's list of suffixes; this one came with the package.
        step.tldextractor = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    if (language := getattr(step, "language", None)) is not None:
        _check_language(language)


def _check_language(language: Any) -> None:
    try:
        tokenizer = load_word_tokenizer(language)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"stage datatrove: language {language}: {error}") from error
    if type(tokenizer) not in (SpaCyTokenizer, WhitespaceTokenizer):
        raise ConfigError(
            f"stage datatrove: language {language}: {type(tokenizer).__name__} may download, or "
            "have a version that the plan does not know; only spaCy's blank tokenizers can be used"
        )


def check(path: str, arguments: Mapping[str, Any], metadata: Sequence[str]) -> dict[str, str]:
    """Make a step and try it on a few words.

    Returns:
        The files that it reads, by name, with their SHA-256.

    Raises:
        ConfigError: see ``made``; a file is missing; it fails on a plain document.
    """
    kind = find(path)
    _check_arguments(kind, arguments)
    files = _files(kind, arguments)
    step = made(path, json.dumps({"arguments": arguments}))
    given = {"url": _PROBE_URL} if "url" in metadata else {}
    try:
        process([(kind.__name__, step)], _PROBE, "0", given)
    except ShardError as error:
        raise ConfigError(f"{error}; mend its arguments or `metadata`") from error
    return files


def _files(kind: Any, arguments: Mapping[str, Any]) -> dict[str, str]:
    if kind is NGramsDecontFilter:
        root = Path(str(arguments.get("index_folder", "")))
        found = {str(p.relative_to(root)): p for p in sorted(root.glob("**/*.index.hashes"))}
        wanted = "index_folder with files *.index.hashes"
    elif kind is TokensCounter:
        path = Path(str(arguments.get("tokenizer_name_or_path", "")))
        found = {path.name: path} if path.is_file() else {}
        wanted = "tokenizer_name_or_path of a file tokenizer.json"
    else:
        return {}
    if not found:
        raise ConfigError(
            f"stage datatrove: {kind.__name__} needs a local {wanted}; nothing is downloaded"
        )
    return {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in found.items()}


def process(
    steps: Sequence[tuple[str, Any]], text: str, name: str, metadata: dict[str, Any]
) -> tuple[str, str | None, str | None]:
    """Run one document through steps.

    Args:
        steps: (label, step) in order.
        text: of the document.
        name: its id.
        metadata: is changed in place, as the steps do.

    Returns:
        Its text afterwards, the label of the step that dropped it, and that step's own reason.

    Raises:
        ShardError: a step failed.
    """
    document = Document(text=text, id=name, metadata=metadata)
    for label, step in steps:
        try:
            kept, reason = _run(step, document)
        except Exception as error:
            raise ShardError(
                f"stage datatrove: {label} failed on document {name}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not kept:
            return document.text, label, None if reason is None else str(reason)
    return document.text, None, None


def _run(step: Any, document: Any) -> tuple[bool, Any]:
    if isinstance(step, BaseFilter):
        kept, reason = get_filter_result(step.filter_batch([document])[0])
        return bool(kept), reason
    if isinstance(step, BaseFormatter):
        document.text = step.format(document.text)
    else:
        list(step.run(iter([document])))
    return True, None
