import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gristmill.train_smoke.plot import loss_curve
from gristmill.train_smoke.result import TrainResult
from gristmill.train_smoke.run_page import run_page

RESULT = TrainResult(
    loss=2.5, val=2.75, bpb=1.25, uniform=5.5, unigram=3.0, steps=20, tokens=5120,
    unique_tokens=4000, windows=100, left_out="tail of 3 tokens", skipped_steps=1,
    parameters=12345, seconds=4.0, sample="the <b>end</b>", checkpoint=Path("m/step_00000020"),
)  # fmt: skip
RECORDS = [
    {"step": 1, "loss": 5.0},
    {"step": 10, "sample": "half & <script>alert(1)</script>"},
    {"step": 20, "loss": 2.5, "val": 2.75},
]
VOID = {"meta"}


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def page(micro):
    curve = loss_curve(RECORDS, baselines={"unigram": 3.0})
    return run_page(RESULT, micro, RECORDS, curve, title="mill & co")


def test_the_page_has_everything_and_escapes_it(page, micro):
    parser = Balanced()
    parser.feed(page)
    assert not parser.open
    text = "".join(parser.text)
    for part in ("mill & co", "2.7500", "1.2500", "5,120", "1,280 tokens/s", "tail of 3 tokens",
                 "half & <script>alert(1)</script>", "the <b>end</b>", "step 10", "step 20",
                 "no assistant", "unigram 3.00", "matrix_lr", str(micro.matrix_lr)):  # fmt: skip
        assert part in text, part
    assert "script" not in parser.seen
    assert "b" not in parser.seen
    assert page.count("<svg") == 1


def test_it_loads_nothing_and_has_two_colour_schemes(page):
    without_namespace = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(https?:)?//\w|\bsrc=|url\(|@import|<link", without_namespace)
    assert "prefers-color-scheme: dark" in page


def test_the_last_sample_is_shown_once(micro):
    again = [*RECORDS, {"step": 20, "sample": RESULT.sample}]
    page = run_page(RESULT, micro, again, loss_curve(RECORDS))
    assert page.count("the &lt;b&gt;end") == 1
