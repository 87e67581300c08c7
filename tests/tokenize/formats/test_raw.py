"""What holds for every format."""

import contextlib
import errno
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.tokenize.formats import FORMATS

NAMES = list(FORMATS)
CASES = [(name, dtype) for name in NAMES for dtype in FORMATS[name].DTYPES]


@settings(max_examples=60)
@given(
    st.sampled_from(CASES),
    st.lists(
        st.lists(st.lists(st.integers(0, 65535), min_size=1, max_size=20), max_size=5), max_size=4
    ),
)
def test_round_trip(tmp_path_factory, case, calls):
    name, dtype = case
    token_format = FORMATS[name]
    path = tmp_path_factory.mktemp("rt") / token_format.files("a")[0]
    with token_format.writer(path, dtype) as out:
        for documents in calls:
            flat = np.array([t for d in documents for t in d], dtype=np.int64)
            out.write(flat, [len(d) for d in documents])
    documents = [d for call in calls for d in call]
    flat = [token for d in documents for token in d]
    assert out.tokens == len(flat)
    header = token_format.read_header(path, dtype)
    assert (header.tokens, header.dtype) == (len(flat), dtype)
    assert token_format.open_tokens(path, dtype).tolist() == flat
    sizes = token_format.sizes(path, dtype)
    assert sizes is None or sizes.tolist() == [len(d) for d in documents]
    assert (sizes is None) == (name in ("llmc", "nanogpt"))
    assert sorted(p.name for p in path.parent.iterdir()) == sorted(token_format.files("a"))


@pytest.mark.parametrize("name", NAMES)
def test_how_documents_are_grouped_into_calls_changes_no_byte(tmp_path, name, write_file):
    documents = [[n % 7] * (1 + n % 5) for n in range(50)]
    first, *rest = (tmp_path / "one" / n for n in FORMATS[name].files("a"))
    first.parent.mkdir()
    write_file(name, first, documents)
    with FORMATS[name].writer(tmp_path / first.name, np.uint16) as out:
        out.write([t for d in documents for t in d], [len(d) for d in documents])
    for path in (first, *rest):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_open_is_read_only(tmp_path, name, write_file):
    path = write_file(name, tmp_path / FORMATS[name].files("a")[0], [[1, 2]])
    with pytest.raises(ValueError, match="read-only"):
        FORMATS[name].open_tokens(path)[0] = 3


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_finished_has_no_name(tmp_path, name):
    path = tmp_path / FORMATS[name].files("a")[0]
    out = FORMATS[name].writer(path, np.uint16)
    out.write([1, 2, 3], [3])
    names = {p.name for p in tmp_path.iterdir()}  # what a killed process leaves
    assert names == {f"{n}.unfinished" for n in FORMATS[name].files("a")}
    out.close()
    with contextlib.suppress(RuntimeError), FORMATS[name].writer(path, np.uint16) as out:
        out.write([1, 2, 3, 4], [4])
        raise RuntimeError
    assert {p.name for p in tmp_path.iterdir()} == set(FORMATS[name].files("a"))
    assert FORMATS[name].read_header(path).tokens == 3  # the finished one stays as it was


@pytest.mark.parametrize(
    ("tokens", "sizes", "dtype", "says"),
    [
        ([65536], [1], np.uint16, "65536 does not fit uint16"),
        ([-1], [1], None, "-1 does not fit"),
        ([0.5], [1], np.uint16, "must be integers"),
        ([1], [1], np.int16, "not int16"),
        ([1, 2], [1], np.uint16, "documents of 1 tokens in all, 2 given"),
        ([1, 2], [2, 0], np.uint16, "one token at least"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_written(tmp_path, name, tokens, sizes, dtype, says):
    path = tmp_path / FORMATS[name].files("a")[0]
    with pytest.raises(ConfigError, match=says):
        with FORMATS[name].writer(path, dtype or FORMATS[name].DTYPES[-1]) as out:
            out.write(tokens, sizes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_so_many_tokens(tmp_path, name, monkeypatch):
    path = tmp_path / FORMATS[name].files("a")[0]
    with FORMATS[name].writer(path, np.uint16) as out:
        monkeypatch.setattr(type(out), "max_tokens", 3)
        out.write([1, 2], [2])
        with pytest.raises(ConfigError, match="holds 3 tokens at most; lower target_tokens"):
            out.write([3, 4], [2])


@pytest.mark.parametrize(
    ("name", "eot", "one_file", "large"),
    [
        ("llmc", "before", False, "uint32"),
        ("nanogpt", "after", True, "uint32"),
        ("datatrove", "after", False, "uint32"),
        ("megatron", "after", False, "int32"),
    ],
)
def test_what_every_format_says_of_itself(name, eot, one_file, large):
    about = FORMATS[name]
    assert eot == about.EOT
    assert about.ONE_FILE is one_file
    assert [dtype.name for dtype in about.DTYPES] == ["uint16", large]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("at", [0, -1])
def test_a_disk_that_is_full_at_the_end_leaves_nothing(tmp_path, name, at):
    class Full(io.BytesIO):
        def close(self):
            super().close()
            raise OSError(errno.ENOSPC, "No space left on device")

    out = FORMATS[name].writer(tmp_path / FORMATS[name].files("a")[0], np.uint16)
    out.write([1, 2], [2])
    out._files[at].close()
    out._files[at] = Full()
    with pytest.raises(OSError, match="No space"), out:
        pass
    assert not list(tmp_path.iterdir())
