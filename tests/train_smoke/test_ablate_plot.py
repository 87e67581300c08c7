"""The plot is one SVG with a row for each held-out set."""

import re
from xml.etree import ElementTree

from gristmill.train_smoke.ablate_plot import forest
from gristmill.train_smoke.ablate_result import AblationResult, SetResult
from gristmill.train_smoke.paired import Difference


def drawn(values, neutral=None, runs=2):
    sets = tuple(
        SetResult(
            f"set <{n}>", "neutral" if neutral else "A",
            Difference(2.0, 2.0 - v, v, (v,) * runs, 20, (v - 0.1, v + 0.1),
                       (v - 0.2, v + 0.2) if runs > 1 else None),
            10, 20, 0, 0,
        )
        for n, v in enumerate(values)
    )  # fmt: skip
    result = AblationResult(
        ("raw & co", "curated"), (9, 9), 9, 9, 1, 1, runs, 1, sets, neutral, (), {}, "t"
    )
    return ElementTree.fromstring(forest(result))  # noqa: S314 - our own


def of_class(svg, css):
    return [e for e in svg.iter() if e.get("class") == css]


def test_rows_bars_and_the_line_of_no_difference():
    svg = drawn([-0.3, 0.4])
    assert len(of_class(svg, "docs")) == len(of_class(svg, "runs")) == 2
    assert len(of_class(svg, "one")) == 4
    (zero,) = of_class(svg, "zero")
    means = [float(e.get("cx")) for e in of_class(svg, "mean")]
    assert means[0] < float(zero.get("x1")) < means[1]
    wide = [float(e.get("x2")) - float(e.get("x1")) for e in of_class(svg, "runs")]
    narrow = [float(e.get("x2")) - float(e.get("x1")) for e in of_class(svg, "docs")]
    assert all(w > n > 0 for w, n in zip(wide, narrow, strict=True))
    assert "set <0>" in "".join(svg.itertext())


def test_the_mean_of_neutral_sets_has_its_row():
    mean = Difference(2.0, 1.9, 0.1, (0.1,) * 2, 40, (0.0, 0.2), (0.0, 0.2))
    text = "".join(drawn([0.05, 0.15], mean).itertext())
    assert "neutral, mean of sets" in text
    assert "neutral, mean of sets" not in "".join(drawn([0.05], mean).itertext())


def test_no_interval_and_no_difference_still_make_a_plot():
    svg = drawn([0.0], runs=1)
    assert not of_class(svg, "runs")
    assert not re.search("nan|inf", ElementTree.tostring(svg, encoding="unicode"))
