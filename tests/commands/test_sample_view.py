"""Sampled text and next tokens in a terminal."""

from gristmill.commands.sample_view import bars, harmless


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert harmless("a\tb\nc\x1b[2Jd\x9b") == "a\tb\nc�[2Jd�"


def test_bars_are_as_long_as_they_are_likely() -> None:
    first, second, third = bars([(b" mill", 0.5), (b"\n", 0.25), (b"\xe2\x82", 0.0)])
    assert first == f"  50.00 %  {'█' * 40} ·mill"
    assert second == f"  25.00 %  {'█' * 20}{' ' * 20} ↵"
    assert third.endswith("⟨e2 82⟩")
    assert "█" not in third
