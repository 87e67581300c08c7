import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gristmill.filters.pii.stage import KINDS, Pii
from gristmill.pipeline.schema import documents
from gristmill.pipeline.stage import apply
from gristmill.recipe import parse_recipe

ALL = Pii(kinds=tuple(KINDS), regions=("US", "KR", "DE", "FR", "JP", "GB"))
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
    with pytest.raises(ValidationError, match="one of email, ip, iban, card, national_id, phone"):
        Pii(kinds=("phones",))
    with pytest.raises(ValidationError):
        Pii(kinds=())


def test_parameters():
    text = "tel. 02-1234-5678, 202-555-0123; SSN 123-45-6789, CPF 529.982.247-25"
    stage = Pii(kinds=("phone", "national_id"), regions=("KR",), id_countries=("BR",))
    cleaned, counts = stage.clean(text)
    assert cleaned == "tel. [PHONE], 202-555-0123; SSN 123-45-6789, CPF [NATIONAL_ID]"
    assert counts == {"national_id": 1, "phone": 1}
    with pytest.raises(ValidationError, match="ISO 3166"):
        Pii(regions=("KOREA",))
    with pytest.raises(ValidationError, match="one of US, KR"):
        Pii(id_countries=("XX",))


def test_all_kinds_in_a_recipe():
    body = {"stages": [{"pii": {"kinds": list(KINDS), "regions": ["US", "KR"], "action": "drop"}}]}
    (stage,) = parse_recipe(body, "r.yaml").stages
    kept, rejected = apply(stage, documents(["clean 1234", "+1 202-555-0123", "4111111111111111"]))
    assert kept.num_rows == 1
    assert {f"pii.{kind}" for kind in KINDS} <= set(kept.schema.names)
    assert rejected["pii.phone"].to_pylist() == [1, 0]
    assert rejected["pii.card"].to_pylist() == [0, 1]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("+12025550123@site.org", "email"),  # not a telephone number
        ("x@[8.8.8.8]", "email"),
        ("IBAN DE89 3704 0044 0532 0130 00", "iban"),
        ("4111 1111 1111 1111", "card"),
        ("CPF 529.982.247-25", "national_id"),
        ("Tel. 8.8.8.8", "ip"),
    ],
)
def test_one_find_is_of_one_kind(text, kind):
    assert ALL.clean(text)[1] == dict.fromkeys(KINDS, 0) | {kind: 1}


def test_kinds_is_the_whole_registry(monkeypatch):
    """A new kind is a module and an entry: no other place lists them."""
    more = dict(KINDS) | {"corn": lambda text: (text.replace("corn", "[CORN]"), text.count("corn"))}
    monkeypatch.setattr("gristmill.filters.pii.stage.KINDS", more)
    kept, _ = apply(Pii(kinds=("corn",)), documents(["corn and rye"]))
    assert kept["text"].to_pylist() == ["[CORN] and rye"]
    assert kept["pii.corn"].to_pylist() == [1]


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


NUMBERS = [
    *(*PIECES, "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111", "SSN ", "123-45-6789"),
    *("+1 202-555-0123", "02-1234-5678", "Tel. ", "01 99 00 12 34", "/", "x", "日", "A" * 60),
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(NUMBERS), max_size=14).map("".join))
def test_twice_is_once_with_all_kinds(text):
    clean, _ = ALL.clean(text)
    assert ALL.clean(clean) == (clean, dict.fromkeys(KINDS, 0))


def test_replacing_sets_free_and_reads_again():
    """Too long to be a local part, until the telephone number in it is gone."""
    text = "A" * 60 + " (202)555-0123!b@site.org"
    clean, counts = ALL.clean(text)
    assert ALL.clean(clean)[0] == clean
    assert counts["email"] == 1
