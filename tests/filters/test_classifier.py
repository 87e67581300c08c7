"""The stage, with a model of ours and with a fastText one."""

from pathlib import Path

import fasttext
import numpy as np
import pytest

from gristmill.errors import ConfigError
from gristmill.filters.classifier import Classifier, scorer
from gristmill.filters.hashed_ngrams import train

TEXTS = ["The mill turns\nslowly.", "  Buy now!\r\nCheap. ", "", None, "é mill", "</s> mill"]


def dclm(runtime, text: str) -> float:
    """What DCLM's ``classify_fasttext_hq_prob`` computes."""
    (label,), (score,) = runtime.predict(" ".join(text.strip().splitlines()))
    return 1 - score if label == "__label__cc" else score


@pytest.fixture
def ours_model(tmp_path: Path) -> str:
    good = [f"The mill {i} turns slowly." for i in range(20)]
    bad = [f"Buy {i} now! Cheap." for i in range(20)]
    path = tmp_path / "quality.bin"
    path.write_bytes(train(good, bad, bits=12, held_out=0).to_bytes())
    return str(path)


def test_a_model_of_ours(ours, columns, ours_model):
    judge = Classifier(model=ours_model, threshold=0.5)
    texts = [*TEXTS[:4], "é mill turns"]
    assert [v[0] for v in ours(judge, texts)] == [
        None, "classifier", "classifier_none", "classifier_none", None,
    ]  # fmt: skip
    scores = columns(judge, texts)["classifier.score"]
    other = columns(Classifier(model=ours_model, label="__label__cc"), texts)["classifier.score"]
    assert other[0] == 1 - scores[0]
    assert other[2] is None
    at = Classifier(model=ours_model, threshold=scores[0])
    assert ours(at, TEXTS[:1])[0][0] is None  # the threshold itself passes, as in DCLM
    above = Classifier(model=ours_model, threshold=scores[0] + 1e-9)
    assert ours(above, TEXTS[:1])[0][0] == "classifier"
    assert columns(judge, [])["classifier.score"] == []


@pytest.mark.parametrize("loss", [1, 3])
@pytest.mark.parametrize("word_ngrams", [1, 2])
def test_a_fasttext_model_scores_as_dclm_does(tiny_fasttext, columns, loss, word_ngrams):
    path = str(tiny_fasttext(["cc", "hq"], ["mill", "Buy", "now!", "turns"], loss=loss,
                             word_ngrams=word_ngrams, chars=(0, 0)))  # fmt: skip
    runtime = fasttext.load_model(path)
    found = columns(Classifier(model=path, label="__label__hq"), TEXTS)["classifier.score"]
    assert len({round(s, 4) for s in found}) > 2
    for text, score in zip(TEXTS, found, strict=True):
        clean = (text or "").encode(errors="replace").decode()
        assert score == dclm(runtime, clean)


def test_more_than_two_labels(tiny_fasttext):
    path = str(tiny_fasttext(["a", "b", "c"], ["mill"], loss=3))
    runtime = fasttext.load_model(path)
    for text in ("The mill", "turns", "slowly in winter"):
        labels, scores = runtime.predict(text, k=-1)
        every = dict(zip(labels, scores, strict=True))
        for name in "abc":
            assert scorer(path, None, name)(text) == every.get(f"__label__{name}", 0.0)


def test_a_text_that_fasttext_cannot_judge(tiny_fasttext, ours):
    path = tiny_fasttext(["hq", "cc"], ["mill"], chars=(0, 0))
    # A model without </s> knows nothing of an empty text.
    path.write_bytes(path.read_bytes().replace(b"</s>", b"<xs>"))
    judge = Classifier(model=str(path), threshold=0)
    assert [v[0] for v in ours(judge, ["mill", ""])] == [None, "classifier_none"]


def test_wrong_models_are_refused(tiny_fasttext, ours_model, tmp_path: Path):
    digest = Classifier(model=ours_model).assets()["model"]
    assert Classifier(model=ours_model, sha256=digest.upper()).assets() == {"model": digest}
    with pytest.raises(ConfigError, match="not 00: fix `sha256`"):
        Classifier(model=ours_model, sha256="00").assets()
    with pytest.raises(ConfigError, match="no model; name a file"):
        Classifier().assets()
    with pytest.raises(ConfigError, match="cannot read model"):
        Classifier(model=str(tmp_path / "none")).assets()
    with pytest.raises(ConfigError, match="no label 'good', only hq, cc"):
        Classifier(model=ours_model, label="good").assets()
    bad = tmp_path / "bad.bin"
    bad.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="is no model"):
        Classifier(model=str(bad)).assets()
    cut = tiny_fasttext(["hq", "cc"], ["mill"])
    cut.write_bytes(cut.read_bytes()[:90])
    with pytest.raises(ConfigError, match="is no model"):
        Classifier(model=str(cut)).assets()


def test_defaults_are_those_of_dclm():
    assert (Classifier().label, Classifier().threshold) == ("hq", 0.018112)


def test_scores_are_numbers_of_the_model(tiny_fasttext):
    output = np.array([[50.0] * 8, [-50.0] * 8])
    path = str(tiny_fasttext(["hq", "cc"], ["mill"], loss=3, output=output))
    score = scorer(path)("mill mill")
    assert score == pytest.approx(round(score), abs=2e-5)
