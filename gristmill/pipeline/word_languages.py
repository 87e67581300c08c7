"""What cuts texts of which language into words and sentences.

Codes are those of fastText (``de``, ``ceb``) or GlotLID (``deu_Latn``). In this order:

- English: ``tokens.py``.
- Korean: Kiwi with its model ``sbg``, from the extra ``korean``.
- Languages to which datatrove 0.10.1 assigns spaCy (its ``tokenizer_assignment.csv``): that blank
  pipeline and its sentencizer. A code that names a pipeline of its own gets that one; datatrove
  gives ``ar``, ``ms`` and ``zh`` what a later row says of another script or dialect.
- All others, unknown codes too: a plain rule by Unicode, ``PlainSplitter``. So Chinese, Japanese
  and Vietnamese, which spaCy cuts with packages of their own; whether those are installed must
  not decide.
"""

import csv
import re
import sys
import threading
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, Field

from gristmill.errors import ConfigError
from gristmill.pipeline import tokens
from gristmill.pipeline.spacy_import import import_spacy

#: spaCy pipelines that need a package of their own.
_NOT_BLANK = frozenset({"ja", "ko", "th", "vi", "zh"})
_KOREAN = frozenset({"ko", "kor", "kor_Hang"})
_ENGLISH = frozenset({"en", "eng", "eng_Latn"})
#: Kiwi stumbles over endless numbers: deleted first (datatrove's ``KiwiTokenizer``).
_ENDLESS_NUMBER = re.compile("[0-9,]{20,}")
#: Letters of scripts without spaces between words: Han, kana, Thai, Lao, Khmer, Myanmar.
UNSPACED = (
    "\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U000323af\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9d"
    "\U0001b000-\U0001b167\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2-\u0eb3"
    "\u0ebd-\u0ec6\u0edc-\u0edf\u1780-\u17b3\u17d7\u17dc\u1000-\u102a\u103f\u1050-\u1055"
    "\u105a-\u105d\u1061\u1065-\u1066\u106e-\u1070\u1075-\u1081\u108e\ua9e0-\ua9e4"
    "\ua9e6-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a\uaa7e-\uaa7f"
)


class Splitter(Protocol):
    """Cuts texts without lone surrogates."""

    def words(self, text: str) -> tuple[str, ...]:
        """Return the words; none is empty or has whitespace at an end."""

    def count_sentences(self, lines: Sequence[str]) -> int:
        """Return how many sentences all lines have, at least 1 in each."""

    def sentence_starts(self, lines: Sequence[str]) -> list[list[int]]:
        """Return where the sentences of each line begin, in order; the first place is 0."""


@lru_cache(maxsize=64)
def splitter(language: str) -> Splitter:
    """Return what cuts texts of a language.

    Raises:
        ConfigError: Korean without the extra ``korean``.
    """
    if language in _ENGLISH:
        return tokens.tokenizer()
    if language in _KOREAN:
        return KiwiSplitter()
    pipeline = _assignments().get(language)
    return plain_splitter() if pipeline is None else _blank(pipeline)


def check_language(language: str) -> str:
    """Return the code.

    Raises:
        ConfigError: Korean without the extra ``korean``.
    """
    if language in _KOREAN and find_spec("kiwipiepy") is None:
        raise ConfigError("language: words of Korean need Kiwi: pip install 'gristmill[korean]'")
    return language


#: A field of stages that count words. Unknown codes are no error; see the module's docstring.
WordLanguage = Annotated[
    str, Field(pattern="^[a-z]{2,3}(_[A-Z][a-z]{3})?$"), AfterValidator(check_language)
]


class SpacySplitter:
    """spaCy's blank pipeline of a language, asked as datatrove does."""

    def __init__(self, pipeline: str) -> None:
        self._nlp = import_spacy().blank(pipeline)
        self._sentencizer = self._nlp.create_pipe("sentencizer")
        self._lock = threading.Lock()  # spaCy's memory zones cannot nest

    def words(self, text: str) -> tuple[str, ...]:
        """Return the tokens that are not whitespace, without whitespace at their ends."""
        with self._lock, self._nlp.memory_zone():
            found = [token.text.strip() for token in self._nlp.tokenizer(text)]
        return tuple(filter(None, found))

    def count_sentences(self, lines: Sequence[str]) -> int:
        """Return how many sentences the sentencizer finds in all lines, at least 1 in each."""
        with self._lock, self._nlp.memory_zone():
            return sum(max(1, len(self._starts(line))) for line in lines)

    def sentence_starts(self, lines: Sequence[str]) -> list[list[int]]:
        """Return where the sentencizer's sentences of each line begin."""
        with self._lock, self._nlp.memory_zone():
            return [self._starts(line) or [0] for line in lines]

    def _starts(self, line: str) -> list[int]:
        doc = self._sentencizer(self._nlp.tokenizer(line))
        return [token.idx for token in doc if token.is_sent_start]


class KiwiSplitter:
    """Kiwi's morphemes, as datatrove asks for them.

    Where a number was deleted, datatrove cuts the text as it was at places counted without it;
    here both are the text without it.
    """

    def __init__(self) -> None:
        check_language("ko")
        from kiwipiepy import Kiwi

        self._kiwi = Kiwi(num_workers=1, model_type="sbg")

    def words(self, text: str) -> tuple[str, ...]:
        """Return the text under each morpheme; contracted ones share characters."""
        text = _ENDLESS_NUMBER.sub("", text)
        found = [text[token.start : token.end].strip() for token in self._kiwi.tokenize(text)]
        return tuple(filter(None, found))

    def count_sentences(self, lines: Sequence[str]) -> int:
        """Return how many sentences Kiwi finds in all lines, at least 1 in each."""
        clean = (_ENDLESS_NUMBER.sub("", line) for line in lines)
        return sum(max(1, len(self._kiwi.split_into_sents(line))) for line in clean)

    def sentence_starts(self, lines: Sequence[str]) -> list[list[int]]:
        """Return where Kiwi's sentences of each line begin.

        A line with a number that Kiwi would stumble over is cut by the plain rule.
        """
        return [
            plain_splitter().sentence_starts([line])[0]
            if _ENDLESS_NUMBER.search(line)
            else [0, *[found.start for found in self._kiwi.split_into_sents(line)[1:]]]
            for line in lines
        ]


class PlainSplitter:
    """A rule for any script, without a dictionary.

    Words are runs of letters, digits, combining marks and zero-width joiners; a letter of a
    script without spaces is one, with its marks; so is any other character but whitespace. A
    sentence ends after a terminal mark, before the next letter or digit; a full stop with one
    straight after it (``3.14``) ends nothing.
    """

    def __init__(self) -> None:
        from gristmill.pipeline.text import TERMINAL_PUNCTUATION  # which imports this module

        points = map(chr, range(sys.maxunicode + 1))
        marks = "".join(c for c in points if unicodedata.category(c)[0] == "M") + "\u200c\u200d"
        self._word = re.compile(rf"[{UNSPACED}][{marks}]*|(?:[^\W_{UNSPACED}]++|[{marks}]++)++|\S")
        others = re.escape("".join(sorted(TERMINAL_PUNCTUATION - {"."})))
        self._end = re.compile(rf"(?:\.(?!\w)|[{others}])\W*+")

    def words(self, text: str) -> tuple[str, ...]:
        """Return the words; together they hold every character but whitespace."""
        return tuple(self._word.findall(text))

    def count_sentences(self, lines: Sequence[str]) -> int:
        """Return how many sentences all lines have, at least 1 in each."""
        return sum(map(len, self.sentence_starts(lines)))

    def sentence_starts(self, lines: Sequence[str]) -> list[list[int]]:
        """Return 0 and the places after each end of a sentence, for each line."""
        return [
            [0, *[end.end() for end in self._end.finditer(line) if end.end() < len(line)]]
            for line in lines
        ]


@lru_cache(maxsize=1)
def plain_splitter() -> PlainSplitter:
    """Return the plain rule of this process."""
    return PlainSplitter()


@lru_cache(maxsize=64)
def _blank(pipeline: str) -> SpacySplitter:
    return SpacySplitter(pipeline)


@lru_cache(maxsize=1)
def _assignments() -> dict[str, str | None]:
    """Return, per code, datatrove's spaCy pipeline, or None where it assigns another tokenizer."""
    spec = find_spec("datatrove")  # not imported
    folder = Path((spec.submodule_search_locations or [""])[0]) if spec else Path()
    path = folder / "assets" / "tokenizer_assignment.csv"
    if not path.is_file():
        raise ConfigError(
            f"{path}: datatrove's assignments are missing: pip install 'datatrove>=0.10.1,<0.11'"
        )
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    found: dict[str, str | None] = {}
    own: dict[str, str | None] = {}
    for row in rows:
        blank = row["type"] == "SpaCyTokenizer" and row["tok_code"] not in _NOT_BLANK
        pipeline = row["tok_code"] if blank else None
        found.setdefault(f"{row['code_3']}_{row['script']}", pipeline)
        for code in (row["code_3"], row["code_1"]):
            if code and row["default_script"] == "TRUE":
                found[code] = pipeline
            if code and code == row["tok_code"]:
                own.setdefault(code, pipeline)
    return found | own
