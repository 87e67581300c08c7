"""datatrove's own writer and readers are the judge."""

import humanize
import numpy as np
import pytest
from datatrove.pipeline.tokens.merger import load_doc_ends
from datatrove.pipeline.tokens.tokenizer import TokenizedFile
from datatrove.utils.dataset import DatatroveFileDataset, DatatroveFolderDataset
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, CorruptError
from gristmill.tokenize.formats import datatrove_ds

DOCS = [[5, 6, 0], [0], [7, 8, 9, 0]]


@pytest.fixture
def path(tmp_path, write_file):
    return write_file("datatrove", tmp_path / "a.ds", DOCS)


def test_bytes_by_hand(path):
    assert path.read_bytes() == bytes.fromhex("0500 0600 0000 0000 0700 0800 0900 0000")
    index = path.with_name("a.ds.index").read_bytes()
    assert index == bytes.fromhex("0300000000000000 0400000000000000 0800000000000000")
    assert path.with_name("a.ds.metadata").read_bytes() == b"tokenizer.json|2\n8\n8.00 T"


@settings(max_examples=25)
@given(
    st.sampled_from([2, 4]),
    st.lists(st.lists(st.integers(0, 65535), min_size=1, max_size=9), max_size=9),
)
def test_the_bytes_are_those_of_datatrove(tmp_path_factory, write_file, size, documents):
    folder = tmp_path_factory.mktemp("ds")
    (folder / "theirs").mkdir()
    theirs = TokenizedFile(
        str(folder / "theirs"), "a.ds", token_size=size, save_final_metadata=True,
        tokenizer_name_or_path="tokenizer.json",
    )  # fmt: skip
    for document in documents:
        theirs.write(document, None)
    theirs.close()
    write_file("datatrove", folder / "a.ds", documents, np.dtype(f"<u{size}"))
    for name in datatrove_ds.files("a"):
        assert (folder / name).read_bytes() == (folder / "theirs" / name).read_bytes()
    found = datatrove_ds.read_header(folder / "theirs" / "a.ds")
    assert (found.tokens, found.dtype.itemsize) == (sum(map(len, documents)), size)


def test_datatrove_reads_documents_back(path):
    """Positions restart where a document begins: their reader took them from our index."""
    item = DatatroveFileDataset(str(path), seq_len=7, token_size=2, return_positions=True)[0]
    assert item["input_ids"].tolist() == [5, 6, 0, 0, 7, 8, 9, 0]
    assert item["positions"].tolist() == [0, 1, 2, 0, 0, 1, 2, 3]
    with path.with_name("a.ds.index").open("rb") as file:
        assert load_doc_ends(file).tolist() == [3, 4, 8]


def test_datatrove_reads_a_folder(tmp_path, write_file):
    for number in range(3):
        write_file("datatrove", tmp_path / f"train_{number:06d}.ds", [[number] * 3 + [0]] * 4)
    for file in range(3):
        write_file("datatrove", tmp_path / f"val_{file:06d}.ds", [[9, 0]] * 4)
    data = DatatroveFolderDataset(str(tmp_path), seq_len=7, filename_pattern="train_*.ds")
    assert len(data) == 6
    assert [data[i]["input_ids"].tolist()[:3] for i in range(6)] == [
        [n] * 3 for n in (0, 0, 1, 1, 2, 2)
    ]


@given(st.integers(0, 10**18) | st.integers(0, 10**5))
def test_counts_in_words(count):
    assert datatrove_ds.in_words(count) == humanize.metric(count, unit="T")


def test_the_token_type_is_found_without_metadata(tmp_path, write_file):
    for dtype in (np.uint16, np.uint32):
        path = write_file("datatrove", tmp_path / "a.ds", DOCS, dtype)
        (tmp_path / "a.ds.metadata").unlink()
        assert datatrove_ds.read_header(path).dtype == dtype
        assert datatrove_ds.sizes(path).tolist() == [3, 1, 4]


def test_files_without_index(path):
    path.with_name("a.ds.index").unlink()
    assert datatrove_ds.sizes(path) is None
    assert datatrove_ds.open_tokens(path).tolist() == [t for d in DOCS for t in d]
    path.with_name("a.ds.metadata").unlink()
    with pytest.raises(ConfigError, match="two bytes or four; name its dtype"):
        datatrove_ds.open_tokens(path)
    assert len(datatrove_ds.open_tokens(path, np.uint16)) == 8
    with pytest.raises(ConfigError, match="uint16 or uint32, not int32"):
        datatrove_ds.open_tokens(path, np.int32)


def test_damaged(path):
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(CorruptError, match=r"a\.ds: 1 bytes past .* byte 14"):
        datatrove_ds.open_tokens(path)
    path.write_bytes(whole[:-2])
    with pytest.raises(CorruptError, match=r"ends at token 8 .*a\.ds holds 7 of 2 bytes"):
        datatrove_ds.open_tokens(path)
    path.write_bytes(whole)
    index = path.with_name("a.ds.index")
    index.write_bytes(np.array([4, 3, 8], "<u8").tobytes())
    with pytest.raises(CorruptError, match=r"document 1 ends at token 3 \(byte 8\), before"):
        datatrove_ds.sizes(path)
    index.write_bytes(bytes(9))
    with pytest.raises(CorruptError, match=r"a\.ds\.index: 1 bytes past the last whole document"):
        datatrove_ds.sizes(path)
