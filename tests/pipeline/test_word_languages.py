import re
from itertools import pairwise

import pytest
from datatrove.utils.text import split_into_sentences, split_into_words
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.errors import ConfigError
from gristmill.filters.c4 import C4, C4Signals
from gristmill.filters.fineweb import FinewebQuality
from gristmill.filters.gopher_quality import GopherQuality
from gristmill.filters.gopher_repetition import GopherRepetition
from gristmill.pipeline import word_languages as module
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import Map, apply
from gristmill.pipeline.text import sentence_count, sentence_starts, sentences_in_lines, words
from gristmill.pipeline.tokens import tokenizer

#: Our code, datatrove's, and a text of our own.
TEXTS = [
    (
        "de",
        "deu_Latn",
        "Die Mühle steht z.B. am Bach. Sie mahlt's seit 1823! „Wirklich?“, fragt er.",
    ),
    ("fr", "fra_Latn", "L'eau fait tourner la roue. Aujourd'hui, qu'est-ce qu'on moud ? Du blé !"),
    ("es", "spa_Latn", "¿Quién muele el trigo? El Sr. Molina, a las 7 p.m. ¡Qué bien!"),
    ("it", "ita_Latn", "L'acqua dell'antico mulino gira. Dott. Rossi c'è! Perché no?"),
    ("ru", "rus_Cyrl", "Мельница стоит у реки, т.е. рядом. Кто мелет зерно? Мы!"),
    ("tr", "tur_Latn", "Değirmen İzmir'de, dere kıyısında. Dr. Ak 3. katta mı? Evet!"),
    ("ar", "arb_Arab", "الطاحونة قرب النهر. من يطحن القمح؟ نحن، كل يوم!"),
    ("sv", "swe_Latn", "Kvarnen står t.ex. vid ån. Vem mal? Vi!"),
    ("nn", "nno_Latn", "Kverna står bl.a. ved elva. Kven mel? Vi!"),
    ("eo", "epo_Latn", "La muelilo staras ĉe la rivero. Kiu muelas? Ni!"),
]
GAPS = ("{}", "  {}\n\n{}\t", "{}\u00a0{} :) \r\n")
CODES = [pytest.param(*row, id=row[0]) for row in TEXTS]


@pytest.mark.parametrize(("ours", "theirs", "text"), CODES)
def test_words_and_sentences_are_datatroves(ours: str, theirs: str, text: str) -> None:
    for gap in GAPS:
        whole = gap.format(text, text)
        for code in (ours, theirs):
            assert list(words(whole, code)) == split_into_words(whole, theirs)
            assert sentence_count(whole, code) == len(split_into_sentences(whole, theirs))
    assert sentences_in_lines([text, "", text], ours) == 2 * sentence_count(text, ours) + 1


pieces = st.sampled_from([piece for _, _, text in TEXTS for piece in re.split(r"( )", text)])


@pytest.mark.parametrize(("ours", "theirs", "text"), CODES)
def test_sentences_begin_where_they_are_cut(ours: str, theirs: str, text: str) -> None:
    [starts, empty] = sentence_starts([text, ""], ours)
    sentences = [text[a:b].strip() for a, b in pairwise([*starts, len(text)])]
    assert sentences == [one.strip() for one in split_into_sentences(text, theirs)]
    assert empty == [0]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(TEXTS), st.lists(pieces | st.text(max_size=5), max_size=12).map("".join))
def test_mixed_texts_as_datatrove(row: tuple[str, str, str], text: str) -> None:
    assert list(words(text, row[0])) == split_into_words(text, row[1])
    assert sentence_count(text, row[0]) == len(split_into_sentences(text, row[1]))


def test_english_is_untouched() -> None:
    text = "Don't stop. The mill isn't far!"
    assert words(text) == words(text, "en") == words(text, "eng_Latn") == tokenizer().words(text)
    assert module.splitter("en") is tokenizer()
    assert sentence_count(text) == sentence_count(text, "en") == 2


def test_one_text_in_two_languages_is_not_mixed_up() -> None:
    text = "L'eau don't"
    assert words(text, "fr") != words(text, "en")
    assert words(text, "fr") == tuple(split_into_words(text, "fra_Latn"))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_plain_words_hold_all_but_whitespace(text: str) -> None:
    plain = module.splitter("xyz")
    assert isinstance(plain, module.PlainSplitter)
    assert "".join(plain.words(text)) == "".join(text.split())
    assert all(word and not any(map(str.isspace, word)) for word in plain.words(text))
    assert plain.count_sentences([text]) >= 1


def test_plain_rule() -> None:
    assert words("नमस्ते दुनिया। क्या?", "hi") == ("नमस्ते", "दुनिया", "।", "क्या", "?")
    assert words("水車は回る。mill2号", "ja") == (*"水車は回る。", "mill2", "号")
    assert words("น้ำ ๑๒", "th") == ("น้", "ำ", "๑๒")
    assert words("a_b (c)", "zh") == ("a", "_", "b", "(", "c", ")")
    assert sentence_count("水車は回る。「はい。」風も！", "ja") == 3
    assert sentence_count("3.14 of a.b. Next… (yes)", "xyz") == 2
    assert sentence_starts(["3.14 of a.b. Next… (yes)", "水車は回る。「はい。」風も！"], "xyz") == [
        [0, 13],
        [0, 7, 11],
    ]
    assert sentence_count("", "xyz") == sentence_count("!" * 50_000, "xyz") == 1
    assert sentences_in_lines([], "ja") == 0


@pytest.mark.parametrize("code", ["ja", "zh", "vi", "th", "hi", "ta", "ka", "qqq"])
def test_elsewhere_the_plain_rule(code: str) -> None:
    assert isinstance(module.splitter(code), module.PlainSplitter)


def test_korean_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    for stage in (C4, FinewebQuality, GopherQuality, GopherRepetition):
        with pytest.raises(ConfigError, match=r"gristmill\[korean\]"):
            stage(language="ko")
    with pytest.raises(ConfigError, match=r"gristmill\[korean\]"):
        module.KiwiSplitter()


def test_korean_is_datatroves() -> None:
    pytest.importorskip("kiwipiepy", reason="Korean needs pip install 'gristmill[korean]'")
    text = "안녕하세요. 저는 물레방아를 돌렸어요! 값은 3,000원입니다.\n다음 줄"
    assert list(words(text, "ko")) == split_into_words(text, "kor_Hang")
    assert sentence_count(text, "ko") == len(split_into_sentences(text, "kor_Hang"))
    assert words("값 " + "1" * 30 + " 물", "ko") == words("값  물", "ko")
    lines = ["안녕하세요. 저는 물레방아를 돌렸어요! 값은 3,000원입니다.", "1" * 30 + " 물. 물"]
    starts, plain = sentence_starts(lines, "ko")
    assert [lines[0][at] for at in starts] == ["안", "저", "값"]
    assert plain == [0, 34]


@pytest.mark.parametrize("stage", [C4, FinewebQuality, GopherQuality, GopherRepetition])
def test_stages_hand_the_language_on(stage: type) -> None:
    measure = stage(language="fr").steps()[0]
    assert isinstance(measure, Map)
    assert measure.language == "fr"
    assert stage().steps()[0].language == "en"
    assert stage(language="qqq").language == "qqq"
    with pytest.raises(ValidationError, match="language"):
        stage(language="French")


def test_signals_change_with_the_language() -> None:
    page = documents(["水車は回る。風も吹く。"])

    def measured(stage: object, name: str) -> object:
        kept, rejected = apply(stage, page)
        return [*kept[name].to_pylist(), *rejected[name].to_pylist()][0]

    assert measured(GopherQuality(language="ja"), "gopher.words") == 9
    assert measured(GopherQuality(), "gopher.words") != 9
    assert measured(C4Signals(language="ja", min_words_per_line=None), "c4.sentences") == 2
    assert measured(FinewebQuality(language="ja"), "fineweb.list_ratio") == 0
    assert measured(GopherRepetition(language="ja"), "gopher.top_2_gram") is not None
