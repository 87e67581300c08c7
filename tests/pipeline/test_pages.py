from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gristmill.pipeline.pages import clean_url, page_row
from gristmill.pipeline.records import Record


@given(st.text(max_size=60))
def test_user_info_never_survives(text: str) -> None:
    url = clean_url(f"http://someone:s3cr3t@{text}")
    assert url is None or "s3cr3t" not in url
    assert clean_url(text) is None or "://" in text


def test_damaged_records_that_are_no_documents_cost_no_document() -> None:
    flags: Counter[str] = Counter()
    record = Record(0, None, 0, {"warc-type": "metadata"}, problem="bad_warc_length")
    assert page_row(record, 1000, flags) is None
    assert flags == {"record:metadata": 1, "record_damaged:bad_warc_length": 1}


def test_unknown_types_are_lumped_together() -> None:
    flags: Counter[str] = Counter()
    for kind in ("x" * 999, "\x1b[31m", "response2"):
        assert page_row(Record(0, None, 0, {"warc-type": kind}), 1000, flags) is None
    assert flags == {"record:unknown": 3}
