"""gigatoken gives the ids of HF tokenizers, or is not used."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors

from gristmill.tokenize import fast_engine
from gristmill.tokenize.encode import load_encoder
from gristmill.tokenize.patterns import CL100K_BASE, PATTERNS

_ALL = PATTERNS | {"cl100k": CL100K_BASE}
_BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
Merge = tuple[str, str]


def _model(folder: Path, merges: list[Merge], pattern: str = "gpt2", **bpe) -> Path:
    """A tokenizer of our own merges; its special token stands first in the vocabulary."""
    vocab = {"<|e|>": 0} | {c: i + 1 for i, c in enumerate(_BYTES)}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, **bpe))
    split = pre_tokenizers.Split(Regex(_ALL[pattern]), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|e|>"])
    path = folder / "own.json"
    tokenizer.save(str(path))
    return path


def _reference(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return tokenizer


def _agrees(path: Path, texts: list[str]) -> None:
    encoder, reference = load_encoder(path), _reference(path)
    assert encoder.engine == "gigatoken"
    for text, ids in zip(texts, encoder.encode(texts), strict=True):
        assert ids.tolist() == reference.encode(text, add_special_tokens=False).ids, text


@st.composite
def _merges(draw) -> list[Merge]:
    """Merges in any order: tokens that cannot be reached, or in two ways."""
    tokens, merges = ["a", "b", "c", "Ġ"], []
    for _ in range(draw(st.integers(0, 12))):
        pair = draw(st.tuples(st.sampled_from(tokens), st.sampled_from(tokens)))
        if pair not in merges:
            merges.append(pair)
            tokens.append("".join(pair))
    return merges


def test_merges_listed_twice_go_through_hf(tmp_path) -> None:
    path = _model(tmp_path, [("a", "b"), ("b", "c"), ("c", "a")])
    body = json.loads(path.read_text())
    body["model"]["merges"].append(body["model"]["merges"][0])
    path.write_text(json.dumps(body))
    encoder, reference = load_encoder(path), _reference(path)
    assert encoder.engine == "tokenizers"
    for text in ("abcabc", "bcab", "cab"):
        assert encoder.encode([text])[0].tolist() == reference.encode(text).ids


def test_special_tokens_that_a_template_would_add_are_not(bpe, tmp_path) -> None:
    """Llama 3 puts one before each text; here documents are ended once, when they are written."""
    tokenizer = Tokenizer.from_file(str(bpe("gpt4")))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 399)]
    )
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    _agrees(path, ["The mill grinds.", ""])


_SPACES = ["\t", "\n", "\x0b", "\x0c", "\r", " ", "\x85", "\xa0", "\u1680", "\u2003", "\u2028",
           "\u202f", "\u205f", "\u3000", "\x1c", "\u200b"]  # fmt: skip


def test_white_space_at_the_very_end(tmp_path) -> None:
    """cl100k_base alone treats it in its own way; the fast engine does not know that."""
    spaces = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    names = {s: spaces.pre_tokenize_str(s)[0][0] for s in _SPACES}
    merges = [("Ċ", name[0]) for name in sorted(set(names.values()))]
    path = _model(tmp_path, list(dict.fromkeys(merges)), "cl100k")
    ends = ["".join(pair) for pair in product(_SPACES, repeat=2)]
    _agrees(path, ["mill", *(f"mill{end}" for end in ends), *(f"mill\n{s}" for s in _SPACES)])


@settings(max_examples=150, deadline=None)
@given(_merges(), st.lists(st.text("abc ", max_size=30), min_size=1, max_size=8), st.booleans())
def test_any_merges_in_any_order(tmp_path_factory, merges, texts, ignore: bool) -> None:
    folder = tmp_path_factory.mktemp("model")
    _agrees(_model(folder, merges, ignore_merges=ignore), [*texts, "<|e|>"])


def _pairs() -> list[Merge]:
    """Merges of every two bytes, those that begin a character first: no piece border stays hidden.

    Letters, digits, signs and spaces merge with whatever begins a character before that character
    merges with its own rest.
    """
    low = [*map(chr, range(0x21, 0x7F)), "Ġ", "Ċ"]  # byte-level names of ASCII, space, newline
    rest = [c for c in _BYTES if c not in low]
    return [(a, b) for a in [*low, *rest] for b in _BYTES]


#: Tells a letter from a number, a mark, a space and anything else.
_CONTEXT = "a{0}a1{0}1!{0}! {0}\n"


def _codes() -> list[str]:
    """Code points of every block; of the large uniform ones, every 16th."""
    uniform = [(0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0x20000, 0x10FFFF)]
    every = set(range(0x110000)) - set(range(0xD800, 0xE000))
    for first, last in uniform:
        every -= {c for c in range(first, last) if c % 16}
    return [chr(c) for c in sorted(every)]


@pytest.mark.parametrize("pattern", _ALL)
def test_every_code_point_is_cut_alike(tmp_path, pattern: str) -> None:
    """Both engines, all of Unicode but those listed as new, which HF does."""
    path = _model(tmp_path, _pairs(), pattern)
    data = json.loads(path.read_text())
    regex, odd = fast_engine._pattern(data)
    engine, reference = fast_engine._Engine(fast_engine._plain_body(data, regex)), _reference(path)
    codes = pa.array(_codes())
    codes = codes.filter(pc.invert(pc.match_substring_regex(codes, odd))).to_pylist()
    texts = [
        "".join(_CONTEXT.format(c) for c in codes[i : i + 64]) for i in range(0, len(codes), 64)
    ]
    ids, sizes = engine.encode(pa.array(texts))
    found = reference.encode_batch(texts, add_special_tokens=False)
    for text, part, expected in zip(texts, np.split(ids, np.cumsum(sizes)), found, strict=False):
        assert part.tolist() == expected.ids, ascii(text)
    assert len(found) == len(texts) > 1000


def test_texts_of_new_code_points_go_through_hf(bpe) -> None:
    path = bpe("gpt4")
    texts = ["plain", "a \U00033145. b", "", "a\u088f1", "\U00033145"]
    _agrees(path, texts)


def test_slices_of_larger_arrays(bpe) -> None:
    encode = load_encoder(bpe("gpt4")).encode_batch
    texts = pa.array(["grind", "", "the mill", "水", "x"])
    ids, sizes = encode(texts)
    for start in range(5):
        part, lengths = encode(texts[start : start + 2])
        first = int(sizes[:start].sum())
        assert lengths.tolist() == sizes[start : start + 2].tolist()
        assert part.tolist() == ids[first : first + int(lengths.sum())].tolist()
    empty, none = encode(texts[:0])
    assert (empty.dtype, len(empty), len(none)) == (np.uint32, 0, 0)


def test_building_anew_changes_nothing(bpe, monkeypatch) -> None:
    monkeypatch.setattr(fast_engine, "_REBUILD_BYTES", 10)
    encoder = load_encoder(bpe("gpt4"))
    first = encoder.encode(["The mill grinds."])[0].tolist()
    assert all(encoder.encode(["The mill grinds."])[0].tolist() == first for _ in range(4))


def test_an_engine_that_differs_is_not_used(bpe, monkeypatch, tmp_path) -> None:
    right = fast_engine._Engine.encode

    def wrong(self, texts):
        ids, sizes = right(self, texts)
        return ids + 1, sizes

    path = tmp_path / "tokenizer.json"
    path.write_text(bpe("gpt4").read_text() + "\n")
    monkeypatch.setattr(fast_engine._Engine, "encode", wrong)
    assert load_encoder(path).engine == "tokenizers"


def test_post_processors_that_leave_the_ids_alone_do_no_harm(tmp_path: Path) -> None:
    path = _model(tmp_path, [("a", "b")])
    data = json.loads(path.read_text())
    level = {
        "type": "ByteLevel",
        "add_prefix_space": True,
        "trim_offsets": False,
        "use_regex": True,
    }
    data["post_processor"] = {"type": "Sequence", "processors": [level]}
    path.write_text(json.dumps(data))
    _agrees(path, ["ab abab", " ab"])
    data["post_processor"]["processors"].append(
        {"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", 2]}
    )
    path.write_text(json.dumps(data))
    assert load_encoder(path).engine == "tokenizers"
