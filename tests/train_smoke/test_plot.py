import xml.etree.ElementTree as ET

import pytest

from gristmill.errors import ConfigError
from gristmill.train_smoke.plot import loss_curve, read_log

NS = "{http://www.w3.org/2000/svg}"


def test_draws_what_is_there():
    records = [{"step": s, "loss": 6 - s / 50} | ({"val": 5.0} if s % 50 == 0 else {})
               for s in range(0, 101, 10)]  # fmt: skip
    records.append({"step": 100, "sample": "words"})
    svg = ET.fromstring(loss_curve(records, baselines={"a <b": 6.5}, title="A & B"))  # noqa: S314
    lines = {line.get("class"): line for line in svg.iter(f"{NS}polyline")}
    assert len(lines["train"].get("points").split()) == 11
    assert len(lines["val"].get("points").split()) == len(list(svg.iter(f"{NS}circle"))) == 3
    ys = [float(pair.split(",")[1]) for pair in lines["train"].get("points").split()]
    assert ys == sorted(ys)  # a falling loss goes down the page
    assert any("a <b 6.50" in (text.text or "") for text in svg.iter(f"{NS}text"))
    assert "prefers-color-scheme: dark" in svg.find(f"{NS}style").text


def test_one_point_and_flat_lines_are_fine():
    ET.fromstring(loss_curve([{"step": 1, "loss": 2.0}]))  # noqa: S314


def test_nothing_to_plot(tmp_path):
    with pytest.raises(ConfigError, match="nothing to plot"):
        loss_curve([{"step": 1, "sample": ""}])
    with pytest.raises(ConfigError, match="train first"):
        read_log(tmp_path / "train.jsonl")
    (tmp_path / "bad").write_text('{"step": 1}\n{"st')
    with pytest.raises(ConfigError, match="line 2"):
        read_log(tmp_path / "bad")
