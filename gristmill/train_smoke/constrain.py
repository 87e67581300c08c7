"""Text that must match: a regular expression or a JSON schema, by the library llguidance.

At each step the tokens that could still lead to a match are known; the others get no probability.
The end-of-text token is among them exactly when the text so far matches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.vocab import Vocabulary


class Matcher:
    """Where one text stands in the grammar."""

    def __init__(self, matcher: Any, vocab_size: int) -> None:
        self._matcher, self._size = matcher, vocab_size

    def allowed(self) -> Tensor:
        """Which tokens may come next, bool (V,)."""
        mask = bytearray(self._matcher.compute_logit_bias())
        if self._matcher.is_error():
            raise ConfigError(f"the grammar is too complex ({_reason(self._matcher)}); simplify it")
        return torch.frombuffer(mask, dtype=torch.uint8)[: self._size] > 0

    def accept(self, token: int) -> bool:
        """Take a token; tell whether the text is complete and nothing can follow."""
        if not self._matcher.consume_token(token):
            raise ConfigError(f"the grammar refuses a token ({_reason(self._matcher)})")
        return bool(self._matcher.is_stopped())


@dataclass(frozen=True)
class Constraint:
    """A grammar compiled for a vocabulary; ``by_regex`` and ``by_schema`` make one."""

    tokenizer: Any
    grammar: str
    vocab_size: int

    def matcher(self) -> Matcher:
        """Start a text."""
        from llguidance import LLMatcher

        return Matcher(LLMatcher(self.tokenizer, self.grammar, log_level=0), self.vocab_size)


def by_regex(pattern: str, vocabulary: Vocabulary, eot: int) -> Constraint:
    """Let only texts pass that match a regular expression as a whole.

    Rust's syntax: no look-around, no back-references. Raises ConfigError as ``by_schema`` does.
    """
    matcher = _library().LLMatcher
    return _build(f"regex {pattern!r}", matcher.grammar_from_regex(pattern), vocabulary, eot)


def by_schema(schema: str, vocabulary: Vocabulary, eot: int) -> Constraint:
    """Let only JSON pass that a schema (JSON text) allows, without optional white space.

    Raises:
        ConfigError: llguidance is not installed, or it cannot read the schema.
    """
    matcher = _library().LLMatcher
    try:
        grammar = matcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False})
    except ValueError as error:
        raise ConfigError(f"JSON schema: {_one_line(str(error))}; mend the schema") from error
    return _build("JSON schema", grammar, vocabulary, eot)


def _build(name: str, grammar: str, vocabulary: Vocabulary, eot: int) -> Constraint:
    library = _library()
    tokenizer = library.LLTokenizer(library.TokenizerWrapper(_Tokens(vocabulary, eot)))
    if problem := library.LLMatcher.validate_grammar(grammar, tokenizer):
        raise ConfigError(f"{name}: {_one_line(problem)}; mend it")
    return Constraint(tokenizer, grammar, len(vocabulary))


class _Tokens:
    """A vocabulary as llguidance wants to see one."""

    def __init__(self, vocabulary: Vocabulary, eot: int) -> None:
        self.eos_token_id = eot
        self.bos_token_id = None
        self.tokens: Sequence[bytes] = vocabulary.token_bytes
        self.special_token_ids = sorted(vocabulary.special | {eot})
        self._by_byte = {raw: i for i, raw in enumerate(vocabulary.token_bytes) if len(raw) == 1}

    def __call__(self, text: bytes) -> list[int]:
        """Byte by byte: the library asks for tokens of forced text only, which is not used."""
        return [self._by_byte[bytes([byte])] for byte in text if bytes([byte]) in self._by_byte]


def _library() -> Any:
    try:
        import llguidance
    except ImportError as error:
        raise ConfigError(
            "constrained decoding needs llguidance: pip install 'gristmill[constrained]'"
        ) from error
    return llguidance


def _reason(matcher: Any) -> str:
    return _one_line(matcher.get_error()) or str(matcher.stop_reason())


def _one_line(text: str) -> str:
    return " ".join(text.split())
