import json
import re
import sys

import pytest

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.vocab import Vocabulary
from gristmill.train_smoke.constrain import by_regex, by_schema
from gristmill.train_smoke.sample import Sampling, generate, text_of


@pytest.mark.parametrize("pattern", [r"[0-9]{3}(-[a-z]+)?", r"(müh|gr)le{1,4}", r"a|ab|abc"])
def test_sampled_text_matches_the_pattern(model, vocabulary, pattern):
    pytest.importorskip("llguidance")
    how = Sampling(max_tokens=200, stop_ids=(0,), seed=3)
    constraint = by_regex(pattern, vocabulary, 0)
    written = generate(model, [0, 5], how, n=8, constraint=constraint)
    ended = [one for one in written if one.finish != "length"]
    assert len(ended) >= 4
    texts = {text_of(one, how, vocabulary) for one in ended}
    assert len(texts) > 1
    assert all(re.fullmatch(pattern, text) for text in texts), texts


def test_sampled_json_obeys_the_schema(model, vocabulary):
    pytest.importorskip("llguidance")
    schema = {
        "type": "object",
        "properties": {
            "grain": {"enum": ["rye", "oats"]},
            "bags": {"type": "integer", "minimum": 1, "maximum": 99},
        },
        "required": ["grain", "bags"],
        "additionalProperties": False,
    }
    how = Sampling(max_tokens=60, stop_ids=(0,))
    constraint = by_schema(json.dumps(schema), vocabulary, 0)
    written = generate(model, [0], how, n=6, constraint=constraint)
    for one in written:
        assert one.finish in ("grammar", "stop_id")
        found = json.loads(text_of(one, how, vocabulary))
        assert found.keys() == {"grain", "bags"}
        assert found["grain"] in ("rye", "oats")
        assert 1 <= found["bags"] <= 99


def test_end_of_text_is_allowed_when_the_text_matches(vocabulary):
    pytest.importorskip("llguidance")
    matcher = by_regex("ab?", vocabulary, 0).matcher()
    assert matcher.allowed().nonzero().flatten().tolist() == [ord("a") + 1]
    assert not matcher.accept(ord("a") + 1)
    assert matcher.allowed().nonzero().flatten().tolist() == [0, ord("b") + 1]
    assert matcher.accept(ord("b") + 1)


def test_bad_grammars_and_a_missing_library(vocabulary, monkeypatch):
    pytest.importorskip("llguidance")
    with pytest.raises(ConfigError, match=r"regex 'a\(': .*unclosed group"):
        by_regex("a(", vocabulary, 0)
    with pytest.raises(ConfigError, match=r"JSON schema: .*Invalid type: foo"):
        by_schema('{"type": "foo"}', vocabulary, 0)
    with pytest.raises(ConfigError, match="JSON schema: "):
        by_schema("{", vocabulary, 0)
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(ConfigError, match=r"pip install 'gristmill\[constrained\]'"):
        by_regex("a", vocabulary, 0)


def test_ids_that_the_tokenizer_lacks_are_never_written(model):
    """A model may have more ids than the tokenizer: padding, or ids left out."""
    pytest.importorskip("llguidance")
    few = Vocabulary((b"<|endoftext|>", *(bytes([n]) for n in range(200))), frozenset({0}))
    how = Sampling(max_tokens=30, stop_ids=(0,), temperature=5.0)
    for one in generate(model, [0], how, n=8, constraint=by_regex("[a-c]{9}", few, 0)):
        assert re.fullmatch("[a-c]{9}", text_of(one, how, few))


def test_a_grammar_that_the_vocabulary_cannot_write(model):
    pytest.importorskip("llguidance")
    letters = Vocabulary((b"<|endoftext|>", b"a", b"b"), frozenset({0}))
    with pytest.raises(ConfigError, match="grammar"):
        generate(model, [0], Sampling(), constraint=by_regex("ax", letters, 0))
