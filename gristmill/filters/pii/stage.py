"""The PII stage: replace personal data, or drop the texts that hold it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import AfterValidator, Field

from gristmill.filters.pii import card, email, iban, ip, national_id, phone
from gristmill.filters.pii.scan import until_stable
from gristmill.pipeline.stage import Judge, Map, with_columns

#: The kinds by name, in the order in which they are applied. What is longer and better proven
#: comes first: an e-mail address may hold an IP address, an IBAN a card number, an identity number
#: is of a telephone number's length. What one kind has taken the next ones do not see.
KINDS: Mapping[str, Callable[..., tuple[str, int]]] = {
    "email": email.replace,
    "ip": ip.replace,
    "iban": iban.replace,
    "card": card.replace,
    "national_id": national_id.replace,
    "phone": phone.replace,
}


def _one_of(known: Callable[[], Mapping[str, Any] | tuple[str, ...]]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in known():
            raise ValueError(f"should be one of {', '.join(known())}")
        return name

    return AfterValidator(check)


def _region(code: str) -> str:
    if not phone.is_region(code):
        raise ValueError("should be the ISO 3166 code of a country, like US or KR")
    return code


Kind = Annotated[str, _one_of(lambda: KINDS)]
Country = Annotated[str, _one_of(lambda: national_id.COUNTRIES)]
Region = Annotated[str, AfterValidator(_region)]


class Pii(Map):
    """Replace personal data in ``text`` by fixed placeholders and count it.

    ``action: drop`` leaves the text as it is and drops the document (``pii_found``).
    """

    version: ClassVar[int] = 2
    needs: ClassVar[tuple[str, ...]] = ("text",)

    kinds: Annotated[tuple[Kind, ...], Field(min_length=1)] = ("email", "ip")
    action: Literal["replace", "drop"] = "replace"
    regions: tuple[Region, ...] = ()  # whose national telephone numbers count; +NN ones always do
    id_countries: tuple[Country, ...] = national_id.COUNTRIES  # whose identity numbers count

    def adds(self) -> Mapping[str, pa.DataType]:
        """``text`` (when it is rewritten) and one count a kind."""
        text = {"text": pa.string()} if self.action == "replace" else {}
        return text | {f"pii.{kind}": pa.int32() for kind in self._ordered()}

    def __call__(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch with the counts and, unless texts are dropped, with clean text."""
        cleaned = [self.clean(text or "") for text in batch.column("text").to_pylist()]
        columns = {
            f"pii.{kind}": pa.array([counts[kind] for _, counts in cleaned], pa.int32())
            for kind in self._ordered()
        }
        if self.action == "replace":
            columns["text"] = pa.array([text for text, _ in cleaned], pa.string())
        return with_columns(batch, columns)

    def clean(self, text: str) -> tuple[str, dict[str, int]]:
        """Return one text with its personal data replaced, and the count of each kind.

        Replaced text can set free what was part of something longer, so a text in which
        something was found is read again.
        """
        counts = dict.fromkeys(self._ordered(), 0)

        def all_kinds(text: str) -> tuple[str, int]:
            before = sum(counts.values())
            for kind in counts:
                text, count = KINDS[kind](text, **self._parameters(kind))
                counts[kind] += count
            return text, sum(counts.values()) - before

        return until_stable(text, all_kinds)[0], counts

    def steps(self) -> tuple[Map | Judge, ...]:
        """Replace; or count, then judge."""
        return (self,) if self.action == "replace" else (self, PiiFound(kinds=self._ordered()))

    def _ordered(self) -> tuple[str, ...]:
        return tuple(kind for kind in KINDS if kind in self.kinds)

    def _parameters(self, kind: str) -> dict[str, tuple[str, ...]]:
        own = {"phone": {"regions": self.regions}, "national_id": {"countries": self.id_countries}}
        return own.get(kind, {})


class PiiFound(Judge):
    """Drop texts in which :class:`Pii` found something."""

    kinds: tuple[Kind, ...] = ("email", "ip")

    def reasons(self) -> tuple[str, ...]:
        """``pii_found``."""
        return ("pii_found",)

    def __call__(self, batch: pa.RecordBatch) -> pa.StringArray:
        """Return ``pii_found`` where any count is above zero."""
        found = pa.array([False] * batch.num_rows, pa.bool_())
        for kind in self.kinds:
            found = pc.or_(found, pc.greater(batch.column(f"pii.{kind}"), 0))
        return pc.if_else(found, pa.scalar("pii_found"), pa.scalar(None, pa.string()))
