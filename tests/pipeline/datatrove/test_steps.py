"""Each class of datatrove is either a step or refused with the reason; nothing is downloaded."""

import hashlib
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datatrove.pipeline
import numpy as np
import pytest
from datatrove.pipeline.base import PipelineStep
from tokenizers import Tokenizer, models, pre_tokenizers

from gristmill.errors import ConfigError
from gristmill.pipeline.datatrove.steps import check, find, made, process

FILTERS, FORMATTERS = "datatrove.pipeline.filters", "datatrove.pipeline.formatters"
ACCEPTED = {
    "C4ParagraphFilter",
    "C4QualityFilter",
    "FTFYFormatter",
    "FineWebQualityFilter",
    "GopherQualityFilter",
    "GopherRepetitionFilter",
    "NGramsDecontFilter",
    "PIIFormatter",
    "RegexFilter",
    "SymbolLinesFormatter",
    "TokensCounter",
    "URLFilter",
}


def classes() -> Iterator[tuple[str, type]]:
    """All steps of the installed datatrove whose modules can be imported."""
    for module in pkgutil.walk_packages(
        datatrove.pipeline.__path__, "datatrove.pipeline.", onerror=lambda _: None
    ):
        try:
            loaded = importlib.import_module(module.name)
        except ImportError:
            continue
        for name, kind in vars(loaded).items():
            if not inspect.isclass(kind) or kind.__module__ != module.name:
                continue
            if issubclass(kind, PipelineStep):
                yield f"{module.name}.{name}", kind


def run_one(path: str, arguments: dict[str, Any], text: str, **metadata: Any) -> Any:
    step = made(path, json.dumps({"arguments": arguments}))
    return process([("it", step)], text, "0", metadata)


def test_every_class_is_decided() -> None:
    accepted, seen = set(), 0
    for path, kind in classes():
        seen += 1
        try:
            assert find(path) is kind
        except ConfigError as error:
            assert "cannot be a step: " in str(error)  # noqa: PT017
        else:
            accepted.add(kind.__name__)
    assert accepted == ACCEPTED
    assert seen > 50


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (f"{FILTERS}.GopherQualtyFilter", "no such class"),
        ("datatrove.pipeline.nothing.X", "no such class"),
        (f"{FILTERS}.BaseFilter", "no such class"),
        (f"{FILTERS}.base_filter.BaseFilter", "no filter or formatter"),
        (f"{FILTERS}.base_filter.DiskWriter", "no filter or formatter"),
        (f"{FILTERS}.base_filter.contextlib", "no filter or formatter"),
        (f"{FILTERS}.lambda_filter.Callable", "no filter or formatter"),
        (f"{FILTERS}.url_filter.Iterable", "no filter or formatter"),
        (f"{FILTERS}.LambdaFilter", "holds plain data"),
        (f"{FILTERS}.SamplerFilter", "random stream"),
        (f"{FILTERS}.LanguageFilter", "use the stage language"),
        ("datatrove.pipeline.dedup.MinhashDedupFilter", "use the stage exact_dedup or minhash"),
        ("datatrove.pipeline.extractors.Trafilatura", "wall-clock"),
        ("datatrove.pipeline.writers.JsonlWriter", "writes its own output"),
        ("datatrove.pipeline.tokens.DocumentTokenizer", "no filter or formatter"),
    ],
)
def test_refused_classes(path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find(path)


def test_a_refused_package_is_not_even_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "datatrove.pipeline.inference", raising=False)
    with pytest.raises(ConfigError, match="model server"):
        find("datatrove.pipeline.inference.run_inference.InferenceRunner")
    assert "datatrove.pipeline.inference" not in sys.modules


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "GopherQualityFilter",
            {"min_words": 1},
            "has no argument min_words; known: language, max",
        ),
        ("GopherQualityFilter", {"exclusion_writer": None}, "leave out exclusion_writer"),
        ("GopherQualityFilter", {"min_doc_words": "x"}, "failed on document 0: TypeError"),
        ("GopherQualityFilter", {"stop_words": 7}, "does not take these arguments: TypeError"),
        ("RegexFilter", {}, "does not take these arguments: .*regex_exp"),
        ("RegexFilter", {"regex_exp": "("}, "does not take these arguments"),
        (
            "FineWebQualityFilter",
            {"language": "ko"},
            "language ko: .*only spaCy|language ko: .*kiwi",
        ),
        ("C4QualityFilter", {"language": "klingon"}, "language klingon: .*tokenizer assigned"),
        ("C4QualityFilter", {"language": ["en"]}, "language"),
    ],
)
def test_wrong_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(f"{FILTERS}.{name}", arguments, ["url"])


def test_lists_arrive_as_tuples() -> None:
    arguments = {"stop_chars": ["!", "?"], "language": "de"}
    assert check(f"{FILTERS}.FineWebQualityFilter", arguments | {"line_punct_thr": 0}, []) == {}
    found = run_one(f"{FILTERS}.FineWebQualityFilter", arguments, "Der Müller mahlt Roggen.")
    assert found[1:] == ("it", "line_punct_ratio")


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str, _: object) -> None:
        raise ImportError(f"Please install `ftfy` to use {name} (`pip install ftfy`).")

    monkeypatch.setattr("datatrove.pipeline.base.check_required_dependencies", missing)
    with pytest.raises(ConfigError, match="FTFYFormatter: Please install `ftfy`"):
        made(f"{FORMATTERS}.FTFYFormatter", '{"arguments": {"uncurl_quotes": true}}')


def test_pii_only_without_rotation() -> None:
    path = f"{FORMATTERS}.PIIFormatter"
    one = {"email_replacement": "a@b.example", "ip_replacement": ["192.0.2.1"]}
    with pytest.raises(ConfigError, match="rotates its replacements"):
        check(path, {}, [])
    with pytest.raises(ConfigError, match="rotates its replacements"):
        check(path, one | {"ip_replacement": ["192.0.2.1", "192.0.2.2"]}, [])
    assert check(path, one, []) == {}
    for _ in range(2):
        found = run_one(path, one, "Write to miller@mill.example or 8.8.8.8, 1.1.1.1.")
        assert found == ("Write to a@b.example or 192.0.2.1, 192.0.2.1.", None, None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_url_filter_reads_nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    # It asks for a package with which it only locks files.
    monkeypatch.setattr("datatrove.pipeline.base.check_required_dependencies", lambda *_: None)
    path = f"{FILTERS}.URLFilter"
    with pytest.raises(ConfigError, match="use the stage url_filter"):
        check(path, {"extra_domains": ["mill.example"]}, ["url"])
    own = {"extra_domains": ["bad.co.uk"], "use_integrated_lists": False}
    assert check(path, own, ["url"]) == {}
    with pytest.raises(ConfigError, match=r"does not have url .* or `metadata`"):
        check(path, own, [])
    step = made(path, json.dumps({"arguments": own}))
    assert step.tldextractor.suffix_list_urls == ()
    assert run_one(path, own, "x", url="https://a.bad.co.uk/")[1:] == ("it", "domain")
    assert run_one(path, own, "x", url="https://good.co.uk/")[1:] == (None, None)


def test_tokens_are_counted_with_a_local_file(tmp_path: Path) -> None:
    path = "datatrove.pipeline.tokens.TokensCounter"
    tokenizer = Tokenizer(models.WordLevel({"rye": 0, "[UNK]": 1}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    file = tmp_path / "tokenizer.json"
    tokenizer.save(str(file))
    for arguments in ({}, {"tokenizer_name_or_path": "gpt2"}):
        with pytest.raises(
            ConfigError, match=r"TokensCounter needs a local .*nothing is downloaded"
        ):
            check(path, arguments, [])
    arguments = {"tokenizer_name_or_path": str(file)}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert check(path, arguments, []) == {"tokenizer.json": digest}
    metadata: dict[str, Any] = {}
    step = made(path, json.dumps({"arguments": arguments}))
    assert process([("it", step)], "rye and rye", "0", metadata) == ("rye and rye", None, None)
    assert metadata == {"token_count": 3}


def test_decontamination_with_a_local_index(tmp_path: Path) -> None:
    from datatrove.pipeline.decont import NGramsDecontFilter
    from datatrove.utils.text import simplify_text

    path = "datatrove.pipeline.decont.NGramsDecontFilter"
    with pytest.raises(ConfigError, match=r"needs a local index_folder with files \*\.index"):
        check(path, {"index_folder": str(tmp_path)}, [])
    with pytest.raises(ConfigError, match="nothing is downloaded"):
        check(path, {"index_folder": "s3://bucket/index"}, [])
    exam = "one two three four five six seven eight nine ten eleven twelve"
    maker = NGramsDecontFilter(str(tmp_path))
    words = maker.tokenizer.word_tokenize(simplify_text(exam, maker.config.norm_config))
    np.array([maker.hash_func(" ".join(words))], np.uint64).tofile(tmp_path / "exam.index.hashes")
    arguments = {"index_folder": str(tmp_path)}
    assert list(check(path, arguments, [])) == ["exam.index.hashes"]
    metadata: dict[str, Any] = {}
    step = made(path, json.dumps({"arguments": arguments}))
    assert process([("it", step)], f"So: {exam}.", "0", metadata)[1:] == ("it", "contaminated")
    assert metadata["contaminated_task"] == "exam"
    assert process([("it", step)], "Rye.", "0", {})[1] is None
