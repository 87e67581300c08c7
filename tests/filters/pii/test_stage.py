import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.filters.pii.stage import Pii
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import apply

TEXT = "write ann@site.org or ping 8.8.8.8"


def test_replace():
    kept, rejected = apply(Pii(), documents([TEXT, "nothing", None]))
    assert kept["text"].to_pylist() == ["write email@example.com or ping 192.0.2.1", "nothing", ""]
    assert kept["pii.email"].to_pylist() == [1, 0, 0]
    assert kept["pii.ip"].to_pylist() == [1, 0, 0]
    assert kept.schema.field("pii.ip").type == pa.int32()
    assert rejected.num_rows == 0


def test_drop():
    kept, rejected = apply(Pii(action="drop"), documents([TEXT, "nothing", None]))
    assert kept["text"].to_pylist() == ["nothing", None]
    assert rejected["text"].to_pylist() == [TEXT]
    assert rejected["reason"].to_pylist() == ["pii_found"]


def test_kinds():
    kept, _ = apply(Pii(kinds=("ip",)), documents([TEXT]))
    assert kept["text"].to_pylist() == ["write ann@site.org or ping 192.0.2.1"]
    assert "pii.email" not in kept.schema.names
    with pytest.raises(ValidationError):
        Pii(kinds=("phone",))
    with pytest.raises(ValidationError):
        Pii(kinds=())


def test_order_of_kinds_does_not_matter():
    batch = documents([TEXT, "x@8.8.8.8 y@[8.8.8.8]"])
    one = Pii(kinds=("ip", "email"))(batch).select(["text", "pii.email", "pii.ip"])
    assert one.equals(Pii()(batch).select(["text", "pii.email", "pii.ip"]))


PIECES = ["ann@site.org", "8.8.8.8", "@", ".", "-", " ", "a", "1", "[8.8.8.8]", "2606:4700::1", ":"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_twice_is_once(text):
    once = Pii()(documents([text]))
    twice = Pii()(once)
    assert twice["text"].equals(once["text"])
    assert twice["pii.email"].to_pylist() == twice["pii.ip"].to_pylist() == [0]
