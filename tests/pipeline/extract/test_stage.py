import pyarrow as pa
import pytest

from gristmill.pipeline.extract import Extract, ExtractVerdict, Reply, Sandbox
from gristmill.pipeline.extract.sandbox import STATUSES
from gristmill.pipeline.schema import PAGE
from gristmill.pipeline.stage import apply

TEXTS = {
    "utf-8": "Die Mühle im Tal mahlt seit vierhundert Jahren Roggen und Gerste für alle Dörfer.",
    "cp949": "물레방앗간은 사백 년 동안 호밀과 보리를 빻아 왔으며 마을 사람들이 해마다 찾아옵니다.",
    "cp932": "谷のはずれの水車小屋は、四百年ものあいだライ麦と大麦をひいてきた古い建物です。",
    "cp1251": "Водяная мельница в нижнем конце долины молола рожь и ячмень четыре столетия.",
}


def page(text: str) -> str:
    return f"<html><body><nav>Menu</nav><article>{f'<p>{text}</p>' * 3}</article></body></html>"


def batch(pages: list[tuple[bytes | None, str | None]]) -> pa.RecordBatch:
    rows = [
        {"key": i, "url": f"http://mill.example/{i}", "html": html, "content_type": mime}
        for i, (html, mime) in enumerate(pages)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=PAGE)


@pytest.mark.parametrize("engine", ["trafilatura", "resiliparse", "plain"])
def test_pages_in_many_charsets(engine: str) -> None:
    labels = {"utf-8": "utf-8", "cp949": "euc-kr", "cp932": "shift_jis", "cp1251": "windows-1251"}
    pages = [
        (page(text).encode(codec), f"text/html; charset={labels[codec]}")
        for codec, text in TEXTS.items()
    ]
    stage = Extract(engine=engine)
    out = stage(batch(pages))
    assert "html" not in out.schema.names
    assert {name: out.schema.field(name).type for name in stage.adds()} == dict(stage.adds())
    assert out["extract.status"].to_pylist() == ["ok"] * 4
    assert out["extract.charset"].to_pylist() == list(TEXTS)
    for text, expected in zip(out["text"].to_pylist(), TEXTS.values(), strict=True):
        assert expected in text
        assert "\x00" not in text


def test_caps_come_before_the_sandbox_and_verdicts_follow() -> None:
    stage = Extract(engine="plain", max_html_bytes=2000, max_tags=100)
    good = page(TEXTS["utf-8"]).encode()
    pages = [(good, None), (None, None), (b"x" * 2001, None), (b"<b>" * 101, None), (b"<p>", None)]
    kept, rejected = apply(stage, batch(pages))
    assert kept["key"].to_pylist() == [0]
    assert rejected["reason"].to_pylist() == [
        "extract_empty",
        "html_too_large",
        "html_too_many_tags",
        "extract_empty",
    ]
    assert rejected["text"].null_count == 4


def test_verdict_reasons_are_all_statuses_but_ok() -> None:
    verdict = ExtractVerdict()
    assert set(verdict.reasons()) >= set(STATUSES) - {"ok"}
    assert "ok" not in verdict.reasons()
    assert set(verdict.machine_reasons) < set(verdict.reasons())
    assert Extract().steps()[1] == verdict


def test_nul_and_surrogates_never_reach_the_text() -> None:
    html = (
        page(TEXTS["utf-8"]).encode().replace(b"Roggen", b"Rog\x00gen &#0; &#xD800; \xed\xa0\x80")
    )
    out = Extract()(batch([(html, "text/html; charset=utf-8")]))
    text = out["text"][0].as_py()
    assert "Roggen" in text
    assert "\x00" not in text
    text.encode("utf-8")


def test_empty_batch() -> None:
    assert Extract()(batch([])).num_rows == 0


def test_fallback_takes_over_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRISTMILL_SELFTEST", "1")
    real = Sandbox()
    calls = []

    class Failing:
        def call(self, engine: str, *page: object, **_: object) -> Reply:
            calls.append(engine)
            if engine == "trafilatura" and page[0] == slow:
                return Reply("extract_timeout")
            return real.call(engine, *page)  # type: ignore[arg-type]

    monkeypatch.setattr("gristmill.pipeline.extract.stage.shared_sandbox", lambda _: Failing())
    slow, good = page(TEXTS["utf-8"]).encode(), page("Anderer Text. " * 9).encode()
    out = Extract(favor="recall")(batch([(slow, None), (good, None)]))
    assert out["extract.status"].to_pylist() == ["ok", "ok"]
    assert out["extract.fallback"].to_pylist() == ["extract_timeout", None]
    assert calls == ["trafilatura", "resiliparse", "trafilatura"]
    assert TEXTS["utf-8"] in out["text"][0].as_py()
    alone = Extract(fallback=None)(batch([(slow, None)]))
    assert alone["extract.status"].to_pylist() == ["extract_timeout"]
    assert alone["extract.fallback"].to_pylist() == [None]
    real.close()


def test_mojibake_is_counted() -> None:
    broken = TEXTS["utf-8"].encode().decode("cp1252").encode()
    pages = [(page(TEXTS["utf-8"]).encode(), None), (page(broken.decode()).encode(), None)]
    assert Extract()(batch(pages))["extract.mojibake"].to_pylist() == [0, 9]  # three a line
