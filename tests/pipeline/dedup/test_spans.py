"""Repeated spans across shards: all but the first go."""

import pickle
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datatrove.data import Document
from datatrove.pipeline.dedup import sentence_dedup as theirs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.compile import compile_rounds
from gristmill.pipeline.dedup import scatter
from gristmill.pipeline.dedup.exact import ExactDedup
from gristmill.pipeline.dedup.spans import SpanDedup
from gristmill.pipeline.run import LocalRunner, execute
from gristmill.pipeline.schema import PAGE
from gristmill.pipeline.shard import Draft
from gristmill.pipeline.text import simplify

NAME = "span_dedup"
Texts = list[list[str]]
FREE = {"min_doc_words": 0, "min_doc_sentences": 0}
QUICK = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def outcome(run: Any, stage: SpanDedup) -> list[list[str | None]]:
    """Return the texts after a stage; None where a document is dropped."""
    cuts, found = stage.outcome(NAME), []
    for task in range(len(run.shards)):
        rows, shard = cuts.rows(run.folder, run.view.key_range(run.folder, task)), []
        for batch in run.view.raw(run.folder, task):
            marked, reasons = cuts.mark(batch, rows)
            for text, reason in zip(marked["text"].to_pylist(), reasons.to_pylist(), strict=True):
                shard.append(None if reason else text)
        found.append(shard)
    return found


def after(lay: Callable[..., Any], shards: Texts, **parameters: Any) -> list[list[str | None]]:
    run, stage = lay(shards), SpanDedup(**(FREE | parameters))
    execute(run.folder, stage.rounds(NAME, run.view), LocalRunner())
    return outcome(run, stage)


def test_all_but_the_first_go(lay) -> None:
    shards = [["A a.\nB b.\nC c.\nD d.", "X.\nb B!\nC c\nD D.\nY."], [], ["D d.\nB b.\nC c."]]
    assert after(lay, shards, unit="line", span=3) == [
        [shards[0][0], "X.\nY."],
        [],
        ["D d.\nB b.\nC c."],
    ]
    assert after(lay, shards, unit="line", span=1) == [[shards[0][0], "X.\nY."], [], [None]]
    assert after(lay, shards) == after(lay, shards, unit="line")


def test_within_one_document_too(lay) -> None:
    assert after(lay, [["a\nb\nc\na\nb\nd"]], unit="line", span=2) == [["a\nb\nc\nd"]]
    assert after(lay, [["a\na\na\na"]], unit="line", span=2) == [["a"]]  # they overlap


def test_sentences_of_one_line(lay) -> None:
    shards = [["It turns. It is old. It mills rye. So be it."],
              ["Look. It turns. It is old! It mills rye. Good."]]  # fmt: skip
    assert after(lay, shards) == [shards[0], ["Look. Good."]]


def test_short_spans_can_be_spared(lay) -> None:
    shards = [["Read more\nThe mill on the river is for sale\nRead more"]] * 2
    assert after(lay, shards, unit="line", span=1) == [
        ["Read more\nThe mill on the river is for sale"],
        [None],
    ]
    assert after(lay, shards, unit="line", span=1, min_words=3) == [
        shards[0],
        ["Read more\nRead more"],
    ]


def test_documents_with_too_little_left_go(lay) -> None:
    long = " ".join(f"Word number {n} stands here." for n in ["one", "two", "three", "four"])
    same = "It turns. It mills. It stands."
    shards = [[same, f"{same} {long}", f"{same} Rest one. Rest two. Rest three."]]
    found = after(lay, shards, min_doc_words=20, min_doc_sentences=4)
    assert found == [[same, long, None]]  # the first is shorter, but nothing is cut from it
    assert after(lay, shards, min_doc_words=0, min_doc_sentences=5) == [[same, None, None]]


@pytest.mark.parametrize(
    "shards", [[[]], [[], []], [["alone"]], [[""], ["", "* * *"]], [["a"], []]]
)
def test_nothing_to_cut(lay, shards: Texts) -> None:
    for unit in ("line", "sentence"):
        assert after(lay, shards, unit=unit, span=1) == shards


def test_all_identical(lay) -> None:
    text = "The wheel turns. The stone mills. The miller sleeps. The cat too."
    found = after(lay, [[text] * 70] * 2)
    assert list(chain.from_iterable(found)) == [text, *[None] * 139]


def test_a_large_document(lay) -> None:
    line = (
        "The wheel turns and the stone mills what the farmers bring, {}. All of it is rye. Yes.\n"
    )
    names = ["".join(chr(97 + int(d)) for d in str(n)) for n in range(57_000)]
    text = "".join(line.format(name) for name in names)
    assert len(text) > 5_000_000
    found = after(lay, [[text], ["First line here. " + text]], unit="line", span=2)
    assert found[0] == [text]
    assert found[1] == ["First line here. " + line.format("a").rstrip()]


WORDS = st.sampled_from(["a", "b b", "c", "d", "", "***", "e e e"])
SHARDS = st.lists(st.lists(st.lists(WORDS, max_size=8), max_size=4), min_size=1, max_size=3)


def numbered(shards: list[list[list[str]]]) -> Texts:
    """Write lines with a number at the end: it tells them apart, but they do not differ by it."""
    count = iter(range(10**6))
    return [["\n".join(f"{w} {next(count)}" if w.strip("*") else w for w in lines)
             for lines in shard] for shard in shards]  # fmt: skip


def units(text: str | None) -> list[tuple[int, str]]:
    """Return the number and the simplified form of each line that has any."""
    lines = [line for line in (text or "").split("\n") if line.strip("*")]
    return [(int(line.split()[-1]), simplify(line)) for line in lines]


@QUICK
@given(shards=SHARDS, span=st.integers(1, 3), min_words=st.integers(0, 6))
def test_laws(lay, shards: list[list[list[str]]], span: int, min_words: int) -> None:
    before = numbered(shards)
    found = after(lay, before, unit="line", span=span, min_words=min_words)
    first: dict[tuple[str, ...], int] = {}
    lost: set[int] = set()
    for text in chain.from_iterable(before):
        run = units(text)
        for at in range(len(run) - span + 1):
            forms = tuple(form for _, form in run[at : at + span])
            if sum(len(form.split()) for form in forms) < min_words:
                continue
            if forms in first:
                lost |= {number for number, _ in run[at : at + span]}
            first.setdefault(forms, run[at][0])
    seen: set[tuple[str, ...]] = set()
    for old, new in zip(chain.from_iterable(before), chain.from_iterable(found), strict=True):
        kept = units(new)
        # What goes is what lies in a span that stands somewhere before; all else stays.
        assert kept == [unit for unit in units(old) if unit[0] not in lost]
        assert new == old or len(kept) < len(units(old))
        # No span of the input is there twice: those made by joining have gaps in their numbers.
        for at in range(len(kept) - span + 1):
            numbers, forms = zip(*kept[at : at + span], strict=True)
            if numbers[-1] - numbers[0] == span - 1 and forms in first:
                assert forms not in seen
                seen.add(forms)
    # No line is lost altogether.
    everything = [{form for text in chain.from_iterable(texts) for _, form in units(text)}
                  for texts in (before, found)]  # fmt: skip
    assert everything[0] == everything[1]


@QUICK
@given(shards=SHARDS, span=st.integers(1, 3), records=st.integers(1, 12))
def test_memory_changes_nothing(lay, shards: Any, span: int, records: int) -> None:
    texts = numbered(shards)
    whole = after(lay, texts, unit="line", span=span)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scatter, "_RECORD_BYTES", 10**6 // records)
        assert after(lay, texts, unit="line", span=span, memory="1MB") == whole


def test_the_order_of_work_changes_nothing(lay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scatter, "_RECORD_BYTES", 10**6 // 7)
    texts = [[f"a{k}\nb\nc\nd", "c\nd\ne"] for k in range(5)] + [[]]
    stage = SpanDedup(unit="line", span=2, memory="1MB", **FREE)
    runs = [lay(texts), lay(texts)]
    for run, backwards in zip(runs, (False, True), strict=True):
        for round_ in pickle.loads(pickle.dumps(stage.rounds(NAME, run.view))):  # noqa: S301
            tasks = list(range(round_.work.count(run.folder)))
            for task in reversed(tasks) if backwards else tasks:
                draft = Draft(run.folder, round_.name, task)
                round_.work(draft, lambda _: None)
                run.folder.publish(draft)
            run.folder.seal(round_.name, len(tasks))
    one, two = (sorted((run.folder.root / NAME).glob("*-?????.*.[pa]*")) for run in runs)
    assert len(one) == len(two) > 12
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert outcome(runs[0], stage) == outcome(runs[1], stage)


def test_a_shard_reads_only_the_cuts_of_its_keys(lay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scatter, "_RECORD_BYTES", 10**6 // 2)
    run, stage = lay([["a\nb"], ["a\nb"], ["a\nb"]]), SpanDedup(unit="line", span=1, memory="1MB")
    execute(run.folder, stage.rounds(NAME, run.view), LocalRunner())
    assert [facts["keys"] for facts in run.facts(f"{NAME}.cuts")] == [
        [],
        [1 << 40] * 2,
        [2 << 40] * 2,
    ]
    for path in (run.folder.file(f"{NAME}.cuts", task, "cuts.parquet") for task in (0, 2)):
        path.unlink()
    cuts = stage.outcome(NAME).rows(run.folder, (1 << 40, 1 << 40))
    assert cuts.to_pylist() == [{"key": 1 << 40, "start": 0, "end": 2},
                                {"key": 1 << 40, "start": 2, "end": 3}]  # fmt: skip
    assert stage.outcome(NAME).rows(run.folder, None).num_rows == 0


SENTENCES = ["The wheel turns.", "The stone mills rye!", "Is it old?", "So be it.", "Nobody knows."]


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    docs=st.lists(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=9), max_size=6),
    lines=st.booleans(),
    least=st.sampled_from([(0, 0), (6, 0), (0, 2), (12, 3)]),
)
def test_datatroves_sentence_dedup(
    lay, tmp_path_factory, docs: Any, lines: bool, least: Any
) -> None:
    """Same documents and texts, but for spaces, where all of ours and theirs means the same.

    Not compared: lines that end without a mark (to them the next goes on with the sentence), units
    without a letter (to them units of their own), ``min_words_to_remove_span`` (they count and give
    back the first sentence of a cut only), several files (they prefer the smaller row to the
    smaller file).
    """
    texts = [("\n" if lines else " ").join(doc) for doc in docs]
    expected = _theirs(texts, tmp_path_factory.mktemp("theirs"), not lines, *least)
    unit = "line" if lines else "sentence"
    [found] = after(lay, [texts], unit=unit, min_doc_words=least[0], min_doc_sentences=least[1])
    ours = {row: text.split() for row, text in enumerate(found) if text is not None}
    assert ours == {row: text.split() for row, text in expected.items()}


def _theirs(
    texts: list[str], folder: Path, sentences: bool, words: int, least: int
) -> dict[int, str]:
    config = theirs.SentDedupConfig(
        split_sentences=sentences, min_doc_words=words, min_num_sentences=least
    )

    def read() -> Iterator[Document]:
        return (Document(text=text, id=str(row)) for row, text in enumerate(texts))

    sign = theirs.SentenceDedupSignature(str(folder / "a"), config=config)
    sign.run(read(), 0, 1)
    find = theirs.SentenceFindDedups(str(folder / "a"), str(folder / "b"), config=config)
    find.run(None, 0, 1)
    cut = theirs.SentenceDedupFilter(str(folder / "b"), config=config)
    return {int(doc.id): doc.text for doc in cut.run(read(), 0, 1)}


def test_in_a_recipe(write_docs: Callable[..., list[Path]], make_run: Callable[..., Any]) -> None:
    """A drop list before it shares its segment; a barrier after it sees the texts as cut."""
    same = "One mill stands.\nTwo mills stand.\nThree mills stand."
    paths = write_docs([same, f"Before. {same}\nAfter."], [same, "Before.\nAfter."])
    stages = [("exact_dedup", ExactDedup()), (NAME, SpanDedup(**FREE)), ("url_dedup", ExactDedup())]
    folder, rounds = make_run(paths, stages)
    assert [r.name for r in rounds if "." not in r.name] == ["curate", "curate-8", "documents"]
    execute(folder, rounds, LocalRunner())
    kept = [pq.read_table(folder.file("documents", k, "kept.parquet")) for k in (0, 1)]
    assert [table["text"].to_pylist() for table in kept] == [[same, "Before.\nAfter."], []]
    assert kept[0][f"{NAME}.removed_spans"].to_pylist() == [0, 1]
    assert kept[0][f"{NAME}.removed_chars"].to_pylist() == [0, len(same) + 1]
    counts = {c.name: c.drops for m in folder.manifests("curate-8") for c in m.stages}
    assert counts == {"exact_dedup": {"exact_duplicate": 1}, NAME: {}}


def test_the_ledger_has_the_whole_text(
    write_docs: Callable[..., list[Path]], make_run: Callable[..., Any]
) -> None:
    text = "One mill stands. Two mills stand. Three mills stand."
    folder, rounds = make_run(write_docs([text, text]), [(NAME, SpanDedup())])
    execute(folder, rounds, LocalRunner())
    [row] = pq.read_table(folder.file("documents", 0, "rejected.parquet")).to_pylist()
    assert (row["stage"], row["reason"], row["text"]) == (NAME, "span_rest_short", text)
    assert (row[f"{NAME}.removed_spans"], row[f"{NAME}.removed_chars"]) == (1, len(text))


def test_a_list_that_does_not_fit_stops_the_shard(
    write_docs: Callable[..., list[Path]], make_run: Callable[..., Any]
) -> None:
    ghost = {"id": 1}  # a row that the reader drops
    paths = write_docs(["a\nb", ghost, "a\nb"])
    folder, rounds = make_run(paths, [(NAME, SpanDedup(span=1, unit="line"))])
    execute(folder, rounds[:-1], LocalRunner())
    path = folder.file(f"{NAME}.cuts", 0, "cuts.parquet")
    table = pq.read_table(path)
    assert table["key"].to_pylist() == [2, 2]
    pq.write_table(table.set_column(0, "key", pa.array([1, 2], pa.uint64())), path)
    facts = folder.manifest_path(f"{NAME}.cuts", 0)
    facts.write_text(facts.read_text().replace('"keys": [2, 2]', '"keys": [1, 2]'))
    folder.seal(f"{NAME}.cuts", 1)
    with pytest.raises(ShardError, match="lists 2 spans to remove, 1 were found"):
        execute(folder, rounds[-1:], LocalRunner())


def test_it_needs_text() -> None:
    with pytest.raises(ConfigError, match="span_dedup needs column text"):
        compile_rounds([(NAME, SpanDedup())], [], PAGE)
