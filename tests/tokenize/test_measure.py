"""Counting tokens by language, against counting one token after the other."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gristmill.errors import ConfigError
from gristmill.pipeline.labelled import Labelled
from gristmill.tokenize import measure as module
from gristmill.tokenize.any_tokenizer import NamedTokenizer, named_tokenizers
from gristmill.tokenize.measure import measure
from gristmill.tokenize.token_view import view_text
from gristmill.tokenize.word_count import count_words

Bpe = Callable[[str], Path]
TEXTS: list[tuple[str, str | None]] = [
    ("The mill grinds 12 sacks of corn.", "en"), ("물레방아가 돈다. 뷁!", "ko"),
    ("水車は粉を挽く。", "ja"),
    ("", "en"), ("They'll've ground more.\n\n <|endoftext|>", "en"), ("Müller", None),
    ("방앗간 \ud800", "ko"),
]  # fmt: skip


def batches(size: int) -> Iterator[Labelled]:
    for at in range(0, len(TEXTS), size):
        part = TEXTS[at : at + size]
        yield [text for text, _ in part], [name for _, name in part]


@pytest.fixture(scope="module")
def two(bpe: Bpe) -> list[NamedTokenizer]:
    return named_tokenizers([bpe("gpt2"), bpe("gpt4")])


def test_figures_are_those_of_single_texts(two: list[NamedTokenizer]) -> None:
    found = measure(two[:1], batches(3), against=two[1:])
    assert list(found.sizes) == ["en", "ko", "ja", "unknown"]
    assert [t.baseline for t in found.tokenizers] == [False, True]
    for tokenizer, figures in zip(two, found.tokenizers, strict=True):
        seen: set[int] = set()
        for label, one in figures.languages.items():
            texts = [text for text, name in TEXTS if (name or "unknown") == label]
            tokens = [token for text in texts for token in view_text(tokenizer, text).tokens]
            assert one.tokens == len(tokens)
            assert one.broken == sum(token.text is None for token in tokens)
            broken = [t for t in tokens if t.text is None and len(t.data) == 1]
            assert one.byte_fallback == len(broken)
            assert one.ids_used == len({token.id for token in tokens})
            assert one.size.documents == len(texts)
            assert one.size.characters == sum(map(len, texts))
            assert one.size.bytes == sum(len(t.encode(errors="replace")) for t in texts)
            assert one.size.words == sum(map(count_words, texts))
            assert one.rates.per_word == pytest.approx(len(tokens) / one.size.words)
            seen |= {token.id for token in tokens}
        assert figures.total.tokens == sum(one.tokens for one in figures.languages.values())
        assert figures.total.ids_used == figures.coverage.used == len(seen)


def test_batches_make_no_difference(two: list[NamedTokenizer]) -> None:
    assert measure(two, batches(1)).to_dict() == measure(two, batches(100)).to_dict()


def test_korean_beside_english(two: list[NamedTokenizer]) -> None:
    found = measure(two, batches(3))
    assert found.english == "en"
    english, korean = found.relative(0, "en"), found.relative(0, "ko")
    assert english == type(english)(1.0, 1.0, 1.0, 1.0)
    ko, en = (found.tokenizers[0].languages[name].rates for name in ("ko", "en"))
    assert korean.per_word == pytest.approx(ko.per_word / en.per_word)
    assert korean.per_word > 1
    body = json.loads(json.dumps(found.to_dict()))
    assert body["tokenizers"][0]["languages"]["ko"]["relative_to_english"]["per_word"] > 1


def test_languages_that_no_column_names(two: list[NamedTokenizer]) -> None:
    asked: list[str] = []

    def identify(texts: list[str]) -> list[str | None]:
        asked.extend(texts)
        return ["de"] * len(texts)

    found = measure(two, batches(3), identify=identify)
    assert asked == ["Müller"]
    assert "de" in found.sizes
    assert "unknown" not in found.sizes


def test_without_english_nothing_is_relative(two: list[NamedTokenizer]) -> None:
    found = measure(two, [(["물"], ["ko"])])
    assert found.english is None
    assert found.relative(0, "ko").per_word is None


def test_ever_new_labels_are_counted_together(
    two: list[NamedTokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_LANGUAGES", 2)
    found = measure(two, batches(2))
    assert {n: s.documents for n, s in found.sizes.items()} == {"en": 3, "ko": 2, "others": 2}


def test_progress_and_nothing_to_read(two: list[NamedTokenizer]) -> None:
    told: list[tuple[int, int]] = []
    measure(two, batches(3), tick=lambda docs, size: told.append((docs, size)))
    assert [docs for docs, _ in told] == [3, 6, 7]
    assert told[-1][1] == sum(len(text.encode(errors="replace")) for text, _ in TEXTS)
    with pytest.raises(ConfigError, match="no document has a text"):
        measure(two, [])


@pytest.mark.real_data
def test_sums_hold_on_real_texts(shared_data: Path, two: list[NamedTokenizer]) -> None:
    from gristmill.pipeline.labelled import document_files, read_labelled

    files = document_files([str(shared_data / "text/langid/lingua_dev.jsonl.gz")])
    found = measure(two, read_labelled(files, max_docs=2000))
    assert {"en", "ko"} <= found.sizes.keys()
    for one in found.tokenizers:
        assert sum(f.tokens for f in one.languages.values()) == one.total.tokens
        assert one.total.size.documents == 2000
        assert one.total.broken >= one.total.byte_fallback
