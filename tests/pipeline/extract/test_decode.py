import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.extract.decode import decode_html, python_codec

KOREAN = "물레방앗간은 사백 년 동안 곡식을 빻아 왔습니다. 똠방각하와 펲시콜라를 좋아합니다. "
JAPANESE = "谷のはずれの水車小屋は、四百年ものあいだ麦をひいてきました。①と髙いところ。"
RUSSIAN = "Водяная мельница в долине молола рожь и ячмень четыре столетия подряд. "
GERMAN = "Die Mühle am Fluß mahlt seit vierhundert Jahren – „täglich“ für 5 €. "
CHINESE = "山谷下游的水磨四百年来一直在磨黑麦和大麦，镕基与喆都写得出。"


def html(text: str, meta: str = "") -> str:
    tag = f'<meta charset="{meta}">' if meta else ""
    return f"<html><head>{tag}<title>x</title></head><body><p>{text * 8}</p></body></html>"


@pytest.mark.parametrize(
    ("text", "codec", "label", "name"),
    [
        (KOREAN, "cp949", "euc-kr", "cp949"),
        (KOREAN, "cp949", "ks_c_5601-1987", "cp949"),
        (JAPANESE, "cp932", "Shift_JIS", "cp932"),
        (JAPANESE, "cp932", "x-sjis", "cp932"),
        (RUSSIAN, "cp1251", "windows-1251", "cp1251"),
        (GERMAN, "cp1252", "ISO-8859-1", "cp1252"),
        (GERMAN, "cp1252", "latin1", "cp1252"),
        (CHINESE, "gb18030", "gb2312", "gb18030"),
        (KOREAN, "utf-8", "utf8", "utf-8"),
    ],
)
def test_labels_mean_what_browsers_make_of_them(
    text: str, codec: str, label: str, name: str
) -> None:
    by_meta, by_http = html(text, label), html(text)
    assert decode_html(by_meta.encode(codec), None) == (by_meta, name)
    assert decode_html(by_http.encode(codec), f"text/html; charset={label}") == (by_http, name)


@pytest.mark.parametrize(
    ("text", "codec"),
    [(KOREAN, "cp949"), (JAPANESE, "cp932"), (RUSSIAN, "cp1251"), (GERMAN, "utf-8")],
)
@pytest.mark.parametrize("label", ["", "none", "zlib", "undefined", "idna", "utf-7", "x" * 40])
def test_useless_labels_leave_it_to_detection(text: str, codec: str, label: str) -> None:
    page = html(text)
    decoded = decode_html(page.encode(codec), f"text/html; charset={label}")
    assert decoded is not None
    assert decoded[0] == page


@pytest.mark.parametrize("label", ["iso-8859-1", "windows-1251", "koi8-r", "us-ascii"])
def test_valid_utf8_wins_over_a_single_byte_label(label: str) -> None:
    page = html(GERMAN, label)
    assert decode_html(page.encode(), f"text/html; charset={label}") == (page, "utf-8")


def test_wrong_multi_byte_label_falls_through() -> None:
    page = html(RUSSIAN, "windows-1251")
    assert decode_html(page.encode("cp1251"), "text/html; charset=utf-8") == (page, "cp1251")


def test_byte_order_mark_wins() -> None:
    page = html(KOREAN, "euc-kr")
    for bom, codec in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")):
        assert decode_html(bom + page.encode(codec), "text/html; charset=euc-kr") == (page, codec)


def test_a_few_wrong_bytes_are_forgiven() -> None:
    page = html(KOREAN, "utf-8").encode() + b"\xff"
    decoded = decode_html(page, None)
    assert decoded is not None
    assert decoded[0].startswith(html(KOREAN, "utf-8"))


@given(
    st.binary(max_size=600),
    st.one_of(st.none(), st.text(max_size=60).map(lambda s: f"text/html; charset={s}")),
)
def test_any_bytes_give_clean_text_or_none(body: bytes, content_type: str | None) -> None:
    decoded = decode_html(body, content_type)
    if decoded is not None:
        decoded[0].encode("utf-8")
        assert "\x00" not in decoded[0]
        codecs.lookup(decoded[1])


def test_every_codec_of_python_is_known_text_or_refused() -> None:
    from encodings.aliases import aliases

    for label in {*aliases, *aliases.values()}:
        codec = python_codec(label)
        if codec is not None:
            assert isinstance(b"abc".decode(codec, "replace"), str)
