"""One clock for this process and the children that work for it."""

from gristmill.pipeline.cpu import charge, cpu_seconds


def test_charged_time_counts() -> None:
    before = cpu_seconds()
    charge(100.0)
    assert cpu_seconds() - before >= 100.0
