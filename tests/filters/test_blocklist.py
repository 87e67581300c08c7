import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ConfigError
from gristmill.filters import blocklist


@given(st.sets(st.text(max_size=8)), st.lists(st.text(max_size=8)))
def test_set_answers_like_a_set(members, questions):
    found = blocklist.hash_set(members).contains([*members, *questions])
    stripped = {m.strip() for m in members}
    assert found.tolist() == [bool(q) and q in stripped for q in [*members, *questions]]


def test_builtin_lists_are_complete_and_mapped():
    domains, urls = blocklist.load("builtin")
    assert len(domains.hashes) == 4_558_940  # lines of the archive, all different
    assert len(urls.hashes) == 19_587
    assert isinstance(domains.hashes, np.memmap)
    assert bool((domains.hashes[:-1] < domains.hashes[1:]).all())


def test_word_lists_are_datatroves():
    from datatrove.pipeline.filters.url_filter import get_list
    from datatrove.utils._import_utils import ASSETS_PATH

    found = blocklist.word_lists()
    for ours, name in (
        (found.hard, "banned_words"),
        (found.soft, "soft_banned_words"),
        (found.subwords, "banned_subwords"),
    ):
        assert ours == get_list(ASSETS_PATH, f"{name}.txt", set())


def test_own_list(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GRISTMILL_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "list.txt"
    source.write_bytes(b"# comment\r\nbad.example\r\n\r\nWORSE.example\n last.example")
    domains, urls = blocklist.load(str(source))
    asked = ["bad.example", "worse.example", "last.example", "# comment", "", "good.example"]
    assert domains.contains(asked).tolist() == [True, True, True, False, False, False]
    assert not urls.contains(asked).any()
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".npy"]


def test_damaged_cache_is_built_again(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GRISTMILL_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "list.txt"
    source.write_text("bad.example\n")
    blocklist.load.cache_clear()
    blocklist.load(str(source))
    (built,) = (tmp_path / "cache").iterdir()
    for damage in (b"", b"\x93NUMPY", built.read_bytes()[:-4]):
        built.write_bytes(damage)
        blocklist.load.cache_clear()
        assert blocklist.load(str(source))[0].contains(["bad.example"]).all()


def _build(source: str) -> bool:
    blocklist.load.cache_clear()
    return bool(blocklist.load(source)[0].contains(["site7.example"])[0])


def test_several_processes_build_at_once(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("GRISTMILL_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "list.txt"
    source.write_text("".join(f"site{i}.example\n" for i in range(20_000)))
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert all(pool.map(_build, [str(source)] * 4, chunksize=1))
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_errors_name_the_file_and_the_remedy(tmp_path: Path, monkeypatch):
    with pytest.raises(ConfigError, match=r"cannot read block list '.*nowhere.txt'.*builtin"):
        blocklist.load(str(tmp_path / "nowhere.txt"))
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("GRISTMILL_CACHE", str(blocked / "cache"))
    source = tmp_path / "list.txt"
    source.write_text("other.example\n")
    with pytest.raises(ConfigError, match="GRISTMILL_CACHE"):
        blocklist.load(str(source))


def test_cache_folder(monkeypatch):
    monkeypatch.delenv("GRISTMILL_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert blocklist.cache_folder() == Path("/xdg/gristmill")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert blocklist.cache_folder() == Path.home() / ".cache/gristmill"
