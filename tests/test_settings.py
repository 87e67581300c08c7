"""Plain data to models: overrides, and messages that people can act on."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.filters.gopher_quality import GopherQuality
from gristmill.settings import build, nearest, override

BODY: dict[str, Any] = {
    "name": "r",
    "inputs": {"warc": ["a.warc.gz"], "sample": 3},
    "stages": ["c4", {"gopher_quality": {"min_words": 50}}, {"language": None}],
    "tokenizer": {"train": {"vocab_size": 300}},
}


def test_a_model_from_a_mapping() -> None:
    assert build(GopherQuality, {"min_words": 7}, "r.yaml").min_words == 7


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"min_wrods": 7}, r"^here: unknown key min_wrods; did you mean min_words\?$"),
        ({"zzz": 7}, "unknown key zzz; known: .*min_words"),
        ({3: 7}, "unknown key 3; known"),
        ({"min_words": "many"}, r"^here: min_words: .*valid integer.*got 'many'"),
        ([1], r"^here: must be a mapping of parameters, not \[1\]"),
        ("c4", "must be a mapping"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(values: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build(GopherQuality, values, "here")
    assert "\n" not in str(caught.value)


def test_nearest_or_all() -> None:
    assert nearest("langauge", ["language", "c4"]) == "; did you mean language?"
    assert nearest("x", ["b", "a"]) == "; known: a, b"


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("gopher_quality.min_words=80", ("stages", 1, "gopher_quality", "min_words"), 80),
        ("stages.gopher_quality.min_words=80", ("stages", 1, "gopher_quality", "min_words"), 80),
        ("c4.min_words=3", ("stages", 0, "c4", "min_words"), 3),
        ("language.keep=[de, en]", ("stages", 2, "language", "keep"), ["de", "en"]),
        ("tokenizer.train.vocab_size=512", ("tokenizer", "train", "vocab_size"), 512),
        ("shards.seed=2", ("shards", "seed"), 2),
        ("dataset.license=odc-by", ("dataset", "license"), "odc-by"),
        ("name=other", ("name",), "other"),
        ("language.model=", ("stages", 2, "language", "model"), None),
        ("language.model=a=b", ("stages", 2, "language", "model"), "a=b"),
    ],
)
def test_one_value_is_set(setting: str, path: tuple[Any, ...], value: Any) -> None:
    before = copy.deepcopy(BODY)
    out: Any = override(BODY, [setting])
    for part in path:
        out = out[part]
    assert out == value
    assert before == BODY, "the recipe given must not change"


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("gopher_quality.min_words", "write it as name.parameter=value"),
        ("=3", "write it as name.parameter=value"),
        ("c4.x=[", "the value is not YAML"),
        ("gopher.min_words=3", "has no gopher; did you mean gopher_quality"),
        ("gopher_quality.min_words.deep=3", "min_words is no block"),
    ],
)
def test_a_bad_setting_is_named(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"--set .*{message}"):
        override(BODY, [setting])


@pytest.mark.parametrize(
    ("body", "setting", "message"),
    [
        ({"stages": [{"c4": "text"}]}, "c4.x=3", "c4 is no block"),
        ({"stages": 5}, "c4.x=3", "stages are no list"),
        ({"stages": ["c4"], "tokenizer": "text"}, "tokenizer.path=x", "tokenizer is no block"),
        ({"tokenizer": {"train": 3}}, "tokenizer.train.seed=1", "train is no block"),
    ],
)
def test_a_setting_inside_what_is_no_block(body: Any, setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        override(body, [setting])


def test_overrides_leave_nonsense_for_the_parser_to_refuse() -> None:
    assert override({"stages": [5, "c4"]}, ["c4.x=1"])["stages"] == [5, {"c4": {"x": 1}}]


def test_inputs_replace_the_recipes_inputs_but_not_how_they_are_read() -> None:
    out = override(BODY, [], ["x.jsonl", "y.jsonl.gz"])
    assert out["inputs"] == {"sample": 3, "jsonl": ["x.jsonl", "y.jsonl.gz"]}
    with pytest.raises(ConfigError, match="cannot tell what this is"):
        override(BODY, [], ["page.html"])


@given(st.integers() | st.booleans() | st.text("abc", min_size=1) | st.none())
def test_the_last_setting_counts(value: Any) -> None:
    out = override(BODY, ["c4.x=first", f"c4.x={'null' if value is None else value}"])
    found = out["stages"][0]["c4"]["x"]
    assert found == (value if not isinstance(value, str) else found)
    assert len(out["stages"]) == 3
