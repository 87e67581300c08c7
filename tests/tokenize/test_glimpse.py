"""What the web wrote, on our terminal."""

import pytest

from gristmill.tokenize import glimpse
from gristmill.tokenize.glimpse import glimpses
from gristmill.tokenize.shard_source import open_own


def test_the_first_documents(make_token_set, tmp_path):
    long = "물레방아 " * 100
    source = open_own(make_token_set(tmp_path / "s", {"train_000000": ["One.", "", long, "Two."]}))
    found = list(glimpses(source, source.files[0], 3))
    assert [(g.first, g.tokens, g.text, g.cut) for g in found] == [
        (0, 5, "One.", False),
        (5, 1, "", False),
        (6, 1301, long[:200], True),
    ]
    assert len(list(glimpses(source, source.files[0], 9))) == 4
    assert list(glimpses(source, source.files[0], 0)) == []


@pytest.mark.parametrize("prefix", [1, 2, 5, 100])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_only_the_beginning_of_a_file_is_searched(token_set, monkeypatch, prefix, count):
    monkeypatch.setattr(glimpse, "_PREFIX", prefix)
    source = open_own(token_set)
    found = [g.text for g in glimpses(source, source.files[0], count)]
    assert found == ["The mill grinds.", "", "물레방아\n\tturns"][:count]
