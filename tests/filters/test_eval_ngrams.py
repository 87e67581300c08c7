"""The index of evaluation n-grams against a plain account of the same in sets of tuples."""

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.filters import eval_ngrams
from gristmill.filters.eval_files import EvalFile
from gristmill.filters.eval_ngrams import FEW_ITEMS, EvalIndex, Hit, Rules, build_index
from gristmill.filters.eval_words import words

RULES = Rules(ngram=4, min_words=2, template_share=None)
PAGE = "the old mill by the river still grinds rye and oats for the village bakers each morning"


def index(*items: tuple[str, ...], rules: Rules = RULES, name: str = "a.jsonl") -> EvalIndex:
    return build_index([EvalFile(name, "0", tuple(enumerate(items, 1)))], rules)


def plain(items: list[tuple[str, ...]], rules: Rules) -> list[set[tuple[str, ...]]]:
    """The n-grams of each item, as the documentation says."""
    found = []
    for item in items:
        split = [words(text) for text in item]
        if all(len(text) < rules.shortest for text in split):
            split = [[word for text in split for word in text]]
        grams = set()
        for text in split:
            n = min(rules.ngram, len(text))
            if n >= rules.shortest:
                grams |= {tuple(text[i : i + n]) for i in range(len(text) - n + 1)}
        found.append({gram for gram in grams if 2 * len({*gram}) >= len(gram)})
    return found


def plain_find(text: str, items: list[set[tuple[str, ...]]]) -> Hit:
    have, every = words(text), set().union(*items)
    there = {g for g in every if any(tuple(have[i:][: len(g)]) == g for i in range(len(have)))}
    if not there:
        return Hit()
    ranked = [(-len(g & there) / len(g), -len(g & there), i) for i, g in enumerate(items) if g]
    share, _, best = min(ranked)
    return Hit(len(there), -share, f"a.jsonl:{best + 1}")


few = st.lists(st.sampled_from("abcdefg"), max_size=9).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(
    items=st.lists(st.lists(few, max_size=3).map(tuple), min_size=1, max_size=6),
    texts=st.lists(st.lists(few, max_size=4).map(" ".join), min_size=1, max_size=4),
    ngram=st.integers(1, 6),
    min_words=st.integers(1, 6),
)
def test_it_equals_a_plain_account(
    items: list[tuple[str, ...]], texts: list[str], ngram: int, min_words: int
) -> None:
    rules = Rules(ngram, min_words, None)
    grams = plain(items, rules)
    made = index(*items, rules=rules)
    assert made.files[0].unused == sum(not g for g in grams)
    assert made.find(texts) == [plain_find(text, grams) for text in texts]


def test_the_best_item_is_that_of_which_most_is_there() -> None:
    made = index(
        ("the old mill by the river burned down in a great fire long ago they say",),
        ("still grinds rye and oats",),
        ("no word of this at all",),
    )
    (hit,) = made.find([PAGE])
    assert hit == Hit(ngrams=3 + 2, share=1.0, item="a.jsonl:2")


def test_of_equals_the_first_by_name_wins_whatever_the_order() -> None:
    text = ("still grinds rye and oats",)
    files = [EvalFile(name, "0", ((3, text), (5, text))) for name in ("a.jsonl", "b.jsonl")]
    for order in (files, files[::-1]):
        (hit,) = build_index(sorted(order, key=lambda f: f.name), RULES).find([PAGE])
        assert hit == Hit(2, 1.0, "a.jsonl:3")


def test_ngrams_do_not_run_over_from_one_text_or_document_to_the_next() -> None:
    made = index(("one two three four five",), ("six seven", "eight nine ten"))
    assert made.find(["one two three", "four five", "", "seven eight nine"]) == [Hit()] * 4
    assert made.find(["six seven", "eight nine ten"]) == [Hit(1, 0.5, "a.jsonl:2")] * 2


def test_short_texts_count_whole_and_the_shortest_only_together() -> None:
    rules = Rules(ngram=6, min_words=3, template_share=None)
    made = index(("who grinds rye",), ("rye", "oats barley"), ("no", "one"), rules=rules)
    assert made.files[0].unused == 1
    assert made.find(["Who grinds rye?"]) == [Hit(1, 1.0, "a.jsonl:1")]
    assert made.find(["rye, oats, barley"]) == [Hit(1, 1.0, "a.jsonl:2")]
    assert made.find(["oats barley", "no one"]) == [Hit()] * 2


def test_rows_of_numbers_are_no_evidence() -> None:
    made = index(("1 2 3 4 5 6 7 8",), ("ha ha ha ha ha ha",), ("mill rye oats corn",))
    assert made.files[0].unused == 2
    assert made.find(["9 8 7 6 5 4 3 2 1 ha ha ha ha ha"]) == [Hit()]


@pytest.mark.parametrize(("share", "kept"), [(0.5, False), (None, True), (1.0, True)])
def test_a_template_of_all_items_is_no_evidence(share: float | None, kept: bool) -> None:
    """Text in most items of a file says nothing of any; a passage of a few questions does."""
    names = [
        "rye",
        "oats",
        "barley",
        "wheat",
        "millet",
        "maize",
        "spelt",
        "emmer",
        "teff",
        "buckwheat",
        "sorghum",
        "rice",
    ]
    items = [(f"choose the right answer below {name} bran {name} meal",) for name in names]
    made = index(*items, rules=Rules(4, 2, share))
    (hit,) = made.find(["Choose the right answer below!"])
    assert (hit.ngrams, made.files[0].templates) == ((2, 0) if kept else (0, 2))
    assert made.find([items[5][0]])[0].share == 1.0
    few = index(*items[:FEW_ITEMS], rules=Rules(4, 2, share))
    assert few.find(["Choose the right answer below!"])[0].ngrams == 2


def test_a_file_of_nothing_but_templates_finds_nothing() -> None:
    made = index(*[("the same four words",)] * 20, rules=Rules(4, 2, 0.1))
    assert made.files[0].unused == 20
    assert made.find(["the same four words", ""]) == [Hit(), Hit()]


def test_groups_of_documents_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    vocabulary = [f"w{c}" for c in "abcdefgh"]
    draw = lambda n: " ".join(rng.choices(vocabulary, k=n))  # noqa: E731
    made = index(*[(draw(9),) for _ in range(30)])
    texts = [draw(rng.randrange(40)) for _ in range(50)]
    together = made.find(texts)
    assert any(hit.ngrams for hit in together)
    assert [made.find([text])[0] for text in texts] == together
    monkeypatch.setattr(eval_ngrams, "_GROUP_WORDS", 30)
    assert made.find(texts) == together


def test_a_long_document_costs_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten megabytes every word is hashed once, and hardly any n-gram is searched for."""
    rng = random.Random(1)
    vocabulary = ["w" + "".join(letters) for letters in product("abcdefghijklmnop", repeat=4)]
    text = " ".join(rng.choices(vocabulary, k=1_700_000)) + " " + PAGE
    assert len(text) > 10_000_000
    made = index(*[(" ".join(rng.choices(vocabulary, k=20)),) for _ in range(50)], (PAGE,))
    looked: list[int] = []
    look_up = eval_ngrams.look_up
    monkeypatch.setattr(
        eval_ngrams, "look_up", lambda x, known: looked.append(len(x)) or look_up(x, known)
    )
    assert made.find([text]) == [Hit(14, 1.0, "a.jsonl:51")]
    assert looked[0] < 150_000
    assert sum(looked[1:]) < 200
