from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.filters.prescreen import LONGEST_LINE, WINDOW, Prescreen, measure, windows
from gristmill.pipeline.schema import PAGE
from gristmill.pipeline.stage import apply

ENGLISH = (
    "The mill at the end of the valley grinds rye and barley for the people of three villages, "
    "who come with their sacks in autumn and wait on the bench that the miller built."
)
GERMAN = (
    "Die Mühle am Ende des Tals mahlt Roggen und Gerste für die Leute aus drei Dörfern, die im "
    "Herbst mit ihren Säcken kommen und auf der Bank warten, die der Müller gebaut hat."
)
KOREAN = "골짜기 끝의 물레방앗간은 세 마을 사람들을 위해 호밀과 보리를 빻습니다."


def batch(pages: list[str | bytes | None]) -> pa.RecordBatch:
    rows = [
        {"key": i, "html": page.encode() if isinstance(page, str) else page, "content_type": None}
        for i, page in enumerate(pages)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=PAGE)


def page(*paragraphs: str) -> str:
    return "<html><body>" + "".join(f"<p>{p}</p>" for p in paragraphs) + "</body></html>"


def reasons(stage: Prescreen, *pages: str | bytes | None) -> list[str | None]:
    kept, rejected = apply(stage, batch(list(pages)))
    found = dict(zip(rejected["key"].to_pylist(), rejected["reason"].to_pylist(), strict=True))
    assert kept.num_rows + len(found) == len(pages)
    return [found.get(i) for i in range(len(pages))]


def test_each_rule_gives_its_reason() -> None:
    stage = Prescreen(min_words=50, min_stop_words=2)
    assert reasons(
        stage,
        page(*[ENGLISH] * 3),
        page("12 34", "..."),
        page("It is the end of it."),
        page(*[GERMAN] * 30),
        page(*[f"{GERMAN} To be."] * 30, "Of mills"),
        page(*[f"{KOREAN} (to be of)"] * 9),
    ) == [
        None,
        "no_letter",
        "too_few_words",
        "too_few_stop_words",
        "too_few_stop_words",
        "no_wanted_language",
    ]


def test_a_little_english_among_much_german_is_enough() -> None:
    pages = [page(*[GERMAN] * n, ENGLISH, *[GERMAN] * n) for n in (2, 8, 40)]
    assert reasons(Prescreen(), *pages) == [None, None, "no_wanted_language"]
    assert reasons(Prescreen(drop_below=0.01), *pages) == [None, None, None]


def test_rules_can_be_switched_off() -> None:
    pages = (page(*[GERMAN] * 9), page("The end."))
    assert reasons(Prescreen(drop_below=None), *pages) == [None, None]
    assert reasons(Prescreen(drop_below=0.0), *pages) == [None, None]


def test_other_languages_have_no_rule_about_stop_words_unless_given() -> None:
    german = Prescreen(languages=("de",), min_stop_words=2, min_words=5)
    assert reasons(german, page(*[GERMAN] * 9), page(*[KOREAN] * 9)) == [None, "no_wanted_language"]
    with_words = Prescreen(languages=("de",), stop_words=("die", "und"), min_stop_words=2)
    assert reasons(with_words, page(*[GERMAN] * 9)) == [None]
    assert reasons(with_words, page(*[ENGLISH] * 9)) == ["too_few_stop_words"]
    assert reasons(Prescreen(languages=("ko", "ja")), page(KOREAN), page(GERMAN)) == [
        None,
        "no_wanted_language",
    ]


def test_text_outside_text_nodes_is_not_counted_against_a_page() -> None:
    article = f'{{"@type": "Article", "articleBody": "\\n{ENGLISH}"}}'
    hidden = f'<script type="application/ld+json">{article}</script>'
    attribute = '<div id="data-preloaded" data-preloaded="{}"></div>'
    stage = Prescreen(min_stop_words=2, min_words=20)
    menu = page(*["Laden Sie die Seite neu"] * 100)
    assert reasons(stage, menu, menu + hidden, menu + attribute) == [
        "too_few_stop_words",
        None,
        None,
    ]


def test_what_cannot_be_looked_at_is_left_to_the_extractor() -> None:
    stage = Prescreen(min_words=50, min_stop_words=2, max_html_bytes=5000, max_tags=200)
    many_tags = "<b>" * 201
    no_charset = b"<p>caf\xe9</p>"
    assert reasons(stage, None, b"", GERMAN * 100, many_tags, no_charset) == [None] * 5


def test_wrong_model_is_found_before_work() -> None:
    with pytest.raises(ConfigError, match="model"):
        Prescreen(model="/no/such.bin").assets()
    assert set(Prescreen().assets()) == {"model"}


def test_windows_of_prose_come_first_and_those_without_stop_words_not_at_all() -> None:
    prescreen = Prescreen().steps()[0]
    stop_word = prescreen._stop_word()  # type: ignore[union-attr]
    menu = "\n".join(["Start", "Impressum"] * 100)
    found = list(windows(f"{menu}\n{ENGLISH}\n{menu}", stop_word))
    assert found == [ENGLISH]
    assert len(list(windows(f"{menu}\n{ENGLISH}", None))) > 2


@given(st.text("ab \n", max_size=5000))
@settings(max_examples=50, deadline=None)
def test_windows_hold_every_word_of_short_lines_once(text: str) -> None:
    found = list(windows(text, None))
    assert all(len(window) < WINDOW + LONGEST_LINE + 100 for window in found)
    assert sorted("".join(found).replace(" ", "")) == sorted("".join(text.split()))


def test_words_are_counted_in_short_texts_only() -> None:
    assert measure("one two, three", None)["prescreen.words"] == 3
    assert "prescreen.words" not in measure("word " * 900, None)


@pytest.mark.real_data
def test_real_pages_lose_no_document_that_would_be_kept(shared_data: Path) -> None:
    from collections import Counter
    from itertools import islice

    from gristmill.pipeline.warc import read_warc
    from gristmill.recipe import load_recipe

    recipe = load_recipe("fast")
    stages = [stage for name, stage in recipe.named_stages()][:8]
    names = [name for name, _ in recipe.named_stages()][:8]
    assert names[1:3] == ["prescreen", "extract"]

    def kept(batch: pa.RecordBatch, chosen: list[object]) -> set[int]:
        for stage in chosen:
            batch = apply(stage, batch)[0]  # type: ignore[arg-type]
            if not batch.num_rows:
                return set()
        return set(batch.column("key").to_pylist())

    spared = total = 0
    path = shared_data / "warc/LAB-20260110093000-20260110123000-00007.warc.gz"
    for pages in islice(read_warc(str(path), 0, Counter()), 4):
        pages = pages.filter(pages.column("read.problem").is_null())
        screened, dropped = apply(stages[1], pages)
        assert kept(pages, stages[2:]) == kept(screened, stages[2:])
        spared += dropped.num_rows
        total += pages.num_rows
    assert spared > total / 3


def test_words_are_counted_in_the_language_that_is_wanted() -> None:
    chinese = "谷底的水磨坊四百年来一直为三个村子的人磨黑麦和大麦。"
    assert measure(chinese, None, "zh")["prescreen.words"] > 20
    assert "prescreen.words" not in measure(chinese, None, None)
    assert reasons(Prescreen(languages=("zh",), min_words=20, drop_below=None), page(chinese)) == [
        None
    ]


def test_an_underscore_parts_words() -> None:
    stage = Prescreen(min_stop_words=2, drop_below=None)
    assert reasons(stage, page("_the_ end _of_ it"), page("theend ofit")) == [
        None,
        "too_few_stop_words",
    ]


def test_script_in_a_script_is_not_held_against_a_page() -> None:
    script = "<script>" + "var a = b(c);" * 9000 + "x = n('<script>').prop()</script>"
    assert reasons(Prescreen(min_stop_words=2), script + page(*[ENGLISH] * 20)) == [None]


def test_nul_bytes_part_no_words() -> None:
    assert reasons(Prescreen(min_stop_words=2), page(ENGLISH).encode("utf-16-le")) == [None]
