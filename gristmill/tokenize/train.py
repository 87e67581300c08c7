"""Train a byte-level BPE tokenizer on a deterministic sample of the finished documents."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.byte_size import ByteSize
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Gather, Round, SingleTask, Tick, View
from gristmill.pipeline.shard import Draft
from gristmill.tokenize.exports import write_all
from gristmill.tokenize.formats.vocab import check_special
from gristmill.tokenize.hf_engine import unbroken
from gristmill.tokenize.patterns import PATTERNS
from gristmill.tokenize.sample import choose
from gristmill.tokenize.tokenizer_json import cut_like

#: Characters of a piece that training looks at in one: longer ones are cut. A merge takes the
#: square of a piece's length, and half a megabyte of one letter would take hours. The longest
#: token of cl100k_base has so many.
LONGEST_PIECE = 128

#: Characters of a text that training looks at in one: a regular expression may break down on a run
#: of 12 million spaces.
_AT_ONCE = 1_000_000

#: What someone writes who means a pattern by name.
_NAME = re.compile(r"[\w-]+")


class TrainBpe(Gather):
    """The ``tokenizer.train`` block: a vocabulary of bytes, merges and special tokens."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    vocab_size: int = Field(32768, ge=257, le=1_000_000, description="tokens, specials included")
    sample_bytes: ByteSize = Field(2 * 10**9, ge=1, description="text to train on; bounds memory")
    pattern: str = Field("gpt4", description=f"{', '.join(PATTERNS)}, or a regular expression")
    end_of_text: str = Field("<|endoftext|>", min_length=1, description="ends every text")
    special_tokens: tuple[str, ...] = Field((), description="more of them, such as <|user|>")
    seed: int = Field(1, ge=0, lt=1 << 64, description="of the sample")

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        if pattern in PATTERNS:
            return pattern
        if _NAME.fullmatch(pattern):  # as a regular expression it would match itself only
            raise ValueError(f"no such pattern; known: {', '.join(PATTERNS)}, or write your own")
        from tokenizers import Regex

        try:
            Regex(pattern)
        except Exception as error:  # tokenizers raises bare Exception
            raise ValueError(f"no regular expression, nor one of {', '.join(PATTERNS)}") from error
        return pattern

    @model_validator(mode="after")
    def _check_specials(self) -> Self:
        _check_names((self.end_of_text, *self.special_tokens), self.vocab_size)
        return self

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """One task: BPE training needs all counts in one place."""
        return (Round(name, TrainOnSample(self, view)),)


@dataclass(frozen=True)
class TrainOnSample(SingleTask):
    """Choose documents by the hash of their key until the sample is full, and train on them."""

    config: TrainBpe
    view: View

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write the tokenizer in all its forms."""
        config, folder = self.config, draft.folder
        chosen = choose(
            self.view,
            folder,
            config.sample_bytes,
            config.seed,
            lambda seen: tick({"docs_in": seen}),
        )
        docs = sum(self.view.docs_in(folder, k) for k in range(self.view.count(folder)))
        if not len(chosen.keys):
            raise ShardError(
                "tokenizer: no document is left to train on; see `gristmill report` for the "
                "stage that dropped them"
            )
        figures = {"docs": 0, "bytes": 0}

        def texts() -> Iterator[str]:
            for text in chosen.texts(self.view, folder):
                figures["docs"] += 1
                figures["bytes"] += len(text.encode("utf-8", "replace"))
                tick({"docs_in": figures["docs"]})
                yield text

        tokenizer = train_bpe(
            texts(), config.vocab_size, config.pattern, config.end_of_text, config.special_tokens
        )
        body = tokenizer.to_str(pretty=True) + "\n"
        draft.facts = {
            "vocab_size": tokenizer.get_vocab_size(),
            "sample_docs": figures["docs"],
            "sample_bytes": figures["bytes"],
            "no_tiktoken": write_all(body, config.end_of_text, draft.path),
        }
        draft.stages = [StageCount(name="tokenizer", docs_in=docs, docs_out=docs)]


def train_bpe(
    texts: Iterator[str],
    vocab_size: int,
    pattern: str = "gpt4",
    end_of_text: str = "<|endoftext|>",
    special_tokens: Sequence[str] = (),
) -> Any:
    """Train a byte-level BPE tokenizer.

    Ids: 0–255 the bytes, then merges in the order learnt, then ``end_of_text``, then the other
    special tokens. A small corpus may yield fewer merges than asked for. The same texts, in
    whatever order, give the same tokenizer for any number of threads.

    Args:
        texts: the sample; read once.
        vocab_size: tokens at most, the special ones included.
        pattern: a name of ``PATTERNS`` or a regular expression.
        end_of_text: the special token that ends a text.
        special_tokens: more special tokens.

    Returns:
        A ``tokenizers.Tokenizer``.

    Raises:
        ConfigError: the vocabulary cannot hold the 256 bytes and the special tokens, or one of
            these comes twice or is also an ordinary token.
        BrokenTextError: the pattern breaks down on a text.
    """
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

    specials = (end_of_text, *special_tokens)
    try:
        _check_names(specials, vocab_size)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    regex = PATTERNS.get(pattern, pattern)
    tokenizer = Tokenizer(models.BPE())
    cut_like(tokenizer, regex, LONGEST_PIECE)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(specials),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    pieces = (text[at : at + _AT_ONCE] for text in texts for at in range(0, len(text), _AT_ONCE))
    unbroken(lambda: tokenizer.train_from_iterator(pieces, trainer), "a text of the sample")
    cut_like(tokenizer, regex)
    numbered = [(name, tokenizer.get_vocab_size() + n) for n, name in enumerate(specials)]
    check_special("tokenizer", numbered, lambda text: tokenizer.token_to_id(text) is not None)
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    return tokenizer


def _check_names(specials: Sequence[str], vocab_size: int) -> None:
    """Raise ValueError where special tokens are empty, come twice or leave no room for bytes."""
    if not all(specials):
        raise ValueError("special_tokens: an empty one is none")
    if twice := [name for name in specials if specials.count(name) > 1]:
        raise ValueError(f"special token {twice[0]!r} comes twice (end_of_text is one of them)")
    least = 256 + len(specials)
    if vocab_size < least:
        raise ValueError(
            f"vocab_size {vocab_size}: must be at least {least} "
            f"(256 bytes and {len(specials)} special)"
        )
