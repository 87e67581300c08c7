import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters.pii.ip import PLACEHOLDER, PLACEHOLDER_V6, replace

PIECES = [
    "8.8.8.8",
    "1.2.3.4",
    "10.0.0.1",
    ".",
    "8",
    " ",
    "v",
    "-",
    ":",
    "2606:4700::1111",
    "a",
    "é",
]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "ping {}",
            "({})",
            "{}:53",
            "{}/24",
            "from {}.",
            "[{}]",
            "http://{}/x",
            "{}-{}",
            "日本{}は",
        ),
        *("conversion {}", "{}\n{}"),
    ],
)
def test_public_addresses(text):
    found = replace(text.replace("{}", "8.8.4.4"))
    assert found == (text.replace("{}", PLACEHOLDER), text.count("{}"))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "no address",
            "192.168.1.1 10.0.0.1 127.0.0.1 224.0.0.251",
            "1.8.8.8.8",
            "8.8.8.8.8",
            "18.8.8.888",
        ),
        *("v8.8.8.8", "version 8.8.8.8", "Version: 8.8.8.8", "rev. 8.8.8.8", "8.8.8.8-beta"),
        *("8.8.8.256", "08.8.8.8", "8.8.8.8x", "x_8.8.8.8", "1.3.6.1.4.1.311.21", PLACEHOLDER),
        *('openjdk version "17.0.4.1"', "버전 3.2.10.45", "chapter 3.2.1.4", "第 4.2.13.1 节"),
        *("11.1.2.1. Virtual hosts", "so\n 6.2.4.3.\xa0設定"),
        *("at 12:30:45", "2024:01:02", "std::a", "fe80::1", "2001:db8::7", PLACEHOLDER_V6),
    ],
)
def test_everything_else_stays(text):
    assert replace(text) == (text, 0)


def test_version_6():
    assert replace("on 2606:4700:4700::1111, up") == (f"on {PLACEHOLDER_V6}, up", 1)
    assert replace("2606:4700:4700::1111: up") == (f"{PLACEHOLDER_V6}: up", 1)


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(PIECES) | st.characters(codec="utf-8"), max_size=14).map("".join))
def test_twice_is_once(text):
    clean, _ = replace(text)
    assert replace(clean) == (clean, 0)
