"""Reading fastText model files."""

from pathlib import Path

import numpy as np
import pytest

from gristmill.filters import language
from gristmill.filters.fasttext_file import is_fasttext, read_dictionary, read_matrices


def test_what_a_file_says_of_itself(tiny_fasttext, tmp_path: Path):
    path = tiny_fasttext(["eng_Latn", "deu_Latn"], ["mill", "müller"])
    found = read_dictionary(path)
    assert is_fasttext(path)
    assert found.labels == ("eng_Latn", "deu_Latn")
    assert found.words == (b"</s>", b"mill", "müller".encode())
    assert (found.size, found.loss, found.min_chars, found.max_chars, found.buckets) == (
        8, 1, 2, 4, 500,
    )  # fmt: skip
    assert found.kept is None
    rows, output = read_matrices(path, found)
    assert rows.shape == (503, 8)
    assert output.shape == (2, 8)


def test_the_built_in_model():
    path = language._builtin()
    found = read_dictionary(path)
    assert len(found.labels) == 176
    assert {"en", "de", "zh"} <= set(found.labels)
    rows, output = read_matrices(path, found)
    assert rows.shape == (50_000, 16)
    assert output.shape == (176, 16)
    assert np.isfinite(rows).all()
    assert int(found.kept[:, 1].max()) + len(found.words) < len(rows)


@pytest.mark.parametrize("cut", [3, 60, 100, 130])
def test_a_file_cut_short_is_refused(tiny_fasttext, cut: int):
    path = tiny_fasttext(["a", "b"], ["word"])
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ValueError, match=r"damaged|not a supervised"):
        read_dictionary(path)


def test_matrices_cut_short_are_refused(tiny_fasttext):
    path = tiny_fasttext(["a", "b"], ["word"])
    found = read_dictionary(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(ValueError, match="buffer is smaller"):
        read_matrices(path, found)


def test_another_kind_of_file_is_refused(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 200)
    assert not is_fasttext(path)
    with pytest.raises(ValueError, match="not a supervised"):
        read_dictionary(path)
