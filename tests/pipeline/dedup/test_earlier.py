"""A new crawl against earlier ones, whose text is not read again."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import gristmill
from gristmill.errors import ConfigError
from gristmill.pipeline.dedup.clusters import FOREIGN
from gristmill.pipeline.dedup.earlier import original
from gristmill.pipeline.dedup.exact import ExactDedup, UrlDedup
from gristmill.pipeline.dedup.minhash import MinhashDedup
from gristmill.pipeline.inputs import Inputs
from gristmill.recipe import Recipe

_OLD = "The old mill by the river grinds rye and wheat for all the villages around it every autumn"
_NEW = "A lighthouse keeper writes down every ship that passes and every storm that comes at night"


@pytest.fixture
def crawl(tmp_path: Path):
    """Run stages over texts as a crawl of its own; return the folder."""

    def make(name: str, texts: list[str], *stages) -> Path:
        path = tmp_path / f"{name}.jsonl"
        rows = [{"text": t, "url": f"http://a.example/{len(t)}"} for t in texts]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        recipe = Recipe(name=name, inputs=Inputs(jsonl=(str(path),)), stages=stages)
        gristmill.run(recipe, tmp_path / name)
        return tmp_path / name

    return make


def texts(run: Path, what: str = "kept") -> list[str]:
    return pq.read_table(run / "documents" / f"00000.{what}.parquet")["text"].to_pylist()


@pytest.mark.parametrize("verify", [0.7, None])
def test_near_duplicates_of_an_earlier_crawl_go(crawl, verify) -> None:
    def stage(**more):
        return MinhashDedup(save_index=verify is not None, verify=verify, **more)

    first = crawl("first", [_OLD, _OLD + " indeed"], stage())
    assert texts(first) == [_OLD + " indeed"]
    for path in (first / "documents").glob("*.parquet"):
        path.unlink()  # the text is not needed
    for path in (first / "curate").glob("*.parquet"):
        path.unlink()
    second = crawl("second", [_NEW, _OLD + " it is"], stage(against=(str(first),)))
    assert texts(second) == [_NEW]
    ledger = pq.read_table(second / "documents" / "00000.rejected.parquet")
    assert ledger["minhash_dedup.survivor"].to_pylist() == [FOREIGN + 1]
    assert original(second, "minhash_dedup", FOREIGN + 1) == (first, 1)
    with pytest.raises(ConfigError, match="was not compared with a document"):
        original(second, "minhash_dedup", FOREIGN + 2)
    # The third knows both: of the first what the first kept, of the second what that kept.
    against = (str(first), str(second))
    third = crawl("third", [_NEW + " too", _OLD, "Else " * 9 + "!"], stage(against=against))
    assert texts(third) == ["Else " * 9 + "!"]


def test_what_an_earlier_run_dropped_is_no_reason(crawl) -> None:
    """Only its survivor counts: here the longer one, which is not like the new text."""
    words = _OLD.split()
    dropped = " ".join(words[:10])
    kept = " ".join(words)  # Jaccard with ``dropped`` 8/15 of word 3-grams
    stage = MinhashDedup(ngram=3, bands=64, rows=1, verify=0.5, save_index=True)
    first = crawl("first", [dropped, kept], stage)
    assert texts(first) == [kept]
    new = " ".join(words[:8])  # 6/8 of ``dropped``, 6/15 of ``kept``
    stage = stage.model_copy(update={"against": (str(first),)})
    assert texts(crawl("second", [new], stage)) == [new]


@pytest.mark.parametrize("kind", [ExactDedup, UrlDedup])
def test_exact_duplicates_of_an_earlier_crawl_go(crawl, kind) -> None:
    first = crawl("first", [_OLD, _OLD], kind())
    second = crawl("second", [_OLD, _NEW + "!", _NEW + "!"], kind(against=(str(first),)))
    assert texts(second) == [_NEW + "!"]
    assert texts(second, "rejected") == [_OLD, _NEW + "!"]


def test_a_chain_of_runs_must_be_named_in_full(crawl) -> None:
    first = crawl("first", [_OLD], ExactDedup())
    second = crawl("second", [_NEW], ExactDedup(against=(str(first),)))
    with pytest.raises(ConfigError, match=r"was compared with .*first .*name it here too"):
        ExactDedup(against=(str(second),)).assets()


def test_the_earlier_run_is_part_of_the_plan(crawl, tmp_path: Path) -> None:
    first = crawl("first", [_OLD], ExactDedup())
    plan = json.loads(
        (crawl("two", [_OLD], ExactDedup(against=(str(first),))) / "plan.json").read_text()
    )
    assert list(plan["assets"]) == ["exact_dedup.against.0"]


def test_runs_that_cannot_be_compared_are_refused(crawl, tmp_path: Path, monkeypatch) -> None:
    stage = MinhashDedup(against=(str(tmp_path / "nowhere"),))
    with pytest.raises(ConfigError, match=r"minhash_dedup.against: .*nowhere: no run here"):
        stage.assets()
    other = crawl("other", [_OLD], ExactDedup())
    with pytest.raises(ConfigError, match="that run has no stage minhash_dedup"):
        MinhashDedup(against=(str(other),)).assets()
    plain = crawl("plain", [_OLD], MinhashDedup())
    with pytest.raises(ConfigError, match="made with save_index False, and True is needed"):
        MinhashDedup(against=(str(plain),)).assets()
    with pytest.raises(ConfigError, match="made with bands 14, and 20 is needed"):
        MinhashDedup(against=(str(plain),), bands=20, verify=None).assets()
    with monkeypatch.context() as patch:
        patch.setattr(MinhashDedup, "version", 99)
        with pytest.raises(ConfigError, match=r"made by version 2 of minhash_dedup .* this is 99"):
            MinhashDedup(against=(str(plain),), verify=None).assets()
    signatures = plain / "minhash_dedup" / "signatures-00000.signatures.parquet"
    whole = signatures.read_bytes()
    signatures.write_bytes(whole[:-1])
    with pytest.raises(ConfigError, match=r"signatures\.parquet: missing or damaged"):
        MinhashDedup(against=(str(plain),), verify=None).assets()
    signatures.write_bytes(whole)
    (plain / "minhash_dedup" / "clusters-round.json").unlink()
    with pytest.raises(ConfigError, match=r"minhash_dedup.against: .*missing"):
        MinhashDedup(against=(str(plain),), verify=None).assets()
