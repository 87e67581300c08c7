import math

import numpy as np
import pytest
import torch

from gristmill.train_smoke import evals
from gristmill.train_smoke.choices import Choice, Item
from gristmill.train_smoke.model import GPT
from gristmill.train_smoke.multiple_choice import score_items, split_tokens


def encode(texts):
    return [np.frombuffer(t.encode(), dtype=np.uint8).astype(np.int64) + 1 for t in texts]


def item(context, endings, gold):
    return Item(tuple(Choice(context, ending) for ending in endings), gold)


# Eight items of our own.
ITEMS = [
    item("The miller lifts the sack", ["onto the cart.", "into the moon.", "of blue."], 0),
    item("Water turns the wheel, so", ["the soup sings.", "the stone turns."], 1),
    item("", ["Bread is baked.", "Baked is of."], 0),
    item("She sells " + "flour and rye " * 6, ["at the market.", "a of."], 0),
    item("The cat sleeps", ["x" * 70, "on the warm oven."], 1),
    item("He shut the gate ", ["behind him.", "above soup."], 0),
    item("Rain fell all night;", ["the river was dry.", "the river rose."], 1),
    item("One bag, two", ["bags.", "moon.", "of.", "."], 0),
]


def test_a_model_that_knows_nothing_prefers_what_is_short(micro):
    """Uniform: cost is length, so the shortest ending wins by sum, the first one per token."""
    scored = score_items(GPT(micro, 257, 0).eval(), ITEMS, encode)
    shortest = sum(
        min(range(len(i.choices)), key=lambda c: len(i.choices[c].ending)) == i.gold for i in ITEMS
    )
    assert scored.items == 8
    assert scored.acc.share == shortest / 8
    assert scored.acc.stderr == pytest.approx(
        math.sqrt(scored.acc.share * (1 - scored.acc.share) / 7)
    )
    assert scored.chance == pytest.approx((6 / 2 + 1 / 3 + 1 / 4) / 8)


def test_nats_by_hand(model):
    """One row, no padding, no stride: the sum over the ending's tokens of -log p."""
    one = Item((Choice("ab", "cd"), Choice("ab", "e")), 0)
    ids = torch.tensor([[0, *(b + 1 for b in b"ab cd")]])
    with torch.inference_mode():
        logp = model(ids).double().log_softmax(-1)[0]
    wanted = -sum(float(logp[at, ids[0, at + 1]]) for at in (2, 3, 4))
    scored = score_items(model, [one], encode)
    assert scored.gold_bits_per_byte == pytest.approx(wanted / (math.log(2) * 3), rel=1e-5)
    assert scored.acc.stderr is None


def test_results_do_not_depend_on_the_batch(model, monkeypatch):
    together = score_items(model, ITEMS, encode)
    docs, firsts = split_tokens([c for i in ITEMS for c in i.choices], encode)
    nats = evals.document_nats(model, docs, firsts)
    monkeypatch.setattr(evals, "_EVAL_TOKENS", 1)
    assert evals._tokens_at_once(model) == 1
    assert evals.document_nats(model, docs, firsts) == pytest.approx(nats, rel=1e-5)
    alone = score_items(model, ITEMS, encode)
    assert alone.gold_bits_per_byte == pytest.approx(together.gold_bits_per_byte, rel=1e-5)
    assert alone.acc == together.acc


def test_an_ending_longer_than_the_context_counts_whole(micro):
    """Uniform model: nats are tokens × ln V, whatever the strides."""
    docs, firsts = split_tokens([Choice("The cat sleeps", "x" * 70)], encode)
    nats = evals.document_nats(GPT(micro, 257, 0).eval(), docs, firsts)
    assert nats == pytest.approx([71 * math.log(257)], rel=1e-5)


def test_the_split_keeps_the_space_with_the_ending():
    docs, firsts = split_tokens([Choice("ab ", "c"), Choice("ab", "c"), Choice("", "c")], encode)
    assert [len(d) for d in docs] == [4, 4, 1]
    assert firsts == [2, 2, 0]


def test_an_ending_that_the_context_swallows_keeps_one_token():
    def whole(texts):
        return [np.array([7]) for _ in texts]

    docs, firsts = split_tokens([Choice("a", "b")], whole)
    assert len(docs[0]) - firsts[0] == 1
