"""One tokenizer in every form that people load: HF tokenizers, transformers, tiktoken."""

import json
from collections.abc import Callable
from pathlib import Path

from gristmill.errors import ConfigError
from gristmill.pipeline.durable import write_durably
from gristmill.tokenize.ranks import Ranks, beside
from gristmill.tokenize.tokenizer_json import ranks_of

JSON = "tokenizer.json"
CONFIG = "tokenizer_config.json"
RANKS = "tokenizer.tiktoken"

#: Where to write a file of this name; called for each one.
Place = Callable[[str], Path]


def write_all(body: str, end_of_text: str | None, place: Place) -> str | None:
    """Write a tokenizer in all its forms.

    Args:
        body: text of the ``tokenizer.json``.
        end_of_text: the token that ends a text, for transformers.
        place: gives the path for a file name.

    Returns:
        None, or why there is no form for tiktoken.
    """
    path = write_json(body, end_of_text, place)
    try:
        ranks = ranks_of(path)
    except ConfigError as error:
        return str(error).replace(str(path), JSON)
    write_ranks(ranks, place)
    return None


def write_json(body: str, end_of_text: str | None, place: Place) -> Path:
    """Write ``tokenizer.json`` and what transformers wants beside it; return its path."""
    path = place(JSON)
    write_durably(path, body.encode())
    write_durably(place(CONFIG), transformers_config(body, end_of_text).encode())
    return path


def write_ranks(ranks: Ranks, place: Place) -> None:
    """Write tiktoken's two files."""
    place(beside(Path(RANKS)).name)  # every file has to be announced
    ranks.write(place(RANKS))


def transformers_config(body: str, end_of_text: str | None) -> str:
    """Return the ``tokenizer_config.json`` with which ``AutoTokenizer`` opens the folder."""
    names = [t["content"] for t in json.loads(body).get("added_tokens") or [] if t.get("special")]
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 10**30,  # transformers' own word for "no limit"
    }
    if end_of_text is not None:
        config |= {"bos_token": end_of_text, "eos_token": end_of_text}
    if others := [name for name in names if name != end_of_text]:
        config["additional_special_tokens"] = others
    return json.dumps(config, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
