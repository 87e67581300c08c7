"""What a tokenizer costs, language by language: the figures of ``tokenizer report``.

``measure.py`` makes them.

*Fertility* is tokens a word (Rust et al. 2021, arXiv:2012.15613); what a word is, says
``word_count.py``. How much dearer a language is than English on texts that say the same, Petrov et
al. (2023, arXiv:2305.15425) call its *premium*: where the documents are translations of each other,
it is tokens a document, relative.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gristmill.tokenize.coverage import Coverage

#: What a word is, for those who read the figures.
WORD = "run of letters, digits and marks; each letter of a script without spaces is one"


@dataclass(frozen=True, slots=True)
class TextSize:
    """How much text there is, whatever the tokenizer."""

    documents: int
    characters: int
    bytes: int
    words: int


@dataclass(frozen=True, slots=True)
class Rates:
    """Tokens a word, a character, a byte and a document; None where there are none of them."""

    per_word: float | None
    per_character: float | None
    per_byte: float | None
    per_document: float | None


@dataclass(frozen=True)
class LanguageFigures:
    """One language as one tokenizer cuts it.

    Attributes:
        tokens: how many.
        size: the text they hold.
        broken: tokens that are not whole characters.
        byte_fallback: of these, single bytes: characters for which there was nothing better.
        ids_used: different ids.
    """

    tokens: int
    size: TextSize
    broken: int
    byte_fallback: int
    ids_used: int

    @property
    def rates(self) -> Rates:
        """Tokens a unit of text."""
        s = self.size
        return Rates(*(self.tokens / n if n else None
                       for n in (s.words, s.characters, s.bytes, s.documents)))  # fmt: skip

    @property
    def bytes_per_token(self) -> float | None:
        """Compression: more is better."""
        return self.size.bytes / self.tokens if self.tokens else None

    @property
    def characters_per_token(self) -> float | None:
        """More is better, among languages of one script."""
        return self.size.characters / self.tokens if self.tokens else None

    def to_dict(self) -> dict[str, Any]:
        """Return counts and rates for JSON."""
        rates = {f"tokens_{name}": value for name, value in asdict(self.rates).items()}
        return {
            "tokens": self.tokens,
            **rates,
            "bytes_per_token": self.bytes_per_token,
            "characters_per_token": self.characters_per_token,
            "broken_share": self.broken / self.tokens if self.tokens else None,
            "byte_fallback_share": self.byte_fallback / self.tokens if self.tokens else None,
            "ids_used": self.ids_used,
        }


@dataclass(frozen=True)
class TokenizerFigures:
    """One tokenizer on all texts.

    Attributes:
        name: of the tokenizer.
        vocab_size: number of ids.
        baseline: whether it is only there to be compared with.
        total: all languages together.
        languages: by label.
        coverage: how its vocabulary is used.
    """

    name: str
    vocab_size: int
    baseline: bool
    total: LanguageFigures
    languages: Mapping[str, LanguageFigures]
    coverage: Coverage


@dataclass(frozen=True)
class Fertility:
    """The whole report.

    Attributes:
        sizes: texts by language: English first, then those with most bytes.
        english: the label that stands for English; None where there is no English text.
        tokenizers: in the order given.
    """

    sizes: Mapping[str, TextSize]
    english: str | None
    tokenizers: tuple[TokenizerFigures, ...]

    def relative(self, tokenizer: int, language: str) -> Rates:
        """Return the rates of a language with those of English as 1; None without English."""
        found = self.tokenizers[tokenizer].languages
        if self.english is None:
            return Rates(None, None, None, None)
        mine, theirs = asdict(found[language].rates), asdict(found[self.english].rates)
        return Rates(**{k: mine[k] / theirs[k] if mine[k] and theirs[k] else None for k in mine})

    def to_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "word": WORD,
            "english": self.english,
            "texts": {label: asdict(size) for label, size in self.sizes.items()},
            "tokenizers": [
                {
                    "name": t.name,
                    "vocab_size": t.vocab_size,
                    "baseline": t.baseline,
                    "total": t.total.to_dict(),
                    "languages": {
                        label: figures.to_dict()
                        | {"relative_to_english": asdict(self.relative(number, label))}
                        for label, figures in t.languages.items()
                    },
                    "coverage": t.coverage.to_dict(),
                }
                for number, t in enumerate(self.tokenizers)
            ],
        }
