"""Encode texts with several tokenizers and count, batch by batch.

::

    from gristmill.pipeline.labelled import document_files, read_labelled
    from gristmill.tokenize.any_tokenizer import named_tokenizers
    from gristmill.tokenize.measure import measure

    found = measure(named_tokenizers(["a.json"]), read_labelled(document_files(["docs.parquet"])))
    found.tokenizers[0].languages["ko"].rates.per_word, found.relative(0, "ko").per_word
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from gristmill.errors import ConfigError
from gristmill.pipeline.labelled import Labelled
from gristmill.tokenize.any_tokenizer import NamedTokenizer
from gristmill.tokenize.coverage import Coverage, TokenKinds
from gristmill.tokenize.encode import Encode
from gristmill.tokenize.fertility import Fertility, LanguageFigures, TextSize, TokenizerFigures
from gristmill.tokenize.word_count import count_words

#: The label of texts of which nobody says the language.
UNKNOWN = "unknown"
#: Labels beyond so many are counted together: a column of free text must not fill the memory.
_MAX_LANGUAGES = 256
OTHERS = "others"
_ENGLISH = ("en", "eng", "eng_Latn", "en_Latn", "english", "English")

#: Names the languages of texts.
Identify = Callable[[Sequence[str]], Sequence[str | None]]
_Sums = npt.NDArray[np.int64]


def measure(
    tokenizers: Sequence[NamedTokenizer],
    batches: Iterable[Labelled],
    *,
    against: Sequence[NamedTokenizer] = (),
    identify: Identify | None = None,
    tick: Callable[[int, int], None] = lambda _docs, _bytes: None,
) -> Fertility:
    """Return what texts cost with each tokenizer.

    Args:
        tokenizers: what is reported on.
        batches: texts and their languages; memory is bounded by a batch and the vocabularies.
        against: tokenizers to compare with.
        identify: names the language of texts that come without one; None = ``unknown``.
        tick: told documents and bytes so far.

    Raises:
        ConfigError: a tokenizer cannot be read, or there is no text.
    """
    tallies = [_tally(tokenizer) for tokenizer in (*tokenizers, *against)]
    sums: dict[str, _Sums] = {}
    for texts, languages in batches:
        for label, group in _groups(texts, languages, identify, sums).items():
            joined = "\n".join(group)  # one call instead of one a text
            size = len(joined.encode("utf-8", "replace")) - len(group) + 1
            characters = len(joined) - len(group) + 1
            sums[label] += np.array((len(group), characters, size, count_words(joined)))
            for tally in tallies:
                tally.add(label, group)
        docs, _, size, _ = sum(sums.values(), np.zeros(4, np.int64))
        tick(int(docs), int(size))
    if not sums:
        raise ConfigError("no document has a text; name other files")
    english = next((name for name in _ENGLISH if name in sums), None)
    order = sorted(sums, key=lambda name: (name != english, -sums[name][2], name))
    sizes = {name: TextSize(*map(int, sums[name])) for name in order}
    whole = TextSize(*map(int, sum(sums.values(), np.zeros(4, np.int64))))
    made = tuple(t.figures(sizes, whole, k >= len(tokenizers)) for k, t in enumerate(tallies))
    return Fertility(sizes, english, made)


@dataclass
class _Tally:
    """What one tokenizer has been seen to do; by language tokens, broken ones, single bytes."""

    name: str
    kinds: TokenKinds
    encode: Encode
    counts: _Sums
    sums: dict[str, _Sums] = field(default_factory=dict)
    used: dict[str, npt.NDArray[np.bool_]] = field(default_factory=dict)

    def add(self, label: str, texts: Sequence[str]) -> None:
        ids = np.concatenate(self.encode(texts))
        self.counts += np.bincount(ids, minlength=len(self.counts))
        broken, fallback = (np.count_nonzero(mask[ids]) for mask in self.kinds.masks)
        self.sums.setdefault(label, np.zeros(3, np.int64))
        self.sums[label] += np.array((len(ids), broken, fallback))
        self.used.setdefault(label, np.zeros(len(self.counts), bool))[ids] = True

    def figures(
        self, sizes: Mapping[str, TextSize], whole: TextSize, baseline: bool
    ) -> TokenizerFigures:
        languages = {
            label: _language(self.sums[label], size, int(np.count_nonzero(self.used[label])))
            for label, size in sizes.items()
        }
        total = sum(self.sums.values(), np.zeros(3, np.int64))
        return TokenizerFigures(
            name=self.name,
            vocab_size=len(self.counts),
            baseline=baseline,
            total=_language(total, whole, int(np.count_nonzero(self.counts))),
            languages=languages,
            coverage=Coverage.of(self.kinds, self.counts),
        )


def _tally(tokenizer: NamedTokenizer) -> _Tally:
    vocabulary = tokenizer.vocabulary()
    counts = np.zeros(len(vocabulary), np.int64)
    kinds = TokenKinds.of(vocabulary)
    return _Tally(tokenizer.name, kinds, tokenizer.encode(vocabulary), counts)


def _language(sums: _Sums, size: TextSize, used: int) -> LanguageFigures:
    tokens, broken, fallback = map(int, sums)
    return LanguageFigures(tokens, size, broken, fallback, used)


def _groups(
    texts: Sequence[str],
    languages: Sequence[str | None],
    identify: Identify | None,
    sums: dict[str, _Sums],
) -> dict[str, list[str]]:
    """Return texts by label, and make room for new labels."""
    found = list(languages)
    nameless = [at for at, language in enumerate(found) if language is None]
    if identify is not None and nameless:
        named = identify([texts[at] for at in nameless])
        for at, language in zip(nameless, named, strict=True):
            found[at] = language
    groups: dict[str, list[str]] = {}
    for text, language in zip(texts, found, strict=True):
        label = language or UNKNOWN
        if label not in sums and len(sums) >= _MAX_LANGUAGES:
            label = OTHERS
        sums.setdefault(label, np.zeros(4, np.int64))
        groups.setdefault(label, []).append(text)
    return groups
