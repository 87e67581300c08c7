"""Our own classifier: it learns, it is the same bytes again, and damaged files are refused."""

import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.filters.hashed_ngrams import (
    HashedNgrams,
    features,
    is_held_out,
    load,
    train,
)

GOOD = [f"The miller explains why the wheel number {i} turns slowly in winter." for i in range(40)]
BAD = [f"CLICK HERE!!! Buy {i} now, cheap, cheap, free shipping {i} $$$" for i in range(40)]


def test_it_learns_what_it_is_shown():
    model = train(GOOD[:30], BAD[:30], bits=14, held_out=0)
    assert min(model.score(text) for text in GOOD[30:]) > 0.8
    assert max(model.score(text) for text in BAD[30:]) < 0.2
    assert model.docs == {"hq": 30, "cc": 30}


def test_pairs_of_words_count():
    good, bad = ["mill wheel turns"] * 3, ["wheel mill turns"] * 3
    model = train(good, bad, bits=16, epochs=20, held_out=0)
    assert model.score(good[0]) > 0.6
    assert model.score(bad[0]) < 0.4


def test_sets_of_unequal_size_weigh_the_same():
    words = "one text with quite other words"
    model = train(GOOD, BAD[:1], bits=14, held_out=0)
    assert 0.2 < model.score(words) < 0.8


def test_order_and_copies_change_nothing():
    first = train(GOOD, BAD, bits=10)
    again = train([*reversed(GOOD), *GOOD[:5]], reversed(BAD), bits=10)
    assert first.to_bytes() == again.to_bytes()
    assert first.to_bytes() != train(GOOD, BAD, bits=10, epochs=1).to_bytes()


def test_the_same_bytes_under_any_hash_seed():
    code = (
        "import hashlib; from gristmill.filters.hashed_ngrams import train; "
        "print(hashlib.sha256(train([f'good {i} mill' for i in range(50)], "
        "[f'bad {i} spam' for i in range(50)], bits=12).to_bytes()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": seed},
            capture_output=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_saved_and_loaded(tmp_path: Path):
    model = train(GOOD, BAD, bits=12, held_out=0.2)
    path = tmp_path / "model.bin"
    path.write_bytes(model.to_bytes())
    again = load(path)
    assert again.to_bytes() == model.to_bytes()
    assert (again.held_out, again.docs) == (0.2, model.docs)
    assert [again.score(t) for t in GOOD] == [model.score(t) for t in GOOD]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-4], "damaged: 4095 weights"),
        (lambda b: b[:-1], "damaged"),
        (lambda b: b[:40], "damaged"),
        (lambda b: b.replace(b"bias", b"bios"), "damaged: 'bias'"),
        (lambda b: b[:-4] + b"\0\0\xc0\x7f", "damaged: numbers that"),
        (lambda b: re.sub(rb'"bias": [^,]+', b'"bias": NaN', b), "damaged: numbers that"),
        (lambda b: re.sub(rb'"bits": \d+', b'"bits": 1000000', b), "damaged: 4096 weights"),
        (lambda b: b"x" + b, "neither a fastText model nor one of"),
        (lambda _: b"", "neither a fastText model"),
    ],
)
def test_damaged_files_are_refused(change, message: str, tmp_path: Path):
    path = tmp_path / "model.bin"
    path.write_bytes(change(train(GOOD, BAD, bits=12).to_bytes()))
    with pytest.raises(ValueError, match=message):
        load(path)


def test_an_empty_set_is_refused():
    with pytest.raises(ValueError, match="no text to train on in the bad set"):
        train(GOOD, ["", "  "])


def test_a_text_without_a_word_has_no_score():
    model = train(GOOD, BAD, bits=12)
    assert model.score("") is model.score(" \n\u3000") is None


def test_scores_stay_finite():
    extreme = HashedNgrams(np.full(16, -1e30, np.float32), 0.0, 0.0, {"hq": 1, "cc": 1})
    assert extreme.score("a b c") == pytest.approx(0)


@given(st.text(), st.integers(8, 24))
def test_features_are_sorted_distinct_and_in_range(text: str, bits: int):
    found = features(text, bits).tolist()
    assert found == sorted(set(found))
    assert all(0 <= i < 1 << bits for i in found)
    assert (
        features(text.upper().lower(), bits).tolist()
        == features(text.upper().lower().lower(), bits).tolist()
    )


@given(st.lists(st.text(), unique=True, min_size=1), st.floats(0, 1))
def test_held_out_texts_grow_with_the_share(texts, share):
    kept = {t for t in texts if is_held_out(t, share / 2)}
    assert kept <= {t for t in texts if is_held_out(t, share)}
    assert not any(is_held_out(t, 0) for t in texts)
    assert all(is_held_out(t, 1) for t in texts)


def test_about_the_share_is_held_out():
    n = sum(is_held_out(f"text {i}", 0.3) for i in range(2000))
    assert math.isclose(n / 2000, 0.3, abs_tol=0.04)
