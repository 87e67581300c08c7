"""The ``shards`` block of a recipe: finished documents → shuffled, sharded token files.

Rounds: encode the documents, group by group; one global order; write every token file; one
``shards.json`` that describes them. Documents are never split between files.
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gristmill.pipeline import held_out
from gristmill.pipeline.rounds import Gather, Round, View
from gristmill.tokenize.describe_shards import DescribeShards
from gristmill.tokenize.encode_group import ENCODE, EncodeGroup
from gristmill.tokenize.formats import FORMATS
from gristmill.tokenize.plan_files import ORDER, OrderDocuments
from gristmill.tokenize.source import TokenizerSource
from gristmill.tokenize.write_shard import WriteShard


class TokenShards(BaseModel):
    """The parameters of the block."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str = Field("llmc", description=f"layout of the token files: {', '.join(FORMATS)}")
    target_tokens: int = Field(
        100_000_000,
        ge=1000,
        description="most tokens of a file, but for a longer document; nanogpt: a file a split",
    )
    val_fraction: float = Field(
        0.005, ge=0, lt=1, description="share of documents held out, duplicate clusters whole"
    )
    seed: int = Field(1, ge=0, lt=1 << 64, description="of the shuffle")
    dtype: Literal["auto", "uint16", "uint32"] = Field("auto", description="item type")
    copies: str | None = Field(
        "minhash_dedup.copies",
        description="column that says how often a document stands in train; null = each once",
    )
    cluster: str | None = Field(
        held_out.CLUSTER,
        description="column that names a document's duplicate cluster; null = equal texts only",
    )

    @field_validator("format")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FORMATS:
            raise ValueError(f"no such format; known: {', '.join(FORMATS)}")
        return name


class WriteTokens(Gather):
    """Encode, shuffle and write token files."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    config: TokenShards
    tokenizer: TokenizerSource

    def reads(self) -> tuple[str, ...]:
        """The text, and the columns that are named other than by default."""
        usual = TokenShards()
        named = (self.config.copies, self.config.cluster)
        return ("text", *(n for n in named if n not in (None, usual.copies, usual.cluster)))

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """Encode, order, write, describe."""
        ours = self.config
        encode = EncodeGroup(view, self.tokenizer, ours.seed, ours.copies, ours.cluster, ours.dtype)
        return (
            Round(ENCODE, encode),
            Round(ORDER, OrderDocuments(ours.format, ours.val_fraction, ours.target_tokens)),
            Round(f"{name}.write", WriteShard(ours.format)),
            Round(f"{name}.set", DescribeShards(ours.format, name, self.tokenizer)),
        )
