"""Multiple-choice sets from local JSON lines.

Three schemas, told apart by their keys:

- HellaSwag's own: ``ctx``, ``endings``, ``label`` (Zellers et al. 2019);
- LLM-foundry's: ``query`` (or ``context``), ``choices``, ``gold``;
- LLM-foundry's for WinoGrande: ``context_options``, ``continuation``, ``gold``: what varies is the
  context, what is scored is the continuation (Trinh and Le 2018, "partial" evaluation).
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import ConfigError
from gristmill.tokenize.formats.regular import check_regular

#: LLM-foundry's ``continuation_delimiter`` and lm-evaluation-harness's prompt of ARC and PIQA.
_QUESTION, _ANSWER = "Question: ", "\nAnswer:"


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to go on: the text of ``ending`` is scored after ``context`` and a space."""

    context: str
    ending: str


@dataclass(frozen=True, slots=True)
class Item:
    """One question: at least two choices, of which ``gold`` is right."""

    choices: tuple[Choice, ...]
    gold: int


def read_items(path: Path, limit: int = 0) -> list[Item]:
    """Read a set.

    Args:
        path: ``.jsonl``, or ``.jsonl.gz``.
        limit: the first so many items; 0 = all.

    Raises:
        ConfigError: unreadable, no items, or a line of another schema; names file and line.
    """
    check_regular(path)
    items: list[Item] = []
    try:
        for number, line in enumerate(_lines(path), 1):
            if limit and len(items) == limit:
                break
            if line.strip():
                items.append(_item(line, f"{path}:{number}"))
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: cannot be read ({reason}); fetch the file again") from error
    if not items:
        raise ConfigError(f"{path}: no items; name a file with one JSON object a line")
    return items


def _lines(path: Path) -> Iterator[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        yield from file


def _item(line: str, where: str) -> Item:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: not JSON ({error}); mend or remove the line") from error
    if not isinstance(row, dict):
        raise ConfigError(f"{where}: not a JSON object; mend or remove the line")
    choices, gold = _choices(row, where)
    texts = [text for choice in choices for text in (choice.context, choice.ending)]
    if not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"{where}: contexts and endings must be text; mend or remove the line")
    if not all(choice.ending for choice in choices) or len(choices) < 2:
        raise ConfigError(
            f"{where}: needs at least two choices and no empty ones; mend or remove the line"
        )
    number = int(gold) if isinstance(gold, str) and gold.isascii() and gold.isdigit() else gold
    if type(number) is not int or not 0 <= number < len(choices):
        raise ConfigError(
            f"{where}: the right answer is {gold!r}, the choices are 0 to {len(choices) - 1}; "
            "mend or remove the line"
        )
    return Item(tuple(choices), number)


def _choices(row: dict[str, Any], where: str) -> tuple[list[Choice], Any]:
    match row:
        case {"ctx": context, "endings": list(endings), "label": gold}:
            return [Choice(context, ending) for ending in endings], gold
        case {"context_options": list(contexts), "continuation": ending, "gold": gold}:
            return [Choice(context, ending) for context in contexts], gold
        case {"query": context, "choices": list(endings), "gold": gold} | {
            "context": context,
            "choices": list(endings),
            "gold": gold,
        }:
            if isinstance(context, str) and context.startswith(_QUESTION):
                context += _ANSWER
            return [Choice(context, ending) for ending in endings], gold
    raise ConfigError(
        f"{where}: has keys {', '.join(map(str, row)) or '(none)'}; known are ctx + endings + "
        "label, query + choices + gold, and context_options + continuation + gold"
    )
