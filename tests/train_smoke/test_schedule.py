import dataclasses

import pytest

from gristmill.train_smoke.schedule import lr_factor


def _curve(micro, **settings):
    config = dataclasses.replace(micro, steps=100, **settings)
    return [lr_factor(step, config) for step in range(100)]


def test_wsd_warms_up_holds_and_falls(micro):
    curve = _curve(micro, schedule="wsd", warmup_steps=10, decay_fraction=0.4)
    assert curve[0] == pytest.approx(0.1)
    assert curve[9:60] == [1.0] * 51
    assert curve[80] == pytest.approx(0.5)
    assert curve[99] == pytest.approx(1 / 40)


def test_cosine_ends_at_the_floor(micro):
    curve = _curve(micro, schedule="cosine", min_lr=0.1)
    assert curve[0] == pytest.approx(1.0)
    assert curve[50] == pytest.approx(0.55)
    assert 0.1 <= curve[99] < 0.102


def test_constant_stays(micro):
    assert set(_curve(micro, schedule="constant")) == {1.0}
