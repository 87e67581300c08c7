"""Encoding by gigatoken: no regular expression, and every piece of text merged only once.

It encodes tens of times as fast as HF tokenizers (``benchmarks/encoding.py``) and gives the same
ids where it can do the same work: byte-level BPE without normaliser or dropout, with a split
pattern known to mean the same to both. Where it cannot, or does not on a few nasty strings, HF does
the work.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.tokenize.formats.vocab import listed_merges
from gristmill.tokenize.patterns import CL100K_BASE, GPT4, PATTERNS, split_regex

Ids = npt.NDArray[np.uint32]
Sizes = npt.NDArray[np.int64]
#: Texts (a string array without nulls) to the ids of all of them in one array, and how many of
#: them belong to each text.
EncodeBatch = Callable[[pa.StringArray], tuple[Ids, Sizes]]

#: gigatoken remembers every piece it meets and never forgets: some 3.5 bytes for each byte of text
#: that repeats nothing. It is built anew after so much text, which bounds that.
_REBUILD_BYTES = 256 << 20

#: Letters, numbers and marks that came with Unicode 17.0: gigatoken knows them, HF tokenizers 0.23
#: (Unicode 16.0) does not yet. Texts that hold one go through HF. Found by comparing both on every
#: code point, which tests/tokenize/test_fast_engine.py does again.
_NEW_CODES = (
    "88F C5C CDC 1ACF-1ADD 1AE0-1AEB A7CE-A7CF A7D2 A7D4 A7F1 10940-10959 10EC5-10EC7 10EFA-10EFB "
    "11B60-11B67 11DB0-11DDB 11DE0-11DE9 16EA0-16EB8 16EBB-16ED3 16FF2-16FF6 187F8-187FF "
    "18D09-18D1E 18D80-18DF2 1E6C0-1E6DE 1E6E0-1E6F5 1E6FE-1E6FF 2B73A-2B73F 2CEA2-2CEAD "
    "323B0-33479"
)

#: Split patterns: gigatoken's words for each, and which texts it reads in another way all the same.
_SPACE = r"[\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
_KNOWN = {regex: (regex, "") for regex in PATTERNS.values()} | {CL100K_BASE: (GPT4, rf"{_SPACE}\z")}

#: Post-processors that move offsets or add special tokens, which nobody here asks for.
_POST = ("ByteLevel", "TemplateProcessing")

#: Compared with HF before anything else is encoded: a guard against versions never tested.
_PROBE = (
    "It's 12345 o'clock, THEY'LL  say:\n\n\t x = {'a': [1.5e-3]}  \r\n   end \n ",
    "Größe naïve ﬀ e\u0301 İ ſ'ſ 水車は粉を挽く 물레방아 привет नमस्ते ١٢٣ Ⅷ ½ 👩\u200d👧",
    "\u00a0\u3000\u2028\x85\x1c\x0b ",
    "<|endoftext|>" + "ab" * 500 + " " * 99 + "\n" * 99 + "!" * 99 + "'s'S''t",
)


def fast_encode(data: dict[str, Any], slow: EncodeBatch) -> EncodeBatch | None:
    """Return the fast way to encode, or None where this tokenizer does not allow it.

    Args:
        data: the parsed ``tokenizer.json``.
        slow: the way of HF tokenizers, for single texts.
    """
    pattern = _pattern(data)
    if pattern is None:
        return None
    regex, odd = pattern
    engine = _Engine(_plain_body(data, regex))
    probe = pa.array(_PROBE)
    try:
        ids, sizes = _with_exceptions(probe, engine.encode, slow, odd)
        slow_ids, slow_sizes = slow(probe)
    except (RuntimeError, ValueError, TypeError):  # it does not know this model
        return None
    if not np.array_equal(ids, slow_ids) or not np.array_equal(sizes, slow_sizes):
        return None
    return lambda texts: _with_exceptions(texts, engine.encode, slow, odd)


def _with_exceptions(
    texts: pa.StringArray, fast: EncodeBatch, slow: EncodeBatch, odd: str
) -> tuple[Ids, Sizes]:
    """Encode, and replace the ids of texts in which the engines differ."""
    ids, sizes = fast(texts)
    at = np.flatnonzero(pc.match_substring_regex(texts, odd).to_numpy(zero_copy_only=False))
    if not len(at):
        return ids, sizes
    parts = np.split(ids, np.cumsum(sizes)[:-1])
    slow_ids, slow_sizes = slow(texts.take(pa.array(at)))
    for i, part in zip(at.tolist(), np.split(slow_ids, np.cumsum(slow_sizes)[:-1]), strict=True):
        parts[i] = part
        sizes[i] = len(part)
    return np.concatenate(parts), sizes


def _pattern(data: dict[str, Any]) -> tuple[str, str] | None:
    """Return the split pattern in gigatoken's words, and what the texts match that HF must do."""
    model = data["model"]
    merges = list(listed_merges(data))
    named = ("dropout", "unk_token", "byte_fallback", "continuing_subword_prefix")
    if (
        data.get("normalizer") is not None
        or not _leaves_ids(data.get("post_processor"))
        or len(set(merges)) < len(merges)  # of two equal ones, each engine takes another
        or model.get("end_of_word_suffix")
        or any(model.get(key) for key in named)
        or any(not token.get("special") for token in data.get("added_tokens", []))
    ):
        return None
    regex = split_regex(data)
    if regex not in _KNOWN:
        return None
    new = "".join(
        "-".join(rf"\x{{{code}}}" for code in codes.split("-")) for codes in _NEW_CODES.split()
    )
    fast, odd = _KNOWN[regex]
    return fast, f"[{new}]|{odd}" if odd else f"[{new}]"


def _leaves_ids(post: dict[str, Any] | None) -> bool:
    """Tell whether a post-processor changes no ids of ours."""
    if post is None or post.get("type") in _POST:
        return True
    return post.get("type") == "Sequence" and all(map(_leaves_ids, post.get("processors", [])))


def _plain_body(data: dict[str, Any], regex: str) -> str:
    """Return a ``tokenizer.json`` without special tokens: to encode, their names are just text."""
    split = {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}
    levels = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, levels]},
            "post_processor": None,
            "decoder": None,
            "model": data["model"],
        }
    )


class _Engine:
    """gigatoken with bounded memory. What it remembers changes its speed, never its ids."""

    def __init__(self, body: str) -> None:
        self._body = body
        self._encoded = 0
        self._tokenizer: Any = None

    def encode(self, texts: pa.StringArray) -> tuple[Ids, Sizes]:
        """Encode texts; see ``EncodeBatch``."""
        import awkward as ak
        import gigatoken

        if self._tokenizer is None or self._encoded >= _REBUILD_BYTES:
            self._tokenizer, self._encoded = gigatoken.Tokenizer.from_json(self._body), 0
        offsets, body = _buffers(texts)
        self._encoded += int(offsets[-1] - offsets[0])
        strings = ak.contents.ListOffsetArray(
            ak.index.Index64(offsets),
            ak.contents.NumpyArray(body, parameters={"__array__": "char"}),
            parameters={"__array__": "string"},
        )
        # One thread: Dask runs a process a core.
        found = self._tokenizer.encode_batch(ak.Array(strings), parallel=False)
        sizes = np.asarray(ak.num(found), np.int64)
        return np.asarray(ak.flatten(found), np.uint32), sizes


def _buffers(texts: pa.StringArray) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return offsets and bytes of a string array, not copied."""
    _, offsets, body = texts.buffers()
    every = np.frombuffer(offsets, np.int32) if offsets else np.zeros(1, np.int32)
    wanted = every[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return wanted, np.frombuffer(body or b"", np.uint8)
