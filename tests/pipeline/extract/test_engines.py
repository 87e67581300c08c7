import subprocess
import sys

import pytest

from gristmill.pipeline.extract import EXTRACTORS, resiliparse_engine
from gristmill.pipeline.extract.child import CANARY, CANARY_TEXT, cut_data_uris
from gristmill.pipeline.extract.resiliparse_engine import prose_lines
from gristmill.pipeline.extract.trafilatura_engine import COMPARES, FAVORS


@pytest.mark.parametrize("engine", EXTRACTORS)
def test_engines_find_the_text(engine: str) -> None:
    text = EXTRACTORS[engine](CANARY, None) or ""
    assert all(sentence in text for sentence in CANARY_TEXT)
    assert ("Log in" in text) == (engine == "plain")


@pytest.mark.parametrize("engine", EXTRACTORS)
def test_same_page_same_text_every_time(engine: str) -> None:
    assert len({EXTRACTORS[engine](CANARY, None) for _ in range(5)}) == 1


@pytest.mark.parametrize("engine", EXTRACTORS)
@pytest.mark.parametrize("html", ["", " ", "no tags", "<", "<p>" * 300, "<!-- x", "\ufffd" * 9])
def test_odd_pages_do_no_harm(engine: str, html: str) -> None:
    text = EXTRACTORS[engine](html, None)
    assert text is None or isinstance(text, str)


def test_trafilatura_options() -> None:
    for favor in FAVORS:
        for compare in COMPARES:
            text = EXTRACTORS["trafilatura"](CANARY, None, favor=favor, compare=compare)
            assert CANARY_TEXT[0] in (text or "")


@pytest.mark.parametrize(
    ("times", "share", "stands"),
    [(0.0, 0.0, False), (1.5, 0.4, False), (1.8, 0.4, True), (0.2, 0.7, True)],
)
def test_resiliparse_stands_where_it_has_most_or_trafilatura_far_less(
    times: float, share: float, stands: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = EXTRACTORS["trafilatura"](CANARY, None, compare="none") or ""
    other = "x" * round(times * len(alone))
    monkeypatch.setattr(resiliparse_engine, "extract_with_share", lambda _: (other, share))
    assert EXTRACTORS["trafilatura"](CANARY, None) == (other if stands else alone)


def test_share_of_all_visible_text() -> None:
    prose = "The miller opens the sluice at seven, and the great wheel begins to turn. " * 5
    text, share = resiliparse_engine.extract_with_share(f"<body><article><p>{prose}</p>")
    assert text == prose.strip()
    assert share == 1.0
    menu = "<ul>" + "<li>Entry</li>" * 200 + "</ul>"
    assert resiliparse_engine.extract_with_share(f"<body>{menu}<p>{prose}</p>")[1] < 0.5
    assert resiliparse_engine.extract_with_share("") == (None, 0.0)


def test_prose_lines_keep_headings_of_prose_only() -> None:
    lines = ["Menu", "Home", "On mills", "A mill grinds grain to flour.", "Share", "Print"]
    assert prose_lines("\n".join(lines)) == "On mills\nA mill grinds grain to flour."
    assert prose_lines("방앗간은 곡식을 빻아 왔습니다.") == "방앗간은 곡식을 빻아 왔습니다."


def test_only_giant_data_uris_are_cut() -> None:
    small = '<img src="data:image/png;base64,AAAA">'
    giant = "<img src='data:image/png;base64," + "A" * 20_000 + "'>"
    assert cut_data_uris(small) == small
    assert (
        cut_data_uris(f"a{giant}b{small}c{giant}d")
        == f"a<img src='data:,'>b{small}c<img src='data:,'>d"
    )
    assert cut_data_uris("data:" * 3000) == "data:,"


def test_import_is_light() -> None:
    code = (
        "import sys, gristmill.pipeline.extract.child as c; "
        "heavy = {'trafilatura', 'lxml', 'resiliparse', 'pyarrow', 'pydantic'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
