"""Reading fastText model files."""

import struct
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


@pytest.mark.parametrize("missing", [1, 4, 5000, 0.3, 0.9, 0.99])
def test_a_file_cut_short_is_refused(tiny_fasttext, missing: float):
    path = tiny_fasttext(["a", "b"], ["word"])
    data = path.read_bytes()
    lost = missing if missing >= 1 else len(data) * missing
    path.write_bytes(data[: len(data) - int(lost)])
    with pytest.raises(ValueError, match=r"damaged|bytes|not a supervised|buffer|range"):
        read_dictionary(path)


def test_the_built_in_model_cut_short_is_refused(tmp_path: Path):
    path = tmp_path / "cut.ftz"
    path.write_bytes(language._builtin().read_bytes()[:-100])
    with pytest.raises(ValueError, match="bytes, its content"):
        read_dictionary(path)


@pytest.mark.parametrize(
    ("at", "number"),
    [(8, 0), (8, 9), (8, -1), (32, 77), (40, 0), (40, 10**9), (48, 10**9)],
    ids=["size", "other_size", "size<0", "loss", "buckets", "many_buckets", "max_chars"],
)
def test_a_damaged_head_is_refused(tiny_fasttext, at: int, number: int):
    path = tiny_fasttext(["a", "b"], ["word"])
    data = bytearray(path.read_bytes())
    data[at : at + 4] = number.to_bytes(4, "little", signed=True)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"damaged|do not fit"):
        read_dictionary(path)


@pytest.mark.parametrize(
    ("place", "change"),
    [("kept", 8), ("quantiser", 0), ("quantiser", 4), ("quantiser", 8), ("quantiser", 12)],
    ids=["pruned", "size", "pieces", "width", "last"],
)
def test_a_damaged_compressed_model_is_refused(tmp_path: Path, place: str, change: int):
    data = bytearray(language._builtin().read_bytes())
    found = read_dictionary(language._builtin())
    _, rows, _, n_codes = struct.unpack_from("<?qqi", data, found.end + 1)
    assert rows == 50_000
    quantiser = found.end + 1 + struct.calcsize("<?qqi") + n_codes
    at = {"kept": found.end - change * len(found.kept), "quantiser": quantiser + change}[place]
    data[at : at + 4] = (10**9).to_bytes(4, "little")
    path = tmp_path / "damaged.ftz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        read_dictionary(path)


def test_another_kind_of_file_is_refused(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 200)
    assert not is_fasttext(path)
    with pytest.raises(ValueError, match="not a supervised"):
        read_dictionary(path)
