"""Train a byte-level BPE tokenizer on a deterministic sample of the finished documents."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import Field, field_validator

from gristmill.errors import ConfigError, ShardError
from gristmill.pipeline.byte_size import ByteSize
from gristmill.pipeline.manifest import StageCount
from gristmill.pipeline.rounds import Gather, Round, Tick, View
from gristmill.pipeline.shard import Draft, RunFolder
from gristmill.tokenize.patterns import PATTERNS


class TrainBpe(Gather):
    """The ``tokenizer.train`` block: a vocabulary of bytes, merges and one special token."""

    needs: ClassVar[tuple[str, ...]] = ("text",)

    vocab_size: int = Field(32768, ge=257, le=1_000_000, description="tokens, the special included")
    sample_bytes: ByteSize = Field(2 * 10**9, ge=1, description="text to train on; bounds memory")
    pattern: str = Field("gpt4", description="gpt2, gpt4, or a regular expression of your own")
    end_of_text: str = Field("<|endoftext|>", min_length=1, description="the special token")
    seed: int = Field(1, ge=0, description="of the sample")

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        if pattern in PATTERNS:
            return pattern
        from tokenizers import Regex

        try:
            Regex(pattern)
        except Exception as error:  # tokenizers raises bare Exception
            raise ValueError(f"no regular expression, nor one of {', '.join(PATTERNS)}") from error
        return pattern

    def rounds(self, name: str, view: View) -> tuple[Round, ...]:
        """One task: BPE training needs all counts in one place."""
        return (Round(name, TrainOnSample(self, view)),)


@dataclass(frozen=True)
class TrainOnSample:
    """Choose documents by the hash of their key until the sample is full, and train on them."""

    config: TrainBpe
    view: View

    def count(self, folder: RunFolder) -> int:
        """One."""
        del folder
        return 1

    def __call__(self, draft: Draft, tick: Tick) -> None:
        """Write ``tokenizer.json``."""
        chosen = self._choose(draft.folder)
        if not len(chosen):
            raise ShardError(
                "tokenizer: no document is left to train on; see `gristmill report` for the "
                "stage that dropped them"
            )
        read = {"docs_in": 0}

        def texts() -> Iterator[str]:
            for text in self._texts(draft.folder, chosen):
                read["docs_in"] += 1
                tick(read)
                yield text

        tokenizer = train_bpe(
            texts(), self.config.vocab_size, self.config.pattern, self.config.end_of_text
        )
        size = tokenizer.get_vocab_size()
        draft.facts = {"vocab_size": size, "sample_docs": len(chosen)}
        docs = sum(self.view.docs_in(draft.folder, k) for k in range(self.view.count(draft.folder)))
        draft.stages = [StageCount(name="tokenizer", docs_in=docs, docs_out=docs)]
        draft.path("tokenizer.json").write_text(tokenizer.to_str(pretty=True) + "\n", "utf-8")

    def _choose(self, folder: RunFolder) -> Any:
        """Return the keys of the sample as a sorted array."""
        keys, sizes = [], []
        for task in range(self.view.count(folder)):
            for batch in self.view.batches(folder, task, ["text"], rows=1000):
                keys.append(batch.column("key").to_numpy())
                size = pc.fill_null(pc.binary_length(batch.column("text")), 0)
                sizes.append(size.to_numpy(zero_copy_only=False).astype(np.int64))
        if not keys:
            return np.zeros(0, np.uint64)
        all_keys, all_sizes = np.concatenate(keys), np.concatenate(sizes)
        ranks = np.array(
            [xxhash.xxh64_intdigest(k.tobytes(), self.config.seed) for k in all_keys], np.uint64
        )
        order = np.lexsort((all_keys, ranks))
        fits = np.cumsum(all_sizes[order]) <= self.config.sample_bytes
        fits[:1] = True  # one document is always taken, however large
        return np.sort(all_keys[order][fits])

    def _texts(self, folder: RunFolder, chosen: Any) -> Iterator[str]:
        wanted = pa.array(chosen, pa.uint64())
        for task in range(self.view.count(folder)):
            for batch in self.view.batches(folder, task, ["text"], rows=1000):
                hit = batch.filter(pc.is_in(batch.column("key"), value_set=wanted))
                yield from (text or "" for text in hit.column("text").to_pylist())


def train_bpe(
    texts: Iterator[str], vocab_size: int, pattern: str = "gpt4", end_of_text: str = "<|endoftext|>"
) -> Any:
    """Train a byte-level BPE tokenizer.

    Ids: 0–255 the bytes, then merges in the order learnt, last the special token. A small corpus
    may yield fewer merges than asked for.

    Args:
        texts: the sample, in a fixed order.
        vocab_size: tokens at most, the special one included.
        pattern: a name of ``PATTERNS`` or a regular expression.
        end_of_text: the special token.

    Returns:
        A ``tokenizers.Tokenizer``.

    Raises:
        ConfigError: the vocabulary cannot hold the 256 bytes and the special token, or the special
            token is also an ordinary one.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocab_size < 257:
        raise ConfigError(
            f"vocab_size {vocab_size}: must be at least 257 (256 bytes and one special)"
        )
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERNS.get(pattern, pattern)), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.token_to_id(end_of_text) is not None:
        raise ConfigError(
            f"end_of_text {end_of_text!r} is also an ordinary token of this vocabulary; choose one "
            "that no text contains, such as <|endoftext|>"
        )
    tokenizer.add_special_tokens([AddedToken(end_of_text, special=True, normalized=False)])
    return tokenizer
