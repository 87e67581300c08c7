"""From patterns to a sorted, checked list, and to shards."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.pipeline.inputs import InputFile, Inputs, cut_shards, kind_of, list_inputs


def fine(_: str) -> None:
    """A sniff that finds nothing wrong."""


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("{}")


def test_globs_give_sorted_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "b.jsonl", "a.jsonl")
    monkeypatch.chdir(tmp_path)
    files = list_inputs(Inputs(jsonl=("*.jsonl",)), fine)
    assert [file.path for file in files] == [str(tmp_path / n) for n in ("a.jsonl", "b.jsonl")]
    assert files[0].size == 2


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (Inputs(), "no inputs: name some with --input"),
        (Inputs(jsonl="none/*.jsonl"), "none/.*matches no file"),
        (Inputs(jsonl="none.jsonl"), "none.jsonl: no such file"),
        (Inputs(jsonl="a.jsonl", parquet="b.parquet"), "2 kinds"),
        (Inputs(jsonl=("a.jsonl", "./a.jsonl")), "given twice"),
        (Inputs(jsonl="gopher://x/a.jsonl"), "scheme gopher is not read"),
    ],
)
def test_what_cannot_be_read_stops_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inputs: Inputs, message: str
) -> None:
    touch(tmp_path, "a.jsonl", "b.parquet")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        list_inputs(inputs, fine)


def test_every_local_warc_is_sniffed(tmp_path: Path) -> None:
    touch(tmp_path, "a.warc.gz", "b.warc.gz")
    seen: list[str] = []
    list_inputs(Inputs(warc=str(tmp_path / "*.warc.gz")), seen.append)
    assert len(seen) == 2


def test_a_sample_is_chosen_by_name_not_by_place(tmp_path: Path) -> None:
    chosen = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        touch(tmp_path / folder, *(f"{i}.jsonl" for i in range(20)))
        files = list_inputs(Inputs(jsonl=str(tmp_path / folder / "*.jsonl"), sample=5), fine)
        chosen.append([Path(file.path).name for file in files])
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 5


def test_a_changed_file_of_equal_size_is_another_input(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "one"}')
    one = list_inputs(Inputs(jsonl=str(path)), fine)
    path.write_text('{"text": "two"}')
    assert list_inputs(Inputs(jsonl=str(path)), fine) != one


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.warc", "warc"), ("a.warc.gz", "warc"), ("a.parquet", "parquet"), ("a.jsonl.zst", "jsonl")],
)
def test_kind_by_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_unknown_kind_lists_the_known() -> None:
    with pytest.raises(ConfigError, match=r"inputs end in \.warc, \.warc\.gz"):
        kind_of("page.html")


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=5), st.integers(100, 2000))
def test_shards_cover_every_byte_once(sizes: list[int], split: int) -> None:
    files = [InputFile(path=f"{i}.warc", kind="warc", size=n, etag="") for i, n in enumerate(sizes)]
    shards = cut_shards(files, split)
    for number, size in enumerate(sizes):
        mine = [s for s in shards if s.input == number]
        ends = [size if s.end is None else s.end for s in mine]
        assert mine[0].start == 0
        assert [s.start for s in mine[1:]] == ends[:-1]
        assert ends[-1] == size
        assert mine[-1].end is None
