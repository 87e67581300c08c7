import gzip
import json

import pytest

from gristmill.errors import ConfigError
from gristmill.train_smoke.choices import Choice, Item, read_items


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_three_schemas(tmp_path):
    path = write(
        tmp_path / "set.jsonl",
        {"ctx": "The miller", "endings": ["sleeps.", "flies."], "label": 1, "ind": 7},
        {"query": "Question: What turns?", "choices": ["stone", "milk"], "gold": 0},
        {"context": "The stone", "choices": ["turns", "sings"], "gold": "0"},
        {"context_options": ["Ann fed Bea so Ann", "Ann fed Bea so Bea"],
         "continuation": "was full.", "gold": 1},
    )  # fmt: skip
    answer = "Question: What turns?\nAnswer:"
    assert read_items(path) == [
        Item((Choice("The miller", "sleeps."), Choice("The miller", "flies.")), 1),
        Item((Choice(answer, "stone"), Choice(answer, "milk")), 0),
        Item((Choice("The stone", "turns"), Choice("The stone", "sings")), 0),
        Item(
            (
                Choice("Ann fed Bea so Ann", "was full."),
                Choice("Ann fed Bea so Bea", "was full."),
            ),
            1,
        ),
    ]
    packed = tmp_path / "set.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_items(packed) == read_items(path)
    assert read_items(packed, limit=2) == read_items(path)[:2]


GOOD = {"ctx": "a", "endings": ["b", "c"], "label": 0}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        (json.dumps({"ctx": "a", "label": 0}), "has keys ctx, label; known are"),
        (json.dumps(GOOD | {"label": 2}), "the right answer is 2, the choices are 0 to 1"),
        (json.dumps(GOOD | {"label": True}), "the right answer is True"),
        (json.dumps(GOOD | {"label": "²"}), "the right answer is '²'"),
        (json.dumps(GOOD | {"endings": ["b"]}), "at least two choices"),
        (json.dumps(GOOD | {"endings": ["b", ""]}), "no empty ones"),
        (json.dumps(GOOD | {"endings": ["b", 3]}), "must be text"),
    ],
)
def test_a_bad_line_is_named(tmp_path, row, message):
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + row + "\n")
    with pytest.raises(ConfigError) as caught:
        read_items(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert message in str(caught.value)


def test_unreadable_and_empty_files(tmp_path):
    for name, content in (("a.jsonl.gz", b"no gzip"), ("b.jsonl", b"\xff"), ("c.jsonl", b"\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=name):
            read_items(tmp_path / name)
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(b"x" * 9999)[:-12])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_items(tmp_path / "d.jsonl.gz")
